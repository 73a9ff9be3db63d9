#include "dataplane/capture/device.h"

#include "scripts_dir.h"
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NAME_MAX_ 256

bool device_is_pci(const char *device)
{
	static const char *const shapes[] = {"xxxx:xx:xx.x", "xx:xx.x"};
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		size_t n = 0, len = strlen(shapes[i]);
		while (n < len && (shapes[i][n] == 'x' ? isxdigit((unsigned char)device[n])
						       : device[n] == shapes[i][n]))
			n++;
		if (n == len && (device[n] == '\0' || device[n] == ','))
			return true;
	}
	return false;
}

bool device_arg(const char *device, const char *key, char *out, size_t cap)
{
	size_t len = strlen(key);
	for (const char *p = strchr(device, ','); p; p = strchr(p + 1, ',')) {
		if (strncmp(p + 1, key, len) != 0 || p[1 + len] != '=')
			continue;
		const char *value = p + len + 2;
		size_t n = strcspn(value, ",");
		if (n >= cap)
			return false;
		memcpy(out, value, n);
		out[n] = '\0';
		return true;
	}
	return false;
}

static bool is_there(const char *sys, const char *class, const char *name)
{
	char path[2 * NAME_MAX_];
	snprintf(path, sizeof(path), "%s/%s/%s", sys, class, name);
	return access(path, F_OK) == 0;
}

static int check_pci(const char *device, const char *sys, struct err *e)
{
	char address[NAME_MAX_], path[2 * NAME_MAX_], to[NAME_MAX_];
	size_t len = strcspn(device, ",");
	snprintf(address, sizeof(address), "%s%.*s", len == 7 ? "0000:" : "", (int)len, device);
	if (!is_there(sys, "bus/pci/devices", address))
		return err_set(e, -ENODEV,
			       "port %s: no PCI card has this address; `sluiced devices` lists "
			       "the cards that are there",
			       device);
	snprintf(path, sizeof(path), "%s/bus/pci/devices/%s/driver", sys, address);
	ssize_t n = readlink(path, to, sizeof(to) - 1);
	to[n > 0 ? n : 0] = '\0';
	const char *slash = strrchr(to, '/'), *driver = slash ? slash + 1 : to;
	/* Mellanox's cards stay with the kernel's driver. */
	if (strcmp(driver, "vfio-pci") != 0 && strcmp(driver, "uio_pci_generic") != 0 &&
	    strcmp(driver, "igb_uio") != 0 && strncmp(driver, "mlx", 3) != 0)
		return err_set(
			e, -ENODEV,
			"port %s: the card is bound to %s, and must be to vfio-pci: " SL_SCRIPTS
			"/bind-nic.sh %s (docs/live.md)",
			device, *driver ? driver : "no driver", address);
	return 0;
}

static int check_vdev(const char *device, const char *sys, struct err *e)
{
	char value[NAME_MAX_];
	bool makes_it = strncmp(device, "net_tap", 7) == 0;
	if (!makes_it && device_arg(device, "iface", value, sizeof(value)) &&
	    !is_there(sys, "class/net", value))
		return err_set(e, -ENODEV,
			       "port %s: the kernel has no interface %s; `sluiced devices` lists "
			       "those it has",
			       device, value);
	if (device_arg(device, "rx_pcap", value, sizeof(value)) && access(value, R_OK) < 0)
		return err_set(e, -errno, "port %s: %s: %s", device, value, strerror(errno));
	return 0;
}

int device_check(const char *device, const char *sys, struct err *e)
{
	if (device_is_pci(device))
		return check_pci(device, sys, e);
	if (strncmp(device, "net_", 4) == 0)
		return check_vdev(device, sys, e);
	if (strchr(device, ':'))
		return 0; /* of a bus that we do not know */
	if (*device && !strchr(device, '/') && is_there(sys, "class/net", device))
		return err_set(e, -EINVAL,
			       "port %s: an interface of the kernel is written "
			       "net_af_packet0,iface=%s",
			       device, device);
	return err_set(
		e, -EINVAL,
		"port %s: expected a PCI address (0000:3b:00.0) or a device of a DPDK driver "
		"(net_af_packet0,iface=eth1); `sluiced devices` lists what is there",
		device);
}
