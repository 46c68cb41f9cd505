# Who may write into a repository: the table of README, "Who may write", row by
# row. A new host name is in the unit tests, pg_upgrade in 180_pg_upgrade.pl.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use BackupExt;
use BackupExtFaults ();
use File::Copy ();
use PostgreSQL::Test::Utils;
use Test::More;

my $COPY = qr/this copy of the cluster may not write into the repository/;
my $FENCED = qr/this server is fenced: it may not write into the repository/;

my $node = BackupExt->new('original');
$node->init(allows_streaming => 1);
$node->append_conf('postgresql.conf', <<'END');
wal_keep_size = 1GB
wal_log_hints = on
archive_mode = on
archive_library = 'backup_ext'
END
$node->begin;
my $repository = $node->repository;
my $identifier = $node->safe_psql('postgres', 'SELECT system_identifier FROM pg_control_system()');

is_deeply([ how() ], ['created'], 'who creates a repository is registered');

# --- what changes nothing ---------------------------------------------------

$node->restart;
writes($node, 'after a restart');
$node->stop('immediate');
$node->start;
writes($node, 'after a crash');
$node->stop;
{
	local $node->{_install_path} = BackupExtFaults::private_programs('pg_config');
	$node->start;
	writes($node, 'with programs of another place, as after a minor upgrade');
	$node->stop;
}
symlink($node->data_dir, $node->basedir . '/link') or die $!;
system_or_bail('pg_ctl', '-w', '-D', $node->basedir . '/link', '-l', $node->logfile, '-o', '--cluster-name=x', 'start');
$node->_update_pid(1);
writes($node, 'started by a symbolic link');

# --- copies -----------------------------------------------------------------

my $kept = writes($node, 'a backup to look at');
$node->backup('plain');
my $unstreamed = BackupExt->new('unstreamed');
$unstreamed->init_from_backup($node, 'plain');
refused_copy($unstreamed, 'a base backup that was started, without -R');

$node->stop;
my $snapshot = copy_of($node, 'snapshot');
$node->start;
refused_copy($snapshot, 'a snapshot of the volume, started beside the original');
writes($node, 'the original meanwhile');

# A person may say that the copy takes over.
$snapshot->start;
like($snapshot->safe_psql('postgres', 'SELECT backup_adopt()'), qr/^\w{16}$/, 'a copy can be adopted');
is_deeply([ how() ], [ 'adopted', 'created' ], 'that is written down');
$snapshot->stop;

# --- a failover -------------------------------------------------------------

my $standby = BackupExt->new('standby');
$standby->init_from_backup($node, 'plain', has_streaming => 1);
$standby->start;
wait_for_how('streamed', 1);
$node->wait_for_catchup($standby);
is_deeply([ how() ], [ 'adopted', 'created', 'streamed' ], 'a standby registers itself while it streams');
$standby->sql_fails('SELECT backup_now()', '55000', 'while the server is a standby', 'a standby itself does nothing');

# One that was made of a backup is fenced, and can be adopted while it stands by.
$standby->safe_psql('postgres', "ALTER SYSTEM SET backup_ext.fence = 'restored from $kept'");
$standby->reload;
my ($status, $out, $err) = run_program('adopt', '-D', $standby->data_dir);
is($status, 0, 'a standby with a fence can be adopted') or diag($err);
is($standby->safe_psql('postgres', 'SHOW backup_ext.fence'), '', 'which lifts it');
$node->stop;
$standby->promote;
$standby->poll_query_until('postgres', q(SELECT ok FROM backup_check() WHERE check_name = 'launcher is running'));
writes($standby, 'a standby that was promoted, without adoption');

# The old primary comes back as a standby, and is promoted again.
system_or_bail('pg_rewind', '--source-server', $standby->connstr('postgres'), '--target-pgdata', $node->data_dir,
	'--no-sync');
$node->append_conf('postgresql.conf', 'port = ' . $node->port . "\n");
$node->enable_streaming($standby);
$node->set_standby_mode;
$node->start;
$standby->wait_for_catchup($node);
writes($standby, 'the new primary meanwhile');
$standby->wait_for_catchup($node);
$standby->stop;
$node->promote;
$node->poll_query_until('postgres', q(SELECT ok FROM backup_check() WHERE check_name = 'launcher is running'));
writes($node, 'the old primary, rewound and promoted again');

