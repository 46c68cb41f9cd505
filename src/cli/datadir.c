/*
 * datadir.c
 *	  Read settings with "postgres -C", and the cluster's identity.
 */
#include "cli/datadir.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/signals.h"
#include "core/buf.h"
#include "core/child.h"
#include "core/control.h"

#define VALUE_SIZE	8192

/* A server's directory: where to ask, and what was asked more than once. */
typedef struct Server
{
	const char *bindir;
	const char *directory;
	char	   *data;			/* its data directory */
} Server;

static bool become_owner(const char *directory, BkError *err);
static bool has_configuration(const char *directory, BkError *err);
static bool find_data(Server *server, BkError *err);
static bool take_settings(const Server *server, const BkCommand *command,
						  const BkArgumentSet *given, BkRequest *request,
						  BkError *err);
static bool take_socket(const Server *server, BkRequest *request,
						BkError *err);
static void add_host(BkBuf *conninfo, const char *sockets, const char *data);
static void add_value(BkBuf *conninfo, const char *value, size_t len);
static bool take_identity(Server *server, BkRequest *request, BkError *err);
static bool read_setting(const Server *server, const char *name,
						 char **value, BkError *err);
static bool tick(void *arg, BkError *err);
static void drop_line(void *arg, const char *line);

bool
bk_datadir_read(const char *directory, const BkCommand *command,
				const BkArgumentSet *given, BkRequest *request, BkError *err)
{
	Server		server = {.bindir = request->bindir, .directory = directory};
	bool		ok;

	ok = become_owner(directory, err) &&
		has_configuration(directory, err) &&
		find_data(&server, err) &&
		take_settings(&server, command, given, request, err) &&
		take_socket(&server, request, err) &&
		take_identity(&server, request, err);
	free(server.data);
	return ok;
}

static bool
become_owner(const char *directory, BkError *err)
{
	struct stat st;
	struct passwd *owner;

	if (stat(directory, &st) != 0)
		return bk_error_errno(err, "could not look at \"%s\"", directory);
	if (geteuid() != 0 || st.st_uid == 0)
		return true;
	owner = getpwuid(st.st_uid);
	if (owner == NULL)
	{
		bk_error(err, BK_STATE_WRONG_STATE, "the owner of \"%s\" is not known",
				 directory);
		return bk_error_detail(err, "The system has no user with the id %lld.",
							   (long long) st.st_uid);
	}
	if (initgroups(owner->pw_name, owner->pw_gid) != 0 ||
		setgid(owner->pw_gid) != 0 || setuid(owner->pw_uid) != 0)
		return bk_error_errno(err, "could not become user \"%s\", the owner of \"%s\"",
							  owner->pw_name, directory);
	return true;
}

static bool
has_configuration(const char *directory, BkError *err)
{
	char		path[VALUE_SIZE];

	snprintf(path, sizeof(path), "%s/postgresql.conf", directory);
	if (access(path, R_OK) == 0)
		return true;
	bk_error_errno(err, "could not read \"%s\"", path);
	if (!bk_error_is(err, BK_STATE_MISSING_FILE))
		return false;
	return bk_error_hint(err, "On Debian the configuration is in a directory such as /etc/postgresql/15/main: give that directory.");
}

static bool
find_data(Server *server, BkError *err)
{
	if (!read_setting(server, "data_directory", &server->data, err))
		return false;
	if (server->data == NULL)
		server->data = strdup(server->directory);
	return server->data != NULL || bk_error_memory(err);
}

/* What was given on the command line stays as it is. */
static bool
take_settings(const Server *server, const BkCommand *command,
			  const BkArgumentSet *given, BkRequest *request, BkError *err)
{
	for (const BkArgument *argument = bk_arguments; argument->name != NULL; argument++)
	{
		char	   *value;

		if (argument->setting == NULL ||
			!bk_command_takes(command, argument) ||
			bk_argument_is_in(given, argument))
			continue;
		if (!read_setting(server, argument->setting, &value, err))
			return false;
		if (value == NULL)
			continue;
		if (!bk_argument_set_text(argument, request, value, err))
		{
			free(value);
			return false;
		}
		/* A number has been read; a string is the request's from now on. */
		if (argument->type != BK_ARGUMENT_STRING)
			free(value);
	}
	return true;
}

