# Schedules where the server is not the one that it was: after a promotion, behind
# a fence, in another cluster; and those that must not begin at once.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use BackupExt;
use BackupExtFaults;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = BackupExt->new('primary');
$primary->init(allows_streaming => 1);
$primary->begin;
$primary->safe_psql('postgres', 'CREATE DATABASE app');

sub due
{
	my ($node, $name) = @_;
	$node->safe_psql('postgres', qq(UPDATE backup_schedule_state_data
		SET next_slot = clock_timestamp(), next_run_at = clock_timestamp() WHERE name = '$name'));
	return look($node);
}

sub look { return $_[0]->safe_psql('postgres', 'SELECT pg_reload_conf()'); }

sub runs_become
{
	my ($node, $name, $expected, $test) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return ok( $node->poll_query_until(
			'postgres', qq[SELECT string_agg(concat_ws(' ', reason, database, state), ', ' ORDER BY run)
		FROM backup_run WHERE schedule = '$name' AND verb NOT IN ('schedule', 'unschedule')], $expected), $test);
}

# --- not at once --------------------------------------------------------------

my $spread = q{SELECT next_run_at - next_slot FROM backup_schedule_state_data WHERE name = 'spread'};
my %delay;
for my $round (1 .. 2)
{
	$primary->safe_psql('postgres', q{SELECT backup_schedule('spread', '@yearly', jitter => '30 days', timezone => 'UTC')});
	$delay{ $primary->safe_psql('postgres', $spread) } = 1;
}
is(scalar keys %delay, 1, 'a slot keeps its delay');
is($primary->safe_psql('postgres', "SELECT d BETWEEN '1 second' AND '30 days' FROM ($spread) AS s (d)"), 't', 'which is as long as it may be');
is($primary->safe_psql('postgres', q{SET timezone = '-3:30'; SELECT backup_schedule('odd', '0 12 * * *') AT TIME ZONE 'UTC' > now();
	SELECT next_run_local LIKE '% 12:00:00 %', inert IS NULL FROM backup_job WHERE name = 'odd'}), "t\nt|t",
	'a session may have a time zone without a name');
$primary->safe_psql('postgres', q{SELECT backup_unschedule(name) FROM backup_job});

# --- somebody is changing it ----------------------------------------------------

$primary->safe_psql('postgres', qq(SELECT backup_schedule('$_', '\@daily', database => 'app', content => 'schema'))) for 'first', 'second';
my $session = $primary->session;
$session->query(q{BEGIN; SELECT backup_schedule('first', '@weekly')});
$primary->safe_psql('postgres', q{UPDATE backup_schedule_state_data SET next_slot = now(), next_run_at = now() WHERE name = 'second'});
look($primary);
runs_become($primary, 'second', 'schedule app done', 'a schedule that is being changed keeps no other one waiting');
$session->query('ROLLBACK');
$session->end;
is($primary->safe_psql('postgres', q{SELECT schedule FROM backup_job WHERE name = 'first'}), '@daily', 'what was not committed was not said');

# --- a promotion ------------------------------------------------------------------

$primary->backup('copy');
my $standby = BackupExt->new('standby');
$standby->init_from_backup($primary, 'copy', has_streaming => 1);
$standby->append_conf('postgresql.conf', 'port = ' . $standby->port);
$standby->start;
$primary->wait_for_catchup($standby);
is($standby->safe_psql('postgres', q{SELECT count(*) FROM backup_job WHERE next_run_at > now() AND inert IS NULL}), 2, 'a standby has the schedules');
BackupExtFaults::wait_for(sub { my @places = glob $primary->repository . '/writer/*/*.json'; @places == 2 }, 'the standby registers');

# Part of a slot is done, the next part is at work when the primary is lost.
$primary->safe_psql('postgres', q{SELECT backup_schedule('all', '@daily', database => '*')});
my $lock = $primary->session('postgres');
$lock->query('BEGIN; CREATE TABLE held (); COMMIT; BEGIN; LOCK TABLE held');
due($primary, 'all');
runs_become($primary, 'all', 'schedule app done, schedule postgres running', 'a slot is half done');
$primary->wait_for_catchup($standby);
$primary->stop('immediate');
$standby->promote;
runs_become($standby, 'all', 'schedule app done, schedule postgres failed', 'the promoted server closes what was at work');
$standby->poll_query_until('postgres', q{SELECT count(*) = 1 FROM backup_schedule_work_data WHERE run IS NULL AND not_before > now()})
  or die 'there is nothing to be tried again';
$standby->safe_psql('postgres', 'UPDATE backup_schedule_work_data SET not_before = now()');
look($standby);
runs_become($standby, 'all', 'schedule app done, schedule postgres failed, retry postgres done', 'and does the rest');
due($standby, 'second');
runs_become($standby, 'second', 'schedule app done, schedule app done', 'other schedules go on there');

# --- behind a fence ----------------------------------------------------------------

$standby->set('backup_ext.fence', 'it was restored');
due($standby, 'second');
$standby->poll_query_until('postgres', q{SELECT inert LIKE 'this server is fenced%' AND next_run_at IS NULL FROM backup_job WHERE name = 'second'});
is($standby->safe_psql('postgres', q{SELECT count(*) FROM backup_job WHERE inert LIKE 'this server is fenced%' AND next_run_at IS NULL}), 3,
	'behind a fence schedules rest');
$standby->safe_psql('postgres', 'ALTER SYSTEM RESET backup_ext.fence; SELECT pg_reload_conf()');
ok($standby->poll_query_until('postgres', q{SELECT count(*) = 3 FROM backup_job WHERE inert IS NULL AND next_run_at > now()}), 'without it they go on');

# --- another cluster ------------------------------------------------------------------

my $other = BackupExt->new('other');
$other->init;
$other->begin;
my $dump = $standby->basedir . '/home.sql';
command_ok([ 'pg_dump', '-h', $standby->host, '-p', $standby->port, '-f', $dump, 'postgres' ], 'the home database is dumped');
$other->safe_psql('postgres', 'DROP EXTENSION backup_ext');
command_ok([ 'psql', '-qX', '-v', 'ON_ERROR_STOP=1', '-h', $other->host, '-p', $other->port, '-f', $dump, 'postgres' ], 'and restored elsewhere');
my $foreign = 'it was made in another cluster; backup_adopt() takes it over';
is($other->safe_psql('postgres', qq(SELECT count(*), count(*) FILTER (WHERE inert = '$foreign' AND next_run_at IS NULL) FROM backup_job)), '3|3',
	'where its schedules rest');
$other->safe_psql('postgres', q{SELECT backup_sync(accept => true)});
$other->safe_psql('postgres', 'SELECT backup_adopt()');
ok($other->poll_query_until('postgres', q{SELECT count(*) = 3 FROM backup_job WHERE inert IS NULL AND next_run_at > now()}), 'until it adopts them');

$other->stop;
$standby->stop;
done_testing();
