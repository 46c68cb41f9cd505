# A restore in the place of a live database: what changes, what stays, when it
# is refused, and what is left when it dies in the middle.
use strict;
use warnings;
use BackupExt;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = BackupExt->new('main');
$node->init(allows_streaming => 'logical');
$node->append_conf('postgresql.conf', "max_prepared_transactions = 5\n");
$node->begin;

# --- a database, its backup, and what has changed since

$node->safe_psql('postgres', 'CREATE ROLE old_owner; CREATE ROLE new_owner; CREATE ROLE reader; CREATE DATABASE shop OWNER old_owner');
$node->run_file('shop', 'shop.sql');
$node->safe_psql('shop', q{CREATE TABLE state AS SELECT 'as backed up' AS word});
$node->safe_psql('postgres', q{ALTER DATABASE shop SET work_mem = '1MB'; COMMENT ON DATABASE shop IS 'then'});
my $digest = $node->digest('shop');
my $id = $node->backup_now('shop');

$node->safe_psql('shop', q{UPDATE state SET word = 'as it was'; DELETE FROM order_items WHERE order_id % 2 = 0; DROP VIEW open_orders; REFRESH MATERIALIZED VIEW best_sellers});
$node->safe_psql('postgres', <<'END');
ALTER DATABASE shop OWNER TO new_owner;
ALTER DATABASE shop CONNECTION LIMIT 33;
ALTER DATABASE shop SET work_mem = '2MB';
ALTER DATABASE shop SET search_path = public, stock, "it's";
ALTER ROLE reader IN DATABASE shop SET work_mem = '3MB';
REVOKE ALL ON DATABASE shop FROM PUBLIC;
GRANT CONNECT ON DATABASE shop TO reader WITH GRANT OPTION;
COMMENT ON DATABASE shop IS 'now';
END
my $live = $node->digest('shop');
my $properties = $node->properties('shop');

# --- refusals: the target stays as it was, and nothing else is left

my @refusals = (
	[ 'an existing target without replace', "'shop'", '42P04', 'database "shop" already exists' ],
	[ 'a missing target', "'nowhere', replace => true", '3D000', 'database "nowhere" does not exist.*HINT: .*leave out replace' ],
	[ 'the home database', "'postgres', replace => true", '55000', 'home database "postgres" cannot be replaced' ]);
foreach my $refusal (@refusals)
{
	my ($name, $arguments, $sqlstate, $text) = @$refusal;
	$node->sql_fails("SELECT backup_restore('$id', $arguments)", $sqlstate, $text, $name);
}

my @blockers = (
	[ 'prepared transaction', q{BEGIN; INSERT INTO state VALUES ('prepared'); PREPARE TRANSACTION 'it''s'}, q{ROLLBACK PREPARED 'it''s'}, q{it's} ],
	[ 'logical replication slot', q{SELECT pg_create_logical_replication_slot('feed', 'pgoutput')}, q{SELECT pg_drop_replication_slot('feed')}, 'feed' ],
	[ 'subscription', q{CREATE SUBSCRIPTION sub CONNECTION 'host=nowhere.invalid' PUBLICATION p WITH (connect = false, slot_name = NONE)}, 'DROP SUBSCRIPTION sub', 'sub' ]);
foreach my $blocker (@blockers)
{
	my ($kind, $make, $drop, $name) = @$blocker;

	$node->safe_psql('shop', $make);
	$node->sql_fails("SELECT backup_restore('$id', 'shop', replace => true)", '55006',
		qq{database "shop" cannot be replaced.*DETAIL:  It has the $kind "\Q$name\E".*HINT: .*End or drop it},
		"a $kind in the target");
	$node->safe_psql('shop', $drop);
}
unchanged('after refusals');

# --- damage is found before the target is touched

my $object = $node->object($id, 'archive.dump.001.zst');
my $offset = int((-s $object) / 2);
BackupExt::flip_byte($object, $offset);
$node->sql_fails("SELECT backup_restore('$id', 'shop', replace => true)", 'XX001',
	'object "archive.dump.001.zst" of backup "' . $id . '" is damaged', 'a damaged archive');
unchanged('after a restore of a damaged archive');
BackupExt::flip_byte($object, $offset);

# --- the program is killed in the middle: the index below takes its time

$node->safe_psql('postgres', 'CREATE DATABASE slow');
$node->safe_psql('slow', <<'END');
CREATE FUNCTION slow(integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
	IF current_database() <> 'slow' THEN
		PERFORM pg_sleep(600);
	END IF;
	RETURN $1;
END $$;
CREATE TABLE t AS SELECT 1 AS a;
CREATE INDEX ON t (slow(a));
END
my $slow = $node->backup_now('slow');
my $run = $node->safe_psql('postgres', "SELECT backup_restore('$slow', 'shop', replace => true, wait => false)");
ok( $node->poll_query_until('postgres',
		"SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname ~ '^shop_restoring_'"),
	'a restore is in the middle');
is($node->safe_psql('postgres', q{SELECT starts_with(shobj_description(oid, 'pg_database'), 'backup_ext: restore in progress ') FROM pg_database WHERE datname ~ '^shop_restoring_'}),
	't', 'its database is marked');
my $worker = $node->safe_psql('postgres', "SELECT pid FROM backup_progress WHERE run = $run");
my @agents = children($worker);
is(scalar @agents, 1, 'its worker has one child');
kill 'KILL', @agents;
$node->sql_fails("CALL backup_wait($run)", '58000', 'backup program', 'the run whose program was killed');
is($node->safe_psql('postgres', "SELECT state, sqlstate FROM backup_run WHERE run = $run"), 'failed|58000', 'backup_run says so');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_database WHERE datname ~ '^shop_restoring_'}),
	'1', 'the unfinished database is left');
