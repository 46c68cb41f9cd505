/*
 * folder.c
 *	  Which folder a file URL names, and whether a repository may be there.
 *
 * The folder is looked at by its real path, with all links resolved: a link
 * into a data directory is as bad as the place itself.
 */
#define _GNU_SOURCE 1
#include "storage/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/file.h"

#define FOLDER_SCHEME	"file://"

static char *path_of_url(const char *url, BkError *err);
static char *bad_url(BkError *err, const char *url, const char *why);
static bool percent_decode(const char *text, char *out);
static int	hex_value(char digit);
static char *real_path(const char *path, bool create, BkError *err);
static bool make_folder(const char *path, BkError *err);
static char *parent_of(const char *path);
static bool check_place(const char *path, BkError *err);
static bool check_one_place(const char *path, const char *place, BkError *err);
static bool is_data_directory(int dir);
static bool holds_tablespace(int dir);
static bool is_tablespace_name(const char *name);
static int	open_folder(const char *path, BkError *err);
static bool open_error(const char *path, BkError *err);
static bool check_rights(int fd, const char *path, BkError *err);

int
bk_folder_open(const char *url, bool create, char **path, BkError *err)
{
	char	   *named = path_of_url(url, err);
	char	   *real = NULL;
	int			fd = -1;

	if (named != NULL)
		real = real_path(named, create, err);
	if (real != NULL && check_place(real, err))
		fd = open_folder(real, err);
	free(named);
	if (fd < 0)
		free(real);
	else
		*path = real;
	return fd;
}

char *
bk_folder_mount(int fd, const char *path)
{
	char	   *mount = strdup(path);
	struct stat here;
	struct stat above;

	if (mount == NULL || fstat(fd, &here) != 0)
		return mount;
	while (strcmp(mount, "/") != 0)
	{
		char	   *up = parent_of(mount);

		if (up == NULL || stat(up, &above) != 0 ||
			above.st_dev != here.st_dev)
		{
			free(up);
			break;
		}
		free(mount);
		mount = up;
	}
	return mount;
}

int
bk_folder_object(int root, const char *key, int flags, struct stat *status)
{
	int			fd = bk_file_open(root, key, flags, 0);

	*status = (struct stat) {0};
	if (fd < 0)
		return -1;
	if (fstat(fd, status) == 0 && S_ISREG(status->st_mode))
		return fd;
	close(fd);
	errno = S_ISDIR(status->st_mode) ? ENOENT : EINVAL;
	return -1;
}

/* A file where the key wants a folder means: no such object. */
bool
bk_folder_is_missing(int code)
{
	return code == ENOENT || code == ENOTDIR;
}

/* The path of the URL, decoded, without slashes at its end. */
static char *
path_of_url(const char *url, BkError *err)
{
	const char *rest = url + strlen(FOLDER_SCHEME);
	char	   *path;
	size_t		len;

	if (*rest == '\0' || rest[strspn(rest, "/")] == '\0')
		return bad_url(err, url, "has no path");
	if (*rest != '/')
		return bad_url(err, url,
					   "has a host or a relative path where an absolute path is needed");
	if (strpbrk(rest, "?#") != NULL)
		return bad_url(err, url, "has a query or fragment");
	path = malloc(strlen(rest) + 1);
	if (path == NULL)
	{
		bk_error_memory(err);
		return NULL;
	}
	if (!percent_decode(rest, path))
	{
		free(path);
		return bad_url(err, url, "has an invalid percent-encoding");
	}
	len = strlen(path);
	while (len > 1 && path[len - 1] == '/')
		path[--len] = '\0';
	return path;
}

/* NULL, so that a failing function can end in "return bad_url(...)". */
static char *
bad_url(BkError *err, const char *url, const char *why)
{
	bk_error(err, BK_STATE_BAD_ARGUMENT, "URL \"%s\" %s", url, why);
	bk_error_hint(err, "Write three slashes and an absolute path, percent-encoded where needed, for example file:///backup/main");
	return NULL;
}

static bool
percent_decode(const char *text, char *out)
{
	while (*text != '\0')
	{
		int			value = (unsigned char) *text++;

		if (value == '%')
		{
			int			high = hex_value(text[0]);
			int			low = high >= 0 ? hex_value(text[1]) : -1;

			value = high * 16 + low;
			if (low < 0 || value == 0)
				return false;
			text += 2;
		}
		*out++ = (char) value;
	}
	*out = '\0';
	return true;
}

static int
hex_value(char digit)
{
	static const char digits[] = "0123456789abcdef0123456789ABCDEF";
	const char *found = digit != '\0' ? strchr(digits, digit) : NULL;

	return found != NULL ? (int) (found - digits) % 16 : -1;
}

static char *
real_path(const char *path, bool create, BkError *err)
{
	char	   *real = realpath(path, NULL);

	if (real == NULL && errno == ENOENT && create)
	{
		if (!make_folder(path, err))
			return NULL;
		real = realpath(path, NULL);
	}
	if (real != NULL)
		return real;
	if (errno != ENOENT)
	{
		open_error(path, err);
		return NULL;
	}
	bk_error(err, BK_STATE_MISSING_FILE, "directory \"%s\" does not exist",
			 path);
	bk_error_hint(err, "Check that the disk is mounted and the URL is right.");
	return NULL;
}

