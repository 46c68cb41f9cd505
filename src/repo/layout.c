/*
 * layout.c
 *	  Make the keys of a repository.
 */
#include "repo/layout.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/clock.h"

#define DIGEST_DIGITS	(BK_DIGEST_HEX_SIZE - 1)

static bool file_id(const char *key, const char *folder, char *id);

void
bk_layout_cluster(char *key, const char *system_identifier)
{
	snprintf(key, BK_KEY_SIZE, BK_LAYOUT_CLUSTERS "/%s.json", system_identifier);
}

void
bk_layout_writer(char *key, const char *system_identifier, const char *place)
{
	snprintf(key, BK_KEY_SIZE, "writer/%s/%s.json", system_identifier, place);
}

bool
bk_layout_cluster_id(const char *key, char identifier[BK_LAYOUT_CLUSTER_SIZE])
{
	static const char folder[] = BK_LAYOUT_CLUSTERS "/";
	size_t		skip = sizeof(folder) - 1;
	size_t		len;

	if (strncmp(key, folder, skip) != 0)
		return false;
	len = strspn(key + skip, "0123456789");
	if (len == 0 || len >= BK_LAYOUT_CLUSTER_SIZE || strcmp(key + skip + len, ".json") != 0)
		return false;
	memcpy(identifier, key + skip, len);
	identifier[len] = '\0';
	return true;
}

void
bk_layout_marks(char *key, const char *system_identifier)
{
	snprintf(key, BK_KEY_SIZE, "mark%s%s", system_identifier == NULL ? "" : "/",
			 system_identifier == NULL ? "" : system_identifier);
}

bool
bk_layout_mark(char *key, const char *system_identifier, uint64_t lsn,
			   const char *name)
{
	char		encoded[BK_LABEL_ENCODED_SIZE];

	if (!bk_label_encode(name, encoded))
		return false;
	snprintf(key, BK_KEY_SIZE, "mark/%s/%016" PRIX64 "-%s.json",
			 system_identifier, lsn, encoded);
	return true;
}

void
bk_layout_manifest(char *key, const char *id)
{
	snprintf(key, BK_KEY_SIZE, BK_LAYOUT_MANIFESTS "/%s.json", id);
}

bool
bk_layout_manifest_id(const char *key, char *id)
{
	return file_id(key, BK_LAYOUT_MANIFESTS "/", id);
}

void
bk_layout_expired(char *key, const char *id)
{
	snprintf(key, BK_KEY_SIZE, BK_LAYOUT_EXPIRED "/%s.json", id);
}

bool
bk_layout_expired_id(const char *key, char *id)
{
	return file_id(key, BK_LAYOUT_EXPIRED "/", id);
}

void
bk_layout_intent(char *key, const char *id)
{
	snprintf(key, BK_KEY_SIZE, BK_LAYOUT_INTENTS "/%s.json", id);
}

void
bk_layout_leases(char *key, const char *system_identifier)
{
	snprintf(key, BK_KEY_SIZE, "lease/%s", system_identifier);
}

bool
bk_layout_lease(char *key, const char *system_identifier, const char *schedule,
				int64_t slot_at, const char *digest, const char *name)
{
	char		encoded[BK_LABEL_ENCODED_SIZE];
	char		compact[BK_CLOCK_COMPACT_SIZE];

	if (!bk_label_encode(schedule, encoded))
		return false;
	bk_clock_format_compact(slot_at, compact);
	snprintf(key, BK_KEY_SIZE, "lease/%s/%s/%s-%.16s-%s", system_identifier,
			 encoded, compact, digest, name);
	return true;
}

int64_t
bk_layout_lease_time(const char *key)
{
	static const char behind[] = "-xxxx.json";
	size_t		tail = BK_CLOCK_COMPACT_SIZE - 1 + sizeof(behind) - 1;
	size_t		len = strlen(key);
	char		compact[BK_CLOCK_COMPACT_SIZE];
	int64_t		time = 0;

	if (len < tail)
		return 0;
	snprintf(compact, sizeof(compact), "%s", key + len - tail);
	bk_clock_parse_compact(compact, &time);
	return time;
}

void
bk_layout_backup(char *key, const char *id)
{
	snprintf(key, BK_KEY_SIZE, "backup/%s", id);
}

