# BackupExt.pm - a test server with the extension, and a repository beside it.
#
# A node is a PostgreSQL::Test::Cluster whose library is preloaded and whose
# repository is in the node's own directory. Every comparison of the tests is
# made here: dumps, digests of rows, and what a database has beside its
# objects.
package BackupExt;

use strict;
use warnings;
use parent 'PostgreSQL::Test::Cluster';

use Cwd ();
use File::Find ();
use IPC::Run ();
use JSON::PP ();
use Digest::SHA ();
use PostgreSQL::Test::Utils;
use Test::More;

# --- the server ------------------------------------------------------------

sub init
{
	my ($self, %params) = @_;

	$params{extra} ||= [ '--encoding=UTF8', '--locale=C' ];
	$self->SUPER::init(%params);
	$self->append_conf('postgresql.conf', sprintf <<'END', $self->url);
shared_preload_libraries = 'backup_ext'
backup_ext.repository = '%s'
END
	return;
}

# Starts the server, creates the extension and the repository.
sub begin
{
	my ($self) = @_;

	$self->start;
	$self->safe_psql('postgres', 'CREATE EXTENSION backup_ext');
	$self->safe_psql('postgres', 'SELECT backup_repository_create()');
	return;
}

sub repository { return $_[0]->basedir . '/repository'; }
sub url { return 'file://' . Cwd::abs_path($_[0]->basedir) . '/repository'; }

# Where an object of a backup lies.
sub object
{
	my ($self, $id, $name) = @_;
	return $self->repository . "/backup/$id/$name";
}

# psql that cannot connect may end before it has read the query, which IPC::Run
# takes for a fault of the test.
sub poll_query_until
{
	my ($self, @arguments) = @_;
	my $result;

	while (!eval { $result = $self->SUPER::poll_query_until(@arguments); 1 })
	{
		die $@ unless $@ =~ /Broken pipe/;
	}
	return $result;
}

# Sets something for every session that starts from now on.
sub set
{
	my ($self, $setting, $value) = @_;

	$self->safe_psql('postgres', "ALTER SYSTEM SET $setting = '$value'");
	$self->reload;
	$self->poll_query_until('postgres', "SELECT current_setting('$setting') = '$value'")
	  or die "$setting did not become $value";
	return;
}

# A database with the rows of a file of test/data.
sub load
{
	my ($self, $database, $file, @variables) = @_;

	$self->safe_psql('postgres', 'CREATE DATABASE ' . identifier($database));
	$self->run_file($database, $file, @variables);
	return;
}

sub run_file
{
	my ($self, $database, $file, @variables) = @_;
	my @command = (
		'psql', '-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1',
		(map { ('-v', $_) } @variables),
		'-d', $self->connstr($database), '-f', "test/data/$file");
	my ($out, $err) = ('', '');

	IPC::Run::run(\@command, '<', \undef, '>', \$out, '2>', \$err)
	  or die "$file does not run in $database: $err";
	return $out;
}

sub connect_options { return '--conninfo=host=' . $_[0]->host . ' port=' . $_[0]->port; }

# --- the calls -------------------------------------------------------------

# Returns the id of a new backup.
sub backup_now
{
	my ($self, $database, $arguments) = @_;

	return $self->safe_psql('postgres',
		'SELECT backup_now(database => '
		  . literal($database)
		  . (defined $arguments ? ", $arguments" : '') . ')');
}

sub restore
{
	my ($self, $id, $target, $arguments) = @_;

	return $self->safe_psql('postgres',
		"SELECT backup_restore('$id', "
		  . literal($target)
		  . (defined $arguments ? ", $arguments" : '') . ')');
}

# An SQL command must fail with this SQLSTATE and this text.
sub sql_fails
{
	my ($self, $sql, $sqlstate, $text, $name) = @_;
	my $err = '';

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $status = $self->psql('postgres', $sql, stderr => \$err,
		extra_params => [ '-v', 'VERBOSITY=verbose' ]);
	isnt($status, 0, "$name: fails");
	return like($err, qr/ERROR:  \Q$sqlstate\E: .*?(?:$text)/s, "$name: says why");
}

# Runs the program for this repository; returns status, output and messages.
sub program
{
	my ($self, $command, @arguments) = @_;
	my ($out, $err) = ('', '');

	IPC::Run::run([ 'pg_backup_ext', $command, '--repo', $self->url,
			$self->connect_options, @arguments ],
		'<', \undef, '>', \$out, '2>', \$err);
	return ($? >> 8, $out, $err);
}

