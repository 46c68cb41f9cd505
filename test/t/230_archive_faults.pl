# The archiver meets a program that hangs, dies, lies, or is slow: the server
# never waits for it, and nothing is taken for archived that is not.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";

use Time::HiRes qw(time usleep);

use PostgreSQL::Test::Utils;
use Test::More;

use BackupExtFaults;

# A program that plays the archiving one. What it does with a push is in the
# file "mode", which it reads anew each time; a file that it says it has
# archived it has copied before.
my $box = BackupExtFaults->new('faults', conf => <<'END');
archive_mode = on
archive_library = 'backup_ext'
wal_level = replica
max_wal_size = 1GB
fsync = off
END
my $place = $box->{place};
my $log = $box->node->logfile;
mkdir "$place/kept";
play('good');
spew("$place/protocol", "1\n");
$box->replace('pg_backup_ext', <<"END");
[ "\$1" = archive-agent ] || exec \$real "\$@"
read -r request
echo "\$request" >>$place/requests
read -r protocol <$place/protocol
echo "{\\"event\\":\\"hello\\",\\"protocol\\":\$protocol,\\"oldest\\":\$protocol,\\"version\\":\\"0\\"}"
while read -r line; do
	name=\${line#*: \\"}
	name=\${name%\\"*}
	echo "\$name" >>$place/asked
	read -r mode <$place/mode
	case \$mode in
		good | slow)
			n=0
			while [ \$mode = slow ] && [ \$n -lt 30 ] && [ -e $place/slow ]; do
				n=\$((n + 1))
				echo "{\\"event\\":\\"working\\",\\"name\\":\\"\$name\\",\\"done\\":\$n,\\"total\\":30}"
				sleep 0.1
			done
			cp "pg_wal/\$name" "$place/kept/\$name"
			echo "{\\"event\\":\\"pushed\\",\\"name\\":\\"\$name\\",\\"size\\":16777216,\\"stored\\":1,\\"fresh\\":true}" ;;
		other)
			echo "{\\"event\\":\\"pushed\\",\\"name\\":\\"00000001000000000000FFFF\\",\\"size\\":1,\\"stored\\":1,\\"fresh\\":true}"
			echo "{\\"event\\":\\"refused\\",\\"name\\":\\"\$name\\",\\"sqlstate\\":\\"58030\\",\\"message\\":\\"this one not\\"}" ;;
		conflict)
			echo "{\\"event\\":\\"refused\\",\\"name\\":\\"\$name\\",\\"sqlstate\\":\\"23505\\",\\"message\\":\\"other content\\",\\"detail\\":\\"d\\",\\"hint\\":\\"h\\"}" ;;
		garbage) echo 'this is no message' ;;
		long) head -c 2000000 /dev/zero | tr '\\\\0' x; echo ;;
		half) printf '{"event":"pus'; exit 0 ;;
		exit) exit 3 ;;
		segv) kill -SEGV \$\$ ;;
		hang) sleep 1000 ;;
	esac
done
END

sub play { spew("$place/mode", "$_[0]\n"); return; }

sub kept { return -e "$place/kept/$_[0]"; }

# Ends the current segment and returns its name.
sub switch_wal
{
	return $box->sql('SELECT pg_logical_emit_message(false, \'\', \'x\');'
		  . 'SELECT pg_walfile_name(pg_switch_wal())') =~ /(\w{24})$/ ? $1 : die;
}

sub archiver
{
	return $box->sql(q(SELECT pid FROM pg_stat_activity WHERE backend_type = 'archiver'));
}

sub is_done
{
	my ($wal, $what) = @_;
	my $data = $box->node->data_dir;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	wait_for(sub { -e "$data/pg_wal/archive_status/$wal.done" || !-e "$data/pg_wal/$wal" }, $what);
	return ok(kept($wal), $what);
}

