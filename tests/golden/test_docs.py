#!/usr/bin/env python3
"""Every command that the documents show works, and every example of a configuration is good.

    test_docs.py SLUICED

Commands are the indented lines that begin with build/sluiced or build/sluicectl. They run in a folder
that has build/, conf/ and a sample capture under each name that they use; `run` reads a port and is
only checked. A command may end with `# exit N`; without it the status must be 0.
"""
import os
import re
import shlex
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "support"))
SLUICED = os.path.abspath(sys.argv[1])
PIPES = {"tcpdump": "cat trace.pcap"}  # what cannot run here, and what stands in for it
bad = 0


def fail(where, text):
    global bad
    bad += 1
    print(f"{where}: {text}")


def documents():
    folders = [ROOT, os.path.join(ROOT, "docs")]
    return sorted(os.path.join(d, f) for d in folders for f in os.listdir(d) if f.endswith(".md"))


def commands(path):
    for number, line in enumerate(open(path, encoding="utf-8"), 1):
        m = re.match(r"(?: {4,}|\t)(?:sudo )?((?:[a-z]+ .*\| *)?build/sluice(?:d|ctl) .*)", line)
        if m:
            yield number, re.split(r"\s{3,}(?=[a-z])", m[1].strip())[0]


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
    """The command as it can run here, and the status that it must end with."""
    command, _, want = command.partition("# exit")
    for tool, stand_in in PIPES.items():
        command = re.sub(rf"^{tool}\b[^|]*", stand_in + " ", command)
    command = re.sub(r"sluiced run\b(.*?)( --ledger \S+)?$", r"sluiced check\1", command.strip())
    return command, int(want or 0)


def run(folder, command):
    return subprocess.run(["bash", "-c", command], cwd=folder, capture_output=True, timeout=120,
                          stdin=subprocess.DEVNULL, text=True)


def check_commands(folder):
    n = 0
    for path in documents():
        run(folder, "build/sluiced replay -q --ledger ledger.json trace.pcap")
        for number, line in commands(path):
            command, want = runnable(line)
            done = run(folder, command)
            where = f"{os.path.relpath(path, ROOT)}:{number}: {line}"
            n += 1
            if done.returncode != want:
                fail(where, f"status {done.returncode}, not {want}: {done.stderr[-500:]}")
            elif want == 0 and not done.stdout and not re.search(r"-q|losses|>", command):
                fail(where, "says nothing")
    if n < 5:
        fail("documents", f"only {n} commands were found")
    print(f"{n} commands of the documents")


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
    check_links()
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
