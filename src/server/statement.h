/*
 * statement.h
 *	  How a worker executes statements on the extension's tables: a short
 *	  transaction, values that travel as parameters only, and "%s" in the
 *	  statement for the quoted schema.
 */
#ifndef BK_SERVER_STATEMENT_H
#define BK_SERVER_STATEMENT_H

#include "datatype/timestamp.h"

#define BK_VALUES_MAX 24

/* The values of one statement; begin with zeros. */
typedef struct BkValues
{
	int			count;
	Oid			types[BK_VALUES_MAX];
	Datum		values[BK_VALUES_MAX];
	char		nulls[BK_VALUES_MAX];
} BkValues;

/* Begins a transaction with a snapshot and SPI; returns the caller's context. */
extern MemoryContext bk_statement_begin(void);

/* Commits it, and makes the caller's context current again. */
extern void bk_statement_commit(MemoryContext caller);

/*
 * Executes a statement as the owner of the first table that it names after
 * "%s."; its rows are in SPI_tuptable.
 */
extern void bk_statement_execute(const char *statement, BkValues *values);

/* Adds a value of any type. */
extern void bk_values_add(BkValues *values, Oid type, Datum value, bool is_null);

/* Adds a text; no text and an empty text are both stored as NULL. */
extern void bk_values_add_text(BkValues *values, const char *text);

/* Adds a time; 0 is stored as NULL. */
extern void bk_values_add_time(BkValues *values, TimestampTz time);

/* Adds a number; one below 0 is stored as NULL. */
extern void bk_values_add_size(BkValues *values, int64 size);

#endif							/* BK_SERVER_STATEMENT_H */
