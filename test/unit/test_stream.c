/*
 * test_stream.c
 *	  Streams: memory, reading to the end, and the filters that only look.
 */
#include "support.h"

#include "filter/count.h"
#include "filter/hash.h"

#define ABC_HEX	"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static void
memory_reads_in_pieces(void **state)
{
	BkError		err;
	BkReader   *reader = bk_memory_reader("abcdef", 6, &err);
	char		piece[4];
	size_t		got;

	(void) state;
	assert_true(bk_read(reader, piece, 4, &got, &err));
	assert_int_equal(got, 4);
	assert_memory_equal(piece, "abcd", 4);
	assert_true(bk_read(reader, piece, 4, &got, &err));
	assert_int_equal(got, 2);
	for (int i = 0; i < 2; i++)
	{
		assert_true(bk_read(reader, piece, 4, &got, &err));
		assert_int_equal(got, 0);
	}
	bk_reader_close(reader);
	bk_reader_close(NULL);
	bk_writer_close(NULL);
}

static void
read_all_knows_its_limit(void **state)
{
	static const size_t sizes[] = {0, 1, 65535, 65536, 65537, 300000};
	BkError		err;
	char	   *data;
	size_t		len;

	(void) state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
	{
		char	   *plain = make_data(sizes[i], false, i);
		BkReader   *reader = new_source(plain, sizes[i], 1000, NEVER);

		assert_good(bk_read_all(reader, sizes[i], &data, &len, &err), &err);
		assert_int_equal(len, sizes[i]);
		assert_memory_equal(data, plain, len + 1);
		free(data);
		bk_reader_close(reader);
		if (sizes[i] > 0)
		{
			reader = new_source(plain, sizes[i], 1000, NEVER);
			assert_false(bk_read_all(reader, sizes[i] - 1, &data, &len, &err));
			assert_reason(&err, "54000", "larger than the limit");
			bk_reader_close(reader);
		}
		free(plain);
	}
}

static void
read_all_reports_failure(void **state)
{
	BkReader   *reader = new_source("abcdef", 6, 2, 4);
	BkError		err;
	char	   *data;
	size_t		len;

	(void) state;
	assert_false(bk_read_all(reader, 100, &data, &len, &err));
	assert_reason(&err, "58030", "the source has failed");
	bk_reader_close(reader);
}

static void
writers_hash_and_count(void **state)
{
	BkBuf		buf;
	bool		finished = false;
	char		hex[BK_DIGEST_HEX_SIZE] = "unset";
	uint64_t	count = 0;
	BkError		err;
	BkWriter   *writer;

	(void) state;
	bk_buf_init(&buf);
	writer = bk_hash_writer(new_sink(&buf, NEVER, false, &finished), hex, &err);
	writer = bk_count_writer(writer, &count, &err);
	assert_true(bk_write(writer, "ab", 2, &err));
	assert_true(bk_write(writer, NULL, 0, &err));
	assert_true(bk_write(writer, "c", 1, &err));
	assert_string_equal(hex, "unset");
	assert_false(finished);
	assert_true(bk_finish(writer, &err));
	assert_true(finished);
	bk_writer_close(writer);
	assert_string_equal(buf.data, "abc");
	assert_string_equal(hex, ABC_HEX);
	assert_int_equal(count, 3);
	bk_buf_free(&buf);
}

static void
readers_hash_and_count(void **state)
{
	char		hex[BK_DIGEST_HEX_SIZE] = "unset";
	uint64_t	count = 0;
	BkError		err;
	BkReader   *reader = new_source("abc", 3, 2, NEVER);
	char		piece[8];
	size_t		got;

	(void) state;
	reader = bk_hash_reader(reader, hex, &err);
	reader = bk_count_reader(reader, &count, &err);
	assert_true(bk_read(reader, piece, sizeof(piece), &got, &err));
	assert_int_equal(got, 2);
	assert_true(bk_read(reader, piece, sizeof(piece), &got, &err));
	assert_int_equal(got, 1);
	assert_string_equal(hex, "unset");
	for (int i = 0; i < 2; i++)
	{
		assert_true(bk_read(reader, piece, sizeof(piece), &got, &err));
		assert_int_equal(got, 0);
		assert_string_equal(hex, ABC_HEX);
	}
	assert_int_equal(count, 3);
	bk_reader_close(reader);
}

/* No digest and no count for what did not arrive. */
static void
failures_pass_through(void **state)
{
	char		hex[BK_DIGEST_HEX_SIZE];
	uint64_t	count = 0;
	char		piece[8];
	size_t		got;
	BkError		err;
	BkWriter   *writer;
	BkReader   *reader;

	(void) state;
	snprintf(hex, sizeof(hex), "unset");
	writer = bk_count_writer(new_sink(NULL, 2, false, NULL), &count, &err);
	writer = bk_hash_writer(writer, hex, &err);
	assert_true(bk_write(writer, "ab", 2, &err));
	assert_false(bk_write(writer, "c", 1, &err));
	assert_reason(&err, "58030", "the sink has failed");
	bk_writer_close(writer);
	assert_int_equal(count, 2);

	writer = bk_hash_writer(new_sink(NULL, NEVER, true, NULL), hex, &err);
	assert_true(bk_write(writer, "ab", 2, &err));
	assert_false(bk_finish(writer, &err));
	assert_reason(&err, "58030", "failed to finish");
	bk_writer_close(writer);

	reader = bk_count_reader(new_source("abc", 3, 2, 2), &count, &err);
	reader = bk_hash_reader(reader, hex, &err);
	assert_true(bk_read(reader, piece, sizeof(piece), &got, &err));
	assert_false(bk_read(reader, piece, sizeof(piece), &got, &err));
	assert_reason(&err, "58030", "the source has failed");
	bk_reader_close(reader);
	assert_string_equal(hex, "unset");
	assert_int_equal(count, 4);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(memory_reads_in_pieces, all_is_closed),
		cmocka_unit_test_teardown(read_all_knows_its_limit, all_is_closed),
		cmocka_unit_test_teardown(read_all_reports_failure, all_is_closed),
		cmocka_unit_test_teardown(writers_hash_and_count, all_is_closed),
		cmocka_unit_test_teardown(readers_hash_and_count, all_is_closed),
		cmocka_unit_test_teardown(failures_pass_through, all_is_closed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
