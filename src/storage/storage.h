/*
 * storage.h
 *	  Where bytes rest: objects under keys, written once.
 *
 * A key is a relative path with slashes: components of 1 to 255 bytes, none
 * of them "." or "..", none beginning with ".tmp-"; every driver refuses
 * other keys (22023). No object is ever overwritten. A handle belongs to one
 * thread at a time; the streams it gave must be closed before it.
 */
#ifndef BK_STORAGE_STORAGE_H
#define BK_STORAGE_STORAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "core/host.h"
#include "core/stream.h"
#include "storage/lifecycle.h"

typedef struct BkStorage BkStorage;

/* How a store is reached, beside what its URL says; 0 and NULL: as usual. */
typedef struct BkStorageAccess
{
	const BkHost *host;			/* may stop waits; has variables */
	const char *credentials_file;	/* in place of what the host's user has */
	int			jobs;			/* transfers that one stream may have in flight */
	bool		brief;			/* there is another place to turn to: give up soon */
} BkStorageAccess;

typedef struct BkObjectStat
{
	bool		exists;			/* the rest is 0 if not */
	uint64_t	size;			/* stored bytes */
	int64_t		modified;		/* UTC seconds, by the store's clock */
} BkObjectStat;

/*
 * Called for each object of a listing. The key and the stat are borrowed for
 * the call. False ends the listing with the error set here. It may remove the
 * object it is called for and those before it.
 */
typedef bool (*BkStorageVisit) (void *arg, const char *key,
								const BkObjectStat *stat, BkError *err);

/* What a store has room for, in bytes. */
typedef struct BkStorageSpace
{
	uint64_t	total;
	uint64_t	free;			/* for us */
} BkStorageSpace;

/* Called for each thing found out about a store, in words for a person. */
typedef bool (*BkStorageFinding) (void *arg, const char *name,
								  const char *value, BkError *err);

typedef struct BkStorageOps
{
	const char *scheme;			/* of its URLs */

	/*
	 * Start an object. The writer's finish returns true only when the object
	 * is durable and confirmed by reading it back. If the key has an object
	 * already: finish succeeds if its content is the same, else it is an
	 * error (42710) and the object stays as it was. Before finish, nothing
	 * can be seen under the key. Where the store cannot be relied on to refuse
	 * one of two writers, that holds for what was there at the start: names
	 * that could collide carry randomness or a digest.
	 */
	bool		(*put) (BkStorage *storage, const char *key, BkWriter **writer,
						BkError *err);

	/*
	 * Put an object whose bytes are all at hand, with the same promises. The
	 * bytes stay the caller's. "free" says that the caller has just seen the
	 * key free, and that its name lets nobody put other content there: then
	 * the store need not look again.
	 */
	bool		(*store) (BkStorage *storage, const char *key,
						  const void *data, size_t len, bool free,
						  BkError *err);

	/* Open an object for reading; a missing one is an error (58P01). */
	bool		(*get) (BkStorage *storage, const char *key, BkReader **reader,
						BkError *err);

	/* Look at an object; a missing one is no error. */
	bool		(*stat) (BkStorage *storage, const char *key,
						 BkObjectStat *stat, BkError *err);

	/*
	 * Visit every object below a folder and its folders, in byte order of
	 * the keys. prefix is a key, with or without a slash at its end, or ""
	 * for everything; a folder that does not exist has no objects. True means
	 * that the listing is complete: what was there from begin to end of the
	 * call has been visited.
	 */
	bool		(*list) (BkStorage *storage, const char *prefix,
						 BkStorageVisit visit, void *arg, BkError *err);

	/*
	 * Visit, as list does, the objects whose keys begin with these bytes and
	 * have no slash behind them.
	 */
	bool		(*match) (BkStorage *storage, const char *beginning,
						  BkStorageVisit visit, void *arg, BkError *err);

	/*
	 * Make sure that an object that can be seen is durable: its writer may
	 * not have come to that yet. A missing one is an error (58P01).
	 */
	bool		(*sync) (BkStorage *storage, const char *key, BkError *err);

	/* Remove an object, durably; a missing one is success. */
	bool		(*remove) (BkStorage *storage, const char *key, BkError *err);

	/*
	 * Remove objects, as remove does. All are tried: the error is about the
	 * first that could not be removed, and tells how many there are.
	 */
	bool		(*remove_all) (BkStorage *storage, const char *const *keys,
							   size_t count, BkError *err);

	/*
	 * Below a folder (prefix as for list), clean up what writers that are no
	 * longer alive have left, and the place of the prefix itself if it is
	 * then empty. Never touches objects or living writers. Where a store does
	 * not tell who lives, only what is a day old goes, or with "dead", which
	 * says that there is no writer any more, all of it.
	 */
	bool		(*sweep) (BkStorage *storage, const char *prefix, bool dead,
						  BkError *err);

	/*
	 * Tell what the store can do, and how it is set up. With write, it is
	 * tried out: objects below "probe" are written and removed.
	 */
	bool		(*probe) (BkStorage *storage, bool write,
						  BkStorageFinding finding, void *arg, BkError *err);

	/*
	 * Visit the rules by which the store itself moves and removes objects of
	 * ours; set the one that has this name, or with a wish for nothing take it
	 * away. Rules of others stay as they are. 0A000: it has none.
	 */
	bool		(*lifecycle) (BkStorage *storage, BkLifecycleVisit visit,
							  void *arg, BkError *err);
	bool		(*set_lifecycle) (BkStorage *storage,
								  const BkLifecycleWish *wish, BkError *err);

	/* Tell how much room there is. False: it does not say, or has no limit. */
	bool		(*space) (BkStorage *storage, BkStorageSpace *space);

	/* The place, for messages: a path or URL without secrets. Borrowed. */
	const char *(*describe) (BkStorage *storage);

	/* Free the handle. */
	void		(*close) (BkStorage *storage);
} BkStorageOps;

