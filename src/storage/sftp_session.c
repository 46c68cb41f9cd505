/*
 * sftp_session.c
 *	  One login at an SFTP server, and what files there can be asked for.
 *
 * A connection that breaks is made again, and what was asked is asked again.
 * Only appending is not the same when it is done twice: there the length of
 * the file tells how much of it has arrived.
 */
#include "storage/sftp_session.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base64.h"
#include "core/clock.h"
#include "core/digest.h"
#include "core/secret.h"
#include "storage/wire.h"

#define ATTEMPTS		5
#define FIRST_PAUSE_MS	200
#define SLICE_MS		100
#define CONNECT_MS		(15 * 1000)
#define STALL_MS		(60 * 1000)
#define DEADLINE_MS		(5 * 60 * 1000)
#define LINES_MAX		((size_t) 256 * 1024 * 1024)

struct BkSftp
{
	const BkUrl *url;
	const BkHost *host;
	const char *known_hosts;	/* one of these two is there */
	const char *fingerprint;	/* base64 without padding */
	const char *private_key;
	BkWire	   *wire;
	char		offered[BK_BASE64_SIZE(BK_DIGEST_SIZE)];	/* fingerprint of the server's key */
};

/* What is asked once: a file or folder, bytes for it, or where its go. */
typedef struct SftpQuestion
{
	const BkSftp *sftp;
	BkWireSftp	job;
	const char *key;
	bool		folder;
	const char *body;			/* to be written */
	size_t		body_len;
	BkBuf	   *into;			/* for what is read; NULL: nothing is */
	size_t		max;			/* bytes that may be read */
	bool		again;			/* set on failure: another attempt may help */
} SftpQuestion;

static bool take_options(BkSftp *sftp, BkError *err);
static bool check_private_key(const BkSftp *sftp, BkError *err);
static bool name_url(const BkSftp *sftp, const char *key, bool folder,
					 BkBuf *url, BkError *err);
static void append_path(const BkSftp *sftp, const char *key, BkBuf *path);
static void append_quoted(const BkSftp *sftp, const char *key, BkBuf *command);
static bool command(BkSftp *sftp, const char *verb, SftpQuestion *question,
					const char *other, BkError *err);
static bool ask(BkSftp *sftp, SftpQuestion *question, BkError *err);
static bool is_unreadable(BkSftp *sftp, const SftpQuestion *question);
static bool ask_once(BkSftp *sftp, SftpQuestion *question, BkError *err);
static void hint_at_login(const BkSftp *sftp, BkError *err);
static bool resume(BkSftp *sftp, SftpQuestion *question, BkError *err);
static bool make_folders(BkSftp *sftp, const char *key, BkError *err);
static bool pause_after(const BkSftp *sftp, int attempt, BkError *err);
static bool take_data(void *arg, const void *data, size_t len, BkError *err);
static bool trust_key(void *arg, const void *key, size_t len);
static bool explain(const BkSftp *sftp, const char *what,
					const SftpQuestion *question, BkError *err);

BkSftp *
bk_sftp_session(const BkUrl *url, const BkHost *host, BkError *err)
{
	BkSftp	   *sftp = calloc(1, sizeof(*sftp));
	BkWireSetup setup = {
		.host = host,
		.connect_ms = CONNECT_MS,
		.stall_ms = STALL_MS,
	};

	if (sftp == NULL)
	{
		bk_error_memory(err);
		return NULL;
	}
	sftp->url = url;
	sftp->host = host;
	if (take_options(sftp, err) && check_private_key(sftp, err))
		sftp->wire = bk_wire_open(&setup, err);
	if (sftp->wire != NULL)
		return sftp;
	free(sftp);
	return NULL;
}

void
bk_sftp_end(BkSftp *sftp)
{
	if (sftp == NULL)
		return;
	bk_wire_close(sftp->wire);
	free(sftp);
}

