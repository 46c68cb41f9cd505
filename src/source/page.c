/*
 * page.c
 *	  The checksum of a page: 32 FNV-1a hashes side by side.
 *
 * The page is seen as rows of 32 numbers; column j of each row goes into hash
 * j. The rows are independent of each other, so they are written as vectors,
 * and compiled a second time for processors with AVX2, which multiply eight
 * numbers at once.
 */
#include "source/page.h"

#include <string.h>

#define SUMS		32			/* hashes side by side */
#define LANES		8			/* numbers in a vector */
#define VECTORS		(SUMS / LANES)
#define ROW_SIZE	(SUMS * sizeof(uint32_t))
#define FNV_PRIME	16777619
#define MIX_SHIFT	17
#define MIX_ROUNDS	2			/* rows of zeros at the end */

/* Offsets in the header. */
#define AT_LSN		0			/* two 32-bit halves, the high one first */
#define AT_CHECKSUM	8
#define AT_UPPER	14			/* 0 in a new page, as all the rest */

typedef uint32_t Lanes __attribute__((vector_size(LANES * sizeof(uint32_t))));

/* Where each hash starts. */
static const uint32_t base_offsets[SUMS] = {
	0x5B1F36E9, 0xB8525960, 0x02AB50AA, 0x1DE66D2A,
	0x79FF467A, 0x9BB9F8A3, 0x217E7CD2, 0x83E13D2C,
	0xF8D4474F, 0xE39EB970, 0x42C6AE16, 0x993216FA,
	0x7B093B5D, 0x98DAFF3C, 0xF718902A, 0x0B1C9CDB,
	0xE58F764B, 0x187636BC, 0x5D7B3BB1, 0xE73DE7DE,
	0x92BEC979, 0xCCA6C0B2, 0x304A0979, 0x85AA43D4,
	0x783125BB, 0x6CA8EAA2, 0xE407EAC6, 0x4B5CFC3E,
	0x9FBF8C76, 0x15CA20BE, 0xF2CA9FD3, 0x959BD756
};

static uint16_t read_number(const void *page, int at);

/* The sum of all bytes but those of the stored checksum, which count as 0. */
static inline __attribute__((always_inline)) uint32_t
sum_page(const char *page, uint32_t size)
{
	uint32_t	rows = size / ROW_SIZE;
	uint32_t	folded[SUMS];
	uint32_t	result = 0;
	Lanes		sums[VECTORS];
	Lanes		row[VECTORS];

	memcpy(sums, base_offsets, sizeof(sums));
	for (uint32_t i = 0; i < rows + MIX_ROUNDS; i++)
	{
		if (i < rows)
			memcpy(row, page + i * ROW_SIZE, sizeof(row));
		else
			memset(row, 0, sizeof(row));
		if (i == 0)
			memset((char *) row + AT_CHECKSUM, 0, sizeof(uint16_t));
		for (int j = 0; j < VECTORS; j++)
		{
			Lanes		mixed = sums[j] ^ row[j];

			sums[j] = mixed * FNV_PRIME ^ (mixed >> MIX_SHIFT);
		}
	}
	memcpy(folded, sums, sizeof(folded));
	for (int j = 0; j < SUMS; j++)
		result ^= folded[j];
	return result;
}

#ifdef __x86_64__
__attribute__((target("avx2"))) static uint32_t
sum_page_avx2(const char *page, uint32_t size)
{
	return sum_page(page, size);
}
#endif

static uint32_t
sum_page_plain(const char *page, uint32_t size)
{
	return sum_page(page, size);
}

uint16_t
bk_page_checksum(const void *page, uint32_t size, uint32_t block)
{
	uint32_t	sum;

#ifdef __x86_64__
	if (__builtin_cpu_supports("avx2"))
		sum = sum_page_avx2(page, size);
	else
#endif
		sum = sum_page_plain(page, size);
	/* A page in the place of another is told; 0 means "no checksum". */
	return (uint16_t) ((sum ^ block) % 65535 + 1);
}

uint16_t
bk_page_stored_checksum(const void *page)
{
	return read_number(page, AT_CHECKSUM);
}

uint64_t
bk_page_lsn(const void *page)
{
	uint32_t	halves[2];

	memcpy(halves, (const char *) page + AT_LSN, sizeof(halves));
	return (uint64_t) halves[0] << 32 | halves[1];
}

bool
bk_page_is_new(const void *page, uint32_t size)
{
	const char *bytes = page;

	return read_number(page, AT_UPPER) == 0 && bytes[0] == 0 &&
		memcmp(bytes, bytes + 1, size - 1) == 0;
}

bool
bk_page_is_right(const void *page, uint32_t size, uint32_t block,
				 uint64_t start_lsn, uint64_t stop_lsn)
{
	uint64_t	lsn = bk_page_lsn(page);

	return bk_page_is_new(page, size) || (lsn >= start_lsn && lsn <= stop_lsn) ||
		bk_page_checksum(page, size, block) == bk_page_stored_checksum(page);
}

static uint16_t
read_number(const void *page, int at)
{
	uint16_t	number;

	memcpy(&number, (const char *) page + at, sizeof(number));
	return number;
}
