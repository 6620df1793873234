# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Sourced after lib.sh: fetches Debian packages of other suites and architectures. The host's apt is only asked
# for its mirror and its proxy; nothing of it is changed and nothing is installed. Works as an ordinary user.
#
#   fetch_package NAME ARCH SUITE   prints the path of the .deb (ARCH arm64, amd64, all) or .dsc (ARCH source)
#   lock_row NAME ARCH              prints the row of packages.lock: part of the key of what is made from it
#
#   DEBIAN_MIRROR            the mirror; default: the Debian mirror in the host's apt sources
#   DEBIAN_SECURITY_MIRROR   the same for *-security suites; default: likewise, or $DEBIAN_MIRROR-security
#
# packages.lock (committed) has one row per package: name, architecture, suite, version, SHA-256, path on the
# mirror. The file of the row is fetched and must have that SHA-256; a .dsc holds those of its source files.
# If the mirror no longer has it, the version that the suite has now is taken from the suite's signed index, that
# is said in one line, and $BUILD/packages.lock is the lock file of what was really used.

LOCK=$QEMU_DIR/packages.lock
USED=$BUILD/packages.lock
PACKAGES=$BUILD/packages
KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
APT_HELPER=/usr/lib/apt/apt-helper

# The row of NAME ARCH in lock file FILE, empty if there is none.
row_in() { # FILE NAME ARCH
    if [ -f "$1" ]; then awk -v name="$2" -v arch="$3" '$1 == name && $2 == arch' "$1"; fi
}

lock_row() { row_in "$LOCK" "$@"; }

# Downloads URL to FILE (by rename) and checks HASH ("SHA256:…") if given. Status 1: the server has no such file,
# 2: another hash, 4: anything else.
try_download() { # URL FILE [HASH]
    local url=$1 file=$2 hash=${3:-} log=$LOGS/download.log
    [ -x "$APT_HELPER" ] || die "$APT_HELPER is missing: this build needs Debian's apt"
    mkdir -p "$(dirname "$file")"
    rm -f "$file.new"
    if "$APT_HELPER" -q -o APT::Sandbox::User="$(id -un)" download-file "$url" "$file.new" ${hash:+"$hash"} \
        >"$log" 2>&1; then
        mv "$file.new" "$file"
        return
    fi
    rm -f "$file.new" "$file.new.FAILED"
    if grep -q -E 'Hash Sum mismatch|unexpected size' "$log"; then
        return 2
    elif grep -q -E ' 404 |File not found' "$log"; then
        return 1
    fi
    return 4
}

# The same, but only a missing file is left to the caller (status 1).
download() { # URL FILE [HASH]
    local rc=0
    try_download "$@" || rc=$?
    case $rc in
    2) die "${1##*/} on the mirror has another SHA-256 than expected: do not use that mirror ($LOGS/download.log)" ;;
    4) die "cannot download ${1##*/}: check the network or name a mirror with DEBIAN_MIRROR= ($LOGS/download.log)" ;;
    esac
    return $rc
}

# The URI of the mirror that has SUITE, found once per set of apt sources.
mirror() { # SUITE
    local kind=main uri named=${DEBIAN_MIRROR:-} cache unreachable=()
    if [[ $1 == *-security ]]; then
        kind=security
        named=${DEBIAN_SECURITY_MIRROR:-${DEBIAN_MIRROR:+${DEBIAN_MIRROR%/}-security}}
    fi
    if [ -n "$named" ]; then
        printf '%s\n' "${named%/}"
        return
    fi
    cache=$BUILD/apt/mirror-$kind
    if [ -s "$cache" ]; then
        cat "$cache"
        return
    fi
    # apt knows both forms of its sources files; what is not Debian says so in its Release file.
    # shellcheck disable=SC2016 # apt fills in the format
    while read -r uri; do
        if try_download "$uri/dists/$1/InRelease" "$cache.release"; then
            if grep -q '^Origin: Debian$' "$cache.release"; then
                printf '%s\n' "$uri" | tee "$cache.new"
                mv "$cache.new" "$cache"
                return
            fi
        elif [ $? -ne 1 ]; then
            unreachable+=("$uri")
        fi
    done < <(apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
        awk -v kind="$kind" '
            $3 == "main" && $1 ~ /^(https?|file):/ && ($2 ~ /-security$/) == (kind == "security") {
                sub(/\/$/, "", $1)
                if (!seen[$1]++) print $1
            }')
    if [ "${#unreachable[@]}" -gt 0 ]; then
        die "cannot reach ${unreachable[*]}: check the network or name a mirror with DEBIAN_MIRROR= ($LOGS/download.log)"
    fi
    die "no mirror of Debian with the suite $1 is in the host's apt sources: name one with DEBIAN_MIRROR="
}

# Prints "version sha256 path" of NAME in SUITE now, by the signed index of the suite, with an apt of our own.
newest() { # NAME ARCH SUITE
    local name=$1 arch=$2 suite=$3 dir=$BUILD/apt/$3-$2 log=$LOGS/apt-$3-$2.log type=deb native uri real
    uri=$(mirror "$suite")
    native=$(dpkg --print-architecture)
    case $arch in
    source) type=deb-src arch=$native ;;
    all) arch=arm64 ;;
    *) name=$name:$arch ;;
    esac
    mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial" "$dir/etc/apt.conf.d"
    printf '%s [arch=%s signed-by=%s] %s %s main\n' "$type" "$arch" "$KEYRING" "$uri" "$suite" >"$dir/sources.list"
    : >"$dir/status"
    {
        # The host's proxies, timeouts and the like.
        apt-config dump | grep '^Acquire::' | grep -v '^Acquire::IndexTargets'
        cat <<EOF
Dir::Etc "$dir/etc";
Dir::Etc::sourcelist "$dir/sources.list";
Dir::State "$dir";
Dir::State::status "$dir/status";
Dir::Cache "$dir/cache";
APT::Architecture "$native";
APT::Architectures { "$native"; "$arch"; };
APT::Sandbox::User "$(id -un)";
Acquire::Languages "none";
EOF
    } >"$dir/apt.conf"
    APT_CONFIG=$dir/apt.conf apt-get -q update -o APT::Update::Error-Mode=any >"$log" 2>&1 ||
        die "cannot read the package index of $suite: check the network or name a mirror with DEBIAN_MIRROR= ($log)"
    if [ "$type" = deb-src ]; then
        APT_CONFIG=$dir/apt.conf apt-cache showsrc --only-source "$name" 2>>"$log" | newest_source
    else
        # The package is then the one this one is a name for: linux-image-arm64 only depends on the real one.
        real=$(APT_CONFIG=$dir/apt.conf apt-cache show --no-all-versions "$name" 2>>"$log" |
            sed -n "s/^Depends: \(linux-image-[^ ]*\) .*/\1:$arch/p")
        APT_CONFIG=$dir/apt.conf apt-cache show --no-all-versions "${real:-$name}" 2>>"$log" |
            awk '/^Version: /{v=$2} /^SHA256: /{h=$2} /^Filename: /{f=$2} END{if (f) print v, h, f}'
    fi
}

