/* mysql_wire.h - a MySQL session made by hand: packets, and the events of a small log.
 *
 * In:     what the server and the client say.
 * Out:    bytes, and the same bytes given to a parser.
 * Owns:   struct wire_rig; its log is written with checksums and positions that go on.
 * Runs:   tests.
 * Limits: WIRE_BYTES an event or packet.
 */
#ifndef SL_TESTS_MYSQL_WIRE_H
#define SL_TESTS_MYSQL_WIRE_H

#include "unit.h"

#include <zlib.h>

#include "parsers/mysql/pool.h"
#include "parsers/mysql/proto.h"
#include "parsers/parsers.h"
#include "tests/support/parser_run.h"

#define WIRE_BYTES 131072

struct wire_rig {
	struct parser_run run;
	uint32_t pos;   /* of the next event in its log */
	uint8_t seq;    /* of the server's next packet */
	bool sums;      /* events end in a checksum */
	bool semi_sync; /* packets of events have two bytes more */
	size_t len;     /* of the last event */
	uint8_t event[WIRE_BYTES];
	uint8_t packet[WIRE_BYTES + 16];
};

static inline void wire_init(struct wire_rig *w)
{
	memset(w, 0, sizeof(*w));
	parser_run_init(&w->run, &parser_mysql);
	w->run.keep_records = true;
	w->run.port[1] = 3306;
	w->pos = 4;
	w->sums = true;
}

static inline void wire_fini(struct wire_rig *w)
{
	assert_string_equal(w->run.broken, "");
	parser_run_fini(&w->run);
}

/* A test on the rig `w` of its file. */
static inline int wire_set_up(void **state)
{
	wire_init(*state);
	return 0;
}

static inline int wire_tear_down(void **state)
{
	wire_fini(*state);
	return 0;
}

#define WIRE_TEST(name) \
	cmocka_unit_test_prestate_setup_teardown(name, wire_set_up, wire_tear_down, &w)

static inline struct mysql_chains *wire_chains(struct wire_rig *w)
{
	return &((struct mysql_pool *)w->run.pool)->chains;
}

/* The pool again, after a change of options that it was made with. */
static inline void wire_new_pool(struct wire_rig *w, void *keep)
{
	struct err e;
	mysql_pool_destroy(w->run.pool);
	if (mysql_pool_create(w->run.conf, keep, &w->run.pool, &e) < 0)
		fail_msg("%s", e.text);
}

/* --- Events ----------------------------------------------------------------------------------- */

/* One event into w->event. Artificial ones have no position. */
static inline void wire_event(struct wire_rig *w, uint8_t type, uint16_t flags, const void *body,
			      size_t len)
{
	bool artificial = flags & MYSQL_FLAG_ARTIFICIAL;
	size_t sum = w->sums || type == MYSQL_EV_FORMAT ? 4 : 0;
	uint32_t time_s = artificial ? 0 : 1764045796, server = 7;
	uint32_t size = (uint32_t)(MYSQL_EVENT_HEADER_LEN + len + sum);
	uint32_t pos = artificial ? 0 : w->pos + size;
	memcpy(w->event, &time_s, 4);
	w->event[4] = type;
	memcpy(w->event + 5, &server, 4);
	memcpy(w->event + 9, &size, 4);
	memcpy(w->event + 13, &pos, 4);
	memcpy(w->event + 17, &flags, 2);
	memcpy(w->event + MYSQL_EVENT_HEADER_LEN, body, len);
	uint32_t crc = (uint32_t)crc32(0, w->event, (unsigned)(size - sum));
	memcpy(w->event + size - sum, &crc, sum);
	w->len = size;
	if (!artificial)
		w->pos = pos;
}

static inline void wire_rotate(struct wire_rig *w, const char *file, uint16_t flags)
{
	uint8_t body[64] = {4};
	memcpy(body + 8, file, strlen(file));
	wire_event(w, MYSQL_EV_ROTATE, flags, body, 8 + strlen(file));
	w->pos = 4;
}

static inline void wire_format(struct wire_rig *w)
{
	static const uint8_t post[] = {56, 13, 0,  8,  0,  0,  0, 0,  4,  0, 4,  0, 0, 0,
				       98, 0,  4,  26, 8,  0,  0, 0,  8,  8, 8,  2, 0, 0,
				       0,  10, 10, 10, 42, 42, 0, 18, 52, 0, 10, 40};
	uint8_t body[128] = {4};
	memcpy(body + 2, "8.0.36-log", 10);
	body[56] = MYSQL_EVENT_HEADER_LEN;
	memcpy(body + 57, post, sizeof(post));
	body[57 + sizeof(post)] = w->sums;
	wire_event(w, MYSQL_EV_FORMAT, 0, body, 58 + sizeof(post));
}

