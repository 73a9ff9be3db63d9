#!/usr/bin/env python3
"""`sluiced explain`: one record from its packets to its queues; and what is said of one that did not get there.

    test_explain.py SLUICED
"""
import glob
import gzip
import json
import os
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from mysql_primary import Server  # noqa: E402
from pcaplib import ACK, BASE_NS, Conversation, ethernet, tcp, udp, write_pcap  # noqa: E402
from sluice import Checks, shared  # noqa: E402

CONFIG = """
sources:
  app: { match: { tcp: 5170 }, parser: lines }
  web: { match: { tcp: 80 }, parser: http1 }
  log: { match: { udp: 514 }, parser: syslog, formats: [line] }
  shop: { match: { tcp: 3306 }, parser: mysql }
formats: { line: { grok: "line %{INT:number:int}" } }
pipeline:
  big: { op: filter, from: app, where: "n::int > 2" }
  slim: { op: project, from: big, select: "n, upper(u) AS who" }
  split: { op: route, from: slim, branches: { vip: "who = 'EVE'" }, rest: other }
  once: { op: dedup, from: web, key: uid, window: 1h }
sinks:
  k: { kafka: { brokers: "127.0.0.1:9" } }
  out: { stdout: {} }
queues:
  lab/vip: { from: split.vip, sink: k, topic: vip, key: who, partitions: 12 }
  lab/other: { from: split.other, sink: k, key: who }
  lab/web: { from: once, sink: out }
  lab/log: { from: log, sink: out }
  lab/shop: { from: shop, sink: out, format: debezium-json }
"""
SHARED = ("syslog/zeek-tcp-syslog.pcap", "encap/zeek-http-qinq-0.pcap", "encap/zeek-geneve.pcap", "http/*gzip*.pcap",
          "encap/suri-vxlan-decoder-03.pcap", "mtr/mtr-rpl_row_img_eng_min.pcap", "encap/zeek-mpls-in-vlan.pcap")


def vlan(frame, tag):
    return frame[:12] + struct.pack("!HH", 0x8100, tag) + frame[12:]


