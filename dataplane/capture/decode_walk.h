/* decode_walk.h - the walk from the outermost header of a packet to its innermost TCP or UDP.
 *
 * In:     a cursor over the captured bytes, and what the header before says that comes next.
 * Out:    fields of struct pkt, or the name of a drop.
 * Owns:   nothing.
 * Runs:   worker. Private to decode*.c.
 * Limits: DECODE_HEADERS_MAX steps; each step is bounded by the bytes it reads.
 *
 * Each header is one step: it checks that its bytes are there, moves the cursor behind itself and
 * answers what comes next. Lengths narrow the cursor:
 *
 *     p ---- captured ---- end ---- missing (on the wire, cut by the capture) ----|
 */
#ifndef SL_CAPTURE_DECODE_WALK_H
#define SL_CAPTURE_DECODE_WALK_H

#include "dataplane/capture/decode.h"

enum walk_next {
	NEXT_ETHER, /* an Ethernet frame without its check sequence */
	NEXT_TYPE,  /* by the ethertype in k->type */
	NEXT_LLC,
	NEXT_PPP,
	NEXT_MPLS,
	NEXT_IP, /* version by the first nibble */
	NEXT_IPV4,
	NEXT_IPV6,
	NEXT_PROTO,    /* by the IP protocol in k->proto */
	NEXT_DONE,     /* TCP or UDP: the packet is filled */
	NEXT_FRAGMENT, /* k->frag_* and [p, end) are a part of a datagram */
	NEXT_DROP,     /* k->verdict names it */
};

enum udp_tunnel {
	UDP_PLAIN,
	UDP_VXLAN,
	UDP_VXLAN_GPE,
	UDP_GENEVE,
	UDP_MPLS,
};

struct walk {
	const uint8_t *p, *end;
	uint64_t missing;
	uint64_t frame;           /* digest of link and tunnel headers: what two copies differ in */
	const uint8_t *src, *dst; /* addresses of the innermost IP header */
	const uint8_t *l4;        /* the innermost TCP or UDP header */
	uint32_t l4_len;          /* captured bytes of it and its payload */
	uint32_t frag_id, frag_off;
	uint32_t ip_id;
	uint16_t type;
	uint8_t proto, family; /* family: 4 or 6 */
	uint8_t ttl;
	uint8_t headers, tunnels, tunnels_max;
	uint8_t verdict;            /* enum of DECODE_COLS, with NEXT_DROP */
	bool bounded;               /* a header outside has set the end: who claims more is lying */
	bool no_length;             /* the IP header left its length open */
	bool frag_more;             /* more fragments follow */
	bool check_ip;              /* sum up IPv4 headers */
	bool ip_sum_bad;            /* an IPv4 header on the way has a wrong checksum */
	struct pkt *out;            /* filled by TCP and UDP */
	const uint8_t *udp_tunnels; /* enum udp_tunnel by destination port */
};

static inline uint16_t be16(const uint8_t *p)
{
	uint16_t v;
	memcpy(&v, p, sizeof(v));
	return __builtin_bswap16(v);
}

static inline uint32_t be32(const uint8_t *p)
{
	uint32_t v;
	memcpy(&v, p, sizeof(v));
	return __builtin_bswap32(v);
}

static inline enum walk_next walk_drop(struct walk *k, unsigned verdict)
{
	k->verdict = (uint8_t)verdict;
	return NEXT_DROP;
}

static inline size_t walk_avail(const struct walk *k)
{
	return (size_t)(k->end - k->p);
}

/* What the wire had from the cursor on. */
static inline uint64_t walk_left(const struct walk *k)
{
	return walk_avail(k) + k->missing;
}

/* Are the next @n bytes there? If not, the drop is named: the caller returns NEXT_DROP. */
static inline bool walk_has(struct walk *k, size_t n)
{
	if (walk_avail(k) >= n)
		return true;
	k->verdict = k->missing ? DECODE_cut : DECODE_bad_header;
	return false;
}

/* A header says that @len bytes belong to it from the cursor on. False when it claims more than the
 * header around it has: the drop is named.
 */
