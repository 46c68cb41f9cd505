/*
 * walname.c
 *	  Read and write names of WAL files and positions.
 */
#include "core/walname.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define LOG_SIZE	((uint64_t) 1 << 32)	/* bytes of WAL per log */

static const char *take_hex(const char *text, uint32_t *value);
static bool take_name(const char *text, BkWalName *name);

bool
bk_wal_name_parse(const char *text, BkWalName *name, BkError *err)
{
	*name = (BkWalName) {0};
	if (strlen(text) < sizeof(name->text) && take_name(text, name) &&
		name->timeline != 0)
	{
		snprintf(name->text, sizeof(name->text), "%s", text);
		return true;
	}
	bk_error(err, BK_STATE_BAD_ARGUMENT, "\"%.100s\" is not the name of a WAL file",
			 text);
	return bk_error_detail(err, "Names are such as 000000010000000000000003, the same with .partial or .00000028.backup behind it, and 00000002.history.");
}

bool
bk_wal_segment_size_valid(uint64_t size)
{
	return size >= BK_WAL_SEGMENT_MIN && size <= BK_WAL_SEGMENT_MAX &&
		(size & (size - 1)) == 0;
}

uint64_t
bk_wal_segment_number(const BkWalName *name, uint32_t segment_size)
{
	return (name->number >> 32) * (LOG_SIZE / segment_size) +
		(name->number & UINT32_MAX);
}

void
bk_wal_segment_name(uint32_t timeline, uint64_t segment_number,
					uint32_t segment_size, char text[BK_WAL_NAME_SIZE])
{
	uint64_t	per_log = LOG_SIZE / segment_size;

	snprintf(text, BK_WAL_NAME_SIZE, "%08X%08X%08X", timeline,
			 (uint32_t) (segment_number / per_log),
			 (uint32_t) (segment_number % per_log));
}

/* One to eight digits on each side, upper or lower case. */
bool
bk_lsn_parse(const char *text, uint64_t *lsn)
{
	static const char digits[] = "0123456789abcdefABCDEF";
	size_t		high = strspn(text, digits);
	size_t		low;
	uint32_t	log;
	uint32_t	offset;

	if (high < 1 || high > 8 || text[high] != '/')
		return false;
	low = strspn(text + high + 1, digits);
	if (low < 1 || low > 8 || text[high + 1 + low] != '\0' ||
		sscanf(text, "%" SCNx32 "/%" SCNx32, &log, &offset) != 2)
		return false;
	*lsn = (uint64_t) log << 32 | offset;
	return true;
}

void
bk_lsn_format(uint64_t lsn, char text[BK_LSN_SIZE])
{
	snprintf(text, BK_LSN_SIZE, "%X/%X", (uint32_t) (lsn >> 32), (uint32_t) lsn);
}

/* Eight digits; returns what follows, or NULL. */
static const char *
take_hex(const char *text, uint32_t *value)
{
	*value = 0;
	for (int i = 0; i < 8; i++)
	{
		static const char digits[] = "0123456789ABCDEF";
		const char *digit = text[i] == '\0' ? NULL : strchr(digits, text[i]);

		if (digit == NULL)
			return NULL;
		*value = *value << 4 | (uint32_t) (digit - digits);
	}
	return text + 8;
}

static bool
take_name(const char *text, BkWalName *name)
{
	const char *rest = take_hex(text, &name->timeline);
	uint32_t	log;
	uint32_t	segment;
	uint32_t	offset;

	if (rest == NULL)
		return false;
	name->kind = BK_WAL_HISTORY;
	if (strcmp(rest, ".history") == 0)
		return true;
	if ((rest = take_hex(rest, &log)) == NULL ||
		(rest = take_hex(rest, &segment)) == NULL)
		return false;
	name->number = (uint64_t) log << 32 | segment;
	name->kind = BK_WAL_SEGMENT;
	if (*rest == '\0')
		return true;
	name->kind = BK_WAL_PARTIAL;
	if (strcmp(rest, ".partial") == 0)
		return true;
	name->kind = BK_WAL_BACKUP;
	return *rest == '.' && (rest = take_hex(rest + 1, &offset)) != NULL &&
		strcmp(rest, ".backup") == 0;
}
