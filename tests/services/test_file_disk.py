#!/usr/bin/env python3
"""Files on real disks: the same bytes with and without the page cache, a disk that is full in the middle, a process that is killed.

    one file system of ext4 in an image, one in memory; as root
"""
import glob
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from lines_capture import make_capture  # noqa: E402
from sluice import SKIP, Checks, replay  # noqa: E402

N, MIB = 40000, 1 << 20
CONF = """
sources: {{ lines: {{ match: {{ udp: 5170 }}, parser: lines }} }}
sinks: {{ out: {{ file: {{ path: "{path}", direct: {direct}, rotate_bytes: {rotate} }} }} }}
queues: {{ t/q: {{ from: lines, sink: out, format: json }} }}
"""


class Mount:
    """A file system of so many bytes, of type ext4 or tmpfs."""

    def __init__(self, folder, kind, size):
        self.at, self.kind = os.path.join(folder, kind), kind
        os.mkdir(self.at)
        if kind == "tmpfs":
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", self.at], check=True)
            return
        image = os.path.join(folder, "image")
        with open(image, "wb") as f:
            f.truncate(size)
        subprocess.run(["mkfs.ext4", "-q", "-F", image], check=True)
        subprocess.run(["mount", "-o", "loop", image, self.at], check=True)

    def end(self):
        subprocess.run(["umount", "-l", self.at], check=True)


class Lab:
    def __init__(self, binary, folder, checks):
        self.binary, self.folder, self.checks = binary, folder, checks
        self.pcap, self.conf = os.path.join(folder, "in.pcap"), os.path.join(folder, "sluice.yaml")
        make_capture(self.pcap, N, 10, lambda i: 40 + i * 7919 % 700)

    def configure(self, folder, direct, rotate="0"):
        with open(self.conf, "w", encoding="ascii") as f:
            f.write(CONF.format(path=os.path.join(folder, "out.ndjson"), direct=direct, rotate=rotate))

    def bytes_in(self, folder, end=".ndjson"):
        """Of all files, which are taken away."""
        data = b""
        for path in sorted(glob.glob(os.path.join(folder, "out-*" + end))):
            with open(path, "rb") as f:
                data += f.read()
            os.unlink(path)
        return data

    def replay(self, folder, direct, rotate="0"):
        self.configure(folder, direct, rotate)
        run = replay(self.binary, self.pcap, "-c", self.conf)
        self.checks.healthy(run, f"{folder}, direct: {direct}")
        self.checks.equal(run.status, 0, f"{folder}, direct: {direct}: exit status")
        return self.bytes_in(folder)


def same_bytes(lab, folders):
    """What it writes to is no matter of what it writes."""
    want = lab.replay(lab.folder, "off")
    lab.checks.equal(want.count(b"\n"), N, "records")
    lab.checks.check(len(want) > 16 * MIB, "enough to be written in blocks")
    for folder in folders:
        for direct in ("auto", "on"):
            for rotate in ("0", "3000001"):
                lab.checks.check(lab.replay(folder, direct, rotate) == want, f"{folder}, direct: {direct}, rotated by {rotate}: other bytes")
    return want


def full_disk(lab, mount, want):
    """What does not fit waits until there is room."""
    filler = os.path.join(mount.at, "filler")
    with open(filler, "wb") as f:
        left = os.statvfs(mount.at)
        for _ in range(left.f_bavail * left.f_frsize // MIB - 8):
            f.write(bytes(MIB))
        f.flush()
        os.fsync(f.fileno())
    lab.configure(mount.at, "on")
    p = subprocess.Popen([lab.binary, "replay", "-q", "-c", lab.conf, lab.pcap], stderr=subprocess.PIPE)
    until = time.monotonic() + 20
    size = -1
    while time.monotonic() < until:
        time.sleep(0.3)
        before, size = size, sum(map(os.path.getsize, glob.glob(os.path.join(mount.at, "out-*"))))
        if before == size > MIB:
            break
    lab.checks.check(MIB < size < len(want), f"{mount.kind}: it waits with the disk full, {size} bytes written")
    time.sleep(1.3)
    lab.checks.check(p.poll() is None, f"{mount.kind}: it waits")
    os.unlink(filler)
    err = p.communicate(timeout=60)[1].decode()
    lab.checks.equal(p.returncode, 0, f"{mount.kind}: exit status of what was full for a while: {err[-300:]}")
    lab.checks.check("No space left on device; waiting for it" in err, f"{mount.kind}: it says so within a second: {err[-300:]}")
    lab.checks.check(lab.bytes_in(mount.at) == want, f"{mount.kind}: each record once, in order, behind a full disk")


def killed(lab, folder, want):
    """What lies in NAME.part is the beginning of it, with nothing behind."""
    lab.configure(folder, "on")
    for nth in range(3):
        p = subprocess.Popen([lab.binary, "replay", "-q", "-c", lab.conf, "--loop", "50", lab.pcap], stderr=subprocess.DEVNULL)
        until = time.monotonic() + 20
        while time.monotonic() < until and sum(map(os.path.getsize, glob.glob(folder + "/out-*.part"))) < (3 + nth) * MIB:
            time.sleep(0.001)
        p.send_signal(signal.SIGKILL)
        p.wait()
        got = lab.bytes_in(folder, ".part")
        lab.checks.check(len(got) >= (3 + nth) * MIB, f"{folder}: killed after {len(got)} bytes")
        # Of the first round; those behind it say the same with other ids.
        lab.checks.check(got[:len(want)] == want[:len(got)] and b"\0" not in got, f"{folder}: killed: what is there is the beginning")


def main(binary):
    checks, mounts = Checks(), []
    with tempfile.TemporaryDirectory() as folder:
        lab = Lab(binary, folder, checks)
        try:
            for kind in ("ext4", "tmpfs"):
                mounts.append(Mount(folder, kind, 64 * MIB))
            want = same_bytes(lab, [m.at for m in mounts])
            for m in mounts:
                full_disk(lab, m, want)
                killed(lab, m.at, want)
        finally:
            for m in mounts:
                m.end()
    checks.done()


def why_not():
    """What is missing, or nothing."""
    if os.geteuid() != 0:
        return "it takes root"
    if not os.path.exists("/dev/loop-control"):
        return "no loop devices"
    return "" if shutil.which("mkfs.ext4") else "not installed: mkfs.ext4"


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    if why_not():
        print(why_not())
        sys.exit(1 if os.environ.get("CI") == "true" else SKIP)
    main(os.path.abspath(sys.argv[1]))
