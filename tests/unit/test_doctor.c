#include "tests/unit/unit.h"

#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>

#include "ctl/doctor.h"

static char root[64];

/* A host with two nodes, an IOMMU, the default route on eth0, which is a card of its own, a second
 * card that the kernel drives, a third that vfio-pci has, and an interface that is down.
 */
static int make_root(void **state)
{
	char cmd[4096];
	(void)state;
	snprintf(root, sizeof(root), "/tmp/sluice-doctor-XXXXXX");
	if (!mkdtemp(root))
		return -1;
	snprintf(cmd, sizeof(cmd),
		 "cd %s && P=sys/bus/pci/devices && N=sys/devices/system/node && "
		 "H=hugepages/hugepages-2048kB && "
		 "mkdir -p proc/net dev/hugepages $N/node0/$H $N/node1/$H "
		 "sys/kernel/iommu_groups/0 sys/kernel/iommu_groups/1 sys/bus/pci/drivers/vfio-pci "
		 "$P/0000:00:01.0/net/eth0 $P/0000:00:02.0/net/eth1 $P/0000:00:03.0 "
		 "sys/class/net/eth0/device sys/class/net/eth1/device sys/class/net/span0 && "
		 "echo 'flags : sse4_2 popcnt' >proc/cpuinfo && "
		 "printf 'Iface\\tDestination\\neth1\\t0000000A\\neth0\\t00000000\\n' "
		 ">proc/net/route && "
		 "echo 512 >$N/node0/$H/nr_hugepages && echo 100 >$N/node0/$H/free_hugepages && "
		 "echo 0 >$N/node1/$H/nr_hugepages && : >dev/hugepages/rtemap_0 && "
		 "for i in eth0 eth1; do echo up >sys/class/net/$i/operstate; "
		 "echo 25000 >sys/class/net/$i/speed; "
		 "ln -s ../../../drivers/ice sys/class/net/$i/device/driver; done && "
		 "echo down >sys/class/net/span0/operstate && "
		 "ln -s ../drivers/ice $P/0000:00:01.0/driver && "
		 "ln -s ../drivers/ice $P/0000:00:02.0/driver && "
		 "ln -s ../drivers/vfio-pci $P/0000:00:03.0/driver",
		 root);
	return system(cmd);
}

static int remove_root(void **state)
{
	char cmd[128];
	(void)state;
	snprintf(cmd, sizeof(cmd), "rm -r %s", root);
	return system(cmd);
}

/* What is said of @check: "state: found [mend]". */
static const char *said_of(const json_t *rows, const char *check, char *text, size_t cap)
{
	json_t *row;
	size_t i;
	snprintf(text, cap, "nothing");
	json_array_foreach((json_t *)rows, i, row)
	{
		if (strcmp(json_string_value(json_object_get(row, "check")), check) == 0)
			snprintf(text, cap, "%s: %s [%s]",
				 json_string_value(json_object_get(row, "state")),
				 json_string_value(json_object_get(row, "found")),
				 json_string_value(json_object_get(row, "mend")));
	}
	return text;
}

static void a_host_is_told_part_by_part(void **state)
{
	static const struct {
		const char *check, *said;
	} want[] = {
		{"hugepages node0", "ok: 512 of 2 MiB, 100 free []"},
		{"hugepages node1",
		 "note: none: a third to a half of the speed is lost [scripts/hugepages.sh 512]"},
		{"numa", "note: 2 nodes: a port's workers should run on its own node []"},
		{"hugepage files", "note: 1 left by a process that has ended, or in use: they pin "
				   "their pages [rm /dev/hugepages/rtemap_*]"},
		{"iommu", "ok: on, 2 groups []"},
		{"vfio-pci", "ok: loaded []"},
		{"interface eth0",
		 "ok: ice, up, 25000 Mbit/s; not to be taken: it carries the default route []"},
		{"interface eth1", "ok: ice, up, 25000 Mbit/s []"},
	};
	struct doctor_conf dc = {.root = root};
	json_t *rows = json_array();
	char text[512];
	(void)state;
	assert_int_equal(doctor_look(&dc, rows), 0);
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++)
		assert_string_equal(said_of(rows, want[i].check, text, sizeof(text)), want[i].said);
	json_decref(rows);
}

