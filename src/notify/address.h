/*
 * address.h
 *	  Where a channel leads to: URLs of HTTP and mail servers, and the line
 *	  that a secret file has.
 */
#ifndef BK_NOTIFY_ADDRESS_H
#define BK_NOTIFY_ADDRESS_H

#include <stdbool.h>

#include "core/error.h"
#include "core/secret.h"

/*
 * Cut a URL into origin (https://host:port) and path with query, which the
 * caller frees in any case. Its scheme is this one, with or without the "s" of
 * TLS. Errors (22023) do not show the URL: it can have a secret in it.
 */
extern bool bk_address_split(const char *url, const char *scheme,
							 char **origin, char **path, BkError *err);

/* Does the origin have that "s"? Does it name this machine? */
extern bool bk_address_has_tls(const char *origin, const char *scheme);
extern bool bk_address_is_loopback(const char *origin);

/*
 * Read a secret file and cut it at the end of its first line, which must not
 * be empty (22023). The file is the caller's to free.
 */
extern bool bk_address_secret(const char *path, BkSecretFile *file, BkError *err);

/* If the hint of an error is about certificates, say what it means for a channel. */
extern void bk_address_correct_hint(BkError *err);

#endif
