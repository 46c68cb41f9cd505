# Restores of a cluster to points in time: each target is reached, and one that
# cannot be reached is refused before anything is written.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use BackupExt;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = BackupExt->new('original');
$node->init(extra => [ '--encoding=UTF8', '--locale=C', '--data-checksums' ]);
$node->archive_wal;
my $outside = PostgreSQL::Test::Utils::tempdir . '/hba.conf';
BackupExt::write_file($outside, "# outside\n" . slurp_file($node->data_dir . '/pg_hba.conf'));
$node->append_conf('postgresql.conf', "hba_file = '$outside'");
$node->begin;
my $tablespace = PostgreSQL::Test::Utils::tempdir;
$node->safe_psql('postgres', "CREATE TABLESPACE fast LOCATION '$tablespace'");
$node->safe_psql('postgres', 'CREATE TABLE step (name text, at timestamptz DEFAULT clock_timestamp()) TABLESPACE fast');
$node->safe_psql('postgres', "SET allow_in_place_tablespaces = on;\nCREATE TABLESPACE beside LOCATION ''");
$node->safe_psql('postgres', 'CREATE TABLE in_place TABLESPACE beside AS SELECT generate_series(1, 1000)');
$node->safe_psql('postgres', 'CREATE UNLOGGED TABLE passing AS SELECT 1');
my $before = now();
sleep 1;

