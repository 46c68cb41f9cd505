/*
 * turn.c
 *	  Take a slot of a schedule in the first repository, or leave it.
 */
#include "job/turn.h"

#include "core/clock.h"
#include "job/common.h"
#include "repo/lease.h"

/* How long one that came at the same moment may take to step back. */
#define TURN_PATIENCE_MS	5000

static BkLeaseSlot slot_of(const BkTurn *turn, const BkAsker *asker);
static bool take(BkTurn *turn, BkError *err);
static bool finish(const BkTurn *turn, BkRepository *repo, BkError *err);

bool
bk_turn_begin(BkTurn *turn, const BkRequest *request, const BkHost *host,
			  BkError *err)
{
	BkError		problem;

	*turn = (BkTurn) {.request = request, .host = host};
	if (request->slot_at == NULL)
		return true;
	if (!bk_clock_parse(request->slot_at, &turn->at))
		return bk_error(err, BK_STATE_BAD_ARGUMENT,
						"invalid value for argument \"slot_at\": \"%.40s\"",
						request->slot_at);
	if (!bk_common_need(request->schedule, "schedule", err) ||
		!bk_common_need(request->system_identifier, "system_identifier", err) ||
		!bk_common_need(request->data_directory, "data_directory", err))
		return false;
	if (take(turn, &problem))
		return true;
	if (bk_error_is(&problem, BK_STATE_SKIPPED) ||
		bk_error_is(&problem, BK_STATE_NOT_NOW) ||
		bk_error_is(&problem, BK_STATE_CANCELED))
	{
		*err = problem;
		return false;
	}
	bk_log(host, BK_LOG_INFO,
		   "going on without saying so to other servers of this cluster: %s",
		   problem.message);
	return true;
}

void
bk_turn_end(BkTurn *turn, bool done)
{
	BkRepository *repo;
	BkError		problem;

	if (turn->key[0] == '\0')
		return;
	repo = bk_common_open(turn->request, turn->host, &problem);
	if (repo != NULL && !done)
		bk_lease_give_back(repo, turn->key);
	else if (repo == NULL || !finish(turn, repo, &problem))
		bk_log(turn->host, BK_LOG_INFO,
			   "other servers of this cluster may do the same once more: %s",
			   problem.message);
	bk_repository_close(repo);
}

/* The slot that a request is for; the asker must outlive it. */
static BkLeaseSlot
slot_of(const BkTurn *turn, const BkAsker *asker)
{
	const BkRequest *request = turn->request;
	BkLeaseSlot slot = {
		.system_identifier = request->system_identifier,
		.place = &asker->place,
		.schedule = request->schedule,
		.at = turn->at,
		.object = request->id != NULL ? request->id :
			request->database != NULL ? request->database : "",
		.patience_ms = TURN_PATIENCE_MS,
	};

	return slot;
}

static bool
take(BkTurn *turn, BkError *err)
{
	BkRepository *repo = bk_common_open(turn->request, turn->host, err);
	BkAsker		asker;
	BkLeaseSlot slot = slot_of(turn, &asker);
	bool		ok = repo != NULL &&
		bk_common_asker(turn->request, NULL, &asker, err) &&
		bk_writer_check(repo, &asker.server, err) &&
		bk_lease_take(repo, &slot, turn->host, turn->key, err);

	/* What was written and is gone again is not ours to remove. */
	if (!ok)
		turn->key[0] = '\0';
	bk_repository_close(repo);
	return ok;
}

static bool
finish(const BkTurn *turn, BkRepository *repo, BkError *err)
{
	BkAsker		asker;
	BkLeaseSlot slot = slot_of(turn, &asker);

	return bk_common_asker(turn->request, NULL, &asker, err) &&
		bk_lease_finish(repo, &slot, turn->key, err);
}
