#!/usr/bin/env python3
"""An hour of hostile and good traffic against `sluiced run`, by hand: memory stays flat, the ledger balances.

    SOAK_SECONDS=3600 [SL_SHARED=FOLDER] python3 tests/support/soak.py build/asan/sluiced

As root, best with a build under AddressSanitizer. soak_traffic.py sends into a veth; beside it sinks stall, answer
nonsense and go away, the pipeline is reloaded, dimensions change, and clients of the API do what clients should not.
Every minute prints memory and what the ledger says. Exit status 1: memory grew, a row did not balance, the status
was `unbalanced`, it ended before it was told to, or a sanitizer spoke up.
"""
import http.server
import json
import os
import random
import signal
import socket
import socketserver
import statistics
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from sluice import Checks  # noqa: E402
from wire import Veth, end, sh  # noqa: E402

VETH = Veth("sluicesoak")
SECONDS = int(os.environ.get("SOAK_SECONDS", "3600"))
RATE = int(os.environ.get("SOAK_RATE", "4000"))
TOLD_EVERY_S = float(os.environ.get("SOAK_TOLD_EVERY", "60"))
HEAD = """
capture: {{ ports: [{{ device: "net_af_packet0,iface=v1" }}] }}
api: {{ socket: {folder}/control.sock }}
flow: {{ sessions_max: 10000, memory_bytes_max: 32MiB, segment_bytes_max: 1MiB, tcp_idle: 60s }}
frame: {{ carry_bytes_max: 32MiB }}
decode: {{ fragment_bytes_max: 16MiB }}
spool: {{ dir: {folder}/spool, bytes_max: 16MiB, segment_bytes: 1MiB, full: drop_oldest }}
dead_letters: {{ dir: {folder}/dlq, bytes_max: 16MiB, segment: 1MiB, age_max: 120s }}
sources:
  syslog: {{ match: {{ udp: 514, tcp: [514, 601] }}, parser: syslog }}
  web:    {{ match: {{ tcp: [80, 8080] }}, parser: http1 }}
  lines:  {{ match: {{ udp: 5170, tcp: 5170 }}, parser: lines }}
  db:     {{ match: {{ tcp: [3306, 3307] }}, parser: mysql }}
dimensions:
  d: {{ from: {{ file: {{ path: {folder}/d.csv }} }}, key: k, fields: {{ title: string }} }}
sinks:
  files: {{ file: {{ path: "{folder}/out-%n.zst", compress: zstd, rotate_bytes: 1MiB }} }}
  redis: {{ redis: {{ url: "redis://127.0.0.1:6399", length_max: 10000, timeout: 2s }} }}
  table: {{ clickhouse: {{ url: "http://127.0.0.1:8199", timeout: 1s }} }}
  topic: {{ kafka: {{ brokers: "127.0.0.1:9099", timeout: 5s }} }}
  none:  {{ "null": {{}} }}
queues:
  soak/all:    {{ from: [syslog, web, db], sink: files }}
  soak/redis:  {{ from: safe, sink: redis }}
  soak/table:  {{ from: once, sink: table }}
  soak/topic:  {{ from: sums, sink: topic }}
  soak/backed: {{ from: rich, sink: table, backup: none, switch_after: 3s, return_after: 3s }}
"""
PIPELINE = """
pipeline:
  once: {{ op: dedup, from: lines, key: uid, window: 1m, entries_max: 20000 }}
  rich: {{ op: enrich, from: lines, dimension: d, key: uid, missing: hold, hold: 2s }}
  safe: {{ op: mask, from: {safe}, secret: "soak-soak-soak-soak", fields: {{ message: truncate 200 }} }}
  sums:
    op: aggregate
    from: {safe}
    window: {window}
    group_by: {{ who: "{group}" }}
    aggregates: {{ n: "count(*)" }}
    groups_max: 5000
"""
VARIANTS = ({"safe": "syslog", "window": "1s", "group": "message"}, {"safe": "syslog", "window": "2s", "group": "_src"})


class Answers(http.server.BaseHTTPRequestHandler):
    """ClickHouse on its bad days: it answers, fails, is silent, or closes the connection in the middle."""
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        mood = int(time.monotonic() / 20) % 4
        if mood == 1:
            time.sleep(3)
        if mood == 2:
            self.send_response(503)
            self.send_header("Content-Length", "5")
            self.end_headers()
            self.wfile.write(b"sorry")
        elif mood == 3:
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf")
            self.close_connection = True
        else:
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

    def do_GET(self):
        self.do_POST()

    def log_message(self, *_):
        pass

    def handle(self):
        try:
            super().handle()
        except OSError:
            pass


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True


