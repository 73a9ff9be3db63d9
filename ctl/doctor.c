#include "ctl/doctor.h"

#include "scripts_dir.h"
#include <arpa/inet.h>
#include <dirent.h>
#include <ifaddrs.h>
#include <inttypes.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/timex.h>
#include <unistd.h>

#define PATH_BYTES 512
#define TEXT_BYTES 4096

struct doctor {
	const struct doctor_conf *conf;
	json_t *rows;
	unsigned n_bad;
	char main_if[64]; /* of the default route; "": none */
	char ssh_if[64];  /* that the session of who asks comes through */
};

enum state { OK, NOTE, BAD };

static void tell(struct doctor *d, enum state state, const char *check, const char *mend,
		 const char *fmt, ...) __attribute__((format(printf, 5, 6)));

static void tell(struct doctor *d, enum state state, const char *check, const char *mend,
		 const char *fmt, ...)
{
	static const char *const words[] = {"ok", "note", "bad"};
	char found[TEXT_BYTES];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(found, sizeof(found), fmt, ap);
	va_end(ap);
	json_t *row = json_pack("{s:s,s:s}", "check", check, "state", words[state]);
	json_t *text = json_string(found);
	json_object_set_new(row, "found", text ? text : json_string("not UTF-8"));
	json_object_set_new(row, "mend", json_string(mend));
	json_array_append_new(d->rows, row);
	d->n_bad += state == BAD;
}

/* ---- files of /proc and /sys ---- */

static bool read_text(const struct doctor *d, const char *path, char text[TEXT_BYTES])
{
	char full[PATH_BYTES];
	snprintf(full, sizeof(full), "%s%s", d->conf->root, path);
	FILE *f = fopen(full, "re");
	size_t n = f ? fread(text, 1, TEXT_BYTES - 1, f) : 0;
	if (f)
		fclose(f);
	text[n] = '\0';
	if (n && text[n - 1] == '\n')
		text[n - 1] = '\0';
	return f != NULL;
}

static long read_number(const struct doctor *d, const char *path)
{
	char text[TEXT_BYTES], *end;
	if (!read_text(d, path, text))
		return -1;
	long n = strtoll(text, &end, 10);
	return end == text ? -1 : n;
}

/* The last part of what a link points to. */
static bool read_link(const struct doctor *d, const char *path, char text[TEXT_BYTES])
{
	char full[PATH_BYTES], to[PATH_BYTES];
	snprintf(full, sizeof(full), "%s%s", d->conf->root, path);
	ssize_t n = readlink(full, to, sizeof(to) - 1);
	if (n <= 0)
		return false;
	to[n] = '\0';
	const char *slash = strrchr(to, '/');
	snprintf(text, TEXT_BYTES, "%s", slash ? slash + 1 : to);
	return true;
}

static bool is_there(const struct doctor *d, const char *path)
{
	char full[PATH_BYTES];
	snprintf(full, sizeof(full), "%s%s", d->conf->root, path);
	return access(full, F_OK) == 0;
}

/* Calls @each with every name in a folder that begins with @prefix. Returns how many. */
static unsigned each_name(struct doctor *d, const char *folder, const char *prefix,
			  void (*each)(struct doctor *d, const char *name))
{
	char full[PATH_BYTES];
	unsigned n = 0;
	snprintf(full, sizeof(full), "%s%s", d->conf->root, folder);
	struct dirent **names;
	int n_names = scandir(full, &names, NULL, alphasort);
	for (int i = 0; i < n_names; i++) {
		const char *name = names[i]->d_name;
		if (name[0] != '.' && strncmp(name, prefix, strlen(prefix)) == 0) {
			n++;
			if (each)
				each(d, name);
		}
		free(names[i]);
	}
	if (n_names >= 0)
		free(names);
	return n;
}

/* ---- the processor and its memory ---- */

static void look_at_cpu(struct doctor *d)
{
	char text[TEXT_BYTES];
	long online = sysconf(_SC_NPROCESSORS_ONLN);
	bool v2 = read_text(d, "/proc/cpuinfo", text) && strstr(text, "sse4_2") &&
		  strstr(text, "popcnt");
	if (v2)
		tell(d, OK, "cpu", "", "%ld cores, SSE4.2", online);
	else
		tell(d, BAD, "cpu", "", "no SSE4.2 and POPCNT: sluice needs x86-64-v2");
	if (online < 3)
		tell(d, NOTE, "cores", "", "%ld: workers, sinks and control share them", online);
	if (read_text(d, "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", text)) {
		bool fast = strcmp(text, "performance") == 0;
		tell(d, fast ? OK : NOTE, "governor",
		     fast ? "" : "cpupower frequency-set -g performance", "%s%s", text,
		     fast ? "" : ": cores take a while to become fast");
	}
}

