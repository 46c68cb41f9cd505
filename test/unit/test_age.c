/*
 * test_age.c
 *	  The age format: round trips, damage, failing streams, and the stock tool.
 */
#include "age_support.h"

#define CHUNK		(64 * 1024)
#define SEALED		(CHUNK + 16)
#define KEYS		4

static const size_t sizes[] = {
	0, 1, 15, 16, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 1,
	BK_STREAM_BUFFER, 9 * CHUNK + 77
};

#define SIZES	(sizeof(sizes) / sizeof(sizes[0]))

static BkAgeIdentity identities[KEYS];
static BkAgeRecipient recipients[KEYS];

static int
make_keys(void **state)
{
	BkError		err;

	(void) state;
	for (int i = 0; i < KEYS; i++)
	{
		assert_good(bk_age_generate(&identities[i], &err), &err);
		assert_good(bk_age_recipient(&identities[i], &recipients[i], &err), &err);
	}
	return 0;
}

/* Encrypt in steps; the buffer is the caller's to free. */
static void
encrypt(size_t count, const char *data, size_t len, size_t step, BkBuf *out)
{
	bool		finished = false;
	BkError		err;
	BkWriter   *writer;

	bk_buf_init(out);
	writer = bk_age_writer(new_sink(out, NEVER, false, &finished), recipients,
						   count, &err);
	assert_good(writer != NULL, &err);
	assert_good(bk_write(writer, data, 0, &err), &err);
	for (size_t done = 0; done < len; done += step)
		assert_good(bk_write(writer, data + done,
							 len - done < step ? len - done : step, &err), &err);
	assert_false(finished);
	assert_good(bk_finish(writer, &err), &err);
	assert_true(finished);
	bk_writer_close(writer);
}

static void
comes_back(void **state)
{
	static const size_t steps[] = {7919, CHUNK, 10 * CHUNK};
	BkError		err;

	(void) state;
	for (size_t i = 0; i < SIZES * 3; i++)
	{
		char	   *data = make_data(sizes[i / 3], false, i);
		BkBuf		packed;
		BkBuf		back;

		encrypt(KEYS, data, sizes[i / 3], steps[i % 3], &packed);
		for (size_t k = 0; k < KEYS; k++)
		{
			assert_good(decrypt(new_source(packed.data, packed.len,
										   steps[k % 3] / 3 + 1, NEVER),
								&identities[k], KEYS - k, steps[2 - k % 3],
								&back, &err), &err);
			assert_int_equal(back.len, sizes[i / 3]);
			assert_memory_equal(back.data == NULL ? "" : back.data, data,
								back.len);
			bk_buf_free(&back);
		}
		bk_buf_free(&packed);
		free(data);
	}
}

/* No two files have anything in common, also of the same bytes. */
static void
nothing_repeats(void **state)
{
	BkBuf		one;
	BkBuf		other;
	size_t		same = 0;

	(void) state;
	encrypt(1, "0123456789abcdef0123456789abcdef", 32, 32, &one);
	encrypt(1, "0123456789abcdef0123456789abcdef", 32, 32, &other);
	assert_int_equal(one.len, other.len);
	for (size_t i = one.len - 64; i < one.len; i++)
		same += one.data[i] == other.data[i];
	assert_true(same < 16);
	bk_buf_free(&one);
	bk_buf_free(&other);
}

static void
other_keys_do_not_open(void **state)
{
	BkAgeIdentity stranger = {.passphrase = "wrong"};
	BkBuf		packed;
	BkBuf		back;
	BkError		err;

	(void) state;
	encrypt(2, "data", 4, 4, &packed);
	assert_false(decrypt(new_source(packed.data, packed.len, 99, NEVER),
						 &identities[2], 2, 99, &back, &err));
	assert_reason(&err, "28000", "2 recipients, 2 keys were tried");
	assert_non_null(strstr(err.hint, "--identity-file"));
	assert_int_equal(back.len, 0);
	assert_false(decrypt(new_source(packed.data, packed.len, 99, NEVER),
						 &stranger, 1, 99, &back, &err));
	assert_reason(&err, "28000", "none of the private keys");
	assert_false(decrypt(new_source(packed.data, packed.len, 99, NEVER),
						 NULL, 0, 99, &back, &err));
	assert_reason(&err, "28000", "0 keys were tried");
	bk_buf_free(&packed);
}

