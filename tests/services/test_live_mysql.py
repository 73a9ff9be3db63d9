#!/usr/bin/env python3
"""Replication of a real MariaDB, read from a mirror port by `sluiced run`.

A primary and a replica in network namespaces, the wire between them in a third (tests/support/wire.py). The
primary is under a random workload whose generator knows every row change (tests/support/row_workload.py).

    first run   a whole wire, packets of up to 64 KiB; row images FULL, MINIMAL, NOBLOB; checksums on and off;
                compressed events; the compressed protocol; semi-sync; by position and by GTID; logs rotated
    second run  a replica that stops, is thrown out, and is killed
    third run   2 % loss, reordering and doubles on the wire; a mirror on either side of these

Every event must be as the generator wrote it, none may be lost, none may come under two ids; the same must come
from the binary log files; mariadb-binlog must count as many; the ledger must balance and have lost nothing;
and a server that is given the events must end with the tables of the primary.
"""
import collections
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import mariadb  # noqa: E402
import row_apply  # noqa: E402
import row_workload  # noqa: E402
import wire  # noqa: E402
from sluice import SKIP, Checks, Run, replay  # noqa: E402

SEED = int(os.environ.get("SL_SEED", "3"))
CHANGES_MIN = 200_000
CONFIG = """
capture:
  ports: [{{ device: "net_af_packet0,iface={tap}" }}]
sources:
  mysql: {{ match: {{ tcp: 3306 }}, parser: mysql }}
sinks:
  out: {{ stdout: {{}} }}
queues:
  lab/rows: {{ from: mysql, sink: out }}
"""
PRIMARY_OPTIONS = ["--log-bin=prim-bin", "--binlog-format=ROW", "--binlog-checksum=CRC32",
                   "--binlog-row-metadata=FULL", "--slave-net-timeout=20"]
REPLICA_OPTIONS = ["--slave-net-timeout=20", "--relay-log=relay", "--innodb-flush-log-at-trx-commit=1"]


class Appliance:
    """`sluiced run` on one of the mirror ports."""

    def __init__(self, binary, lab, tap, name):
        self.out, self.ledger = (os.path.join(lab.folder, f"{name}.{x}") for x in ("jsonl", "json"))
        config = os.path.join(lab.folder, f"{name}.yaml")
        with open(config, "w", encoding="utf-8") as f:
            f.write(CONFIG.format(tap=tap))
        with open(self.out, "wb") as f:
            self.p = subprocess.Popen(lab.wire.ns("w", binary, "run", "-c", config, "--ledger", self.ledger),
                                      stdout=f, stderr=subprocess.PIPE)
        lab.taps.append(self.p)
        self.notes = []
        self.reader = threading.Thread(target=lambda: self.notes.extend(self.p.stderr), daemon=True)
        self.reader.start()
        for _ in range(400):
            if any(b"port net_af_packet0" in n for n in self.notes):
                return
            if self.p.poll() is not None:
                break
            time.sleep(0.05)
        raise RuntimeError(b"".join(self.notes).decode())

    def settle(self):
        """Until nothing has come for a second; at most a minute."""
        size, since, limit = -1, time.monotonic(), time.monotonic() + 60
        while time.monotonic() < min(since + 1, limit):
            if os.path.getsize(self.out) != size:
                size, since = os.path.getsize(self.out), time.monotonic()
            time.sleep(0.1)

    def stop(self):
        self.settle()
        status = wire.end(self.p)
        self.reader.join()
        with open(self.ledger, encoding="utf-8") as f:
            return Run(status, b"", b"".join(self.notes).decode(), json.load(f))


