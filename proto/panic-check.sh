#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Shows that code of ours, compiled as for a Trusted Application, cannot reach a panic:
#
#   panic-check.sh          of teep-proto
#   panic-check.sh agent    of the linked Agent: teep-agent-ta, teep-agent and teep-proto as linked into it. Environment as
#                           for ta/build-ta.sh, which is to have built before
#
# What it proves: starting from every function of ours and following every reference in object code (calls, and tables
# of function pointers), no function that panics is referred to, except by the entries below. Without "agent" the
# functions are those of the library teep-proto and the generic ones as instantiated by examples/generic_entries.rs, and
# code is followed that was compiled into the same objects, that is generic and inlined code of core, alloc and
# minicbor. With "agent" they are those that the linker kept in the Trusted Application, its entry points among them, and
# all code is followed that it was linked from: also optee-utee, and core and alloc as the toolchain brings them.
#
# It does not follow calls into crates of cryptography, coset, X.509 and Unicode normalisation ($boundary): what they do with
# bounded and checked input is theirs to answer for. It looks at a build without link-time optimisation, because that
# mixes the crates; the optimisation removes code, and adds none.
#
# Allowed: running out of memory (alloc's handle_error and handle_alloc_error), which a TA cannot survive whatever
# it does, and the entries of $allowed.
#
# examples/indexing_twin.rs, and with "agent" ta/indexing-twin.rs, index a slice; the check must fail for them.
set -euo pipefail
cd "$(dirname "$0")/.."

# One object for each crate, no link-time optimisation that would leave only intermediate code.
export CARGO_PROFILE_TA_LTO=off CARGO_PROFILE_TA_CODEGEN_UNITS=1

boundary='aead|aes|aes_gcm|aes_kw|block_buffer|chacha20|chacha20poly1305|ciborium|ciborium_ll|cipher|const_oid|coset|crypto_bigint|crypto_common|ctr|ctutils|curve25519_dalek|der|digest|ecdsa|ed25519|ed25519_dalek|elliptic_curve|ff|flagset|ghash|group|hkdf|hmac|hybrid_array|inout|pkcs8|poly1305|polyval|p256|primefield|primeorder|rfc6979|sec1|sha2|signature|spki|subtle|tinyvec|unicode_normalization|universal_hash|wnaf|x509_cert|zeroize'

# References that lead to a panic which nothing can reach, as patterns of "from to", parts of mangled names. Of alloc and
# core: "capacity overflow" for an iterator or a joined text longer than memory; a sort's for an order that contradicts
# itself (integers and strings).
allowed='SpecFromIterNested|extend_trusted|join_generic_copy|4core5slice4sort'
# As handle_error.
allowed+='|handle_error.* .*capacity_overflow'
# For a Display that fails although the text did not: none of ours does.
allowed+='|format_inner.* .*unwrap_failed'
# A shared slice larger than memory.
allowed+='|Arc.*allocate_for_slice.* .*unwrap_failed|arcinner_layout_for_value_layout .*unwrap_failed'
# A tree of alloc that is not what alloc made it.
allowed+='|IntoIter.*dying_next.* .*unwrap_failed'
# sha2, inlined: words of 4 and 8 bytes into as many bytes.
allowed+='|DigestState6finish.* .*copy_from_slice_impl'
# A cell whose content is made by code that fills the same cell: a slot of the arena is made of what is there.
allowed+='|OnceCell.*try_init.* .*panic_fmt'
# optee-utee: an answer longer than its buffer, which it has refused before; a session that OP-TEE closes without the
# context that the Agent gave it.
allowed+='|Param13written_slice.* .*slice_index_fail|TA_CloseSessionEntryPoint .*panic_fmt'

# Not started from: suit::text::parse reads what a person typed, never bytes of a message; core's str::split keeps
# bounds checks there that the compiler does not see to be idle.
tools='10teep_proto4suit4text5parse'

