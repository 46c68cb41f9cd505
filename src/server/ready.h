/*
 * ready.h
 *	  What must be so before a request can be made. The same list refuses a
 *	  call and makes the first lines of backup_check().
 */
#ifndef BK_SERVER_READY_H
#define BK_SERVER_READY_H

#include "server/outcome.h"

typedef struct BkCondition
{
	const char *name;			/* as backup_check() shows it */
	bool		needed;			/* does a call need it? */
	bool		(*holds) (BkOutcome *problem);	/* fills problem if false */
} BkCondition;

/* Returns the list; its last entry has no name. */
extern const BkCondition *bk_ready_conditions(void);

/* Raises an error for the first needed condition that does not hold. */
extern void bk_ready_require(void);

/* As bk_ready_require, and the caller must not keep a database from being replaced. */
extern void bk_ready_require_replaceable(void);

/* As bk_ready_require, for alarms: they need no repository. */
extern void bk_ready_require_alarms(void);

/* Raises an error unless the library was preloaded and this is the home database. */
extern void bk_ready_require_home(void);

/*
 * Are the extension and the library of the same version? Sets the problem if
 * not. To be called in a transaction.
 */
extern bool bk_ready_version(BkOutcome *problem);

/* Is this backend in the home database? */
extern bool bk_ready_is_home(void);

/* Returns the statements that make this database the home. */
extern char *bk_ready_home_statements(void);

#endif							/* BK_SERVER_READY_H */
