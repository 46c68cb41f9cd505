/*
 * test_age_vectors.c
 *	  The age format's published vectors, and the text of its keys.
 *
 * The vectors in test/vectors/age are age's own, from the Community
 * Cryptography Test Vectors (C2SP/CCTV, folder age/testdata, under 0BSD, CC0
 * or Unlicense). Each is some lines of what to expect, an empty line, and an
 * age file, perhaps compressed. Those for ASCII armor and for keys of other
 * kinds are left out.
 */
#include "age_support.h"

#include <dirent.h>
#include <zlib.h>

#include "core/base64.h"
#include "core/digest.h"

#define VECTORS		"test/vectors/age"
#define CHUNK		(64 * 1024)
#define INFLATED	(32 * 1024 * 1024)
#define KEYS		4

typedef struct Vector
{
	char		expect[32];
	char		payload[BK_DIGEST_HEX_SIZE];
	char		passphrases[KEYS][64];
	BkAgeIdentity identities[KEYS];
	size_t		count;
	bool		compressed;
} Vector;

/* Read the lines before the empty one; the place behind them. */
static size_t
parse_vector(BkBuf *content, Vector *vector)
{
	char	   *line = content->data;
	BkError		err;

	while (*line != '\n')
	{
		char	   *end = strchr(line, '\n');
		char	   *value = strstr(line, ": ") + 2;

		*end = '\0';
		if (strncmp(line, "expect", 6) == 0)
			snprintf(vector->expect, sizeof(vector->expect), "%s", value);
		else if (strncmp(line, "payload", 7) == 0)
			snprintf(vector->payload, sizeof(vector->payload), "%s", value);
		else if (strncmp(line, "compressed", 10) == 0)
			vector->compressed = true;
		else if (strncmp(line, "identity", 8) == 0)
			assert_good(bk_age_parse_identity(value,
											  &vector->identities[vector->count++],
											  &err), &err);
		else if (strncmp(line, "passphrase", 10) == 0)
		{
			char	   *copy = vector->passphrases[vector->count];

			snprintf(copy, sizeof(vector->passphrases[0]), "%s", value);
			vector->identities[vector->count++].passphrase = copy;
		}
		line = end + 1;
	}
	return (size_t) (line + 1 - content->data);
}

/*
 * Programs that try a chunk as a last one only after it was none give the
 * bytes of these before they notice; ours looks first whether more follows.
 */
static bool
is_withheld(const char *path)
{
	static const char *const names[] = {
		"stream_no_final_full", "stream_no_final_two_chunks_full",
		"stream_trailing_garbage_long", "stream_trailing_garbage_short",
		"stream_two_final_chunks", "stream_two_final_chunks_full",
		"stream_two_final_chunks_second"
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
	{
		if (strcmp(strrchr(path, '/') + 1, names[i]) == 0)
			return true;
	}
	return false;
}

static void
play_vector(const char *path)
{
	Vector		vector = {.count = 0};
	char		hex[BK_DIGEST_HEX_SIZE];
	BkBuf		content;
	BkBuf		plain;
	BkError		err;
	char	   *file;
	size_t		start;
	uLongf		len = INFLATED;
	bool		good;

	read_file(path, &content);
	start = parse_vector(&content, &vector);
	file = malloc(INFLATED);
	assert_non_null(file);
	if (vector.compressed)
		assert_int_equal(uncompress((Bytef *) file, &len,
									(Bytef *) content.data + start,
									content.len - start), Z_OK);
	else
		memcpy(file, content.data + start, len = content.len - start);
	good = decrypt(new_source(file, len, 1000, NEVER), vector.identities,
				   vector.count, 100000, &plain, &err);
	if (strcmp(vector.expect, "success") == 0)
		assert_good(good, &err);
	else if (good)
		fail_msg("%s was read", path);
	else if (strcmp(vector.expect, "no match") == 0)
		assert_reason(&err, "28000", "none of the private keys");
	else if (strstr(path, "work_factor_23") != NULL)
		assert_reason(&err, "54000", "23");
	else
		assert_string_equal(err.sqlstate, "XX001");
	if (vector.payload[0] != '\0')
	{
		bk_digest_hex(plain.len == 0 ? "" : plain.data, plain.len, hex, &err);
		if (!is_withheld(path))
			assert_string_equal(hex, vector.payload);
		else
			assert_true(plain.len % CHUNK == 0 && !good);
	}
	else
		assert_int_equal(plain.len, 0);
	bk_buf_free(&plain);
	bk_buf_free(&content);
	free(file);
}

static void
vectors_are_read(void **state)
{
	DIR		   *folder = opendir(VECTORS);
	struct dirent *entry;
	int			played = 0;

	(void) state;
	assert_non_null(folder);
	while ((entry = readdir(folder)) != NULL)
	{
		char		path[512];

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), VECTORS "/%s", entry->d_name);
		play_vector(path);
		played++;
	}
	closedir(folder);
	assert_int_equal(played, 92);
}

