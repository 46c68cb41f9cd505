/*
 * s3_upload.c
 *	  Writing an object of an S3 store as a stream.
 */
#include "storage/s3_upload.h"

#include <stdlib.h>
#include <string.h>

#include "storage/s3_multipart.h"
#include "storage/s3_object.h"
#include "storage/upload.h"

#define ABORT_MS	5000

typedef struct S3Upload
{
	BkUpload	base;
	BkS3	   *s3;
	char	   *key;
	BkS3Multipart multipart;
	pthread_mutex_t lock;		/* of what follows */
	int			room;			/* for parts */
	BkS3Part   *parts;
} S3Upload;

static void *upload_take(BkUpload *base, const atomic_bool *cancel,
						 BkError *err);
static void upload_give(void *connection);
static bool upload_whole(BkUpload *base, const void *data, size_t len,
						 BkError *err);
static bool upload_begin(BkUpload *base, void *connection, BkError *err);
static bool upload_expect(BkUpload *base, int number, BkError *err);
static bool upload_send(BkUpload *base, void *connection, int number,
						const void *data, size_t len, BkError *err);
static bool upload_complete(BkUpload *base, void *connection, int count,
							BkError *err);
static void upload_abandon(BkUpload *base);
static void upload_free(BkUpload *base);

static const BkUploadOps upload_ops = {
	.take = upload_take,
	.give = upload_give,
	.whole = upload_whole,
	.begin = upload_begin,
	.expect = upload_expect,
	.send = upload_send,
	.complete = upload_complete,
	.abandon = upload_abandon,
	.free = upload_free,
};

BkWriter *
bk_s3_upload_open(BkS3 *s3, const char *key, BkError *err)
{
	S3Upload   *upload = calloc(1, sizeof(*upload));

	if (upload == NULL || (upload->key = strdup(key)) == NULL)
	{
		free(upload);
		bk_error_memory(err);
		return NULL;
	}
	upload->base.ops = &upload_ops;
	upload->base.jobs = s3->jobs;
	upload->s3 = s3;
	pthread_mutex_init(&upload->lock, NULL);
	return bk_upload_open(&upload->base, err);
}

static void *
upload_take(BkUpload *base, const atomic_bool *cancel, BkError *err)
{
	return bk_s3_take(((S3Upload *) base)->s3, cancel, err);
}

static void
upload_give(void *connection)
{
	bk_s3_give(connection);
}

static bool
upload_whole(BkUpload *base, const void *data, size_t len, BkError *err)
{
	S3Upload   *upload = (S3Upload *) base;

	return bk_s3_put_object(upload->s3, upload->key, data, len, err);
}

static bool
upload_begin(BkUpload *base, void *connection, BkError *err)
{
	S3Upload   *upload = (S3Upload *) base;

	return bk_s3_multipart_begin(&upload->multipart, upload->s3, connection,
								 upload->key, err);
}

static bool
upload_expect(BkUpload *base, int number, BkError *err)
{
	S3Upload   *upload = (S3Upload *) base;
	int			room = upload->room * 2 + 16;
	BkS3Part   *parts;

	if (number > BK_S3_PARTS_MAX)
	{
		bk_error(err, BK_STATE_TOO_LARGE, "object \"%s\" is too large for \"%s\"",
				 upload->key, upload->s3->place.place);
		bk_error_detail(err, "It would have more than %d parts of %zu bytes.",
						BK_S3_PARTS_MAX, BK_UPLOAD_PART_SIZE);
		return bk_error_hint(err, "Set backup_ext.part_size to 64GB or less, so that backups are cut into smaller objects.");
	}
	if (number <= upload->room)
		return true;
	pthread_mutex_lock(&upload->lock);
	parts = realloc(upload->parts, (size_t) room * sizeof(*parts));
	if (parts != NULL)
	{
		upload->parts = parts;
		upload->room = room;
	}
	pthread_mutex_unlock(&upload->lock);
	return parts != NULL || bk_error_memory(err);
}

static bool
upload_send(BkUpload *base, void *connection, int number, const void *data,
			size_t len, BkError *err)
{
	S3Upload   *upload = (S3Upload *) base;
	BkS3Part	part = {0};

	if (!bk_s3_multipart_send(&upload->multipart, connection, number, data,
							  len, &part, err))
		return false;
	pthread_mutex_lock(&upload->lock);
	upload->parts[number - 1] = part;
	pthread_mutex_unlock(&upload->lock);
	return true;
}

static bool
upload_complete(BkUpload *base, void *connection, int count, BkError *err)
{
	S3Upload   *upload = (S3Upload *) base;

	return bk_s3_multipart_complete(&upload->multipart, connection,
									upload->parts, count, err);
}

/* What cannot be taken back now is swept away later. */
static void
upload_abandon(BkUpload *base)
{
	S3Upload   *upload = (S3Upload *) base;
	BkError		ignored;
	BkS3Client *client = bk_s3_take_brief(upload->s3, ABORT_MS, &ignored);

	if (client == NULL)
		return;
	(void) bk_s3_multipart_abort(upload->s3, client, upload->key,
								 upload->multipart.upload_id, &ignored);
	bk_s3_give(client);
}

static void
upload_free(BkUpload *base)
{
	S3Upload   *upload = (S3Upload *) base;

	bk_s3_multipart_free(&upload->multipart);
	pthread_mutex_destroy(&upload->lock);
	free(upload->parts);
	free(upload->key);
	free(upload);
}
