/*
 * test_storage.c
 *	  What every store promises, tried on a posix store, or on the one that the
 *	  environment names (storage_place.h).
 */
#include "support.h"

#include <time.h>

#include "storage/storage.h"
#include "storage_place.h"

typedef void (*StoreTest) (BkStorage *storage);

/* cmocka hands the test over as its initial state. */
static void
on_a_fresh_place(void **state)
{
	StoreTest	test = *(StoreTest *) *state;
	int			before = count_descriptors();

	test(fresh_place());
	leave_place();
	assert_int_equal(count_descriptors(), before);
}

static bool
put(BkStorage *storage, const char *key, const char *data, size_t len,
	size_t step, BkError *err)
{
	BkWriter   *writer;
	bool		good = bk_storage_put(storage, key, &writer, err);

	if (!good)
		return false;
	for (size_t done = 0; good && done < len; done += step)
		good = bk_write(writer, data + done,
						len - done < step ? len - done : step, err);
	good = good && bk_finish(writer, err);
	bk_writer_close(writer);
	return good;
}

static bool
put_text(BkStorage *storage, const char *key, const char *text, BkError *err)
{
	return put(storage, key, text, strlen(text), 1000, err);
}

/* What a key holds; NULL and the error if it cannot be had. */
static char *
get(BkStorage *storage, const char *key, size_t *len, BkError *err)
{
	BkReader   *reader;
	char	   *data = NULL;

	if (!bk_storage_get(storage, key, &reader, err))
		return NULL;
	if (!bk_read_all(reader, SIZE_MAX, &data, len, err))
		data = NULL;
	bk_reader_close(reader);
	return data;
}

static bool
note_key(void *arg, const char *key, const BkObjectStat *stat, BkError *err)
{
	(void) err;
	assert_true(stat->exists);
	bk_buf_printf(arg, "%s=%d ", key, (int) stat->size);
	return true;
}

/* A listing as text: "key=size key=size "; the caller frees it. */
static char *
list(BkStorage *storage, const char *prefix)
{
	BkBuf		buf;
	BkError		err;

	bk_buf_init(&buf);
	assert_good(bk_storage_list(storage, prefix, note_key, &buf, &err), &err);
	return bk_buf_take(&buf, &err);
}

#define assert_listing(storage, prefix, expected) \
	do { \
		char	   *listing_ = list(storage, prefix); \
		assert_string_equal(listing_, expected); \
		free(listing_); \
	} while (0)

static void
keeps_bytes(BkStorage *storage)
{
	static const size_t sizes[] = {
		0, 1, BK_STREAM_BUFFER, 8 * 1024 * 1024, 17 * 1024 * 1024 + 5
	};
	BkObjectStat stat;
	BkError		err;
	char		key[32];
	size_t		len;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
	{
		char	   *data = make_data(sizes[i], false, i);
		char	   *back;

		snprintf(key, sizeof(key), "a/b/%d", (int) i);
		assert_good(bk_storage_stat(storage, key, &stat, &err), &err);
		assert_false(stat.exists);
		assert_good(put(storage, key, data, sizes[i], 100003, &err), &err);
		back = get(storage, key, &len, &err);
		assert_good(back != NULL, &err);
		assert_int_equal(len, sizes[i]);
		assert_memory_equal(back, data, len);
		free(back);
		assert_good(bk_storage_stat(storage, key, &stat, &err), &err);
		assert_true(stat.exists);
		assert_int_equal(stat.size, sizes[i]);
		assert_in_range(stat.modified, time(NULL) - 600, time(NULL) + 600);
		free(data);
	}
}

static void
writes_once(BkStorage *storage)
{
	BkError		err;
	size_t		len;
	char	   *back;

	assert_good(put_text(storage, "k/one", "content", &err), &err);
	assert_good(put_text(storage, "k/one", "content", &err), &err);
	assert_false(put_text(storage, "k/one", "CONTENT", &err));
	assert_reason(&err, "42710", "\"k/one\"");
	assert_reason(&err, "42710", "exists with other content");
	assert_false(put_text(storage, "k/one", "content and more", &err));
	assert_reason(&err, "42710", "exists with other content");
	assert_false(put_text(storage, "k/one", "", &err));
	assert_reason(&err, "42710", "exists with other content");
	back = get(storage, "k/one", &len, &err);
	assert_string_equal(back, "content");
	free(back);
	assert_listing(storage, "", "k/one=7 ");
}

