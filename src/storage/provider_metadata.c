/*
 * provider_metadata.c
 *	  Credentials from the machine that we run on: the agent of a container
 *	  (ECS, EKS), the metadata service of EC2.
 */
#include "storage/provider.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/secret.h"
#include "storage/origin.h"
#include "storage/url.h"

#define ANSWER_MAX		(64 * 1024)
#define CONTAINER		"http://169.254.170.2"
#define INSTANCE		"http://169.254.169.254"
#define ROLES			"/latest/meta-data/iam/security-credentials/"

/* One question. */
typedef struct Question
{
	const char *method;
	const char *origin;
	const char *path;
	const char *header;			/* a name and its value; NULL: none */
	const char *value;
} Question;

static BkProvided ask_container(BkProviderSearch *search, const char *origin,
								const char *path, BkCredentials *credentials,
								BkError *err);
static bool check_container(const char *url, BkError *err);
static bool find_token(const BkProviderSearch *search, BkSecretFile *file,
					   const char **token, BkError *err);
static char *make_origin(const BkProviderSearch *search, BkError *err);
static BkProvided find_role(BkProviderSearch *search, BkHttp *http,
							Question *question, char **role, BkError *err);
static BkProvided ask_instance(BkProviderSearch *search, BkHttp *http,
							   Question *question, BkCredentials *credentials,
							   BkError *err);
static BkHttp *open_http(const BkProviderSearch *search, int connect_ms,
						 int attempts, BkError *err);
static bool ask(BkHttp *http, const Question *question,
				BkHttpResponse *response, BkError *err);
static BkHttpVerdict judge(void *arg, const BkHttpResponse *response,
						   BkError *err);
static void free_answer(BkHttpResponse *response);

