#!/usr/bin/env python3
"""What a `sluiced run` shows of its sessions and records: `flows`, and a live `tap`.

Sessions of every state are played into a veth, packet by packet, as captures of the field have them.
"""
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from pcaplib import ACK, PSH, Conversation, ethernet, udp  # noqa: E402
from sluice import SKIP, Checks  # noqa: E402
from wire import Veth, end  # noqa: E402

VETH = Veth("sluicese")
CONFIG = """
capture: {{ ports: [{{ device: "net_af_packet0,iface=v1" }}] }}
flow: {{ gap_wait: 200ms, gap_wait_unacked: 400ms }}
api: {{ socket: {folder}/control.sock }}
sources:
  syslog: {{ match: {{ udp: 514 }}, parser: syslog }}
  lines: {{ match: {{ tcp: 5170 }}, parser: lines }}
pipeline:
  odd: {{ op: filter, from: syslog, where: "message LIKE '%{odd}'" }}
  slim: {{ op: project, from: odd, select: "message, upper(hostname) AS host" }}
sinks: {{ out: {{ file: {{ path: {folder}/out.ndjson }} }} }}
queues:
  lab/slim: {{ from: slim, sink: out }}
  lab/lines: {{ from: lines, sink: out }}
"""
# Sends frames out of a namespace: @n times the lines of hexadecimal on standard input.
SENDER = """
import socket, sys, time
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(("v0", 0))
frames = [bytes.fromhex(line) for line in sys.stdin]
for i, f in enumerate(frames):
    s.send(f)
    if i % 50 == 49: time.sleep(0.002)
"""


class Lab:
    def __init__(self, binary, folder, taps=()):
        self.folder, self.ctl = folder, os.path.join(os.path.dirname(binary), "sluicectl")
        self.sock, self.config = folder + "/control.sock", folder + "/see.yaml"
        self.write()
        self.log = open(folder + "/log", "w+", encoding="utf-8")
        self.p = subprocess.Popen(VETH.ns(binary, "run", "-c", self.config, "--ledger", folder + "/ledger.json"),
                                  stderr=self.log, stdout=self.log)
        for _ in range(200):
            if os.path.exists(self.sock) or self.p.poll() is not None:
                break
            time.sleep(0.05)
        time.sleep(0.5)

    def write(self, odd=1):
        with open(self.config, "w", encoding="utf-8") as f:
            f.write(CONFIG.format(folder=self.folder, odd=odd))

    def run(self, *args, js=True):
        return subprocess.run([self.ctl, *(["--json"] if js else []), "--socket", self.sock, *args],
                              capture_output=True, text=True, timeout=30, check=False)

    def json(self, *args):
        p = self.run(*args)
        return json.loads(p.stdout) if p.stdout else {"error": p.stderr}

    def send(self, frames):
        subprocess.run(VETH.ns(sys.executable, "-c", SENDER), input="".join(f.hex() + "\n" for f in frames),
                       text=True, check=True, timeout=60)

    def stop(self):
        status = end(self.p)
        self.log.seek(0)
        with open(self.folder + "/ledger.json", encoding="utf-8") as f:
            return status, self.log.read(), json.load(f)


def syslog(first, n, host="web-1"):
    return [ethernet(udp("10.9.0.1", 40000, "10.9.0.2", 514,
                         f"<34>1 2026-11-25T04:43:16Z {host} su - - - line {i}".encode())) for i in range(first, first + n)]


def conversation(sport, dport=5170):
    out = []
    return out, Conversation(out, "10.9.0.1", sport, "10.9.0.2", dport, 0)


