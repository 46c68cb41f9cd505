/*
 * wire.h
 *	  One exchange with a server over the network; the one door to libcurl.
 *
 * A handle keeps its connection between exchanges. It belongs to one thread.
 * Every wait is bounded, and ends within a fifth of a second when the host
 * wants to stop, name resolution included. Nothing is taken from the
 * environment: no proxy, no certificates, no .netrc. Certificates are always
 * verified, TLS is 1.2 or newer, redirections are not followed. The program
 * around must ignore SIGPIPE.
 */
#ifndef BK_STORAGE_WIRE_H
#define BK_STORAGE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "core/host.h"

#define BK_WIRE_HEADERS_MAX	((size_t) 64 * 1024)
#define BK_WIRE_LINES_MAX	200

typedef struct BkWire BkWire;

/* Strings must outlive the handle. */
typedef struct BkWireSetup
{
	const BkHost *host;			/* its wish to stop ends waits; NULL: none */
	const char *ca_file;		/* certificates to trust; NULL: the system's */
	const char *proxy;			/* http:// or https://; NULL: none */
	int			connect_ms;		/* for name, connection and TLS together */
	int			stall_ms;		/* how long no byte may go through */
	bool		link_local;		/* addresses of cloud metadata may be asked */
} BkWireSetup;

/* What is asked, and where the answer goes. All borrowed. */
typedef struct BkWireExchange
{
	const char *place;			/* the server, for messages */
	const char *url;
	const char *method;
	const char *const *headers; /* "Name: value" */
	int			header_count;
	const void *body;			/* sent again as it is if need be */
	size_t		body_len;

	/* By bk_clock_monotonic_ms(). Later only what moves fast goes on. */
	int64_t		deadline;
	int			stall_ms;		/* 0: the handle's */

	/*
	 * A line before the answer's body, without its line end: status line,
	 * header, or the empty line behind them. There may be several such
	 * groups; the last one counts. At most BK_WIRE_LINES_MAX lines, and
	 * BK_WIRE_HEADERS_MAX bytes.
	 */
	bool		(*line) (void *arg, const char *line, size_t len, BkError *err);

	/* A piece of the answer's body. False ends the exchange. */
	bool		(*data) (void *arg, const void *data, size_t len, BkError *err);
	void	   *arg;

	bool		again;			/* set on failure: another attempt may help */
} BkWireExchange;

/* Open a handle; nothing is connected yet. NULL on failure. */
extern BkWire *bk_wire_open(const BkWireSetup *setup, BkError *err);
extern void bk_wire_close(BkWire *wire);

/*
 * An exchange by HTTP/1.1. True: an answer, whatever it says, came whole, as
 * far as its length was told. Errors: 08001 (no name, no connection, TLS),
 * 08006 (broken off, stalled, cut, not HTTP), 57014, 22023 for an address
 * that no store has, what the callbacks say. After a failure the connection
 * is gone.
 */
extern bool bk_wire_http(BkWire *wire, BkWireExchange *exchange, BkError *err);

/* What a server says of a file or folder it was asked for. */
typedef enum BkWireOutcome
{
	BK_WIRE_DONE,
	BK_WIRE_MISSING,
	BK_WIRE_DENIED,
	BK_WIRE_FULL,
	BK_WIRE_REFUSED				/* for another reason */
} BkWireOutcome;

/*
 * What is asked of an SFTP server, and what it said. A URL with a slash at the
 * end names a folder, and is answered with its listing as "ls -l" prints it.
 */
typedef struct BkWireSftp
{
	/* The login, which is by key. */
	const char *private_key_file;
	const char *known_hosts;	/* host keys as OpenSSH keeps them, or: */
	bool		(*trust) (void *arg, const void *key, size_t len);
	void	   *arg;

	const char *command;		/* to carry out before: rm, rename, mkdir ... */
	bool		look;			/* only size and time; nothing of a folder */
	bool		upload;			/* write the body */
	uint64_t	at;				/* where the file ends, to go on there; 0: anew */
	const char *range;			/* what to read, as "0-99"; NULL: all */

	BkWireOutcome outcome;
	char		words[256];		/* the library's, of what was not done */
	uint64_t	size;			/* of what was looked at; 0: not known */
	int64_t		modified;		/* UTC seconds; -1: there is nothing */
} BkWireSftp;

/*
 * An exchange by SFTP. True: the outcome tells what the server said, and "data"
 * had all that it sent. Errors as for HTTP; 28000 where it refused the login,
 * 08001 where its own key is not the one known.
 */
extern bool bk_wire_sftp(BkWire *wire, BkWireExchange *exchange,
						 BkWireSftp *job, BkError *err);

/* What a mail server is asked to pass on: the body, which has lines that end with CRLF. */
typedef struct BkWireMail
{
	const char *sender;			/* addresses, without angle brackets */
	const char *const *recipients;
	int			recipient_count;
	const char *user;			/* for the login; NULL: there is none */
	const char *password;
	bool		plaintext;		/* smtp:// goes without TLS */
} BkWireMail;

/*
 * An exchange by SMTP (RFC 5321), with TLS from the beginning or by STARTTLS.
 * True: the server has taken the mail for all recipients. Errors as for HTTP;
 * 28000 where it refused the login, 08006 with its words where it refused
 * anything else. The exchange's method, headers and callbacks are not used.
 */
extern bool bk_wire_mail(BkWire *wire, BkWireExchange *exchange,
						 const BkWireMail *mail, BkError *err);

/* Use the connection no more: the next exchange makes another. */
extern void bk_wire_disconnect(BkWire *wire);

#endif
