#include "parsers/mysql/row_plan.h"

#include "dataplane/base/text.h"
#include "parsers/mysql/value.h"
#include "parsers/mysql/wire.h"

enum op {
	OP_SLOW, /* value_put, which may find that the bytes are no value of the type */
	OP_SURE, /* value_put, which takes any bytes */
	OP_SIGNED,
	OP_UNSIGNED,
	OP_DOUBLE,
	OP_DECIMAL,
	OP_DATE,
	OP_DATETIME,
	OP_TIMESTAMP,
	OP_ENUM,
	OP_TEXT,
	OP_BYTES,
};

/* Room for what stands around a value (quotes, or null in its place) and for steps of 16. */
#define AROUND    40
/* What may be written behind an image: a double, or eight digits where one is asked for. */
#define BEHIND    64

/* DECIMAL whose digits before the point are two groups, and those behind it eight, at most. */
#define WHOLE_MAX 18
#define FRAC_MAX  8

static enum op text_op(const struct mysql_column *c)
{
	if (c->kind != MYSQL_KIND_PLAIN)
		return OP_SLOW;
	if (c->charset == MYSQL_CS_UTF8)
		return OP_TEXT;
	if (c->charset == MYSQL_CS_BINARY)
		return c->type != MYSQL_T_STRING ? OP_BYTES : OP_SURE; /* BINARY(n) is padded */
	/* What nobody told the set of becomes text or base64. Other sets are converted, and whether
	 * all of it was valid is known then.
	 */
	return c->charset == MYSQL_CS_UNKNOWN ? OP_SURE : OP_SLOW;
}

static enum op op_of(const struct mysql_column *c)
{
	switch (c->type) {
	case MYSQL_T_TINY:
	case MYSQL_T_SHORT:
	case MYSQL_T_INT24:
	case MYSQL_T_LONG:
	case MYSQL_T_LONGLONG:
		return c->is_unsigned ? OP_UNSIGNED : OP_SIGNED;
	case MYSQL_T_DOUBLE:
		return OP_DOUBLE;
	case MYSQL_T_NEWDECIMAL:
		return c->precision - c->frac <= WHOLE_MAX && c->frac <= FRAC_MAX ? OP_DECIMAL
										  : OP_SURE;
	case MYSQL_T_DATE:
	case MYSQL_T_NEWDATE:
		return OP_DATE;
	case MYSQL_T_DATETIME2:
		return OP_DATETIME;
	case MYSQL_T_TIMESTAMP2:
		return OP_TIMESTAMP;
	case MYSQL_T_ENUM:
		return c->n_labels ? OP_ENUM : OP_SURE;
	case MYSQL_T_FLOAT:
	case MYSQL_T_BIT:
	case MYSQL_T_YEAR:
	case MYSQL_T_TIMESTAMP:
	case MYSQL_T_DATETIME:
	case MYSQL_T_TIME:
	case MYSQL_T_TIME2:
	case MYSQL_T_SET:
		return OP_SURE;
	case MYSQL_T_VARCHAR:
	case MYSQL_T_VAR_STRING:
	case MYSQL_T_STRING:
	case MYSQL_T_TINY_BLOB:
	case MYSQL_T_BLOB:
	case MYSQL_T_MEDIUM_BLOB:
	case MYSQL_T_LONG_BLOB:
		return text_op(c);
	default:
		return OP_SLOW;
	}
}

/* The longest text of the values of @c, for all its bytes that have no length in front. */
static size_t text_max(const struct mysql_column *c)
{
	size_t labels = 0, longest = 0;
	for (unsigned i = 0; i < c->n_labels; i++) {
		labels += c->labels[i].len + 1;
		if (c->labels[i].len > longest)
			longest = c->labels[i].len;
	}
	switch ((enum op)c->op) {
	case OP_SIGNED:
	case OP_UNSIGNED:
		return 20;
	case OP_DECIMAL:
		return c->precision + 5u;
	case OP_DATE:
	case OP_DATETIME:
	case OP_TIMESTAMP:
		return VALUE_TIME_MAX;
	case OP_ENUM:
		return longest + 5;
	case OP_TEXT:
	case OP_BYTES:
		return 5; /* base64 in whole groups of four */
	case OP_DOUBLE:
		return 32;
	case OP_SURE:
	case OP_SLOW:
		break;
	}
	size_t padded = c->charset == MYSQL_CS_BINARY ? (c->bytes_max + 2u) / 3 * 4 : 0;
	return VALUE_NUM_MAX + labels + padded;
}

