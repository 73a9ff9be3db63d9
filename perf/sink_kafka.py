#!/usr/bin/env python3
"""Is the Kafka sink as fast as the client that it is built on? The same records through sluice's sink, kcat and
librdkafka's own rdkafka_performance, to one real broker on this machine.

    sink_kafka.py BENCH_SINK_KAFKA [RDKAFKA_PERFORMANCE]

rdkafka_performance is an example in Debian's librdkafka-dev, to be compiled by hand; without it that row is left out.
"""
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "support"))
from kafka_broker import Broker, missing  # noqa: E402

N, ROUNDS = 1_000_000, 5


def timed(command):
    """Seconds, and the command's processor seconds: median of the rounds, the first not counted."""
    wall, cpu = [], []
    for _ in range(ROUNDS + 1):
        before, at = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        wall.append(time.monotonic() - at)
        cpu.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return statistics.median(wall[1:]), statistics.median(cpu[1:])


def main():
    why = missing()
    if why:
        sys.exit(f"sink_kafka.py: {why}")
    with tempfile.TemporaryDirectory(prefix="sluice-kafka-") as d:
        records = os.path.join(d, "records")
        with open(records, "w") as f:
            for i in range(N):
                f.write('{"n":%07d,"pad":"%0178d"}\n' % (i % 10000, i % 10000))
        broker = Broker(d, 28092, "log.retention.bytes=300000000", "log.segment.bytes=100000000")
        broker.start()
        try:
            broker.create("bench", 1)
            print(subprocess.run([sys.argv[1]], capture_output=True, text=True, check=True).stdout, end="")
            for pack, compression in ((1, "none"), (1, "lz4"), (1, "zstd"), (100, "none")):
                out = subprocess.run([sys.argv[1], records, broker.address, "bench", str(pack), compression],
                                     capture_output=True, text=True, check=True).stdout
                print(f"sluice, {compression}: {out}", end="", flush=True)
            settings = ["-X", "enable.idempotence=true", "-X", "linger.ms=5", "-X", "queue.buffering.max.messages=1000000"]
            rows = [("kcat", ["kcat", "-b", broker.address, "-P", "-t", "bench", *settings, "-l", records])]
            if len(sys.argv) > 2:
                rows.append(("rdkafka_performance", [sys.argv[2], "-P", "-b", broker.address, "-t", "bench", "-p", "0", "-a",
                                                     "-1", "-s", "199", "-c", str(N), *settings]))
            for name, command in rows:
                wall, cpu = timed(command)
                print(f"{name}, none: {N / wall:.0f} records/s, {cpu * 1e9 / N:.0f} ns of CPU a record", flush=True)
        finally:
            broker.stop()


main()
