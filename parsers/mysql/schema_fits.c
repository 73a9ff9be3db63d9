/* Does a table map agree with a schema, and what does the schema add to it? Contracts: schema.h. */
#include "dataplane/base/text.h"
#include "parsers/mysql/schema_priv.h"

/* ---- charsets ---- */

static uint8_t char_bytes(enum mysql_charset cs)
{
	switch (cs) {
	case MYSQL_CS_UNKNOWN:
		return 0;
	case MYSQL_CS_UTF8:
	case MYSQL_CS_UTF16:
	case MYSQL_CS_UTF16LE:
	case MYSQL_CS_UTF32:
	case MYSQL_CS_GB18030:
		return 4;
	case MYSQL_CS_UJIS:
	case MYSQL_CS_EUCJPMS:
		return 3;
	case MYSQL_CS_UCS2:
	case MYSQL_CS_BIG5:
	case MYSQL_CS_GB2312:
	case MYSQL_CS_GBK:
	case MYSQL_CS_EUCKR:
	case MYSQL_CS_SJIS:
	case MYSQL_CS_CP932:
		return 2;
	default:
		return 1;
	}
}

/* Collations of utf8mb3, which shares its charset with utf8mb4. MariaDB numbers the NO PAD ones
 * from 1024 on.
 */
static bool is_utf8mb3(unsigned c)
{
	if (c >= 1024 && c < 2048)
		c -= 1024;
	return c == 33 || c == 76 || c == 83 || (c >= 192 && c <= 223) || (c >= 576 && c <= 578) ||
	       (c >= 2048 && c <= 2175);
}

uint8_t schema_char_bytes(unsigned collation)
{
	return is_utf8mb3(collation) ? 3 : char_bytes(mysql_charset_of(collation));
}

bool schema_charset_named(struct slice name, enum mysql_charset *ret_cs, uint8_t *ret_bytes)
{
	const uint8_t *bar = memchr(name.ptr, '_', name.len);
	struct slice charset = slice_of(name.ptr, bar ? (size_t)(bar - name.ptr) : name.len);
	enum mysql_charset cs = mysql_charset_by_name(charset);
	if (cs == MYSQL_CS_UNKNOWN)
		return false;
	*ret_cs = cs;
	*ret_bytes = char_bytes(cs);
	if (cs == MYSQL_CS_UTF8 && !text_ieq(charset, SLICE_LIT("utf8mb4")))
		*ret_bytes = 3;
	return true;
}

/* ---- columns of a table map, one after the other ---- */

struct wire_col {
	uint8_t type;  /* the real one: STRING with ENUM inside is ENUM */
	uint16_t meta; /* of STRING, ENUM and SET: the length in bytes */
	uint8_t first; /* byte of metadata */
};

static unsigned meta_bytes(uint8_t type)
{
	switch (type) {
	case MYSQL_T_VARCHAR:
	case MYSQL_T_VARCHAR_COMPRESSED:
	case MYSQL_T_VAR_STRING:
	case MYSQL_T_BIT:
	case MYSQL_T_NEWDECIMAL:
	case MYSQL_T_STRING:
	case MYSQL_T_ENUM:
	case MYSQL_T_SET:
		return 2;
	case MYSQL_T_FLOAT:
	case MYSQL_T_DOUBLE:
	case MYSQL_T_TIMESTAMP2:
	case MYSQL_T_DATETIME2:
	case MYSQL_T_TIME2:
	case MYSQL_T_TINY_BLOB:
	case MYSQL_T_MEDIUM_BLOB:
	case MYSQL_T_LONG_BLOB:
	case MYSQL_T_BLOB:
	case MYSQL_T_BLOB_COMPRESSED:
	case MYSQL_T_JSON:
	case MYSQL_T_GEOMETRY:
	case MYSQL_T_VECTOR:
		return 1;
	default:
		return 0;
	}
}

