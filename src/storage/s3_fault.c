/*
 * s3_fault.c
 *	  What a store says when it refuses a request, and what that means.
 *
 * A code that is not in the table is judged by its status. Missing is what the
 * store has no key for: that a bucket is missing says nothing of its objects.
 */
#include "storage/s3_fault.h"

#include <stdio.h>
#include <string.h>

#include "storage/words.h"
#include "storage/xml.h"

typedef struct Rule
{
	const char *code;
	BkS3Remedy	remedy;
	const char *state;
	const char *hint;			/* NULL: none, or made of the fault */
} Rule;

#define HINT_KEYS	"Check the access key and its secret; credentials are looked for as the README says under \"Credentials\"."
#define HINT_CLOCK	"Set the clock of this machine."
#define HINT_CLASS	"Bring it back with the store's own restore from its archive class, and try again."
#define HINT_OPTION	"If the store does not know a feature, take the option for it out of the URL; checksum=none sends no checksum headers."

static const Rule rules[] = {
	{"SlowDown", BK_S3_AGAIN, BK_STATE_IO, NULL},
	{"InternalError", BK_S3_AGAIN, BK_STATE_IO, NULL},
	{"ServiceUnavailable", BK_S3_AGAIN, BK_STATE_IO, NULL},
	{"RequestTimeout", BK_S3_AGAIN, BK_STATE_IO, NULL},
	{"OperationAborted", BK_S3_AGAIN, BK_STATE_IO, NULL},
	{"ConditionalRequestConflict", BK_S3_AGAIN, BK_STATE_IO, NULL},
	{"Throttling", BK_S3_AGAIN, BK_STATE_IO, NULL},
	{"ThrottlingException", BK_S3_AGAIN, BK_STATE_IO, NULL},
	{"TooManyRequests", BK_S3_AGAIN, BK_STATE_IO, NULL},
	{"BandwidthLimitExceeded", BK_S3_AGAIN, BK_STATE_IO, NULL},
	/* What arrived is not what was sent. */
	{"BadDigest", BK_S3_AGAIN, BK_STATE_CORRUPT, NULL},
	{"IncompleteBody", BK_S3_AGAIN, BK_STATE_CORRUPT, NULL},
	{"XAmzContentSHA256Mismatch", BK_S3_AGAIN, BK_STATE_CORRUPT, NULL},
	{"ExpiredToken", BK_S3_RENEW, BK_STATE_REFUSED, HINT_KEYS},
	{"ExpiredTokenException", BK_S3_RENEW, BK_STATE_REFUSED, HINT_KEYS},
	{"TokenRefreshRequired", BK_S3_RENEW, BK_STATE_REFUSED, HINT_KEYS},
	{"InvalidToken", BK_S3_RENEW, BK_STATE_REFUSED, HINT_KEYS},
	{"InvalidAccessKeyId", BK_S3_FAIL, BK_STATE_REFUSED, HINT_KEYS},
	{"SignatureDoesNotMatch", BK_S3_FAIL, BK_STATE_REFUSED, HINT_KEYS},
	{"RequestTimeTooSkewed", BK_S3_SET_CLOCK, BK_STATE_REFUSED, HINT_CLOCK},
	{"RequestExpired", BK_S3_SET_CLOCK, BK_STATE_REFUSED, HINT_CLOCK},
	{"AccessDenied", BK_S3_FAIL, BK_STATE_NO_RIGHT, NULL},
	{"AllAccessDisabled", BK_S3_FAIL, BK_STATE_NO_RIGHT, NULL},
	{"AccountProblem", BK_S3_FAIL, BK_STATE_NO_RIGHT, NULL},
	{"AuthorizationHeaderMalformed", BK_S3_FAIL, BK_STATE_BAD_ARGUMENT, NULL},
	{"PermanentRedirect", BK_S3_FAIL, BK_STATE_BAD_ARGUMENT, NULL},
	{"TemporaryRedirect", BK_S3_FAIL, BK_STATE_BAD_ARGUMENT, NULL},
	{"NoSuchKey", BK_S3_FAIL, BK_STATE_MISSING_FILE, NULL},
	{"NoSuchBucket", BK_S3_FAIL, BK_STATE_WRONG_STATE, NULL},
	{"NoSuchUpload", BK_S3_FAIL, BK_STATE_MISSING_FILE, NULL},
	{"InvalidBucketName", BK_S3_FAIL, BK_STATE_BAD_ARGUMENT, NULL},
	{"PreconditionFailed", BK_S3_FAIL, BK_STATE_CORRUPT, NULL},
	{"InvalidObjectState", BK_S3_FAIL, BK_STATE_WRONG_STATE, HINT_CLASS},
	{"EntityTooLarge", BK_S3_FAIL, BK_STATE_TOO_LARGE, NULL},
	{"QuotaExceeded", BK_S3_FAIL, BK_STATE_DISK_FULL, "Free space there, or raise the quota."},
	{"InsufficientStorage", BK_S3_FAIL, BK_STATE_DISK_FULL, "Free space there."},
	{"XMinioStorageFull", BK_S3_FAIL, BK_STATE_DISK_FULL, "Free space there."},
	{"NotImplemented", BK_S3_FAIL, BK_STATE_UNSUPPORTED, HINT_OPTION},
	{"MethodNotAllowed", BK_S3_FAIL, BK_STATE_UNSUPPORTED, HINT_OPTION},
	{"InvalidRequest", BK_S3_FAIL, BK_STATE_UNSUPPORTED, HINT_OPTION},
	{"InvalidArgument", BK_S3_FAIL, BK_STATE_UNSUPPORTED, HINT_OPTION},
	{"InvalidStorageClass", BK_S3_FAIL, BK_STATE_UNSUPPORTED, HINT_OPTION},
};

