/*
 * wire.c
 *	  One exchange with a server over the network; the one door to libcurl.
 *
 * The library's multi interface is used with one easy handle: it never blocks
 * by itself, so we wait in slices and look between them at the host's wish to
 * stop, and at whether bytes move. Its resolver runs in a thread of its own,
 * which CURLOPT_QUICK_EXIT leaves behind when nobody waits for it any more.
 */
#include "storage/wire.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <curl/curl.h>

#include "core/clock.h"
#include "storage/head.h"
#include "storage/origin.h"
#include "storage/stall.h"
#include "storage/trouble.h"

#define SLICE_MS		100
#define BUFFER_SIZE		(256 * 1024L)

struct BkWire
{
	BkWireSetup setup;
	CURLM	   *multi;			/* NULL: not connected */
	CURL	   *easy;
	char		reason[CURL_ERROR_SIZE];
	int			socket;			/* that was opened last and is open, or -1 */
	bool		refused;		/* an address that may not be asked */

	/* The exchange under way. */
	BkWireExchange *exchange;
	BkWireSftp *sftp;			/* it is one by SFTP, */
	const BkWireMail *mail;		/* or by SMTP; both NULL: by HTTP */
	size_t		sent;			/* bytes of the body, but by HTTP */
	BkHead		head;
	bool		failed;			/* a callback has set *err */
	BkError    *err;
	BkStall		stall;
};

static bool carry_out(BkWire *wire, BkWireExchange *exchange,
					  const char *const *items, int count, BkError *err);
static bool make_list(struct curl_slist **list, const char *const *items,
					  int count, BkError *err);
static void hang_up(BkWire *wire);
static bool connect_library(BkWire *wire, BkError *err);
static bool set_common(BkWire *wire, const char *protocols);
static bool set_http(BkWire *wire, struct curl_slist *headers);
static bool set_sftp(BkWire *wire, struct curl_slist *commands);
static bool set_mail(BkWire *wire, struct curl_slist *recipients);
static bool drive(BkWire *wire, BkError *err);
static bool wait_for_end(BkWire *wire, CURLcode *code, BkError *err);
static bool goes_on(BkWire *wire, BkError *err);
static int64_t count_moved(const BkWire *wire);
static int	ask_to_go_on(void *arg, curl_off_t expected, curl_off_t down,
						 curl_off_t expected_up, curl_off_t up);
static size_t take_line(char *data, size_t size, size_t count, void *arg);
static size_t take_data(char *data, size_t size, size_t count, void *arg);
static size_t give_data(char *data, size_t size, size_t count, void *arg);
static int	take_host_key(void *arg, int type, const char *key, size_t len);
static bool take_outcome(BkWire *wire, CURLcode code);
static curl_socket_t open_socket(void *arg, curlsocktype purpose,
								 struct curl_sockaddr *address);
static int	close_socket(void *arg, curl_socket_t fd);
static bool explain(BkWire *wire, CURLcode code, BkError *err);
static void find_trouble(const BkWire *wire, CURLcode code, BkTrouble *trouble);
static bool library_error(BkError *err);
static void start_library(void);

static pthread_once_t library_once = PTHREAD_ONCE_INIT;
static CURLcode library_code;

BkWire *
bk_wire_open(const BkWireSetup *setup, BkError *err)
{
	BkWire	   *wire = calloc(1, sizeof(*wire));

	pthread_once(&library_once, start_library);
	if (wire == NULL)
		bk_error_memory(err);
	else if (library_code != CURLE_OK)
		library_error(err);
	else
	{
		wire->setup = *setup;
		wire->socket = -1;
		return wire;
	}
	free(wire);
	return NULL;
}

void
bk_wire_close(BkWire *wire)
{
	if (wire == NULL)
		return;
	bk_wire_disconnect(wire);
	free(wire);
}

bool
bk_wire_http(BkWire *wire, BkWireExchange *exchange, BkError *err)
{
	wire->sftp = NULL;
	wire->mail = NULL;
	return carry_out(wire, exchange, exchange->headers, exchange->header_count, err);
}

bool
bk_wire_sftp(BkWire *wire, BkWireExchange *exchange, BkWireSftp *job,
			 BkError *err)
{
	wire->sftp = job;
	wire->mail = NULL;
	return carry_out(wire, exchange, &job->command, job->command != NULL, err);
}