/* Make the last component of a path, durably, if it may be there. */
static bool
make_folder(const char *path, BkError *err)
{
	char	   *above = parent_of(path);
	char	   *parent = NULL;
	int			fd = -1;
	bool		made = false;

	if (above == NULL)
		return bk_error_memory(err);
	parent = real_path(above, false, err);
	if (parent != NULL && check_place(parent, err))
	{
		fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		made = fd >= 0 &&
			(mkdir(path, 0700) == 0 || errno == EEXIST) &&
			bk_file_sync_dir(fd) == 0;
		if (!made)
			bk_error_errno(err, "could not create directory \"%s\"", path);
	}
	if (fd >= 0)
		close(fd);
	free(parent);
	free(above);
	return made;
}

/* A fresh string; NULL if memory is out. */
static char *
parent_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return strndup(path, slash == path ? 1 : (size_t) (slash - path));
}

/* Look at the folder and at every folder above it. */
static bool
check_place(const char *path, BkError *err)
{
	char	   *place = strdup(path);
	bool		good = place != NULL || bk_error_memory(err);
	bool		top = false;

	while (good && !top)
	{
		char	   *up = parent_of(place);

		top = strcmp(place, "/") == 0;
		good = up != NULL || bk_error_memory(err);
		if (good)
			good = check_one_place(path, place, err);
		free(place);
		place = up;
	}
	free(place);
	return good;
}

static bool
check_one_place(const char *path, const char *place, BkError *err)
{
	const char *what = NULL;
	int			dir = open(place, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		return open_error(place, err);
	if (is_data_directory(dir))
		what = "data directory";
	else if (holds_tablespace(dir))
		what = "tablespace";
	close(dir);
	if (what == NULL)
		return true;
	bk_error(err, BK_STATE_WRONG_STATE, "directory \"%s\" is inside the %s \"%s\"",
			 path, what, place);
	bk_error_detail(err, "A backup that lies in what it protects is lost with it.");
	return bk_error_hint(err, "Choose a directory outside of PostgreSQL's own directories, best on another disk.");
}

/* PostgreSQL docs, "Database File Layout". */
static bool
is_data_directory(int dir)
{
	struct stat version;
	struct stat global;

	return fstatat(dir, "PG_VERSION", &version, 0) == 0 &&
		S_ISREG(version.st_mode) &&
		fstatat(dir, "global", &global, 0) == 0 && S_ISDIR(global.st_mode);
}

/*
 * PostgreSQL docs, "Database File Layout": a tablespace has a folder named
 * PG_<major version>_<catalogue version>. A folder that we cannot read is not
 * one that the server, which is us, keeps a tablespace in.
 */
static bool
holds_tablespace(int dir)
{
	int			fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR		   *entries = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;
	struct stat status;
	bool		found = false;

	if (entries == NULL)
	{
		if (fd >= 0)
			close(fd);
		return false;
	}
	while (!found && (entry = readdir(entries)) != NULL)
	{
		found = is_tablespace_name(entry->d_name) &&
			fstatat(dir, entry->d_name, &status, 0) == 0 &&
			S_ISDIR(status.st_mode);
	}
	closedir(entries);
	return found;
}

static bool
is_tablespace_name(const char *name)
{
	static const char digits[] = "0123456789";
	size_t		major;
	size_t		catalogue;

	if (strncmp(name, "PG_", 3) != 0)
		return false;
	major = strspn(name + 3, digits);
	if (major == 0 || name[3 + major] != '_')
		return false;
	catalogue = strspn(name + 4 + major, digits);
	return catalogue > 0 && name[4 + major + catalogue] == '\0';
}

static int
open_folder(const char *path, BkError *err)
{
	int			fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		open_error(path, err);
	else if (!check_rights(fd, path, err))
	{
		close(fd);
		fd = -1;
	}
	return fd;
}

static bool
open_error(const char *path, BkError *err)
{
	if (errno == ENOTDIR)
		return bk_error(err, BK_STATE_BAD_ARGUMENT, "\"%s\" is not a directory",
						path);
	return bk_error_errno(err, "could not open directory \"%s\"", path);
}

static bool
check_rights(int fd, const char *path, BkError *err)
{
	struct stat status;

	if (fstat(fd, &status) != 0)
		return bk_error_errno(err, "could not stat directory \"%s\"", path);
	if (status.st_uid != geteuid())
	{
		bk_error(err, BK_STATE_NO_RIGHT,
				 "directory \"%s\" belongs to another user", path);
		bk_error_detail(err, "Its owner has user ID %u, this program runs as user ID %u.",
						(unsigned) status.st_uid, (unsigned) geteuid());
		/* Root has taken the wrong hat; the repository is the server's. */
		if (geteuid() == 0)
			return bk_error_hint(err, "Run this as the owner, with \"sudo -u #%u\", or name the server with -D.",
								 (unsigned) status.st_uid);
		return bk_error_hint(err, "chown %u '%s'", (unsigned) geteuid(), path);
	}
	if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
	{
		bk_error(err, BK_STATE_NO_RIGHT,
				 "directory \"%s\" can be written by other users", path);
		bk_error_detail(err, "Its mode is %04o.",
						(unsigned) (status.st_mode & 07777));
		return bk_error_hint(err, "chmod go-w '%s'", path);
	}
	return true;
}
