#!/usr/bin/env python3
"""Reloads of a `sluiced run` that change its sources under traffic: who has a session keeps it, or ends it, and nobody
reads anything twice.

Sessions over TCP are always cut inside of a message, so that each reload comes in the middle of one. Every message
carries the name of its stream and a number.
"""
import collections
import glob
import json
import os
import random
import re
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from served import Served  # noqa: E402
from wire import Veth  # noqa: E402

VETH = Veth("sluicers")
SUPPORT = os.path.join(os.path.dirname(__file__), "..", "support")
RELOADS = 100
SENDER = r"""
import json, random, select, socket, sys, time
sys.path.insert(0, sys.argv[1])
from pcaplib import Conversation, ethernet, udp
link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
link.bind(("v0", 0))
chance, sent = random.Random(7), {}

class Wire(list):
    def append(self, packet):
        link.send(packet[1])

def number(key):
    sent[key] = sent.get(key, 0) + 1
    return f"{key}#{sent[key] - 1}"

def message(key):
    if key[0] != "h":
        return f"<34>1 2026-11-25T04:43:16Z {key} su - - - {number(key)} ".encode()
    body = json.dumps({"v": number(key)})
    return (f"POST /e HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}").encode()

class Stream:
    def __init__(self, port, i):
        self.key, self.rest = f"{'h' if port == 8080 else 't'}{port}-{i}", b""
        self.c = Conversation(Wire(), "10.9.0.1", port + 10000 * i, "10.9.0.2", port, 0)

    def go_on(self, whole=False):
        if not self.rest:
            self.rest = message(self.key) + (b"" if self.key[0] == "h" else b"\n")
        n = len(self.rest) if whole else chance.randrange(1, len(self.rest) + 1)
        self.c.send(self.rest[:n])
        self.rest = self.rest[n:]
        if not self.rest and self.key[0] == "h":
            self.c.send(b"HTTP/1.1 204 No Content\r\n\r\n", 1)
        elif not self.rest and not whole:   # never at the end of a message for long
            self.rest = message(self.key) + b"\n"
            self.c.send(self.rest[:9])
            self.rest = self.rest[9:]

streams = [Stream(port, i) for port in (601, 602, 603, 604, 8080) for i in range(1, 4)]
while not select.select([sys.stdin], [], [], 0.003)[0]:
    for s in streams:
        s.go_on()
    for port in (514, 515, 516, 517):
        link.send(ethernet(udp("10.9.0.1", 40000, "10.9.0.2", port, message(f"u{port}"))))
for s in streams:
    s.go_on(whole=True)
    s.c.close()
print(json.dumps(sent))
"""
REPLICATES = r"""
import socket, sys
sys.path.insert(0, sys.argv[1])
from mysql_primary import Server
link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
link.bind(("v0", 0))

class Wire(list):
    def append(self, packet):
        link.send(packet[1])

s = Server(Wire())
s.login()
s.dump("bin.000001")
s.query("CREATE TABLE orders (id INT, note VARCHAR(64))")
n = 0
for line in sys.stdin:
    if line == "jump\n":
        s.pos += 100
    else:
        for n in range(n, n + int(line)):
            s.insert("orders", n)
            s.commit()
        n += 1
    print(n, flush=True)
"""
BODY = """
capture: {{ workers: {workers}, ports: [{{ device: "net_af_packet0,iface=v1" }}] }}
api: {{ socket: {folder}/control.sock }}
sources:
{sources}
pipeline:
  sums: {{ op: aggregate, from: a, window: 168h, group_by: {{ hostname: hostname }}, aggregates: {{ n: "count(*)" }} }}
sinks:
  out: {{ file: {{ path: "{folder}/out.ndjson" }} }}
  sums: {{ file: {{ path: "{folder}/sums.ndjson" }} }}
queues:
  lab/all: {{ from: [{names}], sink: out }}
  lab/sums: {{ from: sums, sink: sums }}
{tail}
"""
SOURCE = "  {name}: {{ match: {{ udp: [{udp}], tcp: [{tcp}] }}, parser: {parser}{more} }}\n"


