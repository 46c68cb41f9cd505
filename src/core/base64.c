/*
 * base64.c
 *	  Base 64 (RFC 4648, section 4).
 */
#include "core/base64.h"

#include <stdint.h>
#include <string.h>

static const char letters[] =
"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void
bk_base64_encode(const void *data, size_t len, bool padded, char *text)
{
	const unsigned char *bytes = data;
	uint32_t	value = 0;
	int			bits = 0;
	size_t		out = 0;

	for (size_t i = 0; i < len; i++)
	{
		value = value << 8 | bytes[i];
		for (bits += 8; bits >= 6; bits -= 6)
			text[out++] = letters[value >> (bits - 6) & 63];
	}
	if (bits > 0)
		text[out++] = letters[value << (6 - bits) & 63];
	while (padded && out % 4 != 0)
		text[out++] = '=';
	text[out] = '\0';
}

bool
bk_base64_decode(const char *text, size_t len, void *data, size_t size)
{
	unsigned char *bytes = data;
	uint32_t	value = 0;
	int			bits = 0;
	size_t		out = 0;

	if (len != (size * 8 + 5) / 6)
		return false;
	for (size_t i = 0; i < len; i++)
	{
		const char *letter = memchr(letters, text[i], sizeof(letters) - 1);

		if (letter == NULL)
			return false;
		value = value << 6 | (uint32_t) (letter - letters);
		bits += 6;
		if (bits >= 8)
		{
			bits -= 8;
			bytes[out++] = (unsigned char) (value >> bits);
		}
	}

	/* The bits that are left over carry nothing. */
	return (value & ((1u << bits) - 1)) == 0;
}
