/*
 * datafiles.c
 *	  Take settings from configuration files.
 */
#include "cli/datafiles.h"

#include <unistd.h>

#include "core/conf.h"
#include "core/control.h"

static bool take_settings(const BkConf *conf, const BkCommand *command,
						  const BkArgumentSet *given, BkRequest *request,
						  BkError *err);
static bool take_identity(const char *data_directory, BkRequest *request,
						  BkError *err);

bool
bk_datafiles_read(const char *directory, const BkCommand *command,
				  const BkArgumentSet *given, BkRequest *request, BkError *err)
{
	BkConf	   *conf;

	if (directory == NULL && access("global/pg_control", F_OK) != 0)
		return true;
	conf = bk_conf_read(directory == NULL ? "." : directory, err);
	if (conf != NULL)
		return take_settings(conf, command, given, request, err) &&
			take_identity(bk_conf_data_directory(conf), request, err);
	/*
	 * A standby that was told where the WAL is gets it, whatever somebody is
	 * just doing to its configuration.
	 */
	if (directory != NULL ||
		(!bk_error_is(err, BK_STATE_MISSING_FILE) &&
		 !(bk_command_is_restore(command) && request->repository != NULL)))
		return false;
	return take_identity(".", request, err);
}

/* What was given on the command line stays as it is. */
static bool
take_settings(const BkConf *conf, const BkCommand *command,
			  const BkArgumentSet *given, BkRequest *request, BkError *err)
{
	for (const BkArgument *argument = bk_arguments; argument->name != NULL; argument++)
	{
		const char *setting = argument->archive_setting != NULL ?
			argument->archive_setting : argument->setting;
		const char *value;

		if (setting == NULL || !bk_command_takes(command, argument) ||
			bk_argument_is_in(given, argument))
			continue;
		value = bk_conf_get(conf, setting);
		if (value != NULL && value[0] != '\0' &&
			!bk_argument_set_text(argument, request, value, err))
			return false;
	}
	return true;
}

/* Which copy of which cluster this is. */
static bool
take_identity(const char *data_directory, BkRequest *request, BkError *err)
{
	static char cluster[BK_CONTROL_IDENTIFIER_SIZE];

	request->data_directory = data_directory;
	if (request->system_identifier != NULL)
		return true;
	if (!bk_control_identifier(data_directory, cluster, err))
		return false;
	request->system_identifier = cluster;
	return true;
}
