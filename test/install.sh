# install.sh - sourced: make install where that is allowed; elsewhere what is
# installed must be what was built.
if [ -w "$("$PG_CONFIG" --pkglibdir)" ]; then
	make -s install PG_CONFIG="$PG_CONFIG" >/dev/null
elif ! sh -c '. test/installed.sh'; then
	echo "$("$PG_CONFIG" --pkglibdir) is not writable: run sudo make install" >&2
	false
fi
