/*
 * http.c
 *	  Requests to an HTTP server, with their attempts.
 *
 * Pauses between attempts are exponential with full jitter: a random time up
 * to a limit that doubles, so that many clients of a server that has trouble
 * do not come back at the same moment.
 */
#include "storage/http.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/clock.h"
#include "storage/answer.h"
#include "storage/url.h"
#include "storage/wire.h"

#define CONNECT_MS		10000
#define STALL_MS		30000
#define DEADLINE_MS		(5 * 60 * 1000)
#define ATTEMPTS		10
#define BRIEF_CONNECT_MS	3000
#define BRIEF_STALL_MS	10000
#define BRIEF_ATTEMPTS	2
#define PAUSE_FIRST_MS	100
#define PAUSE_MAX_MS	10000
#define SLICE_MS		100

struct BkHttp
{
	BkHttpPolicy policy;
	BkWire	   *wire;
	int64_t		server_time;
};

/* Where the callbacks of an exchange put what comes. */
typedef struct Answer
{
	BkHttpResponse *response;
	const char *place;
	size_t		body_max;
} Answer;

static void set_field(BkHttpRequest *request, BkHttpField *field,
					  const char *name, const char *fmt, va_list args)
			__attribute__((format(printf, 4, 0)));
static BkHttpVerdict attempt(BkHttp *http, BkHttpRequest *request,
							 const BkHttpCall *call, int64_t deadline,
							 BkHttpResponse *response, BkError *err);
static bool exchange_once(BkHttp *http, BkWireExchange *exchange,
						  const BkHttpRequest *request, BkError *err);
static bool take_line(void *arg, const char *line, size_t len, BkError *err);
static bool take_data(void *arg, const void *data, size_t len, BkError *err);
static BkHttpVerdict judge_by_status(const BkHttpRequest *request,
									 const BkHttpResponse *response,
									 BkError *err);
static void read_clock(BkHttp *http, const BkHttpResponse *response);
static bool wait_before(BkHttp *http, int attempts, int64_t deadline,
						const BkHttpResponse *response, BkError *err);
static bool pause_ms(int attempts, int64_t *pause, BkError *err);
static bool tell_attempts(int attempts, int64_t start, BkError *err);
static void clear_response(BkHttpResponse *response);

void
bk_http_brief(BkHttpPolicy *policy)
{
	policy->connect_ms = BRIEF_CONNECT_MS;
	policy->stall_ms = BRIEF_STALL_MS;
	policy->attempts = BRIEF_ATTEMPTS;
}

BkHttp *
bk_http_open(const BkHttpPolicy *policy, BkError *err)
{
	BkHttp	   *http;
	const char *proxy = policy->proxy;

	if (proxy != NULL && ((strncasecmp(proxy, "http://", 7) != 0 &&
						   strncasecmp(proxy, "https://", 8) != 0) ||
						  strchr(proxy, '@') != NULL))
	{
		bk_error(err, BK_STATE_BAD_ARGUMENT, "proxy is not one that can be used");
		bk_error_hint(err, "Write it as http://host:port, without user and password.");
		return NULL;
	}
	http = calloc(1, sizeof(*http));
	if (http == NULL)
	{
		bk_error_memory(err);
		return NULL;
	}
	http->policy = *policy;
	if (http->policy.connect_ms == 0)
		http->policy.connect_ms = CONNECT_MS;
	if (http->policy.stall_ms == 0)
		http->policy.stall_ms = STALL_MS;
	if (http->policy.deadline_ms == 0)
		http->policy.deadline_ms = DEADLINE_MS;
	if (http->policy.attempts == 0)
		http->policy.attempts = ATTEMPTS;
	http->wire = bk_wire_open(&(BkWireSetup) {
		.host = policy->host,
		.ca_file = policy->ca_file,
		.proxy = proxy,
		.connect_ms = http->policy.connect_ms,
		.stall_ms = http->policy.stall_ms,
		.link_local = policy->link_local,
	}, err);
	if (http->wire != NULL)
		return http;
	free(http);
	return NULL;
}

