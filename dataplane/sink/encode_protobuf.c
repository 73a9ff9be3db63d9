/* A record as one message of Protocol Buffers, its fields in the order of their numbers: the bytes
 * that every serializer gives which follows that order. Values are sorted into the places of the
 * shape first, so that of two fields with one name the last counts, as in JSON.
 */
#include <assert.h>

#include "dataplane/extract/json.h"
#include "dataplane/graph/literal.h"
#include "dataplane/sink/encode_put.h"
#include "dataplane/sink/proto_shape.h"
#include "dataplane/sink/proto_wire.h"

/* Beyond encode_json_max: keys and lengths of the fields of every record, and of each value. */
#define HEAD_EXTRA 64
#define VAL_EXTRA  8
/* Bytes of the varint that a message's or a value's length may have. */
#define LEN_MAX    5
/* Of the length of most messages. */
#define LEN_GUESS  2

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

/* The length before bytes that were written at @o + LEN_MAX: they move up to it. */
static uint8_t *put_len_before(uint8_t *o, size_t len)
{
	uint8_t *to = proto_put_varint(o, len);
	memmove(to, o + LEN_MAX, len);
	return to + len;
}

/* ---- text ---- */

/* Copies 16 bytes at a time; true when all of them are ASCII. */
static inline bool copy_ascii(uint8_t *o, const uint8_t *p, size_t len)
{
	__m128i all = _mm_setzero_si128();
	size_t i = 0;
	for (; i + 16 <= len; i += 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)(p + i));
		_mm_storeu_si128((__m128i *)(o + i), v);
		all = _mm_or_si128(all, v);
	}
	__m128i v = _mm_loadu_si128((const __m128i *)(p + i)); /* the buffer is padded */
	_mm_storeu_si128((__m128i *)(o + i), v);
	unsigned tail = (unsigned)_mm_movemask_epi8(v) & ((1u << (len - i)) - 1);
	return !(_mm_movemask_epi8(all) | tail);
}

static uint8_t *put_str(uint8_t *o, const uint8_t *p, size_t len, bool *io_invalid)
{
	uint8_t *text = proto_put_varint(o, len);
	if (copy_ascii(text, p, len) || text_utf8_valid(p, len) == len)
		return text + len;
	return put_len_before(o, json_text_repair(o + LEN_MAX, p, len, io_invalid));
}

/* The inside of a JSON string as the text that it stands for. */
static uint8_t *put_jstr(uint8_t *o, const uint8_t *p, size_t len)
{
	if (!memchr(p, '\\', len))
		return put_padded(proto_put_varint(o, len), p, len);
	return put_len_before(o, json_unescape(o + LEN_MAX, slice_of(p, len)));
}

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
	uint8_t *text = o + LEN_MAX, *end = text;
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
	return put_len_before(o, (size_t)(end - text));
}