class Lab(Served):
    def __init__(self, binary, folder):
        super().__init__(binary, folder)
        self.config = os.path.join(folder, "sources.yaml")

    def write(self, sources, tail="", workers=2):
        """@sources: names with UDP ports, TCP ports, a parser and more options."""
        lines = "".join(SOURCE.format(name=n, udp=udp, tcp=tcp, parser=parser, more=more) for n, udp, tcp, parser, more in sources)
        with open(self.config, "w", encoding="utf-8") as f:
            f.write(BODY.format(folder=self.folder, sources=lines, names=", ".join(s[0] for s in sources), tail=tail, workers=workers))

    def reload(self):
        p = self.sluicectl("reload")
        return p.returncode, p.stdout + p.stderr

    def send(self):
        return subprocess.Popen(VETH.ns(sys.executable, "-c", SENDER, SUPPORT), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def read(self):
        """By stream: its numbers as they were written; and the sources that read it. The number of other, cut records."""
        numbers, sources, cut = collections.defaultdict(list), collections.defaultdict(set), 0
        for name in glob.glob(self.folder + "/out*"):
            with open(name, encoding="utf-8") as f:
                for line in f:
                    record = json.loads(line)
                    if record.get("_cut"):
                        cut += 1
                        continue
                    key, i = re.search(r"(\w+(?:-\d)?)#(\d+)", line).groups()
                    numbers[key].append(int(i))
                    sources[key].add(record["_source"])
        return numbers, sources, cut

    def clean(self):
        for name in glob.glob(self.folder + "/*.ndjson*"):
            os.unlink(name)


def base(a_ports="", b_ports="", a_udp="", b_udp="", b_more=""):
    """Sources a and b have ports of their own, and one that goes to and fro."""
    return [("a", "514" + a_udp, "601" + a_ports, "syslog", ""), ("b", "515" + b_udp, "602" + b_ports, "syslog", b_more),
            ("h", "", "8080", "http1", "")]


def any_sources(chance):
    to_a = chance.random() < 0.5
    sources = base(*((", 604", "") if to_a else ("", ", 604")), *((", 517", "") if to_a else ("", ", 517")),
                   chance.choice(("", ", strip_blank: true", ', timezone: "+02:00"')))
    if chance.random() < 0.7:
        sources.append((chance.choice("cd"), "516", "603", chance.choice(("syslog", "lines")), ""))
    chance.shuffle(sources)
    return sources


def row(ledger, stage, scope):
    return next(r for r in ledger["rows"] if r["stage"] == stage and r["scope"] == scope)


def a_hundred_other_sets_of_sources(lab, checks):
    chance = random.Random(11)
    lab.write(base(", 604", "", ", 517", ""))
    lab.begin(lab.config, VETH.ns())
    sender = lab.send()
    wrong, sizes = [], []
    for i in range(RELOADS):
        bad = i % 12 == 5
        lab.write(any_sources(chance), "sources: [\n" if bad else "")
        code, said = lab.reload()
        if (code == 0) == bad:
            wrong.append((i, code, said))
        sizes.append(lab.rss_kib())
    checks.equal(wrong[:2], [], "each reload ends as it should")
    lab.write(base(", 604", "", ", 517", ""))
    checks.equal(lab.reload()[0], 0, "back to the first set")
    sent = json.loads(sender.communicate("", timeout=60)[0])
    time.sleep(0.7)
    status, log, ledger = lab.finish()
    numbers, sources, cut = lab.read()
    keep = [k for k in sent if k[1:4] in ("601", "602", "808", "514", "515", "517")]
    checks.equal([k for k in keep if sorted(numbers[k]) != list(range(sent[k]))], [],
                 "sessions of a source that stays, and datagrams, give each message once")
    checks.equal([k for k in keep if k[1:] != "517" and len(sources[k]) > 1], [], "and by that source")
    moved = [k for k in sent if k[1:4] in ("603", "604")]
    checks.equal([k for k in moved if numbers[k] != sorted(set(numbers[k]))], [], "sessions that move give none twice, and in order")
    checks.check(all(len(sources[k]) > 1 for k in moved if k[1:4] == "604"), f"a and b both had a port's sessions: {dict(sources)}")
    short = [(k, sent[k], len(numbers[k])) for k in moved if k[1:4] == "604" and len(numbers[k]) < sent[k] - RELOADS]
    checks.equal(short, [], "of which a move costs the message that it falls into, and no more")
    checks.equal((len(numbers["u516"]), numbers["u516"]), (len(set(numbers["u516"])), sorted(numbers["u516"])), "nor a datagram")
    checks.equal((status, ledger["balanced"], "Sanitizer" in log), (1, True, False), f"the ledger balances: {log[-3000:]}")
    lost = {(r["stage"], name) for r in ledger["rows"] for kind in ("loss", "missed") for name, n in r.get(kind, {}).items() if n}
    checks.check(lost <= {("frame", "skipped"), ("frame", "incomplete"), ("extract", "cut")}, f"what is lost are the parts of messages: {lost}")
    checks.check({"c", "d"} <= {r["scope"] for r in ledger["rows"] if r["stage"] == "frame"}, "rows of sources that are gone stay")
    checks.check(row(ledger, "frame", "b")["info"]["sessions_moved"] > 3, "b has got sessions")
    sums = [json.loads(line) for name in glob.glob(lab.folder + "/sums*") for line in open(name, encoding="utf-8")]
    checks.equal({(s["hostname"], s["n"], s["_source"]) for s in sums if s["hostname"] in ("u514", "t601-1")},
                 {(k, sent[k], "a") for k in ("u514", "t601-1")}, "a window goes on, wherever its source stands")
    checks.equal(cut + sum(len(v) for v in numbers.values()), row(ledger, "sink", "lab/all")["out"]["written"], "all that is counted is there")
    grown = max(sizes[-20:]) - max(sizes[10:50])
    checks.check(grown < max(sizes[10:50]) // 4, f"memory is flat: {sizes[::10]} KiB")
    print(f"  {RELOADS} reloads, {sum(sent.values())} messages; memory {sizes[::20]} KiB")


def replication_goes_on(lab, checks):
    """In its middle: where its source stays, it knows its tables; another one joins it there."""
    lab.clean()

    def write(*sources):
        lab.write([("a", "514", "601", "syslog", "")] + list(sources), workers=1)

    def insert(n):
        primary.stdin.write(f"{n}\n")
        primary.stdin.flush()
        primary.stdout.readline()
        time.sleep(0.1)
    write(("shop", "", "3306", "mysql", ""))
    lab.begin(lab.config, VETH.ns(), settle=0.2)
    primary = subprocess.Popen(VETH.ns(sys.executable, "-c", REPLICATES, SUPPORT), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    insert(10)
    insert("jump")
    for sources in (("new", "", "603", "syslog", ""), ("shop", "", "3306", "mysql", "")), (("shop", "", "3306, 3307", "mysql", ""),):
        write(*sources)
        checks.equal(lab.reload()[0], 0, "sources come and go beside it")
        insert(10)
    write(("store", "", "3306", "mysql", ""))
    checks.equal(lab.reload()[0], 0, "another source has its port")
    insert(20)
    write(("store", "", "3306", "mysql", ', tables: ["shop.o*"]'))
    checks.equal(lab.reload()[0], 0, "which reads other tables")
    insert(20)
    primary.stdin.close()
    primary.wait(timeout=10)
    status, log, ledger = lab.finish()
    with open(glob.glob(lab.folder + "/out*")[0], encoding="utf-8") as f:
        rows = [r for r in map(json.loads, f) if r.get("op") == "c"]
    shop = [r["after"].get("id") for r in rows if r["_source"] == "shop"]
    store = [r["after"].get("c1") for r in rows if r["_source"] == "store"]
    checks.equal(shop, list(range(30)), "each change once, with the names that it has learnt")
    checks.equal(store, sorted(set(store)), f"none twice: {store}")
    checks.check(len(store) >= 36 and store[-1] == 69, f"but for those at the two joins all of them: {store}")
    checks.equal((status in (0, 1), ledger["balanced"]), (True, True), f"the ledger balances: {log[-2000:]}")
    checks.equal(log.count("source shop, which is gone: break     jump"), 1, f"and its break, once: {log[-2000:]}")
    checks.equal(row(ledger, "chain", "shop")["out"]["in_order"] > 60, True, "the chain of a source that is gone is told")


def what_is_added_one_by_one_keeps_no_pipeline(lab, checks):
    """Sources of lines, dimensions, and sources of replication: sixteen reloads that add one each leave as much mapped as one that
    adds them all."""
    rows, n = lab.folder + "/rows.csv", 16
    with open(rows, "w", encoding="utf-8") as f:
        f.write("k,n\na,1\n")

    def lines(n):
        return base() + [(f"n{i}", str(7000 + i), "", "lines", "") for i in range(n)], ""

    def dimensions(n):
        each = (f"  d{i}: {{ from: {{ file: {{ path: {rows} }} }}, key: k, fields: {{ n: int }} }}\n" for i in range(n))
        return base(), "dimensions:\n" + "".join(each) if n else ""

    def replication(n):
        shops = [(f"m{i}", "", str(3400 + i), "mysql", "") for i in range(n)]
        return base() + [("shop", "", "3306", "mysql", "")] + shops, ""

    def mapped(grown, steps):
        lab.clean()
        lab.write(*grown(0), workers=1)
        lab.begin(lab.config, VETH.ns(), settle=0.2)
        for i in steps:
            lab.write(*grown(i), workers=1)
            checks.equal(lab.reload()[0], 0, f"{i} {grown.__name__} more")
        lab.write(*grown(n), workers=1)
        checks.equal(lab.reload()[0], 0, "and nothing more: what was replaced is given back now")
        with open(f"/proc/{lab.p.pid}/maps", encoding="utf-8") as f:
            maps = len(f.readlines())
        lab.finish()
        return maps
    for grown in lines, dimensions, replication:
        at_once, one_by_one = mapped(grown, [n]), mapped(grown, range(1, n + 1))
        checks.check(one_by_one < at_once + 4 * n, f"{grown.__name__}: {at_once} mappings, one by one {one_by_one}")


def what_only_a_restart_gives(lab, checks):
    """Room for longer messages; ports of servers whose sessions one worker has; a state file that is written."""
    shop = ("shop", "", "3306", "mysql", "")

    def ask(sources, workers):
        lab.write(sources, workers=workers)
        diff = lab.json("diff", "-c", lab.config)
        state = lab.json("check", "-c", lab.config)
        code, said = lab.reload()
        return state["state"], {r["option"]: r["needs"] for r in diff["rows"] if r["option"].startswith("sources.shop")}, code, said

    lab.clean()
    lab.write(base(), workers=1)
    lab.begin(lab.config, VETH.ns(), settle=0.2)
    state, needs, code, said = ask(base() + [shop], 1)
    checks.equal((state, needs.get("sources.shop.parser"), code), ("restart", "restart", 1), f"no room for mysql's rows: {said}")
    checks.check("sources.shop.parser: only a restart changes it" in said, f"which is said: {said}")
    lab.finish()
    for workers in (1, 2):
        lab.write(base() + [shop], workers=workers)
        lab.begin(lab.config, VETH.ns(), settle=0.2)
        state, needs, code, said = ask(base() + [("shop", "", "3306", "mysql", ', tables: ["x.*"]')], workers)
        checks.equal((state, set(needs.values()), code), ("good", {"reload"}, 0), f"{workers} workers, other options: {said}")
        state, needs, code, said = ask(base(), workers)
        checks.equal((state, set(needs.values()), code), ("good", {"reload"}, 0), f"none: {said}")
        state, needs, code, said = ask(base() + [("shop", "", "3306", "mysql", f", state: {lab.folder}/state")], workers)
        checks.equal((state, set(needs.values()), code), ("good", {"reload"}, 0), f"and again, with a state: {said}")
        state, needs, code, said = ask(base() + [("shop", "", "3306", "mysql", f", query: true, state: {lab.folder}/state")], workers)
        checks.equal((state, code), ("restart", 1), f"which is not exchanged while it is written: {said}")
        checks.check("sources.shop.state: only a restart changes it" in said, f"by name: {said}")
        state, needs, code, said = ask(base() + [("other", "", "3307", "mysql", "")], workers)
        checks.equal((state, code), ("good", 0) if workers == 1 else ("restart", 1), f"another port: {said}")
        checks.check(workers == 1 or "sources.other.tcp: only a restart changes it" in said, f"by name: {said}")
        status, log, ledger = lab.finish()
        checks.equal((status, ledger["balanced"]), (0, True), f"the ledger balances: {log[-300:]}")
    kept = ("shop", "", "3306", "mysql", f", state: {lab.folder}/state")
    lab.write(base() + [kept], workers=1)
    lab.begin(lab.config, VETH.ns(), settle=0.2)
    checks.equal(ask(base(), 1)[2], 0, "a source with a state file is taken away")
    state, needs, code, said = ask(base() + [kept], 1)
    checks.equal((state, code), ("good", 0), f"and comes back, with its file: {said}")
    lab.finish()


def run(binary, folder, checks):
    os.environ.pop("MALLOC_PERTURB_", None)  # meson's: what is freed is written to, and stays
    lab = Lab(binary, folder)
    a_hundred_other_sets_of_sources(lab, checks)
    replication_goes_on(lab, checks)
    what_is_added_one_by_one_keeps_no_pipeline(lab, checks)
    what_only_a_restart_gives(lab, checks)


if __name__ == "__main__":
    VETH.main(run)