void
bk_layout_object(char *key, const char *id, const char *object)
{
	snprintf(key, BK_KEY_SIZE, "backup/%s/%s", id, object);
}

void
bk_layout_notes(char *key, const char *id)
{
	snprintf(key, BK_KEY_SIZE, BK_LAYOUT_NOTES "/%s", id);
}

void
bk_layout_note(char *key, const char *id, const char *name)
{
	snprintf(key, BK_KEY_SIZE, BK_LAYOUT_NOTES "/%s/%s.json", id, name);
}

void
bk_layout_timeline(char *key, const char *system_identifier, uint32_t timeline)
{
	if (timeline == 0)
		snprintf(key, BK_KEY_SIZE, "wal/%s", system_identifier);
	else
		snprintf(key, BK_KEY_SIZE, "wal/%s/%08X", system_identifier, timeline);
}

void
bk_layout_wal_folder(char *key, const char *system_identifier,
					 const BkWalName *name)
{
	if (name->kind == BK_WAL_HISTORY)
		bk_layout_timeline(key, system_identifier, name->timeline);
	else
		snprintf(key, BK_KEY_SIZE, "wal/%s/%08X/%.16s", system_identifier,
				 name->timeline, name->text);
}

void
bk_layout_wal(char *key, const char *system_identifier, const BkWalName *name,
			  const char *digest, const char *suffix)
{
	size_t		len;

	bk_layout_wal_folder(key, system_identifier, name);
	len = strlen(key);
	snprintf(key + len, BK_KEY_SIZE - len, "/%s-%s%s", name->text, digest, suffix);
}

bool
bk_layout_wal_parse(const char *key, BkWalKey *parts)
{
	const char *cluster = strchr(key, '/');
	const char *slash = strrchr(key, '/');
	const char *dash = slash == NULL ? NULL : strchr(slash, '-');
	size_t		cluster_len = cluster == NULL ? 0 : strcspn(cluster + 1, "/");
	char		text[BK_WAL_NAME_SIZE];
	BkError		ignored;

	if (dash == NULL || cluster_len >= sizeof(parts->cluster) ||
		(size_t) (dash - slash) > sizeof(text) || strlen(key) >= BK_KEY_SIZE ||
		strspn(dash + 1, "0123456789abcdef") != DIGEST_DIGITS)
		return false;
	memcpy(parts->cluster, cluster + 1, cluster_len);
	parts->cluster[cluster_len] = '\0';
	memcpy(text, slash + 1, (size_t) (dash - slash) - 1);
	text[dash - slash - 1] = '\0';
	memcpy(parts->digest, dash + 1, DIGEST_DIGITS);
	parts->digest[DIGEST_DIGITS] = '\0';
	parts->suffix = dash + 1 + DIGEST_DIGITS;
	return (*parts->suffix == '\0' || *parts->suffix == '.') &&
		bk_wal_name_parse(text, &parts->name, &ignored);
}

bool
bk_layout_check_cluster(const char *system_identifier, BkError *err)
{
	size_t		len = strlen(system_identifier);

	if (len > 0 && len <= 20 && strspn(system_identifier, "0123456789") == len)
		return true;
	return bk_error(err, BK_STATE_BAD_ARGUMENT,
					"invalid system identifier \"%.40s\"", system_identifier);
}

void
bk_layout_part(char *name, const char *stream, unsigned part,
			   const char *suffix)
{
	snprintf(name, BK_KEY_SIZE, "%s.%03u%s", stream, part, suffix);
}

bool
bk_layout_is_part(const char *name, const char *stream)
{
	size_t		len = strlen(stream);

	return strncmp(name, stream, len) == 0 && name[len] == '.' &&
		isdigit((unsigned char) name[len + 1]);
}

/* The id of a file that lies in a folder and is named for a backup. */
static bool
file_id(const char *key, const char *folder, char *id)
{
	const char *dot = strrchr(key, '.');
	size_t		skip = strlen(folder);
	size_t		len;
	BkError		ignored;

	if (strncmp(key, folder, skip) != 0 || dot == NULL ||
		strcmp(dot, ".json") != 0)
		return false;
	len = (size_t) (dot - key) - skip;
	if (len >= BK_LABEL_SIZE)
		return false;
	memcpy(id, key + skip, len);
	id[len] = '\0';
	return bk_label_check(id, &ignored);
}
