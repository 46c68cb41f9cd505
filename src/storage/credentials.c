/*
 * credentials.c
 *	  Credentials that renew themselves.
 *
 * One thread at a time renews; the others go on with what there is as long as
 * it is good, and else wait for the outcome. The lock protects all that may
 * change; it is not held while somebody is asked.
 */
#include "storage/credentials.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/secret.h"
#include "core/thread.h"
#include "storage/provider.h"

/* Renewed when so little is left, or a tenth of their life if that is less. */
#define LEFT_SECONDS	300
#define LEFT_PART		10

/* Nobody is asked more often, but for a reason. */
#define AGAIN_MS		1000
#define WAIT_MS			100

#define FILES_MAX		2

/* A file that credentials may be in. */
typedef struct Watched
{
	char	   *path;
	BkProfileKind kind;
	bool		exists;
	struct stat status;			/* when it was looked at last */
} Watched;

struct BkCredentialSource
{
	BkCredentialSpec spec;
	char	   *profile;		/* that was named, here or in the environment */
	Watched		files[FILES_MAX];
	int			file_count;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	BkCredentials current;
	bool		have;
	bool		refused;		/* the store calls the current ones expired */
	bool		outdated;		/* there should be others, but there are not */
	int64_t		life;			/* of the current ones, in seconds */
	int64_t		again_at;		/* the time for another look, monotonic */
	bool		renewing;
	uint64_t	renewals;		/* that have ended */
	bool		renewed;		/* how the last one ended */
	BkError		failure;		/* if it failed */
};

static bool name_files(BkCredentialSource *source, BkError *err);
static bool name_file(BkCredentialSource *source, const char *variable,
					  const char *usual, BkProfileKind kind, BkError *err);
static const char *variable(const BkCredentialSource *source, const char *name);
static bool needs_renewal(const BkCredentialSource *source);
static bool are_good(const BkCredentialSource *source);
static bool files_changed(const BkCredentialSource *source);
static bool renew(BkCredentialSource *source, BkError *err);
static bool wait_for_renewal(BkCredentialSource *source, BkError *err);
static bool read_files(const BkCredentialSource *source, Watched *files,
					   BkProfiles *profiles, BkError *err);
static bool search_all(BkCredentialSource *source, const BkProfiles *profiles,
					   BkCredentials *credentials, BkError *err);
static void find_region(const BkCredentialSource *source,
						const BkProfiles *profiles, char region[64]);

BkCredentialSource *
bk_credentials_open(const BkCredentialSpec *spec, BkError *err)
{
	BkCredentialSource *source = calloc(1, sizeof(*source));
	const char *profile = spec->profile;

	if (source == NULL)
	{
		bk_error_memory(err);
		return NULL;
	}
	source->spec = *spec;
	pthread_mutex_init(&source->lock, NULL);
	bk_thread_cond_init(&source->changed);
	if (profile == NULL && spec->file == NULL)
		profile = variable(source, "AWS_PROFILE");
	if (profile != NULL)
		source->profile = strdup(profile);
	if (profile != NULL && source->profile == NULL)
		bk_error_memory(err);
	else if (name_files(source, err))
		return source;
	bk_credentials_close(source);
	return NULL;
}

void
bk_credentials_close(BkCredentialSource *source)
{
	if (source == NULL)
		return;
	pthread_cond_destroy(&source->changed);
	pthread_mutex_destroy(&source->lock);
	for (int i = 0; i < source->file_count; i++)
		free(source->files[i].path);
	free(source->profile);
	explicit_bzero(source, sizeof(*source));
	free(source);
}

bool
bk_credentials_get(BkCredentialSource *source, BkCredentials *credentials,
				   BkError *err)
{
	bool		done = true;

	pthread_mutex_lock(&source->lock);
	if (needs_renewal(source))
	{
		if (!source->renewing)
			done = renew(source, err);
		else if (!are_good(source))
			done = wait_for_renewal(source, err);
	}
	if (done)
		*credentials = source->current;
	pthread_mutex_unlock(&source->lock);
	return done;
}

void
bk_credentials_expired(BkCredentialSource *source,
					   const BkCredentials *credentials)
{
	pthread_mutex_lock(&source->lock);
	if (strcmp(source->current.id, credentials->id) == 0 &&
		strcmp(source->current.token, credentials->token) == 0)
		source->refused = true;
	pthread_mutex_unlock(&source->lock);
}

