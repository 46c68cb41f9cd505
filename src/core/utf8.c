/*
 * utf8.c
 *	  Well-formed UTF-8, after the table of byte sequences in RFC 3629.
 */
#include "core/utf8.h"

#include <stdbool.h>

typedef struct Utf8Row
{
	unsigned char first_low;	/* range of the first byte */
	unsigned char first_high;
	unsigned char second_low;	/* range of the second byte */
	unsigned char second_high;
	size_t		length;
} Utf8Row;

static const Utf8Row utf8_rows[] = {
	{0x00, 0x7f, 0x00, 0x00, 1},
	{0xc2, 0xdf, 0x80, 0xbf, 2},
	{0xe0, 0xe0, 0xa0, 0xbf, 3},
	{0xe1, 0xec, 0x80, 0xbf, 3},
	{0xed, 0xed, 0x80, 0x9f, 3},
	{0xee, 0xef, 0x80, 0xbf, 3},
	{0xf0, 0xf0, 0x90, 0xbf, 4},
	{0xf1, 0xf3, 0x80, 0xbf, 4},
	{0xf4, 0xf4, 0x80, 0x8f, 4},
};

static bool continues(const unsigned char *bytes, const Utf8Row *row);

size_t
bk_utf8_length(const char *text)
{
	const unsigned char *bytes = (const unsigned char *) text;

	for (size_t i = 0; i < sizeof(utf8_rows) / sizeof(utf8_rows[0]); i++)
	{
		const Utf8Row *row = &utf8_rows[i];

		if (bytes[0] >= row->first_low && bytes[0] <= row->first_high)
			return continues(bytes, row) ? row->length : 0;
	}
	return 0;
}

/* Stops at the first byte that does not fit, so never runs past the NUL. */
static bool
continues(const unsigned char *bytes, const Utf8Row *row)
{
	if (row->length == 1)
		return true;
	if (bytes[1] < row->second_low || bytes[1] > row->second_high)
		return false;
	for (size_t i = 2; i < row->length; i++)
	{
		if ((bytes[i] & 0xc0) != 0x80)
			return false;
	}
	return true;
}
