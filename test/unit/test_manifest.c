/*
 * test_manifest.c
 *	  Manifests against the vectors, each bad one with its complaint.
 */
#include "support.h"

#include "repo/manifest.h"

#define ID	"20261121T100610Z-app-lgf8"

static const struct
{
	const char *name;
	const char *sqlstate;		/* NULL: it is good */
	const char *words;
}			vectors[] = {
	{"good", NULL, NULL},
	{"good-hard-text", NULL, NULL},
	{"good-unknown-member", NULL, NULL},
	{"bad-recipients", "XX001", "invalid recipients"},
	{"bad-no-seal", "XX001", "has no valid seal"},
	{"bad-flipped", "XX001", "does not agree with its seal"},
	{"bad-cut", "XX001", "manifest/" ID ".json"},
	{"bad-trailing", "XX001", "manifest/" ID ".json"},
	{"bad-duplicate-key", "XX001", "duplicate"},
	{"bad-newer-format", "0A000", "has format version 2"},
	{"bad-required-feature", "0A000", "requires feature \"time-travel\""},
	{"bad-other-id", "XX001", "is the manifest of another backup"},
	{"bad-id-path", "XX001", "invalid id"},
	{"bad-no-objects", "XX001", "lists no objects"},
	{"bad-object-path", "XX001", "invalid object name"},
	{"bad-object-absolute", "XX001", "invalid object name"},
	{"bad-object-hidden", "XX001", "invalid object name"},
	{"bad-object-twice", "XX001", "twice"},
	{"bad-object-digest", "XX001", "invalid digest"},
	{"bad-negative-size", "XX001", "negative size"},
	{"bad-overflow", "XX001", "sizes overflow"},
	{"bad-size-fraction", "XX001", ""},
	{"bad-time", "XX001", "invalid time"},
	{"bad-no-database", "XX001", "name"},
	{"bad-kind-type", "XX001", "kind"},
	{"bad-deep", "XX001", "manifest/" ID ".json"},
	{"good-base", NULL, NULL},
	{"good-base-boundary", NULL, NULL},
	{"bad-base-no-start", "XX001", "start_lsn"},
	{"bad-base-order", "XX001", "invalid \"stop_lsn\""},
	{"bad-base-other-wal", "XX001", "invalid \"stop_wal\""},
	{"bad-base-other-timeline", "XX001", "invalid \"start_wal\""},
	{"bad-base-wal-path", "XX001", "invalid \"start_wal\""},
	{"bad-base-segment-size", "XX001", "invalid \"wal_segment_size\""},
	{"bad-base-block-size", "XX001", "invalid \"block_size\""},
	{"bad-base-no-checksums", "XX001", "invalid \"data_checksums\""},
	{"bad-base-tablespace-twice", "XX001", "invalid \"tablespaces\""},
	{"bad-base-tablespace-relative", "XX001", "invalid \"tablespaces\""},
	{"bad-base-negative", "XX001", "invalid \"corrupt_pages\""},
};

/* What a reader with the repository key of the vectors, 00 01 02 … 1f, says. */
static const struct
{
	const char *name;
	const char *sqlstate;
	const char *words;
}			keyed_vectors[] = {
	{"good-keyed", NULL, NULL},
	{"good", "28000", "is not authenticated"},
	{"bad-flipped", "XX001", "does not agree with its seal"},
	{"bad-keyed-flipped", "XX001", "does not agree with its seal"},
	{"bad-keyed-edited", "XX001", "is forged"},
	{"bad-keyed-other-place", "XX001", "is forged"},
	{"bad-keyed-retired", "28000", "with repository key 2645e24b7b1fc390, which is not among those given"},
	{"bad-keyed-no-id", "XX001", "has no valid seal"},
};

/* And one who has none, or who believes everybody, in what is intact. */
static const struct
{
	const char *name;
	bool		with_key;
	BkSealTrust trust;
	const char *sqlstate;
	const char *words;
}			other_readers[] = {
	{"good-keyed", false, BK_SEAL_AUTHENTIC, "28000", "with repository key c56b975fad23bbb4, which was not given"},
	{"good-keyed", false, BK_SEAL_INTACT, NULL, NULL},
	{"good", true, BK_SEAL_INTACT, NULL, NULL},
	{"bad-keyed-retired", true, BK_SEAL_INTACT, NULL, NULL},
	{"bad-keyed-flipped", true, BK_SEAL_INTACT, "XX001", "does not agree with its seal"},
};

static BkKeys *
vector_keys(void)
{
	BkKeys	   *keys = calloc(1, sizeof(*keys));

	assert_non_null(keys);
	for (unsigned char i = 0; i < BK_KEYS_SECRET_SIZE; i++)
		keys->secrets[0].secret[i] = i;
	strcpy(keys->secrets[0].id, "c56b975fad23bbb4");
	keys->secret_count = 1;
	return keys;
}

