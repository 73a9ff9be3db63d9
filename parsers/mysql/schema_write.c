/* A schema as text. Contract: schema_text.h. */
#include "parsers/mysql/schema_text.h"

#include <stdlib.h>

#include "dataplane/base/mem.h"
#include "dataplane/base/text.h"
#include "parsers/mysql/schema_priv.h"

/* ---- text ---- */

static void put(struct mysql_schema_text *o, const void *bytes, size_t len)
{
	o->full = o->full || len > o->cap - o->len;
	if (o->full)
		return;
	memcpy(o->buf + o->len, bytes, len);
	o->len += len;
}

static void lit(struct mysql_schema_text *o, const char *text)
{
	put(o, text, strlen(text));
}

static void number(struct mysql_schema_text *o, uint64_t v)
{
	char digits[20];
	put(o, digits, text_put_u64(digits, v));
}

static void hex(struct mysql_schema_text *o, uint64_t v)
{
	char digits[16];
	put(o, digits, text_put_hex64(digits, v));
}

static void place(struct mysql_schema_text *o, uint64_t at)
{
	number(o, at >> 40);
	lit(o, ":");
	number(o, at & 0xffffffffffull);
}

/* A name in backquotes, or a label in quotes: quotes double, and in labels backslashes too. */
static void quoted(struct mysql_schema_text *o, struct slice s, char quote)
{
	put(o, &quote, 1);
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] == quote || (quote == '\'' && s.ptr[i] == '\\'))
			put(o, &s.ptr[i], 1);
		put(o, &s.ptr[i], 1);
	}
	put(o, &quote, 1);
}

static void charset(struct mysql_schema_text *o, uint8_t cs, uint8_t char_bytes_max)
{
	bool mb3 = cs == MYSQL_CS_UTF8 && char_bytes_max == 3;
	lit(o, mb3 ? "utf8mb3" : mysql_charset_name(cs));
}

/* ---- columns ---- */

static const char *const type_names[MYSQL_N_DECL] = {
	[MYSQL_DECL_OTHER] = "other",       [MYSQL_DECL_TINYINT] = "tinyint",
	[MYSQL_DECL_SMALLINT] = "smallint", [MYSQL_DECL_MEDIUMINT] = "mediumint",
	[MYSQL_DECL_INT] = "int",           [MYSQL_DECL_BIGINT] = "bigint",
	[MYSQL_DECL_DECIMAL] = "decimal",   [MYSQL_DECL_FLOAT] = "float",
	[MYSQL_DECL_DOUBLE] = "double",     [MYSQL_DECL_BIT] = "bit",
	[MYSQL_DECL_DATE] = "date",         [MYSQL_DECL_TIME] = "time",
	[MYSQL_DECL_DATETIME] = "datetime", [MYSQL_DECL_TIMESTAMP] = "timestamp",
	[MYSQL_DECL_YEAR] = "year",         [MYSQL_DECL_CHAR] = "char",
	[MYSQL_DECL_VARCHAR] = "varchar",   [MYSQL_DECL_TINYTEXT] = "tinytext",
	[MYSQL_DECL_TEXT] = "text",         [MYSQL_DECL_MEDIUMTEXT] = "mediumtext",
	[MYSQL_DECL_LONGTEXT] = "longtext", [MYSQL_DECL_ENUM] = "enum",
	[MYSQL_DECL_SET] = "set",           [MYSQL_DECL_JSON] = "json",
	[MYSQL_DECL_GEOMETRY] = "geometry", [MYSQL_DECL_VECTOR] = "vector",
	[MYSQL_DECL_UUID] = "uuid",         [MYSQL_DECL_INET4] = "inet4",
	[MYSQL_DECL_INET6] = "inet6",
};

static void labels(struct mysql_schema_text *o, const struct mysql_schema_table *t, uint32_t col)
{
	lit(o, "(");
	for (uint32_t i = 0; i < t->cols[col].n_labels; i++) {
		lit(o, i ? "," : "");
		quoted(o, mysql_schema_label(t, col, i), '\'');
	}
	/* A list without labels is none that SQL has, and is read as "unknown". */
	lit(o, ")");
}

/* Lengths as they are read back: of temporal types the one number is that of the fraction. */
static void lengths(struct mysql_schema_text *o, const struct mysql_schema_col *c)
{
	bool temporal = c->decl == MYSQL_DECL_TIME || c->decl == MYSQL_DECL_DATETIME ||
			c->decl == MYSQL_DECL_TIMESTAMP;
	bool sized = c->decl == MYSQL_DECL_CHAR || c->decl == MYSQL_DECL_VARCHAR ||
		     c->decl == MYSQL_DECL_BIT;
	uint32_t length = temporal ? c->decimals : c->length;
	if (!length && !sized && (temporal || !c->decimals))
		return;
	lit(o, "(");
	number(o, length);
	if (!temporal && c->decimals) {
		lit(o, ",");
		number(o, c->decimals);
	}
	lit(o, ")");
}

