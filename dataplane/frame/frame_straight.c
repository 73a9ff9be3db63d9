/* Datagrams of known sessions, from packets to frames without events in between.
 *
 * Sessions of the whole burst are looked up first, then frames are put: what both loops need fits
 * the registers of neither.
 */
#include "dataplane/flow/flow_udp.h"
#include "dataplane/frame/frame_priv.h"

/* Packets. */
#define AHEAD 4

/* A frame to be. */
struct plain {
	struct session *s;
	const struct frame_session *fs;
	struct slice kept;
	uint32_t idx;
	uint32_t dir;
};

/* What a session has here, where there are many. */
static inline void foresee(const struct frame_stage *f, const struct flow *flow, uint64_t hash)
{
	const struct frame_session *fs = frame_session(f, session_guess(&flow->table, hash));
	__builtin_prefetch(fs);
	__builtin_prefetch(fs->origin[0]);
}

/* False: it is for the usual way. No session is at index 0, and what stands there is of no epoch.
 */
static inline bool meet(const struct frame_stage *f, const struct flow *flow, const struct pkt *p,
			uint64_t hash, struct plain *ret_d)
{
	struct flow_udp u = flow_udp_find(flow, p, hash);
	const struct frame_session *fs = frame_session(f, u.idx);
	if (fs->whole_datagrams != f->epoch || flow_udp_is_over(flow, u.s, p->time_ns))
		return false;
	ret_d->s = u.s;
	ret_d->fs = fs;
	ret_d->idx = u.idx;
	ret_d->dir = u.dir;
	ret_d->kept = fs->slot->parser->datagram(slice_of(p->payload, p->len));
	return true;
}

static inline bool is_plain(const struct pkt *p)
{
	return p->proto == IPPROTO_UDP_ && p->len && !p->cut_bytes;
}

static inline __attribute__((always_inline)) unsigned
meet_all(const struct frame_stage *f, const struct flow *flow, const struct pkt *pkts, unsigned n,
	 const uint64_t *hashes, struct plain *ret_d)
{
	unsigned i = 0;
	for (; i < n && is_plain(&pkts[i]); i++) {
		if (hashes && n - i > AHEAD)
			foresee(f, flow, hashes[i + AHEAD]);
		uint64_t hash = hashes ? hashes[i] : session_hash(&pkts[i]);
		if (!meet(f, flow, &pkts[i], hash, &ret_d[i]))
			break;
	}
	return i;
}

static __attribute__((noinline)) unsigned meet_few(const struct frame_stage *f,
						   const struct flow *flow, const struct pkt *pkts,
						   unsigned n, struct plain *ret_d)
{
	return meet_all(f, flow, pkts, n, NULL, ret_d);
}

static __attribute__((noinline)) unsigned meet_many(const struct frame_stage *f,
						    const struct flow *flow, const struct pkt *pkts,
						    unsigned n, struct plain *ret_d)
{
	uint64_t hashes[PKT_BURST];
	if (!n || !is_plain(pkts))
		return 0;
	flow_foresee(flow, pkts, n, hashes);
	return meet_all(f, flow, pkts, n, hashes, ret_d);
}

/* A burst of frames, in registers while it is filled. */
struct burst {
	struct frame *next;
	uint8_t *base, *at;
	const char *origin; /* the one that was put last */
	uint32_t origin_off;
};

/* Origins are padded, and what is behind them is written later. */
static inline void put_origin(struct burst *to, const char *text, size_t len)
{
	to->origin = text;
	to->origin_off = (uint32_t)(to->at - to->base);
	memcpy(to->at, text, SL_PAD);
	if (__builtin_expect(len > SL_PAD, 0))
		memcpy(to->at + SL_PAD, text + SL_PAD, ORIGIN_LEN_MAX - SL_PAD);
	to->at += len;
}

