/*
 * scratch.h
 *	  Databases in the making: their names, and how to find those whose maker
 *	  died.
 */
#ifndef BK_JOB_SCRATCH_H
#define BK_JOB_SCRATCH_H

#include <stdbool.h>

#include "core/host.h"
#include "source/pg.h"

#define BK_SCRATCH_NAME_SIZE	64

/* <name>_restoring_<random>, the name cut so that 63 bytes are enough. */
extern bool bk_scratch_name(const char *name, char *scratch, BkError *err);

/* <name>_<time>, for a database that is kept. */
extern bool bk_scratch_dated_name(const char *name, char *dated, BkError *err);

/*
 * Let the session's name say which database it is going to create. To be
 * called before that: between its creation and its mark, nothing else tells
 * whose it is.
 */
extern bool bk_scratch_claim(BkPg *pg, const char *scratch, BkError *err);

/* Write into the database's comment which process makes it. */
extern bool bk_scratch_mark(BkPg *pg, const char *scratch, BkError *err);

/*
 * Drop databases that have the mark of a process that is certainly dead, and
 * still such a name; also those that were created and never marked.
 */
extern bool bk_scratch_clean(BkPg *pg, const BkHost *host, BkError *err);

#endif
