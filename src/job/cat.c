/*
 * cat.c
 *	  Write a decoded stream of a backup, or its SQL.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "job/common.h"
#include "job/verbs.h"
#include "repo/layout.h"
#include "repo/object.h"
#include "source/load.h"

#define SLICE_MS	200			/* between two looks at the host's stop */

static const char *wanted(const BkRequest *request,
						  const BkManifest *manifest);
static BkWriter *open_output(const BkRequest *request, const BkHost *host,
							 BkError *err);
static bool copy(BkReader *reader, BkWriter *script, int fd,
				 const BkHost *host, BkError *err);
static bool write_fd(int fd, const char *buf, size_t len, const BkHost *host,
					 BkError *err);

bool
bk_job_cat(const BkRequest *request, const BkHost *host, BkError *err)
{
	BkRepository *repo = NULL;
	BkManifest *manifest = NULL;
	BkIntent   *intent = NULL;
	BkReader   *reader = NULL;
	BkWriter   *script = NULL;
	bool		ok;

	ok = bk_common_need(request->id, "id", err) &&
		(repo = bk_common_open_any(request, host, err)) != NULL &&
		bk_common_announce(request, repo, host, &intent, err) &&
		(manifest = bk_repository_manifest(repo, request->id, err)) != NULL &&
		(reader = bk_object_reader(repo, manifest, wanted(request, manifest), err)) != NULL &&
		(!request->sql || (script = open_output(request, host, err)) != NULL) &&
		copy(reader, script, request->output_fd, host, err);
	bk_writer_close(script);
	bk_reader_close(reader);
	bk_intent_end(intent);
	bk_manifest_free(manifest);
	bk_common_close_any(repo, host);
	return ok;
}

/* The main stream, if none is named. */
static const char *
wanted(const BkRequest *request, const BkManifest *manifest)
{
	if (request->object != NULL)
		return request->object;
	return manifest->is_base ? BK_STREAM_PGMANIFEST : BK_STREAM_ARCHIVE;
}

/* pg_restore turns the archive into SQL on the output. */
static BkWriter *
open_output(const BkRequest *request, const BkHost *host, BkError *err)
{
	BkDumpSpec	tool = {
		.bindir = request->bindir,
		.tick = bk_common_tick,
		.log = bk_common_log_line,
		.arg = (void *) host,
	};
	BkLoadSpec	spec = {
		.tool = &tool,
		.mode = BK_LOAD_SCRIPT,
		.output_fd = request->output_fd,
		.no_owner = request->no_owner,
		.no_privileges = request->no_privileges,
		.subscriptions = request->subscriptions,
	};

	return bk_load_open(&spec, err);
}

/* Copy to the script's writer, or without one to the descriptor. */
static bool
copy(BkReader *reader, BkWriter *script, int fd, const BkHost *host,
	 BkError *err)
{
	char	   *buf = malloc(BK_STREAM_BUFFER);
	size_t		got = 1;
	bool		ok = buf != NULL || bk_error_memory(err);

	while (ok && got > 0)
		ok = bk_go_on(host, err) &&
			bk_read(reader, buf, BK_STREAM_BUFFER, &got, err) &&
			(script != NULL ? bk_write(script, buf, got, err)
			 : write_fd(fd, buf, got, host, err));
	free(buf);
	return ok && (script == NULL || bk_finish(script, err));
}

/*
 * The descriptor is not ours to make it non-blocking. A pipe that is ready
 * takes PIPE_BUF bytes without blocking (pipe(7)), and files never block.
 */
static bool
write_fd(int fd, const char *buf, size_t len, const BkHost *host,
		 BkError *err)
{
	struct stat status;
	size_t		most = fstat(fd, &status) == 0 && S_ISREG(status.st_mode)
		? BK_STREAM_BUFFER : PIPE_BUF;

	while (len > 0)
	{
		struct pollfd end = {.fd = fd, .events = POLLOUT};
		bool		ready = poll(&end, 1, SLICE_MS) > 0;
		ssize_t		written;

		if (!bk_go_on(host, err))
			return false;
		if (!ready)
			continue;
		written = write(fd, buf, len < most ? len : most);
		if (written < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (written < 0)
			return bk_error_errno(err, "could not write the output");
		buf += written;
		len -= (size_t) written;
	}
	return true;
}