static void column(struct mysql_schema_text *o, const struct mysql_schema_table *t, uint32_t i)
{
	const struct mysql_schema_col *c = &t->cols[i];
	lit(o, i ? ",\n  " : "\n  ");
	quoted(o, mysql_schema_name(t, i), '`');
	lit(o, " ");
	lit(o, type_names[c->decl]);
	if (c->decl == MYSQL_DECL_ENUM || c->decl == MYSQL_DECL_SET)
		labels(o, t, i);
	else
		lengths(o, c);
	if (c->flags & MYSQL_COL_UNSIGNED)
		lit(o, " unsigned");
	if (c->charset == MYSQL_CS_UNKNOWN)
		return;
	lit(o, " CHARACTER SET ");
	charset(o, c->charset, c->char_bytes_max);
}

/* Would this column not be read back as it is? */
static bool needs_note(const struct mysql_schema_col *c)
{
	enum mysql_charset cs;
	uint8_t bytes;
	if (c->flags & ~(MYSQL_COL_UNSIGNED | MYSQL_COL_KEY))
		return true;
	if (c->charset == MYSQL_CS_UNKNOWN)
		return c->decl == MYSQL_DECL_CHAR || c->decl == MYSQL_DECL_JSON ||
		       (c->decl >= MYSQL_DECL_VARCHAR && c->decl <= MYSQL_DECL_SET) ||
		       c->char_bytes_max;
	if (c->charset == MYSQL_CS_UTF8)
		return c->char_bytes_max != 3 && c->char_bytes_max != 4;
	return !schema_charset_named(slice_str(mysql_charset_name(c->charset)), &cs, &bytes) ||
	       cs != c->charset || bytes != c->char_bytes_max;
}

/* The two columns of system versioning are added again when the statement is read. */
static uint32_t columns_told(const struct mysql_schema_table *t)
{
	return t->flags & SCHEMA_SYSTEM_VERSIONED ? t->n_cols - 2 : t->n_cols;
}

static void notes(struct mysql_schema_text *o, const struct mysql_schema_table *t)
{
	bool any = false;
	lit(o, " flags ");
	number(o, t->flags);
	for (uint32_t i = 0; i < columns_told(t); i++) {
		const struct mysql_schema_col *c = &t->cols[i];
		if (!needs_note(c))
			continue;
		lit(o, any ? "," : " columns ");
		any = true;
		number(o, i + 1);
		lit(o, "=");
		number(o, c->flags & ~(uint64_t)MYSQL_COL_KEY);
		lit(o, ":");
		number(o, c->char_bytes_max);
		lit(o, c->charset == MYSQL_CS_UNKNOWN ? "?" : "");
	}
}

/* ---- versions ---- */

static void table_name(struct mysql_schema_text *o, const struct mysql_schema_table *t)
{
	const uint8_t *key = (const uint8_t *)t + t->key_off;
	quoted(o, slice_of(key, t->db_len), '`');
	if (t->name_len == 0)
		return;
	lit(o, ".");
	quoted(o, slice_of(key + t->db_len, t->name_len), '`');
}

static void primary_key(struct mysql_schema_text *o, const struct mysql_schema_table *t)
{
	bool any = false;
	for (uint32_t i = 0; i < columns_told(t); i++) {
		if (!(t->cols[i].flags & MYSQL_COL_KEY))
			continue;
		lit(o, any ? "," : ",\n  PRIMARY KEY (");
		quoted(o, mysql_schema_name(t, i), '`');
		any = true;
	}
	lit(o, any ? ")" : "");
}

static void create_table(struct mysql_schema_text *o, const struct mysql_schema_table *t)
{
	lit(o, "CREATE TABLE ");
	table_name(o, t);
	lit(o, " (");
	for (uint32_t i = 0; i < columns_told(t); i++)
		column(o, t, i);
	primary_key(o, t);
	lit(o, "\n)");
	if (t->charset != MYSQL_CS_UNKNOWN) {
		lit(o, " DEFAULT CHARSET=");
		charset(o, t->charset, t->char_bytes_max);
	}
	if (t->flags & SCHEMA_SYSTEM_VERSIONED)
		lit(o, " WITH SYSTEM VERSIONING");
}

