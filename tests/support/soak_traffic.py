#!/usr/bin/env python3
"""What soak.py sends: good traffic and hostile traffic, in rounds that never end, each under addresses of its own.

    soak_traffic.py INTERFACE PACKETS_PER_SECOND [FOLDER OF CAPTURES]

Prints how many packets it sent when it is ended by SIGTERM.
"""
import glob
import gzip
import json
import os
import random
import signal
import socket
import struct
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from pcaplib import ACK, FIN, PSH, RST, SYN, Conversation, ethernet, ip_packet, tcp, udp  # noqa: E402

CAPTURE_MAX = 2_000_000  # bytes of a file that is sent too
FRAME_MAX = 9000
SERVER = "10.0.0.9"


def good(out, rng, n):
    for i in range(200):
        out.append((0, ethernet(udp("10.0.0.7", 41000, SERVER, 514, b"<13>good: round %d line %d" % (n, i), i))))
    c = Conversation(out, "10.0.0.8", rng.randrange(1024, 65536), SERVER, 5170, 0, isn=rng.randrange(1 << 32))
    c.send(b"".join(json.dumps({"uid": f"u{i % 50}", "n": i, "round": n}).encode() + b"\n" for i in range(200)))
    c.close()
    c = Conversation(out, "10.0.0.6", rng.randrange(1024, 65536), SERVER, 80, 0, isn=rng.randrange(1 << 32))
    for i in range(20):
        body = b'{"uid":"u%d","t":"15"}' % i
        c.send(b"POST /v5/play HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
               % (len(body), body))
        c.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", side=1)
    if n % 3:  # others end in silence
        c.close()


def tiny_and_overlapping(out, rng):
    c = Conversation(out, "10.6.6.6", rng.randrange(1024, 65536), SERVER, 514, 0, isn=rng.randrange(1 << 32))
    text = b"".join(b"<13>tiny: %d\n" % i for i in range(60))
    base, pieces = c.seq[0], [(i, text[i:i + rng.randrange(1, 4)]) for i in range(len(text))]
    rng.shuffle(pieces)
    for at, piece in pieces[rng.randrange(40):]:  # what is left out stays a hole
        c.seq[0] = base + at
        c.emit(0, PSH | ACK, piece if rng.random() < 0.95 else rng.randbytes(len(piece)))
    c.seq[0] = base + len(text)
    c.emit(1, ACK)


def sequence_jumps(out, rng):
    c = Conversation(out, "10.6.6.7", rng.randrange(1024, 65536), SERVER, rng.choice((80, 514, 3306, 5170)), 0)
    for _ in range(150):
        c.seq[0] = rng.randrange(1 << 32)
        c.emit(0, rng.choice((ACK, PSH | ACK, FIN | ACK, RST, SYN, SYN | FIN, 0, 0x3f)), rng.randbytes(rng.randrange(1400)))


def half_open(out, rng):
    for _ in range(1500):
        out.append((0, ethernet(tcp(f"10.66.{rng.randrange(256)}.{rng.randrange(256)}", rng.randrange(65536), SERVER,
                                    rng.choice((80, 514, 3306)), rng.randrange(1 << 32), 0, SYN))))


def broken_packets(out, rng):
    for _ in range(400):
        kind = rng.randrange(4)
        if kind == 0:
            frame = rng.randbytes(rng.randrange(14, 300))
        elif kind == 1:
            frame = ethernet(b"\x45" + rng.randbytes(rng.randrange(20, 200)))
        elif kind == 2:
            frame = ethernet(ip_packet("10.6.6.6", SERVER, rng.randrange(256), rng.randbytes(rng.randrange(200))))
        else:
            head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 820, rng.randrange(65536), 0x2000 | rng.randrange(100), 64, 17,
                               0, bytes([10, 6, rng.randrange(256), 6]), bytes([10, 0, 0, 9]))
            frame = ethernet(head + b"f" * 800)
        out.append((0, frame))


