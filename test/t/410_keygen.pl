# The program makes keys: nobody else can read them, nothing is ever written
# over, and age's own programs understand them.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use BackupExt;
use PostgreSQL::Test::Utils;
use Test::More;

my $folder = PostgreSQL::Test::Utils::tempdir;
my ($key, $identity) = ("$folder/server.key", "$folder/owner.identity");
my @files = ("--key-file=$key", "--identity-file=$identity");

# Run it; its output, errors and whether it was good.
sub keygen
{
	my ($out, $err) = ('', '');
	my $good = IPC::Run::run([ 'pg_backup_ext', 'keygen', @_ ], '>', \$out, '2>', \$err);
	return ($out, $err, $good);
}

sub mode { return sprintf '%04o', (stat $_[0])[2] & 07777; }

# Before the umask could help.
umask 0;
my ($out, $err, $good) = keygen(@files);
ok($good, 'keys are made') or diag $err;
is(mode($key), '0600', 'the key file is for its owner alone');
is(mode($identity), '0600', 'so is the identity file');
my ($recipient) = $out =~ /^public key: (age1\w+)$/m;
ok($recipient, 'the public key is shown');
like($out, qr/^repository key: [0-9a-f]{16}$/m, 'and the name of the repository key');
unlike("$out$err", qr/AGE-SECRET-KEY|[0-9a-f]{64}/, 'nothing secret is');
my ($key_text, $identity_text) = (slurp_file($key), slurp_file($identity));
unlike($key_text, qr/\Q$_\E/, 'the server does not have the private key')
  for $identity_text =~ /^(AGE-SECRET-KEY-\w+)$/m;

# The stock programs.
my $printed = `age-keygen -y '$identity'`;
is($printed, "$recipient\n", 'age-keygen sees the same public key');
append_to_file("$folder/plain", "some text\n" x 10000);
system_or_bail('age', '-r', $recipient, '-o', "$folder/packed", "$folder/plain");
system_or_bail('age', '-d', '-i', $identity, '-o', "$folder/back", "$folder/packed");
is(slurp_file("$folder/back"), slurp_file("$folder/plain"), 'age opens with the identity file');

# Nothing is written over, and nothing is left of an attempt.
unlink "$folder/back", "$folder/packed", "$folder/plain";
for my $taken ([ $key, "$folder/new" ], [ "$folder/new", $identity ])
{
	($out, $err, $good) = keygen("--key-file=$taken->[0]", "--identity-file=$taken->[1]");
	ok(!$good, 'an existing file is not written over');
	like($err, qr/file ".*" exists \(SQLSTATE 42710\)/, 'it says why');
}
is(slurp_file($key), $key_text, 'the key file is as it was');
is(slurp_file($identity), $identity_text, 'the identity file is as it was');
is(join(' ', sort map { m{([^/]+)$} } glob "$folder/{*,.tmp*}"), 'owner.identity server.key',
	'nothing is left behind');

# A new repository key is a new line at the end of both.
($out, $err, $good) = keygen('--rotate', @files);
ok($good, 'the repository key is rotated') or diag $err;
my ($new) = slurp_file($key) =~ /\A\Q$key_text\Erepository-key ([0-9a-f]{64})\n\z/;
ok($new, 'the key file has one line more');
is(slurp_file($identity), "$identity_text# backup_ext repository-key $new\n",
	'and the identity file the same');
is(`age-keygen -y '$identity'`, $printed, 'age still reads it');
($out, $err, $good) = keygen('--rotate', "--key-file=$key");
like($out, qr/tail -n 1 '\Q$key\E' \| sed/, 'without the identity file it says what to add there');
my ($line) = $out =~ /(tail -n 1 .*)$/m;
like(`$line`, qr/^# backup_ext repository-key [0-9a-f]{64}$/, 'and the command works');

# What would not be safe.
chmod 0644, $key;
(undef, $err, $good) = keygen('--rotate', @files);
like($err, qr/42501/, 'a key file that others can read is refused');
mkdir "$folder/data";
mkdir "$folder/data/global";
append_to_file("$folder/data/global/pg_control", 'x');
(undef, $err) = keygen("--key-file=$folder/k", "--identity-file=$folder/data/global/owner");
like($err, qr/is in a data directory.*22023/, 'keys do not lie in a data directory');
(undef, $err) = keygen("--key-file=$folder/k");
like($err, qr/identity-file/, 'both files are needed');

done_testing();
