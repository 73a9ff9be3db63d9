#!/usr/bin/env python3
"""A record that goes from queue to queue has its number in each, and goes no further than hops_max.

    test_hops.py SLUICED

What a real Redis has in a stream is written on the wire again with the number that it came with, as a program between
two queues would, until nothing comes any more.
"""
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
from pcaplib import BASE_NS, ethernet, udp, write_pcap  # noqa: E402
from sluice import SKIP, Checks, replay  # noqa: E402

SCRIPT = os.path.join(HERE, "..", "..", "scripts", "services", "redis.sh")
PORT = 47_163
CONFIG = """
sources: {{ app: {{ match: {{ udp: 5170 }}, parser: lines }} }}
pipeline: {{ slim: {{ op: project, from: app, select: n }} }}
sinks: {{ r: {{ redis: {{ url: "redis://127.0.0.1:{port}" }} }} }}
queues: {{ lab/q: {{ from: slim, sink: r, topic: q, headers: true{more} }} }}
"""


class Redis:
    def __init__(self, folder):
        self.p = subprocess.Popen([SCRIPT, "run", os.path.join(folder, "redis"), str(PORT)],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(400):
            try:
                if self.ask("PING") == "PONG":
                    return
            except OSError:
                time.sleep(0.05)
        self.end()
        raise RuntimeError("Redis does not start")

    def end(self):
        self.p.terminate()
        self.p.wait(timeout=30)

    def ask(self, *words):
        with socket.create_connection(("127.0.0.1", PORT), timeout=30) as s, s.makefile("rb") as f:
            s.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in map(str.encode, words)))
            return self.answer(f)

    def answer(self, f):
        line = f.readline()
        kind, rest = line[:1], line[1:-2]
        if kind == b"$":
            return f.read(int(rest) + 2)[:-2].decode()
        return [self.answer(f) for _ in range(int(rest))] if kind == b"*" else rest.decode()

    def entries(self, stream):
        """The fields of every entry, in order."""
        return [dict(zip(fields[::2], fields[1::2])) for _, fields in self.ask("XRANGE", stream, "-", "+")]


class Round:
    def __init__(self, binary, folder, redis):
        self.binary, self.folder, self.redis, self.seen = binary, folder, redis, 0

    def send(self, records, more=""):
        """The new entries of the stream, and the run."""
        pcap, conf = os.path.join(self.folder, "in.pcap"), os.path.join(self.folder, "c.yaml")
        write_pcap(pcap, [(BASE_NS + i, ethernet(udp("10.0.0.2", 5000, "10.0.0.9", 5170, json.dumps(r).encode())))
                          for i, r in enumerate(records)])
        with open(conf, "w", encoding="utf-8") as f:
            f.write(CONFIG.format(port=PORT, more=more))
        run = replay(self.binary, pcap, "-c", conf)
        entries = self.redis.entries("q")
        new, self.seen = entries[self.seen:], len(entries)
        return new, run


def go_round(c, r):
    """One record, sent on as often as it comes back."""
    record = {"n": "1"}
    for hop in range(1, 5):
        new, run = r.send([record])
        c.equal([e["sluice-hop"] for e in new], [str(hop)], f"queue {hop}")
        c.healthy(run, f"queue {hop}")
        c.check(";" not in new[0]["sluice-id"], "the id is the record's alone")
        c.equal(json.loads(new[0]["data"])["_id"], new[0]["sluice-id"], "id beside and inside")
        record = {"n": "1", "_hop": int(new[0]["sluice-hop"])}
    new, run = r.send([record])
    c.equal(new, [], "a fifth queue")
    c.equal(run.status, 1, "a refusal is a loss")
    c.equal(run.count("queue", "lab/q", "too_many_hops"), 1, "and has its name")
    c.healthy(run, "the fifth")


def main(binary):
    c = Checks()
    with tempfile.TemporaryDirectory() as folder:
        redis = Redis(folder)
        try:
            r = Round(binary, folder, redis)
            go_round(c, r)
            new, _ = r.send([{"n": "1", "_hop": h} for h in ("2", "x", -1, 1.5, None, 1)], ", hops_max: 2")
            c.equal([e["sluice-hop"] for e in new], ["1", "1", "1", "1", "2"], "what is no number begins anew")
        finally:
            redis.end()
    return c.done()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    if not shutil.which("redis-server"):
        print("not installed: redis-server")
        sys.exit(1 if os.environ.get("CI") == "true" else SKIP)
    sys.exit(main(os.path.abspath(sys.argv[1])))
