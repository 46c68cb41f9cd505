/*
 * age_header.c
 *	  The header of an age file (C2SP, age.md, "Header").
 *
 *	  age-encryption.org/v1
 *	  -> X25519 <share, 43 characters>
 *	  <wrapped file key, 43 characters>
 *	  --- <MAC, 43 characters>
 *
 * A header is first read as a whole, in the strict form that the format asks
 * for, and only then believed enough to try keys on it: what two programs read
 * in two ways would have two meanings under one MAC.
 */
#include "filter/age_header.h"

#include <string.h>

#include "core/base64.h"
#include "core/crypto.h"
#include "core/digest.h"

#define VERSION_LINE	"age-encryption.org/v1\n"
#define ARMOR			"-----BEGIN AGE"
#define STANZA_BEGIN	"-> "
#define MAC_BEGIN		"---"
#define X25519_INFO		"age-encryption.org/v1/X25519"
#define SCRYPT_INFO		"age-encryption.org/v1/scrypt"

#define STANZAS_MAX		64
#define ARGUMENTS_MAX	3		/* that any stanza has which we know */
#define BODY_COLUMNS	64
#define BODY_LINE		48		/* bytes in a full line */
#define SALT_SIZE		16
#define WORK_FACTOR_MAX 18
#define WRAPPED_SIZE	(BK_AGE_FILE_KEY_SIZE + BK_CRYPTO_TAG_SIZE)

typedef struct Text
{
	const char *data;
	size_t		len;
} Text;

typedef enum StanzaType
{
	STANZA_X25519,
	STANZA_SCRYPT,
	STANZA_OTHER
} StanzaType;

typedef struct Stanza
{
	StanzaType	type;
	unsigned char share[BK_AGE_KEY_SIZE];	/* X25519 */
	unsigned char salt[SALT_SIZE];	/* scrypt */
	unsigned	work_factor;	/* scrypt */
	unsigned char body[BODY_LINE];	/* its first line */
	size_t		body_len;		/* of all lines */
} Stanza;

typedef struct Header
{
	Stanza		stanzas[STANZAS_MAX];
	size_t		count;
	unsigned char mac[BK_DIGEST_SIZE];
	size_t		covered;		/* bytes under the MAC */
} Header;

static bool add_stanza(const BkAgeRecipient *recipient,
					   const unsigned char file_key[BK_AGE_FILE_KEY_SIZE],
					   BkBuf *header, BkError *err);
static bool x25519_wrap_key(const unsigned char *shared,
							const unsigned char *share,
							const unsigned char *recipient,
							unsigned char key[BK_CRYPTO_KEY_SIZE],
							BkError *err);
static bool compute_mac(const unsigned char file_key[BK_AGE_FILE_KEY_SIZE],
						const char *text, size_t len,
						unsigned char mac[BK_DIGEST_SIZE], BkError *err);
static bool check_beginning(const Text *rest, bool is_all, BkError *err);
static bool parse(Text rest, bool is_all, Header *header, size_t *used,
				  BkError *err);
static bool next_line(Text *rest, bool is_all, Text *line, BkError *err);
static bool starts(const Text *text, const char *beginning);
static bool parse_stanza(const Text *line, Stanza *stanza, BkError *err);
static bool split(Text line, Text *arguments, size_t *count);
static bool is_word(const Text *text, const char *word);
static bool parse_work_factor(const Text *text, unsigned *value);
static bool parse_body(Text *rest, bool is_all, Stanza *stanza, BkError *err);
static bool check_stanzas(const Header *header, BkError *err);
static bool unwrap(const Header *header, const BkAgeIdentity *identities,
				   size_t count, unsigned char *file_key, BkError *err);
static bool try_identity(const Stanza *stanza, const BkAgeIdentity *identity,
						 unsigned char *file_key, bool *fits, BkError *err);
static bool wrap_key_of(const Stanza *stanza, const BkAgeIdentity *identity,
						unsigned char key[BK_CRYPTO_KEY_SIZE], BkError *err);
