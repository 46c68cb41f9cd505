/*
 * inventory.c
 *	  Write and read the contents of a base backup.
 */
#include "job/inventory.h"

#include <string.h>

#include "core/digest.h"
#include "job/contents.h"

typedef struct Reading
{
	BkJson	  **head;
	BkInventoryVisit visit;
	void	   *arg;
} Reading;

static bool take_line(void *arg, const BkJson *json, bool head,
					  BkError *err);
static bool read_file(const BkJson *json, BkInventoryLine *line,
					  BkError *err);

static const char what[] = "a line of the contents";

bool
bk_inventory_write_head(BkWriter *writer, BkJson *head, BkError *err)
{
	bk_json_put_int(head, "format", 1);
	return bk_contents_write_line(writer, head, err);
}

bool
bk_inventory_write_line(BkWriter *writer, const BkInventoryLine *line,
						BkError *err)
{
	BkJson	   *json = bk_json_object();

	bk_json_put_string(json, "stream", line->stream);
	bk_contents_put_name(json, line->directory ? "directory" : "file", line->name);
	bk_json_put_int(json, "mode", line->mode);
	bk_json_put_int(json, "mtime", line->mtime);
	if (!line->directory)
	{
		bk_json_put_int(json, "size", (int64_t) line->size);
		bk_json_put_string(json, "sha256", line->sha256);
	}
	return bk_contents_write_line(writer, json, err);
}

bool
bk_inventory_read(BkReader *reader, BkJson **head, BkInventoryVisit visit,
				  void *arg, BkError *err)
{
	Reading		reading = {.head = head, .visit = visit, .arg = arg};

	if (head != NULL)
		*head = NULL;
	return bk_contents_read_lines(reader, take_line, &reading, err);
}

bool
bk_inventory_is_plain(const char *name)
{
	const char *at = name;
	size_t		len;

	do
	{
		len = strcspn(at, "/");
		if (len == 0 || (len == 1 && at[0] == '.') ||
			(len == 2 && at[0] == '.' && at[1] == '.'))
			return false;
		at += len;
	} while (*at++ == '/');
	return true;
}

static bool
take_line(void *arg, const BkJson *json, bool head, BkError *err)
{
	Reading    *reading = arg;
	char		room[BK_INVENTORY_NAME_SIZE];
	BkInventoryLine line = {0};
	int64_t		mode;

	if (head)
	{
		if (reading->head != NULL && (*reading->head = bk_json_copy(json)) == NULL)
			return bk_error_memory(err);
		return true;
	}
	line.name = bk_contents_get_name(json, "file", room, sizeof(room));
	if (line.name == NULL)
	{
		line.directory = true;
		line.name = bk_contents_get_name(json, "directory", room, sizeof(room));
	}
	if (line.name == NULL || strlen(line.name) >= BK_INVENTORY_NAME_SIZE ||
		!bk_inventory_is_plain(line.name))
		return bk_error(err, BK_STATE_CORRUPT,
						"a line of the contents has no valid name");
	if (!bk_json_need_string(json, "stream", what, &line.stream, err) ||
		!bk_json_need_int(json, "mode", what, &mode, err) ||
		!bk_json_need_int(json, "mtime", what, &line.mtime, err) ||
		(!line.directory && !read_file(json, &line, err)))
		return false;
	line.mode = (mode_t) mode & 07777;
	return reading->visit(reading->arg, &line, err);
}

static bool
read_file(const BkJson *json, BkInventoryLine *line, BkError *err)
{
	int64_t		size;

	if (!bk_json_need_int(json, "size", what, &size, err) ||
		!bk_json_need_string(json, "sha256", what, &line->sha256, err))
		return false;
	if (size < 0 || strlen(line->sha256) != BK_DIGEST_HEX_SIZE - 1)
		return bk_error(err, BK_STATE_CORRUPT,
						"the contents have no valid size and digest of \"%s\"",
						line->name);
	line->size = (uint64_t) size;
	return true;
}
