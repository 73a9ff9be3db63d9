#include "parsers/mysql/mjson.h"

#include "dataplane/base/text.h"
#include "parsers/mysql/value.h"
#include "parsers/mysql/wire.h"

enum mjson_type {
	MJ_SMALL_OBJECT = 0,
	MJ_LARGE_OBJECT = 1,
	MJ_SMALL_ARRAY = 2,
	MJ_LARGE_ARRAY = 3,
	MJ_LITERAL = 4,
	MJ_INT16 = 5,
	MJ_UINT16 = 6,
	MJ_INT32 = 7,
	MJ_UINT32 = 8,
	MJ_INT64 = 9,
	MJ_UINT64 = 10,
	MJ_DOUBLE = 11,
	MJ_STRING = 12,
	MJ_OPAQUE = 15,
};

static enum mysql_fault put_value(uint8_t type, struct slice v, unsigned depth,
				  struct mysql_out *out);

/* Lengths of strings: seven bits a byte, the lowest first, the top bit: more follows. */
static struct slice counted(struct wire *w)
{
	uint64_t len = 0;
	for (unsigned shift = 0; shift < 35; shift += 7) {
		uint64_t b = wire_int(w, 1);
		len |= (b & 0x7f) << shift;
		if (!(b & 0x80))
			return wire_take(w, len);
	}
	w->bad = true;
	return (struct slice){w->end, 0};
}

static enum mysql_fault put_literal(uint8_t v, struct mysql_out *out)
{
	switch (v) {
	case 0:
		return OUT_LIT(out, "null");
	case 1:
		return OUT_LIT(out, "true");
	case 2:
		return OUT_LIT(out, "false");
	default:
		return MYSQL_F_JSON;
	}
}

static enum mysql_fault put_string(struct slice s, struct mysql_out *out)
{
	enum mysql_fault fault = OUT_LIT(out, "\"");
	if (!fault)
		fault = value_put_utf8(s, out);
	return fault ? fault : OUT_LIT(out, "\"");
}

/* Digits in all, digits of fraction, then the form of a DECIMAL column. */
static enum mysql_fault put_decimal(struct slice v, struct mysql_out *out)
{
	char *o = (char *)out_room(out, VALUE_NUM_MAX);
	if (!o)
		return MYSQL_F_NO_ROOM;
	if (v.len < 3 || v.ptr[0] < 1 || v.ptr[0] > 65 || v.ptr[1] > v.ptr[0])
		return MYSQL_F_JSON;
	if (v.len - 2 < value_decimal_bytes(v.ptr[0], v.ptr[1]))
		return MYSQL_F_JSON;
	out_end(out, o + value_text_decimal(o, v.ptr + 2, v.ptr[0], v.ptr[1]));
	return MYSQL_F_OK;
}

static enum mysql_fault put_temporal(uint8_t type, struct slice v, struct mysql_out *out)
{
	char *o = (char *)out_room(out, VALUE_TIME_MAX);
	if (!o)
		return MYSQL_F_NO_ROOM;
	if (v.len != 8)
		return MYSQL_F_JSON;
	int64_t packed = (int64_t)wire_le64(v.ptr);
	*o++ = '"';
	if (type == MYSQL_T_TIME)
		o += value_text_packed_time(o, packed, 6);
	else if (type == MYSQL_T_DATE)
		o += value_text_packed_date(o, packed);
	else
		o += value_text_packed_datetime(o, packed, 6);
	*o++ = '"';
	out_end(out, o);
	return MYSQL_F_OK;
}

/* Values of column types that JSON does not have. What is neither a number nor a time is written
 * as the server does: "base64:type15:VQ==".
 */
static enum mysql_fault put_opaque(struct slice s, struct mysql_out *out)
{
	struct wire w = wire_of(s);
	uint8_t type = (uint8_t)wire_int(&w, 1);
	struct slice v = counted(&w);
	if (w.bad)
		return MYSQL_F_JSON;
	switch (type) {
	case MYSQL_T_NEWDECIMAL:
		return put_decimal(v, out);
	case MYSQL_T_TIME:
	case MYSQL_T_DATE:
	case MYSQL_T_DATETIME:
	case MYSQL_T_TIMESTAMP:
		return put_temporal(type, v, out);
	default:
		break;
	}
	char *o = (char *)out_room(out, (v.len + 2) / 3 * 4 + 32);
	if (!o)
		return MYSQL_F_NO_ROOM;
	memcpy(o, "\"base64:type", 12);
	o += 12;
	o += text_put_u64(o, type);
	*o++ = ':';
	o += json_base64_put((uint8_t *)o, v.ptr, v.len);
	*o++ = '"';
	out_end(out, o);
	return MYSQL_F_OK;
}

