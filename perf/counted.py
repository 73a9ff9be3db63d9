"""Instructions of benchmarks, by callgrind: the same on every machine with AVX2.

Valgrind shows the programs a processor of its own making, so that what a library takes for this
machine (glibc, Hyperscan, simdjson, and ours) does not depend on it as long as it has AVX2.
"""
import glob
import json
import os
import re
import subprocess
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class CountError(Exception):
    pass


def has_avx2():
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        return " avx2 " in f.read()


def compiler():
    run = subprocess.run(["gcc", "-dumpfullversion"], capture_output=True, text=True, check=True)
    return "gcc " + run.stdout.strip()


def options(build):
    """The options of a build directory by name; empty where it is none."""
    path = os.path.join(build, "meson-info", "intro-buildoptions.json")
    if not os.path.exists(path):
        return {}
    with open(path, encoding="utf-8") as f:
        return {o["name"]: o["value"] for o in json.load(f)}


def is_release(build):
    o = options(build)
    return (o.get("buildtype") == "release" and o.get("b_sanitize") == "none"
            and o.get("march") == "x86-64-v2")


def release_near(build):
    """@build, or the directory around it, whichever counts; None: neither."""
    for d in (build, os.path.dirname(os.path.abspath(build))):
        if is_release(d):
            return d
    return None


def totals(pattern):
    """Of all dumps, in the order in which they were written: ended by a function, not by the program."""
    dumps = []
    for path in glob.glob(pattern):
        with open(path, encoding="utf-8") as f:
            text = f.read()
        if "Trigger: --dump-after" in text:
            dumps.append((int(re.search(r"^part: (\d+)", text, re.M)[1]),
                          int(re.search(r"^totals: (\d+)", text, re.M)[1])))
    return [n for _, n in sorted(dumps)]


def count(program, args=(), inside="bench_counted", timeout=300, env=()):
    """{case: instructions an item}. Threads are counted one by one: @inside runs in one of them."""
    with tempfile.TemporaryDirectory() as tmp:
        out = os.path.join(tmp, "out")
        run = subprocess.run(
            ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", "--quiet",
             f"--toggle-collect={inside}", f"--dump-after={inside}", f"--zero-before={inside}",
             program, *args],
            cwd=ROOT, capture_output=True, text=True, timeout=timeout,
            env={"PATH": "/usr/bin:/bin", "LANG": "C", "SL_BENCH_COUNT": "1", **dict(env)})
        dumps = totals(out + "*")
    cases = re.findall(r"^count\t(.*)\t(\d+)$", run.stdout, re.M)
    if run.returncode or not cases or len(cases) != len(dumps):
        raise CountError(f"{os.path.basename(program)}: status {run.returncode}, {len(cases)} cases "
                         f"and {len(dumps)} counts\n{run.stdout[-500:]}{run.stderr[-1500:]}")
    return {name: n / int(items) for (name, items), n in zip(cases, dumps)}
