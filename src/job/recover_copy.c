/*
 * recover_copy.c
 *	  Write the volumes of a base backup.
 *
 * Each thread takes a volume at a time, through a repository handle of its
 * own: object > codec > tar > files. What a volume has must be what the
 * contents say, member by member.
 */
#define _GNU_SOURCE 1
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/crew.h"
#include "core/errand.h"
#include "job/common.h"
#include "job/recover.h"
#include "repo/object.h"
#include "source/extract.h"

#define WAIT_MS			100
#define SMALL_FILE_MAX	(1024 * 1024)

/* All threads share it. */
typedef struct Copy
{
	BkRecover  *r;
	size_t	   *volumes;		/* indexes: the tasks */
	size_t		count;
	uint64_t	total;
	atomic_uint_fast64_t done;
	atomic_bool wrote;			/* any file */
} Copy;

/* One volume that is being written. */
typedef struct Member
{
	BkCrew	   *crew;
	Copy	   *copy;			/* that counts, or NULL */
	const BkRecover *r;
	const BkVolume *volume;
	int			root;
	size_t		next;			/* of its files */
	bool	   *same;			/* of each file, NULL where all are new */
	bool		again;			/* some files may have been begun before */
} Member;

/* File systems to sync; it belongs to the errand. */
typedef struct SyncTask
{
	int		   *roots;			/* copies of descriptors */
	size_t		count;
	bool		ok;
	BkError		err;
} SyncTask;

static bool plan_copy(Copy *copy, BkError *err);
static bool begin_thread(void *arg, void **own, BkError *err);
static void end_thread(void *arg, void *own);
static bool copy_volume(BkCrew *crew, void *own, size_t task, BkError *err);
static bool read_volume_again(BkRepository *repo, Member *member,
							  BkError *err);
static bool read_volume(BkRepository *repo, Member *member, BkError *err);
static bool take_member(void *arg, const BkTarEntry *entry,
						BkExtractWhat *what, BkError *err);
static bool tick(void *arg, size_t size, BkError *err);
static bool watch(void *arg, BkError *err);
static bool sync_all(BkRecover *r, BkError *err);
static void sync_run(void *arg);
static void sync_drop(void *arg);
static bool take_control(BkRecover *r, BkTarReader *tar,
						 const BkTarEntry *entry, BkError *err);
static bool read_small(BkTarReader *tar, const BkTarEntry *entry,
					   BkRecoverFile *file, BkError *err);

bool
bk_recover_copy(BkRecover *r, BkError *err)
{
	Copy		copy = {.r = r};
	BkCrewSpec	crew = {
		.members = (int) r->request.jobs,
		.begin = begin_thread,
		.work = copy_volume,
		.end = end_thread,
		.watch = watch,
		.arg = &copy,
	};
	bool		ok = plan_copy(&copy, err);

	crew.tasks = copy.count;
	ok = ok && bk_crew_run(&crew, err);
	/* What a restore has left that died before its sync counts as written. */
	if (ok && (copy.wrote || r->data.marked))
		ok = sync_all(r, err);
	free(copy.volumes);
	return ok;
}

bool
bk_recover_read_control(BkRecover *r, BkError *err)
{
	const char *stream = NULL;
	BkReader   *reader = NULL;
	BkTarReader *tar = NULL;
	BkTarEntry	entry;
	bool		more = true;
	bool		ok;

	for (size_t i = 0; i < r->list->volume_count; i++)
	{
		if (r->list->volumes[i].kind == BK_VOLUME_CONTROL)
			stream = r->list->volumes[i].stream;
	}
	if (stream == NULL)
		return bk_error(err, BK_STATE_CORRUPT, "backup \"%s\" has no control volume",
						r->manifest->id);
	ok = (reader = bk_object_reader(r->repo, r->manifest, stream, err)) != NULL &&
		(tar = bk_tar_reader_open(reader, err)) != NULL;
	while (ok && more)
		ok = bk_tar_next(tar, &entry, &more, err) &&
			(!more || take_control(r, tar, &entry, err));
	bk_tar_reader_free(tar);
	bk_reader_close(reader);
	if (!ok || (r->label.data != NULL && r->control.data != NULL))
		return ok;
	return bk_error(err, BK_STATE_CORRUPT,
					"the control volume of backup \"%s\" has no %s", r->manifest->id,
					r->label.data == NULL ? "backup_label" : BK_CONTROL_FILE);
}

