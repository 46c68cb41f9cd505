/*
 * objectread.c
 *	  Read the streams of a backup.
 *
 * In the order in which the bytes pass:
 *	  storage > digest > count > chain > count and compare > join the parts
 * The chain is codec and encryption (repo/chain.h).
 *
 * Where there are several repositories, a part that cannot be read to its end
 * in one is read in the next. What was passed on already must then be the same
 * there: its digest is kept as it goes. If it is not, the stream has failed,
 * but a second attempt does not begin where this one did.
 */
#include "repo/object.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/digest.h"
#include "filter/count.h"
#include "filter/hash.h"
#include "repo/chain.h"
#include "repo/fallback.h"
#include "repo/layout.h"

/* Joins the parts of a stream. */
typedef struct Joiner
{
	BkReader	base;
	BkRepository *repo;
	BkRepository *at;			/* where the open part is read */
	const BkManifest *manifest;
	const char *stream;

	BkReader   *part;			/* the chain of the open part, or NULL */
	unsigned	number;			/* of the open part, from 1 */
	size_t		index;			/* of the open part among the objects */
	uint64_t	plain_size;
	uint64_t	size;
	char		sha256[BK_DIGEST_HEX_SIZE];

	/* What was passed on of the open part. */
	uint64_t	passed;
	BkDigest   *passed_digest;	/* NULL: there is no other repository */
	bool		failed;
	BkError		failure;		/* that every further read gives again */
} Joiner;

static bool joiner_read(BkReader *reader, void *buf, size_t len, size_t *got,
						BkError *err);
static void joiner_close(BkReader *reader);
static bool read_on(Joiner *joiner, void *buf, size_t len, size_t *got,
					BkError *err);
static bool read_part(Joiner *joiner, void *buf, size_t len, size_t *got,
					  BkError *err);
static bool pass_on(Joiner *joiner, const void *buf, size_t len, BkError *err);
static bool change_repository(Joiner *joiner, BkError *err);
static bool skip_passed(Joiner *joiner, bool *same, BkError *err);
static bool next_part(Joiner *joiner, bool *more, BkError *err);
static bool begin_part(Joiner *joiner, BkError *err);
static bool open_part(Joiner *joiner, BkError *err);
static void part_key(const Joiner *joiner, char key[BK_KEY_SIZE]);
static bool belongs_to(const BkObject *object, const char *stream);
static bool find_chain(const Joiner *joiner, const BkObject *object,
					   BkChain *chain, BkError *err);
static bool compare_part(const Joiner *joiner, BkError *err);
static bool complain_plain(const Joiner *joiner, BkError *err);
static bool name_part(const Joiner *joiner, BkError *err);
static bool refuse_part(const Joiner *joiner, BkError *err);
static bool compare_object(const BkManifest *manifest, const BkObject *object,
						   uint64_t size, const char *sha256, BkError *err);
static BkReader *stored_reader(BkRepository *repo, const BkManifest *manifest,
							   const BkObject *object, uint64_t *size,
							   char *sha256, BkError *err);

static const BkReaderOps joiner_ops = {
	.read = joiner_read,
	.close = joiner_close,
};

BkReader *
bk_object_reader(BkRepository *repo, const BkManifest *manifest,
				 const char *stream, BkError *err)
{
	Joiner	   *joiner;
	bool		more;

	if (!bk_manifest_has(manifest, stream))
	{
		bk_error(err, BK_STATE_NO_OBJECT, "backup \"%s\" has no \"%s\"",
				 manifest->id, stream);
		return NULL;
	}
	joiner = calloc(1, sizeof(Joiner));
	if (joiner == NULL)
	{
		bk_error_memory(err);
		return NULL;
	}
	joiner->base.ops = &joiner_ops;
	joiner->repo = repo;
	joiner->at = repo;
	joiner->manifest = manifest;
	joiner->stream = stream;
	if (next_part(joiner, &more, err))
		return &joiner->base;
	joiner_close(&joiner->base);
	return NULL;
}

