/*
 * physical_recipe.h
 *	  RESTORE.txt of a base backup: how to restore it with stock tools only.
 */
#ifndef BK_JOB_PHYSICAL_RECIPE_H
#define BK_JOB_PHYSICAL_RECIPE_H

#include "core/json.h"
#include "job/ground.h"
#include "job/volume.h"

typedef struct BkPhysicalRecipe
{
	const char *id;
	const char *codec;			/* zstd:1 */
	const char *cluster;		/* system identifier */
	const BkVolumeSet *set;		/* sorted by name */
	const BkGround *ground;
	const BkJson *objects;		/* as in the manifest */
	bool		encrypted;
	bool		authenticated;	/* WAL is named by a repository key */
	int			server_version; /* as in server_version_num */
} BkPhysicalRecipe;

/*
 * The text: a shell script with explanations, to be read or to be run. A fresh
 * string that the caller frees; NULL without memory.
 */
extern char *bk_physical_recipe_text(const BkPhysicalRecipe *recipe);

#endif
