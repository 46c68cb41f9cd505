/*
 * replica.c
 *	  Copy objects and WAL with several threads.
 *
 * A task is one object of a backup or one file of WAL. "done" and the
 * replica's counts are protected by the lock while the threads work.
 */
#include "job/replica.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/crew.h"
#include "repo/transfer.h"
#include "repo/waldiff.h"

#define PHASE	"replicate"

/* So many files of WAL are copied before the listing goes on. */
#define BATCH	256

typedef struct WalFile
{
	BkWalName	name;
	BkWalFound	found;
} WalFile;

typedef struct Work
{
	BkReplica  *replica;
	pthread_mutex_t lock;
	const BkManifest *manifest; /* what it is about; NULL: WAL */
	const char *system_identifier;
	WalFile    *files;			/* BATCH of them */
	size_t		file_count;
	char		swept[BK_KEY_SIZE]; /* the folder that was cleaned last */
	bool		forgiving;		/* one that fails is left out */
	uint64_t	done;			/* bytes */
} Work;

/* What a thread has. */
typedef struct Member
{
	Work	   *work;
	BkCrew	   *crew;
	BkTransfer	transfer;
} Member;

static bool run(Work *work, size_t tasks, BkError *err);
static bool begin(void *arg, void **own, BkError *err);
static bool copy(BkCrew *crew, void *own, size_t task, BkError *err);
static void end(void *arg, void *own);
static bool watch(void *arg, BkError *err);
static bool tick(void *arg, uint64_t bytes, BkError *err);
static bool is_of_one(const BkError *problem);
static bool begin_wal(Work *work, BkReplica *replica,
					  const char *system_identifier, BkError *err);
static bool end_wal(Work *work, bool ok, BkError *err);
static bool add_needed(Work *work, const char *text, bool needed,
					   BkError *err);
static bool add_file(void *arg, const BkWalName *name,
					 const BkWalFound *found, BkError *err);
static bool flush(Work *work, BkError *err);

bool
bk_replica_forgive(BkReplica *replica, const BkError *problem)
{
	if (!is_of_one(problem))
		return false;
	if (replica->failed++ == 0)
		replica->problem = *problem;
	return true;
}

bool
bk_replica_objects(BkReplica *replica, const BkManifest *manifest,
				   BkError *err)
{
	Work		work = {.replica = replica, .manifest = manifest};

	return run(&work, manifest->object_count, err);
}

bool
bk_replica_needed_wal(BkReplica *replica, const BkManifest *manifest,
					  BkError *err)
{
	const BkPhysical *physical = &manifest->physical;
	uint32_t	size = physical->wal_segment_size;
	uint64_t	last = bk_wal_segment_number(&physical->stop_wal, size);
	char		text[BK_WAL_NAME_SIZE];
	Work		work;
	bool		ok = begin_wal(&work, replica, manifest->system_identifier, err);

	if (ok && physical->timeline > 1)
	{
		snprintf(text, sizeof(text), "%08X.history", physical->timeline);
		ok = add_needed(&work, text, false, err);
	}
	for (uint64_t number = bk_wal_segment_number(&physical->start_wal, size);
		 ok && number <= last; number++)
	{
		bk_wal_segment_name(physical->timeline, number, size, text);
		ok = add_needed(&work, text, true, err);
	}
	return end_wal(&work, ok, err);
}

bool
bk_replica_all_wal(BkReplica *replica, const char *system_identifier,
				   BkError *err)
{
	Work		work;
	bool		ok = begin_wal(&work, replica, system_identifier, err);

	work.forgiving = true;
	ok = ok && bk_wal_diff(replica->from, replica->to, system_identifier, add_file,
						   &work, err);
	return end_wal(&work, ok, err);
}

static bool
run(Work *work, size_t tasks, BkError *err)
{
	BkCrewSpec	spec = {
		.members = (int) work->replica->source->jobs,
		.tasks = tasks,
		.begin = begin,
		.work = copy,
		.end = end,
		.watch = watch,
		.arg = work,
	};
	bool		ok;

	pthread_mutex_init(&work->lock, NULL);
	ok = bk_crew_run(&spec, err);
	pthread_mutex_destroy(&work->lock);
	return ok;
}

static bool
begin(void *arg, void **own, BkError *err)
{
	Work	   *work = arg;
	BkReplica  *replica = work->replica;
	Member	   *member = calloc(1, sizeof(*member));

	if (member == NULL)
		return bk_error_memory(err);
	member->work = work;
	member->transfer.tick = tick;
	member->transfer.arg = member;
	member->transfer.from = bk_common_open_shared(replica->source, replica->host, err);
	member->transfer.to = member->transfer.from == NULL ? NULL
		: bk_common_open_shared(replica->target, replica->host, err);
	*own = member;
	if (member->transfer.to != NULL)
		return true;
	end(arg, member);
	return false;
}

