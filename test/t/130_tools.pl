# pg_dump and its kin that fail, lie or die: never is anything listed that is
# not whole, and the run says what was wrong.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use BackupExtFaults;
use IPC::Run ();
use Test::More;
use Time::HiRes qw(time);

my $server = BackupExtFaults->new('main');
my $node = $server->node;
my $repo = $server->repo;
my $place = $server->{place};
$server->sql('CREATE DATABASE app');
$server->sql(<<'END', 'app');
CREATE TABLE orders AS SELECT i AS id, md5(i::text) AS text FROM generate_series(1, 100000) AS i;
CREATE TABLE zebra AS SELECT i AS id FROM generate_series(1, 10) AS i;
END
$server->sql('CREATE DATABASE other');
my $good = $server->backup("database => 'app'");
my $started = $server->start_time;

# An archive of app, one of another database, and one that is compressed.
for my $case ([ 'app', 'app.dump', '--compress=0' ], [ 'other', 'other.dump', '--compress=0' ],
	[ 'app', 'packed.dump', '--compress=1' ])
{
	my ($database, $file, $option) = @$case;
	$node->command_ok([ 'pg_dump', '--format=custom', $option, '-f', "$place/$file", '-d', $node->connstr($database) ],
		"an archive for the tests: $file");
}
my $size = -s "$place/app.dump";

# The dump is replaced by a script. Questions for the version are answered.
sub pg_dump_is
{
	my ($script) = @_;
	$server->replace('pg_dump', <<"END");
case "\$*" in -V | --version) exec \$real "\$@" ;; esac
$script
END
	return;
}

# A backup fails like this and leaves nothing.
sub no_backup
{
	my ($name, $sqlstate, $message, %want) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $before = tree($repo);
	$server->fails("SELECT backup_now(database => 'app')", $sqlstate, $message, "pg_dump $name", %want);
	is_deeply(tree($repo), $before, "$name: the repository is as it was");
	$server->last_run_is('failed', $sqlstate, '', "$name: the run has failed");
	is($server->sql(q(SELECT last_success_id FROM backup_status WHERE database = 'app')), $good,
		"$name: the last success is the good backup");
	return;
}

# --- pg_dump ----------------------------------------------------------------

