/*
 * archive_agent.c
 *	  Asks the child for one file at a time and waits for its answer. What the
 *	  child does beside that, it does by itself.
 */
#include "postgres.h"

#include <limits.h>
#include <sys/wait.h>

#include "miscadmin.h"
#include "postmaster/interrupt.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "server/archive_agent.h"
#include "server/archive_stats.h"
#include "server/archive_stop.h"
#include "server/child.h"
#include "server/message.h"
#include "server/request.h"

/* The child says something every two seconds; silence means that it hangs. */
#define BK_AGENT_SILENCE_MS (60 * 1000)
/* As long as no byte moves, the store hangs. */
#define BK_AGENT_STALL_MS (60 * 1000)
/*
 * How often to look whether the child lives, and while its output has ended.
 * A signal at its end would wake the archiver, and make it try again and again.
 */
#define BK_AGENT_LOOK_MS 1000
#define BK_AGENT_END_MS 20
/* A push that is nearly done is not given up for new settings at once. */
#define BK_AGENT_RELOAD_MS 500
/* From one start of a child that never answers to the next. */
#define BK_AGENT_PAUSE_MS 100
#define BK_AGENT_PAUSE_MAX_MS (10 * 1000)
#define BK_AGENT_LOG_LINES 100	/* of standard error in a minute */

typedef struct BkAgent
{
	BkChild		child;
	bool		initialized;
	char	   *request;		/* what the child was given; NULL: no child */
	bool		greeted;
	TimestampTz started_at;
	int			pause_ms;		/* until the next start */
	char		asked[BK_WAL_FILE_SIZE];	/* not answered yet; or empty */
	bool		answered;		/* the last that was asked is */
	bool		pushed;			/* and this is the answer */
	int64		plain_size;		/* of what was pushed */
	int64		stored_size;
	BkOutcome	refusal;		/* or this is the answer */
	TimestampTz heard_at;
	TimestampTz moved_at;
	int64		moved;			/* bytes that the child has worked on */
	bool		took_latch;
	TimestampTz log_minute;		/* in which lines are counted */
	int			log_lines;
} BkAgent;

/* Until when the archiver waits for an answer, and what it means then. */
typedef struct BkPatience
{
	TimestampTz reload_at;		/* new settings were seen; 0: none */
} BkPatience;

static BkAgent bk_agent;

static bool bk_agent_keep(BkOutcome *failure);
static void bk_agent_start(const char *request);
static bool bk_agent_ask(const char *name, BkOutcome *failure);
static BkPush bk_agent_await(const char *name, BkOutcome *failure);
static bool bk_agent_listen(BkOutcome *failure);
static bool bk_agent_is_late(BkPatience *patience, BkOutcome *failure,
							 BkPush *result);
static long bk_agent_timeout(const BkPatience *patience);
static long bk_agent_since(TimestampTz time);
static void bk_agent_on_event(void *arg, char *line, int length);
static void bk_agent_on_answer(Jsonb *event, bool pushed);
static void bk_agent_on_working(Jsonb *event);
static void bk_agent_on_failed(Jsonb *event);
static void bk_agent_refuse(Jsonb *event);
static void bk_agent_on_log(void *arg, const char *line);
static bool bk_agent_never_stop(void *arg);

static const BkChildHost bk_agent_host = {
	bk_agent_on_event, bk_agent_on_log, bk_agent_never_stop, NULL
};

BkPush
bk_agent_push(const char *name, BkOutcome *failure)
{
	if (!bk_agent_keep(failure))
		return failure->sqlstate[0] == '\0' ? BK_PUSH_LATER : BK_PUSH_FAILED;
	if (!bk_agent_ask(name, failure))
		return BK_PUSH_FAILED;
	return bk_agent_await(name, failure);
}

bool
bk_agent_took_latch(void)
{
	bool		took = bk_agent.took_latch;

	bk_agent.took_latch = false;
	return took;
}

void
bk_agent_drop(void)
{
	if (bk_agent.request == NULL)
		return;
	bk_child_stop(&bk_agent.child);
	pfree(bk_agent.request);
	bk_agent.request = NULL;
	bk_agent.asked[0] = '\0';
	bk_archive_stats_child(0);
}

/* --- the life of the child --- */

/*
 * Sees to it that there is a child that knows the present settings. False
 * without a reason: it is not time to start one yet.
 */
