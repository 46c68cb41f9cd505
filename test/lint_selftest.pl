# lint_selftest.pl - does lint.pl find what it is there to find?
#
# Each case puts files into a small clean tree and names the complaint that
# must come, with its line, or none. A check that cannot fail is no check.
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Path qw(make_path);
use File::Temp qw(tempdir);
use Test::More;

my $lint = abs_path(dirname(__FILE__) . '/lint.pl');
my $work = join '', '/wo', 'rk/';
my $farm = join '', '/fa', 'rm/';

# The clean tree: every thing that looks like a breach and is none.
my %clean = (
	'backup_ext.control' => "comment = 'x'\ndefault_version = '1.2.3'\n",
	'README.md' => "a net${work}path, and my${farm}house\n",
	'src/core/error.h' => <<'C',
/* error.h */
#ifndef E_H
#define E_H
typedef struct E
{
	int			(*exit) (void *ctx, int a);
} E;

/* One comment for the group. */
extern int	e_one(void);
extern int	e_two(const char *fmt,...)
			__attribute__((format(printf, 1, 2)));

static inline int
e_inline(E *e)
{
	return e->exit(e, 1);
}

extern int	e_variable;
#endif
C
	'src/core/file.c' => <<'C'
/* rename() and system("x") in a comment */
#include "core/error.h"
#include <zlib.h>
static const char braces[] = "{{{ \" sprintf(";
static const char brace = '{', quote = '"';
static const int table[2] = {1, 2};

static int
eight(int a, int b, int c, int d, int e, int f, int g, int (*h) (int, int))
{
	return rename("a", "b") + renameat2(a, "", b, "", c);
}

struct S
eighty(void)
{
C
	  . "	eight();\n" x 68 . <<'C',
	if (1)
		for (;;)
			while (2)
				switch (3)
				{
					case 1:
						eight();
				}
	return (struct S) {1};
}
C
	'src/filter/gzip.c' => qq(#include "core/error.h"\n#include "filter/gzip.h"\n#include <string.h>\n),
	'src/filter/gzip.h' => "/* x */\n",
	'src/storage/ipc.c' => qq(#include "core/error.h"\n),
	'src/cli/main.c' => qq(int main(void)\n{\n\tprintf("%s", getenv("HOME"));\n\texit(1);\n}\n),
	'src/server/compat.h' => "#if PG_VERSION_NUM >= 170000\n#endif\n",
	'src/server/run.c' => qq(#include "postgres.h"\n#include "storage/shmem.h"\n#include "libpq/pqsignal.h"\n#include "server/compat.h"\n)
	  . "void f(void)\n{\n\tereport(ERROR, (errmsg(\"PG_VERSION_NUM\")));\n\tpalloc(1);\n}\n",
	'test/unit/test_a.c' => qq(#include "storage/storage.h"\nvoid t(void)\n{\n\tsystem("zstd -d");\n}\n),
	'test/fuzz/fuzz_a.c' => "int x;\n");

my $if5 = "\tif (1)\n\t\tif (2)\n\t\t\tif (3)\n\t\t\t\tif (4)\n\t\t\t\t\tif (5)\n\t\t\t\t\t\tx();\n";
my $else_if = "\tif (1)\n\t\tx();\n" . "\telse if (2)\n\t\tx();\n" x 6;

sub function
{
	my ($name, $body) = @_;
	return "static int\n$name(void)\n{\n$body}\n";
}

# name, files to add, complaint expected ('' for none)
my @cases = (
	[ 'the clean tree', {}, '' ],
	# size
	[ 'a file of 600 lines', { 'src/core/a.c' => "\n" x 600 }, '' ],
	[ 'a file of 601 lines', { 'src/core/a.c' => "\n" x 601 }, 'src/core/a.c:601: file has 601 lines, limit 600' ],
	[ 'a long header', { 'src/core/a.h' => "\n" x 700 }, 'src/core/a.h:601: file has 700 lines' ],
	[ 'a long unit test', { 'test/unit/test_b.c' => "\n" x 700 }, 'test/unit/test_b.c:601: file has 700 lines' ],
	[ 'a long fuzz target', { 'test/fuzz/fuzz_b.c' => "\n" x 700 }, 'test/fuzz/fuzz_b.c:601: file has 700 lines' ],
	[ 'a function of 80 lines', { 'src/core/a.c' => function('f', "\n" x 77) }, '' ],
	[ 'a function of 81 lines', { 'src/core/a.c' => function('f', "\n" x 78) }, 'src/core/a.c:2: function f has 81 lines, limit 80' ],
	[ 'a long function with an attribute', { 'src/core/a.c' => "__attribute__((cold)) struct T *" . substr(function('f', "\n" x 90), 11) },
		'src/core/a.c:1: function f has 93 lines' ],
	[ 'a long function in a header', { 'src/core/a.h' => function('f', "\n" x 90) }, 'src/core/a.h:2: function f has 93 lines' ],
	[ 'a long function behind an initializer', { 'src/core/a.c' => "int a[] = {\n1};\n" . function('f', "\n" x 90) },
		'src/core/a.c:4: function f has 93 lines' ],
	[ 'nine parameters', { 'src/core/a.c' => "void\nf(int a, int b, int c, int d, int e, int g, int h, int i,\n\tint j)\n{\n}\n" },
		'src/core/a.c:2: function f has 9 parameters, limit 8' ],
	[ 'a prototype with nine parameters', { 'src/core/a.c' => "extern int f(int, int, int, int, int, int, int, int, int);\n" },
		'src/core/a.c:1: function f has 9 parameters' ],
	[ 'brackets that do not match', { 'src/core/a.c' => "int f(void)\n{\n" }, 'src/core/a.c:1: cannot be understood' ],
	# nesting
	[ 'five ifs', { 'src/core/a.c' => function('f', $if5) }, 'src/core/a.c:9: function f is nested 5 deep, limit 4' ],
	[ 'five ifs in braces', { 'src/core/a.c' => function('f', ($if5 =~ s/\)$/) {/gmr) . "}}}}}\n") }, 'src/core/a.c:9: function f is nested 5 deep' ],
	[ 'a mixture', { 'src/core/a.c' => function('f', "for (;;) do while (1) switch (1) { case 1: { list_foreach(a, b) x(); } } while (1);\n") },
		'src/core/a.c:4: function f is nested 5 deep' ],
	[ 'in an else', { 'src/core/a.c' => function('f', "if (1) x(); else { if (1) for (;;) if (2) x(); else if (3) while (1) x(); }\n") },
		'src/core/a.c:4: function f is nested 5 deep' ],
	[ 'after a block macro', { 'src/core/a.c' => function('f', "PG_TRY();\n{\nif (1) if (2) if (3) if (4) x();\n}\nPG_CATCH();\n{\n}\nPG_END_TRY();\n") },
		'src/core/a.c:6: function f is nested 5 deep' ],
	[ 'a long else-if chain', { 'src/core/a.c' => function('f', $else_if) }, '' ],
	[ 'a deep initializer', { 'src/core/a.c' => function('f', "int a[] = {{{{{{1}}}}}};\n") }, '' ],
	# rooms
	[ 'core includes filter', { 'src/core/a.c' => qq(\n#include "filter/gzip.h"\n) }, 'src/core/a.c:2: core may not include filter' ],
	[ 'filter includes storage', { 'src/filter/a.c' => qq(#include "storage/s.h"\n), 'src/storage/s.h' => '' },
		'src/filter/a.c:1: filter may not include storage' ],
	[ 'storage includes filter', { 'src/storage/a.c' => qq(#include "filter/gzip.h"\n) }, 'src/storage/a.c:1: storage may not include filter' ],
	[ 'source includes repo', { 'src/source/a.c' => qq(#include "repo/r.h"\n), 'src/repo/r.h' => '' }, 'src/source/a.c:1: source may not include repo' ],
	[ 'repo includes source', { 'src/repo/a.c' => qq(#include "source/s.h"\n), 'src/source/s.h' => '' }, 'src/repo/a.c:1: repo may not include source' ],
	[ 'job includes storage', { 'src/job/a.c' => qq(#include "storage/s.h"\n), 'src/storage/s.h' => '' }, 'src/job/a.c:1: job may not include storage' ],
	[ 'cli includes source', { 'src/cli/a.c' => qq(#include "source/s.h"\n), 'src/source/s.h' => '' }, 'src/cli/a.c:1: cli may not include source' ],
	[ 'job includes cli', { 'src/job/a.c' => qq(# include <cli/c.h>\n), 'src/cli/c.h' => '' }, 'src/job/a.c:1: job may not include cli' ],
	[ 'server includes core', { 'src/server/a.c' => qq(#include "core/error.h"\n) }, 'src/server/a.c:1: server may not include core' ],
	[ 'core includes server', { 'src/core/a.c' => qq(#include "server/compat.h"\n) }, 'src/core/a.c:1: core may not include server' ],
	[ 'notify includes a store', { 'src/notify/a.c' => qq(#include "storage/s3.h"\n), 'src/storage/s3.h' => '' }, 'src/notify/a.c:1: notify may not include storage' ],
	[ 'notify includes repo', { 'src/notify/a.c' => qq(#include "repo/r.h"\n), 'src/repo/r.h' => '' }, 'src/notify/a.c:1: notify may not include repo' ],
	[ 'notify includes the network', { 'src/notify/a.c' => qq(#include "storage/http.h"\n), 'src/storage/http.h' => '' }, '' ],
	[ 'job includes what it may', { 'src/job/a.c' => join('', map { qq(#include "$_/x.h"\n) } qw(core repo source notify job)),
			map { ("src/$_/x.h" => '') } qw(core repo source notify job) }, '' ],
	[ 'a way round the rooms', { 'src/core/a.c' => qq(#include "../filter/gzip.h"\n) }, 'src/core/a.c:1: include of "../filter/gzip.h" climbs' ],
	[ 'a bare name', { 'src/core/a.c' => qq(#include "error.h"\n) }, 'src/core/a.c:1: include of "error.h" is not of the form' ],
	[ 'a header that is not there', { 'src/core/a.c' => qq(#include "core/none.h"\n) }, 'src/core/a.c:1: include of "core/none.h", which does not exist' ],
	[ 'the server in the program', { 'src/core/a.c' => qq(#include <postgres.h>\n) }, q(src/core/a.c:1: only src/server may include the server's "postgres.h") ],
	[ 'a new room', { 'src/attic/a.c' => "int x;\n" }, 'src/attic/a.c:1: attic is not a room' ],
	# doors (zlib's is src/core/file.c)
	[ 'a second door', { 'src/filter/z.c' => qq(#include <stdio.h>\n#include <zlib.h>\n) }, 'src/filter/z.c:2: library zlib has more than one door: src/core/file.c src/filter/z.c' ],
	(map {
			my ($lib, $header) = @$_;
			[ "two doors of $lib", { 'src/repo/a.c' => qq(#include <$header>\n), 'src/repo/b.c' => qq(#include "$header"\n) },
				"src/repo/b.c:1: library $lib has more than one door" ]
		} [ 'openssl', 'openssl/evp.h' ], [ 'jansson', 'jansson.h' ], [ 'zstd', 'zstd.h' ],
		[ 'lz4', 'lz4frame.h' ], [ 'libpq', 'libpq-fe.h' ], [ 'curl', 'curl/curl.h' ],
		[ 'expat', 'expat.h' ], [ 'archive', 'archive_entry.h' ]),
	# calls
	(map { [ "a call of $_", { 'src/cli/a.c' => function('f', "\t$_ (x);\n") }, "src/cli/a.c:4: $_() is forbidden" ] }
		qw(sprintf vsprintf strcpy strcat gets system popen)),
	(map { [ "a call of $_", { 'src/storage/a.c' => function('f', "\t$_(x);\n") }, "src/storage/a.c:4: $_() may only be called in src/core/file.c" ] }
		qw(rename renameat renameat2)),
	(map { [ "a call of $_", { 'src/job/a.c' => function('f', "\n\t$_(x);\n") }, "src/job/a.c:5: $_() may only be called in src/server and src/cli" ] }
		qw(ereport elog palloc palloc0 exit fprintf printf)),
	(map { [ "getenv in $_", { "src/$_/a.c" => function('f', "\tgetenv(x);\n") }, "src/$_/a.c:4: getenv() may only be called in src/cli" ] }
		qw(core job server)),
	[ 'a call in a macro', { 'src/core/a.c' => "#define X(a) \\\n\tstrcpy(a, a)\n" }, 'src/core/a.c:2: strcpy() is forbidden' ],
	[ 'a call after a string with a comment in it', { 'src/core/a.c' => qq(char *a = "/*"; int b = strcat(a, "*/");\n) }, 'src/core/a.c:1: strcat() is forbidden' ],
	[ 'version differences elsewhere', { 'src/server/a.c' => "\n#if PG_VERSION_NUM > 1\n#endif\n" }, 'src/server/a.c:2: PG_VERSION_NUM may only be used' ],
	# comments
	[ 'a prototype without a comment', { 'src/core/a.h' => "/* file */\n\nextern int f(void);\n" }, 'src/core/a.h:3: prototype of f has no comment' ],
	[ 'a group without a comment', { 'src/core/a.h' => "/* first */\nextern int f(void);\n\nextern int g(void);\nextern int h(int a,\n\tint b);\n" },
		'src/core/a.h:5: prototype of h has no comment' ],
	[ 'a define above a prototype', { 'src/core/a.h' => "#define X 1\nextern int f(void);\n" }, 'src/core/a.h:2: prototype of f has no comment' ],
	# tree
	[ 'no version', { 'backup_ext.control' => "\n" }, 'backup_ext.control:1: has no default_version' ],
	[ 'a path of a machine', { 'doc/x.md' => "one\nsee ${work}here\n" }, 'doc/x.md:2: path of a machine' ],
	[ 'another path of a machine', { 'test/x.sh' => "cd '${farm}x'\n" }, 'test/x.sh:1: path of a machine' ]);

sub run_lint
{
	my (%tree) = @_;
	my $dir = tempdir(CLEANUP => 1);
	for my $path (keys %tree)
	{
		make_path(dirname("$dir/$path"));
		open my $fh, '>', "$dir/$path" or die "$path: $!";
		print $fh $tree{$path};
		close $fh or die;
	}
	my $out = `cd '$dir' && perl '$lint' 2>&1`;
	my $status = $? >> 8;
	my @complaints = grep { !/^lint: / } split /\n/, $out;
	return ($status, @complaints);
}

for my $case (@cases)
{
	my ($name, $files, $expected) = @$case;
	my ($status, @complaints) = run_lint(%clean, %$files);
	if ($expected eq '')
	{
		ok($status == 0 && @complaints == 0, "nothing is said about $name")
		  or diag("status $status", map { "\n$_" } @complaints);
	}
	else
	{
		ok($status == 1 && (grep { index($_, $expected) == 0 } @complaints), "$name is found")
		  or diag("expected $expected\ngot status $status", map { "\n$_" } @complaints);
	}
}
done_testing();
