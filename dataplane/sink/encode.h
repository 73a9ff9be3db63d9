/* encode.h - records to bytes, in the format of a queue.
 *
 * In:     struct rec with its batch's arena and the names of the pipeline, all in padded buffers.
 * Out:    one line, newline included, or one message, in a buffer of the caller's.
 * Owns:   nothing.
 * Runs:   worker.
 * Limits: encoder.max() bytes a record.
 */
#ifndef SL_SINK_ENCODE_H
#define SL_SINK_ENCODE_H

#include "dataplane/base/civil.h"
#include "dataplane/rec/change.h"
#include "dataplane/rec/names.h"
#include "dataplane/rec/rec.h"

struct out_batch;
struct proto_shape;
struct proto_scratch;

/* One for each worker: it remembers the text of the last second and minute. Zeroed but for these
 * three. */
struct encode_ctx {
	const struct names *names;
	const struct slice *source_json; /* by rec->source: `"_source":"x","_stream":"x",` */
	/* by rec->source: `"_source":"x",`, when the record has a stream of its own */
	const struct slice *source_only;

	uint64_t second_ns;         /* of which `second_text` is the text */
	char second_text[32];       /* zeros: of none yet */
	struct civil_minute minute; /* of the last time that a record had as a value */

	/* Of encoder_protobuf alone: the shape of the queue that is written to, and what is filled
	 * and remembered. */
	const struct proto_shape *shape;
	struct proto_scratch *proto;
};

/* A format that a queue can have. */
struct encoder {
	const char *name;
	const char *summary;
	/* Holds the changes of rows and tables, and nothing else: of other records it has no form.
	 */
	bool changes_only;
	/* Takes records with values that are VAL_LATER; others need rec_settled. */
	bool later;
	/* Its records are no lines of text: nothing stands behind one, and any byte inside. */
	bool binary;
	/* An upper bound of what put() writes for this record; cheap. */
	size_t (*max)(const struct encode_ctx *ctx, const struct batch *b, const struct rec *r);
	/* NULL, or what adds the first of the @n > 0 records to @to, as many as it can and as there
	 * is room for whatever they hold; it may be none, and put() is to add the first one. Only
	 * of an encoder with `later`.
	 */
	unsigned (*put_burst)(struct encode_ctx *ctx, const struct batch *b,
			      struct rec *const *recs, unsigned n, struct out_batch *to);
	/* Writes the record and returns the bytes written. @out holds max() bytes, of which those
	 * behind the result may be written over.
	 */
	size_t (*put)(struct encode_ctx *ctx, const struct batch *b, const struct rec *r,
		      uint8_t *out);
};

extern const struct encoder encoder_json, encoder_debezium, encoder_canal, encoder_maxwell,
	encoder_protobuf;

/* encoders.c: all of them, and their names in the same order, both closed by NULL. */
extern const struct encoder *const encoders[];
extern const char *const encoder_names[];

/* What becomes of a record in a queue of this encoder. */
enum encode_fit {
	ENCODE_FITS,
	ENCODE_DDL, /* tables are changed, not rows: most readers take that for an error */
	ENCODE_END, /* no change, but a transaction ended: nothing that a reader would miss */
	ENCODE_NO_FORM,
	ENCODE_TOO_FAR, /* it came through as many queues as it may; not the encoder's to say */
};

static inline enum encode_fit encode_fit(const struct encoder *e, const struct rec *r)
{
	if (!e->changes_only)
		return ENCODE_FITS;
	if (!r->change || r->flags & REC_UNPARSED)
		return ENCODE_NO_FORM;
	switch (r->change->kind) {
	case CHANGE_ROW:
		return ENCODE_FITS;
	case CHANGE_DDL:
		return ENCODE_DDL;
	case CHANGE_END:
		return ENCODE_END;
	case CHANGE_STATEMENT:
		break;
	}
	return ENCODE_NO_FORM;
}

/* An upper bound of what encode_json writes for this record; cheap. */
size_t encode_json_max(const struct encode_ctx *ctx, const struct batch *b, const struct rec *r);

/* encode_json_burst.c: records one after another that are of one source and one schema and have no
 * more than its fields and such as the pipeline has added; see encoder.put_burst. The lines are
 * encode_json's.
 */
unsigned encode_json_burst(struct encode_ctx *ctx, const struct batch *b, struct rec *const *recs,
			   unsigned n, struct out_batch *to);

/* encode_protobuf_burst.c: the same for messages. */
unsigned encode_protobuf_burst(struct encode_ctx *ctx, const struct batch *b,
			       struct rec *const *recs, unsigned n, struct out_batch *to);

/* Writes the record and returns the bytes written. @out holds encode_json_max() bytes, of which
 * those behind the result may be written over. Bytes that are not UTF-8 become U+FFFD
 * (rec/json_text.h) and set "_invalid_utf8":true at the end.
 */
size_t encode_json(struct encode_ctx *ctx, const struct batch *b, const struct rec *r,
		   uint8_t *out);

/* The text of a record's _id: "<session id, 16 hex>-<c|s>-<stream offset>-<idx>"; at most 64 bytes.
 */
size_t encode_id(const struct rec *r, uint8_t *out);

#endif
