/*
 * codec.c
 *	  The table of compressions.
 */
#include "filter/codec.h"

#include <string.h>

#include "core/buf.h"
#include "filter/gzip.h"
#include "filter/lz4.h"
#include "filter/none.h"
#include "filter/zstd.h"

#define CODEC_COUNT		(sizeof(codecs) / sizeof(codecs[0]))

/*
 * zstd ends at 19: the levels above want windows that stock "zstd -d" refuses
 * or memory that a database server misses.
 */
static const BkCodec codecs[] = {
	{"none", "", 0, 0, 0, bk_none_writer, bk_none_reader},
	{"gzip", ".gz", 1, 9, 6, bk_gzip_writer, bk_gzip_reader},
	{"lz4", ".lz4", 1, 12, 1, bk_lz4_writer, bk_lz4_reader},
	{"zstd", ".zst", 1, 19, 3, bk_zstd_writer, bk_zstd_reader},
};

static const BkCodec *find(const char *name, size_t len);
static bool parse_level(const char *text, const BkCodec *codec, int *level);
static bool unknown_codec(const char *text, BkError *err);
static bool bad_level(const char *text, const BkCodec *codec, BkError *err);

const BkCodec *
bk_codec_at(size_t index)
{
	return index < CODEC_COUNT ? &codecs[index] : NULL;
}

const BkCodec *
bk_codec_by_name(const char *name)
{
	return find(name, strlen(name));
}

const BkCodec *
bk_codec_by_suffix(const char *suffix)
{
	for (size_t i = 0; i < CODEC_COUNT; i++)
	{
		if (strcmp(codecs[i].suffix, suffix) == 0)
			return &codecs[i];
	}
	return NULL;
}

bool
bk_codec_parse(const char *text, BkCodecSpec *spec, BkError *err)
{
	size_t		len = strcspn(text, ":");
	const BkCodec *codec = find(text, len);

	if (codec == NULL)
		return unknown_codec(text, err);
	spec->codec = codec;
	spec->level = codec->default_level;
	if (text[len] == ':' && !parse_level(text + len + 1, codec, &spec->level))
		return bad_level(text, codec, err);
	return true;
}

static const BkCodec *
find(const char *name, size_t len)
{
	for (size_t i = 0; i < CODEC_COUNT; i++)
	{
		if (strlen(codecs[i].name) == len &&
			memcmp(codecs[i].name, name, len) == 0)
			return &codecs[i];
	}
	return NULL;
}

/* One or two digits are all that any level has. */
static bool
parse_level(const char *text, const BkCodec *codec, int *level)
{
	size_t		len = strspn(text, "0123456789");
	int			value = 0;

	if (len == 0 || len > 2 || text[len] != '\0' || codec->max_level == 0)
		return false;
	for (size_t i = 0; i < len; i++)
		value = value * 10 + (text[i] - '0');
	if (value < codec->min_level || value > codec->max_level)
		return false;
	*level = value;
	return true;
}

static bool
unknown_codec(const char *text, BkError *err)
{
	BkBuf		known;

	bk_buf_init(&known);
	for (size_t i = 0; i < CODEC_COUNT; i++)
		bk_buf_printf(&known, "%s%s", i > 0 ? ", " : "", codecs[i].name);
	bk_error(err, BK_STATE_BAD_ARGUMENT, "unrecognized compression \"%s\"",
			 text);
	bk_error_hint(err, "Write one of: %s; a level may follow, as in zstd:3",
				  known.data);
	bk_buf_free(&known);
	return false;
}

static bool
bad_level(const char *text, const BkCodec *codec, BkError *err)
{
	bk_error(err, BK_STATE_BAD_ARGUMENT, "invalid compression level in \"%s\"",
			 text);
	if (codec->max_level == 0)
		return bk_error_detail(err, "Compression \"%s\" has no levels.",
							   codec->name);
	return bk_error_detail(err, "Levels of \"%s\" go from %d to %d.",
						   codec->name, codec->min_level, codec->max_level);
}
