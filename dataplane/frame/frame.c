#include "dataplane/frame/frame.h"

#include <stdio.h>

#include "dataplane/frame/frame_datagram.h"

/* The first piece that is joined to a half frame. Most frames end within it, and what follows is
 * then read where it lies, without a copy; each further piece is twice as long.
 */
#define JOIN_BYTES_MIN 512

/* What is laid down before it is read: of a half frame, and of an event (any packet's bytes). */
#define LAY_OLD_MAX    2048
#define LAY_BYTES_MAX  65536

/* Packets of several queues are out of order by so much: no timer may overtake them. */
#define TIMER_SLACK_NS 1000000000u

/* Events, and bytes of the next one: a full Ethernet frame. */
#define SESSIONS_AHEAD 4
#define BYTES_AHEAD    1536

/* @n bytes become no frame, for a reason that has its place already. */
static void lose(struct frame_slot *slot, unsigned place, uint64_t n)
{
	struct reason *r = &slot->reasons.of[place];
	slot->row[r->col] += n;
	r->bytes += n;
}

/* The place of what makes bytes unclaimed from here on. */
static const char no_room[] = "first bytes that found no room: frame.carry_bytes_max";

/* A source may have been theirs: what found no room is lost, not left out. */
static unsigned refuse(struct frame_stage *f, const char *why)
{
	unsigned col = why == no_room ? FRAME_no_memory : FRAME_unclaimed;
	unsigned place = reasons_place(&f->nobody->reasons, col, why);
	f->nobody->reasons.of[place].times++;
	return place;
}

/* --- Claiming: whose session is it? ----------------------------------------------------------- */

/* Bytes that were counted as nobody's belong to a source from now on. */
static void move_in(struct frame_stage *f, uint64_t *row, uint64_t bytes)
{
	uint64_t *nobody = f->nobody->row;
	nobody[FRAME_bytes_in] -= bytes;
	nobody[FRAME_in_flight] -= bytes;
	row[FRAME_bytes_in] += bytes;
	row[FRAME_in_flight] += bytes;
}

static void claim_take(struct frame_stage *f, struct frame_session *fs,
		       const struct flow_session *s, unsigned source)
{
	struct frame_slot *slot = f->table->slots[source];
	fs->claim = CLAIM_TAKEN;
	fs->slot = slot;
	for (unsigned d = 0; d < 2; d++)
		fs->origin_len[d] = (uint8_t)origin_put(fs->origin[d], s, d);
	f->out.origin = (struct slice){0}; /* maybe of the session that was here before */
	fs->session_id = s->id;
	fs->whole_datagrams = s->proto == IPPROTO_UDP_ && slot->parser->datagram ? f->epoch : 0;
	move_in(f, slot->row, fs->dirs[0].unread.len + fs->dirs[1].unread.len);
	slot->row[FRAME_sessions]++;
	slot->row[FRAME_sessions_moved] += fs->is_moved;
	slot->row[FRAME_gaps] += fs->gaps;
	slot->row[FRAME_gap_bytes] += fs->gap_bytes;
	fs->dirs[0].wake = fs->dirs[0].unread.len > 0;
	fs->dirs[1].wake = fs->dirs[1].unread.len > 0;
}

/* Takes the unread bytes of a direction away and returns their number, for the caller to count. */
static uint64_t empty(struct frame_stage *f, struct frame_session *fs, unsigned d,
		      struct frame_slot *slot)
{
	struct direction *dir = &fs->dirs[d];
	uint64_t n = dir->unread.len;
	slot->row[FRAME_in_flight] -= n;
	dir->off += n;
	dir->needed = 0;
	dir->due_ns = 0;
	carry_clear(f->pool, &dir->unread);
	return n;
}

void frame_drop_unread(struct frame_stage *f, struct frame_session *fs, unsigned d, unsigned col)
{
	fs->slot->row[col] += empty(f, fs, d, fs->slot);
}

static void drop_unclaimed(struct frame_stage *f, struct frame_session *fs, unsigned d,
			   unsigned place)
{
	lose(f->nobody, place, empty(f, fs, d, f->nobody));
}

