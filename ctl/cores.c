#include "ctl/cores.h"

#include <ctype.h>
#include <dirent.h>
#include <linux/mempolicy.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "dataplane/capture/device.h"

#define PATH_BYTES 512
#define NODES_MAX  64

/* Cores that are left for main, sinks and the kernel before workers get their own. */
#define REST_MIN   2

/* ---- what /sys tells ---- */

static int read_int(const char *root, const char *path)
{
	char full[PATH_BYTES];
	int n = -1;
	snprintf(full, sizeof(full), "%s%s", root, path);
	FILE *f = fopen(full, "re");
	if (f && fscanf(f, "%d", &n) != 1)
		n = -1;
	if (f)
		fclose(f);
	return n;
}

int cores_node(int core, const char *root)
{
	char path[PATH_BYTES];
	int found = -1;
	unsigned n_nodes = 0;
	for (int node = 0; node < NODES_MAX; node++) {
		snprintf(path, sizeof(path), "%s/sys/devices/system/node/node%d", root, node);
		n_nodes += access(path, F_OK) == 0;
		snprintf(path, sizeof(path), "%s/sys/devices/system/node/node%d/cpu%d", root, node,
			 core);
		if (found < 0 && access(path, F_OK) == 0)
			found = node;
	}
	return n_nodes > 1 ? found : -1;
}

int cores_device_node(const char *device, const char *root)
{
	char path[PATH_BYTES], iface[64];
	size_t len = strcspn(device, ",");
	if (device_is_pci(device))
		snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s%.*s/numa_node",
			 len == 7 ? "0000:" : "", (int)len, device);
	else if (device_arg(device, "iface", iface, sizeof(iface)))
		snprintf(path, sizeof(path), "/sys/class/net/%s/device/numa_node", iface);
	else
		return -1;
	return read_int(root, path);
}

/* Is it the first of the threads of its core? */
static bool is_first_thread(int core, const char *root)
{
	char path[PATH_BYTES];
	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list",
		 core);
	int first = read_int(root, path);
	return first < 0 || first == core;
}

/* ---- the choice ---- */

/* The worse, the larger: another node costs more than a thread of a core that is taken. */
static unsigned distance(int core, int near, const char *root)
{
	bool far = near >= 0 && cores_node(core, root) >= 0 && cores_node(core, root) != near;
	return 4 * far + 2 * !is_first_thread(core, root) + (core == 0);
}

static int nearest(const cpu_set_t *free_cores, int near, const char *root)
{
	int best = -1;
	unsigned best_distance = 0;
	for (int core = 0; core < CORES_MAX; core++) {
		if (!CPU_ISSET(core, free_cores))
			continue;
		unsigned d = distance(core, near, root);
		if (best < 0 || d < best_distance) {
			best = core;
			best_distance = d;
		}
	}
	return best;
}

/* "2-5,8": @ret_list[i] is the core of worker i. Returns how many, or -1. */
static int parse_list(const char *text, int ret_list[CONFIG_WORKERS_MAX])
{
	int n = 0;
	while (isdigit((unsigned char)*text)) {
		char *end;
		long long from = strtoll(text, &end, 10), to = from;
		if (*end == '-' && isdigit((unsigned char)end[1]))
			to = strtoll(end + 1, &end, 10);
		if (from > to || to >= CORES_MAX)
			return -1;
		for (long long core = from; core <= to; core++) {
			if (n == CONFIG_WORKERS_MAX)
				return -1;
			ret_list[n++] = (int)core;
		}
		if (*end == '\0')
			return n;
		if (*end != ',')
			return -1;
		text = end + 1;
	}
	return -1;
}

