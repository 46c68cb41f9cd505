# Schedules: what is due is done, one at a time, and goes on after failures,
# restarts and changes. Slots are made due in the table of states, so that no
# test waits for a clock.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use BackupExtFaults;
use Test::More;

my $server = BackupExtFaults->new('main', conf => "log_min_messages = debug1\nmax_prepared_transactions = 1\n");
my $node = $server->node;
$server->sql('CREATE DATABASE app');
my $started = $server->start_time;

# Makes a schedule due now, or some time ago, and has the keeper look.
sub due
{
	my ($name, $ago) = @_;
	$ago //= '0';
	$server->sql(qq(UPDATE backup_schedule_state_data SET next_slot = clock_timestamp() - interval '$ago',
		next_run_at = clock_timestamp() - interval '$ago' WHERE name = '$name'));
	return look();
}

sub look { return $server->sql('SELECT pg_reload_conf()'); }

# The runs of a schedule, from the first one.
sub runs
{
	my ($name) = @_;
	return $server->sql(qq[SELECT string_agg(concat_ws(' ', reason, database, state, attempt), ', ' ORDER BY run)
		FROM backup_run WHERE schedule = '$name' AND verb NOT IN ('schedule', 'unschedule')]);
}

# Waits until the runs of a schedule are these.
sub runs_become
{
	my ($name, $expected, $test) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $found = '';
	BackupExtFaults::wait_for(sub { ($found = runs($name)) eq $expected }, "runs of $name: $expected", 30);
	return is($found, $expected, $test);
}

# --- what is said, and what is refused ----------------------------------------

like($server->sql(q(SELECT backup_schedule('nightly', '0 2 * * *', timezone => 'Europe/Berlin', keep_last => 3) > now())), qr/^t$/,
	'a schedule says when it is due');
is($server->sql(q(SELECT next_run_at = backup_next_run(schedule, timezone) AND next_run_local ~ '^\d{4}-\d\d-\d\d 02:00:00 CES?T$'
	AND inert IS NULL AND kind = 'logical' AND content = 'all' AND failures = 0 AND last_run IS NULL FROM backup_job)),
	't', 'and is shown, in its own time too');
my ($status, undef, $said) = $server->try_sql(q(SELECT backup_schedule('nightly', '@daily', retries => 1)));
like($said, qr/NOTICE:  \S*\s?schedule "nightly" is replaced/, 'the same name replaces it');
is($server->sql(q(SELECT schedule, timezone = current_setting('timezone'), keep_last, changed_by = current_user FROM backup_job)),
	'@daily|t||t', 'with all that was said');
for my $case (
	[ q('x', '* * * *'), qr/invalid schedule/ ], [ q('x', '0 0 30 2 *'), qr/never comes/ ],
	[ q('', '@daily'), qr/"name"/ ], [ q(repeat('x', 64), '@daily'), qr/"name"/ ], [ q(E'a\nb', '@daily'), qr/"name"/ ],
	[ q('x', '@daily', timezone => 'Mars/Base'), qr/time zone/ ], [ q('x', '@daily', 'full'), qr/"kind"/ ],
	[ q('x', '@daily', catch_up => 'all'), qr/"catch_up"/ ], [ q('x', '@daily', content => 'x'), qr/"content"/ ],
	[ q('x', '@daily', level => 'stored'), qr/"level" has no meaning/ ], [ q('x', '@daily', 'verify', level => 'x'), qr/"level"/ ],
	[ q('x', '@daily', 'base', database => 'app'), qr/"database" has no meaning/ ],
	[ q('x', '@daily', 'verify', keep_last => 1), qr/"keep_last" has no meaning/ ],
	[ q('x', '@daily', database => repeat('*', 64)), qr/"database"/ ],
	[ q('x', '@daily', jitter => '-1 s'), qr/"jitter"/ ], [ q('x', '@daily', max_duration => '0'), qr/"max_duration"/ ],
	[ q('x', '@daily', late_after => '-1 d'), qr/"late_after"/ ], [ q('x', '@daily', retries => -1), qr/"retries"/ ],
	[ q('x', '@daily', retries => 21), qr/"retries"/ ],
	(map { [ "'x', '\@daily', $_ => 0", qr/"$_"/ ], [ "'x', '\@daily', $_ => -7", qr/"$_"/ ] }
		qw(keep_last keep_daily keep_weekly keep_monthly keep_yearly)),
	[ q('x', '@daily', keep_within => '0'), qr/"keep_within"/ ], [ q('x', '@daily', keep_within => '-30 days'), qr/"keep_within"/ ])
{
	my ($arguments, $reason) = @$case;
	$server->fails("SELECT backup_schedule($arguments)", '22023', $reason, "refused: $arguments");
}
$server->fails(q(SELECT backup_schedule('x', '@daily', database => 'ap')), '3D000', qr/"ap" does not exist/, 'a database that is not there');
is($server->sql(q(SELECT count(*) FROM backup_job)), 1, 'none of them is there');
is($server->sql(q(SELECT string_agg(concat_ws(' ', verb, state, schedule, requested_by = current_user), ', ' ORDER BY run) FROM backup_run WHERE schedule <> '')),
	'schedule done nightly t, schedule done nightly t', 'each change is in the history');

