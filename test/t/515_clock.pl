# The clock that tests set: server and program agree on it, files have its
# times, and it goes forward and back under a running server. And the disk that
# tests fill.
use strict;
use warnings;
use BackupExtClock;
use File::Basename qw(basename);
use PostgreSQL::Test::Utils;
use Test::More;

my $node = BackupExtClock->new('main', at => '2026-02-27T23:59:00Z');
$node->init;
$node->begin;
$node->safe_psql('postgres', 'CREATE DATABASE app');

sub server_now { return $node->safe_psql('postgres', 'SELECT extract(epoch FROM clock_timestamp())'); }
my $patience = $PostgreSQL::Test::Utils::timeout_default;

# Is this time not long after the one that the clock was set to?
sub is_near
{
	my ($time, $set, $name) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $since = $time - BackupExtClock::seconds($set);
	return ok($since >= -1 && $since < $patience, $name) || diag("$since s after $set");
}

is_near(server_now(), '2026-02-27T23:59:00Z', 'the server begins at the time that was asked for');
is_near(
	$node->safe_psql('postgres', q{SELECT extract(epoch FROM pg_postmaster_start_time())}),
	'2026-02-27T23:59:00Z', 'so does its postmaster');

for my $time ('2026-03-29T00:59:30Z', '2028-02-29T12:00:00Z', '2038-01-19T03:14:05Z', '2026-03-01T10:00:00Z')
{
	$node->set_clock($time);
	is_near(server_now(), $time, "$time: the running server follows");
	my $id = $node->backup_now('app');
	my ($year, $month, $day, $hour, $minute, $second) = $id =~ /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z-/;
	is_near(BackupExtClock::seconds("$year-$month-${day}T$hour:$minute:${second}Z"), $time, 'the program has the same time');
	is_near(
		$node->safe_psql('postgres',
			"SELECT extract(epoch FROM finished_at) FROM backup_run ORDER BY run DESC LIMIT 1"),
		$time, 'so has the row of the run');

	# as the server sees it, when the clock is somewhere else again
	$node->advance(100_000);
	is_near(
		$node->safe_psql('postgres',
			"SELECT extract(epoch FROM (pg_stat_file('" . $node->repository . "/manifest/$id.json')).modification)"),
		$time, 'a file keeps the time at which it was written');
}

is($node->safe_psql('postgres', 'SELECT count(*) FROM backup_list()'), 4, 'all of them are listed');
my ($status, $out, $err) = $node->program('list');
is($status, 0, 'the program lists them') or diag($err);

$node->set('backup_ext.keep_last', 1);
$node->fill($node->repository);
$node->sql_fails('SELECT backup_now()', '53100', 'No space left on device', 'a disk that is full');
is($node->safe_psql('postgres', q(SELECT count(*) FROM backup_run WHERE verb = 'expire' AND reason = 'retention')), 1,
	'is a reason to expire what can go');
$node->fill;
ok($node->safe_psql('postgres', 'SELECT backup_now()'), 'and has room again');
$node->stop;
done_testing();
