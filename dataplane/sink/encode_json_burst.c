/* Lines of records that are alike, which all of a burst of logs mostly are: what their lines have
 * in common is worked out once.
 *
 *     {"_id":"|id|","_time":"2026-11-25T04:43:16.|nnnnnnnnn|Z",|"_source":"x","_stream":"x",|
 *     "_src":"a","_dst":"b"|,"key":"|text|"|,"key":|value| ... |}
 */
#include "dataplane/base/cpu.h"
#include "dataplane/rec/json_text_avx2.h"
#include "dataplane/sink/encode_burst.h"
#include "dataplane/sink/encode_json_parts.h"
#include "dataplane/sink/encode_put.h"

#define WIDE           __attribute__((target("avx2,bmi2")))
#define WIDE_INLINE    static inline __attribute__((always_inline, target("avx2,bmi2")))

/* Of a name with its quotes and escapes, and of a source: longer ones are put by encode_json. */
#define NAME_BYTES_MAX 512
#define BEHIND_MAX     256

#define TIME_KEY       "\",\"_time\":\""
#define TIME_KEY_LEN   (sizeof(TIME_KEY) - 1)
#define SECOND_LEN     20
#define FRACTION_LEN   9
static_assert(TIME_KEY_LEN + SECOND_LEN <= 32, "one step");

struct burst {
	struct encode_ctx *ctx;
	const struct batch *b;
	const uint8_t *base; /* of its arena */
	struct encode_alike alike;
	/* The last place of a line with pairs is so far before this as they may take. */
	const uint8_t *last_pairs;
	size_t pair_max;
	const uint8_t *to;    /* where the first line of the batch stands */
	uint64_t second_ns;   /* of which time_key is the text */
	uint8_t time_key[32]; /* `","_time":"2026-11-25T04:43:16.` */
	size_t behind_len;
	uint8_t behind[BEHIND_MAX + 64]; /* `Z","_source":"x","_stream":"x",` */
};

static uint64_t take_second(struct burst *l, uint64_t time_ns)
{
	uint64_t ns = put_second(l->ctx, time_ns);
	memcpy(l->time_key, TIME_KEY, TIME_KEY_LEN);
	memcpy(l->time_key + TIME_KEY_LEN, l->ctx->second_text, SECOND_LEN);
	l->second_ns = l->ctx->second_ns;
	return ns;
}

static void take_source(struct burst *l, struct slice source)
{
	memcpy(l->behind, "Z\",", 3);
	memcpy(l->behind + 3, source.ptr, source.len);
	l->behind_len = 3 + source.len;
}

WIDE_INLINE void copy32(uint8_t *o, const void *p)
{
	_mm256_storeu_si256((__m256i *)o, _mm256_loadu_si256(p));
}

/* What mostly is no longer than 64 bytes, out of a padded buffer. */
WIDE_INLINE uint8_t *put64(uint8_t *o, const uint8_t *p, size_t len)
{
	copy32(o, p);
	copy32(o + 32, p + 32);
	for (size_t i = 64; __builtin_expect(i < len, 0); i += 32)
		copy32(o + i, p + i);
	return o + len;
}

/* Sluice's own keys, up to a quote. */
WIDE_INLINE uint8_t *put_head(struct burst *l, const struct rec *r, uint8_t *o)
{
	o = PUT_LIT(o, "{\"_id\":\"");
	o = put_id(o, r);
	uint64_t ns = r->time_ns - l->second_ns;
	if (__builtin_expect(ns >= NS_PER_S, 0))
		ns = take_second(l, r->time_ns);
	copy32(o, l->time_key);
	o += TIME_KEY_LEN + SECOND_LEN;
	text_put_9digits((char *)o, (uint32_t)ns);
	o = put64(o + FRACTION_LEN, l->behind, l->behind_len);
	if (__builtin_expect(r->origin_len == 0, 0))
		return o - 1; /* without the comma after the source */
	return put64(o, l->base + r->origin_off, r->origin_len);
}

/* A value's type and length, and where it stands. One by one: put together they would have to be
 * taken apart.
 */
struct halves {
	uint32_t off, kind;
};