# --- a run, its end, and the next one -----------------------------------------

due('nightly');
runs_become('nightly', 'schedule postgres done 1', 'what is due is done');
is($server->sql(q(SELECT schedule FROM backup_list())), 'nightly', 'the backup knows why it was made');
is($server->sql(q(SELECT last_state, failures, running, waiting, queued, last_success_at IS NOT NULL, next_run_at > now() FROM backup_job)),
	'done|0|0|0||t|t', 'and it is planned again');

# A server on which nothing happens writes no WAL; something else may, once.
sub looks { my $looks = () = BackupExtFaults::slurp($node->logfile) =~ /DEBUG:  keeper has looked/g; return $looks; }
my $written = 1;
for (my $i = 0; $i < 5 && $written; $i++)
{
	my ($before, $looks) = ($server->sql('SELECT pg_current_wal_insert_lsn()'), looks());
	look();
	BackupExtFaults::wait_for(sub { looks() > $looks }, 'the keeper looks');
	$written = $server->sql("SELECT pg_current_wal_insert_lsn() - '$before'");
}
is($written, 0, 'a look that finds nothing to do writes nothing');

# Missed for long: once, or not at all.
due('nightly', '3 days');
runs_become('nightly', 'schedule postgres done 1, catch-up postgres done 1', 'what was missed is done once');
$server->sql(q(SELECT backup_schedule('no_matter', '@daily', catch_up => 'skip')));
due('no_matter', '2 days');
runs_become('no_matter', 'schedule skipped 1', 'or not at all');
is($server->sql(q(SELECT count(*) FROM backup_run WHERE schedule = 'no_matter' AND sqlstate = '55S01' AND message ~ 'was missed')), 1, 'which is said');

# The clock went back: a slot is not met twice; after days, it begins anew.
$server->sql(q(UPDATE backup_schedule_state_data SET last_slot = now() + interval '1 hour', next_slot = now() + interval '2 hours',
	next_run_at = now() + interval '2 hours' WHERE name = 'nightly'));
look();
$server->sql(q(UPDATE backup_schedule_state_data SET last_slot = now() + interval '3 years', next_slot = now() + interval '3 years',
	next_run_at = now() + interval '3 years' WHERE name = 'no_matter'));
look();
$server->wait_sql(q(SELECT next_run_at < now() + interval '25 hours' FROM backup_job WHERE name = 'no_matter'), 'a clock that was years ahead is forgotten', 't');
is(runs('nightly'), 'schedule postgres done 1, catch-up postgres done 1', 'a clock that was an hour ahead is waited for');

# --- failures -----------------------------------------------------------------

$server->replace('pg_dump', 'echo broken >&2; exit 1');
$server->sql(q(SELECT backup_schedule('often', 'every 5 minutes', retries => 1)));
due('often');
runs_become('often', 'schedule postgres failed 1', 'a failure');
$server->wait_sql(q(SELECT waiting, failures, (SELECT not_before > now() FROM backup_schedule_work_data WHERE schedule = 'often')
	FROM backup_job WHERE name = 'often'), 'it waits to be tried again', '1|1|t');
