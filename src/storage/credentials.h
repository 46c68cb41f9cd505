/*
 * credentials.h
 *	  Where the credentials of a store come from.
 *
 * The order is that of the AWS tools (AWS SDKs and Tools Reference Guide,
 * "Standardized credential providers"): a file of ours, environment, web
 * identity, shared files, credential_process, ECS and EKS, EC2 (IMDSv2).
 */
#ifndef BK_STORAGE_CREDENTIALS_H
#define BK_STORAGE_CREDENTIALS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "core/host.h"

typedef struct BkCredentials
{
	char		id[256];		/* "": none, requests stay unsigned */
	char		secret[512];
	char		token[8192];	/* "": none */
	int64_t		expires;		/* UTC seconds, 0: never */
} BkCredentials;

/* Credentials that renew themselves. Threads may share it. */
typedef struct BkCredentialSource BkCredentialSource;

/* Strings must outlive the source; NULL: as usual. */
typedef struct BkCredentialSpec
{
	const BkHost *host;			/* variables, and its wish to stop */
	const char *file;			/* credentials file that was named */
	const char *profile;		/* that was named */
	const char *region;			/* for STS; may be NULL */
	const char *ca_file;
	const char *proxy;
} BkCredentialSpec;

/* Open a source; nothing is asked yet. NULL on failure. */
extern BkCredentialSource *bk_credentials_open(const BkCredentialSpec *spec,
											   BkError *err);
extern void bk_credentials_close(BkCredentialSource *source);

/*
 * The credentials to use now: renewed if they are about to expire or the file
 * they are from has changed. Errors: 28000 if there are none or they were
 * refused (DETAIL tells where they were looked for), 42501 for a file that
 * others may read, and those of the way there.
 */
extern bool bk_credentials_get(BkCredentialSource *source,
							   BkCredentials *credentials, BkError *err);

/* The store called these expired: the next get brings others if it can. */
extern void bk_credentials_expired(BkCredentialSource *source,
								   const BkCredentials *credentials);

/* The region that profile or environment name, "" if none; 64 bytes. */
extern bool bk_credentials_region(BkCredentialSource *source,
								  char region[64], BkError *err);

#endif
