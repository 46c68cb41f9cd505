# Named restore points: set by SQL and by the program, kept in the repository,
# known in the catalogue, each name once.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use BackupExt;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = BackupExt->new('marks');
$node->init(allows_streaming => 1, extra => [ '--encoding=LATIN1', '--locale=C' ]);
$node->begin;
my $repository = $node->repository;
$node->sql_fails(q(SELECT backup_mark('too early')), '55000', 'does not archive its WAL.*archive_mode = on',
	'without an archive');
$node->append_conf('postgresql.conf', "archive_mode = on\narchive_command = 'true'\n");
$node->restart;
$node->poll_query_until('postgres', q(SELECT ok FROM backup_check() WHERE check_name = 'launcher is running'));

my $lsn = $node->safe_psql('postgres', q(SELECT backup_mark('before v2.3')));
like($lsn, qr{^0/[0-9A-F]+$}, 'backup_mark() returns a position');
is($node->safe_psql('postgres', "SELECT '$lsn' < pg_current_wal_lsn() OR '$lsn' = pg_current_wal_lsn()"), 't',
	'which has been written');
my %names = map { $_ => 1 } 'before v2.3', '../../x', 'a/b', q(it's), 'x' x 63, '%2e', "\xe9t\xe9";
for my $name (grep { $_ ne 'before v2.3' } keys %names)
{
	my $literal = "'" . $name =~ s/'/''/gr . "'";
	$literal = q(U&'\00e9t\00e9') if $name eq "\xe9t\xe9";
	like($node->safe_psql('postgres', "SET standard_conforming_strings = on; SELECT backup_mark($literal)"),
		qr{^0/}, "a mark called $name");
}
my $rows = q(SELECT name, lsn, timeline, at > now() - interval '1 hour' AND at <= now() FROM backup_mark_list ORDER BY lsn);
my $list = $node->safe_psql('postgres', $rows);
is(scalar(split /\n/, $list), scalar(keys %names), 'all are listed');
like($list, qr{^before v2\.3\|\Q$lsn\E\|1\|t$}m, 'with position, timeline and time');
my @files = glob("$repository/mark/*/*.json");
is(scalar(@files), scalar(keys %names), 'each is a file of the repository');
my ($found) = $node->safe_psql('postgres', "SELECT encode(pg_read_binary_file('pg_wal/' || pg_walfile_name('$lsn')), 'escape') LIKE '%before v2.3%'");
is($found, 't', 'and is in the WAL');
$found = $node->safe_psql('postgres', "SELECT position('\\xc3a974c3a9'::bytea IN pg_read_binary_file('pg_wal/' || pg_walfile_name('$lsn'))) > 0");
is($found, 't', 'in the bytes that a recovery looks for, whatever the encoding');

$node->sql_fails(q(SELECT backup_mark('before v2.3')), '42710', "mark \"before v2\\.3\" exists already.*It was set at .*, at $lsn",
	'a name that is in use');
is($node->safe_psql('postgres', q(SELECT concat_ws(' ', verb, state, sqlstate) FROM backup_run ORDER BY run DESC LIMIT 1)),
	'mark failed 42710', 'the attempt is a run');

# The catalogue is a cache.
$node->safe_psql('postgres', 'DELETE FROM backup_mark_data');
$node->safe_psql('postgres', 'SELECT backup_sync()');
is($node->safe_psql('postgres', $rows), $list, 'a sync brings them back');
unlink((grep { /it%27s/ } @files)[0]) or die $!;
$node->safe_psql('postgres', 'SELECT backup_sync()');
is($node->safe_psql('postgres', q(SELECT count(*) FROM backup_mark_list WHERE name = 'it''s')), 0,
	'and takes away what is gone');

# The program sets them, too, and its list shows them.
my $out = $node->program_ok([ 'mark', 'by hand' ], 'the program sets a mark');
like($out, qr{^mark by hand at 0/\S+, set at \S+Z$}m, 'and says where');
like($node->program_ok(['list'], 'list'), qr{^mark before v2\.3 at \Q$lsn\E, }m, 'its list has the marks');
$node->program_fails([ 'mark', 'by hand' ], qr/mark "by hand" exists already.*42710/, 'a name that is in use');
my ($status, undef, $err) = $node->program('mark', 'x' x 64);
is($status, 2, 'a name that is too long is wrong usage');

# A dump of the home database restores; marks come with a sync.
my $id = $node->safe_psql('postgres', 'SELECT backup_now()');
is($node->restore($id, 'home_copy'), 'home_copy', 'the home database with marks can be restored');
is($node->safe_psql('home_copy', 'SELECT count(*) FROM backup_mark_data'), 0, 'marks are not dumped');

# Not by anybody.
$node->safe_psql('postgres', 'CREATE ROLE joe; CREATE ROLE monitor IN ROLE pg_monitor');
$node->sql_fails(q(SET ROLE joe; SELECT backup_mark('joe')), '42501', 'permission denied for function backup_mark', 'a plain role');
$node->sql_fails(q(SET ROLE monitor; SELECT backup_mark('joe')), '42501', 'permission denied for function backup_mark', 'a monitor');
is($node->safe_psql('postgres', q(SET ROLE monitor; SELECT count(*) > 0 FROM backup_mark_list)), 't', 'a monitor reads them');

# A damaged mark hides no other.
$node->safe_psql('postgres', 'SELECT backup_sync()');
my $count = $node->safe_psql('postgres', 'SELECT count(*) FROM backup_mark_list');
truncate((grep { /before/ } @files)[0], 30) or die $!;
(undef, undef, $err) = $node->psql('postgres', 'SELECT backup_sync()');
like($err, qr/WARNING:  a mark cannot be read: .*before/, 'a damaged mark is seen');
is($node->safe_psql('postgres', 'SELECT count(*) FROM backup_mark_list'), $count - 1, 'and hides no other');
$node->stop;
done_testing();
