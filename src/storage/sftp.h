/*
 * sftp.h
 *	  The store that is a folder of an SFTP server.
 */
#ifndef BK_STORAGE_SFTP_H
#define BK_STORAGE_SFTP_H

#include "storage/storage.h"

/*
 * Open sftp://user@host:port/absolute/path?private_key_file=/path and
 * known_hosts=/path or host_key_sha256=fingerprint. One of the two is needed:
 * there is no way around knowing the server's key. Login is by key only. With
 * create, the last component of the path is made if missing; without, nothing
 * is connected yet.
 */
extern BkStorage *bk_sftp_open(const char *url, bool create,
							   const BkStorageAccess *access, BkError *err);

#endif
