/*
 * note.h
 *	  What was learnt about a backup after it was made.
 *
 * A verdict is a small file of its own beside the manifest, so that a rebuilt
 * catalogue knows it. The newest note decides.
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
} BkVerdict;

/* Write down a verdict: verified at this level, or bad and why (else NULL). */
extern bool bk_note_verdict(BkRepository *repo, const char *id,
							const char *level, const char *problem,
							BkError *err);

/* Read the newest verdict on a backup. */
extern bool bk_note_read(BkRepository *repo, const char *id,
						 BkVerdict *verdict, BkError *err);

#endif
