/*
 * online.c
 *	  Ask a server to be backed up.
 */
#include "source/online.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PID_FILE_SIZE	8192

static const char facts_sql[] =
	"SELECT jsonb_build_object("
	" 'data_directory', current_setting('data_directory'),"
	" 'in_recovery', pg_is_in_recovery(),"
	" 'wal_level', current_setting('wal_level'),"
	" 'archive_mode', current_setting('archive_mode'),"
	" 'block_size', i.database_block_size,"
	" 'segment_blocks', i.blocks_per_segment,"
	" 'wal_segment_size', i.bytes_per_wal_segment,"
	" 'data_checksums', current_setting('data_checksums') = 'on',"
	" 'tablespace_folder', format('PG_%s_%s',"
	"   current_setting('server_version_num')::int / 10000, s.catalog_version_no),"
	" 'postmaster_pid', pg_read_file('postmaster.pid'))::text"
	" FROM pg_control_system() s, pg_control_init() i";

static const char settings_sql[] =
	"SELECT coalesce(jsonb_object_agg(name, current_setting(name, true)), '{}')::text"
	" FROM pg_settings"
	" WHERE source IN ('configuration file', 'command line', 'environment variable')";

/* The checkpoint of the start has written the timeline into pg_control. */
static const char start_sql[] =
	"SELECT s.lsn::text, pg_walfile_name(s.lsn)"
	" FROM pg_backup_start($1, $2::boolean) AS s(lsn)";

/*
 * What ends at the boundary of a segment is in the one before it; of the
 * boundary itself not all versions say the same.
 */
static const char stop_sql[] =
	"SELECT s.lsn::text, pg_walfile_name(s.lsn - 1), s.labelfile"
	" FROM pg_backup_stop(wait_for_archive => false) s";

static const char switch_sql[] =
	"SELECT s.lsn::text, pg_walfile_name(s.lsn - 1), i.bytes_per_wal_segment"
	" FROM pg_switch_wal() AS s(lsn), pg_control_init() AS i";

static const char archiver_sql[] =
	"SELECT CASE"
	" WHEN last_failed_time > coalesce(last_archived_time, '-infinity') THEN"
	"   format('The archiver has failed %s times, last with %s at %s.',"
	"     failed_count, last_failed_wal, date_trunc('second', last_failed_time))"
	" WHEN last_archived_time IS NULL THEN 'The archiver has not archived anything yet.'"
	" ELSE format('The archiver has last archived %s at %s.',"
	"   last_archived_wal, date_trunc('second', last_archived_time)) END"
	" FROM pg_stat_archiver";

static bool read_point(const BkPgRows *rows, BkOnlinePoint *point,
					   BkError *err);
static bool is_our_directory(int fd, const BkJson *facts);

BkJson *
bk_online_facts(BkPg *pg, BkError *err)
{
	BkJson	   *facts = bk_pg_json(pg, facts_sql, NULL, err);

	if (facts == NULL && bk_error_is(err, BK_STATE_NO_RIGHT))
		bk_error_hint(err, "A base backup needs a login that is a superuser.");
	return facts;
}

BkJson *
bk_online_settings(BkPg *pg, BkError *err)
{
	return bk_pg_json(pg, settings_sql, NULL, err);
}

bool
bk_online_check_directory(const BkJson *facts, BkError *err)
{
	const char *directory = bk_json_string(bk_json_get(facts, "data_directory"), "");
	int			fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool		ours;

	if (fd < 0)
	{
		int			code = errno;

		bk_error(err, BK_STATE_WRONG_STATE, "could not open the data directory \"%s\"",
				 directory);
		bk_error_detail(err, "The system says: %s.", strerror(code));
		return bk_error_hint(err, "Take base backups on the server's own machine, as the user who runs it.");
	}
	ours = is_our_directory(fd, facts);
	close(fd);
	if (ours)
		return true;
	bk_error(err, BK_STATE_WRONG_STATE,
			 "the data directory \"%s\" on this machine is not the server's",
			 directory);
	bk_error_detail(err, "Its postmaster.pid is not the one that the server reads.");
	return bk_error_hint(err, "Take base backups on the server's own machine, or correct backup_ext.conninfo.");
}

bool
bk_online_start(BkPg *pg, const char *label, bool fast, BkOnlinePoint *start,
				BkError *err)
{
	const char *values[] = {label, fast ? "true" : "false"};
	BkPgRows   *rows = bk_pg_query(pg, start_sql, 2, values, err);
	bool		ok = rows != NULL && read_point(rows, start, err);

	bk_pg_free(rows);
	return ok;
}

bool
bk_online_stop(BkPg *pg, const BkOnlinePoint *start, BkOnlinePoint *stop,
			   char **label, BkError *err)
{
	BkPgRows   *rows = bk_pg_query(pg, stop_sql, 0, NULL, err);
	bool		ok = rows != NULL && read_point(rows, stop, err);

	if (ok && stop->timeline != start->timeline)
	{
		bk_error(err, BK_STATE_WRONG_STATE, "the timeline has changed during the backup");
		ok = bk_error_detail(err, "It began on timeline %u and ends on %u.",
							 start->timeline, stop->timeline);
	}
	if (ok)
	{
		const char *text = bk_pg_field(rows, 0, 2);

		*label = strdup(text == NULL ? "" : text);
		ok = *label != NULL || bk_error_memory(err);
	}
	bk_pg_free(rows);
	return ok;
}

bool
bk_online_switch(BkPg *pg, BkOnlinePoint *last, uint32_t *segment_size,
				 BkError *err)
{
	BkPgRows   *rows = bk_pg_query(pg, switch_sql, 0, NULL, err);
	bool		ok = rows != NULL && read_point(rows, last, err);

	if (ok)
		*segment_size = (uint32_t) strtoul(bk_pg_field(rows, 0, 2), NULL, 10);
	bk_pg_free(rows);
	return ok;
}

bool
bk_online_archiver(BkPg *pg, char *text, size_t size, BkError *err)
{
	char	   *value;

	if (!bk_pg_value(pg, archiver_sql, NULL, &value, err))
		return false;
	snprintf(text, size, "%s", value == NULL ? "" : value);
	free(value);
	return true;
}

static bool
read_point(const BkPgRows *rows, BkOnlinePoint *point, BkError *err)
{
	const char *lsn = bk_pg_count(rows) == 1 ? bk_pg_field(rows, 0, 0) : NULL;
	const char *wal = lsn == NULL ? NULL : bk_pg_field(rows, 0, 1);
	BkWalName	name;

	if (wal == NULL || !bk_lsn_parse(lsn, &point->lsn))
		return bk_error(err, BK_STATE_SYSTEM,
						"the server gave no WAL position");
	if (!bk_wal_name_parse(wal, &name, err))
		return false;
	point->timeline = name.timeline;
	memcpy(point->wal, name.text, sizeof(point->wal));
	return true;
}

/*
 * The file has the server's process, its start, and its port: no other
 * server's, on this machine or another, is the same.
 */
static bool
is_our_directory(int fd, const BkJson *facts)
{
	const char *expected = bk_json_string(bk_json_get(facts, "postmaster_pid"), "");
	int			file = openat(fd, "postmaster.pid", O_RDONLY | O_CLOEXEC);
	char		text[PID_FILE_SIZE];
	ssize_t		len = file < 0 ? -1 : read(file, text, sizeof(text) - 1);

	if (file >= 0)
		close(file);
	if (len <= 0)
		return false;
	text[len] = '\0';
	return strcmp(text, expected) == 0;
}