static int take_list(struct cores *c, const char *want, const cpu_set_t *may, unsigned n_workers,
		     struct err *e)
{
	int n = parse_list(want, c->of_worker);
	if (n < 0)
		return err_set(e, -EINVAL,
			       "capture.cores: \"%s\" does not fit here; expected auto, off, or "
			       "cores such as 2-5,8",
			       want);
	if ((unsigned)n != n_workers)
		return err_set(e, -EINVAL, "capture.cores: %d core%s; expected %u, one a worker", n,
			       n == 1 ? "" : "s", n_workers);
	for (int i = 0; i < n; i++) {
		if (!CPU_ISSET(c->of_worker[i], may))
			return err_set(e, -EINVAL,
				       "capture.cores: core %d is not there, or not for this "
				       "process (taskset, cgroup)",
				       c->of_worker[i]);
		for (int k = 0; k < i; k++)
			if (c->of_worker[k] == c->of_worker[i])
				return err_set(e, -EINVAL, "capture.cores: core %d is there twice",
					       c->of_worker[i]);
	}
	c->pinned = true;
	return 0;
}

static void take_nearest(struct cores *c, const cpu_set_t *may, unsigned n_workers, const int *near,
			 const char *root)
{
	cpu_set_t free_cores = *may;
	if ((unsigned)CPU_COUNT(may) < n_workers + REST_MIN)
		return;
	for (unsigned i = 0; i < n_workers; i++) {
		c->of_worker[i] = nearest(&free_cores, near[i], root);
		CPU_CLR(c->of_worker[i], &free_cores);
	}
	c->pinned = true;
}

int cores_choose(const char *want, const cpu_set_t *may, unsigned n_workers, const int *near,
		 const char *root, struct cores *ret_c, struct err *e)
{
	struct cores c = {.rest = *may};
	int rc = 0;
	for (unsigned i = 0; i < CONFIG_WORKERS_MAX; i++)
		c.of_worker[i] = c.node_of_worker[i] = -1;
	if (strcmp(want, "auto") == 0)
		take_nearest(&c, may, n_workers, near, root);
	else if (strcmp(want, "off") != 0)
		rc = take_list(&c, want, may, n_workers, e);
	if (rc < 0)
		return rc;
	for (unsigned i = 0; c.pinned && i < n_workers; i++) {
		c.node_of_worker[i] = cores_node(c.of_worker[i], root);
		CPU_CLR(c.of_worker[i], &c.rest);
	}
	/* All are taken by name: the others share them. */
	if (CPU_COUNT(&c.rest) == 0)
		c.rest = *may;
	*ret_c = c;
	return 0;
}

int cores_of_run(const struct config *c, struct cores *ret_c, struct err *e)
{
	int near[CONFIG_WORKERS_MAX];
	unsigned n_workers = config_run_workers(c), q = 0;
	cpu_set_t may;
	CPU_ZERO(&may);
	sched_getaffinity(0, sizeof(may), &may);
	for (unsigned i = 0; i < CONFIG_WORKERS_MAX; i++)
		near[i] =
			c->capture.n_ports ? cores_device_node(c->capture.ports[0].device, "") : -1;
	for (size_t p = 0; p < c->capture.n_ports; p++)
		for (int64_t k = 0; k < c->capture.ports[p].queues; k++, q++)
			if (q < n_workers)
				near[q] = cores_device_node(c->capture.ports[p].device, "");
	return cores_choose(c->capture.cores, &may, n_workers, near, "", ret_c, e);
}

void cores_describe(const struct cores *c, unsigned n_workers, char *out, size_t cap)
{
	size_t len = 0;
	*out = '\0';
	for (unsigned i = 0; i < n_workers && len < cap; i++)
		len += (size_t)snprintf(out + len, cap - len, "%s%u on core %d",
					i ? ", " : "worker ", i, c->of_worker[i]);
}

void cores_memory_near(int node)
{
	unsigned long mask = node >= 0 ? 1ul << node : 0;
	syscall(SYS_set_mempolicy, node >= 0 ? MPOL_PREFERRED : MPOL_DEFAULT,
		node >= 0 ? &mask : NULL, node >= 0 ? NODES_MAX + 1 : 0);
}
