#!/bin/bash
# pip.sh BUILD 2|3 REQUIREMENTS...: installs these files' packages from PyPI into BUILD/pythonN-packages, for BUILD/bin/python2.7
# or for $PYTHON3. Does nothing when they are there already. Of a file whose name ends in -alone.txt only the packages themselves are
# installed, and nothing that they ask for.
set -euo pipefail

build=$(cd "$1" && pwd)
major=$2
shift 2
target=$build/python$major-packages
python3=${PYTHON3:-python3}
log=$build/pip$major.log
pip_options=(--quiet --disable-pip-version-check --no-input)
export PYTHONDONTWRITEBYTECODE=1

# Python 2.7 has no pip of its own everywhere, so the last one that knows it runs out of its wheel.
python2_pip=$build/pip/pip-20.3.4-py2.py3-none-any.whl

interpreter() {
    case $major in
    2) "$build/bin/python2.7" "$@" ;;
    3) "$python3" "$@" ;;
    esac
}

pip_install() {
    case $major in
    2) PYTHONPATH=$target.new interpreter "$python2_pip/pip" install "${pip_options[@]}" --target "$target.new" "$@" ;;
    3) interpreter -m pip install "${pip_options[@]}" --target "$target.new" "$@" ;;
    esac
}

# Leaves at the first failure by itself: `set -e` does not work below an `if`.
install_all() {
    local requirements=() alone=() file
    for file in "$@"; do
        case $file in
        *-alone.txt) alone+=(-r "$file") ;;
        *) requirements+=(-r "$file") ;;
        esac
    done
    if [ "$major" = 2 ]; then
        "$python3" -m pip download "${pip_options[@]}" --no-deps --no-binary :none: -d "$build/pip" pip==20.3.4 || return
        # Source packages need these two before anything else.
        pip_install setuptools==44.1.1 wheel==0.37.1 || return
    fi
    pip_install "${requirements[@]}" || return
    [ ${#alone[@]} = 0 ] || pip_install --no-deps "${alone[@]}"
}

state=$(interpreter -c 'import sys; print(sys.version)'; cat "$0" "$@")
if [ -f "$target/.state" ] && [ "$state" = "$(cat "$target/.state")" ]; then
    exit 0
fi
echo "setup: PyPI packages for Python $major into ${target#"$PWD"/}"
rm -rf "$target" "$target.new"
mkdir -p "$target.new"
if ! install_all "$@" >"$log" 2>&1; then
    cat "$log" >&2
    echo "setup: pip could not install the packages of $* (python$major)" >&2
    exit 1
fi
printf '%s\n' "$state" >"$target.new/.state"
mv "$target.new" "$target"