static void
missing_objects_are_told(BkStorage *storage)
{
	BkReader   *reader;
	BkObjectStat stat;
	BkError		err;

	assert_good(put_text(storage, "a/b/c", "x", &err), &err);
	assert_false(bk_storage_get(storage, "a/b/d", &reader, &err));
	assert_reason(&err, "58P01", "object \"a/b/d\" does not exist");
	assert_reason(&err, "58P01", bk_storage_describe(storage));

	/* A folder is no object, and an object no folder. */
	assert_false(bk_storage_get(storage, "a/b", &reader, &err));
	assert_reason(&err, "58P01", "does not exist");
	assert_false(bk_storage_get(storage, "a/b/c/d", &reader, &err));
	assert_reason(&err, "58P01", "does not exist");
	assert_good(bk_storage_stat(storage, "a/b", &stat, &err), &err);
	assert_false(stat.exists);
	assert_good(bk_storage_stat(storage, "a/b/c/d", &stat, &err), &err);
	assert_false(stat.exists);
	assert_good(bk_storage_remove(storage, "a/b/d", &err), &err);
	assert_good(bk_storage_remove(storage, "no/such/folder", &err), &err);
	assert_good(bk_storage_remove(storage, "a/b/c/d", &err), &err);
	assert_listing(storage, "nothing", "");
	assert_listing(storage, "a/b/c", "");
	assert_listing(storage, "", "a/b/c=1 ");
}

static void
lists_in_key_order(BkStorage *storage)
{
	static const char *const keys[] = {
		"wal/b/2", "wal/a", "wal/b-", "wal/b0", "wal/b/10", "top", "wal/b/1",
		"wal/\xc3\xa4", "wal/B", "note/x/y/z",
	};
	BkError		err;

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		assert_good(put_text(storage, keys[i], &"12345"[i % 5], &err), &err);
	assert_listing(storage, "", "note/x/y/z=1 top=5 wal/B=2 wal/a=4 wal/b-=3 "
				   "wal/b/1=4 wal/b/10=1 wal/b/2=5 wal/b0=2 wal/\xc3\xa4=3 ");
	assert_listing(storage, "wal/b", "wal/b/1=4 wal/b/10=1 wal/b/2=5 ");
	assert_listing(storage, "wal/b/", "wal/b/1=4 wal/b/10=1 wal/b/2=5 ");
	assert_listing(storage, "wa", "");
}

static bool
stop_at_second(void *arg, const char *key, const BkObjectStat *stat,
			   BkError *err)
{
	(void) stat;
	if (++*(int *) arg == 2)
		return bk_error(err, BK_STATE_CANCELED, "stopped at %s", key);
	return true;
}

static bool
remove_it(void *arg, const char *key, const BkObjectStat *stat, BkError *err)
{
	(void) stat;
	return bk_storage_remove(arg, key, err);
}

static void
visitors_stop_and_remove(BkStorage *storage)
{
	static const char *const keys[] = {"a/1", "a/2", "a/b/3", "a/b/4", "c/5"};
	int			count = 0;
	BkError		err;

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		assert_good(put_text(storage, keys[i], "x", &err), &err);
	assert_false(bk_storage_list(storage, "a", stop_at_second, &count, &err));
	assert_reason(&err, "57014", "stopped at a/2");
	assert_int_equal(count, 2);
	assert_good(bk_storage_list(storage, "a", remove_it, storage, &err), &err);
	assert_listing(storage, "", "c/5=1 ");
	assert_good(bk_storage_remove(storage, "c/5", &err), &err);
	assert_good(bk_storage_remove(storage, "c/5", &err), &err);
	assert_listing(storage, "", "");

	/* The name is free again. */
	assert_good(put_text(storage, "c/5", "other", &err), &err);
}

