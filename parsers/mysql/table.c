#include "parsers/mysql/table.h"

#include "parsers/mysql/table_meta.h"
#include "parsers/mysql/value.h"
#include "parsers/mysql/wire.h"

/* Bytes of the fraction behind a temporal value, by its digits. */
static uint8_t frac_bytes(uint8_t frac)
{
	return (uint8_t)((frac + 1) / 2);
}

/* STRING carries its real type and length in two bytes: the upper bits of lengths above 255 are
 * folded into the type, inverted.
 */
static bool string_meta(struct mysql_column *col, uint8_t b0, uint8_t b1)
{
	unsigned len = b1;
	uint8_t real = b0;
	if ((b0 & 0x30) != 0x30) {
		len |= (unsigned)((b0 & 0x30) ^ 0x30) << 4;
		real = b0 | 0x30;
	}
	if (b0 == 0 && b1 == 0)
		real = MYSQL_T_STRING;
	col->type = real;
	col->bytes_max = (uint16_t)len;
	if (real == MYSQL_T_ENUM || real == MYSQL_T_SET) {
		col->fixed = (uint8_t)len;
		return len >= 1 && len <= (real == MYSQL_T_ENUM ? 2 : 8);
	}
	col->type = MYSQL_T_STRING;
	col->len_bytes = len > 255 ? 2 : 1;
	return real == MYSQL_T_STRING || real == MYSQL_T_VAR_STRING;
}

static bool two_byte_meta(struct mysql_column *col, uint8_t b0, uint8_t b1)
{
	unsigned v = (unsigned)(b0 | b1 << 8);
	col->meta = (uint16_t)v;
	switch (col->type) {
	case MYSQL_T_STRING:
	case MYSQL_T_ENUM:
	case MYSQL_T_SET:
		return string_meta(col, b0, b1);
	case MYSQL_T_BIT: /* bits beyond whole bytes, whole bytes */
		col->fixed = (uint8_t)(b1 + (b0 ? 1 : 0));
		return b0 < 8 && col->fixed >= 1 && col->fixed <= 8;
	case MYSQL_T_NEWDECIMAL:
		col->precision = b0;
		col->frac = b1;
		if (b0 < 1 || b0 > 65 || b1 > b0)
			return false;
		col->fixed = (uint8_t)value_decimal_bytes(b0, b1);
		return true;
	default: /* VARCHAR and its kin */
		col->bytes_max = (uint16_t)v;
		col->len_bytes = v > 255 ? 2 : 1;
		return true;
	}
}

static bool one_byte_meta(struct mysql_column *col, uint8_t v)
{
	col->meta = v;
	switch (col->type) {
	case MYSQL_T_FLOAT:
		col->fixed = 4;
		return v == 4 || v == 0;
	case MYSQL_T_DOUBLE:
		col->fixed = 8;
		return v == 8 || v == 0;
	case MYSQL_T_TIMESTAMP2:
	case MYSQL_T_DATETIME2:
	case MYSQL_T_TIME2:
		col->frac = v;
		col->fixed = (uint8_t)(frac_bytes(v) + (col->type == MYSQL_T_TIMESTAMP2  ? 4
							: col->type == MYSQL_T_DATETIME2 ? 5
											 : 3));
		return v <= 6;
	default: /* bytes of length */
		col->len_bytes = v;
		return v >= 1 && v <= 4;
	}
}

/* How many bytes of metadata a type has; -1: the type is not known. */
static int meta_bytes(uint8_t type)
{
	switch (type) {
	case MYSQL_T_FLOAT:
	case MYSQL_T_DOUBLE:
	case MYSQL_T_TIMESTAMP2:
	case MYSQL_T_DATETIME2:
	case MYSQL_T_TIME2:
	case MYSQL_T_BLOB_COMPRESSED:
	case MYSQL_T_VECTOR:
	case MYSQL_T_JSON:
	case MYSQL_T_TINY_BLOB:
	case MYSQL_T_MEDIUM_BLOB:
	case MYSQL_T_LONG_BLOB:
	case MYSQL_T_BLOB:
	case MYSQL_T_GEOMETRY:
		return 1;
	case MYSQL_T_VARCHAR:
	case MYSQL_T_VARCHAR_COMPRESSED:
	case MYSQL_T_VAR_STRING:
	case MYSQL_T_BIT:
	case MYSQL_T_NEWDECIMAL:
	case MYSQL_T_ENUM:
	case MYSQL_T_SET:
	case MYSQL_T_STRING:
		return 2;
	case MYSQL_T_TINY:
	case MYSQL_T_SHORT:
	case MYSQL_T_LONG:
	case MYSQL_T_LONGLONG:
	case MYSQL_T_INT24:
	case MYSQL_T_NULL:
	case MYSQL_T_TIMESTAMP:
	case MYSQL_T_DATE:
	case MYSQL_T_NEWDATE:
	case MYSQL_T_TIME:
	case MYSQL_T_DATETIME:
	case MYSQL_T_YEAR:
		return 0;
	default:
		return -1;
	}
}

static const uint8_t plain_bytes[] = {
	[MYSQL_T_TINY] = 1,     [MYSQL_T_SHORT] = 2, [MYSQL_T_LONG] = 4,    [MYSQL_T_TIMESTAMP] = 4,
	[MYSQL_T_LONGLONG] = 8, [MYSQL_T_INT24] = 3, [MYSQL_T_DATE] = 3,    [MYSQL_T_TIME] = 3,
	[MYSQL_T_DATETIME] = 8, [MYSQL_T_YEAR] = 1,  [MYSQL_T_NEWDATE] = 3,
};

