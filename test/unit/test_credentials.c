/*
 * test_credentials.c
 *	  Credentials: where they are found, and how they are renewed.
 */
#include "support.h"

#include "core/clock.h"
#include "storage/credentials.h"
#include "storage/provider.h"

/* The environment of a test: names and values in turn. */
static const char *variables[32];

static const char *
find_variable(void *ctx, const char *name)
{
	(void) ctx;
	for (int i = 0; variables[i] != NULL; i += 2)
	{
		if (strcmp(variables[i], name) == 0)
			return variables[i + 1];
	}
	return NULL;
}

static bool
never_stop(void *ctx)
{
	(void) ctx;
	return false;
}

static const BkHost host = {.stop = never_stop, .variable = find_variable};

static void
set_variables(const char *const *list)
{
	memset(variables, 0, sizeof(variables));
	for (int i = 0; list[i] != NULL; i++)
		variables[i] = list[i];
}

#define VARIABLES(...) set_variables((const char *const []) {__VA_ARGS__, NULL})

static BkCredentialSource *
open_source(const char *file, const char *profile)
{
	BkCredentialSpec spec = {.host = &host, .file = file, .profile = profile};
	BkError		err;
	BkCredentialSource *source = bk_credentials_open(&spec, &err);

	assert_good(source != NULL, &err);
	return source;
}

/* What a new source gives: "id/secret/token". */
static const char *
given(const char *file, const char *profile)
{
	static char text[1024];
	BkCredentialSource *source = open_source(file, profile);
	BkCredentials credentials;
	BkError		err;

	assert_good(bk_credentials_get(source, &credentials, &err), &err);
	snprintf(text, sizeof(text), "%s/%s/%.100s", credentials.id,
			 credentials.secret, credentials.token);
	bk_credentials_close(source);
	return text;
}

/* How a new source fails. */
static void
refused(const char *file, const char *profile, BkError *err)
{
	BkCredentialSource *source = open_source(file, profile);
	BkCredentials credentials;

	assert_false(bk_credentials_get(source, &credentials, err));
	bk_credentials_close(source);
}

static void
come_from_the_environment(void **state)
{
	BkError		err;

	(void) state;
	VARIABLES("AWS_ACCESS_KEY_ID", "ID", "AWS_SECRET_ACCESS_KEY", "SECRET");
	assert_string_equal(given(NULL, NULL), "ID/SECRET/");
	VARIABLES("AWS_ACCESS_KEY_ID", "ID", "AWS_SECRET_ACCESS_KEY", "SECRET",
			  "AWS_SESSION_TOKEN", "TOKEN");
	assert_string_equal(given(NULL, NULL), "ID/SECRET/TOKEN");
	VARIABLES("AWS_ACCESS_KEY_ID", "ID");
	refused(NULL, NULL, &err);
	assert_reason(&err, BK_STATE_REFUSED, "without AWS_SECRET_ACCESS_KEY");
	VARIABLES("AWS_EC2_METADATA_DISABLED", "true");
	refused(NULL, NULL, &err);
	assert_reason(&err, BK_STATE_REFUSED, "no credentials");
	assert_reason(&err, BK_STATE_REFUSED, "disabled by AWS_EC2_METADATA_DISABLED");
}

static void
come_from_a_file(void **state)
{
	static const char bare[] = "# mine\naws_access_key_id=ID\naws_secret_access_key = SE=CRET  # not this\n";
	static const char sections[] =
		"[default]\naws_access_key_id=ONE\naws_secret_access_key=1\n\n"
		"[ other one ]\r\nAWS_ACCESS_KEY_ID = TWO\r\naws_secret_access_key=2\r\naws_session_token=3\r\n";
	char	   *folder = new_folder();
	const char *path = in_folder(folder, "credentials");
	BkError		err;

	(void) state;
	/* A file that was named goes before all else. */
	VARIABLES("AWS_ACCESS_KEY_ID", "X", "AWS_SECRET_ACCESS_KEY", "X", "AWS_PROFILE", "X");
	write_file(path, bare, sizeof(bare) - 1);
	assert_string_equal(given(path, NULL), "ID/SE=CRET/");
	write_file(path, sections, sizeof(sections) - 1);
	assert_string_equal(given(path, NULL), "ONE/1/");
	assert_string_equal(given(path, "other one"), "TWO/2/3");
	refused(path, "third", &err);
	assert_reason(&err, BK_STATE_REFUSED, "\"third\" does not exist");
	write_file(path, "aws_access_key_id=ID\n", 21);
	refused(path, NULL, &err);
	assert_reason(&err, BK_STATE_REFUSED, "no aws_secret_access_key");
	write_file(path, "", 0);
	refused(path, NULL, &err);
	assert_reason(&err, BK_STATE_REFUSED, path);
	write_file(path, "Sesame\n", 7);
	refused(path, NULL, &err);
	assert_reason(&err, BK_STATE_BAD_ARGUMENT, "in line 1");
	assert_null(strstr(err.message, "Sesame"));
	assert_int_equal(chmod(path, 0640), 0);
	refused(path, NULL, &err);
	assert_int_equal(unlink(path), 0);
	refused(path, NULL, &err);
	assert_reason(&err, BK_STATE_MISSING_FILE, path);
	remove_folder(folder);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(come_from_the_environment),
		cmocka_unit_test(come_from_a_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