static void claim_none(struct frame_stage *f, struct frame_session *fs, const char *why)
{
	fs->claim = CLAIM_NONE;
	fs->reason = (uint8_t)refuse(f, why);
	for (unsigned d = 0; d < 2; d++)
		drop_unclaimed(f, fs, d, fs->reason);
}

/* While a reload is under way, bytes of a stream that is to be read by another source from then on
 * wait for it.
 */
static int choose(const struct frame_stage *f, const struct frame_session *fs,
		  const struct flow_session *s, const struct parse_in *in, bool enough, bool end)
{
	bool waits = f->next && s->proto == IPPROTO_TCP_ && !end;
	if (waits && fs->is_parked)
		return CLAIM_WAIT;
	int source = claim_choose(f->table->claim, s->proto == IPPROTO_UDP_, in, enough);
	if (waits && source >= 0 && !frame_stays(f->next, f->next->next_of[source], s))
		return CLAIM_WAIT;
	return source;
}

/* Looks at the first bytes of a direction. Returns true when the session is claimed and the event
 * is to be read by its parser; false when the event is done with.
 */
bool frame_claim_event(struct frame_stage *f, struct frame_session *fs,
		       const struct flow_session *s, const struct flow_event *ev, bool end)
{
	struct direction *dir = &fs->dirs[ev->dir];
	uint64_t *nobody = f->nobody->row;
	struct parse_in in;
	frame_fill_in(s, fs, ev, &in);
	in.data = ev->data;
	in.stream_off = ev->stream_off;
	in.after_gap = dir->after_gap;
	in.end = end;
	if (dir->unread.len) {
		if (!carry_append(f->pool, &dir->unread, ev->data.ptr, ev->data.len)) {
			nobody[FRAME_bytes_in] += ev->data.len;
			claim_none(f, fs, no_room);
			lose(f->nobody, fs->reason, ev->data.len);
			return false;
		}
		in.data = carry_bytes(&dir->unread);
		in.stream_off = dir->off;
	}
	bool enough = end || ev->datagram || in.data.len >= (size_t)f->conf.probe_bytes_max;
	int source = choose(f, fs, s, &in, enough, end);
	if (source >= 0) {
		if (dir->unread.len) {
			nobody[FRAME_bytes_in] += ev->data.len;
			nobody[FRAME_in_flight] += ev->data.len;
			f->pos = ev->data.len; /* all of it stands in unread now */
		}
		claim_take(f, fs, s, (unsigned)source);
		return true;
	}
	const char *why = reason_of_bytes(in.data);
	nobody[FRAME_bytes_in] += ev->data.len;
	nobody[FRAME_in_flight] += ev->data.len;
	if (dir->unread.len == 0) {
		dir->off = ev->stream_off;
		if (!carry_append(f->pool, &dir->unread, ev->data.ptr, ev->data.len)) {
			why = source == CLAIM_WAIT ? no_room : why;
			nobody[FRAME_in_flight] -= ev->data.len;
			lose(f->nobody, refuse(f, why), ev->data.len);
			source = CLAIM_NOBODY;
		}
	}
	if (source == CLAIM_WAIT)
		return false;
	/* A server that speaks first (a banner) says nothing of what the client will send, and a
	 * stray datagram nothing of the next one.
	 */
	if (ev->datagram || ev->dir == 1)
		drop_unclaimed(f, fs, ev->dir, refuse(f, why));
	else
		claim_none(f, fs, why);
	return false;
}

/* --- Parsing ---------------------------------------------------------------------------------- */

/* The parser is done with this direction; the other one goes on, it may hold complete frames. */
static void leave(struct frame_stage *f, struct frame_session *fs, unsigned d,
		  struct parse_result r, size_t rest)
{
	bool bad = r.status == PARSE_BAD;
	struct reasons *of = &fs->slot->reasons;
	fs->dirs[d].left = true;
	fs->dirs[d].reason = (uint8_t)reasons_place(
		of, bad ? FRAME_bad : FRAME_left_alone,
		r.why ? r.why : "its parser does not read on, and gives no reason");
	of->of[fs->dirs[d].reason].times++;
	lose(fs->slot, fs->dirs[d].reason, empty(f, fs, d, fs->slot) + rest);
}

