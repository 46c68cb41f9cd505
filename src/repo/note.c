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

static bool note_found(void *arg, const char *key, const BkObjectStat *stat,
					   BkError *err);

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
	BkJson	   *json;

	if (!bk_random_label(random, 4, err))
		return false;
	bk_clock_format_compact(seconds, compact);
	bk_clock_format(seconds, now);
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
	char		folder[BK_KEY_SIZE];
	Newest		newest = {.key = ""};
	BkJson	   *json;

	memset(verdict, 0, sizeof(*verdict));
	bk_layout_notes(folder, id);
	if (!bk_storage_list(repo->storage, folder, note_found, &newest, err))
		return false;
	if (newest.key[0] == '\0')
		return true;
	json = bk_repository_get_json(repo, newest.key, NOTE_MAX_SIZE, err);
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
note_found(void *arg, const char *key, const BkObjectStat *stat, BkError *err)
{
	Newest	   *newest = arg;

	(void) stat;
	(void) err;
	if (strcmp(key, newest->key) > 0)
		snprintf(newest->key, sizeof(newest->key), "%s", key);
	return true;
}
