/*
 * azure.c
 *	  The store that is a container of Azure Blob Storage.
 *
 * An object stands under the prefix of the URL, a slash, and its key.
 * azure_client.c asks, azure_object.c and azure_stream.c read and write.
 */
#include "storage/azure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/azure_client.h"
#include "storage/azure_list.h"
#include "storage/azure_object.h"
#include "storage/origin.h"
#include "storage/same.h"
#include "storage/upload.h"

#define JOBS_MIN	2

static bool azure_put(BkStorage *storage, const char *key, BkWriter **writer,
					  BkError *err);
static bool azure_store(BkStorage *storage, const char *key, const void *data,
						size_t len, bool free, BkError *err);
static bool azure_get(BkStorage *storage, const char *key, BkReader **reader,
					  BkError *err);
static bool azure_stat(BkStorage *storage, const char *key,
					   BkObjectStat *stat, BkError *err);
static bool azure_list(BkStorage *storage, const char *prefix,
					   BkStorageVisit visit, void *arg, BkError *err);
static bool azure_match(BkStorage *storage, const char *beginning,
						BkStorageVisit visit, void *arg, BkError *err);
static bool azure_sync(BkStorage *storage, const char *key, BkError *err);
static bool azure_remove(BkStorage *storage, const char *key, BkError *err);
static bool azure_sweep(BkStorage *storage, const char *prefix, bool dead,
					   BkError *err);
static bool azure_probe(BkStorage *storage, bool write,
						BkStorageFinding finding, void *arg, BkError *err);
static const char *azure_describe(BkStorage *storage);
static void azure_close(BkStorage *storage);
static bool take_url(BkAzure *azure, const char *text, BkError *err);
static bool take_endpoint(BkAzure *azure, BkError *err);
static bool check_key(const char *key, BkError *err);
static char *folder_of(const char *prefix, BkError *err);

static const BkStorageOps azure_ops = {
	.scheme = "azure",
	.put = azure_put,
	.store = azure_store,
	.get = azure_get,
	.stat = azure_stat,
	.list = azure_list,
	.match = azure_match,
	.sync = azure_sync,
	.remove = azure_remove,
	.remove_all = bk_storage_remove_each,
	.sweep = azure_sweep,
	.probe = azure_probe,
	.lifecycle = bk_storage_no_lifecycle,
	.set_lifecycle = bk_storage_no_set_lifecycle,
	.space = bk_storage_unknown_space,
	.describe = azure_describe,
	.close = azure_close,
};

BkStorage *
bk_azure_open(const char *url, bool create, const BkStorageAccess *access,
			  BkError *err)
{
	BkAzure    *azure = calloc(1, sizeof(*azure));
	const char *file = NULL;

	(void) create;
	if (azure == NULL)
	{
		bk_error_memory(err);
		return NULL;
	}
	azure->base.ops = &azure_ops;
	azure->jobs = JOBS_MIN;
	pthread_mutex_init(&azure->lock, NULL);
	if (access != NULL)
	{
		azure->host = access->host;
		azure->brief = access->brief;
		file = access->credentials_file;
		if (access->jobs > JOBS_MIN)
			azure->jobs = access->jobs;
	}
	if (take_url(azure, url, err))
	{
		azure->keys = bk_azure_keys_open(bk_url_option(&azure->url, "account", NULL),
										 bk_url_option(&azure->url, "credentials_file", file),
										 azure->host, err);
		if (azure->keys != NULL && take_endpoint(azure, err))
			return &azure->base;
	}
	azure_close(&azure->base);
	return NULL;
}

static bool
azure_put(BkStorage *storage, const char *key, BkWriter **writer,
		  BkError *err)
{
	BkAzure    *azure = (BkAzure *) storage;
	BkAzureHead head;
	BkReader   *there;

	if (!check_key(key, err) || !bk_azure_head(azure, key, &head, err))
		return false;
	if (!head.stat.exists)
		*writer = bk_azure_upload_open(azure, key, err);
	else
	{
		there = bk_azure_get_open(azure, key, err);
		*writer = there == NULL ? NULL : bk_same_open(there, key, azure->url.place, err);
	}
	return *writer != NULL;
}

