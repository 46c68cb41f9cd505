/*
 * sftp_list.c
 *	  Going through the folders of an SFTP server.
 *
 * The server lists a folder in lines as "ls -l" has them, which is all that
 * curl passes on of it:
 *
 *	  -rw-------    1 backup   backup      70123 Nov 21 15:58 name
 *	  drwx------    2 backup   backup       4096 Mar  3  2025 name
 *
 * The time is that of the server's zone, and rough. So the last file of each
 * folder is asked for its own, which tells how far the zone is away; the
 * others are right to the minute, older ones to the day. A line that cannot
 * be read ends the listing with an error, since it may hide an object.
 */
#include "storage/sftp_list.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/clock.h"

#define TEMPORARY	".tmp-"
#define DAY			((int64_t) 24 * 60 * 60)
#define ZONE_STEP	(15 * 60)

typedef struct SftpEntry
{
	char	   *name;			/* with a slash at the end: a folder */
	BkObjectStat stat;
	bool		rough;			/* the time is that of the line */
	bool		to_the_day;
} SftpEntry;

typedef struct SftpFolder
{
	SftpEntry  *entries;
	size_t		count;
	size_t		size;
} SftpFolder;

typedef struct SftpWalk
{
	BkSftp	   *session;
	BkBuf		key;			/* of the folder at hand, with a slash, or "" */
	const char *beginning;		/* of names in the one folder that is asked for; NULL: all, in all folders */
	BkStorageVisit visit;
	void	   *arg;
	bool		sweeping;		/* temporaries are looked at, and nothing else */
	bool		dead;			/* nobody works on any of them */
	int64_t		now;			/* by the server's clock; 0: not known yet */
} SftpWalk;

static bool visit_temporary(void *arg, const char *key,
							const BkObjectStat *stat, BkError *err);
static bool ask_time(SftpWalk *walk, BkError *err);
static bool walk_prefix(SftpWalk *walk, const char *prefix, BkError *err);
static bool walk_folder(SftpWalk *walk, BkError *err);
static bool visit_entry(SftpWalk *walk, SftpEntry *entry, BkError *err);
static bool read_folder(SftpWalk *walk, SftpFolder *folder, BkError *err);
static bool read_line(SftpWalk *walk, char *line, SftpFolder *folder,
					  BkError *err);
static bool is_wanted(const SftpWalk *walk, const char *name);
static char *find_size(char *line, SftpEntry *entry);
static void read_time(const char *month, int day, const char *rest,
					  SftpEntry *entry);
static bool add_entry(SftpFolder *folder, const SftpEntry *entry,
					  const char *name, BkError *err);
static bool correct_times(SftpWalk *walk, SftpFolder *folder, BkError *err);
static bool ask_entry(SftpWalk *walk, SftpEntry *entry, BkError *err);
static int	compare_entries(const void *left, const void *right);
static void free_folder(SftpFolder *folder);

bool
bk_sftp_list(BkSftp *sftp, const char *prefix, BkStorageVisit visit,
			 void *arg, BkError *err)
{
	SftpWalk	walk = {.session = sftp, .visit = visit, .arg = arg};

	return walk_prefix(&walk, prefix, err);
}

bool
bk_sftp_match(BkSftp *sftp, const char *beginning, BkStorageVisit visit,
			  void *arg, BkError *err)
{
	const char *slash = strrchr(beginning, '/');
	char	   *folder = strndup(beginning, slash == NULL ? 0 :
								 (size_t) (slash - beginning));
	SftpWalk	walk = {
		.session = sftp,
		.visit = visit,
		.arg = arg,
		.beginning = slash == NULL ? beginning : slash + 1,
	};
	bool		done = folder != NULL ? walk_prefix(&walk, folder, err) :
		bk_error_memory(err);

	free(folder);
	return done;
}

bool
bk_sftp_sweep(BkSftp *sftp, const char *prefix, bool dead,
			  BkError *err)
{
	SftpWalk	walk = {.session = sftp, .visit = visit_temporary, .sweeping = true, .dead = dead};

	walk.arg = &walk;
	return walk_prefix(&walk, prefix, err);
}

static bool
visit_temporary(void *arg, const char *key, const BkObjectStat *stat,
				BkError *err)
{
	SftpWalk   *walk = arg;
	BkObjectStat now;

	(void) stat;
	if (walk->dead)
		return bk_sftp_remove(walk->session, key, err);
	if (!ask_time(walk, err) || !bk_sftp_look(walk->session, key, &now, err))
		return false;
	return !now.exists || now.modified > walk->now - DAY ||
		bk_sftp_remove(walk->session, key, err);
}

