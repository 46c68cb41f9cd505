/*
 * archive.c
 *	  Parse pg_dump's custom format as it streams by.
 *
 * Memory is bounded by the number of tables: statements and rows are passed
 * over, only names of entries with data are kept.
 */
#include "source/archive.h"

#include <stdlib.h>
#include <string.h>

#define VERSION_OLDEST	14		/* 1.14 */
#define VERSION_NEWEST	16
#define FORMAT_CUSTOM	1

#define BLOCK_DATA		1
#define BLOCK_BLOBS		3

/* Names are at most 63 bytes; longer tags belong to entries without data. */
#define NAME_SIZE		256
/* More entries than this are a damaged count. */
#define ENTRY_MAX		100000000

/* COPY text ends in a line with backslash and dot, and two empty lines. */
static const char copy_end[] = "\\.\n\n\n";

#define COPY_END_SIZE	(sizeof(copy_end) - 1)
#define COPY_END_LINES	3

typedef struct Parser
{
	BkReader   *reader;
	BkArchiveForward forward;
	void	   *arg;
	BkArchive  *archive;
	int			minor;			/* of the format version */
	unsigned	int_size;
	unsigned	offset_size;

	char	   *buf;
	size_t		pos;
	size_t		len;
} Parser;

/* What is learnt from the bytes of one data block. */
typedef struct Tally
{
	uint64_t	bytes;
	uint64_t	lines;
	char		tail[COPY_END_SIZE];
} Tally;

static bool read_header(Parser *p, BkError *err);
static bool read_toc(Parser *p, BkError *err);
static bool read_entry(Parser *p, size_t *room, BkError *err);
static bool read_blocks(Parser *p, BkError *err);
static bool read_block(Parser *p, BkArchiveData *data, int type,
					   BkError *err);
static bool read_blobs(Parser *p, BkArchiveData *data, BkError *err);
static bool read_chunks(Parser *p, Tally *tally, BkError *err);
static bool require_all(const BkArchive *archive, BkError *err);
static void tally_add(Tally *tally, const char *bytes, size_t len);
static bool fill(Parser *p, bool *end, BkError *err);
static bool take(Parser *p, void *to, size_t len, BkError *err);
static bool skip(Parser *p, size_t len, BkError *err);
static bool take_int(Parser *p, int *value, BkError *err);
static bool take_string(Parser *p, char *to, bool *null, BkError *err);
static bool skip_strings(Parser *p, int count, BkError *err);
static int	compare_ids(const void *a, const void *b);
static bool corrupt(BkError *err, const char *detail);

BkArchive *
bk_archive_read(BkReader *reader, BkArchiveForward forward, void *arg,
				BkError *err)
{
	Parser		p = {.reader = reader, .forward = forward, .arg = arg};
	bool		ok;

	p.buf = malloc(BK_STREAM_BUFFER);
	p.archive = calloc(1, sizeof(BkArchive));
	ok = p.buf != NULL && p.archive != NULL;
	if (!ok)
		bk_error_memory(err);
	ok = ok &&
		read_header(&p, err) &&
		read_toc(&p, err) &&
		read_blocks(&p, err) &&
		require_all(p.archive, err);
	free(p.buf);
	if (ok)
		return p.archive;
	bk_archive_free(p.archive);
	return NULL;
}

void
bk_archive_free(BkArchive *archive)
{
	if (archive == NULL)
		return;
	for (size_t i = 0; i < archive->data_count; i++)
	{
		free(archive->data[i].schema);
		free(archive->data[i].name);
	}
	free(archive->data);
	free(archive->database);
	free(archive->server_version);
	free(archive);
}

static bool
read_header(Parser *p, BkError *err)
{
	unsigned char head[11];
	char		database[NAME_SIZE];
	char		server[NAME_SIZE];
	int			number;

	/* Magic, version, size of integers and offsets, format. */
	if (!take(p, head, sizeof(head), err))
		return false;
	if (memcmp(head, "PGDMP", 5) != 0)
		return corrupt(err, "It does not begin like a custom archive.");
	p->minor = head[6];
	p->int_size = head[8];
	p->offset_size = head[9];
	if (head[5] != 1 || p->minor < VERSION_OLDEST || p->minor > VERSION_NEWEST)
	{
		bk_error(err, BK_STATE_UNSUPPORTED,
				 "pg_dump wrote an archive of version %d.%d", head[5], head[6]);
		return bk_error_detail(err, "This program knows 1.%d to 1.%d.",
							   VERSION_OLDEST, VERSION_NEWEST);
	}
	if (head[10] != FORMAT_CUSTOM || p->int_size != 4 || p->offset_size != 8)
		return corrupt(err, "Its header has unexpected sizes.");

	/* Compression: a byte since 1.15, before that a level. */
	if (p->minor >= 15)
	{
		unsigned char method;

		if (!take(p, &method, 1, err))
			return false;
		number = method;
	}
	else if (!take_int(p, &number, err))
		return false;
	if (number != 0)
		return corrupt(err, "Its data is compressed by pg_dump.");

	/* Seven numbers of the time, then the names. */
	for (int i = 0; i < 7; i++)
	{
		if (!take_int(p, &number, err))
			return false;
	}
	if (!take_string(p, database, NULL, err) ||
		!take_string(p, server, NULL, err) ||
		!skip_strings(p, 1, err))
		return false;
	p->archive->database = strdup(database);
	p->archive->server_version = strdup(server);
	return (p->archive->database != NULL && p->archive->server_version != NULL) ||
		bk_error_memory(err);
}

