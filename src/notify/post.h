/*
 * post.h
 *	  A request of a channel to an HTTP server.
 */
#ifndef BK_NOTIFY_POST_H
#define BK_NOTIFY_POST_H

#include <stdbool.h>

#include "core/secret.h"
#include "notify/channel.h"

/* Begin with zeros. */
typedef struct BkPost
{
	const BkChannel *channel;
	BkSecretFile secret;
	const char *token;			/* NULL: there is none. Cut at its line's end */
	bool		bearer;			/* the token proves who we are; to be set by the caller */
	char	   *origin;			/* https://host:port */
	char	   *path;			/* with its query */
} BkPost;

/*
 * Find out where to: the channel's target, or "usual" without one; then the
 * secret file has the token. With neither, the file has the URL. Errors: it
 * is not a URL, or one that is not safe (22023), those of the file. To be
 * closed in any case.
 */
extern bool bk_post_open(BkPost *post, const BkChannel *channel,
						 const char *usual, BkError *err);
extern void bk_post_close(BkPost *post);

/*
 * Send a request: GET, or POST with a body of JSON. The path is the post's or
 * another one there. True if the answer is 2xx.
 */
extern bool bk_post_send(const BkPost *post, const char *path,
						 const BkJson *body, BkError *err);

#endif
