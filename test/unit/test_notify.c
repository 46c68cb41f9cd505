/*
 * test_notify.c
 *	  What each kind of channel makes of a message, where it sends that, and
 *	  what it never says.
 */
#include "support.h"

#include "notify/address.h"
#include "notify/channel.h"
#include "notify/message.h"
#include "scripted.h"

#define TAKEN	"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\nok"
#define BUSY	"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy"
#define SECRET	"T0/canary-secret"

static const char two_changes[] =
"{\"version\": 1, \"event\": \"alarm\", \"cluster\": \"main\", \"host\": \"db1\", \"port\": 5432,"
" \"system_identifier\": \"7440958112339017623\", \"at\": \"2026-11-21T10:15:00Z\","
" \"remind\": 14400, \"more\": 0, \"changes\": ["
" {\"what\": \"app\", \"event\": \"problem\", \"state\": \"critical\", \"was\": \"warning\","
"  \"reason\": \"There is <no> good backup & no hope.\", \"since\": \"2026-11-21T10:14:00Z\"},"
" {\"what\": \"WAL archiving\", \"event\": \"recovery\", \"state\": \"ok\", \"was\": \"critical\","
"  \"reason\": \"All is archived.\", \"since\": \"2026-11-21T10:13:00Z\"}]}";
static const char test_message[] =
"{\"version\": 1, \"event\": \"test\", \"cluster\": \"\", \"host\": \"db1\", \"port\": 5432,"
" \"system_identifier\": \"7440958112339017623\", \"changes\": [], \"more\": 0}";

typedef struct Script
{
	const ScriptTurn *turns;
	int			count;
	char	   *requests[8];	/* as they came */
	int			taken;
} Script;

static bool
stop(void *ctx)
{
	(void) ctx;
	return false;
}

static void
log_line(void *ctx, BkLogLevel level, const char *message)
{
	(void) ctx, (void) level, (void) message;
}

static const BkHost host = {.stop = stop, .log = log_line};
static const ScriptTurn taken = {.answer = TAKEN};

static const ScriptTurn *
next_turn(void *arg, int number, const char *request)
{
	Script	   *script = arg;

	if (script->taken < 8)
		script->requests[script->taken++] = strdup(request);
	return &script->turns[number < script->count ? number : script->count - 1];
}

static void
forget(Script *script)
{
	for (int i = 0; i < script->taken; i++)
		free(script->requests[i]);
	script->taken = 0;
}

static bool
send_by(const char *kind, const BkChannel *channel, const char *text, BkError *err)
{
	BkJson	   *message = bk_json_parse(text, strlen(text), "a message", err);
	bool		done;

	assert_good(message != NULL, err);
	done = bk_channel_send(kind, channel, message, err);
	bk_json_free(message);
	return done;
}

