#!/bin/bash
# SPDX-License-Identifier: MIT
# proofs.sh BUILD PYTEST PAGE: the ledger's proofs at full length, one after the other, ended by the first that
# fails. What they printed goes into the page. OPS, KILLS, DEATHS and SEED as in the Makefile.
set -euo pipefail
build=$1 pytest=$2 page=$3
said=$(mktemp) all=$(mktemp)
trap 'rm -f "$said" "$all"' EXIT

# proof NAME COMMAND…: runs it, and keeps its figures: the lines that its tests indent, behind the test's name.
proof() {
    local name=$1 from=$SECONDS
    shift
    echo "== $name"
    env "$@" 2>&1 | tee "$said"
    {
        echo "$name, $((SECONDS - from)) s"
        awk '/^\[ RUN/ { test = $NF ": "; gsub("_", " ", test) } /^  / { sub("^ *", ""); print "    " test $0 }
             / passed in / { print "    " $1 " tests" }' "$said"
    } >> "$all"
}

unit() { # NAME TEST VARIABLE=VALUE…
    proof "$1" "${@:3}" "$build/test/unit/test_ledger_$2"
}

e2e() { # NAME TESTS VARIABLE=VALUE…
    proof "$1" "${@:3}" TOKENCAP_BUILD="$build" PYTHONDONTWRITEBYTECODE=1 "$pytest" -q -s "test/e2e/$2"
}

e2e deaths test_kills.py KILLS="$DEATHS" SEED="$SEED"
unit crowds concurrency ROUNDS=20
e2e "crowds, over HTTP" test_strict.py
unit simulation simulation OPS="$OPS" SEED="$SEED"
e2e "simulation, over HTTP" test_simulation.py OPS="$((OPS / 10))" SEED="$SEED"
unit crashes crash KILLS="$KILLS" SEED="$SEED"
unit faults faults
unit memory torture STRIDE=1
e2e "calls that fail, in the daemon" test_torture.py

{
    echo '```'
    echo "$(date +%F), $(nproc) CPUs, $((SECONDS / 60)) minutes in all"
    cat "$all"
    echo '```'
} | test/accuracy/section.sh proofs "$page"
