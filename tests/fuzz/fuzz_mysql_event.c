/* A binary log of any bytes, behind its magic number: every event, table and row of it. The first
 * byte says whether checksums are on before the first format description, and whether the server
 * is MariaDB.
 */
#include <stdlib.h>

#include "dataplane/rec/json_text.h"
#include "parsers/mysql/row.h"
#include "tests/support/payload_walk.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len);

#define INPUT_MAX 65536
#define UNPACKED  (1u << 20)
#define TEXT_MAX  (1u << 20)
#define N_TABLES  8
#define SLOT      (256u << 10)

struct world {
	struct mysql_decoder dec;
	struct mysql_format format;
	struct mysql_table *tables[N_TABLES];
	uint8_t *slots[N_TABLES], *text;
	unsigned next, rows_left;
};

static struct world w;

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void begin(void)
{
	must(mysql_unpack_create(UNPACKED, &w.dec.unpack) == 0);
	w.dec.charsets = &mysql_charsets;
	for (int i = 0; i < N_TABLES; i++)
		must((w.slots[i] = malloc(SLOT + SL_PAD)) != NULL);
	must((w.text = malloc(TEXT_MAX + SL_PAD)) != NULL);
}

/* Small slots on purpose: a table that does not fit is one of the outcomes. */
static void read_table(const struct mysql_event *ev, size_t cap)
{
	unsigned at = w.next++ % N_TABLES;
	w.tables[at] = NULL;
	enum mysql_fault f = mysql_table_parse(ev, &w.format, w.dec.charsets, NULL, 0, w.slots[at],
					       cap, &w.tables[at]);
	must(!f == (w.tables[at] != NULL));
}

static void read_rows(const struct mysql_event *ev)
{
	static struct mysql_rows r;
	struct mysql_row row;
	if (mysql_rows_begin(ev, &w.format, w.dec.unpack, &r))
		return;
	for (int i = 0; i < N_TABLES; i++) {
		struct mysql_table *t = w.tables[i];
		if (!t || t->id != r.table_id)
			continue;
		size_t before = r.data.len;
		while (w.rows_left && mysql_rows_next(&r, t, &row) == MYSQL_F_OK) {
			must(row.bytes.len == (size_t)row.len[0] + row.len[1]);
			must(r.data.len + row.bytes.len == before);
			before = r.data.len;
			w.rows_left--;
			for (int side = MYSQL_BEFORE; side <= MYSQL_AFTER; side++) {
				struct mysql_out out = {.buf = w.text, .cap = TEXT_MAX};
				enum mysql_fault f = mysql_row_json(&w.dec, t, &r, &row,
								    (enum mysql_side)side, &out);
				must(out.len <= out.cap && (!f || out.len == 0));
				must(f || out.len >= 2);
			}
		}
		return;
	}
}

static void read_events(struct slice s, bool inside);

static void sum_inside(void *arg, struct slice event)
{
	*(size_t *)arg += event.len + event.ptr[4];
}

static void read_inside(void *arg, struct slice event)
{
	(void)arg;
	must(event.len >= MYSQL_EVENT_HEADER_LEN);
	read_events(event, true);
}

static void read_event(const struct mysql_event *ev, bool inside)
{
	struct slice a;
	struct mysql_query q;
	struct mysql_gtid g;
	uint64_t v;
	char text[MYSQL_GTID_TEXT_MAX];
	mysql_event_sum_ok(ev);
	mysql_format_parse(ev, &w.format);
	mysql_rotate_parse(ev, &a, &v);
	mysql_rows_query_parse(ev, &a);
	mysql_query_parse(ev, &w.format, w.dec.unpack, &q);
	if (mysql_gtid_parse(ev, &g) == MYSQL_F_OK)
		must(mysql_gtid_text(&g, text) <= sizeof(text));
	if (ev->type == MYSQL_EV_TABLE_MAP)
		read_table(ev, ev->flags & 1 ? 512 : SLOT);
	else if (ev->type == MYSQL_EV_TRANSACTION_PAYLOAD && !inside) {
		size_t n[2] = {0, 0};
		enum mysql_fault f = payload_walk(ev, UNPACKED, ev->size, sum_inside, &n[0]);
		must(payload_walk(ev, UNPACKED, 1 + ev->size % 5, sum_inside, &n[1]) == f);
		must(n[0] == n[1]);
		payload_walk(ev, UNPACKED, ev->size, read_inside, NULL);
	} else if (mysql_event_op(ev->type)) {
		read_rows(ev);
	}
}

static void read_events(struct slice s, bool inside)
{
	struct mysql_event ev;
	unsigned n = 0;
	while (s.len && n++ < 2000 && mysql_event_parse(s, &w.format, &ev) == MYSQL_F_OK) {
		must(ev.size >= MYSQL_EVENT_HEADER_LEN && ev.size <= s.len);
		if (ev.type == MYSQL_EV_FORMAT || w.rows_left)
			read_event(&ev, inside);
		s = slice_from(s, ev.size);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	if (!w.text)
		begin();
	if (len < 1 || len > INPUT_MAX)
		return 0;
	mysql_format_init(&w.format);
	w.format.checksum = p[0] & 1;
	w.format.mariadb = p[0] & 2;
	memset(w.tables, 0, sizeof(w.tables));
	w.next = 0;
	w.rows_left = 200;
	uint8_t *copy = malloc(len - 1 + SL_PAD);
	must(copy != NULL);
	memcpy(copy, p + 1, len - 1);
	read_events((struct slice){copy, len - 1}, false);
	free(copy);
	return 0;
}
