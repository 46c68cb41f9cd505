/*
 * chain.c
 *	  Put codec and encryption together, and take them apart.
 *
 * Writing:	codec > age > below
 * Reading:	below > age > codec
 */
#include "repo/chain.h"

#include <stdio.h>
#include <string.h>

#define AGE_LEN		(sizeof(BK_AGE_SUFFIX) - 1)

static BkWriter *encrypt(BkWriter *below, const BkKeys *keys, bool for_server,
						 BkError *err);
static BkReader *decrypt(BkReader *below, const BkKeys *keys, BkError *err);

BkChain
bk_chain_new(const BkCodec *codec, const BkKeys *keys)
{
	return (BkChain) {
		.codec = codec,
		.encrypted = keys != NULL && keys->recipient_count > 0,
	};
}

bool
bk_chain_parse(const char *suffix, BkChain *chain)
{
	size_t		len = strlen(suffix);
	char		rest[BK_CHAIN_SUFFIX_SIZE];

	if (len >= sizeof(rest))
		return false;
	memcpy(rest, suffix, len + 1);
	chain->encrypted = len >= AGE_LEN &&
		strcmp(suffix + len - AGE_LEN, BK_AGE_SUFFIX) == 0;
	if (chain->encrypted)
		rest[len - AGE_LEN] = '\0';
	chain->codec = bk_codec_by_suffix(rest);
	return chain->codec != NULL;
}

void
bk_chain_suffix(const BkChain *chain, char suffix[BK_CHAIN_SUFFIX_SIZE])
{
	snprintf(suffix, BK_CHAIN_SUFFIX_SIZE, "%s%s", chain->codec->suffix,
			 chain->encrypted ? BK_AGE_SUFFIX : "");
}

BkWriter *
bk_chain_writer(BkWriter *below, const BkCodecSpec *spec, int threads,
				const BkKeys *keys, bool for_server, BkError *err)
{
	BkChain		chain = bk_chain_new(spec->codec, keys);
	BkWriter   *writer;

	if (chain.encrypted && (below = encrypt(below, keys, for_server, err)) == NULL)
		return NULL;
	writer = spec->codec->compress(below, spec->level, threads, err);
	if (writer == NULL)
		bk_writer_close(below);
	return writer;
}

BkReader *
bk_chain_reader(BkReader *below, const BkChain *chain, const BkKeys *keys,
				BkError *err)
{
	BkReader   *reader;

	if (chain->encrypted && (below = decrypt(below, keys, err)) == NULL)
		return NULL;
	reader = chain->codec->decompress(below, err);
	if (reader == NULL)
		bk_reader_close(below);
	return reader;
}

bool
bk_chain_refused(const char *what, BkError *err)
{
	char		reason[sizeof(err->message)];

	memcpy(reason, err->message, sizeof(reason));
	bk_error(err, BK_STATE_REFUSED, "could not decrypt %s", what);
	bk_error_detail(err, "The reason is: %s.", reason);
	return bk_error_hint(err, "Give the file with the owner's private key with --identity-file, or set backup_ext.identity_file.");
}

static BkWriter *
encrypt(BkWriter *below, const BkKeys *keys, bool for_server, BkError *err)
{
	BkAgeRecipient recipients[BK_KEYS_MAX + 1];
	size_t		count = keys->recipient_count;
	BkWriter   *writer;

	memcpy(recipients, keys->recipients, count * sizeof(recipients[0]));
	if (for_server && keys->has_server)
		recipients[count++] = keys->server;
	writer = bk_age_writer(below, recipients, count, err);
	if (writer == NULL)
		bk_writer_close(below);
	return writer;
}

static BkReader *
decrypt(BkReader *below, const BkKeys *keys, BkError *err)
{
	BkReader   *reader = NULL;

	if (keys == NULL || keys->identity_count == 0)
		bk_error(err, BK_STATE_REFUSED, "no private key was given");
	else
		reader = bk_age_reader(below, keys->identities, keys->identity_count, err);
	if (reader == NULL)
		bk_reader_close(below);
	return reader;
}
