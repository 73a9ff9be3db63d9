#!/usr/bin/env python3
"""One session, one worker: whichever ports its directions come by, and however many workers there are.

A TAP gives each direction a port of its own. The same traffic - requests with their answers, lines, datagrams in
fragments, and all of it in VXLAN, whose outer ports differ by direction - comes by one port or by two, to 1, 2 and
4 workers, and gives the same records.
"""
import ipaddress
import json
import os
import struct
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from live import Live  # noqa: E402
from pcaplib import Conversation, ethernet, udp  # noqa: E402
from sluice import SKIP, Checks  # noqa: E402
from wire import Veth, sh  # noqa: E402

VETH = Veth("sluicerh", "a", "a-tap", "10.96.0")
N_SESSIONS = 60
CONFIG = """
capture:
  ports: [{ports}]
  workers: {workers}
sources:
  web:    {{ match: {{ tcp: 80 }}, parser: http1 }}
  lines:  {{ match: {{ tcp: 5170 }}, parser: lines }}
  syslog: {{ match: {{ udp: 514 }}, parser: syslog }}
sinks: {{ out: {{ stdout: {{}} }} }}
queues:
  lab/web:    {{ from: web, sink: out }}
  lab/lines:  {{ from: lines, sink: out }}
  lab/syslog: {{ from: syslog, sink: out }}
"""


def request(i, k):
    body = json.dumps({"session": i, "n": k}).encode()
    return (f"POST /v5/{i} HTTP/1.1\r\nHost: msg.example.com\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n").encode() + body


def session(i):
    """The packets of number @i."""
    out = []
    client, server = f"10.1.{i // 200}.{i % 200 + 1}", f"10.2.0.{i % 5 + 1}"
    if i % 3 == 0:
        c = Conversation(out, client, 20000 + i, server, 80, i * 37_000, isn=i * 999_983 % 2**32)
        for k in range(4):
            c.send(request(i, k))
            c.send(b"HTTP/1.1 %d OK\r\nContent-Length: 0\r\n\r\n" % (200 + (i + k) % 5), side=1)
        c.close()
    elif i % 3 == 1:
        c = Conversation(out, client, 20000 + i, server, 5170, i * 37_000, isn=i * 999_983 % 2**32)
        for k in range(4):
            c.send(b"".join(b'{"session":%d,"n":%d}\n' % (i, 10 * k + j) for j in range(10)))
        c.close()
    else:
        for k in range(6):
            text = b"<13>1 2026-11-25T04:43:16Z host app %d - - number %d%s" % (i, k, b" x" * (1500 if k % 3 == 2 else 5))
            whole = udp(client, 20000 + i, server, 514, text, ident=i * 8 + k + 1)
            out += [(i * 37_000 + k * 250_000 + j, ethernet(part)) for j, part in enumerate(fragments(whole))]
    return [(at, frame if i % 2 else vxlan(frame, i)) for at, frame in out]


