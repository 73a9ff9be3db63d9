/* The ring is TPACKET_V3: blocks that the kernel fills with packets one behind the other and hands
 * over whole, when one is full or RETIRE_MS old. One block is read at a time, and is handed back
 * with the receive after its last packet went out.
 *
 *     block   | header | packet header, reserve, MACs, ... | packet header, ... |   BLOCK_BYTES
 *                                   `- VLAN tag is put back: the MACs move into the reserve
 */
#include "dataplane/capture/kernel.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "dataplane/base/mem.h"

#define BLOCK_BYTES (256u << 10)
#define N_BLOCKS    (KERNEL_RING_BYTES / BLOCK_BYTES)
/* A block that is handed over is gone until it is read, full or not: so a reader that is held up
 * has N_BLOCKS * RETIRE_MS at any rate, two seconds, before the ring is full of nearly empty ones.
 */
#define RETIRE_MS   8
/* Between the stamp and the ring a packet waits for the kernel's soft interrupt: on a machine with
 * more to do than cores, tens of milliseconds were seen.
 */
#define LATE_NS     (50 * 1000000ull)
/* The wait ends when a block is handed over: it may be long. */
#define WAIT_MAX_NS (10 * 1000000ull)
#define PAGE_BYTES  4096u
#define VLAN_BYTES  4u
#define MACS_BYTES  12u
#define STATS_EVERY 4096

struct kernel {
	struct capture c;
	int fd, iface;
	uint16_t index, link;
	uint8_t *ring;
	unsigned block;            /* the one that is read, or the next */
	struct tpacket3_hdr *next; /* in it */
	uint32_t n_left;           /* packets of it; 0 and @held: all are out, and borrowed */
	bool held;
	uint32_t receives;
	uint64_t number;
};

static struct tpacket_block_desc *block_of(const struct kernel *k)
{
	return (struct tpacket_block_desc *)(k->ring + (size_t)k->block * BLOCK_BYTES);
}

/* The kernel's count begins anew with each reading. */
static void read_losses(struct kernel *k)
{
	struct tpacket_stats_v3 st;
	socklen_t len = sizeof(st);
	if (getsockopt(k->fd, SOL_PACKET, PACKET_STATISTICS, &st, &len) == 0)
		capture_count(&k->c.stats.missed, st.tp_drops);
}

