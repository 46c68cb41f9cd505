/*
 * relation.c
 *	  Take the names of relation files apart.
 */
#include "source/relation.h"

#include <stddef.h>
#include <string.h>

static bool take_number(const char **at, uint32_t *number);
static bool take_folder(const char **at, const char *name);
static bool take_number_folder(const char **at);

bool
bk_relation_parse(const char *name, BkRelation *relation)
{
	static const char *const forks[] = {"_fsm", "_vm", "_init"};
	const char *at = name;
	uint32_t	backend;

	memset(relation, 0, sizeof(*relation));
	if (*at == 't')
	{
		at++;
		relation->temporary = true;
		if (!take_number(&at, &backend) || *at++ != '_')
			return false;
	}
	if (!take_number(&at, &relation->number) || relation->number == 0)
		return false;
	for (size_t i = 0; i < sizeof(forks) / sizeof(forks[0]); i++)
	{
		size_t		len = strlen(forks[i]);

		if (strncmp(at, forks[i], len) != 0)
			continue;
		at += len;
		relation->init = strcmp(forks[i], "_init") == 0;
		break;
	}
	if (*at == '.')
	{
		at++;
		if (!take_number(&at, &relation->segment) || relation->segment == 0)
			return false;
	}
	return *at == '\0';
}

bool
bk_relation_parse_path(const char *path, BkRelation *relation)
{
	const char *at = path;
	const char *slash;

	if (take_folder(&at, "global/"))
		return bk_relation_parse(at, relation);
	if (!take_folder(&at, "base/"))
	{
		/* A tablespace "in place" lies below the data directory. */
		if (take_folder(&at, "pg_tblspc/") && !take_number_folder(&at))
			return false;
		slash = strchr(at, '/');
		if (!take_folder(&at, "PG_") || slash == NULL)
			return false;
		at = slash + 1;
	}
	return take_number_folder(&at) && bk_relation_parse(at, relation);
}

static bool
take_folder(const char **at, const char *name)
{
	size_t		len = strlen(name);

	if (strncmp(*at, name, len) != 0)
		return false;
	*at += len;
	return true;
}

static bool
take_number_folder(const char **at)
{
	uint32_t	number;

	return take_number(at, &number) && *(*at)++ == '/';
}

/* Decimal digits without a leading zero, in 32 bits. */
static bool
take_number(const char **at, uint32_t *number)
{
	uint64_t	value = 0;
	const char *start = *at;

	for (; **at >= '0' && **at <= '9' && value <= UINT32_MAX; (*at)++)
		value = value * 10 + (uint64_t) (**at - '0');
	*number = (uint32_t) value;
	return *at > start && value <= UINT32_MAX &&
		(*start != '0' || *at == start + 1);
}
