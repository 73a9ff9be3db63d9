#!/usr/bin/env python3
"""Replication as it was captured, against what the servers had in their logs.

pcap/binlog: the project's own lab, where oracle/binlog/NAME.rows.jsonl has every row change with every
value. pcap/mtr and binlog-files: captures and log files of other projects, as many row changes as
mariadb-binlog or a second reader found in them. pcap/mysql: sessions without replication.
"""
import base64
import glob
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

OPS = {"c": "insert", "u": "update", "d": "delete"}
BYTES = {"binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"}
SHAPES = {"geometry", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon",
          "geometrycollection"}
TEXT_OF_BYTES = {"uuid", "inet4", "inet6"}


def hex_of(value):
    return base64.b64decode(value).hex()


def same_value(got, want, raw, column):
    """@raw: what the oracle has as number or hex beside the value."""
    kind = column["data_type"]
    if got is None or want is None:
        return got is None and want is None
    if kind in BYTES:
        return hex_of(got) == want
    if kind in SHAPES:
        return struct.pack("<I", got["srid"]).hex() + hex_of(got["wkb"]) == want
    if kind == "float":
        return struct.pack("<f", got) == struct.pack("<f", float(want))
    if kind == "double":  # the oracle rounds as the column is declared, the log does not
        declared = re.fullmatch(r"double\(\d+,(\d+)\).*", column["column_type"])
        got = round(got, int(declared[1])) if declared else got
        return float(got) == float(want)
    if kind == "timestamp":
        return got == want + "Z"
    if kind == "enum" and isinstance(got, int):
        return got == raw
    if kind == "set" and isinstance(got, int):
        return got == raw % (1 << 64)
    return got == want


def same_image(got, want, raw, columns):
    if got is None or want is None:
        return got is None and want is None
    if set(got) != set(want):
        return False
    return all(same_value(got[c["name"]], want[c["name"]], (raw or {}).get(c["name"]), c)
               for c in columns if c["name"] in want)


class Oracle:
    def __init__(self, folder, name):
        self.rows = list(self.lines(os.path.join(folder, f"{name}.rows.jsonl")))
        self.schemas = list(self.lines(os.path.join(folder, f"{name}.schema.jsonl")))

    @staticmethod
    def lines(path):
        with open(path, encoding="utf-8") as f:
            for line in f:
                yield json.loads(line)

    def columns(self, row):
        found = None
        for s in self.schemas:
            if (s["db"], s["table"]) == (row["db"], row["table"]) and s["from_row"] < row["seq"]:
                found = s["columns"]
        return found


def key_of_record(r):
    s = r["source"]
    return (s["file"], s["pos"], s["row"])


def keys_of_rows(rows):
    """The oracle counts no rows inside of an event."""
    seen = {}
    for row in rows:
        at = (row["file"], row["pos"])
        seen[at] = seen.get(at, -1) + 1
        yield (*at, seen[at]), row


def compare_row(checks, what, oracle, got, want):
    source = got["source"]
    place = f"{what}: {want['file']} {want['pos']}"
    ok = (OPS[got["op"]] == want["op"] and source["db"] == want["db"] and
          source["table"] == want["table"] and got["_stream"] == f"{want['db']}.{want['table']}" and
          source["ts_ms"] == 1000 * want["ts"] and source["gtid"] in (want["gtid"], None))
    checks.check(ok, f"{place}: {source}, expected {want['op']} {want['db']}.{want['table']} {want['gtid']}")
    columns = oracle.columns(want)
    for side in ("before", "after"):
        if not same_image(got[side], want[side], want.get("raw_" + side), columns):
            checks.check(False, f"{place}: {side} is {got[side]!r:.900}, expected {want[side]!r:.900}")
            return False
    return True


def row_changes(run):
    """The changes by place; those of a second replica, or of a reconnect, have the same _id."""
    by_id = {}
    for r in run.records:
        if r.get("op") in OPS:
            by_id.setdefault(r["_id"], r)
    return by_id


