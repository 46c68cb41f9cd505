/*
 * walname.h
 *	  Names of WAL files, and positions in the WAL.
 *
 * PostgreSQL names them in src/include/access/xlog_internal.h: a segment is
 * 24 hexadecimal digits, eight each of timeline, log and segment; what else
 * is archived has a suffix. How many segments a log has depends on their
 * size, so a number that counts segments is only made of name and size.
 */
#ifndef BK_CORE_WALNAME_H
#define BK_CORE_WALNAME_H

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"

/* Room for every name (the longest has 40 characters), with its NUL. */
#define BK_WAL_NAME_SIZE	48

/* Room for a position as text, with its NUL. */
#define BK_LSN_SIZE			18

/* Sizes that a segment may have; they are powers of two. */
#define BK_WAL_SEGMENT_MIN	(1024 * 1024)
#define BK_WAL_SEGMENT_MAX	(1024 * 1024 * 1024)

typedef enum BkWalKind
{
	BK_WAL_SEGMENT,				/* 000000010000000000000003 */
	BK_WAL_PARTIAL,				/* 000000010000000000000003.partial */
	BK_WAL_BACKUP,				/* 000000010000000000000003.00000028.backup */
	BK_WAL_HISTORY				/* 00000002.history */
} BkWalKind;

typedef struct BkWalName
{
	BkWalKind	kind;
	uint32_t	timeline;		/* never 0 */
	uint64_t	number;			/* the 16 digits: log << 32 | segment; 0 for a history */
	char		text[BK_WAL_NAME_SIZE];
} BkWalName;

/*
 * Read a name, of exactly one of the four forms and in upper case. Anything
 * else, also with a folder before it, is an error (22023).
 */
extern bool bk_wal_name_parse(const char *text, BkWalName *name, BkError *err);

/* Is it a size that segments may have? */
extern bool bk_wal_segment_size_valid(uint64_t size);

/* The segment's position divided by the size of a segment. */
extern uint64_t bk_wal_segment_number(const BkWalName *name,
									  uint32_t segment_size);

/* The name of the segment of that number. */
extern void bk_wal_segment_name(uint32_t timeline, uint64_t segment_number,
								uint32_t segment_size,
								char text[BK_WAL_NAME_SIZE]);

/* Read and write a position as PostgreSQL shows it: 0/16B3748. */
extern bool bk_lsn_parse(const char *text, uint64_t *lsn);
extern void bk_lsn_format(uint64_t lsn, char text[BK_LSN_SIZE]);

#endif
