/*
 * contents.h
 *	  The detailed record of a backup: what is in it, by name.
 *
 * One JSON object per line, so that a database of any number of tables is
 * written and read in little memory. FORMAT.md, "Contents".
 */
#ifndef BK_JOB_CONTENTS_H
#define BK_JOB_CONTENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/json.h"
#include "core/stream.h"
#include "source/archive.h"

/* Write the head line, with the database's properties, and a line per table. */
extern bool bk_contents_write(BkWriter *writer, const BkJson *properties,
							  const BkArchive *archive, BkError *err);

/* One line of contents: a table, or large objects (schema and name NULL). */
typedef struct BkContentsLine
{
	const char *schema;
	const char *name;
	int64_t		rows;
} BkContentsLine;

/* Called for each line after the head; false ends the reading. */
typedef bool (*BkContentsVisit) (void *arg, const BkContentsLine *line,
								 BkError *err);

/*
 * Read contents to their end. *properties is the head's, which the caller
 * frees; either it or visit may be NULL.
 */
extern bool bk_contents_read(BkReader *reader, BkJson **properties,
							 BkContentsVisit visit, void *arg, BkError *err);

/*
 * The lines themselves, of any kind of backup. Called for each with its JSON
 * object, which is borrowed; the first is the head.
 */
typedef bool (*BkContentsLineVisit) (void *arg, const BkJson *json, bool head,
									 BkError *err);

/* Read all lines to the end. */
extern bool bk_contents_read_lines(BkReader *reader,
								   BkContentsLineVisit visit, void *arg,
								   BkError *err);

/* Write one line, and free its JSON object. */
extern bool bk_contents_write_line(BkWriter *writer, BkJson *json,
								   BkError *err);

/*
 * A name, which is bytes: as the member "key", or where it is not valid UTF-8
 * in hexadecimal as "<key>_hex". The second gives it back, decoded into the
 * room where necessary; NULL if there is neither.
 */
extern void bk_contents_put_name(BkJson *json, const char *key,
								 const char *name);
extern const char *bk_contents_get_name(const BkJson *json, const char *key,
										char *room, size_t size);

#endif