static void
removes_many(BkStorage *storage)
{
	static const char *const keys[] = {"a/1", "a/no such", "a/b/3", "c/5"};
	static const char *const bad[] = {"../x", "a/1", "/y", "a/b/3"};
	BkError		err;

	assert_good(put_text(storage, "a/1", "x", &err), &err);
	assert_good(put_text(storage, "a/b/3", "x", &err), &err);
	assert_good(bk_storage_remove_all(storage, keys, 4, &err), &err);
	assert_good(bk_storage_remove_all(storage, keys, 0, &err), &err);
	assert_listing(storage, "", "");

	/* What can be removed goes, whatever stands before it. */
	assert_good(put_text(storage, "a/1", "x", &err), &err);
	assert_good(put_text(storage, "a/b/3", "x", &err), &err);
	assert_false(bk_storage_remove_all(storage, bad, 4, &err));
	assert_reason(&err, "22023", "\"../x\"");
	assert_reason(&err, "22023", "2 of 4 objects could not be removed");
	assert_listing(storage, "", "");
}

static bool
count_finding(void *arg, const char *name, const char *value, BkError *err)
{
	(void) err;
	assert_true(*name != '\0' && *value != '\0');
	++*(int *) arg;
	return true;
}

static void
tells_what_it_can(BkStorage *storage)
{
	BkError		err;
	int			count = 0;

	assert_good(bk_storage_probe(storage, true, count_finding, &count, &err), &err);
	assert_true(count > 0);
	assert_listing(storage, "", "");
}

static void
refuses_hostile_keys(BkStorage *storage)
{
	static const struct
	{
		const char *key;
		const char *reason;
	}			rows[] = {
		{"", "is empty"}, {"/", "is empty"}, {"/etc/passwd", "is empty"},
		{"a//b", "is empty"}, {"a/", "is empty"}, {".", "\"..\""},
		{"..", "\"..\""}, {"../x", "\"..\""}, {"a/../../x", "\"..\""},
		{"a/./b", "\"..\""}, {"a/..", "\"..\""}, {".tmp-", "unfinished"},
		{".tmp-abcdefgh-x", "unfinished"}, {"a/.tmp-x/b", "unfinished"},
	};
	char		longest[257];
	BkWriter   *writer;
	BkReader   *reader;
	BkObjectStat stat;
	BkError		err;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
	{
		const char *key = rows[i].key;
		const char *reason = rows[i].reason;

		assert_false(bk_storage_put(storage, key, &writer, &err));
		assert_reason(&err, "22023", reason);
		assert_false(bk_storage_get(storage, key, &reader, &err));
		assert_reason(&err, "22023", reason);
		assert_false(bk_storage_stat(storage, key, &stat, &err));
		assert_reason(&err, "22023", reason);
		assert_false(bk_storage_remove(storage, key, &err));
		assert_reason(&err, "22023", reason);
		if (*key == '\0' || strcmp(key, "a/") == 0)
			continue;
		assert_false(bk_storage_list(storage, key, note_key, NULL, &err));
		assert_reason(&err, "22023", reason);
		assert_false(bk_storage_sweep(storage, key, false, &err));
		assert_reason(&err, "22023", reason);
	}
	memset(longest, 'x', 256);
	longest[256] = '\0';
	assert_false(bk_storage_put(storage, longest, &writer, &err));
	assert_reason(&err, "22023", "longer than 255 bytes");
	longest[255] = '\0';
	assert_good(put_text(storage, longest, "x", &err), &err);
	assert_good(bk_storage_remove(storage, longest, &err), &err);

	/* Odd, and allowed: names are never interpreted. */
	assert_good(put_text(storage, "a b/%2e%2e/$(x)'\"/..x", "x", &err), &err);
	assert_listing(storage, "a b", "a b/%2e%2e/$(x)'\"/..x=1 ");

	/* Some servers cannot have these. */
	if (put_text(storage, "c\nd/x", "x", &err))
		assert_listing(storage, "c\nd", "c\nd/x=1 ");
	else
		assert_reason(&err, "22023", "control character");
	if (put_text(storage, "d\\x", "x", &err))
		assert_good(bk_storage_remove(storage, "d\\x", &err), &err);
	else
		assert_reason(&err, "22023", "a backslash");
	if (put_text(storage, "e/...", "x", &err))
		assert_listing(storage, "e", "e/...=1 ");
	else
		assert_reason(&err, "22023", "a dot at the end");
}

