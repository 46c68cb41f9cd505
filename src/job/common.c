/*
 * common.c
 *	  Shared steps of the verbs.
 */
#include "job/common.h"

#include <stdio.h>
#include <string.h>

#include "core/clock.h"

#define APPLICATION	"pg_backup_ext"

static const char *given(const char *file);
static void put_physical(BkJson *record, const BkPhysical *physical);

bool
bk_common_urls(const BkRequest *request, BkUrls *urls, BkError *err)
{
	*urls = (BkUrls) {.count = 0};
	return bk_common_need(request->repository, "repository", err) &&
		bk_urls_parse(request->repository, request->repository_id, urls, err);
}

BkRequest
bk_common_at(const BkRequest *request, const BkUrls *urls, size_t number)
{
	BkRequest	one = *request;

	one.repository = urls->urls[number];
	one.repository_id = urls->ids[number];
	return one;
}

bool
bk_common_each(const BkRequest *request, const BkHost *host, bool all,
			   BkVerb verb, BkError *err)
{
	size_t		failed = 0;
	BkError		problem;
	BkUrls		urls;
	bool		ok = bk_common_urls(request, &urls, err);

	for (size_t i = 0; ok && i < urls.count; i++)
	{
		BkRequest	one = bk_common_at(request, &urls, i);

		if (verb(&one, host, &problem))
			continue;
		if (failed++ == 0)
			*err = problem;
		if (bk_error_is(&problem, BK_STATE_CANCELED))
		{
			*err = problem;
			ok = false;
		}
		else if (urls.count > 1 && (!all || failed > 1))
			bk_log(host, BK_LOG_WARNING, "repository %zu of %zu fails: %s", i + 1,
				   urls.count, problem.message);
	}
	ok = ok && (failed == 0 || (!all && failed < urls.count));
	bk_urls_free(&urls);
	return ok;
}

/* An empty name says on purpose that there is none. */
static const char *
given(const char *file)
{
	return file == NULL || file[0] == '\0' ? NULL : file;
}

BkRepositoryTarget
bk_common_place(const BkRequest *request, const BkHost *host)
{
	BkRepositoryTarget target = {
		.url = request->repository,
		.expected_id = request->repository_id,
		.access = {
			.host = host,
			.credentials_file = given(request->credentials_file),
			.jobs = (int) request->jobs,
		},
		.key_file = given(request->key_file),
		.identity_file = given(request->identity_file),
		.unauthenticated = request->unauthenticated,
	};

	return target;
}

BkRepository *
bk_common_open(const BkRequest *request, const BkHost *host, BkError *err)
{
	BkRepository *repo = NULL;
	BkRepositoryTarget target;
	BkRequest	one;
	BkUrls		urls;

	if (bk_common_urls(request, &urls, err))
	{
		one = bk_common_at(request, &urls, 0);
		target = bk_common_place(&one, host);
		repo = bk_repository_open(&target, err);
	}
	bk_urls_free(&urls);
	return repo;
}

BkRepository *
bk_common_open_shared(const BkRequest *request, const BkHost *host,
					  BkError *err)
{
	BkRequest	one = *request;

	one.jobs = 1;
	return bk_common_open(&one, host, err);
}

BkRepository *
bk_common_open_any(const BkRequest *request, const BkHost *host, BkError *err)
{
	BkRepositoryTarget targets[BK_URLS_MAX];
	BkRepository *repo = NULL;
	BkUrls		urls;

	if (bk_common_urls(request, &urls, err))
	{
		for (size_t i = 0; i < urls.count; i++)
		{
			BkRequest	one = bk_common_at(request, &urls, i);

			targets[i] = bk_common_place(&one, host);
		}
		repo = bk_fallback_open(targets, urls.count, err);
	}
	bk_urls_free(&urls);
	return repo;
}

void
bk_common_close_any(BkRepository *repo, const BkHost *host)
{
	bk_fallback_tell(repo, host);
	bk_repository_close(repo);
}

