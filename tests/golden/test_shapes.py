#!/usr/bin/env python3
"""The same traffic gives the same events, whatever carries it, and however TCP and IP cut it.

Syslog in each framing, NDJSON and HTTP, made here, so that every event is known; then each shape of
reshape.py. Where packets are missing, no event is one that was never sent, and the loss is told.
"""
import gzip
import json
import os
import random
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from pcaplib import BASE_NS, Conversation, ethernet, udp, write_pcap  # noqa: E402
from reshape import (LINKS, TUNNELS, UDP, fragmented, inside, of_segments, resegmented, wrapping,  # noqa: E402
                     write_pcap_of, write_pcapng)
from sluice import Checks, replay  # noqa: E402

MESSAGES = 30
SERVER4, SERVER6 = "10.0.0.9", "fd00::9"


def syslog(kind, i, rng):
    """Many messages end in digits, as the counts that follow them begin."""
    text = f"{kind} {i} " + "w" * rng.randrange(200) + f" {rng.randrange(10 ** rng.randrange(1, 9))}"
    return text, f"<{i}>1 2025-01-01T00:00:00Z h {kind} {i} - - {text}".encode()


def counted(out, truth, rng, client="10.0.0.1", server=SERVER4):
    c = Conversation(out, client, 40001, server, 601, BASE_NS, mss=500)
    for i in range(MESSAGES):
        text, wire = syslog("counted", i, rng)
        c.send(b"%d " % len(wire) + wire)
        truth.append(text)
    c.close()


def lines_of_syslog(out, truth, rng, client="fd00::1", server=SERVER6):
    c = Conversation(out, client, 40002, server, 514, BASE_NS + 50, mss=300)
    for i in range(MESSAGES):
        text, wire = syslog("lines", i, rng)
        c.send(wire + (b"\r\n" if i % 3 == 0 else b"\0" if i % 3 == 1 else b"\n"))
        truth.append(text)
    c.close()


def datagrams(out, truth, rng):
    for i in range(MESSAGES):
        text, wire = syslog("datagram", i, rng)
        text, wire = text + "x" * 70 * i, wire + b"x" * 70 * i
        ends = ("10.0.0.2", 514, SERVER4, 514) if i % 2 else ("fd00::2", 514, SERVER6, 514)
        out.append((BASE_NS + i * 1000, ethernet(udp(*ends, wire, i + 1))))
        truth.append(text)


def ndjson(out, truth, rng):
    c = Conversation(out, "10.0.0.3", 40003, SERVER4, 5170, BASE_NS + 70)
    for i in range(MESSAGES):
        text = f"line {i} " + "é\U0001f600" * rng.randrange(200)
        c.send(json.dumps({"n": i, "message": text}, ensure_ascii=i % 2 == 0).encode() + b"\n")
        truth.append(text)
    c.close()


