/*
 * restore.c
 *	  Restore a logical backup.
 *
 * The archive goes into a database with a name of its own, which nobody uses
 * yet. Its rows are counted against the contents; then it gets the name that
 * was asked for, together with owner, ACL and settings, in one transaction.
 * So the target's name shows either nothing, the old database, or a complete
 * new one, whenever anything dies.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/digest.h"
#include "job/common.h"
#include "job/contents.h"
#include "job/restore.h"
#include "job/rows.h"
#include "job/scratch.h"
#include "repo/layout.h"
#include "repo/object.h"
#include "source/archive.h"
#include "source/database.h"
#include "source/property.h"
#include "source/globals.h"
#include "source/load.h"
#include "source/swap.h"

typedef struct Restore
{
	const BkRequest *request;
	const BkHost *host;
	BkRepository *repo;
	BkManifest *manifest;
	BkIntent   *intent;
	BkPg	   *control;
	BkPg	   *helper;			/* ends sessions while control renames */
	BkJson	   *properties;		/* of the database to create */
	BkPropertyRoles roles;
	char		scratch[BK_SCRATCH_NAME_SIZE];
	char		kept[BK_SCRATCH_NAME_SIZE];
	bool		created;
	BkWriter   *load;
	uint64_t	done;
} Restore;

static bool check_request(const BkRequest *request, BkError *err);
static bool restore(const BkRequest *request, const BkHost *host,
					BkRepository *repo, BkError *err);
static bool open_backup(Restore *r, BkError *err);
static bool restore_globals(Restore *r, BkError *err);
static bool restore_database(Restore *r, BkError *err);
static bool connect_server(Restore *r, BkError *err);
static bool check_target(Restore *r, BkError *err);
static bool read_properties(Restore *r, BkError *err);
static bool create_scratch(Restore *r, BkError *err);
static bool load_archive(Restore *r, BkError *err);
static void blame(Restore *r, BkError *err);
static bool count_rows(Restore *r, BkError *err);
static bool take_name(Restore *r, BkError *err);
static bool rename_scratch(Restore *r, BkError *err);
static bool replace_live(Restore *r, BkError *err);
static void report(const Restore *r);
static void clean_up(Restore *r);
static bool forward(void *arg, const void *buf, size_t len, BkError *err);

bool
bk_restore_logical(const BkRequest *request, const BkHost *host, BkError *err)
{
	BkRepository *repo;
	size_t		lacking;
	bool		ok;

	if (!check_request(request, err))
		return false;
	repo = bk_common_open_any(request, host, err);
	if (repo == NULL)
		return false;
	/* Where damage was found too late, it is not read a second time. */
	do
	{
		lacking = bk_fallback_count(repo);
		ok = restore(request, host, repo, err);
		bk_fallback_tell(repo, host);
	} while (!ok && !bk_error_is(err, BK_STATE_CANCELED) &&
			 bk_fallback_count(repo) > lacking);
	bk_common_close_any(repo, host);
	return ok;
}

static bool
restore(const BkRequest *request, const BkHost *host, BkRepository *repo,
		BkError *err)
{
	Restore		r = {.request = request, .host = host, .repo = repo};
	bool		ok;

	ok = open_backup(&r, err) &&
		(request->globals ? restore_globals(&r, err)
		 : restore_database(&r, err));
	clean_up(&r);
	return ok;
}

static bool
check_request(const BkRequest *request, BkError *err)
{
	if (!bk_common_need(request->id, "id", err))
		return false;
	if (request->globals)
		return true;
	if (!bk_common_need(request->target, "target", err))
		return false;
	if (strlen(request->target) > 63)
	{
		bk_error(err, BK_STATE_BAD_ARGUMENT, "database name \"%s\" is too long",
				 request->target);
		return bk_error_detail(err, "A name may have 63 bytes.");
	}
	if (request->replace &&
		strcmp(request->target, bk_common_maintenance_database(request)) == 0)
	{
		bk_error(err, BK_STATE_WRONG_STATE,
				 "the home database \"%s\" cannot be replaced", request->target);
		return bk_error_hint(err, "Restore into a new database, and move what you need.");
	}
	return true;
}

static bool
open_backup(Restore *r, BkError *err)
{
	if (!bk_common_announce(r->request, r->repo, r->host, &r->intent, err))
		return false;
	r->manifest = bk_repository_manifest(r->repo, r->request->id, err);
	return r->manifest != NULL;
}