def capture(folder):
    out = []
    c = Conversation(out, "10.0.0.2", 50001, "10.0.0.9", 5170, BASE_NS)
    c.send(b'{"n":1,"u":"ann"}\n{"n":5,"u":"eve"}\n')
    c.send(b'{"n":7,"u":"bob"}')  # its second half comes in another packet
    c.send(b'\n{"n":"x","u":"dan"}\n')
    c.seq[0] += 100
    c.emit(1, ACK)
    c.send(b'lost\n{"n":9,"u":"joe"}\n')
    c.close()
    body = gzip.compress(b'[{"uid":"u1"},{"uid":"u2"},{"uid":"u1"}]', mtime=0)
    c = Conversation(out, "10.0.0.3", 50002, "10.0.0.9", 80, BASE_NS + 10**9)
    c.send(b"POST /a HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\n"
           b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
    c.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", side=1)
    c.close()
    out.append((BASE_NS + 2 * 10**9, vlan(ethernet(udp("10.0.0.4", 40000, "10.0.0.9", 514, b"<34>1 - h su - - - line 42")), 7)))
    primary = Server(out, at_ns=BASE_NS + 3 * 10**9)
    primary.login()
    primary.dump("bin.000007")
    primary.query("BEGIN")
    primary.insert("orders", 100, 3)
    primary.commit()
    path = os.path.join(folder, "x.pcap")
    write_pcap(path, out)
    return path


class Lab:
    def __init__(self, binary, folder, checks):
        self.binary, self.checks = binary, checks
        self.pcap, self.config = capture(folder), os.path.join(folder, "c.yaml")
        with open(self.config, "w", encoding="utf-8") as f:
            f.write(CONFIG)

    def ids(self, source):
        p = subprocess.run([self.binary, "replay", "-c", self.config, "--tap", source, self.pcap], capture_output=True,
                           timeout=60, check=False)
        return [json.loads(line)["record"] for line in p.stdout.splitlines()]

    def run(self, *args, config=True):
        where = ["-c", self.config] if config else []
        return subprocess.run([self.binary, "explain", *where, *args], capture_output=True, text=True, timeout=60,
                              check=False)

    def json(self, record_id, status=0):
        p = self.run("--json", record_id, self.pcap)
        self.checks.equal(p.returncode, status, f"exit status of {record_id}: {p.stderr}")
        return json.loads(p.stdout)


def node(o, name):
    return next((n["counts"] for n in o["nodes"] if n["node"] == name), None)


def through_the_graph(lab, checks):
    records = lab.ids("app")
    checks.equal([r.get("u") for r in records], ["ann", "eve", "bob", "dan", "joe"], "the capture's own records")
    eve = lab.json(records[1]["_id"])
    checks.equal(eve["places"][0]["record"], records[1], "the record as replay gives it")
    checks.equal([p["origin"] for p in eve["places"]], ["app", "big", "slim", "split.vip"], "each place it passed")
    checks.equal(eve["places"][2]["record"]["who"], "EVE", "with the values it had there")
    checks.equal(node(eve, "big"), {"records_in": 1, "records_out": 1}, "what each node counted")
    q = eve["queues"][0]
    checks.equal((q["queue"], q["topic"], q["key"], q["partition"]), ("lab/vip", "vip", "EVE", 11), "its queue, key and partition")
    checks.equal(json.loads(q["message"])["who"], "EVE", "and the message")
    checks.equal((eve["wire"]["from"], eve["wire"]["until"], eve["wire"]["exact"]), (18, 35, True), "its bytes")
    checks.equal(bytes.fromhex(eve["wire"]["hex"]), b'{"n":5,"u":"eve"}', "as they were on the wire")
    checks.equal([(p["number"], p["file"]) for p in eve["packets"]], [(4, lab.pcap)], "the packet")
    checks.equal((eve["session"]["client"], eve["session"]["server"], eve["session"]["from"], eve["outcome"]),
                 ("10.0.0.2:50001", "10.0.0.9:5170", "client", "came to 1 queue"), "the session")
    bob = lab.json(records[2]["_id"])
    checks.equal([p["number"] for p in bob["packets"]], [6], "the newline that ends it is not its own")
    checks.equal("partition" in bob["queues"][0] or "key_hash" not in bob["queues"][0], False,
                 "of a topic that is not made here only the key's number is known")
    ann = lab.json(records[0]["_id"], status=1)
    checks.equal((node(ann, "big"), ann["queues"]), ({"records_in": 1, "filtered": 1}, []), "one that a node leaves out")
    checks.equal(ann["outcome"], "went no further in node big: filtered: records for which it is false or null", "says where")
    dan = lab.json(records[3]["_id"], status=1)
    checks.check("node big: bad_input" in dan["outcome"], f"one that a node loses: {dan['outcome']}")


def decoded_bodies(lab, checks):
    records = lab.ids("web")
    o = lab.json(records[1]["_id"])
    checks.equal(o["wire"]["exact"], False, "a body that was gzip is not on the wire as it is kept")
    checks.check(bytes.fromhex(o["wire"]["hex"]).startswith(b"POST /a HTTP/1.1") and o["frame"]["bytes"] > 0, "both are there")
    checks.equal(o["places"][0]["record"]["uid"], "u2", "the second record of three")
    twice = lab.json(records[2]["_id"], status=1)
    checks.check("node once: " in twice["outcome"], f"one seen before: {twice['outcome']}")


def datagrams_and_logs(lab, checks):
    log = lab.json(lab.ids("log")[0]["_id"])
    checks.equal((log["packets"][0]["layers"], log["session"]["protocol"]), ("VLAN 7", "udp"), "a tag of the packet")
    checks.equal((log["format"], log["places"][0]["record"]["number"], log["nodes"]), ("line", 42, []), "the format")
    rows = lab.ids("shop")
    last = rows[-1]
    o = lab.json(last["_id"])
    checks.equal((o["frame"]["of_log"], o["frame"]["offset"]), (True, last["source"]["pos"]), "a change is of a log")
    checks.equal((o["session"]["from"], o["session"]["server"].split(":")[-1]), ("server", "3306"), "and of a session")
    checks.check(b"orders" in bytes.fromhex(o["wire"]["hex"]) or o["wire"]["exact"], "its bytes")
    checks.equal(o["queues"][0]["format"], "debezium-json", "the format of its queue")
    text = lab.run(last["_id"], lab.pcap).stdout
    checks.check(f"bin.000007 at {last['source']['pos']}, row {last['source']['row']}, GTID" in text and
                 "table shop.orders" in text, f"people see log, row and table: {text}")


def what_is_not_there(lab, checks):
    session = lab.ids("app")[0]["_id"].split("-")[0]
    o = lab.json(f"{session}-c-5-0", status=1)
    checks.equal((o["outcome"], o["absent"], o["frame_before"], o["frame_after"]),
                 ("is not there", "no frame begins at this offset", 0, 18), "the middle of a frame")
    o = lab.json(f"{session}-c-120-0", status=1)
    checks.equal((o["absent"], o["gaps"][0]["until"] - o["gaps"][0]["from"]), ("the bytes there were not captured", 100),
                 "inside of a hole")
    checks.equal(lab.json(f"{session}-c-99999-0", status=1)["absent"], "the stream does not go so far in these files", "behind the end")
    checks.equal(lab.json(f"{session}-c-0-1", status=1)["outcome"], "the frame is there, and has no record of this number", "no such record")
    checks.check("these files have no such session" in lab.json("0123456789abcdef-c-0-0", status=1)["absent"], "no such session")
    for args, why in ((("x", lab.pcap), "x: is no _id of a record; one looks like"), ((), "explain: which record?"),
                      (("0123456789abcdef-c-0-0",), "explain: which capture file?"),
                      (("0123456789abcdef-c-0-0", "/nowhere"), "/nowhere"),
                      (("0123456789abcdef-c-0-99999999999", lab.pcap), "is no _id"),
                      (("0123456789abcdeg-c-0-0", lab.pcap), "is no _id"), (("--jsn", "a", "b"), "no such option")):
        p = lab.run(*args)
        checks.equal((p.returncode, why in p.stderr, p.stdout), (2, True, ""), f"{args} is refused: {p.stderr}")
    p = lab.run(lab.ids("app")[1]["_id"], lab.pcap)
    for line in ("source      app (lines)", "session     tcp 10.0.0.2:50001 > 10.0.0.9:5170, from the client",
                 "|{\"n\":5,\"u\":\"eve\"|", "node        big (filter): records_in 1 records_out 1", " gives      split.vip",
                 "queue       lab/vip, sink k (kafka), topic vip, key \"EVE\", partition 11", "outcome     came to 1 queue"):
        checks.check(line in p.stdout, f"people read {line!r}: {p.stdout}")


def captures_of_the_field(lab, checks, data):
    """Whatever the session is inside of: the record, its packets, its bytes."""
    for pattern in SHARED:
        for path in sorted(glob.glob(os.path.join(data, "pcap", pattern)))[:1]:
            p = subprocess.run([lab.binary, "replay", "--quiet", path], capture_output=True, timeout=60, check=False)
            lines = p.stdout.splitlines()
            for line in {lines[0], lines[-1]} if lines else ():
                want = json.loads(line)
                o = json.loads(lab.run("--json", want["_id"], path, config=False).stdout)
                checks.equal(o["places"][0]["record"], want, f"{path}: the record")
                checks.check(o["packets"] and o["packets"][0]["file"] == path and o["wire"]["hex"],
                             f"{path}: packets and bytes of {want['_id']}")


def main():
    checks = Checks()
    with tempfile.TemporaryDirectory() as folder:
        lab = Lab(sys.argv[1], folder, checks)
        through_the_graph(lab, checks)
        decoded_bodies(lab, checks)
        datagrams_and_logs(lab, checks)
        what_is_not_there(lab, checks)
        captures_of_the_field(lab, checks, shared())
    checks.done()


if __name__ == "__main__":
    main()
