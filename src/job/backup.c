/*
 * backup.c
 *	  Take a logical backup of one database.
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
#include "job/common.h"
#include "job/contents.h"
#include "job/recipe.h"
#include "job/verbs.h"
#include "repo/intent.h"
#include "repo/layout.h"
#include "repo/object.h"
#include "source/archive.h"
#include "source/cause.h"
#include "source/database.h"
#include "source/property.h"
#include "source/watch.h"

/* Smaller parts would make a manifest that is larger than its data. */
#define PART_SIZE_MIN	(64 * 1024)

typedef struct Backup
{
	const BkRequest *request;
	const BkHost *host;
	BkRepository *repo;
	BkIntent   *intent;
	char		id[BK_LABEL_SIZE];
	int64_t		started_at;

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
	BkJson	   *objects;
	BkWriter   *writer;			/* of the stream that is being stored */
	uint64_t	done;			/* plain bytes of that stream */
	uint64_t	expected;		/* about that many, 0 if not known */
} Backup;

static bool check_request(const BkRequest *request, BkError *err);
static bool connect_sessions(Backup *b, BkError *err);
static bool open_snapshot(Backup *b, BkError *err);
static bool read_facts(Backup *b, BkError *err);
static bool open_repository(Backup *b, BkError *err);
static bool store_archive(Backup *b, BkError *err);
static bool store_globals(Backup *b, BkError *err);
static bool store_contents(Backup *b, BkError *err);
static bool store_recipe(Backup *b, BkError *err);
static bool commit(Backup *b, BkError *err);
static void clean_up(Backup *b, bool ok);
static void undo(Backup *b);
static BkJson *manifest_json(Backup *b, BkError *err);
static BkDumpSpec dump_spec(Backup *b);
static bool begin_stream(Backup *b, const char *stream, BkError *err);
static bool end_stream(Backup *b, bool ok, BkError *err);
static bool forward(void *arg, const void *buf, size_t len, BkError *err);
static bool tick(void *arg, BkError *err);
static void log_line(void *arg, const char *line);

bool
bk_job_backup(const BkRequest *request, const BkHost *host, BkError *err)
{
	Backup		b = {.request = request, .host = host};
	bool		ok;

	ok = check_request(request, err) &&
		/* Find the database, hold still what will be dumped. */
		connect_sessions(&b, err) &&
		open_snapshot(&b, err) &&
		read_facts(&b, err) &&
		/* Announce the backup in a repository that is ours. */
		open_repository(&b, err) &&
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

	if (!bk_common_need(request->repository, "repository", err) ||
		!bk_common_need(request->database, "database", err))
		return false;
	if (strcmp(request->kind, "logical") != 0)
		return bk_error(err, BK_STATE_UNSUPPORTED,
						"backups of kind \"%s\" are not supported", request->kind);
	if (request->part_size != 0 && request->part_size < PART_SIZE_MIN)
		return bk_error(err, BK_STATE_BAD_ARGUMENT,
						"a part must have at least %d bytes", PART_SIZE_MIN);
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

	b->started_at = bk_clock_now();
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
open_repository(Backup *b, BkError *err)
{
	BkAsker		asker;

	b->objects = bk_json_array();
	b->repo = bk_common_open(b->request, err);
	if (b->repo == NULL ||
		!bk_common_asker(b->request, b->start, &asker, err) ||
		!bk_writer_check(b->repo, &asker.server, err) ||
		!bk_intent_clean(b->repo, b->host, err) ||
		!bk_label_make(b->started_at, b->request->database, b->id, err))
		return false;
	b->intent = bk_intent_begin(b->repo, b->id, BK_INTENT_CREATES, err);
	return b->intent != NULL;
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
		.id = b->id,
		.content = b->request->content,
		.codec = b->request->compression,
		.identity = b->identity,
		.objects = b->objects,
		.server_version = bk_pg_version(b->session),
	};
	char	   *text = bk_recipe_text(&recipe);
	bool		ok;

	if (text == NULL)
		return bk_error_memory(err);
	ok = bk_object_put_text(b->repo, b->id, BK_OBJECT_RESTORE, text,
							b->objects, err);
	free(text);
	return ok;
}