BkProvided
bk_provider_container(BkProviderSearch *search, BkCredentials *credentials,
					  BkError *err)
{
	const char *relative = bk_provider_variable(search, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
	const char *full = bk_provider_variable(search, "AWS_CONTAINER_CREDENTIALS_FULL_URI");
	const char *path;
	char	   *origin;
	BkProvided	provided;

	if (relative != NULL && relative[0] == '/')
		return ask_container(search, CONTAINER, relative, credentials, err);
	if (full == NULL)
	{
		bk_buf_append_string(&search->looked, ", AWS_CONTAINER_CREDENTIALS_*_URI");
		return BK_PROVIDED_NONE;
	}
	if (!check_container(full, err))
		return BK_PROVIDED_FAILED;
	path = strstr(full, "://") + 3;
	path += strcspn(path, "/");
	origin = strndup(full, (size_t) (path - full));
	if (origin == NULL)
	{
		bk_error_memory(err);
		return BK_PROVIDED_FAILED;
	}
	provided = ask_container(search, origin, *path != '\0' ? path : "/",
							 credentials, err);
	free(origin);
	return provided;
}

BkProvided
bk_provider_instance(BkProviderSearch *search, BkCredentials *credentials,
					 BkError *err)
{
	const char *disabled = bk_provider_variable(search, "AWS_EC2_METADATA_DISABLED");
	Question	question = {.header = NULL};
	BkHttp	   *http;
	char	   *origin;
	BkProvided	provided = BK_PROVIDED_FAILED;

	if (disabled != NULL && strcasecmp(disabled, "true") == 0)
	{
		bk_buf_append_string(&search->looked, ", EC2 (disabled by AWS_EC2_METADATA_DISABLED)");
		return BK_PROVIDED_NONE;
	}
	origin = make_origin(search, err);
	question.origin = origin;
	http = origin != NULL ? open_http(search, 1000, 2, err) : NULL;
	if (http != NULL)
		provided = ask_instance(search, http, &question, credentials, err);
	bk_http_close(http);
	free(origin);
	return provided;
}

static BkProvided
ask_container(BkProviderSearch *search, const char *origin, const char *path,
			  BkCredentials *credentials, BkError *err)
{
	Question	question = {.method = "GET", .origin = origin, .path = path};
	BkHttpResponse response;
	BkSecretFile file = {.text = NULL};
	BkHttp	   *http = NULL;
	bool		done;

	done = find_token(search, &file, &question.value, err);
	question.header = question.value != NULL ? "Authorization" : NULL;
	if (done)
		http = open_http(search, 2000, 3, err);
	done = http != NULL;
	if (done)
	{
		done = ask(http, &question, &response, err);
		if (done && response.status != 200)
			done = bk_error(err, BK_STATE_REFUSED,
							"\"%s\" answered %d when asked for credentials",
							origin, response.status);
		done = done &&
			bk_provider_json(response.body.data, response.body.len, "Token",
							 "the container's credential service", credentials,
							 err);
		free_answer(&response);
	}
	bk_http_close(http);
	bk_secret_free(&file);
	return done ? BK_PROVIDED : BK_PROVIDED_FAILED;
}

/*
 * Over plain http only this machine and the addresses of ECS and EKS may be
 * asked (AWS SDKs and Tools Reference Guide, "Container credential provider").
 */
static bool
check_container(const char *url, BkError *err)
{
	static const char *const known[] = {
		CONTAINER, "http://169.254.170.23", "http://[fd00:ec2::23]",
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
	{
		size_t		len = strlen(known[i]);

		if (strncmp(url, known[i], len) == 0 && strchr(":/", url[len]) != NULL)
			return true;
	}
	if (strncasecmp(url, "https://", 8) == 0 || bk_origin_is_loopback(url))
		return true;
	bk_error(err, BK_STATE_BAD_ARGUMENT,
			 "AWS_CONTAINER_CREDENTIALS_FULL_URI is not a place for credentials");
	return bk_error_hint(err, "Use https, this machine, or the addresses of ECS and EKS.");
}

/* The platform decides who may read the file, and renews it. */
static bool
find_token(const BkProviderSearch *search, BkSecretFile *file,
		   const char **token, BkError *err)
{
	const char *path = bk_provider_variable(search, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");

	*token = bk_provider_variable(search, "AWS_CONTAINER_AUTHORIZATION_TOKEN");
	if (path == NULL)
		return true;
	if (!bk_secret_load(path, file, err))
		return false;
	file->text[strcspn(file->text, "\r\n")] = '\0';
	*token = file->text;
	return true;
}

static char *
make_origin(const BkProviderSearch *search, BkError *err)
{
	const char *given = bk_provider_variable(search, "AWS_EC2_METADATA_SERVICE_ENDPOINT");
	char	   *origin = strdup(given != NULL ? given : INSTANCE);
	size_t		len = origin != NULL ? strlen(origin) : 0;

	if (origin == NULL)
		bk_error_memory(err);
	if (len > 0 && origin[len - 1] == '/')
		origin[len - 1] = '\0';
	return origin;
}

/*
 * A token first, which proves that nobody's request was only passed on to us;
 * with it the name of the role. Where there is no such service or no role we
 * are not on EC2, or not meant.
 */
static BkProvided
find_role(BkProviderSearch *search, BkHttp *http, Question *question,
		  char **role, BkError *err)
{
	BkHttpResponse response;
	bool		answered;

	*role = NULL;
	question->method = "GET";
	question->path = ROLES;
	answered = ask(http, question, &response, err);
	if (answered && response.status == 200)
	{
		*role = strndup(response.body.data,
						strcspn(response.body.data, "\r\n"));
		if (*role == NULL)
			answered = bk_error_memory(err);
	}
	else if (answered && response.status != 404)
		answered = bk_error(err, BK_STATE_REFUSED,
							"EC2's metadata service answered %d when asked for a role",
							response.status);
	free_answer(&response);
	if (!answered)
		return BK_PROVIDED_FAILED;
	if (*role != NULL && **role != '\0')
		return BK_PROVIDED;
	bk_buf_append_string(&search->looked, ", EC2 (the instance has no role)");
	return BK_PROVIDED_NONE;
}

static BkProvided
ask_instance(BkProviderSearch *search, BkHttp *http, Question *question,
			 BkCredentials *credentials, BkError *err)
{
	BkHttpResponse response;
	BkSecretFile token = {.text = NULL};
	BkBuf		path;
	char	   *role = NULL;
	bool		answered;
	BkProvided	provided;

	question->method = "PUT";
	question->path = "/latest/api/token";
	question->header = "X-aws-ec2-metadata-token-ttl-seconds";
	question->value = "21600";
	answered = ask(http, question, &response, err);
	if (answered && response.status == 200)
	{
		token.text = strndup(response.body.data, response.body.len);
		token.len = token.text != NULL ? strlen(token.text) : 0;
	}
	free_answer(&response);
	if (token.text == NULL)
	{
		if (!answered && bk_error_is(err, BK_STATE_CANCELED))
			return BK_PROVIDED_FAILED;
		bk_buf_append_string(&search->looked, ", EC2 (no metadata service)");
		return BK_PROVIDED_NONE;
	}
	question->header = "X-aws-ec2-metadata-token";
	question->value = token.text;
	provided = find_role(search, http, question, &role, err);
	bk_buf_init(&path);
	if (provided == BK_PROVIDED)
	{
		bk_buf_append_string(&path, ROLES);
		bk_url_encode(&path, role, strlen(role), false);
		question->path = path.data;
		if (!bk_buf_check(&path, err) || !ask(http, question, &response, err) ||
			!bk_provider_json(response.body.data, response.body.len, "Token",
							  "EC2's metadata service", credentials, err))
			provided = BK_PROVIDED_FAILED;
		free_answer(&response);
	}
	bk_buf_free(&path);
	bk_secret_free(&token);
	free(role);
	return provided;
}

/* Near, or not there: no long waits. A proxy would be somebody else. */
static BkHttp *
open_http(const BkProviderSearch *search, int connect_ms, int attempts,
		  BkError *err)
{
	return bk_http_open(&(BkHttpPolicy) {
		.host = search->spec->host,
		.connect_ms = connect_ms,
		.stall_ms = 5000,
		.deadline_ms = 15000,
		.attempts = attempts,
		.link_local = true,
	}, err);
}

/* The response is to be freed in any case. */
static bool
ask(BkHttp *http, const Question *question, BkHttpResponse *response,
	BkError *err)
{
	BkHttpCall	call = {.judge = judge, .body_max = ANSWER_MAX};
	BkHttpRequest request;
	bool		done;

	bk_http_request_init(&request, question->method, question->origin,
						 question->path);
	if (question->header != NULL)
		bk_http_header(&request, question->header, "%s", question->value);
	done = bk_http_call(http, &request, &call, response, err);
	bk_http_request_free(&request);
	return done;
}

/* What an answer means is for who asked; only trouble is tried again. */
static BkHttpVerdict
judge(void *arg, const BkHttpResponse *response, BkError *err)
{
	(void) arg;
	if (response->status < 500 && response->status != 429)
		return BK_HTTP_DONE;
	bk_error(err, BK_STATE_UNREACHABLE,
			 "credential service of this machine answered %d", response->status);
	return BK_HTTP_AGAIN;
}

static void
free_answer(BkHttpResponse *response)
{
	if (response->body.len > 0)
		explicit_bzero(response->body.data, response->body.len);
	bk_http_response_free(response);
}