/* Given up at many places: nothing is listed, nothing leaks. */
static void
abandoned_puts_leave_nothing(BkStorage *storage)
{
	char	   *data = make_data(1000000, false, 1);
	BkError		err;

	for (size_t cut = 0; cut < 1000000; cut += 90001)
	{
		BkWriter   *writer;
		BkReader   *reader;
		char		piece[1000];
		size_t		got;

		assert_good(bk_storage_put(storage, "x/y/z", &writer, &err), &err);
		assert_good(bk_write(writer, data, cut, &err), &err);
		bk_writer_close(writer);
		assert_listing(storage, "", "");
		assert_good(put_text(storage, "whole", "whole", &err), &err);
		assert_good(bk_storage_get(storage, "whole", &reader, &err), &err);
		if (cut % 2 == 0)
			assert_good(bk_read(reader, piece, 2, &got, &err), &err);
		bk_reader_close(reader);
		assert_good(bk_storage_remove(storage, "whole", &err), &err);
	}
	free(data);
}

/* Start both at once; 1 success, 2 other content, 3 all else. */
static int
put_when_told(int start, const char *data, size_t len)
{
	BkStorage  *storage = same_place_again();
	BkWriter   *writer;
	BkError		err;
	char		go;

	if (storage == NULL ||
		!bk_storage_put(storage, "wal/segment", &writer, &err) ||
		!bk_write(writer, data, len, &err) || read(start, &go, 1) != 1)
		return 3;
	if (bk_finish(writer, &err))
		return 1;
	return bk_error_is(&err, BK_STATE_DUP_OBJECT) ? 2 : 3;
}

static int
race(const char *one, const char *other, size_t len)
{
	const char *data[2] = {one, other};
	pid_t		pid[2];
	int			start[2];
	int			result = 0;
	int			status;

	assert_int_equal(pipe(start), 0);
	for (int i = 0; i < 2; i++)
	{
		pid[i] = fork();
		if (pid[i] == 0)
			_exit(put_when_told(start[0], data[i], len));
	}
	assert_int_equal(write(start[1], "go", 2), 2);
	for (int i = 0; i < 2; i++)
	{
		assert_int_equal(waitpid(pid[i], &status, 0), pid[i]);
		assert_true(WIFEXITED(status));
		result += i == 0 ? 10 * WEXITSTATUS(status) : WEXITSTATUS(status);
	}
	close(start[0]);
	close(start[1]);
	return result;
}

static void
two_writers_race(BkStorage *storage)
{
	size_t		len = 300000;
	char	   *one = make_data(len, false, 1);
	char	   *other = make_data(len, false, 2);
	BkError		err;

	for (int i = 0; place_has_one_winner() && i < (place_is_near() ? 20 : 3); i++)
	{
		int			result = race(one, other, len);
		size_t		got;
		char	   *back = get(storage, "wal/segment", &got, &err);

		assert_good(back != NULL, &err);
		assert_true(result == 12 || result == 21);
		assert_memory_equal(back, result == 12 ? one : other, len);
		free(back);
		assert_good(bk_storage_remove(storage, "wal/segment", &err), &err);
		assert_int_equal(race(one, one, len), 11);
		assert_good(bk_storage_sweep(storage, "", false, &err), &err);
		assert_listing(storage, "", "wal/segment=300000 ");
		assert_good(bk_storage_remove(storage, "wal/segment", &err), &err);
	}
	free(one);
	free(other);
}

