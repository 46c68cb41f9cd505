/*
 * sftp_put.c
 *	  Writing the objects of an SFTP server.
 *
 * The order of a put: temporary, all bytes, read back, then the name. That a
 * rename does not replace holds for OpenSSH; other servers replace. There the
 * look before it has to do, and that two writers never have the same name for
 * other content.
 */
#include "storage/sftp_put.h"

#include <stdlib.h>
#include <string.h>

#include "core/digest.h"

#define TEMPORARY	".tmp-"
#define LABEL_SIZE	20

typedef struct SftpPut
{
	BkWriter	base;
	BkSftp	   *session;
	char	   *key;
	char	   *temporary;		/* key of the file that is written */
	bool		begun;			/* it is there */
	BkBuf		piece;			/* not sent yet */
	uint64_t	sent;
	BkDigest   *digest;			/* of what is written */
	char		hex[BK_DIGEST_HEX_SIZE];
} SftpPut;

static bool name_temporary(SftpPut *self, BkError *err);
static bool writer_write(BkWriter *writer, const void *buf, size_t len,
						 BkError *err);
static bool writer_finish(BkWriter *writer, BkError *err);
static void writer_close(BkWriter *writer);
static bool send_piece(SftpPut *self, BkError *err);
static bool confirm(SftpPut *self, BkError *err);
static bool publish(SftpPut *self, BkError *err);
static bool compare_existing(SftpPut *self, uint64_t size, BkError *err);
static bool digest_file(SftpPut *self, const char *key, char *hex,
						BkError *err);

static const BkWriterOps writer_ops = {
	.write = writer_write,
	.finish = writer_finish,
	.close = writer_close,
};

BkWriter *
bk_sftp_put(BkSftp *sftp, const char *key, BkError *err)
{
	SftpPut    *self = calloc(1, sizeof(*self));

	if (self == NULL)
	{
		bk_error_memory(err);
		return NULL;
	}
	self->base.ops = &writer_ops;
	self->session = sftp;
	bk_buf_init(&self->piece);
	self->key = strdup(key);
	if (self->key == NULL)
		bk_error_memory(err);
	else if (name_temporary(self, err) &&
			 (self->digest = bk_digest_new(err)) != NULL)
		return &self->base;
	writer_close(&self->base);
	return NULL;
}

/* One that is in use stays, and so do those above it. */
bool
bk_sftp_tidy(BkSftp *sftp, const char *key, BkError *err)
{
	char	   *folder = strdup(key);
	bool		done = folder != NULL || bk_error_memory(err);
	bool		gone = done;

	while (done && gone)
	{
		char	   *slash = strrchr(folder, '/');

		if (slash != NULL)
			*slash = '\0';
		if (slash == NULL || strchr(folder, '/') == NULL)
			break;
		done = bk_sftp_remove_folder(sftp, folder, &gone, err);
	}
	free(folder);
	return done;
}

/* In the folder of the object, so that the rename moves nothing. */
static bool
name_temporary(SftpPut *self, BkError *err)
{
	const char *slash = strrchr(self->key, '/');
	char		label[LABEL_SIZE + 1];
	BkBuf		name;

	if (!bk_random_label(label, LABEL_SIZE, err))
		return false;
	bk_buf_init(&name);
	bk_buf_append(&name, self->key,
				  slash == NULL ? 0 : (size_t) (slash - self->key) + 1);
	bk_buf_printf(&name, TEMPORARY "%s", label);
	self->temporary = bk_buf_take(&name, err);
	return self->temporary != NULL;
}

static bool
writer_write(BkWriter *writer, const void *buf, size_t len, BkError *err)
{
	SftpPut    *self = (SftpPut *) writer;
	const char *from = buf;

	if (!bk_digest_update(self->digest, buf, len, err))
		return false;
	while (len > 0)
	{
		size_t		room = BK_SFTP_PIECE - self->piece.len;
		size_t		chunk = len < room ? len : room;

		bk_buf_append(&self->piece, from, chunk);
		if (!bk_buf_check(&self->piece, err) ||
			(chunk == room && !send_piece(self, err)))
			return false;
		from += chunk;
		len -= chunk;
	}
	return true;
}

