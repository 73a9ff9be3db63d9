/* A record as one message of Protocol Buffers, its fields in the order of their numbers: the bytes
 * that every serializer gives which follows that order. The fields of most records go there by a
 * plan of their schema (struct proto_map), and pairs behind them. Where pairs are of another order,
 * all values are sorted into the places of the shape first, so that of two fields with one name the
 * last counts, as in JSON.
 */
#include <assert.h>

#include "dataplane/graph/literal.h"
#include "dataplane/rec/later.h"
#include "dataplane/sink/encode_json_parts.h"
#include "dataplane/sink/encode_protobuf_parts.h"
#include "dataplane/sink/encode_put.h"

/* Beyond encode_json_max: keys and lengths of the fields of every record, and of each value. */
#define HEAD_EXTRA 64
#define VAL_EXTRA  8
/* What is copied whole: the fields 3 and 4 of most sources, an origin of IPv4. */
#define WIDE       32

static inline int64_t word_of(const uint8_t *p)
{
	int64_t v;
	memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint8_t *put_key1(uint8_t *o, unsigned number, enum proto_wire wire)
{
	*o = (uint8_t)(number << 3 | wire);
	return o + 1;
}

static inline uint8_t *put_wide(uint8_t *o, const uint8_t *p, size_t len)
{
	memcpy(o, p, WIDE);
	for (size_t i = WIDE; __builtin_expect(i < len, 0); i += WIDE)
		memcpy(o + i, p + i, WIDE);
	return o + len;
}

/* ---- text ---- */

static uint8_t *print_number(uint8_t *o, enum val_type type, const uint8_t *p)
{
	double f;
	if (type == VAL_I64)
		return o + text_put_i64((char *)o, word_of(p));
	if (type == VAL_U64)
		return o + text_put_u64((char *)o, (uint64_t)word_of(p));
	memcpy(&f, p, sizeof(f));
	return o + text_put_f64((char *)o, f);
}

/* What is not text in itself, as it is printed, behind its length; strings of JSON in quotes. */
static uint8_t *put_printed(struct encode_ctx *ctx, const uint8_t *base, struct val v, bool json,
			    uint8_t *o, bool *io_invalid)
{
	const uint8_t *p = base + v.off;
	uint8_t *text = o + 1, *end = text; /* short, mostly */
	bool quotes = json && (v.type == VAL_STR || v.type == VAL_JSTR || v.type == VAL_TIME ||
			       v.type == VAL_BYTES);
	if (quotes)
		*end++ = '"';
	switch ((enum val_type)v.type) {
	case VAL_STR:
		end += json_text_put_padded(end, p, v.len, io_invalid);
		break;
	case VAL_TIME:
		end += civil_minute_put(&ctx->minute, (char *)end, word_of(p));
		break;
	case VAL_BYTES:
		end += json_base64_put(end, p, v.len);
		break;
	case VAL_TRUE:
		end = PUT_LIT(end, "true");
		break;
	case VAL_FALSE:
		end = PUT_LIT(end, "false");
		break;
	case VAL_I64:
	case VAL_U64:
	case VAL_F64:
		end = print_number(end, v.type, p);
		break;
	default: /* the inside of a string of JSON */
		end = put_padded(end, p, v.len);
	}
	if (quotes)
		*end++ = '"';
	return proto_put_len_before(o, text, (size_t)(end - text));
}

static uint8_t *put_later(const uint8_t *base, struct val v, uint8_t *o)
{
	uint8_t *text = o + PROTO_LEN_GUESS;
	return proto_put_len_before(o, text, (size_t)(later_put(base, v, text) - text));
}

static uint8_t *put_text(struct encode_ctx *ctx, const uint8_t *base, struct val v, uint8_t *o,
			 bool *io_invalid)
{
	const uint8_t *p = base + v.off;
	switch ((enum val_type)v.type) {
	case VAL_STR:
		return proto_put_text(o, p, v.len, PROTO_ODD_WIDE, io_invalid);
	case VAL_NUM:
	case VAL_JSON:
		return put_padded(proto_put_varint(o, v.len), p, v.len);
	case VAL_JSTR:
		return proto_put_text(o, p, v.len, PROTO_ODD_ESCAPE, io_invalid);
	case VAL_LATER:
		return put_later(base, v, o);
	case VAL_NAME: {
		struct slice name = names_text(ctx->names, v.off);
		return proto_put_text(o, name.ptr, name.len, PROTO_ODD_WIDE, io_invalid);
	}
	default:
		return put_printed(ctx, base, v, false, o, io_invalid);
	}
}

/* ---- values ---- */

static bool int64_of(const uint8_t *base, struct val v, int64_t *ret)
{
	uint64_t u;
	if (v.type == VAL_I64 || v.type == VAL_U64) {
		*ret = word_of(base + v.off);
		return v.type == VAL_I64 || *ret >= 0;
	}
	if (v.type != VAL_NUM)
		return false;
	struct slice s = slice_of(base + v.off, v.len);
	bool minus = s.len && s.ptr[0] == '-';
	if (!text_u64(slice_from(s, minus), &u) || u > (uint64_t)INT64_MAX + minus)
		return false;
	*ret = (int64_t)(minus ? 0 - u : u);
	return true;
}

static bool double_of(const uint8_t *base, struct val v, double *ret)
{
	union cell c;
	switch ((enum val_type)v.type) {
	case VAL_I64:
		*ret = (double)word_of(base + v.off);
		return true;
	case VAL_U64:
		*ret = (double)(uint64_t)word_of(base + v.off);
		return true;
	case VAL_F64:
		memcpy(ret, base + v.off, sizeof(*ret));
		return true;
	case VAL_NUM:
		if (literal_read(SQL_FLOAT8, slice_of(base + v.off, v.len), NULL, &c) != VEC_VALUE)
			return false;
		*ret = c.f;
		return true;
	default:
		return false;
	}
}

/* A value of a field of @kind, behind its key; NULL when the field does not take it. */
static __attribute__((noinline)) uint8_t *put_val(struct encode_ctx *ctx, const uint8_t *base,
						  enum proto_kind kind, struct val v, uint8_t *o,
						  bool *io_invalid)
{
	int64_t i;
	double f;
	switch (kind) {
	case PROTO_K_TEXT:
		return put_text(ctx, base, v, o, io_invalid);
	case PROTO_K_INT64:
		return int64_of(base, v, &i) ? encode_protobuf_int64(o, (const uint8_t *)&i) : NULL;
	case PROTO_K_BOOL:
		*o = v.type == VAL_TRUE;
		return v.type == VAL_TRUE || v.type == VAL_FALSE ? o + 1 : NULL;
	case PROTO_K_DOUBLE:
		if (!double_of(base, v, &f))
			return NULL;
		memcpy(o, &f, sizeof(f));
		return o + sizeof(f);
	case PROTO_K_TIME:
		return v.type == VAL_TIME ? proto_put_time(o, word_of(base + v.off)) : NULL;
	case PROTO_K_BYTES:
		return v.type == VAL_BYTES
			       ? put_padded(proto_put_varint(o, v.len), base + v.off, v.len)
			       : NULL;
	case PROTO_K_NUMBER:
		return v.type == VAL_NUM || v.type == VAL_I64 || v.type == VAL_U64 ||
				       v.type == VAL_F64
			       ? put_text(ctx, base, v, o, io_invalid)
			       : NULL;
	case PROTO_K_JSON:
		return v.type == VAL_JSON || v.type == VAL_NUM || v.type == VAL_LATER
			       ? put_text(ctx, base, v, o, io_invalid)
			       : put_printed(ctx, base, v, true, o, io_invalid);
	}
	assert(!"a field of a known kind");
	return NULL;
}

/* From the upper half of the word of text to the one of as much text of JSON. */
#define TEXT_TO_JSTR (1u << (VAL_TYPE_SHIFT - 32))
static_assert(VAL_JSTR == VAL_STR + 1 && TEXT_TO_JSTR == VAL_LEN_MAX + 1, "the next type");

uint8_t *encode_protobuf_field(struct encode_ctx *ctx, const uint8_t *base,
			       const struct proto_place *place, uint64_t word, uint8_t *o,
			       bool *io_invalid, bool *io_misfit)
{
	const uint8_t *p = base + (uint32_t)word;
	uint32_t len = (uint32_t)(word >> 32) - place->text, json_len = len - TEXT_TO_JSTR;
	if (word >> VAL_TYPE_SHIFT <= VAL_NULL)
		return o;
	memcpy(o, place->key, sizeof(place->key));
	uint8_t *at = o + place->key_len;
	if (len <= VAL_LEN_MAX)
		return proto_put_text(at, p, len, PROTO_ODD_WIDE, io_invalid);
	if (json_len <= VAL_LEN_MAX)
		return proto_put_text(at, p, json_len, PROTO_ODD_ESCAPE, io_invalid);
	at = put_val(ctx, base, (enum proto_kind)place->kind, val_of_word(word), at, io_invalid);
	*io_misfit |= !at;
	return at ? at : o;
}

/* The field with its key, if it has a value that it takes. Most are short text: so it is written as
 * if it were that, and looked at afterwards. One comparison tells the type and the length, which
 * stand side by side in the upper half of the word. Whatever the lower half is, it is an offset in
 * the arena.
 */
static inline __attribute__((always_inline)) uint8_t *
put_field(struct encode_ctx *ctx, const uint8_t *base, const struct proto_place *place,
	  uint64_t word, uint8_t *o, bool *io_invalid, bool *io_misfit)
{
	memcpy(o, place->key, sizeof(place->key)); /* what is behind the key is written over */
	uint8_t *at = o + place->key_len;
	const uint8_t *p = base + (uint32_t)word;
	uint32_t len = (uint32_t)(word >> 32) - place->text;
	unsigned type = (unsigned)(word >> VAL_TYPE_SHIFT);
	if (__builtin_expect(proto_put_short(at, p, len, PROTO_ODD_WIDE), 1))
		return at + 1 + len;
	if (type == VAL_I64 && place->kind == PROTO_K_INT64)
		return encode_protobuf_int64(at, p);
	if (type == VAL_TIME && place->kind == PROTO_K_TIME)
		return proto_put_time(at, word_of(p));
	return encode_protobuf_field(ctx, base, place, word, o, io_invalid, io_misfit);
}

/* ---- fields from 10 on, by places ---- */

/* A field is what its last value says, and a null takes it away. */
static inline void set_place(struct proto_scratch *x, unsigned place, struct val v, bool *io_more)
{
	if (v.type == VAL_ABSENT)
		return;
	if (place == PROTO_NONE) {
		*io_more |= v.type != VAL_NULL;
		return;
	}
	x->vals[place] = v;
	x->set[place / 64] |= 1ull << place % 64;
}

/* True when there is a field that has no place. */
static bool set_places(const struct proto_shape *shape, struct proto_scratch *x,
		       struct proto_map *m, const struct batch *b, const struct rec *r)
{
	const struct schema *schema = r->schema;
	bool more = false;
	for (unsigned i = 0; i < schema->n_fields; i++)
		set_place(x,
			  m ? m->to[i] : proto_shape_find(shape, slice_str(schema->fields[i].name)),
			  r->vals[i], &more);
	const struct val *pair = r->vals + schema->n_fields;
	for (unsigned i = 0; i < r->n_pairs; i++, pair += 2)
		set_place(x, proto_shape_key(shape, m, b, pair[0], i), pair[1], &more);
	return more;
}

/* What was set is so no more. */
static uint8_t *put_places(struct encode_ctx *ctx, const uint8_t *base, uint8_t *o,
			   bool *io_invalid, bool *io_misfit)
{
	const struct proto_shape *shape = ctx->shape;
	struct proto_scratch *x = ctx->proto;
	for (unsigned word = 0; word * 64 < shape->n; word++) {
		uint64_t set = x->set[word];
		x->set[word] = 0;
		for (; set; set &= set - 1) {
			unsigned place = word * 64 + (unsigned)__builtin_ctzll(set);
			o = put_field(ctx, base, &shape->places[place], val_word(&x->vals[place]),
				      o, io_invalid, io_misfit);
		}
	}
	return o;
}

/* ---- the same by the plan ---- */

static inline uint8_t *put_planned(struct encode_ctx *ctx, const uint8_t *base,
				   const struct proto_map *m, const struct rec *r, uint8_t *o,
				   bool *io_invalid, bool *io_misfit)
{
	const struct proto_place *step = m->steps;
	for (const struct proto_place *end = step + m->n_steps; step < end; step++)
		o = put_field(ctx, base, step, val_word(proto_place_val(step, r)), o, io_invalid,
			      io_misfit);
	return o;
}

/* Pairs behind the fields of a plan, as those that an enrichment adds mostly stand; NULL: not all
 * of them go there, and in this order.
 */
static uint8_t *put_pairs(struct encode_ctx *ctx, const struct batch *b, struct proto_map *m,
			  const struct rec *r, uint8_t *o, bool *io_invalid, bool *io_misfit,
			  bool *io_more)
{
	const struct proto_shape *shape = ctx->shape;
	const struct val *pair = r->vals + r->schema->n_fields;
	int last = m->n_steps ? m->to[proto_place_field(&m->steps[m->n_steps - 1])] : -1;
	for (unsigned i = 0; i < r->n_pairs; i++, pair += 2) {
		unsigned place = proto_shape_key(shape, m, b, pair[0], i);
		if (place == PROTO_NONE) {
			*io_more |= pair[1].type > VAL_NULL;
			continue;
		}
		if ((int)place <= last) {
			m->mixed = true;
			return NULL;
		}
		last = (int)place;
		o = put_field(ctx, b->arena.base, &shape->places[place], val_word(&pair[1]), o,
			      io_invalid, io_misfit);
	}
	return o;
}

/* All fields of a record whose schema has a plan, or NULL: its pairs do not let it. */
static uint8_t *put_by_plan(struct encode_ctx *ctx, const struct batch *b, struct proto_map *m,
			    const struct rec *r, uint8_t *o, bool *io_invalid)
{
	struct proto_scratch *x = ctx->proto;
	bool invalid = *io_invalid, misfit = false, more = encode_protobuf_more(m, r);
	o = put_planned(ctx, b->arena.base, m, r, o, &invalid, &misfit);
	if (r->n_pairs)
		o = put_pairs(ctx, b, m, r, o, &invalid, &misfit, &more);
	if (!o)
		return NULL;
	*io_invalid = invalid;
	x->n_more += more;
	x->n_misfits += misfit;
	return o;
}

/* The same by places. */
static uint8_t *put_by_place(struct encode_ctx *ctx, const struct batch *b, struct proto_map *m,
			     const struct rec *r, uint8_t *o, bool *io_invalid)
{
	struct proto_scratch *x = ctx->proto;
	bool misfit = false;
	x->n_more += set_places(ctx->shape, x, m, b, r);
	o = put_places(ctx, b->arena.base, o, io_invalid, &misfit);
	x->n_misfits += misfit;
	return o;
}

/* ---- the message ---- */

/* The bytes before the next quote, which there is. */
static inline size_t quote_at(const uint8_t *p)
{
	const __m128i quote = _mm_set1_epi8('"');
	for (size_t i = 0;; i += 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)(p + i));
		unsigned at = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(v, quote));
		if (at)
			return i + (unsigned)__builtin_ctz(at);
	}
}

