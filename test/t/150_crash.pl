# Whatever dies, at whatever moment: the server lives on unless PostgreSQL
# itself restarts it, nothing half is listed, every run gets an end, and the
# next backup works and cleans up.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use BackupExtFaults;
use IPC::Run ();
use Test::More;
use Time::HiRes qw(time usleep);

my $server = BackupExtFaults->new('main', conf => "restart_after_crash = on\n");
my $node = $server->node;
my $repo = $server->repo;
my $place = $server->{place};
$server->sql('CREATE DATABASE app');
$server->sql(<<'END', 'app');
CREATE TABLE orders AS SELECT i AS id, md5(i::text) AS text FROM generate_series(1, 300000) AS i;
CREATE TABLE customers AS SELECT i AS id FROM generate_series(1, 1000) AS i;
END
my $app = q(SELECT backup_now(database => 'app'));
my $first = $server->sql($app);
my $started = $server->start_time;

# The archive that pg_dump would write, to be cut where a test wants it.
$node->command_ok([ 'pg_dump', '--format=custom', '--compress=0', '-f', "$place/app.dump", '-d', $node->connstr('app') ],
	'an archive for the tests');
my $half = int((-s "$place/app.dump") / 2);

# From now on pg_dump writes half an archive and waits.
sub stop_half_way
{
	unlink "$place/held";
	$server->replace('pg_dump', <<"END");
case "\$*" in -V | --version) exec \$real "\$@" ;; esac
head -c $half $place/app.dump
: >$place/held
while :; do sleep 0.1; done
END
	return;
}

