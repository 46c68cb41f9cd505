/*
 * test_provider.c
 *	  Credentials from STS, from containers and from EC2, each played by a
 *	  server of the test.
 */
#include "credential_support.h"

#include <pthread.h>

#include "core/clock.h"
#include "scripted.h"

#define THREADS		8

/* The services of a cloud, all behind one address. */
typedef struct Cloud
{
	ScriptServer *server;
	pthread_mutex_t lock;
	int			given;			/* credentials so far; they are numbered */
	int64_t		life;			/* of credentials, in seconds */
	int			busy;			/* answers of 503 to come */
	char		answer[8192];
	ScriptTurn	turn;
} Cloud;

static Cloud cloud;

static const char *
answer_with(int status, const char *body)
{
	snprintf(cloud.answer, sizeof(cloud.answer),
			 "HTTP/1.1 %d Said\r\nContent-Length: %zu\r\n\r\n%s", status,
			 strlen(body), body);
	return cloud.answer;
}

static const char *
answer_json(const char *id)
{
	char		body[1024];
	char		expires[BK_CLOCK_TEXT_SIZE];

	bk_clock_format(bk_clock_now() + cloud.life, expires);
	snprintf(body, sizeof(body),
			 "{\"Code\": \"Success\", \"AccessKeyId\": \"%s%d\", \"SecretAccessKey\": \"SECRET\","
			 " \"Token\": \"TOKEN\", \"Expiration\": \"%s\"}", id, ++cloud.given, expires);
	return answer_with(200, body);
}

static const char *
answer_xml(const char *action)
{
	char		body[1024];
	char		expires[BK_CLOCK_TEXT_SIZE];

	bk_clock_format(bk_clock_now() + cloud.life, expires);
	snprintf(body, sizeof(body),
			 "<%sResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><%sResult>"
			 "<Credentials><AccessKeyId>%s%d</AccessKeyId><SecretAccessKey>SECRET</SecretAccessKey>"
			 "<SessionToken>TOKEN</SessionToken><Expiration>%s</Expiration></Credentials>"
			 "</%sResult></%sResponse>", action, action,
			 strcmp(action, "AssumeRole") == 0 ? "ROLE" : "WEB", ++cloud.given, expires,
			 action, action);
	return answer_with(200, body);
}

static const char *
refuse_by_sts(int status, const char *code)
{
	char		body[512];

	snprintf(body, sizeof(body),
			 "<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code>"
			 "<Message>No&#10;way.</Message></Error></ErrorResponse>", code);
	return answer_with(status, body);
}

/* What STS says to a request. */
static const char *
sts(const char *request)
{
	if (strstr(request, "RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fgood") == NULL)
		return refuse_by_sts(403, "AccessDenied");
	if (strstr(request, "Action=AssumeRoleWithWebIdentity&") != NULL)
		return strstr(request, "&WebIdentityToken=web%2Btoken") != NULL &&
			strstr(request, "Authorization") == NULL ?
			answer_xml("AssumeRoleWithWebIdentity") :
			refuse_by_sts(400, "InvalidIdentityToken");
	return strstr(request, "Credential=BASE/") != NULL &&
		strstr(request, "/here-1/sts/aws4_request") != NULL &&
		strstr(request, "&RoleSessionName=me&DurationSeconds=900&ExternalId=x%20y") != NULL ?
		answer_xml("AssumeRole") : refuse_by_sts(403, "SignatureDoesNotMatch");
}

