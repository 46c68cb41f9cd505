/*
 * report.h
 *	  The command line as a host: records, progress and errors for people.
 */
#ifndef BK_CLI_REPORT_H
#define BK_CLI_REPORT_H

#include <stdbool.h>

#include "core/host.h"

typedef struct BkReport
{
	bool		json;			/* records as JSON, one per line */
	bool		nagios;			/* the status in one line */
	bool		terminal;		/* standard error is one: show progress */
	bool		progress_shown;
	int64_t		next_progress;
	int			listed;			/* backups printed so far */
	bool		bad;			/* a check was not ok */
	int			status;			/* exit status if nothing fails */
} BkReport;

/* A host that prints; the report must outlive it. */
extern BkHost bk_report_host(BkReport *report);

/* End the progress line, if there is one. */
extern void bk_report_end(BkReport *report);

/* Print an error record. */
extern void bk_report_error(BkReport *report, const BkError *err);

#endif
