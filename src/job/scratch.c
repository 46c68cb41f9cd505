/*
 * scratch.c
 *	  Name, mark and clean up databases in the making.
 *
 * The mark is a comment on the database: it lies beside what it is about, and
 * goes away with it. bk_property_apply() overwrites it with the true comment.
 */
#include "job/scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/digest.h"
#include "core/process.h"
#include "source/database.h"
#include "source/property.h"

#define SCRATCH_WORD	"restoring"
#define SCRATCH_LABEL	6
#define SCRATCH_MAKER	"pg_backup_ext restore "

/* Somebody may have taken such a database into use under another name. */
static const char marked_sql[] =
	"SELECT datname, substr(shobj_description(oid, 'pg_database'), length($1) + 1)"
	" FROM pg_database WHERE starts_with(shobj_description(oid, 'pg_database'), $1)"
	" AND datname ~ '_" SCRATCH_WORD "_[0-9a-z]{6}$'";

/*
 * Whoever was killed before the mark has left a database to which nobody but
 * superusers can connect, and no session of its name. Who is no superuser
 * neither sees all sessions nor makes such databases.
 */
static const char unmarked_sql[] =
	"SELECT datname FROM pg_database d"
	" WHERE datname ~ '_" SCRATCH_WORD "_[0-9a-z]{6}$' AND datconnlimit = 0"
	" AND shobj_description(oid, 'pg_database') IS NULL"
	" AND (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)"
	" AND NOT EXISTS (SELECT FROM pg_stat_activity"
	" WHERE application_name = '" SCRATCH_MAKER "' || right(d.datname, 6))";

static void drop(BkPg *pg, const char *name, const BkHost *host);
static void join(const char *name, const char *suffix, char *joined);

bool
bk_scratch_name(const char *name, char *scratch, BkError *err)
{
	char		random[SCRATCH_LABEL + 1];
	char		suffix[32];

	if (!bk_random_label(random, SCRATCH_LABEL, err))
		return false;
	snprintf(suffix, sizeof(suffix), "_" SCRATCH_WORD "_%s", random);
	join(name, suffix, scratch);
	return true;
}

bool
bk_scratch_dated_name(const char *name, char *dated, BkError *err)
{
	char		time[BK_CLOCK_COMPACT_SIZE];
	char		random[3];
	char		suffix[32];

	if (!bk_random_label(random, 2, err))
		return false;
	bk_clock_format_compact(bk_clock_now(), time);
	snprintf(suffix, sizeof(suffix), "_%s_%s", time, random);
	join(name, suffix, dated);
	return true;
}

bool
bk_scratch_claim(BkPg *pg, const char *scratch, BkError *err)
{
	return bk_pg_runf(pg, err, "SET application_name = '" SCRATCH_MAKER "%s'",
					  scratch + strlen(scratch) - SCRATCH_LABEL);
}

bool
bk_scratch_mark(BkPg *pg, const char *scratch, BkError *err)
{
	BkJson	   *self = bk_process_self(err);
	char	   *text;
	char		mark[1024];
	char	   *name;
	char	   *comment;
	bool		ok;

	if (self == NULL)
		return false;
	text = bk_json_text(self, false);
	snprintf(mark, sizeof(mark), BK_PROPERTY_MARK "%s", text == NULL ? "" : text);
	name = bk_pg_identifier(pg, scratch);
	comment = bk_pg_literal(pg, mark);
	if (text == NULL || name == NULL || comment == NULL)
		ok = bk_error_memory(err);
	else
		ok = bk_pg_runf(pg, err, "COMMENT ON DATABASE %s IS %s", name, comment);
	bk_json_free(self);
	free(text);
	free(name);
	free(comment);
	return ok;
}

bool
bk_scratch_clean(BkPg *pg, const BkHost *host, BkError *err)
{
	const char *values[] = {BK_PROPERTY_MARK};
	BkPgRows   *rows = bk_pg_query(pg, marked_sql, 1, values, err);

	if (rows == NULL)
		return false;
	for (int i = 0; i < bk_pg_count(rows); i++)
	{
		const char *name = bk_pg_field(rows, i, 0);
		const char *text = bk_pg_field(rows, i, 1);
		BkError		problem;
		BkJson	   *process = bk_json_parse(text, strlen(text), "a mark", &problem);

		if (process != NULL && bk_process_life(process) == BK_LIFE_DEAD)
			drop(pg, name, host);
		bk_json_free(process);
	}
	bk_pg_free(rows);

	rows = bk_pg_query(pg, unmarked_sql, 0, NULL, err);
	if (rows == NULL)
		return false;
	for (int i = 0; i < bk_pg_count(rows); i++)
		drop(pg, bk_pg_field(rows, i, 0), host);
	bk_pg_free(rows);
	return true;
}

static void
drop(BkPg *pg, const char *name, const BkHost *host)
{
	BkError		problem;

	if (bk_database_drop(pg, name, &problem))
		bk_log(host, BK_LOG_INFO,
			   "dropped \"%s\", which an interrupted restore had left", name);
	else
		bk_log(host, BK_LOG_WARNING, "could not drop \"%s\": %s", name,
			   problem.message);
}

/* Cut the name between characters of UTF-8, so that all of it fits. */
static void
join(const char *name, const char *suffix, char *joined)
{
	size_t		room = BK_SCRATCH_NAME_SIZE - 1 - strlen(suffix);
	size_t		len = strlen(name);

	if (len > room)
	{
		len = room;
		while (len > 0 && ((unsigned char) name[len] & 0xC0) == 0x80)
			len--;
	}
	snprintf(joined, BK_SCRATCH_NAME_SIZE, "%.*s%s", (int) len, name, suffix);
}
