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

# --- one is away ---------------------------------------------------------------

my $archive_state = q(SELECT state, reason FROM backup_status WHERE what = 'WAL archiving');
sub wal_files { return map { s{.*/}{}r } glob("$_[0]/wal/*/00000001/*/*"); }
rename($second, "$second.away") or die $!;
my @files;
for (1 .. 3)
{
	push @files, $node->safe_psql('postgres', q(SELECT pg_walfile_name(pg_logical_emit_message(false, 'x', 'y'))));
	$node->safe_psql('postgres', 'SELECT pg_switch_wal()');
}
$node->poll_query_until('postgres', q(SELECT failure ~ 'repository 2 of 2: ' FROM backup_wal)) or die 'nothing fails';
ok(1, 'WAL is refused where one has not got it, and it is said which');
# the healthy one has all of it
my $newest = $files[2];
for (1 .. 600)
{
	last if grep { /^\Q$newest\E-/ } wal_files($first);
	select(undef, undef, undef, 0.1);
}
is(scalar(grep { my $file = $_; grep { /^\Q$file\E-/ } wal_files($first) } @files), 3,
	'the other one gets it all the same, ahead of what is asked for');
is($node->safe_psql('postgres', "SELECT last_archived_wal < '$files[0]' FROM pg_stat_archiver"), 't', 'but none of it counts as archived');
my ($later, $warning) = ('', '');
$node->psql('postgres', q(SELECT backup_now(database => 'app')), stdout => \$later, stderr => \$warning);
like($later, qr/-app-/, 'a backup is good all the same');
like($warning, qr/WARNING:  the backup is good, but not all is copied to every repository: directory .* does not exist/, 'with a warning');
$node->psql('postgres', 'SELECT backup_sync()', stdout => \my $count, stderr => \$warning);
like($warning, qr/WARNING:  repository 2 of 2 fails/, 'reading anew warns');
is($node->safe_psql('postgres', 'SELECT string_agg(copies::text, $$,$$ ORDER BY id DESC) FROM backup_list()'), '1,2,2', 'and keeps what was known');
$node->sql_fails("SELECT backup_delete('$app')", '58P01', 'does not exist', 'to delete from one that is away');
ok(!-e "$first/manifest/$app.json", 'the other one has deleted it');
rename("$second.away", $second) or die $!;
$node->wait_archived;
is_deeply([ wal_files($second) ], [ wal_files($first) ], 'when it is back, it catches up');
is($node->safe_psql('postgres', 'SELECT backup_replicate()'), '1', 'and gets the backup');
is(slurp_file("$second/manifest/$later.json"), slurp_file("$first/manifest/$later.json"), 'as it is');
ok(-e "$second/manifest/$app.json", 'what was deleted meanwhile is still there');
$node->safe_psql('postgres', "SELECT backup_delete('$app')");
ok(!-e "$second/manifest/$app.json", 'and can be deleted again');

done_testing();
