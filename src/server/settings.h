/*
 * settings.h
 *	  The settings backup_ext.* as variables. Values are used, and shown to
 *	  users, only by those who may see them: repository and conninfo are
 *	  superuser-only.
 */
#ifndef BK_SERVER_SETTINGS_H
#define BK_SERVER_SETTINGS_H

extern char *bk_setting_database;	/* name of the home database */
extern char *bk_setting_repository; /* URL; empty: none */
extern char *bk_setting_credentials_file;	/* empty: the environment has them */
extern char *bk_setting_key_file;	/* empty: nothing is encrypted */
extern char *bk_setting_identity_file;	/* empty: encrypted backups cannot be read */
extern char *bk_setting_compression;
extern char *bk_setting_conninfo;	/* empty: the server's own socket */
extern char *bk_setting_role;	/* empty: no SET ROLE */
extern char *bk_setting_fence;	/* why this server may not write; empty: it may */
extern int	bk_setting_jobs;
extern int	bk_setting_max_runs;
extern int	bk_setting_lock_timeout;	/* milliseconds */
extern int	bk_setting_blocking_limit;	/* milliseconds; 0: never */
extern int	bk_setting_archive_jobs;
extern int	bk_setting_rate_limit;	/* kB per second; 0: none */
extern int	bk_setting_archive_timeout; /* milliseconds */
extern char *bk_setting_hook_before;	/* empty: none */
extern char *bk_setting_hook_after;
extern int	bk_setting_hook_timeout;	/* milliseconds */
extern char *bk_setting_clone_directory;	/* empty: no clones */
extern int	bk_setting_history; /* minutes; 0: for ever */

extern int	bk_setting_archive_required;	/* see below */

/* Repositories that must have a WAL file. */
#define BK_REQUIRED_ALL 0
#define BK_REQUIRED_FIRST 1

/* Retention; numbers of 0: no such rule. */
extern int	bk_setting_keep_last;
extern int	bk_setting_keep_within; /* seconds */
extern int	bk_setting_keep_daily;
extern int	bk_setting_keep_weekly;
extern int	bk_setting_keep_monthly;
extern int	bk_setting_keep_yearly;
extern int	bk_setting_recovery_window; /* seconds; -1: none is set */
extern int	bk_setting_minimum_good;
extern int	bk_setting_expire_grace;	/* seconds */

/*
 * Defines the settings and reserves their prefix. Those that need a restart
 * are defined only while the server preloads its libraries.
 */
extern void bk_settings_define(void);

#endif							/* BK_SERVER_SETTINGS_H */
