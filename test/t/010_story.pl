# The way of the README: a repository, a backup, a look at it, a restore, and
# what is left when the catalogue is lost.
use strict;
use warnings;
use BackupExt;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = BackupExt->new('main');
$node->init;
$node->start;

# --- the repository

$node->safe_psql('postgres', 'CREATE EXTENSION backup_ext');
$node->load('shop', 'shop.sql');
$node->sql_fails(q{SELECT backup_now(database => 'shop')}, '58P01',
	'directory ".*/repository" does not exist.*HINT: ', 'a backup before there is a repository');
like($node->safe_psql('postgres', 'SELECT backup_repository_create()'),
	qr/^[a-z0-9]{16}$/, 'backup_repository_create returns an id');
$node->sql_fails('SELECT backup_repository_create()', '42710',
	'is a repository already', 'a second repository in the same place');

# --- a backup and what is shown of it

my $id = $node->backup_now('shop', q{label => 'before "the" release; ''1'' é'});
like($id, qr/^\d{8}T\d{6}Z-shop-[a-z0-9]{4}$/, 'backup_now returns an id');
is( $node->safe_psql('postgres', <<'END'),
SELECT kind, database, content, state, compression, objects, label, verified_at, problem,
	finished_at >= started_at AND now() - started_at < '1 hour',
	plain_size > 100000, stored_size < plain_size, ratio = round(plain_size::numeric / stored_size, 2),
	server_version = format('%s.%s', current_setting('server_version_num')::int / 10000,
		current_setting('server_version_num')::int % 10000), id
FROM backup_list()
END
	qq{logical|shop|all|good|zstd:1|4|before "the" release; '1' é|||t|t|t|t|t|$id},
	'backup_list shows it');
is($node->safe_psql('postgres', q{SELECT count(*) FROM backup_list(database => 'postgres')}),
	'0', 'backup_list of another database is empty');
is($node->safe_psql('postgres', q{SELECT count(*) FROM backup_list('shop', 'logical')}),
	'1', 'backup_list of this one is not');

my $status_sql = <<'END';
SELECT database, state, reason, last_success_id, last_success_age < '1 hour',
	last_attempt_at IS NOT NULL, last_failure ~ 'does not exist', backups, verified_at IS NOT NULL, running
FROM backup_status WHERE subject = 'database'
END
is( $node->safe_psql('postgres', $status_sql),
	"shop|ok|The last attempt made a good backup.|$id|t|t|t|1|f|f",
	'backup_status is ok');

# --- verify, at both levels

is( $node->safe_psql('postgres',
		"SELECT check_name, ok FROM backup_verify('$id', 'stored') ORDER BY check_name COLLATE \"C\""),
	"RESTORE.txt|t\narchive.dump.001.zst|t\ncontents.jsonl.001.zst|t\nglobals.sql.001.zst|t",
	'backup_verify: every object is as it was stored');
is( $node->safe_psql('postgres', 'SELECT verified_level FROM backup_list()'),
	'stored', 'the level is remembered');
is( $node->safe_psql('postgres',
		"SELECT check_name, ok, detail ~ 'entries, 1[0-9] with data' FROM backup_verify('$id') ORDER BY check_name COLLATE \"C\""),
	"RESTORE.txt|t|f\narchive.dump|t|t\nglobals.sql|t|f",
	'backup_verify: every stream can be read');
is( $node->safe_psql('postgres',
		"SELECT verified_level, now() - verified_at < '1 hour', state FROM backup_list()"),
	'readable|t|good', 'the higher level is remembered');

# --- restore

is($node->restore($id, 'shop_copy'), 'shop_copy', 'backup_restore returns the name');
$node->same_rows('shop_copy', $node, 'shop', 'the copy has the same rows');
BackupExt::same_text($node->dump_text('shop_copy', '--schema-only'),
	$node->dump_text('shop', '--schema-only'), 'the copy has the same objects');
$node->sql_fails("SELECT backup_restore('$id', 'shop_copy')", '42P04',
	'database "shop_copy" already exists.*HINT: .*replace', 'a restore over a database');
$node->sql_fails("SELECT backup_restore('20000101T000000Z-shop-aaaa', 'x')", '42704',
	'backup "20000101T000000Z-shop-aaaa" does not exist', 'a restore of what is not there');

# --- every attempt has a row

is( $node->safe_psql('postgres', <<'END'),
SELECT verb, kind, database, backup_id, state, requested_by = current_user,
	requested_at <= started_at AND started_at <= finished_at, sqlstate, message
FROM backup_run WHERE verb IN ('backup', 'restore') ORDER BY run
END
	join("\n",
		'backup|logical|shop||failed|t|t|58P01|directory "' . $node->repository . '" does not exist',
		"backup|logical|shop|$id|done|t|t||",
		"restore||shop_copy|$id|done|t|t||",
		"restore||shop_copy|$id|failed|t|t|42P04|database \"shop_copy\" already exists",
		'restore||x|20000101T000000Z-shop-aaaa|failed|t|t|42704|backup "20000101T000000Z-shop-aaaa" does not exist'),
	'backup_run has every attempt');