/* Table @id: shop.@name (id INT, v VARCHAR(64)), names in the map. */
static inline void wire_map(struct wire_rig *w, uint8_t id, const char *name)
{
	uint8_t body[128] = {id, 0, 0, 0, 0, 0, 1, 0, 4, 's', 'h', 'o', 'p', 0};
	static const uint8_t tail[] = {0, 2, 3,  15,  2,   64, 0,  3, /* columns */
				       2, 1, 45,                      /* charset */
				       4, 5, 2,  'i', 'd', 1,  'v'};  /* names */
	size_t n = 14, len = strlen(name);
	body[n++] = (uint8_t)len;
	memcpy(body + n, name, len);
	memcpy(body + n + len, tail, sizeof(tail));
	wire_event(w, MYSQL_EV_TABLE_MAP, 0, body, n + len + sizeof(tail));
}

/* @n rows (first, "v"), (first + 1, "v"), ... of table @id. @flags: 1 when the statement ends. */
static inline void wire_rows_flags(struct wire_rig *w, uint8_t id, uint32_t first, unsigned n,
				   uint8_t flags)
{
	static uint8_t body[WIRE_BYTES];
	static const uint8_t head[] = {0, 0, 0, 0, 0, 1, 0, 2, 0, 2, 3};
	body[0] = id;
	memcpy(body + 1, head, sizeof(head));
	body[6] = flags;
	size_t len = 1 + sizeof(head);
	for (uint32_t i = 0; i < n; i++, len += 7) {
		uint32_t v = first + i;
		body[len] = 0;
		memcpy(body + len + 1, &v, 4);
		body[len + 5] = 1;
		body[len + 6] = 'v';
	}
	wire_event(w, MYSQL_EV_WRITE_ROWS_V2, 0, body, len);
}

static inline void wire_rows(struct wire_rig *w, uint8_t id, uint32_t first, unsigned n)
{
	wire_rows_flags(w, id, first, n, 1);
}

static inline void wire_query(struct wire_rig *w, const char *db, const char *sql)
{
	uint8_t body[512] = {0};
	size_t n = 13, len = strlen(db);
	body[8] = (uint8_t)len;
	memcpy(body + n, db, len + 1);
	n += len + 1;
	memcpy(body + n, sql, strlen(sql));
	wire_event(w, MYSQL_EV_QUERY, 0, body, n + strlen(sql));
}

/* GTID 00000000-0000-0000-0000-000000000007:@number, or an anonymous one for 0. */
static inline void wire_gtid(struct wire_rig *w, uint64_t number)
{
	uint8_t body[25] = {1};
	body[16] = 7;
	memcpy(body + 17, &number, 8);
	wire_event(w, number ? MYSQL_EV_GTID : MYSQL_EV_ANONYMOUS_GTID, 0, body, sizeof(body));
}

static inline void wire_xid(struct wire_rig *w)
{
	static const uint8_t xid[8] = {5};
	wire_event(w, MYSQL_EV_XID, 0, xid, sizeof(xid));
}

/* --- Packets ---------------------------------------------------------------------------------- */

static inline size_t wire_pack(struct wire_rig *w, uint8_t seq, const void *payload, size_t len)
{
	uint8_t head[4] = {(uint8_t)len, (uint8_t)(len >> 8), (uint8_t)(len >> 16), seq};
	memmove(w->packet + 4, payload, len);
	memcpy(w->packet, head, 4);
	return len + 4;
}

static inline void wire_say(struct wire_rig *w, unsigned dir, uint8_t seq, const void *payload,
			    size_t len)
{
	size_t n = wire_pack(w, seq, payload, len);
	parser_run_data(&w->run, dir, w->packet, n);
}

/* The packet of w->event, into w->packet. */
static inline size_t wire_pack_event(struct wire_rig *w)
{
	static uint8_t payload[WIRE_BYTES + 3];
	size_t n = 1;
	payload[0] = 0;
	if (w->semi_sync) {
		payload[n++] = MYSQL_ACK;
		payload[n++] = 1;
	}
	memcpy(payload + n, w->event, w->len);
	return wire_pack(w, ++w->seq, payload, n + w->len);
}

static inline void wire_send(struct wire_rig *w)
{
	size_t n = wire_pack_event(w);
	parser_run_data(&w->run, 1, w->packet, n);
}

/* A greeting with these capabilities, and the client's answer with these. */
static inline void wire_greet(struct wire_rig *w, uint32_t caps)
{
	static const uint8_t nothing[32];
	uint8_t p[96] = {10};
	memcpy(p + 1, "8.0.36", 7);
	size_t n = 8 + 13;
	memcpy(p + n, &caps, 2);
	memcpy(p + n + 5, (uint8_t *)&caps + 2, 2);
	wire_say(w, 1, 0, p, n + 7 + sizeof(nothing));
}

