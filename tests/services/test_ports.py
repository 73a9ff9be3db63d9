#!/usr/bin/env python3
"""`sluiced run` on ports of several drivers, what it says when one is missing, and that a stop loses nothing.

Everything happens in a network namespace of its own, with a veth pair and interfaces that sluiced makes.
"""
import datetime
import glob
import json
import os
import shutil
import signal
import socket
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from live import Live  # noqa: E402
from pcaplib import BASE_NS, ethernet, udp, write_pcap  # noqa: E402
from sluice import SKIP, Checks  # noqa: E402

NS = f"sluice{os.getpid()}p"
NOBODY = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
CONFIG = """
capture:
  ports: [{{ device: "{device}" }}]
  eal: [{eal}]
sources: {{ syslog: {{ match: {{ udp: 514 }}, parser: syslog }} }}
sinks: {{ out: {{ stdout: {{}} }} }}
queues: {{ lab/syslog: {{ from: syslog, sink: out }} }}
"""
SENDER = """
import socket, sys
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for i in range({n}): u.sendto(b"<13>n: %d{pad}" % i, ("{to}", 514))
"""


def sh(*cmd):
    subprocess.run(cmd, check=True, capture_output=True)


def in_ns(*cmd):
    return ["ip", "netns", "exec", NS, *cmd]


def lab_up():
    sh("ip", "netns", "add", NS)
    for scope in ("all", "default"):  # no word of IPv6's own: all packets are the test's
        sh(*in_ns("sh", "-c", f"echo 1 > /proc/sys/net/ipv6/conf/{scope}/disable_ipv6"))
    sh(*in_ns("ip", "link", "add", "veth-s", "type", "veth", "peer", "name", "veth-r"))
    for name in ("lo", "veth-s", "veth-r"):
        sh(*in_ns("ip", "link", "set", name, "up"))
    address("veth-s", "10.97.0")


def address(name, net):
    sh(*in_ns("ip", "addr", "add", f"{net}.1/24", "dev", name))
    sh(*in_ns("ip", "neigh", "add", f"{net}.2", "lladdr", "02:00:00:00:00:09", "dev", name))


def send(n, to, pad=""):
    sh(*in_ns(sys.executable, "-c", SENDER.format(n=n, to=to, pad=pad)))


class Port(Live):
    """A running sluiced with one port."""

    def __init__(self, lab, device, eal="", before=()):
        super().__init__(lab.binary, lab.folder, CONFIG.format(device=device, eal=eal), in_ns(*before), lab.env,
                         not before)


class Lab:
    def __init__(self, binary, folder, checks):
        self.folder, self.checks = folder, checks
        self.binary = os.path.join(folder, "sluiced")  # where everybody may run it
        shutil.copy(binary, self.binary)
        os.chmod(self.binary, 0o755)
        os.chmod(folder, 0o755)
        # The driver of AF_XDP does not give back what libxdp gave it.
        known = os.path.join(folder, "leaks")
        with open(known, "w", encoding="ascii") as f:
            f.write("leak:xsk_umem__create\n")
        self.env = {**os.environ, "LSAN_OPTIONS": f"print_suppressions=0:suppressions={known}"}

    def drive(self, device, n, to=None, before_send=None):
        """Runs the port, sends @n messages to it, and expects each once."""
        port = Port(self, device)
        if not self.checks.check(port.started(device), f"{device}: it starts: {port.text().decode()[-600:]}"):
            port.end()
            return None
        if before_send:
            before_send()
        if to:
            send(n, to)
        port.records(n)
        run = port.end()
        self.checks.healthy(run, device)
        # On a machine that is busy with other things the sink may be late: then it is said, message by message.
        lost = run.count("queue", "lab/syslog", "shed") + run.count("port", "", "missed")
        if lost:
            print(f"{device}: the machine was too slow for {lost} of {n} messages, and the ledger says so")
        self.checks.equal(run.status, 1 if lost else 0, f"{device}: exit status {run.err[-300:]}")
        got = [int(r["message"]) for r in run.records]
        self.checks.check(len(got) + lost == n and lost <= n // 10 and set(got) <= set(range(n)) and
                          len(set(got)) == len(got), f"{device}: {len(got)} of {n} messages, {lost} lost")
        ours = device == "net_af_packet0,iface=veth-r"
        driver, by = ("af_packet of the kernel, 1 queue", "kernel") if ours else ("net_", "host")
        self.checks.check(f"sluiced: port {device}: driver {driver}" in run.err and f"time stamps by the {by}" in run.err,
                          f"{device}: the start message: {run.err[:400]}")
        return run


