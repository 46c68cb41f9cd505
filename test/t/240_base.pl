# Base backups: taken while everything changes, restored with stock tools, and
# refused, marked as bad or taken away again when something is wrong.
use strict;
use warnings;
use BackupExt;
use IPC::Run ();
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

my $node = BackupExt->new('main');
$node->init(extra => [ '--encoding=UTF8', '--locale=C', '--data-checksums' ], allows_streaming => 1);
$node->begin;
my $repo = $node->repository;
my $data = $node->data_dir;
my $base = $node->basedir;
my @base = ('backup', '--kind', 'base');

# --- what must be there first -----------------------------------------------

$node->program_fails([@base], qr/a base backup needs WAL archiving.*archive_mode is off.*HINT|hint: .*archive_library = 'backup_ext'/s,
	'without archiving');
refused([ @base, '--database', 'postgres' ], qr/a base backup is of all databases/, 'of one database');
refused([ 'backup', '--kind', 'none' ], qr/invalid kind "none".*logical or base/s, 'of a kind that is none');
refused([ @base, '--checkpoint', 'now' ], qr/invalid checkpoint "now".*fast or spread/s, 'with a checkpoint that is none');

# --- a cluster with some of everything --------------------------------------

my $etc = "$base/etc";
my $odd = "odd \xff\n'\\name";
mkdir $etc;
rename "$data/pg_hba.conf", "$etc/hba.conf" or die $!;
append_to_file("$etc/extra.conf", "work_mem = '5MB'\nsearch_path = '\"a''b\\\\\\\\c\", public'\n");
$node->append_conf('postgresql.conf', <<"END");
archive_mode = on
archive_library = 'backup_ext'
hba_file = '$etc/hba.conf'
include '$etc/extra.conf'
END
my $wal_place = "$base/wal";
$node->stop;
rename "$data/pg_wal", $wal_place or die $!;
symlink $wal_place, "$data/pg_wal" or die $!;
$node->start;
my $space = "$base/space";
mkdir $space;
$node->safe_psql('postgres', <<"END");
CREATE TABLESPACE space LOCATION '$space';
CREATE EXTENSION amcheck;
CREATE TABLE ledger (id int PRIMARY KEY, text text);
INSERT INTO ledger SELECT i, repeat(md5(i::text), 10) FROM generate_series(1, 60000) i;
CREATE TABLE spaced TABLESPACE space AS SELECT i FROM generate_series(1, 10000) i;
CREATE UNLOGGED TABLE unlogged AS SELECT i FROM generate_series(1, 10000) i;
CREATE INDEX ON unlogged (i);
CREATE TABLE empty (i int);
CHECKPOINT;
END
my $unlogged = $node->safe_psql('postgres', "SELECT pg_relation_filepath('unlogged')");
mkdir "$data/empty folder";
mkdir "$data/base/pgsql_tmp";
BackupExt::write_file("$data/$odd", 'odd');
BackupExt::write_file("$data/base/pgsql_tmp/pgsql_tmp1.1", 'temporary');
BackupExt::write_file("$data/pg_replslot/left", 'over');
BackupExt::write_file("$data/backup_label.old", 'kept');
open(my $sparse, '>', "$data/sparse") or die $!;
seek($sparse, 200_000_000, 0);
print $sparse 'end';
close $sparse;

# --- a backup while tables, databases and files come and go -----------------

my $stir = "$base/stir.sql";
BackupExt::write_file($stir, <<'END' x 40);
DROP TABLE IF EXISTS passing;
CREATE TABLE passing AS SELECT i FROM generate_series(1, 20000) i;
TRUNCATE passing;
UPDATE ledger SET text = repeat(md5(text), 10) WHERE id % 7 = 0;
VACUUM FULL spaced;
REINDEX TABLE ledger;
DROP DATABASE IF EXISTS passing;
CREATE DATABASE passing STRATEGY wal_log;
DROP DATABASE passing;
CREATE DATABASE passing STRATEGY file_copy;
END
my $stirring = IPC::Run::start([ 'psql', '-X', '-q', '-d', $node->connstr('postgres'), '-f', $stir ],
	'<', \undef, '>', \my $stirred, '2>&1');