/* How many bytes more than the @unread ones must come before the next call. */
static size_t missing(struct parse_result r, size_t unread)
{
	return r.status == PARSE_MORE && r.needed > unread ? r.needed - unread : 0;
}

static bool is_last(struct parse_result r)
{
	return r.status == PARSE_BAD || r.status == PARSE_DONE;
}

/* Whose frames come next. */
static inline void tell_whose(const struct frame_session *fs, const struct parse_in *in,
			      struct frame_out *out)
{
	out->time_ns = in->time_ns;
	out->source = fs->slot->idx;
	out->dir = in->dir;
	frame_out_origin(out, slice_of(fs->origin[in->dir], fs->origin_len[in->dir]));
}

/* One call of the parser over @data, which begins at stream offset @off. What it consumed is
 * counted as framed, skipped or passed over; `held` is the caller's.
 */
static inline struct parse_result call_parser(struct frame_stage *f, struct frame_session *fs,
					      struct parse_in *in, struct slice data, uint64_t off)
{
	struct frame_slot *slot = fs->slot;
	struct direction *dir = &fs->dirs[in->dir];
	struct frame_out *out = &f->out;
	in->data = data;
	in->stream_off = off;
	in->after_gap = dir->after_gap;
	in->pool = slot->pool;
	in->memo = slot->memo;
	out->bytes_max = frame_limit(&f->conf, slot->parser);
	arena_reset(&out->scratch);
	tell_whose(fs, in, out);
	out->full = false;
	unsigned before = out->n;
	struct parse_result r =
		slot->parser->parse(frame_state(f, out->session), slot->source->conf, in, out);
	assert(r.consumed <= data.len && r.skipped + r.passed_over <= r.consumed);
	uint64_t *row = slot->row;
	row[FRAME_bytes_framed] += r.consumed - r.skipped - r.passed_over;
	if (r.skipped) {
		const char *why = r.why ? r.why : "its parser gives no reason";
		lose(slot, reasons_place(&slot->reasons, FRAME_skipped, why), r.skipped);
	}
	row[FRAME_passed_over] += r.passed_over;
	row[FRAME_frames] += out->n - before;
	if (r.consumed)
		dir->after_gap = false;
	if (r.wake)
		fs->dirs[!in->dir].wake = true;
	dir->due_ns = r.due_ns;
	if (r.due_ns)
		timers_arm(&f->timers, out->session, in->time_ns, r.due_ns);
	return r;
}

/* Keeps the rest of a slice for later, in place of what waited before it and was read. */
static void keep_rest(struct frame_stage *f, struct frame_session *fs, const struct flow_event *ev,
		      struct slice rest, uint64_t off, size_t needed)
{
	struct direction *dir = &fs->dirs[ev->dir];
	uint64_t *row = fs->slot->row;
	dir->off = off;
	if (rest.len == 0)
		return;
	if (ev->datagram) {
		row[FRAME_incomplete] += rest.len;
		return;
	}
	size_t bytes_max = frame_limit(&f->conf, fs->slot->parser);
	unsigned lost = rest.len > bytes_max ? FRAME_too_long : FRAME_no_memory;
	if (lost == FRAME_too_long || !carry_exchange(f->pool, &dir->unread, rest.ptr, rest.len)) {
		carry_clear(f->pool, &dir->unread);
		row[lost] += rest.len;
		dir->after_gap = true;
		return;
	}
	row[FRAME_in_flight] += rest.len;
	dir->needed = needed;
}

/* Reads the unread bytes of a direction without new ones. False when the burst is full. */
bool frame_read_unread(struct frame_stage *f, struct frame_session *fs, struct parse_in *in)
{
	struct direction *dir = &fs->dirs[in->dir];
	while (dir->unread.len && !dir->left) {
		struct parse_result r = call_parser(f, fs, in, carry_bytes(&dir->unread), dir->off);
		fs->slot->row[FRAME_in_flight] -= r.consumed;
		dir->off += r.consumed;
		carry_consume(f->pool, &dir->unread, r.consumed);
		dir->needed = missing(r, dir->unread.len);
		if (is_last(r)) {
			leave(f, fs, in->dir, r, 0);
			return true;
		}
		if (f->out.full)
			return false;
		if (r.status == PARSE_MORE || r.consumed == 0)
			return true;
	}
	return true;
}

