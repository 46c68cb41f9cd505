/*
 * base.c
 *	  Take a base backup: the files of the whole cluster.
 *
 * One session holds the server in backup mode; threads copy the files, which
 * change meanwhile, and the WAL that is archived until the end makes them
 * consistent. Main thread and session belong together: if one of them ends,
 * so does the backup, and nothing of it stays.
 */
#include "job/base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/clock.h"
#include "job/copy.h"
#include "job/ground.h"
#include "job/inventory.h"
#include "job/making.h"
#include "job/physical_recipe.h"
#include "job/walwait.h"
#include "repo/layout.h"
#include "source/config.h"
#include "source/database.h"
#include "source/online.h"
#include "source/pgmanifest.h"

#define NAME	"base"			/* in ids */

typedef struct Base
{
	const BkRequest *request;
	const BkHost *host;
	BkMaking	making;
	BkPg	   *pg;				/* the session in backup mode */
	BkJson	   *position;
	BkJson	   *facts;
	BkJson	   *settings;
	const char *cluster;		/* system identifier */

	BkOnlinePoint start;
	BkOnlinePoint stop;
	char	   *label;			/* text of backup_label */
	BkGround	ground;			/* where the files are */
	BkConfig	config;
	BkVolumeSet set;
	BkVolumeSet control;		/* the volume that comes last */
	BkPace	   *pace;
	int64_t		corrupt_pages;
	char		first_corrupt[256];
} Base;

static bool check_request(const BkRequest *request, BkError *err);
static bool read_facts(Base *b, BkError *err);
static bool check_server(const Base *b, BkError *err);
static bool begin(Base *b, BkError *err);
static bool start(Base *b, BkError *err);
static bool plan(Base *b, BkError *err);
static bool copy(Base *b, BkVolumeSet *set, BkError *err);
static bool stop(Base *b, BkError *err);
static bool copy_control(Base *b, BkError *err);
static bool gather_objects(Base *b, BkError *err);
static bool store_list(Base *b, const char *stream,
					   bool (*write) (Base *b, BkWriter *writer, BkError *err),
					   BkError *err);
static bool write_pgmanifest(Base *b, BkWriter *writer, BkError *err);
static bool write_contents(Base *b, BkWriter *writer, BkError *err);
static bool write_files(const BkBaseVolume *volume, BkWriter *writer,
						BkError *err);
static bool store_recipe(Base *b, BkError *err);
static bool wait_for_wal(Base *b, BkError *err);
static bool note_corruption(Base *b, BkError *err);
static bool commit(Base *b, BkError *err);
static BkJson *manifest_json(const Base *b);
static void clean_up(Base *b, bool ok);
static int64_t fact(const Base *b, const char *name);

bool
bk_base_run(const BkRequest *request, const BkHost *host, BkError *err)
{
	Base		b = {
		.request = request,
		.host = host,
		.making = {.request = request, .host = host, .kind = "base"},
	};
	bool		ok;

	ok = check_request(request, err) &&
		/* Look at everything that can be wrong before anything happens. */
		read_facts(&b, err) &&
		check_server(&b, err) &&
		begin(&b, err) &&
		/* Copy the files while the server is in backup mode. */
		start(&b, err) &&
		plan(&b, err) &&
		copy(&b, &b.set, err) &&
		stop(&b, err) &&
		copy_control(&b, err) &&
		gather_objects(&b, err) &&
		/* Say what was copied. */
		store_list(&b, BK_STREAM_PGMANIFEST, write_pgmanifest, err) &&
		store_list(&b, BK_STREAM_CONTENTS, write_contents, err) &&
		store_recipe(&b, err) &&
		/* Without its WAL it is no backup. */
		wait_for_wal(&b, err) &&
		note_corruption(&b, err) &&
		commit(&b, err);
	clean_up(&b, ok);
	return ok;
}

static bool
check_request(const BkRequest *request, BkError *err)
{
	if (!bk_making_check(request, err))
		return false;
	if (request->database != NULL)
		return bk_error(err, BK_STATE_BAD_ARGUMENT,
						"a base backup is of all databases, not of \"%s\"",
						request->database);
	if (strcmp(request->content, "all") != 0)
		return bk_error(err, BK_STATE_BAD_ARGUMENT,
						"a base backup has all content, not \"%s\"", request->content);
	if (strcmp(request->checkpoint, "fast") == 0 ||
		strcmp(request->checkpoint, "spread") == 0)
		return true;
	bk_error(err, BK_STATE_BAD_ARGUMENT, "invalid checkpoint \"%s\"", request->checkpoint);
	return bk_error_hint(err, "Use fast or spread.");
}

