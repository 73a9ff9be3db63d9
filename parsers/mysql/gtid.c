/* The identities of transactions: MySQL's GTID in both encodings, MariaDB's. Contracts: event.h. */
#include "dataplane/base/text.h"
#include "parsers/mysql/event.h"
#include "parsers/mysql/wire.h"

#define GTID_LOGICAL_CLOCK 2

/*  flags u8 | uuid 16 | number i64 | 5.7: clock type u8 = 2 | last committed i64 | sequence i64 |
 *  8.0: time of commit here, 7 bytes, the top bit: the original time, 7 bytes, follows |
 *  packed length of the transaction | version u32, the top bit: the original version follows
 */
static enum mysql_fault gtid_plain(const struct mysql_event *ev, struct mysql_gtid *g)
{
	const uint64_t original_follows = 1ull << 55;
	struct wire w = wire_of(ev->body);
	wire_take(&w, 1);
	struct slice sid = wire_take(&w, 16);
	g->number = wire_int(&w, 8);
	if (w.bad)
		return MYSQL_F_BODY;
	memcpy(g->sid, sid.ptr, 16);
	if (wire_left(&w) < 17 || wire_int(&w, 1) != GTID_LOGICAL_CLOCK)
		return MYSQL_F_OK;
	g->last_committed = (int64_t)wire_int(&w, 8);
	g->sequence_number = (int64_t)wire_int(&w, 8);
	if (wire_left(&w) < 7)
		return MYSQL_F_OK;
	uint64_t now = wire_int(&w, 7);
	g->immediate_commit_us = now & ~original_follows;
	g->original_commit_us = now & original_follows ? wire_int(&w, 7) : now;
	if (wire_left(&w))
		g->transaction_len = wire_packed(&w);
	return w.bad ? MYSQL_F_BODY : MYSQL_F_OK;
}

/* MySQL 8.3's serialization: as many 1 bits at the bottom of the first byte as bytes follow it; the
 * rest of the bits are the number, little-endian.
 */
static uint64_t serial_uint(struct wire *w)
{
	uint8_t first = (uint8_t)wire_int(w, 1);
	unsigned more = (unsigned)__builtin_ctz(~(unsigned)first);
	uint64_t rest = more ? wire_int(w, more) : 0;
	if (more >= 8)
		return rest;
	return (uint64_t)first >> (more + 1) | rest << (7 - more);
}

static int64_t serial_int(struct wire *w)
{
	uint64_t v = serial_uint(w);
	return v & 1 ? (int64_t) ~(v >> 1) : (int64_t)(v >> 1);
}

static void serial_bytes(struct wire *w, uint8_t *out, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		out[i] = (uint8_t)serial_uint(w);
}

static void serial_field(struct wire *w, uint64_t id, struct mysql_gtid *g)
{
	uint64_t len;
	switch (id) {
	case 0: /* flags */
	case 9: /* version of this server, and of the first */
	case 10:
	case 11: /* commit group */
		serial_uint(w);
		break;
	case 1:
		serial_bytes(w, g->sid, sizeof(g->sid));
		break;
	case 2:
		g->number = (uint64_t)serial_int(w);
		break;
	case 3:
		len = serial_uint(w);
		struct slice tag = wire_take(w, len);
		if (tag.len >= sizeof(g->tag))
			w->bad = true;
		else
			memcpy(g->tag, tag.ptr, tag.len);
		break;
	case 4:
		g->last_committed = serial_int(w);
		break;
	case 5:
		g->sequence_number = serial_int(w);
		break;
	case 6:
		g->immediate_commit_us = serial_uint(w);
		break;
	case 7:
		g->original_commit_us = serial_uint(w);
		break;
	case 8:
		g->transaction_len = serial_uint(w);
		break;
	default: /* Fields come in order and those behind are new: nothing of ours follows. */
		w->p = w->end;
	}
}

/*  version | size of the message | last field that must be understood | { field id, value }...
 *  Fields that are absent have their default: no tag, the original time is that of this commit.
 */
