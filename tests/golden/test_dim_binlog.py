#!/usr/bin/env python3
"""A dimension that follows a table's replication: facts see what was committed before them on the wire, no more.

    test_dim_binlog.py SLUICED

First by hand, packet by packet; then, where they are, lab captures with facts strewn among their packets.
"""
import gzip
import json
import os
import random
import struct
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
from mysql_primary import DELETE_ROWS, UPDATE_ROWS, WRITE_ROWS, Server  # noqa: E402
from pcaplib import ethernet, udp, write_pcap  # noqa: E402
from sluice import Checks, replay  # noqa: E402

CONFIG = """
sources:
  shop: { match: { tcp: 3306 }, parser: mysql }
  app:  { match: { udp: 5140 }, parser: lines }
dimensions:
  user:
    from: { binlog: { source: shop, table: %s } }
    key: id
    fields: { %s }
pipeline: { rich: { op: enrich, from: app, dimension: user, key: k%s } }
sinks: { out: { stdout: {} } }
queues: { lab/all: { from: [shop, rich], sink: out } }
"""


def write(folder, name, text):
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return path


class Story:
    """Events of a log, with facts between them that say what they expect."""

    def __init__(self):
        self.packets, self.want = [], []
        self.s = Server(self.packets)
        self.s.login()
        self.s.dump("bin.000001")
        self.s.query("CREATE TABLE users (id INT, name VARCHAR(64) CHARACTER SET latin1)")

    def fact(self, key, want):
        text = json.dumps({"fact": len(self.want), "k": key}).encode() + b"\n"
        self.want.append(want)
        self.packets.append((self.s.wire.at, ethernet(udp("10.0.0.5", 999, "10.0.0.6", 5140, text))))
        self.s.wire.at += self.s.wire.step

    def transaction(self, *changes, end=None):
        """@changes: (kind, images, facts behind it: key and what it has)."""
        self.s.query("BEGIN")
        for kind, images, facts in changes:
            self.s.change(kind, "users", images)
            for key, want in facts:
                self.fact(key, want)
        self.s.query(end) if end else self.s.commit()

    def tell(self):
        self.fact(7, "seven")
        self.fact(1, None)
        self.transaction((WRITE_ROWS, [(1, "ann"), (3, "cat")], [(1, None), (3, None)]))
        self.fact(1, "ann")
        self.fact(3, "cat")
        self.transaction((UPDATE_ROWS, [(1, "ann"), (1, "bob")], [(1, "ann")]), (DELETE_ROWS, [(3, "cat")], [(3, "cat")]))
        self.fact(1, "bob")
        self.fact(3, None)
        self.transaction((UPDATE_ROWS, [(1, "bob"), (2, "bob")], [(2, None)]))
        self.fact(1, None)
        self.fact(2, "bob")
        self.transaction((UPDATE_ROWS, [(2, "bob"), (2, "no")], []), end="ROLLBACK")
        self.fact(2, "bob")
        self.transaction((DELETE_ROWS, [(7, "seven")], []))
        self.fact(7, None)
        self.transaction((WRITE_ROWS, [(9, 'quo"te\\')], []))
        self.fact(9, 'quo"te\\')
        self.s.wire.close()


def facts(run):
    return {r["fact"]: r["name"] for r in run.records if "fact" in r}


def by_hand(checks, binary, folder):
    story = Story()
    story.tell()
    pcap = os.path.join(folder, "story.pcap")
    write_pcap(pcap, story.packets)
    write(folder, "users.csv", "id,name\n7,seven\n")
    text = CONFIG % ("shop.users, snapshot: users.csv", "name: string", "")
    outs = set()
    for workers in ("1", "2", "4"):
        r = replay(binary, pcap, "-c", write(folder, "c.yaml", text), "--workers", workers)
        checks.healthy(r, "by hand")
        checks.equal(r.status, 0, f"exit status: {r.err[-500:]}")
        outs.add(r.out)
        got = facts(r)
        checks.equal([got.get(i) for i in range(len(story.want))], story.want, f"facts by hand, {workers} workers")
        checks.equal("dimensions.user (binlog) must see all records" in r.err, workers != "1", "one worker, and told so")
    checks.equal(len(outs), 1, "any number of workers gives the same output")
    checks.equal(r.count("feed", "user", "changes"), 7, "changes of rows are counted")
    checks.equal(r.count("feed", "user", "rolled_back"), 1, "and those that did not happen")
    checks.equal(r.count("dimension", "user", "keys"), 2, "keys at the end")


def held(checks, binary, folder):
    """A fact that comes a moment before its row is committed."""
    story = Story()
    story.fact(1, "ann")
    story.fact(2, None)
    story.transaction((WRITE_ROWS, [(1, "ann")], []))
    story.s.wire.at += 10**9
    story.transaction((WRITE_ROWS, [(2, "too late")], []))
    story.s.wire.close()
    pcap = os.path.join(folder, "held.pcap")
    write_pcap(pcap, story.packets)
    text = CONFIG % ("shop.users", "name: string", ", missing: hold, hold: 500ms")
    r = replay(binary, pcap, "-c", write(folder, "c.yaml", text))
    checks.healthy(r, "held")
    checks.equal([facts(r).get(i) for i in range(2)], story.want, "a held fact gets what is committed in time")
    checks.equal(r.count("enrich", "rich", "late_hits"), 1, "late hits")


