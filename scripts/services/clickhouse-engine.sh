#!/bin/sh
# clickhouse-engine.sh - the engine of a newer ClickHouse than Debian's, on loopback, for tests and trials.
#
#     scripts/services/clickhouse-engine.sh fetch          take the package from PyPI into the cache
#     scripts/services/clickhouse-engine.sh run DIR PORT   serve HTTP on 127.0.0.1:PORT, with its data in DIR
#
# The package is chdb-core-lite: ClickHouse as a library (51 MB, unpacked 170 MB). It has no server, so
# clickhouse_engine.py stands in front: it hands bodies, queries and settings on as they come. The cache is
# $SLUICE_CLICKHOUSE_CACHE, else ~/.cache/sluice/chdb-VERSION; nothing is downloaded when the package is there.
set -eu

version=26.5.0
cache=${SLUICE_CLICKHOUSE_CACHE:-${HOME:-/root}/.cache/sluice/chdb-$version}

fail() {
    echo "clickhouse-engine.sh: $1" >&2
    exit 2
}

fetch() {
    [ -f "$cache/complete" ] && return 0
    python3 -m pip --version >/dev/null 2>&1 || fail "pip is not installed: chdb-core-lite cannot be taken"
    # Its dependencies are for data frames.
    python3 -m pip install -q --no-deps --root-user-action ignore --target "$cache" "chdb-core-lite==$version" >&2 ||
        fail "pip could not take chdb-core-lite $version"
    touch "$cache/complete"
}

case ${1:-} in
fetch) [ $# -eq 1 ] && fetch ;;
run)
    [ $# -eq 3 ] || fail "expected run DIR PORT"
    fetch
    exec python3 "$(dirname "$0")/clickhouse_engine.py" "$cache" "$2" "$3"
    ;;
*) fail "expected fetch, or run DIR PORT" ;;
esac
