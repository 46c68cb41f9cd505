# A failover while the old primary has WAL that nobody has archived: the hole
# between the timelines is reported as soon as it can be known, without anybody
# asking for it; a base backup of the new primary ends the alarm.
use strict;
use warnings;
use BackupExt;
use PostgreSQL::Test::Utils;
use Test::More;

my $conf = "archive_mode = on\narchive_library = 'backup_ext'\n";
my $node = BackupExt->new('primary');
$node->init(allows_streaming => 1);
$node->append_conf('postgresql.conf', $conf);
$node->begin;
$node->safe_psql('postgres', 'CREATE TABLE t AS SELECT 1 AS i');
$node->safe_psql('postgres', q{SELECT backup_now(kind => 'base')});
$node->backup('plain');
my $standby = BackupExt->new('standby');
$standby->init_from_backup($node, 'plain', has_streaming => 1);
$standby->start;

sub status { return $_[0]->safe_psql('postgres', q{SELECT state || ': ' || reason FROM backup_status WHERE what = 'WAL archiving'}); }
my $syncs = q{SELECT count(*) FROM backup_run WHERE verb = 'sync'};
my $registered = $node->repository . '/writer/*/*.json';
my $patience = 10 * $PostgreSQL::Test::Utils::timeout_default;
while (scalar(my @places = glob $registered) < 2)
{
	die 'the standby does not register' if $patience-- == 0;
	Time::HiRes::usleep(100_000);
}

# The primary cannot archive, and the standby has all that it writes.
rename $node->repository, $node->repository . '.away' or die;
$node->safe_psql('postgres', 'INSERT INTO t VALUES (2); SELECT pg_switch_wal()') for 1 .. 3;
$node->wait_for_catchup($standby);
is($node->safe_psql('postgres', 'SELECT waiting > 2 FROM backup_wal'), 't', 'the primary has WAL that nobody has archived');
$node->stop('immediate');
rename $node->repository . '.away', $node->repository or die;
$standby->promote;
is($standby->safe_psql('postgres', $syncs), 0, 'nobody has looked');
$standby->safe_psql('postgres', 'INSERT INTO t VALUES (3); SELECT pg_switch_wal()');
$standby->poll_query_until('postgres', qq{SELECT ($syncs AND state = 'done') = 1}) or die 'nobody looks at the repository';
like(status($standby), qr/^critical: Segments were missing in the archived WAL/, 'the hole is reported');
is( $standby->safe_psql('postgres', q{SELECT reason, requested_by FROM backup_run WHERE verb = 'sync'}),
	'promotion|' . $standby->safe_psql('postgres', 'SELECT current_user'), 'by a run that says why');
is($standby->safe_psql('postgres', q{SELECT timeline || ' ' || gaps FROM backup_wal_range WHERE gaps > 0}), '1 1',
	'it is on the line of the old primary');

# A backup that needs nothing from before the hole.
$standby->safe_psql('postgres', q{SELECT backup_now(kind => 'base')});
$standby->safe_psql('postgres', 'SELECT backup_sync()');
is(status($standby), 'ok: WAL is archived.', 'a base backup ends the alarm');

# After that nobody looks again: the line is known.
$standby->restart;
$standby->safe_psql('postgres', 'INSERT INTO t VALUES (4)');
my $wal = $standby->safe_psql('postgres', 'SELECT pg_walfile_name(pg_switch_wal())');
$standby->poll_query_until('postgres', qq{SELECT last_archived_wal >= '$wal' FROM backup_wal}) or die;
$standby->safe_psql('postgres', q{SELECT backup_now()});
is($standby->safe_psql('postgres', qq{$syncs AND reason = 'promotion'}), 1, 'it was looked at once');
$standby->stop;
done_testing();
