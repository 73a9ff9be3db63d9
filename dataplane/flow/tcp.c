#include "dataplane/base/civil.h"
#include "dataplane/flow/reasm.h"

/* The state of a TCP session is what was seen of it: which directions have a known sequence number,
 * which have ended, and its list. Nothing here follows the diagram of RFC 9293: a tap sees packets
 * of both sides in another order than either side, and misses some.
 */

/* A RST may be this far beyond what was seen of its direction: the largest window without scaling,
 * since the scale is not always seen.
 */
#define RST_REACH_BYTES 65535u

/* Acknowledged by a SYN-ACK: the SYN, and data sent with it (Fast Open). */
#define SYN_DATA_MAX    65535u

static inline struct flow_cause cause_of(const struct pkt *p)
{
	return (struct flow_cause){.time_ns = p->time_ns, .number = p->number};
}

static bool flags_bad(uint8_t flags)
{
	if (flags & TCP_SYN)
		return flags & (TCP_FIN | TCP_RST);
	return !(flags & (TCP_ACK | TCP_FIN | TCP_RST));
}

/* ---- begin ---- */

/* Windows sends keep-alives with one byte of rubbish, zero. It must not begin a stream. */
static bool starts_nothing(const struct pkt *p)
{
	if (p->tcp_flags & TCP_SYN)
		return false;
	if (p->tcp_flags & TCP_RST || (p->len == 0 && p->cut_bytes == 0))
		return true;
	return p->len == 1 && p->cut_bytes == 0 && p->payload[0] == 0;
}

/* Both directions of a SYN-ACK, the client's of a SYN. */
static void start_dirs(struct session *s, const struct pkt *p)
{
	unsigned syn_dir = p->tcp_flags & TCP_ACK ? 1 : 0;
	reasm_start(&s->dir[syn_dir], p->seq + 1);
	if (syn_dir)
		reasm_start(&s->dir[0], p->ack);
}

/* A SYN-ACK tells the client's number too, so the id is the same whichever was seen. */
static void identify(const struct flow *f, struct session *s, const struct pkt *p)
{
	bool syn = p->tcp_flags & TCP_SYN;
	uint32_t isn = p->tcp_flags & TCP_ACK ? p->ack - 1 : p->seq;
	s->pub.from_start = syn;
	s->pub.swapped_late = !syn;
	s->pub.tells_acks = flow_wants_acks(f, &s->pub);
	s->pub.id = flow_session_id(&s->pub, syn ? isn : flow_late_start(f, p));
}

/* Which side sent it, when no SYN tells. */
static bool from_server(const struct flow *f, const struct pkt *p)
{
	bool src = flow_is_server(f, p->sport), dst = flow_is_server(f, p->dport);
	return src == dst ? p->sport < p->dport : src;
}

static uint32_t begin(struct flow *f, const struct pkt *p, uint64_t hash, unsigned *ret_dir)
{
	bool syn = p->tcp_flags & TCP_SYN;
	bool reversed = syn ? p->tcp_flags & TCP_ACK : from_server(f, p);
	uint32_t idx = flow_begin_session(f, p, hash, reversed);
	if (!idx)
		return 0;
	struct session *s = &f->table.s[idx];
	if (syn)
		start_dirs(s, p);
	else
		f->packets[FLOW_sessions_late]++;
	identify(f, s, p);
	session_enlist(&f->table, idx, syn ? LIST_HALF_OPEN : LIST_OPEN);
	*ret_dir = reversed ? 1 : 0;
	return idx;
}

/* ---- a SYN in a session ---- */

enum syn_verdict {
	SYN_JOINS,    /* it belongs to this session */
	SYN_RESTARTS, /* it begins another one */
	SYN_STRANGE,  /* a host would not accept it */
};

static bool acks_start(const struct flow_dir *d, uint32_t ack)
{
	return d->flags & DIR_KNOWN && ack - reasm_start_seq(d) <= SYN_DATA_MAX;
}

/* Nothing was told of this session yet, and here is its SYN, or SYN-ACK, overtaken by data: now it
 * is known who is who, and where the streams start.
 */
static enum syn_verdict adopt(struct flow *f, uint32_t idx, unsigned *dir, const struct pkt *p)
{
	struct session *s = &f->table.s[idx];
	bool ack = p->tcp_flags & TCP_ACK;
	if (!reasm_origin_fits(f, &s->dir[*dir], p->seq + 1) ||
	    (ack && !reasm_origin_fits(f, &s->dir[!*dir], p->ack)))
		return SYN_RESTARTS;
	if (*dir != (ack ? 1u : 0u)) {
		session_swap(s);
		reasm_swap(f, idx);
		*dir = !*dir;
	}
	identify(f, s, p);
	reasm_origin_set(f, idx, *dir, p->seq + 1, p->time_ns);
	if (ack)
		reasm_origin_set(f, idx, !*dir, p->ack, p->time_ns);
	return SYN_JOINS;
}

