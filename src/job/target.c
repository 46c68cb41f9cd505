/*
 * target.c
 *	  How far to recover, read from a request.
 */
#include "job/target.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/walname.h"

#define NAME_MAX_BYTES	63		/* of a restore point (MAXFNAMELEN - 1) */
#define ZONE_MAX		(16 * 3600 - 1)

static bool read_kind(const BkRequest *request, BkTarget *target,
					  BkError *err);
static bool read_word(const char *word, BkTarget *target, BkError *err);
static bool read_lsn(const char *text, BkTarget *target, BkError *err);
static bool read_name(const char *text, BkTarget *target, BkError *err);
static bool read_xid(const char *text, BkTarget *target, BkError *err);
static bool read_line(const char *text, BkTarget *target, BkError *err);
static bool check_action(const BkRequest *request, const BkTarget *target,
						 BkError *err);
static bool read_clock(const char **at, int64_t *seconds);
static bool read_fraction(const char **at, char fraction[8]);
static bool read_zone(const char *at, bool *given, int64_t *offset);
static bool two_digits(const char **at, int *number);
static bool bad_time(const char *text, BkError *err);

bool
bk_target_read(const BkRequest *request, BkTarget *target, BkError *err)
{
	memset(target, 0, sizeof(*target));
	target->exclusive = request->target_exclusive;
	return read_kind(request, target, err) &&
		read_line(request->target_timeline, target, err) &&
		check_action(request, target, err);
}

const char *
bk_target_setting(const BkTarget *target)
{
	static const char *const settings[] = {
		[BK_TARGET_LATEST] = NULL,
		[BK_TARGET_IMMEDIATE] = "recovery_target",
		[BK_TARGET_TIME] = "recovery_target_time",
		[BK_TARGET_LSN] = "recovery_target_lsn",
		[BK_TARGET_NAME] = "recovery_target_name",
		[BK_TARGET_XID] = "recovery_target_xid",
	};

	return settings[target->kind];
}

void
bk_target_words(const BkTarget *target, char *words, size_t size)
{
	static const char *const names[] = {
		[BK_TARGET_LATEST] = "end of the archived WAL",
		[BK_TARGET_IMMEDIATE] = "end of the backup",
		[BK_TARGET_TIME] = "time",
		[BK_TARGET_LSN] = "WAL position",
		[BK_TARGET_NAME] = "restore point",
		[BK_TARGET_XID] = "transaction",
	};

	if (target->kind == BK_TARGET_LATEST || target->kind == BK_TARGET_IMMEDIATE)
		snprintf(words, size, "%s", names[target->kind]);
	else
		snprintf(words, size, "%s %s", names[target->kind], target->value);
}

/* YYYY-MM-DD HH:MM[:SS[.ffffff]] and a zone. */
bool
bk_target_parse_time(const char *text, int64_t *seconds,
					 char utc[BK_TARGET_TEXT_SIZE], BkError *err)
{
	const char *at = text;
	char		fraction[8] = "";
	char		compact[BK_CLOCK_TEXT_SIZE];
	bool		zoned;
	int64_t		offset;

	if (!read_clock(&at, seconds) || !read_fraction(&at, fraction) ||
		!read_zone(at, &zoned, &offset))
		return bad_time(text, err);
	bk_clock_format(*seconds - offset, compact);
	snprintf(utc, BK_TARGET_TEXT_SIZE, "%.10s %.8s%s+00", compact, compact + 11,
			 fraction);
	if (zoned)
	{
		*seconds -= offset;
		return true;
	}
	bk_error(err, BK_STATE_BAD_ARGUMENT, "time \"%s\" has no time zone", text);
	return bk_error_hint(err, "Add the zone that is meant. In UTC it is \"%s\".", utc);
}

static bool
read_kind(const BkRequest *request, BkTarget *target, BkError *err)
{
	int			count = (request->recovery_target != NULL) +
		(request->target_time != NULL) + (request->target_lsn != NULL) +
		(request->target_name != NULL) + (request->target_xid != NULL);

	if (count > 1)
	{
		bk_error(err, BK_STATE_BAD_ARGUMENT, "more than one recovery target was given");
		return bk_error_hint(err, "Give one of target, target_time, target_lsn, target_name and target_xid.");
	}
	if (request->recovery_target != NULL)
		return read_word(request->recovery_target, target, err);
	if (request->target_time != NULL)
	{
		target->kind = BK_TARGET_TIME;
		return bk_target_parse_time(request->target_time, &target->time,
									target->value, err);
	}
	if (request->target_lsn != NULL)
		return read_lsn(request->target_lsn, target, err);
	if (request->target_name != NULL)
		return read_name(request->target_name, target, err);
	return request->target_xid == NULL ||
		read_xid(request->target_xid, target, err);
}

static bool
read_word(const char *word, BkTarget *target, BkError *err)
{
	if (strcmp(word, "latest") == 0)
		return true;
	if (strcmp(word, "immediate") != 0)
		return bk_error(err, BK_STATE_BAD_ARGUMENT,
						"recovery target \"%.100s\" is neither \"latest\" nor \"immediate\"",
						word);
	target->kind = BK_TARGET_IMMEDIATE;
	snprintf(target->value, sizeof(target->value), "immediate");
	return true;
}

static bool
read_lsn(const char *text, BkTarget *target, BkError *err)
{
	target->kind = BK_TARGET_LSN;
	target->has_lsn = true;
	if (!bk_lsn_parse(text, &target->lsn) || target->lsn == 0)
	{
		bk_error(err, BK_STATE_BAD_ARGUMENT, "\"%.100s\" is not a WAL position", text);
		return bk_error_hint(err, "Give it as pg_current_wal_lsn() shows it, such as 0/16B3748.");
	}
	bk_lsn_format(target->lsn, target->value);
	return true;
}

