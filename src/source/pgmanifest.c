/*
 * pgmanifest.c
 *	  Write PostgreSQL's backup_manifest.
 *
 * The last line is the SHA-256 of all lines before it. It has a fixed length,
 * so a reader knows where it begins once it has seen the end.
 */
#include "source/pgmanifest.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/buf.h"
#include "core/json.h"
#include "core/walname.h"

#define LAST_LINE	"\"Manifest-Checksum\": \""
#define LAST_END	"\"}\n"
#define LAST_SIZE	(sizeof(LAST_LINE) - 1 + BK_DIGEST_HEX_SIZE - 1 + sizeof(LAST_END) - 1)

#define VERSION_17	170000

struct BkPgManifest
{
	BkWriter   *next;
	BkDigest   *digest;
	bool		first;			/* no file has been added */
};

static bool put(BkPgManifest *manifest, const char *text, BkError *err);
static void put_path(BkJson *file, const char *path);
static bool check_last_line(BkDigest *digest, const char *line, BkError *err);

BkPgManifest *
bk_pgmanifest_open(BkWriter *next, int server_version,
				   const char *system_identifier, BkError *err)
{
	BkPgManifest *manifest = calloc(1, sizeof(*manifest));
	bool		ok;
	BkBuf		head;

	if (manifest == NULL || (manifest->digest = bk_digest_new(err)) == NULL)
	{
		free(manifest);
		bk_error_memory(err);
		return NULL;
	}
	manifest->next = next;
	manifest->first = true;
	bk_buf_init(&head);
	if (server_version < VERSION_17)
		bk_buf_append_string(&head, "{ \"PostgreSQL-Backup-Manifest-Version\": 1,\n");
	else
		bk_buf_printf(&head, "{ \"PostgreSQL-Backup-Manifest-Version\": 2,\n"
					  "\"System-Identifier\": %s,\n", system_identifier);
	bk_buf_append_string(&head, "\"Files\": [");
	ok = bk_buf_check(&head, err) && put(manifest, head.data, err);
	bk_buf_free(&head);
	if (ok)
		return manifest;
	bk_pgmanifest_free(manifest);
	return NULL;
}

bool
bk_pgmanifest_add(BkPgManifest *manifest, const char *prefix,
				  const char *path, const BkDataFileFacts *facts,
				  const char *sha256, BkError *err)
{
	BkJson	   *file = bk_json_object();
	time_t		seconds = (time_t) facts->mtime;
	struct tm	utc;
	char		modified[64] = "1970-01-01 00:00:00 GMT";
	char	   *text;
	BkBuf		name;
	bool		ok;

	if (gmtime_r(&seconds, &utc) != NULL)
		strftime(modified, sizeof(modified), "%Y-%m-%d %H:%M:%S GMT", &utc);
	bk_buf_init(&name);
	bk_buf_printf(&name, "%s%s", prefix, path);
	put_path(file, name.data);
	bk_json_put_int(file, "Size", (int64_t) facts->size);
	bk_json_put_string(file, "Last-Modified", modified);
	bk_json_put_string(file, "Checksum-Algorithm", "SHA256");
	bk_json_put_string(file, "Checksum", sha256);
	text = name.failed ? NULL : bk_json_text(file, false);
	bk_buf_free(&name);
	bk_json_free(file);
	if (text == NULL)
		return bk_error_memory(err);
	ok = put(manifest, manifest->first ? "\n" : ",\n", err) &&
		put(manifest, text, err);
	manifest->first = false;
	free(text);
	return ok;
}

bool
bk_pgmanifest_finish(BkPgManifest *manifest, const BkPgManifestWal *wal,
					 BkError *err)
{
	char		hex[BK_DIGEST_HEX_SIZE];
	char		start[BK_LSN_SIZE];
	char		stop[BK_LSN_SIZE];
	BkBuf		end;
	bool		ok;

	bk_lsn_format(wal->start, start);
	bk_lsn_format(wal->stop, stop);
	bk_buf_init(&end);
	bk_buf_printf(&end, "\n],\n\"WAL-Ranges\": [\n"
				  "{ \"Timeline\": %u, \"Start-LSN\": \"%s\", \"End-LSN\": \"%s\" }\n],\n",
				  wal->timeline, start, stop);
	ok = bk_buf_check(&end, err) && put(manifest, end.data, err) &&
		bk_digest_final_hex(manifest->digest, hex, err);
	bk_buf_reset(&end);
	if (ok)
	{
		bk_buf_printf(&end, LAST_LINE "%s" LAST_END, hex);
		ok = bk_buf_check(&end, err) &&
			bk_write(manifest->next, end.data, end.len, err);
	}
	bk_buf_free(&end);
	return ok;
}

void
bk_pgmanifest_free(BkPgManifest *manifest)
{
	if (manifest == NULL)
		return;
	bk_digest_free(manifest->digest);
	free(manifest);
}

bool
bk_pgmanifest_check(BkReader *reader, BkError *err)
{
	BkDigest   *digest = bk_digest_new(err);
	char	   *buf = malloc(LAST_SIZE + BK_STREAM_BUFFER);
	size_t		kept = 0;		/* bytes that may be of the last line */
	size_t		got = 1;
	bool		ok = digest != NULL && (buf != NULL || bk_error_memory(err));

	while (ok && got > 0)
	{
		ok = bk_read(reader, buf + kept, BK_STREAM_BUFFER, &got, err);
		kept += ok ? got : 0;
		if (ok && kept > LAST_SIZE)
		{
			ok = bk_digest_update(digest, buf, kept - LAST_SIZE, err);
			memmove(buf, buf + kept - LAST_SIZE, LAST_SIZE);
			kept = LAST_SIZE;
		}
	}
	if (ok && kept < LAST_SIZE)
		ok = bk_error(err, BK_STATE_CORRUPT, "the backup_manifest ends too early");
	ok = ok && check_last_line(digest, buf, err);
	bk_digest_free(digest);
	free(buf);
	return ok;
}

/* Write text that counts for the checksum. */
static bool
put(BkPgManifest *manifest, const char *text, BkError *err)
{
	size_t		len = strlen(text);

	return bk_digest_update(manifest->digest, text, len, err) &&
		bk_write(manifest->next, text, len, err);
}

/* JSON holds no bytes that are not UTF-8. */
static void
put_path(BkJson *file, const char *path)
{
	BkBuf		hex;

	if (bk_json_is_utf8(path))
	{
		bk_json_put_string(file, "Path", path);
		return;
	}
	bk_buf_init(&hex);
	for (const char *c = path; *c != '\0'; c++)
		bk_buf_printf(&hex, "%02x", (unsigned char) *c);
	bk_json_put_string(file, "Encoded-Path", hex.failed ? NULL : hex.data);
	bk_buf_free(&hex);
}

static bool
check_last_line(BkDigest *digest, const char *line, BkError *err)
{
	size_t		before = sizeof(LAST_LINE) - 1;
	char		hex[BK_DIGEST_HEX_SIZE];

	if (!bk_digest_final_hex(digest, hex, err))
		return false;
	if (memcmp(line, LAST_LINE, before) == 0 &&
		memcmp(line + before, hex, BK_DIGEST_HEX_SIZE - 1) == 0 &&
		memcmp(line + before + BK_DIGEST_HEX_SIZE - 1, LAST_END,
			   sizeof(LAST_END) - 1) == 0)
		return true;
	return bk_error(err, BK_STATE_CORRUPT,
					"the backup_manifest does not have the checksum that it ends in");
}
