#!/usr/bin/env python3
"""The ClickHouse sink and a real ClickHouse: what was read from a capture is in the table, whatever the server does
meanwhile; and where it cannot be, the ledger says how much and why.

    test_clickhouse.py SLUICED        Debian's server
    test_clickhouse.py SLUICED new    the engine of a newer one, behind an HTTP front of our own
"""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from lines_capture import make_capture  # noqa: E402
from pcaplib import BASE_NS, ethernet, udp, write_pcap  # noqa: E402
from sluice import SKIP, Checks, replay  # noqa: E402

SERVICES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "scripts", "services")
N_LARGE, N_SLOW, N_NEW = 200_000, 40_000, 50_000
COLUMNS = "_id String, _time DateTime, _src String, n UInt32, k String, pad String"
CONFIG = """
sources:
  lines: {{ match: {{ udp: 5170 }}, parser: lines }}
sinks:
  c: {{ clickhouse: {{ url: "http://127.0.0.1:{port}", {options} }} }}
queues:
{queues}
"""
# A column's type, and values for it as JSON; all of them are both in a row of JSONEachRow and in one of RowBinary.
TYPES = {
    "UInt8": ["0", "255"], "UInt16": ["1", "65535"], "UInt64": ["18446744073709551615", "7"], "Int8": ["-128", "127"],
    "Int16": ["-3", "32767"], "Int32": ["-2147483648", "9"], "Int64": ["-9223372036854775808", "1"],
    "Float32": ["1.5", "-2"], "Float64": ["1e100", "-0.125"], "String": ['"a\\u00e9\\n\\"\\\\"', '""'],
    "FixedString(5)": ['"abc"', '"abcde"'], "Date": ['"2026-11-25"', '"1970-01-01"'],
    "DateTime": ['"2026-11-25T04:43:16Z"', '"2026-11-25 04:43:16"'],
    "DateTime('Europe/Berlin')": ['"2026-11-25T04:43:16Z"', "1795581796"],
    "Enum8('a' = 1, 'it\\'s' = -2)": ['"a"', '"it\'s"'], "Enum16('x' = 300)": ['"x"', '"x"'],
    "UUID": ['"00112233-4455-6677-8899-aabbccddeeff"', '"ffffffff-0000-1111-2222-333333333333"'],
    "Decimal(9, 2)": ["1.25", "-7.5"], "Decimal(18, 4)": ["123456789.0625", "-1"], "Decimal(38, 6)": ["0.000001", "12345"],
    "Nullable(UInt32)": ["null", "5"], "Nullable(String)": ["null", '"x"'], "Array(UInt8)": ["[]", "[1,2,3]"],
    "Array(String)": ['["a","b,]\\""]', '[""]'], "Array(Nullable(Int16))": ["[null,-1]", "[]"],
}


class ClickHouse:
    script = os.path.join(SERVICES, "clickhouse.sh")

    def __init__(self, folder, port):
        self.folder, self.port, self.p = folder, port, None

    def start(self, *password):
        with open(os.path.join(self.folder, "clickhouse.log"), "ab") as log:
            self.p = subprocess.Popen([self.script, "run", os.path.join(self.folder, "clickhouse"), str(self.port), *password],
                                      stdout=log, stderr=log)
        for _ in range(300):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=5).read()
                return
            except OSError:
                time.sleep(0.1)
        raise RuntimeError("ClickHouse does not start")

    def end(self, number=signal.SIGTERM):
        if self.p:
            self.p.send_signal(signal.SIGCONT)
            self.p.send_signal(number)
            try:
                self.p.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self.p.kill()
                self.p.wait()
        self.p = None

    def ask(self, query):
        try:
            return urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", query.encode(), timeout=60).read().decode()
        except urllib.error.HTTPError as e:
            raise RuntimeError(f"{query[:200]}: {e.read().decode()[:300]}") from e

    def row(self, query):
        return self.ask(query).rstrip("\n").split("\t")


class NewClickHouse(ClickHouse):
    script = os.path.join(SERVICES, "clickhouse-engine.sh")

    def look(self, what):
        return urllib.request.urlopen(f"http://127.0.0.1:{self.port}/{what}", timeout=5).read()

    def seen(self):
        return json.loads(self.look("seen"))


