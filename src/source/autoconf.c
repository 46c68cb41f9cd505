/*
 * autoconf.c
 *	  The text of postgresql.auto.conf.
 *
 * The grammar is that of src/backend/utils/misc/guc-file.l: a name, perhaps
 * an equals sign, a value. ALTER SYSTEM writes each on a line of its own,
 * with the value in quotes.
 */
#include "source/autoconf.h"

#include <string.h>
#include <strings.h>

static bool sets_name(const char *line, const char *name);
static size_t name_length(const char *line);

void
bk_autoconf_set(BkBuf *text, const char *name, const char *value)
{
	bk_buf_printf(text, "%s = '", name);
	for (const char *at = value; *at != '\0'; at++)
	{
		if (*at == '\'' || *at == '\\')
			bk_buf_append(text, at, 1);
		if (*at == '\n')
			bk_buf_append_string(text, "\\n");
		else if (*at == '\r')
			bk_buf_append_string(text, "\\r");
		else
			bk_buf_append(text, at, 1);
	}
	bk_buf_append_string(text, "'\n");
}

void
bk_autoconf_add_word(BkBuf *command, const char *word)
{
	bk_buf_append_string(command, "'");
	for (const char *at = word; *at != '\0'; at++)
	{
		if (*at == '\'')
			bk_buf_append_string(command, "'\\''");
		else if (*at == '%')
			bk_buf_append_string(command, "%%");
		else
			bk_buf_append(command, at, 1);
	}
	bk_buf_append_string(command, "'");
}

void
bk_autoconf_copy(BkBuf *text, const char *old, const char *const *except)
{
	while (*old != '\0')
	{
		size_t		len = strcspn(old, "\n");
		bool		wanted = name_length(old + strspn(old, " \t")) > 0;

		for (const char *const *name = except; wanted && *name != NULL; name++)
			wanted = !sets_name(old, *name);
		if (wanted)
		{
			bk_buf_append(text, old, len);
			bk_buf_append_string(text, "\n");
		}
		old += len + (old[len] == '\n');
	}
}

/* Names of settings have no case. */
static bool
sets_name(const char *line, const char *name)
{
	size_t		len = strlen(name);

	line += strspn(line, " \t");
	return name_length(line) == len && strncasecmp(line, name, len) == 0;
}

static size_t
name_length(const char *line)
{
	return strspn(line, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.$");
}
