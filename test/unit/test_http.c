/*
 * test_http.c
 *	  Requests against a server that does all that servers and networks do.
 */
#include "support.h"

#include <dlfcn.h>
#include <netdb.h>
#include <poll.h>
#include <stdatomic.h>
#include <strings.h>

#include "scripted.h"
#include "storage/answer.h"
#include "storage/http.h"

#define OK_ANSWER	"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789"
#define NEVER_MS	600000

/* Turns, one for each request; the last one stays. */
typedef struct Script
{
	const ScriptTurn *turns;
	int			count;
} Script;

/* What the host was asked. */
static int	stop_after;			/* questions; -1: never */
static int	prepared;

static bool
stop(void *ctx)
{
	(void) ctx;
	return stop_after >= 0 && stop_after-- == 0;
}

static const BkHost host = {.stop = stop};

static const ScriptTurn *
next_turn(void *arg, int number, const char *request)
{
	const Script *script = arg;

	(void) request;
	return &script->turns[number < script->count ? number : script->count - 1];
}

static bool
prepare(void *arg, BkHttpRequest *request, BkError *err)
{
	(void) arg;
	(void) err;
	prepared++;
	bk_http_header(request, "X-Attempt", "%d", prepared);
	return true;
}

static BkHttp *
open_http(const BkHttpPolicy *wanted)
{
	BkHttpPolicy policy = *wanted;
	BkHttp	   *http;
	BkError		err;

	policy.host = &host;
	http = bk_http_open(&policy, &err);
	assert_good(http != NULL, &err);
	return http;
}

/* One GET by a handle of its own; the response is the caller's to free. */
static bool
get_with(const BkHttpPolicy *policy, const char *origin,
		 BkHttpResponse *response, BkError *err)
{
	BkHttp	   *http = open_http(policy);
	BkHttpCall	call = {.prepare = prepare};
	BkHttpRequest request;
	bool		done;

	prepared = 0;
	bk_http_request_init(&request, "GET", origin, "/path");
	done = bk_http_call(http, &request, &call, response, err);
	bk_http_request_free(&request);
	bk_http_close(http);
	return done;
}

/* The same, where the answer is known; returns the number of attempts. */
static int
get_good(const Script *script, const char *body)
{
	ScriptServer *server = script_start(next_turn, (void *) script);
	BkHttpPolicy policy = {.attempts = 5};
	BkHttpResponse response;
	BkError		err;
	int			attempts;

	assert_good(get_with(&policy, script_origin(server), &response, &err), &err);
	assert_int_equal(response.status, 200);
	assert_string_equal(response.body.data, body);
	attempts = response.attempts;
	/* Nobody is asked twice over a connection that has failed. */
	assert_int_equal(script_connections(server), attempts);
	bk_http_response_free(&response);
	script_stop(server);
	return attempts;
}

static void
get_bad(const BkHttpPolicy *policy, const ScriptTurn *turn, int attempts,
		const char *state, const char *reason)
{
	Script		script = {turn, 1};
	ScriptServer *server = script_start(next_turn, &script);
	BkHttpResponse response;
	BkError		err;

	assert_false(get_with(policy, script_origin(server), &response, &err));
	assert_reason(&err, state, reason);
	assert_int_equal(response.attempts, attempts);
	bk_http_response_free(&response);
	script_stop(server);
}