static inline bool walk_bound(struct walk *k, uint64_t len)
{
	size_t avail = walk_avail(k);
	if (len <= avail) {
		k->end = k->p + len;
		k->missing = 0;
	} else if (k->bounded && len > avail + k->missing) {
		k->verdict = DECODE_bad_length;
		return false;
	} else {
		k->missing = len - avail;
	}
	k->bounded = true;
	return true;
}

/* Remember a value of the framing that all packets of one path share. */
static inline void walk_mark(struct walk *k, uint64_t v)
{
	uint64_t x = (k->frame ^ v) * 0x9e3779b97f4a7c15u;
	k->frame = x ^ x >> 29;
}

/* A tunnel's header was read and its inside follows as @next. */
static inline enum walk_next walk_tunnel(struct walk *k, enum walk_next next)
{
	if (k->tunnels == k->tunnels_max)
		return walk_drop(k, DECODE_too_deep);
	k->tunnels++;
	return next;
}

/* decode_l2.c: starts at the link header; the steps of the link layer. */
enum walk_next l2_link(struct walk *k, unsigned link);
enum walk_next l2_ether(struct walk *k);
enum walk_next l2_type(struct walk *k);
enum walk_next l2_llc(struct walk *k);
enum walk_next l2_ppp(struct walk *k);
enum walk_next l2_mpls(struct walk *k);

/* decode_ip.c */
enum walk_next ip_any(struct walk *k);
enum walk_next ip_v4(struct walk *k);
enum walk_next ip_v6(struct walk *k);
enum walk_next ip_proto(struct walk *k);

/* decode_tunnel.c */
enum walk_next tunnel_gre(struct walk *k);
enum walk_next tunnel_ip(struct walk *k, enum walk_next next);
/* At the payload of UDP: NEXT_DONE when it is not the tunnel's. */
enum walk_next tunnel_udp(struct walk *k, enum udp_tunnel kind);

/* decode_sum.c: the 16-bit ones' complement sum, not folded: add sums, then fold. */
uint64_t sum_bytes(const uint8_t *p, size_t len);

/* The same, of a few words of 32 bits. */
static inline uint64_t sum_words(const uint8_t *p, size_t n_words)
{
	uint64_t s = 0;
	for (size_t i = 0; i < n_words; i++) {
		uint32_t w;
		memcpy(&w, p + i * 4, 4);
		s += w;
	}
	return s;
}

/* A sum and the same with its halves changed: what one half carries comes into the other. */
static inline uint16_t sum_fold(uint64_t s)
{
	s += s << 32 | s >> 32;
	uint32_t half = (uint32_t)(s >> 32);
	half += half << 16 | half >> 16;
	return (uint16_t)(half >> 16);
}

/* Does it fold to 0xffff, as the sum of what has a right checksum in it? So it does if it is a
 * multiple of that; there are no such sums of zeros alone.
 */
static inline bool sum_is_right(uint64_t s)
{
	return s % 0xffff == 0;
}

/*   source port 16 | destination port 16
 *   sequence 32
 *   acknowledgement 32
 *   words 4, 0 4 | flags 8 | window 16
 *   checksum 16 | urgent 16 | options
 */
static inline void tcp_fields(struct pkt *out, const uint8_t *h)
{
	out->proto = IPPROTO_TCP_;
	out->sport = be16(h);
	out->dport = be16(h + 2);
	out->seq = be32(h + 4);
	out->ack = be32(h + 8);
	out->tcp_flags = h[13];
	out->window = be16(h + 14);
	out->urgent = h[13] & TCP_URG ? be16(h + 18) : 0;
}

/*   source port 16 | destination port 16 | length 16 | checksum 16 */
static inline void udp_fields(struct pkt *out, const uint8_t *h)
{
	out->proto = IPPROTO_UDP_;
	out->sport = be16(h);
	out->dport = be16(h + 2);
	out->seq = out->ack = 0;
	out->tcp_flags = 0;
	out->window = out->urgent = 0;
}

/* The header at the cursor and what is behind it. */
static inline void walk_payload(struct walk *k, size_t header)
{
	k->l4 = k->p;
	k->l4_len = (uint32_t)walk_avail(k);
	k->p += header;
	k->out->payload = k->p;
	k->out->len = (uint32_t)walk_avail(k);
	k->out->cut_bytes = k->missing > UINT32_MAX ? UINT32_MAX : (uint32_t)k->missing;
}

#endif