static const char *
choose_answer(const char *request)
{
	if (cloud.busy > 0)
	{
		cloud.busy--;
		return answer_with(503, "");
	}
	if (strncmp(request, "POST / ", 7) == 0)
		return sts(request);
	if (strncmp(request, "GET /container?a=b ", 19) == 0)
		return strstr(request, "\r\nAuthorization: let me\r\n") != NULL ?
			answer_json("CONTAINER") : answer_with(403, "no");
	if (strncmp(request, "PUT /latest/api/token ", 22) == 0)
		return strstr(request, "X-aws-ec2-metadata-token-ttl-seconds: 21600\r\n") != NULL ?
			answer_with(200, "the token") : answer_with(400, "");
	if (strstr(request, "\r\nX-aws-ec2-metadata-token: the token\r\n") == NULL)
		return answer_with(401, "");
	if (strncmp(request, "GET /latest/meta-data/iam/security-credentials/ ", 48) == 0)
		return answer_with(200, "a role\nanother");
	if (strncmp(request, "GET /latest/meta-data/iam/security-credentials/a%20role ", 56) == 0)
		return answer_json("EC");
	return answer_with(404, "");
}

/* Requests come one at a time but for a moment; the answer is one for all. */
static const ScriptTurn *
serve_cloud(void *arg, int number, const char *request)
{
	(void) arg;
	(void) number;
	pthread_mutex_lock(&cloud.lock);
	cloud.turn.answer = choose_answer(request);
	pthread_mutex_unlock(&cloud.lock);
	return &cloud.turn;
}

static int
start_cloud(void **state)
{
	(void) state;
	memset(&cloud, 0, sizeof(cloud));
	pthread_mutex_init(&cloud.lock, NULL);
	cloud.life = 3600;
	cloud.server = script_start(serve_cloud, NULL);
	return 0;
}

static int
stop_cloud(void **state)
{
	(void) state;
	script_stop(cloud.server);
	pthread_mutex_destroy(&cloud.lock);
	return 0;
}

static void
come_from_web_identity(void **state)
{
	const char *origin = script_origin(cloud.server);
	char	   *folder = new_folder();
	const char *token = in_folder(folder, "token");
	const char *config = in_folder(folder, "config");
	BkCredentialSource *source;
	BkError		err;

	(void) state;
	write_text(token, "web+token\n");
	assert_int_equal(chmod(token, 0644), 0);
	VARIABLES("AWS_WEB_IDENTITY_TOKEN_FILE", token, "AWS_ENDPOINT_URL_STS", origin,
			  "AWS_ROLE_ARN", "arn:aws:iam::1:role/good");
	cloud.busy = 2;
	source = open_source(NULL, NULL);
	assert_string_equal(given_by(source), "WEB1/SECRET/TOKEN");
	assert_string_equal(given_by(source), "WEB1/SECRET/TOKEN");
	assert_int_equal(script_requests(cloud.server), 3);
	/* A session that goes on when the store says that it has expired. */
	expire(source);
	assert_string_equal(given_by(source), "WEB2/SECRET/TOKEN");
	bk_credentials_close(source);

	write_text(config, "web_identity_token_file = x\n");
	VARIABLES("AWS_CONFIG_FILE", config, "AWS_ENDPOINT_URL_STS", origin,
			  "AWS_ROLE_ARN", "ignored without a token");
	refused(NULL, NULL, &err);
	assert_reason(&err, BK_STATE_REFUSED, "no credentials");
	VARIABLES("AWS_WEB_IDENTITY_TOKEN_FILE", token, "AWS_ENDPOINT_URL_STS", origin,
			  "AWS_ROLE_ARN", "arn:aws:iam::1:role/bad");
	refused(NULL, NULL, &err);
	assert_reason(&err, BK_STATE_REFUSED, "AccessDenied: No?way.");
	VARIABLES("AWS_WEB_IDENTITY_TOKEN_FILE", token, "AWS_ROLE_ARN", "x",
			  "AWS_ENDPOINT_URL_STS", "http://169.254.169.254");
	refused(NULL, NULL, &err);
	assert_reason(&err, BK_STATE_BAD_ARGUMENT, "Link-local");
	VARIABLES("AWS_WEB_IDENTITY_TOKEN_FILE", in_folder(folder, "none"),
			  "AWS_ROLE_ARN", "x", "AWS_ENDPOINT_URL_STS", origin);
	refused(NULL, NULL, &err);
	assert_reason(&err, BK_STATE_MISSING_FILE, "none");
	remove_folder(folder);
}

