#include "dataplane/capture/decode.h"

#include <assert.h>
#include <nmmintrin.h>

#include "dataplane/base/bytes.h"
#include "dataplane/base/mem.h"
#include "dataplane/capture/decode_toeplitz.h"
#include "dataplane/capture/decode_walk.h"
#include "dataplane/capture/dedup.h"
#include "dataplane/capture/frag.h"

LEDGER_DEFINE(decode, "capture", "packets", DECODE_COLS);

static const char *const checksum_choices[] = {"ignore", "count", "drop", NULL};
static const char *const dedup_choices[] = {"off", "safe", "all", NULL};

const struct opt decode_opts[] = {
	{.name = "checksum",
	 .type = OPT_ENUM,
	 .off = offsetof(struct decode_conf, checksum),
	 .def = "count",
	 .choices = checksum_choices,
	 .help = "What to do with wrong IPv4, TCP and UDP checksums. Hosts that capture themselves "
		 "see packets whose checksum the card has yet to fill in: those are known and not "
		 "wrong."},
	{.name = "dedup",
	 .type = OPT_ENUM,
	 .off = offsetof(struct decode_conf, dedup),
	 .def = "safe",
	 .choices = dedup_choices,
	 .help = "UDP packets that a mirror shows twice. safe: dropped where the copy can be told "
		 "from a sender that repeats itself (same IPv4 identification, or another VLAN, "
		 "TTL, "
		 "port or tunnel); all: every equal packet within dedup_window; off: none. TCP "
		 "needs "
		 "none of it."},
	{.name = "dedup_window",
	 .type = OPT_DURATION,
	 .off = offsetof(struct decode_conf, dedup_window_ns),
	 .min = 0,
	 .max = DEDUP_WINDOW_MAX_NS,
	 .def = "5ms",
	 .help = "How far apart in packet time two copies may be. A mirror's copies lie "
		 "microseconds apart, or as long as a full queue of the switch takes to empty."},
	{.name = "fragment_wait",
	 .type = OPT_DURATION,
	 .off = offsetof(struct decode_conf, fragment_wait_ns),
	 .min = 1000000,
	 .max = 600000000000,
	 .def = "30s",
	 .help = "How long IP fragments wait for the rest of their datagram, in packet time."},
	{.name = "fragments_max",
	 .type = OPT_INT,
	 .off = offsetof(struct decode_conf, fragments_max),
	 .min = 1,
	 .max = 65536,
	 .def = "4096",
	 .help = "Datagrams in reassembly at once, for each worker; beyond it the oldest goes."},
	{.name = "fragment_bytes_max",
	 .type = OPT_BYTES,
	 .off = offsetof(struct decode_conf, fragment_bytes_max),
	 .min = 1 << 20,
	 .max = (int64_t)1 << 33,
	 .def = "256MiB",
	 .help = "Most memory of these, 64 KiB for a datagram, for each worker. Address space; "
		 "memory is taken only as far as it is used."},
	{.name = "vxlan_ports",
	 .type = OPT_PORTS,
	 .off = offsetof(struct decode_conf, vxlan_ports),
	 .def = "[4789, 8472]",
	 .help = "UDP destination ports of VXLAN."},
	{.name = "geneve_ports",
	 .type = OPT_PORTS,
	 .off = offsetof(struct decode_conf, geneve_ports),
	 .def = "6081",
	 .help = "UDP destination ports of GENEVE."},
	{.name = "tunnel_depth_max",
	 .type = OPT_INT,
	 .off = offsetof(struct decode_conf, tunnel_depth_max),
	 .min = 0,
	 .max = DECODE_DEPTH_MAX,
	 .def = "8",
	 .help = "Most tunnels in one another that a packet is taken out of."},
	OPT_END,
};

/* Ports that are not configured. */
#define PORT_VXLAN_GPE 4790
#define PORT_MPLS      6635

#define JUMBO_BYTES    1518

/* Packets whose headers are asked for early. */
#define AHEAD          4

