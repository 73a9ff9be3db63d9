#!/usr/bin/env python3
"""compare.py - sluice beside its peers: the same input, the same output, in one run, in turns. See perf/compare.sh."""
import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "..", "..")
sys.path.insert(0, HERE)
from collectors import Lab, Net, compare_tcp, compare_udp  # noqa: E402
from files import compare_binlog, compare_tshark  # noqa: E402
from kafka import compare_kafka  # noqa: E402
from measure import end_all, machine  # noqa: E402

CASES = ("tcp", "udp", "tshark", "binlog", "kafka")


def missing(case):
    """Why this machine cannot do a case, or None."""
    if case in ("tcp", "udp") and os.geteuid() != 0:
        return "network namespaces need root"
    need = {"tcp": ["ip", "ethtool"], "udp": ["ip", "ethtool"], "tshark": ["tshark"],
            "binlog": ["mariadb-binlog", "mariadbd"], "kafka": ["java", "kcat"]}[case]
    gone = [p for p in need if not shutil.which(p) and not shutil.which(p, path="/usr/sbin:/sbin")]
    return f"{', '.join(gone)} not installed" if gone else None


def versions(peers):
    """Of the peers that are here."""
    found = {}
    for name in ("rsyslog", "syslog-ng"):
        path = os.path.join(peers, name, "version")
        if os.path.exists(path):
            with open(path, encoding="ascii") as f:
                found[name] = f.read().strip()
    for name, *argv in (("tshark", "tshark", "--version"), ("mariadb-binlog", "mariadb-binlog", "--version"), ("kcat", "kcat", "-V")):
        if shutil.which(argv[0]):
            said = subprocess.run(argv, capture_output=True, text=True).stdout
            found[name] = next(iter(re.findall(r"\d+\.\d+[\w.-]*", said)), "?")
    return found


def compare(a, folder, out):
    for case in a.only:
        why = missing(case)
        if why:
            print(f"compare: {case} is left out: {why}", file=sys.stderr)
            continue
        print(f"compare: {case}", file=sys.stderr, flush=True)
        if case in ("tcp", "udp"):
            with Net() as net:
                lab = Lab(folder, out, a.build, a.peers, net)
                if case == "tcp":
                    yield from compare_tcp(lab, a.rounds, 40000 if a.quick else 2000000)
                else:
                    yield compare_udp(lab, a.rounds, 1 if a.quick else 2, 50000 if a.quick else 300000, 0.5 if a.quick else 0.12)
        elif case == "tshark":
            yield from compare_tshark(a.build, folder, out, a.rounds, (5000, 5000) if a.quick else (400000, 120000))
        elif case == "binlog":
            yield compare_binlog(a.build, a.peers, folder, a.rounds, a.log, a.quick)
        else:
            yield compare_kafka(a.build, a.peers, folder, a.rounds, 50000 if a.quick else 400000)


def main():
    p = argparse.ArgumentParser(prog="compare.sh", description=__doc__.splitlines()[0])
    p.add_argument("build", help="the build directory, a release build")
    p.add_argument("peers", help="the folder that perf/peers/get.sh filled")
    p.add_argument("--quick", action="store_true", help="small inputs, one round: does it work?")
    p.add_argument("--rounds", type=int, default=5, help="so many count; one more goes before (default 5)")
    p.add_argument("--only", type=lambda s: s.split(","), default=list(CASES), help="cases, of " + ",".join(CASES))
    p.add_argument("--log", help="the binary log to read, in place of making one")
    p.add_argument("--out", help="where collectors of syslog write their files: 2 GB for a while (default: where temporary files go)")
    p.add_argument("--results", help="a folder for CASE.md and CASE.ndjson, such as perf/results")
    a = p.parse_args()
    if a.quick:
        a.rounds = 1
    unknown = [c for c in a.only if c not in CASES]
    if unknown:
        p.error(f"no case {unknown[0]}; expected of {', '.join(CASES)}")
    if a.results:
        os.makedirs(a.results, exist_ok=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that namespaces and folders go
    about = {**machine(ROOT), "versions": versions(a.peers)}
    shm = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    head = "\n".join([
        f"{about['machine']}, kernel {about['kernel']}; commit {about['commit']}, {about['date']}; load {about['load']} before the run.",
        f"Medians of {a.rounds} rounds in turns (minimum-maximum), one round before them thrown away; CPU is user and system time",
        "of all threads, from start to end. \"Same output\": in a round what the heading names was compared with that of the others, or with",
        "what was sent; in all rounds there were as many. \"Counted\": only that.",
        "\"First line: times\": its median by this one's. Versions: " + ", ".join(f"{k} {v}" for k, v in about["versions"].items()) + ".", "", ""])
    tables = []
    with tempfile.TemporaryDirectory(prefix="sluice-peers-", dir=shm) as folder, \
            tempfile.TemporaryDirectory(prefix="sluice-peers-", dir=a.out) as out:
        try:
            for t in compare(a, folder, out):
                tables.append(t)
                print(t.markdown(), flush=True)
                if a.results:
                    t.write(a.results, about, head)
        finally:
            end_all()
    wrong = [f"{t.case}: {line['program']}" for t in tables for line in t.lines() if line["same_output"] is False]
    for w in wrong:
        print(f"compare: not the same output: {w}", file=sys.stderr)
    return 1 if wrong or not tables else 0


if __name__ == "__main__":
    sys.exit(main())