static void
come_from_roles(void **state)
{
	const char *origin = script_origin(cloud.server);
	char	   *folder = new_folder();
	const char *config = in_folder(folder, "config");
	BkError		err;

	(void) state;
	write_text(config,
			   "[default]\nregion=here-1\nrole_arn=arn:aws:iam::1:role/good\nsource_profile=base\n"
			   "role_session_name=me\nduration_seconds=900\nexternal_id=x y\n"
			   "[profile base]\naws_access_key_id=BASE\naws_secret_access_key=SECRET\n"
			   "[profile env]\nregion=here-1\nrole_arn=arn:aws:iam::1:role/good\ncredential_source=Environment\n"
			   "role_session_name=me\nduration_seconds=900\nexternal_id=x y\n"
			   "[profile mfa]\nrole_arn=x\nsource_profile=base\nmfa_serial=y\n"
			   "[profile half]\nrole_arn=x\n"
			   "[profile void]\nrole_arn=x\nsource_profile=nobody\n"
			   "[profile one]\nrole_arn=x\nsource_profile=other\n"
			   "[profile other]\nrole_arn=x\nsource_profile=one\n");
	VARIABLES("AWS_CONFIG_FILE", config, "AWS_ENDPOINT_URL_STS", origin);
	assert_string_equal(given(NULL, NULL), "ROLE1/SECRET/TOKEN");
	VARIABLES("AWS_CONFIG_FILE", config, "AWS_ENDPOINT_URL_STS", origin,
			  "AWS_ACCESS_KEY_ID", "BASE", "AWS_SECRET_ACCESS_KEY", "x");
	assert_string_equal(given(NULL, "env"), "ROLE2/SECRET/TOKEN");
	refused(NULL, "mfa", &err);
	assert_reason(&err, BK_STATE_UNSUPPORTED, "second factor");
	refused(NULL, "half", &err);
	assert_reason(&err, BK_STATE_REFUSED, "without source_profile");
	refused(NULL, "void", &err);
	assert_reason(&err, BK_STATE_REFUSED, "\"nobody\"");
	refused(NULL, "one", &err);
	assert_reason(&err, BK_STATE_REFUSED, "in a circle");
	remove_folder(folder);
}

static void
come_from_containers(void **state)
{
	char	   *folder = new_folder();
	const char *token = in_folder(folder, "token");
	char		url[256];
	BkError		err;

	(void) state;
	snprintf(url, sizeof(url), "%s/container?a=b", script_origin(cloud.server));
	VARIABLES("AWS_CONTAINER_CREDENTIALS_FULL_URI", url,
			  "AWS_CONTAINER_AUTHORIZATION_TOKEN", "let me");
	assert_string_equal(given(NULL, NULL), "CONTAINER1/SECRET/TOKEN");
	write_text(token, "let me\n");
	VARIABLES("AWS_CONTAINER_CREDENTIALS_FULL_URI", url,
			  "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", token,
			  "AWS_CONTAINER_AUTHORIZATION_TOKEN", "wrong");
	assert_string_equal(given(NULL, NULL), "CONTAINER2/SECRET/TOKEN");
	VARIABLES("AWS_CONTAINER_CREDENTIALS_FULL_URI", url);
	refused(NULL, NULL, &err);
	assert_reason(&err, BK_STATE_REFUSED, "answered 403");
	VARIABLES("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://evil.example/x");
	refused(NULL, NULL, &err);
	assert_reason(&err, BK_STATE_BAD_ARGUMENT, "not a place for credentials");
	VARIABLES("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.170.23.evil.example/x");
	refused(NULL, NULL, &err);
	assert_reason(&err, BK_STATE_BAD_ARGUMENT, "not a place for credentials");
	remove_folder(folder);
}