/* A packet that may be a copy; what it has seen, and in the last byte where it stands in the burst,
 * and more.
 */
struct suspect {
	uint64_t key, seen;
};
#define SUSPECT_SHIFT     56
#define SUSPECT_AT        (PKT_BURST - 1)
#define SUSPECT_STRONG    PKT_BURST
#define SUSPECT_TUNNELLED (2 * PKT_BURST)
static_assert(2 * SUSPECT_TUNNELLED <= 1 << (64 - SUSPECT_SHIFT), "all of it fits");

struct decode {
	uint64_t row[DECODE_N_COLS];
	struct suspect suspects[PKT_BURST]; /* of this burst */
	unsigned n_suspects;
	struct frag *frag;
	struct dedup *dedup;
	int checksum;
	uint8_t dedup_flags; /* of all suspects: SUSPECT_STRONG, or none */
	uint8_t tunnels_max;
	unsigned worker, n_workers;
	const struct opt_ports *together[DECODE_TOGETHER_MAX];
	unsigned n_together;
	uint8_t udp_tunnels[65536]; /* enum udp_tunnel by destination port */
};

static void set_ports(struct decode *d, const struct opt_ports *ports, enum udp_tunnel kind)
{
	for (size_t i = 0; i < ports->n; i++)
		for (unsigned p = ports->items[i].lo; p <= ports->items[i].hi; p++)
			d->udp_tunnels[p] = (uint8_t)kind;
}

int decode_create(const struct decode_conf *conf, struct decode **ret_d, struct err *e)
{
	struct decode *d = mem_alloc(sizeof(*d));
	if (!d)
		return err_set(e, -ENOMEM, "no memory for the decoder");
	d->n_workers = 1;
	d->checksum = conf->checksum;
	d->dedup_flags = conf->dedup == DEDUP_ALL ? SUSPECT_STRONG : 0;
	d->tunnels_max =
		(uint8_t)(conf->tunnel_depth_max < DECODE_DEPTH_MAX ? conf->tunnel_depth_max
								    : DECODE_DEPTH_MAX);
	d->udp_tunnels[PORT_VXLAN_GPE] = UDP_VXLAN_GPE;
	d->udp_tunnels[PORT_MPLS] = UDP_MPLS;
	set_ports(d, &conf->vxlan_ports, UDP_VXLAN);
	set_ports(d, &conf->geneve_ports, UDP_GENEVE);
	struct frag_conf frag = {
		.wait_ns = conf->fragment_wait_ns,
		.copies_ns = conf->dedup == DEDUP_OFF ? 0 : conf->dedup_window_ns,
		.bytes_max = conf->fragment_bytes_max,
		.datagrams_max = (uint32_t)conf->fragments_max,
	};
	int r = frag_create(&frag, d->row, &d->frag, e);
	if (r == 0 && conf->dedup != DEDUP_OFF)
		r = dedup_create(conf->dedup_window_ns, &d->dedup, e);
	if (r != 0) {
		decode_destroy(d);
		return r;
	}
	*ret_d = d;
	return 0;
}

void decode_destroy(struct decode *d)
{
	if (!d)
		return;
	frag_destroy(d->frag);
	dedup_destroy(d->dedup);
	mem_free(d);
}

void decode_share(struct decode *d, unsigned worker, unsigned n_workers)
{
	d->worker = worker;
	d->n_workers = n_workers;
	frag_share(d->frag, worker, n_workers);
}

void decode_share_together(struct decode *d, const struct opt_ports *ports)
{
	if (d->n_together < DECODE_TOGETHER_MAX)
		d->together[d->n_together++] = ports;
}

const uint64_t *decode_row(const struct decode *d)
{
	return d->row;
}

uint32_t decode_hash(const struct pkt *p)
{
	uint64_t a[2], b[2];
	memcpy(a, p->src, 16);
	memcpy(b, p->dst, 16);
	return toeplitz_of(a[0] ^ a[1] ^ b[0] ^ b[1], p->sport, p->dport);
}

