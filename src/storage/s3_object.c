/*
 * s3_object.c
 *	  Single requests about single objects.
 *
 * That the store has got what was sent is proved by the SHA-256 that it says
 * itself, or by an ETag that is the MD5 of it. It is not with every store, and
 * not where the store encrypts with a key that is not its own; then the object
 * is read back.
 */
#include "storage/s3_object.h"

#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "storage/answer.h"
#include "storage/s3_get.h"

#define DAY_SECONDS		((int64_t) 24 * 3600)
#define SSE				"x-amz-server-side-encryption"

static bool hear_what_is_missing(BkS3Client *client, const BkS3 *s3,
								 const char *key, bool *missing,
								 BkError *err);
static bool accept_head(void *arg, const BkHttpResponse *response,
						BkError *err);
static bool accept_removal(void *arg, const BkHttpResponse *response,
						   BkError *err);
static bool put_once(BkS3 *s3, const char *key, const void *data, size_t len,
					 bool *proof, BkError *err);
static bool compare(BkS3 *s3, const char *key, const void *data, size_t len,
					bool *same, BkError *err);
static bool is_md5(const BkS3 *s3, const BkHttpResponse *response,
				   const char *etag);

bool
bk_s3_head(BkS3Client *client, const BkS3 *s3, const char *key,
		   BkS3Head *head, BkError *err)
{
	BkS3Request request;
	bool		missing = false;
	bool		done;

	*head = (BkS3Head) {0};
	bk_s3_request_init(&request, s3, "HEAD", (BkS3Deed) {"look at", "s3:GetObject", key});
	bk_s3_add_customer_key(&request, s3);
	request.accept = accept_head;
	request.arg = head;
	done = bk_s3_call(client, &request, err);
	/* An answer to HEAD has no body that says why. */
	if (!done && request.fault.status / 100 == 4)
		done = hear_what_is_missing(client, s3, key, &missing, err) && missing;
	bk_s3_request_free(&request);
	if (!done || missing)
		head->stat.exists = false;
	return done;
}

bool
bk_s3_put_object(BkS3 *s3, const char *key, const void *data, size_t len,
				 BkError *err)
{
	bool		proof = false;
	bool		same = true;

	if (!put_once(s3, key, data, len, &proof, err) ||
		(!proof && !compare(s3, key, data, len, &same, err)))
		return false;
	return same || bk_error(err, BK_STATE_CORRUPT,
							"object \"%s\" in \"%s\" reads back other than it was written",
							key, s3->place.place);
}

bool
bk_s3_same_content(BkS3 *s3, const char *key, const void *data, size_t len,
				   BkError *err)
{
	bool		same;

	if (!compare(s3, key, data, len, &same, err))
		return false;
	return same || bk_error(err, BK_STATE_DUP_OBJECT,
							"object \"%s\" in \"%s\" exists with other content",
							key, s3->place.place);
}

bool
bk_s3_remove_object(BkS3Client *client, const BkS3 *s3, const char *key,
					BkError *err)
{
	BkS3Request request;
	bool		done;

	bk_s3_request_init(&request, s3, "DELETE", (BkS3Deed) {"remove", "s3:DeleteObject", key});
	request.accept = accept_removal;
	done = bk_s3_call(client, &request, err) ||
		bk_s3_fault_is(&request.fault, "NoSuchKey");
	bk_s3_request_free(&request);
	return done;
}

void
bk_s3_add_wishes(BkS3Request *request, const BkS3 *s3)
{
	const BkS3Place *place = &s3->place;
	char		until[BK_CLOCK_TEXT_SIZE];

	if (place->storage_class != NULL)
		bk_http_header(&request->http, "x-amz-storage-class", "%s", place->storage_class);
	if (place->encryption != NULL)
		bk_http_header(&request->http, SSE, "%s", place->encryption);
	if (place->encryption_key != NULL)
		bk_http_header(&request->http, SSE "-aws-kms-key-id", "%s", place->encryption_key);
	bk_s3_add_customer_key(request, s3);
	if (place->tags != NULL)
		bk_http_header(&request->http, "x-amz-tagging", "%s", place->tags);
	if (place->lock == NULL)
		return;
	bk_clock_format(bk_clock_now() + atomic_load(&s3->skew) + place->lock_days * DAY_SECONDS,
					until);
	bk_http_header(&request->http, "x-amz-object-lock-mode", "%s", place->lock);
	bk_http_header(&request->http, "x-amz-object-lock-retain-until-date", "%s", until);
}

