/* binlog_walk.h - the statements and table maps of binary logs, fed to a schema.
 *
 * Files may be gzipped. What the walk needs of events comes from event.h; rows are not read.
 */
#ifndef SL_TESTS_BINLOG_WALK_H
#define SL_TESTS_BINLOG_WALK_H

#include <unistd.h>
#include <zlib.h>

#include "parsers/mysql/event.h"
#include "parsers/mysql/unpack.h"
#include "parsers/mysql/wire.h"
#include "tests/support/ddl_rig.h"
#include "tests/support/payload_walk.h"
#include "tests/unit/pairs.h"

struct walk {
	struct ddl_rig *rig;
	struct mysql_format format;
	struct mysql_unpack *unpack;
	const char *file; /* its name counts: places */
	uint64_t base;    /* of the payload at hand */
	unsigned n_ddl, n_maps, n_known, n_unknown_ddl;
	/* Called for each table map whose table is known. */
	void (*known)(struct walk *w, const struct mysql_schema_table *t,
		      const struct mysql_schema_seen *seen, struct slice db, struct slice table,
		      struct slice optional);
	void *arg;
};

/* The whole of a file, which is closed, with padding behind it, or NULL. To be freed. */
static inline uint8_t *walk_read(FILE *file, size_t *ret_len)
{
	size_t cap = 1 << 16, len = 0;
	if (!file)
		return NULL;
	gzFile f = gzdopen(dup(fileno(file)), "rb");
	fclose(file);
	uint8_t *bytes = calloc(1, cap + SL_PAD);
	int n;
	while ((n = gzread(f, bytes + len, (unsigned)(cap - len))) > 0) {
		len += (size_t)n;
		if (len == cap) {
			bytes = realloc(bytes, 2 * cap + SL_PAD);
			memset(bytes + cap, 0, cap + SL_PAD);
			cap *= 2;
		}
	}
	gzclose(f);
	*ret_len = len;
	return bytes;
}

/* Status variables up to the ones that DDL needs; they come in the order of their numbers. */
static inline void walk_status(struct slice v, struct mysql_ddl *q)
{
	static const uint8_t fixed[] = {[0] = 4, [1] = 8, [3] = 4, [4] = 6, [7] = 2, [8] = 2};
	struct wire w = wire_of(v);
	while (wire_left(&w) && !w.bad) {
		uint64_t code = wire_int(&w, 1);
		size_t n = code < sizeof(fixed) ? fixed[code] : 0;
		if (code == 2)
			n = wire_int(&w, 1) + 1;
		if (code == 5 || code == 6)
			n = wire_int(&w, 1);
		struct slice s = wire_take(&w, n);
		if (w.bad || n == 0)
			return;
		if (code == 1)
			q->sql_mode = wire_le64(s.ptr);
		if (code == 4)
			q->server_charset = wire_le16(s.ptr + 4);
		if (code == 8)
			q->db_charset = wire_le16(s.ptr);
	}
}

static inline void walk_query(struct walk *w, const struct mysql_event *ev, uint64_t pos)
{
	struct mysql_query q;
	struct ddl_rig *r = w->rig;
	if (mysql_query_parse(ev, &w->format, w->unpack, &q) != MYSQL_F_OK)
		return;
	r->q.db = q.db;
	r->q.client_charset = q.collation;
	r->q.error = q.error_code;
	r->q.sql_mode = r->q.server_charset = r->q.db_charset = 0;
	size_t status = wire_le16(ev->body.ptr + 11);
	if (ev->body.len >= 13 + status)
		walk_status(slice_of(ev->body.ptr + 13, status), &r->q);
	r->q.place = mysql_schema_place(slice_str(w->file), pos + ev->size);
	enum mysql_ddl_result result = rig_apply(r, q.sql);
	w->n_ddl += result != MYSQL_DDL_NONE;
	w->n_unknown_ddl += result == MYSQL_DDL_UNKNOWN;
	if (result == MYSQL_DDL_UNKNOWN && getenv("SL_VERBOSE"))
		print_message("%s: %.*s: %s\n", w->file, (int)(q.sql.len < 200 ? q.sql.len : 200),
			      (const char *)q.sql.ptr, r->why ? r->why : "-");
}

