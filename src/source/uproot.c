/*
 * uproot.c
 *	  Remove a directory with all that is in it.
 */
#define _GNU_SOURCE 1
#include "source/uproot.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEPTH_MAX	64

static bool clear_folder(int folder, const char *except, int depth,
						 const BkHost *host, BkError *err);
static bool remove_entry(int folder, const char *name, int depth,
						 const BkHost *host, BkError *err);

bool
bk_uproot(int root, const char *last, const BkHost *host, BkError *err)
{
	return clear_folder(root, last, 0, host, err) &&
		(last == NULL || unlinkat(root, last, 0) == 0 || errno == ENOENT ||
		 bk_error_errno(err, "could not remove file \"%s\"", last));
}

static bool
clear_folder(int folder, const char *except, int depth, const BkHost *host,
			 BkError *err)
{
	int			copy = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR		   *list = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *entry;
	bool		ok = list != NULL || bk_error_errno(err, "could not list a folder");

	if (list == NULL && copy >= 0)
		close(copy);
	if (ok && depth > DEPTH_MAX)
		ok = bk_error(err, BK_STATE_WRONG_STATE, "the folders are too deep");
	while (ok && (entry = readdir(list)) != NULL)
	{
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
			(except != NULL && strcmp(entry->d_name, except) == 0))
			continue;
		ok = bk_go_on(host, err) &&
			remove_entry(folder, entry->d_name, depth, host, err);
	}
	if (list != NULL)
		closedir(list);
	return ok;
}

static bool
remove_entry(int folder, const char *name, int depth, const BkHost *host,
			 BkError *err)
{
	int			child;
	bool		ok;

	if (unlinkat(folder, name, 0) == 0 || errno == ENOENT)
		return true;
	if (errno != EISDIR && errno != EPERM)
		return bk_error_errno(err, "could not remove file \"%s\"", name);
	child = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (child < 0)
		return bk_error_errno(err, "could not open folder \"%s\"", name);
	ok = clear_folder(child, NULL, depth + 1, host, err);
	close(child);
	return ok && (unlinkat(folder, name, AT_REMOVEDIR) == 0 ||
				  bk_error_errno(err, "could not remove folder \"%s\"", name));
}