bool
bk_wire_mail(BkWire *wire, BkWireExchange *exchange, const BkWireMail *mail,
			 BkError *err)
{
	wire->sftp = NULL;
	wire->mail = mail;
	return carry_out(wire, exchange, mail->recipients, mail->recipient_count, err);
}

void
bk_wire_disconnect(BkWire *wire)
{
	hang_up(wire);
	curl_easy_cleanup(wire->easy);
	if (wire->multi != NULL)
		curl_multi_cleanup(wire->multi);
	wire->easy = NULL;
	wire->multi = NULL;
	wire->socket = -1;
}

/* Without a connection the library does not wait for a server's farewell. */
static void
hang_up(BkWire *wire)
{
	if ((wire->sftp != NULL || wire->mail != NULL) && wire->socket >= 0)
		shutdown(wire->socket, SHUT_RDWR);
}

/* The items are headers, commands or recipients. */
static bool
carry_out(BkWire *wire, BkWireExchange *exchange, const char *const *items,
		  int count, BkError *err)
{
	struct curl_slist *list = NULL;
	bool		done = make_list(&list, items, count, err) && connect_library(wire, err);

	wire->exchange = exchange;
	exchange->again = false;
	if (done)
	{
		done = wire->sftp != NULL ? set_common(wire, "sftp") && set_sftp(wire, list) :
			wire->mail != NULL ? set_common(wire, "smtp,smtps") && set_mail(wire, list) :
			set_common(wire, "http,https") && set_http(wire, list);
		done = done ? drive(wire, err) : library_error(err);
		if (!done)
			bk_wire_disconnect(wire);
	}
	curl_slist_free_all(list);
	return done;
}

static bool
make_list(struct curl_slist **list, const char *const *items, int count,
		  BkError *err)
{
	for (int i = 0; i < count; i++)
	{
		struct curl_slist *longer = curl_slist_append(*list, items[i]);

		if (longer == NULL)
			return bk_error_memory(err);
		*list = longer;
	}
	return true;
}

static bool
connect_library(BkWire *wire, BkError *err)
{
	if (wire->multi == NULL)
		wire->multi = curl_multi_init();
	if (wire->easy == NULL)
		wire->easy = curl_easy_init();
	return (wire->multi != NULL && wire->easy != NULL) || bk_error_memory(err);
}

/* What holds whatever the protocol is. */
static bool
set_common(BkWire *wire, const char *protocols)
{
	const BkWireSetup *setup = &wire->setup;
	CURL	   *easy = wire->easy;
	const char *proxy = setup->proxy != NULL ? setup->proxy : "";
	const char *ca_file = setup->ca_file;

	/* Forgets options, and keeps connections. */
	curl_easy_reset(easy);
	wire->reason[0] = '\0';
	return curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, protocols) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_URL, wire->exchange->url) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, wire->reason) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long) setup->connect_ms) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, BUFFER_SIZE) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, BUFFER_SIZE) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L) == CURLE_OK &&
	/* An empty string keeps the environment's out. */
		curl_easy_setopt(easy, CURLOPT_PROXY, proxy) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_NOPROXY, "") == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_NETRC, (long) CURL_NETRC_IGNORED) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, wire) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, wire) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_data) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_WRITEDATA, wire) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_READFUNCTION, give_data) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_READDATA, wire) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK &&
		(ca_file == NULL ||
		 (curl_easy_setopt(easy, CURLOPT_CAINFO, ca_file) == CURLE_OK &&
		  curl_easy_setopt(easy, CURLOPT_CAPATH, NULL) == CURLE_OK &&
		  curl_easy_setopt(easy, CURLOPT_PROXY_CAINFO, ca_file) == CURLE_OK &&
		  curl_easy_setopt(easy, CURLOPT_PROXY_CAPATH, NULL) == CURLE_OK));
}

