/*
 * azure_list.c
 *	  Listings of Azure Blob Storage.
 *
 * A page is read whole before anything in it is visited. Accounts with a
 * hierarchical namespace list folder by folder and so in another order, which
 * is told as an error.
 */
#include "storage/azure_list.h"

#include <stdlib.h>
#include <string.h>

#include "storage/answer.h"
#include "storage/xml.h"

#define PAGE_MAX	"1000"

typedef struct Entry
{
	char	   *key;			/* without the prefix */
	BkObjectStat stat;
} Entry;

typedef struct Page
{
	BkAzure    *azure;
	char	   *beginning;		/* with the prefix */
	char	   *last;			/* key of the page before, or NULL */
	char	   *marker;			/* of the next page; NULL or "": there is none */
	bool		whole;			/* the document says where it goes on */
	Entry		entry;			/* that is being read */
	size_t		count;
	size_t		room;
	Entry	   *entries;
} Page;

static bool ask_page(Page *page, BkAzureClient *client, bool flat,
					 BkError *err);
static bool accept_page(void *arg, const BkHttpResponse *response,
						BkError *err);
static bool note_element(void *arg, const char *path, const char *text,
						 BkError *err);
static bool note_name(Page *page, const char *text, BkError *err);
static bool add_entry(Page *page, BkError *err);
static bool visit_page(Page *page, BkStorageVisit visit, void *arg,
					   BkError *err);
static void clear_page(Page *page);
static bool odd(const Page *page, const char *why, BkError *err);

bool
bk_azure_list(BkAzure *azure, const char *beginning, bool flat,
			  BkStorageVisit visit, void *arg, BkError *err)
{
	BkAzureClient *client = bk_azure_take(azure, NULL, err);
	Page		page = {.azure = azure};
	BkBuf		whole;
	bool		more = true;
	bool		done = client != NULL;

	bk_buf_init(&whole);
	bk_buf_printf(&whole, "%s%s", azure->prefix, beginning);
	if (done)
		done = (page.beginning = bk_buf_take(&whole, err)) != NULL;
	else
		bk_buf_free(&whole);
	while (done && more)
	{
		done = ask_page(&page, client, flat, err) &&
			visit_page(&page, visit, arg, err);
		more = page.marker != NULL && *page.marker != '\0';
	}
	clear_page(&page);
	free(page.marker);
	free(page.entries);
	free(page.last);
	free(page.beginning);
	if (client != NULL)
		bk_azure_give(client);
	return done;
}

static bool
ask_page(Page *page, BkAzureClient *client, bool flat, BkError *err)
{
	BkAzureRequest request;
	bool		done;

	bk_azure_request_init(&request, page->azure, "GET", "list", NULL);
	bk_http_query(&request.http, "restype", "%s", "container");
	bk_http_query(&request.http, "comp", "%s", "list");
	bk_http_query(&request.http, "prefix", "%s", page->beginning);
	bk_http_query(&request.http, "maxresults", "%s", PAGE_MAX);
	if (flat)
		bk_http_query(&request.http, "delimiter", "%s", "/");
	if (page->marker != NULL)
		bk_http_query(&request.http, "marker", "%s", page->marker);
	request.accept = accept_page;
	request.arg = page;
	done = bk_azure_call(client, &request, err);
	bk_azure_request_free(&request);
	return done;
}

static bool
accept_page(void *arg, const BkHttpResponse *response, BkError *err)
{
	Page	   *page = arg;

	clear_page(page);
	return bk_xml_parse(response->body.data, response->body.len,
						"EnumerationResults", note_element, page, err) &&
		(page->whole || odd(page, "it does not say whether it goes on", err));
}

static bool
note_element(void *arg, const char *path, const char *text, BkError *err)
{
	Page	   *page = arg;
	const char *name = path + strlen("/EnumerationResults");

	if (strcmp(name, "/Blobs/Blob/Name") == 0)
		return note_name(page, text, err);
	if (strcmp(name, "/Blobs/Blob/Properties/Content-Length") == 0)
	{
		if (*text == '\0' || strlen(text) > 18 || strspn(text, "0123456789") != strlen(text))
			return odd(page, "it has a size that is no number", err);
		page->entry.stat.size = strtoull(text, NULL, 10);
	}
	else if (strcmp(name, "/Blobs/Blob/Properties/Last-Modified") == 0)
		return bk_answer_date(text, &page->entry.stat.modified) ||
			odd(page, "it has a time that is none", err);
	else if (strcmp(name, "/Blobs/Blob") == 0)
		return add_entry(page, err);
	else if (strcmp(name, "/NextMarker") == 0)
	{
		free(page->marker);
		page->marker = strdup(text);
		page->whole = true;
		return page->marker != NULL || bk_error_memory(err);
	}
	return true;
}

static bool
note_name(Page *page, const char *text, BkError *err)
{
	if (strncmp(text, page->beginning, strlen(page->beginning)) != 0)
		return odd(page, "it has a key that was not asked for", err);
	free(page->entry.key);
	page->entry.key = strdup(text + strlen(page->azure->prefix));
	return page->entry.key != NULL || bk_error_memory(err);
}

/* All of an object has been read. What is no key is nothing of ours. */
static bool
add_entry(Page *page, BkError *err)
{
	const char *before = page->count > 0 ? page->entries[page->count - 1].key : page->last;
	Entry	   *entries;
	BkError		ignored;

	if (page->entry.key == NULL)
		return odd(page, "it has an object without a key", err);
	if (before != NULL && strcmp(before, page->entry.key) >= 0)
		return odd(page, "its keys are not in order: use an account without hierarchical namespace", err);
	if (!bk_storage_check_key(page->entry.key, &ignored))
		return true;
	if (page->count == page->room)
	{
		size_t		room = page->room > 0 ? page->room * 2 : 64;

		entries = realloc(page->entries, room * sizeof(*entries));
		if (entries == NULL)
			return bk_error_memory(err);
		page->entries = entries;
		page->room = room;
	}
	page->entry.stat.exists = true;
	page->entries[page->count++] = page->entry;
	page->entry = (Entry) {0};
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
	if (page->count > 0)
	{
		free(page->last);
		page->last = page->entries[--page->count].key;
	}
	return true;
}

/* The room stays, and the marker that is being asked with. */
static void
clear_page(Page *page)
{
	for (size_t i = 0; i < page->count; i++)
		free(page->entries[i].key);
	page->count = 0;
	free(page->entry.key);
	page->entry = (Entry) {0};
	page->whole = false;
}

static bool
odd(const Page *page, const char *why, BkError *err)
{
	bk_error(err, BK_STATE_PROTOCOL, "a listing of \"%s\" cannot be believed",
			 bk_azure_place(page->azure));
	return bk_error_detail(err, "What is wrong with it: %s.", why);
}
