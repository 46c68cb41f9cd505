/*
 * installation.h
 *	  Where and in which version the extension is installed in this database.
 */
#ifndef BK_SERVER_INSTALLATION_H
#define BK_SERVER_INSTALLATION_H

typedef struct BkInstallation
{
	bool		found;
	char		schema[2 * NAMEDATALEN + 3];	/* quoted where needed */
	char		version[64];	/* of the SQL objects */
	Oid			schema_oid;
	Oid			owner;
} BkInstallation;

/* Looks the extension up. Needs a transaction. */
extern void bk_installation_find(BkInstallation *installation);

#endif							/* BK_SERVER_INSTALLATION_H */
