# A backup can be restored without this project: RESTORE.txt, as it stands,
# needs a shell, the decompressor, and PostgreSQL's own programs.
use strict;
use warnings;
use BackupExt;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = BackupExt->new('main');
$node->init;
$node->begin;
$node->load('shop', 'shop.sql');

# A second cluster, empty.
my $other = BackupExt->new('other');
$other->init;
$other->start;

# A directory with nothing but what RESTORE.txt says that it needs.
my $tools = $node->basedir . '/tools';
mkdir $tools or die "could not make \"$tools\": $!";
my %found = map { $_ => find_program($_) } qw(sh sed cat sha256sum psql createdb pg_restore zstd gzip lz4);
symlink($found{$_}, "$tools/$_") foreach grep { $found{$_} } keys %found;

# --- every codec, whole and in parts

my %suffix = (none => '', zstd => '.zst', gzip => '.gz', lz4 => '.lz4');
my $n = 0;
foreach my $codec (sort keys %suffix)
{
	foreach my $part_size (0, 100_000)
	{
		my $what = $part_size ? "$codec in parts" : $codec;
		my $target = 'stock_' . $n++;

		SKIP:
		{
			skip "there is no program $codec", 1 unless $codec eq 'none' || $found{$codec};
			subtest $what => sub { restore_with_stock_tools($codec, $part_size, $target) };
		}
	}
}

# --- what is damaged is refused

my $id = $node->backup_now('shop');
BackupExt::flip_byte($node->object($id, 'archive.dump.001.zst'), 1000);
my ($status, $out, $err) = run_recipe($node, $id, {}, 'never');
isnt($status, 0, 'RESTORE.txt of a damaged backup fails');
like("$out$err", qr/archive\.dump\.001\.zst: FAILED/, 'and says what is damaged');
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_database WHERE datname = 'never'"), '0', 'before it makes a database');

# --- hard names, and roles, into the empty cluster

my @names = BackupExt::names($node->run_file('postgres', 'hostile.sql'));
my $role = "x\n\\! touch /tmp/pwned_role\n'\"; \\! touch /tmp/pwned_role\n";
unlink('/tmp/pwned', '/tmp/pwned_role');
$node->safe_psql('postgres', 'CREATE ROLE ' . BackupExt::identifier($role))
  unless $node->pg_version >= 19;
$node->safe_psql('postgres', q{CREATE ROLE shopkeeper LOGIN PASSWORD 'till'; ALTER DATABASE shop OWNER TO shopkeeper});
$node->safe_psql('shop', 'ALTER TABLE customers OWNER TO shopkeeper');
my %ids = map { $_ => $node->backup_now($_) } @names, 'shop';

