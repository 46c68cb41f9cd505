/*
 * pusher.c
 *	  Read a file of pg_wal, check it, and store it.
 *
 * Only the beginning is looked at here; repo/wal.c reads the file, in pieces,
 * and stores what it has made the digest of.
 */
#include "job/pusher.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "job/common.h"
#include "repo/wal.h"
#include "source/segment.h"

/* All of a history; of everything else the beginning is enough. */
#define HEAD_MAX		(64 * 1024)

/*
 * A repository is opened again after so many milliseconds, so that it is
 * noticed when its place is unmounted or the cluster loses its right.
 */
#define HANDLE_AGE_MAX	10000

/* One that has failed is left alone for so long by what nobody asked for. */
#define DOWN_TIME		10000

/* A repository. Times are on the monotonic clock. */
typedef struct Place
{
	BkRepository *repo;			/* NULL: not open */
	int64_t		opened_at;
	int64_t		down_until;
	char		swept[BK_KEY_SIZE]; /* the folder that was swept last */
} Place;

struct BkPusher
{
	const BkRequest *request;
	const BkHost *host;
	const char *folder;
	BkUrls		urls;
	size_t		count;			/* of those that must have a file */
	Place		places[BK_URLS_MAX];
};

/* The work on one file. */
typedef struct Task
{
	BkPusher   *pusher;
	const BkWalName *name;
	const BkPusherWatch *watch;
	int			fd;
	off_t		size;
	size_t		head_len;
	char		head[HEAD_MAX];
} Task;

static bool push_file(Task *task, BkPushAnswer *answer, struct stat *file);
static bool open_file(Task *task, struct stat *file, BkError *err);
static bool read_head(Task *task, BkError *err);
static bool store_everywhere(Task *task, BkPushAnswer *answer);
static bool store_there(Task *task, size_t number, BkPushAnswer *answer,
						bool first);
static void name_place(const BkPusher *pusher, size_t number, BkError *err);
static bool open_repository(Task *task, size_t number, BkError *err);
static bool sweep_folder(Task *task, Place *place, BkError *err);
static bool store_file(Task *task, const Place *place, BkPushAnswer *answer,
					   BkError *err);
static bool tick(void *arg, uint64_t bytes, BkError *err);

BkPusher *
bk_pusher_new(const BkRequest *request, const BkHost *host,
			  const char *folder, BkError *err)
{
	BkPusher   *pusher = calloc(1, sizeof(*pusher));

	if (pusher == NULL)
	{
		bk_error_memory(err);
		return NULL;
	}
	pusher->request = request;
	pusher->host = host;
	pusher->folder = folder;
	if (!bk_common_urls(request, &pusher->urls, err))
	{
		bk_pusher_free(pusher);
		return NULL;
	}
	pusher->count = bk_pusher_first_is_enough(request) ? 1 : pusher->urls.count;
	return pusher;
}

void
bk_pusher_push(BkPusher *pusher, const BkWalName *name,
			   const BkPusherWatch *watch, BkPushAnswer *answer,
			   struct stat *file)
{
	Task		task = {
		.pusher = pusher,
		.name = name,
		.watch = watch,
		.fd = -1,
	};

	*answer = (BkPushAnswer) {0};
	snprintf(answer->name, sizeof(answer->name), "%s", name->text);
	answer->ok = push_file(&task, answer, file);
	if (task.fd >= 0)
		close(task.fd);
}

bool
bk_pusher_first_is_enough(const BkRequest *request)
{
	return request->archive_required != NULL &&
		strcmp(request->archive_required, "first") == 0;
}

bool
bk_pusher_is_same(const char *folder, const BkWalName *name,
				  const struct stat *file)
{
	char		path[PATH_MAX];
	struct stat now;

	snprintf(path, sizeof(path), "%s/%s", folder, name->text);
	return stat(path, &now) == 0 &&
		now.st_dev == file->st_dev && now.st_ino == file->st_ino &&
		now.st_size == file->st_size &&
		now.st_mtim.tv_sec == file->st_mtim.tv_sec &&
		now.st_mtim.tv_nsec == file->st_mtim.tv_nsec &&
		now.st_ctim.tv_sec == file->st_ctim.tv_sec &&
		now.st_ctim.tv_nsec == file->st_ctim.tv_nsec;
}

void
bk_pusher_free(BkPusher *pusher)
{
	if (pusher == NULL)
		return;
	for (size_t i = 0; i < pusher->count; i++)
		bk_repository_close(pusher->places[i].repo);
	bk_urls_free(&pusher->urls);
	free(pusher);
}

static bool
push_file(Task *task, BkPushAnswer *answer, struct stat *file)
{
	BkError    *err = &answer->error;

	/* See whether it is what its name says. */
	if (!open_file(task, file, err) || !read_head(task, err) ||
		!bk_segment_check(task->name, task->pusher->request->system_identifier,
						  task->head, task->head_len, (uint64_t) task->size, err))
		return false;

	return store_everywhere(task, answer);
}

/*
 * Those that worked last come first: one that hangs must not keep a file from
 * the others. The first failure is the answer.
 */
