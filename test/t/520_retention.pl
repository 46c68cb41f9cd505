# Retention: what is kept and what goes, that it can be brought back, and that
# nothing goes where there is a doubt.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use BackupExt;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = BackupExt->new('main');
$node->init(allows_streaming => 1);
$node->append_conf('postgresql.conf', "archive_mode = on\narchive_library = 'backup_ext'\ntimezone = 'UTC'\n");
$node->begin;
my $repo = $node->repository;

# --- pins ---------------------------------------------------------------------

my $pinned = q(SELECT pinned_until FROM backup_list() WHERE id = '%s');
my $id = $node->backup_now('postgres');
is($node->safe_psql('postgres', sprintf($pinned, $id)), '', 'a backup is not pinned');
is($node->safe_psql('postgres', "SELECT backup_pin('$id', '2099-01-01 01:00+01')"), 't', 'it can be, until a time');
is($node->safe_psql('postgres', sprintf($pinned, $id)), '2099-01-01 00:00:00+00', 'which the list shows');
is($node->safe_psql('postgres', "SELECT backup_pin('$id')"), 't', 'and for ever');
is($node->safe_psql('postgres', sprintf($pinned, $id)), 'infinity', 'which it shows as well');
is($node->safe_psql('postgres', "SELECT bool_and(ok) FROM backup_verify('$id', 'stored')"), 't', 'it is verified');
is($node->safe_psql('postgres', sprintf($pinned, $id)), 'infinity', 'and still pinned');
$node->safe_psql('postgres', 'SELECT backup_sync()');
is($node->safe_psql('postgres', sprintf($pinned, $id)), 'infinity', 'the repository knows it');
is($node->safe_psql('postgres', "SELECT state, verified_level FROM backup_list() WHERE id = '$id'"), 'good|stored', 'and the verdict');
is($node->safe_psql('postgres', "SELECT backup_unpin('$id')"), 't', 'it can be unpinned');
is($node->safe_psql('postgres', sprintf($pinned, $id)), '', 'then it is not pinned any more');
$node->program_ok([ 'pin', $id, '--until', '2099-01-01T00:00:00Z' ], 'the program pins');
like($node->program_ok([ 'list', '--json' ], 'and lists'), qr/"pinned_until":\s*"2099-01-01T00:00:00Z"/, 'a pin');
$node->program_ok([ 'unpin', $id ], 'and unpins');
$node->sql_fails("SELECT backup_pin('$id', '2020-01-01')", '22023', 'invalid value for argument "until".*in the past', 'until a time that is over');
$node->sql_fails("SELECT backup_pin('20260101T000000Z-app-aaaa')", '42704', 'does not exist', 'a backup that is not there');
$node->sql_fails('SELECT backup_pin(NULL)', '22004', '"id" must not be null', 'NULL');
$node->program_fails([ 'pin', '20260101T000000Z-app-aaaa' ], qr/does not exist/, 'none by the program');

done_testing();
