/*
 * backup.c
 *	  Take a backup: one of a database, with pg_dump, is made here.
 *
 * One session opens a snapshot and exports it; pg_dump dumps that snapshot,
 * which it can import only while it is connected to the very same database.
 * A second session watches whether the dump keeps others waiting. The archive
 * is parsed as it streams into the repository.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/digest.h"
#include "job/base.h"
#include "job/contents.h"
#include "job/making.h"
#include "job/recipe.h"
#include "job/replicate.h"
#include "job/shrinkage.h"
#include "job/verbs.h"
#include "repo/layout.h"
#include "source/archive.h"
#include "source/cause.h"
#include "source/database.h"
#include "source/property.h"
#include "source/watch.h"

typedef struct Backup
{
	const BkRequest *request;
	const BkHost *host;
	BkMaking	making;

	BkPg	   *session;		/* holds the snapshot */
	BkPg	   *control;		/* watches, and reads positions */
	BkPgTarget	target;
	char		application[64];	/* of the dump's sessions */
	char	   *snapshot;
	BkWatch		watch;

	BkJson	   *identity;
	BkJson	   *properties;
	BkJson	   *start;			/* position before */
	BkArchive  *archive;
	BkWriter   *writer;			/* of the stream that is being stored */
	uint64_t	done;			/* plain bytes of that stream */
	uint64_t	expected;		/* about that many, 0 if not known */
} Backup;

static bool refuse_kind(const char *kind, BkError *err);
static bool back_up_database(const BkRequest *request, const BkHost *host,
							 BkError *err);
static bool check_request(const BkRequest *request, BkError *err);
static bool connect_sessions(Backup *b, BkError *err);
static bool open_snapshot(Backup *b, BkError *err);
static bool read_facts(Backup *b, BkError *err);
static bool store_archive(Backup *b, BkError *err);
static bool store_globals(Backup *b, BkError *err);
static bool store_contents(Backup *b, BkError *err);
static bool store_recipe(Backup *b, BkError *err);
static bool commit(Backup *b, BkError *err);
static void clean_up(Backup *b, bool ok);
static BkJson *manifest_json(Backup *b, BkError *err);
static void put_shrinkage(Backup *b, BkJson *json);
static BkDumpSpec dump_spec(Backup *b);
static bool begin_stream(Backup *b, const char *stream, BkError *err);
static bool end_stream(Backup *b, bool ok, BkError *err);
static bool forward(void *arg, const void *buf, size_t len, BkError *err);
static bool tick(void *arg, BkError *err);
static void log_line(void *arg, const char *line);

bool
bk_job_backup(const BkRequest *request, const BkHost *host, BkError *err)
{
	bool		ok;

	if (request->kind == NULL || strcmp(request->kind, "logical") == 0)
		ok = back_up_database(request, host, err);
	else if (strcmp(request->kind, "base") == 0)
		ok = bk_base_run(request, host, err);
	else
		return refuse_kind(request->kind, err);
	if (ok)
		bk_replicate_after(request, host);
	return ok;
}

static bool
refuse_kind(const char *kind, BkError *err)
{
	bk_error(err, BK_STATE_BAD_ARGUMENT, "invalid kind \"%s\"", kind);
	return bk_error_hint(err, "Use logical or base.");
}

static bool
back_up_database(const BkRequest *request, const BkHost *host, BkError *err)
{
	Backup		b = {
		.request = request,
		.host = host,
		.making = {.request = request, .host = host, .kind = "logical"},
	};
	bool		ok;

	ok = check_request(request, err) &&
		/* Find the database, hold still what will be dumped. */
		connect_sessions(&b, err) &&
		open_snapshot(&b, err) &&
		read_facts(&b, err) &&
		/* Announce the backup in a repository that is ours. */
		bk_making_begin(&b.making, b.start, request->database, err) &&
		/* Store it, stream after stream. */
		store_archive(&b, err) &&
		store_globals(&b, err) &&
		store_contents(&b, err) &&
		store_recipe(&b, err) &&
		/* From here on it is listed. */
		commit(&b, err);
	clean_up(&b, ok);
	return ok;
}

static bool
check_request(const BkRequest *request, BkError *err)
{
	static const char *const contents[] = {"all", "schema", "data"};

	if (!bk_making_check(request, err) ||
		!bk_common_need(request->database, "database", err))
		return false;
	for (size_t i = 0; i < 3; i++)
	{
		if (strcmp(request->content, contents[i]) == 0)
			return true;
	}
	bk_error(err, BK_STATE_BAD_ARGUMENT, "invalid content \"%s\"", request->content);
	return bk_error_hint(err, "Use all, schema or data.");
}

