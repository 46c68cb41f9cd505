/*
 * address.c
 *	  Where a channel leads to.
 */
#include "notify/address.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "storage/origin.h"

#define URL_MAX			2000

bool
bk_address_split(const char *url, const char *scheme, char **origin,
				 char **path, BkError *err)
{
	size_t		scheme_len = strlen(scheme);
	bool		tls = bk_address_has_tls(url, scheme);
	const char *host = url + scheme_len + (tls ? 4 : 3);
	size_t		len;

	if (strncasecmp(url, scheme, scheme_len) != 0 ||
		(!tls && strncmp(url + scheme_len, "://", 3) != 0))
	{
		bk_error(err, BK_STATE_BAD_ARGUMENT, "the URL of the channel does not begin with %ss://", scheme);
		return bk_error_hint(err, "Write it as %ss://host or %ss://host:port.", scheme, scheme);
	}
	len = strcspn(host, "/?#");
	if (len == 0 || strlen(url) > URL_MAX)
		return bk_error(err, BK_STATE_BAD_ARGUMENT,
						"the URL of the channel has no host, or is longer than %d bytes", URL_MAX);
	if (memchr(host, '@', len) != NULL || url[strcspn(url, " \t\r\n\"<>\\#")] != '\0')
		return bk_error(err, BK_STATE_BAD_ARGUMENT,
						"the URL of the channel has a user in it, or characters that no URL has");
	*origin = strndup(url, (size_t) (host - url) + len);
	*path = strdup(host[len] == '/' ? host + len : "/");
	return (*origin != NULL && *path != NULL) || bk_error_memory(err);
}

bool
bk_address_has_tls(const char *origin, const char *scheme)
{
	size_t		len = strlen(scheme);

	return strncasecmp(origin, scheme, len) == 0 &&
		strncasecmp(origin + len, "s://", 4) == 0;
}

/* Schemes of mail are not known there. */
bool
bk_address_is_loopback(const char *origin)
{
	const char *rest = strstr(origin, "://");
	char		other[URL_MAX + 8];

	snprintf(other, sizeof(other), "http%s", rest != NULL ? rest : "");
	return bk_origin_is_loopback(other);
}

bool
bk_address_secret(const char *path, BkSecretFile *file, BkError *err)
{
	if (!bk_secret_read(path, file, err))
		return false;
	file->text[strcspn(file->text, "\r\n")] = '\0';
	if (file->text[0] != '\0')
		return true;
	return bk_error(err, BK_STATE_BAD_ARGUMENT,
					"secret file \"%s\" begins with an empty line", path);
}

void
bk_address_correct_hint(BkError *err)
{
	if (strstr(err->hint, "ca_file") != NULL)
		bk_error_hint(err, "If the server has a certificate of your own authority, give the channel that authority's file with ca_file => '/path/of/ca.pem'.");
}