/* An address as the two words (little-endian) that struct pkt keeps, IPv4 as ::ffff:a.b.c.d. Made
 * in registers: bytes that were just written and are read again as a word stall the core.
 */
struct address {
	uint64_t w[2];
};

static inline struct address address_of(const uint8_t *in, unsigned family)
{
	struct address a = {{0, 0xffff0000}};
	uint32_t v4;
	if (family == 6) {
		memcpy(a.w, in, 16);
	} else {
		memcpy(&v4, in, 4);
		a.w[1] |= (uint64_t)v4 << 32;
	}
	return a;
}

/* Is the checksum @field of TCP or UDP right? A card that is to complete it finds the sum of the
 * pseudo header there (with the length, or without where it will cut the packet into segments).
 */
static inline enum pkt_checksum judge_sum(uint64_t ends, uint32_t l4_len, uint8_t proto,
					  uint16_t field, uint64_t sum)
{
	uint64_t no_length = ends + __builtin_bswap16(proto);
	uint64_t pseudo = no_length + __builtin_bswap32(l4_len);
	if (sum_is_right(pseudo + sum))
		return CHECKSUM_GOOD;
	if (field == sum_fold(pseudo) || field == sum_fold(no_length))
		return CHECKSUM_UNKNOWN;
	return CHECKSUM_BAD;
}

static enum pkt_checksum check_sum(const struct walk *k, const struct pkt *p, uint16_t field)
{
	size_t n_words = k->family == 4 ? 1 : 4;
	uint64_t ends = sum_words(k->src, n_words) + sum_words(k->dst, n_words);
	return judge_sum(ends, k->l4_len, p->proto, field, sum_bytes(k->l4, k->l4_len));
}

static inline enum pkt_checksum check_l4(const struct walk *k, const struct pkt *p)
{
	if (k->missing)
		return CHECKSUM_UNKNOWN;
	uint16_t field;
	memcpy(&field, k->l4 + (p->proto == IPPROTO_TCP_ ? 16 : 6), 2);
	if (p->proto == IPPROTO_UDP_ && field == 0)
		return CHECKSUM_UNKNOWN;
	struct walk here = *k; /* a copy goes out, so that the walk can stay in registers */
	return check_sum(&here, p, field);
}

/* What the digests of a packet are made of, beside its payload. */
struct mark {
	__m128i same;   /* in copies, too: ends, ports, identification */
	uint16_t frame; /* what they differ in: link, tunnels, TTL, port of the capture */
	uint8_t flags;  /* of the suspect */
};

/* As they are in the packet: @ends 64, @ports 32, 16 for dedup_hash, @ip_id 16. */
static inline __m128i mark_same(uint64_t ends, uint32_t ports, uint16_t ip_id)
{
	return _mm_insert_epi16(_mm_set_epi64x(ports, (int64_t)ends), (short)ip_id, 7);
}

/* Whether it is a copy is asked at the end of the burst, when the table's line has come. @at: its
 * place in the burst.
 */
static inline void suspect(struct decode *d, const struct pkt *p, struct mark m, uint64_t key,
			   unsigned at)
{
	dedup_prefetch(d->dedup, key);
	struct suspect *s = &d->suspects[d->n_suspects++];
	s->key = key;
	s->seen = dedup_seen(m.frame, p->time_ns) | (uint64_t)(m.flags | at) << SUSPECT_SHIFT;
}

/* Both addresses, which stand in the packet. */
static inline uint64_t ends_of(const uint8_t *src, const uint8_t *dst, unsigned family)
{
	uint64_t s[2], t[2];
	uint32_t v4[2];
	if (family == 4) {
		memcpy(&v4[0], src, 4);
		memcpy(&v4[1], dst, 4);
		return v4[0] | (uint64_t)v4[1] << 32;
	}
	memcpy(s, src, 16);
	memcpy(t, dst, 16);
	return (s[0] ^ s[1]) * 3 + (t[0] ^ t[1]);
}

