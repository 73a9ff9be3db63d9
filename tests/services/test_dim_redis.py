#!/usr/bin/env python3
"""A dimension in a real Redis: loaded, changed, deleted, expired, swept, while Redis comes and goes.

    test_dim_redis.py SLUICED

Redis and sluiced run in a network namespace with a veth pair; records that ask for keys are sent over it.
"""
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from live import Live  # noqa: E402
from pcaplib import BASE_NS, ethernet, udp, write_pcap  # noqa: E402
from sluice import SKIP, Checks, replay  # noqa: E402
from wire import Veth, sh  # noqa: E402

VETH = Veth("sluicedim", "veth-s", "veth-r", "10.96.0")
SECRET = "kept-quiet-7"
CONFIG = """
capture: {{ ports: [{{ device: "net_af_packet0,iface=veth-r" }}] }}
sources: {{ app: {{ match: {{ udp: 5140 }}, parser: lines }} }}
dimensions:
  video:
    from: {{ redis: {{ {redis} }} }}
    fields: {{ name: string, n: int }}
    every: 100ms
pipeline: {{ rich: {{ op: enrich, from: app, dimension: video, key: k{more} }} }}
sinks: {{ out: {{ stdout: {{}} }} }}
queues: {{ lab/rich: {{ from: rich, sink: out }} }}
"""
SENDER = """
import socket
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
u.sendto({text!r}, ("10.96.0.2", 5140))
"""


def encode(*words):
    out = [b"*%d\r\n" % len(words)]
    for w in words:
        w = w if isinstance(w, bytes) else str(w).encode()
        out.append(b"$%d\r\n%s\r\n" % (len(w), w))
    return b"".join(out)


