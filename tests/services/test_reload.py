#!/usr/bin/env python3
"""Reloads of a `sluiced run` under traffic: no packet lost, no record twice, the ledger balanced, memory flat.

A hundred reloads go over other formats, operators, splits, dimensions, sinks and queues; some are refused: bad text, an
expression that cannot be, an option that only a restart changes. Each line carries a number, so that every one is
accounted for.
"""
import glob
import json
import os
import random
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from served import Served  # noqa: E402
from wire import Veth  # noqa: E402

VETH = Veth("sluicerl")
RELOADS = 100
HEAD = """
capture: {{ ports: [{{ device: "net_af_packet0,iface=v1" }}] }}
api: {{ socket: {folder}/control.sock }}
"""
SOURCE = """
sources: {{ syslog: {{ match: {{ udp: {port} }}, parser: syslog, {formats} keep_message: true }} }}
"""
SINKS = """
sinks:
  out: {{ file: {{ path: "{folder}/out.ndjson"{rotate} }} }}
  away: {{ kafka: {{ brokers: "127.0.0.1:9" }} }}
"""
# Where the queue goes, and what there is beside it: each with its sinks.
WAYS = (
    ("out", ""),
    ("two", '  two: {{ file: {{ path: "{folder}/out-two.ndjson" }} }}\n'),
    ("out", '  two: {{ file: {{ path: "{folder}/out-two.ndjson" }} }}\n'),
    ("zip", '  zip: {{ file: {{ path: "{folder}/out-zip.ndjson", rotate_bytes: 64KiB }} }}\n  nowhere: {{ "null": {{}} }}\n'),
)
# What a reload may change: each with the queue's input.
PIPELINES = (
    ("pipeline: {}", "syslog"),
    ('pipeline: { keep: { op: project, from: syslog, select: "message, hostname AS host" } }', "keep"),
    ('pipeline: { all: { op: filter, from: syslog, where: "length(message) > 0" } }', "all"),
    ('pipeline: { cut: { op: route, from: syslog, branches: { odd: "message LIKE \'%1\'" }, rest: other } }',
     "[cut.odd, cut.other]"),
    ("dimensions: {{ d: {{ from: {{ file: {{ path: {folder}/d.csv }} }}, key: k, fields: {{ title: {type} }} }} }}\n"
     "pipeline: {{ rich: {{ op: enrich, from: syslog, dimension: d, key: hostname, missing: \"null\" }} }}", "rich"),
)
FORMATS = ("", "formats: [n],", "formats: [n, w],")
FORMAT_DEFS = """
formats:
  n: {{ grok: "line %{{INT:number:int}}" }}
  w: {{ grok: "%{{WORD:first}} %{{GREEDYDATA:rest}}" }}
"""
SENDER = """
import socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
i = 0
stop = float(sys.argv[1]) + time.time()
while time.time() < stop:
    for _ in range(20):
        s.sendto(b"<34>1 2026-11-25T04:43:16Z h%d su - - - line %d" % (i % 10, i), ("10.9.0.2", 514))
        i += 1
    time.sleep(0.004)
print(i)
"""


class Lab(Served):
    def __init__(self, binary, folder):
        super().__init__(binary, folder)
        self.config = os.path.join(folder, "reload.yaml")
        with open(os.path.join(folder, "d.csv"), "w", encoding="utf-8") as f:
            f.write("k,title\n" + "".join(f"h{i},title {i}\n" for i in range(10)))

    def write(self, pipeline=0, formats=0, kind="string", port=514, tail="", away="", way=0, rotate="", more=""):
        text, origin = PIPELINES[pipeline]
        sink, sinks = WAYS[way]
        if "{folder}" in text:
            text = text.format(folder=self.folder, type=kind)
        body = HEAD + FORMAT_DEFS + SOURCE + SINKS + sinks
        if "nowhere" in sinks:
            more += "  lab/more: { from: syslog, sink: nowhere }\n"
        with open(self.config, "w", encoding="utf-8") as f:
            f.write(body.format(folder=self.folder, formats=FORMATS[formats], port=port, rotate=rotate) + text +
                    f"\nqueues:\n  lab/all: {{ from: {origin}, sink: {sink} }}\n" + more + away + tail)

    def start(self):
        self.begin(self.config, VETH.ns())

    def run(self, *args):
        p = self.sluicectl(*args)
        return p.returncode, json.loads(p.stdout) if p.stdout else {"error": p.stderr}

    def send(self, seconds):
        return subprocess.Popen(VETH.ns(sys.executable, "-c", SENDER, str(seconds)), stdout=subprocess.PIPE, text=True)

    def wait_written(self, queue, n):
        for _ in range(400):
            _, reply = self.run("queues")
            if any(r["queue"] == queue and r["written"] >= n for r in reply.get("rows", ())):
                return
            time.sleep(0.05)

    def numbers(self, pattern="out*.ndjson*"):
        found = []
        for name in sorted(glob.glob(f"{self.folder}/{pattern}")):
            with open(name, encoding="utf-8") as f:
                found += [int(json.loads(line)["message"].split(" ")[-1]) for line in f]
        return found


