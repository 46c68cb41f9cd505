# What must be so before anything can be done: each condition that does not
# hold is named, with what to do, and then the next try works.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use BackupExtFaults;
use Test::More;

my $server = BackupExtFaults->new('main', preload => 0,
	conf => "max_worker_processes = 3\nsession_preload_libraries = ''\n");
my $node = $server->node;
my $programs = $server->{programs};
my $an_id = '20261121T101500Z-app-7x2m';
my @calls = (
	'SELECT backup_repository_create()', 'SELECT backup_adopt()', 'SELECT backup_now()',
	'SELECT backup_now(wait => false)', "SELECT * FROM backup_verify('$an_id')",
	"SELECT backup_restore('$an_id', 'copy')", "SELECT backup_delete('$an_id')",
	'SELECT backup_sync()');

# --- the library is not preloaded -------------------------------------------

for my $call (@calls, 'SELECT backup_cancel(1)', 'CALL backup_wait(1)')
{
	$server->fails($call, '55000', qr/^backup_ext was not loaded when the server started$/,
		"not preloaded: $call", hint => qr/ALTER SYSTEM SET shared_preload_libraries = 'backup_ext';$/);
}
is($server->sql('SELECT count(*) FROM backup_run, backup_progress, backup_catalogue, backup_status'),
	0, 'not preloaded: the views work');
is( $server->sql(q(SELECT count(*), bool_or(hint ~ 'shared_preload_libraries')
	FROM backup_check() WHERE NOT ok)) =~ /^\d+\|t$/, 1, 'not preloaded: backup_check says what to do');
my (undef, undef, $err) = $server->try_sql('DROP EXTENSION backup_ext; CREATE EXTENSION backup_ext');
like($err, qr/WARNING:  .*must be loaded when the server starts/, 'not preloaded: CREATE EXTENSION says so');

# The hint keeps the libraries that are there, and helps.
$server->sql(q(ALTER SYSTEM SET shared_preload_libraries = 'auto_explain', 'pg_prewarm'));
$node->restart;
(undef, undef, $err) = $server->try_sql('SELECT backup_now()');
my ($hint) = $err =~ /^HINT:.*(ALTER SYSTEM SET .*;)$/m;
is($hint, q(ALTER SYSTEM SET shared_preload_libraries = 'auto_explain', 'pg_prewarm', 'backup_ext';),
	'the hint names all libraries');
$hint =~ s/, 'pg_prewarm'//;
$server->sql($hint);
$node->restart;
$server->wait_launcher;
my $started = $server->start_time;
$server->sql('SELECT backup_repository_create()');
my $id = $server->backup;
pass('after the restart it works');

# --- another database -------------------------------------------------------

$server->sql('CREATE DATABASE app');
(undef, undef, $err) = $server->try_sql('CREATE EXTENSION backup_ext', 'app');
like($err, qr/WARNING:  01000: backup_ext works in database "postgres", not in this one/,
	'elsewhere CREATE EXTENSION gives a warning');
for my $call (@calls)
{
	$server->fails($call, '55000', qr/^backup_ext works in database "postgres"$/, "elsewhere: $call",
		database => 'app', hint => qr/ALTER SYSTEM SET backup_ext\.database = 'app'; SELECT pg_reload_conf\(\);/);
}
is($server->sql('SELECT count(*) FROM backup_run', 'app'), 0, 'elsewhere the views are empty');

# The hint moves the home.
$server->set('backup_ext.database', 'app');
$server->fails('SELECT backup_now()', '55000', qr/^backup_ext works in database "app"$/, 'the home can be moved');
is($server->sql('SELECT backup_sync()', 'app'), 1, 'the new home learns of the backups');
is($server->sql("SELECT bool_and(ok) FROM backup_verify('$id')", 'app'), 't', 'and can use them');
$server->set('backup_ext.database', 'postgres');
$server->sql('DROP EXTENSION backup_ext', 'app');

# --- the caller's transaction -----------------------------------------------

