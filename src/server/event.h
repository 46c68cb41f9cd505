/*
 * event.h
 *	  What the program says, line by line, and what it means for the run.
 *	  src/PROTOCOL.md is the authority.
 */
#ifndef BK_SERVER_EVENT_H
#define BK_SERVER_EVENT_H

#include "lib/stringinfo.h"
#include "nodes/pg_list.h"

#include "server/shared.h"

/* What a run's program has said so far. Zero it, then call bk_report_init. */
typedef struct BkReport
{
	int			slot;
	const char *verb;
	const char *url;			/* of the repositories, as a list */
	TimestampTz since;			/* the program was started then, or later */
	List	   *listed;			/* URLs of those of which all was reported */
	bool		greeted;		/* "hello" has come */
	bool		ended;			/* "done" or "failed" has come */
	BkOutcome	outcome;		/* of "done" or "failed" */
	char		result[sizeof(((BkOutcome *) 0)->result)];
	int64		copied;			/* backups, to other repositories */
	int			check_count;
	StringInfoData checks;		/* members of a JSON array */
	int			decision_count;
	StringInfoData decisions;	/* likewise */
	MemoryContext line_context; /* emptied after each line */
} BkReport;

/* Prepares a report for the run in a slot; verb and url must outlive it. */
extern void bk_report_init(BkReport *report, int slot, const char *verb,
						   const char *url);

/*
 * Takes one line. Raises an error with SQLSTATE 08P01 for a line that the
 * protocol does not allow, and any error of the catalogue.
 */
extern void bk_report_take(BkReport *report, char *line, int length);

/*
 * Judges a run after its program has ended with a status as from waitpid.
 * "canceled": it was told to stop.
 */
extern void bk_report_conclude(BkReport *report, int status, bool canceled,
							   BkOutcome *outcome);

/* The "check" lines as JSON text for the run's row; NULL if there were none. */
extern char *bk_report_checks(BkReport *report);

#endif							/* BK_SERVER_EVENT_H */