# A replica that was made from the repository has a fence until it streams.
archives($node);
$node->base_backup;
my $replica = BackupExt->to_be_restored('replica');
$node->restore_into($replica, '--standby');
$replica->append_conf('postgresql.conf', sprintf "port = %s\nunix_socket_directories = '%s'\n",
	$replica->port, $replica->host);
$replica->start;
like($replica->safe_psql('postgres', 'SHOW backup_ext.fence'), qr/^standby restored from /,
	'a restored standby that only reads the archive has a fence');
$replica->enable_streaming($node);
$replica->restart;
$replica->poll_query_until('postgres', q(SELECT current_setting('backup_ext.fence') = ''))
  or die 'the fence stays';
$node->wait_for_catchup($replica);
$node->stop;
$replica->promote;
$replica->poll_query_until('postgres', q(SELECT ok FROM backup_check() WHERE check_name = 'launcher is running'));
writes($replica, 'a replica that was restored, has streamed and was promoted');
$replica->stop;
$node->start;

# --- a fence ----------------------------------------------------------------

archives($node);
$node->set('backup_ext.fence', "restored from $kept");
$node->safe_psql('postgres', q(ALTER SYSTEM SET archive_command = ''));
my $before = BackupExtFaults::tree($repository);
for my $sql ('SELECT backup_now()', "SELECT backup_delete('$kept', force => true)")
{
	$node->sql_fails($sql, '55000', "$FENCED.*backup_ext\\.fence is \"restored from $kept\".*backup_adopt\\(\\)",
		"with a fence: $sql");
}
is($node->safe_psql('postgres', "SELECT bool_and(ok) FROM backup_verify('$kept')"), 't', 'it can be read');
is($node->safe_psql('postgres', "SELECT backup_restore('$kept', 'look')"), 'look', 'and restored from');
$node->program_fails([ 'backup', '--database=postgres' ], qr/$FENCED/, 'the program sees the fence, too');
($status, $out, $err) = run_program('delete', $kept, '--force', '-D', $node->data_dir);
like($err, qr/$FENCED/, 'also with -D');
is_deeply(BackupExtFaults::tree($repository), $before, 'nothing is written');
$node->safe_psql('postgres', 'SELECT backup_adopt()');
is($node->safe_psql('postgres', q(SELECT count(*) FROM pg_file_settings
	WHERE name IN ('backup_ext.fence', 'archive_command') AND sourcefile LIKE '%auto.conf')),
	0, 'adoption takes away what the restore has set');
writes($node, 'an adopted server, at once');

$node->set('backup_ext.fence', "clone of $kept");
$node->sql_fails('SELECT backup_adopt()', '55000', 'this server is a clone.*force => true', 'a clone is not adopted by mistake');
($status, $out, $err) = run_program('adopt', '-D', $node->data_dir);
like($err, qr/this server is a clone/, 'nor by the program');
($status, $out, $err) = run_program('adopt', '-D', $node->data_dir, '--force');
is($status, 0, 'only by force') or diag($err);
writes($node, 'a clone that was adopted by force');

$node->append_conf('postgresql.conf', "backup_ext.fence = 'by hand'\n");
$node->reload;
$node->poll_query_until('postgres', q(SELECT current_setting('backup_ext.fence') <> ''));
$node->sql_fails('SELECT backup_adopt()', '55000', 'the fence is still up.*postgresql\.conf", line \d+.*Take it out there',
	'a fence in another file');
$node->append_conf('postgresql.conf', "backup_ext.fence = ''\n");
$node->stop;

# --- a cold copy in the place of the original --------------------------------

# Nothing tells it from the original but what both have written.
my $cold = copy_of($node, 'cold');
$node->start;
$node->safe_psql('postgres', 'CREATE TABLE first AS SELECT 1');
writes($node, 'the original goes on');
$node->stop;
rename($node->data_dir, $node->basedir . '/away') or die $!;
rename($cold->data_dir, $node->data_dir) or die $!;
$node->append_conf('postgresql.conf', 'port = ' . $node->port . "\n");
my %stored = %{ BackupExtFaults::tree("$repository/wal") };
$node->start;
$node->safe_psql('postgres', 'CREATE TABLE second AS SELECT 2; SELECT pg_switch_wal()');
ok($node->poll_query_until('postgres', q(SELECT failure LIKE '23505%' FROM backup_wal)), 'a cold copy that was put back: a conflict is seen')
  or diag($node->safe_psql('postgres', 'SELECT failure FROM backup_wal'));
