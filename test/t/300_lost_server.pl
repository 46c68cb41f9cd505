# The whole story: clients write a ledger while base backups and WAL go to the
# repository; the data directory is destroyed; one command brings the cluster
# back to a second, to a named point, and to the latest; and a person with
# nothing but zstd, tar and RESTORE.txt gets the same.
#
# Each row of the ledger carries a hash over the row before it, and rows are
# numbered without gaps: a restored ledger is right exactly if it is a
# beginning of the original's.
use strict;
use warnings;
use BackupExt;
use Cwd ();
use File::Path ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = BackupExt->new('main');
$node->init(extra => [ '--encoding=UTF8', '--locale=C', '--data-checksums' ]);
$node->append_conf('postgresql.conf', <<'END');
archive_mode = on
archive_library = 'backup_ext'
track_commit_timestamp = on
wal_level = replica
END
$node->begin;

$node->safe_psql('postgres', <<'END');
CREATE EXTENSION amcheck;
CREATE TABLE ledger (id bigint PRIMARY KEY, body text NOT NULL, hash text NOT NULL);
INSERT INTO ledger VALUES (0, '', md5(''));
CREATE TABLE filler AS SELECT g AS id, repeat(md5(g::text), 10) AS body FROM generate_series(1, 20000) g;
CREATE INDEX ON filler (id);
END

my $script = PostgreSQL::Test::Utils::tempdir() . '/ledger.sql';
BackupExt::write_file($script, <<'END');
BEGIN;
LOCK TABLE ledger IN EXCLUSIVE MODE;
INSERT INTO ledger SELECT id + 1, md5(random()::text), md5(hash || (id + 1))
	FROM ledger ORDER BY id DESC LIMIT 1;
UPDATE filler SET body = repeat(md5(random()::text), 10) WHERE id = (random() * 20000)::int;
COMMIT;
END

my ($writing_out, $writing_err) = ('', '');
my $writing = IPC::Run::start(
	[ 'pgbench', '-n', '-c', '3', '-j', '1', '-T', '600', '-f', $script, $node->connstr('postgres') ],
	'<', \undef, '>', \$writing_out, '2>', \$writing_err);

sub wait_for_rows
{
	my ($more) = @_;
	my $have = last_id();

	$node->poll_query_until('postgres',
		"SELECT max(id) > $have + $more FROM ledger") or die 'nothing is written';
	return;
}

sub last_id { return $node->safe_psql('postgres', 'SELECT max(id) FROM ledger'); }

# --- backups while clients write

wait_for_rows(50);
my $first = $node->safe_psql('postgres', q{SELECT backup_now(kind => 'base', label => 'first')});
like($first, qr/^\d{8}T\d{6}Z-base-[a-z0-9]{4}$/, 'a base backup while clients write');