def a_hundred_reloads(lab, checks):
    chance = random.Random(6)
    lab.write()
    lab.start()
    sender = lab.send(RELOADS * 0.12)
    done = failed = 0
    wrong, sizes = [], []
    for i in range(RELOADS):
        kind = i % 10
        want = "done"
        if kind == 3:
            lab.write(tail="queues: [\n")
            want = "failed"
        elif kind == 5:
            lab.write(tail="frame: { bytes_max: 2MiB }\n")
            want = "failed"
        elif kind == 7:
            lab.write(tail='\n')
            with open(lab.config, "a", encoding="utf-8") as f:
                f.write("no_such_section: {}\n")
            want = "failed"
        else:
            lab.write(chance.randrange(len(PIPELINES)), chance.randrange(len(FORMATS)),
                      chance.choice(("string", "int")), way=chance.randrange(len(WAYS)),
                      rotate=chance.choice(("", "", ", rotate_every: 10s")))
        begin = time.monotonic()
        code, reply = lab.run("reload")
        if reply.get("state") != want or (code == 0) != (want == "done") or time.monotonic() - begin > 20:
            wrong.append((i, kind, code, reply))
        if want == "failed" and lab.config + ":" not in reply.get("why", ""):
            wrong.append((i, "does not say where", reply))
        done += want == "done"
        failed += want == "failed"
        sizes.append(lab.rss_kib())
    checks.equal(wrong[:2], [], "each reload ends as it should")
    sent = int(sender.communicate(timeout=120)[0])
    time.sleep(1)
    lab.write(2)
    begin = time.monotonic()
    code, reply = lab.run("reload")
    checks.check(code == 0 and time.monotonic() - begin < 10, f"a reload without traffic ends: {reply}")
    status, log, ledger = lab.finish()
    got = lab.numbers()
    missed = sum(r["missed"].get("missed", 0) for r in ledger["rows"] if r["stage"] == "port")
    checks.equal((len(got), len(set(got)), missed), (sent, sent, 0), "every line is there, once")
    checks.check(all(glob.glob(f"{lab.folder}/out-{name}-*") for name in ("two", "zip")), "each sink had its time")
    names = {r["scope"] for r in ledger["rows"] if r["stage"] == "sink"}
    checks.equal(names, {"lab/all", "lab/more"}, "rows of a queue that is gone stay")
    checks.equal((status, ledger["balanced"], ledger["lost"]), (0, True, 0), "the ledger balances, nothing is lost")
    checks.equal(log.count(": done in"), done + 1, "the log tells of each that went well")
    checks.equal(log.count("everything stays as it was"), failed, "and of each that did not")
    grown = max(sizes[-20:]) - max(sizes[10:40])
    checks.check(grown < max(sizes[10:40]) // 4, f"memory is flat: {sizes[10]} KiB at first, {sizes[-1]} at the end")
    print(f"  {RELOADS} reloads, {sent} lines; memory {sizes[10]} KiB after 10, {sizes[-1]} KiB after {RELOADS}")


def a_sink_that_is_away(lab, checks):
    """Its records wait for it; the reload does not."""
    for name in glob.glob(lab.folder + "/out*"):
        os.unlink(name)
    away = "  lab/away: { from: syslog, sink: away }\n"
    lab.write(away=away)
    lab.start()
    sender = lab.send(1)
    sent = int(sender.communicate(timeout=60)[0])
    lab.write(1, away=away)
    begin = time.monotonic()
    code, reply = lab.run("reload")
    took = time.monotonic() - begin
    checks.check(code == 0 and reply["state"] == "done" and took < 5, f"a failing sink keeps no reload: {reply}")
    _, status = lab.run("status")
    checks.equal(status["state"], "trouble", "status names the sink that takes nothing")
    # It is replaced twice: the first cannot end, and the others start after it.
    for topic in ("first", "second"):
        lab.write(1, away=away.replace(" }", f", topic: {topic} }}"))
        code, reply = lab.run("reload")
        checks.check(code == 0, f"another topic: {reply}")
    sent += int(lab.send(0.3).communicate(timeout=60)[0])
    lab.wait_written("lab/all", sent)
    status, log, ledger = lab.finish(hard=True)
    checks.check(status >= 0, f"a stop that gives up ends by itself: {status} {log[-2000:]}")
    checks.equal((len(lab.numbers()), ledger["balanced"]), (sent, True), "the other sink has every line")
    row = next(r for r in ledger["rows"] if r["stage"] == "sink" and r["scope"] == "lab/away")
    checks.equal(row["in"], {"records_in": sent}, f"what is given up is counted, of each in its turn: {row}")


def a_queue_that_moves_takes_its_spool_along(lab, checks):
    """From a sink that is away to one that takes records."""
    for name in glob.glob(lab.folder + "/out*"):
        os.unlink(name)
    spool = f"spool: {{ dir: {lab.folder}/spool }}\n"
    away = "  lab/away: { from: syslog, sink: away }\n"
    lab.write(way=2, away=away, tail=spool)
    lab.start()
    sent = int(lab.send(1).communicate(timeout=60)[0])
    code, reply = lab.run("reload")
    checks.equal(code, 0, f"a reload that changes nothing: {reply}")
    lab.write(way=2, away=away.replace("sink: away", "sink: two"), tail=spool)
    code, reply = lab.run("reload")
    checks.equal(code, 0, f"the queue moves: {reply}")
    sent_later = int(lab.send(0.5).communicate(timeout=60)[0])
    lab.wait_written("lab/away", sent + sent_later)
    _, log, ledger = lab.finish()
    two = lab.numbers("out-two*")
    checks.equal(two, list(range(sent)) + list(range(sent_later)), "each record once, those of before first")
    checks.equal((ledger["balanced"], ledger["lost"]), (True, 0), "nothing is lost")
    checks.check("are in the spool" in log, "the log tells of the spool")
    row = next(r for r in ledger["rows"] if r["stage"] == "spool" and r["scope"] == "lab/away")
    checks.equal(row["held"], {"held": 0}, f"nothing is held any more: {row}")


def queues_that_move_again_and_again(lab, checks):
    """Before what was replaced has ended: each in its turn, and with it the spool."""
    for name in glob.glob(lab.folder + "/out*"):
        os.unlink(name)
    spool = f"spool: {{ dir: {lab.folder}/spool }}\n"
    away = "  lab/away: { from: syslog, sink: away }\n"
    here = "  lab/away: { from: syslog, sink: two }\n"
    lab.write(way=2, away=away, tail=spool)
    lab.start()
    sender = lab.send(1.5)
    for i in range(8):
        lab.write(way=1 + i % 2, away=away if i == 1 else here, tail=spool,
                  more="" if i % 4 else "  lab/x: { from: syslog, sink: out }\n")
        code, reply = lab.run("reload")
        checks.check(code == 0, f"move {i}: {reply}")
    lab.write(way=2, away=here, tail=spool)
    lab.run("reload")
    sent = int(sender.communicate(timeout=60)[0])
    lab.wait_written("lab/away", sent)
    status, _, ledger = lab.finish()
    checks.equal((status, ledger["balanced"], ledger["lost"]), (0, True, 0), "nothing is lost")
    for name in ("lab/all", "lab/away"):
        row = next(r for r in ledger["rows"] if r["stage"] == "sink" and r["scope"] == name)
        checks.equal(row["out"], {"written": sent}, f"{name}: each record once")


def an_archive_is_handed_on(lab, checks):
    """Its directory is locked by the sink that runs: the next one waits for its end."""
    archive = os.path.join(lab.folder, "archive")
    os.mkdir(archive)

    def write(every):
        lab.write(more="  lab/kept: { from: syslog, sink: kept }\n")
        with open(lab.config, encoding="utf-8") as f:
            text = f.read()
        kept = f'sinks:\n  kept: {{ archive: {{ dir: "{archive}", rotate_every: {every} }} }}\n'
        with open(lab.config, "w", encoding="utf-8") as f:
            f.write(text.replace("sinks:\n", kept))
    write("1h")
    lab.start()
    sender = lab.send(1.5)
    for every in ("2h", "3h", "4h", "5h"):
        write(every)
        code, reply = lab.run("reload")
        checks.check(code == 0 and reply["state"] == "done", f"rotate_every {every}: {reply}")
        time.sleep(0.2 if every == "3h" else 0)
    sent = int(sender.communicate(timeout=60)[0])
    lab.wait_written("lab/kept", sent)
    status, log, ledger = lab.finish()
    checks.equal((status, ledger["balanced"], ledger["lost"]), (0, True, 0), f"the ledger balances: {log[-300:]}")
    checks.equal(log.count("unfinished"), 0, "no file that is written is told as one of an earlier run")
    records = subprocess.run([lab.ctl, "spool", "cat", archive], stdout=subprocess.PIPE, text=True, check=False).stdout
    got = [int(json.loads(line)["message"].split(" ")[-1]) for line in records.splitlines()]
    checks.equal(sorted(got), list(range(sent)), "each record is in the archive, once")
    checks.check(len(glob.glob(archive + "/*/*.seg")) > 1, "and each sink had its turn")


REMEMBERS = """
pipeline:
  once: {{ op: dedup, from: syslog, key: message, window: 1h }}
  sums: {{ op: aggregate, from: once, window: 1h, time: "timestamp::timestamptz", ahead: 24h, group_by: {{ hostname: hostname }},
           aggregates: {{ n: "count(*)", last: "max(length(message))" }} }}
  asked: {{ op: sql, from: once, query: "SELECT hostname, count(*) AS n FROM once GROUP BY tumble(_time, '7 days'), hostname" }}
  changes: {{ op: filter, from: syslog, where: "length(message) > {i}" }}
queues:
  lab/once: {{ from: once, sink: out }}
  lab/sums: {{ from: sums, sink: two }}
  lab/asked: {{ from: asked, sink: zip }}
  lab/changes: {{ from: changes, sink: nowhere }}
"""
TWICE = """
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for i in range(4000):
    s.sendto(b"<34>1 TIME h%d su - - - line %d" % (i % 7, i // 2), ("10.9.0.2", 514))
    if i % 20 == 0:
        time.sleep(0.01)
"""


def records_of(lab, pattern):
    """What does not say when it was sent."""
    found = []
    for name in sorted(glob.glob(f"{lab.folder}/{pattern}")):
        with open(name, encoding="utf-8") as f:
            found += [{k: v for k, v in json.loads(line).items() if k[0] != "_"} for line in f]
    return found


def what_nodes_remember(lab, checks):
    """The same output with and without twenty reloads: no window in two parts, no key forgotten."""
    later = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 6 * 3600))
    outputs = []
    for reloads in (0, 20):
        for name in glob.glob(lab.folder + "/out*"):
            os.unlink(name)
        body = (HEAD + FORMAT_DEFS + SOURCE + SINKS + WAYS[1][1] + WAYS[3][1] + REMEMBERS)

        def write(i, body=body):
            with open(lab.config, "w", encoding="utf-8") as f:
                f.write(body.format(folder=lab.folder, formats="", port=514, rotate="", i=i))
        write(0)
        lab.start()
        sender = subprocess.Popen(VETH.ns(sys.executable, "-c", TWICE.replace("TIME", later)))
        for i in range(reloads):
            write(i % 3)
            code, reply = lab.run("reload")
            checks.check(code == 0, f"reload {i}: {reply}")
        sender.wait(timeout=60)
        time.sleep(0.5)
        status, _, ledger = lab.finish()
        checks.equal((status, ledger["balanced"], ledger["lost"]), (0, True, 0), "the ledger balances")
        outputs.append([records_of(lab, f"out{part}-[0-9]*") for part in ("", "-two", "-zip")])
    checks.equal([len(part) for part in outputs[0]], [2000, 7, 7], "each line once, a record for each group")
    checks.check(outputs[0] == outputs[1], "twenty reloads make no difference")


