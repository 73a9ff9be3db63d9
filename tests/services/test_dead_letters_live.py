#!/usr/bin/env python3
"""Dead letters of a `sluiced run` under traffic: over a reload, beside a retry, and after kill -9.

    test_dead_letters_live.py SLUICED

Every tenth line divides by zero: each is one letter, also where a reload goes over to nodes of other names.
"""
import json
import os
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from sluice import SKIP, Checks  # noqa: E402
from wire import Veth, end, possible  # noqa: E402

VETH = Veth("sluicedl")
CONF = """
capture: {{ ports: [{{ device: "net_af_packet0,iface=v1" }}] }}
api: {{ socket: {folder}/control.sock }}
sources: {{ app: {{ match: {{ udp: 5170 }}, parser: lines }} }}
pipeline:
{pipeline}
sinks: {{ out: {{ file: {{ path: "{folder}/{file}" }} }} }}
spool: {{ dir: {folder}/spool }}
queues: {{ lab/all: {{ from: {node}, sink: out, spool: always }} }}
dead_letters: {{ dir: {folder}/dlq }}
"""
DIVIDE = "  {node}: {{ op: project, from: {before}, select: \"n::int AS n, 100 / {by} AS part\" }}\n"
SENDER = """
import socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for i in range(int(sys.argv[1]), int(sys.argv[2])):
    s.sendto(b'{"n":%d}' % i, ("10.9.0.2", 5170))
    if i % 20 == 0:
        time.sleep(0.004)
"""


class Lab:
    def __init__(self, binary, folder, checks):
        self.binary, self.folder, self.checks = binary, folder, checks
        self.ctl = os.path.join(os.path.dirname(binary), "sluicectl")
        self.log = open(os.path.join(folder, "log"), "w+", encoding="utf-8")
        self.p = None
        VETH.up()

    def conf(self, node, by="(n::int % 10)", name="c.yaml", more=0):
        """The node that divides, behind so many that do nothing."""
        nodes = "".join(f"  u{i}: {{ op: union, from: {f'u{i - 1}' if i else 'app'} }}\n" for i in range(more))
        nodes += DIVIDE.format(node=node, before=f"u{more - 1}" if more else "app", by=by)
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(CONF.format(folder=self.folder, pipeline=nodes, node=node,
                                file="out.ndjson" if name == "c.yaml" else "again.ndjson"))
        return path

    def start(self):
        if os.path.exists(self.folder + "/control.sock"):
            os.unlink(self.folder + "/control.sock")  # of one that was killed
        self.p = subprocess.Popen(VETH.ns(self.binary, "run", "-c", os.path.join(self.folder, "c.yaml"), "--ledger",
                                        os.path.join(self.folder, "ledger.json")), stderr=self.log, stdout=self.log)
        for _ in range(200):
            if os.path.exists(self.folder + "/control.sock") or self.p.poll() is not None:
                break
            time.sleep(0.05)
        time.sleep(0.7)

    def send(self, first, behind):
        subprocess.run(VETH.ns(sys.executable, "-c", SENDER, str(first), str(behind)), check=True, timeout=60)

    def run(self, *args):
        return subprocess.run([self.ctl, *args], capture_output=True, text=True, timeout=60, check=False)

    def letters(self):
        p = self.run("dlq", "ls", "--each", "--json", self.folder + "/dlq")
        self.checks.equal(p.returncode, 0, f"dlq ls while it runs: {p.stderr}")
        return [json.loads(line) for line in p.stdout.splitlines()]

    def wait_letters(self, n):
        for _ in range(100):
            got = self.letters()
            if len(got) >= n:
                break
            time.sleep(0.1)
        return got


def over_a_reload(lab, checks):
    lab.conf("before")
    lab.start()
    lab.send(0, 3000)
    lab.wait_letters(300)
    lab.conf("behind", more=5)
    p = lab.run("--socket", lab.folder + "/control.sock", "reload")
    checks.equal(p.returncode, 0, f"reload: {p.stdout}{p.stderr}")
    lab.send(3000, 6000)
    letters = lab.wait_letters(600)
    checks.equal(len(letters), 600, "each tenth line is a letter")
    rules = [x["rule"] for x in letters]
    checks.equal((rules.count("before"), rules.count("behind")), (300, 300), "under the names of their generations")
    checks.equal({x["reason"] for x in letters}, {"division_by_zero"}, "with the reason")
    checks.equal([x["letter"] for x in letters], list(range(600)), "and numbers")


def beside_a_retry(lab, checks):
    path = lab.conf("mended", by="(n::int % 10 + 1)", name="mended.yaml")
    p = lab.run("dlq", "retry", "--rule", "before", "-c", path)
    checks.equal(p.returncode, 0, f"a retry while it runs: {p.stderr}")
    checks.check("300 dead letters: 300 went through" in p.stderr, p.stderr)
    with open(lab.folder + "/again-000000.ndjson", encoding="utf-8") as f:
        records = [json.loads(line) for line in f]
    checks.equal(sorted(x["n"] for x in records), list(range(0, 3000, 10)), "each came, once")
    letters = lab.letters()
    checks.equal({x["_id"] for x in records}, {x["id"] for x in letters if x["rule"] == "before"}, "with its _id")
    checks.equal(len([x for x in letters if x["state"] == "retried"]), 300, "and is marked")
    lab.send(6000, 7000)
    checks.equal(len(lab.wait_letters(700)), 700, "and the letters of what runs go on")


def after_kill(lab, checks):
    lab.p.send_signal(signal.SIGKILL)
    lab.p.wait()
    before = lab.letters()
    checks.equal(len(before), 700, "kill -9 loses no letter that was written")
    lab.start()
    lab.send(7000, 8000)
    letters = lab.wait_letters(800)
    checks.equal(len(letters), 800, "and the next process goes on behind them")
    checks.equal(len({x["letter"] for x in letters}), 800, "under numbers of their own")
    checks.equal([x["state"] for x in letters].count("retried"), 300, "what was marked stays so")
    status = end(lab.p)
    lab.log.seek(0)
    log = lab.log.read()
    checks.equal(status, 1, f"letters: exit status: {log[-800:]}")
    with open(lab.folder + "/ledger.json", encoding="utf-8") as f:
        ledger = json.load(f)
    checks.check(ledger["balanced"], f"the ledger balances: {log[-2000:]}")
    checks.check("100 dead letters more in" in log, "and says how many there are more")


def main():
    binary = os.path.abspath(sys.argv[1])
    why = possible()
    if why:
        must = os.environ.get("CI") == "true"
        print(f"{'FAIL' if must else 'skipped'}: {why}")
        sys.exit(1 if must else SKIP)
    checks = Checks()
    with tempfile.TemporaryDirectory() as folder:
        lab = Lab(binary, folder, checks)
        try:
            over_a_reload(lab, checks)
            beside_a_retry(lab, checks)
            after_kill(lab, checks)
        finally:
            if lab.p and lab.p.poll() is None:
                end(lab.p, signal.SIGKILL)
            VETH.down()
    checks.done()


main()
