/*
 * note.h
 *	  What was learnt about a backup after it was made, and what is wanted of it.
 *
 * Each note is a small file of its own beside the manifest, so that a rebuilt
 * catalogue knows it. Of verdicts, and of pins, the newest decides.
 */
#ifndef BK_REPO_NOTE_H
#define BK_REPO_NOTE_H

#include <stdbool.h>
#include <stdint.h>

#include "repo/repository.h"

typedef struct BkVerdict
{
	bool		known;			/* was it ever verified? */
	bool		good;
	char		verified_at[32];
	char		level[16];		/* stored, readable */
	char		problem[512];	/* of a bad one */

	/* What is wanted, and what has become of it. */
	int64_t		pinned_until;	/* UTC seconds; 0: it is not pinned */
	int64_t		expired_at;		/* when it was last taken off the list; 0: never */
} BkVerdict;

/* It is pinned until somebody unpins it. */
#define BK_NOTE_FOREVER	INT64_MAX

/* Write down a verdict: verified at this level, or bad and why (else NULL). */
extern bool bk_note_verdict(BkRepository *repo, const char *id,
							const char *level, const char *problem,
							BkError *err);

/* Write down that it is kept until then, or with 0 that it is not any more. */
extern bool bk_note_pin(BkRepository *repo, const char *id, int64_t until,
						BkError *err);

/* Write down that retention takes it off the list now. */
extern bool bk_note_expired(BkRepository *repo, const char *id, int64_t now,
							BkError *err);

/* Read the newest verdict on a backup, and all else that is noted. */
extern bool bk_note_read(BkRepository *repo, const char *id,
						 BkVerdict *verdict, BkError *err);

#endif
