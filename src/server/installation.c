/*
 * installation.c
 *	  Reads pg_extension by a scan: that needs no search_path and no rights.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/pg_extension.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "server/installation.h"

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
		installation->schema_oid = row->extnamespace;
		installation->owner = row->extowner;
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
