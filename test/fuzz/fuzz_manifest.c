/*
 * fuzz_manifest.c
 *	  Any bytes as a manifest: refused or read, never more than that. What is
 *	  read must be written and read again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "repo/manifest.h"
#include "repo/seal.h"

#define ID	"20261121T100610Z-app-lgf8"

int			LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	BkError		err;
	BkManifest *manifest = bk_manifest_parse((const char *) data, size, ID, NULL,
												  BK_SEAL_AUTHENTIC, &err);
	BkJson	   *json;
	char	   *text;

	bk_manifest_free(manifest);

	/* The seal would keep nearly all inputs out: try without it, too. */
	json = bk_json_parse((const char *) data, size, "input", &err);
	if (json == NULL)
		return 0;
	manifest = bk_manifest_new(json, &err);
	if (manifest == NULL)
		return 0;
	text = bk_manifest_text(manifest, NULL, &err);
	if (text == NULL || strcmp(manifest->id, ID) != 0)
	{
		free(text);
		bk_manifest_free(manifest);
		return 0;
	}
	bk_manifest_free(manifest);
	manifest = bk_manifest_parse(text, strlen(text), ID, NULL, BK_SEAL_AUTHENTIC, &err);
	if (manifest == NULL && strcmp(err.sqlstate, BK_STATE_UNSUPPORTED) != 0)
		abort();
	bk_manifest_free(manifest);
	free(text);
	return 0;
}
