/*
 * expire.c
 *	  Delete what no rule keeps.
 *
 * The order protects: announce, read everything, decide, take off the list; wait
 * for the grace to pass; read everything again, decide again; delete data, and
 * WAL at last. Whatever stops this in between, the next run goes on with it, and
 * nothing that is listed lacks anything.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "job/expiry.h"
#include "job/verbs.h"
#include "repo/tombstone.h"

/* How long to wait for the end of another run that does the same. */
#define OTHERS_MS		(10 * 60 * 1000)
#define OTHERS_LOOK_US	300000

static bool expire_there(const BkRequest *request, const BkHost *host,
						 BkError *err);
static bool begin(BkExpiry *expiry, BkError *err);
static bool announce(BkExpiry *expiry, BkError *err);
static bool find_cluster(BkExpiry *expiry, BkError *err);
static bool only_cluster(void *arg, const char *system_identifier,
						 BkError *err);
static bool look(BkExpiry *expiry, BkError *err);
static bool check_clock(BkExpiry *expiry, BkError *err);
static void warn_unreadable(const BkExpiry *expiry);
static bool raise_kept(BkExpiry *expiry, BkError *err);
static bool take_off(BkExpiry *expiry, bool *unsettled, BkError *err);
static bool settle(BkExpiry *expiry, BkError *err);
static bool bring_back(BkExpiry *expiry, size_t number, BkError *err);
static bool is_over(const BkExpiry *expiry, size_t number);
static bool forgive(BkExpiry *expiry, size_t number, const BkError *problem,
					BkError *err);
static void show(BkExpiry *expiry);
static void end(BkExpiry *expiry);

bool
bk_job_expire(const BkRequest *request, const BkHost *host, BkError *err)
{
	return bk_common_each(request, host, true, expire_there, err);
}

static bool
expire_there(const BkRequest *request, const BkHost *host, BkError *err)
{
	BkExpiry	expiry = {.request = request, .host = host};
	bool		unsettled;
	bool		ok;

	ok = begin(&expiry, err);
	if (ok && expiry.policies.count == 0 && expiry.retention.window < 0)
	{
		bk_log(host, BK_LOG_INFO, "no retention is set, and nothing expires");
		end(&expiry);
		return true;
	}
	/* Plan: all that there is, and what is to become of it. */
	ok = ok && look(&expiry, err) && check_clock(&expiry, err);
	if (ok && request->dry_run)
		show(&expiry);
	/* Off the list: from here on it can be brought back. */
	if (ok && !request->dry_run)
		ok = raise_kept(&expiry, err) &&
			take_off(&expiry, &unsettled, err) &&
			/* Look again, and delete what has had its grace. */
			(!unsettled || (look(&expiry, err) && raise_kept(&expiry, err) &&
							settle(&expiry, err)));
	/* At last the WAL that nobody needs any more. */
	ok = ok && bk_expiry_wal(&expiry, err);
	if (ok && !request->dry_run)
		bk_common_report_space(expiry.repo, host);
	end(&expiry);
	if (!ok || expiry.failed == 0)
		return ok;
	*err = expiry.problem;
	return false;
}

/* A plan alone is made without a trace. */
static bool
begin(BkExpiry *expiry, BkError *err)
{
	const BkRequest *request = expiry->request;

	expiry->grace = request->expire_grace / 1000;
	if (!bk_policies_read(request, &expiry->policies, err) ||
		(expiry->repo = bk_common_open(request, expiry->host, err)) == NULL ||
		!find_cluster(expiry, err))
		return false;
	expiry->retention = (BkRetention) {
		.policies = expiry->policies.list,
		.policy_count = expiry->policies.count,
		.unscheduled = request->policies == NULL && !request->scheduled,
		.cluster = expiry->cluster,
		.window = request->recovery_window < 0 ? -1 : request->recovery_window / 1000,
		.minimum_good = request->minimum_good,
	};
	if (request->dry_run)
		return true;
	return bk_common_may_write(request, expiry->repo, err) &&
		bk_repository_require_keys(expiry->repo, err) &&
		bk_intent_clean(expiry->repo, expiry->host, err) &&
		announce(expiry, err);
}

/*
 * Backups that end at the same time all want this. Two that have stepped back from
 * each other do not come again at the same moment.
 */
