/*
 * wal_state.c
 *	  Reads pg_wal and what the archiver has counted. There may be ten thousand
 *	  files: of those that wait only the first in order is looked at closely,
 *	  and segments are counted, since all are of one size.
 */
#include "server/compat.h"

#include <sys/stat.h>
#include <sys/statvfs.h>

#include "access/xlog.h"
#include "access/xlog_internal.h"
#include "access/xlogrecovery.h"
#include "pgstat.h"
#include "storage/fd.h"
#include "utils/timestamp.h"

#include "server/settings.h"
#include "server/wal_state.h"

#define BK_WAL_LATE_MS (5 * 60 * 1000)
#define BK_WAL_TOO_LATE_MS (15 * 60 * 1000)
#define BK_WAL_DISK_WARNING 80	/* percent */
#define BK_WAL_DISK_CRITICAL 90
#define BK_WAL_DISK_LAST 95
#define BK_WAL_FULL_WARNING_MS (6 * 60 * 60 * 1000)
#define BK_WAL_FULL_CRITICAL_MS (60 * 60 * 1000)
#define BK_WAL_RATE_LEAST (60 * USECS_PER_SEC)

static bool bk_wal_state_is_module(const BkWalState *state);
static void bk_wal_state_settings(BkWalState *state);
static void bk_wal_state_waiting(BkWalState *state);
static void bk_wal_state_older(BkWalState *state, const char *name);
static void bk_wal_state_directory(BkWalState *state);
static void bk_wal_state_forecast(BkWalState *state);
static void bk_wal_state_counted(BkWalState *state);
static void bk_wal_state_last(BkWalState *state, const char *name,
							  TimestampTz at);
static const char *bk_wal_state_judge_facts(const BkWalState *state,
											const BkWalCatalogue *catalogue,
											char **reason);
static const char *bk_wal_state_judge_disk(const BkWalState *state, char **reason);
static bool bk_wal_state_time(const char *name, TimestampTz *time);
static char *bk_wal_state_age(const BkWalState *state);

void
bk_wal_state_read(BkWalState *state)
{
	memset(state, 0, sizeof(BkWalState));
	bk_wal_state_settings(state);
	bk_wal_state_waiting(state);
	bk_wal_state_directory(state);
	bk_wal_state_forecast(state);
	bk_wal_state_counted(state);
}

bool
bk_wal_state_is_ours(const BkWalState *state)
{
	return bk_wal_state_is_module(state) ||
		strstr(state->command, "pg_backup_ext archive-push") != NULL;
}

static bool
bk_wal_state_is_module(const BkWalState *state)
{
	const char *slash = strrchr(state->library, '/');

	return strcmp(slash == NULL ? state->library : slash + 1, "backup_ext") == 0;
}

/* --- facts --- */

static void
bk_wal_state_settings(BkWalState *state)
{
	state->mode = XLogArchiveMode == ARCHIVE_MODE_OFF ? "off" :
		XLogArchiveMode == ARCHIVE_MODE_ALWAYS ? "always" : "on";
	state->library = XLogArchiveLibrary;
	state->command = XLogArchiveLibrary[0] == '\0' ? XLogArchiveCommand : "";
	state->in_recovery = RecoveryInProgress();
	if (state->in_recovery)
		(void) GetXLogReplayRecPtr(&state->timeline);
	else
		state->timeline = GetWALInsertionTimeLine();
}

/*
 * The archiver takes histories first, then the rest by name: the first of each
 * is the one that is stuck, if one is.
 */
static void
bk_wal_state_waiting(BkWalState *state)
{
	DIR		   *dir = AllocateDir(XLOGDIR "/archive_status");
	struct dirent *entry;
	char		history[BK_WAL_FILE_SIZE] = "";
	char		other[BK_WAL_FILE_SIZE] = "";

	while ((entry = ReadDirExtended(dir, XLOGDIR "/archive_status", LOG)) != NULL)
	{
		const char *suffix = strrchr(entry->d_name, '.');
		char		name[BK_WAL_FILE_SIZE];
		char	   *first;

		if (suffix == NULL || strcmp(suffix, ".ready") != 0 ||
			suffix - entry->d_name >= BK_WAL_FILE_SIZE)
			continue;
		strlcpy(name, entry->d_name, suffix - entry->d_name + 1);
		state->waiting++;
		first = IsTLHistoryFileName(name) ? history : other;
		if (first[0] == '\0' || strcmp(name, first) < 0)
			strlcpy(first, name, BK_WAL_FILE_SIZE);
	}
	FreeDir(dir);
	bk_wal_state_older(state, history);
	bk_wal_state_older(state, other);
}

/* Takes a waiting file if it waits for longer than the one before. */
static void
bk_wal_state_older(BkWalState *state, const char *name)
{
	TimestampTz since;

	if (name[0] == '\0' || !bk_wal_state_time(name, &since) ||
		(state->oldest_since != 0 && state->oldest_since <= since))
		return;
	strlcpy(state->oldest_wal, name, sizeof(state->oldest_wal));
	state->oldest_since = since;
}

