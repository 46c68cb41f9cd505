/*
 * slack.c
 *	  A line of text for an incoming webhook of Slack, or what is like it
 *	  (Slack docs, "Sending messages using incoming webhooks").
 */
#include "core/buf.h"
#include "notify/channel.h"
#include "notify/message.h"
#include "notify/post.h"

static bool slack_send(const BkChannel *channel, const BkJson *message,
					   BkError *err);
static void escape(const char *text, BkBuf *escaped);

const BkChannelKind bk_channel_slack = {
	.name = "slack",
	.send = slack_send,
};

static bool
slack_send(const BkChannel *channel, const BkJson *message, BkError *err)
{
	BkJson	   *body = bk_json_object();
	BkBuf		text;
	BkBuf		escaped;
	BkPost		post;
	bool		done = bk_post_open(&post, channel, NULL, err);

	bk_buf_init(&text);
	bk_buf_init(&escaped);
	bk_message_title(message, &text);
	bk_buf_append_string(&text, "\n");
	bk_message_lines(message, &text);
	if (!text.failed)
		escape(text.data, &escaped);
	done = done && bk_buf_check(&text, err) && bk_buf_check(&escaped, err);
	if (done)
		bk_json_put_words(body, "text", escaped.data);
	post.bearer = true;
	done = done && bk_post_send(&post, post.path, body, err);
	bk_post_close(&post);
	bk_buf_free(&text);
	bk_buf_free(&escaped);
	bk_json_free(body);
	return done;
}

/* These three begin links and mentions (Slack docs, "Formatting text"). */
static void
escape(const char *text, BkBuf *escaped)
{
	for (; *text != '\0'; text++)
	{
		if (*text == '&')
			bk_buf_append_string(escaped, "&amp;");
		else if (*text == '<')
			bk_buf_append_string(escaped, "&lt;");
		else if (*text == '>')
			bk_buf_append_string(escaped, "&gt;");
		else
			bk_buf_append(escaped, text, 1);
	}
}
