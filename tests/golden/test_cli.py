#!/usr/bin/env python3
"""sluiced as a user meets it: the sample's events byte by byte, exit statuses, messages for mistakes."""
import gzip
import json
import os
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
from pcaplib import ACK, BASE_NS, PSH, SYN, Conversation, ethernet, tcp, udp, write_pcap  # noqa: E402
from reshape import write_pcap_of  # noqa: E402
from sluice import Checks, replay  # noqa: E402


def run(binary, *args, stdin=None):
    p = subprocess.run([binary, *args], capture_output=True, input=stdin, timeout=120)
    return p.returncode, p.stdout, p.stderr.decode()


def sample(folder):
    path = os.path.join(folder, "sample.pcap")
    subprocess.run([sys.executable, os.path.join(HERE, "..", "support", "make_sample.py"), path], check=True)
    return path


def golden_sample(checks, binary, pcap):
    with open(os.path.join(HERE, "sample.ndjson"), "rb") as f:
        want = f.read()
    first = replay(binary, pcap)
    checks.healthy(first, "sample")
    checks.equal(first.status, 0, "sample: exit status")
    checks.check(first.out == want, "sample: the events are those of tests/golden/sample.ndjson")


def ways_to_read(checks, binary, folder, pcap):
    with open(pcap, "rb") as f:
        data = f.read()
    want = replay(binary, pcap).out
    packed = os.path.join(folder, "sample.pcap.gz")
    with gzip.open(packed, "wb") as f:
        f.write(data)
    checks.check(replay(binary, packed).out == want, "gzip: the same events")
    subprocess.run(["zstd", "-q", pcap, "-o", os.path.join(folder, "sample.zst")], check=True)
    checks.check(replay(binary, os.path.join(folder, "sample.zst")).out == want, "zstd: the same events")
    checks.check(replay(binary, "-", stdin=data).out == want, "standard input: the same events")
    three = replay(binary, "-", "--workers", "3", stdin=data)
    checks.check(sorted(three.out.splitlines()) == sorted(want.splitlines()),
                 "standard input with three workers: the same events")


def loops(checks, binary, pcap):
    once = replay(binary, pcap).out.splitlines()
    r = replay(binary, pcap, "--loop", "5")
    checks.healthy(r, "loop")
    ids = sorted(x["_id"] for x in r.records)
    checks.equal(len(ids), 5 * len(once), "five passes give five times the records")


def merged_by_time(checks, binary, folder):
    packets = [(BASE_NS + i * 1_000_000, ethernet(udp("10.0.0.1", 40000, "10.0.0.9", 514, b"<13>n %d" % i, i)))
               for i in range(20)]
    write_pcap(os.path.join(folder, "a.pcap"), packets[0::2])
    write_pcap(os.path.join(folder, "b.pcap"), packets[1::2])
    r = replay(binary, [os.path.join(folder, "b.pcap"), os.path.join(folder, "a.pcap")])
    texts = [x["message"] for x in r.records]
    checks.equal([t.split()[-1] for t in texts], [str(i) for i in range(20)], "two files merged by time")


def cut_files(checks, binary, folder, pcap):
    with open(pcap, "rb") as f:
        data = f.read()
    path = os.path.join(folder, "cut.pcap")
    whole = replay(binary, pcap).out.splitlines()
    with open(path, "wb") as f:
        f.write(data[:-10])
    r = replay(binary, path)
    checks.healthy(r, "cut file")
    checks.equal(r.status, 1, "a file that is cut: exit status")
    checks.check("cut.pcap" in r.err and "offset" in r.err, f"a cut file is named, with the place: {r.err}")
    checks.check(set(whole[:-1]) <= set(r.out.splitlines()), "all events before the cut are there")
    write_pcap(path, [(BASE_NS, ethernet(udp("10.0.0.1", 1, "10.0.0.9", 514, b"<13>" + b"x" * 400)))], 200)
    r = replay(binary, path)
    checks.healthy(r, "snap length")
    checks.check(r.status == 1 and r.records and r.records[0].get("_cut") is True,
                 f"a datagram cut by the snap length goes out and says so: {r.status} {r.out[:300]}")


