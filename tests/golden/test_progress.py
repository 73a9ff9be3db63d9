#!/usr/bin/env python3
"""Progress of a replay: drawn over itself on a terminal, and nowhere else."""
import os
import pty
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from pcaplib import BASE_NS, ethernet, udp, write_pcap  # noqa: E402
from sluice import Checks  # noqa: E402

SECONDS = 3
LINE = re.compile(r"\r(?: *(\d+) %  )?(\d+) packets  (\d+\.\d) MB  (\d+\.\d\d) Mpps\x1b\[K")


def on_terminal(*cmd, stdin=None):
    """Standard error is a terminal, standard output a file."""
    ours, theirs = pty.openpty()
    with tempfile.TemporaryFile() as out:
        p = subprocess.Popen(cmd, stdin=stdin or subprocess.DEVNULL, stdout=out, stderr=theirs)
        os.close(theirs)
        text = b""
        try:
            while piece := os.read(ours, 65536):
                text += piece
        except OSError:  # the other side is closed
            pass
        os.close(ours)
        status = p.wait(timeout=60)
        out.seek(0)
        return status, out.read(), text.decode().replace("\r\n", "\n")


def main():
    binary, checks = os.path.abspath(sys.argv[1]), Checks()
    with tempfile.TemporaryDirectory() as folder:
        trace = os.path.join(folder, "paced.pcap")
        write_pcap(trace, [(BASE_NS + i * SECONDS * 10**7, ethernet(udp("10.0.0.1", 40000, "10.0.0.9", 514, b"<13>n: %d" % i, i)))
                           for i in range(100)])
        paced = [binary, "replay", "--speed", "real"]

        status, out, text = on_terminal(*paced, trace)
        drawn = LINE.findall(text)
        checks.equal((status, out.count(b"\n")), (0, 100), "on a terminal: exit status and records")
        checks.check(2 <= len(drawn) <= 2 * SECONDS + 2, f"on a terminal: a line each half second: {text[:500]!r}")
        checks.check(all(share for share, *_ in drawn), f"on a terminal: how far it is: {drawn}")
        packets = [int(n) for _, n, *_ in drawn]
        checks.check(packets == sorted(packets) and 0 < packets[0] < packets[-1] <= 100, f"on a terminal: it goes on: {packets}")
        rest = text[[m.end() for m in LINE.finditer(text)][-1]:] if drawn else ""
        checks.check(rest.startswith("\r\x1b[Kledger  ("), f"on a terminal: the line is gone when the ledger comes: {rest[:80]!r}")

        with open(trace, "rb") as f:
            status, _, text = on_terminal(*paced, "-", stdin=f)
        checks.check(status == 0 and LINE.search(text), f"standard input: progress too: {text[:200]!r}")

        status, _, text = on_terminal(*paced, "--quiet", trace)
        checks.equal((status, text), (0, ""), "--quiet: nothing on the terminal")

        p = subprocess.run([*paced, trace], capture_output=True, check=False, timeout=60)
        checks.check(p.returncode == 0 and p.stderr.startswith(b"ledger  (") and b"\r" not in p.stderr and
                     b"\x1b" not in p.stderr and b"Mpps" not in p.stderr,
                     f"standard error is no terminal: nothing is drawn: {p.stderr[:200]}")
    checks.done()


if __name__ == "__main__":
    main()