class Lab:
    keeps_tokens = ""  # of a table
    twice_max = 4096 * 2  # 18.16 has no tokens: of an insert without an answer a second one is allowed

    def __init__(self, binary, server):
        self.binary, self.folder, self.t = binary, server.folder, Checks()
        self.server = server

    def path(self, name):
        return os.path.join(self.folder, name)

    def replay(self, capture, queues, *args, options="linger: 300ms"):
        with open(self.path("sluice.yaml"), "w", encoding="utf-8") as f:
            f.write(CONFIG.format(port=self.server.port, options=options, queues=queues))
        return replay(self.binary, capture, "-c", self.path("sluice.yaml"), *args, timeout=120)

    def expect_written(self, run, queue, n, what):
        self.t.healthy(run, what)
        self.t.equal(run.status, 0, f"{what}: exit status: {run.err[-400:]}")
        self.t.equal(run.count("sink", queue, "written"), n, f"{what}: written in the ledger: {run.err[-400:]}")

    # -- what is tested --

    def many(self):
        self.inserts(N_LARGE, (("json", "compression: gzip"), ("rows", "format: RowBinary"),
                               ("zipped", "format: RowBinary, compression: gzip")))

    def inserts(self, n_recs, forms):
        make_capture(self.path("large.pcap"), n_recs, 1)
        for name, options in forms:
            self.server.ask(f"CREATE TABLE lab.{name} ({COLUMNS}) ENGINE = TinyLog")
            run = self.replay(self.path("large.pcap"), f"  lab/{name}: {{ from: lines, sink: c }}\n", options=options)
            self.expect_written(run, f"lab/{name}", n_recs, name)
            # TinyLog keeps the order of inserts.
            got = self.server.ask(f"SELECT n FROM lab.{name} FORMAT TSV").split()
            self.t.check([int(n) for n in got] == list(range(n_recs)), f"{name}: each record once, in order")
            first = json.loads(self.server.ask(f"SELECT * FROM lab.{name} WHERE n = 5 FORMAT JSONEachRow"))
            self.t.check(first.pop("_id"), f"{name}: it has an id")
            self.t.equal(first, {"_time": "2026-11-25 04:43:16", "_src": "10.0.0.1:40000", "n": 5, "k": "key-5",
                                 "pad": "x" * 110}, f"{name}: a row")

    def types(self):
        columns = ", ".join(f"c{i} {t}" for i, t in enumerate(TYPES))
        for table in ("typed_json", "typed_rows"):
            self.server.ask(f"CREATE TABLE lab.{table} (i UInt8, {columns}) ENGINE = TinyLog")
        lines = ["{" + f'"i":{k},' + ",".join(f'"c{i}":{v[k]}' for i, v in enumerate(TYPES.values())) + "}\n" for k in (0, 1)]
        write_pcap(self.path("types.pcap"), [(BASE_NS + i, ethernet(udp("10.0.0.1", 999, "10.0.0.2", 5170, line.encode())))
                                             for i, line in enumerate(lines)])
        for table, options in (("typed_json", "linger: 0s"), ("typed_rows", "format: RowBinary")):
            run = self.replay(self.path("types.pcap"), f"  lab/{table}: {{ from: lines, sink: c }}\n", options=options)
            self.expect_written(run, f"lab/{table}", 2, table)
        want, got = (self.server.ask(f"SELECT * FROM lab.{t} ORDER BY i FORMAT TSV").split("\n")[:2]
                     for t in ("typed_json", "typed_rows"))
        for row in (0, 1):
            pairs = zip(TYPES, want[row].split("\t")[1:], got[row].split("\t")[1:])
            for name, a, b in pairs:
                self.t.equal(b, a, f"types: {name}: RowBinary beside JSONEachRow")

    def while_it_runs(self, name, meddle):
        capture = self.path("slow.pcap")
        make_capture(capture, N_SLOW, 3)
        self.server.ask(f"CREATE TABLE lab.{name} ({COLUMNS}) ENGINE = MergeTree ORDER BY n {self.keeps_tokens}")
        run = self.t.meddled(
            lambda: self.replay(capture, f"  lab/{name}: {{ from: lines, sink: c }}\n", "--speed", "real",
                                options="linger: 300ms, timeout: 2s"),
            meddle, 1, name)
        self.expect_written(run, f"lab/{name}", N_SLOW, name)
        n, ids, numbers = map(int, self.server.row(f"SELECT count(), uniqExact(_id), uniqExact(n) FROM lab.{name}"))
        self.t.equal((ids, numbers), (N_SLOW, N_SLOW), f"{name}: different records in the table")
        self.t.check(n - ids <= self.twice_max, f"{name}: {n - ids} duplicates")
        print(f"{name}: {n - ids} records twice")
        return run

    def killed(self):
        def meddle():
            self.server.end(signal.SIGKILL)
            time.sleep(2)
            self.server.start()
        run = self.while_it_runs("killed", meddle)
        self.t.check("waiting for it" in run.err, f"killed: told that it waits: {run.err[-400:]}")

    def frozen(self):
        def meddle():  # for longer than the sink waits for an answer
            self.server.p.send_signal(signal.SIGSTOP)
            time.sleep(4)
            self.server.p.send_signal(signal.SIGCONT)
        self.while_it_runs("frozen", meddle)

    def bad_records(self):
        """confluentinc/librdkafka#488, of tables: one bad record does not fail its neighbours."""
        self.server.ask("CREATE TABLE lab.bad (n UInt8, k String) ENGINE = TinyLog")
        make_capture(self.path("few.pcap"), 20, 0)
        for options in ("format: RowBinary", "linger: 10ms"):
            lines = [b'{"n":%s,"k":"x"}\n' % (b'"odd"' if i in (7, 8, 100) else b"%d" % i) for i in range(200)]
            write_pcap(self.path("bad.pcap"), [(BASE_NS + i, ethernet(udp("10.0.0.1", 999, "10.0.0.2", 5170, line)))
                                               for i, line in enumerate(lines)])
            self.server.ask("DROP TABLE lab.bad")
            self.server.ask("CREATE TABLE lab.bad (n UInt8, k String) ENGINE = TinyLog")
            run = self.replay(self.path("bad.pcap"), "  lab/bad: { from: lines, sink: c }\n", options=options)
            self.t.healthy(run, f"bad records, {options}")
            self.t.equal(run.status, 1, f"bad records, {options}: exit status")
            self.t.equal(run.count("sink", "lab/bad", "rejected"), 3, f"bad records, {options}: counted: {run.err[-500:]}")
            self.t.check(re.search(r"table `lab`.`bad`: a record of \d+ bytes is not written: ", run.err),
                         f"bad records, {options}: told: {run.err[-500:]}")
            got = [int(n) for n in self.server.ask("SELECT n FROM lab.bad").split()]
            self.t.equal(got, [i for i in range(200) if i not in (7, 8, 100)], f"bad records, {options}: the others, in order")

    def told_what_it_lacks(self):
        self.server.ask(f"CREATE TABLE lab.old ({COLUMNS}) ENGINE = TinyLog")
        run = self.replay(self.path("few.pcap"), "  lab/old: { from: lines, sink: c }\n", options="compression: zstd")
        self.expect_written(run, "lab/old", 20, "zstd")
        if self.server.row("SELECT version()")[0].startswith("18."):
            self.t.check("does not know compression zstd: gzip is used" in run.err, f"zstd: told: {run.err}")
            self.t.check("has no insert_deduplication_token" in run.err, f"token: told: {run.err}")
        self.t.equal(self.server.row("SELECT count(), sum(n) FROM lab.old"), ["20", "190"], "zstd: all is there")

    def dropped(self):
        self.server.ask(f"CREATE TABLE lab.kept ({COLUMNS}) ENGINE = TinyLog")
        self.server.ask(f"CREATE TABLE lab.dropped ({COLUMNS}) ENGINE = TinyLog")
        make_capture(self.path("slow.pcap"), N_SLOW, 3)
        timer = threading.Timer(1.5, self.server.ask, ["DROP TABLE lab.dropped"])
        timer.start()
        run = self.replay(self.path("slow.pcap"), "  lab/kept: { from: lines, sink: c }\n"
                          "  lab/dropped: { from: lines, sink: c }\n", "--speed", "real")
        timer.join()
        self.t.healthy(run, "dropped")
        self.t.equal(run.status, 1, "dropped: exit status")
        self.t.equal(run.count("sink", "lab/kept", "written"), N_SLOW, "dropped: the other table")
        self.t.equal(self.server.row("SELECT count() FROM lab.kept"), [str(N_SLOW)], "dropped: the other table's rows")
        written, lost = (run.count("sink", "lab/dropped", c) for c in ("written", "no_topic"))
        self.t.check(lost > 0 and written + lost == N_SLOW, f"dropped: {written} written, {lost} no_topic")
        self.t.check("table `lab`.`dropped`: a record of" in run.err, f"dropped: told: {run.err[-400:]}")

    def refused(self):
        few, queue = self.path("few.pcap"), "  lab/nosuch: { from: lines, sink: c }\n"
        run = self.replay(few, queue)
        self.t.equal(run.status, 2, "no table: exit status")
        self.t.check("queue lab/nosuch: table `lab`.`nosuch`: Code: 60" in run.err, f"no table: {run.err}")
        self.server.ask("CREATE TABLE lab.nosuch (n UInt8) ENGINE = TinyLog")
        run = self.replay(few, queue, options="user: reader")
        self.t.equal(run.count("sink", "lab/nosuch", "no_topic"), 20, f"read only: counted: {run.err[-400:]}")
        self.t.check("readonly" in run.err, f"read only: told: {run.err[-400:]}")
        self.server.end()
        self.server.start("right-one")
        run = self.replay(few, queue, options="password: wrong-one")
        self.t.equal(run.status, 2, "wrong password: exit status")
        self.t.check("Wrong password" in run.err and "wrong-one" not in run.err, f"wrong password: {run.err}")
        with open(self.path("password"), "w", encoding="ascii") as f:
            f.write("right-one\n")
        run = self.replay(few, queue, options=f"password: \"file:{self.path('password')}\"")
        self.t.equal(run.count("sink", "lab/nosuch", "written"), 20, f"password of a file: {run.err}")


