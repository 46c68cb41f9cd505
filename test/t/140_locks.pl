# Locks and rights: a backup neither waits nor keeps others waiting for longer
# than it may, and what it cannot read makes it fail.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use BackupExtFaults;
use Test::More;
use Time::HiRes qw(time);

my $server = BackupExtFaults->new('main');
my $node = $server->node;
my $repo = $server->repo;
$server->sql('CREATE DATABASE app');
$server->sql('CREATE DATABASE calm');
$server->sql(<<'END', 'app');
CREATE TABLE orders AS SELECT i AS id, md5(i::text) AS text FROM generate_series(1, 200000) AS i;
CREATE TABLE small AS SELECT 1 AS id;
END
my $started = $server->start_time;
$server->backup;
my $app = q(SELECT backup_now(database => 'app'));

# --- somebody holds a lock --------------------------------------------------

$server->set('backup_ext.lock_timeout', '700ms');
my $before = tree($repo);
for my $how ('LOCK TABLE small IN ACCESS EXCLUSIVE MODE', 'ALTER TABLE small ADD COLUMN j integer', 'TRUNCATE small')
{
	my $holder = $server->open_session("BEGIN; $how", 'app');
	my $begin = time();
	$server->fails($app, '55P03', qr/^pg_dump failed$/, "$how: the backup gives up",
		detail => qr/pg_dump exited with status 1/, hint => qr/backup_ext\.lock_timeout/);
	cmp_ok(time() - $begin, '<', 10, "$how: it does so soon");
	$server->last_run_is('failed', '55P03', '', "$how: the run has failed");
	is_deeply(tree($repo), $before, "$how: nothing is left");
	ok($server->sql(q(SELECT backup_now(database => 'calm'))), "$how: another database is backed up");
	$before = tree($repo);
	is(BackupExtFaults::say_to($holder, 'SELECT count(*) FROM small'), $how =~ /TRUNC/ ? 0 : 1,
		"$how: the holder was not disturbed");
	BackupExtFaults::say_to($holder, 'ROLLBACK');
	$holder->{in} .= "\\q\n";
	BackupExtFaults::end($holder);
}

# Weaker locks do not hinder it.
my $writer = $server->open_session('BEGIN; LOCK TABLE small IN EXCLUSIVE MODE; UPDATE orders SET text = text WHERE id = 1', 'app');
ok($server->sql($app), 'a lock that allows reading does not hinder a backup');
BackupExtFaults::say_to($writer, 'COMMIT');

# Who waits for the lock behind the backup goes on as soon as it gives up.
my $holder = $server->open_session('BEGIN; LOCK TABLE small IN ROW EXCLUSIVE MODE', 'app');
my $alter = $server->begin('ALTER TABLE small ADD COLUMN k integer', 'app');
$server->wait_sql(q(SELECT count(*) FROM pg_locks WHERE NOT granted), 'the ALTER TABLE waits', 1);
$server->fails($app, '55P03', qr/^pg_dump failed$/, 'a backup behind a waiting ALTER TABLE gives up');
BackupExtFaults::say_to($holder, 'COMMIT');
my ($status, undef, $err) = BackupExtFaults::end($alter);
is($status, 0, 'the ALTER TABLE is done') or diag($err);
$server->set('backup_ext.lock_timeout', '1min');

# --- the backup holds a lock ------------------------------------------------

# Stops pg_dump when it has its locks, and returns its process id.
sub stop_dump
{
	my $pid = $server->wait_process('pg_dump');
	$server->wait_sql(
		q(SELECT count(*) > 0 FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)
		  WHERE a.application_name LIKE 'pg_backup_ext dump%' AND l.granted
		    AND l.relation > 16384 AND l.mode = 'AccessShareLock'), 'the dump has its locks');
	kill 'STOP', $pid;
	wait_for(sub { state_of($pid) eq 'T' }, 'the dump stands still');
	return $pid;
}

