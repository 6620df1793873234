#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Runs each fuzz target for FUZZ_SECONDS (default 20). The corpus is proto/vectors and what earlier runs found
# in the build directory; proto/fuzz/regressions holds inputs that once failed.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${FUZZ_SECONDS:-20}
work=${BUILD:-../build}/fuzz

if ! cargo +nightly --version >/dev/null 2>&1; then
	echo "fuzzing needs nightly Rust; install it with: rustup toolchain install nightly" >&2
	exit 1
fi
if ! cargo +nightly fuzz --version >/dev/null 2>&1; then
	echo "fuzzing needs cargo-fuzz; install it with: cargo install cargo-fuzz" >&2
	exit 1
fi

mkdir -p "$work/seeds"
work=$(cd "$work" && pwd)
# A seed for each vector; where it is what a target reads decides the target.
for file in vectors/*/*.hex; do
	name=$(basename "$(dirname "$file")")-$(basename "$file" .hex)
	xxd -r -p "$file" >"$work/seeds/$name"
done
cp fuzz/regressions/* "$work/seeds/" 2>/dev/null || true

export CARGO_TARGET_DIR=$work/target
cargo +nightly fuzz build
for target in $(cargo +nightly fuzz list); do
	mkdir -p "$work/corpus/$target" "$work/artifacts/$target"
	echo "fuzz $target for $seconds s"
	if ! cargo +nightly fuzz run "$target" "$work/corpus/$target" "$work/seeds" -- -max_total_time="$seconds" \
		-max_len=4096 -rss_limit_mb=512 -artifact_prefix="$work/artifacts/$target/" >"$work/$target.log" 2>&1; then
		tail -n 40 "$work/$target.log" >&2
		echo "fuzz target $target failed; input and log are in $work; keep the input in proto/fuzz/regressions" >&2
		exit 1
	fi
	tail -n 1 "$work/$target.log"
done