/* What is not age is called that. */
static void
other_files_are_refused(void **state)
{
	static const struct
	{
		const char *text;
		const char *reason;
	}			rows[] = {
		{"", "ends early"},
		{"age-encryption.org/v", "ends early"},
		{"age-encryption.org/v1\n", "ends early"},
		{"age-encryption.org/v1\n--- ", "ends early"},
		{"age-encryption.org/v2\n", "is not an age v1 file"},
		{"PGDMP and so on, a dump that is not encrypted", "is not an age v1 file"},
		{"-----BEGIN AGE ENCRYPTED FILE-----\nYWdl\n", "ASCII armor"},
	};
	BkBuf		back;
	BkError		err;

	(void) state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
	{
		assert_false(decrypt(new_source(rows[i].text, strlen(rows[i].text), 9,
										NEVER), identities, 1, 9, &back, &err));
		assert_reason(&err, "XX001", rows[i].reason);
		bk_buf_free(&back);
	}
}

/* Headers without end cost neither time nor memory. */
static void
large_headers_are_refused(void **state)
{
	static const struct
	{
		const char *unit;
		const char *reason;
	}			rows[] = {
		{"-> grease\n\n", "too many stanzas"},
		{"-> grease", "longer than 64 KiB"},
		{"-> a\nYWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IFgyNTUxOSBURWlGMHlwcXIrYnB2Y3FY\n",
		"body of a stanza"},
	};
	BkBuf		back;
	BkError		err;

	(void) state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
	{
		BkBuf		text;

		bk_buf_init(&text);
		bk_buf_append_string(&text, "age-encryption.org/v1\n");
		while (text.len < 3 * CHUNK)
			bk_buf_append_string(&text, rows[i].unit);
		assert_false(decrypt(new_source(text.data, text.len, 5000, NEVER),
							 identities, 1, 9, &back, &err));
		assert_reason(&err, "XX001", rows[i].reason);
		bk_buf_free(&text);
	}
}

/* What came out is a beginning of the data, in whole chunks. */
static void
assert_prefix(const BkBuf *back, const char *data, size_t len)
{
	assert_true(back->len < len && back->len % CHUNK == 0);
	if (back->len > 0)
		assert_memory_equal(back->data, data, back->len);
}

static void
truncation_is_found(void **state)
{
	size_t		len = 3 * CHUNK;
	char	   *data = make_data(len, false, 9);
	BkBuf		packed;
	BkBuf		back;
	BkError		err;

	(void) state;
	encrypt(2, data, len, len, &packed);
	for (size_t cut = 0; cut < packed.len;)
	{
		assert_false(decrypt(new_source(packed.data, cut, 30000, NEVER),
							 identities, 1, 100000, &back, &err));
		assert_reason(&err, "XX001", "age data ends early");
		assert_prefix(&back, data, len);
		bk_buf_free(&back);

		/* Every byte of the header, around chunks, and some between. */
		cut += cut < 500 || (packed.len - cut + 20) % SEALED < 40 ? 1 : 9;
		if (cut > 500 && (packed.len - cut + 20) % SEALED > 100)
			cut += 501;
	}
	bk_buf_free(&packed);
	free(data);
}

