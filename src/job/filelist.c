/*
 * filelist.c
 *	  The files of a base backup in memory.
 *
 * Names lie one behind another in large blocks: a cluster may have millions
 * of files.
 */
#define _GNU_SOURCE 1
#include "job/filelist.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "job/inventory.h"

#define BLOCK_SIZE	(256 * 1024)

typedef struct BkFileListBlock
{
	struct BkFileListBlock *next;
	size_t		used;
	char		data[BLOCK_SIZE];
} BkFileListBlock;

/* What a name is looked up by. */
typedef struct Key
{
	uint32_t	root;
	const char *name;
} Key;

static bool add_line(void *arg, const BkInventoryLine *line, BkError *err);
static bool add_volume(BkFileList *list, const char *stream, BkError *err);
static bool parse_stream(const char *stream, BkVolume *volume);
static bool is_volume_number(const char *text);
static bool add_file(BkFileList *list, const BkInventoryLine *line,
					 BkError *err);
static const char *keep_name(BkFileList *list, const char *name);
static bool read_digest(const char *hex, unsigned char *digest);
static int	digit(char c);
static bool sort_files(BkFileList *list, BkError *err);
static int	compare_sorted(const void *a, const void *b, void *arg);
static int	compare_key(const Key *key, const BkFileList *list, uint32_t index);
static Key	key_of(const BkFileList *list, uint32_t index);
static bool grow(void **array, size_t count, size_t size);

BkFileList *
bk_filelist_read(BkReader *contents, BkError *err)
{
	BkFileList *list = calloc(1, sizeof(*list));

	if (list == NULL)
	{
		bk_error_memory(err);
		return NULL;
	}
	if (bk_inventory_read(contents, &list->head, add_line, list, err) &&
		sort_files(list, err))
		return list;
	bk_filelist_free(list);
	return NULL;
}

