# Whatever is done to stored bytes: wrong ones are never taken for good. Each
# row of the table is a mutilation of one backup and what is said of it.
use strict;
use warnings;
use BackupExt;
use File::Copy qw(copy);
use PostgreSQL::Test::Utils;
use Test::More;

my $node = BackupExt->new('main');
$node->init;
$node->begin;
$node->load($_, 'shop.sql') foreach 'shop', 'other';
$node->safe_psql('other', 'DELETE FROM order_items WHERE line = 2');

my $id = $node->backup_now('shop');
my $other = $node->backup_now('other');
my $pristine = $node->basedir . '/pristine';
system_or_bail('cp', '-a', $node->repository, $pristine);

my $archive = 'archive.dump.001.zst';
my $globals = 'globals.sql.001.zst';
my $contents = 'contents.jsonl.001.zst';
my $manifest = "manifest/$id.json";
my $damaged = sub { qr/^object "\Q$_[0]\E" of backup "\Q$id\E" is damaged/ };
my $missing = sub { qr{^object "backup/\Q$id\E/\Q$_[0]\E" does not exist in } };

# name, what is done, the check that fails at level stored and what it says,
# the same at level readable, what a restore says; undef: there all is well.
my @cases = (
	[ 'archive missing', sub { unlink_object($archive) },
		[ $archive, $missing->($archive) ], [ 'archive.dump', $missing->($archive) ], [ '58P01', $missing->($archive) ] ],
	(map {
			my ($where, $part) = @$_;
			[ "archive flipped at the $where", sub { flip($archive, $part) },
				[ $archive, $damaged->($archive) ], [ 'archive.dump', $damaged->($archive) ], [ 'XX001', $damaged->($archive) ] ]
		} [ 'start', 0 ], [ 'middle', 0.5 ], [ 'end', 1 ]),
	[ 'archive that decodes to nonsense before its end', sub { overwrite($archive) },
		[ $archive, $damaged->($archive) ], [ 'archive.dump', $damaged->($archive) ], [ 'XX001', $damaged->($archive) ] ],
	[ 'archive truncated', sub { truncate_object($archive, -1) },
		[ $archive, $damaged->($archive) ], [ 'archive.dump', $damaged->($archive) ], [ 'XX001', $damaged->($archive) ] ],
	[ 'archive truncated to nothing', sub { truncate_object($archive, 0) },
		[ $archive, $damaged->($archive) ], [ 'archive.dump', $damaged->($archive) ], [ 'XX001', $damaged->($archive) ] ],
	[ 'archive extended', sub { extend($archive, 'x') },
		[ $archive, $damaged->($archive) ], [ 'archive.dump', $damaged->($archive) ], [ 'XX001', $damaged->($archive) ] ],
	[ 'archive extended by a frame', sub { extend($archive, slurp_file($node->object($id, $globals))) },
		[ $archive, $damaged->($archive) ],
		[ 'archive.dump', qr/^object "\Q$archive\E" .* has another size than its manifest says/ ],
		[ 'XX001', qr/object "\Q$archive\E" .* has another size than its manifest says/ ] ],
	[ 'archive of another backup', sub { swap($archive) },
		[ $archive, $damaged->($archive) ], [ 'archive.dump', $damaged->($archive) ], [ 'XX001', $damaged->($archive) ] ],
	[ 'globals flipped', sub { flip($globals, 0.5) },
		[ $globals, $damaged->($globals) ], [ 'globals.sql', $damaged->($globals) ], undef ],
	[ 'globals missing', sub { unlink_object($globals) },
		[ $globals, $missing->($globals) ], [ 'globals.sql', $missing->($globals) ], undef ],
	[ 'contents flipped', sub { flip($contents, 0.5) },
		[ $contents, $damaged->($contents) ], [ 'archive.dump', $damaged->($contents) ], [ 'XX001', $damaged->($contents) ] ],
	[ 'contents of another backup', sub { swap($contents) },
		[ $contents, $damaged->($contents) ], [ 'archive.dump', $damaged->($contents) ], [ 'XX001', $damaged->($contents) ] ],
	[ 'RESTORE.txt edited', sub { extend('RESTORE.txt', "rm -rf /\n") },
		[ 'RESTORE.txt', $damaged->('RESTORE.txt') ], [ 'RESTORE.txt', $damaged->('RESTORE.txt') ], undef ],
	[ 'RESTORE.txt missing', sub { unlink_object('RESTORE.txt') },
		[ 'RESTORE.txt', $missing->('RESTORE.txt') ], [ 'RESTORE.txt', $missing->('RESTORE.txt') ], undef ],
	[ 'objects of another backup, and its digests in a manifest with a good seal', sub { swap($_) foreach $archive, $contents; adopt_objects() },
		undef, undef, undef ],
	[ 'contents that do not fit the archive, with good digests', sub { swap($contents); adopt_objects() },
		undef,
		[ 'archive.dump', qr/^contents and archive do not agree on "order_items"/ ],
		[ 'XX001', qr/the restored database does not have the rows of its backup/ ] ],
	[ 'a size edited in the manifest, with a good seal', sub { edit(sub { $_[0]{objects}[0]{size}++ }) },
		[ $archive, $damaged->($archive) ], [ 'archive.dump', $damaged->($archive) ], [ 'XX001', $damaged->($archive) ] ],
	[ 'a plain size edited in the manifest, with a good seal', sub { edit(sub { $_[0]{objects}[0]{plain_size}++ }) },
		undef, [ 'archive.dump', qr/has another size than its manifest says/ ], [ 'XX001', qr/has another size than its manifest says/ ] ]);

