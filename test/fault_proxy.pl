# fault_proxy.pl --to HOST:PORT --dir DIRECTORY
#
# A process between a program and an HTTP server that plays faults. It listens
# on loopback at a port of its own, writes that into DIRECTORY/port, and ends
# with the process that started it. What it did is in DIRECTORY/log, one JSON
# object per request; DIRECTORY/begun has what has come. What it is to do is in DIRECTORY/rules, a JSON object
# that is read anew for every request (test/perl/BackupExtProxy.pm writes it):
#
#   latency   seconds before each request, and before each new connection
#   rate      bytes per second of each connection, in both directions
#   random    { seed, share }: that share of the requests meets a passing fault
#   rules     list; the first one that fits a request is played
#
# A rule fits by regular expressions "method" and "target" (path and query as
# they are in the request), the n-th fitting request ("from", 1) and a number
# of times ("times"; without it, always). What it plays:
#
#   answer         { status, headers, body, body_file }: the server is not asked
#   instead        the same, after the server has done what was asked
#   repeat         in answer: the body is sent that many times
#   endless        in answer: after the status line come headers, for ever
#   early          in answer: it is sent before the body of the request is read
#   drop           the server does it, the connection is reset without answer
#   cut_request    connection reset after that many bytes of the request
#   cut_answer     … of the answer; "head": all but the body, "last": all but
#                  the last byte
#   truncate       that many bytes of the body are sent, and the length is
#                  "kept", "rewritten" or "chunked" (chunks, and no last one):
#                  { at, length }
#   flip           one bit of the body's byte at that offset (-1: the last)
#   swap           a file whose bytes stand in place of the body
#   stall_request  nothing more goes on after that many bytes of the body
#   stall_answer   … of the answer's body
#   without        names of request headers that are taken out
#   set            headers of the answer that are replaced (null: taken out)
#   keys           a list request is answered as if there were that many keys
use strict;
use warnings;

use Digest::MD5 qw(md5);
use Fcntl qw(:flock);
use Getopt::Long qw(GetOptions);
use IO::Poll ();
use IO::Socket::INET;
use JSON::PP ();
use Socket qw(SOL_SOCKET SO_LINGER IPPROTO_TCP TCP_NODELAY);
use Time::HiRes qw(sleep stat time);

my $CHUNK = 65536;
my $POLLRDHUP = 0x2000;    # the other side has closed (Linux, poll(2))
my %option;
GetOptions(\%option, 'to=s', 'dir=s') && $option{to} && $option{dir} or die "usage: see $0\n";
my $coder = JSON::PP->new->utf8->canonical->allow_nonref;
my ($parent, $proxy) = (getppid(), $$);
my %known;    # rules

# --- the process that listens --------------------------------------------------

$SIG{PIPE} = 'IGNORE';
$SIG{CHLD} = 'IGNORE';
setpgrp(0, 0);
$SIG{TERM} = $SIG{INT} = sub { local $SIG{TERM} = 'IGNORE'; kill 'TERM', -$$; exit 0; };
my $listener = IO::Socket::INET->new(Listen => 128, LocalAddr => '127.0.0.1', ReuseAddr => 1)
  or die "could not listen: $@\n";
save('port', $listener->sockport . "\n");

while (getppid() == $parent)
{
	my $ready = '';
	vec($ready, fileno $listener, 1) = 1;
	next if select($ready, undef, undef, 0.5) <= 0;
	my $client = $listener->accept or next;
	rules();
	my $child = fork() // die "could not fork: $!\n";
	next if $child != 0;
	@SIG{qw(TERM INT)} = ('DEFAULT') x 2;
	close $listener;
	setsockopt($client, IPPROTO_TCP, TCP_NODELAY, 1);
	serve({ socket => $client, buffer => '' });
	exit 0;
}
kill 'TERM', -$$;

# Writes a file that appears whole.
sub save
{
	my ($name, $text) = @_;
	open(my $file, '>', "$option{dir}/$name.new") or die "$name: $!\n";
	print $file $text;
	close $file or die "$name: $!\n";
	rename("$option{dir}/$name.new", "$option{dir}/$name") or die "$name: $!\n";
	return;
}

# --- a connection ---------------------------------------------------------------