# What must be so after each accident. With $restarted, PostgreSQL has.
sub recovers
{
	my ($name, %what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my @before = @{ $what{listed} };
	$server->bring_back('pg_dump') if -e "$server->{bin}/pg_dump.real";
	$server->wait_no_process(5);
	is_deeply([ $server->processes ], [], "$name: no program is left");
	is_deeply([ $server->listed ], \@before, "$name: nothing half is listed");
	if ($what{restarted})
	{
		$server->wait_launcher;
		isnt($server->start_time, $started, "$name: PostgreSQL has restarted") if $what{restarted} eq 'postmaster';
		$started = $server->start_time;
	}
	else
	{
		is($server->start_time, $started, "$name: the server did not restart");
	}
	$server->wait_closed;
	if (!$what{no_row})
	{
		$server->last_run_is($what{state} // 'failed', $what{sqlstate}, $what{message} // '', "$name: the run has an end");
	}
	my $id = $server->sql($app);
	is_deeply([ sort $server->listed ], [ sort @before, $id ], "$name: the next backup works");
	is_deeply([ $server->leftovers ], [], "$name: and cleans up");
	is($server->sql("SELECT bool_and(ok) FROM backup_verify('$id')"), 't', "$name: and is readable");
	$server->sql("SELECT backup_delete('$id')");
	return;
}

# Begins a backup that stops half-way; returns the session of its caller, the
# process id of the agent, and that of the worker.
sub begin_half_way
{
	stop_half_way();
	my $session = $server->begin($app);
	$server->wait_held;
	my $agent = $server->wait_process('pg_backup_ext');
	my $worker = $server->sql('SELECT pid FROM backup_progress');
	return ($session, $agent, $worker);
}

# --- the program ------------------------------------------------------------

for my $signal ('SEGV', 'ABRT', 'KILL', 'BUS')
{
	my @listed = $server->listed;
	my ($session, $agent) = begin_half_way();
	kill $signal, $agent;
	my (undef, undef, $err) = BackupExtFaults::end($session);
	BackupExtFaults::error_is($err, '58000', qr/^the backup program ended without a result$/,
		"the program dies of SIG$signal", detail => qr/terminated by signal/);
	recovers("SIG$signal", listed => \@listed, sqlstate => '58000');
}

# A signal that asks is an orderly end.
{
	my @listed = $server->listed;
	my ($session, $agent) = begin_half_way();
	kill 'TERM', $agent;
	my (undef, undef, $err) = BackupExtFaults::end($session);
	BackupExtFaults::error_is($err, '57014', qr/cancel/, 'the program is asked to end');
	is_deeply([ $server->leftovers ], [], 'it leaves nothing');
	recovers('SIGTERM', listed => \@listed, state => 'canceled', sqlstate => '57014');
}

# pg_dump dies, of the real kind.
{
	my @listed = $server->listed;
	$server->bring_back('pg_dump');
	my $gate = $server->open_session('BEGIN; LOCK TABLE orders IN ACCESS EXCLUSIVE MODE', 'app');
	my $session = $server->begin($app);
	my $dump = $server->wait_process('pg_dump');
	kill 'KILL', $dump;
	my (undef, undef, $err) = BackupExtFaults::end($session);
	BackupExtFaults::error_is($err, '58000', qr/^pg_dump failed$/, 'pg_dump dies of SIGKILL', detail => qr/signal 9/);
	BackupExtFaults::say_to($gate, 'ROLLBACK');
	is_deeply([ $server->leftovers ], [], 'pg_dump dies: nothing is left');
	recovers('pg_dump dies', listed => \@listed, sqlstate => '58000');
}

# --- the sessions of the program --------------------------------------------

# Its sessions are ended by somebody, as before DROP DATABASE.
{
	my @listed = $server->listed;
	$server->bring_back('pg_dump');
	my $gate = $server->open_session('BEGIN; LOCK TABLE orders IN ACCESS EXCLUSIVE MODE', 'app');
	my $session = $server->begin($app);
	$server->wait_process('pg_dump');
	$server->wait_sql(q(SELECT count(*) FROM pg_locks WHERE NOT granted), 'the dump waits', 1);
	$server->sql(q(SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'app' AND application_name LIKE 'pg_backup_ext%'));
	BackupExtFaults::say_to($gate, 'ROLLBACK');
	my ($status, undef, $err) = BackupExtFaults::end($session);
	isnt($status, 0, 'its sessions are ended: the backup fails');
	like($err, qr/ERROR:  (?:57P01|58000|0800\d): /, 'with the reason') or diag($err);
	my ($state) = $err =~ /ERROR:  (\w{5})/;
	recovers('its sessions are ended', listed => \@listed, sqlstate => $state);
}

# --- the worker -------------------------------------------------------------

{
	my @listed = $server->listed;
	my ($session, undef, $worker) = begin_half_way();
	is($server->sql("SELECT pg_terminate_backend($worker)"), 't', 'the worker is told to end');
	my (undef, undef, $err) = BackupExtFaults::end($session);
	BackupExtFaults::error_is($err, '57P01', qr/^the worker of run \d+ was ended$/, 'the caller is told');
	recovers('pg_terminate_backend of the worker', listed => \@listed, sqlstate => '57P01');
}
{
	my @listed = $server->listed;
	my ($session, undef, $worker) = begin_half_way();
	is($server->sql("SELECT pg_cancel_backend($worker)"), 't', 'the worker is told to cancel');
	my (undef, undef, $err) = BackupExtFaults::end($session);
	BackupExtFaults::error_is($err, '57014', qr/cancel/, 'the caller is told');
	recovers('pg_cancel_backend of the worker', listed => \@listed, state => 'canceled', sqlstate => '57014');
}

# --- the caller -------------------------------------------------------------

for my $how ('pg_cancel_backend', 'pg_terminate_backend')
{
	my @listed = $server->listed;
	my ($session) = begin_half_way();
	$server->sql("SELECT $how(pid) FROM pg_stat_activity WHERE application_name = 'faults' AND state = 'active'");
	my (undef, undef, $err) = BackupExtFaults::end($session);
	like($err, $how =~ /cancel/ ? qr/ERROR:  57014: canceling statement/ : qr/FATAL:  57P01: terminating connection/,
		"$how of the caller: it returns");
	$server->wait_closed;
	is_deeply([ $server->leftovers ], [], "$how of the caller: nothing is left");
	recovers("$how of the caller", listed => \@listed, state => 'canceled', sqlstate => '57014');
}

# The client is gone without a word.
{
	my @listed = $server->listed;
	my ($session) = begin_half_way();
	$session->{run}->signal('KILL');
	eval { $session->{run}->finish; };
	$server->wait_no_process(10);
	$server->wait_closed;
	is_deeply([ $server->leftovers ], [], 'the client is gone: nothing is left');
	recovers('the client is gone', listed => \@listed, state => 'canceled', sqlstate => '57014');
}

# Without waiting, the caller's end is not that of the run.
{
	$server->hold_dump;
	my $run = $server->sql(q(SELECT backup_now(database => 'app', wait => false)));
	$server->wait_held;
	my $waiter = $server->begin("CALL backup_wait($run)");
	$server->wait_sql(q(SELECT count(*) FROM pg_stat_activity WHERE application_name = 'faults' AND state = 'active' AND wait_event_type = 'Extension'),
		'somebody waits', 1);
	is($server->sql(q(SELECT backend_xmin IS NULL AND backend_xid IS NULL FROM pg_stat_activity WHERE application_name = 'faults')),
		't', 'backup_wait holds no snapshot');
	$server->sql(q(SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'faults'));
	BackupExtFaults::end($waiter);
	$server->fails("CALL backup_wait($run, '100 ms')", '57014', qr/has not ended within the time given/, 'backup_wait has a timeout');
	is($server->sql("SELECT state FROM backup_run WHERE run = $run"), 'running', 'a canceled waiter does not end the run');
	$server->release_dump;
	$server->sql("CALL backup_wait($run)");
	is($server->sql("SELECT state FROM backup_run WHERE run = $run"), 'done', 'and the run ends well');
	$server->sql("SELECT backup_delete(backup_id) FROM backup_run WHERE run = $run");
}

# --- the extension ----------------------------------------------------------

{
	my @listed = $server->listed;
	stop_half_way();
	$server->sql(q(SELECT backup_now(database => 'app', wait => false)));
	$server->wait_held;
	$server->sql('DROP EXTENSION backup_ext');
	$server->sql('CREATE EXTENSION backup_ext');
	is($server->sql('SELECT count(*) FROM backup_progress'), 1, 'a run outlives DROP EXTENSION');
	$server->sql('SELECT backup_cancel(run) FROM backup_progress');
	recovers('DROP EXTENSION in mid-run', listed => \@listed, state => 'canceled', sqlstate => '57014');
	is($server->sql('SELECT backup_sync()'), scalar(my @all = $server->listed), 'the new extension finds the backups');

	# And it stays away.
	$server->hold_dump;
	$server->sql(q(SELECT backup_now(database => 'app', wait => false)));
	$server->wait_held;
	$server->sql('DROP EXTENSION backup_ext');
	$server->release_dump;
	$server->wait_no_process(20);
	$server->wait_sql(q(SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'backup_ext run'), 'its worker ends', 0);
	is($server->start_time, $started, 'without its extension a run ends, and the server does not restart');
	$server->sql('CREATE EXTENSION backup_ext');
	$server->sql('SELECT backup_sync()');
	$server->all_readable('DROP EXTENSION in mid-run');
	$server->sql("SELECT backup_delete(id) FROM backup_list() WHERE id <> '$first'");
	is_deeply([ $server->leftovers ], [], 'nothing is left');
}

# --- the server stops -------------------------------------------------------

for my $mode ('fast', 'immediate')
{
	my @listed = $server->listed;
	my ($session, $agent) = begin_half_way();
	my $begin = time();
	$node->stop($mode);
	cmp_ok(time() - $begin, '<', 10, "stop -m $mode is not held up");
	my ($status, undef, $err) = BackupExtFaults::end($session);
	isnt($status, 0, "stop -m $mode: the caller is told");
	$server->wait_no_process(5);
	wait_for(sub { return is_gone($agent); }, "stop -m $mode: the program is gone");
	$node->start;
	recovers("stop -m $mode", listed => \@listed, restarted => 'postmaster', sqlstate => '57P01');
}

# SIGKILL of the postmaster, and a start at once.
for my $round (1, 2)
{
	my @listed = $server->listed;
	my ($session, $agent) = begin_half_way();
	$node->kill9;
	my $up = wait_for(
		sub {
			return $node->run_log([ 'pg_ctl', '-w', '-D', $node->data_dir, '-l', $node->logfile, 'start' ]);
		},
		'the server starts again', 15);
	ok($up, 'after SIGKILL of the postmaster the server starts again') or BAIL_OUT('no server');
	$node->_update_pid(1);
	BackupExtFaults::end($session);
	wait_for(sub { return is_gone($agent); }, 'and the program is gone');
	recovers("SIGKILL of the postmaster $round", listed => \@listed, restarted => 'postmaster', sqlstate => '57P01');
}

# SIGKILL of the worker: PostgreSQL restarts everything by itself.
{
	my @listed = $server->listed;
	my ($session, $agent, $worker) = begin_half_way();
	kill 'KILL', $worker;
	my ($status) = BackupExtFaults::end($session);
	isnt($status, 0, 'SIGKILL of the worker: the caller is told');
	$server->wait_sql('SELECT true', 'the server is back');
	recovers('SIGKILL of the worker', listed => \@listed, restarted => 'inside', sqlstate => '57P01');
}

# The launcher is started again by the postmaster.
{
	my $line = qx(ps -o pid=,args= --ppid $node->{_pid});
	my ($launcher) = $line =~ /^\s*(\d+) .*backup_ext launcher/m;
	ok($launcher, 'there is a launcher');
	kill 'TERM', $launcher;
	wait_for(sub { is_gone($launcher) }, 'the launcher is gone');
	$server->fails('SELECT backup_now()', '55000', qr/^the backup_ext launcher is not running$/, 'without a launcher nothing runs',
		hint => qr/Wait some seconds/);
	$server->wait_launcher;
	$started = $server->start_time;
	ok($server->sql($app), 'it comes back');
	$server->sql("SELECT backup_delete(id) FROM backup_list() WHERE id <> '$first'");
}

# --- between two statements of a restore ------------------------------------

# A restore that was killed between CREATE DATABASE and its mark has left a
# database, which the next one drops; but nothing that only looks like it.
{
	$server->sql("CREATE DATABASE $_") for 'copy_restoring_abc123 CONNECTION LIMIT 0', 'copy_restoring_abc124',
		'copy_restoring_abc125 CONNECTION LIMIT 0', 'copy_restoring_abc126 CONNECTION LIMIT 0', 'copy_restored_abc127 CONNECTION LIMIT 0';
	$server->sql(q(COMMENT ON DATABASE copy_restoring_abc125 IS 'mine'));
	my $maker = $server->open_session(q(SET application_name = 'pg_backup_ext restore abc126'));
	$server->sql("SELECT backup_restore('$first', 'copy')");
	is($server->sql(q(SELECT string_agg(datname, ' ' ORDER BY datname) FROM pg_database WHERE datname LIKE 'copy%')),
		'copy copy_restored_abc127 copy_restoring_abc124 copy_restoring_abc125 copy_restoring_abc126',
		'what a killed restore left is dropped, and nothing else');
	$maker->{in} .= "\\q\n";
	BackupExtFaults::end($maker);
	$server->sql("DROP DATABASE $_") for qw(copy copy_restoring_abc124 copy_restoring_abc125 copy_restored_abc127);
	$server->sql("SELECT backup_restore('$first', 'copy')");
	is($server->sql(q(SELECT string_agg(datname, ' ') FROM pg_database WHERE datname LIKE 'copy%')), 'copy',
		'once its maker is gone, a database without a mark is dropped');
	$server->sql('DROP DATABASE copy');
}

# --- at any moment ----------------------------------------------------------

# SIGKILL at random moments of whole backups, verifications and restores.
srand(my $seed = time());
diag("seed $seed");
my $begin = time();
my $sample = $server->sql($app);
my $duration = time() - $begin;
my %ends;
for my $round (1 .. 15)
{
	my $verb = (qw(backup backup backup verify restore delete))[ $round % 6 ];
	my $call = {
		backup => $app,
		verify => "SELECT bool_and(ok) FROM backup_verify('$first')",
		restore => "SELECT backup_restore('$first', 'copy$round')",
		delete => "SELECT backup_delete('$sample')",
	}->{$verb};
	my $session = $server->begin($call);
	my $agent = $server->glimpse_process('pg_backup_ext');
	usleep(1_000_000 * rand($duration)) if $agent;
	kill 'KILL', $agent if $agent;
	my (undef, undef, $err) = BackupExtFaults::end($session);
	my ($state) = $err =~ /ERROR:  (\w{5})/;
	$ends{ $state // 'done' }++;
	$server->wait_no_process(5);
	if ($verb eq 'delete')
	{
		# Whatever has become of it, the next one is whole.
		$sample = $server->sql($app);
	}
}
diag('ends: ', join(' ', map { "$_ $ends{$_}" } sort keys %ends));
is(join(' ', grep { !/^(?:done|58000)$/ } keys %ends), '', 'each of 15 ended well or was told apart');
$server->wait_closed;
is($server->start_time, $started, 'the server did not restart');
$server->sql($app);
$server->sql("SELECT backup_restore('$first', 'copy')");
is($server->sql('SELECT count(*), sum(id) FROM orders', 'copy'), '300000|45000150000', 'the first backup restores');
$server->all_readable('after 15 kills');
$server->is_clean('after 15 kills');
is($server->sql(q(SELECT count(*) FROM backup_run WHERE finished_at IS NULL OR (state <> 'done' AND message IS NULL))),
	0, 'every run has an end and a reason');
is($server->sql(q(SELECT count(*) FROM pg_locks WHERE pid <> pg_backend_pid() AND locktype = 'relation' AND mode = 'AccessExclusiveLock')),
	0, 'no lock is left');
$node->stop;
done_testing();
