/*
 * datadir.h
 *	  Take settings from a server's data or configuration directory (-D).
 */
#ifndef BK_CLI_DATADIR_H
#define BK_CLI_DATADIR_H

#include <stdbool.h>

#include "job/request.h"

/*
 * Fill what the request leaves open from the settings of the server whose
 * data or configuration directory is given, asked of "postgres -C" in
 * bindir: repository, compression, conninfo, role, jobs. Root becomes the
 * directory's owner first, as the server refuses to run as root. The strings
 * live until the program ends.
 */
extern bool bk_datadir_read(const char *directory, BkRequest *request,
							BkError *err);

#endif
