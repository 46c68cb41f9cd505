/*
 * azure_list.h
 *	  Listings of Azure Blob Storage. Used by the Azure driver only.
 */
#ifndef BK_STORAGE_AZURE_LIST_H
#define BK_STORAGE_AZURE_LIST_H

#include "storage/azure_client.h"

/*
 * Visit the objects whose keys begin so; where "flat", only those without a
 * slash behind it. In byte order, and complete or an error.
 */
extern bool bk_azure_list(BkAzure *azure, const char *beginning, bool flat,
						  BkStorageVisit visit, void *arg, BkError *err);

#endif
