# cluster.sh - sourced by scripts that need a private PostgreSQL cluster.
#
#   cluster_start DIR     initialize and start one; postgresql.conf gets what
#                         is on standard input; no TCP, socket in DIR
#                         (initdb_options: what initdb gets besides)
#   as_owner COMMAND...   run a command as the user who owns the cluster
#   cluster_stop DIR      stop it
#
# The owner is user postgres where the caller is root, else the caller. Set
# bindir (the server's programs) before.

as_owner()
{
	if [ "$(id -u)" -eq 0 ]; then
		setpriv --reuid postgres --regid postgres --init-groups \
			env -C / HOME=/ USER=postgres LOGNAME=postgres "$@"
	else
		"$@"
	fi
}

# The private socket directory makes a port of one's own unnecessary.
cluster_start()
{
	mkdir -p "$1"
	chmod 700 "$1"
	[ "$(id -u)" -ne 0 ] || chown postgres:postgres "$1"
	# shellcheck disable=SC2086
	as_owner "$bindir/initdb" -D "$1/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 \
		--no-sync --no-instructions ${initdb_options:-} >"$1/initdb.log" || return 1
	{
		echo "listen_addresses = ''"
		echo "unix_socket_directories = '$1'"
		cat
	} >>"$1/data/postgresql.conf"
	as_owner "$bindir/pg_ctl" -D "$1/data" -l "$1/log" -w -t 60 -s start || {
		cat "$1/log" >&2
		return 1
	}
}

cluster_stop()
{
	[ ! -e "$1/data/postmaster.pid" ] ||
		as_owner "$bindir/pg_ctl" -D "$1/data" -m immediate -w -t 60 -s stop
}
