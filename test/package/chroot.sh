#!/bin/sh
# SPDX-License-Identifier: MIT
# The package on a clean Debian 12 in a folder: chroot.sh DEB SIM [MIRROR]. Needs root and debootstrap.
set -eu

deb=$(realpath "$1") sim=$(realpath "$2")
mirror=${3:-}
work=$(dirname "$deb")
root=$work/root

[ "$(id -u)" = 0 ] || { echo "check-deb: skipped, needs root"; exit 0; }
command -v debootstrap >/dev/null || { echo 'check-deb: needs: apt-get install debootstrap'; exit 1; }

# The bare system is kept, as a file, for the next time.
if [ ! -e "$work/bookworm.tar" ]; then
    rm -rf "$root"
    # shellcheck disable=SC2086 # none, or one
    debootstrap --variant=minbase bookworm "$root" $mirror
    tar -C "$root" --one-file-system -cf "$work/bookworm.tar.new" .
    mv "$work/bookworm.tar.new" "$work/bookworm.tar"
fi
rm -rf "$root"
mkdir "$root"
tar -C "$root" -xf "$work/bookworm.tar"

finish() {
    umount "$root/proc" 2>/dev/null || true
    rm -rf "$root"
}
trap finish EXIT
trap 'exit 1' INT TERM
mount -t proc proc "$root/proc"
cp /etc/resolv.conf "$root/etc/"
[ ! -d /etc/apt/sources.list.d ] || cp -r /etc/apt/sources.list.d /etc/apt/apt.conf.d "$root/etc/apt/"
[ ! -e /etc/apt/sources.list ] || cp /etc/apt/sources.list "$root/etc/apt/"
mkdir "$root/test"
cp "$deb" "$sim" debian/tests/service "$root/test/"

inside() { chroot "$root" env DEBIAN_FRONTEND=noninteractive "$@"; }

inside apt-get update -q
echo "== apt install: what it pulls"
inside apt-get install -q -y --no-install-recommends "/test/$(basename "$deb")" curl
inside env TOKENCAP_SIM="/test/$(basename "$sim")" TOKENCAP_DEB="/test/$(basename "$deb")" /test/service
