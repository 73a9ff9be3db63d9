#!/bin/sh
# clickhouse.sh - a ClickHouse server of Debian's package on loopback, for tests and trials.
#
#     scripts/services/clickhouse.sh run DIR PORT [PASSWORD]
#                                   become the server, with its data in DIR; HTTP on 127.0.0.1:PORT, and
#                                   PORT+1 for its own protocol. User "default"; user "reader" may only read.
#
# The server ends on SIGTERM. It runs as whoever starts it.
set -eu

fail() {
    echo "clickhouse.sh: $1" >&2
    exit 2
}

run() {
    dir=$1 port=$2 password=${3:-}
    command -v clickhouse-server >/dev/null || fail "clickhouse-server is not installed"
    mkdir -p "$dir/data" "$dir/tmp" "$dir/files"
    cat >"$dir/config.xml" <<EOT
<?xml version="1.0"?>
<yandex>
    <logger><level>warning</level><log>$dir/server.log</log><errorlog>$dir/error.log</errorlog></logger>
    <http_port>$port</http_port>
    <tcp_port>$((port + 1))</tcp_port>
    <listen_host>127.0.0.1</listen_host>
    <max_connections>64</max_connections>
    <uncompressed_cache_size>67108864</uncompressed_cache_size>
    <mark_cache_size>67108864</mark_cache_size>
    <path>$dir/data/</path>
    <tmp_path>$dir/tmp/</tmp_path>
    <user_files_path>$dir/files/</user_files_path>
    <users_config>$dir/users.xml</users_config>
    <default_profile>default</default_profile>
    <default_database>default</default_database>
    <timezone>UTC</timezone>
</yandex>
EOT
    cat >"$dir/users.xml" <<EOT
<?xml version="1.0"?>
<yandex>
    <profiles><default></default><readonly><readonly>1</readonly></readonly></profiles>
    <quotas><default></default></quotas>
    <users>
        <default><password>$password</password><profile>default</profile><quota>default</quota>
            <networks><ip>127.0.0.1</ip></networks></default>
        <reader><password>$password</password><profile>readonly</profile><quota>default</quota>
            <networks><ip>127.0.0.1</ip></networks></reader>
    </users>
</yandex>
EOT
    exec clickhouse-server --config-file="$dir/config.xml"
}

case ${1:-} in
run) shift && [ $# -ge 2 ] && run "$@" ;;
*) fail "expected run DIR PORT [PASSWORD]" ;;
esac
