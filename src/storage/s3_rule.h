/*
 * s3_rule.h
 *	  One rule of a bucket's lifecycle, as XML (Amazon S3 API Reference,
 *	  "LifecycleRule"). Used by the S3 driver only.
 */
#ifndef BK_STORAGE_S3_RULE_H
#define BK_STORAGE_S3_RULE_H

#include "core/buf.h"
#include "storage/lifecycle.h"

typedef struct BkS3Rule
{
	char		name[256];
	char		prefix[1025];
	bool		enabled;
	bool		narrowed;
	bool		removes;
	bool		archives;
	BkBuf		deeds;
	char		unknown[128];	/* an element that is not understood, or "" */
	char		last[64];		/* days or date, of a deed that is being read */
	char		last_class[64];
} BkS3Rule;

/* Read len bytes, from <Rule> to </Rule>. Free it in any case. */
extern bool bk_s3_rule_read(BkS3Rule *rule, const char *text, size_t len,
							BkError *err);
extern void bk_s3_rule_free(BkS3Rule *rule);

/* Append a rule for what begins with the prefix. */
extern void bk_s3_rule_write(BkBuf *xml, const BkLifecycleWish *wish,
							 const char *prefix);

#endif
