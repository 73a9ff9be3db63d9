#!/usr/bin/env python3
"""Every command that the documents show works, and every example of a configuration is good.

    test_docs.py SLUICED

Here run those that need no more than the two programs and files (support/docs.py has the others); in a folder
that has build/, conf/ and a sample capture under each name that they use; `run` reads a port and is only checked.
"""
import os
import re
import shlex
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "support"))
from docs import commands, documents, elsewhere, in_sandbox  # noqa: E402

SLUICED = os.path.abspath(sys.argv[1])
PIPES = {"tcpdump": "cat trace.pcap"}  # what cannot run here, and what stands in for it
bad = 0


def fail(where, text):
    global bad
    bad += 1
    print(f"{where}: {text}")


def prepare(folder):
    os.makedirs(os.path.join(folder, "build"))
    os.symlink(os.path.join(ROOT, "conf"), os.path.join(folder, "conf"))
    for name in ("sluiced", "sluicectl"):
        os.symlink(os.path.join(os.path.dirname(SLUICED), name), os.path.join(folder, "build", name))
    make = os.path.join(ROOT, "tests", "support", "make_sample.py")
    subprocess.run([sys.executable, make, os.path.join(folder, "trace.pcap")], check=True)
    with open(os.path.join(folder, "trace.pcap"), "rb") as f:
        sample = f.read()
    for name in ("monday.pcap", "tuesday.pcap"):
        with open(os.path.join(folder, name), "wb") as f:
            f.write(sample)
    subprocess.run(["gzip", "-k", "trace.pcap"], cwd=folder, check=True)


def runnable(command):
    """The command as it can run here."""
    for tool, stand_in in PIPES.items():
        command = re.sub(rf"^{tool}\b[^|]*", stand_in + " ", command)
    return re.sub(r"sluiced run\b(.*?)( --ledger \S+)?$", r"sluiced check\1", command)


def run(folder, command):
    return subprocess.run(["bash", "-c", command], cwd=folder, capture_output=True, timeout=120,
                          stdin=subprocess.DEVNULL, text=True)


def check_commands(folder):
    n = 0
    document = None
    for path, number, line, want in commands():
        if not in_sandbox(line):
            continue
        if path != document:
            run(folder, "build/sluiced replay -q --ledger ledger.json trace.pcap")
        document = path
        command = runnable(line)
        done = run(folder, command)
        where = f"{path}:{number}: {line}"
        n += 1
        if done.returncode != want:
            fail(where, f"status {done.returncode}, not {want}: {done.stderr[-500:]}")
        elif want == 0 and not done.stdout and not re.search(r"-q|losses|--diff|-c \S+ --ledger|>", command):
            fail(where, "says nothing")
    if n < 5:
        fail("documents", f"only {n} commands were found")
    print(f"{n} commands of the documents")


def check_named_tests():
    """A command that runs elsewhere names the test that runs it."""
    for path, number, line, _ in commands():
        for test in re.findall(r"tests/[\w/]+\.py", elsewhere(line) or ""):
            if not os.path.exists(os.path.join(ROOT, test)):
                fail(f"{path}:{number}: {line}", f"{test} is not there")


def check_examples(folder):
    examples = sorted(f for f in os.listdir(os.path.join(ROOT, "conf", "examples")) if f.endswith(".yaml"))
    for name in examples:
        path = shlex.quote(f"conf/examples/{name}")
        for command in ("check", "test", "config effective"):
            done = run(folder, f"build/sluiced {command} -c {path}")
            if done.returncode != 0:
                fail(path, f"{command} ends with {done.returncode}: {done.stdout}{done.stderr}")
    if not examples:
        fail("conf/examples", "there are none")
    print(f"{len(examples)} examples")


def check_links():
    for path in documents():
        text = open(path, encoding="utf-8").read()
        for target in re.findall(r"\]\(([^)#:]+)\)", text) + re.findall(r"`((?:docs|conf)/[\w./-]+)`", text):
            here = os.path.join(os.path.dirname(path), target)
            if not os.path.exists(here) and not os.path.exists(os.path.join(ROOT, target)):
                fail(os.path.relpath(path, ROOT), f"{target} is not there")


def main():
    with tempfile.TemporaryDirectory(prefix="sluice-docs-") as folder:
        prepare(folder)
        check_commands(folder)
        check_examples(folder)
    check_named_tests()
    check_links()
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