bool
bk_common_asker(const BkRequest *request, const BkJson *position,
				BkAsker *asker, BkError *err)
{
	const char *identifier = request->system_identifier;
	const char *directory = request->data_directory;
	const char *fence = request->fence;
	char		found[BK_CONTROL_IDENTIFIER_SIZE];
	BkError		elsewhere;

	memset(asker, 0, sizeof(*asker));
	if (identifier == NULL)
		identifier = bk_json_string(bk_json_get(position, "system_identifier"), "");
	if (fence == NULL)
		fence = bk_json_string(bk_json_get(position, "fence"), "");
	snprintf(asker->system_identifier, sizeof(asker->system_identifier), "%s", identifier);
	snprintf(asker->fence, sizeof(asker->fence), "%s", fence);
	asker->server.system_identifier = asker->system_identifier;
	asker->server.fence = asker->fence;
	if (directory != NULL)
	{
		asker->server.place = &asker->place;
		return bk_place_find(directory, &asker->place, err);
	}
	/* A server that we only talk to can be on any machine. */
	directory = bk_json_string(bk_json_get(position, "data_directory"), NULL);
	if (directory != NULL &&
		bk_control_identifier(directory, found, &elsewhere) &&
		strcmp(found, asker->system_identifier) == 0 &&
		bk_place_find(directory, &asker->place, &elsewhere))
		asker->server.place = &asker->place;
	return true;
}

bool
bk_common_may_write(const BkRequest *request, BkRepository *repo,
					BkError *err)
{
	BkAsker		asker;

	return request->system_identifier == NULL ||
		(bk_common_asker(request, NULL, &asker, err) &&
		 bk_writer_check(repo, &asker.server, err));
}

bool
bk_common_announce(const BkRequest *request, BkRepository *repo,
				   const BkHost *host, BkIntent **intent, BkError *err)
{
	BkError		problem;

	*intent = NULL;
	if (bk_common_may_write(request, repo, &problem))
		*intent = bk_intent_begin(repo, request->id, BK_INTENT_NEEDS, &problem);
	else if (bk_error_is(&problem, BK_STATE_WRONG_STATE))
		return true;
	if (*intent != NULL)
		return true;

	/* Another run is in the way: that alone is a reason not to read. */
	if (bk_error_is(&problem, BK_STATE_IN_USE) ||
		bk_error_is(&problem, BK_STATE_BAD_ARGUMENT))
	{
		*err = problem;
		return false;
	}
	bk_log(host, BK_LOG_WARNING,
		   "reading without protection against a concurrent delete: %s",
		   problem.message);
	return true;
}

const char *
bk_common_maintenance_database(const BkRequest *request)
{
	return request->home == NULL ? "postgres" : request->home;
}

BkPgTarget
bk_common_target(const BkRequest *request, const BkHost *host,
				 const char *database)
{
	BkPgTarget	target = {
		.conninfo = request->conninfo,
		.role = request->role,
		.database = database,
		.application = APPLICATION,
		.host = host,
	};

	return target;
}

bool
bk_common_need(const char *value, const char *name, BkError *err)
{
	if (value != NULL && value[0] != '\0')
		return true;
	return bk_error(err, BK_STATE_BAD_ARGUMENT, "argument \"%s\" is missing", name);
}

bool
bk_common_tick(void *host, BkError *err)
{
	return bk_go_on(host, err);
}

void
bk_common_log_line(void *host, const char *line)
{
	bk_log(host, BK_LOG_INFO, "%s", line);
}

void
bk_common_report_repository(const BkRepository *repo, const BkHost *host)
{
	BkJson	   *record = bk_json_object();

	bk_json_put_string(record, "id", repo->id);
	bk_json_put_string(record, "url", repo->url);
	bk_json_put_string(record, "created_at", repo->created_at);
	bk_json_put_int(record, "format", 1);
	host->record(host->ctx, "repository", record);
	bk_json_free(record);
}

void
bk_common_report_space(const BkRepository *repo, const BkHost *host)
{
	BkJson	   *record = bk_json_object();
	BkStorageSpace space;

	bk_json_put_string(record, "repository", repo->url);
	bk_json_put_string(record, "id", repo->id);
	bk_json_put_string(record, "created_at", repo->created_at);
	bk_json_put_int(record, "format", 1);
	if (bk_storage_space(repo->storage, &space))
	{
		bk_json_put_int(record, "total", (int64_t) space.total);
		bk_json_put_int(record, "free", (int64_t) space.free);
	}
	host->record(host->ctx, "space", record);
	bk_json_free(record);
}

