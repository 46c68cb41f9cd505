/*
 * s3_lifecycle.c
 *	  The lifecycle rules of a bucket.
 *
 * A bucket has one document with all of its rules, and who sets one replaces
 * all. So the document is read, our rule is taken out and put in, and what
 * belongs to others goes back byte for byte; a document that is not understood
 * to its last element is left alone.
 */
#include "storage/s3_lifecycle.h"

#include <stdlib.h>
#include <string.h>

#include "core/base64.h"
#include "core/digest.h"
#include "storage/s3_client.h"
#include "storage/s3_rule.h"
#include "storage/xml.h"

#define ROOT		"LifecycleConfiguration"
#define HEAD		"<" ROOT " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
#define SIZE_HEADER	"x-amz-transition-default-minimum-object-size"

/* The document, as the store has it. */
typedef struct Document
{
	BkBuf		text;			/* "": there is none */
	char		size_rule[64];	/* goes with it */
	int			rules;			/* that a parser finds */
	bool		odd;			/* it has more than rules */
} Document;

/* Called for each rule with its text. False ends it, with the error set. */
typedef bool (*RuleVisit) (void *arg, const BkS3Rule *rule, const char *text,
						   size_t len, BkError *err);

typedef struct Showing
{
	const BkS3 *s3;
	BkLifecycleVisit visit;
	void	   *arg;
} Showing;

typedef struct Changing
{
	const BkS3 *s3;
	const BkLifecycleWish *wish;
	BkBuf		xml;			/* the rules that shall be there */
} Changing;

static bool read_document(BkS3 *s3, BkS3Client *client, Document *document,
						  BkError *err);
static bool accept_document(void *arg, const BkHttpResponse *response,
							BkError *err);
static bool count_rules(void *arg, const char *path, const char *text,
						BkError *err);
static bool each_rule(const BkS3 *s3, const Document *document,
					  RuleVisit visit, void *arg, BkError *err);
static bool show_rule(void *arg, const BkS3Rule *rule, const char *text,
					  size_t len, BkError *err);
static bool keep_rule(void *arg, const BkS3Rule *rule, const char *text,
					  size_t len, BkError *err);
static bool write_document(BkS3 *s3, BkS3Client *client,
						   const Document *document, const BkBuf *rules,
						   BkError *err);
static bool sign_body(BkS3Request *request, const BkBuf *body, BkError *err);
static bool not_understood(const BkS3 *s3, const char *what, BkError *err);

bool
bk_s3_lifecycle(BkStorage *storage, BkLifecycleVisit visit, void *arg,
				BkError *err)
{
	BkS3	   *s3 = (BkS3 *) storage;
	BkS3Client *client = bk_s3_take(s3, NULL, err);
	Showing		showing = {.s3 = s3, .visit = visit, .arg = arg};
	Document	document;
	bool		done;

	if (client == NULL)
		return false;
	done = read_document(s3, client, &document, err) &&
		each_rule(s3, &document, show_rule, &showing, err);
	bk_buf_free(&document.text);
	bk_s3_give(client);
	return done;
}

bool
bk_s3_set_lifecycle(BkStorage *storage, const BkLifecycleWish *wish,
					BkError *err)
{
	BkS3	   *s3 = (BkS3 *) storage;
	BkS3Client *client = bk_s3_take(s3, NULL, err);
	Changing	changing = {.s3 = s3, .wish = wish};
	Document	document;
	bool		done;

	if (client == NULL)
		return false;
	bk_buf_init(&changing.xml);
	done = read_document(s3, client, &document, err) &&
		each_rule(s3, &document, keep_rule, &changing, err);
	if (done && (wish->move_days > 0 || wish->remove_days > 0 ||
				 wish->old_days > 0 || wish->abort_days > 0))
		bk_s3_rule_write(&changing.xml, wish, s3->place.prefix);
	done = done && bk_buf_check(&changing.xml, err) &&
		write_document(s3, client, &document, &changing.xml, err);
	bk_buf_free(&changing.xml);
	bk_buf_free(&document.text);
	bk_s3_give(client);
	return done;
}

/* A bucket without rules is no error. */
static bool
read_document(BkS3 *s3, BkS3Client *client, Document *document, BkError *err)
{
	BkS3Request request;
	bool		done;

	*document = (Document) {.rules = 0};
	bk_buf_init(&document->text);
	bk_s3_request_init(&request, s3, "GET",
					   (BkS3Deed) {"read the lifecycle rules of", "s3:GetLifecycleConfiguration", NULL});
	bk_http_query(&request.http, "lifecycle", "%s", "");
	request.accept = accept_document;
	request.arg = document;
	done = bk_s3_call(client, &request, err) ||
		bk_s3_fault_is(&request.fault, "NoSuchLifecycleConfiguration");
	bk_s3_request_free(&request);
	return done;
}

static bool
accept_document(void *arg, const BkHttpResponse *response, BkError *err)
{
	Document   *document = arg;
	const char *size_rule = bk_http_find(response, SIZE_HEADER);

	bk_buf_reset(&document->text);
	bk_buf_append(&document->text, response->body.data, response->body.len);
	document->rules = 0;
	document->odd = false;
	document->size_rule[0] = '\0';
	if (size_rule != NULL && strlen(size_rule) < sizeof(document->size_rule))
		memcpy(document->size_rule, size_rule, strlen(size_rule) + 1);
	return bk_buf_check(&document->text, err) &&
		bk_xml_parse(document->text.data, document->text.len, ROOT,
					 count_rules, document, err);
}

