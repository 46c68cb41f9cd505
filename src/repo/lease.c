/*
 * lease.c
 *	  Take a slot: look, write, look again.
 *
 * Of two that write at once each may see the other, or only one of them may.
 * Who sees somebody with a lower name steps back and removes what he wrote.
 * Who has the lowest name himself cannot know whether the others have seen it:
 * he waits for them to step back, and does so himself if they do not.
 */
#include "repo/lease.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/process.h"
#include "repo/layout.h"

#define LEASE_MAX_SIZE	(64 * 1024)
#define LEASE_LOOK_MS	100
#define LEASE_KEPT_S	(24 * 3600)
#define LEASE_UNSURE_S	(20 * 60)	/* of one that may have gone with its machine */

/* What a look at the leases finds. */
typedef struct Look
{
	BkRepository *repo;
	const BkLeaseSlot *slot;
	char		other[BK_KEY_SIZE]; /* the lowest of another place, or "" */
	bool		unsure;			/* nobody knows whether that one lives */
	char		hostname[BK_PLACE_NAME_SIZE];	/* where that is */
	char		directory[BK_PLACE_PATH_SIZE];
} Look;

static bool look(BkRepository *repo, const BkLeaseSlot *slot, Look *found,
				 BkError *err);
static bool lease_found(void *arg, const char *key, const BkObjectStat *stat,
						BkError *err);
static bool old_found(void *arg, const char *key, const BkObjectStat *stat,
					  BkError *err);
static bool begin_key(const BkLeaseSlot *slot, const char *name, char *key,
					  BkError *err);
static bool write_lease(BkRepository *repo, const BkLeaseSlot *slot, bool done,
						char *key, BkError *err);
static bool prevail(BkRepository *repo, const BkLeaseSlot *slot,
					const BkHost *host, const char *key, BkError *err);
static bool step_back(const Look *found, BkError *err);
static void clean(BkRepository *repo, const char *system_identifier);

bool
bk_lease_take(BkRepository *repo, const BkLeaseSlot *slot, const BkHost *host,
			  char *key, BkError *err)
{
	Look		found;

	clean(repo, slot->system_identifier);
	if (!look(repo, slot, &found, err))
		return false;
	if (found.other[0] != '\0')
		return step_back(&found, err);
	if (!write_lease(repo, slot, false, key, err))
		return false;
	if (prevail(repo, slot, host, key, err))
		return true;
	bk_lease_give_back(repo, key);
	return false;
}

bool
bk_lease_finish(BkRepository *repo, const BkLeaseSlot *slot, const char *key,
				BkError *err)
{
	char		done[BK_KEY_SIZE];

	if (!write_lease(repo, slot, true, done, err))
		return false;
	bk_lease_give_back(repo, key);
	return true;
}

void
bk_lease_give_back(BkRepository *repo, const char *key)
{
	BkError		ignored;

	bk_storage_remove(repo->storage, key, &ignored);
}

static bool
look(BkRepository *repo, const BkLeaseSlot *slot, Look *found, BkError *err)
{
	char		beginning[BK_KEY_SIZE];

	memset(found, 0, sizeof(*found));
	found->repo = repo;
	found->slot = slot;
	return begin_key(slot, "", beginning, err) &&
		bk_storage_match(repo->storage, beginning, lease_found, found, err);
}

/* One that is gone by now, or cannot be read, is in nobody's way. */
static bool
lease_found(void *arg, const char *key, const BkObjectStat *stat, BkError *err)
{
	Look	   *found = arg;
	BkError		ignored;
	BkJson	   *json = bk_repository_get_json(found->repo, key, LEASE_MAX_SIZE,
											  BK_SEAL_INTACT, &ignored);
	const BkJson *process = bk_json_get(json, "process");
	bool		done = bk_json_bool(bk_json_get(json, "done"), false);
	BkLife		life = bk_process_life(process);
	bool		is_lost = life == BK_LIFE_DEAD ||
		(life == BK_LIFE_UNKNOWN && bk_layout_lease_time(key) < bk_clock_now() - LEASE_UNSURE_S);

	(void) stat;
	(void) err;
	if (json != NULL && found->other[0] == '\0' &&
		strcmp(bk_json_string(bk_json_get(json, "place"), ""), found->slot->place->id) != 0 &&
		(done || !is_lost))
	{
		found->unsure = !done && life == BK_LIFE_UNKNOWN;
		snprintf(found->other, sizeof(found->other), "%s", key);
		snprintf(found->hostname, sizeof(found->hostname), "%s",
				 bk_json_string(bk_json_get(process, "hostname"), "?"));
		snprintf(found->directory, sizeof(found->directory), "%s",
				 bk_json_string(bk_json_get(json, "data_directory"), "?"));
	}
	bk_json_free(json);
	return true;
}

