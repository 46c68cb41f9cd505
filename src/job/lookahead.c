/*
 * lookahead.c
 *	  Read archive_status.
 *
 * There may be very many files, of which only the first few are wanted: these
 * are kept while the folder is read, whatever its size.
 */
#include "job/lookahead.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STATUS_FOLDER	"archive_status"

static const char suffix[] = ".ready";

static bool parse_entry(const char *entry, BkWalName *name);
static void keep_first(BkWalName *names, size_t *count, size_t max,
					   const BkWalName *name);

int
bk_lookahead_compare(const void *left, const void *right)
{
	const BkWalName *a = left;
	const BkWalName *b = right;
	bool		a_first = a->kind == BK_WAL_HISTORY;
	bool		b_first = b->kind == BK_WAL_HISTORY;

	if (a_first != b_first)
		return a_first ? -1 : 1;
	return strcmp(a->text, b->text);
}

size_t
bk_lookahead_list(const char *folder, const BkWalName *known,
				  size_t known_count, BkWalName *names, size_t max)
{
	char		path[PATH_MAX];
	struct dirent *entry;
	BkWalName	name;
	size_t		count = 0;
	DIR		   *dir;

	snprintf(path, sizeof(path), "%s/" STATUS_FOLDER, folder);
	dir = opendir(path);
	while (dir != NULL && (entry = readdir(dir)) != NULL)
	{
		if (parse_entry(entry->d_name, &name) &&
			(known_count == 0 || bsearch(&name, known, known_count, sizeof(name),
										 bk_lookahead_compare) == NULL))
			keep_first(names, &count, max, &name);
	}
	if (dir != NULL)
		closedir(dir);
	return count;
}

bool
bk_lookahead_is_ready(const char *folder, const BkWalName *name)
{
	char		path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/" STATUS_FOLDER "/%s%s", folder, name->text, suffix);
	return access(path, F_OK) == 0;
}

static bool
parse_entry(const char *entry, BkWalName *name)
{
	size_t		len = strlen(entry);
	size_t		end = sizeof(suffix) - 1;
	char		text[BK_WAL_NAME_SIZE];
	BkError		ignored;

	if (len <= end || len - end >= sizeof(text) ||
		strcmp(entry + len - end, suffix) != 0)
		return false;
	memcpy(text, entry, len - end);
	text[len - end] = '\0';
	return bk_wal_name_parse(text, name, &ignored);
}

/* Insert into a sorted list, from which the last one falls if it is full. */
static void
keep_first(BkWalName *names, size_t *count, size_t max, const BkWalName *name)
{
	size_t		at = *count;

	while (at > 0 && bk_lookahead_compare(name, &names[at - 1]) < 0)
		at--;
	if (at == max)
		return;
	if (*count < max)
		(*count)++;
	memmove(&names[at + 1], &names[at], (*count - 1 - at) * sizeof(*names));
	names[at] = *name;
}
