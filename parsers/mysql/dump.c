/* The events of a dump, in packets or compressed packets, and those of a log file. Contract:
 * session.h. */
#include "parsers/mysql/session.h"

#include "parsers/mysql/wire.h"

static const char bad_squeeze[] = "behind a hole: before the next compressed packet";
static const char forgotten[] = "half of an event whose memory went to other sessions";
static const char searching[] = "behind a hole, or joined late: before the next event";
static const char no_event[] = "not an event, where one should begin";

struct mysql_log *mysql_session_log(const struct work *w)
{
	struct mysql_log *log = mysql_log_of(w->pool, w->st->owner, &w->st->log_slot);
	log->no_sums = w->st->no_sums;
	if (log->server)
		return log;
	log->server = 0xcbf29ce484222325ull ^ w->in->port[1];
	for (unsigned i = 0; i < sizeof(w->in->addr[1]); i++)
		log->server = (log->server ^ w->in->addr[1][i]) * 0x100000001b3ull;
	return log;
}

void mysql_session_anew(struct work *w)
{
	struct mysql_state *st = w->st;
	struct mysql_stream *s =
		st->owner ? mysql_stream_of(w->pool->streams, st->owner, false) : NULL;
	if (s)
		mysql_stream_give_back(s);
	uint32_t before = st->owner;
	st->owner = mysql_pool_owner(w->pool);
	if (before)
		mysql_log_hole(w->pool, before, st->owner);
	st->fed = st->lent = false;
	st->gather = 0;
	struct mysql_payload *p = before ? mysql_payload_of(w->pool->payloads, before, 0) : NULL;
	if (p)
		mysql_payload_give_back(p);
	st->lng = (struct mysql_long){0};
}

void mysql_session_find(struct work *w)
{
	w->st->resync = true;
	w->st->budget = MYSQL_SCAN_BUDGET;
	mysql_session_anew(w);
	mysql_session_log(w)->behind_hole = true;
}

/* --- Packets ---------------------------------------------------------------------- */

/* @n bytes are lost; or, where @n is 0, something of the unit in the stream. */
static enum step lose(struct work *w, size_t n, const char *why)
{
	if (n == 0)
		w->st->unit_lost = why;
	return skip(w, n, why);
}

/* What stands behind the packet with this payload, where that matters for it. MORE only where more
 * may come.
 */
static enum mysql_ahead look_ahead(const struct work *w, struct slice payload, struct slice behind,
				   size_t *ret_needed)
{
	struct slice event;
	if (!mysql_packet_event(payload, &event) || !mysql_event_op(event.ptr[4]))
		return MYSQL_AHEAD_UNKNOWN;
	const struct mysql_log *log = mysql_session_log(w);
	if (!mysql_log_waits(log, event))
		return MYSQL_AHEAD_UNKNOWN;
	enum mysql_ahead ahead = mysql_ahead_packet(behind, &log->format, ret_needed);
	return ahead == MYSQL_AHEAD_MORE && !may_wait(w) ? MYSQL_AHEAD_UNKNOWN : ahead;
}

static void note_held(struct work *w)
{
	if (!w->st->held_ns)
		w->st->held_ns = w->in->time_ns;
}

/* The event at the front waits for what stands behind it. */
static enum step hold(struct work *w, size_t needed)
{
	note_held(w);
	return more(w, needed);
}

/* Who talks with whom. A log file is a session of its own: its client's port tells it apart. */
static void set_pair(const struct work *w, struct mysql_log *log)
{
	log->pair = (struct mysql_pair){.server_port = w->in->port[1],
					.file_port = w->st->file ? w->in->port[0] : 0,
					.replica_id = w->st->replica_id};
	memcpy(log->pair.server, w->in->addr[1], sizeof(log->pair.server));
	memcpy(log->pair.replica, w->in->addr[0], sizeof(log->pair.replica));
	log->paired = true;
}

enum mysql_outcome mysql_session_event(struct work *w, struct slice event, struct mysql_seen *seen,
				       const char **ret_why)
{
	struct mysql_state *st = w->st;
	seen->time_ns = st->held_ns ? st->held_ns : w->in->time_ns;
	seen->end_off = w->end_off;
	seen->acked = st->acked;
	struct mysql_log *log = mysql_session_log(w);
	if (!log->paired)
		set_pair(w, log);
	enum mysql_outcome o = mysql_log_event(w->pool, log, event, seen, w->out, ret_why);
	if (o != MYSQL_FULL)
		st->held_ns = 0;
	return o;
}

