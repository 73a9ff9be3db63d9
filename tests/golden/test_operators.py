#!/usr/bin/env python3
"""Operators of the pipeline on records that the test makes; looking into a pipeline.

    test_operators.py SLUICED
"""
import decimal
import hashlib
import hmac
import json
import math
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
from pcaplib import BASE_NS, ethernet, udp, write_pcap  # noqa: E402
from sluice import Checks, replay  # noqa: E402

BASE = """
sources:
  app: { match: { udp: 5170 }, parser: lines }
  log: { match: { udp: 514 }, parser: syslog }
"""
SECOND = 1_000_000_000


def write(folder, name, text):
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8", newline="") as f:
        f.write(text)
    return path


def capture(folder, name, events):
    """Each event: seconds, JSON object, and the client's port."""
    out = []
    for i, (at, event, port) in enumerate(events):
        line = event if isinstance(event, bytes) else json.dumps(event, ensure_ascii=False).encode()
        to = 514 if line.startswith(b"<") else 5170
        out.append((BASE_NS + int(at * SECOND),
                    ethernet(udp("10.0.0.2", port, "10.0.0.9", to, line, ident=i % 65536))))
    path = os.path.join(folder, name)
    write_pcap(path, out)
    return path


def run(binary, folder, pcap, text, *args, **kw):
    return replay(binary, pcap, "-c", write(folder, "c.yaml", BASE + text), *args, **kw)


def user(record):
    return {k: v for k, v in record.items() if not k.startswith("_")}


