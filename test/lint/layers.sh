#!/bin/sh
# The architecture, checked: an include only ever points down, and each third-party library has one home.
#
#   main, cli -> proxy -> wire -> meter -> base;  proxy -> ledger -> meter;  wire and ledger never meet.
#   ledger's engines (ledger/sqlite, ledger/postgresql) are reached through ledger/engine.h alone.
cd "$(dirname "$0")/../.." || exit 1
bad=0

complain() {
    printf '%s\n' "$1" >&2
    bad=1
}

# layer: the layers it may include from, itself included
while read -r layer allowed; do
    for f in src/"$layer"/*.[ch] src/"$layer"/*/*.[ch] include/"$layer"/*.h include/"$layer"/*/*.h; do
        [ -f "$f" ] || continue
        for used in $(sed -n 's/^# *include "\([a-z]*\)\/.*/\1/p' "$f" | sort -u); do
            case " $allowed " in
            *" $used "*) ;;
            *) complain "$f: $layer may not include from $used" ;;
            esac
        done
    done
done <<'LAYERS'
base base
meter base meter
wire base meter wire
ledger base meter ledger
proxy base meter wire ledger proxy
cli base meter wire ledger proxy cli
LAYERS

# An engine's own rooms are nobody else's: the ledger is used through its interface.
for engine in sqlite postgresql; do
    for f in $(grep -lrE "^# *include \"ledger/$engine/" src include); do
        case "$f" in
        src/ledger/$engine/* | include/ledger/$engine/*) ;;
        *) complain "$f: ledger/$engine/ is for that engine alone" ;;
        esac
    done
done

# header: the files that may include it
while read -r header homes; do
    for f in $(grep -lE "^# *include <$header" -r src include); do
        home=no
        for pattern in $homes; do
            # shellcheck disable=SC2254
            case "$f" in $pattern) home=yes ;; esac
        done
        [ $home = yes ] || complain "$f: <$header> has its home in: $homes"
    done
done <<'HOMES'
microhttpd src/proxy/listen* include/proxy/listen_reply.h
curl/ src/proxy/upstream* src/cli/*
sqlite3 src/ledger/sqlite/* include/ledger/sqlite/*
libpq src/ledger/postgresql/* include/ledger/postgresql/*
pcre2 src/meter/split*
jansson src/wire/* include/wire/* src/meter/price* include/meter/price* src/proxy/admin* include/proxy/admin* src/cli/*
ncurses src/cli/term*
gnutls/ src/proxy/listen* include/proxy/listen* src/ledger/token* src/proxy/alert*
HOMES

[ $bad = 0 ] && echo "layers: every include points down, every library is at home"
exit $bad
