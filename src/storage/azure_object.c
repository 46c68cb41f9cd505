/*
 * azure_object.c
 *	  Requests about single objects of Azure Blob Storage.
 */
#include "storage/azure_object.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base64.h"
#include "core/digest.h"
#include "storage/answer.h"

#define MD5_HEADER	"Content-MD5"

static bool read_head(const BkHttpResponse *response, BkAzureHead *head);
static bool accept_head(void *arg, const BkHttpResponse *response,
						BkError *err);
static bool put_once(BkAzure *azure, const char *key, const void *data,
					 size_t len, BkAzureRequest *request, BkError *err);

bool
bk_azure_head(BkAzure *azure, const char *key, BkAzureHead *head, BkError *err)
{
	BkAzureClient *client = bk_azure_take(azure, NULL, err);
	BkAzureRequest request;
	bool		done;

	*head = (BkAzureHead) {0};
	if (client == NULL)
		return false;
	bk_azure_request_init(&request, azure, "HEAD", "look at", key);
	request.accept = accept_head;
	request.arg = head;
	done = bk_azure_call(client, &request, err) ||
		bk_azure_refused(&request, "BlobNotFound");
	bk_azure_request_free(&request);
	bk_azure_give(client);
	return done;
}

bool
bk_azure_put_object(BkAzure *azure, const char *key, const void *data,
					size_t len, BkError *err)
{
	BkAzureRequest request;
	bool		done;

	if (!put_once(azure, key, data, len, &request, err))
		/* It may be ours: of an attempt whose answer was lost. */
		done = bk_azure_refused(&request, "BlobAlreadyExists") &&
			bk_azure_same_content(azure, key, data, len, err);
	else
		done = bk_azure_is_proof(&request) ||
			bk_azure_same_content(azure, key, data, len, err);
	bk_azure_request_free(&request);
	return done;
}

bool
bk_azure_remove_object(BkAzure *azure, const char *key, BkError *err)
{
	BkAzureClient *client = bk_azure_take(azure, NULL, err);
	BkAzureRequest request;
	bool		done;

	if (client == NULL)
		return false;
	bk_azure_request_init(&request, azure, "DELETE", "remove", key);
	done = bk_azure_call(client, &request, err) ||
		bk_azure_refused(&request, "BlobNotFound");
	bk_azure_request_free(&request);
	bk_azure_give(client);
	return done;
}

bool
bk_azure_same_content(BkAzure *azure, const char *key, const void *data,
					  size_t len, BkError *err)
{
	BkReader   *reader = bk_azure_get_open(azure, key, err);
	char	   *buf = malloc(BK_STREAM_BUFFER);
	size_t		at = 0;
	size_t		got = 1;
	bool		good = reader != NULL && (buf != NULL || bk_error_memory(err));
	bool		same = true;

	while (good && same && got > 0)
	{
		good = bk_read(reader, buf, BK_STREAM_BUFFER, &got, err);
		if (good && got > 0)
			same = got <= len - at && memcmp(buf, (const char *) data + at, got) == 0;
		if (good && same)
			at += got;
	}
	if (good && !(same && at == len))
		good = bk_error(err, BK_STATE_DUP_OBJECT,
						"object \"%s\" in \"%s\" exists with other content",
						key, bk_azure_place(azure));
	bk_reader_close(reader);
	free(buf);
	return good;
}

bool
bk_azure_set_body(BkAzureRequest *request, const void *data, size_t len,
				  BkError *err)
{
	BkDigest   *digest = bk_digest_new_md5(err);
	unsigned char md5[BK_DIGEST_MD5_SIZE];
	char		text[BK_BASE64_SIZE(BK_DIGEST_MD5_SIZE)];
	bool		done = digest != NULL && bk_digest_update(digest, data, len, err) &&
		bk_digest_final(digest, md5, err);

	bk_digest_free(digest);
	if (!done)
		return false;
	bk_base64_encode(md5, sizeof(md5), true, text);
	bk_http_header(&request->http, MD5_HEADER, "%s", text);
	request->http.body = data;
	request->http.body_len = len;
	return true;
}

bool
bk_azure_is_proof(const BkAzureRequest *request)
{
	const char *said = bk_http_find(&request->response, "content-md5");

	for (int i = 0; said != NULL && i < request->http.header_count; i++)
	{
		if (strcmp(request->http.headers[i].name, MD5_HEADER) == 0)
			return strcmp(request->http.headers[i].value, said) == 0;
	}
	return false;
}

bool
bk_azure_etag(const BkHttpResponse *response, char *etag)
{
	const char *value = bk_http_find(response, "etag");

	if (value == NULL || *value == '\0' || strlen(value) >= BK_AZURE_ETAG_SIZE)
		return false;
	memcpy(etag, value, strlen(value) + 1);
	return true;
}

static bool
accept_head(void *arg, const BkHttpResponse *response, BkError *err)
{
	return read_head(response, arg) ||
		bk_error(err, BK_STATE_PROTOCOL, "an answer about an object lacks its size, time or ETag");
}

static bool
read_head(const BkHttpResponse *response, BkAzureHead *head)
{
	const char *length = bk_http_find(response, "content-length");
	const char *modified = bk_http_find(response, "last-modified");

	*head = (BkAzureHead) {.stat.exists = true};
	if (length == NULL || strlen(length) > 18 ||
		strspn(length, "0123456789") != strlen(length) ||
		modified == NULL || !bk_answer_date(modified, &head->stat.modified) ||
		!bk_azure_etag(response, head->etag))
	{
		*head = (BkAzureHead) {0};
		return false;
	}
	head->stat.size = strtoull(length, NULL, 10);
	return true;
}

/* The request is the caller's to free. */
static bool
put_once(BkAzure *azure, const char *key, const void *data, size_t len,
		 BkAzureRequest *request, BkError *err)
{
	BkAzureClient *client;
	bool		done;

	bk_azure_request_init(request, azure, "PUT", "store", key);
	client = bk_azure_take(azure, NULL, err);
	if (client == NULL)
		return false;
	bk_http_header(&request->http, "x-ms-blob-type", "%s", "BlockBlob");
	bk_http_header(&request->http, "Content-Type", "%s", "application/octet-stream");
	bk_http_header(&request->http, "If-None-Match", "%s", "*");
	done = bk_azure_set_body(request, data, len, err) &&
		bk_azure_call(client, request, err);
	bk_azure_give(client);
	return done;
}
