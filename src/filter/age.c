/*
 * age.c
 *	  The age v1 file format (C2SP, age.md): the payload, and its streams.
 *
 * Behind the header stand 16 bytes and then chunks of 64 KiB, each sealed
 * under a key of this file alone and a nonce of its number and whether it is
 * the last one. So chunks cannot be exchanged, left out or added.
 */
#include "filter/age.h"

#include <stdlib.h>
#include <string.h>

#include "core/crypto.h"
#include "core/digest.h"
#include "filter/age_header.h"

#define CHUNK_SIZE		(64 * 1024)
#define SEALED_SIZE		(CHUNK_SIZE + BK_CRYPTO_TAG_SIZE)
#define SALT_SIZE		16
#define RECIPIENTS_MAX	64		/* more would not be read */

/* Some chunks, and a byte that tells that there is one more. */
#define INPUT_SIZE		(4 * SEALED_SIZE + 1)

/* A nonce ends in whether it is the last; before that stands the number. */
#define NONCE_LAST		(BK_CRYPTO_NONCE_SIZE - 1)

typedef struct AgeWriter
{
	BkWriter	base;
	BkWriter   *next;
	BkAead	   *aead;
	BkAead	   *proof;			/* opens the first chunk, then NULL */
	BkBuf		header;			/* not yet written; with the salt */
	unsigned char nonce[BK_CRYPTO_NONCE_SIZE];
	size_t		filled;			/* bytes of "plain" in use */
	unsigned char plain[CHUNK_SIZE];
	unsigned char sealed[SEALED_SIZE];
} AgeWriter;

typedef struct AgeReader
{
	BkReader	base;
	BkReader   *below;
	const BkAgeIdentity *identities;
	size_t		count;
	BkAead	   *aead;			/* NULL: the header has not been read */
	unsigned char nonce[BK_CRYPTO_NONCE_SIZE];
	bool		ended;			/* the reader below has no more */
	const unsigned char *plain; /* of a chunk, in "input" */
	size_t		plain_len;
	size_t		start;			/* what is in use of "input" */
	size_t		end;
	unsigned char input[INPUT_SIZE];
} AgeReader;

static bool age_write(BkWriter *writer, const void *buf, size_t len,
					  BkError *err);
static bool age_finish(BkWriter *writer, BkError *err);
static void age_close_writer(BkWriter *writer);
static bool age_read(BkReader *reader, void *buf, size_t len, size_t *got,
					 BkError *err);
static void age_close_reader(BkReader *reader);
static bool set_up(AgeWriter *self, const BkAgeRecipient *recipients,
				   size_t count, BkError *err);
static bool payload_key(const unsigned char file_key[BK_AGE_FILE_KEY_SIZE],
						const void *salt, unsigned char key[BK_CRYPTO_KEY_SIZE],
						BkError *err);
static bool write_chunk(AgeWriter *self, const unsigned char *plain, size_t len,
						bool last, BkError *err);
static bool prove(AgeWriter *self, const unsigned char *plain, size_t len,
				  BkError *err);
static void count_up(unsigned char nonce[BK_CRYPTO_NONCE_SIZE]);
static bool open_header(AgeReader *self, BkError *err);
static bool next_chunk(AgeReader *self, BkError *err);
static bool have(AgeReader *self, size_t need, BkError *err);

static const BkWriterOps age_writer_ops = {
	.write = age_write,
	.finish = age_finish,
	.close = age_close_writer,
};

static const BkReaderOps age_reader_ops = {
	.read = age_read,
	.close = age_close_reader,
};

BkWriter *
bk_age_writer(BkWriter *next, const BkAgeRecipient *recipients, size_t count,
			  BkError *err)
{
	AgeWriter  *self = calloc(1, sizeof(*self));

	if (self == NULL)
	{
		bk_error_memory(err);
		return NULL;
	}
	self->base.ops = &age_writer_ops;
	bk_buf_init(&self->header);
	if (!set_up(self, recipients, count, err))
	{
		age_close_writer(&self->base);
		return NULL;
	}
	self->next = next;
	return &self->base;
}

BkReader *
bk_age_reader(BkReader *below, const BkAgeIdentity *identities, size_t count,
			  BkError *err)
{
	AgeReader  *self = calloc(1, sizeof(*self));

	if (self == NULL)
	{
		bk_error_memory(err);
		return NULL;
	}
	self->base.ops = &age_reader_ops;
	self->below = below;
	self->identities = identities;
	self->count = count;
	return &self->base;
}

