# pg_upgrade from 15 to 17 with the module preloaded in both: the upgrade is
# not disturbed, the new cluster is a stranger to the repository until it is
# adopted, and what the old one made restores into it.
#
# BACKUP_EXT_PG15 and BACKUP_EXT_PG17 may name a pg_config of each; otherwise
# the one of this test run and the host's are looked at. Both need the extension
# installed; "make check-versions" sees to that.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use BackupExtFaults;
use IPC::Run ();
use PostgreSQL::Test::Utils;
use Test::More;

# Returns a pg_config of a major version that has our extension.
sub find_version
{
	my ($major) = @_;
	for my $pg_config ($ENV{"BACKUP_EXT_PG$major"}, 'pg_config', "/usr/lib/postgresql/$major/bin/pg_config")
	{
		next if !defined $pg_config || ($pg_config =~ m{/} && !-x $pg_config);
		my $version = qx{$pg_config --version} // '';
		next if $version !~ /^PostgreSQL \Q$major\E\D/;
		chomp(my ($bindir, $libdir) = (qx{$pg_config --bindir}, qx{$pg_config --pkglibdir}));
		return $pg_config if -x "$bindir/pg_backup_ext" && -e "$libdir/backup_ext.so" && -x "$bindir/pg_upgrade";
	}
	return;
}

my ($config15, $config17) = (find_version(15), find_version(17));
plan skip_all => 'PostgreSQL 15 with the extension is not here' if !defined $config15;
plan skip_all => 'PostgreSQL 17 with the extension is not here' if !defined $config17;

# --- the old cluster --------------------------------------------------------

my $old = BackupExtFaults->new('old', pg_config => $config15);
my $repo = $old->repo;
$old->sql('CREATE DATABASE app');
$old->sql(<<'END', 'app');
CREATE TABLE orders AS SELECT i AS id, md5(i::text) AS text FROM generate_series(1, 20000) AS i;
ALTER TABLE orders ADD PRIMARY KEY (id);
CREATE VIEW big AS SELECT * FROM orders WHERE id > 10000;
END
my $digest = q(SELECT count(*), md5(string_agg(text, ',' ORDER BY id)) FROM orders);
my $rows = $old->sql($digest, 'app');
my $made = $old->sql(q(SELECT backup_now(database => 'app')));
my $home = $old->backup;
my $identifier = $old->sql('SELECT system_identifier FROM pg_control_system()');
my $runs = $old->sql('SELECT max(run) FROM backup_run');

# --- the upgrade ------------------------------------------------------------

my $new = BackupExtFaults->new('new', pg_config => $config17, start => 0,
	conf => "backup_ext.repository = 'file://$repo'\n");

# The security releases of November 2026 mark the columns of tables that views
# use. The pg_dump of an older 17 takes the mark for an option, and then no
# database with a view can be upgraded to it: take the marks away.
my ($schema) = run_command([ "$new->{bin}/pg_dump", '--schema-only', '-d', $old->node->connstr('app') ]);
if ($schema =~ /pg_attver/)
{
	diag('this 17 is too old for this 15: the marks of columns are taken away');
	$old->sql(<<'END', $_) for 'postgres', 'app', 'template1';
SET allow_system_table_mods = on;
UPDATE pg_attribute SET attoptions = NULL WHERE attrelid >= 16384 AND attoptions::text LIKE '{pg\_attver=%';
END
}
$old->node->stop;
my @config = (
	'pg_upgrade', '--no-sync', '-d', $old->node->data_dir, '-D', $new->node->data_dir,
	'-b', $old->{bin}, '-B', $new->{bin}, '-s', $new->node->host,
	'-p', $old->node->port, '-P', $new->node->port);
my $before = tree($repo);
chdir $new->{place} or die $!;
upgrade('pg_upgrade --check', '--check');
upgrade('pg_upgrade');
is_deeply(tree($repo), $before, 'the upgrade does not touch the repository');
my @logs = glob($new->node->data_dir . '/pg_upgrade_output.d/*/log/*');
unlike(slurp($_), qr/backup_ext (?:launcher|run|recorder)/, "no worker of ours ran in $_") for grep { -f } @logs;
$new->node->start;
$new->wait_launcher;
my $started = $new->start_time;
is($new->sql('SHOW server_version_num') =~ /^17/, 1, 'the new server is of version 17');

# --- a stranger, until it is adopted ----------------------------------------

isnt($new->sql('SELECT system_identifier FROM pg_control_system()'), $identifier, 'it is another cluster');
is($new->sql('SELECT string_agg(id, \' \' ORDER BY id) FROM backup_list()'), join(' ', sort $made, $home),
	'it knows the backups');
cmp_ok($new->sql('SELECT count(*) FROM backup_run WHERE run <= ' . $runs), '==', $runs, 'and the runs');
$new->fails(q(SELECT backup_now(database => 'app')), '55000', qr/^this cluster may not write into the repository/,
	'a backup is refused', hint => qr/backup_adopt\(\)/);
$new->fails("SELECT backup_delete('$made')", '55000', qr/^this cluster may not write into the repository/, 'so is a delete');
is($new->sql("SELECT bool_and(ok) FROM backup_verify('$made')"), 't', 'reading is allowed');
is_deeply(tree($repo), $before, 'nothing is written');

$new->sql('SELECT backup_adopt()');
my $id = $new->sql(q(SELECT backup_now(database => 'app')));
is($new->sql("SELECT server_version FROM backup_list() WHERE id = '$id'") =~ /^17\./, 1, 'once adopted it backs up');

# --- restore ----------------------------------------------------------------

for my $backup ([ $made, 'made by 15' ], [ $id, 'made by 17' ])
{
	my ($source, $words) = @$backup;
	(my $target = $words) =~ s/ /_/g;
	$new->sql("SELECT backup_restore('$source', '$target')");
	is($new->sql($digest, $target), $rows, "the backup $words restores into 17");
	is($new->sql('SELECT count(*) FROM big', $target), 10000, "the backup $words has its view");
}
$new->sql("SELECT backup_restore('$made', 'app', replace => true)");
is($new->sql($digest, 'app'), $rows, 'the backup made by 15 replaces the database in 17');
$new->sql("SELECT backup_restore('$home', 'old_home')");
is($new->sql(q(SELECT count(*) FROM pg_extension WHERE extname = 'backup_ext'), 'old_home'), 1,
	'a home database made by 15 restores into 17');

is($new->start_time, $started, 'the server did not restart');
$new->{repo} = $repo;
$new->all_readable('after the upgrade');
$new->is_clean('after the upgrade');
$new->no_crash('the upgrade');
$new->node->stop;
done_testing();

# Runs pg_upgrade, and shows its own logs if it fails.
sub upgrade
{
	my ($name, @options) = @_;
	my ($out, $err) = ('', '');
	local %ENV = $new->node->_get_env;
	delete $ENV{LD_LIBRARY_PATH};
	my $good = IPC::Run::run([ @config, @options ], '<', \undef, '>', \$out, '2>', \$err);
	return if ok($good, $name);
	diag($out, $err);
	diag("$_:\n", slurp($_)) for grep { -f } glob($new->node->data_dir . '/pg_upgrade_output.d/*/log/*');
	BAIL_OUT('there is no upgraded cluster');
}
