/*
 * installation.h
 *	  Where and in which version the extension is installed in this database.
 */
#ifndef BK_SERVER_INSTALLATION_H
#define BK_SERVER_INSTALLATION_H

typedef struct BkInstallation
{
	bool		found;
	Oid			oid;			/* of the extension */
	char		schema[2 * NAMEDATALEN + 3];	/* quoted where needed */
	char		version[64];	/* of the SQL objects */
	Oid			schema_oid;
} BkInstallation;

/* Who acted before bk_installation_act. */
typedef struct BkActor
{
	Oid			user;
	int			context;
	int			guc_level;
} BkActor;

/* Looks the extension up. Needs a transaction. */
extern void bk_installation_find(BkInstallation *installation);

/*
 * As bk_installation_find, but raises an error if there is no extension, and
 * keeps it from being dropped until the end of the transaction.
 */
extern void bk_installation_need(BkInstallation *installation);

/*
 * Becomes the owner of one of the extension's tables for one statement: a
 * trigger or policy of that owner must not run with the rights of anybody
 * else, and can set nothing that outlasts it. Needs a transaction; an error
 * undoes it at the end of that.
 */
extern void bk_installation_act(const BkInstallation *installation,
								const char *table, BkActor *before);

/* Undoes bk_installation_act. */
extern void bk_installation_act_end(const BkActor *before);

#endif							/* BK_SERVER_INSTALLATION_H */