def compare(checks, binary, path, oracle, what, wanted):
    """@wanted: whether a row of the oracle must be there. Rows that need not be may be there."""
    run = replay(binary, path)
    checks.healthy(run, what)
    got = {key_of_record(r): r for r in row_changes(run).values()}
    checks.equal(run.count("extract", "mysql", "unparsed"), 0, f"{what}: records that could not be read")
    n_right = n_missing = n_unnamed = 0
    for key, want in keys_of_rows(oracle.rows):
        r = got.pop(key, None)
        if r is None:
            n_missing += wanted(want)
            continue
        n_unnamed += bool(r["source"].get("unnamed"))
        n_right += compare_row(checks, what, oracle, r, want)
    checks.equal((n_missing, len(got)), (0, 0), f"{what}: rows (missing, not expected)")
    checks.equal(n_unnamed, 0, f"{what}: rows without names")
    print(f"{what}: {n_right} of {len(oracle.rows)} rows right, {n_missing} missing")
    return run, n_right


def whole(checks, binary, data, name, capture):
    oracle = Oracle(os.path.join(data, "oracle", "binlog"), name)
    path = os.path.join(data, "pcap", "binlog", capture)
    run, n = compare(checks, binary, path, oracle, capture, lambda row: True)
    checks.equal(n, len(oracle.rows), f"{capture}: rows right")
    checks.equal(run.status, 0, f"{capture}: exit status: {run.err[-300:]}")
    same_transactions(checks, capture, run, oracle)
    no_breaks(checks, capture, run)
    of_the_log_file(checks, binary, data, name, run)


def transactions(rows):
    """The rows of the oracle as (gtid, index in the transaction, is it the last)."""
    sizes = {}
    for row in rows:
        sizes[row["gtid"]] = sizes.get(row["gtid"], 0) + 1
    seen = {}
    for row in rows:
        at = seen[row["gtid"]] = seen.get(row["gtid"], -1) + 1
        yield row["gtid"], at, at + 1 == sizes[row["gtid"]]


def same_transactions(checks, what, run, oracle):
    """Each row has the place in its transaction that it has in the decoded log."""
    got = [r["source"] for r in row_changes(run).values()]
    got = [(s["txid"], s["tx_index"], s.get("last", False)) for s in got]
    want = list(transactions(oracle.rows))
    if want and want[0][0] is None:
        return
    wrong = [(g, w) for g, w in zip(got, want) if g != w]
    checks.equal((len(got), wrong[:3]), (len(want), []), f"{what}: transactions")
    ends = [r for r in run.records if r.get("op") == "commit"]
    checks.equal(len(ends), 0, f"{what}: commits on their own")


def told(run):
    return run.ledger["told"][0]


def no_breaks(checks, what, run):
    """Sessions that were captured whole, reconnects and rotations among them, have no break."""
    checks.equal(told(run)["breaks"], [], f"{what}: breaks")
    checks.check(run.count("chain", "mysql", "in_order") > 0, f"{what}: events in order")
    ends = sum(d["wire"]["transactions"] for d in told(run)["delays"])
    checks.check(ends > 0 and len(told(run)["delays"]) == 1, f"{what}: delays {told(run)['delays']}")


def packets_of(path):
    """TCP over IPv4 or IPv6 over Ethernet: (ns, (address, port) of both ends, seq, ack, flags, payload)."""
    with open(path, "rb") as f:
        data = f.read()
    at, unit = 24, {0xa1b2c3d4: 1000, 0xa1b23c4d: 1}[struct.unpack_from("<I", data)[0]]
    while at < len(data):
        s, part, n = struct.unpack_from("<III", data, at)
        frame, at = data[at + 16:at + 16 + n], at + 16 + n
        if frame[12:14] == b"\x08\0" and frame[23] == 6:
            ip, head = frame[14:14 + struct.unpack_from("!H", frame, 16)[0]], 4 * (frame[14] & 15)
            ends = ip[12:16], ip[16:20]
        elif frame[12:14] == b"\x86\xdd" and frame[20] == 6:
            ip, head = frame[14:54 + struct.unpack_from("!H", frame, 18)[0]], 40
            ends = ip[8:24], ip[24:40]
        else:
            continue
        tcp = ip[head:]
        sport, dport, seq, ack, off, flags = struct.unpack_from("!HHIIBB", tcp)
        yield s * 10**9 + part * unit, (ends[0], sport), (ends[1], dport), seq, ack, flags, tcp[4 * (off >> 4):]