def fragments(packet):
    """An IPv4 packet, in parts of at most 1,480 bytes of payload."""
    if len(packet) <= 1500:
        return [packet]
    parts = []
    for off in range(0, len(packet) - 20, 1480):
        body = packet[20 + off:20 + off + 1480]
        more = 0x2000 if 20 + off + len(body) < len(packet) else 0
        head = packet[:2] + struct.pack("!H", 20 + len(body)) + packet[4:6] + struct.pack("!H", off // 8 | more) + \
            packet[8:10] + b"\0\0" + packet[12:20]
        parts.append(head[:10] + struct.pack("!H", header_sum(head)) + head[12:] + body)
    return parts


def header_sum(head):
    s = sum(struct.unpack("!10H", head))
    s = (s & 0xffff) + (s >> 16)
    return ~(s + (s >> 16)) & 0xffff


def vxlan(frame, i):
    """The outer source port is made of the inner session and direction, as tunnel ends do it."""
    src = frame[26:34]
    return ethernet(udp("172.16.0.1", 49152 + sum(src[k] * (k + 3) for k in range(8)) % 16000, "172.16.0.2", 4789,
                        b"\x08\0\0\0\0\0\x7b\0" + frame, ident=i))


def by_direction(frame):
    inner = frame[50:] if frame[36:38] == struct.pack("!H", 4789) else frame
    return "a" if ipaddress.ip_address(inner[26:30]) in ipaddress.ip_network("10.1.0.0/16") else "b"


def traffic():
    return [frame for _, frame in sorted(p for i in range(N_SESSIONS) for p in session(i))]


class Lab:
    def __init__(self, binary, folder, checks):
        self.binary, self.folder, self.checks = binary, folder, checks
        self.frames = traffic()
        self.n = N_SESSIONS // 3 * (4 + 40 + 6)

    def run(self, what, n_ports, workers, queues=1):
        ports = ", ".join(f'{{ device: "net_af_packet{i},iface={tap}", queues: {queues} }}'
                          for i, tap in enumerate(("a-tap", "b-tap")[:n_ports]))
        live = Live(self.binary, self.folder, CONFIG.format(ports=ports, workers=workers), VETH.ns())
        self.checks.check(live.started("net_af_packet0,iface=a-tap"), f"{what}: it starts: {live.text()[-400:]}")
        VETH.play([(by_direction(f) if n_ports == 2 else "a", f) for f in self.frames])
        live.records(self.n)
        run = live.end()
        self.checks.healthy(run, what)
        self.checks.equal(run.status, 0, f"{what}: exit status: {run.err[-300:]}")
        # For several queues the kernel puts fragments together first.
        received = run.count("port", "", "received")
        self.checks.check(queues > 1 or received == len(self.frames), f"{what}: {received} of {len(self.frames)} packets")
        self.checks.equal(received + run.count("rehash", "", "copies"),
                          run.count("rehash", "", "packets_in") or received, f"{what}: all are shared out")
        self.checks.equal(run.count("capture", "", "packets_in"), received, f"{what}: each is decoded once")
        return run


def clockless(r):
    """What of a record does not depend on the clock: the `_id` of a session of datagrams has the time of its first."""
    return {**r, "_time": None, "_id": r["_id"].split("-", 1)[1] if r["_source"] == "syslog" else r["_id"]}


def records(run):
    return sorted(json.dumps(clockless(r), sort_keys=True) for r in run.records)


def same_records_by_any_ports_and_workers(lab):
    one = lab.run("one port, one worker", 1, 1)
    want = records(one)
    lab.checks.equal(len(want), lab.n, "one port, one worker: records")
    lab.checks.equal(len({r["_id"] for r in one.records}), lab.n, "each _id once")
    statuses = {r["_http"]["status"] for r in one.records if "_http" in r}
    lab.checks.equal(statuses, set(range(200, 205)), "requests have the status of their answers")
    lab.checks.check("in software" not in one.err, "one port and one worker need no sharing out")
    for n_ports, workers, queues in ((2, 1, 1), (2, 2, 1), (2, 4, 1), (1, 2, 1), (1, 4, 2)):
        what = f"{n_ports} ports of {queues} queues, {workers} workers"
        for _ in range(3):
            run = lab.run(what, n_ports, workers, queues)
            late = run.count("rehash", "", "out_of_order")
            if not late:
                break
            print(f"{what}: the machine was so busy that {late} packets came behind later ones, and the ledger says so")
        got = records(run)
        lab.checks.check(got == want, f"{what}: other records: {len(got)} of {len(want)}: "
                         f"{[x for x in got if x not in want][:3]} for {[x for x in want if x not in got][:3]}")
        lab.checks.check(f"shared out to {workers} worker" in run.err, f"{what}: it says so: {run.err[:600]}")
        lab.checks.equal(late, 0, f"{what}: packets behind later ones")


def main():
    binary, checks = sys.argv[1], Checks()
    if not VETH.possible():
        print("skipped: network namespaces need root")
        sys.exit(SKIP)
    try:
        VETH.up()
        VETH.quiet()
        VETH.pair("b", "b-tap")
        for link in ("a", "a-tap", "b", "b-tap"):  # room for a tunnel around 1,500 bytes
            sh(*VETH.ns("ip", "link", "set", "dev", link, "mtu", "1600"))
        with tempfile.TemporaryDirectory() as folder:
            same_records_by_any_ports_and_workers(Lab(binary, folder, checks))
    finally:
        VETH.down()
    checks.done()


if __name__ == "__main__":
    main()
