#!/usr/bin/env python3
"""MySQL replication made by hand: names that outlive a restart, compressed sessions, TLS, filters."""
import os
import struct
import subprocess
import sys
import tempfile
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
from mysql_primary import OK, Server  # noqa: E402
from pcaplib import BASE_NS, write_pcap  # noqa: E402
from sluice import Checks, replay  # noqa: E402


def pcap(folder, name, make, **how):
    packets = []
    s = Server(packets, **how)
    s.login()
    make(s)
    s.wire.close()
    path = os.path.join(folder, name)
    write_pcap(path, packets)
    return path, s.pos


def config(folder, options):
    path = os.path.join(folder, "shop.yaml")
    with open(path, "w") as f:
        f.write("sources:\n  shop: { match: { tcp: 3306 }, parser: mysql%s }\n"
                "sinks: { out: { stdout: {} } }\nqueues: { lab/shop: { from: shop, sink: out } }\n"
                % "".join(", " + o for o in options))
    return path


def learn(s):
    s.dump("bin.000001")
    s.query("CREATE TABLE orders (id INT UNSIGNED, note VARCHAR(64) CHARACTER SET latin1)")


def rows(run):
    return [r for r in run.records if r.get("op") == "c"]


def restart(checks, binary, folder):
    state = os.path.join(folder, "shop.state.sql")
    conf = config(folder, [f"state: {state}"])
    first, pos = pcap(folder, "first.pcap", learn)

    def later(s):
        s.dump("bin.000001", pos)
        s.insert("orders", 5)

    second, _ = pcap(folder, "second.pcap", later, sport=40001, at_ns=BASE_NS + 10**9)
    before = rows(replay(binary, second, "-c", config(folder, [])))
    checks.equal(before[0]["after"], {"c1": 5, "c2": "v"}, "without the first capture nothing is known")
    conf = config(folder, [f"state: {state}"])
    r = replay(binary, first, "-c", conf)
    checks.healthy(r, "the capture with the DDL")
    with open(state) as f:
        text = f.read()
    checks.check("CREATE TABLE `shop`.`orders` (\n  `id` int unsigned,\n  `note` varchar(64) CHARACTER SET latin1\n)"
                 in text and f"\n-- @table 1:{pos} flags 1\n" in text and f" followed 1:{pos}\n" in text,
                 f"the state is SQL with places: {text}")
    for workers in ("1", "2", "4"):
        r = replay(binary, second, "-c", conf, "--workers", workers)
        checks.healthy(r, "the capture behind the DDL")
        got = rows(r)
        checks.equal(got[0]["after"], {"id": 5, "note": "v"}, f"names after a restart, {workers} workers")
        checks.check("unsure" not in got[0]["source"], "nothing was missed between the two")
    third, _ = pcap(folder, "third.pcap", lambda s: (s.dump("bin.000004", 4), s.insert("orders", 6)), sport=40002)
    got = rows(replay(binary, third, "-c", conf))
    checks.check(got[0]["after"] == {"id": 6, "note": "v"} and got[0]["source"].get("unsure") is True,
                 f"behind a part of the log that nobody saw: {got}")
    damaged(checks, binary, folder, state, conf, second)


def keyed(checks, binary, folder):
    """Row events do not tell the primary key with binlog_row_metadata=MINIMAL; the DDL did, before a restart."""
    state = os.path.join(folder, "keyed.state.sql")

    def create(s):
        s.dump("bin.000001")
        s.query("CREATE TABLE orders (id INT UNSIGNED, note VARCHAR(64), PRIMARY KEY (id))")
        s.query("CREATE TABLE logs (id INT UNSIGNED, note VARCHAR(64))")
    first, pos = pcap(folder, "keyed1.pcap", create)
    second, _ = pcap(folder, "keyed2.pcap",
                     lambda s: (s.dump("bin.000001", pos), s.insert("orders", 5), s.insert("logs", 6)), sport=40001)
    conf = config(folder, [f"state: {state}"])
    with open(conf) as f:
        text = f.read()
    checks.healthy(replay(binary, first, "-c", conf), "the capture with the keys")
    for form, key, none in (("canal-json", "pkNames", None), ("maxwell-json", "primary_key_columns", None)):
        with open(conf, "w") as f:
            f.write(text.replace("sink: out", f"sink: out, format: {form}"))
        got = [r.get(key) for r in replay(binary, second, "-c", conf).records]
        checks.equal(got, [["id"], none], f"{form}: {key} of two tables")


