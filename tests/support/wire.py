"""Networks that tests make: a veth pair (Veth), and, for replication (Wire), a primary and a replica in network
namespaces of their own, with a third one between them that is the wire.

    primary 10.99.1.1 == mp [ the wire's namespace ] mr == replica 10.99.1.2
                         |                           |
                    tap-p-out > tap-p           tap-r-out > tap-r      mirror ports, one at each end

A whole wire hands every packet on inside the kernel (tc mirred). A lossy one goes through relay.py, which
loses, reorders and doubles. Either way all that passes mp is copied to tap-p, and all that passes mr to tap-r.
"""
import contextlib
import os
import signal
import subprocess
import sys
import tempfile

from sluice import SKIP, Checks

PRIMARY, REPLICA = "10.99.1.1", "10.99.1.2"
ENDS = (("p", PRIMARY), ("r", REPLICA))


def sh(*cmd, check=True, **more):
    p = subprocess.run(cmd, check=False, capture_output=True, text=True, **more)
    if check and p.returncode:
        raise RuntimeError(f"{' '.join(cmd)}: {p.stdout}{p.stderr}")
    return p


def end(p, sig=signal.SIGTERM, timeout=60):
    """Ends a process that we started, and waits for it."""
    if p.poll() is None:
        p.send_signal(sig)
        try:
            p.wait(timeout)
        except subprocess.TimeoutExpired:
            p.kill()
            p.wait()
    return p.returncode


def possible():
    """None, or why this machine cannot make namespaces and mirrors."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    name = f"slw{os.getpid()}x"
    p = sh("ip", "netns", "add", name, check=False)
    if p.returncode:
        return p.stderr.strip()
    try:
        p = sh("ip", "netns", "exec", name, "tc", "qdisc", "add", "dev", "lo", "clsact", check=False)
        return p.stderr.strip() if p.returncode else None
    finally:
        sh("ip", "netns", "del", name)


PLAYER = """
import socket, sys, time
out = {}
frames = [(link, bytes.fromhex(frame)) for link, frame in map(str.split, sys.stdin)]
for link in {link for link, frame in frames}:
    out[link] = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    out[link].bind((link, 0))
for i, (link, frame) in enumerate(frames):
    out[link].send(frame)
    if i % int(sys.argv[1]) == 0: time.sleep(float(sys.argv[2]))
"""


class Veth:
    """A namespace with a veth pair: what is sent to net.2 goes out at one end, and is captured at the other."""

    def __init__(self, name, sends="v0", receives="v1", net="10.9.0"):
        self.name, self.sends, self.receives, self.net = f"{name}{os.getpid()}", sends, receives, net

    def ns(self, *cmd):
        return ["ip", "netns", "exec", self.name, *cmd]

    def possible(self):
        """May this process make namespaces?"""
        if os.geteuid() != 0 or sh("ip", "netns", "add", f"{self.name}x", check=False).returncode:
            return False
        sh("ip", "netns", "del", f"{self.name}x")
        return True

    def up(self):
        sh("ip", "netns", "add", self.name)
        sh(*self.ns("ip", "link", "add", "dev", self.sends, "type", "veth", "peer", "name", self.receives))
        for link in ("lo", self.sends, self.receives):
            sh(*self.ns("ip", "link", "set", "dev", link, "up"))
        sh(*self.ns("ip", "addr", "add", f"{self.net}.1/24", "dev", self.sends))
        sh(*self.ns("ip", "neigh", "add", f"{self.net}.2", "lladdr", "02:00:00:00:00:01", "dev", self.sends))

    def quiet(self):
        """No word of IPv6's own passes: all packets are the test's."""
        for scope in ("all", "default"):
            sh(*self.ns("sh", "-c", f"echo 1 > /proc/sys/net/ipv6/conf/{scope}/disable_ipv6"))

    def pair(self, sends, receives):
        """One more pair in the namespace, without addresses."""
        sh(*self.ns("ip", "link", "add", "dev", sends, "type", "veth", "peer", "name", receives))
        for link in (sends, receives):
            sh(*self.ns("ip", "link", "set", "dev", link, "up"))

    def play(self, frames, every=25, pause=0.002):
        """Sends (interface, bytes) pairs, in this order, with a @pause behind so @every many."""
        p = subprocess.run(self.ns(sys.executable, "-c", PLAYER, str(every), str(pause)), check=True, text=True,
                           input="".join(f"{link} {frame.hex()}\n" for link, frame in frames))
        return p.returncode

    def down(self):
        """What a fault has left in it would have it for ever."""
        for pid in sh("ip", "netns", "pids", self.name, check=False).stdout.split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        sh("ip", "netns", "del", self.name, check=False)

    def main(self, body):
        """A test's: body(binary, folder, checks) while the network is up; skipped where there can be none."""
        binary, checks = os.path.abspath(sys.argv[1]), Checks()
        if not self.possible():
            print("skipped: network namespaces need root")
            sys.exit(SKIP)
        with tempfile.TemporaryDirectory() as folder:
            os.chmod(folder, 0o755)
            try:
                self.up()
                body(binary, folder, checks)
            finally:
                self.down()
        checks.done()


