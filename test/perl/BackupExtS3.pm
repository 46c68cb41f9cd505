# BackupExtS3.pm - a real S3 server for a test file (test/s3_server.sh), and a
# small client of our own that looks at what is in it.
#
#   my $s3 = BackupExtS3->start;         # ends with the test
#   $s3->make_bucket('b');
#   $s3->url('b', 'a/prefix')            # for backup_ext.repository and --repo
#   $s3->credentials                     # a file for --credentials-file
#
# The client signs by itself, so that it can do what the program never does.
package BackupExtS3;

use strict;
use warnings;

use Cwd qw(realpath);
use Digest::SHA qw(sha256_hex hmac_sha256 hmac_sha256_hex);
use FindBin;
use HTTP::Tiny;
use POSIX qw(strftime);
use PostgreSQL::Test::Utils;
use Test::More;

my @servers;

# --- the server --------------------------------------------------------------

# Starts a server, or skips the whole test file where Ceph is not installed.
sub start
{
	my ($class) = @_;
	my $dir = realpath(PostgreSQL::Test::Utils::tempdir_short());
	my $log = "$dir/start.log";
	my $status = system("sh test/s3_server.sh start $dir/s3 $$ >$log 2>&1") >> 8;

	plan(skip_all => slurp_file($log)) if $status == 3;
	my $self = bless { dir => "$dir/s3", pid => $$, http => HTTP::Tiny->new(timeout => 120) }, $class;
	push @servers, $self;
	die 'no S3 server: ' . slurp_file($log) if $status != 0;
	chomp($self->{port} = slurp_file("$dir/s3/port"));
	chomp($self->{tls_port} = slurp_file("$dir/s3/tls_port"));
	$self->{endpoint} = "http://127.0.0.1:$self->{port}";
	@$self{qw(id secret)} = read_credentials($self->credentials);
	return $self;
}

sub stop
{
	my ($self) = @_;
	system('sh', 'test/s3_server.sh', 'stop', $self->{dir});
	return;
}

# A child that was forked must not take the servers with it.
END
{
	my $status = $?;
	$_->stop for grep { $_->{pid} == $$ } @servers;
	$? = $status;
}

sub credentials { return "$_[0]{dir}/credentials"; }
sub ca_file { return "$_[0]{dir}/ca.pem"; }

# A further user, who has no buckets; returns the credentials file.
sub make_user
{
	my ($self, $name) = @_;
	system('sh', 'test/s3_server.sh', 'user', $self->{dir}, $name) == 0 or die "no user $name";
	return "$self->{dir}/$name.credentials";
}

# The URL of a repository: endpoint is that of the server, or a proxy's.
# Options are added as they are.
sub url
{
	my ($self, $bucket, $prefix, %option) = @_;
	my %all = (
		endpoint => $self->{endpoint}, region => 'us-east-1', style => 'path', %option);

	return "s3://$bucket/$prefix?" . join('&', map { "$_=$all{$_}" } sort grep { defined $all{$_} } keys %all);
}

# The same over TLS, with the authority that signed the server's certificate.
sub tls_url
{
	my ($self, $bucket, $prefix, %option) = @_;

	return $self->url($bucket, $prefix, endpoint => "https://localhost:$self->{tls_port}",
		ca_file => $self->ca_file, %option);
}

# --- the client --------------------------------------------------------------

sub read_credentials
{
	my ($file) = @_;
	my ($id, $secret) = slurp_file($file) =~ /^aws_access_key_id = (\S+)\naws_secret_access_key = (\S+)$/m
	  or die "no credentials in $file";
	return ($id, $secret);
}

sub encode
{
	my ($text, $keep) = @_;
	$keep //= '';
	$text =~ s/([^A-Za-z0-9_.~$keep-])/sprintf '%%%02X', ord $1/ge;
	return $text;
}

