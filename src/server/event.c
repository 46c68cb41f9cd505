/*
 * event.c
 *	  What the program's events mean for a run. Whatever the program sends can
 *	  only make its own run fail: texts are data, numbers are checked, and each
 *	  line is forgotten before the next one is read.
 */
#include "postgres.h"

#include <sys/wait.h>

#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "server/catalogue.h"
#include "server/event.h"
#include "server/message.h"
#include "server/request.h"
#include "server/retention_store.h"
#include "server/space.h"
#include "server/urls.h"

#define BK_CHECKS_MAX 10000
#define BK_DECISIONS_MAX 10000	/* more of them are not kept */

typedef struct BkEventType
{
	const char *name;
	void		(*take) (BkReport *report, Jsonb *event);
} BkEventType;

static void bk_event_hello(BkReport *report, Jsonb *event);
static void bk_event_progress(BkReport *report, Jsonb *event);
static void bk_event_repository(BkReport *report, Jsonb *event);
static void bk_event_space(BkReport *report, Jsonb *event);
static void bk_event_backup(BkReport *report, Jsonb *event);
static void bk_event_put_new_backup(BkReport *report, const char *url,
									const char *id, Jsonb *event);
static void bk_event_wal(BkReport *report, Jsonb *event);
static void bk_event_listed(BkReport *report, Jsonb *event);
static void bk_event_check(BkReport *report, Jsonb *event);
static void bk_event_restored(BkReport *report, Jsonb *event);
static void bk_event_decision(BkReport *report, Jsonb *event);
static void bk_event_expired(BkReport *report, Jsonb *event);
static void bk_event_wal_expiring(BkReport *report, Jsonb *event);
static void bk_event_deleting(BkReport *report, Jsonb *event);
static void bk_event_deleted(BkReport *report, Jsonb *event);
static void bk_event_cloned(BkReport *report, Jsonb *event);
static void bk_event_dropped(BkReport *report, Jsonb *event);
static void bk_event_mark(BkReport *report, Jsonb *event);
static void bk_event_replicated(BkReport *report, Jsonb *event);
static void bk_event_notice(BkReport *report, Jsonb *event);
static void bk_event_done(BkReport *report, Jsonb *event);
static void bk_event_failed(BkReport *report, Jsonb *event);

static const BkEventType bk_event_types[] =
{
	{"hello", bk_event_hello},
	{"progress", bk_event_progress},
	{"repository", bk_event_repository},
	{"space", bk_event_space},
	{"backup", bk_event_backup},
	{"wal", bk_event_wal},
	{"listed", bk_event_listed},
	{"check", bk_event_check},
	{"restored", bk_event_restored},
	{"decision", bk_event_decision},
	{"expired", bk_event_expired},
	{"wal_expiring", bk_event_wal_expiring},
	{"deleting", bk_event_deleting},
	{"deleted", bk_event_deleted},
	{"dropped", bk_event_dropped},
	{"mark", bk_event_mark},
	{"replicated", bk_event_replicated},
	{"notice", bk_event_notice},
	{"done", bk_event_done},
	{"failed", bk_event_failed}
};

static void bk_event_dispatch(BkReport *report, Jsonb *event);
static char *bk_event_url(BkReport *report, Jsonb *event, const char *member);
static char *bk_event_id(Jsonb *event);
static void bk_event_add_member(StringInfo text, const char *name,
								const char *value);

void
bk_report_init(BkReport *report, int slot, const char *verb, const char *url)
{
	report->slot = slot;
	report->verb = verb;
	report->url = url;
	report->since = GetCurrentTimestamp();
	initStringInfo(&report->checks);
	initStringInfo(&report->decisions);
	report->line_context = AllocSetContextCreate(CurrentMemoryContext,
												 "backup_ext event",
												 ALLOCSET_DEFAULT_SIZES);
}

void
bk_report_take(BkReport *report, char *line, int length)
{
	MemoryContext old = MemoryContextSwitchTo(report->line_context);

	bk_event_dispatch(report, bk_message_parse(line, length));
	MemoryContextSwitchTo(old);
	MemoryContextReset(report->line_context);
}

