#!/bin/sh
# redis.sh - a Redis of Debian's package on loopback, for tests and trials.
#
#     scripts/services/redis.sh run DIR PORT [OPTION...]     become the server, with its data in DIR;
#                                                            options are redis-server's: --maxmemory 1mb
#
# Every write is on disk before it is answered (appendfsync always). The server ends on SIGTERM.
set -eu

fail() {
    echo "redis.sh: $1" >&2
    exit 2
}

run() {
    dir=$1 port=$2
    shift 2
    command -v redis-server >/dev/null || fail "redis-server is not installed"
    mkdir -p "$dir"
    exec redis-server --bind 127.0.0.1 --port "$port" --dir "$dir" --daemonize no --save "" \
        --appendonly yes --appendfsync always "$@"
}

case ${1:-} in
run) shift && [ $# -ge 2 ] && run "$@" ;;
*) fail "expected run DIR PORT [OPTION...]" ;;
esac
