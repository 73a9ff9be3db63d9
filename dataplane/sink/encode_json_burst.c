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

#define WIDE        __attribute__((target("avx2,bmi2")))
#define WIDE_INLINE static inline __attribute__((always_inline, target("avx2,bmi2")))

struct burst {
	struct encode_ctx *ctx;
	const struct batch *b;
	const uint8_t *base; /* of its arena */
	struct encode_alike alike;
	/* The last place of a line with pairs is so far before this as they may take. */
	const uint8_t *last_pairs;
	size_t pair_max;
	struct slice source;  /* `"_source":"x","_stream":"x",` */
	const uint8_t *to;    /* where the first line of the batch stands */
	uint64_t second_ns;   /* of which time_key is the text */
	uint8_t time_key[32]; /* `","_time":"2026-11-25T04:43:16.` */
};
/* Of a name with its quotes and escapes; a longer one is put by encode_json. */
#define NAME_BYTES_MAX 512
#define TIME_KEY       "\",\"_time\":\""
#define TIME_KEY_LEN   (sizeof(TIME_KEY) - 1)
#define SECOND_LEN     20
#define FRACTION_LEN   9
static_assert(TIME_KEY_LEN + SECOND_LEN <= sizeof(((struct burst *)0)->time_key), "one step");

static uint64_t take_second(struct burst *l, uint64_t time_ns)
{
	uint64_t ns = put_second(l->ctx, time_ns);
	memcpy(l->time_key, TIME_KEY, TIME_KEY_LEN);
	memcpy(l->time_key + TIME_KEY_LEN, l->ctx->second_text, SECOND_LEN);
	l->second_ns = l->ctx->second_ns;
	return ns;
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

/* Sluice's own keys. */
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
	o = PUT_LIT(o + FRACTION_LEN, "Z\",");
	o = put64(o, l->source.ptr, l->source.len);
	if (__builtin_expect(r->origin_len == 0, 0))
		return o - 1; /* without the comma after the source */
	return put64(o, l->base + r->origin_off, r->origin_len);
}

/* Text that is longer than 32 bytes, or not clean. */
WIDE_INLINE uint8_t *put_text(struct json_text_avx2 w, uint8_t *o, const uint8_t *p, size_t len,
			      bool *io_invalid)
{
	o += len >= 32 ? json_text_put_avx2(w, o, p, len, io_invalid)
		       : json_text_put_behind(0, o, p, len, io_invalid);
	*o++ = '"';
	return o;
}

WIDE_INLINE uint8_t *put_time(struct burst *l, uint8_t *o, uint32_t off)
{
	int64_t ns;
	memcpy(&ns, l->base + off, sizeof(ns));
	o += 1 + civil_minute_put(&l->ctx->minute, (char *)o + 1, ns); /* behind the key's quote */
	*o++ = '"';
	return o;
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
static inline uint32_t text_len(struct halves h)
{
	return h.kind - ((uint32_t)VAL_STR << (VAL_TYPE_SHIFT - 32));
}

/* Is it text of at most 32 bytes, and clean? Then it stands at @o behind its quote, *ret_len long.
 */
WIDE_INLINE bool put_short(const struct burst *l, struct json_text_avx2 w, struct halves h,
			   uint8_t *o, uint32_t *ret_len)
{
	uint32_t len = text_len(h);
	*ret_len = len;
	return len <= 32 && !_bzhi_u32(json_text_avx2_copy(w, o, l->base + h.off), len);
}

/* A value that is no short clean text, behind its key; at @o stands a quote, where it is none of
 * text's to be taken back.
 */
WIDE_INLINE uint8_t *put_rest(struct burst *l, struct json_text_avx2 w, struct val v, uint8_t *o,
			      bool *io_invalid)
{
	if (v.type == VAL_STR)
		return put_text(w, o + 1, l->base + v.off, v.len, io_invalid);
	if (v.type == VAL_NULL)
		return PUT_LIT(o, "null");
	if (v.type == VAL_TIME)
		return put_time(l, o, v.off);
	return encode_json_value(l->ctx, l->base, v, o, io_invalid);
}

/* Fields that a rule, a format or a dimension has added, whose names the pipeline knows. NULL: one
 * has another name, or a long one.
 */
WIDE_INLINE uint8_t *put_pairs(struct burst *l, struct json_text_avx2 w, const struct rec *r,
			       uint8_t *o, bool *io_invalid)
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
		o = put64(o, name.ptr, name.len);
		*o = '"';
		uint32_t len;
		if (put_short(l, w, halves_of(&pair[1]), o + 1, &len)) {
			o += 1 + len;
			*o++ = '"';
		} else {
			o = put_rest(l, w, pair[1], o, io_invalid);
		}
	}
	return o;
}

/* Most values are clean text of at most 32 bytes: one step for the key, one for the text. NULL: it
 * is none of these records.
 */
WIDE_INLINE uint8_t *put_line(struct burst *l, struct json_text_avx2 w, const struct rec *r,
			      uint8_t *o)
{
	const struct schema_key *keys = l->alike.schema->keys;
	bool invalid = false;
	o = put_head(l, r, o);
	for (size_t i = 0, n = l->alike.schema->n_fields; i < n; i++) {
		uint8_t *value = o + keys[i].len;
		uint32_t len;
		copy32(o, &keys[i]);
		if (__builtin_expect(put_short(l, w, halves_of(&r->vals[i]), value + 1, &len), 1)) {
			o = value + 1 + len;
			*o++ = '"';
		} else if (r->vals[i].type != VAL_ABSENT) {
			o = put_rest(l, w, r->vals[i], value, &invalid);
		}
	}
	if (r->n_pairs)
		o = put_pairs(l, w, r, o, &invalid);
	if (__builtin_expect(!o, 0))
		return NULL;
	if (__builtin_expect(invalid, 0))
		o = PUT_LIT(o, ",\"_invalid_utf8\":true");
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
	struct json_text_avx2 w = json_text_avx2();
	struct rec *const *at = recs, *const *end = recs + n;
	for (; at < end && follows(l, *at, o); at++) {
		o = put_line(l, w, *at, o);
		if (!o)
			break;
		*ends++ = (uint32_t)(o - from);
	}
	return (unsigned)(at - recs);
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
	if (!l.alike.last || !r->schema->short_keys)
		return 0;
	l.ctx = ctx;
	l.b = b;
	l.base = b->arena.base;
	l.last_pairs = to->buf + (to->cap - max);
	l.pair_max = encode_json_pair_max_like(b) + NAME_BYTES_MAX;
	l.source = ctx->source_json[r->source];
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
