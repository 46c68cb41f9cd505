/*
 * s3_place.c
 *	  What the URL of an S3 store says.
 */
#include "storage/s3_place.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/buf.h"
#include "core/secret.h"
#include "storage/origin.h"
#include "storage/url.h"

#define LOCK_DAYS_MAX	36500

static const char *const options[] = {
	"region", "endpoint", "style", "ca_file", "proxy", "plain_http",
	"credentials_file", "profile", "storage_class", "sse", "sse_key_id",
	"sse_customer_key_file", "tags", "lock", "lock_days", "checksum", NULL
};

static bool take_bucket(const BkUrl *url, BkS3Place *place, BkError *err);
static bool take_way(const BkUrl *url, BkS3Place *place, BkError *err);
static bool take_endpoint(const BkUrl *url, BkS3Place *place, BkError *err);
static bool take_class(const BkUrl *url, BkS3Place *place, BkError *err);
static bool take_encryption(const BkUrl *url, BkS3Place *place, BkError *err);
static bool take_tags(const BkUrl *url, BkS3Place *place, BkError *err);
static bool take_lock(const BkUrl *url, BkS3Place *place, BkError *err);
static bool take_checksum(const BkUrl *url, BkS3Place *place, BkError *err);
static bool take_path(const BkUrl *url, const char *name, char **path,
					  BkError *err);
static bool choose(const BkUrl *url, const char *name,
				   const char *const words[], int *chosen, BkError *err);
static bool bad_option(const BkUrl *url, const char *name, const char *why,
					   BkError *err);
static bool copy(const char *text, char **copied, BkError *err);
static bool read_customer_key(const char *path, BkS3Place *place,
							  BkError *err);
static bool decode_customer_key(const char *text, size_t len,
								unsigned char *key);
static bool is_all_of(const char *text, const char *characters, size_t min,
					  size_t max);

#define LOWER	"abcdefghijklmnopqrstuvwxyz"
#define UPPER	"ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS	"0123456789"

bool
bk_s3_place_parse(const char *text, BkS3Place *place, BkError *err)
{
	BkUrl		url;
	bool		good;

	*place = (BkS3Place) {0};
	good = bk_url_parse(text, &url, err) &&
		bk_url_check_options(&url, options, err) &&
		take_bucket(&url, place, err) &&
		take_way(&url, place, err) &&
		take_endpoint(&url, place, err) &&
		take_class(&url, place, err) &&
		take_encryption(&url, place, err) &&
		take_tags(&url, place, err) &&
		take_lock(&url, place, err) &&
		take_checksum(&url, place, err);
	bk_url_free(&url);
	return good;
}

void
bk_s3_place_free(BkS3Place *place)
{
	free(place->place);
	free(place->bucket);
	free(place->prefix);
	free(place->endpoint);
	free(place->origin);
	free(place->path);
	free(place->ca_file);
	free(place->proxy);
	free(place->profile);
	free(place->credentials_file);
	free(place->storage_class);
	free(place->encryption);
	free(place->encryption_key);
	free(place->tags);
	explicit_bzero(place, sizeof(*place));
}