static bool
count_rules(void *arg, const char *path, const char *text, BkError *err)
{
	Document   *document = arg;

	(void) text;
	(void) err;
	if (strcmp(path, "/" ROOT "/Rule") == 0)
		document->rules++;
	else if (strncmp(path, "/" ROOT "/Rule/", strlen("/" ROOT "/Rule/")) != 0 &&
			 strcmp(path, "/" ROOT) != 0)
		document->odd = true;
	return true;
}

/* Rules are told apart by their tags, which a parser must have seen as well. */
static bool
each_rule(const BkS3 *s3, const Document *document, RuleVisit visit, void *arg,
		  BkError *err)
{
	static const char open[] = "<Rule>";
	static const char close[] = "</Rule>";
	const char *next = document->text.data;
	int			found = 0;

	if (document->text.len == 0)
		return true;
	if (document->odd || strstr(next, "<!") != NULL)
		return not_understood(s3, "it has more than rules", err);
	while ((next = strstr(next, open)) != NULL)
	{
		const char *end = strstr(next, close);
		BkS3Rule	rule;
		size_t		len;
		bool		done;

		if (end == NULL)
			break;
		len = (size_t) (end - next) + strlen(close);
		done = bk_s3_rule_read(&rule, next, len, err) &&
			visit(arg, &rule, next, len, err);
		bk_s3_rule_free(&rule);
		if (!done)
			return false;
		found++;
		next += len;
	}
	return found == document->rules ||
		not_understood(s3, "its rules cannot be told apart", err);
}

/* Only one that is about objects of ours, or some of them. */
static bool
show_rule(void *arg, const BkS3Rule *rule, const char *text, size_t len,
		  BkError *err)
{
	const Showing *showing = arg;
	const char *ours = showing->s3->place.prefix;
	size_t		shorter = strlen(ours) < strlen(rule->prefix) ? strlen(ours) : strlen(rule->prefix);
	BkLifecycleRule shown = {
		.name = rule->name,
		.enabled = rule->enabled,
		.prefix = rule->prefix,
		.narrowed = rule->narrowed,
		.deeds = rule->deeds.len > 0 ? rule->deeds.data : rule->unknown,
		.removes = rule->removes,
		.archives = rule->archives,
	};

	(void) text;
	(void) len;
	return strncmp(ours, rule->prefix, shorter) != 0 ||
		showing->visit(showing->arg, &shown, err);
}

static bool
keep_rule(void *arg, const BkS3Rule *rule, const char *text, size_t len,
		  BkError *err)
{
	Changing   *changing = arg;

	if (rule->unknown[0] != '\0')
		return not_understood(changing->s3, rule->unknown, err);
	if (strcmp(rule->name, changing->wish->name) != 0)
		bk_buf_append(&changing->xml, text, len);
	return true;
}

/* A document without rules is refused by stores: it has to be removed. */
static bool
write_document(BkS3 *s3, BkS3Client *client, const Document *document,
			   const BkBuf *rules, BkError *err)
{
	BkS3Request request;
	BkBuf		body;
	bool		done;

	if (rules->len == 0 && document->text.len == 0)
		return true;
	bk_s3_request_init(&request, s3, rules->len > 0 ? "PUT" : "DELETE",
					   (BkS3Deed) {"set the lifecycle rules of", "s3:PutLifecycleConfiguration", NULL});
	bk_http_query(&request.http, "lifecycle", "%s", "");
	bk_buf_init(&body);
	if (rules->len > 0)
	{
		bk_buf_append_string(&body, HEAD);
		bk_buf_append(&body, rules->data, rules->len);
		bk_buf_append_string(&body, "</" ROOT ">");
		if (document->size_rule[0] != '\0')
			bk_http_header(&request.http, SIZE_HEADER, "%s", document->size_rule);
	}
	done = bk_buf_check(&body, err) &&
		(rules->len == 0 || sign_body(&request, &body, err)) &&
		bk_s3_call(client, &request, err);
	bk_s3_request_free(&request);
	bk_buf_free(&body);
	return done;
}

/* This request needs the MD5 of its body (RFC 1864). */
static bool
sign_body(BkS3Request *request, const BkBuf *body, BkError *err)
{
	unsigned char md5[BK_DIGEST_MD5_SIZE];
	char		text[BK_BASE64_SIZE(BK_DIGEST_MD5_SIZE)];
	BkDigest   *digest = bk_digest_new_md5(err);
	bool		done = digest != NULL &&
		bk_digest_update(digest, body->data, body->len, err) &&
		bk_digest_final(digest, md5, err);

	bk_digest_free(digest);
	if (!done)
		return false;
	bk_base64_encode(md5, sizeof(md5), true, text);
	bk_http_header(&request->http, "Content-MD5", "%s", text);
	bk_http_header(&request->http, "Content-Type", "%s", "application/xml");
	request->http.body = body->data;
	request->http.body_len = body->len;
	return true;
}

static bool
not_understood(const BkS3 *s3, const char *what, BkError *err)
{
	bk_error(err, BK_STATE_UNSUPPORTED,
			 "the lifecycle rules of bucket \"%s\" are not understood", s3->place.bucket);
	bk_error_detail(err, "What is not known: %s. Nothing was changed.", what);
	return bk_error_hint(err, "Set the rule with the tools of the store.");
}
