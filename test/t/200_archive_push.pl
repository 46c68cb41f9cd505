# archive_command with archive-push: every file that PostgreSQL archives is in
# the repository, equal to a copy taken aside; what is there is never
# overwritten; what is no WAL of this cluster is refused.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use BackupExt;
use Cwd ();
use Digest::SHA;
use File::Basename qw(basename);
use File::Copy qw(copy);
use File::Find ();
use File::Path qw(make_path);
use IPC::Run ();
use JSON::PP ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $aside = PostgreSQL::Test::Utils::tempdir_short();
my $json = JSON::PP->new->utf8;

# --- helpers ----------------------------------------------------------------

# Archive with a copy aside, which also tells what was acknowledged.
sub archive_command
{
	my ($node) = @_;

	return "cp %p $aside/%f && pg_backup_ext archive-push %p -D " . $node->data_dir;
}

# Runs the program in a directory; returns status, output and messages.
sub run_in
{
	my ($directory, @command) = @_;
	my ($out, $err) = ('', '');

	IPC::Run::run(\@command, '<', \undef, '>', \$out, '2>', \$err,
		init => sub { chdir $directory or die "$directory: $!" });
	return ($? >> 8, $out, $err);
}

# What is below a folder: relative path => inode, size, mtime and digest.
sub tree
{
	my ($root) = @_;
	my %tree;

	File::Find::find({ no_chdir => 1, wanted => sub {
			return unless -f;
			my @stat = stat _;
			$tree{ substr($_, length($root) + 1) } =
			  join ' ', @stat[ 1, 7, 9 ], Digest::SHA->new(256)->addfile($_)->hexdigest;
		} }, $root) if -d $root;
	return \%tree;
}

# The objects of WAL files: name => [paths].
sub archived
{
	my ($repository) = @_;
	my %archived;

	for my $path (sort keys %{ tree("$repository/wal") })
	{
		my ($folder, $name) = $path =~ m{^(.*)/([^/]+)-[0-9a-f]{64}(?:\.zst)?$} or die "what is $path?";
		my ($timeline) = $name =~ /^(.{8})/;
		my $expected = $name =~ /history/ ? $timeline : "$timeline/" . substr($name, 0, 16);
		die "$path is in the wrong folder" unless $folder =~ m{^\d+/\Q$expected\E$};
		push @{ $archived{$name} }, "$repository/wal/$path";
	}
	return \%archived;
}

sub decode
{
	my ($path) = @_;

	return scalar slurp_file($path) unless $path =~ /\.zst$/;
	my $out = '';
	IPC::Run::run([ 'zstd', '-dcq', $path ], '>', \$out) or die "zstd does not read $path";
	return $out;
}

# NL-A: what was acknowledged is there, once, and is what it was.
sub nothing_lost
{
	my ($node, $name) = @_;
	my $archived = archived($node->repository);
	my @problems;
	my $acknowledged = 0;

	for my $copy (glob "$aside/*")
	{
		my $file = basename($copy);
		next if -e $node->data_dir . "/pg_wal/archive_status/$file.ready";
		my @paths = @{ $archived->{$file} || [] };
		my $content = slurp_file($copy);
		my $digest = Digest::SHA::sha256_hex($content);
		$acknowledged++;
		push @problems, "$file: " . scalar(@paths) . ' objects' if @paths != 1;
		push @problems, "$file: name of another content" if @paths && $paths[0] !~ /-\Q$digest\E/;
		push @problems, "$file: other content" if @paths && decode($paths[0]) ne $content;
	}
	push @problems, 'temporary files' if grep { /\.tmp-/ } keys %{ tree($node->repository) };
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is_deeply(\@problems, [], "$name: nothing lost");
	return $acknowledged;
}

sub ready { return map { basename($_, '.ready') } glob $_[0]->data_dir . '/pg_wal/archive_status/*.ready'; }