static void
makes_requests(void **state)
{
	static const ScriptTurn turn = {.answer =
		"HTTP/1.1 100 Continue\r\n\r\n"
		"HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
		"X-One:  a b \r\nx-one: c\r\nContent-Length: 2\r\n\r\nok"};
	Script		script = {&turn, 1};
	ScriptServer *server = script_start(next_turn, &script);
	BkHttp	   *http = open_http(&(BkHttpPolicy) {.attempts = 1});
	BkHttpCall	call = {.prepare = NULL};
	BkHttpRequest request;
	BkHttpResponse response;
	BkError		err;
	char	   *seen;

	(void) state;
	for (int i = 0; i < 3; i++)
	{
		bk_http_request_init(&request, "PUT", script_origin(server), "/a/../%2F");
		bk_http_query(&request, "uploads", "%s", "");
		bk_http_query(&request, "k e+y", "%s", "=&");
		bk_http_header(&request, "X-Mine", "%d", 1);
		bk_http_header(&request, "x-mine", "%d", 2);
		request.body = "body";
		request.body_len = 4;
		assert_good(bk_http_call(http, &request, &call, &response, &err), &err);
		assert_string_equal(response.body.data, "ok");
		assert_string_equal(bk_http_find(&response, "x-one"), "a b, c");
		assert_null(bk_http_find(&response, "X-One"));
		bk_http_response_free(&response);
		bk_http_request_free(&request);
	}
	assert_int_equal(bk_http_server_time(http), 784111777);
	assert_int_equal(script_connections(server), 1);
	seen = script_last_request(server);
	assert_non_null(strstr(seen, "PUT /a/../%2F?uploads=&k%20e%2By=%3D%26 HTTP/1.1\r\n"));
	assert_non_null(strstr(seen, "X-Mine: 2\r\n"));
	assert_null(strstr(seen, "X-Mine: 1\r\n"));
	assert_non_null(strstr(seen, "Content-Length: 4\r\n"));
	assert_null(strcasestr(seen, "Expect"));
	assert_null(strcasestr(seen, "Content-Type"));
	assert_non_null(strstr(seen, "\r\n\r\nbody"));
	free(seen);
	bk_http_close(http);
	script_stop(server);
}

static void
makes_requests_without_body(void **state)
{
	static const char *const methods[] = {"GET", "HEAD", "DELETE"};
	static const ScriptTurn turn = {.answer = "HTTP/1.1 204 No\r\n\r\n"};
	Script		script = {&turn, 1};
	ScriptServer *server = script_start(next_turn, &script);
	BkHttp	   *http = open_http(&(BkHttpPolicy) {.attempts = 1});
	BkHttpCall	call = {.prepare = NULL};

	(void) state;
	for (int i = 0; i < 3; i++)
	{
		BkHttpRequest request;
		BkHttpResponse response;
		BkError		err;
		char	   *seen;

		bk_http_request_init(&request, methods[i], script_origin(server), "/");
		assert_good(bk_http_call(http, &request, &call, &response, &err), &err);
		assert_int_equal(response.status, 204);
		bk_http_response_free(&response);
		bk_http_request_free(&request);
		seen = script_last_request(server);
		assert_memory_equal(seen, methods[i], strlen(methods[i]));
		assert_null(strcasestr(seen, "Content-Length"));
		free(seen);
	}
	bk_http_close(http);
	script_stop(server);
}

/* A header that would smuggle in another one is never sent. */
static void
refuses_line_feeds(void **state)
{
	static const ScriptTurn turn = {.answer = OK_ANSWER};
	Script		script = {&turn, 1};
	ScriptServer *server = script_start(next_turn, &script);
	BkHttp	   *http = open_http(&(BkHttpPolicy) {.attempts = 1});
	BkHttpCall	call = {.prepare = NULL};
	BkHttpRequest request;
	BkHttpResponse response;
	BkError		err;

	(void) state;
	bk_http_request_init(&request, "GET", script_origin(server), "/");
	bk_http_header(&request, "X-Mine", "%s", "a\r\nHost: b");
	assert_false(bk_http_call(http, &request, &call, &response, &err));
	assert_int_equal(script_requests(server), 0);
	bk_http_response_free(&response);
	bk_http_request_free(&request);
	bk_http_close(http);
	script_stop(server);
}

