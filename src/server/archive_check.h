/*
 * archive_check.h
 *	  The lines of backup_check() about WAL archiving.
 */
#ifndef BK_SERVER_ARCHIVE_CHECK_H
#define BK_SERVER_ARCHIVE_CHECK_H

#include "server/ready.h"

/*
 * Returns the conditions, as bk_ready_conditions does; a good outcome may have
 * a result, to be shown. Where nothing is archived there are few.
 */
extern const BkCondition *bk_archive_check_conditions(void);

#endif							/* BK_SERVER_ARCHIVE_CHECK_H */
