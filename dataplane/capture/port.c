#define ALLOW_EXPERIMENTAL_API /* DPDK 22.11: rte_eth_read_clock */
#include "dataplane/capture/port.h"

#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <rte_bus_vdev.h>
#include <rte_config.h>
#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_log.h>
#include <rte_mbuf.h>
#include <rte_mbuf_dyn.h>

#include "dataplane/base/clock.h"
#include "dataplane/base/mem.h"
#include "dataplane/capture/device.h"
#include "dataplane/capture/kernel.h"
#include "dataplane/capture/rss.h"
#include "scripts_dir.h"

#define RX_DESCRIPTORS 1024

/* The kernel's ring for af_packet: frames that hold packets merged by GRO (the default of 2,048
 * bytes cuts them without a word) and still fit an mbuf, and enough of them to ride out a burst.
 * The driver takes frame i to stand at i * framesz, so a block must be whole frames and whole
 * pages: 32 * 65,408.
 */
#define AF_PACKET_RING "framesz=65408,blocksz=2093056,framecnt=512"

/* AF_XDP: buffers of a page, less what the pool and the mbuf take of it; for the kernel's rings of
 * 2,048 in either direction.
 */
#define XDP_ROOM       3648
#define XDP_BUFFERS    4096

struct port {
	uint16_t id;
	unsigned index;
	unsigned n_queues;
	int stamp_offset; /* -1: the card stamps nothing */
	uint64_t stamp_flag;
	struct stamp stamp;
	bool stamp_read; /* its clock could be read, and stamp says what it is */
	struct kernel_drops drops;
	bool started, interrupts;
	uint8_t rss_key[RSS_KEY_MAX]; /* as the card tells it */
	struct rss rss;
	struct rte_eth_xstat_name *names; /* of the driver's own counts */
	struct rte_eth_xstat *values;
	unsigned n_names;
	struct capture **kernel; /* an interface of the kernel: its queues, and nothing else */
	unsigned iface; /* the kernel's, that is read by whatever driver: its index; 0: none */
	struct rte_mempool *pool;
	struct rte_eth_dev_info info;
	char device[256]; /* as it was asked for */
	char args[320];   /* and completed, for DPDK */
};

static bool is_af_packet(const char *device)
{
	return strncmp(device, "net_af_packet", 13) == 0;
}

/* "net_af_packet0,iface=eth1" with our ring, where the user asked for none. */
static void complete_device(const char *device, char *out, size_t cap)
{
	bool af_packet = is_af_packet(device);
	bool own = strstr(device, "framesz=") || strstr(device, "blocksz=");
	snprintf(out, cap, "%s%s%s", device, af_packet && !own ? "," : "",
		 af_packet && !own ? AF_PACKET_RING : "");
}

/* "net_af_packet0,iface=eth1" and no more is read without DPDK's driver, whose ring has frames of
 * one size, cuts what is longer without a word, and does not say what it lost. NULL: not such a
 * device.
 */
static const char *kernel_iface(const char *device)
{
	const char *args = strchr(device, ',');
	if (strncmp(device, "net_af_packet", 13) != 0 || !args || strchr(args + 1, ',') ||
	    strncmp(args, ",iface=", 7) != 0)
		return NULL;
	return args + 7;
}

static int attach(struct port *p, struct err *e)
{
	struct rte_dev_iterator it;
	/* What the driver answers is EPERM for all of its reasons: that is not shown. */
	if (rte_dev_probe(p->args) < 0)
		return err_set(e, -ENODEV, "port %s: %s; the lines above are the driver's",
			       p->device,
			       geteuid() ? "not for this user: it needs root, or the capabilities "
					   "of docs/live.md"
					 : "its driver refused it, or DPDK has none of this name");
	uint16_t id;
	RTE_ETH_FOREACH_MATCHING_DEV(id, p->args, &it)
	{
		p->id = id;
		rte_eth_iterator_cleanup(&it);
		return 0;
	}
	/* Virtual devices do not match by their whole argument string: by name then. */
	char name[RTE_ETH_NAME_MAX_LEN];
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(p->device, ","), p->device);
	if (rte_eth_dev_get_port_by_name(name, &p->id) == 0)
		return 0;
	return err_set(e, -ENODEV, "port %s: the device came up without an Ethernet port",
		       p->device);
}

