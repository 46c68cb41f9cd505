/*
 * backup_ext.c
 *	  Entry point of the library. Loaded at server start it asks for shared
 *	  memory and registers the launcher; loaded later it only knows its
 *	  settings, so that its functions can say what is missing.
 */
#include "server/compat.h"

#include "miscadmin.h"

#include "server/launcher.h"
#include "server/registrar.h"
#include "server/settings.h"
#include "server/shared.h"

BK_MODULE_MAGIC;

PGDLLEXPORT void _PG_init(void);

void
_PG_init(void)
{
	bk_settings_define();

	/* pg_upgrade needs a server in which nobody else is connected */
	if (!process_shared_preload_libraries_in_progress || IsBinaryUpgrade)
		return;

	bk_shared_request();
	bk_launcher_register();
	bk_registrar_register();
}
