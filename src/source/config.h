/*
 * config.h
 *	  Configuration files that lie outside the data directory.
 *
 * Debian keeps them in /etc/postgresql. A base backup has them twice: as they
 * are, under their full names, and made into files that can lie in the data
 * directory and refer to no other, so that what is restored can be started.
 */
#ifndef BK_SOURCE_CONFIG_H
#define BK_SOURCE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "source/pg.h"

typedef struct BkConfigFile
{
	char	   *name;			/* without the slash it begins with */
	char	   *data;
	size_t		size;
	mode_t		mode;
	int64_t		mtime;
} BkConfigFile;

typedef struct BkConfig
{
	BkConfigFile *outside;		/* as they are */
	size_t		outside_count;
	BkConfigFile *inside;		/* postgresql.conf, pg_hba.conf, pg_ident.conf */
	size_t		inside_count;	/* 0 if none lies outside */
} BkConfig;

/*
 * Read the configuration of a server whose data directory this is. Both lists
 * are empty if all files are in there. Free it also after a failure.
 */
extern bool bk_config_read(BkPg *pg, const char *data_directory,
						   BkConfig *config, BkError *err);

/* Is this a file of the data directory that "inside" takes the place of? */
extern bool bk_config_replaces(const BkConfig *config, const char *path);

/* Free what it holds. */
extern void bk_config_free(BkConfig *config);

#endif