/* Enough for the rings and the bursts that are being worked on. AF_XDP shares the buffers with the
 * kernel, which takes none larger than a page, and fills rings of its own.
 */
static int make_pool(struct port *p, struct err *e)
{
	char name[32];
	bool xdp = strcmp(p->info.driver_name, "net_af_xdp") == 0;
	unsigned n_mbufs =
		p->n_queues * ((xdp ? XDP_BUFFERS : RX_DESCRIPTORS) + 2 * PKT_BURST) + 256;
	int socket = rte_eth_dev_socket_id(p->id);
	snprintf(name, sizeof(name), "port%u", p->index);
	p->pool = rte_pktmbuf_pool_create(name, n_mbufs, 0, 0, xdp ? XDP_ROOM : UINT16_MAX,
					  socket >= 0 ? socket : SOCKET_ID_ANY);
	if (!p->pool)
		return err_set(e, -ENOMEM,
			       "port %s: no memory for %u packet buffers of %u KiB (%u MiB): %s. "
			       "Reserve hugepages (" SL_SCRIPTS "/hugepages.sh) or raise -m in "
			       "capture.eal",
			       p->device, n_mbufs, xdp ? 4 : 64, n_mbufs / (xdp ? 256 : 16),
			       rte_strerror(rte_errno));
	return 0;
}

/* Of the driver's counts: those of what did not come through, less those of the ledger's columns.
 */
static bool names_losses(const char *name)
{
	static const char *const columns[] = {"rx_missed_errors", "rx_errors",
					      "rx_mbuf_allocation_errors"};
	static const char *const words[] = {"drop",  "miss",     "err",  "discard", "no_buf",
					    "nobuf", "overflow", "over", "crc",     "fifo"};
	if (strncmp(name, "rx", 2) != 0 && !strstr(name, "_rx"))
		return false;
	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
		if (strcmp(name, columns[i]) == 0)
			return false;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strstr(name, words[i]))
			return true;
	return false;
}

/* The names of the driver's own counts stay, for those who are told of them. */
static void read_names(struct port *p)
{
	int n = rte_eth_xstats_get_names(p->id, NULL, 0);
	if (n <= 0)
		return;
	p->names = mem_alloc((unsigned)n * sizeof(*p->names));
	p->values = mem_alloc((unsigned)n * sizeof(*p->values));
	if (p->names && p->values && rte_eth_xstats_get_names(p->id, p->names, (unsigned)n) == n)
		p->n_names = (unsigned)n;
}

void port_causes(const struct port *p, void (*tell)(void *arg, const char *name, uint64_t n),
		 void *arg)
{
	int n = p->n_names ? rte_eth_xstats_get(p->id, p->values, p->n_names) : 0;
	for (int i = 0; i < n && n <= (int)p->n_names; i++) {
		const struct rte_eth_xstat *x = &p->values[i];
		if (x->value && x->id < p->n_names && names_losses(p->names[x->id].name))
			tell(arg, p->names[x->id].name, x->value);
	}
}

/* A key that hashes both directions alike, over all that the card can hash; of tunnels the inside,
 * where it looks there.
 */
static void ask_for_rss(struct port *p, struct rte_eth_conf *conf)
{
	uint64_t can = p->info.flow_type_rss_offloads;
	size_t len = p->info.hash_key_size;
	conf->rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
	conf->rx_adv_conf.rss_conf.rss_hf = can & (RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP |
						   RTE_ETH_RSS_UDP | RTE_ETH_RSS_LEVEL_INNERMOST);
	p->rss.inner = can & RTE_ETH_RSS_LEVEL_INNERMOST;
	if (len == 0 || len > RSS_KEY_MAX)
		return;
	rss_make_key(p->rss_key, len);
	conf->rx_adv_conf.rss_conf.rss_key = p->rss_key;
	conf->rx_adv_conf.rss_conf.rss_key_len = (uint8_t)len;
}