/* False: the metadata ends inside of it. */
static bool next_col(const struct mysql_schema_seen *seen, uint32_t idx, size_t *io_at,
		     struct wire_col *ret)
{
	*ret = (struct wire_col){.type = seen->types[idx]};
	unsigned n = meta_bytes(ret->type);
	if (n > seen->metadata.len - *io_at)
		return false;
	const uint8_t *m = seen->metadata.ptr + *io_at;
	*io_at += n;
	if (n == 0)
		return true;
	ret->first = m[0];
	ret->meta = n == 1 ? m[0] : (uint16_t)(m[0] | m[1] << 8);
	if (ret->type == MYSQL_T_STRING || ret->type == MYSQL_T_ENUM || ret->type == MYSQL_T_SET) {
		/* The first byte is the type; of a CHAR beyond 255 bytes two bits of it are those
		 * of the length, turned over.
		 */
		unsigned high = ((m[0] & 0x30u) ^ 0x30u) << 4;
		ret->type = m[0] | 0x30;
		ret->meta = (uint16_t)(high | m[1]);
	}
	return true;
}

/* ---- does a column fit? ---- */

static const char *const of_count = "another number of columns than in the schema";
static const char *const cut_map = "a table map that is shorter than its columns";
static const char *const of_type = "a column of another type than in the schema";
static const char *const of_length = "a column of another length than in the schema";

struct judged {
	const char *what; /* NULL: it fits */
	uint32_t want, seen;
};

static struct judged length_is(uint64_t want, uint32_t seen)
{
	if (want == seen)
		return (struct judged){0};
	return (struct judged){of_length, (uint32_t)want, seen};
}

static struct judged type_is(const struct mysql_schema_col *c, const struct wire_col *w, bool fits)
{
	if (fits)
		return (struct judged){0};
	return (struct judged){of_type, c->decl, w->type};
}

/* Bytes of a CHAR or VARCHAR. Where the charset is a guess, any width of its characters will do. */
static struct judged chars_fit(const struct mysql_schema_col *c, uint32_t bytes)
{
	if (c->char_bytes_max && !(c->flags & MYSQL_COL_CHARSET_GUESSED))
		return length_is((uint64_t)c->length * c->char_bytes_max, bytes);
	for (uint32_t width = 1; width <= 4; width++)
		if ((uint64_t)c->length * width == bytes)
			return (struct judged){0};
	return (struct judged){of_length, c->length, bytes};
}

static struct judged varchar_fits(const struct mysql_schema_col *c, const struct wire_col *w)
{
	bool huge = (uint64_t)c->length * (c->char_bytes_max ? c->char_bytes_max : 4) > UINT16_MAX;
	if (w->type == MYSQL_T_VARCHAR)
		return chars_fit(c, w->meta);
	/* Outside of strict mode a VARCHAR too long for a row becomes a TEXT. */
	return type_is(
		c, w,
		w->type == MYSQL_T_VAR_STRING || (w->type == MYSQL_T_BLOB && huge) ||
			(w->type == MYSQL_T_VARCHAR_COMPRESSED && c->flags & MYSQL_COL_COMPRESSED));
}

static struct judged text_fits(const struct mysql_schema_col *c, const struct wire_col *w)
{
	uint32_t want = (uint32_t)(c->decl - MYSQL_DECL_TINYTEXT) + 1;
	if (w->type == MYSQL_T_BLOB_COMPRESSED && c->flags & MYSQL_COL_COMPRESSED)
		return (struct judged){0};
	if (w->type != MYSQL_T_BLOB)
		return type_is(c, w, false);
	if (c->flags & MYSQL_COL_WIDENED && w->meta >= want)
		return (struct judged){0};
	return length_is(want, w->meta);
}

static struct judged labels_fit(const struct mysql_schema_col *c, const struct wire_col *w)
{
	bool set = c->decl == MYSQL_DECL_SET;
	uint32_t n = c->n_labels, want = n > 255 ? 2 : 1;
	if (w->type != (set ? MYSQL_T_SET : MYSQL_T_ENUM))
		return type_is(c, w, false);
	if (c->flags & MYSQL_COL_LABELS_UNKNOWN)
		return (struct judged){0};
	if (set)
		want = n > 32 ? 8 : (n + 7) / 8;
	return length_is(want, w->meta);
}

static struct judged decimal_fits(const struct mysql_schema_col *c, const struct wire_col *w)
{
	if (w->type != MYSQL_T_NEWDECIMAL)
		return type_is(c, w, w->type == MYSQL_T_DECIMAL);
	/* Precision and scale, as the two bytes are. */
	return length_is(c->length | (uint32_t)c->decimals << 8, w->meta);
}

