/*
 * hook.c
 *	  Programs that are run before and after a verb.
 *
 * A hook gets what there is to know as one line of JSON on its standard input,
 * and the most important of it as arguments. It is started without a shell and
 * with an environment built from nothing, and what it says goes to the log.
 */
#include "job/hook.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "core/child.h"
#include "core/clock.h"

/* After a run that was canceled: soon all that is left will be killed. */
#define CANCELED_MS		4000

#define ID_SIZE			256

/* One call of a hook. */
typedef struct Hook
{
	const char *program;
	const BkHost *host;
	int64_t		deadline;
	int64_t		limit_ms;
	bool		canceled;		/* the wish to stop has been heard already */
} Hook;

/* A host that looks at the records that pass, to learn the backup's id. */
typedef struct Listener
{
	const BkHost *host;
	char		id[ID_SIZE];	/* "" until there is one */
} Listener;

static bool run_before(const char *name, const BkRequest *request,
					   const BkHost *host, BkError *err);
static bool run_after(const char *name, const BkRequest *request,
					  const BkHost *host, const BkError *problem, const char *id);
static BkJson *describe(const char *when, const char *name, const BkRequest *request);
static bool run_hook(Hook *hook, char *const *argv, const BkJson *input,
					 int *status, BkError *err);
static bool talk(BkChild *child, const char *text, BkError *err);
static bool judge(const Hook *hook, int status, BkError *err);
static const char *or_empty(const char *text);
static bool hook_tick(void *arg, BkError *err);
static void hook_log(void *arg, const char *line);
static BkHost listen_to(Listener *listener, const BkHost *host);

bool
bk_hook_around(const char *name, BkVerb verb, const BkRequest *request,
			   const BkHost *host, BkError *err)
{
	Listener	listener = {.host = host};
	BkHost		listening = listen_to(&listener, host);
	BkError		problem;
	bool		done;

	if (or_empty(request->hook_before)[0] != '\0' && !run_before(name, request, host, err))
		return false;
	if (or_empty(request->hook_after)[0] == '\0')
		return verb(request, host, err);
	done = verb(request, &listening, err);
	problem = done ? (BkError) {0} : *err;
	if (!run_after(name, request, host, done ? NULL : err, listener.id))
		bk_log(host, BK_LOG_WARNING, "the hook after the run has failed, which changes nothing");
	if (!done)
		*err = problem;
	return done;
}

static bool
run_before(const char *name, const BkRequest *request, const BkHost *host,
		   BkError *err)
{
	char	   *argv[] = {(char *) request->hook_before, "before", (char *) name,
		(char *) or_empty(request->kind), (char *) or_empty(request->database), NULL};
	Hook		hook = {.program = request->hook_before, .host = host, .limit_ms = request->hook_timeout};
	BkJson	   *input = describe("before", name, request);
	int			status;
	bool		done = run_hook(&hook, argv, input, &status, err) && judge(&hook, status, err);

	bk_json_free(input);
	return done;
}

/* What it fails with is told here: nobody else will. */
static bool
run_after(const char *name, const BkRequest *request, const BkHost *host,
		  const BkError *problem, const char *id)
{
	bool		canceled = problem != NULL && bk_error_is(problem, BK_STATE_CANCELED);
	const char *state = problem == NULL ? "done" : canceled ? "canceled" :
		bk_error_is(problem, BK_STATE_SKIPPED) ? "skipped" : "failed";
	char	   *argv[] = {(char *) request->hook_after, "after", (char *) name,
		(char *) or_empty(request->kind), (char *) or_empty(request->database),
		(char *) state, NULL};
	Hook		hook = {.program = request->hook_after, .host = host, .canceled = canceled,
		.limit_ms = canceled ? CANCELED_MS : request->hook_timeout};
	BkJson	   *input = describe("after", name, request);
	BkError		failure;
	int			status;
	bool		done;

	bk_json_put_string(input, "state", state);
	if (id[0] != '\0')
		bk_json_put_string(input, "id", id);
	if (problem != NULL)
	{
		bk_json_put_string(input, "sqlstate", problem->sqlstate);
		bk_json_put_words(input, "message", problem->message);
	}
	done = run_hook(&hook, argv, input, &status, &failure);
	if (done && !(WIFEXITED(status) && WEXITSTATUS(status) == 0))
		done = judge(&hook, status, &failure);
	if (!done)
		bk_log(host, BK_LOG_WARNING, "%s", failure.message);
	bk_json_free(input);
	return done;
}