bool
bk_sftp_look(BkSftp *sftp, const char *key, BkObjectStat *stat, BkError *err)
{
	SftpQuestion question = {.key = key, .job.look = true};
	bool		is_folder = false;

	*stat = (BkObjectStat) {0};
	if (!ask(sftp, &question, err))
		return false;
	if (question.job.outcome == BK_WIRE_MISSING)
		return true;
	if (question.job.outcome != BK_WIRE_DONE)
		return explain(sftp, "look at", &question, err);
	if (!bk_sftp_is_folder(sftp, key, &is_folder, err))
		return false;
	if (is_folder)
		return true;
	stat->exists = true;
	stat->size = question.job.size;
	stat->modified = question.job.modified;
	return true;
}

/* With a slash behind its name, only a folder has a time. */
bool
bk_sftp_is_folder(BkSftp *sftp, const char *key, bool *is, BkError *err)
{
	SftpQuestion question = {.key = key, .folder = true, .job.look = true};

	if (!ask(sftp, &question, err))
		return false;
	*is = question.job.outcome == BK_WIRE_DONE && question.job.modified >= 0;
	return true;
}

bool
bk_sftp_read(BkSftp *sftp, const char *key, uint64_t from, size_t len,
			 BkBuf *into, BkError *err)
{
	char		range[48];
	SftpQuestion question = {
		.key = key,
		.into = into,
		.max = len,
		.job.range = range,
	};

	snprintf(range, sizeof(range), "%" PRIu64 "-%" PRIu64, from, from + len - 1);
	if (!ask(sftp, &question, err))
		return false;
	if (question.job.outcome == BK_WIRE_DONE)
		return true;
	if (question.job.outcome != BK_WIRE_MISSING)
		return explain(sftp, "read", &question, err);
	return bk_error(err, BK_STATE_MISSING_FILE,
					"object \"%s\" does not exist in \"%s\"", key,
					bk_sftp_place(sftp));
}

/* A folder may be missing once more: another writer's tidying took it. */
bool
bk_sftp_append(BkSftp *sftp, const char *key, uint64_t at, const void *data,
			   size_t len, BkError *err)
{
	SftpQuestion question = {
		.key = key,
		.body = data,
		.body_len = len,
		.job.upload = true,
		.job.at = at,
	};

	for (int attempt = 1;; attempt++)
	{
		if (!ask(sftp, &question, err))
			return false;
		if (question.job.outcome == BK_WIRE_DONE)
			return true;
		if (question.job.outcome != BK_WIRE_MISSING || at > 0 || attempt == ATTEMPTS)
			return explain(sftp, "write", &question, err);
		if (!make_folders(sftp, key, err))
			return false;
	}
}

bool
bk_sftp_rename(BkSftp *sftp, const char *from, const char *to, bool *done,
			   BkError *err)
{
	SftpQuestion question = {.key = from};

	if (!command(sftp, "rename", &question, to, err))
		return false;
	*done = question.job.outcome == BK_WIRE_DONE;
	return true;
}

bool
bk_sftp_remove(BkSftp *sftp, const char *key, BkError *err)
{
	SftpQuestion question = {.key = key};
	BkObjectStat stat;

	if (!command(sftp, "rm", &question, NULL, err))
		return false;
	if (question.job.outcome == BK_WIRE_DONE ||
		question.job.outcome == BK_WIRE_MISSING)
		return true;

	/* A folder is not removed, and no object. */
	return bk_sftp_look(sftp, key, &stat, err) &&
		(!stat.exists || explain(sftp, "remove", &question, err));
}

bool
bk_sftp_make_folder(BkSftp *sftp, const char *key, BkError *err)
{
	SftpQuestion question = {.key = key};

	return command(sftp, "mkdir", &question, NULL, err);
}

bool
bk_sftp_remove_folder(BkSftp *sftp, const char *key, bool *gone, BkError *err)
{
	SftpQuestion question = {.key = key};

	if (!command(sftp, "rmdir", &question, NULL, err))
		return false;
	*gone = question.job.outcome == BK_WIRE_DONE ||
		question.job.outcome == BK_WIRE_MISSING;
	return true;
}

bool
bk_sftp_lines(BkSftp *sftp, const char *key, BkBuf *lines, BkError *err)
{
	SftpQuestion question = {
		.key = key,
		.folder = true,
		.into = lines,
		.max = LINES_MAX,
	};

	return ask(sftp, &question, err) &&
		(question.job.outcome == BK_WIRE_DONE ||
		 question.job.outcome == BK_WIRE_MISSING ||
		 explain(sftp, "list", &question, err));
}

