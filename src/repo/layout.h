/*
 * layout.h
 *	  Where things lie in a repository: every key is made here.
 *
 * FORMAT.md describes the tree. Keys are relative and slash-separated.
 */
#ifndef BK_REPO_LAYOUT_H
#define BK_REPO_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/digest.h"
#include "core/walname.h"
#include "repo/label.h"

/* Room for the longest key. */
#define BK_KEY_SIZE	1024

/* Room for a system identifier, with its NUL. */
#define BK_LAYOUT_CLUSTER_SIZE	21

#define BK_LAYOUT_REPOSITORY	"repository.json"
#define BK_LAYOUT_CLUSTERS		"cluster"
#define BK_LAYOUT_MANIFESTS		"manifest"
#define BK_LAYOUT_INTENTS		"intent"
#define BK_LAYOUT_NOTES			"note"
#define BK_LAYOUT_EXPIRED		"expired"

/* Streams of a logical backup, and the file for people. */
#define BK_STREAM_ARCHIVE	"archive.dump"
#define BK_STREAM_GLOBALS	"globals.sql"
#define BK_STREAM_CONTENTS	"contents.jsonl"
#define BK_OBJECT_RESTORE	"RESTORE.txt"

/* The stream of a base backup that is none of its volumes. */
#define BK_STREAM_PGMANIFEST	"backup_manifest"

/* cluster/<system identifier>.json */
extern void bk_layout_cluster(char *key, const char *system_identifier);

/* The system identifier in a cluster's key; false where the key is none. */
extern bool bk_layout_cluster_id(const char *key,
								 char identifier[BK_LAYOUT_CLUSTER_SIZE]);

/* writer/<system identifier>/<place>.json */
extern void bk_layout_writer(char *key, const char *system_identifier,
							 const char *place);

/* mark or mark/<system identifier>; NULL: all of them */
extern void bk_layout_marks(char *key, const char *system_identifier);

/*
 * mark/<system identifier>/<position, 16 digits>-<name, percent-encoded>.json;
 * false where the name is too long.
 */
extern bool bk_layout_mark(char *key, const char *system_identifier,
						   uint64_t lsn, const char *name);

/* manifest/<id>.json */
extern void bk_layout_manifest(char *key, const char *id);

/* The id in a manifest's key, into id; false where the key is none. */
extern bool bk_layout_manifest_id(const char *key, char *id);

/* expired/<id>.json, and the id in such a key as above */
extern void bk_layout_expired(char *key, const char *id);
extern bool bk_layout_expired_id(const char *key, char *id);

/* intent/<id>.json */
extern void bk_layout_intent(char *key, const char *id);

/*
 * lease/<system identifier>, and in it, of a slot of a schedule, <schedule,
 * percent-encoded>/<time of the slot>-<16 digits of a digest>-<name>; false
 * where the schedule's name is empty or too long.
 */
extern void bk_layout_leases(char *key, const char *system_identifier);
extern bool bk_layout_lease(char *key, const char *system_identifier,
							const char *schedule, int64_t slot_at,
							const char *digest, const char *name);

/* When a lease with a name <time>-<random>.json was written; 0: it is none. */
extern int64_t bk_layout_lease_time(const char *key);

/* backup/<id> and backup/<id>/<object> */
extern void bk_layout_backup(char *key, const char *id);
extern void bk_layout_object(char *key, const char *id, const char *object);

/* note/<id> and note/<id>/<time>-<kind>-<random>.json */
extern void bk_layout_notes(char *key, const char *id);
extern void bk_layout_note(char *key, const char *id, const char *name);

/*
 * wal/<system identifier>, with a timeline wal/<system identifier>/<timeline>
 * (0: none), and the folder in it that a WAL file belongs to: that of its
 * first 16 digits, for a history the timeline's own.
 */
extern void bk_layout_timeline(char *key, const char *system_identifier,
							   uint32_t timeline);
extern void bk_layout_wal_folder(char *key, const char *system_identifier,
								 const BkWalName *name);

/* A WAL file in its folder, <name>-<digest><suffix>. */
extern void bk_layout_wal(char *key, const char *system_identifier,
						  const BkWalName *name, const char *digest,
						  const char *suffix);

/* Its key taken apart; false if that is another key. */
typedef struct BkWalKey
{
	char		cluster[BK_LAYOUT_CLUSTER_SIZE];
	BkWalName	name;
	char		digest[BK_DIGEST_HEX_SIZE];
	const char *suffix;			/* in the key */
} BkWalKey;
extern bool bk_layout_wal_parse(const char *key, BkWalKey *parts);

/*
 * A system identifier is a number: an error (22023) if it is not, since
 * nothing else may become part of a key.
 */
extern bool bk_layout_check_cluster(const char *system_identifier,
									BkError *err);

/* Name of part number "part" (from 1) of a stream: <stream>.<part><suffix>. */
extern void bk_layout_part(char *name, const char *stream, unsigned part,
						   const char *suffix);

/* Is name a part of the stream? */
extern bool bk_layout_is_part(const char *name, const char *stream);

#endif
