/*
 * copy.c
 *	  Write the volumes of a base backup, several at a time.
 *
 * Each thread has a repository handle, a buffer, and page rules of its own.
 * What threads tell the main thread is protected by "lock": how much is done,
 * and which pages were wrong.
 */
#include "job/copy.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/crew.h"
#include "source/tar.h"

/* The session in backup mode is looked at so often. */
#define SESSION_MS		2000
/* So many wrong pages are logged one by one. */
#define LOGGED_PAGES	50

typedef struct Work
{
	BkCopy	   *copy;
	int64_t		next_look;		/* at the session */
	pthread_mutex_t lock;
	uint64_t	done;			/* bytes read */
	int64_t		wrong;			/* pages */
	int64_t		logged;			/* of these */
	char		pages[LOGGED_PAGES][256];	/* which */
} Work;

/* What belongs to a thread. */
typedef struct Member
{
	Work	   *work;
	BkCrew	   *crew;
	BkRepository *repo;
	BkDataFileRules rules;
	BkDataFile *file;
	const BkBaseVolume *volume;
} Member;

static bool begin(void *arg, void **own, BkError *err);
static bool write_volume(BkCrew *crew, void *own, size_t task, BkError *err);
static void end(void *arg, void *own);
static bool watch(void *arg, BkError *err);
static void tell_wrong_pages(Work *work);
static bool fill(Member *member, BkTarWriter *tar, BkBaseVolume *volume,
				 BkError *err);
static bool add_memory(BkTarWriter *tar, BkVolumeFile *file, BkError *err);
static bool add_file(Member *member, BkTarWriter *tar, BkVolumeFile *file,
					 BkError *err);
static bool add_bytes(Member *member, BkTarWriter *tar, BkError *err);
static bool begin_member(BkTarWriter *tar, const BkVolumeFile *file,
						 BkError *err);
static void page_is_wrong(void *arg, const char *path, uint32_t block);
static bool go_on(void *crew, BkError *err);

bool
bk_copy_run(BkCopy *copy, BkError *err)
{
	Work	   *work = calloc(1, sizeof(*work));
	BkCrewSpec	spec = {
		.members = (int) copy->making->request->jobs,
		.tasks = copy->set->count,
		.begin = begin,
		.work = write_volume,
		.end = end,
		.watch = watch,
		.arg = work,
	};
	bool		ok;

	if (work == NULL)
		return bk_error_memory(err);
	work->copy = copy;
	pthread_mutex_init(&work->lock, NULL);
	ok = bk_crew_run(&spec, err);
	tell_wrong_pages(work);
	pthread_mutex_destroy(&work->lock);
	free(work);
	return ok;
}

static bool
begin(void *arg, void **own, BkError *err)
{
	Work	   *work = arg;
	Member	   *member = calloc(1, sizeof(*member));

	if (member == NULL)
		return bk_error_memory(err);
	member->work = work;
	member->rules = work->copy->rules;
	member->rules.corrupt = page_is_wrong;
	member->rules.arg = member;
	member->repo = bk_common_open_shared(work->copy->making->request, work->copy->making->host, err);
	member->file = member->repo == NULL ? NULL : bk_datafile_new(&member->rules, err);
	*own = member;
	if (member->file != NULL)
		return true;
	end(arg, member);
	return false;
}

static void
end(void *arg, void *own)
{
	Member	   *member = own;

	(void) arg;
	bk_datafile_free(member->file);
	bk_repository_close(member->repo);
	free(member);
}

static bool
write_volume(BkCrew *crew, void *own, size_t task, BkError *err)
{
	Member	   *member = own;
	BkCopy	   *copy = member->work->copy;
	BkBaseVolume   *volume = &copy->set->list[task];
	BkObjectSpec spec = bk_making_spec(copy->making);
	BkWriter   *writer;
	BkTarWriter *tar;
	bool		ok;

	/* Volumes are what is done at the same time, not parts of one. */
	spec.jobs = 1;
	spec.stream = volume->stream;
	spec.tick = go_on;
	spec.arg = crew;
	member->crew = crew;
	member->volume = volume;
	writer = bk_object_writer(member->repo, &spec, volume->objects, err);
	tar = writer == NULL ? NULL : bk_tar_writer_open(writer, err);
	ok = tar != NULL && fill(member, tar, volume, err) &&
		bk_tar_finish(tar, err) && bk_finish(writer, err);
	bk_datafile_close(member->file);
	bk_tar_writer_free(tar);
	bk_writer_close(writer);
	return ok;
}