static enum mysql_fault column_read(struct mysql_column *col, uint8_t type, struct wire *meta)
{
	int n = meta_bytes(type);
	if (n < 0)
		return MYSQL_F_COLUMN_TYPE;
	col->type = type;
	if (n == 0) {
		col->fixed = plain_bytes[type];
		return MYSQL_F_OK;
	}
	struct slice m = wire_take(meta, (unsigned)n);
	if (meta->bad)
		return MYSQL_F_TABLE;
	bool good = n == 1 ? one_byte_meta(col, m.ptr[0]) : two_byte_meta(col, m.ptr[0], m.ptr[1]);
	return good ? MYSQL_F_OK : MYSQL_F_TABLE;
}

/* MariaDB's temporal types of before MySQL 5.6 look the same with and without a fraction, but are
 * wider with one.
 */
static bool is_old_temporal(uint8_t type)
{
	return type == MYSQL_T_TIMESTAMP || type == MYSQL_T_TIME || type == MYSQL_T_DATETIME;
}

static enum mysql_fault columns_read(struct mysql_table *t, struct slice types, struct slice meta,
				     bool mariadb)
{
	struct wire w = wire_of(meta);
	for (unsigned i = 0; i < t->n_columns; i++) {
		struct mysql_column *col = &t->columns[i];
		enum mysql_fault fault = column_read(col, types.ptr[i], &w);
		if (fault)
			return fault;
		t->n_json += col->type == MYSQL_T_JSON;
		t->old_temporal |= mariadb && is_old_temporal(col->type);
	}
	return MYSQL_F_OK;
}

static struct slice counted_name(struct wire *w)
{
	struct slice s = wire_take(w, wire_int(w, 1));
	wire_take(w, 1);
	return s;
}

static enum mysql_fault table_head(struct wire *w, const struct mysql_format *f, uint64_t *ret_id,
				   uint16_t *ret_flags, struct slice *ret_db,
				   struct slice *ret_name)
{
	unsigned post = f->post_len[MYSQL_EV_TABLE_MAP];
	struct wire head = wire_of(wire_take(w, post));
	*ret_id = wire_int(&head, post == 6 ? 4 : 6);
	*ret_flags = (uint16_t)wire_int(&head, 2);
	*ret_db = counted_name(w);
	*ret_name = counted_name(w);
	return w->bad || head.bad ? MYSQL_F_BODY : MYSQL_F_OK;
}

enum mysql_fault mysql_table_name(const struct mysql_event *ev, const struct mysql_format *f,
				  uint64_t *ret_id, struct slice *ret_db, struct slice *ret_name)
{
	struct wire w = wire_of(ev->body);
	uint16_t flags;
	uint64_t id;
	struct slice db, name;
	enum mysql_fault fault = table_head(&w, f, &id, &flags, &db, &name);
	if (fault)
		return fault;
	*ret_id = id;
	*ret_db = db;
	*ret_name = name;
	return MYSQL_F_OK;
}

static struct slice block_copy(struct block *b, struct slice s)
{
	uint8_t *p = block_take(b, s.len, 1);
	if (p && s.len)
		memcpy(p, s.ptr, s.len);
	return (struct slice){p, p ? s.len : 0};
}

enum mysql_fault mysql_table_parse(const struct mysql_event *ev, const struct mysql_format *f,
				   const struct mysql_charsets *c,
				   const struct mysql_column_def *defs, unsigned n_defs, void *mem,
				   size_t cap, struct mysql_table **ret_t)
{
	struct mysql_table head = {0};
	struct wire w = wire_of(ev->body);
	enum mysql_fault fault = table_head(&w, f, &head.id, &head.flags, &head.db, &head.name);
	if (fault)
		return fault;
	uint64_t n = wire_packed(&w);
	struct slice types = wire_take(&w, n);
	struct slice meta = wire_take(&w, wire_packed(&w));
	wire_take(&w, (n + 7) / 8); /* which may be NULL: rows tell */
	if (w.bad)
		return MYSQL_F_BODY;
	if (n > MYSQL_COLUMNS_MAX)
		return MYSQL_F_COLUMNS;
	struct block b = {.base = mem, .cap = cap};
	struct mysql_table *t = block_take(&b, sizeof(*t) + n * sizeof(t->columns[0]), 8);
	if (!t)
		return MYSQL_F_NO_SLOT;
	*t = head;
	t->n_columns = (uint16_t)n;
	memset(t->columns, 0, n * sizeof(t->columns[0]));
	t->db = block_copy(&b, head.db);
	t->name = block_copy(&b, head.name);
	fault = columns_read(t, types, meta, f->mariadb);
	if (!fault)
		fault = table_meta_read(t, wire_take(&w, wire_left(&w)), f->mariadb, c, &b);
	if (!fault && defs)
		fault = table_meta_defs(t, defs, n_defs, &b);
	if (!fault)
		fault = table_meta_finish(t, &b);
	if (fault)
		return fault;
	if (b.full)
		return MYSQL_F_NO_SLOT;
	t->bytes = b.used;
	*ret_t = t;
	return MYSQL_F_OK;
}
