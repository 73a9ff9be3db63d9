#include "tests/unit/unit.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dataplane/capture/device.h"

static char sys[64];

/* A machine with an interface eth1 and three cards: of a kernel's driver, of vfio-pci, of none. */
static int make_sys(void **state)
{
	char cmd[1024];
	snprintf(sys, sizeof(sys), "/tmp/sluice-device-XXXXXX");
	if (!mkdtemp(sys))
		return -1;
	snprintf(cmd, sizeof(cmd),
		 "cd %s && mkdir -p class/net/eth1 bus/pci/devices/0000:3b:00.0 "
		 "bus/pci/devices/0000:3b:00.1 bus/pci/devices/0000:3b:00.2 && "
		 "ln -s ../drivers/ixgbe bus/pci/devices/0000:3b:00.0/driver && "
		 "ln -s ../drivers/vfio-pci bus/pci/devices/0000:3b:00.1/driver && : > trace.pcap",
		 sys);
	return system(cmd);
}

static int remove_sys(void **state)
{
	char cmd[128];
	snprintf(cmd, sizeof(cmd), "rm -r %s", sys);
	return system(cmd);
}

static void what_is_missing_is_said_in_plain_words(void **state)
{
	static const struct {
		const char *device;
		int rc;
		const char *text; /* a part of it */
	} cases[] = {
		{"0000:3b:00.1", 0, ""},
		{"3b:00.1,rx_burst=1", 0, ""},
		{"0000:3b:00.0", -ENODEV,
		 "the card is bound to ixgbe, and must be to vfio-pci: scripts/bind-nic.sh "
		 "0000:3b:00.0"},
		{"3b:00.2", -ENODEV, "bound to no driver"},
		{"0000:af:00.0", -ENODEV, "no PCI card has this address"},
		{"net_af_packet0,iface=eth1", 0, ""},
		{"net_af_packet0,qpairs=2,iface=eth9", -ENODEV,
		 "the kernel has no interface eth9;"},
		{"net_tap0,iface=eth9", 0, ""},
		{"net_null0", 0, ""},
		{"net_pcap0,rx_pcap=/nonexistent.pcap", -ENOENT,
		 "/nonexistent.pcap: No such file or directory"},
		{"eth1", -EINVAL,
		 "an interface of the kernel is written net_af_packet0,iface=eth1"},
		{"eth9", -EINVAL, "expected a PCI address (0000:3b:00.0) or a device"},
		{"../net/eth1", -EINVAL, "expected a PCI address"},
		{"vmbus:3b", 0, ""},
		{"", -EINVAL, "expected a PCI address"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err e = {0};
		assert_int_equal(device_check(cases[i].device, sys, &e), cases[i].rc);
		if (!strstr(e.text, cases[i].text))
			fail_msg("%s: %s", cases[i].device, e.text);
	}
}

static void arguments_are_found_by_their_whole_name(void **state)
{
	char value[8] = "old";
	assert_true(device_arg("net_x0,iface=eth1,b=", "iface", value, sizeof(value)));
	assert_string_equal(value, "eth1");
	assert_true(device_arg("net_x0,iface=eth1,b=", "b", value, sizeof(value)));
	assert_string_equal(value, "");
	assert_false(device_arg("net_x0,interface=eth1", "iface", value, sizeof(value)));
	assert_false(device_arg("iface=eth1", "iface", value, sizeof(value)));
	assert_false(device_arg("net_x0,iface=eth1eth1", "iface", value, sizeof(value)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_missing_is_said_in_plain_words),
		cmocka_unit_test(arguments_are_found_by_their_whole_name),
	};
	return cmocka_run_group_tests(tests, make_sys, remove_sys);
}
