/*
 * destination.c
 *	  The directory that a restore writes into.
 */
#define _GNU_SOURCE 1
#include "source/destination.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "core/file.h"

#define TEXT_MAX		(16 * 1024 * 1024)
#define POSTMASTER_FILE	"postmaster.pid"

static bool fill_file(BkFile *file, const char *name, BkReader *reader,
					  BkError *err);
static bool check_path(const char *path, BkError *err);
static bool check_parent(const char *path, BkError *err);
static bool look_inside(BkDestination *destination, int dir, BkError *err);
static bool check_filled(BkDestination *destination,
						 const char *system_identifier, BkError *err);
static bool check_stopped(const BkDestination *destination, BkError *err);
static bool same_cluster(const BkDestination *destination,
						 const char *system_identifier, BkError *err);
static bool unlink_durably(const BkDestination *destination, const char *name,
						   BkError *err);

bool
bk_destination_check(BkDestination *destination, const char *path, bool delta,
					 const char *system_identifier, BkError *err)
{
	bool		ok;

	if (!bk_destination_check_other(destination, path, err))
		return false;
	if (!destination->filled)
		return true;
	if (!delta)
	{
		bk_error(err, BK_STATE_WRONG_STATE, "directory \"%s\" is not empty", path);
		return bk_error_hint(err, "Choose another one, or use --delta to make a stopped server's directory, or what an interrupted restore has left, as the backup is.");
	}
	destination->root = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (destination->root < 0)
		return bk_error_errno(err, "could not open directory \"%s\"", path);
	ok = check_filled(destination, system_identifier, err);
	bk_destination_close(destination);
	return ok;
}

bool
bk_destination_check_other(BkDestination *destination, const char *path,
						   BkError *err)
{
	struct stat st;
	bool		ok;
	int			dir;

	memset(destination, 0, sizeof(*destination));
	destination->root = -1;
	if (!check_path(path, err))
		return false;
	dir = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0 && errno == ENOENT)
		ok = check_parent(path, err);
	else if (dir < 0 && (errno == ELOOP || errno == ENOTDIR))
		ok = bk_error(err, BK_STATE_WRONG_STATE,
					  "\"%s\" is not a directory, or is a symbolic link", path);
	else if (dir < 0 || fstat(dir, &st) != 0)
		ok = bk_error_errno(err, "could not open directory \"%s\"", path);
	else if (st.st_uid != geteuid())
		ok = bk_error(err, BK_STATE_NO_RIGHT,
					  "directory \"%s\" belongs to another user", path);
	else
	{
		destination->exists = true;
		ok = look_inside(destination, dir, err);
	}
	if (dir >= 0)
		close(dir);
	if (ok)
		snprintf(destination->path, sizeof(destination->path), "%s", path);
	return ok;
}

bool
bk_destination_open(BkDestination *destination, bool group, BkError *err)
{
	const char *path = destination->path;
	mode_t		mode = group ? 0750 : 0700;

	if (!destination->exists && mkdir(path, mode) != 0)
		return bk_error_errno(err, "could not make directory \"%s\"", path);
	destination->root = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (destination->root < 0)
		return bk_error_errno(err, "could not open directory \"%s\"", path);
	if (fchmod(destination->root, mode) != 0)
		return bk_error_errno(err, "could not set the mode of directory \"%s\"", path);
	if (flock(destination->root, LOCK_EX | LOCK_NB) == 0)
		return true;
	if (errno != EWOULDBLOCK)
		return bk_error_errno(err, "could not lock directory \"%s\"", path);
	return bk_error(err, BK_STATE_IN_USE,
					"another restore is writing into directory \"%s\"", path);
}

bool
bk_destination_begin(const BkDestination *destination,
					 const char *system_identifier, BkError *err)
{
	return bk_destination_put(destination, BK_DESTINATION_MARK,
							  system_identifier, strlen(system_identifier), err) &&
		unlink_durably(destination, BK_CONTROL_FILE, err);
}

bool
bk_destination_end(const BkDestination *destination, BkError *err)
{
	return unlink_durably(destination, BK_DESTINATION_MARK, err);
}

