/*
 * bech32.c
 *	  Bech32 (BIP 173).
 *
 * Eight bits become groups of five, each a letter; six more letters are the
 * checksum, over the prefix in lower case and the groups.
 */
#include "filter/bech32.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define GROUPS		((BK_BECH32_BYTES * 8 + 4) / 5)
#define CHECKSUM	6

static const char letters[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";

static uint32_t checksum(const char *prefix, const unsigned char *groups,
						 size_t count);
static uint32_t step(uint32_t sum, unsigned value);
static bool to_lower(const char *text, char lower[BK_BECH32_SIZE]);
static bool from_groups(const unsigned char *groups, unsigned char *bytes);

void
bk_bech32_encode(const char *prefix, const unsigned char bytes[BK_BECH32_BYTES],
				 char text[BK_BECH32_SIZE])
{
	unsigned char groups[GROUPS + CHECKSUM] = {0};
	size_t		at = strlen(prefix);
	uint32_t	sum;

	for (size_t bit = 0; bit < BK_BECH32_BYTES * 8; bit++)
	{
		unsigned	value = bytes[bit / 8] >> (7 - bit % 8) & 1;

		groups[bit / 5] |= (unsigned char) (value << (4 - bit % 5));
	}
	sum = checksum(prefix, groups, GROUPS + CHECKSUM) ^ 1;
	for (int i = 0; i < CHECKSUM; i++)
		groups[GROUPS + i] = sum >> 5 * (CHECKSUM - 1 - i) & 31;
	memcpy(text, prefix, at);
	text[at++] = '1';
	for (size_t i = 0; i < GROUPS + CHECKSUM; i++)
		text[at++] = letters[groups[i]];
	text[at] = '\0';
	explicit_bzero(groups, sizeof(groups));
}

bool
bk_bech32_decode(const char *prefix, const char *text,
				 unsigned char bytes[BK_BECH32_BYTES])
{
	unsigned char groups[GROUPS + CHECKSUM];
	char		lower[BK_BECH32_SIZE];
	size_t		start = strlen(prefix) + 1;
	bool		ok;

	ok = to_lower(text, lower) && strlen(lower) == start + sizeof(groups) &&
		strncmp(lower, prefix, start - 1) == 0 && lower[start - 1] == '1';
	for (size_t i = 0; ok && i < sizeof(groups); i++)
	{
		const char *letter = strchr(letters, lower[start + i]);

		ok = letter != NULL;
		groups[i] = ok ? (unsigned char) (letter - letters) : 0;
	}
	ok = ok && checksum(prefix, groups, sizeof(groups)) == 1 &&
		from_groups(groups, bytes);
	explicit_bzero(groups, sizeof(groups));
	explicit_bzero(lower, sizeof(lower));
	return ok;
}

/* BIP 173, "Checksum": the prefix goes in as its high bits, 0, its low bits. */
static uint32_t
checksum(const char *prefix, const unsigned char *groups, size_t count)
{
	uint32_t	sum = 1;

	for (const char *c = prefix; *c != '\0'; c++)
		sum = step(sum, (unsigned char) *c >> 5);
	sum = step(sum, 0);
	for (const char *c = prefix; *c != '\0'; c++)
		sum = step(sum, (unsigned char) *c & 31);
	for (size_t i = 0; i < count; i++)
		sum = step(sum, groups[i]);
	return sum;
}

static uint32_t
step(uint32_t sum, unsigned value)
{
	static const uint32_t generator[] = {
		0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3
	};
	uint32_t	top = sum >> 25;

	sum = (sum & 0x1ffffff) << 5 ^ value;
	for (int i = 0; i < 5; i++)
		sum ^= top >> i & 1 ? generator[i] : 0;
	return sum;
}

/* False if the text is too long or mixes cases. */
static bool
to_lower(const char *text, char lower[BK_BECH32_SIZE])
{
	bool		has_upper = false;
	bool		has_lower = false;
	size_t		len = strnlen(text, BK_BECH32_SIZE);

	lower[0] = '\0';
	if (len == BK_BECH32_SIZE)
		return false;
	for (size_t i = 0; i <= len; i++)
	{
		bool		upper = text[i] >= 'A' && text[i] <= 'Z';

		has_upper |= upper;
		has_lower |= text[i] >= 'a' && text[i] <= 'z';
		lower[i] = upper ? (char) (text[i] - 'A' + 'a') : text[i];
	}
	return !has_upper || !has_lower;
}

/* The last group has bits behind the last byte, which are zero. */
static bool
from_groups(const unsigned char *groups, unsigned char *bytes)
{
	memset(bytes, 0, BK_BECH32_BYTES);
	for (size_t bit = 0; bit < GROUPS * 5; bit++)
	{
		unsigned	value = groups[bit / 5] >> (4 - bit % 5) & 1;

		if (bit < BK_BECH32_BYTES * 8)
			bytes[bit / 8] |= (unsigned char) (value << (7 - bit % 8));
		else if (value != 0)
			return false;
	}
	return true;
}
