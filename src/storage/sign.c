/*
 * sign.c
 *	  Signature version 4 of Amazon Web Services.
 */
#include "storage/sign.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/clock.h"
#include "storage/url.h"

#define ALGORITHM	"AWS4-HMAC-SHA256"

/* A name and a value, ready to be sorted and written. */
typedef struct Pair
{
	char	   *name;
	char	   *value;
} Pair;

static bool set_headers(BkHttpRequest *request, const BkCredentials *key,
						const BkSignScope *scope,
						const char time[BK_CLOCK_COMPACT_SIZE], BkError *err);
static bool canonical_request(const BkHttpRequest *request, BkBuf *text,
							  BkBuf *names, BkError *err);
static bool append_query(const BkHttpRequest *request, BkBuf *text,
						 BkError *err);
static bool append_headers(const BkHttpRequest *request, BkBuf *text,
						   BkBuf *names, BkError *err);
static char *encode(const char *text, BkError *err);
static char *lower_case(const char *text, BkError *err);
static char *without_extra_space(const char *text, BkError *err);
static int	compare_pairs(const void *a, const void *b);
static void free_pairs(Pair *pairs, int count);
static bool signature(const BkCredentials *key, const BkSignScope *scope,
					  const char *date, const BkBuf *to_sign,
					  char hex[BK_DIGEST_HEX_SIZE], BkError *err);

bool
bk_sign_v4(BkHttpRequest *request, const BkCredentials *key,
		   const BkSignScope *scope, BkError *err)
{
	char		time[BK_CLOCK_COMPACT_SIZE];
	char		hex[BK_DIGEST_HEX_SIZE];
	BkBuf		text;
	BkBuf		names;
	BkBuf		place;
	bool		done;

	bk_clock_format_compact(scope->time, time);
	if (!set_headers(request, key, scope, time, err))
		return false;
	if (key->id[0] == '\0')
		return true;
	bk_buf_init(&text);
	bk_buf_init(&names);
	bk_buf_init(&place);
	bk_buf_printf(&place, "%.8s/%s/%s/aws4_request", time, scope->region,
				  scope->service);
	done = canonical_request(request, &text, &names, err) &&
		bk_digest_hex(text.data, text.len, hex, err);
	bk_buf_reset(&text);
	bk_buf_printf(&text, "%s\n%s\n%s\n%s", ALGORITHM, time, place.data, hex);
	done = done && bk_buf_check(&text, err) && bk_buf_check(&place, err) &&
		signature(key, scope, time, &text, hex, err);
	if (done)
		bk_http_header(request, "Authorization",
					   "%s Credential=%s/%s, SignedHeaders=%s, Signature=%s",
					   ALGORITHM, key->id, place.data, names.data, hex);
	bk_buf_free(&text);
	bk_buf_free(&names);
	bk_buf_free(&place);
	return done;
}

/* What is signed along. A signature of an earlier attempt is taken out. */
static bool
set_headers(BkHttpRequest *request, const BkCredentials *key,
			const BkSignScope *scope, const char time[BK_CLOCK_COMPACT_SIZE],
			BkError *err)
{
	const char *host = strstr(request->origin, "://");

	if (host == NULL)
		return bk_error(err, BK_STATE_BAD_ARGUMENT, "\"%s\" is not a server",
						request->origin);
	if (request->body_sha256[0] == '\0' &&
		!bk_digest_hex(request->body_len > 0 ? request->body : "",
					   request->body_len, request->body_sha256, err))
		return false;
	bk_http_remove_header(request, "Authorization");
	bk_http_remove_header(request, "X-Amz-Security-Token");
	bk_http_header(request, "Host", "%s", host + 3);
	bk_http_header(request, "X-Amz-Date", "%s", time);
	if (strcmp(scope->service, "s3") == 0)
		bk_http_header(request, "X-Amz-Content-Sha256", "%s",
					   request->body_sha256);
	if (key->id[0] != '\0' && key->token[0] != '\0')
		bk_http_header(request, "X-Amz-Security-Token", "%s", key->token);
	return !request->failed || bk_error_memory(err);
}

/* The path is encoded already, once, as S3 wants it. */
static bool
canonical_request(const BkHttpRequest *request, BkBuf *text, BkBuf *names,
				  BkError *err)
{
	bk_buf_printf(text, "%s\n%s\n", request->method, request->path);
	if (!append_query(request, text, err))
		return false;
	bk_buf_append_string(text, "\n");
	if (!append_headers(request, text, names, err))
		return false;
	bk_buf_printf(text, "\n%s\n%s", names->data, request->body_sha256);
	return bk_buf_check(text, err) && bk_buf_check(names, err);
}

