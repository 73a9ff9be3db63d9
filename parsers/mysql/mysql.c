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
#include "parsers/mysql/session.h"
#include "parsers/mysql/wire.h"
#include "parsers/parsers.h"

/* Packets of a login are short; a longer one is none. */
#define LOGIN_BYTES_MAX 65536
/* So much of a command is looked at: a dump may be longer, but what matters comes first. */
#define COMMAND_BYTES   600
/* Of compressed ones so much, which holds as much of the command; or all, up to the other. */
#define SQUEEZED_LOOK   4096
#define SQUEEZED_MAX    (1u << 20)

static const char no_greeting[] = "no greeting of a MySQL server";
static const char no_login[] = "no answer to a greeting";
static const char tls[] = "TLS: replication cannot be read";

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
	if (s.ptr[3] == 0) /* a log file's connection begins so: file_binlog.c */
		return s.ptr[4] == MYSQL_COM_BINLOG_DUMP && len >= 11 && len < COMMAND_BYTES
			       ? PROBE_YES
			       : PROBE_NO;
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

/* Bytes of a packet that are passed over as they come. */
static enum step pass_some(struct work *w, unsigned dir)
{
	size_t n = w->st->pass[dir], left = rest_of(w).len;
	n = n < left ? n : left;
	w->st->pass[dir] -= n;
	return n ? pass(w, n) : more(w, 1);
}

/* --- The client ------------------------------------------------------------------------------- */

/* A replica with semi-synchronous replication says how far it is.
 *
 *     0xef | position u64 | name of the file
 */
static void on_ack(struct work *w, struct slice payload)
{
	if (!w->st->owner || payload.len < 10)
		return;
	struct mysql_log *log = mysql_session_log(w);
	if (log->paired)
		mysql_chain_ack(mysql_chain_of(&w->pool->chains, &log->pair, &log->chain),
				slice_from(payload, 9), wire_le64(payload.ptr + 1), w->in->time_ns);
}

static void on_command(struct work *w, struct slice payload)
{
	struct mysql_state *st = w->st;
	struct slice file;
	uint64_t pos;
	if (payload.len == 0)
		return;
	if (mysql_dump_read(payload, &file, &pos)) {
		st->replica_id = mysql_dump_replica(payload);
		mysql_session_anew(w);
		mysql_session_log(w)->unsure = false;
		mysql_session_log(w)->behind_hole = mysql_session_log(w)->paired = false;
		mysql_session_log(w)->kept = 0;
		st->dump = true;
		st->ordinary = st->had_event = false;
		mysql_log_at(mysql_session_log(w), file, pos);
		w->r.wake = true;
	} else if (payload.ptr[0] == MYSQL_ACK) {
		on_ack(w, payload);
	} else if (payload.ptr[0] == MYSQL_COM_QUERY) {
		st->no_sums |= mysql_query_refuses_sums(slice_from(payload, 1));
		st->ordinary = !st->dump;
	}
}

/* A compressed command is looked at where one begins. A dump with many GTIDs is long, and what
 * matters of it comes first; but of zstd nothing can be had before all of it is there.
 */
static enum step squeezed_command(struct work *w, struct slice s)
{
	if (s.len < MYSQL_SQUEEZED_HEADER)
		return more(w, MYSQL_SQUEEZED_HEADER);
	uint8_t start[COMMAND_BYTES + SL_PAD] = {0};
	size_t len = wire_le24(s.ptr), whole = MYSQL_SQUEEZED_HEADER + len;
	bool stored = wire_le24(s.ptr + 4) == 0;
	size_t look = whole;
	if (w->st->squeeze == MYSQL_ZLIB || stored)
		look = whole < SQUEEZED_LOOK ? whole : SQUEEZED_LOOK;
	w->st->pass[0] = whole;
	if (s.ptr[3] != 0 || look > SQUEEZED_MAX)
		return STEP_ON;
	if (s.len < look) {
		w->st->pass[0] = 0;
		return more(w, look);
	}
	size_t n = mysql_stream_start(w->pool->streams, w->st->squeeze, slice_of(s.ptr, look),
				      start, COMMAND_BYTES);
	if (n > MYSQL_PACKET_HEADER) {
		size_t payload = wire_le24(start), left = n - MYSQL_PACKET_HEADER;
		on_command(w,
			   slice_of(start + MYSQL_PACKET_HEADER, payload < left ? payload : left));
	}
	return STEP_ON;
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
	if (s.ptr[3] == 0 && s.ptr[4] == MYSQL_COM_BINLOG_DUMP) { /* of a log file */
		st->login_known = true;
		st->client = CLIENT_COMMANDS;
		return STEP_ON;
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
				mysql_session_anew(w);
			st->server = SERVER_EVENTS;
			return STEP_ON;
		}
	}
	st->pass[1] = whole;
	return STEP_ON;
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
	if (s.len < MYSQL_PACKET_HEADER && !st->lng.on && !(st->resync && !may_wait(w)))
		return more(w, MYSQL_PACKET_HEADER);
	if (st->server == SERVER_ANSWERS && st->dump)
		st->server = SERVER_EVENTS;
	switch (st->server) {
	case SERVER_GREETING:
		return server_greeting(w, s);
	case SERVER_AUTH:
		return server_auth(w, s);
	case SERVER_EVENTS:
		return mysql_server_events(w, s);
	}
	if (st->squeeze != MYSQL_PLAIN) {
		if (st->may_dump) {
			if (st->owner == 0)
				mysql_session_anew(w);
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
	mysql_session_find(w);
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
		if (!st->owner) /* nobody has asked for it by name */
			mysql_session_anew(w);
		mysql_log_at(mysql_session_log(w), (struct slice){0}, 4);
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
		step = w.st->file     ? mysql_file_step(&w)
		       : in->dir == 0 ? client_step(&w)
				      : server_step(&w);
	if (step == STEP_ON)
		more(&w, 1);
	return w.r;
}

static void mysql_acked(void *state, const struct parse_in *in)
{
	struct mysql_state *st = state;
	struct mysql_pool *p = in->pool;
	if (in->dir != 1)
		return;
	st->acked = in->stream_off + 1;
	struct mysql_log *log = st->owner ? mysql_log_peek(p, st->owner, st->log_slot) : NULL;
	if (log && log->paired)
		mysql_chain_tcp_ack(mysql_chain_of(&p->chains, &log->pair, &log->chain), st->owner,
				    in->stream_off, in->time_ns);
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
	.acked = mysql_acked,
	.extract = mysql_extract,
	.dead = mysql_dead,
	.ground = mysql_ground,
	.again = mysql_again,
	.pool_create = mysql_pool_create,
	.pool_destroy = mysql_pool_destroy,
	.ledger = &mysql_chain_ledger,
	.pool_row = mysql_pool_row,
	.pool_tell = mysql_pool_tell,
	.keep_create = mysql_state_create,
	.keep_run = mysql_state_run,
	.keep_destroy = mysql_state_destroy,
};
