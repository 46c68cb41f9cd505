# A server whose store fails now and then, by chance: each request may be
# refused, cut, answered with garbage or with a flipped bit. Backups may fail,
# but none is listed that does not restore, no WAL is taken for archived that
# is not there, and nothing wrong is ever restored.
#
# SEED (printed; else by the clock), ROUNDS (2) and SHARE (0.06) of the requests
# that meet a fault come from the environment.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";

use BackupExt;
use BackupExtLedger;
use BackupExtProxy;
use BackupExtS3;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $seed = $ENV{SEED} // time() % 100_000;
my $rounds = $ENV{ROUNDS} // 2;
my $share = $ENV{SHARE} // 0.06;
note "SEED=$seed ROUNDS=$rounds SHARE=$share";

my $s3 = BackupExtS3->start;
my $proxy = BackupExtProxy->start($s3->{port});
my $url = $s3->url('mix', 'repository', endpoint => $proxy->{endpoint});
my @rest = ('--credentials-file', $s3->credentials);
my $sink = BackupExtProxy->start($s3->{port});
my $node = BackupExt->new('main');

$s3->make_bucket('mix');
$node->init(extra => [ '--encoding=UTF8', '--locale=C', '--data-checksums', '--wal-segsize=1' ]);
$node->append_conf('postgresql.conf', sprintf <<'END', $url, $s3->credentials);
archive_mode = on
archive_library = 'backup_ext'
wal_level = replica
wal_keep_size = 10GB
fsync = off
backup_ext.repository = '%s'
backup_ext.credentials_file = '%s'
END

# What the postmaster's environment says of proxies is nobody's business.
{
	local @ENV{qw(http_proxy https_proxy HTTPS_PROXY ALL_PROXY)} = ($sink->{endpoint}) x 4;
	local $ENV{CURL_CA_BUNDLE} = '/nonexistent';
	$node->begin;
}
my $started = $node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()');

sub with_faults { return $proxy->set(random => { seed => $seed++, share => $share }); }
sub without_faults { return $proxy->set; }

# Runs the program through the proxy; returns status, output and messages.
sub program
{
	my ($command, @arguments) = @_;
	my ($out, $err) = ('', '');

	IPC::Run::run([ 'pg_backup_ext', $command, '--repo', $url, @rest, @arguments ],
		'<', \undef, '>', \$out, '2>', \$err);
	return ($? >> 8, $out, $err);
}

# --- backups and WAL -----------------------------------------------------------------

my $ledger = BackupExtLedger->new($node);
$ledger->start;
without_faults();
my $first = $node->safe_psql('postgres', q{SELECT backup_now(kind => 'base')});
my %tried = (good => 0, failed => 0);
for my $round (1 .. $rounds)
{
	with_faults();
	for my $kind (qw(logical base))
	{
		my $err = '';
		my $status = $node->psql('postgres', "SELECT backup_now(kind => '$kind')",
			stderr => \$err, extra_params => [ '-v', 'VERBOSITY=verbose' ]);
		$tried{ $status == 0 ? 'good' : 'failed' }++;
		like($err, qr/ERROR:  (?!XX000)\w{5}: /, "round $round: $kind: a failure says why") if $status != 0;
		note $err if $status != 0;
	}
	$node->safe_psql('postgres', 'SELECT pg_switch_wal()');
}
note "backups: $tried{good} good, $tried{failed} failed";
$ledger->wait_for_rows(20);
$ledger->stop;
my $last = $node->safe_psql('postgres', 'SELECT pg_walfile_name(pg_switch_wal())');
ok($node->poll_query_until('postgres', "SELECT last_archived_wal >= '$last' FROM backup_wal"),
	'all WAL is archived, through all faults');

# --- every acknowledged segment is there, and comes back right or not at all -------------

my $data = $node->data_dir;
my $target = $node->basedir . '/fetched';
my @segments = sort map { m{/(\w{24})\.done$} && -e "$data/pg_wal/$1" ? $1 : () } glob "$data/pg_wal/archive_status/*.done";
my ($wrong, $missing, $refused) = (0, 0, 0);
for my $segment (@segments)
{
	with_faults();
	my ($status) = program('archive-get', $segment, $target, '-D', $data);
	if ($status != 0)
	{
		$refused++;
		$missing++ if $status < 126;
		without_faults();
		($status) = program('archive-get', $segment, $target, '-D', $data);
	}
	$wrong++ if $status != 0 || slurp_file($target) ne slurp_file("$data/pg_wal/$segment");
	unlink $target;
}
note scalar(@segments), " segments, $refused asked for twice";
cmp_ok(scalar @segments, '>=', 2, 'there are segments');
is($wrong, 0, 'each of them is in the repository, byte by byte');
is($missing, 0, 'none was ever called missing');

# --- every listed backup is good, and restores ---------------------------------------------

without_faults();
my @backups = split /\n/, $node->safe_psql('postgres', 'SELECT id FROM backup_list()');
cmp_ok(scalar @backups, '>=', 1 + $tried{good}, 'every backup that succeeded is listed');
for my $id (@backups)
{
	is($node->safe_psql('postgres', "SELECT bool_and(ok) FROM backup_verify('$id', 'readable')"), 't', "$id is good");
}

# --- nothing is written where the repository is not (any more) --------------------------------

{
	my $elsewhere = $s3->url('mix', 'elsewhere');
	my $segment = "$data/pg_wal/$segments[-1]";
	my ($out, $err) = ('', '');

	$node->set('backup_ext.repository', $elsewhere);
	$node->sql_fails('SELECT backup_now()', '58P01', 'there is no repository at', 'an empty place');
	IPC::Run::run([ 'pg_backup_ext', 'archive-push', $segment, '--repo', $elsewhere, @rest, '-D', $data ],
		'<', \undef, '>', \$out, '2>', \$err);
	like($err, qr/there is no repository at/, 'an empty place: nor is WAL archived there');
	is_deeply([ $s3->keys_of('mix', 'elsewhere') ], [], 'an empty place: stays empty');
	$node->set('backup_ext.repository', $s3->url('another-bucket', 'repository'));
	$node->sql_fails('SELECT backup_now()', '55000', 'bucket "another-bucket" does not exist', 'no bucket');
	$node->set('backup_ext.repository', $url);
}

is($node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()'), $started, 'the server did not restart');
$node->stop;
my $restored = $node->basedir . '/restored';
my ($status, $out, $err);
for my $try (1 .. 5)
{
	with_faults() if $try < 5;
	without_faults() if $try == 5;
	($status, $out, $err) = program('restore', '--to', $restored, '--target-action', 'promote');
	last if $status == 0;
	like($err, qr/^pg_backup_ext: .*error: /m, 'a restore that fails says why');
	note $err;
	PostgreSQL::Test::Utils::system_or_bail('rm', '-rf', $restored);
}
is($status, 0, 'it is restored') or diag($err);
# Recovery fetches its WAL through the faults as well, and tries again.
without_faults();
my $copy = $ledger->look_latest($restored, 'restored');
$copy->stop;

is($sink->count, 0, 'a proxy of the environment was never asked');
done_testing();