def bombs(out, rng, bomb):
    c = Conversation(out, "10.6.6.5", rng.randrange(1024, 65536), SERVER, 80, 0, isn=rng.randrange(1 << 32))
    c.send(b"POST /bomb HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\n"
           b"Content-Length: %d\r\n\r\n" % len(bomb) + bomb)
    c = Conversation(out, "10.6.6.5", rng.randrange(1024, 65536), SERVER, 80, 0, isn=rng.randrange(1 << 32))
    c.send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1073741824\r\n\r\n" + b"{" * 200_000)
    c = Conversation(out, "10.6.6.5", rng.randrange(1024, 65536), SERVER, 5170, 0, isn=rng.randrange(1 << 32))
    c.send(b'{"a":' + b"[" * 100_000 + b"\n{" + b",".join(b'"k%d":%d' % (i, i) for i in range(8000)) + b"}\n")
    c = Conversation(out, "10.6.6.5", rng.randrange(1024, 65536), SERVER, 514, 0, isn=rng.randrange(1 << 32))
    c.send(b"99999999 <13>huge: " + b"x" * 200_000)


def keys_without_end(out, rng):
    """Each line has a key of its own, for dedup and aggregate."""
    for i in range(300):
        out.append((0, ethernet(udp("10.6.6.4", 40000, SERVER, 5170, b'{"uid":"%x"}' % rng.getrandbits(64), i))))


def capture_frames(path):
    """The frames of a classic pcap with Ethernet; none of others."""
    with open(path, "rb") as f:
        data = f.read()
    order = {b"\xd4\xc3\xb2\xa1": "<", b"\x4d\x3c\xb2\xa1": "<", b"\xa1\xb2\xc3\xd4": ">",
             b"\xa1\xb2\x3c\x4d": ">"}.get(data[:4])
    if not order or len(data) < 24 or struct.unpack_from(order + "I", data, 20)[0] & 0xffff != 1:
        return
    at = 24
    while at + 16 <= len(data):
        n = struct.unpack_from(order + "I", data, at + 8)[0]
        if 14 <= n <= FRAME_MAX and at + 16 + n <= len(data):
            yield data[at + 16:at + 16 + n]
        at += 16 + n


def moved(frame, n):
    """Addresses of IPv4 exclusive-or @n: both ends alike, so that a connection stays one."""
    if frame[12:14] != b"\x08\0" or len(frame) < 34:
        return frame
    b = bytearray(frame)
    b[27] ^= n & 255
    b[31] ^= n & 255
    return bytes(b)


REPLICAS = 200


def many_replicas(files):
    """Each under addresses of its own. What sluice remembers of tables has a bound, of which it does not give back:
    it is reached in the first minutes, not one day."""
    for n in range(REPLICAS):
        for path in files:
            if "/binlog/" in path and os.path.getsize(path) < 60_000:
                for frame in capture_frames(path):
                    yield moved(frame, n)


def spoiled(frame, rng):
    b = bytearray(frame)
    for _ in range(rng.randrange(1, 4)):
        b[rng.randrange(len(b))] = rng.randrange(256)
    return bytes(b)


def rounds(folder):
    rng = random.Random(1)
    files = [p for p in sorted(glob.glob(folder + "/pcap/**/*.pcap", recursive=True))
             if os.path.getsize(p) < CAPTURE_MAX] if folder else []
    bomb = gzip.compress(b'{"a":"' + b"0" * (100 << 20) + b'"}', 9)
    yield from many_replicas(files)
    n = 0
    while True:
        out = []
        good(out, rng, n)
        tiny_and_overlapping(out, rng)
        sequence_jumps(out, rng)
        half_open(out, rng)
        broken_packets(out, rng)
        keys_without_end(out, rng)
        if n % 8 == 0:
            bombs(out, rng, bomb)
        for _, frame in out:
            yield frame
        for path in rng.sample(files, min(3, len(files))):
            spoil = rng.random() < 0.5
            for frame in capture_frames(path):
                frame = moved(frame, n)
                yield spoiled(frame, rng) if spoil and rng.random() < 0.1 else frame
        n += 1


def main():
    interface, rate = sys.argv[1], int(sys.argv[2])
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    s.bind((interface, 0))
    ended = []
    signal.signal(signal.SIGTERM, lambda *_: ended.append(True))
    sent, begin = 0, time.monotonic()
    for frame in rounds(sys.argv[3] if len(sys.argv) > 3 else ""):
        if ended:
            break
        try:
            s.send(frame)
            sent += 1
        except OSError:  # longer than the interface takes, or its queue is full
            pass
        if sent % 100 == 0:
            time.sleep(max(0.0, begin + sent / rate - time.monotonic()))
    print(sent)


if __name__ == "__main__":
    main()
