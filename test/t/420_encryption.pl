# A server that encrypts to an owner whose private key it does not have: it
# backs up, archives and checks, and reads nothing back; who has the private key
# restores everything, with the program or with stock tools.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use BackupExt;
use Cwd ();
use PostgreSQL::Test::Utils;
use Test::More;

my $canary = 'canary in the coal mine';
my $node = BackupExt->new('main');
$node->init(allows_streaming => 1);
my $repo = $node->repository;
my ($key, $identity) = map { $node->basedir . "/$_" } 'server.key', 'owner.identity';
system_or_bail('pg_backup_ext', 'keygen', '--key-file', $key, '--identity-file', $identity);
my @owner = ('--identity-file', $identity);
$node->append_conf('postgresql.conf', <<"END");
backup_ext.key_file = '$key'
backup_ext.compression = 'none'
archive_mode = on
archive_library = 'backup_ext'
END
$node->begin;
ok($node->read_json('repository.json')->{encrypted}, 'the repository knows that it is encrypted');
$node->load('shop', 'shop.sql');
$node->safe_psql('shop', "CREATE TABLE birds AS SELECT '$canary' AS name, i FROM generate_series(1, 1000) i");
my $logical = $node->backup_now('shop');
my $base = $node->safe_psql('postgres', "SELECT backup_now('base')");
$node->safe_psql('shop', "INSERT INTO birds VALUES ('$canary', 0)");
$node->wait_archived;

# --- what lies there ---------------------------------------------------------

my @plain = grep { !/\.age$/ } map { m{/(?:backup|wal)/.*?([^/]+)$} && -f $_ ? $1 : () }
  split /\n/, BackupExt::tree($repo);
is("@plain", 'RESTORE.txt RESTORE.txt', 'all objects and all WAL are encrypted but the instructions');
is(join(' ', grep { -f && slurp_file($_) =~ /$canary/ } split /\n/, BackupExt::tree($repo)), '',
	'what is in the tables is nowhere to be read');
my ($recipient) = slurp_file($identity) =~ /public key: (age1\w+)/;
is_deeply($node->read_json("manifest/$logical.json")->{recipients}, [$recipient], 'the manifest names the recipient');
is($node->safe_psql('postgres', 'SELECT bool_and(encrypted), count(*) FROM backup_list()'), 't|2', 'the list shows it');

# --- what the server can do --------------------------------------------------

is($node->safe_psql('postgres', "SELECT bool_and(ok) FROM backup_verify('$_', 'stored')"), 't', "the server checks what is stored of $_")
  foreach $logical, $base;
is($node->safe_psql('postgres', 'SELECT backup_sync()'), '2', 'it reads its list');
is($node->safe_psql('postgres', 'SELECT count(*) FROM backup_wal_range WHERE segments > 0 AND gaps = 0'), '1', 'it knows what WAL it has');
is($node->safe_psql('postgres', q{SELECT string_agg(detail, ' / ' ORDER BY check_name) FROM backup_check() WHERE check_name ~ 'key file|identity' AND ok})
	=~ s/[0-9a-f]{16}/ID/r,
	'not on this server: it cannot read its own backups, nor can who takes it over / recipients: 1, repository keys: 1, of which ID seals',
	'the check tells of its keys');
my $needs = qr/could not decrypt object "[a-z.]+\.\d+\.age" of backup ".*encrypted to $recipient.*HINT.*backup_ext\.identity_file/s;
$node->sql_fails("SELECT * FROM backup_verify('$logical', 'readable')", '28000', $needs, 'to read a backup');
$node->sql_fails("SELECT backup_restore('$logical', 'copy')", '28000', $needs, 'to restore one');
is($node->safe_psql('postgres', 'SELECT count(*) FROM backup_list() WHERE state = $$good$$'), '2', 'which says nothing against them');
my ($segment) = glob "$repo/wal/*/*/*/*.age";
my ($cluster, $wal) = $segment =~ m{/wal/(\d+)/.*/([0-9A-F]{24})-};
my ($status, $out, $err) = $node->program('archive-get', $wal, $node->basedir . '/got', '--retry=0',
	"--system-identifier=$cluster", '--key-file', $key);
