/*
 * storage_place.c
 *	  A fresh, empty place for each test of a store.
 */
#include "storage_place.h"

#include "support.h"

#include "core/digest.h"

static bool never_stop(void *ctx);
static const char *variable(void *ctx, const char *name);

static const BkHost host = {.stop = never_stop, .variable = variable};
static const BkStorageAccess access_to_store = {.host = &host, .jobs = 3};

static char *folder;			/* of a posix store, or NULL */
static char url[1024];
static BkStorage *place;

BkStorage *
fresh_place(void)
{
	const char *server = getenv("BACKUP_EXT_TEST_STORE");
	const char *at = server != NULL ? strstr(server, "@PLACE@") : NULL;
	char		label[9];
	BkError		err;

	if (server == NULL)
	{
		folder = new_folder();
		snprintf(url, sizeof(url), "file://%s", folder);
	}
	else
	{
		assert_non_null(at);
		assert_good(bk_random_label(label, 8, &err), &err);
		snprintf(url, sizeof(url), "%.*s%s%s", (int) (at - server), server,
				 label, at + strlen("@PLACE@"));
	}
	place = bk_storage_open(url, true, &access_to_store, &err);
	assert_good(place != NULL, &err);
	return place;
}

void
leave_place(void)
{
	bk_storage_close(place);
	if (folder != NULL)
		remove_folder(folder);
	folder = NULL;
}

/* Connections are not shared with a child. */
BkStorage *
same_place_again(void)
{
	BkError		err;

	return bk_storage_open(url, false, &access_to_store, &err);
}

bool
place_is_near(void)
{
	return folder != NULL;
}

bool
place_has_one_winner(void)
{
	return strncmp(url, "s3:", 3) != 0;
}

static bool
never_stop(void *ctx)
{
	(void) ctx;
	return false;
}

static const char *
variable(void *ctx, const char *name)
{
	(void) ctx;
	return getenv(name);
}
