/*
 * column.c
 *	  What is not known is shown as NULL.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "server/column.h"

void
bk_column_text(Datum *value, bool *is_null, const char *text)
{
	*is_null = text == NULL || text[0] == '\0';
	*value = *is_null ? (Datum) 0 : CStringGetTextDatum(text);
}

void
bk_column_time(Datum *value, bool *is_null, TimestampTz time)
{
	*is_null = time == 0;
	*value = TimestampTzGetDatum(time);
}

void
bk_column_size(Datum *value, bool *is_null, int64 size)
{
	*is_null = size < 0;
	*value = Int64GetDatum(size);
}