def at_unix(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def check_error(checks, binary, folder, text, want, line=None):
    path = write(folder, "c.yaml", BASE + text)
    p = subprocess.run([binary, "check", "-c", path], capture_output=True, text=True, timeout=60)
    checks.equal(p.returncode, 2, f"exit status of {text!r}")
    checks.check(want in p.stderr, f"{text!r}: expected {want!r} in {p.stderr!r}")


# ---- sample ----

def samples(checks, binary, folder):
    pcap = capture(folder, "many.pcap", [(i / 100, {"uid": f"u{i % 200}", "n": i}, 20000 + i % 97)
                                         for i in range(4000)])
    text = "pipeline:\n  s: { op: sample, from: app, one_in: 10 }\n"
    first = run(binary, folder, pcap, text)
    checks.healthy(first, "sample")
    got = first.count("sample", "s", "records_out")
    checks.check(300 < got < 500, f"one in ten of 4000 records: {got}")
    checks.equal(first.count("sample", "s", "not_sampled"), 4000 - got, "the others are left out by name")
    checks.equal(first.status, 0, "a sample loses nothing")
    for workers in (2, 4):
        again = run(binary, folder, pcap, text, "--workers", str(workers))
        checks.equal(sorted(again.out.splitlines()), sorted(first.out.splitlines()),
                     f"{workers} workers sample the same records")
    rate = run(binary, folder, pcap, 'pipeline:\n  s: { op: sample, from: app, rate: 0.1 }\n')
    checks.equal(rate.out, first.out, "rate 0.1 is one in 10")
    whole = run(binary, folder, pcap, "pipeline:\n  s: { op: sample, from: app, rate: 1 }\n")
    checks.equal(whole.count("sample", "s", "records_out"), 4000, "rate 1 is all")
    keyed = run(binary, folder, pcap, "pipeline:\n  s: { op: sample, from: app, one_in: 4, key: uid }\n")
    counts = {}
    for r in keyed.records:
        counts[r["uid"]] = counts.get(r["uid"], 0) + 1
    checks.equal(set(counts.values()), {20}, "all records of a key, or none")
    checks.check(25 < len(counts) < 80, f"a fourth of the keys: {len(counts)}")
    for text, want in [
        ("pipeline:\n  s: { op: sample, from: app }\n", "expected one of rate and one_in"),
        ("pipeline:\n  s: { op: sample, from: app, rate: 0.1, one_in: 2 }\n", "expected one of rate and one_in"),
        ("pipeline:\n  s: { op: sample, from: app, rate: 1.5 }\n", "c.yaml:6:37"),
        ("pipeline:\n  s: { op: sample, from: app, rate: x }\n", "no part of a whole"),
        ("pipeline:\n  s: { op: sample, from: app, rate: 1, key: 'uid::json' }\n", "a key of type json"),
    ]:
        check_error(checks, binary, folder, text, want)


# ---- mask ----

def masks(checks, binary, folder):
    secret = "correct horse"
    events = [
        (0, {"uid": "u1", "mail": "a@b.c", "phone": "+49\u00e9301234", "ip": "10.1.2.3", "ip6": "2001:db8:1:2::7",
             "n": 5, "obj": {"k": [1]}, "odd": "here"}, 1000),
        (1, {"uid": 17, "mail": None, "ip": "no address"}, 1000),
        (2, {"other": True}, 1000),
    ]
    pcap = capture(folder, "mask.pcap", events)
    text = f"""
pipeline:
  m:
    op: mask
    from: app
    secret: {secret}
    fields: {{ uid: hash 16, mail: redact, phone: truncate 4, ip: ip, ip6: ip 24 32, n: hash, obj: redact gone }}
"""
    r = run(binary, folder, pcap, text)
    checks.healthy(r, "mask")
    checks.equal(r.status, 0, "mask: exit status")

    def mac(value):
        return hmac.new(secret.encode(), value.encode(), hashlib.sha256).hexdigest()

    checks.equal([user(x) for x in r.records], [
        {"uid": mac("u1")[:16], "mail": "***", "phone": "+49\u00e9", "ip": "10.1.2.0", "ip6": "2001:db8::",
         "n": mac("5"), "obj": "gone", "odd": "here"},
        {"uid": mac("17")[:16], "mail": None, "ip": "***"},
        {"other": True},
    ], "masked records")
    checks.equal(r.count("mask", "m", "masked"), 9, "masked values are counted")
    checks.equal(r.count("mask", "m", "no_address"), 1, "text that is no address is counted, and does not leak")
    checks.equal(r.count("mask", "m", "absent"), 5 + 7, "fields that are not there are counted")
    write(folder, "key.txt", secret + "\n")
    from_file = run(binary, folder, pcap, text.replace(f"secret: {secret}", "secret_file: key.txt"))
    checks.equal(from_file.out, r.out, "a secret from a file")
    os.environ["SLUICE_TEST_SECRET"] = secret
    from_env = run(binary, folder, pcap, text.replace(f"secret: {secret}", "secret_env: SLUICE_TEST_SECRET"))
    checks.equal(from_env.out, r.out, "a secret from the environment")
    long = "k" * 100
    r = run(binary, folder, pcap, text.replace(secret, long))
    checks.equal(r.records[0]["n"], hmac.new(long.encode(), b"5", hashlib.sha256).hexdigest(),
                 "a secret longer than a block")
    for args in (["check"], ["config", "effective"]):
        path = write(folder, "c.yaml", BASE + text)
        p = subprocess.run([binary, *args, "-c", path], capture_output=True, text=True, timeout=60)
        checks.equal(p.returncode, 0, f"{args}: exit status: {p.stderr}")
        checks.check("horse" not in p.stdout + p.stderr, f"{args} does not print the secret")
    os.mkfifo(os.path.join(folder, "pipe"))
    for text, want in [
        ("pipeline:\n  m: { op: mask, from: app, fields: { uid: hash } }\n", "hash wants a secret"),
        ("pipeline:\n  m: { op: mask, from: app, fields: { uid: hush } }\n", "one of hash, truncate, redact, ip"),
        ("pipeline:\n  m: { op: mask, from: app, fields: { uid: hash 4 }, secret: x }\n", "8 to 64 digits"),
        ("pipeline:\n  m: { op: mask, from: app, fields: { _src: ip } }\n", "is the identity of a record"),
        ("pipeline:\n  m: { op: mask, from: app, fields: {} }\n", "expected a field"),
        ("pipeline:\n  m: { op: mask, from: app, fields: { a: hash }, secret: horse, secret_env: X }\n",
         "there is secret already"),
        ("pipeline:\n  m: { op: mask, from: app, fields: { a: hash }, secret_env: SLUICE_NOT_SET }\n", "not set"),
        ("pipeline:\n  m: { op: mask, from: app, fields: { a: hash }, secret_file: none.txt }\n", "none.txt: No such"),
        ("pipeline:\n  m: { op: mask, from: app, fields: { a: hash }, secret_file: pipe }\n", "pipe: no regular file"),
        ("pipeline:\n  p: { op: project, from: app, select: 'uid' }\n"
         "  m: { op: mask, from: p, fields: { uidd: redact } }\n", "no field is named uidd"),
    ]:
        check_error(checks, binary, folder, text, want)


def masks_do_not_leak(checks, binary, folder):
    pcap = capture(folder, "leak.pcap", [(0, b'{"u\\u0069d":"secret1","uid2":"x"}', 1),
                                         (1, b'<13>1 2025-11-25T04:43:16Z secret2 a - - [x hostname="secret3"] hi', 2)])
    r = run(binary, folder, pcap, """
pipeline:
  m: { op: mask, from: [app, log], fields: { uid: redact, hostname: redact } }
queues: { q/m: { from: m, sink: out } }
sinks: { out: { stdout: {} } }
""")
    checks.equal(len(r.records), 2, "both records")
    checks.check(b"secret1" not in r.out, f"a key with escapes is the same key: {r.out}")
    checks.check(b"secret2" not in r.out, f"a fixed field: {r.out}")


# ---- dedup ----

def dedups(checks, binary, folder):
    events = [(0, {"k": "a", "n": 0}, 1), (1, {"k": "a", "n": 1}, 2), (5, {"k": "b", "n": 2}, 3),
              (9.9, {"k": "a", "n": 3}, 4), (10, {"k": "a", "n": 4}, 5), (11, {"k": None, "n": 5}, 6),
              (12, {"n": 6}, 7), (19, {"k": "a", "n": 7}, 8), (15.5, {"k": "b", "n": 8}, 9)]
    pcap = capture(folder, "dedup.pcap", events)
    text = "pipeline:\n  d: { op: dedup, from: app, key: k, window: 10s }\n"
    r = run(binary, folder, pcap, text)
    checks.healthy(r, "dedup")
    checks.equal([x["n"] for x in r.records], [0, 2, 4, 5, 6, 8], "the first of each key within its window")
    checks.equal(r.count("dedup", "d", "duplicates"), 3, "duplicates are counted")
    checks.equal(r.count("dedup", "d", "no_key"), 2, "records without a key go on")
    four = run(binary, folder, pcap, text, "--workers", "4")
    checks.equal(four.out, r.out, "four workers give the same")
    checks.check("pipeline.d" in four.err and "one worker" in four.err, f"and say that one does it: {four.err!r}")
    many = capture(folder, "dedup2.pcap", [(i / 1000, {"k": i % 500, "n": i}, 1) for i in range(3000)])
    r = run(binary, folder, many, text.replace("10s", "10s, entries_max: 1000"))
    checks.equal(r.count("dedup", "d", "records_out"), 500, "as many keys as fit")
    checks.equal(r.count("dedup", "d", "evicted"), 0, "none is forgotten")
    r = run(binary, folder, many, text.replace("10s", "10s, entries_max: 100"))
    checks.equal(r.count("dedup", "d", "records_out"), 3000, "more keys than fit: all go on")
    checks.equal(r.count("dedup", "d", "evicted"), 2900, "and it is counted")
    checks.healthy(r, "dedup with few entries")


# ---- aggregate ----

def at(seconds):
    return at_unix(BASE_NS // SECOND + seconds)


def aggregates(checks, binary, folder):
    start = -(BASE_NS // SECOND) % 10  # the first whole window of ten seconds
    off = start - BASE_NS % SECOND / SECOND
    events = []
    for i in range(300):
        events.append((off + i / 10, {"u": f"u{i % 3}", "d": i % 7, "f": [1e16, 1.0, -1e16][i % 3] if i % 2 else 0.1,
                                      "price": f"{i}.10", "id": f"x{i % 50}"}, 1000 + i % 5))
    pcap = capture(folder, "agg.pcap", events)
    text = """
pipeline:
  a:
    op: aggregate
    from: app
    window: 10s
    group_by: { u: u }
    aggregates:
      n: count(*)
      some: count(nullif(d, '3'))
      total: sum(d::int)
      low: min(d::int)
      high: MAX( d::float8 )
      mean: avg(d::int)
      ids: approx_distinct(id)
      money: sum(price::numeric)
      float: sum(f::float8)
"""
    r = run(binary, folder, pcap, text)
    checks.healthy(r, "aggregate")
    checks.equal(r.status, 0, "aggregate: exit status")
    want = []
    for w in range(3):
        for u in range(3):
            rows = [e[1] for i, e in enumerate(events) if i // 100 == w and i % 3 == u]
            first = next(i for i in range(300) if i // 100 == w and i % 3 == u)
            want.append((first, {
                "window_start": at(start + 10 * w), "window_end": at(start + 10 * w + 10), "u": f"u{u}",
                "n": len(rows), "some": sum(x["d"] != 3 for x in rows), "total": sum(x["d"] for x in rows),
                "low": 0, "high": 6, "ids": len({x["id"] for x in rows}),
                "money": sum(decimal.Decimal(x["price"]) for x in rows),
                "float": math.fsum(x["f"] for x in rows)}))
    want = [w for _, w in sorted(want, key=lambda x: x[0])]
    got = [json.loads(line, parse_float=decimal.Decimal) for line in r.out.splitlines()]
    for g, w in zip(got, want):
        g = user(g)
        mean = g.pop("mean")
        checks.equal(mean, decimal.Decimal(w["total"]) / w["n"] // 1 if mean == mean // 1 else
                     (decimal.Decimal(w["total"]) / w["n"]).quantize(mean), f"avg of {w}")
        g["float"] = float(g["float"])
        g["high"] = float(g["high"])
        checks.check(abs(g.pop("ids") - w.pop("ids")) <= 1, "approx_distinct of a few is close")
        checks.equal(g, w, "a window's group")
    checks.equal(len(got), len(want), "a record for each group of each window")
    checks.equal(len({g["_id"] for g in got}), 9, "each has its own _id")
    checks.equal({(g["_stream"], g["_source"]) for g in got}, {("a", "app")}, "and the node's name for its stream")
    checks.equal(got[0]["_time"], at(start + 9)[:-1] + ".999999999Z", "its time is the last of the window")
    checks.equal(r.count("aggregate", "a", "merged"), 300, "all records are in it")
    four = run(binary, folder, pcap, text, "--workers", "4")
    checks.equal(four.out, r.out, "four workers give the same")
    turned = [(off + i // 100 * 10 + i % 100 / 11, events[i // 100 * 100 + (37 * i + 5) % 100][1], 1)
              for i in range(300)]
    other = run(binary, folder, capture(folder, "agg2.pcap", turned), text)
    checks.equal(sorted(other.out.splitlines()), sorted(r.out.splitlines()), "no result depends on the order")


def windows_close_on_packet_time(checks, binary, folder):
    base = -(-BASE_NS // SECOND // 60) * 60  # a whole minute
    off = base - BASE_NS / SECOND
    few = [(off + 0.5, {"t": at_unix(base), "n": 1}), (off + 30, {"t": at_unix(base + 20), "n": 2}),
           (off + 61, {"t": at_unix(base + 59), "n": 3}),    # behind its window, but within lateness
           (off + 68, {"t": at_unix(base + 61), "n": 4}),
           (off + 75, {"t": at_unix(base + 58), "n": 5}),    # too late
           (off + 76, {"t": at_unix(base + 7200), "n": 6}),  # too far ahead
           (off + 77, {"n": 7}),                             # no time
           (off + 78, {"t": "yesterday", "n": 8})]
    # Bursts are of 64 packets: the clock goes on between them.
    events = []
    for when, event in few:
        events += [(when, {"fill": 1}, 9)] * 64 + [(when, event, 1)] + [(when, {"fill": 1}, 9)] * 63
    pcap = capture(folder, "late.pcap", events)
    text = """
pipeline:
  real: { op: filter, from: app, where: fill IS NULL }
  a: { op: aggregate, from: real, window: 1m, lateness: 5s, time: "t::timestamptz", LATE
       aggregates: { n: count(*), sum: "sum(n::int)", all: "max(n::int)" } }
queues: { q/a: { from: a, sink: out } }
sinks: { out: { stdout: {} } }
"""
    r = run(binary, folder, pcap, text.replace("LATE", ""))
    checks.healthy(r, "late records")
    checks.equal([(x["n"], x["sum"]) for x in r.records], [(3, 6), (1, 4)], "windows wait for lateness, not longer")
    checks.equal(r.count("aggregate", "a", "late_lost"), 1, "what is too late is lost by name")
    checks.equal(r.count("aggregate", "a", "ahead"), 1, "so is what is too far ahead")
    checks.equal(r.count("aggregate", "a", "no_time"), 1, "and what has no time")
    checks.equal(r.count("aggregate", "a", "bad_input"), 1, "and what has none that can be read")
    checks.equal(r.status, 1, "losses show in the exit status")
    old = capture(folder, "old.pcap", [(0, {"t": t, "n": 1}, 1) for t in
                                       ("1678-01-01", "1969-12-31 23:59:59.9", "2000-01-01", "2261-12-31")])
    r = run(binary, folder, old, text.replace("LATE", ""))
    checks.healthy(r, "times of other centuries")
    checks.equal((r.records, r.count("aggregate", "a", "late_lost"), r.count("aggregate", "a", "ahead")), ([], 3, 1),
                 "times of other centuries open no window, in the first burst neither")
    r = run(binary, folder, pcap, text.replace("LATE", "late: drop,"))
    checks.equal((r.count("aggregate", "a", "late"), r.count("aggregate", "a", "late_lost")), (1, 0), "late: drop")
    r = run(binary, folder, pcap, """
pipeline:
  a: { op: aggregate, from: app, window: 1s, aggregates: { n: count(*) } }
  b: { op: aggregate, from: a, window: 1m, aggregates: { n: sum(n), windows: count(*) } }
""")
    checks.healthy(r, "an aggregate of an aggregate")
    checks.equal([x["n"] for x in r.records], [256, 768], "all records are in the coarse windows")


def groups_are_bounded(checks, binary, folder):
    pcap = capture(folder, "bound.pcap", [(0, {"k": "x" * (i % 40), "n": i}, 1) for i in range(200)])
    text = """
pipeline:
  a: { op: aggregate, from: app, window: 1m, group_by: { k: k }, MORE aggregates: { n: count(*) } }
"""
    r = run(binary, folder, pcap, text.replace("MORE", "groups_max: 10,"))
    checks.healthy(r, "groups_max")
    checks.equal((len(r.records), r.count("aggregate", "a", "no_group")), (10, 150), "groups_max")
    checks.equal(r.status, 1, "what does not fit is a loss")
    r = run(binary, folder, pcap, text.replace("MORE", "key_bytes_max: 19,"))
    checks.healthy(r, "key_bytes_max")
    checks.equal((len(r.records), r.count("aggregate", "a", "key_too_long")), (20, 100), "key_bytes_max")
    head = "pipeline:\n  a: { op: aggregate, from: app, window: 1m, "
    for text, want in [
        ("aggregates: { n: count } }\n", "approx_distinct(x)"),
        ("aggregates: { n: median(x) } }\n", "expected one of"),
        ("aggregates: { n: sum(k) } }\n", "c.yaml:6:67"),
        ("aggregates: { n: 'sum(k::intt)' } }\n", "integer"),
        ("aggregates: { n: sum(1) + 2 } }\n", "no aggregate"),
        ("aggregates: { n: min(k) } }\n", "a date or a time"),
        ("aggregates: {} }\n", "at least one"),
        ("time: k, aggregates: { n: count(*) } }\n", "expected timestamptz"),
        ("group_by: { n: k }, aggregates: { n: count(*) } }\n", "there is a field n already"),
        ("aggregates: { window_end: count(*) } }\n", "there is a field window_end already"),
    ]:
        check_error(checks, binary, folder, head + text, want)


# ---- sql ----

VIDEOS = "vid,title,channel\n1,One,vip\n2,Two,free\n"


def queries(checks, binary, folder):
    write(folder, "videos.csv", VIDEOS)
    start = -(BASE_NS // SECOND) % 60
    off = start - BASE_NS % SECOND / SECOND
    pcap = capture(folder, "sql.pcap", [
        (off + i, {"uid": f"u{i % 4}", "vid": i % 3, "region": "CN" if i % 2 else "de", "dur": i, "t": i % 10}, 1)
        for i in range(120)])
    dims = """
dimensions:
  video: { from: { file: { path: videos.csv } }, key: vid, fields: { title: string, channel: string } }
"""

    def sql(query, more="", *args):
        text = dims + f'pipeline:\n  q: {{ op: sql, from: app, query: "{query}"{more} }}\n'
        r = run(binary, folder, pcap, text, *args)
        checks.healthy(r, query)
        return r, [user(x) for x in r.records]

    r, got = sql("SELECT uid, p.dur::int AS seconds, upper(region) FROM app p WHERE p.t = '3' AND dur::int < 50")
    checks.equal(got, [{"uid": f"u{i % 4}", "seconds": i, "upper": "CN"} for i in (3, 13, 23, 33, 43)], "a plain query")
    checks.equal(r.count("sql", "q", "filtered"), 115, "WHERE counts")
    r, got = sql("SELECT uid, v.title, v.channel AS ch FROM app JOIN video AS v ON app.vid = v.vid WHERE uid = 'u1'")
    checks.equal(got[:2], [{"uid": "u1", "title": "One", "ch": "vip"}, {"uid": "u1", "title": "Two", "ch": "free"}],
                 "JOIN gives fields of the dimension")
    checks.equal(r.count("sql", "q", "dropped"), 10, "JOIN leaves out what has no row")
    r, got = sql("SELECT uid, video.title FROM app LEFT JOIN video ON video.vid = app.vid WHERE video.title IS NULL")
    checks.equal(len(got), 40, "LEFT JOIN keeps it")
    r, got = sql(
        "select window_start as at, p.region, v.channel, upper(p.uid) AS who, count(*), "
        "sum(dur::int) / count(*) as mean, max(dur::int) - min(dur::int) as spread "
        "from app as p left join video v on p.vid = v.vid where dur::int < 100 "
        "group by tumble(_time, '1 minute'), p.region, v.channel, upper(p.uid) having count(*) > 3")
    want = []
    for minute in range(2):
        groups = {}
        for i in range(60 * minute, min(60 * minute + 60, 100)):
            channel = {0: None, 1: "vip", 2: "free"}[i % 3]
            groups.setdefault(("CN" if i % 2 else "de", channel, f"U{i % 4}"), []).append(i)
        for (region, channel, who), durs in groups.items():
            if len(durs) > 3:
                want.append({"at": at(start + 60 * minute), "region": region, "channel": channel, "who": who,
                             "count": len(durs), "mean": sum(durs) // len(durs), "spread": max(durs) - min(durs)})
    checks.equal(got, want, "a query with groups")
    checks.equal(r.count("sql", "q", "groups_out"), len(want), "groups are counted")
    checks.check(r.count("sql", "q", "groups_filtered") > 0, "and those that HAVING leaves out")
    checks.equal(r.status, 0, "a query with groups: exit status")
    r, _ = sql("SELECT uid FROM app", "", "--workers", "4")
    checks.check("one worker" not in r.err, "a query without groups may have many workers")
    r, _ = sql("SELECT uid FROM app GROUP BY tumble(_time, '1 h'), uid", "", "--workers", "4")
    checks.equal(len(r.records), 4 * (1 + (start + 120 > 3600)), "GROUP BY alone gives each group once")
    checks.check("one worker" in r.err, "groups want one worker")
    r, got = sql("SELECT count(*) AS n FROM app GROUP BY tumble(t::timestamptz, '1 day')", ", late: drop")
    checks.equal(r.count("sql", "q", "bad_input"), 120, "errors are counted by name")


def queries_that_are_refused(checks, binary, folder):
    write(folder, "videos.csv", VIDEOS)
    head = """
dimensions:
  video: { from: { file: { path: videos.csv } }, key: vid, fields: { title: string, channel: string } }
"""
    for query, place, want in [
        ("SELECT a FROM", 14, "syntax error"),
        ("SELECT a FROM app; SELECT b FROM app", 19, "one SELECT"),
        ("DELETE FROM app", 1, "expected a SELECT"),
        ("SELECT a", 9, "expected FROM"),
        ("SELECT a FROM app ORDER BY a", 19, "no end"),
        ("SELECT a FROM app LIMIT 3", 19, "op: sample"),
        ("SELECT DISTINCT a FROM app", 8, "op: dedup"),
        ("SELECT a FROM app UNION SELECT b FROM app", 19, "op: union"),
        ("SELECT a FROM (SELECT 1) x", 16, "a SELECT inside"),
        ("SELECT a FROM app, video", 18, "not a second input"),
        ("SELECT a FROM app CROSS JOIN video", 19, "JOIN"),
        ("SELECT a FROM app RIGHT JOIN video v ON a = v.vid", 19, "LEFT JOIN"),
        ("SELECT a FROM app JOIN video USING (vid)", 30, "expected ON"),
        ("SELECT a FROM app JOIN video v ON a > v.vid", 35, "v.key"),
        ("SELECT a FROM app JOIN video v ON a = v.title", 24, "v.vid"),
        ("SELECT a FROM app JOIN vdeo v ON a = v.vid", 24, "no dimension"),
        ("SELECT title FROM app JOIN video v ON a = v.vid", 8, "v.title"),
        ("SELECT a + FROM app", 12, "syntax error"),
        ("SELECT lowr(a) FROM app", 8, "did you mean lower"),
        ("SELECT a FROM app WHERE a", 25, "condition"),
        ("SELECT count(*) FROM app", 8, "GROUP BY"),
        ("SELECT a FROM app GROUP BY a", 28, "tumble"),
        ("SELECT a FROM app GROUP BY tumble(_time, 'a minute'), a", 28, "tumble"),
        ("SELECT a FROM app GROUP BY tumble(_time, '1 month'), a", 28, "tumble"),
        ("SELECT b FROM app GROUP BY tumble(_time, '1 minute'), a", 8, "no column b"),
        ("SELECT a || 'x' FROM app GROUP BY tumble(_time, '1 minute'), a || 'x'", 8, "expected AS"),
        ("SELECT count(DISTINCT a) FROM app GROUP BY tumble(_time, '1 minute')", 14, "approx_distinct"),
        ("SELECT sum(a) FROM app GROUP BY tumble(_time, '1 minute')", 12, "a number"),
        ("SELECT sum(a::int) OVER () FROM app GROUP BY tumble(_time, '1 minute')", 20, "tumble"),
        ("SELECT tumble(_time, '1 minute') FROM app GROUP BY tumble(_time, '1 minute')", 8, "window_start"),
        ("SELECT a FROM app HAVING a > 1", 19, "HAVING without"),
    ]:
        text = head + f"pipeline:\n  q:\n    op: sql\n    from: app\n    query: {query}\n"
        path = write(folder, "c.yaml", BASE + text)
        p = subprocess.run([binary, "check", "-c", path], capture_output=True, text=True, timeout=60)
        checks.check(p.returncode == 2 and want in p.stderr and f"c.yaml:12:{place + 11}: " in p.stderr,
                     f"{query}: expected {place + 11} {want!r}, got {p.stderr!r}")


# ---- looking into it ----

PATH = """
pipeline:
  split: { op: route, from: slim, branches: { big: "n > 5" } }
  slim: { op: project, from: app, select: "n::int AS n, upper(u) AS who" }
queues:
  q/big: { from: split.big, sink: out }
  q/rest: { from: split.rest, sink: out }
sinks: { out: { stdout: {} } }
"""


def graph_is_printed(checks, binary, folder):
    path = write(folder, "c.yaml", BASE + PATH)
    p = subprocess.run([binary, "check", "-c", path], capture_output=True, text=True, timeout=60)
    checks.equal(p.returncode, 0, f"check: {p.stderr}")
    checks.check("node slim: project from app\n  slim: n integer, who text\nnode split: route from slim\n"
                 "  split.big: n integer, who text\n  split.rest: n integer, who text\n" in p.stdout,
                 f"nodes in their order, with the schema at every edge: {p.stdout}")
    checks.check("records of source app\n  app:" in p.stdout and "what senders name" in p.stdout,
                 f"sources have open schemas: {p.stdout}")
    for args in (["--dot", "-c", path], ["-c", path, "--dot"]):
        p = subprocess.run([binary, "check", *args], capture_output=True, text=True, timeout=60)
        checks.equal(p.returncode, 0, f"check --dot: {p.stderr}")
        for line in ('"source app" -> "node slim" [label="app\\l', '"node slim" -> "node split"',
                     '"node split" -> "queue q/big" [label="split.big\\ln integer\\lwho text\\l"]'):
            checks.check(line in p.stdout, f"check --dot: expected {line} in {p.stdout}")
    dot = shutil.which("dot")
    if dot:
        drawn = subprocess.run([dot, "-Tsvg"], input=p.stdout, capture_output=True, text=True, timeout=60)
        checks.equal((drawn.returncode, drawn.stderr), (0, ""), "Graphviz draws it")


def taps(checks, binary, folder):
    pcap = capture(folder, "tap.pcap", [(i, {"n": i, "u": f"u{i}"}, 1) for i in range(8)] + [(9, {"n": "x"}, 1)])
    path = write(folder, "c.yaml", BASE + PATH)

    def tap(node):
        p = subprocess.run([binary, "replay", "-c", path, "--tap", node, pcap], capture_output=True, text=True,
                           timeout=60)
        return p, [json.loads(line) for line in p.stdout.splitlines()]

    p, got = tap("split")
    checks.equal(p.returncode, 0, f"tap: {p.stderr}")
    checks.equal({r["tap"] for r in got}, {"split"}, "each line names the node")
    for side, want in (("in", list(range(8))), ("big", [6, 7]), ("rest", list(range(6)))):
        checks.equal([r["record"]["n"] for r in got if r["side"] == side], want, f"tap: {side}")
    p, got = tap("slim")
    checks.equal([sum(r["side"] == s for r in got) for s in ("in", "out")], [9, 8], "before and after")
    checks.check("slim: bad_input 1" in p.stderr, f"what stayed in the node is told: {p.stderr}")
    p, got = tap("app")
    checks.equal([r["side"] for r in got], ["out"] * 9, "a source can be tapped")
    p, got = tap("splat")
    checks.equal(p.returncode, 2, "no such node")
    checks.check("there are: split slim app" in p.stderr, p.stderr)


def tests_run_at_any_node(checks, binary, folder):
    tests = """
tests:
  - { source: app, input: '{"n":7,"u":"a"}', expect: [{ n: 7, u: a }] }
  - { source: app, node: slim, input: '{"n":7,"u":"a"}', expect: [{ n: 7, who: A }] }
  - { source: app, node: split.big, input: '{"n":7}', expect: [{ n: 7, who: null }] }
  - { source: app, node: split.rest, input: '{"n":7}', expect: [] }
  - { source: app, node: split.rest, input: '{"n":7}', expect: [{ n: 7 }] }
"""
    path = write(folder, "c.yaml", BASE + PATH + tests)
    p = subprocess.run([binary, "test", "-c", path], capture_output=True, text=True, timeout=60)
    checks.equal([line.split()[0] for line in p.stdout.splitlines() if "ok" in line],
                 ["ok", "ok", "ok", "ok", "not"], f"tests at nodes: {p.stdout} {p.stderr}")
    checks.equal(p.returncode, 1, "one of them fails")
    check_error(checks, binary, folder, PATH + "tests: [{ source: app, node: slam, input: x, expect: [] }]\n",
                'did you mean "slim"')


def as_many_tests_as_one_likes_read_a_dimension(checks, binary, folder):
    keys = write(folder, "keys.csv", "k,name\na,x\n")
    text = f"""
dimensions: {{ d: {{ from: {{ file: {{ path: {keys} }} }}, key: k, fields: {{ name: string }} }} }}
pipeline: {{ e: {{ op: enrich, from: app, dimension: d, key: k }} }}
tests:
""" + "  - { source: app, node: e, input: '{\"k\":\"a\"}', expect: [{ name: x }] }\n" * 70
    p = subprocess.run([binary, "test", "-c", write(folder, "c.yaml", BASE + text)], capture_output=True, text=True,
                       timeout=60)
    checks.equal(p.returncode, 0, f"70 tests of one dimension: {p.stdout[-200:]} {p.stderr}")


# ---- branches ----

def branches_are_looked_at(checks, binary, folder):
    def notes(*conditions):
        text = "pipeline:\n  r:\n    op: route\n    from: app\n    branches:\n"
        text += "".join(f"      b{i}: {json.dumps(c)}\n" for i, c in enumerate(conditions))
        p = subprocess.run([binary, "check", "-c", write(folder, "c.yaml", BASE + text)], capture_output=True,
                           text=True, timeout=60)
        checks.equal(p.returncode, 0, f"{conditions}: exit status: {p.stderr}")
        said = []
        for line in p.stderr.splitlines():
            if "pipeline.r.branches.b" in line:
                name, what = line.split("pipeline.r.branches.", 1)[1].split(": ", 1)
                other = re.search(r"(overlaps with|would,) (b\d)", what)
                kind = "covered" if "would," in what else what.split()[0]
                said.append((name, kind) + ((other.group(2),) if other else ()))
        return said

    for conditions, want in [
        (("a = 'x'", "a = 'y'"), []),
        (("1 = 2", "a = 'x'"), [("b0", "can")]),
        (("NULL::boolean",), [("b0", "can")]),
        (("true", "a = 'x'"), [("b0", "holds")]),
        (("a = 'x'", "a = 'x'"), [("b1", "covered", "b0")]),
        (("upper(a) = 'x'", " upper( a )='x' "), [("b1", "covered", "b0")]),
        (("upper(a) = 'x'", "lower(a) = 'x'"), []),
        (("a IN ('x', 'y')", "a = 'y'"), [("b1", "covered", "b0")]),
        (("a = 'y'", "a IN ('x', 'y')"), [("b1", "overlaps", "b0")]),
        (("a = 'x'", "a = 'y'", "a IN ('x', 'y')"), [("b2", "overlaps", "b0"), ("b2", "overlaps", "b1")]),
        (("a = 'x'", "a = 'y'", "a = 'x' OR a = 'y'"), [("b2", "covered", "b1")]),
        (("n::int > 5", "n::int >= 6"), [("b1", "covered", "b0")]),
        (("n::int >= 6", "n::int > 5"), [("b1", "overlaps", "b0")]),
        (("n::int > 5", "5 < n::int"), [("b1", "covered", "b0")]),
        (("n::int < 5", "n::int > 5"), []),
        (("n::int <= 5", "n::int >= 5"), [("b1", "overlaps", "b0")]),
        (("n::float8 > 5", "n::float8 > 5 AND a = 'x'"), [("b1", "covered", "b0")]),
        (("n::float8 > 5 AND a = 'x'", "n::float8 > 5"), []),
        (("n::int BETWEEN 1 AND 9", "n::int IN (3, 4)"), [("b1", "covered", "b0")]),
        (("n::int BETWEEN 1 AND 9", "n::int IN (3, 40)"), []),
        (("n::int > 5 AND n::int < 5",), [("b0", "can")]),
        (("n::float8 > 5 AND n::float8 < 6",), []),
        (("n::float4 > 0.1", "n::float4 > 0.10000000001"), []),
        (("length(a) > 5", "length(a) < 9"), []),
        (("n::int > 5 OR a = 'x'", "a = 'x'"), [("b1", "covered", "b0")]),
        (("a LIKE 'x%'", "a LIKE 'x%' AND n IS NULL"), [("b1", "covered", "b0")]),
        (("NOT a = 'x'", "a <> 'x'"), []),
    ]:
        checks.equal(notes(*conditions), want, f"branches {conditions}")


def main():
    binary = os.path.abspath(sys.argv[1])
    checks = Checks()
    with tempfile.TemporaryDirectory() as folder:
        samples(checks, binary, folder)
        masks(checks, binary, folder)
        masks_do_not_leak(checks, binary, folder)
        dedups(checks, binary, folder)
        aggregates(checks, binary, folder)
        windows_close_on_packet_time(checks, binary, folder)
        groups_are_bounded(checks, binary, folder)
        queries(checks, binary, folder)
        queries_that_are_refused(checks, binary, folder)
        branches_are_looked_at(checks, binary, folder)
        graph_is_printed(checks, binary, folder)
        taps(checks, binary, folder)
        tests_run_at_any_node(checks, binary, folder)
        as_many_tests_as_one_likes_read_a_dimension(checks, binary, folder)
    checks.done()


main()