/* `"_src":"10.0.0.1:514","_dst":"10.0.0.9:514"`, the fields 5 and 6. */
uint8_t *encode_protobuf_origin(const uint8_t *p, size_t len, uint8_t *o)
{
	const size_t before = strlen("\"_src\":\""), between = strlen("\",\"_dst\":\"");
	const uint8_t *src = p + before;
	size_t src_len = quote_at(src), dst_len = len - before - src_len - between - 1;
	o = put_key1(o, PROTO_SRC, PROTO_LEN);
	*o = (uint8_t)src_len; /* of an address and a port: one byte says it */
	o = put_wide(o + 1, src, src_len);
	o = put_key1(o, PROTO_DST, PROTO_LEN);
	*o = (uint8_t)dst_len;
	return put_wide(o + 1, src + src_len + between, dst_len);
}

/* What few records have, of the head: an error, a cut. */
static uint8_t *put_flags(const struct rec *r, uint8_t *o)
{
	if (r->flags & REC_UNPARSED) {
		struct slice error = slice_str(r->error ? r->error : "");
		o = put_key1(o, PROTO_ERROR, PROTO_LEN);
		o = put_bytes(proto_put_varint(o, error.len), error.ptr, error.len);
	}
	if (r->flags & REC_CUT) {
		o = put_key1(o, PROTO_CUT, PROTO_VARINT);
		*o++ = 1;
	}
	return o;
}

