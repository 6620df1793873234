#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Runs each fuzz target of proto and of the Agent for FUZZ_SECONDS (default 20). It starts from the seeds in
# <crate>/fuzz/corpus (how those of proto are made: proto/tests/fuzz_corpus.rs; those of the Agent are what the fuzzer
# itself kept) and from what earlier runs found, which stays in the build directory. An input that fails belongs into
# <crate>/fuzz/regressions/<target>.
set -euo pipefail
cd "$(dirname "$0")/../.."

seconds=${FUZZ_SECONDS:-20}
work=${BUILD:-build}/fuzz

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

# What was built is what runs: "cargo fuzz run" would build again if a source has changed since.
export CARGO_TARGET_DIR=$work/target
programs=$CARGO_TARGET_DIR/$(rustc +nightly -vV | sed -n 's/^host: //p')/release

smoke() { # smoke <crate> <target>
	local seeds=("$1/fuzz/corpus/$2")
	[[ ! -d $1/fuzz/regressions/$2 ]] || seeds+=("$1/fuzz/regressions/$2")
	mkdir -p "$work/corpus/$2" "$work/artifacts/$2"
	echo "fuzz $2 for $seconds s"
	if ! "$programs/$2" "$work/corpus/$2" "${seeds[@]}" -max_total_time="$seconds" \
		-max_len=4096 -rss_limit_mb=1024 -artifact_prefix="$work/artifacts/$2/" >"$work/$2.log" 2>&1; then
		tail -n 40 "$work/$2.log" >&2
		echo "fuzz target $2 failed; input and log are in $work; keep the input in $1/fuzz/regressions/$2" >&2
		exit 1
	fi
	tail -n 1 "$work/$2.log"
}

for crate in proto ta/agent; do
	(cd "$crate" && cargo +nightly fuzz build)
	for target in $(cd "$crate" && cargo +nightly fuzz list); do
		smoke "$crate" "$target"
	done
done