size_t mysql_unit_bytes(const struct work *w, struct slice s)
{
	size_t head = w->st->squeeze != MYSQL_PLAIN ? MYSQL_SQUEEZED_HEADER : MYSQL_PACKET_HEADER;
	return s.len < head ? head : head + wire_le24(s.ptr);
}

/* Behind the packet that brings an event to its end. Where the replica itself acknowledges (in
 * semi-synchronous replication, whose packets are told by their form), TCP does not count.
 */
static uint64_t end_of_packet(const struct work *w, struct slice payload, struct slice event)
{
	bool semi_sync = event.ptr - payload.ptr > 1;
	return semi_sync ? 0 : w->in->stream_off + w->r.consumed + mysql_unit_bytes(w, rest_of(w));
}

/* Reads the payload of a packet of the dump. @n: the bytes it stands for, 0 in the stream. What is
 * no event at all before the first one is the rest of another answer.
 */
static enum step on_payload(struct work *w, struct slice payload, size_t n, enum mysql_ahead ahead,
			    bool *ret_done)
{
	struct mysql_state *st = w->st;
	struct slice event;
	const char *why = NULL;
	*ret_done = true;
	if (!mysql_packet_event(payload, &event)) {
		bool ends = payload.len > 0 && (payload.ptr[0] == 0xff || payload.ptr[0] == 0xfe);
		if (st->had_event && ends)
			st->dump = st->had_event = false;
		if (st->had_event && payload.len > MYSQL_EVENT_HEADER_LEN) {
			mysql_session_find(w);
			return lose(w, n, no_event);
		}
		if (!st->dump && !st->may_dump)
			st->server = SERVER_ANSWERS;
		return pass(w, n);
	}
	st->had_event = true;
	struct mysql_seen seen = {.off = n ? w->in->stream_off + w->r.consumed : 0, .ahead = ahead};
	w->end_off = end_of_packet(w, payload, event);
	switch (mysql_session_event(w, event, &seen, &why)) {
	case MYSQL_FULL:
		*ret_done = false;
		w->r.status = PARSE_OK;
		return STEP_STOP;
	case MYSQL_LOST:
		return lose(w, n, why);
	case MYSQL_PASSED:
		return pass(w, n);
	default:
		return take(w, n);
	}
}

/* Bytes of an event that is taken in parts. */
static enum step long_event(struct work *w, struct slice s)
{
	struct mysql_taken t;
	enum step step = mysql_long_take(w, s, &t);
	if (t.lost)
		skip(w, t.lost, t.why);
	take(w, t.bytes - t.lost);
	w->r.status = PARSE_OK;
	return step == STEP_ON && w->st->lng.on ? more(w, 0) : step;
}

static enum step plain_event(struct work *w, struct slice s)
{
	size_t whole = MYSQL_PACKET_HEADER + wire_le24(s.ptr), needed;
	bool done;
	if (s.len < whole)
		return more(w, whole);
	struct slice payload = slice_of(s.ptr + MYSQL_PACKET_HEADER, whole - MYSQL_PACKET_HEADER);
	enum mysql_ahead ahead = look_ahead(w, payload, slice_from(s, whole), &needed);
	if (ahead == MYSQL_AHEAD_MORE)
		return hold(w, whole + needed);
	return on_payload(w, payload, whole, ahead, &done);
}

/* Looks for an event in bytes of the stream, those that compressed packets held. */
static enum step drain_find(struct work *w, struct mysql_stream *stream)
{
	struct mysql_state *st = w->st;
	size_t at, needed;
	struct mysql_scan_how how = {.packets = true, .budget = &st->budget};
	enum mysql_scan found = mysql_scan(mysql_stream_bytes(stream), &how, &at, &needed);
	mysql_stream_skip(stream, at);
	if (at)
		lose(w, 0, searching);
	st->resync = found != MYSQL_SCAN_FOUND;
	return found == MYSQL_SCAN_FOUND ? STEP_ON : STEP_STOP;
}

