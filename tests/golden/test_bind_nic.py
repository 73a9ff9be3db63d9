#!/usr/bin/env python3
"""scripts/bind-nic.sh on a copy of /sys: what it writes, and whom it refuses."""
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
from fake_host import make_card, write_routes  # noqa: E402
from sluice import Checks  # noqa: E402

SCRIPT = os.path.join(HERE, "..", "..", "scripts", "bind-nic.sh")
MAIN, OTHER = "0000:00:01.0", "0000:00:02.0"


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read().strip()


def main():
    checks = Checks()
    with tempfile.TemporaryDirectory() as root:
        for card, name in ((MAIN, "eth0"), (OTHER, "eth1")):
            make_card(root, card, name)
        write_routes(root, "Iface\tDestination\neth1\t0000000A\neth0\t00000000\n")
        env = dict(os.environ, SYS=f"{root}/sys", PROC=f"{root}/proc")
        env.pop("SSH_CONNECTION", None)

        def run(*args):
            return subprocess.run([SCRIPT, *args], capture_output=True, text=True, env=env, check=False)

        p = run(MAIN)
        checks.equal((p.returncode, "carries the default route: not taken" in p.stderr), (1, True),
                     "the card of the default route is refused")
        checks.check(not os.path.exists(f"{root}/sys/bus/pci/devices/{MAIN}/driver_override"), "and left alone")
        p = run("0000:99:00.0")
        checks.equal((p.returncode, "there is no such device" in p.stderr), (2, True), "a card that is not there")
        checks.equal(run().returncode, 2, "no card at all")
        checks.equal(run("--show", OTHER).stdout, f"{OTHER}: ice\n", "show says who drives it")
        device = f"{root}/sys/bus/pci/devices/{OTHER}"
        checks.equal(run(OTHER).returncode, 0, "another card is taken")
        checks.equal(read(f"{device}/driver_override"), "vfio-pci", "vfio-pci is to drive it")
        checks.equal(read(f"{root}/sys/bus/pci/drivers/ice/unbind"), OTHER, "its driver lets it go")
        checks.equal(read(f"{root}/sys/bus/pci/drivers_probe"), OTHER, "and the kernel looks again")
        os.unlink(f"{device}/driver")
        os.symlink("../../drivers/vfio-pci", f"{device}/driver")
        os.unlink(f"{root}/sys/bus/pci/drivers_probe")
        checks.equal(run(OTHER).stdout, f"{OTHER}: vfio-pci\n", "taken once more")
        checks.check(not os.path.exists(f"{root}/sys/bus/pci/drivers_probe"), "it does nothing")
        checks.equal(run("--release", OTHER).returncode, 0, "it is given back")
        checks.equal(read(f"{device}/driver_override"), "", "to whom the kernel finds")
        checks.equal(read(f"{root}/sys/bus/pci/drivers/vfio-pci/unbind"), OTHER, "vfio-pci lets it go")
    checks.done()


if __name__ == "__main__":
    main()
