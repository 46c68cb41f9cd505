/*
 * s3_client.c
 *	  Requests to an S3 store: signed, judged, tried again.
 *
 * An answer with status 200 that is not what was asked for is a failure, most
 * likely of something in between, and is tried again a few times only.
 */
#include "storage/s3_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/clock.h"
#include "storage/sign.h"
#include "storage/url.h"

#define ODD_ANSWERS_MAX		4

struct BkS3Client
{
	BkS3	   *s3;
	BkHttp	   *http;
	BkHost		host;			/* asks ours, and "cancel" */
	const atomic_bool *cancel;
};

/* What is remembered through the attempts of one call. */
typedef struct Attempts
{
	BkS3Client *client;
	BkS3Request *request;
	BkCredentials credentials;	/* of the last one */
	int			odd;			/* answers that made no sense */
	bool		renewed;
	bool		clock_set;
} Attempts;

static BkS3Client *client_open(BkS3 *s3, const BkHttpPolicy *policy,
							   BkError *err);
static void client_close(BkS3Client *client);
static bool client_stop(void *ctx);
static bool prepare(void *arg, BkHttpRequest *request, BkError *err);
static BkHttpVerdict judge(void *arg, const BkHttpResponse *response,
						   BkError *err);
static BkHttpVerdict judge_fault(Attempts *attempts, BkError *err);
static bool set_clock(Attempts *attempts);
static void tell_clocks(const Attempts *attempts, BkError *err);

BkS3Client *
bk_s3_take(BkS3 *s3, const atomic_bool *cancel, BkError *err)
{
	BkHttpPolicy policy = {0};
	BkS3Client *client = NULL;

	if (s3->brief)
		bk_http_brief(&policy);
	pthread_mutex_lock(&s3->lock);
	if (s3->idle_count > 0)
		client = s3->idle[--s3->idle_count];
	pthread_mutex_unlock(&s3->lock);
	if (client == NULL)
		client = client_open(s3, &policy, err);
	if (client != NULL)
		client->cancel = cancel;
	return client;
}

void
bk_s3_give(BkS3Client *client)
{
	BkS3	   *s3;
	bool		kept;

	if (client == NULL)
		return;
	s3 = client->s3;
	client->cancel = NULL;
	pthread_mutex_lock(&s3->lock);
	kept = client->host.stop != NULL && s3->idle_count < BK_S3_IDLE_MAX;
	if (kept)
		s3->idle[s3->idle_count++] = client;
	pthread_mutex_unlock(&s3->lock);
	if (!kept)
		client_close(client);
}

BkS3Client *
bk_s3_take_brief(BkS3 *s3, int milliseconds, BkError *err)
{
	BkHttpPolicy policy = {
		.connect_ms = milliseconds,
		.stall_ms = milliseconds,
		.deadline_ms = milliseconds,
		.attempts = 3,
	};

	return client_open(s3, &policy, err);
}

void
bk_s3_close_idle(BkS3 *s3)
{
	while (s3->idle_count > 0)
		client_close(s3->idle[--s3->idle_count]);
}

void
bk_s3_request_init(BkS3Request *request, const BkS3 *s3, const char *method,
				   BkS3Deed deed)
{
	BkBuf		path;

	memset(request, 0, sizeof(*request));
	request->deed = deed;
	bk_buf_init(&path);
	bk_buf_append_string(&path, s3->place.path);
	if (deed.key != NULL)
	{
		bk_url_encode(&path, s3->place.prefix, strlen(s3->place.prefix), true);
		bk_url_encode(&path, deed.key, strlen(deed.key), true);
	}
	bk_http_request_init(&request->http, method, s3->place.origin, path.data);
	if (path.failed)
		request->http.failed = true;
	bk_buf_free(&path);
}

void
bk_s3_request_free(BkS3Request *request)
{
	bk_http_request_free(&request->http);
	bk_http_response_free(&request->response);
}

bool
bk_s3_call(BkS3Client *client, BkS3Request *request, BkError *err)
{
	Attempts	attempts = {.client = client, .request = request};
	BkHttpCall	call = {
		.prepare = prepare,
		.judge = judge,
		.arg = &attempts,
		.body_max = request->body_max,
		.stall_ms = request->stall_ms,
	};
	bool		done;

	bk_http_response_free(&request->response);
	request->fault = (BkS3Fault) {0};
	done = bk_http_call(client->http, &request->http, &call,
						&request->response, err);
	explicit_bzero(&attempts.credentials, sizeof(attempts.credentials));
	return done;
}

void
bk_s3_add_customer_key(BkS3Request *request, const BkS3 *s3)
{
	static const char prefix[] = "x-amz-server-side-encryption-customer-";

	if (s3->place.customer_key[0] == '\0')
		return;
	for (int i = 0; i < 3; i++)
	{
		static const char *const names[] = {"algorithm", "key", "key-MD5"};
		const char *const values[] = {
			"AES256", s3->place.customer_key, s3->place.customer_md5
		};
		char		name[64];

		snprintf(name, sizeof(name), "%s%s", prefix, names[i]);
		bk_http_header(&request->http, name, "%s", values[i]);
	}
}