/* Once to the end, where digests are compared, and only then to run it. */
static bool
restore_globals(Restore *r, BkError *err)
{
	BkReader   *text = NULL;
	uint64_t	total;
	bool		ok;

	ok = connect_server(r, err) &&
		(text = bk_object_reader(r->repo, r->manifest, BK_STREAM_GLOBALS, err)) != NULL &&
		bk_drain(text, r->host, &total, err);
	bk_reader_close(text);
	if (!ok)
		return false;
	text = bk_object_reader(r->repo, r->manifest, BK_STREAM_GLOBALS, err);
	ok = text != NULL && bk_globals_run(r->control, text, r->host, err);
	bk_reader_close(text);
	return ok;
}

static bool
restore_database(Restore *r, BkError *err)
{
	if (strcmp(r->manifest->content, "data") == 0)
	{
		bk_error(err, BK_STATE_UNSUPPORTED,
				 "backup \"%s\" has only data and cannot make a database",
				 r->manifest->id);
		return bk_error_hint(err, "Load it into a database that has the tables: pg_backup_ext cat %s | pg_restore --data-only --dbname=...",
							 r->manifest->id);
	}
	return connect_server(r, err) &&
		check_target(r, err) &&
		read_properties(r, err) &&
		create_scratch(r, err) &&
		load_archive(r, err) &&
		count_rows(r, err) &&
		take_name(r, err);
}

static bool
connect_server(Restore *r, BkError *err)
{
	BkPgTarget	target;

	target = bk_common_target(r->request, r->host, bk_common_maintenance_database(r->request));
	r->control = bk_pg_connect(&target, err);
	if (r->control == NULL)
		return false;
	r->helper = bk_pg_connect(&target, err);
	return r->helper != NULL &&
		bk_scratch_clean(r->control, r->host, err);
}

static bool
check_target(Restore *r, BkError *err)
{
	const char *target = r->request->target;
	bool		exists;

	if (!bk_database_exists(r->control, target, &exists, err))
		return false;
	if (!r->request->replace && exists)
	{
		bk_error(err, BK_STATE_DUP_DATABASE, "database \"%s\" already exists", target);
		return bk_error_hint(err, "Choose another name, or use replace => true to put the restored database in its place.");
	}
	if (r->request->replace && !exists)
	{
		bk_error(err, BK_STATE_NO_DATABASE, "database \"%s\" does not exist", target);
		return bk_error_hint(err, "There is nothing to replace: leave out replace => true.");
	}
	return !exists || bk_swap_check(r->control, target, err);
}

static bool
create_scratch(Restore *r, BkError *err)
{
	bk_progress(r->host, "create", r->request->target, 0, 0);
	if (!bk_scratch_name(r->request->target, r->scratch, err) ||
		!bk_scratch_claim(r->control, r->scratch, err) ||
		!bk_database_create(r->control, r->scratch,
							bk_json_get(r->manifest->json, "database"), err))
		return false;
	r->created = true;
	return bk_scratch_mark(r->control, r->scratch, err);
}

static bool
load_archive(Restore *r, BkError *err)
{
	BkPgTarget	target = bk_common_target(r->request, r->host, r->scratch);
	BkDumpSpec	tool = {
		.bindir = r->request->bindir,
		.target = &target,
		.tick = bk_common_tick,
		.log = bk_common_log_line,
		.arg = (void *) r->host,
	};
	BkLoadSpec	spec = {
		.tool = &tool,
		.mode = BK_LOAD_DATABASE,
		.output_fd = -1,
		.no_owner = r->request->no_owner,
		.no_privileges = r->request->no_privileges,
		.subscriptions = r->request->subscriptions,
	};
	BkReader   *reader;
	BkArchive  *archive = NULL;
	bool		ok;

	reader = bk_object_reader(r->repo, r->manifest, BK_STREAM_ARCHIVE, err);
	ok = reader != NULL &&
		(r->load = bk_load_open(&spec, err)) != NULL &&
		(archive = bk_archive_read(reader, forward, r, err)) != NULL &&
		bk_finish(r->load, err);
	if (!ok)
		bk_common_ask_reader(reader, r->host, err);
	bk_archive_free(archive);
	bk_writer_close(r->load);
	bk_reader_close(reader);
	if (!ok)
		blame(r, err);
	return ok;
}

/*
 * pg_restore may stumble over damaged rows before the digest of their object
 * is known. Then the damage is the news, not what pg_restore says of it.
 */