def ports_of_other_drivers(lab):
    trace = os.path.join(lab.folder, "trace.pcap")
    write_pcap(trace, [(BASE_NS + i * 10**6, ethernet(udp("10.0.0.1", 40000, "10.0.0.9", 514, b"<13>n: %d" % i, i)))
                       for i in range(3000)])
    lab.drive("net_null0", 0)
    lab.drive("net_ring0", 0)
    lab.drive(f"net_pcap0,rx_pcap={trace}", 3000)
    lab.drive("net_pcap0,iface=veth-r", 200, "10.97.0.2")
    lab.drive("net_af_packet0,iface=veth-r", 200, "10.97.0.2")
    lab.drive("net_af_packet0,iface=veth-r,qpairs=1", 200, "10.97.0.2")
    if not os.path.exists("/dev/net/tun"):
        print("left out: net_tap0: this kernel has no /dev/net/tun")
    else:
        lab.drive("net_tap0,iface=sluice-tap", 200, "10.97.1.2", lambda: address("sluice-tap", "10.97.1"))
    refusal = af_xdp_refusal()
    if refusal:
        print(f"left out: net_af_xdp0: this kernel gives no AF_XDP socket: {refusal}")
    else:
        lab.drive("net_af_xdp0,iface=veth-r", 200, "10.97.0.2")


def telemetry(path, *questions):
    """What DPDK's telemetry answers (doc: "DPDK Telemetry User Guide")."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
        s.settimeout(10)
        s.connect(path)
        s.recv(4096)  # who it is
        answers = []
        for q in questions:
            s.send(q.encode())
            answers.append(json.loads(s.recv(16384)))
        return answers


def dpdk_is_asked_by_its_telemetry(lab):
    trace = os.path.join(lab.folder, "trace.pcap")  # of ports_of_other_drivers
    device = f"net_pcap0,rx_pcap={trace}"
    port = Port(lab, device, "--telemetry", before=("env", f"RUNTIME_DIRECTORY={lab.folder}"))
    if lab.checks.check(port.started(device), f"telemetry: it starts: {port.text().decode()[-600:]}"):
        lab.checks.equal(port.records(3000), 3000, "telemetry: records")
        found = glob.glob(os.path.join(lab.folder, "dpdk", "*", "dpdk_telemetry.v2*"))
        if lab.checks.equal(len(found), 1, f"telemetry: its socket: {found}"):
            ports, stats = telemetry(found[0], "/ethdev/list", "/ethdev/stats,0")
            lab.checks.equal((ports["/ethdev/list"], stats["/ethdev/stats"]["ipackets"]), ([0], 3000), "telemetry: the port")
    port.end()


def af_xdp_refusal():
    """None, or the kernel's own words."""
    try:
        socket.socket(44, socket.SOCK_RAW).close()
    except OSError as e:
        return e.strerror
    return None