/* In the main thread: show progress, and look whether all is well. */
static bool
watch(void *arg, BkError *err)
{
	Work	   *work = arg;
	BkCopy	   *copy = work->copy;
	const BkMaking *making = copy->making;
	int64_t		now = bk_clock_monotonic_ms();
	uint64_t	done;

	pthread_mutex_lock(&work->lock);
	done = work->done;
	pthread_mutex_unlock(&work->lock);
	bk_progress(making->host, "copy", making->id, done, copy->set->size);
	tell_wrong_pages(work);
	if (!bk_go_on(making->host, err))
		return false;
	if (now < work->next_look)
		return true;
	work->next_look = now + SESSION_MS;
	return bk_pg_run(copy->pg, "SELECT", err);
}

/* Log what was found since the last time. */
static void
tell_wrong_pages(Work *work)
{
	BkCopy	   *copy = work->copy;
	const BkHost *host = copy->making->host;
	int64_t		wrong;

	pthread_mutex_lock(&work->lock);
	wrong = work->wrong;
	pthread_mutex_unlock(&work->lock);
	if (wrong > 0 && copy->first_corrupt[0] == '\0')
		memcpy(copy->first_corrupt, work->pages[0], sizeof(copy->first_corrupt));
	for (; work->logged < wrong && work->logged < LOGGED_PAGES; work->logged++)
		bk_log(host, BK_LOG_WARNING, "%s has a wrong checksum", work->pages[work->logged]);
	copy->corrupt_pages = wrong;
}

static bool
fill(Member *member, BkTarWriter *tar, BkBaseVolume *volume, BkError *err)
{
	for (size_t i = 0; i < volume->count; i++)
	{
		BkVolumeFile *file = &volume->files[i];
		bool		ok;

		if (!bk_crew_go_on(member->crew, err))
			return false;
		if (file->directory)
			ok = begin_member(tar, file, err);
		else if (file->data != NULL)
			ok = add_memory(tar, file, err);
		else
			ok = add_file(member, tar, file, err);
		if (!ok)
			return false;
	}
	return true;
}

static bool
add_memory(BkTarWriter *tar, BkVolumeFile *file, BkError *err)
{
	return bk_digest_hex(file->data, file->facts.size, file->sha256, err) &&
		begin_member(tar, file, err) &&
		bk_tar_data(tar, file->data, file->facts.size, err);
}

static bool
add_file(Member *member, BkTarWriter *tar, BkVolumeFile *file, BkError *err)
{
	bool		ok;

	if (!bk_datafile_open(member->file, member->volume->root, file->path,
						  &file->vanished, err))
		return false;
	if (file->vanished)
		return true;
	file->facts = *bk_datafile_facts(member->file);
	ok = begin_member(tar, file, err) && add_bytes(member, tar, err) &&
		bk_datafile_digest(member->file, file->sha256, err);
	bk_datafile_close(member->file);
	return ok;
}

static bool
add_bytes(Member *member, BkTarWriter *tar, BkError *err)
{
	Work	   *work = member->work;
	const void *data;
	size_t		len;

	for (;;)
	{
		if (!bk_datafile_next(member->file, &data, &len, err))
			return false;
		if (len == 0)
			return true;
		if (!bk_tar_data(tar, data, len, err) ||
			!bk_pace_wait(work->copy->pace, len, go_on, member->crew, err) ||
			!bk_crew_go_on(member->crew, err))
			return false;
		pthread_mutex_lock(&work->lock);
		work->done += len;
		pthread_mutex_unlock(&work->lock);
	}
}

static bool
begin_member(BkTarWriter *tar, const BkVolumeFile *file, BkError *err)
{
	BkTarEntry	entry = {
		.name = file->path,
		.type = file->directory ? BK_TAR_DIRECTORY : BK_TAR_FILE,
		.size = file->facts.size,
		.mode = file->facts.mode,
		.mtime = file->facts.mtime,
		.uid = geteuid(),
		.gid = getegid(),
	};

	return bk_tar_begin(tar, &entry, err);
}

static void
page_is_wrong(void *arg, const char *path, uint32_t block)
{
	Member	   *member = arg;
	Work	   *work = member->work;
	const char *prefix = member->volume->prefix;

	pthread_mutex_lock(&work->lock);
	if (work->wrong < LOGGED_PAGES)
		snprintf(work->pages[work->wrong], sizeof(work->pages[0]),
				 "block %u of file \"%s%s\"", block, prefix == NULL ? "" : prefix, path);
	work->wrong++;
	pthread_mutex_unlock(&work->lock);
}

static bool
go_on(void *crew, BkError *err)
{
	return bk_crew_go_on(crew, err);
}