void
bk_http_close(BkHttp *http)
{
	if (http == NULL)
		return;
	bk_wire_close(http->wire);
	free(http);
}

void
bk_http_request_init(BkHttpRequest *request, const char *method,
					 const char *origin, const char *path)
{
	*request = (BkHttpRequest) {0};
	snprintf(request->method, sizeof(request->method), "%s", method);
	request->origin = strdup(origin);
	request->path = strdup(path);
	request->failed = request->origin == NULL || request->path == NULL;
}

void
bk_http_request_free(BkHttpRequest *request)
{
	free(request->origin);
	free(request->path);
	for (int i = 0; i < request->query_count; i++)
	{
		free(request->query[i].name);
		free(request->query[i].value);
	}
	for (int i = 0; i < request->header_count; i++)
	{
		free(request->headers[i].name);
		free(request->headers[i].value);
	}
	*request = (BkHttpRequest) {0};
}

void
bk_http_header(BkHttpRequest *request, const char *name, const char *fmt,...)
{
	va_list		args;
	int			i = 0;

	while (i < request->header_count &&
		   strcasecmp(request->headers[i].name, name) != 0)
		i++;
	if (i == BK_HTTP_FIELDS_MAX)
	{
		request->failed = true;
		return;
	}
	if (i == request->header_count)
		request->header_count++;
	va_start(args, fmt);
	set_field(request, &request->headers[i], name, fmt, args);
	va_end(args);
	/* What a line feed would begin is another header. */
	if (request->headers[i].value != NULL &&
		strpbrk(request->headers[i].value, "\r\n") != NULL)
		request->failed = true;
}

void
bk_http_query(BkHttpRequest *request, const char *name, const char *fmt,...)
{
	va_list		args;

	if (request->query_count == BK_HTTP_FIELDS_MAX)
	{
		request->failed = true;
		return;
	}
	request->query_count++;
	va_start(args, fmt);
	set_field(request, &request->query[request->query_count - 1], name, fmt,
			  args);
	va_end(args);
}

void
bk_http_remove_header(BkHttpRequest *request, const char *name)
{
	for (int i = 0; i < request->header_count; i++)
	{
		if (strcasecmp(request->headers[i].name, name) != 0)
			continue;
		free(request->headers[i].name);
		free(request->headers[i].value);
		request->header_count--;
		memmove(&request->headers[i], &request->headers[i + 1],
				(size_t) (request->header_count - i) * sizeof(BkHttpField));
		request->headers[request->header_count] = (BkHttpField) {0};
		return;
	}
}

bool
bk_http_call(BkHttp *http, BkHttpRequest *request, const BkHttpCall *call,
			 BkHttpResponse *response, BkError *err)
{
	int64_t		start = bk_clock_monotonic_ms();
	int64_t		deadline = start + http->policy.deadline_ms;
	int			attempts = 0;

	*response = (BkHttpResponse) {0};
	bk_buf_init(&response->body);
	for (;;)
	{
		BkHttpVerdict verdict = attempt(http, request, call, deadline,
										response, err);

		attempts++;
		response->attempts = attempts;
		if (verdict == BK_HTTP_DONE)
			return true;
		/* Another connection may lead to a server that is well. */
		bk_wire_disconnect(http->wire);
		if (verdict == BK_HTTP_FAILED)
			return tell_attempts(attempts, start, err);
		if (attempts >= http->policy.attempts ||
			bk_clock_monotonic_ms() >= deadline)
			return tell_attempts(attempts, start, err);
		if (!wait_before(http, attempts, deadline, response, err))
			return false;
	}
}

void
bk_http_response_free(BkHttpResponse *response)
{
	clear_response(response);
	bk_buf_free(&response->body);
}

const char *
bk_http_find(const BkHttpResponse *response, const char *name)
{
	for (int i = 0; i < response->header_count; i++)
	{
		if (strcmp(response->headers[i].name, name) == 0)
			return response->headers[i].value;
	}
	return NULL;
}

