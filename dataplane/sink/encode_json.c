#include <assert.h>

#include "dataplane/rec/later.h"
#include "dataplane/sink/encode_json_parts.h"
#include "dataplane/sink/encode_put.h"

/* What a value may need besides its bytes: a double (32), its quotes, the comma before it. */
#define VAL_EXTRA_MAX 36
/* What is copied whole may end so far behind what counts. */
#define SLACK         64
static_assert(SLACK >= LATER_SLACK && SLACK >= JSON_TEXT_SLACK &&
		      SLACK >= sizeof(struct schema_key),
	      "enough for both");
/* All that stands around the values: the keys and literals of put_head and of the end. */
#define FRAME_MAX (256 + PUT_ID_MAX + PUT_TIME_MAX + SLACK)

/* Text whose first quote stands at @o already. */
static inline uint8_t *put_text(uint8_t *o, const uint8_t *p, size_t len, bool *io_invalid)
{
	o += 1 + json_text_put_padded(o + 1, p, len, io_invalid);
	*o++ = '"';
	return o;
}

static inline uint64_t load8(const uint8_t *p)
{
	uint64_t v;
	memcpy(&v, p, 8);
	return v;
}

static uint8_t *put_f64(uint8_t *o, const uint8_t *p)
{
	double v;
	memcpy(&v, p, 8);
	return o + text_put_f64((char *)o, v);
}

static uint8_t *put_time(struct encode_ctx *ctx, uint8_t *o, const uint8_t *p)
{
	*o++ = '"';
	o += civil_minute_put(&ctx->minute, (char *)o, (int64_t)load8(p));
	*o++ = '"';
	return o;
}

static uint8_t *put_base64(uint8_t *o, const uint8_t *p, size_t len)
{
	*o++ = '"';
	o += json_base64_put(o, p, len);
	*o++ = '"';
	return o;
}

/* As put_padded, for what is longer than a name and mostly no longer than this. */
static inline uint8_t *put_wide(uint8_t *o, const uint8_t *p, size_t len)
{
	memcpy(o, p, SLACK);
	for (size_t i = SLACK; __builtin_expect(i < len, 0); i += SLACK)
		memcpy(o + i, p + i, SLACK);
	return o + len;
}

/* A value that is neither text, null nor a time. */
static uint8_t *put_other(struct encode_ctx *ctx, const uint8_t *base, struct val v, uint8_t *o)
{
	const uint8_t *p = base + v.off;
	switch ((enum val_type)v.type) {
	case VAL_NUM:
	case VAL_JSON:
		return put_padded(o, p, v.len);
	case VAL_JSTR:
		*o++ = '"';
		o = put_padded(o, p, v.len);
		*o++ = '"';
		return o;
	case VAL_I64:
		return o + text_put_i64((char *)o, (int64_t)load8(p));
	case VAL_U64:
		return o + text_put_u64((char *)o, load8(p));
	case VAL_F64:
		return put_f64(o, p);
	case VAL_BYTES:
		return put_base64(o, p, v.len);
	case VAL_TRUE:
		return PUT_LIT(o, "true");
	case VAL_FALSE:
		return PUT_LIT(o, "false");
	case VAL_NAME: /* a name as a value: a stream that the configuration knows */
		return put_padded(o, names_json(ctx->names, v.off).ptr,
				  names_json(ctx->names, v.off).len - 1);
	case VAL_LATER:
		return later_put(base, v, o);
	case VAL_STR:
	case VAL_TIME:
	case VAL_NULL:
	case VAL_ABSENT:
		break;
	}
	assert(!"a value of a known type");
	return PUT_LIT(o, "null");
}

static inline uint8_t *put_str(const uint8_t *base, uint64_t word, uint8_t *o, bool *io_invalid)
{
	return put_text(o, base + (uint32_t)word, word >> 32 & VAL_LEN_MAX, io_invalid);
}

/* A value behind its key; a quote stands at @o already. @word is the value: as one word, since
 * its parts would be loaded one by one.
 */
