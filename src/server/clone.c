/*
 * clone.c
 *	  The SQL functions that make and remove clones: copies of the cluster at a
 *	  moment of the past, running beside it.
 *
 * A clone is written where backup_ext.clone_directory says and nowhere else,
 * and only for those who may write files of the server anyway.
 */
#include "postgres.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "catalog/pg_authid.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "postmaster/postmaster.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/pg_lsn.h"
#include "utils/timestamp.h"

#include "server/arguments.h"
#include "server/call.h"
#include "server/ready.h"
#include "server/request.h"
#include "server/settings.h"

#define BK_CLONE_PORTS 1000		/* how many are looked at for a free one */

PG_FUNCTION_INFO_V1(bk_clone);
PG_FUNCTION_INFO_V1(bk_clone_drop);
PG_FUNCTION_INFO_V1(bk_clone_is_running);

static void bk_clone_require_rights(void);
static char *bk_clone_directory(FunctionCallInfo fcinfo, int number);
static char *bk_clone_root(void);
static char *bk_clone_name(const char *root, char *path);
static void bk_clone_add_target(FunctionCallInfo fcinfo, BkRun *run);
static char *bk_clone_time(TimestampTz time);
static int	bk_clone_port(FunctionCallInfo fcinfo, int number);
static bool bk_clone_port_is_free(int port);

Datum
bk_clone(PG_FUNCTION_ARGS)
{
	BkRun	   *run = bk_request_new("clone");
	bool		wait = bk_argument_bool(fcinfo, 7, "wait");
	char	   *directory;

	bk_clone_require_rights();
	bk_ready_require_home();
	directory = bk_clone_directory(fcinfo, 0);
	bk_request_add_text(run, "directory", directory);
	bk_clone_add_target(fcinfo, run);
	if (!PG_ARGISNULL(4))
	{
		char	   *id = bk_argument_id(fcinfo, 4);

		bk_text_copy(run->backup_id, sizeof(run->backup_id), id);
		bk_request_add_text(run, "id", id);
	}
	if (!PG_ARGISNULL(5))
		bk_request_add_text(run, "target_timeline",
							bk_argument_text(fcinfo, 5, "target_timeline"));
	bk_request_add_number(run, "port", bk_clone_port(fcinfo, 6));
	PG_RETURN_TEXT_P(cstring_to_text(bk_call(run, wait)));
}

Datum
bk_clone_drop(PG_FUNCTION_ARGS)
{
	BkRun	   *run = bk_request_new("clone_drop");

	bk_clone_require_rights();
	bk_ready_require_home();
	bk_request_add_text(run, "directory", bk_clone_directory(fcinfo, 0));
	bk_call(run, true);
	PG_RETURN_BOOL(true);
}

/* Is there a server at work in this directory? Tells no more than that. */
Datum
bk_clone_is_running(PG_FUNCTION_ARGS)
{
	char	   *directory = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char		text[32] = "";
	char	   *name = bk_clone_name(bk_clone_root(), directory);
	char	   *path;
	ssize_t		got = -1;
	int			fd;

	if (name == NULL || name == directory)
		PG_RETURN_BOOL(false);
	path = psprintf("%s/postmaster.pid", directory);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd >= 0)
	{
		got = read(fd, text, sizeof(text) - 1);
		close(fd);
	}
	PG_RETURN_BOOL(got > 0 && atoi(text) > 0 && kill(atoi(text), 0) == 0);
}

static void
bk_clone_require_rights(void)
{
	if (!has_privs_of_role(GetUserId(), ROLE_PG_WRITE_SERVER_FILES))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must have privileges of role pg_write_server_files to make or drop a clone")));
}

/*
 * The directory of a clone lies right below that of all clones: given by its
 * name, or by the whole path.
 */