my $out = $node->program_ok([ @base, '--label', 'under load', '--rate-limit', '60MB', '--checkpoint', 'fast' ],
	'a base backup under load');
$stirring->signal('TERM');
eval { $stirring->finish };
like($out, qr/^base +- +good .*-base-[a-z0-9]{4}  under load$/m, 'is reported');
my ($first) = $out =~ /(\d{8}T\d{6}Z-base-[a-z0-9]{4})/;
my $manifest = $node->read_json("manifest/$first.json");
is($manifest->{corrupt_pages}, 0, 'no page is blamed');
is_deeply([ sort keys %$manifest ],
	[ sort qw(block_size codec corrupt_pages data_checksums data_directory finished_at format id kind label schedule
		objects program_version repository_id seal segment_blocks server_version start_lsn start_wal started_at
		stop_lsn stop_wal system_identifier tablespaces timeline wal_segment_size) ],
	'the manifest has the members of its kind');
is(verify('stored', $first), '', 'what is stored is sound');
is(verify('readable', $first), '', 'what is stored can be read');

my $listed = $node->program_ok([ 'cat', $first, '--object', 'contents.jsonl' ], 'its contents');
like($listed, qr/"file":"sparse".*"size":200000003/, 'a sparse file has its size');
like($listed, qr/"directory":"empty folder"/, 'an empty folder is there');
like($listed, qr/"file":"backup_label.old"/, 'so is a file of a former backup');
like($listed, qr/"file_hex":"6f646420ff0a275c6e616d65"/, 'and a name of any bytes');
like($listed, qr/"file":"${unlogged}_init"/, 'of an unlogged table there is the init fork');
unlike($listed, qr/"file":"\Q$unlogged\E"/, 'and nothing else');
unlike($listed, qr/pgsql_tmp|pg_replslot\/|postmaster|pg_internal\.init|"file":"pg_wal/, 'what is made anew is left out');
like($listed, qr/"file":"global\/pg_control".*"stream":"control/, 'pg_control is in the last volume');
like($listed, qr/"archive_library":"backup_ext"/, 'the settings are there');

# --- the same with zstd, tar and sh -----------------------------------------

rename $etc, "$etc.away" or die $!;
my $restored = BackupExt->new('restored');
my $target = $restored->data_dir;
my $oid = $manifest->{tablespaces}[0]{oid};
mkdir $restored->basedir;
{
	local $ENV{"TABLESPACE_$oid"} = $restored->basedir . '/space';
	command_ok([ 'sh', "$repo/backup/$first/RESTORE.txt", $target ], 'RESTORE.txt restores it');
	command_fails_like([ 'sh', "$repo/backup/$first/RESTORE.txt", $target ], qr/is not empty/, 'but not twice');
}
command_ok([ 'pg_verifybackup', '-n', $target ], 'pg_verifybackup accepts it');
is(slurp_file("$target/$odd"), 'odd', 'a file of an odd name is restored');
ok(-d "$target/empty folder", 'an empty folder, too');
is(-s "$target/sparse", 200_000_003, 'a large file has its size');
is(readlink("$target/pg_tblspc/$oid"), $restored->basedir . '/space', 'the tablespace is where it was asked for');
append_to_file("$target/postgresql.conf", sprintf "port = %d\nunix_socket_directories = '%s'\nlisten_addresses = '%s'\n",
	$restored->port, $PostgreSQL::Test::Utils::use_unix_sockets ? $restored->host : '',
	$PostgreSQL::Test::Utils::use_unix_sockets ? '' : $restored->host);
$restored->start;
$restored->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()') or die 'no end of recovery';
is($restored->safe_psql('postgres', 'SHOW work_mem'), '5MB', 'settings from outside the data directory are in force');
is($restored->safe_psql('postgres', 'SHOW search_path'), "\"a'b\\\\c\", public", 'whatever their values are');
is($restored->safe_psql('postgres', 'SELECT count(*), sum(id) FROM ledger'), '60000|1800030000', 'the ledger has all rows');
is($restored->safe_psql('postgres', 'SELECT count(*) FROM spaced'), '10000', 'so has the table in the tablespace');
is($restored->safe_psql('postgres', 'SELECT count(*) FROM unlogged'), '0', 'the unlogged table is empty');
is($restored->safe_psql('postgres', 'SHOW archive_mode'), 'off', 'it does not archive');
command_ok([ 'pg_amcheck', '--all', '--heapallindexed', '--install-missing', '-h', $restored->host, '-p', $restored->port ],
	'pg_amcheck is content');
$restored->stop;
rename "$etc.away", $etc or die $!;

# --- damage -----------------------------------------------------------------

$node->safe_psql('postgres', 'DROP DATABASE IF EXISTS passing');
my $file = $data . '/' . $node->safe_psql('postgres', "CHECKPOINT; SELECT pg_relation_filepath('ledger')");
BackupExt::flip_byte($file, 5 * 8192 + 4000);
$out = $node->program_ok([@base], 'a backup with a corrupt page');
like($out, qr/^base +- +bad .*1 pages have a wrong checksum, the first is block 5 of file "base/m, 'is a bad one');
my ($bad) = $out =~ /(\d{8}T\d{6}Z-base-[a-z0-9]{4})/;
is($node->read_json("manifest/$bad.json")->{corrupt_pages}, 1, 'its manifest says so');
like(verify('readable', $bad), qr/^BAD  pages: 1 pages have a wrong checksum/m, 'verification finds it, too');
$node->program_fails([ 'delete', $first ], qr/is the last good base backup of its cluster/,
	'the bad one does not count: deleting the good one');
BackupExt::flip_byte($file, 5 * 8192 + 4000);
$node->program_ok([ 'delete', $bad ], 'a bad one can be deleted');

my ($second) = $node->program_ok([@base], 'another backup') =~ /(\d{8}T\d{6}Z-base-[a-z0-9]{4})/;
my ($control) = glob "$repo/backup/$second/control.0001.tar.001*";
rename $control, "$control.away" or die $!;
like(verify('readable', $second), qr/^BAD  control: the backup has no "backup_label"/m, 'without backup_label it is bad');
rename "$control.away", $control or die $!;
my ($volume) = glob "$repo/backup/$second/base.0001.tar.001*";
BackupExt::flip_byte($volume, 100);
like(verify('stored', $second), qr/^BAD  base\.0001\.tar\.001\S*: .*is damaged/m, 'a damaged volume is found');
BackupExt::flip_byte($volume, 100);
my $start_wal = $node->read_json("manifest/$second.json")->{start_wal};
my ($wal) = glob sprintf('%s/wal/*/%.8s/%.16s/%s-*', $repo, $start_wal, $start_wal, $start_wal);
rename $wal, "$base/segment" or die $!;
like(verify('stored', $second), qr/^BAD  WAL: WAL segment $start_wal is missing/m, 'so is missing WAL');
rename "$base/segment", $wal or die $!;
is(verify('readable', $second), '', 'with all of it the backup is good again');

# --- what fails leaves nothing ----------------------------------------------

my $before = BackupExt::tree("$repo/backup") . BackupExt::tree("$repo/manifest");
BackupExt::write_file("$data/unreadable", 'x');
SKIP:
{
	chmod 0, "$data/unreadable";
	skip 'the superuser can read everything', 3 if open(my $file, '<', "$data/unreadable");
	$node->program_fails([@base], qr/could not open file "unreadable": Permission denied/, 'a file that cannot be read');
	nothing_left('a file that cannot be read');
}
unlink "$data/unreadable";

command_ok([ 'pg_backup_ext', 'init', '--repo', "file://$base/moved", $node->connect_options ], 'another repository');
foreach my $place ($data, $space, $wal_place)
{
	rename "$base/moved", "$place/moved" or die $!;
	refused([ @base, '--repo', "file://$place/moved" ], qr/is inside the (data directory|tablespace) "\Q$place\E"|lies within the cluster that it shall back up/,
		'a repository that was moved into what it protects');
	rename "$place/moved", "$base/moved" or die $!;
}

$node->set('archive_library', '');
$node->set('archive_command', 'false');
$node->program_fails([ @base, '--archive-timeout', '2s' ],
	qr/WAL segment [0-9A-F]{24} did not arrive in the repository within 2 s.*archiver/s, 'archiving that is broken');
nothing_left('archiving that is broken');
$node->safe_psql('postgres', 'ALTER SYSTEM RESET archive_command; ALTER SYSTEM RESET archive_library');
$node->reload;

# --- whatever happens to the program ----------------------------------------

my $slow = slow_backup('copying');
$slow->signal('TERM');
$slow->finish;
like($slow->{err}, qr/canceled on request/, 'a backup that is canceled says so');
nothing_left('a backup that is canceled');

$slow = slow_backup('copying');
$node->safe_psql('postgres', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pg_backup_ext'");
$slow->finish;
like($slow->{err}, qr/terminating connection|connection|closed/, 'a backup whose session ends says so');
nothing_left('a backup whose session ends');

foreach my $point ('announced', 'copying')
{
	$slow = slow_backup($point);
	$slow->kill_kill;
	is(BackupExt::tree("$repo/manifest") =~ tr/\n//, 3, "killed when $point: nothing more is listed");
	$node->poll_query_until('postgres', "SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name = 'pg_backup_ext'")
	  or die 'the session stays';
}
my ($third) = $node->program_ok([@base], 'the next backup works') =~ /(\d{8}T\d{6}Z-base-[a-z0-9]{4})/;
my $left = join ' ', map { s/.*\///r } glob "$repo/backup/*";
is($left, join(' ', sort $first, $second, $third), 'and has cleaned up');
is(join(' ', glob "$repo/intent/*"), '', 'no intent is left');
$node->program_ok([ 'delete', $first ], 'with another good one, the first can be deleted');

# --- a standby --------------------------------------------------------------

$restored->set_standby_mode;
$restored->start;
command_fails_like([ 'pg_backup_ext', @base, '--repo', $node->url, $restored->connect_options ],
	qr/a base backup cannot be taken from a standby/, 'a standby is refused');
$restored->stop;
$node->stop;
unlike(slurp_file($node->logfile), qr/PANIC|terminated by signal/, 'nothing crashed');
done_testing();

# The failed checks of a verification.
sub verify
{
	my ($level, $id) = @_;
	my ($status, $checks) = $node->program('verify', $id, '--level', $level);

	return join '', $checks =~ /^(BAD.*\n)/mg;
}

# A request that cannot be carried out as it is.
sub refused
{
	my ($arguments, $text, $name) = @_;
	my ($status, $out, $err) = $node->program(@$arguments);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	isnt($status, 0, "$name: fails");
	return like($err, $text, "$name: says why");
}

sub nothing_left
{
	my ($name) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is(BackupExt::tree("$repo/backup") . BackupExt::tree("$repo/manifest"), $before, "$name: nothing is left");
	return is(join(' ', glob "$repo/intent/*"), '', "$name: nothing is announced");
}

# A backup that takes its time, at the point where it is announced or copies.
sub slow_backup
{
	my ($point) = @_;
	my ($out, $err) = ('', '');
	my $harness = IPC::Run::start([ 'pg_backup_ext', @base, '--repo', $node->url, $node->connect_options, '--rate-limit', '1MB' ],
		'<', \undef, '>', \$out, '2>', \$err);
	my $wanted = $point eq 'announced' ? "$repo/intent/*" : "$repo/backup/*/.tmp-*base*";

	for (1 .. 600)
	{
		my @there = grep { !/-base-.*\/RESTORE/ } glob $wanted;
		last if @there;
		usleep(50_000);
	}
	return bless { harness => $harness, error => \$err }, 'SlowBackup';
}

package SlowBackup;

sub signal { return $_[0]{harness}->signal($_[1]); }
sub kill_kill { return $_[0]{harness}->kill_kill(grace => 0); }

sub finish
{
	my ($self) = @_;

	eval { $self->{harness}->finish };
	$self->{err} = ${ $self->{error} };
	return;
}
