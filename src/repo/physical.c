/*
 * physical.c
 *	  Check what the manifest of a base backup says.
 */
#include "repo/physical.h"

#include <stdlib.h>
#include <string.h>

/* Sizes of a page that PostgreSQL can be built with; each is a power of two. */
#define BLOCK_MIN	1024
#define BLOCK_MAX	32768

static bool read_positions(const BkJson *json, BkPhysical *physical,
						   BkError *err);
static bool read_position(const BkJson *json, const char *key, uint64_t *lsn,
						  BkError *err);
static bool check_segment(const BkJson *json, const char *key,
						  const BkPhysical *physical, uint64_t number,
						  BkWalName *name, BkError *err);
static bool read_size(const BkJson *json, const char *key, uint32_t *size,
					  BkError *err);
static bool read_tablespaces(const BkJson *list, BkPhysical *physical,
							 BkError *err);
static bool invalid(const char *key, BkError *err);

static const char what[] = "the manifest";

bool
bk_physical_read(const BkJson *json, BkPhysical *physical, BkError *err)
{
	const BkJson *checksums = bk_json_get(json, "data_checksums");

	memset(physical, 0, sizeof(*physical));
	if (!bk_json_need_string(json, "data_directory", what,
							 &physical->data_directory, err) ||
		!bk_json_need_int(json, "corrupt_pages", what,
						  &physical->corrupt_pages, err) ||
		!read_size(json, "block_size", &physical->block_size, err) ||
		!read_size(json, "segment_blocks", &physical->segment_blocks, err) ||
		!read_size(json, "wal_segment_size", &physical->wal_segment_size, err))
		return false;
	if (!bk_json_is_bool(checksums))
		return invalid("data_checksums", err);
	physical->data_checksums = bk_json_bool(checksums, false);
	if (physical->corrupt_pages < 0)
		return invalid("corrupt_pages", err);
	if (physical->block_size < BLOCK_MIN || physical->block_size > BLOCK_MAX ||
		(physical->block_size & (physical->block_size - 1)) != 0)
		return invalid("block_size", err);
	return read_positions(json, physical, err) &&
		read_tablespaces(bk_json_get(json, "tablespaces"), physical, err);
}

void
bk_physical_free(BkPhysical *physical)
{
	free(physical->tablespaces);
	physical->tablespaces = NULL;
}

static bool
read_positions(const BkJson *json, BkPhysical *physical, BkError *err)
{
	uint32_t	size = physical->wal_segment_size;
	int64_t		timeline;

	if (!bk_json_need_int(json, "timeline", what, &timeline, err) ||
		!read_position(json, "start_lsn", &physical->start_lsn, err) ||
		!read_position(json, "stop_lsn", &physical->stop_lsn, err))
		return false;
	if (timeline < 1 || timeline > UINT32_MAX)
		return invalid("timeline", err);
	physical->timeline = (uint32_t) timeline;
	if (physical->start_lsn == 0 || physical->stop_lsn <= physical->start_lsn)
		return invalid("stop_lsn", err);
	if (!bk_wal_segment_size_valid(size))
		return invalid("wal_segment_size", err);
	/* The last byte that is needed stands before the stop. */
	return check_segment(json, "start_wal", physical, physical->start_lsn / size,
						 &physical->start_wal, err) &&
		check_segment(json, "stop_wal", physical, (physical->stop_lsn - 1) / size,
					  &physical->stop_wal, err);
}

static bool
read_position(const BkJson *json, const char *key, uint64_t *lsn,
			  BkError *err)
{
	const char *text;

	return bk_json_need_string(json, key, what, &text, err) &&
		(bk_lsn_parse(text, lsn) || invalid(key, err));
}

/* The name must be the one that follows from timeline and position. */
static bool
check_segment(const BkJson *json, const char *key, const BkPhysical *physical,
			  uint64_t number, BkWalName *name, BkError *err)
{
	char		expected[BK_WAL_NAME_SIZE];
	const char *text;

	if (!bk_json_need_string(json, key, what, &text, err))
		return false;
	bk_wal_segment_name(physical->timeline, number, physical->wal_segment_size,
						expected);
	if (strcmp(text, expected) != 0)
		return invalid(key, err);
	return bk_wal_name_parse(text, name, err);
}

static bool
read_size(const BkJson *json, const char *key, uint32_t *size, BkError *err)
{
	int64_t		value;

	if (!bk_json_need_int(json, key, what, &value, err))
		return false;
	if (value < 1 || value > UINT32_MAX)
		return invalid(key, err);
	*size = (uint32_t) value;
	return true;
}

static bool
read_tablespaces(const BkJson *list, BkPhysical *physical, BkError *err)
{
	size_t		count = bk_json_length(list);

	if (!bk_json_is_array(list))
		return invalid("tablespaces", err);
	if (count == 0)
		return true;
	physical->tablespaces = calloc(count, sizeof(BkTablespace));
	if (physical->tablespaces == NULL)
		return bk_error_memory(err);
	physical->tablespace_count = count;
	for (size_t i = 0; i < count; i++)
	{
		const BkJson *item = bk_json_at(list, i);
		int64_t		oid = bk_json_int(bk_json_get(item, "oid"), 0);
		const char *location = bk_json_string(bk_json_get(item, "location"), "");

		if (oid < 1 || oid > UINT32_MAX || location[0] != '/')
			return invalid("tablespaces", err);
		physical->tablespaces[i].oid = (uint32_t) oid;
		physical->tablespaces[i].location = location;
		for (size_t j = 0; j < i; j++)
		{
			if (physical->tablespaces[j].oid == physical->tablespaces[i].oid)
				return invalid("tablespaces", err);
		}
	}
	return true;
}

static bool
invalid(const char *key, BkError *err)
{
	return bk_error(err, BK_STATE_CORRUPT,
					"the manifest has an invalid \"%s\"", key);
}