$server->sql(q(UPDATE backup_schedule_work_data SET not_before = now()));
look();
runs_become('often', 'schedule postgres failed 1, retry postgres failed 2', 'it is tried again');
$server->wait_sql(q(SELECT waiting, failures FROM backup_job WHERE name = 'often'), 'and then given up', '0|2');
$server->bring_back('pg_dump');
due('often');
runs_become('often', 'schedule postgres failed 1, retry postgres failed 2, schedule postgres done 1', 'the next time is a new beginning');
is($server->sql(q(SELECT failures FROM backup_job WHERE name = 'often')), 0, 'a success ends the failures');

# --- overlap ------------------------------------------------------------------

my $hold = $server->hold_dump;
$server->sql(q(SELECT backup_schedule('slow', 'every 5 minutes')));
due('slow');
$server->wait_held($hold);
due('slow');
$server->wait_sql(q(SELECT running, queued IS NOT NULL FROM backup_job WHERE name = 'slow'), 'one more slot waits', '1|t');
due('slow');
runs_become('slow', 'schedule postgres running 1, schedule skipped 1', 'another one is skipped');
is($server->sql(q(SELECT message FROM backup_run WHERE schedule = 'slow' AND state = 'skipped')),
	'the run before is still under way, and one more is waiting for its end', 'with a reason');

# Taken away while it runs: the run comes to its end, nothing follows.
is($server->sql(q(SELECT backup_unschedule('slow'))), 't', 'a schedule is taken away while it runs');
is($server->sql(q(SELECT backup_unschedule('slow'))), 'f', 'once');
$server->release_dump($hold);
runs_become('slow', 'schedule postgres done 1, schedule skipped 1', 'its run comes to its end');
is($server->sql(q(SELECT count(*) FROM backup_schedule_work_data)), 0, 'nothing is left of it');

# --- too long -----------------------------------------------------------------

$hold = $server->hold_dump;
$server->sql(q(SELECT backup_schedule('short', 'every 5 minutes', max_duration => '0.5 s')));
due('short');
runs_become('short', 'schedule postgres canceled 1', 'a run that takes too long is stopped');
like($server->sql(q(SELECT sqlstate || ' ' || message FROM backup_run WHERE schedule = 'short' AND state = 'canceled')),
	qr/^57014 run \d+ exceeded its maximum duration of 00:00:00.5$/, 'which is said');
$server->release_dump($hold);
$server->sql(q(SELECT backup_unschedule('short')));

# --- several databases ---------------------------------------------------------

$server->sql('CREATE DATABASE "app 2"');
$server->sql(q(SELECT backup_schedule('apps', '@daily', database => 'app*', content => 'schema')));
due('apps');
runs_become('apps', 'schedule app done 1, schedule app 2 done 1', 'a pattern stands for several databases');
$server->sql('CREATE DATABASE apple');
$server->sql('DROP DATABASE "app 2"');
due('apps');
runs_become('apps', 'schedule app done 1, schedule app 2 done 1, schedule app done 1, schedule apple done 1', 'also for new ones');
$server->sql(q(SELECT backup_schedule('all', '@daily', database => '*', content => 'schema')));
due('all');
runs_become('all', 'schedule app done 1, schedule apple done 1, schedule postgres done 1', 'or for all');
my $round = 'schedule app done 1, schedule apple done 1, schedule postgres done 1';
$server->sql(q(INSERT INTO backup_schedule_work_data (schedule, position, database, attempt) VALUES ('all', 1, 'postgres', 1);
	UPDATE backup_schedule_state_data SET slot_at = now(), reason = 'schedule', next_slot = now(), next_run_at = now() WHERE name = 'all'));
