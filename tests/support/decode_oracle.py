#!/usr/bin/env python3
"""Compare sluice's packet decoding with tshark's, frame by frame.

    decode_oracle.py DECODE_DUMP SHARED_DIR

For each capture with a NAME.frames.tsv the innermost TCP or UDP header must have the same addresses,
ports, sequence numbers and length, and frames where tshark finds none must be a named drop. Where
the two differ on purpose, EXCEPTIONS says why. Exit 77 (skipped) without the captures, unless CI is
set.
"""
import csv
import os
import subprocess
import sys

FOLDERS = ["encap", "file", "http", "ip", "logs", "malformed", "misc", "mysql", "syslog", "tcp"]

# (file, first frame, last frame, why)
EXCEPTIONS = []


def pick(row, field, n):
    values = row[field].split(",") if row[field] else []
    return values[n] if n < len(values) else None


def expected(row):
    """The innermost TCP or UDP of a frame: (src, dst, proto, sport, dport, seq, length) or None."""
    layers = row["frame.protocols"].split(":")
    for stop in ("icmp", "icmpv6"):  # what an ICMP error quotes is not a packet
        if stop in layers:
            layers = layers[: layers.index(stop)]
    last = max((i for i, name in enumerate(layers) if name in ("tcp", "udp")), default=-1)
    if last < 0:
        return None
    layers = layers[: last + 1]
    ip = [name for name in layers if name in ("ip", "ipv6")][-1]
    n_ip, n_l4 = layers.count(ip) - 1, layers.count(layers[-1]) - 1
    proto = layers[-1]
    src, dst = pick(row, ip + ".src", n_ip), pick(row, ip + ".dst", n_ip)
    sport, dport = pick(row, proto + ".srcport", n_l4), pick(row, proto + ".dstport", n_l4)
    if proto == "tcp":
        return src, dst, "6", sport, dport, pick(row, "tcp.seq_raw", n_l4), pick(row, "tcp.len", n_l4)
    length = pick(row, "udp.length", n_l4)
    return src, dst, "17", sport, dport, "0", str(int(length) - 8) if length else None


def decoded(fields):
    if fields[1] != "packets_out":
        return None
    _, _, src, dst, proto, sport, dport, seq, _, _, length, cut = fields[:12]
    return src, dst, proto, sport, dport, seq, str(int(length) + int(cut))


def excused(name, frame):
    return any(name == e[0] and e[1] <= frame <= e[2] for e in EXCEPTIONS)


def compare(dump, shared, folder, name):
    """Returns (frames, equal, excused, list of differences), or None when libpcap cannot read it."""
    run = subprocess.run([dump, "-d", "off", f"{shared}/data/pcap/{folder}/{name}"],
                         capture_output=True, text=True)
    if run.returncode == 2:
        return None
    differences = []
    if run.returncode:
        differences.append((0, "exit", run.returncode, run.stderr))
    ours = [line.split("\t") for line in run.stdout.splitlines()]
    with open(f"{shared}/data/oracle/pcap/{folder}/{name}.frames.tsv", newline="") as f:
        rows = list(csv.DictReader(f, delimiter="\t", quoting=csv.QUOTE_NONE))
    if len(rows) != len(ours):
        differences.append((0, "frames", len(rows), len(ours)))
    n_excused = 0
    for row, fields in zip(rows, ours):
        want, got = expected(row), decoded(fields)
        if want == got:
            continue
        if excused(name, int(fields[0])):
            n_excused += 1
        else:
            differences.append((int(fields[0]), row["frame.protocols"], want, got or fields[1]))
    return len(ours), n_excused, differences


def main():
    dump, shared = sys.argv[1:3]
    if not os.path.isdir(f"{shared}/data/pcap"):
        print(f"skipped: no captures in {shared}/data/pcap")
        return 1 if os.environ.get("CI") == "true" else 77
    n_files = n_frames = n_excused = n_bad = 0
    unreadable = []
    for folder in FOLDERS:
        oracles = f"{shared}/data/oracle/pcap/{folder}"
        if not os.path.isdir(oracles):
            continue
        for oracle in sorted(os.listdir(oracles)):
            if not oracle.endswith(".frames.tsv"):
                continue
            name = oracle.removesuffix(".frames.tsv")
            result = compare(dump, shared, folder, name)
            if result is None:
                unreadable.append(name)
                continue
            n_files += 1
            n_frames += result[0]
            n_excused += result[1]
            n_bad += len(result[2])
            for difference in result[2]:
                print(f"{folder}/{name}", *difference)
    print(f"{n_files} files, {n_frames} frames, {n_excused} differ on purpose, {n_bad} differ")
    print("not read by libpcap:", *unreadable)
    return 1 if n_bad or n_files == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