$server->sql('CREATE TABLE t (i integer); INSERT INTO t VALUES (1)');
for my $case (
	[ 'LOCK TABLE t IN ACCESS EXCLUSIVE MODE', qr/"t"/ ],
	[ 'TRUNCATE t', qr/"t"/ ],
	[ 'ALTER TABLE t ADD COLUMN j integer', qr/"t"/ ],
	[ 'DROP TABLE t', qr/dropped/ ],
	[ 'CREATE TABLE u (i integer)', qr/"u"/ ],
	[ 'REINDEX TABLE t; ALTER TABLE t RENAME TO v', qr/"v"/ ],
	[ 'LOCK TABLE pg_catalog.pg_class IN ACCESS EXCLUSIVE MODE', qr/"pg_class"/ ])
{
	my ($statement, $detail) = @$case;
	for my $call ('SELECT backup_now()', "SELECT backup_restore('$id', 'copy')")
	{
		$server->fails("BEGIN; $statement; $call; ROLLBACK", '55000',
			qr/^cannot run while this transaction holds an exclusive lock$/, "after $statement: $call",
			detail => $detail, hint => qr/^Run COMMIT first/);
	}
}
for my $statement ('INSERT INTO t VALUES (2)', 'LOCK TABLE t IN SHARE ROW EXCLUSIVE MODE',
	'CREATE TEMP TABLE x (i integer)', 'SELECT * FROM t FOR UPDATE', 'SET TRANSACTION ISOLATION LEVEL SERIALIZABLE')
{
	my ($status, $out, $text) = $server->try_sql("BEGIN; $statement; SELECT backup_now(); ROLLBACK");
	is($status, 0, "works after $statement") or diag($text);
}
for my $begin ('BEGIN READ ONLY', 'SET default_transaction_read_only = on; BEGIN',
	'BEGIN; SET TRANSACTION READ ONLY')
{
	$server->fails("$begin; SELECT backup_now()", '25006',
		qr/^cannot run in a read-only transaction$/, "$begin: refused", hint => qr/READ WRITE/);
}
$server->fails('BEGIN; CALL backup_wait(1)', '25001',
	qr/^backup_wait cannot be called within a transaction block$/, 'backup_wait ends transactions', hint => qr/COMMIT/);

# --- the SQL objects and the library ----------------------------------------

for my $version ('0.0.9', '9.9')
{
	$server->sql("UPDATE pg_extension SET extversion = '$version' WHERE extname = 'backup_ext'");
	for my $call (@calls)
	{
		$server->fails($call, '55000', qr/^the extension and its library are of different versions$/,
			"SQL objects of version $version: $call", detail => qr/\Q$version\E/,
			hint => qr/ALTER EXTENSION backup_ext UPDATE/);
	}
}
$server->sql(q(UPDATE pg_extension SET extversion = '0.1.0' WHERE extname = 'backup_ext'));
$server->backup;

$server->sql('DROP EXTENSION backup_ext');
$server->fails('BEGIN; CREATE EXTENSION backup_ext; SELECT backup_now()', '55000',
	qr/holds an exclusive lock/, 'CREATE EXTENSION and a backup in one transaction');
is($server->sql(q(SELECT count(*) FROM pg_extension WHERE extname = 'backup_ext')), 0, 'that left nothing');
$server->sql('CREATE EXTENSION backup_ext');
is($server->sql('SELECT backup_sync()'), scalar($server->listed), 'in a transaction of its own it works');
my $listed = $server->listed;

# --- no place for a worker --------------------------------------------------

# Three places: two launchers and one run.
$server->hold_dump;
my $held = $server->sql('SELECT backup_now(wait => false)');
$server->wait_held;
for my $try (1, 2)
{
	$server->fails('SELECT backup_now()', '53400', qr/^no background worker is free for run \d+$/,
		"max_worker_processes is exhausted, try $try", detail => qr/All 3 places/,
		hint => qr/ALTER SYSTEM SET max_worker_processes = \d+/);
}
is($server->sql(q(SELECT ok FROM backup_check() WHERE check_name = 'background workers suffice')),
	'f', 'backup_check sees it coming');
$server->release_dump;
$server->sql("CALL backup_wait($held)");
$server->wait_sql(q(SELECT count(*) FROM backup_run_data WHERE sqlstate = '53400'),
	'the rows are written when there is a place', 3);
$server->wait_closed;
$server->backup;
$server->sql('ALTER SYSTEM SET max_worker_processes = 12');
is($server->start_time, $started, 'the server did not restart');
$node->restart;
$server->wait_launcher;
$started = $server->start_time;

# --- the program ------------------------------------------------------------

my $before = tree($server->repo);
rename("$server->{bin}/pg_backup_ext", "$server->{bin}/pg_backup_ext.real") or die $!;
$server->fails('SELECT backup_now()', '58P01', qr/^program ".*pg_backup_ext" is missing or cannot be executed$/,
	'the program is missing', detail => qr/No such file/, hint => qr/^Install the program/);
is($server->sql(q(SELECT string_agg(ok::text, ' ') FROM backup_check() WHERE check_name = 'backup program works')),
	'false', 'backup_check shows it');
BackupExtFaults::spew("$server->{bin}/pg_backup_ext", 'not a program');
$server->fails('SELECT backup_now()', '58P01', qr/is missing or cannot be executed$/,
	'the program cannot be executed', detail => qr/Permission denied/);
