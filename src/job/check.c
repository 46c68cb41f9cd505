/*
 * check.c
 *	  Test what a backup needs before it is needed: programs, login, store.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "job/common.h"
#include "job/lifecycle.h"
#include "job/verbs.h"
#include "source/database.h"
#include "source/tool.h"

static bool check_programs(const BkRequest *request, const BkHost *host,
						   int *dump_major, BkError *err);
static int	major_version(const char *version);
static bool check_login(const BkRequest *request, const BkHost *host,
						int dump_major);
static void check_versions(const BkHost *host, int dump_major, int server);
static bool check_rights(BkPg *pg, const BkHost *host, BkError *err);
static bool check_keys(const BkRequest *request, const BkHost *host);
static bool check_repositories(const BkRequest *request, const BkHost *host,
							   BkError *err);
static void check_repository(const BkRequest *request, const char *name,
							 const BkHost *host);
static void report(const BkHost *host, const char *name, bool ok,
				   const char *detail, const BkError *problem);

bool
bk_job_check(const BkRequest *request, const BkHost *host, BkError *err)
{
	int			dump_major = 0;

	return check_programs(request, host, &dump_major, err) &&
		bk_go_on(host, err) &&
		check_login(request, host, dump_major) &&
		bk_go_on(host, err) &&
		check_keys(request, host) &&
		check_repositories(request, host, err);
}

/*
 * Each program must run and say its version. *dump_major is that of pg_dump;
 * it stays as it is if pg_dump does not say one.
 */