# The dump is made slow enough to be stopped: it waits for a lock on the last
# table while it has that on the first.
sub start_slow_backup
{
	my $gate = $server->open_session('BEGIN; LOCK TABLE small IN ACCESS EXCLUSIVE MODE', 'app');
	my $backup = $server->begin($app);
	my $pid = stop_dump();
	BackupExtFaults::say_to($gate, 'ROLLBACK');
	return ($backup, $pid);
}

$server->set('backup_ext.blocking_limit', '2s');
my @listed = $server->listed;
my ($backup, $pid) = start_slow_backup();
$alter = $server->begin('ALTER TABLE orders ADD COLUMN j integer', 'app');
$server->wait_sql(q(SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock'),
	'the ALTER TABLE waits for the dump', 1);
my $begin = time();
my $reader = $server->begin('SELECT count(*) FROM orders', 'app');
($status, undef, $err) = BackupExtFaults::end($backup);
BackupExtFaults::error_is($err, '55P03', qr/^the dump gave way to a session that waited for it$/,
	'a dump that keeps others waiting gives way', detail => qr/Process \d+ waited \d+ ms for a lock on "orders"/,
	hint => qr/backup_ext\.blocking_limit/);
($status, undef, $err) = BackupExtFaults::end($alter);
is($status, 0, 'the ALTER TABLE is done') or diag($err);
($status, my $out, $err) = BackupExtFaults::end($reader);
is($out, "200000\n", 'a reader that queued behind it has read');
cmp_ok(time() - $begin, '<', 15, 'neither waited for long');
wait_for(sub { return is_gone($pid); }, 'the dump is gone, although it stood still');
$server->last_run_is('failed', '55P03', 'gave way', 'the run has failed');
is_deeply([ $server->listed ], \@listed, 'nothing is listed');
$server->is_clean('a dump that gave way');

# With the limit off it is the others who wait, and the backup is whole.
$server->set('backup_ext.blocking_limit', '0');
($backup, $pid) = start_slow_backup();
$alter = $server->begin('ALTER TABLE orders DROP COLUMN j', 'app');
$server->wait_sql(q(SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock'
	AND clock_timestamp() - waitstart > '1.5s'), 'the ALTER TABLE waits for the dump', 1);
kill 'CONT', $pid;
($status, $out, $err) = BackupExtFaults::end($backup);
is($status, 0, 'without a limit the dump goes on') or diag($err);
($status, undef, $err) = BackupExtFaults::end($alter);
is($status, 0, 'and then the ALTER TABLE') or diag($err);
$server->set('backup_ext.blocking_limit', '1min');

# A lock that waits in another database is none of its business.
$server->sql('CREATE TABLE here (i integer)');
$holder = $server->open_session('BEGIN; LOCK TABLE here IN ROW EXCLUSIVE MODE');
$alter = $server->begin('ALTER TABLE here ADD COLUMN j integer');
$server->wait_sql(q(SELECT count(*) FROM pg_locks WHERE NOT granted), 'a lock is waited for elsewhere', 1);
$server->set('backup_ext.blocking_limit', '1ms');
ok($server->sql($app), 'who waits for somebody else does not end a backup');
$server->set('backup_ext.blocking_limit', '1min');
BackupExtFaults::say_to($holder, 'COMMIT');
BackupExtFaults::end($alter);

# --- what a role cannot read ------------------------------------------------

$server->sql(<<'END');
CREATE ROLE poor LOGIN;
CREATE ROLE reader LOGIN IN ROLE pg_read_all_data;
CREATE ROLE bypasser LOGIN BYPASSRLS IN ROLE pg_read_all_data;
END
$server->sql(<<'END', 'app');
CREATE TABLE secret (tenant text);
INSERT INTO secret VALUES ('a'), ('b');
CREATE POLICY own ON secret USING (tenant = 'a');
END
$before = tree($repo);

$server->set('backup_ext.role', 'poor');
$server->fails($app, '42501', qr/^pg_dump failed$/, 'a role that cannot read a table',
	detail => qr/permission denied for table/, hint => qr/pg_read_all_data/);
$server->last_run_is('failed', '42501', '', 'its run has failed');
is($server->sql(q(SELECT ok FROM backup_check() WHERE check_name = 'rights')), 'f',
	'backup_check says that the role is no superuser');

$server->set('backup_ext.role', 'reader');
for my $force ('ENABLE', 'FORCE')
{
	$server->sql("ALTER TABLE secret $force ROW LEVEL SECURITY", 'app');
	$server->fails($app, '42501', qr/^pg_dump failed$/, "$force ROW LEVEL SECURITY: no partial dump",
		detail => qr/row-level security policy for table "secret"/, hint => qr/BYPASSRLS/);
}
is_deeply(tree($repo), $before, 'nothing is written');

$server->set('backup_ext.role', 'bypasser');
my $id = $server->sql($app);
$server->set('backup_ext.role', '');
$server->sql("SELECT backup_restore('$id', 'app_copy')");
is($server->sql('SELECT count(*) FROM secret', 'app_copy'), 2, 'with BYPASSRLS all rows are in the backup');

# The owner, who is what to FORCE.
$server->sql('ALTER ROLE poor CREATEDB');
$server->sql('CREATE DATABASE own OWNER poor');
$server->sql(<<'END', 'own');
SET ROLE poor;
CREATE TABLE secret (tenant text);
INSERT INTO secret VALUES ('a'), ('b');
CREATE POLICY own ON secret USING (tenant = 'a');
ALTER TABLE secret ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
END
$before = tree($repo);
$server->set('backup_ext.role', 'poor');
$server->fails(q(SELECT backup_now(database => 'own')), '42501', qr/^pg_dump failed$/,
	'an owner under FORCE ROW LEVEL SECURITY', detail => qr/row-level security/);
is_deeply(tree($repo), $before, 'nothing is written');

$server->set('backup_ext.role', 'nobody such');
$server->fails($app, '22023', qr/^role "nobody such" does not exist$/, 'a role that does not exist');
$server->set('backup_ext.role', '');

# --- a login that does not work ---------------------------------------------

for my $case (
	[ 'host=/nonexistent', '08001', qr{/nonexistent} ],
	[ 'host=localhost port=1', '08001', qr/./ ],
	[ "host=$node->{_host} port=$node->{_port} user=nobody", '28000|08001', qr/role "nobody" does not exist/ ],
	[ 'nonsense', '22023', qr/invalid value for argument "conninfo"/ ])
{
	my ($conninfo, $sqlstate, $message) = @$case;
	$server->set('backup_ext.conninfo', $conninfo);
	my (undef, undef, $text) = $server->try_sql($app);
	like($text, qr/ERROR:  (?:$sqlstate): .*$message.*^HINT:  .*backup_ext\.conninfo/ms, "conninfo: $conninfo");
}
$server->set('backup_ext.conninfo', "host=$node->{_host} port=$node->{_port}");
ok($server->sql($app), 'with a right conninfo it works');

# The login leads to another server.
my $other = BackupExtFaults->new('other', programs => $server->{programs});
$other->sql('CREATE DATABASE app');
$before = tree($repo);
$server->set('backup_ext.conninfo', "host=$other->{node}{_host} port=$other->{node}{_port}");
$server->fails('SELECT backup_now()', '55000', qr/^the login leads to another cluster$|is not the one that was asked for$/,
	'a login to another cluster');
is_deeply(tree($repo), $before, 'nothing is written');
$other->node->stop;
$server->set('backup_ext.conninfo', '');

is($server->start_time, $started, 'the server did not restart');
$server->all_readable('in the end');
$server->is_clean('in the end');
$server->no_crash('locks');
$node->stop;
done_testing();
