/*
 * process.c
 *	  Name a process, and tell whether it lives.
 *
 * A PID alone is reused; with its start time it is not. Neither means anything
 * in another PID namespace or after another boot.
 */
#include "core/process.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TEXT_SIZE	256

static bool read_text(const char *path, char *text);
static bool read_machine_id(char *text);
static bool read_boot_id(char *text);
static bool read_pid_namespace(char *text);
static bool read_start_ticks(int64_t pid, int64_t *ticks);
static bool same(const BkJson *process, const char *key, const char *text);

BkJson *
bk_process_self(BkError *err)
{
	char		hostname[TEXT_SIZE];
	char		machine[TEXT_SIZE] = "";
	char		boot[TEXT_SIZE];
	char		namespace[TEXT_SIZE];
	int64_t		ticks;
	BkJson	   *json;

	if (gethostname(hostname, sizeof(hostname)) != 0 ||
		!read_boot_id(boot) || !read_pid_namespace(namespace) ||
		!read_start_ticks(getpid(), &ticks))
	{
		bk_error_errno(err, "could not read the identity of this process from /proc");
		return NULL;
	}
	hostname[sizeof(hostname) - 1] = '\0';
	(void) read_machine_id(machine);
	json = bk_json_object();
	if (json == NULL)
	{
		bk_error_memory(err);
		return NULL;
	}
	bk_json_put_string(json, "hostname", hostname);
	bk_json_put_string(json, "machine_id", machine);
	bk_json_put_string(json, "boot_id", boot);
	bk_json_put_string(json, "pid_namespace", namespace);
	bk_json_put_int(json, "pid", getpid());
	bk_json_put_int(json, "start_ticks", ticks);
	return json;
}

BkLife
bk_process_life(const BkJson *process)
{
	char		hostname[TEXT_SIZE];
	char		machine[TEXT_SIZE];
	char		boot[TEXT_SIZE];
	char		namespace[TEXT_SIZE];
	int64_t		pid = bk_json_int(bk_json_get(process, "pid"), -1);
	int64_t		ticks = bk_json_int(bk_json_get(process, "start_ticks"), -1);
	int64_t		found;

	if (gethostname(hostname, sizeof(hostname)) != 0 ||
		!read_boot_id(boot) || !read_pid_namespace(namespace))
		return BK_LIFE_UNKNOWN;
	hostname[sizeof(hostname) - 1] = '\0';
	if (!same(process, "boot_id", boot))
		return same(process, "hostname", hostname) &&
			read_machine_id(machine) && same(process, "machine_id", machine)
			? BK_LIFE_DEAD : BK_LIFE_UNKNOWN;
	if (!same(process, "pid_namespace", namespace))
		return BK_LIFE_UNKNOWN;
	if (pid > 0 && read_start_ticks(pid, &found) && found == ticks)
		return BK_LIFE_ALIVE;
	return BK_LIFE_DEAD;
}

bool
bk_process_machine(char *hostname, char *machine_id, size_t size, BkError *err)
{
	char		text[TEXT_SIZE];

	if (gethostname(text, sizeof(text)) != 0)
		return bk_error_errno(err, "could not read the name of this host");
	text[sizeof(text) - 1] = '\0';
	snprintf(hostname, size, "%s", text);
	snprintf(machine_id, size, "%s", read_machine_id(text) ? text : "");
	return true;
}

/* Read the first line of a file of /proc. */
static bool
read_text(const char *path, char *text)
{
	int			fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t		len;

	if (fd < 0)
		return false;
	len = read(fd, text, TEXT_SIZE - 1);
	close(fd);
	if (len < 0)
		return false;
	text[len] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return true;
}

/*
 * Containers may have none, or share that of their image. An image that has
 * not been booted yet can say "uninitialized" (machine-id(5)).
 */
static bool
read_machine_id(char *text)
{
	return read_text("/etc/machine-id", text) && text[0] != '\0' &&
		strcmp(text, "uninitialized") != 0;
}

static bool
read_boot_id(char *text)
{
	return read_text("/proc/sys/kernel/random/boot_id", text);
}

static bool
read_pid_namespace(char *text)
{
	ssize_t		len = readlink("/proc/self/ns/pid", text, TEXT_SIZE - 1);

	if (len < 0)
		return false;
	text[len] = '\0';
	return true;
}

/*
 * Field 22 of /proc/PID/stat; the name in field 2 may contain anything. False
 * also for a process that has ended and whose parent has not asked for it: in
 * a container that can stay so for long.
 */
static bool
read_start_ticks(int64_t pid, int64_t *ticks)
{
	char		path[64];
	char		stat[TEXT_SIZE];
	char	   *at;

	snprintf(path, sizeof(path), "/proc/%lld/stat", (long long) pid);
	if (!read_text(path, stat) || (at = strrchr(stat, ')')) == NULL ||
		strncmp(at, ") Z", 3) == 0 || strncmp(at, ") X", 3) == 0)
		return false;
	for (int field = 2; field < 22; field++)
	{
		at = strchr(at + 1, ' ');
		if (at == NULL)
			return false;
	}
	*ticks = strtoll(at, NULL, 10);
	return true;
}

static bool
same(const BkJson *process, const char *key, const char *text)
{
	return strcmp(bk_json_string(bk_json_get(process, key), ""), text) == 0;
}