/* The next piece does not fit. First what is complete and only waits may go out; when that helps
 * nothing the frame is given up, and the parser is told to find the next one's start. False when
 * the burst is full.
 */
static bool make_way(struct frame_stage *f, struct frame_session *fs, const struct parse_in *in,
		     bool too_long)
{
	struct direction *dir = &fs->dirs[in->dir];
	struct parse_in pressed = *in;
	size_t before = dir->unread.len;
	pressed.before_gap = pressed.no_room = true;
	if (!frame_read_unread(f, fs, &pressed))
		return false;
	if (dir->unread.len < before)
		return true;
	frame_drop_unread(f, fs, in->dir, too_long ? FRAME_too_long : FRAME_no_memory);
	dir->after_gap = true;
	return true;
}

/* Joins the next piece of the event to a half frame and reads both. What lies behind the frames
 * that end in the piece goes back to the event, to be read in place. False when the burst is full.
 */
static bool read_joined(struct frame_stage *f, struct frame_session *fs, struct parse_in *in,
			const struct flow_event *ev, size_t *io_piece)
{
	struct direction *dir = &fs->dirs[ev->dir];
	uint64_t *row = fs->slot->row;
	size_t old = dir->unread.len, left = ev->data.len - f->pos;
	size_t n = dir->needed > *io_piece ? dir->needed : *io_piece;
	if (n > left)
		n = left;
	/* Only what is needed must fit into bytes_max, the piece is a guess. */
	size_t bytes_max = frame_limit(&f->conf, fs->slot->parser);
	size_t room = bytes_max > old ? bytes_max - old : 0;
	if (n > room && room && dir->needed <= room)
		n = room;
	bool too_long = n > room;
	if (too_long || !carry_append(f->pool, &dir->unread, ev->data.ptr + f->pos, n))
		return make_way(f, fs, in, too_long);
	f->pos += n;
	row[FRAME_in_flight] += n;
	dir->needed -= n < dir->needed ? n : dir->needed;
	*io_piece *= 2;
	if (dir->needed && f->pos == ev->data.len)
		return true;
	struct parse_result r = call_parser(f, fs, in, carry_bytes(&dir->unread), dir->off);
	row[FRAME_in_flight] -= r.consumed;
	dir->off += r.consumed;
	if (r.consumed >= old) {
		size_t tail = old + n - r.consumed;
		f->pos -= tail;
		row[FRAME_in_flight] -= tail;
		carry_clear(f->pool, &dir->unread);
	} else {
		carry_consume(f->pool, &dir->unread, r.consumed);
	}
	dir->needed = missing(r, dir->unread.len);
	if (is_last(r)) {
		leave(f, fs, ev->dir, r, ev->data.len - f->pos);
		f->pos = ev->data.len;
		return true;
	}
	dir->wake = f->out.full; /* the event may be done with, but not what is unread */
	return !f->out.full;
}

/* Reads the event's bytes where they lie. False when the burst is full. */
static inline bool read_in_place(struct frame_stage *f, struct frame_session *fs,
				 struct parse_in *in, const struct flow_event *ev)
{
	struct slice rest = slice_from(ev->data, f->pos);
	uint64_t off = ev->stream_off + f->pos;
	struct parse_result r = call_parser(f, fs, in, rest, off);
	f->pos += r.consumed;
	rest = slice_from(ev->data, f->pos);
	if (is_last(r)) {
		leave(f, fs, ev->dir, r, rest.len);
		fs->dirs[ev->dir].left = !ev->datagram; /* the next datagram may be of ours again */
		f->pos = ev->data.len;
		return true;
	}
	if (f->out.full)
		return false;
	if (r.status == PARSE_MORE || r.consumed == 0) {
		keep_rest(f, fs, ev, rest, off + r.consumed, missing(r, rest.len));
		f->pos = ev->data.len;
	}
	return true;
}