static void
flipped_bits_are_found(void **state)
{
	size_t		len = 2 * CHUNK + 300;
	char	   *data = make_data(len, false, 11);
	BkBuf		packed;
	BkBuf		back;
	BkError		err;

	(void) state;
	encrypt(1, data, len, len, &packed);
	for (size_t at = 0; at < packed.len; at += at < 250 ? 1 : 997)
	{
		for (int bit = 0; bit < 8; bit += at < 250 ? 1 : 7)
		{
			packed.data[at] = (char) (packed.data[at] ^ 1 << bit);
			assert_false(decrypt(new_source(packed.data, packed.len, CHUNK,
											NEVER),
								 identities, 1, CHUNK, &back, &err));
			if (strcmp(err.sqlstate, "28000") != 0)
				assert_string_equal(err.sqlstate, "XX001");
			assert_prefix(&back, data, len);
			bk_buf_free(&back);
			packed.data[at] = (char) (packed.data[at] ^ 1 << bit);
		}
	}
	bk_buf_free(&packed);
	free(data);
}

/* Chunks exchanged, left out, doubled, added, or those of another file. */
static void
moved_chunks_are_found(void **state)
{
	static const char *const orders[] = {
		"1023", "0213", "0132", "012", "013", "123", "0", "01233", "00123",
		"0123x", "01y3", "012y", "y123", "3", ""
	};
	size_t		len = 4 * CHUNK;
	char	   *data = make_data(len, false, 17);
	BkBuf		packed;
	BkBuf		other;
	BkBuf		mixed;
	BkBuf		back;
	BkError		err;
	size_t		start;

	(void) state;
	encrypt(1, data, len, len, &packed);
	encrypt(1, data, len, len, &other);
	start = packed.len - 4 * SEALED;
	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++)
	{
		bk_buf_init(&mixed);
		bk_buf_append(&mixed, packed.data, start);
		for (const char *c = orders[i]; *c != '\0'; c++)
		{
			if (*c == 'x')
				bk_buf_append(&mixed, "x", 1);
			else if (*c == 'y')
				bk_buf_append(&mixed, other.data + start + (c - orders[i]) * SEALED,
							  SEALED);
			else
				bk_buf_append(&mixed, packed.data + start + (*c - '0') * SEALED,
							  SEALED);
		}
		assert_false(decrypt(new_source(mixed.data, mixed.len, 70000, NEVER),
							 identities, 1, len, &back, &err));
		assert_reason(&err, "XX001", "age data");
		assert_prefix(&back, data, len);
		bk_buf_free(&back);
		bk_buf_free(&mixed);
	}
	bk_buf_free(&packed);
	bk_buf_free(&other);
	free(data);
}

/* Cut the chain in the middle, at many places; the leak checker looks on. */
static void
failing_streams_pass_through(void **state)
{
	size_t		len = 5 * CHUNK;
	char	   *data = make_data(len, false, 13);
	BkWriter   *writer;
	BkBuf		packed;
	BkBuf		back;
	BkError		err;

	(void) state;
	encrypt(1, data, len, len, &packed);
	for (size_t cut = 0; cut < len; cut += len / 23)
	{
		writer = bk_age_writer(new_sink(NULL, cut, false, NULL), recipients, 1,
							   &err);
		assert_false(bk_write(writer, data, len, &err) &&
					 bk_finish(writer, &err));
		assert_reason(&err, "58030", "the sink has failed");
		bk_writer_close(writer);
		assert_false(decrypt(new_source(packed.data, packed.len, 50000, cut),
							 identities, 1, 50000, &back, &err));
		assert_reason(&err, "58030", "the source has failed");
		bk_buf_free(&back);

		/* Given up without a failure. */
		writer = bk_age_writer(new_sink(NULL, NEVER, false, NULL), recipients,
							   1, &err);
		assert_true(bk_write(writer, data, cut, &err));
		bk_writer_close(writer);
		bk_reader_close(bk_age_reader(new_source(data, cut, 9, NEVER),
									  identities, 1, &err));
	}
	writer = bk_age_writer(new_sink(NULL, NEVER, true, NULL), recipients, 1,
						   &err);
	assert_false(bk_finish(writer, &err));
	assert_reason(&err, "58030", "failed to finish");
	bk_writer_close(writer);
	bk_buf_free(&packed);
	free(data);
}