sub now { return $node->safe_psql('postgres', q(SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US"+00"'))); }
sub step { return $node->safe_psql('postgres', "INSERT INTO step VALUES ('$_[0]')"); }
sub lsn { return $node->safe_psql('postgres', 'SELECT pg_current_wal_insert_lsn()'); }

step('backed up');
my $id = $node->base_backup;
sleep 1;
step('marked');
$node->safe_psql('postgres', q(SELECT backup_mark('release 7')));
$node->safe_psql('postgres', q(SELECT pg_create_restore_point('by hand')));
step('timed');
my $time = now();
sleep 1;
step('at position');
my $xid = $node->safe_psql('postgres', q(INSERT INTO step VALUES ('last one') RETURNING pg_current_xact_id()));
my $lsn = lsn();
step('too late');
my $last = $node->wait_archived;

# --- what is reached ---------------------------------------------------------

my $count = 0;
sub restored
{
	my ($expected, $name, @options) = @_;
	my $other = BackupExt->to_be_restored('restored' . ++$count);
	my $map = PostgreSQL::Test::Utils::tempdir;

	$node->restore_into($other, '--tablespace-map', "$tablespace=$map/new", '--target-action', 'promote', @options);
	command_ok([ 'pg_verifybackup', '-n', $other->data_dir ], "$name: pg_verifybackup agrees");
	$other->begin_restored;
	is($other->safe_psql('postgres', 'SELECT string_agg(name, $$, $$ ORDER BY at) FROM step'),
		$expected, "$name: has what it should");
	return $other;
}

my $tree = BackupExt::tree($node->repository);
my $full = restored('backed up, marked, timed, at position, last one, too late', 'the latest');
is($full->safe_psql('postgres', 'SELECT count(*) FROM passing'), 0, 'unlogged tables are empty');
command_ok([ 'pg_amcheck', '--all', '--install-missing', '--heapallindexed', '-h', $full->host, '-p', $full->port ],
	'pg_amcheck finds nothing');
is($full->safe_psql('postgres', 'SELECT count(*) FROM in_place'), 1000, 'a tablespace in place is there');
like($full->safe_psql('postgres', 'SHOW backup_ext.fence'), qr/^restored from \Q$id\E at /, 'it has a fence');
$full->sql_fails('SELECT backup_now()', '55000', 'restored from', 'a backup of the restored server');
$full->safe_psql('postgres', 'SELECT pg_switch_wal()');
is($full->safe_psql('postgres', 'SHOW archive_command'), '', 'it archives nothing');
$full->stop;

my $other = restored('backed up, marked, timed', 'a time', '--target-time', $time);
$other->stop('immediate');
$other = restored('backed up, marked', 'a mark', '--target-name', 'release 7');
$other->stop('immediate');
$other = restored('backed up, marked', 'a restore point that is no mark', $id, '--target-name', 'by hand');
$other->stop('immediate');
$other = restored('backed up, marked, timed, at position, last one', 'a position', '--target-lsn', $lsn);
$other->stop('immediate');
$other = restored('backed up, marked, timed, at position', 'before a transaction', $id, '--target-xid', $xid, '--target-exclusive');
$other->stop('immediate');
$other = restored('backed up', 'the end of the backup', '--target', 'immediate');
$other->stop('immediate');
is(BackupExt::tree($node->repository), $tree, 'none of them wrote into the repository');

# Where nothing else is said, it waits for a person at the target.
my $paused = BackupExt->to_be_restored('paused');
my $paused_map = PostgreSQL::Test::Utils::tempdir;
$node->restore_into($paused, '--tablespace-map', "$tablespace=$paused_map/new", '--target-lsn', $lsn);
$paused->append_conf('postgresql.conf', sprintf "port = %s\nunix_socket_directories = '%s'\nlisten_addresses = ''\n", $paused->port, $paused->host);
$paused->start;
$paused->poll_query_until('postgres', q(SELECT pg_get_wal_replay_pause_state() = 'paused'))
  or die 'it does not pause';
is($paused->safe_psql('postgres', 'SELECT string_agg(name, $$, $$ ORDER BY at) FROM step'),
	'backed up, marked, timed, at position, last one', 'it pauses at the target');
$paused->safe_psql('postgres', 'SELECT pg_wal_replay_resume()');
$paused->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()') or die 'it does not go on';
$paused->stop('immediate');

# --- what is refused ---------------------------------------------------------

my $place = PostgreSQL::Test::Utils::tempdir . '/place';
my @to = ('restore', '--to', $place, '--tablespace-map', "$tablespace=$place.ts");

sub refused
{
	my ($name, $text, @options) = @_;
	my ($status, $out, $err) = $node->program(@to, @options);

	isnt($status, 0, "$name: refused");
	like($err, $text, "$name: says why");
	ok(!-e $place && !-e "$place.ts", "$name: nothing was written");
	return;
}

refused('a time without a zone', qr/has no time zone.*In UTC it is "2026-11-21 10:00:00\+00"/s, '--target-time', '2026-11-21 10:00:00');
refused('a time before all', qr/is before the end of the oldest good base backup.*was finished at/s, '--target-time', $before);
refused('a time to come', qr/is behind the end of the archived WAL.*recovery is possible from \S+ \(\S+Z\) to/s, '--target-time', '2099-01-01 00:00:00Z');
refused('a position to come', qr/is behind the end of the archived WAL.*on timeline 1/s, '--target-lsn', 'FF/0');
refused('an unknown mark', qr/no restore point "release 8" is known.*Known are "release 7"/s, '--target-name', 'release 8');
refused('a timeline that is not there', qr/no history of timeline 7/, '--target-timeline', '7');
refused('another cluster', qr/no base backup of this cluster/, '--system-identifier', '1234567890');
refused('a mapping of nothing', qr{has no tablespace at "/nowhere"}, '--tablespace-map', "/nowhere=$place.ts");
@to = ('restore', '--to', $place);
refused('a tablespace in use', qr{of tablespace \d+ is not empty.*--tablespace-map '\Q$tablespace\E=}s);
refused('a tablespace in the data directory', qr/must not lie in each other/, '--tablespace-map', "$tablespace=$place/ts");
@to = ('restore', '--to', $node->data_dir, '--tablespace-map', "$tablespace=$place.ts");
refused('a directory in use', qr/is not empty.*--delta/s);
refused('a running server', qr/a server may be running/, '--delta');
@to = ('restore', '--to', $place, '--tablespace-map', "$tablespace=$place.ts");
my ($segment) = glob($node->repository . "/wal/*/00000001/*/$last-*");
rename($segment, "$segment.away") or die $!;
refused('a gap', qr/behind the end|"$last" is missing/, '--target-lsn', lsn());
rename("$segment.away", $segment) or die $!;
like($node->program_ok([ @to, '--dry-run' ], 'a dry run'), qr/would restore backup \Q$id\E/, 'says what it would do');
ok(!-e $place, 'and writes nothing');

$node->sql_fails("SELECT backup_restore('$id', '$place')", '55000', 'is a base backup', 'a base backup as a database');
ok(!-e $place, 'writes nothing');

# --- over a directory whose tablespace has files of others ---------------------

{
	my $delta = BackupExt->to_be_restored('delta');
	my $space = PostgreSQL::Test::Utils::tempdir . '/new';
	my @options = ('--tablespace-map', "$tablespace=$space");
	my $pid_file = $delta->data_dir . '/postmaster.pid';

	$node->restore_into($delta, @options);
	my ($ours) = glob("$space/PG_*");
	BackupExt::write_file("$ours/1", 'not of the backup');
	mkdir "$space/PG_14_202107181" or die $!;
	BackupExt::write_file("$space/PG_14_202107181/1", 'of another version');
	$node->restore_into($delta, @options, '--delta');
	ok(-e "$space/PG_14_202107181/1", "the folder of another server version stays");
	ok(!-e "$ours/1", 'what lies in its own goes');

	BackupExt::write_file($pid_file, "1\n");
	$node->program_fails([ 'restore', '--to', $delta->data_dir, @options, '--delta' ],
		qr/a server may be running.*names process 1,/s, 'a server may be process 1');
	unlink($pid_file) or die $!;

	# As in a plain copy of the original's files.
	my ($link) = glob($delta->data_dir . '/pg_tblspc/*[0-9]');
	unlink($link) && symlink($tablespace, $link) or die $!;
	my $files = BackupExt::tree($tablespace);
	$node->program_fails([ 'restore', '--to', $delta->data_dir, '--delta' ],
		qr/belongs to the cluster in "[^"]+original.*--tablespace-map/s, 'a link into the tablespace of the original');
	is(BackupExt::tree($tablespace), $files, 'whose files are left alone');
	$delta->clean_node;
}

# --- a standby, and configuration from outside ----------------------------------

my $standby = BackupExt->to_be_restored('standby');
my $config = PostgreSQL::Test::Utils::tempdir . '/config';
my $standby_map = PostgreSQL::Test::Utils::tempdir;
$node->restore_into($standby, '--standby', '--config-to', $config, '--tablespace-map', "$tablespace=$standby_map/new");
like(slurp_file("$config$outside"), qr/^# outside/, 'files from outside the data directory are restored below a folder');
like(slurp_file($standby->data_dir . '/pg_hba.conf'), qr/^# outside/, 'and in the data directory');
$node->program_fails([ 'restore', '--standby', '--to', "$standby_map/again", '--config-to', $config, '--tablespace-map', "$tablespace=$standby_map/newer" ],
	qr/file "\S+hba\.conf" exists already in/, 'files that are there are not touched');
$standby->append_conf('postgresql.conf', sprintf "port = %s\nunix_socket_directories = '%s'\nlisten_addresses = ''\n", $standby->port, $standby->host);
$standby->start;
$standby->poll_query_until('postgres', q(SELECT string_agg(name, $$, $$ ORDER BY at) LIKE '%too late' FROM step))
  or die 'the standby does not follow';
is($standby->safe_psql('postgres', q(SELECT pg_is_in_recovery(), current_setting('recovery_target_timeline'))), 't|latest', 'a standby stays one');
$standby->stop('immediate');

# --- where the library is not installed ---------------------------------------

my $bin = PostgreSQL::Test::Utils::tempdir . '/bin';
mkdir $bin or die $!;
chomp(my $bindir = qx{pg_config --bindir});
symlink("$bindir/postgres", "$bin/postgres") or die $!;
my $bare = BackupExt->to_be_restored('bare');
my $map = PostgreSQL::Test::Utils::tempdir;
like($node->restore_into($bare, '--bindir', $bin, '--tablespace-map', "$tablespace=$map/new"),
	qr/library "backup_ext" is not installed here/, 'a missing library is named');
$bare->begin_restored;
is($bare->safe_psql('postgres', 'SHOW shared_preload_libraries'), '', 'and is not loaded');
$bare->stop('immediate');
$node->stop('immediate');
done_testing();
