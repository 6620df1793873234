#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Puts programs and Trusted Applications into the guest. Run after image.sh.
#
#   initrd.sh SRC=DEST...   copies each file SRC to the path DEST of the guest, e.g.
#                           initrd.sh build/cross/…/teep-broker=/bin/teep-broker build/out/x.ta=/lib/optee_armtz/x.ta
#   in:   $BUILD/image/base.cpio.gz; BUILD (see lib.sh)
#   out:  $BUILD/image/initrd, left alone when nothing changed

source "$(dirname "$0")/lib.sh"

OUT=$BUILD/image

[ -f "$OUT/base.cpio.gz" ] || die "$OUT/base.cpio.gz is missing: run image.sh first"
lock_build
stage=$(mktemp -d "$BUILD/initrd.XXXXXX")
trap 'rm -rf "$stage"' EXIT

mkdir "$stage/root"
for pair in "$@"; do
    source=${pair%%=*} destination=$stage/root/${pair#*=}
    [[ $pair == *=/* ]] || die "initrd.sh: '$pair' is not SRC=/DEST"
    [ -f "$source" ] || die "initrd.sh: there is no file $source"
    mode=644
    if [ -x "$source" ]; then mode=755; fi
    install -D -m "$mode" "$source" "$destination"
done
pack_cpio "$stage/root" "$stage/programs.cpio.gz"
cat "$OUT/base.cpio.gz" "$stage/programs.cpio.gz" >"$stage/initrd"

if ! cmp -s "$stage/initrd" "$OUT/initrd"; then
    mv "$stage/initrd" "$OUT/initrd"
    say "initrd: $# files added, $(($(stat -c %s "$OUT/initrd") / 1024)) KiB"
fi