# All that is complete is archived. A failed archiver sleeps for a minute
# unless there is something new.
sub wait_archived
{
	my ($node) = @_;

	for my $round (1 .. 600)
	{
		return 1 unless ready($node);
		$node->safe_psql('postgres', 'CREATE TABLE IF NOT EXISTS wake (); DROP TABLE wake; SELECT pg_switch_wal()')
		  if $round % 50 == 0;
		select undef, undef, undef, 0.1;
	}
	die 'not archived: ' . join ' ', ready($node);
}

sub load
{
	my ($node, $rows) = @_;

	$node->safe_psql('postgres', "INSERT INTO ledger SELECT i, md5(i::text) FROM generate_series(1, $rows) i");
	$node->safe_psql('postgres', 'SELECT pg_switch_wal()');
	return;
}

# --- every file of a server with segments of 1 MB ----------------------------

my $node = BackupExt->new('main');
$node->init(allows_streaming => 1,
	extra => [ '--encoding=UTF8', '--locale=C', '--wal-segsize=1' ]);
$node->append_conf('postgresql.conf', sprintf <<'END', archive_command($node));
archive_mode = on
archive_command = '%s'
backup_ext.compression = 'zstd:3'
wal_keep_size = 64
END
$node->begin;
my $data = $node->data_dir;
my $identifier = $node->safe_psql('postgres', 'SELECT system_identifier FROM pg_control_system()');
$node->safe_psql('postgres', 'CREATE TABLE ledger (id int, text text)');
load($node, 20000) for 1 .. 6;
$node->backup('copy');
wait_archived($node);
cmp_ok(nothing_lost($node, 'segments of 1 MB'), '>', 10, 'many files were archived');
my $archived = archived($node->repository);
my @numbers = map { /^00000001(.{8})(.{8})$/ ? hex($1) * 4096 + hex($2) : () } sort keys %$archived;
is_deeply(\@numbers, [ $numbers[0] .. $numbers[-1] ], 'without a gap (A17)');
is(scalar(grep { /\.backup$/ } keys %$archived), 1, 'the backup has left its file');

# --- the same again (A05) -----------------------------------------------------

my $before = tree($node->repository . '/wal');
my ($again) = grep { /^[0-9A-F]{24}$/ && $archived->{ basename($_) } } map { basename($_) } glob "$data/pg_wal/0000*";
rename "$data/pg_wal/archive_status/$again.done", "$data/pg_wal/archive_status/$again.ready" or die $!;
load($node, 10);
wait_archived($node);
my $after = tree($node->repository . '/wal');
is_deeply({ map { $_ => $after->{$_} } keys %$before }, $before, 'what is delivered again is not written again');

my ($status, $out, $err) = run_in($data, 'pg_backup_ext', 'archive-push', "pg_wal/$again", '--json');
is($status, 0, 'without -D, in the data directory') or diag($err);
my $record = eval { $json->decode($out) } || {};
is($record->{fresh}, JSON::PP::false, 'and it says that it was there');
is($record->{size}, 1024 * 1024, 'with its size');

# Alone in a directory the program cannot start a server to ask.
chomp(my $program = qx(sh -c 'command -v pg_backup_ext'));
copy($program, "$aside/.program") or die $!;
chmod 0755, "$aside/.program";
($status, $out, $err) = run_in('/', "$aside/.program", 'archive-push', "$data/pg_wal/$again", '-D', $data);
is($status, 0, 'with -D it needs no other program') or diag($err);

# --- other content (A04) ------------------------------------------------------