# check <linked file or ""> <object>...: prints each path to a panic; fails if there is one. With a linked file only
# functions that are in it are started from and followed.
check() {
	local linked=$1
	shift
	{
		[[ -z $linked ]] || nm --defined-only --format=just-symbols "$linked"
		echo "Objects:"
		printf '%s\0' "$@" | xargs -0 readelf --relocs --wide
	} | awk -v boundary="$boundary" -v allowed="$allowed" -v tools="$tools" -v filter="$linked" '
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
		# Those of core and alloc, whose names are mangled in one way or the other.
		function panics(symbol) {
			return symbol ~ /^_(R|ZN)/ && (symbol ~ /4core9panicking|[0-9]panic_/ \
				|| (symbol ~ /[0-9](core|alloc|std)[0-9]/ && symbol ~ /_fail(ed)?(17h[0-9a-f]*E)?$/))
		}
		# What a Trusted Application exports, and OP-TEE calls.
		function ours(symbol,    c) {
			c = crate(symbol)
			return c == "teep_proto" || c == "generic_entries" || c == "indexing_twin" \
				|| c == "teep_agent" || c == "teep_agent_ta" || symbol ~ /^TA_.*EntryPoint$/
		}
		!objects { if ($1 == "Objects:") objects = 1; else linked[$1] = 1; next }
		/^Relocation section/ { from = $3; gsub(/\x27/, "", from); code = sub(/^\.rela\.(text|data\.rel\.ro)\.(unlikely\.)?/, "", from); next }
		code && /R_/ && $5 != "" {
			to = $5
			sub(/^\.(text|data\.rel\.ro)\.(unlikely\.)?/, "", to)
			edges[from] = edges[from] " " to
			functions[from] = 1
		}
		END {
			for (f in functions) {
				if (ours(f) && (!filter || f in linked)) {
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
					if ((f " " to) ~ allowed) continue
					if (panics(to)) {
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
			print roots " functions of ours, " tail " reachable with those of others" > "/dev/stderr"
			exit bad
		}'
}

# fails_for <name of the twin> <as check>...
fails_for() {
	local twin=$1 paths
	shift
	paths=$(check "$@" 2>/dev/null) || [[ $paths != *panic_bounds_check* ]] || return 0
	echo "the panic check does not find the panic in $twin" >&2
	exit 1
}

proto() {
	local target=${CARGO_TARGET_DIR:-target}/panic-check library probe twin
	object() { # object <library or example name> <cargo's selection>
		local name=$1
		shift
		cargo rustc --locked --quiet --target-dir "$target" -p teep-proto --profile ta "$@" -- --emit=obj >&2
		find "$target/ta" -name "$name-*.o"
	}
	# Cargo does not know about the object files; without this it would find everything up to date.
	cargo clean --quiet --locked --target-dir "$target" -p teep-proto --profile ta
	find "$target" -name '*.o' -delete

	library=$(object teep_proto --lib)
	probe=$(object generic_entries --example generic_entries)
	check "" "$library" "$probe" || {
		echo "teep-proto can panic: see the paths above" >&2
		exit 1
	}
	twin=$(object indexing_twin --example indexing_twin)
	fails_for examples/indexing_twin.rs "" "$library" "$twin"
	echo "no panic is reachable from teep-proto"
}

agent() {
	local work objects library
	# shellcheck source=ta/cargo-env.sh
	source ta/cargo-env.sh
	CARGO_TARGET_DIR+=/panic-check
	# As above.
	cargo clean --quiet --locked --package teep-agent-ta --profile ta --target "$target"
	rm -f "$CARGO_TARGET_DIR/$target/ta/deps"/*.o
	work=$(mktemp -d)
	# shellcheck disable=SC2064
	trap "rm -rf '$work'" EXIT
	program() { # program <name>: links it, and puts the object of its own crate beside it
		cargo rustc --locked --quiet --package teep-agent-ta --bin "$1" --all-features --profile ta --target "$target" \
			-- --emit=obj,link
		cp "$CARGO_TARGET_DIR/$target/ta/$1" "$work/$1"
		find "$CARGO_TARGET_DIR/$target/ta/deps" -name "${1//-/_}-*.o" -exec cp {} "$work/$1.o" \;
	}
	program teep-agent-ta
	program indexing-twin
	mkdir "$work/crates"
	for library in "$CARGO_TARGET_DIR/$target/ta/deps"/*.rlib \
		"$(rustc --print target-libdir --target "$target")"/lib{core,alloc}-*.rlib; do
		mkdir "$work/crates/$(basename "$library")"
		(cd "$work/crates/$(basename "$library")" && ar x "$library")
	done
	mapfile -t objects < <(find "$work/crates" -name '*.o')
	check "$work/teep-agent-ta" "$work/teep-agent-ta.o" "${objects[@]}" || {
		echo "the linked Agent can panic: see the paths above" >&2
		exit 1
	}
	fails_for ta/indexing-twin.rs "$work/indexing-twin" "$work/indexing-twin.o" "${objects[@]}"
	echo "no panic is reachable from the code of the linked Agent"
}

"${1:-proto}"
