/*
 * recover.c
 *	  Restore a base backup, so that a server recovers from it to a target.
 */
#include "job/recover.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/child.h"
#include "core/clock.h"
#include "core/conf.h"
#include "job/common.h"
#include "job/restore.h"
#include "job/verbs.h"
#include "repo/layout.h"
#include "repo/object.h"

static bool is_base(const BkRequest *request, const BkHost *host, bool *base,
					BkError *err);
static bool require_kind(const BkRequest *request, const BkManifest *manifest,
						 BkError *err);
static bool plan_anywhere(BkRecover *r, BkError *err);
static bool read_target(BkRecover *r, BkError *err);
static bool make_plan(BkRecover *r, BkError *err);
static void warn_of_others(const BkRecover *r);
static bool take_backup(BkRecover *r, BkError *err);
static bool read_list(BkRecover *r, BkError *err);
static bool check_names(const BkRecover *r, BkError *err);
static bool is_behind_link(const BkRecover *r, const char *name);
static bool check_server(BkRecover *r, BkError *err);
static bool check_space(const BkRecover *r, BkError *err);
static bool put_manifest(BkRecover *r, BkError *err);
static void warn_of_other_directory(const BkRecover *r);
static void report(const BkRecover *r);

bool
bk_job_restore(const BkRequest *request, const BkHost *host, BkError *err)
{
	bool		base;

	if (!is_base(request, host, &base, err))
		return false;
	return base ? bk_recover_run(request, host, err)
		: bk_restore_logical(request, host, err);
}

bool
bk_recover_run(const BkRequest *request, const BkHost *host, BkError *err)
{
	BkRecover	r;
	bool		ok;

	ok = bk_recover_prepare(&r, request, host, err) &&
		(request->dry_run || bk_recover_write(&r, err));
	if (ok && !request->dry_run)
		warn_of_other_directory(&r);
	if (ok)
		report(&r);
	else if (r.data.root >= 0 && err->hint[0] == '\0')
		bk_error_hint(err, "Directory \"%s\" is not complete, and no server starts on it. Run the same command with --delta to complete it, or remove the directory.",
					  r.data.path);
	bk_recover_free(&r);
	return ok;
}

bool
bk_recover_prepare(BkRecover *r, const BkRequest *request, const BkHost *host,
				   BkError *err)
{
	*r = (BkRecover) {.request = *request, .host = host};
	r->data.root = -1;
	return bk_common_need(request->target, "target", err) &&
		bk_target_read(request, &r->target, err) &&
		(r->chain = bk_common_open_any(request, host, err)) != NULL &&
		plan_anywhere(r, err) &&
		read_list(r, err) &&
		check_server(r, err) &&
		bk_recover_check_places(r, err) &&
		bk_recover_check_config(r, err) &&
		check_space(r, err) &&
		bk_recover_check_libraries(r, err) &&
		bk_recover_read_control(r, err);
}

bool
bk_recover_write(BkRecover *r, BkError *err)
{
	bool		ok;

	ok = bk_recover_open_places(r, err) &&
		bk_recover_copy(r, err) &&
		bk_recover_copy_config(r, err) &&
		bk_recover_put_settings(r, err) &&
		put_manifest(r, err) &&
		bk_destination_put(&r->data, "backup_label", r->label.data, r->label.len, err) &&
		bk_go_on(r->host, err) &&
		/* From here on a server can start. */
		bk_destination_put(&r->data, BK_CONTROL_FILE, r->control.data, r->control.len, err) &&
		bk_destination_end(&r->data, err);
	return ok;
}

void
bk_recover_free(BkRecover *r)
{
	for (size_t i = 0; i < r->tablespace_count; i++)
		bk_destination_close(&r->tablespaces[i].place);
	free(r->tablespaces);
	bk_destination_close(&r->data);
	free(r->label.data);
	free(r->control.data);
	bk_filelist_free(r->list);
	bk_wal_map_free(r->map);
	bk_bases_free(&r->bases);
	bk_intent_end(r->intent);
	if (r->chain != NULL)
		bk_common_close_any(r->chain, r->host);
}

