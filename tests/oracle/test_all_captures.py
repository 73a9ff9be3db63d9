#!/usr/bin/env python3
"""Every capture of the lab: no crash, a ledger that balances, and the same bytes in every way of reading.

A replay must not depend on the number of workers, the size of reads, or on being the second one.
"""
import os
import sys
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from sluice import Checks, replay, shared  # noqa: E402

# A file header that no reader accepts: a clear refusal is right.
REFUSED = {"libpcap-pcap-invalid-version-1.pcap", "libpcap-pcapng-invalid-vers-1.pcapng",
           "libpcap-shb-option-too-long.pcapng"}


def by_id(run):
    return sorted(run.out.splitlines())


def captures(data):
    for folder, _, files in sorted(os.walk(os.path.join(data, "pcap"))):
        for file in sorted(files):
            if ".pcap" in file:
                yield os.path.join(folder, file)


VARIANTS = ([], ["--workers", "2"], ["--workers", "4"], ["--read-size", "64"],
            ["--read-size", "1000003"])


def judge(binary, path, checks):
    name = os.path.basename(path)
    first = replay(binary, path)
    if name in REFUSED and first.status == 2:
        checks.check(name in first.err, f"{name}: the refusal names the file: {first.err}")
        return
    checks.healthy(first, name)
    for args in VARIANTS:
        what = f"{name} {' '.join(args) or 'again'}"
        other = replay(binary, path, *args)
        checks.healthy(other, what)
        if args:
            checks.check(by_id(other) == by_id(first), f"{what}: other records")
        else:
            checks.check(other.out == first.out, f"{what}: other bytes")
        checks.equal(other.ledger and other.ledger["lost"], first.ledger and first.ledger["lost"],
                     f"{what}: lost")


def main():
    binary, checks = sys.argv[1], Checks()
    with ThreadPoolExecutor(4) as pool:  # most of a small replay is waiting for its start
        list(pool.map(lambda path: judge(binary, path, checks), captures(shared())))
    checks.done()


if __name__ == "__main__":
    main()
