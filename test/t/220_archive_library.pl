# archive_library = 'backup_ext': every WAL file reaches the repository, and what
# keeps one from it is seen.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";

use File::Basename qw(basename);
use File::Find ();
use IPC::Run ();

use PostgreSQL::Test::Utils;
use Test::More;

use BackupExt;
use BackupExtFaults qw(wait_for);

my $conf = <<'END';
archive_mode = on
archive_library = 'backup_ext'
wal_level = replica
wal_keep_size = 1GB
max_wal_size = 1GB
fsync = off
END
my $node = BackupExt->new('archive');
$node->init;
$node->append_conf('postgresql.conf', $conf);
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION backup_ext');

# Every stored file: name to its paths.
sub stored
{
	my ($server) = @_;
	my %stored;
	File::Find::find(
		{
			no_chdir => 1,
			wanted => sub { push @{ $stored{$1} }, $_ if m{/([^/]+)-[0-9a-f]{64}(?:\.\w+)?$} }
		},
		$server->repository . '/wal')
	  if -d $server->repository . '/wal';
	return \%stored;
}

# Ends the current segment and returns its name.
sub switch_wal
{
	my ($server) = @_;
	$server->safe_psql('postgres', q(SELECT pg_logical_emit_message(false, '', 'x')));
	return $server->safe_psql('postgres', 'SELECT pg_walfile_name(pg_switch_wal())');
}