static bool
read_name(const char *text, BkTarget *target, BkError *err)
{
	size_t		len = strlen(text);

	target->kind = BK_TARGET_NAME;
	for (size_t i = 0; i < len; i++)
	{
		if ((unsigned char) text[i] < 0x20 || text[i] == 0x7f)
			len = 0;
	}
	if (len == 0 || len > NAME_MAX_BYTES)
	{
		bk_error(err, BK_STATE_BAD_ARGUMENT, "this is not the name of a restore point");
		return bk_error_detail(err, "A name has 1 to %d bytes and no control characters.",
							   NAME_MAX_BYTES);
	}
	memcpy(target->value, text, len + 1);
	return true;
}

static bool
read_xid(const char *text, BkTarget *target, BkError *err)
{
	char	   *end;
	unsigned long long xid;

	target->kind = BK_TARGET_XID;
	errno = 0;
	xid = strtoull(text, &end, 10);
	if (*text < '0' || *text > '9' || *end != '\0' || errno != 0 || xid < 3)
		return bk_error(err, BK_STATE_BAD_ARGUMENT,
						"\"%.100s\" is not a transaction id", text);
	snprintf(target->value, sizeof(target->value), "%llu", xid);
	return true;
}

static bool
read_line(const char *text, BkTarget *target, BkError *err)
{
	char	   *end;
	unsigned long long number;

	if (text == NULL)
		return true;
	if (strcmp(text, "current") == 0 || strcmp(text, "latest") == 0)
	{
		target->line = *text == 'c' ? BK_LINE_CURRENT : BK_LINE_LATEST;
		return true;
	}
	errno = 0;
	number = strtoull(text, &end, 10);
	if (*text < '0' || *text > '9' || *end != '\0' || errno != 0 ||
		number == 0 || number > UINT32_MAX)
		return bk_error(err, BK_STATE_BAD_ARGUMENT,
						"timeline \"%.100s\" is neither \"current\", \"latest\" nor a number",
						text);
	target->line = BK_LINE_NUMBER;
	target->timeline = (uint32_t) number;
	return true;
}

static bool
check_action(const BkRequest *request, const BkTarget *target, BkError *err)
{
	const char *action = request->target_action;

	if (target->exclusive &&
		(target->kind == BK_TARGET_LATEST || target->kind == BK_TARGET_IMMEDIATE ||
		 target->kind == BK_TARGET_NAME))
		return bk_error(err, BK_STATE_BAD_ARGUMENT,
						"only a time, a WAL position or a transaction can be excluded");
	if (action == NULL || strcmp(action, "pause") == 0 ||
		strcmp(action, "promote") == 0 || strcmp(action, "shutdown") == 0)
		return true;
	return bk_error(err, BK_STATE_BAD_ARGUMENT,
					"action \"%.100s\" is neither \"pause\", \"promote\" nor \"shutdown\"",
					action);
}

/* Date and time of day, as if they were UTC. */
static bool
read_clock(const char **at, int64_t *seconds)
{
	const char *text = *at;
	char		exact[BK_CLOCK_TEXT_SIZE] = "0000-00-00T00:00:00Z";
	size_t		len = strnlen(text, 19);

	if (len < 16 || (text[10] != ' ' && text[10] != 'T'))
		return false;
	memcpy(exact, text, 10);
	memcpy(exact + 11, text + 11, 5);
	*at = text + 16;
	if (text[16] == ':')
	{
		if (len < 19)
			return false;
		memcpy(exact + 17, text + 17, 2);
		*at = text + 19;
	}
	return bk_clock_parse(exact, seconds);
}

/* With its point; more than microseconds the server does not know. */
static bool
read_fraction(const char **at, char fraction[8])
{
	size_t		digits;

	if (**at != '.')
		return true;
	digits = strspn(*at + 1, "0123456789");
	if (digits < 1 || digits > 6)
		return false;
	memcpy(fraction, *at, digits + 1);
	fraction[digits + 1] = '\0';
	*at += digits + 1;
	return true;
}

/* Z, UTC, +HH, +HHMM or +HH:MM, perhaps behind a space; or none. */
static bool
read_zone(const char *at, bool *given, int64_t *offset)
{
	int			hours;
	int			minutes = 0;
	bool		west;

	*offset = 0;
	at += strspn(at, " ");
	*given = *at != '\0';
	if (!*given || strcmp(at, "Z") == 0 || strcmp(at, "z") == 0 ||
		strcmp(at, "UTC") == 0)
		return true;
	west = *at == '-';
	if (*at != '+' && !west)
		return false;
	at++;
	if (!two_digits(&at, &hours))
		return false;
	at += *at == ':';
	if (*at != '\0' && !two_digits(&at, &minutes))
		return false;
	*offset = hours * 3600 + minutes * 60;
	if (*at != '\0' || minutes > 59 || *offset > ZONE_MAX)
		return false;
	*offset = west ? -*offset : *offset;
	return true;
}

static bool
two_digits(const char **at, int *number)
{
	const char *text = *at;

	if (text[0] < '0' || text[0] > '9' || text[1] < '0' || text[1] > '9')
		return false;
	*number = (text[0] - '0') * 10 + (text[1] - '0');
	*at += 2;
	return true;
}

static bool
bad_time(const char *text, BkError *err)
{
	bk_error(err, BK_STATE_BAD_ARGUMENT, "\"%.100s\" is not a time", text);
	return bk_error_hint(err, "Give it as \"2026-11-21 10:15:00+00\", with its zone as an offset from UTC.");
}
