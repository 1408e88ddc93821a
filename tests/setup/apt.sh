#!/bin/bash
# apt.sh GROUP...: installs the Debian packages of these groups of packages.txt that are not there yet.
# Offline and silent when nothing is missing; elsewhere than on Debian it names what is needed and goes on.
set -euo pipefail

list=$(dirname "$0")/packages.txt

wanted() {
    local group
    for group in "$@"; do
        awk -v group="$group" '$1 == group { print $2 }' "$list"
    done
}

missing() {
    local package
    for package in "$@"; do
        dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || echo "$package"
    done
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

# dpkg wants the sbin folders, which a root that `su` made does not have.
administer() {
    as_root env DEBIAN_FRONTEND=noninteractive PATH="$PATH:/usr/sbin:/sbin" "$@" </dev/null >"$log" 2>&1
}

# A machine that has just started may still be at its own upgrades: their end is waited for.
install() {
    administer apt-get -qq -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "${packages[@]}"
}

if ! command -v dpkg-query >/dev/null; then
    echo "setup: not a Debian system; these must be there by other means: $(wanted "$@" | xargs)" >&2
    exit 0
fi
# shellcheck disable=SC2046
mapfile -t packages < <(missing $(wanted "$@"))
[ ${#packages[@]} -gt 0 ] || exit 0
if [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null; then
    echo "setup: not root and no sudo: install these packages as root, then try again: ${packages[*]}" >&2
    exit 1
fi
echo "setup: apt-get install ${packages[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# The first try saves fetching the package lists; a machine that never had them, or has old ones, needs the second, and so does
# one where an installation was interrupted.
if ! install; then
    administer dpkg --configure -a || true
    as_root apt-get -qq update </dev/null
    install || { cat "$log" >&2; echo "setup: apt-get could not install: ${packages[*]}" >&2; exit 1; }
fi