const char *
bk_sftp_place(const BkSftp *sftp)
{
	return sftp->url->place;
}

static bool
take_options(BkSftp *sftp, BkError *err)
{
	static const char *const names[] = {
		"private_key_file", "known_hosts", "host_key_sha256", NULL
	};
	static const char prefix[] = "SHA256:";
	const BkUrl *url = sftp->url;
	const char *complaint = NULL;

	if (!bk_url_check_options(url, names, err))
		return false;
	sftp->private_key = bk_url_option(url, "private_key_file", NULL);
	sftp->known_hosts = bk_url_option(url, "known_hosts", NULL);
	sftp->fingerprint = bk_url_option(url, "host_key_sha256", NULL);
	if (sftp->fingerprint != NULL &&
		strncmp(sftp->fingerprint, prefix, strlen(prefix)) == 0)
		sftp->fingerprint += strlen(prefix);
	if (*url->user == '\0')
		complaint = "names no user";
	else if (*url->path == '\0')
		complaint = "names no directory";
	else if (sftp->private_key == NULL)
		complaint = "has no private_key_file, and login with a password is not supported";
	else if ((sftp->known_hosts == NULL) == (sftp->fingerprint == NULL))
		complaint = "needs either known_hosts or host_key_sha256, to know the server by its key";
	if (complaint == NULL)
		return true;
	bk_error(err, BK_STATE_BAD_ARGUMENT, "URL \"%s\" %s", url->place, complaint);
	return bk_error_hint(err, "Write sftp://user@host/absolute/path?private_key_file=/path/of/key&host_key_sha256=FINGERPRINT; on the server, \"ssh-keygen -lf /etc/ssh/ssh_host_ecdsa_key.pub\" shows the fingerprint.");
}

static bool
check_private_key(const BkSftp *sftp, BkError *err)
{
	struct stat status;

	if (stat(sftp->private_key, &status) != 0)
		return bk_error_errno(err, "could not stat private key file \"%s\"",
							  sftp->private_key);
	return bk_secret_is_private(sftp->private_key, &status, err);
}

static bool
name_url(const BkSftp *sftp, const char *key, bool folder, BkBuf *url,
		 BkError *err)
{
	BkBuf		path;

	bk_buf_printf(url, "sftp://");
	bk_url_encode(url, sftp->url->user, strlen(sftp->url->user), false);
	bk_buf_printf(url, "@%s", sftp->url->host);
	if (sftp->url->port != 0)
		bk_buf_printf(url, ":%d", sftp->url->port);
	bk_buf_init(&path);
	append_path(sftp, key, &path);
	if (folder)
		bk_buf_append_string(&path, "/");
	bk_url_encode(url, path.data == NULL ? "" : path.data, path.len, true);
	url->failed = url->failed || path.failed;
	bk_buf_free(&path);
	return bk_buf_check(url, err);
}

static void
append_path(const BkSftp *sftp, const char *key, BkBuf *path)
{
	bk_buf_printf(path, "/%s%s%s", sftp->url->path, *key != '\0' ? "/" : "",
				  key);
}

/* As curl reads it: in quotes, and some characters behind a backslash. */
static void
append_quoted(const BkSftp *sftp, const char *key, BkBuf *command)
{
	BkBuf		path;

	bk_buf_init(&path);
	append_path(sftp, key, &path);
	bk_buf_append_string(command, "\"");
	for (size_t i = 0; i < path.len; i++)
	{
		if (strchr("\"'\\", path.data[i]) != NULL)
			bk_buf_append_string(command, "\\");
		bk_buf_append(command, &path.data[i], 1);
	}
	bk_buf_append_string(command, "\"");
	command->failed = command->failed || path.failed;
	bk_buf_free(&path);
}

/*
 * Carry out a command on a key, or on two. Done twice because the connection
 * broke, it may be refused the second time; the callers can tell.
 */
