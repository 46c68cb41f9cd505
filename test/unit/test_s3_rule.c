/*
 * test_s3_rule.c
 *	  Lifecycle rules of a bucket: what they do in words, and which of them a
 *	  repository has to fear.
 */
#include "support.h"

#include "storage/s3_rule.h"

#define RULE(inside) "<Rule xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">" inside "</Rule>"
#define FOR_ALL "<ID>all</ID><Filter><Prefix></Prefix></Filter><Status>Enabled</Status>"

static const struct
{
	const char *xml;
	const char *seen;			/* name, flags, prefix, deeds, unknown */
}			rules[] = {
	{RULE("<ID>a &amp; b</ID><Prefix>old/style</Prefix><Status>Enabled</Status>"
		"<Expiration><Days>5</Days></Expiration>"),
	"a & b|on,removes|old/style|removes objects after 5 days|"},
	{RULE("<Status>Disabled</Status><Filter><And><Prefix>x/</Prefix><Tag><Key>k</Key><Value>v</Value></Tag>"
		"<ObjectSizeGreaterThan>9</ObjectSizeGreaterThan></And></Filter>"
		"<Transition><Date>2027-01-01T00:00:00Z</Date><StorageClass>DEEP_ARCHIVE</StorageClass></Transition>"),
	"|some,archives|x/|moves objects to DEEP_ARCHIVE on 2027-01-01T00:00:00Z|"},
	{RULE(FOR_ALL "<Transition><StorageClass>STANDARD_IA</StorageClass><Days>30</Days></Transition>"
		"<Transition><Days>90</Days><StorageClass>GLACIER_IR</StorageClass></Transition>"),
	"all|on||moves objects to STANDARD_IA after 30 days, moves objects to GLACIER_IR after 90 days|"},
	{RULE(FOR_ALL "<NoncurrentVersionTransition><NoncurrentDays>3</NoncurrentDays>"
		"<StorageClass>GLACIER</StorageClass></NoncurrentVersionTransition>"
		"<NoncurrentVersionExpiration><NoncurrentDays>9</NoncurrentDays>"
		"<NewerNoncurrentVersions>2</NewerNoncurrentVersions></NoncurrentVersionExpiration>"),
	"all|on||moves replaced versions to GLACIER after 3 days, removes replaced versions after 9 days|"},
	{RULE(FOR_ALL "<Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>"
		"<AbortIncompleteMultipartUpload><DaysAfterInitiation>7</DaysAfterInitiation></AbortIncompleteMultipartUpload>"),
	"all|on||aborts uploads after 7 days|"},
	{RULE(FOR_ALL "<Action><type>Delete</type></Action>"), "all|on|||Action/type"},
	{RULE("<Filter><Weather>fine</Weather></Filter>"), "|some|||Filter/Weather"},
};

static void
rules_are_told(void **state)
{
	(void) state;
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
	{
		BkS3Rule	rule;
		BkBuf		seen;
		BkError		err;

		assert_good(bk_s3_rule_read(&rule, rules[i].xml, strlen(rules[i].xml), &err), &err);
		bk_buf_init(&seen);
		bk_buf_printf(&seen, "%s|%s%s%s%s|%s|%s|%s", rule.name,
					  rule.enabled ? "on" : "",
					  rule.narrowed ? "some" : "",
					  rule.removes ? ",removes" : "",
					  rule.archives ? ",archives" : "", rule.prefix,
					  rule.deeds.len > 0 ? rule.deeds.data : "", rule.unknown);
		assert_string_equal(seen.data, rules[i].seen);
		bk_buf_free(&seen);
		bk_s3_rule_free(&rule);
	}
}

static void
own_rule_is_read_back(void **state)
{
	const BkLifecycleWish wish = {
		.name = "backup_ext <&>",
		.move_days = 30,
		.move_class = "STANDARD_IA",
		.remove_days = 400,
		.old_days = 14,
		.abort_days = 7,
	};
	BkS3Rule	rule;
	BkBuf		xml;
	BkError		err;

	(void) state;
	bk_buf_init(&xml);
	bk_s3_rule_write(&xml, &wish, "a&b/");
	assert_good(bk_s3_rule_read(&rule, xml.data, xml.len, &err), &err);
	assert_string_equal(rule.name, wish.name);
	assert_string_equal(rule.prefix, "a&b/");
	assert_string_equal(rule.deeds.data,
						"moves objects to STANDARD_IA after 30 days, removes objects after 400 days, "
						"removes replaced versions after 14 days, aborts uploads after 7 days");
	assert_true(rule.enabled && rule.removes && !rule.archives);
	assert_string_equal(rule.unknown, "");
	bk_s3_rule_free(&rule);
	bk_buf_free(&xml);
}

static void
half_a_rule_is_an_error(void **state)
{
	BkS3Rule	rule;
	BkError		err;

	(void) state;
	assert_false(bk_s3_rule_read(&rule, "<Rule><ID>x</ID>", 16, &err));
	assert_reason(&err, "08P01", "");
	bk_s3_rule_free(&rule);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_are_told),
		cmocka_unit_test(own_rule_is_read_back),
		cmocka_unit_test(half_a_rule_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