/* Folders come and go under each other's feet. */
static int
put_and_remove(const char *key)
{
	BkStorage  *storage = same_place_again();
	BkError		err;

	for (int i = 0; i < (place_is_near() ? 200 : 10); i++)
	{
		if (storage == NULL || !put_text(storage, key, "x", &err) ||
			!bk_storage_remove(storage, key, &err) ||
			!bk_storage_sweep(storage, "", false, &err))
			return 1;
	}
	return 0;
}

static void
puts_and_removes_run_together(BkStorage *storage)
{
	static const char *const keys[] = {"a/b/c/one", "a/b/c/two", "a/b/three"};
	pid_t		pid[3];
	int			status;

	for (int i = 0; i < 3; i++)
	{
		pid[i] = fork();
		if (pid[i] == 0)
			_exit(put_and_remove(keys[i]));
	}
	for (int i = 0; i < 3; i++)
	{
		assert_int_equal(waitpid(pid[i], &status, 0), pid[i]);
		assert_int_equal(status, 0);
	}
	assert_listing(storage, "", "");
}

/* One test of a store, as the initial state that on_a_fresh_place() expects. */
#define store_test(test) \
	{#test, on_a_fresh_place, NULL, NULL, &(StoreTest) {test}}

/* --- match and sync ----------------------------------------------------------- */

static bool
match_key(void *arg, const char *key, const BkObjectStat *stat, BkError *err)
{
	BkBuf	   *seen = arg;

	(void) err;
	assert_true(stat->exists);
	bk_buf_printf(seen, "%s ", key);
	return true;
}

/* Only what begins so, in that one folder, in order. */
static void
matches_beginnings(BkStorage *storage)
{
	static const char *const keys[] = {"a/x-2", "a/x-1", "a/x", "a/y-1", "a/x-3/deep", "x-1", "b/x-1"};
	BkBuf		seen;
	BkError		err;

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		assert_good(put(storage, keys[i], "1", 1, 1, &err), &err);
	bk_buf_init(&seen);
	assert_good(bk_storage_match(storage, "a/x-", match_key, &seen, &err), &err);
	bk_buf_printf(&seen, "| ");
	assert_good(bk_storage_match(storage, "x", match_key, &seen, &err), &err);
	bk_buf_printf(&seen, "| ");
	assert_good(bk_storage_match(storage, "b/", match_key, &seen, &err), &err);
	assert_good(bk_storage_match(storage, "c/x", match_key, &seen, &err), &err);
	assert_string_equal(seen.data, "a/x-1 a/x-2 | x-1 | b/x-1 ");
	bk_buf_free(&seen);
	assert_false(bk_storage_match(storage, "../x", match_key, &seen, &err));
	assert_reason(&err, BK_STATE_BAD_ARGUMENT, "not a valid object name");
}

static void
syncs_what_is_there(BkStorage *storage)
{
	BkError		err;

	assert_good(put(storage, "a/b/c", "1", 1, 1, &err), &err);
	assert_good(bk_storage_sync(storage, "a/b/c", &err), &err);
	assert_false(bk_storage_sync(storage, "a/b/d", &err));
	assert_reason(&err, BK_STATE_MISSING_FILE, "does not exist");
	assert_false(bk_storage_sync(storage, "x/y", &err));
	assert_reason(&err, BK_STATE_MISSING_FILE, "does not exist");
	assert_false(bk_storage_sync(storage, "a//c", &err));
	assert_reason(&err, BK_STATE_BAD_ARGUMENT, "not a valid object name");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		store_test(keeps_bytes),
		store_test(writes_once),
		store_test(missing_objects_are_told),
		store_test(lists_in_key_order),
		store_test(visitors_stop_and_remove),
		store_test(removes_many),
		store_test(tells_what_it_can),
		store_test(refuses_hostile_keys),
		store_test(abandoned_puts_leave_nothing),
		store_test(matches_beginnings),
		store_test(syncs_what_is_there),
		store_test(two_writers_race),
		store_test(puts_and_removes_run_together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
