/*
 * zone.c
 *	  Local time, as the C library knows it.
 *
 * The library takes a zone that it does not find for UTC, silently; so we look
 * for its file first. Nothing else in the program asks for local time.
 */
#include "core/zone.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define DATABASE	"/usr/share/zoneinfo"
#define NAME_MAX_SIZE	64

static bool check_zone(const char *zone, BkError *err);

bool
bk_zone_local(const char *zone, const int64_t *times, int64_t *local,
			  size_t count, BkError *err)
{
	bool		is_utc = strcmp(zone, "UTC") == 0;
	char		name[NAME_MAX_SIZE + 1];

	if (!is_utc && !check_zone(zone, err))
		return false;
	snprintf(name, sizeof(name), ":%s", zone);
	if (!is_utc && setenv("TZ", name, 1) != 0)
		return bk_error_memory(err);
	tzset();
	for (size_t i = 0; i < count; i++)
	{
		time_t		moment = (time_t) times[i];
		struct tm	tm;

		local[i] = times[i];
		if (!is_utc && localtime_r(&moment, &tm) != NULL)
			local[i] += tm.tm_gmtoff;
	}
	if (!is_utc && setenv("TZ", "UTC", 1) == 0)
		tzset();
	return true;
}

/* A name becomes a path: only what zones are called may be in it. */
static bool
check_zone(const char *zone, BkError *err)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/";
	char		path[sizeof(DATABASE) + NAME_MAX_SIZE];
	struct stat status;

	if (zone[0] != '\0' && zone[0] != '/' && strlen(zone) < NAME_MAX_SIZE &&
		zone[strspn(zone, letters)] == '\0')
	{
		snprintf(path, sizeof(path), "%s/%s", DATABASE, zone);
		if (stat(path, &status) == 0 && S_ISREG(status.st_mode))
			return true;
	}
	bk_error(err, BK_STATE_BAD_ARGUMENT, "time zone \"%.60s\" is not known on this machine", zone);
	return bk_error_hint(err, "Install the time zone database (on Debian: apt-get install tzdata), or name the zone as in Europe/Berlin.");
}