sub program_ok
{
	my ($self, $arguments, $name) = @_;
	my ($status, $out, $err) = $self->program(@$arguments);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is($status, 0, $name) or diag($err);
	return $out;
}

sub program_fails
{
	my ($self, $arguments, $text, $name) = @_;
	my ($status, $out, $err) = $self->program(@$arguments);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is($status, 1, "$name: exit status 1");
	return like($err, $text, "$name: says why");
}

# --- recovery --------------------------------------------------------------

# To be called before the first start: WAL goes into the repository.
sub archive_wal
{
	my ($self) = @_;

	$self->append_conf('postgresql.conf', sprintf <<'END', $self->url);
wal_level = replica
archive_mode = on
archive_command = 'pg_backup_ext archive-push %%p --repo %s -D .'
END
	return;
}

# Ends the current segment and waits until it is in the repository.
sub wait_archived
{
	my ($self) = @_;
	my $file = $self->safe_psql('postgres',
		"SELECT pg_walfile_name(pg_logical_emit_message(false, 'test', 'end'))");

	$self->safe_psql('postgres', 'SELECT pg_switch_wal()');
	$self->poll_query_until('postgres',
		"SELECT last_archived_wal >= '$file' FROM pg_stat_archiver")
	  or die "$file was not archived";
	return $file;
}

# Returns the id of a new base backup.
sub base_backup
{
	my ($self) = @_;
	my ($status, $out, $err) =
	  $self->program('backup', '--kind', 'base', '-D', $self->data_dir, '--json');

	die "no base backup: $err" if $status != 0;
	my ($id) = $out =~ /"id":\s*"([^"]+-base-[^"]+)"/ or die "no id: $out";
	return $id;
}

# A node whose data directory is not there yet: the place of a restore.
sub to_be_restored
{
	my ($class, $name) = @_;
	my $self = $class->new($name);

	mkdir $self->basedir;
	return $self;
}

# Restores what this server has backed up into another node, and returns what
# the program said.
sub restore_into
{
	my ($self, $other, @options) = @_;
	my ($status, $out, $err) =
	  $self->program('restore', '--to', $other->data_dir, @options);

	die "no restore: $err" if $status != 0;
	return $out . $err;
}

# Starts a restored node at its own port, and waits for the end of recovery.
sub begin_restored
{
	my ($self) = @_;

	$self->append_conf('postgresql.conf', sprintf <<'END', $self->port, $self->host);
port = %s
unix_socket_directories = '%s'
listen_addresses = ''
END
	$self->start;
	$self->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()')
	  or die 'recovery does not end';
	return;
}

# --- comparing -------------------------------------------------------------

sub digest { return $_[0]->run_file($_[1], 'digest.sql'); }

# A dump as text, without what pg_dump makes up anew each time.
sub dump_text
{
	my ($self, $database, @options) = @_;

	return $self->stock_dump('pg_dump', @options, '-d', $self->connstr($database));
}

sub dump_globals
{
	my ($self) = @_;
	return $self->stock_dump('pg_dumpall', '--globals-only', '-d', $self->connstr('postgres'));
}

sub stock_dump
{
	my ($self, @command) = @_;
	my ($out, $err) = ('', '');

	IPC::Run::run(\@command, '<', \undef, '>', \$out, '2>', \$err)
	  or die "$command[0] fails: $err";
	$out =~ s/^\\(?:un)?restrict .*\n//mg;
	return $out;
}