static bool
read_facts(Base *b, BkError *err)
{
	BkPgTarget	target = bk_common_target(b->request, b->host,
										  bk_common_maintenance_database(b->request));

	b->making.started_at = bk_clock_now();
	b->pg = bk_pg_connect(&target, err);
	if (b->pg == NULL ||
		(b->position = bk_database_position(b->pg, err)) == NULL ||
		!bk_database_require_cluster(b->position, b->request->system_identifier, err) ||
		(b->facts = bk_online_facts(b->pg, err)) == NULL ||
		(b->settings = bk_online_settings(b->pg, err)) == NULL)
		return false;
	b->cluster = bk_json_string(bk_json_get(b->position, "system_identifier"), "");
	return true;
}

static bool
check_server(const Base *b, BkError *err)
{
	const char *level = bk_json_string(bk_json_get(b->facts, "wal_level"), "");
	const char *mode = bk_json_string(bk_json_get(b->facts, "archive_mode"), "");

	if (bk_json_bool(bk_json_get(b->facts, "in_recovery"), true))
	{
		bk_error(err, BK_STATE_WRONG_STATE, "a base backup cannot be taken from a standby");
		return bk_error_hint(err, "Take it from the primary.");
	}
	if (strcmp(level, "minimal") == 0 || strcmp(mode, "off") == 0)
	{
		bk_error(err, BK_STATE_WRONG_STATE, "a base backup needs WAL archiving");
		bk_error_detail(err, "wal_level is %s, archive_mode is %s.", level, mode);
		return bk_error_hint(err, "Set wal_level = replica, archive_mode = on and archive_library = 'backup_ext' in postgresql.conf, and restart the server.");
	}
	return bk_online_check_directory(b->facts, err);
}

static bool
begin(Base *b, BkError *err)
{
	b->pace = bk_pace_new((uint64_t) b->request->rate_limit, err);
	return b->pace != NULL &&
		bk_ground_open(&b->ground, bk_json_string(bk_json_get(b->facts, "data_directory"), ""), err) &&
		bk_making_begin(&b->making, b->position, NAME, err) &&
		bk_ground_check_repository(&b->ground, b->pg, b->making.repo, err);
}

static bool
start(Base *b, BkError *err)
{
	bool		fast = strcmp(b->request->checkpoint, "fast") == 0;

	bk_progress(b->host, "checkpoint", b->making.id, 0, 0);
	return bk_online_start(b->pg, b->request->label == NULL
						   ? b->making.id : b->request->label, fast, &b->start, err);
}

static bool
plan(Base *b, BkError *err)
{
	const char *folder = bk_json_string(bk_json_get(b->facts, "tablespace_folder"), "");
	uint64_t	limit;

	if (!bk_config_read(b->pg, b->ground.data.location, &b->config, err) ||
		!bk_ground_list(&b->ground, folder, b->host, err))
		return false;
	limit = bk_volume_limit(bk_ground_size(&b->ground), b->request->jobs);
	if (!bk_volume_add_tree(&b->set, "base", &(BkBaseVolume) {.root = b->ground.data.root, .prefix = ""},
							&b->ground.data.tree, &b->config, limit, err) ||
		!bk_volume_add_files(&b->set, "base", "", b->config.inside,
							 b->config.inside_count, err) ||
		!bk_volume_add_files(&b->set, "config", NULL, b->config.outside,
							 b->config.outside_count, err))
		return false;
	for (size_t i = 0; i < b->ground.space_count; i++)
	{
		const BkGroundSpace *space = &b->ground.spaces[i];
		BkBaseVolume	like = {.root = space->root, .prefix = space->prefix};

		if (!bk_volume_add_tree(&b->set, space->name, &like, &space->tree, NULL,
								limit, err))
			return false;
	}
	bk_volume_sort_by_size(&b->set);
	return true;
}

static bool
copy(Base *b, BkVolumeSet *set, BkError *err)
{
	BkCopy		job = {
		.making = &b->making,
		.set = set,
		.rules = {
			.checksums = bk_json_bool(bk_json_get(b->facts, "data_checksums"), false),
			.block_size = (uint32_t) fact(b, "block_size"),
			.segment_blocks = (uint32_t) fact(b, "segment_blocks"),
			.start_lsn = b->start.lsn,
		},
		.pace = b->pace,
		.pg = b->pg,
	};
	bool		ok = bk_copy_run(&job, err);

	b->corrupt_pages += job.corrupt_pages;
	if (b->first_corrupt[0] == '\0')
		memcpy(b->first_corrupt, job.first_corrupt, sizeof(b->first_corrupt));
	return ok;
}

