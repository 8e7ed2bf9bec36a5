#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs what building and testing need and this machine lacks, from Debian's packages.
# Silent when nothing is missing. Arguments are further packages to have.
set -eu

packages="
    gcc make autoconf pkg-config libc6-dev
    libmicrohttpd-dev libcurl4-gnutls-dev libgnutls28-dev libsqlite3-dev libjansson-dev
    libpcre2-dev libxxhash-dev libncurses-dev libpq-dev
    libcmocka-dev valgrind openssl curl ca-certificates postgresql-15 mandoc zsh
"

# Interpreters that came from elsewhere serve as well.
python3 -c 'import ensurepip, sqlite3, venv' 2>/dev/null || packages="$packages python3 python3-venv"
command -v node >/dev/null || packages="$packages nodejs"
command -v npm >/dev/null || packages="$packages npm"

packages="$packages $*"

missing=
for package in $packages; do
    state=$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null) || state=
    [ "$state" = "install ok installed" ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

as_root=
[ "$(id -u)" = 0 ] || as_root=sudo
echo "installing:$missing"
export DEBIAN_FRONTEND=noninteractive
# A fresh machine has no package lists yet, an old one may have stale ones.
$as_root apt-get update -q
# shellcheck disable=SC2086 # a list of words
$as_root apt-get install -q -y --no-install-recommends $missing
