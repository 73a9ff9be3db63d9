#!/usr/bin/env python3
"""An archive as a user meets it: written by a replay, looked into, damaged, replayed again.

    test_archive.py SLUICED
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
from pcaplib import BASE_NS, Conversation, ethernet, udp, write_pcap  # noqa: E402
from sluice import Checks  # noqa: E402

SOURCES = """
sources:
  web: { match: { tcp: 80 }, parser: http1 }
  app: { match: { tcp: 5170 }, parser: lines }
  log: { match: { udp: 514 }, parser: syslog }
"""
WRITE = SOURCES + """
sinks: { kept: { archive: { dir: kept, rotate_bytes: 64KiB, level: 0 } } }
queues:
  all/web: { from: web, sink: kept }
  all/app: { from: app, sink: kept }
  all/log: { from: log, sink: kept }
"""
READ = SOURCES + """
sinks: { out: { stdout: {} } }
queues:
  all/web: { from: web, sink: out }
  all/app: { from: app, sink: out }
  all/log: { from: log, sink: out }
"""
WORKED = SOURCES + """
pipeline:
  late: { op: filter, from: log, where: "timestamp > '2026-11-25T00:00:00Z' AND severity = 'crit'" }
sinks: { out: { stdout: {} } }
queues: { all/late: { from: late, sink: out } }
"""
OTHER = """
sources: { web: { match: { tcp: 80 }, parser: http1 } }
sinks: { out: { stdout: {} } }
queues: { all/web: { from: web, sink: out } }
"""


def capture(path):
    out = []
    c = Conversation(out, "10.0.0.2", 50003, "10.0.0.9", 5170, BASE_NS)
    for i in range(3000):
        c.send(b'{"n":%d,"_id":"mine","text":"caf\xc3\xa9 %s"}\n' % (i, b"x" * (i % 97)))
    c.send(b"plain text\n")
    c.close()
    c = Conversation(out, "10.0.0.3", 50004, "10.0.0.9", 80, BASE_NS + 50_000_000)
    c.send(b"POST /v5 HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
           b"Content-Length: 11\r\n\r\n{\"uid\":\"u\"}")
    c.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", side=1)
    c.close()
    for i, text in enumerate((b"<34>1 2026-11-25T04:43:16.003Z web-1 su - ID47 [a@1 k=\"v\"] failed",
                              b"<34>Oct 11 22:14:15 web-1 su: old form", b"<13>no time at all")):
        out.append((BASE_NS + 90_000_000 + i,
                    ethernet(udp("10.0.0.4", 40000, "10.0.0.9", 514, text, ident=i + 1))))
    write_pcap(path, out)


class Rig:
    def __init__(self, binary, folder):
        self.binary, self.folder = binary, folder
        self.ctl = os.path.join(os.path.dirname(binary), "sluicectl")

    def run(self, *args):
        return subprocess.run(args, cwd=self.folder, capture_output=True, timeout=120, check=False)

    def replay(self, conf, *paths, more=()):
        path = os.path.join(self.folder, "c.yaml")
        with open(path, "w", encoding="utf-8") as f:
            f.write(conf)
        return self.run(self.binary, "replay", "-q", "-c", path, *more, *paths)

    def spool(self, *args):
        return self.run(self.ctl, "spool", *args)

    def segments(self):
        found = []
        for where, _, names in os.walk(os.path.join(self.folder, "kept")):
            found += [os.path.join(where, n) for n in names if n.endswith(".seg")]
        return sorted(found)


def lines(done):
    return sorted(done.stdout.splitlines())


def whole(checks, rig, direct):
    segments = rig.segments()
    listed = json.loads(rig.spool("--json", "ls", "kept").stdout)
    checks.equal(listed["records"], len(direct), "ls counts the records")
    checks.equal(sorted({r["queue"] for r in listed["rows"]}), ["all/app", "all/log", "all/web"], "ls has the queues")
    checks.check(len(segments) > 3, "files are rotated")
    done = rig.spool("fsck", "kept")
    checks.equal(done.returncode, 0, "a whole archive is sound")
    checks.equal(lines(rig.spool("cat", "kept")), direct, "cat gives the records as they were")
    checks.equal(lines(rig.run(rig.binary, "replay", *segments)), direct, "so does a replay without a configuration")
    done = rig.replay(READ, *segments)
    checks.equal(lines(done), direct, "a replay gives the same records, byte for byte")
    checks.equal((done.returncode, done.stderr), (0, b""), "and nothing is lost")
    done = rig.replay(WORKED, *segments)
    got = [json.loads(x) for x in done.stdout.splitlines()]
    checks.equal([r["appname"] for r in got], ["su"], "events of an archive have the types of their source")


def refused(checks, rig):
    segments = rig.segments()
    done = rig.replay(OTHER, *segments)
    checks.equal(done.returncode, 1, "records of a source that is not there are lost, and said to be")
    checks.check(b"no_source" in done.stderr, "by name")
    done = rig.run(rig.binary, "replay", "x.pcap", segments[0])
    checks.equal(done.returncode, 2, "captures and segments are replayed apart")
    checks.check(b"1 of 2 files are segments" in done.stderr, "which is said")
    done = rig.replay(READ, segments[0], more=("--loop", "2"))
    checks.equal(done.returncode, 2, "a loop is of captures only")
    done = rig.spool("cut", "--below", "5", "kept/all@app")
    checks.equal(done.returncode, 2, "an archive is not cut")
    done = rig.spool("ls", "nowhere")
    checks.equal(done.stderr, b"sluicectl: nowhere: No such file or directory\n", "what is not there is named")
    for args in (("sl",), (), ("ls",), ("cat", "--from", "x", "kept"), ("ls", "--raw", "kept")):
        checks.equal(rig.spool(*args).returncode, 2, f"usage: {args}")


def damaged(checks, rig, direct):
    path = [p for p in rig.segments() if "@app" in p][0]
    with open(path, "r+b") as f:
        f.seek(2000)
        byte = f.read(1)[0]
        f.seek(2000)
        f.write(bytes([byte ^ 1]))
    done = rig.spool("--json", "fsck", "kept")
    said = json.loads(done.stdout)
    row = said["rows"][0]
    checks.equal((done.returncode, len(said["rows"])), (1, 1), "fsck finds the damage")
    checks.check(path.endswith(row["file"]), "and names the file")
    checks.equal(row["first"], 0, "and the first record")
    lost = row["records"]
    checks.check(lost > 0 and said["lost"] == lost, "and how many")
    done = rig.spool("cat", "kept")
    checks.equal((done.returncode, len(done.stdout.splitlines())), (1, len(direct) - lost), "cat leaves them out")
    done = rig.replay(READ, *rig.segments())
    checks.equal((done.returncode, len(done.stdout.splitlines())), (1, len(direct) - lost), "a replay too")
    checks.check(b"damaged" in done.stderr, "and says so")
    done = rig.spool("fsck", "--repair", "kept")
    done = rig.spool("fsck", "kept")
    checks.equal(done.returncode, 0, "after a repair it is sound")
    checks.equal(len(rig.spool("cat", "kept").stdout.splitlines()), len(direct) - lost, "and has what it had")


def of_another_format(checks, rig):
    """What would not come back is refused before it is written."""
    with open(os.path.join(rig.folder, "other.yaml"), "w", encoding="utf-8") as f:
        f.write(WRITE.replace("from: web, sink: kept", "from: web, sink: kept, format: debezium-json"))
    done = rig.run(rig.binary, "check", "-c", "other.yaml")
    checks.equal(done.returncode, 2, "another format of an archive: exit status")
    checks.check(b"other.yaml:9:45: queues.all/web.format: sink kept (archive) keeps what can be replayed, and records of "
                 b"format debezium-json do not come back; expected json" in done.stderr, f"and its place: {done.stderr}")


def main():
    checks = Checks()
    with tempfile.TemporaryDirectory() as folder:
        rig = Rig(os.path.abspath(sys.argv[1]), folder)
        capture(os.path.join(folder, "x.pcap"))
        os.mkdir(os.path.join(folder, "kept"))
        direct = lines(rig.replay(READ, "x.pcap"))
        done = rig.replay(WRITE, "x.pcap")
        checks.equal((done.returncode, done.stderr), (0, b""), "an archive is written")
        whole(checks, rig, direct)
        refused(checks, rig)
        of_another_format(checks, rig)
        damaged(checks, rig, direct)
        shutil.rmtree(os.path.join(folder, "kept"))
        done = rig.replay(WRITE, "x.pcap")
        checks.equal(done.returncode, 2, "a directory that is gone is named")
        checks.check(b"kept: No such file or directory" in done.stderr, "by name")
    return checks.done()


if __name__ == "__main__":
    sys.exit(main())
