/*
 * mail.c
 *	  A mail (RFC 5322) to some people, by way of one server (RFC 5321).
 *
 * A text that is not ASCII goes out in base 64: not every server takes eight
 * bits, and none then has to change anything.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base64.h"
#include "core/clock.h"
#include "core/digest.h"
#include "notify/address.h"
#include "notify/channel.h"
#include "notify/message.h"
#include "storage/wire.h"

#define CONNECT_MS		20000	/* some greet late, to keep spam out */
#define STALL_MS		30000
#define DEADLINE_MS		60000
#define ATTEMPTS		3
#define PAUSE_MS		1000
#define PAUSE_SLICE_MS	100
#define LABEL_SIZE		16
#define LINE_BYTES		57		/* that become a line of 76 characters */

static bool mail_send(const BkChannel *channel, const BkJson *message,
					  BkError *err);
static bool check_channel(const BkChannel *channel, BkError *err);
static bool check_addresses(const BkChannel *channel, BkError *err);
static bool is_address(const char *address);
static bool write_mail(const BkChannel *channel, const BkJson *message,
					   BkBuf *mail, BkError *err);
static void write_subject(const char *title, BkBuf *mail);
static void write_text(const char *text, BkBuf *mail);
static bool is_ascii(const char *text);
static bool deliver(const BkChannel *channel, const char *origin,
					const char *password, const BkBuf *mail, BkError *err);
static bool wait_a_little(const BkHost *host, BkError *err);
static bool ignore_line(void *arg, const char *line, size_t len, BkError *err);
static bool ignore_data(void *arg, const void *data, size_t len, BkError *err);

const BkChannelKind bk_channel_mail = {
	.name = "mail",
	.send = mail_send,
};

static bool
mail_send(const BkChannel *channel, const BkJson *message, BkError *err)
{
	BkSecretFile secret = {0};
	char	   *origin = NULL;
	char	   *path = NULL;
	BkBuf		mail;
	bool		done;

	bk_buf_init(&mail);
	done = check_channel(channel, err) &&
		bk_address_split(channel->target, "smtp", &origin, &path, err) &&
		(channel->login == NULL || bk_address_secret(channel->secret_file, &secret, err)) &&
		write_mail(channel, message, &mail, err) &&
		deliver(channel, origin, secret.text, &mail, err);
	bk_buf_free(&mail);
	bk_secret_free(&secret);
	free(origin);
	free(path);
	return done;
}

static bool
check_channel(const BkChannel *channel, BkError *err)
{
	if (channel->target == NULL)
		return bk_error(err, BK_STATE_BAD_ARGUMENT, "the channel has no target");
	if (channel->login != NULL && channel->secret_file == NULL)
		return bk_error(err, BK_STATE_BAD_ARGUMENT, "the channel has a login and no secret file with its password");
	return check_addresses(channel, err);
}

static bool
check_addresses(const BkChannel *channel, BkError *err)
{
	if (channel->sender == NULL || !is_address(channel->sender))
		return bk_error(err, BK_STATE_BAD_ARGUMENT, "the sender of the channel is not a mail address");
	if (channel->recipient_count == 0)
		return bk_error(err, BK_STATE_BAD_ARGUMENT, "the channel has no recipients");
	for (int i = 0; i < channel->recipient_count; i++)
	{
		if (!is_address(channel->recipients[i]))
			return bk_error(err, BK_STATE_BAD_ARGUMENT, "recipient \"%.100s\" is not a mail address",
							channel->recipients[i]);
	}
	return true;
}

/* Nothing that could end a line or an address, or begin another. */
static bool
is_address(const char *address)
{
	for (const char *at = address; *at != '\0'; at++)
	{
		if ((unsigned char) *at <= ' ' || (unsigned char) *at >= 0x7f ||
			strchr("<>,;:\"()\\", *at) != NULL)
			return false;
	}
	return address[0] != '\0' && address[0] != '-' && strlen(address) < 255;
}

