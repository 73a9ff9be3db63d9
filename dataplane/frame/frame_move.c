/* Sessions that go to other sources, at a reload. A session looks like this while it moves:
 *
 *     of TCP    claimed > its frames are ended > parked: bytes wait > | exchange | > claimed anew,
 * read of UDP    claimed ............................................. | exchange | > claimed anew
 *     nobody's  nobody wants it ..................................... | exchange | > asked again
 *
 * On the left of the exchange frames come out for what was behind frame before, which still has
 * the sources that they are of. A datagram leaves nothing behind, so that there is nothing to end.
 */
#include "dataplane/base/mem.h"
#include "dataplane/frame/frame_priv.h"

/* Indexes of sessions, used or not: some 10 us, less than a turn takes. */
#define INDEXES_PER_PIECE 256

static bool is_udp(const struct flow_session *s)
{
	return s->proto == IPPROTO_UDP_;
}

bool frame_stays(const struct frame_table *t, uint16_t number, const struct flow_session *s)
{
	return number != CLAIM_GONE && (!claim_moved(t->moved, is_udp(s), s->port[1]) ||
					claim_takes(&t->sources[number], is_udp(s), s->port[1]));
}

/* Somebody may claim it, in the middle of its streams. */
static void open_again(struct frame_stage *f, uint32_t session, struct frame_session *fs,
		       const struct flow_session *s)
{
	if (fs->claim == CLAIM_TAKEN)
		memset(frame_state(f, session), 0, fs->slot->parser->state_size);
	timers_disarm(&f->timers, session);
	for (unsigned d = 0; d < 2; d++)
		fs->dirs[d] = (struct direction){.seen = fs->dirs[d].seen,
						 .time_ns = fs->dirs[d].time_ns,
						 .after_gap = fs->dirs[d].seen && !is_udp(s)};
	fs->claim = CLAIM_OPEN;
	fs->whole_datagrams = 0;
	fs->gaps = fs->gap_bytes = 0;
	fs->slot = NULL;
	fs->is_moved = true;
}

void frame_move(struct frame_stage *f, uint32_t session, struct frame_session *fs,
		const struct flow_session *s)
{
	if (!fs->dirs[0].seen && !fs->dirs[1].seen)
		return; /* it has touched no memory */
	fs->epoch = f->epoch;
	fs->is_parked = false;
	if (fs->claim == CLAIM_NONE && claim_moved(f->table->moved, is_udp(s), s->port[1])) {
		open_again(f, session, fs, s);
	} else if (fs->claim == CLAIM_TAKEN) {
		if (frame_stays(f->table, frame_number(f->table, fs->slot), s)) {
			fs->whole_datagrams = fs->whole_datagrams ? f->epoch : 0;
			return;
		}
		for (unsigned d = 0; d < 2; d++) /* of TCP, frame_leave has left nothing */
			frame_drop_unread(f, fs, d, FRAME_incomplete);
		open_again(f, session, fs, s);
	}
}

/* As if something had just come of it, which is nothing. */
static struct flow_event nothing_of(struct frame_stage *f, uint32_t session,
				    const struct flow_session *s, const struct frame_session *fs,
				    unsigned d)
{
	f->out.session = session;
	f->out.session_id = s->id;
	f->out.cut = false;
	return (struct flow_event){.kind = FLOW_DATA,
				   .session = session,
				   .dir = (uint8_t)d,
				   .time_ns = fs->dirs[d].time_ns,
				   .stream_off = fs->dirs[d].off,
				   .datagram = is_udp(s),
				   .peer_seen = s->seen[!d]};
}

/* False when the burst is full. */
static bool leave_session(struct frame_stage *f, uint32_t session, const struct flow_session *s)
{
	struct frame_session *fs = frame_session(f, session);
	if (fs->claim != CLAIM_TAKEN || is_udp(s) ||
	    frame_stays(f->next, f->next->next_of[fs->slot->idx], s))
		return true;
	struct flow_event last = nothing_of(f, session, s, fs, 0);
	if (!frame_end_claim(f, fs, s, &last))
		return false;
	open_again(f, session, fs, s);
	fs->is_parked = true;
	return true;
}

/* What has waited is looked at as first bytes are. False when the burst is full. */
static bool settle_session(struct frame_stage *f, uint32_t session, const struct flow_session *s)
{
	struct frame_session *fs = frame_session(f, session);
	if (fs->epoch != f->epoch)
		frame_move(f, session, fs, s);
	for (unsigned d = 0; d < 2 && fs->claim == CLAIM_OPEN; d++) {
		struct flow_event none = nothing_of(f, session, s, fs, d);
		if (fs->dirs[d].unread.len)
			frame_claim_event(f, fs, s, &none, false);
	}
	for (unsigned d = 0; d < 2 && fs->claim == CLAIM_TAKEN; d++) {
		struct parse_in in;
		struct flow_event none = nothing_of(f, session, s, fs, d);
		if (!fs->dirs[d].wake)
			continue;
		frame_fill_in(s, fs, &none, &in);
		if (!frame_read_unread(f, fs, &in))
			return false;
		fs->dirs[d].wake = false;
	}
	return true;
}

typedef bool step_fn(struct frame_stage *f, uint32_t session, const struct flow_session *s);

/* False: that was the last piece. */
static bool go_through(struct frame_stage *f, step_fn *step, struct batch *b, struct frame *frames,
		       unsigned *ret_n_frames)
{
	struct flow_look l;
	bool full = false;
	uint32_t until = f->end - f->at > INDEXES_PER_PIECE ? f->at + INDEXES_PER_PIECE : f->end;
	frame_out_begin(&f->out, b, frames, BATCH_RECS_MAX);
	while (f->at < until && !full) {
		full = flow_look(f->flow, f->at, &l) && !step(f, f->at, l.session);
		f->at += !full;
	}
	*ret_n_frames = f->out.n;
	return f->at < f->end;
}

static void begin(struct frame_stage *f, bool any)
{
	f->at = 1;
	f->end = any ? flow_sessions_end(f->flow) : f->at;
}

bool frame_leave(struct frame_stage *f, const struct frame_table *next, struct batch *b,
		 struct frame *frames, unsigned *ret_n_frames)
{
	if (!f->next) {
		f->next = next; /* from now on nobody new comes to those that leave */
		begin(f, next->moves);
	}
	return go_through(f, leave_session, b, frames, ret_n_frames);
}

void frame_stay(struct frame_stage *f)
{
	f->next = NULL;
}

void frame_exchange(struct frame_stage *f, struct frame_table **io_t)
{
	SL_EXCHANGE(f->table, *io_t);
	f->next = NULL;
	for (unsigned i = 0; i < f->table->n_sources; i++) {
		f->table->slots[i]->idx = (uint16_t)i;
		f->table->slots[i]->source = &f->table->sources[i];
	}
	if (f->table->moves)
		f->epoch = f->epoch == UINT8_MAX ? 1 : f->epoch + 1;
	begin(f, f->table->moves);
}

bool frame_settle(struct frame_stage *f, struct batch *b, struct frame *frames,
		  unsigned *ret_n_frames)
{
	return go_through(f, settle_session, b, frames, ret_n_frames);
}
