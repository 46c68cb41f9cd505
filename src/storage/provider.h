/*
 * provider.h
 *	  The places that credentials can come from, one function each. Used by
 *	  the credentials*.c and provider*.c files only.
 *
 * A provider that is not set up where we run says so and gives way to the
 * next one; one that is set up and fails ends the search, since credentials
 * of somebody else would be found behind it.
 */
#ifndef BK_STORAGE_PROVIDER_H
#define BK_STORAGE_PROVIDER_H

#include "core/buf.h"
#include "core/json.h"
#include "storage/credentials.h"
#include "storage/http.h"
#include "storage/profile.h"

typedef enum BkProvided
{
	BK_PROVIDED_NONE,			/* "looked" has what was looked at */
	BK_PROVIDED,
	BK_PROVIDED_FAILED			/* err says why */
} BkProvided;

/* A search for credentials. */
typedef struct BkProviderSearch
{
	const BkCredentialSpec *spec;
	const BkProfiles *profiles;
	const char *profile;		/* its name */
	const char *region;			/* "": not known */
	BkBuf		looked;			/* places in vain, each with a comma before */
} BkProviderSearch;

/* Somebody to become, as STS calls it. */
typedef struct BkProviderRole
{
	const char *arn;
	const char *session;		/* NULL: ours */
	const char *external_id;	/* NULL: none */
	const char *duration;		/* in seconds; NULL: as usual */
	const char *token_file;		/* of a web identity */
} BkProviderRole;

/* A variable of the environment; NULL also if it is empty. */
extern const char *bk_provider_variable(const BkProviderSearch *search,
										const char *name);

/* AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN. */
extern BkProvided bk_provider_environment(BkProviderSearch *search,
										  BkCredentials *credentials,
										  BkError *err);

/* AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN, as Kubernetes has them. */
extern BkProvided bk_provider_web_identity(BkProviderSearch *search,
										   BkCredentials *credentials,
										   BkError *err);

/*
 * What the profile of the search says: keys, a role with another profile or
 * a web identity behind it, a program that knows.
 */
extern BkProvided bk_provider_profile(BkProviderSearch *search,
									  BkCredentials *credentials,
									  BkError *err);

/* AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI (ECS, EKS). */
extern BkProvided bk_provider_container(BkProviderSearch *search,
										BkCredentials *credentials,
										BkError *err);

/* The metadata service of EC2, version 2 only. */
extern BkProvided bk_provider_instance(BkProviderSearch *search,
									   BkCredentials *credentials,
									   BkError *err);

/*
 * Run the program of a credential_process, split into arguments without a
 * shell, and read what it writes (AWS SDKs and Tools Reference Guide,
 * "Process credential provider").
 */
extern bool bk_provider_process(BkProviderSearch *search, const char *command,
								BkCredentials *credentials, BkError *err);

/*
 * Ask STS for a role: with credentials that may have it, or with the token in
 * the role's file.
 */
extern bool bk_provider_role(BkProviderSearch *search,
							 const BkProviderRole *role,
							 const BkCredentials *base,
							 BkCredentials *credentials, BkError *err);

/* Text to set; more than fits or control characters are an error (28000). */
extern bool bk_provider_set(char *place, size_t size, const char *text,
							const char *what, BkError *err);

/*
 * Credentials in JSON; the token's name differs between those who write it.
 * "who" is for messages.
 */
extern bool bk_provider_json(const char *text, size_t len,
							 const char *token_name, const char *who,
							 BkCredentials *credentials, BkError *err);

/* A time of ISO 8601 with seconds, maybe a fraction, and a zone. */
extern bool bk_provider_time(const char *text, int64_t *time);

#endif