BkJson *
bk_recover_record(const BkRecover *r)
{
	BkJson	   *record = bk_json_object();
	char		words[BK_TARGET_TEXT_SIZE + 32];

	bk_target_words(&r->target, words, sizeof(words));
	bk_json_put_words(record, "directory", r->data.path);
	bk_json_put_string(record, "backup", r->plan.backup->id);
	bk_json_put_words(record, "target", words);
	bk_json_put_int(record, "timeline", r->plan.timeline);
	return record;
}

/* A backup that is named has its kind; without a name, a base backup is meant. */
static bool
is_base(const BkRequest *request, const BkHost *host, bool *base,
		BkError *err)
{
	BkRepository *repo;
	BkManifest *manifest;
	bool		ok;

	*base = request->id == NULL && !request->globals &&
		(request->kind == NULL || strcmp(request->kind, "base") == 0);
	if (*base || request->globals || request->id == NULL)
		return true;
	repo = bk_common_open_any(request, host, err);
	if (repo == NULL)
		return false;
	manifest = bk_repository_manifest(repo, request->id, err);
	*base = manifest != NULL && strcmp(manifest->kind, "base") == 0;
	ok = manifest != NULL && require_kind(request, manifest, err);
	bk_repository_close(repo);
	bk_manifest_free(manifest);
	return ok;
}

/*
 * Who expects a database to be made must not get files written, perhaps with
 * rights that were not given for that.
 */
static bool
require_kind(const BkRequest *request, const BkManifest *manifest,
			 BkError *err)
{
	if (request->kind == NULL || strcmp(request->kind, manifest->kind) == 0)
		return true;
	bk_error(err, BK_STATE_WRONG_STATE, "backup \"%s\" is a %s backup",
			 manifest->id, manifest->kind);
	if (strcmp(manifest->kind, "base") != 0)
		return false;
	bk_error_detail(err, "It has the files of the whole cluster, not a database.");
	return bk_error_hint(err, "On the server's machine, run: pg_backup_ext restore %s --to=NEW_DATA_DIRECTORY --repo=URL, or look into it with backup_clone().",
						 manifest->id);
}

/* Where one repository has no way to the target, another one may. */
static bool
plan_anywhere(BkRecover *r, BkError *err)
{
	const char *id = r->request.id;
	BkRepository *next;
	BkError		first;

	for (r->repo = r->chain;; r->repo = next)
	{
		if (bk_bases_read(r->repo, &r->request, r->host, &r->bases, err) &&
			read_target(r, err) && make_plan(r, err) && take_backup(r, err))
			return true;
		if (r->repo == r->chain)
			first = *err;
		next = bk_error_is(err, BK_STATE_CANCELED) ? NULL : bk_fallback_next(r->repo);
		if (next == NULL)
			break;
		bk_log(r->host, BK_LOG_WARNING, "looking at \"%s\" next, since \"%s\" does not serve: %s",
			   next->url, r->repo->url, err->message);
		bk_intent_end(r->intent);
		r->intent = NULL;
		bk_wal_map_free(r->map);
		r->map = NULL;
		bk_bases_free(&r->bases);
		r->request.id = id;
	}
	if (!bk_error_is(err, BK_STATE_CANCELED))
		*err = first;
	return false;
}

/* A restore point that is known is as good as a position. */
static bool
read_target(BkRecover *r, BkError *err)
{
	BkBuf		names;
	bool		found;
	bool		ok;

	if (r->target.kind != BK_TARGET_NAME)
		return true;
	bk_buf_init(&names);
	ok = bk_bases_mark(r->repo, r->host, &r->bases, &r->target, &found, &names, err);
	if (ok && !found && r->request.id == NULL)
	{
		ok = bk_error(err, BK_STATE_NO_OBJECT, "no restore point \"%s\" is known",
					  r->target.value);
		if (names.len > 0)
			bk_error_detail(err, "Known are %s.", names.data);
		bk_error_hint(err, "One that was not made with backup_mark() can be reached if you name the backup to begin with.");
	}
	bk_buf_free(&names);
	return ok;
}