is($status, 126, 'archive-get does not take it for the end of WAL');
like($err, qr/could not decrypt object "wal/, 'and says why');

# --- a server that forgot its keys ---------------------------------------------

$node->set('backup_ext.key_file', '');
$node->sql_fails("SELECT backup_now('logical', 'shop')", '55000', 'is encrypted, and there is no key file.*HINT.*backup_ext.key_file',
	'a backup without the keys');
$node->safe_psql('postgres', "SELECT pg_logical_emit_message(true, 'x', 'x'); SELECT pg_switch_wal()");
$node->poll_query_until('postgres', 'SELECT failed_count > 0 FROM pg_stat_archiver') or die 'WAL was archived plain';
$node->set('backup_ext.key_file', "$key.gone");
$node->sql_fails("SELECT backup_now('logical', 'shop')", '58P01', 'server\.key\.gone', 'a backup with a key file that is not there');
$node->set('backup_ext.key_file', $key);
$node->wait_archived;
ok(!(grep { !/\.age$/ } glob "$repo/wal/*/*/*/*"), 'nothing was archived plain');

# --- who has the private key ---------------------------------------------------

$node->program_ok([ 'verify', $_, @owner ], "the owner can read $_") foreach $logical, $base;
$node->program_ok([ 'restore', $logical, '--to', 'copy', @owner ], 'and restore');
is($node->safe_psql('copy', 'SELECT count(*) FROM birds'), '1000', 'the rows are there');
my $restored = BackupExt->to_be_restored('restored');
my $here = Cwd::getcwd();
chdir $node->basedir or die;
$node->restore_into($restored, $base, '--identity-file', 'owner.identity', '--target-action=promote');
chdir $here or die;
like(slurp_file($restored->data_dir . '/postgresql.auto.conf'), qr/restore_command = '.*--identity-file ''\Q$identity\E''/,
	'the restored server gets the full path');
$restored->begin_restored;
$restored->same_rows('shop', $node, 'shop', 'a restored cluster has all rows');
is($node->program_ok([ 'cat', $logical, '--object', 'RESTORE.txt', @owner ], 'the instructions can be checked'),
	slurp_file($node->object($logical, 'RESTORE.txt')), 'and are these');

# --- a second repository ---------------------------------------------------------

my $second = $node->url . '-second';
$node->program_ok([ 'replicate', '--to', $second, '--create', '--key-file', $key ], 'the server copies what it cannot read');
command_ok([ 'pg_backup_ext', 'verify', $base, '--repo', $second, @owner ], 'and the owner can read the copy');

# --- with stock tools -----------------------------------------------------------

local %ENV = (%ENV, IDENTITY => $identity, PGHOST => $node->host, PGPORT => $node->port);
command_ok([ 'sh', '-c', 'cd "$1" && sh RESTORE.txt stock', 'sh', $node->object($logical, '') ], 'RESTORE.txt restores the backup');
is($node->safe_psql('stock', 'SELECT count(*) FROM birds'), '1000', 'with its rows');
my $stock = BackupExt->to_be_restored('stock');
command_ok([ 'sh', $node->object($base, 'RESTORE.txt'), $stock->data_dir ], 'RESTORE.txt restores the cluster');
$stock->begin_restored;
$stock->same_rows('shop', $node, 'shop', 'and gets the WAL, too');
my $script = $node->object($base, 'RESTORE.txt');
is(system("sh '$script' --wal $wal '" . $node->basedir . "/plain'"), 0, 'as a restore_command');
rename $segment, $segment =~ s/-\K[0-9a-f]{8}/00000000/r or die;
is(system("sh '$script' --wal $wal '" . $node->basedir . "/plain'") >> 8, 203, 'it takes no WAL that the owner has not named');
delete $ENV{IDENTITY};
is(system("sh '$script' --wal $wal plain 2>/dev/null") >> 8, 205, 'and without a key there is no end of WAL');

# --- nobody else sees ----------------------------------------------------------

my ($secret) = slurp_file($key) =~ /^repository-key (\w+)/m;
my ($private) = slurp_file($key) =~ /^identity (\S+)/m;
my $seen = slurp_file($node->logfile)
  . $node->safe_psql('postgres', 'SELECT * FROM pg_settings') . $node->safe_psql('postgres', 'SELECT * FROM backup_run');
unlike($seen, qr/\Q$secret\E|\Q$private\E|AGE-SECRET-KEY/i, 'no secret is in a setting, in the log or in a run');

done_testing();