static void
blame(Restore *r, BkError *err)
{
	const BkManifest *manifest = r->manifest;
	BkError		found;

	if (bk_error_is(err, BK_STATE_CORRUPT) || bk_error_is(err, BK_STATE_CANCELED))
		return;
	for (size_t i = 0; i < manifest->object_count; i++)
	{
		char		key[BK_KEY_SIZE];
		BkRepository *at;

		bk_layout_object(key, manifest->id, manifest->objects[i].name);
		at = bk_fallback_first(r->repo, key);
		if (!bk_layout_is_part(manifest->objects[i].name, BK_STREAM_ARCHIVE) ||
			bk_object_check(at, manifest, &manifest->objects[i], r->host, &found))
			continue;
		if (bk_error_is(&found, BK_STATE_CORRUPT))
		{
			*err = found;
			(void) bk_fallback_go_on(&at, key, err);
		}
		return;
	}
}

static bool
count_rows(Restore *r, BkError *err)
{
	BkPgTarget	target = bk_common_target(r->request, r->host, r->scratch);

	/* A trigger at login may write rows, or keep us out. */
	target.no_event_triggers = bk_pg_version(r->control) >= 170000;
	return bk_rows_check(&target, r->host, r->repo, r->manifest, err);
}

static bool
take_name(Restore *r, BkError *err)
{
	bool		ok = bk_go_on(r->host, err) &&
		(r->request->replace ? replace_live(r, err) : rename_scratch(r, err));

	if (!ok)
		return false;
	r->created = false;
	report(r);
	return true;
}

static bool
rename_scratch(Restore *r, BkError *err)
{
	BkError		ignored;
	bool		ok;

	ok = bk_pg_run(r->control, "BEGIN", err) &&
		bk_property_apply(r->control, r->scratch, r->properties, r->roles,
						  r->host, err) &&
		bk_swap_rename(r->control, r->helper, r->scratch, r->request->target,
					   r->host, err) &&
		bk_pg_run(r->control, "COMMIT", err);
	if (!ok)
	{
		bk_pg_insist(r->control);
		(void) bk_pg_run(r->control, "ROLLBACK", &ignored);
	}
	return ok;
}

static bool
replace_live(Restore *r, BkError *err)
{
	BkSwap		swap = {
		.live = r->request->target,
		.restored = r->scratch,
		.kept = r->kept,
	};

	return bk_scratch_dated_name(r->request->target, r->kept, err) &&
		bk_swap_run(r->control, r->helper, &swap, r->host, err);
}

/* What the database shall have in the end, and whether this cluster can. */
static bool
read_properties(Restore *r, BkError *err)
{
	BkReader   *reader;
	bool		ok;

	/* The place of another database is taken with that one's properties. */
	if (r->request->replace)
		return true;
	r->roles.owner = !r->request->no_owner;
	r->roles.privileges = !r->request->no_privileges;
	reader = bk_object_reader(r->repo, r->manifest, BK_STREAM_CONTENTS, err);
	ok = reader != NULL &&
		bk_contents_read(reader, &r->properties, NULL, NULL, err) &&
		bk_property_check_roles(r->control, r->properties, r->roles, err);
	bk_reader_close(reader);
	return ok;
}

static void
report(const Restore *r)
{
	BkJson	   *record = bk_json_object();

	bk_json_put_string(record, "database", r->request->target);
	if (r->request->replace)
		bk_json_put_string(record, "kept_as", r->kept);
	r->host->record(r->host->ctx, "restored", record);
	bk_json_free(record);
}

/* Drop what was not finished. */
static void
clean_up(Restore *r)
{
	BkError		problem;

	if (r->created)
	{
		bk_pg_insist(r->control);
		/* What goes away need not wait for a standby. */
		(void) bk_pg_run(r->control, "SET synchronous_commit = local", &problem);
	}
	if (r->created && !bk_database_drop(r->control, r->scratch, &problem))
		bk_log(r->host, BK_LOG_WARNING,
			   "could not drop the unfinished database \"%s\": %s",
			   r->scratch, problem.message);
	bk_pg_close(r->helper);
	bk_pg_close(r->control);
	bk_json_free(r->properties);
	bk_intent_end(r->intent);
	bk_manifest_free(r->manifest);
}

static bool
forward(void *arg, const void *buf, size_t len, BkError *err)
{
	Restore    *r = arg;

	if (!bk_go_on(r->host, err) || !bk_write(r->load, buf, len, err))
		return false;
	r->done += len;
	bk_progress(r->host, "restore", r->request->target, r->done,
				r->manifest->plain_size);
	return true;
}
