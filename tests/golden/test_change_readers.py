#!/usr/bin/env python3
"""The formats of row changes on a log of the tree's own; and that their readers' rules refuse what is wrong.

A random history of a MariaDB with DDL in between, and the same with one event damaged, in all formats;
the same bytes with 1, 2 and 4 workers; what `sluiced check` says of a source that has no row changes.
"""
import gzip
import json
import os
import subprocess
import sys
import tempfile
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
sys.path.insert(0, os.path.join(HERE, "..", "oracle"))
import change_formats as cf  # noqa: E402
from sluice import Checks, replay  # noqa: E402
from test_change_formats import CONF, compare, run_as  # noqa: E402

LOG = os.path.join(HERE, "mysql", "random-ddl.mariadb-10.11.binlog.gz")
ROWS = {23, 24, 25, 30, 31, 32}

# In the documented shapes, by hand.
GOOD = {
    "debezium-json": '{"before":null,"after":{"id":1},"source":{"version":"1","connector":"mysql","name":"n",'
                     '"snapshot":"false","db":"d","table":"t","ts_ms":1,"_id":"i","_time":"t"},"op":"c",'
                     '"ts_ms":2,"transaction":{"id":"x","total_order":1}}',
    "canal-json": '{"data":[{"id":"1","a":null}],"database":"d","es":1,"id":0,"isDdl":false,'
                  '"mysqlType":{"id":"int","a":"text"},"old":[{"a":"x"}],"pkNames":["id"],"sql":"",'
                  '"sqlType":{"id":4,"a":2005},"table":"t","ts":2,"type":"UPDATE","_id":"i","_time":"t"}',
    "maxwell-json": '{"database":"d","table":"t","type":"update","ts":1,"xid":2,"commit":true,'
                    '"position":"f:4","data":{"id":1,"a":2},"old":{"a":null},"_id":"i","_time":"t"}',
}
# What their consumers fail on, as a change of the good one.
BAD = {
    "debezium-json": [('"before":null,', ""), ('"op":"c"', '"op":"x"'), ('"op":"c"', '"op":"u"'),
                      ('"ts_ms":2', '"ts_ms":"2"'), ('"name":"n"', '"name":{"n":1}'),
                      ('"after":{"id":1}', '"after":[1]'), ('"after":{"id":1}', '"after":{"id":1,"id":2}'),
                      ('"after":{"id":1}', '"after":{"id":NaN}')],
    "canal-json": [('"id":"1"', '"id":1'), ('"old":[{"a":"x"}]', '"old":null'), ('"type":"UPDATE"', '"type":"update"'),
                   ('"sqlType":{"id":4,"a":2005}', '"sqlType":{"id":4}'), ('"es":1', '"es":"1"'),
                   ('"isDdl":false', '"isDdl":"false"'), ('"pkNames":["id"]', '"pkNames":[]')],
    "maxwell-json": [('"type":"update"', '"type":"UPDATE"'), ('"old":{"a":null},', ""), ('"ts":1', '"ts":1.5'),
                     ('"data":{"id":1,"a":2}', '"data":[1]'), ('"old":{"a":null}', '"old":{"b":null}'),
                     ('"position":"f:4"', '"position":"f"'), ('"commit":true', '"commit":true,"xoffset":1')],
}


def readers_refuse_what_is_wrong(checks):
    for fmt, line in GOOD.items():
        cf.READERS[fmt](cf.load(line))
        for old, new in BAD[fmt]:
            changed = line.replace(old, new)
            assert changed != line, (fmt, old)
            try:
                cf.READERS[fmt](cf.load(changed))
                checks.check(False, f"{fmt}: taken: {changed}")
            except cf.Refused:
                checks.check(True, "")


def values_that_differ_are_told(checks):
    for fmt, got, value, declared, good in [
            ("debezium-json", True, cf.Num("1"), "bit(1)", True), ("debezium-json", cf.Num("1"), cf.Num("1"), "bit(1)", False),
            ("debezium-json", "AgE=", cf.Num("258"), "bit(9)", True), ("debezium-json", None, "0000-00-00", "date", True),
            ("canal-json", "1", cf.Num("1"), "int", True), ("canal-json", cf.Num("1"), cf.Num("1"), "int", False),
            ("canal-json", "\x00\xff", "AP8=", "blob", True), ("canal-json", "2024-01-01 00:00:00", "2024-01-01 00:00:00Z", "timestamp", True),
            ("maxwell-json", cf.Num("1.50"), "1.50", "decimal(3,2)", True), ("maxwell-json", cf.Num("1.5"), "1.50", "decimal(3,2)", False),
            ("maxwell-json", ["a", "b"], "a,b", "set('a','b')", True), ("maxwell-json", "a,b", "a,b", "set('a','b')", False)]:
        checks.equal(cf.same(fmt, got, value, declared), good, f"{fmt}: {got!r} of {value!r} as {declared}")


def damaged(log):
    """One event of rows says that it has a column more, and its sum is right: a dead letter."""
    at = 4
    while at + 19 <= len(log):
        kind, size = log[at + 4], int.from_bytes(log[at + 9:at + 13], "little")
        if kind in ROWS:
            body = bytearray(log[at:at + size - 4])
            body[19 + (10 if kind >= 30 else 8)] += 1
            return log[:at] + bytes(body) + zlib.crc32(body).to_bytes(4, "little") + log[at + size:]
        at += size
    raise AssertionError("no event of rows")


def with_workers(checks, binary, path):
    for fmt in cf.FORMATS:
        want = run_as(binary, path, fmt).out
        for n in ("2", "4"):
            with tempfile.NamedTemporaryFile("w", suffix=".yaml") as conf:
                conf.write(f"workers: {n}\n" + CONF.format(fmt, "true"))
                conf.flush()
                checks.check(replay(binary, path, "-c", conf.name).out == want, f"{fmt}: other bytes with {n} workers")


def a_source_without_row_changes_is_refused(checks, binary):
    conf = CONF.format("canal-json", "false").replace("parser: mysql", "parser: syslog").replace("tcp: 3306", "udp: 514")
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as f:
        f.write(conf)
        f.flush()
        p = subprocess.run([binary, "check", "-c", f.name], capture_output=True, text=True, timeout=30)
    checks.equal(p.returncode, 2, "check: exit status")
    checks.check("format canal-json is for changes of rows" in p.stderr, f"check says: {p.stderr}")


def main():
    checks = Checks()
    binary = sys.argv[1]
    readers_refuse_what_is_wrong(checks)
    values_that_differ_are_told(checks)
    a_source_without_row_changes_is_refused(checks, binary)
    with gzip.open(LOG) as f:
        log = f.read()
    with tempfile.TemporaryDirectory() as folder:
        good, bad = (os.path.join(folder, name) for name in ("log.000001", "damaged.000001"))
        for path, data in ((good, log), (bad, damaged(log))):
            with open(path, "wb") as f:
                f.write(data)
        n = compare(checks, binary, good, "random-ddl")
        checks.check(n > 400, f"only {n} row changes")
        compare(checks, binary, bad, "random-ddl, damaged")
        run = run_as(binary, bad, "canal-json")
        checks.check(run.count("queue", "a/b", "no_form") > 0, "no dead letter was left out")
        checks.equal(run.status, 1, "exit status with a dead letter")
        with_workers(checks, binary, good)
    checks.done()


if __name__ == "__main__":
    main()
