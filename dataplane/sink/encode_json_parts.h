/* encode_json_parts.h - what encode_json and encode_json_burst share.
 *
 * In:     a record of the batch @b, or a value of it.
 * Out:    a bound; bytes at @o.
 * Owns:   nothing.
 * Runs:   worker. Private to encode_json*.c and encode_protobuf.c.
 * Limits: -
 */
#ifndef SL_SINK_ENCODE_JSON_PARTS_H
#define SL_SINK_ENCODE_JSON_PARTS_H

#include "dataplane/sink/encode.h"

/* What any record of this batch may take that has no more than its fields, those of @r's schema,
 * and is of @r's source: far above what encode_json_max says of any of them, but as cheap for a
 * burst as that is for one.
 */
size_t encode_json_max_like(const struct encode_ctx *ctx, const struct batch *b,
			    const struct rec *r);

/* And what a pair of one of them may take, beside the text of its name where that is one of
 * `names`. */
size_t encode_json_pair_max_like(const struct batch *b);

/* A value of any type but VAL_ABSENT, behind its key; the new end. */
uint8_t *encode_json_value(struct encode_ctx *ctx, const uint8_t *base, struct val v, uint8_t *o,
			   bool *io_invalid);

#endif