/* Temporal types: the old form, or the one with a fraction, whose digits must agree. */
static struct judged temporal_fits(const struct mysql_schema_col *c, const struct wire_col *w,
				   uint8_t old, uint8_t with_fraction)
{
	if (w->type == with_fraction)
		return length_is(c->decimals, w->meta);
	return type_is(c, w, w->type == old);
}

static struct judged string_of(const struct mysql_schema_col *c, const struct wire_col *w,
			       uint32_t bytes)
{
	if (w->type != MYSQL_T_STRING)
		return type_is(c, w, false);
	return length_is(bytes, w->meta);
}

static struct judged col_fits(const struct mysql_schema_col *c, const struct wire_col *w)
{
	static const uint8_t plain[MYSQL_N_DECL] = {
		[MYSQL_DECL_TINYINT] = MYSQL_T_TINY,      [MYSQL_DECL_SMALLINT] = MYSQL_T_SHORT,
		[MYSQL_DECL_MEDIUMINT] = MYSQL_T_INT24,   [MYSQL_DECL_INT] = MYSQL_T_LONG,
		[MYSQL_DECL_BIGINT] = MYSQL_T_LONGLONG,   [MYSQL_DECL_FLOAT] = MYSQL_T_FLOAT,
		[MYSQL_DECL_DOUBLE] = MYSQL_T_DOUBLE,     [MYSQL_DECL_YEAR] = MYSQL_T_YEAR,
		[MYSQL_DECL_GEOMETRY] = MYSQL_T_GEOMETRY,
	};
	switch (c->decl) {
	case MYSQL_DECL_OTHER:
		return (struct judged){0};
	case MYSQL_DECL_DECIMAL:
		return decimal_fits(c, w);
	case MYSQL_DECL_BIT:
		if (w->type != MYSQL_T_BIT)
			return type_is(c, w, false);
		return length_is(c->length, (w->meta & 0xffu) + 8u * (w->meta >> 8));
	case MYSQL_DECL_DATE:
		return type_is(c, w, w->type == MYSQL_T_DATE || w->type == MYSQL_T_NEWDATE);
	case MYSQL_DECL_TIME:
		return temporal_fits(c, w, MYSQL_T_TIME, MYSQL_T_TIME2);
	case MYSQL_DECL_DATETIME:
		return temporal_fits(c, w, MYSQL_T_DATETIME, MYSQL_T_DATETIME2);
	case MYSQL_DECL_TIMESTAMP:
		return temporal_fits(c, w, MYSQL_T_TIMESTAMP, MYSQL_T_TIMESTAMP2);
	case MYSQL_DECL_CHAR:
		return w->type == MYSQL_T_STRING ? chars_fit(c, w->meta) : type_is(c, w, false);
	case MYSQL_DECL_VARCHAR:
		return varchar_fits(c, w);
	case MYSQL_DECL_TINYTEXT:
	case MYSQL_DECL_TEXT:
	case MYSQL_DECL_MEDIUMTEXT:
	case MYSQL_DECL_LONGTEXT:
		return text_fits(c, w);
	case MYSQL_DECL_ENUM:
	case MYSQL_DECL_SET:
		return labels_fit(c, w);
	case MYSQL_DECL_JSON:
		return type_is(
			c, w, w->type == MYSQL_T_JSON || (w->type == MYSQL_T_BLOB && w->meta == 4));
	case MYSQL_DECL_VECTOR:
		return type_is(c, w, w->type == MYSQL_T_VECTOR || w->type == MYSQL_T_VARCHAR);
	case MYSQL_DECL_UUID:
	case MYSQL_DECL_INET6:
		return string_of(c, w, 16);
	case MYSQL_DECL_INET4:
		return string_of(c, w, 4);
	default:
		return type_is(c, w, w->type == plain[c->decl]);
	}
}

/* MariaDB keeps a UNIQUE key over a whole TEXT or BLOB as the hash of it, in a hidden column at the
 * end that table maps have too.
 */
static bool may_hide(const struct mysql_schema_table *t)
{
	if (!(t->flags & SCHEMA_UNIQUE))
		return false;
	for (uint32_t i = 0; i < t->n_cols; i++) {
		uint8_t decl = t->cols[i].decl;
		if ((decl >= MYSQL_DECL_TINYTEXT && decl <= MYSQL_DECL_LONGTEXT) ||
		    decl == MYSQL_DECL_VARCHAR || decl == MYSQL_DECL_JSON ||
		    decl == MYSQL_DECL_GEOMETRY)
			return true;
	}
	return false;
}

