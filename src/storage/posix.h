/*
 * posix.h
 *	  The store that is a folder: objects are files.
 */
#ifndef BK_STORAGE_POSIX_H
#define BK_STORAGE_POSIX_H

#include "storage/storage.h"

/*
 * Open a folder, file:///absolute/path (RFC 8089, no host), percent-decoded.
 * With create, the last component is made if missing. The folder must belong
 * to us and be writable by no one else (42501), and lie neither in a
 * PostgreSQL data directory nor in a tablespace (55000). Missing: 58P01.
 */
extern BkStorage *bk_posix_open(const char *url, bool create,
								const BkStorageAccess *access, BkError *err);

#endif
