# Every kind of object and value that PostgreSQL dumps comes back as it was.
use strict;
use warnings;
use BackupExt;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = BackupExt->new('main');
$node->init;
$node->begin;
my $space = $node->basedir . '/space';
mkdir $space or die "could not make \"$space\": $!";
$node->safe_psql('postgres', "CREATE TABLESPACE elsewhere LOCATION '$space'");
$node->load('everything', 'everything.sql', 'rows=5000', 'tablespace=elsewhere');

my $id = $node->backup_now('everything');
is( $node->safe_psql('postgres', "SELECT bool_and(ok) FROM backup_verify('$id')"),
	't', 'the backup is readable');

my $dump = $node->dump_text('everything', '--no-subscriptions');
my $digest = $node->digest('everything');
my $properties = $node->properties('everything');
like($properties, qr/^database\|bkt_owner\|77\|/m, 'the database has an owner and a limit');
like($properties, qr/^setting\|all\|.*work_mem=9MB/m, 'it has settings');
like($properties, qr/^right\|bkt_writer\|CREATE\|t$/m, 'it has rights');

# --- without the subscription, which would act on the outside

$node->restore($id, 'again');
BackupExt::same_text($node->dump_text('again', '--no-subscriptions'), $dump, 'the dump is the same');
BackupExt::same_text($node->digest('again'), $digest, 'every row is the same');
BackupExt::same_text($node->properties('again'), $properties, 'owner, rights, settings and comment are the same');
my $subscriptions = <<'END';
SELECT datname FROM pg_subscription JOIN pg_database d ON d.oid = subdbid ORDER BY 1
END
is($node->safe_psql('postgres', $subscriptions), 'everything', 'the subscription is left out');

# --- with it

$node->restore($id, 'with', 'subscriptions => true');
is($node->safe_psql('postgres', $subscriptions), "everything\nwith", 'the subscription is there');
BackupExt::same_text($node->dump_text('with'), $node->dump_text('everything'), 'the dump with the subscription is the same');
BackupExt::same_text($node->digest('with'), $digest, 'every row is the same');

# --- without owners or rights

$node->restore($id, 'plain', 'no_owner => true, no_privileges => true');
is( $node->safe_psql('postgres', "SELECT datdba::regrole = current_user::regrole, datacl FROM pg_database WHERE datname = 'plain'"),
	't|', 'no_owner and no_privileges hold for the database');

# pg_dump groups large objects by owner and rights; the digest compares them.
my @rest = ('--no-subscriptions', '--no-owner', '--no-privileges', '--no-blobs');
BackupExt::same_text(
	$node->dump_text('plain', @rest),
	$node->dump_text('everything', @rest),
	'the rest of the dump is the same');
unlike($node->dump_text('plain'), qr/^(?:GRANT|REVOKE) /m, 'no rights were given');
BackupExt::same_text($node->digest('plain'), $digest, 'every row is the same');

# --- a backup of the restored database is the same again

my $next = $node->backup_now('again');
$node->restore($next, 'third');
BackupExt::same_text($node->dump_text('third'), $dump, 'the second generation is the same');
BackupExt::same_text($node->properties('third'), $properties, 'so are its properties');

done_testing();
