/*
 * test_wal.c
 *	  Names of WAL files, and WAL in a repository.
 */
#include "walplace.h"

#define SEGMENT		"000000010000000A000000FE"
#define FOLDER		"wal/" CLUSTER "/00000001/000000010000000A"

/* --- names ------------------------------------------------------------------ */

static const struct
{
	const char *text;
	BkWalKind	kind;
	uint32_t	timeline;
	uint64_t	number;
}			names[] = {
	{"000000010000000000000003", BK_WAL_SEGMENT, 1, 3},
	{"0000000A000000FF0000000F", BK_WAL_SEGMENT, 10, 0xFF0000000F},
	{"FFFFFFFFFFFFFFFFFFFFFFFF", BK_WAL_SEGMENT, UINT32_MAX, UINT64_MAX},
	{"000000010000000000000003.partial", BK_WAL_PARTIAL, 1, 3},
	{"000000010000000000000003.00000028.backup", BK_WAL_BACKUP, 1, 3},
	{"0000001F.history", BK_WAL_HISTORY, 31, 0},
};

static const char *const no_names[] = {
	"", ".history", "00000000.history", "00000001", "0000000100000000",
	"00000001000000000000000", "0000000100000000000000033",
	"00000001000000000000000g", "00000001000000000000000a",
	"000000000000000000000003", "000000010000000000000003.backup",
	"000000010000000000000003.0000002.backup", "000000010000000000000003.partial ",
	"000000010000000000000003.00000028.partial", "00000002.history.tmp",
	"../00000002.history", "pg_wal/000000010000000000000003",
	"000000010000000000000003.00000028.backup.00000028.backup.x",
	" 00000001000000000000003", "000000010000000000000003\n",
};

static void
test_names(void **state)
{
	BkWalName	name;
	BkError		err;

	(void) state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
	{
		assert_good(bk_wal_name_parse(names[i].text, &name, &err), &err);
		assert_int_equal(name.kind, names[i].kind);
		assert_int_equal(name.timeline, names[i].timeline);
		assert_true(name.number == names[i].number);
		assert_string_equal(name.text, names[i].text);
	}
	for (size_t i = 0; i < sizeof(no_names) / sizeof(no_names[0]); i++)
	{
		assert_false(bk_wal_name_parse(no_names[i], &name, &err));
		assert_reason(&err, BK_STATE_BAD_ARGUMENT, "is not the name of a WAL file");
	}
}

/* At the end of a log the next one begins: a log is 4 GiB of WAL. */
static void
test_numbers(void **state)
{
	static const struct
	{
		uint32_t	size;
		const char *last;		/* of log 0 */
		uint64_t	number;
	}			sizes[] = {
		{1024 * 1024, "000000010000000000000FFF", 4095},
		{16 * 1024 * 1024, "0000000100000000000000FF", 255},
		{1024 * 1024 * 1024, "000000010000000000000003", 3},
	};
	BkWalName	name;
	BkError		err;
	char		text[BK_WAL_NAME_SIZE];

	(void) state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
	{
		assert_good(bk_wal_name_parse(sizes[i].last, &name, &err), &err);
		assert_true(bk_wal_segment_number(&name, sizes[i].size) == sizes[i].number);
		bk_wal_segment_name(1, sizes[i].number, sizes[i].size, text);
		assert_string_equal(text, sizes[i].last);
		bk_wal_segment_name(1, sizes[i].number + 1, sizes[i].size, text);
		assert_string_equal(text, "000000010000000100000000");
	}
	assert_true(bk_wal_segment_size_valid(BK_WAL_SEGMENT_MIN));
	assert_true(bk_wal_segment_size_valid(BK_WAL_SEGMENT_MAX));
	assert_false(bk_wal_segment_size_valid(0));
	assert_false(bk_wal_segment_size_valid(BK_WAL_SEGMENT_MIN / 2));
	assert_false(bk_wal_segment_size_valid(3 * BK_WAL_SEGMENT_MIN));
	assert_false(bk_wal_segment_size_valid((uint64_t) BK_WAL_SEGMENT_MAX * 2));
}

static void
test_positions(void **state)
{
	static const char *const bad[] = {
		"", "0", "/", "0/", "/0", "0/1/2", "123456789/0", "0/123456789", "0/x",
		" 0/1", "0/ 1", "-1/0", "0x1/0",
	};
	char		text[BK_LSN_SIZE];
	uint64_t	lsn = 7;

	(void) state;
	assert_true(bk_lsn_parse("16/B374D848", &lsn));
	assert_true(lsn == 0x16B374D848);
	bk_lsn_format(lsn, text);
	assert_string_equal(text, "16/B374D848");
	bk_lsn_format(UINT64_MAX, text);
	assert_true(bk_lsn_parse(text, &lsn) && lsn == UINT64_MAX);
	assert_true(bk_lsn_parse("0/ff", &lsn) && lsn == 255);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(bk_lsn_parse(bad[i], &lsn));
}

