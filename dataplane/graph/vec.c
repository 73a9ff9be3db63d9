#include "dataplane/graph/vec.h"

#include "dataplane/base/bytes.h"
#include "dataplane/base/civil.h"
#include "dataplane/base/mem.h"
#include "dataplane/base/text.h"
#include "dataplane/extract/json.h"
#include "dataplane/graph/literal.h"
#include "dataplane/rec/later.h"

const char *const sql_type_names[SQL_N_TYPES + 1] = {
	[SQL_BOOL] = "boolean",
	[SQL_INT2] = "smallint",
	[SQL_INT4] = "integer",
	[SQL_INT8] = "bigint",
	[SQL_FLOAT4] = "real",
	[SQL_FLOAT8] = "double precision",
	[SQL_NUMERIC] = "numeric",
	[SQL_TEXT] = "text",
	[SQL_BYTEA] = "bytea",
	[SQL_DATE] = "date",
	[SQL_TIME] = "time",
	[SQL_TIMESTAMP] = "timestamp",
	[SQL_TIMESTAMPTZ] = "timestamptz",
	[SQL_INTERVAL] = "interval",
	[SQL_JSON] = "json",
	[SQL_INET] = "inet",
};

const char *sql_type_name(enum sql_type t)
{
	return sql_type_names[t];
}

const char *vec_error_name(uint8_t state)
{
	switch (state) {
	case VEC_OUT_OF_RANGE:
		return "out_of_range";
	case VEC_DIVISION_BY_ZERO:
		return "division_by_zero";
	case VEC_BAD_INPUT:
		return "bad_input";
	case VEC_NO_ROOM:
		return "no_room";
	default:
		return "none";
	}
}

static size_t cell_bytes(enum sql_type t)
{
	switch (cell_kind_of(t)) {
	case CELL_S:
		return sizeof(struct slice);
	case CELL_N:
		return sizeof(struct numeric);
	case CELL_V:
		return sizeof(struct interval);
	default:
		return sizeof(int64_t);
	}
}

static_assert(VEC_VALUE == 0 && VEC_NULL == 1 && VEC_ERROR == 2, "errors have other bits");

unsigned vec_states(const struct vec *v, unsigned n)
{
	uint64_t all = 0;
	unsigned i = 0;
	for (; i + 8 <= n; i += 8)
		all |= bytes_load8(v->state + i);
	for (; i < n; i++)
		all |= v->state[i];
	all |= all >> 32;
	all |= all >> 16;
	return (all | all >> 8) & 0xff;
}

int vec_init(struct vec *v, enum sql_type t)
{
	*v = (struct vec){.type = t};
	v->state = mem_alloc(VEC_ROWS_MAX);
	v->i = mem_alloc(VEC_ROWS_MAX * cell_bytes(t));
	if (!v->state || !v->i) {
		vec_fini(v);
		return -ENOMEM;
	}
	return 0;
}

void vec_fini(struct vec *v)
{
	mem_free(v->state);
	mem_free(v->i);
	*v = (struct vec){0};
}

/* ---- into a vector ---- */

static int64_t word_of(const struct arena *a, struct val val)
{
	int64_t v;
	memcpy(&v, a->base + val.off, sizeof(v));
	return v;
}

static uint8_t copy_text(struct arena *a, const char *text, size_t len, struct slice *ret_s)
{
	uint32_t off = arena_copy(a, text, len);
	*ret_s = arena_slice(a, off, len);
	return off ? VEC_VALUE : VEC_NO_ROOM;
}

/* Text as the record's output will have it: bytes that are not UTF-8 become U+FFFD. Rare, so by way
 * of the escapes of JSON and back.
 */
static uint8_t repair(struct arena *a, struct slice *io_s)
{
	bool invalid = false;
	uint32_t off = arena_take(a, io_s->len * JSON_TEXT_FACTOR);
	uint32_t to = off ? arena_take(a, io_s->len * JSON_TEXT_FACTOR) : 0;
	if (!to)
		return VEC_NO_ROOM;
	size_t len = json_text_put(a->base + off, io_s->ptr, io_s->len, &invalid);
	*io_s = arena_slice(a, to, json_unescape(a->base + to, arena_slice(a, off, len)));
	return VEC_VALUE;
}