bool
bk_s3_place_settle(BkS3Place *place, const char *region, BkError *err)
{
	BkBuf		buf;
	const char *host;

	/* The caller may have found it in the place itself. */
	if (region != place->region)
		snprintf(place->region, sizeof(place->region), "%s", region);
	bk_buf_init(&buf);
	if (place->endpoint == NULL)
	{
		bk_buf_printf(&buf, "https://s3.%s.amazonaws.com%s", place->region,
					  strncmp(place->region, "cn-", 3) == 0 ? ".cn" : "");
		if ((place->endpoint = bk_buf_take(&buf, err)) == NULL)
			return false;
	}
	if (!bk_origin_check(place->endpoint, place->plain_http, err))
		return false;
	if (place->customer_key[0] != '\0' &&
		strncasecmp(place->endpoint, "https:", 6) != 0 &&
		!bk_origin_is_loopback(place->endpoint))
		return bk_error(err, BK_STATE_BAD_ARGUMENT,
						"the customer's key for \"%s\" would go over an open line",
						place->place);
	host = strstr(place->endpoint, "://") + 3;
	if (place->host_style)
		bk_buf_printf(&buf, "%.*s%s.%s", (int) (host - place->endpoint),
					  place->endpoint, place->bucket, host);
	else
		bk_buf_append_string(&buf, place->endpoint);
	if ((place->origin = bk_buf_take(&buf, err)) == NULL)
		return false;
	bk_buf_append_string(&buf, "/");
	if (!place->host_style)
		bk_buf_printf(&buf, "%s/", place->bucket);
	return (place->path = bk_buf_take(&buf, err)) != NULL;
}

static bool
take_bucket(const BkUrl *url, BkS3Place *place, BkError *err)
{
	BkBuf		prefix;

	if (!is_all_of(url->host, LOWER UPPER DIGITS ".-_", 3, 255) ||
		url->user[0] != '\0' || url->port != 0)
	{
		bk_error(err, BK_STATE_BAD_ARGUMENT, "URL \"%s\" does not name a bucket",
				 url->place);
		return bk_error_hint(err, "Write s3://bucket/prefix?region=eu-central-1 or, for another store than Amazon's, s3://bucket/prefix?endpoint=https://host:port");
	}
	bk_buf_init(&prefix);
	if (url->path[0] != '\0')
		bk_buf_printf(&prefix, "%s/", url->path);
	return (place->prefix = bk_buf_take(&prefix, err)) != NULL &&
		copy(url->place, &place->place, err) &&
		copy(url->host, &place->bucket, err);
}

/* How the store is reached. */
static bool
take_way(const BkUrl *url, BkS3Place *place, BkError *err)
{
	static const char *const words[] = {"no", "yes", NULL};
	const char *region = bk_url_option(url, "region", "");
	int			plain = 0;

	if (region[0] != '\0' &&
		!is_all_of(region, LOWER UPPER DIGITS "-_", 1, BK_S3_REGION_SIZE - 1))
		return bad_option(url, "region", "is not the name of a region", err);
	snprintf(place->region, sizeof(place->region), "%s", region);
	if (!choose(url, "plain_http", words, &plain, err))
		return false;
	place->plain_http = plain == 1;
	return take_path(url, "ca_file", &place->ca_file, err) &&
		take_path(url, "credentials_file", &place->credentials_file, err) &&
		copy(bk_url_option(url, "proxy", NULL), &place->proxy, err) &&
		copy(bk_url_option(url, "profile", NULL), &place->profile, err);
}

static bool
take_endpoint(const BkUrl *url, BkS3Place *place, BkError *err)
{
	static const char *const words[] = {"path", "host", NULL};
	const char *endpoint = bk_url_option(url, "endpoint", NULL);
	int			style = -1;
	BkBuf		buf;
	const char *host;

	if (!choose(url, "style", words, &style, err))
		return false;
	/* Nobody has a certificate for a name with one more dot. */
	place->host_style = style == 1 ||
		(style == -1 && endpoint == NULL && strchr(place->bucket, '.') == NULL);
	if (endpoint == NULL)
		return true;
	bk_buf_init(&buf);
	bk_buf_printf(&buf, "%s%s", strstr(endpoint, "://") == NULL ? "https://" : "", endpoint);
	if (buf.len > 0 && buf.data[buf.len - 1] == '/')
		bk_buf_truncate(&buf, buf.len - 1);
	if ((place->endpoint = bk_buf_take(&buf, err)) == NULL)
		return false;
	host = strstr(place->endpoint, "://") + 3;
	if ((strncasecmp(place->endpoint, "https://", 8) != 0 &&
		 strncasecmp(place->endpoint, "http://", 7) != 0) ||
		!is_all_of(host, LOWER UPPER DIGITS ".-_:[]", 1, 255))
		return bad_option(url, "endpoint", "is not of the form https://host:port", err);
	return true;
}

