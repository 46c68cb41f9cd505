# The status as a monitor reads it, of a server that makes backups: what is
# late, what fails, what shrinks, since when, and who may see it. The verdicts
# themselves are tested by rows, in test/sql/status.sql.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use BackupExt;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = BackupExt->new('main');
$node->init(allows_streaming => 1);
$node->append_conf('postgresql.conf', "archive_mode = on\narchive_library = 'backup_ext'\n");
$node->begin;
$node->safe_psql('postgres', 'CREATE DATABASE app');

sub sql { return $node->safe_psql('postgres', $_[0]); }

sub status
{
	my ($what, $columns) = @_;
	$columns //= 'state, reason';
	return sql("SELECT $columns FROM backup_status WHERE what = '$what'");
}

# Times of backups are in whole seconds.
sub next_second { return sql('SELECT pg_sleep(1.1)'); }

# The state that the keeper has noted, when it has.
sub noted
{
	my ($what, $state) = @_;
	return $node->poll_query_until('postgres', "SELECT state = '$state' FROM backup_alarm_state_data WHERE what = '$what'");
}

# --- all is well ---------------------------------------------------------------

is(sql('SELECT string_agg(what, $$, $$ ORDER BY what) FROM backup_status'),
	'WAL archiving, data checksums, repository 1, restore tests', 'there is a row for each thing before the first backup');
my $first = $node->backup_now('app');
is(status('app', 'state, subject, backups, last_success_id, last_size > 0, target_age'), "ok|database|1|$first|t|", 'a database');
is(status('repository 1', 'state, backups, storage_free BETWEEN 1 AND storage_total, full_at'), 'ok|1|t|', 'a repository, and what room it has');
$node->restore($first, 'copy');
is(status('app', q(restore_tested_at > recovery_to, restore_duration BETWEEN '1 ms' AND '1 hour')), 't|t', 'a restore is a proof');
like(status('restore tests'), qr/^ok\|The last restore that succeeded was run \d+\.$/, 'and is told of');

# --- schedules: never succeeded, late, failed -------------------------------------

sql(q(SELECT backup_schedule('nightly', '0 3 1 1 *', database => 'app*', late_after => '26 hours')));
is(status('schedule nightly'), 'ok|It was not due yet.', 'a schedule that is new');
is(status('app', q(target_age, next_run_at = (SELECT next_run_at FROM backup_job))), '1 day 02:00:00|t', 'its databases have its target');
ok(noted('schedule nightly', 'ok'), 'the keeper has seen it');
sql(q(UPDATE backup_schedule_data SET created_at = created_at - interval '10 years'));
like(status('schedule nightly'), qr/^critical\|It has never succeeded, and should have by 2\d\d\d-/, 'one that has never succeeded');
like(status('schedule nightly', 'since = last_success_at'), qr/^$/, 'since when is not known');
ok(noted('schedule nightly', 'critical'), 'the keeper sees it');
is(sql(q(SELECT before, since > now() - interval '1 hour' FROM backup_alarm_state_data WHERE what = 'schedule nightly')), 'ok|t', 'and since when');
is(status('schedule nightly', q(since = (SELECT since FROM backup_alarm_state_data WHERE what = 'schedule nightly'))), 't', 'which is shown');

# A backup that it has made; then one that failed, which leaves all else as it was.
sql(q(UPDATE backup_catalogue_data SET schedule = 'nightly'));
is(status('schedule nightly'), 'ok|It has succeeded in time.', 'it has succeeded');
sql(q(UPDATE backup_catalogue_data SET finished_at = finished_at - interval '30 hours'));
like(status('schedule nightly'), qr/^warning\|It has not succeeded since 2.*, and should have by 2/, 'it is late');
like(status('app'), qr/^warning\|The newest good backup is of 2.*, and there should be another since 2/, 'and so is the database');
sql(q(UPDATE backup_catalogue_data SET finished_at = finished_at + interval '30 hours'));
sql(q(INSERT INTO backup_run_data (run, verb, kind, database, state, requested_at, finished_at, schedule, message)
	VALUES (1000000, 'backup', 'logical', 'app', 'failed', now(), now(), 'nightly', 'no luck')));
is(status('schedule nightly', 'state, reason, last_failure'), 'warning|The last attempt, run 1000000, has failed.|no luck', 'it has failed');
sql(q(DELETE FROM backup_run_data WHERE run = 1000000));
is(status('schedule nightly'), 'ok|It has succeeded in time.', 'until it succeeds');
sql(q(SELECT backup_unschedule('nightly')));
is(status('schedule nightly'), '', 'a schedule that is gone has no row');

# --- a backup that has less in it than the one before ------------------------------

