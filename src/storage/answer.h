/*
 * answer.h
 *	  What an HTTP server says before the body. Used by http.c, and by
 *	  stores for its dates.
 */
#ifndef BK_STORAGE_ANSWER_H
#define BK_STORAGE_ANSWER_H

#include "storage/http.h"

/*
 * Take in a line: a status line begins a new answer and forgets the one
 * before. Headers with the same name are joined by commas (RFC 9110, 5.3).
 * Errors: not HTTP (08P01), too many headers (54000), no memory.
 */
extern bool bk_answer_line(BkHttpResponse *response, const char *line,
						   size_t len, BkError *err);

/*
 * A date of HTTP (RFC 9110, 5.6.7, the preferred form), in UTC seconds. False
 * for everything else.
 */
extern bool bk_answer_date(const char *text, int64_t *time);

/*
 * How long the server wants us to wait, in ms: Retry-After in seconds or as a
 * date, which is compared with the server's own clock where it told it. 0 if
 * it does not say.
 */
extern int64_t bk_answer_retry_after(const BkHttpResponse *response);

#endif
