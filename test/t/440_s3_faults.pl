# An S3 store that fails, lies and dawdles, played by a proxy before a real one.
# Whatever it does: what is reported as stored is there, byte by byte; what is
# read is right or refused; nothing half done can be seen; and every wait ends.
#
# Single operations on the store (test/tool/store.c) are tried, all at the same
# time: each has a key of its own, by which the proxy knows it. None may need
# more memory than $MEMORY. With S3_FAULTS=all there are more of them, which
# take minutes.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";

use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

use BackupExtProxy;
use BackupExtS3;

my $TOGETHER = 12;      # operations under way at a time
my $MEMORY = 256 * 1024 * 1024;
my $all = ($ENV{S3_FAULTS} // '') eq 'all';
my $PART = 8 * 1024 * 1024;

my $s3 = BackupExtS3->start;
my $proxy = BackupExtProxy->start($s3->{port});
my $place = PostgreSQL::Test::Utils::tempdir_short();
my $url = $s3->url('faults', 'a%20prefix', endpoint => $proxy->{endpoint});
my $slow_down = '<?xml version="1.0"?><Error><Code>SlowDown</Code><Message>Reduce your rate</Message></Error>';

$s3->make_bucket('faults');

# One part, two parts of which the last is short, and three.
my %bytes = (
	small => random_bytes(100_000), medium => random_bytes(7_000_000),
	large => random_bytes($PART + 500_000), huge => random_bytes(2 * $PART + 100_000));
for my $size (keys %bytes)
{
	write_file("$place/$size", $bytes{$size});
}

sub random_bytes
{
	my ($length) = @_;
	open(my $random, '<:raw', '/dev/urandom') or die;
	read($random, my $bytes, $length) == $length or die;
	return $bytes;
}

sub write_file
{
	my ($path, $bytes) = @_;
	open(my $file, '>:raw', $path) or die "$path: $!";
	print $file $bytes;
	close($file) or die "$path: $!";
	return;
}

# --- operations ------------------------------------------------------------------

# Starts an operation; returns what finish() wants.
sub start_operation
{
	my ($name, @arguments) = @_;
	my $pid = fork() // die "could not fork: $!";

	if ($pid == 0)
	{
		open(STDOUT, '>', "$place/$name.out");
		open(STDERR, '>', "$place/$name.err");
		{ exec('prlimit', "--data=$MEMORY", 'build/test/tool/store', '--credentials', $s3->credentials, @arguments); }
		POSIX::_exit(127);
	}
	return $pid;
}

sub operation
{
	my ($name, @arguments) = @_;
	my $pid = start_operation($name, @arguments);

	waitpid($pid, 0);
	return ($? >> 8, slurp_file("$place/$name.out"), slurp_file("$place/$name.err"));
}

# A case is a name, the size of its object, what it is to end with ('': it
# succeeds; else what its error says), and the rules of the proxy. The name is
# the key, and the rules' "target" if they have none.
my @cases;
sub new_case
{
	my ($verb, $name, $size, $error, @rules) = @_;
	my $target = "/$name(?:\\?|\$)";

	return { verb => $verb, name => $name, size => $size, error => $error, url => $url,
		rules => [ map { { target => $target, %$_ } } @rules ] };
}
sub put_case { push @cases, new_case('put', @_); return; }
sub get_case { push @cases, new_case('get', @_); return; }

my %running;

# Starts cases, not all at once if there are many.
sub begin_cases
{
	my ($through, @begun) = @_;

	$_->{verb} eq 'get' && $s3->put('faults', "a prefix/$_->{name}", $bytes{ $_->{size} }) for @begun;
	$through->play(map { @{ $_->{rules} } } @begun);
	for my $case (@begun)
	{
		reap() while keys %running >= $TOGETHER;
		my $file = $case->{verb} eq 'put' ? "$place/$case->{size}" : "$place/got-$case->{name}";
		$running{ start_operation($case->{name}, $case->{url}, $case->{verb}, $case->{name}, $file) } = $case;
	}
	return;
}

sub end_cases
{
	my (@begun) = @_;

	reap() while grep { !defined $_->{status} } @begun;
	my %stored = map { $_ => 1 } $s3->keys_of('faults', 'a prefix/');
	judge($_, \%stored) for @begun;
	return;
}

# Waits for the end of one.
sub reap
{
	my $case = delete $running{ wait() } or return;
	$case->{status} = $? >> 8;
	return;
}

sub is_stored
{
	my ($case) = @_;
	return $s3->get('faults', "a prefix/$case->{name}") eq $bytes{ $case->{size} };
}

sub judge
{
	my ($case, $stored) = @_;
	my $name = "$case->{verb} $case->{name}";
	my $said = slurp_file("$place/$case->{name}.err");
	my $got = "$place/got-$case->{name}";

	if ($case->{error} eq '')
	{
		is($case->{status}, 0, "$name: succeeds") or diag($said);
	}
	else
	{
		ok($case->{status} == 1 && $said =~ /$case->{error}/s, "$name: fails and says why")
		  or diag("status $case->{status}: $said");
	}
	ok($case->{verb} eq 'get' ? slurp_file($got) eq $bytes{ $case->{size} } : is_stored($case), "$name: byte by byte")
	  if $case->{status} == 0;
	# Of an upload whose answers were lost the object may be there, but whole.
	ok($case->{verb} eq 'get' ? !-e $got : !$stored->{"a prefix/$case->{name}"} || is_stored($case), "$name: nothing half is left")
	  if $case->{status} != 0;
	unlink $got;
	return;
}

# The end of a multipart upload: POST with an uploadId.
my %complete = (method => 'POST', target => 'uploadId');
sub complete
{
	my ($name, %rule) = @_;
	return { %complete, target => "/$name\\?.*uploadId", %rule };
}

# --- S01: an answer that is no success, whatever its status ------------------------

my $error = '<?xml version="1.0" encoding="UTF-8"?><Error><Code>InternalError</Code><Message>We encountered an internal error</Message></Error>';
my %lies = (
	error => $error,
	truncated => '<?xml version="1.0"?><CompleteMultipartUploadResult><Bucket>faults</Bucket><ETag>"x',
	empty => '',
	space => " \n \n",
	html => '<!DOCTYPE html><html><body>Please log in to the network</body></html>',
	binary => join('', map { chr } 0 .. 255),
	other => '<?xml version="1.0"?><ListBucketResult/>',
	'no-etag' => '<?xml version="1.0"?><CompleteMultipartUploadResult/>');
for my $lie (sort keys %lies)
{
	my $answer = { status => 200, body => $lies{$lie} };
	put_case("complete-lie-$lie", 'large', '', complete("complete-lie-$lie", answer => $answer, times => 1));
	put_case("complete-done-$lie", 'large', '', complete("complete-done-$lie", instead => $answer, times => 1));
}
put_case('complete-never', 'large', '^\w{5}: ',
	complete('complete-never', answer => { status => 200, body => $error }));
put_case('complete-html', 'large', '^\w{5}: ',
	complete('complete-html', answer => { status => 200, body => $lies{html} }));
put_case('create-html', 'large', '^\w{5}: ',
	{ method => 'POST', target => '/create-html\\?uploads', answer => { status => 200, body => $lies{html} } });

# --- S03: try again later -----------------------------------------------------------

put_case('slow-down', 'small', '', { method => 'PUT', answer => { status => 503, body => $slow_down }, times => 4 });
put_case('internal', 'small', '', { answer => { status => 500, body => $error }, times => 3 });
put_case('internal-no-body', 'large', '', { method => 'PUT', answer => { status => 500 }, times => 3 });
put_case('too-many', 'small', '',
	{ method => 'PUT', answer => { status => 429, headers => { 'Retry-After' => 2 } }, times => 1 });
get_case('get-slow-down', 'large', '', { answer => { status => 503, body => $slow_down }, times => 3 });
put_case('bad-gateway', 'small', '', { answer => { status => 502, body => '<html>502</html>' }, times => 2 });
# An answer before the body was read, and the connection is gone.
put_case('slow-down-early', 'large', '',
	{ method => 'PUT', answer => { status => 503, body => $slow_down, early => 1 }, times => 2 });

# --- S04: connections that are reset ---------------------------------------------------

for my $at (0, 1, 100, 5000, 99_000)
{
	put_case("cut-request-$at", 'small', '', { method => 'PUT', cut_request => $at, times => 1 });
}
for my $at (0, 1, 50, 'head', 'last')
{
	put_case("cut-put-$at", 'small', '', { method => 'PUT', cut_answer => $at, times => 1 });
	get_case("cut-get-$at", 'small', '', { cut_answer => $at, times => 1 });
}
put_case('cut-part-late', 'large', '', { method => 'PUT', target => '/cut-part-late.*partNumber=1', cut_request => $PART, times => 2 });
put_case('cut-complete', 'large', '', complete('cut-complete', cut_answer => 0, times => 1));
put_case('drop-put', 'small', '', { method => 'PUT', drop => 1, times => 1 });
put_case('drop-part', 'large', '', { method => 'PUT', drop => 1, times => 2 });
put_case('drop-create', 'large', '', { method => 'POST', target => '/drop-create\\?uploads', drop => 1, times => 1 });
put_case('drop-complete', 'large', '', complete('drop-complete', drop => 1, times => 1));
put_case('always-cut', 'small', '^08006: .*attempts', { method => 'PUT', cut_answer => 0 });

# --- S05: less than there is -------------------------------------------------------------

for my $size (qw(small large))
{
	for my $length (qw(kept rewritten chunked))
	{
		for my $at (0, 1, 70_000)
		{
			get_case("short-$size-$length-$at", $size, '',
				{ method => 'GET', truncate => { at => $at, length => $length }, times => 1 });
		}
	}
}
get_case('short-second', 'large', '',
	{ method => 'GET', truncate => { at => 1000, length => 'rewritten' }, from => 2, times => 1 });
get_case('always-short', 'large', '^\w{5}: ', { method => 'GET', truncate => { at => 70_000, length => 'rewritten' } });
get_case('always-cut-second', 'large', '^\w{5}: ', { method => 'GET', cut_answer => 100_000, from => 2 });
# Another object under the same key in the middle of a download.
get_case('replaced', 'large', '^\w{5}: ', { method => 'GET', set => { ETag => '"0123456789abcdef0123456789abcdef"' }, from => 2 });

# --- S08: what is missing, and what is not -------------------------------------------------

sub error_answer { return { status => $_[0], body => "<Error><Code>$_[1]</Code><Message>as told</Message></Error>" }; }
get_case('no-key', 'small', '^58P01: object "no-key" does not exist', { answer => error_answer(404, 'NoSuchKey') });
get_case('no-bucket', 'small', '^55000: bucket "faults" does not exist', { answer => error_answer(404, 'NoSuchBucket') });
get_case('denied', 'small', '^42501: .*AccessDenied', { answer => error_answer(403, 'AccessDenied') });
get_case('bad-request', 'small', '^(?!58P01)\w{5}: ', { answer => error_answer(400, 'InvalidRequest') });
get_case('portal', 'small', '^(?!58P01)\w{5}: ', { answer => { status => 404, body => $lies{html} } });
get_case('plain-404', 'small', '^(?!58P01)\w{5}: ', { answer => { status => 404 } });

# --- S14, S16, S17 ---------------------------------------------------------------------------

# A store that knows nothing of conditions, and whose ETag is not an MD5.
put_case('no-conditions', 'small', '', { without => [ 'if-none-match', 'if-match' ] });
put_case('odd-etag', 'small', '', { set => { ETag => '"odd-0123456789"' } });
put_case('encrypted', 'large', '');
$cases[-1]{url} = $s3->url('faults', 'a%20prefix', endpoint => $proxy->{endpoint}, sse => 'aws:kms', sse_key_id => 'a-key');

# --- S29: too much of everything ---------------------------------------------------------------

put_case('endless', 'small', '^(?:54000|08006): ', { method => 'PUT', answer => { status => 200, endless => 1 } });
get_case('huge-error', 'small', '^\w{5}: ',
	{ method => 'GET', answer => { status => 403, body => 'x' x 1024, repeat => 1024 * 1024, early => 1 } });
get_case('bomb', 'small', '^\w{5}: ', { method => 'GET', answer => { status => 403, body =>
	'<!DOCTYPE e [<!ENTITY a "aaaaaaaaaa">' . join('', map { my $x = chr(ord('a') + $_); my $y = chr(ord('b') + $_);
		"<!ENTITY $y \"" . "&$x;" x 10 . '">' } 0 .. 9) . ']><Error><Code>&k;</Code></Error>' } });
write_file("$place/deep", '<Error>' . '<a>' x 100_000);
get_case('deep', 'small', '^\w{5}: ', { method => 'GET', answer => { status => 403, body_file => "$place/deep" } });

# --- S05, S27: stalls, and links that are only slow -----------------------------------------

# These take half a minute, in which all others are tried.
my $slow_proxy = BackupExtProxy->start($s3->{port});
my @slow = (
	new_case('put', 'slow-link', 'medium', '', { rate => 210_000 }),
	new_case('get', 'stall', 'large', '', { method => 'GET', stall_answer => 50_000, times => 1 }));
if ($all)
{
	push @slow,
	  new_case('put', 'slower-link', 'large', '', { rate => 125_000 }),
	  new_case('get', 'get-slower-link', 'large', '', { rate => 125_000 }),
	  new_case('put', 'stall-put', 'large', '', { method => 'PUT', stall_request => 50_000, times => 1 }),
	  new_case('put', 'stall-complete', 'large', '', complete('stall-complete', stall_answer => 10, times => 1));
	put_case("cut-request-$_", 'small', '', { method => 'PUT', cut_request => $_, times => 1 })
	  for map { $_ * 997 } 1 .. 100;
	get_case("cut-large-$_", 'large', '', { cut_answer => $_, times => 3 }) for map { $_ * 331_337 } 1 .. 25;
	put_case("cut-large-request-$_", 'large', '', { method => 'PUT', cut_request => $_, times => 3 })
	  for map { $_ * 331_337 } 0 .. 24;
}
$_->{url} = $s3->url('faults', 'a%20prefix', endpoint => $slow_proxy->{endpoint}) for @slow;
begin_cases($slow_proxy, @slow);
end_cases(@slow) if $all;
begin_cases($proxy, @cases);
end_cases(@cases);
# Nobody has learnt the name of one.
is_deeply([ $s3->uploads_of('faults') ], ['a prefix/drop-create'], 'no upload is left over');

# How often the server was asked, and what for.
my @attempts = $proxy->requests('PUT', qr{/slow-down\?|/slow-down$});
is(scalar(grep { $_->{status} == 503 } @attempts), 4, 'SlowDown: four refusals');
cmp_ok(scalar @attempts, '<=', 6, 'SlowDown: are not answered with a flood');

# --- operations that are not about one object -------------------------------------------------

sub succeeds
{
	my ($name, @arguments) = @_;
	my ($status, $out, $err) = operation('single', @arguments);

	is($status, 0, $name) or diag($err);
	return $out;
}

sub fails
{
	my ($name, $error, @arguments) = @_;
	my ($status, $out, $err) = operation('single', @arguments);

	return ok($status == 1 && $err =~ /$error/s, $name) || diag("status $status: $err");
}

# S10: more than a page of keys, and keys that have to be encoded
my @odd = map { "odd/$_" } 'a b', 'a+b', 'a~b', 'a=b&c', 'a%2Fb', "\xc3\xbc", 'a;b,c:d@e', q{a'b"c}, 'a<b>&amp;', 'a*(b)!$', 'a?b#c';
$s3->put('faults', "list/$_", '') for map { sprintf 'n/%04d', $_ } 1 .. 1100;
$proxy->play;
for my $key (@odd)
{
	succeeds("$key is put", $url =~ s/a%20prefix/list/r, 'put', $key, "$place/small");
}
my $listed = succeeds('more than a page is listed', $url =~ s/a%20prefix/list/r, 'list', '');
is_deeply([ map { (split /\t/)[0] } split /\n/, $listed ],
	[ sort((map { sprintf 'n/%04d', $_ } 1 .. 1100), @odd) ], 'in byte order');
for my $key (@odd)
{
	succeeds("$key is read", $url =~ s/a%20prefix/list/r, 'get', $key, "$place/odd");
	ok(slurp_file("$place/odd") eq $bytes{small}, "$key: byte by byte");
}
my $many = $all ? 1_000_000 : 20_000;
$proxy->play({ method => 'GET', keys => $many });
is(scalar(() = succeeds('many keys are listed', $url, 'list', 'x') =~ /\n/g), $many, 'all of them');

# A listing that is cut, or is none, is not the end of it.
for my $bad (
	{ truncate => { at => 700, length => 'rewritten' } }, { answer => { status => 200, body => '' } },
	{ answer => { status => 200, body => $lies{html} } }, { answer => { status => 200, body => $error } })
{
	$proxy->play({ method => 'GET', %$bad, times => 2 });
	is(succeeds('a bad listing is asked for again', $url =~ s/a%20prefix/list/r, 'list', 'odd'),
		succeeds('a good listing', $s3->url('faults', 'list'), 'list', 'odd'), 'a bad listing is not believed');
}

# S20: what cannot be removed is named, and the rest is removed
$s3->put('faults', "a prefix/remove/$_", 'x') for 1 .. 3;
my $kept = '<?xml version="1.0"?><DeleteResult><Deleted><Key>a prefix/remove/1</Key></Deleted>'
  . '<Error><Key>a prefix/remove/2</Key><Code>AccessDenied</Code><Message>locked</Message></Error>'
  . '<Deleted><Key>a prefix/remove/3</Key></Deleted></DeleteResult>';
$proxy->play({ method => 'POST', target => '[?&]delete', answer => { status => 200, body => $kept } });
fails('an error for one key of many', '^42501: .*remove/2.*AccessDenied', $url, 'remove', map { "remove/$_" } 1 .. 3);
for my $bad ({ status => 200, body => '' }, { status => 200, body => $error }, { status => 200, body => $lies{html} })
{
	$proxy->play({ method => 'POST', target => '[?&]delete', answer => $bad, times => 1 });
	succeeds('an answer that is none', $url, 'remove', map { "remove/$_" } 1 .. 3);
	is_deeply([ $s3->keys_of('faults', 'a prefix/remove/') ], [], 'an answer that is none is not believed');
	$s3->put('faults', "a prefix/remove/$_", 'x') for 1 .. 3;
}
$proxy->play({ method => 'DELETE|POST', answer => error_answer(403, 'AccessDenied') });
fails('nothing may be removed', '^42501: .*AccessDenied', $url, 'remove', 'remove/1');
is(scalar(my @kept = $s3->keys_of('faults', 'a prefix/remove/')), 3, 'and nothing is');

# A wait ends at once when it should.
$s3->put('faults', 'a prefix/stopped', $bytes{small});
$proxy->play({ method => 'GET', stall_answer => 1000 });
my $pid = start_operation('stopped', $url, 'get', 'stopped', "$place/stopped");
usleep(20_000) until $proxy->waiting(qr/stopped/);
kill 'TERM', $pid;
waitpid($pid, 0);
like(slurp_file("$place/stopped.err"), qr/^57014: /, 'a stalled transfer can be stopped');

# --- S14: a process is killed in the middle of an upload ----------------------------------------

$proxy->play({ method => 'PUT', target => 'partNumber=3', stall_request => 0 });
$pid = start_operation('killed', $url, 'put', 'killed/object', "$place/huge");
usleep(20_000) until $proxy->count('PUT', qr/partNumber=[12]/) == 2;
kill 'KILL', $pid;
waitpid($pid, 0);
is_deeply([ $s3->uploads_of('faults') ], [ map { "a prefix/$_" } qw(drop-create killed/object) ], 'killed: the upload is there');
ok(!grep({ m{killed/object} } $s3->keys_of('faults')), 'killed: the object is not');
$s3->ask('POST', 'faults/another prefix/killed/object', query => { uploads => '' });
$proxy->play;
succeeds('killed: looked at at once', $url, 'sweep', '');
is(scalar(my @still = $s3->uploads_of('faults')), 3, 'killed: its owner could still be alive');
succeeds('killed: its owner is known to be dead', $url, 'sweep-dead', 'killed');
is_deeply([ sort $s3->uploads_of('faults') ], [ 'a prefix/drop-create', 'another prefix/killed/object' ],
	'killed: then it goes at once');
# A day later, as the store has it.
$proxy->play({ set => { Date => POSIX::strftime('%a, %d %b %Y %H:%M:%S GMT', gmtime(time + 25 * 3600)) } });
succeeds('killed: looked at a day later', $url, 'sweep', '');
is_deeply([ $s3->uploads_of('faults') ], ['another prefix/killed/object'], 'killed: it is gone, and nothing else is');

# --- S23, X15: where the way leads ----------------------------------------------------------------

my $sink = BackupExtProxy->start($s3->{port});
{
	local @ENV{qw(http_proxy https_proxy HTTPS_PROXY all_proxy ALL_PROXY)} = ($sink->{endpoint}) x 5;
	local @ENV{qw(CURL_CA_BUNDLE SSL_CERT_FILE AWS_CA_BUNDLE)} = ('/nonexistent') x 3;
	local $ENV{HOME} = $place;
	write_file("$place/.netrc", "default login me password secret\n");
	succeeds('the environment leads nowhere else', $s3->url('faults', 'list'), 'stat', 'n/0001');
	succeeds('nor does it with TLS', $s3->tls_url('faults', 'list'), 'stat', 'n/0001');
	is($sink->count, 0, 'a proxy of the environment is not asked');
}
fails('a certificate that nobody knows', '^08001: .*certificate.*ca_file', $s3->tls_url('faults', 'list', ca_file => undef), 'list', '');
for my $endpoint ('file:///etc', 'gopher://127.0.0.1', 'http://169.254.169.254', 'http://%2Ftmp%2Fsocket', 'ftp://127.0.0.1',
	'http://user:secret@127.0.0.1', 'http://[fe80::1]')
{
	fails("endpoint $endpoint", '^22023: (?!.*secret)', $s3->url('faults', 'list', endpoint => $endpoint), 'list', '');
}

end_cases(@slow) if !$all;
done_testing();