class Lab:
    """The servers, the wire, the generator, and how long each part took."""

    def __init__(self, folder):
        self.folder, self.started = folder, time.monotonic()
        mariadb.template(folder)
        self.wire = self.primary = self.replica = None
        self.expected, self.taps = {}, []
        self.rng = random.Random(SEED)

    def up(self):
        self.wire = wire.Wire()
        self.primary = mariadb.Server(self.folder, "primary", 1, PRIMARY_OPTIONS, self.wire.ns("p"))
        self.replica = mariadb.Server(self.folder, "replica", 2, REPLICA_OPTIONS, self.wire.ns("r"))
        self.primary.ask("SET sql_log_bin=0; CREATE USER repl IDENTIFIED BY 'repl-secret';"
                         " GRANT REPLICATION SLAVE ON *.* TO repl; SET sql_log_bin=1")

    def down(self):
        for p in self.taps:
            wire.end(p)
        for s in (self.replica, self.primary):
            if s:
                s.stop()
        if self.wire:
            self.wire.down()

    def say(self, text):
        print(f"[{time.monotonic() - self.started:5.1f} s] {text}", flush=True)

    def writers(self, run, n, most_tables):
        """Sessions with tables of their own; each run has its own databases."""
        expected = self.expected.setdefault(run, row_workload.Expected())
        out = []
        for i in range(n):
            db = f"{run}{i}"
            self.primary.ask(f"CREATE DATABASE {db}")
            expected.ddl.append(f"CREATE DATABASE {db}")
            w = row_workload.Writer(self.primary.client(), db, "t", self.rng.getrandbits(64), expected)
            w.wide()
            w.big()
            for _ in range(most_tables):
                w.some(w.rng.randint(3, 12))
            out.append(w)
        return out

    def work(self, writers, n, also=(), most=250, layouts=True):
        """About @n row changes of @writers; @also: what is done at even distances in between."""
        expected, todo = writers[0].expected, list(also)
        begin = expected.n
        while expected.n < begin + n:
            w = self.rng.choice(writers)
            wide, big, *some = w.tables
            x = self.rng.random()
            if x < 0.06:
                w.step(wide, 60)
            elif x < 0.07:
                w.step(big, 4)
            elif x < 0.10 and layouts:
                w.change_layout(self.rng.choice(some))
            elif x < 0.11 and layouts:
                w.copied(self.rng.choice(some))
            else:
                w.step(self.rng.choice(some), most)
            if todo and expected.n - begin > n * (len(also) - len(todo) + 1) / (len(also) + 1):
                w.client.p.stdin.flush()
                todo.pop(0)()

    def replicate(self, gtid, compressed=False):
        """The replica, which has all, goes on over a new connection."""
        self.replica.ask("STOP SLAVE")
        self.replica.ask(f"SET GLOBAL slave_compressed_protocol={int(compressed)}")
        how = "MASTER_USE_GTID=slave_pos"
        if not gtid:
            log = self.primary.ask("SHOW MASTER STATUS")[0][0]  # just begun: nothing is in it yet
            how = f"MASTER_USE_GTID=no, MASTER_LOG_FILE='{log}', MASTER_LOG_POS=4"
        self.replica.ask(f"CHANGE MASTER TO MASTER_HOST='{wire.PRIMARY}', MASTER_USER='repl',"
                         f" MASTER_PASSWORD='repl-secret', MASTER_CONNECT_RETRY=1, {how}")
        self.replica.ask("START SLAVE")

    def sync(self, writers=()):
        """Until the replica has all that was written."""
        for w in writers:
            w.client.ask("SELECT 1")
        want = self.primary.value("SELECT @@gtid_binlog_pos")
        for _ in range(600):
            if self.replica.value("SELECT @@gtid_slave_pos") == want:
                return
            if self.replica.value("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE COMMAND='Slave_SQL'") == "0":
                break
            time.sleep(0.1)
        raise RuntimeError(f"replica: not at {want}: {self.replica.ask('SHOW SLAVE STATUS')}")


DUMPS = "SELECT ID FROM information_schema.PROCESSLIST WHERE COMMAND='Binlog Dump'"


def throw_out(lab):
    """The primary ends its session with the replica."""
    for session, in lab.primary.ask(DUMPS):
        lab.primary.ask(f"KILL {session}")


def part(lab):
    """Nothing is left of the session: the primary would go on sending into it until it is told otherwise."""
    lab.replica.ask("STOP SLAVE")
    throw_out(lab)
    while lab.primary.ask(DUMPS):
        time.sleep(0.05)


def kill_replica(lab):
    lab.replica.kill()
    lab.replica.start()
    lab.replica.ask("START SLAVE")


def stop_and_start(lab):
    lab.replica.ask("STOP SLAVE")
    time.sleep(0.3)
    lab.replica.ask("START SLAVE")


def first_run(lab, binary):
    tap = Appliance(binary, lab, "tap-p", "a")
    p = lab.primary.ask
    lab.replicate(gtid=False)
    writers = lab.writers("a", 3, 6)
    lab.work(writers, 70_000)
    lab.sync(writers)
    lab.say(f"FULL images, by position: {lab.expected['a'].n} changes written")

    lab.replica.ask("STOP SLAVE")
    p("SET GLOBAL binlog_checksum=NONE; SET GLOBAL log_bin_compress=1; SET GLOBAL log_bin_compress_min_len=64")
    for w in writers:
        w.set_image("MINIMAL")
    lab.replicate(gtid=True, compressed=True)
    lab.work(writers, 60_000)
    lab.sync(writers)
    lab.say(f"MINIMAL, no checksums, compressed events and protocol, GTID: {lab.expected['a'].n}")

    lab.replica.ask("STOP SLAVE")
    p("SET GLOBAL binlog_checksum=CRC32; SET GLOBAL log_bin_compress=0; SET GLOBAL binlog_row_metadata=NO_LOG;"
      " SET GLOBAL rpl_semi_sync_master_enabled=1")
    lab.replica.ask("SET GLOBAL rpl_semi_sync_slave_enabled=1")
    for w in writers:
        w.set_image("NOBLOB")
    lab.replicate(gtid=False)
    lab.work(writers, 40_000, [lambda: p("FLUSH BINARY LOGS")] * 25)
    lab.sync(writers)
    lab.say(f"NOBLOB, names from DDL alone, semi-sync, 25 rotations: {lab.expected['a'].n}")

    for w in writers:
        w.client.close()
    p("SET GLOBAL rpl_semi_sync_master_enabled=0; SET GLOBAL binlog_row_metadata=FULL")
    return tap.stop()