void
bk_report_conclude(BkReport *report, int status, bool canceled,
				   BkOutcome *outcome)
{
	int			expected = report->outcome.ok ? 0 : 1;

	if (report->ended && WIFEXITED(status) && WEXITSTATUS(status) == expected)
	{
		*outcome = report->outcome;
		if (outcome->ok)
			bk_text_copy(outcome->result, sizeof(outcome->result), report->result);
		return;
	}
	if (canceled)
	{
		bk_outcome_fail(outcome, ERRCODE_QUERY_CANCELED, "the run was canceled");
		return;
	}
	bk_outcome_fail(outcome, ERRCODE_SYSTEM_ERROR,
					report->ended ?
					"the backup program ended with a status that does not fit what it said" :
					"the backup program ended without a result");
	bk_outcome_detail(outcome, "It ended with: %s.", wait_result_to_str(status));
	bk_outcome_hint(outcome, "The server log has what it said.");
}

char *
bk_report_checks(BkReport *report)
{
	if (report->decision_count > 0)
		return psprintf("{\"decisions\": [%s]}", report->decisions.data);
	return report->check_count == 0 ? NULL :
		psprintf("{\"checks\": [%s]}", report->checks.data);
}

/* --- a line --- */

static void
bk_event_dispatch(BkReport *report, Jsonb *event)
{
	char	   *name = bk_message_needed_text(event, "event");
	int			i;

	if (report->ended)
		bk_message_violation("an event follows the last one", name);
	if (!report->greeted && strcmp(name, "hello") != 0)
		bk_message_violation("the first event is not \"hello\"", name);
	for (i = 0; i < (int) lengthof(bk_event_types); i++)
	{
		if (strcmp(name, bk_event_types[i].name) == 0)
			bk_event_types[i].take(report, event);
	}
	/* an event that is unknown comes from a newer program and is optional */
}

/* --- events --- */

static void
bk_event_hello(BkReport *report, Jsonb *event)
{
	bk_message_hello(event);
	report->greeted = true;
}

static void
bk_event_progress(BkReport *report, Jsonb *event)
{
	BkProgress	progress = {0};
	char	   *phase = bk_message_text(event, "phase");
	char	   *object = bk_message_text(event, "object");

	if (phase != NULL)
		bk_text_copy(progress.phase, sizeof(progress.phase), phase);
	if (object != NULL)
		bk_text_copy(progress.object, sizeof(progress.object), object);
	progress.done = bk_message_number(event, "done", 0);
	progress.total = bk_message_number(event, "total", 0);
	progress.updated_at = GetCurrentTimestamp();
	bk_shared_set_progress(report->slot, &progress);
}

static void
bk_event_repository(BkReport *report, Jsonb *event)
{
	char	   *id = bk_message_needed_text(event, "id");

	bk_catalogue_put_repository(bk_event_url(report, event, "url"), event);
	if (report->result[0] == '\0')
		bk_text_copy(report->result, sizeof(report->result), id);
}

static void
bk_event_space(BkReport *report, Jsonb *event)
{
	bk_space_put(bk_event_url(report, event, "repository"), event);
}

static void
bk_event_backup(BkReport *report, Jsonb *event)
{
	char	   *id = bk_event_id(event);
	char	   *url = bk_event_url(report, event, "repository");

	/* the first is the new one, the others are copies */
	if (strcmp(report->verb, "backup") != 0 || report->result[0] != '\0')
	{
		bk_catalogue_put_backup(url, event);
		return;
	}
	bk_shared_set_backup(report->slot, id,
						 bk_message_number(event, "plain_size", -1),
						 bk_message_number(event, "stored_size", -1));
	bk_text_copy(report->result, sizeof(report->result), id);
	bk_event_put_new_backup(report, url, id, event);
}

/* The new backup is in the repository, whatever happens to its row here. */
static void
bk_event_put_new_backup(BkReport *report, const char *url, const char *id,
						Jsonb *event)
{
	MemoryContext context = CurrentMemoryContext;
	BkOutcome	outcome;

	PG_TRY();
	{
		bk_catalogue_put_backup(url, event);
	}
	PG_CATCH();
	{
		bk_catalogue_catch(&outcome, context);
		bk_shared_add_notice(report->slot, true,
							 psprintf("backup \"%s\" is good but not in the catalogue: %s",
									  id, outcome.message),
							 "Run backup_sync() when the cause is removed.");
	}
	PG_END_TRY();
}