/* Streams of parsers that want it so; a long half frame is not moved again and again. */
static inline bool can_be_laid(const struct frame_stage *f, const struct frame_session *fs,
			       const struct direction *dir, size_t left)
{
	const struct parser *p = fs->slot->parser;
	size_t old = dir->unread.len;
	return p->lays_down && old <= LAY_OLD_MAX && left <= LAY_BYTES_MAX && dir->needed <= left &&
	       (!old || old + left <= frame_limit(&f->conf, p));
}

/* Reads the half frame that waits and the event's bytes side by side, where their frames are to
 * stay. False when the burst is full.
 */
static bool read_laid(struct frame_stage *f, struct frame_session *fs, struct parse_in *in,
		      const struct flow_event *ev)
{
	struct direction *dir = &fs->dirs[ev->dir];
	struct slice rest = slice_from(ev->data, f->pos);
	size_t old = dir->unread.len;
	uint64_t off = old ? dir->off : ev->stream_off + f->pos;
	tell_whose(fs, in, &f->out);
	struct slice laid =
		frame_out_lay(&f->out, fs->slot->parser, carry_bytes(&dir->unread), rest);
	f->out.full = !laid.ptr;
	if (!laid.ptr)
		return false;
	in->ends = &f->out.ends;
	dir->needed = 0;
	struct parse_result r = call_parser(f, fs, in, laid, off);
	in->ends = NULL;
	frame_out_laid(&f->out, r.consumed);
	size_t of_old = r.consumed < old ? r.consumed : old;
	f->pos += r.consumed - of_old;
	fs->slot->row[FRAME_in_flight] -= of_old;
	rest = slice_from(rest, r.consumed - of_old);
	if (!is_last(r) && !f->out.full && r.status == PARSE_MORE && of_old == old && rest.len) {
		keep_rest(f, fs, ev, rest, off + r.consumed, missing(r, rest.len));
		f->pos = ev->data.len;
		return true;
	}
	dir->off = off + of_old;
	if (of_old)
		carry_consume(f->pool, &dir->unread, of_old);
	if (is_last(r)) {
		leave(f, fs, ev->dir, r, rest.len);
		f->pos = ev->data.len;
		return true;
	}
	if (f->out.full)
		return false;
	if (r.status != PARSE_MORE && r.consumed)
		return true;
	if (!carry_append(f->pool, &dir->unread, rest.ptr, rest.len))
		return make_way(f, fs, in, false);
	fs->slot->row[FRAME_in_flight] += rest.len;
	dir->needed = dir->unread.len ? missing(r, dir->unread.len) : 0;
	f->pos = ev->data.len;
	return true;
}

/* Nothing of a datagram is kept, so there are no halves to join and nobody to wake. */
static bool read_datagram(struct frame_stage *f, struct frame_session *fs,
			  const struct flow_session *s, const struct flow_event *ev)
{
	struct parse_in in;
	frame_fill_in(s, fs, ev, &in);
	while (f->pos < ev->data.len)
		if (!read_in_place(f, fs, &in, ev))
			return false;
	return true;
}

static bool wake_other(struct frame_stage *f, struct frame_session *fs, const struct parse_in *in)
{
	struct direction *other = &fs->dirs[!in->dir];
	if (!other->wake || fs->claim != CLAIM_TAKEN)
		return true;
	struct parse_in in2 = *in;
	in2.dir = !in->dir;
	in2.time_ns = other->time_ns;
	in2.one_sided = false;
	if (!frame_read_unread(f, fs, &in2))
		return false;
	other->wake = false;
	return true;
}

/* --- Events ----------------------------------------------------------------------------------- */

