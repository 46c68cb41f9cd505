/*
 * test_extract.c
 *	  Volumes of every kind of malice: nothing outside the root is touched.
 */
#include "support.h"

#include "source/destination.h"
#include "source/extract.h"
#include "source/uproot.h"

#define CANARY	"sing"

/* One member of a volume that no honest writer makes. */
typedef struct Raw
{
	const char *name;
	char		type;			/* of ustar: 0 file, 5 folder, 1 and 2 links, 3 device */
	const char *link;
	const char *data;
} Raw;

static void
add_raw(BkBuf *volume, const Raw *raw)
{
	unsigned char header[512] = {0};
	size_t		size = raw->data == NULL ? 0 : strlen(raw->data);
	unsigned	sum = 0;
	static const char zeros[512];

	strncpy((char *) header, raw->name, 100);
	snprintf((char *) header + 100, 8, "0000600");
	snprintf((char *) header + 108, 8, "0000000");
	snprintf((char *) header + 116, 8, "0000000");
	snprintf((char *) header + 124, 12, "%011o", (unsigned) size & 0777777);
	snprintf((char *) header + 136, 12, "00000000000");
	memset(header + 148, ' ', 8);
	header[156] = (unsigned char) raw->type;
	if (raw->link != NULL)
		strncpy((char *) header + 157, raw->link, 100);
	memcpy(header + 257, "ustar  ", 8);
	for (int i = 0; i < 512; i++)
		sum += header[i];
	snprintf((char *) header + 148, 8, "%06o", sum);
	bk_buf_append(volume, header, 512);
	bk_buf_append(volume, raw->data, size);
	bk_buf_append(volume, zeros, (512 - size % 512) % 512);
}

static void
end_volume(BkBuf *volume)
{
	static const char zeros[1024];

	bk_buf_append(volume, zeros, sizeof(zeros));
}

static bool
take_all(void *arg, const BkTarEntry *entry, BkExtractWhat *what,
		 BkError *err)
{
	(void) entry;
	(void) err;
	*what = *(BkExtractWhat *) arg;
	return true;
}

static bool
no_tick(void *arg, size_t size, BkError *err)
{
	(void) arg;
	(void) size;
	(void) err;
	return true;
}

static bool
extract(int root, BkBuf *volume, BkExtractWhat what, BkError *err)
{
	BkExtractSpec spec = {.root = root, .member = take_all, .tick = no_tick, .arg = &what};
	BkReader   *source = new_source(volume->data, volume->len, 10000, NEVER);
	BkTarReader *tar = bk_tar_reader_open(source, err);
	bool		ok = tar != NULL && bk_extract(tar, &spec, err);

	bk_tar_reader_free(tar);
	bk_reader_close(source);
	return ok;
}

static char long_name[10240];

/* The second member is what the first prepares. */
static const struct
{
	Raw			members[2];
	const char *state;			/* SQLSTATE; NULL: any */
	const char *reason;
}			hostile[] = {
	{{{"../canary", '0', NULL, "x"}}, BK_STATE_CORRUPT, "../canary"},
	{{{"a/../../canary", '0', NULL, "x"}}, BK_STATE_CORRUPT, "component"},
	{{{"/tmp/canary", '0', NULL, "x"}}, BK_STATE_CORRUPT, "relative"},
	{{{"./canary", '0', NULL, "x"}}, BK_STATE_CORRUPT, "component"},
	{{{"..", '5', NULL, NULL}}, BK_STATE_CORRUPT, "component"},
	{{{"a//b", '0', NULL, "x"}}, BK_STATE_CORRUPT, "component"},
	{{{"link", '2', "..", NULL}, {"link/canary", '0', NULL, "x"}}, BK_STATE_CORRUPT, "neither a file nor a folder"},
	{{{"link", '2', "/etc/passwd", NULL}}, BK_STATE_CORRUPT, "neither a file nor a folder"},
	{{{"hard", '1', "../canary", NULL}}, BK_STATE_CORRUPT, "neither a file nor a folder"},
	{{{"device", '3', NULL, NULL}}, BK_STATE_CORRUPT, "neither a file nor a folder"},
	{{{"fifo", '6', NULL, NULL}}, BK_STATE_CORRUPT, "neither a file nor a folder"},
	{{{"twice", '0', NULL, "x"}, {"twice", '0', NULL, "y"}}, BK_STATE_CORRUPT, "more than once"},
	{{{"there/canary", '0', NULL, "x"}}, NULL, "there/canary"},
	{{{"out/canary", '0', NULL, "x"}}, NULL, "out/canary"},
	{{{"out", '5', NULL, NULL}}, NULL, "out"},
	{{{long_name, 'L', NULL, NULL}, {"short", '0', NULL, "x"}}, BK_STATE_CORRUPT, "component"},
};

