/*
 * fuzz_xml.c
 *	  Any bytes as an XML document of a store: refused, or visited within the
 *	  bounds of depth and text. A text that was escaped comes back as it was.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "storage/xml.h"

#define DEPTH_MAX	32
#define TEXT_MAX	((size_t) 1024 * 1024)

typedef struct Element
{
	const char *text;			/* that it should have; NULL: any */
	int			count;
} Element;

int			LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool
visit(void *arg, const char *path, const char *text, BkError *err)
{
	Element    *element = arg;
	int			depth = 0;

	(void) err;
	element->count++;
	for (const char *p = path; *p != '\0'; p++)
		depth += *p == '/';
	if (path[0] != '/' || depth > DEPTH_MAX || strlen(text) > TEXT_MAX)
		abort();
	if (element->text != NULL && strcmp(element->text, text) != 0)
		abort();
	return true;
}

static void
parse(const char *data, size_t size, const char *root)
{
	Element		element = {0};
	BkError		err = {0};
	bool		parsed = bk_xml_parse(data, size, root, visit, &element, &err);

	if (parsed ? element.count == 0 : err.sqlstate[0] == '\0')
		abort();
}

/* Bytes that XML cannot have are refused, all others come back. */
static void
escape(const char *text)
{
	Element		element = {.text = text};
	BkBuf		buf;
	BkError		err;

	bk_buf_init(&buf);
	bk_buf_append_string(&buf, "<Key>");
	bk_xml_escape(&buf, text);
	bk_buf_append_string(&buf, "</Key>");
	if (bk_buf_check(&buf, &err) &&
		bk_xml_parse(buf.data, buf.len, "Key", visit, &element, &err) && element.count != 1)
		abort();
	bk_buf_free(&buf);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const roots[] = {
		"Error", "ListBucketResult", "CompleteMultipartUploadResult",
		"ListMultipartUploadsResult",
	};
	char	   *text = malloc(size + 1);

	for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]); i++)
		parse((const char *) data, size, roots[i]);
	if (text != NULL)
	{
		if (size > 0)
			memcpy(text, data, size);
		text[size] = '\0';
		escape(text);
	}
	free(text);
	return 0;
}
