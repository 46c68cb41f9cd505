/*
 * sftp_put.h
 *	  Writing the objects of an SFTP server. Used by the SFTP store only; the
 *	  rules are those of "put" in storage.h.
 */
#ifndef BK_STORAGE_SFTP_PUT_H
#define BK_STORAGE_SFTP_PUT_H

#include "storage/sftp_session.h"
#include "storage/storage.h"

/* Start an object; NULL on failure. */
extern BkWriter *bk_sftp_put(BkSftp *sftp, const char *key, BkError *err);

/* Remove the folders above a key that are empty; the first level stays. */
extern bool bk_sftp_tidy(BkSftp *sftp, const char *key, BkError *err);

#endif
