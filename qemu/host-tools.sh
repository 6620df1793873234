#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Checks that the programs the image build, the TA build and QEMU need are installed.
#
#   host-tools.sh             silent if all are there; else one line with the command that installs what is missing
#   host-tools.sh --missing   prints only the names of the Debian packages that are missing (nothing if none)

source "$(dirname "$0")/lib.sh"

missing=()
need() { # PACKAGE COMMAND...: PACKAGE is missing unless COMMAND succeeds
    local package=$1
    shift
    "$@" >/dev/null 2>&1 || missing+=("$package")
}

need qemu-system-arm command -v qemu-system-aarch64
need gcc-aarch64-linux-gnu command -v aarch64-linux-gnu-gcc
need libc6-dev-arm64-cross test -e /usr/aarch64-linux-gnu/include/stdio.h
need gcc command -v gcc
need libc6-dev test -e /usr/include/stdio.h
need make command -v make
need device-tree-compiler command -v dtc
need libssl-dev test -e /usr/include/openssl/evp.h
need "python3-cryptography python3-pyelftools" python_for_optee
need cpio command -v cpio
need xz-utils command -v xz
need e2fsprogs test -x /sbin/mke2fs
need patch command -v patch
need dpkg-dev command -v dpkg-source
need debian-archive-keyring test -e /usr/share/keyrings/debian-archive-keyring.gpg

if [ "${1:-}" = --missing ]; then
    printf '%s\n' "${missing[*]}"
elif [ "${#missing[@]}" -gt 0 ]; then
    die "programs are missing; install them with: sudo apt-get install -y ${missing[*]}"
fi
