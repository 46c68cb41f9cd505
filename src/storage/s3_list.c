/*
 * s3_list.c
 *	  Listing the objects of an S3 store.
 *
 * A listing comes in pages. It is believed if each page is a complete
 * document, if all keys are in order and begin as was asked for, and if the
 * pages follow each other to the last. Keys that this store would not take
 * are passed over, such as the empty objects that others make for folders.
 */
#include "storage/s3_list.h"

#include <stdlib.h>
#include <string.h>

#include "storage/s3_page.h"
#include "storage/xml.h"

#define PAGE_MAX		1000

typedef struct Entry
{
	char	   *key;
	BkObjectStat stat;
} Entry;

typedef struct Page
{
	const BkS3 *s3;
	const char *beginning;		/* with the store's prefix */
	const char *last;			/* key of the page before, or NULL */
	size_t		count;
	size_t		room;
	Entry	   *entries;
	char	   *next;			/* token of the next page, or NULL */

	/* While it is read. */
	Entry		entry;
	bool		named;			/* it says of which bucket it is */
	bool		encoded;
	bool		truncated;
} Page;

static bool read_page(Page *page, BkS3Client *client, const char *token,
					  bool flat, BkError *err);
static bool accept_page(void *arg, const BkHttpResponse *response,
						BkError *err);
static bool note_element(void *arg, const char *path, const char *text,
						 BkError *err);
static bool add_entry(Page *page, BkError *err);
static bool settle_keys(Page *page, BkError *err);
static bool visit_page(Page *page, BkStorageVisit visit, void *arg,
					   BkError *err);
static void clear_page(Page *page);

bool
bk_s3_list(BkS3 *s3, const char *beginning, bool flat, BkStorageVisit visit,
		   void *arg, BkError *err)
{
	Page		page = {.s3 = s3};
	char	   *full = bk_s3_page_beginning(s3, beginning, err);
	char	   *token = NULL;
	char	   *last = NULL;
	BkS3Client *client;
	bool		good = full != NULL;
	bool		more = good;

	page.beginning = full;
	while (good && more)
	{
		client = bk_s3_take(s3, NULL, err);
		page.last = last;
		good = client != NULL && read_page(&page, client, token, flat, err);
		/* The visitor may have requests of its own. */
		bk_s3_give(client);
		good = good && visit_page(&page, visit, arg, err);
		if (good && page.count > 0)
		{
			free(last);
			last = page.entries[page.count - 1].key;
			page.entries[page.count - 1].key = NULL;
		}
		free(token);
		token = page.next;
		page.next = NULL;
		more = token != NULL;
	}
	clear_page(&page);
	free(page.entries);
	free(token);
	free(last);
	free(full);
	return good;
}

static bool
read_page(Page *page, BkS3Client *client, const char *token, bool flat,
		  BkError *err)
{
	BkS3Request request;
	bool		done;

	bk_s3_request_init(&request, page->s3, "GET",
					   (BkS3Deed) {"list", "s3:ListBucket", NULL});
	bk_http_query(&request.http, "list-type", "2");
	bk_http_query(&request.http, "encoding-type", "url");
	bk_http_query(&request.http, "max-keys", "%d", PAGE_MAX);
	bk_http_query(&request.http, "prefix", "%s", page->beginning);
	if (flat)
		bk_http_query(&request.http, "delimiter", "/");
	if (token != NULL)
		bk_http_query(&request.http, "continuation-token", "%s", token);
	request.accept = accept_page;
	request.arg = page;
	done = bk_s3_call(client, &request, err);
	bk_s3_request_free(&request);
	return done;
}

static bool
accept_page(void *arg, const BkHttpResponse *response, BkError *err)
{
	Page	   *page = arg;

	clear_page(page);
	if (!bk_xml_parse(response->body.data, response->body.len, "ListBucketResult",
					  note_element, page, err))
		return false;
	if (!page->named)
		return bk_s3_page_odd(page->s3, "it does not say of which bucket it is", err);
	if (page->truncated && page->next == NULL)
		return bk_s3_page_odd(page->s3, "it does not say how it goes on", err);
	if (!page->truncated)
	{
		free(page->next);
		page->next = NULL;
	}
	return settle_keys(page, err);
}

static bool
note_element(void *arg, const char *path, const char *text, BkError *err)
{
	Page	   *page = arg;
	const char *name = path + strlen("/ListBucketResult");

	if (strcmp(name, "/Contents/Key") == 0)
		return bk_s3_page_keep(&page->entry.key, text, err);
	if (strcmp(name, "/Contents/Size") == 0)
		return bk_s3_page_size(page->s3, text, &page->entry.stat.size, err);
	if (strcmp(name, "/Contents/LastModified") == 0)
		return bk_s3_page_time(page->s3, text, &page->entry.stat.modified, err);
	if (strcmp(name, "/Contents") == 0)
		return add_entry(page, err);
	if (strcmp(name, "/NextContinuationToken") == 0)
		return bk_s3_page_keep(&page->next, text, err);
	if (strcmp(name, "/IsTruncated") == 0)
		page->truncated = strcmp(text, "true") == 0;
	else if (strcmp(name, "/EncodingType") == 0)
		page->encoded = strcmp(text, "url") == 0;
	else if (strcmp(name, "/Name") == 0)
		page->named = true;
	return true;
}

/* All of an object has been read. */
static bool
add_entry(Page *page, BkError *err)
{
	Entry	   *entries;

	if (page->entry.key == NULL)
		return bk_s3_page_odd(page->s3, "it has an object without a key", err);
	if (page->count == page->room)
	{
		entries = realloc(page->entries, (page->room + PAGE_MAX) * sizeof(*entries));
		if (entries == NULL)
			return bk_error_memory(err);
		page->entries = entries;
		page->room += PAGE_MAX;
	}
	page->entry.stat.exists = true;
	page->entries[page->count++] = page->entry;
	page->entry = (Entry) {0};
	return true;
}

/* The whole page is known, and how its keys are written. */
static bool
settle_keys(Page *page, BkError *err)
{
	size_t		prefix = strlen(page->s3->place.prefix);
	const char *last = page->last;
	size_t		kept = 0;
	BkError		ignored;

	for (size_t i = 0; i < page->count; i++)
	{
		char	   *key = page->entries[i].key;

		if (page->encoded && !bk_s3_page_decode(page->s3, key, err))
			return false;
		if (strncmp(key, page->beginning, strlen(page->beginning)) != 0)
			return bk_s3_page_odd(page->s3, "it has a key that was not asked for", err);
		memmove(key, key + prefix, strlen(key + prefix) + 1);
		if (last != NULL && strcmp(last, key) >= 0)
			return bk_s3_page_odd(page->s3, "its keys are not in order", err);
		last = key;
	}
	for (size_t i = 0; i < page->count; i++)
	{
		if (bk_storage_check_key(page->entries[i].key, &ignored))
			page->entries[kept++] = page->entries[i];
		else
			free(page->entries[i].key);
	}
	page->count = kept;
	return true;
}

static bool
visit_page(Page *page, BkStorageVisit visit, void *arg, BkError *err)
{
	for (size_t i = 0; i < page->count; i++)
	{
		if (!visit(arg, page->entries[i].key, &page->entries[i].stat, err))
			return false;
	}
	return true;
}

/* The room stays. */
static void
clear_page(Page *page)
{
	for (size_t i = 0; i < page->count; i++)
		free(page->entries[i].key);
	page->count = 0;
	free(page->next);
	free(page->entry.key);
	page->next = NULL;
	page->entry = (Entry) {0};
	page->named = page->encoded = page->truncated = false;
}