/* --- WAL in a repository ----------------------------------------------------- */

static BkWalState
state_of(BkRepository *repo, const char *text)
{
	BkWalName	name = wal_name(text);
	BkWalFound	found;
	BkError		err;

	assert_good(bk_wal_find(repo, CLUSTER, &name, &found, &err), &err);
	return found.state;
}

static void
test_put_and_get(void **state)
{
	static const char *const codecs[] = {"none", "gzip:1", "lz4", "zstd:3"};
	size_t		size = 1024 * 1024;
	char	   *data = make_data(size, true, 1);

	(void) state;
	for (size_t i = 0; i < sizeof(codecs) / sizeof(codecs[0]); i++)
	{
		Place		place = open_place();
		BkError		err;
		bool		fresh;
		char	   *back;
		size_t		len;

		assert_int_equal(state_of(place.repo, SEGMENT), BK_WAL_MISSING);
		assert_good(put(place.repo, SEGMENT, data, size, codecs[i], &fresh, &err), &err);
		assert_true(fresh);
		assert_int_equal(state_of(place.repo, SEGMENT), BK_WAL_STORED);
		assert_good(get(place.repo, SEGMENT, &back, &len, &err), &err);
		assert_int_equal(len, size);
		assert_memory_equal(back, data, size);
		free(back);

		/* The other kinds have other names: none is taken for the segment. */
		assert_int_equal(state_of(place.repo, SEGMENT ".partial"), BK_WAL_MISSING);
		assert_good(put(place.repo, SEGMENT ".partial", data, 100, codecs[i], &fresh, &err), &err);
		assert_good(put(place.repo, SEGMENT ".00000028.backup", data, 0, codecs[i], &fresh, &err), &err);
		assert_good(put(place.repo, "00000001.history", data, 50, codecs[i], &fresh, &err), &err);
		assert_int_equal(files_in(&place, FOLDER), 3);
		assert_int_equal(files_in(&place, "wal/" CLUSTER "/00000001"), 2);
		assert_good(get(place.repo, "00000001.history", &back, &len, &err), &err);
		assert_int_equal(len, 50);
		free(back);
		close_place(&place);
	}
	free(data);
}

/* The same again is success and writes nothing, also with another codec. */
static void
test_again(void **state)
{
	Place		place = open_place();
	char	   *data = make_data(100000, true, 2);
	BkWalName	name = wal_name(SEGMENT);
	BkWalFound	before;
	BkWalFound	after;
	char		path[BK_KEY_SIZE + 64];
	BkError		err;
	bool		fresh;

	(void) state;
	assert_good(put(place.repo, SEGMENT, data, 100000, "lz4", &fresh, &err), &err);
	assert_good(bk_wal_find(place.repo, CLUSTER, &name, &before, &err), &err);
	assert_good(put(place.repo, SEGMENT, data, 100000, "lz4", &fresh, &err), &err);
	assert_false(fresh);
	assert_good(put(place.repo, SEGMENT, data, 100000, "zstd:3", &fresh, &err), &err);
	assert_false(fresh);
	assert_good(bk_wal_find(place.repo, CLUSTER, &name, &after, &err), &err);
	assert_memory_equal(&before, &after, sizeof(before));
	assert_int_equal(files_in(&place, FOLDER), 1);

	/* What is there but damaged is not acknowledged. */
	snprintf(path, sizeof(path), "%s/%s", place.folder, before.key);
	assert_int_equal(truncate(path, (off_t) before.size - 1), 0);
	assert_false(put(place.repo, SEGMENT, data, 100000, "lz4", &fresh, &err));
	assert_reason(&err, BK_STATE_CORRUPT, "is damaged");
	free(data);
	close_place(&place);
}

