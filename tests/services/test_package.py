#!/usr/bin/env python3
"""The Debian package: built by scripts/package.sh, clean for lintian, installed into a Debian of its own, used there,
and removed. SL_PACKAGE=FILE takes a package that is built already; without optimization, this one is to be looked at.

A bare Debian (debootstrap) is kept in ~/.cache/sluice-tests for the next time.

    test_package.py SLUICED
"""
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from sluice import SKIP, Checks  # noqa: E402
from wire import sh  # noqa: E402

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache")), "sluice-tests")
NEEDED = ("debootstrap", "dpkg-buildpackage", "dh", "lintian", "systemd-analyze", "systemd-sysusers", "systemd-tmpfiles")
SUITE = "bookworm"
EXPOSURE_MAX = 30  # of 100, as systemd-analyze counts
# What an installation may leave: what dpkg, apt and the C library keep of any package, and accounts (postrm says why).
KEPT = re.compile(r"^/(var/(lib/(dpkg|apt|systemd|ucf|pam)|cache|log)/|etc/(passwd|group|shadow|gshadow|subuid|subgid)-?$|"
                  r"etc/ld\.so\.cache|tmp/|run/|proc/|dev/|sys/|root/)")


def mirror():
    """Where this machine gets Debian from."""
    for path in sorted(glob.glob("/etc/apt/sources.list.d/*")) + ["/etc/apt/sources.list"]:
        if os.path.exists(path):
            with open(path, encoding="utf-8") as f:
                found = re.search(r"^(?:URIs:|deb(?: \[.*?\])?) *(https?://\S*/debian)/? ", f.read().replace("\n", " \n"), re.M)
            if found:
                return found.group(1)
    return "http://deb.debian.org/debian"


class Chroot:
    """A bare Debian, into which nothing of this machine's is written."""

    def __init__(self, folder):
        self.root, self.failed = os.path.join(folder, "root"), None

    def make(self):
        base = os.path.join(CACHE, f"{SUITE}.tar")
        os.mkdir(self.root)
        if os.path.exists(base) and time.time() - os.path.getmtime(base) < 7 * 86400:
            sh("tar", "-C", self.root, "-xf", base)
        else:
            sh("debootstrap", "--variant=minbase", SUITE, self.root, mirror())
            os.makedirs(CACHE, exist_ok=True)
            sh("tar", "-C", self.root, "-cf", base + ".new", ".")
            os.rename(base + ".new", base)
        for name in glob.glob("/etc/apt/apt.conf.d/*"):  # how this machine reaches its mirror
            shutil.copy(name, self.root + "/etc/apt/apt.conf.d")
        with open(self.root + "/usr/sbin/policy-rc.d", "w", encoding="utf-8") as f:
            f.write("#!/bin/sh\nexit 101\n")
        os.chmod(self.root + "/usr/sbin/policy-rc.d", 0o755)
        self.run("apt-get", "-q", "update")

    def make_beside(self):
        def work():
            try:
                self.make()
            except Exception as e:  # noqa: BLE001 - told by who waits for it
                self.failed = e
        thread = threading.Thread(target=work)
        thread.start()
        return thread

    def run(self, *cmd, check=True, user=None):
        """In namespaces of its own, so that its mounts and processes go with it."""
        script = ('mount -t proc proc "$1/proc"; mount -t sysfs -o ro sys "$1/sys"; mount --rbind /dev "$1/dev"; r=$1; shift; '
                  'exec chroot $OPTION "$r" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C DEBIAN_FRONTEND=noninteractive '
                  '"$@"')
        env = dict(os.environ, OPTION=f"--userspec={user}" if user else "")
        return sh("unshare", "--mount", "--pid", "--fork", "sh", "-c", script, "sh", self.root, *cmd, check=check, env=env)

    def files(self):
        found = self.run("find", "/", "-xdev", "-printf", "%p %y\n").stdout.splitlines()
        return {line.rsplit(" ", 1)[0] for line in found if not KEPT.match(line)}


