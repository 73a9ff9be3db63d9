/* binlog_dump FILE... - every event of binary logs as one JSON line: what binlog_oracle.py compares
 * with other readers of the same files. Rows are as the library writes them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/rec/json_text.h"
#include "parsers/mysql/row.h"
#include "tests/support/payload_walk.h"

#define BYTES_MAX (64u << 20)
#define N_TABLES  64

struct dump {
	struct mysql_format format;
	struct mysql_decoder dec;
	struct mysql_table *tables[N_TABLES];
	uint64_t *slots[N_TABLES];
	unsigned next_table;
	struct mysql_out out;
	bool inside; /* of a transaction payload */
	size_t pos_inside;
};

#define SLOT_BYTES (1u << 20)

static void put_text(const char *name, struct slice s)
{
	static uint8_t text[1 << 22];
	bool invalid = false;
	if (s.len > sizeof(text) / 6)
		s.len = sizeof(text) / 6;
	size_t n = json_text_put(text, s.ptr, s.len, &invalid);
	printf(",\"%s\":\"%.*s\"", name, (int)n, (char *)text);
}

static struct mysql_table *find(struct dump *d, uint64_t id)
{
	for (unsigned i = 0; i < N_TABLES; i++)
		if (d->tables[i] && d->tables[i]->id == id)
			return d->tables[i];
	return NULL;
}

static enum mysql_fault dump_table(struct dump *d, const struct mysql_event *ev)
{
	uint64_t id;
	struct slice db, name;
	struct mysql_table *t;
	enum mysql_fault fault = mysql_table_name(ev, &d->format, &id, &db, &name);
	if (fault)
		return fault;
	unsigned at = d->next_table;
	for (unsigned i = 0; i < N_TABLES; i++)
		if (d->tables[i] && d->tables[i]->id == id)
			at = i;
	if (at == d->next_table)
		d->next_table = (d->next_table + 1) % N_TABLES;
	d->tables[at] = NULL;
	fault = mysql_table_parse(ev, &d->format, d->dec.charsets, NULL, 0, d->slots[at],
				  SLOT_BYTES, &t);
	if (fault)
		return fault;
	d->tables[at] = t;
	put_text("db", t->db);
	put_text("table", t->name);
	printf(",\"id\":%llu,\"named\":%s,\"typed\":%s,\"columns\":[", (unsigned long long)t->id,
	       t->named ? "true" : "false", t->typed ? "true" : "false");
	for (unsigned i = 0; i < t->n_columns; i++) {
		struct mysql_column *c = &t->columns[i];
		printf("%s{\"type\":%u,\"cs\":\"%s\",\"unsigned\":%s,\"bytes\":%u,\"frac\":%u,"
		       "\"labels\":%u,\"key\":%s,\"invisible\":%s",
		       i ? "," : "", c->type, mysql_charset_name((enum mysql_charset)c->charset),
		       c->is_unsigned ? "true" : "false", c->fixed ? c->fixed : c->bytes_max,
		       c->frac, c->n_labels, c->in_key ? "true" : "false",
		       c->invisible ? "true" : "false");
		put_text("name", slice_of(c->name, c->name_len));
		printf("}");
	}
	printf("]");
	return MYSQL_F_OK;
}

static enum mysql_fault dump_image(struct dump *d, const struct mysql_table *t,
				   const struct mysql_rows *r, const struct mysql_row *row,
				   enum mysql_side side)
{
	d->out.len = 0;
	enum mysql_fault fault = mysql_row_json(&d->dec, t, r, row, side, &d->out);
	printf(",\"%s\":%.*s", side == MYSQL_AFTER ? "after" : "before",
	       fault ? 4 : (int)d->out.len, fault ? "null" : (char *)d->out.buf);
	return fault;
}

static enum mysql_fault dump_rows(struct dump *d, const struct mysql_event *ev)
{
	static struct mysql_rows r;
	struct mysql_row row;
	enum mysql_fault fault = mysql_rows_begin(ev, &d->format, d->dec.unpack, &r);
	if (fault)
		return fault;
	struct mysql_table *t = find(d, r.table_id);
	printf(",\"id\":%llu,\"op\":%u,\"rows\":[", (unsigned long long)r.table_id, r.op);
	bool first = true;
	if (!t && r.data.len)
		fault = MYSQL_F_TABLE;
	while (!fault && t && (fault = mysql_rows_next(&r, t, &row)) == MYSQL_F_OK) {
		printf("%s{\"row\":1", first ? "" : ",");
		first = false;
		fault = dump_image(d, t, &r, &row, MYSQL_BEFORE);
		if (!fault)
			fault = dump_image(d, t, &r, &row, MYSQL_AFTER);
		printf("}");
	}
	printf("]");
	if (d->out.guessed)
		printf(",\"guessed\":true");
	if (d->out.invalid_text)
		printf(",\"invalid_text\":true");
	d->out.guessed = d->out.invalid_text = false;
	return fault == MYSQL_F_END ? MYSQL_F_OK : fault;
}

static void dump_events(struct dump *d, struct slice s, size_t pos);

static void dump_inside(void *arg, struct slice event)
{
	dump_events(arg, event, ((struct dump *)arg)->pos_inside);
	((struct dump *)arg)->pos_inside += event.len;
}

