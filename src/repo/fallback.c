/*
 * fallback.c
 *	  Repositories that stand in for one another.
 *
 * All of a BkFallback but its targets is protected by the lock. A repository
 * that cannot be reached is left alone for the rest of the run; of one that
 * lacks an object, or has it damaged, only that object is.
 */
#include "repo/fallback.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "repo/layout.h"
#include "repo/urls.h"

typedef struct Lack
{
	size_t		place;
	char		key[BK_KEY_SIZE];
} Lack;

struct BkFallback
{
	BkRepositoryTarget targets[BK_URLS_MAX];
	size_t		count;

	pthread_mutex_t lock;
	int			handles;
	bool		away[BK_URLS_MAX];
	Lack	   *lacks;
	size_t		lack_count;
	char	  **warnings;		/* one for each event; NULL: it was told */
	size_t		warning_count;
};

static BkFallback *fallback_new(const BkRepositoryTarget *targets,
								size_t count, BkError *err);
static BkRepository *open_from(BkFallback *fallback, size_t first,
							   BkError *err);
static bool may_have(const BkRepository *repo, const char *key);
static void note(BkFallback *fallback, size_t place, const char *key,
				 const BkError *why);
static void add_warning(BkFallback *fallback, size_t place, const char *key,
						const BkError *why);
static bool is_away(const BkError *why);

BkRepository *
bk_fallback_open(const BkRepositoryTarget *targets, size_t count, BkError *err)
{
	BkFallback *fallback;
	BkRepository *repo;

	if (count == 1)
		return bk_repository_open(targets, err);
	fallback = fallback_new(targets, count, err);
	if (fallback == NULL)
		return NULL;
	repo = open_from(fallback, 0, err);
	bk_fallback_leave(fallback);
	return repo;
}

BkRepository *
bk_fallback_again(const BkRepository *repo, BkError *err)
{
	return open_from(repo->fallback, repo->place, err);
}

/* Opened when it is first needed. */
BkRepository *
bk_fallback_next(BkRepository *repo)
{
	BkError		ignored;

	if (repo->fallback == NULL)
		return NULL;
	if (repo->next == NULL)
		repo->next = open_from(repo->fallback, repo->place + 1, &ignored);
	return repo->next;
}

BkRepository *
bk_fallback_first(BkRepository *repo, const char *key)
{
	BkRepository *at = repo;

	while (at != NULL && !may_have(at, key))
		at = bk_fallback_next(at);
	/* Where all lack it, the first one may as well say so. */
	return at == NULL ? repo : at;
}

bool
bk_fallback_go_on(BkRepository **repo, const char *key, const BkError *err)
{
	BkFallback *fallback = (*repo)->fallback;
	BkRepository *at;

	if (fallback == NULL || bk_error_is(err, BK_STATE_CANCELED))
		return false;
	note(fallback, (*repo)->place, key, err);
	for (at = bk_fallback_next(*repo); at != NULL && !may_have(at, key);)
		at = bk_fallback_next(at);
	if (at == NULL)
		return false;
	*repo = at;
	return true;
}

size_t
bk_fallback_count(const BkRepository *repo)
{
	size_t		count = 0;

	if (repo == NULL || repo->fallback == NULL)
		return 0;
	pthread_mutex_lock(&repo->fallback->lock);
	count = repo->fallback->lack_count;
	pthread_mutex_unlock(&repo->fallback->lock);
	return count;
}

void
bk_fallback_tell(const BkRepository *repo, const BkHost *host)
{
	BkFallback *fallback = repo == NULL ? NULL : repo->fallback;

	if (fallback == NULL)
		return;
	pthread_mutex_lock(&fallback->lock);
	for (size_t i = 0; i < fallback->warning_count; i++)
	{
		bk_log(host, BK_LOG_WARNING, "%s", fallback->warnings[i]);
		free(fallback->warnings[i]);
	}
	fallback->warning_count = 0;
	pthread_mutex_unlock(&fallback->lock);
}

void
bk_fallback_leave(BkFallback *fallback)
{
	bool		last;

	if (fallback == NULL)
		return;
	pthread_mutex_lock(&fallback->lock);
	last = --fallback->handles == 0;
	pthread_mutex_unlock(&fallback->lock);
	if (!last)
		return;
	for (size_t i = 0; i < fallback->count; i++)
	{
		free((char *) fallback->targets[i].url);
		free((char *) fallback->targets[i].expected_id);
	}
	for (size_t i = 0; i < fallback->warning_count; i++)
		free(fallback->warnings[i]);
	free(fallback->warnings);
	free(fallback->lacks);
	pthread_mutex_destroy(&fallback->lock);
	free(fallback);
}