static bool
connect_sessions(Backup *b, BkError *err)
{
	char		random[9];
	BkPgTarget	control;

	if (!bk_random_label(random, 8, err))
		return false;
	snprintf(b->application, sizeof(b->application), "pg_backup_ext dump %s",
			 random);
	b->target = bk_common_target(b->request, b->host, b->request->database);
	b->session = bk_pg_connect(&b->target, err);
	if (b->session == NULL)
		return false;
	control = b->target;
	b->control = bk_pg_connect(&control, err);
	if (b->control == NULL)
		return false;
	/* pg_dump's sessions are known by a name of their own. */
	b->target.application = b->application;
	bk_watch_init(&b->watch, b->control, b->application,
				  b->request->blocking_limit);
	return true;
}

static bool
open_snapshot(Backup *b, BkError *err)
{
	return bk_pg_run(b->session, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", err) &&
		bk_pg_value(b->session, "SELECT pg_export_snapshot()", NULL,
					&b->snapshot, err);
}

static bool
read_facts(Backup *b, BkError *err)
{
	const char *size_sql = "SELECT (sum(relpages::bigint) * current_setting('block_size')::bigint)::bigint"
		" FROM pg_class WHERE relkind IN ('r', 't', 'm')";
	int64_t		oid;
	char	   *size;

	b->making.started_at = bk_clock_now();
	b->identity = bk_database_identity(b->session, err);
	if (b->identity == NULL)
		return false;
	b->properties = bk_property_read(b->session, b->request->database, err);
	b->start = bk_database_position(b->session, err);
	if (b->properties == NULL || b->start == NULL ||
		!bk_pg_value(b->session, size_sql, NULL, &size, err))
		return false;
	b->expected = size == NULL ? 0 : strtoull(size, NULL, 10);
	free(size);
	oid = bk_json_int(bk_json_get(b->identity, "oid"), 0);
	if (b->request->database_oid != 0 && oid != b->request->database_oid)
	{
		bk_error(err, BK_STATE_WRONG_STATE,
				 "database \"%s\" is not the one that was asked for",
				 b->request->database);
		return bk_error_detail(err, "Its OID is %lld, expected was %lld: it was replaced meanwhile, or backup_ext.conninfo leads to another server.",
							   (long long) oid,
							   (long long) b->request->database_oid);
	}
	return bk_database_require_cluster(b->start, b->request->system_identifier, err);
}

static bool
store_archive(Backup *b, BkError *err)
{
	BkDumpSpec	spec = dump_spec(b);
	BkReader   *reader;
	bool		ok;

	/* Nothing comes before pg_dump has its locks. */
	bk_progress(b->host, "dump", b->request->database, 0, b->expected);
	if (!begin_stream(b, BK_STREAM_ARCHIVE, err))
		return false;
	reader = bk_dump_open(&spec, err);
	if (reader != NULL)
		b->archive = bk_archive_read(reader, forward, b, err);
	bk_reader_close(reader);
	ok = end_stream(b, b->archive != NULL, err);
	if (!ok)
		return bk_cause_explain(BK_CAUSE_DUMP, err);
	if (strcmp(b->archive->database, b->request->database) == 0)
		return true;
	return bk_error(err, BK_STATE_CORRUPT,
					"pg_dump dumped database \"%s\" instead of \"%s\"",
					b->archive->database, b->request->database);
}

static bool
store_globals(Backup *b, BkError *err)
{
	BkDumpSpec	spec = dump_spec(b);
	BkReader   *reader;
	bool		super;
	char		buf[8192];
	size_t		got = 1;
	bool		ok;

	/* Only superusers can read passwords. */
	if (!bk_pg_has(b->control, "SELECT 1 FROM pg_roles WHERE rolsuper AND rolname = current_user",
				   NULL, &super, err) ||
		!begin_stream(b, BK_STREAM_GLOBALS, err))
		return false;
	reader = bk_dump_globals_open(&spec, super, err);
	ok = reader != NULL;
	while (ok && got > 0)
		ok = bk_read(reader, buf, sizeof(buf), &got, err) &&
			forward(b, buf, got, err);
	bk_reader_close(reader);
	if (ok && b->done == 0)
		ok = bk_error(err, BK_STATE_CORRUPT, "pg_dumpall wrote nothing");
	return end_stream(b, ok, err) || bk_cause_explain(BK_CAUSE_DUMP, err);
}

static bool
store_contents(Backup *b, BkError *err)
{
	if (!begin_stream(b, BK_STREAM_CONTENTS, err))
		return false;
	return end_stream(b, bk_contents_write(b->writer, b->properties, b->archive, err),
					  err);
}

static bool
store_recipe(Backup *b, BkError *err)
{
	BkRecipe	recipe = {
		.id = b->making.id,
		.content = b->request->content,
		.codec = b->request->compression,
		.identity = b->identity,
		.objects = b->making.objects,
		.server_version = bk_pg_version(b->session),
		.encrypted = bk_making_encrypts(&b->making),
	};
	char	   *text = bk_recipe_text(&recipe);
	bool		ok;

	if (text == NULL)
		return bk_error_memory(err);
	ok = bk_object_put_text(b->making.repo, b->making.id, BK_OBJECT_RESTORE, text,
							b->making.objects, err);
	free(text);
	return ok;
}

static bool
commit(Backup *b, BkError *err)
{
	return bk_making_commit(&b->making, manifest_json(b, err),
							bk_pg_version(b->session),
							bk_json_string(bk_json_get(b->start, "system_identifier"), ""),
							err);
}

static void
clean_up(Backup *b, bool ok)
{
	bk_writer_close(b->writer);
	bk_making_end(&b->making, ok);
	bk_archive_free(b->archive);
	bk_json_free(b->identity);
	bk_json_free(b->properties);
	bk_json_free(b->start);
	free(b->snapshot);
	bk_pg_close(b->session);
	bk_pg_close(b->control);
}

/* What the manifest of a logical backup has beside what all have. */
static BkJson *
manifest_json(Backup *b, BkError *err)
{
	BkJson	   *stop = bk_database_position(b->control, err);
	BkJson	   *json;

	if (stop == NULL)
		return NULL;
	json = bk_json_object();
	bk_json_put_string(json, "content", b->request->content);
	bk_json_put(json, "database", b->identity);
	bk_json_put_int(json, "timeline", bk_json_int(bk_json_get(b->start, "timeline"), 0));
	bk_json_put_string(json, "start_lsn", bk_json_string(bk_json_get(b->start, "lsn"), NULL));
	bk_json_put_string(json, "stop_lsn", bk_json_string(bk_json_get(stop, "lsn"), NULL));
	b->identity = NULL;
	bk_json_free(stop);
	put_shrinkage(b, json);
	return json;
}

/* Without rows there is nothing to compare. */
static void
put_shrinkage(Backup *b, BkJson *json)
{
	BkShrinkage shrinkage;

	if (b->request->previous == NULL || strcmp(b->request->content, "schema") == 0 ||
		!bk_shrinkage_find(b->making.repo, b->request->previous, b->archive, b->host, &shrinkage))
		return;
	bk_json_put_int(json, "emptied_tables", shrinkage.emptied);
	bk_json_put_int(json, "shrunk_tables", shrinkage.shrunk);
}

static BkDumpSpec
dump_spec(Backup *b)
{
	BkDumpSpec	spec = {
		.bindir = b->request->bindir,
		.target = &b->target,
		.maintenance = bk_common_maintenance_database(b->request),
		.snapshot = b->snapshot,
		.content = b->request->content,
		.lock_timeout = b->request->lock_timeout,
		.tick = tick,
		.log = log_line,
		.arg = b,
	};

	return spec;
}

static bool
begin_stream(Backup *b, const char *stream, BkError *err)
{
	BkObjectSpec spec = bk_making_spec(&b->making);

	spec.stream = stream;
	spec.tick = tick;
	spec.arg = b;
	b->done = 0;
	b->writer = bk_object_writer(b->making.repo, &spec, b->making.objects, err);
	return b->writer != NULL;
}

/* Finish the stream if all went well; free the writer in any case. */
static bool
end_stream(Backup *b, bool ok, BkError *err)
{
	if (ok)
	{
		bk_progress(b->host, "store", b->making.id, b->done, b->done);
		ok = bk_finish(b->writer, err);
	}
	bk_writer_close(b->writer);
	b->writer = NULL;
	return ok;
}

/* Gets the bytes of the dump as they come. */
static bool
forward(void *arg, const void *buf, size_t len, BkError *err)
{
	Backup	   *b = arg;

	if (!tick(b, err) || !bk_write(b->writer, buf, len, err))
		return false;
	b->done += len;
	bk_progress(b->host, "dump", b->request->database, b->done, b->expected);
	return true;
}

static bool
tick(void *arg, BkError *err)
{
	Backup	   *b = arg;

	return bk_go_on(b->host, err) && bk_watch_look(&b->watch, err);
}

static void
log_line(void *arg, const char *line)
{
	Backup	   *b = arg;

	bk_log(b->host, BK_LOG_INFO, "%s", line);
}
