#!/usr/bin/env python3
"""The pipeline as a user writes it: the sample's records through filters, projections, dimensions, branches.

    test_pipeline.py SLUICED
"""
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
from sluice import Checks, replay  # noqa: E402

BASE = """
sources:
  web: { match: { tcp: 80 }, parser: http1 }
  app: { match: { tcp: 5170 }, parser: lines }
  log: { match: { udp: 514, tcp: 601 }, parser: syslog }
"""
VIDEOS = 'vid,title,channel,year\r\n9001,"Rain, and ""more""",vip,2019\r\n9003,x,free,\r\n'


def write(folder, name, text):
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8", newline="") as f:
        f.write(text)
    return path


def user(record):
    return {k: v for k, v in record.items() if not k.startswith("_")}


def run(binary, folder, pcap, text, *args):
    return replay(binary, pcap, "-c", write(folder, "c.yaml", BASE + text), *args)


def whole_path(checks, binary, folder, pcap):
    text = """
dimensions:
  video:
    from: { file: { path: videos.csv } }
    key: vid
    fields: { title: string, channel: string, year: int }
pipeline:
  split: { op: route, from: rich, branches: { vip: "video_channel = 'vip'" }, rest: other }
  rich:  { op: enrich, from: slim, dimension: video, key: vid, prefix: video_ }
  slim:  { op: project, from: play, select: "uid, vid, dur::float8 * 2 AS twice" }
  play:  { op: filter, from: web, where: "t = '15' AND uid IS NOT NULL" }
sinks: { out: { stdout: {} } }
queues:
  v/vip: { from: split.vip, sink: out }
  v/rest: { from: [split.other, app], sink: out }
"""
    write(folder, "videos.csv", VIDEOS)
    first = run(binary, folder, pcap, text)
    checks.healthy(first, "pipeline")
    checks.equal(first.status, 0, "pipeline: exit status")
    got = [user(r) for r in first.records if r["_source"] == "web"]
    checks.equal(got, [
        {"uid": "u1", "vid": "9001", "twice": 25, "video_title": 'Rain, and "more"', "video_channel": "vip",
         "video_year": 2019},
        {"uid": "u2", "vid": "9002", "twice": 6, "video_title": None, "video_channel": None, "video_year": None},
    ], "the records of the pipeline")
    checks.equal(len([r for r in first.records if r["_source"] == "app"]), 3, "a source goes straight to a queue")
    checks.equal(first.count("filter", "play", "filtered"), 1, "the filter counts what it leaves out")
    checks.equal(first.count("enrich", "rich", "hits"), 1, "hits are counted")
    checks.equal(first.count("enrich", "rich", "misses"), 1, "misses are counted")
    checks.equal(first.count("dimension", "video", "keys"), 2, "so are the keys of a dimension")
    checks.equal(first.count("graph", "split.vip", "records_out"), 1, "branches are counted")
    checks.equal(first.count("graph", "log", "no_queue"), 4, "what nobody takes is counted")
    for workers in (2, 4):
        again = run(binary, folder, pcap, text + f"workers: {workers}\n")
        checks.equal(sorted(again.out.splitlines()), sorted(first.out.splitlines()),
                     f"{workers} workers give the same records")


def stars_and_errors(checks, binary, folder, pcap):
    r = run(binary, folder, pcap, """
pipeline:
  p: { op: project, from: app, select: "*, n::int + 1 AS n, _src AS sender" }
""")
    checks.equal([(x.get("n"), x.get("sender"), x.get("level"), x.get("nested")) for x in r.records
                  if x["_source"] == "app"],
                 [(i + 1, "10.0.0.2:50003", "info", {"a": [i, None]}) for i in range(3)],
                 "a star keeps what is there, and a name that is there already gets the new value")
    r = run(binary, folder, pcap, 'pipeline:\n  p: { op: project, from: app, select: "10 / n::int AS x" }\n')
    checks.equal(r.status, 1, "a record that ends in an error is lost: exit status")
    checks.equal(r.count("project", "p", "division_by_zero"), 1, "and is counted by name")
    checks.equal([x["x"] for x in r.records if x["_source"] == "app"], [10, 5], "the others go on")
    r = run(binary, folder, pcap,
            'pipeline:\n  p: { op: project, from: app, select: "10 / n::int AS x", on_error: "null" }\n')
    checks.equal(r.status, 0, "on_error: null: exit status")
    checks.equal([x["x"] for x in r.records if x["_source"] == "app"], [None, 10, 5], "on_error: null")


