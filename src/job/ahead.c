/*
 * ahead.c
 *	  Take what was fetched ahead, and have more fetched.
 *
 * What is in the folder counts only while the process that put it there
 * lives: files that nobody syncs may be of any content after a crash.
 */
#include "job/ahead.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/clock.h"
#include "core/detach.h"
#include "core/file.h"
#include "job/fetcher.h"

#define PURPOSE_MAX		8192
#define LONGEST_WAIT	10000	/* milliseconds for one that is being fetched */
#define WAIT_STEP		2000	/* microseconds */

static int	open_folder(const BkAhead *ahead);
static bool lock_is_held(int lock);
static bool has_purpose(int lock, const BkAhead *ahead);
static bool move_out(const BkAhead *ahead, int folder, const char *name,
					 const char *target);
static bool is_fetching(int folder, const char *name);
static bool note_last(int folder, const char *name);

bool
bk_ahead_take(const BkAhead *ahead, const BkWalName *name, const char *target,
			  const BkHost *host, bool *taken, BkError *err)
{
	int64_t		until = bk_clock_monotonic_ms() + LONGEST_WAIT;
	int			folder = open_folder(ahead);
	bool		ok = true;

	*taken = folder >= 0 && move_out(ahead, folder, name->text, target);
	while (ok && folder >= 0 && !*taken && bk_clock_monotonic_ms() < until &&
		   is_fetching(folder, name->text))
	{
		usleep(WAIT_STEP);
		ok = bk_go_on(host, err);
		*taken = ok && move_out(ahead, folder, name->text, target);
	}
	/* It may have been finished between the two looks. */
	if (ok && folder >= 0 && !*taken)
		*taken = move_out(ahead, folder, name->text, target);
	if (folder >= 0)
		close(folder);
	return ok;
}

void
bk_ahead_go_on(const BkAhead *ahead, const BkWalName *name, uint64_t size,
			   const BkHost *host)
{
	BkFetcher	fetcher = {
		.ahead = *ahead,
		.host = host,
		.last = *name,
		.segment_size = (uint32_t) size,
	};
	int			folder;
	BkError		ignored;

	if (name->kind != BK_WAL_SEGMENT || !bk_wal_segment_size_valid(size))
		return;
	folder = open_folder(ahead);
	if (folder < 0)
		(void) bk_detach(bk_fetcher_run, &fetcher, &ignored);
	else
	{
		(void) note_last(folder, name->text);
		close(folder);
	}
}

char *
bk_ahead_purpose(const BkAhead *ahead)
{
	BkBuf		text;
	BkError		ignored;

	bk_buf_init(&text);
	for (size_t i = 0; i < ahead->source_count; i++)
		bk_buf_printf(&text, "%s\n%s\n", ahead->sources[i].url,
					  ahead->sources[i].expected_id == NULL ? "" : ahead->sources[i].expected_id);
	bk_buf_printf(&text, "%s\n", ahead->system_identifier);
	return bk_buf_take(&text, &ignored);
}

/* The folder if a process works there for these very sources, else -1. */
static int
open_folder(const BkAhead *ahead)
{
	int			folder = bk_file_open(ahead->wal, BK_AHEAD_FOLDER,
									  O_RDONLY | O_DIRECTORY, 0);
	int			lock = folder < 0 ? -1 : bk_file_open(folder, BK_AHEAD_LOCK, O_RDONLY, 0);
	bool		ours = lock >= 0 && lock_is_held(lock) && has_purpose(lock, ahead);

	if (lock >= 0)
		close(lock);
	if (ours || folder < 0)
		return folder;
	close(folder);
	return -1;
}

/* Closing the descriptor gives a lock back that could be had. */
static bool
lock_is_held(int lock)
{
	return flock(lock, LOCK_SH | LOCK_NB) != 0;
}

static bool
has_purpose(int lock, const BkAhead *ahead)
{
	char	   *purpose = bk_ahead_purpose(ahead);
	char		text[PURPOSE_MAX];
	ssize_t		got = pread(lock, text, sizeof(text), 0);
	bool		same = purpose != NULL && got >= 0 &&
		(size_t) got == strlen(purpose) && memcmp(text, purpose, (size_t) got) == 0;

	free(purpose);
	return same;
}

static bool
move_out(const BkAhead *ahead, int folder, const char *name,
		 const char *target)
{
	BkFileOutcome outcome;
	BkError		ignored;

	return bk_file_move(folder, name, ahead->wal, target, &outcome, &ignored) &&
		outcome == BK_FILE_PUBLISHED;
}

/* Is there a temporary for it? */
static bool
is_fetching(int folder, const char *name)
{
	int			fd = bk_file_open(folder, "", O_RDONLY | O_DIRECTORY, 0);
	DIR		   *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	bool		found = false;

	if (dir == NULL)
	{
		if (fd >= 0)
			close(fd);
		return false;
	}
	while (!found && (entry = readdir(dir)) != NULL)
	{
		size_t		len = strlen(entry->d_name);
		size_t		tail = strlen(name);

		found = strncmp(entry->d_name, BK_FILE_TEMPORARY, strlen(BK_FILE_TEMPORARY)) == 0 &&
			len > tail && strcmp(entry->d_name + len - tail, name) == 0;
	}
	closedir(dir);
	return found;
}

/* One write of so few bytes is seen whole or not at all. */
static bool
note_last(int folder, const char *name)
{
	int			fd = bk_file_open(folder, BK_AHEAD_LAST, O_WRONLY | O_CREAT, 0600);
	bool		done = fd >= 0 && pwrite(fd, name, strlen(name), 0) == (ssize_t) strlen(name);

	if (fd >= 0)
		close(fd);
	return done;
}