static bool note_error(void *arg, const char *path, const char *text,
					   BkError *err);
static const Rule *find_rule(const BkS3Fault *fault);
static void copy_header(const BkHttpResponse *response, const char *name,
						char *to, size_t size);
static bool tell_right_region(const BkS3Fault *fault, const BkS3Place *place,
							  BkError *err);

void
bk_s3_fault_read(const BkHttpResponse *response, BkS3Fault *fault)
{
	BkError		other;

	*fault = (BkS3Fault) {.status = response->status};
	if (response->body.len > 0 &&
		!bk_xml_parse(response->body.data, response->body.len, "Error",
					  note_error, fault, &other))
	{
		/* Half of a document says nothing. */
		*fault = (BkS3Fault) {.status = response->status};
	}
	if (fault->request_id[0] == '\0')
		copy_header(response, "x-amz-request-id", fault->request_id,
					sizeof(fault->request_id));
	if (fault->region[0] == '\0')
		copy_header(response, "x-amz-bucket-region", fault->region,
					sizeof(fault->region));
}

void
bk_s3_fault_say(BkS3Fault *fault, const char *code, const char *message)
{
	if (code != NULL)
		bk_words_copy(fault->code, sizeof(fault->code), code);
	if (message != NULL)
		bk_words_copy(fault->message, sizeof(fault->message), message);
}

BkS3Remedy
bk_s3_fault_remedy(const BkS3Fault *fault)
{
	return find_rule(fault)->remedy;
}

bool
bk_s3_fault_is(const BkS3Fault *fault, const char *code)
{
	return strcmp(fault->code, code) == 0;
}

bool
bk_s3_fault_error(const BkS3Fault *fault, const BkS3Place *place,
				  const BkS3Deed *deed, BkError *err)
{
	const Rule *rule = find_rule(fault);

	if (deed->key != NULL && bk_s3_fault_is(fault, "NoSuchKey"))
		return bk_error(err, rule->state, "object \"%s\" does not exist in \"%s\"",
						deed->key, place->place);
	if (bk_s3_fault_is(fault, "NoSuchBucket"))
	{
		bk_error(err, rule->state, "bucket \"%s\" does not exist", place->bucket);
		bk_error_detail(err, "The store at %s does not know it.", place->endpoint);
		return bk_error_hint(err, "Create the bucket with the tools of the store, or correct the URL.");
	}
	if (deed->key != NULL)
		bk_error(err, rule->state, "could not %s object \"%s\" in \"%s\"",
				 deed->verb, deed->key, place->place);
	else
		bk_error(err, rule->state, "could not %s \"%s\"", deed->verb, place->place);
	if (fault->code[0] == '\0')
		bk_error_detail(err, "The answer, with HTTP status %d, is not that of an S3 store.",
						fault->status);
	else
		bk_error_detail(err, "The store says %s (HTTP status %d): \"%s\"%s%s.",
						fault->code, fault->status, fault->message,
						fault->request_id[0] != '\0' ? ", request " : "",
						fault->request_id);
	if (fault->region[0] != '\0' && strcmp(fault->region, place->region) != 0)
		return tell_right_region(fault, place, err);
	if (strcmp(rule->state, BK_STATE_NO_RIGHT) == 0)
		return bk_error_hint(err, "Grant these credentials the right %s on bucket \"%s\".",
							 deed->right, place->bucket);
	if (rule->hint != NULL)
		return bk_error_hint(err, "%s", rule->hint);
	return false;
}

static bool
note_error(void *arg, const char *path, const char *text, BkError *err)
{
	BkS3Fault  *fault = arg;

	(void) err;
	if (strcmp(path, "/Error/Code") == 0)
		bk_s3_fault_say(fault, text, NULL);
	else if (strcmp(path, "/Error/Message") == 0)
		bk_s3_fault_say(fault, NULL, text);
	else if (strcmp(path, "/Error/RequestId") == 0)
		bk_words_copy(fault->request_id, sizeof(fault->request_id), text);
	else if (strcmp(path, "/Error/Region") == 0)
		bk_words_copy(fault->region, sizeof(fault->region), text);
	return true;
}

static const Rule *
find_rule(const BkS3Fault *fault)
{
	static const Rule again = {"", BK_S3_AGAIN, BK_STATE_IO, NULL};
	static const Rule full = {"", BK_S3_FAIL, BK_STATE_DISK_FULL, "Free space there."};
	static const Rule right = {"", BK_S3_FAIL, BK_STATE_NO_RIGHT, NULL};
	static const Rule unknown = {"", BK_S3_FAIL, BK_STATE_UNSUPPORTED, HINT_OPTION};
	static const Rule other = {"", BK_S3_FAIL, BK_STATE_IO, NULL};

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
	{
		if (strcmp(rules[i].code, fault->code) == 0)
			return &rules[i];
	}
	switch (fault->status)
	{
		case 401:
		case 403:
			return &right;
		case 408:
		case 425:
		case 429:
			return &again;
		case 501:
			return &unknown;
		case 507:
			return &full;
		default:
			return fault->status >= 500 ? &again : &other;
	}
}

static void
copy_header(const BkHttpResponse *response, const char *name, char *to,
			size_t size)
{
	const char *value = bk_http_find(response, name);

	if (value != NULL)
		bk_words_copy(to, size, value);
}

static bool
tell_right_region(const BkS3Fault *fault, const BkS3Place *place, BkError *err)
{
	return bk_error_hint(err, "The bucket is in region %s: write %s?region=%s and the other options as they are.",
						 fault->region, place->place, fault->region);
}
