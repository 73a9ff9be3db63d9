/* encode.h - records to bytes.
 *
 * In:     struct rec with its batch's arena and the names of the pipeline.
 * Out:    one line of JSON (DESIGN 3), newline included, in a buffer of the caller's.
 * Owns:   nothing.
 * Runs:   worker.
 * Limits: encode_json_max() bytes a record.
 */
#ifndef SL_SINK_ENCODE_H
#define SL_SINK_ENCODE_H

#include "dataplane/rec/names.h"
#include "dataplane/rec/rec.h"

struct encode_ctx {
	const struct names *names;
	const struct slice *source_json; /* by rec->source: `"_source":"x","_stream":"x",` */
	const struct slice
		*source_only; /* by rec->source: `"_source":"x",` when the record has a stream */
};

/* An upper bound of what encode_json writes for this record; cheap. */
size_t encode_json_max(const struct encode_ctx *ctx, const struct batch *b, const struct rec *r);

/* Writes the record and returns the bytes written. @out holds encode_json_max() bytes. Bytes that
 * are not UTF-8 become U+FFFD and set "_invalid_utf8":true at the end.
 */
size_t encode_json(const struct encode_ctx *ctx, const struct batch *b, const struct rec *r,
		   uint8_t *out);

/* The text of a record's _id: "<session id, 16 hex>-<c|s>-<stream offset>-<idx>"; at most 64 bytes.
 */
size_t encode_id(const struct rec *r, uint8_t *out);

/* Writes the inside of a JSON string: escapes, and U+FFFD (three bytes, as they are) for each byte
 * that is not part of valid UTF-8. @out holds 6 * len bytes. Returns the bytes written; sets
 * *io_invalid when a byte was replaced.
 */
size_t encode_json_text(uint8_t *out, const uint8_t *p, size_t len, bool *io_invalid);

#endif