static bool
commit(Backup *b, BkError *err)
{
	BkVerdict	unknown = {.known = false};
	BkJson	   *json = manifest_json(b, err);
	BkManifest *manifest;
	bool		ok;

	/* The last moment at which a cancel leaves nothing behind. */
	if (json == NULL || !bk_go_on(b->host, err))
	{
		bk_json_free(json);
		return false;
	}
	manifest = bk_manifest_new(json, err);
	if (manifest == NULL)
		return false;
	/* Look again: see bk_intent_holds(). */
	ok = bk_repository_commit(b->repo, manifest, err) &&
		bk_intent_holds(b->intent, err);
	if (ok)
		bk_common_report_backup(manifest, &unknown, b->host);
	bk_manifest_free(manifest);
	return ok;
}

static void
clean_up(Backup *b, bool ok)
{
	bk_writer_close(b->writer);
	if (b->intent != NULL && !ok)
		undo(b);
	else
		bk_intent_end(b->intent);
	bk_repository_close(b->repo);
	bk_archive_free(b->archive);
	bk_json_free(b->objects);
	bk_json_free(b->identity);
	bk_json_free(b->properties);
	bk_json_free(b->start);
	free(b->snapshot);
	bk_pg_close(b->session);
	bk_pg_close(b->control);
}

/*
 * Remove what a failed backup stored. The manifest may be there although the
 * commit failed, so it goes first, and nothing else unless it is gone.
 */
static void
undo(Backup *b)
{
	BkError		problem;

	if (bk_repository_unlist(b->repo, b->id, &problem) &&
		bk_repository_remove_data(b->repo, b->id, &problem))
	{
		bk_intent_end(b->intent);
		return;
	}
	bk_log(b->host, BK_LOG_WARNING,
		   "could not remove what the failed backup \"%s\" left: %s",
		   b->id, problem.message);
	bk_intent_leave(b->intent);
}

static BkJson *
manifest_json(Backup *b, BkError *err)
{
	BkJson	   *stop = bk_database_position(b->control, err);
	BkJson	   *json;
	char		started[BK_CLOCK_TEXT_SIZE];
	char		finished[BK_CLOCK_TEXT_SIZE];

	if (stop == NULL)
		return NULL;
	json = bk_json_object();
	bk_clock_format(b->started_at, started);
	bk_clock_format(bk_clock_now(), finished);
	bk_json_put_string(json, "id", b->id);
	bk_json_put_string(json, "repository_id", b->repo->id);
	bk_json_put_string(json, "kind", b->request->kind);
	bk_json_put_string(json, "content", b->request->content);
	bk_json_put_string(json, "label", b->request->label);
	bk_json_put(json, "database", b->identity);
	bk_json_put_string(json, "system_identifier",
					   bk_json_string(bk_json_get(b->start, "system_identifier"), ""));
	bk_json_put_int(json, "timeline", bk_json_int(bk_json_get(b->start, "timeline"), 0));
	bk_json_put_string(json, "start_lsn", bk_json_string(bk_json_get(b->start, "lsn"), NULL));
	bk_json_put_string(json, "stop_lsn", bk_json_string(bk_json_get(stop, "lsn"), NULL));
	bk_json_put_int(json, "server_version", bk_pg_version(b->session));
	bk_json_put_string(json, "program_version", BK_VERSION);
	bk_json_put_string(json, "started_at", started);
	bk_json_put_string(json, "finished_at", finished);
	bk_json_put_string(json, "codec", b->request->compression);
	bk_json_put(json, "objects", b->objects);
	b->identity = NULL;
	b->objects = NULL;
	bk_json_free(stop);
	return json;
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
	BkObjectSpec spec = {
		.id = b->id,
		.stream = stream,
		.codec = b->request->compression,
		.jobs = (int) b->request->jobs,
		.part_size = (uint64_t) b->request->part_size,
		.tick = tick,
		.arg = b,
	};

	b->done = 0;
	b->writer = bk_object_writer(b->repo, &spec, b->objects, err);
	return b->writer != NULL;
}

/* Finish the stream if all went well; free the writer in any case. */
static bool
end_stream(Backup *b, bool ok, BkError *err)
{
	if (ok)
	{
		bk_progress(b->host, "store", b->id, b->done, b->done);
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
