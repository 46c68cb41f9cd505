/*
 * sftp_session.h
 *	  One login at an SFTP server, and what files there can be asked for. Used
 *	  by the SFTP store only.
 *
 * Each call is whole in itself, on a connection that is kept; a connection
 * that breaks is made again a few times. Keys are those of the store, below
 * its folder; "" is the folder itself.
 */
#ifndef BK_STORAGE_SFTP_SESSION_H
#define BK_STORAGE_SFTP_SESSION_H

#include "core/buf.h"
#include "core/host.h"
#include "storage/storage.h"
#include "storage/url.h"

/* What is read or written at once. */
#define BK_SFTP_PIECE	((size_t) 8 * 1024 * 1024)

typedef struct BkSftp BkSftp;

/*
 * Take the options of the URL, which must outlive the session; nothing is
 * connected yet. NULL on failure: a missing option (22023), a private key
 * that others can read (42501).
 */
extern BkSftp *bk_sftp_session(const BkUrl *url, const BkHost *host,
							   BkError *err);
extern void bk_sftp_end(BkSftp *sftp);

/* Look at a file; a missing one is no error, and a folder is no file. */
extern bool bk_sftp_look(BkSftp *sftp, const char *key, BkObjectStat *stat,
						 BkError *err);

/* Is it a folder? */
extern bool bk_sftp_is_folder(BkSftp *sftp, const char *key, bool *is,
							  BkError *err);

/*
 * Append up to len bytes of a file, from an offset on, to a buffer; fewer
 * only at the file's end. A missing one is an error (58P01).
 */
extern bool bk_sftp_read(BkSftp *sftp, const char *key, uint64_t from,
						 size_t len, BkBuf *into, BkError *err);

/*
 * Write len bytes at the end of a file, which is at an offset. At 0 the file
 * begins anew, and folders that are missing above it are made.
 */
extern bool bk_sftp_append(BkSftp *sftp, const char *key, uint64_t at,
						   const void *data, size_t len, BkError *err);

/*
 * Give a file another name, if that is free: *done. Servers other than
 * OpenSSH may replace what has that name.
 */
extern bool bk_sftp_rename(BkSftp *sftp, const char *from, const char *to,
						   bool *done, BkError *err);

/* Remove a file; a missing one is success. */
extern bool bk_sftp_remove(BkSftp *sftp, const char *key, BkError *err);

/* Make one folder. Whether it is there afterwards is not told. */
extern bool bk_sftp_make_folder(BkSftp *sftp, const char *key, BkError *err);

/* Remove a folder that is empty. *gone: there is none any more. */
extern bool bk_sftp_remove_folder(BkSftp *sftp, const char *key, bool *gone,
								  BkError *err);

/* The lines in which the server lists a folder; none if it is missing. */
extern bool bk_sftp_lines(BkSftp *sftp, const char *key, BkBuf *lines,
						  BkError *err);

/* The folder's URL, for messages. Borrowed. */
extern const char *bk_sftp_place(const BkSftp *sftp);

#endif
