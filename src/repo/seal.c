/*
 * seal.c
 *	  Seal small JSON files and check the seal.
 *
 * The digest is taken over the compact text with sorted keys, which is the
 * same whatever white space and order the stored file has.
 */
#include "repo/seal.h"

#include <stdlib.h>
#include <string.h>

#include "core/digest.h"

#define FORMAT_VERSION	1
#define ALGORITHM		"sha256"

static bool seal_value(BkJson *object, char hex[BK_DIGEST_HEX_SIZE],
					   BkError *err);
static bool check_version(const BkJson *object, const char *what,
						  BkError *err);

bool
bk_seal_put(BkJson *object, BkError *err)
{
	char		hex[BK_DIGEST_HEX_SIZE];
	BkJson	   *seal;

	bk_json_put_int(object, "format", FORMAT_VERSION);
	bk_json_remove(object, "seal");
	if (!seal_value(object, hex, err))
		return false;
	seal = bk_json_object();
	bk_json_put_string(seal, "algorithm", ALGORITHM);
	bk_json_put_string(seal, "value", hex);
	bk_json_put(object, "seal", seal);
	return true;
}

bool
bk_seal_check(BkJson *object, const char *what, BkError *err)
{
	char		hex[BK_DIGEST_HEX_SIZE];
	char		found[BK_DIGEST_HEX_SIZE] = "";
	const BkJson *seal = bk_json_get(object, "seal");
	const char *value = bk_json_string(bk_json_get(seal, "value"), "");

	/* The version first: a newer format may seal in another way. */
	if (!check_version(object, what, err))
		return false;
	if (strcmp(bk_json_string(bk_json_get(seal, "algorithm"), ""), ALGORITHM) != 0 ||
		strlen(value) != BK_DIGEST_HEX_SIZE - 1)
		return bk_error(err, BK_STATE_CORRUPT, "%s has no valid seal", what);
	memcpy(found, value, sizeof(found));
	bk_json_remove(object, "seal");
	if (!seal_value(object, hex, err))
		return false;
	if (strcmp(hex, found) == 0)
		return true;
	bk_error(err, BK_STATE_CORRUPT, "%s does not agree with its seal", what);
	return bk_error_detail(err, "The file says %s, its content gives %s.",
						   found, hex);
}

static bool
seal_value(BkJson *object, char hex[BK_DIGEST_HEX_SIZE], BkError *err)
{
	char	   *text = bk_json_text(object, false);
	bool		ok;

	if (text == NULL)
		return bk_error_memory(err);
	ok = bk_digest_hex(text, strlen(text), hex, err);
	free(text);
	return ok;
}

static bool
check_version(const BkJson *object, const char *what, BkError *err)
{
	const BkJson *required = bk_json_get(object, "requires");
	int64_t		format;

	if (!bk_json_need_int(object, "format", what, &format, err))
		return false;
	if (format != FORMAT_VERSION)
	{
		bk_error(err, BK_STATE_UNSUPPORTED,
				 "%s has format version %lld, this program knows version %d",
				 what, (long long) format, FORMAT_VERSION);
		return bk_error_hint(err, "Use the version of backup_ext that wrote it, or a newer one.");
	}
	if (bk_json_length(required) > 0)
	{
		bk_error(err, BK_STATE_UNSUPPORTED,
				 "%s requires feature \"%.60s\", which this program does not know",
				 what, bk_json_string(bk_json_at(required, 0), "?"));
		return bk_error_hint(err, "Use the version of backup_ext that wrote it, or a newer one.");
	}
	return true;
}
