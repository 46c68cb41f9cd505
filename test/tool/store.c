/*
 * store.c
 *	  The storage layer from a shell: one operation on one store.
 *
 *	  store [--credentials FILE] [--jobs N] URL put KEY FILE | get KEY FILE |
 *		stat KEY | list FOLDER | match BEGINNING | remove KEY… | sweep FOLDER | sweep-dead FOLDER |
 *		probe
 *
 * Faults of a store are tried, and its speed is measured, with this: nothing
 * else than the driver is between the test and the store. An error ends it
 * with status 1, and its SQLSTATE, message, detail and hint on stderr.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/storage.h"

static volatile sig_atomic_t stopped;

typedef struct Operation
{
	const char *name;
	int			arguments;		/* at least */
	bool		(*run) (BkStorage *storage, char **arguments, BkError *err);
} Operation;

static void
on_signal(int signal)
{
	(void) signal;
	stopped = 1;
}

static bool
stop(void *ctx)
{
	(void) ctx;
	return stopped != 0;
}

static const char *
variable(void *ctx, const char *name)
{
	(void) ctx;
	return getenv(name);
}

static bool
file_error(const char *path, BkError *err)
{
	return bk_error(err, BK_STATE_IO, "%s: %s", path, strerror(errno));
}

static bool
copy_in(FILE *file, const char *path, BkWriter *writer, BkError *err)
{
	static char buf[BK_STREAM_BUFFER];
	size_t		got;

	while ((got = fread(buf, 1, sizeof(buf), file)) > 0)
	{
		if (!bk_write(writer, buf, got, err))
			return false;
	}
	if (ferror(file))
		return file_error(path, err);
	return bk_finish(writer, err);
}

static bool
run_put(BkStorage *storage, char **arguments, BkError *err)
{
	FILE	   *file = fopen(arguments[1], "rb");
	BkWriter   *writer = NULL;
	bool		good;

	if (file == NULL)
		return file_error(arguments[1], err);
	good = bk_storage_put(storage, arguments[0], &writer, err) &&
		copy_in(file, arguments[1], writer, err);
	bk_writer_close(writer);
	fclose(file);
	return good;
}

static bool
copy_out(BkReader *reader, FILE *file, const char *path, BkError *err)
{
	static char buf[BK_STREAM_BUFFER];
	size_t		got = 1;

	while (got > 0)
	{
		if (!bk_read(reader, buf, sizeof(buf), &got, err))
			return false;
		if (fwrite(buf, 1, got, file) != got)
			return file_error(path, err);
	}
	return true;
}

/* The file appears only when it is whole. */
static bool
run_get(BkStorage *storage, char **arguments, BkError *err)
{
	BkReader   *reader = NULL;
	FILE	   *file = fopen(arguments[1], "wb");
	bool		good;

	if (file == NULL)
		return file_error(arguments[1], err);
	good = bk_storage_get(storage, arguments[0], &reader, err) &&
		copy_out(reader, file, arguments[1], err);
	bk_reader_close(reader);
	if (fclose(file) != 0 && good)
		good = file_error(arguments[1], err);
	if (!good && strncmp(arguments[1], "/dev/", 5) != 0)
		remove(arguments[1]);
	return good;
}

static bool
print_object(void *arg, const char *key, const BkObjectStat *stat, BkError *err)
{
	(void) arg;
	(void) err;
	printf("%s\t%" PRIu64 "\n", key, stat->size);
	return true;
}

static bool
run_stat(BkStorage *storage, char **arguments, BkError *err)
{
	BkObjectStat stat;

	if (!bk_storage_stat(storage, arguments[0], &stat, err))
		return false;
	if (stat.exists)
		return print_object(NULL, arguments[0], &stat, err);
	printf("missing\n");
	return true;
}

static bool
run_list(BkStorage *storage, char **arguments, BkError *err)
{
	return bk_storage_list(storage, arguments[0], print_object, NULL, err);
}

static bool
run_match(BkStorage *storage, char **arguments, BkError *err)
{
	return bk_storage_match(storage, arguments[0], print_object, NULL, err);
}

static bool
run_remove(BkStorage *storage, char **arguments, BkError *err)
{
	size_t		count = 0;

	while (arguments[count] != NULL)
		count++;
	return bk_storage_remove_all(storage, (const char *const *) arguments, count, err);
}

static bool
run_sweep(BkStorage *storage, char **arguments, BkError *err)
{
	return bk_storage_sweep(storage, arguments[0], false, err);
}

static bool
run_sweep_dead(BkStorage *storage, char **arguments, BkError *err)
{
	return bk_storage_sweep(storage, arguments[0], true, err);
}

static bool
print_finding(void *arg, const char *name, const char *value, BkError *err)
{
	(void) arg;
	(void) err;
	printf("%s: %s\n", name, value);
	return true;
}

static bool
run_probe(BkStorage *storage, char **arguments, BkError *err)
{
	(void) arguments;
	return bk_storage_probe(storage, true, print_finding, NULL, err);
}

static const Operation operations[] = {
	{"put", 2, run_put},
	{"get", 2, run_get},
	{"stat", 1, run_stat},
	{"list", 1, run_list},
	{"match", 1, run_match},
	{"remove", 1, run_remove},
	{"sweep", 1, run_sweep},
	{"sweep-dead", 1, run_sweep_dead},
	{"probe", 0, run_probe},
};

static const Operation *
find_operation(const char *name, int arguments)
{
	for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++)
	{
		if (strcmp(operations[i].name, name) == 0 && arguments >= operations[i].arguments)
			return &operations[i];
	}
	return NULL;
}

int
main(int argc, char **argv)
{
	static const BkHost host = {.stop = stop, .variable = variable};
	BkStorageAccess access = {.host = &host, .jobs = 2};
	const Operation *operation;
	BkStorage  *storage;
	BkError		err;
	bool		good;
	int			i = 1;

	for (; i + 1 < argc && strncmp(argv[i], "--", 2) == 0; i += 2)
	{
		if (strcmp(argv[i], "--credentials") == 0)
			access.credentials_file = argv[i + 1];
		else if (strcmp(argv[i], "--jobs") == 0)
			access.jobs = atoi(argv[i + 1]);
	}
	operation = i + 2 > argc ? NULL : find_operation(argv[i + 1], argc - i - 2);
	if (operation == NULL)
	{
		fprintf(stderr, "usage: see store.c\n");
		return 2;
	}
	signal(SIGTERM, on_signal);
	storage = bk_storage_open(argv[i], false, &access, &err);
	good = storage != NULL && operation->run(storage, argv + i + 2, &err);
	bk_storage_close(storage);
	if (!good)
		fprintf(stderr, "%s: %s\nDETAIL: %s\nHINT: %s\n", err.sqlstate, err.message, err.detail, err.hint);
	return good ? 0 : 1;
}
