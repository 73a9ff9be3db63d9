#!/usr/bin/env python3
"""The API and sluicectl beside a `sluiced run` that reads a veth, as an engineer and as a stranger would use them.

Traffic is flooded from the other end of the veth while 1,000 clients ask, so that answers come from snapshots or not
at all.
"""
import http.client
import json
import os
import re
import selectors
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from served import Served  # noqa: E402
from wire import Veth, sh  # noqa: E402

VETH = Veth("sluiceapi")
TOKEN = "0123456789abcdef-secret"
N_LINES = 20000
CLIENTS = 1000
CONFIG = """
capture: {{ ports: [{{ device: "net_af_packet0,iface=v1" }}] }}
api: {{ socket: {folder}/control.sock, listen: "127.0.0.1:18686", token: "{token}" }}
sources: {{ syslog: {{ match: {{ udp: 514 }}, parser: syslog }} }}
spool: {{ dir: {folder}/spool }}
sinks: {{ out: {{ file: {{ path: {folder}/out.ndjson }} }}, spare: {{ file: {{ path: {folder}/spare.ndjson }} }} }}
queues: {{ lab/syslog: {{ from: syslog, sink: out, backup: spare }} }}
"""
SENDER = """
import socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
n, pause = int(sys.argv[1]), float(sys.argv[2])
for i in range(n):
    s.sendto(b"<34>1 2026-11-25T04:43:16Z web-1 su - - - line %d" % i, ("10.9.0.2", 514))
    if i % 50 == 49 and pause: time.sleep(pause)
"""


class Lab(Served):
    def __init__(self, binary, folder):
        super().__init__(binary, folder)
        config = os.path.join(folder, "api.yaml")
        with open(config, "w", encoding="utf-8") as f:
            f.write(CONFIG.format(folder=folder, token=TOKEN))
        self.begin(config, VETH.ns())

    def run(self, *args, user=None):
        return self.sluicectl(*args, js=False, user=user, timeout=30)

    def ask(self, path, method="GET", body=""):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(20)
        s.connect(self.sock)
        try:  # in one piece: what refuses a body does not wait for it
            s.sendall((f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" +
                            (f"Content-Length: {len(body)}\r\n" if body else "") + "\r\n" + body).encode())
        except BrokenPipeError:
            pass
        r = http.client.HTTPResponse(s)
        r.begin()
        data = r.read()
        s.close()
        return r.status, data

    def send(self, n, pause):
        sh(*VETH.ns(sys.executable, "-c", SENDER, str(n), str(pause)))


def look_at_all(lab, checks):
    lab.send(N_LINES, 0.004)
    for _ in range(50):
        status = lab.json("status")
        if status.get("written") == N_LINES:
            break
        time.sleep(0.1)
    checks.equal((status.get("written"), set(status["lost"].values())), (N_LINES, {0}), "status counts every line")
    checks.equal((status["state"], status["why"]), ("ok", []), "status is ok")
    p = lab.run("status")
    checks.equal(p.returncode, 0, "and so says its exit status")
    names = [line[:16] for line in p.stdout.splitlines()]
    checks.equal(sorted(set(names)), sorted(names), "no two lines have one name")
    doc = json.loads(lab.run("openapi").stdout)
    served = json.loads(lab.ask("/v1/openapi.json")[1])
    checks.equal(served, doc, "the API serves the description that sluicectl prints")
    for path, methods in doc["paths"].items():
        for method, op in methods.items():
            needs = [p["name"] for p in op["parameters"] if p["required"]]
            code, data = lab.ask(path, method.upper())
            want = (400, True) if needs else (404, True) if path == "/v1/shadow/stop" else (200, False)  # no shadow runs
            checks.equal((code, "error" in json.loads(data)), want, f"{path} answers")
            if not needs and method == "get":
                p = lab.run(*op["operationId"].split(" "))
                checks.check(p.returncode == 0 and p.stdout, f"sluicectl {op['operationId']} prints for people")
    latency = {(r["stage"], r["scope"]): r for r in lab.json("latency")["rows"]}
    for where in (("record", "worker 0"), ("ack", "lab/syslog")):
        r = latency[where]
        checks.check(r["records"] >= N_LINES and 0 < r["p50_us"] <= r["p99_us"] <= r["max_us"] < 60e6 and
                     sum(r["buckets"].values()) == r["records"], f"latency of {where}: {r}")
    checks.check(latency["ack", "lab/syslog"]["p50_us"] > latency["record", "worker 0"]["p50_us"],
                 "what is acknowledged was a record first")
    queue = lab.json("queues")["rows"][0]
    checks.equal((queue["queue"], queue["records"], queue["lost"]), ("lab/syslog", N_LINES, 0),
                 "the queue has them all")
    checks.equal(TOKEN in lab.run("config").stdout, False, "a secret is never shown")
    ledger = lab.run("ledger")
    checks.check(ledger.returncode == 0 and "balanced: yes; nothing lost" in ledger.stdout, "ledger balances")
    checks.equal(lab.run("complete", "queue", "pause", "l").stdout, "lab/syslog\tqueue\n", "names of queues are completed")
    top = lab.run("top", "--count", "2")
    checks.check(top.returncode == 0 and top.stdout.count("records/s") == 6, "top draws twice")


