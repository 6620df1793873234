#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Makes cargo able to build for aarch64-unknown-linux-gnu: Trusted Applications and guest programs.
#
#   in:   rustc on PATH; BUILD, DEBIAN_MIRROR, DEBIAN_SECURITY_MIRROR (see lib.sh, packages.sh)
#   out:  $BUILD/rust/env, to be sourced by a shell before a cross build
#
# The standard library for the target comes from rustup if it is installed there or rustup's server answers, else
# from Debian: a rustc of its own with its libraries below $BUILD/rust/debian, named by RUSTC in the env file and
# used for cross builds only.

source "$(dirname "$0")/lib.sh"
source "$QEMU_DIR/packages.sh"

TARGET=aarch64-unknown-linux-gnu
RUST=$BUILD/rust
DEBIAN=$RUST/debian
# How long rustup may be silent, and how long it may take, in seconds.
SILENT=15
LONGEST=300

# Name, architecture and suite of what Debian's rustc is made of; the last five are libraries LLVM needs that a
# small machine may not have.
DEBIAN_RUST=(
    "rustc-web amd64 bookworm-security"
    "libstd-rust-web-1.96 amd64 bookworm-security"
    "libstd-rust-web-dev amd64 bookworm-security"
    "libstd-rust-web-dev arm64 bookworm-security"
    "libllvm22 amd64 bookworm-security"
    "libedit2 amd64 bookworm"
    "libbsd0 amd64 bookworm"
    "libxml2 amd64 bookworm"
    "libicu72 amd64 bookworm"
    "libz3-4 amd64 bookworm"
)

# True if RUSTC has the standard library for the target.
has_std() { compgen -G "$("$1" --print target-libdir --target "$TARGET")/libstd-*.rlib" >/dev/null; }

# Asks rustup for the target. Where its server cannot be reached it neither fails nor ends: it is stopped when
# after $SILENT seconds nothing of the download is there.
ask_rustup() {
    command -v rustup >/dev/null || return 1
    local downloads=${RUSTUP_HOME:-$HOME/.rustup}/downloads pid start=$SECONDS
    touch "$RUST/asked"
    rustup target add "$TARGET" 9>&- &
    pid=$!
    while kill -0 "$pid" 2>/dev/null; do
        sleep 0.2
        if [ $((SECONDS - start)) -ge "$LONGEST" ] || {
            [ $((SECONDS - start)) -ge "$SILENT" ] &&
                [ -z "$(find "$downloads" -type f -size +0 -newer "$RUST/asked" 2>/dev/null)" ]
        }; then
            kill "$pid"
        fi
    done
    wait "$pid"
}

# The same as a step: no answer is not a failure.
try_rustup() { ask_rustup || echo "rustup did not add the target"; }

unpack_debian_rust() {
    local package file name arch suite
    [ "$(dpkg --print-architecture)" = amd64 ] ||
        die "rustup cannot add $TARGET and Debian's rustc is only set up for amd64: run 'rustup target add $TARGET'"
    rm -rf "$DEBIAN"
    mkdir -p "$DEBIAN"
    for package in "${DEBIAN_RUST[@]}"; do
        read -r name arch suite <<<"$package"
        file=$(fetch_package "$name" "$arch" "$suite")
        dpkg -x "$file" "$DEBIAN"
    done
    cat >"$DEBIAN/rustc" <<'EOF'
#!/bin/sh
# Debian's rustc with the libraries beside it.
here=$(dirname "$(readlink -f "$0")")
LD_LIBRARY_PATH=$here/usr/lib/x86_64-linux-gnu exec "$here/usr/bin/rustc" "$@"
EOF
    chmod +x "$DEBIAN/rustc"
    has_std "$DEBIAN/rustc"
}

write_env() { # [RUSTC]
    {
        echo "# Sourced before a build for $TARGET; written by qemu/toolchain.sh."
        echo "export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc"
        if [ $# -gt 0 ]; then printf 'export RUSTC=%q\n' "$1"; fi
    } >"$RUST/env.new"
    mv "$RUST/env.new" "$RUST/env"
}

locked=$(printf '%s\n' "${DEBIAN_RUST[@]}" | while read -r name arch _; do lock_row "$name" "$arch"; done)
key=$(key_of "$(sha256sum <"$0")" "$locked" "$(rustc -vV 2>/dev/null)")
if fresh toolchain "$key" "$RUST/env" && { has_std rustc || [ -x "$DEBIAN/rustc" ]; }; then exit 0; fi

lock_build
mkdir -p "$RUST"
unstamp toolchain
command -v rustc >/dev/null || die "rustc is missing: install the stable toolchain with rustup"
if ! has_std rustc; then step "Rust: ask rustup for $TARGET" rustup.log try_rustup; fi
if has_std rustc; then
    write_env
else
    step "Rust: $TARGET from Debian" rust.log unpack_debian_rust
    write_env "$DEBIAN/rustc"
fi
stamp toolchain "$key"
