# BackupExtFaults.pm - a server with a repository and programs of its own, for
# tests that break something.
#
# The programs are a private copy: a test may replace them, and a process that
# is left over can be told from those of every other server by the path of its
# program. PostgreSQL finds its libraries and its share directory relative to
# its own place, so links are enough for those.
package BackupExtFaults;

use strict;
use warnings;

use Cwd qw(realpath);
use Digest::SHA;
use Exporter qw(import);
use Fcntl qw(:mode);
use File::Basename qw(dirname basename);
use File::Copy qw(copy);
use File::Find ();
use File::Path qw(make_path);
use IPC::Run ();
use Time::HiRes qw(time usleep);

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(wait_for tree slurp spew state_of is_gone);

our $PATIENCE = 60;    # seconds until a wait has failed

my @PROGRAMS = qw(postgres initdb pg_ctl pg_config pg_controldata pg_dump
  pg_dumpall pg_restore pg_backup_ext pg_upgrade pg_resetwal vacuumdb);

# --- programs ---------------------------------------------------------------

# Makes a private copy of the programs of an installation, given by its
# pg_config, and returns its root: what install_path expects.
sub private_programs
{
	my ($pg_config) = @_;
	my %dir;
	for my $what (qw(bindir sharedir pkglibdir))
	{
		chomp($dir{$what} = qx{$pg_config --$what});
		die "$pg_config --$what: $?" if $? != 0;
	}

	# The common part of the three paths becomes a temporary directory.
	my $common = dirname($dir{bindir});
	for my $path (@dir{qw(sharedir pkglibdir)})
	{
		$common = dirname($common) while index("$path/", "$common/") != 0 && $common ne '/';
	}
	my $root = realpath(PostgreSQL::Test::Utils::tempdir_short());
	my %own = map { $_ => $root . substr($dir{$_}, $common eq '/' ? 0 : length $common) } keys %dir;
	make_path($own{bindir}, dirname($own{sharedir}), dirname($own{pkglibdir}));
	symlink($dir{$_}, $own{$_}) or die "symlink $own{$_}: $!" for qw(sharedir pkglibdir);
	for my $name (@PROGRAMS)
	{
		next unless -e "$dir{bindir}/$name";
		copy("$dir{bindir}/$name", "$own{bindir}/$name") or die "copy $name: $!";
		chmod 0755, "$own{bindir}/$name";
	}
	symlink("$dir{bindir}/psql", "$own{bindir}/psql");
	return dirname($own{bindir});
}

# --- server -----------------------------------------------------------------