is( $node->safe_psql('postgres', "SELECT plain_size > stored_size FROM backup_run WHERE backup_id = '$id' AND verb = 'backup'"),
	't', 'backup_run has the sizes of the backup');

# --- a run that is not waited for, seen while a lock holds it up

my $locker = $node->session('shop');
$locker->query('BEGIN; LOCK TABLE customers IN ACCESS EXCLUSIVE MODE');
my $run = $node->backup_now('shop', 'wait => false');
like($run, qr/^\d+$/, 'without waiting, the number of the run is returned');
ok( $node->poll_query_until('postgres',
		"SELECT state = 'running' AND phase IS NOT NULL FROM backup_progress WHERE run = $run"),
	'backup_progress shows the run');
is( $node->safe_psql('postgres', <<"END"),
SELECT verb, database, started_at <= now(), pid IN (SELECT pid FROM pg_stat_activity)
FROM backup_progress WHERE run = $run;
SELECT state FROM backup_run WHERE run = $run;
SELECT running, last_success_id FROM backup_status WHERE database = 'shop';
END
	"backup|shop|t|t\nrunning\nt|$id", 'so do backup_run and backup_status');
$node->sql_fails("CALL backup_wait($run, '100 ms')", '57014',
	"run $run has not ended within the time given", 'backup_wait with a limit');
$locker->query('COMMIT');
$locker->end;
is($node->safe_psql('postgres', "CALL backup_wait($run)"), '', 'backup_wait waits for the end');
my $second = $node->safe_psql('postgres', "SELECT backup_id FROM backup_run WHERE run = $run AND state = 'done'");
like($second, qr/-shop-/, 'the run has made a backup');
is($node->safe_psql('postgres', 'SELECT count(*) FROM backup_progress'), '0', 'nothing is in progress any more');
$node->sql_fails('CALL backup_wait(123456789)', '42704', 'run 123456789 does not exist', 'waiting for no run');

# --- a run that does not get its locks

$node->set('backup_ext.lock_timeout', '100ms');
$locker = $node->session('shop');
$locker->query('BEGIN; LOCK TABLE customers IN ACCESS EXCLUSIVE MODE');
$node->sql_fails(q{SELECT backup_now(database => 'shop')}, '55P03',
	'pg_dump failed.*LOCK TABLE public.customers.*HINT: .*backup_ext.lock_timeout', 'a backup that gets no lock');
is( $node->safe_psql('postgres', 'SELECT state, reason ~ \'^The last attempt, run [0-9]+, has failed.$\', last_failure FROM backup_status WHERE subject = \'database\''),
	'warning|t|pg_dump failed', 'backup_status warns');
$locker->end;
$node->set('backup_ext.lock_timeout', '1min');

# --- the schema alone, the data alone

my $schema = $node->backup_now('shop', q{content => 'schema'});
my $data = $node->backup_now('shop', q{content => 'data'});
is( $node->safe_psql('postgres', "SELECT string_agg(content, ' ' ORDER BY content) FROM backup_list()"),
	'all all data schema', 'backup_list tells them from the others');
$node->restore($schema, 'shop_empty');
BackupExt::same_text($node->dump_text('shop_empty', '--schema-only'),
	$node->dump_text('shop', '--schema-only'), 'the schema is restored');
is($node->safe_psql('shop_empty', 'SELECT count(*) FROM customers'), '0', 'without rows');
$node->sql_fails("SELECT backup_restore('$data', 'x')", '0A000',
	"backup \"$data\" has only data and cannot make a database.*HINT: .*cat \Q$data\E . pg_restore --data-only",
	'a restore of data alone');
my $archive = $node->program_ok([ 'cat', $data ], 'cat of the data');
IPC::Run::run([ 'pg_restore', '--data-only', '--exit-on-error', '-d', $node->connstr('shop_empty') ], '<', \$archive)
  or fail('the data is loaded as the hint says');
$node->safe_psql('shop_empty', 'REFRESH MATERIALIZED VIEW best_sellers');
$node->same_rows('shop_empty', $node, 'shop', 'schema and data together have all rows');

# --- what the verdict rests on

$node->safe_psql('postgres', 'CREATE DATABASE verdict');
my $verdict_sql = "SELECT state, reason, last_success_id, backups FROM backup_status WHERE database = 'verdict'";
my $partial = $node->backup_now('verdict', q{content => 'schema'});
my $rows = $node->backup_now('verdict', q{content => 'data'});
is($node->safe_psql('postgres', $verdict_sql), 'critical|There is no good backup.||2',
	'the schema alone and the data alone are no good backup');
