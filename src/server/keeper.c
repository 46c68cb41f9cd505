/*
 * keeper.c
 *	  The short-lived worker that looks after what time brings. The launcher
 *	  starts it when the moment has come that the last look named, and when
 *	  something that it looks after has changed.
 *
 * One look takes each concern in its turn. A concern that fails is logged and
 * does not keep the others from theirs; the launcher then has the look made
 * again, after a pause that grows.
 */
#include "postgres.h"

#include <signal.h>

#include "postmaster/bgworker.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

#include "server/alarm.h"
#include "server/catalogue.h"
#include "server/keeper.h"
#include "server/promotion.h"
#include "server/prune.h"
#include "server/ready.h"
#include "server/settings.h"
#include "server/state.h"
#include "server/statement.h"
#include "server/timetable.h"
#include "server/wake.h"

/*
 * A concern: does what is due, and returns when it wants the next look for no
 * other reason than time; 0: never.
 */
typedef TimestampTz (*BkConcern) (TimestampTz now);

/* In the order in which they look. */
static const BkConcern bk_keeper_concerns[] =
{
	bk_promotion_look,
	bk_timetable_keep,
	bk_prune_history,
	bk_state_track,
	bk_alarm_look
};

static bool bk_keeper_knows_tables(void);
static bool bk_keeper_look(BkConcern concern, TimestampTz now, TimestampTz *next);

void
bk_keeper_main(Datum arg)
{
	uint64		asked;
	TimestampTz next = 0;
	bool		well = true;
	int			i;

	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnection(bk_setting_database, NULL, 0);
	bk_catalogue_prepare_session();
	/* what was begun must be known after a crash: else it would be begun again */
	SetConfigOption("synchronous_commit", "local", PGC_SUSET, PGC_S_SESSION);

	/* what is asked for from now on is for another look */
	asked = bk_wake_asked();
	if (bk_catalogue_is_installed() && (well = bk_keeper_knows_tables()))
	{
		for (i = 0; i < (int) lengthof(bk_keeper_concerns); i++)
			well = bk_keeper_look(bk_keeper_concerns[i], GetCurrentTimestamp(), &next) && well;
	}
	if (well)
		bk_wake_looked(asked, next);
	ereport(DEBUG1,
			(errmsg_internal("keeper has looked; it looks again %s",
							 !well ? "soon, since something failed" :
							 next == 0 ? "when it is asked to" : timestamptz_to_str(next))));
}

/* After an upgrade of the package, tables and library can differ for a while. */
static bool
bk_keeper_knows_tables(void)
{
	MemoryContext caller = bk_statement_begin();
	BkOutcome	problem;
	bool		knows = bk_ready_version(&problem);

	bk_statement_commit(caller);
	if (!knows)
		bk_outcome_report(&problem, WARNING);
	return knows;
}

/* Takes the sooner of what a concern wants next and what others want. */
static bool
bk_keeper_look(BkConcern concern, TimestampTz now, TimestampTz *next)
{
	MemoryContext context = CurrentMemoryContext;
	volatile TimestampTz wanted = 0;
	volatile bool well = false;
	BkOutcome	ignored;

	PG_TRY();
	{
		wanted = concern(now);
		well = true;
	}
	PG_CATCH();
	{
		bk_catalogue_catch(&ignored, context);
	}
	PG_END_TRY();
	if (wanted != 0 && (*next == 0 || wanted < *next))
		*next = wanted;
	return well;
}
