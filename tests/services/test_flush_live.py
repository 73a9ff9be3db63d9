#!/usr/bin/env python3
"""How long a record waits in its queue's open batch: `flush`, on a live port, silent and under a flood, and over a reload.

A record that is sent right after another one has come out waits longest: half of `idle` or `busy` are due then.
"""
import glob
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from served import Served  # noqa: E402
from sluice import Run  # noqa: E402
from wire import Veth  # noqa: E402

VETH = Veth("sluicefl")
MARGIN = 0.25  # of most: others have the cores too
LEAST_MARGIN = 0.03  # of the shortest wait
CONFIG = """
capture: {{ ports: [{{ device: "net_af_packet0,iface=v1" }}] }}
api: {{ socket: {folder}/control.sock }}
flush: {flush}
sources:
  flood: {{ match: {{ udp: 514 }}, parser: syslog }}
  rare:  {{ match: {{ udp: 515 }}, parser: syslog }}
sinks:
  nowhere: {{ "null": {{}} }}
  out: {{ file: {{ path: "{folder}/out.ndjson" }} }}
queues:
  lab/flood: {{ from: flood, sink: nowhere }}
  lab/rare:  {{ from: rare, sink: out }}
"""
# One datagram for each byte on standard input; or until that ends.
SENDER = """
import os, select, socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
line = b"<34>1 2026-11-25T04:43:16Z web-1 su - - - hello"
while sys.argv[1] == "flood" and not select.select([0], [], [], 0.002)[0]:
    for _ in range(50): s.sendto(line, ("10.9.0.2", 514))
while os.read(0, 1):
    s.sendto(line, ("10.9.0.2", 515))
"""


class Lab(Served):
    def __init__(self, binary, folder):
        super().__init__(binary, folder)
        self.config = folder + "/flush.yaml"
        self.rare = self.sender("rare")

    def sender(self, what):
        return subprocess.Popen(VETH.ns(sys.executable, "-c", SENDER, what), stdin=subprocess.PIPE)

    def write(self, flush):
        with open(self.config, "w", encoding="utf-8") as f:
            f.write(CONFIG.format(folder=self.folder, flush=flush))

    def lines(self):
        n = 0
        for name in glob.glob(self.folder + "/out*.ndjson*"):
            with open(name, "rb") as f:
                n += f.read().count(b"\n")
        return n

    def wait_of_one(self):
        """Seconds from the datagram to its record in the file."""
        n, begin = self.lines(), time.monotonic()
        self.rare.stdin.write(b".")
        self.rare.stdin.flush()
        while self.lines() == n and time.monotonic() < begin + 30:
            time.sleep(0.0005)
        return time.monotonic() - begin

    def waits(self, n):
        self.wait_of_one()
        return [self.wait_of_one() for _ in range(n)]


def body(binary, folder, checks):
    lab = Lab(binary, folder)
    lab.write("{}")
    lab.begin(lab.config, VETH.ns())

    def looked_at(how, longest, least=0.0, times=5):
        found = sorted(lab.waits(times))
        print(f"{how}: " + " ".join(f"{1e3 * w:.1f}" for w in found) + " ms")
        checks.check(least <= found[0] <= longest + LEAST_MARGIN and found[len(found) // 2] <= longest + MARGIN, f"{how}: {found}")

    looked_at("silent, idle 5ms", 0.005)
    flood = lab.sender("flood")
    looked_at("beside a flood, busy 50ms", 0.05)
    lab.write("{ idle: 1s, busy: 1s }")
    checks.equal(lab.json("reload").get("state"), "done", "a reload takes longer times")
    looked_at("beside a flood, idle and busy 1s", 1.0, 0.3, 2)
    flood.stdin.close()
    flood.wait()
    looked_at("silent, idle 1s", 1.0, 0.3, 2)
    lab.write("{ idle: 60ms, busy: 50ms }")
    reply = lab.json("reload")
    checks.check("flush.idle: idle is 60ms, and busy 50ms" in reply.get("why", ""), f"what cannot be is refused: {reply}")
    lab.write("{ idle: 0, busy: 1s }")
    checks.equal(lab.json("reload").get("state"), "done", "and back to a shorter one")
    looked_at("silent, idle 0", 0.0)
    lab.rare.stdin.close()
    lab.rare.wait()
    status, said, ledger = lab.finish()
    checks.equal(status, 0, "exit status")
    checks.equal(Run(status, b"", said, ledger).count("sink", "lab/rare", "written"), lab.lines(), "each record came out once")


if __name__ == "__main__":
    VETH.main(body)
