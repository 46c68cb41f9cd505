/*
 * settings.c
 *	  All settings of backup_ext in one block. No setting ever holds a secret:
 *	  secrets are files, and a setting may name such a file.
 */
#include "postgres.h"

#include <limits.h>

#include "datatype/timestamp.h"
#include "miscadmin.h"
#include "utils/guc.h"

#include "server/settings.h"
#include "server/urls.h"

#define BK_MAX_RUNS 64
#define BK_DAY_MS (24 * 60 * 60 * 1000)
#define BK_KEEP_MAX 1000000

char	   *bk_setting_database;
char	   *bk_setting_repository;
char	   *bk_setting_credentials_file;
char	   *bk_setting_key_file;
char	   *bk_setting_identity_file;
char	   *bk_setting_compression;
char	   *bk_setting_conninfo;
char	   *bk_setting_role;
char	   *bk_setting_fence;
int			bk_setting_jobs;
int			bk_setting_max_runs = 4;
int			bk_setting_lock_timeout;
int			bk_setting_blocking_limit;
int			bk_setting_archive_jobs;
int			bk_setting_rate_limit;
int			bk_setting_archive_timeout;
char	   *bk_setting_clone_directory;
char	   *bk_setting_hook_before;
char	   *bk_setting_hook_after;
int			bk_setting_hook_timeout;
int			bk_setting_archive_required;
int			bk_setting_history;

int			bk_setting_keep_last;
int			bk_setting_keep_within;
int			bk_setting_keep_daily;
int			bk_setting_keep_weekly;
int			bk_setting_keep_monthly;
int			bk_setting_keep_yearly;
int			bk_setting_recovery_window;
int			bk_setting_minimum_good;
int			bk_setting_expire_grace;

static const struct config_enum_entry bk_archive_required_words[] =
{
	{"all", BK_REQUIRED_ALL, false},
	{"first", BK_REQUIRED_FIRST, false},
	{NULL, 0, false}
};

/* The codecs and their highest level; none has no level. */
static const struct
{
	const char *name;
	int			max_level;
}			bk_codecs[] =
{
	{"none", 0},
	{"lz4", 12},
	{"gzip", 9},
	{"zstd", 19}
};

static void bk_settings_define_places(void);
static void bk_settings_define_limits(void);
static void bk_settings_define_status(void);
static void bk_settings_define_retention(void);
static void bk_settings_define_keep(const char *name, const char *words,
									int *variable);
static void bk_settings_define_hooks(void);
static bool bk_settings_check_repository(char **value, void **extra,
										 GucSource source);
static bool bk_settings_check_compression(char **value, void **extra,
										  GucSource source);
static bool bk_settings_check_conninfo(char **value, void **extra,
									   GucSource source);
static bool bk_settings_check_factor(double *value, void **extra,
									 GucSource source);
static bool bk_settings_check_path(char **value, void **extra,
								   GucSource source);

void
bk_settings_define(void)
{
	bk_settings_define_places();
	bk_settings_define_limits();
	bk_settings_define_status();
	bk_settings_define_retention();
	bk_settings_define_hooks();
	MarkGUCPrefixReserved("backup_ext");
}