static void
tries_again(void **state)
{
	static const ScriptTurn turns[] = {
		{.answer = "HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\nRetry-After: 0\r\n\r\n"},
		{.answer = "HTTP/1.1 429 Slow Down\r\nContent-Length: 0\r\n\r\n"},
		{.answer = "HTTP/1.1 500 Oh\r\nContent-Length: 3\r\n\r\noh!"},
		{.answer = OK_ANSWER},
	};
	static const ScriptTurn busy = {.answer =
	"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\nRetry-After: 86400\r\n\r\n"};
	static const ScriptTurn gone = {.answer = "HTTP/1.1 404 Gone\r\nContent-Length: 0\r\n\r\n"};
	static const ScriptTurn moved = {.answer =
	"HTTP/1.1 302 Moved\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"};
	Script		script = {turns, 4};
	ScriptServer *server = script_start(next_turn, &script);
	BkHttpResponse response;
	BkError		err;
	char	   *seen;

	(void) state;
	assert_good(get_with(&(BkHttpPolicy) {.attempts = 4}, script_origin(server),
						 &response, &err), &err);
	assert_int_equal(response.attempts, 4);
	assert_int_equal(prepared, 4);
	assert_int_equal(script_connections(server), 4);
	seen = script_last_request(server);
	assert_non_null(strstr(seen, "X-Attempt: 4\r\n"));
	free(seen);
	bk_http_response_free(&response);
	script_stop(server);

	get_bad(&(BkHttpPolicy) {.attempts = 3}, &turns[1], 3, BK_STATE_SYSTEM, "There were 3 attempts");
	/* What the server wishes ends at our deadline, with one more attempt. */
	get_bad(&(BkHttpPolicy) {.deadline_ms = 100}, &busy, 2, BK_STATE_SYSTEM, "answered 503");
	get_bad(&(BkHttpPolicy) {.attempts = 3}, &gone, 1, BK_STATE_SYSTEM, "answered 404");
	get_bad(&(BkHttpPolicy) {.attempts = 3}, &moved, 1, BK_STATE_SYSTEM, "answered 302");
}

/* An answer that ends early anywhere is asked for again. */
static void
survives_cuts(void **state)
{
	static const char *const answers[] = {
		OK_ANSWER,
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n0123\r\n6\r\n456789\r\n0\r\nX-A: b\r\n\r\n",
	};

	(void) state;
	for (int i = 0; i < 2; i++)
	{
		/* The last two bytes say nothing more. */
		for (size_t len = 1; len < strlen(answers[i]) - 2; len += 5)
		{
			ScriptTurn	turns[2] = {
				{.answer = answers[i], .len = len,
				.end = len % 2 == 0 ? SCRIPT_CLOSE : SCRIPT_RESET},
				{.answer = answers[i]},
			};

			assert_int_equal(get_good(&(Script) {turns, 2}, "0123456789"), 2);
		}
	}
}

