#!/usr/bin/env python3
"""`sluicectl shadow`: another configuration beside the one that runs, on live traffic; nothing of it leaves.

What is the same is counted as such, each difference by its queue and kind, with both records; it ends by time, by command
and when who asked goes; a candidate that is far too slow costs the path nothing.
"""
import glob
import json
import os
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
sys.path.insert(0, os.path.dirname(__file__))
from test_reload import FORMAT_DEFS, HEAD, SOURCE, VETH, Lab  # noqa: E402

BODY = HEAD + FORMAT_DEFS + SOURCE + """
sinks: {{ out: {{ file: {{ path: "{folder}/out.ndjson" }} }}, other: {{ file: {{ path: "{folder}/other.ndjson" }} }} }}
"""
RUNS = """
pipeline:
  slim: { op: project, from: syslog, select: "message, hostname" }
  few: { op: filter, from: syslog, where: "message LIKE '%7'" }
  sums: { op: aggregate, from: syslog, window: 1s, lateness: 10ms, group_by: { hostname: hostname }, aggregates: { n: "count(*)" } }
queues:
  lab/all: { from: slim, sink: out }
  lab/few: { from: few, sink: out }
  lab/sums: { from: sums, sink: out }
"""


class ShadowLab(Lab):
    def write_text(self, text, name="reload.yaml"):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(BODY.format(folder=self.folder, formats="", port=514) + text)
        return path

    def shadow(self, path, *args):
        return subprocess.Popen([self.ctl, "--json", "--socket", self.folder + "/control.sock", "shadow", "-c", path, *args],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def lines_of(process):
    out, err = process.communicate(timeout=60)
    return process.returncode, [json.loads(line) for line in out.splitlines()], err


def counts_of(lines):
    last = [line for line in lines if "shadow" in line][-1]
    return last, {r["queue"]: tuple(r[k] for k in ("same", "changed", "removed", "added")) for r in last.get("rows", ())}


def wait_for(lab, state):
    for _ in range(200):
        if lab.run("shadow", "status")[1].get("shadow") == state:
            return
        time.sleep(0.02)


def begins(lab):
    wait_for(lab, "runs")


def the_same_is_the_same(lab, checks):
    path = lab.write_text("# nothing else\n" + RUNS, "new.yaml")
    p = lab.shadow(path, "--for", "4s")
    begins(lab)
    sent = int(lab.send(1).communicate(timeout=60)[0])
    code, lines, err = lines_of(p)
    last, counts = counts_of(lines)
    checks.equal((code, last["shadow"], last["why"]), (0, "ended", "its time is over"), f"equal: {err}")
    # On a busy machine it does not look at all of them, and says so.
    checks.check(0 < last["compared"] <= last["frames"] == sent, f"what was looked at: {last}")
    checks.equal(counts["lab/all"], (last["compared"], 0, 0, 0), "every record is the same")
    checks.check(counts["lab/sums"][0] > 0 and counts["lab/sums"][1:] == (0, 0, 0), f"windows too: {counts}")


def what_is_broken_off_is_judged_as_what_has_ended(lab, checks):
    for new, want in ((RUNS, 0), (RUNS.replace("%7", "%8"), 1)):
        p = lab.shadow(lab.write_text(new, "new.yaml"), "--for", "1h")
        begins(lab)
        lab.send(1).communicate(timeout=60)
        p.send_signal(signal.SIGINT)
        code, lines, err = lines_of(p)
        last, _ = counts_of(lines)
        checks.check((code, last["shadow"]) == (want, "ended") and last["compared"] > 0, f"Ctrl-C: {code} {last} {err}")


def differences_are_counted_and_shown(lab, checks):
    new = RUNS.replace("hostname\" }\n  few", "upper(hostname) AS hostname\" }\n  few").replace("%7", "%8")
    new = new.replace("  lab/sums: { from: sums, sink: out }\n", "  lab/more: { from: syslog, sink: other }\n")
    path = lab.write_text(new, "new.yaml")
    p = lab.shadow(path, "--for", "1h", "--sample", "2")
    begins(lab)
    sent = int(lab.send(1).communicate(timeout=60)[0])
    time.sleep(0.3)
    code, reply = lab.run("shadow", "stop")
    checks.equal(code, 0, f"it can be stopped: {reply}")
    code, lines, err = lines_of(p)
    last, counts = counts_of(lines)
    checks.equal((code, last["why"]), (1, "it was stopped"), f"its exit status: {err}")
    n = last["compared"]
    checks.check(0 < n <= last["frames"] == sent, f"what was looked at: {last}")
    checks.equal(counts["lab/all"], (0, n, 0, 0), "a field is another in all records of a queue")
    checks.check(counts["lab/few"][:2] == (0, 0) and all(n // 20 < few < n // 5 for few in counts["lab/few"][2:]),
                 f"other records: {counts}")
    checks.equal(counts["lab/more"], (0, 0, 0, n), "a queue that is new")
    samples = [line for line in lines if line.get("queue") == "lab/all"]
    checks.equal([(s["diff"], s["fields"]) for s in samples], [("changed", ["hostname"])] * 2, "two are shown")
    checks.equal((samples[0]["old"]["hostname"], samples[0]["new"]["hostname"]), ("h0", "H0"), "with both records")
    checks.equal(lab.run("shadow", "status")[1]["rows"], last["rows"], "status still has the counts")
    checks.equal(glob.glob(lab.folder + "/other*"), [], "nothing of it was sent")


def what_is_wrong_is_said(lab, checks):
    path = lab.write_text(RUNS.replace("hostname\" }\n  few", "no_function(hostname) AS x\" }\n  few"), "new.yaml")
    code, lines, _ = lines_of(lab.shadow(path))
    checks.equal((code, lines[-1]["shadow"]), (1, "failed"), "a candidate with a fault")
    checks.check("new.yaml:" in lines[-1]["why"] and "no_function" in lines[-1]["why"], f"its place: {lines[-1]}")
    checks.equal(lab.run("shadow", "status")[1], lines[-1], "status has the failure, not the good one before it")
    with open(path, "w", encoding="utf-8") as f:
        f.write(BODY.format(folder=lab.folder, formats="", port=514) + RUNS + "frame: { bytes_max: 2MiB }\n")
    code, lines, _ = lines_of(lab.shadow(path))
    checks.check(code == 1 and "only a restart changes it" in lines[-1]["why"], f"longer frames: {lines[-1]}")
    with open(path, "w", encoding="utf-8") as f:
        f.write(BODY.format(folder=lab.folder, formats="", port=514).replace("syslog:", "other:", 1) + RUNS.replace("syslog", "other"))
    code, lines, _ = lines_of(lab.shadow(path))
    checks.check(code == 1 and "its sources are others" in lines[-1]["why"], f"another source: {lines[-1]}")
    code, _, err = lines_of(lab.shadow(path, "--for", "long"))
    checks.check(code == 2 and "expected a duration" in err, f"no duration: {err}")
    code, reply = lab.run("shadow", "stop")
    checks.check(code == 2 and "no shadow" in str(reply), f"nothing to stop: {reply}")


def it_ends_when_who_asked_goes(lab, checks):
    p = lab.shadow(lab.write_text(RUNS, "new.yaml"), "--for", "1h")
    begins(lab)
    q = lab.shadow(os.path.join(lab.folder, "new.yaml"))
    code, _, err = lines_of(q)
    checks.check(code == 2 and "there is a shadow already" in err, f"one at a time: {err}")
    p.send_signal(signal.SIGKILL)
    p.wait()
    wait_for(lab, "ended")
    checks.equal(lab.run("shadow", "status")[1].get("why"), "who asked for it has gone", "it ends by itself")


def connect(lab, method, what):
    """A question that is on its way: whoever asks behind it is heard behind it."""
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(60)
    s.connect(lab.sock)
    s.sendall(f"{method} {what} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    return s


def ask(lab, method, what):
    """The answer, and the seconds that it took."""
    begin, text = time.monotonic(), b""
    with connect(lab, method, what) as s:
        while piece := s.recv(65536):
            text += piece
    return text.decode(), time.monotonic() - begin


def a_candidate_that_nobody_waits_for_keeps_nobody_waiting(lab, checks):
    """Its building goes on when who asked has gone: another is begun when it has ended, and `status` does not wait for it."""
    many = range(1000)
    nodes = "".join(f"  f{i}: {{ op: filter, from: syslog, where: \"message LIKE '%{i}' AND hostname = 'h{i % 7}'\" }}\n" for i in many)
    path = lab.write_text(RUNS.replace("queues:\n", nodes + "queues:\n") + "".join(
        f"  lab/f{i}: {{ from: f{i}, sink: out }}\n" for i in many), "new.yaml")
    text, _ = ask(lab, "POST", f"/v1/check?config={path}")
    checks.check('"good"' in text, f"a large candidate: {text}")
    gone = connect(lab, "POST", f"/v1/check?config={path}")
    busy, left, longest = 0, time.monotonic(), 0.0
    while time.monotonic() < left + 60:
        text, _ = ask(lab, "POST", f"/v1/check?config={path}.none")
        gone.close()
        if "another check is under way" not in text:
            break
        busy += 1
        longest = max(longest, ask(lab, "GET", "/v1/status")[1])
    took = time.monotonic() - left
    print(f"  built in {took:.2f} s, asked {busy} times meanwhile: {longest:.3f} s at most")
    checks.check(busy > 3 and longest < took, f"of {took:.2f} s: {longest:.3f} s at most, busy in {busy}")
    checks.check('"bad"' in text, f"then another is tried: {text}")
    gone = connect(lab, "POST", f"/v1/shadow?config={path}")
    text, _ = ask(lab, "GET", "/v1/shadow/status")
    gone.close()
    checks.check('"building"' in text, f"nothing is told of the shadow before it: {text}")
    for _ in range(200):
        if lab.run("shadow", "stop")[0] == 2:  # there is none any more
            break
        time.sleep(0.02)
    checks.equal(lab.run("shadow", "status")[1].get("config"), path, "then it is told of")


def one_that_is_slow_costs_nothing(lab, checks):
    slow = "md5(repeat(message, 1000)) || md5(repeat(hostname, 20000)) || md5(repeat(message, 1001)) LIKE '%7%'"
    path = lab.write_text(RUNS.replace("message LIKE '%7'", slow), "new.yaml")
    p = lab.shadow(path, "--for", "3s")
    begins(lab)
    sent = int(lab.send(2).communicate(timeout=60)[0])
    _, lines, _ = lines_of(p)
    last, _ = counts_of(lines)
    _, ledger = lab.run("ledger")
    missed = sum(r["missed"].get("missed", 0) for r in ledger["rows"] if r["stage"] == "port")
    checks.check(0 < last["compared"] < last["frames"], f"a part of the sessions was looked at: {last}")
    checks.equal((missed, ledger["lost"]), (0, 0), f"and nothing of {sent} was lost")


def run(binary, folder, checks):
    lab = ShadowLab(binary, folder)
    lab.write_text(RUNS)
    lab.start()
    for part in (the_same_is_the_same, what_is_broken_off_is_judged_as_what_has_ended,
                 differences_are_counted_and_shown, what_is_wrong_is_said, it_ends_when_who_asked_goes,
                 a_candidate_that_nobody_waits_for_keeps_nobody_waiting, one_that_is_slow_costs_nothing):
        part(lab, checks)
    status, log, ledger = lab.finish()
    checks.equal((status, ledger["balanced"], ledger["lost"]), (0, True, 0), f"the ledger balances: {log[-300:]}")


if __name__ == "__main__":
    VETH.main(run)