static bool
plan_copy(Copy *copy, BkError *err)
{
	const BkFileList *list = copy->r->list;

	copy->volumes = calloc(list->volume_count + 1, sizeof(*copy->volumes));
	if (copy->volumes == NULL)
		return bk_error_memory(err);
	for (size_t i = 0; i < list->volume_count; i++)
	{
		if (bk_recover_root(copy->r, &list->volumes[i]) < 0)
			continue;
		copy->volumes[copy->count++] = i;
		copy->total += list->volumes[i].size;
	}
	return true;
}

static bool
begin_thread(void *arg, void **own, BkError *err)
{
	Copy	   *copy = arg;

	*own = copy->r->repo->fallback == NULL
		? bk_common_open_shared(&copy->r->request, copy->r->host, err)
		: bk_fallback_again(copy->r->repo, err);
	return *own != NULL;
}

static void
end_thread(void *arg, void *own)
{
	(void) arg;
	bk_repository_close(own);
}

static bool
copy_volume(BkCrew *crew, void *own, size_t task, BkError *err)
{
	Copy	   *copy = bk_crew_arg(crew);
	const BkRecover *r = copy->r;
	const BkVolume *volume = &r->list->volumes[copy->volumes[task]];
	Member		member = {
		.crew = crew, .copy = copy, .r = r, .volume = volume,
		.root = bk_recover_root(r, volume),
	};
	BkRecoverTick compare = {.call = tick, .arg = &member};
	bool		all = false;
	bool		ok = true;

	if (r->data.filled)
	{
		member.same = calloc(volume->count + 1, sizeof(bool));
		ok = member.same != NULL || bk_error_memory(err);
		/* What is compared is not counted twice. */
		member.copy = NULL;
		ok = ok && bk_recover_compare(r, volume, member.same, &all, &compare, err);
		member.copy = copy;
	}
	if (ok && all)
		atomic_fetch_add(&copy->done, volume->size);
	ok = ok && (all || read_volume_again(own, &member, err));
	free(member.same);
	return ok;
}

/* Where damage was found too late, it is not read a second time. */
static bool
read_volume_again(BkRepository *repo, Member *member, BkError *err)
{
	size_t		lacking;
	bool		ok;

	do
	{
		lacking = bk_fallback_count(repo);
		member->next = 0;
		ok = read_volume(repo, member, err);
		member->again = true;
	} while (!ok && !bk_error_is(err, BK_STATE_CANCELED) &&
			 bk_fallback_count(repo) > lacking);
	return ok;
}

static bool
read_volume(BkRepository *repo, Member *member, BkError *err)
{
	const BkRecover *r = member->r;
	BkExtractSpec spec = {
		.root = member->root,
		.group = r->group,
		.member = take_member,
		.tick = tick,
		.arg = member,
	};
	BkReader   *reader;
	BkTarReader *tar = NULL;
	bool		ok;

	reader = bk_object_reader(repo, r->manifest, member->volume->stream, err);
	ok = reader != NULL &&
		(tar = bk_tar_reader_open(reader, err)) != NULL &&
		bk_extract(tar, &spec, err);
	bk_tar_reader_free(tar);
	bk_reader_close(reader);
	if (!ok || member->next == member->volume->count)
		return ok;
	return bk_error(err, BK_STATE_CORRUPT,
					"volume \"%s\" of backup \"%s\" has less than its contents say",
					member->volume->stream, r->manifest->id);
}

/* Each member must be what the contents have in its place. */
static bool
take_member(void *arg, const BkTarEntry *entry, BkExtractWhat *what,
			BkError *err)
{
	Member	   *member = arg;
	const BkVolume *volume = member->volume;
	const BkListedFile *file = member->next < volume->count
		? &member->r->list->files[volume->first + member->next] : NULL;

	if (file == NULL || strcmp(file->name, entry->name) != 0 ||
		file->directory != (entry->type == BK_TAR_DIRECTORY) ||
		(!file->directory && file->size != entry->size))
	{
		bk_error(err, BK_STATE_CORRUPT,
				 "volume \"%s\" of backup \"%s\" has member \"%.200s\", which is not what its contents say",
				 volume->stream, member->r->manifest->id, entry->name);
		if (file != NULL)
			bk_error_detail(err, "Expected was \"%.200s\" of %llu bytes.", file->name,
							(unsigned long long) file->size);
		return false;
	}
	if (file->directory || (member->same != NULL && member->same[member->next]))
		*what = BK_EXTRACT_SKIP;
	else
		*what = member->r->data.filled || member->again ? BK_EXTRACT_REPLACE : BK_EXTRACT_NEW;
	if (*what != BK_EXTRACT_SKIP)
		member->copy->wrote = true;
	member->next++;
	return true;
}