static void
test_conflict(void **state)
{
	Place		place = open_place();
	BkWalName	name = wal_name(SEGMENT);
	BkWalFound	found;
	char		other[BK_KEY_SIZE];
	char		path[BK_KEY_SIZE + 64];
	char	   *back = NULL;
	size_t		len;
	BkError		err;
	bool		fresh;

	(void) state;
	assert_good(put(place.repo, SEGMENT, "one", 3, "zstd:1", &fresh, &err), &err);
	assert_false(put(place.repo, SEGMENT, "two", 3, "zstd:1", &fresh, &err));
	assert_reason(&err, BK_STATE_DUP_KEY, "is in the repository with other content");
	assert_reason(&err, BK_STATE_DUP_KEY, "the repository has \"" FOLDER "/" SEGMENT "-7692");
	assert_int_equal(files_in(&place, FOLDER), 1);
	assert_good(get(place.repo, SEGMENT, &back, &len, &err), &err);
	assert_memory_equal(back, "one", 3);
	free(back);

	/* Two writers: what a second one left is seen, and nobody is right. */
	bk_layout_wal(other, CLUSTER, &name,
				  "0000000000000000000000000000000000000000000000000000000000000000", ".lz4");
	snprintf(path, sizeof(path), "%s/%s", place.folder, other);
	write_file(path, "x", 1);
	assert_good(bk_wal_find(place.repo, CLUSTER, &name, &found, &err), &err);
	assert_int_equal(found.state, BK_WAL_CONFLICT);
	assert_string_equal(found.key, other);
	assert_false(put(place.repo, SEGMENT, "one", 3, "zstd:1", &fresh, &err));
	assert_reason(&err, BK_STATE_DUP_KEY, "is in the repository with two contents");
	assert_false(get(place.repo, SEGMENT, &back, &len, &err));
	assert_reason(&err, BK_STATE_DUP_KEY, "is in the repository with two contents");

	/* Strange things beside it are no WAL. */
	assert_int_equal(unlink(path), 0);
	write_file(in_folder(place.folder, FOLDER "/" SEGMENT "-abc.zst"), "x", 1);
	write_file(in_folder(place.folder, FOLDER "/" SEGMENT), "x", 1);
	assert_int_equal(state_of(place.repo, SEGMENT), BK_WAL_STORED);
	close_place(&place);
}

/* A second writer that is faster: called while the first works. */
typedef struct Rival
{
	Place	   *place;
	const char *data;
	bool		done;
} Rival;

static bool
rival_puts(void *arg, uint64_t bytes, BkError *err)
{
	Rival	   *rival = arg;
	bool		fresh;

	(void) bytes;
	if (rival->done)
		return true;
	rival->done = true;
	return put(rival->place->repo, SEGMENT, rival->data, strlen(rival->data), "none",
			   &fresh, err);
}

static void
test_race(void **state)
{
	BkWalName	name = wal_name(SEGMENT);

	(void) state;
	for (int same = 0; same < 2; same++)
	{
		Place		place = open_place();
		Rival		rival = {.place = &place, .data = same ? "mine" : "theirs"};
		char		url[128];
		BkRepositoryTarget target = {.url = url};
		BkRepository *own;
		BkWalSource source = bk_wal_memory("mine", 4);
		BkWalFound	found;
		BkError		err;
		bool		fresh;
		bool		good;

		snprintf(url, sizeof(url), "file://%s", place.folder);
		own = bk_repository_open(&target, &err);
		assert_good(own != NULL, &err);
		source.tick = rival_puts;
		source.arg = &rival;
		good = bk_wal_put(own, CLUSTER, &name, &source, "none", &found, &fresh, &err);
		assert_true(good == (same == 1));
		if (!good)
			assert_int_equal(strcmp(err.sqlstate, BK_STATE_DUP_KEY), 0);
		bk_repository_close(own);
		close_place(&place);
	}
}

/* A file that is too large for memory is read twice and must not change. */
typedef struct Changer
{
	int			fd;
	int			calls;
	int			change_at;
} Changer;

static bool
change_file(void *arg, uint64_t bytes, BkError *err)
{
	Changer    *changer = arg;

	(void) bytes;
	(void) err;
	if (changer->calls++ == changer->change_at)
		assert_int_equal(pwrite(changer->fd, "X", 1, 400000), 1);
	return true;
}

