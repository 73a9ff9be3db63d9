#!/usr/bin/env python3
"""The Debian package: built by scripts/package.sh, clean for lintian, installed into a Debian of its own, used there,
run there by a systemd as process 1 (systemd-nspawn), upgraded, and removed. SL_PACKAGE=FILE takes a package that is
built already; without optimization, this one is to be looked at.

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
import docs  # noqa: E402
from booted import Booted  # noqa: E402
from pcaplib import ethernet, udp  # noqa: E402
from sluice import SKIP, Checks  # noqa: E402
from wire import sh  # noqa: E402

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache")), "sluice-tests")
NEEDED = ("debootstrap", "dpkg-buildpackage", "dh", "lintian", "systemd-analyze", "systemd-sysusers", "systemd-tmpfiles",
          "systemd-nspawn")
SUITE = "bookworm"
INSTALL = "apt-get install -y ./build/sluice_*.deb"  # as docs/install.md has it
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
    os.mkdir(chroot.root + "/build")
    shutil.copy(package, chroot.root + "/build")
    with open(chroot.root + "/etc/apt/apt.conf.d/90few", "w", encoding="utf-8") as f:
        f.write('APT::Install-Recommends "false";\n')
    p = chroot.run("sh", "-c", INSTALL)
    checks.check("warning" not in p.stdout.lower(), f"{INSTALL}: {p.stdout}")


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


class Service:
    """The unit in a Debian that runs; `told` are the commands of the documents that were run there."""

    # No time of the unit's is waited for: 2 s before it is started again, 30 s of silence.
    HURRY = "[Service]\nRestartSec=100ms\nWatchdogSec=4s\n"

    def __init__(self, booted):
        self.booted, self.run, self.unit = booted, booted.run, "sluice.service"
        self.config, self.told = booted.root + "/etc/sluice/sluice.yaml", {INSTALL}

    def write(self, path, text):
        path = self.booted.root + path
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)

    def change(self, old, new):
        with open(self.config, encoding="utf-8") as f:
            text = f.read()
        with open(self.config, "w", encoding="utf-8") as f:
            f.write(text.replace(old, new))
        return text

    def as_told(self, command, check=True):
        self.told.add(command)
        return self.run("sh", "-c", command, check=check)

    def ctl(self, *args, user=None):
        return self.run("sluicectl", "--json", *args, check=False, user=user)

    def written(self, n):
        """Sends so many lines; how many records are written then."""
        self.booted.send([ethernet(udp("10.0.0.1", 40514, "10.0.0.9", 514, b"<13>1 - web-1 su - - - line %d" % i, ident=i))
                          for i in range(n)])
        for _ in range(50):
            p = self.ctl("status")
            got = json.loads(p.stdout)["written"] if p.stdout else p.stderr
            if got == n:
                break
            time.sleep(0.1)
        return got

    def starts(self):
        return self.booted.journal(self.unit).count("Started sluice.service")

    def main(self):
        return self.booted.show(self.unit, "MainPID")

    def killed(self, signal):
        """Who runs after that signal, and what systemd says of it."""
        was, times = self.main(), int(self.booted.show(self.unit, "NRestarts"))
        self.run("sh", "-c", f"kill -{signal} {was}")
        for _ in range(100):
            if self.main() not in ("0", was) and self.booted.show(self.unit, "ActiveState") == "active":
                break
            time.sleep(0.1)
        return int(self.booted.show(self.unit, "NRestarts")) - times, self.booted.journal(self.unit, "--lines=30")


def start_service(s, checks):
    """systemctl enable --now, as docs/install.md has it; before it, what somebody new gets wrong."""
    s.write("/etc/systemd/system/sluice.service.d/hurry.conf", s.HURRY)
    s.as_told("systemctl daemon-reload")
    good = s.change("iface=eth1", "iface=eth7")
    p = s.as_told("systemctl enable --now sluice", check=False)
    checks.check(p.returncode and "the kernel has no interface eth7" in s.booted.journal(s.unit, "--priority=err"),
                 f"a start that fails says why, at the journal's level of errors: {s.booted.journal(s.unit, '--lines=5')}")
    s.change("parser:", "parsr:")
    s.run("systemctl", "restart", "sluice", check=False)
    checks.check('did you mean "parser"?' in s.booted.journal(s.unit, "--priority=err"), "and what is wrong in the file")
    s.write("/etc/sluice/sluice.yaml", good)
    s.run("systemctl", "restart", "sluice", check=False)
    checks.equal([s.booted.show(s.unit, k) for k in ("ActiveState", "SubState", "Type", "StatusErrno", "UnitFileState")],
                 ["active", "running", "notify", "0", "enabled"], "the unit runs")
    checks.check(os.path.islink(s.booted.root + "/etc/systemd/system/multi-user.target.wants/sluice.service"),
                 "and will at the next start of the host")


def use_service(s, checks):
    checks.equal(s.written(100), 100, "what comes to the interface is written")
    lines = sum(len(open(path, encoding="utf-8").readlines())
                for path in glob.glob(s.booted.root + "/var/lib/sluice/events*"))
    checks.equal(lines, 100, "below /var/lib/sluice")
    made = s.run("stat", "-c", "%U %a", "/var/lib/sluice/spool", "/var/lib/sluice/dlq").stdout.split("\n")
    checks.equal(made[:2], ["sluice 750"] * 2, "where the spool and dead letters are, too")
    s.run("useradd", "--user-group", "--groups", "sluice", "bob")
    s.run("useradd", "--user-group", "alice")
    s.as_told("usermod -a -G sluice-admin alice")
    s.run("useradd", "--user-group", "eve")
    statuses = [s.ctl(what, user=user).returncode for user in ("bob", "alice", "eve") for what in ("status", "reload")]
    checks.equal([n == 0 for n in statuses], [True, False, True, True, False, False],
                 "group sluice looks, sluice-admin changes, others do neither")
    status = s.run("cat", f"/proc/{s.main()}/status").stdout
    checks.equal(re.findall(r"^(?:CapInh|CapPrm|CapEff|CapAmb|NoNewPrivs|Seccomp):\t(.*)$", status, re.M), ["0" * 16] * 4 + ["1", "2"],
                 "it keeps no right")


def ask_doctor(s, checks):
    said = s.run("sluicectl", "doctor", check=False).stdout
    checks.check("hugepages" in said and " scripts/" not in said, f"what mends it is where the package put it: {said}")


def change_service(s, checks):
    p = s.run("systemctl", "reload", "sluice", check=False)
    checks.equal((p.returncode, json.loads(s.ctl("reload", "status").stdout)["state"]), (0, "done"), "systemctl reload")
    good = s.change("parser: syslog", "parser: sislog")
    p = s.run("systemctl", "reload", "sluice", check=False)
    checks.check(p.returncode and "sislog" in s.booted.journal(s.unit, "--priority=err", "--lines=5"),
                 "a reload that fails does not pass for done")
    s.write("/etc/sluice/sluice.yaml", good)
    checks.equal(s.booted.show(s.unit, "ActiveState"), "active", "and what ran goes on")


def lose_service(s, checks):
    times, said = s.killed("KILL")
    checks.check(times == 1 and "unfinished file" in said, f"killed, it is started again: {times} {said}")
    times, said = s.killed("STOP")
    checks.check(times == 1 and "Failed with result 'watchdog'" in said, f"silent, it is started again: {times} {said}")
    checks.equal(s.written(10), 10, "and works")
    begin = time.monotonic()
    s.run("systemctl", "stop", "sluice")
    took, said = time.monotonic() - begin, s.booted.journal(s.unit, "--lines=50")
    checks.check(took < 10 and "balanced: yes; nothing lost" in said, f"a stop of {took:.1f} s writes the ledger: {said}")
    checks.equal([s.booted.show(s.unit, k) for k in ("ActiveState", "Result")], ["inactive", "success"], "and is in order")


def write_elsewhere(s, checks):
    """A folder outside of the unit's: docs/troubleshooting.md."""
    good = s.change("/var/lib/sluice/events", "/srv/events/e")
    s.run("install", "--directory", "--owner=sluice", "/srv/events")
    s.run("systemctl", "start", "sluice", check=False)
    checks.check("directory /srv/events: Read-only file system" in s.booted.journal(s.unit, "--priority=err", "--lines=5"),
                 "a folder that the unit keeps from it is told by name")
    s.write("/etc/systemd/system/sluice.service.d/folder.conf", "[Service]\nReadWritePaths=/srv/events\n")
    s.run("systemctl", "daemon-reload")
    s.run("systemctl", "restart", "sluice")
    checks.equal(s.written(10), 10, "ReadWritePaths= opens it")
    checks.check(glob.glob(s.booted.root + "/srv/events/e*"), "and the records are there")
    os.remove(s.booted.root + "/etc/systemd/system/sluice.service.d/folder.conf")
    s.write("/etc/sluice/sluice.yaml", good)


