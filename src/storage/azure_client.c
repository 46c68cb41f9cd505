/*
 * azure_client.c
 *	  Requests to Azure Blob Storage: signed, judged, tried again.
 *
 * An answer that lacks the header x-ms-request-id is none of the store's,
 * whatever its status. A code that is not in the table is judged by its
 * status (Azure Storage REST, "Blob Storage error codes").
 */
#include "storage/azure_client.h"

#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "storage/words.h"
#include "storage/xml.h"

#define ODD_ANSWERS_MAX		4

struct BkAzureClient
{
	BkAzure    *azure;
	BkHttp	   *http;
	BkHost		host;			/* asks ours, and "cancel" */
	const atomic_bool *cancel;
};

typedef struct Rule
{
	const char *code;
	BkHttpVerdict verdict;
	const char *state;
	const char *hint;
} Rule;

/* What is remembered through the attempts of one call. */
typedef struct Attempts
{
	BkAzureClient *client;
	BkAzureRequest *request;
	int			odd;			/* answers that made no sense */
} Attempts;

#define HINT_KEYS	"Check account and key, or whether the signature has expired, and the clock of this machine."
#define HINT_RIGHT	"Let these credentials read, write, list and delete the blobs of the container."

static const Rule rules[] = {
	{"Md5Mismatch", BK_HTTP_AGAIN, BK_STATE_CORRUPT, NULL},
	{"Crc64Mismatch", BK_HTTP_AGAIN, BK_STATE_CORRUPT, NULL},
	{"AuthenticationFailed", BK_HTTP_FAILED, BK_STATE_REFUSED, HINT_KEYS},
	{"InvalidAuthenticationInfo", BK_HTTP_FAILED, BK_STATE_REFUSED, HINT_KEYS},
	{"NoAuthenticationInformation", BK_HTTP_FAILED, BK_STATE_REFUSED, HINT_KEYS},
	{"AccountIsDisabled", BK_HTTP_FAILED, BK_STATE_NO_RIGHT, NULL},
	{"ContainerNotFound", BK_HTTP_FAILED, BK_STATE_WRONG_STATE, "Create the container with the tools of the store, or correct the URL."},
	{"BlobNotFound", BK_HTTP_FAILED, BK_STATE_MISSING_FILE, NULL},
	{"BlobAlreadyExists", BK_HTTP_FAILED, BK_STATE_DUP_OBJECT, NULL},
	{"BlobImmutableDueToPolicy", BK_HTTP_FAILED, BK_STATE_NO_RIGHT, "A policy of the container keeps it."},
	{"BlobArchived", BK_HTTP_FAILED, BK_STATE_WRONG_STATE, "Bring it back from the archive tier, and try again."},
	{"ConditionNotMet", BK_HTTP_FAILED, BK_STATE_CORRUPT, NULL},
	{"SnapshotsPresent", BK_HTTP_FAILED, BK_STATE_NO_RIGHT, "Remove its snapshots first."},
};

static BkAzureClient *client_open(BkAzure *azure, BkError *err);
static void client_close(BkAzureClient *client);
static bool client_stop(void *ctx);
static bool prepare(void *arg, BkHttpRequest *request, BkError *err);
static BkHttpVerdict judge(void *arg, const BkHttpResponse *response,
						   BkError *err);
static void read_fault(const BkHttpResponse *response, BkAzureFault *fault);
static bool note_error(void *arg, const char *path, const char *text,
					   BkError *err);
static const Rule *find_rule(const BkAzureFault *fault);
static void fault_error(const BkAzure *azure, const BkAzureRequest *request,
						const Rule *rule, BkError *err);

BkAzureClient *
bk_azure_take(BkAzure *azure, const atomic_bool *cancel, BkError *err)
{
	BkAzureClient *client = NULL;

	pthread_mutex_lock(&azure->lock);
	if (azure->idle_count > 0)
		client = azure->idle[--azure->idle_count];
	pthread_mutex_unlock(&azure->lock);
	if (client == NULL)
		client = client_open(azure, err);
	if (client != NULL)
		client->cancel = cancel;
	return client;
}

