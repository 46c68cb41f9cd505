/*
 * provider_sts.c
 *	  Credentials of a role from the Security Token Service (AWS STS API
 *	  Reference, AssumeRole and AssumeRoleWithWebIdentity).
 */
#include "storage/provider.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/secret.h"
#include "storage/origin.h"
#include "storage/sign.h"
#include "storage/url.h"
#include "storage/xml.h"

#define DEADLINE_MS		60000
#define ATTEMPTS		5
#define ANSWER_MAX		(256 * 1024)

/* A question and its answer. */
typedef struct Asking
{
	const char *origin;
	const char *action;
	const BkCredentials *base;	/* NULL: not signed */
	BkSignScope scope;
	BkCredentials *credentials;
	bool		dated;			/* the time of expiry was read */
	char		code[128];		/* of an error */
	char		message[512];
} Asking;

static char *make_origin(const BkProviderSearch *search, BkError *err);
static bool make_body(const BkProviderRole *role, bool signs, BkBuf *body,
					  BkError *err);
static bool append_token(const char *path, BkBuf *body, BkError *err);
static void append_field(BkBuf *body, const char *name, const char *value,
						 size_t len);
static bool ask(const BkProviderSearch *search, Asking *asking,
				const BkBuf *body, BkError *err);
static bool prepare(void *arg, BkHttpRequest *request, BkError *err);
static BkHttpVerdict judge(void *arg, const BkHttpResponse *response,
						   BkError *err);
static bool take_answer(Asking *asking, const BkHttpResponse *response,
						BkError *err);
static bool visit_answer(void *arg, const char *path, const char *text,
						 BkError *err);
static bool visit_error(void *arg, const char *path, const char *text,
						BkError *err);
static void copy_printable(char *place, size_t size, const char *text);

bool
bk_provider_role(BkProviderSearch *search, const BkProviderRole *role,
				 const BkCredentials *base, BkCredentials *credentials,
				 BkError *err)
{
	Asking		asking = {
		.action = base != NULL ? "AssumeRole" : "AssumeRoleWithWebIdentity",
		.base = base,
		.scope = {
			.region = search->region[0] != '\0' ? search->region : "us-east-1",
			.service = "sts",
		},
		.credentials = credentials,
	};
	char	   *origin = make_origin(search, err);
	BkBuf		body;
	bool		done;

	asking.origin = origin;
	bk_buf_init(&body);
	done = origin != NULL && make_body(role, base != NULL, &body, err) &&
		ask(search, &asking, &body, err);
	if (body.len > 0)
		explicit_bzero(body.data, body.len);
	bk_buf_free(&body);
	free(origin);
	return done;
}

/* Where STS is: of the region, since the global one is far away from most. */
static char *
make_origin(const BkProviderSearch *search, BkError *err)
{
	const char *given = bk_provider_variable(search, "AWS_ENDPOINT_URL_STS");
	const char *region = search->region;
	BkBuf		origin;

	bk_buf_init(&origin);
	if (given != NULL)
	{
		size_t		len = strlen(given);

		if (!bk_origin_check(given, false, err))
			return NULL;
		bk_buf_append(&origin, given, given[len - 1] == '/' ? len - 1 : len);
	}
	else if (region[0] == '\0')
		bk_buf_append_string(&origin, "https://sts.amazonaws.com");
	else
		bk_buf_printf(&origin, "https://sts.%s.amazonaws.com%s", region,
					  strncmp(region, "cn-", 3) == 0 ? ".cn" : "");
	return bk_buf_take(&origin, err);
}

static bool
make_body(const BkProviderRole *role, bool signs, BkBuf *body, BkError *err)
{
	const char *session = role->session != NULL ? role->session : "backup_ext";

	/* Enough for all there is: growing would leave copies of the token. */
	bk_buf_reserve(body, 64 * 1024);
	bk_buf_printf(body, "Action=%s&Version=2011-06-15",
				  signs ? "AssumeRole" : "AssumeRoleWithWebIdentity");
	append_field(body, "RoleArn", role->arn, strlen(role->arn));
	append_field(body, "RoleSessionName", session, strlen(session));
	if (role->duration != NULL)
		append_field(body, "DurationSeconds", role->duration,
					 strlen(role->duration));
	if (role->external_id != NULL)
		append_field(body, "ExternalId", role->external_id,
					 strlen(role->external_id));
	return (signs || append_token(role->token_file, body, err)) &&
		bk_buf_check(body, err);
}

/* Kubernetes decides who may read such a file, and renews it. */
static bool
append_token(const char *path, BkBuf *body, BkError *err)
{
	BkSecretFile file;
	bool		done = bk_secret_load(path, &file, err);
	size_t		len = done ? strcspn(file.text, "\r\n") : 0;

	if (done && len == 0)
		done = bk_error(err, BK_STATE_REFUSED, "file \"%s\" has no token",
						path);
	if (done)
		append_field(body, "WebIdentityToken", file.text, len);
	bk_secret_free(&file);
	return done;
}

static void
append_field(BkBuf *body, const char *name, const char *value, size_t len)
{
	bk_buf_printf(body, "&%s=", name);
	bk_url_encode(body, value, len, false);
}

