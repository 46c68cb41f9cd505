/*
 * azure_client.h
 *	  Requests to Azure Blob Storage: signed, judged, tried again. Used by the
 *	  Azure driver only.
 *
 * Clients are connections that are kept. Whoever has something to ask takes
 * one from the pool and gives it back; that may be done by any thread.
 */
#ifndef BK_STORAGE_AZURE_CLIENT_H
#define BK_STORAGE_AZURE_CLIENT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "storage/azure_key.h"
#include "storage/http.h"
#include "storage/storage.h"
#include "storage/url.h"

/* Connections that wait for the next who needs one. */
#define BK_AZURE_IDLE_MAX	16
#define BK_AZURE_ETAG_SIZE	128

typedef struct BkAzureClient BkAzureClient;

/* What all who work on one store share. */
typedef struct BkAzure
{
	BkStorage	base;
	BkUrl		url;
	char	   *origin;			/* https://host:port of the endpoint */
	char	   *path;			/* of the container; ends in a slash */
	char	   *prefix;			/* of all keys, with a slash at its end, or "" */
	const BkHost *host;			/* may be NULL */
	int			jobs;			/* transfers that a stream may have in flight */
	bool		brief;			/* give up soon */
	BkAzureKeys *keys;
	pthread_mutex_t lock;		/* of what follows */
	int			idle_count;
	BkAzureClient *idle[BK_AZURE_IDLE_MAX];
} BkAzure;

/* What a refusal says. */
typedef struct BkAzureFault
{
	int			status;			/* of HTTP */
	char		code[64];		/* "": the answer is not the store's */
	char		message[300];	/* fit to be shown */
	char		request_id[64];
} BkAzureFault;

/* Anything that can be asked for. */
typedef struct BkAzureRequest
{
	const char *verb;			/* for messages: "store", "read", ... */
	const char *key;			/* NULL: it is about the container */
	BkHttpRequest http;			/* query, headers and body are the caller's */

	/*
	 * Does a 2xx answer say what it should? Called once per attempt; false,
	 * with an error, has it asked again. NULL: its status is enough.
	 */
	bool		(*accept) (void *arg, const BkHttpResponse *response,
						   BkError *err);
	void	   *arg;
	size_t		body_max;		/* of the answer, 0: as usual */
	BkHttpResponse response;	/* of the last attempt, after a call */
	BkAzureFault fault;			/* after a call that was refused */
} BkAzureRequest;

/*
 * Take a client. While it is out, *cancel (which may be NULL) ends its waits,
 * as the host does. NULL on failure.
 */
extern BkAzureClient *bk_azure_take(BkAzure *azure, const atomic_bool *cancel,
									BkError *err);
extern void bk_azure_give(BkAzureClient *client);

/* Close all clients that wait. */
extern void bk_azure_close_idle(BkAzure *azure);

/*
 * Make a request about an object, or with key NULL the container. Free it in
 * any case.
 */
extern void bk_azure_request_init(BkAzureRequest *request,
								  const BkAzure *azure, const char *method,
								  const char *verb, const char *key);
extern void bk_azure_request_free(BkAzureRequest *request);

/*
 * Carry it out. Errors: 58P01 for what is missing, 28000 and 42501 for what is
 * refused, and those of bk_http_call().
 */
extern bool bk_azure_call(BkAzureClient *client, BkAzureRequest *request,
						  BkError *err);

/* Was it refused with this code? */
extern bool bk_azure_refused(const BkAzureRequest *request, const char *code);

/* The folder's URL, for messages. Borrowed. */
extern const char *bk_azure_place(const BkAzure *azure);

#endif
