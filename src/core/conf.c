/*
 * conf.c
 *	  Read postgresql.conf and what belongs to it.
 *
 * The grammar is that of src/backend/utils/misc/guc-file.l. Values without
 * quotes are taken more widely than there: whether they are good is for the
 * server to say.
 */
#include "core/conf.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "core/buf.h"

#define MAIN_FILE	"postgresql.conf"
#define AUTO_FILE	"postgresql.auto.conf"
#define OPTIONS_FILE "postmaster.opts"
#define MAX_DEPTH	10			/* of includes, as in the server */
#define MAX_SIZE	(16 * 1024 * 1024)	/* of a file */

typedef struct Setting
{
	char	   *name;
	char	   *value;
} Setting;

struct BkConf
{
	char	   *directory;
	Setting    *settings;
	size_t		count;
};

/* A file that is being read. */
typedef struct ConfFile
{
	BkConf	   *conf;
	const char *path;
	int			depth;
	int			line;
} ConfFile;

static void find_main_file(const char *directory, char path[PATH_MAX]);
static bool read_file(BkConf *conf, const char *path, bool needed, int depth,
					  BkError *err);
static bool load_file(const char *path, BkBuf *text, BkError *err);
static bool read_line(ConfFile *file, const char *line, BkError *err);
static const char *skip_blanks(const char *at);
static size_t name_length(const char *at);
static const char *take_value(const char *at, BkBuf *value);
static const char *take_quoted(const char *at, BkBuf *value);
static const char *take_escape(const char *at, BkBuf *value);
static bool is_blank(char c);
static bool is_plain(char c);
static bool use(ConfFile *file, const char *name, size_t len,
				const char *value, BkError *err);
static bool include(ConfFile *file, const char *directive, const char *value,
					BkError *err);
static bool include_folder(ConfFile *file, const char *path, BkError *err);
static int	is_included(const struct dirent *entry);
static bool set(BkConf *conf, const char *name, size_t len,
				const char *value, BkError *err);

BkConf *
bk_conf_read(const char *directory, BkError *err)
{
	BkConf	   *conf = calloc(1, sizeof(*conf));
	char		path[PATH_MAX];

	if (conf == NULL || (conf->directory = strdup(directory)) == NULL)
	{
		bk_error_memory(err);
		bk_conf_free(conf);
		return NULL;
	}
	find_main_file(directory, path);
	if (read_file(conf, path, true, 0, err))
	{
		snprintf(path, sizeof(path), "%s/%s", bk_conf_data_directory(conf), AUTO_FILE);
		if (read_file(conf, path, false, 0, err))
			return conf;
	}
	else if (bk_error_is(err, BK_STATE_MISSING_FILE) && conf->count == 0)
		bk_error_hint(err, "On Debian the configuration is in a directory such as /etc/postgresql/15/main: give that directory.");
	bk_conf_free(conf);
	return NULL;
}

const char *
bk_conf_get(const BkConf *conf, const char *name)
{
	for (size_t i = 0; i < conf->count; i++)
	{
		if (strcasecmp(conf->settings[i].name, name) == 0)
			return conf->settings[i].value;
	}
	return NULL;
}

const char *
bk_conf_data_directory(const BkConf *conf)
{
	const char *value = bk_conf_get(conf, "data_directory");

	return value != NULL && *value != '\0' ? value : conf->directory;
}

void
bk_conf_free(BkConf *conf)
{
	if (conf == NULL)
		return;
	for (size_t i = 0; i < conf->count; i++)
	{
		free(conf->settings[i].name);
		free(conf->settings[i].value);
	}
	free(conf->settings);
	free(conf->directory);
	free(conf);
}

/*
 * A running server's data directory tells where its configuration is, if that
 * was said on its command line, as Debian does (CreateOptsFile() in
 * src/backend/postmaster/postmaster.c).
 */