static bool
azure_store(BkStorage *storage, const char *key, const void *data, size_t len,
			bool free, BkError *err)
{
	BkWriter   *writer;
	bool		done;

	/* The condition on the request is a look at no cost. */
	(void) free;
	if (len <= BK_UPLOAD_PART_SIZE)
		return check_key(key, err) &&
			bk_azure_put_object((BkAzure *) storage, key, data, len, err);
	if (!azure_put(storage, key, &writer, err))
		return false;
	done = bk_write(writer, data, len, err) && bk_finish(writer, err);
	bk_writer_close(writer);
	return done;
}

static bool
azure_get(BkStorage *storage, const char *key, BkReader **reader,
		  BkError *err)
{
	if (!check_key(key, err))
		return false;
	*reader = bk_azure_get_open((BkAzure *) storage, key, err);
	return *reader != NULL;
}

static bool
azure_stat(BkStorage *storage, const char *key, BkObjectStat *stat,
		   BkError *err)
{
	BkAzureHead head = {0};
	bool		done = check_key(key, err) &&
		bk_azure_head((BkAzure *) storage, key, &head, err);

	*stat = head.stat;
	return done;
}

static bool
azure_list(BkStorage *storage, const char *prefix, BkStorageVisit visit,
		   void *arg, BkError *err)
{
	char	   *folder = folder_of(prefix, err);
	bool		done = folder != NULL &&
		bk_azure_list((BkAzure *) storage, folder, false, visit, arg, err);

	free(folder);
	return done;
}

static bool
azure_match(BkStorage *storage, const char *beginning, BkStorageVisit visit,
			void *arg, BkError *err)
{
	const char *slash = strrchr(beginning, '/');
	char	   *folder = strndup(beginning, slash == NULL ? 0 :
								 (size_t) (slash - beginning));
	bool		done = folder != NULL || bk_error_memory(err);

	done = done && (*folder == '\0' || check_key(folder, err)) &&
		bk_azure_list((BkAzure *) storage, beginning, true, visit, arg, err);
	free(folder);
	return done;
}

/* What can be seen in the store is durable. */
static bool
azure_sync(BkStorage *storage, const char *key, BkError *err)
{
	BkObjectStat stat;

	if (!azure_stat(storage, key, &stat, err))
		return false;
	return stat.exists ||
		bk_error(err, BK_STATE_MISSING_FILE, "object \"%s\" does not exist in \"%s\"",
				 key, azure_describe(storage));
}

static bool
azure_remove(BkStorage *storage, const char *key, BkError *err)
{
	return check_key(key, err) &&
		bk_azure_remove_object((BkAzure *) storage, key, err);
}

/* Blocks that nobody made a blob of go by themselves. */
static bool
azure_sweep(BkStorage *storage, const char *prefix, bool dead,
			BkError *err)
{
	char	   *folder = folder_of(prefix, err);

	(void) storage;
	(void) dead;
	free(folder);
	return folder != NULL;
}

/* An object is put twice, and the second time it must be refused. */
static bool
azure_probe(BkStorage *storage, bool write, BkStorageFinding finding,
			void *arg, BkError *err)
{
	static const char key[] = "probe/once";
	BkAzure    *azure = (BkAzure *) storage;
	BkError		refused;
	bool		replaced;

	if (!write)
		return true;
	if (!bk_azure_remove_object(azure, key, err) ||
		!bk_azure_put_object(azure, key, "1", 1, err))
		return false;
	replaced = bk_azure_put_object(azure, key, "2", 1, &refused);
	if (!replaced && !bk_error_is(&refused, BK_STATE_DUP_OBJECT))
	{
		*err = refused;
		return false;
	}
	return bk_azure_remove_object(azure, key, err) &&
		finding(arg, "write once", replaced ?
				"this store replaces objects: only names that nobody else can have keep them apart" :
				"the store refuses to replace an object", err);
}

static const char *
azure_describe(BkStorage *storage)
{
	return bk_azure_place((BkAzure *) storage);
}

