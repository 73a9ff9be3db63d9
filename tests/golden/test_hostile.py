#!/usr/bin/env python3
"""Hostile traffic beside good traffic: a named drop or a clear error, bounded memory, nothing else lost.

Each case is a capture made here in which one honest sender logs all the while; every one of its
messages must come out, the ledger must balance, and the process must stay within its bounds.
"""
import gzip
import os
import random
import resource
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from pcaplib import (ACK, BASE_NS, FIN, PSH, RST, SYN, Conversation, ethernet, ip_packet, tcp, udp,  # noqa: E402
                     write_pcap)
from sluice import Checks, replay  # noqa: E402

HONEST = 40
MS = 1_000_000


def honest(out, span_ms):
    """Messages over UDP and TCP, spread over the whole capture."""
    for i in range(HONEST):
        at = BASE_NS + i * span_ms * MS // HONEST
        out.append((at, ethernet(udp("10.0.0.7", 41000, "10.0.0.9", 514, b"<13>honest: udp %d" % i, i + 1))))
    c = Conversation(out, "10.0.0.8", 42000, "10.0.0.9", 514, BASE_NS, step_ns=span_ms * MS // HONEST // 3)
    for i in range(HONEST):
        c.send(b"<14>honest: tcp %d\n" % i)
    c.close()


def honest_came(records):
    got = sorted(r["message"] for r in records if r.get("appname") == "honest")
    return got == sorted(f"{t} {i}" for t in ("tcp", "udp") for i in range(HONEST))


def overlaps_with_other_bytes(out):
    """Ptacek and Newsham's trick: the same range twice with different bytes. The first ones count."""
    c = Conversation(out, "10.6.6.6", 50000, "10.0.0.9", 514, BASE_NS)
    first = c.seq[0]
    for at, piece in ((10, b"AAAA"), (10, b"BBBB"), (12, b"CCDD"), (0, b"<13>evil: XX"), (0, b"<13>EVIL: YYYY"),
                      (16, b"\n")):
        c.seq[0] = first + at
        c.emit(0, PSH | ACK, piece)
    c.seq[0] = first + 17
    c.emit(1, ACK)


def tiny_segments_out_of_order(out):
    rng = random.Random(1)
    c = Conversation(out, "10.6.6.6", 50001, "10.0.0.9", 514, BASE_NS)
    text = b"".join(b"<13>tiny: %d\n" % i for i in range(3000))
    pieces = [(i, text[i:i + 1]) for i in range(len(text))]
    base = c.seq[0]
    for at in range(0, len(pieces), 5000):
        window = pieces[at:at + 5000]
        rng.shuffle(window)
        for off, piece in window:
            c.seq[0] = base + off
            c.step = 1000
            c.emit(0, ACK, piece)
    c.seq[0] = base + len(text)
    c.emit(1, ACK)


def sequence_jumps(out):
    rng = random.Random(2)
    c = Conversation(out, "10.6.6.6", 50002, "10.0.0.9", 514, BASE_NS)
    base = c.seq[0]
    c.step = 20_000
    for _ in range(5000):
        c.seq[0] = base + rng.randrange(1 << 32)
        c.emit(0, rng.choice((ACK, PSH | ACK, FIN | ACK, RST, SYN, SYN | FIN, 0, 0x3f)), rng.randbytes(rng.randrange(1400)))


def half_open_flood(out):
    """A million SYNs from a million ends."""
    frame = bytearray(ethernet(tcp("10.66.0.0", 1, "10.0.0.9", 514, 1, 0, SYN)))
    for i in range(1_000_000):
        struct.pack_into("!I", frame, 26, 0x0a420000 + i % 65536)
        struct.pack_into("!H", frame, 34, 1024 + i // 65536)
        struct.pack_into("!I", frame, 38, i * 2654435761 & 0xffffffff)
        out.append((BASE_NS + i * 900, bytes(frame)))


def random_packets(out):
    rng = random.Random(3)
    for i in range(20_000):
        kind = rng.randrange(4)
        if kind == 0:
            frame = rng.randbytes(rng.randrange(1, 300))
        elif kind == 1:
            frame = ethernet(b"\x45" + rng.randbytes(rng.randrange(20, 200)))
        elif kind == 2:
            frame = ethernet(ip_packet("10.6.6.6", "10.0.0.9", rng.randrange(256), rng.randbytes(rng.randrange(200))))
        else:
            frame = bytearray(ethernet(udp("10.6.6.6", 514, "10.0.0.9", 514, rng.randbytes(rng.randrange(400)))))
            for _ in range(3):
                frame[rng.randrange(len(frame))] = rng.randrange(256)
            frame = bytes(frame)
        out.append((BASE_NS + i * 40_000, frame))


def endless_frame(out):
    """40 MB without a newline, then a good line."""
    c = Conversation(out, "10.6.6.6", 50003, "10.0.0.9", 5170, BASE_NS, step_ns=10_000)
    c.send(b'{"endless":"' + b"x" * 40_000_000)
    c.send(b'"}\n{"after":1}\n')
    c.close()


def endless_octet_count(out):
    """A count that no frame may have; the sender goes on with counted frames long before it is full."""
    c = Conversation(out, "10.6.6.6", 50004, "10.0.0.9", 514, BASE_NS, step_ns=10_000)
    c.send(b"99999999 <13>huge: " + b"x" * 5_000_000)
    for i in range(10):
        msg = b"<13>1 2026-11-25T04:43:16Z h after - - - the flood %d" % i
        c.send(b"%d %s" % (len(msg), msg))
    c.close()


def gzip_bomb(out):
    bomb = gzip.compress(b'{"a":"' + b"0" * (300 << 20) + b'"}', 9)
    c = Conversation(out, "10.6.6.6", 50005, "10.0.0.9", 80, BASE_NS, step_ns=100_000)
    c.send(b"POST /bomb HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\n"
           b"Content-Length: %d\r\n\r\n" % len(bomb) + bomb)
    c.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n", side=1)
    c.send(b'POST /good HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n{"a":1}')
    c.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", side=1)
    c.close()


def header_flood(out):
    """A request whose head never ends, and one of a gigabyte that never comes."""
    c = Conversation(out, "10.6.6.6", 50006, "10.0.0.9", 80, BASE_NS, step_ns=10_000)
    c.send(b"GET / HTTP/1.1\r\nHost: h\r\n" + b"X-A: " + b"b" * 3_000_000)
    c.close()
    c = Conversation(out, "10.6.6.6", 50007, "10.0.0.9", 80, BASE_NS, step_ns=10_000)
    c.send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1073741824\r\n\r\n" + b"{" * 3_000_000)
    c.close()


def deep_json(out):
    c = Conversation(out, "10.6.6.6", 50008, "10.0.0.9", 5170, BASE_NS, step_ns=10_000)
    c.send(b'{"a":' + b"[" * 400_000 + b"\n")
    c.send(b"{" + b",".join(b'"k%d":%d' % (i, i) for i in range(60_000)) + b"}\n")
    c.close()


def fragments_that_never_end(out):
    for i in range(50_000):
        head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + 1400, i & 0xffff, 0x2000, 64, 17, 0,
                           bytes([10, 6, i >> 16, 6]), bytes([10, 0, 0, 9]))
        out.append((BASE_NS + i * 15_000, ethernet(head + b"f" * 1400)))


CASES = [  # case, bound of memory in MiB beyond the binary's own
    (overlaps_with_other_bytes, 300), (tiny_segments_out_of_order, 300), (sequence_jumps, 300),
    (half_open_flood, 900), (random_packets, 300), (endless_frame, 300), (endless_octet_count, 300),
    (gzip_bomb, 300), (header_flood, 300), (deep_json, 300), (fragments_that_never_end, 400),
]


def peak_mib(binary, path):
    """Peak resident memory of a replay by the release build, where there is one."""
    code = ("import resource,subprocess,sys;"
            "subprocess.run(sys.argv[1:],stdout=subprocess.DEVNULL,stderr=subprocess.DEVNULL);"
            "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)")
    out = subprocess.run([sys.executable, "-c", code, binary, "replay", "--quiet", path], check=True,
                         capture_output=True, text=True).stdout
    return int(out) // 1024


def expect_special(checks, name, run):
    texts = [r.get("message") for r in run.records]
    if name == "overlaps_with_other_bytes":
        evil = [r["message"] for r in run.records if r.get("appname") == "evil"]
        checks.equal(evil, ["AAAADD"], "overlap: the first bytes seen count")
        checks.check(run.count("flow", "", "overlap_differs", "bytes") > 0, "overlap: counted")
    elif name == "tiny_segments_out_of_order":
        tiny = [r["message"] for r in run.records if r.get("appname") == "tiny"]
        checks.equal(tiny, [str(i) for i in range(3000)], "tiny segments: every message, in order")
        checks.equal(run.status, 0, "tiny segments: nothing lost")
    elif name == "half_open_flood":
        checks.equal(run.status, 0, "half-open flood: nothing lost")
    elif name == "endless_frame":
        checks.check(any(r.get("after") == 1 for r in run.records), "endless frame: the next line is read")
        lost = sum(run.count("frame", "lines", n) for n in ("too_long", "skipped"))
        checks.check(run.status == 1 and lost >= 40_000_000, f"endless frame: its bytes are counted: {lost}")
    elif name == "endless_octet_count":
        checks.check("the flood 9" in texts, f"octet count: later messages are read: {texts[-3:]}")
    elif name == "gzip_bomb":
        web = [r for r in run.records if "_http" in r]
        checks.equal([(r["_http"]["path"], r["_http"]["status"]) for r in web], [("/bomb", 413), ("/good", 200)],
                     "gzip bomb: both requests are events")
        checks.check("_error" in web[0] and web[1].get("a") == 1, f"gzip bomb: the first says why: {web[0]}")
    elif name == "deep_json":
        checks.check(all("_error" in r for r in run.records if r["_source"] == "lines" and "k1" not in r),
                     "deep JSON: goes out as text with a reason")


def main():
    binary, checks = os.path.abspath(sys.argv[1]), Checks()
    release = os.path.join(os.path.dirname(os.path.dirname(binary)), "sluiced")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with tempfile.TemporaryDirectory() as folder:
        for case, mib_max in CASES:
            name = case.__name__
            out = []
            case(out)
            span_ms = max(1, (max(t for t, _ in out) - BASE_NS) // MS)
            honest(out, span_ms)
            path = os.path.join(folder, f"{name}.pcap")
            write_pcap(path, out)
            run = replay(binary, path)
            checks.healthy(run, name)
            checks.check(honest_came(run.records), f"{name}: the honest sender's messages all came out")
            expect_special(checks, name, run)
            two = replay(binary, path, "--workers", "2")
            checks.healthy(two, f"{name} with two workers")
            checks.check(sorted(two.out.splitlines()) == sorted(run.out.splitlines()),
                         f"{name}: two workers give the same records")
            mib = peak_mib(release, path) if os.path.exists(release) else 0
            checks.check(mib <= mib_max, f"{name}: {mib} MiB of memory, {mib_max} allowed")
            lost = {c: n for r in run.ledger["rows"] for c, n in {**r["loss"], **r["missed"]}.items() if n}
            print(f"{name}: {len(run.records)} records, peak {mib} MiB, lost {lost}")
            os.unlink(path)
    checks.done()


if __name__ == "__main__":
    main()