const BkListedFile *
bk_filelist_find(const BkFileList *list, uint32_t tablespace,
				 const char *name)
{
	Key			key = {.root = tablespace, .name = name};
	size_t		low = 0;
	size_t		high = list->file_count;

	while (low < high)
	{
		size_t		middle = low + (high - low) / 2;
		int			order = compare_key(&key, list, list->sorted[middle]);

		if (order == 0)
			return &list->files[list->sorted[middle]];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

bool
bk_filelist_has_below(const BkFileList *list, const char *folder)
{
	for (size_t i = 0; i < list->file_count; i++)
	{
		const BkListedFile *file = &list->files[i];

		if (list->volumes[file->volume].kind == BK_VOLUME_BASE &&
			strncmp(file->name, folder, strlen(folder)) == 0)
			return true;
	}
	return false;
}

void
bk_filelist_free(BkFileList *list)
{
	if (list == NULL)
		return;
	while (list->blocks != NULL)
	{
		BkFileListBlock *next = list->blocks->next;

		free(list->blocks);
		list->blocks = next;
	}
	for (size_t i = 0; i < list->volume_count; i++)
		free(list->volumes[i].stream);
	free(list->volumes);
	free(list->files);
	free(list->sorted);
	bk_json_free(list->head);
	free(list);
}

static bool
add_line(void *arg, const BkInventoryLine *line, BkError *err)
{
	BkFileList *list = arg;
	BkVolume   *last = list->volume_count == 0 ? NULL
		: &list->volumes[list->volume_count - 1];

	if (last == NULL || strcmp(last->stream, line->stream) != 0)
	{
		if (!add_volume(list, line->stream, err))
			return false;
	}
	return add_file(list, line, err);
}

static bool
add_volume(BkFileList *list, const char *stream, BkError *err)
{
	BkVolume   *volume;

	for (size_t i = 0; i < list->volume_count; i++)
	{
		if (strcmp(list->volumes[i].stream, stream) == 0)
			return bk_error(err, BK_STATE_CORRUPT,
							"the contents list volume \"%.200s\" in two places", stream);
	}
	if (!grow((void **) &list->volumes, list->volume_count, sizeof(*list->volumes)))
		return bk_error_memory(err);
	volume = &list->volumes[list->volume_count];
	memset(volume, 0, sizeof(*volume));
	volume->first = list->file_count;
	if (!parse_stream(stream, volume))
		return bk_error(err, BK_STATE_CORRUPT,
						"the contents list a volume with the name \"%.200s\"", stream);
	volume->stream = strdup(stream);
	if (volume->stream == NULL)
		return bk_error_memory(err);
	list->volume_count++;
	return true;
}

static bool
parse_stream(const char *stream, BkVolume *volume)
{
	char	   *end;
	unsigned long long oid;

	if (strncmp(stream, "base.", 5) == 0)
		return is_volume_number(stream + 5);
	if (strncmp(stream, "control.", 8) == 0)
	{
		volume->kind = BK_VOLUME_CONTROL;
		return is_volume_number(stream + 8);
	}
	if (strncmp(stream, "config.", 7) == 0)
	{
		volume->kind = BK_VOLUME_CONFIG;
		return is_volume_number(stream + 7);
	}
	if (strncmp(stream, "tblspc-", 7) != 0 || stream[7] < '1' || stream[7] > '9')
		return false;
	errno = 0;
	oid = strtoull(stream + 7, &end, 10);
	volume->kind = BK_VOLUME_TABLESPACE;
	volume->tablespace = (uint32_t) oid;
	return errno == 0 && oid <= UINT32_MAX && *end == '.' && is_volume_number(end + 1);
}

static bool
is_volume_number(const char *text)
{
	size_t		digits = strspn(text, "0123456789");

	return digits >= 4 && digits <= 8 && strcmp(text + digits, ".tar") == 0;
}

static bool
add_file(BkFileList *list, const BkInventoryLine *line, BkError *err)
{
	BkVolume   *volume = &list->volumes[list->volume_count - 1];
	BkListedFile *file;

	if (!grow((void **) &list->files, list->file_count, sizeof(*list->files)))
		return bk_error_memory(err);
	file = &list->files[list->file_count];
	memset(file, 0, sizeof(*file));
	file->name = keep_name(list, line->name);
	if (file->name == NULL)
		return bk_error_memory(err);
	file->size = line->size;
	file->volume = (uint32_t) (list->volume_count - 1);
	file->mode = line->mode;
	file->directory = line->directory;
	if (!line->directory && !read_digest(line->sha256, file->sha256))
		return bk_error(err, BK_STATE_CORRUPT,
						"the contents have no digest of file \"%.200s\"", line->name);
	if (list->file_count == UINT32_MAX)
		return bk_error(err, BK_STATE_TOO_LARGE, "the backup has too many files");
	list->file_count++;
	volume->count++;
	volume->size += line->size;
	return true;
}

static const char *
keep_name(BkFileList *list, const char *name)
{
	size_t		len = strlen(name) + 1;
	BkFileListBlock *block = list->blocks;
	char	   *kept;

	if (len > BLOCK_SIZE)
		return NULL;
	if (block == NULL || len > BLOCK_SIZE - block->used)
	{
		block = malloc(sizeof(*block));
		if (block == NULL)
			return NULL;
		block->used = 0;
		block->next = list->blocks;
		list->blocks = block;
	}
	kept = block->data + block->used;
	memcpy(kept, name, len);
	block->used += len;
	return kept;
}

static bool
read_digest(const char *hex, unsigned char *digest)
{
	if (hex == NULL || strlen(hex) != 64)
		return false;
	for (size_t i = 0; i < 32; i++)
	{
		int			high = digit(hex[2 * i]);
		int			low = digit(hex[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		digest[i] = (unsigned char) (high << 4 | low);
	}
	return true;
}

static int
digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool
sort_files(BkFileList *list, BkError *err)
{
	list->sorted = malloc((list->file_count + 1) * sizeof(*list->sorted));
	if (list->sorted == NULL)
		return bk_error_memory(err);
	for (size_t i = 0; i < list->file_count; i++)
		list->sorted[i] = (uint32_t) i;
	qsort_r(list->sorted, list->file_count, sizeof(*list->sorted), compare_sorted, list);
	for (size_t i = 1; i < list->file_count; i++)
	{
		Key			key = key_of(list, list->sorted[i]);

		if (compare_key(&key, list, list->sorted[i - 1]) == 0)
			return bk_error(err, BK_STATE_CORRUPT,
							"the contents list file \"%.200s\" twice", key.name);
	}
	return true;
}

static int
compare_sorted(const void *a, const void *b, void *arg)
{
	const BkFileList *list = arg;
	Key			key = key_of(list, *(const uint32_t *) a);

	return compare_key(&key, list, *(const uint32_t *) b);
}

static int
compare_key(const Key *key, const BkFileList *list, uint32_t index)
{
	Key			other = key_of(list, index);

	if (key->root != other.root)
		return key->root < other.root ? -1 : 1;
	return strcmp(key->name, other.name);
}

/* OIDs of tablespaces are above those of the system; 1 is none of them. */
static Key
key_of(const BkFileList *list, uint32_t index)
{
	const BkListedFile *file = &list->files[index];
	const BkVolume *volume = &list->volumes[file->volume];

	return (Key) {
		.root = volume->kind == BK_VOLUME_CONFIG ? 1 : volume->tablespace,
			.name = file->name
	};
}

/* Room for one more; the size doubles whenever it is a power of two. */
static bool
grow(void **array, size_t count, size_t size)
{
	void	   *larger;

	if ((count & (count - 1)) != 0)
		return true;
	larger = realloc(*array, (count == 0 ? 1 : 2 * count) * size);
	if (larger == NULL)
		return false;
	*array = larger;
	return true;
}
