# Restores that die, restores over what is there, and restores along other
# timelines.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use BackupExt;
use File::Copy ();
use PostgreSQL::Test::Utils;
use Test::More;

my $node = BackupExt->new('original');
$node->init;
$node->archive_wal;
$node->begin;
$node->safe_psql('postgres', 'CREATE TABLE step (name text)');
$node->safe_psql('postgres', 'CREATE TABLE wide AS SELECT g, repeat(md5(g::text), 8) FROM generate_series(1, 30000) g');
my $id = $node->base_backup;
$node->safe_psql('postgres', q(INSERT INTO step VALUES ('one')));
$node->wait_archived;

sub verified
{
	my ($self, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return command_ok([ 'pg_verifybackup', '-n', $self->data_dir ], "$name: pg_verifybackup agrees");
}

# --- a restore that is killed --------------------------------------------------

my $other = BackupExt->to_be_restored('killed');
my @restore = ('restore', '--to', $other->data_dir, '--repo', $node->url);

# The calls that it makes, and then death in some of them.
my %calls = (pwrite64 => [ 1, 60, 400 ], syncfs => [1], symlinkat => [], unlinkat => [1], renameat2 => [ 1, 2, 3, 4, 5 ]);
my ($died, $started) = (0, 0);
for my $call (sort keys %calls)
{
	for my $when (@{ $calls{$call} })
	{
		my ($out, $err);

		IPC::Run::run([ 'rm', '-rf', $other->data_dir ]);
		IPC::Run::run([ 'strace', '-f', '-qq', '-o', '/dev/null', '-e', "trace=$call",
				'-e', "inject=$call:signal=SIGKILL:when=$when", 'pg_backup_ext', @restore ],
			'<', \undef, '>', \$out, '2>', \$err);
		next if $? == 0;
		$died++;
		if (-e $other->data_dir . '/PG_VERSION')
		{
			my $log = '';

			IPC::Run::run([ 'pg_ctl', 'start', '-w', '-t', '5', '-D', $other->data_dir, '-l', $other->logfile ],
				'<', \undef, '>', '/dev/null', '2>&1');
			$started++ if $? == 0;
		}
		$node->program('restore', '--to', $other->data_dir, '--delta');
		command_checks_all([ 'pg_verifybackup', '-n', $other->data_dir ], 0, [qr/successfully/], [qr/^$/],
			"killed in $call $when, and completed");
	}
}
ok($died >= 6, "$died restores were killed");
is($started, 0, 'no server started on what was left');
ok(!-e $other->data_dir . '/backup_ext.restore', 'and a complete restore has no mark');
is_deeply([ grep { /\.tmp-/ } split /\n/, BackupExt::tree($other->data_dir) ], [], 'and no temporary file');

# --- a restore that is stopped, and one that finds no room ---------------------

{
	IPC::Run::run([ 'rm', '-rf', $other->data_dir ]);
	my ($out, $err);
	IPC::Run::run([ 'prlimit', '--fsize=1000000', 'pg_backup_ext', @restore ], '<', \undef, '>', \$out, '2>', \$err);
	isnt($?, 0, 'a restore that cannot write fails');
	ok(!-e $other->data_dir . '/global/pg_control', 'and leaves no pg_control');
	IPC::Run::run([ 'strace', '-f', '-qq', '-o', '/dev/null', '-e', 'trace=syncfs', '-e', 'inject=syncfs:error=EIO:when=1',
			'pg_backup_ext', @restore, '--delta' ], '<', \undef, '>', \$out, '2>', \$err);
	isnt($?, 0, 'a restore that cannot sync fails');
	like($err, qr/could not sync.*Input\/output error.*--delta/s, 'and says so');
	ok(!-e $other->data_dir . '/global/pg_control', 'and leaves no pg_control, either');
}

# --- over what is there ---------------------------------------------------------

$node->restore_into($other, '--delta');
verified($other, 'completed');
my $file = $other->data_dir . '/' . $node->safe_psql('postgres', q(SELECT pg_relation_filepath('wide')));
my $canary = PostgreSQL::Test::Utils::tempdir . '/canary';
BackupExt::write_file($canary, 'sing');
my @stat = stat($file);
BackupExt::flip_byte($file, 8192 * 3 + 100);
utime($stat[8], $stat[9], $file) or die $!;
is((stat($file))[7], $stat[7], 'a file with the same size and time');
my $data = $other->data_dir;
unlink("$data/base/1/1259") or die $!;
BackupExt::write_file("$data/base/1/999999", 'extra');
mkdir "$data/base/77777";
BackupExt::write_file("$data/base/77777/1", 'extra');
unlink("$data/pg_hba.conf") or die $!;
symlink($canary, "$data/pg_hba.conf") or die $!;
symlink($canary, "$data/extra") or die $!;
unlink("$data/PG_VERSION") && mkdir("$data/PG_VERSION") or die $!;
$node->restore_into($other, '--delta');
verified($other, 'a delta');
is(slurp_file($canary), 'sing', 'what links pointed at is as it was');
$other->begin_restored;
is($other->safe_psql('postgres', 'SELECT name FROM step'), 'one', 'it recovers');
is($other->safe_psql('postgres', 'SELECT count(*) FROM wide'), 30000, 'with all rows');
$node->program_fails([ 'restore', '--to', $data, '--delta' ], qr/a server may be running/, 'a delta under a running server');

# --- timelines ------------------------------------------------------------------

# The restored server becomes one that archives: a second timeline.
my ($status, $out, $err) = $other->program('adopt', '--repo', $node->url, '-D', $other->data_dir);
is($status, 0, 'the restored server is adopted') or diag($err);
$other->reload;
$other->safe_psql('postgres', q(INSERT INTO step VALUES ('on two')));
$other->wait_archived;
$node->safe_psql('postgres', q(INSERT INTO step VALUES ('on one')));
$node->wait_archived;
$node->wait_archived;

my $third = BackupExt->to_be_restored('third');
like($node->restore_into($third), qr/recovery will end on timeline 1, and there are others.*--target-timeline/s,
	'where there is a choice, that is said');
$third->begin_restored;
is($third->safe_psql('postgres', 'SELECT string_agg(name, $$, $$) FROM step'), 'one, on one', 'and the own line is taken');
$third->stop('immediate');
$third->clean_node;
my $fourth = BackupExt->to_be_restored('fourth');
$node->restore_into($fourth, '--target-timeline', '2');
$fourth->begin_restored;
is($fourth->safe_psql('postgres', 'SELECT string_agg(name, $$, $$) FROM step'), 'one, on two', 'another is taken on demand');
$fourth->stop('immediate');
$fourth->clean_node;
my ($history) = glob($node->repository . '/wal/*/00000002/00000002.history-*');
unlink($history) or die $!;
my $fifth = BackupExt->to_be_restored('fifth');
$node->program_fails([ 'restore', '--to', $fifth->data_dir, '--target-timeline', '2' ],
	qr/no history of timeline 2/, 'a timeline whose history is lost');
ok(!-e $fifth->data_dir, 'and nothing is written');
$other->stop('immediate');

# --- damaged backups ------------------------------------------------------------

my ($control) = glob($node->repository . "/backup/$id/control.*");
File::Copy::move($control, "$control.away") or die $!;
$node->program_fails([ 'restore', '--to', $fifth->data_dir ], qr/control/, 'a backup without its label');
ok(!-e $fifth->data_dir, 'and nothing is written');
File::Copy::move("$control.away", $control) or die $!;
my ($volume) = glob($node->repository . "/backup/$id/base.0001.tar*");
BackupExt::flip_byte($volume, -s $volume > 5000 ? 5000 : 50);
$node->program_fails([ 'restore', '--to', $fifth->data_dir ], qr/is damaged/, 'a damaged backup');
ok(!-e $fifth->data_dir . '/global/pg_control', 'leaves no pg_control');
$node->stop('immediate');
done_testing();