def sessions():
    """Frames of one session of each kind, by the port that the client has."""
    frames = []

    def play(sport, play_on, dport=5170, keep=lambda i: True):
        out, c = conversation(sport, dport)
        play_on(c)
        frames.extend(f for i, (_, f) in enumerate(out) if keep(i))
    play(41001, lambda c: c.send(b"a line\n" * 100))
    play(41002, lambda c: c.send(b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03" + b"\x11" * 160))
    play(41003, lambda c: c.send(b"\x1f\x8b\x08\x00" + b"\x01" * 200))
    play(41004, lambda c: c.send(b"SSH-2.0-OpenSSH_9.2\r\n"), dport=22)
    play(41005, lambda c: c.send(b"late line\n" * 10), keep=lambda i: i > 2)
    play(41006, lambda c: c.send(b"one side\n" * 10), keep=lambda i: i in (0, 2, 3))

    def holed(c):
        c.send(b"before\n")
        c.seq[0] += 700  # sent and acknowledged, and never seen
        c.emit(1, ACK)
        c.send(b"after\n")
        c.emit(0, PSH | ACK, b"more\n")
    play(41007, holed)
    play(41008, lambda c: (c.send(b"plain\n"), c.close()))
    return frames


def see_flows(lab, checks):
    lab.send(sessions())
    for _ in range(50):  # a late session's first bytes, and a hole, are waited for
        if lab.json("flows", "--state", "gaps").get("rows") and len(lab.json("flows", "--source", "lines")["rows"]) == 4:
            break
        time.sleep(0.2)
    reply = lab.json("flows")
    rows = {int(r["client"].split(":")[-1]): r for r in reply["rows"]}
    want = {41001: ("plain", "", "lines"), 41002: ("tls", "", ""), 41003: ("compressed", "", ""),
            41004: ("unknown", "", ""), 41005: ("plain", "late", "lines"), 41006: ("plain", "one-sided", "lines"),
            41007: ("plain", "gaps", "lines")}
    for port, (state, notes, source) in want.items():
        row = rows.get(port, {})
        got = (row.get("state"), row.get("notes"), row.get("source"))
        checks.equal(got, (state, notes, source), f"the session from port {port}")
    checks.equal(41008 in rows, False, "a session that is over is not shown")
    plain, holed = rows[41001], rows[41007]
    checks.equal((plain["bytes_out"], plain["bytes_back"], plain["packets_out"], plain["packets_back"]),
                 (700, 0, 3, 2), "bytes and packets of each way")
    checks.equal((holed["gaps"], holed["gap_bytes"], holed["bytes_out"]), (1, 700, 718), "a gap is told")
    checks.equal((rows[41003]["why"], rows[41002]["why"]), ("compressed as a whole: gzip", "TLS"), "and why")
    sizes = [r["bytes_out"] + r["bytes_back"] for r in reply["rows"]]
    checks.equal(sizes, sorted(sizes, reverse=True), "the largest come first")
    checks.equal([r["client"] for r in lab.json("flows", "--state", "gaps")["rows"]], ["10.9.0.1:41007"],
                 "only those with gaps")
    checks.equal(len(lab.json("flows", "--source", "lines", "--state=plain")["rows"]), 4, "only those of a source")
    two = lab.json("flows", "--limit", "2")
    checks.equal((len(two["rows"]), two["left_out"], two["sessions"]), (2, 5, 7), "what has no row is counted")
    text = lab.run("flows", js=False)
    checks.check(text.returncode == 0 and "10.9.0.1:41002" in text.stdout and "TLS" in text.stdout, "people read it")
    for args, why in ((("--state", "odd"), "state: expected one of undecided, plain, tls"),
                      (("--source", "nothing"), "no source is named nothing"),
                      (("--limit", "0"), "limit: expected 1 to 10000"),
                      (("--lmit", "3"), "--lmit: not expected here"), (("--limit",), "--limit: its value is missing")):
        p = lab.run("flows", *args)
        checks.equal((p.returncode, why in p.stderr), (2, True), f"flows {' '.join(args)} is refused: {p.stderr}")


def main():
    binary, checks = os.path.abspath(sys.argv[1]), Checks()
    if not VETH.possible():
        print("skipped: network namespaces need root")
        sys.exit(SKIP)
    VETH.up()
    try:
        with tempfile.TemporaryDirectory() as folder:
            lab = Lab(binary, folder)
            see_flows(lab, checks)
            status, log, ledger = lab.stop()
            checks.check(status in (0, 1) and ledger["balanced"], f"it ends by itself, the ledger balanced: {log}")
    finally:
        VETH.down()
    checks.done()


if __name__ == "__main__":
    main()
