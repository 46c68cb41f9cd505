/*
 * recipe.h
 *	  RESTORE.txt: how to restore a backup with stock tools only.
 */
#ifndef BK_JOB_RECIPE_H
#define BK_JOB_RECIPE_H

#include "core/buf.h"
#include "core/json.h"

typedef struct BkRecipe
{
	const char *id;
	const char *content;		/* all, schema, data */
	const char *codec;			/* zstd:1 */
	const BkJson *identity;		/* of the database, as in the manifest */
	const BkJson *objects;		/* as in the manifest */
	int			server_version; /* as in server_version_num */
	bool		encrypted;
} BkRecipe;

/*
 * The text: a shell script with explanations, to be read or to be run in the
 * backup's folder. A fresh string that the caller frees; NULL without memory.
 */
extern char *bk_recipe_text(const BkRecipe *recipe);

/*
 * Pieces of such texts: how to tell whether the text itself is what it was,
 * and with what it is decrypted;
 */
extern void bk_recipe_add_origin(BkBuf *text, const char *id);
extern void bk_recipe_add_unlock(BkBuf *text);

/* the commands that check all objects by their digests, */
extern void bk_recipe_add_checksums(BkBuf *text, const BkJson *objects);

/* a value in single quotes, */
extern void bk_recipe_add_quoted(BkBuf *text, const char *value);

/* and the stock program of a codec; "cat" where it has none. */
extern const char *bk_recipe_decoder(const char *codec);

#endif