static void
keys_are_text(void **state)
{
	/* The first is that of the vector "x25519"; the others are damaged. */
	static const char *const good =
	"AGE-SECRET-KEY-1EGTZVFFV20835NWYV6270LXYVK2VKNX2MMDKWYKLMGR48UAWX40Q2P2LM0";
	static const char *const bad[] = {
		"", "age1", "AGE-SECRET-KEY-1",
		"AGE-SECRET-KEY-1EGTZVFFV20835NWYV6270LXYVK2VKNX2MMDKWYKLMGR48UAWX40Q2P2LM1",
		"AGE-SECRET-KEY-1EGTZVFFV20835NWYV6270LXYVK2VKNX2MMDKWYKLMGR48UAWX40Q2P2LMQ",
		"AGE-SECRET-KEY-1EGTZVFFV20835NWYV6270LXYVK2VKNX2MMDKWYKLMGR48UAWX40Q2P2LM",
		"AGE-SECRET-KEY-1EGTZVFFV20835NWYV6270LXYVK2VKNX2MMDKWYKLMGR48UAWX40Q2P2LM00",
		"AGE-SECRET-KEY-1EGTZVFFV20835NWYV6270LXYVK2VKNX2MMDKWYKLMGR48UAWX40Q2p2lm0",
		" AGE-SECRET-KEY-1EGTZVFFV20835NWYV6270LXYVK2VKNX2MMDKWYKLMGR48UAWX40Q2P2LM0",
	};
	char		text[BK_AGE_TEXT_SIZE];
	BkAgeIdentity identity;
	BkAgeRecipient recipient;
	BkError		err;

	(void) state;
	assert_good(bk_age_parse_identity(good, &identity, &err), &err);
	bk_age_format_identity(&identity, text);
	assert_string_equal(text, good);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		assert_false(bk_age_parse_identity(bad[i], &identity, &err));
		assert_reason(&err, "22023", "not an age identity");
		assert_false(bk_age_parse_recipient(bad[i], &recipient, &err));
		assert_reason(&err, "22023", "not the public key");
		assert_null(strstr(err.message, "EGTZ"));
	}
	/* Zero is a point of low order. */
	memset(recipient.key, 0, sizeof(recipient.key));
	bk_age_format_recipient(&recipient, text);
	assert_false(bk_age_parse_recipient(text, &recipient, &err));
	assert_reason(&err, "22023", "not the public key");
	for (int i = 0; i < KEYS; i++)
	{
		BkAgeRecipient own;

		assert_good(bk_age_generate(&identity, &err), &err);
		assert_good(bk_age_recipient(&identity, &own, &err), &err);
		bk_age_format_recipient(&own, text);
		assert_good(bk_age_parse_recipient(text, &recipient, &err), &err);
		assert_memory_equal(recipient.key, own.key, BK_AGE_KEY_SIZE);
		assert_false(bk_age_parse_identity(text, &identity, &err));
		for (char *c = text; *c != '\0'; c++)
		{
			char		was = *c;

			*c = was == 'q' ? 'p' : 'q';
			assert_false(bk_age_parse_recipient(text, &recipient, &err));
			*c = was;
		}
	}
}

static void
base64_is_strict(void **state)
{
	static const struct
	{
		const char *text;
		size_t		size;
		bool		good;
	}			rows[] = {
		{"", 0, true}, {"Zg", 1, true}, {"Zm8", 2, true}, {"Zm9v", 3, true},
		{"+/+/", 3, true}, {"Zh", 1, false}, {"Zg==", 1, false}, {"Z", 0, false},
		{"Zm9", 2, false}, {"Zm9v", 2, false}, {"Zm-v", 3, false},
		{"Zm9v\n", 3, false}, {"Zm 9", 3, false},
	};
	unsigned char bytes[8];
	char		text[BK_BASE64_SIZE(8)];

	(void) state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
	{
		assert_int_equal(bk_base64_decode(rows[i].text, strlen(rows[i].text),
										  bytes, rows[i].size), rows[i].good);
		if (!rows[i].good)
			continue;
		bk_base64_encode(bytes, rows[i].size, false, text);
		assert_string_equal(text, rows[i].text);
	}
	bk_base64_encode("foob", 4, true, text);
	assert_string_equal(text, "Zm9vYg==");
	bk_base64_encode("foobar", 6, true, text);
	assert_string_equal(text, "Zm9vYmFy");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(vectors_are_read, all_is_closed),
		cmocka_unit_test_teardown(keys_are_text, all_is_closed),
		cmocka_unit_test_teardown(base64_is_strict, all_is_closed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
