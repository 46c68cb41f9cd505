/*
 * s3_remove.c
 *	  Removing many objects of an S3 store with one request for up to 1000.
 *
 * A store answers for each of them. One that does not know the request is
 * asked for each object by itself, and so are keys that XML cannot carry.
 */
#include <stdlib.h>
#include <string.h>

#include "core/base64.h"
#include "core/digest.h"
#include "storage/s3_list.h"
#include "storage/s3_page.h"
#include "storage/xml.h"

#define BATCH_MAX		1000

/* One request to remove several objects. */
typedef struct Batch
{
	const BkS3 *s3;
	const char *const *keys;
	size_t		count;
	size_t		gone_count;
	bool		gone[BATCH_MAX];	/* says the store */
	bool		has_refusal;
	size_t		refused_at;
	BkS3Fault	refusal;		/* the first one */

	/* While an answer is read. */
	char	   *key;
	BkS3Fault	fault;
} Batch;

static bool remove_batch(BkS3 *s3, const char *const *keys, size_t count,
						 size_t *failed, BkError *err);
static bool send_batch(Batch *batch, BkS3Client *client, bool *unknown,
					   BkError *err);
static bool set_list(Batch *batch, BkS3Request *request, BkBuf *list,
					 BkError *err);
static bool can_be_written(const Batch *batch);
static bool accept_batch(void *arg, const BkHttpResponse *response,
						 BkError *err);
static bool note_element(void *arg, const char *path, const char *text,
						 BkError *err);
static bool find_key(const Batch *batch, size_t *at);
static bool refused(const Batch *batch, BkError *err);

bool
bk_s3_remove_all(BkS3 *s3, const char *const *keys, size_t count, BkError *err)
{
	size_t		failed = 0;
	BkError		problem;

	for (size_t done = 0; done < count; done += BATCH_MAX)
	{
		BkError    *say = failed == 0 ? err : &problem;
		size_t		size = count - done < BATCH_MAX ? count - done : BATCH_MAX;

		if (!remove_batch(s3, keys + done, size, &failed, say) &&
			bk_error_is(say, BK_STATE_CANCELED))
			break;
	}
	if (failed > 1)
		bk_error_detail(err, "%zu of %zu objects could not be removed.", failed, count);
	return failed == 0;
}

static bool
remove_batch(BkS3 *s3, const char *const *keys, size_t count, size_t *failed,
			 BkError *err)
{
	Batch	   *batch = calloc(1, sizeof(*batch));
	BkS3Client *client = batch == NULL ? NULL : bk_s3_take(s3, NULL, err);
	bool		unknown = false;
	bool		good = client != NULL;

	if (batch == NULL)
		bk_error_memory(err);
	else
	{
		batch->s3 = s3;
		batch->keys = keys;
		batch->count = count;
	}
	for (size_t i = 0; good && i < count; i++)
		good = bk_storage_check_key(keys[i], err);
	unknown = good && (count == 1 || !can_be_written(batch));
	if (good && !unknown)
		good = send_batch(batch, client, &unknown, err);
	if (unknown)
		good = bk_storage_remove_each(&s3->base, keys, count, err);
	if (!good)
		*failed += batch == NULL || batch->gone_count == 0 ? count : count - batch->gone_count;
	bk_s3_give(client);
	if (batch != NULL)
		free(batch->key);
	free(batch);
	return good;
}

/* *unknown: the store does not know such a request. */
static bool
send_batch(Batch *batch, BkS3Client *client, bool *unknown, BkError *err)
{
	BkS3Request request;
	BkBuf		list;
	bool		done;

	bk_buf_init(&list);
	bk_s3_request_init(&request, batch->s3, "POST",
					   (BkS3Deed) {"remove objects in", "s3:DeleteObject", NULL});
	bk_http_query(&request.http, "delete", "%s", "");
	bk_http_header(&request.http, "Content-Type", "application/xml");
	request.accept = accept_batch;
	request.arg = batch;
	done = set_list(batch, &request, &list, err) && bk_s3_call(client, &request, err);
	*unknown = !done && (request.fault.status == 400 || request.fault.status == 405 ||
						 request.fault.status == 501);
	bk_s3_request_free(&request);
	bk_buf_free(&list);
	if (done && batch->gone_count < batch->count)
		done = refused(batch, err);
	return done;
}

