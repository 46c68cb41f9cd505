/*
 * secret.h
 *	  Files that hold secrets: read whole, and only if nobody else may read
 *	  them.
 */
#ifndef BK_CORE_SECRET_H
#define BK_CORE_SECRET_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "core/error.h"

#define BK_SECRET_MAX	((size_t) 1024 * 1024)

typedef struct BkSecretFile
{
	char	   *text;			/* len bytes and a NUL */
	size_t		len;
	struct stat status;			/* as it was when it was read */
} BkSecretFile;

/*
 * Read a file of at most BK_SECRET_MAX bytes as it stood at one moment. It
 * must be a regular file that belongs to us and that group and others may
 * not read or write; or to root, and then its group may read it, as PostgreSQL
 * has it for private keys (PostgreSQL docs, "Secure TCP/IP Connections with
 * SSL"). Errors: 42501 with the chmod to do, 58P01, 54000. Free it in any
 * case.
 */
extern bool bk_secret_read(const char *path, BkSecretFile *file, BkError *err);

/* The same, whoever may read it; and that check by itself. */
extern bool bk_secret_load(const char *path, BkSecretFile *file, BkError *err);
extern bool bk_secret_is_private(const char *path, const struct stat *status,
								 BkError *err);

/* Wipe the text, and free it. */
extern void bk_secret_free(BkSecretFile *file);

/* Is this still the same file with the same content, by inode and times? */
extern bool bk_secret_same(const struct stat *one, const struct stat *other);

#endif
