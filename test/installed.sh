# installed.sh - sourced by tests that use the installed extension: finds the
# server of PG_CONFIG, sets bindir and pgxs, and refuses to test something
# older than what was built.

PG_CONFIG=${PG_CONFIG:-pg_config}
bindir=$("$PG_CONFIG" --bindir)
pgxs=$("$PG_CONFIG" --pgxs)
pgxs=${pgxs%/src/makefiles/pgxs.mk}
for pair in "backup_ext.so $("$PG_CONFIG" --pkglibdir)/backup_ext.so" \
	"build/pg_backup_ext $bindir/pg_backup_ext" \
	"backup_ext.control $("$PG_CONFIG" --sharedir)/extension/backup_ext.control"; do
	built=${pair%% *}
	installed=${pair#* }
	if [ ! -e "$installed" ]; then
		echo "$installed is missing: run make install first"
		exit 1
	elif [ "$built" -nt "$installed" ] && ! cmp -s "$built" "$installed"; then
		echo "$installed is older than what was built: run make install first"
		exit 1
	fi
done

# Nothing of the caller's may redirect a test to another server.
unset PGHOST PGHOSTADDR PGPORT PGUSER PGDATABASE PGPASSWORD PGPASSFILE \
	PGSERVICE PGSERVICEFILE PGOPTIONS PGDATA PGSSLMODE PGTZ PGCLIENTENCODING
