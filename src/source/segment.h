/*
 * segment.h
 *	  Is a file really what its name says, WAL of this cluster?
 *
 * An archive that takes anything is found out at the restore. What is cheap to
 * know about a file of pg_wal is looked at before it is stored: the header of
 * its first page (PostgreSQL, src/include/access/xlog_internal.h), or how its
 * text begins.
 */
#ifndef BK_SOURCE_SEGMENT_H
#define BK_SOURCE_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "core/walname.h"

/* So much of the beginning of a segment has to be known. */
#define BK_SEGMENT_HEAD		64

/*
 * Check a file of "size" bytes that begins with the "len" bytes at head: all
 * of a history, BK_SEGMENT_HEAD bytes or more of everything else, or all of
 * the file. WAL of another cluster is an error (55000), everything else that
 * is wrong is another (XX001); the detail has the reason.
 */
extern bool bk_segment_check(const BkWalName *name,
							 const char *system_identifier, const void *head,
							 size_t len, uint64_t size, BkError *err);

#endif
