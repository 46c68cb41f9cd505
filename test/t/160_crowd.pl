# Twenty sessions at once make, verify, pin, restore and delete the same backups,
# and look for what has expired: nothing is lost, nothing is torn, and every
# refusal is a documented one.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use BackupExtFaults;
use Test::More;

my $server = BackupExtFaults->new('main', conf => <<'END');
max_worker_processes = 16
backup_ext.max_runs = 6
backup_ext.compression = 'lz4:1'
END
my $started = $server->start_time;
my @databases = ('red', 'blue');
for my $database (@databases)
{
	$server->sql("CREATE DATABASE $database");
	$server->sql("CREATE TABLE t AS SELECT i AS id, md5(i::text) AS text FROM generate_series(1, 5000) AS i", $database);
}
my @first = map { $server->sql("SELECT backup_now(database => '$_')") } @databases, @databases, @databases, @databases;

# A list of calls for one session. Each says what it has done.
srand(my $seed = time());
diag("seed $seed");
sub calls
{
	my @calls;
	for (1 .. 4)
	{
		my $id = $first[ rand @first ];
		my $database = $databases[ rand @databases ];
		my $target = 'copy' . int(rand(4));
		push @calls, (
			"SELECT 'made ' || backup_now(database => '$database');",
			"SELECT 'verified $id ' || bool_and(ok) FROM backup_verify('$id');",
			"SELECT 'verified $id ' || bool_and(ok) FROM backup_verify('$id', 'stored');",
			"SELECT 'deleted $id' WHERE backup_delete('$id');",
			"SELECT 'restored ' || backup_restore('$id', '$target');",
			"SELECT 'pinned ' || backup_pin('$id');",
			"SELECT 'unpinned ' || backup_unpin('$id');",
			"SELECT 'looked ' || (count(*) >= 0) FROM backup_expire();",
			"SELECT 'synced ' || (backup_sync() >= 0);")[ rand 9 ];
	}
	return join("\n", '\set ON_ERROR_STOP 0', @calls, '');
}

# One session calls everything, so that no verb is left out by chance.
my @scripts = map { calls() } 1 .. 19;
push @scripts, join("\n", '\set ON_ERROR_STOP 0', "SELECT 'made ' || backup_now(database => 'red');",
	"SELECT 'deleted $first[0]' WHERE backup_delete('$first[0]');",
	"SELECT 'verified $first[1] ' || bool_and(ok) FROM backup_verify('$first[1]');",
	"SELECT 'restored ' || backup_restore('$first[2]', 'copy9');", '');
my @sessions = map { $server->begin($_) } @scripts;
my (%made, %deleted, %restored, %state, @odd, $answers);
for my $session (@sessions)
{
	my (undef, $out, $err) = BackupExtFaults::end($session);
	for my $line (split /\n/, $out)
	{
		$answers++;
		if ($line =~ /^made (\S+)$/) { $made{$1}++; }
		elsif ($line =~ /^deleted (\S+)$/) { $deleted{$1}++; }
		elsif ($line =~ /^restored (\S+)$/) { $restored{$1}++; }
		elsif ($line !~ /^(?:(?:verified \S+|synced|pinned|looked) true|unpinned (?:true|false))$/) { push @odd, $line; }
	}
	while ($err =~ /(?:ERROR|FATAL|PANIC):  (\w{5}): (.*)/g)
	{
		my ($sqlstate, $message) = ($1, $2);
		$answers++;
		$state{$sqlstate}++;
		push @odd, "$sqlstate $message" if $sqlstate !~ /^(?:55006|42704|55000|42P04)$/;
	}
	push @odd, $1 while $err =~ /(WARNING: .*)/g;
}
diag('made ', scalar(keys %made), ', deleted ', scalar(keys %deleted), ', restored ', scalar(keys %restored),
	', refused ', join(' ', map { "$_ $state{$_}" } sort keys %state));
is($answers, 20 * 4, 'each call has an answer');
is_deeply(\@odd, [], 'no answer is other than documented');
is_deeply([ grep { $made{$_} > 1 } keys %made ], [], 'no id was made twice');
is_deeply([ grep { $deleted{$_} > 1 } keys %deleted ], [], 'no backup was deleted twice');
is_deeply([ grep { $restored{$_} > 1 } keys %restored ], [], 'no database was created twice');

my %expected = map { $_ => 1 } @first, keys %made;
delete @expected{ keys %deleted };
is_deeply([ $server->listed ], [ sort keys %expected ], 'what was made and not deleted is listed, and nothing else');
$server->all_readable('the crowd');
for my $database (sort keys %restored)
{
	is($server->sql('SELECT count(*), sum(id) FROM t', $database), '5000|12502500', "restored database $database is whole");
}
is_deeply([ sort split / /, $server->sql(q(SELECT string_agg(datname, ' ') FROM pg_database WHERE datname LIKE 'copy%')) ],
	[ sort keys %restored ], 'there are the databases that were reported');
is($server->sql(q(SELECT count(*) FROM backup_run WHERE state NOT IN ('done', 'failed') OR finished_at IS NULL)),
	0, 'every run has an end');

# --- the queue --------------------------------------------------------------

# More runs than there is room for.
$server->hold_dump;
my @runs = map { $server->sql(q(SELECT backup_now(database => 'red', wait => false))) } 1 .. 64;
$server->fails('SELECT backup_now()', '53400', qr/^too many runs are waiting$/, 'there is room for 64 runs',
	detail => qr/At most 64 runs/, hint => qr/backup_cancel/);
$server->wait_sql(q(SELECT string_agg(state || ' ' || n, ', ' ORDER BY state) FROM
	(SELECT state, count(*) AS n FROM backup_progress GROUP BY state) AS s), 'six at a time',
	'queued 58, running 6');
is($server->sql('SELECT count(*) FROM backup_progress WHERE backup_cancel(run)'), 64, 'all can be canceled');
$server->wait_closed;
$server->wait_sql("SELECT count(*) FROM backup_run_data WHERE run >= $runs[0] AND run <= $runs[-1] AND state = 'canceled' AND sqlstate = '57014'",
	'each has a row', 64);
$server->release_dump;
ok($server->sql(q(SELECT backup_now(database => 'red'))), 'then there is room again');

is($server->start_time, $started, 'the server did not restart');
$server->is_clean('the crowd');
$server->no_crash('the crowd');
$server->node->stop;
done_testing();
