/*
 * get.c
 *	  Give a WAL file to a server that recovers.
 *
 * PostgreSQL takes a plain failure of restore_command for the end of WAL: a
 * recovery ends there, and the server goes on from a state that may be too
 * old. So "it is not there" is said only where the archive has proved it:
 * the repository is the right one, and nothing later is there either. To a
 * standby nothing else may be said, since another failure would end it; it
 * asks again after a while.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/control.h"
#include "core/file.h"
#include "job/ahead.h"
#include "job/common.h"
#include "job/verbs.h"
#include "repo/timeline.h"
#include "repo/writer.h"

#define PATH_SIZE		4096
#define WAIT_STEP		50		/* milliseconds between two looks at the host's stop */
#define WAIT_FIRST		100		/* before the second attempt, then twice as long */
#define WAIT_LONGEST	2000
#define SETTLE_TIME		5000	/* for what may be on its way into the archive */

typedef enum Answer
{
	GET_DELIVERED,
	GET_ABSENT,					/* proved not to be there */
	GET_UNSETTLED,				/* it should be there: perhaps soon */
	GET_FAILED,					/* nobody knows: try again */
	GET_REFUSED					/* nobody knows, and trying again is no use */
} Answer;

typedef struct Get
{
	const BkRequest *request;
	const BkHost *host;
	BkUrls		urls;			/* of the repositories */
	BkWalName	name;
	char		folder[PATH_SIZE];	/* of the path */
	const char *target;			/* its last part */
	int			folder_fd;
	mode_t		mode;
	char		data_directory[PATH_SIZE];	/* "": not known */
	char		system_identifier[BK_CONTROL_IDENTIFIER_SIZE];
	bool		standby;
	bool		in_recovery;	/* a server asks, for its own pg_wal */
	uint64_t	size;			/* of what was delivered */
} Get;

static bool find_place(Get *get, BkError *err);
static bool find_data_directory(Get *get);
static bool is_data_directory(Get *get, const char *path);
static bool has_file(const Get *get, const char *name);
static bool is_pg_wal(const Get *get, const struct stat *folder);
static bool get_file(Get *get, BkError *err);
static bool get_directly(Get *get, BkError *err);
static bool give_up(const Get *get, Answer answer, BkError *err);
static bool wait_for(const Get *get, int64_t milliseconds, BkError *err);
static Answer attempt(Get *get, BkError *err);
static Answer ask(Get *get, size_t number, BkError *err);
static Answer fetch(Get *get, BkRepository *repo, BkError *err);
static Answer deliver(Get *get, BkRepository *repo, const BkWalFound *found,
					  BkError *err);
static bool copy(Get *get, BkReader *reader, BkFile *file, BkError *err);
static Answer prove_absence(Get *get, BkRepository *repo, BkError *err);
static bool require_cluster(const Get *get, BkRepository *repo, BkError *err);
static bool has_later(const Get *get, BkRepository *repo, bool *later,
					  BkError *err);
static bool has_histories(const Get *get, const BkWalMap *map, BkError *err);
static bool goes_on(const BkTimeline *timeline, const BkWalName *name,
					uint32_t segment_size, BkError *gap);
static bool has_timeline(const Get *get, BkRepository *repo, bool *there,
						 BkError *err);
static bool is_wal(void *arg, const BkWalName *name,
				   const BkWalFound *found, BkError *err);
static Answer judge(const BkError *err);

bool
bk_job_archive_get(const BkRequest *request, const BkHost *host, BkError *err)
{
	Get			get = {.request = request, .host = host, .folder_fd = -1};
	bool		ok;

	ok = bk_common_urls(request, &get.urls, err) &&
		bk_common_need(request->wal, "wal", err) &&
		bk_common_need(request->path, "path", err) &&
		bk_wal_name_parse(request->wal, &get.name, err) &&
		find_place(&get, err) &&
		get_file(&get, err);
	if (get.folder_fd >= 0)
		close(get.folder_fd);
	bk_urls_free(&get.urls);
	return ok;
}