/* What is where, and who may. */
static void
bk_settings_define_places(void)
{
	DefineCustomStringVariable("backup_ext.database",
							   "Sets the database in which backup_ext keeps its tables.",
							   NULL, &bk_setting_database, "postgres",
							   PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomStringVariable("backup_ext.repository",
							   "Sets the URL of the backup repository, or of several.",
							   "Several are separated by commas or spaces; backups are made in the first one and copied to the others.", &bk_setting_repository, "",
							   PGC_SIGHUP, GUC_SUPERUSER_ONLY,
							   bk_settings_check_repository, NULL, NULL);
	DefineCustomStringVariable("backup_ext.credentials_file",
							   "Sets the file with the credentials of the store.",
							   "Empty means those that the environment of the server gives.",
							   &bk_setting_credentials_file, "",
							   PGC_SIGHUP, GUC_SUPERUSER_ONLY,
							   bk_settings_check_path, NULL, NULL);
	DefineCustomStringVariable("backup_ext.key_file",
							   "Sets the file that says who may read new backups, and has the repository key.",
							   "Empty means that backups are neither encrypted nor authenticated.",
							   &bk_setting_key_file, "",
							   PGC_SIGHUP, GUC_SUPERUSER_ONLY,
							   bk_settings_check_path, NULL, NULL);
	DefineCustomStringVariable("backup_ext.identity_file",
							   "Sets the file with the owner's private key.",
							   "Empty means that this server cannot read what it backs up.",
							   &bk_setting_identity_file, "",
							   PGC_SIGHUP, GUC_SUPERUSER_ONLY,
							   bk_settings_check_path, NULL, NULL);
	DefineCustomStringVariable("backup_ext.compression",
							   "Sets the compression of new backups.",
							   "none, or one of lz4, gzip and zstd, with a level after a colon.",
							   &bk_setting_compression, "zstd:1",
							   PGC_SIGHUP, 0,
							   bk_settings_check_compression, NULL, NULL);
	DefineCustomStringVariable("backup_ext.conninfo",
							   "Sets how the backup program connects to this server.",
							   "A libpq connection string without a database name; empty means the server's own socket.",
							   &bk_setting_conninfo, "",
							   PGC_SIGHUP, GUC_SUPERUSER_ONLY,
							   bk_settings_check_conninfo, NULL, NULL);
	DefineCustomStringVariable("backup_ext.role",
							   "Sets the role that the backup program takes after login.",
							   NULL, &bk_setting_role, "",
							   PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomStringVariable("backup_ext.fence",
							   "Keeps this server from writing into the repository, and says why.",
							   "A restore sets it; the function backup_adopt() resets it.",
							   &bk_setting_fence, "",
							   PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomEnumVariable("backup_ext.archive_required",
							 "Sets which repositories must have a WAL file before it counts as archived.",
							 "With first, the others follow.",
							 &bk_setting_archive_required, BK_REQUIRED_ALL,
							 bk_archive_required_words,
							 PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomStringVariable("backup_ext.clone_directory",
							   "Sets the directory in which backup_clone() makes its clones.",
							   "Empty means that no clones can be made.",
							   &bk_setting_clone_directory, "",
							   PGC_SIGHUP, 0,
							   bk_settings_check_path, NULL, NULL);
}

/* How much, and for how long. */
static void
bk_settings_define_limits(void)
{
	DefineCustomIntVariable("backup_ext.jobs",
							"Sets how many threads one run may use.",
							NULL, &bk_setting_jobs, 2, 1, 64,
							PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("backup_ext.lock_timeout",
							"Sets how long a backup waits for a table lock.",
							NULL, &bk_setting_lock_timeout, 60 * 1000, 1, BK_DAY_MS,
							PGC_SIGHUP, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomIntVariable("backup_ext.blocking_limit",
							"Sets for how long a backup may keep other sessions waiting before it gives up.",
							"Zero means that it never gives up.",
							&bk_setting_blocking_limit, 60 * 1000, 0, BK_DAY_MS,
							PGC_SIGHUP, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomIntVariable("backup_ext.archive_jobs",
							"Sets how many WAL files are archived at the same time.",
							NULL, &bk_setting_archive_jobs, 2, 1, 64,
							PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("backup_ext.rate_limit",
							"Sets how much a base backup reads in a second.",
							"Zero means as much as it can.",
							&bk_setting_rate_limit, 0, 0, INT_MAX,
							PGC_SIGHUP, GUC_UNIT_KB, NULL, NULL, NULL);
	DefineCustomIntVariable("backup_ext.archive_timeout",
							"Sets how long a base backup waits for its WAL to be archived.",
							NULL, &bk_setting_archive_timeout, 60 * 1000, 1, BK_DAY_MS,
							PGC_SIGHUP, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomIntVariable("backup_ext.history",
							"Sets for how long the history of runs is kept.",
							"The last attempt and the last success of everything stay. Zero means that all is kept.",
							&bk_setting_history, 90 * MINS_PER_HOUR * HOURS_PER_DAY, 0, INT_MAX,
							PGC_SIGHUP, GUC_UNIT_MIN, NULL, NULL, NULL);
	if (process_shared_preload_libraries_in_progress)
		DefineCustomIntVariable("backup_ext.max_runs",
								"Sets how many runs work at the same time.",
								NULL, &bk_setting_max_runs, 4, 1, BK_MAX_RUNS,
								PGC_POSTMASTER, 0, NULL, NULL, NULL);
}

/* What is kept of backups that no schedule with a retention of its own has made. */
static void
bk_settings_define_retention(void)
{
	bk_settings_define_keep("backup_ext.keep_last", "Sets how many of the newest backups are kept.",
							&bk_setting_keep_last);
	bk_settings_define_keep("backup_ext.keep_daily", "Sets of how many days the newest backup is kept.",
							&bk_setting_keep_daily);
	bk_settings_define_keep("backup_ext.keep_weekly", "Sets of how many weeks the newest backup is kept.",
							&bk_setting_keep_weekly);
	bk_settings_define_keep("backup_ext.keep_monthly", "Sets of how many months the newest backup is kept.",
							&bk_setting_keep_monthly);
	bk_settings_define_keep("backup_ext.keep_yearly", "Sets of how many years the newest backup is kept.",
							&bk_setting_keep_yearly);
	DefineCustomIntVariable("backup_ext.keep_within",
							"Sets up to which age backups are kept.",
							"One that is older is kept as well. Zero is no such rule.",
							&bk_setting_keep_within, 0, 0, INT_MAX,
							PGC_SIGHUP, GUC_UNIT_S, NULL, NULL, NULL);
	DefineCustomIntVariable("backup_ext.recovery_window",
							"Sets for how long the cluster can be recovered to any moment.",
							"Minus one means as long as the oldest base backup is kept.",
							&bk_setting_recovery_window, -1, -1, INT_MAX,
							PGC_SIGHUP, GUC_UNIT_S, NULL, NULL, NULL);
	DefineCustomIntVariable("backup_ext.minimum_good",
							"Sets how many good backups of each kind and database are kept in any case.",
							NULL, &bk_setting_minimum_good, 1, 1, BK_KEEP_MAX,
							PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("backup_ext.expire_grace",
							"Sets for how long a backup can be brought back that has expired.",
							NULL, &bk_setting_expire_grace, SECS_PER_DAY, 0, INT_MAX,
							PGC_SIGHUP, GUC_UNIT_S, NULL, NULL, NULL);
}

static void
bk_settings_define_keep(const char *name, const char *words, int *variable)
{
	DefineCustomIntVariable(name, words, "Zero is no such rule.", variable,
							0, 0, BK_KEEP_MAX, PGC_SIGHUP, 0, NULL, NULL, NULL);
}

/*
 * From where on backup_status warns. Its view reads them by name, so nothing
 * else here does.
 */
static void
bk_settings_define_status(void)
{
	static double size_factor;
	static int	verify_after;
	static int	full_warning;
	static int	full_critical;

	DefineCustomRealVariable("backup_ext.status_size_factor",
							 "Sets by which factor a backup may be larger or smaller than usual.",
							 "Zero means by any.",
							 &size_factor, 2, 0, 1000000,
							 PGC_SIGHUP, 0, bk_settings_check_factor, NULL, NULL);
	DefineCustomIntVariable("backup_ext.status_verify_after",
							"Sets for how long a database may have no verified backup.",
							"Zero means for ever.",
							&verify_after, 0, 0, INT_MAX,
							PGC_SIGHUP, GUC_UNIT_MIN, NULL, NULL, NULL);
	DefineCustomIntVariable("backup_ext.status_full_warning",
							"Sets how long before a repository is full there is a warning.",
							NULL, &full_warning, 7 * 24 * 60, 0, INT_MAX,
							PGC_SIGHUP, GUC_UNIT_MIN, NULL, NULL, NULL);
	DefineCustomIntVariable("backup_ext.status_full_critical",
							"Sets how long before a repository is full that is critical.",
							NULL, &full_critical, 24 * 60, 0, INT_MAX,
							PGC_SIGHUP, GUC_UNIT_MIN, NULL, NULL, NULL);
}

/* What is run before and after. */
static void
bk_settings_define_hooks(void)
{
	DefineCustomStringVariable("backup_ext.hook_before",
							   "Sets the program that is run before each backup, verification, expiry and copy.",
							   "Its exit status says whether the run goes on (0), is tried again later (75) or is skipped (80).",
							   &bk_setting_hook_before, "",
							   PGC_SIGHUP, GUC_SUPERUSER_ONLY,
							   bk_settings_check_path, NULL, NULL);
	DefineCustomStringVariable("backup_ext.hook_after",
							   "Sets the program that is run after each backup, verification, expiry and copy.",
							   NULL, &bk_setting_hook_after, "",
							   PGC_SIGHUP, GUC_SUPERUSER_ONLY,
							   bk_settings_check_path, NULL, NULL);
	DefineCustomIntVariable("backup_ext.hook_timeout",
							"Sets how long a hook may take.",
							NULL, &bk_setting_hook_timeout, 5 * 60 * 1000, 1, BK_DAY_MS,
							PGC_SIGHUP, GUC_UNIT_MS, NULL, NULL, NULL);
}

/*
 * Looks at the shape only, since a server must start also when the place of
 * its repository is away.
 */
static bool
bk_settings_check_repository(char **value, void **extra, GucSource source)
{
	return bk_urls_check(*value);
}

/* Takes "codec" or "codec:level". */
static bool
bk_settings_check_compression(char **value, void **extra, GucSource source)
{
	int			i;

	for (i = 0; i < (int) lengthof(bk_codecs); i++)
	{
		Size		length = strlen(bk_codecs[i].name);
		const char *rest = *value + length;
		char		again[8];

		if (strncmp(*value, bk_codecs[i].name, length) != 0)
			continue;
		if (*rest == '\0')
			return true;
		if (*rest != ':' || strlen(rest) > 3)
			continue;
		/* printing the level again tells "03", "+3" and "3x" from "3" */
		snprintf(again, sizeof(again), ":%d", atoi(rest + 1));
		if (strcmp(rest, again) == 0 &&
			atoi(rest + 1) >= 1 && atoi(rest + 1) <= bk_codecs[i].max_level)
			return true;
	}
	GUC_check_errdetail("Compression is one of none, lz4[:1..12], gzip[:1..9] and zstd[:1..19].");
	return false;
}

/*
 * Refuses a password: every user of the server's files would see it. The
 * message is our own, since the usual one would show it in the log.
 */
static bool
bk_settings_check_conninfo(char **value, void **extra, GucSource source)
{
	const char *c;

	for (c = *value; *c != '\0'; c++)
	{
		if (pg_strncasecmp(c, "password", strlen("password")) == 0 ||
			strncmp(c, "://", strlen("://")) == 0)
		{
			GUC_check_errmsg("invalid value for parameter \"%s\"", "backup_ext.conninfo");
			GUC_check_errdetail("The connection string must be made of keywords and values, and must not hold a password.");
			GUC_check_errhint("Name a file that holds the password: passfile='/path/to/pgpass', or a service: service='name'.");
			return false;
		}
	}
	return true;
}

/* Whether it is there is looked at when it is needed. */
static bool
bk_settings_check_path(char **value, void **extra, GucSource source)
{
	if ((*value)[0] == '\0' || is_absolute_path(*value))
		return true;
	GUC_check_errdetail("It is given as an absolute path.");
	return false;
}

/* Between zero and one everything would be unusual. */
static bool
bk_settings_check_factor(double *value, void **extra, GucSource source)
{
	if (*value == 0 || *value > 1)
		return true;
	GUC_check_errdetail("It is zero, or more than one.");
	return false;
}
