/*
 * base.h
 *	  Take a base backup: the files of the whole cluster.
 */
#ifndef BK_JOB_BASE_H
#define BK_JOB_BASE_H

#include "job/request.h"

/*
 * Back up the cluster. Record: backup. Nothing is listed unless every byte is
 * stored and all WAL from start to stop is in the repository. Pages that are
 * wrong do not stop it, but the backup is then a bad one from the beginning.
 */
extern bool bk_base_run(const BkRequest *request, const BkHost *host,
						BkError *err);

#endif