static bool damaged(BkError *err, const char *detail);

/* A wrap key is used once, for one text: its nonce is zero. */
static const unsigned char zero_nonce[BK_CRYPTO_NONCE_SIZE];

bool
bk_age_header_make(const BkAgeRecipient *recipients, size_t count,
				   unsigned char file_key[BK_AGE_FILE_KEY_SIZE],
				   BkBuf *header, BkError *err)
{
	unsigned char mac[BK_DIGEST_SIZE];
	char		text[BK_BASE64_SIZE(BK_DIGEST_SIZE)];

	if (!bk_crypto_check(err) ||
		!bk_random_bytes(file_key, BK_AGE_FILE_KEY_SIZE, err))
		return false;
	bk_buf_append_string(header, VERSION_LINE);
	for (size_t i = 0; i < count; i++)
	{
		if (!add_stanza(&recipients[i], file_key, header, err))
			return false;
	}
	bk_buf_append_string(header, MAC_BEGIN);
	if (!bk_buf_check(header, err) ||
		!compute_mac(file_key, header->data, header->len, mac, err))
		return false;
	bk_base64_encode(mac, sizeof(mac), false, text);
	bk_buf_printf(header, " %s\n", text);
	return bk_buf_check(header, err);
}

bool
bk_age_header_open(const char *text, size_t len, size_t *used,
				   const BkAgeIdentity *identities, size_t count,
				   unsigned char file_key[BK_AGE_FILE_KEY_SIZE], BkError *err)
{
	bool		is_all = len < BK_AGE_HEADER_MAX;
	Text		rest = {text, is_all ? len : BK_AGE_HEADER_MAX};
	unsigned char mac[BK_DIGEST_SIZE];
	Header		header = {.count = 0};

	if (!bk_crypto_check(err) || !check_beginning(&rest, is_all, err) ||
		!parse(rest, is_all, &header, used, err) ||
		!check_stanzas(&header, err) ||
		!unwrap(&header, identities, count, file_key, err) ||
		!compute_mac(file_key, text, header.covered, mac, err))
		return false;
	if (!bk_digest_equal(mac, header.mac, sizeof(mac)))
		return damaged(err, "It is not what its MAC says.");
	return true;
}

static bool
add_stanza(const BkAgeRecipient *recipient,
		   const unsigned char file_key[BK_AGE_FILE_KEY_SIZE], BkBuf *header,
		   BkError *err)
{
	unsigned char secret[BK_AGE_KEY_SIZE];
	unsigned char share[BK_AGE_KEY_SIZE];
	unsigned char shared[BK_AGE_KEY_SIZE];
	unsigned char key[BK_CRYPTO_KEY_SIZE];
	unsigned char wrapped[WRAPPED_SIZE];
	char		share_text[BK_BASE64_SIZE(BK_AGE_KEY_SIZE)];
	char		body_text[BK_BASE64_SIZE(WRAPPED_SIZE)];
	BkAead	   *aead = NULL;
	bool		ok;

	ok = bk_random_bytes(secret, sizeof(secret), err) &&
		bk_crypto_x25519_public(secret, share, err) &&
		bk_crypto_x25519(secret, recipient->key, shared, err) &&
		x25519_wrap_key(shared, share, recipient->key, key, err);
	if (ok)
		aead = bk_aead_new(key, true, err);
	ok = aead != NULL &&
		bk_aead_seal(aead, zero_nonce, file_key, BK_AGE_FILE_KEY_SIZE, wrapped,
					 err);
	bk_aead_free(aead);
	explicit_bzero(secret, sizeof(secret));
	explicit_bzero(shared, sizeof(shared));
	explicit_bzero(key, sizeof(key));
	if (!ok)
		return false;
	bk_base64_encode(share, sizeof(share), false, share_text);
	bk_base64_encode(wrapped, sizeof(wrapped), false, body_text);
	bk_buf_printf(header, STANZA_BEGIN "X25519 %s\n%s\n", share_text,
				  body_text);
	return true;
}

