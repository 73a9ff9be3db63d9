#!/bin/sh
# kafka.sh - a real Apache Kafka broker (KRaft mode, one node) on loopback, for tests and trials.
#
#     scripts/services/kafka.sh fetch           resolve the jars with Maven into the cache
#     scripts/services/kafka.sh run DIR PORT [SETTING=VALUE...]
#                                               format DIR when it is empty, then become the broker;
#                                               it listens on 127.0.0.1:PORT and PORT+1 (controller)
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

run() {
    dir=$1 port=$2
    shift 2
    fetch
    mkdir -p "$dir"
    config=$dir/server.properties
    {
        cat <<EOF
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$((port + 1))
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$((port + 1))
advertised.listeners=PLAINTEXT://127.0.0.1:$port
controller.listener.names=CONTROLLER
log.dirs=$dir/log
auto.create.topics.enable=false
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
num.partitions=1
EOF
        for setting in "$@"; do
            echo "$setting"
        done
    } >"$config"
    # One broker of a test needs neither a big heap nor a compiler that takes its time.
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
run) shift && run "$@" ;;
*) fail "expected fetch, or run DIR PORT [SETTING=VALUE...]" ;;
esac
