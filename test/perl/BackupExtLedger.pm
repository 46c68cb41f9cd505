# BackupExtLedger.pm - a ledger that clients write, by which a test tells up to
# where a server was restored, and whether anything in it is not as it was.
#
# Each row carries a hash over the row before it, and rows are numbered without
# gaps: a restored ledger is right exactly if it is a beginning of the
# original's. Beside it is a table whose rows change without an order.
package BackupExtLedger;

use strict;
use warnings;

use BackupExt;
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# Makes the tables in a running server.
sub new
{
	my ($class, $node) = @_;
	my $script = PostgreSQL::Test::Utils::tempdir() . '/ledger.sql';

	$node->safe_psql('postgres', <<'END');
CREATE EXTENSION IF NOT EXISTS amcheck;
CREATE TABLE ledger (id bigint PRIMARY KEY, body text NOT NULL, hash text NOT NULL);
INSERT INTO ledger VALUES (0, '', md5(''));
CREATE TABLE filler AS SELECT g AS id, repeat(md5(g::text), 10) AS body FROM generate_series(1, 20000) g;
CREATE INDEX ON filler (id);
END
	BackupExt::write_file($script, <<'END');
BEGIN;
LOCK TABLE ledger IN EXCLUSIVE MODE;
INSERT INTO ledger SELECT id + 1, md5(random()::text), md5(hash || (id + 1))
	FROM ledger ORDER BY id DESC LIMIT 1;
UPDATE filler SET body = repeat(md5(random()::text), 10) WHERE id = (random() * 20000)::int;
COMMIT;
END
	return bless { node => $node, script => $script, restored => 0 }, $class;
}

# Lets clients write until "stop".
sub start
{
	my ($self) = @_;

	$self->{output} = '';
	$self->{clients} = IPC::Run::start(
		[ 'pgbench', '-n', '-c', '3', '-j', '1', '-T', '600', '-f', $self->{script},
			$self->{node}->connstr('postgres') ],
		'<', \undef, '>', \$self->{output}, '2>', \$self->{output});
	return;
}

# Ends the clients, and remembers what the ledger is then.
sub stop
{
	my ($self) = @_;
	my $node = $self->{node};

	$self->{clients}->signal('TERM');
	$self->{clients}->finish;
	$self->{rows} = [ split /\n/, $node->safe_psql('postgres',
		"SELECT id || ' ' || hash FROM ledger ORDER BY id") ];
	$self->{filler} = filler($node);
	return;
}

sub last_id { return $_[0]{node}->safe_psql('postgres', 'SELECT max(id) FROM ledger'); }

sub wait_for_rows
{
	my ($self, $more) = @_;
	my $have = $self->last_id;

	$self->{node}->poll_query_until('postgres',
		"SELECT max(id) > $have + $more FROM ledger") or die 'nothing is written';
	return;
}

# The digest of the other table.
sub filler
{
	my ($node) = @_;
	return $node->safe_psql('postgres',
		q{SELECT md5(string_agg(f::text, ',' ORDER BY id)) FROM filler f});
}

# Starts what was restored into a directory, and compares. $last judges the
# number of the last row.
sub look
{
	my ($self, $directory, $name, $last) = @_;
	my $restored = PostgreSQL::Test::Cluster->new('restored' . ++$self->{restored});

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	rename $directory, $restored->data_dir or die "rename: $!";
	$restored->append_conf('postgresql.conf', 'port = ' . $restored->port);
	$restored->start;
	$restored->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()')
	  or die 'recovery does not end';
	my @rows = split /\n/, $restored->safe_psql('postgres',
		"SELECT id || ' ' || hash FROM ledger ORDER BY id");
	ok($last->($#rows), "$name: the ledger ends where it should") or diag("it ends at $#rows");
	is_deeply(\@rows, [ @{ $self->{rows} }[ 0 .. $#rows ] ],
		"$name: and is the original's up to there");
	$restored->command_ok([ 'pg_amcheck', '--all', '--heapallindexed', '-d', 'postgres',
			'-h', $restored->host, '-p', $restored->port ], "$name: pg_amcheck finds nothing");
	return $restored;
}

# The same, where nothing may be missing.
sub look_latest
{
	my ($self, $directory, $name) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $restored = $self->look($directory, $name, sub { $_[0] == $#{ $self->{rows} } });
	is(filler($restored), $self->{filler}, "$name: other tables are as they were");
	return $restored;
}

1;