def http(out, truth, rng):
    c = Conversation(out, "10.0.0.4", 40004, SERVER4, 8080, BASE_NS + 90)
    for i in range(MESSAGES):
        texts = [f"beacon {i}.{k} " + "b" * rng.randrange(300) for k in range(1 + i % 3)]
        body = json.dumps([{"message": t} for t in texts]).encode()
        head = b"POST /c HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
        if i % 2:
            body = gzip.compress(body)
            head += b"Content-Encoding: gzip\r\n"
        c.send(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        c.send(b"HTTP/1.1 204 No Content\r\n\r\n", 1)
        truth += texts
    c.close()


def traffic():
    rng, out, truth = random.Random(7), [], []
    for make in (counted, lines_of_syslog, datagrams, ndjson, http):
        make(out, truth, rng)
    return sorted(out, key=lambda p: p[0]), sorted(truth)


def told_apart(frame):
    """IPv6 numbers no datagrams: two may be one that a mirror saw twice, or that was sent twice."""
    packet = inside(frame)
    return not (packet[0] >> 4 == 6 and packet[6] == UDP)


def shapes(folder, packets):
    """(name, path of a capture) of each."""
    def path(name):
        return os.path.join(folder, name.replace(" ", "-") + ".pcap")

    for name, tunnel in TUNNELS.items():
        write_pcap(path(name), [(ns, tunnel(frame)) for ns, frame in packets])
        yield name, path(name)
    for i, (name, (link, make)) in enumerate(LINKS.items()):
        write_pcap_of(path(name), [(ns, make(inside(f))) for ns, f in packets], link, "<>"[i % 2])
        yield name, path(name)
    for order in "<>":
        write_pcapng(path("pcapng"), packets, order)
        yield f"pcapng {order}", path("pcapng")
    rng = random.Random(11)
    outer = fragmented([(ns, TUNNELS["VXLAN over IPv6"](f)) for ns, f in packets], 400, rng)
    for name, shaped in {
            "fragments": fragmented(packets, 300, rng), "fragments of a tunnel": outer,
            "sequence numbers wrap": wrapping(packets, rng),
            "segments of a few bytes": resegmented(packets, rng, 8, 1),
            "overlaps in any order": resegmented(wrapping(packets, rng), rng, 200, 40),
            "every packet twice": [p for p in packets for _ in range(1 + told_apart(p[1]))],
            "clients alone": of_segments(packets, lambda s: [s.packet()] if s.sport > 40000 else []),
    }.items():
        write_pcap(path(name), shaped, sort=False)
        yield name, path(name)


def texts(run):
    return sorted(r.get("message", "?") for r in run.records)


def statuses(run):
    return {r["_http"]["status"] for r in run.records if "_http" in r}


def same_events(checks, binary, folder, packets, truth):
    for name, path in shapes(folder, packets):
        run = replay(binary, path)
        checks.healthy(run, name)
        checks.check(texts(run) == truth, f"{name}: {len(run.records)} events, {len(truth)} were sent: {run.err}")
        checks.equal(run.status, 0, f"{name}: exit status")
        checks.equal(statuses(run), {None} if name == "clients alone" else {204}, f"{name}: status of answers")
        two = replay(binary, path, "--workers", "2")
        checks.check(sorted(two.out.splitlines()) == sorted(run.out.splitlines()), f"{name}: two workers")


def with_holes(checks, binary, folder, packets, truth):
    """Packets are missing, or the capture begins late: what comes out was sent, and no hole is silent."""
    path = os.path.join(folder, "holes.pcap")
    n_least = len(truth)
    for seed in range(12):
        rng = random.Random(seed)
        kept = packets[rng.randrange(len(packets) // 2):] if seed % 3 == 0 else \
            [p for p in packets if rng.random() > 0.02]
        write_pcap(path, kept)
        run = replay(binary, path)
        checks.healthy(run, f"holes {seed}")
        strange = set(texts(run)) - set(truth)
        checks.check(not strange, f"holes {seed}: never sent: {list(strange)[:3]!r:.300}")
        if seed % 3:
            n_least = min(n_least, len(run.records))
    checks.check(n_least > len(truth) * 3 // 4, f"holes: {n_least} of {len(truth)} events are left")


def first_packet(checks, binary, folder):
    """The hole is right behind the handshake: the source that takes the session is told of it."""
    out, truth = [], []
    counted(out, truth, random.Random(3))
    path = os.path.join(folder, "first.pcap")
    write_pcap(path, out[:3] + out[4:])
    run = replay(binary, path)
    checks.healthy(run, "first packet")
    checks.equal(texts(run), sorted(truth[1:]), "first packet: events")
    checks.check(run.status == 1 and run.count("frame", "syslog", "gap_bytes") > 0, "first packet: told")


def main():
    binary, checks = sys.argv[1], Checks()
    packets, truth = traffic()
    with tempfile.TemporaryDirectory() as folder:
        same_events(checks, binary, folder, packets, truth)
        with_holes(checks, binary, folder, packets, truth)
        first_packet(checks, binary, folder)
    checks.done()


if __name__ == "__main__":
    main()