/* The same of bytes in the stream, and the start of one. STOP: the burst is full; *ret_waits: more
 * bytes are needed.
 */
static enum step drain_long(struct work *w, struct mysql_stream *stream, bool *ret_waits)
{
	struct mysql_long *l = &w->st->lng;
	struct slice s = mysql_stream_bytes(stream);
	struct mysql_taken t;
	size_t head;
	enum mysql_scan begins = l->on ? MYSQL_SCAN_NONE : mysql_long_packet(w, s, &head);
	*ret_waits = begins == MYSQL_SCAN_MORE;
	if (begins == MYSQL_SCAN_FOUND) {
		mysql_stream_skip(stream, head);
		s = slice_from(s, head);
	}
	if (!l->on)
		return STEP_ON;
	enum step step = mysql_long_take(w, s, &t);
	mysql_stream_skip(stream, t.bytes);
	if (t.lost)
		lose(w, 0, t.why);
	*ret_waits = step == STEP_ON && l->on;
	w->r.status = PARSE_OK;
	return step;
}

/* Reads the packets that stand whole in the stream. STOP: the burst is full. *ret_waits: the first
 * one waits for the one behind it.
 */
static enum step drain(struct work *w, struct mysql_stream *stream, bool *ret_waits)
{
	struct slice payload;
	size_t needed;
	bool done;
	*ret_waits = false;
	for (;;) {
		bool wants;
		if (w->st->resync && drain_find(w, stream) == STEP_STOP)
			return STEP_ON;
		if (drain_long(w, stream, &wants) == STEP_STOP)
			return STEP_STOP;
		if (wants || !mysql_stream_payload(stream, &payload))
			return STEP_ON;
		struct slice behind =
			slice_from(mysql_stream_bytes(stream), MYSQL_PACKET_HEADER + payload.len);
		enum mysql_ahead ahead = look_ahead(w, payload, behind, &needed);
		*ret_waits = ahead == MYSQL_AHEAD_MORE;
		if (*ret_waits)
			return STEP_ON;
		uint32_t owner = w->st->owner;
		if (on_payload(w, payload, 0, ahead, &done) == STEP_STOP && !done)
			return STEP_STOP;
		if (w->st->owner != owner) /* it was no event, and the stream is gone */
			return STEP_ON;
		mysql_stream_drop(stream);
	}
}

/* Puts the unit at the front into the stream, once. NULL, or why not. */
static const char *feed(struct work *w, struct mysql_stream *stream, struct slice unit)
{
	struct mysql_state *st = w->st;
	struct mysql_streams *ss = w->pool->streams;
	if (!stream)
		return forgotten;
	if (st->fed)
		return NULL;
	st->fed = st->lent = true;
	return st->squeeze != MYSQL_PLAIN ? mysql_stream_add_squeezed(ss, stream, st->squeeze, unit)
					  : mysql_stream_add(stream, unit);
}

/* The unit at the front goes into the stream, once; it is consumed when all that it completes has
 * been read. An event that waits for the next one waits with it, so that something is left to be
 * called for when nothing follows.
 */
static enum step streamed(struct work *w, struct slice s)
{
	struct mysql_state *st = w->st;
	struct mysql_streams *ss = w->pool->streams;
	size_t whole = mysql_unit_bytes(w, s);
	bool waits;
	if (s.len < whole)
		return more(w, whole);
	struct mysql_stream *stream = mysql_stream_of(ss, st->owner, !st->fed && !st->lent);
	const char *why = feed(w, stream, slice_of(s.ptr, whole));
	if (why) {
		mysql_session_find(w);
		return skip(w, whole, why);
	}
	if (drain(w, stream, &waits) == STEP_STOP)
		return STEP_STOP;
	struct slice next = slice_from(s, whole);
	size_t next_bytes = mysql_unit_bytes(w, next);
	if (waits && next.len < next_bytes)
		return hold(w, whole + next_bytes);
	if (st->lng.on && may_wait(w) && next.len < next_bytes)
		return more(w, whole + next_bytes);
	if (waits)
		note_held(w);
	st->fed = false;
	stream = mysql_stream_of(ss, st->owner, false);
	if (stream && mysql_stream_bytes(stream).len == 0) {
		mysql_stream_give_back(stream);
		st->lent = false;
	}
	why = st->unit_lost;
	st->unit_lost = NULL;
	return why ? skip(w, whole, why) : take(w, whole);
}

