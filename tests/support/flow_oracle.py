#!/usr/bin/env python3
"""Compare sluice's TCP streams with those that tshark follows.

    flow_oracle.py FLOW_DUMP [NAME]

For each capture with a NAME.streams.jsonl every direction must have the same bytes (length and
SHA-256); tshark writes a text in place of missing bytes, and so does this for gaps. Where the two
differ on purpose, EXCEPTIONS says why. Exit 77 (skipped) without the captures (SL_SHARED), unless CI
is set.
"""
import collections
import glob
import hashlib
import ipaddress
import json
import os
import subprocess
import sys

MARK = b"[%d bytes missing in capture file]\0"

# Captures where both are right, or tshark is not: the name, and why.
EXCEPTIONS = {
    "arkime-y2038-bgp.pcap": "one frame is of 2038, the others of 2009: idle for 28 years is over",
    "pcpp-raw_ip.pcap": "a keep-alive's zero byte, joined late: it begins no stream",
    "ndpi-fuzz-2006-06-26-2594.pcap": "fuzzed: the number in the SYN is damaged",
    "ndpi-reasm_crash_anon.pcapng": "fuzzed: numbers and lengths are damaged",
    "zeek-contentline-irc-5k-line.pcap": "begins with a keep-alive, which tshark takes for a hole",
    "ptk-tcpdump035.pcap": "the same connection again an hour later: two sessions, tshark one",
    "ptk-tcpdump038.pcap": "the same ports again four months later: two sessions, tshark one",
    "csand-tcp_dupack.pcapng": "the first bytes were overtaken at the start; tshark leaves them out",
    "zeek-reassembly.pcap": "bytes sent again differ (made anonymous); our first ones win",
}


class Session:
    def __init__(self, ends):
        self.ends = ends
        self.parts = [[], []]  # bytes, or (offset, length, reason) of a gap
        self.next_off = [0, 0]


def read_dump(out):
    """All sessions in order, and the counters."""
    sessions, counters, at = {}, {}, 0
    while at < len(out):
        end = out.index(b"\n", at)
        f = out[at:end].decode().split(" ")
        at = end + 1
        if f[0] == "S":
            sessions[f[1]] = Session((f[2], f"{f[3]}:{f[4]}", f"{f[5]}:{f[6]}"))
        elif f[0] == "L":
            counters[f[2]] = int(f[3])
        elif f[0] in "DG":
            s, dir_, off, n = sessions[f[1]], int(f[2]), int(f[3]), int(f[4])
            if off != s.next_off[dir_]:
                raise SystemExit(f"session {f[1]}: offset {off}, expected {s.next_off[dir_]}")
            s.next_off[dir_] += n
            if f[0] == "D":
                s.parts[dir_].append(out[at : at + n])
                at += n + 1
            else:
                s.parts[dir_].append((off, n, f[5]))
    return list(sessions.values()), counters


def node(text):
    addr, port = text.rsplit(":", 1)
    addr = ipaddress.ip_address(addr.strip("[]"))
    return f"{addr}:{port}"


def pair_up(sessions, streams):
    """For each of tshark's streams our sessions of the same ends; of several, one each in order."""
    by_ends = collections.defaultdict(list)
    for s in sessions:
        if s.ends[0] == "6":
            by_ends[frozenset(s.ends[1:])].append(s)
    theirs = collections.Counter(frozenset((t["node0"], t["node1"])) for t in streams)
    for t in streams:
        ends = frozenset((t["node0"], t["node1"]))
        ours = by_ends[ends]
        take = 1 if theirs[ends] > 1 else len(ours)
        yield t, ours[:take]
        by_ends[ends] = ours[take:]


def joined(parts):
    """Gaps side by side are one hole, cut by snap length or not."""
    out = []
    for p in parts:
        if out and isinstance(p, tuple) and isinstance(out[-1], tuple):
            off, n, reason = out.pop()
            p = (off, n + p[1], reason if reason == p[2] else "several")
        out.append(p)
    return out


def readings(parts):
    """The ways in which tshark may show what we have, each with its name."""

    parts = joined(parts)

    def text(part, marked):
        return part if isinstance(part, bytes) else MARK % part[1] if marked(part) else b""

    yield "as it is", b"".join(text(p, lambda g: True) for p in parts)
    # It passes over what the snap length cut off as if it had not been there.
    yield "no cuts", b"".join(text(p, lambda g: g[2] != "snaplen") for p in parts)
    # It marks no bytes that only an acknowledgement or a FIN speaks of.
    while parts and isinstance(parts[-1], tuple):
        parts = parts[:-1]
    yield "no tail", b"".join(text(p, lambda g: True) for p in parts)
    # It ends the stream at a hole that nobody acknowledged.
    for i, part in enumerate(parts):
        if isinstance(part, tuple):
            yield "to a hole", b"".join(text(p, lambda g: True) for p in parts[:i])


def verdict(sessions, side, want):
    parts = [p for s in sessions for p in s.parts[0 if s.ends[1] == side else 1]]
    for name, stream in readings(parts):
        if len(stream) == want["bytes"] and hashlib.sha256(stream).hexdigest() == want["sha256"]:
            return name, None
    n = sum(len(p) for p in parts if isinstance(p, bytes))
    gaps = [p for p in parts if isinstance(p, tuple)]
    return None, (f"{side}: {n} bytes and gaps {gaps} in {len(sessions)} sessions; tshark has "
                  f"{want['bytes']} with {want['gap_marks']} marks")


def compare(dump, capture, oracle):
    """Returns (how often each reading was right, differences), or None: the file cannot be read."""
    run = subprocess.run([dump, capture], capture_output=True)
    if run.returncode == 2:
        return None
    sessions, counters = read_dump(run.stdout)
    with open(oracle) as f:
        streams = sorted((json.loads(line) for line in f), key=lambda t: t["stream"])
    for t in streams:
        t["node0"], t["node1"] = node(t["node0"]), node(t["node1"])
    differences = [] if run.returncode == 0 else [f"exit {run.returncode} {run.stderr[:300]}"]
    seen = collections.Counter()
    for t, ours in pair_up(sessions, streams):
        for side in ("node0", "node1"):
            name, difference = verdict(ours, t[side], t["from_" + side])
            if difference:
                differences.append(f"stream {t['stream']} {difference}")
            else:
                seen[name] += 1
    return seen, differences, counters


def main():
    dump, only = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else ""
    root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
    shared = os.environ.get("SL_SHARED") or os.path.join(root, "..", "shared")
    if not os.path.isdir(f"{shared}/data/pcap"):
        print(f"skipped: no captures in {shared}/data/pcap (SL_SHARED)")
        return 1 if os.environ.get("CI") == "true" else 77
    n_files = n_bad = n_known = 0
    seen = collections.Counter()
    for oracle in sorted(glob.glob(f"{shared}/data/oracle/pcap/*/*.streams.jsonl")):
        folder, name = oracle.removesuffix(".streams.jsonl").split("/")[-2:]
        if only not in name:
            continue
        result = compare(dump, f"{shared}/data/pcap/{folder}/{name}", oracle)
        if result is None:
            print(f"{folder}/{name}: cannot be read")
            continue
        n_files += 1
        seen += result[0]
        why = EXCEPTIONS.get(name)
        for d in result[1]:
            print(f"{folder}/{name}: {d}" + (f" (known: {why})" if why else ""))
            n_known += bool(why)
            n_bad += not why
        if only:
            print(result[2])
    print(f"{n_files} captures; flows: {dict(seen)}, {n_known} known and {n_bad} other differences")
    return 1 if n_bad else 0


if __name__ == "__main__":
    sys.exit(main())
