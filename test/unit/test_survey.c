/*
 * test_survey.c
 *	  What retention depends on may change while it is read.
 */
#include "support.h"

#include "job/survey.h"
#include "repo/layout.h"
#include "repo/note.h"

#define CLUSTER	"7440958112339017623"
#define OLDER	"20260101T000000Z-base-aaaa"
#define NEWER	"20260102T000000Z-base-bbbb"
#define TEXT	"{}"
#define VECTOR	"20261121T100610Z-app-lgf8"

typedef struct Stage
{
	char	   *folder;
	BkRepository *repo;
	bool		moved;
} Stage;

static int
set_up(void **state)
{
	Stage	   *stage = calloc(1, sizeof(Stage));
	char		url[256];
	BkRepositoryTarget target = {.url = url};
	BkError		err;

	stage->folder = new_folder();
	snprintf(url, sizeof(url), "file://%s/repo", stage->folder);
	stage->repo = bk_repository_create(&target, &err);
	assert_good(stage->repo != NULL, &err);
	*state = stage;
	return 0;
}

static int
tear_down(void **state)
{
	Stage	   *stage = *state;

	bk_repository_close(stage->repo);
	remove_folder(stage->folder);
	free(stage);
	return 0;
}

static void
put(Stage *stage, const char *key)
{
	BkError		err;

	assert_good(bk_storage_store(stage->repo->storage, key, TEXT, strlen(TEXT), false, &err), &err);
}

static bool
go_on(void *ctx)
{
	(void) ctx;
	return false;
}

/* Its intent goes when it is listed, which may be in the middle of a survey. */
static void
sees_a_backup_that_ends_meanwhile(void **state)
{
	Stage	   *stage = *state;
	BkHost		host = {.stop = go_on};
	BkIntentStart start = {.timeline = 1, .lsn = 0x2000028};
	BkRetention retention = {.cluster = CLUSTER, .window = -1, .minimum_good = 1};
	BkWalNeeds	needs;
	BkSurvey	survey;
	BkIntent   *intent;
	BkError		err;

	intent = bk_intent_create(stage->repo, NEWER, &start, &err);
	assert_good(intent != NULL, &err);
	assert_good(bk_survey_read(&survey, stage->repo, CLUSTER, NULL, &host, &err), &err);
	bk_intent_end(intent);
	assert_good(bk_survey_needs(&survey, &retention, NULL, &needs, &err), &err);
	assert_int_equal(needs.count, 1);
	assert_int_equal(needs.list[0].from_lsn, start.lsn);
	bk_walneed_free(&needs);
	bk_survey_free(&survey);
}

/* Brings a backup back when the first one is read. */
static bool
bring_back(void *ctx)
{
	Stage	   *stage = ctx;
	char		key[BK_KEY_SIZE];
	BkError		err;

	if (stage->moved)
		return false;
	stage->moved = true;
	bk_layout_manifest(key, NEWER);
	put(stage, key);
	bk_layout_expired(key, NEWER);
	assert_good(bk_storage_remove(stage->repo->storage, key, &err), &err);
	return false;
}

static void
sees_a_backup_that_comes_back_meanwhile(void **state)
{
	Stage	   *stage = *state;
	BkHost		host = {.stop = bring_back, .ctx = stage};
	char		key[BK_KEY_SIZE];
	BkSurvey	survey;
	BkError		err;

	bk_layout_manifest(key, OLDER);
	put(stage, key);
	bk_layout_expired(key, NEWER);
	put(stage, key);
	assert_good(bk_survey_read(&survey, stage->repo, CLUSTER, NULL, &host, &err), &err);
	assert_int_equal(survey.count, 2);
	for (size_t i = 0; i < survey.count; i++)
		assert_true(survey.list[i].listed);
	bk_survey_free(&survey);
}

/* A backup with damaged pages is listed while the survey goes on. */
static bool
find_damage(void *ctx)
{
	Stage	   *stage = ctx;
	BkError		err;

	if (!stage->moved)
		assert_good(bk_note_verdict(stage->repo, VECTOR, "readable", "2 pages", &err), &err);
	stage->moved = true;
	return false;
}

static void
sees_what_is_noted_before_a_backup_is_listed(void **state)
{
	Stage	   *stage = *state;
	BkHost		host = {.stop = find_damage, .ctx = stage};
	FILE	   *file = fopen("test/vectors/manifest/good.json", "r");
	char		text[16 * 1024];
	char		key[BK_KEY_SIZE];
	size_t		length;
	BkSurvey	survey;
	BkError		err;

	assert_non_null(file);
	length = fread(text, 1, sizeof(text), file);
	fclose(file);
	bk_layout_manifest(key, VECTOR);
	assert_good(bk_storage_store(stage->repo->storage, key, text, length, false, &err), &err);
	assert_good(bk_survey_read(&survey, stage->repo, CLUSTER, NULL, &host, &err), &err);
	assert_int_equal(survey.count, 1);
	assert_int_equal(survey.candidates[0].health, BK_HEALTH_BAD);
	bk_survey_free(&survey);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(sees_a_backup_that_ends_meanwhile, set_up, tear_down),
		cmocka_unit_test_setup_teardown(sees_a_backup_that_comes_back_meanwhile, set_up, tear_down),
		cmocka_unit_test_setup_teardown(sees_what_is_noted_before_a_backup_is_listed, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
