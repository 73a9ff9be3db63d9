#!/bin/sh
# setup.sh - installs what sluice needs to build, and with --test what its tests need too.
#
# Debian 12, as root. Safe to run again: it does nothing when everything is there.
#
#     scripts/setup.sh          build and run
#     scripts/setup.sh --test   and test: sanitizers, fuzzers, formatter, network tools
#     scripts/setup.sh --perf   and compare: what perf/compare.sh sets beside sluice
set -eu

build="gcc g++ meson ninja-build pkg-config python3 libc6-dev
       libdpdk-dev libhyperscan-dev libpcre2-dev libsimdjson-dev
       zlib1g-dev libzstd-dev libyaml-dev libjansson-dev libpcap-dev libxxhash-dev
       libpg-query-dev libprotobuf-c-dev libhiredis-dev librdkafka-dev
       libmicrohttpd-dev libcurl4-openssl-dev libseccomp-dev
       tzdata"
tests="clang llvm libclang-rt-14-dev clang-format shellcheck libcmocka-dev libhttp-parser-dev
       postgresql-15 redis-server mariadb-server mariadb-client clickhouse-server
       prometheus kcat maven default-jre-headless nginx-light openssl tcpdump
       iproute2 ethtool procps rsyslog bsdutils valgrind zstd gzip git zsh python3-pip
       dpkg-dev debhelper lintian debootstrap systemd systemd-container"

# tshark and the log programs are peers, as they are; a JDK and python3-venv build the others.
peers="tshark mariadb-server mariadb-client kcat iproute2 ethtool
       maven default-jdk-headless python3-venv"

packages=$build
for arg in "$@"; do
    case $arg in
    --test) packages="$packages $tests" ;;
    --perf) packages="$packages $peers" ;;
    *)
        echo "setup.sh: $arg: expected nothing, --test or --perf" >&2
        exit 2
        ;;
    esac
done

missing=
for p in $packages; do
    dpkg-query -W -f '${Status}\n' "$p" 2>/dev/null | grep -q '^install ok installed' ||
        missing="$missing $p"
done
[ -z "$missing" ] && exit 0

if [ "$(id -u)" -ne 0 ]; then
    echo "setup.sh: these packages are missing, and only root can install them:$missing" >&2
    exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -q >&2
# Tests start the servers that they need: none is to be started by its package. A host that says what
# may be started is left alone.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
fi
# shellcheck disable=SC2086 # a list of names
apt-get install -y -q --no-install-recommends $missing >&2
