#!/bin/sh
# test.sh - everything that must hold: style, units, laws, corpora, goldens, oracles, service tests.
#
#     scripts/test.sh           all of it
#     scripts/test.sh unit      one suite of meson's: unit, laws, corpus, golden, oracle, services
#
# Tests run with AddressSanitizer and UndefinedBehaviorSanitizer in build/asan; what drives the real
# binary runs the release build too. Tests that need captures of the lab (SL_SHARED, default ../shared)
# are skipped, saying so, where these are absent; with CI=true that is a failure.
set -eu
cd "$(dirname "$0")/.."

./scripts/setup.sh --test

SL_SHARED=${SL_SHARED:-$(cd .. && pwd)/shared}
export SL_SHARED
export ASAN_OPTIONS="${ASAN_OPTIONS:-detect_leaks=1:abort_on_error=0}"
export UBSAN_OPTIONS="${UBSAN_OPTIONS:-print_stacktrace=1:halt_on_error=1}"

[ -f build/build.ninja ] || meson setup build
ninja -C build sluiced sluicectl benches
[ -f build/asan/build.ninja ] ||
    meson setup build/asan -Db_sanitize=address,undefined -Db_lundef=false -Dbuildtype=debugoptimized \
        -Dtests=enabled
ninja -C build/asan

if [ $# -gt 0 ]; then
    suites=
    for s in "$@"; do suites="$suites --suite $s"; done
    # shellcheck disable=SC2086 # a list of options
    exec meson test -C build/asan --no-rebuild --print-errorlogs $suites
fi

./scripts/check.sh
exec python3 tests/support/run_all.py build/asan
