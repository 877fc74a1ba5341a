# Set-up shared by ./varve and tools/test: packages and builds. Source it; it needs $root.

# What building needs, and what the tests need besides.
build_packages=(gcc libc6-dev meson ninja-build pkg-config libsecp256k1-dev liblmdb-dev
    libmicrohttpd-dev libwslay-dev libssl-dev libsodium-dev libgmp-dev zlib1g-dev libsnappy-dev
    libzstd-dev npm)
test_packages=(clang libclang-rt-14-dev libjansson-dev gcc-riscv64-unknown-elf qemu-user strace valgrind zstd)

say() { printf 'varve: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# One line that is written over, where somebody watches.
progress() { if [ -t 2 ]; then printf '\r\033[Kvarve: %s' "$*" >&2; fi; }
progress_end() { if [ -t 2 ]; then printf '\r\033[K' >&2; fi; }

have_package() {
    # nodejs from elsewhere than Debian brings npm inside
    if [ "$1" = npm ] && command -v npm >/dev/null; then return 0; fi
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# Installs those of the packages that are missing; without root, says the one command and stops.
need_packages() {
    local missing=() package
    if ! command -v dpkg-query >/dev/null; then
        say "this is not a Debian system, so nothing is installed; needed are: $*"
        return
    fi
    for package in "$@"; do
        have_package "$package" || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    if [ "$(id -u)" != 0 ]; then
        say "some packages are missing. Run this, then start again:"
        printf '\n    sudo apt-get install -y --no-install-recommends %s\n\n' "${missing[*]}" >&2
        exit 1
    fi
    say "installing ${missing[*]}"
    apt_quietly update || say "the package lists could not be refreshed; trying with the old ones"
    apt_quietly install -y --no-install-recommends "${missing[@]}" ||
        die "the packages could not be installed: apt-get's own words are above"
}

# Runs apt-get: percentages on a terminal, its output only if it fails. dpkg need not sync every
# file (61 s instead of 168 s for all of what `up` needs): a power cut means installing again.
apt_quietly() {
    local log status=0 kind percent
    log=$(mktemp)
    DEBIAN_FRONTEND=noninteractive apt-get -q -o APT::Status-Fd=3 -o Dpkg::Use-Pty=0 \
        -o Dpkg::Options::=--force-unsafe-io "$@" \
        </dev/null 3> >(while IFS=: read -r kind _ percent _; do
            progress "${kind/status/} ${percent%.*}%"
        done) >"$log" 2>&1 || status=$?
    progress_end
    if [ $status != 0 ]; then tail -n 15 "$log" >&2; fi
    rm -f "$log"
    return $status
}

# build FOLDER [MESON_OPTION…]: configures where there is nothing yet (which fetches what
# third_party/packages lists), and builds everything, or $targets alone.
build() {
    local folder=$1 log line lock
    shift
    log=$root/$folder/varve-build.log
    mkdir -p "$root/$folder"
    exec {lock}<"$root/$folder"
    flock "$lock" # stages that run side by side build one after the other
    if [ ! -f "$root/$folder/build.ninja" ]; then
        progress "fetching sources and configuring $folder"
        if ! meson setup "$root/$folder" "$root" "$@" >"$log" 2>&1; then
            progress_end
            tail -n 15 "$log" >&2
            die "$folder could not be configured; the whole output is in $log"
        fi
    fi
    set +e
    # shellcheck disable=SC2086 # several targets are several words
    NINJA_STATUS='[%f/%t] ' ninja -C "$root/$folder" ${targets-} 2>&1 | tee "$log" | while IFS= read -r line; do
        [[ $line =~ ^\[([0-9]+/[0-9]+)\] ]] && progress "building $folder ${BASH_REMATCH[1]}"
    done
    local status=${PIPESTATUS[0]}
    set -e
    progress_end
    if [ "$status" != 0 ]; then
        grep -vE '^\[[0-9]+/[0-9]+\]' "$log" | tail -n 40 >&2
        die "$folder did not build; the whole output is in $log"
    fi
    exec {lock}<&-
}

# build_sanitized: $targets under the address and undefined-behaviour sanitizers, in build-asan; by clang, for
# whose fuzzer every function is prepared too, as one build serves both. Little optimisation, and lines known
# but not variables, more than halve the time that it takes; warnings are the optimised build's affair, and so
# is the guest.
build_sanitized() {
    CC=clang build build-asan -Dfuzz=true --buildtype=plain -Doptimization=1 -Dc_args=-g1 -Dwerror=false \
        -Db_sanitize=address,undefined -Db_lundef=false
}