void
bk_azure_give(BkAzureClient *client)
{
	BkAzure    *azure = client->azure;
	bool		kept;

	client->cancel = NULL;
	pthread_mutex_lock(&azure->lock);
	kept = azure->idle_count < BK_AZURE_IDLE_MAX;
	if (kept)
		azure->idle[azure->idle_count++] = client;
	pthread_mutex_unlock(&azure->lock);
	if (!kept)
		client_close(client);
}

void
bk_azure_close_idle(BkAzure *azure)
{
	while (azure->idle_count > 0)
		client_close(azure->idle[--azure->idle_count]);
}

void
bk_azure_request_init(BkAzureRequest *request, const BkAzure *azure,
					  const char *method, const char *verb, const char *key)
{
	BkBuf		path;

	memset(request, 0, sizeof(*request));
	request->verb = verb;
	request->key = key;
	bk_buf_init(&path);
	bk_buf_append_string(&path, azure->path);
	if (key != NULL)
	{
		bk_url_encode(&path, azure->prefix, strlen(azure->prefix), true);
		bk_url_encode(&path, key, strlen(key), true);
	}
	else if (path.len > 0)
		bk_buf_truncate(&path, path.len - 1);
	bk_http_request_init(&request->http, method, azure->origin, path.data);
	if (path.failed)
		request->http.failed = true;
	bk_buf_free(&path);
}

void
bk_azure_request_free(BkAzureRequest *request)
{
	bk_http_request_free(&request->http);
	bk_http_response_free(&request->response);
}

bool
bk_azure_call(BkAzureClient *client, BkAzureRequest *request, BkError *err)
{
	Attempts	attempts = {.client = client, .request = request};
	BkHttpCall	call = {
		.prepare = prepare,
		.judge = judge,
		.arg = &attempts,
		.body_max = request->body_max,
	};

	bk_http_response_free(&request->response);
	request->fault = (BkAzureFault) {0};
	return bk_http_call(client->http, &request->http, &call,
						&request->response, err);
}

bool
bk_azure_refused(const BkAzureRequest *request, const char *code)
{
	return strcmp(request->fault.code, code) == 0;
}

const char *
bk_azure_place(const BkAzure *azure)
{
	return azure->url.place;
}

static BkAzureClient *
client_open(BkAzure *azure, BkError *err)
{
	BkAzureClient *client = calloc(1, sizeof(*client));
	BkHttpPolicy policy = {
		.ca_file = bk_url_option(&azure->url, "ca_file", NULL),
		.proxy = bk_url_option(&azure->url, "proxy", NULL),
	};

	if (client == NULL)
	{
		bk_error_memory(err);
		return NULL;
	}
	if (azure->brief)
		bk_http_brief(&policy);
	client->azure = azure;
	client->host.ctx = client;
	client->host.stop = client_stop;
	policy.host = &client->host;
	client->http = bk_http_open(&policy, err);
	if (client->http != NULL)
		return client;
	free(client);
	return NULL;
}

static void
client_close(BkAzureClient *client)
{
	bk_http_close(client->http);
	free(client);
}

static bool
client_stop(void *ctx)
{
	const BkAzureClient *client = ctx;
	const BkHost *host = client->azure->host;

	return (client->cancel != NULL && atomic_load(client->cancel)) ||
		(host != NULL && host->stop(host->ctx));
}

static bool
prepare(void *arg, BkHttpRequest *request, BkError *err)
{
	Attempts   *attempts = arg;

	return bk_azure_sign(attempts->client->azure->keys, request, bk_clock_now(), err);
}

