/*
 * profile.h
 *	  Files with sections of "key = value" lines, as the AWS tools have them
 *	  for credentials and configuration (AWS SDKs and Tools Reference Guide,
 *	  "Shared config and credentials files").
 */
#ifndef BK_STORAGE_PROFILE_H
#define BK_STORAGE_PROFILE_H

#include <stdbool.h>
#include <sys/stat.h>

#include "core/error.h"

typedef enum BkProfileKind
{
	BK_PROFILE_CREDENTIALS,		/* [name] */
	BK_PROFILE_CONFIG			/* [profile name], [default] */
} BkProfileKind;

/* What the files say together. Start with BK_PROFILES_NONE. */
typedef struct BkProfileEntry BkProfileEntry;
typedef struct BkProfiles
{
	BkProfileEntry *entries;
	int			count;
} BkProfiles;

#define BK_PROFILES_NONE	((BkProfiles) {0})

/*
 * Read a file. Lines before the first section belong to "default". Values are
 * trimmed; lines that begin with a space belong to a value that is of no
 * interest. A credentials file must be private (see secret.h), a config file
 * only if it has a secret, but nobody else may write it. *status is the file's
 * at that moment. Errors: 42501, 58P01, 54000, 22023 with the number of a line
 * that is none.
 */
extern bool bk_profiles_read(BkProfiles *profiles, const char *path,
							 BkProfileKind kind, struct stat *status,
							 BkError *err);

/* Does a file have such a section? */
extern bool bk_profiles_has(const BkProfiles *profiles, const char *profile);

/*
 * A value by its section and its key, of which upper and lower case are the
 * same; that of a credentials file goes before that of a config file. NULL if
 * there is none or it is empty. Borrowed.
 */
extern const char *bk_profiles_get(const BkProfiles *profiles,
								   const char *profile, const char *key);

/* Wipe and free what was read. */
extern void bk_profiles_free(BkProfiles *profiles);

#endif
