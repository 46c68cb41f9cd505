/*
 * keygen.c
 *	  Make the keys of a repository, or add a new repository key to them.
 *
 * No key is ever lost here: a file that exists is never written over, and
 * rotation only adds a line at the end of each file. The owner's file comes
 * first: a key that nobody seals with yet does no harm there, while one that
 * seals what its owner cannot believe would.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/file.h"
#include "job/common.h"
#include "job/verbs.h"
#include "repo/keyline.h"

static bool create_files(const BkRequest *request, const BkKeyTexts *texts,
						 BkError *err);
static bool create_file(const char *path, const BkBuf *text, BkError *err);
static bool split_path(const char *path, char folder[PATH_MAX],
					   const char **name, BkError *err);
static bool require_outside(const char *path, const char *folder,
							BkError *err);
static bool fill(BkFile *file, const char *path, const BkBuf *text,
				 BkError *err);
static bool append_lines(const BkRequest *request, const BkKeyTexts *texts,
						 BkError *err);
static bool append(const char *path, const BkBuf *text, BkError *err);
static void report(const BkRequest *request, const BkHost *host,
				   const BkKeyTexts *texts);

bool
bk_job_keygen(const BkRequest *request, const BkHost *host, BkError *err)
{
	BkKeyTexts	texts = {.recipient = ""};
	bool		ok;

	if (!bk_common_need(request->key_file, "key_file", err))
		return false;
	if (request->rotate)
		ok = bk_keyline_rotate(&texts, err) &&
			append_lines(request, &texts, err);
	else
		ok = bk_common_need(request->identity_file, "identity_file", err) &&
			bk_keyline_generate(&texts, err) &&
			create_files(request, &texts, err);
	if (ok)
		report(request, host, &texts);
	bk_keyline_free(&texts);
	return ok;
}

static bool
create_files(const BkRequest *request, const BkKeyTexts *texts, BkError *err)
{
	if (!create_file(request->identity_file, &texts->identity_file, err))
		return false;
	if (create_file(request->key_file, &texts->key_file, err))
		return true;

	/* Nobody has used what we just made. */
	unlink(request->identity_file);
	return false;
}

static bool
create_file(const char *path, const BkBuf *text, BkError *err)
{
	char		folder[PATH_MAX];
	const char *name;
	BkFile	   *file = NULL;
	int			root;
	bool		ok;

	if (!split_path(path, folder, &name, err) ||
		!require_outside(path, folder, err))
		return false;
	root = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return bk_error_errno(err, "could not open directory \"%s\"", folder);
	file = bk_file_create(root, name, 0600, err);
	ok = file != NULL && fill(file, path, text, err);
	bk_file_close(file);
	close(root);
	return ok;
}

static bool
split_path(const char *path, char folder[PATH_MAX], const char **name,
		   BkError *err)
{
	const char *slash = strrchr(path, '/');

	*name = slash == NULL ? path : slash + 1;
	if (**name == '\0' || (size_t) (*name - path) >= PATH_MAX)
		return bk_error(err, BK_STATE_BAD_ARGUMENT, "\"%s\" is not the path of a file",
						path);
	if (slash == NULL)
		snprintf(folder, PATH_MAX, ".");
	else
		snprintf(folder, PATH_MAX, "%.*s", (int) (*name - path), path);
	return true;
}

/* A key in a data directory would be in every base backup. */
static bool
require_outside(const char *path, const char *folder, BkError *err)
{
	char		above[PATH_MAX];
	char		control[PATH_MAX + 32];

	if (realpath(folder, above) == NULL)
		return bk_error_errno(err, "could not find directory \"%s\"", folder);
	for (;;)
	{
		char	   *slash = strrchr(above, '/');

		snprintf(control, sizeof(control), "%s/global/pg_control", above);
		if (access(control, F_OK) == 0)
		{
			bk_error(err, BK_STATE_BAD_ARGUMENT,
					 "\"%s\" is in a data directory, whose backups would contain it",
					 path);
			return bk_error_hint(err, "Choose a directory outside \"%s\".", above);
		}
		if (slash == NULL)
			return true;
		*slash = '\0';
	}
}

static bool
fill(BkFile *file, const char *path, const BkBuf *text, BkError *err)
{
	BkFileOutcome outcome;

	if (bk_file_write(file, text->data, text->len) != 0 ||
		bk_file_sync(file) != 0)
		return bk_error_errno(err, "could not write file \"%s\"", path);
	if (!bk_file_publish(file, &outcome, err))
		return false;
	if (outcome == BK_FILE_PUBLISHED)
		return true;
	bk_error(err, BK_STATE_DUP_OBJECT, "file \"%s\" exists", path);
	bk_error_detail(err, "Keys are never written over: what was encrypted to them could not be read any more.");
	return bk_error_hint(err, "Choose another name. With --rotate a new repository key is added to existing files.");
}

/* Both files must be in order before either is touched. */
static bool
append_lines(const BkRequest *request, const BkKeyTexts *texts, BkError *err)
{
	BkKeys	   *keys = bk_keys_read(request->key_file, request->identity_file,
									err);
	bool		ok;

	if (keys == NULL)
		return false;
	ok = (keys->secret_count < BK_KEYS_MAX ||
		  bk_error(err, BK_STATE_TOO_LARGE,
				   "there are already %d repository keys", BK_KEYS_MAX)) &&
		(request->identity_file == NULL ||
		 append(request->identity_file, &texts->identity_file, err)) &&
		append(request->key_file, &texts->key_file, err);
	bk_keys_free(keys);
	return ok;
}

/* All of it or nothing; on a line of its own. */
static bool
append(const char *path, const BkBuf *text, BkError *err)
{
	int			fd = open(path, O_RDWR | O_APPEND | O_CLOEXEC);
	struct stat status;
	char		last = '\n';
	bool		ok;

	if (fd < 0 || fstat(fd, &status) != 0)
	{
		bk_error_errno(err, "could not open file \"%s\"", path);
		if (fd >= 0)
			close(fd);
		return false;
	}
	ok = (status.st_size == 0 || pread(fd, &last, 1, status.st_size - 1) == 1) &&
		(last == '\n' || write(fd, "\n", 1) == 1) &&
		write(fd, text->data, text->len) == (ssize_t) text->len &&
		fsync(fd) == 0;
	if (!ok)
	{
		bk_error_errno(err, "could not write to file \"%s\"", path);
		if (ftruncate(fd, status.st_size) != 0)
			bk_error_detail(err, "Its last line is not complete.");
	}
	close(fd);
	return ok;
}

static void
report(const BkRequest *request, const BkHost *host, const BkKeyTexts *texts)
{
	BkJson	   *record = bk_json_object();

	bk_json_put_words(record, "key_file", request->key_file);
	if (request->identity_file != NULL)
		bk_json_put_words(record, "identity_file", request->identity_file);
	if (texts->recipient[0] != '\0')
		bk_json_put_string(record, "recipient", texts->recipient);
	bk_json_put_string(record, "repository_key", texts->key_id);
	host->record(host->ctx, "keys", record);
	bk_json_free(record);
}
