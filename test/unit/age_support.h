/*
 * age_support.h
 *	  Decrypting in tests.
 */
#ifndef BK_TEST_AGE_SUPPORT_H
#define BK_TEST_AGE_SUPPORT_H

#include "support.h"

#include "filter/age.h"

/* Decrypt what a source gives; what came before a failure is in out. */
static inline bool
decrypt(BkReader *source, const BkAgeIdentity *keys, size_t count, size_t step,
		BkBuf *out, BkError *err)
{
	BkReader   *reader = bk_age_reader(source, keys, count, err);
	char	   *piece = malloc(step);
	size_t		got = 1;
	bool		good = true;

	assert_non_null(reader);
	bk_buf_init(out);
	while (good && got > 0)
	{
		good = bk_read(reader, piece, step, &got, err);
		if (good)
			bk_buf_append(out, piece, got);
	}
	/* The end stays the end. */
	if (good)
		assert_true(bk_read(reader, piece, step, &got, err) && got == 0);
	bk_reader_close(reader);
	free(piece);
	return good;
}

#endif
