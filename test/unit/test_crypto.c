/*
 * test_crypto.c
 *	  The primitives, and what becomes of a stream when OpenSSL fails in the
 *	  middle: an error, or good data, and never anything in between.
 */
#include "age_support.h"

#include <openssl/crypto.h>

#include "core/crypto.h"

#define TEXT	"not one byte of this may leave as it is"

/* The allocation that fails, counted down; NEVER: none. */
static size_t fail_at = NEVER;

static void *
allocate(size_t size, const char *file, int line)
{
	(void) file;
	(void) line;
	if (fail_at != NEVER && fail_at-- == 0)
	{
		fail_at = NEVER;
		return NULL;
	}
	return malloc(size);
}

static void *
reallocate(void *data, size_t size, const char *file, int line)
{
	if (data == NULL)
		return allocate(size, file, line);
	return realloc(data, size);
}

static void
release(void *data, const char *file, int line)
{
	(void) file;
	(void) line;
	free(data);
}

static void
answers_are_known(void **state)
{
	BkError		err;

	(void) state;
	assert_good(bk_crypto_check(&err), &err);
	assert_good(bk_crypto_check(&err), &err);
}

/* Orders 1, 2, 4 and 8, also written as more than the prime. */
static void
low_orders_are_refused(void **state)
{
	static const unsigned char points[][BK_CRYPTO_KEY_SIZE] = {
		{0}, {1},
		{0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4, 0x6a,
		0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00},
		{0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
		{0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
	};
	unsigned char secret[BK_CRYPTO_KEY_SIZE];
	unsigned char shared[BK_CRYPTO_KEY_SIZE];
	BkError		err;

	(void) state;
	memset(secret, 0x55, sizeof(secret));
	for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++)
	{
		assert_false(bk_crypto_x25519(secret, points[i], shared, &err));
		assert_reason(&err, "XX001", "low order");
	}
}

static void
forgeries_are_not_opened(void **state)
{
	unsigned char key[BK_CRYPTO_KEY_SIZE] = {1};
	unsigned char nonce[BK_CRYPTO_NONCE_SIZE] = {2};
	unsigned char sealed[sizeof(TEXT) + BK_CRYPTO_TAG_SIZE];
	unsigned char copy[sizeof(sealed)];
	BkError		err;
	BkAead	   *seals = bk_aead_new(key, true, &err);
	BkAead	   *opens = bk_aead_new(key, false, &err);
	bool		authentic;

	(void) state;
	assert_true(seals != NULL && opens != NULL);
	assert_good(bk_aead_seal(seals, nonce, TEXT, sizeof(TEXT), sealed, &err), &err);
	for (size_t i = 0; i < sizeof(sealed); i++)
	{
		memcpy(copy, sealed, sizeof(sealed));
		copy[i] ^= 1;
		assert_good(bk_aead_open(opens, nonce, copy, sizeof(copy), &authentic,
								 &err), &err);
		assert_false(authentic);
		assert_null(memmem(copy, sizeof(copy), "byte", 4));

		/* Cut, and then as it was: the handle is as good as new. */
		memcpy(copy, sealed, sizeof(sealed));
		assert_good(bk_aead_open(opens, nonce, copy, i, &authentic, &err), &err);
		assert_false(authentic);
		memcpy(copy, sealed, sizeof(sealed));
		assert_good(bk_aead_open(opens, nonce, copy, sizeof(copy), &authentic,
								 &err), &err);
		assert_true(authentic);
		assert_memory_equal(copy, TEXT, sizeof(TEXT));
	}
	bk_aead_free(seals);
	bk_aead_free(opens);
	bk_aead_free(NULL);
}

/* Encrypt; true if all was well, and what was written either way. */
static bool
encrypt(const BkAgeRecipient *recipient, BkBuf *out, BkError *err)
{
	BkWriter   *sink = new_sink(out, NEVER, false, NULL);
	BkWriter   *writer = bk_age_writer(sink, recipient, 1, err);
	bool		ok = writer != NULL;

	ok = ok && bk_write(writer, TEXT, sizeof(TEXT), err) &&
		bk_finish(writer, err);
	bk_writer_close(writer == NULL ? sink : writer);
	return ok;
}

static void
failures_are_found(void **state)
{
	BkAgeIdentity identity;
	BkAgeRecipient recipient;
	size_t		failed = 0;
	bool		whole = false;
	BkBuf		good;
	BkError		err;

	(void) state;
	assert_good(bk_age_generate(&identity, &err), &err);
	assert_good(bk_age_recipient(&identity, &recipient, &err), &err);
	bk_buf_init(&good);
	assert_good(encrypt(&recipient, &good, &err), &err);
	for (size_t i = 0; !whole; i++)
	{
		BkBuf		packed;
		BkBuf		back;
		bool		ok;

		bk_buf_init(&packed);
		fail_at = i;
		ok = encrypt(&recipient, &packed, &err);
		whole = fail_at != NEVER;
		fail_at = NEVER;
		assert_true(packed.len == 0 ||
					memmem(packed.data, packed.len, "byte", 4) == NULL);
		if (ok)
		{
			assert_good(decrypt(new_source(packed.data, packed.len, 99, NEVER),
								&identity, 1, 99, &back, &err), &err);
			assert_memory_equal(back.data, TEXT, sizeof(TEXT));
			bk_buf_free(&back);
		}
		else
			assert_reason(&err, "58000", "OpenSSL says");
		bk_buf_free(&packed);
		failed += !ok;

		/* The same on the way back. */
		fail_at = i;
		ok = decrypt(new_source(good.data, good.len, 99, NEVER), &identity, 1,
					 99, &back, &err);
		whole = whole && fail_at != NEVER;
		fail_at = NEVER;
		if (!ok)
			assert_reason(&err, "58000", "OpenSSL says");
		assert_int_equal(back.len, ok ? sizeof(TEXT) : 0);
		if (back.len > 0)
			assert_memory_equal(back.data, TEXT, sizeof(TEXT));
		bk_buf_free(&back);
		failed += !ok;
	}
	assert_true(failed > 20);
	bk_buf_free(&good);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_are_known),
		cmocka_unit_test(low_orders_are_refused),
		cmocka_unit_test(forgeries_are_not_opened),
		cmocka_unit_test_teardown(failures_are_found, all_is_closed),
	};

	if (CRYPTO_set_mem_functions(allocate, reallocate, release) != 1)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