static bool
ask(const BkProviderSearch *search, Asking *asking, const BkBuf *body,
	BkError *err)
{
	const BkCredentialSpec *spec = search->spec;
	bool		custom = bk_provider_variable(search, "AWS_ENDPOINT_URL_STS") != NULL;
	BkHttpPolicy policy = {
		.host = spec->host,
		/* Our own authority's file knows a store of our own only. */
		.ca_file = custom ? spec->ca_file : NULL,
		.proxy = spec->proxy,
		.deadline_ms = DEADLINE_MS,
		.attempts = ATTEMPTS,
	};
	BkHttpCall	call = {
		.prepare = prepare,
		.judge = judge,
		.arg = asking,
		.body_max = ANSWER_MAX,
	};
	BkHttp	   *http = bk_http_open(&policy, err);
	BkHttpRequest request;
	BkHttpResponse response;
	bool		done;

	if (http == NULL)
		return false;
	bk_http_request_init(&request, "POST", asking->origin, "/");
	bk_http_header(&request, "Content-Type", "application/x-www-form-urlencoded; charset=utf-8");
	request.body = body->data;
	request.body_len = body->len;
	done = bk_http_call(http, &request, &call, &response, err) &&
		take_answer(asking, &response, err);
	if (response.body.len > 0)
		explicit_bzero(response.body.data, response.body.len);
	bk_http_response_free(&response);
	bk_http_request_free(&request);
	bk_http_close(http);
	return done;
}

static bool
prepare(void *arg, BkHttpRequest *request, BkError *err)
{
	Asking	   *asking = arg;

	asking->scope.time = bk_clock_now();
	return asking->base == NULL ||
		bk_sign_v4(request, asking->base, &asking->scope, err);
}

static BkHttpVerdict
judge(void *arg, const BkHttpResponse *response, BkError *err)
{
	Asking	   *asking = arg;
	BkError		ignored;

	if (response->status == 200)
		return BK_HTTP_DONE;
	asking->code[0] = '\0';
	asking->message[0] = '\0';
	bk_xml_parse(response->body.data, response->body.len, "ErrorResponse",
				 visit_error, asking, &ignored);
	bk_error(err, BK_STATE_REFUSED, "%s was refused by \"%s\"", asking->action,
			 asking->origin);
	bk_error_detail(err, "Status %d, %s: %s", response->status,
					asking->code[0] != '\0' ? asking->code : "no code",
					asking->message[0] != '\0' ? asking->message : "no message.");
	if (response->status >= 500 || response->status == 429 ||
		strcmp(asking->code, "IDPCommunicationError") == 0 ||
		strncmp(asking->code, "Throttl", 7) == 0)
		return BK_HTTP_AGAIN;
	return BK_HTTP_FAILED;
}

static bool
take_answer(Asking *asking, const BkHttpResponse *response, BkError *err)
{
	const char *root = asking->base != NULL ? "AssumeRoleResponse" :
		"AssumeRoleWithWebIdentityResponse";
	BkCredentials *credentials = asking->credentials;

	*credentials = (BkCredentials) {0};
	if (!bk_xml_parse(response->body.data, response->body.len, root,
					  visit_answer, asking, err))
		return false;
	if (credentials->id[0] != '\0' && credentials->secret[0] != '\0' &&
		credentials->token[0] != '\0' && asking->dated)
		return true;
	return bk_error(err, BK_STATE_REFUSED, "\"%s\" gives no credentials",
					asking->origin);
}

static bool
visit_answer(void *arg, const char *path, const char *text, BkError *err)
{
	Asking	   *asking = arg;
	BkCredentials *credentials = asking->credentials;
	const char *field = strstr(path, "/Credentials/");

	if (field == NULL)
		return true;
	field += strlen("/Credentials/");
	if (strcmp(field, "AccessKeyId") == 0)
		return bk_provider_set(credentials->id, sizeof(credentials->id), text,
							   "access key id", err);
	if (strcmp(field, "SecretAccessKey") == 0)
		return bk_provider_set(credentials->secret, sizeof(credentials->secret),
							   text, "secret access key", err);
	if (strcmp(field, "SessionToken") == 0)
		return bk_provider_set(credentials->token, sizeof(credentials->token),
							   text, "session token", err);
	if (strcmp(field, "Expiration") == 0)
		asking->dated = bk_provider_time(text, &credentials->expires);
	return true;
}

static bool
visit_error(void *arg, const char *path, const char *text, BkError *err)
{
	Asking	   *asking = arg;

	(void) err;
	if (strcmp(path, "/ErrorResponse/Error/Code") == 0)
		copy_printable(asking->code, sizeof(asking->code), text);
	else if (strcmp(path, "/ErrorResponse/Error/Message") == 0)
		copy_printable(asking->message, sizeof(asking->message), text);
	return true;
}

static void
copy_printable(char *place, size_t size, const char *text)
{
	snprintf(place, size, "%s", text);
	for (char *c = place; *c != '\0'; c++)
	{
		if (iscntrl((unsigned char) *c))
			*c = '?';
	}
}
