# Base backups by SQL: what they are asked for, how they are seen, and what
# may be done with them.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use BackupExt;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = BackupExt->new('sql');
$node->init(allows_streaming => 1);
$node->append_conf('postgresql.conf', "archive_mode = on\narchive_library = 'backup_ext'\n");
$node->begin;
my $row = q(SELECT concat_ws('|', state, reason, backups, last_success_id, last_failure, running) FROM backup_status
	WHERE what = 'base backups');

# --- asked for --------------------------------------------------------------

is($node->safe_psql('postgres', $row), '', 'there is no row before anybody asked for a base backup');
$node->sql_fails(q(SELECT backup_now('base', 'postgres')), '22023', 'a base backup has the whole cluster.*Leave out the argument "database"',
	'of one database');
is($node->safe_psql('postgres', $row), '', 'a call that is refused is no attempt');

my $id = $node->safe_psql('postgres', q(SELECT backup_now('base', label => 'the first')));
like($id, qr/^\d{8}T\d{6}Z-base-\w{4}$/, 'backup_now() returns its id');
is($node->safe_psql('postgres', q(SELECT concat_ws('|', kind, coalesce(database, 'none'), coalesce(content, 'none'), state, label, timeline,
		start_lsn < stop_lsn, corrupt_pages, plain_size > stored_size, objects > 3) FROM backup_list(kind => 'base'))),
	'base|none|none|good|the first|1|t|0|t|t', 'the list has what a base backup adds');
is($node->safe_psql('postgres', $row), "ok|The last attempt made a good base backup.|1|$id|f", 'the status has a row');
is($node->safe_psql('postgres', q(SELECT count(*) FROM backup_status WHERE database IS NOT NULL)), 0,
	'it is no backup of a database');
is($node->safe_psql('postgres', q(SELECT concat_ws('|', verb, kind, coalesce(database, 'none'), state, backup_id, plain_size > 0) FROM backup_run
		WHERE verb = 'backup')), "backup|base|none|done|$id|t", 'so is the run');

my $spread = $node->safe_psql('postgres', q(SELECT backup_now('base', checkpoint => 'spread', wait => false)));
like($spread, qr/^\d+$/, 'without waiting there is a run');
is($node->safe_psql('postgres', "SELECT kind FROM backup_progress WHERE run = $spread"), 'base', 'which progress shows');
$node->safe_psql('postgres', 'CHECKPOINT');
$node->safe_psql('postgres', "CALL backup_wait($spread)");
is($node->safe_psql('postgres', q(SELECT count(*) FROM backup_list(kind => 'base'))), 2, 'and which makes another one');

# --- what may be done with it -----------------------------------------------

is($node->safe_psql('postgres', "SELECT string_agg(check_name, ' ') FROM backup_verify('$id', '$_') WHERE NOT ok"), '', "verified: $_")
  for 'stored', 'readable';
is($node->safe_psql('postgres', "SELECT verified_level FROM backup_list() WHERE id = '$id'"), 'readable', 'which is remembered');
my $before = $node->safe_psql('postgres', 'SELECT string_agg(datname, $$ $$ ORDER BY 1) FROM pg_database');
for my $target ('copy', '/tmp/elsewhere')
{
	$node->sql_fails("SELECT backup_restore('$id', '$target')", '55000', "is a base backup.*pg_backup_ext restore $id --to=",
		"no database can be made of it: $target");
}
ok(!-e '/tmp/elsewhere', 'nothing is written');
is($node->safe_psql('postgres', 'SELECT string_agg(datname, $$ $$ ORDER BY 1) FROM pg_database'), $before, 'nothing is made');
is($node->safe_psql('postgres', "SELECT backup_delete('$id')"), 't', 'one of two can be deleted');
my $last = $node->safe_psql('postgres', q(SELECT id FROM backup_list(kind => 'base')));
$node->sql_fails("SELECT backup_delete('$last')", '55000', 'the last good', 'the last one not');

# --- failures ---------------------------------------------------------------

$node->set('backup_ext.archive_timeout', '1s');
$node->set('archive_library', '');
$node->safe_psql('postgres', q(ALTER SYSTEM SET archive_command = 'false'));
$node->reload;
my (undef, undef, $err) = $node->psql('postgres', q(SELECT backup_now('base')));
isnt($err, '', 'without its WAL there is no backup');
like($node->safe_psql('postgres', $row), qr/^warning\|The last attempt, run \d+, has failed\.\|1\|\Q$last\E\|.+\|f$/, 'the status has the failure');
$node->safe_psql('postgres', "ALTER SYSTEM RESET $_") for 'archive_library', 'archive_command', 'backup_ext.archive_timeout';
$node->reload;

# One that cannot be read is known by its name only.
truncate($node->repository . "/manifest/$last.json", 50) or die $!;
$node->safe_psql('postgres', 'SELECT backup_sync()');
like($node->safe_psql('postgres', $row), qr/^critical\|The newest base backup \Q$last\E is bad\.\|/, 'a damaged manifest turns it critical');
is($node->safe_psql('postgres', q(SELECT count(*) FROM backup_status WHERE database = 'base')), 0, 'and is no database');
is($node->safe_psql('postgres', "SELECT backup_delete('$last', force => true)"), 't', 'by force it can be deleted');
like($node->safe_psql('postgres', $row), qr/^critical\|There is no good base backup of this cluster\.\|0\|/, 'without any it is critical');

$node->stop;
done_testing();
