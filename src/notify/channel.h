/*
 * channel.h
 *	  Ways to tell people: a channel takes one message and hands it on.
 *
 * A message is a JSON object, as src/PROTOCOL.md has it ("Messages"): what
 * has changed, or that a test is made, or a sign of life. What a receiver wants
 * to see instead is made from it by the channel's file.
 */
#ifndef BK_NOTIFY_CHANNEL_H
#define BK_NOTIFY_CHANNEL_H

#include <stdbool.h>

#include "core/error.h"
#include "core/host.h"
#include "core/json.h"

/* All borrowed; NULL or 0: not given. */
typedef struct BkChannel
{
	const BkHost *host;
	const char *target;			/* URL, or path of a program */
	const char *secret_file;	/* with a token, a password, or the URL itself */
	const char *ca_file;		/* certificates to trust, in place of the system's */
	const char *proxy;			/* http://host:port, for HTTP */
	bool		plaintext;		/* to other machines, without TLS */

	/* Of mail. */
	const char *sender;
	const char *login;			/* whose password the secret is */
	const char *const *recipients;
	int			recipient_count;

	/* Of a program. */
	const char *const *arguments;
	int			argument_count;
} BkChannel;

/* One kind of channel. */
typedef struct BkChannelKind
{
	const char *name;

	/*
	 * Hand one message on; true means that the receiver has taken it. What may
	 * pass is tried again within half a minute or so. No error tells a secret,
	 * also not one that is a part of a URL.
	 */
	bool		(*send) (const BkChannel *channel, const BkJson *message,
						 BkError *err);
} BkChannelKind;

/* The kinds; each is in a file of its own. */
extern const BkChannelKind bk_channel_webhook;
extern const BkChannelKind bk_channel_slack;
extern const BkChannelKind bk_channel_pagerduty;
extern const BkChannelKind bk_channel_alertmanager;
extern const BkChannelKind bk_channel_ping;
extern const BkChannelKind bk_channel_mail;
extern const BkChannelKind bk_channel_program;

/* Hand a message on. Errors: there is no such kind (22023), those of the kind. */
extern bool bk_channel_send(const char *kind, const BkChannel *channel,
							const BkJson *message, BkError *err);

#endif
