/*
 * push.h
 *	  Files of pg_wal into the repositories, several at once and ahead of time.
 *
 * A pool of threads stores what is asked for, and looks ahead meanwhile: it
 * stores other files that the server has marked as ready, in the order in
 * which the archiver will ask for them, and keeps the results until then. So
 * the archiver, which asks for one file at a time, finds most of them done.
 *
 * Everything here is called from the main thread. The threads call nobody.
 */
#ifndef BK_JOB_PUSH_H
#define BK_JOB_PUSH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/walname.h"
#include "job/request.h"

/* So many files may be asked for and not answered. */
#define BK_PUSH_ASKED_MAX	64

/* Most files that are stored before they are asked for. */
#define BK_PUSH_AHEAD_MAX	64

typedef struct BkPush BkPush;

typedef struct BkPushAnswer
{
	char		name[BK_WAL_NAME_SIZE];
	bool		ok;				/* durable and confirmed; else see error */
	bool		held;			/* if not: at least one repository has it */
	bool		fresh;			/* it was not there before */
	uint64_t	size;			/* plain bytes */
	uint64_t	stored;			/* bytes in the repository */
	BkError		error;
} BkPushAnswer;

typedef struct BkPushProgress
{
	char		name[BK_WAL_NAME_SIZE];
	uint64_t	done;			/* bytes of work, up to twice the total */
	uint64_t	total;			/* size of the file, 0: not known yet */
} BkPushProgress;

/*
 * Start "jobs" threads of the request for the files of a folder, pg_wal, and
 * push at most so many of them ahead. The request must outlive it, and names
 * repository, system identifier and compression; the repository is opened
 * with the first file. NULL on failure.
 */
extern BkPush *bk_push_start(const BkRequest *request, const BkHost *host,
							 const char *folder, int ahead,
							 BkError *err);

/*
 * Ask for a file. Each ask has one answer: success, or an error, which ends
 * nothing else. False if too many are unanswered (54000).
 */
extern bool bk_push_ask(BkPush *push, const BkWalName *name, BkError *err);

/* A descriptor that can be read when there may be an answer. Borrowed. */
extern int	bk_push_descriptor(const BkPush *push);

/* Take the next answer; false if there is none. Never waits. */
extern bool bk_push_answer(BkPush *push, BkPushAnswer *answer);

/*
 * How far a file is that was asked for, by its index (from 0) among those
 * without an answer; false behind the last.
 */
extern bool bk_push_progress(BkPush *push, size_t index,
							 BkPushProgress *progress);

/*
 * Look ahead no more. False: some files are worked on still; the descriptor
 * tells when to look again.
 */
extern bool bk_push_settle(BkPush *push);

/*
 * Give up everything, and free it. A thread that does not end within so many
 * milliseconds is left alone, with all that it uses: a call of the kernel can
 * hang for as long as a store does. NULL is allowed.
 */
extern void bk_push_stop(BkPush *push, int milliseconds);

#endif
