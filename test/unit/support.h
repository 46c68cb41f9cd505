/*
 * support.h
 *	  What the unit tests share: streams that fail on purpose, test data,
 *	  temporary folders, and running other programs.
 *
 * Everything is static inline, so that each test program stays one file.
 */
#ifndef BK_TEST_SUPPORT_H
#define BK_TEST_SUPPORT_H

#define _GNU_SOURCE 1

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/buf.h"
#include "core/error.h"
#include "core/stream.h"

#define NEVER		SIZE_MAX

/* The reason of a failure: its SQLSTATE, and a part of message or detail. */
#define assert_reason(err, state, part) \
	do { \
		assert_string_equal((err)->sqlstate, (state)); \
		if (strstr((err)->message, (part)) == NULL && \
			strstr((err)->detail, (part)) == NULL) \
			fail_msg("no \"%s\" in \"%s\" / \"%s\"", (part), \
					 (err)->message, (err)->detail); \
	} while (0)

/* A true result; shows the error if it is not. */
#define assert_good(result, err) \
	do { \
		if (!(result)) \
			fail_msg("%s: %s (%s)", (err)->sqlstate, (err)->message, \
					 (err)->detail); \
	} while (0)

/* Streams of this file that have not been closed. */
static int	streams_open;

/* For the end of a test: it fails where a stream was left open. */
static inline int
all_is_closed(void **state)
{
	(void) state;
	return streams_open == 0 ? 0 : -1;
}

/* A writer that keeps what it gets, and fails at a given byte or at finish. */
typedef struct TestSink
{
	BkWriter	base;
	BkBuf	   *buf;			/* NULL: forget */
	size_t		left;			/* bytes until it fails */
	bool		fail_finish;
	bool	   *finished;		/* NULL: do not tell */
} TestSink;

static inline bool
sink_write(BkWriter *writer, const void *buf, size_t len, BkError *err)
{
	TestSink   *self = (TestSink *) writer;

	if (len > self->left)
		return bk_error(err, BK_STATE_IO, "the sink has failed");
	if (self->left != NEVER)
		self->left -= len;
	if (self->buf != NULL)
		bk_buf_append(self->buf, buf, len);
	return true;
}

static inline bool
sink_finish(BkWriter *writer, BkError *err)
{
	TestSink   *self = (TestSink *) writer;

	if (self->fail_finish)
		return bk_error(err, BK_STATE_IO, "the sink has failed to finish");
	if (self->finished != NULL)
		*self->finished = true;
	return true;
}

static inline void
sink_close(BkWriter *writer)
{
	streams_open--;
	free(writer);
}

static const BkWriterOps sink_ops = {
	.write = sink_write,
	.finish = sink_finish,
	.close = sink_close,
};

static inline BkWriter *
new_sink(BkBuf *buf, size_t fail_at, bool fail_finish, bool *finished)
{
	TestSink   *self = calloc(1, sizeof(*self));

	assert_non_null(self);
	self->base.ops = &sink_ops;
	self->buf = buf;
	self->left = fail_at;
	self->fail_finish = fail_finish;
	self->finished = finished;
	streams_open++;
	return &self->base;
}

/* A reader over memory in pieces of a given size, which fails at a byte. */
typedef struct TestSource
{
	BkReader	base;
	const char *data;
	size_t		len;
	size_t		done;
	size_t		piece;
	size_t		fail_at;
} TestSource;

static inline bool
source_read(BkReader *reader, void *buf, size_t len, size_t *got,
			BkError *err)
{
	TestSource *self = (TestSource *) reader;
	size_t		step = self->len - self->done;

	if (self->done >= self->fail_at)
		return bk_error(err, BK_STATE_IO, "the source has failed");
	if (step > len)
		step = len;
	if (step > self->piece)
		step = self->piece;
	if (step > self->fail_at - self->done)
		step = self->fail_at - self->done;
	memcpy(buf, self->data + self->done, step);
	self->done += step;
	*got = step;
	return true;
}

static inline void
source_close(BkReader *reader)
{
	streams_open--;
	free(reader);
}

static const BkReaderOps source_ops = {
	.read = source_read,
	.close = source_close,
};

static inline BkReader *
new_source(const char *data, size_t len, size_t piece, size_t fail_at)
{
	TestSource *self = calloc(1, sizeof(*self));

	assert_non_null(self);
	self->base.ops = &source_ops;
	self->data = data;
	self->len = len;
	self->piece = piece;
	self->fail_at = fail_at;
	streams_open++;
	return &self->base;
}

/* Bytes that do not compress, or that do; the same for the same seed. */
static inline char *
make_data(size_t len, bool compressible, uint64_t seed)
{
	char	   *data = malloc(len + 1);
	uint64_t	state = seed * 2654435769u + 88172645463325252u;

	assert_non_null(data);
	for (size_t i = 0; i < len; i++)
	{
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		data[i] = compressible ? "select\n"[(state >> 20) % 7 * (state % 9 == 0)]
			: (char) (state >> 24);
	}
	data[len] = '\0';
	return data;
}

/* A fresh folder of mode 0700; the caller removes it. */
static inline char *
new_folder(void)
{
	char	   *path = strdup("/tmp/backup-ext-test-XXXXXX");

	assert_non_null(path);
	assert_non_null(mkdtemp(path));
	return path;
}

static inline int
remove_one(const char *path, const struct stat *status, int type,
		   struct FTW *ftw)
{
	(void) status;
	(void) type;
	(void) ftw;
	return remove(path);
}

/* Remove a folder with all in it, and free its name. */
static inline void
remove_folder(char *path)
{
	assert_int_equal(nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
	free(path);
}

/* A file's path in a folder; good until the fourth call after this one. */
static inline const char *
in_folder(const char *folder, const char *name)
{
	static char path[4][1024];
	static int	turn;

	turn = (turn + 1) % 4;
	snprintf(path[turn], sizeof(path[turn]), "%s/%s", folder, name);
	return path[turn];
}

static inline void
write_file(const char *path, const void *data, size_t len)
{
	int			fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), (ssize_t) len);
	close(fd);
}

static inline void
read_file(const char *path, BkBuf *buf)
{
	FILE	   *file = fopen(path, "re");
	char		piece[4096];
	size_t		got;

	assert_non_null(file);
	bk_buf_init(buf);
	while ((got = fread(piece, 1, sizeof(piece), file)) > 0)
		bk_buf_append(buf, piece, got);
	fclose(file);
}

/* Run a program, files as its standard input and output; its exit status. */
static inline int
run_program(const char *const *argv, const char *input, const char *output)
{
	pid_t		pid = fork();
	int			status;

	if (pid == 0)
	{
		int			in = open(input, O_RDONLY);
		int			out = open(output, O_WRONLY | O_CREAT | O_TRUNC, 0600);
		int			errors = open("/dev/null", O_WRONLY);

		if (dup2(in, 0) == 0 && dup2(out, 1) == 1 && dup2(errors, 2) == 2)
			execvp(argv[0], (char *const *) argv);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Descriptors that this process has open. */
static inline int
count_descriptors(void)
{
	int			count = 0;

	for (int fd = 0; fd < 1024; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

#endif
