#define ALLOW_EXPERIMENTAL_API /* DPDK 22.11: rte_eth_read_clock */
#include <time.h>

#include <rte_config.h>
#include <rte_cpuflags.h>
#include <rte_cycles.h>
#include <rte_epoll.h>
#include <rte_ethdev.h>
#include <rte_interrupts.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <rte_power_intrinsics.h>

#include "dataplane/base/clock.h"
#include "dataplane/base/mem.h"
#include "dataplane/capture/port.h"

/* The card's own count of losses is read this often, in receives: it may cost a system call. */
#define STATS_EVERY       4096

/* How long a queue may be left alone. A ring of 1,024, of a card or of another process, is full
 * after 70 us of the smallest packets at 10 Gbit/s; behind devices of the kernel are its own
 * buffers; and who is woken up need not look.
 */
#define WAIT_RING_NS      50000ull
#define WAIT_KERNEL_NS    1000000ull
#define WAIT_INTERRUPT_NS 10000000ull

/* Shorter rests than a timer of the kernel can keep are taken in the core, where it has a way to.
 */
#define WAIT_IN_CORE_NS   50000ull

/* What the driver stamps itself may have waited in the card. */
#define LATE_STAMPED_NS   2000000ull

struct rx {
	struct capture c;
	struct rx_queue_conf conf;
	struct rte_mbuf *mbufs[PKT_BURST];
	uint16_t n_mbufs;
	struct stamp stamp;
	uint64_t number;
	uint32_t receives;
	bool begun;
	bool listens; /* the interrupt of the queue is in this thread's list */
	struct rte_cpu_intrinsics core;
};

static void read_losses(struct rx *rx)
{
	struct rte_eth_stats st;
	if (rte_eth_stats_get(rx->conf.port_id, &st) < 0)
		return;
	uint64_t missed = st.imissed;
	if (rx->conf.drops)
		missed += kernel_drops_read(rx->conf.drops);
	atomic_store_explicit(&rx->c.stats.missed, missed, memory_order_relaxed);
	atomic_store_explicit(&rx->c.stats.no_buffer, st.rx_nombuf, memory_order_relaxed);
	atomic_store_explicit(&rx->c.stats.bad_frames, st.ierrors, memory_order_relaxed);
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
	capture_count(&c->stats.polls, 1);
	if (rx->n_mbufs == 0) {
		capture_count(&c->stats.empty_polls, 1);
		return 0;
	}
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
	capture_count(&c->stats.packets, rx->n_mbufs);
	capture_count(&c->stats.bytes, bytes);
	return rx->n_mbufs;
}

/* Until the driver says that something is there. A driver that cannot turn that on and off always
 * says so.
 */
static bool wait_for_interrupt(struct rx *rx, uint64_t ns)
{
	uint16_t port = rx->conf.port_id, queue = rx->conf.queue_id;
	struct rte_epoll_event event;
	if (!rx->listens && rte_eth_dev_rx_intr_ctl_q(port, queue, RTE_EPOLL_PER_THREAD,
						      RTE_INTR_EVENT_ADD, NULL) < 0)
		return false;
	rx->listens = true;
	rte_eth_dev_rx_intr_enable(port, queue);
	/* What came just before it was on wakes up nobody. */
	if (rte_eth_rx_queue_count(port, queue) <= 0)
		rte_epoll_wait(RTE_EPOLL_PER_THREAD, &event, 1, (int)(ns / 1000000) + 1);
	rte_eth_dev_rx_intr_disable(port, queue);
	return true;
}

/* Where the core can, it sleeps until the card writes to its ring, or for a while. */
static bool wait_in_core(struct rx *rx, uint64_t ns)
{
	struct rte_power_monitor_cond ring;
	uint64_t until = rte_get_tsc_cycles() + ns * rte_get_tsc_hz() / 1000000000;
	if (rx->core.power_monitor &&
	    rte_eth_get_monitor_addr(rx->conf.port_id, rx->conf.queue_id, &ring) == 0)
		return rte_power_monitor(&ring, until) == 0;
	return rx->core.power_pause && ns <= WAIT_IN_CORE_NS && rte_power_pause(until) == 0;
}

static void rx_wait(struct capture *c, uint64_t ns)
{
	struct rx *rx = (struct rx *)c;
	capture_count(&c->stats.waits, 1);
	if (*rx->conf.interrupts) {
		c->wait_max_ns = WAIT_INTERRUPT_NS;
		if (wait_for_interrupt(rx, ns))
			return;
	}
	uint64_t max_ns = rx->conf.buffered ? WAIT_KERNEL_NS : WAIT_RING_NS;
	ns = ns < max_ns ? ns : max_ns;
	if (!wait_in_core(rx, ns))
		nanosleep(&(struct timespec){.tv_nsec = (long)ns}, NULL);
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

static const struct capture_ops rx_ops = {.name = "port",
					  .receive = rx_receive,
					  .settle = rx_settle,
					  .wait = rx_wait,
					  .close = rx_close};

int rx_open(const struct rx_queue_conf *conf, struct capture **ret_c, struct err *e)
{
	struct rx *rx = mem_alloc(sizeof(*rx));
	if (!rx)
		return err_set(e, -ENOMEM, "no memory for a receive queue");
	rx->c.ops = &rx_ops;
	rx->c.late_ns = conf->stamp_offset >= 0 ? LATE_STAMPED_NS : 0;
	rx->c.wait_max_ns = conf->buffered ? WAIT_KERNEL_NS : WAIT_RING_NS;
	rx->conf = *conf;
	rte_cpu_get_intrinsics_support(&rx->core);
	*ret_c = &rx->c;
	return 0;
}
