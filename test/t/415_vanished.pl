# A backup or WAL that is not in the repository any more, and was not deleted by
# this server, is an alarm until a person has said that it is known.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use BackupExt;
use File::Copy qw(move);
use PostgreSQL::Test::Utils;
use Test::More;

my $node = BackupExt->new('vanished');
$node->init(allows_streaming => 1);
$node->archive_wal;
$node->begin;
my $repository = $node->repository;
my $missing = q(SELECT string_agg(id, ' ' ORDER BY id) FROM backup_list() WHERE state = 'missing');
my $alarm = q(SELECT state || ': ' || reason FROM backup_status WHERE what = 'repository 1' AND state <> 'ok');

sub sql { return $node->safe_psql('postgres', $_[0]); }
sub hide { return move("$repository/manifest/$_[0].json", $node->basedir . "/$_[0]"); }
sub bring_back { return move($node->basedir . "/$_[0]", "$repository/manifest/$_[0].json"); }

my @ids = sort map { sql(q(SELECT backup_now())) } 1 .. 5;
sql('SELECT backup_sync()');
is(sql($alarm), '', 'nothing has vanished');

# One whose deletion failed when it was off the list already is no loss.
chmod 0500, "$repository/backup/$ids[0]" or die $!;
$node->sql_fails("SELECT backup_delete('$ids[0]')", '42501', 'could not remove', 'its data stay');
chmod 0700, "$repository/backup/$ids[0]" or die $!;
is(sql('SELECT backup_sync()'), 4, 'a deleted backup is gone');
is(sql($missing) . sql($alarm), '', 'and nobody misses it');

# Two that vanish.
hide($_) for @ids[ 1, 2 ];
is(sql('SELECT backup_sync()'), 2, 'what has vanished does not count');
is(sql($missing), "$ids[1] $ids[2]", 'it is listed as missing');
is(sql($alarm),
	"critical: 2 backups have vanished from it without being deleted here, the newest is $ids[2].",
	'and is an alarm');
is(sql(q(SELECT state, backups FROM backup_status WHERE what = 'postgres')), 'ok|2',
	'the database has what is left');
sql('SELECT backup_sync()');
is(sql($missing), "$ids[1] $ids[2]", 'it stays so');

# One comes back, one is known to be gone.
bring_back($ids[2]);
sql('SELECT backup_sync()');
is(sql($alarm), "critical: Backup $ids[1] has vanished from it without being deleted here.",
	'what comes back is as before');
is(sql("SELECT backup_delete('$ids[1]')"), 't', 'a missing backup can be deleted');
is(sql($missing) . sql($alarm), '', 'which ends the alarm');
$node->sql_fails("SELECT backup_delete('$ids[1]')", '42704', 'does not exist', 'once');
sql('SELECT backup_sync()');
is(sql($alarm), '', 'it is not missed again');

# WAL: the oldest segment, and then everything; each is accepted.
$node->wait_archived for 1 .. 2;
sql('SELECT backup_sync()');
my ($first) = split /\|/, sql('SELECT first_wal, segments FROM backup_wal_range');
is(sql($alarm), '', 'more WAL is no loss');
my ($file) = glob "$repository/wal/*/*/*/$first-*";
move($file, $node->basedir . '/segment');
sql('SELECT backup_sync()');
is(sql($alarm), "critical: Its WAL of timeline 1 has become less: it began with $first.",
	'WAL that has vanished is an alarm');
hide($ids[3]);
sql('SELECT backup_sync()');
like(sql($alarm), qr/^critical: Backup \Q$ids[3]\E has vanished .* Its WAL of timeline 1/,
	'with a backup');
sql('SELECT backup_sync(accept => true)');
is(sql($alarm) . sql($missing), '', 'both are accepted');
sql('SELECT backup_sync()');
is(sql($alarm), '', 'for good');
move("$repository/wal", $node->basedir . '/wal');
sql('SELECT backup_sync()');
like(sql($alarm), qr/^critical: Its WAL of timeline 1 has become less: it had \d+ segments\.$/,
	'all of it');

# A repository that cannot be read to its end has lost nothing.
my $second = $node->basedir . '/second';
$node->set('backup_ext.repository', $node->url . " file://$second");
system_or_bail('pg_backup_ext', 'init', '--repo', "file://$second", '--conninfo', 'host=' . $node->host . ' port=' . $node->port);
is(sql('SELECT backup_replicate()'), 2, 'a second repository has copies');
sql('SELECT backup_sync(accept => true)');
chmod 0, "$second/manifest";
is(sql('SELECT backup_sync()'), 2, 'a sync of the first one alone');
chmod 0700, "$second/manifest";
is(sql('SELECT min(copies) FROM backup_list()'), 2, 'the other one has what it had');
hide($ids[4]);
sql('SELECT backup_sync()');
is(sql("SELECT state, copies FROM backup_list() WHERE id = '$ids[4]'"), 'good|1', 'a backup that is in one of two is a good one');
like(sql($alarm), qr/^critical: Backup \Q$ids[4]\E has vanished/, 'and an alarm for the other');

done_testing();
