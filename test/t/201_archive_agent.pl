# The archiver's child from outside: what it answers to what it is asked, when
# the repository is away, and how it ends.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use BackupExt;
use IPC::Run ();
use JSON::PP ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

my $json = JSON::PP->new->utf8;

# A cluster that is never started has a segment, which is all that is needed.
my $node = BackupExt->new('main');
$node->init(extra => [ '--encoding=UTF8', '--locale=C', '--wal-segsize=1' ]);
my $data = $node->data_dir;
my $wal = "$data/pg_wal";
my ($segment) = map { s{.*/}{}r } glob "$wal/0*";
my $repo = $node->repository;
my ($controldata) = run_command([ 'pg_controldata', $data ]);
my ($identifier) = $controldata =~ /system identifier: +(\d+)/;
command_ok([ 'pg_backup_ext', 'init', '--repo', $node->url, '-D', $data ], 'a repository');

sub request
{
	my (%arguments) = @_;

	return $json->encode({ protocol => 1, run => 0, verb => 'archive',
			arguments => { repository => $node->url, system_identifier => $identifier,
				data_directory => $data, fence => '', compression => 'lz4', jobs => 2, %arguments } }) . "\n";
}

sub start_agent
{
	my (%arguments) = @_;
	my $agent = { in => request(%arguments), out => '', err => '', read => 0 };

	$agent->{run} = IPC::Run::start([ 'pg_backup_ext', 'archive-agent' ],
		'<', \$agent->{in}, '>', \$agent->{out}, '2>', \$agent->{err},
		init => sub { chdir $data or die },
		IPC::Run::timeout(60));
	is(next_event($agent)->{event}, 'hello', 'hello');
	return $agent;
}

# The next event that is not about progress.
sub next_event
{
	my ($agent) = @_;

	while (1)
	{
		$agent->{run}->pump until $agent->{out} =~ /\n/ || !$agent->{run}->pumpable;
		$agent->{out} =~ s/^(.*)\n// or return { event => 'nothing' };
		my $event = $json->decode($1);
		return $event unless $event->{event} eq 'working';
	}
}

sub ask
{
	my ($agent, $line) = @_;

	$agent->{in} .= "$line\n";
	return next_event($agent);
}

sub push_name { return ask($_[0], $json->encode({ push => $_[1] })); }

sub history
{
	my ($number) = @_;
	my $name = sprintf '%08X.history', $number;

	append_to_file("$wal/$name", "1\t0/9000000\tx\n");
	append_to_file("$wal/archive_status/$name.ready", '');
	return $name;
}

sub objects { return scalar(() = glob "$repo/wal/$identifier/*/*-* $repo/wal/$identifier/*/*/*-*"); }

# --- what is asked for ---------------------------------------------------------

my $agent = start_agent();
my $event = push_name($agent, $segment);
is_deeply([ @$event{qw(event name size fresh)} ], [ 'pushed', $segment, 1048576, JSON::PP::true ], 'a segment');
cmp_ok($event->{stored}, '>', 0, 'with its stored size');
is(push_name($agent, $segment)->{fresh}, JSON::PP::false, 'the same again');
for my $case ([ 'garbage', 'garbage', '08P01', '' ],
	[ 'another member', '{"push": "00000002.history", "now": true}', '08P01', '' ],
	[ 'a number', '{"push": 1}', '08P01', '' ],
	[ 'a long line', '{"push": "' . 'x' x 10000 . '"}', '08P01', '' ],
	[ 'no WAL file', '{"push": "../postgresql.conf"}', '22023', '../postgresql.conf' ],
	[ 'a file that is missing', '{"push": "00000099.history"}', '58P01', '00000099.history' ])
{
	my ($name, $line, $sqlstate, $about) = @$case;
	$event = ask($agent, $line);
	is_deeply([ @$event{qw(event sqlstate name)} ], [ 'refused', $sqlstate, $about ], "$name is refused");
}

# --- ahead of time -------------------------------------------------------------

