/*
 * fuzz_tar.c
 *	  Any bytes as a tar volume: read to the end or refused, and no member has
 *	  more data than it says.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "source/tar.h"

int			LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
read_members(BkTarReader *tar)
{
	char		buf[4096];
	BkTarEntry	entry;
	BkError		err;
	bool		more;

	while (bk_tar_next(tar, &entry, &more, &err) && more)
	{
		uint64_t	total = 0;
		size_t		got = 1;

		if (strlen(entry.name) > 1024 * 1024)
			abort();
		while (got > 0 && bk_tar_read(tar, buf, sizeof(buf), &got, &err))
			total += got;
		if (total > entry.size)
			abort();
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	BkError		err;
	BkReader   *below = bk_memory_reader(data, size, &err);
	BkTarReader *tar = below == NULL ? NULL : bk_tar_reader_open(below, &err);

	if (tar != NULL)
		read_members(tar);
	bk_tar_reader_free(tar);
	bk_reader_close(below);
	return 0;
}
