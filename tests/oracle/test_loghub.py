#!/usr/bin/env python3
"""Every log file of loghub, sent over TCP and taken apart by its format of conf/formats/, against the
fields that loghub's authors labelled: 2,000 lines each, every column.
"""
import csv
import os
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
from pcaplib import BASE_NS, Conversation, write_pcap  # noqa: E402
from sluice import Checks, replay, shared  # noqa: E402

FORMATS = os.path.join(HERE, "..", "..", "conf", "formats")
LABELS = ("LineId", "EventId", "EventTemplate")


def records_of(binary, folder, log, name):
    out = []
    c = Conversation(out, "10.0.0.2", 50000, "10.0.0.9", 5170, BASE_NS)
    with open(log, "rb") as f:
        data = f.read()
    c.send(data if data.endswith(b"\n") else data + b"\n")
    c.close()
    pcap, conf = os.path.join(folder, "log.pcap"), os.path.join(folder, "log.yaml")
    write_pcap(pcap, out)
    formats = os.path.abspath(os.path.join(FORMATS, f"loghub-{name.lower()}.yaml"))
    with open(conf, "w", encoding="utf-8") as f:
        f.write(f"sources:\n  log: {{ match: {{ tcp: 5170 }}, parser: lines, formats: [{formats}] }}\n")
    return replay(binary, pcap, "-c", conf)


def text_of(value):
    return "" if value is None else str(value)


def compare(checks, run, oracle, name):
    with open(oracle, encoding="utf-8", newline="") as f:
        rows = list(csv.DictReader(f))
    checks.healthy(run, name)
    records = run.records
    checks.equal(len(records), len(rows), f"{name}: records")
    good = fields = 0
    for record, row in zip(records, rows):
        for column in (c for c in row if c not in LABELS):
            fields += 1
            got, want = text_of(record.get(column, "")), row[column]
            if got == want or got.strip() == want.strip():
                good += 1
            elif fields - good <= 3:
                print(f"  {name} line {row['LineId']}: {column}: got {got!r:.120}, labelled {want!r:.120}")
    checks.equal(good, fields, f"{name}: fields that agree")
    print(f"{name}: {good} of {fields} fields agree")


def main():
    binary, checks = sys.argv[1], Checks()
    data = shared()
    folder = os.path.join(data, "logs", "loghub")
    with tempfile.TemporaryDirectory() as tmp:
        for file in sorted(f for f in os.listdir(folder) if f.endswith("_2k.log")):
            name = file.removesuffix("_2k.log")
            run = records_of(binary, tmp, os.path.join(folder, file), name)
            compare(checks, run, os.path.join(data, "oracle", "logs", "loghub", f"{file}_structured.csv"), name)
    checks.done()


if __name__ == "__main__":
    main()
