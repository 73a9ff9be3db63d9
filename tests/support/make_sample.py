#!/usr/bin/env python3
"""Writes the sample capture of the quick start: syslog, HTTP beacons and NDJSON of three hosts."""
import json
import sys

from pcaplib import BASE_NS, Conversation, ethernet, udp, write_pcap

WEB, APP, PHONE, COLLECTOR = "10.0.0.1", "10.0.0.2", "2001:db8::7", "10.0.0.9"
COLLECTOR6 = "2001:db8::9"


def syslog(out):
    lines = [
        b"<34>1 2025-11-25T04:43:16.003Z web-1 su - ID47 [id@1 k=\"v\"] 'su root' failed for lonvick",
        b"<165>1 2025-11-25T04:43:16.020+01:00 web-1 nginx 811 access - GET /v5/play 200 0.012",
        b"<13>Nov 25 04:43:17 web-1 cron[4711]: (root) CMD (run-parts /etc/cron.hourly)",
    ]
    for i, line in enumerate(lines):
        out.append((BASE_NS + i * 7_000_000, ethernet(udp(WEB, 40514, COLLECTOR, 514, line, ident=i + 1))))
    c = Conversation(out, APP, 50001, COLLECTOR, 601, BASE_NS + 5_000_000)
    msg = b"<38>1 2025-11-25T04:43:16Z app-1 sshd 2211 - - Accepted publickey for alice\nfrom 192.0.2.44"
    c.send(b"%d %s" % (len(msg), msg))
    c.close()


def beacons(out):
    c = Conversation(out, PHONE, 50002, COLLECTOR6, 80, BASE_NS + 9_000_000)
    c.send(b"GET /v5/start?t=11&uid=u1&vid=9001&region=CN HTTP/1.1\r\nHost: msg.example.com\r\n\r\n")
    c.send(b"HTTP/1.1 204 No Content\r\n\r\n", side=1)
    events = [{"t": "15", "uid": "u1", "vid": 9001, "dur": 12.5}, {"t": "15", "uid": "u2", "vid": 9002, "dur": 3}]
    body = json.dumps(events).encode()
    c.send(b"POST /v5/play HTTP/1.1\r\nHost: msg.example.com\r\nContent-Type: application/json\r\n"
           b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
    c.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", side=1)
    c.close()


def ndjson(out):
    c = Conversation(out, APP, 50003, COLLECTOR, 5170, BASE_NS + 12_000_000, mss=40)
    for n in range(3):
        line = {"n": n, "level": "info", "msg": "caf\u00e9 \u2615 line", "nested": {"a": [n, None]}}
        c.send(json.dumps(line, ensure_ascii=False).encode() + b"\n")
    c.close()


def main():
    out = []
    syslog(out)
    beacons(out)
    ndjson(out)
    write_pcap(sys.argv[1], out)


if __name__ == "__main__":
    main()
