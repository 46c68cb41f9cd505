/*
 * keys.c
 *	  Read the keys of a repository.
 *
 * Nothing that stands in these files is ever part of a message: a mistyped
 * line may hold a secret in another order.
 */
#include "repo/keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/digest.h"
#include "core/secret.h"
#include "repo/keyline.h"

#define ARMOR			"-----BEGIN AGE"
#define AGE_FILE		"age-encryption.org/"
#define OTHER_KEY		"AGE-"

typedef struct KeyFile
{
	BkKeys	   *keys;
	const char *path;
	int			line;
	size_t		first_secret;	/* where this file's begin */
} KeyFile;

static bool read_file(BkKeys *keys, const char *path,
					  bool (*take) (KeyFile *file, char *line, BkError *err),
					  BkError *err);
static bool take_key_line(KeyFile *file, char *line, BkError *err);
static bool take_identity_line(KeyFile *file, char *line, BkError *err);
static bool add_recipient(KeyFile *file, const char *text, BkError *err);
static bool add_identity(KeyFile *file, const char *text, BkError *err);
static bool add_secret(KeyFile *file, const char *hex, BkError *err);
static const char *after(const char *line, const char *word);
static bool complain(const KeyFile *file, const char *reason, BkError *err);
static bool check_key_file(const BkKeys *keys, const char *path, BkError *err);

BkKeys *
bk_keys_read(const char *key_file, const char *identity_file, BkError *err)
{
	BkKeys	   *keys = calloc(1, sizeof(*keys));
	size_t		own;
	bool		ok = true;

	if (keys == NULL)
	{
		bk_error_memory(err);
		return NULL;
	}
	if (key_file != NULL)
		ok = read_file(keys, key_file, take_key_line, err) &&
			check_key_file(keys, key_file, err);
	own = keys->identity_count;
	if (ok && own > 0)
		ok = keys->has_server = bk_age_recipient(&keys->identities[0],
												 &keys->server, err);
	if (ok && identity_file != NULL)
	{
		keys->is_owner = true;
		ok = read_file(keys, identity_file, take_identity_line, err) &&
			(keys->identity_count > own ||
			 bk_error(err, BK_STATE_BAD_ARGUMENT,
					  "identity file \"%s\" has no identity", identity_file));
	}
	if (ok)
		return keys;
	bk_keys_free(keys);
	return NULL;
}

void
bk_keys_free(BkKeys *keys)
{
	if (keys == NULL)
		return;
	explicit_bzero(keys, sizeof(*keys));
	free(keys);
}

const BkRepositoryKey *
bk_keys_find(const BkKeys *keys, const char *id)
{
	for (size_t i = 0; i < keys->secret_count; i++)
	{
		if (strcmp(keys->secrets[i].id, id) == 0)
			return &keys->secrets[i];
	}
	return NULL;
}

bool
bk_keys_name(BkRepositoryKey *key, BkError *err)
{
	static const char label[] = "backup_ext key id";	/* with its NUL */
	char		hex[BK_DIGEST_HEX_SIZE];
	BkDigest   *digest = bk_digest_new(err);
	bool		ok;

	ok = digest != NULL && bk_digest_update(digest, label, sizeof(label), err) &&
		bk_digest_update(digest, key->secret, sizeof(key->secret), err) &&
		bk_digest_final_hex(digest, hex, err);
	bk_digest_free(digest);
	if (ok)
		snprintf(key->id, sizeof(key->id), "%.*s", BK_KEYS_ID_SIZE - 1, hex);
	return ok;
}

static bool
read_file(BkKeys *keys, const char *path,
		  bool (*take) (KeyFile *file, char *line, BkError *err), BkError *err)
{
	KeyFile		file = {keys, path, 0, keys->secret_count};
	BkSecretFile text;
	char	   *next;
	bool		ok;

	ok = bk_secret_read(path, &text, err);
	if (ok && strlen(text.text) != text.len)
		ok = bk_error(err, BK_STATE_BAD_ARGUMENT, "\"%s\" is not a text file",
					  path);
	for (char *line = text.text; ok && line != NULL; line = next)
	{
		char	   *end = line + strcspn(line, "\n");

		next = *end == '\0' ? NULL : end + 1;
		while (end > line && strchr(" \t\r\n", end[-1]) != NULL)
			end--;
		*end = '\0';
		line += strspn(line, " \t");
		file.line++;
		ok = *line == '\0' || take(&file, line, err);
	}
	bk_secret_free(&text);
	return ok;
}

