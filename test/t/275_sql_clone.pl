# Clones by SQL: the cluster as it was, beside the one that is; and that a
# restored server leaves the repository of its original alone (A09).
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use BackupExt;
use BackupExtFaults ();
use PostgreSQL::Test::Utils;
use Test::More;

my $node = BackupExt->new('original');
$node->init(allows_streaming => 1);
$node->append_conf('postgresql.conf', "archive_mode = on\narchive_library = 'backup_ext'\n");
$node->begin;
my $repository = $node->repository;
my $clones = Cwd::realpath(PostgreSQL::Test::Utils::tempdir_short()) . '/clones';

$node->safe_psql('postgres', 'CREATE TABLE ledger (word text)');
my $id = $node->safe_psql('postgres', q(SELECT backup_now('base')));
$node->safe_psql('postgres', q(INSERT INTO ledger VALUES ('before')));
$node->safe_psql('postgres', q(SELECT backup_mark('v1')));
$node->safe_psql('postgres', q(INSERT INTO ledger VALUES ('after')));
my $after = $node->safe_psql('postgres', 'SELECT pg_current_wal_lsn()');
archive($node);

# --- where, and by whom -----------------------------------------------------

$node->sql_fails(q(SELECT backup_clone('look')), '55000', 'no directory for clones is configured.*backup_ext\.clone_directory',
	'without a directory');
$node->set('backup_ext.clone_directory', $node->data_dir . '/clones');
$node->sql_fails(q(SELECT backup_clone('look')), '55000', 'must not be inside the data directory', 'in the data directory');
$node->set('backup_ext.clone_directory', $clones);
$node->safe_psql('postgres', 'CREATE ROLE joe; GRANT EXECUTE ON FUNCTION backup_clone, backup_clone_drop TO joe');
$node->sql_fails(q(SET ROLE joe; SELECT backup_clone('look')), '42501', 'must have privileges of role pg_write_server_files',
	'a role that may not write files');
$node->sql_fails(q(SELECT backup_clone('look', target_name => 'v2')), '42704', 'no restore point "v2" is known.*Known are "v1"',
	'an unknown mark');
my (undef, undef, $err) = $node->psql('postgres', q(SELECT backup_clone('look')));
like($err, qr/ERROR:  .*\Q$clones\E/, 'the directory of clones must be there');
mkdir $clones, 0700 or die $!;

# --- a look back ------------------------------------------------------------

my $conninfo = $node->safe_psql('postgres', q(SELECT backup_clone('look', target_name => 'v1')));
like($conninfo, qr/^host='[^']+' port='\d+'$/, 'backup_clone() returns how to connect');
is(look($conninfo, 'SELECT string_agg(word, $$ $$) FROM ledger'), 'before', 'the clone is of that moment');
is($node->safe_psql('postgres', q(SELECT concat_ws('|', directory, running, backup, port > 0, created_by) FROM backup_clone_list)),
	"$clones/look|t|$id|t|" . $node->safe_psql('postgres', 'SELECT current_user'), 'it is listed');
$node->sql_fails(q(SELECT backup_clone('look')), '55000', 'look" is not empty', 'a directory in use');
is($node->safe_psql('postgres', 'SELECT string_agg(word, $$ $$) FROM ledger'), 'before after', 'the original has all');

# The clone itself leaves the repository alone, even when asked.
my $before = BackupExtFaults::tree($repository);
like(look($conninfo, 'SHOW backup_ext.fence'), qr/^clone of \Q$id\E/, 'it knows what it is');
my ($status, $out) = try_look($conninfo, 'SELECT backup_now()');
like($out, qr/ERROR:  this server is fenced.*force => true/s, 'it makes no backup');
($status, $out) = try_look($conninfo, 'SELECT backup_adopt()');
like($out, qr/ERROR:  this server is a clone/, 'nor does it take over');
look($conninfo, 'CREATE TABLE mine AS SELECT 1; SELECT pg_switch_wal(); CHECKPOINT');
is_deeply(BackupExtFaults::tree($repository), $before, 'the repository is byte for byte as it was');

