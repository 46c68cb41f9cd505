/*
 * extract.h
 *	  Write the members of a tar volume below a folder, and nowhere else.
 *
 * A volume comes from outside: whatever stands in it, nothing outside the
 * root is read, written or made. Only plain files and folders with plain
 * relative names pass; no link is followed, and no name is written twice. A
 * volume that breaks these rules is an error (XX001) that quotes the member.
 */
#ifndef BK_SOURCE_EXTRACT_H
#define BK_SOURCE_EXTRACT_H

#include <stdbool.h>
#include <stddef.h>

#include "source/tar.h"

typedef enum BkExtractWhat
{
	BK_EXTRACT_NEW,				/* write it; it must not be there */
	BK_EXTRACT_REPLACE,			/* write it in the place of what is there */
	BK_EXTRACT_SKIP				/* leave it out */
} BkExtractWhat;

typedef struct BkExtractSpec
{
	int			root;			/* an open folder */
	bool		group;			/* may the group read? */

	/* Called for each member that keeps the rules: what about it? */
	bool		(*member) (void *arg, const BkTarEntry *entry,
						   BkExtractWhat *what, BkError *err);

	/* Called once per buffer of data, with its size. */
	bool		(*tick) (void *arg, size_t size, BkError *err);
	void	   *arg;
} BkExtractSpec;

/* Write all members of a volume to its end. Nothing is synced. */
extern bool bk_extract(BkTarReader *tar, const BkExtractSpec *spec,
					   BkError *err);

/*
 * Is it a name that may be written: relative, no empty, "." or ".."
 * component, none over 255 bytes, at most 4095 in all? An error (XX001)
 * quotes it.
 */
extern bool bk_extract_check_name(const char *name, BkError *err);

/* Make a folder, not its parents; it may be there already. */
extern bool bk_extract_folder(const BkExtractSpec *spec, const char *name,
							  BkError *err);

#endif