# A manifest that is not to be believed: verify and restore refuse alike.
my @manifests = (
	[ 'a size edited in the manifest', sub { my $json = $node->read_json($manifest); $json->{objects}[0]{size}++; write_raw($json) },
		'XX001', qr/\Q$manifest\E does not agree with its seal/ ],
	[ 'a manifest flipped at its end', sub { BackupExt::flip_byte($node->repository . "/$manifest", -2) },
		'XX001', qr/\Q$manifest\E is not valid JSON/ ],
	[ 'a manifest truncated', sub { truncate($node->repository . "/$manifest", 100) or die $! },
		'XX001', qr/\Q$manifest\E is not valid JSON/ ],
	[ 'an empty manifest', sub { truncate($node->repository . "/$manifest", 0) or die $! },
		'XX001', qr/\Q$manifest\E is not valid JSON/ ],
	[ 'the manifest of another backup', sub { copy($node->repository . "/manifest/$other.json", $node->repository . "/$manifest") },
		'XX001', qr/\Q$manifest\E is the manifest of another backup, "\Q$other\E"/ ],
	[ 'a manifest of a newer format', sub { edit(sub { $_[0]{format} = 2 }) },
		'0A000', qr/\Q$manifest\E has format version 2, this program knows version 1/ ],
	[ 'a manifest that needs a feature', sub { edit(sub { $_[0]{requires} = ['age'] }) },
		'0A000', qr/\Q$manifest\E requires feature "age", which this program does not know/ ],
	[ 'an object outside', sub { edit(sub { $_[0]{objects}[0]{name} = "../$other/$archive" }) },
		'XX001', qr{invalid object name "\.\./} ],
	[ 'a manifest without objects', sub { edit(sub { $_[0]{objects} = [] }) },
		'XX001', qr/the manifest lists no objects/ ],
	[ 'a manifest that lists an object twice', sub { edit(sub { push @{ $_[0]{objects} }, $_[0]{objects}[0] }) },
		'XX001', qr/the manifest lists object "\Q$archive\E" twice/ ]);

foreach my $case (@cases)
{
	my ($name, $mutilate, $stored, $readable, $restore) = @$case;

	subtest $name => sub {
		begin_case($mutilate);
		check_level('stored', $stored);
		begin_case($mutilate);
		check_level('readable', $readable);
		check_restore(defined $restore ? @$restore : ());
		check_other();
	};
}

foreach my $case (@manifests)
{
	my ($name, $mutilate, $sqlstate, $text) = @$case;

	subtest $name => sub {
		begin_case($mutilate);
		foreach my $level ('stored', 'readable')
		{
			check_level($level, [ 'manifest', $text ]);
			begin_case($mutilate);
		}
		check_restore($sqlstate, $text);
		is($node->safe_psql('postgres', 'SELECT backup_sync()'), '2', 'backup_sync does not hide it');
		check_state($text);
		check_other();
	};
}

# --- what was never damaged is good, and a bad verdict can be taken back

begin_case(sub { flip($archive, 0.5) });
check_level('readable', [ 'archive.dump', $damaged->($archive) ]);
flip($archive, 0.5);
check_level('readable', undef);
check_restore();

# --- the same from the command line

begin_case(sub { flip($archive, 0.5) });
my ($status, $out, $err) = $node->program('verify', $id);
is($status, 1, 'verify by the program fails');
like($out, qr/^BAD  archive\.dump: object "\Q$archive\E" of backup "\Q$id\E" is damaged/m, 'and says what is bad');
like($node->program_ok(['list'], 'list'), qr/^logical +all +bad .* \Q$id\E  .*is damaged/m, 'the verdict is remembered');
$node->program_fails([ 'restore', $id, '--to', 'x' ], qr/is damaged \(SQLSTATE XX001\)/, 'restore by the program');
$node->program_fails([ 'cat', $id ], qr/is damaged \(SQLSTATE XX001\)/, 'cat by the program');

done_testing();

# The repository as it was, but for one mutilation, and a catalogue that knows
# nothing of that.
sub begin_case
{
	my ($mutilate) = @_;

	system_or_bail('rm', '-rf', $node->repository);
	system_or_bail('cp', '-a', $pristine, $node->repository);
	$node->safe_psql('postgres', 'SELECT backup_sync()');
	return $mutilate->();
}

# Verify must find this one fault, or none, and its verdict must stay.
sub check_level
{
	my ($level, $fault) = @_;
	my $found = $node->safe_psql('postgres', "SELECT check_name, detail FROM backup_verify('$id', '$level') WHERE NOT ok");

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	if (!defined $fault)
	{
		is($found, '', "verify, $level: all is well");
		return check_state(undef);
	}
	my ($check, $text) = @$fault;
	my ($found_check, $found_text) = split /\|/, $found, 2;
	is($found_check, $check, "verify, $level: one check fails");
	like($found_text // '', $text, "verify, $level: says why");
	return check_state($text);
}

# The catalogue: bad for this reason, or good.
sub check_state
{
	my ($text) = @_;
	my $bad = defined $text;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($state, $problem) = split /\|/, $node->safe_psql('postgres', "SELECT state, problem FROM backup_list() WHERE id = '$id'"), 2;
	is($state, $bad ? 'bad' : 'good', 'backup_list');
	like($problem, $text, 'backup_list has the problem') if $bad;
	is( $node->safe_psql('postgres', "SELECT state, reason FROM backup_status WHERE database = 'shop'"),
		$bad ? "critical|The newest backup $id is bad." : 'ok|The last attempt made a good backup.', 'backup_status');
	return;
}

# A restore must fail for this reason and leave nothing, or be right.
sub check_restore
{
	my ($sqlstate, $text) = @_;
	my $before = $node->safe_psql('postgres', 'SELECT string_agg(datname, chr(10) ORDER BY datname) FROM pg_database');

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	if (defined $sqlstate)
	{
		# here the message does not begin the text
		$text =~ s/\(\?\^:\^/(?^:/;
		$node->sql_fails("SELECT backup_restore('$id', 'again')", $sqlstate, $text, 'restore');
	}
	else
	{
		is($node->restore($id, 'again'), 'again', 'restore');
		$node->safe_psql('postgres', 'DROP DATABASE again');
	}
	is( $node->safe_psql('postgres', 'SELECT string_agg(datname, chr(10) ORDER BY datname) FROM pg_database'),
		$before, 'no database is left behind');
	return;
}

sub check_other
{
	is( $node->safe_psql('postgres', "SELECT bool_and(ok) FROM backup_verify('$other')"),
		't', 'the other backup verifies');
	is( $node->safe_psql('postgres', "SELECT state FROM backup_list() WHERE id = '$other'"),
		'good', 'and stays good');
	return is($node->safe_psql('postgres', "SELECT state FROM backup_status WHERE database = 'other'"), 'ok', 'and ok');
}

# --- mutilations

sub flip
{
	my ($name, $part) = @_;
	my $path = $node->object($id, $name);
	return BackupExt::flip_byte($path, int($part * ((-s $path) - 1)));
}

sub unlink_object { return unlink($node->object($id, $_[0])) || die $!; }

# To so many bytes, or by so many.
sub truncate_object
{
	my ($name, $size) = @_;
	my $path = $node->object($id, $name);
	return truncate($path, $size < 0 ? (-s $path) + $size : $size) || die $!;
}

# Puts what no chunk of an archive can be into the middle of the decoded bytes.
sub overwrite
{
	my $path = $node->object($id, $_[0]);
	my $plain = $node->basedir . '/plain';

	system_or_bail('zstd', '-dqf', $path, '-o', $plain);
	open(my $file, '+<:raw', $plain) or die $!;
	seek($file, (-s $plain) / 2, 0) or die $!;
	print $file "\xff" x 20_000;
	close($file) or die $!;
	return system_or_bail('zstd', '-qf', $plain, '-o', $path);
}

sub extend
{
	my ($name, $bytes) = @_;
	my $path = $node->object($id, $name);
	return BackupExt::write_file($path, slurp_file($path) . $bytes);
}

sub swap { return copy($node->object($other, $_[0]), $node->object($id, $_[0])) || die $!; }

# Edits the manifest and seals it again.
sub edit
{
	my ($change) = @_;
	my $json = $node->read_json($manifest);

	$change->($json);
	return $node->write_json($manifest, $json);
}

# Lets the manifest say of each object what it is now.
sub adopt_objects
{
	my $from = $node->read_json("manifest/$other.json");
	my %known = map { $_->{sha256} => $_ } @{ $from->{objects} };

	return edit(sub {
		foreach my $object (@{ $_[0]{objects} })
		{
			my $digest = Digest::SHA->new(256)->addfile($node->object($id, $object->{name}))->hexdigest;
			%$object = %{ $known{$digest} } if $known{$digest};
		}
	});
}

sub write_raw
{
	my ($json) = @_;
	return BackupExt::write_file($node->repository . "/$manifest", JSON::PP->new->utf8->canonical->pretty->encode($json));
}
