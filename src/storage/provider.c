/*
 * provider.c
 *	  What the providers of credentials share, and the simplest of them.
 */
#include "storage/provider.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "core/clock.h"

const char *
bk_provider_variable(const BkProviderSearch *search, const char *name)
{
	const BkHost *host = search->spec->host;
	const char *value = NULL;

	if (host != NULL && host->variable != NULL)
		value = host->variable(host->ctx, name);
	return value != NULL && value[0] != '\0' ? value : NULL;
}

BkProvided
bk_provider_environment(BkProviderSearch *search, BkCredentials *credentials,
						BkError *err)
{
	const char *id = bk_provider_variable(search, "AWS_ACCESS_KEY_ID");
	const char *secret = bk_provider_variable(search, "AWS_SECRET_ACCESS_KEY");
	const char *token = bk_provider_variable(search, "AWS_SESSION_TOKEN");

	if (id == NULL)
	{
		bk_buf_append_string(&search->looked, ", the environment (AWS_ACCESS_KEY_ID)");
		return BK_PROVIDED_NONE;
	}
	if (secret == NULL)
	{
		bk_error(err, BK_STATE_REFUSED,
				 "AWS_ACCESS_KEY_ID is set without AWS_SECRET_ACCESS_KEY");
		return BK_PROVIDED_FAILED;
	}
	if (bk_provider_set(credentials->id, sizeof(credentials->id), id,
						"access key id", err) &&
		bk_provider_set(credentials->secret, sizeof(credentials->secret),
						secret, "secret access key", err) &&
		bk_provider_set(credentials->token, sizeof(credentials->token),
						token != NULL ? token : "", "session token", err))
		return BK_PROVIDED;
	return BK_PROVIDED_FAILED;
}

BkProvided
bk_provider_web_identity(BkProviderSearch *search, BkCredentials *credentials,
						 BkError *err)
{
	BkProviderRole role = {
		.arn = bk_provider_variable(search, "AWS_ROLE_ARN"),
		.session = bk_provider_variable(search, "AWS_ROLE_SESSION_NAME"),
		.token_file = bk_provider_variable(search, "AWS_WEB_IDENTITY_TOKEN_FILE"),
	};

	if (role.token_file == NULL)
	{
		bk_buf_append_string(&search->looked, ", AWS_WEB_IDENTITY_TOKEN_FILE");
		return BK_PROVIDED_NONE;
	}
	if (role.arn == NULL)
	{
		bk_error(err, BK_STATE_REFUSED,
				 "AWS_WEB_IDENTITY_TOKEN_FILE is set without AWS_ROLE_ARN");
		return BK_PROVIDED_FAILED;
	}
	return bk_provider_role(search, &role, NULL, credentials, err) ?
		BK_PROVIDED : BK_PROVIDED_FAILED;
}

bool
bk_provider_set(char *place, size_t size, const char *text, const char *what,
				BkError *err)
{
	for (const char *c = text; *c != '\0'; c++)
	{
		if (iscntrl((unsigned char) *c))
			return bk_error(err, BK_STATE_REFUSED,
							"%s has a control character in it", what);
	}
	if (strlen(text) >= size)
		return bk_error(err, BK_STATE_REFUSED, "%s is too long", what);
	memcpy(place, text, strlen(text) + 1);
	return true;
}

bool
bk_provider_json(const char *text, size_t len, const char *token_name,
				 const char *who, BkCredentials *credentials, BkError *err)
{
	BkJson	   *json = bk_json_parse(text, len, who, err);
	const char *id = bk_json_string(bk_json_get(json, "AccessKeyId"), "");
	const char *secret = bk_json_string(bk_json_get(json, "SecretAccessKey"), "");
	const char *token = bk_json_string(bk_json_get(json, token_name), "");
	const char *expires = bk_json_string(bk_json_get(json, "Expiration"), NULL);
	bool		done = json != NULL;

	if (done && (*id == '\0' || *secret == '\0'))
		done = bk_error(err, BK_STATE_REFUSED, "%s gives no credentials", who);
	done = done &&
		bk_provider_set(credentials->id, sizeof(credentials->id), id,
						"access key id", err) &&
		bk_provider_set(credentials->secret, sizeof(credentials->secret),
						secret, "secret access key", err) &&
		bk_provider_set(credentials->token, sizeof(credentials->token), token,
						"session token", err);
	credentials->expires = 0;
	if (done && expires != NULL &&
		!bk_provider_time(expires, &credentials->expires))
		done = bk_error(err, BK_STATE_REFUSED,
						"%s gives credentials with a bad time of expiry", who);
	bk_json_free(json);
	return done;
}

bool
bk_provider_time(const char *text, int64_t *time)
{
	char		seconds[BK_CLOCK_TEXT_SIZE];
	const char *zone;
	int			hours;
	int			minutes;
	int			end = 0;
	int64_t		value;

	if (strlen(text) < sizeof(seconds) - 2)
		return false;
	snprintf(seconds, sizeof(seconds), "%.19sZ", text);
	if (!bk_clock_parse(seconds, &value))
		return false;
	zone = text + 19;
	if (*zone == '.')
		zone += 1 + strspn(zone + 1, "0123456789");
	if (strcmp(zone, "Z") == 0)
	{
		*time = value;
		return true;
	}
	if ((*zone != '+' && *zone != '-') ||
		sscanf(zone + 1, "%2d:%2d%n", &hours, &minutes, &end) != 2 ||
		zone[1 + end] != '\0')
		return false;
	value -= (*zone == '+' ? 1 : -1) * (hours * 3600 + minutes * 60);
	*time = value;
	return true;
}