struct BkStorage
{
	const BkStorageOps *ops;
};

static inline bool
bk_storage_put(BkStorage *storage, const char *key, BkWriter **writer,
			   BkError *err)
{
	return storage->ops->put(storage, key, writer, err);
}

static inline bool
bk_storage_store(BkStorage *storage, const char *key, const void *data,
				 size_t len, bool free, BkError *err)
{
	return storage->ops->store(storage, key, data, len, free, err);
}

static inline bool
bk_storage_get(BkStorage *storage, const char *key, BkReader **reader,
			   BkError *err)
{
	return storage->ops->get(storage, key, reader, err);
}

static inline bool
bk_storage_stat(BkStorage *storage, const char *key, BkObjectStat *stat,
				BkError *err)
{
	return storage->ops->stat(storage, key, stat, err);
}

static inline bool
bk_storage_list(BkStorage *storage, const char *prefix, BkStorageVisit visit,
				void *arg, BkError *err)
{
	return storage->ops->list(storage, prefix, visit, arg, err);
}

static inline bool
bk_storage_match(BkStorage *storage, const char *beginning,
				 BkStorageVisit visit, void *arg, BkError *err)
{
	return storage->ops->match(storage, beginning, visit, arg, err);
}

static inline bool
bk_storage_sync(BkStorage *storage, const char *key, BkError *err)
{
	return storage->ops->sync(storage, key, err);
}

static inline bool
bk_storage_remove(BkStorage *storage, const char *key, BkError *err)
{
	return storage->ops->remove(storage, key, err);
}

static inline bool
bk_storage_remove_all(BkStorage *storage, const char *const *keys,
					  size_t count, BkError *err)
{
	return storage->ops->remove_all(storage, keys, count, err);
}

static inline bool
bk_storage_probe(BkStorage *storage, bool write, BkStorageFinding finding,
				 void *arg, BkError *err)
{
	return storage->ops->probe(storage, write, finding, arg, err);
}

static inline bool
bk_storage_sweep(BkStorage *storage, const char *prefix, bool dead,
				 BkError *err)
{
	return storage->ops->sweep(storage, prefix, dead, err);
}

static inline bool
bk_storage_lifecycle(BkStorage *storage, BkLifecycleVisit visit, void *arg,
					 BkError *err)
{
	return storage->ops->lifecycle(storage, visit, arg, err);
}

static inline bool
bk_storage_set_lifecycle(BkStorage *storage, const BkLifecycleWish *wish,
						 BkError *err)
{
	return storage->ops->set_lifecycle(storage, wish, err);
}

static inline bool
bk_storage_space(BkStorage *storage, BkStorageSpace *space)
{
	return storage->ops->space(storage, space);
}

static inline const char *
bk_storage_describe(BkStorage *storage)
{
	return storage->ops->describe(storage);
}

/* Close a storage; NULL is allowed. */
static inline void
bk_storage_close(BkStorage *storage)
{
	if (storage != NULL)
		storage->ops->close(storage);
}

/*
 * Open the place a URL names, by its scheme. With create, the place itself is
 * made if it is missing (for a folder: its last component); what is in it is
 * not looked at. What access points to must outlive the handle. NULL on
 * failure: not a URL or a bad one (22023), an unknown scheme (0A000), and what
 * the driver says.
 */
extern BkStorage *bk_storage_open(const char *url, bool create,
								  const BkStorageAccess *access, BkError *err);

/*
 * Remove objects one by one, with the rules of remove_all: for drivers whose
 * store knows nothing faster.
 */
extern bool bk_storage_remove_each(BkStorage *storage,
								   const char *const *keys, size_t count,
								   BkError *err);

/* For drivers of stores that have no lifecycle rules. */
extern bool bk_storage_no_lifecycle(BkStorage *storage,
									BkLifecycleVisit visit, void *arg,
									BkError *err);
extern bool bk_storage_no_set_lifecycle(BkStorage *storage,
										const BkLifecycleWish *wish,
										BkError *err);

/* For drivers of stores whose room is not known. */
extern bool bk_storage_unknown_space(BkStorage *storage,
									 BkStorageSpace *space);

/*
 * Check a key by the rules above: false with an error (22023) that quotes it.
 * For drivers.
 */
extern bool bk_storage_check_key(const char *key, BkError *err);

#endif
