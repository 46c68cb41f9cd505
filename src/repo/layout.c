/*
 * layout.c
 *	  Make the keys of a repository.
 */
#include "repo/layout.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

void
bk_layout_cluster(char *key, const char *system_identifier)
{
	snprintf(key, BK_KEY_SIZE, "cluster/%s.json", system_identifier);
}

void
bk_layout_manifest(char *key, const char *id)
{
	snprintf(key, BK_KEY_SIZE, BK_LAYOUT_MANIFESTS "/%s.json", id);
}

bool
bk_layout_manifest_id(const char *key, char *id)
{
	static const char folder[] = BK_LAYOUT_MANIFESTS "/";
	const char *dot = strrchr(key, '.');
	size_t		skip = sizeof(folder) - 1;
	size_t		len;
	BkError		ignored;

	if (strncmp(key, folder, skip) != 0 || dot == NULL ||
		strcmp(dot, ".json") != 0)
		return false;
	len = (size_t) (dot - key) - skip;
	if (len >= BK_LABEL_SIZE)
		return false;
	memcpy(id, key + skip, len);
	id[len] = '\0';
	return bk_label_check(id, &ignored);
}

void
bk_layout_intent(char *key, const char *id)
{
	snprintf(key, BK_KEY_SIZE, BK_LAYOUT_INTENTS "/%s.json", id);
}

void
bk_layout_backup(char *key, const char *id)
{
	snprintf(key, BK_KEY_SIZE, "backup/%s", id);
}

void
bk_layout_object(char *key, const char *id, const char *object)
{
	snprintf(key, BK_KEY_SIZE, "backup/%s/%s", id, object);
}

void
bk_layout_notes(char *key, const char *id)
{
	snprintf(key, BK_KEY_SIZE, BK_LAYOUT_NOTES "/%s", id);
}

void
bk_layout_note(char *key, const char *id, const char *name)
{
	snprintf(key, BK_KEY_SIZE, BK_LAYOUT_NOTES "/%s/%s.json", id, name);
}

void
bk_layout_part(char *name, const char *stream, unsigned part,
			   const char *suffix)
{
	snprintf(name, BK_KEY_SIZE, "%s.%03u%s", stream, part, suffix);
}

bool
bk_layout_is_part(const char *name, const char *stream)
{
	size_t		len = strlen(stream);

	return strncmp(name, stream, len) == 0 && name[len] == '.' &&
		isdigit((unsigned char) name[len + 1]);
}
