/*
 * keyline.c
 *	  The lines of key file and identity file.
 */
#include "repo/keyline.h"

#include <string.h>

#include "core/digest.h"

#define HEX_SIZE	(2 * BK_KEYS_SECRET_SIZE + 1)

static bool begin(BkKeyTexts *texts, BkError *err);
static bool add_secret(BkKeyTexts *texts, BkError *err);

bool
bk_keyline_generate(BkKeyTexts *texts, BkError *err)
{
	BkAgeIdentity owner;
	BkAgeIdentity server;
	BkAgeRecipient recipient;
	char		owner_text[BK_AGE_TEXT_SIZE];
	char		server_text[BK_AGE_TEXT_SIZE];
	bool		ok;

	ok = begin(texts, err) && bk_age_generate(&owner, err) &&
		bk_age_generate(&server, err) &&
		bk_age_recipient(&owner, &recipient, err);
	if (ok)
	{
		bk_age_format_recipient(&recipient, texts->recipient);
		bk_age_format_identity(&owner, owner_text);
		bk_age_format_identity(&server, server_text);
		bk_buf_printf(&texts->key_file,
					  "# backup_ext key file: what a server needs to write backups\n"
					  BK_KEYLINE_RECIPIENT " %s\n" BK_KEYLINE_IDENTITY " %s\n",
					  texts->recipient, server_text);
		bk_buf_printf(&texts->identity_file,
					  "# backup_ext identity file: opens all backups, also with \"age -d -i\"\n"
					  "# public key: %s\n", texts->recipient);
		ok = add_secret(texts, err);
		bk_buf_printf(&texts->identity_file, "%s\n", owner_text);
	}
	explicit_bzero(&owner, sizeof(owner));
	explicit_bzero(&server, sizeof(server));
	explicit_bzero(owner_text, sizeof(owner_text));
	explicit_bzero(server_text, sizeof(server_text));
	return ok && bk_buf_check(&texts->key_file, err) &&
		bk_buf_check(&texts->identity_file, err);
}

bool
bk_keyline_rotate(BkKeyTexts *texts, BkError *err)
{
	return begin(texts, err) && add_secret(texts, err) &&
		bk_buf_check(&texts->key_file, err) &&
		bk_buf_check(&texts->identity_file, err);
}

void
bk_keyline_free(BkKeyTexts *texts)
{
	explicit_bzero(texts->key_file.data, texts->key_file.size);
	explicit_bzero(texts->identity_file.data, texts->identity_file.size);
	bk_buf_free(&texts->key_file);
	bk_buf_free(&texts->identity_file);
}

bool
bk_keyline_parse_secret(const char *hex,
						unsigned char secret[BK_KEYS_SECRET_SIZE])
{
	static const char digits[] = "0123456789abcdef0123456789ABCDEF";

	if (strlen(hex) != HEX_SIZE - 1)
		return false;
	for (size_t i = 0; i < BK_KEYS_SECRET_SIZE; i++)
	{
		const char *high = strchr(digits, hex[2 * i]);
		const char *low = strchr(digits, hex[2 * i + 1]);

		if (high == NULL || low == NULL)
			return false;
		secret[i] = (unsigned char) ((high - digits) % 16 * 16 +
									 (low - digits) % 16);
	}
	return true;
}

/* With room for all that comes: a buffer that moves leaves secrets behind. */
static bool
begin(BkKeyTexts *texts, BkError *err)
{
	memset(texts, 0, sizeof(*texts));
	bk_buf_init(&texts->key_file);
	bk_buf_init(&texts->identity_file);
	return (bk_buf_reserve(&texts->key_file, 1024) &&
			bk_buf_reserve(&texts->identity_file, 1024)) ||
		bk_error_memory(err);
}

static bool
add_secret(BkKeyTexts *texts, BkError *err)
{
	BkRepositoryKey key;
	char		hex[HEX_SIZE];
	bool		ok;

	ok = bk_random_bytes(key.secret, sizeof(key.secret), err) &&
		bk_keys_name(&key, err);
	if (ok)
	{
		bk_digest_to_hex(key.secret, sizeof(key.secret), hex);
		memcpy(texts->key_id, key.id, sizeof(key.id));
		bk_buf_printf(&texts->key_file, BK_KEYLINE_SECRET " %s\n", hex);
		bk_buf_printf(&texts->identity_file,
					  BK_KEYLINE_COMMENT " " BK_KEYLINE_SECRET " %s\n", hex);
	}
	explicit_bzero(&key, sizeof(key));
	explicit_bzero(hex, sizeof(hex));
	return ok;
}
