/*
 * test_walkeys.c
 *	  WAL that is encrypted, and known as ours by repository keys.
 */
#include "walplace.h"

#define SEGMENT		"000000010000000A000000FE"
#define FOLDER		"wal/" CLUSTER "/00000001/000000010000000A"

#define KEY_A	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define KEY_B	"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define KEY_C	"cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"

/* A server's key file: an owner, an identity of its own, repository keys. */
static void
write_key_file(const char *folder, const char *file, const BkAgeIdentity *owner,
			   const char *first, const char *second)
{
	BkAgeRecipient recipient;
	BkAgeIdentity server;
	char		public[BK_AGE_TEXT_SIZE];
	char		private[BK_AGE_TEXT_SIZE];
	char		text[1024];
	BkError		err;

	assert_good(bk_age_recipient(owner, &recipient, &err), &err);
	assert_good(bk_age_generate(&server, &err), &err);
	bk_age_format_recipient(&recipient, public);
	bk_age_format_identity(&server, private);
	snprintf(text, sizeof(text), "recipient %s\nidentity %s\nrepository-key %s\n%s%s\n",
			 public, private, first, second == NULL ? "" : "repository-key ",
			 second == NULL ? "" : second);
	write_file(in_folder(folder, file), text, strlen(text));
}

static void
write_identity_file(const char *folder, const char *file,
					const BkAgeIdentity *owner, const char *key)
{
	char		private[BK_AGE_TEXT_SIZE];
	char		text[1024];

	bk_age_format_identity(owner, private);
	snprintf(text, sizeof(text), "# backup_ext repository-key %s\n%s\n", key, private);
	write_file(in_folder(folder, file), text, strlen(text));
}

/* A handle of a place by somebody who has these files. */
static BkRepository *
open_with(const Place *place, const char *key_file, const char *identity_file,
		  bool unauthenticated)
{
	char		url[128];
	char		path[2][256];
	BkRepositoryTarget target = {.url = url, .unauthenticated = unauthenticated};
	BkRepository *repo;
	BkError		err;

	snprintf(url, sizeof(url), "file://%s", place->folder);
	snprintf(path[0], sizeof(path[0]), "%s/%s", place->folder, key_file == NULL ? "" : key_file);
	snprintf(path[1], sizeof(path[1]), "%s/%s", place->folder, identity_file == NULL ? "" : identity_file);
	target.key_file = key_file == NULL ? NULL : path[0];
	target.identity_file = identity_file == NULL ? NULL : path[1];
	repo = bk_repository_open(&target, &err);
	assert_good(repo != NULL, &err);
	return repo;
}

static bool
has_content(BkRepository *repo, const char *text, const char *content, BkError *err)
{
	char	   *back;
	size_t		len;
	bool		same;

	if (!get(repo, text, &back, &len, err))
		return false;
	same = len == strlen(content) && memcmp(back, content, len) == 0;
	free(back);
	return same || bk_error(err, BK_STATE_CORRUPT, "other content");
}

static void
test_encrypted(void **state)
{
	Place		place = open_place();
	BkAgeIdentity owner;
	BkRepository *server;
	BkRepository *reader;
	BkWalName	name = wal_name(SEGMENT);
	BkWalFound	found;
	BkError		err;
	bool		fresh;

	(void) state;
	assert_good(bk_age_generate(&owner, &err), &err);
	write_key_file(place.folder, "server.key", &owner, KEY_A, NULL);
	write_identity_file(place.folder, "owner.key", &owner, KEY_A);
	server = open_with(&place, "server.key", NULL, false);
	reader = open_with(&place, NULL, "owner.key", false);

	/* The server writes, and reads again only what it needs. */
	assert_good(put(server, SEGMENT, "one", 3, "zstd:1", &fresh, &err), &err);
	assert_true(fresh);
	assert_good(bk_wal_find(server, CLUSTER, &name, &found, &err), &err);
	assert_non_null(strstr(found.key, ".zst.age"));
	assert_false(has_content(server, SEGMENT, "one", &err));
	assert_reason(&err, BK_STATE_REFUSED, "could not decrypt object");
	assert_good(put(server, "00000002.history", "two", 3, "none", &fresh, &err), &err);
	assert_good(has_content(server, "00000002.history", "two", &err), &err);
	assert_good(has_content(reader, "00000002.history", "two", &err), &err);
	assert_good(has_content(reader, SEGMENT, "one", &err), &err);

	/* It knows the same again all the same. */
	assert_good(put(server, SEGMENT, "one", 3, "lz4", &fresh, &err), &err);
	assert_false(fresh);
	assert_false(put(server, SEGMENT, "two", 3, "lz4", &fresh, &err));
	assert_reason(&err, BK_STATE_DUP_KEY, "with other content");

	/* Who has no key can tell nothing. */
	assert_false(has_content(place.repo, SEGMENT, "one", &err));
	assert_reason(&err, BK_STATE_REFUSED, "could not decrypt object");
	bk_repository_close(server);
	bk_repository_close(reader);
	close_place(&place);
}