/* A file that only we can read. */
static char *
write_secret(const char *text)
{
	static char path[] = "/tmp/test_notify.XXXXXX";
	int			fd;

	strcpy(path + strlen(path) - 6, "XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t) strlen(text));
	close(fd);
	return path;
}

/* The body of a request as JSON; the caller frees it. */
static BkJson *
body_of(const char *request)
{
	const char *body = strstr(request, "\r\n\r\n") + 4;
	BkJson	   *json;
	BkError		err;

	json = bk_json_parse(body, strlen(body), "a body", &err);
	assert_good(json != NULL, &err);
	return json;
}

static const char *
member(const BkJson *json, const char *name)
{
	return bk_json_string(bk_json_get(json, name), "");
}

static void
posts_as_it_is(void **state)
{
	Script		script = {.turns = &taken, .count = 1};
	ScriptServer *server = script_start(next_turn, &script);
	char		url[100];
	BkChannel	channel = {.host = &host, .target = url, .secret_file = write_secret("to-ken\nrest")};
	BkJson	   *body;
	BkError		err;

	(void) state;
	snprintf(url, sizeof(url), "%s/hook", script_origin(server));
	assert_good(send_by("webhook", &channel, two_changes, &err), &err);
	assert_int_equal(script.taken, 1);
	assert_memory_equal(script.requests[0], "POST /hook HTTP/1.1\r\n", 21);
	assert_non_null(strstr(script.requests[0], "Content-Type: application/json\r\n"));
	assert_non_null(strstr(script.requests[0], "Authorization: Bearer to-ken\r\n"));
	body = body_of(script.requests[0]);
	assert_int_equal(bk_json_length(bk_json_get(body, "changes")), 2);
	bk_json_free(body);
	unlink(channel.secret_file);
	forget(&script);
	script_stop(server);
}

static void
writes_to_slack(void **state)
{
	Script		script = {.turns = &taken, .count = 1};
	ScriptServer *server = script_start(next_turn, &script);
	char		url[100];
	BkChannel	channel = {.host = &host};
	BkJson	   *body;
	BkError		err;

	(void) state;
	snprintf(url, sizeof(url), "%s/services/%s\n", script_origin(server), SECRET);
	channel.secret_file = write_secret(url);
	assert_good(send_by("slack", &channel, two_changes, &err), &err);
	assert_memory_equal(script.requests[0], "POST /services/" SECRET " HTTP", 35);
	body = body_of(script.requests[0]);
	assert_string_equal(member(body, "text"),
						"backup_ext, main on db1:5432: 2 changes, the worst is critical\n"
						"app is critical: There is &lt;no&gt; good backup &amp; no hope. (since 2026-11-21T10:14:00Z)\n"
						"WAL archiving is ok again: All is archived. (since 2026-11-21T10:13:00Z)\n");
	bk_json_free(body);
	unlink(channel.secret_file);
	forget(&script);
	script_stop(server);
}

static void
opens_and_closes_incidents(void **state)
{
	static const char key[] = "backup_ext/7440958112339017623/app";
	Script		script = {.turns = &taken, .count = 1};
	ScriptServer *server = script_start(next_turn, &script);
	char		url[100];
	BkChannel	channel = {.host = &host, .target = url, .secret_file = write_secret("R0UTING\n")};
	BkJson	   *event;
	BkError		err;

	(void) state;
	snprintf(url, sizeof(url), "%s/v2/enqueue", script_origin(server));
	assert_good(send_by("pagerduty", &channel, two_changes, &err), &err);
	assert_int_equal(script.taken, 2);
	assert_null(strstr(script.requests[0], "Authorization"));
	event = body_of(script.requests[0]);
	assert_string_equal(member(event, "routing_key"), "R0UTING");
	assert_string_equal(member(event, "event_action"), "trigger");
	assert_string_equal(member(event, "dedup_key"), key);
	assert_string_equal(member(bk_json_get(event, "payload"), "severity"), "critical");
	assert_string_equal(member(bk_json_get(event, "payload"), "source"), "main on db1:5432");
	assert_string_equal(member(bk_json_get(event, "payload"), "summary"),
						"app: There is <no> good backup & no hope.");
	bk_json_free(event);
	event = body_of(script.requests[1]);
	assert_string_equal(member(event, "event_action"), "resolve");
	assert_string_equal(member(event, "dedup_key"), "backup_ext/7440958112339017623/WAL archiving");
	assert_null(bk_json_get(event, "payload"));
	bk_json_free(event);

	forget(&script);
	assert_good(send_by("pagerduty", &channel, test_message, &err), &err);
	assert_int_equal(script.taken, 2);
	event = body_of(script.requests[0]);
	assert_string_equal(member(bk_json_get(event, "payload"), "severity"), "info");
	bk_json_free(event);
	unlink(channel.secret_file);
	channel.secret_file = NULL;
	assert_false(send_by("pagerduty", &channel, test_message, &err));
	assert_reason(&err, BK_STATE_BAD_ARGUMENT, "routing key");
	forget(&script);
	script_stop(server);
}

static void
sets_alerts(void **state)
{
	Script		script = {.turns = &taken, .count = 1};
	ScriptServer *server = script_start(next_turn, &script);
	char		url[100];
	BkChannel	channel = {.host = &host, .target = url};
	char		text[4096];
	BkJson	   *alerts;
	const BkJson *alert;
	BkError		err;

	(void) state;
	snprintf(url, sizeof(url), "%s/", script_origin(server));
	assert_good(send_by("alertmanager", &channel, two_changes, &err), &err);
	assert_memory_equal(script.requests[0], "POST /api/v2/alerts HTTP", 24);
	snprintf(text, sizeof(text), "{\"alerts\": %s}", strstr(script.requests[0], "\r\n\r\n") + 4);
	alerts = bk_json_parse(text, strlen(text), "alerts", &err);
	assert_good(alerts != NULL, &err);
	/* the warning that was, what it became, and what is over */
	assert_int_equal(bk_json_length(bk_json_get(alerts, "alerts")), 3);
	alert = bk_json_at(bk_json_get(alerts, "alerts"), 0);
	assert_string_equal(member(bk_json_get(alert, "labels"), "severity"), "warning");
	alert = bk_json_at(bk_json_get(alerts, "alerts"), 1);
	assert_string_equal(member(bk_json_get(alert, "labels"), "severity"), "critical");
	assert_string_equal(member(bk_json_get(alert, "labels"), "what"), "app");
	assert_string_equal(member(bk_json_get(alert, "labels"), "alertname"), "BackupExt");
	assert_string_equal(member(alert, "startsAt"), "2026-11-21T10:14:00Z");
	assert_true(strcmp(member(alert, "endsAt"), member(bk_json_at(bk_json_get(alerts, "alerts"), 0), "endsAt")) > 0);
	alert = bk_json_at(bk_json_get(alerts, "alerts"), 2);
	assert_string_equal(member(bk_json_get(alert, "labels"), "severity"), "critical");
	bk_json_free(alerts);

	forget(&script);
	snprintf(url, sizeof(url), "%s/am/api/v2/alerts", script_origin(server));
	assert_good(send_by("alertmanager", &channel, test_message, &err), &err);
	assert_memory_equal(script.requests[0], "POST /am/api/v2/alerts HTTP", 27);
	forget(&script);
	script_stop(server);
}

static void
pings(void **state)
{
	static const struct
	{
		const char *path;
		const char *message;
		const char *first_line;
	}			cases[] = {
		{"/uuid", "{}", "GET /uuid HTTP"},
		{"/uuid", "{\"signal\": \"success\"}", "GET /uuid HTTP"},
		{"/uuid", "{\"signal\": \"start\"}", "GET /uuid/start HTTP"},
		{"/uuid/", "{\"signal\": \"fail\"}", "GET /uuid/fail HTTP"},
		{"/uuid?create=1", "{\"signal\": \"fail\"}", "GET /uuid/fail?create=1 HTTP"},
	};
	Script		script = {.turns = &taken, .count = 1};
	ScriptServer *server = script_start(next_turn, &script);
	BkError		err;

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		char		url[100];
		BkChannel	channel = {.host = &host, .target = url};

		snprintf(url, sizeof(url), "%s%s", script_origin(server), cases[i].path);
		assert_good(send_by("ping", &channel, cases[i].message, &err), &err);
		assert_memory_equal(script.requests[0], cases[i].first_line, strlen(cases[i].first_line));
		forget(&script);
	}
	script_stop(server);
}