def acknowledged(path):
    """From the commits of a plain session to TCP's acknowledgement, in ns: computed here, for MariaDB.

    A GTID event begins a transaction, and the last event before the next one ends it.
    """
    packets = list(packets_of(path))
    dump = next(p for p in packets if p[2][1] == 3306 and p[6][3:5] == b"\0\x12")
    start = dump[4]  # what the server says next
    stream, acks = {}, []
    for ns, src, dst, seq, ack, flags, payload in packets:
        if (src, dst) == (dump[2], dump[1]) and payload and (seq - start) % 2**32 < 2**31:
            for i, byte in enumerate(payload):
                stream.setdefault((seq - start) % 2**32 + i, byte)
        elif (src, dst) == (dump[1], dump[2]) and flags & 16:
            acks.append((ns, (ack - start) % 2**32))
    said, at, ended, delays = bytes(stream[i] for i in range(len(stream))), 0, None, []

    def end():
        if ended:
            stamp, behind = ended
            ns = next((ns for ns, ack in acks if behind <= ack < 2**31), None)
            delays.append(ns - stamp * 10**9)

    begun = False
    while at + 4 <= len(said):
        size = int.from_bytes(said[at:at + 3], "little")
        stamp, kind = struct.unpack_from("<IB", said, at + 5)
        if kind == 162 or kind in (4, 27):  # a GTID; a rotation or heartbeat
            end()
            begun, ended = kind == 162, None
        elif begun:
            ended = stamp, at + 4 + size
        at += 4 + size
    end()
    return delays


