/*
 * s3.c
 *	  The store that speaks the S3 protocol.
 *
 * An object stands under the prefix of the URL, a slash, and its key. Write
 * once does not rest on the store, since what it says about conditions cannot
 * be relied on: we look first, and names that could collide carry randomness
 * or a digest. s3_client.c asks, s3_upload.c writes, s3_get.c reads.
 */
#include "storage/s3.h"

#include <stdlib.h>
#include <string.h>

#include "storage/s3_client.h"
#include "storage/s3_get.h"
#include "storage/s3_lifecycle.h"
#include "storage/s3_list.h"
#include "storage/s3_object.h"
#include "storage/s3_probe.h"
#include "storage/s3_upload.h"
#include "storage/same.h"
#include "storage/upload.h"

#define JOBS_MIN		2

/* What is at hand anyway goes up with one request, such as a WAL segment. */
#define STORE_MAX		((size_t) 64 * 1024 * 1024)
#define REGION_DEFAULT	"us-east-1"

static bool find_region(BkS3 *s3, BkError *err);
static bool s3_put(BkStorage *storage, const char *key, BkWriter **writer,
				   BkError *err);
static bool s3_store(BkStorage *storage, const char *key, const void *data,
					 size_t len, bool free, BkError *err);
static bool s3_get(BkStorage *storage, const char *key, BkReader **reader,
				   BkError *err);
static bool s3_stat(BkStorage *storage, const char *key, BkObjectStat *stat,
					BkError *err);
static bool s3_list(BkStorage *storage, const char *prefix,
					BkStorageVisit visit, void *arg, BkError *err);
static bool s3_match(BkStorage *storage, const char *beginning,
					 BkStorageVisit visit, void *arg, BkError *err);
static bool s3_sync(BkStorage *storage, const char *key, BkError *err);
static bool s3_remove(BkStorage *storage, const char *key, BkError *err);
static bool s3_remove_all(BkStorage *storage, const char *const *keys,
						  size_t count, BkError *err);
static bool s3_sweep(BkStorage *storage, const char *prefix, bool dead,
					  BkError *err);
static const char *s3_describe(BkStorage *storage);
static void s3_close(BkStorage *storage);
static char *folder_of(const char *prefix, BkError *err);
static BkWriter *compare_with(BkS3 *s3, const char *key, BkError *err);
static bool look(BkS3 *s3, const char *key, BkS3Head *head, BkError *err);

static const BkStorageOps s3_ops = {
	.scheme = "s3",
	.put = s3_put,
	.store = s3_store,
	.get = s3_get,
	.stat = s3_stat,
	.list = s3_list,
	.match = s3_match,
	.sync = s3_sync,
	.remove = s3_remove,
	.remove_all = s3_remove_all,
	.sweep = s3_sweep,
	.probe = bk_s3_probe,
	.lifecycle = bk_s3_lifecycle,
	.set_lifecycle = bk_s3_set_lifecycle,
	.space = bk_storage_unknown_space,
	.describe = s3_describe,
	.close = s3_close,
};

BkStorage *
bk_s3_open(const char *url, bool create, const BkStorageAccess *access,
		   BkError *err)
{
	BkS3	   *s3 = calloc(1, sizeof(*s3));

	(void) create;
	if (s3 == NULL)
	{
		bk_error_memory(err);
		return NULL;
	}
	s3->base.ops = &s3_ops;
	s3->jobs = JOBS_MIN;
	pthread_mutex_init(&s3->lock, NULL);
	if (access != NULL)
	{
		s3->host = access->host;
		s3->brief = access->brief;
		if (access->jobs > JOBS_MIN)
			s3->jobs = access->jobs;
	}
	if (bk_s3_place_parse(url, &s3->place, err))
	{
		BkCredentialSpec spec = {
			.host = s3->host,
			.file = s3->place.credentials_file,
			.profile = s3->place.profile,
			.region = s3->place.region[0] != '\0' ? s3->place.region : NULL,
			.ca_file = s3->place.ca_file,
			.proxy = s3->place.proxy,
		};

		if (spec.file == NULL && access != NULL)
			spec.file = access->credentials_file;
		s3->credentials = bk_credentials_open(&spec, err);
		if (s3->credentials != NULL && find_region(s3, err))
			return &s3->base;
	}
	s3_close(&s3->base);
	return NULL;
}

/* The URL's, else that of the credentials, else Amazon's first. */
static bool
find_region(BkS3 *s3, BkError *err)
{
	char		region[BK_S3_REGION_SIZE] = "";

	if (s3->place.region[0] != '\0')
		return bk_s3_place_settle(&s3->place, s3->place.region, err);
	return bk_credentials_region(s3->credentials, region, err) &&
		bk_s3_place_settle(&s3->place, region[0] != '\0' ? region : REGION_DEFAULT, err);
}

static bool
s3_put(BkStorage *storage, const char *key, BkWriter **writer, BkError *err)
{
	BkS3	   *s3 = (BkS3 *) storage;
	BkS3Head	head;

	if (!bk_storage_check_key(key, err) || !look(s3, key, &head, err))
		return false;
	*writer = head.stat.exists ? compare_with(s3, key, err) :
		bk_s3_upload_open(s3, key, err);
	return *writer != NULL;
}

