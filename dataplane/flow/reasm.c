#include "dataplane/flow/reasm.h"

/* Directions that wait for their origin may use half of the pool at most: beyond, the first byte
 * seen is the origin, so that a start on a busy wire leaves room for real holes.
 */
#define ORIGIN_PAGES (ORIGIN_BYTES / SEG_PAGE)

void reasm_start(struct flow_dir *d, uint32_t seq)
{
	d->next_seq = seq;
	d->pos = d->base = 0;
	if (d->flags & DIR_FIN && d->end_seq - seq > WINDOW_BYTES) /* of another stream */
		d->flags &= (uint8_t)~DIR_FIN;
	if (!(d->flags & DIR_FIN))
		d->end_seq = seq;
	d->flags = (uint8_t)((d->flags & ~DIR_ORIGIN) | DIR_KNOWN);
}

/* ---- who waits ---- */

static void wait_unlist(struct flow *f, uint32_t w)
{
	struct flow_wait *x = &f->waits[w];
	if (x->list == N_WAIT_LISTS)
		return;
	struct session_ends *l = &f->wait_list[x->list];
	*(x->prev ? &f->waits[x->prev].next : &l->head) = x->next;
	*(x->next ? &f->waits[x->next].prev : &l->tail) = x->prev;
	x->list = N_WAIT_LISTS;
}

static void wait_enlist(struct flow *f, uint32_t w, enum wait_list list)
{
	struct flow_wait *x = &f->waits[w];
	struct session_ends *l = &f->wait_list[list];
	x->list = (uint8_t)list;
	x->armed_ns = x->deadline_ns;
	x->prev = l->tail;
	x->next = 0;
	*(l->tail ? &f->waits[l->tail].next : &l->head) = w;
	l->tail = w;
}

void reasm_requeue(struct flow *f, uint32_t w)
{
	enum wait_list list = f->waits[w].list;
	wait_unlist(f, w);
	wait_enlist(f, w, list);
}

static struct flow_wait *wait_get(struct flow *f, uint32_t idx, unsigned dir, uint64_t time_ns)
{
	struct flow_dir *d = &f->table.s[idx].dir[dir];
	if (d->wait)
		return &f->waits[d->wait];
	uint32_t w = f->waits_free;
	if (w)
		f->waits_free = f->waits[w].next;
	else
		w = ++f->n_waits_touched;
	assert(w <= f->pool.n_pages && "each one holds a page");
	f->waits[w] = (struct flow_wait){
		.session = idx, .dir = (uint8_t)dir, .list = N_WAIT_LISTS, .opened_ns = time_ns};
	d->wait = w;
	return &f->waits[w];
}

static void wait_put(struct flow *f, struct flow_dir *d)
{
	wait_unlist(f, d->wait);
	f->waits[d->wait].next = f->waits_free;
	f->waits_free = d->wait;
	d->wait = 0;
}

static struct hold_run wait_first(struct flow *f, struct flow_wait *x)
{
	return hold_first(&x->hold, &f->pool);
}

static void wait_eat(struct flow *f, struct flow_wait *x, const struct hold_run *r, uint32_t len)
{
	uint32_t before = x->hold.n_runs;
	hold_eat(&x->hold, &f->pool, r, len);
	f->runs_held -= before - x->hold.n_runs;
}

/* The peer has acknowledged bytes of the hole: since when? */
static void wait_mark(struct flow_wait *x, const struct flow_dir *d, uint64_t time_ns)
{
	if (x->mark_pos <= d->pos)
		x->mark_pos = 0;
	int32_t ahead = seq_diff(d->ack_max, d->next_seq);
	if (!x->mark_pos && d->flags & DIR_ACKED && ahead > 0) {
		x->mark_pos = d->pos + (uint32_t)ahead;
		x->mark_ns = time_ns;
	}
}

