"""Syslog to parsed JSON in a file: rsyslog, syslog-ng and sluice get the same lines over the same pair of interfaces.

    namespace A: feed, 10.77.0.1 == veth == namespace B: rsyslog and syslog-ng at 10.77.0.2; sluice captures the interface

Each is set up for speed (batches, large buffers, no name look-ups) and writes the same fields.
"""
import glob
import json
import os
import signal
import subprocess
import sys
import time

from measure import Process, Table, run

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
capture: {{ ports: [{{ device: "net_af_packet0,iface=pb" }}] }}
sources: {{ syslog: {{ match: {{ udp: {port}, tcp: {port} }}, parser: syslog }} }}
sinks: {{ out: {{ file: {{ path: "{out}" }} }} }}
queues: {{ lab/syslog: {{ from: syslog, sink: out }} }}
"""


def write_lines(path, n):
    """RFC 5424, about 200 bytes each; every one is different."""
    words = "request took shard cache miss retried user session upstream timed out".split()
    with open(path, "w", encoding="ascii") as f:
        for i in range(n):
            head = (f"<{i % 192}>1 2026-11-25T04:{i // 60 % 60:02}:{i % 60:02}.{i % 1000000:06}Z web-{i % 64}.example.com nginx "
                    f"{1000 + i % 64} ID{i % 97} - n={i:07} GET /api/v1/items/{i * 7919 % 99991} ")
            while len(head) < 190:
                head += words[(i + len(head)) % len(words)] + " "
            f.write(head + "end\n")


def digest(path):
    """How many events a file of JSON lines has, and the sum of hashes of what each says: equal for the same events."""
    n = total = 0
    with open(path, "rb") as f:
        for line in f:
            e = json.loads(line)
            n += 1
            total += hash((e.get("hostname"), e.get("appname"), str(e.get("procid")), e.get("msgid"), e.get("message")))
    return n, total & (1 << 64) - 1


def count(path):
    """Lines of a file."""
    with open(path, "rb") as f:
        return sum(block.count(b"\n") for block in iter(lambda: f.read(1 << 20), b""))


def is_same(path, want, turn):
    """What it says is looked at once, in the first round that counts; how many there are, always."""
    return digest(path) == want if turn == 1 else count(path) == want[0]


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
        self.out = os.path.join(lab.folder, f"{name}.json")
        self.address = "10.77.0.9" if name == "sluice" else "10.77.0.2"

    def outputs(self):
        """The files that it wrote: sluice numbers its own."""
        return sorted(glob.glob(os.path.join(self.lab.folder, f"{self.name}*.json")))

    def start(self, udp):
        lab, conf = self.lab, os.path.join(self.lab.folder, f"{self.name}.conf")
        for old in self.outputs():
            os.unlink(old)
        root, env = os.path.join(lab.peers, self.name), {}
        lib = os.path.join(root, "usr", "lib", "x86_64-linux-gnu")
        fields = {"out": self.out, "port": PORT, "address": "10.77.0.2"}
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
            text, argv = SLUICE.format(**fields), [lab.sluiced, "run", "-c", conf]
        with open(conf, "w", encoding="utf-8") as f:
            f.write(text)
        self.process = Process(lab.net.at(lab.net.b, *argv), env=env)
        if self.name == "sluice":
            time.sleep(0.7)
            ok = self.process.p.poll() is None
        else:
            ok = self.process.wait_port(PORT, udp)
        if not ok:
            raise RuntimeError(f"{self.name} did not start: {' '.join(argv)}")

    def stop(self):
        self.process.wait_idle()
        return self.process.end(signal.SIGTERM, 60)


class Lab:
    def __init__(self, folder, build, peers, net):
        self.folder, self.peers, self.net = folder, peers, net
        self.sluiced, self.feed = os.path.join(build, "sluiced"), os.path.join(build, "perf", "feed")
        self.lines = os.path.join(folder, "lines")

    def collectors(self):
        """Those that are there, and sluice."""
        names = [n for n in ("rsyslog", "syslog-ng") if os.path.isdir(os.path.join(self.peers, n))]
        return [Collector(n, self) for n in [*names, "sluice"]]

    def send(self, transport, address, rate, seconds=None):
        more = [str(seconds)] if seconds else []
        p = subprocess.run(self.net.at(self.net.a, self.feed, transport, address, str(PORT), self.lines, str(rate), *more),
                           capture_output=True, text=True)
        if p.returncode:
            raise RuntimeError(f"feed: {p.stderr}")
        words = p.stdout.split()
        return int(words[0]), float(words[3])


def capture_tcp(lab, path):
    """The bytes that the others get, as a capture of their connection."""
    out = []
    connection = pcaplib.Conversation(out, "10.77.0.1", 40000, "10.77.0.2", PORT, 1764045796 * 10**9)
    with open(lab.lines, "rb") as f:
        connection.send(f.read())
    connection.close()
    pcaplib.write_pcap(path, out)


def compare_tcp(lab, rounds):
    """Events a CPU-second."""
    t = Table("syslog_tcp", "Syslog over TCP to JSON in a file")
    want = digest_lines(lab.lines)
    pcap = os.path.join(lab.folder, "tcp.pcap")
    capture_tcp(lab, pcap)
    for turn in range(rounds + 1):
        for c in lab.collectors():
            if c.name == "sluice":
                with open(c.out, "wb") as out:
                    p = run([lab.sluiced, "replay", "-q", pcap], out)
            else:
                c.start(udp=False)
                lab.send("tcp", c.address, 0)
                p = c.stop()
            if turn:
                t.add(c.name, events_per_cpu_s=want[0] / p.cpu, cpu=p.cpu, rss=p.rss, same=is_same(c.out, want, turn))
    compare_vrl(lab, t, rounds, want)
    t.notes.append("sluice replays a capture of the same bytes on the same connection; the peers read it from the kernel as fast as they take it. "
                   "What the kernel does for a socket in its own time is not counted, nor is what it does for sluice.")
    return t


VRL = """
import sys, time, pyvrl
t = pyvrl.Transform(". = encode_json(parse_syslog!(.message))")
with open(sys.argv[1], encoding="ascii") as f, open(sys.argv[2], "w") as out:
    for line in f:
        out.write(t.remap({"message": line.rstrip("\\n")}) + "\\n")
