/*
 * walplace.h
 *	  A repository in a temporary folder, and WAL in it.
 */
#ifndef BK_TEST_WALPLACE_H
#define BK_TEST_WALPLACE_H

#include "support.h"

#include <dirent.h>

#include "core/walname.h"
#include "repo/repository.h"
#include "repo/wal.h"

#define CLUSTER		"7440958112339017623"

typedef struct Place
{
	char	   *folder;
	BkRepository *repo;
} Place;

static inline Place
open_place(void)
{
	Place		place = {.folder = new_folder()};
	char		url[128];
	BkRepositoryTarget target = {.url = url};
	BkError		err;

	snprintf(url, sizeof(url), "file://%s", place.folder);
	place.repo = bk_repository_create(&target, &err);
	assert_good(place.repo != NULL, &err);
	return place;
}

static inline void
close_place(Place *place)
{
	bk_repository_close(place->repo);
	remove_folder(place->folder);
}

static inline BkWalName
wal_name(const char *text)
{
	BkWalName	name;
	BkError		err;

	assert_good(bk_wal_name_parse(text, &name, &err), &err);
	return name;
}

static inline bool
put(BkRepository *repo, const char *text, const char *data, size_t size,
	const char *codec, bool *fresh, BkError *err)
{
	BkWalName	name = wal_name(text);
	BkWalSource source = bk_wal_memory(data, size);
	BkWalFound	found;

	return bk_wal_put(repo, CLUSTER, &name, &source, codec, &found, fresh, err);
}

static inline bool
get(BkRepository *repo, const char *text, char **data, size_t *size, BkError *err)
{
	BkWalName	name = wal_name(text);
	BkWalFound	found;
	BkReader   *reader;
	bool		good;

	assert_good(bk_wal_find(repo, CLUSTER, &name, &found, err), err);
	reader = bk_wal_reader(repo, &found, err);
	if (reader == NULL)
		return false;
	good = bk_read_all(reader, 128 * 1024 * 1024, data, size, err);
	bk_reader_close(reader);
	return good;
}

static inline int
files_in(const Place *place, const char *folder)
{
	DIR		   *dir = opendir(in_folder(place->folder, folder));
	struct dirent *entry;
	int			count = 0;

	while (dir != NULL && (entry = readdir(dir)) != NULL)
		count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
	if (dir != NULL)
		closedir(dir);
	return count;
}

#endif
