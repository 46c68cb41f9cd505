/*
 * azure_key.c
 *	  The right to an Azure storage account, and signing with it.
 */
#include "storage/azure_key.h"

#include <ctype.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>

#include "core/base64.h"
#include "core/secret.h"
#include "storage/profile.h"
#include "storage/url.h"

#define API_VERSION		"2021-08-06"
#define SECTION			"default"
#define KEY_MAX			256
#define SAS_MAX			4096

typedef struct Right
{
	char		account[64];
	unsigned char key[KEY_MAX];
	size_t		key_len;		/* 0: there is a signature */
	char		sas[SAS_MAX];	/* "sv=...&sig=..." */
} Right;

struct BkAzureKeys
{
	const char *file;			/* NULL: the host's variables */
	const char *account;		/* that was named, or NULL */
	pthread_mutex_t lock;		/* of what follows */
	struct stat status;			/* of the file when it was read */
	Right		right;
};

static bool load(BkAzureKeys *keys, BkError *err);
static bool take(BkAzureKeys *keys, const char *account, const char *key,
				 const char *sas, BkError *err);
static bool take_key(Right *right, const char *key);
static bool refresh(BkAzureKeys *keys, BkError *err);
static bool add_sas(BkHttpRequest *request, const char *sas, BkError *err);
static bool sign(const Right *right, BkHttpRequest *request, BkError *err);
static void put_standard(const BkHttpRequest *request, BkBuf *text);
static void put_headers(const BkHttpRequest *request, BkBuf *text);
static void put_resource(const Right *right, const BkHttpRequest *request,
						 BkBuf *text);
static int	compare_fields(const void *left, const void *right);
static const char *find(const BkHttpRequest *request, const char *name);

BkAzureKeys *
bk_azure_keys_open(const char *account, const char *file, const BkHost *host,
				   BkError *err)
{
	BkAzureKeys *keys = calloc(1, sizeof(*keys));
	bool		done;

	if (keys == NULL)
	{
		bk_error_memory(err);
		return NULL;
	}
	keys->file = file;
	keys->account = account;
	pthread_mutex_init(&keys->lock, NULL);
	if (file != NULL)
		done = load(keys, err);
	else if (host != NULL && host->variable != NULL)
		done = take(keys, host->variable(host->ctx, "AZURE_STORAGE_ACCOUNT"),
					host->variable(host->ctx, "AZURE_STORAGE_KEY"),
					host->variable(host->ctx, "AZURE_STORAGE_SAS_TOKEN"), err);
	else
		done = take(keys, NULL, NULL, NULL, err);
	if (done)
		return keys;
	bk_azure_keys_close(keys);
	return NULL;
}

void
bk_azure_keys_close(BkAzureKeys *keys)
{
	if (keys == NULL)
		return;
	pthread_mutex_destroy(&keys->lock);
	explicit_bzero(&keys->right, sizeof(keys->right));
	free(keys);
}

const char *
bk_azure_keys_account(const BkAzureKeys *keys)
{
	return keys->right.account;
}

bool
bk_azure_sign(BkAzureKeys *keys, BkHttpRequest *request, int64_t time,
			  BkError *err)
{
	Right		right;
	time_t		now = (time_t) time;
	struct tm	tm;
	char		date[64];
	bool		done;

	pthread_mutex_lock(&keys->lock);
	done = refresh(keys, err);
	right = keys->right;
	pthread_mutex_unlock(&keys->lock);
	if (done && gmtime_r(&now, &tm) == NULL)
		done = bk_error(err, BK_STATE_SYSTEM, "the clock has no time");
	if (done)
	{
		/* The C locale's names; the program sets no other. */
		strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", &tm);
		bk_http_header(request, "x-ms-date", "%s", date);
		bk_http_header(request, "x-ms-version", "%s", API_VERSION);
		done = right.key_len > 0 ? sign(&right, request, err) :
			add_sas(request, right.sas, err);
	}
	explicit_bzero(&right, sizeof(right));
	return done;
}

static bool
load(BkAzureKeys *keys, BkError *err)
{
	BkProfiles	profiles = BK_PROFILES_NONE;
	bool		done = bk_profiles_read(&profiles, keys->file, BK_PROFILE_CREDENTIALS,
										&keys->status, err) &&
		take(keys, bk_profiles_get(&profiles, SECTION, "account"),
			 bk_profiles_get(&profiles, SECTION, "key"),
			 bk_profiles_get(&profiles, SECTION, "sas"), err);

	bk_profiles_free(&profiles);
	return done;
}

/* Any of them may be NULL. */
static bool
take(BkAzureKeys *keys, const char *account, const char *key, const char *sas,
	 BkError *err)
{
	Right	   *right = &keys->right;
	const char *where = keys->file != NULL ? keys->file : "the environment";
	const char *problem = NULL;

	if (keys->account != NULL)
		account = keys->account;
	explicit_bzero(right, sizeof(*right));
	if (account == NULL || *account == '\0')
		problem = "does not name a storage account";
	else if (strlen(account) >= sizeof(right->account) ||
			 strspn(account, "abcdefghijklmnopqrstuvwxyz0123456789-") != strlen(account))
		problem = "has a name that no storage account can have";
	else if ((key == NULL || *key == '\0') && (sas == NULL || *sas == '\0'))
		problem = "has neither a key nor a shared access signature";
	if (problem != NULL)
	{
		bk_error(err, BK_STATE_REFUSED, "there are no credentials for Azure");
		bk_error_detail(err, "They were looked for in %s, which %s.", where, problem);
		return bk_error_hint(err, "Write the lines \"account = NAME\" and \"key = KEY\" or \"sas = TOKEN\" into a file of mode 0600, and name it in backup_ext.credentials_file.");
	}
	snprintf(right->account, sizeof(right->account), "%s", account);
	if (key != NULL && *key != '\0')
		return take_key(right, key) ||
			bk_error(err, BK_STATE_BAD_ARGUMENT, "the key of storage account \"%s\" in %s is not in base 64",
					 account, where);
	snprintf(right->sas, sizeof(right->sas), "%s", *sas == '?' ? sas + 1 : sas);
	return true;
}