"""


def compare_vrl(lab, t, rounds, want):
    python = os.path.join(lab.peers, "vrl", "bin", "python")
    if not os.path.exists(python):
        return
    out = os.path.join(lab.folder, "vrl.json")
    for turn in range(rounds + 1):
        p = run([python, "-c", VRL, lab.lines, out])
        if turn:
            t.add("Vector's VRL (pyVRL 0.0.2), file to file", events_per_cpu_s=want[0] / p.cpu, cpu=p.cpu, rss=p.rss,
                  same=is_same(out, want, turn))
    t.notes.append("Vector and Fluent Bit could not be had: they were found neither in Debian 12 nor in PyPI and npm, nor "
                   "in what was looked through of Maven. "
                   "VRL is the language in which Vector parses, from Python, lines of a file in and out: no socket, no "
                   "topology; a fifth of its time is the way through Python. It stands for the least that Vector would take.")


def lost_nothing(c, lab, rate, seconds):
    """One trial: what was sent in so many seconds is in the file."""
    c.start(udp=True)
    sent, took = lab.send("udp", c.address, rate, seconds)
    p = c.stop()
    n = sum(count(path) for path in c.outputs())
    return n == sent, sent / took, p, n


def compare_udp(lab, rounds, seconds, resolution=0.08):
    """The highest rate without a loss, by bisection."""
    t = Table("syslog_udp", "Syslog over UDP to JSON in a file: the highest rate without a loss, both ends on this machine")
    _, took = lab.send("udp", "10.77.0.9", 0, 1)
    sent, took = lab.send("udp", "10.77.0.9", 0, 2)
    top = sent / took
    for _ in range(rounds):
        for c in lab.collectors():
            low, high, at = 0, top, None
            while high - low > resolution * high:
                rate = (low + high) / 2 if low else high / 2
                ok, offered, p, n = lost_nothing(c, lab, rate, seconds)
                if ok:
                    low, at = max(offered, low + 1), p
                    rss, per = p.rss, n / p.cpu
                    if offered < 0.95 * rate:
                        break  # the sender cannot do more
                else:
                    high = rate
            if at:
                t.add(c.name, loss_free=low, events_per_cpu_s=per, rss=rss)
    t.notes.append(f"The sender alone goes to {top:,.0f} datagrams/s here, on one of the two cores: a rate near it is the sender's. "
                   f"Trials of {seconds} s; a queue or a socket's buffer may hide what is lost in longer ones. sluice "
                   "polls, and rests where it finds nothing: its events per CPU-second are those of this rate only. The rate without a loss "
                   "that its worker reaches with a generator that is fast enough is zero_loss's.")
    return t
