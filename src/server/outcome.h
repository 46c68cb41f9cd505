/*
 * outcome.h
 *	  How a run ended, as a plain value: it travels through shared memory from
 *	  the worker or the launcher to the caller, and into the run's row.
 */
#ifndef BK_SERVER_OUTCOME_H
#define BK_SERVER_OUTCOME_H

#include "utils/elog.h"

/* Nothing was to be done, and that is no failure (PROTOCOL.md). */
#define BK_ERRCODE_SKIPPED MAKE_SQLSTATE('5', '5', 'S', '0', '1')

typedef struct BkOutcome
{
	bool		ok;
	char		sqlstate[6];	/* five characters; empty when ok */
	char		message[1024];
	char		detail[2048];	/* empty if there is none, as is hint */
	char		hint[1024];
	char		result[256];	/* what a good run returns, as text */
} BkOutcome;

/* Copies text into a field of size bytes and cuts only between characters. */
extern void bk_text_copy(char *field, Size size, const char *text);

/* Sets a good outcome; result may be NULL. */
extern void bk_outcome_succeed(BkOutcome *outcome, const char *result);

/* Sets a failure with its message; detail and hint are empty afterwards. */
extern void bk_outcome_fail(BkOutcome *outcome, int sqlerrcode,
							const char *format,...) pg_attribute_printf(3, 4);

/* Adds facts to a failure. */
extern void bk_outcome_detail(BkOutcome *outcome,
							  const char *format,...) pg_attribute_printf(2, 3);

/* Adds what to do to a failure. */
extern void bk_outcome_hint(BkOutcome *outcome,
							const char *format,...) pg_attribute_printf(2, 3);

/* Sets a failure from the five characters and texts that the program sent. */
extern void bk_outcome_from_program(BkOutcome *outcome, const char *sqlstate,
									const char *message, const char *detail,
									const char *hint);

/* Sets a failure from an error that was caught in this process. */
extern void bk_outcome_from_error(BkOutcome *outcome, const ErrorData *error);

/* Is this "failure" one that says that there was nothing to do (PROTOCOL.md)? */
extern bool bk_outcome_is_skipped(const BkOutcome *outcome);

/* Reports a failure at the given level; ERROR does not return. */
extern void bk_outcome_report(const BkOutcome *outcome, int elevel);

#endif							/* BK_SERVER_OUTCOME_H */
