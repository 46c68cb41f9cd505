/*
 * azure_stream.c
 *	  Reading and writing objects of Azure Blob Storage as streams.
 *
 * A blob is put together of blocks. A block has a name that nobody else can
 * have, and is proved by the MD5 that the store says when it has got it; so
 * the list of the blocks that the finished blob has proves the whole. Where a
 * block was not proved, the blob is read back. Blocks that no blob is made of
 * go by themselves after a week.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base64.h"
#include "core/digest.h"
#include "storage/azure_object.h"
#include "storage/download.h"
#include "storage/same.h"
#include "storage/upload.h"
#include "storage/xml.h"

#define BLOCKS_MAX		50000
#define LABEL_SIZE		16
#define BLOCK_NAME		(LABEL_SIZE + 8)	/* before base 64: label and number */

typedef struct AzureGet
{
	BkDownload	base;
	BkAzure    *azure;
	char	   *key;
	char		etag[BK_AZURE_ETAG_SIZE];
} AzureGet;

/* What one request shall bring. */
typedef struct Range
{
	AzureGet   *get;
	uint64_t	from;
	uint64_t	len;
	bool		first;
} Range;

typedef struct AzureUpload
{
	BkUpload	base;
	BkAzure    *azure;
	char	   *key;
	char		label[LABEL_SIZE + 1];	/* of the names of its blocks */
	pthread_mutex_t lock;		/* of what follows */
	bool		unproved;		/* some block is */
	int			room;			/* for blocks */
	BkSamePart *blocks;
} AzureUpload;

/* The blocks of a finished blob, as they are told one after the other. */
typedef struct BlockList
{
	const AzureUpload *upload;
	int			count;			/* in their order, so far */
	char		name[BK_BASE64_SIZE(BLOCK_NAME)];	/* of the last one */
	bool		same;
} BlockList;

static void *get_take(BkDownload *base, const atomic_bool *cancel,
					  BkError *err);
static bool get_first(BkDownload *base, void *connection, BkBuf *data,
					  BkError *err);
static bool get_fetch(BkDownload *base, void *connection, uint64_t from,
					  uint64_t len, BkBuf *data, BkError *err);
static void get_free(BkDownload *base);
static bool fetch(BkAzureClient *client, Range *range, BkBuf *data,
				  BkError *err);
static bool accept_range(void *arg, const BkHttpResponse *response,
						 BkError *err);
static bool is_empty(AzureGet *get);
static void *upload_take(BkUpload *base, const atomic_bool *cancel,
						 BkError *err);
static void give(void *connection);
static bool upload_whole(BkUpload *base, const void *data, size_t len,
						 BkError *err);
static bool upload_begin(BkUpload *base, void *connection, BkError *err);
static bool upload_expect(BkUpload *base, int number, BkError *err);
static bool upload_send(BkUpload *base, void *connection, int number,
						const void *data, size_t len, BkError *err);
static bool upload_complete(BkUpload *base, void *connection, int count,
							BkError *err);
static void upload_abandon(BkUpload *base);
static void upload_free(BkUpload *base);
static bool confirm(AzureUpload *upload, BkAzureClient *client, int count,
					bool *same, BkError *err);
static bool read_back(AzureUpload *upload, int count, bool *same,
					  BkError *err);
static bool accept_blocks(void *arg, const BkHttpResponse *response,
						  BkError *err);
static bool note_block(void *arg, const char *path, const char *text,
					   BkError *err);
static void name_block(const AzureUpload *upload, int number,
					   char name[BK_BASE64_SIZE(BLOCK_NAME)]);

static const BkDownloadOps get_ops = {
	.take = get_take,
	.give = give,
	.first = get_first,
	.fetch = get_fetch,
	.free = get_free,
};

static const BkUploadOps upload_ops = {
	.take = upload_take,
	.give = give,
	.whole = upload_whole,
	.begin = upload_begin,
	.expect = upload_expect,
	.send = upload_send,
	.complete = upload_complete,
	.abandon = upload_abandon,
	.free = upload_free,
};