static bool
stop(Base *b, BkError *err)
{
	bk_progress(b->host, "stop", b->making.id, b->set.size, b->set.size);
	return bk_online_stop(b->pg, &b->start, &b->stop, &b->label, err);
}

/* What makes the other files a backup: backup_label, and pg_control at last. */
static bool
copy_control(Base *b, BkError *err)
{
	BkConfigFile files[] = {
		{.name = "backup_label", .data = b->label, .size = strlen(b->label)},
		{.name = "global/pg_control"},
	};
	bool		ok = bk_ground_read_control(&b->ground, &files[1].data, &files[1].size, err);

	for (int i = 0; i < 2; i++)
	{
		files[i].mode = S_IRUSR | S_IWUSR;
		files[i].mtime = bk_clock_now();
	}
	ok = ok && bk_volume_add_files(&b->control, "control", "", files, 2, err) &&
		copy(b, &b->control, err) &&
		bk_volume_take(&b->set, &b->control, err);
	free(files[1].data);
	return ok;
}

/* The manifest lists the volumes in order of their names. */
static bool
gather_objects(Base *b, BkError *err)
{
	bk_volume_sort_by_name(&b->set);
	for (size_t i = 0; i < b->set.count; i++)
	{
		const BkJson *objects = b->set.list[i].objects;

		for (size_t j = 0; j < bk_json_length(objects); j++)
		{
			if (!bk_json_append(b->making.objects, bk_json_copy(bk_json_at(objects, j))))
				return bk_error_memory(err);
		}
	}
	return true;
}

/* Store a stream that is made here. */
static bool
store_list(Base *b, const char *stream,
		   bool (*write) (Base *b, BkWriter *writer, BkError *err),
		   BkError *err)
{
	BkObjectSpec spec = bk_making_spec(&b->making);
	BkWriter   *writer;
	bool		ok;

	bk_progress(b->host, "list", stream, b->set.size, b->set.size);
	spec.stream = stream;
	spec.tick = bk_common_tick;
	spec.arg = (void *) b->host;
	writer = bk_object_writer(b->making.repo, &spec, b->making.objects, err);
	ok = writer != NULL && write(b, writer, err) && bk_finish(writer, err);
	bk_writer_close(writer);
	return ok;
}

static bool
write_pgmanifest(Base *b, BkWriter *writer, BkError *err)
{
	BkPgManifestWal wal = {
		.timeline = b->start.timeline,
		.start = b->start.lsn,
		.stop = b->stop.lsn,
	};
	BkPgManifest *manifest = bk_pgmanifest_open(writer, bk_pg_version(b->pg),
												b->cluster, err);
	bool		ok = manifest != NULL;

	for (size_t i = 0; i < b->set.count && ok; i++)
	{
		const BkBaseVolume *volume = &b->set.list[i];

		for (size_t j = 0; j < volume->count && ok && volume->prefix != NULL; j++)
		{
			const BkVolumeFile *file = &volume->files[j];

			ok = file->directory || file->vanished ||
				bk_pgmanifest_add(manifest, volume->prefix, file->path,
								  &file->facts, file->sha256, err);
		}
		ok = ok && bk_go_on(b->host, err);
	}
	ok = ok && bk_pgmanifest_finish(manifest, &wal, err);
	bk_pgmanifest_free(manifest);
	return ok;
}

static bool
write_contents(Base *b, BkWriter *writer, BkError *err)
{
	BkJson	   *head = bk_json_object();

	bk_json_put(head, "settings", bk_json_copy(b->settings));
	if (!bk_inventory_write_head(writer, head, err))
		return false;
	for (size_t i = 0; i < b->set.count; i++)
	{
		if (!bk_go_on(b->host, err) || !write_files(&b->set.list[i], writer, err))
			return false;
	}
	return true;
}

static bool
write_files(const BkBaseVolume *volume, BkWriter *writer, BkError *err)
{
	for (size_t i = 0; i < volume->count; i++)
	{
		const BkVolumeFile *file = &volume->files[i];
		BkInventoryLine line = {
			.stream = volume->stream,
			.name = file->path,
			.directory = file->directory,
			.size = file->facts.size,
			.mode = file->facts.mode,
			.mtime = file->facts.mtime,
			.sha256 = file->sha256,
		};

		if (!file->vanished && !bk_inventory_write_line(writer, &line, err))
			return false;
	}
	return true;
}

