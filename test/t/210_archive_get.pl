# A server gets its WAL back: all of it, or the recovery stops. No failure is
# ever taken for the end of WAL, and none ends a standby.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use BackupExt;
use File::Path ();
use IPC::Run ();
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

my $primary = BackupExt->new('primary');
$primary->init(allows_streaming => 1,
	extra => [ '--encoding=UTF8', '--locale=C', '--wal-segsize=1' ]);
$primary->append_conf('postgresql.conf', <<'END');
archive_mode = on
archive_command = 'pg_backup_ext archive-push %p'
autovacuum = off
END
$primary->begin;
my $repo = $primary->repository;
my $cluster = $primary->safe_psql('postgres', 'SELECT system_identifier FROM pg_control_system()');
my $wal = "$repo/wal/$cluster/00000001";
$primary->safe_psql('postgres', 'CREATE TABLE ledger (id int, text text)');
$primary->backup('base', backup_options => [ '-Xnone' ]);

# Writes rows, and waits until their WAL is in the archive.
sub write_rows
{
	my ($count) = @_;
	$primary->safe_psql('postgres', <<"END");
INSERT INTO ledger SELECT i, repeat(md5(i::text), 30) FROM generate_series(1, $count) i
END
	my $last = $primary->safe_psql('postgres', 'SELECT pg_walfile_name(pg_switch_wal())');
	$primary->poll_query_until('postgres',
		"SELECT last_archived_wal >= '$last' FROM pg_stat_archiver") or die "$last is not archived";
	return $last;
}

# A server that recovers from the backup. "mode" is recovery or standby.
sub new_copy
{
	my ($name, $mode, $retry) = @_;
	my $copy = BackupExt->new($name);
	$copy->init_from_backup($primary, 'base');
	$copy->append_conf('postgresql.conf', <<"END");
shared_preload_libraries = ''
archive_mode = off
restore_command = 'pg_backup_ext archive-get %f %p --repo @{[$primary->url]} --retry $retry'
END
	$copy->append_conf('postgresql.conf', "hot_standby = off\n") if $mode eq 'recovery';
	append_to_file($copy->data_dir . "/$mode.signal", '');
	return $copy;
}

sub rows { return $_[0]->safe_psql('postgres', 'SELECT count(*) FROM ledger'); }

# What is left of reading ahead in a server's directory.
sub ahead { return $_[0]->data_dir . '/pg_wal/backup_ext.ahead'; }

