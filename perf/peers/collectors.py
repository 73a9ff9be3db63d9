"""Syslog to parsed JSON in a file: rsyslog, syslog-ng and sluice get the same lines over the same pair of interfaces.

    namespace A: feed, 10.77.0.1 == veth == namespace B: rsyslog and syslog-ng at 10.77.0.2; sluice captures the interface

Each is set up for speed (batches, large buffers, no name look-ups) and writes the same fields.
"""
import glob
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys

from measure import COUNTED, Process, Table, run

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tests", "support"))
import pcaplib  # noqa: E402

PORT = 514
RSYSLOG = """
module(load="{module}"{threads})
main_queue(queue.type="FixedArray" queue.size="200000" queue.dequeueBatchSize="2048" queue.workerThreads="1")
template(name="json" type="list" option.jsonf="on") {{
    property(outname="pri" name="pri" format="jsonf")
    property(outname="facility" name="syslogfacility-text" format="jsonf")
    property(outname="severity" name="syslogseverity-text" format="jsonf")
    property(outname="timestamp" name="timereported" dateFormat="rfc3339" format="jsonf")
    property(outname="hostname" name="hostname" format="jsonf")
    property(outname="appname" name="app-name" format="jsonf")
    property(outname="procid" name="procid" format="jsonf")
    property(outname="msgid" name="msgid" format="jsonf")
    property(outname="structured_data" name="structured-data" format="jsonf")
    property(outname="message" name="msg" format="jsonf")
}}
ruleset(name="all") {{ action(type="omfile" file="{out}" template="json" ioBufferSize="1m" flushOnTXEnd="off") }}
input(type="{module}" address="{address}" port="{port}" ruleset="all"{input})
"""
SYSLOG_NG = """@version: 3.38
options {{ threaded(yes); flush-lines(1000); keep-hostname(yes); use-dns(no); dns-cache(no); stats-freq(0); log-fifo-size(2000000); }};
source s {{ network(ip("{address}") port({port}) transport("{transport}") flags(syslog-protocol) log-iw-size(200000)
    log-fetch-limit(1000) max-connections(10) {input}); }};
destination d {{ file("{out}" template("$(format-json pri=$PRI facility=$FACILITY severity=$LEVEL timestamp=$R_ISODATE \
hostname=$HOST appname=$PROGRAM procid=$PID msgid=$MSGID structured_data=$SDATA message=$MESSAGE)\\n")); }};
log {{ source(s); destination(d); }};
"""
SLUICE = """
{capture}
schema_dir: "{schemas}"
sources: {{ syslog: {{ match: {{ udp: {port}, tcp: {port} }}, parser: syslog{more} }} }}
sinks: {{ out: {{ {sink} }} }}
queues: {{ lab/syslog: {{ from: syslog, sink: out, format: {format} }} }}
"""
# Texts that are searched in each line and that few have, or none.
RARE = ("panic oom-killer segfault denied refused unreachable corrupt checksum deadlock rollback evicted throttled expired revoked mismatch "
        "truncated overflow underrun stalled unhealthy failover rebalance degraded quarantine blacklist forbidden malformed unauthorized "
        "exhausted poisoned tampered livelock").split()
RULES = ", rules: { " + ", ".join(f"r{i}: \"{word}\"" for i, word in enumerate(RARE)) + " }"
CAPTURE = 'capture: { ports: [{ device: "net_af_packet0,iface=pb" }] }'
WORDS = "request took shard cache miss retried user session upstream timed out".split()
# Where a peer cannot be asked what it did, the far end of a connection that is only looked on at.
TAKE = f"""
import socket
s = socket.create_server(("10.77.0.2", {PORT}))
while True:
    c, _ = s.accept()
    while c.recv(1 << 20):
        pass
    c.close()
"""
VETH_RATES = (400000, 250000, 150000, 100000, 50000, 25000, 10000)  # of lines a second


def tail_of(i, at, tails):
    """Words up to the length of a line, from those that @tails has already."""
    key = i % len(WORDS), at
    if key not in tails:
        text, n = "", at
        while n < 190:
            text += WORDS[(i + n) % len(WORDS)] + " "
            n = at + len(text)
        tails[key] = text + "end\n"
    return tails[key]


