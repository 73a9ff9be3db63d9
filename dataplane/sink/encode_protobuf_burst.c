/* Messages of records that are alike, which all of a burst of logs mostly are: what they have in
 * common is worked out once.
 *
 *     len|1 id|2 seconds|nanoseconds|3 source 4 stream|5 src 6 dst|16 text|17 text| ...
 */
#include "dataplane/base/cpu.h"
#include "dataplane/sink/encode_burst.h"
#include "dataplane/sink/encode_protobuf_parts.h"
#include "dataplane/sink/encode_put.h"
#include "dataplane/sink/proto_put_avx2.h"

#define WIDE __attribute__((target("avx2,bmi2")))

struct burst {
	struct encode_ctx *ctx;
	const struct batch *b;
	const uint8_t *base; /* of its arena */
	const struct proto_map *map;
	struct encode_alike alike;
	struct slice source; /* the fields 3 and 4 */
	uint64_t second_ns;  /* of which second is the beginning of field 2 */
	uint64_t second;
	uint32_t origin_off;  /* of the message before, or 0: none */
	const uint8_t *block; /* its fields 3 to 6 */
	size_t block_len;
	bool delimited;
};

PROTO_BMI2 void copy_64(uint8_t *o, const uint8_t *p)
{
	proto_copy_32(o, p, PROTO_ODD_WIDE);
	proto_copy_32(o + 32, p + 32, PROTO_ODD_WIDE);
}

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

/* As encode_protobuf_origin: addresses of IPv4, with their ports, are in the first 32 bytes. */
PROTO_BMI2 uint8_t *put_origin(const uint8_t *p, size_t len, uint8_t *o)
{
	const size_t before = strlen("\"_src\":\""), between = strlen("\",\"_dst\":\"");
	const uint8_t *src = p + before;
	__m256i v = _mm256_loadu_si256((const __m256i *)src);
	unsigned quotes =
		(unsigned)_mm256_movemask_epi8(_mm256_cmpeq_epi8(v, _mm256_set1_epi8('"')));
	unsigned src_len = (unsigned)__builtin_ctzll(quotes | 1ull << 32);
	size_t dst_len = len - before - src_len - between - 1;
	if (__builtin_expect(src_len == 32 || dst_len > 32, 0))
		return encode_protobuf_origin(p, len, o);
	*o++ = PROTO_SRC << 3 | PROTO_LEN;
	*o++ = (uint8_t)src_len;
	_mm256_storeu_si256((__m256i *)o, v);
	o += src_len;
	*o++ = PROTO_DST << 3 | PROTO_LEN;
	*o++ = (uint8_t)dst_len;
	proto_copy_32(o, src + src_len + between, PROTO_ODD_WIDE);
	return o + dst_len;
}

/* Fields 3 to 6: mostly those of the message before. */
PROTO_BMI2 uint8_t *put_block(struct burst *l, const struct rec *r, uint8_t *o)
{
	if (r->origin_off == l->origin_off && r->origin_len) {
		copy_64(o, l->block);
		for (size_t i = 64; __builtin_expect(i < l->block_len, 0); i += 64)
			copy_64(o + i, l->block + i);
		return o + l->block_len;
	}
	uint8_t *at = o + l->source.len;
	proto_copy_32(o, l->source.ptr, PROTO_ODD_WIDE);
	for (size_t i = 32; __builtin_expect(i < l->source.len, 0); i += 32)
		proto_copy_32(o + i, l->source.ptr + i, PROTO_ODD_WIDE);
	if (!r->origin_len)
		return at;
	at = put_origin(l->base + r->origin_off, r->origin_len, at);
	l->origin_off = r->origin_off;
	l->block = o;
	l->block_len = (size_t)(at - o);
	return at;
}

PROTO_BMI2 uint8_t *put_head(struct burst *l, const struct rec *r, uint8_t *o)
{
	uint8_t *id = o + 1;
	*o = PROTO_ID << 3 | PROTO_LEN;
	o = put_id(id + 1, r);
	*id = (uint8_t)(o - id - 1);
	*o = PROTO_TIME << 3 | PROTO_LEN;
	return put_block(l, r, put_rec_time(l, o + 1, r->time_ns));
}

/* Most values are clean text of at most 32 bytes: one step for the key, one for the text. Halves of
 * a value are read one by one: put together they would have to be taken apart.
 */