static void each_port_of_the_configuration_is_looked_at(void **state)
{
	static const struct {
		const char *device, *said;
	} want[] = {
		{"0000:00:01.0",
		 "bad: it is eth0, which carries the default route: not to be taken []"},
		{"0000:00:02.0",
		 "bad: bound to ice, not to vfio-pci [scripts/bind-nic.sh 0000:00:02.0]"},
		{"0000:00:03.0", "ok: bound to vfio-pci []"},
		{"0000:00:09.0",
		 "bad: there is no card at this address [lspci -D | grep -i ethernet]"},
		{"net_af_packet0,iface=eth0", "ok: interface eth0 is up []"},
		{"net_af_packet1,iface=span0",
		 "bad: interface span0 is down [ip link set span0 up]"},
		{"net_af_packet2,iface=eth7", "bad: there is no interface eth7 [ip -br link]"},
		{"net_af_xdp0,iface=eth0",
		 "bad: eth0 carries the default route: af_xdp would take its packets away []"},
	};
	size_t n = sizeof(want) / sizeof(want[0]);
	struct capture_port_conf ports[8] = {0};
	struct config c = {.capture = {.ports = ports, .n_ports = n}};
	struct doctor_conf dc = {.root = root, .conf = &c};
	json_t *rows = json_array();
	char check[128], text[512];
	(void)state;
	for (size_t i = 0; i < n; i++)
		ports[i].device = want[i].device;
	assert_int_equal(doctor_look(&dc, rows), 6);
	for (size_t i = 0; i < n; i++) {
		snprintf(check, sizeof(check), "port %s", want[i].device);
		assert_string_equal(said_of(rows, check, text, sizeof(text)), want[i].said);
	}
	json_decref(rows);
}

/* eth0: a card of 8 queues that merges, with the usual key. eth1: as it should be. */
static bool played(const char *iface, struct ethtool_facts *ret_f)
{
	bool usual = strcmp(iface, "eth0") == 0;
	*ret_f = (struct ethtool_facts){.gro = usual, .queues = 8, .key_len = 40};
	rss_make_key(ret_f->key, 40);
	ret_f->key[3] ^= usual ? 0x77 : 0;
	return true;
}

static void offloads_and_the_hash_of_an_interface_are_looked_at(void **state)
{
	static const struct {
		const char *device, *check, *said;
	} want[] = {
		{"net_af_packet0,iface=eth0", "offloads eth0",
		 "ok: gro merges packets, which are read whole []"},
		{"net_af_packet0,iface=eth0,framesz=2048", "offloads eth0",
		 "bad: gro merges packets: more than this driver takes at a time [ethtool -K eth0 "
		 "gro off lro off]"},
		{"net_af_packet0,iface=eth0", "rss eth0",
		 "note: 8 queues; the card's hash is not the same for both directions of a session "
		 "[ethtool -X eth0 hkey "
		 "6d:5a:6d:5a:6d:5a:6d:5a:6d:5a:6d:5a:6d:5a:6d:5a:6d:5a:6d:5a:"
		 "6d:5a:6d:5a:6d:5a:6d:5a:6d:5a:6d:5a:6d:5a:6d:5a:6d:5a:6d:5a]"},
		{"net_af_xdp0,iface=eth1", "offloads eth1", "ok: no packets are merged []"},
		{"net_af_packet0,iface=eth1", "rss eth1",
		 "ok: 8 queues, the hash is the same for both directions []"},
	};
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		struct capture_port_conf port = {.device = want[i].device};
		struct config c = {.capture = {.ports = &port, .n_ports = 1}};
		struct doctor_conf dc = {.root = root, .conf = &c, .ethtool = played};
		json_t *rows = json_array();
		char text[1024];
		doctor_look(&dc, rows);
		assert_string_equal(said_of(rows, want[i].check, text, sizeof(text)), want[i].said);
		json_decref(rows);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_host_is_told_part_by_part),
		cmocka_unit_test(each_port_of_the_configuration_is_looked_at),
		cmocka_unit_test(offloads_and_the_hash_of_an_interface_are_looked_at),
	};
	return cmocka_run_group_tests(tests, make_root, remove_root);
}
