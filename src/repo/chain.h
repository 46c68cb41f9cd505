/*
 * chain.h
 *	  What lies between plain bytes and stored ones: codec and encryption.
 *
 * The suffix of an object's name says what was done to it, last thing last:
 * ".zst.age" is compressed, then encrypted.
 */
#ifndef BK_REPO_CHAIN_H
#define BK_REPO_CHAIN_H

#include <stdbool.h>

#include "core/stream.h"
#include "filter/codec.h"
#include "repo/keys.h"

#define BK_CHAIN_SUFFIX_SIZE	32

typedef struct BkChain
{
	const BkCodec *codec;
	bool		encrypted;
} BkChain;

/* What is written with a codec and these keys (NULL: none). */
extern BkChain bk_chain_new(const BkCodec *codec, const BkKeys *keys);

/* The chain of a suffix; false if it is not known. */
extern bool bk_chain_parse(const char *suffix, BkChain *chain);

/* The suffix of a chain. */
extern void bk_chain_suffix(const BkChain *chain,
							char suffix[BK_CHAIN_SUFFIX_SIZE]);

/*
 * A writer of plain bytes that compresses, with so many further threads, and
 * encrypts to the keys' recipients, if there are any; and to the server that
 * has the key file, if it must read this itself. "below" is taken over, also
 * on failure. NULL on failure.
 */
extern BkWriter *bk_chain_writer(BkWriter *below, const BkCodecSpec *spec,
								 int threads, const BkKeys *keys,
								 bool for_server, BkError *err);

/*
 * A reader of the plain bytes. "below" is taken over, also on failure. No
 * identity among the keys that opens it: 28000, here or with the first bytes.
 */
extern BkReader *bk_chain_reader(BkReader *below, const BkChain *chain,
								 const BkKeys *keys, BkError *err);

/* Say of an error 28000 of reading which thing could not be opened, and what to give. */
extern bool bk_chain_refused(const char *what, BkError *err);

#endif
