#!/usr/bin/env python3
"""Rows of a mysqldump are those that the table's log has: a dimension from one begins as it goes on.

    test_dim_dump.py SLUICED

A MariaDB of its own writes a table with columns of all kinds, its log is replayed, and dumps of it are loaded.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import mariadb  # noqa: E402
from pcaplib import BASE_NS, ethernet, udp, write_pcap  # noqa: E402
from sluice import SKIP, Checks, replay  # noqa: E402

COLUMNS = {
    "name": "VARCHAR(60)", "n": "BIGINT UNSIGNED", "ts": "TIMESTAMP(3) NULL", "bin": "VARBINARY(300)", "blob_": "BLOB",
    "b": "BIT(10)", "d": "DECIMAL(12,3)", "f": "DOUBLE", "e": "ENUM('a','it''s')", "s": "SET('x','y')", "t": "TIME(2)",
    "y": "YEAR", "da": "DATE", "dt": "DATETIME(6)", "tx": "LONGTEXT", "c": "CHAR(5)",
}
ROWS = [
    ["'O\\'Neil \"é\" \\\\ \\n\\t\\0;),('", "18446744073709551615", "'2026-11-25 04:43:16.123'",
     "UNHEX(CONCAT('00ff275c0a0d1a', REPEAT('22', 200)))", "'plain'", "b'1010101010'", "-1.500", "1.5e100", "'it\\'s'",
     "'x,y'", "'-12:34:56.78'", "2026", "'2026-01-31'", "'2026-01-01 00:00:00.000001'", "REPEAT('-- no /* ', 2000)",
     "'ab'"],
    ["NULL"] * len(COLUMNS),
    ["''", "0", "'1970-01-01 00:00:01'", "''", "''", "0", "0", "-0.5", "''", "''", "0", "0", "'0000-00-00'",
     "'0000-00-00 00:00:00'", "''", "''"],
]
CONFIG = """
sources: {{ app: {{ match: {{ udp: 5140 }}, parser: lines }}, shop: {{ match: {{ tcp: 3306 }}, parser: mysql }} }}
dimensions:
  user:
    from: {{ binlog: {{ source: shop, table: shop.users, snapshot: {dump} }} }}
    key: k
    fields: {{ {fields} }}
pipeline: {{ rich: {{ op: enrich, from: app, dimension: user, key: k }} }}
sinks: {{ out: {{ stdout: {{}} }} }}
queues: {{ lab/rich: {{ from: rich, sink: out }} }}
"""


def logged_rows(binary, server):
    """By key, as the log has them."""
    log = os.path.join(server.dir, server.value("SHOW MASTER STATUS"))
    got = replay(binary, log)
    return {r["after"]["k"]: r["after"] for r in got.records if r.get("op") == "c"}


def dumped_rows(binary, folder, dump, n):
    facts = [json.dumps({"k": k + 1}).encode() + b"\n" for k in range(n)]
    pcap, conf = os.path.join(folder, "facts.pcap"), os.path.join(folder, "dump.yaml")
    write_pcap(pcap, [(BASE_NS + i, ethernet(udp("10.0.0.5", 999, "10.0.0.6", 5140, f))) for i, f in enumerate(facts)])
    with open(conf, "w", encoding="utf-8") as f:
        f.write(CONFIG.format(dump=dump, fields=", ".join(f"{c}: string" for c in COLUMNS)))
    return {r["k"]: r for r in replay(binary, pcap, "-c", conf).records}


def same(column, logged, dumped):
    """Fields of a dimension are text here; the log has numbers as such."""
    if logged is None or dumped is None:
        return logged is dumped
    if COLUMNS[column] == "DOUBLE":
        return float(logged) == float(dumped)
    return str(logged) == dumped


def main(binary):
    c = Checks()
    with tempfile.TemporaryDirectory() as folder:
        mariadb.template(folder)
        server = mariadb.Server(folder, "primary", 1, ("--log-bin=bin", "--binlog-format=ROW",
                                                       "--binlog-row-metadata=FULL", "--skip-networking"))
        try:
            server.ask("CREATE DATABASE shop")
            server.ask("CREATE DATABASE other")
            server.ask("CREATE TABLE shop.users (k INT PRIMARY KEY, "
                       + ", ".join(f"{n} {t}" for n, t in COLUMNS.items()) + ", KEY by_name (name))")
            server.ask("CREATE TABLE other.users (k INT PRIMARY KEY)")
            server.ask("INSERT INTO other.users VALUES (1)")
            for k, row in enumerate(ROWS):
                server.ask(f"INSERT INTO shop.users VALUES ({k + 1}, {', '.join(row)})")
            logged = logged_rows(binary, server)
            logged = {k: v for k, v in logged.items() if "name" in v}
            c.equal(sorted(logged), [1, 2, 3], "the log has all rows")
            for name, options in (("by default", ["shop"]), ("of all", ["--all-databases", "--hex-blob"]),
                                  ("with names", ["--databases", "shop", "-c", "--skip-extended-insert"]),
                                  ("in ansi", ["--compatible=ansi", "shop"])):
                dump = os.path.join(folder, "dump.sql")
                with open(dump, "wb") as f:
                    subprocess.run(["mysqldump", "--no-defaults", "-S", server.sock, "--default-character-set=utf8mb4",
                                    *options], stdout=f, check=True)
                rows = dumped_rows(binary, folder, dump, len(ROWS))
                for k, row in logged.items():
                    for column in COLUMNS:
                        c.check(same(column, row[column], rows[k][column]),
                                f"a dump {name}, row {k}: {column} is {rows[k][column]!r:.80}, "
                                f"in the log {row[column]!r:.80}")
        finally:
            server.stop()
    return c.done()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    gone = [*mariadb.missing(), *([] if shutil.which("mysqldump") else ["mysqldump"])]
    if gone:
        print(f"not installed: {', '.join(gone)}")
        sys.exit(1 if os.environ.get("CI") == "true" else SKIP)
    sys.exit(main(os.path.abspath(sys.argv[1])))