static bool
check_programs(const BkRequest *request, const BkHost *host, int *dump_major,
			   BkError *err)
{
	static const char *const names[] = {"pg_dump", "pg_dumpall", "pg_restore"};
	BkDumpSpec	spec = {
		.bindir = request->bindir,
		.tick = bk_common_tick,
		.log = bk_common_log_line,
		.arg = (void *) host,
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
	{
		char		version[128] = "";
		size_t		got = 0;
		BkError		problem;
		BkTool		tool;
		BkChild    *child;
		bool		ok;

		bk_tool_init(&tool, &spec, names[i]);
		bk_tool_add(&tool, "--version");
		child = bk_tool_spawn(&tool, BK_CHILD_NULL, BK_CHILD_PIPE, -1, &problem);
		ok = child != NULL &&
			bk_child_read(child, version, sizeof(version) - 1, &got, &problem) &&
			bk_child_finish(child, &problem);
		bk_child_free(child);
		version[got] = '\0';
		version[strcspn(version, "\n")] = '\0';
		report(host, names[i], ok, version, &problem);
		if (ok && i == 0)
			*dump_major = major_version(version);
		if (!bk_go_on(host, err))
			return false;
	}
	return true;
}

/* From "pg_dump (PostgreSQL) 15.8 (Debian 15.8-1)"; 0 if there is none. */
static int
major_version(const char *version)
{
	const char *number = strstr(version, "(PostgreSQL) ");

	return number == NULL ? 0 : atoi(number + strlen("(PostgreSQL) "));
}

static bool
check_login(const BkRequest *request, const BkHost *host, int dump_major)
{
	BkPgTarget	target = bk_common_target(request, host, bk_common_maintenance_database(request));
	BkError		problem;
	BkPg	   *pg = bk_pg_connect(&target, &problem);
	char		detail[128] = "";

	if (pg != NULL)
		snprintf(detail, sizeof(detail), "server version %d.%d",
				 bk_pg_version(pg) / 10000, bk_pg_version(pg) % 10000);
	report(host, "login", pg != NULL, detail, &problem);
	if (pg != NULL && dump_major > 0)
		check_versions(host, dump_major, bk_pg_version(pg) / 10000);
	if (pg != NULL && !check_rights(pg, host, &problem))
		report(host, "rights", false, "", &problem);
	bk_pg_close(pg);
	return true;
}

/* pg_dump refuses a server that is newer than itself. */
static void
check_versions(const BkHost *host, int dump_major, int server)
{
	bool		ok = dump_major >= server;
	char		detail[128];

	snprintf(detail, sizeof(detail), "pg_dump is of version %d, the server of version %d",
			 dump_major, server);
	bk_common_report_check(host, "pg_dump fits the server", ok, detail,
						   ok ? NULL : "Install the client programs of the server's version beside pg_backup_ext.");
}

/* What the login may read decides what a backup has. */
static bool
check_rights(BkPg *pg, const BkHost *host, BkError *err)
{
	bool		super;

	if (!bk_pg_has(pg, "SELECT 1 FROM pg_roles WHERE rolsuper AND rolname = current_user",
				   NULL, &super, err))
		return false;
	if (super)
		bk_common_report_check(host, "rights", true, "superuser", NULL);
	else
		bk_common_report_check(host, "rights", false,
							   "not a superuser: passwords of roles are not backed up, and tables may be unreadable",
							   "Set backup_ext.role to a superuser, or leave it empty.");
	return true;
}

/* Each file alone, so that it is seen which of them is wrong. */
static bool
check_keys(const BkRequest *request, const BkHost *host)
{
	const char *identity_file = request->identity_file;
	char		detail[256] = "";
	BkError		problem;
	BkKeys	   *keys;

	if (request->key_file == NULL)
		return true;
	keys = bk_keys_read(request->key_file, NULL, &problem);
	if (keys != NULL)
		snprintf(detail, sizeof(detail), "recipients: %zu, repository keys: %zu, of which %s seals",
				 keys->recipient_count, keys->secret_count, keys->secrets[0].id);
	report(host, "key file", keys != NULL, detail, &problem);
	bk_keys_free(keys);
	if (identity_file == NULL)
	{
		bk_common_report_check(host, "identity file", true,
							   "not on this server: it cannot read its own backups, nor can who takes it over", NULL);
		return true;
	}
	keys = bk_keys_read(NULL, identity_file, &problem);
	report(host, "identity file", keys != NULL,
		   "on this server: who takes it over can read all backups", &problem);
	bk_keys_free(keys);
	return true;
}

static bool
check_repositories(const BkRequest *request, const BkHost *host, BkError *err)
{
	BkUrls		urls;
	bool		ok = true;

	if (request->repository == NULL)
		return true;
	if (!bk_common_urls(request, &urls, err))
		return false;
	for (size_t i = 0; ok && i < urls.count; i++)
	{
		BkRequest	one = bk_common_at(request, &urls, i);
		char		name[32] = "repository";

		if (urls.count > 1)
			snprintf(name, sizeof(name), "repository %zu", i + 1);
		check_repository(&one, name, host);
		ok = bk_go_on(host, err);
	}
	bk_urls_free(&urls);
	return ok;
}

static void
check_repository(const BkRequest *request, const char *name,
				 const BkHost *host)
{
	char		accepts[64];
	char		store[64];
	BkError		problem;
	BkRepository *repo;
	bool		ok;

	snprintf(accepts, sizeof(accepts), "%s accepts this cluster", name);
	repo = bk_common_open(request, host, &problem);
	report(host, name, repo != NULL, request->repository, &problem);
	if (repo != NULL)
	{
		snprintf(store, sizeof(store), "%s's store", name);
		report(host, accepts, bk_common_may_write(request, repo, &problem),
			   "registered", &problem);
		ok = bk_repository_probe(repo, false, &problem);
		report(host, store, ok, repo->abilities, &problem);
		bk_lifecycle_check(repo, name, host);
	}
	bk_repository_close(repo);
}

static void
report(const BkHost *host, const char *name, bool ok, const char *detail,
	   const BkError *problem)
{
	char		text[2048];

	if (ok)
	{
		bk_common_report_check(host, name, true, detail, NULL);
		return;
	}
	snprintf(text, sizeof(text), "%s%s%.900s", problem->message,
			 problem->detail[0] == '\0' ? "" : ": ", problem->detail);
	bk_common_report_check(host, name, false, text,
						   problem->hint[0] == '\0' ? NULL : problem->hint);
}
