/*
 * test_pg.c
 *	  The door to libpq, as far as it goes without a server.
 */
#include "support.h"

#include <sys/socket.h>
#include <sys/un.h>

#include "core/clock.h"
#include "source/pg.h"

/* A host that wants to stop some milliseconds after the beginning. */
static int64_t stop_at;

static bool
stop(void *ctx)
{
	(void) ctx;
	return bk_clock_monotonic_ms() >= stop_at;
}

static const BkHost host = {.stop = stop};

static BkPgTarget
new_target(const char *conninfo)
{
	BkPgTarget	target = {
		.conninfo = conninfo,
		.database = "it's a \\ name",
		.application = "test",
	};

	return target;
}

static void
database_is_the_last_word(void **state)
{
	BkPgTarget	target = new_target("host=/nowhere dbname=other");
	BkError		err;
	char	   *conninfo = bk_pg_conninfo(&target, &err);

	(void) state;
	assert_string_equal(conninfo, "host=/nowhere dbname=other application_name='test'"
						" dbname='it\\'s a \\\\ name'");
	free(conninfo);
}

/* Options that a login needs must not get lost. */
static void
options_are_kept(void **state)
{
	static const char *const cases[][2] = {
		{"host=/nowhere", " options='-c event_triggers=off'"},
		{"options='-c geqo=off'", " options='-c geqo=off -c event_triggers=off'"},
		{"options='-c search_path=\\'a\\\\ b\\''",
		" options='-c search_path=\\'a\\\\ b\\' -c event_triggers=off'"},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		BkPgTarget	target = new_target(cases[i][0]);
		BkError		err;
		char	   *conninfo;

		target.no_event_triggers = true;
		conninfo = bk_pg_conninfo(&target, &err);
		assert_non_null(conninfo);
		assert_memory_equal(conninfo + strlen(cases[i][0]), cases[i][1],
							strlen(cases[i][1]));
		free(conninfo);
	}
}

static void
nobody_there(void **state)
{
	BkPgTarget	target = new_target("host=/nowhere");
	BkError		err;

	(void) state;
	assert_null(bk_pg_connect(&target, &err));
	assert_string_equal(err.sqlstate, "08001");
	assert_null(strchr(err.message, '\n'));
	assert_non_null(strstr(err.message, "No such file or directory"));
	assert_string_equal(err.detail, "Is the server running locally and accepting connections on that socket?");
	assert_non_null(strstr(err.hint, "pg_hba.conf"));
}

/* A server that takes the connection and says nothing. */
static void
silent_server_can_be_left(void **state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int			fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char		directory[] = "/tmp/backup_ext-pg-XXXXXX";
	char		conninfo[64];
	BkPgTarget	target = new_target(conninfo);
	int64_t		start = bk_clock_monotonic_ms();
	BkError		err;

	(void) state;
	assert_non_null(mkdtemp(directory));
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/.s.PGSQL.5432",
			 directory);
	assert_int_equal(bind(fd, (struct sockaddr *) &address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 5), 0);
	snprintf(conninfo, sizeof(conninfo), "host=%s port=5432", directory);
	target.host = &host;
	stop_at = start + 300;
	assert_null(bk_pg_connect(&target, &err));
	assert_reason(&err, "57014", "canceled on request");
	assert_in_range(bk_clock_monotonic_ms() - start, 250, 1200);

	/* That ends the attempt, which goes on alone. */
	close(fd);
	unlink(address.sun_path);
	rmdir(directory);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(database_is_the_last_word),
		cmocka_unit_test(options_are_kept),
		cmocka_unit_test(nobody_there),
		cmocka_unit_test(silent_server_can_be_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
