#!/usr/bin/env python3
"""The Redis sink and a real Redis: what was read from a capture is in the stream, once and in order, whatever Redis
does meanwhile; and where it cannot be, the ledger says how much and why.

    test_redis_sink.py SLUICED
"""
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from lines_capture import Numbered, make_capture  # noqa: E402
from sluice import SKIP, Checks, replay  # noqa: E402

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "scripts", "services", "redis.sh")
N_LARGE, N_SLOW = 100_000, 40_000
CONFIG = """
sources:
  lines: {{ match: {{ udp: 5170 }}, parser: lines }}
sinks:
  r: {{ redis: {{ url: "redis://127.0.0.1:{port}", {options} }} }}
queues:
{queues}
"""


class Redis:
    def __init__(self, folder, port):
        self.folder, self.port, self.p = folder, port, None

    def start(self, *options):
        with open(os.path.join(self.folder, "redis.log"), "ab") as log:
            self.p = subprocess.Popen([SCRIPT, "run", os.path.join(self.folder, "redis"), str(self.port), *options],
                                      stdout=log, stderr=log)
        for _ in range(400):
            try:
                if self.ask("PING") == "PONG":
                    return
            except OSError:
                pass
            time.sleep(0.05)
        raise RuntimeError("Redis does not start")

    def end(self, number=signal.SIGTERM):
        if self.p:
            self.p.send_signal(signal.SIGCONT)
            self.p.send_signal(number)
            self.p.wait(timeout=30)
        self.p = None

    def ask(self, *words):
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as s, s.makefile("rb") as f:
            s.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in map(str.encode, words)))
            return self.answer(f)

    def answer(self, f):
        line = f.readline()
        if not line:
            raise OSError("closed")
        kind, rest = line[:1], line[1:-2]
        if kind == b"$":
            return None if rest == b"-1" else f.read(int(rest) + 2)[:-2].decode()
        if kind == b"*":
            return [self.answer(f) for _ in range(int(rest))]
        return int(rest) if kind == b":" else rest.decode()

    def entries(self, stream):
        """The fields of every entry, in order."""
        after = "-"
        while True:
            page = self.ask("XRANGE", stream, after, "+", "COUNT", "20000")
            if not page:
                return
            for _, fields in page:
                yield dict(zip(fields[::2], fields[1::2]))
            after = "(" + page[-1][0]