/* What there is to know before the run. */
static BkJson *
describe(const char *when, const char *name, const BkRequest *request)
{
	BkJson	   *input = bk_json_object();

	bk_json_put_int(input, "version", 1);
	bk_json_put_string(input, "hook", when);
	bk_json_put_string(input, "verb", name);
	bk_json_put_int(input, "run", request->run);
	bk_json_put_string(input, "kind", request->kind);
	bk_json_put_string(input, "database", request->database);
	bk_json_put_string(input, "schedule", request->schedule);
	bk_json_put_string(input, "label", request->label);
	if (request->id != NULL)
		bk_json_put_string(input, "id", request->id);
	return input;
}

/* Run it to its end, whatever status that has. */
static bool
run_hook(Hook *hook, char *const *argv, const BkJson *input, int *status,
		 BkError *err)
{
	static char *const envp[] = {"PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C", "TZ=UTC", NULL};
	char	   *text = bk_json_text(input, false);
	BkChild    *child = NULL;
	bool		done;

	hook->deadline = bk_clock_monotonic_ms() + hook->limit_ms;
	if (text == NULL)
		return bk_error_memory(err);
	if (hook->program[0] == '/')
		child = bk_child_spawn(&(BkChildSpec) {
			.program = hook->program,
			.argv = argv,
			.envp = envp,
			.input = BK_CHILD_PIPE,
			.output = BK_CHILD_NULL,
			.tick = hook_tick,
			.log = hook_log,
			.arg = hook,
		}, err);
	else
		bk_error(err, BK_STATE_BAD_ARGUMENT, "hook \"%s\" is not an absolute path", hook->program);
	done = child != NULL && talk(child, text, err) && bk_child_wait(child, status, err);
	bk_child_free(child);
	free(text);
	return done;
}

/* It need not listen. */
static bool
talk(BkChild *child, const char *text, BkError *err)
{
	bool		ended;

	if (!bk_child_write(child, text, strlen(text), &ended, err) ||
		(!ended && !bk_child_write(child, "\n", 1, &ended, err)))
		return false;
	bk_child_close_stdin(child);
	return true;
}

static bool
judge(const Hook *hook, int status, BkError *err)
{
	int			code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;

	if (code == BK_HOOK_GO_ON)
		return true;
	if (code == BK_HOOK_SKIP)
		return bk_error(err, BK_STATE_SKIPPED, "hook \"%s\" wants this run to be skipped", hook->program);
	if (code == BK_HOOK_RETRY)
	{
		bk_error(err, BK_STATE_NOT_NOW, "hook \"%s\" wants this run to be tried again later", hook->program);
		return bk_error_hint(err, "A run of a schedule is tried again by itself.");
	}
	bk_error(err, BK_STATE_VETOED, "hook \"%s\" has failed", hook->program);
	if (code >= 0)
		return bk_error_detail(err, "It ended with exit status %d.", code);
	return bk_error_detail(err, "It was ended by signal %d.", WTERMSIG(status));
}

static const char *
or_empty(const char *text)
{
	return text != NULL ? text : "";
}

static bool
hook_tick(void *arg, BkError *err)
{
	const Hook *hook = arg;

	if (bk_clock_monotonic_ms() > hook->deadline)
		return bk_error(err, BK_STATE_VETOED, "hook \"%s\" took longer than %lld ms",
						hook->program, (long long) hook->limit_ms);
	return hook->canceled || bk_go_on(hook->host, err);
}

static void
hook_log(void *arg, const char *line)
{
	const Hook *hook = arg;

	bk_log(hook->host, BK_LOG_INFO, "hook: %s", line);
}

/* --- the host that listens --- */

static void
listener_log(void *ctx, BkLogLevel level, const char *message)
{
	const BkHost *host = ((Listener *) ctx)->host;

	host->log(host->ctx, level, message);
}

/* The first backup is the new one; the others are copies of it. */
static void
listener_record(void *ctx, const char *kind, const BkJson *body)
{
	Listener   *listener = ctx;
	const BkHost *host = listener->host;

	if (strcmp(kind, "backup") == 0 && listener->id[0] == '\0')
		snprintf(listener->id, ID_SIZE, "%s", bk_json_string(bk_json_get(body, "id"), ""));
	host->record(host->ctx, kind, body);
}

static void
listener_progress(void *ctx, const BkProgress *progress)
{
	const BkHost *host = ((Listener *) ctx)->host;

	host->progress(host->ctx, progress);
}

static bool
listener_stop(void *ctx)
{
	const BkHost *host = ((Listener *) ctx)->host;

	return host->stop(host->ctx);
}

static const char *
listener_variable(void *ctx, const char *name)
{
	const BkHost *host = ((Listener *) ctx)->host;

	return host->variable != NULL ? host->variable(host->ctx, name) : NULL;
}

static BkHost
listen_to(Listener *listener, const BkHost *host)
{
	BkHost		listening = {
		.ctx = listener,
		.log = listener_log,
		.record = listener_record,
		.progress = listener_progress,
		.stop = listener_stop,
		.variable = listener_variable,
	};

	listener->host = host;
	return listening;
}
