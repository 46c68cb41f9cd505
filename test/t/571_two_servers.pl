# A promotion while a schedule is at work, and two servers that both take
# themselves for the primary: each slot is carried out by one of them.
use strict;
use warnings;
use BackupExtClock;
use BackupExtFaults ();
use PostgreSQL::Test::Utils;
use Test::More;

my $node = BackupExtClock->new('primary', at => '2026-06-01T00:30:00Z');
$node->init(allows_streaming => 1);
$node->begin;
$node->safe_psql('postgres', 'CREATE DATABASE app');
$node->safe_psql('postgres', q{SELECT backup_schedule('hourly', '0 * * * *', database => 'app', timezone => 'UTC')});
$node->backup('plain');
my $standby = BackupExtClock->new('standby', with => $node);
$standby->init_from_backup($node, 'plain', has_streaming => 1);
$standby->start;
ok( BackupExtFaults::wait_for(
		sub { my @places = glob $node->repository . '/writer/*/*.json'; return @places == 2; }, 'the standby registers'),
	'the standby is known to the repository');

my @servers = ([ primary => $node ], [ standby => $standby ]);

# What became of each slot, on each server.
sub runs
{
	return join('; ', map { my ($name, $server) = @$_; "$name: " . $server->safe_psql('postgres', <<'END') } @servers);
SELECT string_agg(to_char(slot_at AT TIME ZONE 'UTC', 'HH24:MI') || ' ' || state, ', ' ORDER BY run)
FROM backup_run WHERE schedule = 'hourly' AND verb NOT IN ('schedule', 'unschedule')
END
}

# Slots that have a backup, and how many each has.
sub made
{
	my %made;
	$made{$_}++ foreach map { m{/(\d{8}T\d{2})[^/]*\.json$} } glob $node->repository . '/manifest/*.json';
	return join(', ', map { "$_ $made{$_}" } sort keys %made);
}

$node->set_clock('2026-06-01T01:00:05Z');
$node->settle;
is(made(), '20260601T01 1', 'the primary carries out a slot');

# The standby is promoted while the primary is at work and lives on.
my $hold = $node->basedir . '/hold';
my $dump = "$node->{programs}/bin/pg_dump";
rename $dump, "$dump.real" or die;
BackupExtFaults::spew($hold, '');
BackupExtFaults::spew($dump, <<"END");
#!/bin/sh
while [ -e $hold ]; do sleep 0.02; done
exec $dump.real "\$@"
END
chmod 0755, $dump;
$node->set_clock('2026-06-01T02:00:05Z');
$node->look;
$node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM backup_run WHERE state = 'running'}) or die 'no run';
$node->wait_for_catchup($standby);
$standby->promote;
$standby->settle;
$node->advance(15 * 60);
$standby->settle;
unlink $hold or die;
$node->settle;
is(made(), '20260601T01 1, 20260601T02 1', 'a promotion in mid-run: the slot is carried out once');
is(runs(), 'primary: 01:00 done, 02:00 done; standby: 01:00 done, 02:00 failed, 02:00 skipped',
	'the new primary leaves it to the old one, which is alive');
like( $standby->safe_psql('postgres', q{SELECT sqlstate || ': ' || message || ' ' || detail FROM backup_run WHERE state = 'skipped'}),
	qr/^55S01: another server of this cluster carries out schedule "hourly" for 2026-06-01T02:00:00Z It is that with data directory "[^"]*primary/,
	'and says which that is');

# From now on both are due at the same moment.
for my $hour ('03', '04', '05')
{
	$node->set_clock("2026-06-01T$hour:00:05Z");
	$_->reload foreach $node, $standby;
	$_->settle foreach $node, $standby;
}
is(made(), join(', ', map { "20260601T0$_ 1" } 1 .. 5), 'two primaries: each slot is carried out once');
like(runs(), qr/^primary: .*04:00 (?:done|skipped), 05:00 (?:done|skipped); .*04:00 (?:done|skipped), 05:00 (?:done|skipped)$/,
	'and the other one says so');
is($node->safe_psql('postgres', 'SELECT failures FROM backup_job'), 0, 'which is no failure');

# One of them is lost, and the other has it all.
$node->stop('immediate');
$standby->set_clock('2026-06-01T06:00:05Z');
$standby->settle;
is(made(), join(', ', map { "20260601T0$_ 1" } 1 .. 6), 'the one that is left goes on');
$standby->stop;
done_testing();
