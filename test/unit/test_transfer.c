/*
 * test_transfer.c
 *	  Objects from one repository to another, and what WAL one of them lacks.
 */
#include "support.h"

#include "repo/layout.h"
#include "repo/transfer.h"
#include "repo/waldiff.h"

#define CLUSTER		"7440958112339017623"
#define ID			"20261121T101500Z-app-7x2m"
#define BYTES		"what is stored"

/* Two repositories, and the folders that they lie in. */
typedef struct Pair
{
	char	   *folders[2];
	BkRepository *repos[2];
	uint64_t	ticked;
	BkTransfer	transfer;
} Pair;

static bool
tick(void *arg, uint64_t bytes, BkError *err)
{
	Pair	   *pair = arg;

	(void) err;
	pair->ticked += bytes;
	return true;
}

static void
begin(Pair *pair)
{
	BkError		err;

	memset(pair, 0, sizeof(*pair));
	for (int i = 0; i < 2; i++)
	{
		char		url[256];
		BkRepositoryTarget target = {.url = url};

		pair->folders[i] = new_folder();
		snprintf(url, sizeof(url), "file://%s/repo", pair->folders[i]);
		pair->repos[i] = bk_repository_create(&target, &err);
		assert_good(pair->repos[i] != NULL, &err);
	}
	pair->transfer = (BkTransfer) {
		.from = pair->repos[0], .to = pair->repos[1], .tick = tick, .arg = pair,
	};
}

static void
end(Pair *pair)
{
	for (int i = 0; i < 2; i++)
	{
		bk_repository_close(pair->repos[i]);
		remove_folder(pair->folders[i]);
	}
}

static void
put(BkRepository *repo, const char *key, const char *text)
{
	BkError		err;

	assert_good(bk_repository_put_text(repo, key, text, &err), &err);
}

static bool
has(BkRepository *repo, const char *key)
{
	BkObjectStat stat;
	BkError		err;

	assert_good(bk_storage_stat(repo->storage, key, &stat, &err), &err);
	return stat.exists;
}

static void
an_object_is_compared_with_its_manifest(void **state)
{
	char		id[] = ID;
	char		sha256[BK_DIGEST_HEX_SIZE];
	char		key[BK_KEY_SIZE];
	BkObject	object = {.name = "a.001", .sha256 = sha256, .size = strlen(BYTES)};
	BkManifest	manifest = {.id = id};
	Pair		pair;
	BkError		err;

	(void) state;
	assert_good(bk_digest_hex(BYTES, strlen(BYTES), sha256, &err), &err);
	begin(&pair);
	bk_layout_object(key, ID, object.name);
	assert_false(bk_transfer_object(&pair.transfer, &manifest, &object, &err));
	assert_reason(&err, BK_STATE_MISSING_FILE, "a.001");
	put(pair.repos[0], key, BYTES);
	assert_good(bk_transfer_object(&pair.transfer, &manifest, &object, &err), &err);
	assert_true(has(pair.repos[1], key));
	assert_true(pair.ticked == strlen(BYTES));
	/* again: it is there */
	assert_good(bk_transfer_object(&pair.transfer, &manifest, &object, &err), &err);

	/* damage does not get over */
	object.name = "b.001";
	bk_layout_object(key, ID, object.name);
	put(pair.repos[0], key, "what is stOred");
	assert_false(bk_transfer_object(&pair.transfer, &manifest, &object, &err));
	assert_reason(&err, BK_STATE_CORRUPT, "object \"b.001\" of backup \"" ID "\" is damaged in");
	assert_false(has(pair.repos[1], key));

	/* nor is other content taken for the same, although it has its size */
	object.name = "c.001";
	bk_layout_object(key, ID, object.name);
	put(pair.repos[0], key, BYTES);
	put(pair.repos[1], key, "what is stOred");
	assert_false(bk_transfer_object(&pair.transfer, &manifest, &object, &err));
	assert_reason(&err, BK_STATE_DUP_OBJECT, "with other content");
	end(&pair);
}

static void
small_files_are_copied_once(void **state)
{
	Pair		pair;
	BkError		err;
	BkJson	   *json = bk_json_object();

	(void) state;
	begin(&pair);
	bk_json_put_string(json, "x", "y");
	assert_good(bk_repository_put_json(pair.repos[0], "mark/1/a.json", json, &err), &err);
	put(pair.repos[0], "mark/1/b.json", "{}");
	put(pair.repos[1], "mark/1/b.json", "{ }");
	assert_good(bk_transfer_small(&pair.transfer, "mark/1", &err), &err);
	assert_true(has(pair.repos[1], "mark/1/a.json"));
	/* without a seal */
	put(pair.repos[0], "mark/1/c.json", "{}");
	assert_false(bk_transfer_small(&pair.transfer, "mark/1", &err));
	assert_reason(&err, BK_STATE_CORRUPT, "c.json");
	assert_false(has(pair.repos[1], "mark/1/c.json"));
	end(&pair);
}

