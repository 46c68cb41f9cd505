/*
 * common.h
 *	  What several verbs need: targets, specs and records made of a request.
 */
#ifndef BK_JOB_COMMON_H
#define BK_JOB_COMMON_H

#include "core/control.h"
#include "core/stream.h"
#include "job/request.h"
#include "repo/fallback.h"
#include "repo/intent.h"
#include "repo/manifest.h"
#include "repo/mark.h"
#include "repo/note.h"
#include "repo/repository.h"
#include "repo/urls.h"
#include "repo/writer.h"
#include "source/dump.h"
#include "source/pg.h"

/*
 * The repositories that a request names (22023: none, or no list). The caller
 * frees them, also on failure.
 */
extern bool bk_common_urls(const BkRequest *request, BkUrls *urls,
						   BkError *err);

/* The same request for one of them alone; the URLs must outlive it. */
extern BkRequest bk_common_at(const BkRequest *request, const BkUrls *urls,
							  size_t number);

/*
 * Do something with each repository of a request alone. Where it fails, the
 * others are done all the same; the first failure is the error if there was no
 * success, or if all of them are needed. Every other one is a warning.
 */
extern bool bk_common_each(const BkRequest *request, const BkHost *host,
						   bool all, BkVerb verb, BkError *err);

/* The one repository of a request. The host must outlive what is opened. */
extern BkRepositoryTarget bk_common_place(const BkRequest *request,
										  const BkHost *host);

/* Open the first repository of a request: where backups are made. */
extern BkRepository *bk_common_open(const BkRequest *request,
									const BkHost *host, BkError *err);

/*
 * Open it for one of several threads, which share what a stream may have in
 * flight: all of them together use "jobs".
 */
extern BkRepository *bk_common_open_shared(const BkRequest *request,
										   const BkHost *host, BkError *err);

/*
 * Open the repositories of a request for reading: what one of them cannot give
 * comes from the next (repo/fallback.h). Close it with the function below.
 */
extern BkRepository *bk_common_open_any(const BkRequest *request,
										const BkHost *host, BkError *err);

/* Tell, in the main thread, what had to be read elsewhere, and close it. */
extern void bk_common_close_any(BkRepository *repo, const BkHost *host);

/* The server that asks, as far as it is known; "server" points into the rest. */
typedef struct BkAsker
{
	char		system_identifier[BK_CONTROL_IDENTIFIER_SIZE];
	char		fence[1024];
	BkPlace		place;
	BkServer	server;
} BkAsker;

/*
 * Who asks: from the request, and what that does not say from a position as
 * of bk_database_position() (NULL: none). The place is known only of a data
 * directory on this machine. "asker" must not be moved afterwards.
 */
extern bool bk_common_asker(const BkRequest *request, const BkJson *position,
							BkAsker *asker, BkError *err);

/*
 * May the asking server write into it? An error (55000) where it is fenced or
 * not registered. Where no cluster is named, a person with access to the
 * repository asks, and may.
 */
extern bool bk_common_may_write(const BkRequest *request, BkRepository *repo,
								BkError *err);

/*
 * Announce that a backup is being read. *intent is NULL where nothing can be
 * written (a cluster that is not registered, a read-only or full place):
 * reading goes on without protection then. Only a run that deletes the backup
 * is an error (55006).
 */
extern bool bk_common_announce(const BkRequest *request, BkRepository *repo,
							   const BkHost *host, BkIntent **intent,
							   BkError *err);

/* The database to connect to where any will do. */
extern const char *bk_common_maintenance_database(const BkRequest *request);

/* How to reach a database of the request's server; "host" may stop the waits. */
extern BkPgTarget bk_common_target(const BkRequest *request,
								   const BkHost *host,
								   const char *database);

/* Require an argument (22023 names it). */
extern bool bk_common_need(const char *value, const char *name, BkError *err);

/*
 * Callbacks for child programs whose argument is the host: go on unless it
 * wants to stop, and log a line of standard error.
 */
extern bool bk_common_tick(void *host, BkError *err);
extern void bk_common_log_line(void *host, const char *line);

/* Send the "repository" record. */
extern void bk_common_report_repository(const BkRepository *repo,
										const BkHost *host);

/* Send the "space" record: what room the repository's store has. */
extern void bk_common_report_space(const BkRepository *repo,
								   const BkHost *host);

/* Send the "backup" record of a manifest and its verdict. */
extern void bk_common_report_backup(const BkRepository *repo,
									const BkManifest *manifest,
									const BkVerdict *verdict,
									const BkHost *host);

/* Send the "backup" record of one whose files cannot be read, and why. */
extern void bk_common_report_unreadable(const BkRepository *repo,
										const char *id, const BkError *problem,
										const BkHost *host);

/* Send the "mark" record. */
extern void bk_common_report_mark(const BkRepository *repo, const BkMark *mark,
								  const BkHost *host);

/* Send a "check" record; hint may be NULL. */
extern void bk_common_report_check(const BkHost *host, const char *name,
								   bool ok, const char *detail,
								   const char *hint);

/*
 * What was read made no sense: damaged bytes may look like anything else, and
 * their reader knows it at the end. If it does, its error takes the place of
 * one that says "corrupt" (XX001). The reader may be NULL.
 */
extern void bk_common_ask_reader(BkReader *reader, const BkHost *host,
								 BkError *err);

#endif
