# Retention: what is kept and what goes, that it can be brought back, and that
# nothing goes where there is a doubt.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use BackupExt;
use Cwd ();
use File::Path ();
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

is($node->safe_psql('postgres', "SELECT backup_delete('$days[5]')"), 't', 'one that has expired can be deleted at once');
is(there(), join(' ', sort $id, @days[ 0 .. 4 ]), 'its data are gone');
$days[5] = aged($id, 6);
expire('another one instead', '--keep-last', 5);

# One of whose data some is gone already does not.
my ($gone) = glob("$repo/backup/$days[4]/globals*");
unlink $gone;
$node->sql_fails("SELECT backup_unexpire('$days[4]')", '55000', 'cannot be brought back.*globals.* is gone already', 'one that is not whole');
like(expire('without grace', '--keep-last', 5, '--grace', 0), qr/^delete +\Q$days[5]\E: /m, 'the rest is deleted');
is(there(), join(' ', sort $id, @days[ 0 .. 3 ]), 'data are gone');
is(expired(), '', 'and tombstones');

# It counts for nothing either, though it is one of the newest.
my $half = aged($id, 0.01);
rename "$repo/manifest/$half.json", "$repo/expired/$half.json" or die $!;
File::Path::remove_tree("$repo/backup/$half");
like(expire('with one that is not whole', '--keep-last', 3, '--grace', 0), qr/^delete +\Q$half\E: it has expired, and counts no more$/m,
	'it goes');
is(there(), join(' ', sort $id, @days[ 0 .. 2 ]), 'and no other goes in its place');

# Another run of the kind is waited for, and backups go on meanwhile.
mkdir "$repo/intent";
$node->write_json('intent/20260101T000000Z-expires-aaaa.json', { backup => '19700101T000000Z-all-0000', format => 1, mode => 'expires',
	started_at => POSIX::strftime('%Y-%m-%dT%H:%M:%SZ', gmtime), process =>
	  { boot_id => 'x', hostname => 'elsewhere', machine_id => 'y', pid => 1, pid_namespace => '1', start_ticks => 1 } });
my $waiting = IPC::Run::start([ 'pg_backup_ext', 'expire', '--repo', $node->url, '--system-identifier', $cluster, '--keep-last', 99 ],
	'<', \undef, '>', \my $said, '2>', \my $why);
sleep 2;
my $meanwhile = aged($id, 0);
sleep 1;
unlink "$repo/intent/20260101T000000Z-expires-aaaa.json" or die $!;
ok(IPC::Run::finish($waiting), 'a run that had to wait takes no newer backup for one of the future') or diag($why);
$node->safe_psql('postgres', 'SELECT backup_sync()');
$node->safe_psql('postgres', "SELECT backup_delete('$meanwhile')");
is(expire('a zone that is not known', '--keep-last', 99, '--timezone', 'Mars/Phobos'), '', 'does not matter without a calendar');
is(join(' ', glob("$repo/intent/*")), '', 'nothing is left of the runs');
$node->safe_psql('postgres', 'SELECT backup_sync()');
is($node->safe_psql('postgres', 'SELECT count(*) FROM backup_expired'), 0, 'the server sees it');

# --- killed at every step ---------------------------------------------------------

# Everything that is listed is whole, what has expired is whole or on its way out.
sub damaged
{
	my @damaged;

	for my $listed (split / /, listed())
	{
		push @damaged, $listed
		  if grep { !-e "$repo/backup/$listed/$_->{name}" } @{ $node->read_json("manifest/$listed.json")->{objects} };
	}
	return join ' ', @damaged;
}

