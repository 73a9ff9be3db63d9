#include "parsers/mysql/table_meta.h"

#include "dataplane/base/text.h"
#include "dataplane/rec/json_text.h"
#include "parsers/mysql/row_plan.h"
#include "parsers/mysql/schema_priv.h"
#include "parsers/mysql/wire.h"

#define NAME_BYTES_MAX 1024 /* an identifier has 64 characters; this is for wrong ones */

enum meta_field {
	META_SIGNEDNESS = 1,
	META_DEFAULT_CHARSET = 2,
	META_COLUMN_CHARSET = 3,
	META_COLUMN_NAME = 4,
	META_SET_LABELS = 5,
	META_ENUM_LABELS = 6,
	META_GEOMETRY_TYPE = 7,
	META_SIMPLE_KEY = 8,
	META_KEY_WITH_PREFIX = 9,
	META_LABEL_DEFAULT_CHARSET = 10,
	META_LABEL_COLUMN_CHARSET = 11,
	META_VISIBILITY = 12,
	META_VECTOR_DIMENSION = 13,
	META_N_FIELDS
};

/* YEAR has a bit too: MySQL leaves it 0, MariaDB sets it. */
static bool is_numeric(const struct mysql_column *c)
{
	switch (c->type) {
	case MYSQL_T_DECIMAL:
	case MYSQL_T_YEAR:
	case MYSQL_T_TINY:
	case MYSQL_T_SHORT:
	case MYSQL_T_INT24:
	case MYSQL_T_LONG:
	case MYSQL_T_LONGLONG:
	case MYSQL_T_NEWDECIMAL:
	case MYSQL_T_FLOAT:
	case MYSQL_T_DOUBLE:
		return true;
	default:
		return false;
	}
}

static bool is_text(const struct mysql_column *c)
{
	switch (c->type) {
	case MYSQL_T_STRING:
	case MYSQL_T_VAR_STRING:
	case MYSQL_T_VARCHAR:
	case MYSQL_T_VARCHAR_COMPRESSED:
	case MYSQL_T_BLOB_COMPRESSED:
	case MYSQL_T_TINY_BLOB:
	case MYSQL_T_MEDIUM_BLOB:
	case MYSQL_T_LONG_BLOB:
	case MYSQL_T_BLOB:
		return true;
	default:
		return false;
	}
}

static bool is_labelled(const struct mysql_column *c)
{
	return c->type == MYSQL_T_ENUM || c->type == MYSQL_T_SET;
}

/* MariaDB lists a character set for columns of geometry too. */
static bool is_text_of_mariadb(const struct mysql_column *c)
{
	return is_text(c) || c->type == MYSQL_T_GEOMETRY;
}

typedef bool (*column_filter)(const struct mysql_column *);

/* One bit a numeric column, the first one on top. */
static void read_signedness(struct mysql_table *t, struct slice v)
{
	unsigned bit = 0;
	for (unsigned i = 0; i < t->n_columns; i++) {
		struct mysql_column *c = &t->columns[i];
		if (!is_numeric(c))
			continue;
		if (bit / 8 < v.len)
			c->is_unsigned = v.ptr[bit / 8] >> (7 - bit % 8) & 1;
		bit++;
	}
	t->typed = true;
}

static void charset_set(struct mysql_column *c, uint64_t collation)
{
	c->charset = (uint8_t)mysql_charset_of((unsigned)collation);
	c->char_bytes = schema_char_bytes((unsigned)collation);
}

/* A default, then { number among these columns, collation } of those that differ. */
static bool read_default_charset(struct mysql_table *t, struct slice v, column_filter ours)
{
	struct wire w = wire_of(v);
	uint64_t all = wire_packed(&w);
	uint64_t next = wire_left(&w) ? wire_packed(&w) : UINT64_MAX;
	uint64_t at = 0;
	for (unsigned i = 0; i < t->n_columns; i++) {
		struct mysql_column *c = &t->columns[i];
		if (!ours(c))
			continue;
		charset_set(c, all);
		if (at++ != next)
			continue;
		charset_set(c, wire_packed(&w));
		next = wire_left(&w) ? wire_packed(&w) : UINT64_MAX;
	}
	return !w.bad;
}

static bool read_column_charset(struct mysql_table *t, struct slice v, column_filter ours)
{
	struct wire w = wire_of(v);
	for (unsigned i = 0; i < t->n_columns; i++)
		if (ours(&t->columns[i]))
			charset_set(&t->columns[i], wire_packed(&w));
	return !w.bad;
}