def what_a_file_needs(lab, checks):
    """check and diff of another file beside the one that runs; and a sink that cannot be opened."""
    lab.write(way=1)
    lab.start()
    running, lab.config = lab.config, os.path.join(lab.folder, "other.yaml")

    def ask(command):
        code, reply = lab.run(command, "-c", lab.config)
        return code, reply.get("state", reply.get("needs")), reply
    lab.write(way=1)
    checks.equal(ask("check")[:2], (0, "good"), "the same can be built")
    checks.equal(ask("diff")[:2], (0, "nothing"), "and differs in nothing")
    lab.write(2, way=3, formats=1)
    checks.equal(ask("check")[:2], (0, "good"), "what a reload makes")
    code, needs, reply = ask("diff")
    rows = {r["option"]: (r["runs"], r["file"], r["needs"]) for r in reply["rows"]}
    checks.equal((code, needs), (1, "reload"), "a reload makes it so")
    checks.equal(rows.get("queues.lab/all.sink"), ("two", "zip", "reload"), f"option by option: {sorted(rows)}")
    lab.write(way=1, port=515)
    checks.equal(ask("check")[:2], (0, "good"), "another port of a source can be built")
    rows = {r["option"]: r["needs"] for r in ask("diff")[2]["rows"]}
    checks.equal(rows, {"sources.syslog.match.udp": "reload"}, "and a reload makes it so")
    lab.write(way=1, tail="frame: { bytes_max: 2MiB }\n")
    code, state, reply = ask("check")
    checks.check((code, state) == (1, "restart") and "only a restart" in reply["why"], f"a restart: {reply}")
    rows = {r["option"]: r["needs"] for r in ask("diff")[2]["rows"]}
    checks.equal(rows, {"frame.bytes_max": "restart"}, "and that option alone")
    lab.write(tail="queues: [\n")
    code, state, reply = ask("check")
    checks.check((code, state) == (1, "bad") and "other.yaml:" in reply["why"], f"a fault has its place: {reply}")
    code, _, reply = ask("diff")
    checks.check(code == 2 and "other.yaml:" in str(reply), f"there too: {reply}")
    with open(lab.folder + "/d.csv", "a", encoding="utf-8") as f:
        f.write("".join(f"k{i},title {i}\n" for i in range(1000000)))  # it takes a while
    lab.write(4, way=1)
    both = [subprocess.Popen([lab.ctl, "--socket", lab.folder + "/control.sock", "check", "-c", lab.config],
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for _ in range(2)]
    said = sorted((p.communicate(timeout=60)[0], p.returncode) for p in both)
    checks.check([code for _, code in said] == [2, 0] or [code for _, code in said] == [0, 2], f"one check at a time: {said}")
    checks.check(any("another check is under way" in text for text, _ in said), f"the other is told: {said}")
    checks.equal(ask("check")[0], 0, "and the next has its turn")
    lab.config = os.path.join(lab.folder, "pipe.yaml")
    os.mkfifo(lab.config)
    begin = time.monotonic()
    code, state, reply = ask("check")
    checks.check((code, state) == (1, "bad") and "no regular file" in reply["why"], f"a pipe keeps nobody: {reply}")
    for command in ("diff", "shadow"):
        p = subprocess.run([lab.ctl, "--socket", lab.folder + "/control.sock", command, "-c", lab.config],
                           capture_output=True, text=True, timeout=60, check=False)
        checks.check(p.returncode and "no regular file" in p.stderr, f"{command}: {p.returncode} {p.stderr}")
    checks.check(time.monotonic() - begin < 5, "and is refused at once")
    lab.config = running
    lab.write(way=1, more="  lab/no: { from: syslog, sink: no }\n")
    with open(lab.config, encoding="utf-8") as f:
        text = f.read().replace("sinks:\n", 'sinks:\n  "no": { file: { path: /proc/nowhere/x } }\n')
    with open(lab.config, "w", encoding="utf-8") as f:
        f.write(text)
    code, reply = lab.run("reload")
    checks.check(code == 1 and "sink no" in reply["why"], f"a sink that cannot be opened fails the reload: {reply}")
    _, reply = lab.run("queues")
    checks.equal([(r["queue"], r["sink"]) for r in reply["rows"]], [("lab/all", "two")], "and all is as it was")
    status, _, ledger = lab.finish()
    checks.equal((status, ledger["balanced"]), (0, True), "the ledger balances")


def run(binary, folder, checks):
    os.environ.pop("MALLOC_PERTURB_", None)  # meson's: what is freed is written to, and stays
    lab = Lab(binary, folder)
    a_hundred_reloads(lab, checks)
    a_sink_that_is_away(lab, checks)
    a_queue_that_moves_takes_its_spool_along(lab, checks)
    queues_that_move_again_and_again(lab, checks)
    an_archive_is_handed_on(lab, checks)
    what_nodes_remember(lab, checks)
    what_a_file_needs(lab, checks)


if __name__ == "__main__":
    VETH.main(run)