sub killed
{
	my ($call, $when, @options) = @_;

	IPC::Run::run([ 'strace', '-f', '-qq', '-o', '/dev/null', '-e', "trace=$call",
			'-e', "inject=$call:signal=SIGKILL:when=$when",
			'pg_backup_ext', 'expire', '--repo', $node->url, '--system-identifier', $cluster, @options ],
		'<', \undef, '>', \my $out, '2>', \my $err);
	return $? != 0;
}
for my $call ('unlinkat', 'renameat2')
{
	my ($kills, $broken) = (0, '');
	my $old = aged($id, 50);

	for (; $kills < 60; $kills++)
	{
		last if !killed($call, $kills + 1, '--keep-last', 4, '--grace', 0);
		$broken ||= damaged();
		$old = aged($id, 50) if !-e "$repo/backup/$old";
	}
	cmp_ok($kills, '>', 2, "$call: killed $kills times");
	is($broken, '', 'nothing that is listed was broken');
	is(join(' ', map { -e "$repo/$_/$old" || -e "$repo/$_/$old.json" ? $_ : () } 'manifest', 'expired', 'backup', 'note'), '',
		'and at last all of it is gone');
	is(join(' ', glob("$repo/intent/*")), '', 'no run is left');
}

# A full disk, which has no room for tombstones either.
my $shim = Cwd::abs_path('build/test/tool/full_shim.so');
my $flag = PostgreSQL::Test::Utils::tempdir() . '/full';
my @good = split / /, listed();
BackupExt::write_file($flag, Cwd::abs_path($repo));
my $old = aged($id, 60);
for my $grace ('1h', 0)
{
	local @ENV{qw(LD_PRELOAD BK_FULL)} = ($shim, $flag);
	my ($exit, $out, $err) = $node->program('expire', '--keep-last', scalar(@good), '--grace', $grace, '--system-identifier', $cluster);

	is($exit, $grace ? 1 : 0, "on a full disk, with a grace of $grace") or diag($err);
	like($err, qr/SQLSTATE 53100.*a grace of 0 does without/s, 'nothing can be brought back') if $grace;
	is(-e "$repo/manifest/$old.json" ? 1 : 0, $grace ? 1 : 0, $grace ? 'so it stays' : 'it goes at once');
}
ok(!-e "$repo/backup/$old" && !-e "$repo/expired/$old.json", 'with all that it had');
is(listed(), join(' ', @good), 'and nothing else');

# --- two repositories -----------------------------------------------------------------

my $second = $node->basedir . '/second';
my ($status, undef, $err) = $node->program('replicate', '--to', "file://$second", '--create', '--system-identifier', $cluster, '-D', $node->data_dir);
is($status, 0, 'a second repository') or diag($err);
$node->set('backup_ext.repository', $node->url . ", file://$second");
$node->set('backup_ext.keep_last', 2);
my $rows = $node->safe_psql('postgres', 'SELECT repository, action, count(*) FROM backup_expire() WHERE kind = $$logical$$ GROUP BY 1, 2 ORDER BY 1, 2');
is($rows, "1|expire|1\n2|expire|1", 'each is looked after');
is(join(' ', map { m{([^/]+)\.json$} } glob("$second/expired/*")), expired(), 'what has expired is the same');
is($node->safe_psql('postgres', 'SELECT backup_replicate()'), 0, 'and is not copied again');
my ($back) = split / /, expired();
unlink "$repo/expired/$back.json";
rename "$second/expired/$back.json", "$repo/manifest/$back.json" or die $!;
link "$repo/manifest/$back.json", "$second/expired/$back.json" or die $!;
is($node->safe_psql('postgres', 'SELECT backup_replicate()'), 0, 'not even where the first one still lists it');
is($node->safe_psql('postgres', "SELECT count(*) FROM backup_unexpire('$back')"), 1, 'it is brought back where it has expired');
ok(-e "$second/manifest/$back.json", 'in the second one');

# --- what schedules say ---------------------------------------------------------------