# A key as a listing with encoding-type=url has it.
sub decode
{
	my ($text) = @_;
	my %entity = (amp => "&", lt => "<", gt => ">", quot => "\"", apos => "'");

	$text =~ s{&(\w+);}{$entity{$1}}g;
	$text =~ tr{+}{ };
	$text =~ s{%(..)}{chr hex $1}ge;
	return $text;
}

# Signs and sends a request. path is not encoded, without a slash before it.
# Options: query and headers (hashes), body, credentials (a file of another
# user). Returns what HTTP::Tiny does.
sub request
{
	my ($self, $method, $path, %option) = @_;
	my $body = $option{body} // '';
	my ($id, $secret) = $option{credentials} ? read_credentials($option{credentials}) : @$self{qw(id secret)};
	my $now = time();
	my $day = strftime('%Y%m%d', gmtime $now);
	my $date = strftime('%Y%m%dT%H%M%SZ', gmtime $now);
	my %query = %{ $option{query} // {} };
	my $query = join '&', map { encode($_) . '=' . encode($query{$_}) } sort keys %query;
	my %header = (
		%{ $option{headers} // {} },
		'x-amz-date' => $date,
		'x-amz-content-sha256' => sha256_hex($body));
	my %signed = (%header, host => "127.0.0.1:$self->{port}");
	my $names = join ';', sort keys %signed;
	my $text = join "\n", $method, '/' . encode($path, '/'), $query,
	  (map { "$_:$signed{$_}" } sort keys %signed), '', $names, $header{'x-amz-content-sha256'};
	my $scope = "$day/us-east-1/s3/aws4_request";
	my $key = "AWS4$secret";
	$key = hmac_sha256($_, $key) for split m{/}, $scope;
	my $signature = hmac_sha256_hex("AWS4-HMAC-SHA256\n$date\n$scope\n" . sha256_hex($text), $key);

	$header{authorization} =
	  "AWS4-HMAC-SHA256 Credential=$id/$scope, SignedHeaders=$names, Signature=$signature";
	return $self->{http}->request($method,
		"$self->{endpoint}/" . encode($path, '/') . ($query eq '' ? '' : "?$query"),
		{ headers => \%header, content => $body });
}

# The same, but what is refused is a fault of the test; returns the body.
sub ask
{
	my ($self, $method, $path, %option) = @_;
	my $answer = $self->request($method, $path, %option);

	die "$method $path: $answer->{status} $answer->{content}" if !$answer->{success};
	return $answer->{content};
}

# Options: lock => 1 for a bucket whose objects can be locked.
sub make_bucket
{
	my ($self, $bucket, %option) = @_;
	$self->ask('PUT', $bucket,
		headers => $option{lock} ? { 'x-amz-bucket-object-lock-enabled' => 'true' } : {});
	return;
}

sub put { $_[0]->ask('PUT', "$_[1]/$_[2]", body => $_[3]); return; }
sub get { return $_[0]->ask('GET', "$_[1]/$_[2]"); }
sub remove { $_[0]->ask('DELETE', "$_[1]/$_[2]"); return; }

# All keys of a bucket that begin so, in the store's order.
sub keys_of
{
	my ($self, $bucket, $prefix) = @_;
	my %query = ('list-type' => 2, prefix => $prefix // '', 'encoding-type' => 'url');
	my @keys;

	while (1)
	{
		my $xml = $self->ask('GET', $bucket, query => \%query);
		push @keys, map { decode($_) } $xml =~ m{<Key>([^<]*)</Key>}g;
		last if $xml !~ m{<NextContinuationToken>([^<]+)<};
		$query{'continuation-token'} = $1;
	}
	return @keys;
}

# The keys of multipart uploads that are neither complete nor aborted.
sub uploads_of
{
	my ($self, $bucket) = @_;
	return $self->ask('GET', $bucket, query => { uploads => '' }) =~ m{<Key>([^<]*)</Key>}g;
}

# What a bucket holds, as key => digest of the bytes.
sub contents_of
{
	my ($self, $bucket, $prefix) = @_;
	return { map { $_ => sha256_hex($self->get($bucket, $_)) } $self->keys_of($bucket, $prefix) };
}

1;
