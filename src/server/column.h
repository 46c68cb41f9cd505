/*
 * column.h
 *	  The values of a row that an SQL function returns.
 */
#ifndef BK_SERVER_COLUMN_H
#define BK_SERVER_COLUMN_H

#include "postgres.h"

#include "datatype/timestamp.h"

/* Sets a text; no text and an empty text are both shown as NULL. */
extern void bk_column_text(Datum *value, bool *is_null, const char *text);

/* Sets a time; 0 is shown as NULL. */
extern void bk_column_time(Datum *value, bool *is_null, TimestampTz time);

/* Sets a number; one below 0 is shown as NULL. */
extern void bk_column_size(Datum *value, bool *is_null, int64 size);

#endif							/* BK_SERVER_COLUMN_H */