static bool
take_key_line(KeyFile *file, char *line, BkError *err)
{
	const char *value;

	if (*line == '#')
		return true;
	if ((value = after(line, BK_KEYLINE_RECIPIENT)) != NULL)
		return add_recipient(file, value, err);
	if ((value = after(line, BK_KEYLINE_IDENTITY)) != NULL)
		return add_identity(file, value, err);
	if ((value = after(line, BK_KEYLINE_SECRET)) != NULL)
		return add_secret(file, value, err);
	return complain(file, "expected a line that begins with \"recipient\", \"identity\" or \"repository-key\"", err);
}

static bool
take_identity_line(KeyFile *file, char *line, BkError *err)
{
	const char *value = after(line, BK_KEYLINE_COMMENT);

	if (value != NULL)
	{
		value = after(value, BK_KEYLINE_SECRET);
		return value == NULL || add_secret(file, value, err);
	}
	if (*line == '#')
		return true;
	if (strncmp(line, AGE_FILE, strlen(AGE_FILE)) == 0 ||
		strncmp(line, ARMOR, strlen(ARMOR)) == 0)
	{
		bk_error(err, BK_STATE_UNSUPPORTED,
				 "identity file \"%s\" is itself encrypted", file->path);
		return bk_error_hint(err, "Decrypt it with \"age -d\" to where only you can read, such as a file below /dev/shm, and name that one.");
	}
	if (strncmp(line, BK_KEYLINE_PRIVATE, strlen(BK_KEYLINE_PRIVATE)) != 0 &&
		strncmp(line, OTHER_KEY, strlen(OTHER_KEY)) == 0)
	{
		bk_error(err, BK_STATE_UNSUPPORTED,
				 "identity file \"%s\" has a key of another kind in line %d",
				 file->path, file->line);
		return bk_error_detail(err, "Only X25519 keys (AGE-SECRET-KEY-1...) can be used here; objects can be read with the age program and its plugins all the same.");
	}
	return add_identity(file, line, err);
}

static bool
add_recipient(KeyFile *file, const char *text, BkError *err)
{
	BkKeys	   *keys = file->keys;
	BkError		reason;

	if (keys->recipient_count == BK_KEYS_MAX)
		return complain(file, "too many recipients", err);
	if (!bk_age_parse_recipient(text, &keys->recipients[keys->recipient_count],
								&reason))
		return complain(file, reason.message, err);
	keys->recipient_count++;
	return true;
}

static bool
add_identity(KeyFile *file, const char *text, BkError *err)
{
	BkKeys	   *keys = file->keys;
	BkError		reason;

	if (keys->identity_count == BK_KEYS_MAX)
		return complain(file, "too many identities", err);
	if (!bk_age_parse_identity(text, &keys->identities[keys->identity_count],
							   &reason))
		return complain(file, reason.message, err);
	keys->identity_count++;
	return true;
}

/* The last one of a file stands first: it is the newest. */
static bool
add_secret(KeyFile *file, const char *hex, BkError *err)
{
	BkKeys	   *keys = file->keys;
	BkRepositoryKey key;
	bool		ok;

	if (keys->secret_count == BK_KEYS_MAX)
		return complain(file, "too many repository keys", err);
	if (!bk_keyline_parse_secret(hex, key.secret))
		return complain(file, "a repository key has 64 hexadecimal digits", err);
	ok = bk_keys_name(&key, err);
	if (ok && bk_keys_find(keys, key.id) == NULL)
	{
		BkRepositoryKey *first = &keys->secrets[file->first_secret];

		memmove(first + 1, first,
				(keys->secret_count - file->first_secret) * sizeof(key));
		*first = key;
		keys->secret_count++;
	}
	explicit_bzero(&key, sizeof(key));
	return ok;
}

/* What follows a word and white space, NULL if the line begins otherwise. */
static const char *
after(const char *line, const char *word)
{
	size_t		len = strlen(word);

	if (strncmp(line, word, len) != 0 || (line[len] != ' ' && line[len] != '\t'))
		return NULL;
	line += len;
	return line + strspn(line, " \t");
}

static bool
complain(const KeyFile *file, const char *reason, BkError *err)
{
	bk_error(err, BK_STATE_BAD_ARGUMENT, "invalid line %d in file \"%s\"",
			 file->line, file->path);
	return bk_error_detail(err, "Reason: %s.", reason);
}

/*
 * A key file without a recipient would have backups written in the clear. That
 * is meant only where nothing but the repository key is there.
 */
static bool
check_key_file(const BkKeys *keys, const char *path, BkError *err)
{
	if (keys->recipient_count == 0 && keys->identity_count > 0)
	{
		bk_error(err, BK_STATE_BAD_ARGUMENT,
				 "key file \"%s\" has an identity, but no recipient", path);
		return bk_error_hint(err, "Add a line \"recipient age1...\" with the owner's public key.");
	}
	if (keys->recipient_count == 0 && keys->secret_count == 0)
		return bk_error(err, BK_STATE_BAD_ARGUMENT,
						"key file \"%s\" has no keys", path);
	return true;
}
