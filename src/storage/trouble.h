/*
 * trouble.h
 *	  What can go wrong on the way to a server, in words. Used by wire.c only.
 */
#ifndef BK_STORAGE_TROUBLE_H
#define BK_STORAGE_TROUBLE_H

#include <stdbool.h>

#include "core/error.h"

typedef enum BkTrouble
{
	BK_TROUBLE_ADDRESS,			/* it is not one */
	BK_TROUBLE_LINK_LOCAL,		/* no store is there */
	BK_TROUBLE_NAME,			/* nobody knows it */
	BK_TROUBLE_CONNECTION,		/* there is none */
	BK_TROUBLE_TLS,
	BK_TROUBLE_CERTIFICATE,
	BK_TROUBLE_AUTHORITY,		/* the file with certificates to trust */
	BK_TROUBLE_HOST_KEY,
	BK_TROUBLE_LOGIN,
	BK_TROUBLE_HEAD,			/* too many headers */
	BK_TROUBLE_MAIL,			/* a mail was refused, or broken off */
	BK_TROUBLE_BROKEN			/* in the middle */
} BkTrouble;

/*
 * Set the error for a place; the reason is that of a library. "again" becomes
 * whether another attempt may help. Returns false.
 */
extern bool bk_trouble(BkTrouble trouble, const char *place,
					   const char *reason, bool *again, BkError *err);

#endif