# Of the source packages on stdin (output of apt-cache showsrc), "version sha256 path-of-dsc" of the newest.
newest_source() {
    local version best='' row sha path
    while read -r version sha path; do
        if [ -z "$best" ] || dpkg --compare-versions "$version" gt "$best"; then
            best=$version row="$version $sha $path"
        fi
    done < <(awk '
        function flush() { if (v) print v, h, d "/" f; v = "" }
        /^$/ { flush() }
        /^Version: /{ v = $2 }
        /^Directory: /{ d = $2 }
        /^[A-Za-z]/ { sums = ($1 == "Checksums-Sha256:") }
        sums && $3 ~ /\.dsc$/ { h = $1; f = $3 }
        END { flush() }')
    if [ -n "$best" ]; then printf '%s\n' "$row"; fi
}

# Writes ROW into $USED, which starts as the committed lock file, in the place of the row with that name.
record() { # ROW
    local name arch
    read -r name arch _ <<<"$1"
    if [ ! -f "$USED" ] || [ "$LOCK" -nt "$USED" ]; then cp "$LOCK" "$USED"; fi
    awk -v name="$name" -v arch="$arch" -v row="$1" '
        $1 == name && $2 == arch { $0 = row; done = 1 }
        { print }
        END { if (!done) print row }' "$USED" >"$USED.new"
    mv "$USED.new" "$USED"
}

# Fetches the files that the .dsc FILE names from the directory DIR of the mirror; their hashes are in it.
fetch_sources() { # FILE URI-OF-DIRECTORY
    local hash name
    while read -r hash name; do
        [ -f "$PACKAGES/$name" ] || download "$2/$name" "$PACKAGES/$name" "SHA256:$hash" ||
            die "$name, named by ${1##*/}, is not on the mirror; name another with DEBIAN_MIRROR="
    done < <(awk '/^[A-Za-z]/ { sums = ($1 == "Checksums-Sha256:") } sums && NF == 3 { print $1, $3 }' "$1")
}

fetch_package() { # NAME ARCH SUITE
    local name=$1 arch=$2 suite=$3 row version='' sha='' path='' file now_version now_sha now_path uri
    row=$(lock_row "$name" "$arch")
    if [ -n "$row" ]; then read -r _ _ _ version sha path <<<"$row"; fi
    uri=$(mirror "$suite")
    file=$PACKAGES/${path##*/}
    if [ -z "$row" ] || { [ ! -f "$file" ] && ! download "$uri/$path" "$file" "SHA256:$sha"; }; then
        row=$(newest "$name" "$arch" "$suite") || [ $? -ne "$EXPLAINED" ] || exit "$EXPLAINED"
        [ -n "$row" ] || die "the package $name ($arch) is not in $suite on $uri"
        read -r now_version now_sha now_path <<<"$row"
        if [ "$now_version" = "$version" ] && [ "$now_sha" != "$sha" ]; then
            die "$name $version in $suite has another SHA-256 than in $LOCK: do not use that mirror"
        fi
        record "$name $arch $suite $now_version $now_sha $now_path"
        say "note: $name ($arch) $now_version is used, packages.lock has ${version:-none}; to accept it: cp $USED $LOCK"
        file=$PACKAGES/${now_path##*/} sha=$now_sha path=$now_path
        [ -f "$file" ] || download "$uri/$path" "$file" "SHA256:$sha" ||
            die "$path is in the index of $suite but not on the mirror; try again later"
    fi
    if ! printf '%s  %s\n' "$sha" "$file" | sha256sum --check --status; then
        die "$file is damaged; remove it and run this again"
    fi
    if [ "$arch" = source ]; then fetch_sources "$file" "$uri/${path%/*}"; fi
    printf '%s\n' "$file"
}
