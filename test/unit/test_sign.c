/*
 * test_sign.c
 *	  Signature version 4 against the signatures that Amazon has published:
 *	  its test suite, and the examples of the S3 API reference ("Signature
 *	  Calculations for the Authorization Header").
 */
#include "support.h"

#include "core/clock.h"
#include "storage/sign.h"

#define EMPTY_SHA256	"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define UNRESERVED		"-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define SESSION_TOKEN \
	"AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuF" \
	"qwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp" \
	"2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6" \
	"d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4r" \
	"vx3iSIlTJabIQwj2ICCR/oLxBA=="

typedef struct Vector
{
	const char *method;
	const char *path;			/* encoded */
	const char *query[6];		/* name, value, not encoded */
	const char *headers[8];		/* name, value */
	const char *body;
	const char *token;
	const char *signature;
} Vector;

/* Service "service"; the host is example.amazonaws.com. */
static const Vector suite[] = {
	{"GET", "/", {NULL}, {NULL}, "", "",
	"5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
	{"GET", "/", {NULL}, {NULL}, "", "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267",
	"07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8"},
	{"GET", "/" UNRESERVED, {NULL}, {NULL}, "", "",
	"07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"},
	{"GET", "/%E1%88%B4", {NULL}, {NULL}, "", "",
	"8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"},
	{"GET", "/example%20space/", {NULL}, {NULL}, "", "",
	"652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741"},
	{"GET", "/", {"Param1", "value1"}, {NULL}, "", "",
	"a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb"},
	{"GET", "/", {"Param2", "value2", "Param1", "value1"}, {NULL}, "", "",
	"b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
	{"GET", "/", {"Param-3", "Value3", "Param", "Value2", "\341\210\264", "Value1"}, {NULL}, "", "",
	"371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac"},
	{"GET", "/", {"\341\210\264", "bar"}, {NULL}, "", "",
	"2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"},
	{"GET", "/", {UNRESERVED, UNRESERVED}, {NULL}, "", "",
	"9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197"},
	{"GET", "/", {NULL}, {"My-Header1", " value1", "My-Header2", " \"a   b   c\""}, "", "",
	"acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
	{"POST", "/", {NULL}, {NULL}, "", "",
	"5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
	{"POST", "/", {NULL}, {"My-Header1", "value1"}, "", "",
	"c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c"},
	{"POST", "/", {NULL}, {"My-Header1", "VALUE1"}, "", "",
	"cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d"},
	{"POST", "/", {"Param1", "value1"}, {NULL}, "", "",
	"28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11"},
	{"POST", "/", {NULL}, {NULL}, "", SESSION_TOKEN,
	"85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead"},
	{"POST", "/", {NULL}, {"Content-Type", "application/x-www-form-urlencoded", "Content-Length", "13",
		"X-Amz-Content-Sha256", "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e"},
	"Param1=value1", "", "d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b"},
	{"POST", "/", {NULL}, {"Content-Type", "application/x-www-form-urlencoded; charset=utf-8", "Content-Length", "13",
		"X-Amz-Content-Sha256", "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e"},
	"Param1=value1", "", "328d1b9eaadca9f5818ef05e8392801e091653bafec24fcab71e7344e7f51422"},
};

/* Service "s3"; the host is examplebucket.s3.amazonaws.com. */
static const Vector s3[] = {
	{"GET", "/test.txt", {NULL}, {"Range", "bytes=0-9"}, "", "",
	"f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"},
	{"PUT", "/test%24file.text", {NULL},
	{"Date", "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class", "REDUCED_REDUNDANCY"},
	"Welcome to Amazon S3.", "", "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"},
	{"GET", "/", {"lifecycle", ""}, {NULL}, "", "",
	"fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"},
	{"GET", "/", {"prefix", "J", "max-keys", "2"}, {NULL}, "", "",
	"34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"},
};

static void
fill(BkHttpRequest *request, const Vector *vector, const char *origin)
{
	bk_http_request_init(request, vector->method, origin, vector->path);
	for (int i = 0; i < 6 && vector->query[i] != NULL; i += 2)
		bk_http_query(request, vector->query[i], "%s", vector->query[i + 1]);
	for (int i = 0; i < 8 && vector->headers[i] != NULL; i += 2)
		bk_http_header(request, vector->headers[i], "%s", vector->headers[i + 1]);
	request->body = vector->body;
	request->body_len = strlen(vector->body);
}

static const char *
header_of(const BkHttpRequest *request, const char *name)
{
	for (int i = 0; i < request->header_count; i++)
	{
		if (strcasecmp(request->headers[i].name, name) == 0)
			return request->headers[i].value;
	}
	return "";
}

static void
check(const Vector *vector, const char *origin, const BkSignScope *scope,
	  BkCredentials *key)
{
	BkHttpRequest request;
	BkError		err;
	const char *signature;

	fill(&request, vector, origin);
	snprintf(key->token, sizeof(key->token), "%s", vector->token);
	assert_good(bk_sign_v4(&request, key, scope, &err), &err);
	/* Signed again, as before each attempt, it is the same. */
	assert_good(bk_sign_v4(&request, key, scope, &err), &err);
	signature = strstr(header_of(&request, "Authorization"), "Signature=");
	assert_non_null(signature);
	assert_string_equal(signature + strlen("Signature="), vector->signature);
	bk_http_request_free(&request);
}

static void
agrees_with_the_suite(void **state)
{
	BkCredentials key = {.id = "AKIDEXAMPLE", .secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"};
	BkSignScope scope = {.region = "us-east-1", .service = "service"};

	(void) state;
	assert_true(bk_clock_parse("2015-08-30T12:36:00Z", &scope.time));
	for (size_t i = 0; i < sizeof(suite) / sizeof(suite[0]); i++)
		check(&suite[i], "https://example.amazonaws.com", &scope, &key);
}

static void
agrees_with_s3(void **state)
{
	BkCredentials key = {.id = "AKIAIOSFODNN7EXAMPLE", .secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"};
	BkSignScope scope = {.region = "us-east-1", .service = "s3"};

	(void) state;
	assert_true(bk_clock_parse("2013-05-24T00:00:00Z", &scope.time));
	for (size_t i = 0; i < sizeof(s3) / sizeof(s3[0]); i++)
		check(&s3[i], "https://examplebucket.s3.amazonaws.com", &scope, &key);
}

/* Other credentials may come between two attempts. */
static void
leaves_nothing_behind(void **state)
{
	BkCredentials key = {.id = "AKIDEXAMPLE", .secret = "secret", .token = "token"};
	BkCredentials none = {.id = ""};
	BkSignScope scope = {.region = "us-east-1", .service = "s3", .time = 1};
	BkHttpRequest request;
	BkError		err;

	(void) state;
	fill(&request, &s3[0], "http://127.0.0.1:8000");
	assert_good(bk_sign_v4(&request, &key, &scope, &err), &err);
	assert_string_equal(header_of(&request, "x-amz-security-token"), "token");
	assert_string_equal(header_of(&request, "host"), "127.0.0.1:8000");
	assert_string_equal(header_of(&request, "x-amz-content-sha256"), EMPTY_SHA256);
	key.token[0] = '\0';
	assert_good(bk_sign_v4(&request, &key, &scope, &err), &err);
	assert_string_equal(header_of(&request, "x-amz-security-token"), "");
	assert_null(strstr(header_of(&request, "authorization"), "security-token"));
	assert_good(bk_sign_v4(&request, &none, &scope, &err), &err);
	assert_string_equal(header_of(&request, "authorization"), "");
	bk_http_request_free(&request);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_with_the_suite),
		cmocka_unit_test(agrees_with_s3),
		cmocka_unit_test(leaves_nothing_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
