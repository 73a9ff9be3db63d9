#!/usr/bin/env python3
"""Dead letters as a user meets them: what is set aside, what sluicectl shows, what a retry brings back.

    test_dead_letters.py SLUICED
"""
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
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


def main():
    checks = Checks()
    with tempfile.TemporaryDirectory() as folder:
        rig = Rig(checks, os.path.abspath(sys.argv[1]), folder)
        what_cannot_go_on_is_kept_and_counted(rig)
    checks.done()


if __name__ == "__main__":
    main()