static void
bk_event_wal(BkReport *report, Jsonb *event)
{
	bk_catalogue_put_wal_range(bk_event_url(report, event, "repository"), event,
							   report->since);
}

/* Until this has come, what was not reported may be there all the same. */
static void
bk_event_listed(BkReport *report, Jsonb *event)
{
	char	   *url = bk_event_url(report, event, "repository");
	MemoryContext old = MemoryContextSwitchTo(GetMemoryChunkContext(report->checks.data));

	report->listed = lappend(report->listed, pstrdup(url));
	MemoryContextSwitchTo(old);
}

/*
 * Keeps the line for the run's row, built anew from its known members. Who
 * creates a repository sees it at once.
 */
static void
bk_event_check(BkReport *report, Jsonb *event)
{
	StringInfo	checks = &report->checks;

	if (strcmp(report->verb, "init") == 0)
		bk_shared_add_notice(report->slot, false,
							 psprintf("%s: %s", bk_message_needed_text(event, "name"),
									  bk_message_needed_text(event, "detail")), NULL);

	if (report->check_count++ >= BK_CHECKS_MAX)
		bk_message_violation("too many \"check\" events",
						   bk_message_needed_text(event, "name"));
	if (checks->len > 0)
		appendStringInfoString(checks, ", ");
	appendStringInfoString(checks, "{\"name\": ");
	escape_json(checks, bk_message_needed_text(event, "name"));
	appendStringInfo(checks, ", \"ok\": %s",
					 bk_message_bool(event, "ok") ? "true" : "false");
	bk_event_add_member(checks, "detail", bk_message_text(event, "detail"));
	bk_event_add_member(checks, "hint", bk_message_text(event, "hint"));
	appendStringInfoChar(checks, '}');
}

static void
bk_event_restored(BkReport *report, Jsonb *event)
{
	char	   *kept_as = bk_message_text(event, "kept_as");

	if (strcmp(report->verb, "clone") == 0)
	{
		bk_event_cloned(report, event);
		return;
	}
	bk_text_copy(report->result, sizeof(report->result),
				 bk_message_needed_text(event, "database"));
	if (kept_as != NULL)
		bk_shared_add_notice(report->slot, false,
							 psprintf("the replaced database is kept as \"%s\"", kept_as),
							 NULL);
}

/* The clone runs, whatever happens to its row here. */
static void
bk_event_cloned(BkReport *report, Jsonb *event)
{
	MemoryContext context = CurrentMemoryContext;
	char	   *host = bk_message_text(event, "socket_directory");
	BkRun	   *run = palloc(sizeof(BkRun));
	StringInfoData conninfo;
	BkOutcome	outcome;

	initStringInfo(&conninfo);
	bk_request_conninfo_word(&conninfo, "host", host == NULL ? "localhost" : host);
	bk_request_conninfo_word(&conninfo, "port",
							 psprintf(INT64_FORMAT, bk_message_number(event, "port", 0)));
	bk_text_copy(report->result, sizeof(report->result), conninfo.data);
	bk_shared_read(report->slot, run);
	PG_TRY();
	{
		bk_catalogue_put_clone(event, run->requested_by);
	}
	PG_CATCH();
	{
		bk_catalogue_catch(&outcome, context);
		bk_shared_add_notice(report->slot, true,
							 psprintf("the clone runs but is not in the catalogue: %s",
									  outcome.message),
							 "Remove it with backup_clone_drop() when it is no longer needed.");
	}
	PG_END_TRY();
}

static void
bk_event_dropped(BkReport *report, Jsonb *event)
{
	bk_catalogue_remove_clone(bk_message_needed_text(event, "directory"));
}

