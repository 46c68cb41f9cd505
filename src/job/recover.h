/*
 * recover.h
 *	  A physical restore in the making: what its steps share.
 *
 * The order of the steps is what makes it safe. All is checked before
 * anything is written. Then a mark is set and pg_control goes; the volumes
 * are written and everything is synced; settings, backup_label and signals
 * follow, and pg_control comes last. Whenever a restore dies, no server
 * starts on what it leaves.
 */
#ifndef BK_JOB_RECOVER_H
#define BK_JOB_RECOVER_H

#include <limits.h>

#include "job/bases.h"
#include "job/filelist.h"
#include "job/plan.h"
#include "job/request.h"
#include "repo/intent.h"
#include "repo/repository.h"
#include "source/destination.h"

typedef struct BkRecoverTablespace
{
	uint32_t	oid;
	char		location[PATH_MAX]; /* where it goes; "" for inside the data directory */
	BkDestination place;
} BkRecoverTablespace;

/* A small file that is kept back to be written late. */
typedef struct BkRecoverFile
{
	char	   *data;
	size_t		len;
} BkRecoverFile;

typedef struct BkRecover
{
	BkRequest	request;		/* a copy; the id is filled in */
	const BkHost *host;
	BkRepository *chain;		/* all that can be read */
	BkRepository *repo;			/* the one of them that the plan is made from */
	BkIntent   *intent;
	BkBases		bases;
	BkWalMap   *map;
	BkTarget	target;
	BkPlan		plan;
	const BkManifest *manifest; /* of the backup that was chosen */
	BkFileList *list;
	bool		group;			/* may the group read the data directory? */

	BkDestination data;
	BkRecoverTablespace *tablespaces;
	size_t		tablespace_count;

	BkRecoverFile label;		/* backup_label */
	BkRecoverFile control;		/* global/pg_control */
} BkRecover;

/* Called once per buffer, with its size; false ends the work. */
typedef struct BkRecoverTick
{
	bool		(*call) (void *arg, size_t size, BkError *err);
	void	   *arg;
} BkRecoverTick;

/* Restore a base backup, or choose one: bk_job_restore() for this kind. */
extern bool bk_recover_run(const BkRequest *request, const BkHost *host,
						   BkError *err);

/*
 * The steps of it. prepare opens, plans and checks, and writes nothing; write
 * does the rest; free gives everything back after either.
 */
extern bool bk_recover_prepare(BkRecover *recover, const BkRequest *request,
							   const BkHost *host, BkError *err);
extern bool bk_recover_write(BkRecover *recover, BkError *err);
extern void bk_recover_free(BkRecover *recover);

/* What every "restored" record says of it; the caller frees it. */
extern BkJson *bk_recover_record(const BkRecover *recover);

/* Check where the tablespaces go (recover_place.c). */
extern bool bk_recover_check_places(BkRecover *recover, BkError *err);

/* Make and open all directories, links and folders (recover_place.c). */
extern bool bk_recover_open_places(BkRecover *recover, BkError *err);

/* Does the data directory link to the tablespace's place already? */
extern bool bk_recover_links_to(const BkRecover *recover,
								const BkRecoverTablespace *tablespace);

/* The open root of a volume's files. */
extern int	bk_recover_root(const BkRecover *recover, const BkVolume *volume);

/*
 * Remove what lies below a root, of a tablespace or of the data directory (0),
 * and is not in the backup (recover_delta.c).
 */
extern bool bk_recover_remove_others(const BkRecover *recover, int root,
									 uint32_t tablespace, BkError *err);

/*
 * Compare a volume's files with the backup: same[i] tells of each, *all if
 * nothing is to be written. It may run in any thread.
 */
extern bool bk_recover_compare(const BkRecover *recover,
							   const BkVolume *volume, bool *same, bool *all,
							   const BkRecoverTick *tick, BkError *err);

/* Read backup_label and pg_control from the control volume (recover_copy.c). */
extern bool bk_recover_read_control(BkRecover *recover, BkError *err);

/* Write all volumes of data, and sync them (recover_copy.c). */
extern bool bk_recover_copy(BkRecover *recover, BkError *err);

/*
 * With config_to: check that the files from outside the data directory are
 * not there already, and write them (recover_config.c).
 */
extern bool bk_recover_check_config(BkRecover *recover, BkError *err);
extern bool bk_recover_copy_config(BkRecover *recover, BkError *err);

/* Write the settings and the signal for recovery (recover_settings.c). */
extern bool bk_recover_put_settings(BkRecover *recover, BkError *err);

/* Warn of libraries that are not installed here (recover_settings.c). */
extern bool bk_recover_check_libraries(BkRecover *recover, BkError *err);

/* Is the path of a socket in this directory short enough? */
extern bool bk_recover_socket_fits(const char *directory);

#endif
