# BackupExtProxy.pm - the fault proxy (test/fault_proxy.pl) for a test file.
#
#   my $proxy = BackupExtProxy->start($s3->{port});
#   $proxy->play({ method => 'GET', target => 'manifest', answer => { status => 503 }, times => 2 });
#   ... $s3->url('b', 'p', endpoint => $proxy->{endpoint}) ...
#   is($proxy->count('GET', qr/manifest/), 3);
package BackupExtProxy;

use strict;
use warnings;

use Cwd qw(realpath);
use JSON::PP ();
use POSIX ();
use PostgreSQL::Test::Utils;
use Time::HiRes qw(usleep);

my $coder = JSON::PP->new->utf8->canonical;
my @proxies;

# Starts a proxy before a port of loopback; it ends with the test.
sub start
{
	my ($class, $port) = @_;
	my $dir = realpath(PostgreSQL::Test::Utils::tempdir_short());
	my $self = bless { dir => $dir, owner => $$, sets => 0, seen => 0, before => 0 }, $class;

	$self->{pid} = fork() // die "could not fork: $!";
	if ($self->{pid} == 0)
	{
		open(STDIN, '<', '/dev/null');
		{ exec('perl', 'test/fault_proxy.pl', '--to', "127.0.0.1:$port", '--dir', $dir); }
		POSIX::_exit(1);
	}
	push @proxies, $self;
	for (1 .. 500)
	{
		last if -e "$dir/port" || waitpid($self->{pid}, 1) != 0;
		usleep(20_000);
	}
	chomp($self->{port} = slurp_file("$dir/port"));
	$self->{endpoint} = "http://127.0.0.1:$self->{port}";
	return $self;
}

END
{
	my $status = $?;
	for my $proxy (grep { $_->{owner} == $$ } @proxies)
	{
		kill 'TERM', $proxy->{pid};
		waitpid($proxy->{pid}, 0);
	}
	$? = $status;
}

# Plays these rules from now on, in place of all others. Counts begin anew.
sub play
{
	my ($self, @rules) = @_;
	return $self->set(rules => \@rules);
}

# The same, with all that a file of rules can have.
sub set
{
	my ($self, %rules) = @_;

	$self->{seen} = -s "$self->{dir}/log" // 0;
	$self->{before} = -e "$self->{dir}/begun" ? () = slurp_file("$self->{dir}/begun") =~ /\n/g : 0;
	$rules{id} = ++$self->{sets};
	open(my $file, '>', "$self->{dir}/rules.new") or die "rules: $!";
	print $file $coder->encode(\%rules);
	close $file or die "rules: $!";
	rename("$self->{dir}/rules.new", "$self->{dir}/rules") or die "rules: $!";
	return;
}

# What came since the rules were set: one hash for each request that is done.
sub requests
{
	my ($self, $method, $target) = @_;

	return if !-e "$self->{dir}/log";
	my @all = map { $coder->decode($_) } split /\n/, substr(slurp_file("$self->{dir}/log"), $self->{seen});
	return grep { (!defined $method || $_->{method} =~ /^(?:$method)$/)
		&& (!defined $target || $_->{target} =~ $target) } @all;
}

sub count { return scalar(my @requests = requests(@_)); }

# How many requests are under way.
sub waiting
{
	my ($self, $target) = @_;
	my %done = map { $_->{number} => 1 } $self->requests;

	return 0 if !-e "$self->{dir}/begun";
	my @begun = map { $coder->decode($_) } split /\n/, slurp_file("$self->{dir}/begun");
	return scalar grep { $_->{number} > $self->{before} && !$done{ $_->{number} } && $_->{target} =~ $target } @begun;
}

# Those that met a fault.
sub faults { return grep { $_->{fault} ne '' } $_[0]->requests; }

1;
