/*
 * verify.c
 *	  Check what is stored, and write the verdict down.
 *
 * Level "stored" compares sizes and digests of the stored bytes. "readable"
 * decodes every stream, parses the archive to its end, compares it with the
 * contents, and lets pg_restore read its table of contents.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "job/common.h"
#include "job/contents.h"
#include "job/judge.h"
#include "job/verbs.h"
#include "job/verify_base.h"
#include "repo/layout.h"
#include "repo/object.h"
#include "source/archive.h"
#include "source/load.h"

typedef struct Verify
{
	BkJudge		judge;
	BkIntent   *intent;
	BkWriter   *lister;			/* pg_restore --list, NULL without */
	bool		complained;		/* it has failed, see "complaint" */
	BkError		complaint;
	uint64_t	done;
} Verify;

/* Position in an archive's data while the contents are compared with it. */
typedef struct Compare
{
	const BkArchive *archive;
	size_t		next;
} Compare;

static bool check_level(const BkRequest *request, BkError *err);
static bool verify_there(const BkRequest *request, const BkHost *host,
						 bool *absent, BkError *err);
static bool judge_manifest(Verify *v, BkError *err);
static bool verify(Verify *v, BkError *err);
static bool verify_readable(Verify *v, BkError *err);
static bool read_archive(Verify *v, const char *stream, char *detail,
						 size_t size, BkError *err);
static bool compare_contents(Verify *v, const BkArchive *archive,
							 BkError *err);
static bool compare_line(void *arg, const BkContentsLine *line, BkError *err);
static bool read_globals(Verify *v, const char *stream, char *detail,
						 size_t size, BkError *err);
static bool open_lister(Verify *v, BkError *err);
static bool forward(void *arg, const void *buf, size_t len, BkError *err);
static bool feed_lister(Verify *v, const void *buf, size_t len, BkError *err);
static bool write_verdict(Verify *v, BkError *err);

/* The first repository that has the backup is the one that is looked at. */
bool
bk_job_verify(const BkRequest *request, const BkHost *host, BkError *err)
{
	BkUrls		urls;
	bool		ok;

	ok = check_level(request, err) &&
		bk_common_need(request->id, "id", err) &&
		bk_common_urls(request, &urls, err);
	if (!ok)
		return false;
	for (size_t i = 0; i < urls.count; i++)
	{
		BkRequest	one = bk_common_at(request, &urls, i);
		bool		absent = false;

		ok = verify_there(&one, host, &absent, err);
		if (ok || !absent || i + 1 == urls.count ||
			bk_error_is(err, BK_STATE_CANCELED))
			break;
		bk_log(host, BK_LOG_WARNING, "the backup is looked for in the next repository: %s",
			   err->message);
	}
	bk_urls_free(&urls);
	return ok;
}

/* *absent: it cannot be told there, since the backup cannot be had. */
static bool
verify_there(const BkRequest *request, const BkHost *host, bool *absent,
			 BkError *err)
{
	Verify		v = {.judge = {.request = request, .host = host}};
	bool		ok;

	v.judge.repo = bk_common_open(request, host, err);
	*absent = v.judge.repo == NULL;
	ok = v.judge.repo != NULL &&
		bk_common_announce(request, v.judge.repo, host, &v.intent, err);
	if (ok)
	{
		v.judge.manifest = bk_repository_manifest(v.judge.repo, request->id, err);
		ok = v.judge.manifest == NULL ? judge_manifest(&v, err)
			: verify(&v, err) && write_verdict(&v, err);
		*absent = v.judge.manifest == NULL;
	}
	bk_intent_end(v.intent);
	bk_manifest_free(v.judge.manifest);
	bk_repository_close(v.judge.repo);
	return ok;
}

static bool
check_level(const BkRequest *request, BkError *err)
{
	if (strcmp(request->level, "stored") == 0 ||
		strcmp(request->level, "readable") == 0)
		return true;
	bk_error(err, BK_STATE_BAD_ARGUMENT, "invalid level \"%s\"", request->level);
	return bk_error_hint(err, "Use stored or readable.");
}