class Wire:
    def __init__(self):
        self.name = f"slw{os.getpid()}"
        self.relay = None
        for n in "prw":
            sh("ip", "netns", "add", self.name + n)
            self.run(n, "ip", "link", "set", "lo", "up")
        for n, addr in ENDS:
            sh("ip", "link", "add", "eth0", "netns", self.name + n, "type", "veth", "peer", "name", f"m{n}",
               "netns", self.name + "w")
            self.run("w", "ip", "link", "add", f"tap-{n}-out", "type", "veth", "peer", "name", f"tap-{n}")
            for dev in (f"tap-{n}-out", f"tap-{n}", f"m{n}"):
                self.run("w", "ip", "link", "set", dev, "promisc", "on", "up")
            self.run(n, "ip", "addr", "add", f"{addr}/24", "dev", "eth0")
            self.run(n, "ip", "link", "set", "eth0", "up")
        for n, _ in ENDS:
            self.run("w", "tc", "qdisc", "add", "dev", f"m{n}", "clsact")
        self.whole()

    def ns(self, n, *cmd):
        return ["ip", "netns", "exec", self.name + n, *cmd]

    def run(self, n, *cmd):
        return sh(*self.ns(n, *cmd))

    def _filter(self, dev, hook, *actions):
        self.run("w", "tc", "filter", "del", "dev", dev, hook)
        act = [word for a in actions for word in ("action", "mirred", "egress", *a)]
        self.run("w", "tc", "filter", "add", "dev", dev, hook, "protocol", "all", "u32", "match", "u32", "0",
                 "0", *act)

    def _mirror(self, redirect):
        for (n, _), (other, _) in (ENDS, ENDS[::-1]):
            tap = ("mirror", "dev", f"tap-{n}-out")
            self._filter(f"m{n}", "egress", tap)
            self._filter(f"m{n}", "ingress", tap, *([("redirect", "dev", f"m{other}")] if redirect else []))

    def _offload(self, on):
        for n, _ in ENDS:
            for where, dev in ((n, "eth0"), ("w", f"m{n}")):
                self.run(where, "ethtool", "-K", dev, *[w for f in ("tso", "gso", "gro", "tx", "rx")
                                                        for w in (f, on)])

    def whole(self):
        """Nothing is lost; offloads are on, so that TCP passes in packets of up to 64 KiB."""
        if self.relay:
            end(self.relay)
            self.relay = None
        self._offload("on")
        self._mirror(redirect=True)

    def split(self):
        """As a TAP has it: what comes from the primary passes tap-p, what goes to it passes tap-r, each once."""
        for (n, _), (other, _) in (ENDS, ENDS[::-1]):
            self._filter(f"m{n}", "ingress", ("mirror", "dev", f"tap-{n}-out"), ("redirect", "dev", f"m{other}"))
            self.run("w", "tc", "filter", "del", "dev", f"m{n}", "egress")

    def lossy(self, seed, loss, double, reorder):
        self._mirror(redirect=False)
        self._offload("off")
        path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "relay.py")
        self.relay = subprocess.Popen(
            self.ns("w", sys.executable, path, "mp", "mr", str(seed), str(loss), str(double), str(reorder)),
            stdout=subprocess.PIPE, text=True)
        if self.relay.stdout.readline() != "ready\n":
            raise RuntimeError("the relay of the lossy wire did not start")

    def down(self):
        if self.relay:
            end(self.relay)
        for n in "prw":
            sh("ip", "netns", "del", self.name + n, check=False)