/* Since when does a file wait? False: it does not any more. */
static bool
bk_wal_state_time(const char *name, TimestampTz *time)
{
	char		path[MAXPGPATH];
	struct stat status;

	StatusFilePath(path, name, ".ready");
	if (stat(path, &status) != 0)
		return false;
	*time = time_t_to_timestamptz(status.st_mtime);
	return true;
}

static void
bk_wal_state_directory(BkWalState *state)
{
	DIR		   *dir = AllocateDir(XLOGDIR);
	struct dirent *entry;
	struct statvfs disk;

	while ((entry = ReadDirExtended(dir, XLOGDIR, LOG)) != NULL)
	{
		char		path[MAXPGPATH];
		struct stat status;

		if (bk_wal_file_is_segment(entry->d_name))
		{
			state->directory_size += wal_segment_size;
			continue;
		}
		snprintf(path, sizeof(path), "%s/%s", XLOGDIR, entry->d_name);
		if (stat(path, &status) == 0 && S_ISREG(status.st_mode))
			state->directory_size += status.st_size;
	}
	FreeDir(dir);
	state->disk_used = -1;
	if (statvfs(XLOGDIR, &disk) != 0 || disk.f_blocks - disk.f_bfree + disk.f_bavail == 0)
		return;
	state->disk_free = (int64) disk.f_bavail * disk.f_frsize;
	state->disk_total = (int64) (disk.f_blocks - disk.f_bfree + disk.f_bavail) * disk.f_frsize;
	state->disk_used = (int) (100.0 * (disk.f_blocks - disk.f_bfree) /
							  (disk.f_blocks - disk.f_bfree + disk.f_bavail));
}

/*
 * What waits has come since the oldest of it, and none of it can be recycled:
 * so fast the directory grows.
 */
static void
bk_wal_state_forecast(BkWalState *state)
{
	TimestampTz now = GetCurrentTimestamp();
	double		micros;

	if (state->disk_total == 0 || state->oldest_since == 0 ||
		now - state->oldest_since < BK_WAL_RATE_LEAST)
		return;
	micros = (double) state->disk_free / ((double) state->waiting * wal_segment_size) *
		(now - state->oldest_since);
	if (micros < (double) USECS_PER_DAY * 365)
		state->full_at = now + (TimestampTz) micros;
}

/*
 * PostgreSQL counts for every module and command, and keeps its numbers over a
 * restart; ours know the reasons.
 */
static void
bk_wal_state_counted(BkWalState *state)
{
	PgStat_ArchiverStats *server = pgstat_fetch_stat_archiver();
	TimestampTz since;

	state->archived = server->archived_count;
	state->failed = server->failed_count;
	strlcpy(state->failed_wal, server->last_failed_wal, sizeof(state->failed_wal));
	state->failed_at = server->last_failed_timestamp;
	state->failing = state->waiting > 0 &&
		server->last_failed_timestamp > server->last_archived_timestamp;
	bk_wal_state_last(state, server->last_archived_wal,
					  server->last_archived_timestamp);

	state->has_stats = bk_wal_state_is_module(state) &&
		bk_archive_stats_read(&state->stats) && state->stats.since != 0;
	if (!state->has_stats)
		return;
	bk_wal_state_last(state, state->stats.last_segment, state->stats.last_at);
	if (state->stats.failed_wal[0] != '\0')
	{
		strlcpy(state->failed_wal, state->stats.failed_wal, sizeof(state->failed_wal));
		state->failed_at = state->stats.failed_at;
	}
	state->failing = state->stats.failing &&
		bk_wal_state_time(state->stats.failed_wal, &since);
}

/*
 * Takes a file that was archived if it was later than what is known. The last
 * one that the server knows may be no segment: then ours is the last segment.
 */
static void
bk_wal_state_last(BkWalState *state, const char *name, TimestampTz at)
{
	TimeLineID	timeline;
	XLogSegNo	segment;

	if ((at >= state->last_at || state->last_wal[0] == '\0') &&
		bk_wal_file_is_segment(name))
	{
		strlcpy(state->last_wal, name, sizeof(state->last_wal));
		XLogFromFileName(name, &timeline, &segment, wal_segment_size);
		XLogSegNoOffsetToRecPtr(segment + 1, 0, wal_segment_size, state->last_lsn);
	}
	state->last_at = Max(state->last_at, at);
}