static bool
set_list(Batch *batch, BkS3Request *request, BkBuf *list, BkError *err)
{
	unsigned char md5[BK_DIGEST_MD5_SIZE];
	char		text[BK_BASE64_SIZE(BK_DIGEST_MD5_SIZE)];
	BkDigest   *digest;
	bool		done;

	bk_buf_append_string(list, "<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
	for (size_t i = 0; i < batch->count; i++)
	{
		bk_buf_append_string(list, "<Object><Key>");
		bk_xml_escape(list, batch->s3->place.prefix);
		bk_xml_escape(list, batch->keys[i]);
		bk_buf_append_string(list, "</Key></Object>");
	}
	bk_buf_append_string(list, "</Delete>");
	if (!bk_buf_check(list, err))
		return false;
	digest = bk_digest_new_md5(err);
	done = digest != NULL && bk_digest_update(digest, list->data, list->len, err) &&
		bk_digest_final(digest, md5, err);
	bk_digest_free(digest);
	if (!done)
		return false;
	bk_base64_encode(md5, sizeof(md5), true, text);
	bk_http_header(&request->http, "Content-MD5", "%s", text);
	request->http.body = list->data;
	request->http.body_len = list->len;
	return true;
}

/* Control characters, and what is not UTF-8, cannot stand in XML. */
static bool
can_be_written(const Batch *batch)
{
	for (size_t i = 0; i < batch->count; i++)
	{
		for (const char *c = batch->keys[i]; *c != '\0'; c++)
		{
			if ((unsigned char) *c < ' ' || (unsigned char) *c > '~')
				return false;
		}
	}
	return true;
}

static bool
accept_batch(void *arg, const BkHttpResponse *response, BkError *err)
{
	Batch	   *batch = arg;

	memset(batch->gone, 0, sizeof(batch->gone));
	batch->gone_count = 0;
	batch->has_refusal = false;
	batch->fault = (BkS3Fault) {.status = response->status};
	return bk_xml_parse(response->body.data, response->body.len, "DeleteResult",
						note_element, batch, err);
}

static bool
note_element(void *arg, const char *path, const char *text, BkError *err)
{
	Batch	   *batch = arg;
	const char *name = path + strlen("/DeleteResult");
	size_t		at;

	if (strcmp(name, "/Deleted/Key") == 0 || strcmp(name, "/Error/Key") == 0)
		return bk_s3_page_keep(&batch->key, text, err);
	if (strcmp(name, "/Error/Code") == 0)
		bk_s3_fault_say(&batch->fault, text, NULL);
	else if (strcmp(name, "/Error/Message") == 0)
		bk_s3_fault_say(&batch->fault, NULL, text);
	else if (strcmp(name, "/Deleted") == 0 && find_key(batch, &at) && !batch->gone[at])
	{
		batch->gone[at] = true;
		batch->gone_count++;
	}
	else if (strcmp(name, "/Error") == 0 && !batch->has_refusal && find_key(batch, &at))
	{
		batch->has_refusal = true;
		batch->refused_at = at;
		batch->refusal = batch->fault;
	}
	return true;
}

static bool
find_key(const Batch *batch, size_t *at)
{
	size_t		prefix = strlen(batch->s3->place.prefix);

	if (batch->key == NULL || strncmp(batch->key, batch->s3->place.prefix, prefix) != 0)
		return false;
	for (*at = 0; *at < batch->count; ++*at)
	{
		if (strcmp(batch->keys[*at], batch->key + prefix) == 0)
			return true;
	}
	return false;
}

static bool
refused(const Batch *batch, BkError *err)
{
	BkS3Deed	deed = {"remove", "s3:DeleteObject", NULL};
	BkS3Fault	silence = {0};
	size_t		at = 0;

	if (batch->has_refusal)
	{
		deed.key = batch->keys[batch->refused_at];
		return bk_s3_fault_error(&batch->refusal, &batch->s3->place, &deed, err);
	}
	while (batch->gone[at])
		at++;
	deed.key = batch->keys[at];
	return bk_s3_fault_error(&silence, &batch->s3->place, &deed, err);
}
