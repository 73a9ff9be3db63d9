#!/bin/sh
# kafka.sh - real Apache Kafka brokers (KRaft mode) on loopback, for tests and trials.
#
#     scripts/services/kafka.sh fetch           resolve the jars with Maven into the cache
#     scripts/services/kafka.sh run DIR PORT [SETTING=VALUE...]
#                                               format DIR when it is empty, then become the broker;
#                                               it listens on 127.0.0.1:PORT and PORT+1 (controller)
#     scripts/services/kafka.sh node K N DIR PORT [SETTING=VALUE...]
#                                               likewise, as the K-th of N brokers, 1 to N: it listens on
#                                               PORT+4*(K-1) and the port behind it; PORT is the same for
#                                               all, DIR is its own
#
# The cache is $SLUICE_KAFKA_CACHE, else ~/.cache/sluice/kafka-VERSION; nothing is downloaded when the
# jars are there. Needs java, and Maven for fetch. The broker ends on SIGTERM.
set -eu

version=4.0.0
cache=${SLUICE_KAFKA_CACHE:-${HOME:-/root}/.cache/sluice/kafka-$version}

fail() {
    echo "kafka.sh: $1" >&2
    exit 2
}

fetch() {
    [ -f "$cache/complete" ] && return 0
    command -v mvn >/dev/null || fail "mvn is not installed: the jars cannot be resolved"
    mkdir -p "$cache"
    cat >"$cache/pom.xml" <<EOF
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>sluice</groupId><artifactId>kafka</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies><dependency>
    <groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>$version</version>
  </dependency></dependencies>
</project>
EOF
    (cd "$cache" && mvn -q -B dependency:copy-dependencies -DoutputDirectory=lib) >&2 ||
        fail "Maven could not resolve Kafka $version"
    touch "$cache/complete"
}

node() {
    k=$1 n=$2 dir=$3 first=$4
    shift 4
    port=$((first + 4 * (k - 1)))
    voters='' i=0
    while [ "$i" -lt "$n" ]; do
        voters="$voters${voters:+,}$((i + 1))@127.0.0.1:$((first + 4 * i + 1))"
        i=$((i + 1))
    done
    fetch
    mkdir -p "$dir"
    config=$dir/server.properties
    {
        cat <<EOF
process.roles=broker,controller
node.id=$k
controller.quorum.voters=$voters
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$((port + 1))
advertised.listeners=PLAINTEXT://127.0.0.1:$port
controller.listener.names=CONTROLLER
log.dirs=$dir/log
auto.create.topics.enable=false
offsets.topic.replication.factor=$n
default.replication.factor=$n
min.insync.replicas=$(((n + 1) / 2))
transaction.state.log.replication.factor=$n
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
num.partitions=1
EOF
        for setting in "$@"; do
            echo "$setting"
        done
    } >"$config"
    # A broker of a test needs neither a big heap nor a compiler that takes its time.
    java="java -Xms256m -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1"
    export CLASSPATH="$cache/lib/*"
    if [ ! -f "$dir/log/meta.properties" ]; then
        $java kafka.tools.StorageTool format -t c2x1aWNlLXRlc3RzLXJ1bg -c "$config" >"$dir/format.log" 2>&1 ||
            fail "the storage could not be formatted: $(tail -n 1 "$dir/format.log")"
    fi
    exec $java kafka.Kafka "$config"
}

case ${1:-} in
fetch) fetch ;;
run) shift && [ $# -ge 2 ] && node 1 1 "$@" ;;
node) shift && [ $# -ge 4 ] && node "$@" ;;
*) fail "expected fetch, run DIR PORT [SETTING=VALUE...], or node K N DIR PORT [SETTING=VALUE...]" ;;
esac