static void
hostile_volumes_are_refused(void **state)
{
	(void) state;
	memset(long_name, 'n', sizeof(long_name) - 1);
	for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++)
	{
		char	   *folder = new_folder();
		int			root;
		BkBuf		volume;
		BkBuf		canary;
		BkError		err;

		write_file(in_folder(folder, "canary"), CANARY, strlen(CANARY));
		assert_int_equal(mkdir(in_folder(folder, "root"), 0700), 0);
		assert_int_equal(symlink("..", in_folder(folder, "root/out")), 0);
		root = open(in_folder(folder, "root"), O_RDONLY | O_DIRECTORY);
		assert_true(root >= 0);
		bk_buf_init(&volume);
		for (int k = 0; k < 2 && hostile[i].members[k].name != NULL; k++)
		{
			Raw			raw = hostile[i].members[k];

			if (raw.type == 'L')
			{
				raw.data = raw.name;
				raw.name = "././@LongLink";
			}
			add_raw(&volume, &raw);
		}
		end_volume(&volume);
		assert_false(extract(root, &volume, BK_EXTRACT_NEW, &err));
		if (hostile[i].state != NULL)
			assert_string_equal(err.sqlstate, hostile[i].state);
		assert_reason(&err, err.sqlstate, hostile[i].reason);
		read_file(in_folder(folder, "canary"), &canary);
		assert_string_equal(canary.data, CANARY);
		assert_int_equal(access(in_folder(folder, "x"), F_OK), -1);
		assert_int_equal(access("/tmp/canary", F_OK), -1);
		bk_buf_free(&canary);
		bk_buf_free(&volume);
		close(root);
		remove_folder(folder);
	}
}

static void
what_is_there_is_replaced_not_followed(void **state)
{
	static const Raw raw = {"file", '0', NULL, "new"};
	char	   *folder = new_folder();
	int			root;
	BkBuf		volume;
	BkBuf		text;
	BkError		err;

	(void) state;
	write_file(in_folder(folder, "canary"), CANARY, strlen(CANARY));
	assert_int_equal(mkdir(in_folder(folder, "root"), 0700), 0);
	assert_int_equal(symlink("../canary", in_folder(folder, "root/file")), 0);
	root = open(in_folder(folder, "root"), O_RDONLY | O_DIRECTORY);
	bk_buf_init(&volume);
	add_raw(&volume, &raw);
	end_volume(&volume);
	assert_good(extract(root, &volume, BK_EXTRACT_REPLACE, &err), &err);
	read_file(in_folder(folder, "canary"), &text);
	assert_string_equal(text.data, CANARY);
	bk_buf_free(&text);
	read_file(in_folder(folder, "root/file"), &text);
	assert_string_equal(text.data, "new");
	bk_buf_free(&text);
	bk_buf_free(&volume);
	close(root);
	remove_folder(folder);
}

static void
zeros_become_holes(void **state)
{
	char	   *folder = new_folder();
	size_t		size = 8 * 1024 * 1024 + 5;
	char	   *data = calloc(size, 1);
	BkTarEntry	entry = {.name = "sparse", .size = size, .mode = 0666};
	int			root = open(folder, O_RDONLY | O_DIRECTORY);
	struct stat st;
	BkBuf		volume;
	BkBuf		text;
	BkError		err;
	BkWriter   *sink;
	BkTarWriter *tar;

	(void) state;
	data[3 * 1024 * 1024 + 17] = 'x';
	bk_buf_init(&volume);
	sink = new_sink(&volume, NEVER, false, NULL);
	tar = bk_tar_writer_open(sink, &err);
	assert_good(bk_tar_begin(tar, &entry, &err) &&
				bk_tar_data(tar, data, size, &err) && bk_tar_finish(tar, &err), &err);
	bk_tar_writer_free(tar);
	bk_writer_close(sink);
	assert_good(extract(root, &volume, BK_EXTRACT_NEW, &err), &err);
	assert_int_equal(stat(in_folder(folder, "sparse"), &st), 0);
	assert_int_equal(st.st_size, size);
	assert_true(st.st_blocks * 512 < 1024 * 1024);
	assert_int_equal(st.st_mode & 0777, 0600);
	read_file(in_folder(folder, "sparse"), &text);
	assert_memory_equal(text.data, data, size);
	bk_buf_free(&text);
	bk_buf_free(&volume);
	free(data);
	close(root);
	remove_folder(folder);
}

