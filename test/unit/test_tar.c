/*
 * test_tar.c
 *	  Tar volumes: what is written comes back, GNU tar agrees, and damage and
 *	  foreign kinds of members are told.
 */
#include "support.h"

#include "source/tar.h"

#define LONG_NAME	"base/0123456789012345678901234567890123456789012345678901234567890123456789" \
	"/0123456789012345678901234567890123456789012345678901234567890123456789/end"

static const struct
{
	const char *name;
	BkTarType	type;
	size_t		size;
	mode_t		mode;
}			members[] = {
	{"base", BK_TAR_DIRECTORY, 0, 0700},
	{"base/empty", BK_TAR_FILE, 0, 0600},
	{"base/one", BK_TAR_FILE, 1, 0640},
	{"base/block", BK_TAR_FILE, 512, 0600},
	{"base/large", BK_TAR_FILE, 700001, 0600},
	{"base/\xff\xfe \n'\\x", BK_TAR_FILE, 1000, 0600},
	{LONG_NAME, BK_TAR_FILE, 3, 0600},
	{LONG_NAME ".d", BK_TAR_DIRECTORY, 0, 0750},
};

#define MEMBERS	(sizeof(members) / sizeof(members[0]))

/* A volume with all members; the caller frees the buffer. */
static void
make_volume(BkBuf *volume)
{
	BkError		err;
	BkWriter   *sink = new_sink(volume, NEVER, false, NULL);
	BkTarWriter *tar = bk_tar_writer_open(sink, &err);

	assert_non_null(tar);
	for (size_t i = 0; i < MEMBERS; i++)
	{
		char	   *data = make_data(members[i].size, false, i);
		BkTarEntry	entry = {
			.name = members[i].name,
			.type = members[i].type,
			.size = members[i].size,
			.mode = members[i].mode,
			.mtime = 1700000000 + (int64_t) i,
			.uid = 4242,
			.gid = 4243,
		};

		assert_good(bk_tar_begin(tar, &entry, &err), &err);
		for (size_t done = 0; done < members[i].size; done += 300000)
		{
			size_t		step = members[i].size - done;

			assert_good(bk_tar_data(tar, data + done, step < 300000 ? step : 300000,
									&err), &err);
		}
		free(data);
	}
	assert_good(bk_tar_finish(tar, &err), &err);
	bk_tar_writer_free(tar);
	bk_writer_close(sink);
	assert_false(volume->failed);
}

/* Read a volume to its end, with or without the data; true if it is sound. */
static bool
read_volume(const char *data, size_t len, bool skip, size_t *count,
			BkError *err)
{
	BkReader   *source = new_source(data, len, 10000, NEVER);
	BkTarReader *tar = bk_tar_reader_open(source, err);
	BkTarEntry	entry;
	char		buf[5000];
	size_t		got;
	bool		more = true;
	bool		ok = tar != NULL;

	*count = 0;
	while (ok && more)
	{
		ok = bk_tar_next(tar, &entry, &more, err);
		*count += ok && more;
		got = !skip && more;
		while (ok && got > 0)
			ok = bk_tar_read(tar, buf, sizeof(buf), &got, err);
	}
	bk_tar_reader_free(tar);
	bk_reader_close(source);
	return ok;
}

static void
what_is_written_comes_back(void **state)
{
	BkBuf		volume;
	BkError		err;
	BkReader   *source;
	BkTarReader *tar;
	BkTarEntry	entry;
	bool		more;
	size_t		got;

	(void) state;
	bk_buf_init(&volume);
	make_volume(&volume);
	source = new_source(volume.data, volume.len, 7777, NEVER);
	tar = bk_tar_reader_open(source, &err);
	assert_non_null(tar);
	for (size_t i = 0; i < MEMBERS; i++)
	{
		char	   *expected = make_data(members[i].size, false, i);
		char	   *data = malloc(members[i].size + 1);
		size_t		done = 0;

		assert_good(bk_tar_next(tar, &entry, &more, &err), &err);
		assert_true(more);
		assert_string_equal(entry.name, members[i].name);
		assert_int_equal(entry.type, members[i].type);
		assert_int_equal(entry.size, members[i].size);
		assert_int_equal(entry.mode, members[i].mode);
		assert_int_equal(entry.mtime, 1700000000 + i);
		assert_int_equal(entry.uid, 4242);
		assert_int_equal(entry.gid, 4243);
		do
		{
			assert_good(bk_tar_read(tar, data + done, members[i].size + 1 - done,
									&got, &err), &err);
			done += got;
		} while (got > 0);
		assert_int_equal(done, members[i].size);
		assert_memory_equal(data, expected, done);
		free(data);
		free(expected);
	}
	assert_good(bk_tar_next(tar, &entry, &more, &err), &err);
	assert_false(more);
	bk_tar_reader_free(tar);
	bk_reader_close(source);
	bk_buf_free(&volume);
}