static bool
read_toc(Parser *p, BkError *err)
{
	size_t		room = 0;

	if (!take_int(p, &p->archive->entry_count, err))
		return false;
	if (p->archive->entry_count < 0 || p->archive->entry_count > ENTRY_MAX)
		return corrupt(err, "Its table of contents has an impossible size.");
	for (int i = 0; i < p->archive->entry_count; i++)
	{
		if (!read_entry(p, &room, err))
			return false;
	}
	qsort(p->archive->data, p->archive->data_count, sizeof(BkArchiveData),
		  compare_ids);
	return true;
}

/* One entry, member after member in the order of WriteToc(). */
static bool
read_entry(Parser *p, size_t *room, BkError *err)
{
	BkArchive  *archive = p->archive;
	BkArchiveData *data;
	char		tag[NAME_SIZE];
	char		kind[NAME_SIZE];
	char		schema[NAME_SIZE];
	bool		no_schema;
	bool		more = true;
	int			id;
	int			has_data;
	int			ignored;

	if (!take_int(p, &id, err) || !take_int(p, &has_data, err) ||
		!skip_strings(p, 2, err) ||		/* catalog OIDs */
		!take_string(p, tag, NULL, err) ||
		!take_string(p, kind, NULL, err) ||
		!take_int(p, &ignored, err) ||	/* section */
		!skip_strings(p, 3, err) ||		/* statements */
		!take_string(p, schema, &no_schema, err) ||
		!skip_strings(p, 2, err) ||		/* tablespace, access method */
		(p->minor >= 16 && !take_int(p, &ignored, err)) ||	/* relkind */
		!skip_strings(p, 2, err))		/* owner, a relic of OIDs */
		return false;
	while (more)
	{
		bool		null;

		if (!take_string(p, NULL, &null, err))	/* dependencies */
			return false;
		more = !null;
	}
	if (!skip(p, 1 + p->offset_size, err))
		return false;
	if (has_data == 0)
		return true;

	if (archive->data_count == *room)
	{
		size_t		wanted = *room == 0 ? 64 : *room * 2;
		BkArchiveData *grown = realloc(archive->data,
									   wanted * sizeof(BkArchiveData));

		if (grown == NULL)
			return bk_error_memory(err);
		archive->data = grown;
		*room = wanted;
	}
	data = &archive->data[archive->data_count++];
	memset(data, 0, sizeof(*data));
	data->id = id;
	data->is_table = strcmp(kind, "TABLE DATA") == 0;
	data->name = strdup(tag);
	if (!no_schema)
		data->schema = strdup(schema);
	return (data->name != NULL && (no_schema || data->schema != NULL)) ||
		bk_error_memory(err);
}

static bool
read_blocks(Parser *p, BkError *err)
{
	for (;;)
	{
		BkArchiveData key;
		BkArchiveData *data;
		unsigned char type;
		bool		end = false;

		if (p->pos == p->len && !fill(p, &end, err))
			return false;
		if (end)
			return true;
		if (!take(p, &type, 1, err) || !take_int(p, &key.id, err))
			return false;
		data = p->archive->data_count == 0 ? NULL :
			bsearch(&key, p->archive->data, p->archive->data_count,
					sizeof(BkArchiveData), compare_ids);
		if (data == NULL || data->found)
			return corrupt(err, "It has a data block that its table of contents does not announce.");
		data->found = true;
		if (!read_block(p, data, type, err))
			return false;
	}
}

static bool
read_block(Parser *p, BkArchiveData *data, int type, BkError *err)
{
	Tally		tally = {0};

	if (type == BLOCK_BLOBS && !data->is_table)
		return read_blobs(p, data, err);
	if (type != BLOCK_DATA)
		return corrupt(err, "It has a data block of an unknown type.");
	if (!read_chunks(p, &tally, err))
		return false;
	if (tally.lines < COPY_END_LINES ||
		memcmp(tally.tail, copy_end, COPY_END_SIZE) != 0)
		return corrupt(err, "The data of a table does not end like COPY text.");
	data->rows = tally.lines - COPY_END_LINES;
	data->bytes = tally.bytes - COPY_END_SIZE;
	return true;
}

/* Large objects: OID and chunks, until OID 0. */
static bool
read_blobs(Parser *p, BkArchiveData *data, BkError *err)
{
	for (;;)
	{
		Tally		tally = {0};
		int			oid;

		if (!take_int(p, &oid, err))
			return false;
		if (oid == 0)
			return true;
		if (!read_chunks(p, &tally, err))
			return false;
		data->rows++;
		data->bytes += tally.bytes;
	}
}