static uint8_t *put_text(struct encode_ctx *ctx, const uint8_t *base, struct val v, uint8_t *o,
			 bool *io_invalid)
{
	const uint8_t *p = base + v.off;
	if (__builtin_expect(v.type == VAL_STR, 1))
		return put_str(o, p, v.len, io_invalid);
	switch ((enum val_type)v.type) {
	case VAL_NUM:
	case VAL_JSON:
		return put_padded(proto_put_varint(o, v.len), p, v.len);
	case VAL_JSTR:
		return put_jstr(o, p, v.len);
	case VAL_NAME: {
		struct slice name = names_text(ctx->names, v.off);
		return put_str(o, name.ptr, name.len, io_invalid);
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

/* Seconds and nanoseconds since 1970, the latter always forward; what is 0 is not written. */
static uint8_t *put_timestamp(uint8_t *o, int64_t ns)
{
	int64_t s = ns / NS_PER_S, rest = ns % NS_PER_S;
	if (rest < 0) {
		rest += NS_PER_S;
		s--;
	}
	uint8_t *at = o + 1;
	if (s)
		at = proto_put_varint(put_key1(at, 1, PROTO_VARINT), (uint64_t)s);
	if (rest)
		at = proto_put_varint(put_key1(at, 2, PROTO_VARINT), (uint64_t)rest);
	*o = (uint8_t)(at - o - 1);
	return at;
}

static inline uint8_t *put_key(uint8_t *o, const struct proto_place *place)
{
	memcpy(o, place->key, sizeof(place->key));
	return o + place->key_len;
}

/* The field with its key; NULL when it does not take the value. */
static uint8_t *put_field(struct encode_ctx *ctx, const uint8_t *base,
			  const struct proto_place *place, struct val v, uint8_t *o,
			  bool *io_invalid)
{
	int64_t i;
	double f;
	o = put_key(o, place);
	switch ((enum proto_kind)place->kind) {
	case PROTO_K_TEXT:
		return put_text(ctx, base, v, o, io_invalid);
	case PROTO_K_INT64:
		return int64_of(base, v, &i) ? proto_put_varint(o, (uint64_t)i) : NULL;
	case PROTO_K_BOOL:
		*o = v.type == VAL_TRUE;
		return v.type == VAL_TRUE || v.type == VAL_FALSE ? o + 1 : NULL;
	case PROTO_K_DOUBLE:
		if (!double_of(base, v, &f))
			return NULL;
		memcpy(o, &f, sizeof(f));
		return o + sizeof(f);
	case PROTO_K_TIME:
		return v.type == VAL_TIME ? put_timestamp(o, word_of(base + v.off)) : NULL;
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
		return v.type == VAL_JSON || v.type == VAL_NUM
			       ? put_text(ctx, base, v, o, io_invalid)
			       : put_printed(ctx, base, v, true, o, io_invalid);
	}
	assert(!"a field of a known kind");
	return NULL;
}

/* ---- places ---- */

/* A field is what its last value says, and a null takes it away. */
static inline void set_place(struct proto_scratch *x, unsigned place, struct val v)
{
	if (v.type == VAL_ABSENT)
		return;
	if (place == PROTO_NONE) {
		x->more |= v.type != VAL_NULL;
		return;
	}
	x->vals[place] = v;
	x->set[place / 64] |= 1ull << place % 64;
}

static void set_places(const struct proto_shape *shape, struct proto_scratch *x,
		       const struct batch *b, const struct rec *r)
{
	const struct schema *schema = r->schema;
	const uint16_t *to = proto_shape_map(shape, x, schema);
	for (unsigned i = 0; i < schema->n_fields; i++)
		set_place(x,
			  to ? to[i] : proto_shape_find(shape, slice_str(schema->fields[i].name)),
			  r->vals[i]);
	const struct val *pair = r->vals + schema->n_fields;
	for (const struct val *end = pair + 2 * r->n_pairs; pair < end; pair += 2)
		set_place(x, proto_shape_key(shape, b, pair[0]), pair[1]);
}

/* ---- the message ---- */

/* `"_src":"10.0.0.1:514","_dst":"10.0.0.9:514"`, the fields 5 and 6. */
static uint8_t *put_origin(uint8_t *o, const uint8_t *p, size_t len)
{
	const size_t before = strlen("\"_src\":\""), between = strlen("\",\"_dst\":\"");
	const uint8_t *src = p + before;
	const uint8_t *end = memchr(src, '"', len - before);
	size_t src_len = (size_t)(end - src), dst_len = len - before - src_len - between - 1;
	o = put_key1(o, PROTO_SRC, PROTO_LEN);
	o = put_padded(proto_put_varint(o, src_len), src, src_len);
	o = put_key1(o, PROTO_DST, PROTO_LEN);
	return put_padded(proto_put_varint(o, dst_len), end + between, dst_len);
}

/* Fields 1 to 8. */
static uint8_t *put_head(struct encode_ctx *ctx, const uint8_t *base, const struct rec *r,
			 uint8_t *o, bool *io_invalid)
{
	const struct proto_shape *shape = ctx->shape;
	o = put_key1(o, PROTO_ID, PROTO_LEN);
	*o = (uint8_t)encode_id(r, o + 1);
	o += 1 + *o;
	o = put_timestamp(put_key1(o, PROTO_TIME, PROTO_LEN), (int64_t)r->time_ns);
	struct slice source = shape->sources[r->source];
	if (r->stream.type == VAL_ABSENT) {
		o = put_padded(o, source.ptr, source.len);
	} else {
		o = put_padded(o, source.ptr, shape->source_only[r->source]);
		o = put_key1(o, PROTO_STREAM, PROTO_LEN);
		o = put_text(ctx, base, r->stream, o, io_invalid);
	}
	if (r->origin_len)
		o = put_origin(o, base + r->origin_off, r->origin_len);
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

/* Fields from 10 on; what was set is so no more. */
static uint8_t *put_places(struct encode_ctx *ctx, const uint8_t *base, uint8_t *o,
			   bool *io_invalid)
{
	const struct proto_shape *shape = ctx->shape;
	struct proto_scratch *x = ctx->proto;
	for (unsigned word = 0; word * 64 < shape->n; word++) {
		uint64_t set = x->set[word];
		x->set[word] = 0;
		for (; set; set &= set - 1) {
			unsigned place = word * 64 + (unsigned)__builtin_ctzll(set);
			struct val v = x->vals[place];
			if (v.type == VAL_NULL)
				continue;
			uint8_t *end =
				put_field(ctx, base, &shape->places[place], v, o, io_invalid);
			x->misfit |= !end;
			o = end ? end : o;
		}
	}
	return o;
}

/* Field 9 is known when the others are written: they move by its two bytes, once in a blue moon. */
static uint8_t *put_invalid(uint8_t *rest, uint8_t *end)
{
	memmove(rest + 2, rest, (size_t)(end - rest));
	*put_key1(rest, PROTO_INVALID_UTF8, PROTO_VARINT) = 1;
	return end + 2;
}

static uint8_t *put_message(struct encode_ctx *ctx, const struct batch *b, const struct rec *r,
			    uint8_t *o)
{
	const uint8_t *base = b->arena.base;
	bool invalid = r->flags & REC_REPAIRED;
	ctx->proto->more = ctx->proto->misfit = false;
	set_places(ctx->shape, ctx->proto, b, r);
	uint8_t *rest = put_head(ctx, base, r, o, &invalid);
	uint8_t *end = put_places(ctx, base, rest, &invalid);
	return invalid ? put_invalid(rest, end) : end;
}

static size_t encode_protobuf(struct encode_ctx *ctx, const struct batch *b, const struct rec *r,
			      uint8_t *out)
{
	if (!ctx->shape->delimited)
		return (size_t)(put_message(ctx, b, r, out) - out);
	uint8_t *message = out + LEN_GUESS;
	size_t len = (size_t)(put_message(ctx, b, r, message) - message);
	unsigned len_len = proto_varint_len(len);
	if (len_len != LEN_GUESS)
		memmove(out + len_len, message, len);
	proto_put_varint(out, len);
	return len_len + len;
}

static size_t encode_protobuf_max(const struct encode_ctx *ctx, const struct batch *b,
				  const struct rec *r)
{
	unsigned n_vals = r->schema->n_fields + 2u * r->n_pairs;
	return encode_json_max(ctx, b, r) + HEAD_EXTRA + VAL_EXTRA * n_vals;
}

const struct encoder encoder_protobuf = {
	.name = "protobuf",
	.summary = "one message of Protocol Buffers, with the fields of the queue's schema",
	.binary = true,
	.max = encode_protobuf_max,
	.put = encode_protobuf,
};
