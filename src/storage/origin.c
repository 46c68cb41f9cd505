/*
 * origin.c
 *	  Which servers a store may be on.
 */
#include "storage/origin.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>

#define HOST_MAX	256

/* What an origin says: scheme, host without brackets, what follows. */
typedef struct Parts
{
	bool		https;
	char		host[HOST_MAX];
	const char *rest;
} Parts;

static bool take_apart(const char *origin, Parts *parts);
static bool is_port(const char *text);
static bool read_address(const char *host, struct sockaddr_storage *address);
static bool is_loopback(const char *host);

bool
bk_origin_check(const char *origin, bool plain_http, BkError *err)
{
	struct sockaddr_storage address;
	Parts		parts;

	if (strchr(origin, '@') != NULL)
		return bk_error(err, BK_STATE_BAD_ARGUMENT,
						"endpoint has a user or a password in it");
	if (!take_apart(origin, &parts) || !is_port(parts.rest))
	{
		bk_error(err, BK_STATE_BAD_ARGUMENT,
				 "\"%s\" is not the endpoint of a store", origin);
		return bk_error_hint(err, "Write it as https://host or https://host:port.");
	}
	if (read_address(parts.host, &address) &&
		bk_origin_is_link_local((struct sockaddr *) &address))
	{
		bk_error(err, BK_STATE_BAD_ARGUMENT,
				 "\"%s\" is not the endpoint of a store", origin);
		return bk_error_detail(err, "Link-local addresses are those of the cloud's metadata services.");
	}
	if (parts.https || plain_http || is_loopback(parts.host))
		return true;
	bk_error(err, BK_STATE_BAD_ARGUMENT,
			 "endpoint \"%s\" is not encrypted", origin);
	return bk_error_hint(err, "Use https://, or add the option plain_http=yes to the repository's URL if everybody on the way may see what is stored.");
}

bool
bk_origin_is_loopback(const char *origin)
{
	Parts		parts;

	return take_apart(origin, &parts) && is_loopback(parts.host);
}

bool
bk_origin_is_link_local(const struct sockaddr *address)
{
	const struct sockaddr_in *four = (const struct sockaddr_in *) address;
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *) address;
	const unsigned char *bytes;

	if (address->sa_family == AF_INET)
		return (ntohl(four->sin_addr.s_addr) >> 16) == 0xa9fe;
	if (address->sa_family != AF_INET6)
		return false;
	bytes = six->sin6_addr.s6_addr;
	if (IN6_IS_ADDR_V4MAPPED(&six->sin6_addr))
		return bytes[12] == 0xa9 && bytes[13] == 0xfe;
	return IN6_IS_ADDR_LINKLOCAL(&six->sin6_addr) ||
		memcmp(bytes, "\xfd\x00\x0e\xc2", 4) == 0;
}

static bool
take_apart(const char *origin, Parts *parts)
{
	const char *host;
	size_t		len;

	parts->https = strncasecmp(origin, "https://", 8) == 0;
	if (!parts->https && strncasecmp(origin, "http://", 7) != 0)
		return false;
	host = origin + (parts->https ? 8 : 7);
	if (*host == '[')
		len = strspn(++host, "0123456789abcdefABCDEF:.");
	else
		len = strspn(host, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._");
	if (len == 0 || len >= HOST_MAX)
		return false;
	memcpy(parts->host, host, len);
	parts->host[len] = '\0';
	parts->rest = host + len;
	if (host[-1] != '[')
		return true;
	return *parts->rest++ == ']';
}

/* Nothing, or a colon and a number; then nothing or a path. */
static bool
is_port(const char *text)
{
	int			port = 0;
	size_t		digits = 0;

	if (*text == ':')
	{
		text++;
		digits = strspn(text, "0123456789");
		for (size_t i = 0; i < digits && i < 6; i++)
			port = port * 10 + (text[i] - '0');
		if (port < 1 || port > 65535 || digits > 5)
			return false;
		text += digits;
	}
	for (const char *c = text; *c != '\0'; c++)
	{
		if ((unsigned char) *c <= ' ' || *c == 0x7f || strchr("?#\\", *c) != NULL)
			return false;
	}
	return *text == '\0' || *text == '/';
}

/* Also the odd ways to write an address, such as 0xa9.254.43518. */
static bool
read_address(const char *host, struct sockaddr_storage *address)
{
	struct sockaddr_in *four = (struct sockaddr_in *) address;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *) address;

	*address = (struct sockaddr_storage) {0};
	if (inet_aton(host, &four->sin_addr) != 0)
		address->ss_family = AF_INET;
	else if (inet_pton(AF_INET6, host, &six->sin6_addr) == 1)
		address->ss_family = AF_INET6;
	return address->ss_family != AF_UNSPEC;
}

static bool
is_loopback(const char *host)
{
	struct sockaddr_storage address;
	struct sockaddr_in *four = (struct sockaddr_in *) &address;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *) &address;

	if (strcasecmp(host, "localhost") == 0)
		return true;
	if (!read_address(host, &address))
		return false;
	if (address.ss_family == AF_INET)
		return ntohl(four->sin_addr.s_addr) >> 24 == 127;
	return IN6_IS_ADDR_LOOPBACK(&six->sin6_addr);
}
