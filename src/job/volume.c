/*
 * volume.c
 *	  Deal the files of a base backup out to tar volumes.
 */
#include "job/volume.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * A thread should have several volumes, so that all end at about the same
 * time; no manifest should list more than some thousands.
 */
#define VOLUMES_PER_JOB		8
#define VOLUMES_MAX			4096
#define VOLUME_MIN			((uint64_t) 64 * 1024 * 1024)
#define VOLUME_MAX			((uint64_t) 1024 * 1024 * 1024)

/* How the entries of a tree are being dealt out. */
typedef struct Deal
{
	BkVolumeSet *set;
	const char *name;
	const BkBaseVolume *like;
	const BkConfig *config;
	uint64_t	limit;
	BkVolumeFile *front;		/* where the next small file goes */
	BkVolumeFile *back;			/* behind where the next large one goes */
	size_t		open;			/* volume of small files that is being filled */
} Deal;

static bool deal_out(Deal *deal, const BkTree *tree, bool top, BkError *err);
static bool deal_entry(Deal *deal, const BkTreeEntry *entry, BkError *err);
static bool open_volume(Deal *deal, BkError *err);
static BkBaseVolume *new_volume(BkVolumeSet *set, const char *name,
							const BkBaseVolume *like, BkVolumeFile *files,
							BkError *err);
static bool make_room(BkVolumeSet *set, BkError *err);
static unsigned next_number(const BkVolumeSet *set, const char *name);
static void add_file(BkVolumeSet *set, BkBaseVolume *volume,
					 const BkTreeEntry *entry);
static int	compare_names(const void *a, const void *b);
static int	compare_sizes(const void *a, const void *b);

uint64_t
bk_volume_limit(uint64_t total, int64_t jobs)
{
	uint64_t	limit = total / ((uint64_t) jobs * VOLUMES_PER_JOB);

	if (limit < VOLUME_MIN)
		limit = VOLUME_MIN;
	if (limit > VOLUME_MAX)
		limit = VOLUME_MAX;
	return limit < total / VOLUMES_MAX ? total / VOLUMES_MAX : limit;
}

/*
 * Small files fill the array from its front, large ones from its back. Those
 * at the top have a volume of their own: the configuration is there, which is
 * all that a restore with --delta of an unchanged cluster finds different.
 */
bool
bk_volume_add_tree(BkVolumeSet *set, const char *name, const BkBaseVolume *like,
				   const BkTree *tree, const BkConfig *config, uint64_t limit,
				   BkError *err)
{
	Deal		deal = {.set = set, .name = name, .like = like, .config = config, .limit = limit};
	BkVolumeFile *files = calloc(tree->count + 1, sizeof(BkVolumeFile));
	BkBaseVolume *volume = files == NULL ? NULL : new_volume(set, name, like, files, err);

	if (volume == NULL)
	{
		free(files);
		return bk_error_memory(err);
	}
	volume->shared = files;
	deal.front = files;
	deal.back = files + tree->count;
	deal.open = set->count - 1;
	if (!deal_out(&deal, tree, true, err))
		return false;
	if (deal.front > files && !open_volume(&deal, err))
		return false;
	return deal_out(&deal, tree, false, err);
}

/* Deal out the files at the top, or everything else. */
static bool
deal_out(Deal *deal, const BkTree *tree, bool top, BkError *err)
{
	for (size_t i = 0; i < tree->count; i++)
	{
		const BkTreeEntry *entry = &tree->entries[i];
		bool		at_top = !entry->directory && strchr(entry->path, '/') == NULL;

		if (at_top != top ||
			(deal->config != NULL && bk_config_replaces(deal->config, entry->path)))
			continue;
		if (!deal_entry(deal, entry, err))
			return false;
	}
	return true;
}

static bool
deal_entry(Deal *deal, const BkTreeEntry *entry, BkError *err)
{
	BkBaseVolume *volume;

	if (entry->size >= deal->limit)
	{
		volume = new_volume(deal->set, deal->name, deal->like, --deal->back, err);
		if (volume == NULL)
			return false;
		add_file(deal->set, volume, entry);
		return true;
	}
	if (deal->set->list[deal->open].size + entry->size > deal->limit &&
		!open_volume(deal, err))
		return false;
	add_file(deal->set, &deal->set->list[deal->open], entry);
	deal->front++;
	return true;
}

