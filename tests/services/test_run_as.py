#!/usr/bin/env python3
"""What `sluiced run` gives up once its ports are open: root, every capability, and the system calls of an intruder;
and that it works on without them: capture, a link that goes down, reload, spool, and files that are its user's.

    test_run_as.py SLUICED
"""
import glob
import json
import os
import pwd
import re
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from served import Served  # noqa: E402
from wire import Veth, sh  # noqa: E402

VETH = Veth("sluiceas")
USER = pwd.getpwnam("nobody")
CARD = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "packaging", "card.conf")
CONFIG = """
run_as: {run_as}
capture: {{ ports: [{{ device: "net_af_packet0,iface=v1", queues: 2 }}] }}
api: {{ socket: {folder}/control.sock }}
sources: {{ lines: {{ match: {{ udp: 5170 }}, parser: lines }} }}
dimensions: {{ d: {{ from: {{ file: {{ path: {folder}/d.csv }} }}, key: k, fields: {{ t: string }}, every: 100ms }} }}
pipeline: {{ rich: {{ op: enrich, from: lines, dimension: d, key: n }} }}
spool: {{ dir: {folder}/spool }}
dead_letters: {{ dir: {folder}/dlq }}
sinks:
  out:  {{ file: {{ path: {folder}/out.ndjson }} }}
  away: {{ kafka: {{ brokers: "127.0.0.1:9" }} }}
queues:
  lab/all:  {{ from: rich, sink: out, fields: [{fields}] }}
  lab/away: {{ from: rich, sink: away }}
"""
SENDER = """
import socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for i in range(int(sys.argv[1]), int(sys.argv[2])):
    s.sendto(b'{"n":"%d"}' % i, ("10.9.0.2", 5170))
    if i % 20 == 0: time.sleep(0.002)
"""
FREE = "eal-intr-thread"  # of DPDK: it waits for interrupts of cards


class Lab(Served):
    ask = Served.sluicectl

    def __init__(self, binary, folder, run_as="nobody", before=()):
        super().__init__(binary, folder)
        self.config = folder + "/run_as.yaml"
        with open(folder + "/d.csv", "w", encoding="utf-8") as f:
            f.write("k,t\n1,one\n")
        self.write(run_as)
        self.begin(self.config, VETH.ns(*before), settle=0.5)

    def write(self, run_as="nobody", fields=""):
        with open(self.config, "w", encoding="utf-8") as f:
            f.write(CONFIG.format(folder=self.folder, run_as=run_as, fields=fields))

    def send(self, begin, end):
        sh(*VETH.ns(sys.executable, "-c", SENDER, str(begin), str(end)))

    def written(self, want):
        for _ in range(100):
            row = next(r for r in json.loads(self.ask("queues").stdout)["rows"] if r["queue"] == "lab/all")
            if row["written"] >= want:
                break
            time.sleep(0.1)
        return row

    def says(self, wanted):
        """Whether status gives such reasons within five seconds."""
        for _ in range(50):
            if wanted(json.loads(self.ask("status").stdout)["why"]):
                return True
            time.sleep(0.1)
        return False

    def threads(self):
        found = []
        for path in glob.glob(f"/proc/{self.p.pid}/task/*/status"):
            with open(path, encoding="utf-8") as f:
                found.append(dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line))
        return found

    def stop(self):
        return self.finish(hard=True)[:2]  # not for the sink that is away


def look_at_threads(lab, checks):
    threads = lab.threads()
    names = sorted(t["Name"] for t in threads)
    for kind in ("worker-1", "worker-2", "sink-out", "courier", "dim-d", "rdk:main", "MHD"):
        checks.check(any(kind in n for n in names), f"a thread {kind}: {names}")
    ids = {(t["Uid"], t["Gid"]) for t in threads}
    own = "\t".join([str(USER.pw_uid)] * 4), "\t".join([str(USER.pw_gid)] * 4)
    checks.equal(ids, {own}, "every thread is the user's, by all four ids")
    for key in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        checks.equal({int(t[key], 16) for t in threads}, {0}, f"{key} of every thread")
    checks.equal({t["NoNewPrivs"] for t in threads}, {"1"}, "no thread gets new privileges")
    free = {t["Name"] for t in threads if t["Seccomp"] != "2" and t["Pid"] != t["Tgid"]}
    checks.equal(free, {FREE}, "beside main only DPDK's own thread is without a filter")


def of_the_dimension(lab):
    """Hits and misses, version and age, from the ledger and from /metrics; with the moment in between."""
    rows = {(r["stage"], r["scope"]): r["info"] for r in json.loads(lab.ask("ledger").stdout)["rows"]}
    now = time.monotonic()
    told = dict(line.rsplit(" ", 1) for line in lab.ask("metrics").stdout.splitlines() if not line.startswith("#"))
    names = [("enrich", "rich", "records", n) for n in ("hits", "misses")]
    names += [("dimension", "d", "rows", n) for n in ("version", "age_s")]
    ledger = tuple(rows[stage, scope][name] for stage, scope, _, name in names)
    return ledger, tuple(int(told[f'sluice_{stage}_{unit}_{name}{{scope="{scope}"}}']) for stage, scope, unit, name in names), now