static bool on_data(struct frame_stage *f, struct frame_session *fs, const struct flow_session *s,
		    const struct flow_event *ev)
{
	struct direction *dir = &fs->dirs[ev->dir];
	if (!f->resumed) {
		if (!dir->seen && s->proto == IPPROTO_TCP_ && !s->from_start)
			dir->after_gap = true; /* joined in mid-stream: maybe inside a frame */
		dir->seen = true;
		fs->epoch = f->epoch;
		dir->time_ns = ev->time_ns;
		if (fs->claim == CLAIM_OPEN && !frame_claim_event(f, fs, s, ev, false))
			return true;
		struct frame_slot *slot = fs->claim == CLAIM_NONE ? f->nobody : fs->slot;
		slot->row[FRAME_bytes_in] += ev->data.len - f->pos;
		if (fs->claim == CLAIM_NONE)
			lose(slot, fs->reason, ev->data.len);
		else if (dir->left)
			lose(slot, dir->reason, ev->data.len);
		f->resumed = true;
	}
	if (fs->claim == CLAIM_NONE || dir->left)
		return true;
	if (ev->datagram)
		return read_datagram(f, fs, s, ev);
	struct parse_in in;
	frame_fill_in(s, fs, ev, &in);
	size_t piece = JOIN_BYTES_MIN;
	if (dir->wake) {
		if (!frame_read_unread(f, fs, &in))
			return false;
		dir->wake = false;
	}
	while (f->pos < ev->data.len && !dir->left) {
		bool room = can_be_laid(f, fs, dir, ev->data.len - f->pos)
				    ? read_laid(f, fs, &in, ev)
			    : dir->unread.len ? read_joined(f, fs, &in, ev, &piece)
					      : read_in_place(f, fs, &in, ev);
		if (!room)
			return false;
		if (!wake_other(f, fs, &in))
			return false;
	}
	/* What was unread has told that the claim ends, before these bytes were looked at. */
	if (f->pos < ev->data.len)
		lose(fs->slot, dir->reason, ev->data.len - f->pos);
	f->pos = ev->data.len;
	return wake_other(f, fs, &in);
}

/* The parser may give out what is complete; the rest of what is unread never becomes a frame. */
static bool seal_direction(struct frame_stage *f, struct frame_session *fs, struct parse_in *in)
{
	struct direction *dir = &fs->dirs[in->dir];
	in->time_ns = dir->time_ns; /* the event's is when the wait for more has ended */
	if (!frame_read_unread(f, fs, in))
		return false;
	frame_drop_unread(f, fs, in->dir, FRAME_incomplete);
	dir->wake = false;
	return true;
}

static bool on_gap(struct frame_stage *f, struct frame_session *fs, const struct flow_session *s,
		   const struct flow_event *ev)
{
	struct direction *dir = &fs->dirs[ev->dir];
	if (fs->claim == CLAIM_TAKEN && !dir->left) {
		struct parse_in in;
		frame_fill_in(s, fs, ev, &in);
		in.before_gap = true;
		if (!ev->datagram && !seal_direction(f, fs, &in))
			return false;
		fs->slot->row[FRAME_gaps]++;
		fs->slot->row[FRAME_gap_bytes] += ev->gap_bytes;
	} else if (fs->claim == CLAIM_OPEN && dir->unread.len) {
		drop_unclaimed(f, fs, ev->dir, refuse(f, "first bytes with a hole"));
	}
	fs->gaps++;
	fs->gap_bytes += ev->gap_bytes;
	dir->seen = true; /* on_end clears what is counted here */
	fs->epoch = f->epoch;
	if (!ev->datagram)
		dir->after_gap = true;
	return true;
}

static void on_ack(struct frame_stage *f, struct frame_session *fs, const struct flow_session *s,
		   const struct flow_event *ev)
{
	struct parse_in in;
	if (fs->claim != CLAIM_TAKEN || !fs->slot->parser->acked)
		return;
	frame_fill_in(s, fs, ev, &in);
	in.stream_off = ev->stream_off;
	in.pool = fs->slot->pool;
	fs->slot->parser->acked(frame_state(f, ev->session), &in);
}

bool frame_end_claim(struct frame_stage *f, struct frame_session *fs, const struct flow_session *s,
		     const struct flow_event *ev)
{
	for (unsigned d = 0; d < 2 && fs->claim == CLAIM_TAKEN; d++) {
		struct parse_in in;
		struct flow_event last = *ev;
		last.dir = (uint8_t)d;
		frame_fill_in(s, fs, &last, &in);
		in.end = true;
		in.closed = ev->closed >> d & 1;
		if (!seal_direction(f, fs, &in))
			return false;
	}
	return true;
}

