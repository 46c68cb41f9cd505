/*
 * compat.h
 *	  Every difference between the PostgreSQL versions that backup_ext is
 *	  built for. No other file looks at PG_VERSION_NUM.
 */
#ifndef BK_SERVER_COMPAT_H
#define BK_SERVER_COMPAT_H

#include "postgres.h"

#include "fmgr.h"
#include "storage/latch.h"
#if PG_VERSION_NUM >= 180000
#include "storage/waiteventset.h"
#endif
#if PG_VERSION_NUM >= 160000
#include "archive/archive_module.h"
#else
#include "postmaster/pgarch.h"
#endif

#if PG_VERSION_NUM < 150000
#error "backup_ext needs PostgreSQL 15 or newer"
#endif

/* 18 lets a module say its name and version in pg_get_loaded_modules() */
#if PG_VERSION_NUM >= 180000
#define BK_MODULE_MAGIC \
	PG_MODULE_MAGIC_EXT(.name = "backup_ext", .version = BK_VERSION)
#else
#define BK_MODULE_MAGIC PG_MODULE_MAGIC
#endif

/* 18 renamed its own word for this, and moved it to the front */
#define BK_NORETURN __attribute__((noreturn))

/* 17 can limit the time of a transaction, which would end a worker */
#if PG_VERSION_NUM >= 170000
#define BK_TRANSACTION_TIMEOUT_OFF {"transaction_timeout", "0"},
#else
#define BK_TRANSACTION_TIMEOUT_OFF
#endif

/* 17 ties a set to a resource owner; ours is freed by hand in every version */
#if PG_VERSION_NUM >= 170000
#define BkCreateWaitEventSet(nevents) CreateWaitEventSet(NULL, (nevents))
#else
#define BkCreateWaitEventSet(nevents) \
	CreateWaitEventSet(CurrentMemoryContext, (nevents))
#endif

/* 16 gave the callbacks of an archive module a state, and a call to begin with */
#if PG_VERSION_NUM >= 160000
#define BK_ARCHIVE_ARGUMENT ArchiveModuleState *state
#define BK_ARCHIVE_ARGUMENTS ArchiveModuleState *state,
#define BK_ARCHIVE_MODULE(configured, archive, shutdown) \
	const ArchiveModuleCallbacks * \
	_PG_archive_module_init(void) \
	{ \
		static const ArchiveModuleCallbacks callbacks = { \
			NULL, (configured), (archive), (shutdown) \
		}; \
		return &callbacks; \
	}
#else
#define BK_ARCHIVE_ARGUMENT void
#define BK_ARCHIVE_ARGUMENTS
#define BK_ARCHIVE_MODULE(configured, archive, shutdown) \
	extern PGDLLEXPORT void _PG_archive_module_init(ArchiveModuleCallbacks *callbacks); \
	void \
	_PG_archive_module_init(ArchiveModuleCallbacks *callbacks) \
	{ \
		callbacks->check_configured_cb = (configured); \
		callbacks->archive_file_cb = (archive); \
		callbacks->shutdown_cb = (shutdown); \
	}
#endif

/* 17 shows why a module does not work at this time, beside its warning */
#if PG_VERSION_NUM >= 170000
#define BK_ARCHIVE_EXPLAIN(reason) (arch_module_check_errdetail("%s", (reason)))
#else
#define BK_ARCHIVE_EXPLAIN(reason) ereport(LOG, (errmsg_internal("%s", (reason))))
#endif

/* 16 renamed this; numbers begin with 1 */
#if PG_VERSION_NUM >= 160000
#define BkLocalBackendStatus(number) pgstat_get_local_beentry_by_index(number)
#else
#define BkLocalBackendStatus(number) pgstat_fetch_stat_local_beentry(number)
#endif

/*
 * Is the client still there? The same in all versions, but libpq/libpq.h
 * includes the header of Kerberos, which an extension's build need not have.
 */
extern bool pq_check_connection(void);

#endif							/* BK_SERVER_COMPAT_H */
