#!/bin/sh
# setup.sh - install what is needed to build and test on Debian 12.
#
# Does nothing if everything is there. Installing needs root. Existing
# PostgreSQL clusters are left alone, and none is created.
set -eu

packages="
	gcc make pkg-config libc6-dev
	postgresql-15 postgresql-server-dev-15 libpq-dev
	libjansson-dev libssl-dev libcurl4-openssl-dev libexpat1-dev
	zlib1g-dev libzstd-dev liblz4-dev libarchive-dev
	libcmocka-dev clang libclang-rt-dev libipc-run-perl perl
	age zstd lz4 gzip patchelf curl ca-certificates time strace procps
	openssl ceph-mon ceph-osd radosgw ceph-common openssh-server
	prometheus prometheus-postgres-exporter prometheus-sql-exporter"

missing=
for package in $packages; do
	case $(dpkg-query -W -f '${Status}' "$package" 2>/dev/null) in
		*" installed") ;;
		*) missing="$missing $package" ;;
	esac
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -ne 0 ]; then
	echo "setup.sh: these packages are missing; as root: apt-get install$missing" >&2
	exit 1
fi

made=
trap 'rm -f $made' EXIT
trap 'exit 130' INT TERM HUP

# Servers that come with packages are started by the tests only.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
	made=$policy
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	chmod 755 "$policy"
fi

# Debian's package starts a cluster of its own when it is first installed. A
# test has no business there, so that is turned off for this installation.
setting=/etc/postgresql-common/createcluster.d/backup_ext-setup.conf
if ! dpkg-query -W -f '${Status}' postgresql-15 2>/dev/null | grep -q ' installed'; then
	mkdir -p "${setting%/*}"
	echo "create_main_cluster = false" >"$setting"
	made="$made $setting"
fi

echo "setup.sh: installing$missing"
log=$(mktemp)
# shellcheck disable=SC2086
if ! { apt-get -q update &&
	DEBIAN_FRONTEND=noninteractive apt-get -qy install --no-install-recommends $missing; } \
	>"$log" 2>&1 </dev/null; then
	tail -n 30 "$log" >&2
	rm -f "$log"
	exit 1
fi
rm -f "$log"
