# People are told of what changes in backup_status, once, by each channel, and
# of what could not be told at once later.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use BackupExtFaults;
use BackupExtSinks;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

my $canary = 'canary-7d2f1';
my $server = BackupExtFaults->new('main', conf => <<'END');
backup_ext.max_runs = 1
autovacuum = off
END
my $node = $server->node;
my $repo = $server->repo;
my $place = $server->{place};
my $started = $server->start_time;
my $hook = BackupExtSinks->http;
my $mail = BackupExtSinks->smtp;
my $pings = BackupExtSinks->http;
my $base = 'http://127.0.0.1:';

# A file that only the server's user can read.
sub secret
{
	my ($name, $text) = @_;
	my $path = "$place/$name";

	spew($path, $text);
	chmod 0600, $path;
	return $path;
}

# Has the keeper look now: nobody wants to wait for a minute.
sub look { return $server->sql('UPDATE backup_channel_data SET name = name WHERE false'); }

# What the changes of a message say.
sub changes
{
	my ($message) = @_;
	return [ map { "$_->{what} $_->{event} $_->{state} was $_->{was}" } @{ $message->{changes} } ];
}

# The messages that the program got.
sub told_to_program
{
	my ($count) = @_;

	wait_for(sub { -e "$place/told" && ($server->{told} = slurp("$place/told")) =~ tr/\n// >= $count }, "the program gets $count messages");
	return map { decode_json($_) } split /\n/, $server->{told};
}

my $backup = $server->backup;

# --- channels are made, and refused ---------------------------------------------

my $token = secret('token', "$canary\n");
spew("$place/tell", "#!/bin/sh\n[ \"\$1\" = loudly ] || exit 9\ncat >>$place/told\n");
chmod 0755, "$place/tell";
is($server->sql("SELECT backup_channel('hook', 'webhook', '$base" . $hook->port . "/in', secret_file => '$token', hold => '0')"), 't', 'a channel is made');
is($server->sql("SELECT backup_channel('hook', 'webhook', '$base" . $hook->port . "/in', secret_file => '$token', hold => '0')"), 'f', 'and made again');
$server->sql("SELECT backup_channel('post', 'mail', 'smtp://127.0.0.1:" . $mail->port . "', sender => 'db\@example.org',
	recipients => '{a\@example.org,b\@example.org}', login => 'me', secret_file => '$token', level => 'critical', hold => '0')");
$server->sql("SELECT backup_channel('tell', 'program', '$place/tell', arguments => '{loudly}', hold => '0')");
$server->sql("SELECT backup_channel('listen', 'notify', 'backups', hold => '0')");
my @refused = (
	[ "'x', 'pigeon'", '22023', qr/invalid value for argument "kind"/ ],
	[ "'', 'notify', 'x'", '22023', qr/"name"/ ],
	[ "NULL, 'notify', 'x'", '22004', qr/"name"/ ],
	[ "'x', 'webhook'", '22023', qr/"target"/ ],
	[ "'x', 'webhook', 'ftp://x'", '22023', qr/"target"/ ],
	[ "'x', 'webhook', 'https://me:pass\@x/'", '22023', qr/"target"/ ],
	[ "'x', 'webhook', 'https://x/?token=pass'", '22023', qr/"target"/ ],
	[ "'x', 'webhook', 'https://x/', proxy => 'http://me:pass\@y:3128'", '22023', qr/"proxy"/ ],
	[ "'x', 'slack', 'https://hooks.slack.com/services/x'", '22023', qr/"target"/ ],
	[ "'x', 'pagerduty'", '22023', qr/"secret_file"/ ],
	[ "'x', 'slack', secret_file => 'relative'", '22023', qr/"secret_file"/ ],
	[ "'x', 'mail', 'smtp://x', sender => 'a\@b'", '22023', qr/"recipients"/ ],
	[ "'x', 'mail', 'smtp://x', sender => 'a\@b', recipients => '{a,NULL}'", '22023', qr/"recipients"/ ],
	[ "'x', 'mail', 'smtp://x', sender => 'a\@b', recipients => '{a}', login => 'me'", '22023', qr/"secret_file"/ ],
	[ "'x', 'program', 'sh'", '22023', qr/"target"/ ],
	[ "'x', 'program', '/bin/sh', schedule => 'y'", '22023', qr/"schedule"/ ],
	[ "'x', 'notify', 'x', level => 'ok'", '22023', qr/"level"/ ],
	[ "'x', 'notify', 'x', hold => '-1 s'", '22023', qr/"hold"/ ],
	[ "'x', 'ping', 'https://x', every => '1 s'", '22023', qr/"every"/ ],
	[ "'x', 'program', '/bin/sh', arguments => ARRAY[repeat('x', 5000)]", '54000', qr/too long/ ]);
$server->fails("SELECT backup_channel($_->[0])", $_->[1], $_->[2], "refused: $_->[0]") foreach @refused;
$server->sql("CREATE ROLE clerk LOGIN; GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO clerk");
for my $case ("'x', 'program', '/bin/sh'", "'x', 'slack', secret_file => '/etc/passwd'")
{
	my (undef, undef, $err) = $server->try_sql("SELECT backup_channel($case)", 'postgres', extra_params => [ '-U', 'clerk', '-v', 'VERBOSITY=verbose' ]);
	like($err, qr/ERROR:  42501: must be superuser or have privileges of the pg_(execute_server_program|read_server_files) role/, "clerk: $case");
}

# --- a test ---------------------------------------------------------------------

is($server->sql("SELECT backup_notify_test('hook')"), 'channel "hook" has taken the message', 'a test is sent');
my ($taken) = $hook->taken;
is($taken->{body}{event}, 'test', 'the webhook has it');
is($taken->{body}{cluster}, 'main', 'with the name of the cluster');
is($taken->{headers}{authorization}, "Bearer $canary", 'and the token');
$server->sql(q(SELECT backup_notify_test('post')));
($taken) = $mail->taken;
is("$taken->{user} $taken->{password}", "me $canary", 'the mail server sees the login');
is("$taken->{from} @{ $taken->{to} }", 'db@example.org a@example.org b@example.org', 'and who is to get the mail');
like($taken->{data}, qr/^Subject: backup_ext, main on \S+: this is a test$/m, 'which says so in its subject');
$server->sql(q(SELECT backup_notify_test('tell')));
is((told_to_program(1))[0]{event}, 'test', 'the program gets it');
my $listener = $server->sql(q(LISTEN backups; SELECT backup_notify_test('listen')));
like($listener, qr/"backups" with payload "\{.*"event" : "test"/, 'and who listens, too');
$server->fails(q(SELECT backup_notify_test('nobody')), '42704', qr/channel "nobody" does not exist/, 'an unknown channel');
$hook->answer_with(403);
$server->fails(q(SELECT backup_notify_test('hook')), '28000', qr/did not take the message and answered 403/, 'a receiver that refuses');
$hook->answer_with(200);
$mail->answer_with(550);
$server->fails(q(SELECT backup_notify_test('post')), '08006', qr/did not take the mail/, 'a mail server that refuses');
$mail->answer_with(200);
chmod 0644, $token;
$server->fails(q(SELECT backup_notify_test('hook')), '42501', qr/token/, 'a secret that others can read');
chmod 0600, $token;

# Without TLS nothing goes to what is not known to be this machine.
$server->sql("SELECT backup_channel('other', 'mail', 'smtp://0.0.0.0:" . $mail->port . "', sender => 'a\@b', recipients => '{a}', login => 'me', secret_file => '$token')");
my $before = scalar($mail->taken);
$server->fails(q(SELECT backup_notify_test('other')), '08001', qr/could not agree with "smtp:\/\/0\.0\.0\.0:\d+" on TLS/, 'a mail server without TLS');
is(scalar($mail->taken), $before, 'gets nothing');
$server->sql("SELECT backup_channel('other', 'webhook', 'http://0.0.0.0:" . $hook->port . "/')");
$server->fails(q(SELECT backup_notify_test('other')), '22023', qr/is not encrypted/, 'nor does a web server', hint => qr/plaintext/);
$server->sql(q(SELECT backup_channel_drop('other')));

# A message does not wait for a backup.
$server->hold_dump;
my $held = $server->sql('SELECT backup_now(wait => false)');
$server->wait_held;
is($server->sql("SELECT backup_notify_test('tell')"), 'channel "tell" has taken the message', 'a message passes a backup');
$server->release_dump;
$server->sql("CALL backup_wait($held)");
$backup = $server->sql('SELECT id FROM backup_list() LIMIT 1');
unlink "$place/told";

# --- trouble, and its end ---------------------------------------------------------

my $session = $server->open_session('LISTEN backups');
$server->sql(qq(SELECT backup_channel('broken', 'program', '$place/tell', arguments => ARRAY[repeat(E'\\x01', 1800)], hold => '0')));
my ($archive) = glob("$repo/backup/$backup/archive.dump.*");
my $good = slurp($archive);
chmod 0600, $archive;
spew($archive, 'spoilt' . substr($good, 6));
$server->sql("SELECT count(*) FROM backup_verify('$backup')");
is_deeply(changes(($hook->wait_taken(2))[1]{body}), ['postgres problem critical was ok'], 'a bad backup is told of');
$server->wait_sql(q(SELECT failure LIKE '%too long%' AND waiting = 1 FROM backup_channel_list WHERE name = 'broken'), 'one that cannot be used keeps no other from its message');
$server->sql(q(SELECT backup_channel_drop('broken')));
like(($mail->wait_taken(2))[1]{data}, qr/^postgres is critical: The newest backup \Q$backup\E is bad/m, 'by mail');
is_deeply(changes((told_to_program(1))[0]), ['postgres problem critical was ok'], 'to the program');
wait_for(sub { BackupExtFaults::say_to($session, 'SELECT 1') =~ /"what" : "postgres"/ }, 'a notification comes');
$server->backup;
is_deeply(changes(($hook->wait_taken(3))[2]{body}), ['postgres recovery ok was critical'], 'and of its end');
is(scalar($mail->wait_taken(3)), 3, 'by mail');
is(scalar(told_to_program(2)), 2, 'to the program');
is($server->sql('SELECT count(*) FROM backup_told_data'), 0, 'then nothing is open');

# --- what has to hold, and what is said again ---------------------------------------

$server->sql("SELECT backup_channel('slow', 'webhook', '$base" . $hook->port . "/slow', hold => '1 h')");
$server->replace('pg_dump', 'exit 1');
$server->fails('SELECT backup_now()', '58000', qr/pg_dump failed/, 'a backup fails');
$server->bring_back('pg_dump');
my ($warning) = grep { $_->{path} eq '/in' } ($hook->wait_taken(4))[3];
is_deeply(changes($warning->{body}), ['postgres problem warning was ok'], 'a warning is told of');
look();
$server->sql(q(UPDATE backup_told_data SET told_at = told_at - interval '4 h'));
look();
is_deeply(changes(($hook->wait_taken(5))[4]{body}), ['postgres reminder warning was warning'], 'and again, when it lasts');
is(scalar(grep { $_->{path} eq '/slow' } $hook->taken), 0, 'it has not held long enough for one channel');
is(scalar($mail->taken), 3, 'and is not bad enough for another');
$server->sql(q(UPDATE backup_alarm_state_data SET since = since - interval '1 h' WHERE state = 'warning'));
look();
is(($hook->wait_taken(6))[5]{path}, '/slow', 'until it has');
$server->sql(q(SELECT backup_channel_drop('slow')));

# --- the receiver is away ---------------------------------------------------------

$hook->stop;
$server->backup;
$server->wait_sql(q(SELECT failing_since IS NOT NULL AND waiting = 1 FROM backup_channel_list WHERE name = 'hook'), 'it cannot be told');
like($server->sql(q(SELECT failure FROM backup_channel_list WHERE name = 'hook')), qr/could not connect to "http:\/\/127/, 'the list says why');
is($server->sql(q(SELECT state FROM backup_status WHERE what = 'alarms')), 'ok', 'which is no trouble yet');
is($server->sql(<<'END'), "warning|Channel hook has not reached its receiver for more than 15 minutes.", 'until it lasts');
BEGIN;
UPDATE backup_channel_state_data SET failing_since = failing_since - interval '16 min';
SELECT state, reason FROM backup_status WHERE what = 'alarms';
ROLLBACK;
END
$hook->come_back;
$server->sql(q(UPDATE backup_notice_data SET next_try_at = now()));
look();
is_deeply(changes(($hook->wait_taken(7))[6]{body}), ['postgres recovery ok was warning'], 'what could not be told is told later');
$server->wait_sql(q(SELECT failing_since IS NULL AND waiting = 0 FROM backup_channel_list WHERE name = 'hook'), 'all is told');
is(scalar($hook->taken), 7, 'and once');

# --- many at once are one message -----------------------------------------------------

$server->sql(<<"END");
INSERT INTO backup_catalogue_data (repository, seen_at, id, kind, database, content, state, started_at)
SELECT 'file://$repo', now(), format('20261121T10150%sZ-db%s-aaaa', n % 10, n), 'logical', 'db' || n, 'all', 'bad', now()
FROM generate_series(1, 60) AS n
END
look();
my $alerts = BackupExtSinks->http;
$server->sql("SELECT backup_channel('alerts', 'alertmanager', '$base" . $alerts->port . "', hold => '0')");
my $many = ($hook->wait_taken(8))[7]{body};
my $listed = @{ $many->{changes} };
cmp_ok($listed, '>', 5, 'a message lists changes');
is($listed + $many->{more}, 60, 'and counts those that do not fit');
wait_for(sub { ($mail->taken)[-1]{data} =~ /^and \d+ more/m }, 'the mail about it comes');
is($server->sql(q(SELECT count(*) FROM backup_told_data WHERE channel = 'hook')), 60, 'all of them count as told');
wait_for(sub { my %what = map { $_->{labels}{what} => 1 } map { @{ $_->{body} } } $alerts->taken; return keys %what == 60 },
	'who sets alerts gets each of them, in several messages');
$server->sql(q(SELECT backup_channel_drop('alerts')));
$server->sql(q(SELECT backup_channel('dead', 'webhook', 'http://127.0.0.1:1/', hold => '0', remind => '0')));
$server->wait_sql(q(SELECT waiting = 1 AND failing_since IS NOT NULL FROM backup_channel_list WHERE name = 'dead'), 'nobody is there', 't');
$server->sql(q(UPDATE backup_notice_data SET created_at = created_at - interval '2 days' WHERE channel = 'dead';
	UPDATE backup_told_data SET told_at = told_at - interval '2 days' WHERE channel = 'dead'));
look();
$server->wait_sql(q(SELECT (SELECT count(*) FROM backup_notice_data WHERE channel = 'dead' AND created_at > now() - interval '1 hour'),
	(SELECT count(*) FROM backup_told_data WHERE channel = 'dead' AND told_at > now() - interval '1 hour')), 'what was given up does not count as told', '1|60');
$server->sql(q(SELECT backup_channel_drop('dead')));
$server->sql(q(DELETE FROM backup_catalogue_data WHERE id LIKE '%-aaaa'));
look();
is(($hook->wait_taken(9))[8]{body}{changes}[0]{event}, 'recovery', 'what is not there any more is well');

# --- a sign of life -----------------------------------------------------------------

my $url = secret('url', $base . $pings->port . "/$canary");
$server->sql("SELECT backup_channel('life', 'ping', secret_file => '$url')");
is(($pings->wait_taken(1))[0]{path}, "/$canary", 'a ping says that all is well');
spew($archive, 'spoilt' . substr($good, 6));
$server->sql(q(SELECT backup_delete(id, true) FROM backup_list() WHERE state = 'good'));
is(($pings->wait_taken(2))[1]{path}, "/$canary/fail", 'and when it is not');
$server->sql(q(UPDATE backup_channel_state_data SET pinged_at = pinged_at - interval '5 min'));
look();
is(($pings->wait_taken(3))[2]{path}, "/$canary/fail", 'again after its time');
$server->sql(q(SELECT backup_channel_drop('life')));
is($server->sql(q(SELECT backup_channel_drop('life'))), 'f', 'a channel is dropped once');

# --- of a schedule -------------------------------------------------------------------

sub due
{
	$server->wait_sql(q(SELECT next_slot IS NOT NULL FROM backup_schedule_state_data WHERE name = 'hourly'), 'the schedule is seen');
	$server->sql(q(UPDATE backup_schedule_state_data SET next_slot = clock_timestamp() - interval '1 s',
		next_run_at = clock_timestamp() - interval '1 s'));
	return look();
}

$server->sql(q(SELECT backup_schedule('hourly', 'every 1 hour', retries => 0)));
$server->sql("SELECT backup_channel('sched', 'ping', '$base" . $pings->port . "/s', schedule => 'hourly')");
due();
is_deeply([ map { $_->{path} } ($pings->wait_taken(5))[ 3, 4 ] ], [ '/s/start', '/s' ], 'a run of a schedule that is good');
$server->replace('pg_dump', 'exit 1');
due();
is_deeply([ map { $_->{path} } ($pings->wait_taken(7))[ 5, 6 ] ], [ '/s/start', '/s/fail' ], 'and one that is not');
$server->bring_back('pg_dump');
$server->sql(q(SELECT backup_unschedule('hourly'), backup_channel_drop('sched')));

# --- in another cluster --------------------------------------------------------------

$server->sql(q(UPDATE backup_channel_data SET system_identifier = '1'));
like($server->sql(q(SELECT inert FROM backup_channel_list WHERE name = 'hook')), qr/another cluster/, 'a channel of another cluster is not used');
is($server->sql(q(SELECT count(*) FROM backup_status WHERE what = 'alarms')), 0, 'and no trouble');
$server->sql('SELECT backup_adopt()');
is($server->sql(q(SELECT count(*) FROM backup_channel_list WHERE inert IS NULL)), 4, 'until it is adopted');

# --- nothing leaks ----------------------------------------------------------------

unlike(slurp($node->logfile), qr/\Q$canary\E/, 'no secret in the log');
unlike($server->sql('SELECT r::text FROM backup_run_data AS r'), qr/\Q$canary\E/, 'nor in the history');
unlike($server->sql('SELECT c::text FROM backup_channel_data AS c'), qr/\Q$canary\E/, 'nor in the channels');
unlike($server->sql('SELECT s::text FROM backup_channel_state_data AS s'), qr/\Q$canary\E/, 'nor in how they do');
is($server->start_time, $started, 'the server was not restarted');
$session->{in} = "\\q\n";
$session->{run}->finish;
done_testing();
