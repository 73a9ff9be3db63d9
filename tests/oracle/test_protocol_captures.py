#!/usr/bin/env python3
"""Captures of other projects against other tools' readings: HTTP requests with the status of their
answers as tshark dissects them, syslog messages as tshark (a message a datagram) and Zeek read them.
"""
import json
import os
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from sluice import Checks, replay, shared  # noqa: E402
from test_log_captures import FACILITIES, SEVERITIES  # noqa: E402

# Captures on which the two readings differ, and why ours is kept (docs/vectors-http.md has more).
DIFFERENT = {
    "pcpp-4KHttpRequests.pcap": "tshark shows no request whose body is not complete",
    "pcpp-unidirectional_tcp_stream_with_missing_packet.pcap": "tshark shows no request with a hole",
    "zeek-http261-variant-01-chunk_2pow64_overflow.pcap": "the smuggled request stands there",
    "zeek-http261-variant-09-te_obs_fold.pcap": "the smuggled request stands there",
    "suri-http-multiple-cl.pcap": "two lengths: the next request is found behind the first",
    "zeek-methods.pcap": "request lines without a target or with a broken version",
    "zeek-zero-length-bodies-with-drops.pcap": "statuses behind holes are not guessed",
    "suri-tcp-urgp-01-oob.pcap": "an urgent byte is read in line",
}


def requests_of_tshark(path):
    """(method, target) of each request, and its status where an answer can be paired by order."""
    asked, answered = {}, {}
    with open(path, encoding="utf-8") as f:
        for line in f:
            frame = json.loads(line)
            stream = frame.get("tcp.stream", ["?"])[-1]
            for method, uri in zip(frame.get("http.request.method", []), frame.get("http.request.uri", [])):
                asked.setdefault(stream, []).append((method, uri))
            for code in frame.get("http.response.code", []):
                if int(code) >= 200 or int(code) == 101:
                    answered.setdefault(stream, []).append(int(code))
    for stream, requests in asked.items():
        codes = answered.get(stream, [])
        for i, request in enumerate(requests):
            yield request, codes[i] if i < len(codes) else None


def origin_form(uri):
    if "://" in uri.split("?", 1)[0]:
        rest = uri.split("://", 1)[1]
        return "/" + rest.split("/", 1)[1] if "/" in rest else "/"
    return uri


def requests_of_sluice(run):
    seen = set()
    for r in run.records:
        key = r["_id"].rsplit("-", 1)[0]
        if "_http" not in r or key in seen:
            continue
        seen.add(key)
        http = r["_http"]
        target = http["path"]
        if http.get("query") is not None:
            target += "?" + http["query"]
        yield (http["method"], target), http["status"]


def compare_http(checks, binary, data, oracle):
    name = os.path.basename(oracle).removesuffix(".http.jsonl")
    run = replay(binary, os.path.join(data, "pcap", os.path.basename(os.path.dirname(oracle)), name))
    checks.healthy(run, name)
    want = Counter((m, origin_form(u).split("?")[0], s) for (m, u), s in requests_of_tshark(oracle))
    got = Counter((m, origin_form(u).split("?")[0], s) for (m, u), s in requests_of_sluice(run))
    # Where tshark pairs no status, ours may know it: an answer that is cut.
    for (m, u, s) in list(want):
        if s is None and not got[(m, u, None)]:
            n = want.pop((m, u, None))
            taken = next((k for k in got if k[:2] == (m, u) and got[k] > want[k]), (m, u, None))
            want[taken] += n
    same = +want == +got
    if name in DIFFERENT:
        print(f"{name}: differs, {DIFFERENT[name]}" if not same else f"{name}: the same by now")
        return
    checks.check(same, f"{name}: only tshark {dict(want - got)!r:.300}, only sluice {dict(got - want)!r:.300}")


def compare_syslog(checks, binary, data, oracle):
    """A message a datagram: facility, severity, and that the text ends as tshark shows it."""
    name = os.path.basename(oracle).removesuffix(".syslog.jsonl")
    run = replay(binary, os.path.join(data, "pcap", "syslog", name))
    checks.healthy(run, name)
    ours = [r for r in run.records if r["_source"] == "syslog"]
    with open(oracle, encoding="utf-8") as f:
        theirs = [json.loads(line) for line in f]
    by_end = {}
    for r in ours:
        by_end.setdefault((r["facility"], r["severity"]), []).append(r["message"].strip())
    for t in theirs:
        if "syslog.facility" not in t:
            continue
        key = (FACILITIES[int(t["syslog.facility"][0])], SEVERITIES[int(t["syslog.level"][0])])
        text = t.get("syslog.msg", [""])[0].strip()
        tail = text[-12:] if text.isascii() else ""
        checks.check(any(m.endswith(tail) for m in by_end.get(key, [])), f"{name}: {key} {text[:100]!r}")
    checks.check(len(ours) >= len(theirs), f"{name}: {len(ours)} messages, tshark has {len(theirs)}")
    print(f"{name}: {len(ours)} messages, tshark {len(theirs)}")


def compare_zeek(checks, binary, data):
    run = replay(binary, os.path.join(data, "pcap", "syslog", "zeek-tcp-syslog.pcap"))
    checks.healthy(run, "zeek-tcp-syslog")
    log = os.path.join(data, "oracle", "pcap", "syslog", "zeek-tcp-syslog.pcap.zeek.tcp-framing.syslog.log")
    with open(log, encoding="utf-8") as f:
        rows = [line.rstrip("\n").split("\t") for line in f if not line.startswith("#")]
    rows = [r for r in rows if r[0] != "ts"]
    want = [(r[7].lower(), r[9].split("su: ", 1)[1].strip()) for r in rows]
    got = [(r["facility"], r["message"].strip()) for r in run.records]
    checks.equal(got, want, "zeek-tcp-syslog: messages in order")


def main():
    binary, checks = sys.argv[1], Checks()
    data = shared()
    http, syslog = [], []
    for folder, _, files in sorted(os.walk(os.path.join(data, "oracle", "pcap"))):
        http += [os.path.join(folder, f) for f in sorted(files) if f.endswith(".http.jsonl")]
        syslog += [os.path.join(folder, f) for f in sorted(files) if f.endswith(".syslog.jsonl")]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda o: compare_http(checks, binary, data, o), http))
    for oracle in syslog:
        compare_syslog(checks, binary, data, oracle)
    compare_zeek(checks, binary, data)
    print(f"{len(http)} captures of HTTP, {len(DIFFERENT)} of them differ by name")
    checks.done()


if __name__ == "__main__":
    main()
