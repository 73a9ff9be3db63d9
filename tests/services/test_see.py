#!/usr/bin/env python3
"""What a `sluiced run` shows of its sessions and records: `flows`, and a live `tap`.

Sessions of every state are played into a veth, packet by packet, as captures of the field have them.
"""
import glob
import json
import os
import re
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from pcaplib import ACK, PSH, Conversation, ethernet, udp  # noqa: E402
from served import Served  # noqa: E402
from wire import Veth, end  # noqa: E402

VETH = Veth("sluicese")
CONFIG = """
capture: {{ ports: [{{ device: "net_af_packet0,iface=v1" }}] }}
flow: {{ gap_wait: 200ms, gap_wait_unacked: 400ms }}
api: {{ socket: {folder}/control.sock }}
sources:
  syslog: {{ match: {{ udp: 514 }}, parser: syslog }}
  lines: {{ match: {{ tcp: 5170 }}, parser: lines }}
pipeline:
  {name}: {{ op: filter, from: syslog, where: "message LIKE '%{odd}'" }}
  slim: {{ op: project, from: {name}, select: "{slim}" }}
sinks: {{ out: {{ file: {{ path: {folder}/out.ndjson }} }} }}
queues:
  lab/slim: {{ from: slim, sink: out }}
  lab/lines: {{ from: lines, sink: out }}
"""
# Sends frames out of a namespace: @n times the lines of hexadecimal on standard input.
SENDER = """
import socket, sys, time
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(("v0", 0))
frames = [bytes.fromhex(line) for line in sys.stdin]
for i, f in enumerate(frames):
    s.send(f)
    if i % 50 == 49: time.sleep(0.002)
"""


class Lab(Served):
    running = []
    run = Served.sluicectl

    def __init__(self, binary, folder):
        super().__init__(binary, folder)
        self.config = folder + "/see.yaml"
        self.write()
        Lab.running.append(self)
        self.begin(self.config, VETH.ns(), settle=0.5)

    def write(self, odd=1, name="odd", slim="message, upper(hostname) AS host"):
        with open(self.config, "w", encoding="utf-8") as f:
            f.write(CONFIG.format(folder=self.folder, odd=odd, name=name, slim=slim))

    def send(self, frames):
        subprocess.run(VETH.ns(sys.executable, "-c", SENDER), input="".join(f.hex() + "\n" for f in frames),
                       text=True, check=True, timeout=60)

    def records(self):
        return next(r["records"] for r in self.json("streams")["rows"] if r["stream"] == "syslog")

    def send_through(self, n):
        """Lines, until all of them have become records."""
        want = self.records() + n
        self.send(syslog(0, n))
        for _ in range(400):
            if self.records() >= want:
                break
            time.sleep(0.05)


def syslog(first, n, host="web-1"):
    return [ethernet(udp("10.9.0.1", 40000, "10.9.0.2", 514,
                         f"<34>1 2026-11-25T04:43:16Z {host} su - - - line {i}".encode())) for i in range(first, first + n)]


def conversation(sport, dport=5170):
    out = []
    return out, Conversation(out, "10.9.0.1", sport, "10.9.0.2", dport, 0)