/* Of a packet that was walked. */
static inline struct mark mark_of(const struct walk *k, const struct pkt *p)
{
	uint32_t ports;
	memcpy(&ports, k->l4, 4);
	uint64_t ends = ends_of(k->src, k->dst, k->family);
	uint64_t high = k->ip_id >> 16; /* of IPv6 */
	struct mark m = {
		.same = mark_same(ends ^ high << 32, ports, __builtin_bswap16((uint16_t)k->ip_id)),
		.frame = (uint16_t)_mm_crc32_u64((uint32_t)p->port << 8 | k->ttl, k->frame),
	};
	m.flags |= k->ip_id ? SUSPECT_STRONG : 0;
	m.flags |= k->tunnels ? SUSPECT_TUNNELLED : 0;
	return m;
}

/* What is told of packets handed on. */
static void tell(struct decode *d, const struct pkt *p, bool tunnelled, uint64_t one)
{
	d->row[DECODE_checksum_wrong] += p->checksum == CHECKSUM_BAD ? one : 0;
	d->row[DECODE_tunnelled] += tunnelled ? one : 0;
	if (p->cut_bytes) {
		d->row[DECODE_payload_cut] += one;
		d->row[DECODE_payload_cut_bytes] += one * p->cut_bytes;
	}
}

/* Takes copies out of the burst. Returns the number of packets that stay. */
static unsigned drop_copies(struct decode *d, struct pkt *out, unsigned n_out)
{
	uint64_t copies = 0;
	const struct suspect *end = d->suspects + d->n_suspects;
	for (const struct suspect *s = d->suspects; s < end; s++) {
		unsigned said = (unsigned)(s->seen >> SUSPECT_SHIFT), at = said & SUSPECT_AT;
		bool strong = (said | d->dedup_flags) & SUSPECT_STRONG;
		if (!dedup_is_copy(d->dedup, s->key, s->seen, strong))
			continue;
		copies |= (uint64_t)1 << at;
		tell(d, &out[at], said & SUSPECT_TUNNELLED, (uint64_t)-1);
		d->row[DECODE_duplicate]++;
	}
	d->n_suspects = 0;
	if (!copies)
		return n_out;
	unsigned n = 0;
	for (unsigned i = 0; i < n_out; i++)
		if (!(copies >> i & 1))
			out[n++] = out[i];
	return n;
}

#define PASSED_OVER DECODE_N_COLS

static bool is_together(const struct decode *d, uint16_t port)
{
	for (unsigned i = 0; i < d->n_together; i++)
		if (opt_ports_have(d->together[i], port))
			return true;
	return false;
}

/* Sessions that learn from each other go to one worker: by their server where its port tells which
 * end that is, else by both ends without ports.
 */
static unsigned owner_of(const struct decode *d, const struct pkt *p)
{
	if (!d->n_together || p->proto != IPPROTO_TCP_)
		return p->hash % d->n_workers;
	uint64_t src[2], dst[2], x = 0;
	memcpy(src, p->src, 16);
	memcpy(dst, p->dst, 16);
	bool to = is_together(d, p->dport), from = !to && is_together(d, p->sport);
	if (!from)
		x ^= dst[0] ^ dst[1];
	if (!to)
		x ^= src[0] ^ src[1];
	return toeplitz_of(x, 0, 0) % d->n_workers;
}

/* The innermost header was found: is the packet ours, and is it to be handed on, as number @at of
 * the burst? Returns what it ends as.
 */