/* Writes `,"name":` and the name into the block. */
static bool name_set(struct mysql_column *c, struct slice name, struct block *b)
{
	bool invalid = false;
	if (name.len == 0 || name.len > NAME_BYTES_MAX)
		return false;
	uint8_t *n = block_take(b, name.len, 1);
	uint8_t *key = block_take(b, JSON_TEXT_FACTOR * name.len + 4, 1);
	if (!n || !key)
		return true; /* the block is full: found at the end */
	memcpy(n, name.ptr, name.len);
	uint8_t *k = key;
	*k++ = ',';
	*k++ = '"';
	k += json_text_put(k, name.ptr, name.len, &invalid);
	*k++ = '"';
	*k++ = ':';
	block_trim(b, k);
	c->name = n;
	c->name_len = (uint16_t)name.len;
	c->key = key;
	c->key_len = (uint16_t)(k - key);
	return true;
}

static bool read_names(struct mysql_table *t, struct slice v, struct block *b)
{
	struct wire w = wire_of(v);
	for (unsigned i = 0; i < t->n_columns; i++) {
		struct slice name = wire_take(&w, wire_packed(&w));
		if (w.bad || !name_set(&t->columns[i], name, b))
			return false;
	}
	t->named = true;
	return true;
}

/* Writes @raw of the column's set as the inside of a JSON string into the block. */
static struct slice label_put(const struct mysql_charsets *c, uint8_t cs, struct slice raw,
			      struct block *b)
{
	uint8_t utf8[1024];
	bool invalid = false;
	size_t len = 0;
	uint8_t *start = block_take(b, 0, 1);
	while (raw.len && !b->full) {
		size_t n = mysql_charset_some(c, (enum mysql_charset)cs, &raw, utf8, sizeof(utf8),
					      &invalid);
		uint8_t *o = block_take(b, n * JSON_TEXT_FACTOR, 1);
		if (!o)
			break;
		n = json_text_put(o, utf8, n, &invalid);
		block_trim(b, o + n);
		len += n;
	}
	return (struct slice){start, len};
}

/* For each ENUM, or each SET: packed number of labels, { packed length, label }... */
static bool read_labels(struct mysql_table *t, struct slice v, uint8_t type,
			const struct mysql_charsets *cs, struct block *b)
{
	struct wire w = wire_of(v);
	for (unsigned i = 0; i < t->n_columns; i++) {
		struct mysql_column *c = &t->columns[i];
		if (c->type != type)
			continue;
		uint64_t n = wire_packed(&w);
		if (w.bad || n > wire_left(&w) || n > UINT16_MAX)
			return false;
		struct slice *labels = block_take(b, n * sizeof(*labels), 8);
		if (!labels)
			return true;
		for (unsigned k = 0; k < n; k++) {
			struct slice raw = wire_take(&w, wire_packed(&w));
			labels[k] = label_put(cs, c->charset, raw, b);
		}
		if (w.bad)
			return false;
		c->labels = labels;
		c->n_labels = (uint16_t)n;
	}
	return true;
}

static bool read_key(struct mysql_table *t, struct slice v, bool prefixes)
{
	struct wire w = wire_of(v);
	while (wire_left(&w)) {
		uint64_t i = wire_packed(&w);
		if (prefixes)
			wire_packed(&w);
		if (w.bad || i >= t->n_columns)
			return false;
		t->columns[i].in_key = true;
	}
	t->has_key = true;
	return true;
}

static void read_visibility(struct mysql_table *t, struct slice v)
{
	for (unsigned i = 0; i < t->n_columns && i / 8 < v.len; i++)
		t->columns[i].invisible = !(v.ptr[i / 8] >> (7 - i % 8) & 1);
}

/* The fields of metadata by their number; absent ones are empty. */
static bool fields_split(struct slice meta, struct slice *fields)
{
	struct wire w = wire_of(meta);
	while (wire_left(&w)) {
		uint64_t type = wire_int(&w, 1);
		struct slice v = wire_take(&w, wire_packed(&w));
		if (type < META_N_FIELDS)
			fields[type] = v;
	}
	return !w.bad;
}

/* Character sets before labels, whatever their order in the event. */
enum mysql_fault table_meta_read(struct mysql_table *t, struct slice meta, bool mariadb,
				 const struct mysql_charsets *c, struct block *b)
{
	column_filter text = mariadb ? is_text_of_mariadb : is_text;
	struct slice f[META_N_FIELDS] = {0};
	bool good = fields_split(meta, f);
	if (good && f[META_SIGNEDNESS].len)
		read_signedness(t, f[META_SIGNEDNESS]);
	if (good && f[META_DEFAULT_CHARSET].len)
		good = read_default_charset(t, f[META_DEFAULT_CHARSET], text);
	if (good && f[META_COLUMN_CHARSET].len)
		good = read_column_charset(t, f[META_COLUMN_CHARSET], text);
	if (good && f[META_LABEL_DEFAULT_CHARSET].len)
		good = read_default_charset(t, f[META_LABEL_DEFAULT_CHARSET], is_labelled);
	if (good && f[META_LABEL_COLUMN_CHARSET].len)
		good = read_column_charset(t, f[META_LABEL_COLUMN_CHARSET], is_labelled);
	if (good && f[META_COLUMN_NAME].len)
		good = read_names(t, f[META_COLUMN_NAME], b);
	if (good && f[META_SET_LABELS].len)
		good = read_labels(t, f[META_SET_LABELS], MYSQL_T_SET, c, b);
	if (good && f[META_ENUM_LABELS].len)
		good = read_labels(t, f[META_ENUM_LABELS], MYSQL_T_ENUM, c, b);
	if (good && f[META_SIMPLE_KEY].len)
		good = read_key(t, f[META_SIMPLE_KEY], false);
	if (good && f[META_KEY_WITH_PREFIX].len)
		good = read_key(t, f[META_KEY_WITH_PREFIX], true);
	if (good && f[META_VISIBILITY].len)
		read_visibility(t, f[META_VISIBILITY]);
	return good ? MYSQL_F_OK : MYSQL_F_TABLE;
}

