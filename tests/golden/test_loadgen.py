#!/usr/bin/env python3
"""What loadgen sends is what it says: every packet is whole, every event that it counts becomes a record, in each kind of
traffic; what was due is offered or late; and a search for the rate without a loss ends with one.

    test_loadgen.py SLUICED LOADGEN ZERO_LOSS
"""
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "support"))
from sluice import Checks, replay  # noqa: E402

SLUICED, LOADGEN, ZERO_LOSS = sys.argv[1:4]
JOBS = os.path.join(ROOT, "perf", "jobs", "kinds.yaml")
# Packets to send (the sessions and, of the binary log, more than one round of the file), and by what a record shows that it is
# the one that was meant.
KINDS = {"syslog_udp": (2000, "message"), "syslog_tcp": (1000, "message"), "http": (2048, "uid"), "ndjson": (1000, "uid"),
         "binlog": (3000, "after")}


def every_event_of_a_kind_becomes_a_record(checks, folder, kind, packets, key):
    path = os.path.join(folder, kind + ".pcap")
    p = subprocess.run([LOADGEN, JOBS, kind, "--packets", str(packets), "--write", path], capture_output=True, text=True)
    told = re.fullmatch(r"(\d+) packets, (\d+) events\n", p.stdout)
    if not checks.check(told, f"{kind}: {p.stdout}{p.stderr}"):
        return
    run = replay(SLUICED, path)
    checks.healthy(run, kind)
    n, events = len(run.records), int(told.group(2))
    # A stream that ends in the middle of a line has one record more, or one transaction less, a session.
    slack = 0 if kind in ("syslog_udp", "http") else 64
    checks.check(events > packets / 4 and abs(n - events) <= slack, f"{kind}: {events} events, {n} records")
    checks.check(sum(key in r for r in run.records) >= events - slack, f"{kind}: records without {key}")
    checks.equal(run.count("capture", "", "packets_in"), packets, f"{kind}: packets that were read")
    checks.equal(run.count("capture", "", "checksum_wrong"), 0, f"{kind}: packets with a wrong checksum")
    checks.equal(run.count("capture", "", "duplicate"), 0, f"{kind}: packets taken for copies")


def mistakes_in_a_job_file_are_named_with_their_place(checks, folder):
    path = os.path.join(folder, "jobs.yaml")
    with open(path, "w", encoding="utf-8") as f:
        f.write("a: { kind: syslog_udp, byte: 10 }\nb: { bytes: 100000 }\n")
    p = subprocess.run([LOADGEN, path, "a"], capture_output=True, text=True)
    checks.equal(p.returncode, 2, "exit status of a job file with mistakes")
    for text in (":1:24: ", "bytes", ":2:", "kind"):
        checks.check(text in p.stderr, f"{text!r} is not in {p.stderr!r}")
    p = subprocess.run([LOADGEN, JOBS, "syslog"], capture_output=True, text=True)
    checks.check(p.returncode == 2 and "syslog_udp" in p.stderr, f"a job that is not there: {p.stderr}")


def a_configuration_of_ones_own_is_searched_with(checks, folder):
    path = os.path.join(folder, "own.yaml")
    with open(path, "w", encoding="utf-8") as f:
        f.write("capture: { ports: [{ device: net_ring0 }] }\nsources: { syslog: { match: { udp: 514 }, parser: syslog } }\n"
                "sinks: { out: { \"null\": {} } }\nqueues: { load/all: { from: syslog, sink: out } }\n")
    p = subprocess.run([ZERO_LOSS, "--cores", "0,0", "--config", path, JOBS, "syslog_udp"], capture_output=True, text=True)
    checks.check(p.returncode and "net_ring_load" in p.stderr, f"a port that is not the ring: {p.stderr}")


def what_was_due_while_the_sender_was_held_up_across_its_end_is_late(checks):
    p = subprocess.Popen([LOADGEN, JOBS, "syslog_udp", "--device", "net_null0", "--rate", "500000", "--seconds", "1"],
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    time.sleep(0.9)
    p.send_signal(signal.SIGSTOP)
    time.sleep(1.1)
    p.send_signal(signal.SIGCONT)
    out, _ = p.communicate(timeout=60)
    told = re.match(r"(\d+) packets .* (\d+) refused, (\d+) late", out)
    if checks.check(told, f"loadgen: {out}"):
        checks.equal(sum(map(int, told.groups())), 500000, f"packets that were offered or late: {out}")


def events_that_come_out_of_no_source_are_missed(checks, folder):
    path = os.path.join(folder, "deaf.yaml")
    with open(path, "w", encoding="utf-8") as f:
        f.write("capture: { ports: [{ device: net_ring_load }] }\nsources: { syslog: { match: { udp: 515 }, parser: syslog } }\n"
                "sinks: { out: { \"null\": {} } }\nqueues: { load/all: { from: syslog, sink: out } }\n")
    p = subprocess.Popen([ZERO_LOSS, "--json", "--seconds", "0.1", "--cores", "0,0", "--config", path, JOBS, "syslog_udp"],
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    first = json.loads(p.stdout.readline() or "{}")
    p.kill()  # what it would search for is not there
    p.communicate()
    checks.check(first.get("pass") is False and " 0 came out of the sources" in first["why"],
                 f"a configuration without the source: {first}")


def a_search_ends_with_a_rate_that_lost_nothing_and_says_why_others_lost(checks, kind):
    p = subprocess.run([ZERO_LOSS, "--json", "--seconds", "0.2", "--resolution", "60", "--ring", "65536", "--cores", "0,0", JOBS,
                        kind], capture_output=True, text=True, timeout=120)
    lines = [json.loads(line) for line in p.stdout.splitlines()]
    if not checks.check(len(lines) > 1 and p.returncode in (0, 1), f"zero_loss: {p.returncode} {p.stdout}{p.stderr}"):
        return
    checks.check(lines[0]["pass"], f"as fast as it is read, and lost: {lines[0]}")
    passed = [t for t in lines[1:-1] if t["pass"]]
    for t in passed:
        checks.equal((t["refused"], t["lost"]), (0, 0), f"a trial that passed: {t}")
    for t in lines[:-1]:
        checks.check(bool(t["why"]) != t["pass"], f"a loss has a reason, and nothing else: {t}")
    best = max(passed, key=lambda t: t["asked_pps"], default={"offered_pps": 0})
    checks.equal(lines[-1]["zero_loss_pps"], best["offered_pps"], "the result is what was offered at the highest rate that passed")
    checks.check(best["offered_pps"] <= lines[-1]["top_pps"], f"no rate is above the one at which it reads: {lines[-1]}")


def main():
    checks = Checks()
    with tempfile.TemporaryDirectory(prefix="sluice-load-") as folder:
        for kind, (packets, key) in KINDS.items():
            every_event_of_a_kind_becomes_a_record(checks, folder, kind, packets, key)
        mistakes_in_a_job_file_are_named_with_their_place(checks, folder)
        a_configuration_of_ones_own_is_searched_with(checks, folder)
        events_that_come_out_of_no_source_are_missed(checks, folder)
    what_was_due_while_the_sender_was_held_up_across_its_end_is_late(checks)
    for kind in ("ndjson", "syslog_tcp"):
        a_search_ends_with_a_rate_that_lost_nothing_and_says_why_others_lost(checks, kind)
    checks.done()


main()
