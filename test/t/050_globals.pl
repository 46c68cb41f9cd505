# A whole cluster comes back into an empty one: roles, memberships, passwords,
# settings, tablespaces, rights, by the program alone.
use strict;
use warnings;
use BackupExt;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = BackupExt->new('main');
$node->init;
$node->begin;
my $mark = '/tmp/pwned_role';
unlink $mark;

# --- a cluster with everything that is not in a database

my $space = $node->basedir . '/space';
mkdir $space or die "could not make \"$space\": $!";
my $hard = qq{it's "hard" \$(touch $mark) `touch $mark`};
my @hard = ($hard, "\\! touch $mark");
# Newer servers refuse a name with the end of a line in it.
push @hard, "x\n\\! touch $mark\n'\"; \\! touch $mark\n" if $node->pg_version < 19;

$node->safe_psql('postgres', <<"END");
CREATE ROLE boss LOGIN SUPERUSER PASSWORD 'secret of ''boss''';
CREATE ROLE app LOGIN PASSWORD 'app' CONNECTION LIMIT 7 VALID UNTIL '2040-01-01 00:00:00+00';
CREATE ROLE staff NOLOGIN NOINHERIT CREATEROLE;
CREATE ROLE reader BYPASSRLS REPLICATION;
GRANT staff TO app WITH ADMIN OPTION;
GRANT reader TO staff, app;
GRANT pg_monitor TO reader;
ALTER ROLE app SET work_mem = '5MB';
ALTER ROLE app SET search_path = "\$user", public, "it's ""hard""";
ALTER ROLE ALL SET log_min_duration_statement = '1min';
COMMENT ON ROLE app IS 'the ''application''
in two lines';
GRANT SET, ALTER SYSTEM ON PARAMETER log_statement TO staff;
CREATE TABLESPACE fast OWNER app LOCATION '$space';
ALTER TABLESPACE fast SET (random_page_cost = 1.5);
GRANT CREATE ON TABLESPACE fast TO staff WITH GRANT OPTION;
COMMENT ON TABLESPACE fast IS 'comment of a tablespace';
CREATE DATABASE shop;
CREATE DATABASE spaced OWNER app TABLESPACE fast;
END
foreach my $role (@hard)
{
	my ($name, $text) = (BackupExt::identifier($role), BackupExt::literal($role));

	$node->safe_psql('postgres', <<"END");
CREATE ROLE $name LOGIN PASSWORD $text;
COMMENT ON ROLE $name IS $text;
ALTER ROLE $name SET application_name = $text;
GRANT staff TO $name;
ALTER ROLE $name IN DATABASE shop SET application_name = $text;
END
}
$node->run_file('shop', 'shop.sql');
$node->safe_psql('shop', <<"END");
ALTER DATABASE shop OWNER TO app;
ALTER DATABASE shop CONNECTION LIMIT 12;
ALTER DATABASE shop SET timezone = 'Asia/Kathmandu';
ALTER DATABASE shop SET search_path = public, stock, "it's ""hard""";
ALTER ROLE app IN DATABASE shop SET statement_timeout = '5min';
REVOKE ALL ON DATABASE shop FROM PUBLIC;
GRANT CONNECT, TEMPORARY ON DATABASE shop TO reader WITH GRANT OPTION;
COMMENT ON DATABASE shop IS 'the ''shop''';
ALTER DEFAULT PRIVILEGES FOR ROLE app IN SCHEMA stock GRANT SELECT ON TABLES TO reader;
ALTER DEFAULT PRIVILEGES FOR ROLE app GRANT EXECUTE ON FUNCTIONS TO staff WITH GRANT OPTION;
ALTER DEFAULT PRIVILEGES FOR ROLE app REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
GRANT SELECT ON customers TO reader;
GRANT UPDATE (note) ON orders TO ${\(BackupExt::identifier($hard))};
ALTER TABLE orders OWNER TO ${\(BackupExt::identifier($hard[-1]))};
ALTER TABLE order_log SET TABLESPACE fast;
END
$node->safe_psql('spaced', <<'END');
CREATE TABLE here AS SELECT * FROM generate_series(1, 1000) AS n;
CREATE TABLE there TABLESPACE pg_default AS SELECT * FROM generate_series(1, 1000) AS n;
END

my %id = map { $_ => $node->backup_now($_) } 'shop', 'spaced';
my $globals = $node->dump_globals;
my %expected = map {
	$_ => [ $node->dump_text($_, '--schema-only'), created($node, $_), $node->digest($_), $node->properties($_) ]
} keys %id;
like($globals, qr/SCRAM-SHA-256/, 'the globals have passwords');
like($node->program_ok([ 'cat', $id{shop}, '--object', 'globals.sql' ], 'cat of the globals'),
	qr/^CREATE TABLESPACE fast /m, 'the backup has them');

# --- the cluster is gone; its tablespace's directory is there, but empty

$node->stop;
rename $space, "$space.lost" or die "could not move \"$space\": $!";
mkdir $space or die "could not make \"$space\": $!";
my $new = PostgreSQL::Test::Cluster->new('new');
$new->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$new->start;
bless $new, 'BackupExt';

my @to_new = ('--conninfo=host=' . $new->host . ' port=' . $new->port);
$node->program_ok([ 'restore', $id{shop}, '--globals', @to_new ], 'restore --globals');
BackupExt::same_text($new->dump_globals, $globals, 'the globals are the same');
is($new->safe_psql('postgres', 'SELECT count(*) FROM pg_database'), '3', 'and no database was made');
foreach my $database (sort keys %id)
{
	my ($dump, $created, $digest, $properties) = @{ $expected{$database} };

	$node->program_ok([ 'restore', $id{$database}, '--to', $database, @to_new ], "$database: restore");
	BackupExt::same_text($new->dump_text($database, '--schema-only'), $dump, "$database: the objects are the same");
	BackupExt::same_text(created($new, $database), $created, "$database: so is the whole dump");
	BackupExt::same_text($new->digest($database), $digest, "$database: the rows are the same");
	BackupExt::same_text($new->properties($database), $properties, "$database: owner, rights and settings are the same");
}
BackupExt::same_text($new->dump_globals, $globals, 'the globals are the same still');
like($new->safe_psql('shop', q{SELECT tablespace FROM pg_tables WHERE tablename = 'order_log'}),
	qr/^fast$/, 'a table is in its tablespace');

# --- the passwords are those

$new->append_conf('pg_hba.conf', "# replaced\n");
BackupExt::write_file($new->data_dir . '/pg_hba.conf', "local all app,boss scram-sha-256\nlocal all all trust\n");
$new->reload;
foreach my $login ([ 'app', 'app' ], [ 'boss', q{secret of 'boss'} ])
{
	local $ENV{PGPASSWORD} = $login->[1];
	is( $new->safe_psql('shop', 'SELECT current_user', connstr => $new->connstr('shop') . " user=$login->[0]"),
		$login->[0], "$login->[0] can log in");
	$ENV{PGPASSWORD} = 'wrong';
	isnt( $new->psql('shop', 'SELECT 1', connstr => $new->connstr('shop') . " user=$login->[0]"),
		0, "$login->[0] cannot with another password");
}

# --- a second time it complains of nothing but what exists

my ($status, $out, $err) = $node->program('restore', $id{shop}, '--globals', @to_new);
is($status, 0, 'restore --globals again') or diag($err);
is_deeply([ grep { !/^pg_backup_ext: info: .* already exists\n\z/s } split /^(?=pg_backup_ext: )/m, $err ],
	[], 'says only what exists');
BackupExt::same_text($new->dump_globals, $globals, 'and changes nothing');

# --- a backup that lacks a role says which

my $empty = PostgreSQL::Test::Cluster->new('empty');
$empty->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$empty->start;
($status, $out, $err) = $node->program('restore', $id{spaced}, '--to', 'spaced',
	'--conninfo=host=' . $empty->host . ' port=' . $empty->port);
is($status, 1, 'a restore without its roles fails');
like($err, qr/role "app" does not exist.*hint: .*--globals/s, 'and says which is missing');
is($empty->safe_psql('postgres', 'SELECT count(*) FROM pg_database'), '3', 'nothing is left of it');

ok(!-e $mark, "there is no $mark");
done_testing();

# The lines of a dump with CREATE DATABASE, sorted: pg_dump writes the settings
# of roles in no order, and COPY may put a short row into a page with room.
sub created
{
	my ($server, $database) = @_;
	return join "\n", sort split /\n/, $server->dump_text($database, '--create');
}