static bool
write_mail(const BkChannel *channel, const BkJson *message, BkBuf *mail,
		   BkError *err)
{
	char		date[64];
	char		label[LABEL_SIZE + 1];
	time_t		now = (time_t) bk_clock_now();
	struct tm	parts;
	BkBuf		title;
	BkBuf		text;
	bool		done;

	if (!bk_random_label(label, LABEL_SIZE, err))
		return false;
	bk_buf_init(&title);
	bk_buf_init(&text);
	bk_message_title(message, &title);
	bk_message_lines(message, &text);
	if (text.len == 0)
		bk_buf_printf(&text, "%s\n", title.failed ? "" : title.data);
	done = bk_buf_check(&title, err) && bk_buf_check(&text, err);
	if (done)
	{
		strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S +0000", gmtime_r(&now, &parts));
		bk_buf_printf(mail, "Date: %s\r\nFrom: <%s>\r\nTo: ", date, channel->sender);
		for (int i = 0; i < channel->recipient_count; i++)
			bk_buf_printf(mail, "%s<%s>", i > 0 ? ",\r\n " : "", channel->recipients[i]);
		bk_buf_printf(mail, "\r\nMessage-ID: <%s@backup-ext.invalid>\r\n", label);
		write_subject(title.data, mail);
		bk_buf_append_string(mail, "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
							 "Content-Type: text/plain; charset=UTF-8\r\n");
		write_text(text.data, mail);
		done = bk_buf_check(mail, err);
	}
	bk_buf_free(&title);
	bk_buf_free(&text);
	return done;
}

/* As words of RFC 2047 where it must be; a word has at most 75 characters. */
static void
write_subject(const char *title, BkBuf *mail)
{
	char		word[BK_BASE64_SIZE(LINE_BYTES)];

	bk_buf_append_string(mail, "Subject:");
	if (is_ascii(title) && strlen(title) < 200)
	{
		bk_buf_printf(mail, " %s\r\n", title);
		return;
	}
	while (*title != '\0')
	{
		size_t		len = strnlen(title, 42);

		/* No character is cut. */
		while (((unsigned char) title[len] & 0xc0) == 0x80 && len > 1)
			len--;
		bk_base64_encode(title, len, true, word);
		bk_buf_printf(mail, " =?UTF-8?B?%s?=\r\n", word);
		title += len;
	}
}

static void
write_text(const char *text, BkBuf *mail)
{
	char		line[BK_BASE64_SIZE(LINE_BYTES)];
	bool		plain = is_ascii(text);

	bk_buf_printf(mail, "Content-Transfer-Encoding: %s\r\n\r\n", plain ? "7bit" : "base64");
	while (*text != '\0')
	{
		size_t		len = plain ? strcspn(text, "\n") : strnlen(text, LINE_BYTES);

		/* Longer lines than 998 characters are not allowed. */
		if (plain && len > 900)
			len = 900;
		if (plain)
			bk_buf_append(mail, text, len);
		else
		{
			bk_base64_encode(text, len, true, line);
			bk_buf_append_string(mail, line);
		}
		bk_buf_append_string(mail, "\r\n");
		text += len;
		text += plain && *text == '\n';
	}
}

static bool
is_ascii(const char *text)
{
	while (*text == '\n' || ((unsigned char) *text >= ' ' && (unsigned char) *text < 0x7f))
		text++;
	return *text == '\0';
}

/* Within this machine there is no need of TLS, and mostly no good certificate. */
static bool
deliver(const BkChannel *channel, const char *origin, const char *password,
		const BkBuf *mail, BkError *err)
{
	BkWireMail	job = {
		.sender = channel->sender,
		.recipients = channel->recipients,
		.recipient_count = channel->recipient_count,
		.user = channel->login,
		.password = password,
		.plaintext = channel->plaintext || bk_address_is_loopback(origin),
	};
	BkWire	   *wire = bk_wire_open(&(BkWireSetup) {
		.host = channel->host,
		.ca_file = channel->ca_file,
		.connect_ms = CONNECT_MS,
		.stall_ms = STALL_MS,
	}, err);
	BkWireExchange exchange = {
		.place = origin,
		.url = origin,
		.method = "",
		.body = mail->data,
		.body_len = mail->len,
		.deadline = bk_clock_monotonic_ms() + DEADLINE_MS,
		.line = ignore_line,
		.data = ignore_data,
	};
	bool		done = false;

	for (int i = 1; wire != NULL && !done && i <= ATTEMPTS; i++)
	{
		done = bk_wire_mail(wire, &exchange, &job, err);
		if (!done && (!exchange.again || i == ATTEMPTS || !wait_a_little(channel->host, err)))
			break;
	}
	bk_wire_close(wire);
	if (!done)
		bk_address_correct_hint(err);
	return done;
}

static bool
wait_a_little(const BkHost *host, BkError *err)
{
	for (int waited = 0; waited < PAUSE_MS; waited += PAUSE_SLICE_MS)
	{
		poll(NULL, 0, PAUSE_SLICE_MS);
		if (host != NULL && !bk_go_on(host, err))
			return false;
	}
	return true;
}

static bool
ignore_line(void *arg, const char *line, size_t len, BkError *err)
{
	(void) arg, (void) line, (void) len, (void) err;
	return true;
}

static bool
ignore_data(void *arg, const void *data, size_t len, BkError *err)
{
	(void) arg, (void) data, (void) len, (void) err;
	return true;
}
