/*
 * azure_key.h
 *	  The right to an Azure storage account: its key, or a shared access
 *	  signature. Used by the Azure driver only.
 *
 * They come from a file of lines "account = ", "key = " and "sas = ", which is
 * read again when it has changed, else from AZURE_STORAGE_ACCOUNT,
 * AZURE_STORAGE_KEY and AZURE_STORAGE_SAS_TOKEN.
 */
#ifndef BK_STORAGE_AZURE_KEY_H
#define BK_STORAGE_AZURE_KEY_H

#include "core/host.h"
#include "storage/http.h"

typedef struct BkAzureKeys BkAzureKeys;

/*
 * Find them; the strings must outlive the handle. account (or NULL) goes
 * before what is found. NULL on failure: none (28000), a key that is not in
 * base 64 (22023), and those of reading the file.
 */
extern BkAzureKeys *bk_azure_keys_open(const char *account, const char *file,
									   const BkHost *host, BkError *err);
extern void bk_azure_keys_close(BkAzureKeys *keys);

/* The name of the account. Borrowed. */
extern const char *bk_azure_keys_account(const BkAzureKeys *keys);

/*
 * Sign a request (Azure Storage REST, "Authorize with Shared Key"): all
 * headers that are set already, and time in UTC seconds. May be called again
 * for the same request, and by several threads.
 */
extern bool bk_azure_sign(BkAzureKeys *keys, BkHttpRequest *request,
						  int64_t time, BkError *err);

#endif