/* Sets the deadline anew after any change; frees the wait when nothing is left in it. */
static void wait_rearm(struct flow *f, struct flow_dir *d, uint64_t time_ns)
{
	struct flow_wait *x = &f->waits[d->wait];
	struct hold_run r = wait_first(f, x);
	if (r.kind == HOLD_NONE) {
		wait_put(f, d);
		return;
	}
	enum wait_list list = WAIT_SHORT;
	if (d->flags & DIR_ORIGIN) {
		x->deadline_ns = x->opened_ns + f->gap_wait_ns;
	} else {
		x->opened_ns = r.first_ns;
		wait_mark(x, d, time_ns);
		uint64_t heard_ns = x->peer_ns > x->opened_ns ? x->peer_ns : x->opened_ns;
		if (x->mark_pos) {
			x->deadline_ns = x->mark_ns + f->gap_wait_ns;
		} else if (x->n_kept >= SURE_SEGMENTS ||
			   !f->table.s[x->session].pub.seen[!x->dir]) {
			x->deadline_ns = heard_ns + f->gap_wait_unacked_ns;
			list = WAIT_LONG;
		} else {
			x->deadline_ns = NEVER;
			list = WAIT_OPEN;
		}
	}
	/* On the same list it keeps its place: who looks there finds the deadline moved. */
	if (x->list != list) {
		wait_unlist(f, d->wait);
		wait_enlist(f, d->wait, list);
	}
}

/* ---- out ---- */

static void advance(struct flow_dir *d, uint64_t len)
{
	d->pos += len;
	d->next_seq += (uint32_t)len;
}

static void emit_bytes(struct flow *f, uint32_t idx, unsigned dir, struct slice bytes,
		       const struct flow_cause *cause)
{
	struct flow_dir *d = &f->table.s[idx].dir[dir];
	struct flow_event *e = flow_emit(f, idx, dir, FLOW_DATA, cause);
	e->data = bytes;
	e->stream_off = d->pos - d->base;
	f->bytes[FLOW_BYTES_bytes_out] += bytes.len;
	advance(d, bytes.len);
}

static void emit_gap(struct flow *f, uint32_t idx, unsigned dir, uint64_t len, enum flow_gap reason,
		     const struct flow_cause *cause)
{
	struct flow_dir *d = &f->table.s[idx].dir[dir];
	uint64_t off = d->pos - d->base;
	struct flow_event *last = f->n_ev ? &f->ev[f->n_ev - 1] : NULL;
	bool same_hole =
		d->gap_bytes && d->gap_end_seq == d->next_seq && d->gap_bytes + len < WINDOW_BYTES;
	f->bytes[FLOW_BYTES_gap_bytes] += len;
	if (last && last->kind == FLOW_GAP && last->session == idx && last->dir == dir &&
	    last->reason == reason && last->stream_off + last->gap_bytes == off &&
	    last->time_ns == cause->time_ns && last->number == cause->number) {
		last->gap_bytes += len;
	} else {
		struct flow_event *e = flow_emit(f, idx, dir, FLOW_GAP, cause);
		e->stream_off = off;
		e->gap_bytes = len;
		e->reason = (uint8_t)reason;
		f->bytes[FLOW_BYTES_gaps]++;
	}
	advance(d, len);
	d->gap_bytes = (same_hole ? d->gap_bytes : 0) + (uint32_t)len;
	d->gap_end_seq = d->next_seq;
}

static void emit_run(struct flow *f, uint32_t idx, unsigned dir, struct flow_wait *x,
		     const struct hold_run *r)
{
	struct flow_cause from = {.time_ns = r->time_ns, .number = r->number};
	emit_bytes(f, idx, dir, slice_of(r->ptr, r->len), &from);
	f->bytes[FLOW_BYTES_in_flight] -= r->len;
	f->bytes[FLOW_BYTES_out_of_order] += r->len;
	wait_eat(f, x, r, r->len);
}

/* Delivers what is held and contiguous. Returns the first run behind the hole. */
static struct hold_run drain(struct flow *f, uint32_t idx, unsigned dir)
{
	struct flow_dir *d = &f->table.s[idx].dir[dir];
	struct flow_wait *x = &f->waits[d->wait];
	for (;;) {
		struct hold_run r = wait_first(f, x);
		if (r.kind != HOLD_BYTES || r.pos != d->pos)
			return r;
		emit_run(f, idx, dir, x, &r);
	}
}

/* Gives up the hole before the run @r, at most until @limit; of a cut run itself, too. */
static void give_up(struct flow *f, uint32_t idx, unsigned dir, struct hold_run r, uint64_t limit,
		    enum flow_gap reason, const struct flow_cause *cause)
{
	struct flow_dir *d = &f->table.s[idx].dir[dir];
	struct flow_wait *x = &f->waits[d->wait];
	uint64_t to = r.pos < limit ? r.pos : limit;
	if (to > d->pos)
		emit_gap(f, idx, dir, to - d->pos, reason, cause);
	if (r.kind == HOLD_CUT && d->pos == r.pos && d->pos < limit) {
		uint32_t len = r.len < limit - d->pos ? r.len : (uint32_t)(limit - d->pos);
		emit_gap(f, idx, dir, len, FLOW_GAP_SNAPLEN, cause);
		wait_eat(f, x, &r, len);
	}
}