static inline struct halves halves_of(const struct val *v)
{
	struct halves h;
	memcpy(&h.off, v, 4);
	memcpy(&h.kind, (const uint8_t *)v + 4, 4);
	return h;
}

/* The length of text; of all else a larger number, since the type is above the length. */
static inline size_t text_len(struct halves h)
{
	return (uint32_t)(h.kind - ((uint32_t)VAL_STR << (VAL_TYPE_SHIFT - 32)));
}

/* The length of a time's text, less one; of all else, and of times without it, a larger number. */
static inline size_t time_len_less_one(struct halves h)
{
	const uint32_t least = (uint32_t)VAL_TIME << (VAL_TYPE_SHIFT - 32) | (VAL_TIME_BYTES + 1);
	return (uint32_t)(h.kind - least);
}

/* Behind a quote that stands at @o already. */
WIDE_INLINE uint8_t *put_time(const struct burst *l, uint8_t *o, uint32_t off)
{
	int64_t ns;
	memcpy(&ns, l->base + off, sizeof(ns));
	o += 1 + civil_minute_put(&l->ctx->minute, (char *)o + 1, ns);
	*o++ = '"';
	return o;
}

/* Any value, behind a quote that stands at @o already, up to its own last byte. */
static __attribute__((noinline)) uint8_t *put_slowly(const struct burst *l, const struct val *v,
						     uint8_t *o, bool *io_invalid)
{
	return encode_json_value(l->ctx, l->base, *v, o, io_invalid);
}

/* Fields that a rule, a format or a dimension has added, whose names the pipeline knows. NULL: one
 * has another name, or a long one.
 */
WIDE_INLINE uint8_t *put_pairs(const struct burst *l, const struct rec *r, uint8_t *o,
			       bool *io_invalid)
{
	const struct val *pair = r->vals + l->alike.schema->n_fields, *end = pair + 2 * r->n_pairs;
	for (; pair < end; pair += 2) {
		if (pair[1].type == VAL_ABSENT)
			continue;
		if (pair[0].type != VAL_NAME)
			return NULL;
		struct slice name = names_json(l->ctx->names, pair[0].off);
		if (name.len > NAME_BYTES_MAX)
			return NULL;
		*o++ = ',';
		o = put_slowly(l, &pair[1], put64(o, name.ptr, name.len), io_invalid);
	}
	return o;
}

/* Text behind its first quote, and without the last one. Most is clean and takes one step. */
WIDE_INLINE uint8_t *put_text(struct json_text_avx2 w, const uint8_t *p, size_t len, uint8_t *o,
			      bool *io_invalid)
{
	if (__builtin_expect(len > 32, 0))
		return o + json_text_put_avx2(json_text_avx2(), o, p, len, io_invalid);
	uint32_t odd = json_text_avx2_copy(w, o, p);
	if (__builtin_expect(_bzhi_u32(odd, (uint32_t)len), 0))
		return o + json_text_put_behind(0, o, p, len, io_invalid);
	return o + len;
}

/* A value that is no text, behind its key and a quote, which is taken back where it is not wanted.
 */
WIDE_INLINE uint8_t *put_other(const struct burst *l, const struct val *v, uint8_t *o,
			       bool *io_invalid)
{
	o--;
	if (v->type == VAL_NULL)
		return PUT_LIT(o, "null");
	if (v->type == VAL_TIME)
		return put_time(l, o, v->off);
	return put_slowly(l, v, o, io_invalid);
}

/* The fields of its schema behind a quote that stands before @o, and the end of the line. Each is
 * put with the key behind it.
 */
