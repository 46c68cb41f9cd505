/*
 * url.c
 *	  The URL of a repository, taken apart.
 *
 * No message quotes more of a URL than its place: what stands in options, or
 * where a password would, may be a secret that was put there by mistake.
 */
#include "storage/url.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const char *complaint_about(const char *text);
static bool has_password(const char *text);
static bool take_place(const char *text, BkUrl *url, BkError *err);
static bool take_authority(const char *text, size_t len, BkUrl *url,
						   BkError *err);
static bool take_port(const char *text, size_t len, BkUrl *url, BkError *err);
static bool take_path(const char *text, BkUrl *url, BkError *err);
static bool take_options(const char *text, BkUrl *url, BkError *err);
static bool take_option(const char *text, size_t len, BkUrl *url,
						BkError *err);
static bool decode(const char *text, size_t len, const BkUrl *url,
				   char **decoded, BkError *err);
static int	hex_value(char digit);
static bool bad_url(const BkUrl *url, const char *why, BkError *err);

bool
bk_url_parse(const char *text, BkUrl *url, BkError *err)
{
	const char *complaint = complaint_about(text);
	const char *rest;

	*url = (BkUrl) {0};
	if (complaint != NULL)
	{
		bk_error(err, BK_STATE_BAD_ARGUMENT, "URL %s", complaint);
		return bk_error_hint(err, "Write scheme://place/prefix?option=value&option=value, with odd characters percent-encoded.");
	}
	if (has_password(text))
	{
		bk_error(err, BK_STATE_BAD_ARGUMENT, "URL has a password in it");
		return bk_error_hint(err, "Put secrets into a file and name that in backup_ext.credentials_file.");
	}
	if (!take_place(text, url, err))
		return false;
	rest = strstr(text, "://") + 3;
	return take_authority(rest, strcspn(rest, "/?"), url, err) &&
		take_path(rest + strcspn(rest, "/?"), url, err) &&
		take_options(rest + strcspn(rest, "?"), url, err);
}

void
bk_url_free(BkUrl *url)
{
	free(url->scheme);
	free(url->user);
	free(url->host);
	free(url->path);
	free(url->place);
	for (int i = 0; i < url->option_count; i++)
	{
		free(url->options[i].name);
		free(url->options[i].value);
	}
	*url = (BkUrl) {0};
}

const char *
bk_url_option(const BkUrl *url, const char *name, const char *fallback)
{
	for (int i = 0; i < url->option_count; i++)
	{
		if (strcmp(url->options[i].name, name) == 0)
			return url->options[i].value;
	}
	return fallback;
}

bool
bk_url_number(const BkUrl *url, const char *name, int64_t min, int64_t max,
			  int64_t *number, BkError *err)
{
	const char *text = bk_url_option(url, name, NULL);
	size_t		len = text != NULL ? strlen(text) : 0;

	if (text == NULL)
		return true;
	/* Eighteen digits always fit. */
	if (strspn(text, "0123456789") == len && len <= 18)
	{
		*number = strtoll(text, NULL, 10);
		if (*number >= min && *number <= max)
			return true;
	}
	bk_error(err, BK_STATE_BAD_ARGUMENT,
			 "option \"%s\" of URL \"%s\" is not a number from %lld to %lld",
			 name, url->place, (long long) min, (long long) max);
	return false;
}

bool
bk_url_check_options(const BkUrl *url, const char *const names[],
					 BkError *err)
{
	BkBuf		known;

	for (int i = 0; i < url->option_count; i++)
	{
		int			j = 0;

		while (names[j] != NULL && strcmp(names[j], url->options[i].name) != 0)
			j++;
		if (names[j] != NULL)
			continue;
		bk_buf_init(&known);
		for (j = 0; names[j] != NULL; j++)
			bk_buf_printf(&known, "%s%s", j > 0 ? ", " : "", names[j]);
		bk_error(err, BK_STATE_BAD_ARGUMENT,
				 "URL \"%s\" has an unknown option \"%s\"", url->place,
				 url->options[i].name);
		bk_error_detail(err, "Options of %s URLs are: %s.", url->scheme,
						known.data);
		bk_buf_free(&known);
		return false;
	}
	return true;
}

void
bk_url_encode(BkBuf *buf, const char *text, size_t len, bool keep_slashes)
{
	static const char plain[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

	for (size_t i = 0; i < len; i++)
	{
		char		c = text[i];

		if ((c != '\0' && strchr(plain, c) != NULL) ||
			(c == '/' && keep_slashes))
			bk_buf_append(buf, &c, 1);
		else
			bk_buf_printf(buf, "%%%02X", (unsigned char) c);
	}
}

/* What is wrong with the text as a whole; NULL if nothing is. */
static const char *
complaint_about(const char *text)
{
	size_t		scheme = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
								"abcdefghijklmnopqrstuvwxyz0123456789+-.");

	for (const char *c = text; *c != '\0'; c++)
	{
		if ((unsigned char) *c <= ' ' || *c == 0x7f)
			return "has a space or control character in it";
	}
	if (scheme == 0 || !isalpha((unsigned char) *text) ||
		strncmp(text + scheme, "://", 3) != 0)
		return "has no scheme";
	if (strchr(text, '#') != NULL)
		return "has a fragment";
	return NULL;
}

static bool
has_password(const char *text)
{
	const char *authority = strstr(text, "://") + 3;
	size_t		len = strcspn(authority, "/?");
	const char *at = memrchr(authority, '@', len);

	return at != NULL &&
		memchr(authority, ':', (size_t) (at - authority)) != NULL;
}

