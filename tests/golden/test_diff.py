#!/usr/bin/env python3
"""sluiced replay --diff: what two configurations make of the same capture.

    test_diff.py SLUICED
"""
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
from pcaplib import BASE_NS, ethernet, udp, write_pcap  # noqa: E402
from sluice import Checks  # noqa: E402

HEAD = """
sources: { app: { match: { udp: 5170 }, parser: lines } }
sinks: { out: { stdout: {} } }
"""
OLD = HEAD + """
pipeline: { big: { op: filter, from: app, where: "n::int >= 10" } }
queues: { p/all: { from: app, sink: out }, p/big: { from: big, sink: out } }
"""
NEW = HEAD + """
pipeline:
  big:  { op: filter, from: app, where: "n::int >= 20 OR n::int = 3" }
  more: { op: project, from: app, select: "*, CASE WHEN n::int = 7 THEN 'seven' END AS word" }
queues: { p/all: { from: more, sink: out }, p/big: { from: big, sink: out } }
"""


def main():
    binary, checks = sys.argv[1], Checks()
    with tempfile.TemporaryDirectory() as folder:
        def write(name, text):
            path = os.path.join(folder, name)
            with open(path, "w", encoding="utf-8") as f:
                f.write(text)
            return path

        def run(new, old, *files):
            p = subprocess.run([binary, "replay", "-c", new, "--diff", old, *files], capture_output=True, text=True,
                               timeout=60, check=False)
            return p.returncode, [json.loads(line) for line in p.stdout.splitlines()], p.stderr

        old, new = write("old.yaml", OLD), write("new.yaml", NEW)
        capture = os.path.join(folder, "c.pcap")
        write_pcap(capture, [(BASE_NS + i * 1000,
                              ethernet(udp("10.0.0.2", 40000, "10.0.0.9", 5170,
                                           json.dumps({"n": i, "city": "Paris"}).encode(), ident=i)))
                             for i in range(30)])
        status, lines, err = run(old, old, capture)
        checks.equal((status, lines), (0, []), "a configuration and itself make the same")
        checks.check("diff: p/all: 30 the same, 0 changed, 0 added, 0 removed" in err, f"and so it says: {err}")
        status, lines, err = run(new, old, capture)
        checks.equal(status, 1, "two that differ")
        kinds = {(d["diff"], d["queue"]): 0 for d in lines}
        for d in lines:
            kinds[(d["diff"], d["queue"])] += 1
        checks.equal(kinds, {("changed", "p/all"): 30, ("added", "p/big"): 1, ("removed", "p/big"): 10},
                     "each record that differs is a line")
        seven = next(d for d in lines if d["diff"] == "changed" and d["new"]["n"] == 7)
        checks.equal((seven["fields"], seven["old"].get("word"), seven["new"]["word"]), (["word"], None, "seven"),
                     "which names the fields, and has both records")
        added = next(d for d in lines if d["diff"] == "added")
        checks.equal(added["record"]["n"], 3, "what the new one adds")
        checks.equal([d["record"]["n"] for d in lines if d["diff"] == "removed"], list(range(10, 20)),
                     "what it leaves out, in order")
        checks.check("diff: p/big: 10 the same, 0 changed, 1 added, 10 removed" in err, f"the sums: {err}")
        status, lines, err = run(new, os.path.join(folder, "none.yaml"), capture)
        checks.equal((status, lines, "none.yaml" in err), (2, [], True), "an old configuration that is not there")
        status, lines, err = run(new, old, "-")
        checks.equal((status, "standard input can be read once" in err), (2, True), "standard input")
    checks.done()


if __name__ == "__main__":
    main()