static void plan_column(struct mysql_column *c)
{
	c->op = (uint8_t)op_of(c);
	size_t most = text_max(c) + VALUE_NUM_MAX + c->key_len + AROUND;
	c->room = most <= UINT16_MAX ? (uint16_t)most : UINT16_MAX;
	if (most > UINT16_MAX)
		c->op = OP_SLOW;
}

void row_plan_make(struct mysql_table *t)
{
	bool all = true;
	t->room = BEHIND;
	for (unsigned i = 0; i < t->n_columns; i++) {
		plan_column(&t->columns[i]);
		all = all && t->columns[i].op != OP_SLOW;
		t->room += t->columns[i].key_len + text_max(&t->columns[i]);
	}
	if (!all)
		t->room = 0;
}

/* The length that stands in front of a value; 0 where none does. Images are padded. */
static inline size_t len_at(const struct mysql_column *c, const uint8_t *p)
{
	static const uint32_t masks[5] = {0, 0xff, 0xffff, 0xffffff, UINT32_MAX};
	return wire_le32(p) & masks[c->len_bytes];
}

/* --- Values that a plan is there for ---------------------------------------------------------- */

/* Most are short: the first step is made in any case. */
static inline uint8_t *put_bytes(uint8_t *o, const uint8_t *p, size_t len)
{
	_mm_storeu_si128((__m128i *)o, _mm_loadu_si128((const __m128i *)p));
	for (size_t i = 16; i < len; i += 16)
		_mm_storeu_si128((__m128i *)(o + i), _mm_loadu_si128((const __m128i *)(p + i)));
	return o + len;
}

static inline uint32_t be32(const uint8_t *p)
{
	return __builtin_bswap32(wire_le32(p));
}

/* @n bytes (0 to 4) of a group of decimal digits; its value is below @limit, or cut to it. */
static inline uint32_t group(const uint8_t *p, unsigned n, uint32_t flip, uint32_t limit)
{
	uint32_t v = n ? (be32(p) ^ flip) >> (32 - 8 * n) : 0;
	return v < limit ? v : v % limit;
}

/* See value_text_decimal. The top bit of the first byte is the sign; inverted where it is positive,
 * and all others where it is negative.
 */
static uint8_t *put_decimal(uint8_t *o, const struct mysql_column *c, const uint8_t *p)
{
	static const uint8_t bytes[10] = {0, 1, 1, 2, 2, 3, 3, 4, 4, 4};
	static const uint32_t tens[10] = {1,      10,      100,      1000,      10000,
					  100000, 1000000, 10000000, 100000000, 1000000000};
	unsigned whole = c->precision - c->frac, first = bytes[whole % 9];
	bool negative = !(p[0] & 0x80);
	uint32_t flip = negative ? UINT32_MAX : 0, sign = 0x80000000u;
	uint64_t v = 0;
	if (first) {
		v = group(p, first, flip ^ sign, tens[whole % 9]);
		sign = 0;
	}
	p += first;
	for (unsigned i = whole / 9; i > 0; i--, p += 4) {
		v = v * 1000000000 + group(p, 4, flip ^ sign, 1000000000);
		sign = 0;
	}
	*o++ = '"';
	*o = '-';
	o += negative;
	o += text_put_u64_loose((char *)o, v);
	if (c->frac) {
		uint32_t f = group(p, bytes[c->frac], flip ^ sign, tens[c->frac]);
		uint64_t digits = text_8digits(f * tens[FRAC_MAX - c->frac]);
		*o++ = '.';
		memcpy(o, &digits, 8);
		o += c->frac;
	}
	*o++ = '"';
	return o;
}

