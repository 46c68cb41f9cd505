/*
 * remove.c
 *	  Delete a backup: un-list it first, then remove its data.
 */
#include <string.h>

#include "job/common.h"
#include "job/verbs.h"
#include "repo/tombstone.h"

/* Looking for another good backup of the same database. */
typedef struct Search
{
	BkRepository *repo;
	const BkHost *host;
	const BkIntent *intent;
	const BkManifest *manifest; /* of the backup that shall go */
	bool		found;
} Search;

static bool delete_there(const BkRequest *request, const BkHost *host,
						 BkError *err);
static void report(const char *event, const BkRequest *request,
				   BkRepository *repo, const BkHost *host);
static bool may_go(const BkRequest *request, BkRepository *repo,
				   const BkIntent *intent, const BkHost *host, BkError *err);
static bool require_another(Search *search, BkError *err);
static bool look_at(void *arg, const char *id, BkError *err);
static bool is_alike(const BkManifest *a, const BkManifest *b);

/*
 * In every repository that has it. One that cannot be reached keeps it, which
 * is an error when the others are done.
 */
bool
bk_job_delete(const BkRequest *request, const BkHost *host, BkError *err)
{
	BkError		problem;
	size_t		gone = 0;
	size_t		absent = 0;
	bool		failed = false;
	BkUrls		urls;

	if (!bk_common_need(request->id, "id", err) ||
		!bk_common_urls(request, &urls, err))
		return false;
	for (size_t i = 0; i < urls.count; i++)
	{
		BkRequest	one = bk_common_at(request, &urls, i);

		if (delete_there(&one, host, &problem))
			gone++;
		else if (bk_error_is(&problem, BK_STATE_NO_OBJECT))
			absent++;
		else if (!failed)
		{
			failed = true;
			*err = problem;
			/* What may not be deleted here is not deleted there. */
			if (bk_error_is(&problem, BK_STATE_WRONG_STATE) ||
				bk_error_is(&problem, BK_STATE_CANCELED))
				break;
		}
	}
	if (absent == urls.count)
		*err = problem;
	bk_urls_free(&urls);
	return gone > 0 && !failed;
}

static bool
delete_there(const BkRequest *request, const BkHost *host, BkError *err)
{
	BkRepository *repo = NULL;
	BkIntent   *intent = NULL;
	bool		ok;

	ok = (repo = bk_common_open(request, host, err)) != NULL &&
		bk_common_may_write(request, repo, err) &&
		bk_intent_clean(repo, host, err) &&
		(intent = bk_intent_begin(repo, request->id, BK_INTENT_DELETES, err)) != NULL &&
		may_go(request, repo, intent, host, err);
	if (ok)
	{
		report("deleting", request, repo, host);
		ok = bk_repository_unlist(repo, request->id, err) &&
			bk_repository_remove_data(repo, request->id, err) &&
			bk_tombstone_remove(repo, request->id, err);
	}
	if (ok)
		report("deleted", request, repo, host);
	bk_intent_end(intent);
	bk_repository_close(repo);
	return ok;
}

/* What vanishes after "deleting" was said is no loss, whatever ends this run. */
static void
report(const char *event, const BkRequest *request, BkRepository *repo,
	   const BkHost *host)
{
	BkJson	   *record = bk_json_object();

	bk_json_put_string(record, "repository", repo->url);
	bk_json_put_string(record, "id", request->id);
	host->record(host->ctx, event, record);
	bk_json_free(record);
}

/* An unreadable backup may go only by force: nobody can tell what it is. */
static bool
may_go(const BkRequest *request, BkRepository *repo, const BkIntent *intent,
	   const BkHost *host, BkError *err)
{
	BkManifest *manifest = bk_repository_manifest(repo, request->id, err);
	Search		search = {
		.repo = repo,
		.host = host,
		.intent = intent,
		.manifest = manifest,
	};
	BkVerdict	verdict;
	BkError		problem;
	bool		expired;
	bool		ok;

	if (manifest == NULL)
	{
		/* What has expired goes a little sooner. */
		if (bk_error_is(err, BK_STATE_NO_OBJECT))
			return bk_tombstone_exists(repo, request->id, &expired, &problem) && expired;
		if (request->force)
			return bk_label_check(request->id, err);
		return bk_error_hint(err, "To delete it all the same, run: SELECT backup_delete('%s', force => true);",
							 request->id);
	}
	ok = bk_note_read(repo, request->id, &verdict, err);
	if (ok && !request->force && (!verdict.known || verdict.good))
		ok = require_another(&search, err);
	bk_manifest_free(manifest);
	return ok;
}

static bool
require_another(Search *search, BkError *err)
{
	const BkManifest *manifest = search->manifest;

	if (!bk_repository_walk(search->repo, look_at, search, err))
		return false;
	if (search->found)
		return true;
	if (manifest->is_base)
		bk_error(err, BK_STATE_WRONG_STATE,
				 "backup \"%s\" is the last good base backup of its cluster",
				 manifest->id);
	else
		bk_error(err, BK_STATE_WRONG_STATE,
				 "backup \"%s\" is the last good one of database \"%s\"",
				 manifest->id, manifest->database);
	return bk_error_hint(err, "To delete it all the same, run: SELECT backup_delete('%s', force => true);",
						 manifest->id);
}

/*
 * Ids carry the name, so only backups of the same one are read. One that is
 * being deleted itself does not count.
 */
static bool
look_at(void *arg, const char *id, BkError *err)
{
	Search	   *search = arg;
	BkManifest *manifest;
	BkVerdict	verdict;
	BkError		unreadable;
	bool		deleting = true;

	if (search->found || strcmp(id, search->manifest->id) == 0 ||
		!bk_label_same_name(id, search->manifest->id))
		return bk_go_on(search->host, err);
	manifest = bk_repository_manifest(search->repo, id, &unreadable);
	if (manifest == NULL)
		return true;
	if (is_alike(manifest, search->manifest) &&
		strcmp(manifest->system_identifier,
			   search->manifest->system_identifier) == 0 &&
		bk_note_read(search->repo, id, &verdict, &unreadable) &&
		bk_intent_deleting(search->intent, id, &deleting, &unreadable))
		search->found = !deleting && (!verdict.known || verdict.good);
	bk_manifest_free(manifest);
	return true;
}

/* A database may be called "base", too. */
static bool
is_alike(const BkManifest *a, const BkManifest *b)
{
	if (a->is_base || b->is_base)
		return a->is_base && b->is_base;
	return strcmp(a->content, b->content) == 0;
}
