/*
 * config.c
 *	  Read configuration files that lie outside the data directory.
 *
 * The server tells which files it has read; a file that it includes and that
 * sets nothing is not among them, and is not missed. An access file of its own
 * that the rules of pg_hba.conf name with "@" is not known either.
 */
#include "source/config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/buf.h"

/* What no configuration file has; a larger one is refused. */
#define FILE_MAX_SIZE	(16 * 1024 * 1024)

#define VERSION_16		160000

/* In both versions the first three are the main files. */
static const char files_sql[] =
	"SELECT current_setting('config_file') UNION ALL SELECT current_setting('hba_file')"
	" UNION ALL SELECT current_setting('ident_file')"
	" UNION ALL (SELECT DISTINCT sourcefile FROM pg_file_settings WHERE sourcefile IS NOT NULL)";

static const char files_16_sql[] =
	" UNION ALL (SELECT DISTINCT file_name FROM pg_hba_file_rules WHERE file_name IS NOT NULL)"
	" UNION ALL (SELECT DISTINCT file_name FROM pg_ident_file_mappings WHERE file_name IS NOT NULL)";

/* postgresql.auto.conf lies in the data directory and comes after the others. */
static const char settings_sql[] =
	"SELECT DISTINCT ON (lower(name)) name, setting FROM pg_file_settings"
	" WHERE sourcefile IS DISTINCT FROM current_setting('data_directory') || '/postgresql.auto.conf'"
	" AND name IS NOT NULL AND setting IS NOT NULL"
	" AND lower(name) NOT IN ('data_directory', 'config_file', 'hba_file', 'ident_file', 'external_pid_file')"
	" ORDER BY lower(name), seqno DESC";

/* Where the rules stand that are in force, in their order. */
static const char hba_rules_sql[] =
	"SELECT file_name, line_number FROM pg_hba_file_rules WHERE error IS NULL ORDER BY rule_number";
static const char ident_rules_sql[] =
	"SELECT file_name, line_number FROM pg_ident_file_mappings WHERE error IS NULL ORDER BY map_number";

static bool read_outside(const BkPgRows *rows, const char *data_directory,
						 BkConfig *config, BkError *err);
static bool is_inside(const char *path, const char *root);
static bool is_known(const BkConfig *config, const char *name);
static bool read_file(const char *path, BkConfigFile *file, BkError *err);
static bool read_bytes(int fd, const char *path, BkConfigFile *file,
					   BkError *err);
static bool flatten_settings(BkPg *pg, BkConfigFile *file, BkError *err);
static void append_setting(BkBuf *text, const char *name, const char *value);
static bool flatten_rules(BkPg *pg, const char *main_file, const char *sql,
						  BkConfigFile *file, BkError *err);
static bool append_line(BkBuf *text, const char *path, long number,
						BkError *err);
static bool take(BkBuf *text, BkConfigFile *file, BkError *err);

bool
bk_config_read(BkPg *pg, const char *data_directory, BkConfig *config,
			   BkError *err)
{
	static const char *const names[] = {"postgresql.conf", "pg_hba.conf", "pg_ident.conf"};
	bool		new_views = bk_pg_version(pg) >= VERSION_16;
	BkPgRows   *rows;
	BkBuf		sql;
	bool		ok;

	memset(config, 0, sizeof(*config));
	bk_buf_init(&sql);
	bk_buf_printf(&sql, "%s%s", files_sql, new_views ? files_16_sql : "");
	rows = bk_buf_check(&sql, err) ? bk_pg_query(pg, sql.data, 0, NULL, err) : NULL;
	bk_buf_free(&sql);
	ok = rows != NULL && read_outside(rows, data_directory, config, err);
	if (ok && config->outside_count > 0)
	{
		config->inside = calloc(3, sizeof(BkConfigFile));
		ok = config->inside != NULL || bk_error_memory(err);
		for (size_t i = 0; ok && i < 3; i++)
		{
			config->inside_count++;
			config->inside[i].mode = S_IRUSR | S_IWUSR;
			config->inside[i].mtime = config->outside[0].mtime;
			config->inside[i].name = strdup(names[i]);
			ok = config->inside[i].name != NULL || bk_error_memory(err);
		}
		ok = ok && flatten_settings(pg, &config->inside[0], err) &&
			flatten_rules(pg, bk_pg_field(rows, 1, 0), new_views ? hba_rules_sql : NULL,
						  &config->inside[1], err) &&
			flatten_rules(pg, bk_pg_field(rows, 2, 0), new_views ? ident_rules_sql : NULL,
						  &config->inside[2], err);
	}
	bk_pg_free(rows);
	return ok;
}