static void look_at_node(struct doctor *d, const char *name)
{
	char path[PATH_BYTES], check[64];
	snprintf(path, sizeof(path),
		 "/sys/devices/system/node/%s/hugepages/hugepages-2048kB/nr_hugepages", name);
	long n = read_number(d, path);
	snprintf(path, sizeof(path),
		 "/sys/devices/system/node/%s/hugepages/hugepages-2048kB/free_hugepages", name);
	long n_free = read_number(d, path);
	snprintf(check, sizeof(check), "hugepages %s", name);
	if (n > 0 && n_free > 0)
		tell(d, OK, check, "", "%ld of 2 MiB, %ld free", n, n_free);
	else if (n > 0)
		tell(d, NOTE, check, SL_SCRIPTS "/hugepages.sh 1024",
		     "%ld of 2 MiB, none free: another process has them", n);
	else
		tell(d, NOTE, check, SL_SCRIPTS "/hugepages.sh 512",
		     "none: a third to a half of the speed is lost");
}

static void look_at_memory(struct doctor *d)
{
	unsigned nodes = each_name(d, "/sys/devices/system/node", "node", look_at_node);
	if (nodes > 1)
		tell(d, NOTE, "numa", "", "%u nodes: a port's workers should run on its own node",
		     nodes);
	unsigned left = each_name(d, "/dev/hugepages", "rtemap_", NULL);
	if (left)
		tell(d, NOTE, "hugepage files", "rm /dev/hugepages/rtemap_*",
		     "%u left by a process that has ended, or in use: they pin their pages", left);
}

static void look_at_iommu(struct doctor *d)
{
	unsigned groups = each_name(d, "/sys/kernel/iommu_groups", "", NULL);
	bool vfio = is_there(d, "/sys/bus/pci/drivers/vfio-pci");
	if (groups)
		tell(d, OK, "iommu", "", "on, %u groups", groups);
	else
		tell(d, NOTE, "iommu",
		     "intel_iommu=on iommu=pt (or amd_iommu=on) on the kernel's "
		     "command line",
		     "off: cards cannot be given to vfio-pci safely; kernel interfaces need none");
	if (groups)
		tell(d, vfio ? OK : NOTE, "vfio-pci", vfio ? "" : "modprobe vfio-pci", "%s",
		     vfio ? "loaded" : "not loaded");
}

/* ---- interfaces and cards ---- */

/* The interface of the default route: what is 00000000 in the kernel's table. */
static void find_main_if(struct doctor *d)
{
	char text[TEXT_BYTES], name[64], to[64];
	if (!read_text(d, "/proc/net/route", text))
		return;
	for (char *line = strchr(text, '\n'); line; line = strchr(line + 1, '\n'))
		if (sscanf(line + 1, "%63s %63s", name, to) == 2 && strcmp(to, "00000000") == 0) {
			snprintf(d->main_if, sizeof(d->main_if), "%s", name);
			return;
		}
}

/* $SSH_CONNECTION is "client port server port": the interface that has the server's address. */
static void find_ssh_if(struct doctor *d)
{
	char server[64];
	struct ifaddrs *all = NULL;
	if (!d->conf->ssh_connection ||
	    sscanf(d->conf->ssh_connection, "%*s %*s %63s", server) != 1 || getifaddrs(&all) < 0)
		return;
	for (const struct ifaddrs *a = all; a; a = a->ifa_next) {
		char text[INET6_ADDRSTRLEN] = "";
		if (a->ifa_addr && a->ifa_addr->sa_family == AF_INET)
			inet_ntop(AF_INET, &((struct sockaddr_in *)(void *)a->ifa_addr)->sin_addr,
				  text, sizeof(text));
		else if (a->ifa_addr && a->ifa_addr->sa_family == AF_INET6)
			inet_ntop(AF_INET6,
				  &((struct sockaddr_in6 *)(void *)a->ifa_addr)->sin6_addr, text,
				  sizeof(text));
		if (strcmp(text, server) == 0)
			snprintf(d->ssh_if, sizeof(d->ssh_if), "%s", a->ifa_name);
	}
	freeifaddrs(all);
}