class NewLab(Lab):
    keeps_tokens = "SETTINGS non_replicated_deduplication_window = 1000"
    twice_max = 0

    def zstd(self):
        self.inserts(N_NEW, (("json", "compression: zstd"), ("rows", "format: RowBinary, compression: zstd")))
        seen = self.server.seen()
        self.t.equal(list(seen["encodings"]), ["zstd"], "zstd: of all bodies")
        n = len(seen["tokens"])
        self.t.check(n > 4 and None not in seen["tokens"] and len(set(seen["tokens"])) == n, f"tokens: {n}, one each")

    def unanswered(self):
        """The insert is done, and the connection goes without an answer: sent again, it is not there twice."""
        self.server.ask(f"CREATE TABLE lab.cut ({COLUMNS}) ENGINE = MergeTree ORDER BY n {self.keeps_tokens}")
        make_capture(self.path("few.pcap"), 2000, 0)
        self.server.look("cut")
        before = len(self.server.seen()["tokens"])
        run = self.replay(self.path("few.pcap"), "  lab/cut: { from: lines, sink: c }\n", options="compression: zstd")
        self.expect_written(run, "lab/cut", 2000, "unanswered")
        tokens = self.server.seen()["tokens"][before:]
        self.t.equal(len(tokens) - len(set(tokens)), 1, f"unanswered: one insert came twice, under its token: {tokens}")
        self.t.equal(self.server.row("SELECT count(), uniqExact(_id) FROM lab.cut"), ["2000", "2000"], "unanswered: rows")

    def lacks_nothing(self):
        self.server.ask(f"CREATE TABLE lab.new ({COLUMNS}) ENGINE = TinyLog")
        run = self.replay(self.path("few.pcap"), "  lab/new: { from: lines, sink: c }\n", options="compression: zstd")
        self.t.check("this ClickHouse" not in run.err, f"lacks nothing: nothing is told: {run.err}")