/* The server's clock: what it says of a file that was written just now. */
static bool
ask_time(SftpWalk *walk, BkError *err)
{
	static const char key[] = TEMPORARY "clock";
	BkObjectStat stat;

	if (walk->now != 0)
		return true;
	if (!bk_sftp_append(walk->session, key, 0, "", 0, err) ||
		!bk_sftp_look(walk->session, key, &stat, err) ||
		!bk_sftp_remove(walk->session, key, err))
		return false;
	walk->now = stat.modified;
	return true;
}

static bool
walk_prefix(SftpWalk *walk, const char *prefix, BkError *err)
{
	bool		done;

	bk_buf_init(&walk->key);
	bk_buf_append_string(&walk->key, prefix);
	if (walk->key.len > 0 && walk->key.data[walk->key.len - 1] == '/')
		bk_buf_truncate(&walk->key, walk->key.len - 1);
	done = bk_buf_check(&walk->key, err) &&
		(*prefix == '\0' || bk_storage_check_key(walk->key.data, err));
	if (done && *prefix != '\0')
		bk_buf_append(&walk->key, "/", 1);
	done = done && walk_folder(walk, err);
	bk_buf_free(&walk->key);
	return done;
}

static bool
walk_folder(SftpWalk *walk, BkError *err)
{
	SftpFolder	folder = {0};
	bool		done = read_folder(walk, &folder, err);

	if (done && folder.count > 0)
		qsort(folder.entries, folder.count, sizeof(SftpEntry), compare_entries);
	done = done && (walk->sweeping || correct_times(walk, &folder, err));
	for (size_t i = 0; done && i < folder.count; i++)
		done = visit_entry(walk, &folder.entries[i], err);
	free_folder(&folder);
	return done;
}

static bool
visit_entry(SftpWalk *walk, SftpEntry *entry, BkError *err)
{
	size_t		before = walk->key.len;
	bool		done;

	bk_buf_append_string(&walk->key, entry->name);
	if (!bk_buf_check(&walk->key, err))
		return false;
	if (entry->stat.exists)
		done = walk->visit(walk->arg, walk->key.data, &entry->stat, err);
	else
		done = walk->beginning != NULL || walk_folder(walk, err);
	bk_buf_truncate(&walk->key, before);
	return done;
}

static bool
read_folder(SftpWalk *walk, SftpFolder *folder, BkError *err)
{
	char	   *key = strndup(walk->key.data == NULL ? "" : walk->key.data,
							  walk->key.len > 0 ? walk->key.len - 1 : 0);
	BkBuf		lines;
	char	   *next;
	bool		done;

	if (key == NULL)
		return bk_error_memory(err);
	bk_buf_init(&lines);
	done = bk_sftp_lines(walk->session, key, &lines, err);
	next = lines.data;
	while (done && next != NULL && *next != '\0')
	{
		char	   *line = strsep(&next, "\n");

		done = read_line(walk, line, folder, err);
	}
	bk_buf_free(&lines);
	free(key);
	return done;
}

/* The root of a file system has a folder that is not ours to read. */
static bool
read_line(SftpWalk *walk, char *line, SftpFolder *folder, BkError *err)
{
	SftpEntry	entry = {0};
	char		type = *line;
	char	   *name = find_size(line, &entry);

	if (name == NULL)
	{
		bk_error(err, BK_STATE_PROTOCOL, "could not list \"%s\" in \"%s\"",
				 walk->key.len > 0 ? walk->key.data : "/",
				 bk_sftp_place(walk->session));
		return bk_error_detail(err, "The server listed \"%.200s\", which cannot be understood.",
							   line);
	}
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
		(walk->key.len == 0 && strcmp(name, "lost+found") == 0))
		return true;
	if (type != '-' && type != 'd')
		return bk_error(err, BK_STATE_WRONG_STATE,
						"\"%s%s\" in \"%s\" is neither a file nor a directory",
						walk->key.len > 0 ? walk->key.data : "", name,
						bk_sftp_place(walk->session));
	entry.stat.exists = type == '-';
	if (!is_wanted(walk, name) && (type == '-' || walk->beginning != NULL))
		return true;
	return add_entry(folder, &entry, name, err);
}

static bool
is_wanted(const SftpWalk *walk, const char *name)
{
	bool		temporary = strncmp(name, TEMPORARY, strlen(TEMPORARY)) == 0;

	if (walk->beginning != NULL &&
		strncmp(name, walk->beginning, strlen(walk->beginning)) != 0)
		return false;
	return temporary == walk->sweeping;
}