static bool
x25519_wrap_key(const unsigned char *shared, const unsigned char *share,
				const unsigned char *recipient,
				unsigned char key[BK_CRYPTO_KEY_SIZE], BkError *err)
{
	unsigned char both[2 * BK_AGE_KEY_SIZE];
	BkCryptoText secret = {shared, BK_AGE_KEY_SIZE};
	BkCryptoText salt = {both, sizeof(both)};

	memcpy(both, share, BK_AGE_KEY_SIZE);
	memcpy(both + BK_AGE_KEY_SIZE, recipient, BK_AGE_KEY_SIZE);
	return bk_crypto_hkdf(&secret, &salt, X25519_INFO, key, err);
}

static bool
compute_mac(const unsigned char file_key[BK_AGE_FILE_KEY_SIZE],
			const char *text, size_t len, unsigned char mac[BK_DIGEST_SIZE],
			BkError *err)
{
	BkCryptoText secret = {file_key, BK_AGE_FILE_KEY_SIZE};
	BkCryptoText salt = {"", 0};
	unsigned char key[BK_CRYPTO_KEY_SIZE];
	bool		ok;

	ok = bk_crypto_hkdf(&secret, &salt, "header", key, err) &&
		bk_digest_keyed(key, sizeof(key), text, len, mac, err);
	explicit_bzero(key, sizeof(key));
	return ok;
}

/* Say what it is, if it is something else. */
static bool
check_beginning(const Text *rest, bool is_all, BkError *err)
{
	size_t		len = strlen(VERSION_LINE);

	if (rest->len < len)
		len = rest->len;
	if (memcmp(rest->data, VERSION_LINE, len) == 0)
		return rest->len >= strlen(VERSION_LINE) || !is_all ||
			bk_error(err, BK_STATE_CORRUPT, "age data ends early");
	bk_error(err, BK_STATE_CORRUPT, "data is not an age v1 file");
	if (starts(rest, ARMOR))
	{
		bk_error_detail(err, "It is one in ASCII armor.");
		bk_error_hint(err, "Take the armor off: remove the lines that begin with dashes, and decode the rest with \"base64 -d\".");
	}
	return false;
}

/* Read all of the header; what follows it is left over. */
static bool
parse(Text rest, bool is_all, Header *header, size_t *used, BkError *err)
{
	const char *begin = rest.data;
	size_t		mac_at = strlen(MAC_BEGIN " ");
	Text		line;

	if (!next_line(&rest, is_all, &line, err))
		return false;
	while (next_line(&rest, is_all, &line, err))
	{
		if (starts(&line, MAC_BEGIN))
		{
			header->covered = (size_t) (line.data - begin) + strlen(MAC_BEGIN);
			*used = (size_t) (rest.data - begin);
			return (starts(&line, MAC_BEGIN " ") &&
					bk_base64_decode(line.data + mac_at, line.len - mac_at,
									 header->mac, sizeof(header->mac))) ||
				damaged(err, "The line of its MAC is not understood.");
		}
		if (header->count == STANZAS_MAX)
			return damaged(err, "It has too many stanzas.");
		if (!parse_stanza(&line, &header->stanzas[header->count], err) ||
			!parse_body(&rest, is_all, &header->stanzas[header->count], err))
			return false;
		header->count++;
	}
	return false;
}

static bool
next_line(Text *rest, bool is_all, Text *line, BkError *err)
{
	const char *end = memchr(rest->data, '\n', rest->len);

	if (end == NULL && is_all)
		return bk_error(err, BK_STATE_CORRUPT, "age data ends early");
	if (end == NULL)
		return damaged(err, "It is longer than 64 KiB.");
	*line = (Text) {rest->data, (size_t) (end - rest->data)};
	rest->data += line->len + 1;
	rest->len -= line->len + 1;
	return true;
}

static bool
starts(const Text *text, const char *beginning)
{
	return text->len >= strlen(beginning) &&
		memcmp(text->data, beginning, strlen(beginning)) == 0;
}