bool
bk_object_check(BkRepository *repo, const BkManifest *manifest,
				const BkObject *object, const BkHost *host, BkError *err)
{
	char	   *buf = malloc(BK_STREAM_BUFFER);
	char		sha256[BK_DIGEST_HEX_SIZE];
	uint64_t	size = 0;
	size_t		got = 1;
	BkReader   *reader = NULL;
	bool		ok;

	if (buf == NULL)
		return bk_error_memory(err);
	reader = stored_reader(repo, manifest, object, &size, sha256, err);
	ok = reader != NULL;
	while (ok && got > 0)
	{
		ok = bk_read(reader, buf, BK_STREAM_BUFFER, &got, err) &&
			bk_go_on(host, err);
		if (ok)
			bk_progress(host, "check", object->name, size, object->size);
	}
	ok = ok && compare_object(manifest, object, size, sha256, err);
	bk_reader_close(reader);
	free(buf);
	return ok;
}

static bool
joiner_read(BkReader *reader, void *buf, size_t len, size_t *got,
			BkError *err)
{
	Joiner	   *joiner = (Joiner *) reader;

	if (!joiner->failed && read_on(joiner, buf, len, got, err))
		return true;
	if (joiner->failed)
		*err = joiner->failure;
	else
		joiner->failure = *err;
	joiner->failed = true;
	return false;
}

static void
joiner_close(BkReader *reader)
{
	Joiner	   *joiner = (Joiner *) reader;

	bk_reader_close(joiner->part);
	bk_digest_free(joiner->passed_digest);
	free(joiner);
}

/* From whichever repository, and from one part into the next. */
static bool
read_on(Joiner *joiner, void *buf, size_t len, size_t *got, BkError *err)
{
	bool		more = true;

	*got = 0;
	while (joiner->part != NULL)
	{
		if (!read_part(joiner, buf, len, got, err))
		{
			if (!change_repository(joiner, err))
				return false;
		}
		else if (*got > 0)
			return pass_on(joiner, buf, *got, err);
		else if (!next_part(joiner, &more, err))
			return false;
	}
	return true;
}

/* Read on in the open part; at its end all of it has to be right. */
static bool
read_part(Joiner *joiner, void *buf, size_t len, size_t *got, BkError *err)
{
	if (!bk_read(joiner->part, buf, len, got, err))
		return name_part(joiner, err);
	if (*got == 0)
		return compare_part(joiner, err);
	/* What is larger than it should be may be so without an end. */
	return joiner->plain_size <= joiner->manifest->objects[joiner->index].plain_size ||
		complain_plain(joiner, err);
}

static bool
pass_on(Joiner *joiner, const void *buf, size_t len, BkError *err)
{
	joiner->passed += len;
	return joiner->passed_digest == NULL ||
		bk_digest_update(joiner->passed_digest, buf, len, err);
}

/* The open part has failed: go on with it where else it is. */
static bool
change_repository(Joiner *joiner, BkError *err)
{
	char		key[BK_KEY_SIZE];
	bool		same = true;

	part_key(joiner, key);
	while (same && bk_fallback_go_on(&joiner->at, key, err))
	{
		if (open_part(joiner, err) && skip_passed(joiner, &same, err))
			return true;
	}
	return false;
}

/*
 * Read again what was passed on. *same is false if that was something else:
 * then whoever got it has to begin anew.
 */
