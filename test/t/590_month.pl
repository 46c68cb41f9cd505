# A month of schedules: the clock is stepped from one slot to the next, with a
# repository that is away for a day, a database that cannot be dumped, a disk
# that is full, and a failover. What is kept, which alarms were sent and which
# states were shown is exactly what the tables below say.
use strict;
use warnings;
use BackupExtClock;
use BackupExtFaults ();
use JSON::PP ();
use PostgreSQL::Test::Utils;
use Test::More;

my $node = BackupExtClock->new('first', at => '2026-03-01T00:10:00Z');
$node->init(allows_streaming => 1, extra => [ '--encoding=UTF8', '--locale=C', '--wal-segsize=1' ]);
$node->append_conf('postgresql.conf', <<'END');
timezone = 'UTC'
archive_mode = on
archive_library = 'backup_ext'
backup_ext.expire_grace = '20h'
END
$node->begin;
$node->wait_archived;
my $repository = $node->repository;
my $away = "$repository.away";
my $session = $node->session('postgres');
sub sql { return $session->query($_[0]); }

# --- what is protected, and who is told

sql("CREATE DATABASE $_") foreach 'app', 'shop';
$node->safe_psql('shop', 'CREATE TABLE orders AS SELECT g AS id FROM generate_series(1, 100) AS g');
sql(<<'END');
SELECT backup_schedule('often', '0 */12 1-7,17-20 * *', database => 'app', retries => 1, keep_within => '3 days');
SELECT backup_schedule('nightly', '30 1 * * *', database => '*', retries => 1, keep_daily => 7, keep_weekly => 4);
SELECT backup_schedule('weekly', '0 3 * * sun', kind => 'base', keep_last => 2);
SELECT backup_schedule('check', '0 5 * * sun', kind => 'verify', level => 'stored');
END

# Messages go to a program, which keeps them.
my $box = $node->basedir . '/box';
my $receiver = $node->basedir . '/receiver';
BackupExtFaults::spew($receiver, "#!/bin/sh\ncat >>$box && echo >>$box\n");
chmod 0755, $receiver;
BackupExtFaults::spew($box, '');
sql("SELECT backup_channel('operator', 'program', '$receiver', hold => '1 min', remind => '20 hours')");

$node->backup('plain');
my $standby = BackupExtClock->new('second', with => $node);
$standby->init_from_backup($node, 'plain', has_streaming => 1);
$standby->start;
BackupExtFaults::wait_for(sub { my @places = glob "$repository/writer/*/*.json"; return @places == 2; }, 'the standby registers');

# --- time goes by

# Does what is due at a time. A state is told of when it has held for a minute.
my $server = $node;
sub at
{
	my ($time) = @_;

	$server->set_clock($time);
	$server->settle;
	return if sql(<<'END') eq 't';
SELECT NOT EXISTS (SELECT FROM backup_alarm_state_data AS s FULL JOIN backup_told_data AS t USING (subject, what)
	WHERE COALESCE(s.state, 'ok') <> COALESCE(t.state, 'ok'))
END
	$server->advance(61);
	$server->settle;
	return;
}

# Goes from slot to slot, and from retry to retry, up to a time.
sub go
{
	my ($until) = @_;
	my $end = BackupExtClock::seconds("2026-$until:00Z");

	while (1)
	{
		my $next = sql(<<'END');
SELECT ceil(extract(epoch FROM min(at))) FROM (SELECT next_run_at FROM backup_job
	UNION ALL SELECT not_before FROM backup_schedule_work_data WHERE run IS NULL) AS due (at)
END
		last if $next >= $end;
		at($next + 1);
	}
	at($end);
	return;
}

# What is not well now.
my %shown;
sub show
{
	my ($time) = @_;

	go($time);
	$shown{$time} = sql(q{SELECT string_agg(what || ' ' || state, ', ' ORDER BY what) FROM backup_status WHERE state <> 'ok'});
	return;
}