static inline uint8_t *put_integer(uint8_t *o, const struct mysql_column *c, const uint8_t *p)
{
	unsigned shift = 64 - 8 * c->fixed;
	uint64_t v = wire_le64(p) << shift;
	if (c->op == OP_UNSIGNED)
		return o + text_put_u64_loose((char *)o, v >> shift);
	int64_t s = (int64_t)v >> shift;
	*o = '-';
	o += s < 0;
	return o + text_put_u64_loose((char *)o, s < 0 ? 0 - (uint64_t)s : (uint64_t)s);
}

static inline uint8_t *put_enum(uint8_t *o, const struct mysql_column *c, const uint8_t *p)
{
	unsigned v = c->fixed == 2 ? wire_le16(p) : p[0];
	if (v > c->n_labels)
		return o + text_put_u64_loose((char *)o, v);
	*o++ = '"';
	if (v)
		o = put_bytes(o, c->labels[v - 1].ptr, c->labels[v - 1].len);
	*o++ = '"';
	return o;
}

/* A value that value_put writes for sure where there is room for its longest text. */
static uint8_t *put_sure(uint8_t *o, const struct mysql_column *c, struct slice v, bool *io_guessed)
{
	struct mysql_out out = {.buf = o, .cap = c->room + JSON_TEXT_FACTOR * v.len};
	enum mysql_fault fault = value_put(NULL, c, v, &out);
	assert(fault == MYSQL_F_OK && !out.invalid_text);
	(void)fault;
	*io_guessed |= out.guessed;
	return o + out.len;
}

static inline uint8_t *put_planned(uint8_t *o, const struct mysql_column *c, const uint8_t *p,
				   size_t len, bool *io_invalid, bool *io_guessed)
{
	double v;
	switch (c->op) {
	case OP_SIGNED:
	case OP_UNSIGNED:
		return put_integer(o, c, p);
	case OP_DOUBLE:
		memcpy(&v, p, 8);
		return o + text_put_f64((char *)o, v);
	case OP_DECIMAL:
		return put_decimal(o, c, p);
	case OP_ENUM:
		return put_enum(o, c, p);
	case OP_SURE:
		return put_sure(o, c, slice_of(p, len), io_guessed);
	case OP_TEXT:
		*o++ = '"';
		o += json_text_put_padded(o, p, len, io_invalid);
		break;
	case OP_BYTES:
		*o++ = '"';
		o += json_base64_put(o, p, len);
		break;
	case OP_DATE:
		*o++ = '"';
		o = (uint8_t *)value_date_put((char *)o, p);
		break;
	case OP_DATETIME:
		*o++ = '"';
		o = (uint8_t *)value_datetime_put((char *)o, c, p);
		break;
	default:
		*o++ = '"';
		o = (uint8_t *)value_timestamp_put((char *)o, c, p);
		break;
	}
	*o++ = '"';
	return o;
}

/* --- Images ----------------------------------------------------------------------------------- */

/* A column that has no plan, or too little room for it. */
static enum mysql_fault put_slow(const struct mysql_decoder *d, const struct mysql_column *c,
				 bool null, struct slice value, struct mysql_out *out)
{
	enum mysql_fault fault = out_padded(out, c->key, c->key_len);
	if (fault)
		return fault;
	return null ? OUT_LIT(out, "null") : value_put(d, c, value, out);
}

/* The next column of an image that row_len has measured; *io_p goes behind it. */
static inline bool next_value(const struct mysql_column *c, bool null, const uint8_t **io_p,
			      struct slice *ret_value)
{
	size_t len = null ? 0 : c->fixed;
	if (!null && c->len_bytes) {
		len = len_at(c, *io_p);
		*io_p += c->len_bytes;
	}
	*ret_value = slice_of(*io_p, len);
	*io_p += len;
	return !null;
}

uint8_t *row_plan_text(const struct mysql_table *t, struct slice image, uint8_t *o,
		       bool *io_invalid, bool *io_guessed)
{
	const uint8_t *p = image.ptr + (t->n_columns + 7) / 8;
	const struct mysql_column *c = t->columns;
	bool invalid = false, guessed = false;
	struct slice v;
	for (unsigned i = 0, bits = 0; i < t->n_columns; i++, c++, bits >>= 1) {
		if (i % 8 == 0)
			bits = image.ptr[i / 8];
		o = put_bytes(o, c->key, c->key_len);
		o = next_value(c, bits & 1, &p, &v)
			    ? put_planned(o, c, v.ptr, v.len, &invalid, &guessed)
			    : (uint8_t *)memcpy(o, "null", 4) + 4;
	}
	*io_invalid |= invalid;
	*io_guessed |= guessed;
	return o;
}