my $torn = qr/^the archive of pg_dump is not whole$/;
my @cases = (
	[ 'prints an error and exits with 0', 'echo "pg_dump: error: something" >&2; exit 0', 'XX001', $torn ],
	[ 'prints nothing', 'exit 0', 'XX001', $torn ],
	[ 'fails at once', 'echo "pg_dump: error: oh dear" >&2; exit 1', '58000', qr/^pg_dump failed$/,
		detail => qr/^pg_dump exited with status 1\./ ],
	[ 'fails after a complete dump', "cat $place/app.dump; echo 'late' >&2; exit 1", '58000', qr/^pg_dump failed$/,
		detail => qr/^pg_dump exited with status 1\./ ],
	[ 'exits with 255 after a complete dump', "cat $place/app.dump; exit 255", '58000', qr/^pg_dump failed$/,
		detail => qr/status 255/ ],
	[ 'is killed half-way', 'head -c ' . int($size / 2) . " $place/app.dump; kill -KILL \$\$", '58000', qr/^pg_dump failed$/,
		detail => qr/^pg_dump was terminated by signal 9\./ ],
	[ 'is killed after a complete dump', "cat $place/app.dump; kill -KILL \$\$", '58000', qr/^pg_dump failed$/,
		detail => qr/^pg_dump was terminated by signal 9\./ ],
	[ 'crashes', 'kill -SEGV $$', '58000', qr/^pg_dump failed$/, detail => qr/signal 11/ ],
	[ 'writes half an archive', 'head -c ' . int($size / 2) . " $place/app.dump", 'XX001', $torn ],
	[ 'leaves out the last byte', 'head -c ' . ($size - 1) . " $place/app.dump", 'XX001', $torn ],
	[ 'leaves out the last 1000 bytes', 'head -c ' . ($size - 1000) . " $place/app.dump", 'XX001', $torn ],
	[ 'writes a table of contents only', "head -c 5000 $place/app.dump", 'XX001', $torn ],
	[ 'writes the header only', "head -c 11 $place/app.dump", 'XX001', $torn ],
	[ 'writes an archive twice', "cat $place/app.dump $place/app.dump", 'XX001', $torn ],
	[ 'writes something behind', "cat $place/app.dump; echo more", 'XX001', $torn ],
	[ 'writes an archive of another database', "cat $place/other.dump", 'XX001',
		qr/^pg_dump dumped database "other" instead of "app"$/ ],
	[ 'compresses', "cat $place/packed.dump", 'XX001', $torn, detail => qr/compressed by pg_dump/ ],
	[ 'writes SQL', '$real "$@" --format=plain', 'XX001', $torn, detail => qr/does not begin like a custom archive/ ],
	[ 'writes a newer archive', "head -c 6 $place/app.dump; printf '\\143'; tail -c +8 $place/app.dump", '0A000',
		qr/^pg_dump wrote an archive of version 1\.99$/ ],
	[ 'prints its version', 'echo "pg_dump (PostgreSQL) 9.6"', 'XX001', $torn ],
	[ 'is too old', "echo 'pg_dump: error: server version: 15.20; pg_dump version: 9.6.24' >&2; echo 'pg_dump: error: aborting because of server version mismatch' >&2; exit 1",
		'0A000', qr/^pg_dump failed$/, hint => qr/Install the client programs of the server's version/ ],
	[ 'talks without end and fails', "yes 'pg_dump: error: x' | head -c 2000000 >&2; exit 1", '58000', qr/^pg_dump failed$/,
		detail => qr/^pg_dump exited with status 1\./ ],
	[ 'talks in other tongues', "printf 'pg_dump: error: \\377\\376\\001\\033[31m\\n' >&2; exit 1", '58000', qr/^pg_dump failed$/ ],
	[ 'closes its output', 'exec >&-; exit 0', 'XX001', $torn ],
	[ 'writes an endless string', "head -c 11 $place/app.dump; yes 0123456789 | head -c 3000000", 'XX001', $torn ]);
for my $case (@cases)
{
	my ($name, $script, $sqlstate, $message, %want) = @$case;
	pg_dump_is($script);
	no_backup($name, $sqlstate, $message, %want);
}
is_deeply([ glob("$repo/backup/*") ], ["$repo/backup/$good"], 'the folder of backups has the good one only');
is_deeply([ glob("$repo/intent/*") ], [], 'no intent is left');

# It leaves a process behind that keeps the pipe open: the end is learnt all
# the same, and the process does not outlive the run.
pg_dump_is("cat $place/app.dump; sleep 300 & echo \$! >$place/pid; exit 1");
no_backup('leaves a process behind', '58000', qr/^pg_dump failed$/);
my $left = slurp("$place/pid") + 0;
wait_for(sub { return is_gone($left); }, 'the process that was left behind is gone', 5);

# --- hanging ----------------------------------------------------------------

# Waits until a dump hangs, cancels the call, and looks at what is left.
sub cancel_hanging
{
	my ($name, $script, $how, $stubborn) = @_;
	my $before = tree($repo);
	unlink "$place/held";
	pg_dump_is("$script\n: >$place/held\nwhile :; do sleep 0.1; done");
	my $session = $server->begin(q(SELECT backup_now(database => 'app')));
	$server->wait_held;
	my $begin = time();
	$server->sql($how);
	my (undef, undef, $err) = BackupExtFaults::end($session);
	cmp_ok(time() - $begin, '<', 5, "$name: the caller returns");
	BackupExtFaults::error_is($err, '57014', qr/cancel/, "$name: and is told");
	$server->wait_no_process(5);
	$server->last_run_is('canceled', '57014', '', "$name: the run is canceled");

	# If the program had to be killed as well, the next run cleans up.
	$server->fails(q(SELECT backup_delete('20261121T101500Z-app-7x2m')), '42704', qr/does not exist/,
		"$name: another run")
	  if $stubborn;
	is_deeply(tree($repo), $before, "$name: the repository is as it was");
	return;
}
my $cancel_call = q(SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'faults');
my $cancel_run = 'SELECT backup_cancel(run) FROM backup_progress';
cancel_hanging('hangs at once', '', $cancel_call);
cancel_hanging('hangs in the middle', 'head -c ' . int($size / 2) . " $place/app.dump", $cancel_call);
cancel_hanging('hangs with its output closed', "cat $place/app.dump; exec >&-", $cancel_run);
cancel_hanging('hangs and ignores SIGTERM', "trap '' TERM", $cancel_run, 1);

# statement_timeout is a cancel too.
pg_dump_is('while :; do sleep 0.1; done');
$server->fails(q(SET statement_timeout = '1s'; SELECT backup_now(database => 'app')), '57014',
	qr/statement timeout/, 'statement_timeout ends a backup');
$server->last_run_is('canceled', '57014', '', 'and its run is canceled');
$server->bring_back('pg_dump');

# --- pg_dumpall -------------------------------------------------------------

for my $case (
	[ 'fails', 'echo "pg_dumpall: error: no" >&2; exit 1', '58000', qr/^pg_dumpall failed$/, detail => qr/status 1/ ],
	[ 'fails late', '$real "$@"; exit 1', '58000', qr/^pg_dumpall failed$/ ],
	[ 'is killed', '$real "$@" | head -c 100; kill -KILL $$', '58000', qr/^pg_dumpall failed$/, detail => qr/signal 9/ ],
	[ 'writes nothing', 'exit 0', 'XX001', qr/^pg_dumpall wrote nothing$/ ],
	[ 'may not read', 'echo "pg_dumpall: error: query failed: ERROR:  permission denied for table pg_authid" >&2; exit 1',
		'42501', qr/^pg_dumpall failed$/, hint => qr/backup_ext\.role/ ])
{
	my ($name, $script, $sqlstate, $message, %want) = @$case;
	$server->replace('pg_dumpall', $script);
	no_backup("all $name", $sqlstate, $message, %want);
}
$server->bring_back('pg_dumpall');

# --- missing ----------------------------------------------------------------

for my $name ('pg_dump', 'pg_dumpall')
{
	unlink "$server->{bin}/$name" or die $!;
	no_backup("of which $name is missing", '58P01', qr{^could not execute ".*/\Q$name\E": No such file});
	is($server->sql(qq(SELECT ok FROM backup_check() WHERE check_name = '$name')), 'f',
		"backup_check misses $name");
	$server->bring_back($name);
}

# --- pg_restore -------------------------------------------------------------

for my $case (
	[ 'fails at once', 'exit 1', '58000', qr/^pg_restore failed$/ ],
	[ 'reads nothing and succeeds', 'exit 0', '', qr/./ ],
	[ 'reads all, does nothing and succeeds', 'cat >/dev/null; exit 0', 'XX001', qr/does not have the tables of its backup/ ],
	[ 'is killed half-way', 'head -c 100000 >/dev/null; kill -KILL $$', '58000', qr/^pg_restore failed$/, detail => qr/signal 9/ ],
	[ 'leaves out a table', 'exec $real "$@" --exclude-schema=nothing --table=orders', 'XX001', qr/does not have the tables of its backup/ ],
	[ 'fails after all is there', '$real "$@"; exit 1', '58000', qr/^pg_restore failed$/ ])
{
	my ($name, $script, $sqlstate, $message, %want) = @$case;
	$server->replace('pg_restore', $script);
	my $before = tree($repo);
	my (undef, undef, $err) = $server->try_sql("SELECT backup_restore('$good', 'copy')");
	if ($sqlstate ne '')
	{
		BackupExtFaults::error_is($err, $sqlstate, $message, "pg_restore $name", %want);
	}
	else
	{
		like($err, qr/ERROR:/, "pg_restore $name");
	}
	is($server->sql(q(SELECT string_agg(datname, ' ') FROM pg_database WHERE datname LIKE 'copy%')), '',
		"$name: no database is left");
	is_deeply(tree($repo), $before, "$name: the repository is as it was");
}
$server->bring_back('pg_restore');

# --- and then ---------------------------------------------------------------

is($server->sql("SELECT backup_restore('$good', 'copy')"), 'copy', 'with good tools a restore works');
is($server->sql('SELECT count(*), sum(id) FROM orders', 'copy'), '100000|5000050000', 'and has all rows');
$server->backup("database => 'app'");
$server->all_readable('in the end');
$server->is_clean('in the end');
is($server->start_time, $started, 'the server did not restart');
$server->no_crash('tools');
$node->stop;
done_testing();