/* There is room. Each member by itself: to clear all of it first would take longer. */
static inline void put(struct burst *to, const struct plain *d, uint64_t time_ns, uint64_t off)
{
	const struct frame_session *fs = d->fs;
	size_t origin_len = fs->origin_len[d->dir], len = d->kept.len;
	if (fs->origin[d->dir] != to->origin)
		put_origin(to, fs->origin[d->dir], origin_len);
	uint8_t *at = to->at;
	struct frame *f = to->next;
	f->time_ns = time_ns;
	f->stream_off = off;
	f->session_id = fs->session_id;
	f->bytes.ptr = f->body.ptr = at;
	f->bytes.len = f->body.len = len;
	f->meta = (struct val){0};
	f->meta_name = NULL;
	f->unparsed = NULL;
	f->aux = NULL;
	f->idx = 0;
	f->session = d->idx;
	f->origin_off = to->origin_off;
	f->origin_len = (uint16_t)origin_len;
	f->source = fs->slot->idx;
	f->body_kind = BODY_PARSER;
	f->dir = (uint8_t)d->dir;
	f->cut = false;
	to->next = f + 1;
	to->at = at + len;
	memcpy(at, d->kept.ptr, len);
}

/* Rows of sources move once for datagrams of one source that follow each other. */
struct tally {
	struct frame_slot *slot;
	uint64_t n_bytes;          /* of all datagrams */
	uint64_t since;            /* n_bytes then */
	const struct frame *first; /* of the frames since then */
};

static void tally_end(const struct tally *t, const struct frame *next)
{
	if (!t->slot)
		return;
	t->slot->row[FRAME_bytes_in] += t->n_bytes - t->since;
	t->slot->row[FRAME_bytes_framed] += t->n_bytes - t->since;
	t->slot->row[FRAME_frames] += (uint64_t)(next - t->first);
}

static inline void tally_turn(struct tally *t, struct frame_slot *slot, const struct frame *next)
{
	if (t->slot == slot)
		return;
	tally_end(t, next);
	*t = (struct tally){slot, t->n_bytes, t->n_bytes, next};
}

/* What is left of a burst that is full is for the usual way. */
static __attribute__((noinline)) unsigned put_all(struct frame_out *o, struct flow *flow,
						  const struct pkt *pkts, const struct plain *plain,
						  unsigned n)
{
	struct arena *a = &o->batch->arena;
	struct burst to = {.next = o->frames, .base = a->base, .at = a->base + a->used};
	size_t cap = a->cap < FRAME_BURST_BYTES ? a->cap : FRAME_BURST_BYTES;
	const uint8_t *end = a->base + cap - ORIGIN_LEN_MAX - SL_PAD;
	struct tally t = {.first = to.next};
	unsigned i = 0;
	for (; i < n && to.at + pkts[i].len <= end; i++) {
		const struct pkt *p = &pkts[i];
		const struct plain *d = &plain[i];
		struct flow_udp u = {d->s, d->idx, d->dir};
		tally_turn(&t, d->fs->slot, to.next);
		t.n_bytes += p->len;
		flow_set_clock(flow, p->time_ns);
		uint64_t off = flow_udp_take(flow, &u, p);
		if (d->kept.len)
			put(&to, d, p->time_ns, off);
	}
	tally_end(&t, to.next);
	flow->packets[FLOW_packets_in] += i;
	flow_udp_count(flow, i, t.n_bytes);
	o->n = (unsigned)(to.next - o->frames);
	a->used = (size_t)(to.at - to.base);
	return i;
}

unsigned frame_straight(struct frame_stage *f, struct flow *flow, const struct pkt *pkts,
			unsigned n, struct batch *b, struct frame *frames, unsigned *ret_n_frames)
{
	struct plain plain[PKT_BURST];
	static_assert(PKT_BURST <= BATCH_RECS_MAX, "a burst of frames holds one of packets");
	assert(n <= PKT_BURST);
	frame_out_begin(&f->out, b, frames, BATCH_RECS_MAX);
	n = flow_has_few(flow) ? meet_few(f, flow, pkts, n, plain)
			       : meet_many(f, flow, pkts, n, plain);
	n = put_all(&f->out, flow, pkts, plain, n);
	*ret_n_frames = f->out.n;
	return n;
}