static void
places_are_checked(void **state)
{
	char	   *folder = new_folder();
	BkDestination place;
	BkError		err;
	char		pid[32];

	(void) state;
	assert_false(bk_destination_check(&place, "relative", false, "7", &err));
	assert_reason(&err, BK_STATE_BAD_ARGUMENT, "not the path");
	assert_false(bk_destination_check(&place, "/tmp/../etc", false, "7", &err));
	assert_reason(&err, BK_STATE_BAD_ARGUMENT, "not the path");
	assert_false(bk_destination_check(&place, in_folder(folder, "a/b"), false, "7", &err));
	assert_reason(&err, BK_STATE_MISSING_FILE, "could not look");
	assert_good(bk_destination_check(&place, in_folder(folder, "a"), false, "7", &err), &err);
	assert_good(bk_destination_open(&place, false, &err), &err);
	assert_good(bk_destination_begin(&place, "7", &err), &err);
	bk_destination_close(&place);

	/* Half of a restore: only with delta, and only of the same cluster. */
	assert_false(bk_destination_check(&place, in_folder(folder, "a"), false, "7", &err));
	assert_reason(&err, BK_STATE_WRONG_STATE, "not empty");
	assert_false(bk_destination_check(&place, in_folder(folder, "a"), true, "8", &err));
	assert_reason(&err, BK_STATE_WRONG_STATE, "not a copy of the cluster");
	assert_good(bk_destination_check(&place, in_folder(folder, "a"), true, "7", &err), &err);

	/* Two at a time, and a server that may run. */
	assert_good(bk_destination_open(&place, false, &err), &err);
	snprintf(pid, sizeof(pid), "%d\n", (int) getppid());
	write_file(in_folder(folder, "a/postmaster.pid"), pid, strlen(pid));
	{
		BkDestination second;

		assert_false(bk_destination_check(&second, in_folder(folder, "a"), true, "7", &err));
		assert_reason(&err, BK_STATE_IN_USE, "may be running");
		assert_int_equal(unlink(in_folder(folder, "a/postmaster.pid")), 0);
		assert_good(bk_destination_check(&second, in_folder(folder, "a"), true, "7", &err), &err);
		assert_false(bk_destination_open(&second, false, &err));
		assert_reason(&err, BK_STATE_IN_USE, "another restore");
		bk_destination_close(&second);
	}
	bk_destination_close(&place);
	assert_int_equal(symlink("a", in_folder(folder, "link")), 0);
	assert_false(bk_destination_check(&place, in_folder(folder, "link"), true, "7", &err));
	assert_reason(&err, BK_STATE_WRONG_STATE, "symbolic link");
	remove_folder(folder);
}

static bool
never(void *ctx)
{
	(void) ctx;
	return false;
}

static void
removing_follows_no_link(void **state)
{
	char	   *folder = new_folder();
	BkHost		host = {.stop = never};
	BkError		err;
	int			root;

	(void) state;
	assert_int_equal(mkdir(in_folder(folder, "root"), 0700), 0);
	assert_int_equal(mkdir(in_folder(folder, "root/a"), 0700), 0);
	assert_int_equal(mkdir(in_folder(folder, "kept"), 0700), 0);
	write_file(in_folder(folder, "kept/canary"), CANARY, 4);
	write_file(in_folder(folder, "root/a/file"), CANARY, 4);
	write_file(in_folder(folder, "root/mark"), CANARY, 4);
	assert_int_equal(symlink("../../kept", in_folder(folder, "root/a/link")), 0);
	root = open(in_folder(folder, "root"), O_RDONLY | O_DIRECTORY);
	assert_good(bk_uproot(root, "mark", &host, &err), &err);
	close(root);
	assert_int_equal(rmdir(in_folder(folder, "root")), 0);
	assert_int_equal(access(in_folder(folder, "kept/canary"), F_OK), 0);
	remove_folder(folder);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hostile_volumes_are_refused),
		cmocka_unit_test(what_is_there_is_replaced_not_followed),
		cmocka_unit_test(zeros_become_holes),
		cmocka_unit_test(places_are_checked),
		cmocka_unit_test(removing_follows_no_link),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