def damaged(checks, binary, folder, state, conf, capture):
    with open(state) as f:
        lines = f.read().splitlines(True)
    with open(state, "w") as f:
        f.writelines(line.replace(" flags 1", " flags x") for line in lines)
    at = 1 + next(i for i, line in enumerate(lines) if line.startswith("-- @table"))
    for args in (["replay", "-c", conf, capture], ["check", "-c", conf]):
        p = subprocess.run([binary, *args], capture_output=True, timeout=60)
        said = p.stderr.decode()
        checks.check(p.returncode == 2 and f"source shop: {state}:{at}: state: " in said,
                     f"{args[0]}: a damaged state is told by line: {p.returncode} {said}")
    missing = config(folder, [f"state: {folder}/nowhere/x.sql"])
    r = replay(binary, capture, "-c", missing)
    checks.check(r.status == 1 and "nowhere/x.sql" in r.err, f"a folder that is not there: {r.status} {r.err}")


def content(run):
    return [{k: r[k] for k in ("_id", "_stream", "op", "after", "source", "sql") if k in r} for r in run.records]


def compressed(checks, binary, folder):
    def make(s):
        learn(s)
        s.insert("orders", 1, 3)
        s.insert("orders", 100, 2000)

    plain = replay(binary, pcap(folder, "plain.pcap", make)[0])
    checks.equal(len(rows(plain)), 2003, "a plain session: rows")
    for how in ("zlib", "zstd"):
        r = replay(binary, pcap(folder, f"{how}.pcap", make, squeeze=how)[0])
        checks.healthy(r, how)
        checks.check(content(r) == content(plain), f"{how}: the same records as without compression")
        checks.equal(r.count("frame", "mysql", "skipped"), 0, f"{how}: nothing is skipped")


def long_commands(checks, binary, folder):
    """A set of GTIDs that does not compress: far more than 16 KiB on the wire."""
    gtids = struct.pack("<Q", 2000) + b"".join(
        zlib.crc32(b"%d" % i).to_bytes(4, "little") * 4 + struct.pack("<QQQ", 1, 1, 2 + i * 7919 % 10**9)
        for i in range(2000))
    for how in (None, "zlib", "zstd"):
        def make(s):
            s.command(b"\x03" + b"SET @slave_uuid = 'x'")
            s.say(1, OK, 1)
            s.dump("bin.000001", 4, gtids)
            s.query("CREATE TABLE orders (id INT, note VARCHAR(64))")
            s.insert("orders", 1, 3)

        path, _ = pcap(folder, "long.pcap", make, squeeze=how)
        r = replay(binary, path)
        checks.healthy(r, f"long dump, {how}")
        checks.equal([x["after"] for x in rows(r)], [{"id": 1 + i, "note": "v"} for i in range(3)],
                     f"a dump of {os.path.getsize(path)} bytes, {how}")


def tls(checks, binary, folder):
    def make(s):
        s.wire.send(b"\x16\3\1\0\x40" + bytes(64), 0)
        s.wire.send(b"\x16\3\3\0\x40" + bytes(64), 1)

    r = replay(binary, pcap(folder, "tls.pcap", make, squeeze="tls")[0])
    checks.healthy(r, "TLS")
    checks.check(r.count("frame", "mysql", "left_alone") >= 138 and not r.records,
                 "a session that turns to TLS is left alone, and counted")


def filters(checks, binary, folder):
    def make(s):
        learn(s)
        s.insert("orders", 1, 2)
        s.insert("users", 1, 100)

    path, _ = pcap(folder, "filter.pcap", make)
    everything = replay(binary, path, "-c", config(folder, []))
    r = replay(binary, path, "-c", config(folder, ["tables: [SHOP.ord*]", "ignore_case: true"]))
    checks.healthy(r, "filter")
    checks.equal({x["_stream"] for x in rows(r)}, {"shop.orders"}, "only the tables that are wanted")
    passed = r.count("frame", "shop", "passed_over") - everything.count("frame", "shop", "passed_over")
    checks.equal(passed, 19 + 12 + 7 * 100 + 4 + 5 + 19 + 28 + 4 + 5,
                 "the bytes of other rows and their table map are policy in the ledger")
    bad = config(folder, ["tables: [shop.*, 'shop.o%']"])
    p = subprocess.run([binary, "check", "-c", bad], capture_output=True, timeout=60)
    said = p.stderr.decode()
    checks.check(p.returncode == 2 and 'tables[1]: "shop.o%" has a %; expected *' in said and f"{bad}:2:" in said,
                 f"a pattern that is none: {p.returncode} {said}")


def main():
    binary, checks = sys.argv[1], Checks()
    with tempfile.TemporaryDirectory() as folder:
        restart(checks, binary, folder)
        keyed(checks, binary, folder)
        compressed(checks, binary, folder)
        long_commands(checks, binary, folder)
        tls(checks, binary, folder)
        filters(checks, binary, folder)
    checks.done()


if __name__ == "__main__":
    main()