/* The line with a stanza's arguments, the first of which is its type. */
static bool
parse_stanza(const Text *line, Stanza *stanza, BkError *err)
{
	Text		arguments[ARGUMENTS_MAX];
	Text		words = {line->data + strlen(STANZA_BEGIN), 0};
	size_t		count;
	bool		ok = true;

	if (!starts(line, STANZA_BEGIN))
		return damaged(err, "A stanza does not begin with \"->\".");
	words.len = line->len - strlen(STANZA_BEGIN);
	if (!split(words, arguments, &count))
		return damaged(err, "The arguments of a stanza are not understood.");
	stanza->type = STANZA_OTHER;
	if (is_word(&arguments[0], "X25519"))
	{
		stanza->type = STANZA_X25519;
		ok = count == 2 &&
			bk_base64_decode(arguments[1].data, arguments[1].len,
							 stanza->share, sizeof(stanza->share));
	}
	else if (is_word(&arguments[0], "scrypt"))
	{
		stanza->type = STANZA_SCRYPT;
		ok = count == 3 &&
			bk_base64_decode(arguments[1].data, arguments[1].len,
							 stanza->salt, sizeof(stanza->salt)) &&
			parse_work_factor(&arguments[2], &stanza->work_factor);
	}
	return ok || damaged(err, "The arguments of a stanza are not understood.");
}

/* One space between two arguments, which are of visible characters. */
static bool
split(Text line, Text *arguments, size_t *count)
{
	size_t		start = 0;

	*count = 0;
	for (size_t i = 0; i <= line.len; i++)
	{
		bool		ends = i == line.len || line.data[i] == ' ';

		if (!ends && (line.data[i] < 33 || line.data[i] > 126))
			return false;
		if (!ends)
			continue;
		if (i == start)
			return false;
		if (*count < ARGUMENTS_MAX)
			arguments[*count] = (Text) {line.data + start, i - start};
		++*count;
		start = i + 1;
	}
	return true;
}

static bool
is_word(const Text *text, const char *word)
{
	return text->len == strlen(word) && starts(text, word);
}

/* Decimal, without a sign or a leading zero. */
static bool
parse_work_factor(const Text *text, unsigned *value)
{
	*value = 0;
	if (text->len == 0 || text->len > 3 || text->data[0] == '0')
		return false;
	for (size_t i = 0; i < text->len; i++)
	{
		if (text->data[i] < '0' || text->data[i] > '9')
			return false;
		*value = *value * 10 + (unsigned) (text->data[i] - '0');
	}
	return true;
}

/* Full lines, and a shorter one, perhaps of nothing, behind them. */
static bool
parse_body(Text *rest, bool is_all, Stanza *stanza, BkError *err)
{
	unsigned char bytes[BODY_LINE];
	Text		line;

	stanza->body_len = 0;
	do
	{
		size_t		size;

		if (!next_line(rest, is_all, &line, err))
			return false;
		size = line.len * 6 / 8;
		if (line.len > BODY_COLUMNS ||
			!bk_base64_decode(line.data, line.len, bytes, size))
			return damaged(err, "The body of a stanza is not understood.");
		if (stanza->body_len == 0)
			memcpy(stanza->body, bytes, size);
		stanza->body_len += size;
	} while (line.len == BODY_COLUMNS);
	return true;
}

static bool
check_stanzas(const Header *header, BkError *err)
{
	if (header->count == 0)
		return damaged(err, "It has no stanza.");
	for (size_t i = 0; i < header->count; i++)
	{
		const Stanza *stanza = &header->stanzas[i];

		if (stanza->type == STANZA_OTHER)
			continue;

		/* Looked at before decryption: age.md, both recipient types. */
		if (stanza->body_len != WRAPPED_SIZE)
			return damaged(err, "A wrapped file key has another length.");

		/* Whoever gave the passphrase is to be the only one who can read. */
		if (stanza->type == STANZA_SCRYPT && header->count > 1)
			return damaged(err, "A passphrase must be its only recipient.");
		if (stanza->type == STANZA_SCRYPT &&
			stanza->work_factor > WORK_FACTOR_MAX)
		{
			bk_error(err, BK_STATE_TOO_LARGE,
					 "the passphrase of an age file asks for too much work");
			return bk_error_detail(err, "Its work factor is %u, the limit is %d.",
								   stanza->work_factor, WORK_FACTOR_MAX);
		}
	}
	return true;
}

