/*
 * test_pgmanifest.c
 *	  PostgreSQL's backup_manifest: its bytes, and its checksum.
 */
#include "support.h"

#include "source/pgmanifest.h"

#define SHA	"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define FILE_LINE(encoded, path) \
	"{\"Checksum\":\"" SHA "\",\"Checksum-Algorithm\":\"SHA256\"," encoded \
	"\"Last-Modified\":\"2026-11-21 12:00:00 GMT\"," path "\"Size\":3}"
#define BODY \
	"\"Files\": [\n" \
	FILE_LINE("", "\"Path\":\"pg_tblspc/16384/PG_15_1/5/1\",") ",\n" \
	FILE_LINE("", "\"Path\":\"é \\\"x\\\"\",") ",\n" \
	FILE_LINE("\"Encoded-Path\":\"61ff0a\",", "") \
	"\n],\n\"WAL-Ranges\": [\n" \
	"{ \"Timeline\": 3, \"Start-LSN\": \"1/2000028\", \"End-LSN\": \"1/2000138\" }\n],\n"
#define HEAD_15	"{ \"PostgreSQL-Backup-Manifest-Version\": 1,\n"
#define HEAD_17	"{ \"PostgreSQL-Backup-Manifest-Version\": 2,\n" \
	"\"System-Identifier\": 7710563958336679431,\n"

static void
make_manifest(BkBuf *text, int version)
{
	BkDataFileFacts facts = {.size = 3, .mtime = 1795262400};
	BkPgManifestWal wal = {
		.timeline = 3,
		.start = (uint64_t) 1 << 32 | 0x2000028,
		.stop = (uint64_t) 1 << 32 | 0x2000138,
	};
	BkError		err;
	BkWriter   *sink = new_sink(text, NEVER, false, NULL);
	BkPgManifest *manifest = bk_pgmanifest_open(sink, version, "7710563958336679431", &err);

	assert_non_null(manifest);
	assert_good(bk_pgmanifest_add(manifest, "pg_tblspc/16384/", "PG_15_1/5/1", &facts, SHA, &err), &err);
	assert_good(bk_pgmanifest_add(manifest, "", "é \"x\"", &facts, SHA, &err), &err);
	assert_good(bk_pgmanifest_add(manifest, "", "a\xff\n", &facts, SHA, &err), &err);
	assert_good(bk_pgmanifest_finish(manifest, &wal, &err), &err);
	bk_pgmanifest_free(manifest);
	bk_writer_close(sink);
}

static bool
check(const char *data, size_t len, size_t piece, BkError *err)
{
	BkReader   *source = new_source(data, len, piece, NEVER);
	bool		ok = bk_pgmanifest_check(source, err);

	bk_reader_close(source);
	return ok;
}

static void
bytes_are_as_documented(void **state)
{
	static const struct
	{
		int			version;
		const char *lines;
	}			versions[] = {
		{150020, HEAD_15 BODY},
		{169999, HEAD_15 BODY},
		{170000, HEAD_17 BODY},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++)
	{
		const char *lines = versions[i].lines;
		char		hex[BK_DIGEST_HEX_SIZE];
		BkBuf		text;
		BkBuf		wanted;
		BkError		err;

		bk_buf_init(&text);
		bk_buf_init(&wanted);
		make_manifest(&text, versions[i].version);
		assert_good(bk_digest_hex(lines, strlen(lines), hex, &err), &err);
		bk_buf_printf(&wanted, "%s\"Manifest-Checksum\": \"%s\"}\n", lines, hex);
		assert_string_equal(text.data, wanted.data);
		bk_buf_free(&text);
		bk_buf_free(&wanted);
	}
}

static void
damage_is_told(void **state)
{
	BkBuf		text;
	BkError		err;

	(void) state;
	bk_buf_init(&text);
	make_manifest(&text, 150000);
	for (size_t piece = 1; piece < 2000; piece += 333)
		assert_good(check(text.data, text.len, piece, &err), &err);
	for (size_t len = 0; len < text.len; len++)
	{
		assert_false(check(text.data, len, 4096, &err));
		assert_string_equal(err.sqlstate, "XX001");
	}
	for (size_t at = 0; at < text.len; at++)
	{
		text.data[at] ^= 1;
		assert_false(check(text.data, text.len, 4096, &err));
		assert_reason(&err, "XX001", "does not have the checksum");
		text.data[at] ^= 1;
	}
	bk_buf_free(&text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(bytes_are_as_documented, all_is_closed),
		cmocka_unit_test_teardown(damage_is_told, all_is_closed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
