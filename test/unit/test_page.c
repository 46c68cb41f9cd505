/*
 * test_page.c
 *	  Pages of a real cluster with checksums, and names of relation files.
 */
#include "support.h"

#include "source/page.h"
#include "source/relation.h"

#define SIZE	8192

/* Two pages of an index, as PostgreSQL 15 wrote them. */
static void
read_pages(BkBuf *pages)
{
	read_file("test/vectors/page/pages.bin", pages);
	assert_int_equal(pages->len, 2 * SIZE);
}

static void
real_pages_are_right(void **state)
{
	BkBuf		pages;

	(void) state;
	read_pages(&pages);
	for (uint32_t block = 0; block < 2; block++)
	{
		const char *page = pages.data + block * SIZE;

		assert_false(bk_page_is_new(page, SIZE));
		assert_true(bk_page_lsn(page) > 0 && bk_page_lsn(page) < (uint64_t) 1 << 32);
		assert_int_equal(bk_page_checksum(page, SIZE, block), bk_page_stored_checksum(page));
		assert_true(bk_page_is_right(page, SIZE, block, UINT64_MAX, UINT64_MAX));
		/* In another's place it is wrong. */
		assert_false(bk_page_is_right(page, SIZE, block + 1, UINT64_MAX, UINT64_MAX));
	}
	bk_buf_free(&pages);
}

static void
every_byte_counts(void **state)
{
	BkBuf		pages;
	uint64_t	lsn;

	(void) state;
	read_pages(&pages);
	lsn = bk_page_lsn(pages.data);
	for (size_t i = 0; i < SIZE; i++)
	{
		pages.data[i] ^= 1;
		assert_false(bk_page_is_right(pages.data, SIZE, 0, UINT64_MAX, UINT64_MAX));
		pages.data[i] ^= 1;
	}
	pages.data[SIZE - 1] ^= 1;
	assert_false(bk_page_is_right(pages.data, SIZE, 0, lsn + 1, UINT64_MAX));
	/* What was changed since the start is written anew by replay. */
	assert_true(bk_page_is_right(pages.data, SIZE, 0, lsn, UINT64_MAX));
	/* Not so what can only have been changed after the end. */
	assert_false(bk_page_is_right(pages.data, SIZE, 0, 0, lsn - 1));
	/* A page is new if nothing stands there, not if its header was lost. */
	memset(pages.data, 0, 512);
	assert_false(bk_page_is_new(pages.data, SIZE));
	assert_false(bk_page_is_right(pages.data, SIZE, 0, UINT64_MAX, UINT64_MAX));
	memset(pages.data, 0, SIZE);
	assert_true(bk_page_is_new(pages.data, SIZE));
	assert_true(bk_page_is_right(pages.data, SIZE, 0, UINT64_MAX, UINT64_MAX));
	bk_buf_free(&pages);
}

static void
all_sizes_are_summed(void **state)
{
	char	   *data = make_data(BK_PAGE_MAX_SIZE, false, 7);

	(void) state;
	for (uint32_t size = BK_PAGE_MIN_SIZE; size <= BK_PAGE_MAX_SIZE; size *= 2)
	{
		uint16_t	sum = bk_page_checksum(data, size, 0);

		assert_int_not_equal(sum, 0);
		data[size - 1] ^= 1;
		assert_int_not_equal(bk_page_checksum(data, size, 0), sum);
		data[size - 1] ^= 1;
		assert_int_equal(bk_page_checksum(data, size, 0), sum);
	}
	free(data);
}

static const struct
{
	const char *path;
	bool		is;
	uint32_t	number;
	uint32_t	segment;
	bool		init;
	bool		temporary;
}			paths[] = {
	{"global/1262", true, 1262, 0, false, false},
	{"base/5/16384", true, 16384, 0, false, false},
	{"base/5/16384.12", true, 16384, 12, false, false},
	{"base/5/16384_fsm", true, 16384, 0, false, false},
	{"base/5/16384_vm.1", true, 16384, 1, false, false},
	{"base/5/16384_init", true, 16384, 0, true, false},
	{"base/5/t3_16384", true, 16384, 0, false, true},
	{"base/5/t12_16384_fsm.1", true, 16384, 1, false, true},
	{"PG_15_202209061/5/4294967295", true, UINT32_MAX, 0, false, false},
	{"pg_tblspc/16400/PG_15_202209061/5/16384", true, 16384, 0, false, false},
	{"base/5/PG_VERSION", false, 0, 0, false, false},
	{"base/5/pg_filenode.map", false, 0, 0, false, false},
	{"base/5/4294967296", false, 0, 0, false, false},
	{"base/5/016384", false, 0, 0, false, false},
	{"base/5/0", false, 0, 0, false, false},
	{"base/5/16384.0", false, 0, 0, false, false},
	{"base/5/16384.01", false, 0, 0, false, false},
	{"base/5/16384.", false, 0, 0, false, false},
	{"base/5/16384_", false, 0, 0, false, false},
	{"base/5/16384_main", false, 0, 0, false, false},
	{"base/5/16384.1_fsm", false, 0, 0, false, false},
	{"base/5/t_16384", false, 0, 0, false, false},
	{"base/5/x/16384", false, 0, 0, false, false},
	{"base/x/16384", false, 0, 0, false, false},
	{"base/16384", false, 0, 0, false, false},
	{"pg_xact/0000", false, 0, 0, false, false},
	{"pg_multixact/members/16384", false, 0, 0, false, false},
	{"PG_VERSION", false, 0, 0, false, false},
	{"PG_15_202209061", false, 0, 0, false, false},
	{"16384", false, 0, 0, false, false},
	{"", false, 0, 0, false, false},
};

static void
relations_are_told_by_their_path(void **state)
{
	(void) state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
	{
		BkRelation	relation;
		bool		is = bk_relation_parse_path(paths[i].path, &relation);

		if (is != paths[i].is)
			fail_msg("%s is %sa relation", paths[i].path, is ? "" : "not ");
		if (!is)
			continue;
		assert_int_equal(relation.number, paths[i].number);
		assert_int_equal(relation.segment, paths[i].segment);
		assert_int_equal(relation.init, paths[i].init);
		assert_int_equal(relation.temporary, paths[i].temporary);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(real_pages_are_right),
		cmocka_unit_test(every_byte_counts),
		cmocka_unit_test(all_sizes_are_summed),
		cmocka_unit_test(relations_are_told_by_their_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
