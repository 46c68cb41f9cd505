# What monitors read: the numbers, the one row, and the program's forms of it.
use strict;
use warnings;
use BackupExt;
use JSON::PP ();
use PostgreSQL::Test::Utils;
use Test::More;

my $node = BackupExt->new('main');
$node->init;
$node->append_conf('postgresql.conf', "wal_level = replica\narchive_mode = on\narchive_library = 'backup_ext'\n");
$node->begin;

# Runs the program, which logs in as the superuser or as somebody else.
sub status
{
	my (@arguments) = @_;
	my ($out, $err) = ('', '');

	IPC::Run::run([ 'pg_backup_ext', 'status', $node->connect_options, @arguments ],
		'<', \undef, '>', \$out, '2>', \$err);
	return ($? >> 8, $out, $err);
}

sub health { return $node->safe_psql('postgres', 'SELECT ok, state, critical, warning, reason FROM backup_health()'); }

sub metric
{
	my ($name, $labels) = @_;
	return $node->safe_psql('postgres', "SELECT value FROM backup_metrics WHERE name = '$name' AND labels @> '" . ($labels // '{}') . q('));
}

# --- nothing yet, then a good backup, then a failure -------------------------

is(metric('backup_ext_runs_total', '{"verb": "backup", "state": "failed"}'), 0, 'a series is there before the first failure');
is(health(), 'f|warning|0|0|Nothing is protected: there is no schedule and no backup.', 'to have nothing is not well');
is((status('--nagios'))[0], 1, 'for Nagios neither');

$node->safe_psql('postgres', q(CREATE DATABASE "it's |a=b"));
my $id = $node->backup_now(q(it's |a=b));
$node->safe_psql('postgres', "SELECT pg_switch_wal()");
$node->poll_query_until('postgres', 'SELECT last_archived_wal IS NOT NULL AND waiting = 0 FROM backup_wal') or die 'nothing is archived';
is(health(), 't|ok|0|0|All is well (5 looked at).', 'all is well');
my $what = q({"what": "it''s |a=b"});
is(metric('backup_ext_state', $what), 0, 'its state in numbers');
is(metric('backup_ext_backups', $what), 1, 'its backups');
cmp_ok(abs(metric('backup_ext_last_success_timestamp_seconds', $what) - time), '<', 1000, 'a time is in seconds since 1970');
is(metric('backup_ext_verified_timestamp_seconds', $what), 0, 'and 0 if it never was');
is(metric('backup_ext_runs_total', '{"verb": "backup", "state": "done"}'), 1, 'runs are counted');
cmp_ok(metric('backup_ext_wal_archived_total'), '>', 0, 'and WAL');

my ($code, $out, $err) = status();
is($code, 0, 'a table') or diag($err);
like($out, qr/^it's \|a=b   +ok +2\S+Z  - +The last attempt made a good backup\.$/m, 'with a row for each thing');
like($out, qr/^ok: All is well \(5 looked at\)\.\n\z/m, 'and the worst of them');

($code, $out) = status('--nagios');
is($code, 0, 'Nagios: OK');
like($out, qr/\ABACKUP OK - All is well \(5 looked at\)\. \| critical=0;;0 warning=0;0 'WAL archiving'=\d+s;;;0 .* 'it_s _a_b'=\d+s;;;0 .*\n\z/,
	'one line, with ages as performance data');

($code, $out) = status('--json');
my $json = JSON::PP->new->utf8->decode($out);
is_deeply([ @$json{qw(record ok state critical warning)} ], [ 'status', JSON::PP::true, 'ok', 0, 0 ], 'JSON has the verdict');
is_deeply([ map { $_->{what} } @{ $json->{rows} } ], [ 'WAL archiving', 'data checksums', q(it's |a=b), 'repository 1', 'restore tests' ], 'and all rows');
is($json->{rows}[2]{last_success_id}, $id, 'with their columns');

$node->set('backup_ext.role', 'nobody at all');
$node->sql_fails(q(SELECT backup_now(database => 'it''s |a=b')), '22023', qr/nobody at all/, 'a backup that fails');
$node->set('backup_ext.role', '');
like(health(), qr/^f\|warning\|0\|1\|it's \|a=b: The last attempt, run \d+, has failed\.$/, 'a warning');
is(metric('backup_ext_runs_total', '{"verb": "backup", "state": "failed"}'), 1, 'the failure is counted');
($code, $out) = status('--nagios');
is($code, 1, 'Nagios: WARNING');
like($out, qr{\ABACKUP WARNING - it's /a=b: The last attempt, run \d+, has failed\. \| critical=0;;0 warning=1;0 }, 'a bar in a name ends nothing');

$node->safe_psql('postgres', "SELECT backup_delete('$id', force => true)");
like(health(), qr/^f\|critical\|1\|0\|it's \|a=b: There is no good backup\.$/, 'critical');
is(metric('backup_ext_state', $what), 2, 'in numbers');
is(metric('backup_ext_last_success_timestamp_seconds', $what), 0, 'a success that never was is 0');
is((status('--nagios'))[0], 2, 'Nagios: CRITICAL');
is((status())[0], 0, 'the table itself is no failure');

# --- schedules, and what has been pruned -------------------------------------

my $leap = '{"schedule": "leap days"}';
$node->safe_psql('postgres', q(SELECT backup_schedule('leap days', '0 2 29 2 *', kind => 'base', timezone => 'UTC')));
$node->poll_query_until('postgres', q(SELECT next_run_at IS NOT NULL FROM backup_job)) or die 'the schedule has no time';
is(metric('backup_ext_schedule_obeyed', $leap), 1, 'a schedule');
is(metric('backup_ext_schedule_next_run_timestamp_seconds', $leap) % 86400, 7200, 'is due at its time');
is(metric('backup_ext_schedule_failures', $leap), 0, 'and has not failed');
is(metric('backup_ext_next_run_timestamp_seconds', '{"what": "schedule leap days"}') % 86400, 7200, 'as the status has it');
$node->safe_psql('postgres', q(SELECT backup_schedule('leap days', '0 2 29 2 *', kind => 'base', enabled => false)));
is(metric('backup_ext_schedule_obeyed', $leap), 0, 'it is switched off');
is(metric('backup_ext_schedule_next_run_timestamp_seconds', $leap), 0, 'and never due');

# What leaves the history is counted all the same.
my $failed = '{"verb": "backup", "state": "failed"}';
$node->safe_psql('postgres', q(INSERT INTO backup_run_data (run, verb, kind, database, state, requested_at)
	SELECT 1000000 + n, 'backup', 'logical', 'it''s |a=b', 'failed', now() - '100 days'::interval FROM generate_series(1, 20) AS n));
is(metric('backup_ext_runs_total', $failed), 21, 'old failures');
$node->restart;
$node->poll_query_until('postgres', 'SELECT NOT EXISTS (SELECT FROM backup_run WHERE run > 1000000)') or die 'old rows stay';
is(metric('backup_ext_runs_total', $failed), 21, 'are counted when their rows have gone');

# --- who may, and what else goes wrong --------------------------------------

$node->safe_psql('postgres', 'CREATE ROLE watcher LOGIN IN ROLE pg_monitor; CREATE ROLE nobody_special LOGIN');
is((status('--role=watcher'))[0], 0, 'pg_monitor may read');
($code, $out, $err) = status('--role=nobody_special');
is($code, 1, 'nobody else may');
like($err, qr/permission denied .*\(SQLSTATE 42501\)/, 'it says so');
($code, $out, $err) = status('--home=template1');
is($code, 1, 'another database');
like($err, qr/extension "backup_ext" is not installed in database "template1" \(SQLSTATE 42704\)\n.*hint: .*--home/, 'has nothing');
($code, $out) = status('--nagios', '--openmetrics');
is($code, 3, 'Nagios: UNKNOWN');
like($out, qr/\ABACKUP UNKNOWN - .* exclude each other\n\z/, 'if it was called wrongly');

is((status('--bogus', '--nagios'))[0], 3, 'or with what there is not');

# Readers wait for a lock no longer than they want to.
my $lock = $node->background_psql('postgres');
$lock->query_safe('BEGIN; LOCK TABLE backup_catalogue_data');
($code, $out) = status('--nagios', '--timeout=500ms');
is($code, 2, 'no answer in time');
like($out, qr/\ABACKUP CRITICAL - the status could not be read: (?:the server did not answer within 500 ms|canceling statement)/, 'is critical');
$lock->quit;

$node->stop;
($code, $out) = status('--nagios');
is($code, 2, 'a server that is away');
like($out, qr/\ABACKUP CRITICAL - the status could not be read: connection to server .* failed: /, 'is critical');
done_testing();