/* The lowest byte held is the first of the stream. */
static void origin_is(struct flow_dir *d, uint64_t pos)
{
	advance(d, pos - d->pos);
	d->base = (uint32_t)pos;
	d->flags = (uint8_t)((d->flags & ~DIR_ORIGIN) | DIR_KNOWN);
}

static void origin_settle(struct flow *f, uint32_t idx, unsigned dir, uint64_t time_ns)
{
	struct flow_dir *d = &f->table.s[idx].dir[dir];
	origin_is(d, wait_first(f, &f->waits[d->wait]).pos);
	drain(f, idx, dir);
	wait_rearm(f, d, time_ns);
}

bool reasm_origin_fits(struct flow *f, const struct flow_dir *d, uint32_t seq)
{
	if (d->flags & DIR_ORIGIN)
		return seq - d->next_seq <= wait_first(f, &f->waits[d->wait]).pos;
	return !(d->flags & DIR_KNOWN);
}

void reasm_origin_set(struct flow *f, uint32_t idx, unsigned dir, uint32_t seq, uint64_t time_ns)
{
	struct flow_dir *d = &f->table.s[idx].dir[dir];
	if (!(d->flags & DIR_ORIGIN)) {
		reasm_start(d, seq);
		return;
	}
	origin_is(d, d->pos + (seq - d->next_seq));
	drain(f, idx, dir);
	wait_rearm(f, d, time_ns);
}

/* ---- in ---- */

/* Bytes in order; those that are held already came first, and win. */
static void deliver(struct flow *f, uint32_t idx, unsigned dir, struct reasm_segment *seg)
{
	struct flow_dir *d = &f->table.s[idx].dir[dir];
	while (d->wait && seg->bytes.len) {
		struct flow_wait *x = &f->waits[d->wait];
		struct hold_run r = wait_first(f, x);
		if (r.kind == HOLD_NONE || r.pos >= d->pos + seg->bytes.len)
			break;
		size_t n = r.pos - d->pos;
		if (n)
			emit_bytes(f, idx, dir, slice_of(seg->bytes.ptr, n), &seg->cause);
		seg->bytes = slice_from(seg->bytes, n);
		n = r.len < seg->bytes.len ? r.len : seg->bytes.len;
		if (r.kind == HOLD_CUT) { /* here are the bytes that were cut off before */
			wait_eat(f, x, &r, (uint32_t)n);
			emit_bytes(f, idx, dir, slice_of(seg->bytes.ptr, n), &seg->cause);
		} else {
			uint64_t differs = 0;
			for (size_t i = 0; i < n; i++)
				differs += r.ptr[i] != seg->bytes.ptr[i];
			f->bytes[FLOW_BYTES_overlap_differs] += differs;
			f->bytes[FLOW_BYTES_retransmitted] += n - differs;
			emit_run(f, idx, dir, x, &r);
		}
		seg->bytes = slice_from(seg->bytes, n);
	}
	if (seg->bytes.len)
		emit_bytes(f, idx, dir, seg->bytes, &seg->cause);
	if (d->wait) {
		drain(f, idx, dir);
		wait_rearm(f, d, seg->cause.time_ns);
	}
}

static void keep(struct flow *f, uint32_t idx, unsigned dir, const struct reasm_segment *seg,
		 uint64_t pos)
{
	struct flow_dir *d = &f->table.s[idx].dir[dir];
	struct flow_wait *x = wait_get(f, idx, dir, seg->cause.time_ns);
	struct hold_source src = {.time_ns = seg->cause.time_ns, .number = seg->cause.number};
	uint32_t before = x->hold.n_runs;
	struct hold_sum sum = hold_put(&x->hold, &f->pool, pos, seg->bytes, &src);
	hold_put_cut(&x->hold, &f->pool, pos + seg->bytes.len, seg->cut_bytes, &src);
	f->runs_held = f->runs_held - before + x->hold.n_runs;
	x->n_kept++;
	f->bytes[FLOW_BYTES_in_flight] += sum.stored;
	f->bytes[FLOW_BYTES_retransmitted] += sum.same;
	f->bytes[FLOW_BYTES_overlap_differs] += sum.differs;
	wait_rearm(f, d, seg->cause.time_ns);
}

/* A range of bytes adds two runs to each of its pages at most (it may split a cut one); a cut range
 * also one for each run of bytes that it goes around.
 */
