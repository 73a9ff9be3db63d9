/* Statements of any bytes, separated by NUL, as a log: what was known at a place stays, also when
 * the log is read again, and when it was written as text and read back. The first byte says with
 * which charset and mode, and whether a dump comes first, or the whole is such a text.
 */
#include <stdlib.h>

#include "parsers/mysql/ddl.h"
#include "parsers/mysql/schema_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len);

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void check_table(const struct mysql_schema_table *t)
{
	must(t->n_cols > 0 && t->n_cols <= MYSQL_COLUMNS_MAX);
	for (uint32_t i = 0; i < t->n_cols; i++) {
		struct slice name = mysql_schema_name(t, i);
		must(name.len > 0);
		must(name.ptr + name.len <= (const uint8_t *)t + t->bytes);
		for (uint32_t l = 0; l < t->cols[i].n_labels; l++) {
			struct slice label = mysql_schema_label(t, i, l);
			must(label.ptr + label.len <= (const uint8_t *)t + t->bytes);
		}
	}
}

/* A table map of any bytes, of as many columns: fitting or not, nothing beyond it is read. */
static void check_map(const struct mysql_schema_table *t, struct slice bytes)
{
	static struct mysql_column_def defs[MYSQL_COLUMNS_MAX];
	static struct slice labels[256];
	struct mysql_schema_mismatch m;
	if (bytes.len < t->n_cols)
		return;
	struct mysql_schema_seen seen = {
		.n_cols = t->n_cols, .types = bytes.ptr, .metadata = slice_from(bytes, t->n_cols)};
	if (mysql_schema_fits(t, &seen, &m))
		must(mysql_schema_defs(t, &seen, defs, labels, 256) == t->n_cols);
	else
		must(m.what != NULL);
}

/* A number for what is known of some tables at a place. */
static uint64_t look(struct mysql_schema *sc, uint64_t place, struct slice bytes)
{
	static const char *const names[] = {"t", "u", "v", "a", "b"};
	uint64_t sum = 0;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const struct mysql_schema_table *t =
			mysql_schema_find(sc, 1, place, SLICE_LIT("d"), slice_str(names[i]));
		sum = sum * 31 + (t ? t->n_cols : 0);
		if (t) {
			check_table(t);
			check_map(t, bytes);
		}
	}
	return sum;
}

/* Applies all statements; returns what is known behind each of them, as one number. */
static uint64_t read_log(struct mysql_schema *sc, struct mysql_ddl *q, struct slice log)
{
	uint64_t sum = 0;
	q->place = 1000;
	while (log.len) {
		const uint8_t *end = memchr(log.ptr, 0, log.len);
		size_t n = end ? (size_t)(end - log.ptr) : log.len;
		const char *why;
		q->sql = slice_of(log.ptr, n);
		q->place += 100;
		enum mysql_ddl_result r = mysql_ddl_apply(sc, q, &why);
		must(r == MYSQL_DDL_UNKNOWN || !why);
		sum = sum * 131 + look(sc, q->place, q->sql);
		log = slice_from(log, end ? n + 1 : n);
	}
	return sum;
}

/* What is known at all places of a log that was read, as one number. */
static uint64_t look_back(struct mysql_schema *sc, uint64_t last)
{
	uint64_t sum = 0;
	for (uint64_t place = 1000; place <= last; place += 100)
		sum = sum * 131 + look(sc, place, slice_of(NULL, 0));
	return sum;
}

static void check_text(const struct mysql_schema_conf *conf, struct mysql_schema *sc, uint64_t last,
		       struct slice dump)
{
	static uint8_t buf[4 << 20];
	static struct mysql_schema_log logs[MYSQL_STATE_LOGS];
	struct mysql_schema_text t = {.buf = buf, .cap = sizeof(buf)};
	struct mysql_schema_loaded loaded;
	struct mysql_schema *other;
	size_t n;
	unsigned line;
	must(mysql_schema_write(sc, NULL, 0, &t) == 0);
	if (t.full)
		return;
	must(mysql_schema_create(conf, &other, NULL) == 0);
	if (dump.len)
		mysql_schema_load(other, dump, &loaded, NULL);
	must(mysql_schema_read(other, slice_of(buf, t.len), logs, &n, &line, NULL) == 0);
	must(look_back(other, last) == look_back(sc, last));
	mysql_schema_destroy(other);
}

static void read_any(struct mysql_schema *sc, struct slice text)
{
	static struct mysql_schema_log logs[MYSQL_STATE_LOGS];
	size_t n;
	unsigned line;
	if (mysql_schema_read(sc, text, logs, &n, &line, NULL) < 0)
		return;
	look(sc, UINT64_MAX, text);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	static const uint16_t collations[] = {0, 45, 28, 13, 8, 1, 248, 63};
	struct mysql_schema_conf conf = {.versions_max = 64, .bytes_max = 1 << 20};
	struct mysql_schema_loaded loaded;
	struct mysql_schema *sc;
	if (len < 2)
		return 0;
	conf.charsets = &mysql_charsets;
	conf.ignore_case = p[0] & 8;
	must(mysql_schema_create(&conf, &sc, NULL) == 0);
	struct mysql_ddl q = {.log = 1,
			      .db = SLICE_LIT("d"),
			      .server_charset = 45,
			      .client_charset = collations[p[0] & 7],
			      .error = p[0] & 64 ? 1317 : 0,
			      .sql_mode = p[0] & 16 ? MYSQL_MODE_ANSI_QUOTES : 0};
	struct slice text = slice_of(p + 1, len - 1);
	if (p[0] & 128)
		read_any(sc, text);
	if (p[0] & 32)
		mysql_schema_load(sc, text, &loaded, NULL);
	uint64_t first = read_log(sc, &q, text);
	if (mysql_schema_stats(sc)->forgotten == 0 && mysql_schema_stats(sc)->no_room == 0) {
		must(read_log(sc, &q, text) == first);
		if (!(p[0] & 128))
			check_text(&conf, sc, q.place, p[0] & 32 ? text : slice_of(NULL, 0));
	}
	mysql_schema_destroy(sc);
	return 0;
}
