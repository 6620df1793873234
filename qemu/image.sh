#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The Linux of the guest: the kernel and the root file system without programs of ours.
#
#   in:   init (PID 1); BUILD, DEBIAN_MIRROR (see lib.sh, packages.sh)
#   out:  $BUILD/image/Image, $BUILD/image/base.cpio.gz
#         $BUILD/image/storage.img   an empty disk for secure storage that outlives a run; a machine gets a copy
#
# The root file system has busybox, libc, libgcc_s, libteec, tee-supplicant and a few kernel modules.

source "$(dirname "$0")/lib.sh"
source "$QEMU_DIR/packages.sh"

OUT=$BUILD/image
WORK=$BUILD/linux
ROOT=$WORK/root
# Not on the PATH of an ordinary user.
MKE2FS=/sbin/mke2fs
# In the order they are loaded; the second set only where there is a disk.
MODULES=(tee optee failover net_failover virtio_net)
DISK_MODULES=(virtio_blk crc16 crc32c_generic mbcache jbd2 ext4)

KERNEL="linux-image-arm64 arm64 trixie"
# The libc is newer than any the host's cross compiler may link for.
USERLAND=(
    "busybox-static arm64 trixie"
    "libc6 arm64 trixie"
    "libgcc-s1 arm64 trixie"
    "libteec1 arm64 bookworm"
    "tee-supplicant arm64 bookworm"
)

unpack() { # PACKAGE-NAME ARCH SUITE DIRECTORY
    local file
    file=$(fetch_package "$1" "$2" "$3")
    mkdir -p "$4"
    dpkg -x "$file" "$4"
}

unpack_all() {
    local package
    rm -rf "$WORK"
    # shellcheck disable=SC2086 # three words
    unpack $KERNEL "$WORK/kernel"
    # shellcheck disable=SC2086
    for package in "${USERLAND[@]}"; do unpack $package "$WORK/userland"; done
}

# A file of the unpacked user land by the end of its path, wherever its version of Debian puts it.
userland() { find "$WORK/userland" -path "*/$1" \( -type f -o -type l \) | grep . | head -1; }

fill_root() {
    local module name
    mkdir -p "$ROOT"/{bin,dev,lib/modules,lib/optee_armtz,proc,root,run,sys,tmp,var/lib/optee-client/data/tee}
    ln -s bin "$ROOT/sbin"
    ln -s . "$ROOT/usr"
    install "$QEMU_DIR/init" "$ROOT/init"
    install "$(userland bin/busybox)" "$ROOT/bin/busybox"
    install "$(userland sbin/tee-supplicant)" "$ROOT/bin/tee-supplicant"
    for name in ld-linux-aarch64.so.1 libc.so.6 libm.so.6 libgcc_s.so.1 libteec.so.1; do
        install "$(readlink -f "$(userland "$name")")" "$ROOT/lib/$name"
    done
    # What init needs to start; it makes the names of the other applets.
    ln -s busybox "$ROOT/bin/sh"
    printf '%s\n' "${MODULES[@]}" >"$ROOT/lib/modules/order"
    printf '%s\n' "${DISK_MODULES[@]}" >"$ROOT/lib/modules/order-disk"
    for module in "${MODULES[@]}" "${DISK_MODULES[@]}"; do
        xz -dc "$(find "$WORK/kernel" -name "$module.ko.xz")" >"$ROOT/lib/modules/$module.ko"
    done
}

make_image() {
    mkdir -p "$OUT"
    rm -rf "$ROOT"
    fill_root
    pack_cpio "$ROOT" "$OUT/base.cpio.gz"
    cp "$(find "$WORK/kernel/boot" -name 'vmlinuz-*')" "$OUT/Image.new"
    mv "$OUT/Image.new" "$OUT/Image"
    rm -f "$OUT/storage.img.new"
    "$MKE2FS" -q -t ext4 -m 0 -J size=4 -E lazy_itable_init=0,lazy_journal_init=0 "$OUT/storage.img.new" 32M
    mv "$OUT/storage.img.new" "$OUT/storage.img"
    rm -rf "$WORK"
}

key=$(key_of "$(cat "$0" "$QEMU_DIR/init" | sha256sum)" "$(
    for package in "$KERNEL" "${USERLAND[@]}"; do
        read -r name arch _ <<<"$package"
        lock_row "$name" "$arch"
    done
)")
if fresh image "$key" "$OUT/Image" "$OUT/base.cpio.gz" "$OUT/storage.img"; then exit 0; fi

lock_build
unstamp image
step "Linux: kernel and user land fetched" linux-fetch.log unpack_all
step "Linux: root file system made" linux.log make_image
stamp image "$key"