# Makes a server that is ready for backups. Options:
#   conf => text for postgresql.conf
#   preload => 0, extension => 0, repository => 0: leave that out
#   programs => root of a private copy, else one is made
#   init => arguments of init()
#   start => 0: do not start it
sub new
{
	my ($class, $name, %option) = @_;
	my $programs = $option{programs} // private_programs($option{pg_config} // 'pg_config');
	my $node = PostgreSQL::Test::Cluster->new($name, install_path => $programs);
	my $place = realpath(PostgreSQL::Test::Utils::tempdir_short());
	my $self = bless {
		node => $node,
		name => $name,
		bin => "$programs/bin",
		programs => $programs,
		place => $place,
		repo => "$place/repo",
	}, $class;

	$node->init(%{ $option{init} // {} });
	$node->append_conf('postgresql.conf', <<"END");
backup_ext.repository = 'file://$self->{repo}'
wal_sender_timeout = 0
END
	$node->append_conf('postgresql.conf', "shared_preload_libraries = 'backup_ext'\n")
	  if $option{preload} // 1;
	$node->append_conf('postgresql.conf', $option{conf}) if defined $option{conf};
	return $self if !($option{start} // 1);
	$node->start;
	$self->sql('CREATE EXTENSION backup_ext') if $option{extension} // 1;
	if ($option{repository} // $option{preload} // 1)
	{
		$self->wait_launcher;
		$self->sql('SELECT backup_repository_create()');
	}
	return $self;
}

sub node { return $_[0]{node}; }
sub repo { return $_[0]{repo}; }

# Runs SQL in the home database, dies on an error, and returns the output.
sub sql
{
	my ($self, $sql, $database) = @_;
	my ($status, $out, $err) = $self->try_sql($sql, $database);
	die "failed: $sql\n$err" if $status != 0;
	return $out;
}

# Runs SQL; returns psql's status, its output, and its errors in full.
sub try_sql
{
	my ($self, $sql, $database, %option) = @_;
	my ($status, $out, $err) = $self->{node}->psql(
		$database // 'postgres', $sql,
		timeout => $PATIENCE,
		extra_params => [ '-v', 'VERBOSITY=verbose' ],
		%option);
	return ($status, $out, $err);
}

# A test: SQL fails with this SQLSTATE, message, and (options) detail, hint.
sub fails
{
	my ($self, $sql, $sqlstate, $message, $name, %want) = @_;
	my (undef, undef, $err) = $self->try_sql($sql, $want{database});
	return error_is($err, $sqlstate, $message, $name, %want);
}

# A test of the text of an error, as psql prints it when it is verbose.
sub error_is
{
	my ($err, $sqlstate, $message, $name, %want) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($state, $primary) = $err =~ /^(?:psql:\S+ )?(?:ERROR|FATAL):  (\w{5}): (.*)$/m;
	my ($detail) = $err =~ /^DETAIL:  (.*?)^LOCATION: /ms;
	my ($hint) = $err =~ /^.*^HINT:  ([^\n]*)/ms;
	my $good = ($state // '') eq $sqlstate && $primary =~ $message
	  && (!defined $want{detail} || ($detail // '') =~ $want{detail})
	  && (!defined $want{hint} || ($hint // '') =~ $want{hint});
	ok($good, $name)
	  or diag("expected $sqlstate $message ", join(' ', %want), "\ngot: $err");
	return $good;
}

sub backup { return $_[0]->sql('SELECT backup_now(' . ($_[1] // '') . ')'); }

sub start_time { return $_[0]->sql('SELECT pg_postmaster_start_time()'); }

# Sets a setting for all and waits until new sessions have it.
sub set
{
	my ($self, $name, $value) = @_;
	$self->sql("ALTER SYSTEM SET $name = '$value'");
	$self->sql('SELECT pg_reload_conf()');
	$self->wait_sql("SELECT current_setting('$name') = '$value'", "$name is set");
}

sub wait_launcher
{
	my ($self) = @_;
	return $self->wait_sql(
		q(SELECT ok FROM backup_check() WHERE check_name = 'launcher is running'),
		'the launcher runs');
}

# Waits until SQL answers "t" (or what is wanted).
sub wait_sql
{
	my ($self, $sql, $what, $wanted) = @_;
	$wanted //= 't';
	my $last = '';
	wait_for(
		sub {
			my ($status, $out, $err) = $self->try_sql($sql);
			$last = $out . $err;
			return $status == 0 && $out eq $wanted;
		},
		"$what: $sql") or diag("last answer: $last");
	return;
}

# Waits until a function returns true, and returns that; fails a test if not.
sub wait_for
{
	my ($done, $what, $patience) = @_;
	my $end = time() + ($patience // $PATIENCE);
	while (1)
	{
		my $result = $done->();
		return $result if $result;
		last if time() > $end;
		usleep(20_000);
	}
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	fail("waited in vain until $what");
	return;
}

# --- sessions ---------------------------------------------------------------

# Starts psql with some SQL in the background.
sub begin
{
	my ($self, $sql, $database) = @_;
	my $session = { out => '', err => '', file => "$self->{place}/sql" . ++$self->{sessions} };
	my $conninfo = $self->{node}->connstr($database // 'postgres');
	local $ENV{PGAPPNAME} = 'faults';
	spew($session->{file}, $sql);
	$session->{run} = IPC::Run::start(
		[ "$self->{bin}/psql", '-XAtq', '-v', 'VERBOSITY=verbose', '-v', 'ON_ERROR_STOP=1',
			'-d', $conninfo, '-f', $session->{file} ],
		'<', \undef, '>', \$session->{out}, '2>', \$session->{err},
		IPC::Run::timeout(2 * $PATIENCE));
	return $session;
}

# Starts a session that runs SQL and stays open, idle, until end() is called.
sub open_session
{
	my ($self, $sql, $database) = @_;
	my $session = { in => '', out => '', err => '' };
	my $conninfo = $self->{node}->connstr($database // 'postgres');
	$session->{run} = IPC::Run::start(
		[ "$self->{bin}/psql", '-XAtq', '-v', 'VERBOSITY=verbose', '-d', $conninfo ],
		'<', \$session->{in}, '>', \$session->{out}, '2>', \$session->{err});
	say_to($session, $sql);
	return $session;
}

# Lets an open session run SQL, waits for its end, and returns the output.
sub say_to
{
	my ($session, $sql) = @_;
	$session->{out} = '';
	$session->{in} .= "$sql;\n\\echo -end-\n";
	wait_for(
		sub { $session->{run}->pump_nb; return $session->{out} =~ s/^-end-\n//m; },
		"a session has run: $sql");
	chomp(my $out = $session->{out});
	return $out;
}

# Waits for the end of a session; returns psql's status, output and errors.
sub end
{
	my ($session) = @_;
	eval { $session->{run}->finish; 1 } or fail("a session has ended: $@"), $session->{run}->kill_kill;
	return ($session->{run}->result(0) // $?, $session->{out}, $session->{err});
}

# --- processes --------------------------------------------------------------

# Process ids of the programs of this server, other than the server itself;
# with a name, of those only. Scripts count by their path.
sub processes
{
	my ($self, $name) = @_;
	my @found;
	for my $entry (glob '/proc/[0-9]*')
	{
		my $exe = readlink("$entry/exe") // next;
		open(my $file, '<', "$entry/cmdline") or next;
		local $/;
		my @words = split /\0/, <$file> // '';
		close($file);
		my ($path) = grep { index($_, "$self->{bin}/") == 0 } $exe, grep { defined } @words[0, 1];
		next if !defined $path;
		$path =~ s/ \(deleted\)$//;
		my $program = basename($path);
		next if $program =~ /^(?:postgres|pg_ctl|psql)$/;
		next if defined $name && $program !~ /^\Q$name\E(?:\.real)?$/;
		next if is_gone(basename($entry));
		push @found, basename($entry);
	}
	return @found;
}

# The letter that ps shows for the state of a process; empty: it is gone.
sub state_of
{
	my ($pid) = @_;
	open(my $file, '<', "/proc/$pid/stat") or return '';
	my $line = <$file> // '';
	close($file);
	return $line =~ /\) (\S)/ ? $1 : '';
}

# Has a process ended? Nobody may have asked for it yet.
sub is_gone { return state_of($_[0]) =~ /^[ZX]?$/; }

# Waits for a program to be there and returns its process id.
sub wait_process
{
	my ($self, $name) = @_;
	my @found;
	wait_for(sub { @found = $self->processes($name); return scalar @found; }, "$name runs");
	return $found[0];
}

# Like wait_process, but a program that has come and gone unseen is no failure.
sub glimpse_process
{
	my ($self, $name) = @_;
	my $end = time() + 2;
	while (time() <= $end)
	{
		my @found = $self->processes($name);
		return $found[0] if @found;
	}
	return;
}

# Waits until none of the programs is there any more.
sub wait_no_process
{
	my ($self, $patience) = @_;
	return wait_for(sub { return !$self->processes; }, 'no program is left over', $patience);
}

# Replaces a program by a shell script; the original is kept as NAME.real.
sub replace
{
	my ($self, $name, $script) = @_;
	my $path = "$self->{bin}/$name";
	rename($path, "$path.real") or die "rename $path: $!" if !-e "$path.real";
	unlink "$path.new";
	spew("$path.new", "#!/bin/sh\nreal=$path.real\n$script");
	chmod 0755, "$path.new";
	rename("$path.new", $path) or die "rename $path: $!";
	return;
}

# Brings the original back; scripts that run may still call it.
sub bring_back
{
	my ($self, $name) = @_;
	my $path = "$self->{bin}/$name";
	unlink "$path.new";
	link("$path.real", "$path.new") or die "link $path: $!";
	rename("$path.new", $path) or die "rename $path: $!";
	return;
}

# Lets pg_dump wait at its start until release_dump() is called.
sub hold_dump
{
	my ($self) = @_;
	spew("$self->{place}/hold", '');
	unlink "$self->{place}/held";
	$self->replace('pg_dump', <<"END");
case "\$*" in -V | --version) exec \$real "\$@" ;; esac
: >$self->{place}/held
while [ -e $self->{place}/hold ]; do sleep 0.02; done
exec \$real "\$@"
END
	return;
}

# Waits until a dump is held.
sub wait_held
{
	my ($self) = @_;
	return wait_for(sub { -e "$self->{place}/held" }, 'the dump has begun');
}

# Lets held dumps, and those to come, go on.
sub release_dump
{
	my ($self) = @_;
	$self->bring_back('pg_dump') if -e "$self->{bin}/pg_dump.real";
	unlink "$self->{place}/hold", "$self->{place}/held";
	return;
}

# --- repository -------------------------------------------------------------

# All that is below a directory: path to type, mode and digest.
sub tree
{
	my ($root) = @_;
	my %tree;
	return \%tree if !-e $root;
	File::Find::find(
		{
			no_chdir => 1,
			wanted => sub {
				my @stat = lstat($_) or return;
				my $text = sprintf('%o %d', $stat[2], S_ISDIR($stat[2]) ? 0 : $stat[7]);
				$text .= ' ' . Digest::SHA->new(256)->addfile($_)->hexdigest
				  if S_ISREG($stat[2]) && -r $_;
				$tree{ substr($_, length $root) } = $text;
			}
		},
		$root);
	return \%tree;
}

# Ids of the backups that are listed in a repository.
sub listed
{
	my ($self, $repo) = @_;
	$repo //= $self->{repo};
	my @ids = sort map { basename($_, q(.json)) } glob("$repo/manifest/*.json");
	return @ids;
}

# What there is in a repository that belongs to no listed backup.
sub leftovers
{
	my ($self, $repo) = @_;
	$repo //= $self->{repo};
	my %listed = map { $_ => 1 } $self->listed($repo);
	my @found;
	for my $path (sort keys %{ tree($repo) })
	{
		push @found, $path if $path =~ m{/\.tmp-} || $path =~ m{^/intent/.};
		push @found, $path
		  if $path =~ m{^/(?:backup|note)/([^/]+)$} && !$listed{$1};
	}
	return @found;
}

# A test: no process, temporary file or half backup is left, and no run open.
sub is_clean
{
	my ($self, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$self->wait_no_process(15);
	$self->wait_closed;
	my $databases = $self->sql(
		q(SELECT string_agg(datname, ' ') FROM pg_database WHERE datname LIKE '%\_restoring\_%'));
	return is_deeply([ $self->leftovers, $databases ], [''], "$name: nothing is left over");
}

# Waits until no run is open.
sub wait_closed
{
	my ($self) = @_;
	$self->wait_sql(
		q(SELECT count(*) FROM backup_run WHERE state IN ('queued', 'running')),
		'all runs are closed', 0);
	return;
}

# A test: the newest run ended in this state, with SQLSTATE and message.
sub last_run_is
{
	my ($self, $state, $sqlstate, $message, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$self->wait_closed;
	my $row = $self->sql(
		q(SELECT concat_ws(' ', state, sqlstate, message) FROM backup_run
		  WHERE finished_at IS NOT NULL AND verb <> 'check' ORDER BY run DESC LIMIT 1));
	return like($row, qr/^\Q$state\E \Q$sqlstate\E .*$message/s, $name);
}

# A test: the server's log knows of no crash.
sub no_crash
{
	my ($self, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my @lines = grep {
		/PANIC:|LOG:  .* was terminated by signal|LOG:  .* exited with exit code [2-9]|TRAP:/
	} split /\n/, slurp($self->{node}->logfile);
	return is_deeply(\@lines, [], "$name: no process of the server crashed");
}

# A test: the catalogue and the repository agree, and every backup is readable.
sub all_readable
{
	my ($self, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$self->sql('SELECT backup_sync()');
	my $known = $self->sql(q(SELECT string_agg(id, ' ' ORDER BY id COLLATE "C") FROM backup_list()));
	is($known, join(' ', $self->listed), "$name: the catalogue has what the repository lists");
	my $bad = $self->sql(
		q(SELECT string_agg(l.id || ' ' || v.check_name || ' ' || v.detail, E'\n')
		  FROM backup_list() AS l, LATERAL backup_verify(l.id) AS v WHERE NOT v.ok));
	return is($bad, '', "$name: every listed backup is readable");
}

# --- files ------------------------------------------------------------------

sub slurp
{
	my ($path) = @_;
	open(my $file, '<', $path) or die "$path: $!";
	local $/;
	return scalar <$file>;
}

sub spew
{
	my ($path, $text) = @_;
	open(my $file, '>', $path) or die "$path: $!";
	print $file $text;
	close($file) or die "$path: $!";
	return;
}

1;
