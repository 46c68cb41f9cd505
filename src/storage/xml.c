/*
 * xml.c
 *	  The small XML documents of stores; the one door to expat.
 *
 * The texts of all open elements lie behind each other in one buffer, and so
 * do their names in the path: an element that ends cuts off its own.
 */
#include "storage/xml.h"

#include <expat.h>
#include <limits.h>
#include <string.h>

#include "core/buf.h"

#define DEPTH_MAX	32
#define TEXT_MAX	((size_t) 1024 * 1024)

typedef struct Document
{
	XML_Parser	parser;
	const char *root;
	BkXmlVisit	visit;
	void	   *arg;
	BkError    *err;
	bool		failed;			/* err says why */
	int			depth;
	size_t		path_start[DEPTH_MAX];	/* of the open elements */
	size_t		text_start[DEPTH_MAX];
	BkBuf		path;
	BkBuf		text;
} Document;

static void start_element(void *arg, const char *name, const char **attributes);
static void end_element(void *arg, const char *name);
static void add_text(void *arg, const char *text, int len);
static void refuse_doctype(void *arg, const char *name, const char *system,
						   const char *public, int internal);
static void refuse(Document *document, const char *reason);
static void stop(Document *document);

bool
bk_xml_parse(const char *data, size_t len, const char *root, BkXmlVisit visit,
			 void *arg, BkError *err)
{
	Document	document = {.root = root, .visit = visit, .arg = arg, .err = err};
	size_t		space = 0;

	/* Some stores keep a connection alive with white space before all else. */
	while (space < len && strchr(" \t\r\n", data[space]) != NULL && data[space] != '\0')
		space++;
	if (len - space > INT_MAX)
		return bk_error(err, BK_STATE_PROTOCOL, "an XML document of %zu bytes is too large", len);
	document.parser = XML_ParserCreate(NULL);
	if (document.parser == NULL)
		return bk_error_memory(err);
	bk_buf_init(&document.path);
	bk_buf_init(&document.text);
	XML_SetUserData(document.parser, &document);
	XML_SetElementHandler(document.parser, start_element, end_element);
	XML_SetCharacterDataHandler(document.parser, add_text);
	XML_SetStartDoctypeDeclHandler(document.parser, refuse_doctype);
	if (XML_Parse(document.parser, data + space, (int) (len - space), XML_TRUE) != XML_STATUS_OK)
		refuse(&document, XML_ErrorString(XML_GetErrorCode(document.parser)));
	XML_ParserFree(document.parser);
	bk_buf_free(&document.path);
	bk_buf_free(&document.text);
	return !document.failed;
}

void
bk_xml_escape(BkBuf *buf, const char *text)
{
	static const char *const escapes[] = {
		['&'] = "&amp;",
		['<'] = "&lt;",
		['>'] = "&gt;",
		['"'] = "&quot;",
		['\r'] = "&#13;",
	};

	for (; *text != '\0'; text++)
	{
		unsigned char c = (unsigned char) *text;

		if (c < sizeof(escapes) / sizeof(escapes[0]) && escapes[c] != NULL)
			bk_buf_append_string(buf, escapes[c]);
		else
			bk_buf_append(buf, text, 1);
	}
}

static void
start_element(void *arg, const char *name, const char **attributes)
{
	Document   *document = arg;
	const char *colon = strchr(name, ':');

	(void) attributes;
	if (document->failed)
		return;
	if (colon != NULL)
		name = colon + 1;
	if (document->depth == 0 && strcmp(name, document->root) != 0)
	{
		bk_error(document->err, BK_STATE_PROTOCOL,
				 "an XML document begins with \"%.100s\" and not with \"%s\"",
				 name, document->root);
		stop(document);
		return;
	}
	if (document->depth == DEPTH_MAX)
	{
		refuse(document, "it is nested too deeply");
		return;
	}
	document->path_start[document->depth] = document->path.len;
	document->text_start[document->depth] = document->text.len;
	document->depth++;
	bk_buf_printf(&document->path, "/%s", name);
}

static void
end_element(void *arg, const char *name)
{
	Document   *document = arg;
	size_t		start;

	(void) name;
	if (document->failed)
		return;
	document->depth--;
	start = document->text_start[document->depth];
	if (!bk_buf_check(&document->path, document->err) ||
		!bk_buf_check(&document->text, document->err) ||
		!document->visit(document->arg, document->path.data,
						 document->text.data + start, document->err))
	{
		stop(document);
		return;
	}
	bk_buf_truncate(&document->path, document->path_start[document->depth]);
	bk_buf_truncate(&document->text, start);
}

static void
add_text(void *arg, const char *text, int len)
{
	Document   *document = arg;

	if (document->failed)
		return;
	bk_buf_append(&document->text, text, (size_t) len);
	if (document->text.len - document->text_start[document->depth - 1] > TEXT_MAX)
		refuse(document, "an element has too much text");
}

/* Entities are declared there, and a few lines of them make gigabytes. */
static void
refuse_doctype(void *arg, const char *name, const char *system,
			   const char *public, int internal)
{
	(void) name;
	(void) system;
	(void) public;
	(void) internal;
	refuse(arg, "it has a DOCTYPE");
}

/* The first reason stays. */
static void
refuse(Document *document, const char *reason)
{
	if (document->failed)
		return;
	bk_error(document->err, BK_STATE_PROTOCOL, "invalid XML document");
	bk_error_detail(document->err, "At line %lu: %s.",
					(unsigned long) XML_GetCurrentLineNumber(document->parser),
					reason);
	stop(document);
}

static void
stop(Document *document)
{
	document->failed = true;
	XML_StopParser(document->parser, XML_FALSE);
}
