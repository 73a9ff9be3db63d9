#include "dataplane/base/text.h"
#include "parsers/mysql/ddl_priv.h"

/* ---- names and labels ---- */

static bool all_ascii(const uint8_t *p, size_t len)
{
	uint8_t any = 0;
	for (size_t i = 0; i < len; i++)
		any |= p[i];
	return any < 0x80;
}

bool ddl_utf8(struct ddl *d, uint8_t *out, size_t cap, size_t *ret_len)
{
	uint8_t *plain = d->b->scratch;
	if (d->s.text.len > sizeof(d->b->scratch))
		return false;
	size_t len = sql_unquote(&d->s, plain);
	bool as_is = all_ascii(plain, len);
	if (!as_is && d->s.charset <= MYSQL_CS_UTF8) {
		as_is = text_utf8_valid(plain, len) == len;
		if (!as_is)
			return false;
	}
	if (as_is) {
		if (len > cap)
			return false;
		memcpy(out, plain, len);
		*ret_len = len;
		return true;
	}
	if (!d->sc->charsets || cap < MYSQL_UTF8_MAX)
		return false;
	struct slice left = slice_of(plain, len);
	bool invalid = false;
	*ret_len = mysql_charset_some(d->sc->charsets, d->s.charset, &left, out, cap, &invalid);
	return left.len == 0 && !invalid;
}

bool ddl_column_name(struct ddl *d, struct slice *ret)
{
	struct ddl_build *b = d->b;
	size_t room = BUILD_TEXT_BYTES - b->text_used, len;
	if (!sql_names(&d->s))
		return ddl_fail(d, "a column without a name");
	if (!ddl_utf8(d, b->text + b->text_used, room, &len) || len == 0 || len > BUILD_NAME_BYTES)
		return ddl_fail(d, "a name of a column that cannot be read");
	*ret = slice_of(b->text + b->text_used, len);
	b->text_used += (uint32_t)len;
	sql_next(&d->s);
	return true;
}

static bool label(struct ddl *d)
{
	struct ddl_build *b = d->b;
	size_t len;
	if (!sql_text(&d->s) || b->n_labels == BUILD_LABELS_MAX ||
	    !ddl_utf8(d, b->text + b->text_used, BUILD_TEXT_BYTES - b->text_used, &len))
		return false;
	struct mysql_schema_label *l = &b->labels[b->n_labels++];
	l->off = b->text_used;
	b->text_used += (uint32_t)len;
	/* As in a CHAR, blanks at the end do not count. */
	while (len > 0 && b->text[l->off + len - 1] == ' ')
		len--;
	l->len = (uint32_t)len;
	sql_next(&d->s);
	return true;
}

/* ('a','b'). Labels in another form (x'61', _latin1'a') leave the column with numbers. */
static void labels(struct ddl *d, struct mysql_schema_col *c)
{
	struct ddl_build *b = d->b;
	struct sql open = d->s;
	uint32_t first = b->n_labels;
	bool ok = sql_accept_punct(&d->s, '(');
	do
		ok = ok && label(d);
	while (ok && sql_accept_punct(&d->s, ','));
	uint32_t n = b->n_labels - first;
	if (ok && n <= (c->decl == MYSQL_DECL_SET ? 64 : 65535) && sql_accept_punct(&d->s, ')')) {
		c->labels_off = first;
		c->n_labels = (uint16_t)n;
		return;
	}
	b->n_labels = first;
	c->flags |= MYSQL_COL_LABELS_UNKNOWN;
	d->s = open;
	if (sql_punct(&d->s, '('))
		sql_skip(&d->s);
}

/* ---- charsets ---- */

static void charset_name(struct ddl *d, uint8_t *ret_cs, uint8_t *ret_bytes, bool *ret_told)
{
	uint8_t text[64];
	size_t len;
	enum mysql_charset cs = MYSQL_CS_UNKNOWN;
	uint8_t bytes = 0;
	sql_accept_punct(&d->s, '=');
	if (sql_is(&d->s, "default")) {
		sql_next(&d->s);
		return;
	}
	if ((sql_names(&d->s) || sql_text(&d->s)) && ddl_utf8(d, text, sizeof(text), &len)) {
		if (!schema_charset_named(slice_of(text, len), &cs, &bytes))
			cs = MYSQL_CS_UNKNOWN;
		/* A collation that does not name its charset goes with any. */
		if (cs != MYSQL_CS_UNKNOWN || len < 4 || memcmp(text, "uca1", 4) != 0) {
			*ret_cs = cs;
			*ret_bytes = bytes;
			*ret_told = true;
		}
	}
	sql_next(&d->s);
}