history($_) for 2 .. 9;
is(push_name($agent, '00000002.history')->{event}, 'pushed', 'a history');
for (1 .. 300) { last if objects() == 9; usleep(100_000); }
is(objects(), 9, 'and all others that are ready');
rename $repo, "$repo.away" or die;
is(push_name($agent, '00000009.history')->{event}, 'pushed', 'what is done is answered');
history(10);
$event = push_name($agent, '0000000A.history');
is($event->{event}, 'refused', 'what is not needs the repository')
  or diag(explain($event));
rename "$repo.away", $repo or die;
is(push_name($agent, '0000000A.history')->{event}, 'pushed', 'which may come back');

# What was done some time ago was done in a repository that may be gone.
sleep 11;
rename $repo, "$repo.away" or die;
is(push_name($agent, '00000003.history')->{event}, 'refused', 'what was done long ago needs the repository, too');
rename "$repo.away", $repo or die;
$agent->{in} .= $json->encode({ push => sprintf '%08X.history', $_ }) . "\n" for 2 .. 8;
is_deeply([ map { next_event($agent)->{event} } 2 .. 8 ], [ ('pushed') x 7 ], 'several at once');

# --- the end -------------------------------------------------------------------

my $begin = time;
$agent->{run}->finish;
is($agent->{run}->result(0), 0, 'the end of the input ends it');
like($agent->{out}, qr/^\{"event":"done"\}\n$/, 'with its last line');
cmp_ok(time - $begin, '<', 30, 'at once');

$agent = start_agent();
$agent->{run}->signal('TERM');
is(next_event($agent)->{sqlstate}, '57014', 'SIGTERM ends it');
eval { $agent->{run}->finish };
is($agent->{run}->result(0), 1, 'as a failure');

# --- who may not ---------------------------------------------------------------

for my $case ([ 'a fence', { fence => 'restored from x' }, '55000', qr/fenced/ ],
	[ 'another place', { data_directory => $repo }, '55000', qr/this copy of the cluster may not write/ ],
	[ 'another cluster', { system_identifier => '17' }, '55000', qr/belongs to another cluster/ ],
	[ 'another repository', { repository_id => 'x' x 16 }, '55000', qr/is not the repository that this server uses/ ],
	[ 'no repository', { repository => "file://$wal/none" }, '58P01', qr/./ ])
{
	my ($name, $arguments, $sqlstate, $message) = @$case;
	my $before = objects();
	history(11) unless -e "$wal/0000000B.history";
	$agent = start_agent(%$arguments);
	for my $file ($segment, $segment)
	{
		$event = push_name($agent, $file);
		is_deeply([ @$event{qw(event sqlstate)} ], [ 'refused', $sqlstate ], "$name: refused") or diag(explain($event));
		like($event->{message}, $message, "$name: says why");
	}
	is(objects(), $before, "$name: nothing is stored");
	$agent->{run}->finish;
}

# A request that is not understood is the end.
for my $case ([ 'another verb', request() =~ s/"archive"/"sync"/r, qr/unknown verb "sync"/ ],
	[ 'an unknown argument', request(speed => 1), qr/unknown argument "speed" for "archive"/ ],
	[ 'garbage', "x\n", qr/not valid JSON/ ],
	[ 'no cluster', request() =~ s/,?"system_identifier":"\d+"//r =~ s/\{,/{/r, qr/argument "system_identifier" is missing/ ])
{
	my ($name, $input, $message) = @$case;
	my ($out, $err) = ('', '');
	IPC::Run::run([ 'pg_backup_ext', 'archive-agent' ], '<', \$input, '>', \$out, '2>', \$err);
	is($? >> 8, 1, "$name: exit status");
	like($out, qr/^\{"event":"hello".*\n\{.*"event":"failed".*\n$/, "$name: failed");
	like($json->decode((split /\n/, $out)[-1])->{message}, $message, "$name: says why");
}
my ($out, $err) = ('', '');
my $input = request();
IPC::Run::run([ 'pg_backup_ext', 'agent' ], '<', \$input, '>', \$out, '2>', \$err);
like($out, qr/unknown verb \\"archive\\"/, 'the other agent does not archive');

done_testing();
