#include <rte_config.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "dataplane/base/clock.h"
#include "dataplane/base/mem.h"
#include "dataplane/capture/port.h"

/* The card's own count of losses is read this often, in receives: it may cost a system call. */
#define STATS_EVERY        4096

/* Many cards stamp with ticks of a clock of their own, not with time: what is further than this
 * from the host's clock is no time since 1970, and the host's is taken.
 */
#define STAMP_APART_NS_MAX 1000000000ull

struct rx {
	struct capture c;
	struct rx_queue_conf conf;
	struct rte_mbuf *mbufs[PKT_BURST];
	uint16_t n_mbufs;
	uint64_t number;
	uint32_t receives;
};

static void read_losses(struct rx *rx)
{
	struct rte_eth_stats st;
	if (rte_eth_stats_get(rx->conf.port_id, &st) == 0)
		atomic_store_explicit(&rx->c.stats.missed, st.imissed + st.rx_nombuf + st.ierrors,
				      memory_order_relaxed);
}

static uint64_t stamp_of(const struct rx *rx, const struct rte_mbuf *m, uint64_t burst_ns)
{
	if (rx->conf.timestamp_offset < 0)
		return burst_ns;
	uint64_t ns = *RTE_MBUF_DYNFIELD(m, rx->conf.timestamp_offset, const uint64_t *);
	uint64_t apart_ns = ns > burst_ns ? ns - burst_ns : burst_ns - ns;
	return apart_ns < STAMP_APART_NS_MAX ? ns : burst_ns;
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
			.time_ns = stamp_of(rx, m, burst_ns),
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

static void rx_close(struct capture *c)
{
	struct rx *rx = (struct rx *)c;
	if (rx->conf.account)
		read_losses(rx);
	rte_pktmbuf_free_bulk(rx->mbufs, rx->n_mbufs);
	mem_free(rx);
}

static const struct capture_ops rx_ops = {.name = "port", .receive = rx_receive, .close = rx_close};

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
