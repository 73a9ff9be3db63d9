/* session.h - sessions by their addresses and ports, and the lists they grow old in.
 *
 * In:     struct pkt: its addresses, ports, protocol.
 * Out:    session indexes, 1-based; 0 is "none".
 * Owns:   sessions and the table over them, touched only as used.
 * Runs:   worker.
 * Limits: sessions_max live ones; SESSION_SPARE more may have ended since the last release, so that
 *         making room does not hand out an index that events still name. SESSION_PROBES slots.
 */
#ifndef SL_FLOW_SESSION_H
#define SL_FLOW_SESSION_H

#include <assert.h>
#include <nmmintrin.h>

#include "dataplane/base/bytes.h"
#include "dataplane/flow/flow.h"

/* Two bursts: each packet may end one session to make room for another. */
#define SESSION_SPARE  (2 * PKT_BURST)
/* Beyond this many slots a table at most half full has been filled with malice. */
#define SESSION_PROBES 128

/* Where a session waits for its end; each list has one time-out, so its head is due first. */
enum session_list {
	LIST_HALF_OPEN, /* no packet but SYN, SYN-ACK */
	LIST_OPEN,
	LIST_CLOSED, /* reset, or FIN both ways with bytes still missing */
	LIST_TAIL,   /* FLOW_END is out; stays to know late copies by */
	LIST_UDP,
	N_LISTS
};

enum flow_dir_flag {
	DIR_KNOWN = 1,  /* next_seq is where the stream goes on */
	DIR_ORIGIN = 2, /* joined late, the first byte is not settled: see reasm.h */
	DIR_FIN = 4,    /* end_seq is behind the last byte */
	DIR_RST = 8,    /* the same, but by a reset */
	DIR_ACKED = 16, /* ack_max holds */
};

/* One direction. Positions count from a start 64 KiB before the first byte seen when that was not
 * the SYN's, so that a segment overtaken at the very start still has one; base is the position of
 * stream_off 0.
 */
struct flow_dir {
	uint64_t pos; /* of next_seq */
	uint32_t next_seq;
	uint32_t ack_max; /* highest acknowledgement by the peer */
	uint32_t end_seq; /* behind the highest byte seen; final with DIR_FIN or DIR_RST */
	uint32_t base;
	uint32_t wait;         /* index of what waits for a hole, 0: nothing */
	uint32_t odd_seq;      /* behind the last segment outside the window */
	uint32_t gap_end_seq;  /* the last hole that was given up */
	uint32_t gap_bytes;    /* its length */
	uint8_t flags;         /* enum flow_dir_flag */
	uint8_t n_odd;         /* segments outside the window, each behind the one before */
	uint16_t packets_high; /* 2^32 of them */
	uint32_t n_packets;    /* of the session that came from this side */
};

struct session {
	/* line 1: what later stages see, and the key */
	struct flow_session pub;
	/* lines 2 and 3 */
	struct flow_dir dir[2];
	uint64_t number;         /* of the last packet */
	uint32_t listed;         /* session_grain() of last_ns when it was put on its list */
	uint32_t prev, next;     /* of its list; free and ended ones: next */
	uint32_t older, younger; /* in order of the first packet */
	uint8_t list;            /* enum session_list */
	uint8_t pad[3];
};
static_assert(sizeof(struct flow_session) == 64, "one cache line");
static_assert(sizeof(struct session) == 192, "three cache lines");

struct session_ends {
	uint32_t head, tail;
};

struct session_slot {
	uint32_t tag; /* low bits of the hash: they say where the slot belongs */
	uint32_t idx; /* 0: empty */
};

struct session_table {
	struct session *s;
	struct session_slot *slots;
	uint32_t slot_mask;
	uint32_t live_max, n_live;
	uint32_t n_touched;
	uint32_t free, ended;
	struct session_ends list[N_LISTS], birth;
};

/* Returns 0 or -ENOMEM. */
int session_table_init(struct session_table *t, uint32_t live_max);
void session_table_fini(struct session_table *t);

/* One end as 64 bits. The CRC spreads neighbours, which addresses and ports mostly are. */
static inline uint64_t session_end(const uint8_t addr[16], uint16_t port)
{
	uint64_t crc = _mm_crc32_u64(port, bytes_load8(addr));
	return _mm_crc32_u64(crc, bytes_load8(addr + 8)) ^ 0x9e3779b97f4a7c15;
}

/* The product of both ends, which is the same either way, with its halves put together. */
static inline uint64_t session_key_hash(const uint8_t a[16], uint16_t a_port, const uint8_t b[16],
					uint16_t b_port, uint8_t proto)
{
	uint64_t x = session_end(a, a_port) * session_end(b, b_port);
	return (x ^ x >> 32) + proto;
}

/* The same for both directions. Not pkt.hash: that one has 16 useful bits (a symmetric Toeplitz key
 * has a period of 16), which suits the choice of a worker but no table of a million.
 */
static inline uint64_t session_hash(const struct pkt *p)
{
	return session_key_hash(p->src, p->sport, p->dst, p->dport, p->proto);
}