/* A full chunk waits until it is known whether it is the last. */
static bool
age_write(BkWriter *writer, const void *buf, size_t len, BkError *err)
{
	AgeWriter  *self = (AgeWriter *) writer;
	const unsigned char *bytes = buf;

	while (len > 0)
	{
		size_t		step = CHUNK_SIZE - self->filled;

		if (self->filled == 0 && len > CHUNK_SIZE)
		{
			/* Nothing waits, and this is not the end: no need to copy. */
			if (!write_chunk(self, bytes, step, false, err))
				return false;
		}
		else if (step == 0)
		{
			if (!write_chunk(self, self->plain, CHUNK_SIZE, false, err))
				return false;
			self->filled = 0;
		}
		else
		{
			step = len < step ? len : step;
			memcpy(self->plain + self->filled, bytes, step);
			self->filled += step;
		}
		bytes += step;
		len -= step;
	}
	return true;
}

/* Only where there is no data at all is the last chunk an empty one. */
static bool
age_finish(BkWriter *writer, BkError *err)
{
	AgeWriter  *self = (AgeWriter *) writer;

	return write_chunk(self, self->plain, self->filled, true, err) &&
		bk_finish(self->next, err);
}

static void
age_close_writer(BkWriter *writer)
{
	AgeWriter  *self = (AgeWriter *) writer;

	bk_aead_free(self->aead);
	bk_aead_free(self->proof);
	bk_buf_free(&self->header);
	bk_writer_close(self->next);
	free(self);
}

static bool
age_read(BkReader *reader, void *buf, size_t len, size_t *got, BkError *err)
{
	AgeReader  *self = (AgeReader *) reader;

	if (self->aead == NULL && !open_header(self, err))
		return false;
	if (self->plain_len == 0 && self->nonce[NONCE_LAST] == 0 &&
		!next_chunk(self, err))
		return false;
	*got = len < self->plain_len ? len : self->plain_len;
	memcpy(buf, self->plain, *got);
	self->plain += *got;
	self->plain_len -= *got;
	return true;
}

static void
age_close_reader(BkReader *reader)
{
	AgeReader  *self = (AgeReader *) reader;

	bk_aead_free(self->aead);
	bk_reader_close(self->below);
	free(self);
}

static bool
set_up(AgeWriter *self, const BkAgeRecipient *recipients, size_t count,
	   BkError *err)
{
	unsigned char file_key[BK_AGE_FILE_KEY_SIZE];
	unsigned char key[BK_CRYPTO_KEY_SIZE];
	unsigned char salt[SALT_SIZE];
	bool		ok;

	if (count == 0 || count > RECIPIENTS_MAX)
		return bk_error(err, BK_STATE_BAD_ARGUMENT,
						"cannot encrypt to %zu recipients", count);
	ok = bk_age_header_make(recipients, count, file_key, &self->header, err) &&
		bk_random_bytes(salt, sizeof(salt), err) &&
		payload_key(file_key, salt, key, err);
	if (ok)
	{
		bk_buf_append(&self->header, salt, sizeof(salt));
		self->aead = bk_aead_new(key, true, err);
		self->proof = bk_aead_new(key, false, err);
		ok = self->aead != NULL && self->proof != NULL &&
			bk_buf_check(&self->header, err);
	}
	explicit_bzero(file_key, sizeof(file_key));
	explicit_bzero(key, sizeof(key));
	return ok;
}

static bool
payload_key(const unsigned char file_key[BK_AGE_FILE_KEY_SIZE],
			const void *salt, unsigned char key[BK_CRYPTO_KEY_SIZE],
			BkError *err)
{
	BkCryptoText secret = {file_key, BK_AGE_FILE_KEY_SIZE};
	BkCryptoText text = {salt, SALT_SIZE};

	return bk_crypto_hkdf(&secret, &text, "payload", key, err);
}

static bool
write_chunk(AgeWriter *self, const unsigned char *plain, size_t len, bool last,
			BkError *err)
{
	self->nonce[NONCE_LAST] = last;
	if (!bk_aead_seal(self->aead, self->nonce, plain, len, self->sealed, err) ||
		!prove(self, plain, len, err))
		return false;
	if (self->header.len > 0 &&
		!bk_write(self->next, self->header.data, self->header.len, err))
		return false;
	bk_buf_reset(&self->header);
	count_up(self->nonce);
	return bk_write(self->next, self->sealed, len + BK_CRYPTO_TAG_SIZE, err);
}