bool ddl_charset(struct ddl *d, uint8_t *ret_cs, uint8_t *ret_bytes, bool *ret_told)
{
	struct sql *s = &d->s;
	if (sql_accept(s, "charset") || sql_accept(s, "collate")) {
		charset_name(d, ret_cs, ret_bytes, ret_told);
		return true;
	}
	if ((sql_is(s, "character") || sql_is(s, "char")) && sql_next_is(s, "set")) {
		sql_next(s);
		sql_next(s);
		charset_name(d, ret_cs, ret_bytes, ret_told);
		return true;
	}
	return false;
}

/* ---- types ---- */

enum {
	T_UNSIGNED = 1,
	T_BINARY = 2,
	T_UTF8 = 4,     /* utf8mb4, whatever the table's default is */
	T_NATIONAL = 8, /* utf8mb3 */
};

struct type_word {
	const char *word;
	uint8_t decl, flags;
};

static const struct type_word type_words[] = {
	{"int", MYSQL_DECL_INT, 0},
	{"bigint", MYSQL_DECL_BIGINT, 0},
	{"varchar", MYSQL_DECL_VARCHAR, 0},
	{"tinyint", MYSQL_DECL_TINYINT, 0},
	{"datetime", MYSQL_DECL_DATETIME, 0},
	{"timestamp", MYSQL_DECL_TIMESTAMP, 0},
	{"char", MYSQL_DECL_CHAR, 0},
	{"text", MYSQL_DECL_TEXT, 0},
	{"decimal", MYSQL_DECL_DECIMAL, 0},
	{"enum", MYSQL_DECL_ENUM, 0},
	{"set", MYSQL_DECL_SET, 0},
	{"smallint", MYSQL_DECL_SMALLINT, 0},
	{"mediumint", MYSQL_DECL_MEDIUMINT, 0},
	{"integer", MYSQL_DECL_INT, 0},
	{"float", MYSQL_DECL_FLOAT, 0},
	{"double", MYSQL_DECL_DOUBLE, 0},
	{"date", MYSQL_DECL_DATE, 0},
	{"time", MYSQL_DECL_TIME, 0},
	{"year", MYSQL_DECL_YEAR, 0},
	{"json", MYSQL_DECL_JSON, T_UTF8},
	{"blob", MYSQL_DECL_TEXT, T_BINARY},
	{"binary", MYSQL_DECL_CHAR, T_BINARY},
	{"varbinary", MYSQL_DECL_VARCHAR, T_BINARY},
	{"tinytext", MYSQL_DECL_TINYTEXT, 0},
	{"mediumtext", MYSQL_DECL_MEDIUMTEXT, 0},
	{"longtext", MYSQL_DECL_LONGTEXT, 0},
	{"tinyblob", MYSQL_DECL_TINYTEXT, T_BINARY},
	{"mediumblob", MYSQL_DECL_MEDIUMTEXT, T_BINARY},
	{"longblob", MYSQL_DECL_LONGTEXT, T_BINARY},
	{"bit", MYSQL_DECL_BIT, T_UNSIGNED},
	{"bool", MYSQL_DECL_TINYINT, 0},
	{"boolean", MYSQL_DECL_TINYINT, 0},
	{"serial", MYSQL_DECL_BIGINT, T_UNSIGNED},
	{"numeric", MYSQL_DECL_DECIMAL, 0},
	{"dec", MYSQL_DECL_DECIMAL, 0},
	{"fixed", MYSQL_DECL_DECIMAL, 0},
	{"number", MYSQL_DECL_DECIMAL, 0},
	{"real", MYSQL_DECL_DOUBLE, 0},
	{"character", MYSQL_DECL_CHAR, 0},
	{"varcharacter", MYSQL_DECL_VARCHAR, 0},
	{"varchar2", MYSQL_DECL_VARCHAR, 0},
	{"nchar", MYSQL_DECL_CHAR, T_NATIONAL},
	{"nvarchar", MYSQL_DECL_VARCHAR, T_NATIONAL},
	{"clob", MYSQL_DECL_LONGTEXT, 0},
	{"raw", MYSQL_DECL_VARCHAR, T_BINARY},
	{"int1", MYSQL_DECL_TINYINT, 0},
	{"int2", MYSQL_DECL_SMALLINT, 0},
	{"int3", MYSQL_DECL_MEDIUMINT, 0},
	{"int4", MYSQL_DECL_INT, 0},
	{"int8", MYSQL_DECL_BIGINT, 0},
	{"middleint", MYSQL_DECL_MEDIUMINT, 0},
	{"float4", MYSQL_DECL_FLOAT, 0},
	{"float8", MYSQL_DECL_DOUBLE, 0},
	{"geometry", MYSQL_DECL_GEOMETRY, 0},
	{"point", MYSQL_DECL_GEOMETRY, 0},
	{"linestring", MYSQL_DECL_GEOMETRY, 0},
	{"polygon", MYSQL_DECL_GEOMETRY, 0},
	{"multipoint", MYSQL_DECL_GEOMETRY, 0},
	{"multilinestring", MYSQL_DECL_GEOMETRY, 0},
	{"multipolygon", MYSQL_DECL_GEOMETRY, 0},
	{"geometrycollection", MYSQL_DECL_GEOMETRY, 0},
	{"geomcollection", MYSQL_DECL_GEOMETRY, 0},
	{"vector", MYSQL_DECL_VECTOR, 0},
	{"uuid", MYSQL_DECL_UUID, 0},
	{"inet4", MYSQL_DECL_INET4, 0},
	{"inet6", MYSQL_DECL_INET6, 0},
};

