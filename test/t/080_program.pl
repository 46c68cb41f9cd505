# The program from outside: what the agent answers to requests that it does not
# understand, what the command line refuses, what -D takes from a server's
# configuration, and what is printed to people.
use strict;
use warnings;
use IPC::Run ();
use JSON::PP ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $place = PostgreSQL::Test::Utils::tempdir_short();
my $repo = "$place/repo";
my $json = JSON::PP->new->utf8;

sub run_program
{
	my ($arguments, $input) = @_;
	my ($out, $err) = ('', '');

	IPC::Run::run([ 'pg_backup_ext', @$arguments ], '<', \($input // ''), '>', \$out, '2>', \$err,
		IPC::Run::timeout(60));
	return ($? >> 8, $out, $err);
}

# --- requests that are refused ----------------------------------------------

# A request that would create a repository, with changes.
sub request
{
	my (%change) = @_;
	my %request = (
		protocol => 1, run => 17, verb => 'init',
		arguments => { repository => "file://$repo", system_identifier => '7440958112339017623' });

	$request{arguments} = { %{ $request{arguments} }, %{ delete $change{add} } } if $change{add};
	%request = (%request, %change);
	delete $request{$_} for grep { !defined $request{$_} } keys %request;
	return $json->encode(\%request) . "\n";
}

# The agent must say hello, then only that it failed, and must not have acted.
sub refused
{
	my ($name, $input, $sqlstate, $message) = @_;
	my ($status, $out, $err) = run_program(['agent'], $input);
	my @events = map { eval { $json->decode($_) } // {} } split /\n/, $out;

	subtest $name => sub {
		is($status, 1, 'exit status');
		is_deeply([ map { $_->{event} } @events ], [qw(hello failed)], 'events');
		is($events[1]{sqlstate}, $sqlstate, 'SQLSTATE');
		like($events[1]{message}, $message, 'message');
		is($err, '', 'nothing is said otherwise');
		ok(!-e $repo, 'nothing is done');
	};
	return;
}

my @requests = (
	[ 'no input', '', '08P01', qr/^the request is not valid JSON/ ],
	[ 'an empty line', "\n", '08P01', qr/^the request is not valid JSON/ ],
	[ 'garbage', "\x00\xff\xfegarbage\n", '08P01', qr/^the request is not valid JSON/ ],
	[ 'words', "please\n", '08P01', qr/^the request is not valid JSON/ ],
	[ 'a list', "[1]\n", '08P01', qr/^the request is not a JSON object/ ],
	[ 'an end that is cut off', substr(request(), 0, -3), '08P01', qr/^the request is not valid JSON/ ],
	[ 'two requests', request() . request(), '08P01', qr/^the request is not valid JSON/ ],
	[ 'a member twice', '{"protocol": 1, "protocol": 1}', '08P01', qr/^the request is not valid JSON/ ],
	[ 'a request of 1 MiB and more', request(add => { label => 'x' x (1024 * 1024) }),
		'08P01', qr/^the request is longer than 1048576 bytes$/ ],
	[ 'protocol 0', request(protocol => 0), '08P01', qr/^protocol version 0 is not supported$/ ],
	[ 'protocol 2', request(protocol => 2), '08P01', qr/^protocol version 2 is not supported$/ ],
	[ 'protocol 2 with a new member', request(protocol => 2, deadline => 5),
		'08P01', qr/^protocol version 2 is not supported$/ ],
	[ 'protocol "1"', request(protocol => '1'), '08P01', qr/^the request has no protocol version$/ ],
	[ 'no protocol', request(protocol => undef), '08P01', qr/^the request has no protocol version$/ ],
	[ 'no run', request(run => undef), '08P01', qr/^member "run" of the request is missing/ ],
	[ 'run of the wrong type', request(run => '17'), '08P01', qr/^member "run" .* has the wrong type$/ ],
	[ 'no verb', request(verb => undef), '08P01', qr/^member "verb" of the request is missing/ ],
	[ 'no arguments', request(arguments => undef), '08P01', qr/^member "arguments" of the request/ ],
	[ 'arguments in a list', request(arguments => []), '08P01', qr/^member "arguments" of the request/ ],
	[ 'an unknown member', request(dry_run => JSON::PP::true),
		'08P01', qr/^unknown member "dry_run" of the request$/ ],
	[ 'an unknown verb', request(verb => 'explode'), '08P01', qr/^unknown verb "explode"$/ ],
	[ 'a command that is no verb', request(verb => 'cat'), '08P01', qr/^unknown verb "cat"$/ ],
	[ 'an unknown argument', request(add => { speed => 1 }), '08P01', qr/^unknown argument "speed" for "init"$/ ],
	[ 'an argument of another verb', request(add => { target => 'x' }),
		'08P01', qr/^unknown argument "target" for "init"$/ ],
	[ 'repository_id for init', request(add => { repository_id => '5b0e8c9ad1f2407e' }),
		'08P01', qr/^unknown argument "repository_id" for "init"$/ ],
	[ 'bindir, which is for the command line', request(add => { bindir => '/tmp' }),
		'08P01', qr/^unknown argument "bindir" for "init"$/ ],
	[ 'part_size, which is for the command line', request(verb => 'backup', add => { part_size => 1000 }),
		'08P01', qr/^unknown argument "part_size" for "backup"$/ ],
	[ 'globals, which is for the command line', request(verb => 'restore', add => { globals => JSON::PP::true }),
		'08P01', qr/^unknown argument "globals" for "restore"$/ ],
	[ 'a number for a string', request(add => { role => 1 }), '08P01', qr/^argument "role" has the wrong type$/ ],
	[ 'a string for a number', request(add => { jobs => '2' }), '08P01', qr/^argument "jobs" has the wrong type$/ ],
	[ 'a fraction', request(add => { jobs => 1.5 }), '08P01', qr/not an integer$/ ],
	[ 'a number for a boolean', request(verb => 'sync', add => { accept => 1 }),
		'08P01', qr/^argument "accept" has the wrong type$/ ],
	[ 'null', '{"protocol": 1, "run": 1, "verb": "init", "arguments": {"repository": null}}',
		'08P01', qr/^argument "repository" has the wrong type$/ ],
	[ 'too many jobs', request(add => { jobs => 65 }), '22023', qr/^65 is outside the valid range for argument "jobs"/ ],
	[ 'a label with an escape sequence', request(verb => 'backup', add => { label => "\e[2J" }),
		'22023', qr/^invalid value for argument "label"$/ ],
	[ 'a password', request(add => { conninfo => 'password=x' }), '22023', qr/^invalid value for argument "conninfo"$/ ],
	[ 'a URI', request(add => { conninfo => 'postgresql:///' }), '22023', qr/^invalid value for argument "conninfo"$/ ],
	[ 'no repository', request(arguments => {}), '22023', qr/^argument "repository" is missing$/ ],
	[ 'no id', request(verb => 'verify'), '22023', qr/^argument "id" is missing$/ ]);

refused(@$_) for @requests;

# --- a request that never ends ----------------------------------------------

{
	my ($in, $out, $err) = (substr(request(), 0, -1), '', '');
	my $run = IPC::Run::start([ 'pg_backup_ext', 'agent' ], '<', \$in, '>', \$out, '2>', \$err,
		IPC::Run::timeout(60));

	$run->pump until $out =~ /"hello".*\n/ && $in eq '';
	$run->signal('TERM');
	# The pipe is still open: only the signal can end it.
	$run->pump while $out !~ /\n.*\n/;
	like($out, qr/^\{"event":"failed",.*"sqlstate":"57014"\}\n\z/m, 'SIGTERM while the request is read');
	$run->finish;
	is($run->result(0), 1, 'the exit status is that of a failure');
	ok(!-e $repo, 'a request that was complete, but for its end, is not carried out');
}

# --- a request that is good -------------------------------------------------

{
	my ($status, $out, $err) = run_program(['agent'], request());
	my @events = map { $json->decode($_) } split /\n/, $out;

	is($status, 0, 'a good request');
	my @checks = grep { $_->{event} eq 'check' } @events;
	is_deeply([ map { $_->{event} } grep { $_->{event} ne 'check' } @events ],
		[qw(hello repository done)], 'its events');
	ok(@checks > 0, 'it tells what the store can do');
	ok(-d $repo, 'it is carried out');
}

# --- wrong usage ------------------------------------------------------------

my $url = "file://$repo";
my $id = '20261121T101500Z-app-7x2m';
my @wrong = (
	[ [], qr/^pg_backup_ext: error: no command$/m ],
	[ ['explode'], qr/^pg_backup_ext: error: unknown command "explode"$/m ],
	[ [ 'list', '--nothing' ], qr/^pg_backup_ext: unrecognized option '--nothing'$/m ],
	[ [ 'list', '--to=x' ], qr/^pg_backup_ext: unrecognized option '--to=x'$/m ],
	[ [ 'list', 'x' ], qr/^pg_backup_ext: error: too many arguments: "x"$/m ],
	[ [ 'verify', $id, $id ], qr/^pg_backup_ext: error: too many arguments/m ],
	[ [ 'verify', $id, "--id=$id" ], qr/^pg_backup_ext: error: too many arguments/m ],
	[ [ 'agent', '--json' ], qr/^pg_backup_ext: error: "agent" takes no arguments/m ],
	[ ['list'], qr/^pg_backup_ext: error: argument "repository" is missing .*hint: Give it with --repo, /ms ],
	[ [ 'backup', "--repo=$url" ], qr/argument "database" is missing .*hint: Give it with --database\.$/ms ],
	[ [ 'verify', "--repo=$url" ], qr/argument "id" is missing .*hint: Give it with --id\.$/ms ],
	[ [ 'restore', $id, "--repo=$url" ], qr/argument "target" is missing .*hint: Give it with --to\.$/ms ],
	[ [ 'restore', $id, "--repo=$url", '--to=' ], qr/argument "target" is missing/ ],
	[ [ 'list', "--repo=$url", '--jobs=many' ], qr/invalid value for argument "jobs": "many" .*It was given with --jobs\.$/ms ],
	[ [ 'list', "--repo=$url", '--jobs=0' ], qr/outside the valid range for argument "jobs".*It was given with --jobs\.$/ms ],
	[ [ 'backup', "--repo=$url", '--lock-timeout=1 year' ], qr/It was given with --lock-timeout\.$/m ],
	[ [ 'backup', "--repo=$url", '--label', 'x' x 201 ], qr/A label has at most 200 characters.*It was given with --label\.$/ms ],
	[ [ 'backup', "--repo=$url", '--label', "\xff" ], qr/argument "label" is not valid UTF-8/ ],
	[ [ 'list', "--repo=$url", '--conninfo=postgres://here' ], qr/like this: host=.*It was given with --conninfo\.$/ms ],
	[ [ 'list', "--repo=$url", '--conninfo=host=a dbname=b' ], qr/must not name a database/ ],
	[ [ 'list', "--repo=$url", '--conninfo=password=secret' ], qr/hint: Name a file that holds the password: passfile=/ ],
	[ [ 'verify', $id, "--repo=$url", '--level=deep' ], qr/invalid level "deep".*hint: Use stored or readable\.$/ms ],
	[ [ 'backup', "--repo=$url", '--database=x', '--content=some' ], qr/invalid content "some"/ ],
	[ [ 'verify', 'x', "--repo=$url" ], qr/invalid backup id "x"/ ],
	[ [ 'list', '--repo=nowhere' ], qr/SQLSTATE 22023/ ]);

for (@wrong)
{
	my ($arguments, $text) = @$_;
	my ($status, $out, $err) = run_program($arguments);

	is($status, 2, "wrong usage: @$arguments");
	like($err, $text, 'it says why');
	like($err, qr/^Try "pg_backup_ext .*--help"\.$/m, 'it says where to look');
	unlike($err, qr/secret/, 'it gives no secret away');
	is($out, '', 'it prints nothing else');
}

my ($status, $out, $err) = run_program([ 'agent', '--help' ]);
is($status, 0, 'agent --help');
like($out, qr/^Usage:\n  pg_backup_ext agent <REQUEST$/m, 'it prints help');

# --- settings of a server ---------------------------------------------------

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
my $data = $node->data_dir;
$node->append_conf('postgresql.conf', <<"END");
backup_ext.repository = '$url'
backup_ext.database = 'it''s a=home'
backup_ext.lock_timeout = '1 year'
backup_ext.blocking_limit = '500ms'
backup_ext.jobs = 100
END

sub refused_setting
{
	my ($arguments, $wanted, $text, $name) = @_;
	my ($status, undef, $err) = run_program($arguments);

	is($status, $wanted, "$name: exit status");
	return like($err, $text, "$name: says why");
}

refused_setting([ 'list', '-D', $data ], 2, qr/100 is outside the valid range for argument "jobs"/, 'a setting is read');
($status, $out, $err) = run_program([ 'list', '-D', $data, '--jobs=2' ]);
is($status, 0, 'an argument that is given wins, also if it is the default') or diag($err);
refused_setting([ 'backup', '-D', $data, '--jobs=2', '--database=x' ], 2,
	qr/invalid value for argument "lock_timeout": "1 year"/, 'lock_timeout is read');
refused_setting([ 'backup', '-D', $data, '--jobs=2', '--database=x', '--lock-timeout=60s' ], 1,
	qr/connection to server on socket .* failed: No such file or directory/, 'so is the socket');

rename("$data/postgresql.conf", "$data/away") or die $!;
refused_setting([ 'list', '-D', $data ], 1,
	qr{could not read "\Q$data\E/postgresql\.conf".*hint: On Debian .*such as /etc/postgresql/}s,
	'a data directory without a configuration');
rename("$data/away", "$data/postgresql.conf") or die $!;
{
	rename("$data/global/pg_control", "$data/global/pg_control.kept") or die $!;
	open(my $short, '>', "$data/global/pg_control") or die $!;
	print $short 'abc';
	close($short);
	refused_setting([ 'list', '-D', $data, '--jobs=2' ], 1, qr/pg_control" has only 3 bytes \(SQLSTATE XX001\)/, 'a short pg_control');
	rename("$data/global/pg_control.kept", "$data/global/pg_control") or die $!;
}

# --- a home database with a hard name, and nothing else to log in to ---------

$node->append_conf('postgresql.conf', "backup_ext.jobs = 2\nbackup_ext.lock_timeout = 5s\n");
$node->start;
$node->safe_psql('postgres', q(CREATE DATABASE "it's a=home"));
$node->safe_psql('postgres', qq(CREATE DATABASE "a\e[31m\x{c2}\x{9b}m"));
$node->safe_psql('postgres', q(CREATE DATABASE app));
$node->safe_psql('app', q(ALTER DATABASE postgres ALLOW_CONNECTIONS false));
$node->safe_psql('app', q(ALTER DATABASE template1 ALLOW_CONNECTIONS false));

($status, $out, $err) = run_program([ 'adopt', '-D', $data ]);
is($status, 0, 'adopt with -D') or diag($err);
($status, $out, $err) = run_program([ 'backup', '-D', $data, '--database=app', '--label=caf' . "\xc3\xa9" ]);
is($status, 0, 'a backup where only the home database can be logged in to') or diag($err);
my @login = ("--repo=$url", '--conninfo=host=' . $node->host . ' port=' . $node->port);
($status, $out, $err) = run_program([ 'backup', @login, '--home', q(it's a=home), '--database', "a\e[31m\xc2\x9bm" ]);
is($status, 0, 'the home database can be given, too') or diag($err);
($status, $out, $err) = run_program([ 'backup', @login, '--database=app' ]);
is($status, 1, 'without it there is no way in');

# --- what people see --------------------------------------------------------

($status, $out, $err) = run_program([ 'list', "--repo=$url" ]);
like($out, qr/^KIND +CONTENT +STATE +FINISHED +SIZE +STORED +ID +LABEL$/m, 'the list has a head');
like($out, qr/^logical +all +good +\S+Z +\S+ k?B +\S+ k?B  \d{8}T\d{6}Z-app-\w{4}  caf\xc3\xa9$/m, 'the id and the label stand last');
my ($long) = $out =~ /(\S+-a%1B\S+)$/m;

my $target = "copy\e]0;x\x07\xc2\x9b";
($status, $out, $err) = run_program([ 'restore', $long, '-D', $data, '--to', $target ]);
is($status, 0, 'a restore into a name with control characters') or diag($err);
is($out, qq(restored into database "copy?]0;x??"\n), 'they are not sent to a terminal');
($status, $out, $err) = run_program([ 'info', $long, "--repo=$url" ]);
unlike($out, qr/[\x00-\x09\x0b-\x1f\x7f]|\xc2[\x80-\x9f]/, 'nor those of a manifest');
is($json->decode($out)->{database}{name}, "a\e[31m\x{9b}m", 'which is JSON all the same');
($status, $out, $err) = run_program([ 'restore', $long, '-D', $data, '--to', $target, '--json' ]);
like($err, qr/error: database "copy\?\]0;x\?\?" already exists/, 'nor those in errors');

refused_setting([ 'restore', $long, '-D', $data, '--to', "it's a=home", '--replace' ], 1,
	qr/the home database "it's a=home" cannot be replaced \(SQLSTATE 55000\)/, 'the home database is known');

# --- check ------------------------------------------------------------------

($status, $out, $err) = run_program([ 'check', '-D', $data ]);
is($status, 0, 'check') or diag($out);
like($out, qr/^ok   login: server version \d+\.\d+$/m, 'it shows the version of the server');
like($out, qr/^ok   pg_dump fits the server: /m, 'and compares that of pg_dump');

my $old = PostgreSQL::Test::Utils::tempdir_short();
for my $name (qw(pg_dump pg_dumpall pg_restore))
{
	open(my $script, '>', "$old/$name") or die $!;
	print $script "#!/bin/sh\necho '$name (PostgreSQL) 9.6.1'\n";
	close($script);
	chmod 0755, "$old/$name";
}
($status, $out, $err) = run_program([ 'check', @login, '--home', q(it's a=home), '--bindir', $old ]);
is($status, 1, 'check with old programs');
like($out, qr/^BAD  pg_dump fits the server: pg_dump is of version 9, .*\n     hint: Install the client programs /m,
	'it says that they are too old');

$node->stop;
done_testing();