static void put16be(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static struct pkt_raw packet_of(struct kernel *k, struct tpacket3_hdr *h)
{
	struct pkt_raw p = {
		.ptr = (uint8_t *)h + h->tp_mac,
		.cap_len = h->tp_snaplen,
		.wire_len = h->tp_len,
		.time_ns = h->tp_sec * 1000000000ull + h->tp_nsec,
		.number = ++k->number,
		.link = k->link,
		.port = k->index,
	};
	if (h->tp_status & TP_STATUS_VLAN_VALID && h->tp_snaplen >= MACS_BYTES) {
		unsigned type = h->tp_status & TP_STATUS_VLAN_TPID_VALID ? h->hv1.tp_vlan_tpid
									 : ETH_P_8021Q;
		uint8_t *to = (uint8_t *)h + h->tp_mac - VLAN_BYTES;
		memmove(to, to + VLAN_BYTES, MACS_BYTES);
		put16be(to + MACS_BYTES, type);
		put16be(to + MACS_BYTES + 2, h->hv1.tp_vlan_tci);
		p.ptr = to;
		p.cap_len += VLAN_BYTES;
		p.wire_len += VLAN_BYTES;
	}
	return p;
}

/* Hands the block back that was read, and takes the next. False: there is none. */
static bool block_take(struct kernel *k)
{
	if (k->held) {
		block_of(k)->hdr.bh1.num_pkts = 0;
		__atomic_store_n(&block_of(k)->hdr.bh1.block_status, TP_STATUS_KERNEL,
				 __ATOMIC_RELEASE);
		k->block = (k->block + 1) % N_BLOCKS;
		k->held = false;
	}
	struct tpacket_block_desc *b = block_of(k);
	if (!(__atomic_load_n(&b->hdr.bh1.block_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER)) {
		/* The kernel counts in the block that it fills, too. */
		k->c.pending = __atomic_load_n(&b->hdr.bh1.num_pkts, __ATOMIC_RELAXED) > 0;
		return false;
	}
	k->c.pending = false;
	k->held = true;
	k->n_left = b->hdr.bh1.num_pkts;
	k->next = (struct tpacket3_hdr *)((uint8_t *)b + b->hdr.bh1.offset_to_first_pkt);
	return true;
}

/* The error of an interface that went down would end every wait at once, until it is asked for. */
static void kernel_wait(struct capture *c, uint64_t ns)
{
	struct kernel *k = (struct kernel *)c;
	struct pollfd ready = {.fd = k->fd, .events = POLLIN};
	struct timespec t = {.tv_nsec = (long)ns};
	int error;
	socklen_t len = sizeof(error);
	capture_count(&c->stats.waits, 1);
	if (ppoll(&ready, 1, &t, NULL) > 0 && ready.revents & POLLERR &&
	    getsockopt(k->fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 && error == ENETDOWN)
		capture_count(&c->stats.link_downs, 1);
}

static int kernel_receive(struct capture *c, struct pkt_raw *out)
{
	struct kernel *k = (struct kernel *)c;
	if (k->receives++ % STATS_EVERY == 0)
		read_losses(k);
	capture_count(&c->stats.polls, 1);
	if (k->n_left == 0 && !block_take(k)) {
		capture_count(&c->stats.empty_polls, 1);
		return 0;
	}
	int n = 0;
	uint64_t bytes = 0;
	for (; n < PKT_BURST && k->n_left; n++) {
		out[n] = packet_of(k, k->next);
		bytes += out[n].wire_len;
		k->next = (struct tpacket3_hdr *)((uint8_t *)k->next + k->next->tp_next_offset);
		k->n_left--;
	}
	capture_count(&c->stats.packets, (uint64_t)n);
	capture_count(&c->stats.bytes, bytes);
	return n;
}

static void kernel_settle(struct capture *c)
{
	read_losses((struct kernel *)c);
}

static void kernel_close(struct capture *c)
{
	struct kernel *k = (struct kernel *)c;
	if (k->fd >= 0)
		close(k->fd);
	if (k->ring)
		munmap(k->ring, KERNEL_RING_BYTES + PAGE_BYTES);
	mem_free(k);
}

static const struct capture_ops kernel_ops = {.name = "kernel",
					      .receive = kernel_receive,
					      .settle = kernel_settle,
					      .wait = kernel_wait,
					      .close = kernel_close};

/* The page behind the ring is for readers that look ahead with vectors. */
static int ring_map(struct kernel *k)
{
	int version = TPACKET_V3, reserve = VLAN_BYTES;
	struct tpacket_req3 req = {
		.tp_block_size = BLOCK_BYTES,
		.tp_block_nr = N_BLOCKS,
		.tp_frame_size = BLOCK_BYTES,
		.tp_frame_nr = N_BLOCKS,
		.tp_retire_blk_tov = RETIRE_MS,
	};
	if (setsockopt(k->fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)) < 0 ||
	    setsockopt(k->fd, SOL_PACKET, PACKET_RESERVE, &reserve, sizeof(reserve)) < 0 ||
	    setsockopt(k->fd, SOL_PACKET, PACKET_RX_RING, &req, sizeof(req)) < 0)
		return -errno;
	void *room = mmap(NULL, KERNEL_RING_BYTES + PAGE_BYTES, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (room == MAP_FAILED)
		return -errno;
	k->ring = room;
	if (mmap(room, KERNEL_RING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, k->fd,
		 0) == MAP_FAILED)
		return -errno;
	return 0;
}

/* What packets of the interface begin with. */
static int link_of(struct kernel *k, const char *iface, struct err *e)
{
	struct ifreq req = {0};
	strncpy(req.ifr_name, iface, sizeof(req.ifr_name) - 1);
	if (ioctl(k->fd, SIOCGIFHWADDR, &req) < 0)
		return err_set(e, -errno, "%s: %s", iface, strerror(errno));
	switch (req.ifr_hwaddr.sa_family) {
	case ARPHRD_ETHER:
	case ARPHRD_LOOPBACK:
		k->link = LINK_ETHERNET;
		return 0;
	case ARPHRD_NONE: /* tun, WireGuard */
	case ARPHRD_RAWIP:
		k->link = LINK_RAW;
		return 0;
	default:
		return err_set(e, -ENOTSUP,
			       "packets of interface %s are of type %u (if_arp.h), which is not "
			       "read; expected one of Ethernet, or of IP alone such as tun",
			       iface, req.ifr_hwaddr.sa_family);
	}
}

int kernel_open(const char *iface, unsigned index, struct capture **ret_c, struct err *e)
{
	struct kernel *k = mem_alloc(sizeof(*k));
	int rc = 0;
	if (!k)
		return err_set(e, -ENOMEM, "no memory for a receive ring");
	k->c.ops = &kernel_ops;
	k->c.late_ns = LATE_NS;
	k->c.wait_max_ns = WAIT_MAX_NS;
	k->index = (uint16_t)index;
	k->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0); /* nothing, until it is bound */
	if (k->fd < 0 && errno == EPERM)
		rc = err_set(
			e, -EPERM,
			"not for this user: it needs root, or the capabilities of docs/live.md");
	else if (k->fd < 0)
		rc = err_set(e, -errno, "%s", strerror(errno));
	else if (!(k->iface = (int)if_nametoindex(iface)))
		rc = err_set(e, -ENODEV, "the kernel has no interface %s", iface);
	else if ((rc = link_of(k, iface, e)) == 0 && (rc = ring_map(k)) < 0)
		err_set(e, rc, "no receive ring of %u MiB: %s", KERNEL_RING_BYTES >> 20,
			strerror(-rc));
	if (rc < 0) {
		kernel_close(&k->c);
		return rc;
	}
	*ret_c = &k->c;
	return 0;
}

/* Into the group of the queues before it, whose name is then in @io_group; 0: it makes one. The
 * kernel gives a number that nobody has: those of processes are the same in several containers.
 */
static int join_group(const struct kernel *k, uint32_t *io_group)
{
	socklen_t len = sizeof(*io_group);
	uint32_t group = *io_group;
	if (group == 0)
		group = (uint32_t)(PACKET_FANOUT_HASH | PACKET_FANOUT_FLAG_DEFRAG |
				   PACKET_FANOUT_FLAG_UNIQUEID)
			<< 16;
	if (setsockopt(k->fd, SOL_PACKET, PACKET_FANOUT, &group, sizeof(group)) < 0)
		return -errno;
	return getsockopt(k->fd, SOL_PACKET, PACKET_FANOUT, io_group, &len) < 0 ? -errno : 0;
}

static int start_one(struct kernel *k, uint32_t *io_group, struct err *e)
{
	struct sockaddr_ll at = {
		.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = k->iface};
	struct packet_mreq all = {.mr_ifindex = k->iface, .mr_type = PACKET_MR_PROMISC};
	if (bind(k->fd, (struct sockaddr *)&at, sizeof(at)) < 0)
		return err_set(e, -errno, "cannot read the interface: %s", strerror(errno));
	/* A mirror's packets are addressed to others. */
	if (setsockopt(k->fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof(all)) < 0)
		return err_set(e, -errno, "the interface cannot become promiscuous: %s",
			       strerror(errno));
	int rc = io_group ? join_group(k, io_group) : 0;
	return rc < 0 ? err_set(e, rc, "the interface cannot have several queues: %s",
				strerror(-rc))
		      : 0;
}

int kernel_start(struct capture *const *queues, unsigned n, struct err *e)
{
	int rc = 0;
	uint32_t group = 0;
	for (unsigned i = 0; i < n && rc == 0; i++)
		rc = start_one((struct kernel *)queues[i], n > 1 ? &group : NULL, e);
	return rc;
}
