#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Builds, checks and signs one Trusted Application:
#
#   build-ta.sh PACKAGE UUID TA_VERSION OUT.ta
#
# PACKAGE is a cargo package whose program has the same name. TA_VERSION is the number OP-TEE compares to
# refuse a downgrade. OUT.ta is written only when all of it went well, and left alone when it is up to date.
#
# From the environment: BUILD, TA_DEV_KIT_DIR and TEEP_AGENT_CONFIG as cargo-env.sh says, and
#   TA_SIGN_KEY        key OP-TEE trusts for TAs (default: the development key in the kit)
#   HELLO_PADDING      bytes by which the demo TA is to be larger (default: 0)

set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=ta/cargo-env.sh
source "$here/cargo-env.sh"
# shellcheck source=ta/elf-guards.sh
source "$here/elf-guards.sh"

[[ $# -eq 4 ]] || die "usage: build-ta.sh PACKAGE UUID TA_VERSION OUT.ta"
package=$1 uuid=$2 ta_version=$3 out=$4
[[ $ta_version =~ ^[0-9]+$ ]] || die "TA_VERSION is '$ta_version': it must be a whole number"
padding=${HELLO_PADDING:-0}
[[ $padding =~ ^[0-9]{1,8}$ ]] || die "HELLO_PADDING is '$padding': it must be a number of at most 8 digits"

sign=$TA_DEV_KIT_DIR/scripts/sign_encrypt.py
key=${TA_SIGN_KEY:-$TA_DEV_KIT_DIR/keys/default_ta.pem}
[[ -r $key ]] || die "no signing key $key: set TA_SIGN_KEY to the key your OP-TEE trusts"
# Not the first python3 in PATH: a private Python often lacks the modules that Debian packages.
/usr/bin/python3 -c 'import cryptography, elftools' 2>/dev/null \
    || die "/usr/bin/python3 lacks modules: apt install python3-cryptography python3-pyelftools"

# The metadata keeps the variants of a TA apart in cargo's cache, so that none evicts the other.
(cd "$here/.." && HELLO_VERSION=$ta_version HELLO_PADDING=$padding cargo rustc --locked --quiet --package "$package" \
    --bin "$package" --all-features --profile ta --target "$target" -- -C metadata="ta-$ta_version-$padding") \
    || die "$package did not build: see the compiler's messages above"

mkdir -p "$(dirname "$out")"
# Beside OUT.ta, so that moving it there is one step.
work=$(mktemp -d "$out.XXXXXX")
trap 'rm -rf "$work"' EXIT
built=$CARGO_TARGET_DIR/$target/ta/$package elf=$work/$package.elf
guard_elf "$built" || die "$package is not signed"
aarch64-linux-gnu-strip -o "$elf" "$built"

# The signature differs each time: sign only when what goes into it, or OUT.ta itself, has changed.
stamp=$CARGO_TARGET_DIR/$(basename "$out").stamp
inputs() {
    echo "$uuid $ta_version"
    sha256sum <"$elf"
    cat "$sign" "$key" | sha256sum
}
if [[ -r $out && -r $stamp && $(cat "$stamp") == "$(inputs; sha256sum <"$out")" ]]; then
    echo "$out is up to date"
    exit 0
fi
/usr/bin/python3 "$sign" --uuid "$uuid" --ta-version "$ta_version" --key "$key" --in "$elf" --out "$work/signed.ta" \
    >"$work/sign.log" 2>&1 || die "signing failed: $(tail -n 1 "$work/sign.log")"
mv "$work/signed.ta" "$out"
{ inputs; sha256sum <"$out"; } >"$work/stamp"
mv "$work/stamp" "$stamp"
echo "$out: $package, TA version $ta_version, $(stat -c %s "$out") bytes"
