# Programs of the user's own before and after a run: what their exit status
# does, what they are told, and what they cannot do.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use BackupExtFaults;
use JSON::PP;
use Test::More;

my $server = BackupExtFaults->new('main');
my $place = $server->{place};
my $started = $server->start_time;

# A hook that writes down what it was given, and then does this.
sub hook
{
	my ($when, $script) = @_;
	my $path = "$place/$when";

	spew($path, <<"END" . $script);
#!/bin/sh
read -r line
printf '%s\\n' "\$line" >>$place/seen
echo "\$*" >>$place/arguments
env >$place/environment
END
	chmod 0755, $path;
	$server->set("backup_ext.hook_$when", $path);
	return;
}

sub seen { return map { decode_json($_) } split /\n/, slurp("$place/seen"); }
sub forget { unlink "$place/seen", "$place/arguments"; return; }
sub last_run { return $server->sql('SELECT state, sqlstate FROM backup_run WHERE verb = \'backup\' ORDER BY run DESC LIMIT 1'); }

$server->fails(q(ALTER SYSTEM SET backup_ext.hook_before = 'relative'), '22023', qr/hook_before/, 'a hook has an absolute path');
is($server->sql(q(SELECT count(*) FROM pg_settings WHERE name LIKE 'backup_ext.hook%' AND context = 'sighup')), 3, 'the settings');

# --- go on ------------------------------------------------------------------

hook('before', "echo said by the hook >&2\nexit 0\n");
hook('after', "exit 0\n");
my $id = $server->backup;
my ($before, $after) = seen();
is("$before->{hook} $before->{verb} $before->{kind} $before->{database}", 'before backup logical postgres', 'what the first one is told');
cmp_ok($before->{run}, '>', 0, 'the number of the run');
is("$after->{hook} $after->{state} $after->{id}", "after done $id", 'what the second one is told');
like(slurp("$place/arguments"), qr/^before backup logical postgres\nafter backup logical postgres done\n$/, 'the same as arguments');
is(join(' ', sort map { /^(\w+)=/ ? $1 : () } split /\n/, slurp("$place/environment")), 'LC_ALL PATH PWD TZ',
	'nothing else is in the environment');
like(slurp($server->node->logfile), qr/hook: said by the hook/, 'what a hook says is in the log');
forget();
$server->sql("SELECT count(*) FROM backup_verify('$id')");
is(scalar(seen()), 2, 'a verification has hooks');
forget();
$server->sql('SELECT backup_sync()');
ok(!-e "$place/seen", 'who only reads has none');

# --- skip, retry, fail ---------------------------------------------------------

hook('before', "exit 80\n");
forget();
$server->fails('SELECT backup_now()', '55S01', qr/before" wants this run to be skipped/, 'a run is skipped');
is(last_run(), 'skipped|55S01', 'and written down as that');
is(scalar(seen()), 1, 'nothing comes after it');
is($server->sql(q(SELECT state FROM backup_status WHERE what = 'postgres')), 'ok', 'that is no failure');
hook('before', "exit 75\n");
$server->fails('SELECT backup_now()', '55S02', qr/wants this run to be tried again later/, 'a run is to be tried again');
is(last_run(), 'failed|55S02', 'and has failed for now');
hook('before', "exit 3\n");
$server->fails('SELECT backup_now()', '55S03', qr/before" has failed/, 'a run is refused', detail => qr/exit status 3/);
is(last_run(), 'failed|55S03', 'and has failed');
hook('before', "kill -9 \$\$\n");
$server->fails('SELECT backup_now()', '55S03', qr/has failed/, 'a hook that crashes', detail => qr/signal 9/);
unlink "$place/before";
$server->fails('SELECT backup_now()', '58P01', qr/before/, 'a hook that is not there');

# What a schedule makes of it.
for my $case ([ 75, 1 ], [ 3, 0 ])
{
	hook('before', "exit $case->[0]\n");
	$server->sql(q(SELECT backup_schedule('often', 'every 1 hour', retries => 2)));
	$server->wait_sql(q(SELECT next_slot IS NOT NULL FROM backup_schedule_state_data WHERE name = 'often'), 'the schedule is seen');
	$server->sql(q(UPDATE backup_schedule_state_data SET next_slot = clock_timestamp() - interval '1 s',
		next_run_at = clock_timestamp() - interval '1 s'; UPDATE backup_schedule_data SET name = name WHERE false));
	$server->wait_sql(q(SELECT count(*) > 0 FROM backup_run WHERE schedule = 'often' AND state = 'failed' AND verb = 'backup'), 'its run fails');
	$server->wait_sql(qq(SELECT count(*) = $case->[1] FROM backup_schedule_work_data WHERE schedule = 'often' AND attempt = 2), "status $case->[0]: it is tried again $case->[1] times");
	$server->sql(q(SELECT backup_unschedule('often'); DELETE FROM backup_run_data WHERE schedule = 'often'));
}

# --- too long, canceled, after ----------------------------------------------------

hook('before', "exec sleep 1000\n");
$server->set('backup_ext.hook_timeout', '300ms');
$server->fails('SELECT backup_now()', '55S03', qr/took longer than 300 ms/, 'a hook that takes too long');
$server->set('backup_ext.hook_timeout', '5min');
forget();
my $run = $server->sql('SELECT backup_now(wait => false)');
wait_for(sub { -e "$place/seen" }, 'the hook is at work');
$server->sql("SELECT backup_cancel($run)");
$server->wait_sql("SELECT state FROM backup_run WHERE run = $run", 'the run ends', 'canceled');
hook('before', "exit 0\n");
hook('after', "exit 9\n");
forget();
$id = $server->backup;
like($id, qr/-postgres-/, 'what comes after changes nothing');
is(last_run(), 'done|', 'the run is good');
hook('after', "exit 0\n");
$server->replace('pg_dump', 'exit 1');
forget();
$server->fails('SELECT backup_now()', '58000', qr/pg_dump failed/, 'a backup that fails');
$server->bring_back('pg_dump');
($after) = grep { $_->{hook} eq 'after' } seen();
is("$after->{state} $after->{sqlstate}", 'failed 58000', 'the second hook is told');

# The program alone obeys them, too.
forget();
$server->sql('CHECKPOINT');
is(system("$server->{bin}/pg_backup_ext backup -D " . $server->node->data_dir . " --database postgres >$place/out 2>&1"), 0, 'the program makes a backup');
is(scalar(seen()), 2, 'and runs the hooks of the settings');
is($server->start_time, $started, 'the server was not restarted');
done_testing();
