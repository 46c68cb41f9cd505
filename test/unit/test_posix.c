/*
 * test_posix.c
 *	  The posix store's own rules: which folders it takes, what it leaves on
 *	  disk, full disks, killed writers and foreign things in its folder.
 */
#include "support.h"

#include <dirent.h>
#include <sched.h>
#include <sys/mount.h>

#include "storage/storage.h"

/* Opens a folder by its path, which holds nothing to be encoded. */
static BkStorage *
open_folder(const char *folder, bool create, BkError *err)
{
	char		url[1100];

	snprintf(url, sizeof(url), "file://%s", folder);
	return bk_storage_open(url, create, NULL, err);
}

static BkStorage *
open_good(const char *folder)
{
	BkError		err;
	BkStorage  *storage = open_folder(folder, false, &err);

	assert_good(storage != NULL, &err);
	return storage;
}

static bool
put_text(BkStorage *storage, const char *key, const char *text, BkError *err)
{
	BkWriter   *writer;
	bool		good = bk_storage_put(storage, key, &writer, err);

	if (!good)
		return false;
	good = bk_write(writer, text, strlen(text), err) && bk_finish(writer, err);
	bk_writer_close(writer);
	return good;
}

/* The entries of a folder that begin with a prefix; the last one's name. */
static int
count_entries(const char *folder, const char *prefix, char name[256])
{
	DIR		   *dir = opendir(folder);
	struct dirent *entry;
	int			count = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL)
	{
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
			strncmp(entry->d_name, prefix, strlen(prefix)) != 0)
			continue;
		count++;
		if (name != NULL)
			snprintf(name, 256, "%s", entry->d_name);
	}
	closedir(dir);
	return count;
}

static void
refuses_bad_urls(void **state)
{
	static const struct
	{
		const char *url;
		const char *sqlstate;
		const char *reason;
	}			rows[] = {
		{"", "22023", "is not a URL"},
		{"/backup", "22023", "is not a URL"},
		{"backup", "22023", "is not a URL"},
		{"file:/backup", "22023", "is not a URL"},
		{"://x", "22023", "is not a URL"},
		{"ftp://host/x", "0A000", "\"ftp\" is not supported"},
		{"ftp://host/x", "0A000", "file://"},
		{"file://", "22023", "has no path"},
		{"file:///", "22023", "has no path"},
		{"file://backup/main", "22023", "has a host or a relative path"},
		{"file://localhost/backup", "22023", "has a host or a relative path"},
		{"file://./backup", "22023", "has a host or a relative path"},
		{"file:///a?b=c", "22023", "query or fragment"},
		{"file:///a#b", "22023", "query or fragment"},
		{"file:///a%", "22023", "percent-encoding"},
		{"file:///a%4", "22023", "percent-encoding"},
		{"file:///a%zz", "22023", "percent-encoding"},
		{"file:///a%00b", "22023", "percent-encoding"},
		{"file:///nonexistent/a", "58P01", "does not exist"},
		{"file:///etc/passwd", "22023", "is not a directory"},
		{"file:///etc/passwd/x", "22023", "is not a directory"},
	};
	BkError		err;

	(void) state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
	{
		assert_null(bk_storage_open(rows[i].url, false, NULL, &err));
		assert_reason(&err, rows[i].sqlstate, rows[i].reason);
		if (strcmp(rows[i].sqlstate, "22023") == 0 && i < 18)
			assert_non_null(strstr(err.hint, "file:///backup/main"));
	}
}

static void
decodes_urls(void **state)
{
	char	   *folder = new_folder();
	char		url[256];
	BkStorage  *storage;
	BkError		err;

	(void) state;
	assert_int_equal(mkdir(in_folder(folder, "a b%c"), 0700), 0);
	snprintf(url, sizeof(url), "FILE://%s/a%%20b%%25%%63/", folder);
	storage = bk_storage_open(url, false, NULL, &err);
	assert_good(storage != NULL, &err);
	assert_string_equal(bk_storage_describe(storage), in_folder(folder, "a b%c"));
	bk_storage_close(storage);
	remove_folder(folder);
}

static void
creates_the_last_folder_only(void **state)
{
	char	   *folder = new_folder();
	BkStorage  *storage;
	struct stat status;
	mode_t		mask = umask(0);
	BkError		err;

	(void) state;
	assert_null(open_folder(in_folder(folder, "new"), false, &err));
	assert_reason(&err, "58P01", "does not exist");
	assert_null(open_folder(in_folder(folder, "new/deep"), true, &err));
	assert_reason(&err, "58P01", "new\" does not exist");
	for (int i = 0; i < 2; i++)
	{
		storage = open_folder(in_folder(folder, "new"), true, &err);
		assert_good(storage != NULL, &err);
		bk_storage_close(storage);
	}
	assert_int_equal(stat(in_folder(folder, "new"), &status), 0);
	assert_int_equal(status.st_mode & 07777, 0700);
	umask(mask);
	remove_folder(folder);
}

