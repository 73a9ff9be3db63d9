#!/usr/bin/env python3
"""Real senders, real receivers, and a mirror between them that `tc` makes: what the receivers got is the truth.

rsyslog takes what logger says to it, and forwards it by UDP and by TCP to another rsyslog; a MariaDB replica follows
its primary. All of it passes a wire whose mirror gives each direction a port of its own, as a TAP does; sluice reads
both ports, with two workers. It must have the lines that the receiver wrote down, and the rows that the replica has.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import mariadb  # noqa: E402
import wire  # noqa: E402
from live import Live  # noqa: E402
from sluice import SKIP, Checks  # noqa: E402

N_LINES, N_ROWS = 1500, 3000
CONFIG = """
capture:
  ports: [{ device: "net_af_packet0,iface=tap-p" }, { device: "net_af_packet1,iface=tap-r" }]
  workers: 2
sources:
  datagrams: { match: { udp: 514 }, parser: syslog }
  stream:    { match: { tcp: 514 }, parser: syslog }
  shop:      { match: { tcp: 3306 }, parser: mysql }
sinks: { out: { stdout: {} } }
queues:
  lab/datagrams: { from: datagrams, sink: out }
  lab/stream:    { from: stream, sink: out }
  lab/shop:      { from: shop, sink: out }
"""
SENDER = """
module(load="imuxsock" SysSock.Use="off")
input(type="imuxsock" Socket="{folder}/log" RateLimit.Interval="0")
action(type="omfwd" target="{to}" port="514" protocol="udp" template="RSYSLOG_SyslogProtocol23Format")
action(type="omfwd" target="{to}" port="514" protocol="tcp" TCP_Framing="octet-counted"
       template="RSYSLOG_SyslogProtocol23Format")
