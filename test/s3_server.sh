#!/bin/sh
# s3_server.sh - a real S3 server for tests: Ceph on loopback, in memory.
#
#   s3_server.sh start DIRECTORY [PID]   start one; it ends with process PID
#   s3_server.sh user DIRECTORY NAME     add a user, make NAME.credentials
#   s3_server.sh stop DIRECTORY          end it; DIRECTORY can then be removed
#
# One monitor, one object store (memstore: what it holds is gone at the end)
# and one gateway, which checks signatures, digests and clocks as others do.
# DIRECTORY, which start makes, has then
#
#   port, tls_port         of the gateway, at 127.0.0.1 and localhost
#   ca.pem                 who signed the certificate of tls_port
#   credentials            of the first user, in the format of the AWS tools
#   log/                   what the daemons say
#
# Needs no root, and nothing but ceph-mon, ceph-osd, radosgw, ceph-common and
# openssl. Exit status 3: one of them is missing. S3_MEMORY: bytes that the
# store may hold (2 GiB).
set -eu

[ $# -ge 2 ] || { sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2; exit 2; }
verb=$1
mkdir -p "$2"
script=$(cd "$(dirname "$0")" && pwd)/s3_server.sh
dir=$(cd "$2" && pwd)
log=$dir/log
export CEPH_CONF="$dir/ceph.conf"
# Python finds its modules by itself; what a caller has set may hide them.
unset PYTHONPATH PYTHONHOME CEPH_ARGS 2>/dev/null || :
PATH=/usr/sbin:/usr/bin:/sbin:/bin

is_alive() { [ -s "$dir/$1.pid" ] && kill -0 "$(cat "$dir/$1.pid")" 2>/dev/null; }

# Nothing is to be saved.
stop()
{
	for daemon in watch rgw osd mon; do
		! is_alive $daemon || kill -KILL "$(cat "$dir/$daemon.pid")" 2>/dev/null || :
		rm -f "$dir/$daemon.pid"
	done
}

# Waits until a command succeeds; fails when a daemon has died or time is up.
wait_for() # DAEMON COMMAND...
{
	daemon=$1
	shift
	tries=0
	until "$@" >/dev/null 2>&1; do
		tries=$((tries + 1))
		[ $tries -lt 600 ] && is_alive "$daemon" || return 1
		sleep 0.1
	done
}

# As many ports as asked for that nobody listens at now.
free_ports()
{
	perl -MIO::Socket::INET -e '
		my @held = map { IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1") or die "no port: $@" } 1 .. shift;
		print join(" ", map { $_->sockport } @held), "\n"' "$1"
}

random() { od -An -v -tx1 -N "$1" /dev/urandom | tr -d ' \n'; }

make_certificate()
{
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj '/CN=a test authority' \
		-keyout "$dir/ca.key" -out "$dir/ca.pem" -addext basicConstraints=critical,CA:TRUE
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost \
		-keyout "$dir/tls.key" -out "$dir/tls.csr"
	echo 'subjectAltName=DNS:localhost,DNS:*.localhost,IP:127.0.0.1' >"$dir/tls.ext"
	openssl x509 -req -days 2 -in "$dir/tls.csr" -CA "$dir/ca.pem" -CAkey "$dir/ca.key" -CAcreateserial \
		-extfile "$dir/tls.ext" -out "$dir/tls.pem"
}

configure() # MONITOR_PORT PORT TLS_PORT
{
	echo "$2" >"$dir/port"
	echo "$3" >"$dir/tls_port"
	cat >"$CEPH_CONF" <<-END
		[global]
		fsid = $fsid
		mon host = [v2:127.0.0.1:$1]
		mon initial members = a
		public addr = 127.0.0.1
		cluster addr = 127.0.0.1
		ms bind ipv6 = false
		auth cluster required = none
		auth service required = none
		auth client required = none
		ms mon client mode = crc
		ms cluster mode = crc
		ms service mode = crc
		ms client mode = crc
		paxos propose interval = 0.05
		paxos min wait = 0.02
		run dir = $dir
		admin socket =
		log file = $log/\$name.log
		mon cluster log file = $log/cluster.log
		pid file = $dir/\$type.pid
		mon data = $dir/mon
		osd data = $dir/osd
		osd pool default size = 1
		osd pool default min size = 1
		osd pool default pg num = 4
		osd pool default pgp num = 4
		osd pool default pg autoscale mode = off
		osd crush chooseleaf type = 0
		osd class update on start = false
		mon allow pool size one = true
		mon max pg per osd = 2000
		mon data avail warn = 1
		mon data avail crit = 1
		mon warn on pool no redundancy = false
		auth allow insecure global id reclaim = false
		fatal signal handlers = false
		osd objectstore = memstore
		memstore device bytes = ${S3_MEMORY:-2147483648}
		osd op num shards = 2
		[client.rgw]
		keyring = /dev/null
		pid file = $dir/rgw.pid
		rgw frontends = beast endpoint=127.0.0.1:$2 ssl_endpoint=127.0.0.1:$3 ssl_certificate=$dir/tls.pem ssl_private_key=$dir/tls.key
		rgw thread pool size = 64
		rgw dns name = localhost
		rgw crypt require ssl = false
		rgw crypt s3 kms backend = testing
		rgw crypt s3 kms encryption keys = a-key=$(head -c 32 /dev/urandom | base64)
		rgw enable ops log = false
		rgw gc obj min wait = 5
		rgw gc processor period = 5
	END
}

make_user() # NAME FILE
{
	id=$(random 10 | tr a-f A-F)
	# Secrets of Amazon have such characters, too.
	secret=$(random 15)/+$(random 4)
	radosgw-admin -n client.rgw user create --uid="$1" --display-name="$1" \
		--access-key="$id" --secret-key="$secret" >/dev/null 2>>"$log/admin.log"
	(umask 077 && printf '[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n' "$id" "$secret" >"$2")
}

# A storage class beside the usual one.
make_class() # NAME
{
	radosgw-admin -n client.rgw zonegroup placement add --rgw-zonegroup default \
		--placement-id default-placement --storage-class "$1" >/dev/null 2>>"$log/admin.log" &&
		radosgw-admin -n client.rgw zone placement add --rgw-zone default --placement-id default-placement \
			--storage-class "$1" --data-pool "default.rgw.$1.data" >/dev/null 2>>"$log/admin.log"
}

start()
{
	rm -rf "$dir/mon" "$dir/osd" "$log"
	mkdir -p "$dir/mon" "$dir/osd" "$log"
	fsid=$(cat /proc/sys/kernel/random/uuid)
	ports=$(free_ports 3)
	# shellcheck disable=SC2086
	configure $ports
	monmaptool --create --clobber --fsid "$fsid" --addv a "[v2:127.0.0.1:${ports%% *}]" "$dir/monmap" >/dev/null
	ceph-mon -i a --mkfs --monmap "$dir/monmap" || return 1
	ceph-mon -i a || return 1
	osd=$(cat /proc/sys/kernel/random/uuid)
	ceph --connect-timeout 20 osd new "$osd" >/dev/null || return 1
	ceph-osd -i 0 --mkfs --osd-uuid "$osd" >/dev/null 2>"$log/mkfs.log" || return 1
	ceph-osd -i 0 >/dev/null 2>>"$log/mkfs.log" || return 1
	wait_for osd sh -c "ceph --connect-timeout 20 osd stat | grep -q '1 up'" || return 1
	make_user owner "$dir/credentials" || return 1
	make_class STANDARD_IA || return 1
	radosgw -n client.rgw || return 1
	wait_for rgw curl -s -o /dev/null "http://127.0.0.1:$(cat "$dir/port")/" || return 1
}

case $verb in
	start)
		for program in ceph-mon ceph-osd radosgw radosgw-admin monmaptool ceph openssl curl; do
			command -v "$program" >/dev/null || {
				echo "s3_server.sh: $program is missing (sh test/setup.sh installs it)" >&2
				exit 3
			}
		done
		make_certificate 2>"$dir/openssl.log" || { cat "$dir/openssl.log" >&2; exit 1; }
		# Somebody may take a port that was free a moment ago.
		for try in 1 2 3; do
			started=yes
			start && break
			started=no
			stop
			echo "s3_server.sh: start $try failed" >&2
		done
		[ $started = yes ] || { tail -n 20 "$log"/*.log >&2; exit 1; }
		if [ $# -ge 3 ]; then
			(
				while [ -d "/proc/$3" ]; do sleep 1; done
				rm -f "$dir/watch.pid"
				exec sh "$script" stop "$dir"
			) </dev/null >/dev/null 2>&1 &
			echo $! >"$dir/watch.pid"
		fi ;;
	user) make_user "$3" "$dir/$3.credentials" ;;
	stop) stop ;;
	*) exec sh "$script" ;;
esac