def leaves_soon(lab, checks):
    """Records do not wait for a batch to be full when nothing else comes."""
    def acked():
        row = next(r for r in lab.json("latency")["rows"] if r["stage"] == "ack" and r["scope"] == "lab/syslog")
        return {int(edge): n for edge, n in row["buckets"].items()}
    before = acked()
    for _ in range(25):
        lab.send(1, 0)
    time.sleep(0.2)
    new = sorted(edge for edge, n in acked().items() for _ in range(n - before.get(edge, 0)))
    checks.equal(len(new), 25, "each record is acknowledged")
    print(f"  a record alone: acknowledged within {new[12] / 1000:.1f} ms (median), {new[-1] / 1000:.1f} ms at most")
    checks.check(new[12] <= 20000, f"a record alone leaves within milliseconds: {new}")


def read_metrics(lab, checks):
    text = lab.run("metrics").stdout
    heads, samples, bad = set(), {}, []
    last = None
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            last = line.split(" ")[2]
            if last in heads:
                bad.append(f"{last} twice")
            heads.add(last)
        elif not line.startswith("#"):
            m = re.fullmatch(r'([a-zA-Z_][a-zA-Z0-9_]*)(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? [0-9.e+-]+', line)
            if not m or re.sub("(latency_seconds)_(bucket|sum|count)$", r"\1", m.group(1)) != last:
                bad.append(line)
            else:
                samples[m.group(1) + (m.group(2) or "")] = float(line.rsplit(" ", 1)[1])
    checks.equal(bad[:3], [], "metrics are Prometheus text")
    checks.equal(samples.get('sluice_sink_records_written_total{scope="lab/syslog"}'), float(N_LINES),
                 "written records are a counter")
    checks.equal(samples.get("sluice_unbalanced_rows"), 0.0, "the ledger balances")


def give_orders(lab, checks):
    def queue(want, key):
        for _ in range(50):
            row = lab.json("queues")["rows"][0]
            if row[key] == want:
                break
            time.sleep(0.1)
        return row
    checks.equal(lab.run("queue", "pause", "lab/syslog").returncode, 0, "a queue is paused")
    lab.send(1000, 0.004)
    row = queue(1000, "spooled")
    checks.equal((row["spooled"], row["written"], row["lost"]), (1000, N_LINES, 0), "what comes goes into the spool")
    checks.equal(lab.run("queue", "resume", "lab/syslog").returncode, 0, "and resumed")
    row = queue(N_LINES + 1000, "written")
    checks.equal((row["spooled"], row["written"]), (0, N_LINES + 1000), "the spool is written first")
    checks.equal(lab.run("queue", "switch", "lab/syslog", "spare").returncode, 0, "it is switched to its backup")
    lab.send(1000, 0.004)
    row = queue(N_LINES + 2000, "written")
    checks.equal((row["sink"], row["written"], row["lost"]), ("spare", N_LINES + 2000, 0), "where the rest goes")
    checks.equal(lab.run("queue", "switch", "lab/syslog", "out").returncode, 0, "and back")
    p = lab.run("queue", "switch", "lab/syslog", "nowhere")
    checks.equal((p.returncode, "expected out or spare" in p.stderr), (2, True), "a sink that is not its own")
    p = lab.run("queue", "pause", "lab/nothing")
    checks.equal((p.returncode, "no queue is named lab/nothing" in p.stderr), (2, True), "no such queue")
    checks.equal(lab.run("queue", "pause", "lab/syslog", user="nobody").returncode, 2, "a stranger orders nothing")


