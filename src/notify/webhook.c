/*
 * webhook.c
 *	  The message as it is, posted to a URL.
 */
#include "notify/channel.h"
#include "notify/post.h"

static bool webhook_send(const BkChannel *channel, const BkJson *message,
						 BkError *err);

const BkChannelKind bk_channel_webhook = {
	.name = "webhook",
	.send = webhook_send,
};

static bool
webhook_send(const BkChannel *channel, const BkJson *message, BkError *err)
{
	BkPost		post;
	bool		done = bk_post_open(&post, channel, NULL, err);

	post.bearer = true;
	done = done && bk_post_send(&post, post.path, message, err);
	bk_post_close(&post);
	return done;
}