static bool on_end(struct frame_stage *f, struct frame_session *fs, const struct flow_session *s,
		   const struct flow_event *ev)
{
	/* A session without data has touched no memory here, nor must a flood of them. */
	if (!fs->dirs[0].seen && !fs->dirs[1].seen)
		return true;
	for (unsigned d = 0; d < 2 && fs->claim == CLAIM_OPEN; d++) {
		struct flow_event last = *ev;
		last.dir = (uint8_t)d;
		last.data = (struct slice){0};
		if (fs->dirs[d].unread.len)
			frame_claim_event(f, fs, s, &last, true);
	}
	if (!frame_end_claim(f, fs, s, ev))
		return false;
	timers_disarm(&f->timers, ev->session);
	if (fs->claim == CLAIM_TAKEN)
		memset(frame_state(f, ev->session), 0, fs->slot->parser->state_size);
	memset(fs, 0, f->stride);
	return true;
}

static bool on_event(struct frame_stage *f, const struct flow_event *ev, bool cut)
{
	struct frame_session *fs = frame_session(f, ev->session);
	/* One that came before and found the burst full has been counted. */
	if (ev->kind == FLOW_DATA && fs->whole_datagrams == f->epoch && !f->resumed)
		return frame_take_datagram(f, fs, ev, cut);
	const struct flow_session *s = flow_session(f->flow, ev->session);
	if (fs->epoch != f->epoch)
		frame_move(f, ev->session, fs, s);
	f->out.session = ev->session;
	f->out.session_id = s->id;
	f->out.cut = cut;
	if (ev->kind == FLOW_DATA)
		return on_data(f, fs, s, ev);
	if (ev->kind == FLOW_GAP)
		return on_gap(f, fs, s, ev);
	if (ev->kind == FLOW_END)
		return on_end(f, fs, s, ev);
	on_ack(f, fs, s, ev);
	return true;
}

/* A datagram that the snap length cut: flow tells so right behind its data. A gap of a datagram
 * behind it, of which nothing was captured, is none of its own.
 */
static bool is_cut(const struct flow_event *ev, unsigned i, unsigned n)
{
	return i + 1 < n && ev[i + 1].kind == FLOW_GAP && ev[i].kind == FLOW_DATA &&
	       ev[i].datagram && ev[i + 1].session == ev[i].session &&
	       ev[i + 1].number == ev[i].number && ev[i + 1].reason == FLOW_GAP_SNAPLEN;
}

/* The bytes of @e are copied as the first that is done with them. */
static inline bool is_laid(const struct frame_stage *f, const struct flow_event *e)
{
	const struct frame_slot *slot = frame_session(f, e->session)->slot;
	return slot && slot->parser->lays_down;
}

/* Four lines of the cache a step; to ask for some behind the last costs less than to count. */
static inline void foresee_bytes(struct slice s)
{
	const uint8_t *end = s.ptr + (s.len < BYTES_AHEAD ? s.len : BYTES_AHEAD);
	for (const uint8_t *p = s.ptr; p < end; p += 256)
		for (unsigned i = 0; i < 256; i += 64)
			__builtin_prefetch(p + i);
}

/* What events still to come will read is asked for now: of many sessions each stands in memory that
 * nobody has touched for long, and a stream's bytes are looked at here for the first time since the
 * whole burst was decoded. What is to be laid down is asked for as other bytes are: the memory has
 * time then, and its requests find room.
 */
static inline void foresee(struct frame_stage *f, const struct flow_event *ev, unsigned n)
{
	if (n > SESSIONS_AHEAD) {
		const struct flow_event *e = &ev[SESSIONS_AHEAD];
		const struct frame_session *fs = frame_session(f, e->session);
		__builtin_prefetch(fs, 1);
		__builtin_prefetch(&fs->dirs[e->dir], 1);
		__builtin_prefetch(fs->origin[e->dir]);
	}
	f->out.ahead = n > SESSIONS_AHEAD ? ev[SESSIONS_AHEAD].data.ptr : NULL;
	if (n > 1 && !ev[1].datagram && !is_laid(f, &ev[1]))
		foresee_bytes(ev[1].data);
}

