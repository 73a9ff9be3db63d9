#!/bin/sh
# get.sh - brings the peers that compare.sh runs into a folder: nothing is installed, for Debian's
# rsyslog and syslog-ng exclude each other as packages.
#
#     perf/peers/get.sh FOLDER
#
# Needs apt-get and dpkg; for the binary log's reader maven and a JDK; for Vector's language
# python3-venv. What cannot be had is told and left out; compare.sh does without it.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "${1:?expected a folder}"
cd "$1"

debs() { # folder, packages
    to=$1
    shift
    [ -d "$to" ] && return
    mkdir -p debs
    if ! (cd debs && apt-get download -q "$@" >/dev/null 2>&1); then
        echo "get.sh: $to: its packages cannot be downloaded" >&2
        return
    fi
    mkdir -p "$to.part"
    for p in "$@"; do
        dpkg -x debs/"$p"_*.deb "$to.part"
    done
    dpkg-deb -f debs/"$1"_*.deb Version >"$to.part/version"
    mv "$to.part" "$to"
}
debs rsyslog rsyslog libestr0 libfastjson4
debs syslog-ng syslog-ng-core libivykis0 libnet1
rm -rf debs

if [ ! -d java ] && command -v mvn >/dev/null && command -v javac >/dev/null; then
    cp -r "$here/java" java.part
    if (cd java.part && mvn -q -B package >/dev/null 2>&1); then
        mv java.part java
    else
        rm -rf java.part
        echo "get.sh: java: maven cannot build the reader of binary logs" >&2
    fi
fi

# Vector itself is in none of the registries that this is built from, nor is Fluent Bit: the
# language in which Vector parses is, as a package of Python's.
if [ ! -d vrl ]; then
    if python3 -m venv vrl.part >/dev/null 2>&1 && vrl.part/bin/pip install -q pyVRL==0.0.2 >/dev/null 2>&1; then
        mv vrl.part vrl
    else
        rm -rf vrl.part
        echo "get.sh: vrl: pyVRL cannot be installed" >&2
    fi
fi

# librdkafka's own program, an example of its package; it wants two headers of its source tree, of
# which it uses a clock.
example=/usr/share/doc/librdkafka-dev/examples/rdkafka_performance.c
if [ ! -x rdkafka_performance ] && [ -e "$example" ]; then
    mkdir -p kafka/src kafka/examples
    cp "$example" kafka/examples/
    cat >kafka/src/rd.h <<'END'
#pragma once
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
typedef int64_t rd_ts_t;
static inline rd_ts_t rd_clock(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}
END
    : >kafka/src/rdtime.h
    cc -O2 -w -D_GNU_SOURCE -Drd_snprintf=snprintf "-DRD_MIN(a,b)=((a)<(b)?(a):(b))" "-DRD_MAX(a,b)=((a)>(b)?(a):(b))" -Ikafka/src -I/usr/include/librdkafka -o rdkafka_performance \
        kafka/examples/rdkafka_performance.c -lrdkafka -lpthread -lm ||
        echo "get.sh: rdkafka_performance does not compile" >&2
    rm -rf kafka
fi
