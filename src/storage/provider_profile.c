/*
 * provider_profile.c
 *	  What a profile says about credentials.
 */
#include "storage/provider.h"

#include <string.h>

/* Profiles that lead to each other; more is taken for a circle. */
#define DEPTH_MAX	5

static BkProvided ask_profile(BkProviderSearch *search, const char *profile,
							  int depth, BkCredentials *credentials,
							  BkError *err);
static BkProvided ask_role(BkProviderSearch *search, const char *profile,
						   int depth, BkCredentials *credentials,
						   BkError *err);
static BkProvided ask_base(BkProviderSearch *search, const char *profile,
						   int depth, BkCredentials *base, BkError *err);
static BkProvided ask_source(BkProviderSearch *search, const char *profile,
							 const char *source, BkCredentials *base,
							 BkError *err);
static BkProvided take_keys(const BkProviderSearch *search,
							const char *profile, BkCredentials *credentials,
							BkError *err);

BkProvided
bk_provider_profile(BkProviderSearch *search, BkCredentials *credentials,
					BkError *err)
{
	BkProvided	provided = ask_profile(search, search->profile, 0, credentials,
									   err);

	if (provided == BK_PROVIDED_NONE)
		bk_buf_printf(&search->looked, ", profile \"%s\"", search->profile);
	return provided;
}

static BkProvided
ask_profile(BkProviderSearch *search, const char *profile, int depth,
			BkCredentials *credentials, BkError *err)
{
	const BkProfiles *profiles = search->profiles;
	const char *command = bk_profiles_get(profiles, profile, "credential_process");
	BkProvided	provided;

	if (depth > DEPTH_MAX)
	{
		bk_error(err, BK_STATE_REFUSED,
				 "source_profile of profile \"%s\" leads in a circle", profile);
		return BK_PROVIDED_FAILED;
	}
	if (bk_profiles_get(profiles, profile, "role_arn") != NULL)
		return ask_role(search, profile, depth, credentials, err);
	provided = take_keys(search, profile, credentials, err);
	if (provided != BK_PROVIDED_NONE)
		return provided;
	if (command != NULL)
		return bk_provider_process(search, command, credentials, err) ?
			BK_PROVIDED : BK_PROVIDED_FAILED;
	if (bk_profiles_get(profiles, profile, "sso_session") == NULL &&
		bk_profiles_get(profiles, profile, "sso_start_url") == NULL)
		return BK_PROVIDED_NONE;
	bk_error(err, BK_STATE_UNSUPPORTED,
			 "profile \"%s\" uses single sign-on, which is not supported", profile);
	bk_error_hint(err, "Make a profile with \"credential_process = aws configure export-credentials --profile %s --format process\", and name that.",
				  profile);
	return BK_PROVIDED_FAILED;
}

static BkProvided
ask_role(BkProviderSearch *search, const char *profile, int depth,
		 BkCredentials *credentials, BkError *err)
{
	const BkProfiles *profiles = search->profiles;
	BkProviderRole role = {
		.arn = bk_profiles_get(profiles, profile, "role_arn"),
		.session = bk_profiles_get(profiles, profile, "role_session_name"),
		.external_id = bk_profiles_get(profiles, profile, "external_id"),
		.duration = bk_profiles_get(profiles, profile, "duration_seconds"),
		.token_file = bk_profiles_get(profiles, profile, "web_identity_token_file"),
	};
	BkCredentials base = {.expires = 0};
	BkProvided	provided = BK_PROVIDED;

	if (bk_profiles_get(profiles, profile, "mfa_serial") != NULL)
	{
		bk_error(err, BK_STATE_UNSUPPORTED,
				 "profile \"%s\" wants a second factor, which nobody can give here",
				 profile);
		return BK_PROVIDED_FAILED;
	}
	if (role.token_file == NULL)
		provided = ask_base(search, profile, depth, &base, err);
	if (provided == BK_PROVIDED &&
		!bk_provider_role(search, &role, role.token_file == NULL ? &base : NULL,
						  credentials, err))
		provided = BK_PROVIDED_FAILED;
	explicit_bzero(&base, sizeof(base));
	return provided;
}

/* The credentials that may have the role. */
static BkProvided
ask_base(BkProviderSearch *search, const char *profile, int depth,
		 BkCredentials *base, BkError *err)
{
	const char *other = bk_profiles_get(search->profiles, profile, "source_profile");
	const char *source = bk_profiles_get(search->profiles, profile, "credential_source");
	BkProvided	provided;

	if (other == NULL && source != NULL)
		return ask_source(search, profile, source, base, err);
	if (other == NULL)
	{
		bk_error(err, BK_STATE_REFUSED,
				 "profile \"%s\" has a role_arn without source_profile, credential_source or web_identity_token_file",
				 profile);
		return BK_PROVIDED_FAILED;
	}
	/* A profile that names itself means its own keys. */
	if (strcmp(other, profile) == 0)
		provided = take_keys(search, profile, base, err);
	else
		provided = ask_profile(search, other, depth + 1, base, err);
	if (provided != BK_PROVIDED_NONE)
		return provided;
	bk_error(err, BK_STATE_REFUSED,
			 "profile \"%s\", which profile \"%s\" names, has no credentials",
			 other, profile);
	return BK_PROVIDED_FAILED;
}

static BkProvided
ask_source(BkProviderSearch *search, const char *profile, const char *source,
		   BkCredentials *base, BkError *err)
{
	BkProvided	provided = BK_PROVIDED_NONE;

	if (strcmp(source, "Environment") == 0)
		provided = bk_provider_environment(search, base, err);
	else if (strcmp(source, "EcsContainer") == 0)
		provided = bk_provider_container(search, base, err);
	else if (strcmp(source, "Ec2InstanceMetadata") == 0)
		provided = bk_provider_instance(search, base, err);
	if (provided != BK_PROVIDED_NONE)
		return provided;
	bk_error(err, BK_STATE_REFUSED,
			 "credential_source \"%s\" of profile \"%s\" has no credentials",
			 source, profile);
	return BK_PROVIDED_FAILED;
}

static BkProvided
take_keys(const BkProviderSearch *search, const char *profile,
		  BkCredentials *credentials, BkError *err)
{
	const BkProfiles *profiles = search->profiles;
	const char *id = bk_profiles_get(profiles, profile, "aws_access_key_id");
	const char *secret = bk_profiles_get(profiles, profile, "aws_secret_access_key");
	const char *token = bk_profiles_get(profiles, profile, "aws_session_token");

	if (id == NULL && secret == NULL)
		return BK_PROVIDED_NONE;
	if (id == NULL || secret == NULL)
	{
		bk_error(err, BK_STATE_REFUSED, "profile \"%s\" has no %s", profile,
				 id == NULL ? "aws_access_key_id" : "aws_secret_access_key");
		return BK_PROVIDED_FAILED;
	}
	if (bk_provider_set(credentials->id, sizeof(credentials->id), id,
						"aws_access_key_id", err) &&
		bk_provider_set(credentials->secret, sizeof(credentials->secret),
						secret, "aws_secret_access_key", err) &&
		bk_provider_set(credentials->token, sizeof(credentials->token),
						token != NULL ? token : "", "aws_session_token", err))
		return BK_PROVIDED;
	return BK_PROVIDED_FAILED;
}
