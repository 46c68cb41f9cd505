/*
 * age.h
 *	  The age v1 file format (C2SP, age.md): streams encrypted to recipients.
 *
 * What is written opens with the stock age program and its kin. What is read
 * may be written by them; a header is bounded to 64 KiB and 64 stanzas, the
 * work factor of a passphrase to 18. Every 64 KiB chunk is authenticated
 * before its bytes are given, and the end is known to be the end.
 */
#ifndef BK_FILTER_AGE_H
#define BK_FILTER_AGE_H

#include <stdbool.h>
#include <stddef.h>

#include "core/error.h"
#include "core/stream.h"

#define BK_AGE_KEY_SIZE		32
#define BK_AGE_TEXT_SIZE	80	/* of a key as text, with its NUL */
#define BK_AGE_SUFFIX		".age"

/* A public key, age1… */
typedef struct BkAgeRecipient
{
	unsigned char key[BK_AGE_KEY_SIZE];
} BkAgeRecipient;

/* A private key, AGE-SECRET-KEY-1…, or a passphrase. */
typedef struct BkAgeIdentity
{
	unsigned char key[BK_AGE_KEY_SIZE];
	const char *passphrase;		/* NULL: it is a key */
} BkAgeIdentity;

/* Make a new private key, and the public one of a private one. */
extern bool bk_age_generate(BkAgeIdentity *identity, BkError *err);
extern bool bk_age_recipient(const BkAgeIdentity *identity,
							 BkAgeRecipient *recipient, BkError *err);

/* Read and write keys as text (Bech32). What is no key is an error (22023). */
extern bool bk_age_parse_recipient(const char *text, BkAgeRecipient *recipient,
								   BkError *err);
extern bool bk_age_parse_identity(const char *text, BkAgeIdentity *identity,
								  BkError *err);
extern void bk_age_format_recipient(const BkAgeRecipient *recipient,
									char text[BK_AGE_TEXT_SIZE]);
extern void bk_age_format_identity(const BkAgeIdentity *identity,
								   char text[BK_AGE_TEXT_SIZE]);

/* A writer that encrypts to all of 1 to 64 recipients. NULL on failure. */
extern BkWriter *bk_age_writer(BkWriter *next, const BkAgeRecipient *recipients,
							   size_t count, BkError *err);

/*
 * A reader of the plain bytes, with the first identity that fits. The header
 * is read with the first bytes. Errors: none fits (28000), not an age file,
 * damaged, cut (XX001), a passphrase with a work factor over 18 (54000). The
 * identities must outlive it. NULL on failure.
 */
extern BkReader *bk_age_reader(BkReader *below, const BkAgeIdentity *identities,
							   size_t count, BkError *err);

#endif