static char *
read_vector(const char *name, size_t *len)
{
	char		path[256];
	char	   *text = calloc(1, 1024 * 1024);
	FILE	   *file;

	snprintf(path, sizeof(path), "test/vectors/manifest/%s.json", name);
	file = fopen(path, "r");
	if (file == NULL)
		fail_msg("cannot open %s", path);
	*len = fread(text, 1, 1024 * 1024 - 1, file);
	fclose(file);
	return text;
}

static void
check_vector(const char *name, const BkKeys *keys, BkSealTrust trust,
			 const char *sqlstate, const char *words)
{
	BkError		err;
	size_t		len;
	char	   *text = read_vector(name, &len);
	BkManifest *manifest = bk_manifest_parse(text, len, ID, keys, trust, &err);

	if (sqlstate == NULL)
		assert_good(manifest != NULL, &err);
	else
	{
		if (manifest != NULL)
			fail_msg("%s was taken for good", name);
		assert_reason(&err, sqlstate, words);
	}
	bk_manifest_free(manifest);
	free(text);
}

static void
agrees_with_vectors(void **state)
{
	(void) state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++)
		check_vector(vectors[i].name, NULL, BK_SEAL_AUTHENTIC,
					 vectors[i].sqlstate, vectors[i].words);
}

static void
knows_its_authors(void **state)
{
	BkKeys	   *keys = vector_keys();

	(void) state;
	for (size_t i = 0; i < sizeof(keyed_vectors) / sizeof(keyed_vectors[0]); i++)
		check_vector(keyed_vectors[i].name, keys, BK_SEAL_AUTHENTIC,
					 keyed_vectors[i].sqlstate, keyed_vectors[i].words);
	for (size_t i = 0; i < sizeof(other_readers) / sizeof(other_readers[0]); i++)
		check_vector(other_readers[i].name, other_readers[i].with_key ? keys : NULL,
					 other_readers[i].trust, other_readers[i].sqlstate,
					 other_readers[i].words);
	free(keys);
}

/* After a rotation the new key comes first, and the old one is believed. */
static void
seals_with_its_first_key(void **state)
{
	BkKeys	   *keys = vector_keys();
	BkError		err;
	size_t		len;
	char	   *text = read_vector("good-keyed", &len);
	BkManifest *manifest;
	char	   *again;

	(void) state;
	keys->secrets[1] = keys->secrets[0];
	keys->secret_count = 2;
	memset(keys->secrets[0].secret, 7, BK_KEYS_SECRET_SIZE);
	strcpy(keys->secrets[0].id, "0123456789abcdef");
	manifest = bk_manifest_parse(text, len, ID, keys, BK_SEAL_AUTHENTIC, &err);
	assert_good(manifest != NULL, &err);
	assert_int_equal(bk_json_length(manifest->recipients), 1);
	again = bk_manifest_text(manifest, keys, &err);
	assert_good(again != NULL, &err);
	assert_non_null(strstr(again, "\"key\": \"0123456789abcdef\""));
	bk_manifest_free(manifest);
	manifest = bk_manifest_parse(again, strlen(again), ID, keys, BK_SEAL_AUTHENTIC, &err);
	assert_good(manifest != NULL, &err);
	bk_manifest_free(manifest);
	free(again);
	free(text);
	free(keys);
}

static void
reads_its_members(void **state)
{
	BkError		err;
	size_t		len;
	char	   *text = read_vector("good", &len);
	BkManifest *manifest = bk_manifest_parse(text, len, ID, NULL, BK_SEAL_AUTHENTIC, &err);

	(void) state;
	assert_good(manifest != NULL, &err);
	assert_string_equal(manifest->database, "app");
	assert_int_equal(manifest->database_oid, 16384);
	assert_int_equal(manifest->object_count, 5);
	assert_int_equal(manifest->size, 565220 + 220 + 367 + 573 + 1412);
	assert_null(manifest->label);
	assert_true(bk_manifest_has(manifest, "archive.dump"));
	assert_false(bk_manifest_has(manifest, "archive"));
	bk_manifest_free(manifest);
	free(text);
}

static void
writes_what_it_read(void **state)
{
	BkError		err;
	size_t		len;
	char	   *text = read_vector("good-hard-text", &len);
	BkManifest *manifest = bk_manifest_parse(text, len, ID, NULL, BK_SEAL_AUTHENTIC, &err);
	char	   *again;

	(void) state;
	assert_good(manifest != NULL, &err);
	again = bk_manifest_text(manifest, NULL, &err);
	assert_good(again != NULL, &err);
	bk_manifest_free(manifest);
	manifest = bk_manifest_parse(again, strlen(again), ID, NULL, BK_SEAL_AUTHENTIC, &err);
	assert_good(manifest != NULL, &err);
	assert_string_equal(manifest->database, "Gr\303\274\303\237e");
	bk_manifest_free(manifest);
	free(again);
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_with_vectors),
		cmocka_unit_test(knows_its_authors),
		cmocka_unit_test(seals_with_its_first_key),
		cmocka_unit_test(reads_its_members),
		cmocka_unit_test(writes_what_it_read),
	};

	return cmocka_run_group_tests_name("manifest", tests, NULL, NULL);
}