static void
survives_nonsense(void **state)
{
	static const ScriptTurn turns[] = {
		{.answer = "SSH-2.0-OpenSSH_9.2\r\n", .end = SCRIPT_CLOSE},
		{.answer = "", .end = SCRIPT_CLOSE},
		{.answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", .end = SCRIPT_CLOSE},
		{.answer = "HTTP/1.1 9 OK\r\n\r\n", .end = SCRIPT_CLOSE},
		{.answer = OK_ANSWER},
	};

	(void) state;
	assert_int_equal(get_good(&(Script) {turns, 5}, "0123456789"), 5);
}

/* The server stops listening in the middle of a request. */
static void
survives_half_requests(void **state)
{
	static const ScriptTurn turn = {.answer = "", .end = SCRIPT_RESET};
	Script		script = {&turn, 1};

	(void) state;
	for (size_t bytes = 1; bytes < 40; bytes += 19)
	{
		ScriptServer *server = script_start(next_turn, &script);
		BkHttpResponse response;
		BkError		err;

		script_read_max(server, bytes);
		assert_false(get_with(&(BkHttpPolicy) {.attempts = 2},
							  script_origin(server), &response, &err));
		assert_reason(&err, BK_STATE_DISCONNECTED, "broke off");
		assert_int_equal(response.attempts, 2);
		bk_http_response_free(&response);
		script_stop(server);
	}
}

static void
bounds_what_it_takes(void **state)
{
	static const ScriptTurn lines = {.answer = "HTTP/1.1 200 OK\r\n", .end = SCRIPT_FLOOD, .more = "X-A: b\r\n"};
	static const ScriptTurn line = {.answer = "HTTP/1.1 200 OK\r\nX-A: ", .end = SCRIPT_FLOOD, .more = "abcdefghijklmnopqrstuvwxyz"};
	static const ScriptTurn body = {.answer = "HTTP/1.1 200 OK\r\n\r\n", .end = SCRIPT_FLOOD, .more = "abcdefghijklmnopqrstuvwxyz"};
	static const ScriptTurn early = {.answer = "", .end = SCRIPT_FLOOD, .more = "HTTP/1.1 100 Continue\r\n\r\n"};
	BkHttpPolicy policy = {.attempts = 2};
	BkBuf		many;
	ScriptTurn	fields = {.end = SCRIPT_KEEP};

	(void) state;
	get_bad(&policy, &lines, 1, BK_STATE_TOO_LARGE, "too many headers");
	get_bad(&policy, &line, 1, BK_STATE_TOO_LARGE, "too many headers");
	get_bad(&policy, &body, 1, BK_STATE_TOO_LARGE, "too long");
	get_bad(&policy, &early, 1, BK_STATE_TOO_LARGE, "too many headers");
	bk_buf_init(&many);
	bk_buf_append_string(&many, "HTTP/1.1 200 OK\r\n");
	for (int i = 0; i <= BK_HTTP_ANSWER_FIELDS_MAX; i++)
		bk_buf_printf(&many, "X-%d: a\r\n", i);
	bk_buf_append_string(&many, "\r\n");
	fields.answer = many.data;
	get_bad(&policy, &fields, 1, BK_STATE_TOO_LARGE, "too many headers");
	bk_buf_free(&many);
}

static void
tells_slow_from_stalled(void **state)
{
	static const char body[] = "0123456789012345678901234567890123456789";
	static const ScriptTurn silent = {.answer = "", .end = SCRIPT_STALL};
	static const ScriptTurn half = {.answer = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234", .end = SCRIPT_STALL};
	static const ScriptTurn slow = {
		.answer = "HTTP/1.1 200 OK\r\n", .end = SCRIPT_DRIP,
		.more = "Content-Length: 40\r\n\r\n0123456789012345678901234567890123456789"
	};
	Script		script = {&slow, 1};
	ScriptServer *server = script_start(next_turn, &script);
	BkHttpResponse response;
	BkError		err;

	(void) state;
	get_bad(&(BkHttpPolicy) {.attempts = 2, .stall_ms = 200}, &silent, 2, BK_STATE_DISCONNECTED, "stalled");
	get_bad(&(BkHttpPolicy) {.attempts = 2, .stall_ms = 200}, &half, 2, BK_STATE_DISCONNECTED, "stalled");
	assert_good(get_with(&(BkHttpPolicy) {.attempts = 1, .stall_ms = 500},
						 script_origin(server), &response, &err), &err);
	assert_string_equal(response.body.data, body);
	bk_http_response_free(&response);
	/* Behind the deadline nobody may be so slow. */
	assert_false(get_with(&(BkHttpPolicy) {.attempts = 1, .stall_ms = 150, .deadline_ms = 1},
						  script_origin(server), &response, &err));
	assert_reason(&err, BK_STATE_DISCONNECTED, "stalled");
	bk_http_response_free(&response);
	script_stop(server);
}

/* What waits in the kernel for a slow link has not gone through. */
static void
is_patient_with_slow_uploads(void **state)
{
	static const ScriptTurn turn = {.answer = OK_ANSWER};
	const size_t size = 6 * 1024 * 1024;
	Script		script = {&turn, 1};
	ScriptServer *server = script_start(next_turn, &script);
	BkHttp	   *http = open_http(&(BkHttpPolicy) {.attempts = 1, .stall_ms = 400});
	BkHttpCall	call = {.prepare = NULL};
	BkHttpRequest request;
	BkHttpResponse response;
	BkError		err;
	char	   *data = make_data(size, false, 1);

	(void) state;
	script_read_slowly(server);
	bk_http_request_init(&request, "PUT", script_origin(server), "/");
	request.body = data;
	request.body_len = size;
	assert_good(bk_http_call(http, &request, &call, &response, &err), &err);
	bk_http_response_free(&response);
	bk_http_request_free(&request);
	bk_http_close(http);
	free(data);
	script_stop(server);
}

/* A look-up in progress goes on until the test lets it, or gives up itself. */
static atomic_bool hole_open;
static atomic_int holes_left;

static void
fall_into_hole(void)
{
	for (int i = 0; i < 200 && hole_open; i++)
		poll(NULL, 0, 100);
	holes_left++;
}

static void
leave_hole(void)
{
	hole_open = false;
	while (holes_left == 0)
		poll(NULL, 0, 10);
	holes_left = 0;
}

/* For a name that nobody answers, and one that leads astray. */
int
getaddrinfo(const char *node, const char *service,
			const struct addrinfo *hints, struct addrinfo **result)
{
	static int	(*real) (const char *, const char *, const struct addrinfo *,
						 struct addrinfo **);

	if (real == NULL)
		*(void **) &real = dlsym(RTLD_NEXT, "getaddrinfo");
	if (node != NULL && strcmp(node, "hole.example") == 0)
		fall_into_hole();
	if (node != NULL && strcmp(node, "astray.example") == 0)
		node = "169.254.169.254";
	return real(node, service, hints, result);
}

/* Every wait would take very long, and none does. */
static void
stops(void **state)
{
	static const ScriptTurn silent = {.answer = "", .end = SCRIPT_STALL};
	static const ScriptTurn busy = {.answer =
	"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\nRetry-After: 600\r\n\r\n"};
	BkHttpPolicy policy = {.stall_ms = NEVER_MS, .connect_ms = NEVER_MS, .deadline_ms = NEVER_MS};
	BkHttpResponse response;
	BkError		err;

	(void) state;
	stop_after = 5;
	get_bad(&policy, &silent, 1, BK_STATE_CANCELED, "canceled");
	stop_after = 5;
	get_bad(&policy, &busy, 1, BK_STATE_CANCELED, "canceled");
	stop_after = 5;
	hole_open = true;
	assert_false(get_with(&policy, "http://hole.example", &response, &err));
	assert_reason(&err, BK_STATE_CANCELED, "canceled");
	assert_int_equal(holes_left, 0);
	leave_hole();
	bk_http_response_free(&response);
	stop_after = -1;
}

static void
says_who_is_out_of_reach(void **state)
{
	BkHttpResponse response;
	BkError		err;

	(void) state;
	assert_false(get_with(&(BkHttpPolicy) {.attempts = 2}, "http://127.0.0.1:1",
						  &response, &err));
	assert_reason(&err, BK_STATE_UNREACHABLE, "could not connect to \"http://127.0.0.1:1\"");
	assert_reason(&err, BK_STATE_UNREACHABLE, "There were 2 attempts");
	bk_http_response_free(&response);
	hole_open = true;
	assert_false(get_with(&(BkHttpPolicy) {.attempts = 1, .connect_ms = 300},
						  "http://hole.example", &response, &err));
	assert_reason(&err, BK_STATE_UNREACHABLE, "could not");
	assert_int_equal(holes_left, 0);
	leave_hole();
	bk_http_response_free(&response);
	assert_false(get_with(&(BkHttpPolicy) {.attempts = 2}, "http://astray.example",
						  &response, &err));
	assert_reason(&err, BK_STATE_BAD_ARGUMENT, "link-local");
	assert_int_equal(response.attempts, 1);
	bk_http_response_free(&response);
	assert_false(get_with(&(BkHttpPolicy) {.attempts = 2}, "file:///etc",
						  &response, &err));
	bk_http_response_free(&response);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(makes_requests),
		cmocka_unit_test(makes_requests_without_body),
		cmocka_unit_test(refuses_line_feeds),
		cmocka_unit_test(tries_again),
		cmocka_unit_test(survives_cuts),
		cmocka_unit_test(survives_nonsense),
		cmocka_unit_test(survives_half_requests),
		cmocka_unit_test(bounds_what_it_takes),
		cmocka_unit_test(tells_slow_from_stalled),
		cmocka_unit_test(is_patient_with_slow_uploads),
		cmocka_unit_test(stops),
		cmocka_unit_test(says_who_is_out_of_reach),
	};

	stop_after = -1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