static BkHttpVerdict
judge(void *arg, const BkHttpResponse *response, BkError *err)
{
	Attempts   *attempts = arg;
	BkAzureRequest *request = attempts->request;
	bool		is_answer = bk_http_find(response, "x-ms-request-id") != NULL;
	const Rule *rule;

	read_fault(response, &request->fault);
	if (response->status / 100 == 2 && is_answer)
	{
		if (request->accept == NULL || request->accept(request->arg, response, err))
			return BK_HTTP_DONE;
		attempts->odd++;
		return attempts->odd < ODD_ANSWERS_MAX ? BK_HTTP_AGAIN : BK_HTTP_FAILED;
	}
	rule = find_rule(&request->fault);
	fault_error(attempts->client->azure, request, rule, err);
	if (response->status / 100 == 2)
		return ++attempts->odd < ODD_ANSWERS_MAX ? BK_HTTP_AGAIN : BK_HTTP_FAILED;
	return rule->verdict;
}

/* The answer to a HEAD has the code in a header alone. */
static void
read_fault(const BkHttpResponse *response, BkAzureFault *fault)
{
	const char *code = bk_http_find(response, "x-ms-error-code");
	const char *id = bk_http_find(response, "x-ms-request-id");
	BkError		ignored;

	*fault = (BkAzureFault) {.status = response->status};
	if (response->status / 100 != 2 && response->body.len > 0 &&
		!bk_xml_parse(response->body.data, response->body.len, "Error",
					  note_error, fault, &ignored))
		*fault = (BkAzureFault) {.status = response->status};
	if (code != NULL)
		bk_words_copy(fault->code, sizeof(fault->code), code);
	if (id != NULL)
		bk_words_copy(fault->request_id, sizeof(fault->request_id), id);
	else
		fault->code[0] = '\0';
}

static bool
note_error(void *arg, const char *path, const char *text, BkError *err)
{
	BkAzureFault *fault = arg;

	(void) err;
	if (strcmp(path, "/Error/Code") == 0)
		bk_words_copy(fault->code, sizeof(fault->code), text);
	else if (strcmp(path, "/Error/Message") == 0)
		bk_words_copy(fault->message, sizeof(fault->message), text);
	return true;
}

static const Rule *
find_rule(const BkAzureFault *fault)
{
	static const Rule again = {"", BK_HTTP_AGAIN, BK_STATE_IO, NULL};
	static const Rule right = {"", BK_HTTP_FAILED, BK_STATE_NO_RIGHT, HINT_RIGHT};
	static const Rule other = {"", BK_HTTP_FAILED, BK_STATE_IO, NULL};

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
	{
		if (strcmp(rules[i].code, fault->code) == 0)
			return &rules[i];
	}
	if (fault->status == 401 || fault->status == 403)
		return &right;
	if (fault->status == 408 || fault->status == 429 ||
		(fault->status >= 500 && fault->status != 501))
		return &again;
	return &other;
}

/* The message may quote what was signed, but no secret. Its first line does. */
static void
fault_error(const BkAzure *azure, const BkAzureRequest *request,
			const Rule *rule, BkError *err)
{
	const BkAzureFault *fault = &request->fault;
	const char *place = azure->url.place;

	if (request->key != NULL && strcmp(fault->code, "BlobNotFound") == 0)
		bk_error(err, rule->state, "object \"%s\" does not exist in \"%s\"",
				 request->key, place);
	else if (request->key != NULL)
		bk_error(err, rule->state, "could not %s object \"%s\" in \"%s\"",
				 request->verb, request->key, place);
	else
		bk_error(err, rule->state, "could not %s \"%s\"", request->verb, place);
	if (fault->code[0] == '\0')
		bk_error_detail(err, "The answer, with HTTP status %d, is not that of Azure Blob Storage.",
						fault->status);
	else
		bk_error_detail(err, "The store says %s (HTTP status %d): \"%.*s\", request %s.",
						fault->code, fault->status,
						(int) strcspn(fault->message, "?\n"), fault->message,
						fault->request_id);
	if (rule->hint != NULL)
		bk_error_hint(err, "%s", rule->hint);
}
