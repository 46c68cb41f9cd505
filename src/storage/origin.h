/*
 * origin.h
 *	  Which servers a store may be on: scheme://host:port of an endpoint.
 */
#ifndef BK_STORAGE_ORIGIN_H
#define BK_STORAGE_ORIGIN_H

#include <stdbool.h>
#include <sys/socket.h>

#include "core/error.h"

/*
 * Check the endpoint of a store: http or https, a plain host, an optional
 * port, and nothing behind it but perhaps a path. Errors (22023): another
 * scheme, a user or password, an address of the cloud's metadata services,
 * and http to another machine unless plain_http says that this is wanted.
 */
extern bool bk_origin_check(const char *origin, bool plain_http, BkError *err);

/* Does it name this machine: localhost, 127.0.0.0/8 or ::1? */
extern bool bk_origin_is_loopback(const char *origin);

/*
 * Is it an address at which clouds serve metadata and credentials, and no
 * store ever is: 169.254.0.0/16, fe80::/10, fd00:ec2::/32?
 */
extern bool bk_origin_is_link_local(const struct sockaddr *address);

#endif