def try_the_wrong_thing(lab, checks):
    nobody = lab.run("status", user="nobody")
    checks.equal((nobody.returncode, "members of the groups sluice and sluice-admin" in nobody.stderr), (2, True),
                 "a user of no group is refused by name")
    for what, args, code, text in (
            ("an unknown argument", ("/v1/status?x=1",), 400, "status takes no such argument"),
            ("an unknown command", ("/v1/launch",), 404, "no such command"),
            ("bytes that are no text", ("/v1/%ff%fe%00",), 404, "no such command"),
            ("a way out of the tree", ("/v1/../../etc/passwd",), 404, "no such command"),
            ("POST to what only looks", ("/v1/status", "POST"), 405, "expected GET"),
            ("a body", ("/v1/status", "POST", "x" * 100), 413, "no command has a body")):
        status, data = lab.ask(*args)
        checks.equal((status, text in json.loads(data)["error"]), (code, True), f"{what} is refused")
    try:
        status = lab.ask("/v1/status?" + "x" * 100000)[0]
    except OSError:  # cut off before it had sent all
        status = 414
    checks.check(status in (400, 414, 431), "an endless line is refused")
    for raw in (b"\0" * 4096, b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\xff" * 50 + b"\r\n\r\n"):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(15)
        s.connect(lab.sock)
        s.sendall(raw)
        try:
            while s.recv(65536):
                pass
        except OSError:
            pass
        s.close()
    checks.equal(lab.ask("/v1/status")[0], 200, "and it lives on")
    unknown = lab.run("launch")
    for slip, said in (("stats", 'did you mean "status"?'), ("replay", "replay: is a command of sluiced")):
        checks.check(said in lab.run(slip).stderr, f"sluicectl {slip}: {said}")
    checks.equal((unknown.returncode, "launch: no such command" in unknown.stderr), (2, True),
                 "sluicectl knows what it does not know")


def try_tcp(lab, checks):
    def curl(*args):
        return sh(*VETH.ns("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", *args,
                         "http://127.0.0.1:18686/v1/status"), check=False).stdout
    checks.equal(curl(), "401", "TCP wants the token")
    checks.equal(curl("-H", f"Authorization: Bearer {TOKEN[:-1]}x"), "401", "the right one")
    checks.equal(curl("-H", f"Authorization: Bearer {TOKEN}"), "200", "and takes it")


STRANGER = """
import socket, sys, time
held = []
for _ in range(int(sys.argv[2])):
    s = socket.socket(socket.AF_UNIX)
    s.connect(sys.argv[1])
    held.append(s)
print("ready", flush=True)
while True:
    for s in held:
        try: s.send(b"G")  # and never the rest
        except OSError: pass
    time.sleep(2)
"""
REQUEST = b"GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n"


def a_crowd_of_strangers(lab, checks):
    """A user of no group connects 900 times and dribbles: who may ask still is answered at once."""
    code = ("import os,socket,sys,time;os.setgroups([]);os.setgid(65534);os.setuid(65534);"
            "exec(sys.argv.pop(1))")
    p = subprocess.Popen([sys.executable, "-c", code, STRANGER, lab.sock, "900"], stdout=subprocess.PIPE, text=True)
    p.stdout.readline()
    times = []
    for _ in range(20):
        begin = time.monotonic()
        checks.check(lab.ask("/v1/status")[0] == 200, "a member is answered beside strangers that hold the socket")
        times.append(time.monotonic() - begin)
    p.kill()
    p.wait()
    checks.check(max(times) < 10, f"and soon: {max(times):.3f} s")


def malformed_and_oversize(lab, checks):
    """Each is answered by a number or by the end of the connection, and none takes anything from the next."""
    head = b"GET /v1/status HTTP/1.1\r\nHost: x\r\n"
    for what, raw in (("20,000 bytes of one header", head + b"A: " + b"b" * 20000 + b"\r\n\r\n"),
                      ("4,000 headers", head + b"A: b\r\n" * 4000 + b"\r\n"),
                      ("a head without an end", head + b"A: " + b"b" * 60000),
                      ("a length that is no number", head + b"Content-Length: -1\r\n\r\n"),
                      ("two lengths", head + b"Content-Length: 0\r\nContent-Length: 5\r\n\r\nxxxxx"),
                      ("chunks of a size that is none", b"POST /v1/reload HTTP/1.1\r\nHost: x\r\n"
                       b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n"),
                      ("a method of 5,000 bytes", b"G" * 5000 + b" / HTTP/1.1\r\n\r\n"),
                      ("a NUL in the path", b"GET /v1/sta\0tus HTTP/1.1\r\nHost: x\r\n\r\n"),
                      ("the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(5)
        s.connect(lab.sock)
        got = b""
        try:
            s.sendall(raw)
            s.shutdown(socket.SHUT_WR)
            while len(got) < 100000 and (piece := s.recv(65536)):
                got += piece
        except OSError as e:
            checks.check(not isinstance(e, TimeoutError), f"{what}: neither an answer nor an end")
        s.close()
        checks.check(not got or (got.startswith(b"HTTP/1.") and b" 200 " not in got.split(b"\r\n")[0]),
                     f"{what} is no request: {got[:80]}")
    checks.equal(lab.ask("/v1/status")[0], 200, "the next one is served")


def a_thousand_at_once(lab):
    """1,000 connections stay open and each asks twice, within six seconds. The times
    from a request to its answer, of one thread, so that what is measured is not this program's."""
    waits = selectors.DefaultSelector()
    crowd, times, codes = [], [], set()
    for _ in range(CLIENTS):
        s = socket.socket(socket.AF_UNIX)
        s.connect(lab.sock)
        s.setblocking(False)
        waits.register(s, selectors.EVENT_READ)
        crowd.append(s)
    time.sleep(1)  # until all are taken in
    begun, asked, begin, n = {}, 0, time.monotonic(), 2 * CLIENTS
    while len(times) < n and time.monotonic() - begin < 60:
        due = min(n, int((time.monotonic() - begin) * n / 6))
        while asked < due and crowd[asked % CLIENTS] not in begun:
            s = crowd[asked % CLIENTS]
            begun[s] = time.monotonic()
            s.send(REQUEST)
            asked += 1
        for key, _ in waits.select(0.001):
            head = key.fileobj.recv(65536)
            if not head:
                waits.unregister(key.fileobj)
                codes.add("cut off")
            elif key.fileobj in begun:
                codes.add(head.split(b" ")[1])
                times.append(time.monotonic() - begun.pop(key.fileobj))
    for s in crowd:
        s.close()
    return times, codes, n


def a_thousand_clients(lab, checks):
    """All connected at once, some of them slow, while the port is flooded."""
    slow = []
    for _ in range(20):
        s = socket.socket(socket.AF_UNIX)
        s.connect(lab.sock)
        s.sendall(b"GET /v1/sta")
        slow.append(s)
    flood = subprocess.Popen(VETH.ns(sys.executable, "-c", SENDER, "10000000", "0"))
    time.sleep(0.5)
    times, codes, n = a_thousand_at_once(lab)
    flood.kill()
    flood.wait()
    for s in slow:
        s.close()
    times.sort()
    checks.equal((len(times), codes), (n, {b"200"}), "a thousand clients are answered")
    median, p99 = times[len(times) // 2] * 1e3, times[len(times) * 99 // 100] * 1e3
    print(f"  1,000 clients, port flooded: median {median:.1f} ms, 99 % {p99:.1f} ms, most {times[-1] * 1e3:.0f} ms")
    # 100 ms on a machine of its own; here tests share two cores, and the build checks itself.
    checks.check(median < 2000 and p99 < 5000, f"soon: median {median:.1f} ms, 99 % {p99:.1f} ms")


def run(binary, folder, checks):
    lab = Lab(binary, folder)
    look_at_all(lab, checks)
    read_metrics(lab, checks)
    give_orders(lab, checks)
    leaves_soon(lab, checks)
    try_the_wrong_thing(lab, checks)
    malformed_and_oversize(lab, checks)
    a_crowd_of_strangers(lab, checks)
    try_tcp(lab, checks)
    a_thousand_clients(lab, checks)
    status, log, _ = lab.finish()
    # A flood from another core may be more than this machine reads: said, and no error of the API.
    checks.check(status in (0, 1), "it ends by itself")
    checks.equal(os.path.exists(lab.sock), False, "and takes its socket away")
    checks.check("balanced: yes" in log, "the ledger balances at the end")


if __name__ == "__main__":
    VETH.main(run)