def drive_card(s, checks):
    """The drop-in of cards, with an interface of the kernel in a card's place: root, then run_as."""
    s.write("/etc/systemd/system/sluice.service.d/card.conf", open(s.booted.root + "/usr/share/sluice/card.conf",
                                                                   encoding="utf-8").read())
    s.run("systemctl", "daemon-reload")
    s.run("systemctl", "restart", "sluice", check=False)
    checks.equal(s.booted.show(s.unit, "ActiveState"), "active", f"card.conf: {s.booted.journal(s.unit, '--lines=8')}")
    checks.equal(s.run("stat", "-c", "%U", f"/proc/{s.main()}").stdout.strip(), "sluice", "root has become sluice")
    checks.equal(s.written(10), 10, "card.conf: it captures, and writes")


def upgrade_service(s, checks):
    """The same package, over itself: to dpkg that is an upgrade."""
    s.change("main/syslog", "mine/syslog")
    starts, was = s.starts(), s.main()
    p = s.run("dpkg", "-i", "/root/sluice.deb")
    checks.equal((s.starts() - starts, s.main() != was, s.booted.show(s.unit, "ActiveState")), (1, True, "active"),
                 f"an upgrade starts it again, once: {p.stdout}{p.stderr}{s.booted.journal(s.unit, '--lines=20')}")
    with open(s.config, encoding="utf-8") as f:
        checks.check("mine/syslog" in f.read(), "and leaves the configuration alone")
    good, was = s.change("syslog: {", "syslog: { nosuch: 1,"), s.main()
    p = s.run("dpkg", "-i", "/root/sluice.deb")
    checks.check(s.main() == was and "nosuch" in p.stderr and "goes on" in p.stderr,
                 f"one that refuses the configuration leaves what runs: {p.stderr}")
    s.write("/etc/sluice/sluice.yaml", good)
    os.remove(s.booted.root + "/etc/systemd/system/sluice.service.d/card.conf")
    s.run("systemctl", "daemon-reload")
    s.run("systemctl", "restart", "sluice")
    was = s.main()
    os.chmod(s.config, 0o600)
    p = s.run("dpkg", "-i", "/root/sluice.deb")
    checks.check(was != "0" and s.main() == was and "Permission denied" in p.stderr,
                 f"so does one that only root may read: {p.stderr}")
    os.chmod(s.config, 0o644)
    p = s.as_told("dpkg -P sluice")
    left = [path for path in (f"/proc/{was}", "/run/sluice", "/etc/systemd/system/multi-user.target.wants/sluice.service")
            if s.run("test", "-e", path, check=False).returncode == 0]
    checks.equal((s.booted.show(s.unit, "LoadState"), left), ("not-found", []),
                 f"dpkg -P ends what runs, and leaves nothing of it: {p.stdout}{p.stderr}")


def run_service(chroot, checks):
    """Returns the files of that Debian without the package."""
    begin = time.monotonic()
    os.remove(chroot.root + "/usr/sbin/policy-rc.d")
    booted = Booted(chroot.root)
    try:
        service = Service(booted)
        for step in (start_service, use_service, ask_doctor, change_service, lose_service, write_elsewhere,
                     drive_card, upgrade_service):
            step(service, checks)
        checks.equal({c for _, _, c, _ in docs.commands() if docs.elsewhere(c) == docs.PACKAGE} - service.told, set(),
                     "commands of the documents that this test does not run")
    finally:
        booted.end()
    shutil.rmtree(chroot.root + "/var/lib/sluice")
    before = chroot.files()
    chroot.run("dpkg", "-i", "/root/sluice.deb")
    print(f"  run by systemd in {time.monotonic() - begin:.0f} s")
    return before


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
        install(chroot, package, checks)
        look_inside(chroot, checks)
        use_it(chroot, checks)
        reserve_pages(chroot, checks)
        before = run_service(chroot, checks)
        purge(chroot, before, checks)
        print(f"  {time.monotonic() - begin:.0f} s in all")
    checks.done()


if __name__ == "__main__":
    main()