static bool
unwrap(const Header *header, const BkAgeIdentity *identities, size_t count,
	   unsigned char *file_key, BkError *err)
{
	bool		fits = false;

	for (size_t i = 0; i < header->count; i++)
	{
		for (size_t k = 0; k < count && !fits; k++)
		{
			if (!try_identity(&header->stanzas[i], &identities[k], file_key,
							  &fits, err))
				return false;
		}
	}
	if (fits)
		return true;
	bk_error(err, BK_STATE_REFUSED,
			 "none of the private keys that were given opens this");
	if (header->stanzas[0].type == STANZA_SCRYPT)
		return bk_error_detail(err, "It is encrypted with a passphrase.");
	bk_error_detail(err, "It is encrypted to %zu recipients, %zu keys were tried.",
					header->count, count);
	return bk_error_hint(err, "Name the identity file of one of its recipients, with --identity-file or in backup_ext.identity_file.");
}

static bool
try_identity(const Stanza *stanza, const BkAgeIdentity *identity,
			 unsigned char *file_key, bool *fits, BkError *err)
{
	unsigned char key[BK_CRYPTO_KEY_SIZE];
	unsigned char wrapped[WRAPPED_SIZE];
	BkAead	   *aead = NULL;
	bool		ok;

	if (stanza->type == STANZA_OTHER ||
		(stanza->type == STANZA_SCRYPT) != (identity->passphrase != NULL))
		return true;
	ok = wrap_key_of(stanza, identity, key, err);
	if (ok)
		aead = bk_aead_new(key, false, err);
	memcpy(wrapped, stanza->body, sizeof(wrapped));
	ok = aead != NULL &&
		bk_aead_open(aead, zero_nonce, wrapped, sizeof(wrapped), fits, err);
	if (ok && *fits)
		memcpy(file_key, wrapped, BK_AGE_FILE_KEY_SIZE);
	bk_aead_free(aead);
	explicit_bzero(key, sizeof(key));
	explicit_bzero(wrapped, sizeof(wrapped));
	return ok;
}

/* The key that wraps the file key, if the stanza is for this identity. */
static bool
wrap_key_of(const Stanza *stanza, const BkAgeIdentity *identity,
			unsigned char key[BK_CRYPTO_KEY_SIZE], BkError *err)
{
	unsigned char shared[BK_AGE_KEY_SIZE];
	char		labelled[sizeof(SCRYPT_INFO) - 1 + SALT_SIZE];
	BkCryptoText salt = {labelled, sizeof(labelled)};
	BkCryptoCost cost = {.log_n = stanza->work_factor, .r = 8, .p = 1};
	BkAgeRecipient own;
	bool		ok;

	if (stanza->type == STANZA_SCRYPT)
	{
		memcpy(labelled, SCRYPT_INFO, sizeof(SCRYPT_INFO) - 1);
		memcpy(labelled + sizeof(SCRYPT_INFO) - 1, stanza->salt, SALT_SIZE);
		return bk_crypto_scrypt(identity->passphrase, &salt, &cost, key, err);
	}
	ok = bk_age_recipient(identity, &own, err) &&
		bk_crypto_x25519(identity->key, stanza->share, shared, err) &&
		x25519_wrap_key(shared, stanza->share, own.key, key, err);
	explicit_bzero(shared, sizeof(shared));
	return ok;
}

static bool
damaged(BkError *err, const char *detail)
{
	bk_error(err, BK_STATE_CORRUPT, "age data has a damaged header");
	return bk_error_detail(err, "%s", detail);
}