static void
test_file_source(void **state)
{
	Place		place = open_place();
	BkWalName	name = wal_name(SEGMENT);
	const size_t size = 65 * 1024 * 1024;
	const char *path = in_folder(place.folder, "segment");
	Changer		changer = {.change_at = 1};
	BkWalSource source;
	BkWalFound	found;
	char	   *back;
	size_t		len;
	BkError		err;
	bool		fresh;

	(void) state;
	changer.fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_true(changer.fd >= 0);
	assert_int_equal(ftruncate(changer.fd, (off_t) size), 0);
	source = bk_wal_file(changer.fd, size);
	source.tick = change_file;
	source.arg = &changer;
	changer.change_at = size / BK_STREAM_BUFFER;
	assert_false(bk_wal_put(place.repo, CLUSTER, &name, &source, "lz4", &found, &fresh, &err));
	assert_reason(&err, BK_STATE_WRONG_STATE, "changed while it was archived");
	assert_int_equal(files_in(&place, FOLDER), 0);
	changer.change_at = -1;
	assert_good(bk_wal_put(place.repo, CLUSTER, &name, &source, "lz4", &found, &fresh, &err), &err);
	assert_good(get(place.repo, SEGMENT, &back, &len, &err), &err);
	assert_int_equal(len, size);
	assert_int_equal(back[400000], 'X');
	free(back);

	/* A smaller one is read once: what was read is stored. */
	name = wal_name("00000001.history");
	source.size = 500000;
	assert_good(bk_wal_put(place.repo, CLUSTER, &name, &source, "none", &found, &fresh, &err), &err);
	assert_good(get(place.repo, "00000001.history", &back, &len, &err), &err);
	assert_int_equal(len, 500000);
	free(back);
	source.size = size + 1;
	assert_false(bk_wal_put(place.repo, CLUSTER, &name, &source, "lz4", &found, &fresh, &err));
	assert_reason(&err, BK_STATE_WRONG_STATE, "became shorter");
	close(changer.fd);
	close_place(&place);
}

static bool
note_visit(void *arg, const BkWalName *name, const BkWalFound *found,
		   BkError *err)
{
	BkBuf	   *seen = arg;

	(void) err;
	assert_int_equal(found->state, BK_WAL_STORED);
	bk_buf_printf(seen, "%s ", name->text);
	return true;
}

static void
test_walk(void **state)
{
	static const char *const stored[] = {
		"000000020000000000000004", "000000010000000000000003", "00000002.history",
		"000000010000000100000000", "000000010000000000000003.partial",
		"000000010000000000000003.00000028.backup", "00000003.history",
		"0000000100000000000000FF",
	};
	Place		place = open_place();
	BkBuf		seen;
	BkError		err;
	bool		fresh;

	(void) state;
	bk_buf_init(&seen);
	assert_good(bk_wal_walk(place.repo, CLUSTER, 0, note_visit, &seen, &err), &err);
	assert_int_equal(seen.len, 0);
	for (size_t i = 0; i < sizeof(stored) / sizeof(stored[0]); i++)
		assert_good(put(place.repo, stored[i], "x", 1, "none", &fresh, &err), &err);
	assert_good(bk_wal_walk(place.repo, CLUSTER, 0, note_visit, &seen, &err), &err);
	assert_string_equal(seen.data,
						"000000010000000000000003 000000010000000000000003.00000028.backup "
						"000000010000000000000003.partial 0000000100000000000000FF "
						"000000010000000100000000 00000002.history 000000020000000000000004 "
						"00000003.history ");
	bk_buf_reset(&seen);
	assert_good(bk_wal_walk(place.repo, CLUSTER, 2, note_visit, &seen, &err), &err);
	assert_string_equal(seen.data, "00000002.history 000000020000000000000004 ");
	bk_buf_free(&seen);
	assert_false(bk_wal_walk(place.repo, "../1", 0, note_visit, &seen, &err));
	assert_reason(&err, BK_STATE_BAD_ARGUMENT, "invalid system identifier");
	close_place(&place);
}

/*
 * A few kilobytes in the repository may become any number of bytes. Before the
 * digest at the end can tell, the size does.
 */
static void
test_too_large(void **state)
{
	Place		place = open_place();
	BkWalName	name = wal_name(SEGMENT);
	const uint64_t size = (uint64_t) BK_WAL_SEGMENT_MAX + 1;
	BkWalSource source;
	BkWalFound	found;
	BkReader   *reader;
	char		buf[64 * 1024];
	size_t		got = 1;
	BkError		err;
	bool		fresh;
	int			fd;

	(void) state;
	fd = open(in_folder(place.folder, "zeros"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(ftruncate(fd, (off_t) size), 0);
	source = bk_wal_file(fd, size);
	assert_good(bk_wal_put(place.repo, CLUSTER, &name, &source, "lz4", &found, &fresh, &err), &err);
	reader = bk_wal_reader(place.repo, &found, &err);
	assert_good(reader != NULL, &err);
	while (bk_read(reader, buf, sizeof(buf), &got, &err))
		assert_true(got > 0);
	assert_reason(&err, BK_STATE_CORRUPT, "is damaged");
	assert_non_null(strstr(err.detail, "more bytes than a WAL file can have"));
	bk_reader_close(reader);
	close(fd);
	close_place(&place);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_positions),
		cmocka_unit_test(test_put_and_get),
		cmocka_unit_test(test_again),
		cmocka_unit_test(test_conflict),
		cmocka_unit_test(test_race),
		cmocka_unit_test(test_file_source),
		cmocka_unit_test(test_walk),
		cmocka_unit_test(test_too_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
