# No name of a database is ever interpreted: not by a shell, a file system, an
# option parser or libpq.
use strict;
use warnings;
use BackupExt;
use IO::Select;
use IO::Socket::INET;
use PostgreSQL::Test::Utils;
use Test::More;

# Whoever took a name for a connection string would knock here.
my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 50, Proto => 'tcp')
  or die "could not listen: $!";
my $port = $listener->sockport;
my @traps = (
	"host=127.0.0.1 port=$port dbname=x",
	"postgresql://127.0.0.1:$port/postgres?sslmode=disable");

# Files that the names want to make, or that a slash in one would lead to.
my @marks = ('/tmp/pwned', '/absolute/path', glob('/tmp/pwned*'));
unlink @marks;

my $node = BackupExt->new('main');
$node->init;
$node->begin;
my @names = BackupExt::names($node->run_file('postgres', 'hostile.sql'));
cmp_ok(scalar @names, '>=', 30, 'there are many names');
foreach my $name (@traps)
{
	$node->safe_psql('postgres', 'CREATE DATABASE ' . BackupExt::identifier($name));
	$node->safe_psql($name, 'CREATE TABLE who AS SELECT current_database()::text AS name');
}
my $before = outside();

# --- backed up through SQL

$node->safe_psql('postgres', <<'END');
CREATE TABLE made (name text, id text);
INSERT INTO made
SELECT datname::text AS name, backup_now(database => datname) AS id
FROM pg_database
WHERE datname NOT IN ('postgres', 'template0', 'template1')
END
my $count = $node->safe_psql('postgres', 'SELECT count(*) FROM made');
is($count, @names + @traps, 'every database has a backup');
is( $node->safe_psql('postgres', 'SELECT count(*) FROM made JOIN backup_list() AS l USING (id) WHERE l.database = name'),
	$count, 'the list has their true names');
is( $node->safe_psql('postgres', q{SELECT count(*) FROM made WHERE id !~ '^[0-9]{8}T[0-9]{6}Z-[A-Za-z0-9_.%-]+-[a-z0-9]{4}$' OR length(id) > 230}),
	'0', 'ids have harmless characters');
is($node->safe_psql('postgres', q{SELECT count(*) FROM made JOIN backup_status AS s ON s.database = name WHERE s.state = 'ok'}),
	$count, 'backup_status has their true names');
is( $node->safe_psql('postgres', 'SELECT count(*) FROM made, backup_verify(id) AS v WHERE NOT v.ok'),
	'0', 'all of them verify');

# --- restored through SQL: under names that are as hard, and into themselves

$node->safe_psql('postgres', <<'END');
ALTER TABLE made ADD copy text, ADD restored text;
WITH numbered AS (
	SELECT m.*, row_number() OVER (ORDER BY name COLLATE "C") AS n FROM made AS m
), named AS (
	SELECT name, left(name, CASE WHEN octet_length(name) > 60 THEN 10 ELSE 60 END) || n AS copy
	FROM numbered
)
UPDATE made SET copy = named.copy FROM named WHERE named.name = made.name;
UPDATE made SET restored = backup_restore(id, copy);
END
is( $node->safe_psql('postgres', 'SELECT count(*) FROM made JOIN pg_database ON datname = copy AND restored = copy'),
	$count, 'every backup is restored under a new name');
my %copy = read_content('SELECT copy FROM made');
is_deeply([ sort values %copy ], [ sort @names, @traps ], 'each has the content of another one');
is_deeply([ grep { index($_, substr($copy{$_}, 0, 10)) != 0 } keys %copy ], [], 'and of the right one');

my $old = $node->safe_psql('postgres', 'SELECT sum(oid::bigint) FROM pg_database JOIN made ON datname = name');
$node->safe_psql('postgres', 'UPDATE made SET restored = backup_restore(id, name, replace => true)');
isnt($node->safe_psql('postgres', 'SELECT sum(oid::bigint) FROM pg_database JOIN made ON datname = name'),
	$old, 'every database is replaced');
my %new = read_content('SELECT name FROM made');
is_deeply(\%new, { map { $_ => $_ } @names, @traps }, 'each has its own content');
my %kept = read_content(q{SELECT datname FROM pg_database WHERE datname ~ '_[0-9]{8}T[0-9]{6}Z_[a-z0-9]{2}$'});
is_deeply([ sort values %kept ], [ sort @names, @traps ], 'every old database is kept, with its content');
is_deeply([ grep { $kept{$_} !~ /^\Q${\(substr($_, 0, -20))}\E/ } keys %kept ], [], 'under a dated name');

# --- nothing was taken for anything else

is(outside(), $before, 'there is no new file outside the repository');
ok(!-e $_, "there is no $_") foreach @marks;
ok(!IO::Select->new($listener)->can_read(0), 'nobody has knocked');

# A refusal quotes the name too.
$node->sql_fails(q{SELECT backup_now(database => '$(touch /tmp/pwned)x')}, '3D000',
	'database "\$\(touch /tmp/pwned\)x" does not exist', 'a database that is not there');

$node->stop;
unlike(slurp_file($node->logfile), qr/PANIC|terminated by signal/, 'nothing crashed');
done_testing();

# The name that is written in each of the databases that a query finds.
sub read_content
{
	my ($query) = @_;
	my $found = $node->safe_psql('postgres', "SELECT to_json(d::text) FROM ($query) AS q (d)");

	return map { $_ => $node->safe_psql($_, 'SELECT name FROM who') }
	  BackupExt::names($found);
}

# Everything in the node's directory and in ours but the repository, logs and
# the files of databases.
sub outside
{
	my $found = BackupExt::tree($node->basedir) . BackupExt::tree('.');

	$found =~ s{^.*/(?:base|global|pg_\w+|repository|log|tmp_check)(?:/.*)?\n}{}mg;
	return $found;
}