/* What passes is tried again; what a receiver says is shown, and no secret. */
static void
tries_again_and_keeps_secrets(void **state)
{
	static const ScriptTurn busy[] = {{.answer = BUSY}, {.answer = BUSY}, {.answer = TAKEN}};
	static const ScriptTurn refused = {.answer =
		"HTTP/1.1 403 No\r\nContent-Length: 12\r\n\r\ninvalid_auth"};
	static const ScriptTurn echoed = {.answer =
		"HTTP/1.1 404 No\r\nContent-Length: 30\r\n\r\nno " SECRET " is here ...."};
	Script		script = {.turns = busy, .count = 3};
	ScriptServer *server = script_start(next_turn, &script);
	char		url[100];
	BkChannel	channel = {.host = &host};
	BkError		err;

	(void) state;
	snprintf(url, sizeof(url), "%s/%s", script_origin(server), SECRET);
	channel.secret_file = write_secret(url);
	assert_good(send_by("webhook", &channel, test_message, &err), &err);
	assert_int_equal(script.taken, 3);
	forget(&script);

	script.turns = &refused;
	script.count = 1;
	assert_false(send_by("webhook", &channel, test_message, &err));
	assert_reason(&err, BK_STATE_REFUSED, "did not take the message and answered 403");
	assert_int_equal(script.taken, 1);
	script.turns = &echoed;
	assert_false(send_by("webhook", &channel, test_message, &err));
	assert_reason(&err, BK_STATE_SYSTEM, "answered 404");
	assert_null(strstr(err.message, SECRET));
	assert_null(strstr(err.detail, SECRET));
	forget(&script);
	script_stop(server);
	assert_false(send_by("webhook", &channel, test_message, &err));
	assert_reason(&err, BK_STATE_UNREACHABLE, "could not connect to");
	assert_null(strstr(err.message, SECRET));
	assert_null(strstr(err.detail, SECRET));
	unlink(channel.secret_file);
}