def write_lines(path, n):
    """RFC 5424, about 200 bytes each; every one is different."""
    tails = {}
    with open(path, "w", encoding="ascii") as f:
        for i in range(n):
            head = (f"<{i % 192}>1 2026-11-25T04:{i // 60 % 60:02}:{i % 60:02}.{i % 1000000:06}Z web-{i % 64}.example.com nginx "
                    f"{1000 + i % 64} ID{i % 97} - n={i:07} GET /api/v1/items/{i * 7919 % 99991} ")
            f.write(head + tail_of(i, len(head), tails))


def digest_events(events):
    """How many events there are, and the sum of hashes of what each says: equal for the same events."""
    n = total = 0
    for e in events:
        n += 1
        total += hash((e.get("hostname"), e.get("appname"), str(e.get("procid")), e.get("msgid"), e.get("message")))
    return n, total & (1 << 64) - 1


def events_of_json(paths):
    """Of files of JSON lines."""
    for path in paths:
        with open(path, "rb") as f:
            yield from map(json.loads, f)


def events_of_protobuf(paths, proto):
    """Of files of messages, each behind its length: with a tag before each they are one message that protoc takes apart. No value
    has a quotation mark or a backslash in it."""
    with open(proto, encoding="utf-8") as f:
        text = f.read()
    package, name = (re.search(rf"^{word} ([\w.]+)", text, re.M).group(1) for word in ("package", "message"))
    with open(f"{proto}-all.proto", "w", encoding="utf-8") as f:
        f.write(f"{text}\nmessage All {{ repeated {name} m = 1; }}\n")
    data = b"".join(b"\x0a" + message for path in paths for message in messages_of(path))
    p = subprocess.run(["protoc", "-I", os.path.dirname(proto), "-I", "/usr/include", f"--decode={package}.All", f.name], input=data,
                       check=True, capture_output=True)
    for block in p.stdout.decode().split("m {\n")[1:]:
        yield dict(re.findall(r'^  (\w+): "(.*)"$', block, re.M))


def count(path):
    """Lines of a file."""
    with open(path, "rb") as f:
        return sum(block.count(b"\n") for block in iter(lambda: f.read(1 << 20), b""))


def messages_of(path):
    """Messages of Protocol Buffers, each with the length that is before it."""
    at = 0
    with open(path, "rb") as f:
        data = f.read()
    while at < len(data):
        begin, size, shift = at, 0, 0
        while True:
            byte = data[at]
            size |= (byte & 127) << shift
            shift += 7
            at += 1
            if byte < 128:
                break
        at += size
        yield data[begin:at]


def digest_lines(path):
    """The same of the lines that were sent."""
    n = total = 0
    with open(path, encoding="ascii") as f:
        for line in f:
            _, _, host, app, pid, msgid, _, message = line.rstrip("\n").split(" ", 7)
            n += 1
            total += hash((host, app, pid, msgid, message))
    return n, total & (1 << 64) - 1


class Net:
    def __init__(self):
        self.a, self.b = f"slpa{os.getpid()}", f"slpb{os.getpid()}"

    def sh(self, *cmd):
        subprocess.run(cmd, check=True, capture_output=True)

    def __enter__(self):
        for ns in (self.a, self.b):
            self.sh("ip", "netns", "add", ns)
        self.sh("ip", "link", "add", "pa", "netns", self.a, "type", "veth", "peer", "name", "pb", "netns", self.b)
        for ns, dev, addr in ((self.a, "pa", "10.77.0.1/24"), (self.b, "pb", "10.77.0.2/24")):
            self.sh("ip", "-n", ns, "addr", "add", addr, "dev", dev)
            for link in (dev, "lo"):
                self.sh("ip", "-n", ns, "link", "set", link, "up")
        # What a mirror shows is for others: the kernel behind it drops it at once.
        self.sh("ip", "-n", self.a, "neigh", "add", "10.77.0.9", "lladdr", "02:00:00:00:00:09", "dev", "pa")
        # Packets as they are on a wire, not merged by the kernel.
        for ns, dev in ((self.a, "pa"), (self.b, "pb")):
            self.sh("ip", "netns", "exec", ns, "ethtool", "-K", dev, "tso", "off", "gso", "off", "gro", "off")
        self.sh("ip", "netns", "exec", self.b, "sysctl", "-q", "-w", "net.ipv4.tcp_rmem=4096 4194304 33554432")
        return self

    def __exit__(self, *_):
        for ns in (self.a, self.b):
            subprocess.run(["ip", "netns", "del", ns], capture_output=True)

    def at(self, ns, *cmd):
        return ["ip", "netns", "exec", ns, *cmd]