static inline __attribute__((always_inline)) unsigned settle(struct decode *d, const struct walk *k,
							     const struct pkt_raw *raw, unsigned at)
{
	struct pkt *p = k->out;
	struct address src = address_of(k->src, k->family), dst = address_of(k->dst, k->family);
	memcpy(p->src, src.w, 16);
	memcpy(p->dst, dst.w, 16);
	p->hash = 0;
	if (d->n_workers > 1) {
		uint64_t ends = src.w[0] ^ src.w[1] ^ dst.w[0] ^ dst.w[1];
		p->hash = toeplitz_of(ends, p->sport, p->dport);
		if (owner_of(d, p) != d->worker)
			return PASSED_OVER;
	}
	p->port = raw->port;
	p->time_ns = raw->time_ns;
	p->number = raw->number;
	p->checksum = CHECKSUM_UNKNOWN;
	memset(p->pad, 0, sizeof(p->pad));
	if (d->checksum != CHECKSUM_IGNORE) {
		p->checksum = k->ip_sum_bad ? CHECKSUM_BAD : check_l4(k, p);
		if (p->checksum == CHECKSUM_BAD && d->checksum == CHECKSUM_DROP)
			return DECODE_bad_checksum;
	}
	if (d->dedup && p->proto == IPPROTO_UDP_) {
		struct mark m = mark_of(k, p);
		suspect(d, p, m, d->dedup->hash(m.same, p->payload, p->len), at);
	}
	if (p->checksum == CHECKSUM_BAD || k->tunnels || p->cut_bytes)
		tell(d, p, k->tunnels != 0, 1);
	return DECODE_packets_out;
}

static unsigned frag_verdict(const struct decode *d, const struct frag_id *of, enum frag_result r)
{
	static const uint8_t verdicts[] = {
		[FRAG_HELD] = DECODE_fragments_waiting,   [FRAG_DUPLICATE] = DECODE_duplicate,
		[FRAG_OVERLAP] = DECODE_fragment_overlap, [FRAG_NO_ROOM] = DECODE_fragment_no_room,
		[FRAG_BAD] = DECODE_bad_length,
	};
	return frag_is_ours(d->frag, of) ? verdicts[r] : PASSED_OVER;
}

/* The fragment at the cursor goes to the others of its datagram. When that is whole, the cursor
 * stands at its first byte.
 */
static enum frag_result join(struct decode *d, struct walk *k, uint64_t time_ns,
			     struct frag_id *ret_of)
{
	size_t n = k->family == 4 ? 4 : 16;
	*ret_of = (struct frag_id){
		.id = k->frag_id, .proto = k->family == 4 ? k->proto : 0, .family = k->family};
	memcpy(ret_of->src, k->src, n);
	memcpy(ret_of->dst, k->dst, n);
	struct frag_part part = {.of = *ret_of,
				 .ptr = k->p,
				 .len = (uint32_t)walk_avail(k),
				 .off = k->frag_off,
				 .proto = k->proto,
				 .more = k->frag_more,
				 .time_ns = time_ns};
	struct frag_whole whole;
	enum frag_result r = frag_add(d->frag, &part, &whole);
	if (r == FRAG_WHOLE) {
		k->p = whole.ptr;
		k->end = whole.ptr + whole.len;
		k->proto = whole.proto;
		k->bounded = true;
	}
	return r;
}

static enum walk_next walk_step(struct walk *k, enum walk_next next)
{
	switch (next) {
	case NEXT_ETHER:
		return l2_ether(k);
	case NEXT_TYPE:
		return l2_type(k);
	case NEXT_LLC:
		return l2_llc(k);
	case NEXT_PPP:
		return l2_ppp(k);
	case NEXT_MPLS:
		return l2_mpls(k);
	case NEXT_IP:
		return ip_any(k);
	case NEXT_IPV4:
		return ip_v4(k);
	case NEXT_IPV6:
		return ip_v6(k);
	default:
		return ip_proto(k);
	}
}

static enum walk_next walk_on(struct walk *k, enum walk_next next)
{
	while (next < NEXT_DONE && k->headers++ < DECODE_HEADERS_MAX)
		next = walk_step(k, next);
	return next;
}

static struct walk walk_of(const struct decode *d, const struct pkt_raw *raw, struct pkt *out)
{
	return (struct walk){.p = raw->ptr,
			     .end = raw->ptr + raw->cap_len,
			     .missing = raw->wire_len > raw->cap_len ? raw->wire_len - raw->cap_len
								     : 0,
			     .out = out,
			     .tunnels_max = d->tunnels_max,
			     .check_ip = d->checksum != CHECKSUM_IGNORE,
			     .udp_tunnels = d->udp_tunnels};
}

