/*
 * test_codec.c
 *	  Every codec: round trips, damage, failing streams, and the stock tools.
 */
#include "support.h"

#include "filter/codec.h"

#define LARGE	(3 * 1024 * 1024)

static const size_t sizes[] = {
	0, 1, 255, BK_STREAM_BUFFER - 1, BK_STREAM_BUFFER, BK_STREAM_BUFFER + 1, LARGE
};

#define SIZES	(sizeof(sizes) / sizeof(sizes[0]))

/* The stock tool of a codec. */
static const struct
{
	const char *codec;
	const char *compress[4];
	const char *decompress[4];
}			tools[] = {
	{"gzip", {"gzip", "-c"}, {"gzip", "-dc"}},
	{"lz4", {"lz4", "-c"}, {"lz4", "-dc"}},
	{"zstd", {"zstd", "-c"}, {"zstd", "-dc"}},
};

/* Compress in steps; the buffer is the caller's to free. */
static void
compress(const BkCodec *codec, int level, int threads, const char *data,
		 size_t len, size_t step, BkBuf *out)
{
	bool		finished = false;
	BkError		err;
	BkWriter   *writer;

	bk_buf_init(out);
	writer = codec->compress(new_sink(out, NEVER, false, &finished), level,
							 threads, &err);
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

/* Decompress what a source gives; false with the error. */
static bool
decompress(const BkCodec *codec, BkReader *source, size_t step, BkBuf *out,
		   BkError *err)
{
	BkReader   *reader = codec->decompress(source, err);
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

static void
round_trip(const BkCodec *codec, int level, int threads, const char *data,
		   size_t len)
{
	static const size_t steps[] = {7919, BK_STREAM_BUFFER, LARGE};
	BkError		err;

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
	{
		BkBuf		packed;
		BkBuf		back;

		compress(codec, level, threads, data, len, steps[i], &packed);
		assert_good(decompress(codec, new_source(packed.data, packed.len,
												 steps[i] / 3 + 1, NEVER),
							   steps[2 - i], &back, &err), &err);
		assert_int_equal(back.len, len);
		assert_memory_equal(back.data, data, len);
		bk_buf_free(&packed);
		bk_buf_free(&back);
	}
}

static void
comes_back(void **state)
{
	(void) state;
	for (size_t i = 0; bk_codec_at(i) != NULL; i++)
	{
		for (size_t k = 0; k < 2 * SIZES; k++)
		{
			const BkCodec *codec = bk_codec_at(i);
			char	   *data = make_data(sizes[k / 2], k % 2 == 0, k);

			round_trip(codec, codec->default_level, 0, data, sizes[k / 2]);
			round_trip(codec, codec->default_level, 3, data, sizes[k / 2]);
			free(data);
		}
	}
}

/* The highest level wants the largest window: the data fills it. */
static void
levels_work(void **state)
{
	size_t		len = 9 * 1024 * 1024;
	char	   *data = make_data(len, false, 5);
	BkError		err;

	(void) state;
	for (size_t i = 0; bk_codec_at(i) != NULL; i++)
	{
		const BkCodec *codec = bk_codec_at(i);

		for (int k = 0; k < 2; k++)
		{
			BkBuf		packed;
			BkBuf		back;

			compress(codec, k == 0 ? codec->min_level : codec->max_level, 0,
					 data, k == 0 ? 1000 : len, 1000000, &packed);
			assert_good(decompress(codec, new_source(packed.data, packed.len,
													 100000, NEVER),
								   100000, &back, &err), &err);
			assert_memory_equal(back.data, data, back.len);
			assert_int_equal(back.len, k == 0 ? 1000 : len);
			bk_buf_free(&packed);
			bk_buf_free(&back);
		}
	}
	free(data);
}

static void
concatenation_is_one_stream(void **state)
{
	BkError		err;

	(void) state;
	for (size_t i = 0; bk_codec_at(i) != NULL; i++)
	{
		const BkCodec *codec = bk_codec_at(i);
		BkBuf		packed;
		BkBuf		more;
		BkBuf		back;

		compress(codec, codec->default_level, 0, "first,", 6, 6, &packed);
		compress(codec, codec->default_level, 0, "", 0, 1, &more);
		bk_buf_append(&packed, more.data, more.len);
		bk_buf_free(&more);
		compress(codec, codec->default_level, 0, "last", 4, 4, &more);
		bk_buf_append(&packed, more.data, more.len);
		bk_buf_free(&more);
		for (size_t piece = 1; piece <= packed.len; piece++)
		{
			assert_good(decompress(codec, new_source(packed.data, packed.len,
													 piece, NEVER),
								   3, &back, &err), &err);
			assert_string_equal(back.data, "first,last");
			bk_buf_free(&back);
		}
		bk_buf_free(&packed);
	}
}

/* Every codec but "none", which cannot tell. */
static void
truncation_is_found(void **state)
{
	char	   *data = make_data(BK_STREAM_BUFFER + 1000, true, 9);
	BkError		err;

	(void) state;
	for (size_t i = 1; bk_codec_at(i) != NULL; i++)
	{
		const BkCodec *codec = bk_codec_at(i);
		BkBuf		packed;
		BkBuf		back;

		compress(codec, codec->default_level, 0, data, BK_STREAM_BUFFER + 1000,
				 10000, &packed);
		for (size_t cut = 0; cut < packed.len;
			 cut += cut < 40 || cut + 40 > packed.len ? 1 : packed.len / 50)
		{
			assert_false(decompress(codec, new_source(packed.data, cut, 3000,
													  NEVER),
									10000, &back, &err));
			assert_reason(&err, "XX001", "data ends early");
			assert_reason(&err, "XX001", codec->name);
			bk_buf_free(&back);
		}
		bk_buf_free(&packed);
	}
	free(data);
}

static void
trailing_bytes_are_found(void **state)
{
	static const char *const tails[] = {"x", "garbage garbage", "\0\0\0\0"};
	BkError		err;

	(void) state;
	for (size_t i = 1; bk_codec_at(i) != NULL; i++)
	{
		const BkCodec *codec = bk_codec_at(i);

		for (size_t k = 0; k < sizeof(tails) / sizeof(tails[0]); k++)
		{
			BkBuf		packed;
			BkBuf		back;

			compress(codec, codec->default_level, 0, "data", 4, 4, &packed);
			bk_buf_append(&packed, tails[k], k == 2 ? 4 : strlen(tails[k]));
			assert_false(decompress(codec, new_source(packed.data, packed.len,
													  100, NEVER),
									100, &back, &err));
			assert_reason(&err, "XX001", codec->name);
			bk_buf_free(&packed);
			bk_buf_free(&back);
		}
	}
}

/*
 * A flipped bit is found, or it was one that means nothing (gzip's header
 * holds a time and the like): wrong bytes never come out as good.
 */
static void
flipped_bits_are_found(void **state)
{
	char	   *data = make_data(20000, true, 11);
	BkError		err;

	(void) state;
	for (size_t i = 1; bk_codec_at(i) != NULL; i++)
	{
		const BkCodec *codec = bk_codec_at(i);
		size_t		found = 0;
		size_t		tried = 0;
		BkBuf		packed;
		BkBuf		back;

		compress(codec, codec->default_level, 0, data, 20000, 5000, &packed);
		for (size_t at = 0; at < packed.len; at += at < 32 ? 1 : 37)
		{
			packed.data[at] = (char) (packed.data[at] ^ 1 << at % 8);
			tried++;
			if (!decompress(codec, new_source(packed.data, packed.len, 1000,
											  NEVER), 1000, &back, &err))
			{
				assert_reason(&err, "XX001", codec->name);
				found++;
			}
			else
			{
				assert_int_equal(back.len, 20000);
				assert_memory_equal(back.data, data, 20000);
			}
			bk_buf_free(&back);
			packed.data[at] = (char) (packed.data[at] ^ 1 << at % 8);
		}
		assert_true(found + 10 > tried);
		bk_buf_free(&packed);
	}
	free(data);
}

/* Windows over 8 MiB are refused: zstd's own tool makes one. */
static void
large_windows_are_refused(void **state)
{
	static const char *const argv[] = {"zstd", "-c", "--long=27", NULL};
	char	   *folder = new_folder();
	const char *plain = in_folder(folder, "plain");
	const char *packed = in_folder(folder, "packed");
	char	   *data = make_data(LARGE * 4, true, 4);
	BkBuf		content;
	BkBuf		back;
	BkError		err;

	(void) state;
	write_file(plain, data, LARGE * 4);
	assert_int_equal(run_program(argv, plain, packed), 0);
	read_file(packed, &content);
	assert_false(decompress(bk_codec_by_name("zstd"),
							new_source(content.data, content.len, 9999, NEVER),
							9999, &back, &err));
	assert_reason(&err, "XX001", "memory");
	bk_buf_free(&back);
	bk_buf_free(&content);
	free(data);
	remove_folder(folder);
}

/* Cut the chain in the middle, at many places; the leak checker looks on. */
static void
failing_streams_pass_through(void **state)
{
	char	   *data = make_data(LARGE, false, 13);
	BkError		err;

	(void) state;
	for (size_t i = 0; bk_codec_at(i) != NULL; i++)
	{
		const BkCodec *codec = bk_codec_at(i);
		BkBuf		packed;
		BkBuf		back;

		compress(codec, codec->default_level, 0, data, LARGE, LARGE, &packed);
		for (size_t cut = 0; cut < LARGE; cut += LARGE / 23)
		{
			BkWriter   *writer = codec->compress(new_sink(NULL, cut, false, NULL),
												 codec->default_level,
												 (int) (cut % 3), &err);

			assert_false(bk_write(writer, data, LARGE, &err) &&
						 bk_finish(writer, &err));
			assert_reason(&err, "58030", "the sink has failed");
			bk_writer_close(writer);
			assert_false(decompress(codec, new_source(packed.data, packed.len,
													  50000, cut),
									50000, &back, &err));
			assert_reason(&err, "58030", "the source has failed");
			bk_buf_free(&back);

			/* Given up without a failure. */
			writer = codec->compress(new_sink(NULL, NEVER, false, NULL),
									 codec->default_level, (int) (cut % 3), &err);
			assert_true(bk_write(writer, data, cut, &err));
			bk_writer_close(writer);
			bk_reader_close(codec->decompress(new_source(data, cut, 9, NEVER),
											  &err));
		}
		bk_buf_free(&packed);
	}
	free(data);
}

static void
failing_finish_passes_through(void **state)
{
	BkError		err;

	(void) state;
	for (size_t i = 0; bk_codec_at(i) != NULL; i++)
	{
		const BkCodec *codec = bk_codec_at(i);
		BkWriter   *writer = codec->compress(new_sink(NULL, NEVER, true, NULL),
											 codec->default_level, 0, &err);

		assert_true(bk_write(writer, "x", 1, &err));
		assert_false(bk_finish(writer, &err));
		assert_reason(&err, "58030", "failed to finish");
		bk_writer_close(writer);
	}
}

static void
agree_with_tool(const char *codec_name, const char *const *compressor,
				const char *const *decompressor, const char *data, size_t len,
				int threads)
{
	const BkCodec *codec = bk_codec_by_name(codec_name);
	char	   *folder = new_folder();
	const char *plain = in_folder(folder, "plain");
	const char *packed = in_folder(folder, "packed");
	BkBuf		content;
	BkBuf		back;
	BkError		err;

	compress(codec, codec->default_level, threads, data, len, 100000, &content);
	write_file(packed, content.data, content.len);
	bk_buf_free(&content);
	assert_int_equal(run_program(decompressor, packed, plain), 0);
	read_file(plain, &content);
	assert_int_equal(content.len, len);
	assert_memory_equal(content.data, data, len);
	bk_buf_free(&content);

	assert_int_equal(run_program(compressor, plain, packed), 0);
	read_file(packed, &content);
	assert_good(decompress(codec, new_source(content.data, content.len, 65536,
											 NEVER), 65536, &back, &err), &err);
	assert_int_equal(back.len, len);
	assert_memory_equal(back.data, data, len);
	bk_buf_free(&content);
	bk_buf_free(&back);
	remove_folder(folder);
}

static void
stock_tools_agree(void **state)
{
	(void) state;
	for (size_t i = 0; i < sizeof(tools) / sizeof(tools[0]); i++)
	{
		for (size_t k = 0; k < 2 * SIZES; k++)
		{
			char	   *data = make_data(sizes[k / 2], k % 2 == 0, k);

			agree_with_tool(tools[i].codec, tools[i].compress,
							tools[i].decompress, data, sizes[k / 2],
							(int) (k % 3));
			free(data);
		}
	}
}

static void
specs_are_parsed(void **state)
{
	static const struct
	{
		const char *text;
		const char *name;		/* NULL: refused */
		int			level;
		const char *reason;
	}			rows[] = {
		{"none", "none", 0, NULL},
		{"gzip", "gzip", 6, NULL},
		{"zstd", "zstd", 3, NULL},
		{"zstd:19", "zstd", 19, NULL},
		{"lz4:12", "lz4", 12, NULL},
		{"gzip:1", "gzip", 1, NULL},
		{"", NULL, 0, "unrecognized compression \"\""},
		{"zst", NULL, 0, "unrecognized compression \"zst\""},
		{"ZSTD", NULL, 0, "unrecognized compression"},
		{"zstd ", NULL, 0, "unrecognized compression"},
		{":3", NULL, 0, "unrecognized compression"},
		{"zstd:", NULL, 0, "from 1 to 19"},
		{"zstd:0", NULL, 0, "from 1 to 19"},
		{"zstd:20", NULL, 0, "from 1 to 19"},
		{"zstd:-1", NULL, 0, "from 1 to 19"},
		{"zstd:3x", NULL, 0, "from 1 to 19"},
		{"zstd:3:3", NULL, 0, "invalid compression level in \"zstd:3:3\""},
		{"gzip:99999999999", NULL, 0, "from 1 to 9"},
		{"none:0", NULL, 0, "has no levels"},
	};
	BkCodecSpec spec;
	BkError		err;

	(void) state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
	{
		if (rows[i].name == NULL)
		{
			assert_false(bk_codec_parse(rows[i].text, &spec, &err));
			assert_reason(&err, "22023", rows[i].reason);
			continue;
		}
		assert_good(bk_codec_parse(rows[i].text, &spec, &err), &err);
		assert_string_equal(spec.codec->name, rows[i].name);
		assert_int_equal(spec.level, rows[i].level);
	}
	bk_codec_parse("x", &spec, &err);
	assert_non_null(strstr(err.hint, "none, gzip, lz4, zstd"));
	assert_string_equal(bk_codec_by_suffix(".zst")->name, "zstd");
	assert_string_equal(bk_codec_by_suffix("")->name, "none");
	assert_null(bk_codec_by_suffix(".age"));
	assert_null(bk_codec_by_name(".zst"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(comes_back, all_is_closed),
		cmocka_unit_test_teardown(levels_work, all_is_closed),
		cmocka_unit_test_teardown(concatenation_is_one_stream, all_is_closed),
		cmocka_unit_test_teardown(truncation_is_found, all_is_closed),
		cmocka_unit_test_teardown(trailing_bytes_are_found, all_is_closed),
		cmocka_unit_test_teardown(flipped_bits_are_found, all_is_closed),
		cmocka_unit_test_teardown(large_windows_are_refused, all_is_closed),
		cmocka_unit_test_teardown(failing_streams_pass_through, all_is_closed),
		cmocka_unit_test_teardown(failing_finish_passes_through, all_is_closed),
		cmocka_unit_test_teardown(stock_tools_agree, all_is_closed),
		cmocka_unit_test_teardown(specs_are_parsed, all_is_closed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
