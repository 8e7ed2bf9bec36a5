#!/bin/sh
# SPDX-License-Identifier: MIT
# Makes the spending page one file, and a C source of it: embed.sh PAGE.html > PAGE.c
#
# In index.html a line {{style}} stands for the *.css, a line {{script}} for the *.js, each in the order
# of their names. The policy allows exactly these two, by their hashes.
set -eu
export LC_ALL=C
out=$1
here=$(dirname "$0")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# Without the licence lines of each part: the page has its own.
cat "$here"/*.css | grep -v SPDX-License > "$scratch/style"
{ echo '"use strict";'; cat "$here"/*.js | grep -v SPDX-License; } > "$scratch/script"

# An element's text begins right after its tag: the hash is of every byte up to the end tag.
element() { # tag file
    printf '<%s>\n' "$1"
    cat "$2"
    printf '</%s>\n' "$1"
}

# The base64 of a text's SHA-256, as the policy wants it: of the text with the newline that element() adds.
hash_of() {
    digest=$({ echo; cat "$1"; } | sha256sum | cut -d' ' -f1)
    # shellcheck disable=SC2059 # the format is the bytes
    printf "$(printf '%s' "$digest" | awk '
        { for (i = 1; i < length($0); i += 2) {
              v = (index("0123456789abcdef", substr($0, i, 1)) - 1) * 16 + \
                  index("0123456789abcdef", substr($0, i + 1, 1)) - 1
              printf "\\%03o", v } }')" | base64
}

style=$(hash_of "$scratch/style")
script=$(hash_of "$scratch/script")

while IFS= read -r line; do
    case $line in
    '{{style}}') element style "$scratch/style" ;;
    '{{script}}') element script "$scratch/script" ;;
    *) printf '%s\n' "$line" ;;
    esac
done < "$here/index.html" > "$out"

cat <<C
/* Made by src/dashboard/embed.sh. */
#include "proxy/dashboard.h"

const char dashboard_policy[] =
    "default-src 'none'; script-src 'sha256-$script'; style-src 'sha256-$style'; connect-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const unsigned char dashboard_page[] = {
C
od -An -v -tu1 "$out" | sed 's/  *\([0-9][0-9]*\)/\1,/g'
cat <<'C'
};

const size_t dashboard_page_size = sizeof dashboard_page;
C