static BkWalFound
archive(BkRepository *repo, const char *text, const char *bytes, const char *codec)
{
	BkWalSource source = bk_wal_memory(bytes, strlen(bytes));
	BkWalName	name;
	BkWalFound	found;
	BkError		err;
	bool		fresh;

	assert_good(bk_wal_name_parse(text, &name, &err), &err);
	assert_good(bk_wal_put(repo, CLUSTER, &name, &source, codec, &found, &fresh, &err), &err);
	return found;
}

static bool
copy_file(void *arg, const BkWalName *name, const BkWalFound *found, BkError *err)
{
	return bk_transfer_wal(arg, CLUSTER, name, found, err);
}

static bool
append_name(void *arg, const BkWalName *name, const BkWalFound *found, BkError *err)
{
	(void) found;
	(void) err;
	bk_buf_printf(arg, "%s ", name->text);
	return true;
}

/* The names of what the second one lacks. */
static void
assert_lacks(Pair *pair, const char *expected)
{
	BkBuf		names;
	BkError		err;

	bk_buf_init(&names);
	bk_buf_append_string(&names, "");
	assert_good(bk_wal_diff(pair->repos[0], pair->repos[1], CLUSTER, append_name, &names, &err), &err);
	assert_string_equal(names.data == NULL ? "" : names.data, expected);
	bk_buf_free(&names);
}

static void
wal_that_is_lacking_is_found_and_copied(void **state)
{
	static const char *const files[] = {
		"000000010000000000000001", "000000010000000000000002",
		"000000010000000000000002.00000028.backup", "0000000100000001000000FF",
		"00000002.history", "000000020000000200000000",
	};
	Pair		pair;
	BkWalFound	found;
	BkWalName	name;
	BkError		err;

	(void) state;
	begin(&pair);
	assert_lacks(&pair, "");
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		(void) archive(pair.repos[0], files[i], files[i], "zstd:1");
	/* another codec is the same content, other content is not */
	(void) archive(pair.repos[1], files[1], files[1], "none");
	assert_lacks(&pair, "000000010000000000000001"
				 " 000000010000000000000002.00000028.backup"
				 " 0000000100000001000000FF 00000002.history 000000020000000200000000 ");
	end(&pair);

	begin(&pair);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		(void) archive(pair.repos[0], files[i], files[i], "zstd:1");
	assert_good(bk_wal_diff(pair.repos[0], pair.repos[1], CLUSTER, copy_file, &pair.transfer, &err), &err);
	assert_lacks(&pair, "");
	found = archive(pair.repos[1], files[0], files[0], "zstd:1");
	assert_int_equal(found.state, BK_WAL_STORED);

	/* two contents */
	assert_good(bk_wal_name_parse("000000010000000000000007", &name, &err), &err);
	(void) archive(pair.repos[1], name.text, "one", "zstd:1");
	found = archive(pair.repos[0], name.text, "two", "zstd:1");
	assert_lacks(&pair, "000000010000000000000007 ");
	assert_false(bk_transfer_wal(&pair.transfer, CLUSTER, &name, &found, &err));
	assert_reason(&err, BK_STATE_DUP_KEY, "in two repositories with two contents");
	end(&pair);
}

static void
damaged_wal_is_not_copied(void **state)
{
	Pair		pair;
	BkWalFound	found;
	BkWalName	name;
	BkError		err;

	(void) state;
	begin(&pair);
	assert_good(bk_wal_name_parse("000000010000000000000007", &name, &err), &err);
	found = archive(pair.repos[0], name.text, "one", "none");
	assert_good(bk_storage_remove(pair.repos[0]->storage, found.key, &err), &err);
	put(pair.repos[0], found.key, "two");
	assert_false(bk_transfer_wal(&pair.transfer, CLUSTER, &name, &found, &err));
	assert_reason(&err, BK_STATE_CORRUPT, "is damaged");
	assert_false(has(pair.repos[1], found.key));
	end(&pair);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_object_is_compared_with_its_manifest),
		cmocka_unit_test(small_files_are_copied_once),
		cmocka_unit_test(wal_that_is_lacking_is_found_and_copied),
		cmocka_unit_test(damaged_wal_is_not_copied),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
