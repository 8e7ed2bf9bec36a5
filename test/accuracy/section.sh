#!/bin/sh
# SPDX-License-Identifier: MIT
# section.sh NAME FILE: puts standard input, which it also prints, between the lines
# "<!-- NAME -->" and "<!-- end of NAME -->" of FILE.
set -eu
name=$1 file=$2
new=$(mktemp) text=$(mktemp)
trap 'rm -f "$new" "$text"' EXIT
tee "$text"
awk -v name="$name" -v text="$text" '
    $0 == "<!-- end of " name " -->" { inside = 0; closed++ }
    !inside { print }
    $0 == "<!-- " name " -->" {
        inside = 1; opened++
        while ((getline line < text) > 0) print line
    }
    END { if (opened != 1 || closed != 1) { print "no section " name > "/dev/stderr"; exit 1 } }
' "$file" > "$new"
cat "$new" > "$file"