bool
bk_destination_put(const BkDestination *destination, const char *name,
				   const char *text, size_t len, BkError *err)
{
	BkReader   *reader = bk_memory_reader(text, len, err);
	bool		ok = reader != NULL && bk_destination_copy(destination, name, reader, err);

	bk_reader_close(reader);
	return ok;
}

bool
bk_destination_copy(const BkDestination *destination, const char *name,
					BkReader *reader, BkError *err)
{
	BkFileOutcome outcome;
	BkFile	   *file;
	bool		ok;

	if (!unlink_durably(destination, name, err))
		return false;
	file = bk_file_create(destination->root, name, 0600, err);
	if (file == NULL)
		return false;
	ok = fill_file(file, name, reader, err);
	ok = ok && bk_file_publish(file, &outcome, err);
	if (ok && outcome == BK_FILE_EXISTS)
		ok = bk_error(err, BK_STATE_IN_USE,
					  "something else has written file \"%s\" in \"%s\"", name,
					  destination->path);
	bk_file_close(file);
	return ok;
}

bool
bk_destination_free_space(const BkDestination *destination, uint64_t *bytes,
						  BkError *err)
{
	char		parent[PATH_MAX];
	struct statvfs st;

	snprintf(parent, sizeof(parent), "%s", destination->path);
	if (!destination->exists)
		*strrchr(parent, '/') = '\0';
	if (statvfs(parent[0] == '\0' ? "/" : parent, &st) != 0)
		return bk_error_errno(err, "could not look at the file system of \"%s\"",
							  destination->path);
	*bytes = (uint64_t) st.f_bavail * st.f_frsize;
	return true;
}

char *
bk_destination_text(const BkDestination *destination, const char *name,
					BkError *err)
{
	struct stat st = {0};
	char	   *text = NULL;
	ssize_t		got = 0;
	int			fd = bk_file_open(destination->root, name, O_RDONLY | O_NONBLOCK, 0);

	if (fd < 0 && errno != ENOENT)
		bk_error_errno(err, "could not open file \"%s\"", name);
	else if (fd >= 0 && fstat(fd, &st) != 0)
		bk_error_errno(err, "could not look at file \"%s\"", name);
	else if (fd >= 0 && (!S_ISREG(st.st_mode) || st.st_size > TEXT_MAX))
		bk_error(err, BK_STATE_WRONG_STATE,
				 "\"%s\" in \"%s\" is not a file of a plausible size", name,
				 destination->path);
	else if ((text = malloc((size_t) st.st_size + 1)) == NULL)
		bk_error_memory(err);
	else if (fd >= 0 && (got = read(fd, text, (size_t) st.st_size)) < 0)
		bk_error_errno(err, "could not read file \"%s\"", name);
	if (got < 0)
	{
		free(text);
		text = NULL;
	}
	if (text != NULL)
		text[got] = '\0';
	if (fd >= 0)
		close(fd);
	return text;
}

void
bk_destination_close(BkDestination *destination)
{
	if (destination->root >= 0)
		close(destination->root);
	destination->root = -1;
}

static bool
fill_file(BkFile *file, const char *name, BkReader *reader, BkError *err)
{
	char	   *buf = malloc(BK_STREAM_BUFFER);
	size_t		got = 1;
	bool		ok = buf != NULL || bk_error_memory(err);

	while (ok && got > 0)
		ok = bk_read(reader, buf, BK_STREAM_BUFFER, &got, err) &&
			(bk_file_write(file, buf, got) == 0 ||
			 bk_error_errno(err, "could not write file \"%s\"", name));
	free(buf);
	return ok && (bk_file_sync(file) == 0 ||
				  bk_error_errno(err, "could not sync file \"%s\"", name));
}

/* Absolute, and nothing in it that would make two texts of one place. */
static bool
check_path(const char *path, BkError *err)
{
	bool		good = path[0] == '/' && path[1] != '\0' && strlen(path) < PATH_MAX;

	for (const char *at = path; good && *at == '/';)
	{
		size_t		len = strcspn(++at, "/");

		good = len > 0 && !(len <= 2 && strncmp(at, "..", len) == 0);
		at += len;
	}
	if (good)
		return true;
	bk_error(err, BK_STATE_BAD_ARGUMENT, "\"%.200s\" is not the path of a directory", path);
	return bk_error_hint(err, "Give an absolute path, without \".\", \"..\" or a slash at its end.");
}

