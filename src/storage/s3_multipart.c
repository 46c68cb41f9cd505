/*
 * s3_multipart.c
 *	  The requests of an upload in parts.
 *
 * An object made of parts has an ETag of its own, the MD5 of those of its
 * parts and their number, and its checksum is made in the same way. So where
 * every part was proved, either of them proves the whole.
 */
#include "storage/s3_multipart.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/s3_get.h"
#include "storage/xml.h"

#define COMPLETE_STALL_MS	120000

/* What the store says of the completed object. */
typedef struct Completion
{
	char		etag[BK_S3_ETAG_SIZE];
	char		checksum[BK_S3_ETAG_SIZE];
} Completion;

static bool accept_begin(void *arg, const BkHttpResponse *response,
						 BkError *err);
static bool note_upload_id(void *arg, const char *path, const char *text,
						   BkError *err);
static bool list_parts(const BkS3Multipart *upload, const BkS3Part *parts,
					   int count, BkBuf *list, BkError *err);
static bool accept_completion(void *arg, const BkHttpResponse *response,
							  BkError *err);
static bool note_completion(void *arg, const char *path, const char *text,
							BkError *err);
static bool confirm(const BkS3Multipart *upload, BkS3Client *client,
					const BkS3Part *parts, int count,
					const Completion *completion, BkError *err);
static bool is_proved(const BkS3 *s3, const BkS3Part *parts, int count,
					  const Completion *completion, const char *etag,
					  bool *proved, BkError *err);
static bool digest_parts(const BkS3Part *parts, int count, bool md5,
						 unsigned char *raw, bool *possible, BkError *err);
static bool parse_md5(const char *etag, unsigned char *md5);
static bool read_back(const BkS3Multipart *upload, const BkS3Part *parts,
					  int count, BkError *err);

bool
bk_s3_multipart_begin(BkS3Multipart *upload, BkS3 *s3, BkS3Client *client,
					  const char *key, BkError *err)
{
	BkS3Request request;
	const char *algorithm;
	bool		done;

	*upload = (BkS3Multipart) {.s3 = s3, .key = key};
	bk_s3_request_init(&request, s3, "POST", (BkS3Deed) {"store", "s3:PutObject", key});
	bk_http_query(&request.http, "uploads", "%s", "");
	bk_http_header(&request.http, "Content-Type", "application/octet-stream");
	bk_s3_add_wishes(&request, s3);
	if (s3->place.checksum != BK_S3_CHECKSUM_NONE)
		bk_http_header(&request.http, "x-amz-checksum-algorithm", "SHA256");
	request.accept = accept_begin;
	request.arg = upload;
	done = bk_s3_call(client, &request, err);
	algorithm = done ? bk_http_find(&request.response, "x-amz-checksum-algorithm") : NULL;
	upload->checksums = algorithm != NULL && strcmp(algorithm, "SHA256") == 0;
	bk_s3_request_free(&request);
	return done;
}

void
bk_s3_multipart_free(BkS3Multipart *upload)
{
	free(upload->upload_id);
	*upload = (BkS3Multipart) {0};
}

bool
bk_s3_multipart_send(const BkS3Multipart *upload, BkS3Client *client,
					 int number, const void *data, size_t len, BkS3Part *part,
					 BkError *err)
{
	BkS3	   *s3 = upload->s3;
	BkS3Request request;
	bool		done;

	part->content.size = len;
	bk_s3_request_init(&request, s3, "PUT", (BkS3Deed) {"store", "s3:PutObject", upload->key});
	bk_http_query(&request.http, "partNumber", "%d", number);
	bk_http_query(&request.http, "uploadId", "%s", upload->upload_id);
	bk_s3_add_customer_key(&request, s3);
	request.accept = bk_s3_accept_etag;
	done = bk_s3_set_body(&request, s3, data, len, upload->checksums, part->content.sha256, err) &&
		bk_s3_call(client, &request, err) &&
		bk_s3_is_proof(&request, s3, part->content.sha256, &part->proof, err);
	if (done)
		(void) bk_s3_etag(&request.response, part->etag, sizeof(part->etag));
	bk_s3_request_free(&request);
	return done;
}