def old_scenarios(lab):
    return (lab.many, lab.types, lab.bad_records, lab.told_what_it_lacks, lab.killed, lab.frozen, lab.dropped, lab.refused)


def new_scenarios(lab):
    return (lab.zstd, lab.types, lab.bad_records, lab.unanswered, lab.lacks_nothing, lab.killed)


def skip(why):
    print("skipped: " + why)
    sys.exit(1 if os.environ.get("CI") == "true" else SKIP)


def main():
    new = sys.argv[2:] == ["new"]
    if new and subprocess.run([NewClickHouse.script, "fetch"], check=False).returncode != 0:
        skip("chdb-core-lite is not to be had")
    if not new and not shutil.which("clickhouse-server"):
        skip("clickhouse-server is not installed")
    with tempfile.TemporaryDirectory(prefix="sluice-clickhouse-") as folder:
        server = (NewClickHouse if new else ClickHouse)(folder, 20000 + os.getpid() % 20000)
        lab = (NewLab if new else Lab)(os.path.abspath(sys.argv[1]), server)
        try:
            lab.server.start()
            lab.server.ask("CREATE DATABASE lab")
            for scenario in (new_scenarios if new else old_scenarios)(lab):
                at = time.monotonic()
                scenario()
                print(f"{scenario.__name__}: {time.monotonic() - at:.1f} s", flush=True)
        finally:
            lab.server.end()
    lab.t.done()


main()