/* Words in front of the type's word: *ret_national, and LONG, which is a type of its own. */
static bool long_type(struct ddl *d, struct type_word *ret)
{
	struct sql *s = &d->s;
	*ret = (struct type_word){"long", MYSQL_DECL_MEDIUMTEXT, 0};
	if (sql_accept(s, "varbinary"))
		ret->flags = T_BINARY;
	else if (sql_accept(s, "varchar") || sql_accept(s, "varcharacter"))
		return true;
	else if ((sql_is(s, "char") || sql_is(s, "character")) && sql_next_is(s, "varying")) {
		sql_next(s);
		sql_next(s);
	}
	return true;
}

/* Reads the word or words of the type; MYSQL_DECL_OTHER when it is not in the table. */
static bool type_word(struct ddl *d, struct type_word *ret)
{
	struct sql *s = &d->s;
	bool national = sql_accept(s, "national");
	*ret = (struct type_word){"", MYSQL_DECL_OTHER, 0};
	if (s->kind != SQL_WORD)
		return ddl_fail(d, "a column without a type");
	if (sql_next_punct(s, '.')) { /* mariadb_schema.date */
		sql_next(s);
		sql_next(s);
	}
	if (sql_accept(s, "long"))
		return long_type(d, ret);
	for (size_t i = 0; i < sizeof(type_words) / sizeof(type_words[0]); i++) {
		if (sql_is(s, type_words[i].word)) {
			*ret = type_words[i];
			break;
		}
	}
	sql_next(s);
	if (ret->decl == MYSQL_DECL_CHAR && !(ret->flags & T_BINARY)) {
		if (sql_accept(s, "varying") ||
		    ((national || ret->flags & T_NATIONAL) && sql_accept(s, "varchar")))
			ret->decl = MYSQL_DECL_VARCHAR;
	}
	if (ret->decl == MYSQL_DECL_DOUBLE)
		sql_accept(s, "precision");
	if (national)
		ret->flags |= T_NATIONAL;
	return true;
}

static uint32_t number(struct ddl *d)
{
	uint64_t v;
	if (d->s.kind != SQL_NUMBER || !text_u64(d->s.text, &v) || v > UINT32_MAX)
		return 0;
	return (uint32_t)v;
}

/* (10), (10,2). Returns how many there were. */
static unsigned lengths(struct ddl *d, struct mysql_schema_col *c)
{
	struct sql open = d->s;
	unsigned n = 0;
	if (!sql_accept_punct(&d->s, '('))
		return 0;
	c->length = number(d);
	n += d->s.kind == SQL_NUMBER;
	if (n && sql_next_punct(&d->s, ',')) {
		sql_next(&d->s);
		sql_next(&d->s);
		uint32_t decimals = number(d);
		c->decimals = decimals < 255 ? (uint8_t)decimals : 255;
		n += d->s.kind == SQL_NUMBER;
	}
	d->s = open;
	sql_skip(&d->s);
	return n;
}

static void sizes(struct mysql_schema_col *c, unsigned n)
{
	switch (c->decl) {
	case MYSQL_DECL_DECIMAL:
		if (c->length == 0)
			c->length = 10;
		break;
	case MYSQL_DECL_FLOAT:
		if (n == 1 && c->length > 24)
			c->decl = MYSQL_DECL_DOUBLE;
		break;
	case MYSQL_DECL_BIT:
	case MYSQL_DECL_CHAR:
		if (n == 0)
			c->length = 1;
		break;
	case MYSQL_DECL_TIME:
	case MYSQL_DECL_DATETIME:
	case MYSQL_DECL_TIMESTAMP:
		/* TIMESTAMP(14) is a width of display, from before MySQL 4.1. */
		c->decimals = c->length <= 6 ? (uint8_t)c->length : 0;
		c->length = 0;
		break;
	default:
		break;
	}
}