look();
runs_become('all', "$round, schedule postgres done 1, $round", 'the rest of a slot is done before the next one begins');
$server->sql(q(SELECT backup_schedule('none', '@daily', database => 'nope?')));
due('none');
runs_become('none', 'schedule nope? failed 1', 'one that stands for nothing is a failure');
$server->sql('CREATE DATABASE gone');
$server->sql(q(SELECT backup_schedule('gone', '@daily', database => 'gone')));
$server->sql('DROP DATABASE gone');
due('gone');
runs_become('gone', 'schedule gone failed 1', 'so is a database that was dropped');
$server->sql(q(SELECT backup_unschedule(name) FROM backup_job WHERE name IN ('none', 'gone', 'apps')));

# --- many at once ---------------------------------------------------------------

$hold = $server->hold_dump;
$server->sql('SELECT count(backup_now(wait => false)) FROM generate_series(1, 50)');
$server->wait_held($hold);
$server->sql(q(SELECT backup_schedule('much', '@daily')));
due('much');
$server->wait_sql(q(SELECT running, waiting FROM backup_job WHERE name = 'much'), 'schedules leave places for people and alarms', '0|1');
is(runs('much'), '', 'and wait until there is room');
$server->sql('SELECT backup_cancel(run) FROM backup_progress');
$server->release_dump($hold);
$server->wait_sql('SELECT count(*) FROM backup_run_slots()', 'there is room again', 0);
look();
runs_become('much', 'schedule postgres done 1', 'then it begins');
$server->sql(q(SELECT backup_unschedule('much')));

# --- other kinds ----------------------------------------------------------------

$server->sql(q(SELECT backup_schedule('check', '@weekly', 'verify', level => 'stored')));
due('check');
runs_become('check', 'schedule app done 1, schedule app 2 done 1, schedule apple done 1, schedule postgres done 1',
	'the newest backup of each database is verified');
is($server->sql(q(SELECT count(*) FROM backup_run AS r WHERE schedule = 'check' AND backup_id = (SELECT max(id) FROM backup_list(r.database)))), 4,
	'which is that');

$server->sql(q(SELECT backup_schedule('tidy', '@weekly', 'expire')));
due('tidy');
runs_become('tidy', 'schedule done 1', 'what is not kept is deleted');
$server->sql(q(SELECT backup_schedule('base', '@weekly', 'base', retries => 0)));
due('base');
runs_become('base', 'schedule failed 1', 'a base backup fails where no WAL is archived');
$server->wait_sql(q(SELECT waiting, failures FROM backup_job WHERE name = 'base'), 'and is not tried again', '0|1');
$server->sql(q(SELECT backup_unschedule(name) FROM backup_job WHERE name IN ('tidy', 'base')));

# --- what the keeper reads may be changed by anybody who may ---------------------

$server->sql(q(UPDATE backup_schedule_data SET timezone = 'Mars/Base', changed_at = now() WHERE name = 'check'));
$server->wait_sql(q(SELECT inert FROM backup_job WHERE name = 'check'), 'what cannot be obeyed is shown', 'time zone "Mars/Base" is not known here');
$server->sql(q(UPDATE backup_schedule_data SET system_identifier = '1', changed_at = now() WHERE name = 'check'));
$server->wait_sql(q(SELECT inert, next_run_at IS NULL FROM backup_job WHERE name = 'check'), 'what is of another cluster rests',
	'it was made in another cluster; backup_adopt() takes it over|t');
$server->sql(q(SELECT backup_unschedule('check')));

# What nobody can have said: the owner of the tables has written it.
$server->sql(q(SELECT backup_schedule('odd', '@daily', retries => 0)));
$server->sql(q(UPDATE backup_schedule_data SET content = NULL WHERE name = 'odd'));
due('odd');
runs_become('odd', 'schedule postgres failed 1', 'a schedule that lacks something fails');
$server->wait_sql(q(SELECT running + waiting FROM backup_job WHERE name = 'odd'), 'which is over', 0);
$server->sql(q(UPDATE backup_schedule_data SET kind = 'verify', content = NULL WHERE name = 'odd'));
$server->sql(q(UPDATE backup_schedule_state_data SET slot_at = now() WHERE name = 'odd';
	INSERT INTO backup_schedule_work_data (schedule, position, attempt) VALUES ('odd', 1, -100)));