class Collector:
    """One of the three, started fresh for each trial."""

    def __init__(self, name, lab):
        self.name, self.lab = name, lab
        self.file = os.path.join(lab.out, f"{name}.json")
        self.address = "10.77.0.9" if name == "sluice" else "10.77.0.2"

    def outputs(self):
        """The files that it wrote: sluice numbers its own."""
        return sorted(glob.glob(os.path.join(self.lab.out, f"{self.name}*.json")))

    def forget(self):
        for old in self.outputs():
            os.unlink(old)

    def start(self, udp, null=False):
        lab, conf = self.lab, os.path.join(self.lab.folder, f"{self.name}.conf")
        self.forget()
        root, env = os.path.join(lab.peers, self.name), {}
        lib = os.path.join(root, "usr", "lib", "x86_64-linux-gnu")
        fields = {"out": os.devnull if null else self.file, "port": PORT, "address": "10.77.0.2"}
        if self.name == "rsyslog":
            text = RSYSLOG.format(**fields, module="imudp" if udp else "imptcp", threads=' threads="1" batchSize="128"' if udp else "",
                                  input=' rcvbufSize="4m"' if udp else "")
            argv = [os.path.join(root, "usr/sbin/rsyslogd"), "-n", "-f", conf, "-i", os.path.join(lab.folder, "pid"), "-M",
                    os.path.join(lib, "rsyslog")]
            env = {"LD_LIBRARY_PATH": lib}
        elif self.name == "syslog-ng":
            text = SYSLOG_NG.format(**fields, transport="udp" if udp else "tcp", input="so-rcvbuf(4194304)")
            own = os.path.join(root, "usr", "lib", "syslog-ng")
            argv = [os.path.join(root, "usr/sbin/syslog-ng"), "-F", "--no-caps", "-f", conf, "-R", os.path.join(lab.folder, "persist"),
                    "-p", os.path.join(lab.folder, "pid"), "-c", os.path.join(lab.folder, "ctl"), "--module-path",
                    os.path.join(own, "3.38")]
            env = {"LD_LIBRARY_PATH": f"{lib}:{own}"}
        else:
            text, argv = lab.sluice(f'file: {{ path: "{self.file}" }}', capture=CAPTURE), [lab.sluiced, "run", "-c", conf]
        with open(conf, "w", encoding="utf-8") as f:
            f.write(text)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
            if self.name == "sluice":
                env["NOTIFY_SOCKET"] = os.path.join(lab.folder, "notify")
                if os.path.exists(env["NOTIFY_SOCKET"]):
                    os.unlink(env["NOTIFY_SOCKET"])
                ear.bind(env["NOTIFY_SOCKET"])
            self.process = Process(lab.net.at(lab.net.b, *argv), env=env)
            ok = self.process.wait_notified(ear) if self.name == "sluice" else self.process.wait_port(PORT, udp)
        if not ok:
            raise RuntimeError(f"{self.name} did not start: {' '.join(argv)}")

    def stop(self):
        self.process.wait_idle()
        return self.process.end(signal.SIGTERM, 60)


class Input:
    """Lines, and a capture of the connection on which the peers get them."""

    def __init__(self, folder, n):
        self.n, self.lines, self.pcap = n, os.path.join(folder, f"lines-{n}"), os.path.join(folder, f"tcp-{n}.pcap")
        write_lines(self.lines, n)

    def capture(self):
        pcaplib.write_pcap(self.pcap, self.packets(), sort=False)

    def packets(self):
        out = []
        connection = pcaplib.Conversation(out, "10.77.0.1", 40000, "10.77.0.2", PORT, 1764045796 * 10**9)
        with open(self.lines, "rb") as f:
            for piece in iter(lambda: f.read(1000 * connection.mss), b""):
                connection.send(piece)
                yield from out
                out.clear()
        connection.close()
        yield from out


