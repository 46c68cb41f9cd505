/*
 * sftp.c
 *	  The store that is a folder of an SFTP server: objects are files.
 *
 * sftp_session.c talks to the server, sftp_put.c writes, sftp_list.c goes
 * through the folders. The protocol as curl speaks it has no fsync: when the
 * server has told us that it wrote a file, and has given the same bytes back,
 * that is all there is to be known.
 */
#include "storage/sftp.h"

#include <stdlib.h>
#include <string.h>

#include "storage/sftp_list.h"
#include "storage/sftp_put.h"
#include "storage/sftp_session.h"
#include "storage/url.h"

typedef struct Sftp
{
	BkStorage	base;
	BkUrl		url;
	BkSftp	   *session;
} Sftp;

typedef struct SftpReader
{
	BkReader	base;
	BkSftp	   *session;
	char	   *key;
	uint64_t	at;				/* where the next piece begins */
	BkBuf		piece;
	size_t		given;			/* bytes of the piece */
	bool		last;			/* there is no further piece */
} SftpReader;

static bool sftp_put(BkStorage *storage, const char *key, BkWriter **writer,
					 BkError *err);
static bool sftp_store(BkStorage *storage, const char *key, const void *data,
					   size_t len, bool free, BkError *err);
static bool sftp_get(BkStorage *storage, const char *key, BkReader **reader,
					 BkError *err);
static bool sftp_stat(BkStorage *storage, const char *key, BkObjectStat *stat,
					  BkError *err);
static bool sftp_list(BkStorage *storage, const char *prefix,
					  BkStorageVisit visit, void *arg, BkError *err);
static bool sftp_match(BkStorage *storage, const char *beginning,
					   BkStorageVisit visit, void *arg, BkError *err);
static bool sftp_sync(BkStorage *storage, const char *key, BkError *err);
static bool sftp_remove(BkStorage *storage, const char *key, BkError *err);
static bool sftp_sweep(BkStorage *storage, const char *prefix, bool dead,
					  BkError *err);
static bool sftp_probe(BkStorage *storage, bool write,
					   BkStorageFinding finding, void *arg, BkError *err);
static const char *sftp_describe(BkStorage *storage);
static void sftp_close(BkStorage *storage);
static bool make_place(Sftp *store, bool create, BkError *err);
static bool check_key(const char *key, BkError *err);
static bool next_piece(SftpReader *self, BkError *err);
static bool reader_read(BkReader *reader, void *buf, size_t len, size_t *got,
						BkError *err);
static void reader_close(BkReader *reader);

static const BkStorageOps sftp_ops = {
	.scheme = "sftp",
	.put = sftp_put,
	.store = sftp_store,
	.get = sftp_get,
	.stat = sftp_stat,
	.list = sftp_list,
	.match = sftp_match,
	.sync = sftp_sync,
	.remove = sftp_remove,
	.remove_all = bk_storage_remove_each,
	.sweep = sftp_sweep,
	.probe = sftp_probe,
	.lifecycle = bk_storage_no_lifecycle,
	.set_lifecycle = bk_storage_no_set_lifecycle,
	.space = bk_storage_unknown_space,
	.describe = sftp_describe,
	.close = sftp_close,
};

static const BkReaderOps reader_ops = {
	.read = reader_read,
	.close = reader_close,
};

BkStorage *
bk_sftp_open(const char *url, bool create, const BkStorageAccess *access,
			 BkError *err)
{
	Sftp	   *store = calloc(1, sizeof(*store));

	if (store == NULL)
	{
		bk_error_memory(err);
		return NULL;
	}
	store->base.ops = &sftp_ops;
	if (bk_url_parse(url, &store->url, err))
		store->session = bk_sftp_session(&store->url, access == NULL ? NULL : access->host, err);
	if (store->session != NULL && make_place(store, create, err))
		return &store->base;
	sftp_close(&store->base);
	return NULL;
}

static bool
sftp_put(BkStorage *storage, const char *key, BkWriter **writer, BkError *err)
{
	if (!check_key(key, err))
		return false;
	*writer = bk_sftp_put(((Sftp *) storage)->session, key, err);
	return *writer != NULL;
}

static bool
sftp_store(BkStorage *storage, const char *key, const void *data, size_t len,
		   bool free, BkError *err)
{
	BkWriter   *writer;
	bool		done;

	/* A look is little beside the rest. */
	(void) free;
	if (!sftp_put(storage, key, &writer, err))
		return false;
	done = bk_write(writer, data, len, err) && bk_finish(writer, err);
	bk_writer_close(writer);
	return done;
}

/* The first piece is fetched at once: it tells whether there is an object. */
static bool
sftp_get(BkStorage *storage, const char *key, BkReader **reader, BkError *err)
{
	SftpReader *self;

	if (!check_key(key, err))
		return false;
	self = calloc(1, sizeof(*self));
	if (self == NULL)
		return bk_error_memory(err);
	self->base.ops = &reader_ops;
	self->session = ((Sftp *) storage)->session;
	bk_buf_init(&self->piece);
	self->key = strdup(key);
	if (self->key == NULL)
		bk_error_memory(err);
	else if (next_piece(self, err))
	{
		*reader = &self->base;
		return true;
	}
	reader_close(&self->base);
	return false;
}

static bool
sftp_stat(BkStorage *storage, const char *key, BkObjectStat *stat,
		  BkError *err)
{
	*stat = (BkObjectStat) {0};
	return check_key(key, err) &&
		bk_sftp_look(((Sftp *) storage)->session, key, stat, err);
}