look();
runs_become('odd', 'schedule postgres failed 1, schedule failed -100', 'so does work that lacks something');
$server->sql(q(SELECT backup_unschedule('odd')));
is($server->start_time, $started, 'and the server goes on');

# A name that the home database cannot even read is a failure of its own.
$server->sql(q(CREATE DATABASE latin ENCODING latin1 TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'));
$server->sql(q(SELECT 'CREATE DATABASE "latin' || chr(252) || '"' \gexec), 'latin');
$server->sql(q(SELECT backup_schedule('latin', '@daily', database => 'latin*', content => 'schema')));
due('latin');
runs_become('latin', 'schedule latin? failed 1, schedule latin done 1', 'others are done where one has a name that is not valid');
is($server->sql(q(SELECT DISTINCT sqlstate || ' ' || message FROM backup_run WHERE schedule = 'latin' AND state = 'failed')),
	'22021 the name of database "latin?" is not valid in the encoding of the home database', 'which is said');
$server->sql(q(SELECT backup_unschedule('latin')));
$server->sql(q(SELECT 'DROP DATABASE "latin' || chr(252) || '"' \gexec), 'latin');

# --- who looks after them -----------------------------------------------------------

$server->fails(q(BEGIN; SELECT backup_schedule('x', '@daily'); PREPARE TRANSACTION 'x'), '0A000', qr/cannot PREPARE/,
	'a change that nobody would learn of is refused');
is($server->sql(q(SELECT backup_keeper_missing('1 min'))), '', 'the keeper looks');
my $blocker = $server->open_session('BEGIN; LOCK TABLE backup_alarm_state_data');
look();
$server->wait_sql(q(SELECT backup_keeper_missing('1 s') <= now()), 'one that cannot is missed', 't');
BackupExtFaults::say_to($blocker, 'ROLLBACK');
$server->wait_sql(q(SELECT backup_keeper_missing('1 s')), 'until it has looked', '');

# --- the end ----------------------------------------------------------------------

# Old rows go, the last ones stay.
$server->sql(q(UPDATE backup_run_data SET requested_at = requested_at - interval '1 year'));
$server->sql(q(ALTER SYSTEM SET backup_ext.history = '10 d'));
$node->restart;
$server->wait_sql(q(SELECT string_agg(concat_ws(' ', reason, state), ', ' ORDER BY run) FROM backup_run WHERE schedule = 'often' AND verb = 'backup'),
	'of old rows the last one stays', 'schedule done');

# A dump has the schedules; in another cluster they rest, until it is adopted.
my $count = $server->sql('SELECT count(*) FROM backup_job');
$server->sql('CREATE DATABASE copy');
$node->command_ok([ 'sh', '-c', 'pg_dump -h "$1" -p "$2" postgres | psql -qX -h "$1" -p "$2" -v ON_ERROR_STOP=1 copy', 'sh', $node->host, $node->port ],
	'the home database is dumped and restored');
is($server->sql(q(SELECT count(*), count(*) FILTER (WHERE inert = 'this is not the home database') FROM backup_job), 'copy'),
	"$count|$count", 'with its schedules, which rest there');
is($server->sql(q(SELECT count(*) FROM backup_schedule_state_data), 'copy'), 0, 'and without how far they were');
$server->fails(q(CREATE EXTENSION backup_ext), '42710', qr/already exists/, 'a second CREATE EXTENSION');

# The extension goes while a run is under way.
$hold = $server->hold_dump;
due('nightly');
$server->wait_held($hold);
$server->sql('DROP EXTENSION backup_ext');
$server->release_dump($hold);
$server->wait_sql(q(SELECT count(*) FROM pg_stat_activity WHERE backend_type IN ('backup_ext run', 'backup_ext keeper')), 'no worker is left', 0);
$server->sql('CREATE EXTENSION backup_ext');
is($server->sql('SELECT count(*) FROM backup_job'), 0, 'a new extension has no schedules');
$server->no_crash('schedules');
$node->stop;
done_testing();