BkReader *
bk_azure_get_open(BkAzure *azure, const char *key, BkError *err)
{
	AzureGet   *get = calloc(1, sizeof(*get));

	if (get == NULL || (get->key = strdup(key)) == NULL)
	{
		free(get);
		bk_error_memory(err);
		return NULL;
	}
	get->base.ops = &get_ops;
	get->base.jobs = azure->jobs;
	get->azure = azure;
	return bk_download_open(&get->base, err);
}

BkWriter *
bk_azure_upload_open(BkAzure *azure, const char *key, BkError *err)
{
	AzureUpload *upload = calloc(1, sizeof(*upload));

	if (upload == NULL || (upload->key = strdup(key)) == NULL)
	{
		free(upload);
		bk_error_memory(err);
		return NULL;
	}
	upload->base.ops = &upload_ops;
	upload->base.jobs = azure->jobs;
	upload->azure = azure;
	pthread_mutex_init(&upload->lock, NULL);
	return bk_upload_open(&upload->base, err);
}

static void *
get_take(BkDownload *base, const atomic_bool *cancel, BkError *err)
{
	return bk_azure_take(((AzureGet *) base)->azure, cancel, err);
}

static bool
get_first(BkDownload *base, void *connection, BkBuf *data, BkError *err)
{
	Range		range = {.get = (AzureGet *) base, .len = BK_DOWNLOAD_RANGE, .first = true};

	return fetch(connection, &range, data, err);
}

static bool
get_fetch(BkDownload *base, void *connection, uint64_t from, uint64_t len,
		  BkBuf *data, BkError *err)
{
	Range		range = {.get = (AzureGet *) base, .from = from, .len = len};

	return fetch(connection, &range, data, err);
}

static void
get_free(BkDownload *base)
{
	AzureGet   *get = (AzureGet *) base;

	free(get->key);
	free(get);
}

/* One request for one range. */
static bool
fetch(BkAzureClient *client, Range *range, BkBuf *data, BkError *err)
{
	AzureGet   *get = range->get;
	BkAzureRequest request;
	bool		done;

	bk_azure_request_init(&request, get->azure, "GET", "read", get->key);
	if (!range->first)
		bk_http_header(&request.http, "If-Match", "%s", get->etag);
	bk_http_header(&request.http, "x-ms-range", "bytes=%" PRIu64 "-%" PRIu64,
				   range->from, range->from + range->len - 1);
	request.accept = accept_range;
	request.arg = range;
	request.body_max = (size_t) range->len;
	done = bk_azure_call(client, &request, err);
	if (done)
	{
		bk_buf_free(data);
		*data = request.response.body;
		bk_buf_init(&request.response.body);
	}
	else if (range->first && request.fault.status == 416)
		done = is_empty(get);
	bk_azure_request_free(&request);
	return done;
}

/* Is it the range, of the object that was begun with, and all of it? */
static bool
accept_range(void *arg, const BkHttpResponse *response, BkError *err)
{
	Range	   *range = arg;
	AzureGet   *get = range->get;
	const char *text = bk_http_find(response, "content-range");
	char		etag[BK_AZURE_ETAG_SIZE];
	uint64_t	first = 0;
	uint64_t	last = 0;
	uint64_t	size = 0;
	uint64_t	len = range->len;
	int			end = 0;
	bool		good = bk_azure_etag(response, etag);

	if (good && range->first && response->status == 200)
		size = len = response->body.len;
	else
		good = good && response->status == 206 && text != NULL &&
			sscanf(text, "bytes %19" SCNu64 "-%19" SCNu64 "/%19" SCNu64 "%n",
				   &first, &last, &size, &end) == 3 && text[end] == '\0';
	if (good && range->first)
	{
		memcpy(get->etag, etag, sizeof(etag));
		get->base.size = size;
		len = size < range->len ? size : range->len;
	}
	if (good && first == range->from && size == get->base.size &&
		response->body.len == len && strcmp(etag, get->etag) == 0)
		return true;
	return bk_error(err, BK_STATE_PROTOCOL,
					"object \"%s\" in \"%s\" was answered with another range than was asked for",
					get->key, bk_azure_place(get->azure));
}