def build(folder):
    if os.environ.get("SL_PACKAGE"):
        return os.environ["SL_PACKAGE"], ""
    env = dict(os.environ, DEB_BUILD_OPTIONS="noopt")
    p = sh(os.path.join(ROOT, "scripts", "package.sh"), folder, env=env)
    return p.stdout.strip().splitlines()[-1], p.stderr


def look_at_files(package, folder, checks):
    """What does not need an installation: units, users and folders, as systemd's own tools see them."""
    tree, fresh = os.path.join(folder, "tree"), os.path.join(folder, "fresh")
    sh("dpkg-deb", "-x", package, tree)
    os.makedirs(fresh + "/etc")
    sh("systemd-sysusers", f"--root={fresh}", tree + "/usr/lib/sysusers.d/sluice.conf")
    sh("systemd-tmpfiles", f"--root={fresh}", "--create", tree + "/usr/lib/tmpfiles.d/sluice.conf")
    with open(fresh + "/etc/passwd", encoding="utf-8") as f:
        user = next(line.split(":") for line in f if line.startswith("sluice:"))
    checks.equal(user[5:], ["/var/lib/sluice", "/usr/sbin/nologin\n"], "sysusers: nobody logs in as sluice")
    for path, mode in (("/var/lib/sluice", 0o750), ("/run/sluice", 0o755)):
        st = os.stat(fresh + path)
        checks.equal((st.st_mode & 0o7777, str(st.st_uid)), (mode, user[2]), f"tmpfiles: {path} is sluice's")
    checks.check(not glob.glob(tree + "/etc/logrotate.d/*"), "no logrotate: the journal has what it says")


def install(chroot, package, checks):
    shutil.copy(package, chroot.root + "/root/sluice.deb")
    # What it depends on stays when it goes: it is no part of what it leaves.
    depends = sh("dpkg-deb", "-f", package, "Depends").stdout
    names = [re.sub(r"\(.*?\)", "", d.split("|")[0]).strip() for d in depends.split(",")]
    chroot.run("apt-get", "-q", "-y", "install", "--no-install-recommends", *names)
    before = chroot.files()
    p = chroot.run("dpkg", "-i", "/root/sluice.deb")
    checks.check("warning" not in (p.stdout + p.stderr).lower(), f"dpkg -i: {p.stdout}{p.stderr}")
    return before


def look_inside(chroot, checks):
    for name in ("sluice", "sluice-admin"):
        checks.equal(chroot.run("getent", "group", name, check=False).returncode, 0, f"group {name}")
    for path, want in (("/var/lib/sluice", "750 sluice sluice"), ("/run/sluice", "755 sluice sluice"),
                       ("/etc/sluice/sluice.yaml", "644 root root")):
        checks.equal(chroot.run("stat", "-c", "%a %U %G", path).stdout.strip(), want, path)
    checks.equal(glob.glob(chroot.root + "/etc/systemd/system/*.wants/sluice.service"), [], "the unit is not enabled")
    p = chroot.run("systemd-analyze", "verify", "--man=no", "/lib/systemd/system/sluice.service", check=False)
    checks.equal((p.returncode, p.stdout + p.stderr), (0, ""), "systemd-analyze verify")
    p = chroot.run("systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE_MAX}", "--no-pager",
                   "sluice.service", check=False)
    print(" ", (p.stdout.strip().splitlines() or [p.stderr])[-1])
    checks.equal(p.returncode, 0, f"exposure is at most {EXPOSURE_MAX}: {p.stdout[-300:]}{p.stderr}")
    p = chroot.run("sluiced", "check", "-c", "/etc/sluice/sluice.yaml", check=False, user="sluice")
    checks.equal(p.returncode, 0, f"the configuration to begin with is good: {p.stdout}{p.stderr}")
    for path in sorted(glob.glob(chroot.root + "/usr/share/sluice/examples/*.yaml")):
        inside = path[len(chroot.root):]
        p = chroot.run("sluiced", "check", "-c", inside, check=False)
        checks.equal(p.returncode, 0, f"{inside}: {p.stderr[-300:]}")