/*
 * Open the first chunk of each stream again before anything is written: what
 * was not really encrypted must not leave, and what cannot be decrypted is no
 * backup.
 */
static bool
prove(AgeWriter *self, const unsigned char *plain, size_t len, BkError *err)
{
	unsigned char *copy;
	bool		good = false;
	bool		ok;

	if (self->proof == NULL)
		return true;
	copy = malloc(SEALED_SIZE);
	if (copy == NULL)
		return bk_error_memory(err);
	memcpy(copy, self->sealed, len + BK_CRYPTO_TAG_SIZE);
	ok = bk_aead_open(self->proof, self->nonce, copy, len + BK_CRYPTO_TAG_SIZE,
					  &good, err);
	good = good && memcmp(copy, plain, len) == 0 &&
		(len < BK_CRYPTO_KEY_SIZE || memcmp(self->sealed, plain, len) != 0);
	free(copy);
	bk_aead_free(self->proof);
	self->proof = NULL;
	return ok && (good || bk_error(err, BK_STATE_SYSTEM,
								   "could not decrypt what was just encrypted"));
}

/* The number is big-endian; 64 bits of it are never exhausted. */
static void
count_up(unsigned char nonce[BK_CRYPTO_NONCE_SIZE])
{
	for (int i = NONCE_LAST - 1; i >= 0 && ++nonce[i] == 0; i--)
		;
}

static bool
open_header(AgeReader *self, BkError *err)
{
	unsigned char file_key[BK_AGE_FILE_KEY_SIZE];
	unsigned char key[BK_CRYPTO_KEY_SIZE];
	size_t		used;
	bool		ok;

	if (!have(self, BK_AGE_HEADER_MAX, err) ||
		!bk_age_header_open((const char *) self->input, self->end, &used,
							self->identities, self->count, file_key, err))
		return false;
	self->start = used;
	ok = have(self, SALT_SIZE, err) &&
		(self->end - self->start >= SALT_SIZE ||
		 bk_error(err, BK_STATE_CORRUPT, "age data ends early")) &&
		payload_key(file_key, self->input + self->start, key, err);
	self->start += SALT_SIZE;
	if (ok)
		self->aead = bk_aead_new(key, false, err);
	explicit_bzero(file_key, sizeof(file_key));
	explicit_bzero(key, sizeof(key));
	return ok && self->aead != NULL;
}

/* A chunk is the last one if nothing is behind it, and must say so itself. */
static bool
next_chunk(AgeReader *self, BkError *err)
{
	bool		is_first = true;
	bool		authentic;
	size_t		len;

	for (int i = 0; i < NONCE_LAST; i++)
		is_first = is_first && self->nonce[i] == 0;
	if (!have(self, SEALED_SIZE + 1, err))
		return false;
	len = self->end - self->start;
	self->nonce[NONCE_LAST] = len <= SEALED_SIZE;
	if (len > SEALED_SIZE)
		len = SEALED_SIZE;
	if (!bk_aead_open(self->aead, self->nonce, self->input + self->start, len,
					  &authentic, err))
		return false;
	if (len < BK_CRYPTO_TAG_SIZE)
		return bk_error(err, BK_STATE_CORRUPT, "age data ends early");
	if (!authentic && self->nonce[NONCE_LAST] == 1)
		return bk_error(err, BK_STATE_CORRUPT,
						"age data ends early or is damaged at its end");
	if (!authentic)
		return bk_error(err, BK_STATE_CORRUPT, "age data is damaged");
	if (len == BK_CRYPTO_TAG_SIZE && !is_first)
		return bk_error(err, BK_STATE_CORRUPT,
						"age data has an empty chunk at its end");
	self->plain = self->input + self->start;
	self->plain_len = len - BK_CRYPTO_TAG_SIZE;
	self->start += len;
	count_up(self->nonce);
	return true;
}

/* Have that many bytes of input, or all there are. */
static bool
have(AgeReader *self, size_t need, BkError *err)
{
	size_t		len = self->end - self->start;

	if (len >= need || self->ended)
		return true;
	memmove(self->input, self->input + self->start, len);
	self->start = 0;
	self->end = len;
	while (self->end < need && !self->ended)
	{
		size_t		got;

		if (!bk_read(self->below, self->input + self->end,
					 INPUT_SIZE - self->end, &got, err))
			return false;
		self->end += got;
		self->ended = got == 0;
	}
	return true;
}
