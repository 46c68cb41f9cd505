/*
 * verify_base.c
 *	  Check a base backup.
 *
 * Contents and volumes have the same order, so both are read side by side,
 * one volume after another: no list of files is kept. A volume that is damaged
 * is one failed check; the rest of its files is passed over.
 */
#include "job/verify_base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "job/inventory.h"
#include "repo/layout.h"
#include "repo/object.h"
#include "repo/wal.h"
#include "source/page.h"
#include "source/pgmanifest.h"
#include "source/relation.h"
#include "source/tar.h"

typedef struct Walk
{
	BkJudge    *judge;
	char	   *buf;			/* BK_STREAM_BUFFER bytes, aligned */

	/* The open volume. */
	char		stream[BK_KEY_SIZE];	/* "": none yet */
	size_t		next;			/* object after its parts */
	BkReader   *reader;
	BkTarReader *tar;			/* NULL: damaged, the rest is passed over */
	uint64_t	files;
	uint64_t	bytes;

	uint64_t	done;			/* bytes of all volumes */
	uint64_t	wrong_pages;
	char		first_wrong[256];
	bool		has_label;
	bool		has_control;
} Walk;

static bool check_volumes(BkJudge *judge, BkError *err);
static bool take_line(void *arg, const BkInventoryLine *line, BkError *err);
static bool begin_volume(Walk *walk, const char *stream, BkError *err);
static const char *next_volume(Walk *walk, char stream[BK_KEY_SIZE]);
static bool end_volume(Walk *walk, BkError *err);
static bool end_member(Walk *walk, BkError *err);
static void drop_volume(Walk *walk);
static bool check_line(Walk *walk, const BkInventoryLine *line, BkError *err);
static bool check_bytes(Walk *walk, const BkInventoryLine *line,
						BkError *err);
static bool read_full(Walk *walk, size_t *len, BkError *err);
static void check_pages(Walk *walk, const BkInventoryLine *line, uint64_t at,
						size_t len);
static bool judge_whole(Walk *walk, BkError *err);
static bool check_manifest(BkJudge *judge, BkError *err);
static bool check_wal(BkJudge *judge, bool read, BkError *err);
static bool check_segment(BkJudge *judge, uint64_t number, bool read,
						  BkError *err);

bool
bk_verify_base_stored(BkJudge *judge, BkError *err)
{
	return bk_judge_objects(judge, err) && check_wal(judge, false, err);
}

bool
bk_verify_base_readable(BkJudge *judge, BkError *err)
{
	return check_volumes(judge, err) &&
		check_manifest(judge, err) &&
		bk_judge_object(judge, BK_OBJECT_RESTORE, err) &&
		check_wal(judge, true, err);
}

static bool
check_volumes(BkJudge *judge, BkError *err)
{
	Walk		walk = {.judge = judge};
	BkReader   *contents = bk_object_reader(judge->repo, judge->manifest,
											BK_STREAM_CONTENTS, err);
	void	   *buf = NULL;
	bool		ok = contents != NULL;

	if (ok && posix_memalign(&buf, BK_PAGE_MAX_SIZE, BK_STREAM_BUFFER) != 0)
	{
		bk_reader_close(contents);
		return bk_error_memory(err);
	}
	walk.buf = buf;
	ok = ok && bk_inventory_read(contents, NULL, take_line, &walk, err) &&
		end_volume(&walk, err);
	if (ok && next_volume(&walk, walk.stream) != NULL)
		ok = bk_error(err, BK_STATE_CORRUPT,
					  "the contents do not name volume \"%s\"", walk.stream);
	drop_volume(&walk);
	bk_reader_close(contents);
	free(buf);
	return bk_judge(judge, BK_STREAM_CONTENTS, ok, "all volumes are as it says", err) &&
		(!ok || judge_whole(&walk, err));
}

/* One line of the contents: the next member of the volume, or of the next. */
static bool
take_line(void *arg, const BkInventoryLine *line, BkError *err)
{
	Walk	   *walk = arg;

	if (!bk_go_on(walk->judge->host, err))
		return false;
	if (strcmp(walk->stream, line->stream) != 0 &&
		(!end_volume(walk, err) || !begin_volume(walk, line->stream, err)))
		return false;
	if (walk->tar == NULL || check_line(walk, line, err))
		return true;
	drop_volume(walk);
	return bk_judge(walk->judge, walk->stream, false, NULL, err);
}

/* Only failures that are no damage are failures here. */
static bool
begin_volume(Walk *walk, const char *stream, BkError *err)
{
	const char *expected = next_volume(walk, walk->stream);

	if (expected == NULL || strcmp(expected, stream) != 0)
		return bk_error(err, BK_STATE_CORRUPT,
						"the contents name volume \"%s\" where the manifest has \"%s\"",
						stream, expected == NULL ? "none" : expected);
	walk->files = walk->bytes = 0;
	/* The name must live as long as the reader, which the line does not. */
	walk->reader = bk_object_reader(walk->judge->repo, walk->judge->manifest,
									walk->stream, err);
	if (walk->reader != NULL)
		walk->tar = bk_tar_reader_open(walk->reader, err);
	if (walk->tar != NULL)
		return true;
	drop_volume(walk);
	return bk_judge(walk->judge, stream, false, NULL, err);
}