/* Nobody said how to log in: by the server's own socket. */
static bool
take_socket(const Server *server, BkRequest *request, BkError *err)
{
	BkBuf		conninfo;
	char	   *port;
	char	   *sockets = NULL;

	if (request->conninfo[0] != '\0')
		return true;
	if (!read_setting(server, "port", &port, err) ||
		!read_setting(server, "unix_socket_directories", &sockets, err))
	{
		free(port);
		return false;
	}
	bk_buf_init(&conninfo);
	add_host(&conninfo, sockets, server->data);
	bk_buf_printf(&conninfo, " port='%s'", port == NULL ? "5432" : port);
	free(port);
	free(sockets);
	request->conninfo = bk_buf_take(&conninfo, err);
	return request->conninfo != NULL;
}

/*
 * The first of a list of directories, which may be in double quotes; one that
 * is relative is so to the data directory. Without any there is only TCP.
 */
static void
add_host(BkBuf *conninfo, const char *sockets, const char *data)
{
	const char *first = sockets == NULL ? "" : sockets + strspn(sockets, " \t");
	bool		quoted = *first == '"';
	size_t		len;

	first += quoted;
	len = strcspn(first, quoted ? "\"" : ",");
	while (!quoted && len > 0 && first[len - 1] == ' ')
		len--;
	bk_buf_append_string(conninfo, "host='");
	if (len == 0)
		bk_buf_append_string(conninfo, "localhost");
	else if (*first != '/' && *first != '@')
	{
		add_value(conninfo, data, strlen(data));
		bk_buf_append_string(conninfo, "/");
	}
	add_value(conninfo, first, len);
	bk_buf_append_string(conninfo, "'");
}

/* As libpq wants it inside quotes (PostgreSQL docs, "Connection Strings"). */
static void
add_value(BkBuf *conninfo, const char *value, size_t len)
{
	for (size_t i = 0; i < len; i++)
	{
		if (value[i] == '\'' || value[i] == '\\')
			bk_buf_append_string(conninfo, "\\");
		bk_buf_append(conninfo, value + i, 1);
	}
}

/* Which copy of which cluster this is. */
static bool
take_identity(Server *server, BkRequest *request, BkError *err)
{
	static char cluster[BK_CONTROL_IDENTIFIER_SIZE];

	if (!bk_control_identifier(server->data, cluster, err))
		return false;
	if (request->system_identifier != NULL && strcmp(request->system_identifier, cluster) != 0)
	{
		bk_error(err, BK_STATE_BAD_ARGUMENT, "the cluster in \"%s\" has system identifier %s, not %.60s",
				 server->data, cluster, request->system_identifier);
		return bk_error_hint(err, "For another cluster, give --repo and --key-file in place of -D.");
	}
	request->system_identifier = cluster;
	request->data_directory = server->data;
	server->data = NULL;
	return true;
}

/* *value is NULL where the setting is empty or unknown to the server. */
static bool
read_setting(const Server *server, const char *name, char **value,
			 BkError *err)
{
	static char *const environment[] = {"PATH=/usr/bin:/bin", "LC_ALL=C", NULL};
	char		program[VALUE_SIZE];
	char	   *argv[] = {program, "-C", (char *) name, "-D", (char *) server->directory, NULL};
	BkChildSpec spec = {
		.program = program,
		.argv = argv,
		.envp = environment,
		.input = BK_CHILD_NULL,
		.output = BK_CHILD_PIPE,
		.tick = tick,
		.log = drop_line,
	};
	char		text[VALUE_SIZE];
	size_t		len = 0;
	size_t		got = 1;
	int			status = 0;
	BkChild    *child;
	bool		ok = true;

	*value = NULL;
	/* The server finds its own files by the path that it is called with. */
	snprintf(program, sizeof(program), "%s/postgres", server->bindir);
	child = bk_child_spawn(&spec, err);
	if (child == NULL)
		return false;
	while (ok && got > 0 && len < sizeof(text) - 1)
	{
		ok = bk_child_read(child, text + len, sizeof(text) - 1 - len, &got, err);
		len += ok ? got : 0;
	}
	ok = ok && bk_child_wait(child, &status, err);
	if (ok && status != 0 &&
		strstr(bk_child_stderr_tail(child), "unrecognized configuration parameter") == NULL)
		ok = bk_child_check(child, status, err);
	bk_child_free(child);
	text[len] = '\0';
	text[strcspn(text, "\n")] = '\0';
	if (ok && status == 0 && text[0] != '\0' &&
		(*value = strdup(text)) == NULL)
		return bk_error_memory(err);
	return ok;
}

static bool
tick(void *arg, BkError *err)
{
	(void) arg;
	return !bk_signals_stop() || bk_error(err, BK_STATE_CANCELED, "canceled");
}

/* What "postgres -C" complains of is in the error, if it is one. */
static void
drop_line(void *arg, const char *line)
{
	(void) arg;
	(void) line;
}