static void
recipients_are_counted(void **state)
{
	BkAgeRecipient many[65];
	BkAgeRecipient zero = {{0}};
	BkWriter   *sink = new_sink(NULL, NEVER, false, NULL);
	BkError		err;

	(void) state;
	for (int i = 0; i < 65; i++)
		many[i] = recipients[0];
	assert_null(bk_age_writer(sink, many, 0, &err));
	assert_reason(&err, "22023", "to 0 recipients");
	assert_null(bk_age_writer(sink, many, 65, &err));
	assert_reason(&err, "22023", "to 65 recipients");
	assert_null(bk_age_writer(sink, &zero, 1, &err));
	assert_reason(&err, "XX001", "low order");
	bk_writer_close(bk_age_writer(sink, many, 64, &err));
}

/* Our files open with age, for each recipient; age's open with ours. */
static void
stock_tool_agrees(void **state)
{
	char	   *folder = new_folder();
	char		key_file[1024];
	char		text[BK_AGE_TEXT_SIZE];
	char		second[BK_AGE_TEXT_SIZE];
	const char *const decrypts[] = {"age", "-d", "-i", key_file, NULL};
	const char *const encrypts[] = {"age", "-r", text, "-r", second, NULL};
	BkError		err;

	(void) state;
	snprintf(key_file, sizeof(key_file), "%s", in_folder(folder, "key"));
	for (size_t i = 0; i < SIZES; i++)
	{
		const char *plain = in_folder(folder, "plain");
		const char *packed = in_folder(folder, "packed");
		char	   *data = make_data(sizes[i], false, i);
		BkBuf		content;
		BkBuf		back;

		bk_age_format_identity(&identities[i % 3], text);
		write_file(key_file, text, strlen(text));
		encrypt(3, data, sizes[i], 100000, &content);
		write_file(packed, content.data, content.len);
		bk_buf_free(&content);
		assert_int_equal(run_program(decrypts, packed, plain), 0);
		read_file(plain, &content);
		assert_int_equal(content.len, sizes[i]);
		assert_memory_equal(content.data == NULL ? "" : content.data, data,
							sizes[i]);
		bk_buf_free(&content);

		bk_age_format_recipient(&recipients[0], text);
		bk_age_format_recipient(&recipients[1], second);
		assert_int_equal(run_program(encrypts, plain, packed), 0);
		read_file(packed, &content);
		assert_good(decrypt(new_source(content.data, content.len, 65536, NEVER),
							&identities[i % 2], 1, 65536, &back, &err), &err);
		assert_int_equal(back.len, sizes[i]);
		assert_memory_equal(back.data == NULL ? "" : back.data, data, back.len);
		bk_buf_free(&content);
		bk_buf_free(&back);
		free(data);
	}
	remove_folder(folder);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(comes_back, all_is_closed),
		cmocka_unit_test_teardown(nothing_repeats, all_is_closed),
		cmocka_unit_test_teardown(other_keys_do_not_open, all_is_closed),
		cmocka_unit_test_teardown(other_files_are_refused, all_is_closed),
		cmocka_unit_test_teardown(large_headers_are_refused, all_is_closed),
		cmocka_unit_test_teardown(truncation_is_found, all_is_closed),
		cmocka_unit_test_teardown(flipped_bits_are_found, all_is_closed),
		cmocka_unit_test_teardown(moved_chunks_are_found, all_is_closed),
		cmocka_unit_test_teardown(failing_streams_pass_through, all_is_closed),
		cmocka_unit_test_teardown(recipients_are_counted, all_is_closed),
		cmocka_unit_test_teardown(stock_tool_agrees, all_is_closed),
	};

	return cmocka_run_group_tests(tests, make_keys, NULL);
}