class Lab:
    """@out: where the outputs go."""

    def __init__(self, folder, out, build, peers, net):
        self.folder, self.out, self.peers, self.net = folder, out, peers, net
        self.sluiced, self.feed = os.path.join(build, "sluiced"), os.path.join(build, "perf", "feed")

    def collectors(self):
        """Those that are there, and sluice."""
        names = [n for n in ("rsyslog", "syslog-ng") if os.path.isdir(os.path.join(self.peers, n))]
        return [Collector(n, self) for n in ["sluice", *names]]

    def sluice(self, sink, form="json", capture="", more=""):
        """A configuration."""
        return SLUICE.format(capture=capture, schemas=os.path.join(self.folder, "schemas"), port=PORT, sink=sink, format=form,
                             more=more)

    def replay(self, of, sink, form="json", more=""):
        conf = os.path.join(self.folder, "replay.yaml")
        os.makedirs(os.path.join(self.folder, "schemas"), exist_ok=True)
        with open(conf, "w", encoding="ascii") as f:
            f.write(self.sluice(sink, form, more=more))
        subprocess.run([self.sluiced, "schema", "write", "-c", conf], check=True, capture_output=True)
        return run([self.sluiced, "replay", "-q", "-c", conf, of.pcap])

    def proto(self):
        """The schema of what replay wrote last, for protoc."""
        path = os.path.join(self.folder, "lab.proto")
        with open(path, "wb") as f:
            subprocess.run([self.sluiced, "schema", "proto", "-c", os.path.join(self.folder, "replay.yaml"), "lab/syslog"], check=True,
                           stdout=f, stderr=subprocess.DEVNULL)
        return path

    def send(self, transport, address, lines, rate, seconds=None):
        more = [str(seconds)] if seconds else []
        p = subprocess.run(self.net.at(self.net.a, self.feed, transport, address, str(PORT), lines, str(rate), *more),
                           capture_output=True, text=True)
        if p.returncode:
            raise RuntimeError(f"feed: {p.stderr}")
        words = p.stdout.split()
        return int(words[0]), float(words[3])


