/*
 * contents.c
 *	  Write and read the detailed record of a backup.
 *
 * Names are bytes in the database's encoding. Such as are not valid UTF-8
 * cannot stand in JSON and are given in hexadecimal.
 */
#include "job/contents.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"

#define LINE_MAX_SIZE	(16 * 1024 * 1024)
#define NAME_SIZE		256

/* What is passed through the lines of a logical backup. */
typedef struct Reading
{
	BkJson	  **properties;
	BkContentsVisit visit;
	void	   *arg;
} Reading;

static BkJson *line_of(const BkArchiveData *data);
static bool take_line(void *arg, const BkJson *json, bool head,
					  BkError *err);
static bool parse_line(const char *text, size_t len, bool head,
					   BkContentsLineVisit visit, void *arg, BkError *err);

bool
bk_contents_write(BkWriter *writer, const BkJson *properties,
				  const BkArchive *archive, BkError *err)
{
	BkJson	   *head = bk_json_object();

	bk_json_put_int(head, "format", 1);
	bk_json_put(head, "properties", bk_json_copy(properties));
	if (!bk_contents_write_line(writer, head, err))
		return false;
	for (size_t i = 0; i < archive->data_count; i++)
	{
		if (!bk_contents_write_line(writer, line_of(&archive->data[i]), err))
			return false;
	}
	return true;
}

bool
bk_contents_read(BkReader *reader, BkJson **properties, BkContentsVisit visit,
				 void *arg, BkError *err)
{
	Reading		reading = {.properties = properties, .visit = visit, .arg = arg};

	if (properties != NULL)
		*properties = NULL;
	return bk_contents_read_lines(reader, take_line, &reading, err);
}

bool
bk_contents_read_lines(BkReader *reader, BkContentsLineVisit visit, void *arg,
					   BkError *err)
{
	char	   *chunk = malloc(BK_STREAM_BUFFER);
	bool		first = true;
	size_t		got = 1;
	bool		ok = chunk != NULL || bk_error_memory(err);
	BkBuf		line;

	bk_buf_init(&line);
	while (ok && got > 0)
	{
		const char *at = chunk;

		ok = bk_read(reader, chunk, BK_STREAM_BUFFER, &got, err);
		while (ok && at < chunk + got)
		{
			size_t		rest = (size_t) (chunk + got - at);
			const char *end = memchr(at, '\n', rest);

			bk_buf_append(&line, at, end == NULL ? rest : (size_t) (end - at));
			if (line.failed || line.len > LINE_MAX_SIZE)
				ok = bk_error(err, BK_STATE_CORRUPT, "a line of the contents is too long");
			if (end == NULL)
				break;
			ok = ok && parse_line(line.data, line.len, first, visit, arg, err);
			bk_buf_reset(&line);
			first = false;
			at = end + 1;
		}
	}
	if (ok && (first || line.len > 0))
		ok = bk_error(err, BK_STATE_CORRUPT, "the contents end too early");
	bk_buf_free(&line);
	free(chunk);
	return ok;
}

bool
bk_contents_write_line(BkWriter *writer, BkJson *json, BkError *err)
{
	char	   *text = bk_json_text(json, false);
	bool		ok;

	bk_json_free(json);
	if (text == NULL)
		return bk_error_memory(err);
	ok = bk_write(writer, text, strlen(text), err) &&
		bk_write(writer, "\n", 1, err);
	free(text);
	return ok;
}

static BkJson *
line_of(const BkArchiveData *data)
{
	BkJson	   *json = bk_json_object();

	if (data->is_table)
	{
		bk_contents_put_name(json, "schema", data->schema == NULL ? "" : data->schema);
		bk_contents_put_name(json, "table", data->name);
		bk_json_put_int(json, "rows", (int64_t) data->rows);
	}
	else
		bk_json_put_int(json, "large_objects", (int64_t) data->rows);
	bk_json_put_int(json, "bytes", (int64_t) data->bytes);
	return json;
}

void
bk_contents_put_name(BkJson *json, const char *key, const char *name)
{
	char		hex_key[32];
	BkBuf		hex;

	if (bk_json_is_utf8(name))
	{
		bk_json_put_string(json, key, name);
		return;
	}
	snprintf(hex_key, sizeof(hex_key), "%s_hex", key);
	bk_buf_init(&hex);
	for (const char *c = name; *c != '\0'; c++)
		bk_buf_printf(&hex, "%02x", (unsigned char) *c);
	bk_json_put_string(json, hex_key, hex.failed ? NULL : hex.data);
	bk_buf_free(&hex);
}

const char *
bk_contents_get_name(const BkJson *json, const char *key, char *room,
					 size_t size)
{
	const char *plain = bk_json_string(bk_json_get(json, key), NULL);
	char		hex_key[32];
	const char *hex;
	size_t		len = 0;
	unsigned	byte;

	if (plain != NULL)
		return plain;
	snprintf(hex_key, sizeof(hex_key), "%s_hex", key);
	hex = bk_json_string(bk_json_get(json, hex_key), NULL);
	if (hex == NULL)
		return NULL;
	while (len < size - 1 && sscanf(hex + 2 * len, "%2x", &byte) == 1)
		room[len++] = (char) byte;
	room[len] = '\0';
	return room;
}

/* A line of a logical backup. */
static bool
take_line(void *arg, const BkJson *json, bool head, BkError *err)
{
	Reading    *reading = arg;
	char		schema[NAME_SIZE];
	char		name[NAME_SIZE];
	BkContentsLine line;

	if (head)
	{
		if (reading->properties != NULL)
			*reading->properties = bk_json_copy(bk_json_get(json, "properties"));
		return true;
	}
	if (reading->visit == NULL)
		return true;
	line.schema = bk_contents_get_name(json, "schema", schema, sizeof(schema));
	line.name = bk_contents_get_name(json, "table", name, sizeof(name));
	line.rows = bk_json_int(bk_json_get(json, line.name != NULL
										? "rows" : "large_objects"), -1);
	return reading->visit(reading->arg, &line, err);
}

static bool
parse_line(const char *text, size_t len, bool head, BkContentsLineVisit visit,
		   void *arg, BkError *err)
{
	BkJson	   *json = bk_json_parse(text, len, "a line of the contents", err);
	bool		ok = json != NULL && visit(arg, json, head, err);

	bk_json_free(json);
	return ok;
}
