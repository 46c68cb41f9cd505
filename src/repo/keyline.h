/*
 * keyline.h
 *	  The lines of key file and identity file (FORMAT.md).
 */
#ifndef BK_REPO_KEYLINE_H
#define BK_REPO_KEYLINE_H

#include "core/buf.h"
#include "core/error.h"
#include "repo/keys.h"

/* Words at the beginning of lines; white space follows. */
#define BK_KEYLINE_RECIPIENT	"recipient"
#define BK_KEYLINE_IDENTITY		"identity"
#define BK_KEYLINE_SECRET		"repository-key"
#define BK_KEYLINE_COMMENT		"# backup_ext"	/* before it, for the owner */
#define BK_KEYLINE_PRIVATE		"AGE-SECRET-KEY-1"

/* New keys, as the texts of the two files. Wiped and freed with free. */
typedef struct BkKeyTexts
{
	BkBuf		key_file;
	BkBuf		identity_file;
	char		recipient[BK_AGE_TEXT_SIZE];	/* the owner's public key */
	char		key_id[BK_KEYS_ID_SIZE];	/* of the new repository key */
} BkKeyTexts;

/* Make keys for a new repository and its owner. */
extern bool bk_keyline_generate(BkKeyTexts *texts, BkError *err);

/* Make the lines that add a new repository key to both files. */
extern bool bk_keyline_rotate(BkKeyTexts *texts, BkError *err);
extern void bk_keyline_free(BkKeyTexts *texts);

/* Read 64 hexadecimal digits. */
extern bool bk_keyline_parse_secret(const char *hex,
									unsigned char secret[BK_KEYS_SECRET_SIZE]);

#endif