static enum mysql_fault put_number(uint8_t type, struct slice v, struct mysql_out *out)
{
	static const uint8_t bytes[] = {
		[MJ_INT16] = 2, [MJ_UINT16] = 2, [MJ_INT32] = 4, [MJ_UINT32] = 4,
		[MJ_INT64] = 8, [MJ_UINT64] = 8, [MJ_DOUBLE] = 8};
	unsigned n = bytes[type];
	char *o = (char *)out_room(out, VALUE_NUM_MAX);
	if (!o)
		return MYSQL_F_NO_ROOM;
	if (v.len < n)
		return MYSQL_F_JSON;
	uint64_t raw = wire_le(v.ptr, n);
	if (type == MJ_DOUBLE) {
		double d;
		memcpy(&d, &raw, 8);
		o += text_put_f64(o, d);
	} else if (type == MJ_UINT16 || type == MJ_UINT32 || type == MJ_UINT64) {
		o += text_put_u64(o, raw);
	} else {
		unsigned shift = 64 - 8 * n;
		o += text_put_i64(o, (int64_t)(raw << shift) >> shift);
	}
	out_end(out, o);
	return MYSQL_F_OK;
}

/* An object or array being written. */
struct tree {
	struct slice all;
	unsigned word; /* 2 or 4: bytes of counts and offsets */
	uint64_t count;
	size_t keys_off, values_off; /* of the entries */
};

static bool tree_open(uint8_t type, struct slice v, struct tree *t)
{
	bool large = type == MJ_LARGE_OBJECT || type == MJ_LARGE_ARRAY;
	bool object = type == MJ_SMALL_OBJECT || type == MJ_LARGE_OBJECT;
	t->word = large ? 4 : 2;
	if (v.len < 2 * t->word)
		return false;
	t->count = wire_le(v.ptr, t->word);
	uint64_t bytes = wire_le(v.ptr + t->word, t->word);
	if (bytes > v.len)
		return false;
	t->all = (struct slice){v.ptr, (size_t)bytes};
	t->keys_off = 2 * t->word;
	t->values_off = t->keys_off + (object ? t->count * (t->word + 2) : 0);
	return t->values_off + t->count * (t->word + 1) <= bytes;
}

static enum mysql_fault put_key(const struct tree *t, uint64_t i, struct mysql_out *out)
{
	const uint8_t *entry = t->all.ptr + t->keys_off + i * (t->word + 2);
	uint64_t off = wire_le(entry, t->word), len = wire_le16(entry + t->word);
	if (off > t->all.len || len > t->all.len - off)
		return MYSQL_F_JSON;
	enum mysql_fault fault = put_string((struct slice){t->all.ptr + off, (size_t)len}, out);
	return fault ? fault : OUT_LIT(out, ":");
}

static enum mysql_fault put_member(const struct tree *t, uint64_t i, unsigned depth,
				   struct mysql_out *out)
{
	const uint8_t *entry = t->all.ptr + t->values_off + i * (t->word + 1);
	uint8_t type = entry[0];
	bool inside = type == MJ_LITERAL || type == MJ_INT16 || type == MJ_UINT16 ||
		      (t->word == 4 && (type == MJ_INT32 || type == MJ_UINT32));
	if (inside)
		return put_value(type, (struct slice){entry + 1, t->word}, depth, out);
	uint64_t off = wire_le(entry + 1, t->word);
	if (off > t->all.len)
		return MYSQL_F_JSON;
	return put_value(type, slice_from(t->all, (size_t)off), depth, out);
}

static enum mysql_fault put_tree(uint8_t type, struct slice v, unsigned depth,
				 struct mysql_out *out)
{
	bool object = type == MJ_SMALL_OBJECT || type == MJ_LARGE_OBJECT;
	struct tree t;
	if (depth >= MJSON_DEPTH_MAX || !tree_open(type, v, &t))
		return MYSQL_F_JSON;
	enum mysql_fault fault = out_lit(out, object ? "{" : "[", 1);
	for (uint64_t i = 0; i < t.count && !fault; i++) {
		if (i)
			fault = OUT_LIT(out, ",");
		if (!fault && object)
			fault = put_key(&t, i, out);
		if (!fault)
			fault = put_member(&t, i, depth + 1, out);
	}
	return fault ? fault : out_lit(out, object ? "}" : "]", 1);
}

static enum mysql_fault put_value(uint8_t type, struct slice v, unsigned depth,
				  struct mysql_out *out)
{
	switch (type) {
	case MJ_SMALL_OBJECT:
	case MJ_LARGE_OBJECT:
	case MJ_SMALL_ARRAY:
	case MJ_LARGE_ARRAY:
		return put_tree(type, v, depth, out);
	case MJ_LITERAL:
		return v.len ? put_literal(v.ptr[0], out) : MYSQL_F_JSON;
	case MJ_INT16:
	case MJ_UINT16:
	case MJ_INT32:
	case MJ_UINT32:
	case MJ_INT64:
	case MJ_UINT64:
	case MJ_DOUBLE:
		return put_number(type, v, out);
	case MJ_STRING: {
		struct wire w = wire_of(v);
		struct slice s = counted(&w);
		return w.bad ? MYSQL_F_JSON : put_string(s, out);
	}
	case MJ_OPAQUE:
		return put_opaque(v, out);
	default:
		return MYSQL_F_JSON;
	}
}

enum mysql_fault mjson_mark_null(struct mysql_out *out, size_t from)
{
	bool null = out->len - from == 4 && memcmp(out->buf + from, "null", 4) == 0;
	return null ? OUT_LIT(out, " ") : MYSQL_F_OK;
}

enum mysql_fault mjson_put(struct slice value, struct mysql_out *out)
{
	if (value.len == 0)
		return OUT_LIT(out, "null");
	return put_value(value.ptr[0], slice_from(value, 1), 0, out);
}