def serve():
    """Runs inside the namespace: the false ClickHouse, and a false broker that takes and never answers."""
    threading.Thread(target=Server(("127.0.0.1", 8199), Answers).serve_forever, daemon=True).start()
    broker = socket.create_server(("127.0.0.1", 9099))
    held = []
    while True:
        held.append(broker.accept()[0])
        if len(held) > 20:
            held.pop(0).close()


class Soak:
    def __init__(self, binary, folder):
        self.folder, self.config = folder, os.path.join(folder, "soak.yaml")
        self.ctl = os.path.join(os.path.dirname(binary), "sluicectl")
        self.sock = os.path.join(folder, "control.sock")
        self.ledger = os.path.join(folder, "ledger.json")
        self.ended, self.counts, self.faults = threading.Event(), {}, []
        self.write(0)
        self.change_rows(0)
        self.log = open(os.path.join(folder, "log"), "w+", encoding="utf-8", errors="replace")
        env = dict(os.environ, ASAN_OPTIONS="quarantine_size_mb=16:detect_leaks=1")
        own = VETH.ns(sys.executable, os.path.abspath(__file__), "--serve")
        self.others = [subprocess.Popen(own), self.redis()]
        self.p = subprocess.Popen(VETH.ns(binary, "run", "-c", self.config, "--ledger", self.ledger), env=env,
                                  stderr=self.log, stdout=self.log)
        for _ in range(300):
            if os.path.exists(self.sock) or self.p.poll() is not None:
                break
            time.sleep(0.1)

    def redis(self):
        return subprocess.Popen(VETH.ns("redis-server", "--bind", "127.0.0.1", "--port", "6399", "--save", "",
                                        "--dir", self.folder), stdout=subprocess.DEVNULL)

    def write(self, n, tail=""):
        with open(self.config, "w", encoding="utf-8") as f:
            f.write((HEAD + PIPELINE).format(folder=self.folder, **VARIANTS[n % 2]) + tail)

    def change_rows(self, n):
        path = os.path.join(self.folder, "d.csv")
        with open(path + ".new", "w", encoding="utf-8") as f:
            f.write("k,title\n" + "".join(f"u{i},title {i} of {n}\n" for i in range(100)))
        os.rename(path + ".new", path)

    def count(self, what):
        self.counts[what] = self.counts.get(what, 0) + 1

    def ask(self, *args):
        p = subprocess.run([self.ctl, "--json", "--socket", self.sock, *args], capture_output=True, text=True,
                           timeout=60, check=False)
        return json.loads(p.stdout) if p.stdout else {"error": p.stderr}

    def change(self):
        """Reloads, new rows, orders to queues, files that are taken away."""
        n = 0
        while not self.ended.wait(7):
            n += 1
            self.change_rows(n)
            self.write(n, "queues: [\n" if n % 5 == 0 else "")
            self.count(f"reload {self.ask('reload').get('state')}")
            self.ask("queue", ("pause", "resume")[n % 2], "soak/redis")
            self.ask("queue", "switch", "soak/backed", ("table", "none")[n % 2])
            files = sorted(f for f in os.listdir(self.folder) if f.startswith("out-"))
            for name in files[:-3]:
                os.unlink(os.path.join(self.folder, name))

    def stall(self):
        """Redis stands still, goes on, and is killed."""
        n = 0
        while not self.ended.wait(11):
            n += 1
            if n % 4 == 0:
                self.others[1].kill()
                self.others[1].wait()
                self.others[1] = self.redis()
            else:
                os.kill(self.others[1].pid, (signal.SIGSTOP, signal.SIGCONT)[n % 2])

    def abuse(self, seed):
        """A client that says too much, too little, or nonsense."""
        rng = random.Random(seed)
        slow = []
        while not self.ended.wait(0.05):
            try:
                s = socket.socket(socket.AF_UNIX)
                s.settimeout(15)
                s.connect(self.sock)
                kind = rng.randrange(6)
                if kind == 0:
                    s.sendall(rng.randbytes(rng.randrange(5000)))
                elif kind == 1:
                    s.sendall(b"GET /v1/status?" + b"x" * 100000 + b" HTTP/1.1\r\n\r\n")
                elif kind == 2:
                    s.sendall(b"POST /v1/reload HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n" + b"x" * 5000)
                elif kind == 3 and len(slow) < 60:
                    s.sendall(b"GET /v1/sta")
                    slow.append(s)
                    continue
                else:
                    path = rng.choice(("ledger", "status", "config", "top", "nothing", "queues", "streams"))
                    s.sendall(f"GET /v1/{path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
                    if kind == 4:
                        s.recv(rng.randrange(1, 5000))  # and goes away in the middle
                s.close()
                if len(slow) == 60:
                    slow.pop(0).close()
            except OSError:
                self.count("clients cut off")

    def rss_mib(self):
        with open(f"/proc/{self.p.pid}/status", encoding="utf-8") as f:
            return int(next(line for line in f if line.startswith("VmRSS")).split()[1]) / 1024

    def watch(self):
        sizes, begin = [], time.monotonic()
        while time.monotonic() - begin < SECONDS and self.p.poll() is None:
            time.sleep(TOLD_EVERY_S)
            if self.p.poll() is not None:
                break
            status = self.ask("status")
            sizes.append(self.rss_mib())
            if status.get("state") == "unbalanced":
                self.faults.append(f"unbalanced: {status}")
            print(f"{time.monotonic() - begin:6.0f} s  {sizes[-1]:7.1f} MiB  {status.get('state')}  "
                  f"packets {status.get('packets')}  written {status.get('written')}  lost {status.get('lost')}  "
                  f"{self.counts}", flush=True)
        return sizes

    def run(self, checks, sent_by):
        threads = [threading.Thread(target=t, args=a) for t, a in
                   ((self.change, ()), (self.stall, ()), (self.abuse, (1,)), (self.abuse, (2,)))]
        for t in threads:
            t.start()
        sizes = self.watch()
        self.ended.set()
        for t in threads:
            t.join()
        print(f"{end(sent_by)} sender; {sent_by.stdout.read().strip()} packets sent")
        early = self.p.poll()
        checks.equal(early, None, "it runs until it is told to end")
        self.p.send_signal(signal.SIGTERM)
        status = self.p.wait(timeout=120)
        for p in self.others:
            p.send_signal(signal.SIGCONT)
            end(p)
        self.judge(checks, status, sizes)

    def judge(self, checks, status, sizes):
        self.log.seek(0)
        log = self.log.read()
        print(log[-3000:])
        checks.check(status in (0, 1), f"exit status {status}")
        for word in ("AddressSanitizer", "runtime error", "LeakSanitizer", "DOES NOT BALANCE"):
            checks.check(word not in log, f"{word}: {log[log.find(word) - 200:][:3000] if word in log else ''}")
        checks.equal(self.faults, [], "the ledger balanced all the while")
        with open(self.ledger, encoding="utf-8") as f:
            ledger = json.load(f)
        checks.equal([r for r in ledger["rows"] if r["imbalance"]], [], "every row balances at the end")
        packets = next(r for r in ledger["rows"] if r["stage"] == "capture")["in"]
        checks.check(sum(packets.values()) > 0, "packets came")
        # Pools and quarantines keep the most that they ever held, and have limits: two thirds of the time fill them;
        # what still grows in the last third, by more than noise, has none.
        rest = sizes[len(sizes) * 2 // 3:]
        early, late = statistics.median(rest[:len(rest) // 2]), statistics.median(rest[len(rest) // 2:])
        checks.check(late <= early * 1.01 + 2, f"memory grew from {early:.1f} to {late:.1f} MiB")
        print(f"memory: {early:.1f} MiB after two thirds, {late:.1f} MiB at the end; most {max(sizes):.1f}")


def main():
    if sys.argv[1:] == ["--serve"]:
        serve()
    binary, checks = os.path.abspath(sys.argv[1]), Checks()
    traffic = os.path.join(os.path.dirname(os.path.abspath(__file__)), "soak_traffic.py")
    shared = os.environ.get("SL_SHARED")
    VETH.up()
    try:
        for link in ("v0", "v1"):
            sh(*VETH.ns("ip", "link", "set", link, "mtu", "9200"))
        with tempfile.TemporaryDirectory() as folder:
            soak = Soak(binary, folder)
            sender = subprocess.Popen(VETH.ns(sys.executable, traffic, "v0", str(RATE),
                                              *([shared + "/data"] if shared else [])), stdout=subprocess.PIPE, text=True)
            soak.run(checks, sender)
    finally:
        VETH.down()
    checks.done()


if __name__ == "__main__":
    main()