WIDE_INLINE uint8_t *put_fields(const struct burst *l, const struct rec *r, uint8_t *o,
				bool *io_invalid)
{
	const uint8_t *base = l->base;
	const struct val *v = r->vals, *end = v + l->alike.schema->n_fields;
	const struct schema_key *key = l->alike.schema->keys;
	const struct json_text_avx2 w = json_text_avx2();
	copy32(o - 1, key);
	o += key->len - 1;
	for (; v < end; v++) {
		struct halves h = halves_of(v);
		key++;
		if (__builtin_expect(text_len(h) <= VAL_LEN_MAX, 1)) {
			o = put_text(w, base + h.off, text_len(h), o, io_invalid);
			copy32(o, key);
			o += key->len;
		} else if (time_len_less_one(h) < 32) {
			copy32(o, base + h.off + VAL_TIME_BYTES);
			o += time_len_less_one(h) + 1;
			copy32(o, key);
			o += key->len;
		} else {
			o = v->type == VAL_ABSENT ? o - (key[-1].len - 1)
						  : put_other(l, v, o, io_invalid);
			memcpy(o, key->text + 1, sizeof(key->text) - 1);
			o += key->len - 1;
		}
	}
	return o;
}

/* The end of a line that ends at @o: what few have goes in front. NULL: it is none of these
 * records.
 */
static __attribute__((noinline, target("avx2,bmi2"))) uint8_t *
put_more(const struct burst *l, const struct rec *r, uint8_t *o, bool *io_invalid)
{
	o -= sizeof("}\n") - 1;
	if (r->n_pairs)
		o = put_pairs(l, r, o, io_invalid);
	if (!o)
		return NULL;
	if (*io_invalid)
		o = PUT_LIT(o, ",\"_invalid_utf8\":true");
	*io_invalid = false;
	return PUT_LIT(o, "}\n");
}

/* Is @r one of this burst, with pairs or without? And is there room for it at @o? */
static inline bool follows(const struct burst *l, const struct rec *r, const uint8_t *o)
{
	return encode_has_word(&l->alike, r, ENCODE_ALIKE_WORD & ~ENCODE_ALIKE_PAIRS) &&
	       o <= l->alike.last &&
	       (!r->n_pairs || r->n_pairs * l->pair_max <= (size_t)(l->last_pairs - o));
}

/* Each of these writes where lines end to @ends, from @o on, and returns their number. */
WIDE static unsigned put_wide(struct burst *l, struct rec *const *recs, unsigned n, uint8_t *o,
			      uint32_t *ends)
{
	const uint8_t *from = l->to;
	bool invalid = false;
	unsigned i = 0;
	for (; i < n && follows(l, recs[i], o); i++) {
		const struct rec *r = recs[i];
		o = put_fields(l, r, put_head(l, r, o), &invalid);
		if (__builtin_expect(r->n_pairs || invalid, 0)) {
			o = put_more(l, r, o, &invalid);
			if (!o)
				break;
		}
		ends[i] = (uint32_t)(o - from);
	}
	return i;
}

static unsigned put_narrow(struct burst *l, struct rec *const *recs, unsigned n, uint8_t *o,
			   uint32_t *ends)
{
	unsigned i = 0;
	for (; i < n && follows(l, recs[i], o); i++) {
		o += encode_json(l->ctx, l->b, recs[i], o);
		ends[i] = (uint32_t)(o - l->to);
	}
	return i;
}

unsigned encode_json_burst(struct encode_ctx *ctx, const struct batch *b, struct rec *const *recs,
			   unsigned n, struct out_batch *to)
{
	const struct rec *r = recs[0];
	size_t max = encode_json_max_like(ctx, b, r);
	struct burst l;
	l.alike = encode_alike_to(r, max, to);
	struct slice source = ctx->source_json[r->source];
	if (!l.alike.last || !r->schema->short_keys || source.len > BEHIND_MAX - 3)
		return 0;
	l.ctx = ctx;
	l.b = b;
	l.base = b->arena.base;
	l.last_pairs = to->buf + (to->cap - max);
	l.pair_max = encode_json_pair_max_like(b) + NAME_BYTES_MAX;
	take_source(&l, source);
	l.to = to->buf;
	uint8_t *o = to->buf + to->len;
	if (!follows(&l, r, o))
		return 0;
	n = encode_burst_n(to, n);
	uint32_t *ends = to->ends + to->n_recs;
	take_second(&l, r->time_ns);
	bool wide = cpu_has_avx2();
	unsigned n_put = wide ? put_wide(&l, recs, n, o, ends) : put_narrow(&l, recs, n, o, ends);
	if (n_put)
		out_batch_added(to, n_put, r->time_ns, recs[n_put - 1]->time_ns);
	return n_put;
}