static bool
make_plan(BkRecover *r, BkError *err)
{
	BkPlanInput input = {
		.backups = r->bases.backups,
		.count = r->bases.count,
		.target = &r->target,
		.id = r->request.id,
		.force = r->request.force,
	};
	uint32_t	segment_size = 0;

	if (r->bases.count > 0)
		segment_size = (uint32_t) bk_json_int(bk_json_get(r->bases.manifests[r->bases.count - 1]->json,
														  "wal_segment_size"), 0);
	if (r->bases.count > 0 &&
		(r->map = bk_wal_map_read(r->repo, r->bases.system_identifier, segment_size, err)) == NULL)
		return false;
	input.map = r->map;
	if (!bk_plan_make(&input, &r->plan, err))
		return false;
	r->manifest = bk_bases_manifest(&r->bases, r->plan.backup);
	r->request.id = r->plan.backup->id;
	if (r->plan.missing[0] != '\0')
		bk_log(r->host, BK_LOG_WARNING,
			   "WAL file \"%s\" is missing; recovery fails if it does not come to the time that is wanted before that",
			   r->plan.missing);
	if (r->plan.others)
		warn_of_others(r);
	return true;
}

static void
warn_of_others(const BkRecover *r)
{
	BkBuf		tree;

	bk_buf_init(&tree);
	bk_wal_map_tree(r->map, &tree);
	bk_log(r->host, BK_LOG_WARNING,
		   "recovery will end on timeline %u, and there are others; choose one with --target-timeline\n%s",
		   r->plan.timeline, tree.data == NULL ? "" : tree.data);
	bk_buf_free(&tree);
}

/* From here on nobody may delete it; if somebody has just done so, stop. */
static bool
take_backup(BkRecover *r, BkError *err)
{
	bool		listed;

	if (!bk_common_announce(&r->request, r->repo, r->host, &r->intent, err) ||
		!bk_repository_is_listed(r->repo, r->plan.backup->id, &listed, err))
		return false;
	return listed ||
		bk_error(err, BK_STATE_NO_OBJECT, "backup \"%s\" has just been deleted",
				 r->plan.backup->id);
}

static bool
read_list(BkRecover *r, BkError *err)
{
	const BkListedFile *version;
	BkReader   *reader = bk_object_reader(r->repo, r->manifest, BK_STREAM_CONTENTS, err);

	if (reader != NULL)
		r->list = bk_filelist_read(reader, err);
	bk_reader_close(reader);
	if (r->list == NULL || !check_names(r, err))
		return false;
	version = bk_filelist_find(r->list, 0, "PG_VERSION");
	if (version == NULL)
		return bk_error(err, BK_STATE_CORRUPT, "backup \"%s\" has no file PG_VERSION",
						r->manifest->id);
	r->group = (version->mode & 0040) != 0;
	return true;
}

/* Files that would make a server start too early, or otherwise than planned. */
static bool
check_names(const BkRecover *r, BkError *err)
{
	static const char *const refused[] = {
		"tablespace_map", "postmaster.pid", "recovery.signal", "standby.signal",
		"backup_manifest", BK_DESTINATION_MARK, BK_DESTINATION_CLONE,
	};

	for (size_t i = 0; i < r->list->file_count; i++)
	{
		const BkListedFile *file = &r->list->files[i];
		BkVolumeKind kind = r->list->volumes[file->volume].kind;
		bool		good = true;

		for (size_t k = 0; k < sizeof(refused) / sizeof(refused[0]); k++)
			good = good && (kind == BK_VOLUME_TABLESPACE || kind == BK_VOLUME_CONFIG ||
							strcmp(file->name, refused[k]) != 0);
		if (kind == BK_VOLUME_BASE)
			good = good && !is_behind_link(r, file->name) &&
				strcmp(file->name, "backup_label") != 0 &&
				strcmp(file->name, BK_CONTROL_FILE) != 0;
		if (!good)
			return bk_error(err, BK_STATE_CORRUPT,
							"volume \"%s\" of backup \"%s\" has file \"%s\", which does not belong there",
							r->list->volumes[file->volume].stream, r->manifest->id, file->name);
	}
	return true;
}

/* Does it lie where the link to a tablespace goes? One "in place" has no link. */
static bool
is_behind_link(const BkRecover *r, const char *name)
{
	static const char folder[] = "pg_tblspc/";
	const BkJson *list = bk_json_get(r->manifest->json, "tablespaces");
	size_t		len = strlen(folder);

	if (strncmp(name, folder, len) != 0)
		return false;
	for (size_t i = 0; i < bk_json_length(list); i++)
	{
		char		oid[24];

		snprintf(oid, sizeof(oid), "%lld",
				 (long long) bk_json_int(bk_json_get(bk_json_at(list, i), "oid"), 0));
		if (strcspn(name + len, "/") == strlen(oid) &&
			strncmp(name + len, oid, strlen(oid)) == 0)
			return true;
	}
	return false;
}

