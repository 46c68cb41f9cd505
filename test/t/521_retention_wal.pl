# Retention of base backups and WAL: what is kept can be recovered, what is
# needed stays, and a doubt keeps everything.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use BackupExt;
use POSIX ();
use PostgreSQL::Test::Utils;
use Test::More;

my $node = BackupExt->new('main');
$node->init(extra => [ '--encoding=UTF8', '--locale=C', '--wal-segsize=1' ], allows_streaming => 1);
$node->append_conf('postgresql.conf', <<'END');
archive_mode = on
archive_library = 'backup_ext'
timezone = 'UTC'
backup_ext.expire_grace = 0
END
$node->begin;
my $repo = $node->repository;
my $cluster = $node->safe_psql('postgres', 'SELECT system_identifier FROM pg_control_system()');

sub stamp { return POSIX::strftime('%Y-%m-%dT%H:%M:%SZ', gmtime(time() + ($_[0] // 0) * 86400)); }
sub listed { return join ' ', sort map { m{([^/]+)\.json$} } glob("$repo/manifest/*"); }
sub segments { return sort map { m{/([0-9A-F]{24})-} } glob("$repo/wal/$cluster/*/*/*"); }
sub dry_run { return $node->safe_psql('postgres', "SELECT concat_ws(' ', action, coalesce(id, kind), reason) FROM backup_expire(dry_run => true)"); }

# A base backup that was complete so many days ago, with some WAL behind it.
sub base
{
	my ($days) = @_;
	my $id = $node->safe_psql('postgres', q(SELECT backup_now('base')));
	my $manifest = $node->read_json("manifest/$id.json");

	$manifest->{finished_at} = $manifest->{started_at} = stamp(-$days);
	$node->write_json("manifest/$id.json", $manifest);
	for (1 .. 2)
	{
		$node->safe_psql('postgres', "INSERT INTO ledger VALUES ('behind $id')");
		$node->wait_archived;
	}
	return $manifest;
}

# --- what is needed stays ---------------------------------------------------------

$node->safe_psql('postgres', 'CREATE TABLE ledger (text text)');
my @base = map { base($_) } 40, 30, 20, 10;
my @id = map { $_->{id} } @base;
my @all = segments();
is($node->safe_psql('postgres', 'SELECT count(*) FROM backup_expire()'), 0, 'without a retention nothing expires');
$node->safe_psql('postgres', 'SELECT backup_sync()');
$node->safe_psql('postgres', "SELECT backup_pin('$id[0]')");
$node->set('backup_ext.keep_last', 2);
my $plan = dry_run();
like($plan, qr/^keep $id[0] pinned$/m, 'a plan: one is pinned');
like($plan, qr/^expire $id[1] no rule of the default retention keeps it$/m, 'one goes');
like($plan, qr/^keep $id[2] newest \(last 2 of 2\)$/m, 'two stay');
like($plan, qr/^delete wal \d+ files from \w{24} to \S+ are needed by no backup and no recovery window$/m, 'and WAL goes');
is(join(' ', segments()), join(' ', @all), 'a plan changes nothing');
$node->safe_psql('postgres', 'SELECT backup_expire()');
is(listed(), join(' ', sort @id[ 0, 2, 3 ]), 'they stay and go');
my @kept = grep { ($_ ge $base[0]{start_wal} && $_ le $base[0]{stop_wal}) || $_ ge $base[2]{start_wal} } @all;
is(join(' ', segments()), join(' ', @kept), 'WAL of a pinned one from start to stop, and all from the oldest kept one on');
cmp_ok(scalar(@kept), '<', scalar(@all) - 3, 'which is less');
$node->safe_psql('postgres', 'SELECT backup_sync()');
is($node->safe_psql('postgres', 'SELECT count(*) FROM backup_wal_range WHERE loss IS NOT NULL'), 0, 'nobody takes it for a loss');
is($node->safe_psql('postgres', "SELECT state FROM backup_wal"), 'ok', 'nor for a gap that matters');

my $pinned = BackupExt->to_be_restored('pinned');
$node->restore_into($pinned, $id[0], '--target', 'immediate', '--target-action', 'promote');
$pinned->begin_restored;
is($pinned->safe_psql('postgres', 'SELECT count(*) FROM ledger'), 0, 'the pinned one becomes consistent');
$pinned->stop('immediate');
my $latest = BackupExt->to_be_restored('latest');
$node->restore_into($latest, $id[2]);
$latest->begin_restored;
is($latest->safe_psql('postgres', 'SELECT count(*) FROM ledger'), 8, 'from the oldest kept one all is recovered');
$latest->stop('immediate');

# --- a window of WAL ---------------------------------------------------------------

$node->set('backup_ext.recovery_window', '15d');
like(dry_run(), qr/^keep $id[2] newest \(last 2 of 2\); the recovery window of 15 days begins with it$/m, 'the window begins with one that is older');
$node->set('backup_ext.recovery_window', '5d');
$node->safe_psql('postgres', 'SELECT backup_expire()');
is(listed(), join(' ', sort @id[ 0, 2, 3 ]), 'backups live longer than the window');
@kept = grep
{
	my $wal = $_;
	$wal ge $base[3]{start_wal} || grep { $wal ge $_->{start_wal} && $wal le $_->{stop_wal} } @base[ 0, 2 ]
} @all;
is(join(' ', segments()), join(' ', @kept), 'with their own WAL');

# R10: what somebody else deletes is a loss.
my ($lost) = glob("$repo/wal/$cluster/*/*/" . $kept[-1] . '-*');
rename $lost, "$repo/lost" or die $!;
$node->safe_psql('postgres', 'SELECT backup_sync()');
like($node->safe_psql('postgres', 'SELECT loss FROM backup_wal_range'), qr/^it (?:ended with \w+|had \d+ segments)$/, 'WAL that others delete is missed');
rename "$repo/lost", $lost or die $!;
$node->safe_psql('postgres', 'SELECT backup_sync(accept => true)');

# --- runs in progress ----------------------------------------------------------------

# A run on another machine, which nobody can ask whether it lives.
sub announce
{
	my ($mode, $id, %members) = @_;
	my $path = 'intent/' . stamp() =~ s/[-:]//gr . "-$mode-aaaa.json";

	mkdir "$repo/intent";
	$node->write_json($path, { backup => $id, format => 1, mode => $mode, started_at => stamp(), %members,
		process => { boot_id => 'x', hostname => 'elsewhere', machine_id => 'y', pid => 1, pid_namespace => '1', start_ticks => 1 } });
	return "$repo/$path";
}
$node->set('backup_ext.keep_last', 1);
my $new = stamp() =~ s/[-:]//gr . '-base-aaaa';
my $intent = announce('creates', $new);
like(dry_run(), qr/^keep wal a backup is being made that does not say what it will need$/m, 'a backup in the making keeps all WAL');
unlink $intent;
$intent = announce('creates', $new, timeline => 1, start_lsn => $base[2]{start_lsn});
unlike(dry_run(), qr/ wal /, 'or what it will need');
unlink $intent;
$intent = announce('needs', $id[2]);
like(dry_run(), qr/^keep $id[2] a run is using it$/m, 'one that is being read stays');
unlink $intent;
like(dry_run(), qr/^expire $id[2] .*^delete wal /ms, 'else it and its WAL would go');

# --- doubts ------------------------------------------------------------------------

my $before = BackupExt::tree($repo);
sub unchanged { local $Test::Builder::Level = $Test::Builder::Level + 1; is(BackupExt::tree($repo), $before, "$_[0]: nothing is deleted"); return; }

# R08: what cannot be listed to its end
chmod 0000, "$repo/note/$id[0]" or die $!;
$node->sql_fails('SELECT backup_expire()', '42501', 'Permission denied', 'a listing that is cut');
chmod 0700, "$repo/note/$id[0]";
unchanged('a listing that is cut');

# a clock that is behind
my $manifest = $node->read_json("manifest/$id[3].json");
$node->write_json("manifest/$id[3].json", { %$manifest, finished_at => stamp(1) });
$node->sql_fails('SELECT backup_expire()', '55000', 'the clock cannot be right.*has been complete since', 'a clock that is behind');
$node->write_json("manifest/$id[3].json", $manifest);
unchanged('a clock that is behind');

# a server that may not write
$node->set('backup_ext.fence', 'of this test');
$node->sql_fails('SELECT backup_expire()', '55000', 'of this test', 'a server with a fence');
$node->set('backup_ext.fence', '');
unchanged('a server with a fence');

# a manifest that cannot be read may be of any backup
BackupExt::write_file("$repo/manifest/20260101T000000Z-base-zzzz.json", '{');
like(dry_run(), qr/^keep 20260101T000000Z-base-zzzz .*^keep wal there may be a base backup whose manifest cannot be read$/ms,
	'a backup that cannot be read is kept, and all WAL');
unlink "$repo/manifest/20260101T000000Z-base-zzzz.json";

# positions are not told by names where the size of segments was changed
my $resized = $node->read_json("manifest/$id[2].json");
my %wal = map { ("${_}_wal" => sprintf('%08X%08X%08X', 1, 0, hex($resized->{"${_}_lsn"} =~ s{^0/}{}r) / 2**21)) } 'start', 'stop';
$node->write_json("manifest/$id[2].json", { %$resized, %wal, wal_segment_size => 2**21 });
like(dry_run(), qr/^keep wal the segments of base backups have several sizes$/m, 'segments of another size keep all WAL');
$node->write_json("manifest/$id[2].json", $resized);

# R11: damaged pages; the last one without them stays
my $old = $node->read_json("manifest/$id[2].json");
$node->write_json("manifest/$id[3].json", { %$manifest, corrupt_pages => 2 });
mkdir "$repo/note/$id[3]";
my $bad = "note/$id[3]/" . stamp() =~ s/[-:]//gr . '-bad-aaaa.json';
$node->write_json($bad, { at => stamp(), backup => $id[3], format => 1, kind => 'bad', level => 'readable', problem => '2 pages' });
like(dry_run(), qr/^keep $id[2] newest \(last 1 of 1\); needed: the last good one before damaged pages were found/m, 'one that is good stays');
like(dry_run(), qr/^keep $id[3] bad, and there is no newer good one$/m, 'the damaged one does not count');
unlink "$repo/$bad";
$node->write_json("manifest/$id[3].json", $manifest);

# another cluster in the same repository
my $foreign = '20260101T000000Z-base-ffff';
$node->write_json("manifest/$foreign.json", { %$old, id => $foreign, system_identifier => '7000000000000000000' });
mkdir "$repo/wal/7000000000000000000";
mkdir "$repo/wal/7000000000000000000/00000001";
mkdir "$repo/wal/7000000000000000000/00000001/0000000100000000";
my $theirs = "$repo/wal/7000000000000000000/00000001/0000000100000000/000000010000000000000001-" . '0' x 64;
BackupExt::write_file($theirs, 'x');
$node->safe_psql('postgres', 'SELECT backup_expire()');
is(listed(), join(' ', sort $foreign, @id[ 0, 3 ]), 'a foreign backup is none of ours');
ok(-e $theirs, 'nor is foreign WAL');
unlink $theirs, "$repo/manifest/$foreign.json";

# a conflict is for a person to resolve
my ($segment) = grep { $_ lt $base[3]{start_wal} } segments();
my ($object) = glob("$repo/wal/$cluster/*/*/$segment-*");
my $other = $object =~ s/-[0-9a-f]{64}/'-' . '0' x 64/er;
BackupExt::write_file($other, 'x');
$node->safe_psql('postgres', "SELECT backup_unpin('$id[0]')");
$node->safe_psql('postgres', 'SELECT backup_expire()');
is(listed(), $id[3], 'what is no longer pinned goes');
is(join(' ', segments()), join(' ', $segment, $segment, grep { $_ ge $base[3]{start_wal} } @all), 'with its WAL, but for a conflict');
unlink $object, $other;

# --- after each backup -----------------------------------------------------------

$node->set('backup_ext.recovery_window', '-1');
$node->safe_psql('postgres', q(SELECT backup_now('base')));
$node->poll_query_until('postgres', q(SELECT count(*) = 1 FROM backup_run WHERE verb = 'expire' AND reason = 'retention' AND state = 'done'))
  or die 'no run expires anything';
unlike(listed(), qr/$id[3]/, 'a backup is followed by a run that expires others');
is($node->safe_psql('postgres', 'SELECT count(*) FROM backup_list()'), 1, 'the catalogue knows it');
my $verdict = q(SELECT state, reason ~ 'run \d+ has failed' FROM backup_status WHERE what = 'retention');
is($node->safe_psql('postgres', $verdict), 'ok|f', 'which has a row in the status');

# once more, in vain
unlink "$repo/manifest/$foreign.json";
my ($newest) = reverse split / /, listed();
$manifest = $node->read_json("manifest/$newest.json");
my $future = "$foreign" =~ s/ffff$/gggg/r;
$node->write_json("manifest/$future.json", { %$manifest, id => $future, finished_at => stamp(1) });
$node->safe_psql('postgres', 'SELECT backup_now()');
$node->poll_query_until('postgres', q(SELECT count(*) = 1 FROM backup_run WHERE verb = 'expire' AND reason = 'retention' AND state = 'failed'))
  or die 'no run fails';
is($node->safe_psql('postgres', $verdict), 'warning|t', 'and which warns where nothing can be deleted');

done_testing();