/* The text of a value that is text already; false when it is none. */
static bool text_of(struct val val, struct arena *a, struct slice *ret_s, uint8_t *ret_state)
{
	struct slice s = arena_slice(a, val.off, val.len);
	*ret_state = VEC_VALUE;
	if (val.type == VAL_STR) {
		if (text_utf8_valid(s.ptr, s.len) < s.len)
			*ret_state = repair(a, &s);
	} else if (val.type == VAL_JSTR) {
		if (s.len && memchr(s.ptr, '\\', s.len)) {
			uint32_t off = arena_take(a, s.len);
			*ret_state = off ? VEC_VALUE : VEC_NO_ROOM;
			if (off)
				s = arena_slice(a, off, json_unescape(a->base + off, s));
		}
	} else if (val.type != VAL_NUM && val.type != VAL_JSON) {
		return false;
	}
	*ret_s = s;
	return true;
}

static uint8_t put_text(struct val val, struct arena *a, struct slice *ret_s)
{
	char text[40];
	uint8_t state;
	double f;
	int64_t i;
	if (text_of(val, a, ret_s, &state))
		return state;
	switch (val.type) {
	case VAL_FALSE:
		*ret_s = SLICE_LIT("false");
		return VEC_VALUE;
	case VAL_TRUE:
		*ret_s = SLICE_LIT("true");
		return VEC_VALUE;
	case VAL_I64:
		return copy_text(a, text, text_put_i64(text, word_of(a, val)), ret_s);
	case VAL_U64:
		return copy_text(a, text, text_put_u64(text, (uint64_t)word_of(a, val)), ret_s);
	case VAL_F64:
		i = word_of(a, val);
		memcpy(&f, &i, sizeof(f));
		return copy_text(a, text, text_put_f64(text, f), ret_s);
	case VAL_TIME:
		return copy_text(a, text, civil_put_rfc3339(text, word_of(a, val)), ret_s);
	case VAL_BYTES: {
		size_t len = 4 * (((size_t)val.len + 2) / 3);
		uint32_t off = arena_take(a, len);
		if (!off)
			return VEC_NO_ROOM;
		json_base64_put(a->base + off, a->base + val.off, val.len);
		*ret_s = arena_slice(a, off, len);
		return VEC_VALUE;
	}
	default:
		return VEC_BAD_INPUT;
	}
}

static uint8_t put_int(enum sql_type t, struct val val, const struct arena *a, int64_t *ret_i)
{
	int64_t v;
	union cell c;
	if (val.type == VAL_NUM) {
		uint8_t state = literal_read(t, arena_slice(a, val.off, val.len), NULL, &c);
		*ret_i = c.i;
		return state;
	}
	if (val.type != VAL_I64 && val.type != VAL_U64)
		return VEC_BAD_INPUT;
	v = word_of(a, val);
	*ret_i = v;
	if ((val.type == VAL_U64 && v < 0) || (t == SQL_INT4 && v != (int32_t)v) ||
	    (t == SQL_INT2 && v != (int16_t)v))
		return VEC_OUT_OF_RANGE;
	return VEC_VALUE;
}

/* Floats and numerics, by way of the other where that is how the value stands. */
static uint8_t put_number(enum sql_type t, struct val val, const struct arena *a, union cell *ret)
{
	bool is_float = cell_kind_of(t) == CELL_F;
	int64_t word;
	double f;
	switch (val.type) {
	case VAL_NUM:
		return literal_read(t, arena_slice(a, val.off, val.len), NULL, ret);
	case VAL_I64:
	case VAL_U64:
		word = word_of(a, val);
		if (is_float)
			ret->f = val.type == VAL_I64 ? (double)word : (double)(uint64_t)word;
		else
			ret->n = (struct numeric){.coef = val.type == VAL_I64
								  ? (__int128)word
								  : (__int128)(uint64_t)word};
		break;
	case VAL_F64:
		word = word_of(a, val);
		memcpy(&f, &word, sizeof(f));
		if (!is_float)
			return numeric_from_f64(f, 15, &ret->n);
		ret->f = f;
		break;
	default:
		return VEC_BAD_INPUT;
	}
	if (t == SQL_FLOAT4)
		ret->f = (double)(float)ret->f;
	return VEC_VALUE;
}

/* Dates, intervals, addresses: as text; a time stamp also as the record's own. */
static uint8_t put_literal(enum sql_type t, struct val val, struct arena *a, union cell *ret)
{
	struct slice s;
	uint8_t state;
	if (t == SQL_TIMESTAMPTZ && val.type == VAL_TIME) {
		ret->i = word_of(a, val);
		return VEC_VALUE;
	}
	if ((val.type != VAL_STR && val.type != VAL_JSTR) || !text_of(val, a, &s, &state))
		return VEC_BAD_INPUT;
	return state == VEC_VALUE ? literal_read(t, s, NULL, ret) : state;
}

