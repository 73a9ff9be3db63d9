#!/usr/bin/env python3
"""What becomes no record is a state with a name; and what waits leaves when packet time has come so far."""
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from pcaplib import BASE_NS, Conversation, ethernet, udp, write_pcap  # noqa: E402
from sluice import Checks, replay  # noqa: E402

SECOND = 10**9
HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(64))
CONFIG = """
sources:
  syslog: { match: { tcp: 514 }, parser: syslog }
  web:    { match: { tcp: 80 }, parser: http1 }
  lines:  { match: { tcp: 5170 }, parser: lines }
  shop:   { match: { tcp: 3306 }, parser: mysql }
"""


def session(folder, name, port, *steps, close=True):
    """A capture of one connection: bytes of the client, or ("server", bytes)."""
    packets = []
    c = Conversation(packets, "10.0.0.1", 40000, "10.0.0.9", port, BASE_NS)
    for step in steps:
        if isinstance(step, tuple):
            c.send(step[1], side=1)
        else:
            c.send(step)
    if close:
        c.close()
    path = os.path.join(folder, f"{name}.pcap")
    write_pcap(path, packets)
    return path


def mysql_packet(seq, payload):
    return len(payload).to_bytes(3, "little") + bytes([seq]) + payload


def mysql_tls(folder):
    greeting = (b"\x0a8.0.36\0" + b"\1\0\0\0" + b"12345678\0" + b"\xff\xff" + b"\xff\2\0" + b"\xff\xdf" + b"\x15" +
                bytes(10) + b"123456789012\0" + b"caching_sha2_password\0")
    ssl_request = (0x0fff | 0x800 | 0x8000 | 0x80000).to_bytes(4, "little") + b"\0\0\0\1\xff" + bytes(23)
    return session(folder, "mysql-tls", 3306, ("server", mysql_packet(0, greeting)), mysql_packet(1, ssl_request), HELLO,
                   ("server", HELLO))


