# A schedule of several databases of which the first cannot be dumped: the
# schedule is not well, although its last run was.
use strict;
use warnings;
use BackupExtClock;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = BackupExtClock->new('main', at => '2026-06-01T00:30:00Z');
$node->init;
$node->begin;
$node->safe_psql('postgres', 'CREATE DATABASE app');
$node->safe_psql('app', 'CREATE TABLE t AS SELECT 1 AS i');
$node->safe_psql('postgres', q{SELECT backup_schedule('all', '0 * * * *', database => '*', timezone => 'UTC', retries => 1)});

sub at
{
	$node->set_clock($_[0]);
	$node->settle;
	return $node->safe_psql('postgres', q{SELECT string_agg(what || ' ' || state, ', ' ORDER BY what)
		FROM backup_status WHERE what IN ('schedule all', 'app', 'postgres')});
}

is(at('2026-06-01T01:00:05Z'), 'app ok, postgres ok, schedule all ok', 'all is well');
my $file = $node->data_dir . '/' . $node->safe_psql('app', q{CHECKPOINT; SELECT pg_relation_filepath('t')});
rename $file, "$file.away" or die;
is(at('2026-06-01T02:00:05Z'), 'app warning, postgres ok, schedule all warning', 'one of them fails');
is( $node->safe_psql('postgres', q{SELECT count(DISTINCT state) FROM backup_run WHERE slot_at = '2026-06-01 02:00+00'}),
	2, 'and another does not');
rename "$file.away", $file or die;
is(at('2026-06-01T02:02:00Z'), 'app ok, postgres ok, schedule all ok', 'a retry makes up for it');
$node->stop;
done_testing();