/* Chunks of a length and that many bytes, until length 0. */
static bool
read_chunks(Parser *p, Tally *tally, BkError *err)
{
	for (;;)
	{
		int			left;

		if (!take_int(p, &left, err))
			return false;
		if (left == 0)
			return true;
		if (left < 0)
			return corrupt(err, "It has a chunk of negative length.");
		while (left > 0)
		{
			size_t		part = p->len - p->pos;

			if (part == 0)
			{
				bool		end;

				if (!fill(p, &end, err))
					return false;
				if (end)
					return corrupt(err, "It ends in the middle of a data block.");
				continue;
			}
			if (part > (size_t) left)
				part = (size_t) left;
			tally_add(tally, p->buf + p->pos, part);
			p->pos += part;
			left -= (int) part;
		}
	}
}

static bool
require_all(const BkArchive *archive, BkError *err)
{
	for (size_t i = 0; i < archive->data_count; i++)
	{
		const BkArchiveData *data = &archive->data[i];

		if (data->found)
			continue;
		corrupt(err, "");
		return bk_error_detail(err, "It ends before the data of \"%s\".",
							   data->name);
	}
	return true;
}

static void
tally_add(Tally *tally, const char *bytes, size_t len)
{
	const char *at = bytes;
	const char *end = bytes + len;
	size_t		keep = len < COPY_END_SIZE ? COPY_END_SIZE - len : 0;

	tally->bytes += len;
	while ((at = memchr(at, '\n', (size_t) (end - at))) != NULL)
	{
		tally->lines++;
		at++;
	}
	memmove(tally->tail, tally->tail + COPY_END_SIZE - keep, keep);
	memcpy(tally->tail + keep, end - (COPY_END_SIZE - keep),
		   COPY_END_SIZE - keep);
}

/* Get the next piece of the stream and pass it on. */
static bool
fill(Parser *p, bool *end, BkError *err)
{
	size_t		got;

	if (!bk_read(p->reader, p->buf, BK_STREAM_BUFFER, &got, err))
		return false;
	p->pos = 0;
	p->len = got;
	*end = got == 0;
	return got == 0 || p->forward == NULL ||
		p->forward(p->arg, p->buf, got, err);
}

/* Copy len bytes to "to", or drop them where it is NULL. */
static bool
take(Parser *p, void *to, size_t len, BkError *err)
{
	char	   *at = to;

	while (len > 0)
	{
		size_t		part = p->len - p->pos;
		bool		end;

		if (part == 0)
		{
			if (!fill(p, &end, err))
				return false;
			if (end)
				return corrupt(err, "It ends too early.");
			continue;
		}
		if (part > len)
			part = len;
		if (at != NULL)
		{
			memcpy(at, p->buf + p->pos, part);
			at += part;
		}
		p->pos += part;
		len -= part;
	}
	return true;
}

static bool
skip(Parser *p, size_t len, BkError *err)
{
	return take(p, NULL, len, err);
}

/* A sign and four bytes, the lowest first. */
static bool
take_int(Parser *p, int *value, BkError *err)
{
	unsigned char bytes[5];
	unsigned	number;

	if (!take(p, bytes, sizeof(bytes), err))
		return false;
	number = (unsigned) bytes[1] | (unsigned) bytes[2] << 8 |
		(unsigned) bytes[3] << 16 | (unsigned) bytes[4] << 24;
	*value = bytes[0] != 0 ? (int) (0U - number) : (int) number;
	return true;
}

/*
 * A string: its length and bytes, or a negative length for null. It is cut to
 * the room of a name; "to" NULL drops it.
 */
static bool
take_string(Parser *p, char *to, bool *null, BkError *err)
{
	int			len;
	size_t		keep;

	if (!take_int(p, &len, err))
		return false;
	if (null != NULL)
		*null = len < 0;
	if (len < 0)
		len = 0;
	if (to == NULL)
		return skip(p, (size_t) len, err);
	keep = len < NAME_SIZE ? (size_t) len : NAME_SIZE - 1;
	to[keep] = '\0';
	return take(p, to, keep, err) && skip(p, (size_t) len - keep, err);
}

static bool
skip_strings(Parser *p, int count, BkError *err)
{
	for (int i = 0; i < count; i++)
	{
		if (!take_string(p, NULL, NULL, err))
			return false;
	}
	return true;
}

static int
compare_ids(const void *a, const void *b)
{
	int			left = ((const BkArchiveData *) a)->id;
	int			right = ((const BkArchiveData *) b)->id;

	return (left > right) - (left < right);
}

static bool
corrupt(BkError *err, const char *detail)
{
	bk_error(err, BK_STATE_CORRUPT, "the archive of pg_dump is not whole");
	return bk_error_detail(err, "%s", detail);
}