class Lab:
    def __init__(self, binary, folder, port):
        self.binary, self.folder, self.t = binary, folder, Checks()
        self.redis = Redis(folder, port)

    def path(self, name):
        return os.path.join(self.folder, name)

    def replay(self, capture, queues, *args, options="timeout: 2s"):
        with open(self.path("sluice.yaml"), "w", encoding="utf-8") as f:
            f.write(CONFIG.format(port=self.redis.port, options=options, queues=queues))
        return replay(self.binary, capture, "-c", self.path("sluice.yaml"), *args, timeout=120)

    def expect_all(self, run, stream, queue, n, what):
        self.t.healthy(run, what)
        self.t.equal(run.status, 0, f"{what}: exit status: {run.err[-400:]}")
        self.t.equal(run.count("sink", queue, "written"), n, f"{what}: written in the ledger: {run.err[-400:]}")
        found = Numbered()
        for e in self.redis.entries(stream):
            for line in e["data"].split("\n"):
                found.add(int(re.search(r'"n":(\d+)', line)[1]))
        found.expect_all(self.t, n, what)

    # -- what is tested --

    def many(self):
        make_capture(self.path("large.pcap"), N_LARGE, 1)
        run = self.replay(self.path("large.pcap"), "  lab/many: { from: lines, sink: r, topic: \"ev:many\" }\n"
                          "  lab/packed: { from: lines, sink: r, pack: 100 }\n")
        self.expect_all(run, "ev:many", "lab/many", N_LARGE, "many")
        self.expect_all(run, "lab.packed", "lab/packed", N_LARGE, "packed")
        self.t.check(self.redis.ask("XLEN", "lab.packed") < N_LARGE / 50, "packed: in few entries")

    def fields(self):
        make_capture(self.path("few.pcap"), 20, 0)
        run = self.replay(self.path("few.pcap"), "  lab/fields: { from: lines, sink: r, key: k, headers: true }\n")
        self.expect_all(run, "lab.fields", "lab/fields", 20, "fields")
        for i, e in enumerate(self.redis.entries("lab.fields")):
            self.t.check(e["key"] == f"key-{i}" and e["sluice-hop"] == "1" and f'"_id":"{e["sluice-id"]}"' in e["data"],
                         f"fields: {e}")

    def shortened(self):
        run = self.replay(self.path("large.pcap"), "  lab/short: { from: lines, sink: r }\n", options="length_max: 5000")
        self.t.equal(run.count("sink", "lab/short", "written"), N_LARGE, "length_max: written")
        n = self.redis.ask("XLEN", "lab.short")
        self.t.check(5000 <= n < 6000, f"length_max: {n} entries are kept")

    def while_it_runs(self, name, meddle, seconds=3):
        capture = self.path("slow.pcap")
        make_capture(capture, N_SLOW, seconds)
        run = self.t.meddled(
            lambda: self.replay(capture, f"  lab/{name}: {{ from: lines, sink: r, key: k }}\n", "--speed", "real"),
            meddle, 1, name)
        self.expect_all(run, f"lab.{name}", f"lab/{name}", N_SLOW, name)
        return run

    def killed(self):
        def meddle():
            self.redis.end(signal.SIGKILL)
            time.sleep(3)
            self.redis.start()
        run = self.while_it_runs("killed", meddle)
        self.t.check("waiting for it" in run.err, f"killed: told that it waits: {run.err[-400:]}")

    def frozen(self):
        def meddle():  # for longer than the sink waits for an answer
            self.redis.p.send_signal(signal.SIGSTOP)
            time.sleep(4)
            self.redis.p.send_signal(signal.SIGCONT)
        self.while_it_runs("frozen", meddle)

    def connections_killed(self):
        """rsyslog/rsyslog#4374: what follows a connection that broke is neither lost nor repeated."""
        def meddle():
            for _ in range(30):
                self.redis.ask("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
                time.sleep(0.05)
        self.while_it_runs("cut", meddle)

    def memory_full(self):
        def meddle():
            self.redis.ask("CONFIG", "SET", "maxmemory", "1")
            time.sleep(3)
            self.redis.ask("CONFIG", "SET", "maxmemory", "0")
        run = self.while_it_runs("full", meddle)
        self.t.check("OOM command not allowed" in run.err, f"memory full: told: {run.err[-400:]}")

    def refused(self):
        few, queue = self.path("few.pcap"), "  lab/refused: { from: lines, sink: r, topic: odd }\n"
        self.redis.ask("SET", "odd", "no stream")
        run = self.replay(few, queue)
        self.t.equal(run.status, 2, "wrong type: exit status")
        self.t.check('queue lab/refused: the key "odd" has a string; expected a stream' in run.err, f"wrong type: {run.err}")
        self.redis.ask("DEL", "odd")
        self.redis.ask("CONFIG", "SET", "requirepass", "right-one")
        run = self.replay(few, queue, options="password: wrong-one")
        self.t.equal(run.status, 2, "wrong password: exit status")
        self.t.check("WRONGPASS" in run.err and "wrong-one" not in run.err, f"wrong password: {run.err}")
        with open(self.path("password"), "w", encoding="ascii") as f:
            f.write("right-one\n")
        run = self.replay(few, queue, options=f"password: \"file:{self.path('password')}\"")
        self.t.equal(run.count("sink", "lab/refused", "written"), 20, f"password of a file: {run.err}")


def main():
    if not shutil.which("redis-server"):
        print("skipped: redis-server is not installed")
        sys.exit(1 if os.environ.get("CI") == "true" else SKIP)
    with tempfile.TemporaryDirectory(prefix="sluice-redis-") as folder:
        lab = Lab(os.path.abspath(sys.argv[1]), folder, 20000 + os.getpid() % 20000)
        try:
            lab.redis.start()
            for scenario in (lab.many, lab.fields, lab.shortened, lab.killed, lab.frozen, lab.connections_killed,
                             lab.memory_full, lab.refused):
                at = time.monotonic()
                scenario()
                print(f"{scenario.__name__}: {time.monotonic() - at:.1f} s", flush=True)
        finally:
            lab.redis.end()
    lab.t.done()


main()
