#!/bin/sh
# bind-nic.sh - gives a card to vfio-pci, so that DPDK can drive it, or gives it back to the kernel.
#
#     scripts/bind-nic.sh 0000:3b:00.0              give it to vfio-pci; as root
#     scripts/bind-nic.sh --release 0000:3b:00.0    give it back to the kernel's driver
#     scripts/bind-nic.sh --show 0000:3b:00.0       who drives it
#
# Safe to run again. A card that carries the default route, or the SSH session that this runs in, is
# not taken. SYS and PROC name other folders than /sys and /proc: for tests.
set -eu
sys=${SYS:-/sys}
proc=${PROC:-/proc}
what=bind
case ${1:-} in
--release | --show)
    what=${1#--}
    shift
    ;;
esac
address=${1:-}
device=$sys/bus/pci/devices/$address
if [ -z "$address" ] || [ $# -ne 1 ]; then
    echo "bind-nic.sh: expected the PCI address of one card, such as 0000:3b:00.0 (lspci -D)" >&2
    exit 2
fi
if [ ! -e "$device" ]; then
    echo "bind-nic.sh: $address: there is no such device in $sys/bus/pci/devices" >&2
    exit 2
fi

driver() {
    if [ -e "$device/driver" ]; then basename "$(readlink "$device/driver")"; else echo none; fi
}

# The interface that the kernel has made of it, if any.
interface() {
    for i in "$device"/net/*; do
        [ -e "$i" ] && basename "$i"
    done
    return 0
}

# What ends the session of who runs this is refused.
refuse_ours() {
    for name in $(interface); do
        if awk -v name="$name" '$1 == name && $2 == "00000000" { found = 1 } END { exit !found }' \
            "$proc/net/route"; then
            echo "bind-nic.sh: $address is $name, which carries the default route: not taken" >&2
            exit 1
        fi
        server=$(echo "${SSH_CONNECTION:-}" | cut -d' ' -f3)
        if [ -n "$server" ] && ip -o addr show dev "$name" 2>/dev/null | grep -qF " $server/"; then
            echo "bind-nic.sh: $address is $name, which carries this SSH session: not taken" >&2
            exit 1
        fi
    done
}

# To the driver that driver_override names; empty: to the one that the kernel finds.
rebind() {
    echo "$1" >"$device/driver_override" ||
        { echo "bind-nic.sh: cannot write $device/driver_override: run as root" >&2; exit 1; }
    [ ! -e "$device/driver" ] || echo "$address" >"$device/driver/unbind"
    echo "$address" >"$sys/bus/pci/drivers_probe"
}

case $what in
show) ;;
bind)
    if [ "$(driver)" != vfio-pci ]; then
        refuse_ours
        [ -e "$sys/bus/pci/drivers/vfio-pci" ] || modprobe vfio-pci ||
            { echo "bind-nic.sh: the kernel has no vfio-pci: modprobe vfio-pci" >&2; exit 1; }
        rebind vfio-pci
    fi
    ;;
release)
    [ "$(driver)" != vfio-pci ] || rebind ""
    ;;
esac
echo "$address: $(driver)"