static enum mysql_fault gtid_tagged(const struct mysql_event *ev, struct mysql_gtid *g)
{
	struct wire w = wire_of(ev->body);
	serial_uint(&w);
	uint64_t size = serial_uint(&w);
	serial_uint(&w);
	if (size < ev->body.len)
		w.end = ev->body.ptr + size;
	if (w.bad || w.p > w.end)
		return MYSQL_F_BODY;
	while (wire_left(&w))
		serial_field(&w, serial_uint(&w), g);
	if (!g->original_commit_us)
		g->original_commit_us = g->immediate_commit_us;
	return w.bad || g->number == 0 ? MYSQL_F_BODY : MYSQL_F_OK;
}

#define MARIA_STANDALONE   0x01
#define MARIA_GROUP_COMMIT 0x02
#define MARIA_XA           (0x40 | 0x80) /* prepared, or completed */
#define MARIA_ALTER_STARTS 0x02
#define MARIA_ALTER_ENDS   0x04
#define MARIA_ALTER_FAILED 0x08

/* number u64 | domain u32 | flags u8 | group commit: id u64 | XA: format u32, two lengths u8, name
 * | more flags u8, or zeros; the server is that of the event's header.
 */
static enum mysql_fault gtid_maria(const struct mysql_event *ev, struct mysql_gtid *g)
{
	struct wire w = wire_of(ev->body);
	g->number = wire_int(&w, 8);
	g->domain_id = (uint32_t)wire_int(&w, 4);
	unsigned flags = (unsigned)wire_int(&w, 1);
	g->standalone = flags & MARIA_STANDALONE;
	g->server_id = ev->server_id;
	if (w.bad)
		return MYSQL_F_BODY;
	if (flags & MARIA_GROUP_COMMIT)
		wire_take(&w, 8);
	if (flags & MARIA_XA) {
		wire_take(&w, 4);
		size_t gtrid = wire_int(&w, 1), bqual = wire_int(&w, 1);
		wire_take(&w, gtrid + bqual);
	}
	unsigned more = wire_left(&w) ? (unsigned)wire_int(&w, 1) : 0;
	if (!w.bad)
		g->alter = more & MARIA_ALTER_STARTS   ? MYSQL_ALTER_STARTS
			   : more & MARIA_ALTER_ENDS   ? MYSQL_ALTER_ENDS
			   : more & MARIA_ALTER_FAILED ? MYSQL_ALTER_FAILED
						       : MYSQL_ALTER_NONE;
	return MYSQL_F_OK;
}

enum mysql_fault mysql_gtid_parse(const struct mysql_event *ev, struct mysql_gtid *ret_g)
{
	struct mysql_gtid g = {.last_committed = -1, .sequence_number = -1};
	enum mysql_fault fault = MYSQL_F_TYPE;
	if (ev->type == MYSQL_EV_GTID || ev->type == MYSQL_EV_ANONYMOUS_GTID) {
		g.kind = ev->type == MYSQL_EV_GTID ? MYSQL_GTID_MYSQL : MYSQL_GTID_NONE;
		fault = gtid_plain(ev, &g);
	} else if (ev->type == MYSQL_EV_GTID_TAGGED) {
		g.kind = MYSQL_GTID_MYSQL;
		fault = gtid_tagged(ev, &g);
	} else if (ev->type == MYSQL_EV_MARIA_GTID) {
		g.kind = MYSQL_GTID_MARIA;
		fault = gtid_maria(ev, &g);
	}
	if (!fault)
		*ret_g = g;
	return fault;
}

static char *put_uuid(char *o, const uint8_t *sid)
{
	static const char hex[] = "0123456789abcdef";
	for (int i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*o++ = '-';
		*o++ = hex[sid[i] >> 4];
		*o++ = hex[sid[i] & 15];
	}
	return o;
}

size_t mysql_gtid_text(const struct mysql_gtid *g, char *out)
{
	char *o = out;
	if (g->kind == MYSQL_GTID_MARIA) {
		o += text_put_u64(o, g->domain_id);
		*o++ = '-';
		o += text_put_u64(o, g->server_id);
		*o++ = '-';
		o += text_put_u64(o, g->number);
	} else if (g->kind == MYSQL_GTID_MYSQL) {
		o = put_uuid(o, g->sid);
		*o++ = ':';
		size_t tag_len = strnlen(g->tag, sizeof(g->tag) - 1);
		if (tag_len) {
			memcpy(o, g->tag, tag_len);
			o += tag_len;
			*o++ = ':';
		}
		o += text_put_u64(o, g->number);
	}
	return (size_t)(o - out);
}