struct slice mysql_schema_statement(const struct mysql_schema *sc,
				    const struct mysql_schema_table *t, uint8_t *out, size_t cap)
{
	struct mysql_schema_text o = {.buf = out, .cap = cap};
	if (sc->versions[t->version].log == 0)
		return (struct slice){0};
	create_table(&o, t);
	return slice_of(out, o.full ? 0 : o.len);
}

static void database(struct mysql_schema_text *o, const struct mysql_schema_table *t)
{
	bool gone = t->flags & SCHEMA_GONE, charset_told = t->charset != MYSQL_CS_UNKNOWN;
	lit(o, !gone          ? "CREATE DATABASE "
	       : charset_told ? "CREATE OR REPLACE DATABASE "
			      : "DROP DATABASE ");
	table_name(o, t);
	if (!charset_told)
		return;
	lit(o, " DEFAULT CHARACTER SET ");
	charset(o, t->charset, t->char_bytes_max);
}

static void version(struct mysql_schema_text *o, const struct mysql_schema *sc, uint32_t v)
{
	const struct schema_version *ver = &sc->versions[v];
	const struct mysql_schema_table *t = schema_block(sc, v);
	bool known = t->flags & SCHEMA_KNOWN, is_db = t->name_len == 0;
	lit(o, is_db                    ? "-- @database "
	       : known                  ? "-- @table "
	       : t->flags & SCHEMA_GONE ? "-- @gone "
					: "-- @unknown ");
	place(o, ver->from);
	if (is_db && ver->dropped_at) {
		lit(o, " dropped ");
		place(o, ver->dropped_at);
	}
	if (known && !is_db)
		notes(o, t);
	if (ver->truncated)
		lit(o, " truncated");
	lit(o, "\n");
	if (is_db) {
		database(o, t);
	} else if (known) {
		create_table(o, t);
	} else {
		lit(o, "DROP TABLE ");
		table_name(o, t);
	}
	lit(o, ";\n");
}

/* ---- all of them ---- */

struct item {
	const struct mysql_schema *sc;
	uint32_t v;
};

static int compare(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

/* By log and place; a statement's tables by their names. */
static int in_order(const void *a, const void *b)
{
	const struct item *x = a, *y = b;
	const struct schema_version *vx = &x->sc->versions[x->v], *vy = &y->sc->versions[y->v];
	const struct mysql_schema_table *tx = schema_block(x->sc, x->v);
	const struct mysql_schema_table *ty = schema_block(y->sc, y->v);
	int r = compare(vx->log, vy->log);
	if (r == 0)
		r = compare(vx->from, vy->from);
	size_t nx = (size_t)tx->db_len + tx->name_len, ny = (size_t)ty->db_len + ty->name_len;
	if (r == 0)
		r = memcmp((const uint8_t *)tx + tx->key_off, (const uint8_t *)ty + ty->key_off,
			   nx < ny ? nx : ny);
	if (r == 0)
		r = compare(nx, ny);
	return r ? r : compare(tx->db_len, ty->db_len);
}

static void put_log(struct mysql_schema_text *o, const struct mysql_schema_log *l)
{
	lit(o, "-- @log ");
	hex(o, l->log);
	lit(o, " at ");
	hex(o, l->server);
	lit(o, " server_id ");
	number(o, l->server_id);
	lit(o, " followed ");
	place(o, l->followed);
	lit(o, "\n");
}

int mysql_schema_write(const struct mysql_schema *sc, const struct mysql_schema_log *logs,
		       size_t n_logs, struct mysql_schema_text *out)
{
	size_t n = 0;
	struct item *items = mem_alloc((sc->n_versions + 1) * sizeof(*items));
	if (!items)
		return -ENOMEM;
	for (uint32_t v = 0; v < sc->n_versions; v++)
		if (sc->versions[v].block && sc->versions[v].log)
			items[n++] = (struct item){sc, v};
	qsort(items, n, sizeof(*items), in_order);
	lit(out,
	    "-- sluice mysql schema 1\n"
	    "-- Tables as DDL on the wire has made them; docs/protocols.md tells of this file. "
	    "sluiced writes it anew.\n");
	for (size_t i = 0; i < n_logs; i++)
		put_log(out, &logs[i]);
	uint64_t log = 0;
	for (size_t i = 0; i < n; i++) {
		uint64_t of = sc->versions[items[i].v].log;
		if (of != log) {
			lit(out, "-- @in ");
			hex(out, of);
			lit(out, "\n");
		}
		log = of;
		version(out, sc, items[i].v);
	}
	lit(out, "-- @end ");
	number(out, n);
	lit(out, "\n");
	mem_free(items);
	return 0;
}
