#!/usr/bin/env python3
"""Every lab capture of logs against what its senders know that they sent.

The captures come from real senders (rsyslog, syslog-ng, logger, curl, socat) in network namespaces,
among them with loss, reordering and duplicates; NAME.messages.jsonl has each message that was sent.
"""
import json
import os
import sys
from collections import Counter

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from sluice import Checks, replay, shared  # noqa: E402

FACILITIES = ["kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron",
              "authpriv", "ftp", "ntp", "audit", "alert", "clock",
              *(f"local{i}" for i in range(8))]
SEVERITIES = ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"]


def bare(record):
    return {k: v for k, v in record.items() if not k.startswith("_")}


def freeze(value):
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def as_sent(message):
    """Program and text as they stand on the wire. The oracle's are those that rsyslog was given: it cuts
    a program's name at the first byte that RFC 5424 does not allow, and puts a blank before the text.
    """
    parts = message.get("raw", "").rstrip("\n").split(" ", 7)
    if message["format"] == "rfc5424" and len(parts) == 8 and parts[6] == "-":
        return parts[3], parts[7]
    return message["app"], message["msg"]


def expected(message):
    """The comparable events of one message that was sent."""
    if message["proto"] == "syslog":
        app, text = as_sent(message)
        yield ("syslog", FACILITIES[message["facility"]], SEVERITIES[message["severity"]],
               message["hostname"], app, message["procid"], text)
    elif message["proto"] == "ndjson":
        try:
            value = json.loads(message["raw"])
        except ValueError:
            value = None
        yield ("line", freeze(value if isinstance(value, dict) else {"message": message["raw"]}))
    elif message["proto"] == "http":
        yield from expected_http(message)


def expected_http(message):
    path, _, query = message["path"].partition("?")
    status, body = message["response_status"], message["body"]
    if not body:
        fields = {"e": '{"id":"g-1"}', "t": "1"} if query else {}
        yield ("http", message["method"], path, status, freeze(fields))
        return
    try:
        values = json.loads(body)
        values = values if isinstance(values, list) else [values]
    except ValueError:
        try:
            values = [json.loads(line) for line in body.splitlines()]
        except ValueError:
            values = [{"message": body}]
    for v in values:
        yield ("http", message["method"], path, status, freeze(v))


def actual(record):
    if record["_source"] == "syslog":
        return ("syslog", record["facility"], record["severity"], record["hostname"],
                record["appname"], record["procid"], record["message"])
    if "_http" in record:
        http = record["_http"]
        return ("http", http["method"], http["path"], http["status"], freeze(bare(record)))
    return ("line", freeze(bare(record)))


def same(want, got):
    """A host name that the sender did not tell the oracle is not compared."""
    return want == got or (want[0] == "syslog" and want[3] is None and
                           want[:3] + want[4:] == got[:3] + got[4:])


def take(pool, want):
    for got in ([want] if pool.get(want) else pool):
        if pool[got] and same(want, got):
            pool[got] -= 1
            return got
    return None


def compare(checks, binary, data, expect, capture):
    name = expect["name"]
    what = f"{name} ({capture})"
    run = replay(binary, os.path.join(data, "pcap", "logs", capture))
    checks.healthy(run, what)
    with open(os.path.join(data, "oracle", "logs", f"{name}.messages.jsonl"), encoding="utf-8") as f:
        messages = [json.loads(line) for line in f]
    pool = Counter(actual(r) for r in run.records)
    n_got = sum(pool.values())
    at_receiver = name == "lossy-syslog-udp" and capture.endswith("receiver.pcap")
    n_want = missing = 0
    for m in messages:
        copies = m.get("received", 1) if at_receiver else 1
        if m.get("captured") in ("none", "partial"):
            copies = 0
        for want in expected(m):
            n_want += copies
            for _ in range(copies):
                if take(pool, want) is None:
                    missing += 1
                    if missing <= 5:
                        print("  missing:", repr(want)[:300])
    extra = +pool
    duplicates = run.count("capture", "", "duplicate")
    for got in list(extra)[:5]:
        print("  not expected:", extra[got], repr(got)[:300])
    checks.equal((missing - duplicates if at_receiver else missing, sum(extra.values())), (0, 0),
                 f"{what}: events (missing, not expected)")
    checks.equal(run.status, 0, f"{what}: exit status")
    print(f"{what}: {n_got} events, {n_want} expected, {duplicates} copies recognised")


def main():
    binary, checks = sys.argv[1], Checks()
    data = shared()
    folder = os.path.join(data, "oracle", "logs")
    for file in sorted(os.listdir(folder)):
        if not file.endswith(".expect.json"):
            continue
        with open(os.path.join(folder, file), encoding="utf-8") as f:
            expect = json.load(f)
        if expect["name"] in ("fluent-forward", "gelf-udp"):
            continue  # protocols of a later version; test_all_captures.py replays them
        for capture in expect["captures"]:
            compare(checks, binary, data, expect, capture)
    checks.done()


if __name__ == "__main__":
    main()