static bool
take_class(const BkUrl *url, BkS3Place *place, BkError *err)
{
	const char *class = bk_url_option(url, "storage_class", NULL);

	if (class != NULL && !is_all_of(class, UPPER DIGITS "_-", 1, 64))
		return bad_option(url, "storage_class", "is not the name of a storage class", err);
	/* What was written is read back, and must be there for a restore. */
	if (class != NULL && (strcmp(class, "GLACIER") == 0 || strcmp(class, "DEEP_ARCHIVE") == 0))
		return bad_option(url, "storage_class", "names a class whose objects cannot be read at once", err);
	return copy(class, &place->storage_class, err);
}

static bool
take_encryption(const BkUrl *url, BkS3Place *place, BkError *err)
{
	static const char *const words[] = {"AES256", "aws:kms", "customer", NULL};
	const char *key = bk_url_option(url, "sse_key_id", NULL);
	char	   *path = NULL;
	int			sse = -1;
	bool		good;

	if (!choose(url, "sse", words, &sse, err))
		return false;
	if (key != NULL && (sse != 1 || !is_all_of(key, LOWER UPPER DIGITS ":/_-.", 1, 500)))
		return bad_option(url, "sse_key_id", "goes with sse=aws:kms and is the id of a key", err);
	if ((bk_url_option(url, "sse_customer_key_file", NULL) != NULL) != (sse == 2))
		return bad_option(url, "sse_customer_key_file", "and sse=customer go together", err);
	if (sse != 2)
		return copy(sse < 0 ? NULL : words[sse], &place->encryption, err) &&
			copy(key, &place->encryption_key, err);
	good = take_path(url, "sse_customer_key_file", &path, err) &&
		read_customer_key(path, place, err);
	free(path);
	return good;
}

/* They are sent as they stand, encoded by who wrote them. */
static bool
take_tags(const BkUrl *url, BkS3Place *place, BkError *err)
{
	const char *tags = bk_url_option(url, "tags", NULL);
	const char *tag = tags;

	while (tag != NULL)
	{
		size_t		len = strcspn(tag, "&");
		size_t		name = strcspn(tag, "=&");

		if (name == 0 || name == len ||
			strspn(tag, LOWER UPPER DIGITS "-._~%+/:@=") < len)
			return bad_option(url, "tags", "is not of the form name=value&name=value", err);
		tag = tag[len] == '&' ? tag + len + 1 : NULL;
	}
	return copy(tags, &place->tags, err);
}

static bool
take_lock(const BkUrl *url, BkS3Place *place, BkError *err)
{
	static const char *const words[] = {"governance", "compliance", NULL};
	static const char *const modes[] = {"GOVERNANCE", "COMPLIANCE"};
	int			lock = -1;

	if (!choose(url, "lock", words, &lock, err) ||
		!bk_url_number(url, "lock_days", 1, LOCK_DAYS_MAX, &place->lock_days, err))
		return false;
	if ((lock < 0) != (place->lock_days == 0))
		return bad_option(url, "lock_days", "and lock go together", err);
	if (lock >= 0)
		place->lock = modes[lock];
	return true;
}

static bool
take_checksum(const BkUrl *url, BkS3Place *place, BkError *err)
{
	static const char *const words[] = {
		[BK_S3_CHECKSUM_AUTO] = "auto",
		[BK_S3_CHECKSUM_SHA256] = "sha256",
		[BK_S3_CHECKSUM_NONE] = "none",
		NULL
	};
	int			checksum = BK_S3_CHECKSUM_AUTO;

	if (!choose(url, "checksum", words, &checksum, err))
		return false;
	place->checksum = (BkS3Checksum) checksum;
	return true;
}