def use_it(chroot, checks):
    sh(sys.executable, os.path.join(ROOT, "tests", "support", "make_sample.py"), chroot.root + "/tmp/sample.pcap")
    p = chroot.run("sluiced", "replay", "/tmp/sample.pcap", check=False, user="nobody")
    with open(os.path.join(ROOT, "tests", "golden", "sample.ndjson"), encoding="utf-8") as f:
        want = sorted(json.loads(line)["_id"] for line in f)
    checks.equal(sorted(json.loads(line)["_id"] for line in p.stdout.splitlines()), want, f"the sample's events: {p.stderr}")
    checks.equal(p.returncode, 0, "and nothing is lost")
    p = chroot.run("sluicectl", "status", check=False)
    checks.check(p.returncode == 2 and "sluiced" in p.stderr, f"sluicectl says that nothing runs: {p.stderr}")


HUGEPAGES = """
set -e
echo 0 >/tmp/pages
mount --bind /tmp/pages /proc/sys/vm/nr_hugepages
reserve=/usr/share/sluice/hugepages.sh
$reserve 4 && $reserve 4
[ "$(cat /tmp/pages)" = 4 ]
$reserve
$reserve 0
[ "$(cat /tmp/pages)" = 0 ]
! $reserve many && ! $reserve -1
[ "$(cat /tmp/pages)" = 0 ]
rm /tmp/pages || true
"""


def reserve_pages(chroot, checks):
    """hugepages.sh, on a file in place of the kernel's number."""
    p = chroot.run("sh", "-c", HUGEPAGES, check=False)
    checks.equal(p.returncode, 0, f"hugepages.sh twice is as once, and is taken back: {p.stdout}{p.stderr}")


def purge(chroot, before, checks):
    p = chroot.run("dpkg", "-P", "sluice")
    checks.check("warning" not in (p.stdout + p.stderr).lower(), f"dpkg -P: {p.stdout}{p.stderr}")
    checks.equal(sorted(chroot.files() - before), [], "dpkg -P leaves nothing")
    chroot.run("dpkg", "-i", "/root/sluice.deb")
    with open(chroot.root + "/var/lib/sluice/records", "w", encoding="utf-8") as f:
        f.write("not sent yet\n")
    chroot.run("dpkg", "-P", "sluice")
    checks.equal(sorted(chroot.files() - before), ["/var/lib/sluice", "/var/lib/sluice/records"],
                 "but records that wait for their sink")


def main():
    checks = Checks()
    missing = [n for n in NEEDED if not shutil.which(n, path=os.environ["PATH"] + ":/usr/sbin")]
    if os.geteuid() != 0 or missing:
        print(f"skipped: needs root and {', '.join(missing or NEEDED)}")
        sys.exit(SKIP)
    with tempfile.TemporaryDirectory() as folder:
        begin = time.monotonic()
        chroot = Chroot(folder)
        waits = chroot.make_beside()
        package, said = build(os.path.join(folder, "out"))
        print(f"  built in {time.monotonic() - begin:.0f} s")
        checks.check("not looked at" not in said, "lintian looked at it")
        look_at_files(package, folder, checks)
        waits.join()
        if not checks.check(chroot.failed is None, f"a bare Debian: {chroot.failed}"):
            checks.done()
        print(f"  a bare Debian after {time.monotonic() - begin:.0f} s")
        before = install(chroot, package, checks)
        look_inside(chroot, checks)
        use_it(chroot, checks)
        reserve_pages(chroot, checks)
        purge(chroot, before, checks)
        print(f"  {time.monotonic() - begin:.0f} s in all")
    checks.done()


if __name__ == "__main__":
    main()