static bool
set_http(BkWire *wire, struct curl_slist *headers)
{
	const BkWireExchange *exchange = wire->exchange;
	CURL	   *easy = wire->easy;
	bool		set;

	set = curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_USERAGENT, "backup_ext/" BK_VERSION) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_line) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_HEADERDATA, wire) == CURLE_OK;
	if (strcmp(exchange->method, "HEAD") == 0)
		return set && curl_easy_setopt(easy, CURLOPT_NOBODY, 1L) == CURLE_OK;
	/* As "post fields" the library can send a body again by itself. */
	if (exchange->body_len > 0 || strcmp(exchange->method, "PUT") == 0 ||
		strcmp(exchange->method, "POST") == 0)
		set = set &&
			curl_easy_setopt(easy, CURLOPT_POSTFIELDS,
							 exchange->body_len > 0 ? exchange->body : "") == CURLE_OK &&
			curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
							 (curl_off_t) exchange->body_len) == CURLE_OK;
	return set &&
		curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, exchange->method) == CURLE_OK;
}

/* Writing behind the start appends, and the server is told from where on. */
static bool
set_sftp(BkWire *wire, struct curl_slist *commands)
{
	const BkWireSftp *job = wire->sftp;
	CURL	   *easy = wire->easy;

	return curl_easy_setopt(easy, CURLOPT_SSH_AUTH_TYPES, (long) CURLSSH_AUTH_PUBLICKEY) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_SSH_PRIVATE_KEYFILE, job->private_key_file) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_SSH_KNOWNHOSTS, job->known_hosts) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_SSH_HOSTKEYFUNCTION, job->trust != NULL ? take_host_key : NULL) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_SSH_HOSTKEYDATA, wire) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_QUOTE, commands) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_FILETIME, (long) job->look) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_NEW_FILE_PERMS, 0600L) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_NEW_DIRECTORY_PERMS, 0700L) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, ask_to_go_on) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_XFERINFODATA, wire) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_RESUME_FROM_LARGE, (curl_off_t) job->at) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_RANGE, job->range) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_UPLOAD, (long) job->upload) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_NOBODY, (long) job->look) == CURLE_OK;
}

/* With TLS for certain, or without: a server that merely offers it proves nothing. */
static bool
set_mail(BkWire *wire, struct curl_slist *recipients)
{
	const BkWireMail *mail = wire->mail;
	long		use_tls = mail->plaintext ? CURLUSESSL_NONE : CURLUSESSL_ALL;
	CURL	   *easy = wire->easy;

	return curl_easy_setopt(easy, CURLOPT_USE_SSL, use_tls) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_USERNAME, mail->user) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_PASSWORD, mail->password) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_MAIL_FROM, mail->sender) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_MAIL_RCPT, recipients) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L) == CURLE_OK;
}

/* Carry out what the options say. */
static bool
drive(BkWire *wire, BkError *err)
{
	CURLcode	code = CURLE_OK;
	bool		ended;

	wire->sent = 0;
	wire->head = (BkHead) {0};
	wire->failed = false;
	wire->refused = false;
	wire->err = err;
	bk_stall_begin(&wire->stall);
	if (curl_multi_add_handle(wire->multi, wire->easy) != CURLM_OK)
		return library_error(err);
	ended = wait_for_end(wire, &code, err);
	if (!ended || wire->failed)
		hang_up(wire);
	curl_multi_remove_handle(wire->multi, wire->easy);
	if (!ended || wire->failed)
		return false;
	/* The library takes a head that is cut for a whole one. */
	if (code == CURLE_OK && wire->sftp == NULL && wire->mail == NULL && !wire->head.ended)
		code = CURLE_GOT_NOTHING;
	return (wire->sftp != NULL && take_outcome(wire, code)) ||
		code == CURLE_OK || explain(wire, code, err);
}

/* False with an error if it was given up before its end. */
static bool
wait_for_end(BkWire *wire, CURLcode *code, BkError *err)
{
	int			running = 1;
	int			left;
	CURLMsg    *message;

	for (;;)
	{
		if (curl_multi_perform(wire->multi, &running) != CURLM_OK)
			return library_error(err);
		if (running == 0)
			break;
		if (!goes_on(wire, err))
			return false;
		if (curl_multi_poll(wire->multi, NULL, 0, SLICE_MS, NULL) != CURLM_OK)
			return library_error(err);
	}
	message = curl_multi_info_read(wire->multi, &left);
	*code = message != NULL ? message->data.result : CURLE_FAILED_INIT;
	return true;
}

/*
 * Is it wanted, and does it move? Time for a connection is watched by the
 * library; it takes the files of SFTP, and mails, for a part of that.
 */