static bool is_ours(const struct doctor *d, const char *name, const char **ret_why)
{
	*ret_why = strcmp(name, d->main_if) == 0  ? "carries the default route"
		   : strcmp(name, d->ssh_if) == 0 ? "carries this SSH session"
						  : NULL;
	return *ret_why != NULL;
}

static void look_at_if(struct doctor *d, const char *name)
{
	char path[PATH_BYTES], check[96], driver[TEXT_BYTES], state[TEXT_BYTES];
	const char *why;
	snprintf(path, sizeof(path), "/sys/class/net/%s/device/driver", name);
	if (!read_link(d, path, driver))
		snprintf(driver, sizeof(driver), "virtual");
	snprintf(path, sizeof(path), "/sys/class/net/%s/operstate", name);
	if (!read_text(d, path, state))
		return;
	snprintf(path, sizeof(path), "/sys/class/net/%s/speed", name);
	long mbit = read_number(d, path);
	snprintf(path, sizeof(path), "/sys/class/net/%s/device/numa_node", name);
	long node = read_number(d, path);
	snprintf(check, sizeof(check), "interface %s", name);
	char more[96] = "";
	if (mbit > 0)
		snprintf(more, sizeof(more), ", %ld Mbit/s", mbit);
	if (node >= 0)
		snprintf(more + strlen(more), sizeof(more) - strlen(more), ", node %ld", node);
	bool ours = is_ours(d, name, &why);
	tell(d, OK, check, "", "%s, %s%s%s%s", driver, state, more,
	     ours ? "; not to be taken: it " : "", ours ? why : "");
}

/* ---- the ports of the configuration ---- */

/* Of a port that is read in frames of its own size, what is merged beyond that is lost. sluice's
 * own ring takes packets of any length.
 */
static void look_at_merging(struct doctor *d, const char *device, const char *name,
			    const struct ethtool_facts *f)
{
	char check[160], mend[160];
	const char *args = strchr(device, ',');
	bool own_ring = strncmp(device, "net_af_packet", 13) == 0 && args && !strchr(args + 1, ',');
	const char *who = f->lro ? "lro" : "gro";
	snprintf(check, sizeof(check), "offloads %s", name);
	snprintf(mend, sizeof(mend), "ethtool -K %s gro off lro off", name);
	if (!f->gro && !f->lro)
		tell(d, OK, check, "", "no packets are merged");
	else if (!own_ring)
		tell(d, BAD, check, mend,
		     "%s merges packets: more than this driver takes at a time", who);
	else if (f->lro)
		tell(d, NOTE, check, mend, "lro merges packets: their own times are gone");
	else
		tell(d, OK, check, "", "gro merges packets, which are read whole");
}

/* Of a card whose queues are read by several cores of the kernel's. */
static void look_at_rss(struct doctor *d, const char *name, const struct ethtool_facts *f)
{
	char check[160], mend[3 * RSS_KEY_MAX + 160];
	const struct rss rss = {.key = f->key, .key_len = f->key_len};
	const char *why = rss_splits(&rss, false);
	snprintf(check, sizeof(check), "rss %s", name);
	if (f->queues < 2 || f->key_len == 0)
		return;
	if (!why) {
		tell(d, OK, check, "", "%u queues, the hash is the same for both directions",
		     f->queues);
		return;
	}
	uint8_t key[RSS_KEY_MAX];
	rss_make_key(key, f->key_len);
	size_t len = (size_t)snprintf(mend, sizeof(mend), "ethtool -X %s hkey ", name);
	for (unsigned i = 0; i < f->key_len; i++)
		len += (size_t)snprintf(mend + len, sizeof(mend) - len, "%s%02x", i ? ":" : "",
					key[i]);
	tell(d, NOTE, check, mend, "%u queues; %s", f->queues, why);
}

static void look_at_kernel_port(struct doctor *d, const char *device, const char *name)
{
	char path[PATH_BYTES], state[TEXT_BYTES], check[160], mend[160] = "";
	snprintf(check, sizeof(check), "port %s", device);
	snprintf(path, sizeof(path), "/sys/class/net/%s/operstate", name);
	if (!read_text(d, path, state)) {
		tell(d, BAD, check, "ip -br link", "there is no interface %s", name);
		return;
	}
	bool down = strcmp(state, "down") == 0;
	if (down)
		snprintf(mend, sizeof(mend), "ip link set %s up", name);
	tell(d, down ? BAD : OK, check, mend, "interface %s is %s", name, state);
	struct ethtool_facts facts;
	if (d->conf->ethtool && d->conf->ethtool(name, &facts)) {
		look_at_merging(d, device, name, &facts);
		look_at_rss(d, name, &facts);
	}
	bool bypass = strncmp(device, "net_af_xdp", 10) == 0;
	const char *why;
	if (bypass && is_ours(d, name, &why))
		tell(d, BAD, check, "", "%s %s: af_xdp would take its packets away", name, why);
}

