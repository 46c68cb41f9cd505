/*
 * s3_rule.c
 *	  One rule of a bucket's lifecycle, as XML.
 */
#include "storage/s3_rule.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "storage/words.h"
#include "storage/xml.h"

static bool note_element(void *arg, const char *path, const char *text,
						 BkError *err);
static bool note_filter(BkS3Rule *rule, const char *name, const char *text);
static bool note_deed(BkS3Rule *rule, const char *name, const char *text);
static void add_deed(BkS3Rule *rule, const char *what);
static bool is_archive(const char *storage_class);

bool
bk_s3_rule_read(BkS3Rule *rule, const char *text, size_t len, BkError *err)
{
	*rule = (BkS3Rule) {.name = ""};
	bk_buf_init(&rule->deeds);
	return bk_xml_parse(text, len, "Rule", note_element, rule, err) &&
		bk_buf_check(&rule->deeds, err);
}

void
bk_s3_rule_free(BkS3Rule *rule)
{
	bk_buf_free(&rule->deeds);
}

void
bk_s3_rule_write(BkBuf *xml, const BkLifecycleWish *wish, const char *prefix)
{
	bk_buf_append_string(xml, "<Rule><ID>");
	bk_xml_escape(xml, wish->name);
	bk_buf_append_string(xml, "</ID><Filter><Prefix>");
	bk_xml_escape(xml, prefix);
	bk_buf_append_string(xml, "</Prefix></Filter><Status>Enabled</Status>");
	if (wish->move_days > 0)
	{
		bk_buf_printf(xml, "<Transition><Days>%" PRId64 "</Days><StorageClass>", wish->move_days);
		bk_xml_escape(xml, wish->move_class);
		bk_buf_append_string(xml, "</StorageClass></Transition>");
	}
	if (wish->remove_days > 0)
		bk_buf_printf(xml, "<Expiration><Days>%" PRId64 "</Days></Expiration>", wish->remove_days);
	if (wish->old_days > 0)
		bk_buf_printf(xml, "<NoncurrentVersionExpiration><NoncurrentDays>%" PRId64
					  "</NoncurrentDays></NoncurrentVersionExpiration>", wish->old_days);
	if (wish->abort_days > 0)
		bk_buf_printf(xml, "<AbortIncompleteMultipartUpload><DaysAfterInitiation>%" PRId64
					  "</DaysAfterInitiation></AbortIncompleteMultipartUpload>", wish->abort_days);
	bk_buf_append_string(xml, "</Rule>");
}

static bool
note_element(void *arg, const char *path, const char *text, BkError *err)
{
	BkS3Rule   *rule = arg;
	const char *name = path + strlen("/Rule");

	(void) err;
	if (strcmp(name, "/ID") == 0)
		bk_words_copy(rule->name, sizeof(rule->name), text);
	else if (strcmp(name, "/Status") == 0)
		rule->enabled = strcmp(text, "Enabled") == 0;
	else if (*name != '\0' && !note_filter(rule, name, text) &&
			 !note_deed(rule, name, text) && rule->unknown[0] == '\0')
		bk_words_copy(rule->unknown, sizeof(rule->unknown), name + 1);
	return true;
}

/* A prefix too long for a key is about nothing of ours, and stays so. */
static bool
note_filter(BkS3Rule *rule, const char *name, const char *text)
{
	if (strcmp(name, "/Prefix") == 0 || strcmp(name, "/Filter/Prefix") == 0 ||
		strcmp(name, "/Filter/And/Prefix") == 0)
	{
		snprintf(rule->prefix, sizeof(rule->prefix), "%s", text);
		return true;
	}
	if (strcmp(name, "/Filter") == 0 || strcmp(name, "/Filter/And") == 0)
		return true;
	if (strncmp(name, "/Filter/", strlen("/Filter/")) != 0)
		return false;
	name += strlen("/Filter/");
	if (strncmp(name, "And/", strlen("And/")) == 0)
		name += strlen("And/");
	rule->narrowed = true;
	return strcmp(name, "Tag") == 0 || strcmp(name, "Tag/Key") == 0 ||
		strcmp(name, "Tag/Value") == 0 ||
		strcmp(name, "ObjectSizeGreaterThan") == 0 ||
		strcmp(name, "ObjectSizeLessThan") == 0;
}

/* What is in an element is told before the element itself. */
static bool
note_deed(BkS3Rule *rule, const char *name, const char *text)
{
	const char *leaf = strrchr(name, '/') + 1;

	if (strcmp(leaf, "Days") == 0 || strcmp(leaf, "NoncurrentDays") == 0 ||
		strcmp(leaf, "DaysAfterInitiation") == 0)
	{
		char		days[32];

		bk_words_copy(days, sizeof(days), text);
		snprintf(rule->last, sizeof(rule->last), "after %s days", days);
	}
	else if (strcmp(leaf, "Date") == 0)
	{
		char		date[32];

		bk_words_copy(date, sizeof(date), text);
		snprintf(rule->last, sizeof(rule->last), "on %s", date);
	}
	else if (strcmp(leaf, "StorageClass") == 0)
		bk_words_copy(rule->last_class, sizeof(rule->last_class), text);
	else if (strcmp(name, "/Expiration") == 0)
	{
		rule->removes = rule->removes || rule->last[0] != '\0';
		if (rule->last[0] != '\0')
			add_deed(rule, "removes objects");
	}
	else if (strcmp(name, "/Transition") == 0 ||
			 strcmp(name, "/NoncurrentVersionTransition") == 0)
	{
		bool		current = strcmp(name, "/Transition") == 0;
		char		what[128];

		rule->archives = rule->archives || (current && is_archive(rule->last_class));
		snprintf(what, sizeof(what), "moves %s to %s", current ? "objects" : "replaced versions",
				 rule->last_class);
		add_deed(rule, what);
	}
	else if (strcmp(name, "/NoncurrentVersionExpiration") == 0)
		add_deed(rule, "removes replaced versions");
	else if (strcmp(name, "/AbortIncompleteMultipartUpload") == 0)
		add_deed(rule, "aborts uploads");
	else
		return strcmp(leaf, "NewerNoncurrentVersions") == 0 ||
			strcmp(leaf, "ExpiredObjectDeleteMarker") == 0;
	return true;
}

static void
add_deed(BkS3Rule *rule, const char *what)
{
	bk_buf_printf(&rule->deeds, "%s%s%s%s", rule->deeds.len > 0 ? ", " : "", what,
				  rule->last[0] != '\0' ? " " : "", rule->last);
	rule->last[0] = '\0';
}

/* Classes whose objects have to be brought back before they can be read. */
static bool
is_archive(const char *storage_class)
{
	return strcmp(storage_class, "GLACIER") == 0 ||
		strcmp(storage_class, "DEEP_ARCHIVE") == 0;
}
