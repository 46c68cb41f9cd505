/*
 * fetcher.c
 *	  The process that fetches WAL ahead of recovery.
 *
 * The main thread watches: the server, the folder, the time. The others fetch
 * what comes next, each with a repository handle of its own. A slot stands
 * for one segment of the window behind the last one that recovery has got;
 * "work" and its slots are protected by the lock.
 *
 * On any failure all ends: the next archive-get goes the direct way, tells
 * what is wrong, and starts a new process when it has got what it wanted.
 */
#define _GNU_SOURCE 1
#include "job/fetcher.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/file.h"
#include "core/stream.h"
#include "core/thread.h"
#include "repo/wal.h"

#define WINDOW_BYTES	((uint64_t) 256 * 1024 * 1024)
#define WINDOW_MAX		64		/* segments */
#define LOOK_EVERY		20		/* milliseconds */
#define END_EVERY		1000	/* between two looks for what was missing */
#define IDLE_LIMIT		10000
#define END_LIMIT		1000	/* for the threads to end */
#define LOCK_ATTEMPTS	20

typedef enum SlotState
{
	SLOT_EMPTY,
	SLOT_FETCHING,
	SLOT_READY					/* its file is there */
} SlotState;

typedef struct Slot
{
	SlotState	state;
	uint64_t	number;
	bool		drop;			/* nobody wants what is being fetched */
} Slot;

typedef struct Work
{
	const BkFetcher *fetcher;
	int			folder;
	int			lock_file;
	pid_t		server;
	int			server_end;		/* readable when it has ended; -1: not known */

	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool		stop;
	int			running;		/* threads */
	uint32_t	timeline;
	uint64_t	last;			/* number of what recovery has got */
	uint64_t	end;			/* of what was missing; UINT64_MAX: none */
	int64_t		end_until;		/* when to look again */
	uint64_t	window;			/* slots in use */
	Slot		slots[WINDOW_MAX];

	int64_t		active;			/* when recovery has last asked */
	struct timespec noted;		/* when it noted what it got elsewhere */
} Work;

typedef enum Fetched
{
	FETCHED,
	FETCH_MISSING,
	FETCH_FAILED
} Fetched;

/* A repository, as one thread has it. */
typedef struct Source
{
	BkRepository *repo;			/* NULL: not open */
	bool		down;
} Source;

static bool find_server(Work *work);
static bool server_lives(const Work *work);
static bool open_folder(Work *work);
static bool lock_folder(Work *work);
static bool write_purpose(const Work *work);
static void clean_folder(const Work *work, bool all);
static void start_threads(Work *work);
static void watch(Work *work);
static void read_last(Work *work);
static void look_for_taken(Work *work);
static void advance(Work *work, uint32_t timeline, uint64_t last);
static void drop_slot(Work *work, Slot *slot);
static void end_threads(Work *work);
static void *fetch_ahead(void *arg);
static Slot *next_slot(Work *work);
static void settle(Work *work, Slot *slot, Fetched fetched, BkFile *file);
static Fetched fetch(Work *work, Source *sources, const char *text,
					 BkFile **file);
static Fetched fetch_there(Work *work, size_t number, Source *source,
						   const char *text, BkFile **file);
static bool has_room(const Work *work);
static bool copy(Work *work, BkReader *reader, BkFile *file);

void
bk_fetcher_run(void *fetcher)
{
	Work		work = {
		.fetcher = fetcher,
		.folder = -1,
		.lock_file = -1,
		.end = UINT64_MAX,
		.active = bk_clock_monotonic_ms(),
	};
	const BkFetcher *spec = work.fetcher;

	work.timeline = spec->last.timeline;
	work.last = bk_wal_segment_number(&spec->last, spec->segment_size);
	work.window = WINDOW_BYTES / spec->segment_size;
	if (work.window > WINDOW_MAX)
		work.window = WINDOW_MAX;
	if (work.window == 0 || !find_server(&work) || !open_folder(&work))
		return;
	pthread_mutex_init(&work.lock, NULL);
	bk_thread_cond_init(&work.changed);
	clean_folder(&work, false);
	if (write_purpose(&work))
	{
		start_threads(&work);
		watch(&work);
		end_threads(&work);
	}
	clean_folder(&work, true);
}