/* An object has any name, and a name in a key must be short: its digest is. */
static bool
begin_key(const BkLeaseSlot *slot, const char *name, char *key, BkError *err)
{
	char		digest[BK_DIGEST_HEX_SIZE];

	if (!bk_digest_hex(slot->object, strlen(slot->object), digest, err))
		return false;
	return bk_layout_lease(key, slot->system_identifier, slot->schedule,
						   slot->at, digest, name) ||
		bk_error(err, BK_STATE_BAD_ARGUMENT,
				 "invalid name of a schedule: \"%.200s\"", slot->schedule);
}

static bool
write_lease(BkRepository *repo, const BkLeaseSlot *slot, bool done, char *key,
			BkError *err)
{
	char		compact[BK_CLOCK_COMPACT_SIZE];
	char		at[BK_CLOCK_TEXT_SIZE];
	char		random[5];
	char		name[64];
	BkJson	   *process;
	BkJson	   *json;

	if (!bk_random_label(random, 4, err))
		return false;
	bk_clock_format_compact(bk_clock_now(), compact);
	snprintf(name, sizeof(name), "%s-%s.json", compact, random);
	if (!begin_key(slot, name, key, err))
		return false;
	process = bk_process_self(err);
	if (process == NULL)
		return false;
	bk_clock_format(slot->at, at);
	json = bk_json_object();
	bk_json_put_string(json, "schedule", slot->schedule);
	bk_json_put_string(json, "slot_at", at);
	bk_json_put_string(json, "object", slot->object);
	bk_json_put_string(json, "place", slot->place->id);
	bk_json_put_string(json, "data_directory", slot->place->data_directory);
	bk_json_put(json, "process", process);
	if (done)
		bk_json_put_bool(json, "done", true);
	return bk_repository_put_json(repo, key, json, err);
}

/* Look until nobody else is there, or somebody who stays. */
static bool
prevail(BkRepository *repo, const BkLeaseSlot *slot, const BkHost *host,
		const char *key, BkError *err)
{
	int64_t		end = bk_clock_monotonic_ms() + slot->patience_ms;
	Look		found;

	for (;;)
	{
		if (!bk_go_on(host, err) || !look(repo, slot, &found, err))
			return false;
		if (found.other[0] == '\0')
			return true;
		if (strcmp(found.other, key) < 0 || bk_clock_monotonic_ms() >= end)
			return step_back(&found, err);
		usleep(LEASE_LOOK_MS * 1000);
	}
}

/* Say who has it. Returns false. */
static bool
step_back(const Look *found, BkError *err)
{
	char		at[BK_CLOCK_TEXT_SIZE];

	bk_clock_format(found->slot->at, at);
	/* It may have died with its machine: then a later try will have the slot. */
	bk_error(err, found->unsure ? BK_STATE_NOT_NOW : BK_STATE_SKIPPED,
			 "another server of this cluster carries out schedule \"%s\" for %s",
			 found->slot->schedule, at);
	return bk_error_detail(err, "It is that with data directory \"%.1000s\" on host \"%s\" (\"%.500s\").",
						   found->directory, found->hostname, found->other);
}

/* --- what is left of old slots --- */

static void
clean(BkRepository *repo, const char *system_identifier)
{
	char		folder[BK_KEY_SIZE];
	BkError		ignored;

	bk_layout_leases(folder, system_identifier);
	bk_storage_list(repo->storage, folder, old_found, repo, &ignored);
}

static bool
old_found(void *arg, const char *key, const BkObjectStat *stat, BkError *err)
{
	BkRepository *repo = arg;
	int64_t		written = bk_layout_lease_time(key);
	BkError		ignored;
	BkJson	   *json;

	(void) stat;
	(void) err;
	if (written == 0 || written > bk_clock_now() - LEASE_KEPT_S)
		return true;
	json = bk_repository_get_json(repo, key, LEASE_MAX_SIZE, BK_SEAL_INTACT,
								  &ignored);
	if (bk_process_life(bk_json_get(json, "process")) != BK_LIFE_ALIVE)
		bk_storage_remove(repo->storage, key, &ignored);
	bk_json_free(json);
	return true;
}
