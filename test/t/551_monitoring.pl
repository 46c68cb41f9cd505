# The files for monitoring systems do what they should, with the real systems:
# Prometheus reads the server through both exporters and from the program, and
# every rule and every panel finds its numbers.
use strict;
use warnings;
use BackupExt;
use File::Copy ();
use HTTP::Tiny ();
use IO::Socket::INET ();
use JSON::PP ();
use POSIX ();
use PostgreSQL::Test::Utils;
use Test::More;

for my $program (qw(prometheus promtool prometheus-postgres-exporter prometheus-sql-exporter))
{
	plan skip_all => "$program is not installed" unless grep { -x "$_/$program" } split(/:/, $ENV{PATH});
}

my $dir = PostgreSQL::Test::Utils::tempdir();
my $http = HTTP::Tiny->new(timeout => 10);
my @pids;
# Of whatever ends this test, its servers are the first to go.
END { my $status = $?; kill 'TERM', @pids; waitpid $_, 0 for @pids; $? = $status; }

# Starts a program with its output in a file; the END block stops it.
sub start
{
	my ($name, $environment, @command) = @_;

	my $pid = fork // die "fork: $!";
	if ($pid == 0)
	{
		@pids = ();
		@ENV{keys %$environment} = values %$environment;
		open(STDOUT, '>', "$dir/$name.log") or die $!;
		open(STDERR, '>&', \*STDOUT) or die $!;
		exec @command or POSIX::_exit(127);
	}
	push @pids, $pid;
	return;
}

# The OpenMetrics text of the program, as a web server would give it.
sub serve_program
{
	my ($node, $port) = @_;
	my $listener = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1', LocalPort => $port, ReuseAddr => 1)
	  or die "listen: $!";

	my $pid = fork // die "fork: $!";
	if ($pid)
	{
		push @pids, $pid;
		return;
	}
	@pids = ();
	$SIG{TERM} = sub { POSIX::_exit(0) };
	while (my $client = $listener->accept)
	{
		while (my $line = <$client>) { last if $line eq "\r\n" }
		my $text = `pg_backup_ext status --openmetrics '@{[ $node->connect_options ]}'`;
		print $client "HTTP/1.1 200 OK\r\nConnection: close\r\n",
		  "Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n\r\n$text";
		close $client;
	}
	POSIX::_exit(0);
}

sub run_ok
{
	my ($name, @command) = @_;
	my $out = '';

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return ok(IPC::Run::run(\@command, '<', \undef, '>', \$out, '2>&1'), $name) || diag($out);
}

# --- files alone -------------------------------------------------------------

run_ok('the rules are rules', 'promtool', 'check', 'rules', 'monitoring/prometheus/backup_ext.rules.yml');
run_ok('and alert when they should', 'promtool', 'test', 'rules', 'monitoring/prometheus/backup_ext.rules.test.yml');
run_ok('the example for Prometheus is one', 'promtool', 'check', 'config', '--syntax-only', 'monitoring/prometheus/prometheus.yml');

# --- a server whose numbers are all there --------------------------------------