static bool
skip_passed(Joiner *joiner, bool *same, BkError *err)
{
	BkDigest   *digest = bk_digest_new(err);
	BkDigest   *check = bk_digest_new(err);
	char	   *buf = malloc(BK_STREAM_BUFFER);
	char		old_hex[BK_DIGEST_HEX_SIZE];
	char		new_hex[BK_DIGEST_HEX_SIZE];
	uint64_t	left = joiner->passed;
	size_t		got = 1;
	bool		ok = digest != NULL && check != NULL && (buf != NULL || bk_error_memory(err));

	while (ok && left > 0 && got > 0)
	{
		ok = read_part(joiner, buf, left < BK_STREAM_BUFFER ? (size_t) left : BK_STREAM_BUFFER, &got, err) &&
			bk_digest_update(digest, buf, got, err) &&
			bk_digest_update(check, buf, got, err);
		left -= ok ? got : 0;
	}
	ok = ok && bk_digest_final_hex(check, new_hex, err) &&
		bk_digest_final_hex(joiner->passed_digest, old_hex, err);
	if (ok)
	{
		/* Both read the same; this one can go on. */
		bk_digest_free(joiner->passed_digest);
		joiner->passed_digest = digest;
		digest = NULL;
		*same = left == 0 && strcmp(old_hex, new_hex) == 0;
		if (!*same)
		{
			bk_error(err, BK_STATE_CORRUPT, "object \"%s\" of backup \"%s\" is damaged in one repository",
					 joiner->manifest->objects[joiner->index].name, joiner->manifest->id);
			ok = bk_error_detail(err, "Another one has it, but some of the damaged bytes were used already.");
			bk_error_hint(err, "Try again, and name only the other one with --repo.");
		}
	}
	bk_digest_free(digest);
	bk_digest_free(check);
	free(buf);
	return ok;
}

/* Open the part after the open one; *more is false after the last. */
static bool
next_part(Joiner *joiner, bool *more, BkError *err)
{
	const BkManifest *manifest = joiner->manifest;

	bk_reader_close(joiner->part);
	joiner->part = NULL;
	joiner->number++;

	/* The manifest lists the parts of a stream in order. */
	if (joiner->number > 1)
		joiner->index++;
	while (joiner->index < manifest->object_count &&
		   !belongs_to(&manifest->objects[joiner->index], joiner->stream))
		joiner->index++;
	*more = joiner->index < manifest->object_count;
	return !*more || begin_part(joiner, err);
}

static bool
begin_part(Joiner *joiner, BkError *err)
{
	char		key[BK_KEY_SIZE];

	joiner->passed = 0;
	if (joiner->repo->fallback != NULL)
	{
		bk_digest_free(joiner->passed_digest);
		joiner->passed_digest = bk_digest_new(err);
		if (joiner->passed_digest == NULL)
			return false;
	}
	part_key(joiner, key);
	joiner->at = bk_fallback_first(joiner->repo, key);
	return open_part(joiner, err) || change_repository(joiner, err);
}

static bool
open_part(Joiner *joiner, BkError *err)
{
	const BkObject *object = &joiner->manifest->objects[joiner->index];
	BkChain		form;
	BkReader   *below;
	BkReader   *chain;

	bk_reader_close(joiner->part);
	joiner->part = NULL;
	joiner->size = joiner->plain_size = 0;
	if (!find_chain(joiner, object, &form, err))
		return false;
	below = stored_reader(joiner->at, joiner->manifest, object, &joiner->size,
						  joiner->sha256, err);
	if (below == NULL)
		return false;
	below = bk_chain_reader(below, &form, joiner->at->keys, err);
	if (below == NULL)
		return name_part(joiner, err);
	chain = bk_count_reader(below, &joiner->plain_size, err);
	if (chain == NULL)
		bk_reader_close(below);
	joiner->part = chain;
	return chain != NULL;
}

static void
part_key(const Joiner *joiner, char key[BK_KEY_SIZE])
{
	bk_layout_object(key, joiner->manifest->id,
					 joiner->manifest->objects[joiner->index].name);
}

/* RESTORE.txt is an object of its own, all else are parts. */
static bool
belongs_to(const BkObject *object, const char *stream)
{
	return strcmp(object->name, stream) == 0 || bk_layout_is_part(object->name, stream);
}

static bool
find_chain(const Joiner *joiner, const BkObject *object, BkChain *chain,
		   BkError *err)
{
	char		name[BK_KEY_SIZE];
	size_t		len;

	if (strcmp(object->name, joiner->stream) == 0)
		return bk_chain_parse("", chain);
	bk_layout_part(name, joiner->stream, joiner->number, "");
	len = strlen(name);
	return (strncmp(object->name, name, len) == 0 &&
			bk_chain_parse(object->name + len, chain)) ||
		bk_error(err, BK_STATE_CORRUPT,
				 "the manifest lists object \"%s\" where part %u of \"%s\" should be",
				 object->name, joiner->number, joiner->stream);
}

