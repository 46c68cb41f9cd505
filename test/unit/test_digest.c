/*
 * test_digest.c
 *	  SHA-256 against the published vectors, and the random labels.
 */
#include "support.h"

#include "core/digest.h"

/* FIPS 180-4 examples (NIST, "SHA-256 example values"). */
static const struct
{
	const char *piece;
	int			times;
	const char *hex;
}			vectors[] = {
	{"", 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
	{"abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
	{"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
	"248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
	{"aaaaaaaaaa", 100000,
	"cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
};

static void
agrees_with_vectors(void **state)
{
	BkError		err;
	char		hex[BK_DIGEST_HEX_SIZE];

	(void) state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++)
	{
		BkDigest   *digest = bk_digest_new(&err);

		assert_non_null(digest);
		for (int k = 0; k < vectors[i].times; k++)
			assert_true(bk_digest_update(digest, vectors[i].piece,
										 strlen(vectors[i].piece), &err));
		assert_true(bk_digest_final_hex(digest, hex, &err));
		assert_string_equal(hex, vectors[i].hex);
		bk_digest_free(digest);
		if (vectors[i].times > 1)
			continue;
		assert_true(bk_digest_hex(vectors[i].piece, strlen(vectors[i].piece),
								  hex, &err));
		assert_string_equal(hex, vectors[i].hex);
	}
	bk_digest_free(bk_digest_new(&err));
	bk_digest_free(NULL);
}

static void
labels_are_even(void **state)
{
	static const char letters[] = "0123456789abcdefghijklmnopqrstuvwxyz";
	enum
	{
		LENGTH = 360000
	};
	char	   *label = malloc(LENGTH + 1);
	int			count[36] = {0};
	BkError		err;

	(void) state;
	assert_true(bk_random_label(label, 0, &err));
	assert_string_equal(label, "");
	assert_true(bk_random_label(label, LENGTH, &err));
	assert_int_equal(strlen(label), LENGTH);
	for (int i = 0; i < LENGTH; i++)
	{
		assert_non_null(strchr(letters, label[i]));
		count[strchr(letters, label[i]) - letters]++;
	}
	/*
	 * 10000 expected each, standard deviation 99. A byte taken modulo 36
	 * would favour the first four: 45000 instead of 40000.
	 */
	for (int i = 0; i < 36; i++)
		assert_in_range(count[i], 9000, 11000);
	assert_in_range(count[0] + count[1] + count[2] + count[3], 38000, 42000);
	free(label);
}

static void
bytes_differ(void **state)
{
	unsigned char one[300] = {0};
	unsigned char other[300] = {0};
	BkError		err;

	(void) state;
	assert_true(bk_random_bytes(one, sizeof(one), &err));
	assert_true(bk_random_bytes(other, sizeof(other), &err));
	assert_memory_not_equal(one, other, sizeof(one));
	assert_memory_not_equal(one + 260, other + 260, 40);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_with_vectors),
		cmocka_unit_test(labels_are_even),
		cmocka_unit_test(bytes_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
