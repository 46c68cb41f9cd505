/*
 * test_s3.c
 *	  What the S3 driver makes of URLs, and of what stores say.
 */
#include "support.h"

#include "storage/s3_fault.h"
#include "storage/s3_place.h"

/* --- URLs ----------------------------------------------------------------- */

static void
test_places(void **state)
{
	static const struct
	{
		const char *url;
		const char *origin;
		const char *path;
		const char *prefix;
	}			rows[] = {
		{"s3://bucket", "https://bucket.s3.eu-central-1.amazonaws.com", "/", ""},
		{"s3://bucket/a/b/", "https://bucket.s3.eu-central-1.amazonaws.com", "/", "a/b/"},
		{"s3://my.bucket/a", "https://s3.eu-central-1.amazonaws.com", "/my.bucket/", "a/"},
		{"s3://my.bucket/a?style=host", "https://my.bucket.s3.eu-central-1.amazonaws.com", "/", "a/"},
		{"s3://bucket/a?style=path", "https://s3.eu-central-1.amazonaws.com", "/bucket/", "a/"},
		{"s3://bucket/a?region=cn-north-1", "https://bucket.s3.cn-north-1.amazonaws.com.cn", "/", "a/"},
		{"s3://bucket/a?endpoint=https://minio:9000", "https://minio:9000", "/bucket/", "a/"},
		{"s3://bucket/a?endpoint=https://minio:9000/", "https://minio:9000", "/bucket/", "a/"},
		{"s3://bucket/a?endpoint=minio:9000", "https://minio:9000", "/bucket/", "a/"},
		{"s3://bucket/a?endpoint=https://minio&style=host", "https://bucket.minio", "/", "a/"},
		{"s3://bucket/a?endpoint=http://127.0.0.1:7480", "http://127.0.0.1:7480", "/bucket/", "a/"},
		{"s3://bucket/a?endpoint=http://minio&plain_http=yes", "http://minio", "/bucket/", "a/"},
		{"s3://bucket/a%20b?endpoint=https://minio", "https://minio", "/bucket/", "a b/"},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
	{
		BkS3Place	place;
		BkError		err;

		assert_good(bk_s3_place_parse(rows[i].url, &place, &err), &err);
		assert_good(bk_s3_place_settle(&place, place.region[0] != '\0' ? place.region : "eu-central-1",
									   &err), &err);
		assert_string_equal(place.origin, rows[i].origin);
		assert_string_equal(place.path, rows[i].path);
		assert_string_equal(place.prefix, rows[i].prefix);
		bk_s3_place_free(&place);
	}
}

static void
test_options(void **state)
{
	BkS3Place	place;
	BkError		err;

	(void) state;
	assert_good(bk_s3_place_parse("s3://bucket/a?region=r1&storage_class=STANDARD_IA&sse=aws:kms"
								  "&sse_key_id=arn:aws:kms:r1:1:key/x&tags=a%3D1%26b%3Dx%252Fy"
								  "&lock=governance&lock_days=30&checksum=none&profile=p"
								  "&credentials_file=/c&ca_file=/ca.pem&proxy=http://p:1",
								  &place, &err), &err);
	assert_string_equal(place.place, "s3://bucket/a");
	assert_string_equal(place.region, "r1");
	assert_string_equal(place.storage_class, "STANDARD_IA");
	assert_string_equal(place.encryption, "aws:kms");
	assert_string_equal(place.encryption_key, "arn:aws:kms:r1:1:key/x");
	assert_string_equal(place.tags, "a=1&b=x%2Fy");
	assert_string_equal(place.lock, "GOVERNANCE");
	assert_int_equal(place.lock_days, 30);
	assert_int_equal(place.checksum, BK_S3_CHECKSUM_NONE);
	assert_string_equal(place.profile, "p");
	assert_string_equal(place.credentials_file, "/c");
	assert_string_equal(place.ca_file, "/ca.pem");
	assert_string_equal(place.proxy, "http://p:1");
	bk_s3_place_free(&place);
}

static void
test_bad_places(void **state)
{
	static const struct
	{
		const char *url;
		const char *reason;
	}			rows[] = {
		{"s3://ab/x", "does not name a bucket"},
		{"s3://user@bucket/x", "does not name a bucket"},
		{"s3://bucket:99/x", "does not name a bucket"},
		{"s3://bucket/x?regoin=r", "unknown option \"regoin\""},
		{"s3://bucket/x?region=a/b", "\"region\""},
		{"s3://bucket/x?style=both", "none of path, host"},
		{"s3://bucket/x?endpoint=ftp://host", "\"endpoint\""},
		{"s3://bucket/x?endpoint=https://host/path", "\"endpoint\""},
		{"s3://bucket/x?endpoint=https://u@host", "\"endpoint\""},
		{"s3://bucket/x?ca_file=ca.pem", "not an absolute path"},
		{"s3://bucket/x?credentials_file=c", "not an absolute path"},
		{"s3://bucket/x?plain_http=1", "none of no, yes"},
		{"s3://bucket/x?storage_class=standard", "\"storage_class\""},
		{"s3://bucket/x?storage_class=GLACIER", "cannot be read at once"},
		{"s3://bucket/x?sse=AES128", "none of AES256, aws:kms, customer"},
		{"s3://bucket/x?sse_key_id=k", "goes with sse=aws:kms"},
		{"s3://bucket/x?sse=customer", "go together"},
		{"s3://bucket/x?sse_customer_key_file=/k", "go together"},
		{"s3://bucket/x?tags=a", "\"tags\""},
		{"s3://bucket/x?tags=a%3D1%26", "\"tags\""},
		{"s3://bucket/x?tags=a%3D1%26%3D2", "\"tags\""},
		{"s3://bucket/x?tags=a%3D1%2C%202", "\"tags\""},
		{"s3://bucket/x?lock=legal&lock_days=1", "none of governance, compliance"},
		{"s3://bucket/x?lock=compliance", "go together"},
		{"s3://bucket/x?lock_days=3", "go together"},
		{"s3://bucket/x?lock=compliance&lock_days=0", "\"lock_days\""},
		{"s3://bucket/x?checksum=md5", "none of auto, sha256, none"},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
	{
		BkS3Place	place;
		BkError		err;

		assert_false(bk_s3_place_parse(rows[i].url, &place, &err));
		assert_reason(&err, BK_STATE_BAD_ARGUMENT, rows[i].reason);
		bk_s3_place_free(&place);
	}
}

/* These are refused once it is known where requests would go. */
static void
test_bad_ways(void **state)
{
	static const char *const urls[] = {
		"s3://bucket/x?endpoint=http://minio",
		"s3://bucket/x?endpoint=http://169.254.169.254",
		"s3://bucket/x?endpoint=https://169.254.169.254",
	};

	(void) state;
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++)
	{
		BkS3Place	place;
		BkError		err;

		assert_good(bk_s3_place_parse(urls[i], &place, &err), &err);
		assert_false(bk_s3_place_settle(&place, "r", &err));
		assert_string_equal(err.sqlstate, BK_STATE_BAD_ARGUMENT);
		bk_s3_place_free(&place);
	}
}

static void
test_customer_keys(void **state)
{
	/* The MD5 is what "openssl md5" says of the 32 bytes. */
	static const char base64[] = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
	static const struct
	{
		const char *text;
		size_t		len;
		bool		good;
	}			rows[] = {
		{base64, 44, true},
		{"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n", 45, true},
		{"000102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F\n", 65, true},
		{"\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f"
		"\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f", 32, true},
		{"", 0, false},
		{"secret\n", 7, false},
		{base64, 43, true},
		{base64, 40, false},
		{"0001020304 5060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F\n", 65, false},
	};
	char	   *folder = new_folder();
	char		path[128];
	char		url[256];
	BkS3Place	place;
	BkError		err;

	(void) state;
	snprintf(path, sizeof(path), "%s/key", folder);
	snprintf(url, sizeof(url), "s3://bucket/x?sse=customer&sse_customer_key_file=%s", path);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
	{
		FILE	   *file = fopen(path, "w");

		assert_non_null(file);
		assert_int_equal(fwrite(rows[i].text, 1, rows[i].len, file), rows[i].len);
		assert_int_equal(fclose(file), 0);
		assert_int_equal(chmod(path, 0600), 0);
		if (bk_s3_place_parse(url, &place, &err) != rows[i].good)
			fail_msg("row %zu: %s", i, err.message);
		if (rows[i].good)
		{
			assert_string_equal(place.customer_key, base64);
			assert_string_equal(place.customer_md5, "tP/LI3N87DFaSk0aoqYgzg==");
			assert_good(bk_s3_place_settle(&place, "r", &err), &err);
		}
		else
			assert_reason(&err, BK_STATE_BAD_ARGUMENT, "does not hold a key of 32 bytes");
		bk_s3_place_free(&place);
	}
	assert_int_equal(chmod(path, 0644), 0);
	assert_false(bk_s3_place_parse(url, &place, &err));
	assert_string_equal(err.sqlstate, BK_STATE_NO_RIGHT);
	bk_s3_place_free(&place);
	remove_folder(folder);
}

/* --- faults --------------------------------------------------------------- */

static void
read_fault(int status, const char *body, BkS3Fault *fault)
{
	BkHttpResponse response = {.status = status};

	bk_buf_init(&response.body);
	bk_buf_append_string(&response.body, body);
	bk_s3_fault_read(&response, fault);
	bk_buf_free(&response.body);
}

static void
test_faults(void **state)
{
	static const struct
	{
		int			status;
		const char *code;
		BkS3Remedy	remedy;
		const char *sqlstate;
	}			rows[] = {
		{404, "NoSuchKey", BK_S3_FAIL, "58P01"},
		{404, "NoSuchBucket", BK_S3_FAIL, "55000"},
		{404, NULL, BK_S3_FAIL, "58030"},
		{403, "AccessDenied", BK_S3_FAIL, "42501"},
		{403, NULL, BK_S3_FAIL, "42501"},
		{403, "InvalidAccessKeyId", BK_S3_FAIL, "28000"},
		{403, "SignatureDoesNotMatch", BK_S3_FAIL, "28000"},
		{403, "RequestTimeTooSkewed", BK_S3_SET_CLOCK, "28000"},
		{400, "ExpiredToken", BK_S3_RENEW, "28000"},
		{400, "RequestTimeout", BK_S3_AGAIN, "58030"},
		{400, "BadDigest", BK_S3_AGAIN, "XX001"},
		{503, "SlowDown", BK_S3_AGAIN, "58030"},
		{500, "InternalError", BK_S3_AGAIN, "58030"},
		{200, "InternalError", BK_S3_AGAIN, "58030"},
		{502, NULL, BK_S3_AGAIN, "58030"},
		{429, NULL, BK_S3_AGAIN, "58030"},
		{409, "OperationAborted", BK_S3_AGAIN, "58030"},
		{501, "NotImplemented", BK_S3_FAIL, "0A000"},
		{501, NULL, BK_S3_FAIL, "0A000"},
		{507, NULL, BK_S3_FAIL, "53100"},
		{403, "QuotaExceeded", BK_S3_FAIL, "53100"},
		{400, "EntityTooLarge", BK_S3_FAIL, "54000"},
		{412, "PreconditionFailed", BK_S3_FAIL, "XX001"},
		{400, "SomethingNew", BK_S3_FAIL, "58030"},
		{500, "SomethingNew", BK_S3_AGAIN, "58030"},
	};
	BkS3Place	place = {
		.place = (char *) "s3://bucket/x",
		.bucket = (char *) "bucket",
		.endpoint = (char *) "https://host",
		.region = "r1",
	};
	BkS3Deed	deed = {"read", "s3:GetObject", "a/b"};

	(void) state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
	{
		BkS3Fault	fault;
		BkError		err;
		char		body[256] = "<html><body>Log in first</body></html>";

		if (rows[i].code != NULL)
			snprintf(body, sizeof(body), "<?xml version=\"1.0\"?><Error><Code>%s</Code>"
					 "<Message>So it is</Message><RequestId>r7</RequestId></Error>", rows[i].code);
		read_fault(rows[i].status, body, &fault);
		assert_int_equal(bk_s3_fault_remedy(&fault), rows[i].remedy);
		assert_false(bk_s3_fault_error(&fault, &place, &deed, &err));
		assert_string_equal(err.sqlstate, rows[i].sqlstate);
		if (rows[i].code == NULL)
			assert_reason(&err, rows[i].sqlstate, "is not that of an S3 store");
		else if (strncmp(rows[i].code, "NoSuch", 6) != 0)
			assert_reason(&err, rows[i].sqlstate, "\"So it is\", request r7");
		if (strcmp(rows[i].sqlstate, "42501") == 0)
			assert_non_null(strstr(err.hint, "s3:GetObject"));
	}
}

static void
test_wrong_region(void **state)
{
	BkS3Place	place = {
		.place = (char *) "s3://bucket/x",
		.bucket = (char *) "bucket",
		.region = "us-east-1",
	};
	BkS3Deed	deed = {"read", "s3:GetObject", "a"};
	BkS3Fault	fault;
	BkError		err;

	(void) state;
	read_fault(400, "<Error><Code>AuthorizationHeaderMalformed</Code><Message>m</Message>"
			   "<Region>eu-central-1</Region></Error>", &fault);
	bk_s3_fault_error(&fault, &place, &deed, &err);
	assert_reason(&err, BK_STATE_BAD_ARGUMENT, "AuthorizationHeaderMalformed");
	assert_non_null(strstr(err.hint, "s3://bucket/x?region=eu-central-1"));
}

static void
test_hostile_faults(void **state)
{
	static const char *const bodies[] = {
		"", "x", "<Error>", "<Error><Code>AccessDenied</Code>",
		"<!DOCTYPE x><Error><Code>NoSuchKey</Code></Error>",
		"<NotError><Code>NoSuchKey</Code></NotError>",
		"<Error><Inner><Code>NoSuchKey</Code></Inner></Error>",
	};
	BkS3Fault	fault;
	BkBuf		buf;

	(void) state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
	{
		read_fault(404, bodies[i], &fault);
		assert_string_equal(fault.code, "");
	}
	bk_buf_init(&buf);
	bk_buf_append_string(&buf, "<Error><Code>C</Code><Message>one\ntwo\x7f");
	for (int i = 0; i < 1000; i++)
		bk_buf_append_string(&buf, "\xc3\xa9");
	bk_buf_append_string(&buf, "</Message></Error>");
	read_fault(400, buf.data, &fault);
	bk_buf_free(&buf);
	assert_memory_equal(fault.message, "one?two?\xc3\xa9", 10);
	assert_true(strlen(fault.message) < sizeof(fault.message));
	assert_int_equal(strlen(fault.message) % 2, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_bad_places),
		cmocka_unit_test(test_bad_ways),
		cmocka_unit_test(test_customer_keys),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_wrong_region),
		cmocka_unit_test(test_hostile_faults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