int64_t
bk_http_server_time(const BkHttp *http)
{
	return http->server_time;
}

static void
set_field(BkHttpRequest *request, BkHttpField *field, const char *name,
		  const char *fmt, va_list args)
{
	BkError		ignored;
	BkBuf		value;

	if (field->name == NULL)
		field->name = strdup(name);
	free(field->value);
	bk_buf_init(&value);
	bk_buf_vprintf(&value, fmt, args);
	field->value = bk_buf_take(&value, &ignored);
	if (field->name == NULL || field->value == NULL)
		request->failed = true;
}

/* One attempt, from signing to the judgement. */
static BkHttpVerdict
attempt(BkHttp *http, BkHttpRequest *request, const BkHttpCall *call,
		int64_t deadline, BkHttpResponse *response, BkError *err)
{
	Answer		answer = {
		.response = response,
		.place = request->origin,
		.body_max = call->body_max > 0 ? call->body_max : BK_HTTP_BODY_MAX,
	};
	BkWireExchange exchange = {
		.place = request->origin,
		.method = request->method,
		.body = request->body,
		.body_len = request->body_len,
		.deadline = deadline,
		.stall_ms = call->stall_ms,
		.line = take_line,
		.data = take_data,
		.arg = &answer,
	};

	clear_response(response);
	if (call->prepare != NULL && !call->prepare(call->arg, request, err))
		return BK_HTTP_FAILED;
	if (request->failed)
	{
		bk_error(err, BK_STATE_SYSTEM, "could not make a request for \"%s\"",
				 request->path != NULL ? request->path : "");
		return BK_HTTP_FAILED;
	}
	if (!exchange_once(http, &exchange, request, err))
	{
		response->status = 0;
		return exchange.again ? BK_HTTP_AGAIN : BK_HTTP_FAILED;
	}
	read_clock(http, response);
	if (call->judge != NULL)
		return call->judge(call->arg, response, err);
	return judge_by_status(request, response, err);
}

/*
 * Write the request down, and exchange it for an answer. A header without
 * value and with a colon takes away what the library would add: some servers
 * hang on an Expect, and a Content-Type that nobody asked for would not be
 * signed.
 */
static bool
exchange_once(BkHttp *http, BkWireExchange *exchange,
			  const BkHttpRequest *request, BkError *err)
{
	char	   *lines[BK_HTTP_FIELDS_MAX + 2] = {NULL};
	int			count = request->header_count;
	bool		typed = false;
	BkBuf		url;
	BkBuf		line;
	bool		done;

	bk_buf_init(&url);
	bk_buf_init(&line);
	bk_buf_printf(&url, "%s%s", request->origin, request->path);
	for (int i = 0; i < request->query_count; i++)
	{
		const BkHttpField *field = &request->query[i];

		bk_buf_append_string(&url, i == 0 ? "?" : "&");
		bk_url_encode(&url, field->name, strlen(field->name), false);
		bk_buf_append_string(&url, "=");
		bk_url_encode(&url, field->value, strlen(field->value), false);
	}
	done = bk_buf_check(&url, err);
	for (int i = 0; done && i < count; i++)
	{
		const BkHttpField *field = &request->headers[i];

		typed = typed || strcasecmp(field->name, "Content-Type") == 0;
		/* The library wants a header without a value written so. */
		if (field->value[0] == '\0')
			bk_buf_printf(&line, "%s;", field->name);
		else
			bk_buf_printf(&line, "%s: %s", field->name, field->value);
		lines[i] = bk_buf_take(&line, err);
		done = lines[i] != NULL;
	}
	exchange->url = url.data;
	exchange->headers = (const char *const *) lines;
	exchange->header_count = count + (typed ? 1 : 2);
	lines[count] = "Expect:";
	lines[count + 1] = "Content-Type:";
	done = done && bk_wire_http(http->wire, exchange, err);
	for (int i = 0; i < count; i++)
		free(lines[i]);
	bk_buf_free(&url);
	bk_buf_free(&line);
	return done;
}