/* The small files that come now go into a new volume. */
static bool
open_volume(Deal *deal, BkError *err)
{
	if (new_volume(deal->set, deal->name, deal->like, deal->front, err) == NULL)
		return false;
	deal->open = deal->set->count - 1;
	return true;
}

bool
bk_volume_add_files(BkVolumeSet *set, const char *name, const char *prefix,
					const BkConfigFile *files, size_t count, BkError *err)
{
	BkBaseVolume	like = {.root = -1, .prefix = prefix};
	BkVolumeFile *members;
	BkBaseVolume   *volume;

	if (count == 0)
		return true;
	members = calloc(count, sizeof(BkVolumeFile));
	volume = members == NULL ? NULL : new_volume(set, name, &like, members, err);
	if (volume == NULL)
	{
		free(members);
		return bk_error_memory(err);
	}
	volume->shared = members;
	for (size_t i = 0; i < count; i++)
	{
		BkVolumeFile *file = &volume->files[volume->count++];

		file->path = files[i].name;
		file->data = files[i].data;
		file->facts.size = files[i].size;
		file->facts.mode = files[i].mode;
		file->facts.mtime = files[i].mtime;
		volume->size += files[i].size;
		set->size += files[i].size;
	}
	return true;
}

bool
bk_volume_take(BkVolumeSet *set, BkVolumeSet *other, BkError *err)
{
	for (size_t i = 0; i < other->count; i++)
	{
		if (!make_room(set, err))
			return false;
		set->list[set->count++] = other->list[i];
		other->list[i].objects = NULL;
		other->list[i].shared = NULL;
	}
	bk_volume_free(other);
	return true;
}

void
bk_volume_sort_by_name(BkVolumeSet *set)
{
	if (set->count > 0)
		qsort(set->list, set->count, sizeof(BkBaseVolume), compare_names);
}

void
bk_volume_sort_by_size(BkVolumeSet *set)
{
	if (set->count > 0)
		qsort(set->list, set->count, sizeof(BkBaseVolume), compare_sizes);
}

void
bk_volume_free(BkVolumeSet *set)
{
	for (size_t i = 0; i < set->count; i++)
	{
		free(set->list[i].shared);
		bk_json_free(set->list[i].objects);
	}
	free(set->list);
	memset(set, 0, sizeof(*set));
}

/* An empty volume, whose files begin there. */
static BkBaseVolume *
new_volume(BkVolumeSet *set, const char *name, const BkBaseVolume *like,
		   BkVolumeFile *files, BkError *err)
{
	BkBaseVolume   *volume;

	if (!make_room(set, err))
		return NULL;
	volume = &set->list[set->count];
	*volume = *like;
	volume->files = files;
	volume->objects = bk_json_array();
	if (volume->objects == NULL)
	{
		bk_error_memory(err);
		return NULL;
	}
	snprintf(volume->stream, sizeof(volume->stream), "%s.%04u.tar", name,
			 next_number(set, name));
	set->count++;
	return volume;
}

/* Make room for one more volume. */
static bool
make_room(BkVolumeSet *set, BkError *err)
{
	size_t		more = set->room == 0 ? 16 : 2 * set->room;
	BkBaseVolume   *larger;

	if (set->count < set->room)
		return true;
	larger = realloc(set->list, more * sizeof(BkBaseVolume));
	if (larger == NULL)
		return bk_error_memory(err);
	set->list = larger;
	set->room = more;
	return true;
}

static unsigned
next_number(const BkVolumeSet *set, const char *name)
{
	size_t		len = strlen(name);
	unsigned	number = 1;

	for (size_t i = 0; i < set->count; i++)
		number += strncmp(set->list[i].stream, name, len) == 0 &&
			set->list[i].stream[len] == '.';
	return number;
}

static void
add_file(BkVolumeSet *set, BkBaseVolume *volume, const BkTreeEntry *entry)
{
	BkVolumeFile *file = &volume->files[volume->count++];

	file->path = entry->path;
	file->directory = entry->directory;
	file->facts.size = entry->size;
	file->facts.mode = entry->mode;
	file->facts.mtime = entry->mtime;
	volume->size += entry->size;
	set->size += entry->size;
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp(((const BkBaseVolume *) a)->stream, ((const BkBaseVolume *) b)->stream);
}

static int
compare_sizes(const void *a, const void *b)
{
	uint64_t	x = ((const BkBaseVolume *) a)->size;
	uint64_t	y = ((const BkBaseVolume *) b)->size;

	return (x < y) - (x > y);
}