static bool
take_place(const char *text, BkUrl *url, BkError *err)
{
	url->place = strndup(text, strcspn(text, "?"));
	url->scheme = strndup(text, strcspn(text, ":"));
	if (url->place == NULL || url->scheme == NULL)
		return bk_error_memory(err);
	for (char *c = url->scheme; *c != '\0'; c++)
		*c = (char) tolower((unsigned char) *c);
	return true;
}

/*
 * [user@]host[:port]. The host becomes a part of other URLs and of names, so
 * only what is plain there is taken.
 */
static bool
take_authority(const char *text, size_t len, BkUrl *url, BkError *err)
{
	static const char plain[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._$";
	const char *end = text + len;
	const char *at = memrchr(text, '@', len);
	const char *host = at != NULL ? at + 1 : text;
	const char *port;

	if (host < end && *host == '[')
	{
		host++;
		port = host + strspn(host, "0123456789abcdefABCDEF:.");
		if (port == host || *port != ']')
			return bad_url(url, "has brackets without an address", err);
		url->host = strndup(host, (size_t) (port - host));
		port++;
	}
	else
	{
		port = host + strspn(host, plain);
		if (port == host)
			return bad_url(url, "names no place", err);
		url->host = strndup(host, (size_t) (port - host));
	}
	if (url->host == NULL)
		return bk_error_memory(err);
	return decode(text, at != NULL ? (size_t) (at - text) : 0, url,
				  &url->user, err) &&
		take_port(port, (size_t) (end - port), url, err);
}

/* What follows the host: nothing, or a colon and a number. */
static bool
take_port(const char *text, size_t len, BkUrl *url, BkError *err)
{
	if (len == 0)
		return true;
	for (size_t i = 1; i < len && len <= 6 && text[0] == ':'; i++)
	{
		if (!isdigit((unsigned char) text[i]))
			break;
		url->port = url->port * 10 + (text[i] - '0');
		if (i == len - 1 && url->port > 0 && url->port <= 65535)
			return true;
	}
	return bad_url(url, "has an odd character in its host, or a port that is not a number from 1 to 65535",
				   err);
}

static bool
take_path(const char *text, BkUrl *url, BkError *err)
{
	size_t		len = strcspn(text, "?");
	const char *part;
	size_t		part_len;

	while (len > 0 && *text == '/')
	{
		text++;
		len--;
	}
	while (len > 0 && text[len - 1] == '/')
		len--;
	if (!decode(text, len, url, &url->path, err))
		return false;
	if (*url->path == '\0')
		return true;
	for (part = url->path;; part += part_len + 1)
	{
		part_len = strcspn(part, "/");
		if (part_len == 0 || (part_len == 1 && part[0] == '.') ||
			(part_len == 2 && part[0] == '.' && part[1] == '.'))
			return bad_url(url, "has an empty component, \".\" or \"..\" in its path",
						   err);
		if (part[part_len] == '\0')
			return true;
	}
}

/* The text is empty or begins with the question mark. */
static bool
take_options(const char *text, BkUrl *url, BkError *err)
{
	while (*text != '\0')
	{
		size_t		len = strcspn(text + 1, "&");

		if (!take_option(text + 1, len, url, err))
			return false;
		text += 1 + len;
	}
	return true;
}

static bool
take_option(const char *text, size_t len, BkUrl *url, BkError *err)
{
	const char *equals = memchr(text, '=', len);
	size_t		name_len = equals != NULL ? (size_t) (equals - text) : 0;
	BkUrlOption *option = &url->options[url->option_count];

	if (name_len == 0 || name_len + 1 == len)
		return bad_url(url, "has an option without a name or a value", err);
	if (url->option_count == BK_URL_OPTIONS_MAX)
		return bad_url(url, "has too many options", err);
	*option = (BkUrlOption) {0};
	url->option_count++;
	if (!decode(text, name_len, url, &option->name, err) ||
		!decode(equals + 1, len - name_len - 1, url, &option->value, err))
		return false;
	for (int i = 0; i < url->option_count - 1; i++)
	{
		if (strcmp(url->options[i].name, option->name) == 0)
			return bk_error(err, BK_STATE_BAD_ARGUMENT,
							"URL \"%s\" has option \"%s\" twice", url->place,
							option->name);
	}
	return true;
}

/* Percent-decode into a fresh string that has no control characters. */
static bool
decode(const char *text, size_t len, const BkUrl *url, char **decoded,
	   BkError *err)
{
	char	   *out = malloc(len + 1);

	if (out == NULL)
		return bk_error_memory(err);
	*decoded = out;
	for (size_t i = 0; i < len; i++)
	{
		int			value = (unsigned char) text[i];

		if (value == '%')
		{
			int			high = i + 2 < len ? hex_value(text[i + 1]) : -1;
			int			low = i + 2 < len ? hex_value(text[i + 2]) : -1;

			value = high < 0 || low < 0 ? 0 : high * 16 + low;
			i += 2;
		}
		*out++ = (char) value;
		*out = '\0';
		if (value < ' ' || value == 0x7f)
			return bad_url(url, "has an invalid percent-encoding or a control character",
						   err);
	}
	*out = '\0';
	return true;
}

static int
hex_value(char digit)
{
	static const char digits[] = "0123456789abcdef0123456789ABCDEF";
	const char *found = digit != '\0' ? strchr(digits, digit) : NULL;

	return found != NULL ? (int) (found - digits) % 16 : -1;
}

static bool
bad_url(const BkUrl *url, const char *why, BkError *err)
{
	return bk_error(err, BK_STATE_BAD_ARGUMENT, "URL \"%s\" %s", url->place,
					why);
}