static bool
sftp_list(BkStorage *storage, const char *prefix, BkStorageVisit visit,
		  void *arg, BkError *err)
{
	return bk_sftp_list(((Sftp *) storage)->session, prefix, visit, arg, err);
}

static bool
sftp_match(BkStorage *storage, const char *beginning, BkStorageVisit visit,
		   void *arg, BkError *err)
{
	return bk_sftp_match(((Sftp *) storage)->session, beginning, visit, arg,
						 err);
}

static bool
sftp_sync(BkStorage *storage, const char *key, BkError *err)
{
	BkObjectStat stat;

	if (!sftp_stat(storage, key, &stat, err))
		return false;
	if (stat.exists)
		return true;
	return bk_error(err, BK_STATE_MISSING_FILE,
					"object \"%s\" does not exist in \"%s\"", key,
					sftp_describe(storage));
}

static bool
sftp_remove(BkStorage *storage, const char *key, BkError *err)
{
	Sftp	   *store = (Sftp *) storage;

	return check_key(key, err) && bk_sftp_remove(store->session, key, err) &&
		bk_sftp_tidy(store->session, key, err);
}

/* A writer that came to nothing has left its folder. */
static bool
sftp_sweep(BkStorage *storage, const char *prefix, bool dead,
		   BkError *err)
{
	Sftp	   *store = (Sftp *) storage;
	BkBuf		inside;
	bool		done;

	if (!bk_sftp_sweep(store->session, prefix, dead, err))
		return false;
	bk_buf_init(&inside);
	bk_buf_printf(&inside, "%s/", prefix);
	done = bk_buf_check(&inside, err) &&
		bk_sftp_tidy(store->session, inside.data, err);
	bk_buf_free(&inside);
	return done;
}

/* Two files are written, and the second is to get the first one's name. */
static bool
sftp_probe(BkStorage *storage, bool write, BkStorageFinding finding,
		   void *arg, BkError *err)
{
	static const char first[] = "probe/first";
	static const char second[] = "probe/second";
	BkSftp	   *session = ((Sftp *) storage)->session;
	bool		replaced = false;
	bool		done;

	if (!write)
		return true;
	done = bk_sftp_append(session, first, 0, "1", 1, err) &&
		bk_sftp_append(session, second, 0, "2", 1, err) &&
		bk_sftp_rename(session, second, first, &replaced, err) &&
		bk_sftp_remove(session, second, err) &&
		bk_sftp_remove(session, first, err) &&
		bk_sftp_remove_folder(session, "probe", &(bool) {false}, err);
	return done && finding(arg, "write once", replaced ?
						   "this server replaces files when it renames: only names that nobody else can have keep them apart" :
						   "files get their names without replacing others", err);
}

static const char *
sftp_describe(BkStorage *storage)
{
	return bk_sftp_place(((Sftp *) storage)->session);
}

static void
sftp_close(BkStorage *storage)
{
	Sftp	   *store = (Sftp *) storage;

	bk_sftp_end(store->session);
	bk_url_free(&store->url);
	free(store);
}

/* Only the last component: a missing disk is not made up for by folders. */
static bool
make_place(Sftp *store, bool create, BkError *err)
{
	bool		is_there;

	if (!create)
		return true;
	if (!bk_sftp_is_folder(store->session, "", &is_there, err))
		return false;
	if (is_there)
		return true;
	if (!bk_sftp_make_folder(store->session, "", err) ||
		!bk_sftp_is_folder(store->session, "", &is_there, err))
		return false;
	if (is_there)
		return true;
	bk_error(err, BK_STATE_MISSING_FILE, "directory \"/%s\" of \"%s\" cannot be made",
			 store->url.path, store->url.host);
	return bk_error_hint(err, "Make the directory above it on the server, and let user \"%s\" write there.",
						 store->url.user);
}

/* The server's listings are lines. */
static bool
check_key(const char *key, BkError *err)
{
	if (!bk_storage_check_key(key, err))
		return false;
	for (const char *next = key; *next != '\0'; next++)
	{
		if ((unsigned char) *next < ' ' || *next == 0x7f)
		{
			bk_error(err, BK_STATE_BAD_ARGUMENT,
					 "an object name has a control character");
			return bk_error_detail(err, "The names of an SFTP server cannot have one.");
		}
	}
	return true;
}

static bool
next_piece(SftpReader *self, BkError *err)
{
	bk_buf_reset(&self->piece);
	self->given = 0;
	if (!bk_sftp_read(self->session, self->key, self->at, BK_SFTP_PIECE,
					  &self->piece, err))
		return false;
	self->at += self->piece.len;
	self->last = self->piece.len < BK_SFTP_PIECE;
	return true;
}

static bool
reader_read(BkReader *reader, void *buf, size_t len, size_t *got,
			BkError *err)
{
	SftpReader *self = (SftpReader *) reader;
	size_t		left = self->piece.len - self->given;

	if (left == 0 && !self->last)
	{
		if (!next_piece(self, err))
			return false;
		left = self->piece.len;
	}
	*got = left < len ? left : len;
	if (*got > 0)
		memcpy(buf, self->piece.data + self->given, *got);
	self->given += *got;
	return true;
}

static void
reader_close(BkReader *reader)
{
	SftpReader *self = (SftpReader *) reader;

	bk_buf_free(&self->piece);
	free(self->key);
	free(self);
}