def refusals(checks, binary, folder):
    for table, more, want in [
            ("shop.users", "source: nobody", 'no source is named "nobody"'),
            ("shop.users", "source: app", "source app has no changes of tables"),
            ("users", "source: shop", 'table "users"; expected DB.TABLE'),
            ("shop.users, snapshot: none.csv", "source: shop", "none.csv: No such")]:
        text = (CONFIG % (table, "name: string", "")).replace("source: shop", more)
        p = subprocess.run([binary, "check", "-c", write(folder, "c.yaml", text)], capture_output=True, text=True,
                           timeout=60)
        checks.equal(p.returncode, 2, f"{more}: exit status")
        checks.check(want in p.stderr and "c.yaml:6:3" in p.stderr, f"{more}: expected {want!r} in {p.stderr!r}")


# ---- lab captures ----

def read_pcap(path):
    with (gzip.open if path.endswith(".gz") else open)(path, "rb") as f:
        data = f.read()
    scale = 1000 if struct.unpack_from("<I", data)[0] == 0xa1b2c3d4 else 1
    at, out = 24, []
    while at + 16 <= len(data):
        s, frac, n, _ = struct.unpack_from("<IIII", data, at)
        out.append((s * 10**9 + frac * scale, data[at + 16:at + 16 + n]))
        at += 16 + n
    return out


class Model:
    """The table, from the records as they came out: changed at the ends of transactions."""

    def __init__(self, table, key):
        self.stream, self.key, self.rows, self.open = table, key, {}, []

    def see(self, r):
        if r["_stream"] == self.stream and r["op"] in "cud":
            self.open.append(r)
        if r["op"] == "rollback":
            self.open = []
        elif r["source"].get("last") or r["op"] in ("commit", "prepare"):
            self.end()

    def end(self):
        for r in self.open:
            before, after = r["before"] or {}, r["after"]
            key = (after or before).get(self.key, before.get(self.key))
            old = self.rows.pop(str(before.get(self.key, key)), {})
            if after is not None:
                self.rows[str(key)] = {**old, **after}
        self.open = []


def strewn(checks, binary, folder, path, table, key, field, keys):
    """Facts among the packets of a capture see what the records before them in the output say."""
    rng, packets = random.Random(7), read_pcap(path)
    packets.sort(key=lambda p: p[0])
    mixed = []
    for i, (ns, frame) in enumerate(packets):
        mixed.append((ns, frame))
        for k in rng.sample(keys, min(3, len(keys))):
            text = json.dumps({"fact": i, "k": str(k)}).encode() + b"\n"
            mixed.append((ns, ethernet(udp("10.0.0.5", 999, "10.0.0.6", 5140, text))))
    pcap = os.path.join(folder, "strewn.pcap")
    write_pcap(pcap, mixed, sort=False)
    r = replay(binary, pcap, "-c", write(folder, "c.yaml", CONFIG % (table, f"{field}: string", "")))
    name = os.path.basename(path)
    checks.healthy(r, name)
    model, n_hits, wrong = Model(table, key), 0, []
    for record in r.records:
        if "fact" not in record:
            model.see(record)
            continue
        row = model.rows.get(record["k"])
        want = None if row is None or row.get(field) is None else str(row[field])
        n_hits += row is not None
        if record[field] != want:
            wrong.append((record, want))
    checks.equal(wrong[:2], [], f"{name}: what facts see, of {len(mixed) - len(packets)}")
    print(f"{name}: {len(packets)} packets, {n_hits} hits")
    checks.check(n_hits > 20, f"{name}: {n_hits} facts see a row")
    model.end()
    checks.equal(r.count("dimension", "user", "keys"), len(model.rows), f"{name}: keys at the end")


def main():
    binary = os.path.abspath(sys.argv[1])
    checks = Checks()
    with tempfile.TemporaryDirectory() as folder:
        by_hand(checks, binary, folder)
        held(checks, binary, folder)
        refusals(checks, binary, folder)
        shared = os.environ.get("SL_SHARED") or os.path.join(HERE, "..", "..", "..", "shared")
        lab = os.path.join(shared, "data", "pcap", "binlog")
        if os.path.isdir(lab):
            for name, field, last in (("txn-savepoint", "state", 60), ("semisync", "state", 90),
                                      ("rotate-filepos", "customer", 60), ("rotate-reconnect", "amount", 450),
                                      ("capture-gap", "note", 200)):
                strewn(checks, binary, folder, os.path.join(lab, name + ".pcap"), "shop.orders", "id", field,
                       list(range(1, last)))
        else:
            print(f"without lab captures: none at {lab} (SL_SHARED)")
    checks.done()


main()