/* Sorted by name and value as they are encoded. */
static bool
append_query(const BkHttpRequest *request, BkBuf *text, BkError *err)
{
	Pair		pairs[BK_HTTP_FIELDS_MAX] = {0};
	int			count = 0;
	bool		done = true;

	for (; done && count < request->query_count; count++)
	{
		pairs[count].name = encode(request->query[count].name, err);
		pairs[count].value = encode(request->query[count].value, err);
		done = pairs[count].name != NULL && pairs[count].value != NULL;
	}
	if (done)
		qsort(pairs, (size_t) count, sizeof(Pair), compare_pairs);
	for (int i = 0; done && i < count; i++)
		bk_buf_printf(text, "%s%s=%s", i > 0 ? "&" : "", pairs[i].name,
					  pairs[i].value);
	free_pairs(pairs, count);
	return done;
}

/* Sorted by name in lower case; the names also by themselves. */
static bool
append_headers(const BkHttpRequest *request, BkBuf *text, BkBuf *names,
			   BkError *err)
{
	Pair		pairs[BK_HTTP_FIELDS_MAX] = {0};
	int			count = 0;
	bool		done = true;

	for (; done && count < request->header_count; count++)
	{
		pairs[count].name = lower_case(request->headers[count].name, err);
		pairs[count].value = without_extra_space(request->headers[count].value, err);
		done = pairs[count].name != NULL && pairs[count].value != NULL;
	}
	if (done)
		qsort(pairs, (size_t) count, sizeof(Pair), compare_pairs);
	for (int i = 0; done && i < count; i++)
	{
		bk_buf_printf(text, "%s:%s\n", pairs[i].name, pairs[i].value);
		bk_buf_printf(names, "%s%s", i > 0 ? ";" : "", pairs[i].name);
	}
	free_pairs(pairs, count);
	return done;
}

static char *
encode(const char *text, BkError *err)
{
	BkBuf		buf;

	bk_buf_init(&buf);
	bk_url_encode(&buf, text, strlen(text), false);
	return bk_buf_take(&buf, err);
}

static char *
lower_case(const char *text, BkError *err)
{
	char	   *copy = strdup(text);

	if (copy == NULL)
		bk_error_memory(err);
	for (char *c = copy; c != NULL && *c != '\0'; c++)
		*c = (char) tolower((unsigned char) *c);
	return copy;
}

/* Without spaces at both ends, and one where there are several. */
static char *
without_extra_space(const char *text, BkError *err)
{
	char	   *copy = strdup(text);
	size_t		len = 0;

	if (copy == NULL)
	{
		bk_error_memory(err);
		return NULL;
	}
	for (const char *c = text; *c != '\0'; c++)
	{
		if (*c != ' ' || (len > 0 && copy[len - 1] != ' '))
			copy[len++] = *c;
	}
	if (len > 0 && copy[len - 1] == ' ')
		len--;
	copy[len] = '\0';
	return copy;
}

static int
compare_pairs(const void *a, const void *b)
{
	const Pair *one = a;
	const Pair *other = b;
	int			order = strcmp(one->name, other->name);

	return order != 0 ? order : strcmp(one->value, other->value);
}

static void
free_pairs(Pair *pairs, int count)
{
	for (int i = 0; i < count; i++)
	{
		free(pairs[i].name);
		free(pairs[i].value);
	}
}

/* A key for the day, the region and the service, and what it says. */
static bool
signature(const BkCredentials *key, const BkSignScope *scope,
		  const char *date, const BkBuf *to_sign,
		  char hex[BK_DIGEST_HEX_SIZE], BkError *err)
{
	const char *region = scope->region;
	const char *service = scope->service;
	unsigned char step[BK_DIGEST_SIZE];
	BkBuf		secret;
	bool		done;

	bk_buf_init(&secret);
	bk_buf_printf(&secret, "AWS4%s", key->secret);
	done = bk_buf_check(&secret, err) &&
		bk_digest_keyed(secret.data, secret.len, date, 8, step, err) &&
		bk_digest_keyed(step, sizeof(step), region, strlen(region), step, err) &&
		bk_digest_keyed(step, sizeof(step), service, strlen(service), step, err) &&
		bk_digest_keyed(step, sizeof(step), "aws4_request", 12, step, err) &&
		bk_digest_keyed(step, sizeof(step), to_sign->data, to_sign->len, step, err);
	bk_digest_to_hex(step, sizeof(step), hex);
	explicit_bzero(step, sizeof(step));
	if (secret.len > 0)
		explicit_bzero(secret.data, secret.len);
	bk_buf_free(&secret);
	return done;
}