static uint8_t put_json(struct val val, struct arena *a, struct slice *ret_s)
{
	struct slice s = arena_slice(a, val.off, val.len);
	bool invalid = false;
	switch (val.type) {
	case VAL_STR:
	case VAL_JSTR:
	case VAL_TIME:
	case VAL_BYTES: {
		uint8_t state = val.type == VAL_JSTR ? VEC_VALUE : put_text(val, a, &s);
		uint32_t off = state == VEC_VALUE ? arena_take(a, s.len * JSON_TEXT_FACTOR + 2) : 0;
		if (!off)
			return VEC_NO_ROOM;
		uint8_t *p = a->base + off;
		*p = '"';
		size_t len = s.len;
		if (val.type == VAL_JSTR)
			memcpy(p + 1, s.ptr, s.len);
		else
			len = json_text_put(p + 1, s.ptr, s.len, &invalid);
		p[len + 1] = '"';
		*ret_s = slice_of(p, len + 2);
		return VEC_VALUE;
	}
	default: /* JSON, numbers, booleans: as they are printed */
		return put_text(val, a, ret_s);
	}
}

void vec_put(struct vec *v, unsigned i, struct val val, struct arena *a)
{
	union cell c;
	uint8_t state;
	if (val.type == VAL_ABSENT || val.type == VAL_NULL) {
		v->state[i] = VEC_NULL;
		return;
	}
	if (val.type == VAL_LATER) {
		val = later_settle(a, val);
		if (val.type == VAL_ABSENT) {
			v->state[i] = VEC_NO_ROOM;
			return;
		}
	}
	switch (v->type) {
	case SQL_BOOL:
		c.i = val.type == VAL_TRUE;
		state = val.type == VAL_TRUE || val.type == VAL_FALSE ? VEC_VALUE : VEC_BAD_INPUT;
		break;
	case SQL_INT2:
	case SQL_INT4:
	case SQL_INT8:
		state = put_int(v->type, val, a, &c.i);
		break;
	case SQL_FLOAT4:
	case SQL_FLOAT8:
	case SQL_NUMERIC:
		state = put_number(v->type, val, a, &c);
		break;
	case SQL_TEXT:
		state = put_text(val, a, &c.s);
		break;
	case SQL_BYTEA:
		c.s = arena_slice(a, val.off, val.len);
		state = val.type == VAL_BYTES ? VEC_VALUE : VEC_BAD_INPUT;
		break;
	case SQL_JSON:
		state = put_json(val, a, &c.s);
		break;
	default:
		state = put_literal(v->type, val, a, &c);
	}
	v->state[i] = state;
	if (state == VEC_VALUE)
		cell_store(v, i, &c);
}

/* ---- and out of it ---- */

static struct val make8(struct arena *a, enum val_type t, const void *word)
{
	uint32_t off = arena_take8(a, 8);
	if (!off)
		return (struct val){.type = VAL_ABSENT};
	memcpy(a->base + off, word, 8);
	return val_of(t, off, 8);
}

/* Where @s stands, if that is in the arena; else a copy of it there. */
static struct val make_text(struct arena *a, enum val_type t, struct slice s)
{
	uint32_t off;
	if (s.ptr > a->base && s.ptr + s.len <= a->base + a->used)
		off = (uint32_t)(s.ptr - a->base);
	else
		off = arena_copy(a, s.ptr, s.len);
	return off && s.len <= VAL_LEN_MAX ? val_of(t, off, s.len)
					   : (struct val){.type = VAL_ABSENT};
}

struct val vec_get(const struct vec *v, unsigned i, struct arena *a)
{
	char text[LITERAL_MAX];
	union cell c;
	if (v->state[i] != VEC_VALUE)
		return (struct val){.type = VAL_NULL};
	cell_load(v, i, &c);
	switch (v->type) {
	case SQL_BOOL:
		return (struct val){.type = c.i ? VAL_TRUE : VAL_FALSE};
	case SQL_INT2:
	case SQL_INT4:
	case SQL_INT8:
		return make8(a, VAL_I64, &c.i);
	case SQL_FLOAT4:
	case SQL_FLOAT8:
		return make8(a, VAL_F64, &c.f);
	case SQL_TIMESTAMPTZ:
		return make8(a, VAL_TIME, &c.i);
	case SQL_TEXT:
	case SQL_INET:
		return make_text(a, VAL_STR, c.s);
	case SQL_BYTEA:
		return make_text(a, VAL_BYTES, c.s);
	case SQL_JSON:
		return make_text(a, VAL_JSON, c.s);
	default: {
		size_t len = literal_put(v->type, &c, NULL, text);
		return make_text(a, v->type == SQL_NUMERIC ? VAL_NUM : VAL_STR,
				 slice_of(text, len));
	}
	}
}
