#!/bin/bash
# python2.sh BUILD: leaves BUILD/bin/python2.7, a CPython 2.7 with the headers that extensions need.
#
# The first of these that works: $PYTHON2, the Agent's own interpreter, python2.7 on the PATH, a pyenv; otherwise Debian 11's
# packages, unpacked into BUILD/python2.7-root: nothing of the system is touched. What was found once stays, unless $PYTHON2 names
# another.
set -euo pipefail

build=$(mkdir -p "$1/bin" && cd "$1" && pwd)
program=$build/bin/python2.7
root=$build/python2.7-root
packages=(python2.7-minimal libpython2.7-minimal libpython2.7-stdlib python2.7 libpython2.7 libpython2.7-dev python2.7-dev
    libffi7 libssl1.1)
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

# Whether it is a 2.7 whose modules and headers are there.
usable() {
    [ "$("$1" -c '
import os, sys
import ctypes, distutils.core, ssl, sysconfig, zlib
include = os.path.join(sysconfig.get_path("include"), "Python.h")
sys.stdout.write("usable" if sys.version_info[:2] == (2, 7) and os.path.exists(include) else "")' 2>/dev/null)" = usable ]
}

# Writes the command that stands for the interpreter: a script, because Debian's needs an environment of its own.
write_program() {
    printf '#!/bin/sh\n%s\n' "$1" >"$program.new"
    chmod 755 "$program.new"
    mv "$program.new" "$program"
}

take() {
    local command
    command="exec '$(realpath -s "$1")' \"\$@\""
    # Written anew, it would be newer than the extension that was built with it.
    if [ "$(tail -n +2 "$program" 2>/dev/null)" != "$command" ]; then
        echo "setup: CPython 2.7 is $1"
        write_program "$command"
    fi
    exit 0
}

candidates() {
    ls -d /opt/datadog-agent/embedded/bin/python 2>/dev/null || true
    # A pyenv's shim is not the interpreter; the versions behind it are named below.
    type -ap python2.7 2>/dev/null | grep -v '/shims/' || true
    ls -d "${PYENV_ROOT:-$HOME/.pyenv}"/versions/2.7*/bin/python2.7 2>/dev/null || true
}

# The Debian mirror that this machine uses anyway.
mirror() {
    apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -m1 -E '/debian/?$'
}

private_apt() {
    APT_CONFIG=$root/apt/apt.conf "$@"
}

unpack_debian() {
    local archive libraries uri
    command -v apt-get >/dev/null || { echo "setup: no CPython 2.7: set PYTHON2 to one, with its headers" >&2; exit 1; }
    command -v gcc >/dev/null || { echo "setup: no gcc: 'make setup' installs it (root or sudo)" >&2; exit 1; }
    uri=$(mirror) || { echo "setup: apt knows no Debian mirror to take CPython 2.7 from: set PYTHON2 to one" >&2; exit 1; }
    echo "setup: unpacking CPython 2.7 of Debian 11 into ${root#"$PWD"/}"
    rm -rf "$root"
    mkdir -p "$root"/apt/{lists,cache/archives}/partial "$root/apt/deb"
    echo "deb [signed-by=$keyring] $uri bullseye main" >"$root/apt/sources.list"
    cat >"$root/apt/apt.conf" <<EOF
Dir::Etc::SourceList "$root/apt/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
Dir::State::Lists "$root/apt/lists";
Dir::Cache "$root/apt/cache";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
Acquire::Languages "none";
APT::Sandbox::User "";
EOF
    private_apt apt-get -qq update
    (cd "$root/apt/deb" && private_apt apt-get -qq download "${packages[@]}")
    for archive in "$root"/apt/deb/*.deb; do
        dpkg -x "$archive" "$root"
    done
    rm -rf "$root/apt"
    libraries=$root/usr/lib/$(gcc -print-multiarch)
    # Its distutils looks for the headers in /usr/include; and these include <x86_64-linux-gnu/python2.7/pyconfig.h>.
    write_program "LD_LIBRARY_PATH='$libraries' PYTHONHOME='$root/usr' \\
    C_INCLUDE_PATH='$root/usr/include/python2.7:$root/usr/include' \\
    exec '$root/usr/bin/python2.7' \"\$@\""
}

candidate=$(command -v "${PYTHON2:-}" || true)
if [ -n "${PYTHON2:-}" ] && ! [ "$candidate" -ef "$program" ]; then
    ! usable "$candidate" || take "$candidate"
    echo "setup: PYTHON2=$PYTHON2 is no CPython 2.7 with its headers: looking for another" >&2
fi
if [ -x "$program" ] && usable "$program"; then
    exit 0
fi
while read -r candidate; do
    ! usable "$candidate" || take "$candidate"
done < <(candidates)
unpack_debian
usable "$program" || { echo "setup: the unpacked CPython 2.7 does not run: $program" >&2; exit 1; }