/*
 * Find where size, month, day and time or year stand in a row, behind mode,
 * links, user and group. What follows them after one blank is the name.
 */
static char *
find_size(char *line, SftpEntry *entry)
{
	char	   *at = line + strcspn(line, " ");

	while (*at != '\0')
	{
		unsigned long long size;
		char		month[4];
		char		rest[6];
		int			day;
		int			end = 0;

		at += strspn(at, " ");
		if (isdigit((unsigned char) *at) &&
			sscanf(at, "%llu %3[A-Za-z] %2d %5[0-9:]%n", &size, month, &day, rest, &end) == 4 &&
			at[end] == ' ' && at[end + 1] != '\0')
		{
			entry->stat.size = size;
			read_time(month, day, rest, entry);
			return at + end + 1;
		}
		at += strcspn(at, " ");
	}
	return NULL;
}

/* As UTC. A time without a year is one of the last twelve months. */
static void
read_time(const char *month, int day, const char *rest, SftpEntry *entry)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	const char *found = strstr(months, month);
	time_t		now = (time_t) bk_clock_now();
	struct tm	tm;
	int			hour;
	int			minute;
	int			year;

	if (found == NULL || gmtime_r(&now, &tm) == NULL)
		return;
	tm.tm_mon = (int) (found - months) / 3;
	tm.tm_mday = day;
	tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
	if (sscanf(rest, "%2d:%2d", &hour, &minute) == 2)
	{
		tm.tm_hour = hour;
		tm.tm_min = minute;
		if (timegm(&tm) > now + 2 * DAY)
			tm.tm_year--;
	}
	else if (sscanf(rest, "%4d", &year) == 1)
	{
		tm.tm_year = year - 1900;
		entry->to_the_day = true;
	}
	else
		return;
	entry->stat.modified = (int64_t) timegm(&tm);
	entry->rough = true;
}

static bool
add_entry(SftpFolder *folder, const SftpEntry *entry, const char *name,
		  BkError *err)
{
	BkBuf		text;
	SftpEntry  *added;

	if (folder->count == folder->size)
	{
		size_t		size = folder->size > 0 ? folder->size * 2 : 16;
		SftpEntry  *entries = reallocarray(folder->entries, size, sizeof(SftpEntry));

		if (entries == NULL)
			return bk_error_memory(err);
		folder->entries = entries;
		folder->size = size;
	}
	bk_buf_init(&text);
	bk_buf_printf(&text, "%s%s", name, entry->stat.exists ? "" : "/");
	added = &folder->entries[folder->count];
	*added = *entry;
	added->name = bk_buf_take(&text, err);
	if (added->name == NULL)
		return false;
	folder->count++;
	return true;
}

/* Ask for the last one, and for those whose lines had no time. */
static bool
correct_times(SftpWalk *walk, SftpFolder *folder, BkError *err)
{
	int64_t		zone = 0;
	bool		last = true;

	for (size_t i = folder->count; i-- > 0;)
	{
		SftpEntry  *entry = &folder->entries[i];
		int64_t		line = entry->stat.modified;

		if (!entry->stat.exists)
			continue;
		if ((last || !entry->rough) && !ask_entry(walk, entry, err))
			return false;
		if (last && entry->rough && !entry->to_the_day)
		{
			int64_t		away = entry->stat.modified - line + ZONE_STEP / 2;

			zone = (away - ((away % ZONE_STEP) + ZONE_STEP) % ZONE_STEP);
		}
		else if (!last && entry->rough)
			entry->stat.modified += zone;
		last = false;
	}
	return true;
}

/* One that has gone meanwhile keeps what the line said. */
static bool
ask_entry(SftpWalk *walk, SftpEntry *entry, BkError *err)
{
	size_t		before = walk->key.len;
	BkObjectStat stat;
	bool		done;

	bk_buf_append_string(&walk->key, entry->name);
	done = bk_buf_check(&walk->key, err) &&
		bk_sftp_look(walk->session, walk->key.data, &stat, err);
	bk_buf_truncate(&walk->key, before);
	if (done && stat.exists)
		entry->stat = stat;
	return done;
}

static int
compare_entries(const void *left, const void *right)
{
	return strcmp(((const SftpEntry *) left)->name,
				  ((const SftpEntry *) right)->name);
}

static void
free_folder(SftpFolder *folder)
{
	for (size_t i = 0; i < folder->count; i++)
		free(folder->entries[i].name);
	free(folder->entries);
}
