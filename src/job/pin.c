/*
 * pin.c
 *	  Keep a backup from retention, let it go on, or bring back what it took.
 */
#include "core/clock.h"
#include "job/expiry.h"
#include "job/verbs.h"
#include "repo/tombstone.h"

/* What is done in one repository. */
typedef struct Pin
{
	const BkRequest *request;
	const BkHost *host;
	int64_t		until;			/* 0: it is pinned no longer */
} Pin;

/* A run on the backup is announced around it. */
typedef bool (*Step) (const Pin *pin, BkRepository *repo, BkError *err);

static bool read_until(const char *text, int64_t *until, BkError *err);
static bool everywhere(const BkRequest *request, const BkHost *host,
					   int64_t until, Step step, BkError *err);
static bool pin_there(const Pin *pin, BkRepository *repo, BkError *err);
static bool bring_back(const Pin *pin, BkRepository *repo, BkError *err);
static bool there(const Pin *pin, Step step, BkError *err);

bool
bk_job_pin(const BkRequest *request, const BkHost *host, BkError *err)
{
	int64_t		until;

	return read_until(request->until, &until, err) &&
		everywhere(request, host, until, pin_there, err);
}

bool
bk_job_unpin(const BkRequest *request, const BkHost *host, BkError *err)
{
	return everywhere(request, host, 0, pin_there, err);
}

/* It is pinned as well: else the next run would take it off the list again. */
bool
bk_job_unexpire(const BkRequest *request, const BkHost *host, BkError *err)
{
	return everywhere(request, host, BK_NOTE_FOREVER, bring_back, err);
}

static bool
read_until(const char *text, int64_t *until, BkError *err)
{
	*until = BK_NOTE_FOREVER;
	if (text == NULL || text[0] == '\0')
		return true;
	if (!bk_clock_parse(text, until))
	{
		bk_error(err, BK_STATE_BAD_ARGUMENT, "invalid time \"%.40s\"", text);
		return bk_error_hint(err, "Give a time in UTC, such as 2027-01-31T00:00:00Z.");
	}
	return *until > bk_clock_now() ||
		bk_error(err, BK_STATE_BAD_ARGUMENT, "%s is in the past", text);
}

/*
 * In every repository that has it. One that cannot be reached is an error when
 * the others are done: there it is not pinned.
 */
static bool
everywhere(const BkRequest *request, const BkHost *host, int64_t until,
		   Step step, BkError *err)
{
	BkError		problem;
	size_t		done = 0;
	size_t		absent = 0;
	BkUrls		urls;

	if (!bk_common_need(request->id, "id", err) ||
		!bk_label_check(request->id, err) ||
		!bk_common_urls(request, &urls, err))
		return false;
	for (size_t i = 0; i < urls.count; i++)
	{
		BkRequest	one = bk_common_at(request, &urls, i);
		Pin			pin = {.request = &one, .host = host, .until = until};

		if (there(&pin, step, &problem))
			done++;
		else if (bk_error_is(&problem, BK_STATE_NO_OBJECT))
			absent++;
		else
			*err = problem;
	}
	if (absent == urls.count)
		*err = problem;
	absent += done;
	done = done > 0 && absent == urls.count;
	bk_urls_free(&urls);
	return done;
}

/*
 * Who is about to delete it has said so before he looks at the pins: either he
 * sees ours, or we see him.
 */
static bool
there(const Pin *pin, Step step, BkError *err)
{
	const BkRequest *request = pin->request;
	BkRepository *repo = bk_common_open(request, pin->host, err);
	BkIntent   *intent = NULL;
	bool		ok;

	ok = repo != NULL &&
		bk_common_may_write(request, repo, err) &&
		bk_repository_require_keys(repo, err) &&
		(intent = bk_intent_begin(repo, request->id, BK_INTENT_NEEDS, err)) != NULL &&
		step(pin, repo, err);
	bk_intent_end(intent);
	bk_repository_close(repo);
	return ok;
}

static bool
pin_there(const Pin *pin, BkRepository *repo, BkError *err)
{
	BkManifest *manifest = bk_repository_manifest(repo, pin->request->id, err);
	BkVerdict	verdict;
	bool		ok;

	ok = manifest != NULL &&
		bk_note_pin(repo, manifest->id, pin->until, err) &&
		bk_note_read(repo, manifest->id, &verdict, err);
	if (ok)
		bk_common_report_backup(repo, manifest, &verdict, pin->host);
	bk_manifest_free(manifest);
	return ok;
}

/* Whoever died in the middle of it has pinned what is still off the list. */
static bool
bring_back(const Pin *pin, BkRepository *repo, BkError *err)
{
	BkManifest *manifest = bk_tombstone_manifest(repo, pin->request->id, err);
	BkVerdict	verdict;
	bool		ok;

	ok = manifest != NULL &&
		bk_note_pin(repo, manifest->id, pin->until, err) &&
		bk_expiry_raise(repo, manifest, NULL, err) &&
		bk_note_read(repo, manifest->id, &verdict, err);
	if (ok)
		bk_common_report_backup(repo, manifest, &verdict, pin->host);
	bk_manifest_free(manifest);
	return ok;
}
