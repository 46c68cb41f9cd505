#!/bin/sh
# versions.sh VER [PREFIX] - PostgreSQL of another major version, unpacked
# beside the host's, for tests.
#
# Debian 12 carries PostgreSQL 15; newer majors are in newer suites. Their
# packages are fetched with apt's own programs (so that signatures are checked)
# under a private configuration, unpacked into a prefix with dpkg-deb, and the
# programs are pointed at the C library that came along. Neither root nor a
# chroot is needed, and the system's apt is not touched. Only the server side
# of an extension can be compiled against such a prefix: programs that link
# libpq keep using the host's. A prefix cannot be moved. A second call finds
# the work done.
#
# Prints the path of the prefix's pg_config.
set -eu

ver=${1:?usage: versions.sh VER [PREFIX]}
prefix=${2:-${TMPDIR:-/tmp}/backup_ext-pg/$ver}
bindir=$prefix/usr/lib/postgresql/$ver/bin

die()
{
	echo "versions.sh: $*" >&2
	exit 1
}

case $ver in
	15) suites="bookworm" ;;
	17) suites="trixie" ;;
	18) suites="forky" ;;
	19) suites="sid experimental" ;;
	*) die "no Debian suite is known for PostgreSQL $ver" ;;
esac

if [ -e "$prefix/.complete" ]; then
	[ -w "$bindir" ] || die "$prefix belongs to another user: set TMPDIR, or remove it"
	echo "$bindir/pg_config"
	exit 0
fi
for tool in apt-get apt-config dpkg-deb patchelf gcc; do
	command -v "$tool" >/dev/null || die "$tool is not installed"
done

# What stands in the way is either a broken earlier try or someone else's.
if [ -e "$prefix" ]; then
	[ -O "$prefix" ] || die "$prefix belongs to another user"
	rm -rf "$prefix"
fi
apt=$prefix/.apt
mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" \
	"$apt/etc/apt.conf.d" "$apt/etc/none"
: >"$apt/status"

# The mirror is the one this machine already uses for Debian itself.
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' |
	grep -E '/debian/?$' | head -n 1)
[ -n "$mirror" ] || die "apt has no source for Debian"
for suite in $suites; do
	echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main"
done >"$apt/sources.list"
cat >"$apt/preferences" <<END
Package: src:postgresql-$ver
Pin: release a=experimental
Pin-Priority: 900
END
{
	# Proxies and time limits of the machine stay in force.
	apt-config dump | grep -E '^Acquire::(http|https|Retries)' || :
	cat <<END
Dir::Etc "$apt/etc";
Dir::Etc::sourcelist "$apt/sources.list";
Dir::Etc::sourceparts "$apt/etc/none";
Dir::Etc::preferences "$apt/preferences";
Dir::Etc::preferencesparts "$apt/etc/none";
Dir::State::lists "$apt/lists";
Dir::State::status "$apt/status";
Dir::Cache "$apt/cache";
Acquire::Languages "none";
Acquire::Check-Valid-Until "false";
APT::Install-Recommends "false";
APT::Sandbox::User "$(id -un)";
APT::Architecture "$(dpkg --print-architecture)";
Debug::NoLocking "true";
END
} >"$apt/apt.conf"
export APT_CONFIG="$apt/apt.conf"

echo "fetching PostgreSQL $ver from $mirror ($suites) into $prefix" >&2
apt-get -qq update >&2

# The status file is empty, so this lists everything down to the C library.
# What is only needed to install, configure or compile packages is left out,
# and so is LLVM, which is large: the server does without JIT if llvmjit.so is
# not there.
apt-get -qq install --print-uris "postgresql-$ver" libpq5 |
	sed -n "s/^'[^']*' \([^_]*\)_.*/\1/p" |
	grep -vE '^(adduser|bash|coreutils|debconf|dpkg|libc6-dev|libllvm.*|libz3.*|linux-libc-dev|locales|login|openssl|passwd|perl.*|libperl.*|postgresql-common.*|systemd.*|ucf|util-linux)$' \
	>"$apt/packages"
[ -s "$apt/packages" ] || die "apt found no way to install PostgreSQL $ver"

cd "$apt/cache/archives"
# shellcheck disable=SC2046
apt-get -qq download $(cat "$apt/packages") "postgresql-server-dev-$ver" >&2
for package in *.deb; do
	dpkg-deb --fsys-tarfile "$package" |
		tar -x -C "$prefix" --exclude=./usr/share/doc --exclude=./usr/share/man \
			--exclude=./usr/share/locale
done
cd "$prefix"
rm -f "$prefix/usr/lib/postgresql/$ver/lib"/llvmjit*

# Let the programs use the C library of the prefix, and find their libraries.
libdir=$prefix/usr/lib/$(gcc -print-multiarch)
loader=
for f in "$libdir"/ld-linux*.so.* "$prefix"/lib64/ld-linux*.so.*; do
	[ -e "$f" ] && loader=$f && break
done
[ -n "$loader" ] || die "no dynamic loader in $prefix"
pgxs=$prefix/usr/lib/postgresql/$ver/lib/pgxs
for f in "$bindir"/* "$pgxs/src/test/regress/pg_regress" \
	"$pgxs/src/test/isolation/pg_isolation_regress" "$pgxs/src/test/isolation/isolationtester"; do
	if [ -f "$f" ] && patchelf --print-interpreter "$f" >/dev/null 2>&1; then
		patchelf --set-interpreter "$loader" --force-rpath --set-rpath "$libdir" "$f"
	fi
done

# The packages were built by a newer compiler: drop flags the host's rejects.
global=$pgxs/src/Makefile.global
for flag in $(sed -n 's/^CFLAGS\(_[A-Z_0-9]*\)* = //p' "$global" | tr ' ' '\n' | grep -E '^-[Wf]' | sort -u); do
	if ! echo 'int x;' | gcc -Wformat -Werror "$flag" -x c -c -o /dev/null - 2>/dev/null; then
		echo "dropping compiler flag $flag" >&2
		sed -i "s#\([ =]\)$flag\( \|\$\)#\1\2#g" "$global"
	fi
done

# So do the headers: the host's C library has no strlcpy() to declare. At run
# time the newer one has it.
for config in "$prefix/usr/include/postgresql/$ver/server"/pg_config*.h; do
	for function in STRLCAT STRLCPY; do
		if ! printf '#include <string.h>\nvoid *f = %s;\n' "$(echo $function | tr '[:upper:]' '[:lower:]')" |
			gcc -D_GNU_SOURCE -x c -c -o /dev/null - 2>/dev/null; then
			sed -i "s/^#define HAVE_DECL_$function 1/#define HAVE_DECL_$function 0/" "$config"
		fi
	done
done

rm -rf "$apt"
"$bindir/pg_config" --version >&2
touch "$prefix/.complete"
echo "$bindir/pg_config"
