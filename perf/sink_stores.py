#!/usr/bin/env python3
"""What does a record cost in the sinks of Redis and ClickHouse, and what does it cost the server? One capture, replayed to
real servers on this machine; beside the same replay to the sink null.

    sink_stores.py SLUICED
"""
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "support"))
from lines_capture import make_capture  # noqa: E402

N, ROUNDS, REDIS, CLICKHOUSE = 300_000, 5, 28379, 28123
CONFIG = """
sources: {{ lines: {{ match: {{ udp: 5170 }}, parser: lines }} }}
sinks: {{ s: {{ {sink} }} }}
queues: {{ lab/x: {{ from: lines, sink: s, {queue} }} }}
"""
CASES = (
    ("null", None, "null: {}", ""),
    ("redis", 0, f'redis: {{ url: "redis://127.0.0.1:{REDIS}", length_max: 10000 }}', "topic: x"),
    ("redis, pack 100", 0, f'redis: {{ url: "redis://127.0.0.1:{REDIS}", length_max: 100 }}', "topic: xp, pack: 100"),
    ("JSONEachRow", 1, f'clickhouse: {{ url: "http://127.0.0.1:{CLICKHOUSE}" }}', "topic: t"),
    ("RowBinary", 1, f'clickhouse: {{ url: "http://127.0.0.1:{CLICKHOUSE}", format: RowBinary }}', "topic: t"),
    ("RowBinary, gzip", 1, f'clickhouse: {{ url: "http://127.0.0.1:{CLICKHOUSE}", format: RowBinary, compression: gzip }}',
     "topic: t"),
)


def cpu_of(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main():
    with tempfile.TemporaryDirectory(prefix="sluice-perf-") as d:
        capture, config = os.path.join(d, "in.pcap"), os.path.join(d, "sluice.yaml")
        make_capture(capture, N, 1)
        servers = [subprocess.Popen([os.path.join(ROOT, "scripts", "services", script), "run", os.path.join(d, script),
                                     str(port), *more], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                   for script, port, more in (("redis.sh", REDIS, ["--appendonly", "no"]), ("clickhouse.sh", CLICKHOUSE, []))]
        try:
            time.sleep(5)
            urllib.request.urlopen(f"http://127.0.0.1:{CLICKHOUSE}/", b"CREATE TABLE t (_id String, _time DateTime, _src String, "
                                   b"n UInt32, k String, pad String) ENGINE = Null").read()
            base = 0
            for name, server, sink, queue in CASES:
                with open(config, "w", encoding="utf-8") as f:
                    f.write(CONFIG.format(sink=sink, queue=queue))
                wall, own, theirs = [], [], []
                for _ in range(ROUNDS + 1):
                    before, at = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
                    there = cpu_of(servers[server].pid) if server is not None else 0
                    subprocess.run([sys.argv[1], "replay", "-q", "-c", config, capture], check=True, stderr=subprocess.DEVNULL)
                    after = resource.getrusage(resource.RUSAGE_CHILDREN)
                    wall.append(time.monotonic() - at)
                    own.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
                    theirs.append(cpu_of(servers[server].pid) - there if server is not None else 0)
                wall, own, theirs = (statistics.median(x[1:]) for x in (wall, own, theirs))
                base = base or own
                print(f"{name}: {N / wall:.0f} records/s; of CPU a record: sluice {(own - base) * 1e9 / N:.0f} ns more than "
                      f"null, the server {theirs * 1e9 / N:.0f} ns", flush=True)
        finally:
            for p in servers:
                p.terminate()
            for p in servers:
                p.wait(30)


main()