static bool
store_recipe(Base *b, BkError *err)
{
	BkPhysicalRecipe recipe = {
		.id = b->making.id,
		.codec = b->request->compression,
		.cluster = b->cluster,
		.set = &b->set,
		.ground = &b->ground,
		.objects = b->making.objects,
		.encrypted = bk_making_encrypts(&b->making),
		.authenticated = b->making.repo->keys != NULL && b->making.repo->keys->secret_count > 0,
		.server_version = bk_pg_version(b->pg),
	};
	char	   *text = bk_physical_recipe_text(&recipe);
	bool		ok;

	if (text == NULL)
		return bk_error_memory(err);
	ok = bk_object_put_text(b->making.repo, b->making.id, BK_OBJECT_RESTORE,
							text, b->making.objects, err);
	free(text);
	return ok;
}

static bool
wait_for_wal(Base *b, BkError *err)
{
	BkWalWait	wait = {
		.host = b->host,
		.repo = b->making.repo,
		.pg = b->pg,
		.cluster = b->cluster,
		.segment_size = (uint32_t) fact(b, "wal_segment_size"),
		.start = &b->start,
		.stop = &b->stop,
		.timeout = b->request->archive_timeout,
	};

	return bk_walwait_run(&wait, err);
}

/* The note comes before the manifest: no moment at which it seems good. */
static bool
note_corruption(Base *b, BkError *err)
{
	char		problem[512];

	if (b->corrupt_pages == 0)
		return true;
	snprintf(problem, sizeof(problem),
			 "%lld pages have a wrong checksum, the first is %s",
			 (long long) b->corrupt_pages, b->first_corrupt);
	return bk_note_verdict(b->making.repo, b->making.id, "readable", problem, err);
}

static bool
commit(Base *b, BkError *err)
{
	return bk_making_commit(&b->making, manifest_json(b),
							bk_pg_version(b->pg), b->cluster, err);
}

/* What the manifest of a base backup has beside what all have. */
static BkJson *
manifest_json(const Base *b)
{
	BkJson	   *json = bk_json_object();
	BkJson	   *tablespaces = bk_json_array();
	char		lsn[BK_LSN_SIZE];

	for (size_t i = 0; i < b->ground.space_count; i++)
	{
		BkJson	   *item = bk_json_object();

		bk_json_put_int(item, "oid", b->ground.spaces[i].oid);
		bk_json_put_string(item, "location", b->ground.spaces[i].location);
		(void) bk_json_append(tablespaces, item);
	}
	bk_json_put(json, "tablespaces", tablespaces);
	bk_json_put_int(json, "timeline", b->start.timeline);
	bk_lsn_format(b->start.lsn, lsn);
	bk_json_put_string(json, "start_lsn", lsn);
	bk_lsn_format(b->stop.lsn, lsn);
	bk_json_put_string(json, "stop_lsn", lsn);
	bk_json_put_string(json, "start_wal", b->start.wal);
	bk_json_put_string(json, "stop_wal", b->stop.wal);
	bk_json_put_int(json, "wal_segment_size", fact(b, "wal_segment_size"));
	bk_json_put_int(json, "block_size", fact(b, "block_size"));
	bk_json_put_int(json, "segment_blocks", fact(b, "segment_blocks"));
	bk_json_put_bool(json, "data_checksums",
					 bk_json_bool(bk_json_get(b->facts, "data_checksums"), false));
	bk_json_put_int(json, "corrupt_pages", b->corrupt_pages);
	bk_json_put_string(json, "data_directory", b->ground.data.location);
	return json;
}

static void
clean_up(Base *b, bool ok)
{
	/* If it is still in backup mode, that ends here. */
	bk_pg_close(b->pg);
	bk_making_end(&b->making, ok);
	bk_volume_free(&b->set);
	bk_volume_free(&b->control);
	bk_ground_close(&b->ground);
	bk_config_free(&b->config);
	bk_pace_free(b->pace);
	bk_json_free(b->position);
	bk_json_free(b->facts);
	bk_json_free(b->settings);
	free(b->label);
}

static int64_t
fact(const Base *b, const char *name)
{
	return bk_json_int(bk_json_get(b->facts, name), 0);
}