static bool
writer_finish(BkWriter *writer, BkError *err)
{
	SftpPut    *self = (SftpPut *) writer;

	if (!bk_digest_final_hex(self->digest, self->hex, err))
		return false;
	if ((self->piece.len > 0 || !self->begun) && !send_piece(self, err))
		return false;
	return confirm(self, err) && publish(self, err);
}

static void
writer_close(BkWriter *writer)
{
	SftpPut    *self = (SftpPut *) writer;
	BkError		ignored;

	/* What stays if this fails is swept one day. */
	if (self->begun && bk_sftp_remove(self->session, self->temporary, &ignored))
		bk_sftp_tidy(self->session, self->key, &ignored);
	bk_buf_free(&self->piece);
	bk_digest_free(self->digest);
	free(self->temporary);
	free(self->key);
	free(self);
}

static bool
send_piece(SftpPut *self, BkError *err)
{
	bool		first = !self->begun;

	self->begun = true;
	if (!bk_sftp_append(self->session, self->temporary, self->sent,
						first && self->piece.data == NULL ? "" : self->piece.data,
						self->piece.len, err))
		return false;
	self->sent += self->piece.len;
	bk_buf_reset(&self->piece);
	return true;
}

static bool
confirm(SftpPut *self, BkError *err)
{
	char		hex[BK_DIGEST_HEX_SIZE];

	if (!digest_file(self, self->temporary, hex, err))
		return false;
	return strcmp(hex, self->hex) == 0 ||
		bk_error(err, BK_STATE_CORRUPT,
				 "object \"%s\" in \"%s\" reads back other than it was written",
				 self->key, bk_sftp_place(self->session));
}

static bool
publish(SftpPut *self, BkError *err)
{
	BkObjectStat stat;
	bool		done = false;

	if (!bk_sftp_look(self->session, self->key, &stat, err))
		return false;
	if (!stat.exists &&
		!bk_sftp_rename(self->session, self->temporary, self->key, &done, err))
		return false;
	if (done)
	{
		self->begun = false;
		return true;
	}
	if (!stat.exists && !bk_sftp_look(self->session, self->key, &stat, err))
		return false;
	if (stat.exists)
		return compare_existing(self, stat.size, err);
	bk_error(err, BK_STATE_IO, "could not name object \"%s\" in \"%s\"",
			 self->key, bk_sftp_place(self->session));
	return bk_error_detail(err, "The server refused to rename the file that was written.");
}

static bool
compare_existing(SftpPut *self, uint64_t size, BkError *err)
{
	char		hex[BK_DIGEST_HEX_SIZE] = "";

	if (size == self->sent && !digest_file(self, self->key, hex, err))
		return false;
	return strcmp(hex, self->hex) == 0 ||
		bk_error(err, BK_STATE_DUP_OBJECT,
				 "object \"%s\" in \"%s\" exists with other content",
				 self->key, bk_sftp_place(self->session));
}

/* The digest of a file that is as long as what was written, if it is that. */
static bool
digest_file(SftpPut *self, const char *key, char *hex, BkError *err)
{
	BkDigest   *digest = bk_digest_new(err);
	BkBuf		piece;
	uint64_t	at = 0;
	bool		done = digest != NULL;
	bool		more = done;

	bk_buf_init(&piece);
	while (more)
	{
		bk_buf_reset(&piece);
		done = bk_sftp_read(self->session, key, at, BK_SFTP_PIECE, &piece, err) &&
			bk_digest_update(digest, piece.data, piece.len, err);
		at += piece.len;
		more = done && piece.len == BK_SFTP_PIECE && at <= self->sent;
	}
	done = done && bk_digest_final_hex(digest, hex, err);
	bk_buf_free(&piece);
	bk_digest_free(digest);
	return done;
}
