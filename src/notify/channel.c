/*
 * channel.c
 *	  The table of the kinds of channels.
 */
#include "notify/channel.h"

#include <string.h>

static const BkChannelKind *const kinds[] = {
	&bk_channel_webhook,
	&bk_channel_slack,
	&bk_channel_pagerduty,
	&bk_channel_alertmanager,
	&bk_channel_ping,
	&bk_channel_mail,
	&bk_channel_program,
};

bool
bk_channel_send(const char *kind, const BkChannel *channel,
				const BkJson *message, BkError *err)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
	{
		if (strcmp(kinds[i]->name, kind) == 0)
			return kinds[i]->send(channel, message, err);
	}
	bk_error(err, BK_STATE_BAD_ARGUMENT, "unknown kind of channel \"%.40s\"", kind);
	return bk_error_hint(err, "Use webhook, slack, pagerduty, alertmanager, ping, mail or program.");
}
