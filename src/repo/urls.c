/*
 * urls.c
 *	  Take a list of repositories apart.
 */
#include "repo/urls.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define SEPARATORS	", \t\r\n"

static bool add_urls(BkUrls *urls, BkError *err);
static bool add_ids(BkUrls *urls, BkError *err);
static char *find_end(char *url);
static bool begins_url(const char *text);

bool
bk_urls_parse(const char *list, const char *ids, BkUrls *urls, BkError *err)
{
	*urls = (BkUrls) {.count = 0};
	urls->text = strdup(list + strspn(list, SEPARATORS));
	urls->id_text = strdup(ids == NULL ? "" : ids);
	if (urls->text == NULL || urls->id_text == NULL)
		return bk_error_memory(err);
	return add_urls(urls, err) && add_ids(urls, err);
}

void
bk_urls_free(BkUrls *urls)
{
	free(urls->text);
	free(urls->id_text);
}

static bool
add_urls(BkUrls *urls, BkError *err)
{
	char	   *at = urls->text;

	while (at != NULL)
	{
		char	   *end = find_end(at);

		if (urls->count == BK_URLS_MAX)
			return bk_error(err, BK_STATE_BAD_ARGUMENT,
							"more than %d repositories are given", BK_URLS_MAX);
		urls->urls[urls->count++] = at;
		at = NULL;
		if (end != NULL)
		{
			at = end + strspn(end, SEPARATORS);
			*end = '\0';
		}
	}
	for (size_t i = 0; i < urls->count; i++)
	{
		for (size_t j = 0; j < i; j++)
		{
			if (strcmp(urls->urls[i], urls->urls[j]) == 0)
				return bk_error(err, BK_STATE_BAD_ARGUMENT,
								"repository \"%s\" is given twice", urls->urls[i]);
		}
	}
	return true;
}

static bool
add_ids(BkUrls *urls, BkError *err)
{
	char	   *rest;
	size_t		i = 0;

	for (char *id = strtok_r(urls->id_text, " ", &rest); id != NULL;
		 id = strtok_r(NULL, " ", &rest), i++)
	{
		if (i == urls->count)
			return bk_error(err, BK_STATE_BAD_ARGUMENT,
							"there are more ids than repositories");
		urls->ids[i] = strcmp(id, "-") == 0 ? NULL : id;
	}
	return true;
}

/* The separators behind a URL that another one follows; NULL: it is the last. */
static char *
find_end(char *url)
{
	for (char *at = url + strcspn(url, SEPARATORS); *at != '\0';
		 at += strcspn(at, SEPARATORS))
	{
		size_t		length = strspn(at, SEPARATORS);

		if (begins_url(at + length))
			return at;
		at += length;
	}
	return NULL;
}

/* A scheme (RFC 3986, section 3.1) and "://". */
static bool
begins_url(const char *text)
{
	const char *at = text;

	if (!isalpha((unsigned char) *at))
		return false;
	while (isalnum((unsigned char) *at) || (*at != '\0' && strchr("+-.", *at) != NULL))
		at++;
	return strncmp(at, "://", 3) == 0;
}
