/*
 * s3_sweep.c
 *	  Uploads that nobody finished.
 *
 * The store cannot tell whether the writer of an upload still lives. So, unless
 * the caller knows that it does not, only those that began a day ago, by the
 * store's clock, count as left behind: no object takes so long.
 */
#include <stdlib.h>
#include <string.h>

#include "storage/s3_list.h"
#include "storage/s3_multipart.h"
#include "storage/s3_page.h"
#include "storage/xml.h"

#define STALE_SECONDS	((int64_t) 24 * 3600)

/* One page of the uploads that are open. */
typedef struct Page
{
	BkS3	   *s3;
	BkS3Client *client;
	const char *beginning;		/* with the store's prefix */
	char	   *key_marker;		/* of the page before, or NULL */
	char	   *id_marker;
	char	   *next_key;		/* of the next page */
	char	   *next_id;
	bool		truncated;
	size_t		count;			/* uploads, of any age */
	BkBuf		stale;			/* key NUL id NUL, for each that is old */
	bool		dead;			/* nobody works on any of them */
	int64_t		before;			/* else what began later is left alone */

	/* While an upload is read. */
	char	   *key;
	char	   *id;
	int64_t		begun;
} Page;

static bool read_page(Page *page, BkError *err);
static bool accept_page(void *arg, const BkHttpResponse *response,
						BkError *err);
static bool note_element(void *arg, const char *path, const char *text,
						 BkError *err);
static bool add_upload(Page *page, BkError *err);
static bool abort_stale(Page *page, BkError *err);
static bool go_on(Page *page, BkError *err);
static void forget(char **text);

bool
bk_s3_sweep(BkS3 *s3, const char *beginning, bool dead,
			BkError *err)
{
	Page		page = {.s3 = s3, .dead = dead};
	char	   *full = bk_s3_page_beginning(s3, beginning, err);
	BkS3Client *client = full == NULL ? NULL : bk_s3_take(s3, NULL, err);
	bool		good = client != NULL;
	bool		more = good;

	page.beginning = full;
	page.client = client;
	bk_buf_init(&page.stale);
	while (good && more)
	{
		good = read_page(&page, err) && abort_stale(&page, err);
		more = good && page.truncated;
		good = good && (!more || go_on(&page, err));
	}
	/* Who may not clean up leaves that to who may, or to the bucket's rules. */
	if (!good && client != NULL && (bk_error_is(err, BK_STATE_NO_RIGHT) ||
									bk_error_is(err, BK_STATE_UNSUPPORTED)))
		good = true;
	forget(&page.key_marker);
	forget(&page.id_marker);
	forget(&page.next_key);
	forget(&page.next_id);
	forget(&page.key);
	forget(&page.id);
	bk_buf_free(&page.stale);
	bk_s3_give(client);
	free(full);
	return good;
}

/*
 * Keys are not asked for encoded, as a listing of objects has them: Ceph then
 * encodes some and does not say so, and ours are fit for XML.
 */
static bool
read_page(Page *page, BkError *err)
{
	BkS3Request request;
	bool		done;

	bk_s3_request_init(&request, page->s3, "GET",
					   (BkS3Deed) {"list uploads to", "s3:ListBucketMultipartUploads", NULL});
	bk_http_query(&request.http, "uploads", "%s", "");
	bk_http_query(&request.http, "prefix", "%s", page->beginning);
	if (page->key_marker != NULL)
		bk_http_query(&request.http, "key-marker", "%s", page->key_marker);
	if (page->id_marker != NULL)
		bk_http_query(&request.http, "upload-id-marker", "%s", page->id_marker);
	request.accept = accept_page;
	request.arg = page;
	done = bk_s3_call(page->client, &request, err);
	bk_s3_request_free(&request);
	return done;
}

static bool
accept_page(void *arg, const BkHttpResponse *response, BkError *err)
{
	Page	   *page = arg;

	bk_buf_reset(&page->stale);
	page->before = bk_s3_time(page->client) - STALE_SECONDS;
	page->count = 0;
	page->truncated = false;
	forget(&page->key);
	forget(&page->id);
	forget(&page->next_key);
	forget(&page->next_id);
	return bk_xml_parse(response->body.data, response->body.len,
						"ListMultipartUploadsResult", note_element, page, err) &&
		bk_buf_check(&page->stale, err);
}

static bool
note_element(void *arg, const char *path, const char *text, BkError *err)
{
	Page	   *page = arg;
	const char *name = path + strlen("/ListMultipartUploadsResult");

	if (strcmp(name, "/Upload/Key") == 0)
		return bk_s3_page_keep(&page->key, text, err);
	if (strcmp(name, "/Upload/UploadId") == 0)
		return bk_s3_page_keep(&page->id, text, err);
	if (strcmp(name, "/Upload/Initiated") == 0)
		return bk_s3_page_time(page->s3, text, &page->begun, err);
	if (strcmp(name, "/Upload") == 0)
		return add_upload(page, err);
	if (strcmp(name, "/NextKeyMarker") == 0)
		return bk_s3_page_keep(&page->next_key, text, err);
	if (strcmp(name, "/NextUploadIdMarker") == 0)
		return bk_s3_page_keep(&page->next_id, text, err);
	if (strcmp(name, "/IsTruncated") == 0)
		page->truncated = strcmp(text, "true") == 0;
	return true;
}

static bool
add_upload(Page *page, BkError *err)
{
	if (page->key == NULL || page->id == NULL || page->begun == 0)
		return bk_s3_page_odd(page->s3, "it has an upload without key, name or time", err);
	page->count++;
	if (page->dead || page->begun < page->before)
	{
		bk_buf_append(&page->stale, page->key, strlen(page->key) + 1);
		bk_buf_append(&page->stale, page->id, strlen(page->id) + 1);
	}
	forget(&page->key);
	forget(&page->id);
	page->begun = 0;
	return true;
}

static bool
abort_stale(Page *page, BkError *err)
{
	size_t		prefix = strlen(page->s3->place.prefix);
	char	   *key = page->stale.data;

	while (key < page->stale.data + page->stale.len)
	{
		const char *id = key + strlen(key) + 1;

		if (strncmp(key, page->beginning, strlen(page->beginning)) != 0)
			return bk_s3_page_odd(page->s3, "it has a key that was not asked for", err);
		if (!bk_s3_multipart_abort(page->s3, page->client, key + prefix, id, err))
			return false;
		key = (char *) id + strlen(id) + 1;
	}
	return true;
}

/* To the next page, which must be another one. */
static bool
go_on(Page *page, BkError *err)
{
	if (page->count == 0 || page->next_key == NULL ||
		(page->key_marker != NULL && strcmp(page->key_marker, page->next_key) > 0))
		return bk_s3_page_odd(page->s3, "it does not say how it goes on", err);
	forget(&page->key_marker);
	forget(&page->id_marker);
	page->key_marker = page->next_key;
	page->id_marker = page->next_id;
	page->next_key = page->next_id = NULL;
	return true;
}

static void
forget(char **text)
{
	free(*text);
	*text = NULL;
}