uint8_t *row_plan_some(const struct mysql_table *t, struct slice image, uint64_t wanted, uint8_t *o)
{
	const uint8_t *p = image.ptr + (t->n_columns + 7) / 8;
	bool invalid = false, guessed = false;
	struct slice v;
	for (unsigned i = 0; i < t->n_columns && wanted >> i; i++) {
		const struct mysql_column *c = &t->columns[i];
		bool has = next_value(c, image.ptr[i / 8] >> (i % 8) & 1, &p, &v);
		if (!(wanted >> i & 1))
			continue;
		o = put_bytes(o, c->key, c->key_len);
		o = has ? put_planned(o, c, v.ptr, v.len, &invalid, &guessed)
			: (uint8_t *)memcpy(o, "null", 4) + 4;
	}
	return o;
}

bool row_plan_valid(const struct mysql_table *t, struct slice image)
{
	const uint8_t *p = image.ptr + (t->n_columns + 7) / 8;
	struct slice v;
	for (unsigned i = 0; i < t->n_columns; i++) {
		const struct mysql_column *c = &t->columns[i];
		bool has = next_value(c, image.ptr[i / 8] >> (i % 8) & 1, &p, &v);
		if (has && c->op == OP_TEXT && text_utf8_valid(v.ptr, v.len) != v.len)
			return false;
	}
	return true;
}

/* Column by column, with a look at the room and the end of the image for each. */
static enum mysql_fault put_columns(const struct mysql_decoder *d, const struct mysql_table *t,
				    struct slice image, struct mysql_out *out)
{
	const uint8_t *nulls = image.ptr, *end = nulls + image.len, *room_end = out->buf + out->cap;
	unsigned n = t->n_columns;
	const uint8_t *p = nulls + (n + 7) / 8;
	const struct mysql_column *c = t->columns;
	uint8_t *o = out->buf + out->len;
	bool invalid = out->invalid_text;
	for (unsigned i = 0, bits = 0; i < n; i++, c++, bits >>= 1) {
		if (i % 8 == 0)
			bits = nulls[i / 8];
		bool null = bits & 1;
		size_t len = null ? 0 : c->fixed;
		if (!null && !len) {
			len = len_at(c, p);
			p += c->len_bytes;
		}
		/* Reading on to here is harmless: an image is padded. */
		if ((ptrdiff_t)len > end - p)
			return MYSQL_F_VALUE;
		if ((c->op == OP_SLOW && !null) ||
		    (size_t)(room_end - o) < c->room + JSON_TEXT_FACTOR * len) {
			out->len = (size_t)(o - out->buf);
			enum mysql_fault fault = put_slow(d, c, null, slice_of(p, len), out);
			if (fault)
				return fault;
			o = out->buf + out->len;
		} else {
			o = put_bytes(o, c->key, c->key_len);
			o = null ? (uint8_t *)memcpy(o, "null", 4) + 4
				 : put_planned(o, c, p, len, &invalid, &out->guessed);
		}
		p += len;
	}
	out->len = (size_t)(o - out->buf);
	out->invalid_text |= invalid;
	return MYSQL_F_OK;
}

enum mysql_fault row_plan_put(const struct mysql_decoder *d, const struct mysql_table *t,
			      struct slice image, struct mysql_out *out)
{
	if (image.len < (t->n_columns + 7u) / 8)
		return MYSQL_F_VALUE;
	if (!t->room || out->cap - out->len < t->room + JSON_TEXT_FACTOR * image.len)
		return put_columns(d, t, image, out);
	uint8_t *o = out->buf + out->len;
	out_end(out, row_plan_text(t, image, o, &out->invalid_text, &out->guessed));
	return MYSQL_F_OK;
}