sub readers
{
	my ($copy) = @_;
	my $data = Cwd::abs_path($copy->data_dir);
	return grep { (readlink("$_/cwd") // '') =~ /^\Q$data\E/ && (readlink("$_/exe") // '') =~ /pg_backup_ext/ }
	  glob('/proc/[0-9]*');
}

sub waits_until
{
	my ($what, $name) = @_;
	for (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
	{
		return pass($name) if $what->();
		usleep(100_000);
	}
	return fail($name);
}

# The files of the archive that hold a name.
sub stored { my ($name) = @_; return glob("$wal/" . substr($name, 0, 16) . "/$name-*"); }

write_rows(5000);
my $last = write_rows(5000);
my $all = rows($primary);

# --- recovery to the end --------------------------------------------------------

my $copy = new_copy('copy', 'recovery', '1s');
$copy->start;
ok($copy->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()'), 'recovery ends');
is(rows($copy), $all, 'it reaches the end');
is($copy->safe_psql('postgres', 'SELECT timeline_id FROM pg_control_checkpoint()'), 2,
	'and the server is promoted');
$copy->stop;
waits_until(sub { !readers($copy) && !-e ahead($copy) }, 'nothing is left of reading ahead when the server has stopped');

# --- no failure is the end of WAL (CASES P01) ------------------------------------

# Two segments before the end: all of them were needed.
my @segments = sort map { m{/([0-9A-F]{24})-[^/]*$} } glob("$wal/*/*");
cmp_ok(scalar(@segments), '>', 8, 'there are enough segments');
my $middle = $segments[-4];
my ($object) = stored($middle);
my $elsewhere = $primary->basedir . '/elsewhere';
my $whole = slurp_file($object);

my @cases = (
	['a missing segment', sub { rename $object, $elsewhere }, sub { rename $elsewhere, $object },
		qr/"$middle" is missing in the archive.*the archive has a gap/s],
	['a damaged segment', sub { BackupExt::flip_byte($object, 500) },
		sub { BackupExt::write_file($object, $whole) }, qr/\Q$middle\E.*is damaged/],
	['a cut segment', sub { BackupExt::write_file($object, substr($whole, 0, 300)) },
		sub { BackupExt::write_file($object, $whole) }, qr/\Q$middle\E.*is damaged/],
	['two contents', sub { BackupExt::write_file(other($object), $whole) }, sub { unlink other($object) },
		qr/"$middle" is in the repository with two contents/],
	['a folder that cannot be read', sub { chmod 0, "$wal/" . substr($middle, 0, 16) },
		sub { chmod 0700, "$wal/" . substr($middle, 0, 16) }, qr/could not .*Permission denied/],
	['a repository that is not mounted', sub { rename $repo, $elsewhere; mkdir $repo, 0700 },
		sub { rmdir $repo; rename $elsewhere, $repo }, qr/there is no repository at/],
	['another repository', \&take_another, sub { File::Path::remove_tree($repo); rename $elsewhere, $repo },
		qr/has nothing of this cluster/]);

# The same file with another digest.
sub other
{
	my ($path) = @_;
	$path =~ s/-([0-9a-f])([0-9a-f]{63}\.zst)$/'-' . ($1 eq '0' ? '1' : '0') . $2/e or die;
	return $path;
}

sub slurp_control
{
	my ($out) = PostgreSQL::Test::Utils::run_command([ 'pg_controldata', $_[0]->data_dir ]);
	return $out;
}

sub take_another
{
	rename $repo, $elsewhere;
	return ok(IPC::Run::run([ 'pg_backup_ext', 'init', '--repo', $primary->url,
			'--system-identifier', '1234567890123456789' ], '>', \my $out),
		'another repository is made');
}

$copy = new_copy('short', 'recovery', '300ms');
foreach my $case (@cases)
{
	my ($name, $break, $mend, $complaint) = @$case;
	my $seen = -s $copy->logfile // 0;

	$break->();
	$copy->start(fail_ok => 1);
	waits_until(sub { !-e $copy->data_dir . '/postmaster.pid' }, "$name: the server ends");
	$copy->{_pid} = undef;
	$mend->();
	my $log = substr(slurp_file($copy->logfile), $seen);
	like($log, $complaint, "$name: the log says why");
	like($log, qr/FATAL:  could not restore file "[\w.]+" from archive: command not executable/,
		"$name: PostgreSQL takes it for no end");
	unlike($log, qr/archive recovery complete|selected new timeline/, "$name: it is not promoted");
	like(slurp_control($copy), qr/cluster state: +in archive recovery/, "$name: it is still in recovery");
}
$copy->start;
ok($copy->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()'), 'with all mended it recovers');
is(rows($copy), $all, 'to the end');
$copy->stop;

# --- what it answers -------------------------------------------------------------

# As a server calls it, in a directory that is to be recovered.
$copy = new_copy('asked', 'recovery', '300ms');
my $data = $copy->data_dir;
my $target = "$data/pg_wal/RECOVERYXLOG";

sub get
{
	my ($name, @options) = @_;
	my ($out, $err) = ('', '');
	@options = ('--repo', $primary->url, '--retry', '300ms') if !@options;
	unlink $target;
	IPC::Run::run([ 'pg_backup_ext', 'archive-get', $name, 'pg_wal/RECOVERYXLOG', @options ],
		init => sub { chdir $data or die }, '<', \undef, '>', \$out, '2>', \$err);
	return ($? & 127 ? 128 + ($? & 127) : $? >> 8, $err);
}

sub answers
{
	my ($name, $expected, $complaint, $what, @options) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($status, $err) = get($name, @options);
	is($status, $expected, "$what: exit status $expected");
	like($err, $complaint, "$what: says why");
	return is(-e $target ? 1 : 0, $expected == 0 ? 1 : 0, "$what: the file");
}

my $after = sprintf('%s%08X', substr($last, 0, 16), hex(substr($last, 16)) + 1);
answers($middle, 0, qr/^$/, 'a segment');
is(-s $target, 1024 * 1024, 'it has its size');
answers($after, 1, qr/"$after" is not in the archive/, 'one behind the last');
answers('00000002.history', 1, qr/is not in the archive/, 'a history that never was');
answers('00000009000000000000000A', 1, qr/is not in the archive/, 'another timeline');
answers('nonsense', 126, qr/22023/, 'a name that is none');
IPC::Run::run([ 'pg_backup_ext', 'archiveget', $middle, $target ], '2>', \my $typo, 'init', sub { chdir $primary->data_dir });
is($? >> 8, 127, 'a command that does not exist, where a server runs it');
answers($middle, 126, qr/unrecognized option/, 'an unknown option', '--nonsense');
answers($middle, 126, qr/22023/, 'no number', '--repo', $primary->url, '--jobs', 'many');
answers($middle, 126, qr/./, 'no repository', '--repo', 'file:///nonexistent', '--retry', '0');
answers($middle, 126, qr/has nothing of this cluster/, 'another cluster',
	'--repo', $primary->url, '--system-identifier', '1');

# The beginning of a segment, and what a promotion leaves.
my $pg_wal = $primary->data_dir . '/pg_wal';
IPC::Run::run([ 'pg_backup_ext', 'archive-get', $middle, "$pg_wal/later.partial", '--repo', $primary->url,
		'--system-identifier', $cluster ]) or die;

sub push_as
{
	my ($name) = @_;
	rename "$pg_wal/later.partial", "$pg_wal/$name";
	is(IPC::Run::run([ 'pg_backup_ext', 'archive-push', "$pg_wal/$name", '-D', $primary->data_dir ]), 1, "$name is archived");
	rename "$pg_wal/$name", "$pg_wal/later.partial";
	return;
}

my $on2 = '00000002' . substr($middle, 8);
push_as("$on2.partial");
answers($on2, 1, qr/is not in the archive/, 'only the beginning of it');
answers("$on2.partial", 0, qr/^$/, 'the beginning by its name');
answers('00000002.history', 126, qr/its history recovery would take a wrong turn/, 'a history that was lost');
BackupExt::write_file("$pg_wal/00000002.history", "1\t0/300028\tno recovery target specified\n");
is(IPC::Run::run([ 'pg_backup_ext', 'archive-push', "$pg_wal/00000002.history", '-D', $primary->data_dir ]), 1,
	'the history is archived again');
answers('00000002.history', 0, qr/^$/, 'a history');
is(slurp_file($target), "1\t0/300028\tno recovery target specified\n", 'as it was');
unlink "$pg_wal/00000002.history", "$pg_wal/later.partial";

# What others have left (CASES P16).
BackupExt::write_file("$data/pg_wal/.tmp-abcdefgh-RECOVERYXLOG", 'half');
BackupExt::write_file("$data/pg_wal/RECOVERYXLOG.part", 'half');
answers($middle, 0, qr/^$/, 'with a temporary in the way');
ok(!-e "$data/pg_wal/.tmp-abcdefgh-RECOVERYXLOG", 'our own temporary is removed');
ok(-e "$data/pg_wal/RECOVERYXLOG.part", 'another one is not ours');

# It ends as a signal ends a program, not as if there were no file.
rename $repo, $elsewhere;
my $stopped = IPC::Run::start([ 'pg_backup_ext', 'archive-get', $middle, "$data/pg_wal/RECOVERYXLOG2",
		'--repo', $primary->url, '--retry', '60s' ], '<', \undef, '2>', \my $trying);
$stopped->pump until $trying =~ /trying again/;
$stopped->signal('TERM');
$stopped->finish;
is($stopped->result, 143, 'SIGTERM ends it as such');
rename $elsewhere, $repo;

my $out = $primary->program_ok([ 'wal' ], 'the WAL is shown');
like($out, qr/^cluster $cluster\n +timeline 1: \d+ segments, \w+ to $last .*\n +timeline 2, from timeline 1 at 0\/300028: no segments$/m,
	'with the tree of timelines');
rename $object, $elsewhere;
like($primary->program_ok([ 'wal' ], 'a gap'), qr/^gap: $middle to $middle$/m, 'is shown');
my @records = map { JSON::PP::decode_json($_) } split /\n/, $primary->program_ok([ 'list', '--json' ], 'a gap in the list');
my ($record) = grep { $_->{record} eq 'wal' && $_->{timeline} == 1 } @records;
is_deeply([ @$record{qw(gaps first_gap conflicts last_wal)} ], [ 1, $middle, 0, $last ], 'is a record');
rename $elsewhere, $object;
unlink glob("$repo/wal/$cluster/00000002/*/*"), glob("$repo/wal/$cluster/00000002/*.zst"), glob("$repo/wal/$cluster/00000002/0*");

# --- a standby lives through all of it --------------------------------------------

my $standby = new_copy('standby', 'standby', '300ms');
$standby->start;
$standby->poll_query_until('postgres', "SELECT count(*) = $all FROM ledger") or die;
pass('a standby follows the archive');
my $pid = $standby->safe_psql('postgres', 'SELECT pg_postmaster_start_time()');
rename $repo, $elsewhere;
waits_until(sub { slurp_file($standby->logfile) =~ /warning: could not get/ }, 'the store is down: the standby says so');
is($standby->safe_psql('postgres', 'SELECT pg_postmaster_start_time()'), $pid, 'and lives');
$standby->restart;
is(rows($standby), $all, 'it can be restarted meanwhile');
$primary->restart;
rename $elsewhere, $repo;
write_rows(3000);
$all = rows($primary);
ok($standby->poll_query_until('postgres', "SELECT count(*) = $all FROM ledger"), 'with the store back it catches up');

# --- reading ahead ends with the server ---------------------------------------------

# A segment that is asked for now keeps the process awake.
sub is_read_ahead
{
	my ($name) = @_;
	my $place = $standby->data_dir;
	IPC::Run::run([ 'pg_backup_ext', 'archive-get', $segments[0], "$place/pg_wal/asked", '--repo', $primary->url ]) or die;
	unlink "$place/pg_wal/asked";
	return waits_until(sub { readers($standby) && -e ahead($standby) . "/$segments[1]" }, $name);
}

is_read_ahead('segments are fetched ahead');
$standby->stop;
waits_until(sub { !readers($standby) && !-e ahead($standby) }, 'no more when the server has stopped');
$standby->start;
is_read_ahead('segments are fetched ahead again');
kill 'KILL', $standby->{_pid};
waits_until(sub { !readers($standby) && !-e ahead($standby) }, 'no more when it was killed');
$standby->{_pid} = undef;

# What a process has left that was killed itself is not served.
mkdir ahead($copy), 0700;
BackupExt::write_file(ahead($copy) . "/$middle", 'nothing');
BackupExt::write_file(ahead($copy) . '/lock', '');
answers($middle, 0, qr/^$/, 'with leftovers of a process that was killed');
is(-s $target, 1024 * 1024, 'they are not used');

# --- across timelines (CASES P04) ---------------------------------------------------

# A recovered server takes over, and archives what it goes on with.
my $next = new_copy('next', 'recovery', '300ms');
$next->append_conf('postgresql.conf', <<'END');
archive_mode = on
archive_command = 'pg_backup_ext archive-push %p'
END
$next->start;
$next->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()') or die;
ok(IPC::Run::run([ 'pg_backup_ext', 'adopt', '-D', $next->data_dir ], '>', \my $adopted), 'it takes over');
$next->safe_psql('postgres', 'INSERT INTO ledger SELECT i FROM generate_series(1, 1000) i');
my $on_two = $next->safe_psql('postgres', 'SELECT pg_walfile_name(pg_switch_wal())');
ok($next->poll_query_until('postgres', "SELECT last_archived_wal >= '$on_two' FROM pg_stat_archiver"), 'and archives');
$all = rows($next);
$next->stop;

my $across = new_copy('across', 'recovery', '300ms');
$across->start;
ok($across->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()'), 'recovery goes across timelines');
is(rows($across), $all, 'to the end of the newer one');
$across->stop;
my ($history) = glob("$repo/wal/$cluster/00000002/00000002.history-*");
rename $history, $elsewhere;
$across = new_copy('lost', 'recovery', '300ms');
$across->start(fail_ok => 1);
waits_until(sub { !-e $across->data_dir . '/postmaster.pid' }, 'without the history the server ends');
$across->{_pid} = undef;
like(slurp_file($across->logfile), qr/without its history recovery would take a wrong turn/, 'and says why');
rename $elsewhere, $history;

# Nothing of the older timeline is behind this one, but the newer one comes from
# a later position.
my ($before_fork) = reverse sort grep { m{/[0-9A-F]{24}-[^/]*$} } glob("$wal/*/*");
rename $before_fork, $elsewhere;
$across = new_copy('cut', 'recovery', '300ms');
$across->start(fail_ok => 1);
waits_until(sub { !-e $across->data_dir . '/postmaster.pid' }, 'without the last segment before a fork the server ends');
$across->{_pid} = undef;
like(slurp_file($across->logfile), qr/Timeline 2 comes from timeline 1 at [^,]*, which is later: the archive has a gap/,
	'and says why');
like($primary->program_ok([ 'wal' ], 'a gap before a fork'), qr/^gap: 00000001\w{16} to 00000001\w{16}$/m, 'is shown');
rename $elsewhere, $before_fork;
unlike($primary->program_ok([ 'wal' ], 'no gap before a fork'), qr/^gap: /m, 'and no more');

done_testing();