bool mysql_schema_fits(const struct mysql_schema_table *t, const struct mysql_schema_seen *seen,
		       struct mysql_schema_mismatch *ret)
{
	size_t at = 0;
	bool counts = seen->n_cols == t->n_cols || (seen->n_cols > t->n_cols && may_hide(t));
	if (!counts) {
		uint32_t fewer = seen->n_cols < t->n_cols ? seen->n_cols : t->n_cols;
		*ret = (struct mysql_schema_mismatch){fewer, of_count, t->n_cols, seen->n_cols};
		return false;
	}
	for (uint32_t i = 0; i < seen->n_cols; i++) {
		struct wire_col w;
		if (!next_col(seen, i, &at, &w)) {
			*ret = (struct mysql_schema_mismatch){.col = i, .what = cut_map};
			return false;
		}
		if (i >= t->n_cols && w.type != MYSQL_T_LONGLONG) {
			*ret = (struct mysql_schema_mismatch){i, of_count, t->n_cols, seen->n_cols};
			return false;
		}
		struct judged j = {0};
		if (i < t->n_cols)
			j = col_fits(&t->cols[i], &w);
		if (j.what) {
			*ret = (struct mysql_schema_mismatch){i, j.what, j.want, j.seen};
			return false;
		}
	}
	return true;
}

/* ---- what the schema adds ---- */

static uint8_t kind_of(uint8_t decl)
{
	switch (decl) {
	case MYSQL_DECL_UUID:
		return MYSQL_KIND_UUID;
	case MYSQL_DECL_INET4:
		return MYSQL_KIND_INET4;
	case MYSQL_DECL_INET6:
		return MYSQL_KIND_INET6;
	default:
		return MYSQL_KIND_PLAIN;
	}
}

/* A guess that the declared and the seen length contradict is none. */
static uint8_t charset_of(const struct mysql_schema_col *c, const struct wire_col *w)
{
	bool guessed = c->flags & MYSQL_COL_CHARSET_GUESSED;
	bool sized = w->type == MYSQL_T_STRING || w->type == MYSQL_T_VARCHAR;
	if (guessed && sized && (uint64_t)c->length * c->char_bytes_max != w->meta)
		return MYSQL_CS_UNKNOWN;
	return c->charset;
}

/* Names as MariaDB gives them. */
static struct slice hidden_name(uint32_t idx)
{
	static const char *const names[] = {"DB_ROW_HASH_1", "DB_ROW_HASH_2", "DB_ROW_HASH_3",
					    "DB_ROW_HASH_4"};
	return slice_str(idx < 4 ? names[idx] : "DB_ROW_HASH");
}

uint32_t mysql_schema_defs(const struct mysql_schema_table *t, const struct mysql_schema_seen *seen,
			   struct mysql_column_def *defs, struct slice *labels, size_t labels_cap)
{
	size_t at = 0, n_labels = 0;
	for (uint32_t i = 0; i < seen->n_cols; i++) {
		struct mysql_column_def *d = &defs[i];
		struct wire_col w;
		if (!next_col(seen, i, &at, &w))
			return 0;
		*d = (struct mysql_column_def){.type = w.type,
					       .key_known = !(t->flags & SCHEMA_KEY_UNKNOWN)};
		if (i >= t->n_cols) {
			d->name = hidden_name(i - t->n_cols);
			d->is_unsigned = true;
			continue;
		}
		const struct mysql_schema_col *c = &t->cols[i];
		d->name = mysql_schema_name(t, i);
		d->kind = kind_of(c->decl);
		d->is_unsigned = c->flags & MYSQL_COL_UNSIGNED;
		d->in_key = c->flags & MYSQL_COL_KEY;
		d->charset = charset_of(c, &w);
		d->char_bytes = c->char_bytes_max;
		if (c->n_labels == 0 || c->n_labels > labels_cap - n_labels)
			continue;
		d->labels = labels + n_labels;
		d->n_labels = c->n_labels;
		for (uint32_t l = 0; l < c->n_labels; l++)
			labels[n_labels++] = mysql_schema_label(t, i, l);
	}
	return seen->n_cols;
}
