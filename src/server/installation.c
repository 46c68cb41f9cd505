/*
 * installation.c
 *	  Reads pg_extension by a scan: that needs no search_path and no rights.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/pg_class.h"
#include "catalog/pg_extension.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "server/installation.h"

static Oid	bk_installation_table_owner(const BkInstallation *installation,
										const char *table);

void
bk_installation_find(BkInstallation *installation)
{
	Relation	catalog = table_open(ExtensionRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	memset(installation, 0, sizeof(BkInstallation));
	ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber,
				F_NAMEEQ, CStringGetDatum("backup_ext"));
	scan = systable_beginscan(catalog, ExtensionNameIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		Form_pg_extension row = (Form_pg_extension) GETSTRUCT(tuple);
		char	   *schema = get_namespace_name(row->extnamespace);
		bool		is_null;
		Datum		version = heap_getattr(tuple, Anum_pg_extension_extversion,
										   RelationGetDescr(catalog), &is_null);

		installation->found = schema != NULL;
		installation->oid = row->oid;
		installation->schema_oid = row->extnamespace;
		if (schema != NULL)
			snprintf(installation->schema, sizeof(installation->schema), "%s",
					 quote_identifier(schema));
		if (!is_null)
			snprintf(installation->version, sizeof(installation->version), "%s",
					 TextDatumGetCString(version));
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
}

/*
 * DROP EXTENSION locks the extension before its tables, in an order of its own:
 * whoever has the extension until the end of the transaction has no deadlock.
 */
void
bk_installation_need(BkInstallation *installation)
{
	bk_installation_find(installation);
	if (installation->found)
	{
		LockDatabaseObject(ExtensionRelationId, installation->oid, 0, AccessShareLock);
		bk_installation_find(installation);
	}
	if (!installation->found)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("extension \"backup_ext\" is not installed in this database any more")));
}

void
bk_installation_act(const BkInstallation *installation, const char *table,
					BkActor *before)
{
	Oid			owner = bk_installation_table_owner(installation, table);

	GetUserIdAndSecContext(&before->user, &before->context);
	SetUserIdAndSecContext(owner,
						   before->context | SECURITY_LOCAL_USERID_CHANGE |
						   SECURITY_RESTRICTED_OPERATION |
						   SECURITY_NOFORCE_RLS);
	before->guc_level = NewGUCNestLevel();
}

void
bk_installation_act_end(const BkActor *before)
{
	AtEOXact_GUC(false, before->guc_level);
	SetUserIdAndSecContext(before->user, before->context);
}

/* The owner of the extension may be another one. */
static Oid
bk_installation_table_owner(const BkInstallation *installation,
							const char *table)
{
	HeapTuple	tuple = SearchSysCache2(RELNAMENSP, CStringGetDatum(table),
										ObjectIdGetDatum(installation->schema_oid));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("table \"%s\" of extension \"backup_ext\" is missing", table)));
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return owner;
}
