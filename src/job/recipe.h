/*
 * recipe.h
 *	  RESTORE.txt: how to restore a backup with stock tools only.
 */
#ifndef BK_JOB_RECIPE_H
#define BK_JOB_RECIPE_H

#include "core/json.h"

typedef struct BkRecipe
{
	const char *id;
	const char *content;		/* all, schema, data */
	const char *codec;			/* zstd:1 */
	const BkJson *identity;		/* of the database, as in the manifest */
	const BkJson *objects;		/* as in the manifest */
	int			server_version; /* as in server_version_num */
} BkRecipe;

/*
 * The text: a shell script with explanations, to be read or to be run in the
 * backup's folder. A fresh string that the caller frees; NULL without memory.
 */
extern char *bk_recipe_text(const BkRecipe *recipe);

#endif