is($node->safe_psql('postgres', q(SELECT state FROM backup_status WHERE what = 'WAL archiving')), 'critical', 'the status is critical');
my %now = %{ BackupExtFaults::tree("$repository/wal") };
is_deeply({ map { $_ => $now{$_} } keys %stored }, \%stored, 'what was archived stays as it was');
$node->stop;
done_testing();

# A test: a backup can be made. Returns its id.
sub writes
{
	my ($server, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($status, $id, $err) = $server->psql('postgres', q(SELECT backup_now(content => 'schema')));
	is($err, '', "$name: it may write");
	ok(archives($server), "$name: it archives");
	return $id;
}

# A test: a copy starts, reads, and leaves the repository as it was.
sub refused_copy
{
	my ($copy, $name) = @_;
	# The original may still be at its own files, such as that of a pg_basebackup.
	BackupExtFaults::wait_for(sub { my @waiting = glob($node->data_dir . '/pg_wal/archive_status/*.ready'); return !@waiting; }, 'the original has archived all');
	my $before = BackupExtFaults::tree($repository);
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	$copy->start;
	$copy->poll_query_until('postgres', q(SELECT ok FROM backup_check() WHERE check_name = 'launcher is running'));
	for my $sql ('SELECT backup_now()', "SELECT backup_delete('$kept', force => true)")
	{
		$copy->sql_fails($sql, '55000', "$COPY.*backup_adopt\\(\\)", "$name: $sql");
	}
	my ($status, $out, $err) = run_program('backup', '--repo', $node->url, $copy->connect_options, '--database=postgres');
	like($err, $COPY, "$name: the program sees it, too");
	is($copy->safe_psql('postgres', "SELECT bool_and(ok) FROM backup_verify('$kept')"), 't', "$name: it can read");
	is($copy->safe_psql('postgres', q(SELECT ok FROM backup_check() WHERE check_name = 'repository accepts this cluster')),
		'f', "$name: backup_check() says so");
	my ($archived, $failed) = split /\|/, $copy->safe_psql('postgres', 'SELECT archived_count, failed_count FROM pg_stat_archiver');
	$copy->safe_psql('postgres', 'CREATE TABLE lost AS SELECT 1; SELECT pg_switch_wal()');
	ok($copy->poll_query_until('postgres', "SELECT failed_count > $failed FROM pg_stat_archiver"), "$name: it cannot archive");
	is($copy->safe_psql('postgres', 'SELECT archived_count FROM pg_stat_archiver'), $archived, "$name: nothing at all");
	is_deeply(BackupExtFaults::tree($repository), $before, "$name: the repository is as it was");
	$copy->stop;
	return;
}

# Has all WAL so far archived; false: in vain.
sub archives
{
	my ($server) = @_;
	my $wal = $server->safe_psql('postgres', 'SELECT pg_walfile_name(pg_switch_wal())');
	return $server->poll_query_until('postgres', "SELECT last_archived_wal >= '$wal' FROM pg_stat_archiver");
}

# A copy of a stopped server, file by file, with a port of its own.
sub copy_of
{
	my ($server, $name) = @_;
	my $copy = BackupExt->new($name);

	mkdir $copy->basedir;
	system_or_bail('cp', '-a', $server->data_dir, $copy->data_dir);
	$copy->append_conf('postgresql.conf', 'port = ' . $copy->port . "\n");
	return $copy;
}

# How the writers of the cluster were registered, in order.
sub how
{
	my @records = map { BackupExtFaults::slurp($_) } glob("$repository/writer/$identifier/*.json");
	return sort map { /"how": "(\w+)"/ } @records;
}

sub wait_for_how
{
	my ($word, $count) = @_;
	return BackupExtFaults::wait_for(sub { return $count == grep { $_ eq $word } how(); }, "$count are $word");
}

sub run_program
{
	my (@command) = @_;
	my ($out, $err) = ('', '');

	IPC::Run::run([ 'pg_backup_ext', @command ], '<', \undef, '>', \$out, '2>', \$err);
	return ($? >> 8, $out, $err);
}