/* Behind a hole in compressed packets: the next one that decompresses. Stored ones are too like
 * anything else to be told.
 */
static enum step find_squeezed(struct work *w, struct slice s)
{
	struct mysql_state *st = w->st;
	struct mysql_streams *ss = w->pool->streams;
	size_t n = 0;
	for (; s.len - n >= MYSQL_SQUEEZED_HEADER + 2; n++, mysql_scan_refill(&st->budget)) {
		const uint8_t *p = s.ptr + n;
		size_t len = wire_le24(p), before = wire_le24(p + 4);
		if (before < len || len < 8 || p[7] != (st->squeeze == MYSQL_ZSTD ? 0x28 : 0x78) ||
		    (st->squeeze == MYSQL_ZLIB && (p[7] << 8 | p[8]) % 31))
			continue;
		if (s.len - n < MYSQL_SQUEEZED_HEADER + len) {
			if (may_wait(w))
				break;
			continue;
		}
		if (st->budget < before)
			continue;
		st->budget -= before;
		struct mysql_stream *t = mysql_stream_of(ss, mysql_pool_owner(w->pool), true);
		struct slice packet = slice_of(p, MYSQL_SQUEEZED_HEADER + len);
		const char *why = mysql_stream_add_squeezed(ss, t, st->squeeze, packet);
		mysql_stream_give_back(t);
		if (why)
			continue;
		st->realign = false;
		return skip(w, n, bad_squeeze);
	}
	if (n)
		return skip(w, n, bad_squeeze);
	if (!may_wait(w))
		return skip(w, s.len, bad_squeeze);
	size_t needed = MYSQL_SQUEEZED_HEADER + 2;
	return more(w, s.len < needed ? needed : MYSQL_SQUEEZED_HEADER + wire_le24(s.ptr));
}

/* Behind a hole: the next event. */
static enum step find_event(struct work *w, struct slice s, bool packets)
{
	struct mysql_state *st = w->st;
	size_t at, needed;
	struct mysql_scan_how how = {
		.packets = packets, .last = !may_wait(w), .budget = &st->budget};
	enum mysql_scan found = mysql_scan(s, &how, &at, &needed);
	if (found == MYSQL_SCAN_FOUND) {
		st->resync = false;
		return skip(w, at, searching);
	}
	skip(w, at, searching);
	return found == MYSQL_SCAN_MORE ? more(w, needed) : STEP_ON;
}

enum step mysql_server_events(struct work *w, struct slice s)
{
	struct mysql_state *st = w->st;
	if (st->squeeze != MYSQL_PLAIN) {
		if (st->realign)
			return find_squeezed(w, s);
		return s.len < MYSQL_SQUEEZED_HEADER ? more(w, MYSQL_SQUEEZED_HEADER)
						     : streamed(w, s);
	}
	if (st->resync)
		return find_event(w, s, true);
	if (st->lent)
		return streamed(w, s);
	if (st->lng.on)
		return long_event(w, s);
	size_t n;
	switch (mysql_long_packet(w, s, &n)) {
	case MYSQL_SCAN_FOUND:
		return take(w, n);
	case MYSQL_SCAN_MORE:
		return more(w, n);
	default:
		return wire_le24(s.ptr) == MYSQL_PACKET_MAX ? streamed(w, s) : plain_event(w, s);
	}
}

/* --- A file ----------------------------------------------------------------------------------- */

/* Gives a whole event to the log. @n: its bytes in front of us; the step behind it in *ret_step.
 * False: the burst is full.
 */
static bool file_event(struct work *w, struct slice event, struct mysql_seen *seen, size_t n,
		       enum step *ret_step)
{
	const char *why = NULL;
	enum mysql_outcome o = mysql_session_event(w, event, seen, &why);
	*ret_step = STEP_STOP;
	if (o == MYSQL_FULL)
		w->r.status = PARSE_OK;
	else
		*ret_step = o == MYSQL_LOST     ? skip(w, n, why)
			    : o == MYSQL_PASSED ? pass(w, n)
						: take(w, n);
	return o != MYSQL_FULL;
}

