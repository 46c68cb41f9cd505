/*
 * clock_shim.c
 *	  A wall clock that a test can set: a library to be preloaded.
 *
 * The environment variable BK_CLOCK names a file that every process maps. It
 * has how many times the clock was set, and of each from which real time on it
 * counts and by how much the clock is off, all in nanoseconds. So the clock of
 * all processes changes at once, and a file's time, which the kernel takes from
 * the real clock, is shown as the shim's clock had it when the file was written.
 * Clocks that only measure (CLOCK_MONOTONIC) stay as they are. What a process
 * itself sets as a file's time is shown moved: nothing here depends on that.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define SECOND_NS	INT64_C(1000000000)
#define ENTRIES		4095

typedef struct Entry
{
	int64_t		from;
	int64_t		offset;
} Entry;

typedef struct Clock
{
	int64_t		count;
	int64_t		unused;
	Entry		entries[ENTRIES];
} Clock;

static const Clock *shared;

__attribute__((constructor)) static void
open_clock(void)
{
	const char *path = getenv("BK_CLOCK");
	int			fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
	void	   *map;

	if (fd < 0)
		return;
	map = mmap(NULL, sizeof(Clock), PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	if (map != MAP_FAILED)
		shared = map;
}

/* By how much the clock was off at a real time. */
static int64_t
offset_at(int64_t real)
{
	int64_t		i = shared == NULL ? 0 :
		__atomic_load_n(&shared->count, __ATOMIC_ACQUIRE);

	while (i > 0 && shared->entries[i - 1].from > real)
		i--;
	return i > 0 ? shared->entries[i - 1].offset : 0;
}

static void
shift(time_t *seconds, long *nanoseconds)
{
	int64_t		time = *seconds * SECOND_NS + *nanoseconds;

	time += offset_at(time);
	*seconds = (time_t) (time / SECOND_NS);
	*nanoseconds = (long) (time % SECOND_NS);
	if (*nanoseconds < 0)
	{
		*nanoseconds += SECOND_NS;
		(*seconds)--;
	}
}

int
clock_gettime(clockid_t clock, struct timespec *now)
{
	static int	(*real) (clockid_t, struct timespec *);
	int			result;

	if (real == NULL)
		*(void **) &real = dlsym(RTLD_NEXT, "clock_gettime");
	result = real(clock, now);
	if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
		shift(&now->tv_sec, &now->tv_nsec);
	return result;
}

int
gettimeofday(struct timeval *restrict now, void *restrict zone)
{
	struct timespec time;

	(void) zone;
	if (clock_gettime(CLOCK_REALTIME, &time) != 0)
		return -1;
	now->tv_sec = time.tv_sec;
	now->tv_usec = time.tv_nsec / 1000;
	return 0;
}

time_t
time(time_t *seconds)
{
	struct timespec now;

	if (clock_gettime(CLOCK_REALTIME, &now) != 0)
		return -1;
	if (seconds != NULL)
		*seconds = now.tv_sec;
	return now.tv_sec;
}

/* --- files --- */

/* All forms of stat end here; struct stat64 is struct stat on 64-bit machines. */
static int
look(int directory, const char *path, struct stat *status, int flags)
{
	static int	(*real) (int, const char *, struct stat *, int);
	int			result;

	if (real == NULL)
		*(void **) &real = dlsym(RTLD_NEXT, "fstatat");
	result = real(directory, path, status, flags);
	if (result == 0)
	{
		shift(&status->st_mtim.tv_sec, &status->st_mtim.tv_nsec);
		shift(&status->st_ctim.tv_sec, &status->st_ctim.tv_nsec);
		shift(&status->st_atim.tv_sec, &status->st_atim.tv_nsec);
	}
	return result;
}

int
fstatat(int directory, const char *restrict path, struct stat *restrict status,
		int flags)
{
	return look(directory, path, status, flags);
}

int
stat(const char *restrict path, struct stat *restrict status)
{
	return look(AT_FDCWD, path, status, 0);
}

int
lstat(const char *restrict path, struct stat *restrict status)
{
	return look(AT_FDCWD, path, status, AT_SYMLINK_NOFOLLOW);
}

int
fstat(int fd, struct stat *status)
{
	return look(fd, "", status, AT_EMPTY_PATH);
}

int
fstatat64(int directory, const char *restrict path,
		  struct stat64 *restrict status, int flags)
{
	return look(directory, path, (struct stat *) status, flags);
}

int
stat64(const char *restrict path, struct stat64 *restrict status)
{
	return look(AT_FDCWD, path, (struct stat *) status, 0);
}

int
lstat64(const char *restrict path, struct stat64 *restrict status)
{
	return look(AT_FDCWD, path, (struct stat *) status, AT_SYMLINK_NOFOLLOW);
}

int
fstat64(int fd, struct stat64 *status)
{
	return look(fd, "", (struct stat *) status, AT_EMPTY_PATH);
}

/* Moves one of the times of statx(2). */
static void
shift_statx(struct statx_timestamp *stamp)
{
	time_t		seconds = stamp->tv_sec;
	long		nanoseconds = stamp->tv_nsec;

	shift(&seconds, &nanoseconds);
	stamp->tv_sec = seconds;
	stamp->tv_nsec = (uint32_t) nanoseconds;
}

int
statx(int directory, const char *restrict path, int flags, unsigned mask,
	  struct statx *restrict status)
{
	int			result = (int) syscall(SYS_statx, directory, path, flags, mask, status);

	if (result == 0)
	{
		shift_statx(&status->stx_mtime);
		shift_statx(&status->stx_ctime);
		shift_statx(&status->stx_atime);
		shift_statx(&status->stx_btime);
	}
	return result;
}
