/*
 * xml.h
 *	  The small XML documents of stores; the one door to expat.
 *
 * A document that has a DOCTYPE, is nested more than 32 deep, has more than 1
 * MiB of text in an element, or is not complete is an error (08P01).
 */
#ifndef BK_STORAGE_XML_H
#define BK_STORAGE_XML_H

#include <stdbool.h>
#include <stddef.h>

#include "core/error.h"

/*
 * Called at the end of each element: its path from the root, such as
 * "/ListBucketResult/Contents/Key", without namespaces, and the text directly
 * in it. False ends the parse with the error set here.
 */
typedef bool (*BkXmlVisit) (void *arg, const char *path, const char *text,
							BkError *err);

/* Parse len bytes whose root element must have this name (else 08P01). */
extern bool bk_xml_parse(const char *data, size_t len, const char *root,
						 BkXmlVisit visit, void *arg, BkError *err);

/* Append text so that it can stand in an element. */
struct BkBuf;
extern void bk_xml_escape(struct BkBuf *buf, const char *text);

#endif
