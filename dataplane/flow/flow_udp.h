/* flow_udp.h - a datagram and its session, step by step.
 *
 * In:     a datagram; the table of sessions.
 * Out:    its session and its place in the stream.
 * Owns:   nothing.
 * Runs:   worker. Private to flow.c and, in line, to frame_straight.c.
 * Limits: -
 */
#ifndef SL_FLOW_FLOW_UDP_H
#define SL_FLOW_FLOW_UDP_H

#include "dataplane/flow/flow_priv.h"

struct flow_udp {
	struct session *s;
	uint32_t idx; /* 0: there is none */
	unsigned dir;
};

/* flow.c */
struct flow_udp flow_udp_search(const struct flow *f, const struct pkt *p, uint64_t hash);

static inline struct flow_udp flow_udp_find(const struct flow *f, const struct pkt *p,
					    uint64_t hash)
{
	uint32_t idx = session_find_soon(&f->table, p, hash);
	if (__builtin_expect(idx != 0, 1))
		return (struct flow_udp){&f->table.s[idx], idx, 0};
	return flow_udp_search(f, p, hash);
}

/* One of UDP waits on its list for as long as all of them. */
static inline bool flow_udp_is_over(const struct flow *f, const struct session *s, uint64_t now_ns)
{
	return s->pub.last_ns + f->timeout_ns[LIST_UDP] <= now_ns;
}

/* The session has this datagram, which is counted by flow_udp_count. Returns its place. */
static inline uint64_t flow_udp_take(struct flow *f, const struct flow_udp *u, const struct pkt *p)
{
	uint64_t off = u->s->dir[u->dir].pos;
	flow_touch(f, u->idx, u->s, u->dir, p);
	u->s->pub.seen[u->dir] = true;
	u->s->dir[u->dir].pos = off + p->len;
	return off;
}

static inline void flow_udp_count(struct flow *f, unsigned n, uint64_t bytes)
{
	f->packets[FLOW_packets_taken] += n;
	f->bytes[FLOW_BYTES_bytes_in] += bytes;
	f->bytes[FLOW_BYTES_bytes_out] += bytes;
}

#endif