bool
bk_credentials_region(BkCredentialSource *source, char region[64],
					  BkError *err)
{
	BkProfiles	profiles = BK_PROFILES_NONE;
	Watched		files[FILES_MAX];
	bool		done = read_files(source, files, &profiles, err);

	if (done)
		find_region(source, &profiles, region);
	bk_profiles_free(&profiles);
	return done;
}

/* A file that was named is the only one. */
static bool
name_files(BkCredentialSource *source, BkError *err)
{
	Watched    *named = &source->files[0];

	if (source->spec.file == NULL)
		return name_file(source, "AWS_SHARED_CREDENTIALS_FILE",
						 "/.aws/credentials", BK_PROFILE_CREDENTIALS, err) &&
			name_file(source, "AWS_CONFIG_FILE", "/.aws/config",
					  BK_PROFILE_CONFIG, err);
	named->path = strdup(source->spec.file);
	named->kind = BK_PROFILE_CREDENTIALS;
	source->file_count = 1;
	return named->path != NULL || bk_error_memory(err);
}

static bool
name_file(BkCredentialSource *source, const char *name, const char *usual,
		  BkProfileKind kind, BkError *err)
{
	Watched    *file = &source->files[source->file_count];
	const char *given = variable(source, name);
	const char *home = variable(source, "HOME");
	BkBuf		path;

	if (given == NULL && home == NULL)
		return true;
	bk_buf_init(&path);
	if (given == NULL)
		bk_buf_printf(&path, "%s%s", home, usual);
	else if (strncmp(given, "~/", 2) == 0 && home != NULL)
		bk_buf_printf(&path, "%s%s", home, given + 1);
	else
		bk_buf_append_string(&path, given);
	file->path = bk_buf_take(&path, err);
	file->kind = kind;
	source->file_count++;
	return file->path != NULL;
}

static const char *
variable(const BkCredentialSource *source, const char *name)
{
	BkProviderSearch search = {.spec = &source->spec};

	return bk_provider_variable(&search, name);
}

static bool
needs_renewal(const BkCredentialSource *source)
{
	int64_t		left = source->current.expires - bk_clock_now();
	int64_t		least = source->life / LEFT_PART;

	if (least > LEFT_SECONDS)
		least = LEFT_SECONDS;
	if (!source->have || source->refused || files_changed(source))
		return true;
	return (source->outdated ||
			(source->current.expires != 0 && left <= least)) &&
		bk_clock_monotonic_ms() >= source->again_at;
}

/* May they be used while others are looked for? */
static bool
are_good(const BkCredentialSource *source)
{
	return source->have && !source->refused &&
		(source->current.expires == 0 ||
		 bk_clock_now() < source->current.expires);
}

static bool
files_changed(const BkCredentialSource *source)
{
	for (int i = 0; i < source->file_count; i++)
	{
		const Watched *file = &source->files[i];
		struct stat status;
		bool		exists = stat(file->path, &status) == 0;

		if (exists != file->exists ||
			(exists && !bk_secret_same(&file->status, &status)))
			return true;
	}
	return false;
}

/*
 * Look for credentials, without the lock. What is still good survives a
 * failure, such as a file that is half written, but not one that others can
 * read.
 */
static bool
renew(BkCredentialSource *source, BkError *err)
{
	BkProfiles	profiles = BK_PROFILES_NONE;
	BkCredentials found = {.expires = 0};
	Watched		files[FILES_MAX];
	bool		done;

	source->renewing = true;
	pthread_mutex_unlock(&source->lock);
	done = read_files(source, files, &profiles, err) &&
		search_all(source, &profiles, &found, err);
	bk_profiles_free(&profiles);
	pthread_mutex_lock(&source->lock);
	if (done)
	{
		source->current = found;
		source->life = found.expires != 0 ? found.expires - bk_clock_now() : 0;
		source->have = true;
		source->refused = false;
	}
	explicit_bzero(&found, sizeof(found));
	memcpy(source->files, files, sizeof(files));
	source->outdated = !done;
	if (!done && are_good(source) && !bk_error_is(err, BK_STATE_NO_RIGHT))
		done = true;
	source->again_at = done ? bk_clock_monotonic_ms() + AGAIN_MS : 0;
	source->renewing = false;
	source->renewals++;
	source->renewed = done;
	if (!done)
		source->failure = *err;
	pthread_cond_broadcast(&source->changed);
	return done;
}