static void
refuses_bad_channels(void **state)
{
	static const char *const people[] = {"a@example.org", "b@example.org>\r\nBcc: c@example.org"};
	static const struct
	{
		const char *kind;
		BkChannel	channel;
		const char *reason;
	}			cases[] = {
		{"pigeon", {.target = "https://x"}, "unknown kind of channel \"pigeon\""},
		{"webhook", {0}, "neither a target nor a secret file"},
		{"webhook", {.target = "ftp://x/"}, "does not begin with https://"},
		{"webhook", {.target = "httpx://x/"}, "does not begin with https://"},
		{"webhook", {.target = "https:///x"}, "has no host"},
		{"webhook", {.target = "https://me:canary@x/"}, "has a user in it"},
		{"webhook", {.target = "https://x/a b"}, "characters that no URL has"},
		{"webhook", {.target = "http://example.org/"}, "is not encrypted"},
		{"slack", {.target = "http://10.0.0.1/"}, "is not encrypted"},
		{"program", {0}, "not the absolute path"},
		{"program", {.target = "sh"}, "not the absolute path"},
		{"mail", {0}, "has no target"},
		{"mail", {.target = "https://x", .sender = "a@b", .recipients = people, .recipient_count = 1}, "does not begin with smtps://"},
		{"mail", {.target = "smtp://x"}, "the sender of the channel is not"},
		{"mail", {.target = "smtp://x", .sender = "a@b"}, "no recipients"},
		{"mail", {.target = "smtp://x", .sender = "a@b", .recipients = people, .recipient_count = 2}, "is not a mail address"},
		{"mail", {.target = "smtp://x", .sender = "a@b", .login = "me", .recipients = people, .recipient_count = 1}, "no secret file"},
	};
	BkError		err;

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		BkChannel	channel = cases[i].channel;

		channel.host = &host;
		assert_false(send_by(cases[i].kind, &channel, test_message, &err));
		assert_reason(&err, BK_STATE_BAD_ARGUMENT, cases[i].reason);
		assert_null(strstr(err.message, "canary"));
	}
}

static void
runs_programs(void **state)
{
	static const char *const good[] = {"-c", "read -r line; case $line in *'\"what\":\"app\"'*) test -z \"$HOME\";; *) exit 3;; esac"};
	static const char *const bad[] = {"-c", "echo no luck >&2; exit 5"};
	BkChannel	channel = {.host = &host, .target = "/bin/sh", .arguments = good, .argument_count = 2};
	BkError		err;

	(void) state;
	assert_good(send_by("program", &channel, two_changes, &err), &err);
	channel.arguments = bad;
	assert_false(send_by("program", &channel, two_changes, &err));
	assert_reason(&err, BK_STATE_SYSTEM, "no luck");
	channel.target = "/nowhere/at/all";
	assert_false(send_by("program", &channel, two_changes, &err));
	assert_reason(&err, BK_STATE_MISSING_FILE, "/nowhere/at/all");
}

/* The name of a database must not add a header to a mail, or a line to a text. */
static void
stays_on_its_line(void **state)
{
	static const char odd[] =
		"{\"event\": \"alarm\", \"host\": \"db1\", \"more\": 0, \"changes\": ["
		"{\"what\": \"a\\r\\nBcc: b\", \"event\": \"problem\", \"state\": \"critical\","
		" \"reason\": \"It is\\nbad\", \"since\": \"now\"}]}";
	BkError		err;
	BkJson	   *message = bk_json_parse(odd, strlen(odd), "a message", &err);
	BkBuf		text;

	(void) state;
	assert_good(message != NULL, &err);
	bk_buf_init(&text);
	bk_message_title(message, &text);
	assert_string_equal(text.data, "backup_ext, db1: a  Bcc: b is critical");
	bk_buf_free(&text);
	bk_buf_init(&text);
	bk_message_lines(message, &text);
	assert_string_equal(text.data, "a  Bcc: b is critical: It is bad (since now)\n");
	bk_buf_free(&text);
	bk_json_free(message);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(posts_as_it_is),
		cmocka_unit_test(writes_to_slack),
		cmocka_unit_test(opens_and_closes_incidents),
		cmocka_unit_test(sets_alerts),
		cmocka_unit_test(pings),
		cmocka_unit_test(tries_again_and_keeps_secrets),
		cmocka_unit_test(refuses_bad_channels),
		cmocka_unit_test(runs_programs),
		cmocka_unit_test(stays_on_its_line),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
