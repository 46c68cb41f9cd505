/*
 * datadir.h
 *	  Take settings from a server's data or configuration directory (-D).
 */
#ifndef BK_CLI_DATADIR_H
#define BK_CLI_DATADIR_H

#include <stdbool.h>

#include "cli/command.h"

/*
 * Fill what was not given on the command line from the settings of the server
 * whose data or configuration directory this is, asked of "postgres -C" in
 * bindir: every argument of the command that has a setting. Without
 * backup_ext.conninfo the server's own socket is taken, and the system
 * identifier is read from pg_control. Root becomes the directory's owner
 * first, as the server refuses to run as root. The strings live until the
 * program ends.
 */
extern bool bk_datadir_read(const char *directory, const BkCommand *command,
							const BkArgumentSet *given, BkRequest *request,
							BkError *err);

#endif