def a_dimension_is_told_with_true_numbers(lab, checks, began):
    """Behind 1,000 records with the keys 0 to 999, of which it has one."""
    ledger, metrics, now = of_the_dimension(lab)
    checks.equal((ledger[:3], metrics[:3]), ((1, 999, 1),) * 2, "hits, misses and version of a dimension, in ledger and metrics")
    checks.check(all(0 <= row[3] <= now - began + 1 for row in (ledger, metrics)), f"its age: {ledger} {metrics}")
    with open(lab.folder + "/d.csv", "a", encoding="utf-8") as f:
        f.write("2,two\n3,three\n")
    for _ in range(100):
        changed, told, at = of_the_dimension(lab)
        if told[2] == 2 and changed[2] == 2:
            break
        time.sleep(0.1)
    checks.equal((changed[:3], told[:3]), ((1, 999, 2),) * 2, "rows that change are another version")
    checks.check(changed[3] <= at - now + 1 and told[3] <= at - now + 1, f"and their age begins again: {changed} {told}")
    lab.send(2, 5)
    lab.written(1003)
    time.sleep(1.1)
    ledger, metrics, later = of_the_dimension(lab)
    checks.equal((ledger[:2], metrics[:2]), ((3, 1000),) * 2, "what is looked up in them is counted")
    checks.check(0 < ledger[3] <= later - now + 1 and 0 < metrics[3] <= later - now + 1, f"and they grow older: {ledger} {metrics}")


def run_as_a_user(binary, folder, checks):
    began = time.monotonic()
    lab = Lab(binary, folder)
    if not checks.check(lab.p.poll() is None, "it runs"):
        print(lab.stop())
        return
    look_at_threads(lab, checks)
    lab.send(0, 1000)
    checks.equal(lab.written(1000)["written"], 1000, "it captures")
    a_dimension_is_told_with_true_numbers(lab, checks, began)
    sh(*VETH.ns("ip", "link", "set", "v1", "down"))
    why = "port net_af_packet0,iface=v1: its interface is down: ip link set v1 up"
    checks.check(lab.says(lambda told: why in told), "an interface that went down is trouble, with what mends it")
    sh(*VETH.ns("ip", "link", "set", "v1", "up"))
    checks.check(lab.says(lambda told: why not in told), "until it is up")
    lab.send(1003, 2000)
    checks.equal(lab.written(2000)["written"], 2000, "also behind a link that went down")
    lab.write(fields="n, t")
    p = lab.ask("reload")
    checks.equal((p.returncode, json.loads(p.stdout).get("state")), (0, "done"), "a reload")
    lab.write(run_as="root")
    p = lab.ask("reload")
    checks.check(p.returncode and "run_as: only a restart changes it" in p.stdout + p.stderr, f"run_as stays: {p.stdout}")
    lab.ask("queue", "pause", "lab/all")
    lab.send(2000, 2500)
    lab.ask("queue", "resume", "lab/all")
    checks.equal(lab.written(2500)["written"], 2500, "the spool is written and read")
    owners = {(s.st_uid, s.st_gid) for s in (os.lstat(os.path.join(d, n)) for top in ("spool", "dlq")
                                             for d, dirs, files in os.walk(f"{folder}/{top}") for n in dirs + files)}
    owners |= {(os.lstat(p).st_uid, os.lstat(p).st_gid) for p in [lab.sock, lab.ledger, *glob.glob(folder + "/out*")]}
    checks.equal(owners, {(USER.pw_uid, USER.pw_gid)}, "what it made is the user's")
    status, log = lab.stop()
    with open(lab.ledger, encoding="utf-8") as f:
        ledger = json.load(f)
    checks.check(status in (0, 1) and ledger["balanced"], f"it ends with a ledger that balances: {log[-800:]}")
    for word in ("runs as root", "keeps its capabilities", "does not answer", "Sanitizer"):
        checks.check(word not in log, f"{word}: {log}")


def capabilities_of_a_service(binary, folder, checks):
    """As the unit starts it: a user, with two capabilities; and root, with those of packaging/card.conf alone."""
    with open(CARD, encoding="utf-8") as f:
        root = re.findall(r"^CapabilityBoundingSet=(CAP_.*)$", f.read(), re.M)[-1].lower().replace("cap_", "+").split()
    caps = "+net_raw,+net_admin"
    for who, before in (("a service's user", ("--reuid", str(USER.pw_uid), "--regid", str(USER.pw_gid), "--clear-groups",
                                              "--inh-caps", caps, "--ambient-caps", caps)),
                        ("root with less", ("--bounding-set", ",".join(["-all", *root])))):
        lab = Lab(binary, folder, before=("setpriv", *before))
        if not checks.check(lab.p.poll() is None, f"it runs as {who}"):
            print(lab.stop())
            continue
        held = {k: {int(t[k], 16) for t in lab.threads()} for k in ("CapInh", "CapPrm", "CapEff", "CapAmb")}
        checks.equal(held, {k: {0} for k in held}, f"{who}: no thread keeps a capability when the ports are open")
        lab.send(0, 500)
        checks.equal(lab.written(500)["written"], 500, f"{who}: and it captures")
        lab.stop()


def refuse_what_cannot_be(binary, folder, checks):
    for before, run_as, text in (
            ((), "no-such-user", "run_as: the system has no user no-such-user"),
            ((), "nobody:no-such-group", "run_as: the system has no group no-such-group"),
            (("setpriv", "--reuid", str(USER.pw_uid), "--regid", str(USER.pw_gid), "--clear-groups"), "root",
             "run_as: root: only root can become someone else")):
        lab = Lab(binary, folder, run_as, before)
        status, log = lab.stop()
        checks.equal((status, text in log), (2, True), f"{text}: {log}")


def run(binary, folder, checks):
    for part in (run_as_a_user, capabilities_of_a_service, refuse_what_cannot_be):
        with tempfile.TemporaryDirectory(dir=folder) as own:
            os.chmod(own, 0o755)
            os.chown(own, USER.pw_uid, USER.pw_gid)
            part(binary, own, checks)


if __name__ == "__main__":
    VETH.main(run)