static bool has_room(const struct flow *f, const struct flow_dir *d,
		     const struct reasm_segment *seg, uint64_t pos)
{
	static const struct hold none;
	const struct hold *own = d->wait ? &f->waits[d->wait].hold : &none;
	uint32_t pages = hold_pages_max(pos, (uint64_t)seg->bytes.len + seg->cut_bytes);
	if (own->n_pages + pages > f->hold_pages_max || pages > f->pool.n_free ||
	    !flow_room(f, 2 * (uint64_t)pages + (seg->cut_bytes ? own->n_runs : 0)))
		return false;
	return !(d->flags & DIR_ORIGIN) ||
	       (own->n_pages + pages <= ORIGIN_PAGES && f->pool.n_free > f->pool.n_pages / 2);
}

/* How many of @len bytes from @seq on lie in the last hole that was given up. */
static uint32_t in_last_gap(const struct flow_dir *d, uint32_t seq, uint32_t len)
{
	int32_t from = seq_diff(d->gap_end_seq - d->gap_bytes, seq);
	int32_t to = seq_diff(d->gap_end_seq, seq);
	from = from > 0 ? from : 0;
	to = to < (int32_t)len ? to : (int32_t)len;
	return d->gap_bytes && to > from ? (uint32_t)(to - from) : 0;
}

/* Takes off what lies before next_seq. Returns false when nothing is left. */
static bool trim_front(struct flow *f, struct flow_dir *d, struct reasm_segment *seg)
{
	int32_t behind = seq_diff(d->next_seq, seg->seq);
	if (behind <= 0)
		return seg->bytes.len || seg->cut_bytes;
	uint32_t n = (uint32_t)behind;
	uint32_t stream = d->flags & DIR_ORIGIN ? 0 : n; /* of these, behind the stream's start */
	if (d->pos - d->base < stream)
		stream = (uint32_t)(d->pos - d->base);
	uint32_t have = seg->bytes.len < n ? (uint32_t)seg->bytes.len : n;
	uint32_t before = n - stream < have ? n - stream : have;
	uint32_t late = in_last_gap(d, seg->seq + before, have - before);
	f->bytes[FLOW_BYTES_after_end] += before;
	f->bytes[FLOW_BYTES_too_late] += late;
	f->bytes[FLOW_BYTES_retransmitted] += have - before - late;
	uint32_t cut = n - have < seg->cut_bytes ? n - have : seg->cut_bytes;
	seg->bytes = slice_from(seg->bytes, have);
	seg->cut_bytes -= cut;
	seg->seq += have + cut;
	return seg->bytes.len || seg->cut_bytes;
}

/* Takes off what lies behind FIN or RST; a host that goes on after its RST did not send that. */
static void trim_end(struct flow *f, struct flow_dir *d, struct reasm_segment *seg)
{
	uint32_t end = seg->seq + (uint32_t)seg->bytes.len + seg->cut_bytes;
	int32_t beyond = seq_diff(end, d->end_seq);
	if (beyond <= 0)
		return;
	if (!(d->flags & DIR_FIN)) {
		d->end_seq = end;
		d->flags &= (uint8_t)~DIR_RST;
		return;
	}
	uint32_t n = (uint32_t)beyond;
	uint32_t cut = n < seg->cut_bytes ? n : seg->cut_bytes;
	seg->cut_bytes -= cut;
	n -= cut;
	if (n > seg->bytes.len)
		n = (uint32_t)seg->bytes.len;
	seg->bytes.len -= n;
	f->bytes[FLOW_BYTES_after_end] += n;
}

/* Where no sender would be by what was seen so far: see WINDOW_BYTES, LEAP_BYTES. */
static bool is_odd(const struct flow_dir *d, uint32_t seq)
{
	int32_t ahead = seq_diff(seq, d->next_seq);
	if (ahead > (int32_t)WINDOW_BYTES || ahead < -(int32_t)WINDOW_BYTES)
		return true;
	return seq_diff(seq, d->end_seq) > (int32_t)LEAP_BYTES &&
	       !(d->flags & DIR_ACKED && seq_diff(seq, d->ack_max) <= 0);
}

/* An odd segment is left out. But SURE_SEGMENTS in a row are the stream itself, gone on while the
 * capture was blind; out of the window that is a gap at once, its length known modulo 2^32. False:
 * left out.
 */
