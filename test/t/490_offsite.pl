# The whole story, away from home: backups and WAL go to S3, encrypted, and to
# a second bucket. The second one is away for a while: that is loud, and
# nothing is lost. Then the server is lost for good, and the first bucket with
# it. A machine that has nothing but the program, the store's credentials and
# the owner's key brings everything back; and so does a person who has only
# age, zstd and tar.
use strict;
use warnings;
use BackupExt;
use BackupExtLedger;
use BackupExtProxy;
use BackupExtS3;
use File::Path ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $s3 = BackupExtS3->start;
my $place = PostgreSQL::Test::Utils::tempdir();
my ($key_file, $identity_file) = ("$place/server.key", "$place/owner.identity");
my (%proxy, @urls);

# Each bucket has a way of its own, which can be cut.
foreach my $bucket (qw(main mirror))
{
	$s3->make_bucket($bucket);
	$proxy{$bucket} = BackupExtProxy->start($s3->{port});
	push @urls, $s3->url($bucket, 'prod', endpoint => $proxy{$bucket}{endpoint});
}
my @DEAD = ({ cut_request => 0 });

command_ok([ 'pg_backup_ext', 'keygen', '--key-file', $key_file, '--identity-file', $identity_file ],
	'keys are made');

my $node = BackupExt->new('main');
$node->init(extra => [ '--encoding=UTF8', '--locale=C', '--data-checksums' ]);
$node->append_conf('postgresql.conf', <<"END");
backup_ext.repository = '@urls'
backup_ext.credentials_file = '@{[ $s3->credentials ]}'
backup_ext.key_file = '$key_file'
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
my $base = $node->safe_psql('postgres', q{SELECT backup_now(kind => 'base')});
like($base, qr/-base-/, 'a base backup');
my $logical = $node->backup_now('postgres');
like($logical, qr/-postgres-/, 'a logical backup');
is_deeply([ grep { /^prod\/(backup|manifest)/ } $s3->keys_of('mirror', 'prod/') ],
	[ grep { /^prod\/(backup|manifest)/ } $s3->keys_of('main', 'prod/') ],
	'both are in both buckets');

# --- the second bucket is away, and comes back

$proxy{mirror}->play(@DEAD);
my $waiting = $node->safe_psql('postgres', 'SELECT pg_walfile_name(pg_switch_wal())');
$node->poll_query_until('postgres', q{SELECT failed_count > 0 FROM backup_wal})
  or die 'nobody noticed';
my $failure = $node->safe_psql('postgres', 'SELECT failure FROM backup_wal');
like($failure, qr/mirror|$proxy{mirror}{port}/, 'the reason names the place that is away');
is( $node->safe_psql('postgres', "SELECT last_archived_wal < '$waiting' FROM backup_wal"),
	't', 'WAL that only one of them has is not acknowledged');
$ledger->wait_for_rows(50);
$proxy{mirror}->play;
$node->poll_query_until('postgres',
	"SELECT last_archived_wal >= '$waiting' FROM backup_wal") or die "$waiting is not archived";

my $before_mark = $ledger->last_id;
$node->safe_psql('postgres', q{SELECT backup_mark('before v2.3')});
my $after_mark = $ledger->last_id;
my $later = $node->safe_psql('postgres', q{SELECT backup_now(kind => 'base')});
$ledger->wait_for_rows(50);

# --- the server cannot read what it has written

$node->sql_fails("SELECT backup_restore('$logical', 'copy')", '28000', 'identity',
	'a restore without the key of the owner');
is( $node->safe_psql('postgres', "SELECT bool_and(ok) FROM backup_verify('$logical', 'stored')"),
	't', 'it verifies what is stored');

# --- server and first bucket are lost

$ledger->stop;
my $last_wal = $node->safe_psql('postgres', 'SELECT pg_walfile_name(pg_switch_wal())');
$node->poll_query_until('postgres',
	"SELECT last_archived_wal >= '$last_wal' FROM backup_wal") or die 'the last WAL is not archived';
$node->stop('immediate');
File::Path::remove_tree($node->data_dir);
$proxy{main}->play(@DEAD);

# --- the program, the credentials and the key bring it back

my $from = "@urls";

sub program
{
	my ($command, @arguments) = @_;
	my ($out, $err) = ('', '');

	IPC::Run::run([ 'pg_backup_ext', $command, '--repo', $from,
			'--credentials-file', $s3->credentials, '--identity-file', $identity_file,
			@arguments ],
		'<', \undef, '>', \$out, '2>', \$err)
	  or diag("$command: $err");
	return ($? >> 8, $out, $err);
}

unlink $key_file or die "$key_file: $!";
my ($status, $out) = program('list');
is($status, 0, 'the backups are listed');
like($out, qr/\Q$_\E/, "$_ is there") foreach ($base, $logical, $later);

# With both places named, one that is lost for good keeps anybody from saying
# that some WAL does not exist: that is for a person to decide.
$from = $urls[1];

sub restore_to
{
	my ($name, @arguments) = @_;
	my $directory = $node->basedir . "/$name";
	my ($status, undef, $err) =
	  program('restore', '--to', $directory, '--target-action', 'promote', @arguments);

	is($status, 0, "$name: restored");
	command_ok([ 'pg_verifybackup', '-n', $directory ], "$name: pg_verifybackup accepts it");
	return $directory;
}

my $restored = $ledger->look(restore_to('mark', '--target-name', 'before v2.3', '--id', $base),
	'a named point', sub { $_[0] >= $before_mark && $_[0] <= $after_mark });
$restored->stop;
$restored = $ledger->look_latest(restore_to('latest'), 'the latest');

($status, undef, my $err) = program('restore', $logical, '--to', 'copy',
	'--conninfo', 'host=' . $restored->host . ' port=' . $restored->port);
is($status, 0, 'the logical backup is restored') or diag($err);
is( $restored->safe_psql('copy', 'SELECT count(*) FROM filler'), 20000, 'with its rows');
$restored->stop;

# --- with stock tools only

my $copy = "$place/copy";
foreach my $key ($s3->keys_of('mirror', 'prod/'))
{
	my $path = "$copy/$key";

	File::Path::make_path($path =~ s{/[^/]*$}{}r);
	BackupExt::write_file($path, $s3->get('mirror', $key));
}
my $bare = $node->basedir . '/bare';
mkdir $bare, 0700 or die;
ok( IPC::Run::run([ 'sh', 'RESTORE.txt', $bare ], '<', \undef, '>', \$out, '2>', \$err,
		'init', sub { chdir "$copy/prod/backup/$later" or die; $ENV{IDENTITY} = $identity_file; }),
	'RESTORE.txt runs') or diag("$out\n$err");
command_ok([ 'pg_verifybackup', '-n', $bare ], 'by hand: pg_verifybackup accepts it');
$restored = $ledger->look_latest($bare, 'by hand');
$restored->stop;

done_testing();