/* The next stream of the manifest that is a volume; NULL after the last. */
static const char *
next_volume(Walk *walk, char stream[BK_KEY_SIZE])
{
	const BkManifest *manifest = walk->judge->manifest;
	static const char suffix[] = ".tar";

	while (walk->next < manifest->object_count)
	{
		const char *name = manifest->objects[walk->next].name;
		const char *dot = strstr(name, ".tar.");

		if (dot == NULL)
		{
			walk->next++;
			continue;
		}
		snprintf(stream, BK_KEY_SIZE, "%.*s%s", (int) (dot - name), name, suffix);
		while (walk->next < manifest->object_count &&
			   bk_layout_is_part(manifest->objects[walk->next].name, stream))
			walk->next++;
		return stream;
	}
	return NULL;
}

/* The volume must end where its lines do. */
static bool
end_volume(Walk *walk, BkError *err)
{
	char		detail[128];
	bool		ok;

	if (walk->tar == NULL)
		return true;
	ok = end_member(walk, err);
	drop_volume(walk);
	snprintf(detail, sizeof(detail), "%llu files, %llu bytes, agree with their SHA-256",
			 (unsigned long long) walk->files, (unsigned long long) walk->bytes);
	return bk_judge(walk->judge, walk->stream, ok, detail, err);
}

static bool
end_member(Walk *walk, BkError *err)
{
	BkTarEntry	entry;
	bool		more;

	if (!bk_tar_next(walk->tar, &entry, &more, err))
		return false;
	return !more || bk_error(err, BK_STATE_CORRUPT,
							 "volume \"%s\" has \"%s\", which the contents do not name",
							 walk->stream, entry.name);
}

static void
drop_volume(Walk *walk)
{
	bk_tar_reader_free(walk->tar);
	bk_reader_close(walk->reader);
	walk->tar = NULL;
	walk->reader = NULL;
}

static bool
check_line(Walk *walk, const BkInventoryLine *line, BkError *err)
{
	BkTarType	type = line->directory ? BK_TAR_DIRECTORY : BK_TAR_FILE;
	BkTarEntry	entry;
	bool		more;

	if (!bk_tar_next(walk->tar, &entry, &more, err))
		return false;
	if (!more)
		return bk_error(err, BK_STATE_CORRUPT,
						"volume \"%s\" ends where the contents name \"%s\"",
						line->stream, line->name);
	if (strcmp(entry.name, line->name) != 0 || entry.type != type ||
		entry.size != line->size)
		return bk_error(err, BK_STATE_CORRUPT,
						"volume \"%s\" has \"%s\" where the contents name \"%s\", or another size or kind of it",
						line->stream, entry.name, line->name);
	if (strncmp(line->stream, "control.", strlen("control.")) == 0)
	{
		walk->has_label |= strcmp(line->name, "backup_label") == 0;
		walk->has_control |= strcmp(line->name, "global/pg_control") == 0;
	}
	walk->files += !line->directory;
	return line->directory || check_bytes(walk, line, err);
}

static bool
check_bytes(Walk *walk, const BkInventoryLine *line, BkError *err)
{
	const BkHost *host = walk->judge->host;
	BkDigest   *digest = bk_digest_new(err);
	char		hex[BK_DIGEST_HEX_SIZE];
	uint64_t	at = 0;
	size_t		len = 1;
	bool		ok = digest != NULL;

	while (ok && len > 0)
	{
		ok = bk_go_on(host, err) && read_full(walk, &len, err) &&
			bk_digest_update(digest, walk->buf, len, err);
		if (!ok)
			break;
		check_pages(walk, line, at, len);
		at += len;
		walk->done += len;
		bk_progress(host, "verify", line->stream, walk->done,
					walk->judge->manifest->plain_size);
	}
	ok = ok && bk_digest_final_hex(digest, hex, err);
	bk_digest_free(digest);
	walk->bytes += at;
	if (!ok || (at == line->size && strcmp(hex, line->sha256) == 0))
		return ok;
	bk_error(err, BK_STATE_CORRUPT,
			 "file \"%s\" in volume \"%s\" is not what the contents say",
			 line->name, line->stream);
	return bk_error_detail(err, "It has %llu bytes with SHA-256 %s, expected were %llu with %s.",
						   (unsigned long long) at, hex,
						   (unsigned long long) line->size, line->sha256);
}