static bool
goes_on(BkWire *wire, BkError *err)
{
	const BkWireExchange *exchange = wire->exchange;
	curl_off_t	connected = 0;

	if (wire->setup.host != NULL && !bk_go_on(wire->setup.host, err))
		return false;
	if (!bk_stall_due(&wire->stall, SLICE_MS))
		return true;
	curl_easy_getinfo(wire->easy, CURLINFO_PRETRANSFER_TIME_T, &connected);
	if (bk_stall_check(&wire->stall, connected > 0 || wire->sftp != NULL || wire->mail != NULL,
					   count_moved(wire),
					   exchange->stall_ms > 0 ? exchange->stall_ms : wire->setup.stall_ms,
					   bk_clock_monotonic_ms() > exchange->deadline, exchange->place, err))
		return true;
	wire->exchange->again = true;
	return false;
}

/* Bytes in both directions so far. */
static int64_t
count_moved(const BkWire *wire)
{
	curl_off_t	up = 0;
	curl_off_t	down = 0;
	long		header = 0;

	curl_easy_getinfo(wire->easy, CURLINFO_SIZE_UPLOAD_T, &up);
	curl_easy_getinfo(wire->easy, CURLINFO_SIZE_DOWNLOAD_T, &down);
	curl_easy_getinfo(wire->easy, CURLINFO_HEADER_SIZE, &header);
	return up + down + header - bk_stall_unsent(wire->socket);
}

/* For SFTP the library waits by itself at times, and then asks here. */
static int
ask_to_go_on(void *arg, curl_off_t expected, curl_off_t down,
			 curl_off_t expected_up, curl_off_t up)
{
	BkWire	   *wire = arg;

	(void) expected, (void) down, (void) expected_up, (void) up;
	wire->failed = wire->failed || !goes_on(wire, wire->err);
	return wire->failed;
}

static size_t
take_line(char *data, size_t size, size_t count, void *arg)
{
	BkWire	   *wire = arg;
	size_t		len = size * count;
	size_t		text;

	if (!bk_head_take(&wire->head, data, len, &text))
	{
		wire->failed = true;
		bk_trouble(BK_TROUBLE_HEAD, wire->exchange->place, "",
				   &wire->exchange->again, wire->err);
		return 0;
	}
	wire->failed = !wire->exchange->line(wire->exchange->arg, data, text,
										 wire->err);
	return wire->failed ? 0 : len;
}

static size_t
take_data(char *data, size_t size, size_t count, void *arg)
{
	BkWire	   *wire = arg;
	size_t		len = size * count;

	wire->failed = !wire->exchange->data(wire->exchange->arg, data, len,
										 wire->err);
	/* Anything else than len means failure, also for a len of 0. */
	return wire->failed ? len + 1 : len;
}

static size_t
give_data(char *data, size_t size, size_t count, void *arg)
{
	BkWire	   *wire = arg;
	size_t		left = wire->exchange->body_len - wire->sent;
	size_t		len = size * count < left ? size * count : left;

	if (len > 0)
		memcpy(data, (const char *) wire->exchange->body + wire->sent, len);
	wire->sent += len;
	return len;
}

static int
take_host_key(void *arg, int type, const char *key, size_t len)
{
	const BkWireSftp *job = ((BkWire *) arg)->sftp;

	(void) type;
	return job->trust(job->arg, key, len) ? CURLKHMATCH_OK : CURLKHMATCH_MISMATCH;
}

/* Is the code an answer of the server? */
static bool
take_outcome(BkWire *wire, CURLcode code)
{
	BkWireSftp *job = wire->sftp;
	curl_off_t	size = 0;
	curl_off_t	modified = -1;

	curl_easy_getinfo(wire->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &size);
	curl_easy_getinfo(wire->easy, CURLINFO_FILETIME_T, &modified);
	job->size = size > 0 ? (uint64_t) size : 0;
	job->modified = (int64_t) modified;
	snprintf(job->words, sizeof(job->words), "%s", wire->reason);
	job->outcome = code == CURLE_OK ? BK_WIRE_DONE :
		code == CURLE_REMOTE_FILE_NOT_FOUND ? BK_WIRE_MISSING :
		code == CURLE_REMOTE_ACCESS_DENIED ? BK_WIRE_DENIED :
		code == CURLE_REMOTE_DISK_FULL ? BK_WIRE_FULL : BK_WIRE_REFUSED;
	return job->outcome != BK_WIRE_REFUSED || code == CURLE_QUOTE_ERROR;
}