/* A server and its tools do not run in the same directory. */
static bool
take_path(const BkUrl *url, const char *name, char **path, BkError *err)
{
	const char *value = bk_url_option(url, name, NULL);

	if (value != NULL && value[0] != '/')
		return bad_option(url, name, "is not an absolute path", err);
	return copy(value, path, err);
}

/* *chosen stays as it is where the option is not given. */
static bool
choose(const BkUrl *url, const char *name, const char *const words[],
	   int *chosen, BkError *err)
{
	const char *value = bk_url_option(url, name, NULL);
	BkBuf		known;

	if (value == NULL)
		return true;
	for (int i = 0; words[i] != NULL; i++)
	{
		if (strcmp(value, words[i]) == 0)
		{
			*chosen = i;
			return true;
		}
	}
	bk_buf_init(&known);
	bk_buf_append_string(&known, "is none of ");
	for (int i = 0; words[i] != NULL; i++)
		bk_buf_printf(&known, "%s%s", i > 0 ? ", " : "", words[i]);
	if (bk_buf_check(&known, err))
		bad_option(url, name, known.data, err);
	bk_buf_free(&known);
	return false;
}

/* The value is not quoted: it may be a secret in the wrong place. */
static bool
bad_option(const BkUrl *url, const char *name, const char *why, BkError *err)
{
	return bk_error(err, BK_STATE_BAD_ARGUMENT, "option \"%s\" of URL \"%s\" %s",
					name, url->place, why);
}

static bool
copy(const char *text, char **copied, BkError *err)
{
	if (text == NULL)
		return true;
	*copied = strdup(text);
	return *copied != NULL || bk_error_memory(err);
}

static bool
read_customer_key(const char *path, BkS3Place *place, BkError *err)
{
	BkSecretFile file;
	unsigned char key[BK_DIGEST_SIZE];
	unsigned char md5[BK_DIGEST_MD5_SIZE];
	BkDigest   *digest = NULL;
	bool		good = bk_secret_read(path, &file, err);

	if (good && !decode_customer_key(file.text, file.len, key))
	{
		good = bk_error(err, BK_STATE_BAD_ARGUMENT, "\"%s\" does not hold a key of 32 bytes", path);
		bk_error_hint(err, "Make one with: openssl rand -base64 32");
	}
	good = good && (digest = bk_digest_new_md5(err)) != NULL &&
		bk_digest_update(digest, key, sizeof(key), err) &&
		bk_digest_final(digest, md5, err);
	if (good)
	{
		bk_base64_encode(key, sizeof(key), true, place->customer_key);
		bk_base64_encode(md5, sizeof(md5), true, place->customer_md5);
	}
	bk_digest_free(digest);
	explicit_bzero(key, sizeof(key));
	bk_secret_free(&file);
	return good;
}

/* 32 bytes as they are, or as 64 digits, or in base 64. */
static bool
decode_customer_key(const char *text, size_t len, unsigned char *key)
{
	if (len == BK_DIGEST_SIZE)
	{
		memcpy(key, text, BK_DIGEST_SIZE);
		return true;
	}
	while (len > 0 && isspace((unsigned char) text[len - 1]))
		len--;
	if (len != 2 * BK_DIGEST_SIZE)
	{
		while (len > 0 && text[len - 1] == '=')
			len--;
		return bk_base64_decode(text, len, key, BK_DIGEST_SIZE);
	}
	for (size_t i = 0; i < BK_DIGEST_SIZE; i++)
	{
		char		pair[3] = {text[2 * i], text[2 * i + 1], '\0'};
		char	   *end;

		if (!isxdigit((unsigned char) pair[0]))
			return false;
		key[i] = (unsigned char) strtoul(pair, &end, 16);
		if (*end != '\0')
			return false;
	}
	return true;
}

static bool
is_all_of(const char *text, const char *characters, size_t min, size_t max)
{
	size_t		len = strlen(text);

	return len >= min && len <= max && strspn(text, characters) == len;
}
