/*
 * error.h
 *	  Errors are values: a record with SQLSTATE, message, detail and hint.
 *
 * The record is filled once, where the failure happens, with the name of the
 * thing and the cause. Callers return false and add nothing. Every setter
 * returns false, so that a failing function can end in "return bk_error(...)".
 * Messages follow PostgreSQL's error style guide (PostgreSQL docs, "Error
 * Message Style Guide").
 */
#ifndef BK_CORE_ERROR_H
#define BK_CORE_ERROR_H

#include <stdbool.h>

/* SQLSTATE codes in use (PostgreSQL docs, Appendix A). */
#define BK_STATE_NO_DATA		"02000"
#define BK_STATE_WRONG_STATE	"55000"
#define BK_STATE_IN_USE			"55006"
#define BK_STATE_LOCKED			"55P03"
#define BK_STATE_IO				"58030"
#define BK_STATE_SYSTEM			"58000"
#define BK_STATE_MISSING_FILE	"58P01"
#define BK_STATE_DISK_FULL		"53100"
#define BK_STATE_NO_MEMORY		"53200"
#define BK_STATE_TOO_LARGE		"54000"
#define BK_STATE_UNREACHABLE	"08001"
#define BK_STATE_DISCONNECTED	"08006"
#define BK_STATE_PROTOCOL		"08P01"
#define BK_STATE_REFUSED		"28000"
#define BK_STATE_CORRUPT		"XX001"
#define BK_STATE_BAD_ARGUMENT	"22023"
#define BK_STATE_NO_RIGHT		"42501"
#define BK_STATE_NO_OBJECT		"42704"
#define BK_STATE_NO_DATABASE	"3D000"
#define BK_STATE_DUP_KEY		"23505"
#define BK_STATE_NO_TABLE		"42P01"
#define BK_STATE_DUP_DATABASE	"42P04"
#define BK_STATE_DUP_OBJECT		"42710"
#define BK_STATE_UNSUPPORTED	"0A000"
#define BK_STATE_CANCELED		"57014"

/* Ours (classes from 5 on leave room): nothing was to be done, and no failure. */
#define BK_STATE_SKIPPED		"55S01"

/* A hook does not want the run now, or not at all. */
#define BK_STATE_NOT_NOW		"55S02"
#define BK_STATE_VETOED			"55S03"

typedef struct BkError
{
	char		sqlstate[6];
	char		message[1024];
	char		detail[2048];
	char		hint[1024];
} BkError;

/*
 * Fill the record: SQLSTATE and primary message (lower case, no full stop).
 * Clears detail and hint. Always returns false.
 */
extern bool bk_error(BkError *err, const char *sqlstate, const char *fmt,...)
			__attribute__((format(printf, 3, 4)));

/* Add the facts behind the message, as a full sentence. Returns false. */
extern bool bk_error_detail(BkError *err, const char *fmt,...)
			__attribute__((format(printf, 2, 3)));

/* Add what the user should do, as a sentence that can be pasted. Returns false. */
extern bool bk_error_hint(BkError *err, const char *fmt,...)
			__attribute__((format(printf, 2, 3)));

/*
 * Fill the record from errno: the message is the formatted text, a colon and
 * the system's words; the SQLSTATE follows errno (ENOSPC and EDQUOT are
 * 53100, ENOENT 58P01, EACCES, EPERM and EROFS 42501, ENOMEM 53200, all else
 * 58030). Returns false.
 */
extern bool bk_error_errno(BkError *err, const char *fmt,...)
			__attribute__((format(printf, 2, 3)));

/* Fill the record for a failed allocation. Returns false. */
extern bool bk_error_memory(BkError *err);

/* Does the record carry this SQLSTATE? */
extern bool bk_error_is(const BkError *err, const char *sqlstate);

#endif