bool
bk_config_replaces(const BkConfig *config, const char *path)
{
	for (size_t i = 0; i < config->inside_count; i++)
	{
		if (strcmp(config->inside[i].name, path) == 0)
			return true;
	}
	return false;
}

void
bk_config_free(BkConfig *config)
{
	BkConfigFile *lists[] = {config->outside, config->inside};
	size_t		counts[] = {config->outside_count, config->inside_count};

	for (int list = 0; list < 2; list++)
	{
		for (size_t i = 0; i < counts[list]; i++)
		{
			free(lists[list][i].name);
			free(lists[list][i].data);
		}
		free(lists[list]);
	}
	memset(config, 0, sizeof(*config));
}

/* Read those files of the list that are not in the data directory. */
static bool
read_outside(const BkPgRows *rows, const char *data_directory,
			 BkConfig *config, BkError *err)
{
	char	   *root = realpath(data_directory, NULL);
	int			count = bk_pg_count(rows);
	bool		ok = true;

	if (root == NULL)
		return bk_error_errno(err, "could not resolve \"%s\"", data_directory);
	config->outside = calloc((size_t) count + 1, sizeof(BkConfigFile));
	if (config->outside == NULL)
		ok = bk_error_memory(err);
	for (int i = 0; ok && i < count; i++)
	{
		const char *path = bk_pg_field(rows, i, 0);

		/* The server starts without pg_ident.conf, and without pg_hba.conf if told to. */
		if (path == NULL || path[0] != '/' || is_inside(path, root) ||
			is_known(config, path + 1) || access(path, F_OK) != 0)
			continue;
		ok = read_file(path, &config->outside[config->outside_count++], err);
	}
	free(root);
	return ok;
}

/* Does the file, with all links followed, lie below the root? */
static bool
is_inside(const char *path, const char *root)
{
	char	   *real = realpath(path, NULL);
	size_t		len = strlen(root);
	bool		inside = real != NULL && strncmp(real, root, len) == 0 && real[len] == '/';

	free(real);
	return inside;
}

static bool
is_known(const BkConfig *config, const char *name)
{
	for (size_t i = 0; i < config->outside_count; i++)
	{
		if (strcmp(config->outside[i].name, name) == 0)
			return true;
	}
	return false;
}

static bool
read_file(const char *path, BkConfigFile *file, BkError *err)
{
	int			fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	bool		ok;

	file->name = strdup(path + 1);
	if (fd < 0)
		return bk_error_errno(err, "could not open configuration file \"%s\"", path);
	ok = (file->name != NULL || bk_error_memory(err)) &&
		read_bytes(fd, path, file, err);
	close(fd);
	return ok;
}

