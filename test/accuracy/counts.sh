#!/bin/sh
# SPDX-License-Identifier: MIT
# counts.sh PROGRAM VOCABULARIES PAGE [RECORDINGS]: replays both providers' recordings, where they are, into the
# page's sections. Ends 1 when a goal is missed.
set -eu
program=$1 vocabularies=$2 page=$3 recordings=${4:-../shared/data}
result=0
table=$(mktemp)
trap 'rm -f "$table"' EXIT
for pair in openai:openai_input_tokens anthropic:anthropic_usage; do
    provider=${pair%%:*} file=$recordings/${pair#*:}.jsonl
    if [ ! -r "$file" ]; then
        echo "SKIPPED: no recordings of $provider ($file); $page keeps what was measured last"
        continue
    fi
    "$program" "$vocabularies" "$provider" "$file" > "$table" || result=1
    "${0%/*}/section.sh" "counts-$provider" "$page" < "$table"
done
exit $result