PROTO_BMI2 uint8_t *put_field(struct burst *l, const uint8_t *base, const struct proto_place *place,
			      const struct val *v, uint8_t *o, bool *io_invalid, bool *io_misfit)
{
	uint32_t off, len;
	memcpy(&off, v, sizeof(off));
	memcpy(&len, (const uint8_t *)v + sizeof(off), sizeof(len));
	const uint8_t *p = base + off;
	len -= place->text;
	uint8_t *at = o + place->key_len;
	memcpy(o, place->key, sizeof(place->key));
	if (__builtin_expect(len <= 32, 1)) {
		__m256i text = proto_copy_32(at + 1, p, PROTO_ODD_WIDE);
		*at = (uint8_t)len;
		if (__builtin_expect(!_bzhi_u32((uint32_t)_mm256_movemask_epi8(text), len), 1))
			return at + 1 + len;
	} else if (len <= VAL_LEN_MAX) {
		return proto_put_long_avx2(at, p, len, PROTO_ODD_WIDE, io_invalid);
	}
	if (v->type <= VAL_NULL)
		return o;
	if (v->type == VAL_TIME && place->kind == PROTO_K_TIME)
		return put_time(at, p);
	if (v->type == VAL_I64 && place->kind == PROTO_K_INT64)
		return encode_protobuf_int64(at, p);
	return encode_protobuf_field(l->ctx, base, place, val_word(v), o, io_invalid, io_misfit);
}

PROTO_BMI2 uint8_t *put_message(struct burst *l, const struct rec *r, uint8_t *o)
{
	const struct proto_map *m = l->map;
	const uint8_t *base = l->base;
	bool invalid = false, misfit = false;
	uint8_t *message = o + (l->delimited ? PROTO_LEN_GUESS : 0);
	uint8_t *rest = put_head(l, r, message), *at = rest;
	const struct proto_place *step = m->steps;
	for (const struct proto_place *end = step + m->n_steps; step < end; step++)
		at = put_field(l, base, step, proto_place_val(step, r), at, &invalid, &misfit);
	if (__builtin_expect(m->n_rest, 0))
		l->ctx->proto->n_more += encode_protobuf_more(m, r);
	if (__builtin_expect(misfit, 0))
		l->ctx->proto->n_misfits++;
	if (__builtin_expect(invalid, 0))
		at = encode_protobuf_invalid(rest, at);
	if (!l->delimited)
		return at;
	uint8_t *end = encode_protobuf_delimit(o, message, at);
	if (__builtin_expect(end != at, 0))
		l->origin_off = 0; /* it moved, with what was to be copied next time */
	return end;
}

/* Each of these writes where messages end to @ends, from @o on, and returns their number. */
WIDE static unsigned put_wide(struct burst *l, struct rec *const *recs, unsigned n, uint8_t *o,
			      uint32_t *ends, const uint8_t *from)
{
	unsigned i = 0;
	for (; i < n && encode_is_alike(&l->alike, recs[i], o); i++) {
		o = put_message(l, recs[i], o);
		ends[i] = (uint32_t)(o - from);
	}
	return i;
}

static unsigned put_narrow(struct burst *l, struct rec *const *recs, unsigned n, uint8_t *o,
			   uint32_t *ends, const uint8_t *from)
{
	unsigned i = 0;
	for (; i < n && encode_is_alike(&l->alike, recs[i], o); i++) {
		o = encode_protobuf_message(l->ctx, l->b, recs[i], o);
		ends[i] = (uint32_t)(o - from);
	}
	return i;
}

unsigned encode_protobuf_burst(struct encode_ctx *ctx, const struct batch *b,
			       struct rec *const *recs, unsigned n, struct out_batch *to)
{
	const struct rec *r = recs[0];
	if (!encode_may_be_alike(r))
		return 0;
	struct burst l = {.ctx = ctx,
			  .b = b,
			  .base = b->arena.base,
			  .map = proto_shape_map(ctx->shape, ctx->proto, r->schema),
			  .alike = encode_alike_to(r, encode_protobuf_max_like(ctx, b, r), to),
			  .source = ctx->shape->sources[r->source],
			  .delimited = ctx->shape->delimited};
	if (!l.alike.last || !l.map || l.map->no_plan || !is_short_second(r->time_ns / NS_PER_S))
		return 0;
	uint8_t *o = to->buf + to->len;
	uint32_t *ends = to->ends + to->n_recs;
	ctx->proto->n_more = ctx->proto->n_misfits = 0;
	n = encode_burst_n(to, n);
	bool wide = cpu_has_avx2();
	n = wide ? put_wide(&l, recs, n, o, ends, to->buf)
		 : put_narrow(&l, recs, n, o, ends, to->buf);
	if (n)
		out_batch_added(to, n, r->time_ns, recs[n - 1]->time_ns);
	return n;
}