def second_run(lab, binary):
    part(lab)
    tap = Appliance(binary, lab, "tap-p", "b")
    lab.replicate(gtid=True)
    writers = lab.writers("b", 2, 6)
    lab.work(writers, 25_000, [lambda u=u: u(lab) for u in (stop_and_start, throw_out) * 3])
    # A replica that is killed inside of a DDL cannot go on by itself: none then.
    lab.sync(writers)
    lab.work(writers, 25_000, [lambda: kill_replica(lab)] * 3, layouts=False)
    for w in writers:
        w.client.close()
    lab.sync()
    lab.say(f"a replica that stops, is thrown out, is killed, three times each: {lab.expected['b'].n}")
    return tap.stop()


def third_run(lab, binary):
    part(lab)
    lab.wire.lossy(SEED, 0.02, 0.005, 0.02)
    taps = [Appliance(binary, lab, f"tap-{n}", f"c-{n}") for n in "pr"]
    lab.replicate(gtid=True)
    writers = lab.writers("c", 2, 4)
    lab.work(writers, 25_000, [lambda: lab.primary.ask("FLUSH BINARY LOGS")] * 3)
    for w in writers:
        w.client.close()
    lab.sync()
    lab.say(f"2 % loss, reordering and doubles: {lab.expected['c'].n}")
    runs = [t.stop() for t in taps]
    lab.wire.whole()
    return runs


def digest_of(e):
    """All that the log says; not when and between whom it was seen."""
    return hash(json.dumps([e["op"], e.get("before"), e.get("after"), e.get("sql"), e["source"]]))


class Reading:
    """The events of one run against what was expected, in one pass over the file."""

    def __init__(self, path, expected, checks, what, apply=None):
        self.expected, self.checks, self.what = expected, checks, what
        self.seen, self.places, self.at, self.ddl = {}, {}, collections.Counter(), []
        self.n_again = self.n_faults = 0
        with open(path, "rb") as f:
            for line in f:
                self.event(json.loads(line), apply)

    def fault(self, text):
        self.n_faults += 1
        if self.n_faults <= 10:
            self.checks.check(False, f"{self.what}: {text}")

    def event(self, e, apply):
        digest = digest_of(e)
        if e["_id"] in self.seen:
            self.n_again += 1
            if self.seen[e["_id"]] != digest:
                self.fault(f"{e['_id']} came again and is not the same")
            return
        self.seen[e["_id"]] = digest
        where = tuple(e["source"].get(k) for k in ("server_id", "file", "pos", "row"))
        if self.places.setdefault(where, e["_id"]) != e["_id"] or None in where:
            self.fault(f"{e['_id']} and {self.places[where]} are both of {where}")
        if e["op"] == "ddl":
            self.ddl.append(e["sql"])
            if apply:
                apply.ddl(e)
            return
        stream = e["_stream"]
        changes = self.expected.rows.get(stream)
        if not changes or self.at[stream] >= len(changes):
            return self.fault(f"{stream}: {e['_id']} was not written: {e!r:.300}")
        wrong = row_workload.fault_in(changes[self.at[stream]], e)
        self.at[stream] += 1
        if wrong:
            self.fault(f"{stream}: change {self.at[stream]}, {e['_id']}: {wrong}")
        if apply:
            apply.row(e)

    def complete(self):
        for stream, changes in self.expected.rows.items():
            if self.at[stream] != len(changes):
                self.fault(f"{stream}: {self.at[stream]} of {len(changes)} changes")
        n = sum(self.at.values())
        self.checks.equal(self.n_faults, 0, f"{self.what}: faults")
        self.checks.equal(n, self.expected.n, f"{self.what}: changes")
        got, want = (collections.Counter(ddl_key(s) for s in x) for x in (self.ddl, self.expected.ddl))
        self.checks.equal(got - want, collections.Counter(), f"{self.what}: DDL that was not written")
        self.checks.equal(want - got, collections.Counter(), f"{self.what}: DDL that did not come")
        return n


def ddl_key(sql):
    """The server logs DROP TABLE in words of its own."""
    return sql.replace("`", "").replace(" /* generated by server */", "") if sql.startswith("DROP TABLE") else sql