def named_states(checks, binary, folder):
    """(capture, row, cell, what its reason says)"""
    conf = os.path.join(folder, "states.yaml")
    with open(conf, "w", encoding="utf-8") as f:
        f.write(CONFIG)
    http = b"GET /x HTTP/1.1\r\nHost: h\r\n\r\n"
    answer = ("server", b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n\x82\x05hello")
    upgrade = b"GET /ws HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"
    brotli = (b"POST /b HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Encoding: br\r\n"
              b"Content-Length: 5\r\n\r\n\x0b\x02\x80{}")
    cases = [
        (session(folder, "tls-at-once", 514, HELLO), "(none)", "unclaimed", "TLS"),
        (session(folder, "tls-lines", 5170, HELLO), "(none)", "unclaimed", "TLS"),
        (session(folder, "tls-web", 80, HELLO), "(none)", "unclaimed", "TLS"),
        (session(folder, "tls-any", 443, HELLO), "(none)", "unclaimed", "TLS"),
        (session(folder, "gzip", 514, b"\x1f\x8b\x08" + bytes(40)), "(none)", "unclaimed", "gzip"),
        (session(folder, "zstd", 5170, b"\x28\xb5\x2f\xfd" + bytes(40)), "(none)", "unclaimed", "zstd"),
        (session(folder, "ssh", 2222, b"SSH-2.0-OpenSSH_9.2\r\n"), "(none)", "unclaimed", "SSH"),
        (session(folder, "syslog-starttls", 514, b"<13>x: one\n", HELLO, b"more"), "syslog", "left_alone", "TLS"),
        (session(folder, "lines-starttls", 5170, b'{"a":1}\n', HELLO, b"more"), "lines", "left_alone", "TLS"),
        (session(folder, "http-starttls", 80, http, HELLO), "web", "left_alone", "TLS"),
        (session(folder, "http-upgrade", 80, upgrade, answer, b"\x81\x85\0\0\0\0hello"), "web", "left_alone",
         "upgraded to another protocol"),
        (session(folder, "http2", 80, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(20)), "(none)", "unclaimed", "HTTP/2"),
        (session(folder, "http-br", 80, brotli), "web", "skipped", "br"),
        (session(folder, "http-noise", 80, http, b"\0\1\2nonsense\r\n\r\n" + http), "web", "skipped", "no request"),
        (session(folder, "syslog-count", 514, b"30 <13>1 - h a - - - first message" + b"5 <13>1 - h a - - - longer than that 20 "
                 b"<13>1 - h a - - - ok2"), "syslog", "skipped", "octet count is smaller"),
        (session(folder, "answers", 5170, b'{"a":1}\n', ("server", b"thank you\n")), "lines", "left_alone",
         "what the server says is not read"),
        (mysql_tls(folder), "shop", "left_alone", "TLS"),
    ]
    for path, row, cell, text in cases:
        name = os.path.basename(path)
        r = replay(binary, path, "-c", conf)
        checks.healthy(r, name)
        got = r.why("frame", row, cell)
        checks.check(any(text in why for why in got), f"{name}: {row} {cell} should say {text!r}: {got} {r.ledger['rows']}")
        for workers in ("2", "4"):
            other = replay(binary, path, "-c", conf, "--workers", workers)
            checks.equal(other.why("frame", row, cell), got, f"{name}: the same reasons with {workers} workers")


def in_one_packet(checks, binary, folder):
    """TLS is told of within one packet; on the screen, in the file and by sluicectl."""
    path = session(folder, "one-packet", 514, HELLO, close=False)
    ledger = os.path.join(folder, "states.json")
    p = subprocess.run([binary, "replay", "--ledger", ledger, path], capture_output=True, text=True, check=False)
    line = [x.split() for x in p.stderr.splitlines() if "why" in x.split()[:1]]
    checks.equal((p.returncode, line), (0, [["why", str(len(HELLO)), "TLS", "(1", "time)"]]), "the ledger says TLS")
    ctl = os.path.join(os.path.dirname(binary), "sluicectl")
    p = subprocess.run([ctl, "ledger", ledger], capture_output=True, text=True, check=False)
    line = [x.split() for x in p.stdout.splitlines() if "why" in x.split()[:1]]
    checks.equal(line, [["why", str(len(HELLO)), "TLS", "(1", "time)"]], "sluicectl ledger says so too")


def waiting_requests_leave(checks, binary, folder):
    """A request whose answer never comes leaves with packet time, while its session is silent."""
    packets = []
    c = Conversation(packets, "10.0.0.1", 40000, "10.0.0.9", 80, BASE_NS)
    c.send(b"GET /first HTTP/1.1\r\nHost: h\r\n\r\n")
    c.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", side=1)
    c.send(b"GET /unanswered HTTP/1.1\r\nHost: h\r\n\r\n")
    c.at = BASE_NS + 60 * SECOND
    c.send(b"HTTP/1.1 504 Late\r\nContent-Length: 0\r\n\r\n", side=1)
    for i in range(70):
        packets.append((BASE_NS + i * SECOND, ethernet(udp(f"10.0.1.{i % 7}", 40000, "10.0.0.9", 514, b"<13>x: %d" % i, i))))
    path = os.path.join(folder, "waits.pcap")
    write_pcap(path, packets)
    # Bursts of one packet: reads that hold no more.
    one = replay(binary, path, "--read-size", "64")
    checks.healthy(one, "waiting request")
    checks.equal(one.status, 0, "waiting request: nothing lost")
    order = [x["_http"]["path"] if "_http" in x else int(x["message"]) for x in one.records]
    at = order.index("/unanswered")
    checks.check(10 <= order[at - 1] <= 15, f"it leaves 10 s after it came, at most 3 later: after {order[at - 1]}")
    status = {x["_http"]["path"]: x["_http"]["status"] for x in one.records if "_http" in x}
    checks.equal(status, {"/first": 200, "/unanswered": None}, "an answer after the wait is too late")
    for args in (["--workers", "2"], ["--workers", "4"], [], ["--read-size", "1000003"]):
        other = replay(binary, path, *args)
        checks.healthy(other, f"waiting request {args}")
        checks.equal(sorted(other.out.splitlines()), sorted(one.out.splitlines()), f"waiting request: the same with {args}")


def main():
    binary, checks = os.path.abspath(sys.argv[1]), Checks()
    with tempfile.TemporaryDirectory() as folder:
        named_states(checks, binary, folder)
        in_one_packet(checks, binary, folder)
        waiting_requests_leave(checks, binary, folder)
    checks.done()


if __name__ == "__main__":
    main()
