# An archiver that hangs, and a file system of pg_wal that fills: how long files
# wait is seen while it lasts, and afterwards nothing is missing. The minutes
# are those of a clock that the test sets.
use strict;
use warnings;
use BackupExtClock;
use BackupExtLedger;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = BackupExtClock->new('main', at => '2026-05-04T08:00:00Z');
$node->init;
$node->append_conf('postgresql.conf', "wal_level = replica\narchive_mode = on\narchive_library = 'backup_ext'\n");
$node->begin;
my $ledger = BackupExtLedger->new($node);
$ledger->start;

sub sql { return $node->safe_psql('postgres', $_[0]); }
sub status { return sql(q{SELECT state || ': ' || reason FROM backup_status WHERE what = 'WAL archiving'}); }

sub switch_wal
{
	$ledger->wait_for_rows(5);
	return sql('SELECT pg_walfile_name(pg_switch_wal())');
}

my $first = switch_wal();
$node->poll_query_until('postgres', qq{SELECT last_archived_wal >= '$first' FROM backup_wal}) or die 'nothing is archived';
is(status(), 'ok: WAL is archived.', 'all is well');

# The archiver stops, and its program with it.
my ($archiver, $program) = split /\|/,
  sql(q{SELECT a.pid, w.program_pid FROM pg_stat_activity AS a, backup_wal AS w WHERE a.backend_type = 'archiver'});
kill 'STOP', $archiver, $program;
my $oldest = switch_wal();
switch_wal() for 1 .. 2;
is(sql('SELECT waiting, oldest_waiting_wal FROM backup_wal'), "3|$oldest", 'what waits is known at once');
is(status(), 'ok: WAL is archived.', 'waiting for a moment is no fault');
$node->advance(6 * 60);
is(status(), qq{warning: "$oldest" waits to be archived since 6 minutes.}, 'after minutes it is a warning');
$node->advance(10 * 60);
is(status(), qq{critical: "$oldest" waits to be archived since 16 minutes.}, 'after a quarter of an hour it is critical');

kill 'CONT', $program, $archiver;
my $last = switch_wal();
$node->poll_query_until('postgres', qq{SELECT waiting = 0 AND last_archived_wal >= '$last' FROM backup_wal}) or die 'it does not go on';
is(status(), 'ok: WAL is archived.', 'once it goes on, all is well again');
$ledger->stop;
sql('SELECT backup_sync()');
is(sql('SELECT sum(gaps) + sum(conflicts) FROM backup_wal_range'), 0, 'and nothing is missing');
$node->stop;
done_testing();