static void
end(void *arg, void *own)
{
	Member	   *member = own;

	(void) arg;
	bk_repository_close(member->transfer.from);
	bk_repository_close(member->transfer.to);
	free(member);
}

static bool
copy(BkCrew *crew, void *own, size_t task, BkError *err)
{
	Member	   *member = own;
	Work	   *work = member->work;
	bool		ok;

	member->crew = crew;
	if (work->manifest != NULL)
		return bk_transfer_object(&member->transfer, work->manifest,
								  &work->manifest->objects[task], err);
	ok = bk_transfer_wal(&member->transfer, work->system_identifier,
						 &work->files[task].name, &work->files[task].found, err);
	pthread_mutex_lock(&work->lock);
	if (ok)
		work->replica->wal++;
	else
		ok = work->forgiving && bk_replica_forgive(work->replica, err);
	pthread_mutex_unlock(&work->lock);
	return ok;
}

static bool
watch(void *arg, BkError *err)
{
	Work	   *work = arg;
	const BkManifest *manifest = work->manifest;
	uint64_t	done;

	pthread_mutex_lock(&work->lock);
	done = work->done;
	pthread_mutex_unlock(&work->lock);
	bk_progress(work->replica->host, PHASE,
				manifest != NULL ? manifest->id : work->files[0].name.text,
				done, manifest != NULL ? manifest->size : 0);
	return bk_go_on(work->replica->host, err);
}

static bool
tick(void *arg, uint64_t bytes, BkError *err)
{
	Member	   *member = arg;
	Work	   *work = member->work;

	pthread_mutex_lock(&work->lock);
	work->done += bytes;
	work->replica->bytes += bytes;
	pthread_mutex_unlock(&work->lock);
	return bk_crew_go_on(member->crew, err);
}

/* The store itself has let us list what it has: it does not refuse us. */
static bool
is_of_one(const BkError *problem)
{
	static const char *const states[] = {
		BK_STATE_CORRUPT, BK_STATE_MISSING_FILE, BK_STATE_NO_OBJECT,
		BK_STATE_DUP_OBJECT, BK_STATE_DUP_KEY, BK_STATE_UNSUPPORTED,
		BK_STATE_IN_USE, BK_STATE_REFUSED,
	};

	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
	{
		if (bk_error_is(problem, states[i]))
			return true;
	}
	return false;
}

static bool
begin_wal(Work *work, BkReplica *replica, const char *system_identifier,
		  BkError *err)
{
	*work = (Work) {.replica = replica, .system_identifier = system_identifier};
	work->files = calloc(BATCH, sizeof(*work->files));
	return work->files != NULL || bk_error_memory(err);
}

static bool
end_wal(Work *work, bool ok, BkError *err)
{
	ok = ok && flush(work, err);
	free(work->files);
	return ok;
}

static bool
add_needed(Work *work, const char *text, bool needed, BkError *err)
{
	BkReplica  *replica = work->replica;
	BkWalName	name;
	BkWalFound	found;

	if (!bk_wal_name_parse(text, &name, err) ||
		!bk_wal_find(replica->from, work->system_identifier, &name, &found, err))
		return false;
	if (found.state == BK_WAL_MISSING)
		return !needed ||
			bk_error(err, BK_STATE_MISSING_FILE, "WAL segment %s is missing in \"%s\"",
					 text, replica->from->url);
	return add_file(work, &name, &found, err);
}

static bool
add_file(void *arg, const BkWalName *name, const BkWalFound *found,
		 BkError *err)
{
	Work	   *work = arg;
	char		folder[BK_KEY_SIZE];

	/* What a killed run has left lies where it would have gone on. */
	bk_layout_wal_folder(folder, work->system_identifier, name);
	if (strcmp(folder, work->swept) != 0 &&
		!bk_storage_sweep(work->replica->to->storage, folder, false, err))
		return false;
	memcpy(work->swept, folder, sizeof(folder));
	work->files[work->file_count].name = *name;
	work->files[work->file_count++].found = *found;
	return work->file_count < BATCH || flush(work, err);
}

static bool
flush(Work *work, BkError *err)
{
	bool		ok = run(work, work->file_count, err);

	work->file_count = 0;
	return ok && bk_go_on(work->replica->host, err);
}
