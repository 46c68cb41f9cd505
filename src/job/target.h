/*
 * target.h
 *	  How far to recover, read from a request.
 *
 * PostgreSQL docs, "Recovery Target". A time must carry its zone: recovery
 * runs with the server's time zone, which need not be the one that the person
 * who asks has in mind.
 */
#ifndef BK_JOB_TARGET_H
#define BK_JOB_TARGET_H

#include <stdbool.h>
#include <stdint.h>

#include "job/request.h"

#define BK_TARGET_TEXT_SIZE	80

typedef enum BkTargetKind
{
	BK_TARGET_LATEST,			/* all WAL there is */
	BK_TARGET_IMMEDIATE,		/* as soon as the backup is consistent */
	BK_TARGET_TIME,
	BK_TARGET_LSN,
	BK_TARGET_NAME,				/* of a restore point */
	BK_TARGET_XID
} BkTargetKind;

typedef enum BkTargetLine
{
	BK_LINE_DEFAULT,			/* what the backup's timeline goes on with */
	BK_LINE_CURRENT,			/* the backup's timeline and no other */
	BK_LINE_LATEST,				/* the newest that comes from it */
	BK_LINE_NUMBER
} BkTargetLine;

typedef struct BkTarget
{
	BkTargetKind kind;
	int64_t		time;			/* seconds since 1970, fractions cut off */
	uint64_t	lsn;			/* of a position; of a known restore point */
	bool		has_lsn;		/* is lsn to be reached? */
	bool		exclusive;		/* stop before it, not behind it */
	BkTargetLine line;
	uint32_t	timeline;		/* with BK_LINE_NUMBER */
	char		value[BK_TARGET_TEXT_SIZE]; /* as recovery_target_* takes it */
} BkTarget;

/*
 * Read and check all target_* arguments. Errors (22023): two targets, a time
 * without a zone, texts that are none.
 */
extern bool bk_target_read(const BkRequest *request, BkTarget *target,
						   BkError *err);

/* Name of the setting that takes the value; NULL for the latest. */
extern const char *bk_target_setting(const BkTarget *target);

/* The target in words, for people. */
extern void bk_target_words(const BkTarget *target, char *words, size_t size);

/*
 * Read a time with its zone, as 2026-11-21 10:15:00.25+01 or with a "T" and a
 * "Z". "utc" is the same time as recovery_target_time takes it.
 */
extern bool bk_target_parse_time(const char *text, int64_t *seconds,
								 char utc[BK_TARGET_TEXT_SIZE], BkError *err);

#endif
