#!/usr/bin/env python3
"""perf/plot draws what stands in a table, and says what is wrong with one; the tables kept here can be drawn."""
import glob
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as xml

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from sluice import Checks

PERF = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "perf")
SVG = "{http://www.w3.org/2000/svg}"


def plot(folder, text):
    path = os.path.join(folder, "t.tsv")
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    run = subprocess.run([os.path.join(PERF, "plot"), path], capture_output=True, text=True)
    drawn = os.path.join(folder, "t.svg")
    return run, xml.parse(drawn).getroot() if run.returncode == 0 else None


def points(svg):
    return [[tuple(map(float, p.split(","))) for p in line.get("points").split()]
            for line in svg.iter(SVG + "polyline")]


def a_level_table_is_a_level_line_and_a_rising_one_rises(checks, folder):
    run, svg = plot(folder, "keys\tns\tmin\tmax\tinstructions\n1\t50\t40\t60\t900\n10\t50\t40\t60\t1800\n"
                            "100\t50\t40\t60\t-\n")
    if not checks.equal(run.returncode, 0, run.stderr):
        return
    ns, counted = points(svg)
    checks.equal(len({y for _, y in ns}), 1, "level")
    checks.check(ns[1][0] - ns[0][0] == ns[2][0] - ns[1][0] > 0, f"ten times is one step: {ns}")
    checks.check(len(counted) == 2 and counted[1][1] < counted[0][1], f"twice as many stand higher: {counted}")
    texts = [t.text for t in svg.iter(SVG + "text")]
    checks.check("keys" in texts and "instructions" in texts, texts)


def a_table_that_is_none_is_refused_with_its_place(checks, folder):
    for text, why in (("", "expected a line of names"), ("x\tns\tmin\tmax\n1\t2\t3\n", "expected a line of names"),
                      ("x\tns\tmin\tmax\n1\ttwo\t3\t4\n", "t.tsv:2"), ("x\tns\tmin\tmax\n0\t2\t3\t4\n", "above 0")):
        run, _ = plot(folder, text)
        checks.check(run.returncode == 1 and why in run.stderr and "Traceback" not in run.stderr,
                     f"{text!r}: {run.returncode}: {run.stderr}")


def curves_that_are_kept_are_those_of_their_tables(checks, folder):
    tables = glob.glob(os.path.join(PERF, "results", "scale_*.tsv"))
    checks.check(len(tables) >= 5, "a table for each bench_scale_*")
    for table in tables:
        with open(table, encoding="utf-8") as f:
            plot(folder, f.read())
        with open(table[:-4] + ".svg", encoding="utf-8") as kept, \
                open(os.path.join(folder, "t.svg"), encoding="utf-8") as drawn:
            checks.check(kept.read() == drawn.read(), f"{table}: perf/plot draws another curve")


def main():
    checks = Checks()
    with tempfile.TemporaryDirectory() as folder:
        a_level_table_is_a_level_line_and_a_rising_one_rises(checks, folder)
        a_table_that_is_none_is_refused_with_its_place(checks, folder)
        curves_that_are_kept_are_those_of_their_tables(checks, folder)
    checks.done()


if __name__ == "__main__":
    main()
