# The lifecycle rules of a bucket: ours is set and taken away, those of others
# stay as they are, and what would remove backups is refused or told.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use Digest::MD5 qw(md5_base64);
use PostgreSQL::Test::Utils;
use Test::More;
use BackupExt;
use BackupExtS3;

my $s3 = BackupExtS3->start;
$s3->make_bucket('bucket');

{
	package Node;
	our @ISA = ('BackupExt');
	sub url { return $s3->url('bucket', 'team/main', credentials_file => $s3->credentials); }
}

my $node = Node->new('main');
$node->init;
$node->begin;

my $head = '<LifecycleConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">';
sub put_rules
{
	my $text = "$head@_</LifecycleConfiguration>";
	return $s3->ask('PUT', 'bucket', query => { lifecycle => '' }, body => $text,
		headers => { 'content-md5' => md5_base64($text) . '==' });
}
sub rules { return $s3->ask('GET', 'bucket', query => { lifecycle => '' }); }
# The store may have rules in an order of its own.
sub foreign { return join "\n", sort grep { !/backup_ext/ } rules() =~ m{(<Rule>.*?</Rule>)}gs; }
sub rule
{
	my ($id, $prefix, $deed) = @_;
	return "<Rule><ID>$id</ID><Filter><Prefix>$prefix</Prefix></Filter><Status>Enabled</Status>$deed</Rule>";
}
sub shown
{
	my ($arguments) = @_;
	return $node->safe_psql('postgres',
		"SELECT rule ~ '^backup_ext ' AS ours, ok, detail FROM backup_s3_lifecycle($arguments) ORDER BY rule");
}

# --- our own rule

is(shown(''), 'f|t|no rule of the bucket is about this repository', 'at first there is none');
is( shown(q(transition_days => 30, transition_class => 'STANDARD_IA', noncurrent_days => 14, abort_days => 7)),
	't|t|team/main/*: removes replaced versions after 14 days, aborts uploads after 7 days, moves objects to STANDARD_IA after 30 days',
	'a rule is set');
is(shown('abort_days => 3'), 't|t|team/main/*: aborts uploads after 3 days', 'and set again as a whole');
like($node->program_ok([ 's3-lifecycle', '--noncurrent-days', '9', '--abort-days', '2' ], 'the program sets it too'),
	qr{^ok   backup_ext \w{16}: team/main/\*: removes replaced versions after 9 days, aborts uploads after 2 days$}m, 'and shows it');

# --- rules of others

my $other = rule('logs &amp; more', 'logs/', '<Expiration><Days>5</Days></Expiration>');
put_rules($other, rule('all', 'team/', '<NoncurrentVersionExpiration><NoncurrentDays>90</NoncurrentDays></NoncurrentVersionExpiration>'));
my $before = foreign();
is(shown('abort_days => 5'), "f|t|team/*: removes replaced versions after 90 days\nt|t|team/main/*: aborts uploads after 5 days",
	'only rules about the repository are shown');
is(foreign(), $before, 'rules of others stay byte for byte');
is(shown('remove => true'), 'f|t|team/*: removes replaced versions after 90 days', 'ours is taken away');
is(foreign(), $before, 'and the others are left');

# --- what would remove backups

put_rules(rule('eater', 'team/', '<Expiration><Days>5</Days></Expiration>'));
is(shown(''), 'f|f|team/*: removes objects after 5 days', 'a rule that removes objects is told');
like($node->safe_psql('postgres', q(SELECT detail FROM backup_check() WHERE NOT ok AND check_name ~ 'left alone')),
	qr/lifecycle rule "eater" removes or archives/, 'and backup_check tells of it');
is(shown('remove => true'), 'f|f|team/*: removes objects after 5 days', 'which is not ours to remove');
$node->backup_now('postgres');
$node->sql_fails('SELECT backup_s3_lifecycle(expiration_days => 400)', '55000',
	'an expiration would remove backups.*HINT', 'an expiration while there are backups');
$node->sql_fails(q(SELECT backup_s3_lifecycle(transition_days => 9, transition_class => 'GLACIER')), '22023',
	'cannot be read at once.*HINT', 'a class that needs a thaw');
$node->sql_fails('SELECT backup_s3_lifecycle(transition_days => 9)', '22023', 'both a number of days and', 'half a transition');
$node->sql_fails('SELECT backup_s3_lifecycle(abort_days => 0)', '22023', 'at least 1', 'no days');
$node->sql_fails('SELECT backup_s3_lifecycle(abort_days => 1, remove => true)', '22023', 'either set or removed', 'both at once');
like(rules(), qr{eater.*<Days>5</Days>}s, 'nothing of that has changed anything');

my $plain = BackupExt->new('plain');
$plain->init;
$plain->begin;
$plain->sql_fails('SELECT backup_s3_lifecycle()', '0A000', 'store without lifecycle rules', 'a repository in a folder');

done_testing();
