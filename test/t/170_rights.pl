# Who may do what, and what those who mean ill can do: nothing.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use BackupExtFaults;
use Test::More;

my $server = BackupExtFaults->new('main');
my $node = $server->node;
my $repo = $server->repo;
my $place = $server->{place};
my $started = $server->start_time;
my $super = $server->sql('SELECT current_user');
my $kept = $server->backup;
$server->backup;

# Runs SQL as a role; returns status, output and errors.
sub as_role
{
	my ($role, $sql) = @_;
	return $server->try_sql($sql, 'postgres', extra_params => [ '-v', 'VERBOSITY=verbose', '-U', $role ]);
}

# A test: the role is refused with this state, or is not ("").
sub allowed_is
{
	my ($role, $sql, $sqlstate, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($status, undef, $err) = as_role($role, $sql);
	my ($found) = $err =~ /ERROR:  (\w{5}):/;
	return is($found // '', $sqlstate, $name) || diag($err);
}

# --- the matrix -------------------------------------------------------------

$server->sql(<<'END');
CREATE ROLE nobody_special LOGIN;
CREATE ROLE watcher LOGIN IN ROLE pg_monitor;
CREATE ROLE operator LOGIN;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO operator;
GRANT EXECUTE ON PROCEDURE backup_wait TO operator;
GRANT SELECT ON backup_run, backup_progress, backup_catalogue, backup_status, backup_metrics,
	backup_mark_list, backup_clone_list, backup_channel_list, backup_expired, backup_wal, backup_wal_range, backup_job TO operator;
END

# Call => SQLSTATE for nobody special, for the watcher, and for the operator.
my $denied = '42501';
my @matrix = (
	[ 'SELECT backup_repository_create()', $denied, $denied, '42710' ],
	[ 'SELECT backup_adopt()', $denied, $denied, '' ],
	[ 'SELECT backup_now()', $denied, $denied, '' ],
	[ 'SELECT backup_now(wait => false)', $denied, $denied, '' ],
	[ "SELECT * FROM backup_verify('$kept')", $denied, $denied, '' ],
	[ "SELECT backup_restore('$kept', 'copy')", $denied, $denied, '' ],
	[ "SELECT backup_pin('$kept')", $denied, $denied, '' ],
	[ "SELECT backup_unpin('$kept')", $denied, $denied, '' ],
	[ 'SELECT * FROM backup_expire()', $denied, $denied, '' ],
	[ "SELECT backup_unexpire('$kept')", $denied, $denied, '42704' ],
	[ 'SELECT * FROM backup_expired', $denied, '', '' ],
	[ "SELECT backup_delete('$kept')", $denied, $denied, '' ],
	[ q(SELECT backup_mark('x')), $denied, $denied, '55000' ],
	[ q(SELECT backup_clone('x')), $denied, $denied, $denied ],
	[ q(SELECT backup_clone_drop('x')), $denied, $denied, $denied ],
	[ q(SELECT backup_clone_is_running('/etc/x')), $denied, '', '' ],
	[ 'SELECT backup_sync()', $denied, $denied, '' ],
	[ 'SELECT backup_replicate()', $denied, $denied, '22023' ],
	[ 'SELECT * FROM backup_check()', $denied, $denied, '' ],
	[ 'SELECT * FROM backup_s3_lifecycle()', $denied, $denied, '0A000' ],
	[ 'SELECT backup_cancel(1)', $denied, $denied, '' ],
	[ 'CALL backup_wait(1)', $denied, $denied, '' ],
	[ 'SELECT * FROM backup_run_slots()', $denied, '', '' ],
	[ q(SELECT backup_next_run('@daily')), $denied, '', '' ],
	[ 'SELECT backup_wake_keeper()', $denied, $denied, '39P01' ],
	[ q(SELECT backup_schedule('x', '@yearly')), $denied, $denied, '' ],
	[ q(SELECT backup_unschedule('x')), $denied, $denied, '' ],
	[ 'SELECT * FROM backup_job', $denied, '', '' ],
	[ q(SELECT backup_keeper_missing('1 min')), $denied, '', '' ],
	[ q(SELECT * FROM backup_schedule_limits('@daily', 'UTC', now(), NULL, NULL)), $denied, '', '' ],
	[ "SELECT backup_repository_number('x')", $denied, '', '' ],
	[ 'SELECT backup_repository_count()', $denied, '', '' ],
	[ 'SELECT backup_installed()', $denied, $denied, '' ],
	[ 'SELECT * FROM backup_list()', $denied, '', '' ],
	[ 'SELECT * FROM backup_run', $denied, '', '' ],
	[ 'SELECT * FROM backup_progress', $denied, '', '' ],
	[ 'SELECT * FROM backup_catalogue', $denied, '', '' ],
	[ 'SELECT * FROM backup_mark_list', $denied, '', '' ],
	[ 'SELECT * FROM backup_clone_list', $denied, '', '' ],
	[ 'SELECT * FROM backup_wal', $denied, '', '' ],
	[ 'SELECT * FROM backup_wal_range', $denied, '', '' ],
	[ 'SELECT * FROM backup_wal_state(false, 0, 0)', $denied, '', '' ],
	[ q(SELECT backup_channel('x', 'notify', 'x')), $denied, $denied, '' ],
	[ q(SELECT backup_channel('y', 'program', '/bin/sh')), $denied, $denied, $denied ],
	[ q(SELECT backup_channel('y', 'slack', secret_file => '/etc/passwd')), $denied, $denied, $denied ],
	[ q(SELECT backup_notify_test('x')), $denied, $denied, '' ],
	[ q(SELECT backup_channel_drop('x')), $denied, $denied, '' ],
	[ 'SELECT * FROM backup_channel_list', $denied, '', '' ],
	[ 'SELECT * FROM backup_metrics', $denied, '', '' ],
	[ 'SELECT * FROM backup_health()', $denied, '', '' ],
	[ 'SELECT * FROM backup_status', $denied, '', '' ]);
for my $table ('backup_repository_data', 'backup_catalogue_data', 'backup_run_data', 'backup_mark_data', 'backup_clone_data',
	'backup_wal_range_data', 'backup_expired_data', 'backup_schedule_data', 'backup_schedule_state_data', 'backup_schedule_work_data', 'backup_run_count_data', 'backup_space_data', 'backup_alarm_state_data',
	'backup_channel_data', 'backup_channel_state_data', 'backup_told_data', 'backup_notice_data')
{
	push @matrix, map { [ $_, $denied, $denied, $denied ] } (
		"SELECT * FROM $table", "INSERT INTO $table DEFAULT VALUES", "DELETE FROM $table",
		"TRUNCATE $table", "COPY $table TO STDOUT", "BEGIN; LOCK TABLE $table IN ACCESS EXCLUSIVE MODE",
		"DROP TABLE $table", "ALTER TABLE $table DISABLE TRIGGER ALL");
}
push @matrix, map { [ $_, $denied, $denied, $denied ] } (
	q(UPDATE backup_catalogue_data SET id = '../../x'), q(UPDATE backup_run_data SET state = 'done'),
	q(UPDATE backup_repository_data SET url = 'x'), 'DELETE FROM backup_catalogue',
	q(SELECT nextval('backup_run_number')), q(SELECT setval('backup_run_number', 1)),
	'SELECT * FROM backup_run_number', 'DROP EXTENSION backup_ext', 'ALTER EXTENSION backup_ext UPDATE',
	q(ALTER SYSTEM SET backup_ext.repository = 'file:///tmp/x'),
	q(ALTER SYSTEM SET backup_ext.conninfo = 'host=/tmp'));
push @matrix, map { [ "SELECT * FROM $_", $denied, $denied, $denied ] } (
	'backup_open', 'backup_plan', 'backup_status_schedules', 'backup_status_databases', 'backup_status_base', 'backup_status_wal',
	'backup_status_repositories', 'backup_status_copies', 'backup_status_restores', 'backup_status_retention', 'backup_status_checksums', 'backup_status_alarms', 'backup_status_keeper');
push @matrix, [ 'DELETE FROM backup_run', '55000', '55000', '55000' ];
for my $line (@matrix)
{
	my ($call, @states) = @$line;
	for my $role ('nobody_special', 'watcher', 'operator')
	{
		allowed_is($role, $call, shift @states, "$role: $call");
	}
}
$server->wait_closed;
$kept = $server->backup;

# Nothing of the extension was left out of the matrix.
my $names = join(' ', map { $_->[0] } @matrix);
my @objects = split /\n/, $server->sql(<<'END');
SELECT coalesce(p.proname, c.relname)
FROM pg_depend AS d JOIN pg_extension AS e ON d.refobjid = e.oid AND d.refclassid = 'pg_extension'::regclass
LEFT JOIN pg_proc AS p ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid
LEFT JOIN pg_class AS c ON d.classid = 'pg_class'::regclass AND d.objid = c.oid
WHERE e.extname = 'backup_ext' AND d.deptype = 'e' AND (p.oid IS NOT NULL OR c.oid IS NOT NULL)
END
cmp_ok(scalar(@objects), '>', 20, 'the extension has objects');
is_deeply([ grep { $names !~ /\b\Q$_\E\b/ } @objects ], [], 'the matrix has each of them');
is($server->sql(q(SELECT count(*) FROM pg_proc AS p JOIN pg_depend AS d ON d.objid = p.oid AND d.classid = 'pg_proc'::regclass
	JOIN pg_extension AS e ON e.oid = d.refobjid AND d.deptype = 'e'
	WHERE e.extname = 'backup_ext' AND (p.prosecdef OR p.proacl IS NULL
		OR EXISTS (SELECT FROM aclexplode(p.proacl) AS a WHERE a.grantee = 0)))),
	0, 'no function may be called by PUBLIC or acts as its owner');

# --- what is shown to whom --------------------------------------------------

# Three failures to be seen: of a run, of a backup, and one in shared memory.
$server->fails("SELECT backup_restore('20261121T101500Z-app-7x2m', 'x')", '42704', qr/does not exist/, 'a failure to be seen');
my $spoilt = $server->backup;
my ($archive) = glob("$repo/backup/$spoilt/archive.dump.*");
chmod 0600, $archive;
open(my $file, '+<', $archive) or die $!;
seek($file, 100, 0);
print $file 'spoilt';
close($file);
is($server->sql("SELECT bool_and(ok) FROM backup_verify('$spoilt')"), 'f', 'a damage to be seen');
$server->replace('pg_dump', 'echo canary-text >&2; exit 1');
$server->fails('SELECT backup_now()', '58000', qr/pg_dump failed/, 'a failed backup to be seen');
$server->bring_back('pg_dump');
my %seen = (
	'SELECT count(message) FROM backup_run' => 'texts of errors',
	'SELECT count(detail) FROM backup_run' => 'details of errors',
	'SELECT count(hint) FROM backup_run' => 'hints of errors',
	'SELECT count(repository) FROM backup_catalogue' => 'the URL of the repository',
	'SELECT count(problem) FROM backup_catalogue' => 'problems of backups',
	'SELECT count(problem) FROM backup_list()' => 'problems in the list',
	'SELECT count(last_failure) FROM backup_status' => 'the last failure');
for my $query (sort keys %seen)
{
	for my $role ('watcher', 'operator')
	{
		my (undef, $out, $err) = as_role($role, $query);
		is($out =~ /^[1-9]/ ? 'some' : $out, $role eq 'watcher' ? 'some' : 0, "$role and $seen{$query}") or diag($err);
	}
}
my (undef, $everything) = as_role('operator',
	'SELECT * FROM backup_run; SELECT * FROM backup_catalogue; SELECT * FROM backup_status; SELECT * FROM backup_list(); SELECT * FROM backup_run_slots()');
unlike($everything, qr/\Q$repo\E|canary-text/, 'an operator sees no place and no text of others');

# Settings that name places.
for my $setting ('backup_ext.repository', 'backup_ext.conninfo')
{
	for my $role ('nobody_special', 'operator')
	{
		allowed_is($role, "SHOW $setting", '42501', "$role: SHOW $setting");
		allowed_is($role, "SELECT current_setting('$setting')", '42501', "$role: current_setting of $setting");
		my (undef, $out) = as_role($role, "SELECT count(*) FROM pg_settings WHERE name = '$setting'");
		is($out, 0, "$role: $setting in pg_settings");
		my (undef, $file_out, $err) = as_role($role, "SELECT count(*) FROM pg_file_settings WHERE name = '$setting'");
		like($err, qr/ERROR:  42501/, "$role: $setting in pg_file_settings");
	}
	allowed_is('watcher', "SHOW $setting", '', "pg_monitor: SHOW $setting");
	for my $role ('nobody_special', 'watcher', 'operator', $super)
	{
		my (undef, undef, $err) = as_role($role, "SET $setting = 'file:///x'");
		like($err, qr/ERROR:  (?:55P02|42501)/, "$role: SET $setting");
	}
}

# --- a hostile schema -------------------------------------------------------

$server->sql(<<'END');
CREATE TABLE public.payload (what text);
GRANT INSERT, SELECT ON payload TO PUBLIC;
GRANT CREATE ON SCHEMA public TO nobody_special;
END
my ($hostile, undef, $problem) = as_role('nobody_special', <<'END');
CREATE FUNCTION public.caught(what text) RETURNS void LANGUAGE sql AS $$ INSERT INTO public.payload VALUES (what || ' as ' || current_user) $$;
CREATE FUNCTION public.eq(a text, b text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM public.caught('text = text'); RETURN true; END $$;
CREATE FUNCTION public.eq(a bigint, b bigint) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM public.caught('bigint = bigint'); RETURN true; END $$;
CREATE FUNCTION public.eq(a name, b text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM public.caught('name = text'); RETURN true; END $$;
CREATE FUNCTION public.eq(a oid, b oid) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM public.caught('oid = oid'); RETURN true; END $$;
CREATE FUNCTION public.get(a jsonb, b text) RETURNS jsonb LANGUAGE plpgsql AS $$ BEGIN PERFORM public.caught('jsonb -> text'); RETURN '[]'; END $$;
CREATE FUNCTION public.minus(a timestamptz, b timestamptz) RETURNS interval LANGUAGE plpgsql AS $$ BEGIN PERFORM public.caught('time - time'); RETURN '1 s'; END $$;
CREATE FUNCTION public.add(a text, b text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN PERFORM public.caught('text || text'); RETURN ''; END $$;
CREATE OPERATOR public.= (FUNCTION = public.eq, LEFTARG = text, RIGHTARG = text);
CREATE OPERATOR public.= (FUNCTION = public.eq, LEFTARG = bigint, RIGHTARG = bigint);
CREATE OPERATOR public.= (FUNCTION = public.eq, LEFTARG = name, RIGHTARG = text);
CREATE OPERATOR public.= (FUNCTION = public.eq, LEFTARG = oid, RIGHTARG = oid);
CREATE OPERATOR public.<> (FUNCTION = public.eq, LEFTARG = text, RIGHTARG = text);
CREATE OPERATOR public.-> (FUNCTION = public.get, LEFTARG = jsonb, RIGHTARG = text);
CREATE OPERATOR public.- (FUNCTION = public.minus, LEFTARG = timestamptz, RIGHTARG = timestamptz);
CREATE OPERATOR public.|| (FUNCTION = public.add, LEFTARG = text, RIGHTARG = text);
CREATE FUNCTION public.now() RETURNS timestamptz LANGUAGE plpgsql AS $$ BEGIN PERFORM public.caught('now'); RETURN 'epoch'; END $$;
CREATE FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE plpgsql AS $$ BEGIN PERFORM public.caught('clock_timestamp'); RETURN 'epoch'; END $$;
CREATE FUNCTION public.current_database() RETURNS name LANGUAGE plpgsql AS $$ BEGIN PERFORM public.caught('current_database'); RETURN 'x'; END $$;
CREATE FUNCTION public.pg_has_role(a name, b text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM public.caught('pg_has_role'); RETURN true; END $$;
CREATE FUNCTION public.pg_export_snapshot() RETURNS text LANGUAGE plpgsql AS $$ BEGIN PERFORM public.caught('pg_export_snapshot'); RETURN 'x'; END $$;
CREATE FUNCTION public.current_setting(a text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN PERFORM public.caught('current_setting'); RETURN '1'; END $$;
CREATE FUNCTION public.sum(a bigint) RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN PERFORM public.caught('sum'); RETURN 1; END $$;
CREATE FUNCTION public.jsonb_to_recordset(a jsonb) RETURNS SETOF record LANGUAGE plpgsql AS $$ BEGIN PERFORM public.caught('jsonb_to_recordset'); END $$;
CREATE FUNCTION public.round(a numeric, b integer) RETURNS numeric LANGUAGE plpgsql AS $$ BEGIN PERFORM public.caught('round'); RETURN 1; END $$;
CREATE FUNCTION public.pg_backend_pid() RETURNS integer LANGUAGE plpgsql AS $$ BEGIN PERFORM public.caught('pg_backend_pid'); RETURN 1; END $$;
CREATE DOMAIN public.text AS pg_catalog.text CHECK (public.caught('text') IS NULL);
CREATE DOMAIN public.boolean2 AS pg_catalog.bool;
CREATE VIEW public.pg_database AS SELECT 1 AS oid, 'x'::pg_catalog.name AS datname;
CREATE VIEW public.pg_class AS SELECT 1 AS oid;
CREATE VIEW public.pg_locks AS SELECT 1 AS pid;
CREATE VIEW public.pg_roles AS SELECT false AS rolsuper, 'x'::pg_catalog.name AS rolname;
CREATE VIEW public.pg_extension AS SELECT 'x'::pg_catalog.name AS extname;
END
is($hostile, 0, 'a hostile schema') or diag($problem);

for my $role ($super, 'operator', 'watcher')
{
	for my $path ('public, pg_catalog', 'public')
	{
		my @calls = (
			'SELECT FROM backup_run', 'SELECT FROM backup_progress', 'SELECT FROM backup_catalogue',
			'SELECT FROM backup_status', 'SELECT FROM backup_mark_list', 'SELECT FROM backup_clone_list', 'SELECT FROM backup_list()', 'SELECT FROM backup_run_slots()');
		push @calls, (
			q(SELECT backup_now(database => 'postgres'::pg_catalog.name::pg_catalog.text)), 'SELECT backup_sync()',
			'SELECT FROM backup_check()', "SELECT FROM backup_verify('$kept'::pg_catalog.text)", 'CALL backup_wait(1)',
			'SELECT backup_cancel(1)', 'SELECT backup_adopt()') if $role ne 'watcher';
		for my $call (@calls)
		{
			my (undef, undef, $err) = as_role($role, "SET search_path = $path; $call");
			my ($state) = $err =~ /ERROR:  (\w{5}):/;
			ok(!defined $state || $state eq '42704', "$role, search_path $path: $call") or diag($err);
		}
	}
}

# An operator brings objects of his own, which are found first.
my ($status, undef, $err) = as_role('operator', <<"END");
CREATE TEMP TABLE backup_run_data (run bigint, state text, sqlstate text, message text, detail text, hint text, result jsonb);
CREATE TEMP TABLE pg_extension (extname name);
CREATE TYPE pg_temp.int8 AS (i integer);
CREATE FUNCTION pg_temp.now() RETURNS timestamptz LANGUAGE sql AS 'INSERT INTO public.payload VALUES (''pg_temp''); SELECT NULL::timestamptz';
SET search_path = pg_temp, public, pg_catalog;
SELECT public.backup_sync();
SELECT public.backup_verify('$kept'::pg_catalog.text);
CALL public.backup_wait(1);
SELECT FROM public.backup_status;
END
is($status, 0, 'an operator with temporary objects') or diag($err);
is($server->sql('SELECT count(*), string_agg(what OPERATOR(pg_catalog.||) \'\', \', \') FROM payload'), '0|',
	'nothing was caught');

# Take the hostile schema away again.
$server->sql('SET client_min_messages = error; DROP OWNED BY nobody_special CASCADE');
is($server->sql(q(SELECT count(*) FROM pg_extension WHERE extname = 'backup_ext')), 1, 'the extension outlives it');

# --- CREATE EXTENSION -------------------------------------------------------

$server->sql('CREATE DATABASE install');
$server->sql('GRANT CREATE ON SCHEMA public TO nobody_special', 'install');
for my $case (
	[ 'CREATE TABLE public.backup_run_data (run bigint)', '42P07', 'DROP TABLE public.backup_run_data' ],
	[ 'CREATE VIEW public.backup_status AS SELECT 1', '42P07', 'DROP VIEW public.backup_status' ],
	[ 'CREATE SEQUENCE public.backup_run_number', '42P07', 'DROP SEQUENCE public.backup_run_number' ],
	[ 'CREATE FUNCTION public.backup_sync(accept boolean) RETURNS bigint LANGUAGE sql AS $$ SELECT 1::bigint $$', '42723', 'DROP FUNCTION public.backup_sync' ],
	[ 'CREATE FUNCTION public.backup_installed() RETURNS void LANGUAGE sql AS $$ SELECT NULL::void $$', '42723', 'DROP FUNCTION public.backup_installed' ],
	[ 'CREATE FUNCTION public.backup_run_slots() RETURNS SETOF integer LANGUAGE sql AS $$ SELECT 1 $$', '42723', 'DROP FUNCTION public.backup_run_slots' ])
{
	my ($create, $sqlstate, $drop) = @$case;
	$server->sql("SET ROLE nobody_special; $create", 'install');
	$server->fails('CREATE EXTENSION backup_ext', $sqlstate, qr/already exists/, "not over what is there: $create",
		database => 'install');
	$server->sql($drop, 'install');
	is($server->sql(q(SELECT (SELECT count(*) FROM pg_class WHERE relname LIKE 'backup\_%')
		+ (SELECT count(*) FROM pg_proc WHERE proname LIKE 'backup\_%')), 'install'), 0, 'and nothing is half made');
}
for my $schema ('Hard Schema; DROP TABLE x;', 'select', 'a.b', "tab\there", 'öäü %s', 'ßß@extname@')
{
	(my $shown = $schema) =~ s/\s/ /g;
	$server->sql(qq(CREATE SCHEMA "$schema"), 'install');
	$server->set('backup_ext.database', 'install');
	$server->sql(qq(CREATE EXTENSION backup_ext SCHEMA "$schema"), 'install');
	is($server->sql(qq(SELECT "$schema".backup_sync() > 0), 'install'), 't', "schema $shown: sync");
	my $id = $server->sql(qq(SELECT "$schema".backup_now()), 'install');
	is($server->sql(qq(SELECT bool_and(ok) FROM "$schema".backup_verify('$id')), 'install'), 't', "schema $shown: verify");
	is($server->sql(qq(SELECT count(*) FROM "$schema".backup_status WHERE database = 'install' AND state = 'ok'), 'install'), 1, "schema $shown: status");
	$server->sql(qq(SELECT "$schema".backup_delete('$id', true)), 'install');
	$server->sql('DROP EXTENSION backup_ext', 'install');
	$server->sql(qq(DROP SCHEMA "$schema"), 'install');
}
for my $schema ('do""uble', q(si'ngle), 'back\slash', 'dol$lar')
{
	$server->sql(qq(CREATE SCHEMA "$schema"), 'install');
	$server->fails(qq(CREATE EXTENSION backup_ext SCHEMA "$schema"), '22P02', qr/invalid character in extension.*schema/,
		"a schema that PostgreSQL refuses: $schema", database => 'install');
}
$server->set('backup_ext.database', 'postgres');
$server->wait_sql(q(SELECT count(*) FROM pg_stat_activity WHERE datname = 'install'), 'nobody is there', 0);
$server->sql('DROP DATABASE install');

# --- odd texts in every argument --------------------------------------------

$server->sql(q(CREATE TABLE canary AS SELECT 'alive'::text AS state));
my $long = 'x' x 1_000_000;
my @texts = ("'; DROP TABLE canary; --", q("; DROP TABLE canary; --), '\\', q(\'), '$(touch ' . $place . '/canary)',
	'`touch ' . $place . '/canary`', "line\nLOG:  forged", "tab\tand\rreturn", '../../x', '/etc/passwd', '%2e%2e%2f', '%s%n%d%p', '{}', '"}, "verb": "delete', '',
	' ', '-', '--help', 'ÄÖÜ', '20261121T101500Z-../../x-7x2m', '20261121T101500Z-a/b-7x2m', '20261121T101500Z--7x2m',
	'20261121T101500Z-%zz-7x2m', '20261121T101500Z-a-7X2m', "20261121T101500Z-a-7x2m\n", $long, "20261121T101500Z-$long-7x2m");
my $before = tree($repo);
my %where = (
	kind => [ 'SELECT backup_now(kind => %s)', '22023' ],
	checkpoint => [ 'SELECT backup_now(checkpoint => %s)', '22023' ],
	database => [ 'SELECT backup_now(database => %s)', '3D000' ],
	content => [ 'SELECT backup_now(content => %s)', '22023' ],
	'id of verify' => [ 'SELECT backup_verify(%s)', '22023' ],
	'id of restore' => [ q[SELECT backup_restore(%s, 'odd')], '22023' ],
	'id of delete' => [ 'SELECT backup_delete(%s)', '22023' ],
	level => [ "SELECT backup_verify('$kept', %s)", '22023' ]);
for my $argument (sort keys %where)
{
	my ($call, $sqlstate) = @{ $where{$argument} };
	my @wrong;
	for my $text (@texts)
	{
		my (undef, undef, $err) = $server->try_sql("SET standard_conforming_strings = on;\n" . sprintf($call, literal($text)));
		my ($found) = $err =~ /ERROR:  (\w{5}): /;
		push @wrong, substr($text, 0, 40) . ' gives ' . ($found // 'no error') if ($found // '') ne $sqlstate;
		push @wrong, substr($text, 0, 40) . ' makes a long error' if length($err) > 2000;
	}
	is_deeply(\@wrong, [], scalar(@texts) . " odd texts as $argument: refused with $sqlstate");
	$server->fails(sprintf($call, 'NULL'), '22004', qr/must not be null/, "NULL as $argument") if $argument ne 'database';
}
is_deeply(tree($repo), $before, 'none of them has done anything');

# Filters and labels may be anything.
for my $text (@texts)
{
	my $short = substr($text =~ s/\s/ /gr, 0, 30);
	is($server->sql('SELECT count(*) FROM backup_list(' . literal($text) . ', ' . literal($text) . ')'), 0, "filter: $short")
	  if length($text) < 1000;
}
my %labels;
for my $text (grep { length($_) < 200 } @texts)
{
	my $short = substr($text =~ s/\s/ /gr, 0, 30);
	if ($text =~ /[\x00-\x1f\x7f]/)
	{
		$server->fails('SELECT backup_now(label => ' . literal($text) . ')', '22023', qr/"label"/, "label: $short is refused");
		next;
	}
	$labels{ $server->sql('SELECT backup_now(label => ' . literal($text) . ", content => 'schema')") } = $text;
}
$server->fails('SELECT backup_now(label => ' . literal($long) . ')', '22023', qr/"label"/, 'a label of 1 MB');
$server->fails(q(SELECT backup_now(label => E'\377\376')), '22021', qr/invalid byte sequence/, 'a label that is no text');
$server->sql('SELECT backup_sync()');
is_deeply({ map { $_ => $server->sql("SELECT label FROM backup_list() WHERE id = '$_'") } keys %labels },
	\%labels, 'odd labels come back from the repository as they were');
$server->sql("SELECT backup_delete('$_', true)") for keys %labels;

# Names of databases to be created: some are refused, others are only names.
for my $text (grep { length($_) < 64 && length($_) > 0 } @texts)
{
	my $short = $text =~ s/\s/ /gr;
	my ($state, $out, $problem) = $server->try_sql("SELECT backup_restore('$spoilt', " . literal($text) . ')');
	like($problem, qr/ERROR:  (?:XX001|22023|42602|58000|0A000): /, "target: $short is only a name");
}
$server->fails("SELECT backup_restore('$kept', '$_')", '22023', qr/target_database/, 'target of ' . length($_) . ' bytes')
  for '', 'x' x 64, $long;
is($server->sql(q(SELECT count(*) FROM pg_database WHERE datname LIKE '%restoring%')), 0, 'no database is left');

is($server->sql('SELECT state FROM canary'), 'alive', 'nothing was dropped');
ok(!-e "$place/canary", 'no shell has run');

# --- a catalogue that lies --------------------------------------------------

BackupExtFaults::spew("$place/outside.json", 'outside');
mkdir "$place/manifest";
BackupExtFaults::spew("$place/manifest/20261121T101500Z-x-7x2m.json", 'outside');
my $outside = tree($place);
my @lies = ('../../x', '../outside', '..', '/etc/passwd', "$place/outside", '20261121T101500Z-..%2F..%2Fx-7x2m',
	'20261121T101500Z-x-7x2m');
for my $lie (@lies)
{
	$server->sql(qq(INSERT INTO backup_catalogue_data (repository, seen_at, id, kind, database, state, started_at, content)
		SELECT current_setting('backup_ext.repository'), now(), '$lie', 'logical', 'postgres', 'good', now(), 'all'));
	my $state = $lie =~ /^2026/ ? '42704' : '22023';
	for my $call ("SELECT backup_verify('$lie')", "SELECT backup_delete('$lie', true)", "SELECT backup_restore('$lie', 'lie')")
	{
		$server->fails($call, $state, qr/does not exist|not the id of a backup/, "a lie in the catalogue: $call");
	}
}
is_deeply(tree($place), $outside, 'nothing is touched');
is($server->sql('SELECT backup_sync(accept => true)'), scalar(my @listed = $server->listed), 'sync');
is($server->sql('SELECT count(*) FROM backup_list()'), scalar(@listed), 'takes the lies away');

# The id of the repository is compared, not used.
$server->sql(q(UPDATE backup_repository_data SET id = '../../x'));
$server->fails('SELECT backup_now()', '55000', qr/is not the repository that this server uses/, 'a lie about the repository');
$server->sql('SELECT backup_sync(accept => true)');

# A run that was never there, and one with a result of somebody else's making.
$server->sql(q(INSERT INTO backup_run_data (run, verb, state, requested_at, sqlstate, message, detail, hint)
	VALUES (999999, 'backup', 'failed', now(), 'XXXX', '%s%n', repeat('x', 100000), 'h'), (999998, 'backup', 'failed', now(), '00000', 'm', NULL, NULL)));
$server->fails('CALL backup_wait(999999)', '58000', qr/^%s%n$/, 'a lie about a run');
$server->fails('CALL backup_wait(999998)', '58000', qr/^m$/, 'a lie about its SQLSTATE');
$server->fails('CALL backup_wait(999997)', '42704', qr/^run 999997 does not exist$/, 'a run that does not exist');
$server->sql('DELETE FROM backup_run_data WHERE run > 999990');

$server->sql("SELECT backup_delete('$spoilt')");
is($server->start_time, $started, 'the server did not restart');
$server->all_readable('in the end');
$server->is_clean('in the end');
$server->no_crash('rights');
$node->stop;
done_testing();

sub literal
{
	my ($text) = @_;
	return q(') . $text =~ s/'/''/gr . q(');
}
