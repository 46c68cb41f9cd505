/*
 * azure.h
 *	  The store that is a container of Azure Blob Storage.
 */
#ifndef BK_STORAGE_AZURE_H
#define BK_STORAGE_AZURE_H

#include "storage/storage.h"

/*
 * Open a container, azure://container/prefix?account=name. Nothing is asked of
 * the store yet, and "create" makes nothing: the container must be there. The
 * account's key or a shared access signature comes from a file, or from the
 * host's variables as Azure's tools have them. Errors: 22023 for what the URL
 * says, 28000 if there are no credentials, and those of the files.
 */
extern BkStorage *bk_azure_open(const char *url, bool create,
								const BkStorageAccess *access, BkError *err);

#endif
