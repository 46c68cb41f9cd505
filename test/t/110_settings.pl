# Settings that cannot work, and places that are not what they should be: each
# is refused with its own words and what to do, and nothing is written.
use strict;
use warnings;
use File::Basename qw(basename);
use FindBin;
use lib "$FindBin::RealBin/../perl";
use BackupExtFaults;
use Test::More;

my $server = BackupExtFaults->new('main');
my $node = $server->node;
my $repo = $server->repo;
my $place = $server->{place};
my $url = "file://$repo";
my $started = $server->start_time;
my $good = $server->backup;

# --- values that are no repository ------------------------------------------

for my $value ('hello', 'repo', '/backup/main', 'file:', 'file://', 'file:///',
	'file://backup/main', 'file:backup', 'FILE:///backup', 's4://bucket/x',
	'http://localhost/x', 'file:///a, http:///b', "file:///back\nup", "file:///back\tup")
{
	(my $shown = $value) =~ s/[\n\t]/?/g;
	$server->fails("ALTER SYSTEM SET backup_ext.repository = E'$value'", '22023',
		qr/invalid value for parameter "backup_ext.repository"/, "repository \"$shown\"");
}
$server->fails('ALTER SYSTEM SET backup_ext.repository = \'ftp://x/y\'', '22023',
	qr/invalid value/, 'another scheme comes with an example',
	detail => qr{"file://" and an absolute path}, hint => qr/ALTER SYSTEM SET backup_ext\.repository = 'file:/);
is($server->sql('SHOW backup_ext.repository'), $url, 'none of them was taken');

for my $value ('', 'zstd:0', 'zstd:20', 'zstd:03', 'gzip:10', 'lz4:13', 'none:1', 'bzip2', 'zstd:1x',
	'zstd: 1', 'ZSTD')
{
	$server->fails("ALTER SYSTEM SET backup_ext.compression = '$value'", '22023',
		qr/invalid value for parameter "backup_ext.compression"/, "compression \"$value\"",
		detail => qr/Compression is one of/);
}

# A password is refused, and does not show up in the answer.
for my $value ("host=/tmp password=canary7", "host=/tmp PassWord = canary7",
	"postgresql://u:canary7\@h/x", "sslpassword=canary7")
{
	my (undef, undef, $err) = $server->try_sql("ALTER SYSTEM SET backup_ext.conninfo = '$value'");
	$err =~ s/^.*LINE .*//m;
	BackupExtFaults::error_is($err, '22023', qr/invalid value for parameter "backup_ext.conninfo"/,
		'a password in conninfo is refused', hint => qr/passfile/);
	unlike($err, qr/canary7/, 'the answer does not show it');
}

# --- no repository ----------------------------------------------------------

my @calls = (
	'SELECT backup_now()', 'SELECT backup_sync()', 'SELECT backup_adopt()',
	'SELECT backup_repository_create()', "SELECT * FROM backup_verify('$good')",
	"SELECT backup_delete('$good')", "SELECT backup_restore('$good', 'copy')");

$server->sql('ALTER SYSTEM SET backup_ext.repository = DEFAULT');
spew_conf("backup_ext.repository = ''");
$server->sql('SELECT pg_reload_conf()');
$server->wait_sql(q(SELECT current_setting('backup_ext.repository') = ''), 'the setting is empty');
for my $call (@calls)
{
	$server->fails($call, '55000', qr/^no repository is configured$/, "no repository: $call",
		hint => qr/ALTER SYSTEM SET backup_ext\.repository = 'file:/);
}

# A bad value in the file does not keep the server from starting.
spew_conf("backup_ext.repository = 'nonsense'");
$node->restart;
like(slurp($node->logfile), qr/invalid value for parameter "backup_ext.repository": "nonsense"/,
	'a bad value in the file is logged');
$server->wait_launcher;
$server->fails('SELECT backup_now()', '55000', qr/^no repository is configured$/, 'and it is not used');
spew_conf("backup_ext.repository = '$url'");
$server->sql('SELECT pg_reload_conf()');
$server->wait_sql("SELECT current_setting('backup_ext.repository') = '$url'", 'the setting is back');
$started = $server->start_time;
$server->backup;
pass('the right value in the file works without a restart');

# --- places -----------------------------------------------------------------

# A place refuses to be made a repository, and stays as it is.
sub refused_place
{
	my ($path, $sqlstate, $message, $name, %want) = @_;
	my $watch = delete $want{watch} // $path;
	$server->set('backup_ext.repository', "file://$path");
	my $before = tree($watch);
	$server->fails('SELECT backup_repository_create()', $sqlstate, $message,
		"$name: create", hint => qr/./, %want);
	$server->fails('SELECT backup_now()', $sqlstate, $message, "$name: backup", hint => qr/./, %want)
	  if !$want{create_only};
	is_deeply(tree($watch), $before, "$name: nothing is written");
	return;
}

my $data = $node->data_dir;
mkdir "$data/inside", 0700 or die $!;
for my $path ($data, "$data/inside", "$data/base", "$data/pg_wal")
{
	(my $short = $path) =~ s/^\Q$data\E/DATA/;
	$server->set('backup_ext.repository', "file://$path");
	for my $call ('SELECT backup_repository_create()', 'SELECT backup_now()')
	{
		$server->fails($call, '55000', qr/is inside the data directory/, "$short: $call",
			detail => qr/lost with it/, hint => qr/Choose a directory outside/);
	}
}
ok(!-e "$data/repository.json" && !glob("$data/inside/*"), 'nothing is written there');
refused_place("$data/inside/new", '55000', qr/is inside the data directory/,
	'a new directory inside the data directory', create_only => 1, watch => "$data/inside");
symlink("$data/inside", "$place/link") or die $!;
refused_place("$place/link", '55000', qr/is inside the data directory/,
	'a link into the data directory', watch => "$data/inside");
refused_place("$data/../" . basename($data) . '/inside', '55000',
	qr/is inside the data directory/, 'a way round into the data directory', watch => "$data/inside");
(my $escaped = "$data/inside") =~ s/i/%69/g;
refused_place($escaped, '55000', qr/is inside the data directory/,
	'an escaped way into the data directory', watch => "$data/inside");

mkdir "$place/ts", 0700 or die $!;
$server->sql("CREATE TABLESPACE ts LOCATION '$place/ts'");
mkdir "$place/ts/inside", 0700 or die $!;
refused_place("$place/ts/inside", '55000', qr/is inside the tablespace/, 'inside a tablespace');
refused_place("$place/ts", '55000', qr/is inside the tablespace/, 'a tablespace');
$server->sql('DROP TABLESPACE ts');

refused_place("$place/no/such", '58P01', qr{^directory ".*/no(/such)?" does not exist$},
	'a missing directory', hint => qr/mounted/);
refused_place("$place/repo%zz", '22023', qr/has an invalid percent-encoding/, 'a bad escape');
refused_place("$place/repo?region=x", '22023', qr/has a query or fragment/, 'a query');
refused_place("$place/repo%00x", '22023', qr/has an invalid percent-encoding/, 'an escaped NUL');

BackupExtFaults::spew("$place/file", 'x');
refused_place("$place/file", '22023', qr/is not a directory/, 'a file', hint => qr//);

mkdir "$place/full", 0700 or die $!;
BackupExtFaults::spew("$place/full/letter.txt", 'x');
refused_place("$place/full", '55000', qr/is not empty/, 'a directory in use',
	create_only => 1, detail => qr/letter\.txt/, hint => qr/Choose an empty directory/);
$server->fails('SELECT backup_now()', '58P01', qr/^there is no repository at/,
	'a directory in use is no repository', hint => qr/backup_repository_create/);

mkdir "$place/rights", 0700 or die $!;
for my $mode (0770, 0702, 0777)
{
	chmod $mode, "$place/rights" or die $!;
	refused_place("$place/rights", '42501', qr/can be written by other users/,
		sprintf('mode %04o', $mode), hint => qr/^chmod go-w/);
}
chmod 0500, "$place/rights" or die $!;
refused_place("$place/rights", '42501', qr/Permission denied/, 'mode 0500', create_only => 1);
chmod 0000, "$place/rights" or die $!;
refused_place("$place/rights", '42501', qr/Permission denied/, 'mode 0000');
chmod 0700, "$place/rights" or die $!;

refused_place('/root/backup_ext_repository', '42501', qr/Permission denied/, 'a place of root')
  if !-r '/root' && $> != 0;
refused_place('/usr', '42501', qr/belongs to another user/, 'a directory of another user',
	watch => '/usr/lib/.nothing', hint => qr/^chown/)
  if (stat '/usr')[4] != $>;

# --- the repository is there and not as it should be ------------------------

$server->set('backup_ext.repository', $url);

# Calls each function and compares the tree with what it was.
sub refused
{
	my ($sqlstate, $message, $name, %want) = @_;
	my $except = delete $want{except} // qr/^$/;
	my $before = tree($repo);
	for my $call ("SELECT backup_now()", "SELECT backup_delete('$good')",
		"SELECT backup_sync()", "SELECT * FROM backup_verify('$good')", 'SELECT backup_adopt()',
		"SELECT backup_restore('$good', 'copy')")
	{
		next if $call =~ $except;
		(my $short = $call) =~ s/.*(backup_[a-z]+).*/$1/;
		$server->fails($call, $sqlstate, $message, "$name: $short", %want);
	}
	is_deeply(tree($repo), $before, "$name: nothing is written");
	return;
}

# Sets the mode of each folder of the repository.
sub chmod_folders
{
	my ($mode) = @_;
	my @folders;
	File::Find::find({ no_chdir => 1, wanted => sub { push @folders, $_ if -d } }, $repo);
	chmod $mode, $_ or die "$_: $!" for @folders;
	return;
}

chmod_folders(0500);
refused('42501', qr/Permission denied/, 'a repository that cannot be written',
	hint => qr/./, except => qr/sync|verify|restore|adopt/);
is($server->sql('SELECT backup_sync()'), scalar($server->listed), 'it can still be listed');
chmod_folders(0700);

chmod 0720, $repo;
refused('42501', qr/can be written by other users/, 'a repository that others can write', hint => qr/^chmod go-w/);
chmod 0700, $repo;

# The disk is not mounted: the directory is there and empty.
rename($repo, "$place/elsewhere") or die $!;
refused('58P01', qr/^directory ".*" does not exist$/, 'the directory is gone', hint => qr/mounted/);
mkdir $repo, 0700 or die $!;
refused('58P01', qr/^there is no repository at/, 'the disk is not mounted', hint => qr/mount it/);
is($server->sql('SELECT count(*) FROM backup_list()'), 2, 'the catalogue still knows the backups');
rmdir $repo or die "$repo is not empty: $!";

# Another repository is mounted there.
$server->set('backup_ext.repository', "file://$place/second");
$server->sql('SELECT backup_repository_create()');
$server->set('backup_ext.repository', $url);
rename("$place/second", $repo) or die $!;
refused('55000', qr/is not the repository that this server uses/, 'another repository',
	detail => qr/has id \w+, this server knows \w+/, hint => qr/backup_sync\(accept => true\)/);
is($server->sql('SELECT backup_sync(accept => true)'), 0, 'it can be accepted');
is($server->sql('SELECT count(*) FROM backup_list()'), 0, 'then its backups are the ones that are known');
$server->backup;
is(scalar($server->listed), 1, 'and it is written to');
rename($repo, "$place/second") or die $!;
rename("$place/elsewhere", $repo) or die $!;
refused('55000', qr/is not the repository that this server uses/, 'the first one is another one now');
is($server->sql('SELECT backup_sync(accept => true)'), 2, 'it can be accepted again');

# A damaged sentinel.
my $sentinel = slurp("$repo/repository.json");
(my $damaged = $sentinel) =~ s/"format": 1/"format": 2/;
for my $text ($damaged, '', '{}', 'x' x 100_000, substr($sentinel, 0, 60))
{
	BackupExtFaults::spew("$repo/repository.json", $text);
	my $name = 'sentinel "' . substr($text =~ s/\s+/ /gr, 0, 20) . '"';
	my $before = tree($repo);
	my (undef, undef, $err) = $server->try_sql('SELECT backup_now()');
	like($err, qr/ERROR:  (?:XX001|0A000|54000): /, "$name is refused");
	is_deeply(tree($repo), $before, "$name: nothing is written");
}
BackupExtFaults::spew("$repo/repository.json", $sentinel);

# --- a repository of another cluster ----------------------------------------

my $other = BackupExtFaults->new('other', programs => $server->{programs});
my $foreign = $other->backup;
my $own_repo = $repo;
$repo = $other->repo;
$server->set('backup_ext.repository', "file://$repo");
{
	my $before = tree($repo);
	for my $call ('SELECT backup_now()', "SELECT backup_delete('$foreign', force => true)")
	{
		$server->fails($call, '55000', qr/^this cluster may not write into the repository/,
			"a repository of another cluster: $call",
			detail => qr/no record of system identifier \d+/, hint => qr/backup_adopt\(\)/);
	}
	$server->fails('SELECT backup_repository_create()', '42710', qr/is a repository already/,
		'it is not created anew', hint => qr/backup_adopt\(\)/);
	is($server->sql('SELECT backup_sync()'), 1, 'it can be listed');
	is($server->sql("SELECT bool_and(ok) FROM backup_verify('$foreign')"), 't', 'it can be verified');
	is($server->sql("SELECT backup_restore('$foreign', 'foreign_copy')"), 'foreign_copy', 'it can be restored');
	is_deeply(tree($repo), $before, 'nothing is written');
}
like($server->sql('SELECT backup_adopt()'), qr/^\w{16}$/, 'it can be adopted');
$server->backup;
is(scalar($server->listed($repo)), 2, 'then it is written to');
$other->backup;
is($other->sql('SELECT backup_sync()'), 3, 'and the other cluster goes on');
$other->all_readable('both clusters');
$other->node->stop;
$repo = $own_repo;
$server->set('backup_ext.repository', $url);

# --- no room ----------------------------------------------------------------

# Two tables that no codec makes smaller, of 12 MB each.
for my $table ('one', 'two')
{
	$server->sql(<<"END");
CREATE TABLE $table AS
    SELECT decode(string_agg(md5(random()::text), ''), 'hex') AS bytes
    FROM generate_series(1, 750000) AS i GROUP BY i / 50000;
END
}

# A limit on the size of files, which the server's children inherit.
my $postmaster = $node->{_pid};
my $limit = 18 * 1024 * 1024;
system('prlimit', '--pid', $postmaster, "--fsize=$limit:") == 0 or die 'prlimit';
$server->set('backup_ext.compression', 'none');
my @before = $server->listed;
my $before = tree($repo);
$server->fails('SELECT backup_now()', '58030', qr/^could not write object .*: File too large$/,
	'a file that may not grow');
is_deeply(tree($repo), $before, 'nothing of it is left');
system('prlimit', '--pid', $postmaster, '--fsize=unlimited:') == 0 or die 'prlimit';
$server->set('backup_ext.compression', 'zstd:1');
$server->is_clean('a file that may not grow');
is($server->start_time, $started, 'the server did not restart');
$node->stop;

# A small file system of its own, which only the server sees.
SKIP:
{
	my $small = "$place/small";
	mkdir $small, 0700 or die $!;
	my $inside = "unshare --user --mount --map-root-user sh -c";
	skip 'user namespaces are not to be had', 15
	  if system(qq($inside 'mount -t tmpfs none $small && exec unshare --user --map-user=$> true' 2>&1)) != 0;
	my ($group) = split ' ', $);
	$server->replace('pg_ctl', <<"END");
[ "\$*" != "\${*%start}" ] || exec \$real "\$@"
exec $inside 'mount -t tmpfs -o size=8m,mode=0700 none $small &&
	exec unshare --user --map-user=$> --map-group=$group "\$@"' sh \$real "\$@"
END
	$node->start;
	$server->bring_back('pg_ctl');
	$started = $server->start_time;
	$server->wait_launcher;
	$postmaster = $node->{_pid};
	my $seen = "/proc/$postmaster/root$small";
	$server->set('backup_ext.repository', "file://$small");
	$server->sql('SELECT backup_repository_create()');
	$server->sql('CREATE DATABASE empty');
	$server->backup("database => 'empty'");
	is(scalar($server->listed($seen)), 1, 'the small file system has room for a small backup');

	# It becomes full in the middle.
	$before = tree($seen);
	$server->fails('SELECT backup_now()', '53100', qr/^file system "\Q$small\E" is full$/,
		'a file system that becomes full', hint => qr/^Free space/, detail => qr/archive\.dump\.001\.zst/);
	is_deeply(tree($seen), $before, 'nothing of it is left');

	# It is full before anything begins: not a byte is free.
	my $filler = "$seen/backup/filler";
	BackupExtFaults::spew($filler, '');
	open(my $file, '>', $filler) or die $!;
	1 while syswrite($file, 'x' x 4096);
	close($file);
	$before = tree($seen);
	$server->fails('SELECT backup_now()', '53100',
		qr/^(?:file system ".*" is full|could not create .*: No space left on device)$/,
		'a file system that is full', hint => qr/^Free space/);
	is_deeply(tree($seen), $before, 'nothing of it is left');
	is($server->sql('SELECT backup_sync()'), 1, 'it can be listed');
	is($server->sql(q(SELECT state, reason ~ '^It has room for 0 bytes, and its largest backup of the last week took ', storage_free,
		storage_total <= 8388608 FROM backup_status WHERE what = 'repository 1')), 'critical|t|0|t', 'which is known');
	is($server->sql(q(SELECT reason FROM backup_status WHERE database = 'empty')),
		'The last attempt made a good backup.', 'the good backup counts');
	is($server->sql(q(SELECT state FROM backup_status WHERE database = 'postgres')), 'critical',
		'a database without a backup is critical');

	# To delete is what a full disk needs.
	is($server->sql('SELECT backup_delete(id, force => true) FROM backup_list()'), 't', 'a backup can be deleted');
	is_deeply([ $server->listed($seen) ], [], 'and is no longer listed');

	# Room helps.
	unlink $filler or die $!;
	$server->sql('DROP TABLE one, two');
	$server->backup;
	is(scalar($server->listed($seen)), 1, 'with room it works again');
	is_deeply([ $server->leftovers($seen) ], [], 'and nothing is left over');
	is($server->sql('SELECT bool_and(ok) FROM backup_list() AS l, LATERAL backup_verify(l.id)'), 't',
		'every listed backup is readable');
	is($server->start_time, $started, 'the server did not restart');
	$server->wait_no_process;
	$node->stop;
}
done_testing();

# Adds a line to the server's configuration, where the last one counts.
sub spew_conf
{
	my ($line) = @_;
	$node->append_conf('postgresql.conf', "$line\n");
	return;
}
