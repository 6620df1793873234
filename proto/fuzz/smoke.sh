#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Runs each fuzz target for FUZZ_SECONDS (default 20). It starts from the seeds in proto/fuzz/corpus (how they are made:
# proto/tests/fuzz_corpus.rs) and from what earlier runs found, which stays in the build directory. An input that
# fails belongs into proto/fuzz/regressions/<target>.
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

mkdir -p "$work"
work=$(cd "$work" && pwd)

export CARGO_TARGET_DIR=$work/target
cargo +nightly fuzz build
# What was built is what runs: "cargo fuzz run" would build again if a source has changed since.
programs=$CARGO_TARGET_DIR/$(rustc +nightly -vV | sed -n 's/^host: //p')/release
for target in $(cargo +nightly fuzz list); do
	seeds=("fuzz/corpus/$target")
	[[ ! -d fuzz/regressions/$target ]] || seeds+=("fuzz/regressions/$target")
	mkdir -p "$work/corpus/$target" "$work/artifacts/$target"
	echo "fuzz $target for $seconds s"
	if ! "$programs/$target" "$work/corpus/$target" "${seeds[@]}" -max_total_time="$seconds" \
		-max_len=4096 -rss_limit_mb=512 -artifact_prefix="$work/artifacts/$target/" >"$work/$target.log" 2>&1; then
		tail -n 40 "$work/$target.log" >&2
		echo "fuzz target $target failed; input and log are in $work; keep the input in proto/fuzz/regressions/$target" >&2
		exit 1
	fi
	tail -n 1 "$work/$target.log"
done