/* The sender's first number is not known yet. */
static enum syn_verdict first_syn(struct session *s, unsigned dir, const struct pkt *p)
{
	struct flow_dir *d = &s->dir[dir], *other = &s->dir[!dir];
	if (p->tcp_flags & TCP_ACK && !acks_start(other, p->ack))
		return SYN_RESTARTS;
	if (!(d->flags & DIR_ORIGIN))
		reasm_start(d, p->seq + 1);
	return SYN_JOINS;
}

/* It has another number than the SYN before. */
static enum syn_verdict other_syn(struct session *s, unsigned dir, const struct pkt *p,
				  uint64_t closed_ns)
{
	struct flow_dir *d = &s->dir[dir], *other = &s->dir[!dir];
	if (p->tcp_flags & TCP_ACK) {
		/* The client took the server's number of before: this one answers another SYN,
		 * however near its number is.
		 */
		bool answered = d->flags & DIR_ACKED && p->ack != reasm_start_seq(other);
		if (answered || !acks_start(other, p->ack))
			return SYN_RESTARTS;
		if (d->pos > d->base || d->wait)
			return SYN_STRANGE;
		reasm_start(d, p->seq + 1);
		return SYN_JOINS;
	}
	bool one_sided = !s->pub.seen[!dir];
	bool idle = p->time_ns >= s->pub.last_ns + closed_ns;
	return s->list == LIST_HALF_OPEN || one_sided || idle ? SYN_RESTARTS : SYN_STRANGE;
}

static enum syn_verdict judge_syn(struct flow *f, uint32_t idx, unsigned *dir, const struct pkt *p)
{
	struct session *s = &f->table.s[idx];
	struct flow_dir *d = &s->dir[*dir];
	if (d->flags & DIR_KNOWN && reasm_start_seq(d) == p->seq + 1)
		return SYN_JOINS; /* sent again, or an early SYN-ACK told its number */
	if (s->list == LIST_CLOSED || s->list == LIST_TAIL)
		return SYN_RESTARTS;
	if (!((s->dir[0].flags | s->dir[1].flags) & DIR_KNOWN))
		return adopt(f, idx, dir, p);
	if (!(d->flags & DIR_KNOWN))
		return first_syn(s, *dir, p);
	return other_syn(s, *dir, p, f->timeout_ns[LIST_CLOSED]);
}

/* ---- ends ---- */

/* RFC 9293: the number lies in the window of the receiver. What he expects next is, for a tap, what
 * he acknowledged, or all that was seen, or between.
 */
static bool rst_valid(const struct session *s, unsigned dir, const struct pkt *p)
{
	const struct flow_dir *d = &s->dir[dir], *other = &s->dir[!dir];
	if (d->flags & (DIR_KNOWN | DIR_ORIGIN)) {
		uint32_t low = d->next_seq, high = d->end_seq;
		if (d->flags & DIR_ACKED && seq_diff(d->ack_max, low) < 0)
			low = d->ack_max;
		if (d->flags & DIR_ACKED && seq_diff(d->ack_max, high) > 0)
			high = d->ack_max;
		return p->seq - low <= high - low + RST_REACH_BYTES;
	}
	if (!(other->flags & DIR_KNOWN))
		return true;
	/* The answer to a SYN: its own number says nothing, its acknowledgement must be right. */
	return p->tcp_flags & TCP_ACK &&
	       p->ack - reasm_start_seq(other) <= other->end_seq - reasm_start_seq(other);
}

/* @end_seq: behind the last byte of @p. What is held never lies behind d->end_seq, so neither flag
 * may lower it.
 */
static void take_end(struct flow_dir *d, const struct pkt *p, uint32_t end_seq)
{
	bool known = d->flags & (DIR_KNOWN | DIR_ORIGIN);
	if (p->tcp_flags & TCP_RST) {
		if (known && !(d->flags & DIR_FIN) && seq_diff(end_seq, d->end_seq) > 0)
			d->end_seq = end_seq;
		d->flags |= DIR_RST;
		return;
	}
	/* Bytes beyond were seen, or it leaps: it is not the FIN of this stream. */
	if (d->flags & DIR_FIN || (known && end_seq - d->end_seq > LEAP_BYTES))
		return;
	d->end_seq = end_seq;
	d->flags |= DIR_FIN;
}