static void
refuses_data_directories(void **state)
{
	static const char *const inside[] = {
		"data", "data/base", "data/base/backup", "link", "space",
		"space/backup", "space/PG_15_202209061/5"
	};
	char	   *folder = new_folder();
	BkStorage  *storage;
	BkError		err;

	(void) state;
	assert_int_equal(mkdir(in_folder(folder, "data"), 0700), 0);
	assert_int_equal(mkdir(in_folder(folder, "data/global"), 0700), 0);
	assert_int_equal(mkdir(in_folder(folder, "data/base"), 0700), 0);
	assert_int_equal(mkdir(in_folder(folder, "data/base/backup"), 0700), 0);
	assert_int_equal(symlink("data/base", in_folder(folder, "link")), 0);
	assert_int_equal(mkdir(in_folder(folder, "space"), 0700), 0);
	assert_int_equal(mkdir(in_folder(folder, "space/backup"), 0700), 0);
	assert_int_equal(mkdir(in_folder(folder, "space/PG_15_202209061"), 0700), 0);
	assert_int_equal(mkdir(in_folder(folder, "space/PG_15_202209061/5"), 0700), 0);

	/* Not one yet. */
	storage = open_good(in_folder(folder, "data/base"));
	bk_storage_close(storage);
	write_file(in_folder(folder, "data/PG_VERSION"), "15\n", 3);
	for (size_t i = 0; i < sizeof(inside) / sizeof(inside[0]); i++)
	{
		assert_null(open_folder(in_folder(folder, inside[i]), true, &err));
		assert_reason(&err, "55000", i < 4 ? "is inside the data directory" :
					  "is inside the tablespace");
	}

	/* Nothing is made there either. */
	assert_null(open_folder(in_folder(folder, "data/base/new"), true, &err));
	assert_reason(&err, "55000", "is inside the data directory");
	assert_int_not_equal(access(in_folder(folder, "data/base/new"), F_OK), 0);

	/* Names that only look alike. */
	assert_int_equal(mkdir(in_folder(folder, "other"), 0700), 0);
	assert_int_equal(mkdir(in_folder(folder, "other/PG_15"), 0700), 0);
	assert_int_equal(mkdir(in_folder(folder, "other/PG_15_2x"), 0700), 0);
	write_file(in_folder(folder, "other/PG_15_2"), "", 0);
	storage = open_good(in_folder(folder, "other"));
	bk_storage_close(storage);
	remove_folder(folder);
}

static void
refuses_open_folders(void **state)
{
	static const mode_t bad[] = {0777, 0720, 0702, 01777};
	char	   *folder = new_folder();
	BkError		err;

	(void) state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		assert_int_equal(chmod(folder, bad[i]), 0);
		assert_null(open_folder(folder, false, &err));
		assert_reason(&err, "42501", "can be written by other users");
		assert_non_null(strstr(err.hint, "chmod go-w '/tmp/"));
	}
	assert_int_equal(chmod(folder, 0755), 0);
	bk_storage_close(open_good(folder));
	remove_folder(folder);
}

static void
refuses_folders_of_others(void **state)
{
	char	   *folder;
	BkError		err;

	(void) state;
	if (geteuid() != 0)
	{
		print_message("skipped: only root can give a folder away\n");
		skip();
	}
	folder = new_folder();
	assert_int_equal(chown(folder, 12345, 12345), 0);
	assert_null(open_folder(folder, false, &err));
	assert_reason(&err, "42501", "belongs to another user");
	assert_non_null(strstr(err.hint, "sudo -u #12345"));
	remove_folder(folder);
}