static void
come_from_ec2(void **state)
{
	BkError		err;

	(void) state;
	set_variables((const char *const []) {
		"AWS_EC2_METADATA_SERVICE_ENDPOINT", script_origin(cloud.server), NULL});
	assert_string_equal(given(NULL, NULL), "EC1/SECRET/TOKEN");
	set_variables((const char *const []) {
		"AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1/", NULL});
	refused(NULL, NULL, &err);
	assert_reason(&err, BK_STATE_REFUSED, "EC2 (no metadata service)");
}

static void
are_renewed_in_time(void **state)
{
	char	   *folder = new_folder();
	const char *token = in_folder(folder, "token");
	BkCredentialSource *source;
	BkCredentials credentials;
	BkError		err;

	(void) state;
	write_text(token, "web+token");
	VARIABLES("AWS_WEB_IDENTITY_TOKEN_FILE", token,
			  "AWS_ENDPOINT_URL_STS", script_origin(cloud.server),
			  "AWS_ROLE_ARN", "arn:aws:iam::1:role/good");
	/* A minute's token is used, though it has less than five left. */
	cloud.life = 60;
	source = open_source(NULL, NULL);
	assert_string_equal(given_by(source), "WEB1/SECRET/TOKEN");
	assert_string_equal(given_by(source), "WEB1/SECRET/TOKEN");
	cloud.life = 1;
	expire(source);
	assert_string_equal(given_by(source), "WEB2/SECRET/TOKEN");
	sleep(2);
	assert_string_equal(given_by(source), "WEB3/SECRET/TOKEN");
	/* Where nobody renews them, the old ones go as long as they are good. */
	cloud.life = 60;
	sleep(2);
	assert_string_equal(given_by(source), "WEB4/SECRET/TOKEN");
	write_text(token, "wrong");
	assert_string_equal(given_by(source), "WEB4/SECRET/TOKEN");
	expire(source);
	assert_false(bk_credentials_get(source, &credentials, &err));
	assert_reason(&err, BK_STATE_REFUSED, "InvalidIdentityToken");
	bk_credentials_close(source);
	remove_folder(folder);
}

static void *
get_in_thread(void *arg)
{
	BkCredentials *credentials = calloc(1, sizeof(*credentials));
	BkError		err;

	if (credentials != NULL && !bk_credentials_get(arg, credentials, &err))
		credentials->id[0] = '\0';
	return credentials;
}

/* Many threads that need others ask once. */
static void
are_shared(void **state)
{
	char	   *folder = new_folder();
	const char *token = in_folder(folder, "token");
	BkCredentialSource *source;
	pthread_t	threads[THREADS];

	(void) state;
	write_text(token, "web+token");
	VARIABLES("AWS_WEB_IDENTITY_TOKEN_FILE", token,
			  "AWS_ENDPOINT_URL_STS", script_origin(cloud.server),
			  "AWS_ROLE_ARN", "arn:aws:iam::1:role/good");
	source = open_source(NULL, NULL);
	for (int round = 1; round <= 3; round++)
	{
		char		id[16];

		snprintf(id, sizeof(id), "WEB%d", round);
		for (int i = 0; i < THREADS; i++)
			assert_int_equal(pthread_create(&threads[i], NULL, get_in_thread, source), 0);
		for (int i = 0; i < THREADS; i++)
		{
			void	   *credentials;

			assert_int_equal(pthread_join(threads[i], &credentials), 0);
			assert_non_null(credentials);
			assert_string_equal(((BkCredentials *) credentials)->id, id);
			free(credentials);
		}
		expire(source);
	}
	assert_int_equal(script_requests(cloud.server), 3);
	bk_credentials_close(source);
	remove_folder(folder);
}

#define cloud_test(f) cmocka_unit_test_setup_teardown(f, start_cloud, stop_cloud)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cloud_test(come_from_web_identity),
		cloud_test(come_from_roles),
		cloud_test(come_from_containers),
		cloud_test(come_from_ec2),
		cloud_test(are_renewed_in_time),
		cloud_test(are_shared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
