#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Shows that the object code of teep-proto, compiled as for a Trusted Application, cannot reach a panic.
#
# What it proves: starting from every function of teep-proto (those in the library and the generic ones, as
# instantiated by examples/generic_entries.rs) and following every reference within that object code (calls, and tables of
# function pointers), through whatever core, alloc and minicbor code was compiled into it, no function that panics is referred to,
# except by the entries below. It does not follow calls into crates of cryptography, coset and Unicode normalisation
# ($boundary): what they do with bounded and checked input is theirs to answer for.
#
# Allowed: running out of memory (alloc's handle_error and handle_alloc_error), which a TA cannot survive whatever
# it does, and the functions in $allowed.
#
# examples/indexing_twin.rs indexes a slice; the check must fail for it.
set -euo pipefail
cd "$(dirname "$0")/.."

target=${CARGO_TARGET_DIR:-target}/panic-check
# One object for each crate, no link-time optimisation that would leave only intermediate code.
export CARGO_PROFILE_TA_LTO=off CARGO_PROFILE_TA_CODEGEN_UNITS=1

object() { # object <library or example name> <cargo's selection>
	local name=$1
	shift
	cargo rustc --locked --quiet --target-dir "$target" -p teep-proto --profile ta "$@" -- --emit=obj >&2
	find "$target/ta" -name "$name-*.o"
}

boundary='aead|aes|aes_gcm|aes_kw|block_buffer|chacha20|chacha20poly1305|ciborium|ciborium_ll|cipher|coset|crypto_bigint|crypto_common|ctr|ctutils|curve25519_dalek|der|digest|ecdsa|ed25519|ed25519_dalek|elliptic_curve|ff|ghash|group|hkdf|hmac|hybrid_array|inout|pkcs8|poly1305|polyval|p256|primefield|primeorder|rfc6979|sec1|sha2|signature|spki|subtle|tinyvec|unicode_normalization|universal_hash|wnaf|zeroize'

# Functions of alloc and core, by parts of their names, that hold a panic nothing can reach: "capacity overflow"
# for an iterator or a joined text longer than memory, and a sort's for an order that contradicts itself (integers
# and strings).
allowed='SpecFromIterNested|extend_trusted|join_generic_copy|4core5slice4sort'

# Not started from: suit::text::parse reads what a person typed, never bytes of a message; core's str::split keeps
# bounds checks there that the compiler does not see to be idle.
tools='10teep_proto4suit4text5parse'

check() { # check <object>...: prints each path to a panic; fails if there is one
	readelf --relocs --wide "$@" | awk -v boundary="$boundary" -v allowed="$allowed" -v tools="$tools" '
		# The crate at the head of a mangled path: _ZN10teep_proto4cbor..., _ZN54_$LT$teep_proto..suit...
		function crate(symbol,    rest, length_) {
			if (symbol !~ /^_ZN/) return ""
			rest = substr(symbol, 4)
			match(rest, /^[0-9]+/)
			length_ = substr(rest, 1, RLENGTH) + 0
			rest = substr(rest, RLENGTH + 1, length_)
			sub(/^_?\$LT\$/, "", rest)
			while (sub(/^(\$[A-Z]+[0-9a-f]*\$|mut |dyn )+/, "", rest)) {}
			sub(/(\.\.|\$).*/, "", rest)
			return rest
		}
		function panics(symbol) {
			return symbol ~ /^_(R|ZN)/ && symbol ~ /4core9panicking|_fail(ed)?(17h[0-9a-f]*E)?$|[0-9]panic_/
		}
		/^Relocation section/ { from = $3; gsub(/\x27/, "", from); code = sub(/^\.rela\.(text|data\.rel\.ro)\.(unlikely\.)?/, "", from); next }
		code && /R_/ && $5 != "" {
			to = $5
			sub(/^\.(text|data\.rel\.ro)\.(unlikely\.)?/, "", to)
			edges[from] = edges[from] " " to
			functions[from] = 1
		}
		END {
			for (f in functions) {
				c = crate(f)
				if (c == "teep_proto" || c == "generic_entries" || c == "indexing_twin") {
					if (f ~ tools) continue
					queue[++tail] = f; seen[f] = f; roots++
				}
			}
			if (roots < 5) { print "only " roots + 0 " functions to start from: the object code was not found"; exit 2 }
			while (head < tail) {
				f = queue[++head]
				n = split(edges[f], list, " ")
				for (i = 1; i <= n; i++) {
					to = list[i]
					if (panics(to)) {
						if (f ~ allowed) continue
						path = f
						for (at = f; seen[at] != at; at = seen[at]) path = path " <- " seen[at]
						print to " <- " path
						bad = 1
					} else if ((to in functions) && !(to in seen) && crate(to) !~ "^(" boundary ")$") {
						seen[to] = f
						queue[++tail] = to
					}
				}
			}
			print roots " functions of teep-proto, " tail " reachable with core, alloc and minicbor" > "/dev/stderr"
			exit bad
		}'
}

# Cargo does not know about the object files; without this it would find everything up to date.
cargo clean --quiet --locked --target-dir "$target" -p teep-proto --profile ta
find "$target" -name '*.o' -delete

library=$(object teep_proto --lib)
probe=$(object generic_entries --example generic_entries)
check "$library" "$probe" || {
	echo "teep-proto can panic: see the paths above" >&2
	exit 1
}
twin=$(object indexing_twin --example indexing_twin)
if check "$library" "$twin" >/dev/null 2>&1; then
	echo "the panic check does not find the panic in examples/indexing_twin.rs" >&2
	exit 1
fi
echo "no panic is reachable from teep-proto"