chmod 0755, "$server->{bin}/pg_backup_ext";
$server->fails('SELECT backup_now()', '58P01', qr/is missing or cannot be executed$/,
	'the program is no program', detail => qr/Exec format error/);
unlink "$server->{bin}/pg_backup_ext";
mkdir "$server->{bin}/pg_backup_ext";
$server->fails('SELECT backup_now()', '58P01', qr/is missing or cannot be executed$/, 'the program is a directory');
rmdir "$server->{bin}/pg_backup_ext";

# What a program says that is of another version, or gone mad.
my $hello = '{"event": "hello", "protocol": 1, "oldest": 1, "version": "0.1.0"}';
my $broken = qr/^the backup program sent what the agent protocol does not allow$/;
my $died = qr/^the backup program /;
for my $case (
	[ 'a newer protocol', q({"event": "hello", "protocol": 9, "oldest": 7, "version": "9"}), 0, '08P01', qr/do not understand each other/ ],
	[ 'an older protocol', q({"event": "hello", "protocol": 0, "oldest": 0, "version": "0"}), 0, '08P01', qr/do not understand each other/ ],
	[ 'words', 'usage: pg_backup_ext COMMAND', 2, '08P01', $broken ],
	[ 'nothing', undef, 0, '58000', $died ],
	[ 'nothing, with status 2', undef, 2, '58000', $died ],
	[ 'no greeting', '{"event": "done"}', 0, '08P01', $broken ],
	[ 'a greeting only', $hello, 0, '58000', $died ],
	[ 'success with status 3', qq($hello\n{"event": "done"}), 3, '58000', $died ],
	[ 'failure with status 0', qq($hello\n{"event": "failed", "message": "x"}), 0, '58000', $died ],
	[ 'more after the end', qq($hello\n{"event": "done"}\n{"event": "notice", "message": "x"}), 0, '08P01', $broken ],
	[ 'a list', '[1, 2]', 0, '08P01', $broken ],
	[ 'half an object', qq($hello\n{"event": "do), 0, '08P01', $broken ],
	[ 'a NUL', qq($hello\n{"event": "notice", "message": "\\u0000"}), 0, '08P01', $broken ],
	[ 'an id that is a path', qq($hello\n{"event": "backup", "id": "../../x", "kind": "logical", "state": "good", "started_at": "2026-11-21T10:00:00Z"}), 0, '08P01', $broken ],
	[ 'a number as text', qq($hello\n{"event": "progress", "done": "x"}), 0, '08P01', $broken ],
	[ 'a failure that is none', qq($hello\n{"event": "failed", "sqlstate": "00000", "message": "odd"}), 1, '58000', qr/^odd$/ ],
	[ 'a failure with odd words', qq($hello\n{"event": "failed", "sqlstate": "42P04", "message": "%s %n %d"}), 1, '42P04', qr/^%s %n %d$/ ])
{
	my ($name, $text, $status, $sqlstate, $message) = @$case;
	my $say = defined $text ? "cat <<'END'\n$text\nEND\n" : '';
	$server->replace('pg_backup_ext', "cat >/dev/null\n${say}exit $status\n");
	$server->fails('SELECT backup_now()', $sqlstate, $message, "the program says $name");
	$server->last_run_is('failed', $sqlstate, '', "$name: the run has failed");
}
for my $case (
	[ 'a line without an end', "cat >/dev/null; head -c 3000000 /dev/zero | tr '\\0' x", '08P01', qr/longer than 1048576 bytes$|does not allow/ ],
	[ 'a last line without an end', "cat >/dev/null; printf '%s' '$hello'", '08P01', qr/the last line of the backup program has no end/ ],
	[ 'too much on standard error', "cat >/dev/null; yes log line | head -n 3000 >&2; exit 3", '58000', $died ],
	[ 'goodbye by SIGSEGV', "echo '$hello'; kill -SEGV \$\$", '58000', $died ],
	[ 'not listening', "exec <&-; echo '$hello'; exit 1", '58000', $died ])
{
	my ($name, $script, $sqlstate, $message) = @$case;
	$server->replace('pg_backup_ext', $script);
	$server->fails('SELECT backup_now()', $sqlstate, $message, "the program has $name");
}
my $lines = () = slurp($node->logfile) =~ /LOG:  run \d+: log line$/mg;
is($lines, 1000, 'the log is not flooded');

# A program that does not stop when it is told to is killed.
$server->replace('pg_backup_ext', "trap '' TERM INT HUP; cat >/dev/null; echo '$hello'; while :; do sleep 0.1; done\n");
my $caller = $server->begin('SELECT backup_now()');
my $stubborn = $server->wait_process('pg_backup_ext');
$server->wait_sql(q(SELECT count(*) FROM pg_stat_activity WHERE application_name = 'faults' AND state = 'active'), 'the caller waits', 1);
$server->sql(q(SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'faults'));
my ($status, $out, $text) = BackupExtFaults::end($caller);
BackupExtFaults::error_is($text, '57014', qr/^canceling statement due to user request$/, 'its caller can cancel');
$server->wait_no_process(30);
wait_for(sub { return is_gone($stubborn); }, 'a program that ignores SIGTERM is killed');
$server->last_run_is('canceled', '57014', '', 'its run is canceled');

$server->bring_back('pg_backup_ext');
is_deeply(tree($server->repo), $before, 'nothing of all this is in the repository');
is($server->start_time, $started, 'nothing of all this restarted the server');
$server->backup;

# --- the home database as an object -----------------------------------------

$server->sql('CREATE DATABASE twin TEMPLATE postgres', 'template1');
$server->fails('SELECT backup_now()', '55000', qr/works in database "postgres"/, 'a copy of the home is not the home',
	database => 'twin');
$server->sql('ALTER DATABASE postgres RENAME TO renamed', 'template1');
$server->fails('SELECT backup_now()', '55000', qr/works in database "postgres"/, 'nor is a renamed home',
	database => 'renamed');
$server->sql('ALTER DATABASE renamed RENAME TO postgres', 'template1');
$server->backup;
pass('with its old name it works again');
$server->set('backup_ext.database', 'twin');
$server->sql('SELECT backup_sync()', 'twin');
$server->sql('DROP DATABASE twin');
pass('the home can be dropped');
$server->fails('SELECT backup_now()', '55000', qr/works in database "twin"/, 'then nothing can be done');
$server->set('backup_ext.database', 'postgres');
is($server->sql('SELECT backup_sync()'), scalar($server->listed), 'a new home knows every backup');
is($server->start_time, $started, 'the server did not restart');
$server->is_clean('preconditions');
$server->no_crash('preconditions');
$node->stop;

# --- a standby --------------------------------------------------------------

my $primary = BackupExtFaults->new('primary', programs => $programs, init => { allows_streaming => 1 });
$id = $primary->backup;
$primary->node->backup('base');
my $standby = bless { %$primary, name => 'standby' }, 'BackupExtFaults';
$standby->{node} = PostgreSQL::Test::Cluster->new('standby', install_path => $programs);
$standby->node->init_from_backup($primary->node, 'base', has_streaming => 1);
$standby->node->start;
# While it streams it registers, by itself: what is compared is what comes then.
wait_for(sub { (my @writers = glob($primary->repo . '/writer/*/*.json')) == 2 }, 'standby: it is registered');
$standby->wait_no_process(30);
$before = tree($primary->repo);
$started = $standby->start_time;
for my $call (@calls)
{
	$standby->fails($call, '55000', qr/^backups cannot be managed while the server is a standby$/,
		"standby: $call", hint => qr/on the primary/);
}
is($standby->sql('SELECT id FROM backup_list()'), $id, 'standby: the backups can be listed');
is($standby->sql('SELECT state FROM backup_status WHERE database IS NOT NULL'), 'ok', 'standby: so can the status');
is($standby->sql(q(SELECT string_agg(verb, ' ' ORDER BY run) FROM backup_run WHERE verb <> 'check')), 'init backup',
	'standby: so can the runs');
is($standby->sql(q(SELECT count(*) FROM backup_check() WHERE NOT ok AND detail ~ 'standby')), 1,
	'standby: backup_check says what it is');
is($standby->sql(q(SELECT count(*) FROM pg_stat_activity WHERE backend_type ~ 'backup_ext')), 0,
	'standby: nothing of ours runs');
is_deeply(tree($primary->repo), $before, 'standby: nothing is written');

# It is promoted while the primary has a run.
$primary->hold_dump;
my $open = $primary->sql('SELECT backup_now(wait => false)');
$primary->wait_held;
$primary->node->wait_for_catchup('standby');
$standby->node->promote;
$standby->wait_launcher;
$primary->release_dump;
$primary->sql("CALL backup_wait($open)");
my $ours = $standby->backup;
ok((grep { $_ eq $ours } $standby->listed), 'after promotion it backs up');
is($standby->start_time, $started, 'without a restart');
is($standby->sql("SELECT state || ' ' || message FROM backup_run WHERE run = $open"),
	'failed the server was restarted while this run was in progress',
	'the run of the other server is not open for ever');
is($standby->sql('SELECT backup_sync()'), 3, 'the new primary finds every backup');
$standby->all_readable('after promotion');
$primary->node->stop;
$standby->is_clean('after promotion');
$standby->node->stop;
done_testing();
