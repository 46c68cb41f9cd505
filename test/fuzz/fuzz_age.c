/*
 * fuzz_age.c
 *	  Any bytes as an age file: read to the end or refused, and no more comes
 *	  out than went in.
 *
 * The vectors of test/vectors/age are good seeds: the private key is that of
 * most of them, and the lines before the file itself are passed over.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "filter/age.h"

int			LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const key =
	"AGE-SECRET-KEY-1EGTZVFFV20835NWYV6270LXYVK2VKNX2MMDKWYKLMGR48UAWX40Q2P2LM0";
	const uint8_t *file = memmem(data, size, "\n\n", 2);
	BkAgeIdentity identities[2] = {{.passphrase = NULL}, {.passphrase = "password"}};
	char		buf[4096];
	size_t		total = 0;
	size_t		got = 1;
	BkReader   *below;
	BkReader   *reader;
	BkError		err;

	if (size < 7 || memcmp(data, "expect:", 7) != 0 || file == NULL)
		file = data;
	else
		file += 2;
	size -= (size_t) (file - data);
	if (!bk_age_parse_identity(key, &identities[0], &err))
		abort();
	below = bk_memory_reader(file, size, &err);
	reader = below == NULL ? NULL : bk_age_reader(below, identities, 2, &err);
	if (reader == NULL)
	{
		bk_reader_close(below);
		return 0;
	}
	while (got > 0 && bk_read(reader, buf, sizeof(buf), &got, &err))
		total += got;
	if (total > size)
		abort();
	bk_reader_close(reader);
	return 0;
}
