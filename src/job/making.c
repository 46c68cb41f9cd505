/*
 * making.c
 *	  Announce a backup, list it, or take it away again.
 */
#include "job/making.h"

#include <string.h>

#include "core/clock.h"

static void put_recipients(BkJson *json, const BkKeys *keys);
static void undo(BkMaking *making);

bool
bk_making_check(const BkRequest *request, BkError *err)
{
	if (!bk_common_need(request->repository, "repository", err))
		return false;
	if (request->part_size != 0 && request->part_size < BK_MAKING_PART_MIN)
		return bk_error(err, BK_STATE_BAD_ARGUMENT,
						"a part must have at least %d bytes", BK_MAKING_PART_MIN);
	return true;
}

bool
bk_making_begin(BkMaking *making, const BkJson *position, const char *name,
				BkError *err)
{
	BkIntentStart start = {0};
	BkAsker		asker;

	making->objects = bk_json_array();
	making->repo = bk_common_open(making->request, making->host, err);
	if (making->repo == NULL ||
		!bk_common_asker(making->request, position, &asker, err) ||
		!bk_writer_check(making->repo, &asker.server, err) ||
		!bk_repository_require_keys(making->repo, err) ||
		!bk_intent_clean(making->repo, making->host, err) ||
		!bk_label_make(making->started_at, name, making->id, err))
		return false;
	/* A base backup begins with a checkpoint, which is behind this position. */
	if (strcmp(making->kind, "base") == 0)
	{
		start.timeline = (uint32_t) bk_json_int(bk_json_get(position, "timeline"), 0);
		if (!bk_lsn_parse(bk_json_string(bk_json_get(position, "lsn"), ""), &start.lsn))
			start.timeline = 0;
	}
	making->intent = bk_intent_create(making->repo, making->id, &start, err);
	return making->intent != NULL;
}

BkObjectSpec
bk_making_spec(const BkMaking *making)
{
	BkObjectSpec spec = {
		.id = making->id,
		.codec = making->request->compression,
		.jobs = (int) making->request->jobs,
		.part_size = (uint64_t) making->request->part_size,
	};

	return spec;
}

bool
bk_making_encrypts(const BkMaking *making)
{
	return making->repo->keys != NULL && making->repo->keys->recipient_count > 0;
}

bool
bk_making_commit(BkMaking *making, BkJson *json, int server_version,
				 const char *cluster, BkError *err)
{
	char		started[BK_CLOCK_TEXT_SIZE];
	char		finished[BK_CLOCK_TEXT_SIZE];
	BkVerdict	verdict;
	BkManifest *manifest;
	bool		ok;

	/* The last moment at which a cancel leaves nothing behind. */
	if (json == NULL || !bk_go_on(making->host, err))
	{
		bk_json_free(json);
		return false;
	}
	bk_clock_format(making->started_at, started);
	bk_clock_format(bk_clock_now(), finished);
	bk_json_put_string(json, "id", making->id);
	bk_json_put_string(json, "repository_id", making->repo->id);
	bk_json_put_string(json, "kind", making->kind);
	bk_json_put_string(json, "label", making->request->label);
	bk_json_put_string(json, "schedule", making->request->schedule);
	bk_json_put_string(json, "system_identifier", cluster);
	bk_json_put_int(json, "server_version", server_version);
	bk_json_put_string(json, "program_version", BK_VERSION);
	bk_json_put_string(json, "started_at", started);
	bk_json_put_string(json, "finished_at", finished);
	bk_json_put_string(json, "codec", making->request->compression);
	bk_json_put(json, "objects", making->objects);
	making->objects = NULL;
	if (bk_making_encrypts(making))
		put_recipients(json, making->repo->keys);
	manifest = bk_manifest_new(json, err);
	if (manifest == NULL)
		return false;
	/* Look again: see bk_intent_holds(). */
	ok = bk_note_read(making->repo, making->id, &verdict, err) &&
		bk_repository_commit(making->repo, manifest, err) &&
		bk_intent_holds(making->intent, err);
	if (ok)
	{
		bk_common_report_backup(making->repo, manifest, &verdict, making->host);
		bk_common_report_space(making->repo, making->host);
	}
	bk_manifest_free(manifest);
	return ok;
}

void
bk_making_end(BkMaking *making, bool ok)
{
	if (making->intent != NULL && !ok)
		undo(making);
	else
		bk_intent_end(making->intent);
	bk_repository_close(making->repo);
	bk_json_free(making->objects);
}

/* Who can read it. */
static void
put_recipients(BkJson *json, const BkKeys *keys)
{
	BkJson	   *list;
	char		text[BK_AGE_TEXT_SIZE];

	list = bk_json_array();
	for (size_t i = 0; i < keys->recipient_count; i++)
	{
		bk_age_format_recipient(&keys->recipients[i], text);
		bk_json_append_string(list, text);
	}
	bk_json_put(json, "recipients", list);
}

/*
 * Remove what a failed backup stored. The manifest may be there although the
 * commit failed, so it goes first, and nothing else unless it is gone.
 */
static void
undo(BkMaking *making)
{
	BkError		problem;

	if (bk_repository_unlist(making->repo, making->id, &problem) &&
		bk_repository_remove_data(making->repo, making->id, &problem))
	{
		bk_intent_end(making->intent);
		return;
	}
	bk_log(making->host, BK_LOG_WARNING,
		   "could not remove what the failed backup \"%s\" left: %s",
		   making->id, problem.message);
	bk_intent_leave(making->intent);
}