{
	$node->safe_psql('postgres', 'INSERT INTO ledger VALUES (1)');
	my $name = $node->safe_psql('postgres', 'SELECT pg_walfile_name(pg_current_wal_insert_lsn())');
	my $folder = $node->repository . "/wal/$identifier/00000001/" . substr($name, 0, 16);
	my $other = "$folder/$name-" . '0' x 64 . '.zst';
	my $failures = $node->safe_psql('postgres', 'SELECT failed_count FROM pg_stat_archiver');

	append_to_file($other, 'other');
	my $log = -s $node->logfile;
	load($node, 10);
	$node->poll_query_until('postgres',
		"SELECT failed_count > $failures AND last_failed_wal = '$name' FROM pg_stat_archiver")
	  or die 'the archiver does not fail';
	like(slurp_file($node->logfile, $log),
		qr/pg_backup_ext: error: WAL file "$name" is in the repository with other content \(SQLSTATE 23505\)\n.*detail: The digest of the file is [0-9a-f]{64}; the repository has "wal\/$identifier\/00000001\/.{16}\/$name-0{64}.zst"/,
		'the reason is in the log');
	ok(-e "$data/pg_wal/archive_status/$name.ready", 'the segment stays ready');
	is(slurp_file($other), 'other', 'what was there stays');
	is_deeply([ grep { /$name/ } keys %{ tree($folder) } ], [ basename($other) ], 'and is alone');
	unlink $other;
	load($node, 10);
	wait_archived($node);
	nothing_lost($node, 'after a conflict');
}

# --- refused, and why (A20); conflicts of all kinds ---------------------------

my $scratch = PostgreSQL::Test::Utils::tempdir_short();
my $segment = slurp_file("$data/pg_wal/$again");
my $timeline2 = '00000002' . substr($again, 8);
my $next = sprintf '%s%08X', substr($again, 0, 16), hex(substr $again, 16) + 1;

sub patched { my ($offset, $bytes) = @_; my $copy = $segment; substr($copy, $offset, length $bytes) = $bytes; return $copy; }

sub push_scratch
{
	my ($name, $content, @options) = @_;

	unlink "$scratch/$name";
	append_to_file("$scratch/$name", $content);
	return run_in($scratch, 'pg_backup_ext', 'archive-push', $name, '--repo', $node->url,
		'--system-identifier', $identifier, @options);
}