def one_client(out, payloads, answers):
    """Packets of one connection whose SYN-ACK the capture has missed: first the client's, then the server's."""
    at, seq, ack = BASE_NS, 1000, 5000
    out.append((at - 500, ethernet(tcp("10.0.0.1", 40002, "10.0.0.9", 80, seq - 1, 0, SYN))))
    for data in payloads:
        out.append((at, ethernet(tcp("10.0.0.1", 40002, "10.0.0.9", 80, seq, ack, PSH | ACK, data))))
        at, seq = at + 1000, seq + len(data)
    for data in answers:
        out.append((at, ethernet(tcp("10.0.0.9", 80, "10.0.0.1", 40002, ack, seq, PSH | ACK, data))))
        at, ack = at + 1000, ack + len(data)


def bursts(checks, binary, folder):
    """What is known of the other side is what came before, not what else is in the burst of packets."""
    path, seen = os.path.join(folder, "burst.pcap"), set()
    for before in range(58, 64):
        packets = [(BASE_NS - 10**6 + i, ethernet(udp("10.0.0.3", 40000, "10.0.0.9", 9, b"fill", i)))
                   for i in range(before)]
        one_client(packets, [b"GET /x?a=%d HTTP/1.1\r\nHost: h\r\n\r\n" % i for i in range(2)],
                   [b"HTTP/1.1 20%d OK\r\nContent-Length: 0\r\n\r\n" % i for i in range(2)])
        write_pcap(path, packets)
        r = replay(binary, path)
        checks.healthy(r, f"bursts, {before} packets before")
        seen.add(tuple((x["a"], x["_http"]["status"]) for x in r.records))
    checks.equal(len(seen), 1, f"one result, wherever the bursts of packets end: {seen}")


def mistakes(checks, binary, folder, pcap):
    text = os.path.join(folder, "notes.txt")
    bad = os.path.join(folder, "bad.yaml")
    with open(text, "w", encoding="utf-8") as f:
        f.write("this is no capture\n")
    with open(bad, "w", encoding="utf-8") as f:
        f.write("sources:\n  syslog: { match: { udp: 514 }, parzer: syslog }\n")
    two = os.path.join(folder, "two.yaml")
    with open(two, "w", encoding="utf-8") as f:
        f.write("sources: { s: { match: { udp: 514 }, parser: syslog } }\n"
                "sinks: { a: { stdout: {} }, b: { stdout: {} } }\n"
                "queues: { x/a: { from: s, sink: a }, x/b: { from: s, sink: b } }\n")
    rows = os.path.join(folder, "rows.yaml")
    with open(rows, "w") as f:
        f.write("sources: { s: { match: { tcp: 3306 }, parser: mysql, shed: late } }\n")
    zone = os.path.join(folder, "zone.yaml")
    with open(zone, "w", encoding="utf-8") as f:
        f.write('sources: { s: { match: { udp: 514 }, parser: syslog, timezone: "+0800" } }\n')
    cases = [
        (["replay", "/nonexistent.pcap"], 2, ["/nonexistent.pcap", "No such file"]),
        (["replay", text], 2, ["notes.txt", "pcap"]),
        (["replay"], 2, ["which capture file"]),
        (["replay", "--worker", "0", pcap], 2, ["--workers 0", "1 to 64"]),
        (["replay", "--speed", "fast", pcap], 2, ["--speed fast", "max, real"]),
        (["replay", "--nonsense", pcap], 2, ["option"]),
        (["replay", "-c", bad, pcap], 2, ["bad.yaml:2:", "parzer", "parser"]),
        (["replay", "-c", "/nonexistent.yaml", pcap], 2, ["/nonexistent.yaml"]),
        (["check", "-c", bad], 2, ["bad.yaml:2:", "parzer", "parser"]),
        (["check", "-c", rows], 2, ["rows.yaml:1:60: sources.s.shed: changes of rows are not left unread (mysql)",
                                    "expected auto or never"]),
        (["check", "-c", zone], 2, ['zone.yaml:1:64: sources.s.timezone: "+0800" is not known here; expected one of 40, '
                                    "of which the nearest are +08:00, -08:00, +01:00\n"]),
        (["check"], 2, ["-c FILE"]),
        (["replay", "-c", two, pcap], 2, ["two.yaml:2:", "standard output", "sink a"]),
        (["run", "-c", os.path.join(HERE, "..", "..", "conf", "sluice.yaml")], 2, ["capture.ports"]),
        (["flip"], 2, ["flip", "no such command"]),
        (["status"], 2, ["status: is a command of sluicectl"]),
        (["run", "x.yaml"], 2, ["x.yaml: a configuration is named by -c FILE"]),
        ([], 2, ["which command"]),
        (["config", "nothing"], 2, ["sample, reference or effective"]),
    ]
    for args, status, words in cases:
        got, out, err = run(binary, *args)
        checks.check(got == status and not out and all(w in err for w in words),
                     f"{' '.join(args)}: exit {got} (expected {status}), {err!r:.400}, expected {words}")
    for args in (["help"], ["--help"], ["--version"], ["devices"], ["config", "sample"], ["config", "reference"]):
        got, out, err = run(binary, *args)
        checks.check(got == 0 and out and not err, f"{' '.join(args)}: exit {got}, {err!r:.200}")