# Two texts of many lines; of a difference only the first lines are shown.
sub same_text
{
	my ($got, $expected, $name) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return ok(1, $name) if $got eq $expected && $expected ne '';
	my @got = split /\n/, $got, -1;
	my @expected = split /\n/, $expected, -1;
	my $line = 0;
	$line++
	  while $line < @got && $line < @expected && $got[$line] eq $expected[$line];
	ok(0, $name);
	diag(sprintf "line %d of %d:\n got      %s\n expected %s", $line + 1,
		scalar @expected, $got[$line] // '(end)', $expected[$line] // '(end)');
	return 0;
}

# The rows of two databases, perhaps of two nodes.
sub same_rows
{
	my ($self, $database, $other, $original, $name) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return same_text($self->digest($database), $other->digest($original), $name);
}

# What a database has beside its objects: owner, ACL, settings and the like.
sub properties
{
	my ($self, $database) = @_;

	return $self->safe_psql('postgres', <<'END', extra_params => [ '-v', "database=$database" ]);
SELECT 'database', datdba::regrole, datconnlimit, datistemplate, datallowconn,
	pg_encoding_to_char(encoding), datcollate, datctype, spcname,
	shobj_description(d.oid, 'pg_database')
FROM pg_database d JOIN pg_tablespace t ON t.oid = dattablespace
WHERE datname = :'database';
SELECT 'right', CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END,
	a.privilege_type, a.is_grantable
FROM pg_database d, aclexplode(d.datacl) a
WHERE datname = :'database' ORDER BY 2, 3;
SELECT 'setting', CASE setrole WHEN 0 THEN 'all' ELSE setrole::regrole::text END, setconfig
FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase
WHERE datname = :'database' ORDER BY 2;
END
}

# --- data in the repository ------------------------------------------------

# A small file of the repository as Perl data.
sub read_json
{
	my ($self, $path) = @_;
	return JSON::PP->new->utf8->decode(slurp_file($self->repository . "/$path"));
}

# Writes one with a seal that is right (FORMAT.md, "Small files and their seal").
sub write_json
{
	my ($self, $path, $json) = @_;
	my $coder = JSON::PP->new->utf8->canonical;

	delete $json->{seal};
	$json->{seal} = {
		algorithm => 'sha256',
		value => Digest::SHA::sha256_hex($coder->encode($json))
	};
	write_file($self->repository . "/$path", $coder->encode($json));
	return;
}

sub write_file
{
	my ($path, $bytes) = @_;

	open(my $file, '>:raw', $path) or die "could not write \"$path\": $!";
	print $file $bytes;
	close($file) or die "could not write \"$path\": $!";
	return;
}

# Changes one byte of a file.
sub flip_byte
{
	my ($path, $offset) = @_;
	my $bytes = slurp_file($path);

	substr($bytes, $offset, 1) = chr(ord(substr($bytes, $offset, 1)) ^ 0x55);
	return write_file($path, $bytes);
}

# The paths of all files and folders below a folder.
sub tree
{
	my ($folder) = @_;
	my @found;

	File::Find::find({ no_chdir => 1, wanted => sub { push @found, $_ } }, $folder);
	return join("\n", sort @found) . "\n";
}

# --- names -----------------------------------------------------------------

sub literal
{
	my ($text) = @_;
	$text =~ s/'/''/g;
	return "'$text'";
}

sub identifier
{
	my ($name) = @_;
	$name =~ s/"/""/g;
	return "\"$name\"";
}

# The names, as bytes, that the lines of a text are in JSON.
sub names
{
	my ($lines) = @_;
	my @names = map { JSON::PP->new->utf8->allow_nonref->decode($_) } split /\n/, $lines;

	utf8::encode($_) foreach @names;
	return @names;
}

# --- a session that stays --------------------------------------------------

# Returns an object with query(SQL) and end(). It is written here since
# background_psql() differs between the versions of PostgreSQL::Test.
sub session
{
	my ($self, $database) = @_;
	my $session = bless { in => '', out => '' }, 'BackupExt::Session';

	$session->{harness} = IPC::Run::start(
		[ 'psql', '-X', '-q', '-A', '-t', '-d', $self->connstr($database) ],
		'<', \$session->{in}, '>', \$session->{out}, '2>&1',
		IPC::Run::timer($PostgreSQL::Test::Utils::timeout_default));
	return $session;
}

package BackupExt::Session;

# Sends a query and waits for its answer.
sub query
{
	my ($self, $sql) = @_;

	$self->send("$sql;\n\\echo -- answered");
	$self->{harness}->pump until $self->{out} =~ /^-- answered$/m;
	my $answer = $self->{out};
	$self->{out} = '';
	$answer =~ s/^-- answered\n//m;
	chomp $answer;
	return $answer;
}

# Sends it and does not wait.
sub send
{
	my ($self, $sql) = @_;

	$self->{in} .= "$sql\n";
	$self->{harness}->pump_nb;
	return;
}

# Ends the input, and so the session; returns what it has said since.
sub end
{
	my ($self) = @_;

	$self->{harness}->finish;
	return $self->{out};
}

1;