bool
bk_s3_multipart_complete(const BkS3Multipart *upload, BkS3Client *client,
						 const BkS3Part *parts, int count, BkError *err)
{
	Completion	completion = {0};
	BkS3Request request;
	BkBuf		list;
	bool		done;

	bk_buf_init(&list);
	if (!list_parts(upload, parts, count, &list, err))
		return false;
	bk_s3_request_init(&request, upload->s3, "POST",
					   (BkS3Deed) {"store", "s3:PutObject", upload->key});
	bk_http_query(&request.http, "uploadId", "%s", upload->upload_id);
	bk_http_header(&request.http, "Content-Type", "application/xml");
	bk_s3_add_customer_key(&request, upload->s3);
	request.http.body = list.data;
	request.http.body_len = list.len;
	request.accept = accept_completion;
	request.arg = &completion;
	request.stall_ms = COMPLETE_STALL_MS;
	done = bk_s3_call(client, &request, err);
	bk_buf_free(&list);

	/* The answer to an earlier attempt may have been lost: then it is there. */
	if (!done && !bk_error_is(err, BK_STATE_CANCELED))
	{
		BkError		problem;

		completion = (Completion) {0};
		done = confirm(upload, client, parts, count, &completion, &problem);
	}
	else if (done)
		done = confirm(upload, client, parts, count, &completion, err);
	bk_s3_request_free(&request);
	return done;
}

bool
bk_s3_multipart_abort(const BkS3 *s3, BkS3Client *client, const char *key,
					  const char *upload_id, BkError *err)
{
	BkS3Request request;
	bool		done;

	bk_s3_request_init(&request, s3, "DELETE",
					   (BkS3Deed) {"give up the upload of", "s3:AbortMultipartUpload", key});
	bk_http_query(&request.http, "uploadId", "%s", upload_id);
	done = bk_s3_call(client, &request, err) ||
		bk_s3_fault_is(&request.fault, "NoSuchUpload");
	bk_s3_request_free(&request);
	return done;
}

static bool
accept_begin(void *arg, const BkHttpResponse *response, BkError *err)
{
	BkS3Multipart *upload = arg;

	free(upload->upload_id);
	upload->upload_id = NULL;
	if (!bk_xml_parse(response->body.data, response->body.len,
					  "InitiateMultipartUploadResult", note_upload_id, upload, err))
		return false;
	return (upload->upload_id != NULL && upload->upload_id[0] != '\0') ||
		bk_error(err, BK_STATE_PROTOCOL, "an upload has got no name from the store");
}

static bool
note_upload_id(void *arg, const char *path, const char *text, BkError *err)
{
	BkS3Multipart *upload = arg;

	if (upload->upload_id != NULL ||
		strcmp(path, "/InitiateMultipartUploadResult/UploadId") != 0)
		return true;
	upload->upload_id = strdup(text);
	return upload->upload_id != NULL || bk_error_memory(err);
}