/* There is no range of an object without bytes. */
static bool
is_empty(AzureGet *get)
{
	BkAzureHead head;
	BkError		ignored;

	return bk_azure_head(get->azure, get->key, &head, &ignored) &&
		head.stat.exists && head.stat.size == 0;
}

static void *
upload_take(BkUpload *base, const atomic_bool *cancel, BkError *err)
{
	return bk_azure_take(((AzureUpload *) base)->azure, cancel, err);
}

static void
give(void *connection)
{
	bk_azure_give(connection);
}

static bool
upload_whole(BkUpload *base, const void *data, size_t len, BkError *err)
{
	AzureUpload *upload = (AzureUpload *) base;

	return bk_azure_put_object(upload->azure, upload->key, data, len, err);
}

/* Nothing has to be asked for. */
static bool
upload_begin(BkUpload *base, void *connection, BkError *err)
{
	(void) connection;
	return bk_random_label(((AzureUpload *) base)->label, LABEL_SIZE, err);
}

static bool
upload_expect(BkUpload *base, int number, BkError *err)
{
	AzureUpload *upload = (AzureUpload *) base;
	int			room = upload->room * 2 + 16;
	BkSamePart *blocks;

	if (number > BLOCKS_MAX)
	{
		bk_error(err, BK_STATE_TOO_LARGE, "object \"%s\" is too large for \"%s\"",
				 upload->key, bk_azure_place(upload->azure));
		return bk_error_detail(err, "It would have more than %d blocks of %zu bytes.",
							   BLOCKS_MAX, BK_UPLOAD_PART_SIZE);
	}
	if (number <= upload->room)
		return true;
	pthread_mutex_lock(&upload->lock);
	blocks = realloc(upload->blocks, (size_t) room * sizeof(*blocks));
	if (blocks != NULL)
	{
		upload->blocks = blocks;
		upload->room = room;
	}
	pthread_mutex_unlock(&upload->lock);
	return blocks != NULL || bk_error_memory(err);
}

static bool
upload_send(BkUpload *base, void *connection, int number, const void *data,
			size_t len, BkError *err)
{
	AzureUpload *upload = (AzureUpload *) base;
	BkDigest   *digest = bk_digest_new(err);
	BkSamePart	block = {.size = len};
	char		name[BK_BASE64_SIZE(BLOCK_NAME)];
	BkAzureRequest request;
	bool		done;

	name_block(upload, number, name);
	bk_azure_request_init(&request, upload->azure, "PUT", "store", upload->key);
	bk_http_query(&request.http, "comp", "%s", "block");
	bk_http_query(&request.http, "blockid", "%s", name);
	done = digest != NULL && bk_digest_update(digest, data, len, err) &&
		bk_digest_final(digest, block.sha256, err) &&
		bk_azure_set_body(&request, data, len, err) &&
		bk_azure_call(connection, &request, err);
	pthread_mutex_lock(&upload->lock);
	upload->blocks[number - 1] = block;
	upload->unproved = upload->unproved || (done && !bk_azure_is_proof(&request));
	pthread_mutex_unlock(&upload->lock);
	bk_azure_request_free(&request);
	bk_digest_free(digest);
	return done;
}

