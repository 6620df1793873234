#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Shows that the guards of build-ta.sh refuse what they are there for. Needs the cross compiler, but
# neither the TA dev kit nor Rust.

set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=ta/elf-guards.sh
source "$here/elf-guards.sh"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
failed=0

# expect NAME RESULT: RESULT is "accepted", or words the refusal must contain.
expect() {
    local name=$1 wanted=$2 said
    if said=$(guard_elf "$name" 2>&1); then said=accepted; fi
    if [[ $said == *"$wanted"* && $(wc -l <<<"$said") -eq 1 ]]; then
        echo "ok      $name -> ${said#"$name: "}"
    else
        echo "FAILED  $name: expected '$wanted', got '$said'"
        failed=1
    fi
}

link() {
    local name=$1
    shift
    aarch64-linux-gnu-gcc -x c -fPIC -nostartfiles -Wl,-e,entry -o "$name" - "$@"
}

head='__attribute__((section(".ta_head"), used)) const int ta_head = 1;'
link good -nostdlib -pie <<<"$head void entry(void) {}"
link no-head -nostdlib -pie <<<"void entry(void) {}"
link libc -pie <<<"$head int getpid(void); int entry(void) { return getpid(); }"
link undefined -nostdlib -shared <<<"$head void getauxval(void); void entry(void) { getauxval(); }"
echo "not an ELF" >text

expect good accepted
expect no-head "no .ta_head section"
expect libc "needs libc.so.6"
expect undefined "nobody defines getauxval"
expect text "not an ELF"

exit $failed
