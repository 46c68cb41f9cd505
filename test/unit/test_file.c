/*
 * test_file.c
 *	  Durable files: written once, and never outside their root. Each property
 *	  is tried with the system calls of this kernel and again without them
 *	  (a seccomp filter makes them fail), in a process of its own.
 */
#include "support.h"

#include <dirent.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "core/file.h"

/* What the kernel shall not be able to do. */
typedef struct Lack
{
	const char *name;
	int			call;			/* -1: nothing */
	int			code;
} Lack;

static const Lack lacks[] = {
	{"nothing", -1, 0},
	{"no openat2", SYS_openat2, ENOSYS},
	{"openat2 forbidden", SYS_openat2, EPERM},
	{"no renameat2", SYS_renameat2, ENOSYS},
	{"rename knows no flags", SYS_renameat2, EINVAL},
};

static bool
take_away(int call, int code)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned) call, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned) code),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {
		.len = sizeof(filter) / sizeof(filter[0]),
		.filter = filter,
	};

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
		prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/*
 * The work of one process: write "a/b/<name>" with some content. Exit status
 * 0 published, 1 exists, 2 failed (the SQLSTATE is compared), 3 all else.
 */
static int
write_once(int root, const char *path, const char *content,
		   const char *expected_state)
{
	BkFileOutcome outcome;
	BkError		err;
	BkFile	   *file = bk_file_create(root, path, 0600, &err);
	bool		done;

	if (file == NULL)
		return bk_error_is(&err, expected_state) ? 2 : 3;
	done = bk_file_write(file, content, strlen(content)) == 0 &&
		bk_file_sync(file) == 0 &&
		bk_file_publish(file, &outcome, &err);
	bk_file_close(file);
	if (!done)
		return bk_error_is(&err, expected_state) ? 2 : 3;
	return outcome == BK_FILE_PUBLISHED ? 0 : 1;
}

