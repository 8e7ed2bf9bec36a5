#!/bin/bash
# SPDX-License-Identifier: MIT
# The quick start, for real, against the bundled simulator: demo.sh [BUILD]. No key, no network, no cost.
set -euo pipefail

build=${1:-build}
folder=$(mktemp -d)
sim='' daemon=''
trap finish EXIT

# Ends what was started, by its id, whatever happened.
finish() {
    local status=$?
    for pid in $daemon $sim; do
        kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null || true
    done
    rm -rf "$folder"
    exit "$status"
}

say() { printf '\n\033[1m== %s\033[0m\n' "$*"; }

# start NAME COMMAND...: runs it, and waits for its ready line; sets $pid and $url.
start() {
    local name=$1 line
    shift
    mkfifo "$folder/$name"
    "$@" >"$folder/$name" 2>&1 &
    pid=$!
    exec {pipe}<"$folder/$name"
    url=''
    while [ -z "$url" ] && read -r line <&"$pipe"; do
        printf '%s\n' "$line"
        case $line in *": ready on http"*) url=${line##* } ;; esac
    done
    [ -n "$url" ] || { echo "demo: $name did not start" >&2; exit 1; }
    cat <&"$pipe" >"$folder/$name.log" &
    exec {pipe}<&-
}

# call EXPECTED METHOD PATH [CURL OPTION]...: shows the request, its figures and its answer.
call() {
    local expected=$1 method=$2 path=$3 status
    shift 3
    printf '%s %s\n' "$method" "$path"
    status=$(curl -sS -N -X "$method" -D "$folder/head" -o "$folder/body" -w '%{http_code}' "$@" "$proxy$path")
    # Behind the blank line that ends the headers, the file has the trailers.
    tr -d '\r' <"$folder/head" | awk '
        /^$/ { behind = 1 }
        /^HTTP|^[Xx]-[Tt]okencap-/ { print (behind ? "    trailer " : "    ") $0 }' >"$folder/shown"
    grep -v trailer "$folder/shown"
    grep . "$folder/body" | cut -c1-600 | sed 's/^/    /'
    grep trailer "$folder/shown" || true
    [ "$status" = "$expected" ] || { echo "demo: expected status $expected, got $status" >&2; exit 1; }
}

json=(-H 'Content-Type: application/json')
team=(-H 'X-Tokencap-Project-Id: demo-team')
openai=(-H 'Authorization: Bearer sk-demo')
anthropic=(-H 'x-api-key: sk-ant-demo' -H 'anthropic-version: 2023-06-01')

say 'An upstream that costs nothing, and the proxy before it'
start sim "$build/bin/tokencap-sim" --port 0
sim=$pid sim_url=$url
# Nothing that is set for real may reach the demonstration.
start daemon env -u OPENAI_API_KEY -u ANTHROPIC_API_KEY -u TOKENCAP_ADMIN_TOKEN \
    HOST=127.0.0.1 PORT=0 DB_PATH="$folder/tokencap.db" \
    OPENAI_UPSTREAM_URL="$sim_url/v1" ANTHROPIC_UPSTREAM_URL="$sim_url" "$build/bin/tokencapd"
daemon=$pid proxy=$url
curl -sS -o /dev/null -X POST "$sim_url/_sim/script" "${json[@]}" -d '[
  {"text": "The capital of France is Paris.", "input": 14, "output": 7},
  {"text": "Bonjour! How can I help you today?", "input": 11, "output": 12},
  {"text": "One, two, three.", "input": 13, "output": 8}]'

say 'A budget: one cent for 30 days'
call 200 POST /v1/budget "${json[@]}" -d '{"projectId":"demo-team","limitUsd":0.01,"periodDays":30}'

say 'OpenAI: the price first, then the answer'
chat='{"model":"gpt-4o","max_tokens":200,"messages":[{"role":"user","content":"What is the capital of France?"}]}'
call 200 POST /v1/estimate/chat/completions "${json[@]}" "${team[@]}" -d "$chat"
call 200 POST /v1/chat/completions "${json[@]}" "${team[@]}" "${openai[@]}" -d "$chat"

say 'Anthropic'
call 200 POST /v1/messages "${json[@]}" "${team[@]}" "${anthropic[@]}" \
    -d '{"model":"claude-sonnet-4-5","max_tokens":200,"messages":[{"role":"user","content":"Bonjour, Claude"}]}'

say 'A stream: predictions come as headers, actual figures as trailers behind the last event'
call 200 POST /v1/chat/completions "${json[@]}" "${team[@]}" "${openai[@]}" \
    -d '{"model":"gpt-4o","max_tokens":100,"stream":true,"messages":[{"role":"user","content":"Count to three."}]}'

say 'What is left'
call 200 GET '/v1/budget?project_id=demo-team'

say 'More than that: refused with 402, and never sent'
call 402 POST /v1/chat/completions "${json[@]}" "${team[@]}" "${openai[@]}" \
    -d '{"model":"gpt-4o","max_tokens":4000,"messages":[{"role":"user","content":"Write me a novel."}]}'

say 'What was used'
call 200 GET '/v1/usage?project_id=demo-team'
call 200 GET '/v1/usage/history?project_id=demo-team&limit=1'

say "The operator's tool"
export TOKENCAP_URL=$proxy
tool=$build/bin/tokencap
run() { printf '$ tokencap %s\n' "$*"; "$tool" "$@"; }
printf '$ echo -n "What is the capital of France?" | tokencap count --model gpt-4o\n'
printf 'What is the capital of France?' | "$tool" count --model gpt-4o
run price gpt-4o claude-sonnet-4-5
run budget list
run usage --by model

say 'Stopped cleanly, the ledger proves itself'
kill "$daemon"
wait "$daemon"
daemon=''
cat "$folder/daemon.log"
run verify "$folder/tokencap.db"
say 'All as it should be'
