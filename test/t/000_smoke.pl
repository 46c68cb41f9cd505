# The extension loads, is created, and shows the version of its control file.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'backup_ext'\n");
$node->start;

my ($control) = slurp_file('backup_ext.control') =~ /^default_version\s*=\s*'([^']+)'/m;
ok($control, 'the control file has a version');

$node->safe_psql('postgres', 'CREATE EXTENSION backup_ext');
is( $node->safe_psql('postgres',
		"SELECT extversion FROM pg_extension WHERE extname = 'backup_ext'"),
	$control, 'the extension has the version of the control file');

# The program beside the server is the one that was built with it.
my ($out, $err) = run_command([ 'pg_backup_ext', '--version' ]);
like($out, qr/\b\Q$control\E\b/, 'the program has the same version');

$node->restart;
is($node->safe_psql('postgres', 'SELECT 1'), '1', 'the server restarts with the library');
$node->stop;
unlike(slurp_file($node->logfile), qr/^.*(?:PANIC|terminated by signal)/m, 'nothing crashed');

done_testing();