/*
 * A manifest that is damaged or not understood is a verdict by itself. No
 * note keeps it: every reader of the manifest comes to it anew.
 */
static bool
judge_manifest(Verify *v, BkError *err)
{
	if (!bk_error_is(err, BK_STATE_CORRUPT) &&
		!bk_error_is(err, BK_STATE_UNSUPPORTED))
		return false;
	bk_common_report_check(v->judge.host, "manifest", false, err->message,
						   err->hint[0] == '\0' ? NULL : err->hint);
	bk_common_report_unreadable(v->judge.repo, v->judge.request->id, err,
								v->judge.host);
	return true;
}

static bool
verify(Verify *v, BkError *err)
{
	bool		stored = strcmp(v->judge.request->level, "stored") == 0;

	if (v->judge.manifest->is_base)
		return stored ? bk_verify_base_stored(&v->judge, err)
			: bk_verify_base_readable(&v->judge, err);
	return stored ? bk_judge_objects(&v->judge, err) : verify_readable(v, err);
}

static bool
verify_readable(Verify *v, BkError *err)
{
	static const struct
	{
		const char *stream;
		bool		(*read) (Verify *v, const char *stream, char *detail,
							 size_t size, BkError *err);
	}			streams[] = {
		{BK_STREAM_ARCHIVE, read_archive},
		{BK_STREAM_GLOBALS, read_globals},
	};

	for (size_t i = 0; i < sizeof(streams) / sizeof(streams[0]); i++)
	{
		char		detail[256];
		bool		ok = streams[i].read(v, streams[i].stream, detail,
										 sizeof(detail), err);

		if (!bk_judge(&v->judge, streams[i].stream, ok, detail, err))
			return false;
	}

	/* What belongs to no stream is text that stands there as it is. */
	return bk_judge_object(&v->judge, BK_OBJECT_RESTORE, err);
}

static bool
read_archive(Verify *v, const char *stream, char *detail, size_t size,
			 BkError *err)
{
	BkReader   *reader = bk_object_reader(v->judge.repo, v->judge.manifest, stream, err);
	BkArchive  *archive = NULL;
	bool		ok;

	v->done = 0;
	ok = reader != NULL && open_lister(v, err) &&
		(archive = bk_archive_read(reader, forward, v, err)) != NULL;
	if (!ok)
		bk_common_ask_reader(reader, v->judge.host, err);
	/* If pg_restore alone fails, that is no verdict on the backup. */
	if (ok && v->lister != NULL)
		ok = bk_finish(v->lister, err);
	if (ok && v->complained)
	{
		*err = v->complaint;
		ok = false;
	}
	ok = ok && compare_contents(v, archive, err);
	if (ok)
		snprintf(detail, size, "%llu bytes, %d entries, %zu with data",
				 (unsigned long long) v->done, archive->entry_count,
				 archive->data_count);
	bk_writer_close(v->lister);
	v->lister = NULL;
	bk_reader_close(reader);
	bk_archive_free(archive);
	return ok;
}

/* Do the contents name the same tables with the same number of rows? */
static bool
compare_contents(Verify *v, const BkArchive *archive, BkError *err)
{
	Compare		compare = {.archive = archive};
	BkReader   *reader = bk_object_reader(v->judge.repo, v->judge.manifest,
										  BK_STREAM_CONTENTS, err);
	bool		ok;

	ok = reader != NULL &&
		bk_contents_read(reader, NULL, compare_line, &compare, err);
	if (!ok)
		bk_common_ask_reader(reader, v->judge.host, err);
	bk_reader_close(reader);
	if (ok && compare.next != archive->data_count)
		ok = bk_error(err, BK_STATE_CORRUPT, "the contents name fewer tables than the archive has");
	return ok;
}

static bool
compare_line(void *arg, const BkContentsLine *line, BkError *err)
{
	Compare    *compare = arg;
	const BkArchiveData *data;
	const char *name = line->name == NULL ? "large objects" : line->name;

	if (compare->next == compare->archive->data_count)
		return bk_error(err, BK_STATE_CORRUPT, "the contents name \"%s\", which the archive does not have", name);
	data = &compare->archive->data[compare->next++];
	if ((line->name != NULL) == data->is_table &&
		(!data->is_table || strcmp(line->name, data->name) == 0) &&
		line->rows == (int64_t) data->rows)
		return true;
	bk_error(err, BK_STATE_CORRUPT, "contents and archive do not agree on \"%s\"", name);
	return bk_error_detail(err, "The contents say %lld rows, the archive has %llu of \"%s\".",
						   (long long) line->rows,
						   (unsigned long long) data->rows, data->name);
}

