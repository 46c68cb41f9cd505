/*
 * notify.c
 *	  Tell people by one channel.
 */
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/process.h"
#include "job/verbs.h"
#include "notify/channel.h"

#define NAME_SIZE	256

static BkJson *make_test(const BkRequest *request);

bool
bk_job_notify(const BkRequest *request, const BkHost *host, BkError *err)
{
	BkChannel	channel = {
		.host = host,
		.target = request->target,
		.secret_file = request->secret_file,
		.ca_file = request->ca_file,
		.proxy = request->proxy,
		.plaintext = request->plaintext,
		.sender = request->sender,
		.login = request->login,
		.recipients = request->recipients.items,
		.recipient_count = request->recipients.count,
		.arguments = request->program_arguments.items,
		.argument_count = request->program_arguments.count,
	};
	BkJson	   *message = request->message == NULL ? make_test(request) :
		bk_json_parse(request->message, strlen(request->message), "the message", err);
	bool		done;

	if (message == NULL)
		return request->message != NULL ? false : bk_error_memory(err);
	done = bk_channel_send(request->channel, &channel, message, err);
	bk_json_free(message);
	return done;
}

/* Who calls the program by hand sends no other message. */
static BkJson *
make_test(const BkRequest *request)
{
	BkJson	   *message = bk_json_object();
	char		hostname[NAME_SIZE] = "";
	char		machine_id[NAME_SIZE] = "";
	char		now[BK_CLOCK_TEXT_SIZE];
	BkError		ignored;

	(void) bk_process_machine(hostname, machine_id, NAME_SIZE, &ignored);
	bk_clock_format(bk_clock_now(), now);
	bk_json_put_int(message, "version", 1);
	bk_json_put_string(message, "event", "test");
	bk_json_put_string(message, "at", now);
	bk_json_put_string(message, "host", hostname);
	bk_json_put_string(message, "system_identifier",
					   request->system_identifier != NULL ? request->system_identifier : "");
	return message;
}
