/*
 * conninfo.h
 *	  What a connection string may be.
 */
#ifndef BK_CLI_CONNINFO_H
#define BK_CLI_CONNINFO_H

#include <stdbool.h>

#include "core/error.h"

/*
 * Must be keyword/value pairs (PostgreSQL docs, "Connection Strings"): to
 * these a database can be added. A URI, a database, and a password, which
 * every user of the machine could see among our arguments, are refused
 * (22023). The error names the argument and never shows the string.
 */
extern bool bk_conninfo_check(const char *name, const char *value,
							  BkError *err);

#endif
