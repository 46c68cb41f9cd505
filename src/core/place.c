/*
 * place.c
 *	  Tell one copy of a cluster from another.
 */
#include "core/place.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/process.h"

static bool add_text(BkDigest *digest, const char *text, BkError *err);

bool
bk_place_find(const char *data_directory, BkPlace *place, BkError *err)
{
	char	   *path = realpath(data_directory, NULL);
	size_t		len;

	if (path == NULL)
		return bk_error_errno(err, "could not look at data directory \"%s\"",
							  data_directory);
	len = strlen(path);
	if (len < sizeof(place->data_directory))
		memcpy(place->data_directory, path, len + 1);
	free(path);
	if (len >= sizeof(place->data_directory))
		return bk_error(err, BK_STATE_TOO_LARGE,
						"the path of data directory \"%.80s...\" is too long", data_directory);
	return bk_process_machine(place->hostname, place->machine_id,
							  BK_PLACE_NAME_SIZE, err) &&
		bk_place_identify(place, err);
}

bool
bk_place_identify(BkPlace *place, BkError *err)
{
	bool		named = place->machine_id[0] != '\0';
	BkDigest   *digest = bk_digest_new(err);
	bool		ok;

	ok = digest != NULL &&
		add_text(digest, named ? "machine" : "host", err) &&
		add_text(digest, named ? place->machine_id : place->hostname, err) &&
		add_text(digest, place->data_directory, err) &&
		bk_digest_final_hex(digest, place->id, err);
	bk_digest_free(digest);
	return ok;
}

/* With its NUL, so that no two texts run into one another. */
static bool
add_text(BkDigest *digest, const char *text, BkError *err)
{
	return bk_digest_update(digest, text, strlen(text) + 1, err);
}
