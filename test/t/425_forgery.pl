# Who can write into the store and has no repository key cannot make us believe
# what he wrote; and keys come and go without a new repository.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use BackupExt;
use Digest::SHA ();
use File::Copy ();
use JSON::PP ();
use PostgreSQL::Test::Utils;
use Test::More;

my $node = BackupExt->new('main');
$node->init(allows_streaming => 1);
my $base = $node->basedir;
my $repo = $node->repository;
keygen('server');
keygen('forger');
my @keys = ('--key-file', "$base/server.key", '--identity-file', "$base/server.identity");
my @forger = ('--key-file', "$base/forger.key");
$node->append_conf('postgresql.conf', <<"END");
backup_ext.key_file = '$base/server.key'
archive_mode = on
archive_library = 'backup_ext'
END
$node->begin;
$node->safe_psql('postgres', "CREATE TABLE t AS SELECT 'mine' AS name");
my $one = $node->backup_now('postgres');
my $two = $node->backup_now('template1');
$node->safe_psql('postgres', "SELECT * FROM backup_verify('$one', 'stored')");
my $segment = $node->wait_archived;
my $first_key = $node->read_json("manifest/$one.json")->{seal}{key};
my $recipient = recipient('server');

# --- small files ---------------------------------------------------------------

my ($manifest, $other) = map { "manifest/$_.json" } $one, $two;
my ($note) = map { s{^\Q$repo\E/}{}r } glob "$repo/note/$one/*";
my $later = $note =~ s{.*/\K\d{8}T}{29991231T}r;
my $own = 'is not authenticated';

# What is done, what it is done to, and what a reader says.
my @forgeries = (
	[ 'a manifest edited', $manifest, sub { edit($manifest, 1, label => 'edited') }, 'does not agree with its seal' ],
	[ 'with its digest made right', $manifest, sub { edit($manifest, 0, label => 'edited') }, 'is forged' ],
	[ 'with a seal that anybody can make', $manifest, sub { $node->write_json($manifest, $node->read_json($manifest)) }, $own ],
	[ "another backup's manifest", $manifest, sub { copy($other, $manifest) }, 'is forged' ],
	[ 'a note that anybody can make', $later, sub { $node->write_json($later, $node->read_json($note)) }, $own ],
	[ 'an old note with a new name', $later, sub { copy($note, $later) }, 'is forged' ],
);
foreach (@forgeries)
{
	my ($name, $path, $forge, $reason) = @$_;
	my $before = -e "$repo/$path" ? slurp_file("$repo/$path") : undef;

	$forge->();
	$node->safe_psql('postgres', 'SELECT backup_sync()');
	like($node->safe_psql('postgres', "SELECT state, problem FROM backup_list() WHERE id = '$one'"),
		qr/^bad\|\Q$path\E $reason/, "$name: the list tells");
	$node->program_fails([ 'restore', $one, '--to', 'never', @keys ], qr/\Q$path\E $reason/, "$name: no restore")
	  if $path eq $manifest;
	defined $before ? BackupExt::write_file("$repo/$path", $before) : unlink "$repo/$path";
}

# A mark of somebody else is none.
my ($mark) = $node->safe_psql('postgres', q{SELECT backup_mark('mine')}) ? glob "$repo/mark/*/*-mine.json" : die;
my $false_mark = $mark =~ s{^\Q$repo\E/|mine(?=\.json$)}{$& eq 'mine' ? 'false' : ''}ger;
my $content = $node->read_json($mark =~ s{^\Q$repo\E/}{}r);
$content->{name} = 'false';
$node->write_json($false_mark, $content);
$node->safe_psql('postgres', 'SELECT backup_sync()');
is($node->safe_psql('postgres', 'SELECT string_agg(name, $$ $$) FROM backup_mark_list'), 'mine', 'a false mark is left out');
unlink "$repo/$false_mark";

# --- whole backups -------------------------------------------------------------

my ($status, $out, $err) = $node->program('backup', '--database', 'template1', '--json', @forger);
my ($fake) = $out =~ /"id": *"([^"]+)"/ or die "no backup: $err";
my $forgers_key = $node->read_json("manifest/$fake.json")->{seal}{key};
$node->program_fails([ 'restore', $fake, '--to', 'never', @keys ],
	qr/is sealed with repository key $forgers_key, which is not among those given.*$first_key/s, "somebody else's backup");
$node->program_fails([ 'restore', $one, '--to', 'never', @forger ],
	qr/is sealed with repository key $first_key, which is not among those given/, 'the wrong keys');
$node->program_fails([ 'restore', $one, '--to', 'never' ],
	qr/is sealed with repository key $first_key, which was not given.*--key-file/s, 'no keys');
$node->program_ok([ 'verify', $one, '--level=stored', '--unauthenticated' ], 'who insists gets a verdict');
is(scalar(my @notes = glob "$repo/note/$one/*"), 1, 'which is not written down');
unlink "$repo/manifest/$fake.json";

# --- objects ---------------------------------------------------------------------