def stop_loses_nothing_unsaid(lab):
    """Told to stop while it could not read: what stands in the ring comes out, what found it full is counted."""
    for device, n in (("net_af_packet0,iface=veth-r", 60_000), ("net_af_packet0,iface=veth-r,qpairs=1", 3_000),
                      ("net_pcap0,iface=veth-r", 10_000)):
        port = Port(lab, device)
        if not lab.checks.check(port.started(device), f"stop: {device}: it starts"):
            port.end()
            continue
        port.p.send_signal(signal.SIGSTOP)
        send(n, "10.97.0.2", " " * 1400)
        port.p.send_signal(signal.SIGTERM)
        run = port.end(signal.SIGCONT)
        missed, got = run.count("port", "", "missed"), len(run.records)
        # On a machine that is busy with other things the sink may be late: then frames are left unread.
        shed = run.count("extract", "syslog", "shed") + run.count("queue", "lab/syslog", "shed")
        lab.checks.healthy(run, f"stop: {device}")
        lab.checks.check(got > 0 and missed > 0 and got + missed + shed == n,
                         f"stop: {device}: {got} came out, {missed} are missed, {shed} shed, {n} sent: {run.err[-300:]}")
        lab.checks.equal(run.status, 1, f"stop: {device}: exit status")
        lab.checks.check("missed: port: " in "".join(run.err.splitlines()[-3:]),
                         f"stop: the last lines name it: {run.err[-200:]}")


def cpu_ns(pid):
    """What all threads of a process have used."""
    total = 0
    for task in glob.glob(f"/proc/{pid}/task/*/schedstat"):
        with open(task, encoding="ascii") as f:
            total += int(f.read().split()[0])
    return total


def a_silent_port_costs_little_and_wakes_up_at_once(lab):
    """Under 2 % of a core while nothing comes, and what comes then is a record in a moment."""
    devices = [("net_af_packet0,iface=veth-r", "10.97.0.2", None)]
    if os.path.exists("/dev/net/tun"):  # its driver has receive interrupts
        devices.append(("net_tap0,iface=sluice-tap", "10.97.1.2", lambda: address("sluice-tap", "10.97.1")))
    for device, to, prepare in devices:
        port = Port(lab, device)
        lab.checks.check(port.started(device), f"silent: {device}: it starts")
        if prepare:
            prepare()
        used = []
        for _ in range(2):
            before, since = cpu_ns(port.p.pid), time.monotonic_ns()
            time.sleep(1.5)
            used.append((cpu_ns(port.p.pid) - before) / (time.monotonic_ns() - since))
        took = []
        for i in range(5):
            time.sleep(0.1)
            sender = subprocess.Popen(in_ns(sys.executable, "-c", SENDER.format(n=1, to=to, pad="")))
            while port.text(0).count(b"\n") == i and time.monotonic_ns() - since < 30 * 10**9:
                time.sleep(0.001)
            now = time.time()
            sender.wait()
            last = json.loads((port.text(0).splitlines() or [b'{"_time": "1970-01-01T00:00:00"}'])[-1])["_time"]
            took.append(now - datetime.datetime.fromisoformat(last[:26] + "+00:00").timestamp())
        run = port.end()
        print(f"{device}: {100 * min(used):.2f} % of a core in silence, {1000 * sorted(took)[2]:.0f} ms to a record")
        lab.checks.check(min(used) < 0.02, f"silent: {device}: {used} of a core")
        lab.checks.check(sorted(took)[2] < 0.1, f"silent: {device}: a record after {took} s")
        lab.checks.equal(len(run.records), 5, f"silent: {device}: records")


def refused(lab, what, device, want, eal="", before=()):
    """It ends with 2 and the text; of the texts, the last one is sluiced's."""
    run = Port(lab, device, eal, before).end(sig=None)
    last = (run.err.splitlines() or [""])[-1]
    lab.checks.equal((run.status, run.out), (2, b""), f"{what}: exit status and output")
    lab.checks.equal(last, f"sluiced: port {device}: {want}", f"{what}: the message")


