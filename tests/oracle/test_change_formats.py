#!/usr/bin/env python3
"""The formats of row changes, over every capture of replication: the same rows in all of them.

Every line of debezium-json, canal-json and maxwell-json is one that its readers take (support/
change_formats.py has their rules), and has the values of the same record in format json.
"""
import gzip
import os
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import change_formats as cf  # noqa: E402
from sluice import Checks, replay, shared  # noqa: E402

ENDS = ("commit", "rollback", "prepare")
CONF = """
sources: {{ shop: {{ parser: mysql, match: {{ tcp: 3306, probe: true }} }} }}
sinks: {{ out: {{ stdout: {{}} }} }}
queues: {{ a/b: {{ from: shop, sink: out, format: {}, ddl: {} }} }}
"""


def run_as(binary, path, fmt, ddl="true"):
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as conf:
        conf.write(CONF.format(fmt, ddl))
        conf.flush()
        return replay(binary, path, "-c", conf.name)


def image_faults(fmt, got, want, types):
    """Columns of @got that are not what format json has for them."""
    if got is None or want is None:
        return [] if got is want else ["the image"]
    if list(got) != list(want):
        return [f"columns {list(got)}"]
    return [f"{k} ({types[k]}): {got[k]!r:.200} of {want[k]!r:.200}" for k in got
            if not cf.same(fmt, got[k], want[k], types[k])]


def overlaid(record):
    """The row behind the change, and what changed: of smaller images, what both have."""
    before, after = record["before"] or {}, record["after"] or {}
    data = {**before, **after}
    old = {k: v for k, v in before.items() if record["op"] == "u" and k in after and after[k] != v}
    return data, old


def row_faults(fmt, got, record, types):
    source = record["source"]
    faults = [] if (got["op"], got["db"], got["table"]) == (record["op"], source["db"], source["table"]) else \
        [f"{got['op']} {got['db']}.{got['table']}"]
    if fmt == "debezium-json":
        for side in ("before", "after"):
            faults += image_faults(fmt, got[side], record[side], types)
        images = [got["before"], got["after"]]
    else:
        data, old = overlaid(record)
        faults += [] if set(got["data"]) == set(data) else [f"columns {sorted(got['data'])}"]
        faults += image_faults(fmt, got["data"], {k: data.get(k) for k in got["data"]}, types)
        faults += image_faults(fmt, got["old"], old, types)
        images = [got["data"], got["old"]]
    if fmt != "debezium-json" and faults:
        return faults
    for image in images:
        for k, v in (image or {}).items():
            zero = fmt != "debezium-json" and isinstance(v, str) and cf.base_type(types[k]) in cf.DATES and \
                cf.no_date(v)
            if not zero and not cf.flink_parses(v, types[k]):
                faults.append(f"{k}: Flink does not take {v!r:.100} for {types[k]}")
    return faults


def read_all(checks, run, fmt, what):
    rows = []
    for line in run.out.splitlines():
        try:
            rows.append(cf.READERS[fmt](cf.load(line)))
        except (cf.Refused, ValueError, KeyError, TypeError) as e:
            checks.check(False, f"{what}: {fmt}: refused: {e}: {line[:400]}")
    return rows


def compare(checks, binary, path, what):
    as_json = run_as(binary, path, "json")
    records = [r for r in map(cf.load, as_json.out.splitlines()) if "_error" not in r]
    n_lost = len(as_json.out.splitlines()) - len(records)
    n_ends = sum(r["op"] in ENDS for r in records)
    records = [r for r in records if r["op"] not in ENDS]
    types = None
    for fmt in ("canal-json", "debezium-json", "maxwell-json"):
        run = run_as(binary, path, fmt)
        checks.healthy(run, f"{what}: {fmt}")
        checks.equal(run.count("queue", "a/b", "no_form"), n_lost, f"{what}: {fmt}: records without a form")
        checks.equal(run.count("queue", "a/b", "ends"), n_ends, f"{what}: {fmt}: ends of transactions")
        rows = read_all(checks, run, fmt, what)
        if not checks.equal([r["id"] for r in rows], [r["_id"] for r in records], f"{what}: {fmt}: ids"):
            return 0
        types = types or [r.get("types") for r in rows]
        for got, record, of in zip(rows, records, types):
            if record["op"] == "ddl":
                checks.equal(got["sql"], record["sql"], f"{what}: {fmt}: statement")
                continue
            faults = row_faults(fmt, got, record, of)
            checks.check(not faults, f"{what}: {fmt}: {got['id']}: {'; '.join(faults[:3])}")
    left_out = run_as(binary, path, "canal-json", "false")
    n_ddl = sum(r["op"] == "ddl" for r in records)
    checks.healthy(left_out, f"{what}: without ddl")
    checks.equal(left_out.count("queue", "a/b", "ddl"), n_ddl, f"{what}: statements left out")
    checks.equal(len(left_out.out.splitlines()), len(records) - n_ddl, f"{what}: lines without ddl")
    return len(records) - n_ddl


def whole(checks, binary, path):
    what = os.path.basename(path)
    if not path.endswith(".gz"):
        return compare(checks, binary, path, what)
    with tempfile.NamedTemporaryFile() as f:
        with gzip.open(path) as packed:
            f.write(packed.read())
        f.flush()
        return compare(checks, binary, f.name, what)


def documented_lines_are_those_of_a_run(checks, binary, path):
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "output.md"), "rb") as f:
        lines = f.read().split(b"\n")
    for fmt in cf.FORMATS:
        shown = [line for line in run_as(binary, path, fmt).out.split(b"\n")[:-1] if line in lines]
        checks.check(shown, f"docs/output.md: no line of {fmt} is one of {os.path.basename(path)}")


def main():
    checks = Checks()
    binary = sys.argv[1]
    here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "golden", "mysql")
    if len(sys.argv) > 2:
        paths = sys.argv[2:]
    else:
        folder = os.path.join(shared(), "pcap", "binlog")
        paths = [os.path.join(d, n) for d in (here, folder) for n in sorted(os.listdir(d)) if "binlog" in n or "pcap" in n]
    if len(sys.argv) == 2:
        documented_lines_are_those_of_a_run(checks, binary, os.path.join(folder, "txn-savepoint.pcap"))
    n = sum(whole(checks, binary, path) for path in paths)
    print(f"{n} row changes in {len(paths)} captures")
    checks.check(n > 0, "no row changes at all")
    checks.done()


if __name__ == "__main__":
    main()
