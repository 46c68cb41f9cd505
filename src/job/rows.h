/*
 * rows.h
 *	  Has a restored database every row that its backup had?
 */
#ifndef BK_JOB_ROWS_H
#define BK_JOB_ROWS_H

#include "repo/repository.h"
#include "source/pg.h"

/*
 * Count the rows of every table, and the large objects, of a database that
 * was just restored, and compare with the backup's contents. XX001 where one
 * differs. Tables of extensions may have more: their extension filled them.
 */
extern bool bk_rows_check(const BkPgTarget *target, const BkHost *host,
						  BkRepository *repo, const BkManifest *manifest,
						  BkError *err);

#endif
