/*
 * base64.h
 *	  Base 64 (RFC 4648, section 4).
 */
#ifndef BK_CORE_BASE64_H
#define BK_CORE_BASE64_H

#include <stdbool.h>
#include <stddef.h>

/* Characters that len bytes become at most, with a NUL. */
#define BK_BASE64_SIZE(len)	(((len) + 2) / 3 * 4 + 1)

/* Write len bytes as text and a NUL, padded with "=" or not. */
extern void bk_base64_encode(const void *data, size_t len, bool padded,
							 char *text);

/*
 * Read len characters without padding into exactly "size" bytes. False where
 * they are not such a text, or not the canonical one (RFC 4648, 3.5).
 */
extern bool bk_base64_decode(const char *text, size_t len, void *data,
							 size_t size);

#endif
