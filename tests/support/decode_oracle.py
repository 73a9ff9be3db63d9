#!/usr/bin/env python3
"""Compare sluice's packet decoding with tshark's, frame by frame.

    decode_oracle.py DECODE_DUMP SHARED_DIR

For each capture with a NAME.frames.tsv the innermost TCP or UDP header must have the same addresses,
ports, sequence numbers and length, and frames where tshark finds none must be a named drop. Where
the two differ on purpose, EXCEPTIONS says why. Then payloads: datagrams that PcapPlusPlus put together
from fragments, and syslog messages as their senders wrote them. Exit 77 (skipped) without the captures, unless CI is
set.
"""
import csv
import glob
import json
import os
import subprocess
import sys

FOLDERS = ["encap", "file", "http", "ip", "logs", "malformed", "misc", "mysql", "syslog", "tcp"]

SHORT = "tshark takes the frame's length where IP says more; we keep the difference as cut_bytes"
UDP_LENGTH = "UDP length beyond its IP packet; tshark warns and goes on"
NOT_WHOLE = "the header is not all there; tshark shows the fields that are"
LAST_HOP = "sessions go by the ends: the last hop of a routing header, the home address of a mobile"

# (file, how we differ, why): the outcome that we give, or which field is different.
EXCEPTIONS = [
    ("tcpdump-bigtcp-ipv4-vxlan-ipv4.pcap", "packets_out", "tshark stops at a UDP length of 0"),
    ("libpcap-ipv6_ext_headers.pcap", "too_deep", "128 extension headers, we read 64"),
    ("zeek-fragmented-1.pcap", "fragment_overlap",
     "first fragment of 26 bytes, no multiple of 8: bad_length, and so its datagram is never whole"),
    ("zeek-ipv6-mobility-dst-opts.pcap", "bad_header", "an option longer than its header"),
    ("suri-ipv6-malformed-fragments-26.pcap", "bad_header", NOT_WHOLE),
    ("pcpp-ipv6_options.pcap", "address", LAST_HOP),
    ("zeek-ip6-hoa-tcp-bad-chksum.pcap", "address", LAST_HOP),
    ("zeek-ip6-route0-udp-good-chksum.pcap", "address", LAST_HOP),
    ("zeek-ipv6-hbh-routing0.pcap", "address", LAST_HOP),
    ("ndpi-fuzz-2006-06-26-2594.pcap", "bad_length", UDP_LENGTH),
    ("ndpi-fuzz-2006-06-26-2594.pcap", "length", SHORT),
    ("ndpi-fuzz-2006-06-26-2594.pcap", "bad_header", NOT_WHOLE),
    ("ndpi-reasm_crash_anon.pcapng", "length", SHORT),
    ("ndpi-reasm_crash_anon.pcapng", "cut", NOT_WHOLE),
    ("ndpi-reasm_crash_anon.pcapng", "bad_header", "a TCP header of less than 20 bytes"),
    ("pcpp-tcp-malformed.pcap", "bad_header", NOT_WHOLE),
    ("tcpdump-heapoverflow-tcp_print.pcap", "cut", NOT_WHOLE),
    ("tcpdump-mptcp-dss-oobr.pcap", "cut", NOT_WHOLE),
    ("tcpdump-tcp_header_heapoverflow.pcap", "cut", NOT_WHOLE),
    ("tcpdump-udp-length-heapoverflow.pcap", "cut", NOT_WHOLE),
    ("zeek-ip-discarder-truncated-tcp-oob.pcapng", "cut", NOT_WHOLE),
    ("zeek-truncated-header.pcap", "cut", NOT_WHOLE),
    ("zeek-reassembly.pcap", "length", SHORT),
]


def pick(row, field, n):
    values = row[field].split(",") if row[field] else []
    return values[n] if n < len(values) else None


def expected(row):
    """The innermost TCP or UDP of a frame: (src, dst, proto, sport, dport, seq, length) or None."""
    layers = row["frame.protocols"].split(":")
    if "icmp" in layers or "icmpv6" in layers:  # what an ICMP error quotes is not a packet
        return None
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