/* Where the file goes, and what kind of server asks. */
static bool
find_place(Get *get, BkError *err)
{
	const char *path = get->request->path;
	const char *slash = strrchr(path, '/');
	struct stat status;

	get->target = slash == NULL ? path : slash + 1;
	snprintf(get->folder, sizeof(get->folder), "%.*s",
			 slash == NULL ? 1 : (int) (slash - path) + 1, slash == NULL ? "." : path);
	if (get->target[0] == '\0' || strlen(path) >= PATH_SIZE - 64)
		return bk_error(err, BK_STATE_BAD_ARGUMENT,
						"\"%.200s\" is not the path of a file", path);
	get->folder_fd = open(get->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (get->folder_fd < 0 || fstat(get->folder_fd, &status) != 0)
		return bk_error_errno(err, "could not open the directory of \"%.200s\"", path);
	/* As the server's own files: its group may read them, or not. */
	get->mode = (status.st_mode & S_IRGRP) != 0 ? 0640 : 0600;

	if (find_data_directory(get))
	{
		get->standby = has_file(get, "standby.signal");
		get->in_recovery = (get->standby || has_file(get, "recovery.signal")) &&
			is_pg_wal(get, &status);
	}
	if (get->request->system_identifier != NULL)
		snprintf(get->system_identifier, sizeof(get->system_identifier), "%s",
				 get->request->system_identifier);
	else if (get->data_directory[0] == '\0')
	{
		bk_error(err, BK_STATE_BAD_ARGUMENT, "argument \"system_identifier\" is missing");
		return bk_error_hint(err, "Give it with --system-identifier, or start the program in the data directory, or give that with -D.");
	}
	else
		return bk_control_identifier(get->data_directory, get->system_identifier, err);
	return true;
}

/*
 * The server calls from its data directory, with a path in pg_wal. Others,
 * such as pg_rewind, call from elsewhere with a full path.
 */
static bool
find_data_directory(Get *get)
{
	char		above[PATH_SIZE];

	snprintf(above, sizeof(above), "%.*s..", PATH_SIZE - 3, get->folder);
	return is_data_directory(get, above) ||
		(get->request->data_directory != NULL &&
		 is_data_directory(get, get->request->data_directory)) ||
		is_data_directory(get, ".");
}

static bool
is_data_directory(Get *get, const char *path)
{
	snprintf(get->data_directory, sizeof(get->data_directory), "%s", path);
	if (has_file(get, "global/pg_control"))
		return true;
	get->data_directory[0] = '\0';
	return false;
}

static bool
has_file(const Get *get, const char *name)
{
	char		path[PATH_SIZE + 64];

	snprintf(path, sizeof(path), "%s/%s", get->data_directory, name);
	return access(path, F_OK) == 0;
}

static bool
is_pg_wal(const Get *get, const struct stat *folder)
{
	char		path[PATH_SIZE + 64];
	struct stat status;

	snprintf(path, sizeof(path), "%s/pg_wal", get->data_directory);
	return stat(path, &status) == 0 && status.st_dev == folder->st_dev &&
		status.st_ino == folder->st_ino;
}

/* Take what was fetched ahead, or fetch it and let the next ones be fetched. */
static bool
get_file(Get *get, BkError *err)
{
	BkAhead		ahead = {
		.wal = get->folder_fd,
		.wal_path = get->folder,
		.mode = get->mode,
		.data_directory = get->data_directory,
		.source_count = get->urls.count,
		.system_identifier = get->system_identifier,
		.jobs = (int) get->request->jobs,
	};
	bool		taken = false;

	for (size_t i = 0; i < get->urls.count; i++)
	{
		BkRequest	one = bk_common_at(get->request, &get->urls, i);

		ahead.sources[i] = bk_common_place(&one, get->host);
		ahead.sources[i].access.brief = get->urls.count > 1;
	}
	if (get->in_recovery && get->name.kind == BK_WAL_SEGMENT &&
		!bk_ahead_take(&ahead, &get->name, get->target, get->host, &taken, err))
		return false;
	if (taken)
		return true;
	if (!get_directly(get, err))
		return false;
	if (get->in_recovery)
		bk_ahead_go_on(&ahead, &get->name, get->size, get->host);
	return true;
}

/* Try, and try again for as long as it may help. */
static bool
get_directly(Get *get, BkError *err)
{
	int64_t		start = bk_clock_monotonic_ms();
	int64_t		pause = WAIT_FIRST;

	for (bool first = true;; first = false)
	{
		Answer		answer = attempt(get, err);
		int64_t		limit = get->request->retry;

		if (answer == GET_DELIVERED)
			return true;
		if (answer == GET_UNSETTLED && limit > SETTLE_TIME)
			limit = SETTLE_TIME;
		if (answer == GET_ABSENT || answer == GET_REFUSED ||
			bk_error_is(err, BK_STATE_CANCELED) ||
			bk_clock_monotonic_ms() - start + pause > limit)
			return give_up(get, answer, err);
		if (first)
			bk_log(get->host, BK_LOG_WARNING, "trying again for %.1f seconds to get \"%s\": %s",
				   (double) limit / 1000, get->name.text, err->message);
		if (!wait_for(get, pause, err))
			return false;
		pause = pause * 2 > WAIT_LONGEST ? WAIT_LONGEST : pause * 2;
	}
}

/* Say what the server has to hear; the log has the rest. Returns false. */
static bool
give_up(const Get *get, Answer answer, BkError *err)
{
	if (answer == GET_ABSENT)
	{
		/* A standby asks every few seconds. */
		if (!get->standby)
			bk_log(get->host, BK_LOG_INFO, "\"%s\" is not in the archive", get->name.text);
	}
	else if (!get->standby || bk_error_is(err, BK_STATE_CANCELED))
	{
		if (get->urls.count > 1 && err->hint[0] == '\0')
			bk_error_hint(err, "Only all repositories together can tell what is not there. If one of them is lost for good, take it out of restore_command.");
		return false;
	}
	else
	{
		bk_log(get->host, BK_LOG_WARNING, "could not get \"%s\": %s",
			   get->name.text, err->message);
		if (err->detail[0] != '\0')
			bk_log(get->host, BK_LOG_WARNING, "detail: %s", err->detail);
		if (err->hint[0] != '\0')
			bk_log(get->host, BK_LOG_WARNING, "hint: %s", err->hint);
	}
	return bk_error(err, BK_STATE_NO_DATA, "there is no \"%s\" now", get->name.text);
}

static bool
wait_for(const Get *get, int64_t milliseconds, BkError *err)
{
	int64_t		until = bk_clock_monotonic_ms() + milliseconds;

	while (bk_clock_monotonic_ms() < until)
	{
		if (!bk_go_on(get->host, err))
			return false;
		usleep(WAIT_STEP * 1000);
	}
	return true;
}

/*
 * The first repository that has the file gives it. It is absent only if each
 * of them has proved that; else the answer is the one after which another
 * attempt is worth most.
 */
static Answer
attempt(Get *get, BkError *err)
{
	static const int hope[] = {
		[GET_ABSENT] = 0, [GET_REFUSED] = 1, [GET_UNSETTLED] = 2, [GET_FAILED] = 3,
	};
	Answer		worst = GET_ABSENT;
	BkError		problem;

	for (size_t i = 0; i < get->urls.count; i++)
	{
		Answer		answer = ask(get, i, &problem);

		if (answer == GET_DELIVERED)
		{
			if (i > 0)
				bk_log(get->host, BK_LOG_WARNING, "\"%s\" came from \"%s\"%s%s",
					   get->name.text, get->urls.urls[i],
					   worst == GET_ABSENT ? ": those before it do not have it" : ", since one before it fails: ",
					   worst == GET_ABSENT ? "" : err->message);
			return answer;
		}
		if (answer != GET_ABSENT && hope[answer] > hope[worst])
		{
			worst = answer;
			*err = problem;
		}
		/* Where there are two contents, nobody knows which one the next has. */
		if (answer != GET_ABSENT && (bk_error_is(&problem, BK_STATE_CANCELED) ||
									 bk_error_is(&problem, BK_STATE_DUP_KEY)))
		{
			*err = problem;
			return answer;
		}
	}
	return worst;
}

static Answer
ask(Get *get, size_t number, BkError *err)
{
	BkRequest	one = bk_common_at(get->request, &get->urls, number);
	BkRepositoryTarget target = bk_common_place(&one, get->host);
	BkRepository *repo;
	Answer		answer;

	/* Patience is for all of them together. */
	target.access.brief = get->urls.count > 1;
	repo = bk_repository_open(&target, err);
	answer = repo == NULL ? judge(err) : fetch(get, repo, err);
	bk_repository_close(repo);
	return answer;
}

static Answer
fetch(Get *get, BkRepository *repo, BkError *err)
{
	BkWalFound	found;

	if (!bk_wal_find(repo, get->system_identifier, &get->name, &found, err))
		return judge(err);
	if (found.state == BK_WAL_MISSING)
		return prove_absence(get, repo, err);
	return deliver(get, repo, &found, err);
}

/*
 * The file gets its name when all of it is there and its digest is right. The
 * server syncs what it keeps (KeepFileRestoredFromArchive in
 * src/backend/access/transam/xlogarchive.c).
 */
static Answer
deliver(Get *get, BkRepository *repo, const BkWalFound *found, BkError *err)
{
	BkReader   *reader = bk_wal_reader(repo, found, err);
	BkFile	   *file = NULL;
	BkFileOutcome outcome = BK_FILE_PUBLISHED;
	BkError		ignored;
	bool		ok = reader != NULL;

	/* A predecessor that was killed has left its temporary. */
	(void) bk_file_sweep_folder(get->folder_fd, &ignored);
	ok = ok && (file = bk_file_create(get->folder_fd, get->target, get->mode, err)) != NULL &&
		copy(get, reader, file, err) &&
		bk_file_show(file, &outcome, err);
	bk_reader_close(reader);
	bk_file_close(file);
	if (ok && outcome == BK_FILE_EXISTS)
		ok = bk_error(err, BK_STATE_DUP_OBJECT, "file \"%s\" exists already",
					  get->request->path);
	return ok ? GET_DELIVERED : judge(err);
}

static bool
copy(Get *get, BkReader *reader, BkFile *file, BkError *err)
{
	char	   *buf = malloc(BK_STREAM_BUFFER);
	size_t		got = 1;
	bool		ok = buf != NULL || bk_error_memory(err);

	get->size = 0;
	while (ok && got > 0)
	{
		ok = bk_go_on(get->host, err) &&
			bk_read(reader, buf, BK_STREAM_BUFFER, &got, err);
		if (ok && bk_file_write(file, buf, got) != 0)
			ok = bk_error_errno(err, "could not write \"%s\"", get->request->path);
		get->size += ok ? got : 0;
	}
	free(buf);
	return ok;
}

/*
 * The listing has no such file. That is the end of WAL only in the repository
 * of this cluster, and only if nothing later is there. (A standby need not
 * know: it takes no end for final.)
 */
static Answer
prove_absence(Get *get, BkRepository *repo, BkError *err)
{
	const BkWalName *name = &get->name;
	bool		history = name->kind == BK_WAL_HISTORY;
	bool		later;

	if (!require_cluster(get, repo, err))
		return judge(err);
	if (history ? name->timeline == 1 : name->kind != BK_WAL_SEGMENT || get->standby)
		return GET_ABSENT;
	if (!(history ? has_timeline : has_later) (get, repo, &later, err))
		return judge(err);
	return later ? GET_UNSETTLED : GET_ABSENT;
}

/* Any other repository would prove nothing. */
static bool
require_cluster(const Get *get, BkRepository *repo, BkError *err)
{
	BkServer	server = {.system_identifier = get->system_identifier};

	if (bk_writer_check(repo, &server, err))
		return true;
	if (!bk_error_is(err, BK_STATE_WRONG_STATE))
		return false;
	bk_error(err, BK_STATE_WRONG_STATE, "the repository \"%s\" has nothing of this cluster",
			 repo->url);
	bk_error_detail(err, "It has no record of system identifier %s.", get->system_identifier);
	return bk_error_hint(err, "Check the repository in restore_command, and what is mounted there.");
}

/* *err is set as well if there is WAL behind the segment. */
static bool
has_later(const Get *get, BkRepository *repo, bool *later, BkError *err)
{
	BkWalMap   *map = bk_wal_map_read(repo, get->system_identifier, 0, err);
	bool		ok;

	*later = false;
	if (map == NULL)
		return false;
	for (size_t i = 0; i < map->count && !*later; i++)
		*later = goes_on(&map->timelines[i], &get->name, map->segment_size, err);
	ok = *later || has_histories(get, map, err);
	bk_wal_map_free(map);
	if (*later)
		bk_error_hint(err, "If a server still has the file in pg_wal, archive it from there with \"pg_backup_ext archive-push\". To recover up to the gap only, set recovery_target_lsn to a position before it.");
	return ok;
}

/* A later timeline that nobody can tell the origin of proves nothing. */
static bool
has_histories(const Get *get, const BkWalMap *map, BkError *err)
{
	for (size_t i = 0; i < map->count; i++)
	{
		const BkTimeline *timeline = &map->timelines[i];

		if (timeline->id <= get->name.timeline || timeline->history_problem == NULL)
			continue;
		bk_error(err, BK_STATE_CORRUPT, "it is not known whether \"%s\" is the end of the archive",
				 get->name.text);
		return bk_error_detail(err, "The history of timeline %u cannot be used: %.1000s.",
							   timeline->id, timeline->history_problem);
	}
	return true;
}

/*
 * Does a timeline say that there was WAL behind this segment: its own, or what
 * it took over from the segment's timeline before it left that? The segment in
 * which it left is its own first one.
 */
static bool
goes_on(const BkTimeline *timeline, const BkWalName *name,
		uint32_t segment_size, BkError *gap)
{
	uint64_t	number = bk_wal_segment_number(name, segment_size);
	const BkHistory *history = &timeline->history;
	bool		own = timeline->id == name->timeline &&
		timeline->segment_count > 0 && timeline->last > number;

	for (size_t i = 0; i < history->count && !own; i++)
	{
		const BkHistoryEntry *entry = &history->entries[i];
		char		lsn[BK_LSN_SIZE];

		if (entry->timeline != name->timeline || entry->switch_lsn / segment_size <= number)
			continue;
		bk_lsn_format(entry->switch_lsn, lsn);
		bk_error(gap, BK_STATE_MISSING_FILE, "\"%s\" is missing in the archive", name->text);
		bk_error_detail(gap, "Timeline %u comes from timeline %u at %s, which is later: the archive has a gap.",
						timeline->id, name->timeline, lsn);
		return true;
	}
	if (!own)
		return false;
	bk_error(gap, BK_STATE_MISSING_FILE, "\"%s\" is missing in the archive", name->text);
	bk_error_detail(gap, "Later WAL of timeline %u is there: the archive has a gap.", name->timeline);
	return true;
}

/* *err is set as well if there is anything of the timeline. */
static bool
has_timeline(const Get *get, BkRepository *repo, bool *there, BkError *err)
{
	const BkWalName *name = &get->name;

	*there = false;
	if (!bk_wal_walk(repo, get->system_identifier, name->timeline, is_wal, there, err) &&
		!*there)
		return false;
	if (!*there)
		return true;
	bk_error(err, BK_STATE_MISSING_FILE, "\"%s\" is missing in the archive", name->text);
	bk_error_detail(err, "WAL of timeline %u is there: without its history recovery would take a wrong turn.",
					name->timeline);
	bk_error_hint(err, "Archive the history file of that timeline again from a server that has it, or name another recovery_target_timeline.");
	return true;
}

/* One is enough: false ends the walk. */
static bool
is_wal(void *arg, const BkWalName *name, const BkWalFound *found,
	   BkError *err)
{
	bool	   *there = arg;

	(void) found;
	*there = *there || name->kind != BK_WAL_HISTORY;
	return !*there ||
		bk_error(err, BK_STATE_CANCELED, "found what was looked for");
}

static Answer
judge(const BkError *err)
{
	static const char *const final[] = {
		BK_STATE_WRONG_STATE, BK_STATE_BAD_ARGUMENT, BK_STATE_UNSUPPORTED,
		BK_STATE_DUP_KEY, BK_STATE_DUP_OBJECT, BK_STATE_CANCELED,
	};

	for (size_t i = 0; i < sizeof(final) / sizeof(final[0]); i++)
	{
		if (bk_error_is(err, final[i]))
			return GET_REFUSED;
	}
	return bk_error_is(err, BK_STATE_CORRUPT) ? GET_UNSETTLED : GET_FAILED;
}