static inline void wire_login(struct wire_rig *w, uint32_t caps, size_t len)
{
	uint8_t p[64] = {0};
	memcpy(p, &caps, 4);
	memcpy(p + 32, "repl", 5);
	wire_say(w, 0, 1, p, len);
}

static const uint8_t wire_ok[] = {0, 0, 0, 2, 0, 0, 0};

static inline void wire_command(struct wire_rig *w, uint8_t command, const char *text)
{
	uint8_t p[512] = {command};
	memcpy(p + 1, text, strlen(text));
	wire_say(w, 0, 0, p, 1 + strlen(text));
	w->seq = 0;
}

static inline void wire_dump(struct wire_rig *w, const char *file)
{
	uint8_t p[64] = {MYSQL_COM_BINLOG_DUMP, 4};
	memcpy(p + 11, file, strlen(file));
	wire_say(w, 0, 0, p, 11 + strlen(file));
	w->seq = 0;
}

/* Everything up to the first event of the log itself, of a replica that says @sums. */
static inline void wire_begin_with(struct wire_rig *w, const char *sums)
{
	wire_greet(w, MYSQL_CAP_41);
	wire_login(w, MYSQL_CAP_41, 40);
	wire_say(w, 1, 2, wire_ok, sizeof(wire_ok));
	wire_command(w, MYSQL_COM_QUERY, sums);
	wire_say(w, 1, 1, wire_ok, sizeof(wire_ok));
	wire_dump(w, "bin.000001");
	wire_rotate(w, "bin.000001", MYSQL_FLAG_ARTIFICIAL);
	wire_send(w);
	wire_format(w);
	wire_send(w);
}

static inline void wire_begin(struct wire_rig *w)
{
	wire_begin_with(w, "SET @master_binlog_checksum = @@global.binlog_checksum");
}

/* A map without names of table @id, shop.t, with these types and metadata. */
static inline void wire_bare_map(struct wire_rig *w, uint8_t id, const char *types, size_t n,
				 const char *meta, size_t n_meta)
{
	uint8_t body[64] = {id, 0, 0, 0, 0, 0, 1, 0, 4, 's', 'h', 'o', 'p', 0, 1, 't', 0};
	size_t len = 17;
	body[len++] = (uint8_t)n;
	memcpy(body + len, types, n);
	len += n;
	body[len++] = (uint8_t)n_meta;
	memcpy(body + len, meta, n_meta);
	len += n_meta;
	body[len++] = 0;
	wire_event(w, MYSQL_EV_TABLE_MAP, 0, body, len);
	wire_send(w);
}

/* A table map and @n rows. */
static inline void wire_insert(struct wire_rig *w, uint8_t id, const char *name, uint32_t first,
			       unsigned n)
{
	wire_map(w, id, name);
	wire_send(w);
	wire_rows(w, id, first, n);
	wire_send(w);
}

static inline void wire_statement(struct wire_rig *w, const char *sql)
{
	wire_query(w, "shop", sql);
	wire_send(w);
}

/* An insert of one row, from GTID to commit. */
static inline void wire_transaction(struct wire_rig *w, uint64_t number, uint32_t id)
{
	wire_gtid(w, number);
	wire_send(w);
	wire_statement(w, "BEGIN");
	wire_insert(w, 9, "orders", id, 1);
	wire_xid(w);
	wire_send(w);
}

/* Another connection of the same replica, which asks for what begins at @pos. */
static inline void wire_reconnect(struct wire_rig *w, uint32_t pos)
{
	parser_run_end(&w->run);
	parser_run_reset(&w->run);
	wire_begin(w);
	w->pos = pos;
}

static inline void wire_records_are(struct wire_rig *w, size_t n)
{
	assert_string_equal(w->run.broken, "");
	assert_int_equal(w->run.n_frames, n);
}

static inline void wire_record_has(struct wire_rig *w, size_t i, const char *text)
{
	assert_true(i < w->run.n_frames && w->run.frames[i].record);
	if (!strstr(w->run.frames[i].record, text))
		fail_msg("record %zu has no %s: %s", i, text, w->run.frames[i].record);
}

static inline void wire_record_lacks(struct wire_rig *w, size_t i, const char *text)
{
	assert_true(i < w->run.n_frames && w->run.frames[i].record);
	if (strstr(w->run.frames[i].record, text))
		fail_msg("record %zu has %s: %s", i, text, w->run.frames[i].record);
}

#endif