($status, $out, $err) = run_recipe($other, $ids{shop}, { GLOBALS => 'yes' });
is($status, 0, 'GLOBALS=yes restores into an empty cluster') or diag($err);
is($err =~ s/^.*ERROR:  role ".*" already exists\n//mgr, '', 'all that it complains of is there');
BackupExt::same_text($other->dump_globals, $node->dump_globals, 'roles are the same');
$other->same_rows('shop', $node, 'shop', 'the rows are the same');
BackupExt::same_text($other->dump_text('shop', '--schema-only'),
	$node->dump_text('shop', '--schema-only'), 'the objects are the same, with owners');

my @wrong;
foreach my $name (@names)
{
	my ($status, $out, $err) = run_recipe($other, $ids{$name}, {});
	push @wrong, "$name: $err" if $status != 0;
}
is("@wrong", '', 'every hard name is restored under itself');
my %content = map { $_ => content($other, $_) } @names;
is_deeply(\%content, { map { $_ => $_ } @names }, 'each with its content');

my %target = map { $names[$_] => $names[ $_ - 1 ] } 0 .. $#names;
$other->run_file('postgres', 'hostile.sql', 'drop=on');
@wrong = ();
foreach my $name (@names)
{
	my ($status, $out, $err) = run_recipe($other, $ids{$name}, {}, $target{$name});
	push @wrong, "$name: $err" if $status != 0;
}
is("@wrong", '', 'every hard name can be given as an argument');
%content = map { $_ => content($other, $target{$_}) } @names;
is_deeply(\%content, { map { $_ => $_ } @names }, 'each names the database to make');
ok(!-e $_, "there is no $_") foreach '/tmp/pwned', '/tmp/pwned_role';

done_testing();

# A backup of that kind, restored by RESTORE.txt and by way of "cat".
sub restore_with_stock_tools
{
	my ($codec, $part_size, $target) = @_;
	my @options = ('--database', 'shop', '--compression', $codec, '--json');
	push @options, '--part-size', $part_size if $part_size;
	my ($id) = $node->program_ok([ 'backup', @options ], 'a backup') =~ /"id": *"([^"]+)"/;
	my @objects = map { s{.*/}{}r } glob($node->object($id, 'archive.dump.*'));

	is($objects[0], "archive.dump.001$suffix{$codec}", 'the first part has its name');
	cmp_ok(scalar @objects, $part_size ? '>' : '==', $part_size ? 3 : 1, 'as many parts as there should be');
	$node->program_ok([ 'verify', $id ], 'it verifies');

	my ($status, $out, $err) = run_recipe($node, $id, {}, $target);
	is($status, 0, 'RESTORE.txt works') or diag($err);
	is("$out$err", '', 'and has nothing to say');
	$node->same_rows($target, $node, 'shop', 'the rows are the same');
	BackupExt::same_text($node->dump_text($target, '--schema-only'),
		$node->dump_text('shop', '--schema-only'), 'the objects are the same');

	# pg_restore closes the pipe when it has the table of contents.
	($out, $err) = ('', '');
	IPC::Run::run([ 'pg_backup_ext', 'cat', $id, '--repo', $node->url ],
		'|', [ 'pg_restore', '--list' ], '>', \$out, '2>', \$err);
	like($out, qr/^; +dbname: shop$/m, 'the header names the database');
	like($out, qr/ TABLE DATA public order_items /, 'the table of contents is there');

	$node->safe_psql('postgres', "CREATE DATABASE ${target}_sql");
	my $sql = $node->program_ok([ 'cat', $id, '--sql' ], 'cat --sql');
	ok(IPC::Run::run([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr("${target}_sql") ],
			'<', \$sql, '>', \$out, '2>', \$err), 'psql runs it') or diag($err);
	$node->same_rows("${target}_sql", $node, 'shop', 'the rows are the same');

	$node->program_ok([ 'restore', $id, '--to', "${target}_own" ], 'restore by the program');
	$node->same_rows("${target}_own", $node, 'shop', 'the rows are the same');
	$node->safe_psql('postgres', "DROP DATABASE $_") foreach $target, "${target}_sql", "${target}_own";
	return;
}

# "sh RESTORE.txt" in the backup's folder, with the tools and nothing else.
sub run_recipe
{
	my ($server, $id, $more, @arguments) = @_;
	my ($out, $err) = ('', '');
	my $folder = $node->object($id, '');

	local %ENV = (
		PATH => $tools, PGHOST => $server->host, PGPORT => $server->port,
		PGUSER => $server->safe_psql('postgres', 'SELECT current_user'),
		%$more);
	IPC::Run::run([ "$tools/sh", 'RESTORE.txt', @arguments ], '<', \undef,
		'>', \$out, '2>', \$err, init => sub { chdir $folder or die "could not go to \"$folder\": $!" });
	return ($?, $out, $err);
}

sub content { return $_[0]->safe_psql($_[1], 'SELECT name FROM who'); }

sub find_program
{
	my ($name) = @_;
	my ($found) = grep { -x } map { "$_/$name" } split /:/, $ENV{PATH};
	return $found;
}