static void
azure_close(BkStorage *storage)
{
	BkAzure    *azure = (BkAzure *) storage;

	bk_azure_close_idle(azure);
	bk_azure_keys_close(azure->keys);
	pthread_mutex_destroy(&azure->lock);
	bk_url_free(&azure->url);
	free(azure->origin);
	free(azure->path);
	free(azure->prefix);
	free(azure);
}

static bool
take_url(BkAzure *azure, const char *text, BkError *err)
{
	static const char *const names[] = {
		"account", "endpoint", "credentials_file", "ca_file", "proxy", "plain_http", NULL
	};
	BkUrl	   *url = &azure->url;
	const char *plain;
	BkBuf		prefix;

	if (!bk_url_parse(text, url, err) || !bk_url_check_options(url, names, err))
		return false;
	plain = bk_url_option(url, "plain_http", "no");
	if (*url->host == '\0' || *url->user != '\0' || url->port != 0 ||
		strspn(url->host, "abcdefghijklmnopqrstuvwxyz0123456789-$") != strlen(url->host))
	{
		bk_error(err, BK_STATE_BAD_ARGUMENT, "URL \"%s\" does not name a container", url->place);
		return bk_error_hint(err, "Write azure://container/prefix?account=NAME");
	}
	if (strcmp(plain, "yes") != 0 && strcmp(plain, "no") != 0)
		return bk_error(err, BK_STATE_BAD_ARGUMENT,
						"option \"plain_http\" of URL \"%s\" is neither yes nor no", url->place);
	bk_buf_init(&prefix);
	bk_buf_printf(&prefix, "%s%s", url->path, *url->path != '\0' ? "/" : "");
	azure->prefix = bk_buf_take(&prefix, err);
	return azure->prefix != NULL;
}

/* The emulator's endpoint has the account in its path. */
static bool
take_endpoint(BkAzure *azure, BkError *err)
{
	const char *plain = bk_url_option(&azure->url, "plain_http", "no");
	char		usual[128];
	const char *endpoint;
	const char *host;
	size_t		origin;
	size_t		end;
	BkBuf		path;

	snprintf(usual, sizeof(usual), "https://%s.blob.core.windows.net",
			 bk_azure_keys_account(azure->keys));
	endpoint = bk_url_option(&azure->url, "endpoint", usual);
	if (!bk_origin_check(endpoint, strcmp(plain, "yes") == 0, err))
		return false;
	host = strstr(endpoint, "://") + 3;
	origin = (size_t) (host - endpoint) + strcspn(host, "/");
	end = strlen(endpoint);
	while (end > origin && endpoint[end - 1] == '/')
		end--;
	azure->origin = strndup(endpoint, origin);
	bk_buf_init(&path);
	bk_buf_printf(&path, "%.*s/%s/", (int) (end - origin), endpoint + origin, azure->url.host);
	azure->path = bk_buf_take(&path, err);
	return azure->path != NULL && (azure->origin != NULL || bk_error_memory(err));
}

/* A listing cannot carry control characters; the others come back otherwise. */
static bool
check_key(const char *key, BkError *err)
{
	const char *problem = NULL;

	if (!bk_storage_check_key(key, err))
		return false;
	for (const char *next = key; *next != '\0'; next++)
	{
		if ((unsigned char) *next < ' ' || *next == 0x7f)
			problem = "a control character";
		else if (*next == '\\')
			problem = "a backslash";
		else if (*next == '.' && (next[1] == '/' || next[1] == '\0'))
			problem = "a dot at the end of a component";
	}
	if (problem == NULL)
		return true;
	bk_error(err, BK_STATE_BAD_ARGUMENT, "an object name has %s", problem);
	return bk_error_detail(err, "The names of Azure Blob Storage cannot have one.");
}

static char *
folder_of(const char *prefix, BkError *err)
{
	BkBuf		folder;

	bk_buf_init(&folder);
	bk_buf_append_string(&folder, prefix);
	if (folder.len > 0 && folder.data[folder.len - 1] == '/')
		bk_buf_truncate(&folder, folder.len - 1);
	if (*prefix != '\0')
	{
		if (!bk_storage_check_key(folder.data, err))
		{
			bk_buf_free(&folder);
			return NULL;
		}
		bk_buf_append_string(&folder, "/");
	}
	return bk_buf_take(&folder, err);
}
