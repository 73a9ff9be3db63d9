/* mysql: row changes out of the replication of MySQL and MariaDB, as it passes by on the wire.
 *
 *     server                                  client (the replica)
 *     greeting                          ->
 *                                       <-    login; or a request for TLS: we are blind
 *     OK (or more of authentication)    <->
 *                                       <-    queries, COM_REGISTER_SLAVE, COM_BINLOG_DUMP[_GTID]
 *     event, event, event, ...          ->
 *
 * An ordinary session looks the same until the dump; its commands and answers are passed over,
 * packet by packet. With compression (both sides say so in greeting and login) everything behind
 * the OK comes in compressed packets. A session that is joined in the middle, and one with a hole,
 * goes on at the next bytes that can be nothing but an event (proto.h); rows then wait for their
 * table map, which each transaction has of its own. A binary log file is read too: it begins with
 * 0xfe 'bin', and its events follow each other without packets around them.
 *
 * Standards: MySQL 8.4 internals manual, "Client/Server Protocol" and "Replication Protocol";
 * MariaDB knowledge base, "Clients & Utilities: protocol".
 */
#include "parsers/mysql/pool.h"
#include "parsers/mysql/proto.h"
#include "parsers/mysql/wire.h"
#include "parsers/parsers.h"

/* Packets of a login are short; a longer one is none. */
#define LOGIN_BYTES_MAX 65536
/* So much of a command is looked at: a dump may be longer, but what matters comes first. */
#define COMMAND_BYTES   600
/* Compressed ones are looked at whole, up to here. */
#define SQUEEZED_MAX    16384

static const char no_greeting[] = "no greeting of a MySQL server";
static const char no_login[] = "no answer to a greeting";
static const char tls[] = "TLS: replication cannot be read";
static const char no_event[] = "not an event, where one should begin";
static const char searching[] = "behind a hole, or joined late: before the next event";
static const char forgotten[] = "half of an event whose memory went to other sessions";
static const char bad_squeeze[] = "behind a hole: before the next compressed packet";

enum client_phase { CLIENT_LOGIN, CLIENT_COMMANDS, CLIENT_LOST };
enum server_phase { SERVER_GREETING, SERVER_AUTH, SERVER_ANSWERS, SERVER_EVENTS };

struct mysql_state {
	uint32_t owner;    /* 0: it has nothing in the pool yet */
	uint16_t log_slot; /* where its log is, most likely */
	uint32_t server_caps;
	uint8_t client, server; /* phases */
	uint8_t squeeze;        /* enum mysql_squeeze, from the end of the login on */
	bool begun[2];          /* the direction has been read before */
	bool login_known, tls;
	bool dump;      /* the client has asked for events */
	bool may_dump;  /* it may have: bytes of it are missing */
	bool ordinary;  /* joined late, and seen to be a session with queries */
	bool file;      /* a binary log file, not a session */
	bool resync;    /* find the next event */
	bool realign;   /* find the next compressed packet */
	bool had_event; /* since the dump */
	bool no_sums;   /* the replica refused checksums */
	bool lent;      /* it has a stream: half an event, or the rest of a compressed packet */
	bool fed; /* the unit at the front of the server's bytes stands in the stream already */
	const char *unit_lost; /* not NULL: something of that unit is lost, and why */
	size_t budget;
	size_t pass[2]; /* bytes of the packet at hand that are still to be passed over */
	uint64_t
		hole[2]; /* where the last hole ended, and 1: it is told until a byte is consumed */
};

/* --- Probe ------------------------------------------------------------------------------------ */

static bool is_magic(struct slice s)
{
	return slice_starts(s, SLICE_LIT("\xfe"
					 "bin"));
}

static enum probe probe_server(struct slice s)
{
	uint32_t caps;
	if (s.len < MYSQL_PACKET_HEADER + 1)
		return PROBE_MORE;
	size_t len = wire_le24(s.ptr);
	if (s.ptr[3] != 0 || len < 3 || len > LOGIN_BYTES_MAX)
		return PROBE_NO;
	if (s.ptr[4] == 0xff) /* "Host is blocked": and no login follows */
		return PROBE_MAYBE;
	if (s.ptr[4] != 10)
		return PROBE_NO;
	if (s.len < MYSQL_PACKET_HEADER + len)
		return PROBE_MORE;
	struct slice payload = slice_of(s.ptr + MYSQL_PACKET_HEADER, len);
	return mysql_greeting_read(payload, &caps) ? PROBE_YES : PROBE_NO;
}

