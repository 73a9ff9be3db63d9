#!/usr/bin/env python3
"""Every command of the documents that needs a running sluiced, an interface or root, in a namespace of its own.

    test_docs_live.py SLUICED

The namespace has eth0, eth1 and tap0, to which a mirror could come; sluiced reads eth1 with the configuration of
docs/first-pipeline.md and a spool, and the sample capture is sent to it all the while. What a command would write
to the host it writes to a folder.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

SUPPORT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support")
sys.path.insert(0, SUPPORT)
from docs import ROOT, commands, elsewhere, in_sandbox  # noqa: E402
from fake_host import make_card  # noqa: E402
from served import Served  # noqa: E402
from sluice import SKIP, Checks  # noqa: E402
from wire import end, possible, sh  # noqa: E402

NS = f"sluicedocs{os.getpid()}"
MORE = """
api: {{ socket: {folder}/control.sock }}
spool: {{ dir: {folder}/spool }}
dead_letters: {{ dir: {folder}/dead }}
"""
# What a command says, and what stands for it here.
PLACES = (("/etc/sluice/", "{folder}/"), ("/usr/share/sluice/", "scripts/"), ("/run/sluice/", "{folder}/"),
          ("/etc/sysctl.d/", "{folder}/"), ("-G 60", "-G 1"))


def ns(*cmd):
    return ["ip", "netns", "exec", NS, *cmd]


def make_network():
    sh("ip", "netns", "add", NS)
    for link in ("eth0", "eth1", "tap0"):
        sh(*ns("ip", "link", "add", link, "type", "veth", "peer", "name", f"{link}-far"))
        for side in (link, f"{link}-far"):
            sh(*ns("ip", "link", "set", side, "up"))
    sh(*ns("ip", "link", "set", "lo", "up"))


# The sample, over and over, into the far end of eth1.
SENDER = """
import socket, sys, time
sys.path.insert(0, sys.argv[1])
from pcaplib import read_pcap
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(("eth1-far", 0))
while True:
    for frame in read_pcap(sys.argv[2]):
        s.send(frame)
    time.sleep(0.2)
"""


def prepare(folder, binary):
    os.makedirs(f"{folder}/bin")
    os.symlink(os.path.join(ROOT, "conf"), f"{folder}/conf")
    os.symlink(os.path.join(ROOT, "scripts"), f"{folder}/scripts")
    os.symlink(binary, f"{folder}/bin/sluiced")
    with open(f"{folder}/bin/sluicectl", "w", encoding="utf-8") as f:
        f.write(f'#!/bin/sh\nexec {os.path.dirname(binary)}/sluicectl --socket {folder}/control.sock "$@"\n')
    os.chmod(f"{folder}/bin/sluicectl", 0o755)
    with open(os.path.join(ROOT, "conf/examples/first.yaml"), encoding="utf-8") as f:
        text = f.read().replace("/tmp/", f"{folder}/")
    with open(f"{folder}/sluice.yaml", "w", encoding="utf-8") as f:
        f.write(text + MORE.format(folder=folder))
    shutil.copy(f"{folder}/sluice.yaml", f"{folder}/new.yaml")
    with open(f"{folder}/nr_hugepages", "w", encoding="utf-8") as f:
        f.write("0\n")
    make_card(f"{folder}/host", "0000:3b:00.0", "eth1")
    sh(sys.executable, os.path.join(ROOT, "tests/support/make_sample.py"), f"{folder}/trace.pcap")


def runnable(command, folder):
    for said, here in PLACES:
        command = command.replace(said, here.format(folder=folder))
    if re.search(r"sluicectl (tap (?!.*--count)|shadow -c)|/v1/tap", command):  # until somebody interrupts it
        command = f"timeout --signal INT --preserve-status 2 {command}; test $? = 0 -o $? = 130"
    if "hugepages.sh" in command:  # the number of pages is the machine's: a file stands before it
        command = f"mount --bind nr_hugepages /proc/sys/vm/nr_hugepages && {command}"
    return command


def run_all(folder, checks):
    env = dict(os.environ, PATH=f"{folder}/bin:{os.environ['PATH']}", SYS=f"{folder}/host/sys",
               PROC=f"{folder}/host/proc")
    env.pop("SSH_CONNECTION", None)
    n, document = 0, None
    for path, number, line, want in commands():
        if elsewhere(line) is not None or in_sandbox(line):
            continue
        if path != document:
            sh(*ns("tc", "qdisc", "del", "dev", "eth0", "clsact"), check=False)
        document = path
        p = subprocess.run(ns("unshare", "--mount", "bash", "-c", runnable(line, folder)), cwd=folder, env=env,
                           stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)
        may = (0, 1) if "doctor" in line else (want,)  # how good this host is, is not ours to say
        checks.check(p.returncode in may, f"{path}:{number}: {line}: status {p.returncode}: {(p.stdout + p.stderr)[-500:]}")
        if re.match(r"sluice(d|ctl) ", line) and "losses" not in line:
            checks.check(p.stdout + p.stderr, f"{path}:{number}: {line}: says nothing")
        n += 1
    checks.check(n > 30, f"only {n} commands were found")
    print(f"{n} commands of the documents")


def main():
    checks = Checks()
    why = possible()
    if why:
        print(f"skipped: {why}")
        sys.exit(1 if os.environ.get("CI") else SKIP)
    with tempfile.TemporaryDirectory(prefix="sluice-docs-") as folder:
        prepare(folder, os.path.abspath(sys.argv[1]))
        make_network()
        served = Served(f"{folder}/bin/sluiced", folder)
        sender = subprocess.Popen(ns(sys.executable, "-c", SENDER, SUPPORT, f"{folder}/trace.pcap"))
        try:
            served.begin(f"{folder}/sluice.yaml", ns(), settle=1.5)
            run_all(folder, checks)
        finally:
            end(sender)
            status, log, _ = served.finish()
            sh("ip", "netns", "del", NS, check=False)
        checks.equal(status, 0, f"sluiced ends well: {log[-800:]}")
    checks.done()


if __name__ == "__main__":
    main()