/* Any packet, header by header. */
static unsigned decode_walk(struct decode *d, const struct pkt_raw *raw, struct pkt *out,
			    unsigned at)
{
	struct walk k = walk_of(d, raw, out);
	enum walk_next next = l2_link(&k, raw->link);
	for (;;) {
		next = walk_on(&k, next);
		if (next == NEXT_DONE)
			return settle(d, &k, raw, at);
		if (next < NEXT_DONE)
			walk_drop(&k, DECODE_too_deep);
		if (next != NEXT_FRAGMENT)
			return d->worker == 0 ? k.verdict : PASSED_OVER;
		struct frag_id of;
		enum frag_result r = join(d, &k, raw->time_ns, &of);
		if (r != FRAG_WHOLE)
			return frag_verdict(d, &of, r);
		next = NEXT_PROTO;
	}
}

/* What nearly all packets are: Ethernet with one tag or none, IPv4 without options and whole, TCP
 * or UDP, no tunnel, not cut. What is anything else, or odd in any way, is walked.
 */
struct plain {
	const uint8_t *ip;
	uint32_t len; /* of what is behind its header, 8 at least were captured */
	uint32_t tag; /* what tells of a tag, 0: there is none */
};

static inline bool plain_of(const struct pkt_raw *raw, struct plain *ret_v)
{
	const uint8_t *e = raw->ptr;
	if (raw->link != LINK_ETHERNET || raw->cap_len < 14 + 4 + 20 + 8)
		return false;
	uint32_t at = 14, tag = 0, type;
	uint16_t fragment;
	if (be16(e + 12) == 0x8100) {
		tag = 1u << 16 | be16(e + 14);
		at = 18;
	}
	const uint8_t *ip = e + at;
	memcpy(&type, ip - 2, 4); /* and the first byte of IPv4: the last one is not asked for */
	memcpy(&fragment, ip + 6, 2);
	if (type << 8 != 0x45000800 || fragment & 0xff3f)
		return false;
	uint32_t len = be16(ip + 2) - 20u;
	if (len > raw->cap_len - at - 20)
		return false;
	*ret_v = (struct plain){ip, len, tag};
	return true;
}

/* The length of UDP with its header; 0: it is for the walk. */
static inline uint32_t plain_udp(const struct decode *d, const struct plain *v)
{
	const uint8_t *l4 = v->ip + 20;
	uint32_t len = be16(l4 + 4);
	if (len < 8 || len > v->len || d->udp_tunnels[be16(l4 + 2)] != UDP_PLAIN)
		return 0;
	return len;
}

/* The length of TCP's header; 0: the same. */
static inline uint32_t plain_tcp(const struct plain *v)
{
	uint32_t len = v->len < 20 ? 0 : (v->ip[32] >> 4) * 4u;
	return len < 20 || len > v->len ? 0 : len;
}

/* As the walk does it, but for what only tells copies apart. False: it is for that. */
static inline __attribute__((always_inline)) bool
decode_plain(const struct decode *d, const struct plain *v, struct walk *k)
{
	const uint8_t *ip = v->ip, *l4 = ip + 20;
	uint32_t header = 8, len = v->len;
	if (ip[9] == IPPROTO_TCP_) {
		header = plain_tcp(v);
		if (!header)
			return false;
		tcp_fields(k->out, l4);
	} else {
		len = ip[9] == IPPROTO_UDP_ ? plain_udp(d, v) : 0;
		if (!len)
			return false;
		udp_fields(k->out, l4);
	}
	k->p = l4;
	k->end = l4 + len;
	k->missing = 0;
	walk_payload(k, header);
	k->family = 4;
	k->src = ip + 12;
	k->dst = ip + 16;
	k->ttl = ip[8];
	k->ip_id = be16(ip + 4);
	k->tunnels = 0;
	k->frame = 0;
	k->ip_sum_bad = d->checksum != CHECKSUM_IGNORE && !sum_is_right(sum_words(ip, 5));
	return true;
}