def closed_pipe(checks, binary, pcap):
    p = subprocess.Popen([binary, "replay", "--quiet", "--loop", "2000", pcap], stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE)
    p.stdout.readline()
    p.stdout.close()
    err = p.stderr.read().decode()
    checks.check(p.wait(timeout=60) == 1 and "standard output" in err,
                 f"a reader that goes away ends the replay with a reason: {err}")


def spool_of_a_replay(checks, binary, folder, pcap):
    """A replay whose sink fails ends; what its spool has goes first when it is run again."""
    config = os.path.join(folder, "spool.yaml")
    with open(config, "w", encoding="utf-8") as f:
        f.write("sources: { s: { match: { udp: 514 }, parser: syslog } }\n"
                "sinks: { o: { stdout: {} } }\nspool: { dir: spool }\n"
                "queues: { x/a: { from: s, sink: o, spool: always } }\n")
    want = [r["_id"] for r in replay(binary, pcap, "-c", config).records]
    p = subprocess.Popen([binary, "replay", "--quiet", "-c", config, pcap], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    p.stdout.close()
    err = p.stderr.read().decode()
    checks.check(p.wait(timeout=60) == 1 and "the reader of standard output went away" in err and
                 f"queue x/a: {len(want)} records are in the spool, for the next start" in err,
                 f"a replay whose sink fails ends, and keeps its records: {err[-500:]}")
    again = replay(binary, pcap, "-c", config)
    checks.healthy(again, "again")
    checks.equal([r["_id"] for r in again.records], want + want, "what was kept goes first")


def ids_of_evicted(checks, binary, folder):
    pcap, conf = os.path.join(folder, "ids.pcap"), os.path.join(folder, "ids.yaml")
    write_pcap(pcap, [(BASE_NS + i * 2_000_000, ethernet(udp(f"10.0.0.{1 + i % 2}", 40000, "10.0.0.9", 514, b"<13>n %d" % i)))
                      for i in range(20)])
    for text in ("sessions_max: 1", "udp_idle: 1ms"):
        with open(conf, "w", encoding="utf-8") as f:
            f.write(f"flow: {{ {text} }}\nsources: {{ syslog: {{ match: {{ udp: 514 }}, parser: syslog }} }}\n")
        r = replay(binary, pcap, "-c", conf)
        checks.equal(len({x["_id"] for x in r.records}), 20, f"{text}: no two records have one id")


def large_bodies(checks, binary, folder):
    """A body that is small on the wire may be longer than frame.bytes_max when it is unpacked."""
    pcap, conf, packets = os.path.join(folder, "large.pcap"), os.path.join(folder, "large.yaml"), []
    body = gzip.compress(json.dumps({"k": "x" * (3 << 20)}).encode())
    c = Conversation(packets, "10.0.0.1", 40001, "10.0.0.9", 80, BASE_NS)
    c.send(b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\n"
           b"Content-Length: %d\r\n\r\n" % len(body) + body)
    c.close()
    write_pcap(pcap, packets)
    with open(conf, "w", encoding="utf-8") as f:
        f.write("sources: { web: { match: { tcp: 80 }, parser: http1, body_bytes_max: 8MiB } }\n")
    r = replay(binary, pcap, "-c", conf)
    checks.healthy(r, "large body")
    checks.equal((r.status, [len(x.get("k", "")) for x in r.records]), (0, [3 << 20]), "a large body goes out")


def paced_records_leave(checks, binary, folder):
    pcap = os.path.join(folder, "paced.pcap")
    write_pcap(pcap, [(BASE_NS + i * 10**7, ethernet(udp("10.0.0.1", 40000, "10.0.0.9", 514, b"<13>n %d" % i)))
                      for i in range(400)])
    begin = time.monotonic()
    p = subprocess.Popen([binary, "replay", "--quiet", "--speed", "real", pcap], stdout=subprocess.PIPE)
    p.stdout.readline()
    first = time.monotonic() - begin
    p.communicate(timeout=60)
    last = time.monotonic() - begin
    checks.check(last - first > 1, f"records leave while others come: the first after {first:.1f} s of {last:.1f}")


def pipes(checks, binary, pcap):
    p = subprocess.run(["bash", "-c", 'exec "$0" replay --workers 2 <(cat "$1")', binary, pcap], capture_output=True,
                       timeout=60)
    checks.check(p.returncode == 2 and b"pipe" in p.stderr and not p.stdout,
                 f"a pipe is not shared out to workers: {p.returncode} {p.stderr[-200:]}")


def stuck_sinks(checks, binary, folder, pcap):
    """A sink that takes nothing is told of, and keeps nobody from stopping the process."""
    ledger = os.path.join(folder, "stuck.json")
    cmd = [binary, "replay", "--ledger", ledger]
    with open("/dev/full", "wb") as full:
        for signals in (1, 2):
            p = subprocess.Popen([*cmd, pcap], stdout=full, stderr=subprocess.PIPE)
            line = p.stderr.readline().decode()
            checks.check("sink stdout" in line and "No space left" in line, f"a full disk is told of: {line}")
            for _ in range(signals):
                p.send_signal(signal.SIGINT)
                time.sleep(0.1)
            err = p.communicate(timeout=30)[1].decode()
            with open(ledger, encoding="utf-8") as f:
                got = json.load(f)
            checks.check(p.returncode == 1 and "ledger" in err and got["balanced"] and got["lost"] == 10,
                         f"interrupted {signals} times it ends with its ledger: {p.returncode} {err[-300:]}")
    p = subprocess.run(["sh", "-c", 'exec "$@" >&-', "sh", *cmd, pcap], capture_output=True, timeout=60)
    checks.check(p.returncode == 1 and b"standard output" in p.stderr,
                 f"no standard output: {p.returncode} {p.stderr[-300:]}")
    p = subprocess.run(["sh", "-c", 'exec "$@" 2>&-', "sh", *cmd, pcap], capture_output=True, timeout=60)
    checks.check(p.returncode == 0 and len(p.stdout.splitlines()) == 10, "no standard error")


def stopped_before_it_runs(checks, binary):
    for args in (["-"], ["--workers", "2", "-"]):
        p = subprocess.Popen([binary, "replay", *args], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
        time.sleep(1)
        p.send_signal(signal.SIGTERM)
        try:
            p.wait(timeout=10)
            stopped = True
        except subprocess.TimeoutExpired:
            p.kill()
            stopped = False
        checks.check(stopped, f"replay {args}: a signal ends the wait for the first byte")
        p.stdin.close()


def stopped_in_the_middle(checks, binary, folder):
    """What was not read is in no row of the ledger: the exit status and a word say that there is some."""
    pcap = os.path.join(folder, "stopped.pcap")
    write_pcap(pcap, [(BASE_NS + i * 60 * 10**9, ethernet(udp("10.0.0.1", 40000, "10.0.0.9", 514, b"<13>n %d" % i)))
                      for i in range(2)])
    for args in ([], ["--workers", "2"]):
        p = subprocess.Popen([binary, "replay", "--speed", "real", *args, pcap], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        time.sleep(1)
        p.send_signal(signal.SIGTERM)
        err = p.communicate(timeout=30)[1].decode()
        checks.check(p.returncode == 1 and "stopped before the end of the input" in err,
                     f"replay {args}, stopped: {p.returncode} {err[-300:]}")


def link_that_is_not_read(checks, binary, folder):
    pcap = os.path.join(folder, "link.pcap")
    write_pcap_of(pcap, [(BASE_NS, udp("10.0.0.1", 40000, "10.0.0.9", 514, b"<13>unread"))], 105)
    r = replay(binary, pcap)
    checks.healthy(r, "link type")
    checks.equal((r.status, r.count("capture", "", "unknown_link")), (1, 1), "802.11 is not read, and that is a loss")


def files_and_routes(checks, binary, folder, pcap):
    """A configuration: formats, rules, a file sink; and the ledger read by sluicectl."""
    out = os.path.join(folder, "out")
    os.mkdir(out)
    conf = os.path.join(folder, "c.yaml")
    with open(conf, "w", encoding="utf-8") as f:
        f.write(f"""
formats:
  access: {{ grok: '%{{WORD:method}} %{{NOTSPACE:path}} %{{INT:status:int}} %{{NUMBER:took:float}}' }}
sources:
  syslog: {{ match: {{ udp: 514, tcp: 601 }}, parser: syslog, formats: [access],
            rules: {{ su: "su root", key: "publickey.*\\\\n" }} }}
  web:    {{ match: {{ tcp: 80, host: msg.example.com, path: "/v5/pl*" }}, parser: http1 }}
sinks:
  plain:  {{ file: {{ path: "{out}/plain-%Y.ndjson" }} }}
  packed: {{ file: {{ path: "{out}/packed.ndjson.zst", compress: zstd }} }}
queues:
  lab/syslog: {{ from: syslog, sink: plain }}
  lab/all:    {{ from: [syslog, web], sink: packed }}
""")
    r = replay(binary, pcap, "-c", conf)
    checks.healthy(r, "files")
    checks.equal((r.status, r.out), (0, b""), f"files: exit status and standard output {r.err}")
    names = sorted(os.listdir(out))
    checks.check(len(names) == 2 and not any(n.endswith(".part") for n in names), f"finished files: {names}")
    with open(os.path.join(out, [n for n in names if n.startswith("plain")][0]), encoding="utf-8") as f:
        plain = [json.loads(line) for line in f]
    packed = subprocess.run(["zstd", "-dc", os.path.join(out, [n for n in names if n.startswith("packed")][0])],
                            capture_output=True, check=True).stdout
    everything = [json.loads(line) for line in packed.splitlines()]
    checks.equal([len(plain), len(everything)], [4, 6], "records in the two files")
    access = [x for x in plain if x.get("status") == 200]
    checks.check(len(access) == 1 and access[0]["took"] == 0.012 and access[0]["path"] == "/v5/play" and
                 "message" not in access[0], f"a format takes the message apart: {access}")
    checks.equal([x.get("_rules") for x in plain if x.get("_rules")], [["su"], ["key"]], "rules that hit")
    checks.check(all(x["_http"]["path"] == "/v5/play" for x in everything if "_http" in x),
                 "requests that the source does not want are passed over")
    checks.check(r.count("frame", "web", "passed_over") > 0, "and counted")


def ledger_tool(checks, binary, folder, pcap):
    ledger = os.path.join(folder, "ledger.json")
    status, _, err = run(binary, "replay", "--ledger", ledger, pcap)
    checks.check(status == 0 and "balanced: yes; nothing lost" in err, f"the ledger is printed: {err[-300:]}")
    ctl = os.path.join(os.path.dirname(binary), "sluicectl")
    status, out, _ = run(ctl, "ledger", ledger)
    checks.check(status == 0 and b"balanced: yes" in out, f"sluicectl ledger: {status} {out[-200:]}")
    status, out, _ = run(ctl, "losses", ledger)
    checks.equal((status, out), (0, b""), "sluicectl losses")
    status, _, err = run(ctl, "ledger", pcap)
    checks.check(status == 2 and "not a ledger" in err, f"sluicectl on something else: {err}")


def main():
    binary, checks = os.path.abspath(sys.argv[1]), Checks()
    with tempfile.TemporaryDirectory() as folder:
        pcap = sample(folder)
        golden_sample(checks, binary, pcap)
        ways_to_read(checks, binary, folder, pcap)
        loops(checks, binary, pcap)
        merged_by_time(checks, binary, folder)
        cut_files(checks, binary, folder, pcap)
        bursts(checks, binary, folder)
        mistakes(checks, binary, folder, pcap)
        closed_pipe(checks, binary, pcap)
        spool_of_a_replay(checks, binary, folder, pcap)
        ids_of_evicted(checks, binary, folder)
        large_bodies(checks, binary, folder)
        paced_records_leave(checks, binary, folder)
        pipes(checks, binary, pcap)
        stuck_sinks(checks, binary, folder, pcap)
        stopped_before_it_runs(checks, binary)
        stopped_in_the_middle(checks, binary, folder)
        link_that_is_not_read(checks, binary, folder)
        files_and_routes(checks, binary, folder, pcap)
        ledger_tool(checks, binary, folder, pcap)
    checks.done()


if __name__ == "__main__":
    main()