/* Refused, or without an answer, it may still be there, and ours. */
static bool
upload_complete(BkUpload *base, void *connection, int count, BkError *err)
{
	AzureUpload *upload = (AzureUpload *) base;
	char		name[BK_BASE64_SIZE(BLOCK_NAME)];
	BkAzureRequest request;
	BkBuf		list;
	BkError		problem;
	bool		same = false;
	bool		put;

	bk_buf_init(&list);
	bk_buf_append_string(&list, "<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>");
	for (int i = 1; i <= count; i++)
	{
		name_block(upload, i, name);
		bk_buf_printf(&list, "<Latest>%s</Latest>", name);
	}
	bk_buf_append_string(&list, "</BlockList>");
	bk_azure_request_init(&request, upload->azure, "PUT", "store", upload->key);
	bk_http_query(&request.http, "comp", "%s", "blocklist");
	bk_http_header(&request.http, "x-ms-blob-content-type", "%s", "application/octet-stream");
	bk_http_header(&request.http, "If-None-Match", "%s", "*");
	put = bk_buf_check(&list, err) &&
		bk_azure_set_body(&request, list.data, list.len, err) &&
		bk_azure_call(connection, &request, err);
	if (put || !bk_error_is(err, BK_STATE_CANCELED))
	{
		if (confirm(upload, connection, count, &same, put ? err : &problem) &&
			put && !same)
			bk_error(err, BK_STATE_CORRUPT,
					 "object \"%s\" in \"%s\" is not what was stored",
					 upload->key, bk_azure_place(upload->azure));
	}
	if (!same && bk_azure_refused(&request, "BlobAlreadyExists"))
		bk_error(err, BK_STATE_DUP_OBJECT,
				 "object \"%s\" in \"%s\" exists with other content",
				 upload->key, bk_azure_place(upload->azure));
	bk_azure_request_free(&request);
	bk_buf_free(&list);
	return same;
}

static void
upload_abandon(BkUpload *base)
{
	(void) base;
}

static void
upload_free(BkUpload *base)
{
	AzureUpload *upload = (AzureUpload *) base;

	pthread_mutex_destroy(&upload->lock);
	free(upload->blocks);
	free(upload->key);
	free(upload);
}

/* Is the blob made of our blocks, all of them, in their order? */
static bool
confirm(AzureUpload *upload, BkAzureClient *client, int count, bool *same,
		BkError *err)
{
	BlockList	list = {.upload = upload};
	BkAzureRequest request;
	bool		done;

	bk_azure_request_init(&request, upload->azure, "GET", "look at", upload->key);
	bk_http_query(&request.http, "comp", "%s", "blocklist");
	bk_http_query(&request.http, "blocklisttype", "%s", "committed");
	request.accept = accept_blocks;
	request.arg = &list;
	done = bk_azure_call(client, &request, err);
	*same = done && list.same && list.count == count;
	bk_azure_request_free(&request);
	return done && (!*same || !upload->unproved || read_back(upload, count, same, err));
}

static bool
read_back(AzureUpload *upload, int count, bool *same, BkError *err)
{
	BkReader   *reader = bk_azure_get_open(upload->azure, upload->key, err);
	bool		done = reader != NULL &&
		bk_same_parts(reader, upload->blocks, sizeof(*upload->blocks), count, same, err);

	bk_reader_close(reader);
	*same = *same && done;
	return done;
}

static bool
accept_blocks(void *arg, const BkHttpResponse *response, BkError *err)
{
	BlockList  *list = arg;

	*list = (BlockList) {.upload = list->upload, .same = true};
	return bk_xml_parse(response->body.data, response->body.len, "BlockList",
						note_block, list, err);
}

static bool
note_block(void *arg, const char *path, const char *text, BkError *err)
{
	BlockList  *list = arg;
	char		name[BK_BASE64_SIZE(BLOCK_NAME)];

	(void) err;
	if (strcmp(path, "/BlockList/CommittedBlocks/Block/Name") == 0)
		snprintf(list->name, sizeof(list->name), "%s", text);
	else if (strcmp(path, "/BlockList/CommittedBlocks/Block") == 0)
	{
		name_block(list->upload, ++list->count, name);
		list->same = list->same && strcmp(name, list->name) == 0;
	}
	return true;
}

/* All names have the same length, as they must. */
static void
name_block(const AzureUpload *upload, int number,
		   char name[BK_BASE64_SIZE(BLOCK_NAME)])
{
	char		plain[BLOCK_NAME + 1];

	snprintf(plain, sizeof(plain), "%s%08u", upload->label, (unsigned) number % 100000000u);
	bk_base64_encode(plain, BLOCK_NAME, true, name);
}