static bool
read_bytes(int fd, const char *path, BkConfigFile *file, BkError *err)
{
	struct stat status;

	if (fstat(fd, &status) != 0)
		return bk_error_errno(err, "could not look at configuration file \"%s\"", path);
	if (!S_ISREG(status.st_mode) || status.st_size > FILE_MAX_SIZE)
		return bk_error(err, BK_STATE_WRONG_STATE,
						"configuration file \"%s\" is too large or no file", path);
	file->mode = status.st_mode & 07777;
	file->mtime = status.st_mtime;
	file->data = malloc((size_t) status.st_size + 1);
	if (file->data == NULL)
		return bk_error_memory(err);
	while (file->size < (size_t) status.st_size)
	{
		ssize_t		got = read(fd, file->data + file->size,
							   (size_t) status.st_size - file->size);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return bk_error_errno(err, "could not read configuration file \"%s\"", path);
		if (got == 0)
			break;
		file->size += (size_t) got;
	}
	file->data[file->size] = '\0';
	return true;
}

/* One file with all settings, without those that say where files are. */
static bool
flatten_settings(BkPg *pg, BkConfigFile *file, BkError *err)
{
	BkPgRows   *rows = bk_pg_query(pg, settings_sql, 0, NULL, err);
	BkBuf		text;

	if (rows == NULL)
		return false;
	bk_buf_init(&text);
	bk_buf_append_string(&text, "# The settings of configuration files outside the data directory.\n");
	for (int i = 0; i < bk_pg_count(rows); i++)
		append_setting(&text, bk_pg_field(rows, i, 0), bk_pg_field(rows, i, 1));
	bk_pg_free(rows);
	return take(&text, file, err);
}

/* A value in quotes, as guc-file.l reads it. */
static void
append_setting(BkBuf *text, const char *name, const char *value)
{
	bk_buf_printf(text, "%s = '", name);
	for (const char *c = value; *c != '\0'; c++)
	{
		if (*c == '\n')
			bk_buf_append_string(text, "\\n");
		else if (*c == '\'' || *c == '\\')
			bk_buf_printf(text, "%c%c", *c, *c);
		else
			bk_buf_append(text, c, 1);
	}
	bk_buf_append_string(text, "'\n");
}

/*
 * One file with all rules. From version 16 on a file can include others, and
 * views tell where each rule stands; before, the main file has them all.
 */
static bool
flatten_rules(BkPg *pg, const char *main_file, const char *sql,
			  BkConfigFile *file, BkError *err)
{
	BkConfigFile whole = {0};
	BkPgRows   *rows = NULL;
	BkBuf		text;
	bool		ok;

	bk_buf_init(&text);
	if (sql == NULL)
	{
		ok = access(main_file, F_OK) != 0 || read_file(main_file, &whole, err);
		if (ok && whole.data != NULL)
			bk_buf_append(&text, whole.data, whole.size);
		free(whole.name);
		free(whole.data);
	}
	else
	{
		rows = bk_pg_query(pg, sql, 0, NULL, err);
		ok = rows != NULL;
		for (int i = 0; ok && i < bk_pg_count(rows); i++)
			ok = append_line(&text, bk_pg_field(rows, i, 0),
							 strtol(bk_pg_field(rows, i, 1), NULL, 10), err);
		bk_pg_free(rows);
	}
	if (!ok)
	{
		bk_buf_free(&text);
		return false;
	}
	return take(&text, file, err);
}

/* Append a line of a file, by its number from 1, with those that continue it. */
static bool
append_line(BkBuf *text, const char *path, long number, BkError *err)
{
	BkConfigFile file = {0};
	bool		ok = read_file(path, &file, err);
	const char *at = file.data;
	bool		more = ok;

	for (long line = 1; more && line < number; line++)
	{
		at = strchr(at, '\n');
		more = at != NULL;
		at = more ? at + 1 : NULL;
	}
	while (more)
	{
		size_t		len = strcspn(at, "\n");

		bk_buf_append(text, at, len);
		bk_buf_append(text, "\n", 1);
		more = len > 0 && at[len - 1] == '\\' && at[len] == '\n';
		at += len + 1;
	}
	free(file.name);
	free(file.data);
	return ok;
}

static bool
take(BkBuf *text, BkConfigFile *file, BkError *err)
{
	file->size = text->len;
	file->data = bk_buf_take(text, err);
	return file->data != NULL;
}