static inline void session_prefetch_slot(const struct session_table *t, uint64_t hash)
{
	__builtin_prefetch(&t->slots[(uint32_t)hash & t->slot_mask]);
}

/* Most likely this one. */
static inline uint32_t session_guess(const struct session_table *t, uint64_t hash)
{
	return t->slots[(uint32_t)hash & t->slot_mask].idx;
}

static inline void session_prefetch(const struct session_table *t, uint64_t hash)
{
	const struct session *s = &t->s[session_guess(t, hash)];
	__builtin_prefetch(&s->pub, 1);
	__builtin_prefetch(&s->dir[0], 1);
	__builtin_prefetch(&s->dir[1].end_seq, 1);
}

/* Is @a the address @b, and @c the address @d? */
static inline bool session_addrs_eq(const uint8_t *a, const uint8_t *b, const uint8_t *c,
				    const uint8_t *d)
{
	__m128i x = _mm_xor_si128(_mm_loadu_si128((const __m128i *)a),
				  _mm_loadu_si128((const __m128i *)b));
	__m128i y = _mm_xor_si128(_mm_loadu_si128((const __m128i *)c),
				  _mm_loadu_si128((const __m128i *)d));
	__m128i both = _mm_or_si128(x, y);
	return _mm_testz_si128(both, both);
}

/* From its client? Ports and protocol, which stand behind the addresses in both, are one word. */
static inline bool session_key_is(const struct flow_session *s, const struct pkt *p)
{
	uint64_t ports = bytes_load8((const uint8_t *)s + offsetof(struct flow_session, port));
	uint64_t others = bytes_load8((const uint8_t *)p + offsetof(struct pkt, sport));
	return (ports ^ others) << 24 == 0 &&
	       session_addrs_eq(s->addr[0], p->src, s->addr[1], p->dst);
}
static_assert(offsetof(struct flow_session, proto) == offsetof(struct flow_session, port) + 4 &&
		      offsetof(struct pkt, proto) == offsetof(struct pkt, sport) + 4,
	      "ports and protocol are alike in both");

static inline bool session_key_eq(const struct flow_session *s, const struct pkt *p,
				  unsigned *ret_dir)
{
	if (session_key_is(s, p)) {
		*ret_dir = 0;
		return true;
	}
	if (s->proto == p->proto && s->port[1] == p->sport && s->port[0] == p->dport &&
	    session_addrs_eq(s->addr[1], p->src, s->addr[0], p->dst)) {
		*ret_dir = 1;
		return true;
	}
	return false;
}

/* 0 when there is none. *ret_dir: 0 when the packet comes from the client. */
static inline uint32_t session_find(const struct session_table *t, const struct pkt *p,
				    uint64_t hash, unsigned *ret_dir)
{
	uint32_t tag = (uint32_t)hash;
	for (uint32_t i = 0; i < SESSION_PROBES; i++) {
		const struct session_slot *slot = &t->slots[(tag + i) & t->slot_mask];
		if (!slot->idx)
			return 0;
		if (slot->tag == tag && session_key_eq(&t->s[slot->idx].pub, p, ret_dir))
			return slot->idx;
	}
	return 0;
}

/* The same as far as one look goes: of a packet from the client whose session is in its own place.
 * Nothing has the key of a packet where no session is.
 */
static inline uint32_t session_find_soon(const struct session_table *t, const struct pkt *p,
					 uint64_t hash)
{
	const struct session_slot *slot = &t->slots[(uint32_t)hash & t->slot_mask];
	bool is = slot->tag == (uint32_t)hash && session_key_is(&t->s[slot->idx].pub, p);
	return is ? slot->idx : 0;
}

/* A new session with the key of @p, whose sender becomes the client, or the server with @reversed;
 * on no list yet. 0: no session free, or no slot.
 */
uint32_t session_get(struct session_table *t, const struct pkt *p, uint64_t hash, bool reversed);

/* Client and server change places; their directions are the caller's. */
void session_swap(struct session *s);

/* Takes the session out of table and lists. Its index is free after session_release. */
void session_put(struct session_table *t, uint32_t idx);
void session_release(struct session_table *t);

/* Is it a session, and not what is left of one? @idx: below n_touched + 1. */
static inline bool session_lives(const struct session_table *t, uint32_t idx)
{
	return t->s[idx].list != N_LISTS;
}

/* Puts it at the end of the list. */
void session_enlist(struct session_table *t, uint32_t idx, enum session_list list);

/* Units of 2^30 ns, 1.07 s, in which the lists are in order. */
#define SESSION_GRAIN_SHIFT 30

static inline uint32_t session_grain(uint64_t time_ns)
{
	return (uint32_t)(time_ns >> SESSION_GRAIN_SHIFT);
}

/* Sequence numbers wrap: how far @a is ahead of @b, -2^31 to 2^31 - 1. */
static inline int32_t seq_diff(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b);
}

static inline bool session_is_tcp(const struct session *s)
{
	return s->pub.proto == IPPROTO_TCP_;
}

#endif
