#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The flash of the machine: TF-A, OP-TEE as its BL32, U-Boot as its BL33. Run after optee.sh of the same variant.
#
#   firmware.sh         with the patched OP-TEE
#   firmware.sh stock   with the stock one
#
#   in:   $BUILD/optee/env or $BUILD/optee-stock/env and the OP-TEE it names; BUILD, DEBIAN_MIRROR (see lib.sh,
#         packages.sh)
#   out:  $BUILD/image/flash.bin or $BUILD/image/flash-stock.bin

source "$(dirname "$0")/lib.sh"
source "$QEMU_DIR/packages.sh"

case ${1:-patched} in
patched) suffix='' ;;
stock) suffix=-stock ;;
*) die "firmware.sh: '$1' is not a variant: it is patched (the default) or stock" ;;
esac
OUT=$BUILD/image
FLASH=$OUT/flash$suffix.bin
WORK=$BUILD/tf-a
# What TF-A builds, and its FIP with this variant's OP-TEE.
MADE=$WORK/out/qemu/release

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

make_tf_a() { # TARGET
    make -C "$WORK/src" -j"$(nproc)" PLAT=qemu CROSS_COMPILE=aarch64-linux-gnu- BUILD_BASE="$WORK/out" DEBUG=0 \
        SPD=opteed QEMU_USE_GIC_DRIVER=QEMU_GICV3 BL32_RAM_LOCATION=tdram BL32="$OPTEE_CORE/tee-header_v2.bin" \
        BL32_EXTRA1="$OPTEE_CORE/tee-pager_v2.bin" BL32_EXTRA2="$OPTEE_CORE/tee-pageable_v2.bin" \
        BL33="$WORK/u-boot.bin" "$1"
}

# BL1 at 0 and the FIP at 256 KiB of a flash of 64 MiB is the layout TF-A has for this machine.
write_flash() {
    mkdir -p "$OUT"
    rm -f "$MADE/fip.bin" "$FLASH.new"
    make_tf_a fip
    dd if="$MADE/bl1.bin" of="$FLASH.new" conv=notrunc status=none
    dd if="$MADE/fip.bin" of="$FLASH.new" bs=256K seek=1 conv=notrunc status=none
    truncate -s 64M "$FLASH.new"
    mv "$FLASH.new" "$FLASH"
}

env=$BUILD/optee$suffix/env
[ -f "$env" ] || die "there is no OP-TEE to put into the flash: run optee.sh${1:+ $1} first"
# shellcheck source=/dev/null
source "$env"
for part in header pager pageable; do
    [ -f "$OPTEE_CORE/tee-${part}_v2.bin" ] ||
        die "$OPTEE_CORE/tee-${part}_v2.bin is missing: the image needs the OP-TEE that the TA dev kit was built with"
done

tf_a_key=$(key_of "$(sha256sum <"$0")" "$(lock_row arm-trusted-firmware source)" "$(lock_row u-boot-qemu all)")
key=$(key_of "$tf_a_key" "$(cat "$OPTEE_CORE"/tee-{header,pager,pageable}_v2.bin | sha256sum)")
if fresh "firmware$suffix" "$key" "$FLASH"; then exit 0; fi

lock_build
unstamp "firmware$suffix"
if ! fresh tf-a "$tf_a_key" "$MADE/bl1.bin" "$WORK/u-boot.bin"; then
    unstamp tf-a
    step "Firmware: TF-A and U-Boot fetched" tf-a-fetch.log unpack
    step "Firmware: TF-A built" tf-a.log make_tf_a all
    stamp tf-a "$tf_a_key"
fi
step "Firmware: ${FLASH##*/} written" "flash$suffix.log" write_flash
stamp "firmware$suffix" "$key"