static enum mysql_fault dump_body(struct dump *d, const struct mysql_event *ev)
{
	enum mysql_fault fault = MYSQL_F_OK;
	struct mysql_query q;
	struct mysql_gtid g;
	struct slice s;
	uint64_t v;
	char text[MYSQL_GTID_TEXT_MAX];
	if (mysql_event_op(ev->type))
		return dump_rows(d, ev);
	switch (ev->type) {
	case MYSQL_EV_FORMAT:
		fault = mysql_format_parse(ev, &d->format);
		put_text("version", slice_str(d->format.server_version));
		return fault;
	case MYSQL_EV_TABLE_MAP:
		return dump_table(d, ev);
	case MYSQL_EV_QUERY:
	case MYSQL_EV_QUERY_COMPRESSED:
	case MYSQL_EV_EXECUTE_LOAD_QUERY:
		fault = mysql_query_parse(ev, &d->format, d->dec.unpack, &q);
		if (!fault) {
			put_text("db", q.db);
			put_text("sql", q.sql);
			printf(",\"collation\":%u,\"thread\":%u", q.collation, q.thread_id);
		}
		return fault;
	case MYSQL_EV_ROTATE:
		fault = mysql_rotate_parse(ev, &s, &v);
		if (!fault)
			put_text("file", s);
		return fault;
	case MYSQL_EV_XID:
		if (ev->body.len < 8)
			return MYSQL_F_BODY;
		memcpy(&v, ev->body.ptr, 8);
		printf(",\"xid\":%llu", (unsigned long long)v);
		return MYSQL_F_OK;
	case MYSQL_EV_ROWS_QUERY:
	case MYSQL_EV_ANNOTATE_ROWS:
		fault = mysql_rows_query_parse(ev, &s);
		if (!fault)
			put_text("sql", s);
		return fault;
	case MYSQL_EV_GTID:
	case MYSQL_EV_ANONYMOUS_GTID:
	case MYSQL_EV_GTID_TAGGED:
	case MYSQL_EV_MARIA_GTID:
		fault = mysql_gtid_parse(ev, &g);
		if (!fault) {
			put_text("gtid", slice_of(text, mysql_gtid_text(&g, text)));
			printf(",\"last_committed\":%lld,\"sequence\":%lld,\"commit_us\":%llu,"
			       "\"original_us\":%llu,\"len\":%llu",
			       (long long)g.last_committed, (long long)g.sequence_number,
			       (unsigned long long)g.immediate_commit_us,
			       (unsigned long long)g.original_commit_us,
			       (unsigned long long)g.transaction_len);
		}
		return fault;
	case MYSQL_EV_START_ENCRYPTION:
		return MYSQL_F_ENCRYPTED;
	default:
		return mysql_event_name(ev->type) ? MYSQL_F_OK : MYSQL_F_TYPE;
	}
}

static void dump_events(struct dump *d, struct slice s, size_t pos)
{
	struct mysql_event ev;
	while (s.len) {
		enum mysql_fault fault = mysql_event_parse(s, &d->format, &ev);
		if (fault) {
			printf("{\"stop\":\"%s\",\"pos\":%zu}\n", mysql_fault_text(fault), pos);
			return;
		}
		const char *name = mysql_event_name(ev.type);
		printf("{\"event\":\"%s\",\"type\":%u,\"pos\":%zu,\"ts\":%u,\"server_id\":%u,"
		       "\"size\":%u,\"next_pos\":%u,\"flags\":%u,\"inside\":%s,\"sum\":%s",
		       name ? name : "?", ev.type, pos, ev.time_s, ev.server_id, ev.size,
		       ev.log_pos, ev.flags, d->inside ? "true" : "false",
		       !ev.has_crc               ? "null"
		       : mysql_event_sum_ok(&ev) ? "true"
						 : "false");
		fault = dump_body(d, &ev);
		if (fault)
			printf(",\"fault\":\"%s\"", mysql_fault_text(fault));
		printf("}\n");
		if (ev.type == MYSQL_EV_TRANSACTION_PAYLOAD && !d->inside) {
			bool sum = d->format.checksum;
			d->format.checksum = false;
			d->inside = true;
			d->pos_inside = 0;
			fault = payload_walk(&ev, BYTES_MAX, ev.size, dump_inside, d);
			if (fault != MYSQL_F_END)
				printf("{\"stop\":\"%s\"}\n", mysql_fault_text(fault));
			d->inside = false;
			d->format.checksum = sum;
		}
		if (fault == MYSQL_F_ENCRYPTED)
			return;
		s = slice_from(s, ev.size);
		pos += ev.size;
	}
}

static int dump_file(struct dump *d, const char *path)
{
	FILE *f = fopen(path, "rb");
	uint8_t *buf = malloc(BYTES_MAX + SL_PAD);
	size_t len = f && buf ? fread(buf, 1, BYTES_MAX, f) : 0;
	if (f)
		fclose(f);
	if (len < 4 || memcmp(buf, "\xfe\x62\x69\x6e", 4) != 0) {
		fprintf(stderr, "%s: no binary log\n", path);
		free(buf);
		return 1;
	}
	mysql_format_init(&d->format);
	memset(d->tables, 0, sizeof(d->tables));
	dump_events(d, (struct slice){buf + 4, len - 4}, 4);
	free(buf);
	return 0;
}

int main(int argc, char **argv)
{
	static struct dump d;
	int bad = 0;
	if (mysql_unpack_create(BYTES_MAX, &d.dec.unpack)) {
		fprintf(stderr, "binlog_dump: no memory\n");
		return 2;
	}
	d.dec.charsets = &mysql_charsets;
	d.out = (struct mysql_out){.buf = malloc(BYTES_MAX + SL_PAD), .cap = BYTES_MAX};
	for (unsigned i = 0; i < N_TABLES; i++)
		d.slots[i] = malloc(SLOT_BYTES + SL_PAD);
	for (int i = 1; i < argc; i++)
		bad |= dump_file(&d, argv[i]);
	for (unsigned i = 0; i < N_TABLES; i++)
		free(d.slots[i]);
	free(d.out.buf);
	mysql_unpack_destroy(d.dec.unpack);
	return bad;
}