/* The packet from its addresses to the end of its UDP header. */
static inline __m128i plain_head(const struct plain *v)
{
	return _mm_loadu_si128((const __m128i *)(v->ip + 12));
}

/* IPv4 addresses as ::ffff:a.b.c.d, from @head. */
static inline void put_addresses(struct pkt *p, __m128i head)
{
	const __m128i src = _mm_set_epi32(0x03020100, -1, -1, -1);
	const __m128i dst = _mm_set_epi32(0x07060504, -1, -1, -1);
	const __m128i mapped = _mm_set_epi32(0, (int)0xffff0000, 0, 0);
	_mm_storeu_si128((__m128i *)p->src, _mm_or_si128(_mm_shuffle_epi8(head, src), mapped));
	_mm_storeu_si128((__m128i *)p->dst, _mm_or_si128(_mm_shuffle_epi8(head, dst), mapped));
}

static inline struct mark plain_mark(const struct pkt_raw *raw, const struct plain *v)
{
	__m128i head = plain_head(v);
	uint16_t ip_id;
	memcpy(&ip_id, v->ip + 4, 2);
	uint64_t frame = (uint32_t)raw->port << 8 | v->ip[8];
	frame = _mm_crc32_u64(frame, bytes_load8(raw->ptr));
	frame = _mm_crc32_u64(frame, bytes_load8(raw->ptr + 4));
	frame = _mm_crc32_u32((uint32_t)frame, v->tag);
	return (struct mark){.same = _mm_insert_epi16(head, (short)ip_id, 7),
			     .frame = (uint16_t)frame,
			     .flags = ip_id ? SUSPECT_STRONG : 0};
}

/* Plain UDP with a checksum @field, which is judged, and the digest made, in one pass where the
 * core has a way to. Not in line, for senders may leave theirs away. Returns what it ends as.
 */
static __attribute__((noinline)) unsigned settle_summed(struct decode *d, const struct pkt_raw *raw,
							const struct plain *v, struct pkt *p,
							unsigned at, uint16_t field)
{
	const uint8_t *ip = v->ip, *l4 = ip + 20;
	const struct dedup *dedup = d->dedup;
	uint32_t len = p->len + 8;
	uint64_t sum, key = 0;
	struct mark m = plain_mark(raw, v);
	if (dedup && dedup->hash_sum) {
		key = dedup->hash_sum(m.same, p->payload, p->len, &sum);
		sum += sum_words(l4, 2);
	} else {
		sum = sum_bytes(l4, len);
		key = dedup ? dedup->hash(m.same, p->payload, p->len) : 0;
	}
	p->checksum = judge_sum(sum_words(ip + 12, 2), len, IPPROTO_UDP_, field, sum);
	if (p->checksum == CHECKSUM_BAD && d->checksum == CHECKSUM_DROP)
		return DECODE_bad_checksum;
	if (p->checksum == CHECKSUM_BAD)
		tell(d, p, false, 1);
	if (dedup)
		suspect(d, p, m, key, at);
	return DECODE_packets_out;
}

/* The straight way of plain UDP, whose @len bytes begin behind the IP header: what settle() does,
 * without a walk. Returns what it ends as.
 */