my $node = BackupExt->new('main');
$node->init;
$node->append_conf('postgresql.conf', "wal_level = replica\narchive_mode = on\narchive_library = 'backup_ext'\n");
$node->begin;
$node->safe_psql('postgres', qq(CREATE ROLE monitor LOGIN IN ROLE pg_monitor; CREATE DATABASE "a ""quoted\\ \nname"));
$node->backup_now(qq(a "quoted\\ \nname));
$node->safe_psql('postgres', q(SELECT backup_now(kind => 'base')));
$node->safe_psql('postgres', q(SELECT backup_schedule('leap days', '0 2 29 2 *', kind => 'base')));
$node->safe_psql('postgres', q(SELECT backup_channel('ops', 'notify', 'backup_alarms')));

# promtool knows the older format alone, in which a counter's family has its name.
my $text = '';
IPC::Run::run([ 'pg_backup_ext', 'status', '--openmetrics', $node->connect_options ], '>', \$text) or die 'no numbers';
my %counters = map { $_ => 1 } $text =~ /^# TYPE (\S+) counter$/mg;
cmp_ok(scalar(keys %counters), '>', 3, 'there are counters');
like($text, qr/\n# EOF\n\z/, 'the text has an end');
BackupExt::write_file("$dir/metrics", $text =~ s/^(# (?:TYPE|HELP) )(\S+)/$1 . $2 . ($counters{$2} ? '_total' : '')/gmer);
run_ok('promtool finds nothing to say about names, units and helps', 'sh', '-c', "promtool check metrics <$dir/metrics");

my ($host, $pg_port) = ($node->host, $node->port);
my %port = map { $_ => PostgreSQL::Test::Cluster::get_free_port() } qw(prometheus postgres_exporter sql_exporter program);

start('postgres_exporter',
	{ DATA_SOURCE_NAME => "host=$host port=$pg_port user=monitor dbname=postgres sslmode=disable" },
	'prometheus-postgres-exporter', '--disable-default-metrics', '--disable-settings-metrics',
	"--web.listen-address=127.0.0.1:$port{postgres_exporter}",
	'--extend.query-path=monitoring/exporter/backup_ext.postgres_exporter.yml');

my $config = slurp_file('monitoring/exporter/backup_ext.sql_exporter.yml');
$config =~ s{host=/run/postgresql}{host=$host&port=$pg_port} or die 'the connection has changed';
$config =~ s{30s}{1s} or die 'the interval has changed';
BackupExt::write_file("$dir/sql_exporter.yml", $config);
start('sql_exporter', {}, 'prometheus-sql-exporter', '-config.file', "$dir/sql_exporter.yml",
	'-web.listen-address', "127.0.0.1:$port{sql_exporter}");
serve_program($node, $port{program});

File::Copy::copy('monitoring/prometheus/backup_ext.rules.yml', $dir) or die $!;
$config = slurp_file('monitoring/prometheus/prometheus.yml');
$config =~ s{localhost:9187}{localhost:$port{postgres_exporter}} or die 'the target has changed';
$config =~ s{localhost:9237}{localhost:$port{sql_exporter}} or die 'the target has changed';
BackupExt::write_file("$dir/prometheus.yml", <<"END" . $config . <<"END");
global:
  scrape_interval: 1s
  evaluation_interval: 1s
END

  - job_name: program
    static_configs:
      - targets: ['127.0.0.1:$port{program}']
END
start('prometheus', {}, 'prometheus', "--config.file=$dir/prometheus.yml", "--storage.tsdb.path=$dir/data",
	"--web.listen-address=127.0.0.1:$port{prometheus}", '--log.level=warn');

# --- what Prometheus has ----------------------------------------------------

# Calls Prometheus; what it answers, or its error as a text.
sub ask
{
	my ($path, %arguments) = @_;
	my $url = "http://127.0.0.1:$port{prometheus}/api/v1/$path?" . $http->www_form_urlencode(\%arguments);
	my $answer = $http->get($url);
	my $json = eval { JSON::PP->new->utf8->decode($answer->{content}) };

	return $json && $json->{status} eq 'success' ? $json->{data} : "$answer->{status} $answer->{content}";
}

# The rows of a query; none where it fails.
sub query
{
	my ($expr) = @_;
	my $data = ask('query', query => $expr);
	return ref $data ? @{ $data->{result} } : ();
}

# Twice, since a rate needs two of them.
my $complete = 'count(count_over_time(backup_ext_info[1m]) >= 2)';
for (1 .. 300)
{
	last if grep { $_->{value}[1] == 3 } query($complete);
	select undef, undef, undef, 0.1;
}
my @targets = map { [ $_->{labels}{job}, $_->{health}, $_->{lastError} ] } @{ ask('targets')->{activeTargets} };
is_deeply([ sort { $a->[0] cmp $b->[0] } @targets ],
	[ map { [ $_, 'up', '' ] } qw(backup_ext backup_ext_sql program) ], 'Prometheus reads all three')
  or diag(map { slurp_file("$dir/$_.log") } qw(prometheus postgres_exporter sql_exporter));

my $expected = join "\n", sort split /\n/,
  $node->safe_psql('postgres', q(SELECT name || ' ' || count(*) FROM backup_metrics GROUP BY name));
for my $job (qw(backup_ext backup_ext_sql program))
{
	my @found = map { "$_->{metric}{__name__} $_->{value}[1]" }
	  query(qq(sum by (__name__) (count_values by (__name__) ("value", {__name__=~"backup_ext_.*", job="$job"}))));
	is(join("\n", sort @found), $expected, "$job: has each number of backup_metrics");
	my ($state) = query(qq(backup_ext_state{job="$job", what=~"(?s)a .*"}));
	is($state->{metric}{what}, qq(a "quoted\\ \nname), "$job: names come as they are");
	is($state->{value}[1], 0, "$job: and values");
}
my ($metadata) = values %{ ask('metadata', metric => 'backup_ext_runs') };
is($metadata->[0]{type}, 'counter', 'the program says what a counter is');

my @rules;
for (1 .. 100)
{
	@rules = map { @{ $_->{rules} } } @{ ask('rules')->{groups} };
	last unless grep { $_->{health} eq 'unknown' } @rules;
	select undef, undef, undef, 0.1;
}
cmp_ok(scalar(@rules), '>', 8, 'there are rules');
is_deeply([ map { "$_->{name}: $_->{health} " . ($_->{lastError} // '') } grep { $_->{health} ne 'ok' } @rules ], [], 'all of them can be evaluated');
my %measured = map { (split / /)[0] => 1 } split /\n/, $expected;
is_deeply([ sort grep { !$measured{$_} } map { $_->{query} =~ /\b(backup_ext_\w+)/g } @rules ], [], 'and ask for what is there');

# --- the dashboard ------------------------------------------------------------

my $dashboard = JSON::PP->new->utf8->decode(slurp_file('monitoring/grafana/backup_ext.json'));
my ($empty, $panels) = (0, 0);
for my $panel (@{ $dashboard->{panels} })
{
	$panels++;
	for my $target (@{ $panel->{targets} })
	{
		my $expr = $target->{expr} =~ s/\$instance/.*/gr =~ s/\$__rate_interval/1m/gr;
		my $data = ask('query', query => $expr);
		ok(ref $data, "panel $panel->{title}: $expr") or diag($data);
		is_deeply([ grep { !$measured{$_} } $expr =~ /\b(backup_ext_\w+)/g ], [], 'asks for what is there');
		# Without a filter of its own it has something to show.
		cmp_ok(ref $data ? scalar(@{ $data->{result} }) : 0, '>', 0, 'and finds it') if $expr !~ /> 0|subject/;
	}
}
cmp_ok($panels, '>', 10, 'the dashboard has panels');
my %places;
for my $panel (@{ $dashboard->{panels} })
{
	my ($x, $y, $w, $h) = @{ $panel->{gridPos} }{qw(x y w h)};
	$places{"$_->[0] $_->[1]"}++ for map { my $column = $_; map { [ $column, $_ ] } $y .. $y + $h - 1 } $x .. $x + $w - 1;
}
is_deeply([ grep { $places{$_} > 1 || (split / /)[0] > 23 } keys %places ], [], 'side by side');
is(scalar(keys %{ { map { $_->{id} => 1 } @{ $dashboard->{panels} } } }), $panels, 'with an id each');
is($_->{type} eq 'query' ? (ask('label/instance/values', 'match[]' => 'backup_ext_info') // [])->[0] : 1,
	$_->{type} eq 'query' ? "127.0.0.1:$port{program}" : 1, "variable $_->{name}")
  for @{ $dashboard->{templating}{list} };

# --- Nagios ---------------------------------------------------------------------

my ($line) = slurp_file('monitoring/nagios/backup_ext.cfg') =~ /^\s*command_line\s+(.*)$/m;
$line =~ s{\S*/pg_backup_ext}{pg_backup_ext} or die 'the command has changed';
$line =~ s{\$HOSTADDRESS\$ port=5432}{$host port=$pg_port} or die 'the command has changed';
my $out = '';
IPC::Run::run([ 'sh', '-c', $line ], '<', \undef, '>', \$out);
is($? >> 8, 0, 'the check for Nagios') or diag($out);
like($out, qr/\ABACKUP OK - .*\|.*\n\z/, 'says one line');

# --- the server goes away -----------------------------------------------------

$node->stop;
for (1 .. 200)
{
	last if grep { $_->{metric}{job} eq 'program' } query('ALERTS{alertname="BackupExtGone"}');
	select undef, undef, undef, 0.1;
}
is((query('count(ALERTS{alertname="BackupExtGone", job="program", alertstate="pending"})'))[0]{value}[1], 1,
	'a server that tells nothing is noticed');
done_testing();
