/*
 * sftp_list.h
 *	  Going through the folders of an SFTP server. Used by the SFTP store
 *	  only; the rules are those of storage.h.
 */
#ifndef BK_STORAGE_SFTP_LIST_H
#define BK_STORAGE_SFTP_LIST_H

#include "storage/sftp_session.h"
#include "storage/storage.h"

/* Visit the objects below a folder, and those whose keys begin so. */
extern bool bk_sftp_list(BkSftp *sftp, const char *prefix,
						 BkStorageVisit visit, void *arg, BkError *err);
extern bool bk_sftp_match(BkSftp *sftp, const char *beginning,
						  BkStorageVisit visit, void *arg, BkError *err);

/*
 * Remove the temporaries below a folder that have not been written to for a
 * day, by the server's clock.
 */
extern bool bk_sftp_sweep(BkSftp *sftp, const char *prefix, bool dead,
						  BkError *err);

#endif
