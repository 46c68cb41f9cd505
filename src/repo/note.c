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
#define KIND_PIN		"pin"
#define KIND_UNPIN		"unpin"
#define KIND_EXPIRED	"expired"

/* Kinds of which the newest note decides; a kind of the first two is a verdict. */
typedef enum Topic
{
	TOPIC_VERDICT,
	TOPIC_PIN,
	TOPIC_EXPIRED,
	TOPIC_COUNT
} Topic;

static const struct
{
	const char *kind;
	Topic		topic;
}			kinds[] = {
	{KIND_VERIFIED, TOPIC_VERDICT}, {KIND_BAD, TOPIC_VERDICT},
	{KIND_PIN, TOPIC_PIN}, {KIND_UNPIN, TOPIC_PIN},
	{KIND_EXPIRED, TOPIC_EXPIRED},
};

/* The newest note of each topic, and of all, by name: names begin with the time. */
typedef struct Newest
{
	char		keys[TOPIC_COUNT][BK_KEY_SIZE];
	char		any[BK_KEY_SIZE];
} Newest;

static bool write_note(BkRepository *repo, const char *id, const char *kind,
					   int64_t now, BkJson *json, BkError *err);
static bool find_newest(BkRepository *repo, const char *id, Newest *newest,
						BkError *err);
static bool note_found(void *arg, const char *key, const BkObjectStat *stat,
					   BkError *err);
static bool has_kind(const char *key, const char *kind);
static void move_behind(int64_t *seconds, const Newest *newest);
static void read_verdict(const BkJson *json, BkVerdict *verdict);
static bool read_pin(const BkJson *json, BkVerdict *verdict, BkError *err);
static bool read_expired(const BkJson *json, BkVerdict *verdict, BkError *err);

bool
bk_note_verdict(BkRepository *repo, const char *id, const char *level,
				const char *problem, BkError *err)
{
	BkJson	   *json = bk_json_object();

	bk_json_put_string(json, "level", level);
	if (problem != NULL)
		bk_json_put_words(json, "problem", problem);
	return write_note(repo, id, problem == NULL ? KIND_VERIFIED : KIND_BAD,
					  bk_clock_now(), json, err);
}

bool
bk_note_pin(BkRepository *repo, const char *id, int64_t until, BkError *err)
{
	char		text[BK_CLOCK_TEXT_SIZE];
	BkJson	   *json = bk_json_object();

	bk_clock_format(until, text);
	if (until != 0)
		bk_json_put_string(json, "until", until == BK_NOTE_FOREVER ? NULL : text);
	return write_note(repo, id, until == 0 ? KIND_UNPIN : KIND_PIN,
					  bk_clock_now(), json, err);
}

bool
bk_note_expired(BkRepository *repo, const char *id, int64_t now, BkError *err)
{
	return write_note(repo, id, KIND_EXPIRED, now, bk_json_object(), err);
}

bool
bk_note_read(BkRepository *repo, const char *id, BkVerdict *verdict,
			 BkError *err)
{
	Newest		newest;
	bool		ok = true;

	memset(verdict, 0, sizeof(*verdict));
	if (!find_newest(repo, id, &newest, err))
		return false;
	for (Topic topic = 0; ok && topic < TOPIC_COUNT; topic++)
	{
		BkJson	   *json = NULL;

		if (newest.keys[topic][0] == '\0')
			continue;
		json = bk_repository_get_json(repo, newest.keys[topic], NOTE_MAX_SIZE,
									  BK_SEAL_AUTHENTIC, err);
		ok = json != NULL;
		if (ok && topic == TOPIC_VERDICT)
			read_verdict(json, verdict);
		else if (ok && topic == TOPIC_PIN)
			ok = read_pin(json, verdict, err);
		else if (ok)
			ok = read_expired(json, verdict, err);
		bk_json_free(json);
	}
	return ok;
}

