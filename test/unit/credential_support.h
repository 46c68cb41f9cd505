/*
 * credential_support.h
 *	  What the tests of credentials share: an environment of their own, and
 *	  sources that are opened for one question.
 */
#ifndef BK_TEST_CREDENTIAL_SUPPORT_H
#define BK_TEST_CREDENTIAL_SUPPORT_H

#include "support.h"

#include "storage/credentials.h"

/* Names and values in turn. */
static const char *variables[32];

static inline const char *
find_variable(void *ctx, const char *name)
{
	(void) ctx;
	for (int i = 0; variables[i] != NULL; i += 2)
	{
		if (strcmp(variables[i], name) == 0)
			return variables[i + 1];
	}
	return NULL;
}

static inline bool
never_stop(void *ctx)
{
	(void) ctx;
	return false;
}

static const BkHost host = {.stop = never_stop, .variable = find_variable};

static inline void
set_variables(const char *const *list)
{
	memset(variables, 0, sizeof(variables));
	for (int i = 0; list[i] != NULL; i++)
		variables[i] = list[i];
}

/* The environment from now on; nobody asks EC2. */
#define VARIABLES(...) set_variables((const char *const []) { \
	"AWS_EC2_METADATA_DISABLED", "true", __VA_ARGS__, NULL})

static inline BkCredentialSource *
open_source(const char *file, const char *profile)
{
	BkCredentialSpec spec = {.host = &host, .file = file, .profile = profile};
	BkError		err;
	BkCredentialSource *source = bk_credentials_open(&spec, &err);

	assert_good(source != NULL, &err);
	return source;
}

/* What a source gives: "id/secret/token". */
static inline const char *
given_by(BkCredentialSource *source)
{
	static char text[1024];
	BkCredentials credentials;
	BkError		err;

	assert_good(bk_credentials_get(source, &credentials, &err), &err);
	snprintf(text, sizeof(text), "%.100s/%.100s/%.100s", credentials.id,
			 credentials.secret, credentials.token);
	return text;
}

/* The same of a new source. */
static inline const char *
given(const char *file, const char *profile)
{
	BkCredentialSource *source = open_source(file, profile);
	const char *text = given_by(source);

	bk_credentials_close(source);
	return text;
}

/* How a new source fails. */
static inline void
refused(const char *file, const char *profile, BkError *err)
{
	BkCredentialSource *source = open_source(file, profile);
	BkCredentials credentials;

	assert_false(bk_credentials_get(source, &credentials, err));
	bk_credentials_close(source);
}

/* The store calls what the source gives expired. */
static inline void
expire(BkCredentialSource *source)
{
	BkCredentials credentials;
	BkError		err;

	assert_good(bk_credentials_get(source, &credentials, &err), &err);
	bk_credentials_expired(source, &credentials);
}

static inline void
write_text(const char *path, const char *text)
{
	write_file(path, text, strlen(text));
}

#endif
