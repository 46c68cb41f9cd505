/*
 * test_credentials.c
 *	  Credentials in the environment, in files and from programs: where they
 *	  are found, and what happens when files change.
 */
#include "credential_support.h"

#include "core/clock.h"
#include "storage/provider.h"

#define KEYS(id)	"aws_access_key_id=" id "\naws_secret_access_key=SECRET-" id "\n"

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
	VARIABLES("AWS_ACCESS_KEY_ID", "I\nD", "AWS_SECRET_ACCESS_KEY", "SECRET");
	refused(NULL, NULL, &err);
	assert_reason(&err, BK_STATE_REFUSED, "control character");
	VARIABLES("AWS_ACCESS_KEY_ID", "");
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
	write_text(path, bare);
	assert_string_equal(given(path, NULL), "ID/SE=CRET/");
	write_text(path, sections);
	assert_string_equal(given(path, NULL), "ONE/1/");
	assert_string_equal(given(path, "other one"), "TWO/2/3");
	refused(path, "third", &err);
	assert_reason(&err, BK_STATE_REFUSED, "\"third\" does not exist");
	write_text(path, "aws_access_key_id=ID\n");
	refused(path, NULL, &err);
	assert_reason(&err, BK_STATE_REFUSED, "no aws_secret_access_key");
	write_text(path, "");
	refused(path, NULL, &err);
	assert_reason(&err, BK_STATE_REFUSED, path);
	write_text(path, "\nSesame\n");
	refused(path, NULL, &err);
	assert_reason(&err, BK_STATE_BAD_ARGUMENT, "in line 2");
	assert_null(strstr(err.message, "Sesame"));
	write_text(path, "[Sesame\n");
	refused(path, NULL, &err);
	assert_reason(&err, BK_STATE_BAD_ARGUMENT, "in line 1");
	assert_int_equal(unlink(path), 0);
	refused(path, NULL, &err);
	assert_reason(&err, BK_STATE_MISSING_FILE, path);
	remove_folder(folder);
}

/* ~/.aws/credentials and ~/.aws/config, and what else they are called. */
static void
come_from_profiles(void **state)
{
	char	   *home = new_folder();
	const char *config = strdup(in_folder(home, "conf"));
	const char *credentials;
	BkCredentialSource *source;
	char		region[64];
	BkError		err;

	(void) state;
	assert_int_equal(mkdir(in_folder(home, ".aws"), 0700), 0);
	credentials = strdup(in_folder(home, ".aws/credentials"));
	write_text(credentials, "[default]\n" KEYS("ONE") "[two]\n" KEYS("TWO"));
	write_text(config,
			   "[profile default]\nregion=eu-west-1\naws_access_key_id=WRONG\n"
			   "[two]\nregion=nowhere-1\n[profile two]\nregion = eu-central-1\n"
			   "s3 =\n  addressing_style = path\n[sso-session x]\nsso_start_url=x\n"
			   "[profile three]\nsso_session=x\n");
	assert_int_equal(chmod(config, 0644), 0);
	VARIABLES("HOME", home, "AWS_CONFIG_FILE", config);
	assert_string_equal(given(NULL, NULL), "ONE/SECRET-ONE/");
	assert_string_equal(given(NULL, "two"), "TWO/SECRET-TWO/");
	refused(NULL, "three", &err);
	assert_reason(&err, BK_STATE_UNSUPPORTED, "single sign-on");
	VARIABLES("HOME", home, "AWS_CONFIG_FILE", "~/conf", "AWS_PROFILE", "two",
			  "AWS_ACCESS_KEY_ID", "X", "AWS_SECRET_ACCESS_KEY", "Y");
	assert_string_equal(given(NULL, NULL), "X/Y/");
	/* A profile that was named goes before the environment. */
	assert_string_equal(given(NULL, "two"), "TWO/SECRET-TWO/");
	source = open_source(NULL, NULL);
	assert_good(bk_credentials_region(source, region, &err), &err);
	assert_string_equal(region, "eu-central-1");
	VARIABLES("HOME", home, "AWS_REGION", "here-1");
	assert_good(bk_credentials_region(source, region, &err), &err);
	assert_string_equal(region, "here-1");
	VARIABLES("HOME", home, "AWS_REGION", "evil.example/");
	assert_good(bk_credentials_region(source, region, &err), &err);
	assert_string_equal(region, "");
	bk_credentials_close(source);
	VARIABLES("AWS_SHARED_CREDENTIALS_FILE", credentials, "AWS_PROFILE", "none");
	refused(NULL, NULL, &err);
	assert_reason(&err, BK_STATE_REFUSED, "\"none\" does not exist");
	free((char *) config);
	free((char *) credentials);
	remove_folder(home);
}

