/* encode_protobuf_parts.h - what encode_protobuf.c and encode_protobuf_burst.c share.
 *
 * In:     records, as encoder.put has them, and their values.
 * Out:    the same at @o, which has room for it; the new end.
 * Owns:   nothing.
 * Runs:   worker. Private to encode_protobuf*.c.
 * Limits: -
 */
#ifndef SL_SINK_ENCODE_PROTOBUF_PARTS_H
#define SL_SINK_ENCODE_PROTOBUF_PARTS_H

#include "dataplane/sink/encode.h"
#include "dataplane/sink/proto_put.h"
#include "dataplane/sink/proto_shape.h"

/* What any record of this batch may take that has no more than its fields, those of @r's schema,
 * and is of @r's source.
 */
size_t encode_protobuf_max_like(const struct encode_ctx *ctx, const struct batch *b,
				const struct rec *r);

/* A message, with its length in front where the shape wants that. It adds to what the scratch
 * counts.
 */
uint8_t *encode_protobuf_message(struct encode_ctx *ctx, const struct batch *b, const struct rec *r,
				 uint8_t *o);

/* A field with its key, if it has a value that it takes; else *io_misfit is set. */
uint8_t *encode_protobuf_field(struct encode_ctx *ctx, const uint8_t *base,
			       const struct proto_place *place, uint64_t word, uint8_t *o,
			       bool *io_invalid, bool *io_misfit);

/* Fields 5 and 6. */
uint8_t *encode_protobuf_origin(const uint8_t *p, size_t len, uint8_t *o);

/* Field 9, between the head of a message and what is between @rest and @end by now. */
uint8_t *encode_protobuf_invalid(uint8_t *rest, uint8_t *end);

/* The number at @p. */
static inline uint8_t *encode_protobuf_int64(uint8_t *o, const uint8_t *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof(v));
	return v >> 35 ? proto_put_varint(o, v) : proto_put_varint35(o, v);
}

/* Fields of the schema that the shape does not have: has @r one of them? */
static inline bool encode_protobuf_more(const struct proto_map *m, const struct rec *r)
{
	bool more = false;
	for (unsigned i = 0; i < m->n_rest; i++)
		more |= r->vals[m->rest[i]].type > VAL_NULL;
	return more;
}

/* The length, as two bytes before @message where that is enough; it is written to @o. */
#define PROTO_LEN_GUESS 2
static inline uint8_t *encode_protobuf_delimit(uint8_t *o, uint8_t *message, uint8_t *end)
{
	size_t len = (size_t)(end - message);
	if (__builtin_expect(len < 1 << 7 || len >= 1 << 14, 0))
		return proto_put_len_before(o, message, len);
	uint16_t word = (uint16_t)((len + (len & ~(size_t)0x7f)) | 0x80); /* seven bits a byte */
	memcpy(o, &word, sizeof(word));
	return end;
}

#endif
