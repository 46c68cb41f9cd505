/*
 * pagerduty.c
 *	  One event for each change (PagerDuty docs, "Events API v2"): the key of an
 *	  incident is the cluster and the thing, so that a recovery resolves what
 *	  its alarm has opened, and a message that is sent again opens nothing.
 */
#include <string.h>

#include "core/buf.h"
#include "notify/channel.h"
#include "notify/message.h"
#include "notify/post.h"

#define EVENTS_URL	"https://events.pagerduty.com/v2/enqueue"
#define KEY_MAX		255
#define SUMMARY_MAX	1024

static bool pagerduty_send(const BkChannel *channel, const BkJson *message,
						   BkError *err);
static bool send_change(const BkPost *post, const BkJson *message,
						const BkJson *change, BkError *err);
static bool send_test(const BkPost *post, const BkJson *message, BkError *err);
static BkJson *make_payload(const BkJson *message, const BkJson *change,
							BkError *err);
static bool send_event(const BkPost *post, const BkJson *message,
					   const char *action, const char *what, BkJson *payload,
					   BkError *err);

const BkChannelKind bk_channel_pagerduty = {
	.name = "pagerduty",
	.send = pagerduty_send,
};

static bool
pagerduty_send(const BkChannel *channel, const BkJson *message, BkError *err)
{
	const BkJson *changes = bk_message_changes(message);
	BkPost		post;
	bool		done = bk_post_open(&post, channel, EVENTS_URL, err);

	if (done && post.token == NULL)
		done = bk_error(err, BK_STATE_BAD_ARGUMENT, "the channel has no secret file with its routing key");
	if (done && changes == NULL)
		done = send_test(&post, message, err);
	for (size_t i = 0; done && i < bk_json_length(changes); i++)
		done = send_change(&post, message, bk_json_at(changes, i), err);
	bk_post_close(&post);
	return done;
}

static bool
send_change(const BkPost *post, const BkJson *message, const BkJson *change,
			BkError *err)
{
	const char *what = bk_message_text(change, "what");
	BkJson	   *payload;

	if (bk_message_change(change) == BK_CHANGE_RECOVERY)
		return send_event(post, message, "resolve", what, NULL, err);
	payload = make_payload(message, change, err);
	return payload != NULL && send_event(post, message, "trigger", what, payload, err);
}

/* It wakes nobody: the incident that it opens is closed at once. */
static bool
send_test(const BkPost *post, const BkJson *message, BkError *err)
{
	BkJson	   *payload = make_payload(message, NULL, err);

	return payload != NULL &&
		send_event(post, message, "trigger", "test", payload, err) &&
		send_event(post, message, "resolve", "test", NULL, err);
}

/* Of a test there is no change. */
static BkJson *
make_payload(const BkJson *message, const BkJson *change, BkError *err)
{
	BkJson	   *payload = bk_json_object();
	BkBuf		source;
	BkBuf		summary;

	bk_buf_init(&source);
	bk_buf_init(&summary);
	bk_message_source(message, &source);
	if (change == NULL)
		bk_message_title(message, &summary);
	else
		bk_buf_printf(&summary, "%s: %s", bk_message_text(change, "what"),
					  bk_message_text(change, "reason"));
	bk_buf_truncate(&summary, SUMMARY_MAX);
	if (!bk_buf_check(&source, err) || !bk_buf_check(&summary, err))
	{
		bk_json_free(payload);
		payload = NULL;
	}
	else
	{
		bk_json_put_words(payload, "summary", summary.data);
		bk_json_put_words(payload, "source", source.data);
		bk_json_put_string(payload, "severity", change == NULL ? "info" : bk_message_text(change, "state"));
		bk_json_put_string(payload, "class", "backup");
		if (change != NULL)
		{
			bk_json_put_string(payload, "component", bk_message_text(change, "what"));
			bk_json_put(payload, "custom_details", bk_json_copy(change));
		}
	}
	bk_buf_free(&source);
	bk_buf_free(&summary);
	return payload;
}

/* Takes the payload, which only a trigger has. */
static bool
send_event(const BkPost *post, const BkJson *message, const char *action,
		   const char *what, BkJson *payload, BkError *err)
{
	BkJson	   *event = bk_json_object();
	BkBuf		key;
	bool		done;

	bk_buf_init(&key);
	bk_buf_printf(&key, "backup_ext/%s/%s", bk_message_text(message, "system_identifier"), what);
	bk_buf_truncate(&key, KEY_MAX);
	done = bk_buf_check(&key, err);
	bk_json_put_words(event, "routing_key", post->token);
	bk_json_put_string(event, "event_action", action);
	if (done)
		bk_json_put_words(event, "dedup_key", key.data);
	if (payload != NULL)
	{
		bk_json_put(event, "payload", payload);
		bk_json_put_string(event, "client", "backup_ext");
	}
	done = done && bk_post_send(post, post->path, event, err);
	bk_buf_free(&key);
	bk_json_free(event);
	return done;
}