"""
RECEIVER = """
module(load="imudp")
module(load="imtcp")
template(name="text" type="string" string="%msg%\\n")
ruleset(name="udp") {{ action(type="omfile" file="{folder}/udp" template="text") }}
ruleset(name="tcp") {{ action(type="omfile" file="{folder}/tcp" template="text") }}
input(type="imudp" port="514" ruleset="udp" rcvbufSize="4m")
input(type="imtcp" port="514" ruleset="tcp")
"""


class Rsyslog:
    def __init__(self, lab, where, text):
        self.conf = os.path.join(lab.folder, f"rsyslog-{where}.conf")
        with open(self.conf, "w", encoding="utf-8") as f:
            f.write(text.format(folder=lab.folder, to=wire.REPLICA))
        self.p = subprocess.Popen(lab.wire.ns(where, "rsyslogd", "-n", "-f", self.conf, "-i", self.conf + ".pid"),
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class Lab:
    def __init__(self, folder):
        self.folder, self.wire, self.running, self.servers = folder, wire.Wire(), [], []
        self.wire.split()

    def down(self):
        for p in self.running:
            wire.end(p)
        for s in self.servers:
            s.stop()
        self.wire.down()

    def received(self, name):
        path = os.path.join(self.folder, name)
        if not os.path.exists(path):
            return []
        with open(path, encoding="utf-8") as f:
            return [line.strip() for line in f]

    def log(self):
        """Real syslog, until the receiver has all that came by TCP, and says nothing more of UDP."""
        self.running += [Rsyslog(self, "r", RECEIVER).p, Rsyslog(self, "p", SENDER).p]
        until(lambda: os.path.exists(os.path.join(self.folder, "log")), "rsyslog listens")
        time.sleep(0.5)
        lines = os.path.join(self.folder, "lines")
        with open(lines, "w", encoding="utf-8") as f:
            f.writelines(f"order {i} of customer {i * 7919 % 1000}\n" for i in range(N_LINES))
        wire.sh("logger", "--socket", os.path.join(self.folder, "log"), "--tag", "shop", "--file", lines)
        until(lambda: len(self.received("tcp")) >= N_LINES, "the receiver has what came by TCP")
        time.sleep(0.3)

    def replicate(self):
        """A replica that has all rows of its primary."""
        mariadb.template(self.folder)
        primary = mariadb.Server(self.folder, "primary", 1, ["--log-bin=prim", "--binlog-format=ROW",
                                                             "--binlog-row-metadata=FULL"], self.wire.ns("p"))
        self.servers.append(primary)
        replica = mariadb.Server(self.folder, "replica", 2, (), self.wire.ns("r"))
        self.servers.append(replica)
        primary.ask("SET sql_log_bin=0; CREATE USER repl IDENTIFIED BY 'x'; GRANT REPLICATION SLAVE ON *.* TO repl;"
                    " SET sql_log_bin=1")
        replica.ask(f"CHANGE MASTER TO master_host='{wire.PRIMARY}', master_user='repl', master_password='x',"
                    " master_use_gtid=slave_pos; START SLAVE")
        primary.ask("CREATE DATABASE shop; CREATE TABLE shop.orders (id INT PRIMARY KEY, name VARCHAR(40))")
        for at in range(0, N_ROWS, 50):
            rows = ",".join(f"({i},'order {i}')" for i in range(at, at + 50))
            primary.ask(f"INSERT INTO shop.orders VALUES {rows}")
        until(lambda: replica.ask("SELECT 1 FROM information_schema.tables WHERE table_schema='shop'") and
              replica.value("SELECT COUNT(*) FROM shop.orders") == str(N_ROWS), "the replica has all rows")
        return {(int(i), name) for i, name in replica.ask("SELECT id, name FROM shop.orders")}


def until(true, what, timeout=30):
    end = time.monotonic() + timeout
    while not true():
        if time.monotonic() > end:
            raise RuntimeError(f"not within {timeout} s: {what}")
        time.sleep(0.05)


def run(binary, checks, folder):
    lab = Lab(folder)
    try:
        live = Live(binary, folder, CONFIG, lab.wire.ns("w"))
        checks.check(live.started("net_af_packet1,iface=tap-r"), f"it starts: {live.text()[-400:]}")
        lab.log()
        rows = lab.replicate()
        live.records(2 * N_LINES + N_ROWS, timeout=5)
        time.sleep(0.5)
        result = live.end()
        udp, tcp = lab.received("udp"), lab.received("tcp")
    finally:
        lab.down()
    checks.healthy(result, "span")
    checks.equal(result.status, 0, f"exit status: {result.err[-400:]}")
    checks.check("shared out to 2 workers in software: a session may come by two ports" in result.err, result.err[:600])
    records = result.records
    for source, want in (("datagrams", udp), ("stream", tcp)):
        got = [r["message"].strip() for r in records if r["_source"] == source]
        own = [m for m in got if re.match("order [0-9]", m)]
        checks.check(len(want) >= N_LINES // 2 and sorted(got) == sorted(want),
                     f"{source}: {len(got)} lines, the receiver has {len(want)}")
        checks.check(own == [m for m in want if m in set(own)], f"{source}: their order")
    checks.check(len(tcp) >= N_LINES, f"all {N_LINES} went by TCP: {len(tcp)}")
    got = [(r["after"]["id"], r["after"]["name"]) for r in records
           if r["_source"] == "shop" and r.get("op") == "c"]
    checks.check(len(rows) == N_ROWS and len(got) == N_ROWS and set(got) == rows,
                 f"rows: {len(got)}, the replica has {len(rows)}")
    checks.equal(len({r["_id"] for r in records}), len(records), "each _id once")
    print(f"{len(udp)} lines by UDP, {len(tcp)} by TCP, {len(rows)} rows, {result.count('port', '', 'received')} packets")


def main():
    binary, checks = sys.argv[1], Checks()
    why = wire.possible()
    lacks = [p for p in ("rsyslogd", "logger") if not shutil.which(p)] + mariadb.missing()
    if why or lacks:
        print(f"skipped: {why or 'not installed: ' + ', '.join(lacks)}")
        sys.exit(SKIP)
    with tempfile.TemporaryDirectory() as folder:
        run(binary, checks, folder)
    checks.done()


if __name__ == "__main__":
    main()