/* Add what all notes have, and store it; the JSON is freed. */
static bool
write_note(BkRepository *repo, const char *id, const char *kind, int64_t now,
		   BkJson *json, BkError *err)
{
	char		compact[BK_CLOCK_COMPACT_SIZE];
	char		text[BK_CLOCK_TEXT_SIZE];
	char		random[5];
	char		name[64];
	char		key[BK_KEY_SIZE];
	int64_t		seconds = now;
	Newest		newest;

	if (!bk_random_label(random, 4, err) ||
		!find_newest(repo, id, &newest, err))
	{
		bk_json_free(json);
		return false;
	}
	bk_clock_format(seconds, text);
	move_behind(&seconds, &newest);
	bk_clock_format_compact(seconds, compact);
	snprintf(name, sizeof(name), "%s-%s-%s", compact, kind, random);
	bk_layout_note(key, id, name);
	bk_json_put_string(json, "backup", id);
	bk_json_put_string(json, "kind", kind);
	bk_json_put_string(json, "at", text);
	return bk_repository_put_json(repo, key, json, err);
}

static void
read_verdict(const BkJson *json, BkVerdict *verdict)
{
	verdict->known = true;
	verdict->good = strcmp(bk_json_string(bk_json_get(json, "kind"), ""),
						   KIND_VERIFIED) == 0;
	snprintf(verdict->verified_at, sizeof(verdict->verified_at), "%s",
			 bk_json_string(bk_json_get(json, "at"), ""));
	snprintf(verdict->level, sizeof(verdict->level), "%s",
			 bk_json_string(bk_json_get(json, "level"), ""));
	snprintf(verdict->problem, sizeof(verdict->problem), "%s",
			 bk_json_string(bk_json_get(json, "problem"), ""));
}

/* A pin that is not understood must not be taken for none. */
static bool
read_pin(const BkJson *json, BkVerdict *verdict, BkError *err)
{
	const BkJson *until = bk_json_get(json, "until");

	if (strcmp(bk_json_string(bk_json_get(json, "kind"), ""), KIND_UNPIN) == 0)
		return true;
	if (until == NULL)
		verdict->pinned_until = BK_NOTE_FOREVER;
	return until == NULL ||
		bk_clock_parse(bk_json_string(until, ""), &verdict->pinned_until) ||
		bk_error(err, BK_STATE_CORRUPT, "a note says no time until which the backup is pinned");
}

static bool
read_expired(const BkJson *json, BkVerdict *verdict, BkError *err)
{
	return bk_clock_parse(bk_json_string(bk_json_get(json, "at"), ""),
						  &verdict->expired_at) ||
		bk_error(err, BK_STATE_CORRUPT, "a note says no time at which the backup has expired");
}

static bool
find_newest(BkRepository *repo, const char *id, Newest *newest, BkError *err)
{
	char		folder[BK_KEY_SIZE];

	memset(newest, 0, sizeof(*newest));
	bk_layout_notes(folder, id);
	return bk_storage_list(repo->storage, folder, note_found, newest, err);
}

static bool
note_found(void *arg, const char *key, const BkObjectStat *stat, BkError *err)
{
	Newest	   *newest = arg;

	(void) stat;
	(void) err;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
	{
		char	   *known = newest->keys[kinds[i].topic];

		if (has_kind(key, kinds[i].kind) && strcmp(key, known) > 0)
			snprintf(known, BK_KEY_SIZE, "%s", key);
	}
	if (strcmp(key, newest->any) > 0)
		snprintf(newest->any, sizeof(newest->any), "%s", key);
	return true;
}

/* The kind stands in the name, between the time and the last hyphen. */
static bool
has_kind(const char *key, const char *kind)
{
	const char *name = strrchr(key, '/');
	size_t		length = strlen(kind);

	if (name == NULL || strlen(name + 1) < BK_CLOCK_COMPACT_SIZE + length)
		return false;
	name += 1 + BK_CLOCK_COMPACT_SIZE;
	return strncmp(name, kind, length) == 0 && name[length] == '-' &&
		strchr(name + length + 1, '-') == NULL;
}

/*
 * Take a later time where the newest note has this one, or one that a clock
 * which was wrong gave it: else the name would not say which came last.
 */
static void
move_behind(int64_t *seconds, const Newest *newest)
{
	const char *name = strrchr(newest->any, '/');
	char		compact[BK_CLOCK_COMPACT_SIZE];
	int64_t		last;

	if (name == NULL)
		return;
	snprintf(compact, sizeof(compact), "%.*s",
			 (int) sizeof(compact) - 1, name + 1);
	if (bk_clock_parse_compact(compact, &last) && last >= *seconds)
		*seconds = last + 1;
}