static bool believe(struct flow *f, uint32_t idx, unsigned dir, const struct reasm_segment *seg)
{
	struct flow_dir *d = &f->table.s[idx].dir[dir];
	d->n_odd = d->n_odd && d->odd_seq == seg->seq ? (uint8_t)(d->n_odd + 1) : 1;
	d->odd_seq = seg->seq + (uint32_t)seg->bytes.len + seg->cut_bytes;
	if (d->n_odd < SURE_SEGMENTS || d->flags & DIR_FIN) {
		f->bytes[FLOW_BYTES_after_end] += seg->bytes.len;
		return false;
	}
	d->n_odd = 0;
	uint32_t ahead = seg->seq - d->next_seq;
	if (ahead <= WINDOW_BYTES)
		return true;
	while (reasm_shed(f, idx, dir, &seg->cause))
		;
	emit_gap(f, idx, dir, seg->seq - d->next_seq, FLOW_GAP_WAITED, &seg->cause);
	d->end_seq = d->next_seq;
	d->flags &= (uint8_t) ~(DIR_ACKED | DIR_RST);
	d->gap_bytes = 0;
	return true;
}

/* The segment at @pos can not be kept. Brings the stream nearer to it, so that it is in order in
 * the end and need not be kept.
 */
static void make_room(struct flow *f, uint32_t idx, unsigned dir, const struct reasm_segment *seg,
		      uint64_t pos)
{
	struct flow_dir *d = &f->table.s[idx].dir[dir];
	if (d->flags & DIR_ORIGIN && (!d->wait || wait_first(f, &f->waits[d->wait]).pos >= pos))
		origin_is(d, pos);
	else if (reasm_shed(f, idx, dir, &seg->cause))
		return;
	else if (pos > d->pos)
		emit_gap(f, idx, dir, pos - d->pos, FLOW_GAP_MEMORY, &seg->cause);
	else
		emit_gap(f, idx, dir, seg->cut_bytes, FLOW_GAP_SNAPLEN, &seg->cause);
}

void reasm_add(struct flow *f, uint32_t idx, unsigned dir, struct reasm_segment seg)
{
	struct flow_dir *d = &f->table.s[idx].dir[dir];
	if (!(d->flags & (DIR_KNOWN | DIR_ORIGIN))) {
		reasm_start(d, seg.seq - ORIGIN_BYTES);
		d->flags = (uint8_t)((d->flags & ~DIR_KNOWN) | DIR_ORIGIN);
	}
	if (is_odd(d, seg.seq) && !believe(f, idx, dir, &seg))
		return;
	trim_end(f, d, &seg);
	while (trim_front(f, d, &seg)) {
		uint64_t pos = d->pos + (seg.seq - d->next_seq);
		if (pos == d->pos && seg.bytes.len && !(d->flags & DIR_ORIGIN)) {
			seg.seq += (uint32_t)seg.bytes.len;
			deliver(f, idx, dir, &seg);
			seg.bytes.len = 0;
		} else if (has_room(f, d, &seg, pos)) {
			keep(f, idx, dir, &seg, pos);
			break;
		} else {
			make_room(f, idx, dir, &seg, pos);
		}
	}
	if (d->flags & DIR_ORIGIN && !d->wait) /* all of it lay behind the end */
		d->flags &= (uint8_t)~DIR_ORIGIN;
}

/* True when it is farther on than all before. */
static bool take_ack(struct flow_dir *d, uint32_t ack)
{
	uint32_t known = d->end_seq; /* sent, or acknowledged */
	if (d->flags & DIR_ACKED) {
		if (seq_diff(ack, d->ack_max) <= 0)
			return false;
		if (seq_diff(d->ack_max, known) > 0)
			known = d->ack_max;
	}
	uint32_t beyond = ack - known;
	if (beyond > LEAP_BYTES && known - ack > WINDOW_BYTES)
		return false;
	d->ack_max = ack;
	d->flags |= DIR_ACKED;
	return true;
}

/* Not of bytes before the first one of a stream, and not before that one has come: until then it
 * may turn out to begin elsewhere, by an earlier byte or by another SYN.
 */
static void tell_ack(struct flow *f, uint32_t idx, unsigned dir, uint64_t time_ns)
{
	const struct session *s = &f->table.s[idx];
	const struct flow_dir *d = &s->dir[dir];
	struct flow_cause cause = {.time_ns = time_ns, .number = s->number};
	if (d->pos == d->base)
		return;
	int64_t off = (int64_t)(d->pos - d->base) + seq_diff(d->ack_max, d->next_seq);
	if (off >= 0 && s->list != LIST_TAIL)
		flow_emit(f, idx, dir, FLOW_ACK, &cause)->stream_off = (uint64_t)off;
}