static bool
list_parts(const BkS3Multipart *upload, const BkS3Part *parts, int count,
		   BkBuf *list, BkError *err)
{
	char		checksum[BK_BASE64_SIZE(BK_DIGEST_SIZE)];

	bk_buf_append_string(list, "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
	for (int i = 0; i < count; i++)
	{
		bk_buf_printf(list, "<Part><PartNumber>%d</PartNumber><ETag>\"", i + 1);
		bk_xml_escape(list, parts[i].etag);
		bk_buf_append_string(list, "\"</ETag>");
		if (upload->checksums)
		{
			bk_base64_encode(parts[i].content.sha256, BK_DIGEST_SIZE, true, checksum);
			bk_buf_printf(list, "<ChecksumSHA256>%s</ChecksumSHA256>", checksum);
		}
		bk_buf_append_string(list, "</Part>");
	}
	bk_buf_append_string(list, "</CompleteMultipartUpload>");
	if (bk_buf_check(list, err))
		return true;
	bk_buf_free(list);
	return false;
}

static bool
accept_completion(void *arg, const BkHttpResponse *response, BkError *err)
{
	Completion *completion = arg;

	*completion = (Completion) {0};
	if (!bk_xml_parse(response->body.data, response->body.len,
					  "CompleteMultipartUploadResult", note_completion, completion, err))
		return false;
	return completion->etag[0] != '\0' ||
		bk_error(err, BK_STATE_PROTOCOL, "a completed upload has got no ETag from the store");
}

static bool
note_completion(void *arg, const char *path, const char *text, BkError *err)
{
	Completion *completion = arg;

	(void) err;
	if (strcmp(path, "/CompleteMultipartUploadResult/ETag") == 0)
		snprintf(completion->etag, sizeof(completion->etag), "%s", text);
	else if (strcmp(path, "/CompleteMultipartUploadResult/ChecksumSHA256") == 0)
		snprintf(completion->checksum, sizeof(completion->checksum), "%s", text);
	return true;
}

/* Is the object there, as large as it should be, and ours? */
static bool
confirm(const BkS3Multipart *upload, BkS3Client *client, const BkS3Part *parts,
		int count, const Completion *completion, BkError *err)
{
	BkS3Head	head;
	uint64_t	size = 0;
	bool		proved;

	for (int i = 0; i < count; i++)
		size += parts[i].content.size;
	if (!bk_s3_head(client, upload->s3, upload->key, &head, err))
		return false;
	if (!head.stat.exists || head.stat.size != size)
	{
		bk_error(err, BK_STATE_CORRUPT, "object \"%s\" in \"%s\" is not what was stored",
				 upload->key, upload->s3->place.place);
		return bk_error_detail(err, "It has %llu bytes of %llu.",
							   (unsigned long long) head.stat.size, (unsigned long long) size);
	}
	if (!is_proved(upload->s3, parts, count, completion, head.etag, &proved, err))
		return false;
	return proved || read_back(upload, parts, count, err);
}

/* "etag" is of the object as it is now. */
static bool
is_proved(const BkS3 *s3, const BkS3Part *parts, int count,
		  const Completion *completion, const char *etag, bool *proved,
		  BkError *err)
{
	unsigned char raw[BK_DIGEST_SIZE];
	char		text[BK_DIGEST_HEX_SIZE];
	char		expected[BK_S3_ETAG_SIZE];
	bool		possible = true;

	*proved = false;
	for (int i = 0; i < count; i++)
		possible = possible && parts[i].proof;
	if (!possible)
		return true;
	if (completion->checksum[0] != '\0')
	{
		if (!digest_parts(parts, count, false, raw, &possible, err))
			return false;
		bk_base64_encode(raw, BK_DIGEST_SIZE, true, text);
		snprintf(expected, sizeof(expected), "%s-%d", text, count);
		*proved = strcmp(expected, completion->checksum) == 0;
	}
	if (*proved || s3->place.checksum == BK_S3_CHECKSUM_SHA256)
		return true;
	if (!digest_parts(parts, count, true, raw, &possible, err))
		return false;
	bk_digest_to_hex(raw, BK_DIGEST_MD5_SIZE, text);
	snprintf(expected, sizeof(expected), "%s-%d", text, count);
	*proved = possible && strcmp(expected, etag) == 0;
	return true;
}

/* The digest of the digests; not possible where an ETag is no MD5. */
static bool
digest_parts(const BkS3Part *parts, int count, bool md5, unsigned char *raw,
			 bool *possible, BkError *err)
{
	BkDigest   *digest = md5 ? bk_digest_new_md5(err) : bk_digest_new(err);
	unsigned char of_part[BK_DIGEST_MD5_SIZE];
	bool		good = digest != NULL;

	for (int i = 0; good && *possible && i < count; i++)
	{
		if (!md5)
			good = bk_digest_update(digest, parts[i].content.sha256, BK_DIGEST_SIZE, err);
		else if (parse_md5(parts[i].etag, of_part))
			good = bk_digest_update(digest, of_part, sizeof(of_part), err);
		else
			*possible = false;
	}
	good = good && bk_digest_final(digest, raw, err);
	bk_digest_free(digest);
	return good;
}

static bool
parse_md5(const char *etag, unsigned char *md5)
{
	if (strlen(etag) != 2 * BK_DIGEST_MD5_SIZE ||
		strspn(etag, "0123456789abcdef") != strlen(etag))
		return false;
	for (int i = 0; i < BK_DIGEST_MD5_SIZE; i++)
	{
		char		pair[3] = {etag[2 * i], etag[2 * i + 1], '\0'};

		md5[i] = (unsigned char) strtoul(pair, NULL, 16);
	}
	return true;
}

static bool
read_back(const BkS3Multipart *upload, const BkS3Part *parts, int count,
		  BkError *err)
{
	BkReader   *reader = bk_s3_get_open(upload->s3, upload->key, err);
	bool		same = false;
	bool		good = reader != NULL &&
		bk_same_parts(reader, parts, sizeof(*parts), count, &same, err);

	bk_reader_close(reader);
	if (good && !same)
		return bk_error(err, BK_STATE_CORRUPT,
						"object \"%s\" in \"%s\" reads back other than it was written",
						upload->key, upload->s3->place.place);
	return good;
}
