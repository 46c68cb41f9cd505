/*
 * datafiles.h
 *	  Take settings from a server's files, without the server's programs.
 */
#ifndef BK_CLI_DATAFILES_H
#define BK_CLI_DATAFILES_H

#include <stdbool.h>

#include "cli/command.h"

/*
 * What bk_datadir_read() does, for commands that a server calls for each file
 * of its WAL: the configuration files are read here, and how to log in is left
 * out. With directory NULL the current directory is taken if it is a data
 * directory, as it is for whatever a server calls; its configuration may then
 * be elsewhere. The strings live until the program ends.
 */
extern bool bk_datafiles_read(const char *directory, const BkCommand *command,
							  const BkArgumentSet *given, BkRequest *request,
							  BkError *err);

#endif