static inline void walk_map(struct walk *w, const struct mysql_event *ev, uint64_t pos)
{
	bool short_id = w->format.n_types >= MYSQL_EV_TABLE_MAP &&
			w->format.post_len[MYSQL_EV_TABLE_MAP] == 6;
	struct wire b = wire_of(ev->body);
	wire_take(&b, short_id ? 6 : 8);
	struct slice db = wire_take(&b, wire_int(&b, 1));
	wire_take(&b, 1);
	struct slice table = wire_take(&b, wire_int(&b, 1));
	wire_take(&b, 1);
	uint64_t n = wire_packed(&b);
	struct mysql_schema_seen seen = {.n_cols = (uint32_t)n};
	seen.types = wire_take(&b, n).ptr;
	seen.metadata = wire_take(&b, wire_packed(&b));
	wire_take(&b, (n + 7) / 8);
	if (b.bad)
		return;
	w->n_maps++;
	uint64_t place = mysql_schema_place(slice_str(w->file), pos);
	const struct mysql_schema_table *t =
		mysql_schema_find(w->rig->sc, w->rig->q.log, place, db, table);
	if (!t)
		return;
	w->n_known++;
	w->known(w, t, &seen, db, table, slice_of(b.p, wire_left(&b)));
}

static inline void walk_events(struct walk *w, struct slice s, uint64_t base, bool inside);

static inline void walk_inside(void *arg, struct slice event)
{
	walk_events(arg, event, ((struct walk *)arg)->base, true);
}

static inline void walk_events(struct walk *w, struct slice s, uint64_t base, bool inside)
{
	struct mysql_event ev;
	struct mysql_format f = w->format;
	size_t at = 0;
	f.checksum = inside ? false : f.checksum;
	while (at < s.len) {
		if (mysql_event_parse(slice_from(s, at), inside ? &f : &w->format, &ev) !=
		    MYSQL_F_OK)
			return;
		uint64_t pos = inside ? base : base + at;
		if (ev.type == MYSQL_EV_FORMAT)
			mysql_format_parse(&ev, &w->format);
		else if (ev.type == MYSQL_EV_QUERY || ev.type == MYSQL_EV_QUERY_COMPRESSED)
			walk_query(w, &ev, pos);
		else if (ev.type == MYSQL_EV_TABLE_MAP)
			walk_map(w, &ev, pos);
		else if (ev.type == MYSQL_EV_TRANSACTION_PAYLOAD && !inside) {
			w->base = pos;
			payload_walk(&ev, UINT64_MAX, ev.size, walk_inside, w);
		}
		at += ev.size;
	}
}

/* False: the file is not there, or no binary log. The name without ".gz" is that of the log. */
static inline bool walk_log(struct walk *w, FILE *f, const char *path)
{
	size_t len;
	uint8_t *bytes = walk_read(f, &len);
	const char *slash = strrchr(path, '/');
	char name[256];
	if (!bytes)
		return false;
	snprintf(name, sizeof(name), "%s", slash ? slash + 1 : path);
	size_t n = strlen(name);
	if (n > 3 && strcmp(name + n - 3, ".gz") == 0)
		name[n - 3] = 0;
	w->file = name;
	mysql_format_init(&w->format);
	static const uint8_t magic[4] = {0xfe, 'b', 'i', 'n'};
	bool ok = len > 4 && memcmp(bytes, magic, 4) == 0;
	if (ok)
		walk_events(w, slice_of(bytes + 4, len - 4), 4, false);
	free(bytes);
	return ok;
}

/* Of the shared data. */
static inline bool walk_file(struct walk *w, const char *path)
{
	return walk_log(w, pairs_open_shared(path), path);
}

#endif