/* Asks the card, which has started, what it hashes with. Drivers that take no key at first may take
 * one now.
 */
static void verify_rss(struct port *p)
{
	struct rte_eth_rss_conf is = {.rss_key = p->rss_key, .rss_key_len = RSS_KEY_MAX};
	for (unsigned i = 0; i < 2; i++) {
		size_t len = p->info.hash_key_size ? p->info.hash_key_size : 40;
		p->rss.key_len = 0;
		p->rss.key = p->rss_key;
		if (rte_eth_dev_rss_hash_conf_get(p->id, &is) < 0)
			return;
		p->rss.key_len = len < RSS_KEY_MAX ? len : RSS_KEY_MAX;
		if (i || !rss_splits(&p->rss, false))
			return;
		rss_make_key(p->rss_key, p->rss.key_len);
		is.rss_key_len = (uint8_t)p->rss.key_len;
		if (rte_eth_dev_rss_hash_update(p->id, &is) < 0)
			return;
	}
}

/* With interrupts and a key of ours, or with less, as the driver takes it. */
static int configure_device(struct port *p, struct rte_eth_conf *conf)
{
	struct rte_eth_rss_conf *rss = &conf->rx_adv_conf.rss_conf;
	uint16_t n = (uint16_t)p->n_queues;
	conf->intr_conf.rxq = 1;
	int rc = rte_eth_dev_configure(p->id, n, n, conf);
	if (rc == 0)
		return 0;
	conf->intr_conf.rxq = 0;
	rc = rte_eth_dev_configure(p->id, n, n, conf);
	if (rc == 0 || !rss->rss_hf)
		return rc;
	rss->rss_key = NULL;
	rss->rss_key_len = 0;
	rss->rss_hf &= ~RTE_ETH_RSS_LEVEL_INNERMOST;
	p->rss.inner = false;
	return rte_eth_dev_configure(p->id, n, n, conf);
}

static int configure(struct port *p, struct err *e)
{
	struct rte_eth_conf conf = {0};
	if (p->n_queues > 1)
		ask_for_rss(p, &conf);
	if (p->info.rx_offload_capa & RTE_ETH_RX_OFFLOAD_TIMESTAMP)
		conf.rxmode.offloads |= RTE_ETH_RX_OFFLOAD_TIMESTAMP;
	uint16_t n_rx = RX_DESCRIPTORS, n_tx = 64, n_queues = (uint16_t)p->n_queues;
	int rc = configure_device(p, &conf);
	if (rc == 0)
		rc = rte_eth_dev_adjust_nb_rx_tx_desc(p->id, &n_rx, &n_tx);
	for (uint16_t q = 0; rc == 0 && q < n_queues; q++) {
		rc = rte_eth_rx_queue_setup(p->id, q, n_rx, SOCKET_ID_ANY, NULL, p->pool);
		if (rc == 0)
			rc = rte_eth_tx_queue_setup(p->id, q, n_tx, SOCKET_ID_ANY, NULL);
	}
	if (rc < 0)
		return err_set(e, rc, "port %s: cannot set up %u queues: %s", p->device,
			       p->n_queues, rte_strerror(-rc));
	if (conf.rxmode.offloads & RTE_ETH_RX_OFFLOAD_TIMESTAMP)
		rte_mbuf_dyn_rx_timestamp_register(&p->stamp_offset, &p->stamp_flag);
	return 0;
}

static int start_card(struct port *p, struct err *e)
{
	int rc = p->started ? 0 : rte_eth_dev_start(p->id);
	p->started = rc == 0;
	return rc < 0 ? err_set(e, rc, "port %s: cannot start: %s", p->device, rte_strerror(-rc))
		      : 0;
}