def delays_of_acknowledgements(checks, binary, data):
    path = os.path.join(data, "pcap", "binlog", "types-full-gtid.pcap")
    want, run = acknowledged(path), replay(binary, path)
    d = told(run)["delays"][0]
    got, limits = d["tcp_ack"], [10**n for n in range(5, 12)]
    checks.check(len(want) > 30, f"acknowledgements: {len(want)} in the packets")
    checks.equal((got["transactions"], got["skipped"]), (len(want), 0), "acknowledgements")
    checks.equal((got["min_ns"], got["max_ns"], got["mean_ns"]),
                 (min(want), max(want), sum(want) // len(want)), "delays of acknowledgements")
    below = [sum(ns < limit for ns in want) for limit in limits] + [len(want)]
    checks.equal(list(got["below"].values()), [n - m for n, m in zip(below, [0] + below)],
                 "delays of acknowledgements, by size")
    for name in ("types-full-gtid", "lossy-mtu-primary", "capture-gap-cut"):
        path = os.path.join(data, "pcap", "binlog", f"{name}.pcap")
        one = told(replay(binary, path))
        for more in (["--workers", "2"], ["--workers", "4"], ["--read-size", "997"]):
            checks.equal(told(replay(binary, path, *more)), one, f"{name}: what is told with {more}")
    with tempfile.NamedTemporaryFile("w", suffix=".json") as f:
        json.dump(run.ledger, f)
        f.flush()
        p = subprocess.run([os.path.join(os.path.dirname(binary), "sluicectl"), "ledger", f.name],
                           capture_output=True, timeout=60)
    checks.check(b"commit to acknowledgement by TCP: %d transactions" % len(want) in p.stdout,
                 f"sluicectl ledger: {p.stdout[-500:]}")
    semi = told(replay(binary, os.path.join(data, "pcap", "binlog", "semisync.pcap")))["delays"][0]
    checks.equal((semi["ack"]["transactions"], semi["tcp_ack"]["transactions"]), (14, 0), "semisync: acknowledgements")


def of_the_log_file(checks, binary, data, name, run):
    """The server's own log file gives the records of the wire, down to their ids."""
    def lines(run):
        keep = {}
        for r in run.records:
            for key in ("_time", "_src", "_dst"):
                del r[key]
            keep[r["_id"]] = r
        return keep
    wire = lines(run)
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for packed in sorted(glob.glob(os.path.join(data, "oracle", "binlog", f"{name}.prim-bin.*.gz"))):
            paths.append(os.path.join(folder, os.path.basename(packed)[len(name) + 1:-3]))
            with gzip.open(packed) as f, open(paths[-1], "wb") as out:
                out.write(f.read())
        run = replay(binary, paths)
    checks.healthy(run, f"{name}: log files")
    for key, r in lines(run).items():
        checks.check(wire.pop(key, None) == r, f"{name}: log files: {r} is not that of the wire")
    checks.equal(len(wire), 0, f"{name}: records that are in no log file")


def with_a_hole(checks, binary, data):
    """Packets are missing: what comes out is right, and what does not is told."""
    oracle = Oracle(os.path.join(data, "oracle", "binlog"), "capture-gap")
    path = os.path.join(data, "pcap", "binlog", "capture-gap-cut.pcap")
    run, n = compare(checks, binary, path, oracle, "capture-gap-cut", lambda row: False)
    checks.check(n > len(oracle.rows) // 2, f"capture-gap-cut: only {n} rows")
    checks.check(run.count("frame", "mysql", "gaps") > 0, "capture-gap-cut: no hole was told")
    breaks = told(run)["breaks"]
    checks.equal({b["kind"] for b in breaks}, {"hole"}, "capture-gap-cut: kinds of breaks")
    checks.equal(len(breaks), run.count("chain", "mysql", "holes"), "capture-gap-cut: breaks")
    lost = [row for row in oracle.rows
            if any(b["from"]["pos"] <= row["pos"] < b["to"]["pos"] for b in breaks)]
    checks.equal(len(lost), len(oracle.rows) - n, "capture-gap-cut: rows between the ends of breaks")
    checks.equal(run.status, 1, "capture-gap-cut: exit status")


def joined_late(checks, binary, data):
    """The capture begins in the middle: no file name until the server tells one, so by position."""
    oracle = Oracle(os.path.join(data, "oracle", "binlog"), "midstream")
    run = replay(binary, os.path.join(data, "pcap", "binlog", "midstream.pcap"))
    checks.healthy(run, "midstream")
    got = {key_of_record(r)[1:]: r for r in run.records if r.get("op") in OPS}
    n = 0
    for key, want in keys_of_rows(oracle.rows):
        r = got.pop(key[1:], None)
        if checks.check((r is not None) == want["captured"], f"midstream: {key}: {r and r['source']}") and r:
            n += compare_row(checks, "midstream", oracle, r, want)
    checks.equal((n, len(got)), (80, 0), "midstream: rows (right, not expected)")


def encrypted(checks, binary, data):
    run = replay(binary, os.path.join(data, "pcap", "binlog", "tls.pcap"))
    checks.healthy(run, "tls")
    checks.equal(len(run.records), 0, "tls: records")
    checks.check(run.count("frame", "mysql", "left_alone") > 0, "tls: nothing was left alone")


def very_long(checks, binary, data):
    """One row of more than 16 MiB, whose packet goes on in a second one, and one of just that."""
    path = os.path.join(data, "pcap", "binlog", "big-event-split.pcap.gz")
    with tempfile.NamedTemporaryFile(suffix=".pcap") as f:
        with gzip.open(path) as packed:
            f.write(packed.read())
        f.flush()
        run = replay(binary, f.name)
    checks.healthy(run, "big-event-split")
    got = [r["after"] for r in run.records if r.get("op") == "c"]
    want = [(1, b"x" * 17000000), (2, b"small"), (3, b"y" * 16777172), (4, b"after")]
    got = [(r["id"], base64.b64decode(r["v"])) for r in got]
    checks.equal([(i, len(v)) for i, v in got], [(i, len(v)) for i, v in want],
                 "big-event-split: rows")
    checks.check(got == want, "big-event-split: values")
    checks.equal(run.status, 0, f"big-event-split: exit status: {run.err[-300:]}")


def opened(path):
    return gzip.open(path, "rt", encoding="utf-8", errors="replace") if path.endswith(".gz") else \
        open(path, encoding="utf-8", errors="replace")


def rows_of_readers(oracle):
    """How many row changes two other readers found, in all streams: the one that got farther."""
    by_text = by_reader = 0
    text = glob.glob(oracle + ".mariadb-binlog.txt*") or glob.glob(oracle + ".s*.binlog.txt*")
    for path in text:
        with opened(path) as f:
            by_text += sum(bool(re.match(r"### (INSERT INTO|UPDATE|DELETE FROM) ", x)) for x in f)
    for path in glob.glob(oracle + ".rows.jsonl*") or glob.glob(oracle + ".s*.rows.jsonl*"):
        with opened(path) as f:
            by_reader += sum(len(json.loads(x).get("rows", ())) for x in f)
    return max(by_text, by_reader)


def counted(checks, binary, path, oracle, more=()):
    """@more: files where we read more rows than the others do."""
    name = os.path.basename(path)
    run = replay(binary, path)
    checks.healthy(run, name)
    n = sum(r.get("op") in OPS for r in run.records)
    want = rows_of_readers(oracle)
    if name in more:
        checks.check(n > want, f"{name}: {n} row changes, the others have {want}")
    else:
        checks.equal(n, want, f"{name}: row changes")
    return run


# Partial updates of JSON, VECTOR, tagged GTIDs and MariaDB's compressed events.
ONLY_WE = ("mdb-mdev35643_mysql_80_binlog.000001", "rmc-json.binlog.000001", "rmc-vector.binlog",
           "rmc-binlog_transaction_with_GTID_TAG.000001")


def of_others(checks, binary, data):
    """Captures of other projects' tests, and log files: as many row changes as others read."""
    for path in sorted(glob.glob(os.path.join(data, "pcap", "mtr", "*"))):
        name = os.path.basename(path)
        counted(checks, binary, path, os.path.join(data, "oracle", "pcap", "mtr", name))
    for path in sorted(glob.glob(os.path.join(data, "binlog-files", "*"))):
        name = os.path.basename(path)
        counted(checks, binary, path, os.path.join(data, "oracle", "binlog-files", name),
                ONLY_WE)
    for path in sorted(glob.glob(os.path.join(data, "pcap", "mysql", "*"))):
        name = os.path.basename(path)
        run = replay(binary, path)
        checks.healthy(run, name)
        checks.equal(len(run.records), 0, f"{name}: records of a session without replication")


def main():
    binary, checks = sys.argv[1], Checks()
    data = shared()
    for name in ("types-full-gtid", "types-noblob", "types-minimal-nolog", "compressed-events",
                 "compressed-protocol", "ddl-midstream", "rotate-filepos", "rotate-reconnect", "semisync",
                 "txn-savepoint", "capture-gap"):
        whole(checks, binary, data, name, f"{name}.pcap")
    for side in ("replica", "primary"):
        whole(checks, binary, data, "lossy-mtu", f"lossy-mtu-{side}.pcap")
    delays_of_acknowledgements(checks, binary, data)
    with_a_hole(checks, binary, data)
    joined_late(checks, binary, data)
    encrypted(checks, binary, data)
    very_long(checks, binary, data)
    of_others(checks, binary, data)
    checks.done()


if __name__ == "__main__":
    main()
