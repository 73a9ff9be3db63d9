"""A copy of what /sys and /proc say of cards, for scripts that change a host."""
import os


def make_card(root, address, interface, driver="ice"):
    """A PCI card with an interface, driven by the kernel's driver."""
    device = f"{root}/sys/bus/pci/devices/{address}"
    os.makedirs(f"{device}/net/{interface}")
    os.makedirs(f"{root}/sys/bus/pci/drivers/{driver}", exist_ok=True)
    os.makedirs(f"{root}/sys/bus/pci/drivers/vfio-pci", exist_ok=True)
    os.symlink(f"../../drivers/{driver}", f"{device}/driver")
    write_routes(root, "Iface\tDestination\n")


def write_routes(root, text):
    os.makedirs(f"{root}/proc/net", exist_ok=True)
    with open(f"{root}/proc/net/route", "w", encoding="utf-8") as f:
        f.write(text)
