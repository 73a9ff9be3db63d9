#!/usr/bin/env python3
"""Row changes that became dead letters, of real servers: a retry makes the same records of them as if nothing had failed.

    test_dead_rows.py SLUICED
"""
import gzip
import json
import os
import re
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from sluice import Checks, replay, shared  # noqa: E402

CONFIG = """
sources: {{ shop: {{ match: {{ tcp: 3306 }}, parser: mysql, query: true, statements: true{schema} }} }}
sinks: {{ out: {{ stdout: {{}} }} }}
{pipeline}
queues: {{ lab/shop: {{ from: {last}, sink: out, format: {format} }} }}
"""
# Of each row one in three ends in an error.
STRICT = "pipeline: { odd: { op: filter, from: shop, where: \"1 / ((source->>'pos')::int / 2 % 3) < 9\" } }"
MENDED = "pipeline: { odd: { op: filter, from: shop, where: \"(source->>'pos')::int >= 0\" } }"
CHANGES = ("c", "u", "d", "ddl", "statement", "commit", "rollback", "prepare")


def sql_of(folder, name, more=""):
    """The tables as the oracle saw them first; @more: what nobody has made there."""
    text, seen = "", set()
    with open(os.path.join(folder, f"{name}.schema.jsonl"), encoding="utf-8") as f:
        for s in map(json.loads, f):
            if (s["db"], s["table"]) in seen:
                continue
            seen.add((s["db"], s["table"]))
            columns = [f"`{c['name']}` {c['column_type']}" + (f" CHARACTER SET {c['charset']}" if c["charset"] else "")
                       for c in s["columns"]]
            text += f"CREATE TABLE `{s['db']}`.`{s['table']}` ({', '.join(columns)}{more});\n"
    return text


def log_without_ddl(path, out):
    """A server's log in which nothing says how tables are made, so that the schema file has the say."""
    with gzip.open(path) as f:
        log = f.read()
    events, at = [], 4
    while at < len(log):
        size = struct.unpack_from("<I", log, at + 9)[0]
        events.append(log[at:at + size])
        at += size
    ddl = [e[4] == 2 and re.search(rb"\b(CREATE|ALTER|DROP|GRANT) ", e) is not None for e in events]
    with open(out, "wb") as f:
        f.write(log[:4])
        for i, e in enumerate(events):
            if not ddl[i] and not any(ddl[i + 1:i + 2]):  # nor the GTID in front
                f.write(e)


class Rig:
    def __init__(self, binary, folder):
        self.binary, self.folder, self.t = binary, folder, Checks()
        self.ctl = os.path.join(os.path.dirname(binary), "sluicectl")

    def conf(self, letters=True, schema=None, pipeline="", form="json"):
        path = os.path.join(self.folder, "c.yaml")
        if schema is not None:
            with open(os.path.join(self.folder, "shop.sql"), "w", encoding="utf-8") as f:
                f.write(schema)
        with open(path, "w", encoding="utf-8") as f:
            f.write(CONFIG.format(schema=", schema: shop.sql" if schema is not None else "", pipeline=pipeline,
                                  last="odd" if pipeline else "shop", format=form) +
                    ("dead_letters: { dir: dlq }\n" if letters else ""))
        return path

    def run(self, capture, **how):
        r = replay(self.binary, capture, "-c", self.conf(**how))
        self.t.healthy(r, capture)
        return r

    def dlq(self, *args):
        return subprocess.run([self.ctl, "dlq", *args], capture_output=True, text=True, timeout=120, check=False)

    def letters(self):
        p = self.dlq("ls", "--each", "--json", os.path.join(self.folder, "dlq"))
        return [json.loads(line) for line in p.stdout.splitlines()]

    def retry(self, **how):
        return self.dlq("retry", "--all", "-c", self.conf(**how))

    def empty(self):
        folder = os.path.join(self.folder, "dlq")
        for name in os.listdir(folder):
            os.unlink(os.path.join(folder, name))


def lines_of(text):
    """Without the places of transactions' ends: where the last change is a letter, its end is a record of its own."""
    return sorted(line for line in text.splitlines() if '"op":"commit"' not in line)


def mends(rig, capture, what, wrong, right, twice=False):
    """Fails with @wrong, is mended with @right: all records are there, each once, byte for byte."""
    want = rig.run(capture, letters=False, **right)
    rig.t.check(len(want.records) > 20, f"{what}: {len(want.records)} records")
    before = rig.run(capture, **wrong)
    letters = rig.letters()
    rig.t.check(letters and before.status == 1, f"{what}: there are letters: {before.err[-300:]}")
    if twice:
        again = rig.retry(**wrong)
        rig.t.equal((again.returncode, f"{len(letters)} failed again" in again.stderr), (1, True),
                    f"{what}: not mended: {again.stderr[-300:]}")
    p = rig.retry(**right)
    rig.t.equal(p.returncode, 0, f"{what}: mended: {p.stderr[-400:]}")
    rig.t.check(f"{len(letters)} went through" in p.stderr, f"{what}: all went through: {p.stderr[-300:]}")
    got, wanted = lines_of(before.out.decode() + p.stdout), lines_of(want.out.decode())
    rig.t.equal(len(got), len(wanted), f"{what}: records")
    odd = [(g, w) for g, w in zip(got, wanted) if g != w]
    rig.t.check(not odd, f"{what}: {len(odd)} differ: {odd[:1]}")
    rig.t.equal({x["state"] for x in rig.letters()}, {"retried"}, f"{what}: marked")
    print(f"{what}: {len(letters)} letters, {len(p.stdout.splitlines())} of {len(wanted)} records from them")
    rig.empty()


def main():
    captures, oracles = (os.path.join(shared(), *p) for p in (("pcap", "binlog"), ("oracle", "binlog")))
    with tempfile.TemporaryDirectory() as folder:
        rig = Rig(os.path.abspath(sys.argv[1]), folder)
        nolog = os.path.join(folder, "prim-bin.000001")
        log_without_ddl(os.path.join(oracles, "types-minimal-nolog.prim-bin.000001.gz"), nolog)
        right = sql_of(oracles, "types-minimal-nolog")
        for what, wrong in (("a column too many", sql_of(oracles, "types-minimal-nolog", ", `more` int")),
                            ("a column of another type", right.replace("bigint", "varchar(9)"))):
            mends(rig, nolog, what, {"schema": wrong}, {"schema": right}, twice=True)
        for name in ("types-full-gtid", "compressed-events", "ddl-midstream"):
            mends(rig, os.path.join(captures, name + ".pcap"), name, {"pipeline": STRICT}, {"pipeline": MENDED})
        mends(rig, os.path.join(captures, "txn-savepoint.pcap"), "as Debezium's", {"pipeline": STRICT, "form": "debezium-json"},
              {"pipeline": MENDED, "form": "debezium-json"})
    rig.t.done()


main()