static void
find_main_file(const char *directory, char path[PATH_MAX])
{
	static const char option[] = "config_file=";
	const char *found = NULL;
	BkBuf		text;
	BkError		ignored;

	snprintf(path, PATH_MAX, "%s/%s", directory, OPTIONS_FILE);
	bk_buf_init(&text);
	if (load_file(path, &text, &ignored))
		found = strstr(text.data, option);
	snprintf(path, PATH_MAX, "%s/%s", directory, MAIN_FILE);
	if (found != NULL && access(path, F_OK) != 0)
	{
		found += strlen(option);
		snprintf(path, PATH_MAX, "%.*s", (int) strcspn(found, "\"\n"), found);
	}
	bk_buf_free(&text);
}

static bool
read_file(BkConf *conf, const char *path, bool needed, int depth, BkError *err)
{
	ConfFile	file = {.conf = conf, .path = path, .depth = depth};
	BkBuf		text;
	char	   *line;
	bool		ok;

	if (depth > MAX_DEPTH)
		return bk_error(err, BK_STATE_WRONG_STATE,
						"configuration files are nested deeper than %d: \"%s\"",
						MAX_DEPTH, path);
	bk_buf_init(&text);
	ok = load_file(path, &text, err);
	if (!ok && !needed && bk_error_is(err, BK_STATE_MISSING_FILE))
	{
		bk_buf_free(&text);
		return true;
	}
	for (line = text.data; ok && line != NULL;)
	{
		char	   *end = strchr(line, '\n');

		if (end != NULL)
			*end = '\0';
		file.line++;
		ok = read_line(&file, line, err);
		line = end == NULL ? NULL : end + 1;
	}
	bk_buf_free(&text);
	return ok;
}

static bool
load_file(const char *path, BkBuf *text, BkError *err)
{
	int			fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t		got = 1;
	bool		ok = fd >= 0;

	while (ok && got != 0 && text->len <= MAX_SIZE)
	{
		if (!bk_buf_reserve(text, BUFSIZ))
			break;
		got = read(fd, text->data + text->len, BUFSIZ);
		ok = got >= 0 || errno == EINTR;
		text->len += got > 0 ? (size_t) got : 0;
		text->data[text->len] = '\0';
	}
	if (!ok)
		bk_error_errno(err, "could not read configuration file \"%s\"", path);
	else if (text->len > MAX_SIZE || strlen(text->data) != text->len)
		ok = bk_error(err, BK_STATE_WRONG_STATE,
					  "\"%s\" is not a configuration file", path);
	if (fd >= 0)
		close(fd);
	return ok && bk_buf_check(text, err);
}

/* name [=] value [# comment] */
static bool
read_line(ConfFile *file, const char *line, BkError *err)
{
	const char *name = skip_blanks(line);
	size_t		len = name_length(name);
	const char *at = skip_blanks(name + len);
	BkBuf		value;
	bool		ok;

	if (*name == '\0' || *name == '#')
		return true;
	if (*at == '=')
		at = skip_blanks(at + 1);
	bk_buf_init(&value);
	at = len > 0 ? take_value(at, &value) : NULL;
	if (at != NULL)
		at = skip_blanks(at);
	if (at == NULL || (*at != '\0' && *at != '#'))
		ok = bk_error(err, BK_STATE_WRONG_STATE,
					  "syntax error in file \"%s\" line %d", file->path, file->line);
	else
		ok = bk_buf_check(&value, err) &&
			use(file, name, len, value.len == 0 ? "" : value.data, err);
	bk_buf_free(&value);
	return ok;
}

static const char *
skip_blanks(const char *at)
{
	while (is_blank(*at))
		at++;
	return at;
}

/* Letters, digits, underscores and dots; a digit is never the first. */
static size_t
name_length(const char *at)
{
	size_t		len = 0;

	if (*at >= '0' && *at <= '9')
		return 0;
	while (is_plain(at[len]) && strchr("-+:/", at[len]) == NULL)
		len++;
	return len;
}

/* Returns what follows the value, NULL if there is none. */
static const char *
take_value(const char *at, BkBuf *value)
{
	size_t		len = 0;

	if (*at == '\'')
		return take_quoted(at + 1, value);
	while (is_plain(at[len]))
		len++;
	bk_buf_append(value, at, len);
	return len > 0 ? at + len : NULL;
}

static const char *
take_quoted(const char *at, BkBuf *value)
{
	while (*at != '\0')
	{
		if (at[0] == '\'' && at[1] != '\'')
			return at + 1;
		if (at[0] == '\\' && at[1] != '\0')
		{
			at = take_escape(at + 1, value);
			continue;
		}
		at += at[0] == '\'';
		bk_buf_append(value, at++, 1);
	}
	return NULL;
}

