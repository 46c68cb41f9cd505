/*
 * age_key.c
 *	  age's X25519 keys, and their text.
 */
#include "filter/age.h"

#include <string.h>

#include "core/crypto.h"
#include "core/digest.h"
#include "filter/bech32.h"

#define RECIPIENT_PREFIX	"age"
#define IDENTITY_PREFIX		"age-secret-key-"

_Static_assert(BK_AGE_KEY_SIZE == BK_CRYPTO_KEY_SIZE &&
			   BK_AGE_KEY_SIZE == BK_BECH32_BYTES, "all are X25519's");
_Static_assert(BK_AGE_TEXT_SIZE >= BK_BECH32_SIZE, "a key is Bech32");

bool
bk_age_generate(BkAgeIdentity *identity, BkError *err)
{
	memset(identity, 0, sizeof(*identity));
	return bk_crypto_check(err) &&
		bk_random_bytes(identity->key, sizeof(identity->key), err);
}

bool
bk_age_recipient(const BkAgeIdentity *identity, BkAgeRecipient *recipient,
				 BkError *err)
{
	return bk_crypto_check(err) &&
		bk_crypto_x25519_public(identity->key, recipient->key, err);
}

bool
bk_age_parse_recipient(const char *text, BkAgeRecipient *recipient,
					   BkError *err)
{
	static const unsigned char any[BK_AGE_KEY_SIZE] = {1};
	unsigned char shared[BK_AGE_KEY_SIZE];
	BkError		reason;

	if (!bk_crypto_check(err))
		return false;

	/*
	 * A point of low order is nobody's key. The text is not shown: somebody
	 * may have put a private key there.
	 */
	if (!bk_bech32_decode(RECIPIENT_PREFIX, text, recipient->key) ||
		!bk_crypto_x25519(any, recipient->key, shared, &reason))
		return bk_error(err, BK_STATE_BAD_ARGUMENT,
						"not the public key of an age identity (\"age1\" and 58 more characters)");
	return true;
}

bool
bk_age_parse_identity(const char *text, BkAgeIdentity *identity, BkError *err)
{
	memset(identity, 0, sizeof(*identity));
	if (!bk_bech32_decode(IDENTITY_PREFIX, text, identity->key))
		return bk_error(err, BK_STATE_BAD_ARGUMENT,
						"not an age identity (\"AGE-SECRET-KEY-1\" and 58 more characters)");
	return true;
}

void
bk_age_format_recipient(const BkAgeRecipient *recipient,
						char text[BK_AGE_TEXT_SIZE])
{
	bk_bech32_encode(RECIPIENT_PREFIX, recipient->key, text);
}

void
bk_age_format_identity(const BkAgeIdentity *identity,
					   char text[BK_AGE_TEXT_SIZE])
{
	bk_bech32_encode(IDENTITY_PREFIX, identity->key, text);
	for (char *c = text; *c != '\0'; c++)
	{
		if (*c >= 'a' && *c <= 'z')
			*c = (char) (*c - 'a' + 'A');
	}
}