my @refused = (
	[ 'an empty segment', $next, '', qr/XX001.*detail: The file is empty\./s ],
	[ 'a short segment', $next, substr($segment, 0, 8192), qr/XX001.*has 8192 bytes, which no segment has/s ],
	[ 'half a segment', $again, substr($segment, 0, 524288), qr/has 524288 bytes, which no segment has/ ],
	[ 'a long segment', $again, $segment . $segment, qr/has 2097152 bytes, its header says 1048576/ ],
	[ 'another magic number', $again, patched(0, "\x01\x02"), qr/does not begin with the header of a segment \(magic number 0201/ ],
	[ 'zeros', $again, "\0" x 1048576, qr/does not begin with the header of a segment/ ],
	[ 'another cluster', $again, patched(24, "\x07" . "\0" x 7), qr/55000.*Its system identifier is 7, that of this cluster is $identifier\./s ],
	[ 'a later timeline in the header', $again, patched(4, "\x02\0\0\0"), qr/Its header is of timeline 2, its name of 1\./ ],
	[ 'another position', $next, $segment, qr/Its header is that of position/ ],
	[ 'a partial that is none', "$again.partial", 'x', qr/has 1 bytes, which no segment has/ ],
	[ 'a history that is none', '00000002.history', $segment, qr/The file is not text|too large for a history/ ],
	[ 'a backup file that is none', "$again.00000028.backup", 'STOP', qr/does not begin with "START WAL LOCATION: "/ ]);
$before = tree($node->repository . '/wal');
for my $case (@refused)
{
	my ($name, $file, $content, $reason) = @$case;
	($status, $out, $err) = push_scratch($file, $content);
	is($status, 1, "$name is refused");
	like($err, $reason, "$name: says why");
}
($status, $out, $err) = push_scratch('README', 'x');
like($err, qr/"README" is not the name of a WAL file/, 'and what is no WAL at all');
is_deeply(tree($node->repository . '/wal'), $before, 'nothing of that is stored');

for my $case ([ "$timeline2.partial", $segment, patched(1000, 'xyz') ],
	[ $timeline2, $segment, patched(1000, 'xyz') ],
	[ '00000003.history', "1\t0/9000000\tx\n", "1\t0/9000000\ty\n" ],
	[ "$timeline2.00000028.backup", "START WAL LOCATION: 1\n", "START WAL LOCATION: 2\n" ])
{
	my ($file, $one, $two) = @$case;
	($status, $out, $err) = push_scratch($file, $one);
	is($status, 0, "$file is archived") or diag($err);
	$before = tree($node->repository . '/wal');
	($status, $out, $err) = push_scratch($file, $one, '--compression=lz4');
	is($status, 0, "$file again, with another codec") or diag($err);
	($status, $out, $err) = push_scratch($file, $two);
	is($status, 1, "$file with other content is refused");
	like($err, qr/WAL file "\Q$file\E" is in the repository with other content \(SQLSTATE 23505\)/, "$file: says why");
	is_deeply(tree($node->repository . '/wal'), $before, "$file: nothing has changed");
}

# What else keeps a file out.
for my $case ([ 'an unknown cluster', [ '--system-identifier', '17' ], qr/belongs to another cluster/ ],
	[ 'no repository', [ '--repo', "file://$scratch" ], qr/there is no repository/ ],
	[ 'an unknown codec', [ '--compression', 'rar' ], qr/unrecognized compression "rar"/ ])
{
	my ($name, $options, $reason) = @$case;
	($status, $out, $err) = push_scratch($again, $segment, @$options);
	isnt($status, 0, "$name: fails");
	like($err, $reason, "$name: says why");
}

# --- a full disk (A01) --------------------------------------------------------

SKIP:
{
	my @own = ('unshare', '--user', '--map-root-user', '--mount');
	my $place = "$scratch/full";
	make_path($place);
	skip 'no file system can be mounted here', 4
	  unless IPC::Run::run([ @own, 'mount', '-t', 'tmpfs', 'none', $place ], '>', \my $ignored, '2>', \my $why);
	my @segments = grep { -s > 1000000 } sort glob "$aside/0*";
	my $script = <<"END";
mount -t tmpfs -o size=2500k,mode=700 none $place && mkdir $place/repo && head -c 300000 /dev/zero >$place/filler
export PATH="$ENV{PATH}"
pg_backup_ext init --repo file://$place/repo --system-identifier $identifier || exit 9
push() { pg_backup_ext archive-push \$1 --repo file://$place/repo --system-identifier $identifier --compression none --jobs 1; }
push $segments[0]; echo "first \$?"
push $segments[1]; echo "second \$?"
push $segments[2]; echo "third \$?"
find $place/repo/wal -type f -printf '%f %s\\n'
rm $place/filler $place/repo/wal/*/*/*/*-*
push $segments[2]; echo "again \$?"
END
	($status, $out, $err) = run_in('/', @own, 'sh', '-c', $script);
	like($out, qr/^first 0\nsecond 0\nthird 1$/m, 'a disk becomes full');
	like($err, qr/file system ".*" is full \(SQLSTATE 53100\)/, 'says why');
	is(() = $out =~ /^0\S+-[0-9a-f]{64} 1048576$/mg, 2, 'nothing else is left there');
	like($out, qr/^again 0$/m, 'and it goes on when there is room');
}

# --- a promoted standby (A08): history, partial, and the new timeline ----------

{
	my $standby = BackupExt->new('standby');
	$standby->init_from_backup($node, 'copy', has_streaming => 1);
	$standby->append_conf('postgresql.conf', sprintf "archive_command = '%s'\n", archive_command($standby));
	$standby->start;
	load($node, 10);
	wait_archived($node);
	$node->wait_for_catchup($standby);
	$node->safe_psql('postgres', 'INSERT INTO ledger VALUES (0)');
	$node->wait_for_catchup($standby);
	$node->stop;
	$standby->promote;
	$standby->safe_psql('postgres', 'SELECT backup_adopt()');
	load($standby, 10);
	wait_archived($standby);
	my $archived = archived($node->repository);
	ok($archived->{'00000002.history'}, 'the history is archived');
	is(scalar(grep { /^00000001.*\.partial$/ } keys %$archived), 1, 'the last segment of the old timeline, too');
	ok((grep { /^00000002.{16}$/ } keys %$archived), 'and the new timeline');
	like(decode($archived->{'00000002.history'}[0]), qr/^1\t0\//, 'as it is');
	$standby->stop;
}

done_testing();
