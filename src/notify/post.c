/*
 * post.c
 *	  A request of a channel to an HTTP server.
 *
 * What comes after the host in a URL may be a secret, as it is with Slack, and
 * is in no message; nor is an answer that repeats it.
 */
#define _GNU_SOURCE 1
#include "notify/post.h"

#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "notify/address.h"
#include "storage/http.h"

#define ANSWER_MAX		((size_t) 64 * 1024)
#define ANSWER_SHOWN	300
#define PART_MIN		6			/* shorter ones are no secrets */
#define CONNECT_MS		5000
#define STALL_MS		10000
#define DEADLINE_MS		30000
#define ATTEMPTS		3

static bool call(const BkPost *post, BkHttp *http, BkHttpRequest *request,
				 BkError *err);
static BkHttpVerdict judge(void *arg, const BkHttpResponse *response, BkError *err);
static bool is_fit_to_show(const BkPost *post, const BkHttpResponse *response);

bool
bk_post_open(BkPost *post, const BkChannel *channel, const char *usual,
			 BkError *err)
{
	const char *url = channel->target != NULL ? channel->target : usual;

	*post = (BkPost) {.channel = channel};
	if (channel->secret_file != NULL &&
		!bk_address_secret(channel->secret_file, &post->secret, err))
		return false;
	if (url != NULL)
		post->token = post->secret.text;
	else if (post->secret.text != NULL)
		url = post->secret.text;
	else
		return bk_error(err, BK_STATE_BAD_ARGUMENT, "the channel has neither a target nor a secret file");
	if (!bk_address_split(url, "http", &post->origin, &post->path, err))
		return false;
	if (channel->plaintext || bk_address_has_tls(post->origin, "http") ||
		bk_address_is_loopback(post->origin))
		return true;
	bk_error(err, BK_STATE_BAD_ARGUMENT, "channel to \"%s\" is not encrypted", post->origin);
	return bk_error_hint(err, "Use https://, or plaintext => true if everybody on the way may see the messages.");
}

void
bk_post_close(BkPost *post)
{
	bk_secret_free(&post->secret);
	free(post->origin);
	free(post->path);
	*post = (BkPost) {0};
}

bool
bk_post_send(const BkPost *post, const char *path, const BkJson *body,
			 BkError *err)
{
	BkHttp	   *http = bk_http_open(&(BkHttpPolicy) {
		.host = post->channel->host,
		.ca_file = post->channel->ca_file,
		.proxy = post->channel->proxy,
		.connect_ms = CONNECT_MS,
		.stall_ms = STALL_MS,
		.deadline_ms = DEADLINE_MS,
		.attempts = ATTEMPTS,
	}, err);
	char	   *text = body != NULL ? bk_json_text(body, false) : NULL;
	BkHttpRequest request;
	bool		done = http != NULL;

	if (done && body != NULL && text == NULL)
		done = bk_error_memory(err);
	bk_http_request_init(&request, body != NULL ? "POST" : "GET", post->origin, path);
	if (body != NULL)
		bk_http_header(&request, "Content-Type", "application/json");
	if (post->bearer && post->token != NULL)
		bk_http_header(&request, "Authorization", "Bearer %s", post->token);
	request.body = text;
	request.body_len = text != NULL ? strlen(text) : 0;
	done = done && call(post, http, &request, err);
	bk_http_request_free(&request);
	bk_http_close(http);
	free(text);
	return done;
}

static bool
call(const BkPost *post, BkHttp *http, BkHttpRequest *request, BkError *err)
{
	BkHttpCall	call = {.judge = judge, .arg = (void *) post, .body_max = ANSWER_MAX};
	BkHttpResponse response;
	bool		done = bk_http_call(http, request, &call, &response, err);

	bk_http_response_free(&response);
	if (!done)
		bk_address_correct_hint(err);
	return done;
}

/* Too many requests, and what passes by itself, are tried again. */
static BkHttpVerdict
judge(void *arg, const BkHttpResponse *response, BkError *err)
{
	const BkPost *post = arg;
	int			status = response->status;
	int			len = (int) strcspn(response->body.len > 0 ? response->body.data : "", "\r\n");

	if (status >= 200 && status <= 299)
		return BK_HTTP_DONE;
	bk_error(err, status == 401 || status == 403 ? BK_STATE_REFUSED : BK_STATE_SYSTEM,
			 "\"%s\" did not take the message and answered %d", post->origin, status);
	if (len > 0 && is_fit_to_show(post, response))
		bk_error_detail(err, "It said: %.*s", len < ANSWER_SHOWN ? len : ANSWER_SHOWN,
						response->body.data);
	return status == 408 || status == 425 || status == 429 ||
		(status >= 500 && status != 501) ? BK_HTTP_AGAIN : BK_HTTP_FAILED;
}

/* Any part of the URL's path can be the secret. */
static bool
is_fit_to_show(const BkPost *post, const BkHttpResponse *response)
{
	const char *body = response->body.data;

	for (const char *at = post->path; *at != '\0'; at += strspn(at, "/?&="))
	{
		size_t		len = strcspn(at, "/?&=");

		if (len >= PART_MIN && memmem(body, response->body.len, at, len) != NULL)
			return false;
		at += len;
	}
	return bk_json_is_utf8(body) &&
		(post->token == NULL || strstr(body, post->token) == NULL);
}
