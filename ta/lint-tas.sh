#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Clippy over the programs of the Trusted Applications and what they link, which only build against a TA dev kit.
# One package at a time, because cargo would unite their features. Environment: see cargo-env.sh.

set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=ta/cargo-env.sh
source "$here/cargo-env.sh"

cd "$here/.."
for package in teep-agent-ta hello-ta other-ta; do
    cargo clippy --locked --quiet --package "$package" --all-features --bins --profile ta --target "$target" \
        -- -D warnings
done
cargo clippy --locked --quiet --package teep-personalization --lib --profile ta --target "$target" -- -D warnings
