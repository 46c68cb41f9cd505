# A repository in Azure Blob Storage: everything that every store promises, with
# the account's key and with a shared access signature, and the way from backup
# to restore. The server is Microsoft's emulator, which checks signatures.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use Cwd qw(realpath);
use Digest::SHA qw(hmac_sha256_base64);
use HTTP::Tiny;
use IO::Socket::INET ();
use IPC::Run ();
use MIME::Base64 qw(encode_base64 decode_base64);
use POSIX qw(strftime);
use PostgreSQL::Test::Utils;
use Test::More;
use BackupExt;

my $program = 'build/npm/node_modules/.bin/azurite-blob';
plan skip_all => 'run "make stores", which installs the emulator' unless -x $program;

# --- a server of our own -------------------------------------------------------

my $dir = realpath(PostgreSQL::Test::Utils::tempdir_short());
my $port = do { IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1')->sockport };
my ($account, $key) = ('testaccount', encode_base64('a key of the test, not of anybody', ''));
my $emulator = do
{
	local $ENV{AZURITE_ACCOUNTS} = "$account:$key";
	IPC::Run::start([ $program, '--blobHost', '127.0.0.1', '--blobPort', $port, '--location', "$dir/data",
			'--silent', '--skipApiVersionCheck', '--disableTelemetry', '--disableProductStyleUrl' ],
		'<', \undef, '>', "$dir/log", '2>&1');
};
END { my $status = $?; $emulator->kill_kill if $emulator; $? = $status; }
for (1 .. 300)
{
	last if IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port");
	select undef, undef, undef, 0.1;
}

sub padded { my ($text) = @_; return $text . '=' x (-length($text) % 4); }
sub sign { return padded(hmac_sha256_base64($_[0], decode_base64($key))); }

{
	my $date = strftime('%a, %d %b %Y %H:%M:%S GMT', gmtime);
	my $signature = sign("PUT" . "\n" x 12 . "x-ms-date:$date\nx-ms-version:2021-08-06\n"
		  . "/$account/$account/box\nrestype:container");
	my $answer = HTTP::Tiny->new->put("http://127.0.0.1:$port/$account/box?restype=container",
		{ headers => { 'x-ms-date' => $date, 'x-ms-version' => '2021-08-06',
				Authorization => "SharedKey $account:$signature" } });
	is($answer->{status}, 201, 'a container') or diag($answer->{content});
}

sub credentials
{
	my ($name, $lines) = @_;
	BackupExt::write_file("$dir/$name", $lines);
	chmod 0600, "$dir/$name";
	return "$dir/$name";
}

my $by_key = credentials('key', "account = $account\nkey = $key\n");
my $until = strftime('%Y-%m-%dT%H:%M:%SZ', gmtime(time + 3600));
my %sas = (sv => '2020-02-10', ss => 'b', srt => 'sco', sp => 'rwdlac', se => $until);
$sas{sig} = sign(join "\n", $account, @sas{qw(sp ss srt)}, '', $sas{se}, '', '', $sas{sv}, '');
my $by_sas = credentials('sas', "account = $account\nsas = "
	  . join('&', map { "$_=" . encode($sas{$_}) } sort keys %sas) . "\n");

sub encode { return $_[0] =~ s/([^A-Za-z0-9_.~-])/sprintf '%%%02X', ord $1/ger; }
sub url
{
	my ($prefix, $file) = @_;
	return "azure://box/$prefix?endpoint=" . encode("http://127.0.0.1:$port/$account")
	  . "&credentials_file=" . encode($file);
}

{
	package Node;
	our @ISA = ('BackupExt');
	sub url { return main::url('the/repository', $by_key); }
}

# --- every store's promises ------------------------------------------------------

for ([ 'the key', $by_key ], [ 'a shared access signature', $by_sas ])
{
	my ($name, $file) = @$_;
	local $ENV{BACKUP_EXT_TEST_STORE} = url('store-@PLACE@', $file);
	my $said = '';
	ok(IPC::Run::run([ 'build/test/unit/test_storage' ], '<', \undef, '>&', \$said),
		"the promises of a store, with $name") or diag($said);
}

# --- from backup to restore ------------------------------------------------------

my $node = Node->new('main');
$node->init;
$node->append_conf('postgresql.conf', <<'END');
wal_level = replica
archive_mode = on
archive_library = 'backup_ext'
fsync = off
END
$node->begin;
$node->load('shop', 'shop.sql');
my $id = $node->backup_now('shop');
is($node->safe_psql('postgres', "SELECT bool_and(ok) FROM backup_verify('$id')"), 't', 'a backup can be verified');
is($node->restore($id, 'shop_copy'), 'shop_copy', 'and restored');
$node->same_rows('shop_copy', $node, 'shop', 'the copy has the same rows');

my $base = $node->base_backup;
$node->safe_psql('postgres', 'CREATE TABLE later AS SELECT 42 AS x');
$node->wait_archived;
my $other = BackupExt->to_be_restored('restored');
$node->restore_into($other, '--target', 'latest', '--target-action', 'promote');
$other->begin_restored;
is($other->safe_psql('postgres', 'SELECT x FROM later'), '42', 'WAL comes back too');
$other->stop;

# --- what is refused ---------------------------------------------------------------

sub refused
{
	my ($name, $url, $text) = @_;
	my ($out, $err) = ('', '');

	IPC::Run::run([ 'pg_backup_ext', 'list', '--repo', $url ], '<', \undef, '>', \$out, '2>', \$err);
	isnt($? >> 8, 0, "$name: fails");
	unlike($err, qr/\Q$key\E|\Q$sas{sig}\E|\Q${\ encode($sas{sig})}\E/, "$name: tells no secret");
	return like($err, $text, "$name: says why");
}

my $wrong = credentials('wrong', "account = $account\nkey = " . encode_base64('another key', '') . "\n");
refused('a wrong key', url('x', $wrong), qr/AuthenticationFailed|AuthorizationFailure/);
refused('no credentials', url('x', credentials('none', "account = $account\n")), qr/neither a key nor/);
refused('no container', url('x', $by_key) =~ s{//box/}{//nobox/}r, qr/ContainerNotFound.*Create the container/s);

done_testing();