/* The first line of postmaster.pid (src/include/utils/pidfile.h). */
static bool
find_server(Work *work)
{
	int			dir = open(work->fetcher->ahead.data_directory,
						   O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int			fd = dir < 0 ? -1 : bk_file_open(dir, "postmaster.pid", O_RDONLY, 0);
	char		text[32] = "";

	if (fd >= 0 && read(fd, text, sizeof(text) - 1) > 0)
		work->server = (pid_t) strtol(text, NULL, 10);
	if (fd >= 0)
		close(fd);
	if (dir >= 0)
		close(dir);
	if (work->server <= 1)
		return false;
	work->server_end = (int) syscall(SYS_pidfd_open, work->server, 0);
	return server_lives(work);
}

/* Kernels before 5.3 have no descriptors of processes. */
static bool
server_lives(const Work *work)
{
	struct pollfd end = {.fd = work->server_end, .events = POLLIN};

	return kill(work->server, 0) == 0 &&
		(work->server_end < 0 || poll(&end, 1, 0) == 0);
}

/* Who ends removes the folder: it may vanish under whoever begins. */
static bool
open_folder(Work *work)
{
	const BkAhead *ahead = &work->fetcher->ahead;
	int			wal = open(ahead->wal_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool		locked = false;

	for (int i = 0; wal >= 0 && i < LOCK_ATTEMPTS && !locked; i++)
	{
		if (i > 0)
			usleep(LOOK_EVERY * 1000);
		(void) mkdirat(wal, BK_AHEAD_FOLDER, 0700);
		work->folder = bk_file_open(wal, BK_AHEAD_FOLDER, O_RDONLY | O_DIRECTORY, 0);
		locked = work->folder >= 0 && lock_folder(work);
		if (!locked && work->folder >= 0)
			close(work->folder);
	}
	if (wal >= 0)
		close(wal);
	return locked;
}

static bool
lock_folder(Work *work)
{
	struct stat status;

	work->lock_file = bk_file_open(work->folder, BK_AHEAD_LOCK, O_RDWR | O_CREAT, 0600);
	if (work->lock_file < 0)
		return false;
	if (flock(work->lock_file, LOCK_EX | LOCK_NB) == 0 &&
		fstat(work->lock_file, &status) == 0 && status.st_nlink > 0)
		return true;
	close(work->lock_file);
	return false;
}

static bool
write_purpose(const Work *work)
{
	char	   *purpose = bk_ahead_purpose(&work->fetcher->ahead);
	bool		done = purpose != NULL && ftruncate(work->lock_file, 0) == 0 &&
		pwrite(work->lock_file, purpose, strlen(purpose), 0) == (ssize_t) strlen(purpose);

	free(purpose);
	return done;
}

/*
 * Remove what is in the folder, and at the end the folder itself. Our own
 * lock says that no other writer can be there.
 */
static void
clean_folder(const Work *work, bool all)
{
	int			fd = bk_file_open(work->folder, "", O_RDONLY | O_DIRECTORY, 0);
	DIR		   *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	int			wal;

	while (dir != NULL && (entry = readdir(dir)) != NULL)
	{
		if (strcmp(entry->d_name, BK_AHEAD_LOCK) != 0)
			(void) unlinkat(work->folder, entry->d_name, 0);
	}
	if (dir != NULL)
		closedir(dir);
	else if (fd >= 0)
		close(fd);
	if (!all)
		return;
	(void) unlinkat(work->folder, BK_AHEAD_LOCK, 0);
	wal = open(work->fetcher->ahead.wal_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (wal >= 0)
		(void) unlinkat(wal, BK_AHEAD_FOLDER, AT_REMOVEDIR);
}

static void
start_threads(Work *work)
{
	for (int i = 0; i < work->fetcher->ahead.jobs; i++)
	{
		pthread_t	thread;

		pthread_mutex_lock(&work->lock);
		work->running++;
		pthread_mutex_unlock(&work->lock);
		if (bk_thread_start(&thread, fetch_ahead, work))
		{
			pthread_detach(thread);
			continue;
		}
		pthread_mutex_lock(&work->lock);
		work->running--;
		pthread_mutex_unlock(&work->lock);
	}
}

static void
watch(Work *work)
{
	const BkHost *host = work->fetcher->host;

	pthread_mutex_lock(&work->lock);
	while (!work->stop && work->running > 0 && server_lives(work) &&
		   !host->stop(host->ctx) &&
		   bk_clock_monotonic_ms() - work->active < IDLE_LIMIT)
	{
		bk_thread_cond_wait(&work->changed, &work->lock, LOOK_EVERY);
		read_last(work);
		look_for_taken(work);
		if (work->end != UINT64_MAX && bk_clock_monotonic_ms() >= work->end_until)
			work->end = UINT64_MAX;
	}
	pthread_mutex_unlock(&work->lock);
}

/* What recovery has got the direct way says where it is. */
static void
read_last(Work *work)
{
	int			fd = bk_file_open(work->folder, BK_AHEAD_LAST, O_RDONLY, 0);
	struct stat status;
	char		text[BK_WAL_NAME_SIZE] = "";
	BkWalName	name;
	BkError		ignored;

	if (fd < 0)
		return;
	if (fstat(fd, &status) == 0 &&
		(status.st_mtim.tv_sec != work->noted.tv_sec ||
		 status.st_mtim.tv_nsec != work->noted.tv_nsec) &&
		pread(fd, text, sizeof(text) - 1, 0) > 0 &&
		bk_wal_name_parse(text, &name, &ignored))
	{
		work->noted = status.st_mtim;
		work->active = bk_clock_monotonic_ms();
		advance(work, name.timeline,
				bk_wal_segment_number(&name, work->fetcher->segment_size));
	}
	close(fd);
}

/* What was ready and is gone has been taken. */
static void
look_for_taken(Work *work)
{
	uint64_t	taken = work->last;
	char		text[BK_WAL_NAME_SIZE];

	for (uint64_t number = work->last + 1; number <= work->last + work->window; number++)
	{
		Slot	   *slot = &work->slots[number % work->window];

		if (slot->state != SLOT_READY || slot->number != number)
			continue;
		bk_wal_segment_name(work->timeline, number, work->fetcher->segment_size, text);
		if (faccessat(work->folder, text, F_OK, 0) != 0)
			taken = number;
	}
	if (taken == work->last)
		return;
	work->active = bk_clock_monotonic_ms();
	advance(work, work->timeline, taken);
}

/* Drop what is not in the window any more. */
static void
advance(Work *work, uint32_t timeline, uint64_t last)
{
	for (uint64_t i = 0; i < work->window; i++)
	{
		Slot	   *slot = &work->slots[i];

		if (timeline != work->timeline || slot->number <= last ||
			slot->number > last + work->window)
			drop_slot(work, slot);
	}
	work->timeline = timeline;
	work->last = last;
	work->end = UINT64_MAX;
	pthread_cond_broadcast(&work->changed);
}

static void
drop_slot(Work *work, Slot *slot)
{
	char		text[BK_WAL_NAME_SIZE];

	if (slot->state == SLOT_FETCHING)
		slot->drop = true;
	if (slot->state != SLOT_READY)
		return;
	bk_wal_segment_name(work->timeline, slot->number,
						work->fetcher->segment_size, text);
	(void) unlinkat(work->folder, text, 0);
	slot->state = SLOT_EMPTY;
}

/* A thread that hangs in the store ends with the process. */
static void
end_threads(Work *work)
{
	int64_t		until = bk_clock_monotonic_ms() + END_LIMIT;

	pthread_mutex_lock(&work->lock);
	work->stop = true;
	pthread_cond_broadcast(&work->changed);
	while (work->running > 0 && bk_clock_monotonic_ms() < until)
		bk_thread_cond_wait(&work->changed, &work->lock, LOOK_EVERY);
	pthread_mutex_unlock(&work->lock);
}

/* A thread. */
static void *
fetch_ahead(void *arg)
{
	Work	   *work = arg;
	Source		sources[BK_URLS_MAX] = {{0}};

	pthread_mutex_lock(&work->lock);
	while (!work->stop)
	{
		Slot	   *slot = next_slot(work);
		char		text[BK_WAL_NAME_SIZE];
		BkFile	   *file = NULL;
		Fetched		fetched;

		if (slot == NULL)
		{
			bk_thread_cond_wait(&work->changed, &work->lock, LOOK_EVERY);
			continue;
		}
		bk_wal_segment_name(work->timeline, slot->number,
							work->fetcher->segment_size, text);
		pthread_mutex_unlock(&work->lock);
		fetched = fetch(work, sources, text, &file);
		pthread_mutex_lock(&work->lock);
		settle(work, slot, fetched, file);
	}
	work->running--;
	pthread_cond_broadcast(&work->changed);
	pthread_mutex_unlock(&work->lock);
	for (size_t i = 0; i < BK_URLS_MAX; i++)
		bk_repository_close(sources[i].repo);
	return NULL;
}

/* The next segment that nobody has begun with, marked as begun. */
static Slot *
next_slot(Work *work)
{
	for (uint64_t number = work->last + 1;
		 number <= work->last + work->window && number < work->end; number++)
	{
		Slot	   *slot = &work->slots[number % work->window];

		if (slot->state != SLOT_EMPTY)
			continue;
		*slot = (Slot) {.state = SLOT_FETCHING, .number = number};
		return slot;
	}
	return NULL;
}

static void
settle(Work *work, Slot *slot, Fetched fetched, BkFile *file)
{
	BkFileOutcome outcome;
	BkError		ignored;
	bool		shown = false;

	if (fetched == FETCHED && !slot->drop && !work->stop)
	{
		shown = bk_file_show(file, &outcome, &ignored) && outcome == BK_FILE_PUBLISHED;
		work->stop = !shown;
	}
	else if (fetched == FETCH_FAILED)
		work->stop = true;
	else if (fetched == FETCH_MISSING && !slot->drop && slot->number < work->end)
	{
		work->end = slot->number;
		work->end_until = bk_clock_monotonic_ms() + END_EVERY;
	}
	bk_file_close(file);
	slot->state = shown ? SLOT_READY : SLOT_EMPTY;
}

/* Fetch a segment into a temporary, from the first repository that gives it. */
static Fetched
fetch(Work *work, Source *sources, const char *text, BkFile **file)
{
	Fetched		fetched = FETCH_FAILED;

	for (size_t i = 0; i < work->fetcher->ahead.source_count; i++)
	{
		Fetched		there = sources[i].down ? FETCH_FAILED
			: fetch_there(work, i, &sources[i], text, file);

		if (there == FETCHED)
			return there;
		/* One that fails is not asked again by this thread. */
		sources[i].down = there == FETCH_FAILED;
		if (there == FETCH_MISSING)
			fetched = there;
	}
	return fetched;
}

static Fetched
fetch_there(Work *work, size_t number, Source *source, const char *text,
			BkFile **file)
{
	const BkAhead *ahead = &work->fetcher->ahead;
	BkReader   *reader = NULL;
	BkWalName	name;
	BkWalFound	found;
	BkError		ignored;
	bool		ok;

	if (source->repo == NULL)
		source->repo = bk_repository_open(&ahead->sources[number], &ignored);
	if (source->repo == NULL || !bk_wal_name_parse(text, &name, &ignored) ||
		!bk_wal_find(source->repo, ahead->system_identifier, &name, &found, &ignored))
		return FETCH_FAILED;
	if (found.state == BK_WAL_MISSING)
		return FETCH_MISSING;
	ok = has_room(work) &&
		(reader = bk_wal_reader(source->repo, &found, &ignored)) != NULL &&
		(*file = bk_file_create(work->folder, text, ahead->mode, &ignored)) != NULL &&
		copy(work, reader, *file);
	bk_reader_close(reader);
	if (ok)
		return FETCHED;
	bk_file_close(*file);
	*file = NULL;
	return FETCH_FAILED;
}

/* The server needs room in pg_wal, too, and stops where there is none. */
static bool
has_room(const Work *work)
{
	struct statvfs space;

	return fstatvfs(work->folder, &space) == 0 &&
		(uint64_t) space.f_bavail * space.f_frsize >
		3 * work->window * work->fetcher->segment_size;
}

static bool
copy(Work *work, BkReader *reader, BkFile *file)
{
	char	   *buf = malloc(BK_STREAM_BUFFER);
	size_t		got = 1;
	BkError		ignored;
	bool		ok = buf != NULL;

	while (ok && got > 0)
	{
		ok = bk_read(reader, buf, BK_STREAM_BUFFER, &got, &ignored) &&
			bk_file_write(file, buf, got) == 0;
		pthread_mutex_lock(&work->lock);
		ok = ok && !work->stop;
		pthread_mutex_unlock(&work->lock);
	}
	free(buf);
	return ok;
}
