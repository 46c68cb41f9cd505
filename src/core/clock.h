/*
 * clock.h
 *	  Time: UTC seconds, their two texts, and a clock that never jumps.
 *
 * A time is a count of seconds since 1970-01-01T00:00:00Z without leap
 * seconds. The texts cover the years 0000 to 9999.
 */
#ifndef BK_CORE_CLOCK_H
#define BK_CORE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* Sizes of the two texts, with their NUL. */
#define BK_CLOCK_TEXT_SIZE		sizeof("2026-11-21T10:15:00Z")
#define BK_CLOCK_COMPACT_SIZE	sizeof("20261121T101500Z")

/* The wall clock, in seconds. */
extern int64_t bk_clock_now(void);

/* Milliseconds of a clock that only goes forward; its zero means nothing. */
extern int64_t bk_clock_monotonic_ms(void);

/*
 * Write the time as 2026-11-21T10:15:00Z (RFC 3339) or 20261121T101500Z
 * (ISO 8601 basic format). A time outside the years 0000 to 9999 is written
 * as the nearest one inside.
 */
extern void bk_clock_format(int64_t time, char text[BK_CLOCK_TEXT_SIZE]);
extern void bk_clock_format_compact(int64_t time,
									char text[BK_CLOCK_COMPACT_SIZE]);

/*
 * Read exactly the text that the functions above write. False, with *time
 * untouched, for everything else: other lengths or separators, a day that
 * the month does not have, hour 24, second 60.
 */
extern bool bk_clock_parse(const char *text, int64_t *time);
extern bool bk_clock_parse_compact(const char *text, int64_t *time);

#endif
