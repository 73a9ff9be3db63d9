"""What reads files: captures (tshark) and binary logs (mariadb-binlog, and the decoder that Debezium is built on)."""
import json
import os
import re
import subprocess
import sys

from measure import COUNTED, Table, run

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "perf"))


def numbers(path, pattern):
    """Which messages there are: the sorted numbers that @pattern finds."""
    with open(path, "rb") as f:
        return sorted(int(m) for m in re.findall(pattern, f.read()))


# Kind, its source, the field that tshark prints as text, and where a message's number stands in sluice's output and in tshark's.
CAPTURES = (
    ("syslog", "syslog", "{ match: { udp: 514 }, parser: syslog }", "syslog.msg", rb'n=(\d{7})',
     rb'"syslog_syslog_msg":.{0,160}?n=(\d{7})'),
    ("http", "HTTP beacons", "{ match: { tcp: 80 }, parser: http1 }", "http.file_data", rb'"n":(\d+),"t"',
     rb'\\?"n\\?":(\d+),\\?"t'))
CONF = """sources: {{ events: {source} }}
sinks: {{ out: {{ file: {{ path: "{path}" }} }} }}
queues: {{ lab/events: {{ from: events, sink: out }} }}
"""


def compare_tshark(build, folder, out, rounds, sizes):
    """tshark's JSON of the packets, and sluice's of the events, both on the disk; @sizes: packets of each capture. Messages are
    compared in one round, and counted in all."""
    sluiced, loadgen = os.path.join(build, "sluiced"), os.path.join(build, "perf", "loadgen")
    jobs, conf = (os.path.join(folder, name) for name in ("jobs.yaml", "tshark.yaml"))
    ours, ek = os.path.join(out, "ours-000000.json"), os.path.join(out, "ek")
    with open(jobs, "w", encoding="ascii") as f:
        f.write(f"syslog: {{ kind: syslog_udp, messages: {sizes[0]} }}\n"
                f"http: {{ kind: http, bytes: 500, messages: {sizes[1]}, sessions: 16 }}\n")
    for packets, (kind, title, source, field, our_number, their_number) in zip(sizes, CAPTURES):
        t, pcap = Table(f"tshark_{kind}", f"A capture of {title} to JSON", "the number in each message"), os.path.join(folder, f"{kind}.pcap")
        made = subprocess.run([loadgen, jobs, kind, "--packets", str(packets), "--write", pcap], check=True, capture_output=True,
                              text=True)
        n = int(made.stdout.split()[2])
        with open(conf, "w", encoding="ascii") as f:
            f.write(CONF.format(source=source, path=os.path.join(out, "ours.json")))
        for turn in range(rounds + 1):
            for _ in range(2):  # memory that lay idle while tshark ran is touched by a run that does not count
                a = run([sluiced, "replay", "-q", "-c", conf, pcap])
                got = numbers(ours, our_number)
                os.unlink(ours)
            if turn == 0:  # thrown away; tshark's runs are so long that it has no use for that
                continue
            t.add("sluice, replay", events_per_cpu_s=n / a.cpu, cpu=a.cpu, rss=a.rss, same=COUNTED if len(got) == n else False)
            with open(ek, "wb") as f:
                b = run(["tshark", "-r", pcap, "-T", "ek"], f)
            t.add("tshark -T ek", events_per_cpu_s=n / b.cpu, cpu=b.cpu, rss=b.rss)
            if turn == 1:
                same = len(got) == n and numbers(ek, their_number) == got
                t.add("sluice, replay", same=same)
                t.add("tshark -T ek", same=same)
            c = run(["tshark", "-r", pcap, "-T", "fields", "-e", "frame.time_epoch", "-e", "ip.src", "-e", field])
            t.add("tshark -T fields (three fields, as text)", events_per_cpu_s=n / c.cpu, cpu=c.cpu, rss=c.rss)
        t.notes.append(f"{n:,} events.")
        yield t


def ids_of_sluice(path):
    ids = []
    with open(path, "rb") as f:
        for line in f:
            e = json.loads(line)
            if e.get("op") in ("c", "u", "d"):
                ids.append((e["op"], int((e["after"] or e["before"])["id"])))
    return sorted(ids)


def ids_of_mariadb(path):
    """Of pseudo SQL: the first column of the last image of each change."""
    ids, op, names = [], None, {b"INSERT": "c", b"UPDATE": "u", b"DELETE": "d"}
    with open(path, "rb") as f:
        for line in f:
            if line.startswith((b"### INSERT", b"### UPDATE", b"### DELETE")):
                op = names[line[4:10]]
            elif line.startswith(b"###   @1=") and op:
                ids.append((op, int(line[9:].split()[0])))
                if op == "u":
                    ids[-1:], op = [], "u2"  # the image before
                elif op == "u2":
                    ids[-1], op = ("u", ids[-1][1]), None
    return sorted(ids)


def ids_of_java(path):
    ids = []
    with open(path, "rb") as f:
        for line in f:
            cells = line.split(b"\t")
            ids.append((cells[0].decode(), int(cells[1 + (len(cells) - 1) // 2 if cells[0] == b"u" else 1])))
    return sorted(ids)


def compare_binlog(build, peers, folder, rounds, log, quick):
    """Row changes as text in a file."""
    import bench_binlog
    if not log:
        log = os.path.join(folder, "orders.binlog")
        bench_binlog.INSERT_ROUNDS = 2 if quick else 20
        bench_binlog.make_log(folder, log)
    jar = os.path.join(peers, "java", "target")
    programs = [
        ("sluice, replay, JSON", lambda out: [os.path.join(build, "sluiced"), "replay", "-q", log], ids_of_sluice),
        ("mariadb-binlog -v", lambda out: ["mariadb-binlog", "-v", "--base64-output=decode-rows", log], ids_of_mariadb)]
    if os.path.exists(os.path.join(jar, "rows-1.jar")):
        programs.append(("mysql-binlog-connector-java 0.29.2 (Debezium's)",
                         lambda out: ["java", "-cp", f"{jar}/rows-1.jar:{jar}/lib/*", "Rows", log, out], ids_of_java))
    t = Table("binlog", "A binary log's row changes to text in a file", "kind and id of each change")
    want = None
    for turn in range(rounds + 1):
        for name, argv, ids in programs:
            out = os.path.join(folder, "rows")
            if name.startswith("mysql"):
                p = run(argv(out))
            else:
                with open(out, "wb") as f:
                    p = run(argv(out), f)
            if turn == 0:
                got = ids(out)
                want = want or got
                t.add(name, same=got == want if len(programs) > 1 else COUNTED)
            else:
                t.add(name, events_per_cpu_s=len(want) / p.cpu, cpu=p.cpu, rss=p.rss)
    t.notes.append(f"{os.path.getsize(log) / 1e6:.0f} MB, {len(want):,} changes of 12 columns, with checksums. An update has two images.")
    return t
