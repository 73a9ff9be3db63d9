#!/usr/bin/env python3
"""Three Kafka brokers, one million records, and leaders that go while they are sent: each record is in the topic once, and
those of a key are in order.

    test_kafka_cluster.py SLUICED
"""
import os
import re
import signal
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from kafka_broker import Broker, missing  # noqa: E402
from lines_capture import Numbered, make_capture  # noqa: E402
from sluice import SKIP, Checks, replay  # noqa: E402

N, SECONDS = 1_000_000, 14
CONFIG = """
sources:
  lines: {{ match: {{ udp: 5170 }}, parser: lines }}
sinks:
  k: {{ kafka: {{ brokers: {brokers}, compression: lz4 }} }}
queues:
  lab/moved: {{ from: lines, sink: k, key: k, topic: moved }}
"""


class Cluster:
    def __init__(self, folder, port):
        # The controller may have died with the broker: sooner than after the nine seconds that Kafka gives a broker.
        self.brokers = [Broker(folder, port, "broker.session.timeout.ms=3000", "broker.heartbeat.interval.ms=500", k=k, n=3)
                        for k in (1, 2, 3)]

    def start(self):
        for b in self.brokers:
            b.begin()
        for b in self.brokers:
            b.wait()

    def stop(self):
        for b in self.brokers:
            if b.process:
                b.signal(signal.SIGCONT)
                b.signal(signal.SIGKILL)
        for b in self.brokers:
            b.stop()

    def leader(self, partition):
        """As those say who are there."""
        alive = next(b for b in self.brokers if b.process)
        return alive.leader("moved", partition)

    def moves(self, partition, number):
        """Ends the leader of a partition and waits for another one; the broker comes back later."""
        first = self.leader(partition)
        gone = self.brokers[first - 1]
        gone.signal(number)
        gone.process.wait(20)
        gone.process = None
        end = time.monotonic() + 60
        while (second := self.leader(partition)) in (first, -1, None) and time.monotonic() < end:
            time.sleep(0.1)
        gone.start()
        return first, second


def main():
    why = missing()
    if why:
        must = os.environ.get("CI") == "true"
        print(f"{'FAIL' if must else 'skipped'}: {why}")
        sys.exit(1 if must else SKIP)
    t = Checks()
    with tempfile.TemporaryDirectory(prefix="sluice-kafka-") as folder:
        cluster = Cluster(folder, 20000 + os.getpid() % 20000)
        try:
            begin = time.monotonic()
            cluster.start()
            cluster.brokers[0].create("moved", 4, min_insync_replicas=2)
            print(f"three brokers: {time.monotonic() - begin:.1f} s", flush=True)
            leaders_move(t, cluster, folder, os.path.abspath(sys.argv[1]))
        finally:
            cluster.stop()
    t.done()


def leaders_move(t, cluster, folder, binary):
    capture, config, moved = os.path.join(folder, "in.pcap"), os.path.join(folder, "sluice.yaml"), []
    make_capture(capture, N, SECONDS, lambda i: 60)
    with open(config, "w", encoding="utf-8") as f:
        # zeek/bro-plugins#48: a list of brokers of which the first is not there.
        f.write(CONFIG.format(brokers=["127.0.0.1:1"] + [b.address for b in cluster.brokers]))

    def meddle():
        time.sleep(2)
        moved.append(cluster.moves(0, signal.SIGKILL))
        moved.append(cluster.moves(1, signal.SIGTERM))
    thread = threading.Thread(target=meddle)
    thread.start()
    begin = time.monotonic()
    run = replay(binary, capture, "-c", config, "--speed", "real", timeout=150)
    print(f"{N} records: {time.monotonic() - begin:.1f} s", flush=True)
    thread.join()
    t.equal(len(moved), 2, "both leaders went")
    for first, second in moved:
        t.check(second not in (first, -1, None), f"the leader moved: {first} to {second}")
    t.healthy(run, "leaders moved")
    t.equal(run.status, 0, f"exit status: {run.err[-600:]}")
    t.equal(run.count("sink", "lab/moved", "written"), N, f"written in the ledger: {run.err[-600:]}")
    found, where, one_partition = Numbered(), {}, True
    for line in cluster.brokers[0].read("moved"):
        partition, key, value = line.split(b" ", 2)
        one_partition &= where.setdefault(key, partition) == partition
        found.add(int(re.search(rb'"n":(\d+)', value)[1]))
    found.expect_all(t, N, "leaders moved")
    t.check(one_partition and len(set(where.values())) == 4, "a key has one partition")


main()