static BkFallback *
fallback_new(const BkRepositoryTarget *targets, size_t count, BkError *err)
{
	BkFallback *fallback = calloc(1, sizeof(*fallback));
	bool		ok = fallback != NULL;

	if (!ok)
	{
		bk_error_memory(err);
		return NULL;
	}
	pthread_mutex_init(&fallback->lock, NULL);
	fallback->handles = 1;
	for (size_t i = 0; i < count; i++)
	{
		BkRepositoryTarget *target = &fallback->targets[fallback->count++];

		*target = targets[i];
		target->url = strdup(targets[i].url);
		target->expected_id = targets[i].expected_id == NULL ? NULL
			: strdup(targets[i].expected_id);
		ok = ok && target->url != NULL &&
			(target->expected_id != NULL || targets[i].expected_id == NULL);
	}
	if (ok)
		return fallback;
	bk_error_memory(err);
	bk_fallback_leave(fallback);
	return NULL;
}

static BkRepository *
open_from(BkFallback *fallback, size_t first, BkError *err)
{
	bool		failed = false;

	for (size_t i = first; i < fallback->count; i++)
	{
		BkRepository *repo;
		BkError		problem;
		bool		away;

		pthread_mutex_lock(&fallback->lock);
		away = fallback->away[i];
		pthread_mutex_unlock(&fallback->lock);
		if (away)
			continue;
		repo = bk_repository_open(&fallback->targets[i], &problem);
		if (repo != NULL)
		{
			pthread_mutex_lock(&fallback->lock);
			fallback->handles++;
			pthread_mutex_unlock(&fallback->lock);
			repo->fallback = fallback;
			repo->place = i;
			return repo;
		}
		if (!failed)
			*err = problem;
		failed = true;
		if (bk_error_is(&problem, BK_STATE_CANCELED))
			break;
		note(fallback, i, NULL, &problem);
	}
	if (!failed)
		bk_error(err, BK_STATE_UNREACHABLE, "no repository can be read any more");
	return NULL;
}

static bool
may_have(const BkRepository *repo, const char *key)
{
	BkFallback *fallback = repo->fallback;
	bool		may;

	if (fallback == NULL)
		return true;
	pthread_mutex_lock(&fallback->lock);
	may = !fallback->away[repo->place];
	for (size_t i = 0; i < fallback->lack_count && may; i++)
		may = fallback->lacks[i].place != repo->place ||
			strcmp(fallback->lacks[i].key, key) != 0;
	pthread_mutex_unlock(&fallback->lock);
	return may;
}

/* Without a key it is about the whole repository. */
static void
note(BkFallback *fallback, size_t place, const char *key, const BkError *why)
{
	Lack	   *lacks;
	bool		known;

	pthread_mutex_lock(&fallback->lock);
	known = fallback->away[place];
	if (key == NULL || is_away(why))
		fallback->away[place] = true;
	for (size_t i = 0; i < fallback->lack_count && !known && key != NULL; i++)
		known = fallback->lacks[i].place == place && strcmp(fallback->lacks[i].key, key) == 0;
	lacks = known ? NULL : realloc(fallback->lacks, (fallback->lack_count + 1) * sizeof(*lacks));
	if (lacks != NULL)
	{
		fallback->lacks = lacks;
		lacks[fallback->lack_count].place = place;
		snprintf(lacks[fallback->lack_count++].key, BK_KEY_SIZE, "%s", key == NULL ? "" : key);
		add_warning(fallback, place, key, why);
	}
	pthread_mutex_unlock(&fallback->lock);
}

static void
add_warning(BkFallback *fallback, size_t place, const char *key,
			const BkError *why)
{
	const char *url = fallback->targets[place].url;
	bool		last = place + 1 == fallback->count;
	char	  **warnings = realloc(fallback->warnings,
								   (fallback->warning_count + 1) * sizeof(*warnings));
	BkBuf		text;
	BkError		ignored;
	char	   *line;

	if (warnings == NULL)
		return;
	fallback->warnings = warnings;
	bk_buf_init(&text);
	if (key == NULL || fallback->away[place])
		bk_buf_printf(&text, "repository \"%s\" is not read from: %s", url, why->message);
	else
		bk_buf_printf(&text, "\"%s\" cannot be had from \"%s\": %s", key, url, why->message);
	if (!last)
		bk_buf_printf(&text, " (next is \"%s\")", fallback->targets[place + 1].url);
	line = bk_buf_take(&text, &ignored);
	if (line != NULL)
		warnings[fallback->warning_count++] = line;
}

/* It would be waited for anew with each object. */
static bool
is_away(const BkError *why)
{
	return bk_error_is(why, BK_STATE_UNREACHABLE) ||
		bk_error_is(why, BK_STATE_DISCONNECTED);
}
