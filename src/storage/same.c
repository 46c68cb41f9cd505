/*
 * same.c
 *	  A writer for an object that is there already.
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
differs(const Same *same, BkError *err)
{
	return bk_error(err, BK_STATE_DUP_OBJECT,
					"object \"%s\" in \"%s\" exists with other content",
					same->key, same->place);
}
