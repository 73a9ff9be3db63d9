/* The receive queue of a port over net_ring. The card's counters and its clock are played here. */
#define ALLOW_EXPERIMENTAL_API /* DPDK 22.11: rte_eth_read_clock */
#include "tests/unit/unit.h"

#include <rte_config.h>
#include <rte_eal.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_mbuf_dyn.h>
#include <rte_ring.h>

#include "dataplane/base/clock.h"
#include "dataplane/capture/port.h"

#define SECOND 1000000000ull

static struct rte_eth_stats card_stats;
static uint64_t card_ticks;

int rte_eth_stats_get(uint16_t port_id, struct rte_eth_stats *stats)
{
	(void)port_id;
	*stats = card_stats;
	return 0;
}

int rte_eth_read_clock(uint16_t port_id, uint64_t *clock)
{
	(void)port_id;
	*clock = card_ticks;
	return 0;
}

static struct rte_mempool *pool;
static struct rte_ring *wire;
static struct rx_queue_conf conf;
static struct stamp stamp;
static bool interrupts;
static struct pkt_raw got[PKT_BURST];

static int setup(void **state)
{
	char *args[] = {"test_rx", "--no-huge", "--no-shconf", "--no-pci", "--no-telemetry",
			"-m",      "32",        "-l",          "0",        NULL};
	struct rte_eth_conf eth = {0};
	if (rte_eal_init(9, args) < 0)
		return -1;
	pool = rte_pktmbuf_pool_create("rx", 255, 0, 0, 2048, SOCKET_ID_ANY);
	wire = rte_ring_create("wire", 256, SOCKET_ID_ANY, 0);
	int port = pool && wire ? rte_eth_from_ring(wire) : -1;
	if (port < 0 ||
	    rte_mbuf_dyn_rx_timestamp_register(&conf.stamp_offset, &conf.stamp_flag) < 0)
		return -1;
	conf.port_id = (uint16_t)port;
	conf.account = true;
	conf.stamp = &stamp;
	conf.interrupts = &interrupts;
	return rte_eth_dev_configure(conf.port_id, 1, 1, &eth) ||
	       rte_eth_rx_queue_setup(conf.port_id, 0, 128, SOCKET_ID_ANY, NULL, pool) ||
	       rte_eth_tx_queue_setup(conf.port_id, 0, 128, SOCKET_ID_ANY, NULL) ||
	       rte_eth_dev_start(conf.port_id);
}

static struct capture *open_queue(void)
{
	struct capture *c;
	struct err e;
	assert_int_equal(rx_open(&conf, &c, &e), 0);
	return c;
}

static void arrive(uint64_t stamped, bool has_stamp)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	assert_non_null(m);
	memset(rte_pktmbuf_append(m, 60), 'x', 60);
	*RTE_MBUF_DYNFIELD(m, conf.stamp_offset, uint64_t *) = stamped;
	m->ol_flags |= has_stamp ? conf.stamp_flag : 0;
	assert_int_equal(rte_ring_enqueue(wire, m), 0);
}

static void what_was_lost_after_the_last_look_is_counted_at_the_end(void **state)
{
	card_stats = (struct rte_eth_stats){0};
	struct capture *c = open_queue();
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(capture_receive(c, got), 0);
	card_stats = (struct rte_eth_stats){.imissed = 100, .rx_nombuf = 20, .ierrors = 3};
	assert_int_equal(capture_receive(c, got), 0);
	assert_int_equal(c->stats.missed, 0); /* not yet looked at */
	capture_settle(c);
	assert_int_equal(c->stats.missed, 100);
	assert_int_equal(c->stats.no_buffer, 20);
	assert_int_equal(c->stats.bad_frames, 3);
	capture_close(c);
}

static void one_queue_of_a_port_counts_its_losses(void **state)
{
	card_stats = (struct rte_eth_stats){.imissed = 100};
	conf.account = false;
	struct capture *c = open_queue();
	assert_int_equal(capture_receive(c, got), 0);
	capture_settle(c);
	assert_int_equal(c->stats.missed, 0);
	capture_close(c);
	conf.account = true;
}

static void a_stamp_of_nanoseconds_is_packet_time(void **state)
{
	uint64_t now = clock_wall_ns();
	stamp = (struct stamp){.kind = STAMP_NS};
	struct capture *c = open_queue();
	arrive(now - 12345, true);
	arrive(42, true); /* no time */
	arrive(now - 1, false);
	assert_int_equal(capture_receive(c, got), 3);
	assert_int_equal(got[0].time_ns, now - 12345);
	assert_true(got[1].time_ns >= now && got[1].time_ns < now + 10 * SECOND);
	assert_true(got[2].time_ns >= now && got[2].time_ns < now + 10 * SECOND);
	assert_int_equal(c->stats.unstamped, 2);
	assert_int_equal(c->stats.packets, 3);
	capture_close(c);
}

static void ticks_become_packet_time_and_the_clock_is_read_again(void **state)
{
	uint64_t then = clock_wall_ns() - 20 * SECOND;
	/* A clock of 100 MHz, last looked at 20 s ago. */
	stamp = stamp_of_readings(1000, then - SECOND, 1000 + 100000000, then);
	assert_int_equal(stamp.kind, STAMP_TICKS);
	struct capture *c = open_queue();
	uint64_t now = clock_wall_ns();
	card_ticks = stamp.ticks + (now - then) / 10;
	arrive(card_ticks - 5000, true); /* 50 us ago */
	assert_int_equal(capture_receive(c, got), 1);
	assert_true(got[0].time_ns > now - 51000 && got[0].time_ns < now - 49000);
	assert_int_equal(c->stats.clock_steps, 0);
	assert_int_equal(c->stats.unstamped, 0);
	capture_close(c);

	card_ticks = 7; /* the card began anew */
	c = open_queue();
	arrive(7, true);
	assert_int_equal(capture_receive(c, got), 1);
	assert_int_equal(c->stats.clock_steps, 1);
	assert_int_equal(c->stats.unstamped, 0);
	assert_true(got[0].time_ns >= now && got[0].time_ns < now + 10 * SECOND);
	capture_close(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_lost_after_the_last_look_is_counted_at_the_end),
		cmocka_unit_test(one_queue_of_a_port_counts_its_losses),
		cmocka_unit_test(a_stamp_of_nanoseconds_is_packet_time),
		cmocka_unit_test(ticks_become_packet_time_and_the_clock_is_read_again),
	};
	return cmocka_run_group_tests(tests, setup, NULL);
}
