# A repository on an SFTP server: everything that every store promises, the way
# from backup to restore, and whom the program refuses to speak with.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use Cwd qw(realpath);
use Digest::SHA qw(sha256_base64);
use IO::Socket::INET ();
use IPC::Run ();
use MIME::Base64 qw(decode_base64);
use PostgreSQL::Test::Utils;
use Test::More;
use BackupExt;

plan skip_all => 'OpenSSH\'s server is not installed' unless -x '/usr/sbin/sshd';

# --- a server of our own -------------------------------------------------------

my $dir = realpath(PostgreSQL::Test::Utils::tempdir_short());
my $user = getpwuid $<;
my $port = do { IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1')->sockport };
my $sshd;

sub start_server
{
	IPC::Run::run([ 'ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', "$dir/$_" ]) or die
	  for grep { !-e "$dir/$_" } qw(host client stranger);
	BackupExt::write_file("$dir/authorized_keys", slurp_file("$dir/client.pub"));
	BackupExt::write_file("$dir/sshd_config", <<"END");
Port $port
ListenAddress 127.0.0.1
HostKey $dir/host
PidFile none
AuthorizedKeysFile $dir/authorized_keys
UsePAM no
StrictModes no
PasswordAuthentication no
Subsystem sftp internal-sftp
ForceCommand internal-sftp
MaxStartups 100
END
	$sshd = IPC::Run::start([ '/usr/sbin/sshd', '-D', '-f', "$dir/sshd_config", '-E', "$dir/log" ]);
	for (1 .. 100)
	{
		return if IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port");
		select undef, undef, undef, 0.1;
	}
	die 'no server: ' . slurp_file("$dir/log");
}

END { my $status = $?; $sshd->kill_kill if $sshd; $? = $status; }

sub encode { return $_[0] =~ s/([^A-Za-z0-9_.~-])/sprintf '%%%02X', ord $1/ger; }
sub fingerprint { return sha256_base64(decode_base64((split ' ', slurp_file("$dir/$_[0].pub"))[1])); }
sub url
{
	my ($path, %option) = @_;
	my %all = (private_key_file => "$dir/client", host_key_sha256 => 'SHA256:' . fingerprint('host'), %option);

	return "sftp://$user\@127.0.0.1:$port$dir/$path?"
	  . join('&', map { "$_=" . encode($all{$_}) } sort grep { defined $all{$_} } keys %all);
}

{
	package Node;
	our @ISA = ('BackupExt');
	sub url { return main::url('repository'); }
}

start_server();

# --- every store's promises ------------------------------------------------------

{
	local $ENV{BACKUP_EXT_TEST_STORE} = url('store-@PLACE@');
	my $said = '';
	ok(IPC::Run::run([ 'build/test/unit/test_storage' ], '<', \undef, '>&', \$said), 'the promises of a store')
	  or diag($said);
}

# Sweeping takes what a writer that died has left, and what is still written to
# stays.
mkdir "$dir/swept";
mkdir "$dir/swept/a";
BackupExt::write_file("$dir/swept/a/$_", $_) for qw(.tmp-old .tmp-new object);
utime time - 90_000, time - 90_000, "$dir/swept/a/.tmp-old", "$dir/swept/a/object";
ok(IPC::Run::run([ 'build/test/tool/store', url('swept'), 'sweep', '' ]), 'a sweep');
is(join(' ', sort map { s{.*/}{}r } glob "$dir/swept/a/{.tmp-*,*} $dir/swept/.tmp-*"), '.tmp-new object',
	'takes only old temporaries');

# A server that stops in the middle keeps nobody from giving up.
BackupExt::write_file("$dir/large", 'x' x 100_000_000);
{
	my $put = IPC::Run::start([ 'build/test/tool/store', url('swept'), 'put', 'large', "$dir/large" ],
		'<', \undef, '>', '/dev/null', '2>', \my $said, IPC::Run::timeout(60));
	PostgreSQL::Test::Utils::system_log('true') until glob "$dir/swept/.tmp-?????????*";
	my @stopped = map { split ' ', `pgrep -P $_` } map { ($_, split ' ', `pgrep -P $_`) } $sshd->{KIDS}[0]{PID};
	kill STOP => @stopped;
	$put->signal('TERM');
	ok(!eval { $put->finish } && !$@, 'a transfer ends that is stopped') or diag($@);
	like($said, qr/57014/, 'and says so');
	kill CONT => @stopped;
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
my $wal = $node->wait_archived;
my $other = BackupExt->to_be_restored('restored');
$node->restore_into($other, '--target', 'latest', '--target-action', 'promote');
$other->begin_restored;
is($other->safe_psql('postgres', 'SELECT x FROM later'), '42', 'WAL comes back too');
$other->stop;

like($node->program_ok([ 'wal' ], 'WAL is listed'), qr/$wal/, 'up to the last segment');

# Retention compares the clocks, and needs the time of a file for that.
my $second = $node->safe_psql('postgres', 'SELECT backup_now()');
my $third = $node->safe_psql('postgres', 'SELECT backup_now()');
$node->set('backup_ext.keep_last', 1);
$node->set('backup_ext.expire_grace', 0);
is($node->safe_psql('postgres', "SELECT string_agg(action, ' ') FROM backup_expire() WHERE id = '$second'"), 'expire delete', 'a backup expires and goes');
$node->set('backup_ext.keep_last', 0);
$node->safe_psql('postgres', "SELECT backup_delete('$_', force => true)") for $id, $base, $third;
is(join(' ', glob "$dir/repository/backup/*"), '', 'a deleted backup leaves no folder');

# --- who is not believed -----------------------------------------------------------

sub refused
{
	my ($name, $url, $text, $status) = @_;
	my ($out, $err) = ('', '');

	IPC::Run::run([ 'pg_backup_ext', 'list', '--repo', $url ], '<', \undef, '>', \$out, '2>', \$err);
	is($? >> 8, $status // 1, "$name: fails");
	return like($err, $text, "$name: says why");
}

refused('another host key', url('repository', host_key_sha256 => fingerprint('client')),
	qr/could not trust the host key.*SHA256:\Q${\ fingerprint('host')}\E/s);
BackupExt::write_file("$dir/known", "[127.0.0.1]:$port " . slurp_file("$dir/stranger.pub"));
refused('another key in known_hosts', url('repository', host_key_sha256 => undef, known_hosts => "$dir/known"),
	qr/could not trust the host key.*ssh-keyscan/s);
refused('no host key', url('repository', host_key_sha256 => undef), qr/needs either known_hosts or host_key_sha256/, 2);
refused('a stranger', url('repository', private_key_file => "$dir/stranger"), qr/refused the login.*authorized_keys/s);
chmod 0644, "$dir/stranger";
refused('a key that is open', url('repository', private_key_file => "$dir/stranger"), qr/open to other users/);
BackupExt::write_file("$dir/known", "[127.0.0.1]:$port " . slurp_file("$dir/host.pub"));
($other) = IPC::Run::run([ 'pg_backup_ext', 'list', '--repo', url('repository', host_key_sha256 => undef, known_hosts => "$dir/known") ],
	'<', \undef, '>', \my $out, '2>', \my $err);
ok($other, 'a key in known_hosts is believed') or diag($err);
$sshd->kill_kill;
refused('no server', url('repository'), qr/could not connect to/);

done_testing();
