#define ALLOW_EXPERIMENTAL_API /* DPDK 22.11: rte_eth_read_clock */
#include <rte_config.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "dataplane/base/clock.h"
#include "dataplane/base/mem.h"
#include "dataplane/capture/port.h"

/* The card's own count of losses is read this often, in receives: it may cost a system call. */
#define STATS_EVERY 4096

struct rx {
	struct capture c;
	struct rx_queue_conf conf;
	struct rte_mbuf *mbufs[PKT_BURST];
	uint16_t n_mbufs;
	struct stamp stamp;
	uint64_t number;
	uint32_t receives;
	bool begun;
};

static void read_losses(struct rx *rx)
{
	struct rte_eth_stats st;
	if (rte_eth_stats_get(rx->conf.port_id, &st) < 0)
		return;
	uint64_t missed = st.imissed + st.rx_nombuf + st.ierrors;
	if (rx->conf.drops)
		missed += kernel_drops_read(rx->conf.drops);
	atomic_store_explicit(&rx->c.stats.missed, missed, memory_order_relaxed);
}

/* Ticks are held against the host's clock now and then, before a burst is looked at. */
static void read_clock(struct rx *rx)
{
	uint64_t ticks;
	if (!rx->begun)
		rx->stamp = *rx->conf.stamp;
	rx->begun = true;
	if (rx->stamp.kind != STAMP_TICKS ||
	    clock_wall_ns() - rx->stamp.read_ns < STAMP_READ_EVERY_NS ||
	    rte_eth_read_clock(rx->conf.port_id, &ticks) < 0)
		return;
	if (!stamp_read(&rx->stamp, ticks, clock_wall_ns()))
		atomic_fetch_add_explicit(&rx->c.stats.clock_steps, 1, memory_order_relaxed);
}

static uint64_t time_of(struct rx *rx, const struct rte_mbuf *m, uint64_t burst_ns)
{
	uint64_t ns = burst_ns;
	if (rx->conf.stamp_offset < 0)
		return ns;
	uint64_t stamp = *RTE_MBUF_DYNFIELD(m, rx->conf.stamp_offset, const uint64_t *);
	if (!(m->ol_flags & rx->conf.stamp_flag) || !stamp_ns(&rx->stamp, stamp, burst_ns, &ns))
		atomic_fetch_add_explicit(&rx->c.stats.unstamped, 1, memory_order_relaxed);
	return ns;
}

static int rx_receive(struct capture *c, struct pkt_raw *out)
{
	struct rx *rx = (struct rx *)c;
	rte_pktmbuf_free_bulk(rx->mbufs, rx->n_mbufs);
	rx->n_mbufs = rte_eth_rx_burst(rx->conf.port_id, rx->conf.queue_id, rx->mbufs, PKT_BURST);
	if (rx->conf.account && rx->receives++ % STATS_EVERY == 0)
		read_losses(rx);
	if (rx->n_mbufs == 0)
		return 0;
	if (rx->conf.stamp_offset >= 0)
		read_clock(rx);
	uint64_t burst_ns = clock_wall_ns(), bytes = 0;
	for (uint16_t i = 0; i < rx->n_mbufs; i++) {
		struct rte_mbuf *m = rx->mbufs[i];
		uint32_t cap = m->pkt_len;
		/* Data rooms are 64 KiB, so a chain is rare; what does not fit shows as cut. */
		if (m->nb_segs > 1 && rte_pktmbuf_linearize(m) < 0)
			cap = m->data_len;
		out[i] = (struct pkt_raw){
			.ptr = rte_pktmbuf_mtod(m, const uint8_t *),
			.cap_len = cap,
			.wire_len = m->pkt_len,
			.time_ns = time_of(rx, m, burst_ns),
			.number = ++rx->number,
			.link = LINK_ETHERNET,
			.port = rx->conf.index,
		};
		bytes += m->pkt_len;
	}
	atomic_fetch_add_explicit(&c->stats.packets, rx->n_mbufs, memory_order_relaxed);
	atomic_fetch_add_explicit(&c->stats.bytes, bytes, memory_order_relaxed);
	return rx->n_mbufs;
}

static void rx_settle(struct capture *c)
{
	struct rx *rx = (struct rx *)c;
	if (rx->conf.account)
		read_losses(rx);
}

static void rx_close(struct capture *c)
{
	struct rx *rx = (struct rx *)c;
	rte_pktmbuf_free_bulk(rx->mbufs, rx->n_mbufs);
	mem_free(rx);
}

static const struct capture_ops rx_ops = {
	.name = "port", .receive = rx_receive, .settle = rx_settle, .close = rx_close};

int rx_open(const struct rx_queue_conf *conf, struct capture **ret_c, struct err *e)
{
	struct rx *rx = mem_alloc(sizeof(*rx));
	if (!rx)
		return err_set(e, -ENOMEM, "no memory for a receive queue");
	rx->c.ops = &rx_ops;
	rx->conf = *conf;
	*ret_c = &rx->c;
	return 0;
}