sub is_ready
{
	my ($wal, $what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return ok(-e $box->node->data_dir . "/pg_wal/archive_status/$wal.ready", $what);
}

# Waits until the program was asked for a file.
sub wait_asked
{
	my ($wal) = @_;
	return wait_for(sub { -e "$place/asked" && slurp("$place/asked") =~ /^$wal$/m }, "$wal is asked for");
}

sub agent { return $box->sql('SELECT program_pid FROM backup_wal'); }

my $wal = switch_wal();
is_done($wal, 'a file is archived');
my $archiver = archiver();
my $started = $box->start_time;

# --- whatever the program does, the archiver lives ---------------------------

foreach my $mode (qw(exit segv garbage long half other conflict))
{
	my $from = -s $log;
	play($mode);
	$wal = switch_wal();
	wait_for(sub { substr(slurp($log), $from) =~ /could not archive "$wal"/ }, "$mode: is logged");
	is_ready($wal, "$mode: the file still waits");
	is(archiver(), $archiver, "$mode: the archiver lives");
	play('good');
	my $next = switch_wal();
	is_done($wal, "$mode: then it is archived");
	is_done($next, "$mode: and so is the next one");
}

# --- another version of the program is put in its place -----------------------

{
	my $from = -s $log;
	spew("$place/protocol", "7\n");
	kill 'KILL', agent();
	$wal = switch_wal();
	wait_for(sub { substr(slurp($log), $from) =~ /could not archive "$wal": .*\n.*speaks versions 7 to 7 of the agent protocol/ },
		'another protocol: is logged');
	is_ready($wal, 'another protocol: the file still waits');
	is(archiver(), $archiver, 'another protocol: the archiver lives');
	spew("$place/protocol", "1\n");
	is_done($wal, 'another protocol: and is archived when the right one is back');
}

# Memory that runs out is one more error: a long line needs much of it.
SKIP:
{
	skip 'prlimit is not installed', 2 if !-x '/usr/bin/prlimit';
	play('long');
	my ($size) = slurp("/proc/$archiver/status") =~ /^VmSize:\s+(\d+)/m;
	system('prlimit', "--pid=$archiver", '--as=' . ($size + 200) * 1024 . ':unlimited') == 0 or die;
	my $from = -s $log;
	$wal = switch_wal();
	wait_for(sub { substr(slurp($log), $from) =~ /could not archive "$wal": out of memory/ },
		'no memory: is logged');
	is(archiver(), $archiver, 'no memory: the archiver lives');
	system('prlimit', "--pid=$archiver", '--as=unlimited:unlimited') == 0 or die;
	play('good');
	switch_wal();
	is_done($wal, 'no memory: then it is archived');
}

# --- a program that is slow or hangs ------------------------------------------

# A segment that ends during a call is archived at once after it.
spew("$place/slow", '');
play('slow');
my $first = switch_wal();
wait_asked($first);
my $second = switch_wal();
unlink "$place/slow";
is_done($first, 'slow: the file is archived');
is_done($second, 'slow: so is the one that came meanwhile, without waiting for the next');

# A push that goes on is not asked for again when the settings are read anew.
spew("$place/slow", '');
$wal = switch_wal();
wait_asked($wal);
my $agent = agent();
$box->sql('SELECT pg_reload_conf()');
$box->sql(q(SELECT pg_sleep(0.7)));
unlink "$place/slow";
is_done($wal, 'reload: the file is archived');
is(scalar(() = slurp("$place/asked") =~ /^$wal$/mg), 1, 'reload: it was asked for once');
is(agent(), $agent, 'reload: by the same program');

play('hang');
$wal = switch_wal();
wait_asked($wal);
$box->sql('CREATE DATABASE hung');
$box->sql('DROP DATABASE hung');
pass('hang: databases come and go');

# What a monitor sees while the archiver itself does nothing (the file waits
# for longer than it does).
kill 'STOP', $archiver;
my $data = $box->node->data_dir;
my $verdict = q(SELECT state || ': ' || reason FROM backup_status WHERE what = 'WAL archiving');
utime(time() - 400, time() - 400, "$data/pg_wal/archive_status/$wal.ready");
like($box->sql($verdict), qr/^warning: "$wal" waits to be archived since 6 minutes/, 'stopped: late');
utime(time() - 1000, time() - 1000, "$data/pg_wal/archive_status/$wal.ready");
like($box->sql($verdict), qr/^critical: "$wal" waits to be archived since 16 minutes/, 'stopped: much too late');
is($box->sql('SELECT oldest_waiting_wal, waiting > 0, wal_directory_bytes > 0 FROM backup_wal'), "$wal|t|t",
	'stopped: the facts are there');
kill 'CONT', $archiver;

is($box->start_time, $started, 'the server did not restart');
is(archiver(), $archiver, 'nor did the archiver');

# --- the end of the server ------------------------------------------------------

my $pid = agent();
is(system("$box->{bin}/pg_ctl", '-D', $data, '-m', 'fast', '-t', '10', '-w', '-s', 'stop'), 0,
	'hang: the server stops');
wait_for(sub { return is_gone($pid); }, 'hang: the program is gone');
$box->node->_update_pid(0);
play('good');
$box->node->start;
is_done($wal, 'hang: what was left is archived after the start');

# Nothing that was waiting is lost where the postmaster dies during a push.
play('hang');
$wal = switch_wal();
wait_asked($wal);
$pid = agent();
$box->node->kill9;
wait_for(sub { is_gone($pid) }, 'postmaster killed: the program dies');
play('good');
wait_for(
	sub { return $box->node->run_log([ 'pg_ctl', '-w', '-D', $data, '-l', $log, 'start' ]); },
	'postmaster killed: the server starts again', 15) or BAIL_OUT('no server');
$box->node->_update_pid(1);
is_done($wal, 'postmaster killed: the file is archived');

$box->node->stop;
ok(!$box->processes, 'no program is left over');
unlike(slurp($log), qr/\(PID \d+\) was terminated by|PANIC/, 'no process of the server crashed');
done_testing();