/* Fields 1 to 8. */
static inline uint8_t *put_head(struct encode_ctx *ctx, const uint8_t *base, const struct rec *r,
				uint8_t *o, bool *io_invalid)
{
	const struct proto_shape *shape = ctx->shape;
	uint8_t *id = put_key1(o, PROTO_ID, PROTO_LEN);
	o = put_id(id + 1, r);
	*id = (uint8_t)(o - id - 1);
	o = proto_put_time(put_key1(o, PROTO_TIME, PROTO_LEN), (int64_t)r->time_ns);
	struct slice source = shape->sources[r->source];
	if (r->stream.type == VAL_ABSENT) {
		o = put_wide(o, source.ptr, source.len);
	} else {
		o = put_wide(o, source.ptr, shape->source_only[r->source]);
		o = put_key1(o, PROTO_STREAM, PROTO_LEN);
		o = put_text(ctx, base, r->stream, o, io_invalid);
	}
	if (r->origin_len)
		o = encode_protobuf_origin(base + r->origin_off, r->origin_len, o);
	return r->flags & (REC_UNPARSED | REC_CUT) ? put_flags(r, o) : o;
}

/* It is known when the others are written: they move by its two bytes, once in a blue moon. */
uint8_t *encode_protobuf_invalid(uint8_t *rest, uint8_t *end)
{
	memmove(rest + 2, rest, (size_t)(end - rest));
	*put_key1(rest, PROTO_INVALID_UTF8, PROTO_VARINT) = 1;
	return end + 2;
}

