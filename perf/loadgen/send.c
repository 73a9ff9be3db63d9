#include "perf/loadgen/send.h"

#include <errno.h>
#include <string.h>

#include <rte_bus_vdev.h>
#include <rte_config.h>
#include <rte_cycles.h>
#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <rte_log.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include "dataplane/base/clock.h"
#include "dataplane/base/mem.h"

#define BURST        32
#define DESCRIPTORS  1024
#define LINK_WAIT_MS 10000
#define RING_NAME    (SEND_RING + sizeof("net_ring_") - 1) /* the driver adds the rest */

struct sender {
	uint16_t port_id;
	const struct rte_ring *ring; /* sender_ring's, or NULL */
	struct rte_mempool *pool;
	struct rte_mbuf *mbufs[BURST];
};

int sender_open(uint16_t port_id, unsigned n_mbufs, unsigned bytes_max, struct sender **ret_s,
		struct err *e)
{
	char name[32];
	struct sender *s = mem_alloc(sizeof(*s));
	if (!s)
		return err_set(e, -ENOMEM, "no memory for a sender");
	snprintf(name, sizeof(name), "send%u", port_id);
	s->port_id = port_id;
	s->ring = rte_ring_lookup(RING_NAME);
	/* A cache of one burst: what the reader frees comes back while it is warm. */
	s->pool = rte_pktmbuf_pool_create(name, n_mbufs, 2 * BURST, 0,
					  (uint16_t)(RTE_PKTMBUF_HEADROOM + bytes_max),
					  SOCKET_ID_ANY);
	if (!s->pool) {
		mem_free(s);
		return err_set(e, -ENOMEM, "no memory for %u packet buffers: %s", n_mbufs,
			       rte_strerror(rte_errno));
	}
	*ret_s = s;
	return 0;
}

void sender_close(struct sender *s)
{
	if (!s)
		return;
	rte_mempool_free(s->pool);
	mem_free(s);
}

/* Makes and offers @n packets, at most BURST. */
static void send_burst(struct sender *s, struct load *l, unsigned n, bool wait,
		       struct send_count *c)
{
	if (rte_pktmbuf_alloc_bulk(s->pool, s->mbufs, n) < 0) {
		/* The reader has them all: as good as a full ring, and nothing was made for them.
		 */
		c->refused += wait ? 0 : n;
		return;
	}
	for (unsigned i = 0; i < n; i++) {
		struct rte_mbuf *m = s->mbufs[i];
		unsigned len = load_next(l, rte_pktmbuf_mtod(m, uint8_t *), &c->events);
		m->data_len = (uint16_t)len;
		m->pkt_len = len;
		c->bytes += len;
	}
	unsigned done = rte_eth_tx_burst(s->port_id, 0, s->mbufs, (uint16_t)n);
	while (wait && done < n)
		done += rte_eth_tx_burst(s->port_id, 0, s->mbufs + done, (uint16_t)(n - done));
	for (unsigned i = done; i < n; i++)
		c->bytes -= s->mbufs[i]->pkt_len;
	rte_pktmbuf_free_bulk(s->mbufs + done, n - done);
	c->packets += done;
	c->refused += n - done;
}

/* How many are due at @s seconds, less those that were offered or late. */
static uint64_t due_at(double s, const struct send_rate *rate, const struct send_count *c)
{
	uint64_t due = (uint64_t)(s * rate->packets_s), had = c->packets + c->refused + c->late;
	return due > had ? due - had : 0;
}

/* The same, as far as they are made up for; counts the others as late. */
static uint64_t take_due(double s, const struct send_rate *rate, struct send_count *c)
{
	uint64_t n = due_at(s, rate, c);
	if (n > rate->late_max) {
		c->late += n - rate->late_max;
		n = rate->late_max;
	}
	return n;
}

/* @at: seconds since it began. */
static void watch_ring(const struct sender *s, double at, const struct send_rate *rate,
		       struct send_count *c)
{
	unsigned q = at < rate->seconds ? (unsigned)(at / rate->seconds * SEND_QUARTERS)
					: SEND_QUARTERS - 1;
	c->waiting_last = rte_ring_count(s->ring);
	if (c->waiting_last < c->waiting_least[q])
		c->waiting_least[q] = c->waiting_last;
}

