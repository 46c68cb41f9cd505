/*
 * s3_probe.c
 *	  What an S3 store can do.
 *
 * Nothing depends on what is found here: it tells a person what protects the
 * objects beside us. What may not be asked is told as not known.
 */
#include "storage/s3_probe.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "core/digest.h"
#include "storage/s3_object.h"
#include "storage/s3_page.h"
#include "storage/xml.h"

#define NAME_RANDOM		12

typedef struct Probe
{
	BkS3	   *s3;
	BkS3Client *client;
	BkStorageFinding finding;
	void	   *arg;
} Probe;

/* The text of one element. */
typedef struct Wanted
{
	const char *root;
	const char *path;
	char		text[64];
} Wanted;

static bool try_writing(Probe *probe, BkError *err);
static bool put_once(Probe *probe, const char *key, const char *text,
					 bool *refused, bool *checksum, BkError *err);
static bool tell_versioning(Probe *probe, BkError *err);
static bool tell_lock(Probe *probe, BkError *err);
static bool tell_clock(Probe *probe, BkError *err);
static bool ask_bucket(Probe *probe, const char *about, const char *right,
					   Wanted *wanted, char *value, size_t size,
					   BkError *err);
static bool accept_wanted(void *arg, const BkHttpResponse *response,
						  BkError *err);
static bool note_wanted(void *arg, const char *path, const char *text,
						BkError *err);

bool
bk_s3_probe(BkStorage *storage, bool write, BkStorageFinding finding,
			void *arg, BkError *err)
{
	Probe		probe = {.s3 = (BkS3 *) storage, .finding = finding, .arg = arg};
	bool		done;

	probe.client = bk_s3_take(probe.s3, NULL, err);
	done = probe.client != NULL &&
		finding(arg, "endpoint", probe.s3->place.endpoint, err) &&
		finding(arg, "region", probe.s3->place.region, err) &&
		tell_versioning(&probe, err) &&
		tell_lock(&probe, err) &&
		(!write || try_writing(&probe, err)) &&
		tell_clock(&probe, err);
	bk_s3_give(probe.client);
	return done;
}

/* Two writers of one name, of which a store that can refuse takes the first. */
static bool
try_writing(Probe *probe, BkError *err)
{
	char		label[NAME_RANDOM + 1];
	char		key[64];
	bool		refused = false;
	bool		checksum = false;
	bool		done;
	BkError		ignored;

	if (!bk_random_label(label, NAME_RANDOM, err))
		return false;
	snprintf(key, sizeof(key), "probe/%s", label);
	done = put_once(probe, key, "first", &refused, &checksum, err);
	if (done && refused)
		return bk_error(err, BK_STATE_UNSUPPORTED, "\"%s\" refuses an object that it does not have yet",
						probe->s3->place.place);
	done = done && put_once(probe, key, "second", &refused, NULL, err);
	/* Who may not remove leaves it there; it is small. */
	if (!bk_s3_remove_object(probe->client, probe->s3, key, done ? err : &ignored) && done)
		done = bk_error_is(err, BK_STATE_NO_RIGHT);
	return done &&
		probe->finding(probe->arg, "conditional writes", refused ? "kept" :
					   "ignored; names that differ by content take their place", err) &&
		probe->finding(probe->arg, "checksums", checksum ? "SHA-256 of the store" :
					   "ETag, or objects are read back", err);
}

/* *refused: the store has said that there is such an object. */
static bool
put_once(Probe *probe, const char *key, const char *text, bool *refused,
		 bool *checksum, BkError *err)
{
	unsigned char sha256[BK_DIGEST_SIZE];
	BkS3Request request;
	bool		done;

	bk_s3_request_init(&request, probe->s3, "PUT", (BkS3Deed) {"store", "s3:PutObject", key});
	bk_http_header(&request.http, "If-None-Match", "*");
	bk_s3_add_customer_key(&request, probe->s3);
	request.accept = bk_s3_accept_etag;
	done = bk_s3_set_body(&request, probe->s3, text, strlen(text),
						  probe->s3->place.checksum != BK_S3_CHECKSUM_NONE, sha256, err) &&
		bk_s3_call(probe->client, &request, err);
	*refused = !done && request.fault.status == 412;
	if (done && checksum != NULL)
		*checksum = bk_http_find(&request.response, "x-amz-checksum-sha256") != NULL;
	/* Some do not know the condition, and say so. */
	if (!done && request.fault.status == 501)
	{
		bk_http_remove_header(&request.http, "If-None-Match");
		done = bk_s3_call(probe->client, &request, err);
	}
	bk_s3_request_free(&request);
	return done || *refused;
}

