/* Events that are taken in parts, as their packets come: those that are read so (log.h), and those
 * too long to be held, which are passed over. Contract: session.h.
 *
 *     0xffffff | seq | 0x00, [0xef, flags] event...     the first packet
 *     0xffffff | seq | event goes on...
 *     less     | seq | event ends                       maybe of no bytes
 *
 * Of the bytes that are there the last one is left unread until the event's end is there, so that
 * there is something to be called for when nothing follows, and when a burst was full. But where
 * memory for more unread bytes is missing it is taken: more follows, and the event goes on.
 */
#include "parsers/mysql/session.h"
#include "parsers/mysql/wire.h"

/* The header at @p is that of an event to be taken so. */
static bool is_long(const uint8_t *p)
{
	uint32_t size = wire_le32(p + 9);
	if (mysql_log_takes_parts(p[4]))
		return size >= MYSQL_PACKET_MAX - 3;
	return size > MYSQL_STREAM_BYTES && mysql_event_name(p[4]);
}

static void begin(struct work *w, const uint8_t *header, size_t head)
{
	w->st->lng = (struct mysql_long){.on = true,
					 .left = wire_le32(header + 9),
					 .off = w->in->stream_off + w->r.consumed,
					 .semi_sync = head > MYSQL_PACKET_HEADER + 1};
}

enum mysql_scan mysql_long_packet(struct work *w, struct slice s, size_t *ret_head)
{
	if (s.len < MYSQL_PACKET_HEADER || wire_le24(s.ptr) != MYSQL_PACKET_MAX)
		return MYSQL_SCAN_NONE;
	*ret_head = MYSQL_LOOK_BYTES + MYSQL_PAYLOAD_HEAD;
	if (s.len < *ret_head)
		return MYSQL_SCAN_MORE;
	const uint8_t *payload = s.ptr + MYSQL_PACKET_HEADER;
	size_t at = payload[1] == MYSQL_ACK && is_long(payload + 3) ? 3 : 1;
	if (payload[0] != 0 || !is_long(payload + at))
		return MYSQL_SCAN_NONE;
	*ret_head = MYSQL_PACKET_HEADER + at;
	begin(w, payload + at, *ret_head);
	w->st->lng.packet = MYSQL_PACKET_MAX - (uint32_t)at;
	w->st->lng.goes_on = true;
	w->st->had_event = true;
	return MYSQL_SCAN_FOUND;
}

bool mysql_event_fits(const struct work *w, const uint8_t *header)
{
	const struct mysql_log *log = mysql_session_log(w);
	uint32_t end = wire_le32(header + 13), size = wire_le32(header + 9);
	return !log->pos_known || end == (uint32_t)log->pos + size;
}

bool mysql_long_event(struct work *w, const uint8_t *header)
{
	/* A size that is none would cost all that follows. */
	if (!is_long(header) || !mysql_event_fits(w, header))
		return false;
	begin(w, header, 0);
	w->st->lng.packet = wire_le32(header + 9);
	return true;
}

/* Gives @n bytes of @rest to the log; *ret_taken of them are done with. */
static enum mysql_outcome give(struct work *w, struct slice rest, size_t n, bool ends,
			       size_t *ret_taken, const char **ret_why)
{
	struct mysql_long *l = &w->st->lng;
	size_t of_event = n < l->left ? n : l->left;
	struct mysql_part part = {
		.bytes = slice_of(rest.ptr, of_event), .begins = !l->begun, .ends = ends};
	struct mysql_seen seen = {.off = l->off, .part = &part};
	enum mysql_outcome o = mysql_session_event(w, (struct slice){0}, &seen, ret_why);
	l->begun = true;
	l->again = o == MYSQL_FULL;
	l->left -= (uint32_t)part.taken;
	*ret_taken = part.taken;
	return o;
}

/* The place in the session behind @s[0..n-1], if the event ends there. */
static void set_end(struct work *w, size_t n)
{
	struct mysql_long *l = &w->st->lng;
	struct slice unit = slice_from(w->in->data, w->r.consumed);
	w->end_off = w->in->stream_off + w->r.consumed;
	w->end_off += w->st->lent ? mysql_unit_bytes(w, unit) : n;
	if (l->semi_sync)
		w->end_off = 0;
}

/* Bytes of the packet at hand. ON: go on behind them. */
static enum step take_some(struct work *w, struct slice s, struct mysql_taken *t)
{
	struct mysql_long *l = &w->st->lng;
	struct slice rest = slice_from(s, t->bytes + l->seen);
	size_t n = l->packet < rest.len ? l->packet : rest.len, taken = n;
	bool follows = may_wait(w) || w->in->no_room, wait = follows && !w->in->no_room;
	bool whole = n >= l->left, last = n == l->packet && !l->goes_on;
	bool ends = !whole && (last || (!follows && n == rest.len));
	if (!l->done && !whole && !last && wait && n == rest.len)
		n -= n > 0;
	if (!l->again && !ends && (n == 0 || (!l->begun && n < MYSQL_PAYLOAD_HEAD && follows)))
		return STEP_STOP;
	enum mysql_outcome o = MYSQL_READ;
	const char *why = l->why;
	if (!l->done) {
		set_end(w, t->bytes + l->seen + n);
		o = give(w, rest, n, ends, &taken, &why);
	}
	if (o == MYSQL_READ || o == MYSQL_LOST || o == MYSQL_PASSED) {
		l->why = o == MYSQL_LOST || l->done ? why : NULL;
		l->left -= n - taken < l->left ? (uint32_t)(n - taken) : l->left;
		l->done = true;
		taken = n;
	}
	l->packet -= (uint32_t)taken;
	size_t bytes = l->seen + taken;
	l->seen = o == MYSQL_FULL && bytes && t->bytes + bytes == s.len;
	t->bytes += bytes - l->seen;
	if (l->why) {
		t->lost += bytes;
		t->why = l->why;
	}
	return STEP_ON;
}

enum step mysql_long_take(struct work *w, struct slice s, struct mysql_taken *ret)
{
	struct mysql_long *l = &w->st->lng;
	*ret = (struct mysql_taken){0};
	while (l->on && ret->bytes < s.len) {
		if (l->packet || l->again || !l->goes_on) {
			if (take_some(w, s, ret) == STEP_STOP)
				return STEP_ON;
			if (l->again)
				return STEP_STOP;
		} else {
			if (s.len - ret->bytes < MYSQL_PACKET_HEADER)
				return STEP_ON;
			l->packet = wire_le24(s.ptr + ret->bytes);
			l->goes_on = l->packet == MYSQL_PACKET_MAX;
			ret->bytes += MYSQL_PACKET_HEADER;
		}
		l->on = l->packet || l->goes_on || !l->done || l->again;
	}
	return STEP_ON;
}
