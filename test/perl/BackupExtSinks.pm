package BackupExtSinks;

# Receivers of alarms on loopback: an HTTP server and a mail server. Each is a
# process of its own that keeps what it gets in a file, one JSON object per
# line, and answers as the test wants it at the moment.
use strict;
use warnings;
use IO::Socket::INET;
use JSON::PP;
use MIME::Base64 qw(decode_base64);
use PostgreSQL::Test::Utils;

# my $sink = BackupExtSinks->http; my $sink = BackupExtSinks->smtp;
sub http { return start(@_, \&answer_http); }
sub smtp { return start(@_, \&answer_smtp); }

sub start
{
	my ($class, $answer) = @_;
	my $dir = PostgreSQL::Test::Utils::tempdir();
	my $self = bless { dir => $dir, answer => $answer }, $class;

	$self->listen(0);
	return $self;
}

# Begins, or goes on at the same port after an outage.
sub listen
{
	my ($self, $port) = @_;
	my $socket = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
		LocalPort => $port, Listen => 20, ReuseAddr => 1) or die "no socket: $!";

	$self->{port} = $socket->sockport;
	$self->{pid} = fork() // die "no process: $!";
	return if $self->{pid} != 0;
	$SIG{TERM} = sub { POSIX::_exit(0) };
	while (1)
	{
		my $client = $socket->accept or next;
		eval { $self->{answer}->($self, $client); 1 } or warn $@;
		close $client;
	}
}

sub port { return $_[0]->{port}; }

# The receiver is away; until it comes back.
sub stop
{
	my ($self) = @_;

	return if !$self->{pid};
	kill 'TERM', $self->{pid};
	waitpid($self->{pid}, 0);
	delete $self->{pid};
	return;
}

sub come_back { return $_[0]->listen($_[0]->{port}); }

# From now on it answers with this status.
sub answer_with { my ($self, $status) = @_; return $self->keep('status', '>', $status); }

# All that was taken, in its order.
sub taken
{
	my ($self) = @_;

	return map { decode_json($_) } split /\n/, $self->content('taken');
}

# Waits until it has taken so many; returns them.
sub wait_taken
{
	my ($self, $count) = @_;

	for (1 .. 600)
	{
		my @taken = $self->taken;
		return @taken if @taken >= $count;
		select(undef, undef, undef, 0.1);
	}
	die "the sink has taken " . scalar($self->taken) . " and not $count";
}

sub content
{
	my ($self, $name) = @_;
	my $path = "$self->{dir}/$name";

	return -e $path ? slurp_file($path) : '';
}

sub keep
{
	my ($self, $name, $mode, $text) = @_;

	open(my $file, $mode, "$self->{dir}/$name") or die "could not write: $!";
	print $file $text;
	return close($file);
}

sub take
{
	my ($self, $what) = @_;
	return $self->keep('taken', '>>', JSON::PP->new->canonical->utf8->encode($what) . "\n");
}

# --- HTTP ---------------------------------------------------------------------

sub answer_http
{
	my ($self, $client) = @_;
	my ($method, $path) = split / /, <$client> // return;
	my %headers;
	my $body = '';

	while (defined(my $line = <$client>))
	{
		$line =~ s/\r?\n//;
		last if $line eq '';
		$headers{ lc $1 } = $2 if $line =~ /^([^:]+):\s*(.*)/;
	}
	read($client, $body, $headers{'content-length'}) if $headers{'content-length'};
	my $status = $self->content('status') || 200;
	$self->take({ method => $method, path => $path, headers => \%headers,
		body => $body eq '' ? undef : decode_json($body) }) if $status == 200;
	print $client "HTTP/1.1 $status x\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
	return;
}

# --- mail (RFC 5321, RFC 4954) --------------------------------------------------

sub answer_smtp
{
	my ($self, $client) = @_;
	my %mail = (to => []);
	my $say = sub { print $client "$_[0]\r\n" };

	$say->('220 sink ready');
	while (defined(my $line = <$client>))
	{
		$line =~ s/\r\n$// or die 'a line does not end with CRLF';
		if ($line =~ /^EHLO /i) { $say->("250-sink\r\n250-AUTH PLAIN LOGIN\r\n250 8BITMIME"); }
		elsif ($line =~ /^AUTH PLAIN(?: (\S+))?/i)
		{
			my $word = $1;
			if (!defined $word) { $say->('334 '); $word = <$client>; }
			(undef, @mail{ 'user', 'password' }) = split /\0/, decode_base64($word);
			$say->($self->content('status') eq '535' ? '535 wrong password' : '235 ok');
		}
		elsif ($line =~ /^MAIL FROM:<(.*?)>/i) { $mail{from} = $1; $say->('250 ok'); }
		elsif ($line =~ /^RCPT TO:<(.*?)>/i)
		{
			push @{ $mail{to} }, $1;
			$say->($self->content('status') eq '550' ? '550 nobody here' : '250 ok');
		}
		elsif ($line =~ /^DATA/i) { $say->('354 go on'); $mail{data} = read_mail($client); $self->take(\%mail); $say->('250 taken'); }
		elsif ($line =~ /^QUIT/i) { $say->('221 bye'); return; }
		else { $say->('502 what?'); }
	}
	return;
}

# Up to the line with a dot; what was doubled at the begin of a line is not.
sub read_mail
{
	my ($client) = @_;
	my $data = '';

	while (defined(my $line = <$client>))
	{
		$line =~ s/\r\n$/\n/ or die 'a line of a mail does not end with CRLF';
		return $data if $line eq ".\n";
		$line =~ s/^\.//;
		$data .= $line;
	}
	die 'a mail has no end';
}

sub DESTROY
{
	my ($self) = @_;
	local ($?, $!);

	$self->stop if $self->{pid};
	return;
}

1;
