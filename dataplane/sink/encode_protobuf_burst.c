/* Messages of records that are alike, which all of a burst of logs mostly are: what they have in
 * common is worked out once.
 *
 *     len|1 id|2 seconds|nanoseconds|3 source 4 stream|5 src 6 dst|16 text|17 text| ...
 */
#include "dataplane/base/bytes.h"
#include "dataplane/base/cpu.h"
#include "dataplane/sink/encode_burst.h"
#include "dataplane/sink/encode_protobuf_parts.h"
#include "dataplane/sink/encode_put.h"
#include "dataplane/sink/proto_put_avx2.h"

#define WIDE __attribute__((target("avx2,bmi,bmi2")))

struct burst {
	__m256i quotes; /* what addresses are compared with, kept rather than made each time */
	struct encode_ctx *ctx;
	const struct batch *b;
	const uint8_t *base;                         /* of its arena */
	const struct proto_place *steps, *steps_end; /* of the plan of their schema */
	struct encode_alike alike;
	struct slice source; /* fields 3 and 4 */
	uint64_t second_ns;  /* of which second is the beginning of field 2 */
	uint64_t second;
	/* Fields 3 to 6 of the message before; none, where origin_off is 0. */
	uint32_t origin_off;
	const uint8_t *block, *block_end;
	bool odd[2];         /* the message has a value that is... (enum odd) */
	const uint8_t *from; /* where the batch's first message begins */
	struct rec *const *stop;
	uint32_t *ends; /* where the end of the next message is told */
};

enum odd {
	INVALID, /* no UTF-8 */
	MISFIT,  /* none that its field takes */
};

PROTO_BMI2 void copy_64(uint8_t *o, const uint8_t *p)
{
	proto_copy_32(o, p, PROTO_ODD_WIDE);
	proto_copy_32(o + 32, p + 32, PROTO_ODD_WIDE);
}

/* ---- the head ---- */

static inline bool is_short_second(uint64_t s)
{
	return s - PROTO_SECOND_MIN < PROTO_SECOND_END - PROTO_SECOND_MIN;
}

/* A time that is not of the second before, or begins one. */
WIDE static __attribute__((noinline)) uint8_t *put_new_time(struct burst *l, uint8_t *o,
							    uint64_t ns)
{
	uint64_t s = ns / NS_PER_S;
	if (is_short_second(s)) {
		l->second_ns = s * NS_PER_S;
		l->second = proto_second_bmi2(s);
	}
	return proto_put_time(o, (int64_t)ns);
}

PROTO_BMI2 uint8_t *put_rec_time(struct burst *l, uint8_t *o, uint64_t ns)
{
	uint64_t rest = ns - l->second_ns;
	if (__builtin_expect(rest - 1 >= NS_PER_S - 1, 0))
		return put_new_time(l, o, ns);
	return proto_put_time_bmi2(o, l->second, rest);
}

/* What stands behind the key of field 5 at @o, and that key, where it is not as put_origin wants.
 */
static __attribute__((noinline)) uint8_t *put_any_origin(struct burst *l, const struct rec *r,
							 uint8_t *o)
{
	if (!r->origin_len) {
		l->origin_off = 0;
		return o - 1;
	}
	return encode_protobuf_origin(l->base + r->origin_off, r->origin_len, o - 1);
}

/* As encode_protobuf_origin, for what stands behind the key of field 5: addresses of IPv4, with
 * their ports, are less than 32 bytes. What is there is looked at before whether there is any: its
 * offset is one of the arena's either way.
 */
PROTO_BMI2 uint8_t *put_origin(struct burst *l, const struct rec *r, uint8_t *o)
{
	const size_t before = strlen("\"_src\":\""), between = strlen("\",\"_dst\":\"");
	const uint8_t *src = l->base + r->origin_off + before;
	__m256i v = _mm256_loadu_si256((const __m256i *)src);
	size_t src_len =
		_tzcnt_u32((unsigned)_mm256_movemask_epi8(_mm256_cmpeq_epi8(v, l->quotes)));
	size_t dst_len = r->origin_len - before - between - 1 - src_len;
	if (__builtin_expect((src_len | dst_len) >= 32, 0))
		return put_any_origin(l, r, o);
	*o = (uint8_t)src_len;
	_mm256_storeu_si256((__m256i *)(o + 1), v);
	o += 1 + src_len;
	uint16_t head = (uint16_t)((PROTO_DST << 3 | PROTO_LEN) + (dst_len << 8));
	memcpy(o, &head, sizeof(head));
	proto_copy_32(o + 2, src + src_len + between, PROTO_ODD_WIDE);
	return o + 2 + dst_len;
}

/* Fields 3 to 6: of the same session as the message before. */
PROTO_BMI2 uint8_t *put_same_block(const struct burst *l, uint8_t *o)
{
	const uint8_t *from = l->block;
	size_t len = (size_t)(l->block_end - from);
	copy_64(o, from);
	for (size_t i = 64; __builtin_expect(i < len, 0); i += 64)
		copy_64(o + i, from + i);
	return o + len;
}