static BkWriter *
compare_with(BkS3 *s3, const char *key, BkError *err)
{
	BkReader   *there = bk_s3_get_open(s3, key, err);

	return there == NULL ? NULL : bk_same_open(there, key, s3->place.place, err);
}

static bool
s3_store(BkStorage *storage, const char *key, const void *data, size_t len,
		 bool free, BkError *err)
{
	BkS3	   *s3 = (BkS3 *) storage;
	BkS3Head	head = {0};

	if (!bk_storage_check_key(key, err) || (!free && !look(s3, key, &head, err)))
		return false;
	if (head.stat.exists)
		return bk_s3_same_content(s3, key, data, len, err);
	if (len > STORE_MAX)
	{
		BkWriter   *writer = bk_s3_upload_open(s3, key, err);
		bool		done = writer != NULL && bk_write(writer, data, len, err) &&
			bk_finish(writer, err);

		bk_writer_close(writer);
		return done;
	}
	return bk_s3_put_object(s3, key, data, len, err);
}

static bool
s3_get(BkStorage *storage, const char *key, BkReader **reader, BkError *err)
{
	if (!bk_storage_check_key(key, err))
		return false;
	*reader = bk_s3_get_open((BkS3 *) storage, key, err);
	return *reader != NULL;
}

static bool
s3_stat(BkStorage *storage, const char *key, BkObjectStat *stat, BkError *err)
{
	BkS3Head	head = {0};
	bool		done = bk_storage_check_key(key, err) &&
		look((BkS3 *) storage, key, &head, err);

	*stat = head.stat;
	return done;
}

static bool
s3_list(BkStorage *storage, const char *prefix, BkStorageVisit visit,
		void *arg, BkError *err)
{
	char	   *folder = folder_of(prefix, err);
	bool		done = folder != NULL &&
		bk_s3_list((BkS3 *) storage, folder, false, visit, arg, err);

	free(folder);
	return done;
}

static bool
s3_match(BkStorage *storage, const char *beginning, BkStorageVisit visit,
		 void *arg, BkError *err)
{
	const char *slash = strrchr(beginning, '/');
	char	   *folder = strndup(beginning, slash == NULL ? 0 :
								 (size_t) (slash - beginning));
	bool		done = folder != NULL || bk_error_memory(err);

	done = done && (*folder == '\0' || bk_storage_check_key(folder, err)) &&
		bk_s3_list((BkS3 *) storage, beginning, true, visit, arg, err);
	free(folder);
	return done;
}

/* What can be seen in a store is durable. */
static bool
s3_sync(BkStorage *storage, const char *key, BkError *err)
{
	BkS3	   *s3 = (BkS3 *) storage;
	BkS3Head	head;

	if (!bk_storage_check_key(key, err) || !look(s3, key, &head, err))
		return false;
	return head.stat.exists ||
		bk_error(err, BK_STATE_MISSING_FILE, "object \"%s\" does not exist in \"%s\"",
				 key, s3->place.place);
}

static bool
s3_remove(BkStorage *storage, const char *key, BkError *err)
{
	BkS3	   *s3 = (BkS3 *) storage;
	BkS3Client *client;
	bool		done;

	if (!bk_storage_check_key(key, err) || (client = bk_s3_take(s3, NULL, err)) == NULL)
		return false;
	done = bk_s3_remove_object(client, s3, key, err);
	bk_s3_give(client);
	return done;
}

static bool
s3_remove_all(BkStorage *storage, const char *const *keys, size_t count,
			  BkError *err)
{
	BkError		ignored;

	/* A name that is none is told by itself, and does not keep the others. */
	for (size_t i = 0; i < count; i++)
	{
		if (!bk_storage_check_key(keys[i], &ignored))
			return bk_storage_remove_each(storage, keys, count, err);
	}
	return bk_s3_remove_all((BkS3 *) storage, keys, count, err);
}

static bool
s3_sweep(BkStorage *storage, const char *prefix, bool dead,
		   BkError *err)
{
	char	   *folder = folder_of(prefix, err);
	bool		done = folder != NULL && bk_s3_sweep((BkS3 *) storage, folder, dead, err);

	free(folder);
	return done;
}

static const char *
s3_describe(BkStorage *storage)
{
	return ((BkS3 *) storage)->place.place;
}

static void
s3_close(BkStorage *storage)
{
	BkS3	   *s3 = (BkS3 *) storage;

	bk_s3_close_idle(s3);
	if (s3->credentials != NULL)
		bk_credentials_close(s3->credentials);
	pthread_mutex_destroy(&s3->lock);
	bk_s3_place_free(&s3->place);
	free(s3);
}

/* With a slash at its end, unless it is everything; the caller frees it. */
static char *
folder_of(const char *prefix, BkError *err)
{
	BkBuf		folder;

	bk_buf_init(&folder);
	bk_buf_append_string(&folder, prefix);
	if (folder.len > 0 && folder.data[folder.len - 1] == '/')
		bk_buf_truncate(&folder, folder.len - 1);
	if (folder.len > 0 || *prefix != '\0')
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

static bool
look(BkS3 *s3, const char *key, BkS3Head *head, BkError *err)
{
	BkS3Client *client = bk_s3_take(s3, NULL, err);
	bool		done = client != NULL && bk_s3_head(client, s3, key, head, err);

	bk_s3_give(client);
	return done;
}