is($node->safe_psql('postgres', q(SELECT backup_clone_drop('look'))), 't', 'it can be dropped');
ok(!-e "$clones/look", 'its directory is gone');
is($node->safe_psql('postgres', 'SELECT count(*) FROM backup_clone_list'), 0, 'so is its row');
mkdir "$clones/other" or die $!;
BackupExtFaults::spew("$clones/other/PG_VERSION", '15');
(undef, undef, $err) = $node->psql('postgres', q(SELECT backup_clone_drop('other')));
isnt($err, '', 'what is no clone is not removed');
ok(-e "$clones/other/PG_VERSION", 'it is still there');

(undef, undef, $err) = $node->psql('postgres', q(SELECT backup_clone_drop('gone')));
like($err, qr/^psql:\S+ WARNING:  there is no directory "\Q$clones\E\/gone"$/, 'one that is gone already is only worth a warning');

# --- a server that was restored ---------------------------------------------

my $copy = BackupExt->new('restored');
mkdir $copy->basedir;
($status, $err) = run_program('restore', $id, '--to', $copy->data_dir, '--repo', $node->url, '--target-lsn', $after,
	'--target-action', 'promote');
is($status, 0, 'the program restores the cluster') or diag($err);
$before = BackupExtFaults::tree($repository);
$copy->append_conf('postgresql.conf', 'port = ' . $copy->port . "\n");
$copy->start;
$copy->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()');
$copy->poll_query_until('postgres', q(SELECT ok FROM backup_check() WHERE check_name = 'launcher is running'));
is($copy->safe_psql('postgres', 'SELECT string_agg(word, $$ $$) FROM ledger'), 'before after', 'it has the data');
for my $sql ('SELECT backup_now()', q(SELECT backup_now('base')), q(SELECT backup_mark('x')), "SELECT backup_delete('$id', force => true)")
{
	$copy->sql_fails($sql, '55000', 'this server is fenced|does not archive|needs WAL archiving', "a restored server: $sql");
}
$copy->safe_psql('postgres', 'CREATE TABLE lost AS SELECT 1; SELECT pg_switch_wal()');
is($copy->safe_psql('postgres', q(SELECT ok FROM backup_check() WHERE check_name = 'repository accepts this cluster')), 'f',
	'backup_check() says that it is fenced');
like($copy->safe_psql('postgres', q(SELECT hint FROM backup_check() WHERE check_name = 'repository accepts this cluster')),
	qr/backup_adopt\(\)/, 'and what to do');
is($copy->safe_psql('postgres', q(SELECT state FROM backup_status WHERE what = 'WAL archiving')), 'critical',
	'backup_status is critical');
is_deeply(BackupExtFaults::tree($repository), $before, 'production is byte for byte as it was');

# The original goes on, and does not notice.
$node->safe_psql('postgres', q(INSERT INTO ledger VALUES ('prod-after')));
archive($node);
$node->stop;

# Now the original is gone for good: the restored one takes over.
$copy->safe_psql('postgres', 'SELECT backup_adopt()');
archive($copy);
like($copy->safe_psql('postgres', q(SELECT backup_now('base'))), qr/-base-/, 'an adopted server archives and backs up');
$copy->stop;
done_testing();

# Has all WAL so far archived.
sub archive
{
	my ($server) = @_;
	my $wal = $server->safe_psql('postgres', 'SELECT pg_walfile_name(pg_switch_wal())');
	return $server->poll_query_until('postgres', "SELECT last_archived_wal >= '$wal' FROM pg_stat_archiver");
}

sub try_look
{
	my ($conninfo, $sql) = @_;
	my $out = '';
	IPC::Run::run([ 'psql', '-XAtq', '-d', "$conninfo dbname=postgres", '-c', $sql ], '<', \undef, '>&', \$out);
	chomp $out;
	return ($? >> 8, $out);
}

sub look
{
	my ($status, $out) = try_look(@_);
	die $out if $status != 0;
	return $out;
}

sub run_program
{
	my (@command) = @_;
	my ($out, $err) = ('', '');
	IPC::Run::run([ 'pg_backup_ext', @command ], '<', \undef, '>', \$out, '2>', \$err);
	return ($? >> 8, $err);
}