MISTAKES = [
    ('pipeline:\n  p: { op: filter, from: web, where: "uid = " }\n', "c.yaml:7:"),
    ('pipeline:\n  p: { op: filter, from: web, where: upper(uid) }\n', "boolean"),
    ('pipeline:\n  p: { op: filtr, from: web, where: "true" }\n', 'did you mean "filter"'),
    ('pipeline:\n  p: { op: filter, from: wbe, where: "true" }\n', 'did you mean "web"'),
    ('pipeline:\n  p: { op: filter, from: web }\n', "where is missing"),
    ('pipeline:\n  web: { op: union, from: app }\n', "a source has this name already"),
    ('pipeline:\n  a: { op: union, from: b }\n  b: { op: union, from: a }\n', "takes from itself"),
    ('pipeline:\n  a: { op: union, from: [app, app] }\n', "in this list already"),
    ('pipeline:\n  a: { op: route, from: app, branches: { x: "true" }, rest: x }\n', "the name of the rest"),
    ('pipeline:\n  a: { op: enrich, from: app, dimension: d, key: n }\n', 'no dimension is named "d"'),
    ('dimensions:\n  d: { from: { file: { path: one.csv } }, key: k, fields: { a: int } }\n'
     'pipeline:\n  p: { op: enrich, from: app, dimension: d, key: n, prefix: _ }\n', "sluice's own"),
    ('dimensions:\n  d: { from: { file: { path: one.csv } }, key: k, fields: { a: int } }\n'
     'pipeline:\n  p: { op: enrich, from: app, dimension: d, key: n, fields: [a, a] }\n', "two fields named a"),
    ('pipeline:\n  a: { op: project, from: app, select: "n AS _id" }\n', "sluice's own"),
    ('pipeline:\n  a: { op: project, from: app, select: "n, level AS n" }\n', "two fields named n"),
    ("dimensions:\n  d: { from: { file: { path: none.csv } }, key: k, fields: { a: int } }\n", "none.csv: No such"),
    ("dimensions:\n  d: { from: { file: { path: videos.csv } }, key: k, fields: { a: int } }\n",
     "videos.csv:1: no column is named k"),
    ("dimensions:\n  d: { from: { file: { path: cut.csv } }, key: k, fields: { a: int } }\n",
     "cut.csv:3: a quote is not closed"),
    ("dimensions:\n  d: { from: { file: { path: odd.csv } }, key: k, fields: { a: int } }\n",
     "odd.csv:2: 1 columns; expected 2"),
    ("dimensions:\n  d: { from: { file: { path: bad.ndjson } }, key: k, fields: { a: int } }\n", "bad.ndjson:2:"),
]


def mistakes(checks, binary, folder):
    write(folder, "one.csv", "k,a\n1,2\n")
    write(folder, "cut.csv", 'k,a\n1,2\n2,"x\n')
    write(folder, "odd.csv", "k,a\n1\n")
    write(folder, "bad.ndjson", '{"k":"1","a":2}\n{"k":\n')
    for text, want in MISTAKES:
        path = write(folder, "c.yaml", BASE + text)
        p = subprocess.run([binary, "check", "-c", path], capture_output=True, text=True, timeout=60)
        checks.equal(p.returncode, 2, f"exit status of {text!r}")
        checks.check(want in p.stderr, f"{text!r}: expected {want!r} in {p.stderr!r}")


def ndjson_dimension(checks, binary, folder, pcap):
    write(folder, "users.ndjson", '{"id":"u1","age":30,"tags":["a","b"],"gone":null}\n\n{"id":"u2","age":"x"}\n')
    r = run(binary, folder, pcap, """
dimensions:
  user:
    from: { file: { path: users.ndjson } }
    key: id
    fields: { age: int, tags: string, gone: string }
pipeline:
  some: { op: enrich, from: web, dimension: user, key: uid, fields: [age, tags], missing: drop }
""")
    got = [(x["uid"], x["age"], x["tags"]) for x in r.records if x["_source"] == "web"]
    checks.equal(got, [("u1", 30, '["a","b"]'), ("u1", 30, '["a","b"]'), ("u2", None, None)],
                 "a dimension of JSON lines")


def held(checks, binary, folder, pcap):
    """Nothing comes while a replay reads files: what is held goes as `then` says, when its time is over or at the end."""
    write(folder, "videos.csv", VIDEOS)
    text = """
dimensions: { video: { from: { file: { path: videos.csv } }, key: vid, fields: { title: string } } }
pipeline: { rich: { op: enrich, from: web, dimension: video, key: vid, fields: [title], %s } }
"""
    plain = run(binary, folder, pcap, text % "missing: \"null\"")
    missed = plain.count("enrich", "rich", "misses") - plain.count("enrich", "rich", "no_key")
    checks.check(missed > 0, "some keys are missing")
    for more in ("hold: 1ms", "hold: 1h", "hold_recs_max: 1", "hold: 1h, hold_recs_max: 1"):
        r = run(binary, folder, pcap, text % ("missing: hold, " + more))
        checks.healthy(r, more)
        checks.equal(r.status, 0, f"{more}: exit status")
        checks.equal(sorted(r.out.splitlines()), sorted(plain.out.splitlines()), f"{more}: the same records")
        checks.equal(r.count("enrich", "rich", "late_hits"), 0, f"{more}: nothing comes late")
    for then, column, status in (("drop", "dropped", 0), ("lose", "missing", 1)):
        r = run(binary, folder, pcap, text % f"missing: hold, then: {then}")
        checks.healthy(r, then)
        checks.equal(r.status, status, f"then: {then}: exit status")
        checks.equal(r.count("enrich", "rich", column), r.count("enrich", "rich", "misses"), f"then: {then}: counted")


def main():
    binary = os.path.abspath(sys.argv[1])
    checks = Checks()
    with tempfile.TemporaryDirectory() as folder:
        pcap = os.path.join(folder, "sample.pcap")
        subprocess.run([sys.executable, os.path.join(HERE, "..", "support", "make_sample.py"), pcap], check=True)
        whole_path(checks, binary, folder, pcap)
        stars_and_errors(checks, binary, folder, pcap)
        ndjson_dimension(checks, binary, folder, pcap)
        held(checks, binary, folder, pcap)
        mistakes(checks, binary, folder)
    checks.done()


main()