static bool
tick(void *arg, size_t size, BkError *err)
{
	Member	   *member = arg;

	if (member->copy != NULL)
		atomic_fetch_add(&member->copy->done, size);
	return bk_crew_go_on(member->crew, err);
}

static bool
watch(void *arg, BkError *err)
{
	Copy	   *copy = arg;
	BkRecover  *r = copy->r;

	bk_progress(r->host, "restore", r->data.path, copy->done, copy->total);
	return bk_go_on(r->host, err);
}

/*
 * Sync every file system that was written to. syncfs(2) writes all that is
 * dirty there, in the best order, and tells of errors since the roots were
 * opened. It cannot be interrupted, so an errand goes.
 */
static bool
sync_all(BkRecover *r, BkError *err)
{
	SyncTask   *task = calloc(1, sizeof(*task));
	BkErrand   *errand = NULL;
	bool		ok = task != NULL &&
		(task->roots = calloc(r->tablespace_count + 1, sizeof(int))) != NULL;

	if (!ok)
		bk_error_memory(err);
	else
	{
		task->roots[task->count++] = dup(r->data.root);
		for (size_t i = 0; i < r->tablespace_count; i++)
			task->roots[task->count++] = dup(r->tablespaces[i].place.root);
		errand = bk_errand_start(sync_run, sync_drop, task, err);
	}
	ok = errand != NULL;
	while (ok && !bk_errand_wait(errand, WAIT_MS))
	{
		bk_progress(r->host, "sync", r->data.path, 0, 0);
		if (bk_go_on(r->host, err))
			continue;
		bk_errand_abandon(errand);
		return false;
	}
	if (ok && !task->ok)
	{
		*err = task->err;
		ok = false;
	}
	if (task != NULL)
		sync_drop(task);
	return ok;
}

static void
sync_run(void *arg)
{
	SyncTask   *task = arg;

	task->ok = true;
	for (size_t i = 0; task->ok && i < task->count; i++)
		task->ok = syncfs(task->roots[i]) == 0 ||
			bk_error_errno(&task->err, "could not sync the restored files");
}

static void
sync_drop(void *arg)
{
	SyncTask   *task = arg;

	for (size_t i = 0; i < task->count; i++)
		close(task->roots[i]);
	free(task->roots);
	free(task);
}

static bool
take_control(BkRecover *r, BkTarReader *tar, const BkTarEntry *entry,
			 BkError *err)
{
	BkRecoverFile *file = NULL;

	if (entry->type == BK_TAR_FILE && strcmp(entry->name, "backup_label") == 0)
		file = &r->label;
	else if (entry->type == BK_TAR_FILE && strcmp(entry->name, BK_CONTROL_FILE) == 0)
		file = &r->control;
	if (file == NULL || file->data != NULL)
		return bk_error(err, BK_STATE_CORRUPT,
						"the control volume of backup \"%s\" has a member \"%.200s\", which does not belong there",
						r->manifest->id, entry->name);
	return read_small(tar, entry, file, err);
}

static bool
read_small(BkTarReader *tar, const BkTarEntry *entry, BkRecoverFile *file,
		   BkError *err)
{
	size_t		got = 1;

	if (entry->size > SMALL_FILE_MAX)
		return bk_error(err, BK_STATE_CORRUPT, "file \"%s\" of the backup is too large",
						entry->name);
	file->data = malloc(entry->size + 1);
	if (file->data == NULL)
		return bk_error_memory(err);
	while (got > 0 && file->len < entry->size)
	{
		if (!bk_tar_read(tar, file->data + file->len, entry->size - file->len, &got, err))
			return false;
		file->len += got;
	}
	return file->len == entry->size ||
		bk_error(err, BK_STATE_CORRUPT, "file \"%s\" of the backup is cut", entry->name);
}
