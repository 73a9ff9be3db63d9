#!/usr/bin/env python3
"""The rate without a loss of each kind of traffic, and what an event costs: medians of several searches, as perf/results has
them.

    perf/zero_loss.py BUILD [--results perf/results]            ten minutes
    perf/zero_loss.py BUILD --results perf/results --only http  that line again; the others stay as they were
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "peers"))
from measure import machine, run, shown  # noqa: E402

JOBS = os.path.join(HERE, "jobs")
KINDS = os.path.join(JOBS, "kinds.yaml")
# What a line of the table says, the job, packets enough for half a million events, the parser, and the appliance's configuration.
CASES = (("syslog_udp", "syslog_udp", 500000, "{ udp: 514 }, parser: syslog", None),
         ("syslog_tcp", "syslog_tcp", 70000, "{ tcp: 514 }, parser: syslog", None),
         ("http", "http", 400000, "{ tcp: 80 }, parser: http1", None),
         ("ndjson", "ndjson", 70000, "{ tcp: 5170 }, parser: lines", None),
         ("binlog", "binlog", 50000, "{ tcp: 3306 }, parser: mysql", None),
         ("syslog_udp, all stages: 30 rules, an enrichment, a route", "syslog_udp", 500000, None,
          os.path.join(JOBS, "all_stages.conf.yaml")))
FIGURES = (("cores for a million events/s", "cores"), ("events/s, read as fast as it goes", "top_events_s"),
           ("events/s without a loss", "zero_loss_events_s"), ("packets/s without a loss", "zero_loss_pps"),
           ("Gbit/s", "zero_loss_gbit_s"))
NULL = """sources: {{ s: {{ match: {match} }} }}
sinks: {{ out: {{ "null": {{}} }} }}
queues: {{ load/out: {{ from: s, sink: out }} }}
"""


class Replay:
    """Processor time of an event, the sink's thread included: of a long capture less a short one, so that the start is in
    neither."""

    def __init__(self, build, folder, number, job, packets, match, config):
        self.sluiced, self.config, self.files = os.path.join(build, "sluiced"), config, []
        if not config:
            self.config = os.path.join(folder, f"{number}.yaml")
            with open(self.config, "w", encoding="ascii") as f:
                f.write(NULL.format(match=match))
        for n in (packets, packets // 10):
            path = os.path.join(folder, f"{number}-{n}.pcap")
            p = subprocess.run([os.path.join(build, "perf", "loadgen"), KINDS, job, "--packets", str(n), "--write", path], check=True,
                               capture_output=True, text=True)
            self.files.append((path, int(p.stdout.split()[2])))

    def cores(self):
        (long, n_long), (short, n_short) = self.files
        cpu = [run([self.sluiced, "replay", "-q", "-c", self.config, path], ok=(0, 1)).cpu for path in (long, short)]
        return (cpu[0] - cpu[1]) / (n_long - n_short) * 1e6


def search(build, job, args):
    """One search; what a trial lost, and why, is told where nothing but the program could be the reason."""
    p = subprocess.run([os.path.join(build, "perf", "zero_loss"), "--json", *args, KINDS, job],
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    lines = [json.loads(line) for line in p.stdout.splitlines()]
    if not lines or "zero_loss_pps" not in lines[-1]:
        sys.exit(f"zero_loss.py: {job}: {p.stderr}")
    for t in lines[:-1]:
        if t["why"].startswith("unknown"):
            print(f"zero_loss.py: {job}: a loss without a reason that is seen: {t}", file=sys.stderr)
    return lines[-1]


def kept_lines(path, names):
    """Of an earlier run, by what was sent: those that are not of @names."""
    if not os.path.exists(path):
        return {}
    with open(path, encoding="utf-8") as f:
        lines = [json.loads(line) for line in f]
    return {line["traffic"]: line for line in lines if line["traffic"] not in names}


def tell(a, about, rows, rounds, kept):
    """Of the rounds until now, and the lines that were kept: Markdown, and lines of JSON."""
    text = [f"# The rate without a loss, a ring of {a.ring} packets", "",
            f"{about['machine']}, kernel {about['kernel']}; commit {about['commit']}, {about['date']}; load {about['load']} before "
            "the run.", f"One worker, on a core of its own; the generator and the sink on the other. Bisection to {a.resolution} % with "
            f"trials of {a.seconds} s; medians of {rounds} searches", "(minimum-maximum). Every event becomes a line of JSON. Cores: "
            "processor time of a replay from memory, the sink's thread included, which",
            "other work on the machine disturbs least; the rates need both cores for themselves.", "",
            "| traffic | " + " | ".join(title for title, _ in FIGURES) + " |", "|---|" + "---|" * len(FIGURES)]
    lines = dict(kept)
    for name, found in rows.items():
        figures = {key: [f([r[key] for r in found]) for f in (statistics.median, min, max)] for _, key in FIGURES}
        lines[name] = {**about, "traffic": name, "ring": int(a.ring), "rounds": rounds, **figures}
    lines = [lines[name] for name, *_ in CASES if name in lines]
    for line in lines:
        of = "" if line["commit"] == about["commit"] else f" (commit {line['commit']}, {line['date']})"
        text.append(f"| {line['traffic']}{of} | " + " | ".join(shown(line[key]) for _, key in FIGURES) + " |")
    return "\n".join(text) + "\n", "".join(json.dumps(line) + "\n" for line in lines)


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("build")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--seconds", default="1", help="of a trial (default 1)")
    p.add_argument("--resolution", default="5", help="of the bisection, in per cent (default 5)")
    p.add_argument("--ring", default="1024", help="packets that the ring holds (default 1024, as of a card)")
    p.add_argument("--only", type=lambda s: s.split(","), help="jobs, of " + ",".join(dict.fromkeys(case[1] for case in CASES)))
    p.add_argument("--results", help="a folder for zero_loss-RING.md and .ndjson")
    a = p.parse_args()
    cases = [case for case in CASES if not a.only or case[1] in a.only]
    about, rows = machine(os.path.join(HERE, "..")), {name: [] for name, *_ in cases}
    if a.results:
        os.makedirs(a.results, exist_ok=True)
    path = os.path.join(a.results or "", f"zero_loss-{a.ring}")
    kept = kept_lines(f"{path}.ndjson", rows) if a.results and a.only else {}
    shm = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="sluice-load-", dir=shm) as folder:
        replays = [Replay(a.build, folder, i, *case[1:]) for i, case in enumerate(cases)]
        for turn in range(a.rounds):
            for (name, job, _, _, config), replay in zip(cases, replays):
                own = ["--config", config] if config else []
                args = ["--seconds", a.seconds, "--resolution", a.resolution, "--ring", a.ring, *own]
                rows[name].append({**search(a.build, job, args), "cores": replay.cores()})
            text, lines = tell(a, about, rows, turn + 1, kept)
            if a.results:
                for end, content in ((".md", text), (".ndjson", lines)):
                    with open(path + end, "w", encoding="utf-8") as f:
                        f.write(content)
    print(text, end="")


if __name__ == "__main__":
    main()
