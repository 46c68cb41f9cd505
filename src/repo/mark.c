/*
 * mark.c
 *	  Store and find named restore points.
 */
#include "repo/mark.h"

#include <stdio.h>
#include <string.h>

#include "repo/layout.h"

#define MARK_MAX_SIZE	(64 * 1024)

typedef struct Walk
{
	BkRepository *repo;
	const BkHost *host;
	BkMarkVisit visit;
	void	   *arg;
} Walk;

/* Looking for the first mark of a name. */
typedef struct Search
{
	const char *name;
	char		lsn[BK_LSN_SIZE];	/* "" while none is found */
	char		at[32];
} Search;

static bool mark_found(void *arg, const char *key, const BkObjectStat *stat,
					   BkError *err);
static bool take_first(void *arg, const BkMark *mark, BkError *err);
static bool read_mark(const BkJson *json, const char *key, BkMark *mark,
					  BkError *err);
static bool complain(const Search *search, BkError *err);

bool
bk_mark_check_name(const char *name, BkError *err)
{
	size_t		len = strlen(name);
	bool		control = false;

	for (const char *at = name; *at != '\0'; at++)
		control |= (unsigned char) *at < 0x20 || *at == 0x7f;
	if (len > 0 && len < BK_MARK_NAME_SIZE && !control)
		return true;
	bk_error(err, BK_STATE_BAD_ARGUMENT, "invalid name of a mark");
	return bk_error_detail(err, "It has 1 to %d bytes and no control characters.",
						   BK_MARK_NAME_SIZE - 1);
}

bool
bk_mark_require_new(BkRepository *repo, const BkHost *host,
					const char *system_identifier, const char *name,
					BkError *err)
{
	Search		search = {.name = name};

	return bk_mark_walk(repo, host, system_identifier, take_first, &search, err) &&
		(search.lsn[0] == '\0' || complain(&search, err));
}

bool
bk_mark_put(BkRepository *repo, const BkHost *host, const BkMark *mark,
			BkError *err)
{
	Search		search = {.name = mark->name};
	BkJson	   *json = bk_json_object();
	char		key[BK_KEY_SIZE];
	uint64_t	lsn;

	bk_json_put_string(json, "repository_id", repo->id);
	bk_json_put_string(json, "system_identifier", mark->system_identifier);
	bk_json_put_string(json, "name", mark->name);
	bk_json_put_string(json, "lsn", mark->lsn);
	bk_json_put_int(json, "timeline", mark->timeline);
	bk_json_put_string(json, "at", mark->at);
	if (!bk_lsn_parse(mark->lsn, &lsn) ||
		!bk_layout_mark(key, mark->system_identifier, lsn, mark->name))
	{
		bk_json_free(json);
		return bk_error(err, BK_STATE_CORRUPT, "invalid mark \"%s\" at %s",
						mark->name, mark->lsn);
	}
	if (!bk_repository_put_json(repo, key, json, err) ||
		!bk_mark_walk(repo, host, mark->system_identifier, take_first, &search, err))
		return false;
	if (strcmp(search.lsn, mark->lsn) == 0)
		return true;
	return bk_storage_remove(repo->storage, key, err) && complain(&search, err);
}

bool
bk_mark_walk(BkRepository *repo, const BkHost *host,
			 const char *system_identifier, BkMarkVisit visit, void *arg,
			 BkError *err)
{
	Walk		walk = {.repo = repo, .host = host, .visit = visit, .arg = arg};
	char		folder[BK_KEY_SIZE];

	bk_layout_marks(folder, system_identifier);
	return bk_storage_list(repo->storage, folder, mark_found, &walk, err);
}

static bool
mark_found(void *arg, const char *key, const BkObjectStat *stat,
		   BkError *err)
{
	Walk	   *walk = arg;
	BkError		damage;
	BkJson	   *json = bk_repository_get_json(walk->repo, key, MARK_MAX_SIZE,
										  BK_SEAL_AUTHENTIC, &damage);
	BkMark		mark;
	bool		ok = true;

	(void) stat;
	if (json != NULL && read_mark(json, key, &mark, &damage))
		ok = walk->visit(walk->arg, &mark, err);
	else if (bk_error_is(&damage, BK_STATE_CORRUPT) ||
			 bk_error_is(&damage, BK_STATE_REFUSED))
		bk_log(walk->host, BK_LOG_WARNING, "a mark cannot be read: %s", damage.message);
	else if (!bk_error_is(&damage, BK_STATE_MISSING_FILE))
	{
		*err = damage;
		ok = false;
	}
	bk_json_free(json);
	return ok;
}

static bool
read_mark(const BkJson *json, const char *key, BkMark *mark, BkError *err)
{
	return bk_json_need_string(json, "system_identifier", key, &mark->system_identifier, err) &&
		bk_json_need_string(json, "name", key, &mark->name, err) &&
		bk_json_need_string(json, "lsn", key, &mark->lsn, err) &&
		bk_json_need_int(json, "timeline", key, &mark->timeline, err) &&
		bk_json_need_string(json, "at", key, &mark->at, err);
}

/* They come in order of their position. */
static bool
take_first(void *arg, const BkMark *mark, BkError *err)
{
	Search	   *search = arg;

	(void) err;
	if (search->lsn[0] != '\0' || strcmp(mark->name, search->name) != 0)
		return true;
	snprintf(search->lsn, sizeof(search->lsn), "%s", mark->lsn);
	snprintf(search->at, sizeof(search->at), "%s", mark->at);
	return true;
}

static bool
complain(const Search *search, BkError *err)
{
	bk_error(err, BK_STATE_DUP_OBJECT, "mark \"%s\" exists already", search->name);
	bk_error_detail(err, "It was set at %s, at %s in the WAL.", search->at, search->lsn);
	return bk_error_hint(err, "Choose another name; the view backup_mark_list shows those in use.");
}
