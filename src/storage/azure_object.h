/*
 * azure_object.h
 *	  Requests about single objects of Azure Blob Storage, and streams of them.
 *	  Used by the Azure driver only.
 */
#ifndef BK_STORAGE_AZURE_OBJECT_H
#define BK_STORAGE_AZURE_OBJECT_H

#include "storage/azure_client.h"

typedef struct BkAzureHead
{
	BkObjectStat stat;
	char		etag[BK_AZURE_ETAG_SIZE];	/* if it exists */
} BkAzureHead;

/* Look at an object; a missing one is no error. */
extern bool bk_azure_head(BkAzure *azure, const char *key, BkAzureHead *head,
						  BkError *err);

/*
 * Put an object with one request, if the key is free, and make sure that the
 * store has got these bytes. An object with the same content is success.
 */
extern bool bk_azure_put_object(BkAzure *azure, const char *key,
								const void *data, size_t len, BkError *err);

/* Remove an object; a missing one is success. */
extern bool bk_azure_remove_object(BkAzure *azure, const char *key,
								   BkError *err);

/* Open an object for reading; "get" in storage.h has the rules. */
extern BkReader *bk_azure_get_open(BkAzure *azure, const char *key,
								   BkError *err);

/* Start an object under a key that is free; "put" in storage.h has the rules. */
extern BkWriter *bk_azure_upload_open(BkAzure *azure, const char *key,
									  BkError *err);

/* Has an object this content? False with an error (42710) if it has not. */
extern bool bk_azure_same_content(BkAzure *azure, const char *key,
								  const void *data, size_t len, BkError *err);

/* --- for both ------------------------------------------------------------- */

/* Make data the body, with its MD5 for the store to check and to say again. */
extern bool bk_azure_set_body(BkAzureRequest *request, const void *data,
							  size_t len, BkError *err);

/* Has the store said the MD5 again? It has checked it, then. */
extern bool bk_azure_is_proof(const BkAzureRequest *request);

/* The ETag of an answer, with its quotes; false if it has none. */
extern bool bk_azure_etag(const BkHttpResponse *response, char *etag);

#endif