/*
 * The address is looked at here, since a name may lead anywhere. A proxy's
 * address is the proxy's matter.
 */
static curl_socket_t
open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	BkWire	   *wire = arg;

	(void) purpose;
	if (!wire->setup.link_local && bk_origin_is_link_local(&address->addr))
	{
		wire->refused = true;
		return CURL_SOCKET_BAD;
	}
	wire->socket = socket(address->family, address->socktype | SOCK_CLOEXEC,
						  address->protocol);
	return wire->socket;
}

static int
close_socket(void *arg, curl_socket_t fd)
{
	BkWire	   *wire = arg;

	if (wire->socket == fd)
		wire->socket = -1;
	return close(fd);
}

/* What the library's code means for us. */
static bool
explain(BkWire *wire, CURLcode code, BkError *err)
{
	const char *reason = wire->reason[0] != '\0' ? wire->reason : curl_easy_strerror(code);
	curl_off_t	connected = 0;
	long		system_code = 0;
	BkTrouble	trouble;

	curl_easy_getinfo(wire->easy, CURLINFO_PRETRANSFER_TIME_T, &connected);
	curl_easy_getinfo(wire->easy, CURLINFO_OS_ERRNO, &system_code);
	trouble = connected != 0 ? BK_TROUBLE_BROKEN : BK_TROUBLE_CONNECTION;
	if (wire->refused)
		trouble = BK_TROUBLE_LINK_LOCAL;
	else if (code == CURLE_COULDNT_CONNECT && system_code != 0)
		reason = strerror((int) system_code);
	else if (code == CURLE_OUT_OF_MEMORY)
	{
		/* It says the same of a header that is too long for it. */
		if (wire->sftp != NULL || connected == 0 || wire->head.ended)
			return bk_error_memory(err);
		trouble = BK_TROUBLE_HEAD;
	}
	else
		find_trouble(wire, code, &trouble);
	return bk_trouble(trouble, wire->exchange->place, reason,
					  &wire->exchange->again, err);
}

/* For a code that tells more than that there is no connection. */
static void
find_trouble(const BkWire *wire, CURLcode code, BkTrouble *trouble)
{
	static const struct
	{
		CURLcode	code;
		BkTrouble	trouble;
	}			troubles[] = {
		{CURLE_URL_MALFORMAT, BK_TROUBLE_ADDRESS},
		{CURLE_UNSUPPORTED_PROTOCOL, BK_TROUBLE_ADDRESS},
		{CURLE_COULDNT_RESOLVE_HOST, BK_TROUBLE_NAME},
		{CURLE_COULDNT_RESOLVE_PROXY, BK_TROUBLE_NAME},
		{CURLE_SSL_CONNECT_ERROR, BK_TROUBLE_TLS},
		{CURLE_USE_SSL_FAILED, BK_TROUBLE_TLS},
		{CURLE_PEER_FAILED_VERIFICATION, BK_TROUBLE_CERTIFICATE},
		{CURLE_SSL_ISSUER_ERROR, BK_TROUBLE_CERTIFICATE},
		{CURLE_SSL_CACERT_BADFILE, BK_TROUBLE_AUTHORITY},
		{CURLE_LOGIN_DENIED, BK_TROUBLE_LOGIN},
	};

	/* HTTP/0.9 is called so as well. */
	if (code == CURLE_UNSUPPORTED_PROTOCOL && *trouble == BK_TROUBLE_BROKEN)
		return;
	for (size_t i = 0; i < sizeof(troubles) / sizeof(troubles[0]); i++)
	{
		if (troubles[i].code == code)
			*trouble = troubles[i].trouble;
	}
	if (wire->sftp != NULL && *trouble == BK_TROUBLE_CERTIFICATE)
		*trouble = BK_TROUBLE_HOST_KEY;
	if (wire->mail != NULL && (*trouble == BK_TROUBLE_BROKEN || code == CURLE_SEND_ERROR))
		*trouble = BK_TROUBLE_MAIL;
}

static bool
library_error(BkError *err)
{
	return bk_error(err, BK_STATE_SYSTEM, "could not set up libcurl");
}

static void
start_library(void)
{
	library_code = curl_global_init(CURL_GLOBAL_DEFAULT);
}