# Some WAL waits to be archived, and cannot be; or it can, and none waits.
sub archive
{
	my ($fails) = @_;

	sql(q{SELECT pg_logical_emit_message(true, 'month', 'x')});
	sql('SELECT pg_switch_wal()');
	BackupExtFaults::wait_for(
		sub { return sql(q{SELECT waiting > 0 AND failure IS NOT NULL FROM backup_wal}) eq 't'; }, 'archiving fails') if $fails;
	BackupExtFaults::wait_for(
		sub { return sql(q{SELECT waiting = 0 FROM backup_wal}) eq 't'; }, 'everything is archived') if !$fails;
	return;
}

show('03-02T06:00');

# The repository is away for a day.
go('03-05T06:00');
rename $repository, $away or die;
archive(1);
show('03-05T06:10');
show('03-05T18:00');
show('03-06T05:50');
rename $away, $repository or die;
archive(0);
show('03-06T06:10');
show('03-07T06:00');

# A table of one database has lost its file.
go('03-13T06:00');
my $file = $node->data_dir . '/' . $node->safe_psql('shop', q{CHECKPOINT; SELECT pg_relation_filepath('orders')});
rename $file, "$file.away" or die;
show('03-14T06:00');
show('03-15T06:00');
show('03-15T14:00');
rename "$file.away", $file or die;
show('03-15T22:00');
show('03-16T06:00');

# The repository is full for some hours.
go('03-18T06:00');
$node->fill($repository);
archive(1);
show('03-18T06:10');
show('03-18T18:00');
$node->fill;
archive(0);
show('03-18T18:10');
show('03-19T06:00');

# The server is lost, and the standby takes its place.
go('03-24T06:00');
archive(0);
$node->wait_for_catchup($standby);
$session->send('\q');
$session->end;
$node->stop('immediate');
$standby->promote;
$server = $standby;
$session = $standby->session('postgres');
archive(0);
$standby->settle;
show('03-24T06:10');
show('03-31T11:00');

# --- what has come of it

# States that are not well, at the times that were looked at.
my @states = (
	[ '03-02T06:00', '' ],
	[ '03-05T06:10', 'WAL archiving warning' ],
	[ '03-05T18:00', 'WAL archiving critical, app warning, schedule often warning' ],
	[ '03-06T05:50', 'WAL archiving critical, app warning, postgres warning, schedule nightly warning, schedule often warning, shop warning' ],
	[ '03-06T06:10', 'app critical, postgres warning, schedule nightly warning, schedule often critical, shop warning' ],
	[ '03-07T06:00', '' ],
	[ '03-14T06:00', 'schedule nightly warning, shop warning' ],
	[ '03-15T06:00', 'schedule nightly warning, shop warning' ],
	[ '03-15T14:00', 'schedule nightly warning, shop critical' ],
	[ '03-15T22:00', 'schedule nightly warning, shop critical' ],
	[ '03-16T06:00', '' ],
	[ '03-18T06:10', 'WAL archiving warning' ],
	[ '03-18T18:00', 'WAL archiving critical, app warning, schedule often warning' ],
	[ '03-18T18:10', 'app warning, schedule often warning' ],
	[ '03-19T06:00', '' ],
	[ '03-24T06:10', '' ],
	[ '03-31T11:00', '' ]);
is_deeply([ map { [ $_, $shown{$_} ] } sort keys %shown ], \@states, 'the states that were shown');