/* Files that others can read are refused, unless they have no secret. */
static void
must_be_private(void **state)
{
	char	   *home = new_folder();
	const char *path = in_folder(home, "credentials");
	const char *config = in_folder(home, "config");
	BkCredentialSource *source;
	BkCredentials credentials;
	BkError		err;

	(void) state;
	VARIABLES("AWS_SHARED_CREDENTIALS_FILE", path, "AWS_CONFIG_FILE", config);
	write_text(path, KEYS("ONE"));
	write_text(config, "[default]\nregion=x\n");
	assert_int_equal(chmod(config, 0644), 0);
	source = open_source(NULL, NULL);
	assert_string_equal(given_by(source), "ONE/SECRET-ONE/");
	assert_int_equal(chmod(path, 0644), 0);
	refused(NULL, NULL, &err);
	assert_reason(&err, BK_STATE_NO_RIGHT, "open to other users");
	refused(path, NULL, &err);
	assert_reason(&err, BK_STATE_NO_RIGHT, "open to other users");
	assert_non_null(strstr(err.hint, "chmod 600"));
	/* Also where the credentials in it were read when it was private. */
	assert_false(bk_credentials_get(source, &credentials, &err));
	assert_reason(&err, BK_STATE_NO_RIGHT, "open to other users");
	assert_int_equal(chmod(path, 0600), 0);
	assert_string_equal(given_by(source), "ONE/SECRET-ONE/");
	bk_credentials_close(source);
	assert_int_equal(chmod(config, 0666), 0);
	refused(NULL, NULL, &err);
	assert_reason(&err, BK_STATE_NO_RIGHT, "config");
	write_text(config, "[default]\n" KEYS("TWO"));
	assert_int_equal(chmod(config, 0644), 0);
	refused(NULL, NULL, &err);
	assert_reason(&err, BK_STATE_NO_RIGHT, "config");
	remove_folder(home);
}

static void
follow_their_file(void **state)
{
	char	   *folder = new_folder();
	const char *path = in_folder(folder, "credentials");
	const char *next = in_folder(folder, "next");
	BkCredentialSource *source;
	BkCredentials credentials;
	BkError		err;

	(void) state;
	VARIABLES(NULL);
	write_text(path, KEYS("ONE"));
	source = open_source(path, NULL);
	assert_string_equal(given_by(source), "ONE/SECRET-ONE/");
	write_text(next, KEYS("TWO"));
	assert_int_equal(rename(next, path), 0);
	assert_string_equal(given_by(source), "TWO/SECRET-TWO/");
	/* Half written, or gone: what worked still does. */
	write_text(path, "aws_access_key_id=THREE\n");
	assert_string_equal(given_by(source), "TWO/SECRET-TWO/");
	assert_int_equal(unlink(path), 0);
	assert_string_equal(given_by(source), "TWO/SECRET-TWO/");
	write_text(path, KEYS("THREE"));
	assert_string_equal(given_by(source), "THREE/SECRET-THREE/");
	/* But not what the store refuses. */
	write_text(path, "");
	assert_string_equal(given_by(source), "THREE/SECRET-THREE/");
	expire(source);
	assert_false(bk_credentials_get(source, &credentials, &err));
	assert_reason(&err, BK_STATE_REFUSED, "no credentials");
	/* The same again is all there is. */
	write_text(path, KEYS("THREE"));
	assert_string_equal(given_by(source), "THREE/SECRET-THREE/");
	expire(source);
	assert_string_equal(given_by(source), "THREE/SECRET-THREE/");
	bk_credentials_close(source);
	remove_folder(folder);
}

