/*
 * lookahead.h
 *	  What the server has marked as ready to be archived.
 */
#ifndef BK_JOB_LOOKAHEAD_H
#define BK_JOB_LOOKAHEAD_H

#include <stdbool.h>
#include <stddef.h>

#include "core/walname.h"

/*
 * The order in which the archiver asks: histories first, then by name
 * (src/backend/postmaster/pgarch.c, ready_file_comparator). For qsort.
 */
extern int	bk_lookahead_compare(const void *left, const void *right);

/*
 * The first "max" files of pg_wal, "folder", that are ready, in that order,
 * without those among the known ones (sorted the same way). Returns how many
 * there are; none also where nobody marks files.
 */
extern size_t bk_lookahead_list(const char *folder, const BkWalName *known,
								size_t known_count, BkWalName *names,
								size_t max);

/* Is the file still marked as ready? */
extern bool bk_lookahead_is_ready(const char *folder, const BkWalName *name);

#endif
