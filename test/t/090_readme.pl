# Every example of the README runs: its SQL blocks in order, and its command
# lines, with the names of this test's server in the place of the README's.
use strict;
use warnings;
use BackupExt;
use Cwd ();
use File::Path ();
use PostgreSQL::Test::Utils;
use Test::More;

my $node = BackupExt->new('main');
$node->init;
$node->append_conf('postgresql.conf', "backup_ext.repository = ''\nwal_level = replica\n");
$node->start;
$node->load('shop', 'shop.sql');

my $url = $node->url;
my $data = $node->data_dir;
my $folder = Cwd::abs_path($node->basedir);
my $clone_port = PostgreSQL::Test::Cluster::get_free_port();
my ($id, $base, $encrypted);

# What stands in the README for things of the reader's own.
sub translate
{
	my ($text) = @_;

	$text =~ s{main-encrypted/backup/\K20261121T100610Z-shop-lgf8}{$encrypted // 'no id yet'}ge;
	$text =~ s{file:///backup/main}{$url}g;
	$text =~ s{/backup/main}{substr($url, 7)}ge;
	$text =~ s{/etc/postgresql/backup_ext\.key|/media/safe}{$folder . ($& =~ m{^/etc} ? '/server.key' : '')}ge;
	$text =~ s{/etc/postgresql/15/main|/var/lib/postgresql/15/main}{$data}g;
	$text =~ s{/var/lib/postgresql/(?:15/)?(clones|bare)}{$folder/$1}g;
	$text =~ s{port => 5444}{port => $clone_port};
	$text =~ s{20261121T020000Z-base-k3f9}{$base // 'no id yet'}ge;
	$text =~ s{PGHOST=/var/run/postgresql PGUSER=postgres }{};
	$text =~ s{20261121T100610Z-shop-lgf8}{$id // 'no id yet'}ge;
	return $text;
}

sub run_sql
{
	my ($block) = @_;
	my $sql = translate($block);
	my ($out, $err) = ('', '');

	# The run of the example that does not wait has a number of its own.
	if ($sql =~ /wait => false/)
	{
		my $number = $node->safe_psql('postgres',
			'SELECT last_value + 1 FROM backup_run_number');
		$sql =~ s/\(1\)/($number)/g;
	}
	my $status = $node->psql('postgres', $sql, stdout => \$out, stderr => \$err,
		on_error_stop => 1);
	is($status, 0, 'SQL: ' . ($block =~ /^(.*)/)[0]) or diag($err);
	$id ||= $1 if $out =~ /^(\d{8}T\d{6}Z-shop-[a-z0-9]{4})/m;
	$encrypted = $1 if $sql =~ /encrypted/ && $out =~ /^(\d{8}T\d{6}Z-shop-[a-z0-9]{4})/m;
	$base ||= $1 if $out =~ /^(\d{8}T\d{6}Z-base-[a-z0-9]{4})/m;
	$node->restart if $sql =~ /SET archive_mode/;
	return;
}

sub run_shell
{
	my ($block) = @_;
	my $script = translate($block);
	my $folder = PostgreSQL::Test::Utils::tempdir();
	my ($out, $err) = ('', '');

	my $ok = IPC::Run::run([ 'sh', '-ec', "cd $folder\n$script" ],
		'<', \undef, '>', \$out, '2>', \$err);
	ok($ok, 'shell: ' . ($block =~ /^(.*)/)[0]) or diag($err);
	return;
}

# Loses the data directory, when all of its WAL is archived.
sub lose_server
{
	my $last = $node->safe_psql('postgres', 'SELECT pg_walfile_name(pg_switch_wal())');

	$node->poll_query_until('postgres', "SELECT last_archived_wal >= '$last' FROM backup_wal")
	  or die "$last is not archived";
	$node->stop('immediate');
	File::Path::remove_tree($data);
	return;
}

sub start_restored
{
	$node->start;
	$node->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()')
	  or die 'recovery does not end';
	return;
}

mkdir "$folder/clones", 0700 or die "mkdir: $!";
$ENV{PGHOST} = $node->host;
$ENV{PGPORT} = $node->port;

my $readme = slurp_file('README.md');
my ($blocks, $shells) = (0, 0);
while ($readme =~ /^```sql\n(.*?)^```$|((?:^    [^\n]*\n)+)/msg)
{
	my ($sql, $shell) = ($1, $2);

	if (defined $sql)
	{
		run_sql($sql);
		$blocks++;
	}
	# Those need a store, and run in 400_s3_story.pl.
	elsif ($shell =~ m{s3://})
	{
		next;
	}
	elsif ($shell =~ m{^    (?:pg_backup_ext|createdb|cd|sh /backup/)})
	{
		# A backup that the program alone shall find needs a database to go to.
		$node->psql('postgres', 'DROP DATABASE IF EXISTS shop')
		  if $shell =~ /--to=shop|RESTORE\.txt shop/;
		my $lost = $shell =~ m{restore --to=/var/lib/postgresql/15/main};
		lose_server() if $lost;
		$shell =~ s/^    //mg;
		run_shell($shell);
		start_restored() if $lost;
		$shells++;
	}
}
cmp_ok($blocks, '>=', 9, 'SQL examples were found');
cmp_ok($shells, '>=', 4, 'command lines were found');
is( $node->safe_psql('look', 'SELECT count(*) FROM categories'),
	$node->safe_psql('shop_sql', 'SELECT count(*) FROM categories'),
	'parts and SQL text gave the same rows');

done_testing();
