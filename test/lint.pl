# lint.pl - check the rules of the house that a compiler does not know.
#
# Run in the top directory. Prints "file:line: complaint" for each breach and
# ends with status 1 if there was one. There is no list of exceptions: a rule
# that hurts is a reason to change the design, or the rule for everybody.
#
# The rules are the subroutines named check_*; each gets a record of a C file:
#   path, room, header (bool)
#   raw     the lines as they are
#   code    the text without comments and without contents of strings
#   tokens  of the text also without preprocessor lines: [text, line]
#   functions, prototypes   found at the outer level: name, line, end,
#                           parameters (number), body (tokens)
use strict;
use warnings;
no warnings 'recursion';
use File::Find;

my %limit = (file => 600, function => 80, parameters => 8, nesting => 4);

# Which room may include which (DESIGN: "Rooms").
my %arrows = (
	core    => [qw(core)],
	filter  => [qw(core filter)],
	storage => [qw(core storage)],
	repo    => [qw(core filter storage repo)],
	source  => [qw(core source)],
	notify  => [qw(core storage notify)],
	job     => [qw(core repo source notify job)],
	cli     => [qw(core repo job cli)],
	server  => [qw(server)]);

# Of a room that is known in part only, the headers that may be included.
my %window = ('notify storage' => qr{^storage/(http|origin|wire)\.h$});

# Each library has one door: a file that includes its headers.
my %door = (
	openssl => qr{^openssl/},
	jansson => qr{^jansson\.h$},
	zlib    => qr{^zlib\.h$},
	zstd    => qr{^(zstd\w*|zdict)\.h$},
	lz4     => qr{^lz4\w*\.h$},
	libpq   => qr{^(postgresql/)?libpq-(fe|events)\.h$},
	curl    => qr{^curl/},
	expat   => qr{^expat\w*\.h$},
	archive => qr{^archive\w*\.h$});

# Calls, and the files in src that may make them.
my @calls = (
	[qr/^v?sprintf$|^strcpy$|^strcat$|^gets$|^system$|^popen$/, qr/(?!)/,
		'is forbidden'],
	[qr/^renameat2?$|^rename$/, qr{^src/core/file\.c$},
		'may only be called in src/core/file.c'],
	[qr/^(ereport|elog|(re)?palloc\w*|exit|v?fprintf|v?printf)$/, qr{^src/(server|cli)/},
		'may only be called in src/server and src/cli'],
	[qr/^(secure_)?getenv$/, qr{^src/(cli/|server/spawn\.c$)},
		'may only be called in src/cli and src/server/spawn.c']);

my $server_header = qr{^(postgres|postgres_fe|postgres_ext|c|fmgr|pg_config\w*)\.h$};

my @complaints;
my %doors_seen;

sub complain
{
	my ($path, $line, $text) = @_;
	push @complaints, [ $path, $line, $text ];
	return;
}

# --- reading C ---------------------------------------------------------------