static bool
read_globals(Verify *v, const char *stream, char *detail, size_t size,
			 BkError *err)
{
	BkReader   *reader = bk_object_reader(v->judge.repo, v->judge.manifest, stream, err);
	uint64_t	total;
	bool		ok = reader != NULL && bk_drain(reader, v->judge.host, &total, err);

	bk_reader_close(reader);
	if (ok)
		snprintf(detail, size, "%llu bytes", (unsigned long long) total);
	return ok;
}

/* Without pg_restore beside us its opinion is left out. */
static bool
open_lister(Verify *v, BkError *err)
{
	BkDumpSpec	tool = {
		.bindir = v->judge.request->bindir,
		.tick = bk_common_tick,
		.log = bk_common_log_line,
		.arg = (void *) v->judge.host,
	};
	BkLoadSpec	spec = {.tool = &tool, .mode = BK_LOAD_LIST, .output_fd = -1};

	v->lister = bk_load_open(&spec, err);
	if (v->lister != NULL)
		return true;
	if (!bk_error_is(err, BK_STATE_MISSING_FILE))
		return false;
	bk_log(v->judge.host, BK_LOG_WARNING, "checked without pg_restore: %s", err->message);
	return true;
}

static bool
forward(void *arg, const void *buf, size_t len, BkError *err)
{
	Verify	   *v = arg;

	if (!bk_go_on(v->judge.host, err) || !feed_lister(v, buf, len, err))
		return false;
	v->done += len;
	bk_progress(v->judge.host, "verify", v->judge.manifest->id, v->done,
				v->judge.manifest->plain_size);
	return true;
}

/* If the lister fails all is read on: digests tell whether there is damage. */
static bool
feed_lister(Verify *v, const void *buf, size_t len, BkError *err)
{
	if (v->lister == NULL || bk_write(v->lister, buf, len, &v->complaint))
		return true;
	v->complained = true;
	bk_writer_close(v->lister);
	v->lister = NULL;
	return bk_go_on(v->judge.host, err);
}

static bool
write_verdict(Verify *v, BkError *err)
{
	const char *problem = v->judge.problem[0] == '\0' ? NULL : v->judge.problem;
	BkVerdict	verdict;
	BkError		ignored;
	bool		stays_bad;

	/* What nobody vouches for gets no verdict that others would believe. */
	if (v->judge.request->unauthenticated)
	{
		bk_log(v->judge.host, BK_LOG_WARNING,
			   "the verdict is not recorded: the backup was not authenticated");
		return true;
	}
	/* A cluster that may not write here gets its answer all the same. */
	if (!bk_common_may_write(v->judge.request, v->judge.repo, &ignored))
	{
		bk_log(v->judge.host, BK_LOG_WARNING, "the verdict is not recorded: %s",
			   ignored.message);
		return true;
	}
	if (!bk_note_read(v->judge.repo, v->judge.request->id, &verdict, err))
		return false;

	/* What was found by looking closer is not undone by looking less close. */
	stays_bad = problem == NULL && verdict.known && !verdict.good &&
		strcmp(v->judge.request->level, "stored") == 0 &&
		strcmp(verdict.level, "stored") != 0;
	if (stays_bad)
		bk_log(v->judge.host, BK_LOG_WARNING,
			   "the backup stays bad since its verification at level \"%s\" found: %s",
			   verdict.level, verdict.problem);
	else if (!bk_note_verdict(v->judge.repo, v->judge.request->id, v->judge.request->level, problem, err) ||
			 !bk_note_read(v->judge.repo, v->judge.request->id, &verdict, err))
		return false;
	bk_common_report_backup(v->judge.repo, v->judge.manifest, &verdict, v->judge.host);
	return true;
}
