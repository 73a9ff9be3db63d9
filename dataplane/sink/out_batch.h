/* out_batch.h - encoded records of one queue, on their way to its sink.
 *
 * In:     records, one behind the other.
 * Out:    the same as one block, with where each ends.
 * Owns:   its buffer.
 * Runs:   init and fini: main. Else one thread at a time: worker, then sink, then worker again.
 * Limits: OUT_BATCH_RECS_MAX records.
 */
#ifndef SL_SINK_OUT_BATCH_H
#define SL_SINK_OUT_BATCH_H

#include <stddef.h>
#include <stdint.h>

#define OUT_BATCH_BYTES    (256u << 10) /* handed over when it reaches this: stay inside L2 */
#define OUT_BATCH_RECS_MAX 4096

struct out_batch {
	uint8_t *buf;
	size_t cap;
	size_t len; /* bytes in buf */
	uint32_t n_recs;
	uint16_t queue;                    /* index of the queue */
	uint16_t worker;                   /* who gets it back */
	uint64_t first_ns, last_ns;        /* packet times of the first and last record */
	uint32_t ends[OUT_BATCH_RECS_MAX]; /* end of each record in buf (its newline included) */
};

/* The buffer takes memory only where it is written to. @cap: OUT_BATCH_BYTES and the largest record
 * that can be, by encode_json_max(), so that a record is never cut. 0 or -ENOMEM.
 */
int out_batch_init(struct out_batch *b, size_t cap);
void out_batch_fini(struct out_batch *b);

#endif