static char *
bk_clone_directory(FunctionCallInfo fcinfo, int number)
{
	char	   *given = bk_argument_text(fcinfo, number, "directory");
	char	   *root = bk_clone_root();
	char	   *name;

	if (root[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("no directory for clones is configured"),
				 errhint("Make an empty directory for them and set it: ALTER SYSTEM SET backup_ext.clone_directory = '/path'; SELECT pg_reload_conf();")));
	if (path_is_prefix_of_path(DataDir, root))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the directory of clones must not be inside the data directory"),
				 errdetail("backup_ext.clone_directory is \"%s\".", root)));
	name = bk_clone_name(root, given);
	if (name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid value for argument \"%s\"", "directory"),
				 errdetail("It is the name of a directory in \"%s\", made of letters, digits, \"_\", \"-\" and \".\", or its whole path.",
						   root)));
	return psprintf("%s/%s", root, name);
}

static char *
bk_clone_root(void)
{
	char	   *root = pstrdup(bk_setting_clone_directory);

	canonicalize_path(root);
	return root;
}

/* Returns the name of a directory right below the root; NULL: it is none. */
static char *
bk_clone_name(const char *root, char *path)
{
	char	   *name = path;
	Size		length;

	if (root[0] != '\0' && strncmp(path, root, strlen(root)) == 0 &&
		path[strlen(root)] == '/')
		name = path + strlen(root) + 1;
	length = strlen(name);
	if (length == 0 || length >= NAMEDATALEN || name[0] == '.' || name[0] == '-' ||
		strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
			   "0123456789_.-") != length)
		return NULL;
	return name;
}

/* At most one target; without any the clone is of the newest moment there is. */
static void
bk_clone_add_target(FunctionCallInfo fcinfo, BkRun *run)
{
	int			targets = !PG_ARGISNULL(1) + !PG_ARGISNULL(2) + !PG_ARGISNULL(3);

	if (targets > 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a clone can have only one target"),
				 errhint("Give one of target_time, target_name and target_lsn.")));
	if (!PG_ARGISNULL(1))
		bk_request_add_text(run, "target_time", bk_clone_time(PG_GETARG_TIMESTAMPTZ(1)));
	if (!PG_ARGISNULL(2))
		bk_request_add_text(run, "target_name", bk_argument_mark(fcinfo, 2));
	if (!PG_ARGISNULL(3))
		bk_request_add_text(run, "target_lsn",
							DatumGetCString(DirectFunctionCall1(pg_lsn_out,
																PG_GETARG_DATUM(3))));
}

/* In UTC, whatever the session has set. */
static char *
bk_clone_time(TimestampTz time)
{
	struct pg_tm tm;
	fsec_t		fsec;

	if (TIMESTAMP_NOT_FINITE(time) ||
		timestamp2tm(time, NULL, &tm, &fsec, NULL, NULL) != 0 ||
		tm.tm_year < 1970 || tm.tm_year > 9999)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid value for argument \"%s\"", "target_time"),
				 errdetail("No WAL is of that time.")));
	return psprintf("%04d-%02d-%02d %02d:%02d:%02d.%06d+00", tm.tm_year, tm.tm_mon,
					tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int) fsec);
}

/*
 * As given, or the next one after that of this server that nobody listens on.
 * Somebody may take it before the clone does: then the clone does not start.
 */
static int
bk_clone_port(FunctionCallInfo fcinfo, int number)
{
	int			port;

	if (!PG_ARGISNULL(number))
	{
		port = PG_GETARG_INT32(number);
		if (port < 1 || port > 65535)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("invalid value for argument \"%s\"", "port"),
					 errdetail("A port is a number from 1 to 65535.")));
		return port;
	}
	for (port = PostPortNumber + 1;
		 port <= PostPortNumber + BK_CLONE_PORTS && port <= 65535; port++)
	{
		if (bk_clone_port_is_free(port))
			return port;
	}
	ereport(ERROR,
			(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
			 errmsg("no free port was found for the clone"),
			 errhint("Give one with the argument \"port\".")));
}

static bool
bk_clone_port_is_free(int port)
{
	struct sockaddr_in address = {0};
	int			fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int			reuse = 1;
	bool		free;

	if (fd < 0)
		return false;
	address.sin_family = AF_INET;
	address.sin_port = htons(port);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof(reuse));
	free = bind(fd, (struct sockaddr *) &address, sizeof(address)) == 0;
	close(fd);
	return free;
}