static enum probe probe_client(struct slice s)
{
	if (s.len < MYSQL_PACKET_HEADER + 5)
		return PROBE_MORE;
	size_t len = wire_le24(s.ptr);
	return s.ptr[3] == 1 && len >= 5 && len <= LOGIN_BYTES_MAX ? PROBE_MAYBE : PROBE_NO;
}

static enum probe mysql_probe(const void *conf, const struct parse_in *first)
{
	if (first->after_gap)
		return PROBE_MAYBE;
	if (is_magic(first->data))
		return PROBE_YES;
	return first->dir == 1 ? probe_server(first->data) : probe_client(first->data);
}

/* --- Steps: what one look at the front of a direction came to ----------------------------------
 */

/* One call of parse. */
struct work {
	struct mysql_state *st;
	struct mysql_pool *pool;
	const struct parse_in *in;
	struct frame_out *out;
	struct parse_result r;
};

enum step { STEP_ON, STEP_STOP };

static struct slice rest_of(const struct work *w)
{
	return slice_from(w->in->data, w->r.consumed);
}

static enum step more(struct work *w, size_t needed)
{
	size_t left = rest_of(w).len;
	w->r.status = PARSE_MORE;
	w->r.needed = needed > left ? needed : left + 1;
	return STEP_STOP;
}

static enum step take(struct work *w, size_t n)
{
	w->r.consumed += n;
	return STEP_ON;
}

static enum step skip(struct work *w, size_t n, const char *why)
{
	w->r.skipped += n;
	w->r.why = why;
	return take(w, n);
}

static enum step pass(struct work *w, size_t n)
{
	w->r.passed_over += n;
	return take(w, n);
}

static enum step stop(struct work *w, enum parse_status status, const char *why)
{
	w->r.status = status;
	w->r.why = why;
	return STEP_STOP;
}

/* Bytes of a packet that are passed over as they come. */
static enum step pass_some(struct work *w, unsigned dir)
{
	size_t n = w->st->pass[dir], left = rest_of(w).len;
	n = n < left ? n : left;
	w->st->pass[dir] -= n;
	return n ? pass(w, n) : more(w, 1);
}

static bool may_wait(const struct work *w)
{
	return !w->in->end && !w->in->before_gap;
}

static struct mysql_log *log_of(const struct work *w)
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

/* All that is known of tables and files is of before a hole: it goes, and with it half events. */
static void begin_anew(struct work *w)
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
}

/* What follows is no event, or it is not known where one begins. */
static void find_next(struct work *w)
{
	w->st->resync = true;
	w->st->budget = MYSQL_SCAN_BUDGET;
	begin_anew(w);
}

/* --- The client ------------------------------------------------------------------------------- */

static void on_command(struct work *w, struct slice payload)
{
	struct mysql_state *st = w->st;
	struct slice file;
	uint64_t pos;
	if (payload.len == 0)
		return;
	if (mysql_dump_read(payload, &file, &pos)) {
		begin_anew(w);
		log_of(w)->unsure = false;
		st->dump = true;
		st->ordinary = st->had_event = false;
		mysql_log_at(log_of(w), file, pos);
		w->r.wake = true;
	} else if (payload.ptr[0] == MYSQL_COM_QUERY) {
		st->no_sums |= mysql_query_refuses_sums(slice_from(payload, 1));
		st->ordinary = !st->dump;
	}
}

/* A compressed command: a dump is short, so it is looked at only where a command begins. */
static enum step squeezed_command(struct work *w, struct slice s)
{
	if (s.len < MYSQL_SQUEEZED_HEADER)
		return more(w, MYSQL_SQUEEZED_HEADER);
	size_t len = wire_le24(s.ptr), whole = MYSQL_SQUEEZED_HEADER + len;
	if (s.ptr[3] != 0 || whole > SQUEEZED_MAX) {
		w->st->pass[0] = whole;
		return STEP_ON;
	}
	if (s.len < whole)
		return more(w, whole);
	uint32_t owner = mysql_pool_owner(w->pool); /* a stream for a moment */
	struct mysql_streams *ss = w->pool->streams;
	struct mysql_stream *stream = mysql_stream_of(ss, owner, true);
	struct slice payload;
	if (!mysql_stream_add_squeezed(ss, stream, w->st->squeeze, slice_of(s.ptr, whole)) &&
	    mysql_stream_payload(stream, &payload))
		on_command(w, payload);
	mysql_stream_give_back(stream);
	return pass(w, whole);
}