static int
write_once_without(const Lack *lack, const Lack *other, int root,
				   const char *path, const char *content,
				   const char *expected_state)
{
	pid_t		pid = fork();
	int			status;

	if (pid == 0)
	{
		umask(0);
		if (lack->call >= 0 && !take_away(lack->call, lack->code))
			_exit(4);
		if (other != NULL && !take_away(other->call, other->code))
			_exit(4);
		_exit(write_once(root, path, content, expected_state));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void
is_written_once(void **state)
{
	(void) state;
	for (size_t i = 0; i < sizeof(lacks) / sizeof(lacks[0]); i++)
	{
		char	   *folder = new_folder();
		int			root = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		struct stat status;
		BkBuf		content;

		assert_int_equal(write_once_without(&lacks[i], NULL, root, "a/b/c",
											"first", ""), 0);
		assert_int_equal(write_once_without(&lacks[i], NULL, root, "a/b/c",
											"second", ""), 1);
		read_file(in_folder(folder, "a/b/c"), &content);
		assert_string_equal(content.data, "first");
		bk_buf_free(&content);
		assert_int_equal(stat(in_folder(folder, "a/b/c"), &status), 0);
		assert_int_equal(status.st_mode & 07777, 0600);
		assert_int_equal(status.st_nlink, 1);
		assert_int_equal(stat(in_folder(folder, "a/b"), &status), 0);
		assert_int_equal(status.st_mode & 07777, 0700);

		/* Nothing but the file is there. */
		assert_int_equal(unlink(in_folder(folder, "a/b/c")), 0);
		assert_int_equal(rmdir(in_folder(folder, "a/b")), 0);
		close(root);
		remove_folder(folder);
	}
}

static void
needs_rename_or_link(void **state)
{
	static const Lack no_links = {"no links", SYS_linkat, EPERM};
	char	   *folder = new_folder();
	int			root = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void) state;
	assert_int_equal(write_once_without(&lacks[4], &no_links, root, "c", "x",
										BK_STATE_UNSUPPORTED), 2);
	close(root);
	assert_int_equal(rmdir(folder), 0);
	free(folder);
}

/* Opens that must not reach "secret", which lies beside the root. */
static int
try_escapes(int root)
{
	static const struct
	{
		const char *path;
		int			code;
	}			escapes[] = {
		{"../secret", EXDEV}, {"/etc/passwd", EXDEV}, {"a/../../secret", EXDEV},
		{"a//b", EXDEV}, {"a/", EXDEV}, {".", EXDEV}, {"..", EXDEV},
		{"./a", EXDEV}, {"a/.", EXDEV}, {"link", ELOOP}, {"up/secret", 0},
		{"a/up/secret", 0}, {"a/absolute/passwd", 0}, {"a/self/a", 0},
	};
	int			fd;

	for (size_t i = 0; i < sizeof(escapes) / sizeof(escapes[0]); i++)
	{
		fd = bk_file_open(root, escapes[i].path, O_RDONLY, 0);
		if (fd >= 0 || (escapes[i].code != 0 && errno != escapes[i].code))
			return (int) i + 1;
		fd = bk_file_open(root, escapes[i].path, O_WRONLY | O_CREAT, 0600);
		if (fd >= 0)
			return (int) i + 51;
		if (write_once(root, escapes[i].path, "x", BK_STATE_IO) == 0)
			return (int) i + 101;
	}
	fd = bk_file_open(root, "a/good", O_RDONLY, 0);
	if (fd < 0)
		return 150;
	if (fcntl(fd, F_GETFD) != FD_CLOEXEC)
		return 151;
	return 0;
}

static void
never_leaves_the_root(void **state)
{
	char	   *folder = new_folder();
	int			root;
	int			status;
	BkBuf		secret;

	(void) state;
	assert_int_equal(mkdir(in_folder(folder, "root"), 0700), 0);
	assert_int_equal(mkdir(in_folder(folder, "root/a"), 0700), 0);
	write_file(in_folder(folder, "secret"), "s", 1);
	write_file(in_folder(folder, "root/a/good"), "g", 1);
	assert_int_equal(symlink("../secret", in_folder(folder, "root/link")), 0);
	assert_int_equal(symlink("..", in_folder(folder, "root/up")), 0);
	assert_int_equal(symlink("../..", in_folder(folder, "root/a/up")), 0);
	assert_int_equal(symlink("/etc", in_folder(folder, "root/a/absolute")), 0);
	assert_int_equal(symlink("..", in_folder(folder, "root/a/self")), 0);
	root = open(in_folder(folder, "root"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < 3; i++)
	{
		pid_t		pid = fork();

		if (pid == 0)
			_exit(lacks[i].call < 0 || take_away(lacks[i].call, lacks[i].code) ?
				  try_escapes(root) : 255);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
	}
	read_file(in_folder(folder, "secret"), &secret);
	assert_string_equal(secret.data, "s");
	bk_buf_free(&secret);
	close(root);
	remove_folder(folder);
}

static void
makes_dirs(void **state)
{
	static const char *const bad[] = {"..", "a/../b", "/a", "a//b", "a/", "."};
	char	   *folder = new_folder();
	int			root = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int			before = count_descriptors();
	char		name[300];
	BkError		err;

	(void) state;
	assert_good(bk_file_make_dirs(root, "", &err), &err);
	assert_good(bk_file_make_dirs(root, "a/b/c", &err), &err);
	assert_good(bk_file_make_dirs(root, "a/b/d", &err), &err);
	assert_int_equal(access(in_folder(folder, "a/b/c"), X_OK), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		assert_false(bk_file_make_dirs(root, bad[i], &err));
		assert_reason(&err, "58030", "could not make folder");
	}
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_false(bk_file_make_dirs(root, name, &err));
	assert_reason(&err, "58030", "too long");
	write_file(in_folder(folder, "a/file"), "x", 1);
	assert_false(bk_file_make_dirs(root, "a/file/b", &err));
	assert_reason(&err, "58030", "Not a directory");
	assert_int_equal(count_descriptors(), before);
	close(root);
	remove_folder(folder);
}

static void
long_names_work(void **state)
{
	char	   *folder = new_folder();
	int			root = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char		name[256];

	(void) state;
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(write_once(root, name, "x", ""), 0);
	assert_int_equal(write_once(root, name, "y", ""), 1);
	close(root);
	remove_folder(folder);
}

static void
close_removes_the_temporary(void **state)
{
	char	   *folder = new_folder();
	int			root = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int			before = count_descriptors();
	BkError		err;
	BkFile	   *file = bk_file_create(root, "name", 0640, &err);

	(void) state;
	assert_good(file != NULL, &err);
	assert_int_equal(bk_file_write(file, "x", 1), 0);
	bk_file_close(file);
	bk_file_close(NULL);
	assert_int_equal(count_descriptors(), before);
	close(root);
	assert_int_equal(rmdir(folder), 0);
	free(folder);
}

/* For ever: take every temporary away that can be locked. */
static void
sweep_for_ever(const char *folder)
{
	for (;;)
	{
		DIR		   *dir = opendir(folder);
		struct dirent *entry;

		while (dir != NULL && (entry = readdir(dir)) != NULL)
		{
			int			fd = -1;

			if (strncmp(entry->d_name, BK_FILE_TEMPORARY, 5) == 0)
				fd = openat(dirfd(dir), entry->d_name, O_RDWR);
			if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
				unlinkat(dirfd(dir), entry->d_name, 0);
			if (fd >= 0)
				close(fd);
		}
		closedir(dir);
	}
}

/* A sweeper may come between the creation of a temporary and its lock. */
static void
sweepers_do_no_harm(void **state)
{
	char	   *folder = new_folder();
	int			root = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	pid_t		pid = fork();
	int			status;

	(void) state;
	if (pid == 0)
		sweep_for_ever(folder);
	for (int i = 0; i < 500; i++)
	{
		int			result = write_once(root, "name", "x", "");

		if (result != 0)
			kill(pid, SIGKILL);
		assert_int_equal(result, 0);
		assert_int_equal(unlinkat(root, "name", 0), 0);
	}
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	close(root);
	remove_folder(folder);
}

/* Between folders, never onto another file, and not without a file. */
static void
moves(void **state)
{
	char	   *folder = new_folder();
	int			from = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	BkFileOutcome outcome;
	BkError		err;
	int			to;

	(void) state;
	assert_int_equal(mkdir(in_folder(folder, "there"), 0700), 0);
	to = open(in_folder(folder, "there"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	write_file(in_folder(folder, "a"), "a", 1);
	write_file(in_folder(folder, "b"), "b", 1);
	assert_good(bk_file_move(from, "a", to, "c", &outcome, &err), &err);
	assert_int_equal(outcome, BK_FILE_PUBLISHED);
	assert_int_equal(access(in_folder(folder, "a"), F_OK), -1);
	assert_int_equal(access(in_folder(folder, "there/c"), F_OK), 0);
	assert_good(bk_file_move(from, "b", to, "c", &outcome, &err), &err);
	assert_int_equal(outcome, BK_FILE_EXISTS);
	assert_int_equal(access(in_folder(folder, "b"), F_OK), 0);
	assert_false(bk_file_move(from, "a", to, "d", &outcome, &err));
	assert_reason(&err, BK_STATE_MISSING_FILE, "could not rename \"a\" to \"d\"");
	close(to);
	close(from);
	remove_folder(folder);
}

/* Only temporaries, and only of writers that are gone. */
static void
sweeps_a_folder(void **state)
{
	char	   *folder = new_folder();
	int			root = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	BkFileOutcome outcome;
	BkError		err;
	BkFile	   *file;

	(void) state;
	write_file(in_folder(folder, ".tmp-abcdefgh-name"), "x", 1);
	write_file(in_folder(folder, "name.tmp"), "x", 1);
	file = bk_file_create(root, "other", 0600, &err);
	assert_non_null(file);
	assert_good(bk_file_sweep_folder(root, &err), &err);
	assert_int_equal(access(in_folder(folder, ".tmp-abcdefgh-name"), F_OK), -1);
	assert_int_equal(access(in_folder(folder, "name.tmp"), F_OK), 0);
	assert_good(bk_file_show(file, &outcome, &err), &err);
	assert_int_equal(outcome, BK_FILE_PUBLISHED);
	bk_file_close(file);
	assert_int_equal(access(in_folder(folder, "other"), F_OK), 0);
	close(root);
	remove_folder(folder);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_written_once),
		cmocka_unit_test(needs_rename_or_link),
		cmocka_unit_test(never_leaves_the_root),
		cmocka_unit_test(makes_dirs),
		cmocka_unit_test(long_names_work),
		cmocka_unit_test(close_removes_the_temporary),
		cmocka_unit_test(sweepers_do_no_harm),
		cmocka_unit_test(moves),
		cmocka_unit_test(sweeps_a_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
