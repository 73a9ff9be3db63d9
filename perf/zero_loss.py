#!/usr/bin/env python3
"""The rate without a loss of each kind of traffic, several times over: medians, as perf/results has them.

    perf/zero_loss.py BUILD [--results perf/results]
"""
import argparse
import json
import os
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "peers"))
from measure import machine, shown  # noqa: E402

JOBS = os.path.join(HERE, "jobs")
# What a line of the table says, the jobs, and what zero_loss is given beside them.
CASES = [(kind, "kinds.yaml", kind, []) for kind in ("syslog_udp", "syslog_tcp", "http", "ndjson", "binlog")] + [
    ("syslog_udp, all stages: 30 rules, an enrichment, a route", "kinds.yaml", "syslog_udp",
     ["--config", os.path.join(JOBS, "all_stages.conf.yaml")])]
FIGURES = (("events/s, read as fast as it goes", "top_events_s"), ("events/s without a loss", "zero_loss_events_s"),
           ("packets/s without a loss", "zero_loss_pps"), ("Gbit/s", "zero_loss_gbit_s"))


def search(build, jobs, job, args):
    p = subprocess.run([os.path.join(build, "perf", "zero_loss"), "--json", *args, os.path.join(JOBS, jobs), job],
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    lines = [json.loads(line) for line in p.stdout.splitlines()]
    if not lines or "zero_loss_pps" not in lines[-1]:
        sys.exit(f"zero_loss.py: {job}: {p.stderr}")
    return {**lines[-1], "top_events_s": lines[0]["events_s"]}


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("build")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--seconds", default="2", help="of a trial (default 2)")
    p.add_argument("--ring", default="1024", help="packets that the ring holds (default 1024, as of a card)")
    p.add_argument("--results", help="a folder for zero_loss-RING.md and .ndjson")
    a = p.parse_args()
    about, rows = machine(os.path.join(HERE, "..")), {name: [] for name, *_ in CASES}
    for _ in range(a.rounds):
        for name, jobs, job, args in CASES:
            rows[name].append(search(a.build, jobs, job, ["--seconds", a.seconds, "--ring", a.ring, *args]))
    text = [f"# The rate without a loss, a ring of {a.ring} packets", "",
            f"{about['machine']}, kernel {about['kernel']}; commit {about['commit']}, {about['date']}; load {about['load']} before "
            "the run.", f"One worker, on a core of its own; the generator and the sink on the other. Bisection to 2 % with trials of "
            f"{a.seconds} s; medians of {a.rounds} searches", "(minimum-maximum). Every event becomes a line of JSON.", "",
            "| traffic | " + " | ".join(title for title, _ in FIGURES) + " |", "|---|" + "---|" * len(FIGURES)]
    lines = []
    for name, found in rows.items():
        figures = {key: [f([r[key] for r in found]) for f in (statistics.median, min, max)] for _, key in FIGURES}
        text.append(f"| {name} | " + " | ".join(shown(figures[key]) for _, key in FIGURES) + " |")
        lines.append(json.dumps({**about, "traffic": name, "ring": int(a.ring), "rounds": a.rounds, **figures}) + "\n")
    print("\n".join(text))
    if a.results:
        for end, content in ((".md", "\n".join(text) + "\n"), (".ndjson", "".join(lines))):
            with open(os.path.join(a.results, f"zero_loss-{a.ring}{end}"), "w", encoding="utf-8") as f:
                f.write(content)


if __name__ == "__main__":
    main()
