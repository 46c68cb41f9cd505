# Schedules and a clock that jumps, a server that was down, runs that take too
# long, workers and processes that are not there: each slot is carried out once,
# or it is said why not.
use strict;
use warnings;
use BackupExtClock;
use BackupExtFaults ();
use PostgreSQL::Test::Utils;
use Test::More;

my $node = BackupExtClock->new('main', at => '2026-03-28T10:30:00Z');
$node->init;
$node->append_conf('postgresql.conf', "timezone = 'UTC'\nlog_timezone = 'UTC'\n");
$node->begin;
$node->safe_psql('postgres', 'CREATE DATABASE app');

sub sql { return $node->safe_psql('postgres', $_[0]); }

# Makes a schedule of backups of one database, which is small.
sub schedule
{
	my ($name, $times, $more) = @_;
	return sql("SELECT backup_schedule('$name', '$times', database => 'app'" . (defined $more ? ", $more" : '') . ')');
}

# Its runs so far: the slot of each, and what became of it.
sub runs
{
	my ($name, $server) = @_;
	return ($server // $node)->safe_psql('postgres', <<"END");
SELECT string_agg(to_char(slot_at AT TIME ZONE 'UTC', 'MM-DD HH24:MI') || ' ' || state
	|| CASE reason WHEN 'schedule' THEN '' ELSE ' ' || reason END, ', ' ORDER BY run)
FROM backup_run WHERE schedule = '$name' AND verb NOT IN ('schedule', 'unschedule')
END
}

sub go
{
	$node->set_clock($_[0]);
	$node->settle;
	return;
}

# --- the clock jumps (each: time that it is set to, what has run after that)

my @jumps = (
	[ 'hourly', '0 * * * *', 'UTC', '2026-03-28T10:30:00Z',
		[ '2026-03-28T11:00:05Z', '03-28 11:00 done' ],
		[ '2026-03-28T12:00:10Z', '03-28 11:00 done, 03-28 12:00 done', 'an hour on' ],
		[ '2026-03-28T11:10:00Z', '03-28 11:00 done, 03-28 12:00 done', 'an hour back' ],
		[ '2026-03-28T12:00:10Z', '03-28 11:00 done, 03-28 12:00 done', 'the same time again' ],
		[ '2026-03-28T13:00:10Z', '03-28 11:00 done, 03-28 12:00 done, 03-28 13:00 done', 'after that as usual' ] ],
	[ 'night', '30 2 * * *', 'Europe/Berlin', '2026-03-28T20:00:00Z',
		[ '2026-03-29T00:59:00Z', '', 'before a time that does not come' ],
		[ '2026-03-29T01:00:05Z', '03-29 01:00 done', 'right after it' ],
		[ '2026-03-30T00:30:05Z', '03-29 01:00 done, 03-30 00:30 done', 'the next night, in summer' ] ],
	[ 'autumn', '30 2 * * *', 'Europe/Berlin', '2026-10-24T20:00:00Z',
		[ '2026-10-25T00:30:05Z', '10-25 00:30 done', 'an hour that comes twice: the first time' ],
		[ '2026-10-25T01:30:05Z', '10-25 00:30 done', 'the second time' ],
		[ '2026-10-26T01:30:05Z', '10-25 00:30 done, 10-26 01:30 done', 'the next night, in winter' ] ],
	[ 'leap', '0 12 29 2 *', 'UTC', '2028-02-28T12:00:00Z',
		[ '2028-02-28T23:59:00Z', '', 'the day before' ],
		[ '2028-02-29T12:00:05Z', '02-29 12:00 done', 'the leap day' ],
		[ '2028-03-01T12:00:05Z', '02-29 12:00 done', 'the day after' ] ],
	[ 'epoch', '*/2 3 19 1 *', 'UTC', '2038-01-19T03:13:00Z',
		[ '2038-01-19T03:14:05Z', '01-19 03:14 done', 'before 32 bits are over' ],
		[ '2038-01-19T03:16:05Z', '01-19 03:14 done, 01-19 03:16 done', 'after that' ] ]);
foreach my $case (@jumps)
{
	my ($name, $times, $zone, $begin, @steps) = @$case;

	go($begin);
	schedule($name, $times, "timezone => '$zone'");
	foreach my $step (@steps)
	{
		go($step->[0]);
		is(runs($name), $step->[1], "$name: " . ($step->[2] // 'as usual'));
	}
	sql("SELECT backup_unschedule('$name')");
}

# Another time zone of the server is not one of its schedules.
go('2026-06-01T10:00:00Z');
schedule('zone', '0 12 * * *', q{timezone => 'UTC'});
$node->set('timezone', 'Asia/Tokyo');
go('2026-06-01T12:00:05Z');
go('2026-06-02T03:00:05Z');
is(runs('zone'), '06-01 12:00 done', 'the server has another time zone: each slot once');
$node->set('timezone', 'UTC');
sql(q{SELECT backup_unschedule('zone')});

# --- slots that are missed, and runs that take too long

go('2026-06-10T00:30:00Z');
schedule('once', '0 * * * *');
schedule('skip', '0 * * * *', q{catch_up => 'skip'});
go('2026-06-10T01:00:05Z');
$node->stop;
$node->set_clock('2026-06-10T06:30:00Z');
$node->start;
$node->settle;
is(runs('once'), '06-10 01:00 done, 06-10 06:00 done catch-up', 'down over five slots: one catch-up');
unlike(runs('skip'), qr/catch-up/, 'or none, as the schedule says');
go('2026-06-10T07:00:05Z');
like(runs('skip'), qr/06-10 07:00 done$/, 'then as usual');
sql(qq{SELECT backup_unschedule('$_')}) for 'once', 'skip';

# The dump waits while a file is there.
my $hold = $node->basedir . '/hold';
my $dump = "$node->{programs}/bin/pg_dump";
rename $dump, "$dump.real" or die;
BackupExtFaults::spew($dump, <<"END");
#!/bin/sh
while [ -e $hold ]; do sleep 0.02; done
exec $dump.real "\$@"
END
chmod 0755, $dump;
sub hold { return BackupExtFaults::spew($hold, ''); }
sub release { unlink $hold or die; return; }
sub wait_running
{
	my ($name) = @_;
	$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM backup_run WHERE schedule = '$name' AND state = 'running'")
	  or die "$name does not run";
	return;
}

go('2026-06-11T00:30:00Z');
schedule('long', '0 * * * *');
hold();
$node->set_clock('2026-06-11T01:00:05Z');
$node->look;
wait_running('long');
for my $hour ('02', '03', '04')
{
	$node->set_clock("2026-06-11T$hour:00:05Z");
	$node->look;
}
is( sql(q{SELECT count(*) FROM backup_run WHERE schedule = 'long' AND state = 'running'}),
	1, 'a run that takes longer than its period does not meet the next one');
is(sql(q{SELECT to_char(queued AT TIME ZONE 'UTC', 'HH24:MI') FROM backup_job}), '02:00', 'one more slot waits');
release();
$node->settle;
is(runs('long'), '06-11 01:00 done, 06-11 03:00 skipped, 06-11 04:00 skipped, 06-11 02:00 done',
	'what did not run is on the record');
sql(q{SELECT backup_unschedule('long')});

# --- no place for a worker, another version, no server

# All places of max_worker_processes are taken by other things.
go('2026-06-12T00:30:00Z');
schedule('busy', '0 * * * *');
$node->append_conf('postgresql.conf', 'max_worker_processes = 2');
$node->restart;
my $from = -s $node->logfile;
$node->set_clock('2026-06-12T01:00:05Z');
$node->reload;
wait_log($from, qr/LOG:  no background worker is free for backup_ext (?:recorder|keeper)\n.*DETAIL:  All 2 places of "max_worker_processes" are taken\./,
	'no place for a worker: the log says so');
$node->append_conf('postgresql.conf', 'max_worker_processes = 3');
$node->restart;
$node->settle;
is(runs('busy'), '06-12 01:00 done', 'one place is enough');
$node->append_conf('postgresql.conf', 'max_worker_processes = 8');
$node->restart;

# Tables of another version: nothing is done, and the log says why.
my $version = sql(q{SELECT extversion FROM pg_extension WHERE extname = 'backup_ext'});
$from = -s $node->logfile;
sql(q{UPDATE pg_extension SET extversion = '0.0.9' WHERE extname = 'backup_ext'});
$node->set_clock('2026-06-12T02:00:05Z');
$node->reload;
wait_log($from, qr/WARNING:  the extension and its library are of different versions\n.*DETAIL:  .*0\.0\.9.*\n.*HINT:  .*ALTER EXTENSION backup_ext UPDATE/,
	'tables of another version: the log says what to do');
is(runs('busy'), '06-12 01:00 done', 'and nothing is done');
sql("UPDATE pg_extension SET extversion = '$version' WHERE extname = 'backup_ext'");
$node->settle;
is(runs('busy'), '06-12 01:00 done, 06-12 02:00 done', 'until they agree');

# The postmaster is killed while a run is under way.
hold();
$node->set_clock('2026-06-12T03:00:05Z');
$node->look;
wait_running('busy');
my @children = grep { $_ != $node->{_pid} } processes_of($node);
cmp_ok(scalar @children, '>', 5, 'the server has processes, and so has the run');
my $postmaster = $node->{_pid};
$node->kill9;
ok(BackupExtFaults::wait_for(sub { !grep { !BackupExtFaults::is_gone($_) } @children }, 'all are gone', 10),
	'the postmaster is killed: no process is left');
release();
BackupExtFaults::wait_for(sub { !kill 0, $postmaster }, 'somebody has buried the postmaster');
$node->start;
$node->settle;
like(runs('busy'), qr/, 06-12 03:00 failed$/, 'its run has an end');
go('2026-06-12T03:10:00Z');
like(runs('busy'), qr/, 06-12 03:00 failed, 06-12 03:00 done retry$/, 'and is tried again');

# The extension goes while one of its schedules is at work.
hold();
$node->set_clock('2026-06-12T04:00:05Z');
$node->look;
wait_running('busy');
my $started = sql('SELECT pg_postmaster_start_time()');
sql('DROP EXTENSION backup_ext');
release();
$node->poll_query_until('postgres', q{SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'backup_ext run'})
  or die 'the worker does not end';
$node->look;
sql('CREATE EXTENSION backup_ext');
sql('SELECT backup_sync()');
$node->settle;
is(sql('SELECT pg_postmaster_start_time()'), $started, 'DROP EXTENSION in mid-run: the server goes on');
is(sql(q{SELECT count(*) FROM backup_job}) . sql(q{SELECT count(*) FROM backup_run WHERE schedule IS NOT NULL}),
	'00', 'and the schedule is gone');
is(sql(q{SELECT bool_and(v.ok) FROM backup_list() AS l, LATERAL backup_verify(l.id) AS v WHERE l.finished_at > '2026-06-12'}),
	't', 'what is listed is whole');
$node->stop;
done_testing();

# A test: the log has something new.
sub wait_log
{
	my ($begin, $text, $name) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return ok(BackupExtFaults::wait_for(sub { slurp_file($node->logfile, $begin) =~ $text }, $name), $name);
}

# All processes below the postmaster, children of children too.
sub processes_of
{
	my ($server) = @_;
	my %below;

	for my $entry (glob '/proc/[0-9]*/stat')
	{
		my $line = eval { BackupExtFaults::slurp($entry) } // next;
		push @{ $below{$2} }, $1 if $line =~ /^(\d+) \(.*\) \S (\d+)/s;
	}
	my @found = ($server->{_pid});
	push @found, @{ $below{$_} // [] } foreach @found;
	return @found;
}
