/*
 * sync.c
 *	  Report what the repository holds.
 */
#include "core/clock.h"
#include "job/common.h"
#include "job/expiry.h"
#include "job/ranges.h"
#include "job/verbs.h"

typedef struct Report
{
	BkRepository *repo;
	const BkHost *host;
} Report;

static bool report_all(const BkRequest *request, const BkHost *host,
					   BkError *err);
static void report_end(BkRepository *repo, const BkHost *host);
static bool report_one(void *arg, const char *id, BkError *err);
static bool report_mark(void *arg, const BkMark *mark, BkError *err);

bool
bk_job_sync(const BkRequest *request, const BkHost *host, BkError *err)
{
	BkRequest	asked = *request;

	if (request->accept)
		asked.repository_id = NULL;
	return bk_common_each(&asked, host, false, report_all, err);
}

static bool
report_all(const BkRequest *request, const BkHost *host, BkError *err)
{
	Report		report = {.host = host};
	bool		ok;

	report.repo = bk_common_open(request, host, err);
	if (report.repo == NULL)
		return false;
	bk_common_report_repository(report.repo, host);
	ok = bk_repository_walk(report.repo, report_one, &report, err) &&
		bk_expiry_list(report.repo, host, err) &&
		bk_mark_walk(report.repo, host, NULL, report_mark, &report, err) &&
		bk_ranges_report(report.repo, NULL, NULL, host, err);
	if (ok)
	{
		report_end(report.repo, host);
		bk_common_report_space(report.repo, host);
	}
	bk_repository_close(report.repo);
	return ok;
}

/* Only now is it known that what was not reported is not there. */
static void
report_end(BkRepository *repo, const BkHost *host)
{
	BkJson	   *record = bk_json_object();

	bk_json_put_string(record, "repository", repo->url);
	host->record(host->ctx, "listed", record);
	bk_json_free(record);
}

bool
bk_job_info(const BkRequest *request, const BkHost *host, BkError *err)
{
	BkRepository *repo;
	BkManifest *manifest = NULL;

	if (!bk_common_need(request->id, "id", err))
		return false;
	repo = bk_common_open_any(request, host, err);
	if (repo != NULL)
		manifest = bk_repository_manifest(repo, request->id, err);
	if (manifest != NULL)
		host->record(host->ctx, "manifest", manifest->json);
	bk_common_close_any(repo, host);
	bk_manifest_free(manifest);
	return manifest != NULL;
}

/*
 * A backup whose files cannot be read is bad, and must not hide the rest. One
 * that was deleted since it was listed is none.
 */
static bool
report_one(void *arg, const char *id, BkError *err)
{
	Report	   *report = arg;
	BkManifest *manifest;
	BkVerdict	verdict;
	BkError		problem;

	if (!bk_go_on(report->host, err))
		return false;
	manifest = bk_repository_manifest(report->repo, id, &problem);
	if (manifest != NULL && bk_note_read(report->repo, id, &verdict, &problem))
		bk_common_report_backup(report->repo, manifest, &verdict, report->host);
	else if (!bk_error_is(&problem, BK_STATE_NO_OBJECT) &&
			 !bk_error_is(&problem, BK_STATE_MISSING_FILE))
		bk_common_report_unreadable(report->repo, id, &problem, report->host);
	bk_manifest_free(manifest);
	return true;
}

static bool
report_mark(void *arg, const BkMark *mark, BkError *err)
{
	Report	   *report = arg;

	bk_common_report_mark(report->repo, mark, report->host);
	return bk_go_on(report->host, err);
}