static void
modes_are_tight(void **state)
{
	char	   *folder = new_folder();
	BkStorage  *storage = open_good(folder);
	mode_t		mask = umask(0);
	struct stat status;
	BkError		err;

	(void) state;
	assert_good(put_text(storage, "a/b/c", "x", &err), &err);
	umask(mask);
	assert_int_equal(stat(in_folder(folder, "a/b/c"), &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	assert_int_equal(stat(in_folder(folder, "a/b"), &status), 0);
	assert_int_equal(status.st_mode & 07777, 0700);
	assert_int_equal(stat(in_folder(folder, "a"), &status), 0);
	assert_int_equal(status.st_mode & 07777, 0700);
	bk_storage_close(storage);
	remove_folder(folder);
}

static void
remove_takes_empty_folders(void **state)
{
	char	   *folder = new_folder();
	BkStorage  *storage = open_good(folder);
	BkError		err;

	(void) state;
	assert_good(put_text(storage, "a/b/c/d", "x", &err), &err);
	assert_good(put_text(storage, "a/b/e", "x", &err), &err);
	assert_good(bk_storage_remove(storage, "a/b/c/d", &err), &err);
	assert_int_not_equal(access(in_folder(folder, "a/b/c"), F_OK), 0);
	assert_int_equal(access(in_folder(folder, "a/b/e"), F_OK), 0);
	assert_good(bk_storage_remove(storage, "a/b/e", &err), &err);
	assert_int_not_equal(access(in_folder(folder, "a/b"), F_OK), 0);
	assert_int_equal(access(in_folder(folder, "a"), F_OK), 0);
	bk_storage_close(storage);
	remove_folder(folder);
}

static void
full_disk_is_named(void **state)
{
	char	   *folder = new_folder();
	char	   *data = make_data(3000000, false, 1);
	BkStorage  *storage;
	BkWriter   *writer;
	BkError		err;
	int			rounds = 0;

	(void) state;
	/* A mount of this process alone, gone with it whatever happens. */
	if (unshare(CLONE_NEWNS) != 0 ||
		mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
		mount("none", folder, "tmpfs", 0, "size=2m,mode=0700") != 0)
	{
		print_message("skipped: cannot mount a small tmpfs: %s\n", strerror(errno));
		free(data);
		remove_folder(folder);
		skip();
	}
	assert_int_equal(mkdir(in_folder(folder, "in"), 0700), 0);
	storage = open_good(in_folder(folder, "in"));
	assert_good(bk_storage_put(storage, "a/b", &writer, &err), &err);
	while (bk_write(writer, data, 100000, &err))
		assert_true(++rounds < 100);
	assert_reason(&err, "53100", folder);
	assert_reason(&err, "53100", "is full");
	assert_reason(&err, "53100", "object \"a/b\"");
	bk_writer_close(writer);

	/* It cleans up, and there is room again. */
	assert_int_equal(count_entries(in_folder(folder, "in/a"), "", NULL), 0);
	assert_good(put_text(storage, "a/b", "small", &err), &err);
	bk_storage_close(storage);
	assert_int_equal(umount(folder), 0);
	free(data);
	remove_folder(folder);
}

/* Writes half an object and waits to be killed. */
static void
put_half(BkStorage *storage, int report)
{
	BkWriter   *writer;
	BkError		err;

	if (bk_storage_put(storage, "a/b", &writer, &err) &&
		bk_write(writer, "half", 4, &err) && write(report, "x", 1) == 1)
		pause();
	_exit(1);
}

static void
killed_writers_are_swept(void **state)
{
	char	   *folder = new_folder();
	BkStorage  *storage = open_good(folder);
	char		name[256] = "";
	int			report[2];
	int			status;
	char		ready;
	pid_t		pid;
	BkObjectStat stat;
	BkError		err;

	(void) state;
	assert_int_equal(pipe(report), 0);
	pid = fork();
	if (pid == 0)
		put_half(storage, report[1]);
	assert_int_equal(read(report[0], &ready, 1), 1);

	/* It lives: its temporary stays. */
	assert_good(bk_storage_sweep(storage, "", false, &err), &err);
	assert_int_equal(count_entries(in_folder(folder, "a"), ".tmp-", name), 1);
	assert_int_equal(strlen(name), strlen(".tmp-12345678-b"));
	assert_string_equal(name + strlen(name) - 2, "-b");
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(count_entries(in_folder(folder, "a"), "", NULL), 1);
	assert_good(bk_storage_stat(storage, "a/b", &stat, &err), &err);
	assert_false(stat.exists);
	assert_good(bk_storage_sweep(storage, "elsewhere", false, &err), &err);
	assert_int_equal(count_entries(in_folder(folder, "a"), "", NULL), 1);
	assert_good(bk_storage_sweep(storage, "a", false, &err), &err);
	assert_int_equal(count_entries(in_folder(folder, "a"), "", NULL), 0);
	close(report[0]);
	close(report[1]);
	bk_storage_close(storage);
	remove_folder(folder);
}

/* Someone changes the temporary behind our back, as a bad disk would. */
static void
wrong_bytes_are_never_published(void **state)
{
	char	   *folder = new_folder();
	BkStorage  *storage = open_good(folder);
	char		name[256];
	char		path[300];
	BkWriter   *writer;
	BkError		err;

	(void) state;
	for (int i = 0; i < 2; i++)
	{
		assert_good(bk_storage_put(storage, "a/b", &writer, &err), &err);
		assert_good(bk_write(writer, "content", 7, &err), &err);
		assert_int_equal(count_entries(in_folder(folder, "a"), ".tmp-", name), 1);
		snprintf(path, sizeof(path), "a/%s", name);
		write_file(in_folder(folder, path), "CONTENT", i == 0 ? 7 : 3);
		assert_false(bk_finish(writer, &err));
		assert_reason(&err, "XX001", i == 0 ? "reads back other" : "ends at 3");
		bk_writer_close(writer);
		assert_int_equal(count_entries(in_folder(folder, "a"), "", NULL), 0);
	}
	bk_storage_close(storage);
	remove_folder(folder);
}

/* An object that becomes shorter while it is read does not look complete. */
static void
shrinking_objects_are_noticed(void **state)
{
	char	   *folder = new_folder();
	BkStorage  *storage = open_good(folder);
	BkReader   *reader;
	char	   *data;
	size_t		len;
	BkError		err;

	(void) state;
	assert_good(put_text(storage, "a", "content", &err), &err);
	assert_good(bk_storage_get(storage, "a", &reader, &err), &err);
	assert_int_equal(truncate(in_folder(folder, "a"), 3), 0);
	assert_false(bk_read_all(reader, 100, &data, &len, &err));
	assert_reason(&err, "XX001", "changed while it was read");
	bk_reader_close(reader);
	bk_storage_close(storage);
	remove_folder(folder);
}

static bool
ignore_object(void *arg, const char *key, const BkObjectStat *stat,
			  BkError *err)
{
	(void) key;
	(void) stat;
	(void) err;
	++*(int *) arg;
	return true;
}

/* Links and the like are neither followed nor quietly left out. */
static void
foreign_things_are_loud(void **state)
{
	char	   *folder = new_folder();
	BkStorage  *storage;
	BkReader   *reader;
	BkWriter   *writer;
	int			count = 0;
	BkError		err;

	(void) state;
	assert_int_equal(mkdir(in_folder(folder, "root"), 0700), 0);
	assert_int_equal(mkdir(in_folder(folder, "root/lost+found"), 0000), 0);
	write_file(in_folder(folder, "secret"), "s", 1);
	storage = open_good(in_folder(folder, "root"));
	assert_good(put_text(storage, "a/b", "x", &err), &err);
	assert_good(bk_storage_list(storage, "", ignore_object, &count, &err), &err);
	assert_int_equal(count, 1);

	assert_int_equal(symlink("../secret", in_folder(folder, "root/link")), 0);
	assert_int_equal(symlink("..", in_folder(folder, "root/up")), 0);
	assert_false(bk_storage_list(storage, "", ignore_object, &count, &err));
	assert_reason(&err, "55000", "neither a file nor a directory");
	assert_false(bk_storage_get(storage, "link", &reader, &err));
	assert_reason(&err, "58030", "could not open object \"link\"");
	assert_false(bk_storage_get(storage, "up/secret", &reader, &err));
	assert_reason(&err, "58030", "could not open object \"up/secret\"");
	assert_false(bk_storage_put(storage, "up/new", &writer, &err));
	assert_reason(&err, "58030", "could not make folder \"up\"");
	assert_false(bk_storage_remove(storage, "up/secret", &err));
	assert_reason(&err, "58030", "could not remove object \"up/secret\"");
	assert_false(bk_storage_list(storage, "up", ignore_object, &count, &err));
	assert_reason(&err, "58030", "could not list \"up\"");
	assert_int_equal(access(in_folder(folder, "secret"), F_OK), 0);

	assert_int_equal(mkfifo(in_folder(folder, "root/a/fifo"), 0600), 0);
	assert_false(bk_storage_get(storage, "a/fifo", &reader, &err));
	assert_reason(&err, "58030", "could not open object \"a/fifo\"");
	bk_storage_close(storage);
	remove_folder(folder);
}

static int	descriptors_before;

static int
count_before(void **state)
{
	(void) state;
	descriptors_before = count_descriptors();
	return 0;
}

static int
nothing_is_open(void **state)
{
	(void) state;
	return count_descriptors() == descriptors_before ? 0 : -1;
}

#define posix_test(function) \
	cmocka_unit_test_setup_teardown(function, count_before, nothing_is_open)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		posix_test(refuses_bad_urls),
		posix_test(decodes_urls),
		posix_test(creates_the_last_folder_only),
		posix_test(refuses_data_directories),
		posix_test(refuses_open_folders),
		posix_test(refuses_folders_of_others),
		posix_test(modes_are_tight),
		posix_test(remove_takes_empty_folders),
		posix_test(full_disk_is_named),
		posix_test(killed_writers_are_swept),
		posix_test(wrong_bytes_are_never_published),
		posix_test(shrinking_objects_are_noticed),
		posix_test(foreign_things_are_loud),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
