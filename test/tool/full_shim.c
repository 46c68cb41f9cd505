/*
 * full_shim.c
 *	  A full disk that a test can fill and empty: a library to be preloaded.
 *
 * The environment variable BK_FULL names a file. While that is there, nothing
 * can be written into files below the directory that it names: ENOSPC, as a full
 * file system says.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char flag[PATH_MAX];

/* A program may clear its environment. */
__attribute__((constructor)) static void
read_environment(void)
{
	const char *value = getenv("BK_FULL");

	if (value != NULL)
		snprintf(flag, sizeof(flag), "%s", value);
}

/* The directory that is full; false: none is. */
static bool
read_directory(char *directory, size_t size)
{
	int			fd = open(flag, O_RDONLY | O_CLOEXEC);
	ssize_t		len;

	if (fd < 0)
		return false;
	len = read(fd, directory, size - 1);
	close(fd);
	if (len <= 0)
		return false;
	directory[len] = '\0';
	return true;
}

static bool
is_full(int fd)
{
	char		directory[PATH_MAX];
	char		path[PATH_MAX];
	char		name[64];
	ssize_t		len;

	if (!read_directory(directory, sizeof(directory)))
		return false;
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	len = readlink(name, path, sizeof(path) - 1);
	if (len < 0)
		return false;
	path[len] = '\0';
	return strncmp(path, directory, strlen(directory)) == 0;
}

ssize_t
write(int fd, const void *buf, size_t len)
{
	static ssize_t (*real) (int, const void *, size_t);

	if (real == NULL)
		*(void **) &real = dlsym(RTLD_NEXT, "write");
	if (!is_full(fd))
		return real(fd, buf, len);
	errno = ENOSPC;
	return -1;
}