static inline __attribute__((always_inline)) uint8_t *
put_val(struct encode_ctx *ctx, const uint8_t *base, uint64_t word, uint8_t *o, bool *io_invalid)
{
	unsigned type = (unsigned)(word >> VAL_TYPE_SHIFT);
	if (__builtin_expect(type == VAL_STR, 1))
		return put_str(base, word, o, io_invalid);
	if (type == VAL_NULL)
		return PUT_LIT(o, "null");
	if (type == VAL_TIME)
		return put_time(ctx, o, base + (uint32_t)word);
	return put_other(ctx, base, val_of_word(word), o);
}

static inline uint8_t *put_quoted(struct encode_ctx *ctx, const uint8_t *base, const struct val *v,
				  uint8_t *o, bool *io_invalid)
{
	*o = '"';
	return put_val(ctx, base, val_word(v), o, io_invalid);
}

static inline uint8_t *put_key(struct encode_ctx *ctx, const uint8_t *base, const struct val *key,
			       uint8_t *o, bool *io_invalid)
{
	if (key->type == VAL_NAME) {
		struct slice name = names_json(ctx->names, key->off);
		return put_padded(o, name.ptr, name.len);
	}
	assert(key->type == VAL_STR || key->type == VAL_JSTR);
	o = put_quoted(ctx, base, key, o, io_invalid);
	*o++ = ':';
	return o;
}

/* The comma before a fixed field, its name, and the quote that its value may begin with. */
static inline uint8_t *put_field(uint8_t *o, const struct schema_key *key,
				 const struct schema *schema)
{
	size_t len = key->len;
	if (__builtin_expect(len == 0, 0)) {
		*o++ = ',';
		o = put_slice(o, schema->json[key - schema->keys]);
		*o = '"';
		return o;
	}
	memcpy(o, key->text + 1, sizeof(key->text) - 1);
	return o + len - 2; /* without both quotes */
}

size_t encode_id(const struct rec *r, uint8_t *out)
{
	return (size_t)(put_id(out, r) - out);
}

/* What few records have: behind the origin. */
static uint8_t *put_flags(const struct rec *r, uint8_t *o, bool *io_invalid)
{
	if (r->flags & REC_UNPARSED) {
		const char *error = r->error ? r->error : "";
		o = PUT_LIT(o, ",\"_error\":\"");
		o += json_text_put(o, (const uint8_t *)error, strlen(error), io_invalid);
		*o++ = '"';
	}
	if (r->flags & REC_CUT)
		o = PUT_LIT(o, ",\"_cut\":true");
	return o;
}

/* Sluice's own keys, up to the record's first value. */
static inline uint8_t *put_head(struct encode_ctx *ctx, const uint8_t *base, const struct rec *r,
				uint8_t *o, bool *io_invalid)
{
	o = PUT_LIT(o, "{\"_id\":\"");
	o = put_id(o, r);
	o = PUT_LIT(o, "\",\"_time\":\"");
	o = put_time_9(ctx, r->time_ns, o);
	o = PUT_LIT(o, "\",");
	if (r->stream.type == VAL_ABSENT) {
		o = put_wide(o, ctx->source_json[r->source].ptr, ctx->source_json[r->source].len);
	} else {
		o = put_slice(o, ctx->source_only[r->source]);
		o = PUT_LIT(o, "\"_stream\":");
		o = put_quoted(ctx, base, &r->stream, o, io_invalid);
		*o++ = ',';
	}
	if (r->origin_len)
		o = put_wide(o, base + r->origin_off, r->origin_len);
	else
		o--; /* the comma after the source */
	if (r->flags & (REC_UNPARSED | REC_CUT))
		o = put_flags(r, o, io_invalid);
	return o;
}