def plain_words(lab):
    refused(lab, "no such interface", "net_af_packet0,iface=eth77",
            "the kernel has no interface eth77; `sluiced devices` lists those it has")
    refused(lab, "no such PCI address", "0000:ff:1f.7",
            "no PCI card has this address; `sluiced devices` lists the cards that are there")
    refused(lab, "no such file", "net_pcap0,rx_pcap=/nonexistent.pcap", "/nonexistent.pcap: No such file or directory")
    refused(lab, "no such driver", "net_nosuch0",
            "its driver refused it, or DPDK has none of this name; the lines above are the driver's")
    refused(lab, "an interface by its name", "veth-r",
            "an interface of the kernel is written net_af_packet0,iface=veth-r")
    refused(lab, "nonsense", "first card", "expected a PCI address (0000:3b:00.0) or a device of a DPDK driver "
            "(net_af_packet0,iface=eth1); `sluiced devices` lists what is there")
    refused(lab, "rings that the driver refuses", "net_af_packet0,iface=veth-r,framesz=2048,blocksz=4096,framecnt=3",
            "its driver refused it, or DPDK has none of this name; the lines above are the driver's")
    refused(lab, "not root", "net_af_packet0,iface=veth-r",
            "not for this user: it needs root, or the capabilities of docs/live.md", before=NOBODY)
    if hugepages_free_mib() >= 256:
        print("left out: no memory without hugepages: this machine has free ones")
    else:
        refused(lab, "too little memory", "net_null0",
                "no memory for 1408 packet buffers of 64 KiB (88 MiB): Cannot allocate memory. Reserve hugepages "
                "(scripts/hugepages.sh) or raise -m in capture.eal", eal='"-m", "64"')


def hugepages_free_mib():
    mib = 0
    for path in glob.glob("/sys/kernel/mm/hugepages/hugepages-*kB/free_hugepages"):
        with open(path, encoding="ascii") as f:
            mib += int(f.read()) * int(path.split("hugepages-")[1].split("kB")[0]) // 1024
    return mib


def without_hugepages(lab):
    note = ": running on plain memory, which costs a third to a half of the speed"
    cases = [((NOBODY), "sluiced: not root, so without hugepages" + note)]
    if hugepages_free_mib() >= 256:
        print("left out: the note for root without hugepages: this machine has free ones")
    else:
        cases.append(((), f"sluiced: no free hugepages{note}. scripts/hugepages.sh reserves them"))
    for before, line in cases:
        port = Port(lab, "net_null0", before=before)
        lab.checks.check(port.started("net_null0"), f"without hugepages it starts: {port.text().decode()[-300:]}")
        run = port.end()
        lab.checks.equal(run.err.splitlines()[0], line, "without hugepages: it says so")
        lab.checks.equal(run.status, 0, "without hugepages: exit status")


def replay_needs_nothing(lab):
    """No root, no hugepages, no configuration, and not a word about any of them."""
    trace = os.path.join(lab.folder, "few.pcap")
    write_pcap(trace, [(BASE_NS, ethernet(udp("10.0.0.1", 40000, "10.0.0.9", 514, b"<13>n: 0")))])
    p = subprocess.run([*NOBODY, lab.binary, "replay", "--quiet", trace], capture_output=True, check=False, timeout=60)
    lab.checks.equal((p.returncode, p.stderr, len(p.stdout.splitlines())), (0, b"", 1), "a replay by nobody")


def main():
    binary, checks = sys.argv[1], Checks()
    if os.geteuid() != 0 or subprocess.run(["ip", "netns", "add", f"{NS}x"], capture_output=True, check=False).returncode:
        print("skipped: network namespaces need root")
        sys.exit(SKIP)
    sh("ip", "netns", "del", f"{NS}x")
    try:
        lab_up()
        with tempfile.TemporaryDirectory() as folder:
            lab = Lab(binary, folder, checks)
            for part in (ports_of_other_drivers, dpdk_is_asked_by_its_telemetry, stop_loses_nothing_unsaid,
                         a_silent_port_costs_little_and_wakes_up_at_once, plain_words, without_hugepages,
                         replay_needs_nothing):
                part(lab)
    finally:
        subprocess.run(["ip", "netns", "del", NS], capture_output=True, check=False)
    checks.done()


if __name__ == "__main__":
    main()
