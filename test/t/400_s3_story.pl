# The story on an S3 store: a repository in a bucket, backups of both kinds,
# WAL, verify, restores, and stock tools that read what is in the bucket.
use strict;
use warnings;
use BackupExt;
use BackupExtS3;
use Cwd ();
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $s3 = BackupExtS3->start;
my $odd = 'a b%2F~+=&ü';

$s3->make_bucket('backups');
my $url = $s3->tls_url('backups', 'main/one');

my $node = BackupExt->new('main');
$node->init;
$node->append_conf('postgresql.conf', sprintf <<'END', $url, $s3->credentials);
backup_ext.repository = '%s'
backup_ext.credentials_file = '%s'
archive_mode = on
archive_library = 'backup_ext'
wal_level = replica
END
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION backup_ext');
my @store = ("--repo=$url", '--credentials-file=' . $s3->credentials);

# --- the repository

my $notices = '';
$node->psql('postgres', 'SELECT backup_repository_create()', stderr => \$notices);
like($notices, qr/versioning: off; object lock: off;.*conditional writes: kept/, 'what the store can do is shown');
is(join(' ', $s3->keys_of('backups')) =~ s/[0-9a-f]{16,}|\d{10,}/N/gr,
	'main/one/cluster/N.json main/one/repository.json main/one/writer/N/N.json',
	'a repository is there, and nothing else');
is( $node->safe_psql('postgres', 'SELECT check_name, detail FROM backup_check() WHERE NOT ok'),
	'', 'all is well');

# --- a logical backup in many parts, with a name of many characters

$node->safe_psql('postgres', 'CREATE DATABASE ' . BackupExt::identifier($odd));
$node->safe_psql($odd, <<'END');
CREATE EXTENSION pgcrypto;
CREATE TABLE files (id int PRIMARY KEY, data bytea);
INSERT INTO files SELECT i, (SELECT string_agg(gen_random_bytes(1000), '') FROM generate_series(1, 100) WHERE i > 0)
FROM generate_series(1, 200) i;
END
my $id = $node->backup_now($odd);
ok($id =~ /a%20b/, 'the id has the name') or diag($id);
my ($archive) = grep { /archive\.dump/ } $s3->keys_of('backups', "main/one/backup/$id/");
is($archive, "main/one/backup/$id/archive.dump.001.zst", 'the archive is in the bucket');
my $bytes = $s3->get('backups', $archive);
cmp_ok(length $bytes, '>', 17_000_000, 'it has several parts');
is(join(' ', $s3->uploads_of('backups')), '', 'no upload is left open');

# --- stock tools read it

my $work = PostgreSQL::Test::Utils::tempdir();
BackupExt::write_file("$work/archive.zst", $bytes);
command_ok([ 'zstd', '-dq', "$work/archive.zst" ], 'zstd takes the object');
command_like([ 'pg_restore', '-l', "$work/archive" ], qr/TABLE DATA public files/, 'so does pg_restore');

# --- verify, restore, list

foreach my $level ('stored', 'readable')
{
	is($node->safe_psql('postgres', "SELECT bool_and(ok) FROM backup_verify('$id', '$level')"), 't',
		"backup_verify, $level");
}
$node->restore($id, 'again');
is( $node->safe_psql('again', 'SELECT count(*), md5(string_agg(data, NULL ORDER BY id)) FROM files'),
	$node->safe_psql($odd, 'SELECT count(*), md5(string_agg(data, NULL ORDER BY id)) FROM files'),
	'the same rows');

# --- a base backup, and recovery to a named point

my $base = $node->safe_psql('postgres', q{SELECT backup_now(kind => 'base')});
$node->safe_psql('postgres', 'CREATE TABLE story (step text)');
$node->safe_psql('postgres', q{INSERT INTO story VALUES ('before'); SELECT backup_mark('middle')});
$node->safe_psql('postgres', q{INSERT INTO story VALUES ('after')});
my $last = $node->safe_psql('postgres', 'SELECT pg_walfile_name(pg_switch_wal())');
$node->poll_query_until('postgres', "SELECT last_archived_wal >= '$last' FROM backup_wal")
  or die 'the last WAL is not archived';
is($node->safe_psql('postgres', "SELECT bool_and(ok) FROM backup_verify('$base')"), 't',
	'backup_verify of the base backup');

my $restored = BackupExt->to_be_restored('restored');
my ($out, $said);
IPC::Run::run([ 'pg_backup_ext', 'restore', '--to', $restored->data_dir, '--target-name', 'middle',
		'--target-action', 'promote', @store ], '<', \undef, '>', \$out, '2>', \$said)
  or fail("restored: $said");
$restored->begin_restored;
is($restored->safe_psql('postgres', 'SELECT string_agg(step, $$ $$) FROM story'), 'before',
	'recovery from the bucket ends where it should');
$restored->stop;

# --- the program alone

