#!/bin/sh
# SPDX-License-Identifier: MIT
# with.sh COMMAND…: runs it beside a PostgreSQL server of its own, in a temporary folder, reached by a
# socket in there. TOKENCAP_TEST_POSTGRESQL is its address, for a database `tokencap`; the user may make
# more of them. The server ends with the command. Skips, aloud, where no server is installed.
set -eu

bin=$(find /usr/lib/postgresql/*/bin -maxdepth 0 2>/dev/null | sort -V | tail -1)
if [ -z "$bin" ]; then
    echo "SKIPPED, for PostgreSQL's server is not installed (./deps.sh postgresql-15): $*" >&2
    exit "${SKIPPED_STATUS:-0}"
fi

dir=$(mktemp -d "${POSTGRESQL_DIR:-/tmp}/tokencap-pg-XXXXXX")
chmod 755 "$dir"
as=
if [ "$(id -u)" = 0 ]; then # the server refuses to run as root
    as="setpriv --reuid=nobody --regid=nogroup --clear-groups --reset-env"
    chown nobody:nogroup "$dir"
fi

pid=
finish() {
    if [ -n "$pid" ]; then
        kill -INT "$pid" 2>/dev/null || :
        wait "$pid" 2>/dev/null || :
    fi
    rm -rf "$dir"
}
trap finish EXIT
trap 'exit 1' INT TERM

# shellcheck disable=SC2086 # a command of several words
$as "$bin/initdb" -D "$dir/data" -U tokencap -A trust --no-sync --encoding=UTF8 --locale=C \
    >"$dir/log" 2>&1 || { cat "$dir/log" >&2; exit 1; }
# shellcheck disable=SC2086
$as "$bin/postgres" -D "$dir/data" -k "$dir" -c listen_addresses= -c max_connections=200 \
    -c log_min_messages=fatal ${POSTGRESQL_OPTIONS:-} >>"$dir/log" 2>&1 &
pid=$!
until "$bin/pg_isready" -q -h "$dir" -U tokencap -d postgres; do
    kill -0 "$pid" || { cat "$dir/log" >&2; exit 1; }
    sleep 0.1
done
"$bin/createdb" -h "$dir" -U tokencap tokencap

TOKENCAP_TEST_POSTGRESQL="postgresql://tokencap@/tokencap?host=$dir"
TOKENCAP_TEST_POSTGRESQL_LOG=$dir/log # of the server
export TOKENCAP_TEST_POSTGRESQL TOKENCAP_TEST_POSTGRESQL_LOG
"$@"
