/*
 * test_xml.c
 *	  What is read out of XML documents, and which are refused.
 */
#include "support.h"

#include "core/buf.h"
#include "storage/xml.h"

static bool
note(void *arg, const char *path, const char *text, BkError *err)
{
	(void) err;
	bk_buf_printf(arg, "%s=%s;", path, text);
	return true;
}

static void
test_read(void **state)
{
	static const struct
	{
		const char *text;
		const char *seen;
	}			cases[] = {
		{"<a/>", "/a=;"},
		{"<a>1</a>", "/a=1;"},
		{" \r\n\t<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<a/>", "/a=;"},
		{"<a><b>1</b><b>2</b></a>", "/a/b=1;/a/b=2;/a=;"},
		{"<a>x<b>y<c>w</c>v</b>z</a>", "/a/b/c=w;/a/b=yv;/a=xz;"},
		{"<a xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><b>1</b></a>", "/a/b=1;/a=;"},
		{"<n:a xmlns:n=\"urn:x\"><n:b n:t=\"1\">1</n:b></n:a>", "/a/b=1;/a=;"},
		{"<a>&lt;&amp;&gt;&quot;&apos;&#65;&#x42;</a>", "/a=<&>\"'AB;"},
		{"<a><![CDATA[<b>]]></a>", "/a=<b>;"},
		{"<a><!-- <b/> --><?x y?>1</a>", "/a=1;"},
		{"<a>\xc3\xa9</a>", "/a=\xc3\xa9;"},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		BkBuf		buf;
		BkError		err;

		bk_buf_init(&buf);
		assert_good(bk_xml_parse(cases[i].text, strlen(cases[i].text), "a",
								 note, &buf, &err), &err);
		assert_string_equal(buf.data, cases[i].seen);
		bk_buf_free(&buf);
	}
}

static void
refused(const char *text, size_t len, const char *message)
{
	BkBuf		buf;
	BkError		err;

	bk_buf_init(&buf);
	assert_false(bk_xml_parse(text, len, "a", note, &buf, &err));
	assert_string_equal(err.sqlstate, BK_STATE_PROTOCOL);
	if (strstr(err.message, message) == NULL && strstr(err.detail, message) == NULL)
		fail_msg("\"%s\": %s: %s", message, err.message, err.detail);
	bk_buf_free(&buf);
}

static void
test_refuse(void **state)
{
	static const struct
	{
		const char *text;
		const char *message;
	}			cases[] = {
		{"", "no element found"},
		{"  ", "no element found"},
		{"<a>", "no element found"},
		{"<a><b></a>", "mismatched tag"},
		{"<a></a><a/>", "junk after document element"},
		{"<b/>", "begins with \"b\" and not with \"a\""},
		{"<html><body>Log in</body></html>", "begins with \"html\""},
		{"<!DOCTYPE a><a/>", "DOCTYPE"},
		{"<!DOCTYPE a [<!ENTITY b \"bb\"><!ENTITY c \"&b;&b;\">]><a>&c;</a>", "DOCTYPE"},
		{"<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a/>", "DOCTYPE"},
		{"<a>&b;</a>", "undefined entity"},
		{"<a>&#0;</a>", "reference to invalid character"},
		{"<a>\x01</a>", "not well-formed"},
		{"<a>\xff</a>", "not well-formed"},
		{"nothing", "syntax error"},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		refused(cases[i].text, strlen(cases[i].text), cases[i].message);
	refused("<a>\0</a>", 8, "not well-formed");
	refused("\0", 1, "unclosed token");
}

static void
test_limits(void **state)
{
	BkBuf		buf;

	(void) state;
	bk_buf_init(&buf);
	for (int i = 0; i < 33; i++)
		bk_buf_append_string(&buf, "<a>");
	refused(buf.data, buf.len, "nested too deeply");
	bk_buf_reset(&buf);
	bk_buf_append_string(&buf, "<a>");
	for (int i = 0; i < 110000; i++)
		bk_buf_append_string(&buf, "0123456789<b/>");
	refused(buf.data, buf.len, "too much text");
	bk_buf_free(&buf);
}

static bool
complain(void *arg, const char *path, const char *text, BkError *err)
{
	(void) arg;
	(void) path;
	(void) text;
	return bk_error(err, BK_STATE_CANCELED, "enough");
}

static void
test_visitor_fails(void **state)
{
	BkError		err;

	(void) state;
	assert_false(bk_xml_parse("<a><b/><c></a>", 14, "a", complain, NULL, &err));
	assert_string_equal(err.message, "enough");
}

static void
test_escape(void **state)
{
	BkBuf		buf;
	BkBuf		seen;
	BkError		err;

	(void) state;
	bk_buf_init(&buf);
	bk_buf_init(&seen);
	bk_buf_append_string(&buf, "<a>");
	bk_xml_escape(&buf, "a<b>&\"'\r\xc3\xa9");
	bk_buf_append_string(&buf, "</a>");
	assert_good(bk_xml_parse(buf.data, buf.len, "a", note, &seen, &err), &err);
	assert_string_equal(seen.data, "/a=a<b>&\"'\r\xc3\xa9;");
	bk_buf_free(&buf);
	bk_buf_free(&seen);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_refuse),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_visitor_fails),
		cmocka_unit_test(test_escape),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
