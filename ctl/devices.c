/* `sluiced devices`: what could be captured from, as a value for capture.ports[].device. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/cmd.h"
#include "scripts_dir.h"

/* First line of a file of sysfs, without its newline; "" when there is none. */
static void read_line(const char *dir, const char *name, const char *file, char *out, size_t cap)
{
	char path[512];
	snprintf(path, sizeof(path), "%s/%s/%s", dir, name, file);
	FILE *f = fopen(path, "r");
	out[0] = '\0';
	if (f && fgets(out, (int)cap, f))
		out[strcspn(out, "\n")] = '\0';
	if (f)
		fclose(f);
}

/* The last part of where a link of sysfs leads: a driver's name. */
static void read_link_name(const char *dir, const char *name, const char *link, char *out,
			   size_t cap)
{
	char path[512], to[512];
	snprintf(path, sizeof(path), "%s/%s/%s", dir, name, link);
	ssize_t n = readlink(path, to, sizeof(to) - 1);
	to[n > 0 ? n : 0] = '\0';
	const char *slash = strrchr(to, '/');
	const char *last = n <= 0 ? "none" : slash ? slash + 1 : to;
	snprintf(out, cap, "%.*s", (int)cap - 1, last);
}

static int not_hidden(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

static void each_entry(const char *dir, void (*show)(const char *dir, const char *name))
{
	struct dirent **names;
	int n = scandir(dir, &names, not_hidden, alphasort);
	for (int i = 0; i < n; i++) {
		show(dir, names[i]->d_name);
		free(names[i]);
	}
	if (n >= 0)
		free(names);
}

static void show_interface(const char *dir, const char *name)
{
	char state[32], mtu[32], driver[64];
	read_line(dir, name, "operstate", state, sizeof(state));
	read_line(dir, name, "mtu", mtu, sizeof(mtu));
	read_link_name(dir, name, "device/driver", driver, sizeof(driver));
	printf("  %-16s state %-8s mtu %-6s driver %-12s device: \"net_af_packet0,iface=%s\"\n",
	       name, state, mtu, driver, name);
}

static void show_card(const char *dir, const char *name)
{
	char class[32], vendor[32], device[32], driver[64];
	read_line(dir, name, "class", class, sizeof(class));
	if (strncmp(class, "0x02", 4) != 0)
		return;
	read_line(dir, name, "vendor", vendor, sizeof(vendor));
	read_line(dir, name, "device", device, sizeof(device));
	read_link_name(dir, name, "driver", driver, sizeof(driver));
	bool ready = strcmp(driver, "vfio-pci") == 0 || strcmp(driver, "mlx5_core") == 0;
	printf("  %-16s %s:%s driver %-12s device: \"%s\"%s\n", name, vendor, device, driver, name,
	       ready ? "" : "  (bind it to vfio-pci first: " SL_SCRIPTS "/bind-nic.sh ADDRESS)");
}

int cmd_devices(void)
{
	puts("interfaces of the kernel (through af_packet, as root; see docs/live.md):");
	each_entry("/sys/class/net", show_interface);
	puts("network cards on PCI:");
	each_entry("/sys/bus/pci/devices", show_card);
	return 0;
}
