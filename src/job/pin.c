/*
 * pin.c
 *	  Keep a backup from retention, or let it go on.
 */
#include "core/clock.h"
#include "job/common.h"
#include "job/verbs.h"

static bool read_until(const char *text, int64_t *until, BkError *err);
static bool pin_everywhere(const BkRequest *request, const BkHost *host,
						   int64_t until, BkError *err);
static bool pin_there(const BkRequest *request, const BkHost *host,
					  int64_t until, BkError *err);

bool
bk_job_pin(const BkRequest *request, const BkHost *host, BkError *err)
{
	int64_t		until;

	return read_until(request->until, &until, err) &&
		pin_everywhere(request, host, until, err);
}

bool
bk_job_unpin(const BkRequest *request, const BkHost *host, BkError *err)
{
	return pin_everywhere(request, host, 0, err);
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
pin_everywhere(const BkRequest *request, const BkHost *host, int64_t until,
			   BkError *err)
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

		if (pin_there(&one, host, until, &problem))
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
pin_there(const BkRequest *request, const BkHost *host, int64_t until,
		  BkError *err)
{
	BkRepository *repo = bk_common_open(request, host, err);
	BkIntent   *intent = NULL;
	BkManifest *manifest = NULL;
	BkVerdict	verdict;
	bool		ok;

	ok = repo != NULL &&
		bk_common_may_write(request, repo, err) &&
		(intent = bk_intent_begin(repo, request->id, BK_INTENT_NEEDS, err)) != NULL &&
		(manifest = bk_repository_manifest(repo, request->id, err)) != NULL &&
		bk_note_pin(repo, request->id, until, err) &&
		bk_note_read(repo, request->id, &verdict, err);
	if (ok)
		bk_common_report_backup(repo, manifest, &verdict, host);
	bk_intent_end(intent);
	bk_manifest_free(manifest);
	bk_repository_close(repo);
	return ok;
}
