/*
 * manifest.h
 *	  The record of one backup, and the mark that it is complete.
 *
 * A manifest is a JSON object (FORMAT.md, "Manifest"). The struct is a view
 * on it: every pointer is borrowed from the JSON value that it owns.
 */
#ifndef BK_REPO_MANIFEST_H
#define BK_REPO_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/json.h"
#include "repo/physical.h"
#include "repo/seal.h"

/* A larger manifest is refused, whoever wrote it. */
#define BK_MANIFEST_MAX_SIZE	(16 * 1024 * 1024)

/* One stored object of a backup. */
typedef struct BkObject
{
	const char *name;			/* below backup/<id>/ */
	const char *sha256;			/* of the stored bytes, hexadecimal */
	uint64_t	size;			/* stored bytes */
	uint64_t	plain_size;		/* decoded bytes */
} BkObject;

typedef struct BkManifest
{
	BkJson	   *json;
	const char *id;
	const char *kind;			/* logical, base */
	const char *content;		/* all, schema, data; NULL: base */
	const char *label;			/* NULL: none */
	const char *schedule;		/* that it was made for; NULL: none */
	const char *database;		/* name; NULL: base */
	const char *codec;			/* zstd:1 */
	const BkJson *recipients;	/* public keys; NULL: it is not encrypted */
	const char *system_identifier;
	int64_t		database_oid;
	int64_t		emptied_tables; /* since the backup before; -1: not known */
	int64_t		shrunk_tables;	/* the same */
	int64_t		server_version; /* as in server_version_num */
	int64_t		started_at;		/* seconds since 1970 */
	int64_t		finished_at;
	bool		is_base;
	BkPhysical	physical;		/* of a base backup */
	BkObject   *objects;
	size_t		object_count;
	uint64_t	size;			/* sums over the objects */
	uint64_t	plain_size;
} BkManifest;

/*
 * Make a manifest of a JSON object and take the object over, also on failure.
 * Every member is checked: types, ranges, names of objects (no path leaves
 * the backup's folder), no object twice. Errors: XX001.
 */
extern BkManifest *bk_manifest_new(BkJson *json, BkError *err);

/*
 * Parse the bytes of manifest/<id>.json: seal, format, members, and that it
 * is the manifest of this id. Errors: XX001, 0A000 for a newer format, 28000
 * for one that is not known as ours (bk_seal_check).
 */
extern BkManifest *bk_manifest_parse(const char *text, size_t len,
									 const char *id, const BkKeys *keys,
									 BkSealTrust trust, BkError *err);

/* The bytes to store, sealed: a fresh string that the caller frees. */
extern char *bk_manifest_text(BkManifest *manifest, const BkKeys *keys,
							  BkError *err);

/* Free a manifest; NULL is allowed. */
extern void bk_manifest_free(BkManifest *manifest);

/* Has the backup a stream, or an object outside any, of this name? */
extern bool bk_manifest_has(const BkManifest *manifest, const char *stream);

#endif