/* Fill the buffer, or come to the end of the member. */
static bool
read_full(Walk *walk, size_t *len, BkError *err)
{
	size_t		got = 1;

	*len = 0;
	while (got > 0 && *len < BK_STREAM_BUFFER)
	{
		if (!bk_tar_read(walk->tar, walk->buf + *len, BK_STREAM_BUFFER - *len, &got, err))
			return false;
		*len += got;
	}
	return true;
}

static void
check_pages(Walk *walk, const BkInventoryLine *line, uint64_t at, size_t len)
{
	const BkPhysical *physical = &walk->judge->manifest->physical;
	uint32_t	size = physical->block_size;
	uint32_t	block = (uint32_t) (at / size);
	BkRelation	relation;

	if (!physical->data_checksums || !bk_relation_parse_path(line->name, &relation))
		return;
	for (size_t i = 0; i + size <= len; i += size, block++)
	{
		if (bk_page_is_right(walk->buf + i, size,
							 relation.segment * physical->segment_blocks + block,
							 physical->start_lsn, physical->stop_lsn))
			continue;
		if (walk->wrong_pages++ == 0)
			snprintf(walk->first_wrong, sizeof(walk->first_wrong),
					 "block %u of file \"%.200s\"", block, line->name);
	}
}

/* What can only be told when all volumes have been read. */
static bool
judge_whole(Walk *walk, BkError *err)
{
	BkJudge    *judge = walk->judge;
	bool		ok = walk->has_label && walk->has_control;

	if (!ok)
		bk_error(err, BK_STATE_CORRUPT, "the backup has no \"%s\"",
				 walk->has_label ? "global/pg_control" : "backup_label");
	if (!bk_judge(judge, "control", ok, "backup_label and pg_control are there", err))
		return false;
	if (!judge->manifest->physical.data_checksums)
		return bk_judge(judge, "pages", true, "the cluster has no checksums", err);
	ok = walk->wrong_pages == 0;
	if (!ok)
		bk_error(err, BK_STATE_CORRUPT,
				 "%llu pages have a wrong checksum, the first is %s",
				 (unsigned long long) walk->wrong_pages, walk->first_wrong);
	return bk_judge(judge, "pages", ok, "all agree with their checksums", err);
}

static bool
check_manifest(BkJudge *judge, BkError *err)
{
	BkReader   *reader = bk_object_reader(judge->repo, judge->manifest,
										  BK_STREAM_PGMANIFEST, err);
	bool		ok = reader != NULL && bk_pgmanifest_check(reader, err);

	bk_reader_close(reader);
	return bk_judge(judge, BK_STREAM_PGMANIFEST, ok, "agrees with its checksum", err);
}

/* The WAL from start to stop: is it there, can it be read? */
static bool
check_wal(BkJudge *judge, bool read, BkError *err)
{
	const BkPhysical *physical = &judge->manifest->physical;
	uint64_t	first = bk_wal_segment_number(&physical->start_wal, physical->wal_segment_size);
	uint64_t	last = bk_wal_segment_number(&physical->stop_wal, physical->wal_segment_size);
	char		detail[256];
	bool		ok = true;

	for (uint64_t number = first; ok && number <= last; number++)
	{
		ok = bk_go_on(judge->host, err) && check_segment(judge, number, read, err);
		bk_progress(judge->host, "verify", "WAL", number - first, last - first + 1);
	}
	snprintf(detail, sizeof(detail), "%llu segments, %s to %s, are %s",
			 (unsigned long long) (last - first + 1), physical->start_wal.text,
			 physical->stop_wal.text, read ? "readable" : "there");
	return bk_judge(judge, "WAL", ok, detail, err);
}

static bool
check_segment(BkJudge *judge, uint64_t number, bool read, BkError *err)
{
	const BkPhysical *physical = &judge->manifest->physical;
	char		text[BK_WAL_NAME_SIZE];
	BkWalName	name;
	BkWalFound	found;
	BkReader   *reader;
	uint64_t	total;
	bool		ok;

	bk_wal_segment_name(physical->timeline, number, physical->wal_segment_size, text);
	if (!bk_wal_name_parse(text, &name, err) ||
		!bk_wal_find(judge->repo, judge->manifest->system_identifier, &name, &found, err))
		return false;
	if (found.state == BK_WAL_MISSING)
		return bk_error(err, BK_STATE_MISSING_FILE,
						"WAL segment %s is missing in the repository", text);
	if (found.state == BK_WAL_CONFLICT)
		return bk_error(err, BK_STATE_CORRUPT,
						"WAL segment %s has two contents in the repository", text);
	if (!read)
		return true;
	reader = bk_wal_reader(judge->repo, &found, err);
	ok = reader != NULL && bk_drain(reader, judge->host, &total, err);
	bk_reader_close(reader);
	if (ok && total != physical->wal_segment_size)
		ok = bk_error(err, BK_STATE_CORRUPT, "WAL segment %s has %llu bytes",
					  text, (unsigned long long) total);
	return ok;
}