static bool
bk_agent_keep(BkOutcome *failure)
{
	char	   *request = bk_request_archive_line();

	bk_outcome_succeed(failure, NULL);
	if (!bk_agent.initialized)
	{
		bk_child_init(&bk_agent.child);
		bk_agent.initialized = true;
	}
	/* it may have died while nobody looked */
	if (bk_agent.request != NULL && bk_child_take(&bk_agent.child, &bk_agent_host))
		bk_agent_drop();
	if (bk_agent.request != NULL && strcmp(bk_agent.request, request) != 0)
	{
		bk_agent_drop();
		bk_agent.pause_ms = 0;
	}
	if (bk_agent.request != NULL)
		return true;
	if (bk_agent_since(bk_agent.started_at) < bk_agent.pause_ms)
		return false;
	bk_agent_start(request);
	return true;
}

/* Each start in vain doubles the pause before the next; an answer ends that. */
static void
bk_agent_start(const char *request)
{
	bk_agent.started_at = GetCurrentTimestamp();
	bk_agent.pause_ms = bk_agent.pause_ms == 0 ? BK_AGENT_PAUSE_MS :
		Min(bk_agent.pause_ms * 2, BK_AGENT_PAUSE_MAX_MS);
	bk_agent.greeted = false;
	bk_agent.asked[0] = '\0';
	bk_agent.request = MemoryContextStrdup(TopMemoryContext, request);
	bk_child_start(&bk_agent.child, "archive-agent", request);
	bk_archive_stats_child(bk_agent.child.pid);
}

/* --- one push --- */

/* What was asked for before, and given up for new settings, is not asked again. */
static bool
bk_agent_ask(const char *name, BkOutcome *failure)
{
	char		line[BK_WAL_FILE_SIZE + 16];

	if (strcmp(bk_agent.asked, name) == 0)
		return true;
	snprintf(line, sizeof(line), "{\"push\": \"%s\"}\n", name);
	strlcpy(bk_agent.asked, name, sizeof(bk_agent.asked));
	bk_agent.answered = false;
	bk_agent.moved = -1;
	bk_agent.moved_at = bk_agent.heard_at = GetCurrentTimestamp();
	if (bk_child_send(&bk_agent.child, line))
		return true;
	bk_outcome_fail(failure, ERRCODE_CONNECTION_FAILURE,
					"the archiving program does not take requests");
	bk_agent_drop();
	return false;
}

static BkPush
bk_agent_await(const char *name, BkOutcome *failure)
{
	BkPatience	patience = {0};
	BkPush		result;

	while (!bk_agent.answered)
	{
		switch (bk_child_wait(&bk_agent.child, bk_agent_timeout(&patience)))
		{
			case BK_CHILD_ORPHANED:
				bk_agent_drop();
				return BK_PUSH_LATER;
			case BK_CHILD_LATCHED:
				bk_agent.took_latch = true;
				break;
			case BK_CHILD_HEARD:
				break;
		}
		CHECK_FOR_INTERRUPTS();
		if (!bk_agent_listen(failure))
			return BK_PUSH_FAILED;
		if (!bk_agent.answered &&
			bk_agent_is_late(&patience, failure, &result))
			return result;
	}
	bk_agent.asked[0] = '\0';
	bk_agent.pause_ms = 0;
	if (!bk_agent.pushed)
	{
		*failure = bk_agent.refusal;
		return BK_PUSH_FAILED;
	}
	bk_archive_stats_archived(name, bk_agent.plain_size, bk_agent.stored_size);
	return BK_PUSH_DONE;
}

/* False if the child has ended without an answer. */
static bool
bk_agent_listen(BkOutcome *failure)
{
	if (!bk_child_take(&bk_agent.child, &bk_agent_host) || bk_agent.answered)
		return true;
	bk_outcome_fail(failure, ERRCODE_SYSTEM_ERROR,
					"the archiving program ended without an answer");
	bk_outcome_detail(failure, "It ended with: %s.",
					  wait_result_to_str(bk_agent.child.status));
	bk_outcome_hint(failure, "The server log has what it said.");
	bk_agent_drop();
	return false;
}

/* Is it time to give up waiting? *result and *failure say why. */
static bool
bk_agent_is_late(BkPatience *patience, BkOutcome *failure, BkPush *result)
{
	*result = BK_PUSH_LATER;
	if (bk_archive_stop_left() == 0)
	{
		bk_agent_drop();
		return true;
	}
	if (ConfigReloadPending)
	{
		if (patience->reload_at == 0)
			patience->reload_at = GetCurrentTimestamp();
		if (bk_agent_since(patience->reload_at) >= BK_AGENT_RELOAD_MS)
			return true;
	}
	*result = BK_PUSH_FAILED;
	if (bk_agent_since(bk_agent.heard_at) >= BK_AGENT_SILENCE_MS)
		bk_outcome_fail(failure, ERRCODE_SYSTEM_ERROR,
						"the archiving program has said nothing for %d s",
						BK_AGENT_SILENCE_MS / 1000);
	else if (bk_agent_since(bk_agent.moved_at) >= BK_AGENT_STALL_MS)
		bk_outcome_fail(failure, ERRCODE_IO_ERROR,
						"not a byte has reached the repository for %d s",
						BK_AGENT_STALL_MS / 1000);
	else
		return false;
	bk_agent_drop();
	return true;
}

