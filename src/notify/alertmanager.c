/*
 * alertmanager.c
 *	  Alerts for Prometheus's Alertmanager (its API v2, POST /api/v2/alerts).
 *
 * Labels tell one alert from another, and the severity is one of them, so an
 * alert whose severity changes is ended under its old one. An alert that is
 * not told again ends at endsAt: that lies behind the next reminder.
 */
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "core/clock.h"
#include "notify/channel.h"
#include "notify/message.h"
#include "notify/post.h"

#define PLACE		"/api/v2/alerts"
#define TEST_S		60
#define GRACE_S		3600		/* a reminder may be late */
#define FOREVER_S	(30 * 24 * 3600)	/* nobody is reminded */

static bool alertmanager_send(const BkChannel *channel, const BkJson *message,
							  BkError *err);
static BkJson *make_alerts(const BkJson *message);
static void add_change(BkJson *alerts, const BkJson *message,
					   const BkJson *change);
static void add_alert(BkJson *alerts, const BkJson *message,
					  const BkJson *change, const char *severity, int64_t ends_at);
static bool find_place(const BkPost *post, BkBuf *path, BkError *err);

const BkChannelKind bk_channel_alertmanager = {
	.name = "alertmanager",
	.send = alertmanager_send,
};

static bool
alertmanager_send(const BkChannel *channel, const BkJson *message, BkError *err)
{
	BkJson	   *alerts = make_alerts(message);
	BkBuf		path;
	BkPost		post;
	bool		done = bk_post_open(&post, channel, NULL, err);

	bk_buf_init(&path);
	post.bearer = true;
	done = done && find_place(&post, &path, err) &&
		bk_post_send(&post, path.data, alerts, err);
	bk_buf_free(&path);
	bk_post_close(&post);
	bk_json_free(alerts);
	return done;
}

static BkJson *
make_alerts(const BkJson *message)
{
	const BkJson *changes = bk_message_changes(message);
	BkJson	   *alerts = bk_json_array();

	for (size_t i = 0; i < bk_json_length(changes); i++)
		add_change(alerts, message, bk_json_at(changes, i));
	if (changes == NULL)
		add_alert(alerts, message, NULL, "none", bk_clock_now() + TEST_S);
	return alerts;
}

static void
add_change(BkJson *alerts, const BkJson *message, const BkJson *change)
{
	const char *state = bk_message_text(change, "state");
	const char *was = bk_message_text(change, "was");
	int64_t		remind = bk_json_int(bk_json_get(message, "remind"), 0);
	int64_t		lasts = remind > 0 ? 2 * remind + GRACE_S : FOREVER_S;
	int64_t		now = bk_clock_now();

	if (strcmp(was, state) != 0 && strcmp(was, "ok") != 0)
		add_alert(alerts, message, change, was, now);
	if (bk_message_change(change) != BK_CHANGE_RECOVERY)
		add_alert(alerts, message, change, state, now + lasts);
}

static void
add_alert(BkJson *alerts, const BkJson *message, const BkJson *change,
		  const char *severity, int64_t ends_at)
{
	BkJson	   *alert = bk_json_object();
	BkJson	   *labels = bk_json_object();
	BkJson	   *annotations = bk_json_object();
	char		ends[BK_CLOCK_TEXT_SIZE];
	BkBuf		summary;

	bk_json_put_string(labels, "alertname", change != NULL ? "BackupExt" : "BackupExtTest");
	bk_json_put_string(labels, "severity", severity);
	bk_json_put_string(labels, "cluster", bk_message_text(message, "cluster"));
	bk_json_put_string(labels, "system_identifier", bk_message_text(message, "system_identifier"));
	bk_json_put_string(labels, "what", bk_message_text(change, "what"));

	bk_buf_init(&summary);
	bk_buf_append_string(&summary, "backup_ext, ");
	bk_message_source(message, &summary);
	if (!summary.failed)
		bk_json_put_words(annotations, "summary", summary.data);
	bk_buf_free(&summary);
	bk_json_put_string(annotations, "description",
					   change != NULL ? bk_message_text(change, "reason") : "This is a test.");

	bk_clock_format(ends_at, ends);
	bk_json_put(alert, "labels", labels);
	bk_json_put(alert, "annotations", annotations);
	if (bk_message_text(change, "since")[0] != '\0')
		bk_json_put_string(alert, "startsAt", bk_message_text(change, "since"));
	bk_json_put_string(alert, "endsAt", ends);
	bk_json_append(alerts, alert);
}

/* The URL may be that of the server, or all of it. */
static bool
find_place(const BkPost *post, BkBuf *path, BkError *err)
{
	size_t		len = strcspn(post->path, "?");

	while (len > 0 && post->path[len - 1] == '/')
		len--;
	bk_buf_append(path, post->path, len);
	if (len < strlen(PLACE) ||
		strncmp(post->path + len - strlen(PLACE), PLACE, strlen(PLACE)) != 0)
		bk_buf_append_string(path, PLACE);
	return bk_buf_check(path, err);
}