def checksum_differs(row, fields):
    """Ours: 0 not known, 1 good, 2 bad. tshark's: 1 good, 0 bad, 2 not checked."""
    if fields[1] != "packets_out" or int(fields[11]):
        return False
    proto = {"6": "tcp", "17": "udp"}[fields[4]]
    l4 = row[proto + ".checksum.status"].split(",")[-1]
    ip_bad = "0" in row["ip.checksum.status"].split(",")
    theirs = "2" if ip_bad or l4 == "0" else {"1": "1"}.get(l4, "0")
    offloaded = theirs == "2" and fields[12] == "0"  # the field holds the pseudo header's sum alone
    return theirs != fields[12] and not offloaded and (theirs, fields[12])


def kind_of(want, got, outcome):
    if want is None or got is None:
        return outcome
    if want[2:] == got[2:] and want[:2] != got[:2]:
        return "address"
    if want[:6] == got[:6] and int(got[6]) > int(want[6]):
        return "length"
    return outcome


def excused(name, kind):
    return any(name == e[0] and kind == e[1] for e in EXCEPTIONS)


def compare(dump, shared, folder, name):
    """Returns (frames, excused, differences, frames that libpcap cannot read), or None for a file
    that it cannot open.
    """
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
    if len(rows) < len(ours):
        differences.append((0, "frames", len(rows), len(ours)))
    n_excused = 0
    for row, fields in zip(rows, ours):
        want, got = expected(row), decoded(fields)
        if want == got:
            sums = checksum_differs(row, fields)
            if sums:
                differences.append((int(fields[0]), "checksum", *sums))
            continue
        if excused(name, kind_of(want, got, fields[1])):
            n_excused += 1
        else:
            differences.append((int(fields[0]), row["frame.protocols"], want, got or fields[1]))
    return len(ours), n_excused, differences, len(rows) - len(ours)


def payloads(dump, path):
    run = subprocess.run([dump, "-x", "-d", "off", path], capture_output=True, text=True)
    lines = (line.split("\t") for line in run.stdout.splitlines())
    return [(f[6], bytes.fromhex(f[13])) for f in lines if f[1] == "packets_out"]


def payload_of(frame):
    """The TCP or UDP payload of an Ethernet frame without tags or extension headers."""
    ip4 = frame[12:14] == b"\x08\x00"
    at = 14 + (frame[14] & 15) * 4 if ip4 else 54
    if frame[23 if ip4 else 20] == 6:
        return frame[at + (frame[at + 12] >> 4) * 4 :]
    return frame[at + 8 : at + int.from_bytes(frame[at + 4 : at + 6], "big")]


def compare_payloads(dump, shared):
    """Names of the oracles that do not agree."""
    wrong = []
    for path in sorted(glob.glob(f"{shared}/data/oracle/pcap/ip/*.pcpp.*.txt")):
        if path.endswith("_partial.txt"):  # what there was before the datagram was whole
            continue
        name = os.path.basename(path).split(".pcpp.")[0]
        with open(path) as f:
            want = payload_of(bytes.fromhex(f.read().strip()))
        if want not in [p for _, p in payloads(dump, f"{shared}/data/pcap/ip/{name}")]:
            wrong.append(os.path.basename(path))
    for name in ("syslog-udp-fragments", "rsyslog-udp-rfc3164", "rsyslog-udp-rfc5424"):
        with open(f"{shared}/data/oracle/logs/{name}.messages.jsonl") as f:
            want = sorted(json.loads(line)["raw"].encode().rstrip(b"\n") for line in f)
        got = payloads(dump, f"{shared}/data/pcap/logs/{name}.pcap")
        if want != sorted(p.rstrip(b"\n") for dport, p in got if dport == "514"):
            wrong.append(name)
    return wrong


def main():
    dump, shared = sys.argv[1], os.environ.get("SL_SHARED", sys.argv[2])
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
            if result[3]:
                unreadable.append(f"{name} ({result[3]} of {result[0] + result[3]})")
            for difference in result[2]:
                print(f"{folder}/{name}", *difference)
    print(f"{n_files} files, {n_frames} frames, {n_excused} differ on purpose, {n_bad} differ")
    print("not read by libpcap:", *unreadable)
    wrong = compare_payloads(dump, shared)
    print("payloads that differ:", *wrong or ["none"])
    return 1 if n_bad or n_files == 0 or wrong else 0


if __name__ == "__main__":
    sys.exit(main())
