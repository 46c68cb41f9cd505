/*
 * ping.c
 *	  A sign of life for a service that raises the alarm when none comes, as
 *	  healthchecks.io does it: the URL means success, and with /start or /fail
 *	  behind its path what these say (healthchecks.io docs, "Pinging API").
 */
#include <string.h>

#include "core/buf.h"
#include "notify/channel.h"
#include "notify/message.h"
#include "notify/post.h"

static bool ping_send(const BkChannel *channel, const BkJson *message,
					  BkError *err);
static bool find_place(const BkPost *post, const char *signal, BkBuf *path,
					   BkError *err);

const BkChannelKind bk_channel_ping = {
	.name = "ping",
	.send = ping_send,
};

static bool
ping_send(const BkChannel *channel, const BkJson *message, BkError *err)
{
	BkBuf		path;
	BkPost		post;
	bool		done = bk_post_open(&post, channel, NULL, err);

	bk_buf_init(&path);
	post.bearer = true;
	done = done &&
		find_place(&post, bk_message_text(message, "signal"), &path, err) &&
		bk_post_send(&post, path.data, NULL, err);
	bk_buf_free(&path);
	bk_post_close(&post);
	return done;
}

static bool
find_place(const BkPost *post, const char *signal, BkBuf *path, BkError *err)
{
	size_t		len = strcspn(post->path, "?");
	size_t		kept = len;

	while (kept > 0 && post->path[kept - 1] == '/')
		kept--;
	if (strcmp(signal, "start") != 0 && strcmp(signal, "fail") != 0)
		bk_buf_append(path, post->path, len);
	else
	{
		bk_buf_append(path, post->path, kept);
		bk_buf_printf(path, "/%s", signal);
	}
	bk_buf_append_string(path, post->path + len);
	return bk_buf_check(path, err);
}
