/*
 * walwait.c
 *	  Wait until WAL that a server has written is in the repository.
 */
#include "job/walwait.h"

#include <time.h>

#include "core/clock.h"
#include "repo/wal.h"

#define SLICE_NS	100000000L	/* between two looks at the host and the archive */

static bool find(const BkWalWait *wait, uint64_t number, bool *found,
				 BkWalName *name, BkError *err);
static bool give_up(const BkWalWait *wait, const BkWalName *missing,
					uint64_t more, BkError *err);

bool
bk_walwait_run(const BkWalWait *wait, BkError *err)
{
	const BkHost *host = wait->host;
	struct timespec slice = {.tv_nsec = SLICE_NS};
	int64_t		until = bk_clock_monotonic_ms() + wait->timeout;
	BkWalName	first;
	BkWalName	last;
	uint64_t	next;
	uint64_t	end;

	if (!bk_wal_name_parse(wait->start->wal, &first, err) ||
		!bk_wal_name_parse(wait->stop->wal, &last, err))
		return false;
	next = bk_wal_segment_number(&first, wait->segment_size);
	end = bk_wal_segment_number(&last, wait->segment_size);
	while (next <= end)
	{
		uint64_t	done = next - bk_wal_segment_number(&first, wait->segment_size);
		BkWalName	name;
		bool		found;

		if (!bk_go_on(host, err) || !find(wait, next, &found, &name, err))
			return false;
		bk_progress(host, "wait for WAL", name.text, done * wait->segment_size,
					(done + end - next + 1) * wait->segment_size);
		if (found)
			next++;
		else if (bk_clock_monotonic_ms() >= until)
			return give_up(wait, &name, end - next, err);
		else
			nanosleep(&slice, NULL);
	}
	return true;
}

static bool
find(const BkWalWait *wait, uint64_t number, bool *found, BkWalName *name,
	 BkError *err)
{
	char		text[BK_WAL_NAME_SIZE];
	BkWalFound	object;

	bk_wal_segment_name(wait->start->timeline, number, wait->segment_size, text);
	if (!bk_wal_name_parse(text, name, err) ||
		!bk_wal_find(wait->repo, wait->cluster, name, &object, err))
		return false;
	*found = object.state == BK_WAL_STORED;
	if (object.state != BK_WAL_CONFLICT)
		return true;
	bk_error(err, BK_STATE_DUP_KEY, "WAL segment %s has two contents in the repository", text);
	return bk_error_detail(err, "Nothing that needs it can be restored. The two are \"%s\" and \"%s\".",
						   object.key, object.other_key);
}

static bool
give_up(const BkWalWait *wait, const BkWalName *missing, uint64_t more,
		BkError *err)
{
	BkError		problem;
	char		says[1024];

	if (!bk_online_archiver(wait->pg, says, sizeof(says), &problem))
	{
		*err = problem;
		return false;
	}
	bk_error(err, BK_STATE_WRONG_STATE,
			 "WAL segment %s did not arrive in the repository within %lld s",
			 missing->text, (long long) (wait->timeout / 1000));
	bk_error_detail(err, "It and %llu more after it are needed. %s",
					(unsigned long long) more, says);
	return bk_error_hint(err, "Look at the server's log and at backup_check() for why archiving fails; if it is only slow, raise backup_ext.archive_timeout.");
}
