/*
 * transfer.h
 *	  Objects from one repository to another, byte for byte as they are stored.
 *
 * What is there already is compared and not written again; other content under
 * the same name is an error, since somebody else has written it.
 */
#ifndef BK_REPO_TRANSFER_H
#define BK_REPO_TRANSFER_H

#include <stdbool.h>
#include <stdint.h>

#include "repo/repository.h"
#include "repo/wal.h"

typedef struct BkTransfer
{
	BkRepository *from;
	BkRepository *to;

	/*
	 * Called for each piece of work with the stored bytes that have been
	 * dealt with; false ends the work with the error set here.
	 */
	bool		(*tick) (void *arg, uint64_t bytes, BkError *err);
	void	   *arg;			/* for tick */
} BkTransfer;

/*
 * An object of a backup. Size and SHA-256 are compared with the manifest while
 * it is read, before it can be seen in the other repository. Errors: it is
 * damaged (XX001), the other repository has another one (42710).
 */
extern bool bk_transfer_object(const BkTransfer *transfer,
							   const BkManifest *manifest,
							   const BkObject *object, BkError *err);

/*
 * The manifest of a backup, and with it the backup is listed. Everything else
 * of it has to be there.
 */
extern bool bk_transfer_manifest(const BkTransfer *transfer, const char *id,
								 BkError *err);

/*
 * All files in a folder of small sealed ones, such as notes and marks. One
 * that is damaged is an error (XX001).
 */
extern bool bk_transfer_small(const BkTransfer *transfer, const char *folder,
							  BkError *err);

/*
 * A file of WAL, as it was found in the first repository. It is read to its
 * end and its digest checked before it is copied, unless it takes the owner's
 * key to read it. Errors: it is damaged
 * (XX001), the other repository has other content under its name (23505).
 */
extern bool bk_transfer_wal(const BkTransfer *transfer,
							const char *system_identifier,
							const BkWalName *name, const BkWalFound *found,
							BkError *err);

#endif
