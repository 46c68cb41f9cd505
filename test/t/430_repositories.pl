# Two repositories: WAL goes into both, backups are made in the first and
# copied, and what one has lost the other one gives.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use BackupExt;
use Cwd ();
use File::Path qw(remove_tree);
use PostgreSQL::Test::Utils;
use Test::More;

my $node = BackupExt->new('main');
$node->init(allows_streaming => 1);
$node->append_conf('postgresql.conf', "archive_library = 'backup_ext'\narchive_mode = on\nbackup_ext.archive_jobs = 2\n");
my $first = $node->repository;
my $second = Cwd::abs_path($node->basedir) . '/second';
my $both = $node->url . ", file://$second";
$node->append_conf('postgresql.conf', "backup_ext.repository = '$both'\n");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION backup_ext');

# Runs the program for whatever repositories.
sub program
{
	my ($repositories, @command) = @_;
	my ($out, $err) = ('', '');

	IPC::Run::run([ 'pg_backup_ext', shift @command, '--repo', $repositories, @command ],
		'<', \undef, '>', \$out, '2>', \$err);
	return ($? >> 8, $out, $err);
}

# --- two are made ------------------------------------------------------------

my $id = $node->safe_psql('postgres', 'SELECT backup_repository_create()');
is($node->read_json('repository.json')->{id}, $id, 'the id of the first one is told');
ok(-f "$second/repository.json", 'the second one is made, too');
isnt(slurp_file("$second/repository.json"), slurp_file("$first/repository.json"), 'with an id of its own');
$node->sql_fails('SELECT backup_repository_create()', '42710', 'is a repository already', 'again');
is($node->safe_psql('postgres', q(SELECT string_agg(check_name, ',') FROM backup_check() WHERE check_name ~ '^repository [12] accepts' AND ok)),
	'repository 1 accepts this cluster,repository 2 accepts this cluster', 'each is checked');

# --- a backup is in both ------------------------------------------------------

$node->load('app', 'shop.sql', 'scale=1');
my $app = $node->backup_now('app');
ok(-f "$first/manifest/$app.json", 'a backup is in the first one');
is(slurp_file("$second/manifest/$app.json"), slurp_file("$first/manifest/$app.json"), 'and is copied as it is');
is($node->safe_psql('postgres', "SELECT copies FROM backup_list() WHERE id = '$app'"), '2', 'it has two copies');
is($node->safe_psql('postgres', 'SELECT backup_replicate()'), '0', 'there is nothing to copy any more');
is($node->safe_psql('postgres', 'SELECT backup_sync()'), '1', 'it is counted once');
my $base = $node->safe_psql('postgres', q(SELECT backup_now(kind => 'base')));
ok(-f "$second/manifest/$base.json", 'so is a base backup');
$node->wait_archived;

done_testing();
