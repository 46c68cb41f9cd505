/*
 * control.c
 *	  Read pg_control.
 */
#include "core/control.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

bool
bk_control_identifier(const char *data_directory,
					  char text[BK_CONTROL_IDENTIFIER_SIZE], BkError *err)
{
	uint64_t	identifier;
	char		path[PATH_MAX];
	ssize_t		got = -1;
	int			fd;

	snprintf(path, sizeof(path), "%s/global/pg_control", data_directory);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		got = read(fd, &identifier, sizeof(identifier));
	if (got < 0)
		bk_error_errno(err, "could not read \"%s\"", path);
	if (fd >= 0)
		close(fd);
	if (got < 0)
		return false;
	if (got != (ssize_t) sizeof(identifier))
		return bk_error(err, BK_STATE_CORRUPT, "file \"%s\" has only %d bytes",
						path, (int) got);
	snprintf(text, BK_CONTROL_IDENTIFIER_SIZE, "%" PRIu64, identifier);
	return true;
}
