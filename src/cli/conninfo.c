/*
 * conninfo.c
 *	  Look at the keywords of a connection string, as libpq reads them.
 */
#include "cli/conninfo.h"

#include <ctype.h>
#include <string.h>

/* Keywords that are refused, and what to do. */
typedef struct Refused
{
	const char *keyword;
	const char *detail;
	const char *hint;
} Refused;

#define SECRET_DETAIL	"It must not hold a password: every user of this machine could see it."
#define SECRET_HINT		"Name a file that holds the password: passfile='/path/to/pgpass', or a service: service='name'."

static const Refused refused[] = {
	{"password", SECRET_DETAIL, SECRET_HINT},
	{"sslpassword", SECRET_DETAIL, "Use a key that has no password and that only its owner can read."},
	{"oauth_client_secret", SECRET_DETAIL, "Name a service that holds it: service='name'."},
	{"dbname", "It must not name a database: each run adds the databases that it works on.",
	"Leave dbname out of backup_ext.conninfo, or of --conninfo. Where to log in for maintenance is said by backup_ext.database, or by --home."},
};

static bool is_uri(const char *value);
static bool next_pair(const char **at, char *keyword, size_t size);
static bool skip_value(const char **at);
static bool refuse(const char *name, const char *detail, const char *hint,
				   BkError *err);

bool
bk_conninfo_check(const char *name, const char *value, BkError *err)
{
	const char *shape = "It must be made of keywords and values.";
	const char *example = "Set backup_ext.conninfo, or --conninfo for the program, like this: host='/run/postgresql' port='5432' user='postgres'";
	const char *at = value;
	char		keyword[64];

	if (is_uri(value))
		return refuse(name, shape, example, err);
	while (next_pair(&at, keyword, sizeof(keyword)))
	{
		for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		{
			if (strcmp(keyword, refused[i].keyword) == 0)
				return refuse(name, refused[i].detail, refused[i].hint, err);
		}
	}
	return *at == '\0' || refuse(name, shape, example, err);
}

static bool
is_uri(const char *value)
{
	return strncmp(value, "postgresql://", strlen("postgresql://")) == 0 ||
		strncmp(value, "postgres://", strlen("postgres://")) == 0;
}

/*
 * Step over one "keyword = value". False at the end, and where there is
 * something else: then *at is not at the end. A keyword that is too long for
 * the buffer is none that we know; it is cut.
 */
static bool
next_pair(const char **at, char *keyword, size_t size)
{
	const char *start;
	size_t		len;

	while (isspace((unsigned char) **at))
		(*at)++;
	if (**at == '\0')
		return false;
	start = *at;
	while (**at != '\0' && **at != '=' && !isspace((unsigned char) **at))
		(*at)++;
	len = (size_t) (*at - start);
	while (isspace((unsigned char) **at))
		(*at)++;
	if (len == 0 || **at != '=')
	{
		*at = start;
		return false;
	}
	(*at)++;
	if (len >= size)
		len = size - 1;
	memcpy(keyword, start, len);
	keyword[len] = '\0';
	if (skip_value(at))
		return true;
	*at = start;
	return false;
}

/*
 * A backslash takes the next character as it is, inside quotes and outside.
 * What follows the string will be ours: it must not end where a value or a
 * character is still to come.
 */
static bool
skip_value(const char **at)
{
	bool		quoted;

	while (isspace((unsigned char) **at))
		(*at)++;
	if (**at == '\0')
		return false;
	quoted = **at == '\'';
	if (quoted)
		(*at)++;
	while (**at != '\0' &&
		   (quoted ? **at != '\'' : !isspace((unsigned char) **at)))
	{
		if (**at == '\\' && *++(*at) == '\0')
			return false;
		(*at)++;
	}
	if (!quoted)
		return true;
	if (**at != '\'')
		return false;
	(*at)++;
	return true;
}

static bool
refuse(const char *name, const char *detail, const char *hint, BkError *err)
{
	bk_error(err, BK_STATE_BAD_ARGUMENT, "invalid value for argument \"%s\"", name);
	bk_error_detail(err, "%s", detail);
	return bk_error_hint(err, "%s", hint);
}
