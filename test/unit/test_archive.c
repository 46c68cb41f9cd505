/*
 * test_archive.c
 *	  Archives of pg_dump 15 to 19: whole ones are read and counted, cut and
 *	  changed ones are refused.
 *
 * The vectors are dumps (-Fc -Z0) of one small database: tables with 20, 0
 * and 3 rows, the last without columns, one with hard names and values, and
 * two large objects.
 */
#include "support.h"

#include "source/archive.h"

static const char *const versions[] = {"15", "17", "18", "19"};

static const struct
{
	const char *schema;
	const char *name;
	bool		is_table;
	uint64_t	rows;
}			expected[] = {
	{"public", "t", true, 20},
	{"public", "empty", true, 0},
	{"public", "nocols", true, 3},
	{"s p", "T\"q", true, 3},
	{NULL, NULL, false, 2},
};

static char *
read_vector(const char *version, size_t *len)
{
	char		path[256];
	char	   *bytes = malloc(64 * 1024);
	FILE	   *file;

	snprintf(path, sizeof(path), "test/vectors/archive/postgresql-%s.dump", version);
	file = fopen(path, "r");
	if (file == NULL)
		fail_msg("cannot open %s", path);
	*len = fread(bytes, 1, 64 * 1024, file);
	fclose(file);
	return bytes;
}

static bool
keep(void *arg, const void *buf, size_t len, BkError *err)
{
	(void) err;
	bk_buf_append(arg, buf, len);
	return true;
}

static BkArchive *
parse(const char *bytes, size_t len, BkBuf *copy, BkError *err)
{
	BkReader   *reader = bk_memory_reader(bytes, len, err);
	BkArchive  *archive = bk_archive_read(reader, copy == NULL ? NULL : keep,
										  copy, err);

	bk_reader_close(reader);
	return archive;
}

static const BkArchiveData *
find(const BkArchive *archive, const char *schema, const char *name)
{
	for (size_t i = 0; i < archive->data_count; i++)
	{
		const BkArchiveData *data = &archive->data[i];

		if (name == NULL ? !data->is_table
			: data->is_table && strcmp(data->name, name) == 0 &&
			strcmp(data->schema, schema) == 0)
			return data;
	}
	fail_msg("\"%s\" is not in the archive", name == NULL ? "large objects" : name);
	return NULL;
}

static void
counts_rows(void **state)
{
	(void) state;
	for (size_t v = 0; v < sizeof(versions) / sizeof(versions[0]); v++)
	{
		BkError		err;
		BkBuf		copy;
		size_t		len;
		char	   *bytes = read_vector(versions[v], &len);
		BkArchive  *archive;

		bk_buf_init(&copy);
		archive = parse(bytes, len, &copy, &err);
		assert_good(archive != NULL, &err);
		assert_string_equal(archive->database, "vec");
		assert_int_equal(archive->data_count, 5);
		for (size_t i = 0; i < 5; i++)
			assert_int_equal(find(archive, expected[i].schema, expected[i].name)->rows,
							 expected[i].rows);
		/* Every byte was passed on. */
		assert_int_equal(copy.len, len);
		assert_memory_equal(copy.data, bytes, len);
		bk_buf_free(&copy);
		bk_archive_free(archive);
		free(bytes);
	}
}

/* A custom archive has no end mark, and yet no cut goes unnoticed. */
static void
refuses_every_cut(void **state)
{
	(void) state;
	for (size_t v = 0; v < sizeof(versions) / sizeof(versions[0]); v++)
	{
		size_t		len;
		char	   *bytes = read_vector(versions[v], &len);

		for (size_t cut = 0; cut < len; cut++)
		{
			BkError		err;

			if (parse(bytes, cut, NULL, &err) != NULL)
				fail_msg("version %s, cut at %zu: taken for whole", versions[v], cut);
			assert_reason(&err, "XX001", "is not whole");
		}
		free(bytes);
	}
}

static void
refuses_what_follows(void **state)
{
	BkError		err;
	size_t		len;
	char	   *bytes = read_vector("17", &len);

	(void) state;
	memcpy(bytes + len, "\001\000\377\377\000\000", 6);
	assert_null(parse(bytes, len + 6, NULL, &err));
	assert_reason(&err, "XX001", "does not announce");
	free(bytes);
}

static void
refuses_other_formats(void **state)
{
	static const struct
	{
		size_t		offset;
		char		byte;
		const char *sqlstate;
		const char *words;
	}			changes[] = {
		{0, 'X', "XX001", "does not begin like"},
		{5, 2, "0A000", "version 2.16"},
		{6, 17, "0A000", "version 1.17"},
		{6, 13, "0A000", "version 1.13"},
		{8, 8, "XX001", "unexpected sizes"},
		{10, 3, "XX001", "unexpected sizes"},
		{11, 1, "XX001", "compressed"},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++)
	{
		BkError		err;
		size_t		len;
		char	   *bytes = read_vector("17", &len);

		bytes[changes[i].offset] = changes[i].byte;
		assert_null(parse(bytes, len, NULL, &err));
		assert_reason(&err, changes[i].sqlstate, changes[i].words);
		free(bytes);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_rows),
		cmocka_unit_test(refuses_every_cut),
		cmocka_unit_test(refuses_what_follows),
		cmocka_unit_test(refuses_other_formats),
	};

	return cmocka_run_group_tests_name("archive", tests, NULL, NULL);
}