void sender_send(struct sender *s, struct load *l, const struct send_rate *rate,
		 struct send_count *ret_n)
{
	struct send_count c = {.waiting_first = s->ring ? rte_ring_count(s->ring) : 0};
	memset(c.waiting_least, 0xff, sizeof(c.waiting_least));
	/* A thread of its own gets a number, and with it a cache of the pool. */
	bool new = rte_lcore_id() == LCORE_ID_ANY &&rte_thread_register() == 0;
	double hz = (double)rte_get_tsc_hz();
	uint64_t from = rte_rdtsc();
	for (;;) {
		double at = (double)(rte_rdtsc() - from) / hz;
		uint64_t had = c.packets + c.refused + c.late, n = BURST;
		c.seconds = at;
		if (s->ring && rate->seconds > 0)
			watch_ring(s, at, rate, &c);
		if ((rate->seconds > 0 && at >= rate->seconds) ||
		    (rate->packets && had >= rate->packets) ||
		    (rate->stop && atomic_load_explicit(rate->stop, memory_order_relaxed)))
			break;
		if (rate->packets_s > 0)
			n = take_due(at, rate, &c);
		if (rate->packets && n > rate->packets - had)
			n = rate->packets - had;
		for (; n; n -= n < BURST ? n : BURST)
			send_burst(s, l, n < BURST ? (unsigned)n : BURST, rate->wait, &c);
	}
	/* Held up across the end: what was due by then is not offered any more. */
	if (rate->seconds > 0 && c.seconds >= rate->seconds)
		c.late += due_at(rate->seconds, rate, &c);
	if (new)
		rte_thread_unregister();
	*ret_n = c;
}

static int find(const char *device, uint16_t *ret_id, struct err *e)
{
	char name[RTE_ETH_NAME_MAX_LEN];
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(device, ","), device);
	if (rte_eth_dev_get_port_by_name(name, ret_id) < 0)
		return err_set(e, -ENODEV, "%s: there is no such port", name);
	return 0;
}

int sender_ring(unsigned n, uint16_t *ret_id, struct err *e)
{
	struct rte_ring *r =
		rte_ring_create(RING_NAME, n, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
	int id = r ? rte_eth_from_rings(RING_NAME, &r, 1, &r, 1, SOCKET_ID_ANY) : -1;
	if (id < 0)
		return err_set(e, -ENOMEM, "a ring of %u: %s", n, rte_strerror(rte_errno));
	*ret_id = (uint16_t)id;
	/* EAL says of a port that was there before that it could not be attached once more. */
	rte_log_set_level_pattern("lib.eal", RTE_LOG_CRIT);
	return 0;
}

void sender_ring_free(void)
{
	rte_vdev_uninit(SEND_RING);
	rte_ring_free(rte_ring_lookup(RING_NAME));
}

int sender_port(const char *device, uint16_t *ret_id, struct err *e)
{
	struct rte_eth_conf conf = {0};
	struct rte_eth_link link = {0};
	struct rte_mempool *pool;
	uint16_t id, n_rx = DESCRIPTORS, n_tx = DESCRIPTORS;
	if (find(device, &id, e) < 0 && (rte_dev_probe(device) < 0 || find(device, &id, e) < 0))
		return err_set(e, -ENODEV, "%s: no driver of DPDK's took it", device);
	/* Some drivers want a receive queue, whatever it is for. */
	pool = rte_pktmbuf_pool_create("unread", 2 * DESCRIPTORS - 1, 0, 0,
				       RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	int rc = pool ? rte_eth_dev_configure(id, 1, 1, &conf) : -ENOMEM;
	if (rc == 0)
		rc = rte_eth_dev_adjust_nb_rx_tx_desc(id, &n_rx, &n_tx);
	if (rc == 0)
		rc = rte_eth_rx_queue_setup(id, 0, n_rx, SOCKET_ID_ANY, NULL, pool);
	if (rc == 0)
		rc = rte_eth_tx_queue_setup(id, 0, n_tx, SOCKET_ID_ANY, NULL);
	if (rc == 0)
		rc = rte_eth_dev_start(id);
	if (rc < 0)
		return err_set(e, rc, "%s: cannot be made ready: %s", device, rte_strerror(-rc));
	for (unsigned ms = 0; rc == 0 && !link.link_status; ms++) {
		if (ms == LINK_WAIT_MS)
			return err_set(e, -ENOLINK, "%s: the link does not come up", device);
		rte_delay_us_sleep(1000);
		rc = rte_eth_link_get_nowait(id, &link);
	}
	*ret_id = id;
	return 0;
}

void sender_port_close(uint16_t id)
{
	rte_eth_dev_stop(id);
	rte_eth_dev_close(id);
}