class Redis:
    def __init__(self, folder):
        self.folder, self.socket, self.p = folder, os.path.join(folder, "redis.sock"), None

    def start(self, *options):
        self.p = subprocess.Popen(
            VETH.ns("redis-server", "--port", "6379", "--bind", "127.0.0.1", "--unixsocket", self.socket, "--dir",
                  self.folder, "--dbfilename", "kept.rdb", "--save", "3600 1", *options),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(200):
            try:
                if self.ask("PING") == b"+PONG\r\n":
                    return
            except OSError:
                pass
            time.sleep(0.05)
        raise RuntimeError("Redis does not start")

    def ask(self, *words):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(10)
            s.connect(self.socket)
            s.sendall(encode(*words))
            return s.recv(65536)

    def fill(self, n):
        """@n hashes big:I of 100 bytes, in one stream."""
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(self.socket)
            for first in range(0, n, 2000):
                s.sendall(b"".join(encode("HSET", f"big:{i}", "name", f"{i:088d}", "n", f"{i:08d}")
                                   for i in range(first, min(first + 2000, n))))
                want, got = 4 * min(2000, n - first), 0
                while got < want:
                    got += len(s.recv(65536))

    def end(self):
        """Keeps what it has, in a file, for the next start."""
        if self.p:
            self.p.send_signal(signal.SIGTERM)
            self.p.wait(timeout=60)
            self.p = None


class Running(Live):
    """sluiced run; asks are records, answered by the fields that they come out with."""

    def __init__(self, lab, redis_options, more=""):
        super().__init__(lab.binary, lab.folder, CONFIG.format(redis=redis_options, more=more), VETH.ns())
        self.n = 0
        self.started("net_af_packet0,iface=veth-r")

    def ask(self, key, meanwhile=None):
        self.n += 1
        text = json.dumps({"ask": self.n, "k": key}).encode() + b"\n"
        sh(*VETH.ns(sys.executable, "-c", SENDER.format(text=text)))
        if meanwhile:
            time.sleep(0.5)
            meanwhile()
        for _ in range(200):
            for line in self.text(0).splitlines(keepends=True):
                if line.endswith(b"\n"):
                    r = json.loads(line)
                    if r.get("ask") == self.n:
                        return (r["name"], r["n"])
            time.sleep(0.02)
        return "no answer"

    def becomes(self, key, want, seconds=8):
        """The answer, once it is @want, or when the time is over."""
        end = time.monotonic() + seconds
        while True:
            got = self.ask(key)
            if got == want or time.monotonic() > end:
                return got


class Lab:
    def __init__(self, binary, folder, checks):
        self.binary, self.folder, self.checks = binary, folder, checks
        self.redis = Redis(folder)

    def replay(self, redis_options, *keys):
        conf, pcap = os.path.join(self.folder, "replay.yaml"), os.path.join(self.folder, "in.pcap")
        with open(conf, "w", encoding="utf-8") as f:
            f.write(CONFIG.format(redis=redis_options, more=""))
        write_pcap(pcap, [(BASE_NS + i, ethernet(udp("10.0.0.1", 999, "10.0.0.2", 5140,
                                                     json.dumps({"k": k}).encode() + b"\n")))
                          for i, k in enumerate(keys)])
        return replay(self.binary, pcap, "-c", conf)


def told_of_changes(lab):
    c, redis = lab.checks, lab.redis
    redis.ask("HSET", "video:a", "name", "first", "n", "1", "other", "x")
    redis.ask("HSET", "video:b", "name", "second")
    redis.ask("SET", "video:odd", "no hash")
    run = Running(lab, 'url: "redis://127.0.0.1/0", keys: "video:*", sweep: 1h')
    c.equal(run.ask("a"), ("first", 1), "a key of the first load")
    c.equal(run.ask("b"), ("second", None), "a hash without a field has null")
    c.equal(run.ask("odd"), (None, None), "a key that is no hash is none")
    redis.ask("HSET", "video:a", "name", "changed", "n", "2")
    c.equal(run.becomes("a", ("changed", 2)), ("changed", 2), "a change is seen")
    redis.ask("HSET", "video:new", "name", "born", "n", "x")
    c.equal(run.becomes("new", ("born", None)), ("born", None), "a new key is seen")
    redis.ask("DEL", "video:b")
    c.equal(run.becomes("b", (None, None)), (None, None), "a deleted key is gone")
    redis.ask("PEXPIRE", "video:new", "50")
    c.equal(run.becomes("new", (None, None)), (None, None), "an expired key is gone")
    redis.ask("RENAME", "video:a", "video:z")
    c.equal(run.becomes("z", ("changed", 2)), ("changed", 2), "a renamed key is seen")
    c.equal(run.becomes("a", (None, None)), (None, None), "and its old name is gone")
    redis.end()
    c.check(run.says("the rows stay as they were"), f"a Redis that is away is told: {run.text()[-400:]}")
    time.sleep(1)
    c.equal(run.ask("z"), ("changed", 2), "without Redis the last rows stay")
    c.check(run.text().count(b"the rows stay") <= 2, "each kind of failure is told once: broken, refused")
    redis.start("--notify-keyspace-events", "KA")
    redis.ask("HSET", "video:z", "name", "back")
    c.equal(run.becomes("z", ("back", 2), 15), ("back", 2), "Redis is back: its rows are read")
    c.check(run.says("read again"), "that it is back is told")
    r = run.end()
    c.healthy(r, "told of changes")
    c.equal(r.status, 0, f"exit status: {r.err[-600:]}")
    c.check(r.count("dimension", "video", "loads_failed") >= 1, "failures are counted")
    c.check(r.count("dimension", "video", "bad_rows") >= 1, "a key of another type is counted")
    c.equal(r.count("dimension", "video", "keys"), 1, "keys at the end")


def swept(lab):
    c, redis = lab.checks, lab.redis
    redis.ask("CONFIG", "SET", "notify-keyspace-events", "")
    redis.ask("FLUSHDB")
    redis.ask("SET", "j/1/x", '{"name":{"a":[1]},"n":5}')
    redis.ask("SET", "j/2/x", '{"name":')
    run = Running(lab, f'url: "unix://{redis.socket}", keys: "j/*/x", value: json, sweep: 500ms')
    c.check(run.says("CONFIG SET notify-keyspace-events KA"), f"how to be told of changes is said: {run.text()}")
    c.equal(run.ask("1"), ('{"a":[1]}', 5), "a string of JSON")
    c.equal(run.ask("2"), (None, None), "a string that is none")
    redis.ask("SET", "j/1/x", '{"name":"swept"}')
    c.equal(run.becomes("1", ("swept", None)), ("swept", None), "a sweep finds changes")
    redis.ask("FLUSHDB")
    c.equal(run.becomes("1", (None, None)), (None, None), "and keys that are gone")
    c.healthy(run.end(), "swept")
    redis.ask("CONFIG", "SET", "notify-keyspace-events", "KA")


def held(lab):
    """A fact that comes before its key waits for it."""
    c, redis = lab.checks, lab.redis
    redis.ask("HSET", "video:a", "name", "first")
    run = Running(lab, 'keys: "video:*"', ", missing: hold, hold: 2s, then: \"null\"")
    c.equal(run.ask("late", lambda: redis.ask("HSET", "video:late", "name", "just now")), ("just now", None),
            "a record gets the key that comes after it")
    begin = time.monotonic()
    c.equal(run.ask("never"), (None, None), "a record whose key does not come goes on without")
    c.check(1.5 < time.monotonic() - begin < 15, f"after its time: {time.monotonic() - begin:.1f} s")
    r = run.end()
    c.healthy(r, "held")
    c.equal(r.count("enrich", "rich", "late_hits"), 1, "late hits are counted")


def refused(lab):
    c, redis = lab.checks, lab.redis
    redis.ask("HSET", "video:a", "name", "first")
    redis.ask("CONFIG", "SET", "requirepass", SECRET)
    at, pattern = f'url: "unix://{redis.socket}"', 'keys: "video:*"'
    secret = os.path.join(lab.folder, "secret")
    with open(secret, "w", encoding="ascii") as f:
        f.write(SECRET + "\nsecond line\n")
    os.mkfifo(secret + ".pipe")
    for more, want in [("", "NOAUTH"), (f", password_file: {secret}.pipe", "no regular file"), (", password: wrong-99", "WRONGPASS"), (", password_file: none", "none: No such"),
                       (", password_env: SL_NO_SUCH", "no variable is named SL_NO_SUCH"),
                       (f", password: x, password_file: {secret}", "expected one of password")]:
        r = lab.replay(f"{at}, {pattern}{more}", "a")
        c.equal(r.status, 2, f"{more!r}: exit status")
        c.check(want in r.err and "replay.yaml:" in r.err and "wrong-99" not in r.err,
                f"{more!r}: expected {want!r} in {r.err[-400:]!r}")
    os.environ["SL_TEST_SECRET"] = SECRET
    for more in (f", password: {SECRET}", f", password_file: {secret}", ", password_env: SL_TEST_SECRET"):
        r = lab.replay(f"{at}, {pattern}{more}", "a", "b")
        c.equal([x["name"] for x in r.records], ["first", None], f"{more!r}: a replay has the rows: {r.err[-300:]}")
    redis_away = [('url: "redis://127.0.0.1:1", keys: "a*"', "refused"), ('url: "http://x", keys: "a*"', "expected redis://"),
                  ('url: "redis://me:pw@x", keys: "a*"', "password_file"), ('keys: "a?*"', "expected text with one *"),
                  ('keys: "a"', "expected text with one *"), ('url: "rediss://x", keys: "a*"', "TLS")]
    for options, want in redis_away:
        r = lab.replay(options, "a")
        c.equal(r.status, 2, f"{options}: exit status")
        c.check(want in r.err, f"{options}: expected {want!r} in {r.err[-300:]!r}")
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(redis.socket)
        s.sendall(encode("AUTH", SECRET) + encode("CONFIG", "SET", "requirepass", ""))
        time.sleep(0.3)


def million(lab):
    """Memory is told by perf/bench_dim; here all of them must come, in time."""
    with open(lab.binary, "rb") as f:
        sanitized = b"__asan_init" in f.read()
    n = 100000 if sanitized else 1000000
    lab.redis.ask("FLUSHDB")
    lab.redis.fill(n)
    begin = time.monotonic()
    r = lab.replay(f'url: "unix://{lab.redis.socket}", keys: "big:*"', "5", str(n - 1), str(n))
    print(f"{n} keys in {time.monotonic() - begin:.1f} s")
    lab.checks.equal([x["n"] for x in r.records], [5, n - 1, None], f"{n} keys: {r.err[-300:]}")
    lab.checks.equal(r.count("dimension", "video", "keys"), n, "all keys are there")


def main():
    binary = os.path.abspath(sys.argv[1])
    for part in ("redis-server", "ip"):
        if not shutil.which(part):
            print(f"skipped: {part} is not installed")
            sys.exit(1 if os.environ.get("CI") == "true" else SKIP)
    if os.geteuid() != 0:
        print("skipped: namespaces need root")
        sys.exit(SKIP)
    checks = Checks()
    with tempfile.TemporaryDirectory() as folder:
        lab = Lab(binary, folder, checks)
        VETH.up()
        try:
            lab.redis.start("--notify-keyspace-events", "KA")
            told_of_changes(lab)
            swept(lab)
            held(lab)
            refused(lab)
            million(lab)
        finally:
            lab.redis.end()
            VETH.down()
    checks.done()


main()
