#!/bin/bash
# promtool.sh BUILD: leaves BUILD/bin/promtool, which judges the text of `status --prometheus` in the system tests.
#
# One that is installed, or else that of Debian's package prometheus, unpacked: installing it would start a server. Without either
# the tests go on, and the one that asks it is skipped.
set -euo pipefail

build=$(mkdir -p "$1/bin" && cd "$1" && pwd)
program=$build/bin/promtool

[ ! -x "$program" ] || exit 0
if installed=$(command -v promtool); then
    ln -sf "$(realpath -s "$installed")" "$program"
    exit 0
fi
if ! command -v apt-get >/dev/null; then
    echo "setup: no promtool: what it judges is skipped" >&2
    exit 0
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
echo "setup: unpacking promtool of Debian's package prometheus into ${program#"$PWD"/}"
if (cd "$folder" && apt-get -qq -o APT::Sandbox::User= download prometheus) && dpkg -x "$folder"/prometheus_*.deb "$folder/root"; then
    mv "$folder/root/usr/bin/promtool" "$program.new"
    mv "$program.new" "$program" # at once, whoever interrupts it
else
    echo "setup: apt cannot fetch the package prometheus: no promtool, what it judges is skipped" >&2
fi
