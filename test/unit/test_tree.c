/*
 * test_tree.c
 *	  What of a data directory belongs into a backup, how a file is read that
 *	  changes meanwhile, and how files are dealt out to volumes.
 */
#include "support.h"

#include "job/volume.h"
#include "source/datafile.h"
#include "source/page.h"
#include "source/tree.h"

#define SIZE	8192

static int	warnings;

static void
count_warning(void *ctx, BkLogLevel level, const char *message)
{
	(void) ctx;
	(void) message;
	warnings += level == BK_LOG_WARNING;
}

static bool
never_stop(void *ctx)
{
	(void) ctx;
	return false;
}

static const BkHost host = {.log = count_warning, .stop = never_stop};

/* Folders end in a slash. */
static const char *const made[] = {
	"PG_VERSION", "postgresql.conf", "postgresql.auto.conf", "postgresql.auto.conf.tmp",
	"current_logfiles.tmp", "backup_label", "backup_label.old", "tablespace_map",
	"backup_manifest", "postmaster.pid", "postmaster.opts",
	"recovery.signal", "standby.signal", "backup_ext.restore", "backup_ext.clone",
	"base/", "base/5/", "base/5/100", "base/5/100_fsm", "base/5/100.1", "base/5/200",
	"base/5/200.1", "base/5/200_fsm", "base/5/200_init", "base/5/t1_300", "base/5/t1_300_vm",
	"base/5/pg_internal.init", "base/5/pg_internal.init.77", "base/5/PG_VERSION",
	"base/pgsql_tmp/", "base/pgsql_tmp/pgsql_tmp1.0",
	"global/", "global/pg_control", "global/1262", "global/pg_internal.init", "global/pg_filenode.map",
	"pg_dynshmem/", "pg_dynshmem/x", "pg_notify/", "pg_notify/0000", "pg_replslot/",
	"pg_replslot/a/", "pg_replslot/a/state", "pg_serial/", "pg_serial/x", "pg_snapshots/",
	"pg_snapshots/x", "pg_stat_tmp/", "pg_stat_tmp/x", "pg_subtrans/", "pg_subtrans/0000",
	"pg_wal/", "pg_wal/000000010000000000000001", "pg_wal/archive_status/",
	"pg_wal/archive_status/x.ready", "pg_wal/summaries/", "pg_wal/summaries/x",
	"pg_xact/", "pg_xact/0000", "empty/", "mine/", "mine/pg_notify/", "mine/pg_notify/kept",
	"mine/\xff\n", "mine/backup_label",
	"pg_tblspc/", "pg_tblspc/600/", "pg_tblspc/600/PG_15_1/", "pg_tblspc/600/PG_15_1/5/",
	"pg_tblspc/600/PG_15_1/5/100", "pg_tblspc/600/PG_15_1/5/t1_100",
};

static const char expected[] =
	"PG_VERSION|backup_label.old|base/|base/5/|base/5/100|base/5/100.1|base/5/100_fsm|"
	"base/5/200_init|base/5/PG_VERSION|empty/|global/|global/1262|global/pg_filenode.map|"
	"mine/|mine/backup_label|mine/pg_notify/|mine/pg_notify/kept|mine/\xff\n|"
	"pg_dynshmem/|pg_notify/|pg_replslot/|pg_serial/|pg_snapshots/|pg_stat_tmp/|pg_subtrans/|"
	"pg_tblspc/|pg_tblspc/600/|pg_tblspc/600/PG_15_1/|pg_tblspc/600/PG_15_1/5/|"
	"pg_tblspc/600/PG_15_1/5/100|pg_wal/|pg_wal/archive_status/|pg_wal/summaries/|"
	"pg_xact/|pg_xact/0000|postgresql.auto.conf|postgresql.conf|";

static char *
make_tree(void)
{
	char	   *folder = new_folder();

	for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++)
	{
		const char *path = in_folder(folder, made[i]);

		if (path[strlen(path) - 1] == '/')
			assert_int_equal(mkdir(path, 0700), 0);
		else
			write_file(path, "data", 4);
	}
	return folder;
}