# As the README has it.
sub run_example
{
	my ($command) = @_;
	my ($example) = slurp_file('README.md') =~ /^    (pg_backup_ext $command [^\n]*s3:[^\n]*)$/m or die $command;

	$example =~ s{s3://[^']*}{$url};
	$example =~ s{=\w+\.credentials}{'=' . $s3->credentials}e;
	$example =~ s{ ID }{ $id };
	return IPC::Run::run([ 'sh', '-ec', $example ], '<', \undef, '>', \$out, '2>', \$said);
}

ok(run_example('list'), 'the program lists alone') or diag($said);
like($out, qr/\Q$id\E/, 'it has the backup');

# --- delete

$node->safe_psql('postgres', "SELECT backup_now(database => '$odd', content => 'schema')");
my $second = $node->backup_now($odd);
ok(run_example('delete'), 'a backup is deleted') or diag($said);
is(scalar(grep { index($_, $id) >= 0 } $s3->keys_of('backups')), 0, 'its objects are gone');

# --- what the URL says of new objects

sub init_repository
{
	my ($where, @credentials) = @_;
	my ($said, $wrong) = ('', '');

	@credentials = ('--credentials-file=' . $s3->credentials) if !@credentials;
	IPC::Run::run([ 'pg_backup_ext', 'init', "--repo=$where", @credentials, $node->connect_options ],
		'<', \undef, '>', \$said, '2>', \$wrong);
	return ($? >> 8, $said . $wrong);
}

my $key = "$work/sse.key";
BackupExt::write_file($key, 'x' x 32);
chmod 0600, $key;
my ($status, $text) = init_repository(
	$s3->tls_url('backups', 'customer', sse => 'customer', sse_customer_key_file => $key));
is($status, 0, 'a repository with a key of ours') or diag($text);
like($s3->request('GET', 'backups/customer/repository.json')->{status}, qr/^4/,
	'without the key the store gives nothing out');
chmod 0644, $key;
($status, $text) = init_repository(
	$s3->tls_url('backups', 'customer', sse => 'customer', sse_customer_key_file => $key));
like($text, qr/can be read by others|chmod/, 'a key that others may read is refused');

$s3->make_bucket('locked', lock => 1);
($status, $text) = init_repository(
	$s3->tls_url('locked', 'x', storage_class => 'STANDARD_IA', tags => 'team%3Ddb%26env%3Da',
		lock => 'governance', lock_days => 1));
is($status, 0, 'a repository with class, tags and lock') or diag($text);
like($text, qr/object lock: +GOVERNANCE for 1 days/, 'init shows what the store does');
my $head = $s3->request('HEAD', 'locked/x/repository.json')->{headers};
is($head->{'x-amz-storage-class'}, 'STANDARD_IA', 'the storage class is as asked for');
is($head->{'x-amz-object-lock-mode'}, 'GOVERNANCE', 'so is the lock');
like($s3->ask('GET', 'locked/x/repository.json', query => { tagging => '' }),
	qr{<Key>team</Key><Value>db</Value>}, 'so are the tags');
my ($version) = $s3->ask('GET', 'locked', query => { versions => '', prefix => 'x/repository.json' })
  =~ m{<VersionId>([^<]+)<};
is($s3->request('DELETE', 'locked/x/repository.json', query => { versionId => $version })->{status},
	403, 'nobody can remove what is locked');

($status, $text) = init_repository($s3->tls_url('backups', 'unlocked', lock => 'compliance', lock_days => 1));
like($text, qr/no object lock|ObjectLock|InvalidRequest/, 'a lock that the bucket cannot keep is refused');

# --- retention

my @two = map { $node->backup_now('postgres') } 1 .. 2;
my $doomed = sub { return grep { /\Q$two[0]\E/ } $s3->keys_of('backups') };
$node->set('backup_ext.keep_last', 1);
like($node->safe_psql('postgres', 'SELECT id, action FROM backup_expire()'), qr/^\Q$two[0]\E\|expire$/m, 'a backup expires');
is(join(' ', grep { m{/(?:manifest|expired)/} } $doomed->()), "main/one/expired/$two[0].json", 'it has a tombstone and no manifest');
is($node->safe_psql('postgres', "SELECT backup_unexpire('$two[0]') AND backup_unpin('$two[0]')"), 't', 'it is brought back');
$node->set('backup_ext.expire_grace', 0);
$node->safe_psql('postgres', 'SELECT backup_expire()');
is(join(' ', $doomed->()), '', 'without a grace nothing is left of it');
$node->set('backup_ext.keep_last', 0);

# --- what can be wrong

my $other = $s3->make_user('other');
foreach my $row (
	[ $s3->tls_url('nobucket', 'x'), undef, qr/bucket "nobucket" does not exist.*Create the bucket/s, 'no bucket' ],
	[ $s3->url('backups', 'x', endpoint => "https://localhost:$s3->{tls_port}"), undef,
		qr/certificate.*ca_file=/s, 'an authority that is not known' ],
	[ $s3->tls_url('backups', 'x'), $other, qr/s3:|AccessDenied/, 'no right' ],
	[ $s3->tls_url('backups', 'x', nonsense => 1), undef, qr/unknown option "nonsense".*storage_class/s, 'an unknown option' ])
{
	my ($where, $who, $expected, $name) = @$row;
	($status, $text) = init_repository($where, $who ? ("--credentials-file=$who") : ());
	isnt($status, 0, "$name: fails");
	like($text, $expected, "$name: says why");
	unlike($text, qr/\Q$s3->{secret}\E/, "$name: tells no secret");
}

$node->stop;
unlike(slurp_file($node->logfile), qr/\Q$s3->{secret}\E/, 'no secret is in the log');
unlike(slurp_file($node->logfile), qr/PANIC|terminated by signal/, 'nothing crashed');
done_testing();
