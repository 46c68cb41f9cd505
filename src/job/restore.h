/*
 * restore.h
 *	  Restore a logical backup: bk_job_restore() for this kind.
 */
#ifndef BK_JOB_RESTORE_H
#define BK_JOB_RESTORE_H

#include "job/request.h"

/* Restore into a new database, or in the place of an old one (verbs.h). */
extern bool bk_restore_logical(const BkRequest *request, const BkHost *host,
							   BkError *err);

#endif
