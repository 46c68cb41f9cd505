/*
 * same.c
 *	  Comparing what is stored with what was to be stored.
 */
#include "storage/same.h"

#include <stdlib.h>
#include <string.h>

typedef struct Same
{
	BkWriter	base;
	const char *place;
	char	   *key;
	BkReader   *there;
	char		buf[BK_STREAM_BUFFER];
} Same;

static bool same_write(BkWriter *writer, const void *buf, size_t len,
					   BkError *err);
static bool same_finish(BkWriter *writer, BkError *err);
static void same_close(BkWriter *writer);
static bool read_part(BkReader *reader, const BkSamePart *part, char *buf,
					  bool *same, BkError *err);
static bool differs(const Same *same, BkError *err);

static const BkWriterOps same_ops = {
	.write = same_write,
	.finish = same_finish,
	.close = same_close,
};

BkWriter *
bk_same_open(BkReader *there, const char *key, const char *place, BkError *err)
{
	Same	   *same = calloc(1, sizeof(*same));

	if (same == NULL || (same->key = strdup(key)) == NULL)
	{
		free(same);
		bk_reader_close(there);
		bk_error_memory(err);
		return NULL;
	}
	same->base.ops = &same_ops;
	same->place = place;
	same->there = there;
	return &same->base;
}

bool
bk_same_parts(BkReader *reader, const void *parts, size_t stride, int count,
			  bool *same, BkError *err)
{
	char	   *buf = malloc(BK_STREAM_BUFFER);
	size_t		got = 0;
	bool		good = buf != NULL || bk_error_memory(err);

	*same = good;
	for (int i = 0; good && *same && i < count; i++)
		good = read_part(reader, (const void *) ((const char *) parts + (size_t) i * stride),
						 buf, same, err);
	good = good && (!*same || bk_read(reader, buf, 1, &got, err));
	*same = *same && got == 0;
	free(buf);
	return good;
}

static bool
same_write(BkWriter *writer, const void *buf, size_t len, BkError *err)
{
	Same	   *same = (Same *) writer;
	const char *from = buf;
	size_t		got;

	while (len > 0)
	{
		size_t		want = len < sizeof(same->buf) ? len : sizeof(same->buf);

		if (!bk_read(same->there, same->buf, want, &got, err))
			return false;
		if (got == 0 || memcmp(same->buf, from, got) != 0)
			return differs(same, err);
		from += got;
		len -= got;
	}
	return true;
}

static bool
same_finish(BkWriter *writer, BkError *err)
{
	Same	   *same = (Same *) writer;
	size_t		got;

	return bk_read(same->there, same->buf, sizeof(same->buf), &got, err) &&
		(got == 0 || differs(same, err));
}

static void
same_close(BkWriter *writer)
{
	Same	   *same = (Same *) writer;

	bk_reader_close(same->there);
	free(same->key);
	free(same);
}

static bool
read_part(BkReader *reader, const BkSamePart *part, char *buf, bool *same,
		  BkError *err)
{
	BkDigest   *digest = bk_digest_new(err);
	unsigned char sha256[BK_DIGEST_SIZE];
	size_t		left = part->size;
	size_t		got = 1;
	bool		good = digest != NULL;

	while (good && left > 0 && got > 0)
	{
		good = bk_read(reader, buf, left < BK_STREAM_BUFFER ? left : BK_STREAM_BUFFER,
					   &got, err) &&
			bk_digest_update(digest, buf, got, err);
		if (good)
			left -= got;
	}
	good = good && bk_digest_final(digest, sha256, err);
	bk_digest_free(digest);
	*same = good && left == 0 && memcmp(sha256, part->sha256, BK_DIGEST_SIZE) == 0;
	return good;
}

static bool
differs(const Same *same, BkError *err)
{
	return bk_error(err, BK_STATE_DUP_OBJECT,
					"object \"%s\" in \"%s\" exists with other content",
					same->key, same->place);
}