$node->safe_psql('app', <<'END');
CREATE SCHEMA "a b";
CREATE TABLE "a b".emptied AS SELECT generate_series(1, 500) AS i;
CREATE TABLE shrunk AS SELECT generate_series(1, 500) AS i;
CREATE TABLE half AS SELECT generate_series(1, 500) AS i;
CREATE TABLE dropped AS SELECT generate_series(1, 500) AS i;
CREATE TABLE few AS SELECT generate_series(1, 99) AS i;
END
my $before = $node->backup_now('app');
is(sql("SELECT emptied_tables, shrunk_tables FROM backup_catalogue WHERE id = '$before'"), '0|0', 'more rows are no loss');
$node->safe_psql('app', 'DELETE FROM "a b".emptied; DELETE FROM shrunk WHERE i > 100; DELETE FROM half WHERE i > 250; DROP TABLE dropped; DELETE FROM few');
next_second();
my ($shrunk, $said) = ('', '');
$node->psql('postgres', q(SELECT backup_now(database => 'app')), stdout => \$shrunk, stderr => \$said);
like($said, qr/WARNING:  2 tables have lost more than half of the rows since backup "\Q$before\E": "a b\.emptied" \(500, now 0\), "public\.shrunk" \(500, now 100\)$/m,
	'who makes a backup is told which tables have shrunk');
is(status('app'), "warning|Since the backup before $shrunk, tables that became empty: 1, others that lost more than half of their rows: 1.",
	'the status has the numbers');
unlike(slurp_file($node->repository . "/manifest/$shrunk.json"), qr/emptied"|a b/, 'no name is in the manifest');
sql('DELETE FROM backup_catalogue_data');
sql('SELECT backup_sync()');
like(status('app'), qr/^warning\|Since the backup before/, 'which the repository knows');
$node->backup_now('app', q(content => 'schema'));
is(sql('SELECT emptied_tables FROM backup_list() JOIN backup_catalogue USING (id) WHERE backup_list.content = $$schema$$'), '',
	'a schema has no rows to compare');
next_second();
$node->backup_now('app');
is(status('app', 'state'), 'ok', 'the next backup is compared with that one');

# Nobody waits for a backup that a schedule makes.
$node->safe_psql('app', 'DELETE FROM half');
next_second();
my $run = $node->backup_now('app', 'wait => false');
ok($node->poll_query_until('postgres', "SELECT state = 'done' FROM backup_run WHERE run = $run"), 'a backup without anybody who waits');
like(slurp_file($node->logfile), qr/run $run: 1 table has lost more than half of the rows since backup ".*": "public\.half" \(250, now 0\)/,
	'tells it in the log');
next_second();
$node->backup_now('app');

# --- settings ----------------------------------------------------------------------

sql(q(UPDATE backup_catalogue_data SET started_at = started_at - interval '2 days'));
$node->set('backup_ext.status_verify_after', '1d');
is(status('app'), 'warning|No backup of it was verified for too long.', 'backups that nobody has verified');
sql(q(SELECT backup_verify(last_success_id, 'stored') FROM backup_status WHERE what = 'app'));
is(status('app', 'state'), 'ok', 'one is enough');
$node->set('backup_ext.status_verify_after', '0');
$node->sql_fails(q(ALTER SYSTEM SET backup_ext.status_size_factor = 0.5), '22023', 'It is zero, or more than one', 'a factor that makes all unusual');

# --- who may see it, and where --------------------------------------------------------

sql('CREATE ROLE watcher LOGIN IN ROLE pg_monitor; CREATE ROLE nobody_special LOGIN');
my $url = $node->url;
my $all = $node->safe_psql('postgres', 'SELECT * FROM backup_status', extra_params => [ '-U', 'watcher' ]);
like($all, qr/^app\|/m, 'pg_monitor sees it');
unlike($all, qr/\Q$url\E/, 'without URLs');
isnt($node->psql('postgres', 'SELECT * FROM backup_status', extra_params => [ '-U', 'nobody_special' ], stderr => \$said), 0, 'nobody else does');
like($said, qr/permission denied/, 'since it is not granted');

$node->backup('standby');
my $standby = BackupExt->new('standby');
$standby->init_from_backup($node, 'standby', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby);
is($standby->safe_psql('postgres', q(SELECT state, backups FROM backup_status WHERE what = 'app')), status('app', 'state, backups'), 'a standby shows the same');
is($standby->safe_psql('postgres', q(SELECT state, reason FROM backup_status WHERE what = 'WAL archiving')),
	'ok|This server is a standby: its primary archives.', 'and what it is');

$standby->stop;
$node->stop;
done_testing();
