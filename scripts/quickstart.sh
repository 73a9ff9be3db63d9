#!/bin/sh
# quickstart.sh - from a fresh clone to events: installs, builds, replays a sample capture.
#
# The events of the sample go to standard output, one JSON object a line; all else to standard error.
# Root is needed only to install packages that are missing. No configuration, no hugepages, no port.
set -eu
cd "$(dirname "$0")/.."

./scripts/setup.sh
[ -f build/build.ninja ] || meson setup build >&2
ninja -C build sluiced sluicectl >&2
[ -e build/sluiced ] || { echo "quickstart.sh: build/sluiced was not built" >&2; exit 1; }

python3 tests/support/make_sample.py build/sample.pcap
echo "replaying build/sample.pcap: syslog, HTTP beacons and NDJSON, of three hosts" >&2
exec build/sluiced replay build/sample.pcap