static inline __attribute__((always_inline)) unsigned
settle_udp(struct decode *d, const struct pkt_raw *raw, const struct plain *v, uint32_t len,
	   struct pkt *p, unsigned at)
{
	const uint8_t *ip = v->ip, *l4 = ip + 20;
	uint32_t ports = be32(l4);
	put_addresses(p, plain_head(v));
	p->sport = (uint16_t)(ports >> 16);
	p->dport = (uint16_t)ports;
	p->proto = IPPROTO_UDP_;
	p->tcp_flags = 0;
	p->port = raw->port;
	p->hash = 0;
	p->len = len - 8;
	p->time_ns = raw->time_ns;
	p->payload = l4 + 8;
	p->number = raw->number;
	/* Nothing is cut, and nothing of TCP is there. */
	memset(&p->cut_bytes, 0, sizeof(*p) - offsetof(struct pkt, cut_bytes));
	if (d->n_workers > 1) {
		p->hash = decode_hash(p);
		if (owner_of(d, p) != d->worker)
			return PASSED_OVER;
	}
	if (d->checksum != CHECKSUM_IGNORE) {
		uint16_t field;
		memcpy(&field, l4 + 6, 2);
		if (!sum_is_right(sum_words(ip, 5))) {
			p->checksum = CHECKSUM_BAD;
			if (d->checksum == CHECKSUM_DROP)
				return DECODE_bad_checksum;
			tell(d, p, false, 1);
		} else if (field) {
			return settle_summed(d, raw, v, p, at, field);
		}
	}
	if (d->dedup) {
		struct mark m = plain_mark(raw, v);
		suspect(d, p, m, d->dedup->hash(m.same, p->payload, p->len), at);
	}
	return DECODE_packets_out;
}

static inline unsigned decode_one(struct decode *d, const struct pkt_raw *raw, struct pkt *out,
				  unsigned at)
{
	struct plain v;
	struct walk k;
	if (!plain_of(raw, &v))
		return decode_walk(d, raw, out, at);
	if (v.ip[9] == IPPROTO_UDP_) {
		uint32_t len = plain_udp(d, &v);
		return len ? settle_udp(d, raw, &v, len, out, at) : decode_walk(d, raw, out, at);
	}
	k.out = out;
	return decode_plain(d, &v, &k) ? settle(d, &k, raw, at) : decode_walk(d, raw, out, at);
}

unsigned decode_owner(const struct decode *d, const struct pkt_raw *raw)
{
	struct pkt p;
	struct plain v;
	struct walk k;
	k.out = &p;
	if (!plain_of(raw, &v) || !decode_plain(d, &v, &k)) {
		k = walk_of(d, raw, &p);
		enum walk_next next = walk_on(&k, l2_link(&k, raw->link));
		if (next == NEXT_FRAGMENT)
			return DECODE_ALL;
		if (next != NEXT_DONE)
			return 0;
	}
	struct address src = address_of(k.src, k.family), dst = address_of(k.dst, k.family);
	memcpy(p.src, src.w, 16);
	memcpy(p.dst, dst.w, 16);
	p.hash = toeplitz_of(src.w[0] ^ src.w[1] ^ dst.w[0] ^ dst.w[1], p.sport, p.dport);
	return owner_of(d, &p);
}

unsigned decode_burst(struct decode *d, const struct pkt_raw *raw, unsigned n, struct pkt *out)
{
	const struct pkt_raw *end = raw + n;
	unsigned n_out = 0, n_in = 0, n_oversize = 0;
	struct pkt *p = out;
	uint64_t n_bytes = 0;
	assert(n <= PKT_BURST);
	if (n)
		frag_expire(d->frag, raw->time_ns);
	for (const struct pkt_raw *r = raw; r < end; r++) {
		if (r + AHEAD < end)
			__builtin_prefetch(r[AHEAD].ptr);
		unsigned verdict = decode_one(d, r, p, n_out);
		if (verdict == PASSED_OVER)
			continue;
		n_in++;
		n_bytes += r->cap_len;
		n_oversize += r->wire_len > JUMBO_BYTES;
		if (verdict == DECODE_packets_out) {
			n_out++;
			p++;
		} else {
			d->row[verdict]++;
		}
	}
	if (d->n_suspects)
		n_out = drop_copies(d, out, n_out);
	d->row[DECODE_packets_in] += n_in;
	d->row[DECODE_packets_out] += n_out;
	d->row[DECODE_bytes_in] += n_bytes;
	d->row[DECODE_oversize] += n_oversize;
	return n_out;
}

void decode_release(struct decode *d)
{
	frag_release(d->frag);
}

void decode_finish(struct decode *d)
{
	frag_finish(d->frag);
}