static bool
take_line(void *arg, const char *line, size_t len, BkError *err)
{
	Answer	   *answer = arg;

	/* Behind a body there may be trailers, which nobody needs. */
	return answer->response->body.len > 0 ||
		bk_answer_line(answer->response, line, len, err);
}

static bool
take_data(void *arg, const void *data, size_t len, BkError *err)
{
	Answer	   *answer = arg;
	BkBuf	   *body = &answer->response->body;

	if (len > answer->body_max - body->len)
	{
		bk_error(err, BK_STATE_TOO_LARGE, "answer of \"%s\" is too long",
				 answer->place);
		return bk_error_detail(err, "At most %zu bytes are expected.",
							   answer->body_max);
	}
	bk_buf_append(body, data, len);
	return bk_buf_check(body, err);
}

static BkHttpVerdict
judge_by_status(const BkHttpRequest *request, const BkHttpResponse *response,
				BkError *err)
{
	int			status = response->status;

	if (status >= 200 && status <= 299)
		return BK_HTTP_DONE;
	bk_error(err, status == 401 || status == 403 ? BK_STATE_REFUSED : BK_STATE_SYSTEM,
			 "\"%s\" answered %d to %s %s", request->origin, status,
			 request->method, request->path);
	if (status == 408 || status == 425 || status == 429 ||
		(status >= 500 && status != 501))
		return BK_HTTP_AGAIN;
	return BK_HTTP_FAILED;
}

static void
read_clock(BkHttp *http, const BkHttpResponse *response)
{
	const char *date = bk_http_find(response, "date");

	if (date == NULL || !bk_answer_date(date, &http->server_time))
		http->server_time = 0;
}

/* Wait for the time of the next attempt. False if the host wants to stop. */
static bool
wait_before(BkHttp *http, int attempts, int64_t deadline,
			const BkHttpResponse *response, BkError *err)
{
	int64_t		now = bk_clock_monotonic_ms();
	int64_t		asked = bk_answer_retry_after(response);
	int64_t		pause;
	int64_t		until;

	if (!pause_ms(attempts, &pause, err))
		return false;
	if (pause < asked)
		pause = asked;
	until = now + pause < deadline ? now + pause : deadline;
	while (now < until)
	{
		int64_t		left = until - now;

		if (http->policy.host != NULL && !bk_go_on(http->policy.host, err))
			return false;
		poll(NULL, 0, (int) (left < SLICE_MS ? left : SLICE_MS));
		now = bk_clock_monotonic_ms();
	}
	return true;
}

static bool
pause_ms(int attempts, int64_t *pause, BkError *err)
{
	int64_t		limit = PAUSE_FIRST_MS;
	uint32_t	random;

	for (int i = 1; i < attempts && limit < PAUSE_MAX_MS; i++)
		limit *= 2;
	if (limit > PAUSE_MAX_MS)
		limit = PAUSE_MAX_MS;
	if (!bk_random_bytes(&random, sizeof(random), err))
		return false;
	*pause = random % (limit + 1);
	return true;
}

static bool
tell_attempts(int attempts, int64_t start, BkError *err)
{
	BkError		before = *err;

	if (attempts == 1)
		return false;
	return bk_error_detail(err, "%s%sThere were %d attempts in %lld s.",
						   before.detail, before.detail[0] != '\0' ? " " : "",
						   attempts,
						   (long long) (bk_clock_monotonic_ms() - start + 500) / 1000);
}

/* Ready for the next answer; the body keeps its memory. */
static void
clear_response(BkHttpResponse *response)
{
	for (int i = 0; i < response->header_count; i++)
	{
		free(response->headers[i].name);
		free(response->headers[i].value);
	}
	response->header_count = 0;
	response->status = 0;
	bk_buf_reset(&response->body);
}