def sessions():
    """Frames of one session of each kind, by the port that the client has."""
    frames = []

    def play(sport, play_on, dport=5170, keep=lambda i: True):
        out, c = conversation(sport, dport)
        play_on(c)
        frames.extend(f for i, (_, f) in enumerate(out) if keep(i))
    play(41001, lambda c: c.send(b"a line\n" * 100))
    play(41002, lambda c: c.send(b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03" + b"\x11" * 160))
    play(41003, lambda c: c.send(b"\x1f\x8b\x08\x00" + b"\x01" * 200))
    play(41004, lambda c: c.send(b"SSH-2.0-OpenSSH_9.2\r\n"), dport=22)
    play(41005, lambda c: c.send(b"late line\n" * 10), keep=lambda i: i > 2)
    play(41006, lambda c: c.send(b"one side\n" * 10), keep=lambda i: i in (0, 2, 3))

    def holed(c):
        c.send(b"before\n")
        c.seq[0] += 700  # sent and acknowledged, and never seen
        c.emit(1, ACK)
        c.send(b"after\n")
        c.emit(0, PSH | ACK, b"more\n")
    play(41007, holed)
    play(41008, lambda c: (c.send(b"plain\n"), c.close()))
    return frames


def see_flows(lab, checks):
    lab.send(sessions())
    for _ in range(50):  # a late session's first bytes, and a hole, are waited for
        if lab.json("flows", "--state", "gaps").get("rows") and len(lab.json("flows", "--source", "lines")["rows"]) == 4:
            break
        time.sleep(0.2)
    reply = lab.json("flows")
    rows = {int(r["client"].split(":")[-1]): r for r in reply["rows"]}
    want = {41001: ("plain", "", "lines"), 41002: ("tls", "", ""), 41003: ("compressed", "", ""),
            41004: ("unknown", "", ""), 41005: ("plain", "late", "lines"), 41006: ("plain", "one-sided", "lines"),
            41007: ("plain", "gaps", "lines")}
    for port, (state, notes, source) in want.items():
        row = rows.get(port, {})
        got = (row.get("state"), row.get("notes"), row.get("source"))
        checks.equal(got, (state, notes, source), f"the session from port {port}")
    checks.equal(41008 in rows, False, "a session that is over is not shown")
    plain, holed = rows[41001], rows[41007]
    checks.equal((plain["bytes_out"], plain["bytes_back"], plain["packets_out"], plain["packets_back"]),
                 (700, 0, 3, 2), "bytes and packets of each way")
    checks.equal((holed["gaps"], holed["gap_bytes"], holed["bytes_out"]), (1, 700, 718), "a gap is told")
    checks.equal((rows[41003]["why"], rows[41002]["why"]), ("compressed as a whole: gzip", "TLS"), "and why")
    sizes = [r["bytes_out"] + r["bytes_back"] for r in reply["rows"]]
    checks.equal(sizes, sorted(sizes, reverse=True), "the largest come first")
    checks.equal([r["client"] for r in lab.json("flows", "--state", "gaps")["rows"]], ["10.9.0.1:41007"],
                 "only those with gaps")
    checks.equal(len(lab.json("flows", "--source", "lines", "--state=plain")["rows"]), 4, "only those of a source")
    two = lab.json("flows", "--limit", "2")
    checks.equal((len(two["rows"]), two["left_out"], two["sessions"]), (2, 5, 7), "what has no row is counted")
    text = lab.run("flows", js=False)
    checks.check(text.returncode == 0 and "10.9.0.1:41002" in text.stdout and "TLS" in text.stdout, "people read it")
    for args, why in ((("--state", "odd"), "state: expected one of undecided, plain, tls"),
                      (("--source", "nothing"), "no source is named nothing"),
                      (("--limit", "0"), "limit: expected 1 to 10000"),
                      (("--lmit", "3"), "--lmit: not expected here"), (("--limit",), "--limit: its value is missing")):
        p = lab.run("flows", *args)
        checks.equal((p.returncode, why in p.stderr), (2, True), f"flows {' '.join(args)} is refused: {p.stderr}")


class Tap:
    """A `sluicectl tap` that runs; what it has printed at its end."""

    def __init__(self, lab, *args):
        self.p = subprocess.Popen([lab.ctl, "--socket", lab.sock, "tap", *args], stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True)

    @staticmethod
    def are_open():
        time.sleep(2)

    def end(self, sig=None):
        if sig:
            self.p.send_signal(sig)
        out, err = self.p.communicate(timeout=20)
        self.lines, self.err = [json.loads(line) for line in out.splitlines()], err
        return self

    def sides(self, side):
        return [int(r["record"]["message"].split(" ")[-1]) for r in self.lines if r["side"] == side]


def counts_of(text):
    """`tap N: 12 seen, 3 shown; left out: 9 more than the rate` -> {seen: 12, shown: 3, more: 9}"""
    found = re.findall(r"(\d+) (seen|shown|more|for|on|that)", text)
    return {name: int(n) for n, name in found}


def see_records(lab, checks):
    both = Tap(lab, "odd", "--rate", "1000", "--count", "44")
    before = Tap(lab, "slim", "--before", "--where", "message LIKE '%1' AND length(message) > 6", "--rate=1000")
    after = Tap(lab, "slim", "--after", "--rate", "100", "--count", "4")
    source = Tap(lab, "syslog", "--count=3")
    Tap.are_open()
    lab.send(syslog(0, 40))
    time.sleep(1.5)
    both.end()
    checks.equal((both.sides("in")[:3], len(both.lines)), ([0, 1, 2], 44), f"before and after a node: {both.err}")
    checks.equal(both.sides("out"), [n for n in both.sides("in") if n % 10 == 1], "what the filter let through")
    checks.check("the end: as many as were asked for" in both.err, f"and why it ended: {both.err}")
    before.end(signal.SIGINT)
    checks.equal((before.p.returncode, before.sides("in")), (0, [11, 21, 31]), f"with a condition: {before.err}")
    checks.equal(counts_of(before.err), {"seen": 4, "shown": 3, "for": 1}, "what the condition leaves out is counted")
    after.end()
    checks.equal([r["record"]["host"] for r in after.lines], ["WEB-1"] * 4, "after a node its own fields")
    checks.equal(set(after.lines[0]), {"tap", "side", "record"}, "lines are those of replay --tap")
    checks.equal(source.end().sides("out"), [0, 1, 2], "a source")
    session, _, off, _ = source.lines[-1]["record"]["_id"].split("-")
    told = lab.json("explain", source.lines[-1]["record"]["_id"])
    checks.equal((told["session"], told["client"], told["source"], told["bytes_there"], told["rows"]),
                 (session, "10.9.0.1:40000", "syslog", "have come", []), "the session of a record that passed")
    checks.equal(lab.json("explain", f"{session}-c-{int(off) + 10**9}-0")["bytes_there"], "have not come yet", "of one to come")
    checks.check("have come" in lab.run("explain", source.lines[0]["record"]["_id"], js=False).stdout, "people read it")
    p = lab.run("explain", "4711")
    checks.equal((p.returncode, "4711: is no _id of a record" in p.stderr), (2, True), f"what is no id: {p.stderr}")


def see_a_sample(lab, checks):
    slow = Tap(lab, "syslog", "--rate", "5")
    Tap.are_open()
    lab.send(syslog(0, 3000))
    time.sleep(1.6)
    slow.end(signal.SIGTERM)
    n = counts_of(slow.err)
    checks.check(n["seen"] == 3000 and 5 <= n["shown"] <= 25 and n["shown"] == len(slow.lines), f"five a second: {n}")
    checks.equal(n["shown"] + n["more"], 3000, "and the rest is counted")


def end_of_taps(lab, checks):
    for args, why in ((("nothing",), "no node or source has this name; there are: odd slim syslog lines"),
                      (("odd", "--where", "hostnme ="), "where: at byte"),
                      (("odd", "--where", "length(message)"), "where: at byte"),
                      (("odd", "--rate", "0"), "rate: expected 1 to 100000"),
                      (("odd", "--count", "x"), "count: expected 1 to"),
                      (("syslog", "--before"), "a source has no records before it"),
                      ((), "node is missing"), (("odd", "--before=maybe"), "before: expected yes")):
        p = lab.run("tap", *args)
        checks.equal((p.returncode, why in p.stderr), (2, True), f"tap {' '.join(args)} is refused: {p.stderr}")
    many = [Tap(lab, "odd") for _ in range(9)]  # whichever comes through last is one too many
    until = time.monotonic() + 60
    while not (over := [t for t in many if t.p.poll() is not None]) and time.monotonic() < until:
        time.sleep(0.1)
    refused = [(t.end().p.returncode, t.err) for t in over]
    checks.check(len(refused) == 1 and refused[0][0] == 2 and "8 taps are open" in refused[0][1],
                 f"there is an end to taps: {refused}")
    for t in many:
        if t not in over:
            t.end(signal.SIGKILL)
    for _ in range(10):
        again = Tap(lab, "odd", "--count", "1")
        time.sleep(1)  # long enough to be refused
        if again.p.poll() is None:
            break
        again.end()
    lab.send(syslog(0, 1))
    checks.equal(again.end().sides("in"), [0], "taps of clients that were killed are gone")


def a_tap_goes_on_over_reloads(lab, checks):
    """As long as what it looks at is there; else it says why not. What was seen before is shown, and counted once."""
    odd = Tap(lab, "odd", "--rate", "100", "--where", "message LIKE 'line%'")
    source = Tap(lab, "syslog", "--rate", "100", "--count", "10")
    gone = Tap(lab, "slim", "--after", "--where", "host = 'WEB-1'")
    Tap.are_open()
    lab.send_through(5)
    lab.write(odd=2)
    checks.equal(lab.run("reload").returncode, 0, "a reload")
    lab.send_through(5)
    checks.equal(source.end().sides("out"), [0, 1, 2, 3, 4] * 2, f"a source's tap goes on: {source.err}")
    checks.check("reloaded: generation 2" in source.err and "as many as were asked for" in source.err, source.err)
    lab.write(odd=2, slim="message, hostname")
    checks.equal(lab.run("reload").returncode, 0, "another, with another field in a node's place")
    err = gone.end().err
    checks.check(all(w in err for w in ("generation 2", "the end: the configuration was reloaded, and where: at byte", "host")),
                 f"a condition that is none any more ends a tap: {err}")
    lab.send_through(5)
    lab.write(odd=2, slim="message, hostname", name="even")
    checks.equal(lab.run("reload").returncode, 0, "a third, without the node")
    odd.end()
    checks.equal((odd.sides("in"), odd.sides("out")), ([0, 1, 2, 3, 4] * 3, [1, 2, 2]), f"before and after each: {odd.err}")
    checks.check("generation 2" in odd.err and "generation 3" in odd.err and
                 "reloaded, and tap odd: no node or source has this name; there are: even" in odd.err, odd.err)
    checks.equal((counts_of(odd.err)["seen"], counts_of(odd.err)["shown"]), (18, 18), "all of it is counted once")
    tap = Tap(lab, "even", "--after", "--count", "1")
    Tap.are_open()
    lab.send(syslog(0, 5))
    checks.equal(tap.end().sides("out"), [2], "a new one sees what runs now")
    lab.write(odd=1)
    lab.run("reload")


def written(folder):
    records = []
    for name in sorted(glob.glob(folder + "/out*.ndjson*")):
        with open(name, encoding="utf-8") as f:
            records += [(r["message"], r.get("host")) for r in map(json.loads, f)]
    return sorted(records, key=str)  # two queues share the file


def change_nothing(binary, folder, checks):
    """The same traffic without a tap and under eight: the same records, the same rows."""
    found = []
    for taps in (0, 8):
        where = os.path.join(folder, str(taps))
        os.mkdir(where)
        lab = Lab(binary, where)
        open_ = [Tap(lab, n, "--rate", "100000", "--where", "length(message) / (length(message) - 6) > 0")
                 for n in ("odd", "slim", "syslog", "lines")[:taps] * 2]
        Tap.are_open()
        lab.send(syslog(0, 2000) + sessions())
        time.sleep(1.5)
        for t in open_:
            t.end(signal.SIGINT)
        _, _, ledger = lab.finish()
        rows = {(r["stage"], r["scope"], r["unit"]): {**r["in"], **r["out"], **r["loss"], **r["policy"]}
                for r in ledger["rows"] if r["stage"] in ("graph", "filter", "project", "queue", "sink", "extract")}
        found.append((written(where), rows))
        checks.check(taps == 0 or any("11 on which" in t.err for t in open_), f"errors are the tap's own: {[t.err for t in open_]}")
    checks.equal(found[1][0], found[0][0], "the same records")
    checks.equal(found[1][1], found[0][1], "the same rows")


def run(binary, folder, checks):
    try:
        lab = Lab(binary, folder)
        see_flows(lab, checks)
        see_records(lab, checks)
        see_a_sample(lab, checks)
        end_of_taps(lab, checks)
        a_tap_goes_on_over_reloads(lab, checks)
        last = Tap(lab, "odd")
        Tap.are_open()
        status, log, ledger = lab.finish()
        checks.check("sluiced stops" in last.end().err, f"the end of all ends a tap: {last.err}")
        checks.check(status in (0, 1) and ledger["balanced"], f"it ends by itself, the ledger balanced: {log}")
        change_nothing(binary, folder, checks)
    finally:
        for lab in Lab.running:  # what a fault has left behind
            end(lab.p)


if __name__ == "__main__":
    VETH.main(run)