size_t encode_json(struct encode_ctx *ctx, const struct batch *b, const struct rec *r, uint8_t *out)
{
	const uint8_t *base = b->arena.base;
	const struct schema *schema = r->schema;
	bool invalid = r->flags & REC_REPAIRED;
	uint8_t *o = put_head(ctx, base, r, out, &invalid);
	const struct schema_key *key = schema->keys;
	const struct val *v = r->vals, *pair = v + schema->n_fields;
	for (; v < pair; v++, key++) {
		uint64_t word = val_word(v);
		if (__builtin_expect(word >> VAL_TYPE_SHIFT == VAL_STR, 1)) {
			o = put_str(base, word, put_field(o, key, schema), &invalid);
		} else if (word >> VAL_TYPE_SHIFT != VAL_ABSENT) {
			o = put_field(o, key, schema);
			o = put_val(ctx, base, word, o, &invalid);
		}
	}
	for (const struct val *end = pair + 2 * r->n_pairs; pair < end; pair += 2) {
		if (pair[1].type == VAL_ABSENT)
			continue;
		*o++ = ',';
		o = put_key(ctx, base, &pair[0], o, &invalid);
		o = put_quoted(ctx, base, &pair[1], o, &invalid);
	}
	if (invalid)
		o = PUT_LIT(o, ",\"_invalid_utf8\":true");
	o = PUT_LIT(o, "}\n");
	return (size_t)(o - out);
}

/* The bytes of all values, two values at a time. */
static inline size_t sum_lens(const struct val *v, unsigned n)
{
	const __m128i lens = _mm_set1_epi64x(VAL_LEN_MAX);
	__m128i sum = _mm_setzero_si128();
	unsigned i = 0;
	for (; i + 2 <= n; i += 2) {
		__m128i two = _mm_loadu_si128((const __m128i *)(v + i));
		sum = _mm_add_epi64(sum, _mm_and_si128(_mm_srli_epi64(two, 32), lens));
	}
	sum = _mm_add_epi64(sum, _mm_unpackhi_epi64(sum, sum));
	return (size_t)_mm_cvtsi128_si64(sum) + (i < n ? v[i].len : 0);
}

/* What only some records have. Not in line, as most have none of it. */
static __attribute__((noinline)) size_t max_of_rest(const struct encode_ctx *ctx,
						    const struct rec *r)
{
	size_t bytes = JSON_TEXT_FACTOR * (size_t)r->stream.len;
	if (r->stream.type == VAL_NAME)
		bytes += names_json(ctx->names, r->stream.off).len;
	if (r->flags & REC_UNPARSED && r->error)
		bytes += JSON_TEXT_FACTOR * strlen(r->error);
	const struct val *key = r->vals + r->schema->n_fields, *end = key + 2 * r->n_pairs;
	for (; key < end; key += 2)
		if (key->type == VAL_NAME)
			bytes += names_json(ctx->names, key->off).len;
	return bytes;
}

/* One factor for all bytes of values, whatever their type: a bound must be cheap, not close. */
size_t encode_json_max(const struct encode_ctx *ctx, const struct batch *b, const struct rec *r)
{
	(void)b;
	const struct schema *schema = r->schema;
	unsigned n_vals = schema->n_fields + 2u * r->n_pairs;
	size_t bytes = FRAME_MAX + r->origin_len + schema->json_bytes;
	bytes += ctx->source_json[r->source].len; /* source_only is shorter */
	bytes += JSON_TEXT_FACTOR * sum_lens(r->vals, n_vals) + VAL_EXTRA_MAX * n_vals;
	if (r->n_pairs || r->stream.type != VAL_ABSENT || r->flags & REC_UNPARSED)
		bytes += max_of_rest(ctx, r);
	return bytes;
}

/* No value is longer than all that stands in the arena, which the room in a batch mostly dwarfs. */
size_t encode_json_max_like(const struct encode_ctx *ctx, const struct batch *b,
			    const struct rec *r)
{
	size_t value = JSON_TEXT_FACTOR * b->arena.used + VAL_EXTRA_MAX;
	return FRAME_MAX + UINT16_MAX + r->schema->json_bytes + ctx->source_json[r->source].len +
	       r->schema->n_fields * value;
}

size_t encode_json_pair_max_like(const struct batch *b)
{
	return 2 * (JSON_TEXT_FACTOR * b->arena.used + VAL_EXTRA_MAX);
}

uint8_t *encode_json_value(struct encode_ctx *ctx, const uint8_t *base, struct val v, uint8_t *o,
			   bool *io_invalid)
{
	return put_quoted(ctx, base, &v, o, io_invalid);
}

const struct encoder encoder_json = {
	.name = "json",
	.summary = "one object a line, with all that sluice knows",
	.later = true,
	.max = encode_json_max,
	.put_burst = encode_json_burst,
	.put = encode_json,
};
