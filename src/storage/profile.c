/*
 * profile.c
 *	  Files with sections of "key = value" lines.
 */
#define _GNU_SOURCE 1
#include "storage/profile.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/secret.h"

#define SPACE		" \t\r\f\v"

struct BkProfileEntry
{
	BkProfileKind kind;
	char	   *profile;
	char	   *key;			/* NULL: the section's head */
	char	   *value;
};

/* A file under way. */
typedef struct Reading
{
	BkProfiles *profiles;
	const char *path;
	BkProfileKind kind;
	char	   *profile;		/* of the section; NULL: none of a profile */
	bool		secret;			/* there was one */
} Reading;

static bool read_lines(Reading *reading, char *text, BkError *err);
static bool read_line(Reading *reading, char *line, int number, BkError *err);
static bool begin_section(Reading *reading, char *name, BkError *err);
static bool add_entry(Reading *reading, const char *key, const char *value,
					  BkError *err);
static bool check_rights(const Reading *reading, const struct stat *status,
						 BkError *err);
static char *trimmed(char *text);
static void free_wiped(char *text);

bool
bk_profiles_read(BkProfiles *profiles, const char *path, BkProfileKind kind,
				 struct stat *status, BkError *err)
{
	Reading		reading = {.profiles = profiles, .path = path, .kind = kind};
	BkSecretFile file;
	bool		done;

	done = bk_secret_load(path, &file, err);
	*status = file.status;
	if (done && strlen(file.text) != file.len)
		done = bk_error(err, BK_STATE_BAD_ARGUMENT,
						"file \"%s\" is not a text", path);
	if (done)
		reading.profile = strdup("default");
	done = done && (reading.profile != NULL || bk_error_memory(err)) &&
		read_lines(&reading, file.text, err) &&
		check_rights(&reading, status, err);
	free(reading.profile);
	bk_secret_free(&file);
	return done;
}

bool
bk_profiles_has(const BkProfiles *profiles, const char *profile)
{
	for (int i = 0; i < profiles->count; i++)
	{
		if (strcmp(profiles->entries[i].profile, profile) == 0)
			return true;
	}
	return false;
}

const char *
bk_profiles_get(const BkProfiles *profiles, const char *profile,
				const char *key)
{
	const BkProfileEntry *found = NULL;

	for (int i = 0; i < profiles->count; i++)
	{
		const BkProfileEntry *entry = &profiles->entries[i];

		if (entry->key == NULL || strcasecmp(entry->key, key) != 0 ||
			strcmp(entry->profile, profile) != 0)
			continue;
		/* What comes later in a file wins. */
		if (found == NULL || entry->kind == BK_PROFILE_CREDENTIALS ||
			found->kind == BK_PROFILE_CONFIG)
			found = entry;
	}
	return found != NULL && found->value[0] != '\0' ? found->value : NULL;
}

void
bk_profiles_free(BkProfiles *profiles)
{
	for (int i = 0; i < profiles->count; i++)
	{
		free(profiles->entries[i].profile);
		free(profiles->entries[i].key);
		free_wiped(profiles->entries[i].value);
	}
	free(profiles->entries);
	*profiles = BK_PROFILES_NONE;
}

static bool
read_lines(Reading *reading, char *text, BkError *err)
{
	int			number = 1;

	for (char *next = text; next != NULL; number++)
	{
		char	   *line = strsep(&next, "\n");

		if (!read_line(reading, line, number, err))
			return false;
	}
	return true;
}

/* No message quotes a line: it may be a secret. */
static bool
read_line(Reading *reading, char *line, int number, BkError *err)
{
	char	   *equals;
	char	   *end;

	if (strchr(SPACE "#;", line[0]) != NULL)
		return true;			/* also an empty line: its NUL is found */
	if (line[0] == '[')
	{
		end = strchr(line, ']');
		if (end == NULL)
			return bk_error(err, BK_STATE_BAD_ARGUMENT,
							"file \"%s\" has a section without an end in line %d",
							reading->path, number);
		*end = '\0';
		return begin_section(reading, trimmed(line + 1), err);
	}
	equals = strchr(line, '=');
	if (equals == NULL || equals == line)
		return bk_error(err, BK_STATE_BAD_ARGUMENT,
						"file \"%s\" has neither a section nor \"key = value\" in line %d",
						reading->path, number);
	*equals = '\0';
	if (reading->profile == NULL)
		return true;
	/* A comment behind a value begins with a space. */
	for (char *c = equals + 1; *c != '\0'; c++)
	{
		if ((*c == ' ' || *c == '\t') && (c[1] == '#' || c[1] == ';'))
			*c = '\0';
	}
	return add_entry(reading, trimmed(line), trimmed(equals + 1), err);
}

/* Sections of other things, such as [sso-session x], are passed over. */
static bool
begin_section(Reading *reading, char *name, BkError *err)
{
	size_t		word = strcspn(name, SPACE);

	free(reading->profile);
	reading->profile = NULL;
	if (reading->kind == BK_PROFILE_CONFIG && strcmp(name, "default") != 0)
	{
		if (word != strlen("profile") || strncmp(name, "profile", word) != 0 ||
			name[word] == '\0')
			return true;
		name += word;
	}
	reading->profile = strdup(trimmed(name));
	if (reading->profile == NULL)
		return bk_error_memory(err);
	return add_entry(reading, NULL, "", err);
}

static bool
add_entry(Reading *reading, const char *key, const char *value, BkError *err)
{
	BkProfiles *profiles = reading->profiles;
	BkProfileEntry *entry;
	BkProfileEntry *more;

	more = realloc(profiles->entries,
				   (size_t) (profiles->count + 1) * sizeof(BkProfileEntry));
	if (more == NULL)
		return bk_error_memory(err);
	profiles->entries = more;
	entry = &more[profiles->count++];
	entry->kind = reading->kind;
	entry->profile = strdup(reading->profile);
	entry->key = key != NULL ? strdup(key) : NULL;
	entry->value = strdup(value);
	if (key != NULL && (strcasecmp(key, "aws_secret_access_key") == 0 ||
						strcasecmp(key, "aws_session_token") == 0))
		reading->secret = true;
	return (entry->profile != NULL && entry->value != NULL &&
			(key == NULL || entry->key != NULL)) || bk_error_memory(err);
}

/* Who can write a configuration can have us run a program. */
static bool
check_rights(const Reading *reading, const struct stat *status, BkError *err)
{
	struct stat closed = *status;

	if (reading->kind == BK_PROFILE_CONFIG && !reading->secret)
		closed.st_mode &= ~(mode_t) (S_IRGRP | S_IXGRP | S_IROTH | S_IXOTH);
	return bk_secret_is_private(reading->path, &closed, err);
}

/* The text without space at both ends; changed in place. */
static char *
trimmed(char *text)
{
	char	   *end;

	text += strspn(text, SPACE);
	end = text + strlen(text);
	while (end > text && strchr(SPACE, end[-1]) != NULL)
		end--;
	*end = '\0';
	return text;
}

static void
free_wiped(char *text)
{
	if (text != NULL)
		explicit_bzero(text, strlen(text));
	free(text);
}
