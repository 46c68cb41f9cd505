/*
 * test_keys.c
 *	  Key file and identity file: made, read, and refused with the line.
 */
#include "support.h"

#include "repo/keyline.h"
#include "repo/keys.h"

#define SECRET	"00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF"
#define OTHER	"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
#define PRIVATE "AGE-SECRET-KEY-1EGTZVFFV20835NWYV6270LXYVK2VKNX2MMDKWYKLMGR48UAWX40Q2P2LM0"
#define PUBLIC	"age1xmwwc06ly3ee5rytxm9mflaz2u56jjj36s0mypdrwsvlul66mv4q47ryef"

static BkKeys *
read_texts(const char *key_text, const char *identity_text, BkError *err)
{
	char	   *folder = new_folder();
	const char *key_file = in_folder(folder, "key");
	const char *identity_file = in_folder(folder, "identity");
	BkKeys	   *keys;

	if (key_text != NULL)
		write_file(key_file, key_text, strlen(key_text));
	if (identity_text != NULL)
		write_file(identity_file, identity_text, strlen(identity_text));
	keys = bk_keys_read(key_text == NULL ? NULL : key_file,
						identity_text == NULL ? NULL : identity_file, err);
	remove_folder(folder);
	return keys;
}

static void
generated_keys_are_read(void **state)
{
	BkKeyTexts	texts;
	BkKeyTexts	more;
	BkKeys	   *keys;
	BkError		err;
	char		text[BK_AGE_TEXT_SIZE];

	(void) state;
	assert_good(bk_keyline_generate(&texts, &err), &err);
	keys = read_texts(texts.key_file.data, texts.identity_file.data, &err);
	assert_good(keys != NULL, &err);
	assert_int_equal(keys->recipient_count, 1);
	bk_age_format_recipient(&keys->recipients[0], text);
	assert_string_equal(text, texts.recipient);
	assert_int_equal(keys->identity_count, 2);
	assert_true(keys->has_server && keys->is_owner);
	assert_int_equal(keys->secret_count, 1);
	assert_string_equal(keys->secrets[0].id, texts.key_id);
	bk_keys_free(keys);

	/* A new repository key seals, and the old one is still believed. */
	assert_good(bk_keyline_rotate(&more, &err), &err);
	bk_buf_append(&texts.key_file, more.key_file.data, more.key_file.len);
	bk_buf_append(&texts.identity_file, more.identity_file.data,
				  more.identity_file.len);
	for (int i = 0; i < 3; i++)
	{
		keys = read_texts(i == 1 ? NULL : texts.key_file.data,
						  i == 2 ? NULL : texts.identity_file.data, &err);
		assert_good(keys != NULL, &err);
		assert_int_equal(keys->secret_count, 2);
		assert_string_equal(keys->secrets[0].id, more.key_id);
		assert_ptr_equal(bk_keys_find(keys, texts.key_id), &keys->secrets[1]);
		assert_null(bk_keys_find(keys, "0123456789abcdef"));
		assert_int_equal(keys->recipient_count, i == 1 ? 0 : 1);
		bk_keys_free(keys);
	}
	bk_keyline_free(&texts);
	bk_keyline_free(&more);
	bk_keys_free(NULL);
}

static void
lines_may_look_so(void **state)
{
	BkKeys	   *keys;
	BkError		err;
	char		text[BK_AGE_TEXT_SIZE];

	(void) state;
	keys = read_texts("# ours\r\n\n  recipient\t" PUBLIC " \r\n"
					  "#repository-key nothing\n# backup_ext repository-key " OTHER "\n"
					  "repository-key " SECRET "\nidentity " PRIVATE,
					  "# public key: " PUBLIC "\n# backup_ext is fine\n"
					  "# backup_ext repository-key " SECRET "\n" PRIVATE "\n", &err);
	assert_good(keys != NULL, &err);
	bk_age_format_recipient(&keys->server, text);
	assert_string_equal(text, PUBLIC);
	assert_int_equal(keys->secret_count, 1);
	assert_int_equal(keys->secrets[0].secret[0], 0);
	assert_int_equal(keys->secrets[0].secret[31], 0xff);
	assert_string_equal(keys->secrets[0].id, "c103f297d9570e16");
	bk_keys_free(keys);

	/* Nothing but authenticity. */
	keys = read_texts("repository-key " SECRET, NULL, &err);
	assert_good(keys != NULL, &err);
	assert_int_equal(keys->recipient_count, 0);
	assert_false(keys->has_server || keys->is_owner);
	bk_keys_free(keys);

	keys = bk_keys_read(NULL, NULL, &err);
	assert_good(keys != NULL, &err);
	bk_keys_free(keys);
}