static bool
check_parent(const char *path, BkError *err)
{
	char		parent[PATH_MAX];
	struct stat st;

	snprintf(parent, sizeof(parent), "%.*s", (int) (strrchr(path, '/') - path), path);
	if (stat(parent[0] == '\0' ? "/" : parent, &st) != 0)
		return bk_error_errno(err, "could not look at directory \"%s\"", parent);
	return S_ISDIR(st.st_mode) ||
		bk_error(err, BK_STATE_WRONG_STATE, "\"%s\" is not a directory", parent);
}

static bool
look_inside(BkDestination *destination, int dir, BkError *err)
{
	int			copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR		   *list = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *entry;

	if (list == NULL)
	{
		bk_error_errno(err, "could not list directory");
		if (copy >= 0)
			close(copy);
		return false;
	}
	while ((entry = readdir(list)) != NULL)
	{
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		destination->filled = true;
		if (strncmp(entry->d_name, BK_FILE_TEMPORARY, strlen(BK_FILE_TEMPORARY)) != 0)
			destination->foreign = true;
	}
	closedir(list);
	return true;
}

/* Only what is certainly a copy of this cluster may be written over. */
static bool
check_filled(BkDestination *destination, const char *system_identifier,
			 BkError *err)
{
	char	   *mark = bk_destination_text(destination, BK_DESTINATION_MARK, err);

	if (mark == NULL)
		return false;
	destination->marked = strcmp(mark, system_identifier) == 0;
	free(mark);
	return check_stopped(destination, err) &&
		(destination->marked || !destination->foreign || same_cluster(destination, system_identifier, err));
}

/* As postmaster itself does (CreateLockFile in src/backend/utils/init/miscinit.c). */
static bool
check_stopped(const BkDestination *destination, BkError *err)
{
	char	   *text = bk_destination_text(destination, POSTMASTER_FILE, err);
	long		pid;

	if (text == NULL)
		return false;
	pid = labs(strtol(text, NULL, 10));
	free(text);
	/* In a container the server may be process 1, and so may this program. */
	if (pid <= 0 || pid == getpid() || (kill((pid_t) pid, 0) != 0 && errno == ESRCH))
		return true;
	bk_error(err, BK_STATE_IN_USE, "a server may be running in directory \"%s\"",
			 destination->path);
	bk_error_detail(err, "Its " POSTMASTER_FILE " names process %ld, which is alive.", pid);
	return bk_error_hint(err, "Stop the server first: pg_ctl stop -D \"%s\"",
						 destination->path);
}

/* The first eight bytes of pg_control (src/include/catalog/pg_control.h). */
static bool
same_cluster(const BkDestination *destination, const char *system_identifier,
			 BkError *err)
{
	uint64_t	identifier = 0;
	char		text[32] = "";
	int			fd = bk_file_open(destination->root, BK_CONTROL_FILE, O_RDONLY, 0);

	if (fd >= 0)
	{
		if (read(fd, &identifier, sizeof(identifier)) == (ssize_t) sizeof(identifier))
			snprintf(text, sizeof(text), "%" PRIu64, identifier);
		close(fd);
	}
	if (strcmp(text, system_identifier) == 0)
		return true;
	bk_error(err, BK_STATE_WRONG_STATE,
			 "directory \"%s\" is not a copy of the cluster of the backup",
			 destination->path);
	if (text[0] != '\0')
		bk_error_detail(err, "It has the system identifier %s, the backup has %s.",
						text, system_identifier);
	else
		bk_error_detail(err, "It has neither a readable " BK_CONTROL_FILE " nor the mark of a restore of this cluster.");
	return bk_error_hint(err, "Choose an empty directory.");
}

static bool
unlink_durably(const BkDestination *destination, const char *name,
			   BkError *err)
{
	const char *last;
	int			parent = bk_file_open_parent(destination->root, name, &last);
	bool		ok;

	if (parent < 0)
		return errno == ENOENT ||
			bk_error_errno(err, "could not open the folder of \"%s\"", name);
	ok = unlinkat(parent, last, 0) == 0 ? bk_file_sync_dir(parent) == 0 : errno == ENOENT;
	if (!ok)
		bk_error_errno(err, "could not remove file \"%s\"", name);
	close(parent);
	return ok;
}
