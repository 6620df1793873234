# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Sourced by every build script here: the build directory, timed steps, stamps and the one way to fail.
#
#   BUILD   where everything made goes (default: build/ beside qemu/)
#
# A step's output goes to $BUILD/logs/, the terminal gets one line per step. A stamp ($BUILD/stamps/NAME) holds
# the key of what a finished step was made from; it is removed before the step starts and written, by rename,
# after it ended well, so an interrupted step is never taken for a good one.

set -euo pipefail
export LC_ALL=C
unset CDPATH

QEMU_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
BUILD=${BUILD:-$QEMU_DIR/../build}
mkdir -p "$BUILD/logs" "$BUILD/stamps"
BUILD=$(cd "$BUILD" && pwd)
LOGS=$BUILD/logs
# The terminal, also from inside a step whose output goes to a log.
exec 3>&2
# What `die` exits with: the failure has been explained.
EXPLAINED=3

# One line for the person at the terminal.
say() { printf '%s\n' "$*" >&3; }

# Ends the script with one line that says what to do.
die() {
    printf 'error: %s\n' "$*" >&3
    exit "$EXPLAINED"
}

# step TEXT LOG COMMAND...: runs COMMAND (a function or program) with its output in $LOGS/LOG, prints TEXT and
# the time it took; when it fails, says where the log is and ends the script.
step() {
    local text=$1 log=$LOGS/$2 start=$SECONDS rc
    shift 2
    # Not `( … ) || rc=$?`: in a command whose status is tested `set -e` has no effect.
    set +e
    (
        set -e
        "$@"
    ) >"$log" 2>&1
    rc=$?
    set -e
    if [ "$rc" -eq "$EXPLAINED" ]; then exit "$EXPLAINED"; fi
    if [ "$rc" -ne 0 ]; then die "$text failed; the log is $log"; fi
    printf '%-58s %4d s\n' "$text" "$((SECONDS - start))" >&3
}

# key_of WORD...: one hash of all words, each a value; `key_of "$(sha256sum <file)" "$variable"`.
key_of() { printf '%s\0' "$@" | sha256sum | cut -d' ' -f1; }

# fresh NAME KEY FILE...: true if step NAME ended well with this KEY and its outputs are still there.
fresh() {
    local stamp=$BUILD/stamps/$1 key=$2 file
    [ -f "$stamp" ] && [ "$(<"$stamp")" = "$key" ] || return 1
    shift 2
    for file in "$@"; do [ -e "$file" ] || return 1; done
}

# Forgets that step NAME was done; called before its first change.
unstamp() { rm -f "$BUILD/stamps/$1"; }

# stamp NAME KEY: the step is done.
stamp() {
    printf '%s\n' "$2" >"$BUILD/stamps/$1.new"
    mv "$BUILD/stamps/$1.new" "$BUILD/stamps/$1"
}

# One build at a time in one build directory, also when make runs the scripts in parallel.
lock_build() {
    exec 9>"$BUILD/stamps/.lock"
    flock 9
}

# The first python3 with the modules OP-TEE's scripts import (one of pyenv, first in PATH, may lack them).
python_for_optee() {
    local python
    for python in python3 /usr/bin/python3; do
        if "$python" -c 'import cryptography, elftools' 2>/dev/null; then
            command -v "$python"
            return
        fi
    done
    return 1
}

# pack_cpio DIRECTORY FILE: an initramfs archive of DIRECTORY, the same bytes for the same content.
pack_cpio() {
    find "$1" -exec touch --no-dereference --date=@0 {} +
    (cd "$1" && find . -mindepth 1 -print0 | sort -z |
        cpio --quiet --null --create --format=newc --owner=0:0 --reproducible) | gzip -n -6 >"$2.new"
    mv "$2.new" "$2"
}