PROTO_BMI2 uint8_t *put_block(struct burst *l, const struct rec *r, uint8_t *o)
{
	struct slice source = l->source;
	if (r->origin_off == l->origin_off && r->origin_len)
		return put_same_block(l, o);
	uint8_t *at = o + source.len;
	proto_copy_32(o, source.ptr, PROTO_ODD_WIDE);
	for (size_t i = 32; __builtin_expect(i <= source.len, 0); i += 32)
		proto_copy_32(o + i, source.ptr + i, PROTO_ODD_WIDE);
	l->block = o;
	l->origin_off = r->origin_off;
	at = put_origin(l, r, at + 1);
	l->block_end = at;
	return at;
}

PROTO_BMI2 uint8_t *put_head(struct burst *l, const struct rec *r, uint8_t *o)
{
	uint8_t *id = o + 2;
	o[0] = PROTO_ID << 3 | PROTO_LEN;
	o = put_id(id, r);
	id[-1] = (uint8_t)(o - id);
	*o = PROTO_TIME << 3 | PROTO_LEN;
	return put_block(l, r, put_rec_time(l, o + 1, r->time_ns));
}

/* ---- fields ---- */

/* A value that is a time. */
PROTO_BMI2 uint8_t *put_time(uint8_t *o, const uint8_t *p)
{
	uint64_t ns, s, rest;
	memcpy(&ns, p, sizeof(ns));
	s = ns / NS_PER_S;
	rest = ns - s * NS_PER_S;
	if (__builtin_expect(!is_short_second(s) || !rest, 0))
		return proto_put_time(o, (int64_t)ns);
	return proto_put_time_bmi2(o, proto_second_bmi2(s), rest);
}

/* As encode_protobuf_int64; most numbers are none of 0, less, and more than five bytes. */
PROTO_BMI2 uint8_t *put_int64(uint8_t *o, uint64_t v)
{
	if (__builtin_expect(v - 1 >= (1ull << 35) - 1, 0))
		return proto_put_varint(o, v);
	return o + 1 + proto_put_varint_bmi2(o, v);
}

/* What is no short text, and there. Of a value: where it stands; the upper half of its word. */
PROTO_BMI2 uint8_t *put_other(struct burst *l, const uint8_t *base, const struct proto_place *step,
			      uint32_t off, uint32_t kind, uint8_t *o)
{
	uint32_t type = kind >> (VAL_TYPE_SHIFT - 32), len = kind - step->text;
	const uint8_t *p = base + off;
	uint8_t *at = o + step->key_len;
	memcpy(o, step->key, sizeof(step->key));
	if (len - 33 <= VAL_LEN_MAX - 33)
		return proto_put_long_avx2(at, p, len, PROTO_ODD_WIDE, &l->odd[INVALID]);
	if (type == VAL_TIME && step->kind == PROTO_K_TIME)
		return put_time(at, p);
	if (type == VAL_I64 && step->kind == PROTO_K_INT64)
		return put_int64(at, bytes_load8(p));
	return encode_protobuf_field(l->ctx, base, step, (uint64_t)kind << 32 | off, o,
				     &l->odd[INVALID], &l->odd[MISFIT]);
}

/* The highest bit of each of @len <= 32 bytes that is no ASCII, copied. */
PROTO_BMI2 unsigned copy_short(uint8_t *o, const uint8_t *p, uint32_t len)
{
	__m256i v = proto_copy_32(o, p, PROTO_ODD_WIDE);
	return _bzhi_u32((unsigned)_mm256_movemask_epi8(v), len);
}

static inline uint32_t half_at(const struct rec *r, size_t at)
{
	uint32_t v;
	memcpy(&v, (const uint8_t *)r + at, sizeof(v));
	return v;
}

/* Most values are clean text of at most 32 bytes: one step for the key, one for the text. Halves of
 * a value are read one by one: put together they would have to be taken apart. The last step is of
 * a value that is absent.
 *
 * What such a text needs is sixteen instructions, as long as the compiler computes nothing with it
 * for what is none: it cannot know that what stands behind an empty __asm__ is the same.
 */
PROTO_BMI2 uint8_t *put_fields(struct burst *l, const uint8_t *base, const struct rec *r,
			       uint8_t *o)
{
	for (const struct proto_place *step = l->steps;; step++) {
		size_t at = step->val;
		uint64_t off = half_at(r, at);
		__asm__("" : "+r"(at));
		uint64_t len = half_at(r, at + sizeof(uint32_t)) - step->text;
		__asm__("" : "+r"(len));
		if (__builtin_expect(len <= 32, 1)) {
			memcpy(o, step->key, 4);
			unsigned odd =
				copy_short(o + PROTO_STEP_KEY + 1, base + off, (uint32_t)len);
			o[PROTO_STEP_KEY] = (uint8_t)len;
			if (__builtin_expect(!odd, 1)) {
				o += PROTO_STEP_KEY + 1 + len;
				continue;
			}
		}
		__asm__("" : "+r"(off) : : "memory");
		uint32_t kind = (uint32_t)len + step->text;
		if (kind >= (uint32_t)VAL_FALSE << (VAL_TYPE_SHIFT - 32))
			o = put_other(l, base, step, (uint32_t)off, kind, o);
		else if (step == l->steps_end)
			return o;
	}
}

