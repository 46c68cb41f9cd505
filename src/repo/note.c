/*
 * note.c
 *	  Write and read the notes on a backup.
 */
#include "repo/note.h"

#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "core/digest.h"
#include "repo/layout.h"

#define NOTE_MAX_SIZE	(64 * 1024)

#define KIND_VERIFIED	"verified"
#define KIND_BAD		"bad"

/* The newest note by name: names begin with the time. */
typedef struct Newest
{
	char		key[BK_KEY_SIZE];
} Newest;

static bool find_newest(BkRepository *repo, const char *id, Newest *newest,
						BkError *err);
static bool note_found(void *arg, const char *key, const BkObjectStat *stat,
					   BkError *err);
static void move_behind(int64_t *seconds, const Newest *newest);

bool
bk_note_verdict(BkRepository *repo, const char *id, const char *level,
				const char *problem, BkError *err)
{
	const char *kind = problem == NULL ? KIND_VERIFIED : KIND_BAD;
	char		compact[BK_CLOCK_COMPACT_SIZE];
	char		now[BK_CLOCK_TEXT_SIZE];
	char		random[5];
	char		name[64];
	char		key[BK_KEY_SIZE];
	int64_t		seconds = bk_clock_now();
	Newest		newest;
	BkJson	   *json;

	if (!bk_random_label(random, 4, err) ||
		!find_newest(repo, id, &newest, err))
		return false;
	bk_clock_format(seconds, now);
	move_behind(&seconds, &newest);
	bk_clock_format_compact(seconds, compact);
	snprintf(name, sizeof(name), "%s-%s-%s", compact, kind, random);
	bk_layout_note(key, id, name);

	json = bk_json_object();
	bk_json_put_string(json, "backup", id);
	bk_json_put_string(json, "kind", kind);
	bk_json_put_string(json, "level", level);
	bk_json_put_string(json, "at", now);
	if (problem != NULL)
		bk_json_put_words(json, "problem", problem);
	return bk_repository_put_json(repo, key, json, err);
}

bool
bk_note_read(BkRepository *repo, const char *id, BkVerdict *verdict,
			 BkError *err)
{
	Newest		newest;
	BkJson	   *json;

	memset(verdict, 0, sizeof(*verdict));
	if (!find_newest(repo, id, &newest, err))
		return false;
	if (newest.key[0] == '\0')
		return true;
	json = bk_repository_get_json(repo, newest.key, NOTE_MAX_SIZE,
								  BK_SEAL_AUTHENTIC, err);
	if (json == NULL)
		return false;
	verdict->known = true;
	verdict->good = strcmp(bk_json_string(bk_json_get(json, "kind"), ""),
						   KIND_VERIFIED) == 0;
	snprintf(verdict->verified_at, sizeof(verdict->verified_at), "%s",
			 bk_json_string(bk_json_get(json, "at"), ""));
	snprintf(verdict->level, sizeof(verdict->level), "%s",
			 bk_json_string(bk_json_get(json, "level"), ""));
	snprintf(verdict->problem, sizeof(verdict->problem), "%s",
			 bk_json_string(bk_json_get(json, "problem"), ""));
	bk_json_free(json);
	return true;
}

static bool
find_newest(BkRepository *repo, const char *id, Newest *newest, BkError *err)
{
	char		folder[BK_KEY_SIZE];

	newest->key[0] = '\0';
	bk_layout_notes(folder, id);
	return bk_storage_list(repo->storage, folder, note_found, newest, err);
}

static bool
note_found(void *arg, const char *key, const BkObjectStat *stat, BkError *err)
{
	Newest	   *newest = arg;

	(void) stat;
	(void) err;
	if (strcmp(key, newest->key) > 0)
		snprintf(newest->key, sizeof(newest->key), "%s", key);
	return true;
}

/*
 * Take a later time where the newest note has this one, or one that a clock
 * which was wrong gave it: else the name would not say which came last.
 */
static void
move_behind(int64_t *seconds, const Newest *newest)
{
	const char *name = strrchr(newest->key, '/');
	char		compact[BK_CLOCK_COMPACT_SIZE];
	int64_t		last;

	if (name == NULL)
		return;
	snprintf(compact, sizeof(compact), "%.*s",
			 (int) sizeof(compact) - 1, name + 1);
	if (bk_clock_parse_compact(compact, &last) && last >= *seconds)
		*seconds = last + 1;
}
