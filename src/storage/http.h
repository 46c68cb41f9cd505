/*
 * http.h
 *	  Requests to an HTTP server that are tried again until they succeed, are
 *	  refused, or time is up.
 *
 * What a server says is bounded: headers, bodies, times. A transfer that makes
 * no progress ends; a slow one does not. Redirections are never followed.
 */
#ifndef BK_STORAGE_HTTP_H
#define BK_STORAGE_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/digest.h"
#include "core/error.h"
#include "core/host.h"

#define BK_HTTP_FIELDS_MAX	40
#define BK_HTTP_ANSWER_FIELDS_MAX	100
#define BK_HTTP_BODY_MAX	((size_t) 16 * 1024 * 1024)

/* A connection that is kept between requests. It belongs to one thread. */
typedef struct BkHttp BkHttp;

/* Strings must outlive the handle. 0 and NULL: as usual. */
typedef struct BkHttpPolicy
{
	const BkHost *host;			/* its wish to stop ends waits */
	const char *ca_file;		/* certificates to trust, in place of the system's */
	const char *proxy;			/* NULL: none, whatever the environment says */
	int			connect_ms;		/* for a connection: 10 s */
	int			stall_ms;		/* without a byte: 30 s */

	/*
	 * For a call with all its attempts: 5 min. No attempt begins later, and
	 * one that is under way goes on only as long as it moves 1 kB/s.
	 */
	int			deadline_ms;
	int			attempts;		/* at most: 10 */
	bool		link_local;		/* not a store: a cloud's metadata service */
} BkHttpPolicy;

/* Name and value; of a query not encoded yet. Owned by the request. */
typedef struct BkHttpField
{
	char	   *name;
	char	   *value;
} BkHttpField;

typedef struct BkHttpRequest
{
	char		method[16];
	char	   *origin;			/* https://host:port */
	char	   *path;			/* begins with a slash, percent-encoded */
	BkHttpField query[BK_HTTP_FIELDS_MAX];
	int			query_count;
	BkHttpField headers[BK_HTTP_FIELDS_MAX];
	int			header_count;
	const void *body;			/* borrowed */
	size_t		body_len;
	char		body_sha256[BK_DIGEST_HEX_SIZE];	/* "": not computed yet */
	bool		failed;			/* memory or room has run out, or a line feed: a call says so */
} BkHttpRequest;

typedef struct BkHttpResponse
{
	int			status;			/* 0: there was no answer */
	BkHttpField headers[BK_HTTP_ANSWER_FIELDS_MAX]; /* names in lower case */
	int			header_count;
	BkBuf		body;
	int			attempts;		/* how many there were */
} BkHttpResponse;

/* What an answer means. */
typedef enum BkHttpVerdict
{
	BK_HTTP_DONE,
	BK_HTTP_AGAIN,				/* err says why, for the case that time is up */
	BK_HTTP_FAILED				/* err says why */
} BkHttpVerdict;

typedef struct BkHttpCall
{
	/* Called before each attempt, to sign. NULL: nothing to do. */
	bool		(*prepare) (void *arg, BkHttpRequest *request, BkError *err);

	/*
	 * Called for each answer that came whole. NULL: 2xx is good, 408, 425,
	 * 429 and 5xx but 501 are tried again, all else has failed.
	 */
	BkHttpVerdict (*judge) (void *arg, const BkHttpResponse *response,
							BkError *err);
	void	   *arg;
	size_t		body_max;		/* of the answer; 0: BK_HTTP_BODY_MAX */
	int			stall_ms;		/* 0: the policy's; some answers are thought over */
} BkHttpCall;

/* Set a policy's limits for who has another place to turn to. */
extern void bk_http_brief(BkHttpPolicy *policy);

/*
 * Open a handle; nothing is connected yet. NULL on failure: a proxy that is
 * not http:// or https://, or has a password in it (22023).
 */
extern BkHttp *bk_http_open(const BkHttpPolicy *policy, BkError *err);
extern void bk_http_close(BkHttp *http);

/* Make a request without query, headers and body. Free it in any case. */
extern void bk_http_request_init(BkHttpRequest *request, const char *method,
								 const char *origin, const char *path);
extern void bk_http_request_free(BkHttpRequest *request);

/* Set a header, in place of one of this name; add to the query. Copies. */
extern void bk_http_header(BkHttpRequest *request, const char *name,
						   const char *fmt,...)
			__attribute__((format(printf, 3, 4)));
extern void bk_http_query(BkHttpRequest *request, const char *name,
						  const char *fmt,...)
			__attribute__((format(printf, 3, 4)));

/* Take a header out, if it is there. */
extern void bk_http_remove_header(BkHttpRequest *request, const char *name);

/*
 * Carry a request out: connection failures, cut answers and what the judge
 * says to try again are tried again with growing, random pauses or after
 * what Retry-After says. Errors: 08001 (no connection, no name, TLS), 08006
 * (broken off, stalled, cut), 54000 (too long), 57014, what the judge says;
 * DETAIL tells the number of attempts. The response is freed by the caller,
 * also on failure.
 */
extern bool bk_http_call(BkHttp *http, BkHttpRequest *request,
						 const BkHttpCall *call, BkHttpResponse *response,
						 BkError *err);
extern void bk_http_response_free(BkHttpResponse *response);

/* A header of the answer by its name in lower case; NULL if there is none. */
extern const char *bk_http_find(const BkHttpResponse *response,
								const char *name);

/* The server's clock, when it answered last: UTC seconds, 0: none told. */
extern int64_t bk_http_server_time(const BkHttp *http);

#endif
