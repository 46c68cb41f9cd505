# The whole story: clients write a ledger while base backups and WAL go to the
# repository; the data directory is destroyed; one command brings the cluster
# back to a second, to a named point, and to the latest; and a person with
# nothing but zstd, tar and RESTORE.txt gets the same.
use strict;
use warnings;
use BackupExt;
use BackupExtLedger;
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

my $ledger = BackupExtLedger->new($node);
$ledger->start;

# --- backups while clients write

$ledger->wait_for_rows(50);
my $first = $node->safe_psql('postgres', q{SELECT backup_now(kind => 'base', label => 'first')});
like($first, qr/^\d{8}T\d{6}Z-base-[a-z0-9]{4}$/, 'a base backup while clients write');

# a second that lies behind the backup by its clock
sleep 2;
$ledger->wait_for_rows(50);
my $second = $node->safe_psql('postgres',
	q{SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US+00')});
$ledger->wait_for_rows(50);

my $before_mark = $ledger->last_id;
$node->safe_psql('postgres', q{SELECT backup_mark('before v2.3')});
my $after_mark = $ledger->last_id;
$ledger->wait_for_rows(50);

my $later = $node->safe_psql('postgres', q{SELECT backup_now(kind => 'base')});
$ledger->wait_for_rows(50);
is( $node->safe_psql('postgres', q{SELECT state FROM backup_status WHERE what = 'WAL archiving'}),
	'ok', 'the status of archiving is ok');

# --- the server is lost

$ledger->stop;
my $at_second = $node->safe_psql('postgres',
	"SELECT max(id) FROM ledger WHERE pg_xact_commit_timestamp(xmin) <= '$second'");
my $last_wal = $node->safe_psql('postgres', 'SELECT pg_walfile_name(pg_switch_wal())');
$node->poll_query_until('postgres',
	"SELECT last_archived_wal >= '$last_wal' FROM backup_wal") or die 'the last WAL is not archived';
$node->stop('immediate');
File::Path::remove_tree($node->data_dir);

# --- and comes back

sub restore_to
{
	my ($name, @arguments) = @_;
	my $directory = $node->basedir . "/$name";

	$node->program_ok([ 'restore', '--to', $directory, '--target-action', 'promote', @arguments ],
		"$name: restored");
	command_ok([ 'pg_verifybackup', '-n', $directory ], "$name: pg_verifybackup accepts it");
	return $directory;
}

my $restored = $ledger->look(restore_to('second', '--target-time', $second), 'a second',
	sub { $_[0] == $at_second });
like($restored->safe_psql('postgres', q{SHOW backup_ext.fence}), qr/\Q$first\E/,
	'it is fenced, and says which backup it comes from');
$restored->stop;

$restored = $ledger->look(restore_to('mark', '--target-name', 'before v2.3'), 'a named point',
	sub { $_[0] >= $before_mark && $_[0] <= $after_mark });
$restored->stop;

$restored = $ledger->look_latest(restore_to('latest'), 'the latest');

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
$restored = $ledger->look_latest($bare, 'by hand');
$restored->stop;

done_testing();