int port_open(const struct port_conf *conf, unsigned index, struct port **ret_p, struct err *e)
{
	struct port *p = mem_alloc(sizeof(*p));
	if (!p)
		return err_set(e, -ENOMEM, "no memory for a port");
	p->id = RTE_MAX_ETHPORTS;
	p->index = index;
	p->n_queues = conf->n_queues ? conf->n_queues : 1;
	p->stamp_offset = -1;
	snprintf(p->device, sizeof(p->device), "%s", conf->device);
	complete_device(conf->device, p->args, sizeof(p->args));
	int rc = device_check(p->device, "/sys", e);
	char iface[IF_NAMESIZE];
	bool has_iface = device_arg(p->device, "iface", iface, sizeof(iface));
	if (rc == 0 && has_iface)
		p->iface = if_nametoindex(iface); /* there is none yet where net_tap makes it */
	if (rc == 0 && kernel_iface(p->device)) {
		p->kernel = mem_alloc(p->n_queues * sizeof(*p->kernel));
		*ret_p = p;
		if (p->kernel)
			return 0;
		rc = err_set(e, -ENOMEM, "no memory for a port");
	}
	if (rc == 0)
		rc = attach(p, e);
	if (rc == 0 && is_af_packet(p->device) && has_iface)
		kernel_drops_find(&p->drops, iface);
	if (rc == 0 && (rc = rte_eth_dev_info_get(p->id, &p->info)) < 0)
		err_set(e, rc, "port %s: %s", p->device, rte_strerror(-rc));
	if (rc == 0 && p->n_queues > p->info.max_rx_queues)
		rc = err_set(e, -ENOTSUP, "port %s: %u queues asked for, %s has %u", p->device,
			     p->n_queues, p->info.driver_name, p->info.max_rx_queues);
	if (rc == 0)
		rc = make_pool(p, e);
	if (rc == 0)
		rc = configure(p, e);
	/* What a card hashes with it tells once it runs: before anybody knows who will read it. */
	if (rc == 0 && p->n_queues > 1 && (rc = start_card(p, e)) == 0)
		verify_rss(p);
	if (rc == 0)
		read_names(p);
	if (rc < 0) {
		port_close(p);
		return rc;
	}
	*ret_p = p;
	return 0;
}

/* Devices that the kernel keeps packets for, while nobody reads them; and those that have none. */
static bool is_buffered(const char *device)
{
	static const char *const drivers[] = {"net_af_packet", "net_af_xdp", "net_tap", "net_pcap",
					      "net_null"};
	for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++)
		if (strncmp(device, drivers[i], strlen(drivers[i])) == 0)
			return true;
	return false;
}

int port_queue(struct port *p, unsigned q, struct capture **ret_c, struct err *e)
{
	if (kernel_iface(p->device)) {
		struct err cause;
		int rc = kernel_open(kernel_iface(p->device), p->index, ret_c, &cause);
		if (rc < 0)
			return err_set(e, rc, "port %s: %s", p->device, cause.text);
		p->kernel[q] = *ret_c;
		return 0;
	}
	struct rx_queue_conf conf = {
		.port_id = p->id,
		.queue_id = (uint16_t)q,
		.index = (uint16_t)p->index,
		.account = q == 0,
		.interrupts = &p->interrupts,
		.buffered = is_buffered(p->device),
		.stamp_offset = p->stamp_offset,
		.stamp_flag = p->stamp_flag,
		.stamp = &p->stamp,
		.drops = &p->drops,
	};
	return rx_open(&conf, ret_c, e);
}

/* What the card stamps with. A clock that cannot be read is taken for one of nanoseconds; each
 * stamp is held against the host's clock.
 */
static void read_clock(struct port *p)
{
	uint64_t ticks[2], ns[2];
	p->stamp.kind = STAMP_NS;
	for (unsigned i = 0; i < 2; i++) {
		if (rte_eth_read_clock(p->id, &ticks[i]) < 0)
			return;
		ns[i] = clock_wall_ns();
		usleep(i == 0 ? STAMP_READ_FIRST_NS / 1000 : 0);
	}
	p->stamp_read = true;
	p->stamp = stamp_of_readings(ticks[0], ns[0], ticks[1], ns[1]);
}