void tcp_settle(struct flow *f, uint32_t idx, const struct flow_cause *cause)
{
	struct session *s = &f->table.s[idx];
	uint8_t either = s->dir[0].flags | s->dir[1].flags;
	uint8_t both = s->dir[0].flags & s->dir[1].flags;
	if (s->list == LIST_TAIL)
		return;
	if (reasm_done(&s->dir[0]) && reasm_done(&s->dir[1])) {
		assert(!s->dir[0].wait && !s->dir[1].wait);
		flow_tell_end(f, idx, FLOW_END_FIN, cause);
		session_enlist(&f->table, idx, LIST_TAIL);
	} else if (either & DIR_RST || both & DIR_FIN) {
		if (s->list != LIST_CLOSED)
			session_enlist(&f->table, idx, LIST_CLOSED);
	} else if (s->list == LIST_CLOSED) {
		session_enlist(&f->table, idx, LIST_OPEN); /* it went on: the RST was not its own */
	}
}

/* ---- packets ---- */

/* Anything but plain data in order. */
static void take(struct flow *f, uint32_t idx, unsigned dir, const struct pkt *p)
{
	struct session *s = &f->table.s[idx];
	struct flow_dir *d = &s->dir[dir];
	bool syn = p->tcp_flags & TCP_SYN, rst = p->tcp_flags & TCP_RST;
	struct reasm_segment seg = {
		.seq = p->seq + syn,
		.bytes = slice_of(p->payload, p->len),
		.cut_bytes = p->cut_bytes,
		.cause = cause_of(p),
	};
	if (rst && !rst_valid(s, dir, p)) {
		f->packets[FLOW_resets_ignored]++;
		f->bytes[FLOW_BYTES_after_end] += p->len;
		return;
	}
	s->pub.seen[dir] = true;
	reasm_peer(f, idx, !dir, p->tcp_flags & TCP_ACK, p->ack, p->time_ns);
	if (p->len || p->cut_bytes)
		reasm_add(f, idx, dir, seg);
	if (p->tcp_flags & (TCP_FIN | TCP_RST))
		take_end(d, p, seg.seq + p->len + p->cut_bytes);
	if (s->list == LIST_HALF_OPEN && !syn && !rst)
		session_enlist(&f->table, idx, LIST_OPEN);
	tcp_settle(f, idx, &seg.cause);
}

/* Payload in order in an open session where nothing waits: nearly every packet. */
static bool take_in_order(struct flow *f, uint32_t idx, unsigned dir, const struct pkt *p)
{
	struct session *s = &f->table.s[idx];
	struct flow_dir *d = &s->dir[dir], *other = &s->dir[!dir];
	if (s->list != LIST_OPEN || p->tcp_flags & (TCP_SYN | TCP_FIN | TCP_RST) ||
	    d->wait | other->wait || p->cut_bytes)
		return false;
	if (p->len &&
	    ((d->flags & (DIR_KNOWN | DIR_FIN | DIR_RST)) != DIR_KNOWN || d->next_seq != p->seq))
		return false;
	s->pub.seen[dir] = true;
	if (p->tcp_flags & TCP_ACK)
		reasm_peer(f, idx, !dir, true, p->ack, p->time_ns);
	if (!p->len)
		return true;
	struct flow_cause cause = cause_of(p);
	struct flow_event *e = flow_emit(f, idx, dir, FLOW_DATA, &cause);
	e->data = slice_of(p->payload, p->len);
	e->stream_off = d->pos - d->base;
	d->pos += p->len;
	d->next_seq += p->len;
	if (seq_diff(d->next_seq, d->end_seq) > 0)
		d->end_seq = d->next_seq;
	f->bytes[FLOW_BYTES_bytes_out] += p->len;
	return true;
}

void tcp_track(struct flow *f, const struct pkt *p, uint64_t hash)
{
	unsigned dir = 0;
	if (flags_bad(p->tcp_flags)) {
		f->packets[FLOW_bad_flags]++;
		return;
	}
	uint32_t idx = session_find(&f->table, p, hash, &dir);
	if (idx && flow_expire(f, idx, p->time_ns))
		idx = 0;
	enum syn_verdict syn = SYN_JOINS;
	if (idx && p->tcp_flags & TCP_SYN)
		syn = judge_syn(f, idx, &dir, p);
	if (syn == SYN_RESTARTS) {
		struct flow_cause cause = cause_of(p);
		flow_end_session(f, idx, flow_end_reason(&f->table.s[idx], FLOW_END_IDLE), &cause);
		idx = 0;
	}
	if (!idx && starts_nothing(p)) {
		f->packets[FLOW_stray]++;
		return;
	}
	if (!idx && !(idx = begin(f, p, hash, &dir)))
		return;
	f->packets[FLOW_packets_taken]++;
	f->bytes[FLOW_BYTES_bytes_in] += p->len;
	flow_touch(f, idx, &f->table.s[idx], dir, p);
	if (syn == SYN_STRANGE)
		f->bytes[FLOW_BYTES_after_end] += p->len;
	else if (!take_in_order(f, idx, dir, p))
		take(f, idx, dir, p);
}
