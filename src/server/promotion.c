/*
 * promotion.c
 *	  After a failover, segments can be missing between the timelines: those
 *	  that the old primary had not archived. That shows when the repository has
 *	  the first segment of the new one, and a person must know it at once, not
 *	  when somebody calls backup_sync() next.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "access/xlog_internal.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "server/call.h"
#include "server/promotion.h"
#include "server/request.h"
#include "server/settings.h"
#include "server/statement.h"
#include "server/wal_state.h"

#define BK_PROMOTION_RETRY_MS (5 * 60 * 1000)	/* a repository may be away */
#define BK_PROMOTION_LOOK_MS (60 * 1000)	/* a command archives unseen */

/*
 * Repositories of which it is not known what they have of a timeline, and when
 * they were last looked at.
 */
static const char bk_sql_unknown[] =
"SELECT (SELECT pg_catalog.max(s.requested_at) FROM %s.backup_run_data AS s"
" WHERE s.verb = 'sync' AND s.requested_at > $3)"
" FROM %s.backup_repository_data AS r"
" WHERE %s.backup_repository_number(r.url) IS NOT NULL"
" AND NOT EXISTS (SELECT FROM %s.backup_wal_range_data AS w"
" WHERE w.repository = r.url AND w.system_identifier = $1"
" AND w.timeline = $2 AND w.segments > 0)"
" LIMIT 1";

static bool bk_promotion_is_unknown(TimeLineID timeline, TimestampTz since,
									bool *looked);
static bool bk_promotion_is_archived(const BkWalState *state);

TimestampTz
bk_promotion_look(TimestampTz now)
{
	TimeLineID	timeline = GetWALInsertionTimeLine();
	BkWalState	state;
	MemoryContext caller;
	TimestampTz next = 0;
	bool		looked;
	BkRun	   *run;

	if (timeline == 1 || bk_setting_fence[0] != '\0' ||
		bk_setting_repository[0] == '\0' || XLogArchiveMode == ARCHIVE_MODE_OFF)
		return 0;
	caller = bk_statement_begin();
	if (bk_promotion_is_unknown(timeline, now - BK_PROMOTION_RETRY_MS * INT64CONST(1000),
								&looked))
	{
		bk_wal_state_read(&state);
		if (!bk_promotion_is_archived(&state))
			next = state.library[0] != '\0' ? 0 :
				TimestampTzPlusMilliseconds(now, BK_PROMOTION_LOOK_MS);
		else
		{
			next = TimestampTzPlusMilliseconds(now, BK_PROMOTION_RETRY_MS);
			if (!looked)
			{
				run = bk_request_new("sync");
				bk_text_copy(run->reason, sizeof(run->reason), "promotion");
				bk_call(run, false);
			}
		}
	}
	bk_statement_commit(caller);
	return next;
}

/* With "looked", if that was tried lately. */
static bool
bk_promotion_is_unknown(TimeLineID timeline, TimestampTz since, bool *looked)
{
	char		system_identifier[32];
	BkValues	values = {0};

	snprintf(system_identifier, sizeof(system_identifier), UINT64_FORMAT,
			 GetSystemIdentifier());
	bk_values_add_text(&values, system_identifier);
	bk_values_add_size(&values, timeline);
	bk_values_add_time(&values, since);
	bk_statement_execute(bk_sql_unknown, &values);
	if (SPI_processed == 0)
		return false;
	*looked = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1) != NULL;
	return true;
}

/* Has the archiver stored a segment of the timeline that the server is on? */
static bool
bk_promotion_is_archived(const BkWalState *state)
{
	TimeLineID	timeline;
	XLogSegNo	segment;

	if (!bk_wal_state_is_ours(state) || !bk_wal_file_is_segment(state->last_wal))
		return false;
	XLogFromFileName(state->last_wal, &timeline, &segment, wal_segment_size);
	return timeline == state->timeline;
}
