#!/usr/bin/env python3
"""A live port: `sluiced run` on a veth in a network namespace, through net_af_packet.

Two namespaces, a veth pair between them, offloads on, so that TCP arrives in packets of up to 64 KiB.
The sender knows what it sent; everything must come out once, and the ledger must balance.
"""
import json
import os
import signal

import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from sluice import SKIP, Checks, Run  # noqa: E402

NS = f"sluice{os.getpid()}"
SENDER, RECEIVER = "10.99.0.1", "10.99.0.2"
CONFIG = """
capture:
  ports: [{{ device: "net_af_packet0,iface=veth-r" }}]
sources:
  syslog: {{ match: {{ udp: 514 }}, parser: syslog }}
  lines:  {{ match: {{ tcp: 5170 }}, parser: lines }}
sinks:
  out: {{ stdout: {{}} }}
queues:
  lab/syslog: {{ from: syslog, sink: out }}
  lab/lines:  {{ from: lines, sink: out }}
"""


def sh(*cmd, check=True):
    return subprocess.run(cmd, check=check, capture_output=True, text=True)


def in_ns(name, *cmd):
    return ["ip", "netns", "exec", f"{NS}{name}", *cmd]


def lab_up():
    for side, addr in (("s", SENDER), ("r", RECEIVER)):
        sh("ip", "netns", "add", f"{NS}{side}")
        sh(*in_ns(side, "ip", "link", "set", "lo", "up"))
    sh("ip", "link", "add", "veth-s", "netns", f"{NS}s", "type", "veth", "peer", "name", "veth-r", "netns",
       f"{NS}r")
    for side, addr in (("s", SENDER), ("r", RECEIVER)):
        sh(*in_ns(side, "ip", "addr", "add", f"{addr}/24", "dev", f"veth-{side}"))
        sh(*in_ns(side, "ip", "link", "set", f"veth-{side}", "up"))


def lab_down():
    for side in "sr":
        sh("ip", "netns", "del", f"{NS}{side}", check=False)


SENDER_SCRIPT = """
import json, socket, sys, time
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for i in range(500):
    u.sendto(b"<34>1 2026-11-25T04:43:16Z web-1 su %d - - live message %d" % (i, i), ("{r}", 514))
    if i % 20 == 0: time.sleep(0.005)
t = socket.create_connection(("{r}", 5170))
for n in range(200):
    t.sendall(b"".join(json.dumps({{"n": n * 100 + k, "pad": "x" * 180}}).encode() + b"\\n" for k in range(100)))
    time.sleep(0.002)
t.close()
"""

RECEIVER_SCRIPT = """
import socket, sys
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.bind(("{r}", 514))
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(("{r}", 5170)); s.listen(1)
print("ready", flush=True)
c, _ = s.accept()
while c.recv(1 << 20): pass
"""


def run_lab(binary, folder):
    config, ledger = os.path.join(folder, "live.yaml"), os.path.join(folder, "ledger.json")
    with open(config, "w", encoding="utf-8") as f:
        f.write(CONFIG.format())
    receiver = subprocess.Popen(in_ns("r", sys.executable, "-c", RECEIVER_SCRIPT.format(r=RECEIVER)),
                                stdout=subprocess.PIPE, text=True)
    receiver.stdout.readline()
    p = subprocess.Popen(in_ns("r", binary, "run", "-c", config, "--ledger", ledger),
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    lines, notes = [], []
    readers = [threading.Thread(target=lambda: lines.extend(p.stdout)),
               threading.Thread(target=lambda: notes.extend(p.stderr))]
    for t in readers:
        t.start()
    for _ in range(200):
        if any(b"port net_af_packet0" in n for n in notes) or p.poll() is not None:
            break
        time.sleep(0.05)
    time.sleep(0.5)
    sh(*in_ns("s", sys.executable, "-c", SENDER_SCRIPT.format(r=RECEIVER)))
    receiver.wait(timeout=30)
    for _ in range(100):  # until it is all there, at most 10 s
        if len(lines) >= 20500:
            break
        time.sleep(0.1)
    p.send_signal(signal.SIGTERM)
    status = p.wait(timeout=60)
    for t in readers:
        t.join()
    with open(ledger, encoding="utf-8") as f:
        return Run(status, b"".join(lines), b"".join(notes).decode(), json.load(f))


def main():
    binary, checks = sys.argv[1], Checks()
    if os.geteuid() != 0 or sh("ip", "netns", "add", f"{NS}x", check=False).returncode:
        print("skipped: network namespaces need root")
        sys.exit(SKIP)
    sh("ip", "netns", "del", f"{NS}x")
    try:
        lab_up()
        with tempfile.TemporaryDirectory() as folder:
            run = run_lab(binary, folder)
    finally:
        lab_down()
    print(run.err[-3000:])
    checks.healthy(run, "live")
    syslog = sorted(r["procid"] for r in run.records if r["_source"] == "syslog")
    checks.equal(syslog, sorted(str(i) for i in range(500)), "syslog messages")
    numbers = [r["n"] for r in run.records if r["_source"] == "lines"]
    checks.equal(numbers, list(range(20000)), "lines, in order")
    checks.equal(len({r["_id"] for r in run.records}), len(run.records), "every _id once")
    big = run.count("capture", "", "oversize")
    print(f"{len(run.records)} records; {big} packets above 1,518 bytes; "
          f"{run.count('capture', '', 'payload_cut')} cut by the driver")
    checks.check(big > 0, "offloads merged packets, and they were seen whole")
    checks.equal(run.status, 0, "exit status")
    checks.done()


if __name__ == "__main__":
    main()
