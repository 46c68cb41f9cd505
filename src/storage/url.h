/*
 * url.h
 *	  The URL of a repository: scheme://place/prefix?option=value&option=value
 *	  (RFC 3986), and percent-encoding.
 */
#ifndef BK_STORAGE_URL_H
#define BK_STORAGE_URL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/error.h"

#define BK_URL_OPTIONS_MAX	32

typedef struct BkUrlOption
{
	char	   *name;
	char	   *value;
} BkUrlOption;

/* All decoded. */
typedef struct BkUrl
{
	char	   *scheme;
	char	   *user;			/* "" if none */
	char	   *host;			/* of s3: the bucket */
	int			port;			/* 0: none given */
	char	   *path;			/* without slashes at both ends; may be "" */
	char	   *place;			/* the URL without options, for messages */
	BkUrlOption options[BK_URL_OPTIONS_MAX];
	int			option_count;
} BkUrl;

/*
 * Take a URL apart. Errors (22023): not a URL, a password in it, no host or
 * one with odd characters, an option twice or without a value, NUL or a
 * control character, an empty component, "." or ".." in the path. Free it in
 * any case.
 */
extern bool bk_url_parse(const char *text, BkUrl *url, BkError *err);
extern void bk_url_free(BkUrl *url);

/* The value of an option, else the fallback. */
extern const char *bk_url_option(const BkUrl *url, const char *name,
								 const char *fallback);

/*
 * An option that is a number in this range, else an error (22023); *number
 * stays as it is where there is no such option.
 */
extern bool bk_url_number(const BkUrl *url, const char *name, int64_t min,
						  int64_t max, int64_t *number, BkError *err);

/* An error (22023) that lists the names if an option is none of them. */
extern bool bk_url_check_options(const BkUrl *url, const char *const names[],
								 BkError *err);

/*
 * Append len bytes percent-encoded: all but the unreserved characters of RFC
 * 3986, and but slashes where they are kept.
 */
extern void bk_url_encode(BkBuf *buf, const char *text, size_t len,
						  bool keep_slashes);

#endif