# Every change that was told, by the hour; those of one hour by what they are about.
my @told;
foreach my $line (grep { /\S/ } split /\n/, BackupExtFaults::slurp($box))
{
	my $message = JSON::PP::decode_json($line);
	my ($hour) = $message->{at} =~ /^2026-(\d\d-\d\dT\d\d)/;
	push @told, map { "$hour $_->{what}: $_->{event} $_->{state}" } @{ $message->{changes} };
}
@told = map { $_->[1] } sort { $a->[0] cmp $b->[0] } map { [ /^(.*?): /, $_ ] } @told;
is(join("\n", @told), <<'END' =~ s/\n\z//r, 'the alarms that were sent');
03-05T06 WAL archiving: problem warning
03-05T12 WAL archiving: problem critical
03-05T12 app: problem warning
03-05T12 schedule often: problem warning
03-06T01 postgres: problem warning
03-06T01 schedule nightly: problem warning
03-06T01 shop: problem warning
03-06T06 WAL archiving: recovery ok
03-06T06 app: problem critical
03-06T06 schedule often: problem critical
03-06T12 app: recovery ok
03-06T12 schedule often: recovery ok
03-07T00 postgres: reminder warning
03-07T00 schedule nightly: reminder warning
03-07T00 shop: reminder warning
03-07T01 postgres: recovery ok
03-07T01 schedule nightly: recovery ok
03-07T01 shop: recovery ok
03-14T01 schedule nightly: problem warning
03-14T01 shop: problem warning
03-15T01 schedule nightly: reminder warning
03-15T01 shop: reminder warning
03-15T14 shop: problem critical
03-15T22 schedule nightly: reminder warning
03-16T01 schedule nightly: recovery ok
03-16T01 shop: recovery ok
03-18T06 WAL archiving: problem warning
03-18T12 WAL archiving: problem critical
03-18T12 app: problem warning
03-18T12 schedule often: problem warning
03-18T18 WAL archiving: recovery ok
03-19T00 app: recovery ok
03-19T00 schedule often: recovery ok
END

# What is listed. Seven days, and four weeks that end on a Sunday; of the shop
# there is no good backup of 14 and 15 March. The last one of what has a window
# only stays, however old it is.
my @week = map { "03-$_" } 25 .. 31;
my %wanted = (
	'often app' => ['03-20'],
	'nightly app' => [ '03-15', '03-22', @week ],
	'nightly postgres' => [ '03-15', '03-22', @week ],
	'nightly shop' => [ '03-13', '03-22', @week ],
	'weekly base' => [ '03-22', '03-29' ]);
my %kept;
foreach my $row (split /\n/, sql(<<'END'))
SELECT schedule || ' ' || COALESCE(database, kind), to_char(started_at AT TIME ZONE 'UTC', 'MM-DD')
FROM backup_list() WHERE state = 'good' ORDER BY started_at
END
{
	my ($what, $day) = split /\|/, $row;
	push @{ $kept{$what} }, $day;
}
is_deeply(\%kept, \%wanted, 'the backups that are kept');
my $on_disk = join ' ', sort map { m{([^/]+)$} } glob "$repository/backup/*";
is($on_disk, sql(q{SELECT string_agg(id, ' ' ORDER BY id COLLATE "C") FROM (SELECT id FROM backup_list() UNION ALL SELECT id FROM backup_expired) AS b}),
	'there is nothing else but what expired in the last day');
is( sql(q{SELECT count(*), string_agg(DISTINCT to_char(finished_at AT TIME ZONE 'UTC', 'MM-DD'), ' ') FROM backup_expired}),
	'3|03-24', 'which can be brought back');
sql('SELECT backup_sync()');
is(sql(q{SELECT first_wal, gaps FROM backup_wal_range WHERE timeline = 1}), sql(<<'END'), 'WAL is there from the first of the base backups on');
SELECT '0000000100000000' || lpad(upper(to_hex((min(start_lsn) - '0/0')::bigint / 1048576)), 8, '0'), 0
FROM backup_list() WHERE kind = 'base'
END

# Each slot has one run, and of those that failed one more try.
is(sql(<<'END'), <<'END' =~ s/\n\z//r, 'each slot was carried out once, or it is on the record why not');
SELECT schedule, reason, state, count(*) FROM backup_run WHERE reason IN ('schedule', 'retry', 'catch-up')
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
END
check|schedule|done|20
nightly|retry|failed|5
nightly|schedule|done|88
nightly|schedule|failed|5
often|retry|failed|3
often|schedule|done|18
often|schedule|failed|3
weekly|schedule|done|5
END
is(sql(q{SELECT bool_and(v.ok) FROM backup_list() AS l, LATERAL backup_verify(l.id) AS v}), 't', 'all that is kept is readable');
$session->end;
$standby->stop;
done_testing();