# a second that lies behind the backup by its clock
sleep 2;
wait_for_rows(50);
my $second = $node->safe_psql('postgres',
	q{SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US+00')});
wait_for_rows(50);

my $before_mark = last_id();
$node->safe_psql('postgres', q{SELECT backup_mark('before v2.3')});
my $after_mark = last_id();
wait_for_rows(50);

my $later = $node->safe_psql('postgres', q{SELECT backup_now(kind => 'base')});
wait_for_rows(50);
is( $node->safe_psql('postgres', q{SELECT state FROM backup_status WHERE what = 'WAL archiving'}),
	'ok', 'the status of archiving is ok');

# --- the server is lost

$writing->signal('TERM');
$writing->finish;
my @ledger = split /\n/, $node->safe_psql('postgres',
	"SELECT id || ' ' || hash FROM ledger ORDER BY id");
my $at_second = $node->safe_psql('postgres',
	"SELECT max(id) FROM ledger WHERE pg_xact_commit_timestamp(xmin) <= '$second'");
my $filler = $node->safe_psql('postgres',
	q{SELECT md5(string_agg(f::text, ',' ORDER BY id)) FROM filler f});
my $last_wal = $node->safe_psql('postgres', 'SELECT pg_walfile_name(pg_switch_wal())');
$node->poll_query_until('postgres',
	"SELECT last_archived_wal >= '$last_wal' FROM backup_wal") or die 'the last WAL is not archived';
$node->stop('immediate');
File::Path::remove_tree($node->data_dir);

# --- and comes back

my $count = 0;

# Starts what was restored, and compares.
sub look
{
	my ($directory, $name, $last) = @_;
	my $restored = PostgreSQL::Test::Cluster->new('restored' . ++$count);

	rename $directory, $restored->data_dir or die "rename: $!";
	$restored->append_conf('postgresql.conf', 'port = ' . $restored->port);
	$restored->start;
	$restored->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()')
	  or die 'recovery does not end';
	my @rows = split /\n/, $restored->safe_psql('postgres',
		"SELECT id || ' ' || hash FROM ledger ORDER BY id");
	ok($last->($#rows), "$name: the ledger ends where it should") or diag("it ends at $#rows");
	is_deeply(\@rows, [ @ledger[ 0 .. $#rows ] ], "$name: and is the original's up to there");
	$restored->command_ok([ 'pg_amcheck', '--all', '--heapallindexed', '-d', 'postgres',
			'-h', $restored->host, '-p', $restored->port ], "$name: pg_amcheck finds nothing");
	return $restored;
}

sub restore_to
{
	my ($name, @arguments) = @_;
	my $directory = $node->basedir . "/$name";

	$node->program_ok([ 'restore', '--to', $directory, '--target-action', 'promote', @arguments ],
		"$name: restored");
	command_ok([ 'pg_verifybackup', '-n', $directory ], "$name: pg_verifybackup accepts it");
	return $directory;
}

my $restored = look(restore_to('second', '--target-time', $second), 'a second',
	sub { $_[0] == $at_second });
like($restored->safe_psql('postgres', q{SHOW backup_ext.fence}), qr/\Q$first\E/,
	'it is fenced, and says which backup it comes from');
$restored->stop;

$restored = look(restore_to('mark', '--target-name', 'before v2.3'), 'a named point',
	sub { $_[0] >= $before_mark && $_[0] <= $after_mark });
$restored->stop;

$restored = look(restore_to('latest'), 'the latest', sub { $_[0] == $#ledger });
is( $restored->safe_psql('postgres', q{SELECT md5(string_agg(f::text, ',' ORDER BY id)) FROM filler f}),
	$filler, 'the latest: other tables are as they were');

# --- the restored server takes over

my $before = BackupExt::tree($node->repository . '/wal');
$restored->safe_psql('postgres', 'SELECT pg_switch_wal()');
is(BackupExt::tree($node->repository . '/wal'), $before, 'it does not archive by itself');
$restored->safe_psql('postgres', 'SELECT backup_adopt()');
$restored->poll_query_until('postgres', q{SELECT archived_count > 0 FROM backup_wal})
  or die 'nothing is archived after the adoption';
like( $restored->safe_psql('postgres', q{SELECT backup_now(kind => 'base')}),
	qr/-base-/, 'after the adoption it archives and backs up');
$restored->stop;

# --- with stock tools only

my $bare = $node->basedir . '/bare';
mkdir $bare, 0700 or die;
my $recipe = $node->repository . "/backup/$later/RESTORE.txt";
my ($out, $err) = ('', '');
ok( IPC::Run::run([ 'sh', $recipe, $bare ],
		'<', \undef, '>', \$out, '2>', \$err, 'init',
		sub { chdir $node->repository . "/backup/$later" or die }),
	'RESTORE.txt runs') or diag("$out\n$err");
command_ok([ 'pg_verifybackup', '-n', $bare ], 'by hand: pg_verifybackup accepts it');
$restored = look($bare, 'by hand', sub { $_[0] == $#ledger });
$restored->stop;

done_testing();
