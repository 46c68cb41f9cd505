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
$node->safe_psql('postgres', q(UPDATE backup_catalogue_data SET finished_at = finished_at - interval '20 min'));
my $lag = q(SELECT state, reason FROM backup_status WHERE what = 'copies in repository 2');
is($node->safe_psql('postgres', $lag), 'critical|It lacks 1 good backups that the first repository has.', 'the status says what is lacking');
is($node->safe_psql('postgres', 'SELECT string_agg(copies::text, $$,$$ ORDER BY id DESC) FROM backup_list()'), '1,2,2', 'and keeps what was known');
$node->sql_fails("SELECT backup_delete('$app')", '58P01', 'does not exist', 'to delete from one that is away');
ok(!-e "$first/manifest/$app.json", 'the other one has deleted it');
rename("$second.away", $second) or die $!;
$node->wait_archived;
is_deeply([ wal_files($second) ], [ wal_files($first) ], 'when it is back, it catches up');
is($node->safe_psql('postgres', 'SELECT backup_replicate()'), '1', 'and gets the backup');
is(slurp_file("$second/manifest/$later.json"), slurp_file("$first/manifest/$later.json"), 'as it is');
$node->safe_psql('postgres', 'SELECT backup_sync()');
is($node->safe_psql('postgres', $lag), 'ok|It has what the first repository has.', 'and the status is good');
ok(-e "$second/manifest/$app.json", 'what was deleted meanwhile is still there');
$node->safe_psql('postgres', "SELECT backup_delete('$app')");
ok(!-e "$second/manifest/$app.json", 'and can be deleted again');

# --- what one has lost the other one gives -------------------------------------

# A database: an object is damaged, another one is missing.
sub damage
{
	my ($path) = @_;
	my $bytes = slurp_file($path);

	# in the middle, and so that it decodes to something else for a while
	substr($bytes, length($bytes) / 2, 200) = join '', map { chr } 0 .. 199;
	BackupExt::write_file($path, $bytes);
	return;
}
damage("$first/backup/$later/archive.dump.001.zst");
unlink("$first/backup/$later/globals.sql.001.zst") or die $!;
my ($status, $out, $err) = program($both, 'cat', $later, '--object=globals.sql');
is("$status $out", '0 ' . (program("file://$second", 'cat', $later, '--object=globals.sql'))[1], 'a missing object is read elsewhere');
like($err, qr{"backup/$later/globals.sql.001.zst" cannot be had from "\Q@{[$node->url]}\E": .* \(next is "file://\Q$second\E"\)}, 'with a warning that names both');
($status, $out, $err) = program($node->url, 'restore', $later, '--to=alone', $node->connect_options);
is($status, 1, 'the damaged repository alone gives no database');
$node->safe_psql('postgres', "SELECT backup_restore('$later', 'copy')");
$node->same_rows('copy', $node, 'app', 'both together do');

# A cluster: volumes are damaged, a manifest and WAL are missing.
damage($_) foreach (glob("$first/backup/$base/base.*.zst"))[0, -1];
my $target = BackupExt->to_be_restored('target');
($status, $out, $err) = program($both, 'restore', $base, '--to=' . $target->data_dir);
is($status, 0, 'a cluster is restored') or diag($err);
like($err, qr{"backup/$base/base\.\S+" cannot be had}, 'with a warning');
unlink(grep { m{/\Q$files[1]\E-} } glob("$first/wal/*/00000001/*/*")) or die $!;
$target->begin_restored;
$target->same_rows('app', $node, 'app', 'and recovers through WAL that only the other one has');
$target->stop;

# --- a copy that is killed, again and again ----------------------------------

my $third = "$second.third";
for my $tenths (0 .. 4)
{
	my $run = IPC::Run::start([ 'pg_backup_ext', 'replicate', "--repo=file://$second", "--to=file://$third", '--create' ],
		'<', \undef, '>', \my $said, '2>', \my $complaint);
	select(undef, undef, undef, 0.1 * $tenths + rand 0.1);
	$run->signal('KILL');
	eval { $run->finish };
	for my $manifest (glob("$third/manifest/*.json"))
	{
		my ($listed) = $manifest =~ m{([^/]+)\.json$};
		my @lacking = grep { !-e "$third/backup/$listed/" . s{.*/}{}r } glob("$second/backup/$listed/*");
		is("@lacking", '', 'what is listed is there') if @lacking;
	}
}
is((program("file://$second", 'replicate', "--to=file://$third", '--create'))[0], 0, 'in the end it is complete');
my @paths = map
{
	my $root = $_;
	[ grep { m{^/(?:manifest|backup|wal)/} } map { substr($_, length $root) } split /\n/, BackupExt::tree($root) ]
} $second, $third;
is_deeply($paths[1], $paths[0], 'and nothing else is there');
is_deeply([ glob("$third/intent/*") ], [], "no run is left announced there");

# --- the first one is lost ------------------------------------------------------

my $copy = BackupExt->to_be_restored('copy');
rename($first, "$first.lost") or die $!;
($status, $out, $err) = program($both, 'restore', '--to=' . $copy->data_dir, '--dry-run');
is($status, 0, 'the second one gives the cluster') or diag($err);
like($err, qr/repository "\Q@{[$node->url]}\E" is not read from/, 'with a warning');
($status, $out, $err) = program("file://$second", 'restore', '--to=' . $copy->data_dir);
is($status, 0, 'who leaves out the lost one') or diag($err);
$copy->begin_restored;
$copy->same_rows('app', $node, 'app', 'can end the recovery');
$copy->stop;

# No end of WAL is told while one of them cannot be asked.
my $wal = $copy->basedir . '/wal';
my @get = ('archive-get', '0000000100000000000000F0', $wal, '--retry=0', '--system-identifier',
	$node->safe_psql('postgres', 'SELECT system_identifier FROM pg_control_system()'));
is((program($both, @get))[0], 126, 'one is away: nobody knows whether a segment exists');
rename("$first.lost", $first) or die $!;
is((program($both, @get))[0], 1, 'both say that there is none');
$get[1] = $files[1];
($status, $out, $err) = program($both, @get);
is($status, 0, 'what only the second one has is delivered');
like($err, qr/came from "file:\/\/\Q$second\E"/, 'with a warning');

done_testing();