def lost_nothing(checks, run, what, but=()):
    checks.healthy(run, what)
    cells = {(r["stage"], r["scope"], name): n for r in run.ledger["rows"] for kind in ("loss", "missed")
             for name, n in r.get(kind, {}).items() if n}
    lost = {c: n for c, n in cells.items() if c[2] != but}
    checks.equal(lost, {}, f"{what}: lost or missed")
    checks.equal(run.status, 1 if cells else 0, f"{what}: exit status, {run.err[-1500:] if lost else ''}")


def main():
    binary, checks = sys.argv[1], Checks()
    why = wire.possible() or (mariadb.missing() and f"not installed: {' '.join(mariadb.missing())}")
    if why:
        print(f"{'FAIL' if os.environ.get('CI') else 'skipped'}: {why}")
        sys.exit(1 if os.environ.get("CI") else SKIP)
    with tempfile.TemporaryDirectory(prefix="sluice-live-") as folder:
        lab = Lab(folder)
        try:
            lab.up()
            judge(lab, binary, checks)
        finally:
            lab.down()
    checks.done()


def judge(lab, binary, checks):
    whole, upset, lossy = first_run(lab, binary), second_run(lab, binary), third_run(lab, binary)
    lost_nothing(checks, whole, "a whole wire")
    # The session of a replica that goes away may end inside of an event, which comes again in the next one.
    lost_nothing(checks, upset, "a replica that goes away", but="incomplete")
    lost_nothing(checks, lossy[0], "before the loss")
    lost_nothing(checks, lossy[1], "behind the loss")
    again = [run.count("flow", "", "retransmitted", "bytes") for run in lossy]
    checks.check(all(again), f"bytes that were sent again, as seen before and behind the loss: {again}")
    lab.say(f"{again[0]} bytes were sent again, of which {again[1]} came twice behind the loss")
    lab.replica.stop()
    rebuilt = mariadb.Server(lab.folder, "rebuilt", 3, ["--skip-networking"])
    try:
        apply = row_apply.Applier(rebuilt)
        n, readings = 0, {}
        for name, run, what in (("a", "a", "a whole wire"), ("b", "b", "a replica that goes away"),
                                ("c-p", "c", "before the loss"), ("c-r", "c", "behind the loss")):
            r = readings[name] = Reading(os.path.join(lab.folder, f"{name}.jsonl"), lab.expected[run], checks, what,
                                         apply if name != "c-r" else None)
            n_run = r.complete()
            n += n_run if name != "c-r" else 0
            lab.say(f"{what}: {sum(r.at.values())} changes, {len(r.ddl)} DDL; {r.n_again} came again")
        checks.check(n >= CHANGES_MIN, f"{n} changes")
        checks.check(readings["b"].n_again > 0, "a replica that came back was sent some again")
        checks.equal(readings["c-p"].seen, readings["c-r"].seen, "the events on both sides of the loss")
        apply.flush()
        same_tables(lab, rebuilt, checks)
        same_logs(lab, binary, checks, n, [readings[name].seen for name in ("a", "b", "c-p")])
    finally:
        rebuilt.stop()


def same_logs(lab, binary, checks, n, live):
    """The primary's log files, through the same decoder and through another."""
    logs = [os.path.join(lab.primary.dir, row[0]) for row in lab.primary.ask("SHOW BINARY LOGS")]
    run = replay(binary, logs)
    lost_nothing(checks, run, "log files")
    ours = {e["_id"]: digest_of(e) for e in map(json.loads, run.out.splitlines())}
    seen = {k: v for r in live for k, v in r.items()}
    checks.equal(len(ours), len(seen), "events of the log files, and of the wire")
    checks.equal([k for k in seen if ours.get(k) != seen[k]][:5], [], "events that the log files have otherwise")
    theirs = subprocess.run(["mariadb-binlog", "--no-defaults", "-v", "--base64-output=DECODE-ROWS", *logs],
                            check=True, capture_output=True).stdout
    rows = re.findall(rb"^### (?:INSERT INTO|UPDATE|DELETE FROM) `", theirs, re.MULTILINE)
    checks.equal(len(rows), n, "changes that mariadb-binlog counts")
    lab.say(f"{len(ours)} events of {len(logs)} log files are those of the wire; mariadb-binlog has {len(rows)} changes")


def same_tables(lab, rebuilt, checks):
    dbs = [d for d, in lab.primary.ask("SHOW DATABASES") if d[:-1] in lab.expected]
    got, want = (row_apply.checksums(s, dbs) for s in (rebuilt, lab.primary))
    checks.check(len(want) > 20, f"{len(want)} tables")
    checks.equal(got, want, "tables made of the events")
    lab.say(f"{len(want)} tables made of the events have the checksums of the primary's")


if __name__ == "__main__":
    main()