$node->safe_psql('postgres', "SELECT backup_unpin('$_')") foreach split / /, listed();
$node->set('backup_ext.repository', $node->url);
$node->set('backup_ext.keep_last', 1);
$node->safe_psql('postgres', q(SELECT backup_schedule('nightly', '0 2 * * *', database => 'postgres', timezone => 'UTC', keep_daily => 2)));
my @nightly = map { aged($id, $_, schedule => 'nightly') } 3 .. 5;
my %decision = split /[|\n]/, $node->safe_psql('postgres', 'SELECT id, action || $$: $$ || reason FROM backup_expire(dry_run => true) WHERE kind = $$logical$$');
like($decision{ $nightly[0] }, qr/^keep: newest of \S+ \(daily 1 of 2\)$/, 'a schedule has a retention of its own');
is($decision{ $nightly[2] }, 'expire: no rule of schedule "nightly" keeps it', 'which decides on its backups');
like($decision{$id}, qr/^keep: newest \(last 1 of 1\)/, 'and the settings on others');
unlike(expire('by the program', '--keep-last', 1), qr/nightly|$nightly[2]/, 'which does not know what a server keeps of schedules');
like(expire('unless it is told', '--keep-last', 1, '--scheduled'), qr/^expire +\Q$nightly[2]\E/m, 'it is told');
$node->safe_psql('postgres', q(SELECT backup_schedule('many' || i, '0 2 * * *', database => 'postgres', keep_last => 3) FROM generate_series(1, 300) AS i));
is($node->safe_psql('postgres', 'SELECT count(*) > 0 FROM backup_expire(dry_run => true)'), 't', 'there can be many schedules');

$node->set('backup_ext.keep_within', '30d');
$node->set('backup_ext.recovery_window', '-1');
like($node->program_ok([ 'expire', '-D', $node->data_dir, '--dry-run' ], 'the program reads the settings'),
	qr/^keep +\Q$id\E: newest \(last 1 of 1\); younger than 30 days/m, 'of the server');

$node->safe_psql('postgres', 'SELECT count(*) FROM backup_expire()');
like(expired(), qr/$nightly[2]/, 'it expires');
like(expire('the program again', '--keep-last', 1), qr/^grace +\Q$nightly[2]\E: it has expired, and counts no more$/m, 'without knowing schedules');
like(expired(), qr/$nightly[2]/, 'brings none of theirs back');
expire('and again', '--keep-last', 1, '--grace', 0);
ok(-e "$repo/backup/$nightly[2]", 'nor deletes it');

# --- the cluster before an upgrade --------------------------------------------------

my $former = '7000000000000000000';
$node->write_json("cluster/$former.json", { %{ $node->read_json("cluster/$cluster.json") }, system_identifier => $former });
my @former = map { aged($id, $_, system_identifier => $former) } 100, 200, 300;
$node->safe_psql('postgres', 'SELECT count(*) FROM backup_expire()');
is(scalar(grep { -e "$repo/manifest/$_.json" } @former), 3, 'backups of the cluster before an upgrade are none of the new one');
my (undef, undef, $other) = $node->program('expire', '--keep-last', 1, '--system-identifier', $former, '-D', $node->data_dir);
like($other, qr/has system identifier $cluster, not $former/, 'a data directory is of one cluster only');
$node->program_ok([ 'expire', '--keep-last', 1, '--grace', 0, '--system-identifier', $former ], 'they expire by name');
is(join(' ', grep { -e "$repo/backup/$_" } @former), $former[0], 'and go');

# --- arguments ------------------------------------------------------------------------

$node->sql_fails('SELECT backup_expire(NULL)', '22004', '"dry_run" must not be null', 'NULL');
for my $setting ([ 'minimum_good', '0' ], [ 'keep_last', '-1' ], [ 'keep_within', '-1' ], [ 'recovery_window', '-2' ], [ 'expire_grace', '-1' ])
{
	$node->sql_fails("ALTER SYSTEM SET backup_ext.$setting->[0] = '$setting->[1]'", '22023', 'is outside the valid range', "$setting->[0] of $setting->[1]");
}
for my $option ([ '--keep-last', '-1' ], [ '--keep-daily', 'x' ], [ '--keep-within', '-3d' ], [ '--minimum-good', '0' ],
	[ '--timezone', 'Mars/Phobos' ])
{
	my ($exit, undef, $text) = $node->program('expire', '--keep-daily', 1, '--system-identifier', $cluster, @$option);
	isnt($exit, 0, "@$option is refused");
	like($text, qr/22023|invalid value|time zone "Mars\/Phobos" is not known/, 'with a reason');
}

done_testing();
