# backup_ext: a PostgreSQL extension (src/server) and the program that does
# its work (pg_backup_ext, every other room of src).
#
#   make && sudo make install     PG_CONFIG=/path/to/pg_config picks a server
#   make check                    every test; needs "make install" before it
#
# The extension is a plain PGXS module. The program has flags and libraries
# of its own and is compiled into build/, so nothing of it depends on the
# server that PG_CONFIG names; it is only installed beside its programs.

# The one place of the version is the control file.
BK_VERSION := $(shell sed -n "s/^default_version *= *'\(.*\)'.*/\1/p" backup_ext.control)

EXTENSION = backup_ext
MODULE_big = backup_ext
OBJS = $(patsubst %.c,%.o,$(sort $(wildcard src/server/*.c)))
DATA_built = build/backup_ext--$(BK_VERSION).sql
EXTRA_CLEAN = build
NO_INSTALLCHECK = 1

# Our own headers are looked for last: the server has a storage/ as well. The
# server's headers are full of unused parameters.
PG_CPPFLAGS = -DBK_VERSION='"$(BK_VERSION)"' -idirafter src
PG_CFLAGS = -Wall -Wextra -Werror -Wno-unused-parameter

# Bitcode for JIT would need clang to build, and nothing here is ever inlined.
override with_llvm = no

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
ifeq ($(wildcard $(PGXS)),)
$(error $(or $(PGXS),$(PG_CONFIG)) is missing: install the server's development files \
(on Debian 12: apt-get install postgresql-server-dev-15, or sh test/setup.sh), \
or set PG_CONFIG to the pg_config of the server to build for)
endif
include $(PGXS)

# The extension's script in the order in which it is run.
SCRIPT = tables schedule functions views job status_shared status_schedules status_backups status_others alarm status metrics retention privileges
build/backup_ext--$(BK_VERSION).sql: $(SCRIPT:%=sql/%.sql)
	@mkdir -p $(@D)
	cat $^ >$@

# Server objects are built in place and belong to one server and one set of
# flags: they are compiled again when either changes.
SERVER_FLAGS = $(VERSION) $(CC) $(CFLAGS) $(CFLAGS_SL) $(CPPFLAGS)
$(OBJS): build/server.flags $(wildcard src/server/*.h)

# --- the program -----------------------------------------------------------

ROOMS = core filter storage repo source notify job cli
PROGRAM_SRCS := $(sort $(wildcard $(addprefix src/,$(addsuffix /*.c,$(ROOMS)))))
PROGRAM_LIBS = libpq jansson libcrypto libcurl expat zlib libzstd liblz4 libarchive
PKG_CONFIG ?= pkg-config

LIB_CFLAGS := $(shell $(PKG_CONFIG) --cflags $(PROGRAM_LIBS))
LIB_LDLIBS := $(shell $(PKG_CONFIG) --libs $(PROGRAM_LIBS))
ifeq ($(LIB_LDLIBS),)
$(error pkg-config does not find all of: $(PROGRAM_LIBS) \
(on Debian 12: sh test/setup.sh installs what is needed))
endif

BASE_CFLAGS = -std=gnu11 -g -Wall -Wextra -Werror -D_GNU_SOURCE -I src -pthread \
	-DBK_VERSION='"$(BK_VERSION)"' $(LIB_CFLAGS)

# Each way to compile the program has a directory, a compiler and flags.
build_CC = $(CC)
build_CFLAGS = $(BASE_CFLAGS) -O2 -fPIE -fstack-protector-strong -D_FORTIFY_SOURCE=2
build_LDFLAGS = -pie -pthread -Wl,-z,relro -Wl,-z,now -Wl,--as-needed

build/san_CC = $(CC)
build/san_CFLAGS = $(BASE_CFLAGS) -O1 -fno-omit-frame-pointer \
	-fsanitize=address,undefined -fno-sanitize-recover=all
build/san_LDFLAGS = -pthread -fsanitize=address,undefined

FUZZ_CC = clang
build/fuzz_CC = $(FUZZ_CC)
build/fuzz_CFLAGS = $(BASE_CFLAGS) -O1 -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address
build/fuzz_LDFLAGS = -pthread -fsanitize=fuzzer,address

# objects DIRECTORY: all objects of the program there
objects = $(patsubst src/%.c,$(1)/%.o,$(PROGRAM_SRCS))
# library DIRECTORY: the same without main(), for tests
library = $(filter-out $(1)/cli/main.o,$(call objects,$(1)))

define compile
$(1)/%.o: src/%.c $(1)/flags
	@mkdir -p $$(@D)
	$$($(1)_CC) $$($(1)_CFLAGS) -MMD -MP -c -o $$@ $$<

$(1)/test/%.o: test/%.c $(1)/flags
	@mkdir -p $$(@D)
	$$($(1)_CC) $$($(1)_CFLAGS) -I test -MMD -MP -c -o $$@ $$<

$(1)/flags: FLAGS = $$($(1)_CC) $$($(1)_CFLAGS)
-include $$(patsubst %.o,%.d,$$(call objects,$(1))) $$(wildcard $(1)/test/*/*.d)
endef
$(foreach d,build build/san build/fuzz,$(eval $(call compile,$(d))))

# A stamp changes when what it stands for changes, and only then.
build/server.flags: FLAGS = $(SERVER_FLAGS)
build/server.flags build/flags build/san/flags build/fuzz/flags: export BK_FLAGS = $(FLAGS)
build/server.flags build/flags build/san/flags build/fuzz/flags: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' "$$BK_FLAGS" | cmp -s - $@ || printf '%s\n' "$$BK_FLAGS" >$@
FORCE:

all: build/pg_backup_ext

build/pg_backup_ext: $(call objects,build)
	$(build_CC) $(build_LDFLAGS) -o $@ $^ $(LIB_LDLIBS)

install: install-program
install-program: build/pg_backup_ext installdirs-program
	$(INSTALL_PROGRAM) build/pg_backup_ext '$(DESTDIR)$(bindir)/pg_backup_ext'
installdirs: installdirs-program
installdirs-program:
	$(MKDIR_P) '$(DESTDIR)$(bindir)'
uninstall: uninstall-program
uninstall-program:
	rm -f '$(DESTDIR)$(bindir)/pg_backup_ext'

# What monitoring systems take in. Not into docdir: images of containers often
# come without their documentation.
MONITORING := $(sort $(wildcard monitoring/*/*))
monitoringdir = $(datadir)/backup_ext

install: install-monitoring
install-monitoring: installdirs-monitoring
	$(foreach f,$(MONITORING),$(INSTALL_DATA) '$f' '$(DESTDIR)$(monitoringdir)/$f' &&) true
installdirs: installdirs-monitoring
installdirs-monitoring:
	$(MKDIR_P) $(patsubst %,'$(DESTDIR)$(monitoringdir)/%',$(sort $(dir $(MONITORING))))
uninstall: uninstall-monitoring
uninstall-monitoring:
	rm -rf '$(DESTDIR)$(monitoringdir)'

# --- tests -----------------------------------------------------------------
#
# Every target runs through test/run.sh, which keeps the output in build/log
# and counts. Servers do not run as root: as root, tests that start one run
# as user postgres in a copy of this tree (test/drop.sh).

FUZZ_SECONDS ?= 10
VERSIONS ?= 17 18 19
SCALE ?= 1
ROUNDS ?= 1
# What bench-physical or bench-s3 measures; none: all
PARTS ?=
# TAP tests to run; none: all
TESTS ?=
CHECKS ?= lint unit unit-san fuzz clang regress tap

run = env PG_CONFIG='$(PG_CONFIG)' sh test/run.sh

lint:
	+@$(run) lint sh test/lint.sh
	+@$(run) lint-selftest perl test/lint_selftest.pl

# Tests that share a helper put it into test/unit/*.c without "test_".
UNIT_TESTS := $(sort $(wildcard test/unit/test_*.c))
UNIT_HELPERS := $(filter-out $(UNIT_TESTS),$(sort $(wildcard test/unit/*.c)))
CMOCKA := $(shell $(PKG_CONFIG) --libs cmocka 2>/dev/null)

# unit_tests DIRECTORY: the test programs there
unit_tests = $(patsubst test/%.c,$(1)/test/%,$(UNIT_TESTS))
define unit_rule
$(call unit_tests,$(1)): %: %.o $(patsubst test/%.c,$(1)/test/%.o,$(UNIT_HELPERS)) $(call library,$(1))
	$$($(1)_CC) $$($(1)_LDFLAGS) -o $$@ $$^ $$(CMOCKA) $$(LIB_LDLIBS)
endef
$(foreach d,build build/san,$(eval $(call unit_rule,$(d))))

unit: $(call unit_tests,build)
	+@$(run) $@ sh test/unit.sh $^

unit-san: $(call unit_tests,build/san)
	+@ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=1 \
	UBSAN_OPTIONS=print_stacktrace=1 $(run) $@ sh test/unit.sh $^

FUZZERS := $(patsubst test/fuzz/%.c,build/fuzz/%,$(sort $(wildcard test/fuzz/fuzz_*.c)))
$(FUZZERS): build/fuzz/%: build/fuzz/test/fuzz/%.o $(call library,build/fuzz)
	$(build/fuzz_CC) $(build/fuzz_LDFLAGS) -o $@ $^ $(LIB_LDLIBS)

fuzz: $(FUZZERS)
	+@FUZZ_SECONDS=$(FUZZ_SECONDS) $(run) $@ sh test/fuzz.sh $^

# Programs that tests start, and a library that they preload.
TOOL_PROGRAMS := $(patsubst test/%.c,build/test/%,$(filter-out %_shim.c,$(sort $(wildcard test/tool/*.c))))
TOOL_SHIMS := $(patsubst test/%.c,build/test/%.so,$(sort $(wildcard test/tool/*_shim.c)))
TOOLS := $(TOOL_PROGRAMS) $(TOOL_SHIMS)
$(TOOL_PROGRAMS): %: %.o $(call library,build)
	$(build_CC) $(build_LDFLAGS) -o $@ $^ $(LIB_LDLIBS)
$(TOOL_SHIMS): build/%.so: %.c build/flags
	@mkdir -p $(@D)
	$(build_CC) $(build_CFLAGS) -fPIC -shared -o $@ $< -ldl

# Compiled before a check goes to work in a copy, the objects stay.
build-tests: $(call unit_tests,build) $(call unit_tests,build/san) $(FUZZERS) $(TOOLS)

# The other compiler's warnings; those that are off are about gcc's flags and
# about the server's headers, which were configured for gcc.
CLANG_SERVER = clang -fsyntax-only $(filter-out -fexcess-precision=%,$(CFLAGS)) $(CPPFLAGS) \
	-Wno-unknown-warning-option -Wno-ignored-attributes
CLANG_PROGRAM = clang -fsyntax-only $(BASE_CFLAGS) -O2
clang:
	+@$(run) $@ sh -ec '$(subst ','\'',$(CLANG_SERVER)) $(OBJS:.o=.c); \
		$(subst ','\'',$(CLANG_PROGRAM)) $(PROGRAM_SRCS)'

# The regression and TAP tests use what is installed.
regress: all
	+@sh test/drop.sh $(run) regress-$(MAJORVERSION) sh test/regress.sh
tap: all $(TOOLS) build/test/unit/test_storage
	+@sh test/drop.sh $(run) tap-$(MAJORVERSION) sh test/tap.sh $(TESTS)
installcheck: all
	+@sh test/drop.sh sh test/run_all.sh '$(MAKE)' regress tap

check-versions: all
	+@sh test/drop.sh sh test/run_all.sh '$(MAKE)' versions
versions: all
	+@sh test/check_versions.sh '$(MAKE)' $(VERSIONS)

# PGXS has a "check" that only prints that it is not supported. Its recipe
# cannot be taken away without a warning, so it is given to true(1).
check: private SHELL = /bin/true
check: check-all
check-all: all
	-+@$(MAKE) -k build-tests
	+@sh test/drop.sh sh test/run_all.sh '$(MAKE)' $(CHECKS)

print-checks:
	@echo $(CHECKS)

# Crashes, failovers and full disks on real servers: too slow for every check.
FAULTS ?= $(filter-out test/fault/stage.sh,$(sort $(wildcard test/fault/*.sh)))
faults: all $(TOOLS) build/test/unit/test_retention_model
	+@sh test/drop.sh env PG_CONFIG='$(PG_CONFIG)' \
		sh -ec 'for fault; do echo "$$fault"; sh "$$fault"; done' sh $(FAULTS)

# Stores whose servers are too large to install for every check: Microsoft's
# emulator of Azure comes from npm.
stores: all $(TOOLS) build/test/unit/test_storage
	+@[ -x build/npm/node_modules/.bin/azurite-blob ] || \
		npm install --silent --no-audit --no-fund --prefix build/npm azurite >/dev/null
	+@sh test/drop.sh $(run) stores sh test/tap.sh test/stores/*.pl

bench: all
	+@PG_CONFIG='$(PG_CONFIG)' SCALE=$(SCALE) ROUNDS=$(ROUNDS) sh test/bench.sh
# Needs "make install" before it, since the server must find the program.
bench-physical: all
	+@PG_CONFIG='$(PG_CONFIG)' SCALE=$(SCALE) ROUNDS=$(ROUNDS) PARTS='$(PARTS)' sh test/bench_physical.sh
bench-s3: all $(TOOLS)
	+@PG_CONFIG='$(PG_CONFIG)' SCALE=$(SCALE) ROUNDS=$(ROUNDS) PARTS='$(PARTS)' sh test/bench_s3.sh

demo:
	+@PG_CONFIG='$(PG_CONFIG)' sh test/demo.sh

.SECONDARY:
.PHONY: FORCE lint unit unit-san fuzz build-tests clang regress tap installcheck versions \
	check-versions check check-all print-checks faults stores bench bench-physical bench-s3 demo install-program \
	installdirs-program uninstall-program install-monitoring installdirs-monitoring uninstall-monitoring