/* What stands behind an event of a file, as look_ahead has it of a packet. */
static enum mysql_ahead file_ahead(const struct work *w, struct slice event, struct slice behind,
				   size_t *ret_needed)
{
	const struct mysql_log *log = mysql_session_log(w);
	if (!mysql_log_waits(log, event))
		return MYSQL_AHEAD_UNKNOWN;
	enum mysql_ahead ahead = mysql_ahead_event(behind, &log->format, ret_needed);
	return ahead == MYSQL_AHEAD_MORE && !may_wait(w) ? MYSQL_AHEAD_UNKNOWN : ahead;
}

static enum step gather_fails(struct work *w, size_t n, const char *why)
{
	mysql_session_find(w);
	return skip(w, n, why);
}

/* Some bytes of an event that goes on. One of them is left, to be called for when nothing follows.
 */
static enum step gather_some(struct work *w, struct mysql_stream *stream, struct slice s)
{
	size_t n = s.len - !w->in->no_room;
	const char *why = mysql_stream_add(stream, slice_of(s.ptr, n));
	if (why)
		return gather_fails(w, s.len, why);
	if (!may_wait(w) && !w->in->no_room)
		return gather_fails(w, s.len, mysql_fault_text(MYSQL_F_CUT));
	w->st->gather -= (uint32_t)n;
	take(w, n);
	return more(w, 2);
}

/* An event that is longer than what may stay unread: its bytes go into a stream as they come, the
 * last ones when it can be read.
 */
static enum step gather(struct work *w, struct slice s)
{
	struct mysql_state *st = w->st;
	struct mysql_stream *stream = mysql_stream_of(w->pool->streams, st->owner, !st->lent);
	size_t left = st->gather, needed;
	enum step step;
	if (!stream)
		return gather_fails(w, s.len < left ? s.len : left, forgotten);
	st->lent = true;
	if (s.len < left)
		return gather_some(w, stream, s);
	enum mysql_ahead ahead =
		file_ahead(w, mysql_stream_bytes(stream), slice_from(s, left), &needed);
	if (ahead == MYSQL_AHEAD_MORE)
		return hold(w, left + needed);
	const char *why = st->fed ? NULL : mysql_stream_add(stream, slice_of(s.ptr, left));
	if (why)
		return gather_fails(w, left, why);
	st->fed = true;
	struct mysql_seen seen = {.off = st->gather_off, .ahead = ahead};
	if (file_event(w, mysql_stream_bytes(stream), &seen, left, &step)) {
		mysql_stream_give_back(stream);
		st->fed = st->lent = false;
		st->gather = 0;
	}
	return step;
}

enum step mysql_file_step(struct work *w)
{
	struct mysql_state *st = w->st;
	struct slice s = rest_of(w);
	if (st->resync)
		return find_event(w, s, false);
	if (st->lng.on)
		return long_event(w, s);
	if (st->gather)
		return gather(w, s);
	if (s.len < MYSQL_EVENT_HEADER_LEN)
		return more(w, MYSQL_EVENT_HEADER_LEN);
	if (mysql_long_event(w, s.ptr))
		return STEP_ON;
	uint32_t size = wire_le32(s.ptr + 9);
	bool large = size > MYSQL_ROW_BYTES_MAX;
	if (size < MYSQL_EVENT_HEADER_LEN || size > MYSQL_STREAM_BYTES ||
	    (large && !mysql_event_fits(w, s.ptr))) {
		mysql_session_find(w);
		return skip(w, 1, no_event);
	}
	struct mysql_seen seen = {.off = w->in->stream_off + w->r.consumed};
	if (large) {
		st->gather = size;
		st->gather_off = seen.off;
		return gather(w, s);
	}
	if (s.len < size)
		return more(w, size);
	struct slice event = slice_of(s.ptr, size);
	size_t needed;
	seen.ahead = file_ahead(w, event, slice_from(s, size), &needed);
	if (seen.ahead == MYSQL_AHEAD_MORE)
		return hold(w, size + needed);
	enum step step;
	file_event(w, event, &seen, size, &step);
	return step;
}