static bool
announce(BkExpiry *expiry, BkError *err)
{
	int64_t		until = bk_clock_monotonic_ms() + OTHERS_MS;

	while ((expiry->intent = bk_intent_expire(expiry->repo, err)) == NULL)
	{
		BkError		stop;

		if (!bk_error_is(err, BK_STATE_IN_USE) || bk_clock_monotonic_ms() >= until)
			return false;
		usleep(OTHERS_LOOK_US + (useconds_t) getpid() % OTHERS_LOOK_US);
		if (!bk_go_on(expiry->host, &stop))
		{
			*err = stop;
			return false;
		}
	}
	expiry->announced_at = bk_clock_now();
	return true;
}

/* The cluster that asks, or the only one that there is. */
static bool
find_cluster(BkExpiry *expiry, BkError *err)
{
	const char *named = expiry->request->system_identifier;

	if (named != NULL)
	{
		snprintf(expiry->cluster, sizeof(expiry->cluster), "%s", named);
		return bk_layout_check_cluster(named, err);
	}
	if (!bk_writer_clusters(expiry->repo, only_cluster, expiry, err))
		return false;
	return expiry->cluster[0] != '\0' ||
		bk_error(err, BK_STATE_WRONG_STATE, "no cluster is registered in the repository \"%s\"",
				 expiry->repo->url);
}

static bool
only_cluster(void *arg, const char *system_identifier, BkError *err)
{
	BkExpiry   *expiry = arg;

	if (expiry->cluster[0] != '\0')
	{
		bk_error(err, BK_STATE_BAD_ARGUMENT, "the repository \"%s\" has backups of several clusters",
				 expiry->repo->url);
		return bk_error_hint(err, "Say which one is meant with --system-identifier.");
	}
	snprintf(expiry->cluster, sizeof(expiry->cluster), "%s", system_identifier);
	return true;
}

static bool
look(BkExpiry *expiry, BkError *err)
{
	bk_survey_free(&expiry->survey);
	if (!bk_survey_read(&expiry->survey, expiry->repo, expiry->cluster,
						  expiry->intent, expiry->host, err))
		return false;
	/* Later than the end of each backup that was read. */
	expiry->retention.now = bk_clock_now();
	return bk_survey_decide(&expiry->survey, &expiry->retention, err);
}

static bool
check_clock(BkExpiry *expiry, BkError *err)
{
	int64_t		store_now = 0;

	warn_unreadable(expiry);
	if (expiry->intent != NULL && !bk_intent_written(expiry->intent, &store_now, err))
		return false;
	/* Reading takes its time. */
	if (store_now != 0)
		store_now += expiry->retention.now - expiry->announced_at;
	return bk_retention_check_clock(&expiry->retention, expiry->survey.candidates,
								 expiry->survey.count, store_now, err);
}

static void
warn_unreadable(const BkExpiry *expiry)
{
	for (size_t i = 0; i < expiry->survey.count; i++)
	{
		const BkSurveyed *entry = &expiry->survey.list[i];

		if (entry->manifest == NULL)
			bk_log(expiry->host, BK_LOG_WARNING,
				   "backup \"%s\" cannot be read, and is kept: %s", entry->id, entry->problem);
	}
}

/* *unsettled: there is something that is to be deleted now. */
static bool
take_off(BkExpiry *expiry, bool *unsettled, BkError *err)
{
	BkError		problem;

	*unsettled = false;
	for (size_t i = 0; i < expiry->survey.count; i++)
	{
		BkSurveyed *entry = &expiry->survey.list[i];
		BkCandidate *candidate = &expiry->survey.candidates[i];
		bool		ok = true;

		if (!bk_go_on(expiry->host, err))
			return false;
		if (entry->listed && !candidate->keep)
			ok = bk_expiry_unlist(expiry, i, &problem);
		/* A run that died may have begun with one that is kept now. */
		else if (entry->listed && entry->buried && entry->manifest != NULL)
			ok = bk_tombstone_remove(expiry->repo, entry->id, &problem);
		else if (!entry->listed && !candidate->keep && !is_over(expiry, i))
			bk_expiry_report(expiry, i, BK_ACTION_GRACE, candidate->reason);
		if (!ok && !forgive(expiry, i, &problem, err))
			return false;
		*unsettled |= !entry->listed && is_over(expiry, i);
	}
	return true;
}

/*
 * What is off the list and is kept comes back, before anything goes on account of
 * it. One that does not come back counts no more.
 */
