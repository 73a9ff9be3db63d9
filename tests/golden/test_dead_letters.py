#!/usr/bin/env python3
"""Dead letters as a user meets them: what is set aside, what sluicectl shows, what a retry brings back.

    test_dead_letters.py SLUICED
"""
import base64
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
from mysql_primary import Server  # noqa: E402
from pcaplib import BASE_NS, Conversation, ethernet, udp, write_pcap  # noqa: E402
from sluice import Checks, replay  # noqa: E402

BASE = """
sources:
  web: { match: { tcp: 80 }, parser: http1 }
  app: { match: { tcp: 5170 }, parser: lines }
  access: { match: { udp: 5140 }, parser: lines, formats: [ACCESS] }
formats:
  ACCESS: { grok: 'GRAMMAR' }
sinks: { out: { stdout: {} } }
dead_letters: { dir: dlq, no_format: true }
"""
OLD = "%{IP:client} %{INT:status:int}"
NEW = "%{IP:client} (?:-|%{INT:status:int})"


def capture(path):
    out = []
    c = Conversation(out, "10.0.0.2", 50003, "10.0.0.9", 5170, BASE_NS)
    for line in (b'{"n":1,"d":2}', b'{"n":2,"d":', b'{"n":3,"d":0}', b'{"n":"x","d":1}'):
        c.send(line + b"\n")
    c.close()
    c = Conversation(out, "10.0.0.3", 50004, "10.0.0.9", 80, BASE_NS + 50_000_000)
    for body in (b'{"uid":"u1","d":4}', b'{"uid":"u2","d":0}', b'{"uid":"u3"'):
        c.send(b"POST /v5/play HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
               b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        c.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", side=1)
    c.send(b"GET /v5/start?uid=u4&d=2 HTTP/1.1\r\nHost: h\r\n\r\n")
    c.send(b"HTTP/1.1 204 No Content\r\n\r\n", side=1)
    c.close()
    for i, line in enumerate((b"10.1.1.1 200", b"10.1.1.2 -", b"nonsense")):
        out.append((BASE_NS + 90_000_000 + i, ethernet(udp("10.0.0.4", 40000, "10.0.0.9", 5140, line, ident=i + 1))))
    write_pcap(path, out)


class Rig:
    def __init__(self, checks, binary, folder):
        self.checks, self.binary, self.folder = checks, binary, folder
        self.ctl = os.path.join(os.path.dirname(binary), "sluicectl")
        self.pcap = os.path.join(folder, "x.pcap")
        self.dlq = os.path.join(folder, "dlq")
        capture(self.pcap)

    def conf(self, text, grammar=OLD, name="c.yaml"):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(BASE.replace("GRAMMAR", grammar) + text)
        return path

    def replay(self, *args, **kw):
        r = replay(self.binary, self.pcap, "-c", self.conf(*args, **kw))
        self.checks.healthy(r, "replay")
        return r

    def dlq_ctl(self, *args):
        return subprocess.run([self.ctl, "dlq", *args], capture_output=True, text=True, timeout=60, check=False)

    def letters(self):
        p = self.dlq_ctl("ls", "--each", "--json", self.dlq)
        self.checks.equal(p.returncode, 0, f"dlq ls --each: {p.stderr}")
        return [json.loads(line) for line in p.stdout.splitlines()]

    def empty(self):
        for name in os.listdir(self.dlq):
            os.unlink(os.path.join(self.dlq, name))


NODES = """
pipeline:
  slim: { op: project, from: [app, web], select: "*, 8 / d::int AS per" }
  few:  { op: filter, from: app, where: "n::int < 3" }
queues:
  a/slim: { from: slim, sink: out }
  a/access: { from: access, sink: out }
"""


def what_cannot_go_on_is_kept_and_counted(rig):
    c = rig.checks
    r = rig.replay(NODES)
    c.equal(r.status, 1, "dead letters: exit status")
    c.check("dead letters" in r.err, f"and a message: {r.err}")
    c.equal(r.count("extract", "app", "dead_letters"), 1, "JSON that is cut is a letter")
    c.equal(r.count("extract", "app", "unparsed"), 0, "and no record with _error")
    c.equal(r.count("extract", "access", "dead_letters"), 2, "lines that no format fits are letters")
    c.equal(r.count("project", "slim", "dead_letters"), 2, "errors of an expression are letters")
    c.equal(r.count("project", "slim", "division_by_zero"), 0, "and are not lost")
    c.equal(r.count("filter", "few", "dead_letters"), 1, "of every node")
    c.equal(r.count("queue", "(dead letters)", "records_out"), 7, "all of them come to the writer")
    c.equal(r.count("sink", "(dead letters)", "written"), 7, "and are written")
    c.check(not any("_error" in x for x in r.records), "no record with _error comes to a queue")
    return r


def sluicectl_shows_them(rig):
    c = rig.checks
    p = rig.dlq_ctl("ls", rig.dlq)
    c.equal(p.returncode, 0, f"dlq ls: {p.stderr}")
    c.check("pipeline slim: division_by_zero" in p.stdout and "extract lines: no format fits" in p.stdout,
            f"a line for each kind of letter: {p.stdout}")
    groups = json.loads(rig.dlq_ctl("ls", "--json", "-c", rig.conf(NODES)).stdout)
    got = sorted((g["stage"], g["rule"], g["source"], g["new"]) for g in groups)
    c.equal(got, [("extract", "http1", "web", 1), ("extract", "lines", "access", 2), ("extract", "lines", "app", 1),
                  ("pipeline", "few", "app", 1), ("pipeline", "slim", "app", 1), ("pipeline", "slim", "web", 1)],
            "dlq ls --json")
    c.equal({g["reason"] for g in groups if g["stage"] == "pipeline"}, {"bad_input", "division_by_zero"}, "reasons")
    letters = rig.letters()
    c.equal([x["letter"] for x in letters], list(range(7)), "letters have numbers")
    c.equal({x["state"] for x in letters}, {"new"}, "and are new")
    only = rig.dlq_ctl("ls", "--each", "--json", "--source", "web", rig.dlq).stdout.splitlines()
    c.equal(len(only), 2, "a choice of them is listed")
    cut = [x for x in letters if x["source"] == "app" and x["stage"] == "extract"][0]
    for name in (str(cut["letter"]), cut["id"]):
        p = rig.dlq_ctl("show", name, rig.dlq)
        c.equal(p.returncode, 0, f"dlq show {name}: {p.stderr}")
        for part in ("7b 22 6e 22 3a 32 2c 22 64 22 3a", '|{"n":2,"d":|', '"_src":"10.0.0.2:50003"', cut["id"],
                     "byte 14 of what the client sent", "2025-11-25T04:43:16."):
            c.check(part in p.stdout, f"dlq show has {part!r}: {p.stdout}")
    one = json.loads(rig.dlq_ctl("show", "--json", str(cut["letter"]), rig.dlq).stdout)
    c.equal(base64.b64decode(one["raw"]), b'{"n":2,"d":', "dlq show --json has the raw bytes")
    c.equal(one["origin"]["_dst"], "10.0.0.9:5170", "and the session")


WRONG = [
    ((), "expected ls, show or retry"),
    (("ls",), "which folder?"),
    (("ls", "/no/such/folder"), "No such file"),
    (("show", "99", "DLQ"), "no letter has this number"),
    (("show", "DLQ"), "which folder?"),
    (("retry", "--all"), "-c FILE is missing"),
    (("retry", "-c", "CONF"), "which letters?"),
    (("ls", "--sort", "DLQ"), "no such option"),
]


def what_is_asked_wrongly_is_told(rig):
    for args, want in WRONG:
        p = rig.dlq_ctl(*[{"DLQ": rig.dlq, "CONF": rig.conf(NODES)}.get(a, a) for a in args])
        rig.checks.equal(p.returncode, 2, f"dlq {args}: exit status")
        rig.checks.check(want in p.stderr, f"dlq {args}: expected {want!r} in {p.stderr!r}")


MENDED = NODES.replace("8 / d::int AS per", "8 / nullif(d::int, 0) AS per").replace("n::int < 3", "n = '3'")


def retry(rig, *args, nodes=NODES, grammar=OLD):
    p = rig.dlq_ctl("retry", "-c", rig.conf(nodes, grammar), *args)
    return p, [json.loads(line) for line in p.stdout.splitlines()]


def what_is_not_mended_fails_again_and_stays(rig):
    c = rig.checks
    p, records = retry(rig, "--all")
    c.equal(p.returncode, 1, f"a retry of what is not mended: exit status: {p.stderr}")
    c.check("7 dead letters: 0 went through, 7 failed again" in p.stderr, p.stderr)
    c.equal({x["state"] for x in rig.letters()}, {"failed again"}, "and is marked")
    c.equal(len(records), 1, "the branch that did not fail gets its record again, of the same _id")


def what_is_mended_goes_through_with_the_same_id(rig):
    c = rig.checks
    before = {x["id"]: x for x in rig.letters() if x["state"] != "retried"}
    p, records = retry(rig, "--reason", "no format fits", grammar=NEW)
    c.equal(p.returncode, 1, "one line is nonsense for the new format too")
    c.check("1 went through, 1 failed again" in p.stderr, p.stderr)
    c.equal([(x["client"], x.get("status"), x["_id"] in before) for x in records], [("10.1.1.2", None, True)],
            "a line comes as the mended format reads it, under its own _id")
    c.equal(records[0]["_time"], "2025-11-25T04:43:16.090000001Z", "at its own packet time")
    c.equal(records[0]["_src"], "10.0.0.4:40000", "from its own session")
    p, records = retry(rig, "--rule", "slim", nodes=MENDED)
    c.equal(p.returncode, 0, f"all went through: {p.stderr}")
    c.equal([(x["_id"] in before, x["d"], x["per"]) for x in records], [(True, 0, None)] * 2,
            "records whose expression is mended")
    web = [x for x in records if x["_source"] == "web"]
    c.equal([x["_http"]["path"] for x in web], ["/v5/play"], "an event of HTTP has its _http again")
    p, records = retry(rig, "--rule", "slim", nodes=MENDED)
    c.equal((p.returncode, records), (0, []), "what went through is not tried again")
    states = {x["letter"]: x["state"] for x in rig.letters()}
    c.equal(sorted(states.values()), ["failed again"] * 4 + ["retried"] * 3, "each letter has its state")
    number = [str(n) for n, s in states.items() if s == "retried"][0]
    p, records = retry(rig, number, nodes=MENDED, grammar=NEW)
    c.equal((p.returncode, len(records)), (0, 1), "but for a letter that is named")


def a_retry_whose_sink_fails_loses_nothing(rig):
    c = rig.checks
    rig.empty()
    rig.replay(NODES)
    reader, gone = os.pipe()
    os.close(reader)
    p = subprocess.run([rig.ctl, "dlq", "retry", "--rule", "slim", "-c", rig.conf(MENDED)], stdout=gone,
                       stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    os.close(gone)
    c.equal(p.returncode, 1, "a retry into a sink that fails: exit status")
    c.check("none is marked as retried" in p.stderr, p.stderr)
    c.equal({x["state"] for x in rig.letters()}, {"new"}, "and no letter is taken for one that went through")
    p, records = retry(rig, "--rule", "slim", nodes=MENDED)
    c.equal((p.returncode, len(records)), (0, 2), "the next retry brings them all")


def unparsed_frames_go_on_when_that_is_asked_for(rig):
    c = rig.checks
    path = rig.conf(NODES)
    with open(path, encoding="utf-8") as f:
        text = f.read().replace("no_format: true", "unparsed: false")
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    r = replay(rig.binary, rig.pcap, "-c", path)
    c.healthy(r, "unparsed: false")
    c.equal(r.count("extract", "app", "unparsed"), 1, "unparsed: false: records with _error")
    c.equal(r.count("extract", "access", "dead_letters"), 0, "no_format: false: lines go on")
    c.equal([x["_format"] for x in r.records if x["_source"] == "access" and "_format" in x][-2:], [None, None],
            "with _format null")
    c.equal(r.count("sink", "(dead letters)", "written"), 3, "errors of expressions are letters all the same")


MISSING = """
dimensions:
  video: { from: { file: { path: videos.csv } }, key: vid, fields: { title: string } }
pipeline:
  rich: { op: enrich, from: app, dimension: video, key: "n::text", HOW }
queues:
  a/rich: { from: rich, sink: out }
"""


def keys_that_are_missing_become_letters(rig):
    c = rig.checks
    for how in ("missing: dead_letter", "missing: hold, hold: 1ms, then: dead_letter"):
        rig.empty()
        with open(os.path.join(rig.folder, "videos.csv"), "w", encoding="utf-8") as f:
            f.write("vid,title\n1,one\n")
        nodes = MISSING.replace("HOW", how)
        r = rig.replay(nodes)
        c.equal(r.status, 1, f"{how}: exit status")
        c.equal(r.count("enrich", "rich", "dead_letters"), 2, f"{how}: letters")
        c.equal(r.count("enrich", "rich", "missing"), 0, f"{how}: none is lost")
        c.equal([x["title"] for x in r.records], ["one"], f"{how}: the others go on")
        with open(os.path.join(rig.folder, "videos.csv"), "a", encoding="utf-8") as f:
            f.write("3,three\nx,ex\n")
        p, records = retry(rig, "--reason", "missing_key", nodes=nodes)
        c.equal(p.returncode, 0, f"{how}: a retry once the keys are there: {p.stderr}")
        c.equal(sorted(x["title"] for x in records), ["ex", "three"], f"{how}: they come with their row")
    path = rig.conf(MISSING.replace("HOW", "missing: dead_letter"))
    with open(path, encoding="utf-8") as f:
        text = "".join(line for line in f if not line.startswith("dead_letters"))
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    p = subprocess.run([rig.binary, "check", "-c", path], capture_output=True, text=True, timeout=60, check=False)
    c.equal(p.returncode, 2, "missing: dead_letter without dead_letters is an error")
    c.check("pipeline.rich.missing" in p.stderr and "no section dead_letters" in p.stderr, p.stderr)


def an_event_of_http_that_waited_comes_back_whole(rig):
    """What a frame's bytes do not say (the request around a query or a body) is kept while its record waits."""
    c = rig.checks
    rig.empty()
    with open(os.path.join(rig.folder, "videos.csv"), "w", encoding="utf-8") as f:
        f.write("vid,title\n1,one\n")
    nodes = MISSING.replace("from: app", "from: web").replace("n::text", "uid").replace(
        "HOW", "missing: hold, hold: 1ms, then: dead_letter")
    r = rig.replay(nodes)
    c.equal(r.count("enrich", "rich", "dead_letters"), 3, "two bodies and a query wait in vain")
    with open(os.path.join(rig.folder, "videos.csv"), "w", encoding="utf-8") as f:
        f.write("vid,title\nu1,one\nu2,two\nu4,four\n")
    p, records = retry(rig, "--rule", "rich", nodes=nodes)
    c.equal(p.returncode, 0, p.stderr)
    c.equal([(x["uid"], x["title"], x["_http"]["method"]) for x in records],
            [("u1", "one", "POST"), ("u2", "two", "POST"), ("u4", "four", "GET")], "they come back as they were")


def a_table_that_disagrees_stops_with_letters_of_its_raw_events(rig):
    """A wrong number of columns stops that table, not the stream; its letter has the event, and where it stands."""
    c = rig.checks
    rig.empty()
    packets = []
    s = Server(packets)
    s.login()
    s.dump("bin.000001")
    s.insert("orders", 5)
    s.insert("users", 6)
    s.wire.close()
    path, sql = os.path.join(rig.folder, "m.pcap"), os.path.join(rig.folder, "shop.sql")
    write_pcap(path, packets)
    with open(sql, "w", encoding="utf-8") as f:
        f.write("CREATE TABLE `shop`.`orders` (`id` int unsigned);\n")
    conf = os.path.join(rig.folder, "m.yaml")
    with open(conf, "w", encoding="utf-8") as f:
        f.write("sources: { shop: { match: { tcp: 3306 }, parser: mysql, schema: shop.sql } }\n"
                "sinks: { out: { stdout: {} } }\nqueues: { lab/shop: { from: shop, sink: out } }\n"
                "dead_letters: { dir: dlq }\n")
    r = replay(rig.binary, path, "-c", conf)
    c.healthy(r, "row changes")
    c.equal({x["_stream"] for x in r.records if x.get("op") == "c"}, {"shop.users"}, "the other table goes on")
    c.check(not any("_error" in x for x in r.records), "the event is no record")
    letters = rig.letters()
    c.equal([(x["source"], x["stage"]) for x in letters], [("shop", "extract")], f"one letter: {letters}")
    one = json.loads(rig.dlq_ctl("show", "--json", "0", rig.dlq).stdout)
    detail = json.loads(one["detail"])
    c.equal((detail["source"]["table"], detail["source"]["file"]), ("orders", "bin.000001"), "table and file")
    c.equal(detail["raw"], one["raw"], "the event's bytes")
    p = rig.dlq_ctl("retry", "--all", "-c", conf)
    c.equal(p.returncode, 1, "a schema that is not mended")
    c.check("1 failed again" in p.stderr and "extract mysql: another number of columns" in p.stderr, p.stderr)
    with open(sql, "w", encoding="utf-8") as f:
        f.write("CREATE TABLE `shop`.`orders` (`id` int unsigned, `name` varchar(64) CHARACTER SET latin1);\n")
    want = replay(rig.binary, path, "-c", conf)
    p = rig.dlq_ctl("retry", "0", "-c", conf)
    c.equal(p.returncode, 0, f"a schema that is mended: {p.stderr}")
    c.equal(p.stdout.splitlines(), [x for x in want.out.decode().splitlines() if '"_stream":"shop.orders"' in x],
            "gives the rows of the event, as if it had never failed")


def one_worker_or_four_give_the_same_letters(rig):
    seen = []
    for workers in (1, 2, 4):
        rig.empty()
        rig.replay(NODES + f"workers: {workers}\n")
        seen.append(sorted((x["id"], x["reason"], x["rule"]) for x in rig.letters()))
    rig.checks.equal(len(seen[0]), 7, "letters")
    rig.checks.check(seen[0] == seen[1] == seen[2], f"with 1, 2 and 4 workers: {seen}")


def main():
    checks = Checks()
    with tempfile.TemporaryDirectory() as folder:
        rig = Rig(checks, os.path.abspath(sys.argv[1]), folder)
        what_cannot_go_on_is_kept_and_counted(rig)
        sluicectl_shows_them(rig)
        what_is_asked_wrongly_is_told(rig)
        what_is_not_mended_fails_again_and_stays(rig)
        what_is_mended_goes_through_with_the_same_id(rig)
        keys_that_are_missing_become_letters(rig)
        an_event_of_http_that_waited_comes_back_whole(rig)
        a_table_that_disagrees_stops_with_letters_of_its_raw_events(rig)
        one_worker_or_four_give_the_same_letters(rig)
        a_retry_whose_sink_fails_loses_nothing(rig)
        rig.empty()
        unparsed_frames_go_on_when_that_is_asked_for(rig)
    checks.done()


if __name__ == "__main__":
    main()