void
bk_common_report_backup(const BkRepository *repo, const BkManifest *manifest,
						const BkVerdict *verdict, const BkHost *host)
{
	BkJson	   *record = bk_json_object();
	char		started[BK_CLOCK_TEXT_SIZE];
	char		finished[BK_CLOCK_TEXT_SIZE];

	bk_clock_format(manifest->started_at, started);
	bk_clock_format(manifest->finished_at, finished);
	bk_json_put_string(record, "repository", repo->url);
	bk_json_put_string(record, "id", manifest->id);
	bk_json_put_string(record, "kind", manifest->kind);
	if (manifest->is_base)
		put_physical(record, &manifest->physical);
	else
	{
		bk_json_put_string(record, "database", manifest->database);
		bk_json_put_int(record, "database_oid", manifest->database_oid);
		bk_json_put_string(record, "content", manifest->content);
	}
	if (manifest->emptied_tables >= 0 && manifest->shrunk_tables >= 0)
	{
		bk_json_put_int(record, "emptied_tables", manifest->emptied_tables);
		bk_json_put_int(record, "shrunk_tables", manifest->shrunk_tables);
	}
	bk_json_put_string(record, "label", manifest->label);
	bk_json_put_string(record, "schedule", manifest->schedule);
	bk_json_put_string(record, "started_at", started);
	bk_json_put_string(record, "finished_at", finished);
	bk_json_put_string(record, "system_identifier", manifest->system_identifier);
	bk_json_put_int(record, "server_version", manifest->server_version);
	bk_json_put_string(record, "compression", manifest->codec);
	bk_json_put_bool(record, "encrypted", manifest->recipients != NULL);
	bk_json_put_int(record, "objects", (int64_t) manifest->object_count);
	bk_json_put_int(record, "plain_size", (int64_t) manifest->plain_size);
	bk_json_put_int(record, "stored_size", (int64_t) manifest->size);
	bk_json_put_string(record, "state",
					   verdict->known && !verdict->good ? "bad" : "good");
	if (verdict->known)
	{
		bk_json_put_string(record, "verified_at", verdict->verified_at);
		bk_json_put_string(record, "verified_level", verdict->level);
		if (!verdict->good)
			bk_json_put_string(record, "problem", verdict->problem);
	}
	bk_clock_format(verdict->pinned_until, finished);
	if (verdict->pinned_until != 0)
		bk_json_put_string(record, "pinned_until",
						   verdict->pinned_until == BK_NOTE_FOREVER ? "infinity" : finished);
	host->record(host->ctx, "backup", record);
	bk_json_free(record);
}

static void
put_physical(BkJson *record, const BkPhysical *physical)
{
	char		lsn[BK_LSN_SIZE];

	bk_json_put_int(record, "timeline", physical->timeline);
	bk_lsn_format(physical->start_lsn, lsn);
	bk_json_put_string(record, "start_lsn", lsn);
	bk_lsn_format(physical->stop_lsn, lsn);
	bk_json_put_string(record, "stop_lsn", lsn);
	bk_json_put_int(record, "corrupt_pages", physical->corrupt_pages);
}

void
bk_common_report_unreadable(const BkRepository *repo, const char *id,
							const BkError *problem, const BkHost *host)
{
	BkJson	   *record = bk_json_object();
	char		database[64];
	char		started[BK_CLOCK_TEXT_SIZE];

	bk_label_name(id, database);
	bk_clock_format(bk_label_time(id), started);
	bk_json_put_string(record, "repository", repo->url);
	bk_json_put_string(record, "id", id);
	bk_json_put_string(record, "database", database);
	bk_json_put_string(record, "started_at", started);
	bk_json_put_string(record, "state", "bad");
	bk_json_put_words(record, "problem", problem->message);
	host->record(host->ctx, "backup", record);
	bk_json_free(record);
}

void
bk_common_report_mark(const BkRepository *repo, const BkMark *mark,
					  const BkHost *host)
{
	BkJson	   *record = bk_json_object();

	bk_json_put_string(record, "repository", repo->url);
	bk_json_put_string(record, "system_identifier", mark->system_identifier);
	bk_json_put_string(record, "name", mark->name);
	bk_json_put_string(record, "lsn", mark->lsn);
	bk_json_put_int(record, "timeline", mark->timeline);
	bk_json_put_string(record, "at", mark->at);
	host->record(host->ctx, "mark", record);
	bk_json_free(record);
}

void
bk_common_report_check(const BkHost *host, const char *name, bool ok,
					   const char *detail, const char *hint)
{
	BkJson	   *record = bk_json_object();

	bk_json_put_string(record, "name", name);
	bk_json_put_bool(record, "ok", ok);
	bk_json_put_words(record, "detail", detail);
	if (hint != NULL)
		bk_json_put_words(record, "hint", hint);
	host->record(host->ctx, "check", record);
	bk_json_free(record);
}

void
bk_common_ask_reader(BkReader *reader, const BkHost *host, BkError *err)
{
	uint64_t	total;
	BkError		damage;

	if (reader != NULL && bk_error_is(err, BK_STATE_CORRUPT) &&
		!bk_drain(reader, host, &total, &damage))
		*err = damage;
}