int64_t
bk_s3_time(const BkS3Client *client)
{
	int64_t		time = bk_http_server_time(client->http);

	return time != 0 ? time : bk_clock_now();
}

bool
bk_s3_etag(const BkHttpResponse *response, char *etag, size_t size)
{
	const char *value = bk_http_find(response, "etag");
	size_t		len = value == NULL ? 0 : strlen(value);

	if (len >= 2 && value[0] == '"' && value[len - 1] == '"')
	{
		value++;
		len -= 2;
	}
	if (len == 0 || len >= size)
		return false;
	memcpy(etag, value, len);
	etag[len] = '\0';
	return true;
}

static BkS3Client *
client_open(BkS3 *s3, const BkHttpPolicy *like, BkError *err)
{
	BkS3Client *client = calloc(1, sizeof(*client));
	BkHttpPolicy policy = *like;

	if (client == NULL)
	{
		bk_error_memory(err);
		return NULL;
	}
	client->s3 = s3;
	client->host.ctx = client;
	/* Who has set a limit wants to come to it. */
	if (policy.deadline_ms == 0)
		client->host.stop = client_stop;
	policy.host = policy.deadline_ms == 0 ? &client->host : NULL;
	policy.ca_file = s3->place.ca_file;
	policy.proxy = s3->place.proxy;
	client->http = bk_http_open(&policy, err);
	if (client->http != NULL)
		return client;
	free(client);
	return NULL;
}

static void
client_close(BkS3Client *client)
{
	bk_http_close(client->http);
	free(client);
}

static bool
client_stop(void *ctx)
{
	const BkS3Client *client = ctx;
	const BkHost *host = client->s3->host;

	return (client->cancel != NULL && atomic_load(client->cancel)) ||
		(host != NULL && host->stop(host->ctx));
}

/* Sign, with what is good now. */
static bool
prepare(void *arg, BkHttpRequest *request, BkError *err)
{
	Attempts   *attempts = arg;
	BkS3	   *s3 = attempts->client->s3;
	BkSignScope scope = {
		.region = s3->place.region,
		.service = "s3",
		.time = bk_clock_now() + atomic_load(&s3->skew),
	};

	return bk_credentials_get(s3->credentials, &attempts->credentials, err) &&
		bk_sign_v4(request, &attempts->credentials, &scope, err);
}

static BkHttpVerdict
judge(void *arg, const BkHttpResponse *response, BkError *err)
{
	Attempts   *attempts = arg;
	BkS3Request *request = attempts->request;

	if (response->status / 100 == 2 &&
		(request->accept == NULL || request->accept(request->arg, response, err)))
		return BK_HTTP_DONE;
	bk_s3_fault_read(response, &request->fault);
	if (response->status / 100 != 2 || request->fault.code[0] != '\0')
		return judge_fault(attempts, err);
	attempts->odd++;
	return attempts->odd < ODD_ANSWERS_MAX ? BK_HTTP_AGAIN : BK_HTTP_FAILED;
}

static BkHttpVerdict
judge_fault(Attempts *attempts, BkError *err)
{
	BkS3Request *request = attempts->request;
	BkS3	   *s3 = attempts->client->s3;
	BkS3Remedy	remedy = bk_s3_fault_remedy(&request->fault);

	bk_s3_fault_error(&request->fault, &s3->place, &request->deed, err);
	if (remedy == BK_S3_AGAIN)
		return BK_HTTP_AGAIN;
	if (remedy == BK_S3_RENEW && !attempts->renewed)
	{
		attempts->renewed = true;
		bk_credentials_expired(s3->credentials, &attempts->credentials);
		return BK_HTTP_AGAIN;
	}
	if (remedy == BK_S3_SET_CLOCK && set_clock(attempts))
		return BK_HTTP_AGAIN;
	if (remedy == BK_S3_SET_CLOCK)
		tell_clocks(attempts, err);
	return BK_HTTP_FAILED;
}

/*
 * A clock that is wrong shall not keep backups from being made; who depends
 * on the time itself compares the clocks.
 */
static bool
set_clock(Attempts *attempts)
{
	int64_t		time = bk_http_server_time(attempts->client->http);

	if (attempts->clock_set || time == 0)
		return false;
	attempts->clock_set = true;
	atomic_store(&attempts->client->s3->skew, time - bk_clock_now());
	return true;
}

static void
tell_clocks(const Attempts *attempts, BkError *err)
{
	int64_t		time = bk_http_server_time(attempts->client->http);
	char		ours[BK_CLOCK_TEXT_SIZE];
	char		theirs[BK_CLOCK_TEXT_SIZE];

	bk_clock_format(bk_clock_now(), ours);
	bk_clock_format(time, theirs);
	bk_error_detail(err, "The clock of this machine says %s, that of the store %s.",
					ours, time == 0 ? "is not known" : theirs);
}