bool
bk_s3_set_body(BkS3Request *request, const BkS3 *s3, const void *data,
			   size_t len, bool checksum, unsigned char *sha256, BkError *err)
{
	BkDigest   *digest = bk_digest_new(err);
	unsigned char md5[BK_DIGEST_MD5_SIZE];
	char		text[BK_BASE64_SIZE(BK_DIGEST_SIZE)];
	bool		done = digest != NULL &&
		bk_digest_update(digest, data, len, err) &&
		bk_digest_final(digest, sha256, err);

	bk_digest_free(digest);
	if (!done)
		return false;
	request->http.body = data;
	request->http.body_len = len;
	bk_digest_to_hex(sha256, BK_DIGEST_SIZE, request->http.body_sha256);
	if (checksum)
	{
		bk_base64_encode(sha256, BK_DIGEST_SIZE, true, text);
		bk_http_header(&request->http, "x-amz-sdk-checksum-algorithm", "SHA256");
		bk_http_header(&request->http, "x-amz-checksum-sha256", "%s", text);
	}
	if (s3->place.lock == NULL)
		return true;
	/* Stores take nothing that is to be locked without it. */
	digest = bk_digest_new_md5(err);
	done = digest != NULL && bk_digest_update(digest, data, len, err) &&
		bk_digest_final(digest, md5, err);
	bk_digest_free(digest);
	if (done)
	{
		bk_base64_encode(md5, sizeof(md5), true, text);
		bk_http_header(&request->http, "Content-MD5", "%s", text);
	}
	return done;
}

bool
bk_s3_is_proof(const BkS3Request *request, const BkS3 *s3,
			   const unsigned char *sha256, bool *proof, BkError *err)
{
	const BkHttpResponse *response = &request->response;
	const char *echo = bk_http_find(response, "x-amz-checksum-sha256");
	char		text[BK_BASE64_SIZE(BK_DIGEST_SIZE)];
	char		md5[BK_DIGEST_HEX_SIZE];
	char		etag[BK_S3_ETAG_SIZE];
	BkDigest   *digest;
	bool		done;

	*proof = false;
	if (echo != NULL && s3->place.checksum != BK_S3_CHECKSUM_NONE)
	{
		bk_base64_encode(sha256, BK_DIGEST_SIZE, true, text);
		*proof = strcmp(echo, text) == 0;
		return true;
	}
	if (s3->place.checksum == BK_S3_CHECKSUM_SHA256 ||
		!bk_s3_etag(response, etag, sizeof(etag)) || !is_md5(s3, response, etag))
		return true;
	digest = bk_digest_new_md5(err);
	done = digest != NULL &&
		bk_digest_update(digest, request->http.body, request->http.body_len, err) &&
		bk_digest_final_hex(digest, md5, err);
	bk_digest_free(digest);
	*proof = done && strcmp(etag, md5) == 0;
	return done;
}

bool
bk_s3_accept_etag(void *arg, const BkHttpResponse *response, BkError *err)
{
	char		etag[BK_S3_ETAG_SIZE];

	(void) arg;
	return bk_s3_etag(response, etag, sizeof(etag)) ||
		bk_error(err, BK_STATE_PROTOCOL, "an answer about an object has no ETag");
}