my $restore = $node->object($one, 'RESTORE.txt');
my $object = $node->object($one, 'archive.dump.001.zst.age');
foreach ([ $restore, 'RESTORE.txt', sub { append_to_file($restore, "rm -rf /\n") }, 'cat', $one, '--object', 'RESTORE.txt' ],
	[ $object, 'archive.dump.001.zst.age', sub { system_or_bail('age', '-r', $recipient, '-o', $object, '/etc/passwd') }, 'restore', $one, '--to', 'never' ])
{
	my ($path, $name, $forge, @command) = @$_;
	my $before = slurp_file($path);

	$forge->();
	$node->program_fails([ @command, @keys ], qr/object "\Q$name\E" of backup "$one" (?:is damaged|has another size)/, "$name replaced");
	BackupExt::write_file($path, $before);
}

# --- WAL -------------------------------------------------------------------------

# A segment that the server has not got to yet, encrypted to the owner.
my ($plain, $next) = ("$base/plain", substr($segment, 0, 16) . '000000F0');
my ($folder) = map { s{/[^/]+$}{}r } glob "$repo/wal/*/*/*/$segment-*";
my ($cluster) = $folder =~ m{/wal/(\d+)/};
my @get = ('archive-get', $next, "$base/got", '--retry=0', "--system-identifier=$cluster");
BackupExt::write_file($plain, 'forged' x 1000);
system_or_bail('age', '-r', $recipient, '-o', "$folder/$next-" . Digest::SHA::sha256_hex(slurp_file($plain)) . '.age', $plain);
($status, $out, $err) = $node->program(@get, @keys);
is($status, 126, 'a forged segment is not the end of WAL');
like($err, qr/object "\S+$next-\S+" is not authenticated.*plain SHA-256/s, 'and is not believed');
ok(!-e "$base/got", 'nor given');
($status, $out, $err) = $node->program(@get, @keys, '--unauthenticated');
is($status, 0, 'unless somebody insists');
unlink glob "$folder/$next-*";

# --- keys come and go ----------------------------------------------------------------

chmod 0644, "$base/server.key";
$node->program_fails([ 'list', @keys ], qr/server\.key/, 'a key file that others can read');
chmod 0600, "$base/server.key";
system_or_bail('pg_backup_ext', 'keygen', '--rotate', @keys);
keygen('next');
my $old = slurp_file("$base/server.key");
my $new_recipient = recipient('next');
BackupExt::write_file("$base/server.key", $old =~ s/^recipient \S+/recipient $new_recipient/mr);
my $three = $node->backup_now('postgres');
isnt($node->read_json("manifest/$three.json")->{seal}{key}, $first_key, 'a new repository key seals');
is_deeply($node->read_json("manifest/$three.json")->{recipients}, [$new_recipient], 'and a new owner reads');
$node->safe_psql('postgres', 'SELECT backup_sync()');
is($node->safe_psql('postgres', 'SELECT count(*) FROM backup_list() WHERE state = $$good$$'), '3', 'all are believed');
my @new = ('--key-file', "$base/server.key", '--identity-file', "$base/next.identity");
$node->program_ok([ 'restore', $three, '--to', 'three', @new ], 'the new owner restores the new backup');
$node->program_fails([ 'restore', $one, '--to', 'never', @new ], qr/could not decrypt object .*encrypted to $recipient/s,
	'but not the old one');
append_to_file("$base/next.identity", slurp_file("$base/server.identity"));
$node->program_ok([ 'restore', $one, '--to', 'one', @new ], 'with both private keys he does');
is($node->safe_psql('one', 'SELECT name FROM t'), 'mine', 'it is the right one');
my ($line) = $old =~ /^(repository-key .*\n)/m;
my $text = slurp_file("$base/server.key");
BackupExt::write_file("$base/server.key", $text =~ s/\Q$line\E//r);
$node->sql_fails("SELECT * FROM backup_verify('$one', 'stored')", '28000',
	"is sealed with repository key $first_key, which is not among those given", 'a retired repository key');
is($node->safe_psql('postgres', "SELECT bool_and(ok) FROM backup_verify('$three', 'stored')"), 't', 'the new backup is good');

done_testing();

sub keygen
{
	my ($name) = @_;
	system_or_bail('pg_backup_ext', 'keygen', '--key-file', "$base/$name.key", '--identity-file', "$base/$name.identity");
	return;
}

sub recipient
{
	my ($name) = @_;
	my ($key) = slurp_file("$base/$name.identity") =~ /public key: (age1\w+)/;
	return $key;
}

sub copy { return File::Copy::copy("$repo/$_[0]", "$repo/$_[1]"); }

# Changes a member of a small file, and, unless it shall stay, the digest.
sub edit
{
	my ($path, $stay, $member, $value) = @_;
	my $json = $node->read_json($path);
	my $seal = delete $json->{seal};
	my $coder = JSON::PP->new->utf8->canonical;

	$json->{$member} = $value;
	$seal->{sha256} = Digest::SHA::sha256_hex($coder->encode($json)) unless $stay;
	$json->{seal} = $seal;
	BackupExt::write_file("$repo/$path", $coder->encode($json));
	return;
}
