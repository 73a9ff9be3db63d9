#!/bin/sh
# compare.sh - sluice beside its peers: rsyslog, syslog-ng, tshark, mariadb-binlog, the decoder of
# Debezium, librdkafka's own producer. Each gets the same input in the same run, in turns; outputs
# are compared; what is told is events per CPU-second, the rate without a loss, and memory.
#
#     perf/peers/get.sh peers                          brings the peers (Debian, Maven, PyPI)
#     perf/compare.sh build peers                      twenty minutes, as root
#     perf/compare.sh --quick build peers              small: does it work?
#     perf/compare.sh --only tshark,binlog build peers of tcp, udp, tshark, binlog, kafka
#     perf/compare.sh --results perf/results build peers
set -eu
exec python3 "$(dirname "$0")/peers/compare.py" "$@"
