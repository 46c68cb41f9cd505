/*
 * page.h
 *	  Pages of relation files: their header and their checksum.
 *
 * The layout of the header is that of PostgreSQL's storage/bufpage.h, the
 * checksum that of storage/checksum_impl.h; both are the same in all versions
 * since 9.3. Numbers in a page are in the machine's own byte order.
 */
#ifndef BK_SOURCE_PAGE_H
#define BK_SOURCE_PAGE_H

#include <stdbool.h>
#include <stdint.h>

/* Sizes that PostgreSQL can be built with; each is a power of two. */
#define BK_PAGE_MIN_SIZE	1024
#define BK_PAGE_MAX_SIZE	32768

/*
 * The checksum that a page should have. "block" is its number in the
 * relation, counted through all segments. The page is aligned to 4 bytes, and
 * its size is one of those above.
 */
extern uint16_t bk_page_checksum(const void *page, uint32_t size,
								 uint32_t block);

/* What stands in the header: checksum, and the position of its last change. */
extern uint16_t bk_page_stored_checksum(const void *page);
extern uint64_t bk_page_lsn(const void *page);

/*
 * A page that was added to the relation and never initialised has no
 * checksum. It is all zeros, or the server would not read it
 * (PageIsVerifiedExtended in src/backend/storage/page/bufpage.c).
 */
extern bool bk_page_is_new(const void *page, uint32_t size);

/*
 * Is the page what it should be in a backup from start_lsn to stop_lsn? One
 * that is new or was changed meanwhile may be anything: replay writes it anew.
 * While the backup runs, stop_lsn is UINT64_MAX.
 */
extern bool bk_page_is_right(const void *page, uint32_t size, uint32_t block,
							 uint64_t start_lsn, uint64_t stop_lsn);

#endif