static bool
tell_versioning(Probe *probe, BkError *err)
{
	Wanted		wanted = {
		.root = "VersioningConfiguration",
		.path = "/VersioningConfiguration/Status",
	};
	char		value[128];

	if (!ask_bucket(probe, "versioning", "s3:GetBucketVersioning", &wanted, value,
					sizeof(value), err))
		return false;
	if (value[0] == '\0')
		snprintf(value, sizeof(value), "%s",
				 strcmp(wanted.text, "Enabled") == 0 ? "on: what is overwritten or removed can be brought back" : "off");
	return probe->finding(probe->arg, "versioning", value, err);
}

static bool
tell_lock(Probe *probe, BkError *err)
{
	const BkS3Place *place = &probe->s3->place;
	Wanted		wanted = {
		.root = "ObjectLockConfiguration",
		.path = "/ObjectLockConfiguration/ObjectLockEnabled",
	};
	char		value[128];
	bool		enabled;

	if (!ask_bucket(probe, "object-lock", "s3:GetBucketObjectLockConfiguration", &wanted,
					value, sizeof(value), err))
		return false;
	enabled = strcmp(wanted.text, "Enabled") == 0;
	if (place->lock != NULL && value[0] == '\0' && !enabled)
	{
		bk_error(err, BK_STATE_UNSUPPORTED, "bucket \"%s\" has no object lock",
				 place->bucket);
		return bk_error_hint(err, "Create the bucket with object lock, or take lock and lock_days out of the URL.");
	}
	if (value[0] == '\0' && place->lock != NULL)
		snprintf(value, sizeof(value), "%s for %" PRId64 " days", place->lock, place->lock_days);
	else if (value[0] == '\0')
		snprintf(value, sizeof(value), "%s", enabled ? "possible, not asked for" : "off");
	return probe->finding(probe->arg, "object lock", value, err);
}

static bool
tell_clock(Probe *probe, BkError *err)
{
	int64_t		ahead = bk_s3_time(probe->client) - bk_clock_now();
	char		value[64];

	snprintf(value, sizeof(value), "%s%" PRId64 " s to ours", ahead > 0 ? "+" : "", ahead);
	return probe->finding(probe->arg, "clock", value, err);
}

/*
 * Ask for a part of the bucket's configuration. The value is "" if there was
 * an answer, which may be that there is no such configuration.
 */
static bool
ask_bucket(Probe *probe, const char *about, const char *right, Wanted *wanted,
		   char *value, size_t size, BkError *err)
{
	BkS3Request request;
	bool		done;

	bk_s3_request_init(&request, probe->s3, "GET", (BkS3Deed) {"look at", right, NULL});
	bk_http_query(&request.http, about, "%s", "");
	request.accept = accept_wanted;
	request.arg = wanted;
	value[0] = '\0';
	done = bk_s3_call(probe->client, &request, err);
	if (!done && bk_s3_fault_is(&request.fault, "ObjectLockConfigurationNotFoundError"))
		done = true;
	else if (!done && (bk_error_is(err, BK_STATE_NO_RIGHT) ||
					   bk_error_is(err, BK_STATE_UNSUPPORTED)))
	{
		done = true;
		snprintf(value, size, "not known: %s",
				 bk_error_is(err, BK_STATE_NO_RIGHT) ? right : "the store does not tell");
	}
	bk_s3_request_free(&request);
	return done;
}

static bool
accept_wanted(void *arg, const BkHttpResponse *response, BkError *err)
{
	Wanted	   *wanted = arg;

	wanted->text[0] = '\0';
	return bk_xml_parse(response->body.data, response->body.len, wanted->root,
						note_wanted, wanted, err);
}

static bool
note_wanted(void *arg, const char *path, const char *text, BkError *err)
{
	Wanted	   *wanted = arg;

	(void) err;
	if (strcmp(path, wanted->path) == 0)
		snprintf(wanted->text, sizeof(wanted->text), "%s", text);
	return true;
}