static bool
command(BkSftp *sftp, const char *verb, SftpQuestion *question,
		const char *other, BkError *err)
{
	BkBuf		text;
	bool		asked;

	bk_buf_init(&text);
	bk_buf_printf(&text, "%s ", verb);
	append_quoted(sftp, question->key, &text);
	if (other != NULL)
	{
		bk_buf_append_string(&text, " ");
		append_quoted(sftp, other, &text);
	}
	/* It is sent with a look at the folder. */
	question->folder = true;
	question->job.look = true;
	question->job.command = text.data;
	asked = bk_buf_check(&text, err) && ask(sftp, question, err);
	bk_buf_free(&text);
	if (asked && question->job.outcome == BK_WIRE_REFUSED)
	{
		if (strstr(question->job.words, "No such file") != NULL)
			question->job.outcome = BK_WIRE_MISSING;
		else if (strstr(question->job.words, "Permission denied") != NULL)
			question->job.outcome = BK_WIRE_DENIED;
	}
	return asked;
}

/* Ask until there is an answer. */
static bool
ask(BkSftp *sftp, SftpQuestion *question, BkError *err)
{
	size_t		before = question->into != NULL ? question->into->len : 0;

	/* Cleaning up behind who was stopped is not begun. */
	if (sftp->host != NULL && !bk_go_on(sftp->host, err))
		return false;
	for (int attempt = 1; !ask_once(sftp, question, err); attempt++)
	{
		if (question->again && attempt == 1 && is_unreadable(sftp, question))
		{
			question->job.outcome = BK_WIRE_MISSING;
			break;
		}
		if (!question->again || attempt == ATTEMPTS ||
			!pause_after(sftp, attempt, err) ||
			(question->job.upload && !resume(sftp, question, err)))
			return false;
		if (question->into != NULL)
			bk_buf_truncate(question->into, before);
	}
	return true;
}

/* A folder can be opened, and then not be read: that looks like a fault. */
static bool
is_unreadable(BkSftp *sftp, const SftpQuestion *question)
{
	bool		is_folder = false;
	BkError		ignored;

	return question->into != NULL && !question->folder &&
		bk_sftp_is_folder(sftp, question->key, &is_folder, &ignored) && is_folder;
}

/* True: there was an answer, the outcome. */
static bool
ask_once(BkSftp *sftp, SftpQuestion *question, BkError *err)
{
	BkWireExchange exchange = {
		.place = bk_sftp_place(sftp),
		.body = question->body,
		.body_len = question->body_len,
		.deadline = bk_clock_monotonic_ms() + DEADLINE_MS,
		.data = take_data,
		.arg = question,
	};
	BkBuf		url;
	bool		done;

	bk_buf_init(&url);
	sftp->offered[0] = '\0';
	question->sftp = sftp;
	question->job.private_key_file = sftp->private_key;
	question->job.known_hosts = sftp->known_hosts;
	question->job.trust = sftp->fingerprint != NULL ? trust_key : NULL;
	question->job.arg = sftp;
	done = name_url(sftp, question->job.command != NULL ? "" : question->key,
					question->folder, &url, err);
	exchange.url = url.data;
	done = done && bk_wire_sftp(sftp->wire, &exchange, &question->job, err);
	question->again = exchange.again;
	bk_buf_free(&url);
	if (!done)
		hint_at_login(sftp, err);
	return done;
}

/* What a login can fail for is known to few. */
static void
hint_at_login(const BkSftp *sftp, BkError *err)
{
	if (sftp->offered[0] != '\0')
	{
		bk_error_detail(err, "The server has a key with the fingerprint SHA256:%s.", sftp->offered);
		bk_error_hint(err, "If that is its key, put the fingerprint into host_key_sha256 of the repository's URL, with \"+\" written as %%2B.");
	}
	else if (bk_error_is(err, BK_STATE_REFUSED))
		bk_error_hint(err, "Add %s.pub to ~%s/.ssh/authorized_keys on the server. The key must be without a passphrase; if it is an RSA key, make one with \"ssh-keygen -t ed25519\".",
					  sftp->private_key, sftp->url->user);
	else if (bk_error_is(err, BK_STATE_UNREACHABLE) && sftp->known_hosts != NULL)
		bk_error_hint(err, "See whether \"%s\" has a key of the server that is not an RSA key: ssh-keyscan -t ed25519,ecdsa -p %d %s",
					  sftp->known_hosts,
					  sftp->url->port != 0 ? sftp->url->port : 22, sftp->url->host);
}

