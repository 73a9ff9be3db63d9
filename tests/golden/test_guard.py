#!/usr/bin/env python3
"""What the benchmarks count by callgrind is what is stored; and what is more would be told."""
import importlib.machinery
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from sluice import SKIP, Checks

PERF = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "perf")


def load():
    sys.dont_write_bytecode = True
    return importlib.machinery.SourceFileLoader("guard", os.path.join(PERF, "guard")).load_module()


def a_dearer_case_is_named_with_both_counts(checks, guard):
    stored = {"bench_x": {"a": 100.0, "b": 50.0}}
    wrong, better = guard.compare(stored, {"bench_x": {"a": 103.1, "b": 51.4}}, 3)
    checks.equal(len(wrong), 1, "only what is above the margin")
    checks.check("bench_x: a: was 100.0, is 103.1" in wrong[0] and "+3.1 %" in wrong[0], wrong)
    checks.equal(better, [], "nothing is cheaper")
    wrong, better = guard.compare(stored, {"bench_x": {"a": 80.0, "b": 50.0}}, 3)
    checks.equal((len(wrong), len(better)), (0, 1), "what is much cheaper is told, and is right")


def a_case_cannot_come_or_go_unseen(checks, guard):
    wrong, _ = guard.compare({"bench_x": {"a": 1.0}}, {"bench_x": {"b": 1.0}}, 3)
    checks.equal(len(wrong), 2, "one new, one gone")


def the_benchmarks_count_what_is_stored(checks, build):
    run = subprocess.run([os.path.join(PERF, "guard"), build], capture_output=True, text=True)
    print(run.stdout + run.stderr, end="")
    if run.returncode != SKIP:
        checks.equal(run.returncode, 0, "perf/guard")
    return run.returncode


def main():
    checks, guard = Checks(), load()
    a_dearer_case_is_named_with_both_counts(checks, guard)
    a_case_cannot_come_or_go_unseen(checks, guard)
    status = the_benchmarks_count_what_is_stored(checks, os.path.dirname(sys.argv[1]))
    if status == SKIP and not checks.failed:
        sys.exit(SKIP)
    checks.done()


if __name__ == "__main__":
    main()