static bool
store_everywhere(Task *task, BkPushAnswer *answer)
{
	BkPusher   *pusher = task->pusher;
	bool		down[BK_URLS_MAX];
	bool		ok = true;

	for (size_t i = 0; i < pusher->count; i++)
		down[i] = bk_clock_monotonic_ms() < pusher->places[i].down_until;
	for (size_t i = 0; i < pusher->count; i++)
		ok = (down[i] || store_there(task, i, answer, ok)) && ok;
	for (size_t i = 0; i < pusher->count; i++)
		ok = (!down[i] ||
			  (!task->watch->ahead && store_there(task, i, answer, ok))) && ok;
	return ok;
}

/* A failure is the answer's error only where it is the first. */
static bool
store_there(Task *task, size_t number, BkPushAnswer *answer, bool first)
{
	Place	   *place = &task->pusher->places[number];
	BkError		problem;

	/* Find the repository, and clean up what a killed writer has left. */
	if (open_repository(task, number, &problem) &&
		sweep_folder(task, place, &problem) &&
		store_file(task, place, answer, &problem))
	{
		place->down_until = 0;
		answer->held = true;
		return true;
	}
	/* What was wrong may be the handle: the next one is a new one. */
	bk_repository_close(place->repo);
	place->repo = NULL;
	place->down_until = bk_clock_monotonic_ms() + DOWN_TIME;
	name_place(task->pusher, number, &problem);
	if (first)
		answer->error = problem;
	return false;
}

/* Of several, which one is it that fails? */
static void
name_place(const BkPusher *pusher, size_t number, BkError *err)
{
	char		message[sizeof(err->message)];

	if (pusher->count == 1)
		return;
	memcpy(message, err->message, sizeof(message));
	snprintf(err->message, sizeof(err->message), "repository %zu of %zu: %.900s",
			 number + 1, pusher->count, message);
}

static bool
open_file(Task *task, struct stat *file, BkError *err)
{
	char		path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", task->pusher->folder, task->name->text);
	task->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (task->fd < 0 || fstat(task->fd, file) != 0)
		return bk_error_errno(err, "could not open file \"%s\"", path);
	if (!S_ISREG(file->st_mode))
		return bk_error(err, BK_STATE_WRONG_STATE, "\"%s\" is not a regular file",
						path);
	task->size = file->st_size;
	return true;
}

static bool
read_head(Task *task, BkError *err)
{
	size_t		want = task->name->kind == BK_WAL_HISTORY ? HEAD_MAX : BK_SEGMENT_HEAD;
	ssize_t		got = pread(task->fd, task->head, want, 0);

	if (got < 0)
		return bk_error_errno(err, "could not read file \"%s/%s\"",
							  task->pusher->folder, task->name->text);
	task->head_len = (size_t) got;
	if (task->name->kind == BK_WAL_HISTORY && task->size > HEAD_MAX)
		return bk_error(err, BK_STATE_CORRUPT, "file \"%s/%s\" is too large for a history",
						task->pusher->folder, task->name->text);
	return true;
}

static bool
open_repository(Task *task, size_t number, BkError *err)
{
	const BkPusher *pusher = task->pusher;
	Place	   *place = &task->pusher->places[number];
	BkRequest	one;
	int64_t		now = bk_clock_monotonic_ms();

	if (place->repo != NULL && now - place->opened_at < HANDLE_AGE_MAX)
		return true;
	bk_repository_close(place->repo);
	place->opened_at = now;
	one = bk_common_at(pusher->request, &pusher->urls, number);
	place->repo = bk_common_open_shared(&one, pusher->host, err);
	return place->repo != NULL &&
		bk_common_may_write(&one, place->repo, err) &&
		bk_repository_require_keys(place->repo, err);
}

/*
 * Temporaries lie beside what they should have become, and a segment whose
 * writer was killed is pushed again: so to sweep its folder is enough.
 */
static bool
sweep_folder(Task *task, Place *place, BkError *err)
{
	const BkPusher *pusher = task->pusher;
	char		folder[BK_KEY_SIZE];

	if (!bk_layout_check_cluster(pusher->request->system_identifier, err))
		return false;
	bk_layout_wal_folder(folder, pusher->request->system_identifier, task->name);
	if (strcmp(folder, place->swept) == 0)
		return true;
	if (!bk_storage_sweep(place->repo->storage, folder, false, err))
		return false;
	memcpy(place->swept, folder, sizeof(folder));
	return true;
}

static bool
store_file(Task *task, const Place *place, BkPushAnswer *answer, BkError *err)
{
	const BkPusher *pusher = task->pusher;
	BkWalSource source = bk_wal_file(task->fd, (uint64_t) task->size);
	BkWalFound	found;
	bool		fresh;

	source.tick = tick;
	source.arg = task;
	if (!bk_wal_put(place->repo, pusher->request->system_identifier, task->name,
					&source, pusher->request->compression, &found, &fresh, err))
		return false;
	answer->fresh = answer->fresh || fresh;
	answer->size = (uint64_t) task->size;
	answer->stored = found.size;
	return true;
}

/*
 * A large file, and one that is there already, pass twice (repo/wal.c), and
 * each of them for each repository.
 */
static bool
tick(void *arg, uint64_t bytes, BkError *err)
{
	Task	   *task = arg;

	return task->watch->tick(task->watch->arg, bytes, (uint64_t) task->size, err);
}
