/*
 * urls.c
 *	  Take the list of repositories apart, and look at its URLs.
 */
#include "postgres.h"

#include "utils/guc.h"

#include "server/urls.h"

#define BK_SEPARATORS ", \t\r\n"
#define BK_SCHEME "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-."

static bool bk_urls_begins(const char *text);
static bool bk_url_check_secret(const char *url, Size length);
static bool bk_url_check(const char *url, Size length);
static bool bk_url_has_secret(const char *url, Size length);
static bool bk_url_is_secret(const char *name, Size length);
static bool bk_url_ends(const char *name, Size length, const char *end);

const char *
bk_urls_next(const char **list, Size *length)
{
	const char *url = *list + strspn(*list, BK_SEPARATORS);
	const char *at = url;

	if (*url == '\0')
		return NULL;
	while (*at != '\0')
	{
		Size		gap;

		at += strcspn(at, BK_SEPARATORS);
		gap = strspn(at, BK_SEPARATORS);
		if (gap > 0 && bk_urls_begins(at + gap))
			break;
		at += gap;
	}
	*length = at - url;
	*list = at;
	return url;
}

/* A scheme and "://". */
static bool
bk_urls_begins(const char *text)
{
	Size		scheme = strspn(text, BK_SCHEME);

	return isalpha((unsigned char) *text) && strncmp(text + scheme, "://", 3) == 0;
}

int
bk_urls_number(const char *list, const char *url)
{
	const char *found;
	Size		length;
	int			number = 1;

	for (; (found = bk_urls_next(&list, &length)) != NULL; number++)
	{
		if (strlen(url) == length && strncmp(url, found, length) == 0)
			return number;
	}
	return 0;
}

/* --- the check --- */

/* Secrets first: any other complaint shows the value. */
bool
bk_urls_check(const char *list)
{
	const char *rest = list;
	const char *url;
	Size		length;
	int			count = 0;

	while ((url = bk_urls_next(&rest, &length)) != NULL)
	{
		if (!bk_url_check_secret(url, length))
			return false;
	}
	while ((url = bk_urls_next(&list, &length)) != NULL)
	{
		if (!bk_url_check(url, length))
			return false;
		if (++count > BK_URLS_MAX)
		{
			GUC_check_errdetail("At most %d repositories can be given.", BK_URLS_MAX);
			return false;
		}
	}
	return true;
}

static bool
bk_url_check_secret(const char *url, Size length)
{
	const char *scheme = memchr(url, ':', length);

	/* a path is nothing but a path */
	if (scheme == NULL || strncmp(url, "file:", strlen("file:")) == 0 ||
		strncmp(scheme, "://", 3) != 0 ||
		!bk_url_has_secret(scheme + 3, length - (scheme + 3 - url)))
		return true;
	GUC_check_errmsg("invalid value for parameter \"%s\"", "backup_ext.repository");
	GUC_check_errdetail("A repository URL must not hold a password, a key or another secret.");
	GUC_check_errhint("Name a file that holds the secret, in backup_ext.credentials_file or as the option credentials_file=/path of the URL.");
	return false;
}

static bool
bk_url_check(const char *url, Size length)
{
	static const char *const beginnings[] = {"file:///", "s3://", "azure://", "sftp://"};
	Size		i;

	for (i = 0; i < length; i++)
	{
		if ((unsigned char) url[i] < 0x20 || url[i] == 0x7f)
		{
			GUC_check_errdetail("A repository URL has no control characters.");
			return false;
		}
	}
	for (i = 0; i < lengthof(beginnings); i++)
	{
		Size		begin = strlen(beginnings[i]);

		if (length > begin && strncmp(url, beginnings[i], begin) == 0)
			return true;
	}
	GUC_check_errdetail("A repository is given as \"file://\" and an absolute path, or as the URL of a store: s3://bucket/prefix, azure://container/prefix or sftp://host/path.");
	GUC_check_errhint("For example: ALTER SYSTEM SET backup_ext.repository = 'file:///backup/main';");
	return false;
}

/* A password before the host, or an option that is made for a secret? */
static bool
bk_url_has_secret(const char *url, Size length)
{
	const char *end = url + length;
	const char *host_end = url + strcspn(url, "/?" BK_SEPARATORS);
	const char *at = memchr(url, '@', Min(host_end, end) - url);
	const char *option = memchr(url, '?', length);

	if (at != NULL && memchr(url, ':', at - url) != NULL)
		return true;
	while (option != NULL && option < end)
	{
		const char *name = option + 1;
		const char *next = memchr(name, '&', end - name);
		const char *stop = next == NULL ? end : next;
		const char *equals = memchr(name, '=', stop - name);

		if (bk_url_is_secret(name, (equals == NULL ? stop : equals) - name))
			return true;
		option = next;
	}
	return false;
}

static bool
bk_url_is_secret(const char *name, Size length)
{
	static const char *const parts[] = {"secret", "password", "token", "key", "sig"};
	int			i;

	/* references, and the fingerprint of a server's public key */
	if (bk_url_ends(name, length, "_file") || bk_url_ends(name, length, "key_id") ||
		bk_url_ends(name, length, "host_key_sha256"))
		return false;
	if (length == 3 && pg_strncasecmp(name, "sas", 3) == 0)
		return true;
	for (i = 0; i < (int) lengthof(parts); i++)
	{
		Size		part = strlen(parts[i]);
		Size		offset;

		for (offset = 0; offset + part <= length; offset++)
		{
			if (pg_strncasecmp(name + offset, parts[i], part) == 0)
				return true;
		}
	}
	return false;
}

static bool
bk_url_ends(const char *name, Size length, const char *end)
{
	Size		tail = strlen(end);

	return length >= tail && strncmp(name + length - tail, end, tail) == 0;
}
