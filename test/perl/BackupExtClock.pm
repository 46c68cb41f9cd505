# BackupExtClock.pm - a test server whose clock the test sets.
#
# The server runs with a library preloaded that moves the wall clock of all its
# processes (test/tool/clock_shim.c). What the server spawns has an environment
# built from nothing, and so not that library: pg_backup_ext is, in a private
# copy of the programs, a script that preloads it again. So all that the server
# and the program call now is the test's; what pg_dump calls now is not.
package BackupExtClock;

use strict;
use warnings;
use parent 'BackupExt';

use BackupExtFaults ();
use Cwd ();
use POSIX ();
use PostgreSQL::Test::Utils;
use Time::HiRes ();
use Time::Local ();

my $SHIM = Cwd::abs_path('build/test/tool/clock_shim.so');
my $FULL = Cwd::abs_path('build/test/tool/full_shim.so');
my $ENTRIES = 4095;    # as in the shim

# Options: at => time at which the clock begins; with => a node whose clock and
# programs this one has as well. Others go to PostgreSQL::Test::Cluster.
sub new
{
	my ($class, $name, %option) = @_;
	my $with = delete $option{with};
	my $at = delete $option{at};
	my $programs = $with ? $with->{programs} : BackupExtFaults::private_programs('pg_config');
	my $self = $class->SUPER::new($name, install_path => $programs, %option);

	$self->{programs} = $programs;
	$self->{clock} = $with ? $with->{clock} : "$programs/clock";
	return $self if $with;
	open(my $file, '>', $self->{clock}) or die "$self->{clock}: $!";
	binmode $file;
	print $file pack('q<2', 0, 0), "\0" x (16 * $ENTRIES);
	close($file) or die "$self->{clock}: $!";
	my $program = "$programs/bin/pg_backup_ext";
	rename($program, "$program.real") or die "rename $program: $!";
	BackupExtFaults::spew($program, <<"END");
#!/bin/sh
LD_PRELOAD='$SHIM $FULL' BK_CLOCK='$self->{clock}' BK_FULL='$programs/full' exec '$program.real' "\$@"
END
	chmod 0755, $program;
	$self->set_clock($at) if defined $at;
	return $self;
}

# Clocks that jump end connections that are fine, and begin work that no test
# waits for. The keeper is waited for by what the log says of it.
sub init
{
	my ($self, %params) = @_;

	$self->SUPER::init(%params);
	$self->append_conf('postgresql.conf', <<'END');
wal_sender_timeout = 0
wal_receiver_timeout = 0
checkpoint_timeout = 1d
autovacuum = off
log_min_messages = debug1
log_statement = none
END
	return;
}

sub start
{
	my ($self, %params) = @_;

	local $ENV{LD_PRELOAD} = $SHIM;
	local $ENV{BK_CLOCK} = $self->{clock};
	return $self->SUPER::start(%params);
}

sub restart
{
	my ($self) = @_;

	local $ENV{LD_PRELOAD} = $SHIM;
	local $ENV{BK_CLOCK} = $self->{clock};
	return $self->SUPER::restart;
}

# From now on the program finds the file system of a directory full; without
# one, there is room again.
sub fill
{
	my ($self, $directory) = @_;
	my $full = "$self->{programs}/full";

	return unlink $full if !defined $directory;
	BackupExtFaults::spew("$full.new", Cwd::abs_path($directory));
	rename "$full.new", $full or die "rename $full: $!";
	return;
}

# Runs the program under the server's clock.
sub program
{
	my ($self, @arguments) = @_;

	local $ENV{PATH} = "$self->{programs}/bin:$ENV{PATH}";
	return $self->SUPER::program(@arguments);
}

# --- the clock --------------------------------------------------------------

# Now, in seconds since 1970.
sub now { return Time::HiRes::time() + ($_[0]{offset} // 0); }

# A time as 2026-03-01T02:00:00Z, in seconds since 1970.
sub seconds
{
	my ($text) = @_;
	my @part = $text =~ /^(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d))?Z$/
	  or die "no time: $text";

	return Time::Local::timegm_modern($part[5] // 0, @part[4, 3, 2], $part[1] - 1, $part[0]);
}

# Sets the clock, to such a text or to seconds. It goes on from there.
sub set_clock
{
	my ($self, $time) = @_;
	my $real = Time::HiRes::time();

	$time = seconds($time) if $time =~ /Z$/;
	$self->{offset} = $time - $real;
	open(my $file, '+<', $self->{clock}) or die "$self->{clock}: $!";
	binmode $file;
	sysread($file, my $head, 8) == 8 or die "$self->{clock}: $!";
	my $count = unpack('q<', $head);
	die 'the clock was set too often' if $count >= $ENTRIES;

	# what is written is there before it counts
	sysseek($file, 16 + 16 * $count, 0);
	syswrite($file, pack('q<2', map { POSIX::floor($_ * 1e6) * 1000 } $real, $self->{offset}));
	sysseek($file, 0, 0);
	syswrite($file, pack('q<', $count + 1));
	close($file);

	# the kernel takes the time of files from a clock that ticks
	Time::HiRes::usleep(10_000);
	return;
}

sub advance { return $_[0]->set_clock($_[0]->now + $_[1]); }

# Waits until all that is due at this moment is done: the keeper has looked, and
# neither it nor a run has left anything to do. The clock goes on meanwhile.
sub settle
{
	my ($self) = @_;
	my $session = $self->session('postgres');
	my $end = Time::HiRes::time() + $PostgreSQL::Test::Utils::timeout_default;
	my $look;

	# A look counts that began when all runs had ended, and began none.
	do
	{
		my $open;

		die 'there is no end to what is due' if Time::HiRes::time() > $end;
		while (($open = runs_of($session))->[0] > 0 && Time::HiRes::time() < $end)
		{
			Time::HiRes::usleep(20_000);
		}
		$self->look($session);
		$look = $open->[0] == 0 && runs_of($session)->[1] == $open->[1];
	} while (!$look);
	$session->end;
	return;
}

# How many runs are open, and the number of the last one.
sub runs_of
{
	my ($session) = @_;

	return [ split /\|/, $session->query(<<'END') ];
SELECT count(*) FILTER (WHERE state IN ('queued', 'running')), COALESCE(max(run), 0) FROM backup_run
END
}

# Has the keeper look, and waits until it has. One that had begun before may not
# have seen the present time; where it has ended meanwhile, another is asked for.
sub look
{
	my ($self, $session) = @_;
	my $log = $self->logfile;
	my $looked = qr/keeper has looked; it looks again (?!soon)/;
	my $end = Time::HiRes::time() + $PostgreSQL::Test::Utils::timeout_default;
	my ($from, $text);

	while (Time::HiRes::time() < $end)
	{
		if (!defined $text || $text =~ $looked)
		{
			$from = -s $log;
			defined $session ? $session->query('SELECT pg_reload_conf()') : $self->reload;
		}
		Time::HiRes::usleep(5_000);
		$text = PostgreSQL::Test::Utils::slurp_file($log, $from);
		return if $text =~ /starting background worker process "backup_ext keeper".*$looked/s;
	}
	die 'the keeper does not look';
}

1;