static bool type(struct ddl *d, struct mysql_schema_col *c)
{
	struct type_word t;
	bool real = sql_is(&d->s, "real");
	if (sql_is(&d->s, "serial"))
		d->b->flags |= SCHEMA_UNIQUE;
	if (!type_word(d, &t))
		return false;
	c->decl = t.decl;
	c->flags = (t.flags & T_UNSIGNED ? MYSQL_COL_UNSIGNED : 0) | BUILD_COL_FROM_TABLE;
	if (real && d->q->sql_mode & MYSQL_MODE_REAL_AS_FLOAT)
		c->decl = MYSQL_DECL_FLOAT;
	if (t.flags) {
		c->flags &= (uint8_t)~BUILD_COL_FROM_TABLE;
		c->charset = t.flags & T_BINARY ? MYSQL_CS_BINARY : MYSQL_CS_UNKNOWN;
		c->char_bytes_max = t.flags & T_BINARY;
		if (t.flags & (T_UTF8 | T_NATIONAL)) {
			c->charset = MYSQL_CS_UTF8;
			c->char_bytes_max = t.flags & T_UTF8 ? 4 : 3;
		}
	}
	c->char_bytes_max = t.flags & T_BINARY ? 1 : c->char_bytes_max;
	if (c->decl == MYSQL_DECL_ENUM || c->decl == MYSQL_DECL_SET)
		labels(d, c);
	else
		sizes(c, lengths(d, c));
	return true;
}

/* ---- attributes ---- */

static void fixed_charset(struct mysql_schema_col *c, enum mysql_charset cs, uint8_t bytes)
{
	c->flags &= (uint8_t)~BUILD_COL_FROM_TABLE;
	c->charset = cs;
	c->char_bytes_max = bytes;
}

/* GENERATED ALWAYS AS (...), AS (...), GENERATED ALWAYS AS ROW START. */
static void generated(struct ddl *d, struct mysql_schema_col *c)
{
	sql_next(&d->s);
	if (sql_is(&d->s, "row") && (sql_next_is(&d->s, "start") || sql_next_is(&d->s, "end")))
		d->b->row_columns = true;
	c->flags |= MYSQL_COL_GENERATED;
	if (!sql_punct(&d->s, ','))
		sql_skip(&d->s);
}

static void attribute(struct ddl *d, struct mysql_schema_col *c)
{
	struct sql *s = &d->s;
	bool told = false;
	if (ddl_charset(d, &c->charset, &c->char_bytes_max, &told)) {
		if (told)
			c->flags &= (uint8_t)~BUILD_COL_FROM_TABLE;
		return;
	}
	if (sql_is(s, "as")) {
		generated(d, c);
		return;
	}
	if (sql_is(s, "unsigned") || sql_is(s, "zerofill"))
		c->flags |= MYSQL_COL_UNSIGNED;
	else if (sql_is(s, "ascii"))
		fixed_charset(c, MYSQL_CS_LATIN1, 1);
	else if (sql_is(s, "unicode"))
		fixed_charset(c, MYSQL_CS_UCS2, 2);
	else if (sql_is(s, "byte"))
		fixed_charset(c, MYSQL_CS_BINARY, 1);
	else if (sql_is(s, "compressed"))
		c->flags |= MYSQL_COL_COMPRESSED;
	else if (sql_is(s, "unique")) {
		d->b->flags |= SCHEMA_UNIQUE;
		if (sql_next_is(s, "key"))
			sql_next(s);
	} else if (sql_is(s, "key")) /* PRIMARY KEY, or KEY for short */
		c->flags |= MYSQL_COL_KEY;
	else if (sql_is(s, "default") || sql_is(s, "comment") || sql_is(s, "column_format"))
		sql_next(s); /* the value is a token that says nothing of names and types */
	if (s->kind == SQL_PUNCT && (s->punct == ',' || s->punct == ')' || s->punct == ';'))
		return;
	sql_skip(s);
}

static bool ends_column(const struct sql *s)
{
	return s->kind == SQL_END || s->kind == SQL_BAD || s->punct == ',' || s->punct == ')' ||
	       s->punct == ';' || sql_is(s, "first") || sql_is(s, "after");
}

bool ddl_column(struct ddl *d, struct build_def **ret)
{
	struct slice name;
	struct build_def *def = build_def(d->b);
	if (!def)
		return ddl_fail(d, "more columns than a table can have");
	if (!ddl_column_name(d, &name))
		return false;
	def->col.name_off = (uint32_t)(name.ptr - d->b->text);
	def->col.name_len = (uint16_t)name.len;
	if (!type(d, &def->col))
		return false;
	while (!ends_column(&d->s))
		attribute(d, &def->col);
	if (d->s.kind == SQL_BAD)
		return ddl_fail(d, "a quote that does not end");
	*ret = def;
	return true;
}