/* The interface that the kernel has made of a card. */
static bool if_of_card(const struct doctor *d, const char *address, char name[64])
{
	char full[PATH_BYTES];
	bool found = false;
	snprintf(full, sizeof(full), "%s/sys/bus/pci/devices/%s/net", d->conf->root, address);
	DIR *dir = opendir(full);
	for (struct dirent *e; dir && !found && (e = readdir(dir));)
		if (e->d_name[0] != '.') {
			snprintf(name, 64, "%.63s", e->d_name);
			found = true;
		}
	if (dir)
		closedir(dir);
	return found;
}

static void look_at_card(struct doctor *d, const char *address)
{
	char path[PATH_BYTES], driver[TEXT_BYTES], check[160], mend[160], name[64];
	const char *why;
	snprintf(check, sizeof(check), "port %s", address);
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s", address);
	if (!is_there(d, path)) {
		tell(d, BAD, check, "lspci -D | grep -i ethernet",
		     "there is no card at this "
		     "address");
		return;
	}
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/driver", address);
	if (!read_link(d, path, driver))
		snprintf(driver, sizeof(driver), "no driver");
	if (strcmp(driver, "vfio-pci") == 0) {
		tell(d, OK, check, "", "bound to vfio-pci");
		return;
	}
	if (if_of_card(d, address, name) && is_ours(d, name, &why)) {
		tell(d, BAD, check, "", "it is %s, which %s: not to be taken", name, why);
		return;
	}
	snprintf(mend, sizeof(mend), SL_SCRIPTS "/bind-nic.sh %s", address);
	tell(d, BAD, check, mend, "bound to %s, not to vfio-pci", driver);
}

static void look_at_ports(struct doctor *d)
{
	const struct config *c = d->conf->conf;
	for (size_t i = 0; c && i < c->capture.n_ports; i++) {
		const char *device = c->capture.ports[i].device;
		const char *iface = strstr(device, "iface=");
		if (iface) {
			char name[64];
			snprintf(name, sizeof(name), "%.*s", (int)strcspn(iface + 6, ","),
				 iface + 6);
			look_at_kernel_port(d, device, name);
		} else if (strchr(device, ':')) {
			look_at_card(d, device);
		}
	}
}

/* ---- the rest ---- */

static void look_at_clock(struct doctor *d)
{
	struct timex t = {0};
	int rc = adjtimex(&t);
	if (rc < 0 || rc == TIME_ERROR || (t.status & STA_UNSYNC))
		tell(d, NOTE, "clock", "systemctl enable --now chrony",
		     "not synchronised: time stamps of hosts cannot be compared");
	else
		tell(d, OK, "clock", "", "synchronised, off by at most %ld ms", t.maxerror / 1000);
}

static void look_at_limits(struct doctor *d)
{
	struct rlimit l;
	if (geteuid() == 0)
		tell(d, OK, "rights", "", "root");
	else
		tell(d, NOTE, "rights", "setcap cap_net_raw,cap_net_admin+ep build/sluiced",
		     "not root: kernel interfaces need two capabilities, cards need root");
	getrlimit(RLIMIT_MEMLOCK, &l);
	if (l.rlim_cur != RLIM_INFINITY && geteuid() != 0)
		tell(d, NOTE, "locked memory", "ulimit -l unlimited",
		     "%" PRIu64 " KiB: too little for cards", (uint64_t)l.rlim_cur / 1024);
	getrlimit(RLIMIT_NOFILE, &l);
	if (l.rlim_max < 4096)
		tell(d, NOTE, "open files", "ulimit -Hn 65536", "%" PRIu64 " at most",
		     (uint64_t)l.rlim_max);
}

unsigned doctor_look(const struct doctor_conf *conf, json_t *rows)
{
	struct doctor d = {.conf = conf, .rows = rows};
	find_main_if(&d);
	find_ssh_if(&d);
	look_at_cpu(&d);
	look_at_memory(&d);
	look_at_iommu(&d);
	each_name(&d, "/sys/class/net", "", look_at_if);
	look_at_ports(&d);
	look_at_clock(&d);
	look_at_limits(&d);
	return d.n_bad;
}