is($node->digest('shop'), $live, 'the target is as it was');
ok( $node->poll_query_until('postgres',
		"SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name ~ 'pg_backup_ext' AND state = 'idle'"),
	'nobody works on it any more');

# --- another restore cleans that up, while sessions use the target

my $session = $node->session('shop');
is($session->query('SELECT word FROM state'), 'as it was', 'a session sees the old database');
my $idle = $node->session('shop');
$idle->query(q{BEGIN; INSERT INTO state VALUES ('never committed')});
my @pids = map { $_->query('SELECT pg_backend_pid()') } $session, $idle;
my $seen = $node->basedir . '/seen';
my $stop = $node->basedir . '/stop';
my $loop = <<'END';
while [ ! -e "$2" ]; do
	psql -X -A -t -d "$1" -c "SELECT string_agg(word, ' and ') FROM state" >>"$3" 2>/dev/null
done
END
my $application = IPC::Run::start([ 'sh', '-c', $loop, 'loop', $node->connstr('shop'), $stop, $seen ], '<', \undef);
ok(poll_file($seen, qr/^as it was$/m), 'an application works with the old database');

my ($target, $told) = ('', '');
$node->psql('postgres', "SELECT backup_restore('$id', 'shop', replace => true)", stdout => \$target, stderr => \$told);
is($target, 'shop', 'the restore replaces it') or diag($told);
ok(poll_file($seen, qr/^as backed up$/m), 'the application gets in again, to the new database');
BackupExt::write_file($stop, '');
$application->finish;
unlike(slurp_file($seen), qr/as backed up\n.*as it was/s, 'it never goes back');
unlike(slurp_file($seen), qr/ and /, 'it never sees what was not committed');
is($node->safe_psql('postgres', 'SELECT count(*) FROM pg_stat_activity WHERE pid IN (' . join(', ', @pids) . ')'),
	'0', 'sessions on the old database were ended');
$session->send('SELECT 1;');
like($session->end, qr/terminating connection due to administrator command/, 'and were told why');
$idle->end;

BackupExt::same_text($node->digest('shop'), $digest, 'the database has the rows of the backup');
is($node->safe_psql('shop', 'SELECT word FROM state'), 'as backed up', 'and not those of before');
BackupExt::same_text($node->properties('shop'), $properties,
	'owner, rights, settings, limit and comment are those of the live one');
my $kept = $node->safe_psql('postgres', q{SELECT datname FROM pg_database WHERE datname ~ '^shop_[0-9]{8}T[0-9]{6}Z_[a-z0-9]{2}$'});
isnt($kept, '', 'the old database is kept under a dated name');
is($node->digest($kept), $live, 'with its rows');
like($told, qr/NOTICE:  the replaced database is kept as "\Q$kept\E"/, 'the name is told');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_database WHERE datname ~ '_restoring_'}),
	'0', 'the leftover of the killed restore is gone');
like(slurp_file($node->logfile), qr/dropped "shop_restoring_\w+", which an interrupted restore had left/, 'the log says so');

# --- once more, by the program, back to the state of before

my $back = $node->backup_now($kept);
like($node->program_ok([ 'restore', $back, '--to', 'shop', '--replace' ], 'the program replaces, too'),
	qr/the database that was there is now "shop_\w+"/, 'and says where the old one is');
is($node->digest('shop'), $live, 'all is as it was');

$node->stop;
unlike(slurp_file($node->logfile), qr/PANIC|server process .* was terminated by signal/, 'no server process crashed');
done_testing();

sub unchanged
{
	my ($when) = @_;

	BackupExt::same_text($node->digest('shop'), $live, "$when: the target has its rows");
	BackupExt::same_text($node->properties('shop'), $properties, "$when: the target has its properties");
	return is($node->safe_psql('postgres', q{SELECT string_agg(datname, ' ' ORDER BY datname) FROM pg_database WHERE datname ~ 'shop'}),
		'shop', "$when: there is no other database");
}

# The processes that a process has started.
sub children
{
	my ($parent) = @_;
	my @found;

	foreach my $path (glob('/proc/[0-9]*/stat'))
	{
		open(my $stat, '<', $path) or next;
		my $line = <$stat> // '';
		push @found, $1 if $line =~ /^(\d+) \(.*\) \S (\d+) / && $2 == $parent;
	}
	return @found;
}

# Waits until a file has a text.
sub poll_file
{
	my ($path, $text) = @_;

	foreach (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
	{
		return 1 if -e $path && slurp_file($path) =~ $text;
		select(undef, undef, undef, 0.1);
	}
	return 0;
}