uint8_t *encode_protobuf_message(struct encode_ctx *ctx, const struct batch *b, const struct rec *r,
				 uint8_t *o)
{
	const uint8_t *base = b->arena.base;
	struct proto_scratch *x = ctx->proto;
	struct proto_map *m = proto_shape_map(ctx->shape, x, r->schema);
	bool invalid = r->flags & REC_REPAIRED;
	uint8_t *message = o + (ctx->shape->delimited ? PROTO_LEN_GUESS : 0);
	uint8_t *rest = put_head(ctx, base, r, message, &invalid), *end = NULL;
	if (m && !m->no_plan && (!r->n_pairs || !m->mixed))
		end = put_by_plan(ctx, b, m, r, rest, &invalid);
	if (!end)
		end = put_by_place(ctx, b, m, r, rest, &invalid);
	if (invalid)
		end = encode_protobuf_invalid(rest, end);
	return ctx->shape->delimited ? encode_protobuf_delimit(o, message, end) : end;
}

static size_t encode_protobuf(struct encode_ctx *ctx, const struct batch *b, const struct rec *r,
			      uint8_t *out)
{
	ctx->proto->n_more = ctx->proto->n_misfits = 0;
	return (size_t)(encode_protobuf_message(ctx, b, r, out) - out);
}

static size_t encode_protobuf_max(const struct encode_ctx *ctx, const struct batch *b,
				  const struct rec *r)
{
	unsigned n_vals = r->schema->n_fields + 2u * r->n_pairs;
	return encode_json_max(ctx, b, r) + HEAD_EXTRA + VAL_EXTRA * n_vals;
}

size_t encode_protobuf_max_like(const struct encode_ctx *ctx, const struct batch *b,
				const struct rec *r)
{
	return encode_json_max_like(ctx, b, r) + HEAD_EXTRA +
	       (size_t)VAL_EXTRA * r->schema->n_fields;
}

const struct encoder encoder_protobuf = {
	.name = "protobuf",
	.summary = "one message of Protocol Buffers, with the fields of the queue's schema",
	.later = true,
	.binary = true,
	.max = encode_protobuf_max,
	.put_burst = encode_protobuf_burst,
	.put = encode_protobuf,
};