unsigned frame_parse(struct frame_stage *f, const struct flow_event *ev, unsigned n,
		     struct batch *b, struct frame *frames, unsigned *ret_n_frames)
{
	frame_out_begin(&f->out, b, frames, BATCH_RECS_MAX);
	return frame_parse_on(f, ev, n, ret_n_frames);
}

unsigned frame_parse_on(struct frame_stage *f, const struct flow_event *ev, unsigned n,
			unsigned *ret_n_frames)
{
	unsigned i = 0;
	for (; i < n; i++) {
		foresee(f, ev + i, n - i);
		if (!on_event(f, &ev[i], is_cut(ev, i, n)))
			break;
		f->pos = 0;
		f->resumed = false;
	}
	*ret_n_frames = f->out.n;
	return i;
}

/* --- Timers ----------------------------------------------------------------------------------- */

/* False when the burst is full. */
static bool wake_direction(struct frame_stage *f, struct frame_session *fs,
			   const struct flow_session *s, unsigned d)
{
	struct direction *dir = &fs->dirs[d];
	uint64_t due_ns = dir->due_ns;
	struct flow_event ev = {.time_ns = due_ns, .dir = (uint8_t)d, .peer_seen = s->seen[!d]};
	struct parse_in in;
	frame_fill_in(s, fs, &ev, &in);
	dir->due_ns = 0;
	if (frame_read_unread(f, fs, &in) && wake_other(f, fs, &in))
		return true;
	dir->due_ns = due_ns;
	return false;
}

static bool wake_session(struct frame_stage *f, uint32_t session, uint64_t until_ns)
{
	const struct flow_session *s = flow_session(f->flow, session);
	struct frame_session *fs = frame_session(f, session);
	if (fs->epoch != f->epoch)
		frame_move(f, session, fs, s);
	f->out.session = session;
	f->out.session_id = s->id;
	f->out.cut = false;
	for (unsigned d = 0; d < 2; d++)
		if (fs->dirs[d].due_ns && fs->dirs[d].due_ns <= until_ns &&
		    !wake_direction(f, fs, s, d))
			return false;
	timers_disarm(&f->timers, session);
	for (unsigned d = 0; d < 2; d++)
		if (fs->dirs[d].due_ns)
			timers_arm(&f->timers, session, until_ns, fs->dirs[d].due_ns);
	return true;
}

bool frame_wake(struct frame_stage *f, uint64_t now_ns, struct batch *b, struct frame *frames,
		unsigned *ret_n_frames)
{
	uint64_t until_ns = now_ns > TIMER_SLACK_NS ? now_ns - TIMER_SLACK_NS : 0;
	uint32_t session;
	bool full = false;
	frame_out_begin(&f->out, b, frames, BATCH_RECS_MAX);
	while (!full && (session = timers_next(&f->timers, until_ns)) != TIMERS_NONE)
		full = !wake_session(f, session, until_ns);
	*ret_n_frames = f->out.n;
	return full;
}

/* --- Dead letters ----------------------------------------------------------------------------- */

bool frame_again(struct frame_stage *fs, const struct frame *f, struct slice ground,
		 uint32_t *io_done, struct batch *b, struct frame *frames, unsigned *ret_n_frames)
{
	const struct frame_slot *slot = fs->table->slots[f->source];
	struct frame_out *out = &fs->out;
	frame_out_begin(out, b, frames, BATCH_RECS_MAX);
	arena_reset(&out->scratch);
	out->bytes_max = frame_limit(&fs->conf, slot->parser);
	out->session_id = f->session_id;
	out->session = 0;
	out->source = f->source;
	out->dir = f->dir;
	out->cut = f->cut;
	out->origin = arena_slice(&b->arena, f->origin_off, f->origin_len);
	slot->parser->again(slot->pool, f, ground, io_done, out);
	*ret_n_frames = out->n;
	return out->full && out->n > 0;
}
