/* Ports over net_null, whose driver has queues and a hash, but no counts of its own: those are
 * played here.
 */
#define ALLOW_EXPERIMENTAL_API
#include "tests/unit/unit.h"

#include <rte_config.h>
#include <rte_eal.h>
#include <rte_ethdev.h>

#include "dataplane/capture/port.h"

static const struct {
	const char *name;
	uint64_t n;
} played[] = {
	{"rx_good_packets", 1000},   {"rx_missed_errors", 3}, {"rx_crc_errors", 5},
	{"tx_dropped_packets", 7},   {"rx_q0_dropped", 0},    {"mac_remote_errors", 8},
	{"rx_priority0_dropped", 9}, {"mac_rx_fifo_full", 2},
};
#define N_PLAYED (sizeof(played) / sizeof(played[0]))

int rte_eth_xstats_get_names(uint16_t port_id, struct rte_eth_xstat_name *names, unsigned size)
{
	(void)port_id;
	for (unsigned i = 0; i < N_PLAYED && i < size; i++)
		snprintf(names[i].name, sizeof(names[i].name), "%s", played[i].name);
	return N_PLAYED;
}

int rte_eth_xstats_get(uint16_t port_id, struct rte_eth_xstat *values, unsigned n)
{
	(void)port_id;
	for (unsigned i = 0; i < N_PLAYED && i < n; i++)
		values[i] = (struct rte_eth_xstat){.id = i, .value = played[i].n};
	return N_PLAYED;
}

static int start_eal(void **state)
{
	char *args[] = {"test_port", "--no-huge", "--no-shconf", "--no-pci", "--no-telemetry",
			"-m",        "512",       "-l",          "0",        NULL};
	return rte_eal_init(9, args) < 0 ? -1 : 0;
}

static struct port *open_port(const char *device, unsigned n_queues)
{
	struct port *p = NULL;
	struct err e;
	struct port_conf conf = {.device = device, .n_queues = n_queues};
	if (port_open(&conf, 0, &p, &e) < 0)
		fail_msg("%s", e.text);
	return p;
}

static void a_card_of_several_queues_is_asked_for_a_symmetric_hash_and_held_to_it(void **state)
{
	struct port *p = open_port("net_null0", 2);
	assert_null(port_splits(p, false));
	assert_string_equal(port_splits(p, true), "the card's hash does not look into tunnels");
	port_close(p);
}

static void one_queue_has_all_and_who_does_not_tell_is_not_trusted(void **state)
{
	struct port *p = open_port("net_null1", 1);
	assert_null(port_splits(p, true));
	port_close(p);
	p = open_port("net_af_packet0,iface=lo", 2);
	assert_null(port_splits(p, false)); /* the kernel's hash is the same for both directions */
	assert_non_null(port_splits(p, true));
	port_close(p);
}

struct told {
	char text[256];
};

static void note(void *arg, const char *name, uint64_t n)
{
	struct told *t = arg;
	size_t len = strlen(t->text);
	snprintf(t->text + len, sizeof(t->text) - len, "%s %u, ", name, (unsigned)n);
}

static void of_the_drivers_counts_those_that_name_losses_are_told(void **state)
{
	struct told t = {""};
	struct port *p = open_port("net_null2", 1);
	port_causes(p, note, &t);
	assert_string_equal(t.text,
			    "rx_crc_errors 5, rx_priority0_dropped 9, mac_rx_fifo_full 2, ");
	port_close(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_card_of_several_queues_is_asked_for_a_symmetric_hash_and_held_to_it),
		cmocka_unit_test(one_queue_has_all_and_who_does_not_tell_is_not_trusted),
		cmocka_unit_test(of_the_drivers_counts_those_that_name_losses_are_told),
	};
	return cmocka_run_group_tests(tests, start_eal, NULL);
}
