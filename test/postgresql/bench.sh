#!/bin/sh
# SPDX-License-Identifier: MIT
# bench.sh BENCH, below with.sh: durable holds a second on PostgreSQL, through one daemon's ledger and
# through four at once, beside what pgbench's TPC-B-like transactions reach on the same server. Prints a
# Markdown table. SECONDS_EACH=10 HOLDS=40000.
set -eu

bench=$1
bin=$(find /usr/lib/postgresql/*/bin -maxdepth 0 | sort -V | tail -1)
seconds=${SECONDS_EACH:-10} holds=${HOLDS:-40000}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

"$bin/pgbench" -i -q -s 20 "$TOKENCAP_TEST_POSTGRESQL" >"$dir/log" 2>&1 || { cat "$dir/log" >&2; exit 1; }
best=0
for clients in 16 64; do
    "$bin/pgbench" -n -c "$clients" -j 2 -T "$seconds" "$TOKENCAP_TEST_POSTGRESQL" >"$dir/out" 2>&1
    tps=$(sed -n 's/^tps = \([0-9]*\).*without initial.*/\1/p' "$dir/out")
    echo "pgbench, $clients clients: $tps transactions/s" >&2
    [ "$tps" -le "$best" ] || best=$tps
done

# run DAEMONS: each 64 waiters, at once; "holds/s holds+settlements/s", summed
run() {
    pids=
    for i in $(seq "$1"); do
        "$bench" --on "$TOKENCAP_TEST_POSTGRESQL" 64 "$((holds / $1))" >"$dir/$i" &
        pids="$pids $!"
    done
    for pid in $pids; do wait "$pid"; done
    for i in $(seq "$1"); do cat "$dir/$i"; done |
        awk -F'|' '/settlement/ { s += $4; next } { h += $4 } END { printf "%d %d\n", h, s }'
}

echo "| daemons | what | a second | ratio to pgbench ($best transactions/s) |"
echo "|---|---|---|---|"
for daemons in 1 4; do
    run $daemons | while read -r h s; do
        echo "$daemons $h $s $best" | awk '{
            printf "| %d | holds | %d | %.1f |\n| %d | holds with settlements | %d | %.1f |\n",
                $1, $2, $2 / $4, $1, $3, $3 / $4 }'
    done
done