/* Where a server is installed beside us, it is of the backup's major version. */
static bool
check_server(BkRecover *r, BkError *err)
{
	static char *const environment[] = {"PATH=/usr/bin:/bin", "LC_ALL=C", NULL};
	char		program[PATH_MAX];
	char	   *argv[] = {program, "--version", NULL};
	BkChildSpec spec = {
		.program = program, .argv = argv, .envp = environment,
		.input = BK_CHILD_NULL, .output = BK_CHILD_PIPE,
		.tick = bk_common_tick, .log = bk_common_log_line, .arg = (void *) r->host,
	};
	char		text[128] = "";
	size_t		got = 0;
	BkChild    *child;
	long		major = r->manifest->server_version / 10000;
	const char *number;

	snprintf(program, sizeof(program), "%s/postgres", r->request.bindir);
	if (access(program, X_OK) != 0)
	{
		bk_log(r->host, BK_LOG_WARNING,
			   "there is no server in \"%s\": the backup needs PostgreSQL %ld",
			   r->request.bindir, major);
		return true;
	}
	child = bk_child_spawn(&spec, err);
	if (child == NULL || !bk_child_read(child, text, sizeof(text) - 1, &got, err) ||
		!bk_child_finish(child, err))
	{
		bk_child_free(child);
		return false;
	}
	bk_child_free(child);
	text[got] = '\0';
	number = strpbrk(text, "0123456789");
	if (number == NULL || strtol(number, NULL, 10) == major)
		return true;
	bk_error(err, BK_STATE_WRONG_STATE,
			 "backup \"%s\" is of PostgreSQL %ld, and \"%s\" is of PostgreSQL %ld",
			 r->manifest->id, major, program, strtol(number, NULL, 10));
	return bk_error_hint(err, "Use the program that is installed with PostgreSQL %ld, or name that server's programs with --bindir.",
						 major);
}

/* A warning only: files may have holes, and space may be found on the way. */
static bool
check_space(const BkRecover *r, BkError *err)
{
	uint64_t	needed = 0;
	uint64_t	free_bytes;

	for (size_t i = 0; i < r->list->volume_count; i++)
	{
		if (r->list->volumes[i].kind == BK_VOLUME_BASE)
			needed += r->list->volumes[i].size;
	}
	if (!bk_destination_free_space(&r->data, &free_bytes, err))
		return false;
	if (!r->data.filled && needed > free_bytes)
		bk_log(r->host, BK_LOG_WARNING,
			   "\"%s\" has %llu MB of free space, the backup's data directory needs up to %llu MB",
			   r->data.path, (unsigned long long) (free_bytes >> 20),
			   (unsigned long long) (needed >> 20));
	return true;
}

/* For pg_verifybackup, as pg_basebackup leaves it. */
static bool
put_manifest(BkRecover *r, BkError *err)
{
	BkReader   *reader;
	bool		ok;

	if (!bk_manifest_has(r->manifest, BK_STREAM_PGMANIFEST))
		return true;
	reader = bk_object_reader(r->repo, r->manifest, BK_STREAM_PGMANIFEST, err);
	ok = reader != NULL &&
		bk_destination_copy(&r->data, "backup_manifest", reader, err);
	bk_reader_close(reader);
	return ok;
}

/* No setting of ours can overrule data_directory. */
static void
warn_of_other_directory(const BkRecover *r)
{
	BkError		ignored;
	BkConf	   *conf = bk_conf_read(r->data.path, &ignored);

	if (conf != NULL && strcmp(bk_conf_data_directory(conf), r->data.path) != 0)
		bk_log(r->host, BK_LOG_WARNING,
			   "\"%s/postgresql.conf\" sets data_directory to \"%s\": take that out before the server is started, or it starts there",
			   r->data.path, bk_conf_data_directory(conf));
	bk_conf_free(conf);
}

static void
report(const BkRecover *r)
{
	BkJson	   *record = bk_recover_record(r);

	bk_json_put_bool(record, "dry_run", r->request.dry_run);
	r->host->record(r->host->ctx, "restored", record);
	bk_json_free(record);
}
