/*
 * timeline.h
 *	  What WAL a repository has of a cluster: timelines, where each forks from
 *	  its parent, which segments are there, and which are missing.
 *
 * The map keeps ranges, not lists: it is small for any number of segments as
 * long as few are missing. Segments are counted here, position divided by
 * the size of a segment; positions are bytes. A range of positions ends
 * before its end.
 */
#ifndef BK_REPO_TIMELINE_H
#define BK_REPO_TIMELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/walname.h"
#include "repo/history.h"
#include "repo/repository.h"
#include "repo/wal.h"

/*
 * Segments that are missing between others: of one timeline, or of it and the
 * one that forks from it.
 */
typedef struct BkWalGap
{
	uint64_t	first;
	uint64_t	last;			/* included */
	int64_t		before;			/* when the segment before it was stored, 0: none */
} BkWalGap;

/* A name with two contents: nobody is served either of them. */
typedef struct BkWalConflict
{
	BkWalName	name;
	char	   *key;
	char	   *other_key;
} BkWalConflict;

typedef struct BkTimeline
{
	uint32_t	id;

	/*
	 * Where it comes from. Timeline 1 needs no history. Of another without
	 * one, nobody can tell what it is a continuation of.
	 */
	bool		has_history;
	char	   *history_problem;	/* why the one there is of no use, or NULL */
	BkHistory	history;
	uint32_t	parent;			/* 0: none or not known */
	uint64_t	switch_lsn;		/* where it leaves the parent */

	/* What there is of it. */
	uint64_t	first;			/* segment numbers; last < first: none */
	uint64_t	last;
	uint64_t	segment_count;
	int64_t		last_modified;	/* when the last one was stored, 0: none */
	BkWalGap   *gaps;			/* in order */
	size_t		gap_count;
	BkWalConflict *conflicts;	/* in order of the names */
	size_t		conflict_count;
} BkTimeline;

typedef struct BkWalMap
{
	uint32_t	segment_size;
	BkTimeline *timelines;		/* in order of their ids */
	size_t		count;

	/* What was added last. */
	char		name[BK_WAL_NAME_SIZE];
	char		digest[BK_DIGEST_HEX_SIZE];
	char		key[BK_KEY_SIZE];
} BkWalMap;

/*
 * Read the map of a cluster. Segment size 0: it is taken from the segments
 * themselves. A history that is damaged or in conflict is noted in its
 * timeline. NULL on failure.
 */
extern BkWalMap *bk_wal_map_read(BkRepository *repo,
								 const char *system_identifier,
								 uint32_t segment_size, BkError *err);

/* Free a map; NULL is allowed. */
extern void bk_wal_map_free(BkWalMap *map);

/*
 * The parts of reading: an empty map, what an archive has, in the order in
 * which bk_wal_walk() tells it, the text of each history, and at last what is
 * missing where timelines fork.
 */
extern BkWalMap *bk_wal_map_new(uint32_t segment_size, BkError *err);
extern bool bk_wal_map_add(BkWalMap *map, const BkWalName *name,
						   const BkWalFound *found, BkError *err);
extern bool bk_wal_map_add_history(BkWalMap *map, uint32_t timeline,
								   const char *text, size_t len,
								   BkError *err);
extern bool bk_wal_map_join(BkWalMap *map, BkError *err);

/* The timeline of this id, NULL if there is nothing of it. */
extern const BkTimeline *bk_wal_map_find(const BkWalMap *map, uint32_t id);

/*
 * Are all segments with bytes of from_lsn to to_lsn there, on this one
 * timeline, and none of them in conflict? If not, the name of the first one
 * that is not stands in "missing" (BK_WAL_NAME_SIZE, or NULL).
 */
extern bool bk_wal_map_covers(const BkWalMap *map, uint32_t timeline,
							  uint64_t from_lsn, uint64_t to_lsn,
							  char *missing);

/*
 * The position up to which one timeline's segments follow each other from the
 * one of from_lsn on; from_lsn itself if not even that is there.
 */
extern uint64_t bk_wal_map_reach(const BkWalMap *map, uint32_t timeline,
								 uint64_t from_lsn);

/* A part of a way through timelines. */
typedef struct BkWalStep
{
	uint32_t	timeline;
	uint64_t	from_lsn;
	uint64_t	to_lsn;			/* UINT64_MAX: as far as there is WAL */
} BkWalStep;

typedef struct BkWalPath
{
	BkWalStep  *steps;
	size_t		count;
} BkWalPath;

/*
 * The way from a position on one timeline to the end of itself or of a
 * descendant, each step with what recovery reads there. It takes the segment
 * in which a timeline forks from the newer one (XLogFileReadAnyTLI in
 * src/backend/access/transam/xlogrecovery.c), so steps meet at the beginnings
 * of segments. Errors: the target's history is not there or of no use (58P01,
 * XX001), it does not come from here (22023).
 */
extern bool bk_wal_map_path(const BkWalMap *map, uint32_t from,
							uint64_t from_lsn, uint32_t to, BkWalPath *path,
							BkError *err);

/* Give the memory back and leave an empty path. */
extern void bk_wal_path_free(BkWalPath *path);

/* The timeline that recovery follows where nobody names one. */
typedef struct BkWalLine
{
	uint32_t	timeline;
	bool		others;			/* it could go to others as well */
} BkWalLine;

/*
 * The line of a backup: it goes on with a child if that is the only one to
 * fork after the backup's stop, and the parent did not go on itself for a
 * whole segment; and so on. Where there is a choice it stays, and says so.
 */
extern BkWalLine bk_wal_map_default_line(const BkWalMap *map,
										 uint32_t timeline,
										 uint64_t stop_lsn);

/*
 * Append the tree of timelines, a line for each. A line that is followed by a
 * single child is not indented for it.
 */
extern void bk_wal_map_tree(const BkWalMap *map, BkBuf *text);

#endif