my $whole = $node->backup_now('verdict');
is($node->safe_psql('postgres', $verdict_sql), "ok|The last attempt made a good backup.|$whole|3",
	'schema and data are one');
my $later = $node->backup_now('verdict', q{content => 'schema'});
is($node->safe_psql('postgres', $verdict_sql), "ok|The last attempt made a good backup.|$whole|4",
	'a later backup of the schema does not take its place');
$node->safe_psql('postgres', 'DROP DATABASE verdict');
is($node->safe_psql('postgres', $verdict_sql), "ok|The last attempt made a good backup.|$whole|4",
	'a database that was dropped is shown while it has backups');
$node->safe_psql('postgres', "SELECT backup_delete('$_', force => true)") foreach $partial, $rows, $whole, $later;
is($node->safe_psql('postgres', $verdict_sql), '', 'and no longer when it has none');

# --- every codec

my %suffix = (none => '', lz4 => '.lz4', gzip => '.gz', zstd => '.zst');
foreach my $codec ('none', 'lz4:3', 'gzip:6', 'zstd:19')
{
	my $suffix = $suffix{ ($codec =~ /^(\w+)/)[0] };
	my $target = "shop_$codec";

	$node->set('backup_ext.compression', $codec);
	my $backup = $node->backup_now('shop');
	is( $node->safe_psql('postgres', "SELECT compression FROM backup_list() WHERE id = '$backup'"),
		$codec, "$codec: backup_list");
	ok(-s $node->object($backup, "archive.dump.001$suffix"), "$codec: the object has the suffix");
	foreach my $level ('stored', 'readable')
	{
		is( $node->safe_psql('postgres', "SELECT bool_and(ok) FROM backup_verify('$backup', '$level')"),
			't', "$codec: backup_verify, $level");
	}
	$node->restore($backup, $target);
	$node->same_rows($target, $node, 'shop', "$codec: the same rows");
	$node->safe_psql('postgres', "SELECT backup_delete('$backup')");
}

# --- the catalogue is a cache

my $list_sql = 'SELECT * FROM backup_list() ORDER BY id';
my $list = $node->safe_psql('postgres', $list_sql);
$node->safe_psql('postgres', 'DELETE FROM backup_catalogue_data');
is($node->safe_psql('postgres', $list_sql), '', 'the catalogue is lost');
is($node->safe_psql('postgres', 'SELECT backup_sync()'), '4', 'backup_sync counts the backups');
is($node->safe_psql('postgres', $list_sql), $list, 'backup_sync brings every row back');

# --- the home database is lost: the repository and the program are enough

$node->safe_psql('template1', 'DROP DATABASE postgres');
my $listed = $node->program_ok([ 'list', '--json' ], 'the program lists without a home database');
foreach my $known ($id, $second, $schema, $data)
{
	like($listed, qr/"id": *"\Q$known\E"/, "the program lists $known");
}
like($node->program_ok([ 'verify', $id ], 'the program verifies'), qr/^ok +archive\.dump: /m, 'and says what');
$node->safe_psql('template1', 'CREATE DATABASE postgres');
like($node->program_ok([ 'restore', $id, '--to', 'shop_again' ], 'the program restores'),
	qr/restored into database "shop_again"/, 'and says where');
$node->same_rows('shop_again', $node, 'shop', 'the program has restored the same rows');
$node->safe_psql('postgres', 'CREATE EXTENSION backup_ext');
is($node->safe_psql('postgres', 'SELECT backup_sync()'), '4', 'a new home database learns of the backups');
is( $node->safe_psql('postgres', 'SELECT id, state, label FROM backup_list() ORDER BY id'),
	join("\n", sort("$id|good|before \"the\" release; '1' é", map { "$_|good|" } $second, $schema, $data)),
	'the list is as it was before');

# --- delete

is($node->safe_psql('postgres', "SELECT backup_delete('$second')"), 't', 'a backup is deleted');
ok(!-e $node->object($second, '.') || !glob($node->object($second, '*')), 'its objects are gone');
$node->sql_fails("SELECT backup_delete('$id')", '55000',
	"backup \"$id\" is the last good one of database \"shop\".*HINT: .*backup_delete\\('$id', force => true\\)",
	'deleting the last good backup');
is($node->safe_psql('postgres', "SELECT state FROM backup_list() WHERE id = '$id'"), 'good', 'it is still there');
is($node->safe_psql('postgres', "SELECT backup_delete('$id', force => true)"), 't', 'with force it goes');
$node->sql_fails("SELECT backup_delete('$id', force => true)", '42704',
	"backup \"$id\" does not exist", 'deleting it again');
is( $node->safe_psql('postgres', "SELECT string_agg(content, ' ' ORDER BY content) FROM backup_list()"),
	'data schema', 'the others stay');

$node->stop;
unlike(slurp_file($node->logfile), qr/PANIC|terminated by signal/, 'nothing crashed');
done_testing();
