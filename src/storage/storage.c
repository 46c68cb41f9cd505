/*
 * storage.c
 *	  The table of stores by scheme, and the rules for keys.
 */
#include "storage/storage.h"

#include <string.h>
#include <strings.h>

#include "core/buf.h"
#include "storage/azure.h"
#include "storage/posix.h"
#include "storage/s3.h"
#include "storage/sftp.h"

#define KEY_COMPONENT_MAX	255

typedef struct StorageScheme
{
	const char *name;
	BkStorage  *(*open) (const char *url, bool create,
						 const BkStorageAccess *access, BkError *err);
} StorageScheme;

static const StorageScheme storage_schemes[] = {
	{"file", bk_posix_open},
	{"s3", bk_s3_open},
	{"sftp", bk_sftp_open},
	{"azure", bk_azure_open},
};

static const StorageScheme *find_scheme(const char *url, size_t len);
static bool unknown_scheme(const char *url, size_t len, BkError *err);
static const char *complaint_about(const char *component, size_t len);

BkStorage *
bk_storage_open(const char *url, bool create, const BkStorageAccess *access,
				BkError *err)
{
	const char *end = strstr(url, "://");
	const StorageScheme *scheme;

	if (end == NULL || end == url)
	{
		bk_error(err, BK_STATE_BAD_ARGUMENT, "\"%s\" is not a URL", url);
		bk_error_hint(err, "Write the URL of a repository, for example file:///backup/main");
		return NULL;
	}
	scheme = find_scheme(url, (size_t) (end - url));
	if (scheme == NULL)
	{
		unknown_scheme(url, (size_t) (end - url), err);
		return NULL;
	}
	return scheme->open(url, create, access, err);
}

bool
bk_storage_remove_each(BkStorage *storage, const char *const *keys,
					   size_t count, BkError *err)
{
	size_t		failed = 0;
	BkError		problem;

	for (size_t i = 0; i < count; i++)
	{
		if (bk_storage_remove(storage, keys[i], failed == 0 ? err : &problem))
			continue;
		failed++;
		if (bk_error_is(failed == 1 ? err : &problem, BK_STATE_CANCELED))
			break;
	}
	if (failed > 1)
		bk_error_detail(err, "%zu of %zu objects could not be removed.", failed, count);
	return failed == 0;
}

bool
bk_storage_no_lifecycle(BkStorage *storage, BkLifecycleVisit visit, void *arg,
						BkError *err)
{
	(void) visit;
	(void) arg;
	return bk_error(err, BK_STATE_UNSUPPORTED, "\"%s\" is a store without lifecycle rules",
					bk_storage_describe(storage));
}

bool
bk_storage_no_set_lifecycle(BkStorage *storage, const BkLifecycleWish *wish,
							BkError *err)
{
	(void) wish;
	return bk_storage_no_lifecycle(storage, NULL, NULL, err);
}

bool
bk_storage_unknown_space(BkStorage *storage, BkStorageSpace *space)
{
	(void) storage;
	(void) space;
	return false;
}

bool
bk_storage_check_key(const char *key, BkError *err)
{
	const char *next = key;
	const char *complaint = NULL;

	for (;;)
	{
		size_t		len = strcspn(next, "/");

		complaint = complaint_about(next, len);
		if (complaint != NULL || next[len] == '\0')
			break;
		next += len + 1;
	}
	if (complaint == NULL)
		return true;
	bk_error(err, BK_STATE_BAD_ARGUMENT, "\"%s\" is not a valid object name",
			 key);
	return bk_error_detail(err, "%s.", complaint);
}

static const StorageScheme *
find_scheme(const char *url, size_t len)
{
	size_t		count = sizeof(storage_schemes) / sizeof(storage_schemes[0]);

	for (size_t i = 0; i < count; i++)
	{
		if (strlen(storage_schemes[i].name) == len &&
			strncasecmp(storage_schemes[i].name, url, len) == 0)
			return &storage_schemes[i];
	}
	return NULL;
}

static bool
unknown_scheme(const char *url, size_t len, BkError *err)
{
	size_t		count = sizeof(storage_schemes) / sizeof(storage_schemes[0]);
	BkBuf		known;

	bk_buf_init(&known);
	for (size_t i = 0; i < count; i++)
		bk_buf_printf(&known, "%s%s://", i > 0 ? ", " : "",
					  storage_schemes[i].name);
	bk_error(err, BK_STATE_UNSUPPORTED, "URL scheme \"%.*s\" is not supported",
			 (int) len, url);
	bk_error_detail(err, "Supported schemes are: %s.", known.data);
	bk_buf_free(&known);
	return false;
}

static const char *
complaint_about(const char *component, size_t len)
{
	static const char temporary[] = ".tmp-";

	if (len == 0)
		return "A component of the name is empty";
	if (len > KEY_COMPONENT_MAX)
		return "A component of the name is longer than 255 bytes";
	if ((len == 1 && component[0] == '.') ||
		(len == 2 && component[0] == '.' && component[1] == '.'))
		return "A component of the name is \".\" or \"..\"";
	if (strncmp(component, temporary, sizeof(temporary) - 1) == 0)
		return "Names beginning with \".tmp-\" are kept for unfinished objects";
	return NULL;
}