/* Returns how long the next wait may take. */
static long
bk_agent_timeout(const BkPatience *patience)
{
	long		stop = bk_archive_stop_left();
	long		timeout = Min(BK_AGENT_SILENCE_MS - bk_agent_since(bk_agent.heard_at),
							  BK_AGENT_STALL_MS - bk_agent_since(bk_agent.moved_at));

	timeout = Min(timeout, bk_agent.child.out.fd < 0 ? BK_AGENT_END_MS :
				  BK_AGENT_LOOK_MS);
	if (stop >= 0)
		timeout = Min(timeout, stop);
	if (ConfigReloadPending)
		timeout = Min(timeout, patience->reload_at == 0 ? 0 :
					  BK_AGENT_RELOAD_MS - bk_agent_since(patience->reload_at));
	return Max(timeout, 0);
}

/* In milliseconds. A clock that was set back must not make it wait. */
static long
bk_agent_since(TimestampTz time)
{
	TimestampTz now = GetCurrentTimestamp();

	return now < time ? INT_MAX : TimestampDifferenceMilliseconds(time, now);
}

/* --- callbacks of the child --- */

static void
bk_agent_on_event(void *arg, char *line, int length)
{
	Jsonb	   *event = bk_message_parse(line, length);
	char	   *name = bk_message_needed_text(event, "event");

	bk_agent.heard_at = GetCurrentTimestamp();
	if (strcmp(name, "hello") == 0)
	{
		bk_message_hello(event);
		bk_agent.greeted = true;
	}
	else if (!bk_agent.greeted)
		bk_message_violation("the first event is not \"hello\"", name);
	else if (strcmp(name, "pushed") == 0)
		bk_agent_on_answer(event, true);
	else if (strcmp(name, "refused") == 0)
		bk_agent_on_answer(event, false);
	else if (strcmp(name, "working") == 0)
		bk_agent_on_working(event);
	else if (strcmp(name, "failed") == 0)
		bk_agent_on_failed(event);
	/* an event that is unknown comes from a newer program and is optional */
}

/* Only what was said of the very file that was asked for is an answer. */
static void
bk_agent_on_answer(Jsonb *event, bool pushed)
{
	char	   *name = bk_message_needed_text(event, "name");

	if (bk_agent.answered || strcmp(name, bk_agent.asked) != 0)
		return;
	if (!pushed)
		bk_agent_refuse(event);
	bk_agent.plain_size = bk_message_number(event, "size", 0);
	bk_agent.stored_size = bk_message_number(event, "stored", 0);
	bk_agent.pushed = pushed;
	bk_agent.answered = true;
}

static void
bk_agent_on_working(Jsonb *event)
{
	int64		done = bk_message_number(event, "done", 0);

	if (strcmp(bk_message_needed_text(event, "name"), bk_agent.asked) != 0 ||
		done == bk_agent.moved)
		return;
	bk_agent.moved = done;
	bk_agent.moved_at = bk_agent.heard_at;
}

/* The program has not understood the request, and ends. */
static void
bk_agent_on_failed(Jsonb *event)
{
	if (bk_agent.answered)
		return;
	bk_agent_refuse(event);
	bk_agent.pushed = false;
	bk_agent.answered = true;
}

static void
bk_agent_refuse(Jsonb *event)
{
	bk_outcome_from_program(&bk_agent.refusal, bk_message_text(event, "sqlstate"),
							bk_message_text(event, "message"),
							bk_message_text(event, "detail"),
							bk_message_text(event, "hint"));
}

/* A program gone mad must not fill the disk. */
static void
bk_agent_on_log(void *arg, const char *line)
{
	TimestampTz minute = GetCurrentTimestamp() / USECS_PER_MINUTE;

	if (bk_agent.log_minute != minute)
	{
		bk_agent.log_minute = minute;
		bk_agent.log_lines = 0;
	}
	if (bk_agent.log_lines++ < BK_AGENT_LOG_LINES)
		ereport(LOG, (errmsg_internal("archiving: %s", line)));
}

/* This child is stopped by its owner, not while it is listened to. */
static bool
bk_agent_never_stop(void *arg)
{
	return false;
}