static void
test_rotation(void **state)
{
	Place		place = open_place();
	BkAgeIdentity owner;
	BkAgeIdentity next;
	BkRepository *repo;
	BkError		err;
	bool		fresh;

	(void) state;
	assert_good(bk_age_generate(&owner, &err) && bk_age_generate(&next, &err), &err);
	write_key_file(place.folder, "first.key", &owner, KEY_A, NULL);
	write_key_file(place.folder, "second.key", &next, KEY_B, KEY_A);
	write_key_file(place.folder, "third.key", &next, KEY_B, NULL);
	write_identity_file(place.folder, "owner.key", &owner, KEY_A);

	/* What was stored plain, or under an older key, is the same content. */
	assert_good(put(place.repo, "00000002.history", "two", 3, "none", &fresh, &err), &err);
	repo = open_with(&place, "first.key", NULL, false);
	assert_good(put(repo, SEGMENT, "one", 3, "zstd:1", &fresh, &err), &err);
	assert_good(put(repo, "00000002.history", "two", 3, "lz4", &fresh, &err), &err);
	assert_false(fresh);
	bk_repository_close(repo);
	repo = open_with(&place, "second.key", NULL, false);
	assert_good(put(repo, SEGMENT, "one", 3, "gzip", &fresh, &err), &err);
	assert_false(fresh);
	assert_int_equal(files_in(&place, FOLDER), 1);
	bk_repository_close(repo);

	/* A key that is gone makes it unknown. */
	repo = open_with(&place, "third.key", NULL, false);
	assert_false(put(repo, SEGMENT, "one", 3, "zstd:1", &fresh, &err));
	assert_reason(&err, BK_STATE_DUP_KEY, "with other content");
	bk_repository_close(repo);
	repo = open_with(&place, "second.key", "owner.key", false);
	assert_good(has_content(repo, SEGMENT, "one", &err), &err);
	bk_repository_close(repo);
	close_place(&place);
}

/* What can be made with the public key alone, or without any. */
static void
test_forged(void **state)
{
	Place		place = open_place();
	BkAgeIdentity owner;
	BkRepository *forger;
	BkRepository *reader;
	BkError		err;
	bool		fresh;

	(void) state;
	assert_good(bk_age_generate(&owner, &err), &err);
	write_key_file(place.folder, "forger.key", &owner, KEY_C, NULL);
	write_identity_file(place.folder, "owner.key", &owner, KEY_A);
	forger = open_with(&place, "forger.key", NULL, false);
	assert_good(put(forger, SEGMENT, "bad", 3, "zstd:1", &fresh, &err), &err);
	assert_good(put(place.repo, SEGMENT ".partial", "bad", 3, "zstd:1", &fresh, &err), &err);
	reader = open_with(&place, NULL, "owner.key", false);
	assert_false(has_content(reader, SEGMENT, "bad", &err));
	assert_reason(&err, BK_STATE_REFUSED, "is not authenticated");
	assert_reason(&err, BK_STATE_REFUSED, "by any repository key that was given");
	assert_false(has_content(reader, SEGMENT ".partial", "bad", &err));
	assert_reason(&err, BK_STATE_REFUSED, "has a plain SHA-256");
	bk_repository_close(reader);

	/* Somebody may insist. */
	reader = open_with(&place, NULL, "owner.key", true);
	assert_good(has_content(reader, SEGMENT, "bad", &err), &err);
	assert_good(has_content(reader, SEGMENT ".partial", "bad", &err), &err);
	bk_repository_close(reader);
	bk_repository_close(forger);
	close_place(&place);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_encrypted),
		cmocka_unit_test(test_rotation),
		cmocka_unit_test(test_forged),
	};

	return cmocka_run_group_tests_name("walkeys", tests, NULL, NULL);
}
