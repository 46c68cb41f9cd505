/*
 * datadir.c
 *	  Read settings with "postgres -C", and the cluster's identity.
 */
#include "cli/datadir.h"

#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
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

#define VALUE_SIZE	8192

static bool become_owner(const char *directory, BkError *err);
static bool read_setting(const char *bindir, const char *directory,
						 const char *name, char **value, BkError *err);
static bool take_settings(const char *directory, BkRequest *request,
						  BkError *err);
static bool take_login(const char *directory, BkRequest *request,
					   BkError *err);
static bool take_identity(const char *directory, BkRequest *request,
						  BkError *err);
static bool tick(void *arg, BkError *err);
static void drop_line(void *arg, const char *line);

bool
bk_datadir_read(const char *directory, BkRequest *request, BkError *err)
{
	return become_owner(directory, err) &&
		take_settings(directory, request, err) &&
		take_login(directory, request, err) &&
		take_identity(directory, request, err);
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
	if (owner == NULL ||
		initgroups(owner->pw_name, owner->pw_gid) != 0 ||
		setgid(owner->pw_gid) != 0 || setuid(owner->pw_uid) != 0)
		return bk_error_errno(err, "could not become the owner of \"%s\"", directory);
	return true;
}

/* Settings that were given on the command line stay as they are. */
static bool
take_settings(const char *directory, BkRequest *request, BkError *err)
{
	static const char *const names[] = {"repository", "compression", "role", "jobs"};
	BkRequest	defaults = bk_command_defaults();

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
	{
		const BkArgument *argument = bk_arguments;
		char		setting[64];
		char	   *value;

		while (strcmp(argument->name, names[i]) != 0)
			argument++;
		if (memcmp((char *) request + argument->offset,
				   (char *) &defaults + argument->offset,
				   argument->type == BK_ARGUMENT_INT ? sizeof(int64_t) : sizeof(char *)) != 0)
			continue;
		snprintf(setting, sizeof(setting), "backup_ext.%s", names[i]);
		if (!read_setting(request->bindir, directory, setting, &value, err))
			return false;
		if (value == NULL)
			continue;
		if (argument->type == BK_ARGUMENT_INT)
			bk_argument_set_int(argument, request, strtoll(value, NULL, 10));
		else
			bk_argument_set_string(argument, request, value);
	}
	return true;
}

/* The server's own socket, unless backup_ext.conninfo says otherwise. */
static bool
take_login(const char *directory, BkRequest *request, BkError *err)
{
	BkBuf		conninfo;
	char	   *value;
	char	   *port;
	char	   *sockets;

	if (request->conninfo[0] != '\0')
		return true;
	if (!read_setting(request->bindir, directory, "backup_ext.conninfo", &value, err))
		return false;
	if (value != NULL)
	{
		request->conninfo = value;
		return true;
	}
	if (!read_setting(request->bindir, directory, "port", &port, err) ||
		!read_setting(request->bindir, directory, "unix_socket_directories",
					  &sockets, err))
		return false;
	if (sockets != NULL)
		sockets[strcspn(sockets, ",")] = '\0';
	bk_buf_init(&conninfo);
	bk_buf_printf(&conninfo, "host='%s' port='%s'",
				  sockets == NULL ? "localhost" : sockets,
				  port == NULL ? "5432" : port);
	free(port);
	free(sockets);
	request->conninfo = bk_buf_take(&conninfo, err);
	return request->conninfo != NULL;
}

/* The first eight bytes of pg_control (src/include/catalog/pg_control.h). */
static bool
take_identity(const char *directory, BkRequest *request, BkError *err)
{
	static char text[32];
	uint64_t	identifier;
	char	   *data;
	char		path[VALUE_SIZE];
	ssize_t		got = -1;
	int			fd;

	if (!read_setting(request->bindir, directory, "data_directory", &data, err))
		return false;
	snprintf(path, sizeof(path), "%s/global/pg_control",
			 data == NULL ? directory : data);
	free(data);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
	{
		got = read(fd, &identifier, sizeof(identifier));
		close(fd);
	}
	if (got != (ssize_t) sizeof(identifier))
		return bk_error_errno(err, "could not read \"%s\"", path);
	snprintf(text, sizeof(text), "%" PRIu64, identifier);
	request->system_identifier = text;
	return true;
}

/* *value is NULL where the setting is empty or unknown to the server. */
static bool
read_setting(const char *bindir, const char *directory, const char *name,
			 char **value, BkError *err)
{
	static char *const environment[] = {"PATH=/usr/bin:/bin", "LC_ALL=C", NULL};
	char		program[VALUE_SIZE];
	char	   *argv[] = {program, "-C", (char *) name, "-D", (char *) directory, NULL};
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
	int			status;
	BkChild    *child;
	bool		ok = true;

	/* The server finds its own files by the path that it is called with. */
	snprintf(program, sizeof(program), "%s/postgres", bindir);
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
	*value = ok && status == 0 && text[0] != '\0' ? strdup(text) : NULL;
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