# Blank out comments, and the contents of literals unless they are kept.
sub strip
{
	my ($text, $keep_literals) = @_;
	my $blank = sub { my $s = shift; $s =~ s/[^\n]/ /g; return $s; };
	my $literal = sub {
		my $s = shift;
		return $s if $keep_literals;
		return substr($s, 0, 1) . $blank->(substr($s, 1, -1)) . substr($s, -1);
	};
	$text =~ s{(/\*.*?(?:\*/|\z)|//(?:\\\n|[^\n])*)|("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')}
		{defined $1 ? $blank->($1) : $literal->($2)}gse;
	return $text;
}

# Blank out preprocessor lines with their continuations.
sub without_directives
{
	my ($code) = @_;
	$code =~ s{^([ \t]*\#(?:\\\n|[^\n])*)}{my $s = $1; $s =~ s/[^\n]/ /g; $s}gme;
	return $code;
}

sub tokenize
{
	my ($code) = @_;
	my ($line, @tokens) = (1);
	while ($code =~ /\G(?:(\n)|[ \t\r\f\\]+|("[^"]*"|'[^']*'|\w+|->|\+\+|--|.))/gs)
	{
		if (defined $1) { $line++; }
		elsif (defined $2)
		{
			push @tokens, [ $2, $line ];
			$line += ($2 =~ tr/\n//);
		}
	}
	return \@tokens;
}

# The index after the bracket that closes the one at $i.
sub skip_brackets
{
	my ($tokens, $i) = @_;
	my $depth = 0;
	for (; $i < @$tokens; $i++)
	{
		my $t = $tokens->[$i][0];
		$depth++ if $t =~ /^[(\[{]$/;
		$depth-- if $t =~ /^[)\]}]$/;
		return $i + 1 if $depth == 0;
	}
	die "unbalanced brackets\n";
}

# Name, line and number of parameters if these tokens declare a function.
sub declarator
{
	my (@t) = @_;
	return if @t && $t[0][0] eq 'typedef';
	for (my $i = 0; $i < @t; $i++)
	{
		return if $t[$i][0] eq '=';
		if ($t[$i][0] =~ /^(__attribute__|__declspec|_Alignas|__asm__)$/)
		{
			$i = skip_brackets(\@t, $i + 1) - 1;
			next;
		}
		next if $t[$i][0] ne '(';
		return if $i < 2 || $t[ $i - 1 ][0] !~ /^[A-Za-z_]\w*$/;
		my $end = skip_brackets(\@t, $i);
		my @inside = @t[ $i + 1 .. $end - 2 ];
		my ($depth, $commas) = (0, 0);
		for my $p (@inside)
		{
			$depth++ if $p->[0] =~ /^[(\[{]$/;
			$depth-- if $p->[0] =~ /^[)\]}]$/;
			$commas++ if $p->[0] eq ',' && $depth == 0;
		}
		my $none = !@inside || (@inside == 1 && $inside[0][0] eq 'void');
		return {
			name => $t[ $i - 1 ][0],
			line => $t[ $i - 1 ][1],
			first => $t[0][1],
			parameters => $none ? 0 : $commas + 1
		};
	}
	return;
}

# Find the functions and prototypes at the outer level.
sub outline
{
	my ($file) = @_;
	my $tokens = $file->{tokens};
	my @pending;
	for (my $i = 0; $i < @$tokens; $i++)
	{
		my $t = $tokens->[$i][0];
		if ($t eq '{')
		{
			my $end = skip_brackets($tokens, $i);
			my $function = declarator(@pending);
			if ($function)
			{
				$function->{end} = $tokens->[ $end - 1 ][1];
				$function->{body} = [ @$tokens[ $i .. $end - 1 ] ];
				push @{ $file->{functions} }, $function;
				@pending = ();
			}
			elsif (@pending == 2 && $pending[0][0] eq 'extern')
			{
				# extern "C" { : look inside
				@pending = ();
				next;
			}
			else
			{
				# a type or an initializer: its contents do not matter
				push @pending, [ '{}', $tokens->[$i][1] ];
			}
			$i = $end - 1;
		}
		elsif ($t eq ';')
		{
			my $prototype = declarator(@pending);
			push @{ $file->{prototypes} }, $prototype if $prototype;
			@pending = ();
		}
		elsif ($t =~ /^[(\[]$/)
		{
			my $end = skip_brackets($tokens, $i);
			push @pending, @$tokens[ $i .. $end - 1 ];
			$i = $end - 1;
		}
		elsif ($t eq '}')
		{
			# the end of extern "C" {
			@pending = ();
		}
		elsif ($t =~ /^[)\]]$/)
		{
			die "unbalanced brackets\n";
		}
		else
		{
			push @pending, $tokens->[$i];
		}
	}
	return;
}

sub read_c
{
	my ($path) = @_;
	open my $fh, '<:raw', $path or die "$path: $!\n";
	my $text = do { local $/; <$fh> };
	close $fh;
	$text = '' unless defined $text;
	my ($room) = $path =~ m{^src/([^/]+)/};
	my %file = (
		path => $path,
		room => $room // '',
		header => ($path =~ /\.h$/ ? 1 : 0),
		raw => [ $text =~ /^(.*\n?)/gm ],
		code => strip($text, 0),
		with_strings => strip($text, 1),
		functions => [],
		prototypes => []);
	$file{bare} = without_directives($file{code});
	$file{tokens} = tokenize($file{bare});
	eval { outline(\%file); 1 }
	  or complain($path, 1, "cannot be understood: $@" =~ s/\n//r);
	return \%file;
}

# --- size --------------------------------------------------------------------

sub check_file_length
{
	my ($f) = @_;
	my $lines = @{ $f->{raw} };
	complain($f->{path}, $limit{file} + 1, "file has $lines lines, limit $limit{file}")
	  if $lines > $limit{file};
	return;
}

sub check_function_size
{
	my ($f) = @_;
	for my $fn (@{ $f->{functions} })
	{
		my $lines = $fn->{end} - $fn->{line} + 1;
		complain($f->{path}, $fn->{line},
			"function $fn->{name} has $lines lines, limit $limit{function}")
		  if $lines > $limit{function};
	}
	for my $fn (@{ $f->{functions} }, @{ $f->{prototypes} })
	{
		complain($f->{path}, $fn->{line},
			"function $fn->{name} has $fn->{parameters} parameters, limit $limit{parameters}")
		  if $fn->{parameters} > $limit{parameters};
	}
	return;
}

# Walk one statement from $i; report each that is nested too deep. A body of
# if, else, for, while, do, switch and of *foreach macros is one deeper than
# its head, with or without braces; so is a block that stands alone.
sub statement
{
	my ($t, $i, $depth, $found) = @_;
	my ($text, $line) = @{ $t->[$i] };

	if ($text eq '{')
	{
		$i++;
		while ($t->[$i][0] ne '}')
		{
			$i = statement($t, $i, $t->[$i][0] eq '{' ? $depth + 1 : $depth, $found);
		}
		return $i + 1;
	}
	push @$found, [ $line, $depth ] if $depth > $limit{nesting};
	if ($text eq 'if')
	{
		$i = statement($t, skip_brackets($t, $i + 1), $depth + 1, $found);
		if (defined $t->[$i] && $t->[$i][0] eq 'else')
		{
			$i++;
			$i = statement($t, $i, $t->[$i][0] eq 'if' ? $depth : $depth + 1, $found);
		}
		return $i;
	}
	if ($text =~ /^(for|while|switch)$/
		|| ($text =~ /foreach/i && $t->[ $i + 1 ][0] eq '('))
	{
		return statement($t, skip_brackets($t, $i + 1), $depth + 1, $found);
	}
	if ($text eq 'do')
	{
		$i = statement($t, $i + 1, $depth + 1, $found);
		return skip_brackets($t, $i + 1) + 1;
	}
	# Labels belong to the statement after them.
	if ($text eq 'case' || $text eq 'default')
	{
		$i++ while $t->[$i][0] ne ':';
		return $t->[ $i + 1 ][0] eq '}' ? $i + 1 : statement($t, $i + 1, $depth, $found);
	}
	# Anything else ends at its semicolon. A macro that takes a block after
	# its brackets, such as PG_ENSURE_ERROR_CLEANUP, has one of its own.
	while ($t->[$i][0] ne ';')
	{
		return $i if $t->[$i][0] eq '}';
		$i = $t->[$i][0] =~ /^[(\[{]$/ ? skip_brackets($t, $i) : $i + 1;
	}
	return $i + 1;
}

sub check_nesting
{
	my ($f) = @_;
	for my $fn (@{ $f->{functions} })
	{
		my @found;
		eval { statement($fn->{body}, 0, 0, \@found); 1 }
		  or complain($f->{path}, $fn->{line}, "function $fn->{name} cannot be understood");
		next unless @found;
		complain($f->{path}, $found[0][0],
			"function $fn->{name} is nested $found[0][1] deep, limit $limit{nesting}");
	}
	return;
}

# --- borders -----------------------------------------------------------------

sub check_includes
{
	my ($f) = @_;
	return if $f->{room} eq '';
	my $allowed = $arrows{ $f->{room} };
	if (!$allowed)
	{
		complain($f->{path}, 1, "$f->{room} is not a room of the house");
		return;
	}
	my @lines = split /\n/, $f->{with_strings};
	for my $n (1 .. @lines)
	{
		next unless $lines[ $n - 1 ] =~ /^\s*#\s*include\s*([<"])([^>"]+)[>"]/;
		my ($bracket, $name) = ($1, $2);
		my ($to) = $name =~ m{^([^/]+)/};
		my $ours = -e "src/$name" && defined $to;

		for my $lib (grep { $name =~ $door{$_} } sort keys %door)
		{
			push @{ $doors_seen{$lib}{ $f->{path} } }, $n;
		}
		if ($name =~ m{(^|/)\.\.(/|$)})
		{
			complain($f->{path}, $n, "include of \"$name\" climbs out of its room");
		}
		elsif ($ours)
		{
			complain($f->{path}, $n, "$f->{room} may not include $to (\"$name\")")
			  unless (grep { $_ eq $to } @$allowed)
			  && $name =~ ($window{"$f->{room} $to"} // qr/^/);
		}
		elsif ($f->{room} ne 'server' && $name =~ $server_header)
		{
			complain($f->{path}, $n, "only src/server may include the server's \"$name\"");
		}
		elsif ($f->{room} ne 'server' && defined $to && $arrows{$to})
		{
			complain($f->{path}, $n, "include of \"$name\", which does not exist");
		}
		elsif ($f->{room} ne 'server' && $bracket eq '"' && !grep { $name =~ $_ } values %door)
		{
			complain($f->{path}, $n, "include of \"$name\" is not of the form \"room/file.h\"");
		}
	}
	return;
}

sub check_doors
{
	for my $lib (sort keys %doors_seen)
	{
		my @paths = sort keys %{ $doors_seen{$lib} };
		next if @paths < 2;
		complain($_, $doors_seen{$lib}{$_}[0],
			"library $lib has more than one door: @paths")
		  for @paths;
	}
	return;
}

sub check_calls
{
	my ($f) = @_;
	return if $f->{room} eq '';
	my $t = tokenize($f->{code});
	for my $i (0 .. $#$t - 1)
	{
		next if $t->[ $i + 1 ][0] ne '(';
		next if $i > 0 && $t->[ $i - 1 ][0] =~ /^(\.|->)$/;
		for my $rule (@calls)
		{
			my ($name, $where, $text) = @$rule;
			complain($f->{path}, $t->[$i][1], "$t->[$i][0]() $text")
			  if $t->[$i][0] =~ $name && $f->{path} !~ $where;
		}
	}
	return;
}

sub check_version_macro
{
	my ($f) = @_;
	return if $f->{room} eq '' || $f->{path} eq 'src/server/compat.h';
	my @lines = split /\n/, $f->{code};
	for my $n (1 .. @lines)
	{
		complain($f->{path}, $n, 'PG_VERSION_NUM may only be used in src/server/compat.h')
		  if $lines[ $n - 1 ] =~ /\bPG_VERSION_NUM\b/;
	}
	return;
}

# A prototype in a header has a comment right above it, or stands in a group
# without empty lines that begins with one.
sub check_prototype_comments
{
	my ($f) = @_;
	return unless $f->{header} && $f->{room} ne '';
	my @bare = split /\n/, $f->{bare};
	my @code = split /\n/, $f->{code};
	for my $p (@{ $f->{prototypes} })
	{
		my $n = $p->{first} - 1;
		# up over what belongs to the group
		$n-- while $n >= 1 && ($bare[ $n - 1 ] // '') =~ /\S/;
		my $raw = $n >= 1 ? $f->{raw}[ $n - 1 ] : '';
		my $is_comment = $raw =~ /\S/ && ($code[ $n - 1 ] // '') !~ /\S/;
		complain($f->{path}, $p->{line}, "prototype of $p->{name} has no comment above it")
		  unless $is_comment;
	}
	return;
}

# --- the tree ----------------------------------------------------------------

# Paths of the files that are, or would be, under version control.
sub tree
{
	if (-e '.git' && open my $git, '-|', 'git ls-files -z -co --exclude-standard 2>/dev/null')
	{
		local $/ = "\0";
		chomp(my @paths = <$git>);
		return grep { -f } @paths if close $git;
	}
	my @paths;
	find({
			no_chdir => 1,
			wanted => sub {
				my $path = s{^\./}{}r;
				return $File::Find::prune = 1 if $path =~ m{^(\.git|build|tmp_check|results)$};
				push @paths, $path if -f && $path !~ /\.(o|so|bc)$/;
			}
		}, '.');
	return sort @paths;
}

# Where somebody happened to work is of no interest to others.
sub check_words
{
	my ($path) = @_;
	open my $fh, '<:raw', $path or return;
	while (my $line = <$fh>)
	{
		complain($path, $., "path of a machine: $1")
		  if $line =~ m{(?<![\w.\-])(/(?:work|farm)/)};
	}
	close $fh;
	return;
}

sub check_version
{
	my $control = 'backup_ext.control';
	my $version;
	if (open my $fh, '<', $control)
	{
		while (<$fh>)
		{
			$version = [ $1, $. ] if /^default_version\s*=\s*'([^']+)'/;
		}
		close $fh;
	}
	return complain($control, 1, 'has no default_version') unless $version;
	return;
}

# --- main --------------------------------------------------------------------

my @paths = tree();
my $files = 0;
for my $path (grep { m{^(src/.*|test/(unit|fuzz|tool)/.*)\.[ch]$} } @paths)
{
	my $f = read_c($path);
	$files++;
	check_file_length($f);
	check_function_size($f);
	check_nesting($f);
	check_includes($f);
	check_calls($f);
	check_version_macro($f);
	check_prototype_comments($f);
}
check_doors();
check_words($_) for @paths;
check_version();

print "$_->[0]:$_->[1]: $_->[2]\n"
  for sort { $a->[0] cmp $b->[0] || $a->[1] <=> $b->[1] } @complaints;
printf STDERR "lint: %d C files of %d files, %d complaints\n",
  $files, scalar @paths, scalar @complaints;
exit(@complaints ? 1 : 0);