void reasm_peer(struct flow *f, uint32_t idx, unsigned dir, bool has_ack, uint32_t ack,
		uint64_t time_ns)
{
	struct session *s = &f->table.s[idx];
	struct flow_dir *d = &s->dir[dir];
	if (has_ack && d->flags & DIR_KNOWN && take_ack(d, ack) && s->pub.tells_acks)
		tell_ack(f, idx, dir, time_ns);
	if (!d->wait)
		return;
	struct flow_wait *x = &f->waits[d->wait];
	if (time_ns > x->peer_ns)
		x->peer_ns = time_ns;
	wait_rearm(f, d, time_ns);
}

/* ---- time, memory, end ---- */

void reasm_fire(struct flow *f, uint32_t idx, unsigned dir)
{
	struct flow_dir *d = &f->table.s[idx].dir[dir];
	struct flow_wait *x = &f->waits[d->wait];
	uint64_t now_ns = x->deadline_ns;
	struct flow_cause cause = {.time_ns = now_ns, .number = f->table.s[idx].number};
	if (d->flags & DIR_ORIGIN) {
		origin_settle(f, idx, dir, now_ns);
		return;
	}
	uint64_t limit = x->mark_pos ? x->mark_pos : NEVER;
	enum flow_gap reason = x->mark_pos ? FLOW_GAP_ACKED : FLOW_GAP_WAITED;
	struct hold_run r = wait_first(f, x);
	while (r.kind != HOLD_NONE && d->pos < limit &&
	       (reason == FLOW_GAP_ACKED || r.first_ns + f->gap_wait_unacked_ns <= now_ns)) {
		give_up(f, idx, dir, r, limit, reason, &cause);
		r = drain(f, idx, dir);
	}
	wait_rearm(f, d, now_ns);
}

bool reasm_shed(struct flow *f, uint32_t idx, unsigned dir, const struct flow_cause *cause)
{
	struct flow_dir *d = &f->table.s[idx].dir[dir];
	if (!d->wait)
		return false;
	if (d->flags & DIR_ORIGIN) {
		origin_settle(f, idx, dir, cause->time_ns);
		return true;
	}
	give_up(f, idx, dir, wait_first(f, &f->waits[d->wait]), NEVER, FLOW_GAP_MEMORY, cause);
	drain(f, idx, dir);
	wait_rearm(f, d, cause->time_ns);
	return true;
}

/* Bytes behind all that was seen, which FIN or the peer's acknowledgement speak of. The number of a
 * FIN that was not seen cannot be told from one byte, so one byte is taken for it.
 */
static uint32_t missing_tail(const struct flow_dir *d)
{
	if (!(d->flags & DIR_KNOWN))
		return 0;
	uint32_t to = d->flags & DIR_FIN ? d->end_seq : d->ack_max;
	if (!(d->flags & (DIR_FIN | DIR_ACKED)))
		return 0;
	int32_t n = seq_diff(to, d->next_seq);
	bool only_fin = !(d->flags & DIR_FIN) && n == 1;
	return n > 0 && !only_fin ? (uint32_t)n : 0;
}

void reasm_finish(struct flow *f, uint32_t idx, unsigned dir, const struct flow_cause *cause)
{
	struct flow_dir *d = &f->table.s[idx].dir[dir];
	if (d->wait && d->flags & DIR_ORIGIN)
		origin_settle(f, idx, dir, cause->time_ns);
	if (d->wait) {
		struct flow_wait *x = &f->waits[d->wait];
		struct hold_run r = wait_first(f, x);
		while (r.kind != HOLD_NONE) {
			give_up(f, idx, dir, r, NEVER, FLOW_GAP_END, cause);
			r = drain(f, idx, dir);
		}
		wait_put(f, d);
	}
	uint32_t missing = missing_tail(d);
	if (missing)
		emit_gap(f, idx, dir, missing, FLOW_GAP_END, cause);
}

void reasm_swap(struct flow *f, uint32_t idx)
{
	struct session *s = &f->table.s[idx];
	struct flow_dir client = s->dir[1];
	s->dir[1] = s->dir[0];
	s->dir[0] = client;
	for (unsigned dir = 0; dir < 2; dir++)
		if (s->dir[dir].wait)
			f->waits[s->dir[dir].wait].dir = (uint8_t)dir;
}
