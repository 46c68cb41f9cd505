/*
 * test_age.c
 *	  The age format: the published vectors, round trips, damage, failing
 *	  streams, and the stock tool.
 *
 * The vectors in test/vectors/age are age's own, from the Community
 * Cryptography Test Vectors (C2SP/CCTV, folder age/testdata, under 0BSD, CC0
 * or Unlicense). Each is some lines of what to expect, an empty line, and an
 * age file, perhaps compressed. Those for ASCII armor and for keys of other
 * kinds are left out.
 */
#include "support.h"

#include <dirent.h>
#include <zlib.h>

#include "core/base64.h"
#include "core/crypto.h"
#include "core/digest.h"
#include "filter/age.h"

#define VECTORS		"test/vectors/age"
#define CHUNK		(64 * 1024)
#define SEALED		(CHUNK + 16)
#define INFLATED	(32 * 1024 * 1024)
#define KEYS		4

static const size_t sizes[] = {
	0, 1, 15, 16, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 1,
	BK_STREAM_BUFFER, 9 * CHUNK + 77
};

#define SIZES	(sizeof(sizes) / sizeof(sizes[0]))

typedef struct Vector
{
	char		expect[32];
	char		payload[BK_DIGEST_HEX_SIZE];
	char		passphrases[KEYS][64];
	BkAgeIdentity identities[KEYS];
	size_t		count;
	bool		compressed;
} Vector;

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

/* Decrypt what a source gives; what came before a failure is in out. */
static bool
decrypt(BkReader *source, const BkAgeIdentity *keys, size_t count, size_t step,
		BkBuf *out, BkError *err)
{
	BkReader   *reader = bk_age_reader(source, keys, count, err);
	char	   *piece = malloc(step);
	size_t		got = 1;
	bool		good = true;

	assert_non_null(reader);
	bk_buf_init(out);
	while (good && got > 0)
	{
		good = bk_read(reader, piece, step, &got, err);
		if (good)
			bk_buf_append(out, piece, got);
	}
	/* The end stays the end. */
	if (good)
		assert_true(bk_read(reader, piece, step, &got, err) && got == 0);
	bk_reader_close(reader);
	free(piece);
	return good;
}

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
	BkAgeRecipient many[33];
	BkAgeRecipient zero = {{0}};
	BkWriter   *sink = new_sink(NULL, NEVER, false, NULL);
	BkError		err;

	(void) state;
	for (int i = 0; i < 33; i++)
		many[i] = recipients[0];
	assert_null(bk_age_writer(sink, many, 0, &err));
	assert_reason(&err, "22023", "to 0 recipients");
	assert_null(bk_age_writer(sink, many, 33, &err));
	assert_reason(&err, "22023", "to 33 recipients");
	assert_null(bk_age_writer(sink, &zero, 1, &err));
	assert_reason(&err, "XX001", "low order");
	bk_writer_close(bk_age_writer(sink, many, 32, &err));
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
	for (int i = 0; i < KEYS; i++)
	{
		bk_age_format_recipient(&recipients[i], text);
		assert_good(bk_age_parse_recipient(text, &recipient, &err), &err);
		assert_memory_equal(recipient.key, recipients[i].key, BK_AGE_KEY_SIZE);
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
		cmocka_unit_test_teardown(keys_are_text, all_is_closed),
		cmocka_unit_test_teardown(base64_is_strict, all_is_closed),
	};

	return cmocka_run_group_tests(tests, make_keys, NULL);
}
