/*
 * lifecycle.c
 *	  The rules by which the bucket of a repository moves and removes objects
 *	  by itself.
 */
#include "job/lifecycle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "job/common.h"
#include "job/verbs.h"

/* The rules as they are seen, for records or for a verdict. */
typedef struct Seen
{
	const BkHost *host;			/* NULL: no records are wanted */
	int			count;
	int			bad;
	char		first[256];		/* bad one */
} Seen;

static bool has_wish(const BkRequest *request);
static bool set_rule(const BkRequest *request, BkRepository *repo,
					 const char *name, BkError *err);
static bool check_wish(const BkRequest *request, BkRepository *repo,
					   BkError *err);
static bool require_no_backups(BkRepository *repo, BkError *err);
static bool refuse_one(void *arg, const char *id, BkError *err);
static bool see_rule(void *arg, const BkLifecycleRule *rule, BkError *err);

bool
bk_job_s3_lifecycle(const BkRequest *request, const BkHost *host,
					BkError *err)
{
	BkRepository *repo = bk_common_open(request, host, err);
	Seen		seen = {.host = host};
	char		name[64];
	bool		done = repo != NULL;

	if (done)
		snprintf(name, sizeof(name), "backup_ext %s", repo->id);
	if (done && (has_wish(request) || request->remove))
		done = set_rule(request, repo, name, err);
	done = done && bk_storage_lifecycle(repo->storage, see_rule, &seen, err);
	if (done && seen.count == 0)
		bk_common_report_check(host, "lifecycle", true,
							   "no rule of the bucket is about this repository", NULL);
	bk_repository_close(repo);
	return done;
}

void
bk_lifecycle_check(BkRepository *repo, const char *name, const BkHost *host)
{
	Seen		seen = {0};
	BkError		problem;
	char		title[64];
	char		detail[400];

	snprintf(title, sizeof(title), "%s is left alone by its store", name);
	if (!bk_storage_lifecycle(repo->storage, see_rule, &seen, &problem))
	{
		/* Who may not ask, or has no such rules, has nothing to be told. */
		if (bk_error_is(&problem, BK_STATE_UNSUPPORTED) ||
			bk_error_is(&problem, BK_STATE_NO_RIGHT))
			return;
		bk_common_report_check(host, title, false, problem.message,
							   problem.hint[0] != '\0' ? problem.hint : NULL);
		return;
	}
	snprintf(detail, sizeof(detail), "lifecycle rule \"%s\" removes or archives objects of the repository", seen.first);
	bk_common_report_check(host, title, seen.bad == 0,
						   seen.bad == 0 ? "no lifecycle rule removes or archives its objects" : detail,
						   seen.bad == 0 ? NULL : "To see all rules: SELECT * FROM backup_s3_lifecycle();");
}

static bool
has_wish(const BkRequest *request)
{
	return request->transition_days > 0 || request->transition_class != NULL ||
		request->expiration_days > 0 || request->noncurrent_days > 0 ||
		request->abort_days > 0;
}

static bool
set_rule(const BkRequest *request, BkRepository *repo, const char *name,
		 BkError *err)
{
	BkLifecycleWish wish = {
		.name = name,
		.move_days = request->transition_days,
		.move_class = request->transition_class,
		.remove_days = request->expiration_days,
		.old_days = request->noncurrent_days,
		.abort_days = request->abort_days,
	};

	if (request->remove && has_wish(request))
		return bk_error(err, BK_STATE_BAD_ARGUMENT,
						"a rule is either set or removed");
	return check_wish(request, repo, err) &&
		bk_common_may_write(request, repo, err) &&
		bk_storage_set_lifecycle(repo->storage, &wish, err);
}

/* Nothing that would take away what can still be asked for. */
static bool
check_wish(const BkRequest *request, BkRepository *repo, BkError *err)
{
	const char *class = request->transition_class;

	if ((request->transition_days > 0) != (class != NULL))
		return bk_error(err, BK_STATE_BAD_ARGUMENT,
						"a transition needs both a number of days and a storage class");
	if (class != NULL && (strcmp(class, "GLACIER") == 0 || strcmp(class, "DEEP_ARCHIVE") == 0))
	{
		bk_error(err, BK_STATE_BAD_ARGUMENT, "objects in class %s cannot be read at once", class);
		bk_error_detail(err, "Neither a restore nor the list of backups would work before they were brought back.");
		return bk_error_hint(err, "Use a class such as STANDARD_IA or GLACIER_IR.");
	}
	return request->expiration_days == 0 || require_no_backups(repo, err);
}

static bool
require_no_backups(BkRepository *repo, BkError *err)
{
	return bk_repository_walk(repo, refuse_one, repo, err);
}

static bool
refuse_one(void *arg, const char *id, BkError *err)
{
	(void) arg;
	bk_error(err, BK_STATE_WRONG_STATE,
			 "an expiration would remove backups that the repository lists");
	bk_error_detail(err, "The store would remove objects by their age, whatever needs them; backup \"%s\" is listed.", id);
	return bk_error_hint(err, "Delete backups with backup_delete(). noncurrent_days removes what was deleted or replaced from a bucket with versions.");
}

static bool
see_rule(void *arg, const BkLifecycleRule *rule, BkError *err)
{
	Seen	   *seen = arg;
	bool		bad = rule->enabled && (rule->removes || rule->archives);
	char		detail[1024];

	(void) err;
	seen->count++;
	if (bad && seen->bad++ == 0)
		snprintf(seen->first, sizeof(seen->first), "%s", rule->name);
	if (seen->host == NULL)
		return true;
	snprintf(detail, sizeof(detail), "%s%s%s%s: %s",
			 rule->enabled ? "" : "(off) ",
			 *rule->prefix != '\0' ? rule->prefix : "the whole bucket",
			 *rule->prefix != '\0' ? "*" : "",
			 rule->narrowed ? ", of that only some by tag or size" : "", rule->deeds);
	bk_common_report_check(seen->host, rule->name, !bad, detail,
						   !bad ? NULL : rule->removes ?
						   "It removes backups and WAL by their age, whatever needs them. Narrow its prefix with the tools of the store." :
						   "Objects that it moves cannot be restored before they are brought back. Change its class with the tools of the store.");
	return true;
}