void
bk_wal_state_rate(const BkArchiveStats *stats, double *bytes, double *segments)
{
	TimestampTz now = GetCurrentTimestamp();
	int64		oldest = now / USECS_PER_SEC / BK_RATE_S - BK_RATE_BUCKETS;
	double		seconds = (double) (now - stats->since) / USECS_PER_SEC;
	int			i;

	seconds = Min(Max(seconds, 1), BK_RATE_BUCKETS * BK_RATE_S);
	*bytes = 0;
	*segments = 0;
	for (i = 0; i < BK_RATE_BUCKETS; i++)
	{
		if (stats->rate[i].span <= oldest)
			continue;
		*bytes += stats->rate[i].size / seconds;
		*segments += stats->rate[i].segments / seconds;
	}
}

/* --- verdict --- */

const char *
bk_wal_state_judge(const BkWalState *state, const BkWalCatalogue *catalogue,
				   char **reason)
{
	if (strcmp(state->mode, "off") == 0)
	{
		*reason = "Archiving is off, so no base backup can be rolled forward.";
		return catalogue->has_base_backups ? "critical" : NULL;
	}
	if (state->in_recovery && strcmp(state->mode, "always") != 0)
	{
		*reason = "This server is a standby: its primary archives.";
		return "ok";
	}
	if (bk_setting_fence[0] != '\0')
	{
		*reason = psprintf("This cluster is fenced: %s", bk_setting_fence);
		return "critical";
	}
	if (state->failing && state->has_stats &&
		strcmp(state->stats.failure.sqlstate, "23505") == 0)
	{
		*reason = psprintf("Conflict: the repository has \"%s\" with other content.",
						   state->failed_wal);
		return "critical";
	}
	if (catalogue->conflicts > 0)
	{
		*reason = "The repository had WAL files with two different contents when backup_sync() last looked.";
		return "critical";
	}
	if (catalogue->gaps > 0)
	{
		*reason = "Segments were missing in the archived WAL when backup_sync() last looked.";
		return "critical";
	}
	return bk_wal_state_judge_facts(state, catalogue, reason);
}

static const char *
bk_wal_state_judge_facts(const BkWalState *state,
						 const BkWalCatalogue *catalogue, char **reason)
{
	bool		set = state->library[0] != '\0' || state->command[0] != '\0';
	bool		lacks = catalogue->has_base_backups && !bk_wal_state_is_ours(state);
	const char *fills = bk_wal_state_judge_disk(state, reason);
	TimestampTz now = GetCurrentTimestamp();
	bool		late = state->oldest_since != 0 &&
		TimestampDifferenceExceeds(state->oldest_since, now, BK_WAL_LATE_MS);
	bool		too_late = late &&
		TimestampDifferenceExceeds(state->oldest_since, now, BK_WAL_TOO_LATE_MS);

	if (fills != NULL && (!late || strcmp(fills, "critical") == 0))
		return fills;
	if (late)
		*reason = bk_wal_state_age(state);
	else if (!set)
		*reason = "Neither archive_library nor archive_command is set.";
	else if (state->failing)
		*reason = psprintf("The last attempt to archive \"%s\" has failed.",
						   state->failed_wal);
	else if (lacks)
		*reason = "WAL is archived by something else, and may not reach the repository that has the base backups.";
	else
		*reason = state->last_at != 0 ? "WAL is archived." :
			"Nothing had to be archived yet.";

	if (too_late)
		return "critical";
	return late || !set || lacks || state->failing ? "warning" : "ok";
}

/*
 * Does what waits fill the file system of pg_wal? PostgreSQL stops when it is
 * full. NULL: not soon.
 */
static const char *
bk_wal_state_judge_disk(const BkWalState *state, char **reason)
{
	TimestampTz now = GetCurrentTimestamp();
	bool		soon = state->full_at != 0 &&
		!TimestampDifferenceExceeds(now, state->full_at, BK_WAL_FULL_WARNING_MS);
	bool		very_soon = soon &&
		!TimestampDifferenceExceeds(now, state->full_at, BK_WAL_FULL_CRITICAL_MS);

	if (state->waiting == 0 || (!soon && state->disk_used < BK_WAL_DISK_WARNING))
		return NULL;
	*reason = psprintf("The file system of pg_wal is %d %% full, and " INT64_FORMAT " files wait to be archived%s%s.",
					   state->disk_used, state->waiting,
					   very_soon ? "; it will be full within an hour" :
					   soon ? "; it will be full within six hours" : "",
					   state->disk_used >= BK_WAL_DISK_LAST ?
					   "; the server stops when it is full" : "");
	return very_soon || state->disk_used >= BK_WAL_DISK_CRITICAL ? "critical" : "warning";
}

static char *
bk_wal_state_age(const BkWalState *state)
{
	long		minutes = TimestampDifferenceMilliseconds(state->oldest_since,
														  GetCurrentTimestamp()) / (60 * 1000);

	return psprintf("\"%s\" waits to be archived since %ld minutes%s.",
					state->oldest_wal, minutes,
					state->failing ? ", and the last attempt has failed" :
					state->library[0] == '\0' && state->command[0] == '\0' ?
					", and neither archive_library nor archive_command is set" : "");
}
