/*
 * fuzz_archive.c
 *	  Any bytes as an archive of pg_dump.
 */
#include <stdint.h>

#include "source/archive.h"

int			LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	BkError		err;
	BkReader   *reader = bk_memory_reader(data, size, &err);

	bk_archive_free(bk_archive_read(reader, NULL, NULL, &err));
	bk_reader_close(reader);
	return 0;
}