static void
stock_tar_agrees(void **state)
{
	static const char listing[] =
		"base/\nbase/empty\nbase/one\nbase/block\nbase/large\n"
		"base/\xff\xfe \n'\\x\n" LONG_NAME "\n" LONG_NAME ".d/\n";
	const char *list[] = {"tar", "-tf", "-", "--quoting-style=literal", NULL};
	const char *compare[] = {"tar", "-C", NULL, "-xf", "-", "--no-same-owner", NULL};
	char	   *folder = new_folder();
	char	   *large = make_data(700001, false, 4);
	BkBuf		volume;
	BkBuf		text;

	(void) state;
	bk_buf_init(&volume);
	make_volume(&volume);
	write_file(in_folder(folder, "volume"), volume.data, volume.len);
	assert_int_equal(run_program(list, in_folder(folder, "volume"),
								 in_folder(folder, "list")), 0);
	read_file(in_folder(folder, "list"), &text);
	assert_string_equal(text.data, listing);
	bk_buf_free(&text);
	compare[2] = folder;
	assert_int_equal(run_program(compare, in_folder(folder, "volume"),
								 "/dev/null"), 0);
	read_file(in_folder(folder, "base/large"), &text);
	assert_int_equal(text.len, 700001);
	assert_memory_equal(text.data, large, 700001);
	bk_buf_free(&text);
	bk_buf_free(&volume);
	free(large);
	remove_folder(folder);
}

static void
huge_sizes_are_exact(void **state)
{
	BkTarEntry	entry = {.name = "huge", .size = (uint64_t) 9 << 30, .mode = 0600};
	BkBuf		volume;
	BkError		err;
	BkWriter   *sink;
	BkReader   *source;
	BkTarWriter *writer;
	BkTarReader *reader;
	bool		more;

	(void) state;
	bk_buf_init(&volume);
	sink = new_sink(&volume, NEVER, false, NULL);
	writer = bk_tar_writer_open(sink, &err);
	assert_good(bk_tar_begin(writer, &entry, &err), &err);
	assert_false(bk_tar_finish(writer, &err));
	assert_reason(&err, "58000", "lacks 9663676416 bytes");
	bk_tar_writer_free(writer);
	bk_writer_close(sink);
	source = new_source(volume.data, volume.len, NEVER, NEVER);
	reader = bk_tar_reader_open(source, &err);
	assert_good(bk_tar_next(reader, &entry, &more, &err), &err);
	assert_int_equal(entry.size, (uint64_t) 9 << 30);
	bk_tar_reader_free(reader);
	bk_reader_close(source);
	bk_buf_free(&volume);
}

static void
members_have_their_size(void **state)
{
	BkTarEntry	entry = {.name = "x", .size = 3, .mode = 0600};
	BkError		err;
	BkWriter   *sink = new_sink(NULL, NEVER, false, NULL);
	BkTarWriter *tar = bk_tar_writer_open(sink, &err);

	(void) state;
	assert_good(bk_tar_begin(tar, &entry, &err), &err);
	assert_good(bk_tar_data(tar, "ab", 2, &err), &err);
	assert_false(bk_tar_begin(tar, &entry, &err));
	assert_reason(&err, "58000", "lacks 1 bytes");
	assert_false(bk_tar_data(tar, "cd", 2, &err));
	assert_reason(&err, "58000", "1 bytes too many");
	bk_tar_writer_free(tar);
	bk_writer_close(sink);
}