static bool
raise_kept(BkExpiry *expiry, BkError *err)
{
	BkError		problem;
	bool		stuck = false;

	for (size_t i = 0; i < expiry->survey.count; i++)
	{
		BkSurveyed *entry = &expiry->survey.list[i];
		BkCandidate *candidate = &expiry->survey.candidates[i];

		if (!bk_go_on(expiry->host, err))
			return false;
		if (entry->listed || entry->manifest == NULL || !candidate->keep ||
			strcmp(candidate->cluster, expiry->cluster) != 0 ||
			bring_back(expiry, i, &problem))
			continue;
		if (!forgive(expiry, i, &problem, err))
			return false;
		entry->stuck = candidate->broken = stuck = true;
	}
	if (!stuck)
		return true;
	return bk_survey_decide(&expiry->survey, &expiry->retention, err) &&
		raise_kept(expiry, err);
}

/* What is off the list and has had its grace goes. */
static bool
settle(BkExpiry *expiry, BkError *err)
{
	BkError		problem;

	for (size_t i = 0; i < expiry->survey.count; i++)
	{
		const BkSurveyed *entry = &expiry->survey.list[i];

		if (!bk_go_on(expiry->host, err))
			return false;
		if (entry->listed || entry->manifest == NULL || entry->stuck ||
			expiry->survey.candidates[i].keep || !is_over(expiry, i))
			continue;
		if (!bk_expiry_delete(expiry, i, &problem) &&
			!forgive(expiry, i, &problem, err))
			return false;
	}
	return true;
}

/* What was decided when it went is not true any more. */
static bool
bring_back(BkExpiry *expiry, size_t number, BkError *err)
{
	BkSurveyed *entry = &expiry->survey.list[number];
	BkIntent   *intent = bk_intent_begin(expiry->repo, entry->id, BK_INTENT_NEEDS, err);
	bool		ok = intent != NULL &&
		bk_expiry_raise(expiry->repo, entry->manifest, expiry->survey.map, err);

	bk_intent_end(intent);
	if (!ok)
		return false;
	entry->listed = true;
	bk_common_report_backup(expiry->repo, entry->manifest, &entry->verdict, expiry->host);
	bk_expiry_report(expiry, number, BK_ACTION_KEEP, expiry->survey.candidates[number].reason);
	bk_log(expiry->host, BK_LOG_WARNING, "backup \"%s\" had expired and is listed again: %s",
		   entry->id, expiry->survey.candidates[number].reason);
	return true;
}

static bool
is_over(const BkExpiry *expiry, size_t number)
{
	return bk_expiry_delete_after(expiry, expiry->survey.list[number].verdict.expired_at) <=
		bk_clock_now();
}

/*
 * One backup that cannot go is no reason to keep the others; one that somebody
 * uses is no failure at all.
 */
static bool
forgive(BkExpiry *expiry, size_t number, const BkError *problem, BkError *err)
{
	const char *id = expiry->survey.list[number].id;

	if (bk_error_is(problem, BK_STATE_CANCELED) ||
		bk_error_is(problem, BK_STATE_UNREACHABLE) ||
		bk_error_is(problem, BK_STATE_DISCONNECTED))
	{
		*err = *problem;
		return false;
	}
	if (bk_error_is(problem, BK_STATE_IN_USE))
	{
		expiry->survey.candidates[number].in_use = true;
		bk_expiry_report(expiry, number, BK_ACTION_KEEP, "a run is using it");
		return true;
	}
	bk_log(expiry->host, BK_LOG_WARNING, "backup \"%s\" could not be expired: %s", id,
		   problem->message);
	if (expiry->failed++ == 0)
		expiry->problem = *problem;
	return true;
}

/* What a run of this moment would do. */
static void
show(BkExpiry *expiry)
{
	for (size_t i = 0; i < expiry->survey.count; i++)
	{
		BkCandidate *candidate = &expiry->survey.candidates[i];
		const BkSurveyed *entry = &expiry->survey.list[i];
		const char *action = BK_ACTION_KEEP;

		if (entry->manifest != NULL && strcmp(candidate->cluster, expiry->cluster) != 0)
			continue;
		if (!candidate->keep && entry->listed)
			action = BK_ACTION_EXPIRE;
		else if (!candidate->keep)
			action = is_over(expiry, i) && !entry->stuck ? BK_ACTION_DELETE : BK_ACTION_GRACE;
		candidate->gone = !candidate->keep && !entry->stuck &&
			(entry->listed ? expiry->grace == 0 : is_over(expiry, i));
		bk_expiry_report(expiry, i, action, candidate->reason);
	}
}

static void
end(BkExpiry *expiry)
{
	bk_intent_end(expiry->intent);
	bk_survey_free(&expiry->survey);
	bk_policies_free(&expiry->policies);
	bk_repository_close(expiry->repo);
}
