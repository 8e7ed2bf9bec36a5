#!/bin/sh
# SPDX-License-Identifier: MIT
# pgbouncer.sh COMMAND…, below with.sh: puts a PgBouncer before the server, which lends a session for one
# transaction at a time; TOKENCAP_TEST_POSTGRESQL is then its address.
set -eu

server=${TOKENCAP_TEST_POSTGRESQL##*host=}
dir=$(mktemp -d /tmp/tokencap-pgbouncer-XXXXXX)
cat >"$dir/ini" <<INI
[databases]
tokencap = host=$server dbname=tokencap user=tokencap
[pgbouncer]
unix_socket_dir = $dir
listen_addr =
listen_port = 5432
auth_type = any
pool_mode = transaction
default_pool_size = 20
INI
as=
chmod 755 "$dir"
if [ "$(id -u)" = 0 ]; then # it refuses to run as root
    as="setpriv --reuid=nobody --regid=nogroup --clear-groups"
    chown nobody:nogroup "$dir"
fi

pid=
finish() {
    if [ -n "$pid" ]; then
        kill "$pid" 2>/dev/null || :
        wait "$pid" 2>/dev/null || :
    fi
    rm -rf "$dir"
}
trap finish EXIT
trap 'exit 1' INT TERM

# shellcheck disable=SC2086 # a command of several words
$as pgbouncer -q "$dir/ini" >"$dir/log" 2>&1 &
pid=$!
until [ -S "$dir/.s.PGSQL.5432" ]; do
    kill -0 "$pid" || { cat "$dir/log" >&2; exit 1; }
    sleep 0.1
done

TOKENCAP_TEST_POSTGRESQL="postgresql://tokencap@/tokencap?host=$dir"
export TOKENCAP_TEST_POSTGRESQL
unset TOKENCAP_TEST_POSTGRESQL_LOG # the settings of who asks do not reach the server
"$@"
