/*
 * bech32.h
 *	  Bech32 (BIP 173): 32 bytes as text with a checksum, the form of age's
 *	  keys.
 */
#ifndef BK_FILTER_BECH32_H
#define BK_FILTER_BECH32_H

#include <stdbool.h>

#define BK_BECH32_BYTES		32
#define BK_BECH32_PREFIX	20	/* characters of a prefix at most */
#define BK_BECH32_SIZE		80	/* of a text at most, with its NUL */

/* Write the text, all of it in lower case; so is the prefix. */
extern void bk_bech32_encode(const char *prefix,
							 const unsigned char bytes[BK_BECH32_BYTES],
							 char text[BK_BECH32_SIZE]);

/*
 * Read a text that is all upper or all lower case. False if it has another
 * prefix, another length, a wrong checksum, or bits that do not belong there.
 */
extern bool bk_bech32_decode(const char *prefix, const char *text,
							 unsigned char bytes[BK_BECH32_BYTES]);

#endif