static bool
take_key(Right *right, const char *key)
{
	size_t		len = strcspn(key, "=");
	size_t		size = len * 3 / 4;

	if (size == 0 || size > sizeof(right->key) ||
		strspn(key + len, "=") != strlen(key + len) ||
		!bk_base64_decode(key, len, right->key, size))
		return false;
	right->key_len = size;
	return true;
}

/* A file that is being written anew is read at the next request. */
static bool
refresh(BkAzureKeys *keys, BkError *err)
{
	Right		before = keys->right;
	struct stat status;
	bool		done = true;

	if (keys->file != NULL && stat(keys->file, &status) == 0 &&
		!bk_secret_same(&status, &keys->status))
	{
		done = load(keys, err);
		if (!done && !bk_error_is(err, BK_STATE_NO_RIGHT))
		{
			keys->right = before;
			done = true;
		}
	}
	explicit_bzero(&before, sizeof(before));
	return done;
}

/* A request that is tried again has it already. */
static bool
add_sas(BkHttpRequest *request, const char *sas, BkError *err)
{
	BkUrl		url = {0};
	BkBuf		text;
	bool		done;

	for (int i = 0; i < request->query_count; i++)
	{
		if (strcmp(request->query[i].name, "sig") == 0)
			return true;
	}
	bk_buf_init(&text);
	bk_buf_printf(&text, "sas://x/x?%s", sas);
	done = bk_buf_check(&text, err) && bk_url_parse(text.data, &url, err);
	for (int i = 0; done && i < url.option_count; i++)
		bk_http_query(request, url.options[i].name, "%s", url.options[i].value);
	bk_url_free(&url);
	if (!done)
		bk_error(err, BK_STATE_BAD_ARGUMENT, "the shared access signature cannot be understood");
	if (text.data != NULL)
		explicit_bzero(text.data, text.len);
	bk_buf_free(&text);
	return done;
}

static bool
sign(const Right *right, BkHttpRequest *request, BkError *err)
{
	unsigned char mac[BK_DIGEST_SIZE];
	char		signature[BK_BASE64_SIZE(BK_DIGEST_SIZE)];
	BkBuf		text;
	bool		done;

	bk_buf_init(&text);
	put_standard(request, &text);
	put_headers(request, &text);
	put_resource(right, request, &text);
	done = bk_buf_check(&text, err) &&
		bk_digest_keyed(right->key, right->key_len, text.data, text.len, mac, err);
	bk_buf_free(&text);
	if (!done)
		return false;
	bk_base64_encode(mac, sizeof(mac), true, signature);
	bk_http_header(request, "Authorization", "SharedKey %s:%s", right->account, signature);
	return true;
}

/* The headers that have a line each, whether they are there or not. */
static void
put_standard(const BkHttpRequest *request, BkBuf *text)
{
	static const char *const names[] = {
		"Content-MD5", "Content-Type", "Date", "If-Modified-Since", "If-Match",
		"If-None-Match", "If-Unmodified-Since", "Range"
	};

	/* Content-Encoding and -Language are never there. */
	bk_buf_printf(text, "%s\n\n\n", request->method);
	if (request->body_len > 0)
		bk_buf_printf(text, "%zu", request->body_len);
	bk_buf_append_string(text, "\n");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
	{
		const char *value = find(request, names[i]);

		bk_buf_printf(text, "%s\n", value != NULL ? value : "");
	}
}

static void
put_headers(const BkHttpRequest *request, BkBuf *text)
{
	BkHttpField sorted[BK_HTTP_FIELDS_MAX];
	int			count = 0;

	for (int i = 0; i < request->header_count; i++)
	{
		if (strncasecmp(request->headers[i].name, "x-ms-", 5) == 0)
			sorted[count++] = request->headers[i];
	}
	qsort(sorted, (size_t) count, sizeof(sorted[0]), compare_fields);
	for (int i = 0; i < count; i++)
	{
		for (const char *c = sorted[i].name; *c != '\0'; c++)
			bk_buf_printf(text, "%c", tolower((unsigned char) *c));
		bk_buf_printf(text, ":%s\n", sorted[i].value);
	}
}

static void
put_resource(const Right *right, const BkHttpRequest *request, BkBuf *text)
{
	BkHttpField sorted[BK_HTTP_FIELDS_MAX];

	memcpy(sorted, request->query, sizeof(sorted));
	qsort(sorted, (size_t) request->query_count, sizeof(sorted[0]), compare_fields);
	bk_buf_printf(text, "/%s%s", right->account, request->path);
	for (int i = 0; i < request->query_count; i++)
		bk_buf_printf(text, "\n%s:%s", sorted[i].name, sorted[i].value);
}

static int
compare_fields(const void *left, const void *right)
{
	return strcasecmp(((const BkHttpField *) left)->name,
					  ((const BkHttpField *) right)->name);
}

static const char *
find(const BkHttpRequest *request, const char *name)
{
	for (int i = 0; i < request->header_count; i++)
	{
		if (strcasecmp(request->headers[i].name, name) == 0)
			return request->headers[i].value;
	}
	return NULL;
}