static bool
wait_for_renewal(BkCredentialSource *source, BkError *err)
{
	const BkHost *host = source->spec.host;
	uint64_t	before = source->renewals;

	while (source->renewals == before)
	{
		if (host != NULL && !bk_go_on(host, err))
			return false;
		bk_thread_cond_wait(&source->changed, &source->lock, WAIT_MS);
	}
	if (!source->renewed)
		*err = source->failure;
	return source->renewed;
}

/*
 * Read what the files say; "files" becomes what they were then. Files that
 * are missing or out of our reach say nothing, but for one that was named.
 */
static bool
read_files(const BkCredentialSource *source, Watched *files,
		   BkProfiles *profiles, BkError *err)
{
	/* Paths and number never change. */
	memcpy(files, source->files, sizeof(source->files));
	for (int i = 0; i < source->file_count; i++)
	{
		Watched    *file = &files[i];

		file->exists = stat(file->path, &file->status) == 0;
		if (!file->exists && source->spec.file == NULL)
			continue;
		if (!bk_profiles_read(profiles, file->path, file->kind, &file->status,
							  err))
			return false;
	}
	return true;
}

/* In the order of the AWS tools. */
static bool
search_all(BkCredentialSource *source, const BkProfiles *profiles,
		   BkCredentials *credentials, BkError *err)
{
	static BkProvided (*const providers[]) (BkProviderSearch *, BkCredentials *, BkError *) = {
		bk_provider_environment, bk_provider_web_identity, bk_provider_profile,
		bk_provider_container, bk_provider_instance,
	};
	const char *profile = source->profile != NULL ? source->profile : "default";
	char		region[64];
	BkProviderSearch search = {
		.spec = &source->spec,
		.profiles = profiles,
		.profile = profile,
		.region = region,
	};
	BkProvided	provided = BK_PROVIDED_NONE;

	find_region(source, profiles, region);
	bk_buf_init(&search.looked);
	if (source->profile != NULL && !bk_profiles_has(profiles, profile))
	{
		bk_error(err, BK_STATE_REFUSED, "profile \"%s\" does not exist", profile);
		provided = BK_PROVIDED_FAILED;
	}
	/* What was named is the only place. */
	else if (source->spec.file != NULL)
	{
		bk_buf_printf(&search.looked, ", file \"%s\"", source->spec.file);
		provided = bk_provider_profile(&search, credentials, err);
	}
	else
	{
		for (size_t i = source->spec.profile != NULL ? 2 : 0;
			 i < sizeof(providers) / sizeof(providers[0]) &&
			 provided == BK_PROVIDED_NONE; i++)
			provided = providers[i] (&search, credentials, err);
	}
	if (provided == BK_PROVIDED_NONE)
	{
		bk_error(err, BK_STATE_REFUSED, "there are no credentials for the store");
		bk_error_detail(err, "Looked at: %s.",
						search.looked.len > 2 ? search.looked.data + 2 : "nothing");
		bk_error_hint(err, "Write aws_access_key_id = ... and aws_secret_access_key = ... into a file of mode 0600, and set backup_ext.credentials_file (or --credentials-file) to its path.");
	}
	bk_buf_free(&search.looked);
	return provided == BK_PROVIDED;
}

static void
find_region(const BkCredentialSource *source, const BkProfiles *profiles,
			char region[64])
{
	const char *profile = source->profile != NULL ? source->profile : "default";
	const char *found = source->spec.region;
	size_t		len;

	if (found == NULL)
		found = variable(source, "AWS_REGION");
	if (found == NULL)
		found = variable(source, "AWS_DEFAULT_REGION");
	if (found == NULL)
		found = bk_profiles_get(profiles, profile, "region");
	/* It becomes a part of host names. */
	len = found != NULL ? strspn(found, "abcdefghijklmnopqrstuvwxyz0123456789-") : 0;
	if (found == NULL || found[len] != '\0' || len >= 64)
		len = 0;
	if (len > 0)
		memcpy(region, found, len);
	region[len] = '\0';
}
