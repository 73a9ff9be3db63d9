/* mysql_events.h - events of a binary log made by hand, and what the decoding library makes of
 * them.
 *
 * In:     bytes as hexadecimal text, blanks allowed.
 * Out:    struct mysql_event, tables, rows as text.
 * Owns:   struct rig: freed by rig_destroy. Texts are valid until the next one.
 * Runs:   tests.
 * Limits: RIG_BYTES an event.
 */
#ifndef SL_TESTS_MYSQL_EVENTS_H
#define SL_TESTS_MYSQL_EVENTS_H

#include "unit.h"

#include "dataplane/base/mem.h"
#include "dataplane/rec/json_text.h"
#include "parsers/mysql/row.h"

#define RIG_BYTES (1u << 20)

struct rig {
	struct mysql_format format;
	struct mysql_decoder dec;
	struct mysql_table *table;
	uint8_t *events[4], *slot, *text; /* events: used in turn */
	unsigned next;
	struct mysql_out out;
};

static inline size_t hex_read(const char *hex, uint8_t *out)
{
	size_t n = 0;
	for (; *hex; hex++) {
		if (*hex == ' ' || *hex == '|')
			continue;
		unsigned byte;
		assert_int_equal(sscanf(hex, "%2x", &byte), 1);
		out[n++] = (uint8_t)byte;
		hex++;
	}
	return n;
}

static inline struct rig *rig_create(void)
{
	struct rig *r = calloc(1, sizeof(*r));
	r->dec.charsets = &mysql_charsets;
	assert_int_equal(mysql_unpack_create(RIG_BYTES, &r->dec.unpack), 0);
	mysql_format_init(&r->format);
	for (int i = 0; i < 4; i++)
		r->events[i] = malloc(RIG_BYTES + SL_PAD);
	r->slot = malloc(RIG_BYTES + SL_PAD);
	r->text = malloc(RIG_BYTES + SL_PAD);
	return r;
}

static inline void rig_destroy(struct rig *r)
{
	for (int i = 0; i < 4; i++)
		free(r->events[i]);
	free(r->slot);
	free(r->text);
	mysql_unpack_destroy(r->dec.unpack);
	free(r);
}

/* An event of @type without a checksum around a body. */
static inline struct mysql_event rig_event(struct rig *r, uint8_t type, struct slice body)
{
	uint8_t *p = r->events[r->next++ % 4];
	uint32_t size = (uint32_t)(MYSQL_EVENT_HEADER_LEN + body.len);
	memset(p, 0, MYSQL_EVENT_HEADER_LEN);
	p[4] = type;
	p[5] = 7; /* the server's id */
	memcpy(p + 9, &size, 4);
	memmove(p + MYSQL_EVENT_HEADER_LEN, body.ptr, body.len);
	struct mysql_event ev;
	assert_int_equal(mysql_event_parse(slice_of(p, size), &r->format, &ev), MYSQL_F_OK);
	return ev;
}

static inline struct mysql_event rig_hex(struct rig *r, uint8_t type, const char *hex)
{
	static uint8_t body[65536];
	return rig_event(r, type, slice_of(body, hex_read(hex, body)));
}

/* A table map of d.t: types, metadata and optional metadata as hex. */
static inline enum mysql_fault rig_table_defs(struct rig *r, const char *types, const char *meta,
					      const char *optional,
					      const struct mysql_column_def *defs, unsigned n_defs)
{
	static uint8_t body[65536], tmp[65536];
	size_t n = hex_read("2a0000000000 0100 01 64 00 01 74 00", body), len;
	size_t n_types = hex_read(types, tmp);
	body[n++] = (uint8_t)n_types;
	memcpy(body + n, tmp, n_types);
	n += n_types;
	len = hex_read(meta, tmp);
	body[n++] = (uint8_t)len;
	memcpy(body + n, tmp, len);
	n += len;
	memset(body + n, 0xff, (n_types + 7) / 8);
	n += (n_types + 7) / 8;
	n += hex_read(optional, body + n);
	struct mysql_event ev = rig_event(r, MYSQL_EV_TABLE_MAP, slice_of(body, n));
	return mysql_table_parse(&ev, &r->format, &mysql_charsets, defs, n_defs, r->slot, RIG_BYTES,
				 &r->table);
}

static inline void rig_table(struct rig *r, const char *types, const char *meta,
			     const char *optional)
{
	assert_int_equal(rig_table_defs(r, types, meta, optional, NULL, 0), MYSQL_F_OK);
}

/* All rows of an event as "before after; before after", or the fault behind those before it. */
static inline const char *rig_rows_of(struct rig *r, const struct mysql_event *ev)
{
	static struct mysql_rows rows;
	struct mysql_row row;
	r->out = (struct mysql_out){.buf = r->text, .cap = RIG_BYTES - 1024};
	mem_seal(true); /* decoding never allocates */
	enum mysql_fault f = mysql_rows_begin(ev, &r->format, r->dec.unpack, &rows);
	while (!f && (f = mysql_rows_next(&rows, r->table, &row)) == MYSQL_F_OK) {
		if (r->out.len)
			r->text[r->out.len++] = ';';
		f = mysql_row_json(&r->dec, r->table, &rows, &row, MYSQL_BEFORE, &r->out);
		r->text[r->out.len++] = ' ';
		if (!f)
			f = mysql_row_json(&r->dec, r->table, &rows, &row, MYSQL_AFTER, &r->out);
	}
	mem_seal(false);
	if (f != MYSQL_F_END)
		r->out.len += (size_t)sprintf((char *)r->text + r->out.len, "%s%s",
					      r->out.len ? "; " : "", mysql_fault_text(f));
	r->text[r->out.len] = 0;
	return (char *)r->text;
}

static inline const char *rig_rows(struct rig *r, uint8_t type, const char *hex)
{
	struct mysql_event ev = rig_hex(r, type, hex);
	return rig_rows_of(r, &ev);
}

/* The text of one value of a table of one column; @hex: what stands in the image. */
static inline const char *rig_value(struct rig *r, const char *hex)
{
	char event[65536];
	snprintf(event, sizeof(event), "2a0000000000 0100 01 ff 00 %s", hex);
	const char *text = rig_rows(r, MYSQL_EV_WRITE_ROWS_V1, event);
	char *brace = strrchr(text, '}'), *colon = strchr(text, ':');
	if (strncmp(text, "null {", 6) != 0 || !brace || !colon)
		return strncmp(text, "null ; ", 7) == 0 ? text + 7 : text;
	*brace = 0;
	return colon + 1;
}

/* A whole file of the shared data behind a log's magic number, or NULL. */
static inline uint8_t *shared_log(const char *name, size_t *ret_len)
{
	char path[1024];
	const char *root = getenv("SL_SOURCE_ROOT"), *dir = getenv("SL_SHARED");
	snprintf(path, sizeof(path), "%s%s/data/binlog-files/%s",
		 dir    ? dir
		 : root ? root
			: ".",
		 dir ? "" : "/../shared", name);
	FILE *f = fopen(path, "rb");
	if (!f) {
		const char *ci = getenv("CI");
		if (ci && strcmp(ci, "true") == 0)
			fail_msg("%s is missing", path);
		print_message("skipped: no %s\n", path);
		return NULL;
	}
	uint8_t *p = calloc(1, RIG_BYTES + SL_PAD);
	*ret_len = fread(p, 1, RIG_BYTES, f);
	fclose(f);
	assert_true(*ret_len > 4);
	memmove(p, p + 4, *ret_len -= 4);
	return p;
}

#endif
