/*
 * segment.c
 *	  Check a file of pg_wal before it is archived.
 */
#include "source/segment.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define XLOG_PAGE_MAGIC_MASK	0xFF00
#define XLOG_PAGE_MAGIC			0xD100	/* the lower half is the version */
#define XLP_LONG_HEADER			0x0002

#define BACKUP_BEGINNING	"START WAL LOCATION: "

/* XLogLongPageHeaderData, in the byte order of the machine. */
typedef struct SegmentHeader
{
	uint16_t	magic;
	uint16_t	info;
	uint32_t	timeline;
	uint64_t	position;
	uint32_t	remaining;
	uint32_t	padding;
	uint64_t	system_identifier;
	uint32_t	segment_size;
	uint32_t	block_size;
} SegmentHeader;

static bool check_segment(const BkWalName *name,
						  const char *system_identifier, const void *head,
						  size_t len, uint64_t size, BkError *err);
static bool check_place(const BkWalName *name, const SegmentHeader *header,
						BkError *err);
static bool check_history(const BkWalName *name, const char *text, size_t len,
						  BkError *err);
static bool check_history_line(const BkWalName *name, const char *line,
							   uint32_t *last, BkError *err);
static bool refuse(const BkWalName *name, BkError *err);

bool
bk_segment_check(const BkWalName *name, const char *system_identifier,
				 const void *head, size_t len, uint64_t size, BkError *err)
{
	size_t		beginning = strlen(BACKUP_BEGINNING);

	if (size == 0)
	{
		refuse(name, err);
		return bk_error_detail(err, "The file is empty.");
	}
	if (name->kind == BK_WAL_HISTORY)
		return check_history(name, head, len, err);
	if (name->kind != BK_WAL_BACKUP)
		return check_segment(name, system_identifier, head, len, size, err);
	if (len >= beginning && memcmp(head, BACKUP_BEGINNING, beginning) == 0)
		return true;
	refuse(name, err);
	return bk_error_detail(err, "The file does not begin with \"" BACKUP_BEGINNING "\".");
}

static bool
check_segment(const BkWalName *name, const char *system_identifier,
			  const void *head, size_t len, uint64_t size, BkError *err)
{
	SegmentHeader header = {0};
	char		identifier[32];

	refuse(name, err);
	if (!bk_wal_segment_size_valid(size) || len < sizeof(header))
		return bk_error_detail(err, "The file has %" PRIu64 " bytes, which no segment has.",
							   size);
	memcpy(&header, head, sizeof(header));
	if ((header.magic & XLOG_PAGE_MAGIC_MASK) != XLOG_PAGE_MAGIC ||
		(header.info & XLP_LONG_HEADER) == 0)
		return bk_error_detail(err, "The file does not begin with the header of a segment (magic number %04X, flags %04X).",
							   header.magic, header.info);
	snprintf(identifier, sizeof(identifier), "%" PRIu64, header.system_identifier);
	if (strcmp(identifier, system_identifier) != 0)
	{
		bk_error(err, BK_STATE_WRONG_STATE,
				 "WAL file \"%s\" belongs to another cluster", name->text);
		return bk_error_detail(err, "Its system identifier is %s, that of this cluster is %s.",
							   identifier, system_identifier);
	}
	if (header.segment_size != size)
		return bk_error_detail(err, "The file has %" PRIu64 " bytes, its header says %" PRIu32 ".",
							   size, header.segment_size);
	return check_place(name, &header, err);
}

/* Position and timeline. A timeline begins with pages of the one before. */
static bool
check_place(const BkWalName *name, const SegmentHeader *header, BkError *err)
{
	uint32_t	segment = (uint32_t) name->number;
	uint64_t	expected = bk_wal_segment_number(name, header->segment_size) *
		header->segment_size;
	char		found[BK_LSN_SIZE];
	char		wanted[BK_LSN_SIZE];

	if (segment >= ((uint64_t) 1 << 32) / header->segment_size)
		return bk_error_detail(err, "With segments of %" PRIu32 " bytes no segment has this name.",
							   header->segment_size);
	if (header->position != expected)
	{
		bk_lsn_format(header->position, found);
		bk_lsn_format(expected, wanted);
		return bk_error_detail(err, "Its header is that of position %s, its name that of %s.",
							   found, wanted);
	}
	if (header->timeline == 0 || header->timeline > name->timeline)
		return bk_error_detail(err, "Its header is of timeline %" PRIu32 ", its name of %" PRIu32 ".",
							   header->timeline, name->timeline);
	return true;
}

/*
 * Lines of timeline, position and reason; the timelines rise, and are older
 * than the one in the name (src/backend/access/transam/timeline.c).
 */
static bool
check_history(const BkWalName *name, const char *text, size_t len,
			  BkError *err)
{
	char	   *copy = strndup(text, len);
	char	   *rest = copy;
	uint32_t	last = 0;
	bool		ok = copy != NULL;

	if (!ok)
		return bk_error_memory(err);
	if (strlen(copy) != len)
	{
		refuse(name, err);
		ok = bk_error_detail(err, "The file is not text.");
	}
	while (ok && rest != NULL)
	{
		char	   *line = strsep(&rest, "\n");

		ok = check_history_line(name, line, &last, err);
	}
	if (ok && last == 0)
	{
		refuse(name, err);
		ok = bk_error_detail(err, "The file names no timeline.");
	}
	free(copy);
	return ok;
}

static bool
check_history_line(const BkWalName *name, const char *line, uint32_t *last,
				   BkError *err)
{
	uint32_t	timeline;
	uint32_t	log;
	uint32_t	offset;

	line += strspn(line, " \t\r");
	if (*line == '\0' || *line == '#')
		return true;
	if (sscanf(line, "%" SCNu32 "\t%" SCNx32 "/%" SCNx32, &timeline, &log, &offset) == 3 &&
		timeline > *last && timeline < name->timeline)
	{
		*last = timeline;
		return true;
	}
	refuse(name, err);
	return bk_error_detail(err, "It has the line \"%.100s\", which does not belong into the history of timeline %" PRIu32 ".",
						   line, name->timeline);
}

/* The reason follows, as detail. */
static bool
refuse(const BkWalName *name, BkError *err)
{
	return bk_error(err, BK_STATE_CORRUPT, "\"%s\" is not the WAL file that its name says",
					name->text);
}