static void
bad_files_are_refused(void **state)
{
	static const struct
	{
		const char *key;
		const char *identity;
		const char *state;
		const char *message;
		const char *detail;
	}			rows[] = {
		{"", NULL, "22023", "has no keys", ""},
		{"# nothing\n", NULL, "22023", "has no keys", ""},
		{"identity " PRIVATE, NULL, "22023", "but no recipient", ""},
		{"\n\nrecipient age1xyz", NULL, "22023", "invalid line 3", "not the public key"},
		{"recipient " PRIVATE, NULL, "22023", "invalid line 1", "not the public key"},
		{"recipient", NULL, "22023", "invalid line 1", "expected a line"},
		{"recipients " PUBLIC, NULL, "22023", "invalid line 1", "expected a line"},
		{PRIVATE, NULL, "22023", "invalid line 1", "expected a line"},
		{"recipient " PUBLIC "\nrepository-key 0011", NULL, "22023", "invalid line 2",
		"64 hexadecimal digits"},
		{"repository-key " SECRET "0", NULL, "22023", "invalid line 1", "64 hexadecimal"},
		{NULL, "# backup_ext repository-key " SECRET, "22023", "has no identity", ""},
		{NULL, "# backup_ext repository-key 1", "22023", "invalid line 1", "64 hexadecimal"},
		{NULL, "age1xyz", "22023", "invalid line 1", "not an age identity"},
		{NULL, "age-encryption.org/v1\n-> scrypt", "0A000", "itself encrypted", ""},
		{NULL, "-----BEGIN AGE ENCRYPTED FILE-----\n", "0A000", "itself encrypted", ""},
		{NULL, "AGE-PLUGIN-YUBIKEY-1QQQ\n", "0A000", "another kind in line 1", "X25519"},
		{NULL, "AGE-SECRET-KEY-PQ-1QQQ\n", "0A000", "another kind in line 1", "X25519"},
	};
	BkError		err;

	(void) state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
	{
		assert_null(read_texts(rows[i].key, rows[i].identity, &err));
		assert_reason(&err, rows[i].state, rows[i].message);
		assert_reason(&err, rows[i].state, rows[i].detail);
		assert_null(strstr(err.message, "EGTZV"));
		assert_null(strstr(err.detail, "EGTZV"));
		assert_null(strstr(err.detail, "0011"));
	}
}

static void
too_many_lines_are_refused(void **state)
{
	BkBuf		text;
	BkError		err;

	(void) state;
	bk_buf_init(&text);
	for (int i = 0; i <= BK_KEYS_MAX; i++)
		bk_buf_append_string(&text, "recipient " PUBLIC "\n");
	assert_null(read_texts(text.data, NULL, &err));
	assert_reason(&err, "22023", "too many recipients");
	bk_buf_reset(&text);
	for (int i = 0; i <= BK_KEYS_MAX; i++)
		bk_buf_printf(&text, "repository-key %064x\n", i);
	assert_null(read_texts(text.data, NULL, &err));
	assert_reason(&err, "22023", "too many repository keys");
	bk_buf_free(&text);
}

static void
other_files_are_refused(void **state)
{
	char	   *folder = new_folder();
	char		path[1024];
	BkError		err;

	(void) state;
	snprintf(path, sizeof(path), "%s", in_folder(folder, "key"));
	write_file(path, "repository-key " SECRET, strlen("repository-key " SECRET));
	assert_int_equal(chmod(path, 0644), 0);
	assert_null(bk_keys_read(path, NULL, &err));
	assert_reason(&err, "42501", path);
	assert_null(bk_keys_read(NULL, path, &err));
	assert_reason(&err, "42501", path);
	assert_null(bk_keys_read(NULL, in_folder(folder, "missing"), &err));
	assert_reason(&err, "58P01", "missing");
	assert_int_equal(chmod(path, 0600), 0);
	write_file(path, "repository-key\0 " SECRET, 32);
	assert_null(bk_keys_read(path, NULL, &err));
	assert_reason(&err, "22023", "is not a text file");
	remove_folder(folder);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(generated_keys_are_read),
		cmocka_unit_test(lines_may_look_so),
		cmocka_unit_test(bad_files_are_refused),
		cmocka_unit_test(too_many_lines_are_refused),
		cmocka_unit_test(other_files_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
