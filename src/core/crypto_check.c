/*
 * crypto_check.c
 *	  Known answers that the primitives must give before they are used.
 *
 * A provider that is missing, or one that answers wrongly, must be found
 * before a backup is written that nobody can read. The digest of the long
 * sealed text was computed from the formulas of RFC 8439; it covers the code
 * that processors have for long texts.
 */
#include "core/crypto.h"

#include <pthread.h>
#include <string.h>

#include "core/digest.h"

#define LONG_TEXT	1024

/* RFC 7748, 6.1: Bob's keys, Alice's public key, and what they share. */
static const char *const bob_secret =
"5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb";
static const char *const bob_public =
"de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f";
static const char *const alice_public =
"8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a";
static const char *const bob_and_alice =
"4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742";

/* RFC 4231, 4.3; RFC 5869, A.1; RFC 7914, 12 (the first, its first half). */
static const char *const hmac_answer =
"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
static const char *const hkdf_answer =
"3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf";
static const char *const scrypt_answer =
"77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442";

/* SHA-256 of LONG_TEXT zeros sealed under the key 00 01 .. 1f, nonce zero. */
static const char *const sealed_answer =
"9e16d966c7a3f0aa8ed4f1aaf1933ce480f5a8a5e710f76ec5c3c0b230809534";

static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool good;
static BkError verdict;

static void check_all(void);
static bool check_digests(BkError *err);
static bool check_agreement(BkError *err);
static bool check_derivation(BkError *err);
static bool check_cipher(BkError *err);
static bool is_answer(const char *name, const unsigned char *bytes,
					  const char *answer, BkError *err);
static void from_hex(const char *hex, unsigned char bytes[BK_CRYPTO_KEY_SIZE]);

bool
bk_crypto_check(BkError *err)
{
	pthread_once(&once, check_all);
	if (!good)
		*err = verdict;
	return good;
}

static void
check_all(void)
{
	good = check_digests(&verdict) && check_agreement(&verdict) &&
		check_derivation(&verdict) && check_cipher(&verdict);
}

static bool
check_digests(BkError *err)
{
	unsigned char out[BK_DIGEST_SIZE];

	return bk_digest_keyed("Jefe", 4, "what do ya want for nothing?", 28, out,
						   err) &&
		is_answer("HMAC-SHA256", out, hmac_answer, err);
}

static bool
check_agreement(BkError *err)
{
	unsigned char secret[BK_CRYPTO_KEY_SIZE];
	unsigned char peer[BK_CRYPTO_KEY_SIZE];
	unsigned char out[BK_CRYPTO_KEY_SIZE];

	from_hex(bob_secret, secret);
	from_hex(alice_public, peer);
	return bk_crypto_x25519_public(secret, out, err) &&
		is_answer("X25519", out, bob_public, err) &&
		bk_crypto_x25519(secret, peer, out, err) &&
		is_answer("X25519", out, bob_and_alice, err);
}

static bool
check_derivation(BkError *err)
{
	static const char info[] = "\xf0\xf1\xf2\xf3\xf4\xf5\xf6\xf7\xf8\xf9";
	static const char secret[] =
	"\v\v\v\v\v\v\v\v\v\v\v\v\v\v\v\v\v\v\v\v\v\v";
	BkCryptoText key = {secret, sizeof(secret) - 1};
	BkCryptoText salt = {"\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c", 13};
	BkCryptoText none = {"", 0};
	BkCryptoCost cost = {.log_n = 4, .r = 1, .p = 1};
	unsigned char out[BK_CRYPTO_KEY_SIZE];

	return bk_crypto_hkdf(&key, &salt, info, out, err) &&
		is_answer("HKDF-SHA256", out, hkdf_answer, err) &&
		bk_crypto_scrypt("", &none, &cost, out, err) &&
		is_answer("scrypt", out, scrypt_answer, err);
}

static bool
check_cipher(BkError *err)
{
	static const unsigned char nonce[BK_CRYPTO_NONCE_SIZE];
	static const unsigned char text[LONG_TEXT];
	unsigned char sealed[LONG_TEXT + BK_CRYPTO_TAG_SIZE];
	unsigned char key[BK_CRYPTO_KEY_SIZE];
	unsigned char out[BK_DIGEST_SIZE];
	BkAead	   *seals;
	BkAead	   *opens;
	BkDigest   *digest = bk_digest_new(err);
	bool		authentic = false;
	bool		ok;

	for (int i = 0; i < BK_CRYPTO_KEY_SIZE; i++)
		key[i] = (unsigned char) i;
	seals = bk_aead_new(key, true, err);
	opens = bk_aead_new(key, false, err);
	ok = digest != NULL && seals != NULL && opens != NULL &&
		bk_aead_seal(seals, nonce, text, sizeof(text), sealed, err) &&
		bk_digest_update(digest, sealed, sizeof(sealed), err) &&
		bk_digest_final(digest, out, err) &&
		is_answer("ChaCha20-Poly1305", out, sealed_answer, err) &&
		bk_aead_open(opens, nonce, sealed, sizeof(sealed), &authentic, err);
	if (ok && (!authentic || memcmp(sealed, text, sizeof(text)) != 0))
		ok = bk_error(err, BK_STATE_SYSTEM,
					  "ChaCha20-Poly1305 does not open what it sealed");
	bk_digest_free(digest);
	bk_aead_free(seals);
	bk_aead_free(opens);
	return ok;
}

static bool
is_answer(const char *name, const unsigned char *bytes, const char *answer,
		  BkError *err)
{
	char		hex[BK_DIGEST_HEX_SIZE];

	bk_digest_to_hex(bytes, BK_DIGEST_SIZE, hex);
	if (strcmp(hex, answer) == 0)
		return true;
	bk_error(err, BK_STATE_SYSTEM, "%s gives a wrong answer", name);
	bk_error_detail(err, "This computer's OpenSSL failed a test with a known answer; nothing is encrypted or decrypted with it.");
	return bk_error_hint(err, "Check the installation of OpenSSL's libcrypto and the machine's memory.");
}

static void
from_hex(const char *hex, unsigned char bytes[BK_CRYPTO_KEY_SIZE])
{
	static const char digits[] = "0123456789abcdef";

	for (int i = 0; i < BK_CRYPTO_KEY_SIZE; i++)
		bytes[i] = (unsigned char)
			((strchr(digits, hex[2 * i]) - digits) * 16 +
			 (strchr(digits, hex[2 * i + 1]) - digits));
}