static bool
compare_part(const Joiner *joiner, BkError *err)
{
	const BkObject *object = &joiner->manifest->objects[joiner->index];

	if (!compare_object(joiner->manifest, object, joiner->size,
						joiner->sha256, err))
		return false;
	return joiner->plain_size == object->plain_size || complain_plain(joiner, err);
}

static bool
complain_plain(const Joiner *joiner, BkError *err)
{
	const BkObject *object = &joiner->manifest->objects[joiner->index];

	bk_error(err, BK_STATE_CORRUPT,
			 "object \"%s\" of backup \"%s\" has another size than its manifest says",
			 object->name, joiner->manifest->id);
	return bk_error_detail(err, "It decodes to %s%llu bytes, expected were %llu.",
						   joiner->plain_size > object->plain_size ? "at least " : "",
						   (unsigned long long) joiner->plain_size,
						   (unsigned long long) object->plain_size);
}

/* Filters know no names: say of which object their complaint is. */
static bool
name_part(const Joiner *joiner, BkError *err)
{
	char		reason[sizeof(err->message)];

	if (bk_error_is(err, BK_STATE_REFUSED) && joiner->manifest->recipients != NULL)
		return refuse_part(joiner, err);
	if (!bk_error_is(err, BK_STATE_CORRUPT))
		return false;
	memcpy(reason, err->message, sizeof(reason));
	bk_error(err, BK_STATE_CORRUPT,
			 "object \"%s\" of backup \"%s\" is damaged",
			 joiner->manifest->objects[joiner->index].name,
			 joiner->manifest->id);
	return bk_error_detail(err, "It cannot be decoded: %s.", reason);
}

static bool
refuse_part(const Joiner *joiner, BkError *err)
{
	const BkManifest *manifest = joiner->manifest;
	char		what[512];
	char		reason[sizeof(err->detail)];

	snprintf(what, sizeof(what), "object \"%s\" of backup \"%s\"",
			 manifest->objects[joiner->index].name, manifest->id);
	bk_chain_refused(what, err);
	memcpy(reason, err->detail, sizeof(reason));
	return bk_error_detail(err, "%.1000s The backup is encrypted to %s%s.", reason,
						   bk_json_string(bk_json_at(manifest->recipients, 0), "?"),
						   bk_json_length(manifest->recipients) > 1 ? " and others" : "");
}

static bool
compare_object(const BkManifest *manifest, const BkObject *object,
			   uint64_t size, const char *sha256, BkError *err)
{
	if (size == object->size && strcmp(sha256, object->sha256) == 0)
		return true;
	bk_error(err, BK_STATE_CORRUPT,
			 "object \"%s\" of backup \"%s\" is damaged", object->name,
			 manifest->id);
	if (size != object->size)
		return bk_error_detail(err, "It has %llu bytes, the manifest says %llu.",
							   (unsigned long long) size,
							   (unsigned long long) object->size);
	return bk_error_detail(err, "Its SHA-256 is %s, the manifest says %s.",
						   sha256, object->sha256);
}

/* The innermost chain of reading: storage, digest, count. */
static BkReader *
stored_reader(BkRepository *repo, const BkManifest *manifest,
			  const BkObject *object, uint64_t *size, char *sha256,
			  BkError *err)
{
	char		key[BK_KEY_SIZE];
	BkReader   *below;
	BkReader   *chain;

	bk_layout_object(key, manifest->id, object->name);
	if (!bk_storage_get(repo->storage, key, &below, err))
		return NULL;
	if ((chain = bk_hash_reader(below, sha256, err)) != NULL)
	{
		below = chain;
		chain = bk_count_reader(below, size, err);
	}
	if (chain == NULL)
		bk_reader_close(below);
	return chain;
}
