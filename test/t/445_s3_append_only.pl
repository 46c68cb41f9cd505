# A server whose credentials may add to the bucket and read, but remove and
# unlock nothing: it backs up and archives all the same. Who steals them can
# neither remove nor change what is there, only put other versions over it.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";

use BackupExt;
use BackupExtS3;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $s3 = BackupExtS3->start;
my $url = $s3->url('locked', 'repository', lock => 'governance', lock_days => 1);
my $writer = $s3->make_user('writer');
my $node = BackupExt->new('main');
my @as_writer = (credentials => $writer);

$s3->make_bucket('locked', lock => 1);
$s3->ask('PUT', 'locked', query => { policy => '' }, body => <<'END');
{"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
	"Principal": {"AWS": ["arn:aws:iam:::user/writer"]},
	"Action": ["s3:PutObject", "s3:PutObjectRetention", "s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket",
		"s3:ListBucketVersions", "s3:ListBucketMultipartUploads", "s3:ListMultipartUploadParts",
		"s3:AbortMultipartUpload", "s3:GetBucketVersioning", "s3:GetBucketObjectLockConfiguration"],
	"Resource": ["arn:aws:s3:::locked", "arn:aws:s3:::locked/*"]},
	{"Effect": "Allow", "Principal": {"AWS": ["arn:aws:iam:::user/owner"]}, "Action": ["s3:*"],
	"Resource": ["arn:aws:s3:::locked", "arn:aws:s3:::locked/*"]}]}
END
$node->init(extra => [ '--encoding=UTF8', '--locale=C', '--wal-segsize=1' ]);
$node->append_conf('postgresql.conf', sprintf <<'END', $url, $s3->credentials);
archive_mode = on
archive_library = 'backup_ext'
wal_level = replica
backup_ext.repository = '%s'
backup_ext.credentials_file = '%s'
END
$node->begin;
$node->safe_psql('postgres', 'CREATE TABLE kept AS SELECT g FROM generate_series(1, 1000) g');

# --- the server has the credentials that only add -------------------------------

$node->set('backup_ext.credentials_file', $writer);
my ($status, $out, $err);
$status = $node->psql('postgres', 'SELECT backup_now()', stdout => \$out, stderr => \$err);
is($status, 0, 'a backup is made') or diag($err);
my $id = $out;
note $err;
my $wal = $node->safe_psql('postgres', 'SELECT pg_walfile_name(pg_switch_wal())');
ok($node->poll_query_until('postgres', "SELECT last_archived_wal >= '$wal' FROM backup_wal"), 'WAL is archived');
is($node->safe_psql('postgres', "SELECT bool_and(ok) FROM backup_verify('$id', 'readable')"), 't', 'the backup is good');
# What cannot be removed either is the intent of who tried to.
$status = $node->psql('postgres', "SELECT backup_delete('$id', force => true)", stderr => \$err);
isnt($status, 0, 'it cannot be removed');
is($node->safe_psql('postgres', "SELECT bool_and(ok) FROM backup_verify('$id', 'readable')"), 't', 'and is as good as it was');
for my $more (1 .. 3)
{
	$node->safe_psql('postgres', 'SELECT backup_now()');
}
cmp_ok(scalar(my @left = $s3->keys_of('locked', 'repository/intent/')), '<=', 14, 'what is left over does not multiply');

# --- somebody else has them, too ---------------------------------------------------

my @keys = $s3->keys_of('locked', 'repository/');
my ($refused, $kept) = (0, 0);
for my $key (@keys)
{
	$refused++ if $s3->request('DELETE', "locked/$key", @as_writer)->{status} == 403;
}
is($refused, scalar @keys, 'nothing can be removed');
my ($manifest) = grep { m{/manifest/\Q$id\E} } @keys;
my $xml = $s3->ask('GET', 'locked', query => { versions => '', prefix => $manifest });
my ($version) = $xml =~ m{<VersionId>([^<]+)};
is($s3->request('DELETE', "locked/$manifest", query => { versionId => $version })->{status}, 403,
	'not even the owner can remove a version before its time');
my $garbage = $s3->request('PUT', "locked/$manifest", body => '{"format": 1}', @as_writer)->{status};
is($garbage, 200, 'another version can be put over it');
is($s3->request('GET', "locked/$manifest", query => { versionId => $version }, @as_writer)->{status}, 200,
	'and the good one is still there');

# The owner finds it, and takes the other one away.
$node->set('backup_ext.credentials_file', $s3->credentials);
$status = $node->psql('postgres', "SELECT backup_restore('$id', 'copy')", stdout => \$out, stderr => \$err);
note "status $status: $err";
if ($status != 0)
{
	like($err, qr/$id/, 'what was put over it is not believed');
	$xml = $s3->ask('GET', 'locked', query => { versions => '', prefix => $manifest });
	my ($other) = grep { $_ ne $version } $xml =~ m{<VersionId>([^<]+)}g;
	$s3->ask('DELETE', "locked/$manifest", query => { versionId => $other });
	$node->safe_psql('postgres', "SELECT backup_restore('$id', 'copy')");
}
is($node->safe_psql('copy', 'SELECT count(*), sum(g) FROM kept'), '1000|500500', 'the good version restores');
$node->stop;
done_testing();
