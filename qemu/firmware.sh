#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The flash of the machine: TF-A, OP-TEE as its BL32, U-Boot as its BL33. Run after optee.sh.
#
#   in:   $BUILD/optee/env and the OP-TEE beside the kit it names; BUILD, DEBIAN_MIRROR (see lib.sh, packages.sh)
#   out:  $BUILD/image/flash.bin

source "$(dirname "$0")/lib.sh"
source "$QEMU_DIR/packages.sh"

OUT=$BUILD/image
WORK=$BUILD/tf-a

unpack() {
    local dsc uboot
    dsc=$(fetch_package arm-trusted-firmware source trixie)
    uboot=$(fetch_package u-boot-qemu all trixie)
    rm -rf "$WORK"
    mkdir -p "$WORK"
    dpkg-source --no-check --no-copy -x "$dsc" "$WORK/src"
    dpkg -x "$uboot" "$WORK/u-boot"
    # The pause for a key press before it boots, without which a boot is 2 s shorter.
    sed 's/bootdelay=2/bootdelay=0/' "$WORK/u-boot/usr/lib/u-boot/qemu_arm64/u-boot.bin" >"$WORK/u-boot.bin"
}

# BL1 at 0 and the FIP at 256 KiB of a flash of 64 MiB is the layout TF-A has for this machine.
build() {
    local made=$WORK/out/qemu/release
    mkdir -p "$OUT"
    make -C "$WORK/src" -j"$(nproc)" PLAT=qemu CROSS_COMPILE=aarch64-linux-gnu- BUILD_BASE="$WORK/out" DEBUG=0 \
        SPD=opteed QEMU_USE_GIC_DRIVER=QEMU_GICV3 BL32_RAM_LOCATION=tdram BL32="$core/tee-header_v2.bin" \
        BL32_EXTRA1="$core/tee-pager_v2.bin" BL32_EXTRA2="$core/tee-pageable_v2.bin" BL33="$WORK/u-boot.bin" all fip
    dd if="$made/bl1.bin" of="$OUT/flash.bin.new" conv=notrunc status=none
    dd if="$made/fip.bin" of="$OUT/flash.bin.new" bs=256K seek=1 conv=notrunc status=none
    truncate -s 64M "$OUT/flash.bin.new"
    mv "$OUT/flash.bin.new" "$OUT/flash.bin"
}

[ -f "$BUILD/optee/env" ] || die "there is no OP-TEE to put into the flash: run optee.sh first"
# shellcheck source=/dev/null
source "$BUILD/optee/env"
core=$(cd "$TA_DEV_KIT_DIR/.." && pwd)/core
for part in header pager pageable; do
    [ -f "$core/tee-${part}_v2.bin" ] ||
        die "$core/tee-${part}_v2.bin is missing: the image needs the OP-TEE that $TA_DEV_KIT_DIR was built with"
done

key=$(key_of "$(sha256sum <"$0")" "$(lock_row arm-trusted-firmware source)" "$(lock_row u-boot-qemu all)" \
    "$(cat "$core"/tee-{header,pager,pageable}_v2.bin | sha256sum)")
if fresh firmware "$key" "$OUT/flash.bin"; then exit 0; fi

lock_build
unstamp firmware
rm -f "$OUT/flash.bin.new"
step "Firmware: TF-A and U-Boot fetched" tf-a-fetch.log unpack
step "Firmware: TF-A built, flash written" tf-a.log build
stamp firmware "$key"