sub program_runs
{
	my (@command) = @_;
	my $said = '';
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $ran = eval { IPC::Run::run(\@command, '<', \undef, '>&', \$said) };
	return ok($ran, "$command[0] $command[1] runs") || diag($said, $@ // '');
}

sub answers
{
	my ($sql, $wanted, $name, $server) = @_;
	my $got;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	wait_for(sub { $got = ($server // $node)->safe_psql('postgres', $sql); return $got eq $wanted; }, $name)
	  or diag("got: $got");
	return is($got, $wanted, $name);
}

sub is_archived
{
	my ($server, $wal, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return answers(
		"SELECT last_archived_wal >= '$wal' AND waiting = 0 FROM backup_wal", 't', $name, $server);
}

# Each stored file is what pg_wal has under its name; returns their number.
sub same_files
{
	my ($server, $name) = @_;
	my $stored = stored($server);
	my @wrong;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	while (my ($wal, $paths) = each %$stored)
	{
		my ($out, $err);
		my $file = $server->data_dir . "/pg_wal/$wal";
		my @decode = $paths->[0] =~ /\.zst$/ ? qw(zstd -dc) : $paths->[0] =~ /\.gz$/ ? qw(gzip -dc) : 'cat';
		IPC::Run::run([ @decode, $paths->[0] ], '>', \$out, '2>', \$err) or push @wrong, "$wal: $err";
		push @wrong, "$wal: other content" if !-e $file || $out ne slurp_file($file);
		push @wrong, "$wal: twice" if @$paths > 1;
	}
	is("@wrong", '', $name);
	return keys %$stored;
}

my $place = $node->repository;
my $verdict = q(SELECT state || ': ' || reason FROM backup_status WHERE what = 'WAL archiving');

# --- a repository that is not there yet ---------------------------------------

my $wal = switch_wal($node);
answers(q(SELECT state, failure IS NOT NULL, last_failed_wal IS NOT NULL, waiting > 0
	FROM backup_wal), 'warning|t|t|t', 'without a repository a failure is seen');
like($node->safe_psql('postgres', $verdict), qr/^warning: The last attempt to archive/, 'and judged');
$node->safe_psql('postgres', 'SELECT backup_repository_create()');
$wal = switch_wal($node);
is_archived($node, $wal, 'with a repository all is archived');
is($node->safe_psql('postgres', $verdict), 'ok: WAL is archived.', 'and judged so');
my $started = $node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()');
my $archiver = $node->safe_psql('postgres',
	q(SELECT pid FROM pg_stat_activity WHERE backend_type = 'archiver'));

# --- load ---------------------------------------------------------------------

program_runs('pgbench', '-i', '-q', '-s', '5', $node->connstr('postgres'));
program_runs('pgbench', '-n', '-c', '2', '-t', '300', $node->connstr('postgres'));
$wal = switch_wal($node);
is_archived($node, $wal, 'what pgbench wrote is archived');
my $files = same_files($node, 'every file in the repository is what the server wrote');
cmp_ok($files, '>=', 5, 'there are several');
is( $node->safe_psql('postgres',
		q(SELECT archived_count >= 5, plain_size > stored_size, bytes_per_second > 0, segments_per_minute > 0,
			last_archived_lsn <= pg_current_wal_lsn(), timeline, program_pid > 0, failure IS NULL
		  FROM backup_wal)), 't|t|t|t|t|1|t|t', 'and counted');
is( $node->safe_psql('postgres',
		q(SELECT string_agg(check_name, ', ') FROM backup_check() WHERE NOT ok)), '', 'backup_check() finds nothing');

# --- what the repository has, once it was looked at ----------------------------

is($node->safe_psql('postgres', 'SELECT gaps IS NULL FROM backup_wal'), 't', 'gaps are not known at first');
$node->safe_psql('postgres', 'SELECT backup_sync()');
is($node->safe_psql('postgres', q(SELECT timeline, segments >= 5, last_wal, gaps, conflicts FROM backup_wal_range)),
	"1|t|$wal|0|0", 'a look at the repository shows its WAL');
my $lost = stored($node)->{'000000010000000000000003'}[0];
rename $lost, "$place.lost" or die $!;
$node->safe_psql('postgres', 'SELECT backup_sync()');
is($node->safe_psql('postgres', 'SELECT gaps, first_gap FROM backup_wal_range'), '1|000000010000000000000003',
	'a segment that is lost is a gap');
like($node->safe_psql('postgres', $verdict), qr/^critical: Segments were missing/, 'and critical');
$node->safe_psql('postgres', q{SELECT backup_now(kind => 'base')});
$node->safe_psql('postgres', 'SELECT backup_sync()');
is($node->safe_psql('postgres', $verdict), 'ok: WAL is archived.', 'and harmless after a base backup');
rename "$place.lost", $lost or die $!;
$node->safe_psql('postgres', 'SELECT backup_sync()');
is($node->safe_psql('postgres', $verdict), 'ok: WAL is archived.', 'and no more when it is back');

# --- the program is killed, and told of new settings ---------------------------

my $program = $node->safe_psql('postgres', 'SELECT program_pid FROM backup_wal');
kill 'KILL', $program;
is_archived($node, switch_wal($node), 'a program that was killed is started anew');
isnt($node->safe_psql('postgres', 'SELECT program_pid FROM backup_wal'), $program, 'as another process');

$node->set('backup_ext.compression', 'gzip:1');
$wal = switch_wal($node);
is_archived($node, $wal, 'a new setting');
like(stored($node)->{$wal}[0], qr/\.gz$/, 'is used');

# --- the repository goes away and comes back -----------------------------------

rename $place, "$place.away" or die $!;
my $failed = switch_wal($node);
answers('SELECT failure IS NOT NULL AND failed_count > 0 AND waiting > 0 FROM backup_wal', 't',
	'a repository that is away is a failure');
is($node->safe_psql('postgres', 'SELECT last_failed_wal FROM backup_wal'), $failed, 'of this file');
ok(!-e $place, 'nothing is written in its place');
rename "$place.away", $place or die $!;
is_archived($node, switch_wal($node), 'when it is back, archiving goes on');

# --- other content under the same name ------------------------------------------

$node->safe_psql('postgres', q(SELECT pg_logical_emit_message(false, '', 'x')));
my $next = $node->safe_psql('postgres', 'SELECT pg_walfile_name(pg_current_wal_insert_lsn())');
my $folder = "$place/wal/" . $node->safe_psql('postgres', 'SELECT system_identifier FROM pg_control_system()')
  . '/00000001/' . substr($next, 0, 16);
my $other = "$folder/$next-" . ('0' x 64) . '.zst';
BackupExt::write_file($other, 'other');
is(switch_wal($node), $next, 'a segment ends for which there is other content');
answers($verdict, qq(critical: Conflict: the repository has "$next" with other content.), 'a conflict is critical');
is( $node->safe_psql('postgres', q(SELECT failure ~ '^23505: ' AND waiting > 0 FROM backup_wal)), 't',
	'with its SQLSTATE');
is(slurp_file($other), 'other', 'nothing is overwritten');
is(scalar @{ stored($node)->{$next} }, 1, 'nothing is written beside it');
unlink $other;
is_archived($node, switch_wal($node), 'a person has resolved it');
is($node->safe_psql('postgres', $verdict), 'ok: WAL is archived.', 'and all is well');

# --- the fence --------------------------------------------------------------------

$node->set('backup_ext.fence', 'restored from elsewhere');
answers($verdict, 'critical: This cluster is fenced: restored from elsewhere', 'a fence is critical');
my $fenced = switch_wal($node);
answers(q(SELECT failure ~ '^55000: this cluster is fenced' FROM backup_wal), 't', 'a fenced cluster');
is(stored($node)->{$fenced}, undef, 'archives nothing');
$node->set('backup_ext.fence', '');
is_archived($node, switch_wal($node), 'without the fence it does');

# --- what the installation says ------------------------------------------------------

$node->safe_psql('postgres', q(ALTER SYSTEM SET archive_command = 'false'));
$node->reload;
answers(q(SELECT hint ~ 'archive_command' FROM backup_check() WHERE NOT ok AND check_name = 'one way to archive is set'),
	't', 'two ways to archive are one too many');
$node->safe_psql('postgres', 'ALTER SYSTEM RESET archive_command');
$node->reload;

is($node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()'), $started, 'the server did not restart');
same_files($node, 'every file is still what the server wrote');
$node->stop;

# --- without preloading -----------------------------------------------------------------

my $plain = BackupExt->new('plain');
$plain->init;
$plain->append_conf('postgresql.conf', "$conf\nshared_preload_libraries = ''\n");
$plain->start;
$plain->safe_psql('postgres', 'CREATE EXTENSION backup_ext');
program_runs('pg_backup_ext', 'init', '-D', $plain->data_dir);
$wal = switch_wal($plain);
is_archived($plain, $wal, 'the library archives where it was not preloaded');
is($plain->safe_psql('postgres', q(SELECT state, archived_count > 0, plain_size IS NULL FROM backup_wal)),
	'ok|t|t', 'the numbers of PostgreSQL are shown');
same_files($plain, 'the files are right there, too');
answers('SELECT state FROM backup_wal_state(true, 0, 0)', 'ok', 'that serves base backups', $plain);
$plain->safe_psql('postgres', q(ALTER SYSTEM SET archive_command = 'true'));
$plain->safe_psql('postgres', q(ALTER SYSTEM SET archive_library = ''));
$plain->reload;
answers(q(SELECT state, reason ~ 'something else' FROM backup_wal_state(true, 0, 0)), 'warning|t',
	'what another command archives does not', $plain);
$plain->safe_psql('postgres', 'ALTER SYSTEM RESET archive_command');
$plain->safe_psql('postgres', q(ALTER SYSTEM SET archive_library = 'backup_extt'));
$plain->reload;
answers(q(SELECT detail ~ 'archive_library' FROM backup_check() WHERE NOT ok AND check_name = 'archiver is running'),
	't', 'a library that is not there is seen', $plain);
$plain->stop;

done_testing();