/* Do its queues wake up who waits for them? DPDK says so in an error of its own when not. */
static void ask_for_interrupts(struct port *p)
{
	int ethdev = rte_log_register("lib.ethdev"), level = rte_log_get_level((uint32_t)ethdev);
	rte_log_set_level((uint32_t)ethdev, RTE_LOG_EMERG);
	p->interrupts = rte_eth_dev_rx_intr_ctl_q_get_fd(p->id, 0) >= 0;
	rte_log_set_level((uint32_t)ethdev, (uint32_t)level);
}

int port_start(struct port *p, struct err *e)
{
	if (p->kernel) {
		struct err cause;
		int rc = kernel_start(p->kernel, p->n_queues, &cause);
		return rc < 0 ? err_set(e, rc, "port %s: %s", p->device, cause.text) : 0;
	}
	int rc = start_card(p, e);
	if (rc < 0)
		return rc;
	ask_for_interrupts(p);
	if (p->stamp_offset >= 0)
		read_clock(p);
	/* A mirror's packets are addressed to others. Some virtual devices cannot, and need not. */
	rc = rte_eth_promiscuous_enable(p->id);
	if (rc < 0 && rc != -ENOTSUP)
		return err_set(e, rc, "port %s: cannot become promiscuous: %s", p->device,
			       rte_strerror(-rc));
	return 0;
}

void port_close(struct port *p)
{
	if (!p)
		return;
	if (p->started)
		rte_eth_dev_stop(p->id);
	if (p->id != RTE_MAX_ETHPORTS)
		rte_eth_dev_close(p->id);
	rte_mempool_free(p->pool);
	mem_free(p->kernel);
	mem_free(p->names);
	mem_free(p->values);
	mem_free(p);
}

const char *port_splits(const struct port *p, bool tunnels)
{
	if (p->n_queues == 1)
		return NULL;
	if (p->kernel)
		return tunnels ? "the kernel's hash does not look into tunnels" : NULL;
	return rss_splits(&p->rss, tunnels);
}

enum link_state port_link(const struct port *p)
{
	struct rte_eth_link link;
	if (p->iface)
		return link_of_iface(p->iface);
	return rte_eth_link_get_nowait(p->id, &link) < 0 || link.link_status ? LINK_UP
									     : LINK_NO_CARRIER;
}

static void describe_stamps(const struct port *p, char *out, size_t cap)
{
	if (p->stamp_offset < 0)
		snprintf(out, cap, "the host");
	else if (p->stamp.kind == STAMP_NONE)
		snprintf(out, cap, "the host, since the card's clock makes no sense");
	else if (p->stamp.kind == STAMP_TICKS)
		snprintf(out, cap, "the card, whose clock has %.3f MHz",
			 1e3 / p->stamp.ns_per_tick);
	else
		snprintf(out, cap, "the card, in nanoseconds%s",
			 p->stamp_read ? "" : " as far as can be told");
}

void port_describe(const struct port *p, char *out, size_t cap)
{
	struct rte_eth_link link = {0};
	if (p->kernel) {
		snprintf(
			out, cap,
			"port %s: driver af_packet of the kernel, %u queue%s, ring of %u MiB, time "
			"stamps by the kernel",
			p->device, p->n_queues, p->n_queues == 1 ? "" : "s",
			KERNEL_RING_BYTES >> 20);
		return;
	}
	rte_eth_link_get_nowait(p->id, &link);
	int n = snprintf(out, cap, "port %s: driver %s, link %s, %u queue%s, time stamps by ",
			 p->device, p->info.driver_name, link.link_status ? "up" : "down",
			 p->n_queues, p->n_queues == 1 ? "" : "s");
	if (n > 0 && (size_t)n < cap)
		describe_stamps(p, out + n, cap - (size_t)n);
}