/* As DeescapeQuotedString() in guc-file.l does. */
static const char *
take_escape(const char *at, BkBuf *value)
{
	static const char letters[] = "bfnrt";
	static const char meanings[] = "\b\f\n\r\t";
	const char *letter = strchr(letters, *at);
	char		byte = *at;
	int			digits = 0;
	int			octal = 0;

	for (; digits < 3 && at[digits] >= '0' && at[digits] <= '7'; digits++)
		octal = octal * 8 + (at[digits] - '0');
	if (digits > 0)
		byte = (char) octal;
	else if (letter != NULL)
		byte = meanings[letter - letters];
	bk_buf_append(value, &byte, 1);
	return at + (digits > 0 ? digits : 1);
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* What may stand in names and, without quotes, in values. */
static bool
is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		(c >= '0' && c <= '9') || (unsigned char) c >= 0x80 ||
		(c != '\0' && strchr("_.-+:/", c) != NULL);
}

static bool
use(ConfFile *file, const char *name, size_t len, const char *value,
	BkError *err)
{
	static const char *const directives[] = {
		"include", "include_if_exists", "include_dir",
	};

	for (size_t i = 0; i < sizeof(directives) / sizeof(directives[0]); i++)
	{
		if (strlen(directives[i]) == len &&
			strncasecmp(directives[i], name, len) == 0)
			return include(file, directives[i], value, err);
	}
	return set(file->conf, name, len, value, err);
}

/* A path that is not absolute is so from the folder of the file at hand. */
static bool
include(ConfFile *file, const char *directive, const char *value,
		BkError *err)
{
	const char *slash = strrchr(file->path, '/');
	char		path[PATH_MAX];

	if (*value == '/')
		snprintf(path, sizeof(path), "%s", value);
	else
		snprintf(path, sizeof(path), "%.*s/%s", (int) (slash - file->path),
				 file->path, value);
	if (strcmp(directive, "include_dir") == 0)
		return include_folder(file, path, err);
	return read_file(file->conf, path, strcmp(directive, "include") == 0,
					 file->depth + 1, err);
}

/* In byte order of the names. */
static bool
include_folder(ConfFile *file, const char *path, BkError *err)
{
	struct dirent **entries;
	int			count = scandir(path, &entries, is_included, alphasort);
	bool		ok = count >= 0;

	if (!ok)
		return bk_error_errno(err, "could not open configuration directory \"%s\"",
							  path);
	for (int i = 0; i < count; i++)
	{
		char		name[PATH_MAX + NAME_MAX + 1];

		snprintf(name, sizeof(name), "%s/%s", path, entries[i]->d_name);
		ok = ok && read_file(file->conf, name, true, file->depth + 1, err);
		free(entries[i]);
	}
	free(entries);
	return ok;
}

static int
is_included(const struct dirent *entry)
{
	static const char suffix[] = ".conf";
	size_t		len = strlen(entry->d_name);

	return entry->d_name[0] != '.' && len > sizeof(suffix) - 1 &&
		strcmp(entry->d_name + len - (sizeof(suffix) - 1), suffix) == 0;
}

/* The last one wins. */
static bool
set(BkConf *conf, const char *name, size_t len, const char *value,
	BkError *err)
{
	Setting		new = {.name = strndup(name, len), .value = strdup(value)};
	Setting    *settings;
	size_t		i = 0;

	while (new.name != NULL && i < conf->count &&
		   strcasecmp(conf->settings[i].name, new.name) != 0)
		i++;
	settings = i < conf->count ? conf->settings :
		reallocarray(conf->settings, conf->count + 1, sizeof(Setting));
	if (settings != NULL)
		conf->settings = settings;
	if (new.name == NULL || new.value == NULL || settings == NULL)
	{
		free(new.name);
		free(new.value);
		return bk_error_memory(err);
	}
	if (i < conf->count)
	{
		free(settings[i].name);
		free(settings[i].value);
	}
	else
		conf->count++;
	settings[i] = new;
	return true;
}
