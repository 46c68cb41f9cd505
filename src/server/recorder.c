/*
 * recorder.c
 *	  A short-lived worker that the launcher starts for rows which no run's
 *	  worker can write: of runs that wait for a place, or whose worker could
 *	  not start or was ended, and of those that an earlier life of the server
 *	  left open. If it fails, the launcher tries again later.
 */
#include "postgres.h"

#include <signal.h>

#include "postmaster/bgworker.h"
#include "tcop/tcopprot.h"

#include "server/catalogue.h"
#include "server/run.h"
#include "server/settings.h"
#include "server/shared.h"

static void bk_recorder_record(int slot, const BkRun *run, bool installed);

void
bk_recorder_main(Datum arg)
{
	BkRun	   *run = palloc(sizeof(BkRun));
	bool		installed;
	int			slot;

	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnection(bk_setting_database, NULL, 0);
	bk_catalogue_prepare_session();
	installed = bk_catalogue_is_installed();

	if (!bk_shared_is_swept())
	{
		if (installed)
			bk_catalogue_close_lost_runs();
		bk_shared_set_swept();
	}
	for (slot = 0; slot < BK_SLOTS; slot++)
	{
		if (bk_shared_read(slot, run) && bk_run_needs_recorder(run))
			bk_recorder_record(slot, run, installed);
	}
}

/* Without the extension there is no table, and the run is forgotten. */
static void
bk_recorder_record(int slot, const BkRun *run, bool installed)
{
	if (installed)
		bk_catalogue_write_run(run, NULL);
	if (run->state == BK_RUN_DONE)
		bk_shared_set_recorded(slot);
	else
		bk_shared_set_row_written(slot, run->run);
}