static void
damage_is_told(void **state)
{
	BkBuf		volume;
	BkError		err;
	size_t		count;

	(void) state;
	bk_buf_init(&volume);
	make_volume(&volume);
	for (int skip = 0; skip < 2; skip++)
	{
		assert_good(read_volume(volume.data, volume.len, skip, &count, &err), &err);
		assert_int_equal(count, MEMBERS);
		/* Cut anywhere, also between two members and within the end. */
		for (size_t len = 0; len < volume.len; len += len < 8192 ? 256 : 33 * 512)
		{
			assert_false(read_volume(volume.data, len, skip, &count, &err));
			assert_string_equal(err.sqlstate, "XX001");
		}
		assert_false(read_volume(volume.data, volume.len - 512, skip, &count, &err));
		assert_reason(&err, "XX001", "ends too early");
	}
	/* More zeros are what other programs write; anything else is not. */
	for (int i = 0; i < 20 * 512; i++)
		bk_buf_append(&volume, "", 1);
	assert_good(read_volume(volume.data, volume.len, true, &count, &err), &err);
	volume.data[volume.len - 1] = 1;
	assert_false(read_volume(volume.data, volume.len, true, &count, &err));
	assert_reason(&err, "XX001", "something behind its end");
	volume.data[volume.len - 1] = 0;
	volume.data[512 + 5] ^= 1;
	assert_false(read_volume(volume.data, volume.len, true, &count, &err));
	assert_reason(&err, "XX001", "damaged");
	bk_buf_free(&volume);
}

/* A volume with one member of this type flag. */
static void
make_odd(char volume[2048], char flag)
{
	unsigned	sum = 0;

	memset(volume, 0, 2048);
	memcpy(volume, "odd", 3);
	memcpy(volume + 100, "0000600", 7);
	memcpy(volume + 124, "00000000000", 11);
	memcpy(volume + 136, "00000000000", 11);
	memset(volume + 148, ' ', 8);
	volume[156] = flag;
	memcpy(volume + 157, "/etc/passwd", 11);
	memcpy(volume + 257, "ustar  ", 8);
	for (int i = 0; i < 512; i++)
		sum += (unsigned char) volume[i];
	snprintf(volume + 148, 8, "%06o", sum);
}

static void
other_kinds_are_named(void **state)
{
	static const char flags[] = "123467";

	(void) state;
	for (size_t i = 0; i < sizeof(flags) - 1; i++)
	{
		char		volume[2048];
		BkError		err;
		BkReader   *source = new_source(volume, sizeof(volume), 512, NEVER);
		BkTarReader *tar;
		BkTarEntry	entry;
		bool		more;

		make_odd(volume, flags[i]);
		tar = bk_tar_reader_open(source, &err);
		assert_non_null(tar);
		assert_good(bk_tar_next(tar, &entry, &more, &err), &err);
		assert_string_equal(entry.name, "odd");
		assert_int_equal(entry.type, flags[i] == '7' ? BK_TAR_FILE : BK_TAR_OTHER);
		assert_good(bk_tar_next(tar, &entry, &more, &err), &err);
		assert_false(more);
		bk_tar_reader_free(tar);
		bk_reader_close(source);
	}
}

static void
failures_pass_through(void **state)
{
	BkTarEntry	entry = {.name = "x", .size = 100000, .mode = 0600};
	char	   *data = make_data(100000, false, 1);
	BkBuf		volume;
	BkError		err;

	(void) state;
	bk_buf_init(&volume);
	make_volume(&volume);
	for (size_t at = 0; at <= 101888; at += 25472)
	{
		BkWriter   *sink = new_sink(NULL, at, false, NULL);
		BkTarWriter *tar = bk_tar_writer_open(sink, &err);

		assert_int_equal(bk_tar_begin(tar, &entry, &err) &&
						 bk_tar_data(tar, data, entry.size, &err) &&
						 bk_tar_finish(tar, &err), at == 101888);
		if (at < 101888)
			assert_reason(&err, "58030", "the sink has failed");
		bk_tar_writer_free(tar);
		bk_writer_close(sink);
	}
	for (size_t at = 0; at < volume.len; at += volume.len / 7)
	{
		BkReader   *source = new_source(volume.data, volume.len, 4096, at);
		BkTarReader *tar = bk_tar_reader_open(source, &err);
		bool		more = true;
		bool		ok = tar != NULL;

		while (ok && more)
			ok = bk_tar_next(tar, &entry, &more, &err);
		assert_false(ok);
		assert_reason(&err, "58030", "the source has failed");
		bk_tar_reader_free(tar);
		bk_reader_close(source);
	}
	bk_buf_free(&volume);
	free(data);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(what_is_written_comes_back, all_is_closed),
		cmocka_unit_test_teardown(stock_tar_agrees, all_is_closed),
		cmocka_unit_test_teardown(huge_sizes_are_exact, all_is_closed),
		cmocka_unit_test_teardown(members_have_their_size, all_is_closed),
		cmocka_unit_test_teardown(damage_is_told, all_is_closed),
		cmocka_unit_test_teardown(other_kinds_are_named, all_is_closed),
		cmocka_unit_test_teardown(failures_pass_through, all_is_closed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