/* The answer of a credential_process, or its failure. */
static void
come_from_a_program(void **state)
{
	static const char answer[] =
		"{\"Version\": 1, \"AccessKeyId\": \"ID\", \"SecretAccessKey\": \"SECRET\","
		" \"SessionToken\": \"TOKEN\", \"Expiration\": \"2999-01-01T00:00:00+01:00\"}";
	static const char *const commands[][3] = {
		{"cat '%s'", NULL, NULL},
		{"/bin/cat \"%s\"", NULL, NULL},
		{"sh -c 'cat \"$0\"' %s", NULL, NULL},
		{"sh -c 'test -z \"$SECRET_VARIABLE\" && test $HOME = /home/me && cat \"$0\"' %s", NULL, NULL},
		{"sh -c 'echo broken pipe >&2; exit 3' %s", BK_STATE_SYSTEM, "broken pipe"},
		{"cat '%s", BK_STATE_REFUSED, "not closed"},
		{"echo '{\"Version\": 2}' %s", BK_STATE_CORRUPT, ""},
		{"echo '{\"Version\": 2}'", BK_STATE_REFUSED, "Version 1"},
		{"echo '{\"Version\": 1, \"AccessKeyId\": \"ID\"}'", BK_STATE_REFUSED, "no credentials"},
		{"/nowhere/program %s", BK_STATE_MISSING_FILE, "/nowhere/program"},
		{"no-such-program %s", BK_STATE_MISSING_FILE, "no-such-program"},
		{"cat /dev/zero", BK_STATE_TOO_LARGE, "too much"},
	};
	char	   *folder = new_folder();
	const char *path = in_folder(folder, "credentials");
	const char *json = in_folder(folder, "an answer.json");
	char		quoted[2048];

	(void) state;
	VARIABLES("HOME", "/home/me", "SECRET_VARIABLE", "x");
	write_text(json, answer);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
	{
		const char *place = strstr(commands[i][0], "%s");
		BkBuf		line;
		BkError		err;

		/* Outside of quotes a space needs a backslash. */
		snprintf(quoted, sizeof(quoted), "%.*s\\ %s",
				 (int) (strchr(json, ' ') - json), json, strchr(json, ' ') + 1);
		bk_buf_init(&line);
		bk_buf_printf(&line, "credential_process = %.*s",
					  place != NULL ? (int) (place - commands[i][0]) : 999, commands[i][0]);
		if (place != NULL)
			bk_buf_printf(&line, "%s%s", strchr("'\"", place[-1]) != NULL ? json : quoted,
						  place + 2);
		write_text(path, line.data);
		bk_buf_free(&line);
		if (commands[i][1] == NULL)
			assert_string_equal(given(path, NULL), "ID/SECRET/TOKEN");
		else
		{
			refused(path, NULL, &err);
			assert_reason(&err, commands[i][1], commands[i][2]);
		}
	}
	remove_folder(folder);
}

static void
have_times(void **state)
{
	static const struct
	{
		const char *text;
		int64_t		time;		/* -1: refused */
	}			times[] = {
		{"2026-11-21T10:15:00Z", 1795256100},
		{"2026-11-21T10:15:00.123456Z", 1795256100},
		{"2026-11-21T12:15:00+02:00", 1795256100},
		{"2026-11-21T04:45:00.5-05:30", 1795256100},
		{"2026-11-21T10:15:00", -1},
		{"2026-11-21T10:15:00+0200", -1},
		{"2026-11-21T10:15:00+02:00x", -1},
		{"2026-11-21 10:15:00Z", -1},
		{"2026-13-21T10:15:00Z", -1},
		{"", -1},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
	{
		int64_t		time = -1;

		assert_int_equal(bk_provider_time(times[i].text, &time), times[i].time >= 0);
		assert_int_equal(time, times[i].time);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(come_from_the_environment),
		cmocka_unit_test(come_from_a_file),
		cmocka_unit_test(come_from_profiles),
		cmocka_unit_test(must_be_private),
		cmocka_unit_test(follow_their_file),
		cmocka_unit_test(come_from_a_program),
		cmocka_unit_test(have_times),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
