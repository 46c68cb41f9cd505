/*
 * fuzz_url.c
 *	  Any bytes as the URL of a repository: refused or taken apart, and then
 *	  nothing in it can be mistaken for something else.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "storage/url.h"

int			LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(const char *text)
{
	for (const char *c = text; *c != '\0'; c++)
	{
		if ((unsigned char) *c < ' ' || *c == 0x7f)
			abort();
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	BkError		err;
	BkUrl		url;
	BkBuf		path;
	char	   *text = strndup((const char *) data, size);

	if (text != NULL && bk_url_parse(text, &url, &err))
	{
		check(url.user);
		check(url.host);
		check(url.path);
		for (int i = 0; i < url.option_count; i++)
		{
			check(url.options[i].name);
			check(url.options[i].value);
		}
		if (url.host[0] == '\0' || strpbrk(url.host, "/?#@%") != NULL ||
			strstr(url.path, "//") != NULL || strstr(url.path, "/../") != NULL)
			abort();
		bk_buf_init(&path);
		bk_url_encode(&path, url.path, strlen(url.path), true);
		bk_buf_free(&path);
	}
	if (text != NULL)
		bk_url_free(&url);
	free(text);
	return 0;
}