/* Keeps a line for the run's row, with the place of the repository for its URL. */
static void
bk_event_decision(BkReport *report, Jsonb *event)
{
	static const char *const texts[] = {
		"id", "kind", "database", "schedule", "action", "reason", "finished_at", "delete_after"
	};
	char	   *url = bk_event_url(report, event, "repository");
	StringInfo	decisions = &report->decisions;
	int			i;

	if (report->decision_count++ >= BK_DECISIONS_MAX)
		return;
	appendStringInfo(decisions, "%s{\"repository\": %d", decisions->len > 0 ? ", " : "",
					 bk_urls_number(report->url, url));
	for (i = 0; i < (int) lengthof(texts); i++)
		bk_event_add_member(decisions, texts[i], bk_message_text(event, texts[i]));
	appendStringInfo(decisions, ", \"stored_size\": " INT64_FORMAT "}",
					 bk_message_number(event, "stored_size", 0));
}

static void
bk_event_expired(BkReport *report, Jsonb *event)
{
	bk_event_id(event);
	bk_retention_put_expired(bk_event_url(report, event, "repository"), event);
}

/* What will be left: that it becomes less is no loss. */
static void
bk_event_wal_expiring(BkReport *report, Jsonb *event)
{
	bk_catalogue_put_wal_range(bk_event_url(report, event, "repository"), event,
							   DT_NOBEGIN);
}

static void
bk_event_deleting(BkReport *report, Jsonb *event)
{
	bk_catalogue_begin_deletion(bk_event_url(report, event, "repository"),
								bk_event_id(event));
}

static void
bk_event_deleted(BkReport *report, Jsonb *event)
{
	char	   *url = bk_event_url(report, event, "repository");
	char	   *id = bk_event_id(event);

	bk_catalogue_remove_backup(url, id);
	bk_retention_forget(url, id);
}

static void
bk_event_mark(BkReport *report, Jsonb *event)
{
	if (strcmp(report->verb, "mark") == 0)
		bk_text_copy(report->result, sizeof(report->result),
					 bk_message_needed_text(event, "lsn"));
	bk_catalogue_put_mark(bk_event_url(report, event, "repository"), event);
}

/* One for each repository that was copied to; a backup has its id as result. */
static void
bk_event_replicated(BkReport *report, Jsonb *event)
{
	if (strcmp(report->verb, "replicate") != 0)
		return;
	report->copied += bk_message_number(event, "backups", 0);
	snprintf(report->result, sizeof(report->result), INT64_FORMAT, report->copied);
}

/* A warning that nobody waits for would be lost. */
static void
bk_event_notice(BkReport *report, Jsonb *event)
{
	char	   *level = bk_message_text(event, "level");
	char	   *message = bk_message_needed_text(event, "message");
	bool		warning = level != NULL && strcmp(level, "warning") == 0;
	BkRun	   *run = palloc(sizeof(BkRun));

	bk_shared_add_notice(report->slot, warning, message, NULL);
	if (warning && bk_shared_read(report->slot, run) && run->waiters == 0)
		ereport(LOG,
				(errmsg("run " INT64_FORMAT ": %s", run->run, bk_message_repair(message))));
}

static void
bk_event_done(BkReport *report, Jsonb *event)
{
	report->ended = true;
	bk_outcome_succeed(&report->outcome, NULL);
}

static void
bk_event_failed(BkReport *report, Jsonb *event)
{
	report->ended = true;
	bk_outcome_from_program(&report->outcome, bk_message_text(event, "sqlstate"),
							bk_message_text(event, "message"),
							bk_message_text(event, "detail"),
							bk_message_text(event, "hint"));
}

/* --- members --- */

/* The repository that an event is about must be one that was asked for. */
static char *
bk_event_url(BkReport *report, Jsonb *event, const char *member)
{
	char	   *url = bk_message_needed_text(event, member);

	if (bk_urls_number(report->url, url) == 0)
		bk_message_violation("this is not a repository of the run", url);
	return url;
}

static char *
bk_event_id(Jsonb *event)
{
	char	   *id = bk_message_needed_text(event, "id");

	if (!bk_request_is_id(id))
		bk_message_violation("this is not the id of a backup", id);
	return id;
}

static void
bk_event_add_member(StringInfo text, const char *name, const char *value)
{
	if (value == NULL)
		return;
	appendStringInfo(text, ", \"%s\": ", name);
	escape_json(text, value);
}
