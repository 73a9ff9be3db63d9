"""A Debian that runs: systemd as process 1 of a container (systemd-nspawn), with one interface, eth1, to which the
tests send. Nothing of it outlasts end(): processes, control groups, interfaces.
"""
import glob
import os
import socket
import subprocess
import time

from wire import end, sh


class Booted:
    def __init__(self, root):
        self.root, self.link = root, f"slb{os.getpid()}"
        self.kept = self.groups()
        # DPDK asks which modules the kernel has, and the container's own /sys does not have that.
        self.p = subprocess.Popen(["systemd-nspawn", "--quiet", f"--directory={root}", f"--machine={self.link}",
                                   "--register=no", "--keep-unit", "--private-network", "--link-journal=no",
                                   "--bind-ro=/sys/module", "--console=pipe", "--boot"],
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.init = None
        try:
            self.wait_for_init()
        except Exception:
            self.end()
            raise
        sh("ip", "link", "add", self.link, "type", "veth", "peer", "name", "eth1", "netns", self.init)
        sh("ip", "link", "set", self.link, "up")
        sh("nsenter", "--target", self.init, "--net", "ip", "link", "set", "eth1", "up")

    def wait_for_init(self):
        for _ in range(300):
            children = f"/proc/{self.p.pid}/task/{self.p.pid}/children"
            if self.p.poll() is not None:
                raise RuntimeError(f"systemd-nspawn: {self.p.stdout.read()}")
            with open(children, encoding="utf-8") as f:
                self.init = (f.read().split() or [None])[0]
            if self.init and self.run("systemctl", "is-system-running", check=False).stdout.strip() in ("running", "degraded"):
                return
            time.sleep(0.1)
        raise RuntimeError("systemd does not come up")

    @staticmethod
    def groups():
        """What systemd-nspawn makes in each hierarchy of control groups that systemd uses, and leaves behind."""
        return set(glob.glob("/sys/fs/cgroup/**/payload", recursive=True) + glob.glob("/sys/fs/cgroup/**/supervisor",
                                                                                     recursive=True))

    def run(self, *cmd, check=True, user=None):
        become = ("setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups") if user else ()
        return sh("nsenter", "--target", self.init, "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--root",
                  "--wd", "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C",
                  "DEBIAN_FRONTEND=noninteractive", *become, *cmd, check=check)

    def show(self, unit, key):
        return self.run("systemctl", "show", "--value", f"--property={key}", unit).stdout.strip()

    def journal(self, unit, *args):
        return self.run("journalctl", "--no-pager", "--output=cat", f"--unit={unit}", *args).stdout

    def send(self, frames):
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as s:
            s.bind((self.link, 0))
            for frame in frames:
                s.send(frame)

    def end(self):
        end(self.p)  # halts it; the interface goes with its network
        self.p.stdout.close()
        for group in self.groups() - self.kept:
            for folder, _, _ in os.walk(group, topdown=False):
                os.rmdir(folder)