static enum step client_command(struct work *w, struct slice s)
{
	if (w->st->squeeze != MYSQL_PLAIN)
		return squeezed_command(w, s);
	size_t len = wire_le24(s.ptr), whole = MYSQL_PACKET_HEADER + len;
	bool begins = s.ptr[3] == 0;
	size_t look = whole < COMMAND_BYTES ? whole : COMMAND_BYTES;
	if (begins && s.len < look)
		return more(w, look);
	if (begins)
		on_command(w, slice_of(s.ptr + MYSQL_PACKET_HEADER, look - MYSQL_PACKET_HEADER));
	w->st->pass[0] = whole;
	return STEP_ON;
}

static enum step client_login(struct work *w, struct slice s)
{
	struct mysql_state *st = w->st;
	size_t len = wire_le24(s.ptr), whole = MYSQL_PACKET_HEADER + len;
	uint32_t caps = 0;
	if (len > LOGIN_BYTES_MAX)
		return stop(w, PARSE_BAD, no_login);
	if (s.len < whole)
		return more(w, whole);
	if (st->login_known) { /* more of the authentication, or the first command */
		if (s.ptr[3] == 0)
			st->client = CLIENT_COMMANDS;
		return s.ptr[3] == 0 ? STEP_ON : take(w, whole);
	}
	if (!mysql_login_read(slice_of(s.ptr + MYSQL_PACKET_HEADER, len), &caps, &st->tls)) {
		st->may_dump = w->r.wake = true;
		return stop(w, PARSE_BAD, no_login);
	}
	st->login_known = true;
	w->r.wake = true;
	if (st->tls) {
		take(w, whole);
		return stop(w, PARSE_DONE, tls);
	}
	if (st->server_caps)
		caps &= st->server_caps;
	st->squeeze = caps & MYSQL_CAP_COMPRESS ? MYSQL_ZLIB
		      : caps & MYSQL_CAP_ZSTD   ? MYSQL_ZSTD
						: MYSQL_PLAIN;
	return take(w, whole);
}

/* Joined late, or behind a hole: passes over bytes until a command begins. */
static enum step client_find(struct work *w, struct slice s)
{
	size_t n = 0;
	while (s.len - n >= 8 && !mysql_looks_like_command(slice_from(s, n)))
		n++;
	if (n)
		return pass(w, n);
	if (s.len < 8)
		return may_wait(w) ? more(w, 8) : pass(w, s.len);
	w->st->client = CLIENT_COMMANDS;
	return STEP_ON;
}

static enum step client_step(struct work *w)
{
	struct mysql_state *st = w->st;
	struct slice s = rest_of(w);
	if (st->tls)
		return stop(w, PARSE_DONE, tls);
	if (st->pass[0])
		return pass_some(w, 0);
	if (st->client == CLIENT_LOST)
		return client_find(w, s);
	if (s.len < MYSQL_PACKET_HEADER)
		return more(w, MYSQL_PACKET_HEADER);
	return st->client == CLIENT_LOGIN ? client_login(w, s) : client_command(w, s);
}

/* --- The server, up to the events ------------------------------------------------------------- */

static enum step server_greeting(struct work *w, struct slice s)
{
	size_t len = wire_le24(s.ptr), whole = MYSQL_PACKET_HEADER + len;
	if (len < 1 || len > LOGIN_BYTES_MAX)
		return stop(w, PARSE_BAD, no_greeting);
	if (s.len < whole)
		return more(w, whole);
	struct slice payload = slice_of(s.ptr + MYSQL_PACKET_HEADER, len);
	if (payload.ptr[0] != 0xff && !mysql_greeting_read(payload, &w->st->server_caps))
		return stop(w, PARSE_BAD, no_greeting);
	w->st->server = SERVER_AUTH;
	return take(w, whole);
}

/* What follows depends on the login, which may be late in the capture. */
static enum step server_auth(struct work *w, struct slice s)
{
	struct mysql_state *st = w->st;
	size_t len = wire_le24(s.ptr), whole = MYSQL_PACKET_HEADER + len;
	if (!st->login_known && !st->may_dump && may_wait(w) && s.len < LOGIN_BYTES_MAX)
		return more(w, s.len + 1);
	if (len > LOGIN_BYTES_MAX || len == 0) {
		st->server = SERVER_ANSWERS;
		return STEP_ON;
	}
	if (s.len < whole)
		return more(w, whole);
	if (s.ptr[4] == 0x00 || s.ptr[4] == 0xff)
		st->server = SERVER_ANSWERS;
	return take(w, whole);
}

/* The answers to queries. Where the dump itself may be missing, or its answer comes before it in
 * the capture, the first event tells: it announces the log, and is made for the purpose.
 */
static bool announces_log(struct slice payload)
{
	struct slice event;
	return mysql_packet_event(payload, &event) && event.ptr[4] == MYSQL_EV_ROTATE &&
	       wire_le32(event.ptr) == 0;
}