/* Types that a schema and the wire name differently count as one. */
static uint8_t type_family(uint8_t type)
{
	switch (type) {
	case MYSQL_T_TIMESTAMP2:
		return MYSQL_T_TIMESTAMP;
	case MYSQL_T_DATETIME2:
		return MYSQL_T_DATETIME;
	case MYSQL_T_TIME2:
		return MYSQL_T_TIME;
	case MYSQL_T_NEWDATE:
		return MYSQL_T_DATE;
	case MYSQL_T_DECIMAL:
		return MYSQL_T_NEWDECIMAL;
	case MYSQL_T_VAR_STRING:
	case MYSQL_T_VARCHAR_COMPRESSED:
		return MYSQL_T_VARCHAR;
	case MYSQL_T_TINY_BLOB:
	case MYSQL_T_MEDIUM_BLOB:
	case MYSQL_T_LONG_BLOB:
	case MYSQL_T_BLOB_COMPRESSED:
		return MYSQL_T_BLOB;
	default:
		return type;
	}
}

static bool def_fits(const struct mysql_column *c, const struct mysql_column_def *d)
{
	uint8_t wire = type_family(c->type), schema = type_family(d->type);
	/* MariaDB's JSON is a LONGTEXT, its VECTOR a VARBINARY. */
	return wire == schema || (schema == MYSQL_T_JSON && wire == MYSQL_T_BLOB) ||
	       (schema == MYSQL_T_VECTOR && wire == MYSQL_T_VARCHAR);
}

static void def_apply(struct mysql_column *c, const struct mysql_column_def *d, bool typed,
		      struct block *b)
{
	if (!typed)
		c->is_unsigned = d->is_unsigned;
	if (c->charset == MYSQL_CS_UNKNOWN && (is_text(c) || is_labelled(c))) {
		c->charset = d->charset;
		c->char_bytes = d->char_bytes;
	}
	c->kind = d->kind;
	if (!is_labelled(c) || c->n_labels || !d->n_labels || d->n_labels > UINT16_MAX)
		return;
	struct slice *labels = block_take(b, d->n_labels * sizeof(*labels), 8);
	if (!labels)
		return;
	for (unsigned k = 0; k < d->n_labels; k++)
		labels[k] = label_put(NULL, MYSQL_CS_UTF8, d->labels[k], b);
	c->labels = labels;
	c->n_labels = (uint16_t)d->n_labels;
}

/* Names that the event carries decide: a schema of other names in the same number would put values
 * under wrong ones.
 */
enum mysql_fault table_meta_defs(struct mysql_table *t, const struct mysql_column_def *defs,
				 unsigned n_defs, struct block *b)
{
	bool known = true;
	if (n_defs != t->n_columns)
		return MYSQL_F_COLUMNS;
	for (unsigned i = 0; i < n_defs; i++) {
		struct mysql_column *c = &t->columns[i];
		const struct mysql_column_def *d = &defs[i];
		if (!def_fits(c, d))
			return MYSQL_F_COLUMN_TYPE;
		if (t->named && !slice_eq(slice_of(c->name, c->name_len), d->name))
			return MYSQL_F_COLUMNS;
		if (!t->named && !name_set(c, d->name, b))
			return MYSQL_F_TABLE;
		def_apply(c, d, t->typed, b);
		known = known && d->key_known;
		if (!t->has_key)
			c->in_key = d->in_key;
	}
	t->has_key = t->has_key || known;
	t->named = t->typed = true;
	return MYSQL_F_OK;
}

enum mysql_fault table_meta_finish(struct mysql_table *t, struct block *b)
{
	for (unsigned i = 0; i < t->n_columns && !t->named; i++) {
		char name[16] = "c";
		size_t len = 1 + text_put_u64(name + 1, i + 1);
		if (!name_set(&t->columns[i], slice_of(name, len), b))
			return MYSQL_F_TABLE;
	}
	row_plan_make(t);
	row_len_make(t, b);
	return MYSQL_F_OK;
}
