# Retention: what is kept and what goes, that it can be brought back, and that
# nothing goes where there is a doubt.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use BackupExt;
use POSIX ();
use PostgreSQL::Test::Utils;
use Test::More;

my $node = BackupExt->new('main');
$node->init(allows_streaming => 1);
$node->append_conf('postgresql.conf', "archive_mode = on\narchive_library = 'backup_ext'\ntimezone = 'UTC'\n");
$node->begin;
my $repo = $node->repository;
my $cluster = $node->safe_psql('postgres', 'SELECT system_identifier FROM pg_control_system()');

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

# --- backups of an age ----------------------------------------------------------

my $serial = 0;

# A good copy of a backup that was made so many days ago.
sub aged
{
	my ($like, $days, %members) = @_;
	my $at = POSIX::strftime('%Y-%m-%dT%H:%M:%SZ', gmtime(time() - $days * 86400));
	my $name = ($at =~ s/[-:]//gr) . ($like =~ s/^[^-]+(-.*-)\w+$/$1/r) . sprintf('%04d', ++$serial);
	my $manifest = $node->read_json("manifest/$like.json");

	mkdir "$repo/backup/$name" or die $!;
	link $_, "$repo/backup/$name/" . (m{([^/]+)$})[0] foreach glob("$repo/backup/$like/*");
	@$manifest{qw(id started_at finished_at)} = ($name, $at, $at);
	$manifest->{$_} = $members{$_} foreach keys %members;
	$node->write_json("manifest/$name.json", $manifest);
	return $name;
}

sub listed { return join ' ', sort map { m{([^/]+)\.json$} } glob("$repo/manifest/*"); }
sub there { return join ' ', sort map { m{([^/]+)$} } glob("$repo/backup/*"); }
sub expired { return join ' ', sort map { m{([^/]+)\.json$} } glob("$repo/expired/*"); }
sub files { return join ' ', map { m{^\Q$repo/\E(.*)} } grep { -f } split /\n/, BackupExt::tree($repo); }

# What the program says, without what stays.
sub expire
{
	my ($name, @options) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return $node->program_ok([ 'expire', '--system-identifier', $cluster, @options ], $name);
}

my @days = map { aged($id, $_) } 1 .. 6;
my $before = files();
like(expire('a plan', '--dry-run', '--keep-last', 2, '--keep-within', '3d'),
	qr/^keep +\Q$id\E: newest \(last 1 of 2\); younger than 3 days\n/m, 'has reasons');
is(files(), $before, 'and leaves no trace');
is(expire('without a retention'), '', 'nothing expires');
is(files(), $before, 'nothing at all');
like(expire('with one', '--keep-last', 3), qr/^expire +\Q$days[2]\E: no rule of the default retention keeps it\n/m, 'the rest expires');
is(listed(), join(' ', sort $id, @days[ 0, 1 ]), 'it is not listed any more');
is(expired(), join(' ', sort @days[ 2 .. 5 ]), 'it has tombstones');
is(there(), join(' ', sort $id, @days), 'and its data');
$node->safe_psql('postgres', 'SELECT backup_sync()');
is($node->safe_psql('postgres', 'SELECT count(*) FROM backup_list() WHERE state = $$missing$$'), 0, 'nothing is missed');
is($node->safe_psql('postgres', 'SELECT count(*), min(delete_after - expired_at) FROM backup_expired'), '4|1 day', 'the server knows them');
is($node->safe_psql('postgres', "SELECT backup_unexpire('$days[2]')"), 't', 'one can be brought back');
is($node->safe_psql('postgres', sprintf($pinned, $days[2])), 'infinity', 'and is pinned');
is($node->safe_psql('postgres', "SELECT bool_and(ok) FROM backup_verify('$days[2]')"), 't', 'it is whole');
is($node->safe_psql('postgres', 'SELECT count(*) FROM backup_expired'), 3, 'the others stay away');
$node->sql_fails("SELECT backup_unexpire('$days[2]')", '42704', 'has not expired', 'one that is listed');
like(expire('again', '--keep-last', 3), qr/^grace +\Q$days[3]\E: /m, 'what is in its grace is shown');
is(there(), join(' ', sort $id, @days), 'and stays');
like(expire('another retention', '--keep-last', 5), qr/^keep +\Q$days[3]\E: newest \(last 5 of 5\)\n/m, 'what would be kept now');
is(expired(), join(' ', sort @days[ 4, 5 ]), 'comes back by itself');

# One of whose data some is gone already does not.
my ($gone) = glob("$repo/backup/$days[4]/globals*");
unlink $gone;
$node->sql_fails("SELECT backup_unexpire('$days[4]')", '55000', 'cannot be brought back.*globals.* is gone already', 'one that is not whole');
like(expire('without grace', '--keep-last', 5, '--grace', 0), qr/^delete +\Q$days[5]\E: /m, 'the rest is deleted');
is(there(), join(' ', sort $id, @days[ 0 .. 3 ]), 'data are gone');
is(expired(), '', 'and tombstones');
is(join(' ', glob("$repo/intent/*")), '', 'nothing is left of the runs');
$node->safe_psql('postgres', 'SELECT backup_sync()');
is($node->safe_psql('postgres', 'SELECT count(*) FROM backup_expired'), 0, 'the server sees it');

done_testing();