class Tcp:
    """Events a CPU-second: to a file, to nowhere, by way of the interface, and what a start costs. Output is compared in the
    round that is thrown away, whose input is small; in all others it is counted."""

    def __init__(self, lab, n):
        self.lab = lab
        self.full, self.half, self.small, self.one = (Input(lab.folder, k) for k in (n, n // 2, n // 20, 1))
        for each in (self.full, self.half, self.small, self.one):
            each.capture()
        self.want = digest_lines(self.small.lines)
        self.file = Table("syslog_tcp", "Syslog over TCP to JSON in a file")
        self.null = Table("syslog_tcp_null", "Syslog over TCP to JSON that nobody keeps")
        self.veth = Table("syslog_tcp_veth", "Syslog over TCP to JSON in a file, all of them behind the same pair of interfaces")
        self.begin = Table("start", "A run of one event: what a start costs")
        self.rates = list(VETH_RATES)

    def add(self, t, name, of, p, turn, n=None, events=None):
        """A run, unless it is the one that is thrown away, of which only the output is looked at. @n: messages that it wrote, @events:
        the same, taken apart."""
        same = {}
        if turn == 0 and events is not None:
            same = {"same": digest_events(events) == self.want}
        elif n is not None:
            same = {"same": COUNTED if n == of.n else False}
        if turn:
            t.add(name, events_per_cpu_s=of.n / p.cpu, cpu=p.cpu, rss=p.rss, **same)
        elif same:
            t.add(name, **same)

    def sluice(self, turn):
        lab, (full, half) = self.lab, (self.full, self.half) if turn else (self.small, self.small)
        for form, ext, name, more in (("json", "json", "sluice", ""), ("protobuf", "pb", "sluice, Protocol Buffers", ""),
                                      ("json", "json", f"sluice, with {len(RARE)} content rules, which the peers have not", RULES)):
            p = lab.replay(full, f'file: {{ path: "{lab.out}/sluice.{ext}" }}', form, more)
            made = sorted(glob.glob(os.path.join(lab.out, f"sluice-*.{ext}")))
            if form == "json":
                n, events = sum(map(count, made)), events_of_json(made)
            else:
                n = sum(1 for path in made for _ in messages_of(path))
                events = events_of_protobuf(made, lab.proto()) if turn == 0 and shutil.which("protoc") else None
            self.add(self.file, name, full, p, turn, n, events)
            for path in made:
                os.unlink(path)
        self.add(self.null, "sluice", half, lab.replay(half, '"null": {}'), turn)
        if turn:
            with open(os.devnull, "wb") as f:
                p = run([lab.sluiced, "replay", "-q", self.one.pcap], f)
            self.begin.add("sluice, replay", cpu=p.cpu, seconds=p.wall, rss=p.rss)

    def peer(self, c, turn):
        full, half = (self.full, self.half) if turn else (self.small, self.small)
        for of, t, null in ((full, self.file, False), (half, self.null, True), (self.one, self.begin, True)):
            c.start(udp=False, null=null)
            ready = c.process.ready
            self.lab.send("tcp", c.address, of.lines, 0)
            p = c.stop()
            if t is self.begin:
                if turn:
                    t.add(c.name, cpu=p.cpu, seconds=ready, rss=p.rss)
                continue
            self.add(t, c.name, of, p, turn, *(() if null else (count(c.file), events_of_json([c.file]))))
            if t is self.file and turn:
                self.veth.add(f"{c.name}, the kernel's sockets", events_per_cpu_s=of.n / p.cpu, cpu=p.cpu, rss=p.rss)
        c.forget()

    def through_veth(self, c, turn):
        """sluice looks on at a connection to somebody else. The rate is one at which the pair of interfaces, both ends and it, on
        the two cores of this machine, lose nothing."""
        of, take = (self.half if turn else self.small), Process(self.lab.net.at(self.lab.net.b, sys.executable, "-c", TAKE))
        take.wait_port(PORT, False)
        try:
            while self.rates:
                c.start(udp=False)
                self.lab.send("tcp", "10.77.0.2", of.lines, self.rates[0])
                p = c.stop()
                n = sum(map(count, c.outputs()))
                if n == of.n:
                    self.add(self.veth, "sluice, af_packet", of, p, turn, n, events_of_json(c.outputs()))
                    break
                self.rates.pop(0)
            c.start(udp=False)
            ready = c.process.ready
            self.lab.send("tcp", "10.77.0.2", self.one.lines, 0)
            p = c.stop()
            if turn:
                self.begin.add("sluice, run", cpu=p.cpu, seconds=ready, rss=p.rss)
        finally:
            take.end(signal.SIGKILL)
            c.forget()

    def notes(self):
        self.file.notes.append(f"{self.full.n:,} events, starts included (the table of starts says what they are of it). sluice replays a capture of "
                               "the same bytes on the same connection; the peers read it from the kernel as fast as they take it. What the "
                               "kernel does for a socket in its own time is not counted, nor is what it does for sluice. sluice's "
                               "files are on the disk when it ends, and its time has all of that; what the peers leave in the page cache the "
                               "kernel writes back in its own time, which is not counted.")
        self.null.notes.append(f"{self.half.n:,} events. sluice's sink is of type null, the peers write to the null device.")
        self.veth.notes.append(f"sluice, run: {self.half.n:,} lines at {self.rates[0]:,} a second, another process takes them; it polls, so that its "
                               "figure is of this rate." if self.rates else "sluice lost packets of the pair of interfaces at any rate.")
        self.veth.notes.append("The peers' runs are those to a file: their lines came by the same pair of interfaces.")
        self.begin.notes.append("Seconds: of a replay from its start to its end; of a run until it captures, of a peer until it listens. A run is "
                                "ended when it has been idle for a while, which takes some time, too.")


def compare_tcp(lab, rounds, n):
    """Four tables."""
    tcp = Tcp(lab, n)
    for turn in range(rounds + 1):
        for c in lab.collectors():
            if c.name == "sluice":
                tcp.sluice(turn)
                tcp.through_veth(c, turn)
            else:
                tcp.peer(c, turn)
        print(f"compare: tcp: round {turn} of {rounds} is done", file=sys.stderr, flush=True)
    compare_vrl(lab, tcp.file, rounds, Input(lab.folder, n // 8))
    tcp.notes()
    return [tcp.file, tcp.null, tcp.veth, tcp.begin]


VRL = """
import sys, time, pyvrl
t = pyvrl.Transform(". = encode_json(parse_syslog!(.message))")
with open(sys.argv[1], encoding="ascii") as f, open(sys.argv[2], "w") as out:
    for line in f:
        out.write(t.remap({"message": line.rstrip("\\n")}) + "\\n")
"""


def compare_vrl(lab, t, rounds, of):
    python = os.path.join(lab.peers, "vrl", "bin", "python")
    if not os.path.exists(python):
        return
    want, out = digest_lines(of.lines), os.path.join(lab.out, "vrl.json")
    for turn in range(rounds + 1):
        p = run([python, "-c", VRL, of.lines, out])
        if turn:
            t.add("Vector's VRL (pyVRL 0.0.2), file to file", events_per_cpu_s=of.n / p.cpu, cpu=p.cpu, rss=p.rss)
        else:
            t.add("Vector's VRL (pyVRL 0.0.2), file to file", same=digest_events(events_of_json([out])) == want)
    os.unlink(out)
    t.notes.append("Vector and Fluent Bit could not be had: they were found neither in Debian 12 nor in PyPI and npm, nor "
                   "in what was looked through of Maven. "
                   "VRL is the language in which Vector parses, from Python, lines of a file in and out: no socket, no "
                   "topology; a fifth of its time is the way through Python. It stands for the least that Vector would take.")


def lost_nothing(c, lab, rate, seconds):
    """One trial: what was sent in so many seconds is in the file."""
    c.start(udp=True)
    sent, took = lab.send("udp", c.address, lab.lines, rate, seconds)
    p = c.stop()
    n = sum(count(path) for path in c.outputs())
    return n == sent, sent / took, p, n


def bracket(top, last):
    """Where a rate without a loss is looked for: around the one that was found before."""
    return (0.0, top) if not last else (0.5 * last, min(top, 2 * last))


def compare_udp(lab, rounds, seconds, n, resolution=0.1):
    """The highest rate without a loss, by bisection."""
    t = Table("syslog_udp", "Syslog over UDP to JSON in a file: the highest rate without a loss, both ends on this machine")
    lab.lines, found = Input(lab.folder, n).lines, {}
    lab.send("udp", "10.77.0.9", lab.lines, 0, 1)
    sent, took = lab.send("udp", "10.77.0.9", lab.lines, 0, 2)
    top = sent / took
    for _ in range(rounds):
        for c in lab.collectors():
            low, high = bracket(top, found.get(c.name))
            sure, at = 0, None
            while high - low > resolution * high and high > top / 1000:
                rate = (low + high) / 2 if low else high / 2
                ok, offered, p, lines = lost_nothing(c, lab, rate, seconds)
                if ok:
                    low, at, sure = max(offered, low + 1), p, max(offered, sure)
                    rss, per = p.rss, lines / p.cpu
                    if offered < 0.95 * rate:
                        break  # the sender cannot do more
                else:
                    high = rate
                    if not sure:
                        low = min(low, high / 2)
            c.forget()
            if at:
                found[c.name] = sure
                t.add(c.name, loss_free=sure, events_per_cpu_s=per, rss=rss, same=COUNTED)
    t.notes.append(f"The sender alone goes to {top:,.0f} datagrams/s here, on one of the two cores: a rate near it is the sender's. "
                   f"Trials of {seconds} s; a queue or a socket's buffer may hide what is lost in longer ones. sluice "
                   "polls, and rests where it finds nothing: its events per CPU-second are those of this rate only. The rate without a loss "
                   "that its worker reaches with a generator that is fast enough is zero_loss's.")
    return t