/* What few messages have, whose head ends at @rest. */
static __attribute__((noinline)) uint8_t *put_oddities(struct burst *l, uint8_t *rest, uint8_t *end)
{
	l->ctx->proto->n_misfits += l->odd[MISFIT];
	if (l->odd[INVALID])
		end = encode_protobuf_invalid(rest, end);
	l->odd[INVALID] = l->odd[MISFIT] = false;
	return end;
}

PROTO_BMI2 uint8_t *put_message(struct burst *l, const uint8_t *base, const struct rec *r,
				uint8_t *o, bool delimited)
{
	uint8_t *message = o + (delimited ? PROTO_LEN_GUESS : 0);
	uint8_t *rest = put_head(l, r, message), *at = put_fields(l, base, r, rest);
	uint16_t odd;
	memcpy(&odd, l->odd, sizeof(odd));
	if (__builtin_expect(odd, 0))
		at = put_oddities(l, rest, at);
	if (!delimited)
		return at;
	uint8_t *end = encode_protobuf_delimit(o, message, at);
	if (__builtin_expect(end != at, 0))
		l->origin_off = 0; /* it moved, with what was to be copied next time */
	return end;
}

/* Each of these writes where messages end to the batch, from @o on, and returns their number. */
PROTO_BMI2 unsigned put_all(struct burst *l, struct rec *const *recs, uint8_t *o, bool delimited)
{
	const uint8_t *base = l->base;
	struct rec *const *at = recs;
	for (; at < l->stop && encode_is_alike(&l->alike, *at, o); at++) {
		o = put_message(l, base, *at, o, delimited);
		*l->ends++ = (uint32_t)(o - l->from);
	}
	return (unsigned)(at - recs);
}

WIDE static __attribute__((noinline)) unsigned put_wide(struct burst *l, struct rec *const *recs,
							uint8_t *o)
{
	return put_all(l, recs, o, true);
}

WIDE static __attribute__((noinline)) unsigned put_wide_bare(struct burst *l,
							     struct rec *const *recs, uint8_t *o)
{
	return put_all(l, recs, o, false);
}

static unsigned put_narrow(struct burst *l, struct rec *const *recs, unsigned n, uint8_t *o,
			   struct out_batch *to)
{
	uint32_t *ends = to->ends + to->n_recs;
	unsigned i = 0;
	for (; i < n && encode_is_alike(&l->alike, recs[i], o); i++) {
		o = encode_protobuf_message(l->ctx, l->b, recs[i], o);
		ends[i] = (uint32_t)(o - to->buf);
	}
	return i;
}

WIDE static unsigned put_either(struct burst *l, const struct proto_map *m, struct rec *const *recs,
				unsigned n, uint8_t *o, struct out_batch *to)
{
	l->from = to->buf;
	l->stop = recs + n;
	l->ends = to->ends + to->n_recs;
	l->quotes = _mm256_set1_epi8('"');
	l->steps = m->steps;
	l->steps_end = m->steps + m->n_steps;
	n = l->ctx->shape->delimited ? put_wide(l, recs, o) : put_wide_bare(l, recs, o);
	for (unsigned i = 0; m->n_rest && i < n; i++)
		l->ctx->proto->n_more += encode_protobuf_more(m, recs[i]);
	return n;
}

unsigned encode_protobuf_burst(struct encode_ctx *ctx, const struct batch *b,
			       struct rec *const *recs, unsigned n, struct out_batch *to)
{
	const struct rec *r = recs[0];
	if (!encode_may_be_alike(r))
		return 0;
	const struct proto_map *m = proto_shape_map(ctx->shape, ctx->proto, r->schema);
	struct burst l = {.ctx = ctx,
			  .b = b,
			  .base = b->arena.base,
			  .alike = encode_alike_to(r, encode_protobuf_max_like(ctx, b, r), to),
			  .source = ctx->shape->sources[r->source]};
	if (!l.alike.last || !m || m->no_plan || !is_short_second(r->time_ns / NS_PER_S))
		return 0;
	uint8_t *o = to->buf + to->len;
	ctx->proto->n_more = ctx->proto->n_misfits = 0;
	n = encode_burst_n(to, n);
	n = cpu_has_avx2() ? put_either(&l, m, recs, n, o, to) : put_narrow(&l, recs, n, o, to);
	if (n)
		out_batch_added(to, n, r->time_ns, recs[n - 1]->time_ns);
	return n;
}
