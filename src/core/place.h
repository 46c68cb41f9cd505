/*
 * place.h
 *	  Where a cluster lives: a machine and a data directory.
 *
 * Two copies of a cluster have the same system identifier, so their places
 * tell them apart. A place outlasts a restart, a crash, a new host name and a
 * new minor version; what lies in the directory does not matter for it.
 */
#ifndef BK_CORE_PLACE_H
#define BK_CORE_PLACE_H

#include <stdbool.h>

#include "core/digest.h"

#define BK_PLACE_NAME_SIZE	256
#define BK_PLACE_PATH_SIZE	4096

typedef struct BkPlace
{
	char		id[BK_DIGEST_HEX_SIZE]; /* stands for the rest */
	char		machine_id[BK_PLACE_NAME_SIZE]; /* machine-id(5), may be empty */
	char		hostname[BK_PLACE_NAME_SIZE];
	char		data_directory[BK_PLACE_PATH_SIZE]; /* without symbolic links */
} BkPlace;

/* The place of a data directory of this machine, which must be there. */
extern bool bk_place_find(const char *data_directory, BkPlace *place,
						  BkError *err);

/*
 * Set the id of a place from its other members: the SHA-256 of the machine id,
 * or of the host name where there is none, and of the path.
 */
extern bool bk_place_identify(BkPlace *place, BkError *err);

#endif