/* Ask for a byte of it: what is refused then is told in words. */
static bool
hear_what_is_missing(BkS3Client *client, const BkS3 *s3, const char *key,
					 bool *missing, BkError *err)
{
	BkS3Request request;
	bool		found;

	bk_s3_request_init(&request, s3, "GET", (BkS3Deed) {"look at", "s3:GetObject", key});
	bk_http_header(&request.http, "Range", "bytes=0-0");
	bk_s3_add_customer_key(&request, s3);
	request.accept = bk_s3_accept_etag;
	found = bk_s3_call(client, &request, err);
	*missing = !found && bk_s3_fault_is(&request.fault, "NoSuchKey") &&
		request.fault.status == 404;
	bk_s3_request_free(&request);
	if (found)
		return bk_error(err, BK_STATE_IN_USE, "object \"%s\" in \"%s\" appeared while it was looked for",
						key, s3->place.place);
	return *missing;
}

static bool
accept_head(void *arg, const BkHttpResponse *response, BkError *err)
{
	BkS3Head   *head = arg;
	const char *length = bk_http_find(response, "content-length");
	const char *modified = bk_http_find(response, "last-modified");
	char	   *end = NULL;

	*head = (BkS3Head) {.stat.exists = true};
	if (length != NULL && *length >= '0' && *length <= '9')
		head->stat.size = strtoull(length, &end, 10);
	if (end == NULL || *end != '\0' || modified == NULL ||
		!bk_answer_date(modified, &head->stat.modified) ||
		!bk_s3_etag(response, head->etag, sizeof(head->etag)))
		return bk_error(err, BK_STATE_PROTOCOL, "an answer about an object lacks its size, time or ETag");
	return true;
}

/* A page of somebody in between has a body. */
static bool
accept_removal(void *arg, const BkHttpResponse *response, BkError *err)
{
	(void) arg;
	return response->body.len == 0 ||
		bk_error(err, BK_STATE_PROTOCOL, "an answer to a removal has a body");
}

static bool
put_once(BkS3 *s3, const char *key, const void *data, size_t len,
		 bool *proof, BkError *err)
{
	BkS3Client *client = bk_s3_take(s3, NULL, err);
	unsigned char sha256[BK_DIGEST_SIZE];
	BkS3Request request;
	bool		done;

	if (client == NULL)
		return false;
	bk_s3_request_init(&request, s3, "PUT", (BkS3Deed) {"store", "s3:PutObject", key});
	bk_http_header(&request.http, "Content-Type", "application/octet-stream");
	bk_s3_add_wishes(&request, s3);
	request.accept = bk_s3_accept_etag;
	done = bk_s3_set_body(&request, s3, data, len,
						  s3->place.checksum != BK_S3_CHECKSUM_NONE, sha256, err) &&
		bk_s3_call(client, &request, err) &&
		bk_s3_is_proof(&request, s3, sha256, proof, err);
	bk_s3_request_free(&request);
	bk_s3_give(client);
	return done;
}

static bool
compare(BkS3 *s3, const char *key, const void *data, size_t len, bool *same,
		BkError *err)
{
	BkReader   *reader = bk_s3_get_open(s3, key, err);
	char	   *buf = malloc(BK_STREAM_BUFFER);
	size_t		at = 0;
	size_t		got = 1;
	bool		good = reader != NULL && (buf != NULL || bk_error_memory(err));

	*same = true;
	while (good && *same && got > 0)
	{
		good = bk_read(reader, buf, BK_STREAM_BUFFER, &got, err);
		if (!good)
			break;
		*same = got <= len - at && memcmp(buf, (const char *) data + at, got) == 0;
		at += got;
	}
	*same = *same && at == len;
	free(buf);
	bk_reader_close(reader);
	return good;
}

/*
 * Is the ETag the MD5 of the content? Not where the store encrypts with other
 * keys than its own (S3 User Guide, "Checking object integrity").
 */
static bool
is_md5(const BkS3 *s3, const BkHttpResponse *response, const char *etag)
{
	const char *encryption = bk_http_find(response, SSE);

	return strlen(etag) == 2 * BK_DIGEST_MD5_SIZE &&
		strspn(etag, "0123456789abcdef") == strlen(etag) &&
		s3->place.customer_key[0] == '\0' &&
		(encryption == NULL || strcmp(encryption, "AES256") == 0);
}