/* The connection broke: how much has arrived? */
static bool
resume(BkSftp *sftp, SftpQuestion *question, BkError *err)
{
	uint64_t	from = question->job.at;
	BkObjectStat stat;

	if (from == 0)
		return true;
	if (!bk_sftp_look(sftp, question->key, &stat, err))
		return false;
	if (stat.size < from || stat.size > from + question->body_len)
		return bk_error(err, BK_STATE_DISCONNECTED,
						"file \"%s\" in \"%s\" has another length than what was written",
						question->key, bk_sftp_place(sftp));
	question->body += stat.size - from;
	question->body_len -= (size_t) (stat.size - from);
	question->job.at = stat.size;
	return true;
}

/* The folders above a key, from the top. */
static bool
make_folders(BkSftp *sftp, const char *key, BkError *err)
{
	char	   *folder = strdup(key);
	bool		done = folder != NULL || bk_error_memory(err);

	for (char *slash = done ? strchr(folder, '/') : NULL; done && slash != NULL;
		 slash = strchr(slash + 1, '/'))
	{
		*slash = '\0';
		done = bk_sftp_make_folder(sftp, folder, err);
		*slash = '/';
	}
	free(folder);
	return done;
}

static bool
pause_after(const BkSftp *sftp, int attempt, BkError *err)
{
	int64_t		until = bk_clock_monotonic_ms() + ((int64_t) FIRST_PAUSE_MS << (attempt - 1));

	while (bk_clock_monotonic_ms() < until)
	{
		if (sftp->host != NULL && !bk_go_on(sftp->host, err))
			return false;
		poll(NULL, 0, SLICE_MS);
	}
	return true;
}

static bool
take_data(void *arg, const void *data, size_t len, BkError *err)
{
	SftpQuestion *question = arg;

	if (question->into == NULL)
		return true;
	if (len > question->max || question->into->len > question->max - len)
		return bk_error(err, BK_STATE_TOO_LARGE,
						"answer of \"%s\" is longer than %zu bytes",
						bk_sftp_place(question->sftp), question->max);
	bk_buf_append(question->into, data, len);
	return bk_buf_check(question->into, err);
}

/* Is the server's key the one with the fingerprint? */
static bool
trust_key(void *arg, const void *key, size_t len)
{
	BkSftp	   *sftp = arg;
	size_t		known = strcspn(sftp->fingerprint, "=");
	char		bytes[BK_DIGEST_SIZE];
	char		text[BK_BASE64_SIZE(BK_DIGEST_SIZE)];
	BkError		ignored;
	BkDigest   *digest = bk_digest_new(&ignored);
	bool		done = digest != NULL &&
		bk_digest_update(digest, key, len, &ignored) &&
		bk_digest_final(digest, bytes, &ignored);

	bk_digest_free(digest);
	if (!done)
		return false;
	bk_base64_encode(bytes, sizeof(bytes), false, text);
	if (strlen(text) == known && strncmp(text, sftp->fingerprint, known) == 0)
		return true;
	memcpy(sftp->offered, text, sizeof(text));
	return false;
}

static bool
explain(const BkSftp *sftp, const char *what, const SftpQuestion *question,
		BkError *err)
{
	const char *place = bk_sftp_place(sftp);
	const char *key = question->key;

	switch (question->job.outcome)
	{
		case BK_WIRE_DENIED:
			bk_error(err, BK_STATE_NO_RIGHT, "could not %s \"%s\" in \"%s\": permission denied",
					 what, key, place);
			return bk_error_hint(err, "Let user \"%s\" of the server read and write there.",
								 sftp->url->user);
		case BK_WIRE_FULL:
			bk_error(err, BK_STATE_DISK_FULL, "could not %s \"%s\" in \"%s\": the disk is full",
					 what, key, place);
			return bk_error_hint(err, "Free space there and try again.");
		case BK_WIRE_MISSING:
			return bk_error(err, BK_STATE_MISSING_FILE,
							"could not %s \"%s\" in \"%s\": no such file or directory",
							what, key, place);
		default:
			bk_error(err, BK_STATE_IO, "could not %s \"%s\" in \"%s\"", what, key, place);
			return bk_error_detail(err, "The server says no more than that it failed.");
	}
}