static enum step server_answer(struct work *w, struct slice s)
{
	struct mysql_state *st = w->st;
	size_t len = wire_le24(s.ptr), whole = MYSQL_PACKET_HEADER + len;
	if (len > MYSQL_EVENT_HEADER_LEN && len < 1024) {
		if (s.len < whole)
			return more(w, whole);
		if (announces_log(slice_of(s.ptr + MYSQL_PACKET_HEADER, len))) {
			if (st->owner == 0)
				begin_anew(w);
			st->server = SERVER_EVENTS;
			return STEP_ON;
		}
	}
	st->pass[1] = whole;
	return STEP_ON;
}

/* --- The server's events ---------------------------------------------------------------------- */

/* @n bytes are lost; or, where @n is 0, something of the unit in the stream. */
static enum step lose(struct work *w, size_t n, const char *why)
{
	if (n == 0)
		w->st->unit_lost = why;
	return skip(w, n, why);
}

/* Reads the payload of a packet of the dump. @n: the bytes it stands for, 0 in the stream. What is
 * no event at all before the first one is the rest of another answer.
 */
static enum step on_payload(struct work *w, struct slice payload, size_t n, bool *ret_done)
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
			find_next(w);
			return lose(w, n, no_event);
		}
		if (!st->dump && !st->may_dump)
			st->server = SERVER_ANSWERS;
		return pass(w, n);
	}
	st->had_event = true;
	uint64_t off = n ? w->in->stream_off + w->r.consumed : 0;
	switch (mysql_log_event(w->pool, log_of(w), event, off, w->out, &why)) {
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

static enum step plain_event(struct work *w, struct slice s)
{
	size_t whole = MYSQL_PACKET_HEADER + wire_le24(s.ptr);
	bool done;
	if (s.len < whole)
		return more(w, whole);
	return on_payload(w, slice_of(s.ptr + MYSQL_PACKET_HEADER, whole - MYSQL_PACKET_HEADER),
			  whole, &done);
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

/* Reads the packets that stand whole in the stream. STOP: the burst is full. */
static enum step drain(struct work *w, struct mysql_stream *stream)
{
	struct slice payload;
	bool done;
	for (;;) {
		if (w->st->resync && drain_find(w, stream) == STEP_STOP)
			return STEP_ON;
		if (!mysql_stream_payload(stream, &payload))
			return STEP_ON;
		uint32_t owner = w->st->owner;
		if (on_payload(w, payload, 0, &done) == STEP_STOP && !done)
			return STEP_STOP;
		if (w->st->owner != owner) /* it was no event, and the stream is gone */
			return STEP_ON;
		mysql_stream_drop(stream);
	}
}

/* The unit at the front goes into the stream, once; it is consumed when all that it completes has
 * been read.
 */
static enum step streamed(struct work *w, struct slice s)
{
	struct mysql_state *st = w->st;
	struct mysql_streams *ss = w->pool->streams;
	bool squeezed = st->squeeze != MYSQL_PLAIN;
	size_t whole = wire_le24(s.ptr);
	whole += squeezed ? MYSQL_SQUEEZED_HEADER : MYSQL_PACKET_HEADER;
	if (s.len < whole)
		return more(w, whole);
	struct mysql_stream *stream = mysql_stream_of(ss, st->owner, !st->fed && !st->lent);
	const char *why = stream ? NULL : forgotten;
	if (stream && !st->fed) {
		struct slice unit = slice_of(s.ptr, whole);
		why = squeezed ? mysql_stream_add_squeezed(ss, stream, st->squeeze, unit)
			       : mysql_stream_add(stream, unit);
		st->fed = st->lent = true;
	}
	if (why) {
		find_next(w);
		return skip(w, whole, why);
	}
	if (drain(w, stream) == STEP_STOP)
		return STEP_STOP;
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

static enum step server_events(struct work *w, struct slice s)
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
	if (st->lent || wire_le24(s.ptr) == MYSQL_PACKET_MAX)
		return streamed(w, s);
	return plain_event(w, s);
}

static enum step server_step(struct work *w)
{
	struct mysql_state *st = w->st;
	struct slice s = rest_of(w);
	if (st->tls)
		return stop(w, PARSE_DONE, tls);
	if (st->pass[1])
		return pass_some(w, 1);
	if (st->ordinary && st->resync)
		return pass(w, s.len);
	if (s.len < MYSQL_PACKET_HEADER && !(st->resync && !may_wait(w)))
		return more(w, MYSQL_PACKET_HEADER);
	if (st->server == SERVER_ANSWERS && st->dump)
		st->server = SERVER_EVENTS;
	switch (st->server) {
	case SERVER_GREETING:
		return server_greeting(w, s);
	case SERVER_AUTH:
		return server_auth(w, s);
	case SERVER_EVENTS:
		return server_events(w, s);
	}
	if (st->squeeze != MYSQL_PLAIN) {
		if (st->may_dump) {
			if (st->owner == 0)
				begin_anew(w);
			st->server = SERVER_EVENTS;
		} else if (s.len < MYSQL_SQUEEZED_HEADER) {
			return more(w, MYSQL_SQUEEZED_HEADER);
		} else {
			st->pass[1] = MYSQL_SQUEEZED_HEADER + wire_le24(s.ptr);
		}
		return STEP_ON;
	}
	return server_answer(w, s);
}

/* --- A file ----------------------------------------------------------------------------------- */

static enum step file_step(struct work *w)
{
	struct mysql_state *st = w->st;
	struct slice s = rest_of(w);
	const char *why = NULL;
	if (st->resync)
		return find_event(w, s, false);
	if (s.len < MYSQL_EVENT_HEADER_LEN)
		return more(w, MYSQL_EVENT_HEADER_LEN);
	uint32_t size = wire_le32(s.ptr + 9);
	if (size < MYSQL_EVENT_HEADER_LEN || size > MYSQL_STREAM_BYTES) {
		find_next(w);
		return skip(w, 1, no_event);
	}
	if (s.len < size)
		return more(w, size);
	uint64_t off = w->in->stream_off + w->r.consumed;
	switch (mysql_log_event(w->pool, log_of(w), slice_of(s.ptr, size), off, w->out, &why)) {
	case MYSQL_FULL:
		w->r.status = PARSE_OK;
		return STEP_STOP;
	case MYSQL_LOST:
		return skip(w, size, why);
	case MYSQL_PASSED:
		return pass(w, size);
	default:
		return take(w, size);
	}
}

/* --- Both ------------------------------------------------------------------------------------- */

/* Bytes of this direction are missing, or its beginning. */
static void on_hole(struct work *w, bool late)
{
	struct mysql_state *st = w->st;
	st->pass[w->in->dir] = 0;
	if (w->in->dir == 0 && !st->file) {
		st->client = CLIENT_LOST;
		st->may_dump = true;
		w->r.wake = true;
		return;
	}
	st->may_dump |= late;
	st->server = SERVER_EVENTS;
	st->realign = true;
	find_next(w);
}

/* The first bytes of a direction, or the first behind a hole. STOP: too few of them. */
static enum step begin(struct work *w)
{
	struct mysql_state *st = w->st;
	struct slice s = w->in->data;
	uint64_t *hole = &st->hole[w->in->dir];
	bool first = !st->begun[w->in->dir];
	if (first && s.ptr[0] == 0xfe && s.len < 4 && may_wait(w))
		return more(w, 4);
	st->begun[w->in->dir] = true;
	if (w->in->after_gap && *hole != w->in->stream_off + 1)
		on_hole(w, first);
	if (w->in->after_gap)
		*hole = w->in->stream_off + 1;
	if (first && !w->in->after_gap && is_magic(s)) {
		st->file = true;
		begin_anew(w);
		mysql_log_at(log_of(w), (struct slice){0}, 4);
		return take(w, 4);
	}
	return STEP_ON;
}

static struct parse_result mysql_parse(void *state, const void *conf, const struct parse_in *in,
				       struct frame_out *out)
{
	struct work w = {.st = state, .pool = in->pool, .in = in, .out = out};
	if (in->data.len == 0)
		return (struct parse_result){.status = PARSE_MORE, .needed = 1};
	enum step step = begin(&w);
	while (step == STEP_ON && w.r.consumed < in->data.len)
		step = w.st->file     ? file_step(&w)
		       : in->dir == 0 ? client_step(&w)
				      : server_step(&w);
	if (step == STEP_ON)
		more(&w, 1);
	return w.r;
}

const struct parser parser_mysql = {
	.name = "mysql",
	.summary = "row changes from the replication of MySQL and MariaDB",
	.transports = PARSER_TCP,
	.fields = mysql_fields,
	.opts = mysql_opts,
	.conf_size = sizeof(struct mysql_conf),
	.state_size = sizeof(struct mysql_state),
	.bytes_max = MYSQL_ROW_BYTES_MAX,
	.changes = true,
	.together = true,
	.default_ports = "tcp:3306,3307",
	.check = mysql_check,
	.probe = mysql_probe,
	.parse = mysql_parse,
	.extract = mysql_extract,
	.pool_create = mysql_pool_create,
	.pool_destroy = mysql_pool_destroy,
};