static int
open_folder(const char *path)
{
	int			fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static void
assert_entries(const BkTree *tree, const char *list)
{
	BkBuf		text;

	bk_buf_init(&text);
	for (size_t i = 0; i < tree->count; i++)
		bk_buf_printf(&text, "%s%s|", tree->entries[i].path,
					  tree->entries[i].directory ? "/" : "");
	assert_string_equal(text.data, list);
	bk_buf_free(&text);
}

static void
what_is_made_anew_is_left_out(void **state)
{
	char	   *folder = make_tree();
	int			root = open_folder(folder);
	BkError		err;
	BkTree		tree;

	(void) state;
	warnings = 0;
	assert_good(bk_tree_read_data(root, &host, &tree, &err), &err);
	assert_entries(&tree, expected);
	assert_int_equal(tree.link_count, 0);
	assert_int_equal(warnings, 0);
	bk_tree_free(&tree);
	close(root);
	remove_folder(folder);
}

static void
links_are_not_followed(void **state)
{
	char	   *folder = make_tree();
	char	   *elsewhere = new_folder();
	int			root = open_folder(folder);
	BkError		err;
	BkTree		tree;

	(void) state;
	write_file(in_folder(elsewhere, "secret"), "x", 1);
	assert_int_equal(symlink(elsewhere, in_folder(folder, "log")), 0);
	assert_int_equal(symlink("/etc/passwd", in_folder(folder, "base/5/500")), 0);
	assert_int_equal(mkfifo(in_folder(folder, "pipe"), 0600), 0);
	assert_int_equal(symlink("/space/b", in_folder(folder, "pg_tblspc/17000")), 0);
	assert_int_equal(symlink("/space/a", in_folder(folder, "pg_tblspc/9000")), 0);
	assert_int_equal(symlink("/space/c", in_folder(folder, "pg_tblspc/other")), 0);
	/* These two may be links; what they lead to becomes a folder. */
	assert_int_equal(unlink(in_folder(folder, "pg_stat_tmp/x")), 0);
	assert_int_equal(rmdir(in_folder(folder, "pg_stat_tmp")), 0);
	assert_int_equal(symlink(elsewhere, in_folder(folder, "pg_stat_tmp")), 0);
	warnings = 0;
	assert_good(bk_tree_read_data(root, &host, &tree, &err), &err);
	assert_entries(&tree, expected);
	assert_int_equal(warnings, 4);
	assert_int_equal(tree.link_count, 2);
	assert_int_equal(tree.links[0].oid, 9000);
	assert_string_equal(tree.links[0].location, "/space/a");
	assert_int_equal(tree.links[1].oid, 17000);
	bk_tree_free(&tree);
	close(root);
	remove_folder(folder);
	remove_folder(elsewhere);
}

static void
a_tablespace_is_one_folder(void **state)
{
	char	   *folder = new_folder();
	int			root = open_folder(folder);
	BkError		err;
	BkTree		tree;

	(void) state;
	assert_int_equal(mkdir(in_folder(folder, "PG_14_1"), 0700), 0);
	assert_int_equal(mkdir(in_folder(folder, "PG_15_1"), 0700), 0);
	assert_int_equal(mkdir(in_folder(folder, "PG_15_1/5"), 0700), 0);
	write_file(in_folder(folder, "PG_15_1/5/100"), "x", 1);
	write_file(in_folder(folder, "PG_15_1/5/200"), "x", 1);
	write_file(in_folder(folder, "PG_15_1/5/200_init"), "x", 1);
	assert_good(bk_tree_read_tablespace(root, "PG_15_1", &host, &tree, &err), &err);
	assert_entries(&tree, "PG_15_1/|PG_15_1/5/|PG_15_1/5/100|PG_15_1/5/200_init|");
	bk_tree_free(&tree);
	assert_false(bk_tree_read_tablespace(root, "PG_16_1", &host, &tree, &err));
	assert_reason(&err, "58P01", "PG_16_1");
	bk_tree_free(&tree);
	close(root);
	remove_folder(folder);
}

/* --- reading a file ------------------------------------------------------- */

static uint32_t corrupt[16];
static int	corrupt_count;

static void
note_corrupt(void *arg, const char *path, uint32_t block)
{
	(void) arg;
	(void) path;
	if (corrupt_count < 16)
		corrupt[corrupt_count++] = block;
}

static const BkDataFileRules rules = {
	.checksums = true,
	.block_size = SIZE,
	.segment_blocks = 131072,
	.start_lsn = 1000,
	.corrupt = note_corrupt,
};

/* Read an open file to its end; the number of bytes. */
static size_t
read_on(BkDataFile *file)
{
	BkError		err;
	const void *data;
	size_t		total = 0;
	size_t		len;

	do
	{
		assert_good(bk_datafile_next(file, &data, &len, &err), &err);
		total += len;
	} while (len > 0);
	return total;
}

/* Pages with right checksums, counted from a block on. */
static char *
make_pages(uint32_t count, uint32_t first)
{
	char	   *pages = make_data((size_t) count * SIZE, true, 3);

	for (uint32_t i = 0; i < count; i++)
	{
		char	   *page = pages + (size_t) i * SIZE;
		uint16_t	upper = 100;
		uint16_t	sum;

		memset(page, 0, 8);
		memcpy(page + 14, &upper, 2);
		sum = bk_page_checksum(page, SIZE, first + i);
		memcpy(page + 8, &sum, 2);
	}
	return pages;
}

static void
a_file_has_the_size_it_was_opened_with(void **state)
{
	char	   *folder = new_folder();
	int			root = open_folder(folder);
	char	   *data = make_data(1000000, false, 1);
	BkError		err;
	BkDataFile *file = bk_datafile_new(&rules, &err);
	char		hex[BK_DIGEST_HEX_SIZE];
	char		wanted[BK_DIGEST_HEX_SIZE];
	const void *bytes;
	size_t		len;
	bool		vanished;

	(void) state;
	write_file(in_folder(folder, "f"), data, 1000000);
	assert_good(bk_datafile_open(file, root, "gone", &vanished, &err), &err);
	assert_true(vanished);
	assert_false(bk_datafile_open(file, root, "", &vanished, &err));
	bk_datafile_close(file);

	/* It is cut after the first piece: the rest is zeros. */
	assert_good(bk_datafile_open(file, root, "f", &vanished, &err), &err);
	assert_false(vanished);
	assert_int_equal(bk_datafile_facts(file)->size, 1000000);
	assert_good(bk_datafile_next(file, &bytes, &len, &err), &err);
	assert_int_equal(truncate(in_folder(folder, "f"), 300000), 0);
	assert_int_equal(len + read_on(file), 1000000);
	assert_good(bk_datafile_digest(file, hex, &err), &err);
	bk_datafile_close(file);
	memset(data + 300000, 0, 700000);
	assert_good(bk_digest_hex(data, 1000000, wanted, &err), &err);
	assert_string_equal(hex, wanted);

	/* It grows: what is added is not read. */
	assert_good(bk_datafile_open(file, root, "f", &vanished, &err), &err);
	assert_int_equal(truncate(in_folder(folder, "f"), 900000), 0);
	assert_int_equal(read_on(file), 300000);
	bk_datafile_free(file);
	free(data);
	close(root);
	remove_folder(folder);
}

static void
wrong_pages_are_told(void **state)
{
	char	   *folder = new_folder();
	int			root;
	uint32_t	first = 2 * 131072;
	char	   *pages = make_pages(40, first);
	uint32_t	lsn[2] = {0, 1000};
	BkError		err;
	BkDataFile *file = bk_datafile_new(&rules, &err);
	bool		vanished;

	(void) state;
	assert_int_equal(mkdir(in_folder(folder, "base"), 0700), 0);
	assert_int_equal(mkdir(in_folder(folder, "base/5"), 0700), 0);
	root = open_folder(folder);
	pages[3 * SIZE + 4000] ^= 1;
	pages[35 * SIZE + 4000] ^= 1;
	/* One that was changed since the start, one that is new, half a page. */
	memcpy(pages + 10 * SIZE, lsn, 8);
	memset(pages + 20 * SIZE, 0, SIZE);
	write_file(in_folder(folder, "base/5/100.2"), pages, 39 * SIZE + 100);
	write_file(in_folder(folder, "other"), pages, 40 * SIZE);
	corrupt_count = 0;
	assert_good(bk_datafile_open(file, root, "base/5/100.2", &vanished, &err), &err);
	assert_int_equal(read_on(file), 39 * SIZE + 100);
	bk_datafile_close(file);
	assert_int_equal(corrupt_count, 2);
	assert_int_equal(corrupt[0], 3);
	assert_int_equal(corrupt[1], 35);
	assert_good(bk_datafile_open(file, root, "other", &vanished, &err), &err);
	assert_int_equal(read_on(file), 40 * SIZE);
	assert_int_equal(corrupt_count, 2);
	bk_datafile_free(file);
	free(pages);
	close(root);
	remove_folder(folder);
}

/* --- volumes -------------------------------------------------------------- */

static void
files_are_dealt_out(void **state)
{
	static const uint64_t sizes[] = {10, 60, 100, 50, 41, 500, 9};
	static const char *const streams[] = {
		"base.0001.tar", "base.0002.tar", "base.0003.tar", "base.0004.tar", "base.0005.tar",
	};
	/* what lies at the top comes first */
	static const uint64_t filled[] = {9, 70, 100, 91, 500};
	BkTreeEntry entries[7];
	BkTree		tree = {.entries = entries, .count = 7};
	BkBaseVolume like = {.root = 3, .prefix = ""};
	BkVolumeSet set = {0};
	size_t		files = 0;
	BkError		err;

	(void) state;
	memset(entries, 0, sizeof(entries));
	for (size_t i = 0; i < 7; i++)
	{
		entries[i].path = i == 6 ? "x" : "folder/x";
		entries[i].size = sizes[i];
	}
	assert_good(bk_volume_add_tree(&set, "base", &like, &tree, NULL, 100, &err), &err);
	assert_int_equal(set.count, 5);
	assert_int_equal(set.size, 770);
	bk_volume_sort_by_size(&set);
	assert_int_equal(set.list[0].size, 500);
	bk_volume_sort_by_name(&set);
	for (size_t i = 0; i < 5; i++)
	{
		uint64_t	size = 0;

		assert_string_equal(set.list[i].stream, streams[i]);
		assert_int_equal(set.list[i].size, filled[i]);
		for (size_t j = 0; j < set.list[i].count; j++)
			size += set.list[i].files[j].facts.size;
		assert_int_equal(size, filled[i]);
		files += set.list[i].count;
	}
	assert_int_equal(files, 7);
	bk_volume_free(&set);
}

static void
limits_keep_volumes_few(void **state)
{
	const uint64_t mb = 1024 * 1024;

	(void) state;
	assert_int_equal(bk_volume_limit(0, 2), 64 * mb);
	assert_int_equal(bk_volume_limit(3200 * mb, 2), 200 * mb);
	assert_int_equal(bk_volume_limit(1024 * 1024 * mb, 2), 1024 * mb);
	assert_int_equal(bk_volume_limit(100 * 1024 * 1024 * mb, 64), 25600 * mb);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_made_anew_is_left_out),
		cmocka_unit_test(links_are_not_followed),
		cmocka_unit_test(a_tablespace_is_one_folder),
		cmocka_unit_test(a_file_has_the_size_it_was_opened_with),
		cmocka_unit_test(wrong_pages_are_told),
		cmocka_unit_test(files_are_dealt_out),
		cmocka_unit_test(limits_keep_volumes_few),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
