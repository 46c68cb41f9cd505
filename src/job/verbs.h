/*
 * verbs.h
 *	  Everything that can be done with backups: one function per verb.
 */
#ifndef BK_JOB_VERBS_H
#define BK_JOB_VERBS_H

#include "job/request.h"

/* Create a repository and register the server. Record: repository. */
extern bool bk_job_init(const BkRequest *request, const BkHost *host,
						BkError *err);

/*
 * Register the server in an existing repository, and lift its fence. A clone
 * needs "force" (55000). Record: repository.
 */
extern bool bk_job_adopt(const BkRequest *request, const BkHost *host,
						 BkError *err);

/*
 * Register a standby, which must stream, in the repository of its cluster. No
 * record, since nobody could keep it.
 */
extern bool bk_job_register(const BkRequest *request, const BkHost *host,
							BkError *err);

/*
 * Back up a database. Record: backup. Nothing is listed unless every byte is
 * stored, read back and parsed to its end.
 */
extern bool bk_job_backup(const BkRequest *request, const BkHost *host,
						  BkError *err);

/*
 * Set a named restore point in the WAL of the server, and write it down.
 * Record: mark. Errors: the name is in use (42710), nothing is archived
 * (55000).
 */
extern bool bk_job_mark(const BkRequest *request, const BkHost *host,
						BkError *err);

/*
 * Report all backups, and what WAL there is. Records: repository, then backup
 * and mark for each, then wal for each timeline, then listed.
 */
extern bool bk_job_sync(const BkRequest *request, const BkHost *host,
						BkError *err);

/*
 * Make a key file and an identity file, or add a new repository key to them.
 * Record: keys. Errors: one of them exists (42710).
 */
extern bool bk_job_keygen(const BkRequest *request, const BkHost *host,
						  BkError *err);

/* Report one backup with its manifest. Record: manifest. */
extern bool bk_job_info(const BkRequest *request, const BkHost *host,
						BkError *err);

/*
 * Check a backup. Records: check for each thing looked at, then backup with
 * the new verdict, which is written into the repository. Damage is a record
 * with "ok" false, not an error: an error means that no verdict was reached.
 */
extern bool bk_job_verify(const BkRequest *request, const BkHost *host,
						  BkError *err);

/*
 * Restore a backup; what kind it is decides. A logical one becomes a new
 * database, or takes the place of an old one; on failure the new database is
 * dropped again and the old one is as it was. A base backup becomes a data
 * directory that recovers to the target when a server is started on it; until
 * it is complete no server starts. Without an id, the base backup is chosen.
 * Record: restored.
 */
extern bool bk_job_restore(const BkRequest *request, const BkHost *host,
						   BkError *err);

/*
 * Restore the cluster that asks into a directory of its own, cut off from
 * everything outside, and start a server there. Record: restored. On failure
 * nothing is left.
 */
extern bool bk_job_clone(const BkRequest *request, const BkHost *host,
						 BkError *err);

/*
 * Stop and remove a clone. Record: dropped. Any directory that was not made
 * by the verb above is refused (55000).
 */
extern bool bk_job_clone_drop(const BkRequest *request, const BkHost *host,
							  BkError *err);

/*
 * Delete a backup. Record: deleted. The last good backup of its database
 * needs "force" (55000).
 */
extern bool bk_job_delete(const BkRequest *request, const BkHost *host,
						  BkError *err);

/*
 * Keep a backup from retention until a time, or let it go again. Record: backup
 * for each repository that has it.
 */
extern bool bk_job_pin(const BkRequest *request, const BkHost *host,
					   BkError *err);
extern bool bk_job_unpin(const BkRequest *request, const BkHost *host,
						 BkError *err);

/*
 * Bring back a backup that has expired and is not deleted yet, and pin it.
 * Record: backup for each repository that has it. Errors: none of them has it
 * (42704), some of it is gone (55000).
 */
extern bool bk_job_unexpire(const BkRequest *request, const BkHost *host,
							BkError *err);

/*
 * Take backups off the list that no policy keeps, delete those whose grace is
 * over, and the WAL that nobody needs; in each repository alone. Records:
 * decision for each that is not simply kept, or with "dry_run" for each; expired,
 * deleting, deleted, backup, wal_expiring. Errors: the clock cannot be right
 * (55000), another run is at it (55006).
 */
extern bool bk_job_expire(const BkRequest *request, const BkHost *host,
						  BkError *err);

/*
 * Copy what the first repository has, and others lack: into "target", or
 * without it into the others of the list. Records: backup for each that is
 * copied, replicated for each repository. What is damaged or in conflict is
 * left out, and an error when all else is done.
 */
extern bool bk_job_replicate(const BkRequest *request, const BkHost *host,
							 BkError *err);

/* Write one decoded stream of a backup, or its SQL, to the output. */
extern bool bk_job_cat(const BkRequest *request, const BkHost *host,
					   BkError *err);

/*
 * Archive what is asked for on the input, until that ends (PROTOCOL.md,
 * "Archiving"). Records: pushed, refused, working.
 */
extern bool bk_job_archive(const BkRequest *request, const BkHost *host,
						   BkError *err);

/*
 * Archive one file of pg_wal, and while that is done as many others that are
 * ready as "jobs" allows. Record: pushed. Other content in the repository is
 * an error (23505).
 */
extern bool bk_job_archive_push(const BkRequest *request, const BkHost *host,
								BkError *err);

/*
 * Report what WAL there is, of one cluster or of all. Records: wal for each
 * timeline, wal_tree for each cluster, wal_gap and wal_conflict.
 */
extern bool bk_job_wal(const BkRequest *request, const BkHost *host,
					   BkError *err);

/*
 * Put the WAL file "wal" at "path", for PostgreSQL's restore_command. That the
 * file is not there is the error 02000, which says that recovery may take it
 * for the end of WAL; it is already in the log, where it has to be. A standby
 * gets this error for every failure, since it asks again. All other errors
 * mean that nobody knows.
 */
extern bool bk_job_archive_get(const BkRequest *request, const BkHost *host,
							   BkError *err);

/*
 * Set the lifecycle rule of the repository's bucket, if something is asked for,
 * and report all rules that are about the repository. Records: check for each,
 * not ok if the rule removes or archives objects. Errors: expiration while
 * backups are listed (55000), a class that cannot be read at once (22023), a
 * store without such rules, or with some that are not understood (0A000).
 */
extern bool bk_job_s3_lifecycle(const BkRequest *request, const BkHost *host,
								BkError *err);

/*
 * Ask the home database how backups stand; nothing is written. Record: status,
 * with the columns of backup_health() and all of backup_status as "rows"; or
 * with "openmetrics" metrics, with all of backup_metrics, sorted by name.
 * Errors: the extension is not there (42704), no answer in time (08001).
 */
extern bool bk_job_status(const BkRequest *request, const BkHost *host,
						  BkError *err);

/*
 * Hand a message on by one channel; without a message, one that says that this
 * is a test. No records. Errors: what the channel is asked for cannot be so
 * (22023), the receiver has not taken the message.
 */
extern bool bk_job_notify(const BkRequest *request, const BkHost *host,
						  BkError *err);

/*
 * Test the installation: programs, login, repository. Records: check for
 * each. True also if some of them are bad.
 */
extern bool bk_job_check(const BkRequest *request, const BkHost *host,
						 BkError *err);

#endif
