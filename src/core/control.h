/*
 * control.h
 *	  What pg_control says about a data directory.
 */
#ifndef BK_CORE_CONTROL_H
#define BK_CORE_CONTROL_H

#include <stdbool.h>

#include "core/error.h"

/* Room for a system identifier as decimal digits, with its NUL. */
#define BK_CONTROL_IDENTIFIER_SIZE	32

/*
 * The system identifier of a data directory: the first eight bytes of its
 * global/pg_control, in the byte order of the machine
 * (src/include/catalog/pg_control.h).
 */
extern bool bk_control_identifier(const char *data_directory,
								  char text[BK_CONTROL_IDENTIFIER_SIZE],
								  BkError *err);

#endif
