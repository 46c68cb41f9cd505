# Clones: beside the server, at a point in time, cut off from everything.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use BackupExt;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = BackupExt->new('original');
$node->init(allows_streaming => 'logical');
$node->archive_wal;
$node->append_conf('postgresql.conf', "synchronous_standby_names = ''\nmax_logical_replication_workers = 4\n");
my $outside = PostgreSQL::Test::Utils::tempdir . '/ran';
$node->append_conf('postgresql.conf', <<"END");
archive_cleanup_command = 'touch $outside'
recovery_end_command = 'touch $outside'
recovery_min_apply_delay = '1h'
END
$node->begin;
my $tablespace = PostgreSQL::Test::Utils::tempdir;
$node->safe_psql('postgres', "CREATE TABLESPACE fast LOCATION '$tablespace'");
$node->safe_psql('postgres', 'CREATE TABLE step (name text) TABLESPACE fast');
my $id = $node->base_backup;
$node->safe_psql('postgres', q(INSERT INTO step VALUES ('early')));
my $lsn = $node->safe_psql('postgres', 'SELECT pg_current_wal_insert_lsn()');
$node->safe_psql('postgres', q(INSERT INTO step VALUES ('late')));
$node->wait_archived;
my $started = $node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()');

# --- the life of a clone ----------------------------------------------------------

# Sockets want a short path.
my $place = PostgreSQL::Test::Utils::tempdir_short . '/clone';
my $port = PostgreSQL::Test::Cluster::get_free_port();
my @clone = ('clone', $place, '--port', $port, '-D', $node->data_dir);
my $tree = BackupExt::tree($node->repository) . BackupExt::tree($tablespace);

sub in_clone
{
	my ($sql) = @_;
	my ($out, $err) = ('', '');

	IPC::Run::run([ 'psql', '-X', '-A', '-t', '-h', $place, '-p', $port, '-d', 'postgres', '-c', $sql ],
		'<', \undef, '>', \$out, '2>', \$err);
	chomp $out;
	return $? == 0 ? $out : $err;
}

my ($status, $out, $err) = $node->program(@clone, '--target-lsn', $lsn, '--json');
is($status, 0, 'a clone is made') or diag($err);
like($out, qr/"event":\s*"restored"/, 'and reported') if $out =~ /"event"/;
like($out, qr{"socket_directory":\s*"\Q$place\E"}, 'with its socket');
is(in_clone('SELECT string_agg(name, $$, $$) FROM step'), 'early', 'it is at the point that was asked for');
is(in_clone('SELECT pg_is_in_recovery()'), 'f', 'and takes writes');
is(in_clone(q(INSERT INTO step VALUES ('in the clone') RETURNING name)) =~ /in the clone/ ? 1 : 0, 1, 'really');
ok(!-e $outside, "and has run no command of the original's");
is(in_clone('SHOW archive_mode'), 'off', 'it archives nothing');
is(in_clone('SHOW max_logical_replication_workers'), '0', 'and subscribes to nothing');
like(in_clone('SELECT backup_now()'), qr/clone of \Q$id\E/, 'and makes no backups');
is(in_clone('SELECT pg_switch_wal() IS NOT NULL'), 't', 'its WAL');
is(BackupExt::tree($node->repository) . BackupExt::tree($tablespace), $tree,
	'is not in the repository, and its files are not in the tablespace of the original');
is($node->safe_psql('postgres', 'SELECT string_agg(name, $$, $$) FROM step'), 'early, late', 'the original is as it was');
is($node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()'), $started, 'and has run all the time');

$node->program_fails([@clone], qr/is not empty/, 'another clone at the same place');
$node->program_fails([ 'clone-drop', $node->data_dir ], qr/is not a clone/, 'dropping the original');
my $copy = PostgreSQL::Test::Utils::tempdir . '/copy';
IPC::Run::run([ 'cp', '-a', $place, $copy ], '2>', '/dev/null');
$node->program_fails([ 'clone-drop', $copy ], qr/is not a clone/, 'dropping a copy of the clone');
$node->program_ok([ 'clone-drop', $place ], 'a clone is dropped');
ok(!-e $place, 'and gone');
like(in_clone('SELECT 1'), qr/No such file/, 'with its server');

# --- clones that cannot be ----------------------------------------------------------

my ($segment) = sort glob($node->repository . '/wal/*/00000001/*/' . $node->safe_psql('postgres', "SELECT pg_walfile_name('$lsn')") . '-*');
BackupExt::flip_byte($segment, (-s $segment) - 10);
$node->program_fails([@clone], qr/The last that it wrote was/, 'a clone that cannot recover');
ok(!-e $place, 'nothing is left');
BackupExt::flip_byte($segment, (-s $segment) - 10);
my $new = PostgreSQL::Test::Utils::tempdir;
$node->safe_psql('postgres', "CREATE TABLESPACE younger LOCATION '$new'");
$node->program_fails([@clone], qr/tablespace "younger" was made after backup "\Q$id\E"/, 'a tablespace that is younger than the backup');
ok(!-e $place, 'nothing is left');
$node->stop('immediate');
done_testing();
