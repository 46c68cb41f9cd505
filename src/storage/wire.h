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

/* Use the connection no more: the next exchange makes another. */
extern void bk_wire_disconnect(BkWire *wire);

#endif