sub serve
{
	my ($client) = @_;

	sleep(rules()->{latency} // 0);
	while (my $request = read_head($client))
	{
		my $rule = choose($request);
		note('begun', { map { $_ => $request->{$_} } qw(number method target) });
		my $did = eval { play($client, $request, $rule) };
		my $error = $@;
		record($request, $rule, $client, $error);
		last if !$did;
	}
	return;
}

# Does what the rule says. False: the connection is at its end.
sub play
{
	my ($client, $request, $rule) = @_;

	sleep($rule->{latency});
	$client->{status} = undef;
	$client->{sent} = 0;
	$client->{fuse} = undef;
	if (defined $rule->{cut_request} && $rule->{cut_request} <= length $request->{raw})
	{
		return reset_connection($client);
	}
	if ($rule->{answer} || $rule->{keys})
	{
		pass_body($client, undef, $request, {}) if !($rule->{answer} // {})->{early};
		return send_answer($client, $request, $rule->{keys} ? list($request, $rule->{keys}) : $rule->{answer}, $rule);
	}
	my $server = { buffer => '', socket => IO::Socket::INET->new(PeerAddr => $option{to}) };
	die "no server: $@" if !$server->{socket};
	setsockopt($server->{socket}, IPPROTO_TCP, TCP_NODELAY, 1);
	my $lines = $request->{lines};
	for my $name ('connection', 'expect', @{ $rule->{without} // [] })
	{
		$lines = [ grep { !/^\Q$name\E:/i } @$lines ];
	}
	transmit($server, join("\r\n", $request->{first}, @$lines, 'Connection: close', '', ''));
	pass_body($client, $server, $request, $rule) or return reset_connection($client);
	my $answer;
	do { $answer = read_head($server) or return reset_connection($client) }
	  while $answer->{first} =~ m{^HTTP/1.1 1};
	return reset_connection($client) if $rule->{drop};
	if ($rule->{instead})
	{
		read_some($server) while !defined $server->{end};
		return send_answer($client, $request, $rule->{instead}, $rule);
	}
	return forward_answer($client, $server, $request, $answer, $rule);
}

# Sends what the server has answered, with what the rule changes about it.
sub forward_answer
{
	my ($client, $server, $request, $answer, $rule) = @_;
	my $head_only = $request->{method} eq 'HEAD' || $answer->{first} =~ / (?:204|304) /;
	my $length = $head_only ? 0 : $answer->{chunked} ? undef : $answer->{length};
	my ($swap, $truncate) = ($rule->{swap}, $rule->{truncate});
	my $chunked = !$head_only && !defined $length;
	my @lines = grep { !/^(?:connection|transfer-encoding|content-length):/i } @{ $answer->{lines} };

	($client->{status}) = $answer->{first} =~ / (\d+)/;
	for my $name (sort keys %{ $rule->{set} // {} })
	{
		@lines = grep { !/^\Q$name\E:/i } @lines;
		push @lines, "$name: $rule->{set}{$name}" if defined $rule->{set}{$name};
	}
	my $take = $swap || !$head_only ? body_source($server, $answer, $swap, $request) : sub { return '' };
	if ($swap && !$head_only)
	{
		$length = -s $swap;
		$chunked = 0;
	}
	my $end = $length;
	if ($truncate && !$head_only)
	{
		$end = $truncate->{at};
		$chunked = 1 if $truncate->{length} eq 'chunked';
		$length = $end if $truncate->{length} eq 'rewritten';
	}
	push @lines, $chunked ? 'Transfer-Encoding: chunked' : 'Content-Length: ' . ($head_only ? $answer->{length} // 0 : $length);
	my $head = join("\r\n", $answer->{first}, @lines, '', '');
	set_fuse($client, $rule->{cut_answer}, length $head, $length);
	transmit($client, $head) or return 0;
	return 1 if $head_only;

	my $at = 0;
	while (!defined $end || $at < $end)
	{
		my $bytes = $take->();
		last if $bytes eq '';
		$bytes = substr($bytes, 0, $end - $at) if defined $end && $at + length $bytes > $end;
		my $flip = $rule->{flip};
		$flip = $length - 1 if defined $flip && $flip < 0;
		substr($bytes, $flip - $at, 1) ^= "\x10"
		  if defined $flip && $flip >= $at && $flip < $at + length $bytes;
		if (defined $rule->{stall_answer} && $at + length $bytes > $rule->{stall_answer})
		{
			transmit($client, substr($bytes, 0, $rule->{stall_answer} - $at));
			return stall($client);
		}
		$at += length $bytes;
		$bytes = sprintf("%x\r\n%s\r\n", length $bytes, $bytes) if $chunked;
		slowly($client, $bytes, $rule->{rate}) or return 0;
	}
	return 0 if $truncate;
	transmit($client, "0\r\n\r\n") if $chunked;
	return 1;
}

# A function that gives the bytes of a body: the server's, or a file's, of
# which a request may want a range.
sub body_source
{
	my ($server, $answer, $swap, $request) = @_;

	if (!defined $swap)
	{
		@$server{qw(left chunked)} = @$answer{qw(length chunked)};
		return sub { return read_body($server) };
	}
	open(my $file, '<:raw', $swap) or die "$swap: $!";
	local $/;
	my $bytes = <$file>;
	my ($range) = map { /^range: *bytes=(\d+)-/i ? $1 : () } @{ $request->{lines} };
	$bytes = substr($bytes, $range) if $range && $range < length $bytes;
	return sub { return substr($bytes, 0, $CHUNK, '') };
}

sub send_answer
{
	my ($client, $request, $answer, $rule) = @_;
	my $body = $answer->{body} // '';
	my %header = %{ $answer->{headers} // {} };

	if (defined $answer->{body_file})
	{
		open(my $file, '<:raw', $answer->{body_file}) or die "$answer->{body_file}: $!";
		local $/;
		$body = <$file>;
	}
	utf8::encode($body) if utf8::is_utf8($body);
	$client->{status} = $answer->{status};
	my $repeat = $answer->{repeat} // 1;
	my $head = "HTTP/1.1 $answer->{status} as told\r\n"
	  . join('', map { "$_: $header{$_}\r\n" } sort keys %header)
	  . ($header{'Content-Length'} ? '' : 'Content-Length: ' . $repeat * length($body) . "\r\n") . "\r\n";
	set_fuse($client, $rule->{cut_answer}, length $head, length $body);
	if ($answer->{endless})
	{
		transmit($client, "HTTP/1.1 $answer->{status} as told\r\n");
		1 while transmit($client, 'X-More: ' . 'more' x 1000 . "\r\n");
		return 0;
	}
	transmit($client, $head) or return 0;
	return 1 if $request->{method} eq 'HEAD' && !$answer->{early};
	while ($repeat-- > 0)
	{
		slowly($client, $body, $rule->{rate}) or return 0;
	}
	return !$answer->{early};
}

# A page of a bucket that has so many keys (ListObjectsV2).
sub list
{
	my ($request, $keys) = @_;
	my ($prefix) = $request->{target} =~ /[?&]prefix=([^&]*)/;
	my ($from) = $request->{target} =~ /[?&]continuation-token=([^&]*)/;
	my ($bucket) = $request->{target} =~ m{^/([^/?]*)};
	$prefix //= '';
	s/%(..)/chr hex $1/ge for $prefix, $from //= '0';
	$from =~ s/\D//g;
	my $to = $from + 1000 < $keys ? $from + 1000 : $keys;
	my $body = "<?xml version=\"1.0\"?><ListBucketResult><Name>$bucket</Name><Prefix>$prefix</Prefix>"
	  . join('', map { sprintf '<Contents><Key>%skey%09d</Key><Size>%d</Size>'
		  . '<LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>', $prefix, $_, $_ } $from .. $to - 1)
	  . ($to < $keys ? "<IsTruncated>true</IsTruncated><NextContinuationToken>+/=$to</NextContinuationToken>"
		: '<IsTruncated>false</IsTruncated>')
	  . '</ListBucketResult>';
	return { status => 200, body => $body };
}

# --- bytes ------------------------------------------------------------------------

# Reads the head of a message; nothing at the end of the connection.
sub read_head
{
	my ($peer) = @_;

	while ($peer->{buffer} !~ /\r\n\r\n/)
	{
		return if !read_more($peer);
	}
	$peer->{buffer} =~ s/^(.*?\r\n\r\n)//s;
	my $raw = $1;
	my ($first, @lines) = split /\r\n/, $raw;
	my ($method, $target) = split / /, $first;
	my ($length) = map { /^content-length: *(\d+)/i ? $1 : () } @lines;
	return { raw => $raw, first => $first, lines => \@lines, method => $method, target => $target,
		length => $length, chunked => scalar grep { /^transfer-encoding: *chunked/i } @lines };
}

sub read_more
{
	my ($peer) = @_;
	my $got = sysread($peer->{socket}, $peer->{buffer}, $CHUNK, length $peer->{buffer});
	$peer->{end} = 1 if !$got;
	return $got;
}

# The next bytes of a body, at most $CHUNK; '' at its end, or where the
# connection ends.
sub read_some
{
	my ($peer) = @_;
	read_more($peer) if $peer->{buffer} eq '';
	return substr($peer->{buffer}, 0, $CHUNK, '');
}

sub read_body
{
	my ($peer) = @_;

	if ($peer->{chunked} && !$peer->{left})
	{
		while ($peer->{buffer} !~ /^(?:\r\n)?([0-9a-f]+)[^\r]*\r\n/i)
		{
			return '' if !read_more($peer);
		}
		$peer->{buffer} =~ s/^(?:\r\n)?([0-9a-f]+)[^\r]*\r\n//i;
		$peer->{left} = hex $1;
	}
	return '' if defined $peer->{left} && $peer->{left} == 0;
	read_more($peer) if $peer->{buffer} eq '';
	my $size = defined $peer->{left} && $peer->{left} < $CHUNK ? $peer->{left} : $CHUNK;
	my $bytes = substr($peer->{buffer}, 0, $size, '');
	$peer->{left} -= length $bytes if defined $peer->{left};
	return $bytes;
}

# Passes the body of a request on, or takes it from its sender where there is
# no server. False where the rule cuts it.
sub pass_body
{
	my ($client, $server, $request, $rule) = @_;
	my $left = $request->{length} // 0;
	my $stall = $rule->{stall_request};
	my $cut = defined $rule->{cut_request} ? $rule->{cut_request} - length $request->{raw} : undef;
	my $at = 0;

	while ($left > 0)
	{
		return stall($client) if defined $stall && $at >= $stall;
		return 0 if defined $cut && $at >= $cut;
		read_more($client) or return 0 if $client->{buffer} eq '';
		my $bytes = substr($client->{buffer}, 0, $left < $CHUNK ? $left : $CHUNK, '');
		$left -= length $bytes;
		$at += length $bytes;
		slowly($server, $bytes, $rule->{rate}) or return 0 if $server;
	}
	return 1;
}

# Sends bytes, and no more than the fuse allows: then the connection is reset.
sub transmit
{
	my ($peer, $bytes) = @_;
	my $blown = defined $peer->{fuse} && length $bytes > $peer->{fuse};

	$bytes = substr($bytes, 0, $peer->{fuse}) if $blown;
	$peer->{fuse} -= length $bytes if defined $peer->{fuse};
	for (my $at = 0; $at < length $bytes;)
	{
		my $sent = syswrite($peer->{socket}, $bytes, length($bytes) - $at, $at) or return 0;
		$at += $sent;
		$peer->{sent} += $sent;
	}
	return reset_connection($peer) if $blown;
	return 1;
}

sub slowly
{
	my ($peer, $bytes, $rate) = @_;

	return transmit($peer, $bytes) if !$rate;
	while ($bytes ne '')
	{
		my $piece = substr($bytes, 0, 1 + $rate / 20, '');
		transmit($peer, $piece) or return 0;
		sleep(length($piece) / $rate);
	}
	return 1;
}

sub set_fuse
{
	my ($client, $cut, $head, $body) = @_;

	return if !defined $cut;
	$client->{fuse} = $cut eq 'head' ? $head : $cut eq 'last' ? $head + $body - 1 : $cut;
	return;
}

# The other side gets a reset, not an end. Returns false.
sub reset_connection
{
	my ($peer) = @_;
	setsockopt($peer->{socket}, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0));
	close $peer->{socket};
	return 0;
}

# Does nothing until the other side goes away; what it still sends stays where
# it is. Returns false.
sub stall
{
	my ($client) = @_;
	my $poll = IO::Poll->new;

	$poll->mask($client->{socket} => $POLLRDHUP);
	1 while $poll->poll(1) == 0 && getppid() == $proxy;
	return 0;
}

# --- what to do ---------------------------------------------------------------------

# They are kept until the file is another one; who listens reads them for all.
sub rules
{
	my @file = stat "$option{dir}/rules" or return {};
	my $version = "@file[1, 7, 9]";

	if (!$known{version} || $known{version} ne $version)
	{
		open(my $file, '<', "$option{dir}/rules") or return {};
		local $/;
		%known = (version => $version, rules => $coder->decode(<$file>));
	}
	return $known{rules};
}

# The rule for a request. Counts are common to all connections: they are in a
# file, and begin anew with each set of rules.
sub choose
{
	my ($request) = @_;
	my $rules = rules();
	my %rule = (latency => $rules->{latency} // 0, rate => $rules->{rate});

	open(my $file, '+>>', "$option{dir}/counts") or die "counts: $!";
	flock($file, LOCK_EX);
	seek($file, 0, 0);
	my $text = do { local $/; <$file> };
	my $counts = $text ? $coder->decode($text) : {};
	$counts = { id => $rules->{id}, number => $counts->{number} } if ($counts->{id} // '') ne ($rules->{id} // '');
	$request->{number} = ++$counts->{number};
	$counts->{since}++;
	my $chosen = 0;
	my $rest = $rules->{rules} // [];
	for my $i (0 .. $#$rest)
	{
		my $fits = $rest->[$i];
		my ($method, $target) = ($fits->{method} // '.*', $fits->{target} // '.');
		next if $request->{method} !~ /^(?:$method)$/ || $request->{target} !~ /$target/;
		my $n = ++$counts->{"rule $i"};
		my $from = $fits->{from} // 1;
		next if $n < $from || (defined $fits->{times} && $n >= $from + $fits->{times});
		%rule = (%rule, %$fits);
		$chosen = 1;
		last;
	}
	%rule = (%rule, by_chance($request, $rules->{random}, $counts->{since})) if !$chosen && $rules->{random};
	truncate($file, 0);
	print $file $coder->encode($counts);
	close $file;
	return \%rule;
}

# Faults that pass, chosen by seed and number of the request. Only an object's
# bytes are changed: nothing could tell a store's lie about its listing.
sub by_chance
{
	my ($request, $random, $number) = @_;
	my ($chance, $which, $where) = unpack 'NNN', md5("$random->{seed} $number");

	return if $chance / 2**32 >= $random->{share};
	my $length = length($request->{raw}) + ($request->{length} // 0);
	my $error = '<?xml version="1.0"?><Error><Code>%s</Code><Message>try again</Message></Error>';
	my @faults = (
		{ answer => { status => 503, body => sprintf($error, 'SlowDown') } },
		{ answer => { status => 500, body => sprintf($error, 'InternalError') } },
		{ answer => { status => 429, headers => { 'Retry-After' => 1 }, body => '' } },
		{ answer => { status => 502, body => '<html>bad gateway</html>' } },
		{ answer => { status => 200, body => sprintf($error, 'InternalError') } },
		{ drop => 1 },
		{ cut_request => $where % $length },
		{ cut_answer => $where % 400 },
		{ cut_answer => 'head' },
		{ truncate => { at => $where % 1000, length => 'kept' } },
		{ instead => { status => 500, body => sprintf($error, 'InternalError') } },
		{ $request->{method} eq 'GET' && $request->{target} !~ /[?&]list/ ? (flip => $where % 300) : (drop => 1) });
	return %{ $faults[ $which % @faults ] };
}

sub record
{
	my ($request, $rule, $client, $error) = @_;
	my %header = map { /^([^:]+): *(.*)$/ ? (lc $1, $2) : () } @{ $request->{lines} };
	my %line = (
		time => sprintf('%.3f', time), number => $request->{number},
		method => $request->{method}, target => $request->{target},
		length => $request->{length}, headers => \%header,
		status => $client->{status}, sent => $client->{sent});

	$line{error} = $error if $error;
	$line{fault} = join ' ', grep { !/^(?:latency|rate|method|target|from|times|number)$/ } sort keys %$rule;
	note('log', \%line);
	return;
}

sub note
{
	my ($name, $line) = @_;
	open(my $log, '>>', "$option{dir}/$name") or die "$name: $!";
	syswrite($log, $coder->encode($line) . "\n");
	close $log;
	return;
}
